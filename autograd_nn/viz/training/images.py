"""Pictures in a grid: the filters of a layer, its feature maps, attention."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...engine.record import Record
from .axes import new_axes, plain, tick_names

GAP = 1  # pixels between pictures of a grid


def tiled(images: np.ndarray) -> np.ndarray:
    """(n, height, width) or (n, height, width, 3) as one picture, n side by side in rows; NaN between."""
    n, h, w = images.shape[:3]
    across = math.ceil(math.sqrt(n * h / w)) if n else 1
    down = math.ceil(n / across)
    out = np.full((down * (h + GAP) - GAP, across * (w + GAP) - GAP, *images.shape[3:]), np.nan)
    for k in range(n):
        y, x = k // across * (h + GAP), k % across * (w + GAP)
        out[y : y + h, x : x + w] = images[k]
    return out


def filters(weights: Any, ax: Any = None, shape: tuple[int, int] | None = None, most: int = 64) -> Any:
    """Draw a first layer's filters and return the Axes.

    `weights`: a layer, or its weight: (out, in, height, width) of a convolution (three inputs are drawn as colours, of others
    the mean), or (out, in) of a linear layer together with the `shape` of its input images. `most`: how many at most.
    Raises ValueError for anything else.
    """
    w = plain(getattr(weights, "weight", weights)).astype(np.float64)
    if w.ndim == 2 and shape is not None and shape[0] * shape[1] == w.shape[1]:
        w = w.reshape(len(w), 1, *shape)
    if w.ndim != 4:
        raise ValueError(
            f"filters: a weight of shape {w.shape} holds no pictures; it is (out, in, height, width), or (out, height * width) "
            f"together with shape=(height, width)"
        )
    w = w[:most]
    largest = np.abs(w).max(axis=(1, 2, 3), keepdims=True)
    w = w / np.where(largest > 0, largest, 1.0)
    ax = new_axes(ax, 4.8, 4.8)
    if w.shape[1] == 3:
        picture = tiled(0.5 + 0.5 * w.transpose(0, 2, 3, 1))
        ax.imshow(np.nan_to_num(picture, nan=1.0), interpolation="nearest")
    else:
        ax.imshow(tiled(w.mean(axis=1)), cmap="RdBu_r", vmin=-1, vmax=1, interpolation="nearest")
    ax.set_axis_off()
    ax.set_title(f"{len(w)} filters {w.shape[2]}×{w.shape[3]}, each on its own scale", fontsize=9)
    return ax


def feature_maps(record: Record | Any, module: str = "", ax: Any = None, example: int = 0, most: int = 64) -> Any:
    """Draw the channels of a layer's output for one example and return the Axes.

    `record`: a record, and `module` the path of a module in it, whose last four-dimensional result is meant (an ending of the
    path will do); or the array itself, (n, channels, height, width). Raises ValueError if there is none.
    """
    maps = _maps_of(record, module) if isinstance(record, Record) else plain(record)
    if maps.ndim != 4:
        raise ValueError(f"feature_maps: an array of shape {maps.shape} holds none; it is (n, channels, height, width)")
    if not -len(maps) <= example < len(maps):
        raise ValueError(f"feature_maps: there is no example {example} among {len(maps)}")
    x = maps[example, :most].astype(np.float64)
    low, high = x.min(axis=(1, 2), keepdims=True), x.max(axis=(1, 2), keepdims=True)
    x = (x - low) / np.where(high > low, high - low, 1.0)
    ax = new_axes(ax, 4.8, 4.8)
    ax.imshow(tiled(x), cmap="viridis", vmin=0, vmax=1, interpolation="nearest")
    ax.set_axis_off()
    ax.set_title(
        f"{module or 'feature maps'}: {len(x)} channels {x.shape[1]}×{x.shape[2]}, each on its own scale", fontsize=9
    )
    return ax


def _maps_of(record: Record, module: str) -> np.ndarray:
    found, paths = None, []
    for e in record.entries:
        out = e.outputs[0] if e.outputs and e.derivative_of is None else None
        if e.scope is None or out is None or np.ndim(out.data) != 4:
            continue
        path = str(e.scope[0])
        paths.append(path)
        if not module or path == module or path.endswith(f".{module}"):
            found = out.data
    if found is None:
        listed = ", ".join(dict.fromkeys(paths)) or "none"
        raise ValueError(f"feature_maps: {module!r} made no images in this record; modules that did: {listed}")
    return np.asarray(found)


def attention(
    weights: Any, ax: Any = None, queries: Sequence[str] | None = None, keys: Sequence[str] | None = None
) -> Any:
    """Draw attention weights and return the Axes: (queries, keys), or (heads, queries, keys) with the heads side by side.

    `queries` and `keys`: what to write beside rows and columns (`keys` default to `queries`). Raises ValueError for other shapes
    and for more or fewer of them.
    """
    w = plain(weights).astype(np.float64)
    if w.ndim == 4 and len(w) == 1:
        w = w[0]
    if w.ndim == 2:
        w = w[None]
    if w.ndim != 3:
        raise ValueError(f"attention: weights of shape {w.shape}; they are (heads, queries, keys), of one example")
    heads, rows, columns = w.shape
    keys = queries if keys is None and rows == columns else keys
    beside, below = tick_names(queries, rows, "attention, queries"), tick_names(keys, columns, "attention, keys")
    ax = new_axes(ax, min(12.0, 1.2 + 2.4 * heads), 3.2)
    wide = np.full((rows, heads * (columns + GAP) - GAP), np.nan)
    for h in range(heads):
        wide[:, h * (columns + GAP) : h * (columns + GAP) + columns] = w[h]
    shown = ax.imshow(
        wide, cmap="Purples", vmin=0, vmax=float(np.nanmax(w)) or 1.0, interpolation="nearest", aspect="equal"
    )
    if beside is not None:
        ax.set_yticks(range(rows), beside, fontsize=9)
    if below is not None:
        ticks = [h * (columns + GAP) + k for h in range(heads) for k in range(columns)]
        ax.set_xticks(ticks, below * heads, fontsize=9, rotation=90)
    else:
        ax.set_xticks(
            [h * (columns + GAP) + columns / 2 - 0.5 for h in range(heads)],
            [f"head {h}" for h in range(heads)],
            fontsize=9,
        )
    ax.set(ylabel="query", xlabel="key")
    ax.figure.colorbar(shown, ax=ax, shrink=0.8)
    return ax
