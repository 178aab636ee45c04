"""Inverses, linear systems, determinants, powers and exponentials of matrices, batched over leading axes.

What has no inverse raises LinAlgError and says so; determinants are differentiated where they are 0, too.
"""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from ..engine.op import op
from ..engine.protocol import implements
from ..engine.tensor import Tensor
from .arranging import moveaxis
from .diagonals import tril, triu
from .elementwise import where
from .joining import concat
from .products import matmul
from .shape import all_arrayed, arrayed, detach, reshape_
from .slicing import slice_

__all__ = [
    "det", "expm", "inv", "lstsq", "matrix_power", "multi_dot", "pinv", "slogdet", "solve", "solve_triangular",
    "tensorinv", "tensorsolve",
]  # fmt: skip


def square_fix(a: Any, *rest: Any) -> str | None:
    """What is wrong with matrices that should be square and invertible."""
    shape = np.shape(a)
    if len(shape) < 2 or shape[-1] != shape[-2]:
        return f"takes square matrices in the last two axes, not shape {shape}"
    return None


def _singular_fix(a: Any, *rest: Any) -> str | None:
    shape = np.shape(a)
    wrong = square_fix(a)
    if wrong is None and len(shape) > 2:
        ranks = np.linalg.matrix_rank(a.detach().numpy() if hasattr(a, "detach") else a).reshape(-1)
        short = np.flatnonzero(ranks < shape[-1])
        if short.size:
            place = tuple(map(int, np.unravel_index(short[0], shape[:-2])))
            return f"the matrix at {place} is singular; ag.linalg.pinv and lstsq take such matrices"
    return wrong or "the matrix is singular; ag.linalg.pinv and lstsq take such matrices"


@op(kind="linalg", numpy=np.linalg.inv, explain=_singular_fix)
def inv(a, /):
    """The inverse of square matrices in the last two axes.

    Shapes: (..., n, n) to (..., n, n). Raises LinAlgError if one is singular, ValueError if it is not square.

    >>> ag.linalg.inv(ag.tensor([[2.0, 0.0], [0.0, 4.0]]))
    tensor([[0.5 , 0.  ],
            [0.  , 0.25]], dtype=float32)
    """
    return np.linalg.inv(a)


inv.vjp(a=lambda g, out: -(out.mT @ g @ out.mT))


def _solve_fix(a: Any, b: Any) -> str | None:
    shape, sides = np.shape(a), np.shape(b)
    if square_fix(a) is None and sides[-2] != shape[-1]:
        return f"a has {shape[-1]} rows and b has {sides[-2]}: a {shape}, b {sides}"
    try:
        np.broadcast_shapes(shape[:-2], sides[:-2])
    except ValueError:
        return f"the leading axes do not broadcast: a {shape}, b {sides}"
    return _singular_fix(a)


@op(kind="linalg", broadcasts=True, explain=_solve_fix)
def solve_(a, b, /):
    """The x with a x = b, for matrices b."""
    return np.linalg.solve(a, b)


solve_.vjp(a=lambda g, a, out: -(solve_(a.mT, g) @ out.mT), b=lambda g, a: solve_(a.mT, g))


@implements(np.linalg.solve)
def solve(a: Any, b: Any, /) -> Any:
    """The x with a x = b. A vector b is one right-hand side; of a matrix each column is one.

    Shapes: a (..., n, n); b (n,) or (..., n, k). Raises LinAlgError if a is singular, ValueError for shapes that do not fit.

    >>> ag.linalg.solve(ag.tensor([[2.0, 0.0], [0.0, 4.0]]), ag.tensor([2.0, 2.0]))
    tensor([1. , 0.5], dtype=float32)
    """
    b = arrayed(b, a)
    if b.ndim == 1:
        return slice_(solve_(a, reshape_(b, (-1, 1))), (..., 0))
    return solve_(a, b)


def solve_triangular(a: Any, b: Any, /, lower: bool = False, unit_diagonal: bool = False) -> Any:
    """The x with a x = b for triangular matrices a, whose other half is not read; `b` as in `solve`.

    `lower`: which half holds a (default the upper); `unit_diagonal`: take the diagonal for ones.
    Raises LinAlgError for a zero on the diagonal.

    >>> ag.linalg.solve_triangular(ag.tensor([[2.0, 2.0], [0.0, 4.0]]), ag.tensor([4.0, 4.0]))
    tensor([1., 1.], dtype=float32)
    """
    half = tril(a) if lower else triu(a)
    if unit_diagonal:
        half = where(np.eye(half.shape[-1], dtype=bool), True, half)
    return solve(half, b)


