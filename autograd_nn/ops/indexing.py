"""Indexing with arrays: `x[i]`, `x[mask]`, `x[i] = v`, take, gather and their adjoints, the scatters.

A key is split into a *template*, which is a parameter (ints, frozen slices, None, Ellipsis, and `ARRAY` where an array
stood), and the index arrays, which are array inputs. Reading copies; an index that repeats adds up in the adjoint.
"""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from ..engine.dtypes import operand
from ..engine.graph import SELECT
from ..engine.memory import cell_of
from ..engine.methods import method
from ..engine.modes import current
from ..engine.op import nondifferentiable, op
from ..engine.protocol import implements
from ..engine.tensor import Tensor, assign
from .elementwise import where
from .shape import sum_to_
from .slicing import slice_, thawed
from .totals import in_rows

__all__ = ["scatter_add", "take", "take_along_axis"]

ARRAY = "array"
WHOLE = (None, None, None)


def split_key(key: Any) -> tuple[tuple[Any, ...], list[Any]]:
    """The template and the index arrays of what stands in square brackets."""
    template: list[Any] = []
    arrays: list[Any] = []
    for k in key if type(key) is tuple else (key,):
        if type(k) is int or k is None or k is Ellipsis:
            template.append(k)
        elif type(k) is slice:
            template.append(tuple([None if n is None else operator.index(n) for n in (k.start, k.stop, k.step)]))
        elif isinstance(k, np.integer):
            template.append(int(k))
        else:
            index = k if isinstance(k, Tensor) else np.asarray(k)
            if index.dtype.kind == "f" and index.size == 0:
                index = np.asarray(k, np.intp)
            if index.dtype.kind not in "iub":
                raise IndexError(
                    f"indexing: an index must be integers, booleans, a slice, None or Ellipsis, not {index.dtype} "
                    f"({type(k).__name__}); cast it with .astype('int64')"
                )
            template.append(ARRAY)
            arrays.append(index)
    return tuple(template), arrays


def joined(template: tuple[Any, ...], indices: Any) -> tuple[Any, ...]:
    """The key that NumPy takes, from a template and its arrays."""
    rest = iter(indices)
    return thawed(tuple([next(rest) if k is ARRAY else k for k in template]))


def _index_fix(x: Any, *indices_and_template: Any) -> str | None:
    template = indices_and_template[-1]
    axes = sum([k is not None and k is not Ellipsis for k in template])
    return f"too many indices ({axes}) for {np.ndim(x)} axes" if axes > np.ndim(x) else None


@op(kind="indexing", explain=_index_fix)
def index(x, /, *indices, template):
    """x[key] for a key with index arrays: a copy."""
    return x[joined(template, indices)]


@op(kind="indexing")
def unindex(part, /, *indices, template, shape):
    """Zeros of the shape, with a part added at the key; where an index repeats, all its parts. The adjoint of `index`."""
    out = np.zeros(shape, part.dtype)
    accumulate_at(out, part, indices, template)
    return out


NATIVE = 1 << 12
"""Elements from which the native addition of rows is worth its loading."""


def _are_rows(total, g, indices, template):
    """Whether the key is one array of integers, all within the first axis, and the arrays are what the native loop takes."""
    first, *others = template
    return (
        first is ARRAY
        and all([k == WHOLE for k in others])
        and total.flags.c_contiguous
        and total.dtype == g.dtype
        and total.dtype.char in "fd"
        and g.shape == (*indices[0].shape, *total.shape[1:])
        and -total.shape[0] <= indices[0].min()
        and indices[0].max() < total.shape[0]
    )


def accumulate_at(total, g, indices, template):
    key = joined(template, indices)
    if all([i.dtype.kind == "b" for i in indices]):
        total[key] += g  # a mask names each element once
        return
    if g.size >= NATIVE and _are_rows(total, g, indices, template):
        from ..kernels import scattering

        scattering.add_rows(total, indices[0], np.ascontiguousarray(g))
        return
    places = _places(total.shape, template, indices) if total.flags.c_contiguous and g.dtype == total.dtype else None
    if places is None or places.shape != g.shape:
        np.add.at(total, key, g)
    else:  # one index into a flat array is what NumPy adds at fastest, by a factor of 3 to 5
        np.add.at(total.reshape(-1), places.reshape(-1), g.reshape(-1))


