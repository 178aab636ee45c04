"""Losses of class scores: cross-entropy, likelihood, margins.

Labels are integers from 0; those out of range raise. `reduction` and its older forms as `functional.loss` says.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...engine.tensor import Tensor
from ...ops import fused
from ...ops.activation import log_sigmoid
from ...ops.alignment import ctc
from ...ops.arranging import expand_dims
from ...ops.bounds import keep_within
from ...ops.comparison import equal, logical_and, logical_not, not_equal
from ...ops.elementwise import maximum, relu, square, where
from ...ops.indexing import take, take_along_axis
from ...ops.reduction import any, mean, sum
from ...ops.scan import cumsum
from ...ops.shape import reshape
from .loss import alike, broadcasting, floating, reduced, settled
from .operands import refuse

__all__ = [
    "cross_entropy", "ctc_loss", "multi_margin_loss", "multilabel_margin_loss", "multilabel_soft_margin_loss", "nll_loss",
    "soft_margin_loss",
]  # fmt: skip


def values_of(labels: Any) -> np.ndarray:
    """The numbers of labels, which no gradient flows to."""
    return np.asarray(labels._array if isinstance(labels, Tensor) else labels)


def class_axis(name: str, input: Any) -> int:
    """Where the classes are: (classes,), (batch, classes) or (batch, classes, ...)."""
    if input.ndim == 0:
        raise refuse(name, "the input has no axis of classes: (classes,), (batch, classes) or (batch, classes, ...)")
    return -1 if input.ndim <= 2 else 1


def checked_labels(name: str, input: Any, target: Any, axis: int, ignored: int | None) -> Any:
    """The labels, a Tensor if they are one, so that a recorded step is a program for others, too.

    TypeError unless they are integers, ValueError unless one a row and each one of the classes.
    """
    labels = values_of(target)
    if labels.dtype.kind not in "iu":
        raise refuse(name, f"labels are class numbers, integers, not {labels.dtype}", TypeError)
    expected = input.shape[:-1] if axis == -1 else input.shape[:1] + input.shape[2:]
    if labels.shape != expected:
        raise refuse(name, f"the labels have shape {labels.shape} for an input of {input.shape}; they take {expected}")
    classes, counted = input.shape[axis], labels if ignored is None else labels[labels != ignored]
    if counted.size and not (counted.min() >= 0 and counted.max() < classes):
        raise refuse(name, f"labels run from {counted.min()} to {counted.max()}, but there are {classes} classes")
    if isinstance(target, Tensor):
        keep_within(target if ignored is None else where(not_equal(target, ignored), target, 0), 0, classes - 1)
    return target if isinstance(target, Tensor) else labels


def class_weight(name: str, weight: Any, input: Any, classes: int) -> Any:
    """A weight of each class, or None."""
    if weight is None:
        return None
    weight = floating(name, "weight", weight, input)
    if weight.shape != (classes,):
        raise refuse(name, f"the weight has shape {weight.shape}, but there are {classes} classes: one weight each")
    if getattr(weight, "requires_grad", False):
        raise refuse(name, "there is no gradient for the weight; pass weight.detach()", TypeError)
    return weight


def cross_entropy(
    input: Any,
    target: Any,
    weight: Any = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Any:
    r"""The negative log-likelihood of targets under softmax: :math:`-w_y \log \mathrm{softmax}(x)_y`.

    Shapes: input (classes,), (batch, classes) or (batch, classes, ...), floating; target without the classes, integers, of which
    `ignore_index` (default -100) does not count; or probabilities of the input's shape, floating:
    :math:`-\sum_c w_c\, y_c \log \mathrm{softmax}(x)_c`. `weight`: (classes,). ``"mean"`` divides by the sum of the labels'
    weights, for probabilities by the number of rows. `label_smoothing` (default 0) takes this share of the target and spreads it
    over all classes; Szegedy et al., arXiv:1512.00567.
    Raises ValueError for labels out of range and shapes that do not fit, TypeError for other dtypes.

    >>> F.cross_entropy(ag.tensor([[0.0, 0.0]]), np.array([1])).numpy().round(3)
    np.float32(0.693)
    """
    name = "cross_entropy"
    reduction = settled(size_average, reduce, reduction)
    input = floating(name, "input", input)
    axis = class_axis(name, input)
    classes = input.shape[axis]
    weight = class_weight(name, weight, input, classes)
    if not isinstance(target, (Tensor, np.ndarray)):
        target = np.asarray(target)
    if target.dtype.kind != "f":
        return fused.cross_entropy(
            input,
            target,
            weight,
            reduction=reduction,
            axis=axis,
            ignore_index=ignore_index,
            label_smoothing=label_smoothing,
        )
    if not 0.0 <= label_smoothing <= 1.0:
        raise refuse(name, f"label_smoothing {label_smoothing} is not within 0 and 1")
    if ignore_index >= 0:
        raise refuse(name, f"ignore_index {ignore_index} is a label; with probabilities there is none to ignore")
    if target.ndim < input.ndim:
        raise refuse(
            name,
            f"the input has shape {input.shape} and the target {target.shape}, {target.dtype}; labels are integers, "
            f"target.astype('int64'), and probabilities have the input's shape",
        )
    input, target = alike(name, input=input, target=target)
    if label_smoothing:
        target = target * (1.0 - label_smoothing) + label_smoothing / classes
    terms = target * fused.log_softmax(input, axis)
    if weight is not None:
        terms = terms * reshape(weight, (-1, *[1] * (input.ndim - 2)) if input.ndim > 2 else (-1,))
    losses = -sum(terms, axis)
    return reduced(name, losses, reduction)


def nll_loss(
    input: Any,
    target: Any,
    weight: Any = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Any:
    r"""The negative log-likelihood of labels, given log-probabilities: :math:`-w_y x_y`.

    Shapes and arguments as `cross_entropy` of labels, which is this of `log_softmax`.

    >>> F.nll_loss(ag.log(ag.tensor([[0.5, 0.5]])), np.array([1])).numpy().round(3)
    np.float32(0.693)
    """
    name = "nll_loss"
    reduction = settled(size_average, reduce, reduction)
    input = floating(name, "input", input)
    axis = class_axis(name, input)
    labels = checked_labels(name, input, target, axis, ignore_index)
    weight = class_weight(name, weight, input, input.shape[axis])
    counted = not_equal(labels, ignore_index)
    places = where(counted, labels, 0)
    shares = counted.astype(input.dtype)
    if weight is not None:
        shares = take(weight, places) * shares
    picked = take_along_axis(input, expand_dims(places, axis), axis)
    # Not a product alone: what does not count may be infinite.
    losses = where(counted, -reshape(picked, labels.shape), 0.0) * shares
    if reduction != "mean":
        return reduced(name, losses, reduction)
    total = sum(shares)
    return sum(losses) / where(equal(total, 0.0), math.nan, total)  # of no label the mean is NaN


def multi_margin_loss(
    input: Any,
    target: Any,
    p: int = 1,
    margin: float = 1.0,
    weight: Any = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Any:
    r""":math:`\frac1C \sum_{i \ne y} w_y \max(0, m - x_y + x_i)^p`: every other class a margin m below the label's.

    Shapes: input (batch, classes) or (classes,), labels (batch,) or (); weight (classes,). p: 1 (default) or 2.

    >>> F.multi_margin_loss(ag.tensor([[0.0, 0.5]]), np.array([1]))
    tensor(0.25, dtype=float32)
    """
    name = "multi_margin_loss"
    if p not in (1, 2):
        raise refuse(name, f"p is 1 or 2, not {p}")
    input = floating(name, "input", input)
    if input.ndim not in (1, 2):
        raise refuse(name, f"the input has shape {input.shape}; it takes (batch, classes) or (classes,)")
    labels = checked_labels(name, input, target, -1, None)
    weight = class_weight(name, weight, input, input.shape[-1])
    own = take_along_axis(input, labels[..., None], -1)
    excess = relu(margin - own + input)
    excess = square(excess) if p == 2 else excess
    other = not_equal(labels[..., None], np.arange(input.shape[-1]))
    losses = sum(where(other, excess, 0.0), -1) * (1.0 / input.shape[-1])
    losses = losses if weight is None else losses * take(weight, labels)
    return reduced(name, losses, settled(size_average, reduce, reduction))


def multilabel_margin_loss(
    input: Any, target: Any, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean"
) -> Any:
    r""":math:`\frac1C \sum_{j \in y} \sum_{i \notin y} \max(0, 1 - (x_j - x_i))`: every label's score a margin above the others'.

    Shapes: input (batch, classes) or (classes,); target the same, integers: a row's labels, which end before the first -1.

    >>> F.multilabel_margin_loss(ag.tensor([[0.5, 0.0]]), np.array([[0, -1]]))
    tensor(0.25, dtype=float32)
    """
    name = "multilabel_margin_loss"
    labels: Any
    input, labels = floating(name, "input", input), values_of(target)
    if labels.dtype.kind not in "iu":
        raise refuse(name, f"labels are class numbers, integers, not {labels.dtype}", TypeError)
    if input.ndim not in (1, 2) or labels.shape != input.shape:
        raise refuse(
            name, f"an input of {input.shape} and labels of {labels.shape}; both take (batch, classes) or (classes,)"
        )
    classes = input.shape[-1]
    named: Any = np.logical_and.accumulate(labels != -1, -1)
    if named.any() and not (labels[named].min() >= 0 and labels[named].max() < classes):
        low, high = labels[named].min(), labels[named].max()
        raise refuse(name, f"labels run from {low} to {high}, but there are {classes} classes (-1 ends a row)")
    if isinstance(
        target, Tensor
    ):  # what was looked at here, again as operations: a recorded step is a program for others
        labels, named = target, equal(cumsum(equal(target, -1).astype("int64"), -1), 0)
        keep_within(where(named, labels, 0), 0, classes - 1)
    places = where(named, labels, 0)
    belongs = any(logical_and(equal(places[..., None], np.arange(classes)), named[..., None]), -2)
    own = take_along_axis(input, places, -1)
    excess = relu(1.0 - expand_dims(own, -1) + expand_dims(input, -2))
    counted = logical_and(named[..., :, None], logical_not(belongs)[..., None, :])
    losses = sum(where(counted, excess, 0.0), (-2, -1)) * (1.0 / classes)
    return reduced(name, losses, settled(size_average, reduce, reduction))


def multilabel_soft_margin_loss(
    input: Any,
    target: Any,
    weight: Any = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Any:
    r"""The mean over classes of :math:`-w (y \log \sigma(x) + (1 - y) \log \sigma(-x))`.

    Shapes: input and target (..., classes), floating; weight broadcasts to them.

    >>> F.multilabel_soft_margin_loss(ag.tensor([[0.0, 0.0]]), ag.tensor([[1.0, 0.0]])).numpy().round(3)
    np.float32(0.693)
    """
    name = "multilabel_soft_margin_loss"
    input, target = alike(name, input=input, target=target)
    terms = -(target * log_sigmoid(input) + (1.0 - target) * log_sigmoid(-input))
    weight = broadcasting(name, "weight", weight, terms)
    losses = mean(terms if weight is None else terms * weight, -1)
    return reduced(name, losses, settled(size_average, reduce, reduction))


def soft_margin_loss(
    input: Any, target: Any, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean"
) -> Any:
    r""":math:`\log(1 + e^{-y x})` with targets y of 1 and -1.

    >>> F.soft_margin_loss(ag.tensor([0.0]), ag.tensor([-1.0])).numpy().round(3)
    np.float32(0.693)
    """
    name = "soft_margin_loss"
    input, target = alike(name, input=input, target=target)
    return reduced(name, -log_sigmoid(target * input), settled(size_average, reduce, reduction))


def _in_rows(name: str, labels: Any, counts: Any) -> Any:
    """Labels of sequences that stand one behind the other as rows, filled up with 0; how many decides the shape."""
    lengths = counts.numpy() if isinstance(counts, Tensor) else counts
    if lengths.size and (lengths.min() < 0 or lengths.sum() != labels.size):
        raise refuse(name, f"target_lengths {lengths.tolist()} do not sum to the {labels.size} targets")
    column = np.arange(lengths.max(initial=0))
    filled = column < lengths[:, None]
    if not labels.size:
        return np.zeros(filled.shape, labels.dtype)
    return where(filled, take(labels, np.where(filled, (np.cumsum(lengths) - lengths)[:, None] + column, 0)), 0)


def ctc_loss(
    log_probs: Any,
    targets: Any,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Any:
    """The negative log-likelihood of labels in order, at unknown steps; Graves et al., ICML 2006.

    Shapes: log_probs (steps, batch, classes) or (steps, classes), as of `log_softmax`; targets (batch, most labels), or all
    labels one behind the other, (sum of target_lengths,), integers, none of them `blank` (default 0); the lengths (batch,) or
    (), integers. ``"mean"`` divides each loss by its number of labels first. `zero_infinity`: 0 where the labels do not fit the
    steps, instead of infinity. Raises ValueError for other shapes, and for labels and lengths out of range.

    >>> uniform = ag.log(ag.full((2, 1, 2), 0.5))
    >>> F.ctc_loss(uniform, np.array([[1]]), np.array([2]), np.array([1])).numpy().round(3)
    np.float32(0.288)
    """
    name = "ctc_loss"
    log_probs = floating(name, "log_probs", log_probs)
    if log_probs.ndim not in (2, 3):
        raise refuse(
            name, f"log_probs have shape {log_probs.shape}; they take (steps, batch, classes) or (steps, classes)"
        )
    batched = log_probs.ndim == 3
    if not batched:
        log_probs = expand_dims(log_probs, 1)
    labels, inputs, counts = (
        n if isinstance(n, Tensor) else np.asarray(n) for n in (targets, input_lengths, target_lengths)
    )
    inputs, counts = inputs.reshape(-1), counts.reshape(-1)
    for role, numbers in (("targets", labels), ("input_lengths", inputs), ("target_lengths", counts)):
        if numbers.dtype.kind not in "iu":
            raise refuse(name, f"the {role} are integers, not {numbers.dtype}", TypeError)
    if labels.ndim == 1:
        labels = _in_rows(name, labels, counts)
    losses = ctc(log_probs, labels, inputs, counts, blank=blank)
    if zero_infinity:
        losses = where(losses == math.inf, 0.0, losses)
    if reduction == "mean":
        losses = losses / maximum(counts, 1).astype(log_probs.dtype)
    elif not batched:
        losses = losses[0] if reduction == "none" else losses
    return reduced(name, losses, reduction)
