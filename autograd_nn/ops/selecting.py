"""Choosing and replacing elements: by masks, by rows of a table (`embedding`), along an axis, and NumPy's edits.

Where NumPy moves elements about in a way of its own (`delete`, `insert`, `resize`), it is asked to move their positions,
and `take` follows: so there is no second account of what it does, and the derivative is that of `take`.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..engine.dtypes import operand
from ..engine.methods import method
from ..engine.op import nondifferentiable, op
from ..engine.protocol import implements
from ..engine.tensor import Tensor
from .comparison import equal
from .creation import zeros_like
from .elementwise import where
from .indexing import ARRAY, accumulate_at, along, replace, setitem, take, take_along_axis, unindex
from .joining import concat
from .searching import argpartition, flatnonzero
from .shape import all_arrayed, arrayed, astype, axis_of, broadcast_to_, operand_along, reshape, reshape_, stack
from .slicing import slice_

__all__ = [
    "choose", "compress", "delete", "embedding", "extract", "insert", "masked_fill", "partition", "piecewise",
    "put_along_axis", "select",
]  # fmt: skip

# ---- by masks ------------------------------------------------------------------------------------------------------


def _mask(name: str, mask: Any) -> Any:
    mask = arrayed(mask)
    if mask.dtype.kind != "b":
        raise TypeError(f"{name}: a mask is of bools, not {mask.dtype}; write it as a comparison, e.g. x > 0")
    return mask


@method
def masked_fill(x: Any, mask: Any, value: Any, /) -> Any:
    """x with a value where the mask is True; PyTorch's name for ``where(mask, value, x)`` in x's shape and dtype.

    `mask`: bools that broadcast to x. `value`: a number or a 0-d Tensor, which is differentiated, too.
    Raises TypeError for a mask of another dtype, ValueError for one that does not broadcast to x's shape.

    >>> ag.masked_fill(ag.tensor([1.0, 2.0, 3.0]), np.array([True, False, True]), -1.0)
    tensor([-1.,  2., -1.], dtype=float32)
    """
    x, mask = arrayed(x), _mask("masked_fill", mask)
    if np.ndim(value) != 0:
        raise ValueError(f"masked_fill: the value is one number, not of shape {np.shape(value)}; use ag.where")
    if hasattr(value, "dtype") and value.dtype != x.dtype:
        value = astype(value, x.dtype)
    if mask.shape != x.shape:
        mask = broadcast_to_(mask, x.shape)
    return where(mask, value, x)


@implements(np.select)
def select(condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0) -> Any:
    """From each place's first condition that is True, the element of the choice beside it; elsewhere the default.

    Conditions (bools), choices and the default broadcast; the choices and the default are differentiated.
    Raises ValueError if there are not as many choices as conditions, or none; TypeError for conditions that are not bools.

    >>> x = ag.tensor([-2.0, 0.5, 3.0])
    >>> ag.select([x < 0, x > 1], [-x, x * 10], x)
    tensor([ 2. ,  0.5, 30. ], dtype=float32)
    """
    if len(condlist) != len(choicelist) or not len(condlist):
        raise ValueError(f"select: {len(condlist)} conditions and {len(choicelist)} choices; each condition has one")
    # A list of numbers is an array; a number stays weak in promotion, as it is in `where`.
    out, *choices = [np.asarray(c) if isinstance(c, (list, tuple)) else c for c in (default, *choicelist)]
    dtype = np.result_type(*[getattr(c, "dtype", c) for c in (out, *choices)])
    for condition, choice in reversed(list(zip(condlist, choices, strict=True))):
        out = where(_mask("select", condition), choice, out)
    return out if out.dtype == dtype else astype(out, dtype)


@implements(np.piecewise)
def piecewise(x: Any, /, condlist: Any, funclist: Sequence[Any], *args: Any, **kw: Any) -> Any:
    """For each condition, the function beside it of the elements of x where it is True; elsewhere one more function, or 0.

    `condlist`: arrays of bools in the shape of x, of which the last that is True counts; `funclist`: functions of a vector
    (and of `args` and `kw`), or numbers, as many as conditions or one more for where none is True.
    Raises ValueError for another number of functions, TypeError for conditions that are not bools.

    >>> x = ag.tensor([-2.0, 0.5, 3.0])
    >>> ag.piecewise(x, [x < 0, x > 1], [lambda v: -v, lambda v: v**2, 7.0])
    tensor([2., 7., 9.], dtype=float32)
    """
    x = arrayed(x)
    several = isinstance(condlist, (list, tuple)) and (x.ndim == 0 or not isinstance(condlist[0], (bool, np.bool_)))
    conditions = [_mask("piecewise", arrayed(c)).reshape(-1) for c in (condlist if several else [condlist])]
    if len(funclist) == len(conditions) + 1:
        conditions.append(~functools.reduce(operator.or_, conditions))
    if len(funclist) != len(conditions):
        raise ValueError(
            f"piecewise: {len(funclist)} functions for {len(conditions)} conditions; give as many, or one more"
        )
    flat = reshape(x, -1)
    out = zeros_like(flat)
    for condition, function in zip(conditions, funclist, strict=True):
        out[condition] = function(flat[condition], *args, **kw) if callable(function) else function
    return reshape(out, x.shape)


@implements(np.choose)
def choose(a: Any, choices: Any, /, *, mode: str = "raise") -> Any:
    """For each place, the element of the choice whose number stands in `a`; all broadcast. The choices are differentiated.

    `mode`: numbers outside raise ValueError (``"raise"``, default), go round (``"wrap"``) or stop at the ends (``"clip"``).

    >>> ag.choose([0, 1, 0], [ag.tensor([1.0, 2.0, 3.0]), ag.tensor([10.0, 20.0, 30.0])])
    tensor([ 1., 20.,  3.], dtype=float32)
    """
    a, parts = arrayed(a), all_arrayed(choices)
    n = len(parts)
    if mode == "wrap":
        a = a % n
    elif mode == "clip":
        a = np.clip(a, 0, n - 1)
    elif mode != "raise":
        raise ValueError(f"choose: mode {mode!r} is not one of 'raise', 'wrap', 'clip'")
    elif a.size and not (int(a.min()) >= 0 and int(a.max()) < n):
        raise ValueError(f"choose: the numbers run from {int(a.min())} to {int(a.max())}, and there are {n} choices")
    shape = np.broadcast_shapes(a.shape, *[p.shape for p in parts])
    table = stack([broadcast_to_(p, shape) for p in parts])
    return slice_(take_along_axis(table, reshape_(broadcast_to_(a, shape), (1, *shape)), 0), (0,))


@implements(np.compress)
def compress(condition: Any, x: Any, /, axis: int | None = None) -> Any:
    """The slices of x along an axis at which a vector of conditions is True; None takes from the flattened x.

    >>> ag.compress([True, False, True], ag.tensor([1.0, 2.0, 3.0]))
    tensor([1., 3.], dtype=float32)
    """
    return take(operand_along("compress", x, axis), flatnonzero(condition), axis)


@implements(np.extract)
def extract(condition: Any, x: Any, /) -> Any:
    """The elements of x at which a condition of its size is True, in one axis: `x[condition]`, whatever the shapes.

    >>> ag.extract([[True, False], [False, True]], ag.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor([1., 4.], dtype=float32)
    """
    return compress(reshape_(arrayed(condition), (-1,)), x)


@implements(np.partition)
def partition(x: Any, /, kth: Any, axis: int | None = -1) -> Any:
    """x in an order along an axis in which the element at place `kth` is where sorting would put it, smaller ones before it.

    None partitions the flattened x. The derivative goes back to where each element stood.

    >>> float(ag.partition(ag.tensor([3.0, 1.0, 2.0]), 1)[1])
    2.0
    """
    x, axis = _along_or_flat("partition", x, axis)
    return take_along_axis(x, argpartition(x, kth, axis), axis)


# ---- along an axis, and in place -----------------------------------------------------------------------------------


def put_along_axis(x: Any, indices: Any, values: Any, /, axis: int = -1) -> Any:
    """x with values at the places that indices name along an axis: what `take_along_axis` would read. A new Tensor; x stays.

    `indices` (integers) has x's number of axes and its shape but for the axis; `values` broadcasts to it. Where an index
    repeats, the last value stays, and the derivative knows which that is. `np.put_along_axis(x, ...)` of a Tensor writes
    into it, as NumPy's does (and like ``x[...] = values`` is recorded).

    >>> ag.put_along_axis(ag.zeros((2, 2)), np.array([[1], [0]]), ag.tensor([[5.0], [7.0]]), axis=1)
    tensor([[0., 5.],
            [7., 0.]], dtype=float32)
    """
    x, indices = arrayed(x), arrayed(indices)
    key = _places_along("put_along_axis", x, indices, axis)
    return replace(x, values, *key, template=(ARRAY,) * len(key))


def _places_along(name: str, x: Any, indices: Any, axis: int) -> tuple[Any, ...]:
    if indices.dtype.kind not in "iu" or indices.ndim != x.ndim:
        raise IndexError(
            f"{name}: the indices must be integers with as many axes as x; they are {indices.dtype} of shape "
            f"{indices.shape} for x of {x.shape}"
        )
    return along(indices, axis_of(name, x, axis))


def _written_to(name: str, x: Any) -> None:
    if not isinstance(x, Tensor):
        raise TypeError(
            f"{name}: writes into its first argument, which is {type(x).__name__} and would lose the gradient"
        )


@implements(np.put_along_axis)
def _numpy_put_along_axis(arr: Any, indices: Any, values: Any, axis: int | None = -1) -> None:
    _written_to("np.put_along_axis", arr)
    indices = arrayed(indices)
    if axis is None:
        raise TypeError("np.put_along_axis: axis=None writes through a flattened view; write arr[...] with an index")
    setitem(arr, _places_along("np.put_along_axis", arr, indices, axis), values)


@implements(np.copyto)
def _numpy_copyto(dst: Any, src: Any, casting: str = "same_kind", where: Any = True) -> None:
    _written_to("np.copyto", dst)
    if casting != "same_kind":
        raise TypeError(f"np.copyto on a Tensor: casting={casting!r}; only 'same_kind' is checked here")
    if where is True:
        setitem(dst, ..., src)
    else:
        _numpy_putmask(dst, broadcast_to_(arrayed(where), dst.shape), broadcast_to_(arrayed(src), dst.shape))


@implements(np.putmask)
def _numpy_putmask(a: Any, mask: Any, values: Any) -> None:
    _written_to("np.putmask", a)
    values, mask = arrayed(values), _mask("np.putmask", mask)
    if values.ndim and values.shape != a.shape:
        values = reshape_(take(values, np.resize(np.arange(values.size), a.size)), a.shape)
    setitem(a, mask, values[mask] if values.ndim else values)


@implements(np.fill_diagonal)
def _numpy_fill_diagonal(a: Any, val: Any, wrap: bool = False) -> None:
    _written_to("np.fill_diagonal", a)
    if a.ndim != 2 or wrap:
        raise TypeError("np.fill_diagonal on a Tensor: takes matrices, without wrap=; index with x[i, i] = v")
    n = np.arange(min(a.shape))
    setitem(a, (n, n), val)


# ---- rows of a table -----------------------------------------------------------------------------------------------


def _embedding_fix(weight: Any, indices: Any, padding_idx: Any) -> str | None:
    rows, i = np.shape(weight), np.asarray(getattr(indices, "_array", indices))
    if len(rows) != 2:
        return f"the weight is a table (rows, features), not of shape {rows}"
    if i.dtype.kind not in "iu":
        return f"the indices are rows, integers, not {i.dtype}"
    if i.size and not (i.min() >= 0 and i.max() < rows[0]):
        return f"the indices run from {i.min()} to {i.max()}, and the table has {rows[0]} rows"
    return None


@op(kind="indexing", explain=_embedding_fix)
def embedding_(weight, indices, /, padding_idx):
    """The rows of a table."""
    indices = np.asarray(indices)
    if weight.ndim != 2 or indices.dtype.kind not in "iu" or (indices.size and indices.min() < 0):
        raise IndexError("not rows of a table")
    return weight[indices]


def _without_padding(g, indices, padding_idx):
    return g if padding_idx is None else where(slice_(equal(indices, padding_idx), (..., None)), 0.0, g)


embedding_.vjp(
    weight=lambda g, weight_shape, indices, padding_idx: unindex(
        _without_padding(g, indices, padding_idx), indices, template=(ARRAY,), shape=weight_shape
    ),
    indices=nondifferentiable,
).accumulate(
    weight=lambda total, g, indices, padding_idx: accumulate_at(
        total, _without_padding(g, indices, padding_idx), (indices,), (ARRAY,)
    )
)


def embedding(indices: Any, weight: Any, /, padding_idx: int | None = None) -> Any:
    """The rows of a table of vectors; the derivative adds up at the rows that were read. PyTorch's order of arguments.

    Shapes: indices (...), integers from 0; weight (rows, features) to (..., features). `padding_idx`: a row (from the end if
    negative) that no gradient reaches; it is read like any other. Raises IndexError for an index outside or a negative one,
    and for a `padding_idx` that is no row.

    >>> table = ag.tensor([[0.0, 0.0], [1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    >>> rows = ag.embedding(np.array([2, 0, 2]), table, padding_idx=0)
    >>> rows.sum().backward()
    >>> table.grad
    tensor([[0., 0.],
            [0., 0.],
            [2., 2.]], dtype=float32)
    """
    indices = indices if isinstance(indices, (Tensor, np.ndarray)) else np.asarray(indices)
    weight = weight if isinstance(weight, (Tensor, np.ndarray)) else operand(weight, "embedding")
    if padding_idx is not None:
        padding, rows = operator.index(padding_idx), weight.shape[0]
        if not -rows <= padding < rows:
            raise IndexError(f"embedding: padding_idx {padding} is no row of a table of {rows} rows")
        padding_idx = padding % rows
    return embedding_(weight, indices, padding_idx)


# ---- NumPy's edits: it moves the positions, take follows --------------------------------------------------------------


def _along_or_flat(name: str, x: Any, axis: int | None) -> tuple[Any, int]:
    x = arrayed(x)
    return (reshape_(x, (-1,)), 0) if axis is None else (x, axis_of(name, x, axis))


@implements(np.delete)
def delete(x: Any, /, obj: Any, axis: int | None = None) -> Any:
    """x without the elements (or slices along an axis) that an index, a slice or a list names; None flattens x.

    >>> ag.delete(ag.tensor([1.0, 2.0, 3.0]), 1)
    tensor([1., 3.], dtype=float32)
    """
    x, axis = _along_or_flat("delete", x, axis)
    return take(x, np.delete(np.arange(x.shape[axis]), _plain(obj)), axis)


@implements(np.insert)
def insert(x: Any, /, obj: Any, values: Any, axis: int | None = None) -> Any:
    """x with values before the positions that an index, a slice or a list names along an axis; None flattens x.

    `values` broadcasts as NumPy's does, and is cast to x's dtype. Both are differentiated.

    >>> ag.insert(ag.tensor([1.0, 2.0, 3.0]), 1, 9.0)
    tensor([1., 9., 2., 3.], dtype=float32)
    """
    x, axis = _along_or_flat("insert", x, axis)
    obj, v = _plain(obj), values if hasattr(values, "shape") else np.asarray(values, x.dtype)
    v = v if v.dtype == x.dtype else astype(v, x.dtype)
    n = x.shape[axis]
    v = reshape_(v, (1,) * (x.ndim - v.ndim) + v.shape) if v.ndim < x.ndim else v
    if not isinstance(obj, slice) and np.ndim(obj) == 0:  # then the values' first axis is the one inserted along
        v = v.transpose((*range(1, axis + 1), 0, *range(axis + 1, x.ndim)))
    single = not isinstance(obj, slice) and np.size(obj) == 1
    count = v.shape[axis] if single else len(np.insert(np.arange(n), obj, n)) - n
    v = broadcast_to_(v, (*x.shape[:axis], count, *x.shape[axis + 1 :]))
    places = np.insert(np.arange(n), obj, np.arange(n, n + count))
    return take(concat([x, v], axis=axis), places, axis)


@implements(np.resize)
def _numpy_resize(a: Any, new_shape: Any) -> Any:
    """The elements over and over until the new shape is full. `ag.resize` is another thing: it resizes images."""
    a = reshape_(arrayed(a), (-1,))
    return take(a, np.resize(np.arange(a.size), new_shape))


def _plain(obj: Any) -> Any:
    """An index as NumPy takes it."""
    return obj.detach().numpy() if isinstance(obj, Tensor) else obj
