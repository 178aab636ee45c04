"""Activations as modules."""

from __future__ import annotations

from typing import Any

from . import functional as F
from .module import Module

__all__ = ["GELU", "LogSoftmax", "ReLU", "Sigmoid", "Softmax", "Tanh"]


class ReLU(Module):
    """max(x, 0), elementwise.

    >>> nn.ReLU()(ag.tensor([-1.0, 2.0]))
    tensor([0., 2.], dtype=float32)
    """

    def __init__(self, inplace: bool = False) -> None:
        self.inplace = inplace

    def forward(self, input: Any) -> Any:
        return F.relu(input)


class Sigmoid(Module):
    """1 / (1 + exp(-x)), elementwise.

    >>> nn.Sigmoid()(ag.tensor([0.0]))
    tensor([0.5], dtype=float32)
    """

    def forward(self, input: Any) -> Any:
        return F.sigmoid(input)


class Tanh(Module):
    """Hyperbolic tangent, elementwise.

    >>> nn.Tanh()(ag.tensor([0.0]))
    tensor([0.], dtype=float32)
    """

    def forward(self, input: Any) -> Any:
        return F.tanh(input)


class GELU(Module):
    r"""x :math:`\Phi(x)`, elementwise; `approximate`: ``"none"`` (default) or ``"tanh"``.

    >>> nn.GELU()(ag.tensor([0.0]))
    tensor([0.], dtype=float32)
    """

    def __init__(self, approximate: str = "none") -> None:
        self.approximate = approximate

    def extra_repr(self) -> str:
        return f"approximate={self.approximate!r}"

    def forward(self, input: Any) -> Any:
        return F.gelu(input, self.approximate)


class Softmax(Module):
    """Exponentials normalised to sum 1 along a dimension, the last by default.

    >>> nn.Softmax(dim=0)(ag.tensor([0.0, 0.0]))
    tensor([0.5, 0.5], dtype=float32)
    """

    def __init__(self, dim: int = -1) -> None:
        self.dim = dim

    def extra_repr(self) -> str:
        return f"dim={self.dim}"

    def forward(self, input: Any) -> Any:
        return F.softmax(input, self.dim)


class LogSoftmax(Module):
    """The logarithm of `Softmax`.

    >>> nn.LogSoftmax()(ag.tensor([0.0, 0.0])).numpy().round(3)
    array([-0.693, -0.693], dtype=float32)
    """

    def __init__(self, dim: int = -1) -> None:
        self.dim = dim

    def extra_repr(self) -> str:
        return f"dim={self.dim}"

    def forward(self, input: Any) -> Any:
        return F.log_softmax(input, self.dim)
