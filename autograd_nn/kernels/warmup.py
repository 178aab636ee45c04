"""Warming up: compile every kernel ahead, so that no first call waits for it. `python -m autograd_nn warmup`.

A native kernel is compiled by asking for its address. Readable loops are compiled by a call on small arrays, because
numba takes their types from the arguments. Both are kept on disk, where the next process finds them.
"""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from tqdm import tqdm

from autograd_nn import kernels
from autograd_nn.kernels import adaptive, reference, special, threads
from autograd_nn.kernels.build import Kernel
from autograd_nn.kernels.geometry import Convolution

DTYPES = ("float32", "float64")
GEOMETRY = Convolution.of((1, 1, 2), (1, 1, 1))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument(
        "--dtype",
        choices=DTYPES,
        action="append",
        help="compile for arrays of this type only; may be given twice (default: both)",
    )
    parser.add_argument("--quiet", action="store_true", help="show no progress bar")


def run(arguments: argparse.Namespace) -> int:
    """Compile everything, or load it where an earlier run has. Returns 0."""
    work, start = list(tasks(arguments.dtype or DTYPES)), time.perf_counter()
    with tqdm(work, "Compiling", unit="kernel", disable=arguments.quiet) as bar:
        for name, task in bar:
            bar.set_postfix_str(name)
            task()
    print(f"Kernels     {len(work)} ready in {time.perf_counter() - start:.1f} s")
    return 0


def found(kind: type) -> dict[str, Any]:
    """Every object of a kind (`Kernel` or `Loops`) in this room, by the module and name it stands under."""
    objects: dict[str, Any] = {}
    for module in pkgutil.iter_modules(kernels.__path__):
        for name, value in vars(importlib.import_module(f"{kernels.__name__}.{module.name}")).items():
            several = value if isinstance(value, dict) else {None: value}  # a kernel for each type of an index
            for key, one in several.items():
                if isinstance(one, kind) and vars(one)["function"].__module__.endswith(f".{module.name}"):
                    objects[".".join([module.name, name, *([key.__name__] if key else [])])] = one
    return objects


def tasks(dtypes: Any = DTYPES) -> Iterator[tuple[str, Callable[[], Any]]]:
    """What there is to compile: a name and a function that does it."""
    yield "threads", threads._native
    for name, kernel in found(Kernel).items():
        for dtype in dtypes:
            yield f"{name} {dtype}", partial(kernel.address, dtype)
    for dtype in dtypes:
        for name, task in _loops(dtype).items():
            yield f"{name} {dtype}", task


def _loops(dtype: str) -> dict[str, Callable[[], Any]]:
    """A call of each readable loop on arrays of one type."""
    x, w = np.ones(GEOMETRY.x_shape, dtype), np.ones(GEOMETRY.w_shape, dtype)
    where = np.zeros(x.shape, np.int64)
    return {
        "reference._forward": partial(reference.forward, x, w, GEOMETRY),
        "reference._input_gradient": partial(reference.input_gradient, x, w, GEOMETRY),
        "reference._weight_gradient": partial(reference.weight_gradient, x, x, GEOMETRY),
        "adaptive._mean": partial(adaptive.adaptive_average_pool, x, 2),
        "adaptive._mean_gradient": partial(adaptive.adaptive_average_pool_gradient, x, 2),
        "adaptive._largest": partial(adaptive.adaptive_max_pool, x, 2),
        "special._erf": partial(special.erf, x.reshape(-1), (1.0,), (1.0,), False),
        "adaptive._scatter": partial(adaptive.adaptive_max_pool_gradient, x, where, 2),
    }
