"""Patches: unfold copies every window of an image into a column, fold adds columns back. Each is the other's adjoint.

    columns[n, c * taps + tap, p] = x[n, c, p * stride - before + tap * dilation]        (zero where that is padding)

The windows are those of a convolution: `Convolution.of` with any number of output channels describes them.
"""

from __future__ import annotations

from functools import lru_cache
from math import prod

import numpy as np

from autograd_nn.kernels.build import inner, kernel
from autograd_nn.kernels.geometry import Convolution
from autograd_nn.kernels.layout import share
from autograd_nn.kernels.plan import Plan, Table
from autograd_nn.kernels.pooling import _array
from autograd_nn.kernels.threads import get_num_threads
from autograd_nn.kernels.vectors import at, clear_run, fields


@inner
def tap_row(plan, t_taps, tap, row, oh, depth, height):
    """Row of the image that a tap reads for a row of windows, or -1; and the range and offset along the row."""
    (dz, dy, first, last, offset, sz, sy) = fields(at(plan, t_taps + tap * 7), 7)
    z, y = row // oh * sz + dz, row % oh * sy + dy
    inside = z >= 0 and z < depth and y >= 0 and y < height
    return (z * height + y if inside else -1), first, last, offset


@kernel()
def unfold_planes(plan, x, unused, nothing, columns, shared, private, part, parts):
    """columns <- windows of x."""
    (planes, depth, height, width, od, oh, ow, taps, stride, t_taps) = fields(plan, 10)
    plane0, plane1 = share(planes, part, parts)
    for p in range(plane0, plane1):
        for tap in range(taps):
            for row in range(od * oh):
                target = at(columns, ((p * taps + tap) * od * oh + row) * ow)
                source, first, last, offset = tap_row(plan, t_taps, tap, row, oh, depth, height)
                if source < 0:
                    clear_run(target, ow)
                    continue
                line = at(x, (p * depth * height + source) * width)
                clear_run(target, first)
                for u in range(first, last):
                    target[u] = line[u * stride + offset]
                clear_run(at(target, last), ow - last)


@kernel()
def fold_planes(plan, columns, unused, nothing, x, shared, private, part, parts):
    """x <- sum of the columns that each pixel was copied to."""
    (planes, depth, height, width, od, oh, ow, taps, stride, t_taps) = fields(plan, 10)
    plane0, plane1 = share(planes, part, parts)
    for p in range(plane0, plane1):
        clear_run(at(x, p * depth * height * width), depth * height * width)
        for tap in range(taps):
            for row in range(od * oh):
                source = at(columns, ((p * taps + tap) * od * oh + row) * ow)
                target, first, last, offset = tap_row(plan, t_taps, tap, row, oh, depth, height)
                if target >= 0:
                    line = at(x, (p * depth * height + target) * width)
                    for u in range(first, last):
                        line[u * stride + offset] += source[u]


@lru_cache(maxsize=512)
def _plan(what, geometry: Convolution, dtype: np.dtype, threads: int) -> Plan:
    g, taps = geometry.spatial, []
    for a in range(g.kernel[0]):
        for i in range(g.kernel[1]):
            for j in range(g.kernel[2]):
                dz, dy, dx = (t * d - b for t, d, b in zip((a, i, j), g.dilation, g.before, strict=True))
                s = g.stride[2]
                first = min(g.output[2], max(0, -(dx // s)))
                last = max(first, min(g.output[2], (g.input[2] - 1 - dx) // s + 1))
                taps.append((dz, dy, first, last, dx, g.stride[0], g.stride[1]))
    table, planes = Table(10), g.batch * g.in_channels
    header = (planes, *g.input, *g.output, len(taps), g.stride[2], table.add(taps))
    return Plan(dtype, table.array(header), [(what, 1 if threads == 1 else min(planes, 4 * threads))], 0, 0, threads)


def _columns_shape(geometry: Convolution) -> tuple[int, int, int]:
    return geometry.batch, geometry.in_channels * geometry.taps, prod(geometry.output)


def unfold(x, geometry: Convolution) -> np.ndarray:
    """(batch, channels * taps, windows): every window of x as a column."""
    x = _array(x, "x", geometry.x_shape, "unfold")
    columns = np.empty(_columns_shape(geometry), x.dtype)
    if columns.size:
        _plan(unfold_planes, geometry, x.dtype, get_num_threads()).run(x, None, None, columns)
    return columns


def fold(columns, geometry: Convolution) -> np.ndarray:
    """x of the geometry's shape: overlapping columns are added. The adjoint of `unfold`."""
    columns = _array(columns, "columns", _columns_shape(geometry), "fold")
    x = np.zeros(geometry.x_shape, columns.dtype)
    if columns.size:
        _plan(fold_planes, geometry, columns.dtype, get_num_threads()).run(columns, None, None, x)
    return x
