"""Normalisation: batch, instance, group, layer, root mean square, and over neighbouring channels."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...engine.modes import no_grad
from ...engine.tensor import assign
from ...ops.elementwise import maximum, power, square
from ...ops.normalisation import rms_normalise, standardise
from ...ops.norms import vector_norm
from ...ops.pooling import avg_pool2d
from ...ops.reduction import mean
from ...ops.shape import reshape
from .operands import refuse
from .padding import pad

__all__ = [
    "batch_norm", "group_norm", "instance_norm", "layer_norm", "local_response_norm", "normalize", "rms_norm",
]  # fmt: skip


def _by_channel(t: Any, ndim: int) -> Any:
    """An array (channels,) in the shape that broadcasts over the channel axis, the second."""
    return None if t is None else reshape(t, (-1,) + (1,) * (ndim - 2))


def _channelled(name: str, input: Any, **arrays: Any) -> None:
    """ValueError unless the input is (batch, channels, ...) and the arrays are (channels,)."""
    if input.ndim < 2:
        raise refuse(name, f"the input has the axes (batch, channels, ...), not the shape {input.shape}")
    for what, t in arrays.items():
        if t is not None and t.shape != input.shape[1:2]:
            raise refuse(
                name,
                f"{what} has shape {t.shape}, but the input {input.shape} has {input.shape[1]} channels in its axis 1",
            )


def _moved(running_mean: Any, running_var: Any, mean: Any, variance: Any, count: int, momentum: Any) -> None:
    """Move running statistics towards these; the variance's estimate divides by count - 1."""
    with no_grad():
        assign(running_mean, running_mean + momentum * (mean.reshape(-1) - running_mean))
        unbiased = variance.reshape(-1) * (count / (count - 1))
        assign(running_var, running_var + momentum * (unbiased - running_var))


def _of_nothing(input: Any, w: Any, b: Any) -> Any:
    """An empty input, differentiable as any other: it has no statistics, and running ones do not move."""
    out = input if w is None else input * w
    return out if b is None else out + b


