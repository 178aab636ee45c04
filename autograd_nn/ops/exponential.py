"""Exponentials, logarithms, roots and reciprocals beyond `exp`, `log` and `sqrt`, elementwise."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..engine.op import op
from ..engine.protocol import implements
from .comparison import equal
from .elementwise import power, sigmoid, square, where
from .picking import pick
from .shape import arrayed, astype

__all__ = ["cbrt", "exp2", "expm1", "log1p", "log2", "log10", "logaddexp", "logaddexp2", "reciprocal"]

LOG_2 = math.log(2.0)
LOG_10 = math.log(10.0)


@op(kind="elementwise", method=True, numpy=np.exp2)
def exp2(x, /):
    """2 to the power x.

    >>> ag.exp2(ag.tensor([3.0, -1.0]))
    tensor([8. , 0.5], dtype=float32)
    """
    return np.exp2(x)


exp2.vjp(x=lambda g, out: g * (out * LOG_2))


@op(kind="elementwise", method=True, numpy=np.expm1)
def expm1(x, /):
    """exp(x) - 1, precise near 0.

    >>> ag.expm1(ag.tensor([0.0, 1.0])).numpy().round(3)
    array([0.   , 1.718], dtype=float32)
    """
    return np.expm1(x)


expm1.vjp(x=lambda g, out: g * (out + 1.0))


@op(kind="elementwise", method=True, numpy=np.log2)
def log2(x, /):
    """The logarithm to base 2: -inf at 0, NaN below.

    >>> ag.log2(ag.tensor([8.0, 0.5]))
    tensor([ 3., -1.], dtype=float32)
    """
    return np.log2(x)


log2.vjp(x=lambda g, x: g / (x * LOG_2))


@op(kind="elementwise", method=True, numpy=np.log10)
def log10(x, /):
    """The logarithm to base 10: -inf at 0, NaN below.

    >>> ag.log10(ag.tensor([100.0, 0.1])).numpy().round(3)
    array([ 2., -1.], dtype=float32)
    """
    return np.log10(x)


log10.vjp(x=lambda g, x: g / (x * LOG_10))


@op(kind="elementwise", method=True, numpy=np.log1p)
def log1p(x, /):
    """log(1 + x), precise near 0: -inf at -1, NaN below.

    >>> ag.log1p(ag.tensor([0.0, 1.0])).numpy().round(3)
    array([0.   , 0.693], dtype=float32)
    """
    return np.log1p(x)


log1p.vjp(x=lambda g, x: g / (1.0 + x))


@op(kind="elementwise", method=True, numpy=np.cbrt)
def cbrt(x, /):
    """The real cube root, of negative numbers too; its derivative at 0 is inf.

    >>> ag.cbrt(ag.tensor([8.0, -27.0])).numpy().round(3)
    array([ 2., -3.], dtype=float32)
    """
    return np.cbrt(x)


cbrt.vjp(x=lambda g, out: g / (3.0 * square(out)))


@op(kind="elementwise", method=True, numpy=np.reciprocal)
def reciprocal(x, /):
    """1 / x; of integers, as NumPy's, the integer part of that.

    >>> ag.reciprocal(ag.tensor([4.0, -0.5]))
    tensor([ 0.25, -2.  ], dtype=float32)
    """
    return np.reciprocal(x)


reciprocal.vjp(x=lambda g, out: -(g * square(out)))


@op(kind="elementwise", broadcasts=True, numpy=np.logaddexp)
def logaddexp(x, y, /):
    """log(exp(x) + exp(y)) without overflow, with broadcasting; where both are -inf the derivatives are 0.

    >>> ag.logaddexp(ag.tensor([0.0, 1000.0]), 0.0).numpy().round(3)
    array([6.93e-01, 1.00e+03], dtype=float32)
    """
    with np.errstate(invalid="ignore"):  # of infinities, which `pick` leaves out
        apart = np.abs(x - y)
    return np.maximum(x, y) + np.log1p(np.exp(-pick(x == y, 0.0, apart)))


def _beside(x: Any, out: Any) -> Any:
    """x, but 0 where both numbers are -inf, whose difference has no value."""
    return where(equal(out, -np.inf), 0.0, x)


logaddexp.vjp(
    x=lambda g, x, y, out: g * sigmoid(x - _beside(y, out)), y=lambda g, x, y, out: g * sigmoid(y - _beside(x, out))
)


@op(kind="elementwise", broadcasts=True, numpy=np.logaddexp2)
def logaddexp2(x, y, /):
    """log2(2**x + 2**y) without overflow, with broadcasting; where both are -inf the derivatives are 0.

    >>> ag.logaddexp2(ag.tensor([3.0, 1000.0]), 3.0)
    tensor([   4., 1000.], dtype=float32)
    """
    return np.logaddexp2(x, y)


logaddexp2.vjp(
    x=lambda g, x, y, out: g * sigmoid((x - _beside(y, out)) * LOG_2),
    y=lambda g, x, y, out: g * sigmoid((y - _beside(x, out)) * LOG_2),
)


@implements(np.float_power)
def _numpy_float_power(x: Any, y: Any, /) -> Any:
    """x to the power y, in float64 whatever they are."""
    return power(astype(arrayed(x), np.float64), astype(arrayed(y), np.float64))
