"""Pooling: max, average, power-mean (Lp), adaptive and global, over one to three spatial axes; unpooling.

Each forward is a kernel, each rule its adjoint, and the adjoint of that the forward again or a gathering at the same
places. Max pooling remembers which element of each window won, one byte a window; `return_indices` turns that into the
positions that PyTorch gives.

Decision: where indices repeat (overlapping windows), `max_unpool2d` keeps the last value, and the derivative knows which
one that is. PyTorch's keeps any and gives a gradient to all.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

from ..engine.op import nondifferentiable, op
from ..engine.tensor import Tensor, operand
from ..kernels.geometry import Pooling, per_axis
from .comparison import equal
from .convolution import described, hashable, images, located
from .elementwise import power, where
from .spatial import faces

__all__ = [
    "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d", "adaptive_max_pool1d", "adaptive_max_pool2d",
    "adaptive_max_pool3d", "avg_pool1d", "avg_pool2d", "avg_pool3d", "global_avg_pool", "global_max_pool", "lp_pool1d",
    "lp_pool2d", "lp_pool3d", "max_pool1d", "max_pool2d", "max_pool3d", "max_unpool1d", "max_unpool2d", "max_unpool3d",
]  # fmt: skip


# ---- the operations ------------------------------------------------------------------------------------------------


@op(kind="reduction", outputs=("values", "winners"))
def max_pool(x, /, geometry):
    """The largest element of each window, and which element of the window it is."""
    from ..kernels import pooling

    return pooling.max_pool(x, geometry)


@op(kind="indexing")
def max_pool_scatter(dy, winners, /, geometry):
    """Each window's value added where its winner stands: the cotangent of max pooling's input."""
    from ..kernels import pooling

    return pooling.max_pool_gradient(dy, winners, geometry)


@op(kind="indexing")
def max_pool_take(x, winners, /, geometry):
    """The element of x at each window's winner: the adjoint of `max_pool_scatter`."""
    from ..kernels import pooling

    return pooling.max_pool_take(x, winners, geometry)


@op(kind="indexing")
def max_pool_indices(winners, /, geometry):
    """The winners as positions in their flattened planes, int64."""
    from ..kernels import pooling

    return pooling.flat_indices(winners, geometry)


max_pool.vjp(x=lambda g, winners, geometry: max_pool_scatter(g[0], winners, geometry))
max_pool_scatter.vjp(dy=lambda g, winners, geometry: max_pool_take(g, winners, geometry), winners=nondifferentiable)
max_pool_take.vjp(x=lambda g, winners, geometry: max_pool_scatter(g, winners, geometry), winners=nondifferentiable)
max_pool_indices.vjp(winners=nondifferentiable)


@op(kind="reduction")
def average_pool(x, /, geometry, count_include_pad=True, divisor=None):
    """The mean of each window, or its sum over `divisor`."""
    from ..kernels import pooling

    return pooling.average_pool(x, geometry, count_include_pad, divisor)


@op(kind="copy")
def average_pool_spread(dy, /, geometry, count_include_pad=True, divisor=None):
    """Each window's share added to all its elements: the adjoint of `average_pool`."""
    from ..kernels import pooling

    return pooling.average_pool_gradient(dy, geometry, count_include_pad, divisor)


average_pool.vjp(
    x=lambda g, geometry, count_include_pad, divisor: average_pool_spread(g, geometry, count_include_pad, divisor)
)
average_pool_spread.vjp(
    dy=lambda g, geometry, count_include_pad, divisor: average_pool(g, geometry, count_include_pad, divisor)
)


@op(kind="reduction")
def adaptive_average_pool(x, /, size):
    """The means of windows that divide each axis into as many as `size` says."""
    from ..kernels import adaptive

    return adaptive.adaptive_average_pool(x, size)


@op(kind="copy")
def adaptive_average_pool_spread(dy, /, space):
    """The adjoint of `adaptive_average_pool` from planes of the shape `space`."""
    from ..kernels import adaptive

    return adaptive.adaptive_average_pool_gradient(dy, space)


