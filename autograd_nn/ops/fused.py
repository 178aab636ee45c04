"""Fused operations: softmax, log-softmax and cross-entropy.

Each is a composition of plain operations, which is its meaning, and a fast forward beside it; the tests hold them together.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine.op import op
from .elementwise import exp, log
from .indexing import take_along_axis
from .reduction import max, mean, sum
from .shape import detach

__all__ = ["cross_entropy", "log_softmax", "softmax"]


@op(kind="fused", method=True)
def softmax(x, /, axis=-1):
    r"""Exponentials normalised to sum 1 along an axis: :math:`e^{x_i} / \sum_j e^{x_j}`, without overflow.

    >>> ag.softmax(ag.tensor([0.0, 0.0]))
    tensor([0.5, 0.5], dtype=float32)
    """
    e = exp(x - detach(max(x, axis, True)))
    return e / sum(e, axis, None, True)


def _shifted(x: Any, axis: int) -> Any:
    """x minus its largest element along the axis, floating, in an array of its own."""
    shifted = np.asarray(np.subtract(x, np.maximum.reduce(x, axis=axis, keepdims=True)))
    return shifted if shifted.dtype.kind == "f" else shifted.astype(np.float64)


@softmax.fast
def _softmax(x: Any, axis: int) -> Any:
    e = _shifted(x, axis)
    np.exp(e, out=e)
    return np.divide(e, np.add.reduce(e, axis=axis, keepdims=True), out=e)


softmax.vjp(x=lambda g, out, axis: out * (g - sum(g * out, axis, None, True)))


@op(kind="fused", method=True)
def log_softmax(x, /, axis=-1):
    r"""The logarithm of softmax along an axis: :math:`x_i - \log \sum_j e^{x_j}`, without overflow.

    >>> ag.log_softmax(ag.tensor([0.0, 0.0])).numpy().round(3)
    array([-0.693, -0.693], dtype=float32)
    """
    shifted = x - detach(max(x, axis, True))
    return shifted - log(sum(exp(shifted), axis, None, True))


@log_softmax.fast
def _log_softmax(x: Any, axis: int) -> Any:
    shifted = _shifted(x, axis)
    return np.subtract(shifted, np.log(np.add.reduce(np.exp(shifted), axis=axis, keepdims=True)), out=shifted)


log_softmax.vjp(x=lambda g, out, axis: g - exp(out) * sum(g, axis, None, True))


def _check_labels(logits: Any, labels: Any, reduction: str) -> None:
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"reduction {reduction!r} is not 'mean', 'sum' or 'none'")
    if labels.dtype.kind not in "iu":
        raise TypeError(f"labels are class numbers, integers, not {labels.dtype}")
    if labels.shape != logits.shape[:-1]:
        raise ValueError(
            f"labels of shape {labels.shape} for logits of {logits.shape}; one label a row, shape {logits.shape[:-1]}"
        )
    if labels.size and not (labels.min() >= 0 and labels.max() < logits.shape[-1]):
        raise ValueError(f"labels run from {labels.min()} to {labels.max()}, but there are {logits.shape[-1]} classes")


@op(kind="fused")
def cross_entropy(logits, labels, /, reduction="mean"):
    r"""The negative log-likelihood of labels under softmax: :math:`-\log \mathrm{softmax}(z)_y`.

    Shapes: logits (..., classes), floating; labels (...), integers from 0. `reduction`: ``"mean"`` (default),
    ``"sum"`` or ``"none"``, which keeps the labels' shape.
    Raises TypeError for labels that are no integers, ValueError for shapes that differ and labels out of range.

    >>> f"{ag.cross_entropy(ag.tensor([[0.0, 0.0]]), np.array([1])):.3f}"
    '0.693'
    """
    _check_labels(getattr(logits, "_array", logits), np.asarray(getattr(labels, "_array", labels)), reduction)
    picked = -take_along_axis(log_softmax(logits), labels[..., None])[..., 0]
    return picked if reduction == "none" else mean(picked) if reduction == "mean" else sum(picked)


def _rows(labels: Any) -> np.ndarray:
    """The number of each label's row: with the label itself it picks one element a row, at a third of take_along_axis' cost."""
    return np.arange(labels.size)


@cross_entropy.fast(residuals=("probabilities",))
def _cross_entropy(logits: Any, labels: Any, reduction: str) -> Any:
    labels = np.asarray(labels)
    _check_labels(logits, labels, reduction)
    shifted = _shifted(logits, -1)
    picked = shifted.reshape(-1, shifted.shape[-1])[_rows(labels), labels.reshape(-1)].reshape(labels.shape)
    probabilities = np.exp(shifted, out=shifted)
    total = np.add.reduce(probabilities, -1)
    losses = np.log(total) - picked
    probabilities /= total[..., None]
    if reduction == "none":
        return losses, (probabilities,)
    out = np.add.reduce(losses, None)
    return (np.true_divide(out, losses.size) if reduction == "mean" else out), (probabilities,)


@cross_entropy.joint_vjp
def _cross_entropy_vjp(g: Any, probabilities: Any, labels: Any, reduction: str, wanted: Any) -> Any:
    """(softmax(z) - onehot(y)) times the cotangent of each loss."""
    scale = g / labels.size if reduction == "mean" else g[..., None] if reduction == "none" else g
    d = probabilities * scale
    d.reshape(-1, d.shape[-1])[_rows(labels), labels.reshape(-1)] -= scale if np.ndim(scale) == 0 else scale.reshape(-1)
    return d, None
