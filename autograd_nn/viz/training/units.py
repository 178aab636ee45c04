"""Saturated and dead units: how much of each activation learns nothing from this batch."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...engine.record import Record
from ..from_record import forward
from .axes import new_axes, tidy

FLAT = 0.03
"""tanh and sigmoid are saturated where their slope is below this part of its largest."""


def slopes(name: str, out: np.ndarray) -> np.ndarray | None:
    """The derivative of an activation in terms of its output, as a part of its largest value; None for what is no activation."""
    if name in ("relu", "relu6"):
        return (out > 0).astype(np.float64)
    if name == "tanh":
        return 1.0 - out.astype(np.float64) ** 2
    if name == "sigmoid":
        return 4.0 * out.astype(np.float64) * (1.0 - out)
    if name == "hardtanh":
        return (np.abs(out) < 1).astype(np.float64)
    return None


def rows(record: Record) -> list[tuple[str, float, float]]:
    """For each relu, tanh and sigmoid of a record: its place, the part of values where it is flat, the part of dead units.

    A unit is a column (the last axis), or a channel (axis 1 of images); dead is what is flat for the whole batch.
    """
    found = []
    for e in forward(record):
        out = None if not e.outputs or e.outputs[0] is None else np.asarray(e.outputs[0].data)
        slope = None if out is None else slopes(e.name, out)
        if slope is None or slope.size == 0:
            continue
        flat = slope < FLAT
        axis = 1 if slope.ndim >= 4 else slope.ndim - 1
        dead = flat.all(axis=tuple([k for k in range(slope.ndim) if k != axis])) if slope.ndim > 1 else flat
        place = "" if e.scope is None else str(e.scope[0])
        found.append((f"{place} {e.name}".strip(), float(flat.mean()), float(np.mean(dead))))
    names = [name for name, *_ in found]
    several = lambda k: f"{names[k]}, {names[: k + 1].count(names[k])}." if names.count(names[k]) > 1 else names[k]
    return [(several(k), flat, dead) for k, (_, flat, dead) in enumerate(found)]


def activations(record: Record, ax: Any = None) -> Any:
    """Draw, for each relu, tanh and sigmoid that ran, where it was flat and how many of its units were dead; return the Axes.

    Flat: a relu at 0, or a slope below 3 % of the largest. Dead: flat for every example. Raises ValueError if none ran.
    """
    if not isinstance(record, Record):
        raise TypeError(f"activations: reads a record, not {type(record).__name__}; run the model under ag.record()")
    found = rows(record)
    if not found:
        raise ValueError("activations: no relu, tanh or sigmoid ran in this record")
    ax = new_axes(ax, 6.4, 1.2 + 0.42 * len(found))
    at = np.arange(len(found))[::-1]
    ax.barh(at, [100 * flat for _, flat, _ in found], 0.7, color="#f0c27b", label="flat: saturated, or a relu at 0")
    ax.barh(at, [100 * dead for *_, dead in found], 0.32, color="#b3261e", label="dead: flat for the whole batch")
    for y, (_, flat, dead) in zip(at, found, strict=True):
        ax.text(101, y, f"{100 * flat:.0f} % flat, {100 * dead:.0f} % dead", va="center", fontsize=9)
    ax.set_yticks(at, [name for name, *_ in found], fontsize=9)
    ax.set(xlim=(0, 100), xlabel="% of values, % of units")
    ax.legend(frameon=False, fontsize=9, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    tidy(ax)
    return ax
