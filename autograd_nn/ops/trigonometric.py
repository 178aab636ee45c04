"""Trigonometric and hyperbolic functions and their inverses, elementwise, with the Array API's names as aliases."""

from __future__ import annotations

import math

import numpy as np

from ..engine.op import op
from .comparison import equal
from .elementwise import sqrt, square, where
from .in_double import distance

__all__ = [
    "acos", "acosh", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2", "arctanh", "asin", "asinh", "atan",
    "atan2", "atanh", "cosh", "deg2rad", "degrees", "hypot", "rad2deg", "radians", "sinh", "tan",
]  # fmt: skip

DEGREE = math.pi / 180.0


@op(kind="elementwise", method=True, numpy=np.tan)
def tan(x, /):
    """The tangent of x in radians.

    >>> ag.tan(ag.tensor([0.0, 0.5])).numpy().round(3)
    array([0.   , 0.546], dtype=float32)
    """
    return np.tan(x)


tan.vjp(x=lambda g, out: g * (1.0 + square(out)))


@op(kind="elementwise", method=True, numpy=np.arcsin)
def arcsin(x, /):
    """The angle in radians whose sine is x: NaN outside [-1, 1]; its derivative at the ends is inf.

    >>> ag.arcsin(ag.tensor([0.0, 0.5])).numpy().round(3)
    array([0.   , 0.524], dtype=float32)
    """
    return np.arcsin(x)


# (1 - x)(1 + x) rather than 1 - x^2, which loses half of its digits near the ends.
arcsin.vjp(x=lambda g, x: g / sqrt((1.0 - x) * (1.0 + x)))


@op(kind="elementwise", method=True, numpy=np.arccos)
def arccos(x, /):
    """The angle in radians whose cosine is x: NaN outside [-1, 1]; its derivative at the ends is -inf.

    >>> ag.arccos(ag.tensor([0.0, 0.5])).numpy().round(3)
    array([1.571, 1.047], dtype=float32)
    """
    return np.arccos(x)


arccos.vjp(x=lambda g, x: -(g / sqrt((1.0 - x) * (1.0 + x))))


@op(kind="elementwise", method=True, numpy=np.arctan)
def arctan(x, /):
    """The angle in radians, between -pi/2 and pi/2, whose tangent is x.

    >>> ag.arctan(ag.tensor([0.0, 1.0])).numpy().round(3)
    array([0.   , 0.785], dtype=float32)
    """
    return np.arctan(x)


arctan.vjp(x=lambda g, x: g / (1.0 + square(x)))


def _over_square_sum(p, x, y):
    """p / (x^2 + y^2), and 0 at the origin."""
    r = square(x) + square(y)
    return p / where(equal(r, 0.0), 1.0, r)


@op(kind="elementwise", broadcasts=True, numpy=np.arctan2)
def arctan2(y, x, /):
    """The angle in radians, from -pi to pi, of the point (x, y), y coming first; at the origin the derivatives are 0.

    >>> ag.arctan2(ag.tensor([1.0, -1.0]), ag.tensor([1.0, -1.0])).numpy().round(3)
    array([ 0.785, -2.356], dtype=float32)
    """
    return np.arctan2(y, x)


arctan2.vjp(y=lambda g, y, x: g * _over_square_sum(x, x, y), x=lambda g, y, x: -(g * _over_square_sum(y, x, y)))


@op(kind="elementwise", broadcasts=True, numpy=np.hypot)
def hypot(x, y, /):
    """sqrt(x^2 + y^2) without overflow, with broadcasting; at the origin the derivatives are 0.

    >>> ag.hypot(ag.tensor([3.0, 5.0]), ag.tensor([4.0, 12.0]))
    tensor([ 5., 13.], dtype=float32)
    """
    return distance(x, y)


hypot.vjp(
    x=lambda g, x, out: g * (x / where(equal(out, 0.0), 1.0, out)),
    y=lambda g, y, out: g * (y / where(equal(out, 0.0), 1.0, out)),
)


@op(kind="elementwise", method=True, numpy=np.sinh)
def sinh(x, /):
    """The hyperbolic sine.

    >>> ag.sinh(ag.tensor([0.0, 1.0])).numpy().round(3)
    array([0.   , 1.175], dtype=float32)
    """
    return np.sinh(x)


sinh.vjp(x=lambda g, x: g * cosh(x))


@op(kind="elementwise", method=True, numpy=np.cosh)
def cosh(x, /):
    """The hyperbolic cosine.

    >>> ag.cosh(ag.tensor([0.0, 1.0])).numpy().round(3)
    array([1.   , 1.543], dtype=float32)
    """
    return np.cosh(x)


cosh.vjp(x=lambda g, x: g * sinh(x))


@op(kind="elementwise", method=True, numpy=np.arcsinh)
def arcsinh(x, /):
    """The number whose hyperbolic sine is x.

    >>> ag.arcsinh(ag.tensor([0.0, 1.0])).numpy().round(3)
    array([0.   , 0.881], dtype=float32)
    """
    return np.arcsinh(x)


# hypot does not overflow where x^2 would.
arcsinh.vjp(x=lambda g, x: g / hypot(x, 1.0))


@op(kind="elementwise", method=True, numpy=np.arccosh)
def arccosh(x, /):
    """The non-negative number whose hyperbolic cosine is x: NaN below 1; its derivative at 1 is inf.

    >>> ag.arccosh(ag.tensor([1.0, 2.0])).numpy().round(3)
    array([0.   , 1.317], dtype=float32)
    """
    return np.arccosh(x)


arccosh.vjp(x=lambda g, x: g / (sqrt(x - 1.0) * sqrt(x + 1.0)))


@op(kind="elementwise", method=True, numpy=np.arctanh)
def arctanh(x, /):
    """The number whose hyperbolic tangent is x: infinite at -1 and 1, NaN outside.

    >>> ag.arctanh(ag.tensor([0.0, 0.5])).numpy().round(3)
    array([0.   , 0.549], dtype=float32)
    """
    return np.arctanh(x)


arctanh.vjp(x=lambda g, x: g / ((1.0 - x) * (1.0 + x)))


@op(kind="elementwise", numpy=(np.deg2rad, np.radians))
def deg2rad(x, /):
    """Degrees as radians.

    >>> ag.deg2rad(ag.tensor([180.0])).numpy().round(3)
    array([3.142], dtype=float32)
    """
    return np.deg2rad(x)


deg2rad.vjp(x=lambda g: g * DEGREE)


@op(kind="elementwise", numpy=(np.rad2deg, np.degrees))
def rad2deg(x, /):
    """Radians as degrees.

    >>> ag.rad2deg(ag.tensor([1.0])).numpy().round(3)
    array([57.296], dtype=float32)
    """
    return np.rad2deg(x)


rad2deg.vjp(x=lambda g: g / DEGREE)

acos, acosh, asin, asinh, atan, atan2, atanh = arccos, arccosh, arcsin, arcsinh, arctan, arctan2, arctanh
radians, degrees = deg2rad, rad2deg
