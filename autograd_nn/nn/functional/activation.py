"""Activations with PyTorch's arguments; the operations themselves are `ops.activation`'s and its kin's.

`inplace` is accepted where PyTorch has it and changes nothing: the result is always an array of its own.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...ops import activation, comparison, elementwise, random
from ...ops.shape import reshape
from .operands import in_module, same_dtype

__all__ = [
    "celu", "elu", "gelu", "glu", "hardshrink", "hardsigmoid", "hardswish", "hardtanh", "leaky_relu", "logsigmoid", "mish",
    "prelu", "relu", "relu6", "rrelu", "selu", "sigmoid", "silu", "softplus", "softshrink", "softsign", "tanh",
    "tanhshrink", "threshold",
]  # fmt: skip

# ---- the relu family -----------------------------------------------------------------------------------------------


def relu(input: Any, inplace: bool = False) -> Any:
    """max(x, 0), elementwise.

    >>> F.relu(ag.tensor([-1.0, 2.0]))
    tensor([0., 2.], dtype=float32)
    """
    return elementwise.relu(input)


def relu6(input: Any, inplace: bool = False) -> Any:
    """x limited to the interval from 0 to 6.

    >>> F.relu6(ag.tensor([-1.0, 7.0]))
    tensor([0., 6.], dtype=float32)
    """
    return activation.relu6(input)


def hardtanh(input: Any, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Any:
    """x limited to the interval from min_val to max_val.

    >>> F.hardtanh(ag.tensor([-3.0, 0.5]))
    tensor([-1. ,  0.5], dtype=float32)
    """
    if min_val > max_val:
        raise in_module(ValueError(f"hardtanh: min_val {min_val} is above max_val {max_val}"))
    return activation.hardtanh(input, min_val, max_val)


def leaky_relu(input: Any, negative_slope: float = 0.01, inplace: bool = False) -> Any:
    """x where it is positive, negative_slope x elsewhere.

    >>> F.leaky_relu(ag.tensor([2.0, -2.0]), 0.5)
    tensor([ 2., -1.], dtype=float32)
    """
    return activation.leaky_relu(input, negative_slope)


def prelu(input: Any, weight: Any) -> Any:
    """`leaky_relu` with learned slopes: one, or one for each channel, which is axis 1.

    Shapes: input (batch, channels, ...), weight (channels,) or (1,). Raises ValueError for another number of slopes.

    >>> F.prelu(ag.tensor([[2.0, -2.0]]), ag.tensor([0.5, 0.25]))
    tensor([[ 2. , -0.5]], dtype=float32)
    """
    x = same_dtype("prelu", input, weight)
    channels = x.shape[1] if x.ndim > 1 else 1
    if weight.shape not in ((), (1,), (channels,)):
        raise in_module(
            ValueError(f"prelu: a weight of shape {weight.shape} for an input of {x.shape}: one slope, or {channels}")
        )
    slopes = weight if weight.shape in ((), (1,)) else reshape(weight, (-1,) + (1,) * (x.ndim - 2))
    return activation.prelu(x, slopes.reshape(()) if x.ndim == 0 else slopes)


def rrelu(
    input: Any, lower: float = 1.0 / 8, upper: float = 1.0 / 3, training: bool = False, inplace: bool = False
) -> Any:
    """`leaky_relu` with a slope drawn for each element from (lower, upper) in training, their mean outside: arXiv:1505.00853.

    >>> F.rrelu(ag.tensor([2.0, -2.0]), 0.25, 0.75)
    tensor([ 2., -1.], dtype=float32)
    """
    if lower > upper:
        raise in_module(ValueError(f"rrelu: lower {lower} is above upper {upper}"))
    if not training:
        return activation.leaky_relu(input, (lower + upper) / 2)
    slopes = random.rand(input.shape, dtype=input.dtype) * (upper - lower) + lower
    return activation.prelu(input, slopes)


def threshold(input: Any, threshold: float, value: float, inplace: bool = False) -> Any:
    """x where it exceeds a threshold, a fixed value elsewhere.

    >>> F.threshold(ag.tensor([0.5, 2.0]), 1.0, -1.0)
    tensor([-1.,  2.], dtype=float32)
    """
    return activation.threshold(input, threshold, value)


# ---- the elu family ------------------------------------------------------------------------------------------------


def elu(input: Any, alpha: float = 1.0, inplace: bool = False) -> Any:
    r"""x where it is positive, :math:`\alpha (e^x - 1)` elsewhere: Clevert et al., arXiv:1511.07289.

    >>> F.elu(ag.tensor([1.0, -1.0])).numpy().round(3)
    array([ 1.   , -0.632], dtype=float32)
    """
    return activation.elu(input, alpha)


def celu(input: Any, alpha: float = 1.0, inplace: bool = False) -> Any:
    r"""x where it is positive, :math:`\alpha (e^{x / \alpha} - 1)` elsewhere: Barron, arXiv:1704.07483.

    >>> F.celu(ag.tensor([1.0, -1.0]), 2.0).numpy().round(3)
    array([ 1.   , -0.787], dtype=float32)
    """
    if alpha == 0:
        raise in_module(ValueError("celu: alpha must not be 0"))
    return activation.celu(input, alpha)


def selu(input: Any, inplace: bool = False) -> Any:
    """The scaled `elu` that keeps mean 0 and variance 1 from layer to layer: Klambauer et al., arXiv:1706.02515.

    >>> F.selu(ag.tensor([1.0, -1.0])).numpy().round(3)
    array([ 1.051, -1.111], dtype=float32)
    """
    return activation.selu(input)


# ---- the sigmoid family --------------------------------------------------------------------------------------------


def sigmoid(input: Any) -> Any:
    """1 / (1 + exp(-x)), elementwise, without overflow.

    >>> F.sigmoid(ag.tensor([0.0]))
    tensor([0.5], dtype=float32)
    """
    return elementwise.sigmoid(input)


def logsigmoid(input: Any) -> Any:
    """The logarithm of `sigmoid`, without overflow.

    >>> F.logsigmoid(ag.tensor([-100.0]))
    tensor([-100.], dtype=float32)
    """
    return activation.log_sigmoid(input)


def hardsigmoid(input: Any, inplace: bool = False) -> Any:
    """A sigmoid of straight lines: x / 6 + 1/2 limited to the interval from 0 to 1.

    >>> F.hardsigmoid(ag.tensor([-4.0, 0.0, 4.0]))
    tensor([0. , 0.5, 1. ], dtype=float32)
    """
    return activation.hardsigmoid(input)


def tanh(input: Any) -> Any:
    """Hyperbolic tangent, elementwise.

    >>> F.tanh(ag.tensor([0.0]))
    tensor([0.], dtype=float32)
    """
    return elementwise.tanh(input)


def silu(input: Any, inplace: bool = False) -> Any:
    """x sigmoid(x), also called swish.

    >>> F.silu(ag.tensor([2.0])).numpy().round(3)
    array([1.762], dtype=float32)
    """
    return activation.silu(input)


def mish(input: Any, inplace: bool = False) -> Any:
    """x tanh(softplus(x)): Misra, arXiv:1908.08681.

    >>> F.mish(ag.tensor([2.0])).numpy().round(3)
    array([1.944], dtype=float32)
    """
    return activation.mish(input)


def hardswish(input: Any, inplace: bool = False) -> Any:
    """x hardsigmoid(x): Howard et al., arXiv:1905.02244.

    >>> F.hardswish(ag.tensor([-1.5, 4.0]))
    tensor([-0.375,  4.   ], dtype=float32)
    """
    return activation.hardswish(input)


def gelu(input: Any, approximate: str = "none") -> Any:
    r"""x :math:`\Phi(x)`, elementwise: Hendrycks and Gimpel, arXiv:1606.08415; `approximate`: ``"none"`` or ``"tanh"``.

    >>> F.gelu(ag.tensor([0.0]))
    tensor([0.], dtype=float32)
    """
    return activation.gelu(input, approximate)


def glu(input: Any, dim: int = -1) -> Any:
    """The first half of x along a dimension times the sigmoid of the second: Dauphin et al., arXiv:1612.08083.

    Raises ValueError for a dimension of odd length.

    >>> F.glu(ag.tensor([1.0, 2.0, 0.0, 0.0]))
    tensor([0.5, 1. ], dtype=float32)
    """
    if not -input.ndim <= dim < input.ndim:
        raise in_module(ValueError(f"glu: an input of shape {input.shape} has no axis {dim}"))
    try:
        return activation.glu(input, dim)
    except ValueError as error:
        raise in_module(error) from None


# ---- the soft and the hard -----------------------------------------------------------------------------------------


def softplus(input: Any, beta: float = 1.0, threshold: float = 20.0) -> Any:
    r"""A smooth relu: :math:`\log(1 + e^{\beta x}) / \beta`; x itself where :math:`\beta x` exceeds the threshold.

    >>> F.softplus(ag.tensor([0.0, 100.0])).numpy().round(3)
    array([  0.693, 100.   ], dtype=float32)
    """
    out = activation.softplus(input, beta)
    if input.dtype.kind == "f" and threshold > 0.0 and math.exp(-threshold) < np.finfo(input.dtype).eps / 4.0:
        return out  # beyond the threshold that is x, and its slope 1, to the last bit: so by default in float32
    return elementwise.where(comparison.greater(input * beta, threshold), input, out)


def softsign(input: Any) -> Any:
    """x / (1 + |x|).

    >>> F.softsign(ag.tensor([1.0, -3.0]))
    tensor([ 0.5 , -0.75], dtype=float32)
    """
    return activation.softsign(input)


def softshrink(input: Any, lambd: float = 0.5) -> Any:
    """x moved by lambd towards 0, and 0 where it is no further from it. Raises ValueError for a negative lambd.

    >>> F.softshrink(ag.tensor([2.0, 0.25, -2.0]))
    tensor([ 1.5,  0. , -1.5], dtype=float32)
    """
    if not lambd >= 0.0:
        raise in_module(ValueError(f"softshrink: lambd must be 0 or more, not {lambd}"))
    return activation.softshrink(input, lambd)


def hardshrink(input: Any, lambd: float = 0.5) -> Any:
    """x where it is further than lambd from 0, and 0 elsewhere.

    >>> F.hardshrink(ag.tensor([2.0, 0.25, -2.0]))
    tensor([ 2.,  0., -2.], dtype=float32)
    """
    return activation.hardshrink(input, lambd)


def tanhshrink(input: Any) -> Any:
    """x - tanh(x).

    >>> F.tanhshrink(ag.tensor([2.0])).numpy().round(3)
    array([1.036], dtype=float32)
    """
    return activation.tanhshrink(input)
