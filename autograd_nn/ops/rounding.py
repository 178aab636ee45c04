"""Rounding, clipping, copying signs and replacing NaN, elementwise: mostly steps, whose derivative is 0."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy._core import umath

from ..engine.methods import attach
from ..engine.op import nondifferentiable, op
from ..engine.protocol import implements, since
from .comparison import equal, greater, greater_equal, isfinite, isnan, less, less_equal, logical_and, logical_or
from .creation import zeros_like
from .elementwise import floor_divide, positive, remainder, sign, where
from .in_double import rest_of_truncation
from .picking import limit
from .shape import arrayed

__all__ = [
    "ceil", "clip", "conj", "copysign", "divmod", "fix", "floor", "fmax", "fmin", "fmod", "heaviside", "imag", "ldexp",
    "modf", "nan_to_num", "nextafter", "real", "rint", "round", "trunc",
]  # fmt: skip

# ---- to whole numbers ----------------------------------------------------------------------------------------------


@op(kind="elementwise", method=True, numpy=np.floor)
def floor(x, /):
    """The largest whole number not above x; its derivative is 0.

    >>> ag.floor(ag.tensor([1.7, -1.7]))
    tensor([ 1., -2.], dtype=float32)
    """
    return np.floor(x)


floor.vjp(x=lambda g: zeros_like(g))


@op(kind="elementwise", method=True, numpy=np.ceil)
def ceil(x, /):
    """The smallest whole number not below x; its derivative is 0.

    >>> ag.ceil(ag.tensor([1.2, -1.2]))
    tensor([ 2., -1.], dtype=float32)
    """
    return np.ceil(x)


ceil.vjp(x=lambda g: zeros_like(g))


@op(kind="elementwise", method=True, numpy=(np.trunc, np.fix))
def trunc(x, /):
    """x without its fraction, rounded towards 0; its derivative is 0.

    >>> ag.trunc(ag.tensor([1.7, -1.7]))
    tensor([ 1., -1.], dtype=float32)
    """
    return np.trunc(x)


trunc.vjp(x=lambda g: zeros_like(g))
fix = trunc


@op(kind="elementwise", numpy=np.rint)
def rint(x, /):
    """The nearest whole number, of two equally near the even one; its derivative is 0.

    >>> ag.rint(ag.tensor([0.5, 1.5, -1.2]))
    tensor([ 0.,  2., -1.], dtype=float32)
    """
    return np.rint(x)


rint.vjp(x=lambda g: zeros_like(g))


@op(kind="elementwise", method=True)
def round(x, /, decimals=0):
    """x rounded to a number of decimals, of two equally near values the even one; its derivative is 0.

    >>> ag.round(ag.tensor([1.25, -0.75]), 1)
    tensor([ 1.2, -0.8], dtype=float32)
    """
    return np.round(x, decimals)


round.vjp(x=lambda g: zeros_like(g))
attach(round, "__round__", method="__round__")
implements(np.round, np.around)(lambda a, decimals=0: round(a, decimals))


@op(kind="elementwise", broadcasts=True, numpy=np.fmod)
def fmod(x, y, /):
    """x - y trunc(x / y), which has the sign of x (`remainder` has that of y).

    >>> ag.fmod(ag.tensor([7.0, -7.0]), 3.0)
    tensor([ 1., -1.], dtype=float32)
    """
    return rest_of_truncation(x, y)


fmod.vjp(x=lambda g: g, y=lambda g, x, y: -(g * trunc(x / y)))


@implements(np.divmod)
def divmod(x: Any, y: Any, /) -> tuple[Any, Any]:
    """(x // y, x % y).

    >>> ag.divmod(ag.tensor([7, -7]), 3)
    (tensor([ 2, -3], dtype=int64), tensor([1, 2], dtype=int64))
    """
    return floor_divide(x, y), remainder(x, y)


attach(divmod, "divmod", operator="divmod")


@op(kind="elementwise")
def fraction(x, /):
    """What stands behind the point, with the sign of x; of an infinity 0."""
    return np.modf(x)[0]


fraction.vjp(x=lambda g: g)


@implements(np.modf)
def modf(x: Any, /) -> tuple[Any, Any]:
    """(fraction, whole part), both with the sign of x; the derivative is the fraction's, 1.

    >>> ag.modf(ag.tensor([1.5, -2.25]))
    (tensor([ 0.5 , -0.25], dtype=float32), tensor([ 1., -2.], dtype=float32))
    """
    return fraction(x), trunc(x)


@op(kind="elementwise", broadcasts=True, numpy=np.ldexp)
def ldexp(x, y, /):
    """x times 2 to an integer power y, which is not differentiated.

    >>> ag.ldexp(ag.tensor([1.5, 3.0]), [1, -1])
    tensor([3. , 1.5], dtype=float32)
    """
    return np.ldexp(x, y)


ldexp.vjp(x=lambda g, y: ldexp(g, y), y=nondifferentiable)


@op(kind="elementwise", broadcasts=True, numpy=np.nextafter)
def nextafter(x, y, /):
    """The next number of the dtype after x in the direction of y; its derivative is 1 in x, 0 in y.

    >>> bool((ag.nextafter(ag.tensor([1.0]), 2.0) > 1.0).all())
    True
    """
    return np.nextafter(x, y)


nextafter.vjp(x=lambda g: g, y=lambda g: zeros_like(g))


def _real(name: str, x: Any) -> Any:
    x = arrayed(x)
    if x.dtype.kind == "c":
        raise TypeError(f"{name}: complex Tensors carry no gradient (yet); take np.{name}(t.numpy()) of the values")
    return x


@implements(np.real)
def real(x: Any, /) -> Any:
    """x itself: Tensors are real. Raises TypeError for complex ones, which are not differentiated yet.

    >>> ag.real(ag.tensor([1.0, 2.0]))
    tensor([1., 2.], dtype=float32)
    """
    return _real("real", x)


@implements(np.imag)
def imag(x: Any, /) -> Any:
    """Zeros: Tensors are real. Raises TypeError for complex ones, which are not differentiated yet.

    >>> ag.imag(ag.tensor([1.0, 2.0]))
    tensor([0., 0.], dtype=float32)
    """
    return zeros_like(_real("imag", x))


@implements(np.conjugate)
def conj(x: Any, /) -> Any:
    """x itself: Tensors are real. Raises TypeError for complex ones, which are not differentiated yet.

    >>> ag.conj(ag.tensor([1.0, 2.0]))
    tensor([1., 2.], dtype=float32)
    """
    return _real("conj", x)


# ---- within bounds -------------------------------------------------------------------------------------------------


def _within(x, lower, upper):
    """Whether the bounds leave x as it is; at a bound they do."""
    if lower is None:
        return less_equal(x, upper)
    above = greater_equal(x, lower)
    return above if upper is None else logical_and(above, less_equal(x, upper))


def _lifted(x, lower, upper):
    """Whether the lower bound replaces x and the upper one leaves that."""
    below = less(x, lower)
    return below if upper is None else logical_and(below, less_equal(lower, upper))


def _lowered(x, lower, upper):
    """Whether the upper bound is the result; where the bounds cross it always is."""
    above = greater(x, upper)
    return above if lower is None else logical_or(above, less(upper, lower))


@op(kind="elementwise", broadcasts=True)
def clip_(x, lower=None, upper=None, /):
    """x no smaller than a lower bound and no larger than an upper one."""
    if type(lower) in (int, float) and type(upper) in (int, float) and lower <= upper:
        return limit(x, lower, upper)
    if lower is not None:
        x = np.maximum(x, lower)
    return x if upper is None else np.minimum(x, upper)


clip_.vjp(
    x=lambda g, x, lower, upper: where(_within(x, lower, upper), g, 0.0),
    lower=lambda g, x, lower, upper: where(_lifted(x, lower, upper), g, 0.0),
    upper=lambda g, x, lower, upper: where(_lowered(x, lower, upper), g, 0.0),
)


def clip(x: Any, /, min: Any = None, max: Any = None) -> Any:
    """x limited to the interval from `min` to `max` (numbers or arrays, with broadcasting); None leaves a side open.

    The derivative is 1 within and at the bounds and 0 outside, where it goes to a bound that is an array. Where the
    bounds cross, the upper one is the result.

    >>> ag.clip(ag.tensor([-1.0, 0.5, 3.0]), 0.0, 1.0)
    tensor([0. , 0.5, 1. ], dtype=float32)
    """
    return positive(x) if min is None and max is None else clip_(x, min, max)


attach(clip, "clip", method=True)


@implements(np.clip, *since("clip", umath))  # the ufunc, which has no public name, is what an array's method calls
def _numpy_clip(a: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None) -> Any:
    return clip(a, a_min if min is None else min, a_max if max is None else max)


@op(kind="elementwise", broadcasts=True, numpy=np.fmax)
def fmax(x, y, /):
    """The larger of x and y, elementwise; where one is NaN, the other. A tie gives half of the derivative to each.

    >>> ag.fmax(ag.tensor([1.0, 5.0]), ag.tensor([float("nan"), 3.0]))
    tensor([1., 5.], dtype=float32)
    """
    return np.fmax(x, y)


fmax.vjp(
    x=lambda g, x, y: where(equal(x, y), g * 0.5, where(logical_or(greater(x, y), isnan(y)), g, 0.0)),
    y=lambda g, x, y: where(equal(x, y), g * 0.5, where(logical_or(greater(x, y), isnan(y)), 0.0, g)),
)


@op(kind="elementwise", broadcasts=True, numpy=np.fmin)
def fmin(x, y, /):
    """The smaller of x and y, elementwise; where one is NaN, the other. A tie gives half of the derivative to each.

    >>> ag.fmin(ag.tensor([1.0, 5.0]), ag.tensor([float("nan"), 3.0]))
    tensor([1., 3.], dtype=float32)
    """
    return np.fmin(x, y)


fmin.vjp(
    x=lambda g, x, y: where(equal(x, y), g * 0.5, where(logical_or(less(x, y), isnan(y)), g, 0.0)),
    y=lambda g, x, y: where(equal(x, y), g * 0.5, where(logical_or(less(x, y), isnan(y)), 0.0, g)),
)

# ---- signs, steps and NaN ------------------------------------------------------------------------------------------


@op(kind="elementwise", broadcasts=True, numpy=np.copysign)
def copysign(x, y, /):
    """The size of x with the sign of y (that of a zero counts); its derivative at x = 0 is 0, and with respect to y 0.

    >>> ag.copysign(ag.tensor([1.0, -2.0]), ag.tensor([-3.0, 0.0]))
    tensor([-1.,  2.], dtype=float32)
    """
    return np.copysign(x, y)


copysign.vjp(x=lambda g, x, y: g * (sign(x) * copysign(1.0, y)), y=lambda g: zeros_like(g))


@op(kind="elementwise", broadcasts=True, numpy=np.heaviside)
def heaviside(x, y, /):
    """The unit step: 0 for negative x, 1 for positive, and y at 0; its derivative with respect to x is 0.

    >>> ag.heaviside(ag.tensor([-2.0, 0.0, 3.0]), 0.5)
    tensor([0. , 0.5, 1. ], dtype=float32)
    """
    return np.heaviside(x, y)


heaviside.vjp(x=lambda g: zeros_like(g), y=lambda g, x: where(equal(x, 0.0), g, 0.0))


@op(kind="elementwise", method=True)
def nan_to_num(x, /, nan=0.0, posinf=None, neginf=None):
    """x with NaN and infinities replaced by numbers, the infinities by default by the dtype's largest ones.

    The derivative is 1 where x is finite and 0 where it was replaced.

    >>> ag.nan_to_num(ag.tensor([1.0, float("nan"), float("inf")]), posinf=9.0)
    tensor([1., 0., 9.], dtype=float32)
    """
    if np.isfinite(x).all():  # as it mostly is, and a test is cheaper than three replacements
        return x.copy()
    return np.nan_to_num(x, True, nan, posinf, neginf)


nan_to_num.vjp(x=lambda g, x: where(isfinite(x), g, 0.0))
implements(np.nan_to_num)(lambda x, copy=True, nan=0.0, posinf=None, neginf=None: nan_to_num(x, nan, posinf, neginf))
