"""Geometry: what a convolution or a pooling does to shapes, as one immutable description.

Everything about a layer that is not an array is here, so a kernel never recomputes an output size and an error is
raised once, before any loop runs. A geometry is hashable: plans are cached by it.

Layout is NCHW: arrays are (batch, channels, *space) with one, two or three spatial axes; weights are
(out_channels, in_channels / groups, *kernel). Along each axis

    output = (before + input + after - dilation * (kernel - 1) - 1) // stride + 1

Decision: a transposed convolution has no geometry of its own. It *is* the input gradient of the convolution that maps
its result to its argument, so `Convolution.transposed` describes that convolution and the caller runs
`conv_input_gradient`.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod

Axes = tuple[int, ...]


def per_axis(value: int | Sequence[int], dims: int, name: str, least: int = 1) -> Axes:
    """One integer for each spatial axis: a number stands for all of them."""
    try:
        values = (operator.index(value),) * dims  # type: ignore[arg-type]
    except TypeError:
        values = tuple(operator.index(v) for v in value)  # type: ignore[union-attr]
    if len(values) != dims:
        raise ValueError(
            f"{name} {values} has {len(values)} entries for {dims} spatial axes; give {dims}, or one number"
        )
    if min(values) < least:
        raise ValueError(f"{name} {values} must be at least {least} along each axis")
    return values


def _by(sizes: Axes) -> str:
    """3x32x32"""
    return "x".join(map(str, sizes))


def _in_short(geometry: Convolution | Pooling, after: Axes) -> str:
    """What a geometry is, for messages and records: its shapes, and whatever is not as usual."""
    said = [f"{_by(geometry.x_shape)} to {_by(geometry.y_shape)}", f"kernel {_by(geometry.kernel)}"]
    said += [f"{n} {_by(v)}" for n, v in (("stride", geometry.stride), ("dilation", geometry.dilation)) if max(v) > 1]
    if any(geometry.before + after):
        said.append(f"padding {_by(geometry.before)}" + ("" if geometry.before == after else f" and {_by(after)}"))
    return ", ".join(said)


def _padding(padding, stride: Axes, kernel: Axes, dilation: Axes) -> tuple[Axes, Axes]:
    """(before, after) from a number, one number per axis, one (before, after) pair per axis, "same" or "valid"."""
    dims = len(kernel)
    if isinstance(padding, str):
        if padding == "valid":
            return (0,) * dims, (0,) * dims
        if padding != "same":
            raise ValueError(f'padding {padding!r} is not known; use "same", "valid", numbers or (before, after) pairs')
        if max(stride) > 1:
            raise ValueError(f'padding "same" needs stride 1, got stride {stride}; give the padding as numbers')
        total = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
        return tuple(t // 2 for t in total), tuple(t - t // 2 for t in total)
    if not hasattr(padding, "__index__") and any(hasattr(p, "__len__") for p in padding):
        if len(padding) != dims or any(len(p) != 2 for p in padding):
            raise ValueError(f"padding {padding} must hold one (before, after) pair for each of {dims} spatial axes")
        before, after = zip(*padding, strict=True)
        return per_axis(before, dims, "padding", 0), per_axis(after, dims, "padding", 0)
    both = per_axis(padding, dims, "padding", 0)
    return both, both


@dataclass(frozen=True)
class Convolution:
    """Shapes of one convolution: `input`, `output`, `kernel`, `stride`, `dilation`, `before`, `after` are per spatial
    axis.

    Build it with `Convolution.of` or `Convolution.transposed`, which check their arguments.

    >>> g = Convolution.of((2, 3, 32, 32), (8, 3, 3, 3), stride=2, padding=1)
    >>> g.output, g.x_shape, g.y_shape
    ((16, 16), (2, 3, 32, 32), (2, 8, 16, 16))
    """

    batch: int
    in_channels: int
    out_channels: int
    groups: int
    input: Axes
    output: Axes
    kernel: Axes
    stride: Axes
    dilation: Axes
    before: Axes
    after: Axes

    def __repr__(self) -> str:
        groups = f", groups {self.groups}" if self.groups > 1 else ""
        return f"Convolution({_in_short(self, self.after)}{groups})"

    @classmethod
    def of(cls, x_shape, w_shape, stride=1, padding=0, dilation=1, groups=1, where: str | None = None) -> Convolution:
        """The convolution of an input and a weight of these shapes. Raises ValueError when they do not fit, which
        says `where`: what the caller wanted, unless it was a convolution.
        """
        x_shape, w_shape, dims = tuple(x_shape), tuple(w_shape), len(w_shape) - 2
        where = where or f"convolution of x {x_shape} with w {w_shape}"
        if dims not in (1, 2, 3):
            raise ValueError(
                f"{where}: w must be (out_channels, in_channels / groups, *kernel) with 1 to 3 kernel axes"
            )
        if len(x_shape) != len(w_shape):
            hint = "; add the batch axis with x[None]" if len(x_shape) == len(w_shape) - 1 else ""
            raise ValueError(f"{where}: x must have {dims + 2} axes (batch, channels, {dims} spatial){hint}")
        stride, dilation = per_axis(stride, dims, "stride"), per_axis(dilation, dims, "dilation")
        groups = operator.index(groups)
        _check_channels(where, x_shape[1], w_shape[0], w_shape[1], groups)
        kernel, space = w_shape[2:], x_shape[2:]
        if min(kernel) < 1:
            raise ValueError(f"{where}: the kernel {kernel} must be at least 1 along each axis")
        before, after = _padding(padding, stride, kernel, dilation)
        output = []
        for axis in range(dims):
            reach = dilation[axis] * (kernel[axis] - 1) + 1
            padded = before[axis] + space[axis] + after[axis]
            if reach > padded:
                raise ValueError(
                    f"{where}: along spatial axis {axis} the kernel reaches over {reach} (kernel {kernel[axis]}, "
                    f"dilation {dilation[axis]}), but the padded input has {padded} ({before[axis]} + {space[axis]} + "
                    f"{after[axis]}); pad by {reach - padded} more or use a smaller kernel"
                )
            output.append((padded - reach) // stride[axis] + 1)
        return cls(
            x_shape[0], x_shape[1], w_shape[0], groups, space, tuple(output), kernel, stride, dilation, before, after
        )

    @classmethod
    def transposed(cls, x_shape, w_shape, stride=1, padding=0, output_padding=0, dilation=1, groups=1) -> Convolution:
        """The convolution whose input gradient is the transposed convolution of x; w is (in, out / groups, *kernel).

        The result's size is (input - 1) * stride - before - after + dilation * (kernel - 1) + 1 + output_padding.
        """
        x_shape, w_shape, dims = tuple(x_shape), tuple(w_shape), len(w_shape) - 2
        where = f"transposed convolution of x {x_shape} with w {w_shape}"
        if dims not in (1, 2, 3) or len(x_shape) != len(w_shape):
            raise ValueError(
                f"{where}: both must have 3 to 5 axes, (batch, channels, *space) and (in, out / groups, *kernel)"
            )
        stride, dilation = per_axis(stride, dims, "stride"), per_axis(dilation, dims, "dilation")
        extra, groups = per_axis(output_padding, dims, "output_padding", 0), operator.index(groups)
        if groups < 1 or x_shape[1] != w_shape[0] or w_shape[0] % groups:
            raise ValueError(f"{where}: x has {x_shape[1]} channels, w expects {w_shape[0]} in {groups} groups")
        kernel = w_shape[2:]
        before, after = _padding(padding, stride, kernel, dilation)
        space = []
        for axis in range(dims):
            if extra[axis] >= max(stride[axis], dilation[axis]):
                raise ValueError(
                    f"{where}: output_padding {extra} must be smaller than stride {stride} or dilation {dilation}"
                )
            reach = dilation[axis] * (kernel[axis] - 1) + 1
            space.append((x_shape[2 + axis] - 1) * stride[axis] + reach + extra[axis] - before[axis] - after[axis])
        if min(space) < 1:
            raise ValueError(f"{where}: the result would have spatial shape {tuple(space)}; use less padding")
        pairs = tuple(zip(before, after, strict=True))
        dense = cls.of((x_shape[0], w_shape[1] * groups, *space), w_shape, stride, pairs, dilation, groups)
        # output_padding below the dilation but not below the stride reaches past one more window: that window is not
        # there.
        return replace(dense, output=x_shape[2:])

    @property
    def dims(self) -> int:
        return len(self.kernel)

    @property
    def x_shape(self) -> Axes:
        return (self.batch, self.in_channels, *self.input)

    @property
    def w_shape(self) -> Axes:
        return (self.out_channels, self.in_channels // self.groups, *self.kernel)

    @property
    def y_shape(self) -> Axes:
        return (self.batch, self.out_channels, *self.output)

    @property
    def taps(self) -> int:
        return prod(self.kernel)

    @property
    def multiplications(self) -> int:
        """Multiply-adds of any one pass, by the definition."""
        return prod(self.y_shape) * (self.in_channels // self.groups) * self.taps

    @cached_property
    def spatial(self) -> Convolution:
        """The same convolution with three spatial axes, the added ones of size 1: kernels know only this."""
        missing = 3 - self.dims
        ones, zeros = (1,) * missing, (0,) * missing
        return replace(
            self,
            **{name: ones + getattr(self, name) for name in ("input", "output", "kernel", "stride", "dilation")},
            **{name: zeros + getattr(self, name) for name in ("before", "after")},
        )


def _check_channels(where: str, channels: int, out: int, expected: int, groups: int) -> None:
    if groups < 1:
        raise ValueError(f"{where}: groups must be at least 1, got {groups}")
    if channels % groups or out % groups:
        raise ValueError(
            f"{where}: {groups} groups must divide both the {channels} input and the {out} output channels"
        )
    if channels != expected * groups:
        hint = f"; groups={channels // expected} would fit" if expected and channels % expected == 0 else ""
        raise ValueError(
            f"{where}: x has {channels} channels (axis 1), w expects {expected} (axis 1) times {groups} groups{hint}"
        )


@dataclass(frozen=True)
class Pooling:
    """Shapes of one pooling: every (batch, channel) plane is pooled alone, so both are folded into `planes`.

    `ceil_mode` keeps a last window that sticks out past the padding, as long as it starts inside the input or the
    padding before it. Every window sees an element of the input, or there would be no winner for max pooling to name.
    """

    lead: Axes  # (batch, channels)
    input: Axes
    output: Axes
    kernel: Axes
    stride: Axes
    dilation: Axes
    before: Axes

    def __repr__(self) -> str:
        return f"Pooling({_in_short(self, self.before)})"

    @classmethod
    def of(cls, x_shape, kernel, stride=None, padding=0, dilation=1, ceil_mode=False) -> Pooling:
        """The pooling of an input of this shape; stride is the kernel unless given."""
        x_shape, dims = tuple(x_shape), len(x_shape) - 2
        if dims not in (1, 2, 3):
            raise ValueError(f"pooling of x {x_shape}: x must be (batch, channels, *space) with 1 to 3 spatial axes")
        kernel = per_axis(kernel, dims, "kernel")
        stride = kernel if stride is None else per_axis(stride, dims, "stride")
        before, dilation = per_axis(padding, dims, "padding", 0), per_axis(dilation, dims, "dilation")
        where, output = f"pooling of x {x_shape} with kernel {kernel}", []
        if 0 in x_shape[2:]:
            raise ValueError(f"{where}: the spatial axes of x must not be empty")
        for axis in range(dims):
            size, pad, reach = x_shape[2 + axis], before[axis], dilation[axis] * (kernel[axis] - 1) + 1
            if 2 * pad > reach:
                raise ValueError(f"{where}: padding {before} must be at most half the kernel along spatial axis {axis}")
            spare = size + 2 * pad - reach
            if spare < 0 and not (ceil_mode and spare + stride[axis] > 0):
                raise ValueError(
                    f"{where}: along spatial axis {axis} the kernel reaches over {reach}, but the padded input has "
                    f"{size + 2 * pad}; use a smaller kernel or more padding"
                )
            windows = (spare + (stride[axis] - 1 if ceil_mode else 0)) // stride[axis] + 1
            if ceil_mode and (windows - 1) * stride[axis] >= size + pad:
                windows -= 1
            starts = range(-pad, windows * stride[axis] - pad, stride[axis])
            if any(s >= size or (s < 0 and s % dilation[axis] >= size) for s in starts):
                raise ValueError(
                    f"{where}: along spatial axis {axis}, of length {size}, a window with padding {pad} and dilation "
                    f"{dilation[axis]} sees nothing but padding; use less of either"
                )
            output.append(windows)
        return cls(x_shape[:2], x_shape[2:], tuple(output), kernel, stride, dilation, before)

    @property
    def dims(self) -> int:
        return len(self.kernel)

    @property
    def planes(self) -> int:
        return prod(self.lead)

    @property
    def x_shape(self) -> Axes:
        return self.lead + self.input

    @property
    def y_shape(self) -> Axes:
        return self.lead + self.output

    @property
    def taps(self) -> int:
        return prod(self.kernel)

    @property
    def is_global(self) -> bool:
        """One window that is the whole plane."""
        return self.kernel == self.input and not any(self.before) and max(self.output) == 1

    @cached_property
    def spatial(self) -> Pooling:
        """The same pooling with three spatial axes."""
        missing = 3 - self.dims
        ones, zeros = (1,) * missing, (0,) * missing
        return replace(
            self,
            **{name: ones + getattr(self, name) for name in ("input", "output", "kernel", "stride", "dilation")},
            before=zeros + self.before,
        )
