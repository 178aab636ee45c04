"""Resampling and patches: `resize`, and the adjoint pair `unfold` and `fold`. Each is linear, and its rule its adjoint."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

from ..engine.op import op
from ..engine.tensor import operand
from ..kernels.geometry import Convolution, per_axis
from .convolution import described, hashable, images, located
from .pooling import adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d

__all__ = ["fold", "resize", "unfold"]


# ---- resizing ------------------------------------------------------------------------------------------------------


@op(kind="product")
def resample(x, /, size, mode, align_corners, scale):
    """x interpolated at the places that `size` elements of each spatial axis have in it."""
    from ..kernels import resizing

    return resizing.resize(x, size, mode, align_corners, scale)


@op(kind="product")
def resample_adjoint(dy, /, space, mode, align_corners, scale):
    """The cotangent of the input, of the spatial shape `space`, of `resample`."""
    from ..kernels import resizing

    return resizing.resize_gradient(dy, space, mode, align_corners, scale)


def _resample_rule(g, x_shape, mode, align_corners, scale):
    return resample_adjoint(g, x_shape[2:], mode, align_corners, scale)


def _resample_adjoint_rule(g, dy_shape, mode, align_corners, scale):
    return resample(g, dy_shape[2:], mode, align_corners, scale)


resample.vjp(x=_resample_rule)
resample_adjoint.vjp(dy=_resample_adjoint_rule)

# The kernel's name of each of PyTorch's modes, and the number of spatial axes it is for (None: any).
MODES = {
    "nearest": ("nearest", None),
    "nearest-exact": ("nearest-exact", None),
    "linear": ("linear", 1),
    "bilinear": ("linear", 2),
    "trilinear": ("linear", 3),
    "bicubic": ("cubic", 2),
    "area": ("area", None),
}
_AREA = {1: adaptive_avg_pool1d, 2: adaptive_avg_pool2d, 3: adaptive_avg_pool3d}


def target(x: Any, size: Any, scale_factor: Any) -> tuple[tuple[int, ...], tuple[float, ...] | None]:
    """The spatial shape to resize to, and the scale factor of each axis, if they were given."""
    space = x.shape[2:]
    if (size is None) == (scale_factor is None):
        raise ValueError("give either the size or the scale_factor")
    if 0 in space:
        raise ValueError(f"the spatial axes of x must not be empty; its shape is {x.shape}")
    if size is not None:
        return per_axis(size, len(space), "size"), None
    factors = scale_factor if isinstance(scale_factor, tuple) else (scale_factor,) * len(space)
    if len(factors) != len(space) or not all([0 < f < math.inf for f in factors]):
        raise ValueError(f"scale_factor {scale_factor} must be one positive number, or one for each axis of {space}")
    size = tuple([math.floor(n * float(f)) for n, f in zip(space, factors, strict=True)])
    if 0 in size:
        raise ValueError(f"scale_factor {scale_factor} leaves nothing of the spatial shape {space}")
    return size, tuple([float(f) for f in factors])


def resize(
    x: Any, size: Any = None, scale_factor: Any = None, mode: str = "nearest", align_corners: bool = False
) -> Any:
    """Images of another size by interpolation, as PyTorch's `interpolate`: (batch, channels, *space) to (..., *size).

    Either `size` or `scale_factor`: a number or one for each spatial axis. `mode` is ``"nearest"`` (default),
    ``"nearest-exact"`` or ``"area"`` for one to three axes, ``"linear"`` for one, ``"bilinear"`` or ``"bicubic"`` for two,
    ``"trilinear"`` for three. `align_corners` puts the outermost elements' centres over each other, instead of the borders.
    Raises ValueError for a mode that does not fit the shape, and for sizes below 1.

    >>> ag.resize(ag.tensor([[[1.0, 3.0]]]), 4, mode="linear")
    tensor([[[1. , 1.5, 2.5, 3. ]]], dtype=float32)
    """
    x = images("resize", x, None)
    dims = x.ndim - 2
    if mode not in MODES:
        raise located("resize", ValueError(f"mode {mode!r} is not one of {', '.join(MODES)}"))
    kernel, needed = MODES[mode]
    if needed not in (None, dims):
        fitting = ", ".join([m for m, (_, n) in MODES.items() if n in (None, dims)])
        message = f"mode {mode!r} is for {needed} spatial axes, x of shape {x.shape} has {dims}; for these there are {fitting}"
        raise located("resize", ValueError(message))
    if align_corners and needed is None:
        raise located("resize", ValueError(f"align_corners has no meaning for mode {mode!r}"))
    into, scale = described("resize", target, x, hashable(size), hashable(scale_factor))
    if mode == "area":
        return _AREA[dims](x, into)
    return resample(x, into, kernel, bool(align_corners), scale)


# ---- patches -------------------------------------------------------------------------------------------------------


@op(kind="copy")
def unfold_windows(x, /, geometry):
    """Every window of a convolution as a column."""
    from ..kernels import patches

    return patches.unfold(x, geometry)


@op(kind="indexing")
def fold_windows(columns, /, geometry):
    """Every column added back to its window: the adjoint of `unfold_windows`."""
    from ..kernels import patches

    return patches.fold(columns, geometry)


unfold_windows.vjp(x=lambda g, geometry: fold_windows(g, geometry))
fold_windows.vjp(columns=lambda g, geometry: unfold_windows(g, geometry))


@lru_cache(maxsize=1024, typed=True)
def _windows(shape: tuple[int, ...], kernel: Any, dilation: Any, padding: Any, stride: Any) -> Convolution:
    """The windows over arrays of a shape, as those of a convolution to one channel."""
    sizes = per_axis(kernel, len(shape) - 2, "kernel_size")
    where = f"windows of {sizes} in images {shape}"
    return Convolution.of(shape, (1, shape[1], *sizes), stride, padding, dilation, where=where)


def unfold(x: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Any:
    """Every window as a column: (batch, channels, *space) to (batch, channels * elements of a window, windows).

    The windows are those of a convolution with these arguments, which is then a matrix product with its weight. As
    PyTorch's, in this order, but for one to three spatial axes. Raises ValueError for a kernel that does not fit.

    >>> ag.unfold(ag.tensor([[[1.0, 2.0, 3.0]]]), 2)
    tensor([[[1., 2.],
             [2., 3.]]], dtype=float32)
    """
    x = images("unfold", x, None)
    kernel_size, dilation, padding, stride = [hashable(v) for v in (kernel_size, dilation, padding, stride)]
    return unfold_windows(x, described("unfold", _windows, x.shape, kernel_size, dilation, padding, stride))


def _folded(shape: tuple[int, ...], output_size: Any, kernel: Any, *rest: Any) -> Convolution:
    """The windows that columns of a shape are put back to; raises ValueError for columns of another shape."""
    if len(shape) != 3:
        raise ValueError(f"columns must have the axes (batch, channels * elements of a window, windows), not {shape}")
    dims = len(output_size) if isinstance(output_size, tuple) else len(kernel) if isinstance(kernel, tuple) else 2
    space, kernel = per_axis(output_size, dims, "output_size"), per_axis(kernel, dims, "kernel_size")
    taps = math.prod(kernel)
    if shape[1] % taps:
        raise ValueError(f"axis 1 of columns {shape} must be a multiple of the {taps} elements of a window {kernel}")
    geometry = _windows((shape[0], shape[1] // taps, *space), kernel, *rest)
    windows = math.prod(geometry.output)
    if shape[2] != windows:
        raise ValueError(f"axis 2 of columns {shape} must be {windows}: there are {geometry.output} windows in {space}")
    return geometry


def fold(columns: Any, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Any:
    """Columns added back to the windows they are of, the adjoint of `unfold`: to (batch, channels, *output_size).

    Elements in several windows are sums. Numbers stand for two spatial axes, unless one argument says how many there are.
    Raises ValueError for columns that `unfold` would not make of that size.

    >>> ag.fold(ag.tensor([[[1.0, 2.0], [2.0, 3.0]]]), (3,), 2)
    tensor([[[1., 4., 3.]]], dtype=float32)
    """
    columns = columns if hasattr(columns, "ndim") else operand(columns, "fold")
    output_size, kernel_size = hashable(output_size), hashable(kernel_size)
    rest = [hashable(v) for v in (dilation, padding, stride)]
    return fold_windows(columns, described("fold", _folded, columns.shape, output_size, kernel_size, *rest))
