"""Pooling layers, over one to three spatial axes: `functional.pooling` says what each computes.

Decision: the number of axes is a class attribute, and everything else is said once for all three; `padding` says why the
classes that only give it are written out.
Shapes: (batch, channels, *space), or without batch, to the same with another space.
"""

from __future__ import annotations

from typing import Any

from . import functional as F
from .convolution import each_axis
from .module import Module

__all__ = [
    "AdaptiveAvgPool1d", "AdaptiveAvgPool2d", "AdaptiveAvgPool3d", "AdaptiveMaxPool1d", "AdaptiveMaxPool2d",
    "AdaptiveMaxPool3d", "AvgPool1d", "AvgPool2d", "AvgPool3d", "LPPool1d", "LPPool2d", "LPPool3d", "MaxPool1d", "MaxPool2d",
    "MaxPool3d", "MaxUnpool1d", "MaxUnpool2d", "MaxUnpool3d",
]  # fmt: skip


# ---- max -----------------------------------------------------------------------------------------------------------


class _MaxPool(Module):
    axes: int

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        self.kernel_size, self.stride = kernel_size, kernel_size if stride is None else stride
        self.padding, self.dilation = padding, dilation
        self.return_indices, self.ceil_mode = return_indices, ceil_mode

    def extra_repr(self) -> str:
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, dilation={self.dilation}, "
            f"ceil_mode={self.ceil_mode}"
        )

    def forward(self, input: Any) -> Any:
        pool = (F.max_pool1d, F.max_pool2d, F.max_pool3d)[self.axes - 1]
        return pool(
            input, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode, self.return_indices
        )


class MaxPool1d(_MaxPool):
    """The largest element of each window over one spatial axis; `MaxPool2d` says the rest.

    >>> nn.MaxPool1d(2)(ag.ones((1, 2, 4))).shape
    (1, 2, 2)
    """

    axes = 1


class MaxPool2d(_MaxPool):
    """The largest element of each window over two spatial axes, as `ag.max_pool2d` says it.

    Defaults: stride kernel_size, padding 0, dilation 1. With `return_indices` it gives (values, indices), for `MaxUnpool2d`.

    >>> nn.MaxPool2d(2)(ag.ones((1, 2, 4, 4))).shape
    (1, 2, 2, 2)
    """

    axes = 2


class MaxPool3d(_MaxPool):
    """The largest element of each window over three spatial axes; `MaxPool2d` says the rest.

    >>> nn.MaxPool3d(2)(ag.ones((1, 2, 4, 4, 4))).shape
    (1, 2, 2, 2, 2)
    """

    axes = 3


class _MaxUnpool(Module):
    axes: int

    def __init__(self, kernel_size: Any, stride: Any = None, padding: Any = 0) -> None:
        self.kernel_size = each_axis(kernel_size, self.axes)
        self.stride = each_axis(kernel_size if stride is None else stride, self.axes)
        self.padding = each_axis(padding, self.axes)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"

    def forward(self, input: Any, indices: Any, output_size: Any = None) -> Any:
        unpool = (F.max_unpool1d, F.max_unpool2d, F.max_unpool3d)[self.axes - 1]
        return unpool(input, indices, self.kernel_size, self.stride, self.padding, output_size)


class MaxUnpool1d(_MaxUnpool):
    """Values put back where `MaxPool1d` took them from, zeros elsewhere; `MaxUnpool2d` says the rest.

    >>> nn.MaxUnpool1d(2)(*nn.MaxPool1d(2, return_indices=True)(ag.ones((1, 2, 4)))).shape
    (1, 2, 4)
    """

    axes = 1


class MaxUnpool2d(_MaxUnpool):
    """Values put back where `MaxPool2d(..., return_indices=True)` took them from, zeros elsewhere.

    A call may name the `output_size` it wants among those that the stride leaves open.

    >>> nn.MaxUnpool2d(2)(*nn.MaxPool2d(2, return_indices=True)(ag.ones((1, 2, 4, 4)))).shape
    (1, 2, 4, 4)
    """

    axes = 2


class MaxUnpool3d(_MaxUnpool):
    """Values put back where `MaxPool3d` took them from, zeros elsewhere; `MaxUnpool2d` says the rest.

    >>> nn.MaxUnpool3d(2)(*nn.MaxPool3d(2, return_indices=True)(ag.ones((1, 2, 4, 4, 4)))).shape
    (1, 2, 4, 4, 4)
    """

    axes = 3


class _AdaptiveMaxPool(Module):
    axes: int

    def __init__(self, output_size: Any, return_indices: bool = False) -> None:
        self.output_size, self.return_indices = output_size, return_indices

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"

    def forward(self, input: Any) -> Any:
        pool = (F.adaptive_max_pool1d, F.adaptive_max_pool2d, F.adaptive_max_pool3d)[self.axes - 1]
        return pool(input, self.output_size, self.return_indices)


class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    """The largest elements of windows that divide one spatial axis evenly; see `ag.adaptive_max_pool2d`.

    >>> nn.AdaptiveMaxPool1d(3)(ag.ones((1, 2, 5))).shape
    (1, 2, 3)
    """

    axes = 1


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    """The largest elements of windows that divide two spatial axes evenly, as `ag.adaptive_max_pool2d` says it.

    >>> nn.AdaptiveMaxPool2d(3)(ag.ones((1, 2, 5, 5))).shape
    (1, 2, 3, 3)
    """

    axes = 2


