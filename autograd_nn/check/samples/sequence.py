"""Samples of the operations on sequences, recurrent layers and attention, and of losses."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from ...ops import alignment, attention, losses, recurrent
from . import Call, Row
from .inputs import between, distinct, normal


def _logistic(x: Any) -> Any:
    return 1.0 / (1.0 + np.exp(-x))


def _sequence(step: Any, x: Any, states: Any, sizes: Any, reverse: bool) -> Any:
    """One sequence of the batch after the other, one step after the other."""
    firsts = np.concatenate([[0], np.cumsum(sizes)])
    outs: list[Any] = [None] * len(x)
    ends = [s.copy() for s in states]
    for b in range(sizes[0]):
        steps = [t for t, n in enumerate(sizes) if n > b]
        state = [s[b] for s in states]
        for t in reversed(steps) if reverse else steps:
            state = step(x[firsts[t] + b], *state)
            outs[firsts[t] + b] = state[0]
        for end, s in zip(ends, state, strict=True):
            end[b] = s
    return np.array(outs), *ends


def _lstm(x, h, c, w_ih, w_hh, b_ih=None, b_hh=None, w_hr=None, sizes=(), reverse=False):
    b = 0.0 if b_ih is None else b_ih + b_hh

    def step(x, h, c):
        i, f, g, o = np.split(w_ih @ x + w_hh @ h + b, 4)
        c = _logistic(f) * c + _logistic(i) * np.tanh(g)
        m = _logistic(o) * np.tanh(c)
        return (m if w_hr is None else w_hr @ m), c

    return _sequence(step, x, (h, c), sizes, reverse)


def _gru(x, h, w_ih, w_hh, b_ih=None, b_hh=None, sizes=(), reverse=False):
    def step(x, h):
        zr, zu, zn = np.split(w_ih @ x + (0.0 if b_ih is None else b_ih), 3)
        qr, qu, qn = np.split(w_hh @ h + (0.0 if b_hh is None else b_hh), 3)
        u, n = _logistic(zu + qu), np.tanh(zn + _logistic(zr + qr) * qn)
        return ((1.0 - u) * n + u * h,)

    return _sequence(step, x, (h,), sizes, reverse)


def _rnn(x, h, w_ih, w_hh, b_ih=None, b_hh=None, nonlinearity="tanh", sizes=(), reverse=False):
    f = np.tanh if nonlinearity == "tanh" else lambda z: np.maximum(z, 0.0)
    b = 0.0 if b_ih is None else b_ih + b_hh
    return _sequence(lambda x, h: (f(w_ih @ x + w_hh @ h + b),), x, (h,), sizes, reverse)


_SIZES: list[dict[str, Any]] = [
    {"sizes": (2, 2, 2)},
    {"sizes": (3, 2, 1), "reverse": True},
    {"sizes": (3, 1)},
    {"sizes": (1,), "reverse": True},
]


def _recurrent(gates: int, states: int, bias: bool, projected: bool = False) -> Any:
    """Arrays of a layer of 3 inputs and 2 hidden units, with each way of lengths."""
    for params in _SIZES:
        rows, batch = sum(params["sizes"]), params["sizes"][0]
        out = 1 if projected else 2
        first = [normal(batch, out), normal(batch, 2)][:states]
        weights = [normal(2 * gates, 3), normal(2 * gates, out)]
        biases = [normal(2 * gates), normal(2 * gates)] if bias else []
        ends = [*([] if bias else [None, None]), normal(1, 2)] if projected else []
        yield Call((normal(rows, 3), *first, *weights, *biases, *ends), params)


def _attention(q, k, v, mask=None, dropped=None, scale=1.0, is_causal=False):
    scores = scale * np.einsum("...le,...se->...ls", q, k)
    if is_causal:
        scores = np.where(np.tril(np.ones(scores.shape[-2:])) == 1, scores, -np.inf)
    if mask is not None:
        scores = np.where(mask, scores, -np.inf) if mask.dtype == bool else scores + mask
    e = np.exp(scores - np.maximum(scores.max(-1, keepdims=True), -1e300))
    total = e.sum(-1, keepdims=True)
    weights = np.divide(e, total, out=np.zeros_like(e), where=total > 0)
    return (weights if dropped is None else weights * dropped) @ v, weights


def _split_heads(x: Any, heads: int) -> Any:
    parts = x.reshape(*x.shape[:2], 3, heads, -1)
    return tuple([parts[:, :, i].transpose(0, 2, 1, 3) for i in range(3)])


def _ctc(log_probs, labels, input_lengths, label_lengths, blank=0):
    """The sum over every path, one after the other."""
    found = []
    for n in range(labels.shape[0]):
        wanted, total = labels[n, : label_lengths[n]].tolist(), 0.0
        for path in itertools.product(range(log_probs.shape[2]), repeat=int(input_lengths[n])):
            if [k for k, _ in itertools.groupby(path) if k != blank] == wanted:
                total += np.exp(sum(log_probs[t, n, k] for t, k in enumerate(path)))
        found.append(-np.log(total) if total else np.inf)
    return np.array(found)


def _huber(x: Any, delta: float = 1.0) -> Any:
    return np.where(np.abs(x) <= delta, x * x / 2, delta * (np.abs(x) - delta / 2))


_q, _k, _v = (2, 3, 4), (2, 5, 4), (2, 5, 2)
_masked = np.array([[True, False, True, True, False], [False] * 5, [True] * 5])

ROWS = [
    Row(recurrent.lstm, _lstm, [*_recurrent(4, 2, True), *_recurrent(4, 2, False), *_recurrent(4, 2, True, True)]),
    Row(recurrent.gru, _gru, [*_recurrent(3, 1, True), *_recurrent(3, 1, False)]),
    Row(
        recurrent.rnn,
        _rnn,
        [*_recurrent(1, 1, True), *_recurrent(1, 1, False)]
        + [Call(c.arrays, {**c.params, "nonlinearity": "relu"}) for c in _recurrent(1, 1, True)],
    ),
    Row(
        attention.dot_product_attention,
        _attention,
        [
            Call((normal(*_q), normal(*_k), normal(*_v))),
            Call((normal(3, 4), normal(3, 4), normal(3, 4)), {"is_causal": True, "scale": 0.5}),
            Call((normal(*_q), normal(*_k), normal(*_v), normal(3, 5)), {"scale": 0.5}),
            Call((normal(*_q), normal(*_k), normal(*_v), normal(2, 1, 1), between(0.5, 2.0, 2, 3, 5)), {"is_causal": True}),
            Call((normal(*_q), normal(*_k), normal(*_v), _masked)),
            Call((normal(3, 2, 4).swapaxes(0, 1), normal(5, 2, 4).swapaxes(0, 1), normal(2, 2, 5).mT)),
        ],
    ),
    Row(attention.split_heads, _split_heads, [Call((normal(2, 3, 12),), {"heads": 2})]),
    Row(
        alignment.ctc,
        _ctc,
        [
            Call((normal(4, 3, 3), np.array([[1, 2], [2, 2], [1, 0]]), np.array([4, 4, 3]), np.array([2, 2, 1]))),
            Call((normal(3, 2, 4), np.array([[0, 1], [3, 3]]), np.array([3, 2]), np.array([2, 0])), {"blank": 2}),
            Call((normal(3, 1, 2), np.zeros((1, 0), int), np.array([2]), np.array([0]))),
            Call((normal(2, 2, 2), np.array([[1, 1], [1, 0]]), np.array([2, 2]), np.array([2, 1])), order=0),
        ],
    ),
    Row(losses.huber, _huber, [Call((distinct(3, 4) + 0.05,), {"delta": 0.7}), Call((normal(),)), Call((normal(0, 2),))]),
    Row(
        losses.binary_cross_entropy,
        lambda p, y: -(y * np.maximum(np.log(p), -100) + (1 - y) * np.maximum(np.log(1 - p), -100)),
        [
            Call((between(0.1, 0.9, 3, 4), between(0.0, 1.0, 3, 4))),
            Call((between(0.1, 0.9, 3, 1), between(0.0, 1.0, 4))),
            Call(
                (np.array([0.0, 1.0]), np.array([1.0, 0.0])),
                order=0,
                gradient=(np.array([-1e12, 1e12]), np.array([100.0, -100.0])),
            ),
        ],
    ),
]  # fmt: skip
