"""How operations that are not elementwise become primitives: views, joining, products, gathering, sums of pieces.

A row takes the builder, the inputs (values, Python numbers or None) and the parameters, and returns the value of the result. It
raises Unreadable where there is no native form.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from .build import Builder, Unreadable
from .program import BOOL, Value

Lower = Callable[..., Value | tuple[Value, ...]]
LOWER: dict[str, Lower] = {}
F = TypeVar("F", bound=Lower)

MOST_CLASSES = 4096
"""Up to how many entries of a row an index is found by comparing each: it costs one pass that fuses with its neighbours."""


def lowering(name: str) -> Callable[[F], F]:
    def add(function: F) -> F:
        LOWER[name] = function
        return function

    return add


def array(b: Builder, x: Any, like: Value | None = None) -> Value:
    """An operand as a value; a Python number in the dtype of another."""
    if isinstance(x, Value):
        return x
    if like is None:
        raise Unreadable(f"an array input that is {type(x).__name__}")
    return b.constant(x, like.dtype)


def thawed(key: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple([slice(*k) if type(k) is tuple else k for k in key])


# ---- views and copies ----------------------------------------------------------------------------------------------

LOWER["reshape"] = lambda b, x, shape: b.reshape(x, shape)
LOWER["transpose"] = lambda b, x, axes: b.transpose(x, axes)
LOWER["broadcast_to"] = lambda b, x, shape: b.broadcast(x, shape)
LOWER["slice"] = lambda b, x, key: b.slice(x, thawed(key))
LOWER["detach"] = LOWER["copy"] = lambda b, x: array(b, x)
LOWER["astype"] = lambda b, x, dtype: b.cast(x, dtype)


@lowering("zeros_like")
def _zeros_like(b: Builder, x: Value, dtype: Any, device: Any = None) -> Value:
    return b.full(0, x.shape, np.dtype(dtype or x.dtype))


@lowering("ones_like")
def _ones_like(b: Builder, x: Value, dtype: Any, device: Any = None) -> Value:
    return b.full(1, x.shape, np.dtype(dtype or x.dtype))


@lowering("full_like")
def _full_like(b: Builder, x: Value, fill_value: Any, dtype: Any, device: Any = None) -> Value:
    return b.full(fill_value, x.shape, np.dtype(dtype or x.dtype))


# ---- pieces --------------------------------------------------------------------------------------------------------


@lowering("concatenate")
def _concatenate(b: Builder, *xs: Any, axis: int) -> Value:
    dtype = np.result_type(*[x.dtype for x in xs])
    axis, start, parts = axis % len(xs[0].shape), 0, []
    for x in xs:
        parts.append((b.cast(x, dtype), tuple([(start if a == axis else 0, 1) for a in range(len(x.shape))])))
        start += x.shape[axis]
    shape = tuple([start if a == axis else n for a, n in enumerate(xs[0].shape)])
    return b.assemble(parts, shape) if len(xs) > 1 else parts[0][0]


@lowering("stack")
def _stack(b: Builder, *xs: Any, axis: int) -> Value:
    axis %= len(xs[0].shape) + 1
    return _concatenate(b, *[b.reshape(x, (*x.shape[:axis], 1, *x.shape[axis:])) for x in xs], axis=axis)


@lowering("unslice")
def _unslice(b: Builder, part: Value, key: Any, shape: tuple[int, ...]) -> Value:
    key, starts, lengths, axis = list(thawed(key)), [], [], 0
    if Ellipsis in key:
        missing = len(shape) - sum(1 for k in key if k is not None and k is not Ellipsis)
        at = key.index(Ellipsis)
        key[at : at + 1] = [slice(None)] * missing
    key += [slice(None)] * (len(shape) - sum(1 for k in key if k is not None))
    for k in key:
        if k is None:
            continue
        if isinstance(k, slice):
            start, stop, step = k.indices(shape[axis])
            lengths.append(len(range(start, stop, step)))
        else:
            start, step = int(k) % shape[axis], 1
            lengths.append(1)
        if step < 0:
            raise Unreadable("a slice that runs backwards")
        starts.append((start, step))
        axis += 1
    part = b.reshape(part, tuple(lengths))
    return part if part.shape == shape else b.assemble([(part, tuple(starts))], shape)


# ---- products ------------------------------------------------------------------------------------------------------


@lowering("matmul")
def _matmul(b: Builder, x: Value, y: Value) -> Value:
    if not isinstance(x, Value) or not isinstance(y, Value):
        raise Unreadable("a product with a number")
    dtype = np.result_type(x.dtype, y.dtype)
    x, y = b.cast(x, dtype), b.cast(y, dtype)
    row, column = len(x.shape) == 1, len(y.shape) == 1
    x = b.reshape(x, (1, *x.shape)) if row else x
    y = b.reshape(y, (*y.shape, 1)) if column else y
    out = b.matmul(x, y)
    shape = (*out.shape[:-2], *([] if row else [out.shape[-2]]), *([] if column else [out.shape[-1]]))
    return b.reshape(out, shape)


@lowering("einsum")
def _einsum(b: Builder, *xs: Value, inputs: tuple[str, ...], output: str) -> Value:
    """Two operands: their shared letters are a batch or contracted, so it is one product of transposed views."""
    if len(xs) == 1:
        return _einsum_one(b, xs[0], inputs[0], output)
    if len(xs) != 2 or xs[0].dtype != xs[1].dtype:
        raise Unreadable("a contraction of more than two operands")
    (x, y), (a, c) = xs, inputs
    sizes = dict(zip(a, x.shape, strict=True))
    if any([sizes.get(letter, n) != n for letter, n in zip(c, y.shape, strict=True)]):
        raise Unreadable("a contraction that broadcasts")
    sizes |= dict(zip(c, y.shape, strict=True))
    batch = [k for k in a if k in c and k in output]
    met = [k for k in a if k in c and k not in output]
    rows, columns = [k for k in a if k not in c], [k for k in c if k not in a]
    if any([k not in output for k in (*rows, *columns)]):
        raise Unreadable("a contraction with a letter that stands alone")

    def count(letters: list[str]) -> int:
        return int(np.prod([sizes[k] for k in letters], dtype=np.int64))

    lead = tuple([sizes[k] for k in batch])
    left = b.transpose(x, [a.index(k) for k in (*batch, *rows, *met)])
    right = b.transpose(y, [c.index(k) for k in (*batch, *met, *columns)])
    left = b.reshape(left, (*lead, count(rows), count(met)))
    right = b.reshape(right, (*lead, count(met), count(columns)))
    letters = [*batch, *rows, *columns]
    out = b.reshape(b.matmul(left, right), tuple([sizes[k] for k in letters]))
    return b.transpose(out, [letters.index(k) for k in output])


def _einsum_one(b: Builder, x: Value, letters: str, output: str) -> Value:
    if x.dtype.kind != "f":
        raise Unreadable("a sum of integers by einsum")
    gone = tuple([i for i, k in enumerate(letters) if k not in output])
    kept = [k for k in letters if k in output]
    out = b.reduce("sum", x, gone, False) if gone else x
    return b.transpose(out, [kept.index(k) for k in output])


# ---- rows ----------------------------------------------------------------------------------------------------------


@lowering("take")
def _take(b: Builder, x: Value, indices: Any, axis: int) -> Value:
    if axis % len(x.shape) or not isinstance(indices, Value):
        raise Unreadable("rows along another axis than the first")
    return b.take_rows(x, indices)


@lowering("embedding")
def _embedding(b: Builder, x: Value, indices: Any, padding_idx: Any) -> Value:
    if not isinstance(indices, Value) or indices.dtype.kind not in "iu":
        raise Unreadable("indices that are no array of integers")
    b.check_within(indices, 0, x.shape[0] - 1, f"embedding: an index is none of the table's {x.shape[0]} rows")
    return b.take_rows(x, indices)


@lowering("index")
def _index(b: Builder, x: Value, *indices: Any, template: tuple[Any, ...]) -> Value:
    if template != ("array",) or not isinstance(indices[0], Value):
        raise Unreadable("an index that is more than one array of rows")
    return b.take_rows(x, indices[0])


@lowering("unindex")
def _unindex(b: Builder, part: Value, *indices: Any, template: tuple[Any, ...], shape: tuple[int, ...]) -> Value:
    if template != ("array",) or not isinstance(indices[0], Value):
        raise Unreadable("an index that is more than one array of rows")
    expected = (*indices[0].shape, *shape[1:])
    return b.add_rows(b.broadcast(part, expected), indices[0], shape)


@lowering("lies_within")
def _lies_within(b: Builder, x: Value, low: float, high: float) -> Value:
    b.check_within(x, low, high, f"a value is outside {low:g} to {high:g}")
    return b.constant(True, BOOL)


# ---- gathering -----------------------------------------------------------------------------------------------------


def _found(b: Builder, indices: Value, shape: tuple[int, ...], axis: int) -> Value:
    """Where the index along the axis is the given one (from the end, where negative)."""
    n = shape[axis]
    if indices.dtype.kind not in "iu" or n > MOST_CLASSES:
        raise Unreadable("an index along a long axis")
    return b.apply("equal", b.iota(shape, axis), b.from_the_start(indices, n))


@lowering("take_along_axis")
def _take_along_axis(b: Builder, x: Value, indices: Value, axis: int) -> Value:
    """One index a row is found by comparing; adding up the row's rest, which is 0, keeps the value (of -0, 0)."""
    axis %= len(x.shape)
    if len(indices.shape) != len(x.shape) or indices.shape[axis] != 1 or axis != len(x.shape) - 1:
        raise Unreadable("several indices a row")
    n = x.shape[axis]
    b.check_within(indices, -n, n - 1, f"take_along_axis: an index is out of range for an axis of {n}")
    picked = b.apply("where", _found(b, indices, x.shape, axis), x, b.constant(0, x.dtype))
    return b.reduce("sum", picked, axis, True)


@lowering("untake_along_axis")
def _untake_along_axis(b: Builder, part: Value, indices: Value, axis: int, shape: tuple[int, ...]) -> Value:
    axis %= len(shape)
    if indices.shape[axis] != 1:
        raise Unreadable("several indices a row")
    return b.apply("where", _found(b, indices, shape, axis), part, b.constant(0, part.dtype))
