"""Activations with exponentials in them: gelu, exact and through tanh, and their gradients, in one pass over memory, in float32.

The exact one computes the normal distribution again in the backward pass, so that nothing but x is kept.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

from autograd_nn.kernels.build import Kernel, kernel, named
from autograd_nn.kernels.layout import share
from autograd_nn.kernels.plan import Plan
from autograd_nn.kernels.threads import get_num_threads
from autograd_nn.kernels.transcendental import exp, lanewise, negative, normal_below, tanh
from autograd_nn.kernels.vectors import at, fields, lanes_of

SLOPE, CUBE = math.sqrt(2.0 / math.pi), 0.044715
DENSITY_AT_0 = 1.0 / math.sqrt(2.0 * math.pi)


def _gelu(v: Any, x: Any, out: Any, *rest: Any) -> None:
    """out <- x times the normal distribution function at x."""
    x = v.load(x(0))
    v.store(v.mul(x, normal_below(v, x)), out(0))


def _gelu_gradient(v: Any, x: Any, g: Any, dx: Any, *rest: Any) -> None:
    """dx <- g times the derivative of gelu at x."""
    x = v.load(x(0))
    density = v.mul(v.const(DENSITY_AT_0), exp(v, v.mul(v.mul(v.const(-0.5), x), x)))
    v.store(v.mul(v.load(g(0)), v.fma(x, density, normal_below(v, x))), dx(0))


def _bent(v: Any, x: Any) -> Any:
    return tanh(v, v.mul(v.mul(v.const(SLOPE), x), v.fma(v.mul(v.const(CUBE), x), x, v.const(1))))


def _gelu_tanh(v: Any, x: Any, out: Any, *rest: Any) -> None:
    """out <- the approximation of gelu through tanh."""
    x = v.load(x(0))
    half = v.mul(v.const(0.5), x)
    v.store(v.fma(half, _bent(v, x), half), out(0))


def _gelu_tanh_gradient(v: Any, x: Any, g: Any, dx: Any, *rest: Any) -> None:
    """dx <- g times the derivative of the approximation at x."""
    x, one, half = v.load(x(0)), v.const(1), v.const(0.5)
    t = _bent(v, x)
    rising = v.mul(
        v.fma(negative(v, t), t, one), v.mul(v.const(0.5 * SLOPE), v.fma(v.mul(v.const(3 * CUBE), x), x, one))
    )
    v.store(v.mul(v.load(g(0)), v.fma(x, rising, v.fma(half, t, half))), dx(0))


def _forward(body: Any) -> Kernel:
    """The kernel that does this to each element of x, known by the body's name."""
    vector, element = lanewise(body)

    def loop(plan, x, out, c, d, shared, private, part, parts):
        (size,) = fields(plan, 1)
        first, last = share(size, part, parts)
        whole = last - (last - first) % lanes_of(x)
        for i in range(first, whole, lanes_of(x)):
            vector(at(x, i), at(out, i), x, x, x, 0)
        for i in range(whole, last):
            element(at(x, i), at(out, i), x, x, x, 0)

    return kernel()(named(loop, body))


def _backward(body: Any) -> Kernel:
    """The kernel that does this to each pair of elements of x and g, known by the body's name."""
    vector, element = lanewise(body)

    def loop(plan, x, g, dx, d, shared, private, part, parts):
        (size,) = fields(plan, 1)
        first, last = share(size, part, parts)
        whole = last - (last - first) % lanes_of(x)
        for i in range(first, whole, lanes_of(x)):
            vector(at(x, i), at(g, i), at(dx, i), x, x, 0)
        for i in range(whole, last):
            element(at(x, i), at(g, i), at(dx, i), x, x, 0)

    return kernel()(named(loop, body))


gelu = _forward(_gelu)
gelu_gradient = _backward(_gelu_gradient)
gelu_tanh = _forward(_gelu_tanh)
gelu_tanh_gradient = _backward(_gelu_tanh_gradient)

PART = 1 << 14
"""Elements that are worth a part of their own."""


@lru_cache(maxsize=256)
def _plan(step: Kernel, size: int, thread_count: int) -> Plan:
    parts = max(1, min(4 * thread_count, size // PART)) if thread_count > 1 else 1
    return Plan(np.dtype(np.float32), np.array([size], np.int64), [(step, parts)], 0, 0, thread_count)


def run(step: Kernel, x: np.ndarray, *g: np.ndarray) -> np.ndarray:
    """A kernel's result on contiguous float32 arrays of one shape: x, and for a gradient its cotangent."""
    out = np.empty_like(x)
    _plan(step, x.size, get_num_threads()).run(x, *g, out)
    return out
