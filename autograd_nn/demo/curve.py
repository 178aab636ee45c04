"""The picture of a training: the loss above, the accuracies below, over the epochs.

It is drawn on a Figure of its own, not through pyplot, so it needs no display and leaves the caller's backend alone.
"""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from .network import History

TRAIN, TEST = "#3b6fb6", "#d1603d"
INK, FAINT = "#333333", "#e4e4e4"


def draw_curve(history: History) -> Figure:
    """The loss of every step and of the test images (logarithmic), and both accuracies after every epoch."""
    epochs = np.arange(1, len(history.test_accuracies) + 1)
    steps = np.arange(1, len(history.losses) + 1) / history.steps_per_epoch
    means = np.reshape(history.losses, (len(epochs), history.steps_per_epoch)).mean(1)
    line: dict[str, Any] = {"linewidth": 2, "marker": "o", "markevery": [-1]}

    figure = Figure(figsize=(8, 6.4), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True)
    figure.suptitle(
        f"{history.test_accuracies[-1]:.1%} of the handwritten digits in the test set are read correctly",
        fontsize=13,
        color=INK,
    )

    above.plot(steps, history.losses, color=TRAIN, alpha=0.3, linewidth=0.7, label="training, each step")
    above.plot(epochs, means, color=TRAIN, label="training, mean of the epoch", **line)
    above.plot(epochs, history.test_losses, color=TEST, label="test", **line)
    above.set(yscale="log", ylabel="cross-entropy loss")
    few_decades = max(history.losses) < 100 * min(*history.losses, *history.test_losses)
    above.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if few_decades else (1,)))
    above.yaxis.set_major_formatter(FuncFormatter(lambda loss, _: f"{loss:g}"))
    above.yaxis.set_minor_formatter(NullFormatter())

    for name, color, accuracies in (
        ("training", TRAIN, history.train_accuracies),
        ("test", TEST, history.test_accuracies),
    ):
        below.plot(epochs, accuracies, color=color, label=f"{name}, {accuracies[-1]:.1%} in the end", **line)
    below.set(ylabel="accuracy", xlabel="epoch", xlim=(0, epochs[-1] * 1.02))
    below.yaxis.set_major_formatter(FuncFormatter(lambda accuracy, _: f"{100 * accuracy:.4g}%"))
    below.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))

    for axes in (above, below):
        axes.grid(color=FAINT, linewidth=0.8)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(INK)
        axes.tick_params(which="both", colors=INK)
        axes.yaxis.label.set_color(INK)
        axes.xaxis.label.set_color(INK)
        axes.legend(loc="best", labelcolor=INK, framealpha=0.9, edgecolor="none")
    figure.align_ylabels()
    return figure


def save_curve(history: History, path: Path) -> None:
    """Save the picture as PNG; a file that was there is replaced only by a complete one."""
    picture = io.BytesIO()
    draw_curve(history).savefig(picture, format="png", dpi=150)
    beside = path.with_name(path.name + ".partial")
    beside.write_bytes(picture.getvalue())
    os.replace(beside, path)
