"""Pooling: max, average and adaptive, over one to three spatial axes, with their gradients; unpooling.

Every plane is pooled alone, so parts are runs of planes. A row of the result is made tap by tap, each tap one loop
over the row that LLVM vectorises; the range of the loop is cut to where the tap lies inside the input, so nothing is
padded.

Max pooling remembers for each window which tap won, one byte for windows of up to 256 (PyTorch stores eight).
`flat_indices` turns that into positions in the plane. The first of equal values wins; a NaN wins over numbers.
"""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import Any

import numpy as np
from numba import types

from autograd_nn.kernels.build import Kernel, inner, kernel
from autograd_nn.kernels.geometry import Pooling, per_axis
from autograd_nn.kernels.layout import share
from autograd_nn.kernels.plan import Plan, Table
from autograd_nn.kernels.threads import get_num_threads
from autograd_nn.kernels.vectors import at, clear_run, fields, lanes_of, spread_pairs

SIZES = 12  # numbers at the head of a plan
SHORTEST = 4  # windows in a row from which on writing every pixel beats clearing and scattering


@inner
def best_of(best, won, row, first, last, offset, stride, tap):
    """One tap over one row of windows."""
    if stride == 1:
        for u in range(first, last):
            value = row[u + offset]
            better = (value > best[u]) | (value != value)
            best[u] = value if better else best[u]
            won[u] = tap if better else won[u]
    elif stride == 2:  # a constant stride lets LLVM use shuffles
        for u in range(first, last):
            value = row[2 * u + offset]
            better = (value > best[u]) | (value != value)
            best[u] = value if better else best[u]
            won[u] = tap if better else won[u]
    else:
        for u in range(first, last):
            value = row[stride * u + offset]
            better = (value > best[u]) | (value != value)
            best[u] = value if better else best[u]
            won[u] = tap if better else won[u]


@inner
def add_row(total, row, first, last, offset, stride):
    """total[u] += row[u * stride + offset]"""
    if stride == 1:
        for u in range(first, last):
            total[u] += row[u + offset]
    elif stride == 2:
        for u in range(first, last):
            total[u] += row[2 * u + offset]
    else:
        for u in range(first, last):
            total[u] += row[stride * u + offset]


@inner
def tap_rows(plan, t_taps, tap, z, y, depth, height):
    """Row of the input a tap reads for row (z, y) of the windows, or -1; and the range and offset along the row."""
    (dz, dy, first, last, offset, sz, sy) = fields(at(plan, t_taps + tap * 7), 7)
    zz, yy = z * sz + dz, y * sy + dy
    inside = zz >= 0 and zz < depth and yy >= 0 and yy < height
    return (zz * height + yy if inside else -1), first, last, offset


