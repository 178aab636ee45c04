"""Samples of the products of matrices and of the fused operations."""

from __future__ import annotations

import numpy as np

from ...ops import fused, linalg
from . import Call, Row
from .inputs import normal, unary

_products: list[tuple[tuple[int, ...], tuple[int, ...]]] = [
    *[((2, 3), (3, 4)), ((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 2)), ((2, 2, 3), (3, 2)), ((2, 3), (4, 3, 2))],
    *[
        ((5, 1, 2, 3), (4, 3, 2)),
        ((2, 4, 3), (3,)),
        ((3,), (2, 3, 2)),
        ((0, 3), (3, 2)),
        ((2, 0), (0, 3)),
        ((1, 1), (1, 1)),
    ],
    *[((2, 2, 2, 3), (3, 1)), ((1, 2, 3), (4, 3, 2))],
]


def _softmax(x: np.ndarray, axis: int = -1) -> np.ndarray:
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def _cross_entropy(
    logits: np.ndarray,
    labels: np.ndarray,
    weight: np.ndarray | None = None,
    reduction: str = "mean",
    axis: int = -1,
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
) -> np.ndarray:
    logits = np.moveaxis(logits, axis, -1)
    classes = logits.shape[-1]
    w = np.ones(classes) if weight is None else weight
    counted = np.ones(labels.shape, bool) if ignore_index is None else labels != ignore_index
    aim = (1 - label_smoothing) * np.eye(classes)[np.where(counted, labels, 0)] + label_smoothing / classes
    losses = -(aim * w * np.log(_softmax(logits))).sum(-1) * counted
    weights = (w[np.where(counted, labels, 0)] * counted).sum()
    return {"none": losses, "mean": losses.sum() / weights, "sum": losses.sum()}[reduction]


def _log_softmax(x: np.ndarray, axis: int = -1) -> np.ndarray:
    shifted = x - x.max(axis, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis, keepdims=True))


_rows = [c for c in unary() if c.arrays[0].ndim and c.arrays[0].size]
_labels = np.array([0, 2, 1, 2])
_weight = np.array([0.5, 2.0, 1.0], np.float32)  # not differentiated

ROWS = [
    Row(
        linalg.matmul,
        np.matmul,
        [Call((normal(*a), normal(*b))) for a, b in _products] + [Call((normal(3, 4).T, normal(6, 2)[::-2]))],
    ),
    Row(
        fused.softmax,
        _softmax,
        [*_rows, Call((normal(2, 3, 4),), {"axis": 1}), Call((np.array([1000.0, 0.0, -1000.0]),), order=0)],
    ),
    Row(
        fused.log_softmax,
        _log_softmax,
        [*_rows, Call((normal(2, 3, 4),), {"axis": 0}), Call((np.array([1000.0, 0.0, -1000.0]),), order=0)],
    ),
    Row(
        fused.softmax_pulled,
        lambda g, w, axis: w * (g - (g * w).sum(axis, keepdims=True)),
        [Call((normal(2, 3, 4), normal(2, 3, 4)), {"axis": a}) for a in (0, 2, -1)]
        + [Call((normal(3, 2).T, normal(2, 3)), {"axis": -1})],
    ),
    Row(
        fused.log_softmax_pulled,
        lambda g, logs, axis: g - np.exp(logs) * g.sum(axis, keepdims=True),
        [Call((normal(2, 3, 4), normal(2, 3, 4)), {"axis": a}) for a in (0, 2, -1)]
        + [Call((normal(3, 2).T, normal(2, 3)), {"axis": -1})],
    ),
    Row(
        fused.cross_entropy,
        _cross_entropy,
        [Call((normal(4, 3), _labels), {"reduction": r}) for r in ("mean", "sum", "none")]
        + [
            Call((normal(2, 2, 3), np.array([[0, 1], [2, 2]]))),
            Call((normal(3), np.array(1))),
            Call((normal(6, 8)[::-2, ::3], _labels[:3])),
            Call((normal(2, 3, 4).transpose(1, 0, 2), np.array([[0, 1], [2, 2], [3, 0]]))),
            Call((normal(2, 3, 4), np.array([[0, 1, 2, -1], [2, -1, 2, 1]])), {"axis": 1, "ignore_index": -1}),
        ]
        + [
            Call((normal(4, 3), labels, _weight), {"reduction": r, "label_smoothing": e, "ignore_index": 2})
            for r in ("mean", "sum", "none")
            for e in (0.0, 0.3)
            for labels in (_labels, np.array([0, 1, 1, 0]))
        ]
        + [
            Call((normal(2, 3, 4), np.array([[0, 1, 2, 1]] * 2)), {"axis": 1, "label_smoothing": 0.2, "reduction": r})
            for r in ("mean", "none")
        ],
    ),
]
