"""Losses of numbers as modules: `functional.loss` says what each computes.

Each has the `reduction` ``"mean"`` (default), ``"sum"`` or ``"none"``; `size_average` and `reduce` are older ways to say it.
"""

from __future__ import annotations

from typing import Any

from . import functional as F
from .functional.loss import settled
from .module import Module
from .parameter import Buffer

__all__ = [
    "BCELoss", "BCEWithLogitsLoss", "GaussianNLLLoss", "HuberLoss", "KLDivLoss", "L1Loss", "MSELoss", "PoissonNLLLoss",
    "SmoothL1Loss",
]  # fmt: skip


class _Loss(Module):
    def __init__(self, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean") -> None:
        self.reduction = settled(size_average, reduce, reduction)


def _held(weight: Any) -> Buffer | None:
    """A weight as part of the module's state, or None."""
    return None if weight is None else Buffer(weight)


class L1Loss(_Loss):
    """The absolute error.

    >>> nn.L1Loss()(ag.tensor([1.0, 3.0]), ag.tensor([0.0, 0.0]))
    tensor(2., dtype=float32)
    """

    def forward(self, input: Any, target: Any) -> Any:
        return F.l1_loss(input, target, reduction=self.reduction)


class MSELoss(_Loss):
    """The squared error.

    >>> nn.MSELoss()(ag.tensor([1.0, 3.0]), ag.tensor([0.0, 0.0]))
    tensor(5., dtype=float32)
    """

    def forward(self, input: Any, target: Any) -> Any:
        return F.mse_loss(input, target, reduction=self.reduction)


class SmoothL1Loss(_Loss):
    """The squared error where it is less than `beta` (default 1), the absolute error beyond.

    >>> nn.SmoothL1Loss()(ag.tensor([1.0, 3.0]), ag.tensor([0.0, 0.0]))
    tensor(1.5, dtype=float32)
    """

    def __init__(
        self, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean", beta: float = 1.0
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.beta = beta

    def forward(self, input: Any, target: Any) -> Any:
        return F.smooth_l1_loss(input, target, reduction=self.reduction, beta=self.beta)


class HuberLoss(_Loss):
    """The squared error where it is at most `delta` (default 1), delta times the absolute error beyond.

    >>> nn.HuberLoss(delta=2.0)(ag.tensor([1.0, 3.0]), ag.tensor([0.0, 0.0]))
    tensor(2.25, dtype=float32)
    """

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        super().__init__(None, None, reduction)
        self.delta = delta

    def forward(self, input: Any, target: Any) -> Any:
        return F.huber_loss(input, target, self.reduction, self.delta)


class BCELoss(_Loss):
    """Binary cross-entropy of probabilities.

    >>> nn.BCELoss()(ag.tensor([0.5]), ag.tensor([1.0])).numpy().round(3)
    np.float32(0.693)
    """

    def __init__(
        self, weight: Any = None, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean"
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.weight = _held(weight)

    def forward(self, input: Any, target: Any) -> Any:
        return F.binary_cross_entropy(input, target, self.weight, reduction=self.reduction)


class BCEWithLogitsLoss(_Loss):
    """Binary cross-entropy of logits, without overflow; `pos_weight` multiplies the positive targets' part.

    >>> nn.BCEWithLogitsLoss()(ag.tensor([0.0]), ag.tensor([1.0])).numpy().round(3)
    np.float32(0.693)
    """

    def __init__(
        self,
        weight: Any = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        pos_weight: Any = None,
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.weight = _held(weight)
        self.pos_weight = _held(pos_weight)

    def forward(self, input: Any, target: Any) -> Any:
        return F.binary_cross_entropy_with_logits(
            input, target, self.weight, reduction=self.reduction, pos_weight=self.pos_weight
        )


class KLDivLoss(_Loss):
    """The divergence of probabilities from log-probabilities; `reduction` ``"batchmean"`` is the one of mathematics.

    >>> nn.KLDivLoss(reduction="batchmean")(ag.log(ag.tensor([[0.5, 0.5]])), ag.tensor([[0.0, 1.0]])).numpy().round(3)
    np.float32(0.693)
    """

    def __init__(
        self,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        log_target: bool = False,
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.log_target = log_target

    def forward(self, input: Any, target: Any) -> Any:
        return F.kl_div(input, target, reduction=self.reduction, log_target=self.log_target)


class GaussianNLLLoss(_Loss):
    """The negative log-likelihood of normal targets, given their means and variances.

    >>> nn.GaussianNLLLoss()(ag.tensor([1.0]), ag.tensor([3.0]), ag.tensor([1.0]))
    tensor(2., dtype=float32)
    """

    def __init__(self, *, full: bool = False, eps: float = 1e-6, reduction: str = "mean") -> None:
        super().__init__(None, None, reduction)
        self.full = full
        self.eps = eps

    def forward(self, input: Any, target: Any, var: Any) -> Any:
        return F.gaussian_nll_loss(input, target, var, self.full, self.eps, self.reduction)


class PoissonNLLLoss(_Loss):
    """The negative log-likelihood of counts, given the logarithms of their rates.

    >>> nn.PoissonNLLLoss()(ag.tensor([0.0]), ag.tensor([3.0]))
    tensor(1., dtype=float32)
    """

    def __init__(
        self,
        log_input: bool = True,
        full: bool = False,
        size_average: bool | None = None,
        eps: float = 1e-8,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.log_input = log_input
        self.full = full
        self.eps = eps

    def forward(self, input: Any, target: Any) -> Any:
        return F.poisson_nll_loss(input, target, self.log_input, self.full, eps=self.eps, reduction=self.reduction)
