"""Fractional max pooling: windows at random places, for sizes that no stride gives. Graham, arXiv:1412.6071.

For each plane and axis one number u of [0, 1) places all windows: of m windows of k elements over n, the i-th begins at
floor((i + u) a) - floor(u a) with a = (n - k) / (m - 1), and the last ends where the axis does.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...ops import floor
from ...ops.elementwise import where
from ...ops.indexing import take_along_axis
from ...ops.pooling import plane_take
from ...ops.random import rand
from ...ops.reduction import argmax
from ...ops.shape import astype, detach, reshape
from .operands import refuse, with_batch

__all__ = ["fractional_max_pool2d", "fractional_max_pool3d"]


def _places(u: Any, n: int, k: int, m: int) -> Any:
    """The elements of each window along one axis: u (batch, channels) to (batch, channels, m, k), int64."""
    window = np.arange(m)
    spread = (n - k) / max(m - 1, 1)
    u = reshape(u, (*u.shape, 1))
    begin = where(window == m - 1, n - k, floor((u + window.astype(u.dtype)) * spread) - floor(u * spread))
    return reshape(astype(begin, np.int64), (*begin.shape, 1)) + np.arange(k)


def _windows(samples: Any, space: tuple[int, ...], kernel: tuple[int, ...], size: tuple[int, ...]) -> Any:
    """The elements of each window, as positions in the flattened plane: (batch, channels, *size, elements of a window)."""
    axes, flat = len(space), None
    # PyTorch's order of the samples: width and height for planes; depth, height and width for volumes.
    order = (1, 0) if axes == 2 else (0, 1, 2)
    for axis, (n, k, m) in enumerate(zip(space, kernel, size, strict=True)):
        along = _places(samples[..., order[axis]], n, k, m)
        shape = [1] * (2 * axes)
        shape[axis], shape[axes + axis] = m, k
        along = reshape(along, (*along.shape[:2], *shape))
        flat = along if flat is None else flat * n + along
    return reshape(flat, (*flat.shape[: 2 + axes], math.prod(kernel)))  # type: ignore[union-attr]


def _each(name: str, what: str, value: Any, axes: int) -> tuple[Any, ...]:
    each = tuple(value) if isinstance(value, (tuple, list)) else (value,) * axes
    if len(each) != axes:
        raise refuse(name, f"{what} {value} is one number, or {axes}")
    return each


def _pooled(
    axes: int, x: Any, kernel_size: Any, output_size: Any, output_ratio: Any, return_indices: bool, samples: Any
) -> Any:
    name = f"fractional_max_pool{axes}d"
    if x.ndim != axes + 2:
        raise refuse(name, f"takes (batch, channels, *space) with {axes} spatial axes, not an input of shape {x.shape}")
    space, kernel = x.shape[2:], _each(name, "kernel_size", kernel_size, axes)
    if (output_size is None) == (output_ratio is None):
        raise refuse(name, "give either the output_size or the output_ratio")
    if output_size is not None:
        size = _each(name, "output_size", output_size, axes)
    else:
        ratios = _each(name, "output_ratio", output_ratio, axes)
        size = tuple([int(n * r) for n, r in zip(space, ratios, strict=True)])
    if any(m < 1 or k < 1 or m + k - 1 > n for n, k, m in zip(space, kernel, size, strict=True)):
        raise refuse(name, f"{size} windows of {kernel} do not fit into an input of shape {x.shape}")
    if samples is None:
        samples = rand((*x.shape[:2], axes), dtype=x.dtype)
    elif samples.shape != (*x.shape[:2], axes):
        raise refuse(name, f"samples of shape {samples.shape}; {(*x.shape[:2], axes)} are needed")
    positions = _windows(samples, space, kernel, size)
    flat = reshape(detach(x), (*x.shape[:2], -1))
    values = reshape(take_along_axis(flat, reshape(positions, (*x.shape[:2], -1)), -1), positions.shape)
    winners = take_along_axis(positions, argmax(values, -1, True), -1)[..., 0]
    out = plane_take(x, winners)
    return (out, winners) if return_indices else out


def fractional_max_pool2d(
    input: Any,
    kernel_size: Any,
    output_size: Any = None,
    output_ratio: Any = None,
    return_indices: bool = False,
    _random_samples: Any = None,
) -> Any:
    """The largest elements of windows at random places: (batch, channels, height, width) to (batch, channels, *output_size).

    Either `output_size` or `output_ratio`, its ratio to the input's; with `return_indices` also the positions in the flattened
    planes. `_random_samples`: (batch, channels, 2) numbers of [0, 1) to place the windows with.
    Raises ValueError for windows that do not fit.

    >>> F.fractional_max_pool2d(ag.ones((1, 2, 7, 7)), 2, output_ratio=0.7).shape
    (1, 2, 4, 4)
    """

    def pooled(x: Any) -> Any:
        return _pooled(2, x, kernel_size, output_size, output_ratio, return_indices, _random_samples)

    return with_batch(2, pooled, input)


def fractional_max_pool3d(
    input: Any,
    kernel_size: Any,
    output_size: Any = None,
    output_ratio: Any = None,
    return_indices: bool = False,
    _random_samples: Any = None,
) -> Any:
    """The largest elements of windows at random places, over three spatial axes; `fractional_max_pool2d` says the rest.

    >>> F.fractional_max_pool3d(ag.ones((1, 2, 7, 7, 7)), 2, output_size=(4, 5, 6)).shape
    (1, 2, 4, 5, 6)
    """

    def pooled(x: Any) -> Any:
        return _pooled(3, x, kernel_size, output_size, output_ratio, return_indices, _random_samples)

    return with_batch(3, pooled, input)
