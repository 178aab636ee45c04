"""Samples of pooling. The references are the definitions, window by window, as those of convolution."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from ...kernels.geometry import Pooling
from ...ops import pooling
from . import Call, Row
from .convolution import places
from .inputs import between, distinct, normal


def _windows(geometry: Pooling) -> dict[tuple[int, ...], list[tuple[int, int]]]:
    """The (tap, flat position) pairs of each window."""
    g = geometry.spatial
    found: dict[tuple[int, ...], list[tuple[int, int]]] = {}
    for window, tap, place in places(g):
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


def adaptive_average(x: Any, size: Any) -> np.ndarray:
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


ROWS = [
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
        adaptive_average,
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
            lambda x, output_size: adaptive_average(x, output_size),
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
        lambda x: adaptive_average(x, 1),
        [Call((normal(2, 3, *s),)) for s in [(4,), (2, 3), (2, 1, 3)]],
    ),
    Row(
        pooling.global_max_pool,
        lambda x: _adaptive_max(x, 1)[0],
        [Call((distinct(2, 3, *s),)) for s in [(4,), (2, 3), (2, 1, 3)]],
    ),
]
