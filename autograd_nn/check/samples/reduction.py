"""Samples of the reductions and of choosing by rank."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ops import reduction, sorting
from . import Call, Row
from .inputs import distinct, normal, unary


def _over_axes(draw: Any, empty: bool) -> list[Call]:
    """Every way to name axes, of an ordinary, a 0-d, a strided and (where it has a value) an empty array."""
    calls = [
        Call((draw(2, 3, 4),), {"axis": axis, "keepdims": keepdims})
        for axis in (None, 0, -1, (0, 2), (-1, 1), ())
        for keepdims in (False, True)
    ]
    calls += [
        Call((draw(),)),
        Call((draw(6, 4)[::-2, ::3],), {"axis": 1}),
        Call((draw(3, 2).T,), {"axis": 0}),
        Call((draw(1, 1),)),
    ]
    return [*calls, Call((draw(0, 3),)), Call((draw(2, 0),), {"axis": 1})] if empty else calls


def _along_one(draw: Any) -> list[Call]:
    return [Call((draw(2, 3, 4),), {"axis": a, "keepdims": k}, order=0) for a in (None, 0, -1) for k in (False, True)]


_ties = np.array([[1.0, 2.0, 2.0], [3.0, 3.0, 3.0]])
_row_shares = np.array([[0.0, 0.5, 0.5], [1 / 3, 1 / 3, 1 / 3]])
_nans = np.array([[1.0, np.nan], [0.0, 2.0]])
_truth = [Call((np.array([[True, False], [True, True]]),), {"axis": a}, order=0) for a in (None, 0, (0, 1))]


def _topk(x: np.ndarray, k: int, axis: int = -1, largest: bool = True) -> tuple[np.ndarray, np.ndarray]:
    moved = np.moveaxis(x, axis, -1)
    keys = -moved if largest else moved
    order = np.argsort(keys, -1, kind="stable")[..., :k]
    return np.moveaxis(np.take_along_axis(moved, order, -1), -1, axis), np.moveaxis(order, -1, axis)


ROWS = [
    Row(
        reduction.sum,
        np.sum,
        [*_over_axes(normal, True), Call((normal(3),), {"dtype": np.float64}), Call((_truth[0].arrays[0],), order=0)],
    ),
    Row(
        reduction.mean,
        np.mean,
        [*_over_axes(normal, False), Call((np.array([1, 2, 4]),), order=0), Call((_truth[0].arrays[0],), order=0)],
    ),
    Row(
        reduction.max,
        np.max,
        [
            *_over_axes(distinct, False),
            Call((_ties,), {"axis": 1}, order=0, gradient=(_row_shares,)),
            Call((_ties,), order=0, gradient=(np.array([[0.0, 0.0, 0.0], [1 / 3, 1 / 3, 1 / 3]]),)),
            Call((_nans,), {"axis": 1}, order=0, gradient=(np.array([[0.0, 1.0], [0.0, 1.0]]),)),
        ],
    ),
    Row(
        reduction.min,
        np.min,
        [
            *_over_axes(distinct, False),
            Call((-_ties,), {"axis": 1}, order=0, gradient=(_row_shares,)),
            Call((_nans,), {"axis": 1}, order=0, gradient=(np.array([[0.0, 1.0], [1.0, 0.0]]),)),
        ],
    ),
    Row(reduction.argmax, np.argmax, [*_along_one(distinct), Call((_ties,), {"axis": 1}, order=0)]),
    Row(reduction.argmin, np.argmin, [*_along_one(distinct), Call((-_ties,), {"axis": 1}, order=0)]),
    Row(reduction.all, np.all, _truth),
    Row(reduction.any, np.any, _truth),
    Row(
        sorting.topk,
        _topk,
        [
            *[
                Call((distinct(3, 5),), {"k": 2, "axis": axis, "largest": largest})
                for axis in (0, 1, -1)
                for largest in (True, False)
            ],
            *[Call((distinct(4),), {"k": k}) for k in (0, 1, 4)],
            Call((_ties,), {"k": 2}, order=0, gradient=(np.array([[0.0, 1.0, 1.0], [1.0, 1.0, 0.0]]),)),
            *[Call(c.arrays, {"k": 1}) for c in unary(distinct) if c.arrays[0].ndim and c.arrays[0].size],
        ],
    ),
]