@implements(np.linalg.tensorsolve)
def tensorsolve(a: Any, b: Any, axes: Any = None) -> Any:
    """The x with ``tensordot(a, x, x.ndim) = b``: `solve` with a and b taken for a matrix and a vector.

    `axes`: axes of a to move to its end first.

    >>> ag.linalg.tensorsolve(ag.eye(4).reshape(2, 2, 2, 2), ag.ones((2, 2))).shape
    (2, 2)
    """
    a, b = all_arrayed((a, b))
    if axes is not None:
        a = moveaxis(a, tuple(axes), tuple(range(-len(axes), 0)))
    shape = a.shape[b.ndim :]
    if math.prod(shape) != b.size:
        raise np.linalg.LinAlgError(f"tensorsolve: a of shape {a.shape} makes no square matrix for b of {b.shape}")
    return reshape_(solve(reshape_(a, (b.size, b.size)), reshape_(b, (-1,))), shape)


@implements(np.linalg.tensorinv)
def tensorinv(a: Any, ind: int = 2) -> Any:
    """The inverse of a taken for a matrix, whose rows are its first `ind` axes: of use to `tensordot`.

    >>> ag.linalg.tensorinv(ag.eye(6).reshape(2, 3, 6)).shape
    (6, 2, 3)
    """
    a = arrayed(a)
    if ind <= 0:
        raise ValueError(f"tensorinv: ind is how many axes are rows, 1 or more, not {ind}")
    rows, columns = a.shape[:ind], a.shape[ind:]
    return reshape_(inv(reshape_(a, (math.prod(rows), math.prod(columns)))), (*columns, *rows))


# ---- determinants --------------------------------------------------------------------------------------------------


def _products_without(s: Any, pairs: bool) -> Any:
    """The products of all numbers of the last axis but one, or (in a matrix, for each pair) but two."""
    n = s.shape[-1]
    left_out = np.eye(n, dtype=bool)
    if pairs:
        left_out = left_out[:, None, :] | left_out[None, :, :]
        s = reshape_(s, (*s.shape[:-1], 1, 1, n))
    else:
        s = reshape_(s, (*s.shape[:-1], 1, n))
    return where(left_out, True, s).prod(-1)


WELL_CONDITIONED = 1e-3
"""The share of its largest possible value that a determinant must have for its derivative to go through the inverse."""


@op(kind="linalg")
def cofactors(a, /):
    """The matrix of cofactors, the derivative of the determinant; through the singular values where it is near 0."""
    determinants = np.linalg.det(a)
    largest = np.prod(np.linalg.norm(a, axis=-1), axis=-1)  # that the determinant could be (Hadamard)
    if (np.abs(determinants) > WELL_CONDITIONED * largest).all():
        return determinants[..., None, None] * np.linalg.inv(a).swapaxes(-1, -2)
    u, s, vh = np.linalg.svd(a)
    sign = np.linalg.det(u) * np.linalg.det(vh)
    return (u * (np.rint(sign)[..., None] * _products_without(s, False))[..., None, :]) @ vh


def _cofactors_rule(g, a):
    """In the singular vectors' basis a change of the matrix is multiplied by products of all singular values but two."""
    from .decompositions import svd_  # which is built on this file's solve

    u, s, vh = svd_(a)
    sign = detach(det(u) * det(vh))
    inner = (u.mT @ g @ vh.mT) * reshape_(sign, (*sign.shape, 1, 1))
    n = s.shape[-1]
    off = where(np.eye(n, dtype=bool), False, _products_without(s, True))
    across = off @ reshape_((inner * np.eye(n, dtype=a.dtype)).sum(-1), (*s.shape, 1))
    return u @ (across * np.eye(n, dtype=a.dtype) - off * inner.mT) @ vh


cofactors.vjp(a=_cofactors_rule)


@op(kind="linalg", numpy=np.linalg.det, explain=square_fix)
def det(a, /):
    """The determinants of square matrices in the last two axes; differentiated where they are 0, too.

    Raises ValueError if a matrix is not square.

    >>> ag.linalg.det(ag.tensor([[2.0, 0.0], [0.0, 4.0]]))
    tensor(8., dtype=float32)
    """
    return np.linalg.det(a)


