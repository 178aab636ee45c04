"""Norms of vectors and matrices, and the condition number; where a norm is 0 its derivative is taken to be 0."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine.methods import attach
from ..engine.op import nondifferentiable, op
from ..engine.protocol import implements
from .arranging import moveaxis
from .comparison import equal, not_equal
from .decompositions import svdvals
from .elementwise import abs, power, sign, where
from .reduction import max, min, spread, sum
from .shape import arrayed, axes_of, operand_along, reshape_
from .solving import inv
from .totals import total

__all__ = ["cond", "matrix_norm", "matrix_rank", "norm", "vector_norm"]


def _safe(out):
    return where(equal(out, 0.0), 1.0, out)


@op(kind="reduction")
def two_norm(x, /, axis, keepdims):
    """The root of the sum of squares."""
    return np.sqrt(total(x * x, axis, keepdims))


two_norm.vjp(
    x=lambda g, x, out, axis, keepdims: spread(g / _safe(out), x.shape, axis, keepdims) * x,
)


@op(kind="reduction")
def power_norm(x, /, order, axis, keepdims):
    """The sum of powers of absolute values, to the power of 1 / order."""
    return np.add.reduce(np.abs(x) ** order, axis=axis, keepdims=keepdims) ** (1.0 / order)


power_norm.vjp(
    x=lambda g, x, out, order, axis, keepdims: (
        spread(g * power(_safe(out), 1.0 - order), x.shape, axis, keepdims) * (sign(x) * power(abs(x), order - 1.0))
    )
)


@implements(np.linalg.vector_norm)
def vector_norm(x: Any, /, *, axis: Any = None, keepdims: bool = False, ord: float = 2) -> Any:
    r"""The norm :math:`(\sum |x|^p)^{1/p}` over an axis, a tuple of axes, or all of them (None), with p = `ord`.

    `ord` is 2 by default; inf and -inf give the largest and smallest absolute value, 0 the number of elements not 0.

    >>> ag.linalg.vector_norm(ag.tensor([3.0, 4.0]))
    tensor(5., dtype=float32)
    """
    axis = tuple(axis) if isinstance(axis, list) else axis
    x = operand_along("vector_norm", x, axis)
    if ord == 2:
        return two_norm(x, axis, keepdims)
    if ord == 1:
        return sum(abs(x), axis, None, keepdims)
    if ord == 0:
        return sum(not_equal(x, 0.0).astype(x.dtype), axis, None, keepdims)
    if ord in (np.inf, -np.inf):
        return (max if ord > 0 else min)(abs(x), axis, keepdims)
    return power_norm(x, float(ord), axis, keepdims)


@implements(np.linalg.matrix_norm)
def matrix_norm(x: Any, /, *, keepdims: bool = False, ord: float | str = "fro") -> Any:
    """The norm of matrices in the last two axes.

    `ord`: ``"fro"`` (default) the root of the sum of squares, ``"nuc"`` the sum of singular values, 2 and -2 the largest and
    smallest of them, 1 and -1 the largest and smallest sum of absolute values in a column, inf and -inf in a row.
    Raises ValueError for another `ord` or fewer than two axes.

    >>> ag.linalg.matrix_norm(ag.tensor([[3.0, 0.0], [0.0, 4.0]]))
    tensor(5., dtype=float32)
    """
    x = arrayed(x)
    if x.ndim < 2:
        raise ValueError(f"matrix_norm: takes matrices in the last two axes, not shape {x.shape}")
    if ord == "fro":
        return two_norm(x, (-2, -1), keepdims)
    if ord in ("nuc", 2, -2):
        s = svdvals(x)
        out = sum(s, -1) if ord == "nuc" else max(s, -1) if ord == 2 else min(s, -1)
    elif ord in (1, -1, np.inf, -np.inf):
        sums = sum(abs(x), -2 if ord in (1, -1) else -1)
        out = max(sums, -1) if float(ord) > 0 else min(sums, -1)
    else:
        raise ValueError(f"matrix_norm: ord {ord!r} is not 'fro', 'nuc', 1, -1, 2, -2, inf or -inf")
    return reshape_(out, (*out.shape, 1, 1)) if keepdims else out


@implements(np.linalg.norm)
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """The norm of a vector or a matrix, as `np.linalg.norm`: of all elements by default, the root of the sum of squares.

    With one axis (or one-dimensional x) `ord` is a vector's, see `vector_norm`; with two it is a matrix's, see `matrix_norm`.

    >>> ag.linalg.norm(ag.tensor([3.0, 4.0]))
    tensor(5., dtype=float32)
    """
    x = arrayed(x)
    if ord is None:
        return two_norm(x, axis if axis is None else axes_of("norm", x, axis), keepdims)
    axes = tuple(range(x.ndim)) if axis is None else axes_of("norm", x, axis)
    if len(axes) == 1:
        return vector_norm(x, axis=axes, keepdims=keepdims, ord=ord)
    if len(axes) != 2:
        raise ValueError(f"norm: ord {ord!r} takes one axis or two, not {len(axes)}; name them with axis=")
    out = matrix_norm(moveaxis(x, axes, (-2, -1)), ord=ord)
    return reshape_(out, tuple([1 if i in axes else n for i, n in enumerate(x.shape)])) if keepdims else out


attach(norm, "norm", method=True)


@implements(np.linalg.cond)
def cond(x: Any, p: Any = None) -> Any:
    """The condition number: the largest singular value over the smallest (p None or 2), or the norms of x and its inverse.

    >>> ag.linalg.cond(ag.tensor([[4.0, 0.0], [0.0, 2.0]]))
    tensor(2., dtype=float32)
    """
    x = arrayed(x)
    if p in (None, 2, -2):
        s = svdvals(x)
        return s[..., -1] / s[..., 0] if p == -2 else s[..., 0] / s[..., -1]
    return matrix_norm(x, ord=p) * matrix_norm(inv(x), ord=p)


@op(kind="linalg")
def matrix_rank(a, tol=None, /, *, rtol=None):
    """How many singular values of matrices in the last two axes are above a tolerance: an integer, without a derivative.

    `tol`: absolute; `rtol`: relative to the largest, default max(m, n) times the dtype's precision.

    >>> ag.linalg.matrix_rank(ag.tensor([[1.0, 2.0], [2.0, 4.0]]))
    tensor(1, dtype=int64)
    """
    settings = {} if rtol is None else {"rtol": rtol}
    return np.asarray(np.linalg.matrix_rank(a, tol, **settings))


matrix_rank.vjp(a=nondifferentiable, tol=nondifferentiable)


@implements(np.linalg.matrix_rank)
def _numpy_matrix_rank(A: Any, tol: Any = None, hermitian: bool = False, *, rtol: Any = None) -> Any:
    return matrix_rank(A, tol, rtol=rtol)
