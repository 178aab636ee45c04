"""Dropout: elements set to zero at random in training."""

from __future__ import annotations

from typing import Any

from ...ops import random
from .operands import refuse

__all__ = ["dropout"]


def dropout(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    r"""Each element 0 with probability p, else times :math:`1 / (1 - p)`; without `training` the input itself.

    Hinton et al., arXiv:1207.0580. Raises ValueError for p outside [0, 1].

    >>> F.dropout(ag.ones(2), 0.5, training=False)
    tensor([1., 1.], dtype=float32)
    """
    if not 0.0 <= p <= 1.0:
        raise refuse("dropout", f"the probability {p} is not within 0 and 1")
    return random.dropout(input, p, training)
