"""The softmax family, with PyTorch's arguments.

Decision: `dim` may be left out, as PyTorch lets it, and is then what PyTorch takes: the first axis of arrays with none, one or
three, else the second. Where that is not the last axis, which a reader would expect, a warning says so, as PyTorch's does.
`dtype`, if given, is what the input is cast to first.
"""

from __future__ import annotations

import warnings
from typing import Any

from ...ops import activation, fused, random
from .operands import refuse

__all__ = ["gumbel_softmax", "log_softmax", "softmax", "softmin"]


def _dimension(name: str, x: Any, dim: int | None) -> int:
    if dim is not None:
        return dim
    chosen = 0 if x.ndim in (0, 1, 3) else 1
    if chosen < x.ndim - 1:
        warnings.warn(
            f"{name}: no dim given for an input of shape {x.shape}; it is taken to be {chosen}, as in PyTorch: say which one",
            stacklevel=3,
        )
    return chosen


def softmax(input: Any, dim: int | None = None, *, dtype: Any = None) -> Any:
    r"""Exponentials normalised to sum 1 along a dimension: :math:`e^{x_i} / \sum_j e^{x_j}`, without overflow.

    >>> F.softmax(ag.tensor([0.0, 0.0]), dim=0)
    tensor([0.5, 0.5], dtype=float32)
    """
    x = input if dtype is None else input.astype(dtype)
    return fused.softmax(x, _dimension("softmax", x, dim))


def softmin(input: Any, dim: int | None = None, *, dtype: Any = None) -> Any:
    """`softmax` of -x.

    >>> F.softmin(ag.tensor([0.0, 0.0]), dim=0)
    tensor([0.5, 0.5], dtype=float32)
    """
    x = input if dtype is None else input.astype(dtype)
    return activation.softmin(x, _dimension("softmin", x, dim))


def log_softmax(input: Any, dim: int | None = None, *, dtype: Any = None) -> Any:
    r"""The logarithm of `softmax`: :math:`x_i - \log \sum_j e^{x_j}`, without overflow.

    >>> F.log_softmax(ag.tensor([0.0, 0.0]), dim=0).numpy().round(3)
    array([-0.693, -0.693], dtype=float32)
    """
    x = input if dtype is None else input.astype(dtype)
    return fused.log_softmax(x, _dimension("log_softmax", x, dim))


def gumbel_softmax(logits: Any, tau: float = 1.0, hard: bool = False, eps: float = 1e-10, dim: int = -1) -> Any:
    r"""A random draw of classes that differentiates: :math:`\mathrm{softmax}((z + g) / \tau)` with Gumbel noise g along `dim`.

    With `hard` it is the one-hot vector of the largest, with the derivative of the soft one; `eps` changes nothing, as in
    PyTorch. Jang et al., arXiv:1611.01144. Raises ValueError for a tau that is not positive.

    >>> F.gumbel_softmax(ag.zeros((2, 3)), hard=True).sum(axis=-1)
    tensor([1., 1.], dtype=float32)
    """
    if not tau > 0.0:
        raise refuse("gumbel_softmax", f"the temperature tau is positive, not {tau}")
    return random.gumbel_softmax(logits, tau, hard, dim)
