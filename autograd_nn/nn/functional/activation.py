"""Activations with PyTorch's arguments; the operations themselves are `ops.activation`'s and its kin's.

`inplace` is accepted where PyTorch has it and changes nothing: the result is always an array of its own.
"""

from __future__ import annotations

from typing import Any

from ...ops import activation, elementwise, fused

__all__ = ["gelu", "log_softmax", "relu", "sigmoid", "softmax", "tanh"]


def relu(input: Any, inplace: bool = False) -> Any:
    """max(x, 0), elementwise.

    >>> F.relu(ag.tensor([-1.0, 2.0]))
    tensor([0., 2.], dtype=float32)
    """
    return elementwise.relu(input)


def sigmoid(input: Any) -> Any:
    """1 / (1 + exp(-x)), elementwise, without overflow.

    >>> F.sigmoid(ag.tensor([0.0]))
    tensor([0.5], dtype=float32)
    """
    return elementwise.sigmoid(input)


def tanh(input: Any) -> Any:
    """Hyperbolic tangent, elementwise.

    >>> F.tanh(ag.tensor([0.0]))
    tensor([0.], dtype=float32)
    """
    return elementwise.tanh(input)


def gelu(input: Any, approximate: str = "none") -> Any:
    r"""x :math:`\Phi(x)`, elementwise: Hendrycks and Gimpel, arXiv:1606.08415.

    >>> F.gelu(ag.tensor([0.0]))
    tensor([0.], dtype=float32)
    """
    return activation.gelu(input, approximate)


def softmax(input: Any, dim: int = -1) -> Any:
    """Exponentials normalised to sum 1 along a dimension.

    >>> F.softmax(ag.tensor([0.0, 0.0]))
    tensor([0.5, 0.5], dtype=float32)
    """
    return fused.softmax(input, dim)


def log_softmax(input: Any, dim: int = -1) -> Any:
    """The logarithm of `softmax`.

    >>> F.log_softmax(ag.tensor([0.0, 0.0])).numpy().round(3)
    array([-0.693, -0.693], dtype=float32)
    """
    return fused.log_softmax(input, dim)
