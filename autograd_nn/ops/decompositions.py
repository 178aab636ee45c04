"""Decompositions of matrices, batched: cholesky, qr, eigh, svd.

Where a decomposition's factors have no derivative (equal eigenvalues, lost rank) asking for it raises LinAlgError; the
eigenvalues and singular values alone are differentiated everywhere. Sources: Giles, An extended collection of matrix
derivative results, Oxford 08/01 (2008); Murray, arXiv:1602.07527; Townsend, Differentiating the singular value
decomposition (2016).

Decision: `cholesky` and `eigh` take x as its symmetric part (x + x^T) / 2, where NumPy reads one half only. For the symmetric
matrices they are for that is the same, and the gradient comes out symmetric, as PyTorch's and JAX's do.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine.op import op
from ..engine.protocol import implements
from .diagonals import tril
from .joining import concat
from .shape import arrayed, reshape_
from .slicing import slice_
from .solving import solve_, square_fix

__all__ = ["cholesky", "eigh", "eigvalsh", "qr", "svd", "svdvals"]


def _symmetric(x):
    return (x + x.mT) * 0.5


def _columns(v):
    """A vector (or a batch) laid over the columns of a matrix: what multiplies each column."""
    return reshape_(v, (*v.shape[:-1], 1, v.shape[-1]))


def _cholesky_fix(a: Any) -> str | None:
    return (
        square_fix(a)
        or "the matrix is not positive definite; add a multiple of the identity, or see ag.linalg.eigvalsh"
    )


@op(kind="linalg", explain=_cholesky_fix)
def cholesky_(a, /):
    """The lower triangular factor."""
    return np.linalg.cholesky(_symmetric(a))


def _cholesky_rule(g, out):
    """L^-T phi(L^T g) L^-1, symmetric; phi halves the diagonal and drops what is above."""
    n = out.shape[-1]
    inner = tril(out.mT @ g) * (1.0 - 0.5 * np.eye(n, dtype=g.dtype))
    return _symmetric(solve_(out.mT, solve_(out.mT, inner.mT).mT))


cholesky_.vjp(a=_cholesky_rule)


@implements(np.linalg.cholesky)
def cholesky(a: Any, /, *, upper: bool = False) -> Any:
    """The lower triangular L with a = L L^T of symmetric positive definite matrices; with `upper` its transpose.

    The symmetric part (a + a^T) / 2 is taken, where NumPy reads the lower half only; so the gradient is symmetric.
    Raises LinAlgError if a matrix is not positive definite, ValueError if it is not square.

    >>> ag.linalg.cholesky(ag.tensor([[4.0, 0.0], [0.0, 9.0]]))
    tensor([[2., 0.],
            [0., 3.]], dtype=float32)
    """
    factor = cholesky_(a)
    return factor.mT if upper else factor


# ---- qr ------------------------------------------------------------------------------------------------------------


@op(kind="linalg", outputs=("Q", "R"))
def qr_(a, /):
    """The reduced factors of matrices with no more columns than rows."""
    return tuple(np.linalg.qr(a))


@op(kind="linalg", explain=lambda r: "the first columns are linearly dependent, so the factors have no derivative")
def independent_(r, /):
    """R, whose diagonal must not vanish: a column that depends on those before it leaves Q undetermined."""
    pivots = np.abs(np.diagonal(r, axis1=-2, axis2=-1))
    largest = np.abs(r).max((-2, -1), initial=0.0)[..., None]
    if (pivots <= 4 * r.shape[-1] * np.finfo(r.dtype).eps * largest).any():
        raise np.linalg.LinAlgError("dependent columns")
    return np.array(r)


independent_.vjp(r=lambda g: g)


def _qr_rule(g, out):
    q, r = out
    g_q = q * 0.0 if g[0] is None else g[0]
    m = -(g_q.mT @ q)
    if g[1] is not None:
        m = r @ g[1].mT + m
    mirrored = tril(m) + tril(m, -1).mT
    return solve_(independent_(r), (g_q + q @ mirrored).mT).mT


qr_.vjp(a=_qr_rule)


@implements(np.linalg.qr)
def qr(a: Any, /, mode: str = "reduced") -> Any:
    """Q with orthonormal columns and upper triangular R, with a = Q R.

    `mode`: ``"reduced"`` (default) or ``"r"``, which gives R alone. Returns (Q, R). Differentiating raises LinAlgError where
    the first columns are linearly dependent.

    >>> ag.linalg.qr(ag.tensor([[3.0], [4.0]]))[1].numpy().round(3)
    array([[-5.]], dtype=float32)
    """
    a = arrayed(a)
    if mode not in ("reduced", "r"):
        raise ValueError(f"qr: mode {mode!r} is not differentiable here; use 'reduced' or 'r'")
    m, n = a.shape[-2:]
    if m >= n:
        q, r = qr_(a)
    else:  # the first m columns decide Q; R of the others is their coordinates in it
        q, first = qr_(slice_(a, (..., (None, m, None))))
        r = concat([first, q.mT @ slice_(a, (..., (m, None, None)))], -1)
    return r if mode == "r" else (q, r)


# ---- eigenvalues and singular values -------------------------------------------------------------------------------


@op(
    kind="linalg",
    explain=lambda w: "two eigenvalues (or singular values) are equal, so their vectors have no derivative",
)
def inverse_gaps(w, /):
    """The matrix of 1 / (w_j - w_i), with zeros on the diagonal."""
    gaps = w[..., None, :] - w[..., :, None]
    n = w.shape[-1]
    largest = np.abs(w).max(-1, initial=0.0)[..., None, None]
    same = np.eye(n, dtype=bool)
    if ((np.abs(gaps) <= 4 * n * np.finfo(w.dtype).eps * largest) & ~same).any():
        raise np.linalg.LinAlgError("equal eigenvalues")
    return np.where(same, 0, 1 / np.where(same, 1, gaps)).astype(w.dtype)


def _inverse_gaps_rule(g, out):
    steep = g * out * out
    return steep.sum(-1) - steep.sum(-2)


inverse_gaps.vjp(w=_inverse_gaps_rule)


@op(kind="linalg", outputs=("eigenvalues", "eigenvectors"), explain=square_fix)
def eigh_(a, /):
    """Eigenvalues and eigenvectors of the symmetric part."""
    return tuple(np.linalg.eigh(_symmetric(a)))


def _eigh_rule(g, out):
    w, v = out
    if g[1] is None:
        return (v * _columns(g[0])) @ v.mT
    inner = inverse_gaps(w) * (v.mT @ g[1])
    if g[0] is not None:
        inner = inner + np.eye(w.shape[-1], dtype=w.dtype) * _columns(g[0])
    return _symmetric(v @ inner @ v.mT)


eigh_.vjp(a=_eigh_rule)


@implements(np.linalg.eigh)
def eigh(a: Any, /, UPLO: str = "L") -> Any:
    """The eigenvalues of symmetric matrices in ascending order, and orthonormal eigenvectors in columns.

    Returns (eigenvalues, eigenvectors). `UPLO` is accepted for NumPy's sake; the symmetric part is taken. Differentiating the
    vectors raises LinAlgError where two eigenvalues are equal. Raises ValueError if a matrix is not square.

    >>> ag.linalg.eigh(ag.tensor([[2.0, 0.0], [0.0, 1.0]])).eigenvalues
    tensor([1., 2.], dtype=float32)
    """
    return eigh_(a)


@implements(np.linalg.eigvalsh)
def eigvalsh(a: Any, /, UPLO: str = "L") -> Any:
    """The eigenvalues of symmetric matrices in ascending order, differentiated where some are equal, too.

    The symmetric part (a + a^T) / 2 is taken, whatever `UPLO`; NumPy reads one half only.

    >>> ag.linalg.eigvalsh(ag.tensor([[2.0, 0.0], [0.0, 1.0]]))
    tensor([1., 2.], dtype=float32)
    """
    return eigh_(a)[0]


@op(kind="linalg", outputs=("U", "S", "Vh"))
def svd_(a, /):
    """The reduced singular value decomposition."""
    return tuple(np.linalg.svd(a, full_matrices=False))


@op(
    kind="linalg",
    explain=lambda s: "a singular value is 0, so the vectors of a matrix that is not square have no derivative",
)
def inverse_singular(s, /):
    """1 / s."""
    if (s == 0.0).any():
        raise np.linalg.LinAlgError("a singular value is 0")
    return 1 / s


inverse_singular.vjp(s=lambda g, out: -(g * out * out))


def _svd_rule(g, a_shape, out):
    u, s, vh = out
    g_u, g_s, g_vh = g
    wide = _columns(s)
    if g_u is None and g_vh is None:
        return (u * _columns(g_s)) @ vh
    gaps = inverse_gaps(s * s)
    inner = 0.0 if g_s is None else np.eye(s.shape[-1], dtype=s.dtype) * _columns(g_s)
    if g_u is not None:
        turn = gaps * (u.mT @ g_u)
        inner = inner + (turn + turn.mT) * wide
    if g_vh is not None:
        turn = gaps * (vh @ g_vh.mT)
        inner = inner + wide.mT * (turn + turn.mT)
    total = u @ inner @ vh
    m, n = a_shape[-2:]
    if g_u is not None and m > n:
        total = total + ((g_u - u @ (u.mT @ g_u)) * _columns(inverse_singular(s))) @ vh
    if g_vh is not None and n > m:
        total = total + u @ (_columns(inverse_singular(s)).mT * (g_vh - (g_vh @ vh.mT) @ vh))
    return total


svd_.vjp(a=_svd_rule)


@implements(np.linalg.svd)
def svd(a: Any, /, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False) -> Any:
    """U, S and Vh with a = U diag(S) Vh, the singular values S in descending order.

    Returns (U, S, Vh), or S alone without `compute_uv`. Shapes: (..., m, n) to (..., m, k), (..., k), (..., k, n), k = min(m, n).
    Raises ValueError for `full_matrices` of a matrix that is not square, whose further vectors are anybody's choice.
    Differentiating the vectors raises LinAlgError where two singular values are equal.

    >>> ag.linalg.svd(ag.tensor([[3.0, 0.0], [0.0, 2.0]])).S
    tensor([3., 2.], dtype=float32)
    """
    a = arrayed(a)
    if not compute_uv:
        return svdvals(a)
    if full_matrices and a.shape[-1] != a.shape[-2]:
        raise ValueError(
            f"svd: of shape {a.shape} the full factors are not unique, nor differentiable; pass full_matrices=False"
        )
    return svd_(a)


@implements(np.linalg.svdvals)
def svdvals(a: Any, /) -> Any:
    """The singular values in descending order, differentiated where some are equal, too.

    >>> ag.linalg.svdvals(ag.tensor([[3.0, 0.0], [0.0, 2.0]]))
    tensor([3., 2.], dtype=float32)
    """
    return svd_(a)[1]
