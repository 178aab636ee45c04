"""Adaptive pooling: windows that divide an axis of any length evenly, as PyTorch cuts them.

Window i of m over an axis of n runs from floor(i n / m) to ceil((i + 1) n / m): windows may overlap and differ in
size. A result of size 1 is global pooling. Loops over windows; the indices of the largest values are flat positions
in the plane.
"""

from __future__ import annotations

from math import prod

import numpy as np

from autograd_nn.kernels.build import loops
from autograd_nn.kernels.geometry import per_axis
from autograd_nn.kernels.pooling import _array


def _windows(space, result) -> np.ndarray:
    """(axis, start or end, window) bounds of three axes, the shorter ones filled with -1."""
    space, result = (1,) * (3 - len(space)) + tuple(space), (1,) * (3 - len(result)) + tuple(result)
    bounds = np.full((3, 2, max(result)), -1, np.int64)
    for axis, (n, m) in enumerate(zip(space, result, strict=True)):
        i = np.arange(m)
        bounds[axis, 0, :m], bounds[axis, 1, :m] = i * n // m, -(-(i + 1) * n // m)
    return bounds


def _spatial(array: np.ndarray) -> np.ndarray:
    """As (planes, depth, height, width)."""
    space = array.shape[2:]
    return array.reshape((prod(array.shape[:2]),) + (1,) * (3 - len(space)) + space)


def _prepare(x, size, operation: str):
    x = _array(x, "x", None, operation)
    if x.ndim not in (3, 4, 5) or 0 in x.shape[2:]:
        raise ValueError(
            f"{operation}: x has shape {x.shape}, it must be (batch, channels, *space) with 1 to 3 non-empty "
            "spatial axes"
        )
    return x, per_axis(size, x.ndim - 2, "output size")


@loops
def _mean(x, y, bounds):
    for p in range(y.shape[0]):
        for a in range(y.shape[1]):
            for i in range(y.shape[2]):
                for j in range(y.shape[3]):
                    total = 0.0
                    for z in range(bounds[0, 0, a], bounds[0, 1, a]):
                        for v in range(bounds[1, 0, i], bounds[1, 1, i]):
                            for u in range(bounds[2, 0, j], bounds[2, 1, j]):
                                total += x[p, z, v, u]
                    count = (
                        (bounds[0, 1, a] - bounds[0, 0, a])
                        * (bounds[1, 1, i] - bounds[1, 0, i])
                        * (bounds[2, 1, j] - bounds[2, 0, j])
                    )
                    y[p, a, i, j] = total / count


@loops
def _mean_gradient(dy, dx, bounds):
    for p in range(dy.shape[0]):
        for a in range(dy.shape[1]):
            for i in range(dy.shape[2]):
                for j in range(dy.shape[3]):
                    count = (
                        (bounds[0, 1, a] - bounds[0, 0, a])
                        * (bounds[1, 1, i] - bounds[1, 0, i])
                        * (bounds[2, 1, j] - bounds[2, 0, j])
                    )
                    share = dy[p, a, i, j] / count
                    for z in range(bounds[0, 0, a], bounds[0, 1, a]):
                        for v in range(bounds[1, 0, i], bounds[1, 1, i]):
                            for u in range(bounds[2, 0, j], bounds[2, 1, j]):
                                dx[p, z, v, u] += share


@loops
def _largest(x, y, indices, bounds):
    for p in range(y.shape[0]):
        for a in range(y.shape[1]):
            for i in range(y.shape[2]):
                for j in range(y.shape[3]):
                    z0, v0, u0 = bounds[0, 0, a], bounds[1, 0, i], bounds[2, 0, j]
                    best, where = -np.inf, (z0 * x.shape[2] + v0) * x.shape[3] + u0
                    for z in range(z0, bounds[0, 1, a]):
                        for v in range(v0, bounds[1, 1, i]):
                            for u in range(u0, bounds[2, 1, j]):
                                value = x[p, z, v, u]
                                if value > best or value != value:  # a NaN wins over numbers
                                    best, where = value, (z * x.shape[2] + v) * x.shape[3] + u
                    y[p, a, i, j], indices[p, a, i, j] = best, where


@loops
def _scatter(dy, indices, dx):
    for p in range(dy.shape[0]):
        for i in range(dy.shape[1]):
            dx[p, indices[p, i]] += dy[p, i]


def adaptive_average_pool(x, size) -> np.ndarray:
    """The mean of each window: (batch, channels, *space) to (batch, channels, *size)."""
    x, size = _prepare(x, size, "adaptive average pooling")
    y = np.empty(x.shape[:2] + size, x.dtype)
    _mean(_spatial(x), _spatial(y), _windows(x.shape[2:], size))
    return y


def adaptive_average_pool_gradient(dy, space) -> np.ndarray:
    """dx of shape (batch, channels, *space): the adjoint of `adaptive_average_pool`."""
    dy, space = _prepare(dy, space, "gradient of adaptive average pooling")
    dx = np.zeros(dy.shape[:2] + space, dy.dtype)
    _mean_gradient(_spatial(dy), _spatial(dx), _windows(space, dy.shape[2:]))
    return dx


def adaptive_max_pool(x, size) -> tuple[np.ndarray, np.ndarray]:
    """(y, indices): the largest value of each window and its flat position in the plane, int64."""
    x, size = _prepare(x, size, "adaptive max pooling")
    y, indices = np.empty(x.shape[:2] + size, x.dtype), np.empty(x.shape[:2] + size, np.int64)
    _largest(_spatial(x), _spatial(y), _spatial(indices), _windows(x.shape[2:], size))
    return y, indices


def adaptive_max_pool_gradient(dy, indices, space) -> np.ndarray:
    """dx of shape (batch, channels, *space): each cotangent added at its index. `pooling.unpool_gradient` is its
    adjoint.
    """
    dy, space = _prepare(dy, space, "gradient of adaptive max pooling")
    rows = prod(dy.shape[:2]), prod(dy.shape[2:])
    indices = np.ascontiguousarray(indices, np.int64)
    if indices.shape != dy.shape:
        raise ValueError(f"gradient of adaptive max pooling: indices have shape {indices.shape}, dy has {dy.shape}")
    dx = np.zeros((rows[0], prod(space)), dy.dtype)
    _scatter(dy.reshape(rows), indices.reshape(rows), dx)
    return dx.reshape(dy.shape[:2] + space)
