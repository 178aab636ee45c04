"""Parametrizations that are often wanted: weight and spectral normalisation, and orthogonal matrices.

`parametrize` says how a parametrization works. PyTorch's older forms of the first two are in `normalised`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...engine.modes import no_grad
from ...engine.tensor import Tensor, assign
from ...ops.arranging import moveaxis
from ...ops.creation import eye
from ...ops.diagonals import matrix_diagonal, tril, triu
from ...ops.linalg import expm, qr, solve, vecdot
from ...ops.norms import two_norm
from ...ops.rounding import trunc
from ...ops.shape import concatenate, copy, reshape
from .. import init
from ..convolution import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from ..functional.normalisation import normalize
from ..module import Module
from ..parameter import Buffer
from .derived import owned
from .parametrize import is_parametrized, register_parametrization

__all__ = ["orthogonal", "spectral_norm", "weight_norm"]


# ---- weight normalisation ------------------------------------------------------------------------------------------


def norm_except(weight: Any, dim: int | None) -> Any:
    """The norms of all slices along a dimension, in the weight's number of axes; None or -1: the norm of all of it, 0-d."""
    if dim in (None, -1):
        return two_norm(weight, None, False)
    return two_norm(weight, tuple([axis for axis in range(weight.ndim) if axis != dim]), True)


class _WeightNorm(Module):
    def __init__(self, dim: int | None) -> None:
        self.dim = dim

    def forward(self, g: Any, v: Any) -> Any:
        return v * (g / norm_except(v, self.dim))

    def right_inverse(self, weight: Any) -> tuple[Any, Any]:
        return norm_except(weight, self.dim), weight


def weight_norm(module: Any, name: str = "weight", dim: int | None = 0) -> Any:
    r"""Learn a weight's size and direction apart: :math:`w = g\, v / \|v\|`, a norm for each slice along `dim` (0 by default).

    `dim` None: one norm. g is ``module.parametrizations.weight.original0``, v ``original1``. Returns the module.
    Salimans and Kingma, arXiv:1602.07868. Raises ValueError for a dimension that the weight does not have.

    >>> layer = nn.utils.parametrizations.weight_norm(nn.Linear(20, 40))
    >>> [(name, p.shape) for name, p in layer.named_parameters() if name != "bias"]
    [('parametrizations.weight.original0', (40, 1)), ('parametrizations.weight.original1', (40, 20))]
    """
    ndim = _weight("weight_norm", module, name).ndim
    if dim is not None and not -1 <= dim < ndim:
        raise ValueError(f"weight_norm: {name!r} has {ndim} axes; there is no dim {dim}")
    return register_parametrization(module, name, _WeightNorm(dim), unsafe=True)


def _weight(function: str, module: Any, name: str) -> Any:
    return getattr(module, name) if is_parametrized(module, name) else owned(function, module, name)


# ---- spectral normalisation ----------------------------------------------------------------------------------------


def as_matrix(weight: Any, dim: int) -> Any:
    """A weight as a matrix, whose rows are the slices along a dimension."""
    front = moveaxis(weight, dim, 0)
    return reshape(front, (front.shape[0], -1))


def output_dim(module: Any, dim: int | None) -> int:
    """The dimension of a weight's outputs: 0, of transposed convolutions 1, unless given."""
    transposed = isinstance(module, (ConvTranspose1d, ConvTranspose2d, ConvTranspose3d))
    return (1 if transposed else 0) if dim is None else dim


def checked(weight: Any, n_power_iterations: int, dim: int) -> int:
    """The dimension, not negative; ValueError unless the weight has it and there is an iteration."""
    if n_power_iterations < 1:
        raise ValueError(f"spectral_norm: n_power_iterations must be at least 1, got {n_power_iterations}")
    if not -weight.ndim <= dim < weight.ndim:
        raise ValueError(f"spectral_norm: the weight has shape {weight.shape}; there is no dim {dim}")
    return dim % weight.ndim