def _places(shape, template, indices):
    """Where a key of neighbouring integer arrays and whole axes leads in the flattened array; None for other keys."""
    first = template.index(ARRAY)
    last = first + len(indices)
    regular = template[first:last] == (ARRAY,) * len(indices) and all([k == WHOLE for k in template[:first]])
    if not regular or template[last:] or any([i.dtype.kind == "b" for i in indices]):
        return None
    places: Any = 0
    for axis, i in zip(range(first, last), indices, strict=True):
        n = shape[axis]
        if i.size and not (-n <= i.min() and i.max() < n):
            return None  # NumPy's own way to go says which index is out of range
        i = i.astype(np.intp)  # a byte does not hold a place
        places = places * n + np.where(i < 0, i + n, i)
    behind = math.prod(shape[last:])
    if behind != 1:
        places = np.add.outer(places * behind, np.arange(behind))
    before = math.prod(shape[:first])
    if before != 1:
        places = np.add.outer(np.arange(before) * (math.prod(shape[first:last]) * behind), places)
    middle = np.broadcast_shapes(*[i.shape for i in indices])
    return np.reshape(places, (*shape[:first], *middle, *shape[last:]))


index.vjp(
    x=lambda g, x_shape, indices, template: unindex(g, *indices, template=template, shape=x_shape),
    indices=nondifferentiable,
).accumulate(x=accumulate_at)
unindex.vjp(part=lambda g, indices, template: index(g, *indices, template=template), indices=nondifferentiable)


@op(kind="indexing", explain=_index_fix)
def replace(x, v, /, *indices, template):
    """A copy of x with v at the key."""
    out = np.array(x)
    out[joined(template, indices)] = v
    return out


@op(kind="indexing")
def survives(*indices, template, shape):
    """Which of the values written at the key are still there afterwards: an index that repeats keeps its last."""
    slots = np.zeros(shape, np.intp)
    key = joined(template, indices)
    order = np.arange(slots[key].size).reshape(slots[key].shape)
    slots[key] = order
    return slots[key] == order


survives.vjp(indices=nondifferentiable)


def _replaced_rule(g, indices, template):
    return replace(g, 0.0, *indices, template=template)


def _replacement_rule(g, v_shape, indices, template):
    part = index(g, *indices, template=template) if indices else slice_(g, template)
    if any([i.dtype.kind != "b" for i in indices]):
        part = where(survives(*indices, template=template, shape=g.shape), part, 0.0)
    extra = len(v_shape) - part.ndim  # NumPy lets the value have leading axes of length 1
    return sum_to_(part, v_shape[extra:]).reshape(v_shape) if extra > 0 else sum_to_(part, v_shape)


replace.vjp(x=_replaced_rule, v=_replacement_rule, indices=nondifferentiable)


@method(name="__getitem__")
def getitem(x: Any, key: Any, /) -> Any:
    """x[key], as NumPy's: basic keys give views, index arrays and masks give copies."""
    recorded = not isinstance(x, Tensor) or x.requires_grad
    if type(key) is int and recorded:
        return slice_(x, (key,))
    template, indices = split_key(key)
    if indices:
        return index(x, *indices, template=template)
    if not recorded and Ellipsis not in template:  # with an Ellipsis NumPy gives one element, too, as a view
        template = (*template, Ellipsis)
    return slice_(x, template)


@method(name="__setitem__")
def setitem(x: Any, key: Any, value: Any, /) -> None:
    """x[key] = value: a fresh array and node where it is recorded, a write into the memory where it is not.

    Raises RuntimeError on a leaf that requires a gradient and on a view of a recorded result.
    """
    template, indices = split_key(key)
    recorded = current().grad and (x.requires_grad or (isinstance(value, Tensor) and value.requires_grad))
    if recorded and x.requires_grad and x.is_leaf:
        raise RuntimeError(
            "setitem: writing into a leaf that requires a gradient would lose it; "
            "write into x = x.copy(), or into the leaf under ag.no_grad()"
        )
    if not recorded and not x.is_leaf:
        raise RuntimeError(
            f"setitem: writing under no_grad into a recorded result (of {x.node.maker.op.name}), whose value the graph may need; "
            f"take x = x.detach().copy() first"
        )
    if _is_view(x) if recorded else not x._memory().flags.writeable:
        raise RuntimeError(
            "setitem: this Tensor is a view (or read-only), and a write through it would not reach what it views; "
            "write into the original, or into x = x.copy()"
        )
    if recorded or current().tracer is not None:
        dtype = getattr(value, "dtype", None)
        if dtype is not None and not np.can_cast(dtype, x.dtype, "same_kind"):
            raise TypeError(
                f"setitem: a {dtype} value does not fit a {x.dtype} Tensor; make that floating with .astype"
            )
        result = replace(x, value, *indices, template=template)
        if recorded:
            x._become(result)
        else:
            assign(x, result)
        return
    key = joined(template, [i._array if isinstance(i, Tensor) else i for i in indices])
    if indices:  # a copy: check that the value fits by writing it there first, then write the whole
        part = Tensor._of(x._array[key])
        assign(part, value)
        x._array[key] = part._array
        assign(x, x)
    else:
        part = Tensor._of(
            x._array[key if Ellipsis in key else (*key, ...)]
        )  # with an Ellipsis one element is a view, too
        part.cell = cell_of(x)
        assign(part, value)


