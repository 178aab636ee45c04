"""Losses of numbers, element by element: regression, binary cross-entropy, divergence, likelihoods.

Shapes that would broadcast silently raise, and so does another floating dtype than the input's; integer and bool targets are
taken as its numbers. `reduction` is ``"mean"`` (default), ``"sum"`` or ``"none"``; the older arguments
`size_average` and `reduce` say the same: PyTorch has deprecated them and they are only heeded where they are given.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...engine.tensor import Tensor
from ...ops import losses as ops
from ...ops.activation import log_sigmoid
from ...ops.arranging import expand_dims
from ...ops.bounds import keep_within
from ...ops.elementwise import absolute, exp, log, maximum, square, where
from ...ops.reduction import mean, sum
from ...ops.shape import detach
from .operands import refuse

__all__ = [
    "binary_cross_entropy", "binary_cross_entropy_with_logits", "gaussian_nll_loss", "huber_loss", "kl_div", "l1_loss",
    "mse_loss", "poisson_nll_loss", "smooth_l1_loss",
]  # fmt: skip


# ---- what all losses share -------------------------------------------------------------------------------------------


def settled(size_average: bool | None, reduce: bool | None, reduction: str) -> str:
    """The reduction, also as the deprecated arguments say it."""
    if size_average is None and reduce is None:
        return reduction
    if reduce is False:
        return "none"
    return "sum" if size_average is False else "mean"


def reduced(name: str, losses: Any, reduction: str, weight: Any = None) -> Any:
    """The losses, times their weights if given: each, their (weighted) mean or their sum."""
    if weight is not None:
        losses = losses * weight
    if reduction == "mean":
        return mean(losses) if weight is None else sum(losses) / sum(weight)
    if reduction == "sum":
        return sum(losses)
    if reduction == "none":
        return losses
    raise refuse(name, f"the reduction {reduction!r} is not 'mean', 'sum' or 'none'")


def floating(name: str, role: str, x: Any, like: Any = None) -> Any:
    """x as a floating Tensor or array, of the dtype of `like`, which integers and bools become; TypeError for other dtypes."""
    if not isinstance(x, (Tensor, np.ndarray, np.generic)):
        x = np.asarray(x, None if like is None else like.dtype)
    if like is not None and x.dtype.kind in "iub":
        return x.astype(like.dtype)
    if x.dtype.kind != "f" or (like is not None and x.dtype != like.dtype):
        wanted = "a floating dtype" if like is None else f"{like.dtype}, as the input is"
        fix = "float32" if like is None else like.dtype.name
        raise refuse(name, f"the {role} is {x.dtype}; it takes {wanted}: pass {role}.astype({fix!r})", TypeError)
    return x


def alike(name: str, **operands: Any) -> list[Any]:
    """Floating Tensors of one shape and dtype; ValueError or TypeError that says which differ."""
    (first, x), *others = operands.items()
    x = floating(name, first, x)
    found = [x]
    for role, y in others:
        y = floating(name, role, y, x)
        if y.shape != x.shape:
            raise refuse(
                name,
                f"the {first} has shape {x.shape} and the {role} {y.shape}; they must have one shape, and broadcasting here "
                f"is nearly always a mistake: reshape one of them",
            )
        found.append(y)
    return found


def within(name: str, **operands: tuple[Any, float, float]) -> None:
    """ValueError for values outside [low, high]."""
    for role, (x, low, high) in operands.items():
        values = getattr(x, "_array", x)
        if values.size and (values.min() < low or values.max() > high):
            bounds = f"from {low:g} to {high:g}" if high < math.inf else f"at least {low:g}"
            raise refuse(name, f"the {role} must be {bounds}; its values run from {values.min()} to {values.max()}")
        keep_within(x, low, high)


def broadcasting(name: str, role: str, weight: Any, losses: Any) -> Any:
    """A weight of the losses' dtype whose shape broadcasts to theirs, or None."""
    if weight is None:
        return None
    weight = floating(name, role, weight, losses)
    try:
        fits = np.broadcast_shapes(weight.shape, losses.shape) == losses.shape
    except ValueError:
        fits = False
    if not fits:
        raise refuse(name, f"the {role} of shape {weight.shape} does not broadcast to the losses, {losses.shape}")
    return weight


# ---- regression ------------------------------------------------------------------------------------------------------


def _compared(name: str, losses: Any, size_average: Any, reduce: Any, reduction: str, weight: Any) -> Any:
    if weight is not None:
        (_, weight) = alike(name, input=losses, weight=weight)
    return reduced(name, losses, settled(size_average, reduce, reduction), weight)


