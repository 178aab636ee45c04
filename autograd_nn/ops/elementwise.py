"""Elementwise operations: forward and rule side by side.

Bodies use NumPy ufuncs, operators and `pick` (np.where) only: the compiler reads them by calling them on symbols. The
arithmetic ones are written with operators, because on NumPy scalars those cost a tenth of the ufunc, and scalar graphs are made
of them.

At kinks the derivative is the one PyTorch takes: 0 for relu and abs at 0, half to each side of a tie in maximum and minimum.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..engine.methods import method
from ..engine.op import nondifferentiable, op
from ..engine.tensor import Tensor
from .comparison import equal, greater, less, logical_and
from .creation import zeros_like
from .in_double import quotient, rest
from .picking import LEAST, direction, limit, pick, within
from .shape import detach

__all__ = [
    "abs", "absolute", "add", "cos", "divide", "exp", "floor_divide",
    "log",
    "maximum", "minimum", "multiply", "negative",
    "positive", "power", "relu", "remainder", "sigmoid", "sign", "sin", "sqrt", "square", "subtract",
    "tanh", "where",
]  # fmt: skip

# ---- arithmetic ----------------------------------------------------------------------------------------------------


@op(kind="elementwise", broadcasts=True, operator="+", numpy=np.add)
def add(x, y, /):
    """The sum x + y, elementwise, with broadcasting.

    >>> ag.add(ag.tensor([1.0, 2.0]), 3.0)
    tensor([4., 5.], dtype=float32)
    """
    return x + y


add.vjp(x=lambda g: g, y=lambda g: g)


@op(kind="elementwise", broadcasts=True, operator="-", numpy=np.subtract)
def subtract(x, y, /):
    """The difference x - y, elementwise, with broadcasting.

    >>> ag.subtract(ag.tensor([1.0, 2.0]), 3.0)
    tensor([-2., -1.], dtype=float32)
    """
    return x - y


subtract.vjp(x=lambda g: g, y=lambda g: -g)


@op(kind="elementwise", broadcasts=True, operator="*", numpy=np.multiply)
def multiply(x, y, /):
    """The product x y, elementwise, with broadcasting.

    >>> ag.multiply(ag.tensor([1.0, 2.0]), 3.0)
    tensor([3., 6.], dtype=float32)
    """
    return x * y


multiply.vjp(x=lambda g, y: g * y, y=lambda g, x: g * x)


@op(kind="elementwise", broadcasts=True, operator="/", numpy=np.divide)
def divide(x, y, /):
    """The quotient x / y, elementwise, with broadcasting; integers give floats, division by zero gives inf or NaN.

    >>> ag.divide(ag.tensor([1.0, 2.0]), 4.0)
    tensor([0.25, 0.5 ], dtype=float32)
    """
    return x / y


divide.vjp(x=lambda g, y: g / y, y=lambda g, y, out: -(g * out / y))


@op(kind="elementwise", broadcasts=True, operator="//", numpy=np.floor_divide)
def floor_divide(x, y, /):
    """The largest integer not above x / y; its derivative is 0.

    >>> ag.floor_divide(ag.tensor([7.0, -7.0]), 2.0)
    tensor([ 3., -4.], dtype=float32)
    """
    return quotient(x, y)


floor_divide.vjp(x=lambda g: zeros_like(g), y=lambda g: zeros_like(g))


@op(kind="elementwise", broadcasts=True, operator="%", numpy=np.remainder)
def remainder(x, y, /):
    """x - y floor(x / y), which has the sign of y.

    >>> ag.remainder(ag.tensor([7.0, -7.0]), 4.0)
    tensor([3., 1.], dtype=float32)
    """
    return rest(x, y)


remainder.vjp(x=lambda g: g, y=lambda g, x, y: -(g * floor_divide(x, y)))


@op(kind="elementwise", operator="neg", numpy=np.negative)
def negative(x, /):
    """-x.

    >>> ag.negative(ag.tensor([1.0, -2.0]))
    tensor([-1.,  2.], dtype=float32)
    """
    return -x


negative.vjp(x=lambda g: -g)


@op(kind="elementwise", operator="pos", method=True, numpy=np.positive)
def positive(x, /):
    """A copy of x.

    >>> ag.positive(ag.tensor([1.0, -2.0]))
    tensor([ 1., -2.], dtype=float32)
    """
    return +x


positive.vjp(x=lambda g: g)


@op(kind="elementwise", operator="abs", method=True, numpy=(np.absolute, np.fabs))
def abs(x, /):
    """The absolute value; its derivative at 0 is 0.

    >>> ag.abs(ag.tensor([1.0, -2.0]))
    tensor([1., 2.], dtype=float32)
    """
    return np.abs(x)


abs.vjp(x=lambda g, x: g * sign(x))
absolute = abs


@op(kind="elementwise", method=True, numpy=np.sign)
def sign(x, /):
    """-1, 0 or 1; its derivative is 0.

    >>> ag.sign(ag.tensor([3.0, 0.0, -2.0]))
    tensor([ 1.,  0., -1.], dtype=float32)
    """
    return direction(x)


sign.vjp(x=lambda g: zeros_like(g))


# ---- powers --------------------------------------------------------------------------------------------------------


@op(kind="elementwise", broadcasts=True)
def power_(x, y, /):
    """x to the power y."""
    return x**y


# Total at base 0: y x^(y-1) is 0 where both are 0, and x^y log x is 0 where x is.
power_.vjp(
    x=lambda g, x, y: g * (y * power_(x, where(logical_and(equal(x, 0.0), equal(y, 0.0)), 1.0, y - 1.0))),
    y=lambda g, x, out: g * where(equal(x, 0.0), 0.0, out * log(where(equal(x, 0.0), 1.0, x))),
)


@op(kind="elementwise")
def scalar_power(x, /, exponent):
    """x to the power of a Python number; a small whole one by multiplication, which NumPy knows for squares only."""
    if exponent == 3:
        return x * x * x
    if exponent == 4:
        square_ = x * x
        return square_ * square_
    return x**exponent


def _scalar_power_rule(g, x, exponent):
    if exponent == 0:
        return zeros_like(g)
    if exponent == 1:
        return g
    if exponent == 2:
        return g * (x * 2.0)
    return g * (scalar_power(x, exponent - 1) * exponent)


scalar_power.vjp(x=_scalar_power_rule)


@method(name="power", operator="**", numpy=np.power)
def power(x: Any, y: Any, /) -> Any:
    """x to the power y, elementwise, with broadcasting.

    A negative base with a fractional exponent gives NaN. At base 0 the derivatives are their limits from above.

    >>> ag.power(ag.tensor([1.0, 2.0, 3.0]), 2)
    tensor([1., 4., 9.], dtype=float32)
    """
    if type(y) in (int, float) and isinstance(x, Tensor):
        return scalar_power(x, y)
    return power_(x, y)


@op(kind="elementwise", method=True, numpy=np.square)
def square(x, /):
    """x squared.

    >>> ag.square(ag.tensor([1.0, -3.0]))
    tensor([1., 9.], dtype=float32)
    """
    return x * x


square.vjp(x=lambda g, x: g * (x * 2.0))


@op(kind="elementwise", method=True, numpy=np.sqrt)
def sqrt(x, /):
    """The non-negative square root; its derivative at 0 is inf.

    >>> ag.sqrt(ag.tensor([4.0, 9.0]))
    tensor([2., 3.], dtype=float32)
    """
    return np.sqrt(x)


sqrt.vjp(x=lambda g, out: g * 0.5 / out)

# ---- exponential and trigonometric ---------------------------------------------------------------------------------


@op(kind="elementwise", method=True, numpy=np.exp)
def exp(x, /):
    """e to the power x.

    >>> ag.exp(ag.tensor([0.0, 1.0])).numpy().round(3)
    array([1.   , 2.718], dtype=float32)
    """
    return np.exp(x)


exp.vjp(x=lambda g, out: g * out)


@op(kind="elementwise", method=True, numpy=np.log)
def log(x, /):
    """The natural logarithm: -inf at 0, NaN below.

    >>> ag.log(ag.tensor([1.0, 2.0])).numpy().round(3)
    array([0.   , 0.693], dtype=float32)
    """
    return np.log(x)


log.vjp(x=lambda g, x: g / x)


@op(kind="elementwise", method=True, numpy=np.sin)
def sin(x, /):
    """The sine of x in radians.

    >>> ag.sin(ag.tensor([0.0, 0.5])).numpy().round(3)
    array([0.   , 0.479], dtype=float32)
    """
    return np.sin(x)


sin.vjp(x=lambda g, x: g * cos(x))


@op(kind="elementwise", method=True, numpy=np.cos)
def cos(x, /):
    """The cosine of x in radians.

    >>> ag.cos(ag.tensor([0.0, 0.5])).numpy().round(3)
    array([1.   , 0.878], dtype=float32)
    """
    return np.cos(x)


cos.vjp(x=lambda g, x: -(g * sin(x)))


@op(kind="elementwise", method=True, numpy=np.tanh)
def tanh(x, /):
    """The hyperbolic tangent.

    >>> ag.tanh(ag.tensor([0.0, 1.0])).numpy().round(3)
    array([0.   , 0.762], dtype=float32)
    """
    return np.tanh(x)


tanh.vjp(x=lambda g, out: g * (1.0 - out * out))

# ---- activations ---------------------------------------------------------------------------------------------------


def logistic(x: Any) -> Any:
    """The body of `sigmoid`: on large arrays the plain formula, whose overflow to infinity gives the right 0."""
    if type(x) is np.ndarray and x.size >= LEAST:
        with np.errstate(over="ignore"):
            return 1.0 / (1.0 + np.exp(-x))
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1.0, e) / (1.0 + e)


@op(kind="elementwise", method=True)
def sigmoid(x, /):
    """The logistic function 1 / (1 + exp(-x)), without overflow on either side.

    >>> ag.sigmoid(ag.tensor([0.0, 2.0])).numpy().round(3)
    array([0.5  , 0.881], dtype=float32)
    """
    return logistic(x)


sigmoid.vjp(x=lambda g, out: g * (out * (1.0 - out)))


@op(kind="elementwise", method=True)
def relu(x, /):
    """max(x, 0); its derivative at 0 is 0, and NaN passes through.

    >>> ag.relu(ag.tensor([-1.0, 2.0]))
    tensor([0., 2.], dtype=float32)
    """
    return limit(x, 0, math.inf)


relu.vjp(x=lambda g, out: within_(g, detach(out), 0.0, math.inf))


@op(kind="elementwise")
def within_(y, x, /, low, high):
    """y where x lies between two numbers, or is NaN; 0 elsewhere: how a cotangent passes what was limited to them."""
    return within(y, x, low, high)


within_.vjp(y=lambda g, x, low, high: within_(g, x, low, high), x=lambda g: zeros_like(g))

# ---- choosing ------------------------------------------------------------------------------------------------------


@op(kind="elementwise", broadcasts=True, numpy=np.maximum)
def maximum(x, y, /):
    """The larger of x and y, elementwise; NaN if either is. A tie gives half of the derivative to each, a NaN all of it to both.

    >>> ag.maximum(ag.tensor([1.0, 5.0]), 3.0)
    tensor([3., 5.], dtype=float32)
    """
    return np.maximum(x, y)


maximum.vjp(
    x=lambda g, x, y: where(equal(x, y), g * 0.5, where(less(x, y), 0.0, g)),
    y=lambda g, x, y: where(equal(x, y), g * 0.5, where(greater(x, y), 0.0, g)),
)


@op(kind="elementwise", broadcasts=True, numpy=np.minimum)
def minimum(x, y, /):
    """The smaller of x and y, elementwise; NaN if either is. A tie gives half of the derivative to each, a NaN all of it to both.

    >>> ag.minimum(ag.tensor([1.0, 5.0]), 3.0)
    tensor([1., 3.], dtype=float32)
    """
    return np.minimum(x, y)


minimum.vjp(
    x=lambda g, x, y: where(equal(x, y), g * 0.5, where(greater(x, y), 0.0, g)),
    y=lambda g, x, y: where(equal(x, y), g * 0.5, where(less(x, y), 0.0, g)),
)


@op(kind="elementwise", broadcasts=True)
def where(condition, x, y, /):
    """x where the condition holds, y elsewhere, elementwise with broadcasting.

    What is not chosen gets cotangent 0, but an infinite derivative behind it still gives NaN: choose its *input* so that
    it stays finite.

    >>> ag.where(ag.tensor([True, False]), ag.tensor([1.0, 2.0]), 0.0)
    tensor([1., 0.], dtype=float32)
    """
    return pick(condition, x, y)


where.vjp(
    condition=nondifferentiable,
    x=lambda g, condition: where(condition, g, 0.0),
    y=lambda g, condition: where(condition, 0.0, g),
)
