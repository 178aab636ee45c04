"""What all pictures of training share: Axes to draw on, colours, and plain arrays of whatever is given."""

from __future__ import annotations

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


def tidy(ax: Any) -> None:
    """A light grid behind the data, no box around it."""
    ax.grid(color=FAINT, linewidth=0.8)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
