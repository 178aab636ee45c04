"""Products and scans along an axis: cumulative sums, products and extrema, differences, the trapezoidal rule.

The derivatives of a product are total at zeros because they never divide: they go through a product by doubling, log2(n)
multiplications of whole arrays (Hillis and Steele, Data parallel algorithms, CACM 29, 1986).

Decision: sums and products of float32 are accumulated in float64, as PyTorch does and NumPy does not: the rounding of a long scan
grows with its length, and the wider one takes no longer.
"""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from ..engine.methods import attach, method
from ..engine.op import op
from ..engine.protocol import implements, since
from .arranging import flip
from .comparison import not_equal
from .creation import ones_like
from .elementwise import subtract
from .indexing import untake_along_axis
from .reduction import spread, sum
from .shape import (
    all_arrayed,
    arrayed,
    astype,
    axis_of,
    broadcast_to_,
    concatenate,
    concatenate_,
    inverse,
    operand_along,
    reshape_,
    transpose_,
)
from .slicing import slice_
from .totals import in_rows, product

__all__ = [
    "cummax", "cummin", "cumprod", "cumsum", "cumulative_prod", "cumulative_sum", "diff", "prod", "trapezoid",
]  # fmt: skip


def part(x: Any, axis: int, start: int | None, stop: int | None, step: int | None = None) -> Any:
    """A slice of one axis; a view."""
    return slice_(x, (*[(None, None, None)] * (axis % x.ndim), (start, stop, step)))


def _prepared(name: str, x: Any, axis: int | None, dtype: Any) -> tuple[Any, int]:
    """x in the dtype to compute in and the axis; flattened where that is None."""
    x = arrayed(x)
    if dtype is not None and x.dtype != np.dtype(dtype):
        x = astype(x, dtype)
    if axis is None:
        return reshape_(x, (-1,)), 0
    return x, axis_of(name, x, axis)


# ---- sums and products ---------------------------------------------------------------------------------------------


def _accumulated(ufunc: np.ufunc, x: np.ndarray, axis: int) -> np.ndarray:
    if x.dtype.kind == "f" and x.dtype.itemsize < 8:
        return ufunc.accumulate(x, axis, np.float64).astype(x.dtype)
    return ufunc.accumulate(x, axis)


def _by_rows(name: str, x: np.ndarray, *more: np.ndarray, backwards: bool = False) -> np.ndarray:
    """What a kernel of `kernels.rows` makes of each row."""
    from ..kernels import rows  # which imports numba

    out = np.empty_like(x)
    rows.run(getattr(rows, name), x.shape, *more, x, out, more=backwards)
    return out


@op(kind="scan")
def cumsum_(x, /, axis, backwards):
    """The sums of the first elements along an axis, or of the last."""
    if in_rows(x, axis):
        return _by_rows("running_sum", x, backwards=backwards)
    return np.flip(_accumulated(np.add, np.flip(x, axis), axis), axis) if backwards else _accumulated(np.add, x, axis)


cumsum_.vjp(x=lambda g, axis, backwards: cumsum_(g, axis, not backwards))


@method(numpy=np.cumsum)
def cumsum(x: Any, /, axis: int | None = None, dtype: DTypeLike | None = None) -> Any:
    """The sums of the first 1, 2, ... elements along an axis; None flattens x. `dtype` is what to add up in.

    >>> ag.cumsum(ag.tensor([1.0, 2.0, 3.0]))
    tensor([1., 3., 6.], dtype=float32)
    """
    return cumsum_(*_prepared("cumsum", x, axis, dtype), False)


@op(kind="fused")
def cumprod_along(x, /, axis):
    """The products of the first elements along an axis."""
    n, reach = x.shape[axis], 1
    while reach < n:  # each element times the one `reach` before it: the products of 2, 4, 8, ... neighbours
        x = concatenate_(
            part(x, axis, None, reach), part(x, axis, reach, None) * part(x, axis, None, -reach), axis=axis
        )
        reach *= 2
    return x * 1


@cumprod_along.fast
def _cumprod(x: Any, axis: int) -> Any:
    return _by_rows("running_product", x) if in_rows(x, axis) else _accumulated(np.multiply, x, axis)


@cumprod_along.joint_vjp
def _cumprod_vjp(g: Any, x: Any, axis: int) -> Any:
    """The product of what stands before x[k], times S[k] = g[k] + x[k + 1] S[k + 1]: right at zeros, and without a division."""
    if in_rows(x, axis):
        return (_by_rows("running_product_gradient", x, np.ascontiguousarray(g)),)
    g, x = np.moveaxis(g, axis, -1), np.moveaxis(x, axis, -1)
    n, reach = x.shape[-1], 1
    one = np.ones((*x.shape[:-1], 1), x.dtype)
    before = _accumulated(np.multiply, np.concatenate([one, x[..., :-1]], -1), -1)
    factor, behind = x[..., 1:], np.array(g)
    while reach < n:  # S[k] of what stands within 2, 4, 8, ... places, and the product of as many factors
        behind[..., :-reach] += factor * behind[..., reach:]
        factor = factor[..., :-reach] * factor[..., reach:]
        reach *= 2
    return (np.moveaxis(before * behind, -1, axis),)