class AdaptiveMaxPool3d(_AdaptiveMaxPool):
    """The largest elements of windows that divide three spatial axes evenly; see `ag.adaptive_max_pool2d`.

    >>> nn.AdaptiveMaxPool3d(3)(ag.ones((1, 2, 5, 5, 5))).shape
    (1, 2, 3, 3, 3)
    """

    axes = 3


# ---- averages and powers -------------------------------------------------------------------------------------------


class _AvgPool(Module):
    axes: int
    divisor_override: Any

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: Any = None,
    ) -> None:
        self.kernel_size, self.stride = kernel_size, kernel_size if stride is None else stride
        self.padding, self.ceil_mode, self.count_include_pad = padding, ceil_mode, count_include_pad
        self.divisor_override = divisor_override

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"

    def forward(self, input: Any) -> Any:
        pool = (F.avg_pool1d, F.avg_pool2d, F.avg_pool3d)[self.axes - 1]
        sizes = (self.kernel_size, self.stride, self.padding)
        return pool(input, *sizes, self.ceil_mode, self.count_include_pad, self.divisor_override)


class AvgPool1d(_AvgPool):
    """The mean of each window over one spatial axis; `AvgPool2d` says the rest.

    >>> nn.AvgPool1d(2)(ag.ones((1, 2, 4))).shape
    (1, 2, 2)
    """

    axes = 1

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        stride = kernel_size if stride is None else stride
        kernel_size, stride, padding = [each_axis(value, 1) for value in (kernel_size, stride, padding)]
        super().__init__(kernel_size, stride, padding, ceil_mode, count_include_pad)


class AvgPool2d(_AvgPool):
    """The mean of each window over two spatial axes, as `ag.avg_pool2d` says it.

    Defaults: stride kernel_size, padding 0, which counts as zeros (`count_include_pad`). `divisor_override`: what sums are
    divided by instead of the number of elements.

    >>> nn.AvgPool2d(2)(ag.ones((1, 2, 4, 4))).shape
    (1, 2, 2, 2)
    """

    axes = 2


class AvgPool3d(_AvgPool):
    """The mean of each window over three spatial axes; `AvgPool2d` says the rest.

    >>> nn.AvgPool3d(2)(ag.ones((1, 2, 4, 4, 4))).shape
    (1, 2, 2, 2, 2)
    """

    axes = 3


class _LPPool(Module):
    axes: int

    def __init__(self, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> None:
        self.norm_type, self.kernel_size, self.stride, self.ceil_mode = norm_type, kernel_size, stride, ceil_mode

    def extra_repr(self) -> str:
        return (
            f"norm_type={self.norm_type}, kernel_size={self.kernel_size}, stride={self.stride}, "
            f"ceil_mode={self.ceil_mode}"
        )

    def forward(self, input: Any) -> Any:
        pool = (F.lp_pool1d, F.lp_pool2d, F.lp_pool3d)[self.axes - 1]
        return pool(input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode)


class LPPool1d(_LPPool):
    """The root of the sum of powers of each window over one spatial axis; see `ag.lp_pool2d`.

    >>> nn.LPPool1d(2, 2)(ag.ones((1, 2, 4))).shape
    (1, 2, 2)
    """

    axes = 1


class LPPool2d(_LPPool):
    """The root of the sum of powers of each window over two spatial axes, as `ag.lp_pool2d` says it.

    >>> nn.LPPool2d(2, 2)(ag.ones((1, 2, 4, 4))).shape
    (1, 2, 2, 2)
    """

    axes = 2


class LPPool3d(_LPPool):
    """The root of the sum of powers of each window over three spatial axes; see `ag.lp_pool2d`.

    >>> nn.LPPool3d(2, 2)(ag.ones((1, 2, 4, 4, 4))).shape
    (1, 2, 2, 2, 2)
    """

    axes = 3


class _AdaptiveAvgPool(Module):
    axes: int

    def __init__(self, output_size: Any) -> None:
        self.output_size = output_size

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"

    def forward(self, input: Any) -> Any:
        pool = (F.adaptive_avg_pool1d, F.adaptive_avg_pool2d, F.adaptive_avg_pool3d)[self.axes - 1]
        return pool(input, self.output_size)


class AdaptiveAvgPool1d(_AdaptiveAvgPool):
    """The means of windows that divide one spatial axis evenly; see `ag.adaptive_avg_pool2d`.

    >>> nn.AdaptiveAvgPool1d(3)(ag.ones((1, 2, 5))).shape
    (1, 2, 3)
    """

    axes = 1


class AdaptiveAvgPool2d(_AdaptiveAvgPool):
    """The means of windows that divide two spatial axes evenly, as `ag.adaptive_avg_pool2d` says it.

    >>> nn.AdaptiveAvgPool2d(3)(ag.ones((1, 2, 5, 5))).shape
    (1, 2, 3, 3)
    """

    axes = 2


class AdaptiveAvgPool3d(_AdaptiveAvgPool):
    """The means of windows that divide three spatial axes evenly; see `ag.adaptive_avg_pool2d`.

    >>> nn.AdaptiveAvgPool3d(3)(ag.ones((1, 2, 5, 5, 5))).shape
    (1, 2, 3, 3, 3)
    """

    axes = 3
