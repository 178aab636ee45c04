"""The reference: convolution by its definition, in loops to be read. Runs for every geometry that no fast path serves.

With x padded by zeros, o output channel of group q, c input channel of that group, i over the taps of the kernel:

    y[n, o, p]  = sum over c, i of  x[n, c, p * stride - before + i * dilation] * w[o, c, i]
    dx[n, c, s] = sum over o, i of  dy[n, o, p] * w[o, c, i]   where p * stride - before + i * dilation = s
    dw[o, c, i] = sum over n, p of  dy[n, o, p] * x[n, c, p * stride - before + i * dilation]

All arrays have three spatial axes (`Convolution.spatial`); p, i, s are triples. `numbers` holds stride, before and
dilation. The innermost loop is the last axis, whose range is cut to where the input exists, so nothing is padded or
tested inside it.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from autograd_nn.kernels.build import loops
from autograd_nn.kernels.geometry import Convolution


def forward(x: np.ndarray, w: np.ndarray, geometry: Convolution) -> np.ndarray:
    """y from x and w."""
    g = geometry.spatial
    y = np.zeros(g.y_shape, x.dtype)
    _forward(x.reshape(g.x_shape), w.reshape(g.w_shape), y, _numbers(g))
    return y.reshape(geometry.y_shape)


def input_gradient(dy: np.ndarray, w: np.ndarray, geometry: Convolution) -> np.ndarray:
    """dx from dy and w: the adjoint of `forward` in x."""
    g = geometry.spatial
    dx = np.zeros(g.x_shape, dy.dtype)
    _input_gradient(dy.reshape(g.y_shape), w.reshape(g.w_shape), dx, _numbers(g))
    return dx.reshape(geometry.x_shape)


def weight_gradient(dy: np.ndarray, x: np.ndarray, geometry: Convolution) -> np.ndarray:
    """dw from dy and x: the adjoint of `forward` in w."""
    g = geometry.spatial
    dw = np.zeros(g.w_shape, dy.dtype)
    _weight_gradient(dy.reshape(g.y_shape), x.reshape(g.x_shape), dw, _numbers(g))
    return dw.reshape(geometry.w_shape)


def _numbers(g: Convolution) -> np.ndarray:
    return np.array([g.stride, g.before, g.dilation, (g.groups, 0, 0)], np.int64)


@njit(inline="always")
def _first_and_last(offset, stride, size, count):
    """The p in [0, count) for which 0 <= p * stride + offset < size, as a half-open range."""
    first = 0 if offset >= 0 else (-offset + stride - 1) // stride
    last = 0 if offset >= size else (size - offset + stride - 1) // stride
    return first, min(last, count)


@loops
def _forward(x, w, y, numbers):
    stride, before, dilation, groups = numbers[0], numbers[1], numbers[2], numbers[3, 0]
    n_images, n_out, depth, height, width = y.shape
    per_group_in, per_group_out = w.shape[1], n_out // groups
    for n in range(n_images):
        for o in range(n_out):
            for c in range(per_group_in):
                source = o // per_group_out * per_group_in + c
                for a in range(w.shape[2]):
                    z0, z1 = _first_and_last(a * dilation[0] - before[0], stride[0], x.shape[2], depth)
                    for i in range(w.shape[3]):
                        y0, y1 = _first_and_last(i * dilation[1] - before[1], stride[1], x.shape[3], height)
                        for j in range(w.shape[4]):
                            offset = j * dilation[2] - before[2]
                            x0, x1 = _first_and_last(offset, stride[2], x.shape[4], width)
                            weight = w[o, c, a, i, j]
                            for z in range(z0, z1):
                                for v in range(y0, y1):
                                    row = x[
                                        n,
                                        source,
                                        z * stride[0] + a * dilation[0] - before[0],
                                        v * stride[1] + i * dilation[1] - before[1],
                                    ]
                                    out = y[n, o, z, v]
                                    for u in range(x0, x1):
                                        out[u] += weight * row[u * stride[2] + offset]


@loops
def _input_gradient(dy, w, dx, numbers):
    stride, before, dilation, groups = numbers[0], numbers[1], numbers[2], numbers[3, 0]
    n_images, n_out, depth, height, width = dy.shape
    per_group_in, per_group_out = w.shape[1], n_out // groups
    for n in range(n_images):
        for o in range(n_out):
            for c in range(per_group_in):
                source = o // per_group_out * per_group_in + c
                for a in range(w.shape[2]):
                    z0, z1 = _first_and_last(a * dilation[0] - before[0], stride[0], dx.shape[2], depth)
                    for i in range(w.shape[3]):
                        y0, y1 = _first_and_last(i * dilation[1] - before[1], stride[1], dx.shape[3], height)
                        for j in range(w.shape[4]):
                            offset = j * dilation[2] - before[2]
                            x0, x1 = _first_and_last(offset, stride[2], dx.shape[4], width)
                            weight = w[o, c, a, i, j]
                            for z in range(z0, z1):
                                for v in range(y0, y1):
                                    row = dx[
                                        n,
                                        source,
                                        z * stride[0] + a * dilation[0] - before[0],
                                        v * stride[1] + i * dilation[1] - before[1],
                                    ]
                                    g = dy[n, o, z, v]
                                    for u in range(x0, x1):
                                        row[u * stride[2] + offset] += weight * g[u]


@loops
def _weight_gradient(dy, x, dw, numbers):
    stride, before, dilation, groups = numbers[0], numbers[1], numbers[2], numbers[3, 0]
    n_images, n_out, depth, height, width = dy.shape
    per_group_in, per_group_out = dw.shape[1], n_out // groups
    for o in range(n_out):
        for c in range(per_group_in):
            source = o // per_group_out * per_group_in + c
            for a in range(dw.shape[2]):
                z0, z1 = _first_and_last(a * dilation[0] - before[0], stride[0], x.shape[2], depth)
                for i in range(dw.shape[3]):
                    y0, y1 = _first_and_last(i * dilation[1] - before[1], stride[1], x.shape[3], height)
                    for j in range(dw.shape[4]):
                        offset = j * dilation[2] - before[2]
                        x0, x1 = _first_and_last(offset, stride[2], x.shape[4], width)
                        total = 0.0  # float64 for either type: a long sum of small terms
                        for n in range(n_images):
                            for z in range(z0, z1):
                                for v in range(y0, y1):
                                    row = x[
                                        n,
                                        source,
                                        z * stride[0] + a * dilation[0] - before[0],
                                        v * stride[1] + i * dilation[1] - before[1],
                                    ]
                                    g = dy[n, o, z, v]
                                    for u in range(x0, x1):
                                        total += g[u] * row[u * stride[2] + offset]
                        dw[o, c, a, i, j] = total
