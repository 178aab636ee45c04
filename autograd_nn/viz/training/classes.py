"""What a classifier does: its confusion matrix, its decision boundary in the plane."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...engine import modes
from ...engine.tensor import Tensor, tensor
from .axes import COLOURS, class_numbers, new_axes, plain, tick_names


def confusion(labels: Any, predictions: Any, ax: Any = None, names: Sequence[str] | None = None) -> Any:
    """Draw how often each class (row) was taken for each (column), and return the Axes.

    `labels`: (n,) whole numbers; `predictions`: the same, or scores (n, classes), of which the largest counts. A row's colour is
    its part, the numbers are counts. `names`: of the classes. Raises ValueError where the lengths differ, and for labels
    that are no whole numbers from 0 on.

    >>> ax = ag.viz.training.confusion([0, 0, 1, 1], [0, 1, 1, 1])
    >>> ax.get_title()
    '75.0 % of 4 are right'
    """
    true, guessed = class_numbers(labels, "confusion"), plain(predictions)
    guessed = guessed.argmax(axis=1) if guessed.ndim == 2 else class_numbers(guessed, "confusion")
    if len(true) != len(guessed) or not len(true):
        raise ValueError(f"confusion: {len(true)} labels and {len(guessed)} predictions; there must be one for each")
    count = max(int(true.max()), int(guessed.max()), len(names or ()) - 1) + 1
    given = tick_names(names, count, "confusion")
    table = np.zeros((count, count), np.int64)
    np.add.at(table, (true, guessed), 1)
    part = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    words = 0.09 * max(map(len, names)) if names else 0.0
    ax = new_axes(ax, max(4.0, 1.6 + words + 0.42 * count), 1.4 + words + 0.42 * count)
    ax.imshow(part, cmap="Purples", vmin=0, vmax=1)
    for i in range(count):
        for j in range(count):
            if table[i, j]:
                ax.text(
                    j,
                    i,
                    str(table[i, j]),
                    ha="center",
                    va="center",
                    fontsize=9,
                    color="white" if part[i, j] > 0.55 else "#1f2430",
                )
    ticks = [str(k) for k in range(count)] if given is None else given
    ax.set_xticks(range(count), ticks, rotation=90 if names is not None and max(map(len, ticks)) > 3 else 0)
    ax.set_yticks(range(count), ticks)
    ax.set(
        xlabel="predicted",
        ylabel="true",
        title=f"{100 * float(np.mean(true == guessed)):.1f} % of {len(true)} are right",
    )
    return ax


def decision_boundary(model: Callable[[Any], Any], x: Any, labels: Any, ax: Any = None, resolution: int = 160) -> Any:
    """Draw which class a model gives to each point of the plane, with the examples (n, 2) on it, and return the Axes.

    `model` takes (n, 2) and gives scores (n, classes), or (n,) or (n, 1), whose sign decides between two. It runs without
    recording, in the dtype of x. Raises ValueError for examples that are not (n, 2), for labels that do not go with them, and for
    a model that gives something else.
    """
    points, classes = plain(x), class_numbers(labels, "decision_boundary")
    if points.ndim != 2 or points.shape[1] != 2:
        raise ValueError(f"decision_boundary: examples of shape {points.shape}; the plane needs (n, 2)")
    if len(classes) != len(points):
        raise ValueError(
            f"decision_boundary: {len(points)} examples and {len(classes)} labels; there must be one for each"
        )
    margin = 0.12 * (points.max(axis=0) - points.min(axis=0)) + 1e-9
    (left, low), (right, high) = points.min(axis=0) - margin, points.max(axis=0) + margin
    across, up = np.linspace(left, right, resolution), np.linspace(low, high, resolution)
    grid = np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2).astype(points.dtype)
    with modes.change(grad=False):
        scores = model(tensor(grid))
    scores = plain(scores) if isinstance(scores, Tensor) else np.asarray(scores)
    if scores.ndim not in (1, 2) or len(scores) != len(grid):
        raise ValueError(
            f"decision_boundary: the model made {scores.shape} of {len(grid)} points; it gives (n, classes), (n,) or (n, 1)"
        )
    if scores.ndim == 1 or scores.shape[1] == 1:
        scores = np.stack([-scores.ravel(), scores.ravel()], axis=1)
    winner = scores.argmax(axis=1).reshape(resolution, resolution)
    ax = new_axes(ax, 5.2, 4.6)
    from matplotlib.colors import ListedColormap, to_rgb

    colours = [COLOURS[k % len(COLOURS)] for k in range(scores.shape[1])]
    ax.imshow(
        winner, origin="lower", extent=(left, right, low, high), aspect="auto", cmap=ListedColormap([to_rgb(c) for c in colours]),
        vmin=-0.5, vmax=len(colours) - 0.5, alpha=0.22, interpolation="nearest",
    )  # fmt: skip
    for k in range(len(colours)):  # the boundary of each class: where its score equals the best of the others
        others = np.delete(scores, k, axis=1).max(axis=1)
        ax.contour(
            across,
            up,
            (scores[:, k] - others).reshape(resolution, resolution),
            levels=[0],
            colors="#1f2430",
            linewidths=0.8,
        )
    for k in np.unique(classes):
        chosen = points[classes == k]
        ax.scatter(
            *chosen.T,
            s=16,
            color=COLOURS[int(k) % len(COLOURS)],
            edgecolor="white",
            linewidth=0.5,
            label=str(k),
            zorder=3,
        )
    ax.legend(title="class", frameon=False, fontsize=9, loc="center left", bbox_to_anchor=(1.0, 0.5))
    ax.set(xlim=(left, right), ylim=(low, high), xlabel="x₁", ylabel="x₂")
    return ax