@method(numpy=np.cumprod)
def cumprod(x: Any, /, axis: int | None = None, dtype: DTypeLike | None = None) -> Any:
    """The products of the first 1, 2, ... elements along an axis; None flattens x. Its derivative is right at zeros, too.

    >>> ag.cumprod(ag.tensor([1.0, 2.0, 3.0]))
    tensor([1., 2., 6.], dtype=float32)
    """
    return cumprod_along(*_prepared("cumprod", x, axis, dtype))


@op(kind="fused")
def products_of_others(x, /):
    """For each element of the last axis, the product of all others: those before it times those behind it."""
    one = ones_like(part(x, -1, None, 1))
    before = cumprod_along(concatenate_(one, part(x, -1, None, -1), axis=-1), x.ndim - 1)
    behind = cumprod_along(concatenate_(one, part(x, -1, None, 0, -1), axis=-1), x.ndim - 1)
    return before * flip(behind, -1)


@products_of_others.fast
def _products_of_others(x: Any) -> Any:
    if in_rows(x, -1):
        return _by_rows("products_of_others", x)
    one = np.ones_like(x[..., :1])
    before = _accumulated(np.multiply, np.concatenate([one, x[..., :-1]], -1), x.ndim - 1)
    behind = _accumulated(np.multiply, np.concatenate([one, x[..., :0:-1]], -1), x.ndim - 1)
    return before * np.flip(behind, -1)


def gathered(x: Any, axis: Any) -> tuple[Any, tuple[int, ...]]:
    """x with the axes of a reduction as one last axis, and the order of axes that brought them there."""
    axes = range(x.ndim) if axis is None or not x.ndim else axis if isinstance(axis, tuple) else (axis,)
    last = [a % x.ndim for a in axes]
    order = (*[i for i in range(x.ndim) if i not in last], *last)
    moved = transpose_(x, order)
    kept = moved.shape[: x.ndim - len(last)]
    return reshape_(moved, (*kept, math.prod(moved.shape[len(kept) :]))), order


def _prod_rule(g, x, axis, keepdims):
    flat, order = gathered(x, axis)
    others = reshape_(products_of_others(flat), tuple([x.shape[i] for i in order]))
    return spread(g, x.shape, axis, keepdims) * transpose_(others, inverse(order))


@op(kind="reduction", method=True)
def prod(x, /, axis=None, dtype=None, keepdims=False):
    """The product over an axis, a tuple of axes, or all of them (None); of nothing it is 1.

    `dtype` is what to multiply in; `keepdims` leaves the reduced axes with length 1. Its derivative is right at zeros, too.

    >>> ag.prod(ag.tensor([[1.0, 2.0], [3.0, 4.0]]), axis=0)
    tensor([3., 8.], dtype=float32)
    """
    if dtype is None:
        return product(x, axis, keepdims)
    return np.multiply.reduce(x, axis=axis, dtype=dtype, keepdims=keepdims)


prod.vjp(x=_prod_rule)


def _cumulative(name: str, scan: Any, initial: Any, x: Any, axis: int | None, dtype: Any, include_initial: bool) -> Any:
    x = operand_along(name, x, axis)
    if axis is None and x.ndim != 1:
        raise ValueError(f"{name}: shape {x.shape} has {x.ndim} axes; name the one to go along with axis=")
    out = scan(x, 0 if axis is None else axis, dtype)
    if not include_initial:
        return out
    axis = axis_of(name, x, axis or 0)
    first = np.full((*out.shape[:axis], 1, *out.shape[axis + 1 :]), initial, out.dtype)
    return concatenate([first, out], axis)


@implements(*since("cumulative_sum"))  # NumPy 2.1
def cumulative_sum(
    x: Any, /, *, axis: int | None = None, dtype: DTypeLike | None = None, include_initial: bool = False
) -> Any:
    """`cumsum` with the Array API's signature; `include_initial` puts a 0 before.

    >>> ag.cumulative_sum(ag.tensor([1.0, 2.0]), include_initial=True)
    tensor([0., 1., 3.], dtype=float32)
    """
    return _cumulative("cumulative_sum", cumsum, 0, x, axis, dtype, include_initial)


