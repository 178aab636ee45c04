"""Images read at arbitrary points: grids of points from affine maps, and interpolation at them.

Jaderberg et al., "Spatial Transformer Networks", arXiv:1506.02025. A point's coordinates stand in the order of the axes from
the last (x, y, z) and run from -1 to 1 over the image: from the centres of its outermost elements with `align_corners`, else from
their outer edges.

Decision: interpolation is gathering at the corners around each point, weighted, so its derivatives are those of its parts;
channels are gathered together, as rows.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from ...ops.activation import hardtanh
from ...ops.comparison import equal, greater_equal, less, logical_and
from ...ops.elementwise import abs, where
from ...ops.products import matmul
from ...ops.rounding import floor, rint
from ...ops.shape import astype, detach, reshape, transpose
from .operands import refuse, same_dtype

__all__ = ["affine_grid", "grid_sample"]


def affine_grid(theta: Any, size: Any, align_corners: bool | None = None) -> Any:
    """The grid of points that affine maps send an image's points to, for `grid_sample`.

    Shapes: theta (batch, 2, 3) and `size` (batch, channels, height, width) to (batch, height, width, 2), or (batch, 3, 4) and
    (batch, channels, depth, height, width) to (batch, depth, height, width, 3). Raises ValueError for shapes that do not fit.

    >>> F.affine_grid(ag.tensor([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]]), (1, 1, 1, 2), align_corners=True)
    tensor([[[[-1.,  0.],
              [ 1.,  0.]]]], dtype=float32)
    """
    size = tuple(size)
    axes, space = len(size) - 2, size[2:]
    if axes not in (2, 3) or theta.shape != (size[0], axes, axes + 1):
        raise refuse(
            "affine_grid",
            f"theta of shape {theta.shape} for a size {size}; they are (batch, 2, 3) and (batch, channels, height, width), or "
            f"(batch, 3, 4) and (batch, channels, depth, height, width)",
        )
    lines = [np.linspace(-1.0, 1.0, n) if n > 1 else np.zeros(1) for n in space]
    if not align_corners:
        lines = [line * ((n - 1) / n) for line, n in zip(lines, space, strict=True)]
    points = [*np.meshgrid(*lines, indexing="ij")][::-1]
    base = np.stack([*points, np.ones(space)], -1).reshape(-1, axes + 1).astype(theta.dtype)
    return reshape(matmul(base, theta.mT), (size[0], *space, axes))


def _reflected(place: Any, low: float, span: float) -> Any:
    """A coordinate folded back into the interval from low to low + span, as often as it takes."""
    if span <= 0:
        return place * 0.0
    away = abs(place - low)
    folds = floor(detach(away) / span)
    rest = away - folds * span
    return where(equal(folds % 2.0, 0.0), rest, span - rest) + low


def _bounded(place: Any, n: int, padding_mode: str, align_corners: bool) -> Any:
    """A coordinate over n elements, where the padding mode says it is taken from; with zeros it stays."""
    if padding_mode == "reflection":
        place = _reflected(place, 0.0, n - 1.0) if align_corners else _reflected(place, -0.5, float(n))
    return place if padding_mode == "zeros" else hardtanh(place, 0.0, n - 1.0)


CUBIC = -0.75
"""The free parameter of Keys' kernel (1981), which PyTorch and others set so."""


def _cubic(t: Any) -> list[Any]:
    """The weights of the four neighbours of a point at t behind the second."""

    def near(s: Any) -> Any:
        return ((CUBIC + 2.0) * s - (CUBIC + 3.0)) * s * s + 1.0

    def far(s: Any) -> Any:
        return ((CUBIC * s - 5.0 * CUBIC) * s + 8.0 * CUBIC) * s - 4.0 * CUBIC

    return [far(t + 1.0), near(t), near(1.0 - t), far(2.0 - t)]