class _SpectralNorm(Module):
    _u: Buffer
    _v: Buffer

    def __init__(self, weight: Any, n_power_iterations: int, dim: int, eps: float) -> None:
        self.dim = checked(weight, n_power_iterations, dim)
        self.eps, self.n_power_iterations = eps, n_power_iterations
        if weight.ndim > 1:
            with no_grad():
                matrix = as_matrix(weight, self.dim)
                for name, n in zip(("_u", "_v"), matrix.shape, strict=True):
                    start = init.normal_(Tensor._of(np.zeros(n, weight.dtype)))
                    setattr(self, name, Buffer(normalize(start, dim=0, eps=eps)))
                self._iterate(matrix, 15)

    def _iterate(self, matrix: Any, times: int) -> None:
        """The power method: u and v come nearer to the first singular vectors."""
        for _ in range(times):
            assign(self._u, normalize(matrix @ self._v, dim=0, eps=self.eps))
            assign(self._v, normalize(matrix.mT @ self._u, dim=0, eps=self.eps))

    def forward(self, weight: Any) -> Any:
        if weight.ndim == 1:
            return normalize(weight, dim=0, eps=self.eps)
        matrix = as_matrix(weight, self.dim)
        if self.training:
            with no_grad():
                self._iterate(matrix.detach(), self.n_power_iterations)
        u, v = copy(self._u), copy(self._v)  # the next call writes into them
        return weight / vecdot(u, matrix @ v)

    def right_inverse(self, weight: Any) -> Any:
        return weight


