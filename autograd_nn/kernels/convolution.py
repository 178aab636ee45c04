"""Convolution: the three entries, and the one dispatch that picks a kernel by geometry.

    y  = conv_forward(x, w, geometry, bias, activation)
    dx = conv_input_gradient(dy, w, geometry)
    dw = conv_weight_gradient(dy, x, geometry)

The three are closed under differentiation: each is bilinear, and its two adjoints are the other two. Arrays are NCHW,
float32 or float64, contiguous or not; results are new arrays. A transposed convolution is `conv_input_gradient` with
`Convolution.transposed`.

`PATHS` is the dispatch: the first path that does not refuse is taken, the plain reference last. `explain` prints that
table for a geometry, and `path="direct"` in a call takes one by name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from math import inf, prod
from typing import NamedTuple

import numpy as np

from autograd_nn.kernels import (
    depthwise,
    direct,
    direct_weight,
    pointwise,
    pointwise_product,
    reference,
    thin,
    winograd,
    winograd_weight,
)
from autograd_nn.kernels.geometry import Convolution
from autograd_nn.kernels.plan import WORKSPACE_LIMIT, Plan, ceiling
from autograd_nn.kernels.threads import get_num_threads

FORWARD, INPUT_GRADIENT, WEIGHT_GRADIENT = "forward", "input gradient", "weight gradient"
Builder = Callable[[Convolution, np.dtype, int], Plan]


class Path(NamedTuple):
    """A fast path: `refuses(which, geometry, dtype)` says why it does not serve, or None; `builders` make its plans."""

    name: str
    refuses: Callable[[str, Convolution, np.dtype], str | None]
    builders: dict[str, Builder]


def _never(which: str, geometry: Convolution, dtype: np.dtype) -> str | None:
    return None


PATHS = [
    Path(
        "depthwise",
        depthwise.refuses,
        {
            FORWARD: depthwise.forward,
            INPUT_GRADIENT: depthwise.input_gradient,
            WEIGHT_GRADIENT: depthwise.weight_gradient,
        },
    ),
    Path("thin", thin.refuses, {FORWARD: thin.forward, INPUT_GRADIENT: thin.input_gradient}),
    Path(
        "product",
        pointwise_product.refuses,
        {
            FORWARD: pointwise_product.forward,
            INPUT_GRADIENT: pointwise_product.input_gradient,
            WEIGHT_GRADIENT: pointwise_product.weight_gradient,
        },
    ),
    Path("pointwise", pointwise.refuses, {FORWARD: pointwise.forward, INPUT_GRADIENT: pointwise.input_gradient}),
    Path(
        "winograd",
        winograd.refuses,
        {
            FORWARD: winograd.forward,
            INPUT_GRADIENT: winograd.input_gradient,
            WEIGHT_GRADIENT: winograd_weight.weight_gradient,
        },
    ),
    Path(
        "direct",
        _never,
        {
            FORWARD: direct.forward,
            INPUT_GRADIENT: direct.input_gradient,
            WEIGHT_GRADIENT: direct_weight.weight_gradient,
        },
    ),
]
REFERENCE = "reference"
NAMES = [*(p.name for p in PATHS), REFERENCE]

# An activation that can be fused is a clamp: low, high.
ACTIVATIONS = {None: (-inf, inf), "relu": (0.0, inf), "relu6": (0.0, 6.0)}


@dataclass(frozen=True)
class Choice:
    """The path taken, the plan (None for the reference), how many images it runs at a time, and why the others are not.
    The plan may be for fewer threads than there are, where more would need too much workspace.
    """

    path: str
    plan: Plan | None
    images: int
    why: tuple[tuple[str, str], ...]


def workspace_limit(geometry: Convolution, dtype: np.dtype) -> int:
    """Bytes a convolution may use beyond its result: 64 MB, or 1.5 times its arrays if that is less (but never under
    8 MB).
    """
    arrays = prod(geometry.x_shape) + prod(geometry.y_shape) + prod(geometry.w_shape)
    return min(WORKSPACE_LIMIT, max(8 << 20, arrays * dtype.itemsize * 3 // 2))


@lru_cache(maxsize=1024)
def choose(
    which: str, geometry: Convolution, dtype: np.dtype, threads: int, forced: str | None = None, rest: bool = False
) -> Choice:
    """The dispatch. `forced` names the path to take, as far as it can serve at all; `rest`: it serves the other images of
    this batch, so it can serve these, few as they may be.
    """
    if forced is not None and forced not in NAMES:
        raise ValueError(f"path {forced!r} is not one of {', '.join(NAMES)}")
    geometry = replace(geometry, batch=max(1, geometry.batch))
    limit = workspace_limit(geometry, dtype)
    while True:
        why: list[tuple[str, str]] = []
        for path in PATHS:
            reason = None if rest else path.refuses(which, geometry, dtype)
            if which not in path.builders:
                reason = f"has no {which}"
            if forced is not None and path.name != forced:
                reason = f"{forced} is asked for"
            elif forced is not None and reason is not None:
                raise ValueError(f"the {path.name} path cannot do this {which}: {reason}")
            elif reason is None:
                images, plan = _fitting(path.builders[which], geometry, dtype, threads, limit)
                if plan.workspace <= limit or (forced is not None and threads == 1):
                    return Choice(path.name, plan, images, tuple(why))
                reason = (
                    f"needs {plan.workspace / 2**20:.0f} MB of workspace for one image, {limit / 2**20:.0f} are allowed"
                )
            why.append((path.name, reason))
        if threads == 1 or forced == REFERENCE:
            return Choice(REFERENCE, None, geometry.batch, tuple(why))
        threads = ceiling(threads, 2)  # each has a workspace of its own


def _fitting(builder: Builder, geometry: Convolution, dtype: np.dtype, threads: int, limit: int) -> tuple[int, Plan]:
    """How many images a plan takes within the limit, at least one, and the plan."""
    images = geometry.batch
    while True:
        plan = builder(replace(geometry, batch=images), dtype, threads)
        if plan.workspace <= limit or images == 1:
            return images, plan
        images = ceiling(images, 2)


def explain(geometry: Convolution, dtype=np.float32) -> str:
    """Which path each of the three passes takes for a geometry, why, and with how much workspace.

    >>> print(explain(Convolution.of((1, 8, 6, 6), (8, 8, 5, 5))).splitlines()[0].split(":")[0])
    forward
    """
    lines, dtype = [], np.dtype(dtype)
    for which in (FORWARD, INPUT_GRADIENT, WEIGHT_GRADIENT):
        choice = choose(which, geometry, dtype, get_num_threads())
        line = f"{which}: {choice.path}"
        if choice.plan is not None:
            steps = ", then ".join(f"{kernel.__name__} in {parts}" for kernel, parts in choice.plan.steps)
            count = choice.plan.thread_count
            fewer = f", on {count} threads for its sake" if count < get_num_threads() else ""
            line += f" ({steps}; {choice.plan.workspace / 2**20:.1f} MB of workspace; {choice.images} images at a time{fewer})"
        lines.append(line)
        lines += [f"    not {name}: {reason}" for name, reason in choice.why]
    return "\n".join(lines)


def _array(value, name: str, shape: tuple[int, ...], operation: str) -> np.ndarray:
    """A C-contiguous native array of the expected shape."""
    array = np.asarray(value)
    if array.dtype.newbyteorder("=") not in (np.float32, np.float64):
        raise TypeError(
            f"{operation}: {name} has dtype {array.dtype}; only float32 and float64 are convolved, use "
            f"{name}.astype(np.float32)"
        )
    if array.shape != shape:
        raise ValueError(f"{operation}: {name} has shape {array.shape}, the geometry expects {shape}")
    return np.ascontiguousarray(array, array.dtype.newbyteorder("="))


def _pair(a, a_name: str, a_shape, b, b_name: str, b_shape, operation: str) -> tuple[np.ndarray, np.ndarray]:
    a, b = _array(a, a_name, a_shape, operation), _array(b, b_name, b_shape, operation)
    if a.dtype != b.dtype:
        raise TypeError(
            f"{operation}: {a_name} is {a.dtype} and {b_name} is {b.dtype}; use {b_name}.astype({a_name}.dtype)"
        )
    return a, b


def _epilogue(geometry: Convolution, dtype: np.dtype, bias, activation) -> np.ndarray | None:
    """low, high, bias of each channel, and zeros for lanes past the last; None when there is nothing to do."""
    if activation not in ACTIVATIONS:
        known = ", ".join(repr(a) for a in ACTIVATIONS)
        raise ValueError(f"activation {activation!r} cannot be fused into a convolution; the known ones are {known}")
    if bias is None and activation is None:
        return None
    values = np.zeros(2 + geometry.out_channels + 64, dtype)
    values[:2] = ACTIVATIONS[activation]
    if bias is not None:
        bias = np.asarray(bias)
        if bias.shape != (geometry.out_channels,):
            raise ValueError(
                f"convolution: bias has shape {bias.shape}, w has {geometry.out_channels} output channels (axis 0)"
            )
        values[2 : 2 + geometry.out_channels] = bias
    return values


def conv_forward(
    x, w, geometry: Convolution, bias=None, activation: str | None = None, path: str | None = None
) -> np.ndarray:
    """y = activation(x convolved with w + bias); activation is None, "relu" or "relu6".

    x (batch, in, *space), w (out, in / groups, *kernel), bias (out,); float32 or float64 throughout.
    """
    x, w = _pair(x, "x", geometry.x_shape, w, "w", geometry.w_shape, "convolution")
    epilogue = _epilogue(geometry, x.dtype, bias, activation)
    choice = choose(FORWARD, geometry, x.dtype, get_num_threads(), path)
    if choice.plan is None or x.size == 0 or w.size == 0:
        y = reference.forward(x, w, geometry)
        if epilogue is not None:
            shape = (-1,) + (1,) * geometry.dims
            y += epilogue[2 : 2 + geometry.out_channels].reshape(shape)
            np.clip(y, epilogue[0], epilogue[1], out=y)
        return y
    y = np.empty(geometry.y_shape, x.dtype)
    for plan, images in _pieces(choice, FORWARD, geometry, x.dtype):
        plan.run(x[images], w, epilogue, y[images])
    return y


def conv_input_gradient(dy, w, geometry: Convolution, path: str | None = None) -> np.ndarray:
    """dx, the cotangent of x given that of y: the adjoint of `conv_forward` in x, and the transposed convolution of
    dy.
    """
    dy, w = _pair(dy, "dy", geometry.y_shape, w, "w", geometry.w_shape, "input gradient of a convolution")
    choice = choose(INPUT_GRADIENT, geometry, dy.dtype, get_num_threads(), path)
    if choice.plan is None or dy.size == 0 or w.size == 0:
        return reference.input_gradient(dy, w, geometry)
    dx = np.empty(geometry.x_shape, dy.dtype)
    for plan, images in _pieces(choice, INPUT_GRADIENT, geometry, dy.dtype):
        plan.run(dy[images], w, None, dx[images])
    return dx


def conv_weight_gradient(dy, x, geometry: Convolution, path: str | None = None) -> np.ndarray:
    """dw, the cotangent of w given that of y: the adjoint of `conv_forward` in w."""
    dy, x = _pair(dy, "dy", geometry.y_shape, x, "x", geometry.x_shape, "weight gradient of a convolution")
    choice = choose(WEIGHT_GRADIENT, geometry, dy.dtype, get_num_threads(), path)
    if choice.plan is None or dy.size == 0 or x.size == 0:
        return reference.weight_gradient(dy, x, geometry)
    dw: np.ndarray | None = None
    for plan, images in _pieces(choice, WEIGHT_GRADIENT, geometry, dy.dtype):
        piece = np.empty(geometry.w_shape, dy.dtype)
        plan.run(dy[images], x[images], None, piece)
        dw = piece if dw is None else np.add(dw, piece, out=dw)
    assert dw is not None
    return dw


def _pieces(choice: Choice, which: str, geometry: Convolution, dtype: np.dtype):
    """The batch in pieces that a plan takes: all of it unless the workspace limit asks for less."""
    start = 0
    while start < geometry.batch:
        left = geometry.batch - start
        if left < choice.images:  # which may ask for less still: the limit grows with the batch
            choice = choose(which, replace(geometry, batch=left), dtype, get_num_threads(), choice.path, True)
        yield choice.plan, slice(start, start + choice.images)
        start += choice.images