def batch_norm(
    input: Any,
    running_mean: Any,
    running_var: Any,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Any:
    r"""Each channel standardised: :math:`(x - \mu) / \sqrt{\sigma^2 + \epsilon} \cdot w + b`.

    Ioffe and Szegedy, arXiv:1502.03167. Shapes: input (batch, channels, ...); the others (channels,).
    `training`: with the batch's own mean and variance, and then the running ones (if given) move by `momentum` towards them (the
    variance's estimate divides by count - 1); else with the running ones.
    Raises ValueError for a single value a channel in training, and for shapes that do not fit.

    >>> F.batch_norm(ag.tensor([[1.0], [3.0]]), None, None, training=True, eps=0.0)
    tensor([[-1.],
            [ 1.]], dtype=float32)
    """
    _channelled("batch_norm", input, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias)
    w, b = _by_channel(weight, input.ndim), _by_channel(bias, input.ndim)
    if not training:
        if running_mean is None or running_var is None:
            raise refuse("batch_norm", "outside training it needs running_mean and running_var")
        scale = (_by_channel(running_var, input.ndim) + eps) ** -0.5
        scale = scale if w is None else scale * w
        shift = -_by_channel(running_mean, input.ndim) * scale
        return input * scale + (shift if b is None else shift + b)
    if 0 in input.shape:
        return _of_nothing(input, w, b)
    count = math.prod(input.shape) // input.shape[1]
    if count == 1:
        raise refuse(
            "batch_norm", f"an input of {input.shape} has one value a channel, which has no variance to train with"
        )
    out, centre, variance = standardise(input, w, b, axes=(0, *range(2, input.ndim)), eps=eps)
    if running_mean is not None and running_var is not None:
        _moved(running_mean, running_var, centre, variance, count, momentum)
    return out


def instance_norm(
    input: Any,
    running_mean: Any = None,
    running_var: Any = None,
    weight: Any = None,
    bias: Any = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Any:
    """Each channel of each sample standardised over its space: Ulyanov et al., arXiv:1607.08022.

    Shapes: input (batch, channels, *space); the others (channels,). With `use_input_stats` by the sample's own mean and variance,
    towards whose means over the batch the running ones (if given) move by `momentum`; else by the running ones, as `batch_norm`.
    Raises ValueError for shapes that do not fit, and for a space of one element with `use_input_stats`.

    >>> F.instance_norm(ag.tensor([[[1.0, 3.0]]]), eps=0.0)
    tensor([[[-1.,  1.]]], dtype=float32)
    """
    if not use_input_stats:
        return batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)
    _channelled("instance_norm", input, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias)
    count = math.prod(input.shape[2:])
    if count == 1:
        raise refuse("instance_norm", f"an input of {input.shape} has a space of one element, which has no variance")
    w, b = _by_channel(weight, input.ndim), _by_channel(bias, input.ndim)
    if 0 in input.shape:
        return _of_nothing(input, w, b)
    out, centre, variance = standardise(input, w, b, axes=tuple(range(2, input.ndim)), eps=eps)
    if running_mean is not None and running_var is not None:
        _moved(running_mean, running_var, mean(centre, 0), mean(variance, 0), count, momentum)
    return out


def group_norm(input: Any, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    """Groups of channels of each sample standardised together: Wu and He, arXiv:1803.08494.

    Shapes: input (batch, channels, ...); weight and bias (channels,). Raises ValueError for channels that do not divide into the
    groups, for shapes that do not fit, and for groups of one value.

    >>> F.group_norm(ag.tensor([[1.0, 3.0, 5.0, 9.0]]), 2, eps=0.0)
    tensor([[-1.,  1., -1.,  1.]], dtype=float32)
    """
    _channelled("group_norm", input, weight=weight, bias=bias)
    channels = input.shape[1]
    if num_groups < 1 or channels % num_groups:
        raise refuse("group_norm", f"the {channels} channels of {input.shape} do not divide into {num_groups} groups")
    each = channels // num_groups
    if each * math.prod(input.shape[2:]) == 1 and input.shape[0] == 1:
        raise refuse(
            "group_norm", f"an input of {input.shape} in {num_groups} groups of one value, which has no variance"
        )
    split = (num_groups, each, *(1,) * (input.ndim - 2))
    w, b = [None if t is None else reshape(t, split) for t in (weight, bias)]
    grouped = reshape(input, (input.shape[0], num_groups, each, *input.shape[2:]))
    return reshape(standardise(grouped, w, b, axes=tuple(range(2, grouped.ndim)), eps=eps)[0], input.shape)


def _normalised_axes(name: str, input: Any, normalized_shape: Any, **arrays: Any) -> tuple[int, ...]:
    """The last axes, after their shape and that of the arrays was checked."""
    shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    if not shape or input.shape[-len(shape) :] != shape:
        raise refuse(name, f"an input of {input.shape} does not end in the normalized_shape {shape}")
    for what, t in arrays.items():
        if t is not None and t.shape != shape:
            raise refuse(name, f"the {what} has shape {t.shape}, not the normalized_shape {shape}")
    return tuple(range(input.ndim - len(shape), input.ndim))


def layer_norm(input: Any, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    r"""The last axes standardised: :math:`(x - \mu) / \sqrt{\sigma^2 + \epsilon} \cdot w + b`; Ba et al., arXiv:1607.06450.

    Shapes: input (..., *normalized_shape); weight and bias normalized_shape. Raises ValueError for shapes that do not fit.

    >>> F.layer_norm(ag.tensor([[1.0, 3.0]]), 2, eps=0.0)
    tensor([[-1.,  1.]], dtype=float32)
    """
    axes = _normalised_axes("layer_norm", input, normalized_shape, weight=weight, bias=bias)
    return standardise(input, weight, bias, axes=axes, eps=eps)[0]


def rms_norm(input: Any, normalized_shape: Any, weight: Any = None, eps: float | None = None) -> Any:
    r"""The last axes divided by their root mean square: :math:`x / \sqrt{\overline{x^2} + \epsilon} \cdot w`; arXiv:1910.07467.

    Shapes: input (..., *normalized_shape); weight normalized_shape. `eps`: None is the dtype's machine epsilon.
    Raises ValueError for shapes that do not fit.

    >>> F.rms_norm(ag.tensor([[3.0, -3.0]]), 2)
    tensor([[ 1., -1.]], dtype=float32)
    """
    axes = _normalised_axes("rms_norm", input, normalized_shape, weight=weight)
    return rms_normalise(input, weight, axes=axes, eps=float(np.finfo(input.dtype).eps) if eps is None else eps)


def local_response_norm(input: Any, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Any:
    r"""Each element divided by those of neighbouring channels: :math:`x / (k + \alpha \overline{x^2})^\beta`.

    The mean is over `size` channels, those beyond the first and last counting as 0. Krizhevsky et al., NIPS 2012, section 3.3.
    Shapes: (batch, channels, *space), and the same back. Raises ValueError for fewer than three axes.

    >>> F.local_response_norm(ag.ones((1, 2, 1)), 2, alpha=6.0, beta=1.0).numpy().round(3)
    array([[[0.25 ],
            [0.143]]], dtype=float32)
    """
    if input.ndim < 3 or size < 1:
        raise refuse(
            "local_response_norm",
            f"takes (batch, channels, *space) and a size of at least 1, not {input.shape} and {size}",
        )
    squares = reshape(square(input), (input.shape[0], 1, input.shape[1], math.prod(input.shape[2:])))
    sums = avg_pool2d(pad(squares, (0, 0, size // 2, (size - 1) // 2)), (size, 1), 1)
    return input / power(reshape(sums, input.shape) * alpha + k, beta)


def normalize(input: Any, p: float = 2.0, dim: Any = 1, eps: float = 1e-12) -> Any:
    r"""Divided by the p-norm along a dimension (or several), or by eps where that is larger: :math:`x / \max(\|x\|_p, \epsilon)`.

    >>> F.normalize(ag.tensor([[3.0, 4.0]]))
    tensor([[0.6, 0.8]], dtype=float32)
    """
    return input / maximum(vector_norm(input, axis=dim, keepdims=True, ord=p), eps)
