"""Sorting and choosing by rank. The derivative goes to the elements that were picked."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine.methods import attach
from ..engine.op import nondifferentiable, op
from ..engine.protocol import implements
from .indexing import take_along_axis, untake_along_axis
from .shape import arrayed, axis_of, reshape_

__all__ = ["argsort", "sort", "topk"]


@op(kind="sort")
def argsort_(x, /, axis, descending):
    """The order that sorts x along an axis, the earlier of equals first."""
    if descending:  # flipped, so that the stable ascending order read backwards has the earlier of equals first
        return x.shape[axis] - 1 - np.flip(np.argsort(np.flip(x, axis), axis, kind="stable"), axis)
    return np.argsort(x, axis, kind="stable")


argsort_.vjp(x=nondifferentiable)


def argsort(x: Any, /, axis: int | None = -1, *, descending: bool = False, stable: bool = True) -> Any:
    """Where the elements stand that come first, second, ... along an axis, the earlier of equals first; int64.

    None sorts the flattened x. `stable` is accepted for the Array API's sake: every sort here is stable. NaN is the largest.

    >>> ag.argsort(ag.tensor([3.0, 1.0, 2.0]))
    tensor([1, 2, 0], dtype=int64)
    """
    x = arrayed(x)
    if axis is None:
        x, axis = reshape_(x, (-1,)), 0
    return argsort_(x, axis_of("argsort", x, axis), descending)


attach(argsort, "argsort", method=True)


def sort(x: Any, /, axis: int | None = -1, *, descending: bool = False, stable: bool = True) -> Any:
    """The elements in ascending (or descending) order along an axis; None sorts the flattened x. NaN is the largest.

    The derivative goes back to where each element stood. `stable` is accepted for the Array API's sake.

    >>> ag.sort(ag.tensor([3.0, 1.0, 2.0]))
    tensor([1., 2., 3.], dtype=float32)
    """
    x = arrayed(x)
    if axis is None:
        x, axis = reshape_(x, (-1,)), 0
    axis = axis_of("sort", x, axis)
    return take_along_axis(x, argsort_(x, axis, descending), axis)


@implements(np.sort)
def _numpy_sort(a: Any, axis: int | None = -1, kind: Any = None, order: None = None, *, stable: Any = None) -> Any:
    if order is not None:
        raise TypeError("np.sort on a Tensor: order= sorts the fields of records, which Tensors do not have")
    return sort(a, axis)


@implements(np.argsort)
def _numpy_argsort(a: Any, axis: int | None = -1, kind: Any = None, order: None = None, *, stable: Any = None) -> Any:
    if order is not None:
        raise TypeError("np.argsort on a Tensor: order= sorts the fields of records, which Tensors do not have")
    return argsort(a, axis)


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


topk.vjp(x=lambda g, indices, x_shape, axis: untake_along_axis(g[0], indices, axis, x_shape))
