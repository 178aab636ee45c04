"""Multi-head attention."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine.tensor import Tensor
from ..ops.arranging import expand_dims, swapaxes
from ..ops.attention import split_heads
from ..ops.comparison import logical_not
from ..ops.elementwise import where
from ..ops.reduction import mean
from ..ops.shape import broadcast_to, concatenate, reshape, transpose
from . import functional as F
from . import init
from .functional.attention import attended
from .functional.operands import refuse, same_dtype
from .linear import Linear
from .module import Module
from .parameter import Parameter, empty_parameter

__all__ = ["MultiheadAttention"]


class MultiheadAttention(Module):
    r"""Attention in several heads: :math:`[h_1, \dots, h_n] W`, :math:`h_i = \mathrm{attention}(Q W^Q_i, K W^K_i, V W^V_i)`.

    Vaswani et al., arXiv:1706.03762. Shapes: query (L, batch, embed_dim), key (S, batch, kdim), value (S, batch, vdim), with
    `batch_first` the batch first, or without it; the output as the query. Returns (output, weights): weights (batch, L, S), the
    mean over the heads, or (batch, heads, L, S) with ``average_attn_weights=False``, None with ``need_weights=False``.

    `dropout` (default 0): of the weights, in training. `bias` (default True): in all four maps. `add_bias_kv` adds a learned
    key and value, `add_zero_attn` ones of zeros. `kdim`, `vdim`: by default embed_dim.
    In a call, `key_padding_mask` (batch, S) says which keys not to look at, and `attn_mask` (L, S) or (batch * heads, L, S) which
    keys for which query: bool, True is hidden (the opposite of `scaled_dot_product_attention`), or floating and added.
    `is_causal` hides later keys from each query; with an `attn_mask` it is a hint and the mask says it all.
    Initialisation: Xavier's uniform, biases 0. Raises ValueError for other shapes.

    >>> x = ag.randn((2, 5, 8))
    >>> out, weights = nn.MultiheadAttention(8, 2, batch_first=True)(x, x, x)
    >>> out.shape, weights.shape
    ((2, 5, 8), (2, 5, 5))
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        if embed_dim < 1 or num_heads < 1 or embed_dim % num_heads:
            raise ValueError(f"MultiheadAttention: embed_dim {embed_dim} does not divide into {num_heads} heads")
        self.embed_dim, self.num_heads, self.dropout, self.batch_first = embed_dim, num_heads, dropout, batch_first
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        self.head_dim, self.add_zero_attn = embed_dim // num_heads, add_zero_attn
        self.in_proj_weight: Parameter | None = None
        self.q_proj_weight: Parameter | None = None
        self.k_proj_weight: Parameter | None = None
        self.v_proj_weight: Parameter | None = None
        if self.kdim == embed_dim and self.vdim == embed_dim:
            self.in_proj_weight = empty_parameter((3 * embed_dim, embed_dim), dtype, device)
        else:
            self.q_proj_weight = empty_parameter((embed_dim, embed_dim), dtype, device)
            self.k_proj_weight = empty_parameter((embed_dim, self.kdim), dtype, device)
            self.v_proj_weight = empty_parameter((embed_dim, self.vdim), dtype, device)
        self.in_proj_bias: Parameter | None = empty_parameter((3 * embed_dim,), dtype, device) if bias else None
        self.bias_k: Parameter | None = empty_parameter((1, 1, embed_dim), dtype, device) if add_bias_kv else None
        self.bias_v: Parameter | None = empty_parameter((1, 1, embed_dim), dtype, device) if add_bias_kv else None
        self.out_proj = Linear(embed_dim, embed_dim, bias, device, dtype)
        self._reset_parameters()

    def _reset_parameters(self) -> None:
        for weight in (self.in_proj_weight, self.q_proj_weight, self.k_proj_weight, self.v_proj_weight):
            if weight is not None:
                init.xavier_uniform_(weight)
        for bias in (self.in_proj_bias, self.out_proj.bias):
            if bias is not None:
                init.zeros_(bias)
        for extra in (self.bias_k, self.bias_v):
            if extra is not None:
                init.xavier_normal_(extra)

    def forward(
        self,
        query: Any,
        key: Any,
        value: Any,
        key_padding_mask: Any = None,
        need_weights: bool = True,
        attn_mask: Any = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Any, Any]:
        q, k, v = self._heads(query, key, value)
        mask = self._mask(q, k, query.ndim == 3, key_padding_mask, attn_mask)
        dropout = self.dropout if self.training else 0.0
        causal = is_causal and attn_mask is None
        out, weights = attended("MultiheadAttention", q, k, v, mask, dropout, causal, None)
        steps = out.shape[2]
        order = (0, 2, 1, 3) if self.batch_first or query.ndim == 2 else (2, 0, 1, 3)
        out = transpose(out, order)
        shape = (*out.shape[:2], self.embed_dim) if query.ndim == 3 else (steps, self.embed_dim)
        out = self.out_proj(reshape(out, shape))
        if not need_weights:
            return out, None
        weights = mean(weights, 1) if average_attn_weights else weights
        return out, weights if query.ndim == 3 else weights[0]

    def _heads(self, query: Any, key: Any, value: Any) -> tuple[Any, Any, Any]:
        """Queries, keys and values, each (batch, heads, steps, head_dim)."""
        width, fans = self.embed_dim, (self.embed_dim, self.kdim, self.vdim)
        axes = "(batch, steps" if self.batch_first else "(steps, batch"
        for role, t, fan_in in zip(("query", "key", "value"), (query, key, value), fans, strict=True):
            if t.ndim not in (2, 3) or t.ndim != query.ndim or t.shape[-1] != fan_in:
                raise refuse(
                    "MultiheadAttention",
                    f"the {role} has shape {t.shape}; it takes {axes}, {fan_in}), or all without batch",
                )
        if key.shape[:-1] != value.shape[:-1]:
            raise refuse(
                "MultiheadAttention", f"there are keys of {key.shape} and values of {value.shape}: one for one"
            )
        batch_axis = 0 if self.batch_first else 1
        if query.ndim == 3 and query.shape[batch_axis] != key.shape[batch_axis]:
            raise refuse(
                "MultiheadAttention", f"a query of {query.shape} and keys of {key.shape} are of different batches"
            )
        extended = self.bias_k is not None or self.add_zero_attn
        if query is key is value and self.in_proj_weight is not None and not extended:
            x = self._batch_first(F.linear(query, self.in_proj_weight, self.in_proj_bias))
            return tuple(split_heads(x, self.num_heads))
        parts = [slice(i * width, (i + 1) * width) for i in range(3)]
        if self.in_proj_weight is not None:
            weights: list[Any] = [self.in_proj_weight[part] for part in parts]
        else:
            weights = [self.q_proj_weight, self.k_proj_weight, self.v_proj_weight]
        biases = [None] * 3 if self.in_proj_bias is None else [self.in_proj_bias[part] for part in parts]
        inputs = zip((query, key, value), weights, biases, strict=True)
        q, k, v = (self._batch_first(F.linear(t, w, b)) for t, w, b in inputs)
        if self.bias_k is not None and self.bias_v is not None:
            shape = (k.shape[0], 1, width)
            k = concatenate([k, broadcast_to(self.bias_k, shape)], 1)
            v = concatenate([v, broadcast_to(self.bias_v, shape)], 1)
        if self.add_zero_attn:
            zeros = np.zeros((k.shape[0], 1, width), k.dtype)
            k, v = concatenate([k, zeros], 1), concatenate([v, zeros], 1)
        split = lambda t: transpose(reshape(t, (*t.shape[:2], self.num_heads, self.head_dim)), (0, 2, 1, 3))
        return split(q), split(k), split(v)

    def _batch_first(self, x: Any) -> Any:
        if x.ndim == 2:
            return expand_dims(x, 0)
        return x if self.batch_first else swapaxes(x, 0, 1)

    def _mask(self, q: Any, k: Any, batched: bool, key_padding_mask: Any, attn_mask: Any) -> Any:
        """Both masks as one that broadcasts to (batch, heads, L, S), in the sense of `scaled_dot_product_attention`."""
        batch, heads, steps, _ = q.shape
        extra = int(self.bias_k is not None) + int(self.add_zero_attn)
        keys = k.shape[2] - extra
        masks = []
        if key_padding_mask is not None:
            mask = self._checked("key_padding_mask", key_padding_mask, q, [(batch, keys) if batched else (keys,)])
            masks.append(reshape(mask, (batch, 1, 1, keys)))
        if attn_mask is not None:
            mask = self._checked("attn_mask", attn_mask, q, [(steps, keys), (batch * heads, steps, keys)])
            masks.append(reshape(mask, (1, 1, steps, keys) if mask.ndim == 2 else (batch, heads, steps, keys)))
        masks = [self._extended(mask, extra) for mask in masks]
        if all(mask.dtype == bool for mask in masks):
            masks = [logical_not(mask) for mask in masks]
            return None if not masks else masks[0] if len(masks) == 1 else masks[0] & masks[1]
        added = [where(mask, q.dtype.type(-np.inf), q.dtype.type(0)) if mask.dtype == bool else mask for mask in masks]
        return added[0] if len(added) == 1 else added[0] + added[1]

    def _checked(self, name: str, mask: Any, q: Any, shapes: list[tuple[int, ...]]) -> Any:
        mask = mask if isinstance(mask, Tensor) else np.asarray(mask)
        if mask.shape not in shapes:
            expected = " or ".join(map(str, shapes))
            raise refuse("MultiheadAttention", f"the {name} has shape {mask.shape}, not {expected}")
        return mask if mask.dtype == bool else same_dtype(f"MultiheadAttention: {name}", mask, q)

    @staticmethod
    def _extended(mask: Any, extra: int) -> Any:
        """A mask that lets every query look at the keys that were added behind the others."""
        if not extra:
            return mask
        return concatenate([mask, np.zeros((*mask.shape[:-1], extra), mask.dtype)], -1)
