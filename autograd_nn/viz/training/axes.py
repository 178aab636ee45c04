"""What all pictures of training share: Axes to draw on, colours, and plain arrays of whatever is given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...engine.tensor import Tensor

INK, FAINT = "#1f2430", "#e3e6ec"
COLOURS = ("#3b6fb6", "#d1603d", "#2b8a82", "#7a55b5", "#b58a1d", "#b5386f", "#5a6472", "#5d9a3a")


def new_axes(ax: Any, width: float = 6.4, height: float = 4.0) -> Any:
    """The Axes given, or those of a new figure that needs no display."""
    if ax is not None:
        return ax
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained").subplots()


def plain(x: Any) -> np.ndarray:
    """A Tensor's value, or anything NumPy makes an array of."""
    return np.asarray(x.detach().numpy() if isinstance(x, Tensor) else x)


def class_numbers(x: Any, caller: str) -> np.ndarray:
    """Class labels as a flat array of whole numbers from 0 on. Raises ValueError for anything else."""
    found = plain(x).ravel()
    whole = found.dtype.kind in "biu" or (found.dtype.kind == "f" and bool(np.all(found == np.floor(found))))
    if not whole or (found.size and found.min() < 0):
        raise ValueError(f"{caller}: labels are whole numbers from 0 on; these are {found[:4].tolist()} ...")
    return found.astype(np.int64)


def tick_names(names: Sequence[Any] | None, count: int, what: str) -> list[str] | None:
    """What stands at ticks, each as text. Raises ValueError if there are not as many as there should be."""
    if names is not None and len(names) != count:
        raise ValueError(f"{what}: {len(names)} names for {count}; there must be one for each")
    return None if names is None else [str(n) for n in names]


def tidy(ax: Any) -> None:
    """A light grid behind the data, no box around it."""
    ax.grid(color=FAINT, linewidth=0.8)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