@implements(*since("cumulative_prod"))
def cumulative_prod(
    x: Any, /, *, axis: int | None = None, dtype: DTypeLike | None = None, include_initial: bool = False
) -> Any:
    """`cumprod` with the Array API's signature; `include_initial` puts a 1 before.

    >>> ag.cumulative_prod(ag.tensor([2.0, 3.0]), include_initial=True)
    tensor([1., 2., 6.], dtype=float32)
    """
    return _cumulative("cumulative_prod", cumprod, 1, x, axis, dtype, include_initial)


# ---- extrema -------------------------------------------------------------------------------------------------------


def _running(x: Any, values: Any, axis: int) -> Any:
    """Where each running extremum stands: the last place so far that equals it (or is NaN)."""
    n = x.shape[axis]
    places = np.arange(n).reshape((n,) + (1,) * (x.ndim - axis % x.ndim - 1))
    return np.maximum.accumulate(np.where((x == values) | np.isnan(x), places, 0), axis)


def _running_by_rows(name: str, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both results of a running extremum, by a kernel."""
    from ..kernels import rows

    values, places = np.empty_like(x), np.empty(x.shape, np.int64)
    rows.run(getattr(rows, name), x.shape, x, values, places)
    return values, places


@op(kind="scan", outputs=("values", "indices"), method=True)
def cummax(x, /, axis=0):
    """The largest of the first 1, 2, ... elements along an axis, and where it stands, the last of equals as PyTorch's.

    Returns (values, indices), the latter int64; the derivative goes to the elements picked. NaN is the largest.

    >>> ag.cummax(ag.tensor([1.0, 3.0, 2.0])).values
    tensor([1., 3., 3.], dtype=float32)
    """
    if in_rows(x, axis):
        return _running_by_rows("running_largest", x)
    values = np.maximum.accumulate(x, axis)
    return values, _running(x, values, axis)


@op(kind="scan", outputs=("values", "indices"), method=True)
def cummin(x, /, axis=0):
    """The smallest of the first 1, 2, ... elements along an axis, and where it stands, the last of equals as PyTorch's.

    Returns (values, indices), the latter int64; the derivative goes to the elements picked. NaN is the smallest.

    >>> ag.cummin(ag.tensor([3.0, 1.0, 2.0])).values
    tensor([3., 1., 1.], dtype=float32)
    """
    if in_rows(x, axis):
        return _running_by_rows("running_smallest", x)
    values = np.minimum.accumulate(x, axis)
    return values, _running(x, values, axis)


for _extremum in (cummax, cummin):
    _extremum.vjp(x=lambda g, indices, x_shape, axis: untake_along_axis(g[0], indices, axis, x_shape))

# ---- differences and integrals -------------------------------------------------------------------------------------


@implements(np.diff)
def diff(x: Any, /, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None) -> Any:
    """The differences of neighbours along an axis, taken n times; `prepend` and `append` are joined to x first.

    Of bools it is whether they differ. Raises ValueError for a negative n or a scalar.

    >>> ag.diff(ag.tensor([1.0, 4.0, 9.0]))
    tensor([3., 5.], dtype=float32)
    """
    x = arrayed(x)
    if operator.index(n) < 0 or x.ndim == 0:
        raise ValueError(f"diff: takes an array with an axis and n of 0 or more, not shape {x.shape} and n = {n}")
    axis = axis_of("diff", x, axis)
    joined = [prepend, x, append]
    if any(j is not None for j in (prepend, append)):
        one = (*x.shape[:axis], 1, *x.shape[axis + 1 :])
        arrays = all_arrayed([j for j in joined if j is not None])
        x = concatenate([broadcast_to_(a, one) if a.ndim == 0 else a for a in arrays], axis)
    step = not_equal if x.dtype.kind == "b" else subtract
    for _ in range(n):
        x = step(part(x, axis, 1, None), part(x, axis, None, -1))
    return x


def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    """The integral of y along an axis by the trapezoidal rule, over points x or a step dx; both are differentiated.

    `x`: the points, a vector or of y's shape.

    >>> ag.trapezoid(ag.tensor([1.0, 2.0, 3.0]))
    tensor(4., dtype=float32)
    """
    y = arrayed(y)
    axis = axis_of("trapezoid", y, axis)
    steps: Any = dx
    if x is not None:
        x = arrayed(x, y)
        steps = diff(x, axis=0 if x.ndim == 1 else axis)
        if x.ndim == 1:
            steps = reshape_(steps, (-1,) + (1,) * (y.ndim - axis - 1))
    return sum(steps * (part(y, axis, 1, None) + part(y, axis, None, -1)), axis) / 2.0


implements(np.trapezoid)(trapezoid)
attach(diff, "diff", method=True)
