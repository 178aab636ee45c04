"""Images of another size: interpolation, pixels traded for channels, and images cut into patches, with PyTorch's arguments."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from ...ops import resampling as ops
from ...ops.convolution import hashable
from ...ops.shape import reshape, transpose
from .operands import refuse, with_batch

__all__ = ["channel_shuffle", "fold", "interpolate", "pixel_shuffle", "pixel_unshuffle", "unfold"]


def interpolate(
    input: Any,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Any:
    """Images of another size: (batch, channels, *space), one to three spatial axes; see `ag.resize` for the modes.

    Either `size` or `scale_factor`. `align_corners` (None: False) only for the linear and cubic modes. With
    `recompute_scale_factor` the factor is that of the sizes, after rounding. `antialias` (default False; ``"bilinear"`` and
    ``"bicubic"`` only): a smaller image's elements are means over all that they stand for.

    >>> F.interpolate(ag.tensor([[[1.0, 3.0]]]), scale_factor=2, mode="linear")
    tensor([[[1. , 1.5, 2.5, 3. ]]], dtype=float32)
    """
    if antialias and (mode not in SPREAD or input.ndim != 4):
        raise refuse(
            "interpolate", f"antialias is for 'bilinear' and 'bicubic' images of two spatial axes, not for {mode!r}"
        )
    if (size is None) == (scale_factor is None):
        raise refuse("interpolate", "give either the size or the scale_factor")
    if align_corners is not None and mode in ("nearest", "nearest-exact", "area"):
        raise refuse("interpolate", f"align_corners has no meaning for mode {mode!r}")
    if recompute_scale_factor and size is not None:
        raise refuse("interpolate", "recompute_scale_factor needs a scale_factor, not a size")
    if recompute_scale_factor and scale_factor is not None:
        space = input.shape[2:]
        factors = hashable(scale_factor)
        factors = factors if isinstance(factors, tuple) else (factors,) * len(space)
        size, scale_factor = tuple([math.floor(n * f) for n, f in zip(space, factors, strict=True)]), None
    if antialias:
        return _antialiased(
            input, *ops.target(input, hashable(size), hashable(scale_factor)), mode, bool(align_corners)
        )
    return ops.resize(input, size, scale_factor, mode, bool(align_corners))


def _hat(x: np.ndarray) -> np.ndarray:
    return np.maximum(1.0 - np.abs(x), 0.0)


def _cubic(x: np.ndarray) -> np.ndarray:
    """Keys' kernel with slope -1/2 at 1: IEEE Trans. ASSP 29, 1981."""
    x = np.abs(x)
    near, far = (1.5 * x - 2.5) * x * x + 1.0, ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
    return np.where(x < 1.0, near, np.where(x < 2.0, far, 0.0))


SPREAD: dict[str, tuple[Callable[[np.ndarray], np.ndarray], float]] = {
    "bilinear": (_hat, 1.0),
    "bicubic": (_cubic, 2.0),
}
"""The kernel of each mode that antialiasing widens, and how far it reaches."""


@lru_cache(maxsize=64)
def _weights(n: int, size: int, factor: float | None, mode: str, align_corners: bool, dtype: Any) -> np.ndarray:
    """What each of `size` elements takes of n: a matrix (size, n), whose rows sum to 1."""
    step = 1.0 / factor if factor else n / size
    if align_corners:
        step = (n - 1) / (size - 1) if size > 1 else 0.0
    kernel, reach = SPREAD[mode]
    width = max(step, 1.0)
    centre = step * (np.arange(size)[:, None] + 0.5)
    first = np.maximum(np.trunc(centre - reach * width + 0.5), 0.0)
    last = np.minimum(np.trunc(centre + reach * width + 0.5), n)
    places = np.arange(n)
    weights = kernel((places - centre + 0.5) / width) * ((places >= first) & (places < last))
    total = weights.sum(1, keepdims=True)
    return (weights / np.where(total == 0.0, 1.0, total)).astype(dtype)


