"""Losses of class scores as modules: `functional.classification` says what each computes."""

from __future__ import annotations

from typing import Any

from . import functional as F
from .loss import _held, _Loss

__all__ = [
    "CTCLoss", "CrossEntropyLoss", "MultiLabelMarginLoss", "MultiLabelSoftMarginLoss", "MultiMarginLoss", "NLLLoss",
    "SoftMarginLoss",
]  # fmt: skip


class CrossEntropyLoss(_Loss):
    """Cross-entropy of logits and labels, or of logits and probabilities.

    Shapes: (batch, classes) and (batch,); (batch, classes, ...) and (batch, ...); (classes,) and (). `weight` of each class,
    `ignore_index` (default -100), `label_smoothing` (default 0).

    >>> nn.CrossEntropyLoss()(ag.tensor([[0.0, 0.0]]), np.array([1])).numpy().round(3)
    np.float32(0.693)
    """

    def __init__(
        self,
        weight: Any = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.weight = _held(weight)
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing

    def forward(self, input: Any, target: Any) -> Any:
        return F.cross_entropy(
            input,
            target,
            self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            label_smoothing=self.label_smoothing,
        )


class NLLLoss(_Loss):
    """The negative log-likelihood of labels, given log-probabilities.

    >>> nn.NLLLoss()(ag.log(ag.tensor([[0.5, 0.5]])), np.array([1])).numpy().round(3)
    np.float32(0.693)
    """

    def __init__(
        self,
        weight: Any = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.weight = _held(weight)
        self.ignore_index = ignore_index

    def forward(self, input: Any, target: Any) -> Any:
        return F.nll_loss(input, target, self.weight, ignore_index=self.ignore_index, reduction=self.reduction)


class CTCLoss(_Loss):
    """Connectionist temporal classification: labels in order, at unknown times; Graves et al., ICML 2006.

    >>> uniform = ag.log(ag.full((2, 1, 2), 0.5))
    >>> nn.CTCLoss()(uniform, np.array([[1]]), np.array([2]), np.array([1])).numpy().round(3)
    np.float32(0.288)
    """

    def __init__(self, blank: int = 0, reduction: str = "mean", zero_infinity: bool = False) -> None:
        super().__init__(None, None, reduction)
        self.blank = blank
        self.zero_infinity = zero_infinity

    def forward(self, log_probs: Any, targets: Any, input_lengths: Any, target_lengths: Any) -> Any:
        return F.ctc_loss(
            log_probs, targets, input_lengths, target_lengths, self.blank, self.reduction, self.zero_infinity
        )


class MultiMarginLoss(_Loss):
    """Every other class stays a margin below the label's, to the power p.

    >>> nn.MultiMarginLoss()(ag.tensor([[0.0, 0.5]]), np.array([1]))
    tensor(0.25, dtype=float32)
    """

    def __init__(
        self,
        p: int = 1,
        margin: float = 1.0,
        weight: Any = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.p = p
        self.margin = margin
        self.weight = _held(weight)

    def forward(self, input: Any, target: Any) -> Any:
        return F.multi_margin_loss(input, target, self.p, self.margin, self.weight, reduction=self.reduction)


class MultiLabelMarginLoss(_Loss):
    """Every label's score stays a margin above those of the classes that are none.

    >>> nn.MultiLabelMarginLoss()(ag.tensor([[0.5, 0.0]]), np.array([[0, -1]]))
    tensor(0.25, dtype=float32)
    """

    def forward(self, input: Any, target: Any) -> Any:
        return F.multilabel_margin_loss(input, target, reduction=self.reduction)


class MultiLabelSoftMarginLoss(_Loss):
    """Binary cross-entropy of each class's logit, averaged over the classes.

    >>> nn.MultiLabelSoftMarginLoss()(ag.tensor([[0.0, 0.0]]), ag.tensor([[1.0, 0.0]])).numpy().round(3)
    np.float32(0.693)
    """

    def __init__(
        self, weight: Any = None, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean"
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.weight = _held(weight)

    def forward(self, input: Any, target: Any) -> Any:
        return F.multilabel_soft_margin_loss(input, target, self.weight, reduction=self.reduction)


class SoftMarginLoss(_Loss):
    """The logistic loss of targets 1 and -1.

    >>> nn.SoftMarginLoss()(ag.tensor([0.0]), ag.tensor([-1.0])).numpy().round(3)
    np.float32(0.693)
    """

    def forward(self, input: Any, target: Any) -> Any:
        return F.soft_margin_loss(input, target, reduction=self.reduction)
