"""The affine map of a linear layer as one operation, which adds its bias where the product lies."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine.op import op
from .products import matmul, multiply_matrices
from .reduction import sum
from .shape import reshape

__all__ = ["linear"]


def _explained(x: Any, w: Any, b: Any = None) -> str | None:
    x_shape, w_shape, b_shape = np.shape(x), np.shape(w), () if b is None else np.shape(b)
    if len(w_shape) != 2:
        return f"the weight is a matrix (out_features, in_features), not of shape {w_shape}"
    if not x_shape or x_shape[-1] != w_shape[1]:
        got = f"{x_shape[-1]} in its last axis" if x_shape else "no axis"
        return f"the input has {got}, but the weight takes {w_shape[1]} features: (..., {w_shape[1]}) -> (..., {w_shape[0]})"
    if b is not None and b_shape != w_shape[:1]:
        return f"the bias has shape {b_shape}, but there are {w_shape[0]} output features"
    return None


@op(kind="fused", explain=_explained)
def linear(x, w, b=None, /):
    r"""The affine map :math:`x W^\top + b`.

    Shapes: x (..., in), w (out, in), b (out,) or None; the result (..., out). Raises ValueError for others.

    >>> ag.linear(ag.ones((2, 3)), ag.ones((4, 3)), ag.ones(4))[0]
    tensor([4., 4., 4., 4.], dtype=float32)
    """
    product = matmul(x, w.mT)
    return product if b is None else product + b


@linear.fast
def _linear(x: Any, w: Any, b: Any) -> Any:
    if w.ndim != 2 or not x.ndim or x.shape[-1] != w.shape[1] or (b is not None and b.shape != w.shape[:1]):
        raise ValueError(_explained(x, w, b))
    # One product over all rows: NumPy would make one for each matrix of a stack.
    rows = x if x.ndim <= 2 else x.reshape(-1, x.shape[-1])
    out = np.asarray(multiply_matrices(rows, w.T))
    if b is not None:
        if out.dtype == np.result_type(out, b):
            out += b
        else:
            out = out + b
    return out if x.ndim <= 2 else out.reshape(*x.shape[:-1], w.shape[0])


def _weight_rule(g: Any, x: Any) -> Any:
    if g.ndim == 2:
        return matmul(g.mT, x)
    return matmul(reshape(g, (-1, g.shape[-1])).mT, reshape(x, (-1, x.shape[-1])))


linear.vjp(
    x=lambda g, w: linear(g, w.mT),
    w=_weight_rule,
    b=lambda g: sum(g, (*range(g.ndim - 1),)),
)
