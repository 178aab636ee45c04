"""Products of matrices."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..engine.op import op
from .shape import reshape_
from .slicing import slice_

__all__ = ["matmul"]


def _matmul_fix(x: Any, y: Any) -> str | None:
    a, b = np.shape(x), np.shape(y)
    if not a or not b:
        return "a scalar has no matrix product; multiply with *"
    inner = b[-2] if len(b) > 1 else b[0]
    if a[-1] != inner:
        fix = ""
        if len(b) > 1 and a[-1] == b[-1]:
            fix = "; did you mean x @ y.mT?"
        elif len(a) > 1 and a[-2] == inner:
            fix = "; did you mean x.mT @ y?"
        axis = "axis -2" if len(b) > 1 else "the only axis"
        return f"the inner axes differ: axis -1 of x is {a[-1]}, {axis} of y is {inner}{fix}"
    return None


def _column(g):
    """A vector (or a batch of them) as columns."""
    return slice_(g, (..., None))


def _matmul_x(g, x_shape, y):
    if y.ndim == 1:
        return g * y if len(x_shape) == 1 else _column(g) * y
    if len(x_shape) == 1:
        return slice_(y @ _column(g), (..., 0))
    return g @ y.mT


def _matmul_y(g, x, y_shape):
    if len(y_shape) <= 2 and x.ndim > 2:  # a weight: contract all leading axes in one product
        rows = math.prod(x.shape[:-1])
        x = reshape_(x, (rows, x.shape[-1]))
        g = reshape_(g, (rows, y_shape[1]) if len(y_shape) == 2 else (rows,))
    if len(y_shape) == 1:
        return g * x if x.ndim == 1 else x.mT @ g
    if x.ndim == 1:
        return _column(x) * slice_(g, (..., None, (None, None, None)))
    return x.mT @ g


@op(kind="product", broadcasts=True, operator="@", numpy=np.matmul, explain=_matmul_fix)
def matmul(x, y, /):
    """The matrix product x y over the last two axes; the others broadcast. A vector is a row on the left, a column on the right.

    Shapes: x (..., n, k), y (..., k, m) to (..., n, m). Raises ValueError if the inner axes differ.

    >>> ag.matmul(ag.tensor([[1.0, 2.0]]), ag.tensor([[3.0], [4.0]]))
    tensor([[11.]], dtype=float32)
    """
    return np.matmul(x, y)


matmul.vjp(x=_matmul_x, y=_matmul_y)