adaptive_average_pool.vjp(x=lambda g, x_shape: adaptive_average_pool_spread(g, x_shape[2:]))
adaptive_average_pool_spread.vjp(dy=lambda g, dy_shape: adaptive_average_pool(g, dy_shape[2:]))


@op(kind="reduction", outputs=("values", "indices"))
def adaptive_max_pool(x, /, size):
    """The largest element of each adaptive window, and its position in the flattened plane."""
    from ..kernels import adaptive

    return adaptive.adaptive_max_pool(x, size)


@op(kind="indexing")
def plane_take(x, indices, /):
    """The elements of each plane at positions in it; the adjoint of `plane_add`."""
    from ..kernels import pooling

    return pooling.unpool_gradient(x, indices)


@op(kind="indexing")
def plane_add(y, indices, /, space):
    """Planes of zeros with values added at positions; where one repeats, all its values. The adjoint of `plane_take`."""
    from ..kernels import adaptive

    _check_positions(y, indices, space)
    return adaptive.adaptive_max_pool_gradient(y, indices, space)


@op(kind="indexing")
def written_last(indices, /, space):
    """Which of the values written at positions of a plane are still there: the last of those that share one."""
    _check_positions(indices, indices, space)
    flat = indices.reshape(math.prod(indices.shape[:2]), math.prod(indices.shape[2:]))
    order = np.broadcast_to(np.arange(flat.shape[1]), flat.shape)
    last = np.zeros((len(flat), math.prod(space)), np.intp)
    np.put_along_axis(last, flat, order, 1)
    return (np.take_along_axis(last, flat, 1) == order).reshape(indices.shape)


def _check_positions(y: np.ndarray, indices: np.ndarray, space: tuple[int, ...]) -> None:
    indices, most = np.asarray(indices), math.prod(space)
    if indices.dtype.kind not in "iu" or indices.shape != y.shape:
        raise TypeError(
            f"the indices must be integers, one for each value, not {indices.dtype} of shape {indices.shape}"
        )
    if indices.size and not (indices.min() >= 0 and indices.max() < most):
        raise IndexError(
            f"the indices run from {indices.min()} to {indices.max()}; planes of {space} have {most} places"
        )


adaptive_max_pool.vjp(x=lambda g, indices, x_shape: plane_add(g[0], indices, x_shape[2:]))
plane_take.vjp(x=lambda g, x_shape, indices: plane_add(g, indices, x_shape[2:]), indices=nondifferentiable)
plane_add.vjp(y=lambda g, indices: plane_take(g, indices), indices=nondifferentiable)
written_last.vjp(indices=nondifferentiable)


# ---- what the public functions share -------------------------------------------------------------------------------

_of = lru_cache(maxsize=1024, typed=True)(Pooling.of)


def _geometry(name: str, x: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool) -> Pooling:
    kernel, stride, padding, dilation = [hashable(v) for v in (kernel, stride, padding, dilation)]
    return described(name, _of, x.shape, kernel, stride, padding, dilation, bool(ceil_mode))


def _max(name: str, x: Any, geometry: Pooling, return_indices: bool) -> Any:
    values, winners = max_pool(x, geometry)
    return (values, max_pool_indices(winners, geometry)) if return_indices else values


# ---- max -----------------------------------------------------------------------------------------------------------


