"""Fused operations: softmax, log-softmax and cross-entropy.

Each is a composition of plain operations, which is its meaning, and a fast forward beside it; the tests hold them together.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine.op import op
from .bounds import keep_within
from .comparison import not_equal
from .elementwise import exp, log, where
from .indexing import take, take_along_axis
from .reduction import max, sum
from .shape import detach, reshape_
from .totals import extremum, in_rows, total

__all__ = ["cross_entropy", "log_softmax", "softmax"]


@op(kind="fused", method=True)
def softmax(x, /, axis=-1):
    r"""Exponentials normalised to sum 1 along an axis: :math:`e^{x_i} / \sum_j e^{x_j}`, without overflow.

    >>> ag.softmax(ag.tensor([0.0, 0.0]))
    tensor([0.5, 0.5], dtype=float32)
    """
    if not x.size:
        return x * 1.0
    e = exp(x - detach(max(x, axis, True)))
    return e / sum(e, axis, None, True)


def _shifted(x: Any, axis: int) -> Any:
    """x minus its largest element along the axis, floating, in an array of its own."""
    largest = extremum(np.maximum, x, axis, True) if x.size else 0.0
    shifted = np.asarray(np.subtract(x, largest))
    return shifted if shifted.dtype.kind == "f" else shifted.astype(np.float64)


@softmax.fast
def _softmax(x: Any, axis: int) -> Any:
    if in_rows(x, axis):
        from ..kernels import softmax as native  # which imports numba

        native.softmax(w := x.copy(), masked=False)
        return w
    e = _shifted(x, axis)
    np.exp(e, out=e)
    return np.divide(e, total(e, axis, True), out=e)


@op(kind="fused")
def softmax_pulled(cotangent, weights, /, axis):
    """The cotangent of softmax's argument, of that of its result and its result."""
    return weights * (cotangent - sum(cotangent * weights, axis, None, True))


@softmax_pulled.fast
def _softmax_pulled(cotangent: Any, weights: Any, axis: int) -> Any:
    if in_rows(weights, axis) and weights.dtype == cotangent.dtype:
        from ..kernels import softmax as native

        native.softmax_gradient(d := np.array(cotangent, order="C"), weights)
        return d
    return weights * (cotangent - total(cotangent * weights, axis, True))


softmax.vjp(x=lambda g, out, axis: softmax_pulled(g, out, axis))


@op(kind="fused", method=True)
def log_softmax(x, /, axis=-1):
    r"""The logarithm of softmax along an axis: :math:`x_i - \log \sum_j e^{x_j}`, without overflow.

    >>> ag.log_softmax(ag.tensor([0.0, 0.0])).numpy().round(3)
    array([-0.693, -0.693], dtype=float32)
    """
    if not x.size:
        return x * 1.0
    shifted = x - detach(max(x, axis, True))
    return shifted - log(sum(exp(shifted), axis, None, True))


@log_softmax.fast
def _log_softmax(x: Any, axis: int) -> Any:
    if in_rows(x, axis):
        from ..kernels import softmax as native

        native.log_softmax(out := x.copy())
        return out
    shifted = _shifted(x, axis)
    if not shifted.size:
        return shifted
    return np.subtract(shifted, np.log(total(np.exp(shifted), axis, True)), out=shifted)


@op(kind="fused")
def log_softmax_pulled(cotangent, logs, /, axis):
    """The cotangent of log_softmax's argument, of that of its result and its result."""
    return cotangent - exp(logs) * sum(cotangent, axis, None, True)


@log_softmax_pulled.fast
def _log_softmax_pulled(cotangent: Any, logs: Any, axis: int) -> Any:
    if in_rows(logs, axis) and logs.dtype == cotangent.dtype:
        from ..kernels import softmax as native

        native.log_softmax_gradient(d := np.array(cotangent, order="C"), logs)
        return d
    return cotangent - np.exp(logs) * total(cotangent, axis, True)


log_softmax.vjp(x=lambda g, out, axis: log_softmax_pulled(g, out, axis))


