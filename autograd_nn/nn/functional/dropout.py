"""Dropout: elements, or whole channels, left out at random in training."""

from __future__ import annotations

import math
from typing import Any

from ...ops import random
from ...ops.comparison import greater
from ...ops.shape import astype
from .operands import refuse

__all__ = ["alpha_dropout", "dropout", "dropout1d", "dropout2d", "dropout3d", "feature_alpha_dropout"]


def _drops(name: str, p: float, training: bool) -> bool:
    """Whether there is anything to do; ValueError for p outside [0, 1]."""
    if not 0.0 <= p <= 1.0:
        raise refuse(name, f"the probability {p} is not within 0 and 1")
    return training and p > 0.0


def dropout(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    r"""Each element 0 with probability p, else times :math:`1 / (1 - p)`; without `training` the input itself.

    Hinton et al., arXiv:1207.0580. Raises ValueError for p outside [0, 1].

    >>> F.dropout(ag.ones(2), 0.5, training=False)
    tensor([1., 1.], dtype=float32)
    """
    return random.dropout(input, p) if _drops("dropout", p, training) else input


def _channels(name: str, input: Any, ndims: tuple[int, ...], batched: int) -> tuple[int, ...]:
    """The shape of a mask of whole channels; inputs of `batched` axes or more have a batch axis before them."""
    if input.ndim not in ndims:
        axes = " or ".join(str(n) for n in ndims)
        raise refuse(
            name, f"an input of shape {input.shape}; it takes {axes} axes, (batch, channels, *space) or without batch"
        )
    lead = 2 if input.ndim >= batched else 1
    return (*input.shape[:lead], *(1,) * (input.ndim - lead))


def dropout1d(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """Each channel of (batch, channels, length), or (channels, length), left out as a whole; `dropout` says the rest.

    >>> F.dropout1d(ag.ones((1, 2, 3)), 1.0).sum()
    tensor(0., dtype=float32)
    """
    shape = _channels("dropout1d", input, (2, 3), 3)
    return input * random.dropout_mask(shape, p, dtype=input.dtype) if _drops("dropout1d", p, training) else input


def dropout2d(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """Each channel of (batch, channels, height, width), or (batch, channels, length), left out as a whole: arXiv:1411.4280.

    Three axes are a batch of sequences, as PyTorch has it. `dropout` says the rest.

    >>> F.dropout2d(ag.ones((1, 2, 3, 3)), 1.0).sum()
    tensor(0., dtype=float32)
    """
    shape = _channels("dropout2d", input, (3, 4), 3)
    return input * random.dropout_mask(shape, p, dtype=input.dtype) if _drops("dropout2d", p, training) else input


def dropout3d(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """Each channel of (batch, channels, depth, height, width), or without batch, left out as a whole.

    >>> F.dropout3d(ag.ones((1, 2, 3, 3, 3)), 1.0).sum()
    tensor(0., dtype=float32)
    """
    shape = _channels("dropout3d", input, (4, 5), 5)
    return input * random.dropout_mask(shape, p, dtype=input.dtype) if _drops("dropout3d", p, training) else input


NEGATIVE_LIMIT = -1.7580993408473766
"""What selu tends to at minus infinity: -alpha times its scale."""


def _alpha(input: Any, shape: tuple[int, ...], p: float) -> Any:
    r"""Elements left out become selu's limit l, and all are put through the affine map that restores mean 0 and variance 1.

    With q = 1 - p: :math:`a = (q (1 + p\, l^2))^{-1/2}`, :math:`b = -a p\, l`. Klambauer et al., arXiv:1706.02515, appendix.
    """
    if p == 1.0:
        return input * 0.0
    a = 1.0 / math.sqrt((1.0 - p) * (1.0 + p * NEGATIVE_LIMIT**2))
    stays = astype(greater(random.dropout_mask(shape, p, dtype=input.dtype), 0.0), input.dtype)
    return input * (stays * a) + ((1.0 - stays) * (a * NEGATIVE_LIMIT) - a * p * NEGATIVE_LIMIT)


def alpha_dropout(input: Any, p: float = 0.5, training: bool = False, inplace: bool = False) -> Any:
    """Dropout for `selu`: elements become its negative limit with probability p, and mean 0 and variance 1 are restored.

    Klambauer et al., arXiv:1706.02515. Without `training` (the default) the input itself. Raises ValueError for p outside [0, 1].

    >>> F.alpha_dropout(ag.ones(2), 0.5)
    tensor([1., 1.], dtype=float32)
    """
    return _alpha(input, input.shape, p) if _drops("alpha_dropout", p, training) else input


def feature_alpha_dropout(input: Any, p: float = 0.5, training: bool = False, inplace: bool = False) -> Any:
    """`alpha_dropout` of whole channels: (batch, channels, ...).

    >>> F.feature_alpha_dropout(ag.ones((1, 2, 3)), 0.5).sum()
    tensor(6., dtype=float32)
    """
    if not _drops("feature_alpha_dropout", p, training):
        return input
    if input.ndim < 2:
        raise refuse("feature_alpha_dropout", f"takes (batch, channels, ...), not an input of shape {input.shape}")
    return _alpha(input, (*input.shape[:2], *(1,) * (input.ndim - 2)), p)
