"""Samples of choosing, replacing and finding elements."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ops import searching, selecting
from . import Call, Row
from .inputs import distinct, normal

_mask = np.array([[True, False, True], [False, False, True]])
_order = np.array([[1, 0, 1], [0, 0, 1]])
_repeated = np.array([3, 0, 3, 2])
_holes = np.array([[0.0, 2.0, 0.0], [1.5, 0.0, -1.0]])
_ints = np.array([3, 1, 3, 0])


def _masked_fill(x: np.ndarray, mask: np.ndarray, value: Any) -> np.ndarray:
    return np.where(mask, value, x)


def _put(x: np.ndarray, indices: np.ndarray, values: Any, axis: int = -1) -> np.ndarray:
    out = x.copy()
    for place in np.ndindex(indices.shape):
        target = list(place)
        target[axis] = indices[place]
        out[tuple(target)] = np.broadcast_to(values, indices.shape)[place]
    return out


def _embedding(indices: np.ndarray, weight: np.ndarray, padding_idx: int | None = None) -> np.ndarray:
    return weight[indices]


def _values(*arrays: Any, **params: Any) -> Call:
    return Call(arrays, params, order=0)


_searched = [
    _values(np.array([1.0, 3.0, 3.0, 5.0]), np.array([[3.0, 0.0], [6.0, 4.0]]), side=side) for side in ("left", "right")
]
_found = [_values(_holes), _values(_mask), _values(np.zeros((0, 2))), _values(np.array([0, 2, 3]))]
_awkward = np.array([[2.0, 1.0], [2.0, np.nan], [np.nan, 0.0]], np.float32)
_different = [_values(_ints), _values(_awkward), _values(np.zeros(0, np.float32))]

ROWS = [
    Row(
        selecting.masked_fill,
        _masked_fill,
        [Call((normal(2, 3), _mask, v)) for v in (0.0, normal())]
        + [Call((normal(2, 3), _mask[0], -1.5)), Call((normal(), np.array(True), 2.0))]
        + [_values(_ints, _ints > 1, 7)],
    ),
    Row(
        selecting.select,
        np.select,
        [
            Call((_mask, ~_mask[0], normal(2, 3), normal(3), normal())),
            Call((_mask, _mask, normal(2, 3), normal(), 0)),
            Call((np.array(True), np.array([True, False]), normal(), normal(2), normal(2))),
            _values(_ints > 1, _ints > 2, _ints, 1, 0),
        ],
        arrange=lambda a: (a[:2], a[2:4], a[4]),
    ),
    Row(
        selecting.choose,
        np.choose,
        [
            Call((_order, normal(2, 3), normal(3))),
            Call((np.array([0, 2, 1]), normal(3), normal(), normal(1))),
            Call((np.array([-1, 3, 4]), normal(3), normal(3)), {"mode": "wrap"}),
            Call((np.array([-1, 3, 0]), normal(3), normal(3)), {"mode": "clip"}),
        ],
        arrange=lambda a: (a[0], a[1:]),
    ),
    Row(
        selecting.compress,
        np.compress,
        [
            Call((np.array([True, False, True]), normal(2, 3)), {"axis": 1}),
            Call((np.array([False, True]), normal(2, 3)), {"axis": 0}),
            Call((np.array([False, True, True]), normal(2, 3))),
        ],
    ),
    Row(
        selecting.extract,
        np.extract,
        [Call((_mask, normal(2, 3))), Call((_mask, normal(3, 2).T)), Call((np.zeros(3, bool), normal(3)))],
    ),
    Row(
        selecting.put_along_axis,
        _put,
        [
            Call((normal(2, 3), np.array([[2], [0]]), normal(2, 1)), {"axis": 1}),
            Call((normal(2, 3), np.array([[1, 1, 0]]), normal(3)), {"axis": 0}),
            Call((normal(2, 3), np.array([[2, 2], [0, 1]]), normal(2, 2))),  # one repeats: the last stays
            Call((normal(2, 3), np.array([[-1], [0]]), normal())),
        ],
    ),
    Row(
        selecting.embedding,
        _embedding,
        [
            Call((_repeated, normal(4, 3))),
            Call((np.array([[1, 1], [0, 2]]), normal(3, 2))),
            Call((np.array(2), normal(3, 2))),
            Call((np.zeros((0, 2), int), normal(3, 2))),
            Call(
                (_repeated, normal(4, 1)),
                {"padding_idx": -1},
                order=0,
                gradient=(np.array([[1.0], [0.0], [1.0], [0.0]]),),
            ),
        ],
    ),
    Row(
        selecting.delete,
        np.delete,
        [
            Call((normal(2, 3),), {"obj": 1}),
            Call((normal(2, 3),), {"obj": [0, -1], "axis": 1}),
            Call((normal(4, 2),), {"obj": slice(0, 3, 2), "axis": 0}),
            Call((normal(3),), {"obj": np.array([True, False, True])}),
        ],
    ),
    Row(
        selecting.insert,
        np.insert,
        [
            Call((normal(2, 3), 1, normal())),
            Call((normal(2, 3), 1, normal(2)), {"axis": 1}),
            Call((normal(2, 3), 0, normal(2, 3)), {"axis": 0}),
            Call((normal(2, 3), slice(0, 2), normal(2)), {"axis": 1}),
        ],
    ),
    Row(searching.argwhere, np.argwhere, _found),
    Row(searching.flatnonzero, np.flatnonzero, _found),
    Row(searching.nonzero, np.nonzero, _found),
    Row(
        searching.searchsorted,
        np.searchsorted,
        [*_searched, _values(np.array([1.0, 3.0]), 2.0), _values(np.array([5.0, 1.0]), normal(3), sorter=(1, 0))],
    ),
    Row(
        searching.digitize,
        np.digitize,
        [_values(np.array([0.0, 1.5, 9.0]), np.array([0.0, 1.0, 2.0]), right=r) for r in (False, True)],
    ),
    Row(searching.isin, np.isin, [_values(_ints, np.array([1, 0])), _values(_ints, np.array([1]), invert=True)]),
    Row(searching.argpartition, np.argpartition, [_values(distinct(3, 4), kth=2, axis=a) for a in (-1, 0)]),
    Row(
        searching.lexsort,
        np.lexsort,
        [_values(np.array([2, 1, 0]), np.array([0, 0, 1])), _values(normal(3))],
        arrange=lambda a: (tuple(a),),
    ),
    Row(
        searching.bincount,
        np.bincount,
        [
            _values(_ints),
            _values(_ints, minlength=6),
            _values(np.zeros(0, int), minlength=2),
            Call((_ints, normal(4))),
            Call((_ints, normal(4)), {"minlength": 7}),
        ],
    ),
    Row(
        searching.unique,
        np.unique,
        [*_different, _values(_ints, return_counts=True), _values(_order, axis=0, return_index=True)],
    ),
    *[
        Row(getattr(searching, f.__name__), f, _different)
        for f in (np.unique_values, np.unique_counts, np.unique_inverse, np.unique_all)
    ],
]
