"""Pooling and unpooling with PyTorch's arguments, over one to three spatial axes; the operations are `ops.pooling`'s.

An input without a batch axis gives a result without one. Fractional pooling is in `fractional`.
"""

from __future__ import annotations

from typing import Any

from ...ops import expand_dims
from ...ops import pooling as ops
from ...ops.spatial import faces
from .operands import with_batch

__all__ = [
    "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d", "adaptive_max_pool1d", "adaptive_max_pool2d",
    "adaptive_max_pool3d", "avg_pool1d", "avg_pool2d", "avg_pool3d", "lp_pool1d", "lp_pool2d", "lp_pool3d", "max_pool1d",
    "max_pool2d", "max_pool3d", "max_unpool1d", "max_unpool2d", "max_unpool3d",
]  # fmt: skip


def _examples(call: str, result: int) -> list[str]:
    """A call on ones of each number of axes, and the shape of what it gives."""
    made = []
    for dims in (1, 2, 3):
        size = 5 if call.startswith("adaptive") else 4
        name, arguments = call.split("(", 1)
        ones = f"ag.ones({(1, 2, *(size,) * dims)})"
        made.append(f">>> F.{name}{dims}d({ones}, {arguments}.shape\n{(1, 2, *(result,) * dims)}")
    return made


# ---- max -----------------------------------------------------------------------------------------------------------


def _max_pool(
    dims: int,
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest element of each window over {axes}.

    Shapes: input (batch, channels, {space}) to (batch, channels, {result}), or both without batch.

    `ag.max_pool2d` says what the arguments are.
    """
    pool = (ops.max_pool1d, ops.max_pool2d, ops.max_pool3d)[dims - 1]
    return with_batch(dims, pool, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


max_pool1d, max_pool2d, max_pool3d = faces(_max_pool, *_examples("max_pool(2)", 2))


def _adaptive_max_pool(dims: int, input: Any, output_size: Any, return_indices: bool = False) -> Any:
    """The largest elements of windows that divide {axes} evenly.

    Shapes: input (batch, channels, {space}) to (batch, channels, {result}), or both without batch.

    `ag.adaptive_max_pool2d` says what the arguments are.
    """
    pool = (ops.adaptive_max_pool1d, ops.adaptive_max_pool2d, ops.adaptive_max_pool3d)[dims - 1]
    return with_batch(dims, pool, input, output_size, return_indices)


adaptive_max_pool1d, adaptive_max_pool2d, adaptive_max_pool3d = faces(
    _adaptive_max_pool, *_examples("adaptive_max_pool(3)", 3)
)


def _max_unpool(
    dims: int, input: Any, indices: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None
) -> Any:
    """Values put back where max pooling over {axes} took them from, zeros elsewhere.

    Shapes: input and indices (batch, channels, {space}) to (batch, channels, {result}), or all without batch.

    `ag.max_unpool2d` says what the arguments are. Where an index repeats the last value stays, and only that has a gradient (to
    all of them goes PyTorch's, which counts a window's maximum once for each window that it is in).
    """
    unpool = (ops.max_unpool1d, ops.max_unpool2d, ops.max_unpool3d)[dims - 1]
    arguments = (kernel_size, stride, padding, output_size)
    if input.ndim == dims + 1 and indices.ndim == dims + 1:
        return unpool(expand_dims(input, 0), expand_dims(indices, 0), *arguments)[0]
    return unpool(input, indices, *arguments)


max_unpool1d, max_unpool2d, max_unpool3d = faces(
    _max_unpool,
    *[
        f">>> values, indices = F.max_pool{dims}d(ag.ones({shape}), 2, return_indices=True)\n"
        f">>> F.max_unpool{dims}d(values, indices, 2).shape\n{shape}"
        for dims, shape in enumerate([(1, 2, 4), (1, 2, 4, 4), (1, 2, 4, 4, 4)], 1)
    ],
)


# ---- averages and powers -------------------------------------------------------------------------------------------


def _avg_pool(
    dims: int,
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: Any = None,
) -> Any:
    """The mean of each window over {axes}.

    Shapes: input (batch, channels, {space}) to (batch, channels, {result}), or both without batch.

    `ag.avg_pool2d` says what the arguments are.
    """
    pool = (ops.avg_pool1d, ops.avg_pool2d, ops.avg_pool3d)[dims - 1]
    return with_batch(dims, pool, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


avg_pool1d, avg_pool2d, avg_pool3d = faces(_avg_pool, *_examples("avg_pool(2)", 2))


def _lp_pool(
    dims: int, input: Any, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
) -> Any:
    """The root of the sum of powers of each window over {axes}.

    Shapes: input (batch, channels, {space}) to (batch, channels, {result}), or both without batch.

    `ag.lp_pool2d` says what the arguments are.
    """
    pool = (ops.lp_pool1d, ops.lp_pool2d, ops.lp_pool3d)[dims - 1]
    return with_batch(dims, pool, input, norm_type, kernel_size, stride, ceil_mode)


lp_pool1d, lp_pool2d, lp_pool3d = faces(_lp_pool, *_examples("lp_pool(2, 2)", 2))


def _adaptive_avg_pool(dims: int, input: Any, output_size: Any) -> Any:
    """The means of windows that divide {axes} evenly.

    Shapes: input (batch, channels, {space}) to (batch, channels, {result}), or both without batch.

    `ag.adaptive_avg_pool2d` says what the argument is.
    """
    pool = (ops.adaptive_avg_pool1d, ops.adaptive_avg_pool2d, ops.adaptive_avg_pool3d)[dims - 1]
    return with_batch(dims, pool, input, output_size)


adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d = faces(
    _adaptive_avg_pool, *_examples("adaptive_avg_pool(3)", 3)
)
