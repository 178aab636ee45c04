"""Choosing by rank. The derivative goes to the elements that were picked."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine.op import op
from .indexing import untake_along_axis

__all__ = ["topk"]


def _topk_fix(x: Any, k: Any, axis: Any, largest: Any) -> str | None:
    shape = np.shape(x)
    if not -len(shape) <= axis < len(shape):
        return f"there is no axis {axis} in shape {shape}"
    return f"k = {k} of an axis of length {shape[axis]}" if not 0 <= k <= shape[axis] else None


@op(kind="sort", outputs=("values", "indices"), method=True, explain=_topk_fix)
def topk(x, /, k, axis=-1, largest=True):
    """The k largest (or smallest) elements along an axis, best first, and where they stood; the earlier of equals first.

    Returns (values, indices), the latter int64. Raises ValueError if k exceeds the axis.

    >>> ag.topk(ag.tensor([3.0, 1.0, 2.0]), 2).indices
    tensor([0, 2], dtype=int64)
    """
    n = x.shape[axis]
    if not 0 <= k <= n:
        raise ValueError(f"k = {k} of an axis of length {n}")
    if largest:  # flipped, so that the stable ascending order read backwards has the earlier of equals first
        order = n - 1 - np.flip(np.argsort(np.flip(x, axis), axis, kind="stable"), axis)
    else:
        order = np.argsort(x, axis, kind="stable")
    order = np.take(order, np.arange(k), axis).astype(np.int64)
    return np.take_along_axis(x, order, axis), order


topk.vjp(x=lambda g, out, x_shape, axis: untake_along_axis(g[0], out[1], axis, x_shape))
