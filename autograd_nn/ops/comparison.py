"""Comparisons, logic and bits, elementwise: their results (bools and integers) carry no gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine.op import nondifferentiable, op

__all__ = [
    "bitwise_and", "bitwise_or", "bitwise_xor", "equal", "greater", "greater_equal", "invert", "isfinite",
    "isinf", "isnan", "left_shift", "less", "less_equal", "logical_and", "logical_not", "logical_or",
    "logical_xor", "not_equal", "right_shift",
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
