"""Losses as modules: `functional.loss` says what each is."""

from __future__ import annotations

from typing import Any

from . import functional as F
from .module import Module

__all__ = ["BCELoss", "CrossEntropyLoss", "MSELoss"]


class _Loss(Module):
    def __init__(self, reduction: str = "mean") -> None:
        self.reduction = reduction


class MSELoss(_Loss):
    """The squared error.

    >>> nn.MSELoss()(ag.tensor([1.0, 3.0]), ag.tensor([0.0, 0.0]))
    tensor(5., dtype=float32)
    """

    def forward(self, input: Any, target: Any) -> Any:
        return F.mse_loss(input, target, self.reduction)


class BCELoss(_Loss):
    """Binary cross-entropy of probabilities.

    >>> nn.BCELoss()(ag.tensor([0.5]), ag.tensor([1.0])).numpy().round(3)
    np.float32(0.693)
    """

    def forward(self, input: Any, target: Any) -> Any:
        return F.binary_cross_entropy(input, target, reduction=self.reduction)


class CrossEntropyLoss(_Loss):
    """Cross-entropy of logits (n, classes) and labels (n,).

    >>> nn.CrossEntropyLoss()(ag.tensor([[0.0, 0.0]]), np.array([1])).numpy().round(3)
    np.float32(0.693)
    """

    def forward(self, input: Any, target: Any) -> Any:
        return F.cross_entropy(input, target, self.reduction)
