"""Convolutional layers, from one to three spatial axes, and their transposes.

Decision: the number of axes is a class attribute, and everything else is said once for all three.
"""

from __future__ import annotations

import math
from typing import Any

from ..ops import convolution as ops
from . import functional as F
from . import init
from .functional.operands import in_module
from .module import Module
from .parameter import Parameter, empty_parameter

__all__ = ["Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"]


def each_axis(value: Any, axes: int) -> Any:
    """A number for each axis: the one given, or the sequence given; a string stays."""
    if isinstance(value, str):
        return value
    if not isinstance(value, (tuple, list)):
        return (value,) * axes
    if len(value) != axes:
        raise ValueError(f"{tuple(value)} is to be one number, or one for each of {axes} spatial axes")
    return tuple(value)


class _Convolution(Module):
    """What a convolution and its transpose share: their arguments, parameters and initialisation."""

    axes: int

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        weight_channels: tuple[int, int],
        kernel_size: Any,
        stride: Any,
        padding: Any,
        output_padding: Any,
        dilation: Any,
        groups: int,
        bias: bool,
        padding_mode: str,
        device: Any,
        dtype: Any,
    ) -> None:
        name = type(self).__name__
        if groups < 1 or in_channels % groups or out_channels % groups:
            raise ValueError(
                f"{name}: {in_channels} channels in and {out_channels} out do not divide into {groups} groups"
            )
        if padding_mode not in ops.PADDING_MODES:
            raise ValueError(f"{name}: padding_mode {padding_mode!r} is not one of {', '.join(ops.PADDING_MODES)}")
        if isinstance(padding, str) and padding not in ("same", "valid"):
            raise ValueError(f"{name}: padding {padding!r} is not 'same' or 'valid', a number or one for each axis")
        if padding == "same" and each_axis(stride, self.axes) != (1,) * self.axes:
            raise ValueError(f"{name}: padding 'same' needs stride 1, not {stride}; give the padding as numbers")
        self.in_channels, self.out_channels = in_channels, out_channels
        self.kernel_size, self.stride = each_axis(kernel_size, self.axes), each_axis(stride, self.axes)
        self.padding, self.dilation = each_axis(padding, self.axes), each_axis(dilation, self.axes)
        self.output_padding = each_axis(output_padding, self.axes)
        self.groups, self.padding_mode = groups, padding_mode
        first, second = weight_channels
        self.weight = empty_parameter((first, second // groups, *self.kernel_size), dtype, device)
        self.bias: Parameter | None = empty_parameter((out_channels,), dtype, device) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the parameters anew."""
        k = 1.0 / math.sqrt(max(1, init.fans(self.weight)[0]))
        init.uniform_(self.weight, -k, k)
        if self.bias is not None:
            init.uniform_(self.bias, -k, k)

    def extra_repr(self) -> str:
        parts = [f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"]
        none = (0,) * self.axes
        parts += [f"padding={self.padding}"] if self.padding != none else []
        parts += [f"output_padding={self.output_padding}"] if self.output_padding != none else []
        parts += [f"dilation={self.dilation}"] if self.dilation != (1,) * self.axes else []
        parts += [f"groups={self.groups}"] if self.groups != 1 else []
        parts += ["bias=False"] if self.bias is None else []
        parts += [f"padding_mode={self.padding_mode}"] if self.padding_mode != "zeros" else []
        return ", ".join(parts)


class _Forward(_Convolution):
    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        channels = (out_channels, in_channels)
        super().__init__(
            in_channels, out_channels, channels, kernel_size, stride, padding, 0, dilation, groups, bias, padding_mode,
            device, dtype,
        )  # fmt: skip

    def forward(self, input: Any) -> Any:
        return F.convolution(
            self.axes,
            input,
            self.weight,
            self.bias,
            self.stride,
            self.padding,
            self.dilation,
            self.groups,
            self.padding_mode,
        )


class _Transposed(_Convolution):
    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Any = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        if padding_mode != "zeros":
            raise ValueError(f"{type(self).__name__}: padding_mode can only be 'zeros', not {padding_mode!r}")
        channels = (in_channels, out_channels)
        super().__init__(
            in_channels, out_channels, channels, kernel_size, stride, padding, output_padding, dilation, groups, bias,
            padding_mode, device, dtype,
        )  # fmt: skip

    def forward(self, input: Any, output_size: Any = None) -> Any:
        extra = self.output_padding if output_size is None else self._output_padding(input.shape, tuple(output_size))
        transposed = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)[self.axes - 1]
        return transposed(input, self.weight, self.bias, self.stride, self.padding, extra, self.groups, self.dilation)

    def _output_padding(self, shape: tuple[int, ...], size: tuple[int, ...]) -> tuple[int, ...]:
        """What to add for the result to have this spatial size, one of those that a stride maps to the input's."""
        space = shape[-self.axes :]
        least = [
            (n - 1) * s - 2 * p + d * (k - 1) + 1
            for n, s, p, d, k in zip(space, self.stride, self.padding, self.dilation, self.kernel_size, strict=True)
        ]
        extra = tuple([n - m for n, m in zip(size[-self.axes :], least, strict=True)])
        if any(not 0 <= e < max(s, d) for e, s, d in zip(extra, self.stride, self.dilation, strict=True)):
            most = tuple([m + s - 1 for m, s in zip(least, self.stride, strict=True)])
            raise in_module(
                ValueError(
                    f"{type(self).__name__}: output_size {size} for an input of {shape}; it can be from {tuple(least)} to "
                    f"{most}"
                )
            )
        return extra


class Conv1d(_Forward):
    """Convolution over one spatial axis; `Conv2d` says the rest.

    Shapes: (batch, in_channels, length) to (batch, out_channels, length').

    >>> nn.Conv1d(4, 8, 3, padding=1)(ag.ones((2, 4, 10))).shape
    (2, 8, 10)
    """

    axes = 1


class Conv2d(_Forward):
    """Convolution over two spatial axes, as `ag.conv2d` says it.

    Shapes: (batch, in_channels, height, width), or without batch, to (batch, out_channels, height', width'); weight
    (out_channels, in_channels / groups, *kernel_size), bias (out_channels,).
    Initialisation: uniform on (-k, k), k = 1 / sqrt(fan_in).
    Defaults: stride 1, padding 0 (also ``"same"``, ``"valid"``), dilation 1, groups 1, with bias, padding_mode ``"zeros"``.
    Raises ValueError for channels that do not divide into the groups, and at the call for shapes that do not fit.

    >>> nn.Conv2d(3, 8, 3, padding=1)(ag.ones((2, 3, 10, 12))).shape
    (2, 8, 10, 12)
    """

    axes = 2


class Conv3d(_Forward):
    """Convolution over three spatial axes; `Conv2d` says the rest.

    Shapes: (batch, in_channels, depth, height, width) to (batch, out_channels, depth', height', width').

    >>> nn.Conv3d(2, 4, 3)(ag.ones((1, 2, 5, 5, 5))).shape
    (1, 4, 3, 3, 3)
    """

    axes = 3


class ConvTranspose1d(_Transposed):
    """Transposed convolution over one spatial axis; `ConvTranspose2d` says the rest.

    >>> nn.ConvTranspose1d(4, 2, 2, stride=2)(ag.ones((1, 4, 5))).shape
    (1, 2, 10)
    """

    axes = 1


class ConvTranspose2d(_Transposed):
    """Transposed convolution over two spatial axes, as `ag.conv_transpose2d` says it.

    Shapes: (batch, in_channels, height, width) to (batch, out_channels, height', width'); weight (in_channels, out_channels /
    groups, *kernel_size), bias (out_channels,). Initialisation: uniform on (-k, k), k = 1 / sqrt(fan_in of the weight's shape).
    A call may name the spatial `output_size` it wants among those that the stride leaves open.

    >>> nn.ConvTranspose2d(4, 2, 2, stride=2)(ag.ones((1, 4, 5, 5))).shape
    (1, 2, 10, 10)
    """

    axes = 2


class ConvTranspose3d(_Transposed):
    """Transposed convolution over three spatial axes; `ConvTranspose2d` says the rest.

    >>> nn.ConvTranspose3d(4, 2, 2, stride=2)(ag.ones((1, 4, 3, 3, 3))).shape
    (1, 2, 6, 6, 6)
    """

    axes = 3