def l1_loss(
    input: Any,
    target: Any,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Any = None,
) -> Any:
    """The absolute error |x - y|; `weight`, of the same shape, makes the mean a weighted one.

    >>> F.l1_loss(ag.tensor([1.0, 3.0]), ag.tensor([0.0, 0.0]))
    tensor(2., dtype=float32)
    """
    input, target = alike("l1_loss", input=input, target=target)
    return _compared("l1_loss", absolute(input - target), size_average, reduce, reduction, weight)


def mse_loss(
    input: Any,
    target: Any,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Any = None,
) -> Any:
    """The squared error (x - y)^2; `weight`, of the same shape, makes the mean a weighted one.

    >>> F.mse_loss(ag.tensor([1.0, 3.0]), ag.tensor([0.0, 0.0]))
    tensor(5., dtype=float32)
    """
    input, target = alike("mse_loss", input=input, target=target)
    return _compared("mse_loss", square(input - target), size_average, reduce, reduction, weight)


def huber_loss(input: Any, target: Any, reduction: str = "mean", delta: float = 1.0, weight: Any = None) -> Any:
    r"""With d = x - y: :math:`d^2 / 2` where :math:`|d| \le \delta`, :math:`\delta (|d| - \delta / 2)` beyond; Huber (1964).

    `weight`, of the same shape, multiplies the losses; the mean is not divided by it, as PyTorch's is not.
    Raises ValueError for a delta that is not positive.

    >>> F.huber_loss(ag.tensor([1.0, 3.0]), ag.tensor([0.0, 0.0]), reduction="none")
    tensor([0.5, 2.5], dtype=float32)
    """
    if not delta > 0.0:
        raise refuse("huber_loss", f"delta must be positive, not {delta}")
    input, target = alike("huber_loss", input=input, target=target)
    losses = ops.huber(input - target, delta)
    if weight is not None:
        losses = losses * alike("huber_loss", input=input, weight=weight)[1]
    return reduced("huber_loss", losses, reduction)


