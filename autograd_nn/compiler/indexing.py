"""How indexing becomes primitives: rows that indices name, elements along an axis, what is written at a key, extrema's places.

Arrays of indices lead into the flattened array: neighbouring axes are one axis of places, and what stands before them counts in,
too, so every one is a gather of rows (of one element, if need be) and its adjoint a scatter. One index a row of the last axis is
found by comparing instead, which fuses with what else is done to the row.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .build import Builder, Unreadable
from .operations import LOWER as LOWER
from .operations import lowering, thawed, unsliced
from .program import BOOL, Value

ARRAY = "array"
"""Stands in a key's template where an array stood, as in `ops.indexing`."""

WHOLE = (None, None, None)
I64 = np.dtype(np.int64)


PLACES = frozenset({"argsort", "argpartition", "argmax", "argmin"})
"""Operations whose results are places along an axis of their input."""


def note_places(b: Builder, name: str, inputs: Sequence[Any], params: dict[str, Any], made: Value | None) -> None:
    """Places that such an operation found need no check."""
    if name in PLACES and made is not None:
        axis = params.get("axis")
        n = inputs[0].size if axis is None else inputs[0].shape[axis]
        b.bounds[made] = 0, n - 1, None


# ---- rows ----------------------------------------------------------------------------------------------------------


def _numbers(indices: Sequence[Any]) -> list[Value]:
    if any([not isinstance(i, Value) for i in indices]):
        raise Unreadable("indices that are no arrays")
    if any([i.dtype.kind == "b" for i in indices]):
        raise Unreadable("a mask as an index: how much it picks depends on its values")
    if any([i.dtype.kind not in "iu" for i in indices]):
        raise Unreadable("indices that are no integers")
    return list(indices)


class Places:
    """Where a key of neighbouring index arrays leads: `rows` of the array as (all axes up to the arrays', *behind)."""

    def __init__(self, b: Builder, shape: tuple[int, ...], indices: Sequence[Any], template: Sequence[Any]) -> None:
        numbers, key = _numbers(indices), list(template)
        if Ellipsis in key:
            at = key.index(Ellipsis)
            key[at : at + 1] = [WHOLE] * (len(shape) - len(key) + 1)
        first, k = key.index(ARRAY), len(numbers)
        if any([key[a] != (ARRAY if first <= a < first + k else WHOLE) for a in range(len(key))]):
            raise Unreadable("arrays of indices among numbers, ranges or new axes")
        self.outer, axes, self.inner = shape[:first], shape[first : first + k], shape[first + k :]
        self.middle = np.broadcast_shapes(*[i.shape for i in numbers])
        self.checks: list[Value] = []
        places: Value | None = None
        for i, n in zip(numbers, axes, strict=True):
            self.checks += b.check_within(i, -n, n - 1, f"an index is out of range for an axis of {n}")
            i = b.from_the_start(i, n)
            places = i if places is None else b.apply("add", b.apply("multiply", places, n), i)
        assert places is not None
        places, count = b.broadcast(places, self.middle), math.prod(axes)
        planes = math.prod(self.outer)
        if planes > 1:
            before = b.apply("multiply", b.iota((planes, *[1] * len(self.middle)), 0), count)
            places = b.apply("add", before, b.reshape(places, (1, *self.middle)))
        self.rows, self.flat = places, (planes * count, *self.inner)

    @property
    def result(self) -> tuple[int, ...]:
        return (*self.outer, *self.middle, *self.inner)


def _gathered(b: Builder, x: Value, places: Places) -> Value:
    return b.reshape(b.gather(b.reshape(x, places.flat), places.rows, places.checks), places.result)


def _scattered(b: Builder, part: Value, places: Places, shape: tuple[int, ...]) -> Value:
    part = b.reshape(b.broadcast(part, places.result), (*places.rows.shape, *places.inner))
    return b.reshape(b.scatter(part, places.rows, places.flat, places.checks), shape)


@lowering("take")
def _take(b: Builder, x: Value, indices: Any, axis: int) -> Value:
    return _gathered(b, x, Places(b, x.shape, [indices], [WHOLE] * (axis % len(x.shape)) + [ARRAY]))


@lowering("embedding")
def _embedding(b: Builder, x: Value, indices: Any, padding_idx: Any) -> Value:
    (rows,), n = _numbers([indices]), x.shape[0]
    b.check_within(rows, 0, n - 1, f"embedding: an index is none of the table's {n} rows")
    return _gathered(b, x, Places(b, x.shape, [indices], [ARRAY]))


@lowering("index")
def _index(b: Builder, x: Value, *indices: Any, template: tuple[Any, ...]) -> Value:
    return _gathered(b, x, Places(b, x.shape, indices, template))


@lowering("unindex")
def _unindex(b: Builder, part: Value, *indices: Any, template: tuple[Any, ...], shape: tuple[int, ...]) -> Value:
    return _scattered(b, part, Places(b, shape, indices, template), shape)


@lowering("lies_within")
def _lies_within(b: Builder, x: Value, low: float, high: float) -> Value:
    b.check_within(x, low, high, f"a value is outside {low:g} to {high:g}")
    return b.constant(True, BOOL)


# ---- along an axis -------------------------------------------------------------------------------------------------