def spectral_norm(
    module: Any, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> Any:
    r"""Divide a weight by its largest singular value, :math:`W / \sigma(W)`, estimated by the power method. Returns the module.

    In training each reading of the weight takes `n_power_iterations` steps of it. `dim`: that of the outputs, by default 0, for
    transposed convolutions 1; the other axes are as one. A vector is divided by its norm. Miyato et al., arXiv:1802.05957.
    Raises ValueError for a dimension that the weight does not have, or less than one iteration.

    >>> layer = nn.utils.parametrizations.spectral_norm(nn.Linear(20, 40), n_power_iterations=20)
    >>> bool(abs(ag.linalg.matrix_norm(layer.weight, ord=2) - 1.0) < 0.05)
    True
    """
    weight = _weight("spectral_norm", module, name)
    made = _SpectralNorm(weight, n_power_iterations, output_dim(module, dim), eps)
    return register_parametrization(module, name, made)


# ---- orthogonal matrices -------------------------------------------------------------------------------------------

ORTHOGONAL_MAPS = ("matrix_exp", "cayley", "householder")


class _Orthogonal(Module):
    """From unconstrained numbers X, the lower triangle of which counts, to a matrix with orthonormal columns (or rows)."""

    def __init__(self, shape: Sequence[int], orthogonal_map: str, use_trivialization: bool) -> None:
        self.shape, self.orthogonal_map = tuple(shape), orthogonal_map
        if use_trivialization:
            self.base: Any = None

    def forward(self, x: Any) -> Any:
        wide = x.shape[-2] < x.shape[-1]
        x = x.mT if wide else x
        q = _reflections(x) if self.orthogonal_map == "householder" else self._rotation(tril(x))
        if hasattr(self, "base"):
            q = self.base @ q
        return q.mT if wide else q

    def _rotation(self, x: Any) -> Any:
        """The first columns of exp(A), or of Cayley's (1 - A/2)^-1 (1 + A/2), of a skew-symmetric A."""
        n, k = x.shape[-2:]
        x = concatenate([x, np.zeros((*x.shape[:-1], n - k), x.dtype)], -1)
        a = x - x.mT
        one = eye(n, dtype=a.dtype)
        q = expm(a) if self.orthogonal_map == "matrix_exp" else solve(one - 0.5 * a, one + 0.5 * a)
        return q[..., :k]

    def right_inverse(self, q: Any) -> Any:
        if q.shape != self.shape:
            raise ValueError(f"orthogonal: the weight has shape {self.shape}; a value of shape {q.shape} cannot be it")
        wide = q.shape[-2] < q.shape[-1]
        tall = q.mT if wide else q
        n, k = tall.shape[-2:]
        if hasattr(self, "base"):
            base = self._completed(tall, n, k)
            if self.base is None:
                self.base = Buffer(base)
            else:
                assign(self.base, base)
            return Tensor._of(np.zeros(q.shape, q.dtype) - np.eye(*q.shape[-2:], dtype=q.dtype))
        if self.orthogonal_map != "householder":
            raise NotImplementedError(
                f"orthogonal: what {self.orthogonal_map!r} makes a given weight of is not known; use_trivialization=True keeps it"
            )
        x = _reflectors(tall.numpy())
        return Tensor._of(np.ascontiguousarray(x.swapaxes(-1, -2)) if wide else x)

    @staticmethod
    def _completed(q: Any, n: int, k: int) -> Any:
        """A square orthogonal matrix with the first columns of q, which are made orthonormal unless they are."""
        if n == k and np.allclose((q.mT @ q).numpy(), np.eye(k), atol=10.0 * n * np.finfo(q.dtype).eps):
            return q
        if n != k:
            others = init.normal_(Tensor._of(np.zeros((*q.shape[:-1], n - k), q.dtype)))
            q = concatenate([q, others], -1)
        q, r = qr(q)
        return q * np.sign(np.diagonal(r.numpy(), axis1=-2, axis2=-1))[..., None, :]


def _reflections(x: Any) -> Any:
    r"""The first columns of :math:`H_1 \cdots H_k`, their signs those of x's diagonal; :math:`H_i = 1 - \tau_i v_i v_i^\top`.

    :math:`v_i` is column i of the lower triangle, with a one on the diagonal. As one matrix: :math:`1 - V T V^\top`, the inverse
    of T the upper triangle of :math:`V^\top V` with half its diagonal (Joffrin and Low, 1978).
    """
    n, k = x.shape[-2:]
    v = tril(x, -1) + np.eye(n, k, dtype=x.dtype)
    inner = v.mT @ v
    inverse = triu(inner, 1) + 0.5 * inner * np.eye(k, dtype=x.dtype)
    q = np.eye(n, k, dtype=x.dtype) - v @ solve(inverse, v.mT[..., :k])
    return q * trunc(matrix_diagonal(x))[..., None, :]


def _reflectors(q: np.ndarray) -> np.ndarray:
    """The numbers of which `_reflections` makes a matrix, which becomes orthogonal if it is not."""
    x = np.array(q)
    n, k = x.shape[-2:]
    for matrix in x.reshape(-1, n, k):
        for i in range(k):
            column = matrix[i:, i]
            beta = -np.copysign(np.linalg.norm(column), column[0])
            if i == n - 1 or not column[1:].any():  # nothing to reflect
                matrix[i + 1 :, i], matrix[i, i] = 0.0, -1.0 if column[0] >= 0.0 else 1.0
                continue
            v = column / (column[0] - beta)
            v[0] = 1.0
            matrix[i:, i + 1 :] -= np.outer(v, (2.0 / (v @ v)) * (v @ matrix[i:, i + 1 :]))
            matrix[i + 1 :, i], matrix[i, i] = v[1:], np.sign(beta)
    return x


def orthogonal(
    module: Any, name: str = "weight", orthogonal_map: str | None = None, *, use_trivialization: bool = True
) -> Any:
    r"""Keep a weight's columns (its rows, if it is wide) orthonormal: :math:`Q^\top Q = 1`. Returns the module.

    `orthogonal_map`: how numbers become such a matrix; ``"matrix_exp"`` (default for square ones), ``"cayley"`` or
    ``"householder"`` (default for others). It begins at the weight, if that is orthogonal, or at what QR makes of it;
    `use_trivialization` (default) keeps that as ``parametrizations.weight[0].base`` and learns what it is multiplied by:
    Lezcano-Casado, arXiv:1909.09501. Raises ValueError for a vector or another map.

    >>> layer = nn.utils.parametrizations.orthogonal(nn.Linear(20, 40))
    >>> bool(np.allclose((layer.weight.mT @ layer.weight).numpy(), np.eye(20), atol=1e-5))
    True
    """
    weight = _weight("orthogonal", module, name)
    if weight.ndim < 2:
        raise ValueError(f"orthogonal: {name!r} has shape {weight.shape}; it must be a matrix, or several")
    square = weight.shape[-1] == weight.shape[-2]
    orthogonal_map = orthogonal_map or ("matrix_exp" if square else "householder")
    if orthogonal_map not in ORTHOGONAL_MAPS:
        raise ValueError(f"orthogonal: orthogonal_map {orthogonal_map!r} is not one of {', '.join(ORTHOGONAL_MAPS)}")
    return register_parametrization(
        module, name, _Orthogonal(weight.shape, orthogonal_map, use_trivialization), unsafe=True
    )
