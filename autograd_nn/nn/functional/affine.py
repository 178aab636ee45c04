"""Affine and bilinear maps."""

from __future__ import annotations

from typing import Any

from ...ops.affine import linear as linear_
from ...ops.products import einsum, matmul
from .operands import in_module, same_dtype

__all__ = ["bilinear", "linear"]


def linear(input: Any, weight: Any, bias: Any = None) -> Any:
    r"""The affine map :math:`y = x W^\top + b`: (..., in_features) to (..., out_features); a weight (in_features,) gives (...).

    Raises ValueError for shapes that do not fit, TypeError for an input of another dtype than the weight.

    >>> F.linear(ag.ones((5, 3)), ag.ones((2, 3))).shape
    (5, 2)
    """
    x = same_dtype("linear", input, weight)
    if weight.ndim == 1:
        return matmul(x, weight) if bias is None else matmul(x, weight) + bias
    return linear_(x, weight, bias)


def bilinear(input1: Any, input2: Any, weight: Any, bias: Any = None) -> Any:
    r"""The bilinear map :math:`y_k = x_1^\top W_k x_2 + b_k`: (..., in1) and (..., in2) to (..., out), weight (out, in1, in2).

    >>> F.bilinear(ag.ones((5, 3)), ag.ones((5, 4)), ag.ones((2, 3, 4))).shape
    (5, 2)
    """
    x1, x2 = same_dtype("bilinear", input1, weight), same_dtype("bilinear", input2, weight)
    if x1.shape[-1:] != weight.shape[1:2] or x2.shape[-1:] != weight.shape[2:]:
        raise in_module(
            ValueError(
                f"bilinear: inputs of {x1.shape} and {x2.shape} for a weight of {weight.shape}: it takes {weight.shape[1]} "
                f"features of the first and {weight.shape[2]} of the second"
            )
        )
    y = einsum("...i,oij,...j->...o", x1, weight, x2)
    return y if bias is None else y + bias