def _antialiased(
    x: Any, size: tuple[int, ...], factors: tuple[float, ...] | None, mode: str, align_corners: bool
) -> Any:
    """Interpolation with a kernel as wide as what an element stands for: a matrix for each axis."""
    rows, columns = [
        _weights(n, m, f, mode, align_corners, x.dtype)
        for n, m, f in zip(x.shape[2:], size, factors or (None, None), strict=True)
    ]
    return rows @ (x @ columns.T)


def pixel_shuffle(input: Any, upscale_factor: int) -> Any:
    """Channels traded for pixels: (..., channels r^2, height, width) to (..., channels, height r, width r), r = `upscale_factor`.

    Shi et al., arXiv:1609.05158. Raises ValueError for channels that r^2 does not divide.

    >>> F.pixel_shuffle(ag.arange(4).reshape(4, 1, 1), 2)
    tensor([[[0, 1],
             [2, 3]]], dtype=int64)
    """
    r = upscale_factor
    if input.ndim < 3 or r < 1 or input.shape[-3] % (r * r):
        raise refuse(
            "pixel_shuffle",
            f"an input of shape {input.shape} for factor {r}; it takes (..., channels, height, width) with a multiple of "
            f"{r * r} channels",
        )
    *lead, c, h, w = input.shape
    n, k = len(lead), c // (r * r)
    apart = reshape(input, (*lead, k, r, r, h, w))
    return reshape(transpose(apart, (*range(n + 1), n + 3, n + 1, n + 4, n + 2)), (*lead, k, h * r, w * r))


def pixel_unshuffle(input: Any, downscale_factor: int) -> Any:
    """Pixels traded for channels, the inverse of `pixel_shuffle`: (..., c, h r, w r) to (..., c r^2, h, w).

    Raises ValueError for a height or width that r does not divide.

    >>> F.pixel_unshuffle(ag.arange(4).reshape(1, 2, 2), 2).reshape(-1)
    tensor([0, 1, 2, 3], dtype=int64)
    """
    r = downscale_factor
    if input.ndim < 3 or r < 1 or input.shape[-1] % r or input.shape[-2] % r:
        raise refuse(
            "pixel_unshuffle",
            f"an input of shape {input.shape} for factor {r}; it takes (..., channels, height, width), both multiples of it",
        )
    *lead, c, h, w = input.shape
    n = len(lead)
    apart = reshape(input, (*lead, c, h // r, r, w // r, r))
    return reshape(transpose(apart, (*range(n + 1), n + 2, n + 4, n + 1, n + 3)), (*lead, c * r * r, h // r, w // r))


def channel_shuffle(input: Any, groups: int) -> Any:
    """Channels, in `groups`, dealt out in turn: (batch, channels, *space) and the same back; Zhang et al., arXiv:1707.01083.

    Raises ValueError for channels that the groups do not divide.

    >>> F.channel_shuffle(ag.arange(4).reshape(1, 4, 1), 2).reshape(-1)
    tensor([0, 2, 1, 3], dtype=int64)
    """
    if input.ndim < 3 or groups < 1 or input.shape[1] % groups:
        raise refuse(
            "channel_shuffle",
            f"an input of shape {input.shape} for {groups} groups; it takes (batch, channels, *space), a multiple of channels",
        )
    n, c, *space = input.shape
    apart = reshape(input, (n, groups, c // groups, math.prod(space)))
    return reshape(transpose(apart, (0, 2, 1, 3)), (n, c, *space))


def unfold(input: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Any:
    """Every window as a column: (batch, channels, height, width), or without batch, to (batch, channels * window, windows).

    See `ag.unfold`.

    >>> F.unfold(ag.ones((1, 3, 8, 8)), 2).shape
    (1, 12, 49)
    """
    return with_batch(2, ops.unfold, input, kernel_size, dilation, padding, stride)


def fold(input: Any, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Any:
    """Columns added back to the windows they are of: (batch, channels * window, windows), or without batch, to images.

    See `ag.fold`.

    >>> F.fold(ag.ones((1, 12, 49)), (8, 8), 2).shape
    (1, 3, 8, 8)
    """
    return with_batch(1, ops.fold, input, output_size, kernel_size, dilation, padding, stride)
