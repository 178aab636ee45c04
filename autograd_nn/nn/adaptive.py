"""Adaptive softmax: classes in clusters by how frequent they are, the rare ones behind a smaller projection.

Grave et al., "Efficient softmax approximation for GPUs", arXiv:1609.04309.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..ops.arranging import expand_dims
from ..ops.indexing import take, take_along_axis
from ..ops.reduction import argmax, mean
from ..ops.shape import concatenate
from . import functional as F
from .containers import ModuleList, Sequential
from .functional.classification import checked_labels
from .functional.operands import refuse
from .linear import Linear
from .module import Module

__all__ = ["AdaptiveLogSoftmaxWithLoss"]


class AdaptiveLoss(NamedTuple):
    """The log-probability of each target, and minus their mean."""

    output: Any
    loss: Any


class AdaptiveLogSoftmaxWithLoss(Module):
    r"""The log-probability of targets among classes in clusters; Grave et al., arXiv:1609.04309.

    Classes are numbered from the most frequent. The head scores the first ``cutoffs[0]`` of them and each of the clusters that
    end at the further cutoffs and at `n_classes`; cluster i scores its own from ``in_features / div_value ** (i + 1)`` features.
    Shapes: input (batch, in_features) or (in_features,), target (batch,) or (), integers. Returns ``(output, loss)``.
    Raises ValueError for cutoffs that do not rise from 1 to n_classes - 1, and for targets out of range.

    >>> model = nn.AdaptiveLogSoftmaxWithLoss(16, 10, [4])
    >>> output, loss = model(ag.randn((3, 16)), np.array([0, 4, 9]))
    >>> output.shape, loss.shape, model.log_prob(ag.randn((3, 16))).shape
    ((3,), (), (3, 10))
    """

    def __init__(
        self,
        in_features: int,
        n_classes: int,
        cutoffs: Sequence[int],
        div_value: float = 4.0,
        head_bias: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        ends = list(cutoffs)
        if (
            not ends
            or ends != sorted(set(ends))
            or ends[0] < 1
            or ends[-1] >= n_classes
            or any(int(c) != c for c in ends)
        ):
            raise ValueError(
                f"AdaptiveLogSoftmaxWithLoss: cutoffs {ends} must be integers that rise, from 1 to less than {n_classes} classes"
            )
        self.in_features, self.n_classes, self.div_value, self.head_bias = in_features, n_classes, div_value, head_bias
        self.cutoffs = [*ends, n_classes]
        self.shortlist_size, self.n_clusters = ends[0], len(ends)
        self.head_size = self.shortlist_size + self.n_clusters
        self.head = Linear(in_features, self.head_size, head_bias, device, dtype)
        self.tail = ModuleList()
        for i in range(self.n_clusters):
            width, classes = int(in_features // div_value ** (i + 1)), self.cutoffs[i + 1] - self.cutoffs[i]
            parts = Linear(in_features, width, False, device, dtype), Linear(width, classes, False, device, dtype)
            self.tail.append(Sequential(*parts))

    def reset_parameters(self) -> None:
        """Draw the parameters anew."""
        for module in (self.head, *(layer for cluster in self.tail for layer in cluster)):
            module.reset_parameters()

    def _rows(self, input: Any) -> Any:
        if input.ndim not in (1, 2) or input.shape[-1] != self.in_features:
            taken = f"(batch, {self.in_features}) or ({self.in_features},)"
            raise refuse("AdaptiveLogSoftmaxWithLoss", f"an input of shape {input.shape}; it takes {taken}")
        return expand_dims(input, 0) if input.ndim == 1 else input

    def forward(self, input: Any, target: Any) -> AdaptiveLoss:
        name = "AdaptiveLogSoftmaxWithLoss"
        x = self._rows(input)
        scores = np.broadcast_to(np.float32(0), (*input.shape[:-1], self.n_classes))  # for its shape
        labels = checked_labels(name, scores, target, -1, None).reshape(-1)
        head = F.log_softmax(self.head(x), -1)
        cluster = np.searchsorted(self.cutoffs, labels, side="right")  # 0: the head's own
        parts, order = [], []
        for i in np.unique(cluster).tolist():
            rows = np.nonzero(cluster == i)[0]
            at = labels[rows] if i == 0 else np.full(len(rows), self.shortlist_size + i - 1)
            found = take_along_axis(take(head, rows, 0), at[:, None], 1)
            if i:
                inner = F.log_softmax(self.tail[i - 1](take(x, rows, 0)), -1)
                found = found + take_along_axis(inner, (labels[rows] - self.cutoffs[i - 1])[:, None], 1)
            parts.append(found)
            order.append(rows)
        if not parts:
            raise refuse(name, "there are no targets")
        output = take(concatenate(parts)[:, 0], np.argsort(np.concatenate(order)), 0)
        return AdaptiveLoss(output if input.ndim == 2 else output[0], -mean(output))

    def log_prob(self, input: Any) -> Any:
        """The log-probabilities of all classes: (batch, n_classes)."""
        x = self._rows(input)
        head = F.log_softmax(self.head(x), -1)
        parts = [head[:, : self.shortlist_size]]
        for i, cluster in enumerate(self.tail):
            at = self.shortlist_size + i
            parts.append(F.log_softmax(cluster(x), -1) + head[:, at : at + 1])
        return concatenate(parts, 1)

    def predict(self, input: Any) -> Any:
        """The most likely class of each row: (batch,)."""
        found = argmax(self.log_prob(input), 1)
        return found if input.ndim == 2 else found[0]
