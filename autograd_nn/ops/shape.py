"""Shape: reshape, transpose, broadcast, joining, and leaving the graph. Views share memory, as NumPy's do."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..engine.dtypes import as_array
from ..engine.methods import attach, method
from ..engine.op import nondifferentiable, op
from ..engine.protocol import implements
from .slicing import slice_
from .totals import total

if TYPE_CHECKING:
    from numpy.typing import DTypeLike


__all__ = [
    "astype", "broadcast_to", "concatenate", "copy", "detach", "ravel", "reshape", "stack", "transpose",
]  # fmt: skip


def as_shape(shape: Any) -> tuple[int, ...]:
    """A shape given as an int or a sequence of ints (NumPy's, Python's or 0-d Tensors), as a tuple of Python ints."""
    try:
        return (operator.index(shape),)
    except TypeError:
        return tuple([operator.index(n) for n in shape])


def arrayed(x: Any, *beside: Any) -> Any:
    """x itself if it has a shape, else (numbers, lists) an array of it, of the dtype of the operands beside it."""
    return x if hasattr(x, "shape") else as_array(x, copy=False, beside=beside)


def all_arrayed(xs: Iterable[Any]) -> list[Any]:
    """Operands that go together, each `arrayed` beside the others."""
    xs = list(xs)
    return [arrayed(x, *xs) for x in xs]


def axis_of(name: str, x: Any, axis: Any, extra: int = 0) -> int:
    """An axis of x counted from the front; `extra` axes are about to be added. AxisError names the function."""
    n = x.ndim + extra
    index = operator.index(axis)
    if not -n <= index < n:
        raise np.exceptions.AxisError(f"{name}: there is no axis {axis} in {n} axes; the array has shape {x.shape}")
    return index % n


def axes_of(name: str, x: Any, axes: Any, extra: int = 0) -> tuple[int, ...]:
    """One axis or several, counted from the front and each named once."""
    found = tuple([axis_of(name, x, a, extra) for a in as_shape(axes)])
    if len(set(found)) < len(found):
        raise ValueError(f"{name}: the axes {tuple(axes)} name one twice")
    return found


def operand_along(name: str, x: Any, axis: Any) -> Any:
    """x as an operand of a function composed of others: an axis (or several) that it has not raises under the function's name.

    None is all axes, and a number has one axis to reduce, as NumPy has it.
    """
    x = arrayed(x)
    if axis is not None and x.ndim:
        axes_of(name, x, axis)
    return x


def _reshape_fix(x: Any, shape: Any) -> str | None:
    n, known = int(np.prod(np.shape(x))), int(np.prod([s for s in shape if s != -1]))
    if shape.count(-1) > 1:
        return "only one axis can be -1"
    if -1 in shape:
        return f"{n} elements do not fill axes of {known}"
    return f"{n} elements do not fit a shape of {known}"


@op(kind="view", explain=_reshape_fix)
def reshape_(x, /, shape):
    """x in another shape of as many elements."""
    return x.reshape(shape)


reshape_.vjp(x=lambda g, x_shape: reshape_(g, x_shape))


@method
def reshape(x: Any, /, *dims: Any, shape: Any = None, order: str = "C", copy: bool | None = None) -> Any:
    """The same elements, in row-major order, in another shape; one axis may be -1, which is what remains.

    The shape is a tuple (also as ``shape=``) or the axes one by one. `order`: ``"F"`` takes and puts the elements column by
    column. A view where NumPy can make one, unless `copy` is True. Raises ValueError if the elements do not fit.

    >>> ag.reshape(ag.tensor([1, 2, 3, 4]), (2, -1))
    tensor([[1, 2],
            [3, 4]], dtype=int64)
    """
    if shape is None:
        shape = dims[0] if len(dims) == 1 else dims
    elif dims:
        raise TypeError(f"reshape: the shape was given twice, as {dims} and as shape={shape}")
    if order == "F":
        out = transpose(reshape_(transpose(x), as_shape(shape)[::-1]))
    elif order == "C":
        out = reshape_(x, as_shape(shape))
    else:
        raise ValueError(
            f"reshape: the order is 'C' or 'F' here, not {order!r}: how memory lies is not for a result to depend on"
        )
    return copied(out) if copy else out


@implements(np.reshape)
def _numpy_reshape(a: Any, /, shape: Any, order: str = "C", *, copy: bool | None = None) -> Any:
    return reshape(a, shape, order=order, copy=copy)


@op(kind="view")
def transpose_(x, /, axes):
    """The axes in another order."""
    return x.transpose(axes)


transpose_.vjp(x=lambda g, axes: transpose_(g, inverse(axes)))


def inverse(axes: tuple[int, ...]) -> tuple[int, ...]:
    """The permutation that undoes this one."""
    back = [0] * len(axes)
    for position, axis in enumerate(axes):
        back[axis] = position
    return tuple(back)


@method
def transpose(x: Any, /, *order: Any, axes: Sequence[int] | None = None) -> Any:
    """The axes in the given order, by default reversed, as NumPy's; a view. PyTorch's `transpose` is `swapaxes`.

    The order is a tuple (also as ``axes=``) or the axes one by one. Raises ValueError unless it is a permutation.

    >>> ag.transpose(ag.ones((2, 3, 4)), (1, 0, 2)).shape
    (3, 2, 4)
    """
    n = np.ndim(x) if not hasattr(x, "ndim") else x.ndim
    if order:
        axes = order[0] if len(order) == 1 else order
    wanted = tuple(range(n - 1, -1, -1)) if axes is None else tuple([a + n if a < 0 else a for a in as_shape(axes)])
    if sorted(wanted) != list(range(n)):
        hint = "; swapaxes exchanges two" if n > len(wanted) == 2 else ""
        raise ValueError(f"transpose: axes {wanted} are not a permutation of the {n} axes of shape {np.shape(x)}{hint}")
    return transpose_(x, wanted)


implements(np.transpose)(lambda a, axes=None: transpose(a, axes))


@op(kind="view")
def broadcast_to_(x, /, shape):
    """x repeated to a shape, without copying."""
    x = np.asarray(x)
    if not x.flags.c_contiguous or not x.size:
        return np.broadcast_to(x, shape)
    # The same in a tenth of the time, which every sum's rule would pay.
    lead = len(shape) - x.ndim
    if lead < 0 or any([n != m and n != 1 for n, m in zip(x.shape, shape[lead:], strict=True)]):
        raise ValueError(f"shape {x.shape} does not broadcast to {shape}: each axis must be equal or 1")
    strides = (0,) * lead + tuple([0 if n == 1 else s for n, s in zip(x.shape, x.strides, strict=True)])
    view = np.ndarray(shape, x.dtype, x, 0, strides)
    view.flags.writeable = False
    return view


def sum_to_(g: Any, shape: tuple[int, ...]) -> Any:
    """The adjoint of broadcasting: sums over the axes that were repeated."""
    lead = g.ndim - len(shape)
    axes = (*range(lead), *[lead + i for i, n in enumerate(shape) if n == 1 and g.shape[lead + i] != 1])
    if type(g) is np.ndarray:
        return total(g, axes, True).reshape(shape) if axes else g
    return g.sum(axis=axes, keepdims=True).reshape(shape) if axes else g


broadcast_to_.vjp(x=lambda g, x_shape: sum_to_(g, x_shape))


@method(numpy=np.broadcast_to)
def broadcast_to(x: Any, /, shape: Any) -> Any:
    """x repeated along axes of length 1 and new leading axes, without copying; the result is read-only.

    Raises ValueError if it does not broadcast.

    >>> ag.broadcast_to(ag.tensor([1.0, 2.0]), (2, 2))
    tensor([[1., 2.],
            [1., 2.]], dtype=float32)
    """
    return broadcast_to_(x, as_shape(shape))


def _slices(g: Any, shapes: Any, axis: int, wanted: Any) -> list[Any]:
    """The parts of g that a concatenation put along the axis."""
    parts, start = [], 0
    for shape, w in zip(shapes, wanted, strict=True):
        stop = start + shape[axis]
        key = ((None, None, None),) * (axis % g.ndim) + ((start, stop, None),)
        parts.append(slice_(g, key) if w else None)
        start = stop
    return parts


def _join_fix(*args: Any) -> str | None:
    *arrays, axis = args
    shapes = [np.shape(a) for a in arrays]
    if len({len(s) for s in shapes}) > 1:
        return "the arrays have different numbers of axes; reshape them, or use ag.stack to join along a new axis"
    if not -len(shapes[0]) <= axis < len(shapes[0]):
        return f"there is no axis {axis} in shape {shapes[0]}"
    return f"the shapes differ outside axis {axis}"


@op(kind="copy", explain=_join_fix)
def concatenate_(*xs, axis):
    """The arrays one after the other along an axis."""
    return np.concatenate(xs, axis)


concatenate_.vjp(xs=lambda g, xs_shapes, axis, wanted: _slices(g, xs_shapes, axis, wanted))


@implements(np.concatenate)
def concatenate(arrays: Sequence[Any], axis: int | None = 0) -> Any:
    """The arrays one after the other along an existing axis; None flattens them first.

    Raises ValueError if there are none or their shapes differ elsewhere.

    >>> ag.concatenate([ag.tensor([1.0]), ag.tensor([2.0, 3.0])])
    tensor([1., 2., 3.], dtype=float32)
    """
    arrays = list(arrays)
    if not arrays:
        raise ValueError("concatenate: there are no arrays to join")
    if axis is None:
        arrays, axis = [reshape(a, -1) for a in arrays], 0
    return concatenate_(*arrays, axis=operator.index(axis))


def _stack_fix(*args: Any) -> str | None:
    shapes = sorted({np.shape(a) for a in args[:-1]})
    return f"the shapes must be equal, not {', '.join(map(str, shapes))}" if len(shapes) > 1 else None


@op(kind="copy", explain=_stack_fix)
def stack_(*xs, axis):
    """Arrays of one shape along a new axis."""
    return np.stack(xs, axis)


def _stack_rule(g, axis, wanted):
    lead = ((None, None, None),) * (axis % g.ndim)
    return [slice_(g, (*lead, i)) if w else None for i, w in enumerate(wanted)]


stack_.vjp(xs=_stack_rule)


@implements(np.stack)
def stack(arrays: Sequence[Any], axis: int = 0) -> Any:
    """Arrays of one shape joined along a new axis, which `axis` places in the result.

    Raises ValueError if there are none or their shapes differ.

    >>> ag.stack([ag.tensor([1.0, 2.0]), ag.tensor([3.0, 4.0])], axis=1)
    tensor([[1., 3.],
            [2., 4.]], dtype=float32)
    """
    arrays = list(arrays)
    if not arrays:
        raise ValueError("stack: there are no arrays to join")
    return stack_(*arrays, axis=operator.index(axis))


# ---- copies and the way out ----------------------------------------------------------------------------------------


@op(kind="copy", method=True, numpy=np.copy)
def copy(x, /):
    """The same values in memory of their own, still in the graph.

    >>> ag.copy(ag.tensor([1.0, 2.0]))
    tensor([1., 2.], dtype=float32)
    """
    return x.copy()


copy.vjp(x=lambda g: g)
copied = copy


@op(kind="copy")
def astype_(x, /, dtype):
    """The values as another dtype."""
    return x.astype(dtype)


astype_.vjp(x=lambda g: g)  # the walk casts every cotangent to its parent's dtype


@method(numpy=np.astype)
def astype(x: Any, /, dtype: DTypeLike, *, copy: bool = True, device: Any = None) -> Any:
    """A copy with another dtype; gradients flow between floating dtypes and end at integers and bools.

    With `copy` False x itself where it has that dtype already. `device`: ``"cpu"`` or None.

    >>> ag.astype(ag.tensor([1.5, 2.5]), "int64")
    tensor([1, 2], dtype=int64)
    """
    if device is not None and str(device) != "cpu":
        raise ValueError(f"astype: device {device!r} does not exist here: autograd_nn computes on the cpu")
    return x if not copy and x.dtype == np.dtype(dtype) else astype_(x, np.dtype(dtype))


@op(kind="view", method=True)
def detach(x, /):
    """The same values outside the graph. They share memory: a leaf's can be written to, a recorded result's not.

    >>> w = ag.tensor([1.0, 2.0], requires_grad=True)
    >>> (w * 2.0).detach()
    tensor([2., 4.], dtype=float32)
    """
    return x[...]


detach.vjp(x=nondifferentiable)


def ravel(x: Any, /, order: str = "C") -> Any:
    """All elements along one axis, row by row, or column by column with the `order` ``"F"``; a view where that can be.

    >>> ag.ravel(ag.tensor([[1, 2], [3, 4]]), "F")
    tensor([1, 3, 2, 4], dtype=int64)
    """
    return reshape(x, -1, order=order)


attach(ravel, "ravel", method=True, numpy=np.ravel)


implements(np.shape)(lambda a: a.shape)
implements(np.ndim)(lambda a: a.ndim)
implements(np.size)(lambda a, axis=None: a.size if axis is None else a.shape[axis])
