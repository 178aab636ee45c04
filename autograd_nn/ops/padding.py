"""Padding: elements added around an array, as NumPy's `pad` does in all of its modes but ``"empty"``."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any

import numpy as np

from ..engine.protocol import implements
from .arranging import flip
from .indexing import replace, take
from .joining import concat
from .reduction import max, mean, min
from .scan import part
from .shape import arrayed, astype, broadcast_to
from .slicing import unslice
from .statistics import median

__all__ = ["pad"]

REPEATING = ("edge", "reflect", "symmetric", "wrap")
STATISTICS: dict[str, Callable[..., Any]] = {"maximum": max, "mean": mean, "median": median, "minimum": min}
MODES = ("constant", *REPEATING, "linear_ramp", *STATISTICS)


@implements(np.pad)
def pad(
    x: Any,
    pad_width: Any,
    mode: str = "constant",
    *,
    constant_values: Any = 0,
    end_values: Any = 0,
    stat_length: Any = None,
    reflect_type: str = "even",
) -> Any:
    """x with elements added before and after each axis.

    `pad_width`: ((before, after), ...) for each axis, one such pair for all, or one number for all. `mode`:
    ``"constant"`` (default; `constant_values` in the same forms), ``"edge"`` repeats the outermost elements,
    ``"reflect"`` mirrors at them, ``"symmetric"`` mirrors including them (with the `reflect_type` ``"odd"`` at the point, so
    that slopes go on), ``"wrap"`` goes on at the other end, ``"linear_ramp"`` goes to `end_values`, and ``"maximum"``,
    ``"mean"``, ``"median"`` and ``"minimum"`` are those of the `stat_length` elements next to the end (default: of all).
    Raises ValueError for another mode or a negative width, TypeError for a Tensor as an option.

    >>> ag.pad(ag.tensor([1, 2, 3]), (2, 1), mode="reflect")
    tensor([3, 2, 1, 2, 3, 2], dtype=int64)
    """
    x = arrayed(x)
    if mode not in MODES:
        raise ValueError(f"pad: mode {mode!r} is not one of {', '.join(map(repr, MODES))}")
    if reflect_type not in ("even", "odd"):
        raise ValueError(f"pad: reflect_type {reflect_type!r} is not 'even' or 'odd'")
    widths = _for_each_end(x, pad_width)
    if any(w < 0 for pair in widths for w in pair):
        raise ValueError(f"pad: the widths {pad_width} must not be negative; slice to cut off")
    if mode == "constant":
        shape = tuple([before + n + after for n, (before, after) in zip(x.shape, widths, strict=True)])
        key = tuple([(before, before + n, None) for n, (before, _) in zip(x.shape, widths, strict=True)])
        if isinstance(constant_values, (int, float)) and constant_values == 0:
            return unslice(x, key, shape)
        return replace(np.pad(np.zeros(x.shape, x.dtype), widths, constant_values=constant_values), x, template=key)
    ends, lengths = _for_each_end(x, end_values), _for_each_end(x, stat_length)
    for axis, (before, after) in enumerate(widths):
        if before == after == 0:
            continue
        if mode == "linear_ramp":
            x = _ramped(x, axis, (before, after), ends[axis])
        elif mode in STATISTICS:
            x = _summarised(x, axis, (before, after), STATISTICS[mode], lengths[axis])
        else:
            x = _repeated(x, axis, (before, after), mode, reflect_type)
    return x


def _for_each_end(x: Any, option: Any) -> list[list[Any]]:
    """An option as NumPy takes it, as [before, after] for each axis."""
    return np.broadcast_to(np.asarray(option), (x.ndim, 2)).tolist()


def _repeated(x: Any, axis: int, widths: tuple[int, int], mode: str, reflect_type: str) -> Any:
    """Which element stands where is what padding the numbers 0, 1, 2, ... says."""
    n = x.shape[axis]
    # NumPy's overloads name each mode as a literal; here it is one of them, but only known to be a str.
    places = np.pad(np.arange(n), widths, mode=mode)  # type: ignore[call-overload]
    if reflect_type == "even" or mode not in ("reflect", "symmetric"):
        return take(x, places, axis)
    if builtins.max(widths) > n - (mode == "reflect"):
        raise ValueError(
            f"pad: with reflect_type 'odd' the widths {widths} must not go round axis {axis} of length {n}"
        )
    before = widths[0]
    mirrored = take(x, places, axis)
    first = 2 * part(x, axis, None, 1) - part(mirrored, axis, None, before)
    last = 2 * part(x, axis, n - 1, None) - part(mirrored, axis, before + n, None)
    return concat([first, x, last], axis)


def _ramped(x: Any, axis: int, widths: tuple[int, int], ends: list[Any]) -> Any:
    """From the outermost elements to the end values, in equal steps."""

    def ramp(edge: Any, width: int, end: Any) -> Any:
        steps = np.arange(width, dtype=np.float64).reshape(-1, *[1] * (x.ndim - axis - 1)) / (width or 1)
        steps = steps.astype(x.dtype if x.dtype.kind == "f" else np.float64)
        return end * (1.0 - steps) + edge * steps

    before = ramp(part(x, axis, None, 1), widths[0], ends[0])
    after = flip(ramp(part(x, axis, x.shape[axis] - 1, None), widths[1], ends[1]), axis)
    return concat([astype(before, x.dtype), x, astype(after, x.dtype)], axis)


def _summarised(x: Any, axis: int, widths: tuple[int, int], summary: Callable[..., Any], lengths: list[Any]) -> Any:
    """A statistic of the elements next to each end."""
    n = x.shape[axis]
    kept = [n if length is None else int(np.minimum(length, n)) for length in lengths]
    parts = [part(x, axis, None, kept[0]), part(x, axis, n - kept[1], None)]
    shapes = [(*x.shape[:axis], width, *x.shape[axis + 1 :]) for width in widths]
    before, after = [
        broadcast_to(summary(p, axis=axis, keepdims=True), shape) for p, shape in zip(parts, shapes, strict=True)
    ]
    return concat([astype(before, x.dtype), x, astype(after, x.dtype)], axis)
