"""Comparisons, logic and bits, elementwise: their results (bools and integers) carry no gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine.op import nondifferentiable, op

__all__ = [
    "allclose", "array_equal", "array_equiv", "bitwise_and", "bitwise_count", "bitwise_or", "bitwise_xor", "equal", "gcd",
    "greater", "greater_equal", "invert", "isclose", "isfinite", "isinf", "isnan", "isneginf", "isposinf", "lcm",
    "left_shift", "less", "less_equal", "logical_and", "logical_not", "logical_or", "logical_xor", "not_equal", "right_shift",
    "signbit",
]  # fmt: skip


def _without_derivative(**settings: Any) -> Any:
    """`@op` for an elementwise operation through which no gradient flows."""

    def define(body: Any) -> Any:
        made = op(body, kind="elementwise", broadcasts=True, **settings)
        return made.vjp(**{a.name: nondifferentiable for a in made.op.arrays})

    return define


@_without_derivative(numpy=np.equal, operator="==")
def equal(x, y, /):
    """x == y, elementwise with broadcasting.

    >>> ag.equal(ag.tensor([1, 2]), 2)
    tensor([False,  True], dtype=bool)
    """
    return x == y


@_without_derivative(numpy=np.not_equal, operator="!=")
def not_equal(x, y, /):
    """x != y, elementwise with broadcasting.

    >>> ag.not_equal(ag.tensor([1, 2]), 2)
    tensor([ True, False], dtype=bool)
    """
    return x != y


@_without_derivative(numpy=np.less, operator="<")
def less(x, y, /):
    """x < y, elementwise with broadcasting.

    >>> ag.less(ag.tensor([1, 2]), 2)
    tensor([ True, False], dtype=bool)
    """
    return x < y


@_without_derivative(numpy=np.less_equal, operator="<=")
def less_equal(x, y, /):
    """x <= y, elementwise with broadcasting.

    >>> ag.less_equal(ag.tensor([1, 3]), 2)
    tensor([ True, False], dtype=bool)
    """
    return x <= y


@_without_derivative(numpy=np.greater, operator=">")
def greater(x, y, /):
    """x > y, elementwise with broadcasting.

    >>> ag.greater(ag.tensor([1, 3]), 2)
    tensor([False,  True], dtype=bool)
    """
    return x > y


@_without_derivative(numpy=np.greater_equal, operator=">=")
def greater_equal(x, y, /):
    """x >= y, elementwise with broadcasting.

    >>> ag.greater_equal(ag.tensor([1, 2]), 2)
    tensor([False,  True], dtype=bool)
    """
    return x >= y


@_without_derivative(numpy=np.logical_and)
def logical_and(x, y, /):
    """Whether both are true (not zero), elementwise.

    >>> ag.logical_and(ag.tensor([True, False]), True)
    tensor([ True, False], dtype=bool)
    """
    return np.logical_and(x, y)


@_without_derivative(numpy=np.logical_or)
def logical_or(x, y, /):
    """Whether either is true (not zero), elementwise.

    >>> ag.logical_or(ag.tensor([True, False]), False)
    tensor([ True, False], dtype=bool)
    """
    return np.logical_or(x, y)


@_without_derivative(numpy=np.logical_xor)
def logical_xor(x, y, /):
    """Whether exactly one is true (not zero), elementwise.

    >>> ag.logical_xor(ag.tensor([True, False]), True)
    tensor([False,  True], dtype=bool)
    """
    return np.logical_xor(x, y)


@_without_derivative(numpy=np.logical_not)
def logical_not(x, /):
    """Whether x is false (zero), elementwise.

    >>> ag.logical_not(ag.tensor([True, False]))
    tensor([False,  True], dtype=bool)
    """
    return np.logical_not(x)


@_without_derivative(numpy=np.bitwise_and, operator="&")
def bitwise_and(x, y, /):
    """The bits both have; of bools, whether both are true.

    >>> ag.bitwise_and(ag.tensor([6, 3]), 2)
    tensor([2, 2], dtype=int64)
    """
    return np.bitwise_and(x, y)


@_without_derivative(numpy=np.bitwise_or, operator="|")
def bitwise_or(x, y, /):
    """The bits either has; of bools, whether either is true.

    >>> ag.bitwise_or(ag.tensor([6, 1]), 2)
    tensor([6, 3], dtype=int64)
    """
    return np.bitwise_or(x, y)


@_without_derivative(numpy=np.bitwise_xor, operator="^")
def bitwise_xor(x, y, /):
    """The bits exactly one has; of bools, whether they differ.

    >>> ag.bitwise_xor(ag.tensor([6, 3]), 2)
    tensor([4, 1], dtype=int64)
    """
    return np.bitwise_xor(x, y)


@_without_derivative(numpy=np.invert, operator="invert")
def invert(x, /):
    """All bits turned; of bools, the opposite.

    >>> ag.invert(ag.tensor([True, False]))
    tensor([False,  True], dtype=bool)
    """
    return np.invert(x)


@_without_derivative(numpy=np.left_shift, operator="<<")
def left_shift(x, y, /):
    """The bits of integers moved y places up.

    >>> ag.left_shift(ag.tensor([1, 2]), 3)
    tensor([ 8, 16], dtype=int64)
    """
    return np.left_shift(x, y)


@_without_derivative(numpy=np.right_shift, operator=">>")
def right_shift(x, y, /):
    """The bits of integers moved y places down.

    >>> ag.right_shift(ag.tensor([8, 16]), 3)
    tensor([1, 2], dtype=int64)
    """
    return np.right_shift(x, y)


@_without_derivative(numpy=np.isnan)
def isnan(x, /):
    """Whether x is NaN, elementwise.

    >>> ag.isnan(ag.tensor([1.0, float("nan")]))
    tensor([False,  True], dtype=bool)
    """
    return np.isnan(x)


@_without_derivative(numpy=np.isinf)
def isinf(x, /):
    """Whether x is infinite, elementwise.

    >>> ag.isinf(ag.tensor([1.0, float("inf")]))
    tensor([False,  True], dtype=bool)
    """
    return np.isinf(x)


@_without_derivative(numpy=np.isfinite)
def isfinite(x, /):
    """Whether x is neither infinite nor NaN, elementwise.

    >>> ag.isfinite(ag.tensor([1.0, float("inf")]))
    tensor([ True, False], dtype=bool)
    """
    return np.isfinite(x)


@_without_derivative(numpy=np.isposinf)
def isposinf(x, /):
    """Whether x is +inf, elementwise.

    >>> ag.isposinf(ag.tensor([float("inf"), -float("inf")]))
    tensor([ True, False], dtype=bool)
    """
    return x == np.inf


@_without_derivative(numpy=np.isneginf)
def isneginf(x, /):
    """Whether x is -inf, elementwise.

    >>> ag.isneginf(ag.tensor([float("inf"), -float("inf")]))
    tensor([False,  True], dtype=bool)
    """
    return x == -np.inf


@_without_derivative(numpy=np.signbit)
def signbit(x, /):
    """Whether the sign bit is set: x is negative, or -0.

    >>> ag.signbit(ag.tensor([1.0, -0.0]))
    tensor([False,  True], dtype=bool)
    """
    return np.signbit(x)


@_without_derivative(numpy=np.gcd)
def gcd(x, y, /):
    """The greatest common divisor of integers.

    >>> ag.gcd(ag.tensor([12, 7]), 8)
    tensor([4, 1], dtype=int64)
    """
    return np.gcd(x, y)


@_without_derivative(numpy=np.lcm)
def lcm(x, y, /):
    """The least common multiple of integers.

    >>> ag.lcm(ag.tensor([4, 7]), 6)
    tensor([12, 42], dtype=int64)
    """
    return np.lcm(x, y)


@_without_derivative(numpy=np.bitwise_count)
def bitwise_count(x, /):
    """How many bits of the absolute value are set; uint8.

    >>> ag.bitwise_count(ag.tensor([7, 8]))
    tensor([3, 1], dtype=uint8)
    """
    return np.bitwise_count(x)


# ---- of whole arrays -----------------------------------------------------------------------------------------------


@_without_derivative(numpy=np.isclose)
def isclose(x, y, /, rtol=1e-5, atol=1e-8, equal_nan=False):
    """Whether abs(x - y) <= atol + rtol abs(y), elementwise; `equal_nan`: whether two NaN are close.

    >>> ag.isclose(ag.tensor([1.0, 2.0]), ag.tensor([1.0000001, 2.1]))
    tensor([ True, False], dtype=bool)
    """
    return np.isclose(x, y, rtol, atol, equal_nan)


def _of_whole_arrays(numpys: Any) -> Any:
    """`@op` for a comparison of two arrays that gives one bool."""

    def define(body: Any) -> Any:
        made = op(body, kind="reduction", numpy=numpys)
        return made.vjp(x=nondifferentiable, y=nondifferentiable)

    return define


@_of_whole_arrays(np.allclose)
def allclose(x, y, /, rtol=1e-5, atol=1e-8, equal_nan=False):
    """Whether all elements are close, see `isclose`; a 0-d bool Tensor.

    >>> bool(ag.allclose(ag.tensor([1.0, 2.0]), ag.tensor([1.0, 2.1])))
    False
    """
    return np.bool_(np.allclose(x, y, rtol, atol, equal_nan))


@_of_whole_arrays(np.array_equal)
def array_equal(x, y, /, equal_nan=False):
    """Whether two arrays have one shape and the same elements; a 0-d bool Tensor.

    >>> bool(ag.array_equal(ag.tensor([1, 2]), [1, 2]))
    True
    """
    return np.bool_(np.array_equal(x, y, equal_nan))


@_of_whole_arrays(np.array_equiv)
def array_equiv(x, y, /):
    """Whether two arrays broadcast to each other and have the same elements then; a 0-d bool Tensor.

    >>> bool(ag.array_equiv(ag.tensor([1, 1]), 1))
    True
    """
    return np.bool_(np.array_equiv(x, y))
