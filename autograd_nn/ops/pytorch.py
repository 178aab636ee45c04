"""PyTorch's names for what is here under NumPy's, as functions and as methods, in one place.

Most are a row of a table: another name for the same function. The others are functions, for PyTorch says `dim` for `axis`, or
means something of its own.

Decision: where both libraries have a name, NumPy's meaning wins, for arrays are NumPy's here. So these are not to be had, and
what to write instead is: ``t.size()``: `t.shape`; ``t.repeat(2, 3)``: `ag.tile`; ``t.transpose(0, 1)``: `t.swapaxes(0, 1)`;
``torch.split(x, n)``: `ag.chunk`, or `ag.split` with the places; ``t.sort()``: `ag.sort` and `ag.argsort`;
``torch.max(x, dim)``: `ag.max` and `ag.argmax`; ``x.sum(dim=0, keepdim=True)``: `x.sum(axis=0, keepdims=True)`;
``t.backward(create_graph=True)`` and ``torch.autograd.grad``: `ag.gradients`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..engine.methods import attach, method
from ..engine.tensor import Tensor
from .arranging import expand_dims, moveaxis, repeat, tile
from .comparison import equal, greater, greater_equal, isfinite, isinf, isnan, less, less_equal, logical_not, not_equal
from .elementwise import add, divide, multiply, negative, power, subtract, where
from .indexing import take, take_along_axis
from .joining import split, unstack
from .products import matmul
from .rounding import clip, conj
from .shape import arrayed, as_shape, astype, axis_of, broadcast_to, concatenate, copy, ravel, reshape, transpose
from .standard import asarray

__all__ = [
    "as_tensor", "bmm", "cat", "chunk", "clamp", "clone", "div", "eq", "flatten", "gather", "ge", "gt", "index_select", "le",
    "lt", "masked_select", "mm", "movedim", "mul", "mv", "ne", "neg", "numel", "repeat_interleave", "sub", "unbind", "unsqueeze",
]  # fmt: skip

# ---- the same under another name -----------------------------------------------------------------------------------

as_tensor, clamp, clone, movedim = asarray, clip, copy, moveaxis
sub, mul, div, neg = subtract, multiply, divide, negative
eq, ne, lt, le, gt, ge = equal, not_equal, less, less_equal, greater, greater_equal
bmm = mm = mv = matmul

_METHODS: dict[str, Callable[..., Any]] = {
    "add": add,
    "sub": sub,
    "mul": mul,
    "div": div,
    "pow": power,
    "neg": neg,
    "clamp": clamp,
    "eq": eq,
    "ne": ne,
    "lt": lt,
    "le": le,
    "gt": gt,
    "ge": ge,
    "logical_not": logical_not,
    "isnan": isnan,
    "isinf": isinf,
    "isfinite": isfinite,
    "matmul": matmul,
    "mm": mm,
    "bmm": bmm,
    "mv": mv,
    "clone": clone,
    "movedim": movedim,
    "tile": tile,
    "conj": conj,
    "conjugate": conj,
}

# ---- joining, taking apart, choosing -------------------------------------------------------------------------------


def cat(tensors: Sequence[Any], dim: int = 0) -> Any:
    """`concatenate`: the arrays one after the other along an axis.

    >>> ag.cat([ag.tensor([1, 2]), ag.tensor([3])])
    tensor([1, 2, 3], dtype=int64)
    """
    return concatenate(tensors, dim)


@method
def chunk(x: Any, /, chunks: int, dim: int = 0) -> tuple[Any, ...]:
    """Pieces of one length along an axis, the last of which may be shorter, and at most `chunks` of them.

    >>> [piece.tolist() for piece in ag.chunk(ag.arange(5), 3)]
    [[0, 1], [2, 3], [4]]
    """
    if chunks < 1:
        raise ValueError(f"chunk: takes 1 or more chunks, not {chunks}")
    x = arrayed(x)
    n = x.shape[axis_of("chunk", x, dim)]
    length = max(-(-n // chunks), 1)
    return tuple(split(x, list(range(length, n, length)), dim))


@method
def unbind(x: Any, /, dim: int = 0) -> tuple[Any, ...]:
    """`unstack`: the parts of x along an axis, without it.

    >>> [row.tolist() for row in ag.unbind(ag.tensor([[1, 2], [3, 4]]))]
    [[1, 2], [3, 4]]
    """
    return unstack(x, axis=dim)


@method
def gather(x: Any, /, dim: int, index: Any) -> Any:
    """`take_along_axis`: for each place, the element of x that its index names along the axis.

    `index` has as many axes as x, and may be shorter than x along the others.

    >>> ag.gather(ag.tensor([[1, 2], [3, 4]]), 1, ag.tensor([[1], [0]]))
    tensor([[2],
            [3]], dtype=int64)
    """
    x, axis = arrayed(x), axis_of("gather", arrayed(x), dim)
    shape = np.shape(index)
    if len(shape) != x.ndim or any(n > m for i, (n, m) in enumerate(zip(shape, x.shape, strict=True)) if i != axis):
        raise ValueError(f"gather: an index of shape {shape} does not fit into x of shape {x.shape} beside axis {axis}")
    key = tuple([slice(None) if i == axis or n == x.shape[i] else slice(n) for i, n in enumerate(shape)])
    return take_along_axis(x if key == (slice(None),) * x.ndim else x[key], index, axis=axis)


@method
def index_select(x: Any, /, dim: int, index: Any) -> Any:
    """`take`: the parts of x along an axis that a vector of indices names.

    >>> ag.index_select(ag.tensor([[1, 2], [3, 4]]), 1, ag.tensor([1]))
    tensor([[2],
            [4]], dtype=int64)
    """
    return take(x, index, axis=dim)


@method
def masked_select(x: Any, /, mask: Any) -> Any:
    """``x[mask]``: the elements where the mask is True, as a vector.

    >>> ag.masked_select(ag.tensor([1, 2, 3]), ag.tensor([True, False, True]))
    tensor([1, 3], dtype=int64)
    """
    x = arrayed(x)
    shape = np.broadcast_shapes(x.shape, np.shape(mask))
    return broadcast_to(x, shape)[broadcast_to(mask, shape)]


@method
def repeat_interleave(x: Any, /, repeats: Any, dim: int | None = None) -> Any:
    """`repeat`, NumPy's: each element several times, one after the other; None flattens x.

    >>> ag.repeat_interleave(ag.tensor([1, 2]), 2)
    tensor([1, 1, 2, 2], dtype=int64)
    """
    return repeat(x, repeats, dim)


# ---- shapes --------------------------------------------------------------------------------------------------------


@method
def unsqueeze(x: Any, /, dim: int) -> Any:
    """`expand_dims`: x with a new axis of length 1.

    >>> ag.unsqueeze(ag.tensor([1, 2]), 1).shape
    (2, 1)
    """
    return expand_dims(x, dim)


@method
def flatten(x: Any, /, start_dim: int | str = 0, end_dim: int = -1) -> Any:
    """The axes from the first named to the last as one; all of them by default. NumPy's ``x.flatten("F")`` is `ravel`.

    >>> ag.flatten(ag.ones((2, 3, 4)), 1).shape
    (2, 12)
    """
    x = arrayed(x)
    if isinstance(start_dim, str) or not x.ndim:
        return ravel(x, start_dim if isinstance(start_dim, str) else "C")
    first, last = axis_of("flatten", x, start_dim), axis_of("flatten", x, end_dim)
    if first > last:
        raise ValueError(f"flatten: axis {start_dim} is behind axis {end_dim} in shape {x.shape}")
    length = int(np.prod(x.shape[first : last + 1]))
    return reshape(x, (*x.shape[:first], length, *x.shape[last + 1 :]))


@method
def numel(x: Any, /) -> int:
    """``x.size``: the number of elements.

    >>> ag.numel(ag.ones((2, 3)))
    6
    """
    return int(np.size(x))


def _view(x: Any, /, *shape: Any) -> Any:
    """``x.reshape(shape)``. NumPy's ``x.view(dtype)``, which takes the bytes for other numbers, is not differentiable."""
    try:
        return reshape(x, as_shape(shape[0] if len(shape) == 1 else shape))
    except TypeError:
        raise TypeError(f"view: takes a shape, not {shape}; x.astype(dtype) converts the numbers") from None


