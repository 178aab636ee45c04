r"""Connectionist temporal classification: how likely labels in this order are, whenever they may come.

Graves et al., "Connectionist temporal classification", ICML 2006. The labels with blanks around each are the positions
s = 0 ... 2 S of a path through time: from one step to the next it stays, goes one position on, or two, over a blank between
different labels. Sums over all paths are a forward recursion in the semiring of log-probabilities, (logaddexp, +):

    alpha_t(s) = log sum of exp over the allowed s' of alpha_t-1(s')  +  log p_t(label of s)

The derivative of the log-likelihood by log p_t(k) is the posterior of being at k at time t, from alpha and the same recursion
backward. Where no path exists, the loss is infinite and its derivative here 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine.op import op
from .bounds import keep_within
from .comparison import equal, less, not_equal
from .elementwise import where
from .indexing import take_along_axis
from .shape import astype, broadcast_to, concatenate, reshape, stack
from .statistics import logsumexp

__all__ = ["ctc"]


def _path(labels: Any, blank: int) -> tuple[Any, Any]:
    """The label of each position, (batch, 2 S + 1), and whether a path may come to it from two positions before."""
    batch, most = labels.shape
    blanks = np.full((batch, most), blank, np.int64)
    pairs = reshape(stack([blanks, astype(labels, np.int64)], 2), (batch, 2 * most))
    extended = concatenate([pairs, np.full((batch, 1), blank, np.int64)], 1)
    two, before = extended[:, 2:], extended[:, :-2]
    leaps = concatenate(
        [np.zeros((batch, min(2, 2 * most + 1)), bool), not_equal(two, blank) & not_equal(two, before)], 1
    )
    return extended, leaps


def _counted(labels: Any, label_lengths: Any) -> Any:
    """Which labels count: those within their sequence's length."""
    return less(np.arange(labels.shape[1]), label_lengths[:, None])


def _ends(label_lengths: Any, positions: int) -> np.ndarray:
    """Where a path may end: at the last label, or the blank behind it."""
    at, last = np.arange(positions), 2 * label_lengths[:, None]
    return equal(at, last) | equal(at, last - 1)


def _numbers(*arrays: Any) -> list[np.ndarray]:
    return [np.asarray(getattr(a, "_array", a)) for a in arrays]


def _check(log_probs: Any, labels: Any, input_lengths: Any, label_lengths: Any, blank: int) -> None:
    if log_probs.ndim != 3 or labels.ndim != 2 or labels.shape[0] != log_probs.shape[1]:
        raise ValueError("log_probs are (steps, batch, classes) and labels (batch, most labels)")
    steps, batch, classes = log_probs.shape
    for name, lengths, low, most in (
        ("input_lengths", input_lengths, 1, steps),
        ("label_lengths", label_lengths, 0, labels.shape[1]),
    ):
        if lengths.shape != (batch,) or lengths.dtype.kind not in "iu":
            raise ValueError(f"the {name} are {batch} integers, one a sequence")
        if batch and not (lengths.min() >= low and lengths.max() <= most):
            raise ValueError(f"the {name} {lengths.tolist()} must be from {low} to {most}")
    if not 0 <= blank < classes:
        raise ValueError(f"the blank {blank} is not one of the {classes} classes")
    given = labels[_counted(labels, label_lengths)]
    if given.size and not (given.min() >= 0 and given.max() < classes):
        raise ValueError(f"labels run from {given.min()} to {given.max()}, but there are {classes} classes")
    if (given == blank).any():
        raise ValueError(f"the blank, {blank}, is among the labels")


