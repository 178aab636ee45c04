"""Samples of the operations that layers are made of."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ops import affine, normalisation
from . import Call, Row
from .inputs import normal


def _linear(x: Any, w: Any, b: Any = None) -> Any:
    return np.einsum("...i,oi->...o", x, w) + (0.0 if b is None else b)


def _standardise(x: Any, weight: Any = None, bias: Any = None, axes: Any = (-1,), eps: float = 1e-5) -> Any:
    mean, variance = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
    out = (x - mean) / np.sqrt(variance + eps)
    return out * (1.0 if weight is None else weight) + (0.0 if bias is None else bias), mean, variance


def _rms_normalise(x: Any, weight: Any = None, axes: Any = (-1,), eps: float = 1e-6) -> Any:
    return x / np.sqrt((x * x).mean(axes, keepdims=True) + eps) * (1.0 if weight is None else weight)


ROWS = [
    Row(
        affine.linear,
        _linear,
        [
            Call((normal(5, 3), normal(4, 3), normal(4))),
            Call((normal(2, 5, 3), normal(4, 3), normal(4))),
            Call((normal(2, 5, 3), normal(4, 3))),
            Call((normal(3), normal(4, 3), normal(4))),
            Call((normal(0, 3), normal(4, 3), normal(4))),
            Call((normal(3, 5).T, normal(3, 4).T, None)),
        ],
    ),
    Row(
        normalisation.standardise,
        _standardise,
        [
            Call((normal(4, 5), normal(5), normal(5))),
            Call((normal(4, 3, 5), normal(3, 1), normal(3, 1)), {"axes": (0, 2)}),
            Call((normal(4, 3, 5), None, normal(3, 1)), {"axes": (0, 2), "eps": 1e-3}),
            Call((normal(4, 6), normal(6)), {"eps": 0.1}),
            Call((normal(2, 3, 2, 2),), {"axes": (1, 2, 3)}),
        ],
    ),
    Row(
        normalisation.rms_normalise,
        _rms_normalise,
        [
            Call((normal(4, 5), normal(5))),
            Call((normal(2, 3, 4),), {"axes": (1, 2)}),
            Call((np.zeros(3),), {"eps": 0.1}),
        ],
    ),
]
