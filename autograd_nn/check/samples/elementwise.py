"""Samples of the elementwise operations."""

from __future__ import annotations

import numpy as np

from ...ops import comparison, creation, elementwise
from . import Call, Row
from .inputs import away, between, binary, normal, unary


def _positive(*shape: int) -> np.ndarray:
    return between(0.3, 3.0, *shape)


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-x))


_mask = np.array([[True, False, True], [False, False, True]])
_tie = (np.array([1.0, 2.0, -1.0]), np.array([1.0, 0.0, 3.0]))
_ints = (np.array([6, 3, -5]), np.array([2, 7, 3]))
_special = np.array([0.0, -0.0, 1.0, np.inf, -np.inf, np.nan])
_compared = [
    Call((np.array([1.0, 2.0, np.nan]), np.array([1.0, 3.0, 1.0])), order=0),
    Call((normal(2, 1), 0.0), order=0),
]
_logical = [Call((np.array([True, False, True]), np.array([[True], [False]])), order=0)]

ROWS = [
    Row(elementwise.add, np.add, binary()),
    Row(elementwise.subtract, np.subtract, binary()),
    Row(elementwise.multiply, np.multiply, [*binary(), Call((_special, np.ones(6)), order=0)]),
    Row(elementwise.divide, np.divide, [*binary(normal, away), Call((np.array([7, 8]), 2), order=0)]),
    Row(
        elementwise.floor_divide,
        np.floor_divide,
        [Call((between(0.2, 0.8, 3) + np.arange(3.0), 1.0)), Call(_ints, order=0)],
    ),
    Row(
        elementwise.remainder,
        np.remainder,
        [
            Call((np.array([7.3, -7.3, 0.4]), np.array([2.0, 2.0, 3.0]))),
            Call((between(4.2, 4.8, 2, 3), between(2.9, 3.1, 3))),
        ],
    ),
    Row(elementwise.negative, np.negative, unary()),
    Row(elementwise.positive, np.positive, unary()),
    Row(
        elementwise.abs,
        np.abs,
        [*unary(away), Call((np.array([0.0, -1.0]),), order=0, gradient=(np.array([0.0, -1.0]),))],
    ),
    Row(elementwise.sign, np.sign, [*unary(away), Call((_special,), order=0)]),
    Row(
        elementwise.power,
        np.power,
        [
            *binary(_positive, normal),
            *[Call((normal(3), n)) for n in (0, 1, 2, 3)],
            *[Call((_positive(3), n)) for n in (-1, -2, 0.5, 2.5)],
            Call((np.array([0.0, 0.0, 2.0]), 2)),
            Call((np.array([0.0, 0.0]), 0)),
            Call((np.zeros(3), np.array([2.0, 1.0, 0.0])), order=0, gradient=(np.array([0.0, 1.0, 0.0]), np.zeros(3))),
        ],
    ),
    Row(elementwise.scalar_power, np.power, [Call((_positive(2, 3), n)) for n in (0, 1, 2, 3, -1, 0.5)]),
    Row(elementwise.square, np.square, unary()),
    Row(elementwise.sqrt, np.sqrt, unary(_positive)),
    Row(elementwise.exp, np.exp, [*unary(), Call((np.array([-1000.0, 0.0, -np.inf]),), order=0)]),
    Row(elementwise.log, np.log, unary(_positive)),
    Row(elementwise.sin, np.sin, unary()),
    Row(elementwise.cos, np.cos, unary()),
    Row(elementwise.tanh, np.tanh, [*unary(), Call((np.array([-50.0, 0.0, 50.0, np.inf]),), order=0)]),
    Row(
        elementwise.sigmoid,
        _sigmoid,
        [*unary(), Call((np.array([-30.0, 30.0, 0.0]),)), Call((np.array([-700.0, 1e4, np.inf]),), order=0)],
    ),
    Row(
        elementwise.relu,
        lambda x: np.maximum(x, 0),
        [
            *unary(away),
            Call((np.array([0.0, 1.0]),), order=0, gradient=(np.array([0.0, 1.0]),)),
            Call((_special,), order=0),
        ],
    ),
    Row(
        elementwise.within_,
        lambda y, x, low, high: np.where(((x <= low) & (low > -np.inf)) | ((x >= high) & (high < np.inf)), 0.0, y),
        [
            Call((normal(12), np.linspace(-0.95, 0.95, 12)), {"low": -0.4, "high": 0.4}),
            Call((normal(4), np.array([-0.8, -0.2, 0.3, 0.9])), {"low": 0.0, "high": np.inf}),
            Call((np.ones(6), _special), {"low": -np.inf, "high": 0.0}, order=0),
        ],
    ),
    Row(
        elementwise.maximum,
        np.maximum,
        [
            *binary(away, lambda *s: away(*s) * 0.1),
            Call(_tie, order=0, gradient=(np.array([0.5, 1.0, 0.0]), np.array([0.5, 0.0, 1.0]))),
            Call((_special, np.zeros(6)), order=0),
        ],
    ),
    Row(
        elementwise.minimum,
        np.minimum,
        [
            *binary(away, lambda *s: away(*s) * 0.1),
            Call(_tie, order=0, gradient=(np.array([0.5, 0.0, 1.0]), np.array([0.5, 1.0, 0.0]))),
            Call((_special, np.zeros(6)), order=0),
        ],
    ),
    Row(
        elementwise.where,
        np.where,
        [
            Call((_mask, normal(2, 3), normal(3))),
            Call((_mask, normal(), 0.0)),
            Call((_mask, 1.0, normal(2, 1))),
            Call((np.array(True), normal(), normal(2))),
            Call((np.zeros((0, 3), bool), normal(3), normal(1))),
        ],
    ),
    Row(
        creation.zeros_like,
        np.zeros_like,
        [Call((normal(2, 3),), order=0), Call((normal(0),), {"dtype": np.int64}, order=0)],
    ),
    Row(
        creation.ones_like,
        np.ones_like,
        [Call((normal(2, 3),), order=0), Call((normal(2),), {"dtype": np.int64}, order=0)],
    ),
    Row(creation.full_like, np.full_like, [Call((normal(2, 3),), {"fill_value": 2.5}, order=0)]),
    *[Row(getattr(comparison, f.__name__), f, _compared) for f in (np.equal, np.not_equal, np.less, np.less_equal)],
    *[Row(getattr(comparison, f.__name__), f, _compared) for f in (np.greater, np.greater_equal)],
    *[Row(getattr(comparison, f.__name__), f, _logical) for f in (np.logical_and, np.logical_or, np.logical_xor)],
    *[
        Row(getattr(comparison, f.__name__), f, [*_logical, Call(_ints, order=0)])
        for f in (np.bitwise_and, np.bitwise_or, np.bitwise_xor)
    ],
    Row(
        comparison.logical_not, np.logical_not, [Call((np.array([True, False]),), order=0), Call((_special,), order=0)]
    ),
    Row(comparison.invert, np.invert, [Call((_ints[0],), order=0), Call((_mask,), order=0)]),
    *[
        Row(getattr(comparison, f.__name__), f, [Call((_ints[1], np.array([1, 0, 2])), order=0)])
        for f in (np.left_shift, np.right_shift)
    ],
    *[Row(getattr(comparison, f.__name__), f, [Call((_special,), order=0)]) for f in (np.isnan, np.isinf, np.isfinite)],
]
