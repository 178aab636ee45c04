"""Positions as numbers: waves to add to features, and angles to turn them by."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ops.shape import reshape, stack
from .operands import refuse

__all__ = ["rotate"]


def sinusoids(steps: int, features: int) -> np.ndarray:
    """sin(p / 10000^(2 i / d)) and cos of the same, in turn: (steps, features), float64; arXiv:1706.03762, section 3.5."""
    lengths = 10000.0 ** (-np.arange(0, features, 2) / features)
    angles = np.arange(steps)[:, None] * lengths
    table = np.empty((steps, features))
    table[:, 0::2] = np.sin(angles)
    table[:, 1::2] = np.cos(angles[:, : features // 2])
    return table


def rotation(steps: int, features: int, base: float) -> np.ndarray:
    """p base^(-2 i / d), the angle of pair i at position p: (steps, features / 2), float64; arXiv:2104.09864, section 3.2."""
    return np.arange(steps)[:, None] * base ** (-np.arange(0, features, 2) / features)


def rotate(input: Any, cosines: Any, sines: Any) -> Any:
    r"""Features 2 i and 2 i + 1 turned as a vector of the plane: :math:`(x \cos - y \sin, x \sin + y \cos)`.

    Shapes: input (..., steps, d), cosines and sines (steps, d / 2). Su et al., arXiv:2104.09864, equation 34.
    Raises ValueError for shapes that do not fit.

    >>> F.rotate(ag.tensor([[3.0, 4.0]]), np.zeros((1, 1), np.float32), np.ones((1, 1), np.float32))
    tensor([[-4.,  3.]], dtype=float32)
    """
    expected = (*input.shape[-2:-1], input.shape[-1] // 2)
    if input.ndim < 2 or input.shape[-1] % 2 or cosines.shape != expected or sines.shape != expected:
        raise refuse(
            "rotate",
            f"an input of shape {input.shape} with cosines of {cosines.shape} and sines of {sines.shape}; they take "
            f"(..., steps, d), d even, and (steps, d / 2)",
        )
    pairs = reshape(input, (*input.shape[:-1], input.shape[-1] // 2, 2))
    x, y = pairs[..., 0], pairs[..., 1]
    turned = stack([x * cosines - y * sines, x * sines + y * cosines], -1)
    return reshape(turned, input.shape)