def _check_labels(
    logits: Any, labels: Any, weight: Any, reduction: str, axis: int, ignore_index: int | None, label_smoothing: float
) -> None:
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"reduction {reduction!r} is not 'mean', 'sum' or 'none'")
    if not 0.0 <= label_smoothing <= 1.0:
        raise ValueError(f"label_smoothing {label_smoothing} is not within 0 and 1")
    if labels.dtype.kind not in "iu":
        raise TypeError(f"labels are class numbers, integers, not {labels.dtype}")
    if not -logits.ndim <= axis < logits.ndim:
        raise ValueError(f"logits of shape {logits.shape} have no axis {axis} of classes")
    classes = logits.shape[axis]
    expected = logits.shape[:-1] if axis == -1 else logits.shape[:axis] + logits.shape[axis + 1 :]
    if labels.shape != expected:
        raise ValueError(
            f"labels of shape {labels.shape} for logits of {logits.shape}; one label a row, shape {expected}"
        )
    if weight is not None and weight.shape != (classes,):
        raise ValueError(f"the weight has shape {weight.shape}, but there are {classes} classes: one weight each")
    if not labels.size or (labels.min() >= 0 and labels.max() < classes):
        return
    counted = labels if ignore_index is None else labels[labels != ignore_index]
    if counted.size and not (counted.min() >= 0 and counted.max() < classes):
        but = "" if ignore_index is None else f" (besides ignore_index, {ignore_index})"
        raise ValueError(f"labels run from {counted.min()} to {counted.max()}, but there are {classes} classes{but}")


def _places(labels: Any, ignore_index: int | None) -> tuple[Any, Any]:
    """Labels with 0 where they are ignored, and where they count (None: everywhere)."""
    if ignore_index is None:
        return labels, None
    counted = labels != ignore_index
    return (labels, None) if counted.all() else (np.where(counted, labels, 0), counted)


def _shares(labels: Any, weight: Any, counted: Any, dtype: Any) -> Any:
    """What each label's loss counts for, None if all count for 1."""
    if weight is None:
        return None if counted is None else counted.astype(dtype)
    shares = weight[labels]
    return shares if counted is None else shares * counted


@op(kind="fused")
def cross_entropy(logits, labels, weight=None, /, reduction="mean", axis=-1, ignore_index=None, label_smoothing=0.0):
    r"""The negative log-likelihood of labels under softmax: :math:`-w_y \log \mathrm{softmax}(z)_y`.

    With `label_smoothing` (default 0) :math:`\epsilon`: :math:`1 - \epsilon` of that and :math:`\epsilon / C` of the sum over
    all C classes; Szegedy et al., arXiv:1512.00567.
    Shapes: logits (..., classes), or with the classes along `axis`, floating; labels without that axis, integers from 0, of which
    those equal to `ignore_index` do not count; weight (classes,), by default ones. `reduction`: ``"mean"`` (default), divided by
    the sum of the labels' weights, ``"sum"`` or ``"none"``, which keeps the labels' shape.
    Raises TypeError for labels that are no integers, ValueError for shapes that differ and labels out of range.

    >>> f"{ag.cross_entropy(ag.tensor([[0.0, 0.0]]), np.array([1])):.3f}"
    '0.693'
    """
    z, y, given = (getattr(a, "_array", a) for a in (logits, labels, weight))
    _check_labels(z, np.asarray(y), given, reduction, axis, ignore_index, label_smoothing)
    # Operations only, and no choice by value: a recorded step is a program for other labels, too.
    counted = None if ignore_index is None else not_equal(labels, ignore_index)
    places = labels if counted is None else where(counted, labels, 0)
    keep_within(places, 0, logits.shape[axis] - 1)
    at = reshape_(places, tuple([1 if a == axis % logits.ndim else n for a, n in enumerate(logits.shape)]))
    w = 1.0 if weight is None else weight.reshape([-1 if a == axis % logits.ndim else 1 for a in range(logits.ndim)])
    weighted = log_softmax(logits, axis) * w
    losses = -sum(take_along_axis(weighted, at, axis), axis)
    if label_smoothing:
        share = label_smoothing / logits.shape[axis]
        losses = losses * (1.0 - label_smoothing) - share * sum(weighted, axis)
    if counted is not None:
        losses = where(counted, losses, 0.0)
    if reduction != "mean":
        return losses if reduction == "none" else sum(losses)
    if weight is None:
        return sum(losses) / (float(labels.size) if counted is None else sum(counted).astype(losses.dtype))
    shares = take(weight, places)
    return sum(losses) / sum(shares if counted is None else where(counted, shares, 0.0))


