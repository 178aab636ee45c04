"""Losses. Shapes that would broadcast silently raise; `reduction` is ``"mean"`` (default), ``"sum"`` or ``"none"``."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ops import elementwise, fused
from ...ops.reduction import mean, sum

__all__ = ["binary_cross_entropy", "cross_entropy", "mse_loss"]


def reduced(name: str, losses: Any, reduction: str) -> Any:
    """The losses, their mean or their sum."""
    if reduction == "mean":
        return mean(losses)
    if reduction == "sum":
        return sum(losses)
    if reduction == "none":
        return losses
    raise ValueError(f"{name}: reduction {reduction!r} is not 'mean', 'sum' or 'none'")


def same_shape(name: str, input: Any, target: Any) -> None:
    """ValueError unless both have one shape."""
    if np.shape(input) != np.shape(target):
        raise ValueError(
            f"{name}: an input of shape {np.shape(input)} and a target of {np.shape(target)}; they must have one shape, and "
            f"broadcasting here is nearly always a mistake: reshape one of them"
        )


def mse_loss(input: Any, target: Any, reduction: str = "mean") -> Any:
    """The squared error (x - y)^2.

    >>> F.mse_loss(ag.tensor([1.0, 3.0]), ag.tensor([0.0, 0.0]))
    tensor(5., dtype=float32)
    """
    same_shape("mse_loss", input, target)
    return reduced("mse_loss", elementwise.square(input - target), reduction)


def binary_cross_entropy(input: Any, target: Any, weight: Any = None, reduction: str = "mean") -> Any:
    r""":math:`-(y \log x + (1 - y) \log(1 - x))` of probabilities x; the logarithms are at least -100, as PyTorch's are.

    >>> F.binary_cross_entropy(ag.tensor([0.5]), ag.tensor([1.0])).numpy().round(3)
    np.float32(0.693)
    """
    same_shape("binary_cross_entropy", input, target)
    losses = -(
        target * elementwise.maximum(elementwise.log(input), -100.0)
        + (1.0 - target) * elementwise.maximum(elementwise.log(1.0 - input), -100.0)
    )
    return reduced("binary_cross_entropy", losses if weight is None else losses * weight, reduction)


def cross_entropy(input: Any, target: Any, reduction: str = "mean") -> Any:
    r"""The negative log-likelihood of labels under softmax.

    >>> F.cross_entropy(ag.tensor([[0.0, 0.0]]), np.array([1])).numpy().round(3)
    np.float32(0.693)
    """
    return fused.cross_entropy(input, target, reduction)