def _is_view(x: Tensor) -> bool:
    """Whether a recorded Tensor shares memory with what it was made from."""
    node = x.node
    if node is None or node.op is None:
        return x._array.base is not None and x.cell is not None and x.cell.viewed
    return node.op is not SELECT and node.op.kind == "view"


# ---- along one axis ------------------------------------------------------------------------------------------------


def _take_fix(x: Any, indices: Any, axis: Any) -> str | None:
    shape = np.shape(x)
    if not -len(shape) <= axis < len(shape):
        return f"there is no axis {axis} in shape {shape}"
    return None


@op(kind="indexing", explain=_take_fix)
def take_(x, indices, /, axis):
    """The elements of x at indices along an axis."""
    if np.asarray(indices).dtype.kind not in "iu":
        raise IndexError(f"the indices are {np.asarray(indices).dtype}, not integers; a mask selects with x[mask]")
    return np.take(x, indices, axis)


take_.vjp(
    x=lambda g, x_shape, indices, axis: unindex(g, indices, template=_at(axis, len(x_shape)), shape=x_shape),
    indices=nondifferentiable,
).accumulate(x=lambda total, g, indices, axis: accumulate_at(total, g, (indices,), _at(axis, total.ndim)))


def _at(axis: int, ndim: int) -> tuple[Any, ...]:
    return (*[WHOLE] * (axis % ndim), ARRAY)


@method
def take(x: Any, indices: Any, /, axis: int | None = None) -> Any:
    """The elements (or rows) of x at integer indices along an axis; None takes from the flattened x.

    The result has the indices' axes where the axis was. Raises IndexError for an index out of range.

    >>> ag.take(ag.tensor([[1.0, 2.0], [3.0, 4.0]]), [1, 1, 0], axis=0)
    tensor([[3., 4.],
            [3., 4.],
            [1., 2.]], dtype=float32)
    """
    if axis is None:
        x, axis = x.reshape(-1) if hasattr(x, "reshape") else np.reshape(x, -1), 0
    return take_(x, np.asarray(indices) if isinstance(indices, (list, tuple, int)) else indices, operator.index(axis))


@implements(np.take)
def _numpy_take(a: Any, indices: Any, axis: int | None = None, *, mode: str = "raise") -> Any:
    n = a.size if axis is None else a.shape[axis]
    if mode == "wrap":
        indices = np.remainder(indices, n)
    elif mode == "clip":
        indices = np.clip(indices, 0, n - 1)
    return take(a, indices, axis)


def scatter_add(x: Any, indices: Any, values: Any, /, axis: int = 0) -> Any:
    """x with values added at integer indices along an axis; where an index repeats, all its values. The adjoint of `take`.

    `values` has the shape of `take(x, indices, axis)`. A new Tensor; x stays.

    >>> ag.scatter_add(ag.zeros((3,)), [0, 2, 2], ag.tensor([1.0, 2.0, 3.0]))
    tensor([1., 0., 5.], dtype=float32)
    """
    indices = np.asarray(indices) if isinstance(indices, (list, tuple, int)) else indices
    expected = (*x.shape[: axis % x.ndim], *indices.shape, *x.shape[axis % x.ndim + 1 :])
    x = x if isinstance(x, (Tensor, np.ndarray)) else operand(x, "scatter_add")
    values = values if isinstance(values, (Tensor, np.ndarray)) else operand(values, "scatter_add")
    if values.shape != expected:
        raise ValueError(
            f"scatter_add: values of shape {values.shape} for indices of {indices.shape} along axis {axis} of {x.shape}; "
            f"they must have the shape of take, {expected}"
        )
    return x + unindex(values, indices, template=_at(axis, x.ndim), shape=x.shape)


