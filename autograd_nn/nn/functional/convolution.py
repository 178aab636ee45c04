"""Convolution and transposed convolution, with PyTorch's arguments; an input without a batch axis gives a result without one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...ops import convolution as ops
from .operands import same_dtype, with_batch

__all__ = ["conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "convolution"]


def _applied(convolve: Callable[..., Any], input: Any, weight: Any, *arguments: Any) -> Any:
    return with_batch(weight.ndim - 2, convolve, same_dtype(convolve.__name__, input, weight), weight, *arguments)


def convolution(
    axes: int,
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    padding_mode: str = "zeros",
) -> Any:
    """Convolution over one, two or three axes, whose padding may also be reflected, replicated or circular.

    >>> F.convolution(1, ag.ones((1, 1, 4)), ag.ones((1, 1, 3)), padding=1, padding_mode="circular")
    tensor([[[3., 3., 3., 3.]]], dtype=float32)
    """
    convolve = (ops.conv1d, ops.conv2d, ops.conv3d)[axes - 1]
    return _applied(convolve, input, weight, bias, stride, padding, dilation, groups, padding_mode)


def conv1d(
    input: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Any:
    """Convolution over one spatial axis: (batch, in, length) to (batch, out, length'); see `ag.conv1d`.

    >>> F.conv1d(ag.ones((1, 1, 4)), ag.ones((1, 1, 3)))
    tensor([[[3., 3.]]], dtype=float32)
    """
    return _applied(ops.conv1d, input, weight, bias, stride, padding, dilation, groups)


def conv2d(
    input: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Any:
    """Convolution over two spatial axes: (batch, in, height, width) to (batch, out, height', width'); see `ag.conv2d`.

    >>> F.conv2d(ag.ones((1, 3, 8, 8)), ag.ones((5, 3, 3, 3)), padding="same").shape
    (1, 5, 8, 8)
    """
    return _applied(ops.conv2d, input, weight, bias, stride, padding, dilation, groups)


def conv3d(
    input: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Any:
    """Convolution over three spatial axes: (batch, in, depth, height, width) to (batch, out, ...); see `ag.conv3d`.

    >>> F.conv3d(ag.ones((1, 3, 4, 4, 4)), ag.ones((5, 3, 3, 3, 3))).shape
    (1, 5, 2, 2, 2)
    """
    return _applied(ops.conv3d, input, weight, bias, stride, padding, dilation, groups)


def conv_transpose1d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Any:
    """Transposed convolution over one spatial axis; see `ag.conv_transpose2d`.

    >>> F.conv_transpose1d(ag.ones((1, 4, 3)), ag.ones((4, 2, 2)), stride=2).shape
    (1, 2, 6)
    """
    return _applied(ops.conv_transpose1d, input, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose2d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Any:
    """Transposed convolution over two spatial axes; see `ag.conv_transpose2d`.

    >>> F.conv_transpose2d(ag.ones((1, 4, 3, 3)), ag.ones((4, 2, 2, 2)), stride=2).shape
    (1, 2, 6, 6)
    """
    return _applied(ops.conv_transpose2d, input, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose3d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Any:
    """Transposed convolution over three spatial axes; see `ag.conv_transpose2d`.

    >>> F.conv_transpose3d(ag.ones((1, 4, 3, 3, 3)), ag.ones((4, 2, 2, 2, 2)), stride=2).shape
    (1, 2, 6, 6, 6)
    """
    return _applied(ops.conv_transpose3d, input, weight, bias, stride, padding, output_padding, groups, dilation)
