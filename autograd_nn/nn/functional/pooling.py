"""Pooling and unpooling with PyTorch's arguments, over one to three spatial axes; the operations are `ops.pooling`'s.

An input without a batch axis gives a result without one. Fractional pooling is in `fractional`.
"""

from __future__ import annotations

from typing import Any

from ...ops import expand_dims
from ...ops import pooling as ops
from .operands import with_batch

__all__ = [
    "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d", "adaptive_max_pool1d", "adaptive_max_pool2d",
    "adaptive_max_pool3d", "avg_pool1d", "avg_pool2d", "avg_pool3d", "lp_pool1d", "lp_pool2d", "lp_pool3d", "max_pool1d",
    "max_pool2d", "max_pool3d", "max_unpool1d", "max_unpool2d", "max_unpool3d",
]  # fmt: skip
# ---- max -----------------------------------------------------------------------------------------------------------


def max_pool1d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest element of each window over one spatial axis; see `ag.max_pool2d`.

    >>> F.max_pool1d(ag.ones((1, 2, 4)), 2).shape
    (1, 2, 2)
    """
    return with_batch(1, ops.max_pool1d, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool2d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest element of each window over two spatial axes; see `ag.max_pool2d`.

    >>> F.max_pool2d(ag.ones((1, 2, 4, 4)), 2).shape
    (1, 2, 2, 2)
    """
    return with_batch(2, ops.max_pool2d, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool3d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest element of each window over three spatial axes; see `ag.max_pool2d`.

    >>> F.max_pool3d(ag.ones((1, 2, 4, 4, 4)), 2).shape
    (1, 2, 2, 2, 2)
    """
    return with_batch(3, ops.max_pool3d, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def adaptive_max_pool1d(input: Any, output_size: Any, return_indices: bool = False) -> Any:
    """The largest elements of windows that divide one spatial axis evenly; see `ag.adaptive_max_pool2d`.

    >>> F.adaptive_max_pool1d(ag.ones((1, 2, 5)), 3).shape
    (1, 2, 3)
    """
    return with_batch(1, ops.adaptive_max_pool1d, input, output_size, return_indices)


def adaptive_max_pool2d(input: Any, output_size: Any, return_indices: bool = False) -> Any:
    """The largest elements of windows that divide two spatial axes evenly; see `ag.adaptive_max_pool2d`.

    >>> F.adaptive_max_pool2d(ag.ones((1, 2, 5, 5)), 3).shape
    (1, 2, 3, 3)
    """
    return with_batch(2, ops.adaptive_max_pool2d, input, output_size, return_indices)


def adaptive_max_pool3d(input: Any, output_size: Any, return_indices: bool = False) -> Any:
    """The largest elements of windows that divide three spatial axes evenly; see `ag.adaptive_max_pool2d`.

    >>> F.adaptive_max_pool3d(ag.ones((1, 2, 5, 5, 5)), 3).shape
    (1, 2, 3, 3, 3)
    """
    return with_batch(3, ops.adaptive_max_pool3d, input, output_size, return_indices)


def _unpooled(axes: int, unpool: Any, input: Any, indices: Any, *arguments: Any) -> Any:
    if input.ndim == axes + 1 and indices.ndim == axes + 1:
        return unpool(expand_dims(input, 0), expand_dims(indices, 0), *arguments)[0]
    return unpool(input, indices, *arguments)


def max_unpool1d(
    input: Any, indices: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None
) -> Any:
    """Values put back where max pooling took them from, over one spatial axis; see `ag.max_unpool2d`.

    >>> values, indices = F.max_pool1d(ag.ones((1, 2, 4)), 2, return_indices=True)
    >>> F.max_unpool1d(values, indices, 2).shape
    (1, 2, 4)
    """
    return _unpooled(1, ops.max_unpool1d, input, indices, kernel_size, stride, padding, output_size)


def max_unpool2d(
    input: Any, indices: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None
) -> Any:
    """Values put back where max pooling took them from, over two spatial axes; see `ag.max_unpool2d`.

    >>> values, indices = F.max_pool2d(ag.ones((1, 2, 4, 4)), 2, return_indices=True)
    >>> F.max_unpool2d(values, indices, 2).shape
    (1, 2, 4, 4)
    """
    return _unpooled(2, ops.max_unpool2d, input, indices, kernel_size, stride, padding, output_size)


def max_unpool3d(
    input: Any, indices: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None
) -> Any:
    """Values put back where max pooling took them from, over three spatial axes; see `ag.max_unpool2d`.

    >>> values, indices = F.max_pool3d(ag.ones((1, 2, 4, 4, 4)), 2, return_indices=True)
    >>> F.max_unpool3d(values, indices, 2).shape
    (1, 2, 4, 4, 4)
    """
    return _unpooled(3, ops.max_unpool3d, input, indices, kernel_size, stride, padding, output_size)


# ---- averages and powers -------------------------------------------------------------------------------------------


def avg_pool1d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Any:
    """The mean of each window over one spatial axis; see `ag.avg_pool2d`.

    >>> F.avg_pool1d(ag.ones((1, 2, 4)), 2).shape
    (1, 2, 2)
    """
    return with_batch(1, ops.avg_pool1d, input, kernel_size, stride, padding, ceil_mode, count_include_pad)


def avg_pool2d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: Any = None,
) -> Any:
    """The mean of each window over two spatial axes; see `ag.avg_pool2d`.

    >>> F.avg_pool2d(ag.ones((1, 2, 4, 4)), 2).shape
    (1, 2, 2, 2)
    """
    return with_batch(
        2, ops.avg_pool2d, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    )


def avg_pool3d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: Any = None,
) -> Any:
    """The mean of each window over three spatial axes; see `ag.avg_pool2d`.

    >>> F.avg_pool3d(ag.ones((1, 2, 4, 4, 4)), 2).shape
    (1, 2, 2, 2, 2)
    """
    return with_batch(
        3, ops.avg_pool3d, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    )


def lp_pool1d(input: Any, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> Any:
    """The root of the sum of powers of each window over one spatial axis; see `ag.lp_pool2d`.

    >>> F.lp_pool1d(ag.ones((1, 2, 4)), 2, 2).shape
    (1, 2, 2)
    """
    return with_batch(1, ops.lp_pool1d, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool2d(input: Any, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> Any:
    """The root of the sum of powers of each window over two spatial axes; see `ag.lp_pool2d`.

    >>> F.lp_pool2d(ag.ones((1, 2, 4, 4)), 2, 2).shape
    (1, 2, 2, 2)
    """
    return with_batch(2, ops.lp_pool2d, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool3d(input: Any, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> Any:
    """The root of the sum of powers of each window over three spatial axes; see `ag.lp_pool2d`.

    >>> F.lp_pool3d(ag.ones((1, 2, 4, 4, 4)), 2, 2).shape
    (1, 2, 2, 2, 2)
    """
    return with_batch(3, ops.lp_pool3d, input, norm_type, kernel_size, stride, ceil_mode)


def adaptive_avg_pool1d(input: Any, output_size: Any) -> Any:
    """The means of windows that divide one spatial axis evenly; see `ag.adaptive_avg_pool2d`.

    >>> F.adaptive_avg_pool1d(ag.ones((1, 2, 5)), 3).shape
    (1, 2, 3)
    """
    return with_batch(1, ops.adaptive_avg_pool1d, input, output_size)


def adaptive_avg_pool2d(input: Any, output_size: Any) -> Any:
    """The means of windows that divide two spatial axes evenly; see `ag.adaptive_avg_pool2d`.

    >>> F.adaptive_avg_pool2d(ag.ones((1, 2, 5, 5)), 3).shape
    (1, 2, 3, 3)
    """
    return with_batch(2, ops.adaptive_avg_pool2d, input, output_size)


def adaptive_avg_pool3d(input: Any, output_size: Any) -> Any:
    """The means of windows that divide three spatial axes evenly; see `ag.adaptive_avg_pool2d`.

    >>> F.adaptive_avg_pool3d(ag.ones((1, 2, 5, 5, 5)), 3).shape
    (1, 2, 3, 3, 3)
    """
    return with_batch(3, ops.adaptive_avg_pool3d, input, output_size)
