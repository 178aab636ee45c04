"""A function applied to slices, blocks and windows: NumPy's ways to lay out a computation over an array."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ..engine.protocol import implements
from .arranging import expand_dims, moveaxis
from .indexing import take
from .joining import concat
from .shape import all_arrayed, arrayed, as_shape, axes_of, axis_of, reshape_, stack

__all__ = ["apply_along_axis", "apply_over_axes", "block", "rollaxis", "sliding_window_view"]


@implements(np.apply_along_axis)
def apply_along_axis(func1d: Callable[..., Any], axis: int, x: Any, /, *args: Any, **kwargs: Any) -> Any:
    """A function of a vector applied to each slice along an axis; its result's axes stand where that axis was.

    One call for each slice: where the function takes whole arrays, give it those.

    >>> ag.apply_along_axis(lambda v: v.sum(), 0, ag.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor([4., 6.], dtype=float32)
    """
    x = arrayed(x)
    axis = axis_of("apply_along_axis", x, axis)
    rows = moveaxis(x, axis, -1)
    flat = reshape_(rows, (-1, rows.shape[-1]))
    if not flat.shape[0]:
        raise ValueError(f"apply_along_axis: shape {x.shape} has no slice along axis {axis} to apply the function to")
    results = stack([arrayed(func1d(flat[i], *args, **kwargs)) for i in range(flat.shape[0])])
    inner = results.shape[1:]
    shaped = reshape_(results, (*rows.shape[:-1], *inner))
    lead = rows.ndim - 1
    return moveaxis(shaped, tuple(range(lead, lead + len(inner))), tuple(range(axis, axis + len(inner))))


@implements(np.apply_over_axes)
def apply_over_axes(func: Callable[..., Any], x: Any, axes: Any, /) -> Any:
    """A reduction ``func(x, axis)`` applied over one axis after the other; the axes stay, with length 1 if it drops them.

    >>> ag.apply_over_axes(ag.sum, ag.ones((2, 3, 4)), (0, 2)).tolist()
    [[[8.0], [8.0], [8.0]]]
    """
    x = arrayed(x)
    for axis in as_shape(axes):
        axis = axis_of("apply_over_axes", x, axis)
        reduced = func(x, axis)
        x = reduced if reduced.ndim == x.ndim else expand_dims(reduced, axis)
    return x


@implements(np.block)
def block(arrays: Any, /) -> Any:
    """An array put together from nested lists of blocks: the innermost lists along the last axis, those outside before it.

    >>> ag.block([[ag.ones((1, 1)), ag.zeros((1, 2))], [ag.zeros((2, 1)), ag.ones((2, 2))]]).shape
    (3, 3)
    """
    depth = _depth(arrays)
    ndim = max(depth, _most_axes(arrays))
    return _assembled(iter(all_arrayed(_flat(arrays))), arrays, depth, ndim)


def _depth(blocks: Any) -> int:
    if not isinstance(blocks, list):
        return 0
    depths = {_depth(b) for b in blocks}
    if len(depths) != 1:
        raise ValueError("block: the lists are not nested equally deep (or one is empty)")
    return 1 + depths.pop()


def _flat(blocks: Any) -> list[Any]:
    return [x for b in blocks for x in _flat(b)] if isinstance(blocks, list) else [blocks]


def _most_axes(blocks: Any) -> int:
    return max(_most_axes(b) for b in blocks) if isinstance(blocks, list) else np.ndim(blocks)


def _assembled(flat: Iterator[Any], blocks: Any, depth: int, ndim: int) -> Any:
    if not isinstance(blocks, list):
        x = next(flat)
        return reshape_(x, (1,) * (ndim - x.ndim) + x.shape)
    return concat([_assembled(flat, b, depth - 1, ndim) for b in blocks], axis=-depth)


@implements(np.rollaxis)
def rollaxis(x: Any, /, axis: int, start: int = 0) -> Any:
    """An axis moved to stand before another; a view. `moveaxis` says the same more plainly.

    >>> ag.rollaxis(ag.ones((2, 3, 4)), 2).shape
    (4, 2, 3)
    """
    x = arrayed(x)
    axis = axis_of("rollaxis", x, axis)
    start = axis_of("rollaxis", x, start, 1)
    return moveaxis(x, axis, start - 1 if axis < start else start)


@implements(np.lib.stride_tricks.sliding_window_view)
def sliding_window_view(x: Any, /, window_shape: int | Sequence[int], axis: Any = None) -> Any:
    """All windows of a shape, whose axes come last. A copy here, not a view; so windows may overlap and be differentiated.

    `axis`: the axes to slide along, as many as the window has (default: all). Raises ValueError for a window that does not fit.

    >>> ag.sliding_window_view(ag.tensor([1, 2, 3, 4]), 2)
    tensor([[1, 2],
            [2, 3],
            [3, 4]], dtype=int64)
    """
    x, window = arrayed(x), as_shape(window_shape)
    axes = tuple(range(x.ndim)) if axis is None else axes_of("sliding_window_view", x, axis)
    if len(axes) != len(window) or any([not 0 <= w <= x.shape[a] for a, w in zip(axes, window, strict=True)]):
        raise ValueError(f"sliding_window_view: a window of {window} along the axes {axes} of shape {x.shape}")
    for a, w in zip(axes, window, strict=True):
        starts = np.arange(x.shape[a] - w + 1)
        x = moveaxis(take(x, starts[:, None] + np.arange(w), a), a + 1, -1)
    return x