def _neighbours(place: Any, n: int, mode: str, padding_mode: str, align_corners: bool) -> list[tuple[Any, Any]]:
    """What a coordinate is interpolated from along its axis: places of elements, still floating, and their weights."""
    if mode == "bicubic":
        low = floor(detach(place))
        weights = _cubic(place - low)
        return [(_bounded(low + (k - 1.0), n, padding_mode, align_corners), weights[k]) for k in range(4)]
    place = _bounded(place, n, padding_mode, align_corners)
    if mode == "nearest":
        return [(rint(detach(place)), None)]
    low = floor(detach(place))
    t = place - low
    return [(low, 1.0 - t), (low + 1.0, t)]


def grid_sample(
    input: Any, grid: Any, mode: str = "bilinear", padding_mode: str = "zeros", align_corners: bool | None = None
) -> Any:
    """Images read at points: (batch, channels, *space) at (batch, *points, axes) to (batch, channels, *points), 2 or 3 axes.

    `mode`: ``"bilinear"`` (default; over three axes trilinear), ``"nearest"``, through which no gradient reaches the grid, or
    ``"bicubic"`` over two axes. `padding_mode`, for points outside: ``"zeros"`` (default), ``"border"`` or ``"reflection"``.
    `align_corners` (None: False): see above. Raises ValueError for shapes and modes that do not fit.

    >>> image = ag.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    >>> F.grid_sample(image, ag.tensor([[[[0.0, 0.0]]]]))
    tensor([[[[2.5]]]], dtype=float32)
    """
    name, x = "grid_sample", input
    axes = x.ndim - 2
    if axes not in (2, 3) or grid.ndim != x.ndim or grid.shape[0] != x.shape[0] or grid.shape[-1] != axes:
        raise refuse(
            name,
            f"an input of shape {x.shape} and a grid of {grid.shape}; they are (batch, channels, *space) and (batch, *points, "
            f"{axes if axes in (2, 3) else '2 or 3'}), with as many axes",
        )
    if mode not in ("bilinear", "nearest", "bicubic") or (mode == "bicubic" and axes != 2):
        raise refuse(name, f"mode {mode!r} is not 'bilinear', 'nearest' or, over two axes, 'bicubic'")
    if padding_mode not in ("zeros", "border", "reflection"):
        raise refuse(name, f"padding_mode {padding_mode!r} is not 'zeros', 'border' or 'reflection'")
    if 0 in x.shape[2:]:
        raise refuse(name, f"an input of shape {x.shape} has nothing to read")
    grid, space, align = same_dtype(name, grid, x), x.shape[2:], bool(align_corners)
    batch, channels, points = x.shape[0], x.shape[1], grid.shape[1:-1]
    rows = transpose(reshape(x, (batch, channels, -1)), (0, 2, 1))
    each = []
    for axis, n in enumerate(space):
        g = reshape(grid[..., axes - 1 - axis], (batch, -1))
        place = (g + 1.0) * ((n - 1) / 2.0) if align else ((g + 1.0) * n - 1.0) / 2.0
        each.append(_neighbours(place, n, mode, padding_mode, align))
    out: Any = 0.0
    for corner in itertools.product(*each):
        flat, inside, weight = _corner(corner, space)
        read = rows[np.arange(batch)[:, None], flat]
        if weight is None:
            weight = astype(inside, x.dtype)
        elif padding_mode == "zeros":
            weight = where(inside, weight, 0.0)
        out = out + read * reshape(weight, (*weight.shape, 1))
    return reshape(transpose(out, (0, 2, 1)), (batch, channels, *points))


def _corner(corner: Any, space: tuple[int, ...]) -> tuple[Any, Any, Any]:
    """Of one neighbour along each axis: its place in the flattened image, whether it lies in it, and the weights' product."""
    flat: Any = 0
    inside: Any = True
    weight = None
    for (place, w), n in zip(corner, space, strict=True):
        place = detach(place)
        inside = logical_and(inside, logical_and(greater_equal(place, 0.0), less(place, float(n))))
        flat = flat * n + astype(hardtanh(place, 0.0, n - 1.0), np.int64)
        weight = w if weight is None else weight * w
    return flat, inside, weight