def _picked(by_class: np.ndarray, labels: Any) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """A contiguous array (..., classes) as rows, and an index of one element a row, at a third of take_along_axis' cost."""
    return by_class.reshape(labels.size, by_class.shape[-1]), (np.arange(labels.size), labels.reshape(-1))


def _last(logits: Any, axis: int) -> np.ndarray:
    """Contiguous, with the classes along the last axis."""
    return np.ascontiguousarray(logits if axis in (-1, logits.ndim - 1) else np.moveaxis(logits, axis, -1))


@cross_entropy.fast(residuals=("probabilities",))
def _cross_entropy(
    logits: Any, labels: Any, weight: Any, reduction: str, axis: int, ignore_index: int | None, label_smoothing: float
) -> Any:
    labels = np.asarray(labels)
    _check_labels(logits, labels, weight, reduction, axis, ignore_index, label_smoothing)
    places, counted = _places(labels, ignore_index)
    shifted = _shifted(_last(logits, axis), -1)
    rows, at = _picked(shifted, places)
    picked = rows[at].reshape(places.shape)
    smooth = None
    if label_smoothing:
        smooth = np.add.reduce(shifted if weight is None else shifted * weight, -1)
    probabilities = np.exp(shifted, out=shifted)
    sums = total(probabilities, -1)
    normaliser = np.log(sums)
    losses = normaliser - picked
    probabilities /= sums[..., None]
    shares = _shares(places, weight, counted, losses.dtype)
    if weight is not None:
        losses *= weight[places]
    if smooth is not None:
        whole = float(shifted.shape[-1]) if weight is None else np.add.reduce(weight)
        losses *= 1.0 - label_smoothing
        losses += (whole * normaliser - smooth) * (label_smoothing / shifted.shape[-1])
    if counted is not None:
        losses = np.where(counted, losses, 0.0).astype(losses.dtype)
    if reduction == "none":
        return losses, (probabilities,)
    out = np.add.reduce(losses, None)
    return _averaged(out, losses, shares) if reduction == "mean" else out, (probabilities,)


def _averaged(losses: Any, labels: Any, shares: Any) -> Any:
    """The sum of the losses divided by what all labels count for; NaN where none does."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return losses / (labels.size if shares is None else np.add.reduce(shares, None))


@cross_entropy.joint_vjp
def _cross_entropy_vjp(
    g: Any, probabilities: Any, labels: Any, weight: Any, reduction: str, axis: int, ignore_index: int | None,
    label_smoothing: float, wanted: Any,
) -> Any:  # fmt: skip
    """(softmax(z) - onehot(y)) times the cotangent of each loss; smoothing mixes in the same of every class."""
    if wanted[2]:
        raise NotImplementedError("cross_entropy is not differentiated by its weight; pass weight.detach()")
    places, counted = _places(labels, ignore_index)
    shares = _shares(places, weight, counted, probabilities.dtype)
    scale = _averaged(g, labels, shares) if reduction == "mean" else g
    if counted is not None and not counted.any():
        scale = np.zeros_like(scale)  # the mean of no label is NaN, which does not depend on the logits
    own = scale * (1.0 - label_smoothing)  # of the label's class
    if shares is not None:
        own = own * shares
    pull, each = own, None
    if label_smoothing:
        each = scale * (label_smoothing / probabilities.shape[-1])
        if counted is not None:
            each = each * counted
        pull = own + each * (float(probabilities.shape[-1]) if weight is None else np.add.reduce(weight))
    d = probabilities * np.asarray(pull, probabilities.dtype)[..., None]
    if each is not None:
        each = np.asarray(each, d.dtype)[..., None]
        d -= each if weight is None else each * weight
    rows, at = _picked(d, places)
    rows[at] -= np.asarray(own).reshape(-1)
    return d if axis in (-1, d.ndim - 1) else np.moveaxis(d, -1, axis), None, None
