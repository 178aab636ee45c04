"""Resizing: nearest, linear and cubic interpolation over one to three spatial axes, as PyTorch defines them, and
their adjoints.
Every mode is a product of small banded matrices, one per axis: out[j] = sum over k of weight[j, k] * in[index[j, k]],
with 1 (nearest), 2 (linear) or 4 (cubic) terms. So there is one kernel that applies such a matrix along an axis, and
one that applies its transpose.

The coordinate of output j in the input is  (j + 1/2) scale - 1/2,  or  j scale  with align_corners; scale = in / out,
or (in - 1) / (out - 1) with align_corners, or 1 / scale_factor where one is given (PyTorch then ignores the rounding
of the size). Linear clamps it at 0. Cubic is the convolution kernel of Keys (1981) with a = -0.75, its taps clamped
to the border.
"""

from __future__ import annotations

from functools import lru_cache
from math import floor, prod

import numpy as np

from autograd_nn.kernels.build import kernel
from autograd_nn.kernels.geometry import per_axis
from autograd_nn.kernels.layout import share
from autograd_nn.kernels.plan import Plan, Table
from autograd_nn.kernels.pooling import _array
from autograd_nn.kernels.threads import get_num_threads
from autograd_nn.kernels.vectors import at, clear_run, fields

MODES = ("nearest", "nearest-exact", "linear", "cubic")


def _axis(n: int, m: int, mode: str, align_corners: bool, scale_factor: float | None) -> tuple[np.ndarray, np.ndarray]:
    """(index, weight) of the m outputs over an axis of n inputs."""
    j = np.arange(m)
    scale = ((n - 1) / (m - 1) if m > 1 else 0.0) if align_corners else 1.0 / scale_factor if scale_factor else n / m
    if mode.startswith("nearest"):
        # In float32, as PyTorch: where j * scale is nearly whole, the rounding decides.
        half = np.float32(0.5 if mode == "nearest-exact" else 0)
        place = np.floor((j.astype(np.float32) + half) * np.float32(scale)).astype(np.int64)
        return np.minimum(place, n - 1)[:, None], np.ones((m, 1))
    place = j * scale if align_corners else (j + 0.5) * scale - 0.5
    if mode == "linear":
        place = np.maximum(place, 0)
        low = np.minimum(np.floor(place).astype(np.int64), n - 1)
        t = np.clip(place - low, 0, 1)
        return np.stack([low, np.minimum(low + 1, n - 1)], 1), np.stack([1 - t, t], 1)
    low, a = np.floor(place).astype(np.int64), -0.75
    t = (place - low)[:, None] + np.array([1, 0, -1, -2])
    s = np.abs(t)
    near = ((a + 2) * s - (a + 3)) * s * s + 1
    far = ((a * s - 5 * a) * s + 8 * a) * s - 4 * a
    index = np.clip(low[:, None] + np.array([-1, 0, 1, 2]), 0, n - 1)
    return index, np.where(s <= 1, near, far)


@kernel()
def combine(plan, x, weight, unused, y, shared, private, part, parts):
    """y[o, j, i] <- sum over k of weight[j, k] x[o, index[j, k], i]"""
    (outer, n, m, width, terms, t_index) = fields(plan, 6)
    first, last = share(outer, part, parts)
    for o in range(first, last):
        source, target = at(x, o * n * width), at(y, o * m * width)
        for j in range(m):
            row = at(target, j * width)
            for k in range(terms):
                term, factor = at(source, plan[t_index + j * terms + k] * width), weight[j * terms + k]
                if k == 0:
                    for i in range(width):
                        row[i] = factor * term[i]
                else:
                    for i in range(width):
                        row[i] += factor * term[i]


@kernel()
def spread(plan, dy, weight, unused, dx, shared, private, part, parts):
    """dx[o, index[j, k], i] <- sum over j, k of weight[j, k] dy[o, j, i]: the transpose of `combine`."""
    (outer, n, m, width, terms, t_index) = fields(plan, 6)
    first, last = share(outer, part, parts)
    for o in range(first, last):
        source, target = at(dy, o * m * width), at(dx, o * n * width)
        clear_run(target, n * width)
        for j in range(m):
            row = at(source, j * width)
            for k in range(terms):
                term, factor = at(target, plan[t_index + j * terms + k] * width), weight[j * terms + k]
                for i in range(width):
                    term[i] += factor * row[i]