@op(kind="fused")
def ctc(log_probs, labels, input_lengths, label_lengths, /, blank=0):
    """The negative log-likelihood of each sequence's labels, in order, at whichever steps: Graves et al., ICML 2006.

    Shapes: log_probs (steps, batch, classes), labels (batch, most labels), integers, none of them `blank`; input_lengths and
    label_lengths (batch,), how much of each counts. The result is (batch,), infinite where the labels do not fit the steps.
    Raises ValueError for other shapes, and for labels and lengths out of range.

    >>> uniform = ag.log(ag.full((2, 1, 2), 0.5))
    >>> likelihood = ag.exp(-ag.ops.alignment.ctc(uniform, np.array([[1]]), np.array([2]), np.array([1])))
    >>> likelihood.numpy().round(6)  # three of the four paths: 1 1, 1 blank, blank 1
    array([0.75], dtype=float32)
    """
    looked_at = _numbers(labels, input_lengths, label_lengths)
    _check(log_probs, looked_at[0], looked_at[1], looked_at[2], blank)
    counted = _counted(labels, label_lengths)
    named = where(counted, labels, blank)
    for numbers, low, high in (
        (input_lengths, 1, log_probs.shape[0]),
        (label_lengths, 0, labels.shape[1]),
        (named, 0, log_probs.shape[2] - 1),
        (where(counted, not_equal(labels, blank), True), 1, 1),
    ):
        keep_within(numbers, low, high)
    extended, leaps = _path(named, blank)
    steps, batch, _ = log_probs.shape
    emitted = take_along_axis(log_probs, broadcast_to(extended, (steps, *extended.shape)), 2)
    nowhere = np.full((batch, 2), -np.inf, log_probs.dtype)
    alpha = where(np.arange(extended.shape[1]) < 2, emitted[0], -np.inf)
    for t in range(1, steps):
        before = concatenate([nowhere, alpha], 1)
        arriving = logsumexp(stack([alpha, before[:, 1:-1], where(leaps, before[:, :-2], -np.inf)]), 0)
        alpha = where(less(t, input_lengths)[:, None], arriving + emitted[t], alpha)
    return -logsumexp(where(_ends(label_lengths, extended.shape[1]), alpha, -np.inf), 1)


@ctc.fast(residuals=("alpha", "emitted"))
def _ctc(log_probs, labels, input_lengths, label_lengths, blank):
    labels, input_lengths, label_lengths = _numbers(labels, input_lengths, label_lengths)
    _check(log_probs, labels, input_lengths, label_lengths, blank)
    extended, leaps = _path(np.where(_counted(labels, label_lengths), labels, blank), blank)
    emitted = np.take_along_axis(log_probs, extended[None], 2)
    alpha = np.full_like(emitted, -np.inf)
    alpha[0, :, :2] = emitted[0, :, :2]
    for t in range(1, len(alpha)):
        found = alpha[t]
        found[...] = alpha[t - 1]
        np.logaddexp(found[:, 1:], alpha[t - 1, :, :-1], out=found[:, 1:])
        np.logaddexp(found[:, 2:], alpha[t - 1, :, :-2], out=found[:, 2:], where=leaps[:, 2:])
        found += emitted[t]
    last = alpha[input_lengths - 1, np.arange(alpha.shape[1])]
    return -np.logaddexp.reduce(last, 1, where=_ends(label_lengths, last.shape[1]), initial=-np.inf), (alpha, emitted)


@ctc.joint_vjp
def _ctc_vjp(g, log_probs, labels, input_lengths, label_lengths, alpha, emitted, out, blank):
    labels, input_lengths, label_lengths = _numbers(labels, input_lengths, label_lengths)
    extended, leaps = _path(np.where(_counted(labels, label_lengths), labels, blank), blank)
    steps, batch, positions = alpha.shape
    ends = np.where(_ends(label_lengths, positions), 0.0, -np.inf).astype(alpha.dtype)
    feasible = np.isfinite(out)
    likelihood = np.where(feasible, -out, 0.0)[:, None]
    share = np.where(feasible, -g, 0.0)[:, None]
    d = np.zeros_like(log_probs)
    to_come = np.full_like(ends, -np.inf)  # log-probability of all that follows, from each position
    for t in range(steps - 1, -1, -1):
        if t + 1 < steps:
            following = to_come + emitted[t + 1]
            to_come = following.copy()
            np.logaddexp(to_come[:, :-1], following[:, 1:], out=to_come[:, :-1])
            np.logaddexp(to_come[:, :-2], following[:, 2:], out=to_come[:, :-2], where=leaps[:, 2:])
        to_come = np.where((t == input_lengths - 1)[:, None], ends, to_come)
        posterior = np.exp(alpha[t] + to_come - likelihood) * share
        np.add.at(d[t], (np.arange(batch)[:, None], extended), posterior)
    return d, None, None, None
