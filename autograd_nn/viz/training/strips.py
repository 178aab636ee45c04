"""Histograms by layer over time: a strip for each parameter, time to the right, values upward, how many as darkness."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from ..style import number
from .axes import new_axes
from .history import History, Snapshot

ROWS = 48  # of a strip


def histograms(history: History, what: Literal["weights", "gradients"] = "weights", ax: Any = None) -> Any:
    """Draw how the values of each parameter (or of its gradient) are spread over time, and return the Axes.

    Each strip has its own scale: the 1st to 99th percentile over all its steps, written at its right end. A gradient strip that
    narrows to a line is a layer that stopped learning. Raises ValueError without snapshots, TypeError for what is no History.
    """
    if not isinstance(history, History):
        raise TypeError(f"histograms: draws a History, not {type(history).__name__}; its snapshot(model) fills it")
    found = {"weights": history.weights, "gradients": history.gradients}.get(what)
    if found is None:
        raise ValueError(f"histograms: what is 'weights' or 'gradients', not {what!r}")
    if not found:
        raise ValueError(
            f"histograms: there are no {what}; call history.snapshot(model) during training (after backward)"
        )
    ax = new_axes(ax, 7.0, 0.7 + 0.55 * len(found))
    names = list(found)
    steps = sorted({s.step for snapshots in found.values() for s in snapshots})
    right = steps[-1] if steps[-1] > steps[0] else steps[0] + 1
    for row, name in enumerate(names):
        image, low, high = _strip(found[name])
        top = len(names) - row
        ax.imshow(
            image, aspect="auto", origin="lower", cmap="Purples", interpolation="nearest", vmin=0, vmax=1,
            extent=(steps[0], right, top - 0.92, top - 0.08),
        )  # fmt: skip
        ax.annotate(number(high), (1.005, top - 0.1), xycoords=("axes fraction", "data"), fontsize=9, va="top")
        ax.annotate(number(low), (1.005, top - 0.9), xycoords=("axes fraction", "data"), fontsize=9, va="bottom")
    ax.set(xlim=(steps[0], right), ylim=(0, len(names)), xlabel="step", title=f"{what} over time")
    ax.set_yticks([len(names) - k - 0.5 for k in range(len(names))], names, fontsize=9)
    ax.tick_params(left=False)
    ax.spines[["top", "right", "left"]].set_visible(False)
    return ax


def _strip(snapshots: list[Snapshot]) -> tuple[np.ndarray, float, float]:
    """Counts on one common scale, a column a step, the darkest of each column 1."""
    weights = np.concatenate([s.counts for s in snapshots]).astype(np.float64)
    middles = np.concatenate([(s.edges[:-1] + s.edges[1:]) / 2 for s in snapshots])
    order = np.argsort(middles, kind="stable")
    total = np.cumsum(weights[order])
    low = float(middles[order][np.searchsorted(total, 0.01 * total[-1])])
    high = float(middles[order][min(len(order) - 1, int(np.searchsorted(total, 0.99 * total[-1])))])
    if high <= low:
        low, high = low - 0.5 * (abs(low) or 1.0), high + 0.5 * (abs(high) or 1.0)
    grid = np.linspace(low, high, ROWS + 1)
    columns = []
    for s in snapshots:
        below = np.concatenate([[0.0], np.cumsum(s.counts)])
        column = np.diff(np.interp(grid, s.edges, below))
        columns.append(column / column.max() if column.max() > 0 else column)
    return np.array(columns).T, low, high
