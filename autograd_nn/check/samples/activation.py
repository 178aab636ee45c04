"""Samples of the activations."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...ops import activation
from . import Call, Row
from .inputs import away, between, normal, unary

_tails = np.array([-40.0, -8.0, -0.7, 0.6, 8.0, 40.0])
_extreme = Call((np.array([-1000.0, 0.0, 1000.0, np.inf, np.nan]),), order=0)
_with_axes = [c for c in unary() if c.arrays[0].ndim]
_each_erf = np.vectorize(math.erf, otypes=[np.float64])


def _far(*shape: int) -> np.ndarray:
    """Numbers at least 0.3 from the kinks at 0.5, 1 and 3, of both signs."""
    x = np.choose(np.floor(between(0.0, 3.0, *shape)).astype(int), [between(0.1, 0.2, *shape), *_bands(*shape)])
    return np.asarray(x * np.sign(away(*shape)))


def _bands(*shape: int) -> list[np.ndarray]:
    return [between(1.5, 2.5, *shape), between(3.5, 4.5, *shape)]


def _kink(*at: float, gradient: tuple[float, ...], **params: Any) -> Call:
    return Call((np.array(at),), params, order=0, gradient=(np.array(gradient),))


def _sigmoid(x: Any) -> Any:
    return np.where(x < 0, np.exp(np.minimum(x, 0)), 1.0) / (1.0 + np.exp(-np.abs(x)))


def _softplus(x: Any, beta: float = 1.0) -> Any:
    return np.logaddexp(0.0, beta * x) / beta


def _elu(x: Any, alpha: float = 1.0) -> Any:
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def _gelu(x: Any, approximate: str = "none") -> Any:
    if approximate == "tanh":
        return 0.5 * x * (1.0 + np.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * x**3)))
    return 0.5 * x * (1.0 + _each_erf(x / math.sqrt(2.0))) if np.size(x) else x


def _glu(x: Any, axis: int = -1) -> Any:
    a, b = np.split(x, 2, axis)
    return a * _sigmoid(b)


def _softmin(x: Any, axis: int = -1) -> Any:
    e = np.exp(x.min(axis, keepdims=True) - x)
    return e / e.sum(axis, keepdims=True)


ROWS = [
    Row(
        activation.leaky_relu,
        lambda x, negative_slope=0.01: np.where(x > 0, x, negative_slope * x),
        [*unary(away), Call((away(3),), {"negative_slope": 0.3}), _kink(0.0, -0.0, gradient=(0.01, 0.01))],
    ),
    Row(
        activation.prelu,
        lambda x, weight: np.where(x > 0, x, weight * x),
        [Call((away(2, 3), normal(3))), Call((away(2, 3), normal())), Call((away(4), 0.25))],
    ),
    Row(
        activation.hardtanh,
        lambda x, min_val=-1.0, max_val=1.0: np.clip(x, min_val, max_val),
        [*unary(_far), Call((_far(4),), {"min_val": -0.8, "max_val": 3.0}), _kink(-1.0, 1.0, gradient=(0.0, 0.0))],
    ),
    Row(
        activation.relu6,
        lambda x: np.clip(x, 0.0, 6.0),
        [*unary(away), Call((np.array([5.0, 7.0]),)), _kink(0.0, 6.0, gradient=(0.0, 0.0))],
    ),
    Row(
        activation.threshold,
        lambda x, threshold, value: np.where(x > threshold, x, value),
        [*unary(_far, threshold=1.0, value=-7.0), _kink(1.0, 2.0, gradient=(0.0, 1.0), threshold=1.0, value=0.0)],
    ),
    Row(
        activation.elu,
        _elu,
        [*unary(away), Call((away(4),), {"alpha": 0.5}), _extreme, _kink(0.0, gradient=(0.5,), alpha=0.5)],
    ),
    Row(
        activation.celu,
        lambda x, alpha=1.0: np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0) / alpha)),
        [*unary(away), Call((away(4),), {"alpha": 0.5}), _extreme, _kink(0.0, gradient=(1.0,))],
    ),
    Row(
        activation.selu,
        lambda x: activation.SELU_SCALE * _elu(x, activation.SELU_ALPHA),
        [*unary(away), _extreme],
    ),
    Row(activation.log_sigmoid, lambda x: -_softplus(-x), [*unary(), Call((_tails,)), _extreme]),
    Row(activation.silu, lambda x: x * _sigmoid(x), [*unary(), Call((_tails,))]),
    Row(activation.mish, lambda x: x * np.tanh(_softplus(x)), [*unary(), Call((_tails,))]),
    Row(
        activation.gelu,
        _gelu,
        [*_with_axes, Call((_tails,)), Call((normal(2, 3),), {"approximate": "tanh"}), Call((normal(),), order=0)],
    ),
    Row(activation.gelu_exact, _gelu, _with_axes),
    Row(activation.gelu_tanh, lambda x: _gelu(x, "tanh"), [*_with_axes, Call((_tails,))]),
    Row(
        activation.glu,
        _glu,
        [Call((normal(2, 4),)), Call((normal(4, 3),), {"axis": 0}), Call((normal(2, 6, 2),), {"axis": -2})],
    ),
    Row(activation.softplus, _softplus, [*unary(), Call((_tails,)), Call((normal(4),), {"beta": 2.5}), _extreme]),
    Row(activation.softsign, lambda x: x / (1.0 + np.abs(x)), [*unary(away), _kink(0.0, gradient=(1.0,))]),
    Row(
        activation.softshrink,
        lambda x, lambd=0.5: np.sign(x) * np.maximum(np.abs(x) - lambd, 0.0),
        [*unary(_far), Call((_far(4),), {"lambd": 3.0}), _kink(-0.5, 0.5, gradient=(0.0, 0.0))],
    ),
    Row(activation.tanhshrink, lambda x: x - np.tanh(x), unary()),
    Row(
        activation.softmin,
        _softmin,
        [*[c for c in _with_axes if c.arrays[0].size], Call((normal(2, 3, 2),), {"axis": 1})],
    ),
    Row(
        activation.hardsigmoid,
        lambda x: np.clip(x + 3.0, 0.0, 6.0) / 6.0,
        [*unary(_far), _kink(-3.0, 3.0, gradient=(0.0, 0.0))],
    ),
    Row(
        activation.hardswish_pulled,
        lambda g, x: g * np.where(np.abs(x) < 3.0, x / 3.0 + 0.5, x > 0.0),
        [Call((normal(4, 3), _far(4, 3))), Call((normal(3, 2).T, _far(2, 3)))],
    ),
    Row(
        activation.hardswish,
        lambda x: x * (np.clip(x + 3.0, 0.0, 6.0) / 6.0),
        [*unary(_far), _kink(-3.0, 3.0, gradient=(0.0, 1.0))],
    ),
    Row(
        activation.hardshrink,
        lambda x, lambd=0.5: np.where(np.abs(x) > lambd, x, 0.0),
        [*unary(_far), Call((_far(4),), {"lambd": 3.0}), _kink(-0.5, 0.5, gradient=(0.0, 0.0))],
    ),
]
