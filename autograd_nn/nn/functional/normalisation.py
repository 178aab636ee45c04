"""Normalisation: batch, layer, group, instance and root mean square."""

from __future__ import annotations

import math
from typing import Any

from ...engine.modes import no_grad
from ...engine.tensor import assign
from ...ops.normalisation import standardise
from ...ops.shape import reshape

__all__ = ["batch_norm", "layer_norm"]


def _by_channel(t: Any, ndim: int) -> Any:
    """An array (channels,) in the shape that broadcasts over the channel axis, the second."""
    return None if t is None else reshape(t, (-1,) + (1,) * (ndim - 2))


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
    if input.ndim < 2:
        raise ValueError(f"batch_norm: the input has the axes (batch, channels, ...), not the shape {input.shape}")
    for name, t in (("running_mean", running_mean), ("running_var", running_var), ("weight", weight), ("bias", bias)):
        if t is not None and t.shape != input.shape[1:2]:
            raise ValueError(
                f"batch_norm: {name} has shape {t.shape}, but the input {input.shape} has {input.shape[1]} channels in its axis 1"
            )
    w, b = _by_channel(weight, input.ndim), _by_channel(bias, input.ndim)
    if not training:
        if running_mean is None or running_var is None:
            raise ValueError("batch_norm: outside training it needs running_mean and running_var")
        scale = (_by_channel(running_var, input.ndim) + eps) ** -0.5
        scale = scale if w is None else scale * w
        shift = -_by_channel(running_mean, input.ndim) * scale
        return input * scale + (shift if b is None else shift + b)
    count = math.prod(input.shape) // max(1, input.shape[1])
    if count == 1:
        raise ValueError(
            f"batch_norm: an input of {input.shape} has one value a channel, which has no variance to train with"
        )
    axes = (0, *range(2, input.ndim))
    out, mean, variance = standardise(input, w, b, axes=axes, eps=eps)
    if running_mean is not None and running_var is not None:
        with no_grad():
            assign(running_mean, running_mean + momentum * (mean.reshape(-1) - running_mean))
            unbiased = variance.reshape(-1) * (count / (count - 1))
            assign(running_var, running_var + momentum * (unbiased - running_var))
    return out


def layer_norm(input: Any, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    r"""The last axes standardised: :math:`(x - \mu) / \sqrt{\sigma^2 + \epsilon} \cdot w + b`; Ba et al., arXiv:1607.06450.

    Shapes: input (..., *normalized_shape); weight and bias normalized_shape. Raises ValueError for shapes that do not fit.

    >>> F.layer_norm(ag.tensor([[1.0, 3.0]]), 2, eps=0.0)
    tensor([[-1.,  1.]], dtype=float32)
    """
    shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    if not shape or input.shape[-len(shape) :] != shape:
        raise ValueError(f"layer_norm: an input of {input.shape} does not end in the normalized_shape {shape}")
    for name, t in (("weight", weight), ("bias", bias)):
        if t is not None and t.shape != shape:
            raise ValueError(f"layer_norm: the {name} has shape {t.shape}, not the normalized_shape {shape}")
    axes = tuple(range(input.ndim - len(shape), input.ndim))
    return standardise(input, weight, bias, axes=axes, eps=eps)[0]
