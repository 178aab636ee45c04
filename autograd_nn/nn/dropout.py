"""Dropout as modules."""

from __future__ import annotations

from typing import Any

from . import functional as F
from .module import Module

__all__ = ["Dropout"]


class Dropout(Module):
    """In training, each element is 0 with probability p, else times 1 / (1 - p); Hinton et al., arXiv:1207.0580.

    >>> nn.Dropout(0.5).eval()(ag.ones(2))
    tensor([1., 1.], dtype=float32)
    """

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        if not 0.0 <= p <= 1.0:
            raise ValueError(f"Dropout: the probability {p} is not within 0 and 1")
        self.p, self.inplace = p, inplace

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace={self.inplace}"

    def forward(self, input: Any) -> Any:
        return F.dropout(input, self.p, self.training, self.inplace)