det.vjp(a=lambda g, a: reshape_(g, (*g.shape, 1, 1)) * cofactors(a))


@op(kind="linalg", outputs=("sign", "logabsdet"), numpy=np.linalg.slogdet, explain=square_fix)
def slogdet(a, /):
    """The signs and the logarithms of the absolute values of determinants; 0 and -inf of a singular matrix.

    Returns (sign, logabsdet). Differentiating a singular matrix raises LinAlgError.

    >>> ag.linalg.slogdet(ag.tensor([[2.0, 0.0], [0.0, 0.5]])).logabsdet
    tensor(0., dtype=float32)
    """
    return tuple(np.linalg.slogdet(a))


def _slogdet_rule(g, a):
    if g[1] is None:  # only the sign was used, which does not change
        return a * 0.0
    return reshape_(g[1], (*g[1].shape, 1, 1)) * inv(a).mT


slogdet.vjp(a=_slogdet_rule)

# ---- least squares -------------------------------------------------------------------------------------------------


@op(kind="linalg")
def pinv_(a, /, rcond):
    """The pseudo-inverse, singular values below rcond times the largest taken for 0."""
    return np.linalg.pinv(a, rcond)


def _pinv_rule(g, a, out):
    """Golub and Pereyra, The differentiation of pseudo-inverses, SIAM J. Numer. Anal. 10 (1973); the rank stays."""
    p, q = out.mT, g.mT
    return -(p @ g @ p) + (q - a @ (out @ q)) @ (out @ p) + (p @ out) @ (q - (q @ out) @ a)


pinv_.vjp(a=_pinv_rule)


@implements(np.linalg.pinv)
def pinv(a: Any, /, rcond: float | None = None, *, rtol: float | None = None) -> Any:
    """The (Moore-Penrose) pseudo-inverse of matrices of any shape and rank.

    `rcond` (or `rtol`): singular values below that fraction of the largest count as 0, default max(m, n) times the
    dtype's precision. The derivative is that at constant rank.

    >>> ag.linalg.pinv(ag.tensor([[2.0, 0.0], [0.0, 0.0]]))
    tensor([[0.5, 0. ],
            [0. , 0. ]], dtype=float32)
    """
    a = arrayed(a)
    given = rcond if rtol is None else rtol
    return pinv_(a, max(a.shape[-2:]) * float(np.finfo(a.dtype).eps) if given is None else given)


def lstsq(a: Any, b: Any, rcond: float | None = None) -> Any:
    """The x of least norm that minimises the sum of squares of a x - b, for any rank: `pinv(a) @ b`.

    Returns x alone, which is what there is to differentiate; `np.linalg.lstsq` of Tensors gives NumPy's four results.

    >>> ag.linalg.lstsq(ag.tensor([[1.0], [1.0]]), ag.tensor([1.0, 3.0])).numpy().round(3)
    array([2.], dtype=float32)
    """
    return matmul(pinv(a, rcond), b)


@implements(np.linalg.lstsq)
def _numpy_lstsq(a: Any, b: Any, rcond: float | None = None) -> tuple[Any, Any, Any, Any]:
    """(x, the sums of squares, the rank, the singular values) as NumPy gives them: no sums unless the rank is full and m > n."""
    from .decompositions import svdvals  # which is built on this file's solve

    a, b = all_arrayed((a, b))
    x, s = lstsq(a, b, rcond), svdvals(a)
    least = max(a.shape) * float(np.finfo(a.dtype).eps) if rcond is None else rcond
    sizes = detach(s) if isinstance(s, Tensor) else s
    rank = int((sizes > sizes.max() * max(least, 0.0)).sum()) if s.size else 0
    away = matmul(a, x) - b
    full = rank == a.shape[1] < a.shape[0]
    squares = (away * away).sum(0)
    return x, reshape_(squares, (-1,)) if full else reshape_(squares, (-1,))[:0], rank, s


# ---- powers --------------------------------------------------------------------------------------------------------


