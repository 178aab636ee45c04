"""How operations that are not elementwise become primitives: views, joining, products, gathering, sums of pieces.

A row takes the builder, the inputs (values, Python numbers or None) and the parameters, and returns the value of the result. It
raises Unreadable where there is no native form.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from .build import Builder, Unreadable
from .program import Value

Lower = Callable[..., Value | tuple[Value, ...]]
LOWER: dict[str, Lower] = {}
F = TypeVar("F", bound=Lower)


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
def unsliced(b: Builder, part: Value, key: Any, shape: tuple[int, ...]) -> Value:
    """Zeros of the shape with a part at a key of ints, slices, None and Ellipsis."""
    key, starts, lengths, turned, axis = list(thawed(key)), [], [], [], 0
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
        turned.append(slice(None, None, -1 if step < 0 else 1))
        starts.append((start + (lengths[-1] - 1) * step, -step) if step < 0 else (start, step))
        axis += 1
    part = b.slice(b.reshape(part, tuple(lengths)), tuple(turned))
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
    if len(xs) > 2:  # two at a time, from the left
        rest = "".join([*inputs[2:], output])
        kept = "".join([k for k in dict.fromkeys(inputs[0] + inputs[1]) if k in rest])
        first = _einsum(b, *xs[:2], inputs=inputs[:2], output=kept)
        return _einsum(b, first, *xs[2:], inputs=(kept, *inputs[2:]), output=output)
    if xs[0].dtype != xs[1].dtype:
        raise Unreadable("a contraction of two dtypes")
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