def _max_pool(
    dims: int,
    x: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest element of each window over {axes}.

    Shapes: x (batch, channels, {space}) to (batch, channels, {result}).

    `kernel_size`, `stride` (default: the kernel's), `padding` (with -inf, at most half the kernel) and `dilation` are a
    number or one for each axis. `ceil_mode` keeps a last window that sticks out. `return_indices` gives (values, indices),
    the latter the positions in the flattened plane, int64, that `max_unpool2d` takes. The first of equals wins; NaN does
    over numbers. Raises ValueError for a kernel that does not fit.
    """
    name = f"max_pool{dims}d"
    x = images(name, x, dims)
    return _max(name, x, _geometry(name, x, kernel_size, stride, padding, dilation, ceil_mode), return_indices)


max_pool1d, max_pool2d, max_pool3d = faces(
    _max_pool,
    """
    >>> ag.max_pool1d(ag.tensor([[[1.0, 3.0, 2.0, 0.0]]]), 2)
    tensor([[[3., 2.]]], dtype=float32)
    """,
    """
    >>> values, indices = ag.max_pool2d(ag.tensor([[[[1.0, 2.0], [4.0, 3.0]]]]), 2, return_indices=True)
    >>> values.item(), indices.item()
    (4.0, 2)
    """,
    """
    >>> ag.max_pool3d(ag.ones((1, 2, 4, 4, 4)), 2).shape
    (1, 2, 2, 2, 2)
    """,
)


def _max_unpool(
    dims: int,
    x: Any,
    indices: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    output_size: Any = None,
) -> Any:
    """Values put back where max pooling took them from, zeros elsewhere, over {axes}.

    Shapes: x (batch, channels, {space}) to (batch, channels, {result}).

    `indices` are those of the pooling, whose `kernel_size`, `stride` and `padding` say how large its input was:
    ``(size - 1) * stride - 2 * padding + kernel``; where pooling rounded that down, `output_size` says it exactly.
    The last value stays where an index repeats. Raises ValueError for another size, IndexError for an index outside.
    """
    name = f"max_unpool{dims}d"
    x = images(name, x, dims)
    indices = indices if isinstance(indices, (Tensor, np.ndarray)) else operand(indices, name)
    kernel = described(name, per_axis, hashable(kernel_size), dims, "kernel_size")
    stride = kernel if stride is None else described(name, per_axis, hashable(stride), dims, "stride")
    padding = described(name, per_axis, hashable(padding), dims, "padding", 0)
    usual = tuple([(n - 1) * s - 2 * p + k for n, s, p, k in zip(x.shape[2:], stride, padding, kernel, strict=True)])
    space = usual
    if output_size is not None:
        size = hashable(output_size)  # PyTorch takes a whole shape, too
        space = described(name, per_axis, size[-dims:] if isinstance(size, tuple) else size, dims, "output_size")
        if any([not u - s < n < u + s for n, u, s in zip(space, usual, stride, strict=True)]):
            error = ValueError(f"output_size {space} must differ from {usual} by less than the stride {stride}")
            raise located(name, error)
    return plane_add(where(written_last(indices, space), x, 0.0), indices, space)


max_unpool1d, max_unpool2d, max_unpool3d = faces(
    _max_unpool,
    """
    >>> values, indices = ag.max_pool1d(ag.tensor([[[1.0, 3.0, 2.0, 0.0]]]), 2, return_indices=True)
    >>> ag.max_unpool1d(values, indices, 2)
    tensor([[[0., 3., 2., 0.]]], dtype=float32)
    """,
    """
    >>> values, indices = ag.max_pool2d(ag.tensor([[[[1.0, 2.0], [4.0, 3.0]]]]), 2, return_indices=True)
    >>> ag.max_unpool2d(values, indices, 2)
    tensor([[[[0., 0.],
              [4., 0.]]]], dtype=float32)
    """,
    """
    >>> values, indices = ag.max_pool3d(ag.ones((1, 2, 4, 4, 4)), 2, return_indices=True)
    >>> ag.max_unpool3d(values, indices, 2).shape
    (1, 2, 4, 4, 4)
    """,
)


# ---- average and power mean ----------------------------------------------------------------------------------------


def _avg_pool(
    dims: int,
    x: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: Any = None,
) -> Any:
    """The mean of each window over {axes}.

    Shapes: x (batch, channels, {space}) to (batch, channels, {result}).

    `kernel_size`, `stride` (default: the kernel's) and `padding` (with zeros, at most half the kernel) are a number or one
    for each axis. `ceil_mode` keeps a last window that sticks out; `count_include_pad` says whether padding counts in the
    mean; `divisor_override` is what to divide the sum by instead. Raises ValueError for a kernel that does not fit.
    """
    name = f"avg_pool{dims}d"
    x = images(name, x, dims)
    if divisor_override == 0:
        raise located(name, ValueError("divisor_override must not be 0"))
    geometry = _geometry(name, x, kernel_size, stride, padding, 1, ceil_mode)
    return average_pool(x, geometry, bool(count_include_pad), divisor_override)


avg_pool1d, avg_pool2d, avg_pool3d = faces(
    _avg_pool,
    """
    >>> ag.avg_pool1d(ag.tensor([[[1.0, 3.0, 2.0, 0.0]]]), 2)
    tensor([[[2., 1.]]], dtype=float32)
    """,
    """
    >>> ag.avg_pool2d(ag.tensor([[[[1.0, 2.0], [4.0, 3.0]]]]), 2)
    tensor([[[[2.5]]]], dtype=float32)
    """,
    """
    >>> ag.avg_pool3d(ag.ones((1, 2, 4, 4, 4)), 2).shape
    (1, 2, 2, 2, 2)
    """,
)


def _lp_pool(
    dims: int,
    x: Any,
    norm_type: float,
    kernel_size: Any,
    stride: Any = None,
    ceil_mode: bool = False,
) -> Any:
    r"""The root of the sum of powers of each window over {axes}.

    Shapes: x (batch, channels, {space}) to (batch, channels, {result}).

    :math:`(\sum x^p)^{1/p}` for p = `norm_type`: 1 is the sum, 2 the Euclidean norm. An odd p is meant for x >= 0, as in
    PyTorch: the root of a negative sum is NaN. The derivative where the sum is 0 is taken to be 0. With `ceil_mode`, a last
    window that sticks out is scaled up to a whole one. Raises ValueError for a `norm_type` not above 0 and finite.
    """
    name = f"lp_pool{dims}d"
    x = images(name, x, dims)
    if not 0 < norm_type < math.inf:
        error = ValueError(f"norm_type must be above 0 and finite, not {norm_type}; for inf use max_pool{dims}d")
        raise located(name, error)
    geometry = _geometry(name, x, kernel_size, stride, 0, 1, ceil_mode)
    total = average_pool(power(x, norm_type), geometry) * float(geometry.taps)
    nothing = equal(total, 0.0)  # the root has no derivative at 0; there it is taken to be 0
    return where(nothing, 0.0, power(where(nothing, 1.0, total), 1.0 / norm_type))


lp_pool1d, lp_pool2d, lp_pool3d = faces(
    _lp_pool,
    """
    >>> ag.lp_pool1d(ag.tensor([[[3.0, 4.0, 0.0, 2.0]]]), 2, 2)
    tensor([[[5., 2.]]], dtype=float32)
    """,
    """
    >>> ag.lp_pool2d(ag.tensor([[[[1.0, 2.0], [4.0, 2.0]]]]), 2, 2)
    tensor([[[[5.]]]], dtype=float32)
    """,
    """
    >>> ag.lp_pool3d(ag.ones((1, 2, 4, 4, 4)), 3, 2)[0, 0, 0, 0, 0].item()
    2.0
    """,
)


# ---- adaptive and global -------------------------------------------------------------------------------------------


def _adaptive_size(name: str, x: Any, size: Any) -> tuple[int, ...]:
    size, space = hashable(size), x.shape[2:]
    if isinstance(size, tuple) and len(size) == len(space):
        size = tuple([n if s is None else s for s, n in zip(size, space, strict=True)])
    if 0 in space:
        raise located(name, ValueError(f"the spatial axes of x must not be empty; its shape is {x.shape}"))
    return described(name, per_axis, size, len(space), "output_size")


SMALL = 9
"""Elements of a window up to which pooling by taps, which is vectorised along a row, beats the loops over each window."""


def _even(x: Any, size: tuple[int, ...]) -> Pooling | None:
    """The plain pooling that an adaptive one is, where its windows come out alike and are small."""
    kernel = tuple([n // m for n, m in zip(x.shape[2:], size, strict=True)])
    if math.prod(kernel) > SMALL or any([n % m for n, m in zip(x.shape[2:], size, strict=True)]):
        return None
    return _of(x.shape, kernel)


def _adaptive_average(name: str, x: Any, output_size: Any, dims: int | None) -> Any:
    x = images(name, x, dims)
    size = _adaptive_size(name, x, output_size)
    if max(size) == 1:  # of whole planes, which is a product with a vector
        return average_pool(x, _of(x.shape, x.shape[2:]))
    even = _even(x, size)
    return adaptive_average_pool(x, size) if even is None else average_pool(x, even)


def _adaptive_max(name: str, x: Any, output_size: Any, dims: int | None, return_indices: bool) -> Any:
    x = images(name, x, dims)
    size = _adaptive_size(name, x, output_size)
    even = _even(x, size)
    if even is not None:
        return _max(name, x, even, return_indices)
    values, indices = adaptive_max_pool(x, size)
    return (values, indices) if return_indices else values


def _adaptive_avg_pool(dims: int, x: Any, output_size: Any) -> Any:
    """The means of windows that divide {axes} evenly.

    Shapes: x (batch, channels, {space}) to (batch, channels, {result}).

    `output_size` is a number or one for each axis, None for as many as x has: window i of m over n elements runs from
    floor(i n / m) to ceil((i + 1) n / m), so windows may overlap. Raises ValueError for an empty axis.
    """
    return _adaptive_average(f"adaptive_avg_pool{dims}d", x, output_size, dims)


adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d = faces(
    _adaptive_avg_pool,
    """
    >>> ag.adaptive_avg_pool1d(ag.tensor([[[1.0, 3.0, 5.0]]]), 2)
    tensor([[[2., 4.]]], dtype=float32)
    """,
    """
    >>> ag.adaptive_avg_pool2d(ag.ones((1, 8, 7, 5)), (3, None)).shape
    (1, 8, 3, 5)
    """,
    """
    >>> ag.adaptive_avg_pool3d(ag.ones((1, 2, 4, 4, 4)), 3).shape
    (1, 2, 3, 3, 3)
    """,
)


def _adaptive_max_pool(dims: int, x: Any, output_size: Any, return_indices: bool = False) -> Any:
    """The largest elements of windows that divide {axes} evenly.

    Shapes: x (batch, channels, {space}) to (batch, channels, {result}).

    The windows are those of `adaptive_avg_pool2d`. `return_indices` gives (values, indices), the latter the positions in the
    flattened plane, int64. Raises ValueError for an empty axis.
    """
    return _adaptive_max(f"adaptive_max_pool{dims}d", x, output_size, dims, return_indices)


adaptive_max_pool1d, adaptive_max_pool2d, adaptive_max_pool3d = faces(
    _adaptive_max_pool,
    """
    >>> ag.adaptive_max_pool1d(ag.tensor([[[1.0, 3.0, 5.0]]]), 2)
    tensor([[[3., 5.]]], dtype=float32)
    """,
    """
    >>> ag.adaptive_max_pool2d(ag.ones((1, 8, 7, 5)), (3, None)).shape
    (1, 8, 3, 5)
    """,
    """
    >>> ag.adaptive_max_pool3d(ag.ones((1, 2, 4, 4, 4)), 3).shape
    (1, 2, 3, 3, 3)
    """,
)


def global_avg_pool(x: Any) -> Any:
    """The mean of each plane: (batch, channels, *space) to (batch, channels, 1, ...), with one to three spatial axes.

    >>> ag.global_avg_pool(ag.tensor([[[[1.0, 2.0], [4.0, 3.0]]]]))
    tensor([[[[2.5]]]], dtype=float32)
    """
    return _adaptive_average("global_avg_pool", x, 1, None)


def global_max_pool(x: Any) -> Any:
    """The largest element of each plane: (batch, channels, *space) to (batch, channels, 1, ...), with one to three axes.

    >>> ag.global_max_pool(ag.tensor([[[[1.0, 2.0], [4.0, 3.0]]]]))
    tensor([[[[4.]]]], dtype=float32)
    """
    return _adaptive_max("global_max_pool", x, 1, None, False)