@implements(np.linalg.matrix_power)
def matrix_power(a: Any, n: int) -> Any:
    """The product of n times the same square matrices, by repeated squaring; of the inverse for negative n.

    Raises LinAlgError for a negative power of a singular matrix.

    >>> ag.linalg.matrix_power(ag.tensor([[1.0, 1.0], [0.0, 1.0]]), 3)
    tensor([[1., 3.],
            [0., 1.]], dtype=float32)
    """
    a, power = arrayed(a), operator.index(n)
    wrong = square_fix(a)
    if wrong:
        raise ValueError(f"matrix_power: {wrong}")
    if power == 0:
        return a * 0 + np.eye(a.shape[-1], dtype=a.dtype)
    square, out, left = inv(a) if power < 0 else a, None, abs(power)
    while left:
        if left & 1:
            out = square if out is None else out @ square
        left >>= 1
        square = square @ square if left else square
    return out


def _in_order(parts: list[Any], best: dict[tuple[int, int], tuple[int, int]], i: int, j: int) -> Any:
    """The product of parts i to j, split where `best` says."""
    if i == j:
        return parts[i]
    k = best[i, j][1]
    return matmul(_in_order(parts, best, i, k), _in_order(parts, best, k + 1, j))


@implements(np.linalg.multi_dot)
def multi_dot(arrays: Any) -> Any:
    """The product of two or more matrices, multiplied in the order that costs least; the ends may be vectors.

    Source: Cormen et al., Introduction to Algorithms, section 15.2. Raises ValueError for fewer than two.

    >>> ag.linalg.multi_dot([ag.ones((2, 3)), ag.ones((3, 4)), ag.ones(4)]).shape
    (2,)
    """
    parts = all_arrayed(arrays)
    if len(parts) < 2:
        raise ValueError(f"multi_dot: takes two matrices or more, not {len(parts)}")
    first_row, last_column = parts[0].ndim == 1, parts[-1].ndim == 1
    parts[0] = reshape_(parts[0], (1, -1)) if first_row else parts[0]
    parts[-1] = reshape_(parts[-1], (-1, 1)) if last_column else parts[-1]
    sizes = [p.shape[0] for p in parts] + [parts[-1].shape[1]]
    best: dict[tuple[int, int], tuple[int, int]] = {(i, i): (0, i) for i in range(len(parts))}
    for length in range(1, len(parts)):
        for i in range(len(parts) - length):
            j = i + length
            best[i, j] = min(
                (best[i, k][0] + best[k + 1, j][0] + sizes[i] * sizes[k + 1] * sizes[j + 1], k) for k in range(i, j)
            )

    out = _in_order(parts, best, 0, len(parts) - 1)
    return reshape_(out, out.shape[first_row : 2 - last_column])


def _expm(a: np.ndarray) -> np.ndarray:
    """Scaling and squaring around a Taylor polynomial of degree 18, whose remainder below norm 1/2 is under 1e-22."""
    norm = float(np.abs(a).sum(-2).max(initial=0.0))
    if not np.isfinite(norm):
        return np.full_like(a, np.nan)
    squarings = max(0, int(np.ceil(np.log2(norm))) + 1) if norm > 0 else 0
    scaled, eye = a * 0.5**squarings, np.eye(a.shape[-1], dtype=a.dtype)
    out = np.broadcast_to(eye, a.shape)
    for k in range(18, 0, -1):
        out = eye + (scaled @ out) / k
    for _ in range(squarings):
        out = out @ out
    return out


@op(kind="linalg", explain=square_fix)
def expm(a, /):
    r"""The matrix exponential :math:`\sum_k a^k / k!` of square matrices in the last two axes.

    Raises ValueError if a matrix is not square.

    >>> ag.linalg.expm(ag.tensor([[0.0, 1.0], [0.0, 0.0]]))
    tensor([[1., 1.],
            [0., 1.]], dtype=float32)
    """
    if a.ndim < 2 or a.shape[-1] != a.shape[-2]:
        raise ValueError("not square")
    return _expm(a)


def _expm_rule(g, a):
    """The derivative stands beside the exponential in that of a block matrix: Mathias, SIAM J. Matrix Anal. 17 (1996)."""
    n = a.shape[-1]
    above = concat([a.mT, g], -1)
    below = concat([a * 0.0, a.mT], -1)
    return slice_(expm(concat([above, below], -2)), (..., (None, n, None), (n, None, None)))


expm.vjp(a=_expm_rule)