def along(indices: Any, axis: int) -> tuple[Any, ...]:
    """The key that pairs each index with its own place on the other axes."""
    key: list[Any] = [np.arange(n).reshape((-1,) + (1,) * (indices.ndim - i - 1)) for i, n in enumerate(indices.shape)]
    key[axis] = indices
    return tuple(key)


@op(kind="indexing", numpy=np.take_along_axis)
def take_along_axis(x, indices, /, axis=-1):
    """For each place, the element of x that its index names along the axis; PyTorch's gather.

    `indices` has x's number of axes, and its shape but for the axis. Raises IndexError for an index out of range.

    >>> ag.take_along_axis(ag.tensor([[1.0, 2.0], [3.0, 4.0]]), np.array([[1], [0]]), axis=1)
    tensor([[2.],
            [3.]], dtype=float32)
    """
    if in_rows(x, axis) and (found := _taken_in_rows(x, indices)) is not None:
        return found
    places = _places_along(x, indices, axis) if np.size(indices) >= 4096 else None
    return np.take_along_axis(x, indices, axis) if places is None else x.reshape(-1).take(places)


def _are_in_rows(shape, indices):
    """Whether indices into the last axis are what the native loops take."""
    return type(indices) is np.ndarray and indices.dtype == np.int64 and indices.shape[:-1] == shape[:-1]


def _taken_in_rows(x, indices):
    """The native `take_along_axis` of the last axis; None for indices it does not take, NumPy says what is wrong with them."""
    if not _are_in_rows(x.shape, indices):
        return None
    from ..kernels import rows

    out, fault = np.empty(indices.shape, x.dtype), np.zeros(1, np.int64)
    rows.run(rows.take, x.shape, x, np.ascontiguousarray(indices), out, fault, more=indices.shape[-1])
    return None if fault[0] else out


def _added_in_rows(out, part, indices):
    """Add each part where its index of the last axis names, natively; False if NumPy is to say what is wrong with them."""
    if not _are_in_rows(out.shape, indices) or part.shape != indices.shape:
        return False
    from ..kernels import rows

    fault = np.zeros(1, np.int64)
    arrays = np.ascontiguousarray(part), np.ascontiguousarray(indices), out, fault
    rows.run(rows.add_at, out.shape, *arrays, more=indices.shape[-1])
    return not fault[0]


def _places_along(x, indices, axis):
    """Where each index leads in the flattened x, from which NumPy takes three times faster; None where that does not do."""
    ndim = x.ndim
    if not (x.flags.c_contiguous and type(indices) is np.ndarray and indices.ndim == ndim and -ndim <= axis < ndim):
        return None
    axis %= ndim
    alike = x.shape[:axis] == indices.shape[:axis] and x.shape[axis + 1 :] == indices.shape[axis + 1 :]
    if not alike or indices.dtype.kind not in "iu" or indices.min() < 0 or indices.max() >= x.shape[axis]:
        return None
    places = indices.astype(np.intp) * math.prod(x.shape[axis + 1 :])  # a byte does not hold a place
    for other, n in enumerate(x.shape):
        if other != axis and n > 1:
            steps = np.arange(n) * math.prod(x.shape[other + 1 :])
            places += steps.reshape((-1,) + (1,) * (ndim - other - 1))
    return places


@op(kind="indexing")
def untake_along_axis(part, indices, /, axis, shape):
    """Zeros of the shape with each part added where its index names: the adjoint of `take_along_axis`."""
    out = np.zeros(shape, part.dtype)
    if not (in_rows(out, axis) and _added_in_rows(out, part, indices)):
        accumulate_at(out, part, along(indices, axis), (ARRAY,) * out.ndim)
    return out


take_along_axis.vjp(
    x=lambda g, x_shape, indices, axis: untake_along_axis(g, indices, axis, x_shape),
    indices=nondifferentiable,
)
untake_along_axis.vjp(part=lambda g, indices, axis: take_along_axis(g, indices, axis), indices=nondifferentiable)
implements(np.take_along_axis)(lambda arr, indices, axis=-1: take_along_axis(arr, indices, axis))
