"""Samples of the exponential, trigonometric, rounding and special functions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ...ops import exponential, rounding, special, trigonometric
from . import Call, Row
from .inputs import away, between, binary, normal, unary


def _positive(*shape: int) -> np.ndarray:
    return between(0.5, 3.0, *shape)


def _inside(*shape: int) -> np.ndarray:
    return between(-0.7, 0.7, *shape)


def _above_one(*shape: int) -> np.ndarray:
    return between(1.5, 4.0, *shape)


def _between_whole(*shape: int) -> np.ndarray:
    return np.rint(between(-3.0, 3.0, *shape)) + between(0.1, 0.4, *shape)


def _each(function: Callable[..., float]) -> Callable[[Any], np.ndarray]:
    """A function of Python floats on the elements of an array."""
    return lambda x, **params: np.array([function(float(v), **params) for v in np.ravel(x)]).reshape(np.shape(x))


def _digamma(x: float) -> float:
    """By the recurrence to 60 and three terms of the series, summed without rounding."""
    y = x
    while y < 60.0:
        y += 1.0
    steps = [-1.0 / (x + k) for k in range(round(y - x))]
    return math.fsum([*steps, math.log(y), -0.5 / y, -1 / (12 * y**2), 1 / (120 * y**4), -1 / (252 * y**6)])


def _polygamma(x: float, n: int) -> float:
    """The defining sum, its tail by the Euler-Maclaurin formula from 80 on."""
    if n == 0:
        return _digamma(x)
    end = 80
    terms = [(x + k) ** -(n + 1) for k in range(end)]
    w = x + end
    tail = [
        w**-n / n,
        w ** -(n + 1) / 2,
        (n + 1) * w ** -(n + 2) / 12,
        -(n + 1) * (n + 2) * (n + 3) * w ** -(n + 4) / 720,
    ]
    return (-1) ** (n + 1) * math.factorial(n) * math.fsum(terms + tail)


_tails = np.array([-30.0, -6.0, -1.0, -0.999, 0.0, 1e-9, 1.0, 2.5, 6.0, 30.0])
_zero = np.zeros(1)
_none = (np.array([-np.inf, -np.inf, 0.0]), np.array([-np.inf, 1.0, 0.0]))
_special = np.array([0.0, -0.0, 1.5, np.inf, -np.inf, np.nan])
_limits = np.array([0.0, -0.0, np.inf, -np.inf, np.nan])
_steps = [*unary(_between_whole), Call((np.array([0.5, 1.5, -0.5, 2.0, np.inf, np.nan]),), order=0)]
_crossed = (np.array([0.0, 1.0, 2.0, 3.0]), np.array([2.0, 0.0, 0.0, 2.0]), np.array([1.0, 3.0, 1.0, 3.0]))
_fixed = [Call((_special,), order=0, gradient=(np.array([1.0, 1.0, 1.0, 0.0, 0.0, 0.0]),))]


def _clip(x: Any, lower: Any, upper: Any) -> Any:
    return np.clip(x, lower, upper)


ROWS = [
    Row(exponential.exp2, np.exp2, unary()),
    Row(exponential.expm1, np.expm1, [*unary(), Call((np.array([1e-20, -1e-9]),), order=0)]),
    Row(exponential.log2, np.log2, unary(_positive)),
    Row(exponential.log10, np.log10, unary(_positive)),
    Row(exponential.log1p, np.log1p, [*unary(_positive), Call((np.array([1e-20, -0.5]),))]),
    Row(exponential.cbrt, np.cbrt, unary(away)),
    Row(exponential.reciprocal, np.reciprocal, [*unary(away), Call((np.array([1, -2, 3]),), order=0)]),
    Row(
        exponential.logaddexp,
        np.logaddexp,
        [
            *binary(),
            Call((np.array([1000.0, -1000.0, 0.0]), np.array([0.0, 0.0, 1000.0]))),
            Call(_none, order=0, gradient=(np.array([0.0, 0.0, 0.5]), np.array([0.0, 1.0, 0.5]))),
        ],
    ),
    Row(
        exponential.logaddexp2,
        np.logaddexp2,
        [*binary(), Call(_none, order=0, gradient=(np.array([0.0, 0.0, 0.5]), np.array([0.0, 1.0, 0.5])))],
    ),
    Row(trigonometric.tan, np.tan, unary(_inside)),
    Row(trigonometric.arcsin, np.arcsin, unary(_inside)),
    Row(trigonometric.arccos, np.arccos, unary(_inside)),
    Row(trigonometric.arctan, np.arctan, [*unary(), Call((np.array([1e200, -np.inf]),), order=0)]),
    Row(
        trigonometric.arctan2,
        np.arctan2,
        [*binary(away, away), Call((_zero, _zero), order=0, gradient=(_zero, _zero))],
    ),
    Row(
        trigonometric.hypot,
        np.hypot,
        [
            *binary(away, away),
            Call((_zero, _zero), order=0, gradient=(_zero, _zero)),
            Call((np.array([1e200, 0.0]), np.array([1e200, 2.0])), order=0),
        ],
    ),
    Row(trigonometric.sinh, np.sinh, unary()),
    Row(trigonometric.cosh, np.cosh, unary()),
    Row(
        trigonometric.arcsinh,
        np.arcsinh,
        [*unary(), Call((np.array([1e200]),), order=0, gradient=(np.array([1e-200]),))],
    ),
    Row(trigonometric.arccosh, np.arccosh, unary(_above_one)),
    Row(trigonometric.arctanh, np.arctanh, unary(_inside)),
    Row(trigonometric.deg2rad, np.deg2rad, unary()),
    Row(trigonometric.rad2deg, np.rad2deg, unary()),
    Row(rounding.floor, np.floor, _steps),
    Row(rounding.ceil, np.ceil, _steps),
    Row(rounding.trunc, np.trunc, _steps),
    Row(rounding.rint, np.rint, _steps),
    Row(rounding.fraction, lambda x: np.modf(x)[0], _steps),
    Row(
        rounding.round,
        np.round,
        [*_steps, Call((normal(3),), {"decimals": 2}, order=0), Call((np.array([15, 25]),), {"decimals": -1}, order=0)],
    ),
    Row(
        rounding.clip,
        _clip,
        [
            Call((np.array([[-2.0, 0.3, 2.0], [0.1, -0.4, 0.9]]), -1.0, 1.0)),
            Call((np.array([-2.0, 0.3, 2.0]), np.array([[-1.0], [0.0]]), np.array([0.7, 0.8, 1.5]))),
            Call((np.array([-2.0, 0.3, 2.0]), None, np.array(0.5))),
            Call((np.array([-2.0, 0.3, 2.0]), np.array(0.5), None)),
            Call((np.array(0.25), 0.0, 1.0)),
            Call((np.array([3, -3, 0]), -1, 1), order=0),
            Call((np.array([0.0, 1.0]), 0.0, 1.0), order=0, gradient=(np.ones(2),)),
            Call(_crossed, order=0, gradient=(np.zeros(4) + [0, 1, 0, 1], np.zeros(4), np.array([1.0, 0.0, 1.0, 0.0]))),
            Call((_special, -1.0, 1.0), order=0, gradient=(np.array([1.0, 1.0, 0.0, 0.0, 0.0, 0.0]),)),
        ],
    ),
    Row(
        rounding.fmax,
        np.fmax,
        [
            *binary(away, lambda *s: away(*s) * 0.1),
            Call(
                (np.array([np.nan, 1.0, 2.0]), np.array([1.0, np.nan, 2.0])),
                order=0,
                gradient=(np.array([0.0, 1.0, 0.5]), np.array([1.0, 0.0, 0.5])),
            ),
        ],
    ),
    Row(
        rounding.fmin,
        np.fmin,
        [
            *binary(away, lambda *s: away(*s) * 0.1),
            Call(
                (np.array([np.nan, 1.0, 2.0]), np.array([1.0, np.nan, 2.0])),
                order=0,
                gradient=(np.array([0.0, 1.0, 0.5]), np.array([1.0, 0.0, 0.5])),
            ),
        ],
    ),
    Row(
        rounding.copysign,
        np.copysign,
        [
            *binary(away, away),
            Call(
                (np.array([0.0, 1.0, -2.0]), np.array([1.0, -0.0, 0.0])),
                order=0,
                gradient=(np.array([0.0, -1.0, -1.0]), np.zeros(3)),
            ),
        ],
    ),
    Row(
        rounding.heaviside,
        np.heaviside,
        [
            *binary(away, normal),
            Call((np.array([0.0, 1.0]), np.array([0.5, 0.5])), order=0, gradient=(np.zeros(2), np.array([1.0, 0.0]))),
        ],
    ),
    Row(
        rounding.nan_to_num,
        lambda x, **params: np.nan_to_num(x, **params),
        [*unary(), *_fixed, Call((_special,), {"nan": 1.0, "posinf": 2.0, "neginf": -2.0}, order=0)],
    ),
    Row(special.erf, _each(math.erf), [*unary(), Call((_tails,)), Call((_limits,), order=0)]),
    Row(special.erfc, _each(math.erfc), [*unary(), Call((_tails,)), Call((_limits,), order=0)]),
    Row(
        special.logit,
        lambda x: np.log(x / (1.0 - x)),
        [Call((between(0.2, 0.8, 3, 2),)), Call((np.float64(0.5),)), Call((np.zeros(0),))],
    ),
    Row(
        special.xlogy,
        lambda x, y: np.where((x == 0.0) & ~np.isnan(y), 0.0, x * np.log(np.where(y > 0.0, y, 1.0 + 0.0 * y))),
        [
            Call((normal(3, 1), _positive(2))),
            Call((_positive(3), _positive(3))),
            Call(
                (np.array([0.0, 0.0, 2.0]), np.array([0.0, -1.0, 1.0])),
                order=0,
                gradient=(np.zeros(3), np.array([0.0, 0.0, 2.0])),
            ),
            Call((np.zeros(2), np.array([np.nan, 3.0])), order=0),
        ],
    ),
    Row(
        special.lgamma,
        _each(math.lgamma),
        [
            *unary(lambda *s: between(0.8, 12.0, *s)),
            Call((np.array([-0.5, -1.4, -4.6, 1.0, 2.0, 1.5]),)),
            Call((np.array([1e-8, 170.0, 1e300]),), order=0),
            Call((np.array([np.inf, np.nan]),), order=0),
        ],
    ),
    Row(
        special.digamma,
        _each(_digamma),
        [
            *unary(lambda *s: between(1.0, 12.0, *s)),
            Call((np.array([-0.5, -1.4, -4.6, 1.0, 1.4616321449683622]),)),
            Call((np.array([1e-8, 170.0, 1e5]),), order=0),
        ],
    ),
    Row(
        special.polygamma,
        _each(_polygamma),
        [
            *[Call((between(1.5, 12.0, 2, 3),), {"n": n}) for n in (0, 1, 2, 3, 5)],
            *[Call((np.array([-0.5, -1.4, 0.3]),), {"n": n}, order=0) for n in (1, 2, 3)],
        ],
    ),
]
