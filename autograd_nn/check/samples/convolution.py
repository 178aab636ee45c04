"""Samples of convolution. The references are the definition, window by window.

Windows are given by a geometry, whose `spatial` form has three axes; every reference works on that.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from ...kernels.geometry import Convolution
from ...ops import convolution
from . import Call, Row
from .inputs import normal


def places(g: Any) -> Iterator[tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]]:
    """Every (window, tap, place) of a spatial geometry whose place lies inside the input."""
    for window in itertools.product(*[range(n) for n in g.output]):
        for tap in itertools.product(*[range(n) for n in g.kernel]):
            place = tuple([p * s + k * d - b for p, s, k, d, b in zip(window, g.stride, tap, g.dilation, g.before)])  # noqa: B905
            if all([0 <= i < n for i, n in zip(place, g.input, strict=True)]):
                yield window, tap, place


def _trilinear(geometry: Convolution, x: Any = None, w: Any = None, dy: Any = None) -> np.ndarray:
    """Of the three arrays of a convolution, the one that is not given, from the other two."""
    g = geometry.spatial
    which = {"x": g.x_shape, "w": g.w_shape, "dy": g.y_shape}
    given = {"x": x, "w": w, "dy": dy}
    arrays = {n: np.zeros(s) if given[n] is None else given[n].reshape(s) for n, s in which.items()}
    (x, w, dy), (n, m) = arrays.values(), (g.in_channels // g.groups, g.out_channels // g.groups)
    for window, tap, place in places(g):
        for q in range(g.groups):
            inside, outside = slice(q * n, (q + 1) * n), slice(q * m, (q + 1) * m)
            a, b, c = x[:, inside, *place], w[outside, :, *tap], dy[:, outside, *window]
            if given["dy"] is None:
                c += a @ b.T
            elif given["x"] is None:
                a += c @ b
            else:
                b += c.T @ a
    missing = next(n for n, array in given.items() if array is None)
    return arrays[missing].reshape({"x": geometry.x_shape, "w": geometry.w_shape, "dy": geometry.y_shape}[missing])


def _conv(x: np.ndarray, w: np.ndarray, b: Any = None, *, geometry: Convolution) -> np.ndarray:
    y = _trilinear(geometry, x=x, w=w)
    return y if b is None else y + b.reshape((-1,) + (1,) * geometry.dims)


def _conv_activated(
    x: np.ndarray, w: np.ndarray, b: Any = None, *, geometry: Convolution, activation: Any
) -> np.ndarray:
    return np.clip(
        _conv(x, w, b, geometry=geometry), *{None: (None, None), "relu": (0, None), "relu6": (0, 6)}[activation]
    )


def _conv_layer(
    x: Any,
    w: Any,
    b: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: Any = 1,
    padding_mode: Any = "zeros",
    activation: Any = None,
) -> np.ndarray:
    geometry = Convolution.of(x.shape, w.shape, stride, padding, dilation, groups)
    widths = [(0, 0), (0, 0), *zip(geometry.before, geometry.after, strict=True)]
    mode: Any = {"zeros": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}[padding_mode]
    x = np.pad(x, widths, mode)
    geometry = Convolution.of(x.shape, w.shape, stride, 0, dilation, groups)
    return _conv_activated(x, w, b, geometry=geometry, activation=activation)


def _transposed_layer(
    x: Any,
    w: Any,
    b: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: Any = 1,
    dilation: Any = 1,
) -> np.ndarray:
    geometry = Convolution.transposed(x.shape, w.shape, stride, padding, output_padding, dilation, groups)
    y = _trilinear(geometry, w=w, dy=x)
    return y if b is None else y + b.reshape((-1,) + (1,) * geometry.dims)


geometries = [
    Convolution.of((2, 3, 5), (2, 3, 2), padding=1),
    Convolution.of((2, 2, 4, 5), (3, 2, 3, 2), stride=(1, 2), padding=((1, 0), (0, 2))),
    Convolution.of((1, 4, 5, 5), (4, 2, 2, 2), dilation=2, groups=2),
    Convolution.of((2, 3, 4, 4), (6, 1, 3, 3), padding=1, groups=3),
    Convolution.of((2, 3, 2, 3), (4, 3, 1, 1)),
    Convolution.of((1, 2, 3, 3, 2), (2, 2, 2, 2, 2), padding=(0, 1, 0)),
    Convolution.of((0, 2, 4, 4), (3, 2, 3, 3)),
]


def _convolution_rows() -> Iterator[Row]:
    """Of one, two and three axes; kernels of 2, so that sums are short."""
    for n, size in ((1, (5,)), (2, (4, 3)), (3, (3, 2, 3))):
        x, w, b, kernel = (1, 2, *size), (2, 2, *(2,) * n), (2,), (2,) * n
        layer, transposed = getattr(convolution, f"conv{n}d"), getattr(convolution, f"conv_transpose{n}d")
        calls = [
            Call((normal(*x), normal(*w), normal(*b)), {"stride": 2, "padding": 1}),
            Call((normal(*x), normal(2, 1, *kernel)), {"groups": 2, "padding": "same"}),
            Call((np.round(2.0 * normal(*x)), np.round(2.0 * normal(*w)), np.full(b, 0.5)), {"activation": "relu6"}),
        ]
        modes = ("reflect", "replicate", "circular") if n < 3 else ("circular",)
        calls += [Call((normal(*x), normal(*w)), {"padding": 1, "padding_mode": m}) for m in modes]
        yield Row(layer, _conv_layer, calls)
        small = (1, 2, *(3, 2, 2)[:n])
        calls = [
            Call((normal(*small), normal(*w), normal(*b)), {"stride": 2, "padding": 1, "output_padding": 1}),
            Call((normal(*small), normal(2, 1, *kernel), normal(2)), {"groups": 2, "dilation": 2}),
        ]
        yield Row(transposed, _transposed_layer, calls)


ROWS = [
    Row(
        convolution.conv,
        _conv,
        [Call((normal(*g.x_shape), normal(*g.w_shape)), {"geometry": g}) for g in geometries]
        + [Call((normal(*g.x_shape), normal(*g.w_shape), normal(g.out_channels)), {"geometry": g}) for g in geometries],
    ),
    Row(
        convolution.conv_activated,
        _conv_activated,
        [
            # Sums of whole numbers and a half: none of them is at a kink.
            Call(
                (
                    np.round(2.0 * normal(*g.x_shape)),
                    np.round(2.0 * normal(*g.w_shape)),
                    np.arange(g.out_channels) - 0.5,
                ),
                {"geometry": g, "activation": activation},
            )
            for g in (geometries[0], geometries[1], geometries[3], geometries[-1])
            for activation in ("relu", "relu6")
        ],
    ),
    Row(
        convolution.conv_input,
        lambda dy, w, geometry: _trilinear(geometry, dy=dy, w=w),
        [Call((normal(*g.y_shape), normal(*g.w_shape)), {"geometry": g}) for g in geometries],
    ),
    Row(
        convolution.conv_weight,
        lambda dy, x, geometry: _trilinear(geometry, dy=dy, x=x),
        [Call((normal(*g.y_shape), normal(*g.x_shape)), {"geometry": g}) for g in geometries],
    ),
    *_convolution_rows(),
]
