r"""Attention: queries look up values by keys, as one operation.

Vaswani et al., arXiv:1706.03762. The probabilities are kept for the derivative; all else is computed again.

Decision: a query that may look nowhere (every key masked) gets zeros, as PyTorch's `scaled_dot_product_attention` gives, and not
the NaN of 0 / 0.

Decision: results are laid out in memory as the queries are. Heads are a transposed view of (batch, steps, heads * size), so the
reshape that joins them again copies nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine.op import op
from .elementwise import exp, where
from .products import matmul, multiply_matrices
from .reduction import max, sum
from .shape import detach, reshape, transpose
from .totals import total

__all__ = ["dot_product_attention"]


def _explained(q: Any, k: Any, v: Any, mask: Any = None, dropped: Any = None, *parameters: Any) -> str | None:
    shapes = q_shape, k_shape, v_shape = tuple(np.shape(q)), tuple(np.shape(k)), tuple(np.shape(v))
    if min(map(len, shapes)) < 2:
        return "queries, keys and values have the axes (..., steps, features)"
    if q_shape[-1] != k_shape[-1]:
        return f"the queries have {q_shape[-1]} features and the keys {k_shape[-1]}; they must be equal"
    if k_shape[-2] != v_shape[-2]:
        return f"there are {k_shape[-2]} keys and {v_shape[-2]} values; they must be equal"
    if not q_shape[:-2] == k_shape[:-2] == v_shape[:-2]:
        return "the axes before the last two are not the same"
    scores = (*q_shape[:-1], k_shape[-2])
    for name, a in (("mask", mask), ("dropped", dropped)):
        shape = tuple(np.shape(a)) if a is not None else ()
        if len(shape) > len(scores) or any(n not in (1, m) for n, m in zip(shape[::-1], scores[::-1], strict=False)):
            return f"the {name} of shape {shape} does not broadcast to the scores, {scores}"
    return None


def _allowed(scores: Any) -> np.ndarray:
    """Which keys come at or before each query: (queries, keys)."""
    return np.tri(*scores.shape[-2:], dtype=bool)


@op(kind="fused", outputs=("attended", "weights"), explain=_explained)
def dot_product_attention(q, k, v, mask=None, dropped=None, /, scale=1.0, is_causal=False):
    r"""Each query's mean of the values, weighted by softmax of its products with the keys.

    :math:`W = \mathrm{softmax}(\text{scale} \cdot Q K^\top + M)`, out :math:`= (W \odot D) V`, and W. Shapes: q (..., L, E),
    k (..., S, E), v (..., S, F), W (..., L, S), out (..., L, F). `mask` broadcasts to W: bool, True where a query may look, or
    floating and added. `dropped` (D): factors of W. `is_causal`: query i looks at keys up to i only. Raises ValueError for
    shapes that do not fit.

    >>> out, weights = ag.dot_product_attention(ag.ones((1, 2)), ag.ones((2, 2)), ag.tensor([[1.0], [3.0]]))
    >>> out, weights
    (tensor([[2.]], dtype=float32), tensor([[0.5, 0.5]], dtype=float32))
    """
    scores = matmul(q * scale, k.mT)
    if is_causal:
        scores = where(_allowed(scores), scores, -np.inf)
    if mask is not None:
        scores = where(mask, scores, -np.inf) if mask.dtype == bool else scores + mask
    largest = detach(max(scores, -1, True))
    e = exp(scores - where(largest == -np.inf, 0.0, largest))
    sums = sum(e, -1, None, True)
    weights = e / where(sums == 0.0, 1.0, sums)
    return matmul(weights if dropped is None else weights * dropped, v), weights


@dot_product_attention.fast
def _attention(q, k, v, mask, dropped, scale, is_causal):
    fault = _explained(q, k, v, mask, dropped)
    if fault:
        raise ValueError(fault)
    w = multiply_matrices(q, k.mT)
    if scale != 1.0 and (mask is not None or scale < 0.0):  # else softmax scales, after it has found the largest
        w *= w.dtype.type(scale)
        scale = 1.0
    if mask is not None:
        if mask.dtype == bool:
            np.copyto(w, -np.inf, where=~mask)
        else:
            w = w + mask if np.result_type(w, mask) != w.dtype else np.add(w, mask, out=w)
    if _native(w):
        from ..kernels import softmax

        softmax.softmax(w, scale, w.shape[-2] if is_causal else 0)
    else:
        _softmax(w, scale, is_causal)
    return multiply_matrices(w if dropped is None else w * dropped, v, out=_like(q, v)), w


def _softmax(w: np.ndarray, scale: float, is_causal: bool) -> None:
    """What `kernels.softmax` does, in NumPy."""
    if scale != 1.0:
        w *= w.dtype.type(scale)
    if is_causal:
        np.copyto(w, -np.inf, where=~_allowed(w))
    largest = np.maximum.reduce(w, -1, keepdims=True, initial=-np.inf)
    hidden = largest == -np.inf  # rows that may look nowhere
    largest[hidden] = 0.0
    w -= largest
    np.exp(w, out=w)
    sums = total(w, -1, True)
    sums[hidden] = 1.0
    w /= sums


NATIVE = 1 << 12
"""Scores from which the native softmax is worth its call."""


def _native(w: Any) -> bool:
    return bool(w.size >= NATIVE and w.dtype in (np.float32, np.float64) and w.flags.c_contiguous)


def _like(q: Any, v: Any) -> Any:
    """Memory for the result, laid out as the queries are, where both have one shape and dtype."""
    return np.empty_like(q) if q.shape[-1] == v.shape[-1] and q.dtype == v.dtype else None


@dot_product_attention.joint_vjp
def _attention_vjp(g, q, k, v, mask, dropped, weights, scale, wanted):
    """With P = W D: dV = P^T g; dW = (g V^T) D; dS = W (dW - sum(dW W)); dQ = scale dS K; dK = scale dS^T Q."""
    g, g_weights = g
    w = weights
    dq = dk = dv = dmask = ddropped = None
    if g is None:  # only the weights were used
        d = g_weights.copy()
        dv = np.zeros_like(v)
        ddropped = None if dropped is None else np.zeros_like(dropped)
    else:
        if wanted[2]:
            kept = w if dropped is None else w * dropped
            dv = multiply_matrices(kept.mT, g, out=np.empty_like(v))
        d = multiply_matrices(g, v.mT)
        if wanted[4]:
            ddropped = _summed_to(d * w, dropped.shape)
        if dropped is not None:
            d *= dropped
        if g_weights is not None:
            d += g_weights
    if _native(d) and w.dtype == d.dtype and not wanted[3]:
        from ..kernels import softmax

        softmax.softmax_gradient(d, w, scale)
    else:
        d -= np.einsum("...s,...s->...", d, w)[..., None]
        d *= w
        if wanted[3]:
            dmask = _summed_to(d, mask.shape)
        if scale != 1.0:
            d *= d.dtype.type(scale)
    if wanted[0]:
        dq = multiply_matrices(d, k, out=np.empty_like(q))
    if wanted[1]:
        dk = multiply_matrices(d.mT, q, out=np.empty_like(k))
    return dq, dk, dv, dmask, ddropped


def _summed_to(g: Any, shape: tuple[int, ...]) -> Any:
    """g summed over the axes along which an array of this shape was broadcast."""
    lead = g.ndim - len(shape)
    axes = (*range(lead), *(lead + a for a, n in enumerate(shape) if n == 1 and g.shape[lead + a] != 1))
    return total(g, axes, True).reshape(shape) if axes else g.copy()


@op(kind="fused", outputs=("q", "k", "v"))
def split_heads(x, /, heads):
    """Queries, keys and values from one array (batch, steps, 3 * heads * size): three views (batch, heads, steps, size).

    >>> [t.shape for t in ag.ops.attention.split_heads(ag.ones((2, 5, 12)), 2)]
    [(2, 2, 5, 2), (2, 2, 5, 2), (2, 2, 5, 2)]
    """
    batch, steps, width = x.shape
    parts = transpose(reshape(x, (batch, steps, 3, heads, width // (3 * heads))), (2, 0, 3, 1, 4))
    return parts[0], parts[1], parts[2]


@split_heads.joint_vjp
def _split_heads_vjp(g, x, heads, wanted):
    batch, steps, width = x.shape
    together = np.empty((batch, steps, 3, heads, width // (3 * heads)), x.dtype)
    parts = together.transpose(2, 0, 3, 1, 4)
    for k, part in enumerate(g):
        parts[k] = 0.0 if part is None else part
    return (together.reshape(x.shape),)
