"""Samples of convolution, pooling, resizing and patches. The references are the definitions, window by window.

Windows are given by a geometry, whose `spatial` form has three axes; every reference works on that.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from ...kernels.geometry import Convolution, Pooling
from ...ops import convolution, pooling, resampling
from . import Call, Row
from .inputs import between, distinct, normal

# ---- convolution ---------------------------------------------------------------------------------------------------


def _places(g: Any) -> Iterator[tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]]:
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
    for window, tap, place in _places(g):
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


_geometries = [
    Convolution.of((2, 3, 5), (2, 3, 2), padding=1),
    Convolution.of((2, 2, 4, 5), (3, 2, 3, 2), stride=(1, 2), padding=((1, 0), (0, 2))),
    Convolution.of((1, 4, 5, 5), (4, 2, 2, 2), dilation=2, groups=2),
    Convolution.of((2, 3, 4, 4), (6, 1, 3, 3), padding=1, groups=3),
    Convolution.of((2, 3, 2, 3), (4, 3, 1, 1)),
    Convolution.of((1, 2, 3, 3, 2), (2, 2, 2, 2, 2), padding=(0, 1, 0)),
    Convolution.of((0, 2, 4, 4), (3, 2, 3, 3)),
]

# ---- pooling -------------------------------------------------------------------------------------------------------


def _windows(geometry: Pooling) -> dict[tuple[int, ...], list[tuple[int, int]]]:
    """The (tap, flat position) pairs of each window."""
    g = geometry.spatial
    found: dict[tuple[int, ...], list[tuple[int, int]]] = {}
    for window, tap, place in _places(g):
        found.setdefault(window, []).append(
            (int(np.ravel_multi_index(tap, g.kernel)), int(np.ravel_multi_index(place, g.input)))
        )
    return found


def _max_pool(x: np.ndarray, geometry: Pooling) -> tuple[np.ndarray, np.ndarray]:
    planes, shape = x.reshape(geometry.planes, math.prod(geometry.input)), (geometry.planes, *geometry.spatial.output)
    values: Any = np.zeros(shape)
    winners: Any = np.zeros(shape, np.uint8)
    for window, pairs in _windows(geometry).items():
        taps, places = np.array(pairs).T
        best = planes[:, places].argmax(1)
        values[:, *window], winners[:, *window] = planes[:, places].max(1), taps[best]
    return values.reshape(geometry.y_shape), winners.reshape(geometry.y_shape)


def _max_indices(winners: Any, geometry: Pooling) -> np.ndarray:
    flat: Any = np.zeros((geometry.planes, *geometry.spatial.output), np.int64)
    won: Any = winners.reshape(flat.shape)
    for window, pairs in _windows(geometry).items():
        place = dict(pairs)
        flat[:, *window] = [place[t] for t in won[:, *window].tolist()]
    return flat.reshape(geometry.y_shape)


def _plane_take(x: np.ndarray, indices: np.ndarray) -> np.ndarray:
    planes = math.prod(x.shape[:2])
    return np.take_along_axis(x.reshape(planes, -1), indices.reshape(planes, -1), 1).reshape(indices.shape)


def _plane_add(y: np.ndarray, indices: np.ndarray, space: tuple[int, ...]) -> np.ndarray:
    planes = math.prod(y.shape[:2])
    x = np.zeros((planes, math.prod(space)))
    np.add.at(x, (np.arange(planes)[:, None], indices.reshape(planes, -1)), y.reshape(planes, -1))
    return x.reshape(*y.shape[:2], *space)


def _written_last(indices: np.ndarray, space: tuple[int, ...]) -> np.ndarray:
    flat = indices.reshape(math.prod(indices.shape[:2]), -1).tolist()
    return np.array([[i not in row[n + 1 :] for n, i in enumerate(row)] for row in flat]).reshape(indices.shape)


def _shares(geometry: Pooling, count_include_pad: bool, divisor: int | None) -> np.ndarray:
    """The matrix that average pooling multiplies flattened planes with: (windows, elements)."""
    g = geometry.spatial
    matrix: Any = np.zeros((*g.output, math.prod(g.input)))
    for window, pairs in _windows(geometry).items():
        count = len(pairs)
        if count_include_pad:
            starts = [p * s - b for p, s, b in zip(window, g.stride, g.before, strict=True)]
            count = math.prod(
                [min(k, n + b - p) for k, n, b, p in zip(g.kernel, g.input, g.before, starts, strict=True)]
            )
        matrix[*window, [place for _, place in pairs]] = 1 / (divisor or count)
    return matrix.reshape(-1, math.prod(g.input))


def _average_pool(
    x: np.ndarray, geometry: Pooling, count_include_pad: bool = True, divisor: int | None = None
) -> np.ndarray:
    shares = _shares(geometry, count_include_pad, divisor)
    return (x.reshape(geometry.planes, math.prod(geometry.input)) @ shares.T).reshape(geometry.y_shape)


def _average_pool_spread(
    dy: np.ndarray, geometry: Pooling, count_include_pad: bool = True, divisor: int | None = None
) -> np.ndarray:
    shares = _shares(geometry, count_include_pad, divisor)
    return (dy.reshape(geometry.planes, math.prod(geometry.output)) @ shares).reshape(geometry.x_shape)


def _lp_pool(
    x: np.ndarray, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
) -> np.ndarray:
    geometry = Pooling.of(x.shape, kernel_size, stride, 0, 1, ceil_mode)
    return (_average_pool(x**norm_type, geometry) * geometry.taps) ** (1 / norm_type)


def _adaptive_windows(
    space: tuple[int, ...], size: tuple[int, ...]
) -> Iterator[tuple[tuple[int, ...], tuple[slice, ...]]]:
    for window in itertools.product(*[range(m) for m in size]):
        parts = zip(window, space, size, strict=True)
        yield window, tuple([slice(i * n // m, -(-(i + 1) * n // m)) for i, n, m in parts])


def _sizes(size: Any, space: tuple[int, ...]) -> tuple[int, ...]:
    given = size if isinstance(size, tuple) else (size,) * len(space)
    return tuple([n if s is None else s for s, n in zip(given, space, strict=True)])


def _adaptive_average(x: Any, size: Any) -> np.ndarray:
    size = _sizes(size, x.shape[2:])
    y: Any = np.zeros(x.shape[:2] + size)
    for window, part in _adaptive_windows(x.shape[2:], size):
        y[:, :, *window] = x[:, :, *part].mean(tuple(range(2, x.ndim)))
    return y


def _adaptive_spread(dy: Any, space: tuple[int, ...]) -> np.ndarray:
    x: Any = np.zeros(dy.shape[:2] + space)
    for window, part in _adaptive_windows(space, dy.shape[2:]):
        target = x[:, :, *part]
        target += dy[:, :, *window].reshape(dy.shape[:2] + (1,) * len(space)) / math.prod(target.shape[2:])
    return x


def _adaptive_max(x: Any, size: Any) -> tuple[np.ndarray, np.ndarray]:
    space = x.shape[2:]
    size = _sizes(size, space)
    values: Any = np.zeros(x.shape[:2] + size)
    indices: Any = np.zeros(x.shape[:2] + size, np.int64)
    positions = np.arange(math.prod(space)).reshape(space)
    for window, part in _adaptive_windows(space, size):
        flat = x[:, :, *part].reshape(*x.shape[:2], -1)
        values[:, :, *window] = flat.max(-1)
        indices[:, :, *window] = positions[part].reshape(-1)[flat.argmax(-1)]
    return values, indices


def _max_layer(
    x: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    geometry = Pooling.of(x.shape, kernel_size, stride, padding, dilation, ceil_mode)
    values, winners = _max_pool(x, geometry)
    return (values, _max_indices(winners, geometry)) if return_indices else values


def _unpool_layer(
    x: Any, indices: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None
) -> np.ndarray:
    stride, out = stride or kernel_size, output_size
    space = tuple([(n - 1) * stride - 2 * padding + kernel_size for n in x.shape[2:]]) if out is None else tuple(out)
    return _plane_add(np.where(_written_last(indices, space), x, 0.0), indices, space)


def _average_layer(
    x: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: Any = None,
) -> np.ndarray:
    return _average_pool(
        x, Pooling.of(x.shape, kernel_size, stride, padding, 1, ceil_mode), count_include_pad, divisor_override
    )


_pools = [
    Pooling.of((2, 2, 7), 3, 2, 1),
    Pooling.of((1, 2, 5, 6), 2),
    Pooling.of((1, 2, 4, 5), (3, 2), (1, 2), (1, 0), ceil_mode=True),
    Pooling.of((1, 2, 3, 4), (3, 4)),
    Pooling.of((1, 1, 3, 4, 4), 2, (1, 2, 2)),
]
_dilated = Pooling.of((1, 2, 6, 5), 2, 1, dilation=(3, 2))
_empty = Pooling.of((0, 2, 4, 4), 2)


def _winners(geometry: Pooling) -> np.ndarray:
    return _max_pool(distinct(*geometry.x_shape), geometry)[1]


_positions = np.array([[[[0, 5], [5, 2]], [[3, 3], [3, 8]]]])


def _layers(name: str) -> list[Any]:
    return [getattr(pooling, f"{name}{dims}d") for dims in (1, 2, 3)]


_POOLING = [
    Row(
        pooling.max_pool,
        _max_pool,
        [Call((distinct(*g.x_shape),), {"geometry": g}) for g in [*_pools, _dilated, _empty]],
    ),
    Row(
        pooling.max_pool_scatter,
        lambda dy, winners, geometry: _plane_add(dy, _max_indices(winners, geometry), geometry.input),
        [Call((normal(*g.y_shape), _winners(g)), {"geometry": g}) for g in [*_pools, _dilated]],
    ),
    Row(
        pooling.max_pool_take,
        lambda x, winners, geometry: _plane_take(x, _max_indices(winners, geometry)),
        [Call((normal(*g.x_shape), _winners(g)), {"geometry": g}) for g in [*_pools, _dilated]],
    ),
    Row(
        pooling.max_pool_indices,
        _max_indices,
        [Call((_winners(g),), {"geometry": g}, order=0) for g in [*_pools, _dilated]],
    ),
    Row(pooling.plane_take, _plane_take, [Call((normal(1, 2, 3, 3), _positions))]),
    Row(pooling.plane_add, _plane_add, [Call((normal(1, 2, 2, 2), _positions), {"space": (3, 3)})]),
    Row(pooling.written_last, _written_last, [Call((_positions,), {"space": (3, 3)}, order=0)]),
    *[
        Row(
            function,
            reference,
            [
                *[Call((normal(*getattr(g, shape)),), {"geometry": g}) for g in [*_pools, _empty]],
                Call((normal(*getattr(_pools[2], shape)),), {"geometry": _pools[2], "count_include_pad": False}),
                Call((normal(*getattr(_pools[0], shape)),), {"geometry": _pools[0], "divisor": 2}),
            ],
        )
        for function, reference, shape in [
            (pooling.average_pool, _average_pool, "x_shape"),
            (pooling.average_pool_spread, _average_pool_spread, "y_shape"),
        ]
    ],
    Row(
        pooling.adaptive_average_pool,
        _adaptive_average,
        [
            Call((normal(*s),), {"size": m})
            for s, m in [((2, 2, 5), (3,)), ((1, 2, 4, 5), (3, 7)), ((1, 1, 2, 3, 3), (1, 2, 2))]
        ],
    ),
    Row(
        pooling.adaptive_average_pool_spread,
        _adaptive_spread,
        [
            Call((normal(*s),), {"space": n})
            for s, n in [((2, 2, 3), (5,)), ((1, 2, 3, 7), (4, 5)), ((1, 1, 1, 2, 2), (2, 3, 3))]
        ],
    ),
    Row(
        pooling.adaptive_max_pool,
        _adaptive_max,
        [
            Call((distinct(*s),), {"size": m})
            for s, m in [((2, 2, 5), (3,)), ((1, 2, 4, 5), (3, 7)), ((1, 1, 2, 3, 3), (1, 2, 2))]
        ],
    ),
    *[
        Row(
            function,
            _max_layer,
            [
                Call(
                    (distinct(1, 2, *(5, 4, 3)[:n]),),
                    {"kernel_size": 2, "stride": 1, "padding": 1, "return_indices": True},
                ),
                Call((distinct(1, 2, *(5, 4, 5)[:n]),), {"kernel_size": 2, "ceil_mode": True}),
            ],
        )
        for n, function in enumerate(_layers("max_pool"), 1)
    ],
    *[
        Row(
            function,
            _unpool_layer,
            [
                Call((normal(1, 1, *(2,) * n), np.arange(2**n).reshape(1, 1, *(2,) * n) * 2), {"kernel_size": 2}),
                Call(
                    (normal(1, 1, *(2,) * n), np.arange(2**n).reshape(1, 1, *(2,) * n) // 2),
                    {"kernel_size": 2, "output_size": (5,) * n},
                ),
            ],
        )
        for n, function in enumerate(_layers("max_unpool"), 1)
    ],
    *[
        Row(
            function,
            _average_layer,
            [
                Call(
                    (normal(1, 2, *(5, 4, 3)[:n]),),
                    {"kernel_size": 3, "stride": 2, "padding": 1, "count_include_pad": False},
                ),
                Call((normal(1, 2, *(5, 4, 3)[:n]),), {"kernel_size": 2, "ceil_mode": True, "divisor_override": 3}),
            ],
        )
        for n, function in enumerate(_layers("avg_pool"), 1)
    ],
    *[
        Row(
            function,
            _lp_pool,
            [
                Call((between(0.5, 1.5, 1, 2, *(5, 4, 3)[:n]),), {"norm_type": 3, "kernel_size": 2, "ceil_mode": True}),
                Call((normal(1, 1, *(4, 3, 2)[:n]),), {"norm_type": 2.0, "kernel_size": 2, "stride": 1}),
                Call(
                    (np.zeros((1, 1, *(2,) * n)),),
                    {"norm_type": 2, "kernel_size": 2},
                    order=0,
                    gradient=(np.zeros((1, 1, *(2,) * n)),),
                ),
            ],
        )
        for n, function in enumerate(_layers("lp_pool"), 1)
    ],
    *[
        Row(
            function,
            lambda x, output_size: _adaptive_average(x, output_size),
            [
                Call((normal(1, 2, *(5, 4, 3)[:n]),), {"output_size": 2}),
                Call((normal(1, 2, *(6, 4, 2)[:n]),), {"output_size": (2, None, 1)[:n]}),
            ],
        )
        for n, function in enumerate(_layers("adaptive_avg_pool"), 1)
    ],
    *[
        Row(
            function,
            lambda x, output_size, return_indices: _adaptive_max(x, output_size),
            [
                Call((distinct(1, 2, *(5, 4, 3)[:n]),), {"output_size": 2, "return_indices": True}),
                Call((distinct(1, 2, *(6, 4, 2)[:n]),), {"output_size": (2, None, 1)[:n], "return_indices": True}),
            ],
        )
        for n, function in enumerate(_layers("adaptive_max_pool"), 1)
    ],
    Row(
        pooling.global_avg_pool,
        lambda x: _adaptive_average(x, 1),
        [Call((normal(2, 3, *s),)) for s in [(4,), (2, 3), (2, 1, 3)]],
    ),
    Row(
        pooling.global_max_pool,
        lambda x: _adaptive_max(x, 1)[0],
        [Call((distinct(2, 3, *s),)) for s in [(4,), (2, 3), (2, 1, 3)]],
    ),
]

# ---- resizing and patches ------------------------------------------------------------------------------------------


def _cubic(s: np.ndarray) -> np.ndarray:
    """The interpolation kernel of Keys (1981) with a = -3/4."""
    s, a = np.abs(s), -0.75
    return np.where(
        s <= 1, (a + 2) * s**3 - (a + 3) * s**2 + 1, np.where(s < 2, a * (s**3 - 5 * s**2 + 8 * s - 4), 0.0)
    )


def _matrix(n: int, m: int, mode: str, align_corners: bool, factor: float | None) -> np.ndarray:
    """The matrix that takes n elements of an axis to m."""
    scale = ((n - 1) / max(m - 1, 1)) if align_corners else 1 / factor if factor else n / m
    matrix, j = np.zeros((m, n)), np.arange(m)
    if mode.startswith("nearest"):
        matrix[j, np.minimum(np.floor((j + (0.5 if mode == "nearest-exact" else 0)) * scale).astype(int), n - 1)] = 1
        return matrix
    place = j * scale if align_corners else (j + 0.5) * scale - 0.5
    if mode == "linear":
        place = np.clip(place, 0, n - 1)
    weigh = _cubic if mode == "cubic" else lambda s: np.maximum(0, 1 - np.abs(s))
    for k in range(-3, n + 3):
        matrix[:, min(max(k, 0), n - 1)] += weigh(place - k)
    return matrix


def _resample(x: np.ndarray, size: Any, mode: str, align_corners: bool, scale: Any) -> np.ndarray:
    for axis, m in enumerate(size, 2):
        matrix = _matrix(x.shape[axis], m, mode, align_corners, scale and scale[axis - 2])
        x = np.moveaxis(np.moveaxis(x, axis, -1) @ matrix.T, -1, axis)
    return x


def _resample_adjoint(dy: np.ndarray, space: Any, mode: str, align_corners: bool, scale: Any) -> np.ndarray:
    for axis, n in enumerate(space, 2):
        matrix = _matrix(n, dy.shape[axis], mode, align_corners, scale and scale[axis - 2])
        dy = np.moveaxis(np.moveaxis(dy, axis, -1) @ matrix, -1, axis)
    return dy


def _resize(
    x: np.ndarray, size: Any = None, scale_factor: Any = None, mode: str = "nearest", align_corners: bool = False
) -> np.ndarray:
    if size is None:
        size = [math.floor(n * scale_factor) for n in x.shape[2:]]
    size = (size,) * (x.ndim - 2) if isinstance(size, int) else tuple(size)
    if mode == "area":
        return _adaptive_average(x, size)
    name = {"bilinear": "linear", "trilinear": "linear", "bicubic": "cubic"}.get(mode, mode)
    return _resample(x, size, name, align_corners, None if scale_factor is None else [scale_factor] * len(size))


def _unfold_windows(x: Any, geometry: Convolution) -> np.ndarray:
    g = geometry.spatial
    columns: Any = np.zeros((g.batch, g.in_channels, *g.kernel, *g.output))
    images: Any = x.reshape(g.x_shape)
    for window, tap, place in _places(g):
        columns[:, :, *tap, *window] = images[:, :, *place]
    return columns.reshape(g.batch, g.in_channels * g.taps, math.prod(g.output))


def _fold_windows(columns: np.ndarray, geometry: Convolution) -> np.ndarray:
    g = geometry.spatial
    x: Any = np.zeros(g.x_shape)
    parts: Any = columns.reshape(g.batch, g.in_channels, *g.kernel, *g.output)
    for window, tap, place in _places(g):
        x[:, :, *place] += parts[:, :, *tap, *window]
    return x.reshape(geometry.x_shape)


def _unfold(x: np.ndarray, kernel_size: Any, **rest: Any) -> np.ndarray:
    return _unfold_windows(x, Convolution.of(x.shape, (1, x.shape[1], *kernel_size), **rest))


def _fold(columns: np.ndarray, output_size: Any, kernel_size: Any, **rest: Any) -> np.ndarray:
    n, channels = len(columns), columns.shape[1] // math.prod(kernel_size)
    return _fold_windows(columns, Convolution.of((n, channels, *output_size), (1, channels, *kernel_size), **rest))


_resamplings: list[tuple[tuple[int, ...], tuple[int, ...], str, bool, Any]] = [
    ((1, 2, 4), (7,), "linear", False, None),
    ((1, 2, 5), (3,), "nearest", False, None),
    ((1, 1, 3, 4), (5, 2), "linear", True, None),
    ((1, 1, 3, 4), (4, 6), "cubic", False, (1.5, 1.5)),
    ((1, 1, 3, 2), (2, 5), "cubic", True, None),
    ((1, 1, 2, 3, 2), (3, 2, 4), "linear", False, None),
    ((0, 1, 3, 4), (5, 2), "nearest-exact", False, None),
]
_unfoldings = [g for g in _geometries if g.groups == 1]


def _columns(g: Convolution) -> tuple[int, int, int]:
    return g.batch, g.in_channels * g.taps, math.prod(g.output)


def _resample_params(mode: str, align_corners: bool, scale: Any) -> dict[str, Any]:
    return {"mode": mode, "align_corners": align_corners, "scale": scale}


_RESAMPLING = [
    Row(
        resampling.resample,
        _resample,
        [Call((normal(*s),), {"size": m, **_resample_params(*rest)}) for s, m, *rest in _resamplings],
    ),
    Row(
        resampling.resample_adjoint,
        _resample_adjoint,
        [Call((normal(*s[:2], *m),), {"space": s[2:], **_resample_params(*rest)}) for s, m, *rest in _resamplings],
    ),
    Row(
        resampling.resize,
        _resize,
        [
            Call((normal(1, 2, 3),), {"size": 5}),
            Call((normal(1, 1, 3, 4),), {"scale_factor": 1.7, "mode": "bilinear"}),
            Call((normal(1, 1, 3, 4),), {"size": (4, 3), "mode": "bicubic"}),
            Call((normal(1, 1, 3, 4),), {"size": (2, 3), "mode": "area"}),
            Call((normal(1, 1, 2, 2, 3),), {"size": (3, 3, 2), "mode": "trilinear", "align_corners": True}),
        ],
    ),
    Row(
        resampling.unfold_windows,
        _unfold_windows,
        [Call((normal(*g.x_shape),), {"geometry": g}) for g in _unfoldings],
    ),
    Row(
        resampling.fold_windows,
        _fold_windows,
        [Call((normal(*_columns(g)),), {"geometry": g}) for g in _unfoldings],
    ),
    Row(resampling.unfold, _unfold, [Call((normal(1, 2, 4, 3),), {"kernel_size": (2, 2), "padding": 1, "stride": 2})]),
    Row(
        resampling.fold,
        _fold,
        [Call((normal(1, 8, 6),), {"output_size": (4, 3), "kernel_size": (2, 2)})],
    ),
]

# ---- rows ----------------------------------------------------------------------------------------------------------


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
        [Call((normal(*g.x_shape), normal(*g.w_shape)), {"geometry": g}) for g in _geometries]
        + [
            Call((normal(*g.x_shape), normal(*g.w_shape), normal(g.out_channels)), {"geometry": g}) for g in _geometries
        ],
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
            for g in (_geometries[0], _geometries[1], _geometries[3], _geometries[-1])
            for activation in ("relu", "relu6")
        ],
    ),
    Row(
        convolution.conv_input,
        lambda dy, w, geometry: _trilinear(geometry, dy=dy, w=w),
        [Call((normal(*g.y_shape), normal(*g.w_shape)), {"geometry": g}) for g in _geometries],
    ),
    Row(
        convolution.conv_weight,
        lambda dy, x, geometry: _trilinear(geometry, dy=dy, x=x),
        [Call((normal(*g.y_shape), normal(*g.x_shape)), {"geometry": g}) for g in _geometries],
    ),
    *_convolution_rows(),
    *_POOLING,
    *_RESAMPLING,
]
