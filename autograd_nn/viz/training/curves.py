"""Loss and metric curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .axes import COLOURS, new_axes, plain, tidy
from .history import History


def curves(
    history: History | Mapping[str, Sequence[float]], ax: Any = None, log: bool | None = None, smooth: int = 0
) -> Any:
    """Draw metrics over steps and return the Axes.

    `history`: a `History`, or sequences of numbers by name. `log`: a logarithmic scale (default: where all are positive and span
    more than a factor of 20). `smooth`: also a mean over so many steps, the curve itself faint. Raises ValueError if empty or no
    numbers, TypeError for what is no history.

    >>> ax = ag.viz.training.curves({"loss": [2.0, 1.0, 0.5], "test loss": [2.1, 1.3, 0.9]})
    >>> [line.get_label() for line in ax.lines]
    ['loss', 'test loss']
    """
    series = _series(history)
    if not any(len(y) for _, y in series.values()):
        raise ValueError("curves: there is nothing to draw; log some metrics first, history.log(loss=loss)")
    ax = new_axes(ax)
    for k, (name, (x, y)) in enumerate(series.items()):
        colour = COLOURS[k % len(COLOURS)]
        if smooth > 1 and len(y) > smooth:
            ax.plot(x, y, color=colour, alpha=0.25, linewidth=0.8)
            mean = np.convolve(y, np.ones(smooth) / smooth, mode="valid")
            ax.plot(x[smooth - 1 :], mean, color=colour, linewidth=1.8, label=f"{name} (mean of {smooth})")
        else:
            ax.plot(x, y, color=colour, linewidth=1.6, label=name, marker="o" if len(y) == 1 else None)
    values = np.concatenate([y for _, y in series.values()])
    values = values[np.isfinite(values)]
    wide = values.size > 0 and values.min() > 0 and values.max() > 20 * values.min()
    if log or (log is None and wide):
        ax.set_yscale("log")
    ax.set_xlabel("step")
    if len(series) == 1:
        ax.set_ylabel(next(iter(series)))
    else:
        ax.legend(frameon=False)
    tidy(ax)
    return ax


def _series(history: History | Mapping[str, Sequence[float]]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    if isinstance(history, History):
        return {
            name: (np.array([s for s, _ in points]), np.array([v for _, v in points], np.float64))
            for name, points in history.metrics.items()
        }
    found = {}
    if not isinstance(history, Mapping):
        raise TypeError(f"curves: draws a History or a dict of sequences of numbers, not {type(history).__name__}")
    for name, values in history.items():
        try:
            y = np.array([float(plain(v)) for v in values], np.float64)
        except (TypeError, ValueError) as error:
            raise ValueError(f"curves: {name!r} is no sequence of numbers: {error}") from error
        found[name] = (np.arange(len(y)), y)
    return found
