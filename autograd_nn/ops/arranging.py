"""Arranging axes and elements: swapping, adding, flipping, rolling, repeating. All made of views, joins and `take`."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..engine.methods import attach, method
from ..engine.protocol import implements
from ..engine.tensor import Tensor
from .indexing import take
from .shape import (
    all_arrayed,
    arrayed,
    as_shape,
    axes_of,
    axis_of,
    broadcast_to_,
    concatenate,
    reshape_,
    transpose,
    transpose_,
)

__all__ = [
    "atleast_1d", "atleast_2d", "atleast_3d", "broadcast_arrays", "expand_dims", "flip", "fliplr", "flipud",
    "matrix_transpose", "meshgrid", "moveaxis", "permute_dims", "repeat", "roll", "rot90", "squeeze", "swapaxes", "tile",
]  # fmt: skip

# ---- axes ----------------------------------------------------------------------------------------------------------

permute_dims = transpose


def _permute(x: Any, /, *axes: Any) -> Any:
    """The axes in another order, given as a tuple or one by one."""
    return transpose(x, axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes)


attach(_permute, "permute", method=True)


@method(numpy=np.swapaxes)
def swapaxes(x: Any, /, axis1: int, axis2: int) -> Any:
    """Two axes exchanged; a view. Raises AxisError for an axis that is not there.

    >>> ag.swapaxes(ag.ones((2, 3, 4)), 0, 2).shape
    (4, 3, 2)
    """
    x = arrayed(x)
    order = list(range(x.ndim))
    i, j = axis_of("swapaxes", x, axis1), axis_of("swapaxes", x, axis2)
    order[i], order[j] = j, i
    return transpose_(x, tuple(order))


@method(numpy=np.moveaxis)
def moveaxis(x: Any, /, source: int | Sequence[int], destination: int | Sequence[int]) -> Any:
    """Axes moved to other places, the rest in their order; a view.

    Raises ValueError if there are not as many destinations as sources, or an axis is named twice.

    >>> ag.moveaxis(ag.ones((2, 3, 4)), 0, -1).shape
    (3, 4, 2)
    """
    x = arrayed(x)
    sources, places = axes_of("moveaxis", x, source), axes_of("moveaxis", x, destination)
    if len(sources) != len(places):
        raise ValueError(f"moveaxis: {len(sources)} axes to move and {len(places)} places for them")
    order = [a for a in range(x.ndim) if a not in sources]
    for place, axis in sorted(zip(places, sources, strict=True)):
        order.insert(place, axis)
    return transpose_(x, tuple(order))


@implements(np.matrix_transpose, np.linalg.matrix_transpose)
def matrix_transpose(x: Any, /) -> Any:
    """The last two axes exchanged; a view, also `x.mT`. Raises AxisError for fewer than two axes.

    >>> ag.matrix_transpose(ag.ones((2, 3, 4))).shape
    (2, 4, 3)
    """
    return swapaxes(x, -1, -2)


@method(numpy=np.expand_dims)
def expand_dims(x: Any, /, axis: int | Sequence[int] = 0) -> Any:
    """x with new axes of length 1, which `axis` places in the result; a view.

    >>> ag.expand_dims(ag.ones((2, 3)), 1).shape
    (2, 1, 3)
    """
    x = arrayed(x)
    new = axes_of("expand_dims", x, axis, len(as_shape(axis)))
    rest = iter(x.shape)
    return reshape_(x, tuple([1 if i in new else next(rest) for i in range(x.ndim + len(new))]))


@method(numpy=np.squeeze)
def squeeze(x: Any, /, axis: int | Sequence[int] | None = None) -> Any:
    """x without its axes of length 1, or without those named; a view. Raises ValueError if one is longer.

    >>> ag.squeeze(ag.ones((1, 3, 1))).shape
    (3,)
    """
    x = arrayed(x)
    gone = [i for i, n in enumerate(x.shape) if n == 1] if axis is None else axes_of("squeeze", x, axis)
    for a in gone:
        if x.shape[a] != 1:
            raise ValueError(f"squeeze: axis {a} of shape {x.shape} has length {x.shape[a]}; only length 1 can go")
    return reshape_(x, tuple([n for i, n in enumerate(x.shape) if i not in gone]))


def _at_least(n: int, arrays: Sequence[Any], lift: Any) -> Any:
    lifted = tuple([a if a.ndim >= n else reshape_(a, lift(a.shape)) for a in all_arrayed(arrays)])
    return lifted[0] if len(lifted) == 1 else lifted


@implements(np.atleast_1d)
def atleast_1d(*xs: Any) -> Any:
    """The arrays, scalars made to have one axis; a tuple for several.

    >>> ag.atleast_1d(ag.tensor(2.0))
    tensor([2.], dtype=float32)
    """
    return _at_least(1, xs, lambda shape: (1,))


@implements(np.atleast_2d)
def atleast_2d(*xs: Any) -> Any:
    """The arrays with at least two axes, a vector being a row; a tuple for several.

    >>> ag.atleast_2d(ag.ones(3)).shape
    (1, 3)
    """
    return _at_least(2, xs, lambda shape: (1, *shape) if shape else (1, 1))


@implements(np.atleast_3d)
def atleast_3d(*xs: Any) -> Any:
    """The arrays with at least three axes: a vector (n,) becomes (1, n, 1), a matrix (n, m) becomes (n, m, 1).

    >>> ag.atleast_3d(ag.ones(3)).shape
    (1, 3, 1)
    """
    return _at_least(3, xs, lambda shape: ((1, 1, 1), (1, *shape, 1), (*shape, 1))[len(shape)])


@implements(np.broadcast_arrays)
def broadcast_arrays(*xs: Any) -> tuple[Any, ...]:
    """The arrays repeated to the one shape they broadcast to, without copying; read-only.

    Raises ValueError if they do not broadcast.

    >>> [t.shape for t in ag.broadcast_arrays(ag.ones((2, 1)), ag.ones(3))]
    [(2, 3), (2, 3)]
    """
    arrays = all_arrayed(xs)
    try:
        shape = np.broadcast_shapes(*[a.shape for a in arrays])
    except ValueError as error:
        shapes = ", ".join(str(a.shape) for a in arrays)
        raise ValueError(f"broadcast_arrays: the shapes {shapes} do not broadcast; axes must be equal or 1") from error
    return tuple([broadcast_to_(a, shape) for a in arrays])


@implements(np.meshgrid)
def meshgrid(*xs: Any, indexing: str = "xy", sparse: bool = False, copy: bool = True) -> tuple[Any, ...]:
    """Coordinate arrays from coordinate vectors: the i-th varies along the i-th axis only.

    `indexing`: ``"xy"`` (default) exchanges the first two axes, ``"ij"`` does not; `sparse` leaves the other axes with
    length 1; `copy` is accepted for NumPy's sake. Raises ValueError for another `indexing`.

    >>> ag.meshgrid(ag.tensor([1.0, 2.0]), ag.tensor([3.0, 4.0, 5.0]))[0]
    tensor([[1., 2.],
            [1., 2.],
            [1., 2.]], dtype=float32)
    """
    if indexing not in ("xy", "ij"):
        raise ValueError(f"meshgrid: indexing {indexing!r} is not 'xy' or 'ij'")
    n = len(xs)
    places = [1, 0, *range(2, n)] if indexing == "xy" and n > 1 else list(range(n))
    grids = [reshape_(x, (1,) * i + (-1,) + (1,) * (n - i - 1)) for x, i in zip(all_arrayed(xs), places, strict=True)]
    return tuple(grids) if sparse else broadcast_arrays(*grids)


# ---- elements ------------------------------------------------------------------------------------------------------


def _along(axis: int, start: int | None, stop: int | None, step: int | None = None) -> tuple[Any, ...]:
    """The key of a slice of one axis."""
    return (*[slice(None)] * axis, slice(start, stop, step))


@method(numpy=np.flip)
def flip(x: Any, /, axis: int | Sequence[int] | None = None) -> Any:
    """x in reverse along an axis, some axes, or all of them (None); a view.

    >>> ag.flip(ag.tensor([1, 2, 3]))
    tensor([3, 2, 1], dtype=int64)
    """
    x = arrayed(x)
    axes = range(x.ndim) if axis is None else axes_of("flip", x, axis)
    return x[tuple([slice(None, None, -1 if i in axes else None) for i in range(x.ndim)])]


@implements(np.flipud)
def flipud(x: Any, /) -> Any:
    """x in reverse along its first axis; a view.

    >>> ag.flipud(ag.tensor([[1, 2], [3, 4]]))
    tensor([[3, 4],
            [1, 2]], dtype=int64)
    """
    return flip(x, 0)


@implements(np.fliplr)
def fliplr(x: Any, /) -> Any:
    """x in reverse along its second axis; a view.

    >>> ag.fliplr(ag.tensor([[1, 2], [3, 4]]))
    tensor([[2, 1],
            [4, 3]], dtype=int64)
    """
    return flip(x, 1)


@method(numpy=np.roll)
def roll(x: Any, /, shift: int | Sequence[int], axis: int | Sequence[int] | None = None) -> Any:
    """x with its elements moved on along an axis, the last ones coming first again; None rolls the flattened x.

    Several shifts go with as many axes.

    >>> ag.roll(ag.tensor([1, 2, 3, 4]), 1)
    tensor([4, 1, 2, 3], dtype=int64)
    """
    x = arrayed(x)
    if axis is None:
        return reshape_(roll(reshape_(x, (-1,)), shift, 0), x.shape)
    axes = tuple([axis_of("roll", x, a) for a in as_shape(axis)])
    shifts = as_shape(shift)
    if 1 not in (len(axes), len(shifts)) and len(axes) != len(shifts):
        raise ValueError(f"roll: {len(shifts)} shifts for {len(axes)} axes; give one for each, or one for all")
    n = max(len(axes), len(shifts))
    for a, s in zip(axes * (n // len(axes)), shifts * (n // len(shifts)), strict=True):
        length = x.shape[a]
        if length and s % length:
            start = length - s % length
            x = concatenate([x[_along(a, start, None)], x[_along(a, None, start)]], a)
    return x


@implements(np.rot90)
def rot90(x: Any, /, k: int = 1, axes: Sequence[int] = (0, 1)) -> Any:
    """x turned k times by a quarter in the plane of two axes, from the first towards the second; a view.

    >>> ag.rot90(ag.tensor([[1, 2], [3, 4]]))
    tensor([[2, 4],
            [1, 3]], dtype=int64)
    """
    x = arrayed(x)
    i, j = axes_of("rot90", x, axes)
    turns = k % 4
    if turns == 2:
        return flip(x, (i, j))
    if turns == 1:
        return swapaxes(flip(x, j), i, j)
    return flip(swapaxes(x, i, j), j) if turns else x[...]


@implements(np.tile)
def tile(x: Any, /, reps: int | Sequence[int]) -> Any:
    """x repeated as a whole along each axis as often as `reps` says, which counts from the last axis.

    >>> ag.tile(ag.tensor([1, 2]), (2, 2))
    tensor([[1, 2, 1, 2],
            [1, 2, 1, 2]], dtype=int64)
    """
    x, times = arrayed(x), as_shape(reps)
    n = max(x.ndim, len(times))
    shape, times = (1,) * (n - x.ndim) + x.shape, (1,) * (n - len(times)) + times
    parts = reshape_(x, tuple([s for m in shape for s in (1, m)]))
    repeated = broadcast_to_(parts, tuple([s for t, m in zip(times, shape, strict=True) for s in (t, m)]))
    return reshape_(repeated, tuple([t * m for t, m in zip(times, shape, strict=True)]))


@method(numpy=np.repeat)
def repeat(x: Any, /, repeats: Any, axis: int | None = None) -> Any:
    """Each element of x repeated along an axis: a number of times, or each its own; None repeats the flattened x's.

    >>> ag.repeat(ag.tensor([1, 2]), 2)
    tensor([1, 1, 2, 2], dtype=int64)
    >>> ag.repeat(ag.tensor([[1], [2]]), [1, 3], axis=0).shape
    (4, 1)
    """
    x = arrayed(x)
    if axis is None:
        x, axis = reshape_(x, (-1,)), 0
    axis = axis_of("repeat", x, axis)
    times = np.asarray(repeats.numpy() if isinstance(repeats, Tensor) else repeats)
    if times.ndim == 0:  # without an index: spread along a new axis behind this one, then fold that in
        n = operator.index(times[()])
        front, back = x.shape[: axis + 1], x.shape[axis + 1 :]
        spread = broadcast_to_(reshape_(x, (*front, 1, *back)), (*front, n, *back))
        return reshape_(spread, (*front[:-1], front[-1] * n, *back))
    if times.shape not in ((1,), (x.shape[axis],)):
        raise ValueError(
            f"repeat: {times.size} repeats for axis {axis} of shape {x.shape}; give one, or one an element"
        )
    return take(x, np.repeat(np.arange(x.shape[axis]), times), axis)
