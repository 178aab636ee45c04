"""Dropout: elements set to zero at random in training."""

from __future__ import annotations

from typing import Any

from ...ops.creation import rand
from ...ops.shape import astype
from .operands import refuse

__all__ = ["dropout"]


def kept(shape: Any, p: float, dtype: Any) -> Any:
    """Random factors: 0 with probability p, else 1 / (1 - p)."""
    if p == 1.0:
        return astype(rand(shape) > 1.0, dtype)
    return astype(rand(shape) >= p, dtype) * (1.0 / (1.0 - p))


def dropout(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    r"""Each element 0 with probability p, else times :math:`1 / (1 - p)`; without `training` the input itself.

    Hinton et al., arXiv:1207.0580. Raises ValueError for p outside [0, 1].

    >>> F.dropout(ag.ones(2), 0.5, training=False)
    tensor([1., 1.], dtype=float32)
    """
    if not 0.0 <= p <= 1.0:
        raise refuse("dropout", f"the probability {p} is not within 0 and 1")
    return input * kept(input.shape, p, input.dtype) if training and p > 0.0 else input
