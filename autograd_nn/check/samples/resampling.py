"""Samples of resizing and patches. A resized axis is a product with a matrix; patches are taken window by window."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...kernels.geometry import Convolution
from ...ops import resampling
from . import Call, Row
from .convolution import geometries, places
from .inputs import normal
from .pooling import adaptive_average


def _cubic(s: np.ndarray) -> np.ndarray:
    """The interpolation kernel of Keys (1981) with a = -3/4."""
    s, a = np.abs(s), -0.75
    return np.where(
        s <= 1, (a + 2) * s**3 - (a + 3) * s**2 + 1, np.where(s < 2, a * (s**3 - 5 * s**2 + 8 * s - 4), 0.0)
    )


def _matrix(n: int, m: int, mode: str, align_corners: bool, factor: float | None) -> np.ndarray:
    """The matrix that takes n elements of an axis to m."""
    scale = ((n - 1) / max(m - 1, 1)) if align_corners else 1 / factor if factor else n / m
    matrix, j = np.zeros((m, n)), np.arange(m)
    if mode.startswith("nearest"):
        matrix[j, np.minimum(np.floor((j + (0.5 if mode == "nearest-exact" else 0)) * scale).astype(int), n - 1)] = 1
        return matrix
    place = j * scale if align_corners else (j + 0.5) * scale - 0.5
    if mode == "linear":
        place = np.clip(place, 0, n - 1)
    weigh = _cubic if mode == "cubic" else lambda s: np.maximum(0, 1 - np.abs(s))
    for k in range(-3, n + 3):
        matrix[:, min(max(k, 0), n - 1)] += weigh(place - k)
    return matrix


def _resample(x: np.ndarray, size: Any, mode: str, align_corners: bool, scale: Any) -> np.ndarray:
    for axis, m in enumerate(size, 2):
        matrix = _matrix(x.shape[axis], m, mode, align_corners, scale and scale[axis - 2])
        x = np.moveaxis(np.moveaxis(x, axis, -1) @ matrix.T, -1, axis)
    return x


def _resample_adjoint(dy: np.ndarray, space: Any, mode: str, align_corners: bool, scale: Any) -> np.ndarray:
    for axis, n in enumerate(space, 2):
        matrix = _matrix(n, dy.shape[axis], mode, align_corners, scale and scale[axis - 2])
        dy = np.moveaxis(np.moveaxis(dy, axis, -1) @ matrix, -1, axis)
    return dy


def _resize(
    x: np.ndarray, size: Any = None, scale_factor: Any = None, mode: str = "nearest", align_corners: bool = False
) -> np.ndarray:
    if size is None:
        size = [math.floor(n * scale_factor) for n in x.shape[2:]]
    size = (size,) * (x.ndim - 2) if isinstance(size, int) else tuple(size)
    if mode == "area":
        return adaptive_average(x, size)
    name = {"bilinear": "linear", "trilinear": "linear", "bicubic": "cubic"}.get(mode, mode)
    return _resample(x, size, name, align_corners, None if scale_factor is None else [scale_factor] * len(size))


def _unfold_windows(x: Any, geometry: Convolution) -> np.ndarray:
    g = geometry.spatial
    columns: Any = np.zeros((g.batch, g.in_channels, *g.kernel, *g.output))
    images: Any = x.reshape(g.x_shape)
    for window, tap, place in places(g):
        columns[:, :, *tap, *window] = images[:, :, *place]
    return columns.reshape(g.batch, g.in_channels * g.taps, math.prod(g.output))


def _fold_windows(columns: np.ndarray, geometry: Convolution) -> np.ndarray:
    g = geometry.spatial
    x: Any = np.zeros(g.x_shape)
    parts: Any = columns.reshape(g.batch, g.in_channels, *g.kernel, *g.output)
    for window, tap, place in places(g):
        x[:, :, *place] += parts[:, :, *tap, *window]
    return x.reshape(geometry.x_shape)


def _unfold(x: np.ndarray, kernel_size: Any, **rest: Any) -> np.ndarray:
    return _unfold_windows(x, Convolution.of(x.shape, (1, x.shape[1], *kernel_size), **rest))


def _fold(columns: np.ndarray, output_size: Any, kernel_size: Any, **rest: Any) -> np.ndarray:
    n, channels = len(columns), columns.shape[1] // math.prod(kernel_size)
    return _fold_windows(columns, Convolution.of((n, channels, *output_size), (1, channels, *kernel_size), **rest))


_resamplings: list[tuple[tuple[int, ...], tuple[int, ...], str, bool, Any]] = [
    ((1, 2, 4), (7,), "linear", False, None),
    ((1, 2, 5), (3,), "nearest", False, None),
    ((1, 1, 3, 4), (5, 2), "linear", True, None),
    ((1, 1, 3, 4), (4, 6), "cubic", False, (1.5, 1.5)),
    ((1, 1, 3, 2), (2, 5), "cubic", True, None),
    ((1, 1, 2, 3, 2), (3, 2, 4), "linear", False, None),
    ((0, 1, 3, 4), (5, 2), "nearest-exact", False, None),
]
_unfoldings = [g for g in geometries if g.groups == 1]


def _columns(g: Convolution) -> tuple[int, int, int]:
    return g.batch, g.in_channels * g.taps, math.prod(g.output)


def _resample_params(mode: str, align_corners: bool, scale: Any) -> dict[str, Any]:
    return {"mode": mode, "align_corners": align_corners, "scale": scale}


ROWS = [
    Row(
        resampling.resample,
        _resample,
        [Call((normal(*s),), {"size": m, **_resample_params(*rest)}) for s, m, *rest in _resamplings],
    ),
    Row(
        resampling.resample_adjoint,
        _resample_adjoint,
        [Call((normal(*s[:2], *m),), {"space": s[2:], **_resample_params(*rest)}) for s, m, *rest in _resamplings],
    ),
    Row(
        resampling.resize,
        _resize,
        [
            Call((normal(1, 2, 3),), {"size": 5}),
            Call((normal(1, 1, 3, 4),), {"scale_factor": 1.7, "mode": "bilinear"}),
            Call((normal(1, 1, 3, 4),), {"size": (4, 3), "mode": "bicubic"}),
            Call((normal(1, 1, 3, 4),), {"size": (2, 3), "mode": "area"}),
            Call((normal(1, 1, 2, 2, 3),), {"size": (3, 3, 2), "mode": "trilinear", "align_corners": True}),
        ],
    ),
    Row(
        resampling.unfold_windows,
        _unfold_windows,
        [Call((normal(*g.x_shape),), {"geometry": g}) for g in _unfoldings],
    ),
    Row(
        resampling.fold_windows,
        _fold_windows,
        [Call((normal(*_columns(g)),), {"geometry": g}) for g in _unfoldings],
    ),
    Row(resampling.unfold, _unfold, [Call((normal(1, 2, 4, 3),), {"kernel_size": (2, 2), "padding": 1, "stride": 2})]),
    Row(
        resampling.fold,
        _fold,
        [Call((normal(1, 8, 6),), {"output_size": (4, 3), "kernel_size": (2, 2)})],
    ),
]