def _along(b: Builder, indices: Any, shape: tuple[int, ...], axis: int, name: str) -> tuple[Value, list[Value]]:
    """Where each index along an axis leads in the flattened array, and the check, if one was made."""
    (indices,), n = _numbers([indices]), shape[axis]
    if len(indices.shape) != len(shape) or any(
        [m != n for a, (m, n) in enumerate(zip(indices.shape, shape, strict=True)) if a != axis]
    ):
        raise Unreadable("indices that are broadcast against the array")
    checked = b.check_within(indices, -n, n - 1, f"{name}: an index is out of range for an axis of {n}")
    places = b.apply("multiply", b.from_the_start(indices, n), math.prod(shape[axis + 1 :]))
    for a, length in enumerate(indices.shape):
        if a != axis and length > 1:
            step = math.prod(shape[a + 1 :])
            places = b.apply("add", places, b.apply("multiply", b.iota(indices.shape, a), step))
    return b.broadcast(places, indices.shape), checked


def _is_one_a_row(indices: Any, shape: tuple[int, ...], axis: int) -> bool:
    return isinstance(indices, Value) and axis == len(shape) - 1 and indices.shape == (*shape[:-1], 1)


def _found(b: Builder, indices: Value, shape: tuple[int, ...], axis: int) -> Value:
    """Where the index along the axis is the given one (from the end, where negative)."""
    return b.apply("equal", b.iota(shape, axis), b.from_the_start(indices, shape[axis]))


@lowering("take_along_axis")
def _take_along_axis(b: Builder, x: Value, indices: Any, axis: int) -> Value:
    """One index a row is found by comparing; adding up the row's rest, which is 0, keeps the value (of -0, 0)."""
    axis %= len(x.shape)
    places, checked = _along(b, indices, x.shape, axis, "take_along_axis")
    if _is_one_a_row(indices, x.shape, axis):
        picked = b.apply("where", _found(b, indices, x.shape, axis), x, b.constant(0, x.dtype))
        return b.reduce("sum", picked, axis, True)
    return b.gather(b.reshape(x, (x.size,)), places, checked)


@lowering("untake_along_axis")
def _untake_along_axis(b: Builder, part: Value, indices: Any, axis: int, shape: tuple[int, ...]) -> Value:
    axis %= len(shape)
    places, checked = _along(b, indices, shape, axis, "untake_along_axis")
    if indices.shape[axis] == 1:
        return b.apply("where", _found(b, indices, shape, axis), part, b.constant(0, part.dtype))
    return b.reshape(b.scatter(part, places, (math.prod(shape),), checked), shape)


def _place_of(extremum: str) -> Any:
    def lower(b: Builder, x: Value, axis: Any = None, keepdims: bool = False) -> Value:
        """The first place of what is the extremum; a NaN is."""
        whole = axis is None
        kept = (1,) * len(x.shape)
        x = b.reshape(x, (x.size,)) if whole else x
        axis = 0 if whole else axis % len(x.shape)
        n = x.shape[axis]
        chosen = b.apply("equal", x, b.reduce(extremum, x, axis, True))
        if x.dtype.kind == "f":
            chosen = b.apply("logical_or", chosen, b.apply("isnan", x))
        places = b.apply("where", chosen, b.iota(x.shape, axis), b.constant(n, I64))
        found = b.reduce("minimum_over", places, axis, keepdims and not whole)
        return b.reshape(found, kept) if whole and keepdims else found

    return lower


lowering("argmax")(_place_of("maximum_over"))
lowering("argmin")(_place_of("minimum_over"))


# ---- keys without arrays -------------------------------------------------------------------------------------------


def written(b: Builder, x: Value, v: Any, template: Sequence[Any]) -> Value:
    """x with v at a key of numbers and ranges."""
    if ARRAY in template:
        raise Unreadable("a write to what arrays of indices name")
    mask = np.zeros(x.shape, bool)
    mask[thawed(tuple(template))] = True
    shape = mask[thawed(tuple(template))].shape
    if not isinstance(v, Value):
        return b.apply("where", b.memory(mask), b.constant(v, x.dtype), x)
    v = b.cast(v, x.dtype)
    while len(v.shape) > len(shape):
        v = b.reshape(v, v.shape[1:])
    return b.apply("where", b.memory(mask), unsliced(b, b.broadcast(v, shape), tuple(template), x.shape), x)


@lowering("replace")
def _replace(b: Builder, x: Value, v: Any, *indices: Any, template: tuple[Any, ...]) -> Value:
    return written(b, x, v, template)


def _steps(shape: tuple[int, ...], offset: int) -> tuple[int, int, int]:
    """Of the matrices of a shape, flattened: where a diagonal begins, how long it is, and its step."""
    rows, columns = shape[-2:]
    start = offset if offset >= 0 else -offset * columns
    return start, max(min(rows + min(offset, 0), columns - max(offset, 0)), 0), columns + 1


@lowering("diagonal")
def _diagonal(b: Builder, x: Value, offset: int) -> Value:
    start, length, step = _steps(x.shape, offset)
    flat = b.reshape(x, (*x.shape[:-2], x.shape[-2] * x.shape[-1]))
    return b.slice(flat, (Ellipsis, slice(start, start + (length - 1) * step + 1, step)))


@lowering("undiagonal")
def _undiagonal(b: Builder, part: Value, offset: int, shape: tuple[int, ...]) -> Value:
    start, _, step = _steps(shape, offset)
    flat = (*shape[:-2], shape[-2] * shape[-1])
    return b.reshape(b.assemble([(part, (*[(0, 1)] * (len(shape) - 2), (start, step)))], flat), shape)