@lru_cache(maxsize=512)
def _plan(what, outer, n, m, width, mode, align_corners, scale_factor, dtype, threads) -> tuple[Plan, np.ndarray]:
    index, weight = _axis(n, m, mode, align_corners, scale_factor)
    table = Table(6)
    header = (outer, n, m, width, index.shape[1], table.add(index))
    parts = 1 if threads == 1 else max(1, min(outer, 4 * threads))
    return Plan(dtype, table.array(header), [(what, parts)], 0, 0, threads), np.ascontiguousarray(weight, dtype)


def output_size(space, scale_factor) -> tuple[int, ...]:
    """Sizes for a scale factor (one number, or one per axis): floor(input * factor)."""
    factors = tuple(scale_factor) if isinstance(scale_factor, tuple | list) else (float(scale_factor),) * len(space)
    if len(factors) != len(space) or min(factors) <= 0:
        raise ValueError(
            f"resizing: scale factors {factors} must be positive, one for each of {len(space)} spatial axes"
        )
    return tuple(floor(n * f) for n, f in zip(space, factors, strict=True))


def _each_axis(mode, align_corners, dims, scale_factor, x_space, y_space):
    if mode not in MODES:
        raise ValueError(f"resizing: mode {mode!r} is not one of {', '.join(MODES)}")
    if align_corners and mode.startswith("nearest"):
        raise ValueError(f"resizing: align_corners has no meaning for mode {mode!r}")
    if min(x_space + y_space) < 1:
        raise ValueError(f"resizing: cannot go from space {x_space} to {y_space}; every axis must be at least 1")
    factors = scale_factor if isinstance(scale_factor, tuple | list) else (scale_factor,) * dims
    return [None if f is None else float(f) for f in factors]


def resize(x, size, mode: str = "nearest", align_corners: bool = False, scale_factor=None) -> np.ndarray:
    """(batch, channels, *space) to (batch, channels, *size).

    `scale_factor`, if given, sets the distance between samples and `size` must be `output_size(space, scale_factor)`.
    """
    x = _array(x, "x", None, "resizing")
    size = per_axis(size, x.ndim - 2, "output size")
    factors = _each_axis(mode, align_corners, x.ndim - 2, scale_factor, x.shape[2:], size)
    for axis in range(x.ndim - 1, 1, -1):
        n, m = x.shape[axis], size[axis - 2]
        shape = (*x.shape[:axis], m, *x.shape[axis + 1 :])
        x = _apply(combine, x, shape, axis, n, m, mode, align_corners, factors[axis - 2])
    return x


def resize_gradient(dy, space, mode: str = "nearest", align_corners: bool = False, scale_factor=None) -> np.ndarray:
    """dx of shape (batch, channels, *space): the adjoint of `resize`."""
    dy = _array(dy, "dy", None, "gradient of resizing")
    space = per_axis(space, dy.ndim - 2, "space")
    factors = _each_axis(mode, align_corners, dy.ndim - 2, scale_factor, space, dy.shape[2:])
    for axis in range(2, dy.ndim):
        n, m = space[axis - 2], dy.shape[axis]
        shape = (*dy.shape[:axis], n, *dy.shape[axis + 1 :])
        dy = _apply(spread, dy, shape, axis, n, m, mode, align_corners, factors[axis - 2])
    return dy


def _apply(what, array, shape, axis, n, m, mode, align_corners, factor) -> np.ndarray:
    result = np.empty(shape, array.dtype)
    outer, width = prod(shape[:axis]), prod(shape[axis + 1 :])
    if result.size:
        plan, weight = _plan(what, outer, n, m, width, mode, align_corners, factor, array.dtype, get_num_threads())
        plan.run(array, weight, None, result)
    return result
