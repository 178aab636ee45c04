"""Kernels: convolution, pooling, resizing and optimizer updates of arrays, in numba. Knows no Tensor; ndarray in, ndarray out.

Where to start reading, and what stands on what:

    geometry                                   shapes of a layer, and every complaint about them
    convolution                                the three entries, the dispatch, `explain`
    reference                                  the definition, in loops
    direct, direct_weight, winograd,           the fast paths; the first lines of each say when it is chosen
      winograd_weight, pointwise, pointwise_product,
      thin, depthwise
    dense, flat                                a convolution as tables of offsets, for the paths above
    microkernel, winograd_transforms, layout   what their loops are made of
    plan, steps, threads, build, vectors       how a kernel is described, run, compiled and given vector instructions
    pooling, adaptive, resizing, patches       the other kernels on images
    normalising, special, scattering           standardising over axes; error and gamma functions; adding rows at places
    transcendental                             exp, tanh, the logistic and the normal function on vectors
    elements, limits                           loops over what is done to one element; numbers kept within bounds
    activation, recurrent, softmax             gelu, a step of a recurrent layer, the rows of attention: loops around those
    update_rules, updates                      what an optimizer does to one element, and the loops around it
    warmup                                     the command that compiles all of them ahead

Nothing is imported here: `import autograd_nn` must not import numba. A module is imported when it is first asked for
(`ag.kernels.winograd`), and the three functions below import theirs when they are called.
"""

from __future__ import annotations

import importlib
from importlib.util import find_spec
from typing import Any

from autograd_nn.kernels.geometry import Convolution as Convolution
from autograd_nn.kernels.geometry import Pooling as Pooling


def __getattr__(name: str) -> Any:
    """The modules of this room, imported when somebody asks for one: nearly all of them load numba."""
    if not name.startswith("_") and find_spec(f"{__name__}.{name}") is not None:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def explain(geometry: Convolution, dtype: Any = "float32") -> str:
    """Which path each of a convolution's three passes takes, why the others are not taken, and with how much workspace.

    >>> geometry = ag.kernels.Convolution.of((1, 8, 6, 6), (8, 8, 5, 5))
    >>> print(ag.kernels.explain(geometry).splitlines()[0].split(":")[0])
    forward
    """
    from autograd_nn.kernels import convolution

    return convolution.explain(geometry, dtype)


def get_num_threads() -> int:
    """Threads that convolution, pooling and resizing use; at first the CPUs this process may use.

    >>> ag.get_num_threads() >= 1
    True
    """
    from autograd_nn.kernels import threads

    return threads.get_num_threads()


def set_num_threads(threads: int) -> None:
    """Let convolution, pooling and resizing use this many threads, the caller's included.

    Results repeat bit for bit at a given count. Raises ValueError below 1.

    >>> ag.set_num_threads(ag.get_num_threads())
    """
    from autograd_nn.kernels import threads as pool

    pool.set_num_threads(threads)
