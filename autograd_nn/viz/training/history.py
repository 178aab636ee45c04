"""`History`: what a training went through, as numbers: metrics by step, and histograms of every parameter and its gradient."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .axes import plain


@dataclass(slots=True)
class Snapshot:
    """An array's histogram at one step: counts between `edges`, and its root mean square."""

    step: int
    counts: np.ndarray
    edges: np.ndarray
    rms: float


@dataclass(slots=True)
class History:
    """Metrics by name, each a list of (step, value), and snapshots of a model's weights and gradients by parameter.

    >>> history = ag.viz.training.History()
    >>> for loss in (2.3, 1.7, 1.2):
    ...     history.log(loss=loss)
    >>> history.metrics["loss"]
    [(0, 2.3), (1, 1.7), (2, 1.2)]
    """

    metrics: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    weights: dict[str, list[Snapshot]] = field(default_factory=dict)
    gradients: dict[str, list[Snapshot]] = field(default_factory=dict)

    def log(self, step: int | None = None, **metrics: Any) -> None:
        """Add the metrics of a step (by default one more than a metric's last): numbers, or Tensors of one element."""
        for name, value in metrics.items():
            found = self.metrics.setdefault(name, [])
            at = step if step is not None else found[-1][0] + 1 if found else 0
            found.append((at, _one_number(name, plain(value))))

    def snapshot(self, model: Any, step: int | None = None, bins: int = 40) -> None:
        """Take histograms of a model's parameters, and of their gradients where they have any; no array is kept."""
        if not hasattr(model, "named_parameters"):
            raise TypeError(f"history: a snapshot is of a Module's parameters, not of {type(model).__name__}")
        for name, p in model.named_parameters():
            for kept, array in ((self.weights, p), (self.gradients, p.grad)):
                if array is None:
                    continue
                found = kept.setdefault(name, [])
                at = step if step is not None else found[-1].step + 1 if found else 0
                x = plain(array).astype(np.float64).ravel()
                x = x[np.isfinite(x)]
                counts, edges = np.histogram(x, bins=bins)
                found.append(Snapshot(at, counts, edges, math.sqrt(float(np.mean(x * x))) if x.size else math.nan))


def _one_number(name: str, value: np.ndarray) -> float:
    if value.size != 1:
        raise ValueError(f"history: the metric {name!r} has {value.size} elements; log one number")
    if value.dtype.kind not in "biuf":
        raise ValueError(f"history: the metric {name!r} is {value.ravel()[0]!r}; log a number")
    return float(value.ravel()[0])