def _max_forward(plan, x, y, unused, won, shared, private, part, parts):
    """y, won <- the largest value of each window and the tap it came from."""
    (planes, depth, height, width, od, oh, ow, taps, stride, t_taps) = fields(plan, 10)
    first_plane, last_plane = share(planes, part, parts)
    for p in range(first_plane, last_plane):
        for row in range(od * oh):
            start = (p * od * oh + row) * ow
            best, mine = at(y, start), at(won, start)
            for u in range(ow):
                best[u] = -np.inf
            for tap in range(taps - 1, -1, -1):  # a window of nothing but -inf points at its first tap inside the input
                source, first, last, offset = tap_rows(plan, t_taps, tap, row // oh, row % oh, depth, height)
                if source >= 0:
                    for u in range(first, last):
                        mine[u] = tap
            for tap in range(taps):
                source, first, last, offset = tap_rows(plan, t_taps, tap, row // oh, row % oh, depth, height)
                if source >= 0:
                    best_of(best, mine, at(x, (p * depth * height + source) * width), first, last, offset, stride, tap)


max_forward = {np.uint8: Kernel(_max_forward, {"d": types.uint8}), np.int32: Kernel(_max_forward, {"d": types.int32})}


def _max_scatter(plan, dy, dx, unused, won, shared, private, part, parts):
    """dx <- 0, then dx at the winner of each window += dy. Disjoint 2x2 windows instead write every pixel once."""
    (planes, depth, height, width, od, oh, ow, _taps, stride, t_taps, t_offsets) = fields(plan, 11)
    first_plane, last_plane = share(planes, part, parts)
    sz, sy = plan[t_taps + 5], plan[t_taps + 6]
    if plan[11]:
        run = (ow + lanes_of(dx) - 1) // lanes_of(dx) * lanes_of(dx)
        for p in range(first_plane, last_plane):
            for v in range(height):
                target = at(dx, (p * height + v) * width)
                if v >= 2 * oh:
                    clear_run(target, width)
                    continue
                start, tap = (p * oh + v // 2) * ow, v % 2 * 2
                room = ((last_plane - p) * height - v) * width
                if 2 * run <= room and start + run <= planes * oh * ow:
                    # Whole vectors: what they write past the row, the rows after it write again.
                    for u in range(0, ow, lanes_of(dx)):
                        spread_pairs(at(dy, start + u), at(won, start + u), at(target, 2 * u), tap)
                else:
                    for u in range(ow):
                        g, winner = dy[start + u], won[start + u]
                        target[2 * u] = g if winner == tap else 0
                        target[2 * u + 1] = g if winner == tap + 1 else 0
                clear_run(at(target, 2 * ow), width - 2 * ow)
        return
    for p in range(first_plane, last_plane):
        plane = at(dx, p * depth * height * width)
        clear_run(plane, depth * height * width)
        for row in range(od * oh):
            start = (p * od * oh + row) * ow
            base = (row // oh * sz * height + row % oh * sy) * width
            g, mine = at(dy, start), at(won, start)
            for u in range(ow):
                plane[base + u * stride + plan[t_offsets + mine[u]]] += g[u]


max_scatter = {np.uint8: Kernel(_max_scatter, {"d": types.uint8}), np.int32: Kernel(_max_scatter, {"d": types.int32})}


def _max_gather(plan, x, y, unused, won, shared, private, part, parts):
    """y <- x at the winner of each window: the adjoint of the scatter."""
    (planes, depth, height, width, od, oh, ow, _taps, stride, t_taps, t_offsets) = fields(plan, 11)
    first_plane, last_plane = share(planes, part, parts)
    sz, sy = plan[t_taps + 5], plan[t_taps + 6]
    for p in range(first_plane, last_plane):
        plane = at(x, p * depth * height * width)
        for row in range(od * oh):
            start = (p * od * oh + row) * ow
            base = (row // oh * sz * height + row % oh * sy) * width
            for u in range(ow):
                y[start + u] = plane[base + u * stride + plan[t_offsets + won[start + u]]]


max_gather = {np.uint8: Kernel(_max_gather, {"d": types.uint8}), np.int32: Kernel(_max_gather, {"d": types.int32})}


@kernel()
def average_forward(plan, x, y, scale, unused, shared, private, part, parts):
    """y <- the sum of each window times scale (one number for each window of a plane)."""
    (planes, depth, height, width, od, oh, ow, taps, stride, t_taps) = fields(plan, 10)
    first_plane, last_plane = share(planes, part, parts)
    for p in range(first_plane, last_plane):
        for row in range(od * oh):
            total, factor = at(y, (p * od * oh + row) * ow), at(scale, row * ow)
            for u in range(ow):
                total[u] = 0
            for tap in range(taps):
                source, first, last, offset = tap_rows(plan, t_taps, tap, row // oh, row % oh, depth, height)
                if source >= 0:
                    add_row(total, at(x, (p * depth * height + source) * width), first, last, offset, stride)
            for u in range(ow):
                total[u] *= factor[u]


@kernel()
def average_gradient(plan, dy, dx, scale, unused, shared, private, part, parts):
    """dx <- dy times scale, spread over each window."""
    (planes, depth, height, width, od, oh, ow, taps, stride, t_taps) = fields(plan, 10)
    first_plane, last_plane = share(planes, part, parts)
    for p in range(first_plane, last_plane):
        plane = at(dx, p * depth * height * width)
        clear_run(plane, depth * height * width)
        for row in range(od * oh):
            g, factor = at(dy, (p * od * oh + row) * ow), at(scale, row * ow)
            for u in range(ow):
                private[u] = g[u] * factor[u]
            for tap in range(taps):
                source, first, last, offset = tap_rows(plan, t_taps, tap, row // oh, row % oh, depth, height)
                if source < 0:
                    continue
                target = at(plane, source * width)
                if stride == 1:
                    for u in range(first, last):
                        target[u + offset] += private[u]
                else:
                    for u in range(first, last):
                        target[u * stride + offset] += private[u]


def _array(value, name: str, shape, operation: str) -> np.ndarray:
    array = np.asarray(value)
    native = array.dtype.newbyteorder("=")
    if native not in (np.float32, np.float64):
        raise TypeError(f"{operation}: {name} has dtype {array.dtype}; use {name}.astype(np.float32)")
    if shape is not None and array.shape != tuple(shape):
        raise ValueError(f"{operation}: {name} has shape {array.shape}, expected {tuple(shape)}")
    return np.ascontiguousarray(array, native)


@lru_cache(maxsize=512)
def _plan(what, geometry: Pooling, dtype: np.dtype, threads: int) -> Plan:
    g = geometry.spatial
    taps, offsets = [], []
    for a in range(g.kernel[0]):
        for i in range(g.kernel[1]):
            for j in range(g.kernel[2]):
                dz, dy, dx = (t * d - b for t, d, b in zip((a, i, j), g.dilation, g.before, strict=True))
                s, width = g.stride[2], g.input[2]
                first, last = max(0, -(dx // s)), min(g.output[2], (width - 1 - dx) // s + 1)
                taps.append((dz, dy, first, max(first, last), dx, g.stride[0], g.stride[1]))
                offsets.append((dz * g.input[1] + dy) * g.input[2] + dx)
    table = Table(SIZES)
    t_taps, t_offsets = table.add(taps), table.add(offsets)
    disjoint = g.kernel == g.stride == (1, 2, 2) and not any(g.before) and g.dilation == (1, 1, 1) and g.input[0] == 1
    disjoint = disjoint and 2 * g.output[1] <= g.input[1] and 2 * g.output[2] <= g.input[2]
    disjoint = disjoint and g.output[2] >= SHORTEST
    header = (g.planes, *g.input, *g.output, len(taps), g.stride[2], t_taps, t_offsets, disjoint)
    parts = 1 if threads == 1 or prod(g.x_shape) < 8192 else max(1, min(g.planes, 4 * threads))
    return Plan(dtype, table.array(header), [(what, parts)], 0, (g.output[2] + 64) * dtype.itemsize, threads)


def _run(what, geometry: Pooling, *arrays) -> None:
    if geometry.planes and all(a is None or a.size for a in arrays):
        _plan(what, geometry, arrays[0].dtype, get_num_threads()).run(*arrays)


def winner_type(geometry: Pooling) -> Any:
    """The integer type that names a tap of this geometry's windows."""
    return np.uint8 if geometry.taps <= 256 else np.int32


def _winners(value, geometry: Pooling) -> np.ndarray:
    array = np.ascontiguousarray(value)
    if array.shape != geometry.y_shape or array.dtype != winner_type(geometry):
        raise ValueError(
            f"max pooling: the winners have shape {array.shape} and type {array.dtype}, expected those of the "
            "forward pass"
        )
    return array


def max_pool(x, geometry: Pooling) -> tuple[np.ndarray, np.ndarray]:
    """(y, winners): the largest value of each window and the number of the tap it came from."""
    x = _array(x, "x", geometry.x_shape, "max pooling")
    y: np.ndarray = np.empty(geometry.y_shape, x.dtype)
    winners: np.ndarray = np.empty(geometry.y_shape, winner_type(geometry))
    _run(max_forward[winner_type(geometry)], geometry, x, y, None, winners)
    return y, winners


def max_pool_gradient(dy, winners, geometry: Pooling) -> np.ndarray:
    """dx: each window's cotangent goes to its winner."""
    dy, winners = _array(dy, "dy", geometry.y_shape, "gradient of max pooling"), _winners(winners, geometry)
    dx = np.empty(geometry.x_shape, dy.dtype)
    _run(max_scatter[winner_type(geometry)], geometry, dy, dx, None, winners)
    return dx


def max_pool_take(x, winners, geometry: Pooling) -> np.ndarray:
    """x at the winner of each window: the adjoint of `max_pool_gradient`, which is linear."""
    x, winners = _array(x, "x", geometry.x_shape, "max pooling"), _winners(winners, geometry)
    y = np.empty(geometry.y_shape, x.dtype)
    _run(max_gather[winner_type(geometry)], geometry, x, y, None, winners)
    return y


def flat_indices(winners, geometry: Pooling) -> np.ndarray:
    """Positions of the winners in their flattened planes, int64, as PyTorch returns them."""
    g = geometry.spatial
    coordinates = np.unravel_index(np.asarray(winners).reshape(g.y_shape), g.kernel)
    flat = np.zeros(g.y_shape, np.int64)
    for axis, tap in enumerate(coordinates):
        window = (np.arange(g.output[axis]) * g.stride[axis] - g.before[axis]).reshape(
            [-1 if a == axis else 1 for a in range(3)]
        )
        flat = flat * g.input[axis] + window + tap * g.dilation[axis]
    return flat.reshape(geometry.y_shape)


@lru_cache(maxsize=512)
def _scale(geometry: Pooling, dtype: np.dtype, count_include_pad: bool, divisor: int | None) -> np.ndarray:
    """1 / the size of each window of a plane. Padding counts if asked, what ceil_mode adds beyond it never does."""
    g, size = geometry.spatial, np.ones((1, 1, 1))
    if divisor is not None:
        return np.full(g.output, 1.0 / divisor, dtype)
    for axis in range(3):
        start = np.arange(g.output[axis]) * g.stride[axis] - g.before[axis]
        end = np.minimum(start + g.kernel[axis], g.input[axis] + g.before[axis])
        if not count_include_pad:
            start, end = np.maximum(start, 0), np.minimum(end, g.input[axis])
        size = size * (end - start).reshape([-1 if a == axis else 1 for a in range(3)])
    return np.ascontiguousarray(1.0 / size, dtype)


def _averaging(geometry: Pooling) -> None:
    if max(geometry.dilation) > 1:
        raise ValueError(f"average pooling has no dilation, got {geometry.dilation}")


RUN = 1024
"""Elements that are summed up one after the other; many more would drown in their sum."""


def _sums_of_rows(x: np.ndarray) -> np.ndarray:
    """The sum of each row. By einsum, which takes a third of the time of `np.add.reduce`; and no product with BLAS, whose
    threads would go on spinning, and keep ours from the cores for the kernels to come.
    """
    whole = x.shape[1] - x.shape[1] % RUN
    sums = np.einsum("pt->p", x[:, whole:])
    if whole:
        sums += np.add.reduce(np.einsum("prt->pr", x[:, :whole].reshape(len(x), -1, RUN)), 1)
    return sums


def average_pool(x, geometry: Pooling, count_include_pad: bool = True, divisor: int | None = None) -> np.ndarray:
    """The mean of each window; `count_include_pad` says whether padding counts as zeros, `divisor` replaces the
    count.
    """
    _averaging(geometry)
    x = _array(x, "x", geometry.x_shape, "average pooling")
    if geometry.is_global and divisor is None:
        total = _sums_of_rows(x.reshape(geometry.planes, geometry.taps))
        return (total / x.dtype.type(geometry.taps)).reshape(geometry.y_shape)
    y = np.empty(geometry.y_shape, x.dtype)
    _run(average_forward, geometry, x, y, _scale(geometry, x.dtype, count_include_pad, divisor), None)
    return y


def average_pool_gradient(
    dy, geometry: Pooling, count_include_pad: bool = True, divisor: int | None = None
) -> np.ndarray:
    """dx: the adjoint of `average_pool`."""
    _averaging(geometry)
    dy = _array(dy, "dy", geometry.y_shape, "gradient of average pooling")
    dx = np.empty(geometry.x_shape, dy.dtype)
    if geometry.is_global and divisor is None:
        dx[...] = dy / dy.dtype.type(geometry.taps)
        return dx
    _run(average_gradient, geometry, dy, dx, _scale(geometry, dy.dtype, count_include_pad, divisor), None)
    return dx


def unpool(y, indices, space) -> np.ndarray:
    """Planes of shape `space`, zero but for y at its flat `indices` (of `flat_indices`); a repeated index keeps one
    value.
    """
    y, indices = _array(y, "y", None, "unpooling"), np.asarray(indices)
    space = per_axis(space, y.ndim - 2, "space")
    _check_indices(y.shape, indices, space)
    planes = prod(y.shape[:2])
    x = np.zeros((planes, prod(space)), y.dtype)
    rows = planes, prod(y.shape[2:])
    np.put_along_axis(x, indices.reshape(rows), y.reshape(rows), axis=1)
    return x.reshape(y.shape[:2] + space)


def unpool_gradient(dx, indices) -> np.ndarray:
    """dy: dx at the flat indices; the adjoint of `unpool` for distinct indices."""
    dx, indices = _array(dx, "dx", None, "gradient of unpooling"), np.asarray(indices)
    _check_indices(indices.shape, indices, dx.shape[2:])
    planes = prod(dx.shape[:2])
    values, places = dx.reshape(planes, prod(dx.shape[2:])), indices.reshape(planes, prod(indices.shape[2:]))
    return np.take_along_axis(values, places, axis=1).reshape(indices.shape)


def _check_indices(shape, indices: np.ndarray, space) -> None:
    if indices.shape != tuple(shape) or indices.dtype.kind not in "iu":
        raise ValueError(
            f"unpooling: indices of shape {indices.shape} and type {indices.dtype} do not fit values of "
            f"shape {tuple(shape)}"
        )
    if indices.size and not 0 <= int(indices.min()) <= int(indices.max()) < prod(space):
        raise ValueError(
            f"unpooling: indices run from {indices.min()} to {indices.max()}, planes of {tuple(space)} hold "
            f"{prod(space)}"
        )
