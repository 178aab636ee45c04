"""Samples of shape, joining, slicing and indexing."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...engine.methods import ATTACHED
from ...ops import bounds, indexing, shape, slicing
from . import Call, Row, in_a_list
from .inputs import normal, unary

WHOLE = (None, None, None)


def _unslice(part: np.ndarray, key: Any, shape: Any) -> np.ndarray:
    out = np.zeros(shape)
    out[slicing.thawed(key)] = part
    return out


def _index(x: np.ndarray, *indices: Any, template: Any) -> np.ndarray:
    return x[indexing.joined(template, indices)]


def _unindex(part: np.ndarray, *indices: Any, template: Any, shape: Any) -> np.ndarray:
    out = np.zeros(shape)
    np.add.at(out, indexing.joined(template, indices), part)
    return out


def _replace(x: np.ndarray, v: Any, *indices: Any, template: Any) -> np.ndarray:
    out = x.copy()
    out[indexing.joined(template, indices)] = v
    return out


def _survives(*indices: Any, template: Any, shape: Any) -> np.ndarray:
    flat = np.arange(int(np.prod(shape))).reshape(shape)[indexing.joined(template, indices)].reshape(-1)
    last = {place: i for i, place in enumerate(flat.tolist())}
    kept = [last[place] == i for i, place in enumerate(flat.tolist())]
    return np.array(kept, bool).reshape(_index(np.zeros(shape), *indices, template=template).shape)


def _scatter_add(x: np.ndarray, indices: Any, values: np.ndarray, axis: int = 0) -> np.ndarray:
    out = np.moveaxis(x.copy(), axis, 0)
    np.add.at(out, np.asarray(indices), np.moveaxis(values, axis, 0) if np.asarray(indices).ndim == 1 else values)
    return np.moveaxis(out, 0, axis)


def _untake(part: np.ndarray, indices: np.ndarray, axis: int, shape: Any) -> np.ndarray:
    out = np.zeros(shape)
    for place in np.ndindex(part.shape):
        target = list(place)
        target[axis] = indices[place]
        out[tuple(target)] += part[place]
    return out


_mask = np.array([[True, False, True], [False, False, True]])
_repeated = np.array([2, 0, 2, -1])
_keys: list[tuple[tuple[int, ...], Any]] = [
    *[((4, 3), (1,)), ((4, 3), (-1, (None, None, 2))), ((4, 3), ((3, 0, -1),)), ((4, 3), (None, Ellipsis, 0))],
    *[
        ((4, 3), ((1, 1, None),)),
        ((4,), (2,)),
        ((), ()),
        ((), (None,)),
        ((2, 3, 2), (Ellipsis, (0, 1, None))),
        ((0, 3), (WHOLE, 1)),
    ],
]
_indexed: list[tuple[tuple[int, ...], tuple[Any, ...], tuple[Any, ...]]] = [
    ((4, 3), (_repeated,), (indexing.ARRAY,)),
    ((4, 3), (_repeated, np.array([0, 1, 0, 2])), (indexing.ARRAY, indexing.ARRAY)),
    ((4, 3), (np.array([[0, 1], [1, 1]]),), (WHOLE, indexing.ARRAY)),
    ((2, 3), (_mask,), (indexing.ARRAY,)),
    ((3, 2, 3), (_mask,), (1, indexing.ARRAY)),
    ((4, 3, 2), (np.array([0, 3]), np.array([1, 1])), (indexing.ARRAY, None, indexing.ARRAY)),
    ((4, 3), (np.zeros(0, np.int64),), (indexing.ARRAY,)),
    ((4,), (np.array(2),), (indexing.ARRAY,)),
    ((4, 3), (np.array([0, 1]),), (Ellipsis, indexing.ARRAY, None)),
]


def _part(size: Any, indices: Any, template: Any) -> np.ndarray:
    return normal(*_index(np.zeros(size), *indices, template=template).shape)


ROWS = [
    Row(
        shape.reshape_,
        np.reshape,
        [
            Call((normal(*a),), {"shape": b})
            for a, b in [((2, 3), (3, 2)), ((6,), (2, -1)), ((), (1, 1)), ((1,), ()), ((0, 3), (3, 0))]
        ]
        + [Call((normal(4, 6)[::2, ::-1].T,), {"shape": (4, -1)})],
    ),
    Row(
        shape.transpose,
        np.transpose,
        [*unary(), *[Call((normal(2, 3, 4),), {"axes": a}) for a in [(1, 0, 2), (2, 0, 1), (-1, 0, 1)]]],
    ),
    Row(
        shape.broadcast_to,
        np.broadcast_to,
        [
            Call((normal(*a),), {"shape": b})
            for a, b in [((3,), (2, 3)), ((2, 1), (2, 3)), ((), (2, 2)), ((1,), (0,)), ((2,), (2,))]
        ]
        + [Call((normal(2, 6)[:, ::-2],), {"shape": (2, 2, 3)})],
    ),
    Row(
        shape.concatenate,
        np.concatenate,
        [
            Call((normal(2, 3), normal(1, 3), normal(0, 3)), {"axis": 0}),
            Call((normal(2, 3), normal(2, 1)), {"axis": -1}),
            Call((normal(2, 2), normal(3)), {"axis": None}),
            Call((normal(2),)),
            Call((normal(2), np.array([1, 2]))),
        ],
        arrange=in_a_list,
    ),
    Row(
        shape.stack,
        np.stack,
        [Call((normal(2, 3), normal(3, 2).T), {"axis": a}) for a in (0, 1, 2, -1)]
        + [Call((normal(), normal(), normal()))],
        arrange=in_a_list,
    ),
    Row(shape.copy, np.copy, unary()),
    Row(shape.detach, lambda x: x, [Call(c.arrays, order=0) for c in unary()]),
    Row(
        shape.astype,
        lambda x, dtype: np.asarray(x).astype(dtype),
        [
            *unary(dtype=np.float64),
            Call((normal(3),), {"dtype": np.int64}, order=0),
            Call((np.array([1, 0]),), {"dtype": bool}, order=0),
        ],
    ),
    Row(slicing.slice_, lambda x, key: x[slicing.thawed(key)], [Call((normal(*s),), {"key": k}) for s, k in _keys]),
    Row(
        slicing.unslice,
        _unslice,
        [Call((np.asarray(normal(*s)[slicing.thawed(k)]),), {"key": k, "shape": s}) for s, k in _keys],
    ),
    Row(indexing.index, _index, [Call((normal(*s), *i), {"template": t}) for s, i, t in _indexed]),
    Row(indexing.unindex, _unindex, [Call((_part(s, i, t), *i), {"template": t, "shape": s}) for s, i, t in _indexed]),
    Row(
        indexing.replace,
        _replace,
        [
            *[Call((normal(*s), _part(s, i, t), *i), {"template": t}) for s, i, t in _indexed],
            *[Call((normal(*s), np.asarray(normal(*s)[slicing.thawed(k)])), {"template": k}) for s, k in _keys],
            Call((normal(4, 3), normal()), {"template": (1,)}),
            Call((normal(4, 3), normal(1, 1, 3)), {"template": ((0, 2, None),)}),
            Call((normal(4, 3), 2.0, _repeated), {"template": (indexing.ARRAY,)}),
            Call((normal(4, 3), normal(3), _repeated), {"template": (indexing.ARRAY,)}),
        ],
    ),
    Row(
        bounds.lies_within,
        lambda x, low, high: np.all((low <= x) & (x <= high)),
        [
            Call((np.array([[0, 3], [1, 2]], np.uint8),), {"low": 0, "high": 300}, order=0),
            Call((normal(3),), {"low": -9.0, "high": 9.0}, order=0),
            Call((np.zeros((0, 2)),), {"low": 0, "high": 1}, order=0),
        ],
    ),
    Row(
        indexing.survives,
        _survives,
        [Call(i, {"template": t, "shape": s}, order=0) for s, i, t in _indexed if i[0].dtype != bool],
    ),
    Row(
        ATTACHED["__getitem__"],
        lambda x, key: x[key],
        [Call((normal(4, 3), 1)), Call((normal(4, 3), slice(None, None, -2)))],
    ),
    Row(
        indexing.take,
        np.take,
        [Call((normal(4, 3), _repeated), {"axis": a}) for a in (0, None)]
        + [Call((normal(2, 4, 3), np.array([[0, 1], [2, 2]])), {"axis": a}) for a in (1, -1)]
        + [Call((normal(4), np.array(1)), {"axis": 0}), Call((normal(4, 2), np.zeros(0, int)), {"axis": 0})],
    ),
    Row(
        indexing.scatter_add,
        _scatter_add,
        [
            Call((normal(4, 3), _repeated, normal(4, 3)), {"axis": 0}),
            Call((normal(2, 4), _repeated, normal(2, 4)), {"axis": 1}),
            Call((normal(4, 2), np.array([[0, 0], [3, 1]]), normal(2, 2, 2)), {"axis": 0}),
        ],
    ),
    Row(
        indexing.take_along_axis,
        np.take_along_axis,
        [
            Call((normal(3, 4), np.array([[0, 0, 3], [1, 2, 1], [3, 3, 3]])), {"axis": 1}),
            Call((normal(3, 2), np.array([[0, 2], [0, 0]])), {"axis": 0}),
            Call((normal(4), np.array([3, 3, 0])), {"axis": -1}),
        ],
    ),
    Row(
        indexing.untake_along_axis,
        _untake,
        [Call((normal(3, 3), np.array([[0, 0, 3], [1, 2, 1], [3, 3, 3]])), {"axis": 1, "shape": (3, 4)})],
    ),
]
