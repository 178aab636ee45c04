"""Padding with PyTorch's argument order: (before, after) of the last axis, then of the one before it, and so on.

A negative number cuts off instead.
"""

from __future__ import annotations

from typing import Any

from ...engine.tensor import Tensor, operand
from ...ops.convolution import padded
from ...ops.padding import pad as pad_
from ...ops.slicing import slice_
from .operands import refuse, with_batch

__all__ = ["pad"]

MODES = ("constant", "reflect", "replicate", "circular")


def pad(input: Any, pad: Any, mode: str = "constant", value: float | None = None) -> Any:
    """The input with elements added before and after its last axes.

    `pad`: (last axis before, after, last but one before, after, ...). `mode`: ``"constant"`` (default) puts `value` (default 0)
    there, on any axes; ``"reflect"`` mirrors at the outermost elements, ``"replicate"`` repeats them, ``"circular"`` goes on at
    the other end, on all spatial axes of (batch, channels, *space), or without batch, one to three of them.
    Raises ValueError for another mode, and for more than a mode can add.

    >>> F.pad(ag.tensor([[1.0, 2.0]]), (1, 0, 0, 1), value=9.0)
    tensor([[9., 1., 2.],
            [9., 9., 9.]], dtype=float32)
    """
    x = input if isinstance(input, Tensor) or hasattr(input, "ndim") else operand(input, "pad")
    if mode not in MODES:
        raise refuse("pad", f"mode {mode!r} is not one of {', '.join(MODES)}")
    widths = [int(n) for n in pad]
    if len(widths) % 2 or len(widths) > 2 * x.ndim:
        raise refuse(
            "pad", f"{tuple(widths)} is not (before, after) for some of the axes of an input of shape {x.shape}"
        )
    axes = len(widths) // 2
    before, after = tuple(widths[::2][::-1]), tuple(widths[1::2][::-1])
    if value and mode != "constant":
        raise refuse("pad", f"mode {mode!r} takes no value")
    if mode != "constant" and (axes not in (1, 2, 3) or x.ndim not in (axes + 1, axes + 2)):
        raise refuse(
            "pad",
            f"mode {mode!r} takes (batch, channels, *space), or without batch, and pads all of one to three spatial axes; "
            f"{tuple(widths)} are {axes} of an input of shape {x.shape}",
        )
    lead = x.ndim - axes
    if min(widths, default=0) < 0:
        x = _cut(x, lead, before, after)
        before, after = tuple([max(n, 0) for n in before]), tuple([max(n, 0) for n in after])
    if mode == "constant":
        if not any(before + after):
            return x
        return pad_(x, [(0, 0)] * lead + list(zip(before, after, strict=True)), constant_values=value or 0)
    return with_batch(axes, lambda x: padded("pad", x, before, after, mode), x)


def _cut(x: Any, lead: int, before: tuple[int, ...], after: tuple[int, ...]) -> Any:
    """x without what negative widths take away."""
    for axis, (b, a) in enumerate(zip(before, after, strict=True), lead):
        if max(-b, 0) + max(-a, 0) > x.shape[axis]:
            raise refuse("pad", f"{b} and {a} take more than there is of axis {axis} of an input of shape {x.shape}")
    ends = [(max(-b, 0), n + min(a, 0), None) for n, b, a in zip(x.shape[lead:], before, after, strict=True)]
    return slice_(x, (*[(None, None, None)] * lead, *ends))