def smooth_l1_loss(
    input: Any,
    target: Any,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Any:
    r"""With d = x - y: :math:`d^2 / 2\beta` where :math:`|d| < \beta`, :math:`|d| - \beta / 2` beyond.

    Girshick, arXiv:1504.08083. beta 0 is `l1_loss`. Raises ValueError for a negative beta.

    >>> F.smooth_l1_loss(ag.tensor([1.0, 3.0]), ag.tensor([0.0, 0.0]), reduction="none", beta=2.0)
    tensor([0.25, 2.  ], dtype=float32)
    """
    if beta < 0.0:
        raise refuse("smooth_l1_loss", f"beta must not be negative, as {beta} is")
    input, target = alike("smooth_l1_loss", input=input, target=target)
    losses = ops.huber(input - target, beta) * (1.0 / beta) if beta else absolute(input - target)
    return reduced("smooth_l1_loss", losses, settled(size_average, reduce, reduction))


# ---- probabilities ---------------------------------------------------------------------------------------------------


def binary_cross_entropy(
    input: Any,
    target: Any,
    weight: Any = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Any:
    r""":math:`-(y \log x + (1 - y) \log(1 - x))` of probabilities x; the logarithms are at least -100, as PyTorch's are.

    `weight` broadcasts to the losses and multiplies them. Raises ValueError for x or y outside
    [0, 1].

    >>> F.binary_cross_entropy(ag.tensor([0.5]), ag.tensor([1.0])).numpy().round(3)
    np.float32(0.693)
    """
    name = "binary_cross_entropy"
    input, target = alike(name, input=input, target=target)
    within(name, input=(input, 0.0, 1.0), target=(target, 0.0, 1.0))
    losses = ops.binary_cross_entropy(input, target)
    weight = broadcasting(name, "weight", weight, losses)
    return reduced(name, losses if weight is None else losses * weight, settled(size_average, reduce, reduction))


def binary_cross_entropy_with_logits(
    input: Any,
    target: Any,
    weight: Any = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: Any = None,
) -> Any:
    r""":math:`-(p\, y \log \sigma(x) + (1 - y) \log(1 - \sigma(x)))`, without overflow; p is `pos_weight`, 1 by default.

    `weight` and `pos_weight` broadcast to the losses.

    >>> F.binary_cross_entropy_with_logits(ag.tensor([0.0, 200.0]), ag.tensor([1.0, 0.0]), reduction="none").numpy().round(3)
    array([  0.693, 200.   ], dtype=float32)
    """
    name = "binary_cross_entropy_with_logits"
    input, target = alike(name, input=input, target=target)
    pos_weight = broadcasting(name, "pos_weight", pos_weight, input)
    # log(1 - sigmoid(x)) = log(sigmoid(x)) - x
    times = 1.0 if pos_weight is None else (pos_weight - 1.0) * target + 1.0
    losses = (1.0 - target) * input - times * log_sigmoid(input)
    weight = broadcasting(name, "weight", weight, losses)
    return reduced(name, losses if weight is None else losses * weight, settled(size_average, reduce, reduction))


def kl_div(
    input: Any,
    target: Any,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Any:
    r"""The terms :math:`y (\log y - x)` of the divergence of probabilities y from log-probabilities x; Kullback, Leibler (1951).

    `log_target`: the target holds log y. `reduction` may also be ``"batchmean"``, the sum divided by the length of the first
    axis, which is the divergence itself; ``"mean"`` divides by all elements.

    >>> F.kl_div(ag.log(ag.tensor([[0.5, 0.5]])), ag.tensor([[0.0, 1.0]]), reduction="batchmean").numpy().round(3)
    np.float32(0.693)
    """
    input, target = alike("kl_div", input=input, target=target)
    if log_target:
        losses = exp(target) * (target - input)
    else:
        entropy = where(target > 0.0, target * log(where(target > 0.0, target, 1.0)), 0.0)
        losses = entropy - target * input
    reduction = settled(size_average, reduce, reduction)
    if reduction == "batchmean":
        return sum(losses) / float(input.shape[0]) if input.ndim else sum(losses)
    return reduced("kl_div", losses, reduction)


# ---- likelihoods -----------------------------------------------------------------------------------------------------


def gaussian_nll_loss(
    input: Any, target: Any, var: Any, full: bool = False, eps: float = 1e-6, reduction: str = "mean"
) -> Any:
    r""":math:`\frac12 (\log v + (x - y)^2 / v)`, of a normal y with mean x and variance v, at least eps.

    Nix and Weigend (1994). `var`: the shape of the input, the same with a last axis of 1 or without it, or a number; where it is
    less than `eps` (default 1e-6), eps takes its place and the gradient passes. `full` adds :math:`\frac12 \log 2\pi`.
    Raises ValueError for a negative variance and for an eps that is not positive.

    >>> F.gaussian_nll_loss(ag.tensor([1.0]), ag.tensor([3.0]), ag.tensor([1.0]))
    tensor(2., dtype=float32)
    """
    name = "gaussian_nll_loss"
    input, target = alike(name, input=input, target=target)
    if not eps > 0.0:
        raise refuse(name, f"eps must be positive, not {eps}")
    if isinstance(var, (int, float)):
        var = np.full(input.shape, var, input.dtype)
    var = floating(name, "var", var, input)
    if var.shape != input.shape:
        if var.shape == input.shape[:-1]:
            var = expand_dims(var, -1)
        elif var.shape != (*input.shape[:-1], 1):
            raise refuse(name, f"var has shape {var.shape} for an input of {input.shape}; it takes that, or one a row")
    within(name, var=(var, 0.0, math.inf))
    values = detach(var)
    var = var + (maximum(values, eps) - values)
    losses = 0.5 * (log(var) + square(input - target) / var)
    if full:
        losses = losses + 0.5 * math.log(2.0 * math.pi)
    return reduced(name, losses, reduction)


def poisson_nll_loss(
    input: Any,
    target: Any,
    log_input: bool = True,
    full: bool = False,
    size_average: bool | None = None,
    eps: float = 1e-8,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Any:
    r""":math:`e^x - y x`, of a count y with the rate :math:`e^x`; without `log_input`, :math:`x - y \log(x + \epsilon)`.

    `full` adds Stirling's approximation of log y!, :math:`y \log y - y + \frac12 \log 2 \pi y`, where y > 1.

    >>> F.poisson_nll_loss(ag.tensor([0.0]), ag.tensor([3.0]))
    tensor(1., dtype=float32)
    """
    input, target = alike("poisson_nll_loss", input=input, target=target)
    losses = exp(input) - target * input if log_input else input - target * log(input + eps)
    if full:
        y = where(target > 1.0, target, 1.0)
        losses = losses + where(target > 1.0, y * log(y) - y + 0.5 * log(2.0 * math.pi * y), 0.0)
    return reduced("poisson_nll_loss", losses, settled(size_average, reduce, reduction))
