"""Reductions over axes. Ties in max and min split the derivative evenly; what gives indices or bools has none."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine.op import nondifferentiable, op
from .comparison import equal, isnan, logical_or
from .elementwise import where
from .shape import broadcast_to_, reshape_
from .totals import add, extremum, total

__all__ = ["all", "amax", "amin", "any", "argmax", "argmin", "max", "mean", "min", "sum"]


def spread(g: Any, shape: tuple[int, ...], axis: Any, keepdims: bool) -> Any:
    """A reduction's result (or its cotangent) repeated over the axes that were reduced."""
    if axis is not None and not keepdims:
        axes = {
            a % (len(shape) or 1) for a in (axis if isinstance(axis, tuple) else (axis,))
        }  # a number has an axis, too
        g = reshape_(g, tuple([1 if i in axes else n for i, n in enumerate(shape)]))
    return broadcast_to_(g, shape)


def count(shape: tuple[int, ...], axis: Any) -> int:
    """How many elements go into each of a reduction's results."""
    axes = range(len(shape)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    if axes and not shape:
        raise np.exceptions.AxisError(axes[0], 0)
    n = 1
    for a in axes:
        n *= shape[a]
    return n


def _added(x: Any, axis: Any, dtype: Any, keepdims: bool) -> Any:
    return total(x, axis, keepdims) if dtype is None else add(x, axis=axis, dtype=dtype, keepdims=keepdims)


@op(kind="reduction", method=True)
def sum(x, /, axis=None, dtype=None, keepdims=False):
    """The sum over an axis, a tuple of axes, or all of them (None); of nothing it is 0.

    `dtype` is what to add up in; `keepdims` leaves the reduced axes with length 1.

    >>> ag.sum(ag.tensor([[1.0, 2.0], [3.0, 4.0]]), axis=0)
    tensor([4., 6.], dtype=float32)
    """
    return _added(x, axis, dtype, keepdims)


sum.vjp(x=lambda g, x_shape, axis, keepdims: spread(g, x_shape, axis, keepdims))


@op(kind="reduction", method=True)
def mean(x, /, axis=None, dtype=None, keepdims=False):
    """The arithmetic mean over an axis, a tuple of axes, or all of them (None); integers give floats, nothing gives NaN.

    float16 is added up in float32, as NumPy does.

    >>> ag.mean(ag.tensor([[1.0, 2.0], [3.0, 4.0]]), axis=1)
    tensor([1.5, 3.5], dtype=float32)
    """
    if dtype is None and x.dtype.kind in "iub":
        dtype = np.float64  # in which the sum cannot wrap around
    if dtype is None and x.dtype == np.float16:
        return np.true_divide(add(x, axis=axis, dtype=np.float32, keepdims=keepdims), count(x.shape, axis)).astype(
            x.dtype
        )
    return np.true_divide(_added(x, axis, dtype, keepdims), count(x.shape, axis))


mean.vjp(x=lambda g, x_shape, axis, keepdims: spread(g / count(x_shape, axis), x_shape, axis, keepdims))


def _extremum_rule(g, x, out, axis, keepdims):
    """The cotangent shared among the elements that are the extremum (all NaN ones, where that is NaN)."""
    chosen = logical_or(equal(x, spread(out, x.shape, axis, keepdims)), isnan(x))
    share = g / sum(chosen, axis, None, keepdims).astype(g.dtype)
    return where(chosen, spread(share, x.shape, axis, keepdims), 0.0)


def _empty(x: Any, axis: Any, keepdims: Any) -> str | None:
    return "of an empty array has no value; check the shape" if 0 in np.shape(x) else None


@op(kind="reduction", method=True, explain=_empty)
def max(x, /, axis=None, keepdims=False):
    """The largest element over an axis, a tuple of axes, or all of them (None); NaN if there is one.

    Raises ValueError of an empty array.

    >>> ag.max(ag.tensor([[1.0, 2.0], [3.0, 4.0]]), axis=1)
    tensor([2., 4.], dtype=float32)
    """
    return extremum(np.maximum, x, axis, keepdims)


max.vjp(x=_extremum_rule)
amax = max


@op(kind="reduction", method=True, explain=_empty)
def min(x, /, axis=None, keepdims=False):
    """The smallest element over an axis, a tuple of axes, or all of them (None); NaN if there is one.

    Raises ValueError of an empty array.

    >>> ag.min(ag.tensor([[1.0, 2.0], [3.0, 4.0]]), axis=1)
    tensor([1., 3.], dtype=float32)
    """
    return extremum(np.minimum, x, axis, keepdims)


min.vjp(x=_extremum_rule)
amin = min


@op(kind="reduction", method=True, numpy=np.argmax, explain=_empty)
def argmax(x, /, axis=None, keepdims=False):
    """Where the largest element stands along an axis (None: in the flattened x), the first of equals; int64.

    >>> ag.argmax(ag.tensor([[1.0, 3.0], [4.0, 2.0]]), axis=1)
    tensor([1, 0], dtype=int64)
    """
    return np.argmax(x, axis, keepdims=keepdims)


@op(kind="reduction", method=True, numpy=np.argmin, explain=_empty)
def argmin(x, /, axis=None, keepdims=False):
    """Where the smallest element stands along an axis (None: in the flattened x), the first of equals; int64.

    >>> ag.argmin(ag.tensor([[1.0, 3.0], [4.0, 2.0]]), axis=1)
    tensor([0, 1], dtype=int64)
    """
    return np.argmin(x, axis, keepdims=keepdims)


@op(kind="reduction", method=True)
def all(x, /, axis=None, keepdims=False):
    """Whether all elements are true (not zero) over an axis, a tuple of axes, or all of them (None).

    >>> ag.all(ag.tensor([True, False]))
    tensor(False, dtype=bool)
    """
    return np.all(x, axis, keepdims=keepdims)


@op(kind="reduction", method=True)
def any(x, /, axis=None, keepdims=False):
    """Whether any element is true (not zero) over an axis, a tuple of axes, or all of them (None).

    >>> ag.any(ag.tensor([True, False]))
    tensor(True, dtype=bool)
    """
    return np.any(x, axis, keepdims=keepdims)


for _without_derivative in (argmax, argmin, all, any):
    _without_derivative.vjp(x=nondifferentiable)