def _expand(x: Any, /, *shape: Any) -> Any:
    """`broadcast_to`, where -1 leaves an axis as it is."""
    wanted = as_shape(shape[0] if len(shape) == 1 else shape)
    lead = len(wanted) - x.ndim
    if any(n == -1 for n in wanted[: max(lead, 0)]):
        raise ValueError(f"expand: -1 leaves an axis as it is, but {wanted} adds new ones to shape {x.shape} in front")
    return broadcast_to(x, tuple([x.shape[i - lead] if n == -1 else n for i, n in enumerate(wanted)]))


def _t(x: Any, /) -> Any:
    """The transpose of a matrix; a vector itself."""
    if x.ndim > 2:
        raise ValueError(
            f"t: transposes matrices, not shape {x.shape}; x.mT exchanges the last two axes, x.T reverses all"
        )
    return transpose(x)


def _contiguous(x: Any, /) -> Any:
    """x itself if its elements lie in row-major order, else a copy that does."""
    return x if np.asarray(x.detach().data).flags.c_contiguous else copy(x)


# ---- dtypes, and writing in place ----------------------------------------------------------------------------------


def _cast(dtype: str) -> Callable[..., Any]:
    def cast(x: Any, /) -> Any:
        return astype(x, dtype, copy=False)

    cast.__doc__ = f"x as {dtype}."
    return cast


def _written(x: Tensor, /, value: Any) -> Tensor:
    """Write a value into all of x, as ``x[...] = value`` does, and return x."""
    x[...] = value
    return x


def _filled(x: Tensor, /, value: Any) -> None:
    """NumPy's ``x.fill(value)``, which returns nothing."""
    _written(x, value)


def _in_place(function: Callable[..., Any]) -> Callable[..., Any]:
    def change(x: Tensor, /, other: Any) -> Tensor:
        return x._in_place(function, other)

    change.__doc__ = f"Write `{function.__name__}(x, other)` into x, as the operator does, and return x."
    return change


_OWN: dict[str, Callable[..., Any]] = {
    "view": _view,
    "view_as": lambda x, other, /: _view(x, other.shape),
    "t": _t,
    "contiguous": _contiguous,
    "expand": _expand,
    "expand_as": lambda x, other, /: broadcast_to(x, other.shape),
    "dim": lambda x, /: x.ndim,
    "float": _cast("float32"),
    "double": _cast("float64"),
    "half": _cast("float16"),
    "int": _cast("int32"),
    "long": _cast("int64"),
    "bool": _cast("bool"),
    "cpu": lambda x, /: x,
    "where": lambda x, condition, other, /: where(condition, x, other),
    "fill": _filled,
    "copy_": _written,
    "fill_": _written,
    "zero_": lambda x, /: _written(x, 0),
    "add_": _in_place(add),
    "sub_": _in_place(sub),
    "mul_": _in_place(mul),
    "div_": _in_place(div),
}
for _name, _function in (_METHODS | _OWN).items():
    attach(_function, _name, method=_name)
