"""Diagonals and triangles of matrices: a diagonal is a view, its adjoint puts one into zeros."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine.methods import method
from ..engine.op import op
from ..engine.protocol import implements
from .arranging import moveaxis
from .elementwise import where
from .reduction import sum
from .shape import arrayed, axes_of, reshape_

__all__ = ["diag", "diagflat", "diagonal", "trace", "tril", "triu"]


@op(kind="view")
def diagonal_(x, /, offset):
    """The diagonals of the matrices in the last two axes, along the last."""
    return np.diagonal(x, offset, -2, -1)


@op(kind="indexing")
def undiagonal(part, /, offset, shape):
    """Zeros of the shape with a part on the diagonal of the last two axes: the adjoint of `diagonal_`."""
    out = np.zeros(shape, part.dtype)
    rows = np.arange(part.shape[-1]) + (-offset if offset < 0 else 0)
    out[..., rows, rows + offset] = part
    return out


diagonal_.vjp(x=lambda g, x_shape, offset: undiagonal(g, offset, x_shape))
undiagonal.vjp(part=lambda g, offset: diagonal_(g, offset))


@method(numpy=np.diagonal)
def diagonal(x: Any, /, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """A diagonal of the matrices in two axes, along a new last axis; a view.

    `offset`: how far right of the main diagonal (left where negative). Raises AxisError for an axis that is not there.

    >>> ag.diagonal(ag.tensor([[1, 2], [3, 4]]))
    tensor([1, 4], dtype=int64)
    """
    x = arrayed(x)
    i, j = axes_of("diagonal", x, (axis1, axis2))
    return diagonal_(x if (i, j) == (x.ndim - 2, x.ndim - 1) else moveaxis(x, (i, j), (-2, -1)), offset)


@implements(np.diag)
def diag(x: Any, /, k: int = 0) -> Any:
    """The matrix that has a vector on its k-th diagonal, or the k-th diagonal of a matrix.

    Raises ValueError for any other number of axes.

    >>> ag.diag(ag.tensor([1, 2]))
    tensor([[1, 0],
            [0, 2]], dtype=int64)
    """
    x = arrayed(x)
    if x.ndim == 1:
        n = x.shape[0] + abs(k)
        return undiagonal(x, k, (n, n))
    if x.ndim != 2:
        raise ValueError(f"diag: takes a vector or a matrix, not shape {x.shape}; ag.diagonal takes diagonals of more")
    return diagonal_(x, k)


@implements(np.diagflat)
def diagflat(x: Any, /, k: int = 0) -> Any:
    """The matrix that has all elements of x on its k-th diagonal.

    >>> ag.diagflat(ag.tensor([[1, 2]]))
    tensor([[1, 0],
            [0, 2]], dtype=int64)
    """
    return diag(reshape_(arrayed(x), (-1,)), k)


@method(numpy=np.trace)
def trace(x: Any, /, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """The sum of a diagonal of the matrices in two axes.

    >>> ag.trace(ag.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor(5., dtype=float32)
    """
    return sum(diagonal(x, offset, axis1, axis2), -1)


def _on_or_below(name: str, x: Any, k: int) -> np.ndarray:
    """Where the matrices of x are on or below the k-th diagonal; a vector is the rows of a square one, as NumPy's."""
    if x.ndim == 0:
        raise ValueError(f"{name}: a scalar has no triangle; it takes matrices in the last two axes")
    rows, columns = x.shape[-2:] if x.ndim > 1 else x.shape * 2
    return np.tri(rows, columns, k, bool)


@method(numpy=np.tril)
def tril(x: Any, /, k: int = 0) -> Any:
    """x with zeros above the k-th diagonal of the last two axes.

    >>> ag.tril(ag.tensor([[1, 2], [3, 4]]))
    tensor([[1, 0],
            [3, 4]], dtype=int64)
    """
    x = arrayed(x)
    return where(_on_or_below("tril", x, k), x, False)


@method(numpy=np.triu)
def triu(x: Any, /, k: int = 0) -> Any:
    """x with zeros below the k-th diagonal of the last two axes.

    >>> ag.triu(ag.tensor([[1, 2], [3, 4]]))
    tensor([[1, 2],
            [0, 4]], dtype=int64)
    """
    x = arrayed(x)
    return where(_on_or_below("triu", x, k - 1), False, x)


@implements(np.linalg.diagonal)
def matrix_diagonal(x: Any, /, *, offset: int = 0) -> Any:
    """The diagonals of matrices in the last two axes, `offset` above the main one: `ag.linalg.diagonal`.

    >>> ag.linalg.diagonal(ag.ones((2, 3, 4))).shape
    (2, 3)
    """
    return diagonal(x, offset, -2, -1)


@implements(np.linalg.trace)
def matrix_trace(x: Any, /, *, offset: int = 0, dtype: Any = None) -> Any:
    """The sums of the diagonals of matrices in the last two axes: `ag.linalg.trace`. `dtype` is what to add up in.

    >>> ag.linalg.trace(ag.ones((2, 3, 3)))
    tensor([3., 3.], dtype=float32)
    """
    return sum(diagonal(x, offset, -2, -1), -1, dtype)
