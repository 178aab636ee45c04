"""Dropout as modules: `functional.dropout` says what each does.

Decision: `inplace` is taken and printed and changes nothing: results are arrays of their own.
"""

from __future__ import annotations

from typing import Any

from . import functional as F
from .module import Module

__all__ = ["AlphaDropout", "Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "FeatureAlphaDropout"]


class _Dropout(Module):
    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        if not 0.0 <= p <= 1.0:
            raise ValueError(f"{type(self).__name__}: the probability {p} is not within 0 and 1")
        self.p, self.inplace = p, inplace

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_Dropout):
    """In training, each element is 0 with probability p, else times 1 / (1 - p); Hinton et al., arXiv:1207.0580.

    >>> nn.Dropout(0.5).eval()(ag.ones(2))
    tensor([1., 1.], dtype=float32)
    """

    def forward(self, input: Any) -> Any:
        return F.dropout(input, self.p, self.training)


class Dropout1d(_Dropout):
    """In training, each channel of (batch, channels, length) is 0 with probability p, else times 1 / (1 - p).

    >>> nn.Dropout1d(0.5).eval()(ag.ones((1, 2, 3))).sum()
    tensor(6., dtype=float32)
    """

    def forward(self, input: Any) -> Any:
        return F.dropout1d(input, self.p, self.training)


class Dropout2d(_Dropout):
    """In training, each channel of (batch, channels, height, width) is 0 with probability p, else times 1 / (1 - p).

    >>> nn.Dropout2d(0.5).eval()(ag.ones((1, 2, 3, 1))).sum()
    tensor(6., dtype=float32)
    """

    def forward(self, input: Any) -> Any:
        return F.dropout2d(input, self.p, self.training)


class Dropout3d(_Dropout):
    """In training, each channel of (batch, channels, depth, height, width) is 0 with probability p, else times 1 / (1 - p).

    >>> nn.Dropout3d(0.5).eval()(ag.ones((1, 2, 3, 1, 1))).sum()
    tensor(6., dtype=float32)
    """

    def forward(self, input: Any) -> Any:
        return F.dropout3d(input, self.p, self.training)


class AlphaDropout(_Dropout):
    """Dropout for `SELU`: keeps mean 0 and variance 1; Klambauer et al., arXiv:1706.02515.

    >>> nn.AlphaDropout(0.5).eval()(ag.ones(2))
    tensor([1., 1.], dtype=float32)
    """

    def forward(self, input: Any) -> Any:
        return F.alpha_dropout(input, self.p, self.training)


class FeatureAlphaDropout(_Dropout):
    """`AlphaDropout` of whole channels: (batch, channels, ...).

    >>> nn.FeatureAlphaDropout(0.5).eval()(ag.ones((1, 2))).sum()
    tensor(2., dtype=float32)
    """

    def forward(self, input: Any) -> Any:
        return F.feature_alpha_dropout(input, self.p, self.training)
