"""Attention of queries, keys and values."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...ops.arranging import repeat
from ...ops.attention import dot_product_attention
from ...ops.random import dropout_mask
from .operands import refuse, same_dtype

__all__ = ["scaled_dot_product_attention"]


def attended(
    name: str, query: Any, key: Any, value: Any, mask: Any, dropout_p: float, is_causal: bool, scale: float | None
) -> tuple[Any, Any]:
    """The result of attention and its weights, those that dropout left."""
    if not 0.0 <= dropout_p <= 1.0:
        raise refuse(name, f"the dropout probability {dropout_p} is not within 0 and 1")
    if mask is not None:
        mask = mask if hasattr(mask, "dtype") else np.asarray(mask)
        if mask.dtype != bool and mask.dtype != query.dtype:
            raise refuse(name, f"the mask is {mask.dtype}; it takes bool or the query's {query.dtype}", TypeError)
    scale = 1.0 / math.sqrt(query.shape[-1]) if scale is None else float(scale)
    dropped = None
    if dropout_p > 0.0:
        dropped = dropout_mask((*query.shape[:-1], key.shape[-2]), dropout_p, dtype=query.dtype)
    out, weights = dot_product_attention(query, key, value, mask, dropped, scale=scale, is_causal=is_causal)
    return out, weights if dropped is None else weights * dropped


def scaled_dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Any:
    r""":math:`\mathrm{dropout}(\mathrm{softmax}(\text{scale} \cdot Q K^\top + M)) V`; Vaswani et al., arXiv:1706.03762.

    Shapes: query (..., L, E), key (..., S, E), value (..., S, F) to (..., L, F). `attn_mask` broadcasts to (..., L, S): bool,
    True where a query may look, or of the query's dtype and added. `dropout_p` (default 0) applies whenever it is not 0;
    `is_causal` lets query i see keys up to i, and excludes a mask; `scale` (default) is 1 / sqrt(E). `enable_gqa`: keys and
    values have fewer heads (axis -3), each for a group of query heads. A query that may look nowhere gets zeros.
    Raises ValueError for shapes that do not fit, TypeError for dtypes that differ.

    >>> F.scaled_dot_product_attention(ag.ones((1, 2)), ag.ones((2, 2)), ag.tensor([[1.0], [3.0]]))
    tensor([[2.]], dtype=float32)
    """
    name = "scaled_dot_product_attention"
    key, value = same_dtype(name, key, query), same_dtype(name, value, query)
    if is_causal and attn_mask is not None:
        raise refuse(name, "is_causal makes a mask of its own; pass it or attn_mask, not both")
    if enable_gqa:
        heads, groups = query.shape[-3], (key.shape[-3], value.shape[-3])
        if any(heads % g for g in groups):
            raise refuse(name, f"{heads} query heads do not divide among {groups[0]} key and {groups[1]} value heads")
        key, value = (repeat(t, heads // g, axis=-3) for t, g in zip((key, value), groups, strict=True))
    return attended(name, query, key, value, attn_mask, dropout_p, is_causal, scale)[0]
