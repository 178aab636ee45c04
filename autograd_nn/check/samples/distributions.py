"""Distributions: the operations that are functions of a draw. What is drawn has no reference but its distribution."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Any

import numpy as np

from ...ops import distributions
from . import Call, Row
from .inputs import between

_CDF, _QUANTILE = np.vectorize(NormalDist().cdf, otypes=[float]), np.vectorize(NormalDist().inv_cdf, otypes=[float])


def _truncated(u: Any, lower: Any, upper: Any, dtype: Any) -> Any:
    u, below, above = np.float64(u), _CDF(lower), _CDF(upper)
    return _QUANTILE(below + u * (above - below)).astype(dtype)


def _truncation(lower: Any, upper: Any, order: int = 2, shape: tuple[int, ...] = (3, 4)) -> Call:
    u = (np.arange(1.0, 1.0 + math.prod(shape)) / 16.0).reshape(shape).astype(np.float32)  # a draw: not differentiated
    return Call((u, lower, upper), {"dtype": np.dtype(np.float64)}, order=order)


ROWS = [
    Row(
        distributions.truncate_,
        _truncated,
        [
            _truncation(between(-2.0, -0.5, 3, 4), between(0.5, 2.0, 4)),
            _truncation(between(0.1, 0.5, 3, 1), between(1.0, 2.0)),
            _truncation(np.array(-1.5), between(-1.0, -0.8, 3, 4)),
            _truncation(np.array(-math.inf), np.array(math.inf), order=0),
        ],
    ),
]
