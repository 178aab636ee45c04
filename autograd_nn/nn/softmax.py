"""The softmax family as modules: `functional.softmax` says what each is, and what a `dim` left out means."""

from __future__ import annotations

from typing import Any

from . import functional as F
from .functional.operands import in_module
from .module import Module

__all__ = ["LogSoftmax", "Softmax", "Softmax2d", "Softmin"]


class _Along(Module):
    def __init__(self, dim: int | None = None) -> None:
        self.dim = dim

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class Softmax(_Along):
    """Exponentials normalised to sum 1 along a dimension.

    >>> nn.Softmax(dim=0)(ag.tensor([0.0, 0.0]))
    tensor([0.5, 0.5], dtype=float32)
    """

    def forward(self, input: Any) -> Any:
        return F.softmax(input, self.dim)


class Softmin(_Along):
    """`Softmax` of -x.

    >>> nn.Softmin(dim=0)(ag.tensor([0.0, 0.0]))
    tensor([0.5, 0.5], dtype=float32)
    """

    def forward(self, input: Any) -> Any:
        return F.softmin(input, self.dim)


class LogSoftmax(_Along):
    """The logarithm of `Softmax`.

    >>> nn.LogSoftmax(dim=0)(ag.tensor([0.0, 0.0])).numpy().round(3)
    array([-0.693, -0.693], dtype=float32)
    """

    def forward(self, input: Any) -> Any:
        return F.log_softmax(input, self.dim)


class Softmax2d(Module):
    """`Softmax` over the channels at each place: (batch, channels, height, width), or without batch. ValueError for others.

    >>> nn.Softmax2d()(ag.ones((1, 2, 3, 3)))[0, :, 0, 0]
    tensor([0.5, 0.5], dtype=float32)
    """

    def forward(self, input: Any) -> Any:
        if input.ndim not in (3, 4):
            raise in_module(
                ValueError(f"Softmax2d: takes (batch, channels, height, width), not an input of shape {input.shape}")
            )
        return F.softmax(input, -3)
