"""Elementwise losses whose derivative is simpler, or safer, than that of the operations they are made of."""

from __future__ import annotations

import numpy as np

from ..engine.op import op
from .elementwise import maximum, minimum

__all__ = ["binary_cross_entropy", "huber"]


@op(kind="elementwise")
def huber(x, /, delta=1.0):
    """x^2 / 2 where |x| is at most delta, delta (|x| - delta / 2) beyond; its derivative is x clipped: Huber (1964).

    >>> ag.ops.losses.huber(ag.tensor([1.0, -3.0]))
    tensor([0.5, 2.5], dtype=float32)
    """
    size = np.abs(x)
    near = np.minimum(size, delta)
    return near * (size - 0.5 * near)


huber.vjp(x=lambda g, x, delta: g * minimum(maximum(x, -delta), delta))


@op(kind="elementwise", broadcasts=True)
def binary_cross_entropy(p, y, /):
    r""":math:`-(y \log p + (1 - y) \log(1 - p))`, where the logarithms are at least -100.

    The derivative's denominator p (1 - p) is at least 1e-12, so that it is finite where p is 0 or 1; both are PyTorch's choices.
    Raises ValueError for p outside [0, 1].

    >>> ag.ops.losses.binary_cross_entropy(ag.tensor([0.5, 0.0]), ag.tensor([1.0, 1.0])).numpy().round(3)
    array([  0.693, 100.   ], dtype=float32)
    """
    with np.errstate(divide="ignore"):
        return -(y * np.maximum(np.log(p), -100.0) + (1.0 - y) * np.maximum(np.log1p(-p), -100.0))


def _slope(g, p, y):
    return g * (p - y) / maximum(p * (1.0 - p), 1e-12)


binary_cross_entropy.vjp(
    p=_slope,
    y=lambda g, p: g * (binary_cross_entropy(p, 1.0) - binary_cross_entropy(p, 0.0)),  # the loss is linear in y
)
