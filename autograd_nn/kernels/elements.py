"""Elements: kernels made of what is done to one element, or to a pair of them, whatever that is, in one pass over memory."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from autograd_nn.kernels.build import Kernel, kernel, named
from autograd_nn.kernels.layout import share
from autograd_nn.kernels.plan import Plan
from autograd_nn.kernels.threads import get_num_threads
from autograd_nn.kernels.transcendental import lanewise
from autograd_nn.kernels.vectors import at, fields, lanes_of

PART = 1 << 15
"""Elements that are worth a part of their own, where little is done to each."""


def of_one(body: Any) -> Kernel:
    """The kernel that does this to each element of x, known by the body's name; `numbers` are the same for all."""
    vector, element = lanewise(body)

    def loop(plan, x, numbers, out, d, shared, private, part, parts):
        (size,) = fields(plan, 1)
        first, last = share(size, part, parts)
        whole = last - (last - first) % lanes_of(x)
        for i in range(first, whole, lanes_of(x)):
            vector(at(x, i), numbers, at(out, i), x, x, 0)
        for i in range(whole, last):
            element(at(x, i), numbers, at(out, i), x, x, 0)

    return kernel()(named(loop, body))


def of_two(body: Any) -> Kernel:
    """The kernel that does this to each pair of elements of x and y, known by the body's name."""
    vector, element = lanewise(body)

    def loop(plan, x, y, numbers, out, shared, private, part, parts):
        (size,) = fields(plan, 1)
        first, last = share(size, part, parts)
        whole = last - (last - first) % lanes_of(x)
        for i in range(first, whole, lanes_of(x)):
            vector(at(x, i), at(y, i), numbers, at(out, i), x, 0)
        for i in range(whole, last):
            element(at(x, i), at(y, i), numbers, at(out, i), x, 0)

    return kernel()(named(loop, body))


@lru_cache(maxsize=512)
def _plan(step: Kernel, size: int, dtype: np.dtype, worth: int, thread_count: int) -> Plan:
    parts = max(1, min(4 * thread_count, size // worth)) if thread_count > 1 else 1
    return Plan(dtype, np.array([size], np.int64), [(step, parts)], 0, 0, thread_count)


def run(step: Kernel, numbers: tuple[float, ...], *arrays: np.ndarray, worth: int = PART) -> np.ndarray:
    """A kernel's result on one or two contiguous arrays of one shape and dtype; so many elements are `worth` a part."""
    x = arrays[0]
    out = np.empty_like(x)
    _plan(step, x.size, x.dtype, worth, get_num_threads()).run(*arrays, np.array(numbers, x.dtype), out)
    return out
