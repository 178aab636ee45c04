"""Activations: the relu, elu, silu, gelu, soft and hard families, elementwise, with PyTorch's parameters and defaults.

At kinks the derivative is the one PyTorch takes: that of the left side for the leaky and exponential ones, 0 at both ends
of the hard ones. A rule is written out where it costs less than that of the composition.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..engine.methods import attach
from ..engine.op import op
from .comparison import greater, less, less_equal
from .elementwise import abs, exp, logistic, minimum, multiply, sigmoid, square, tanh, where, within_
from .fused import softmax
from .picking import beyond, limit, outside, pick, ramp, ramped, ramped_gradient
from .shape import axis_of, detach, operand_along
from .slicing import slice_
from .special import erfc

__all__ = [
    "celu", "elu", "gelu", "glu", "hardshrink", "hardsigmoid", "hardswish", "hardtanh", "leaky_relu", "log_sigmoid",
    "mish", "prelu", "relu6", "selu", "silu", "softmin", "softplus", "softshrink", "softsign", "swish", "tanhshrink",
    "threshold",
]  # fmt: skip

# ---- the relu family -----------------------------------------------------------------------------------------------


@op(kind="elementwise", method=True)
def leaky_relu(x, /, negative_slope=0.01):
    """x where it is positive, negative_slope x elsewhere.

    >>> ag.leaky_relu(ag.tensor([2.0, -2.0]), 0.5)
    tensor([ 2., -1.], dtype=float32)
    """
    if type(x) is np.ndarray and 0.0 < negative_slope <= 1.0:
        return np.maximum(x, x * negative_slope)
    return pick(x > 0, x, x * negative_slope)


leaky_relu.vjp(x=lambda g, x, negative_slope: where(greater(x, 0.0), g, g * negative_slope))


def prelu(x: Any, weight: Any, /) -> Any:
    """`leaky_relu` whose slope is an array, which broadcasts with x and is differentiated too.

    >>> ag.prelu(ag.tensor([2.0, -2.0]), ag.tensor([0.5, 0.25]))
    tensor([ 2. , -0.5], dtype=float32)
    """
    above = greater(x, 0.0)
    return where(
        above, x, multiply(weight, where(above, 0.0, x))
    )  # so that an infinite x is no part of the slope's gradient


@op(kind="elementwise", method=True)
def hardtanh(x, /, min_val=-1.0, max_val=1.0):
    """x limited to an interval; its derivative at the ends is 0.

    >>> ag.hardtanh(ag.tensor([-3.0, 0.5, 3.0]))
    tensor([-1. ,  0.5,  1. ], dtype=float32)
    """
    return limit(x, min_val, max_val)


hardtanh.vjp(x=lambda g, x, min_val, max_val: within_(g, detach(x), min_val, max_val))


def relu6(x: Any, /) -> Any:
    """x limited to the interval from 0 to 6; its derivative at the ends is 0.

    >>> ag.relu6(ag.tensor([-1.0, 3.0, 7.0]))
    tensor([0., 3., 6.], dtype=float32)
    """
    return hardtanh(x, 0.0, 6.0)


attach(relu6, "relu6", method=True)


@op(kind="elementwise", method=True)
def threshold(x, /, threshold, value):
    """x where it exceeds a threshold, a fixed value elsewhere; NaN stays.

    >>> ag.threshold(ag.tensor([0.5, 2.0]), 1.0, -1.0)
    tensor([-1.,  2.], dtype=float32)
    """
    return pick(x <= threshold, value, x)


threshold.vjp(x=lambda g, x, threshold: where(less_equal(x, threshold), 0.0, g))

# ---- the elu family ------------------------------------------------------------------------------------------------


@op(kind="elementwise", method=True)
def elu(x, /, alpha=1.0):
    r"""x where it is positive, :math:`\alpha (e^x - 1)` elsewhere.

    >>> ag.elu(ag.tensor([1.0, -1.0])).numpy().round(3)
    array([ 1.   , -0.632], dtype=float32)
    """
    return pick(x > 0, x, np.expm1(limit(x, -math.inf, 0)) * alpha)


elu.vjp(x=lambda g, x, alpha: where(less_equal(x, 0.0), g * (exp(minimum(x, 0.0)) * alpha), g))


@op(kind="elementwise", method=True)
def celu(x, /, alpha=1.0):
    r"""x where it is positive, :math:`\alpha (e^{x / \alpha} - 1)` elsewhere, so that its slope is continuous.

    >>> ag.celu(ag.tensor([1.0, -1.0]), 2.0).numpy().round(3)
    array([ 1.   , -0.787], dtype=float32)
    """
    return pick(x > 0, x, np.expm1(limit(x, -math.inf, 0) / alpha) * alpha)


celu.vjp(x=lambda g, x, alpha: where(less_equal(x, 0.0), g * exp(minimum(x, 0.0) / alpha), g))

SELU_ALPHA = 1.6732632423543772848
SELU_SCALE = 1.0507009873554804934


@op(kind="elementwise", method=True)
def selu(x, /):
    """The scaled `elu` that keeps mean 0 and variance 1 from layer to layer: Klambauer et al., arXiv:1706.02515.

    >>> ag.selu(ag.tensor([1.0, -1.0])).numpy().round(3)
    array([ 1.051, -1.111], dtype=float32)
    """
    return pick(x > 0, x * SELU_SCALE, np.expm1(limit(x, -math.inf, 0)) * (SELU_ALPHA * SELU_SCALE))


selu.vjp(
    x=lambda g, x: g * where(less_equal(x, 0.0), exp(minimum(x, 0.0)) * (SELU_ALPHA * SELU_SCALE), SELU_SCALE),
)

# ---- the sigmoid family --------------------------------------------------------------------------------------------


@op(kind="elementwise", method=True)
def log_sigmoid(x, /):
    """The logarithm of `sigmoid`, without overflow.

    >>> ag.log_sigmoid(ag.tensor([0.0, -100.0])).numpy().round(3)
    array([  -0.693, -100.   ], dtype=float32)
    """
    return limit(x, -math.inf, 0) - np.log1p(np.exp(-np.abs(x)))


log_sigmoid.vjp(x=lambda g, x: g * sigmoid(-x))


@op(kind="elementwise", method=True)
def silu(x, /):
    """x sigmoid(x), also called swish.

    >>> ag.silu(ag.tensor([0.0, 2.0])).numpy().round(3)
    array([0.   , 1.762], dtype=float32)
    """
    return x * logistic(x)


def _silu_rule(g, x):
    s = sigmoid(x)
    return g * (s * (1.0 + x * (1.0 - s)))


silu.vjp(x=_silu_rule)
swish = silu


@op(kind="elementwise", method=True)
def mish(x, /):
    """x tanh(softplus(x)): Misra, arXiv:1908.08681.

    >>> ag.mish(ag.tensor([0.0, 2.0])).numpy().round(3)
    array([0.   , 1.944], dtype=float32)
    """
    return x * np.tanh(limit(x, 0, math.inf) + np.log1p(np.exp(-np.abs(x))))


def _mish_rule(g, x):
    t = tanh(softplus(x))
    return g * (t + x * (sigmoid(x) * (1.0 - square(t))))


mish.vjp(x=_mish_rule)

ROOT_HALF = math.sqrt(0.5)
DENSITY_AT_0 = 1.0 / math.sqrt(2.0 * math.pi)
GELU_SLOPE = math.sqrt(2.0 / math.pi)
GELU_CUBE = 0.044715


@op(kind="fused")
def gelu_exact(x, /):
    """x times the normal distribution function at x."""
    return x * (0.5 * erfc(x * -ROOT_HALF))


NATIVE = 1 << 12
"""Elements from which the native gelu is worth its call."""


def _native(x: Any) -> bool:
    return bool(x.dtype == np.float32 and x.size >= NATIVE and x.flags.c_contiguous)


@gelu_exact.fast(residuals=("below",))
def _gelu(x: Any) -> Any:
    if _native(x):
        from ..kernels import activation

        return activation.run(activation.gelu, x), (None,)
    below = 0.5 * erfc(x * -ROOT_HALF)
    return x * below, (below,)


@gelu_exact.joint_vjp
def _gelu_vjp(g: Any, x: Any, below: Any) -> Any:
    if below is None:
        from ..kernels import activation

        return (activation.run(activation.gelu_gradient, x, np.ascontiguousarray(g)),)
    return (g * (below + x * (np.exp(-0.5 * (x * x)) * DENSITY_AT_0)),)


@op(kind="fused")
def gelu_tanh(x, /):
    """The approximation of `gelu_exact` through tanh."""
    return x * (0.5 + 0.5 * tanh(GELU_SLOPE * (x * (1.0 + GELU_CUBE * square(x)))))


@gelu_tanh.fast(residuals=("t",))
def _gelu_tanh(x: Any) -> Any:
    if _native(x):
        from ..kernels import activation

        return activation.run(activation.gelu_tanh, x), (None,)
    t = np.tanh(GELU_SLOPE * (x * (1.0 + GELU_CUBE * (x * x))))
    return x * (0.5 + 0.5 * t), (t,)


@gelu_tanh.joint_vjp
def _gelu_tanh_vjp(g: Any, x: Any, t: Any) -> Any:
    if t is None:
        from ..kernels import activation

        return (activation.run(activation.gelu_tanh_gradient, x, np.ascontiguousarray(g)),)
    slope = (1.0 - t * t) * (0.5 * GELU_SLOPE * (1.0 + 3.0 * GELU_CUBE * (x * x)))
    return (g * (0.5 + 0.5 * t + x * slope),)


def gelu(x: Any, /, approximate: str = "none") -> Any:
    r"""x :math:`\Phi(x)`, with the normal distribution function, or its approximation through tanh.

    `approximate`: ``"none"`` (default) or ``"tanh"``. Source: Hendrycks and Gimpel, arXiv:1606.08415.
    Raises ValueError for another `approximate`.

    >>> ag.gelu(ag.tensor([0.0, 2.0])).numpy().round(3)
    array([0.   , 1.954], dtype=float32)
    """
    if approximate not in ("none", "tanh"):
        raise ValueError(f"gelu: approximate {approximate!r} is not 'none' or 'tanh'")
    return gelu_exact(x) if approximate == "none" else gelu_tanh(x)


attach(gelu, "gelu", method=True)


def glu(x: Any, /, axis: int = -1) -> Any:
    """The first half of x along an axis times the sigmoid of the second: Dauphin et al., arXiv:1612.08083.

    Raises ValueError if the axis has an odd length.

    >>> ag.glu(ag.tensor([1.0, 2.0, 0.0, 0.0]))
    tensor([0.5, 1. ], dtype=float32)
    """
    n = x.shape[axis_of("glu", x, axis)]
    if n % 2:
        raise ValueError(f"glu: axis {axis} of shape {x.shape} has odd length {n} and no two halves")
    lead = ((None, None, None),) * (axis % x.ndim)
    return slice_(x, (*lead, (None, n // 2, None))) * sigmoid(slice_(x, (*lead, (n // 2, None, None))))


# ---- the soft family -----------------------------------------------------------------------------------------------


@op(kind="elementwise", method=True)
def softplus(x, /, beta=1.0):
    r"""A smooth relu: :math:`\log(1 + e^{\beta x}) / \beta`, without overflow.

    >>> ag.softplus(ag.tensor([0.0, 100.0])).numpy().round(3)
    array([  0.693, 100.   ], dtype=float32)
    """
    return limit(x, 0, math.inf) + np.log1p(np.exp(np.abs(x) * -beta)) / beta


softplus.vjp(x=lambda g, x, beta: g * sigmoid(x * beta))


@op(kind="elementwise", method=True)
def softsign(x, /):
    """x / (1 + |x|).

    >>> ag.softsign(ag.tensor([1.0, -3.0]))
    tensor([ 0.5 , -0.75], dtype=float32)
    """
    return x / (1.0 + np.abs(x))


softsign.vjp(x=lambda g, x: g / square(1.0 + abs(x)))


@op(kind="elementwise", method=True)
def softshrink(x, /, lambd=0.5):
    """x moved by lambd towards 0, and 0 where it is no further from it.

    >>> ag.softshrink(ag.tensor([2.0, 0.25, -2.0]))
    tensor([ 1.5,  0. , -1.5], dtype=float32)
    """
    return beyond(x, -lambd, lambd)


softshrink.vjp(x=lambda g, x, lambd: where(less_equal(abs(x), lambd), 0.0, g))


@op(kind="elementwise", method=True)
def tanhshrink(x, /):
    """x - tanh(x).

    >>> ag.tanhshrink(ag.tensor([0.0, 2.0])).numpy().round(3)
    array([0.   , 1.036], dtype=float32)
    """
    return x - np.tanh(x)


tanhshrink.vjp(x=lambda g, x: g * square(tanh(x)))


def softmin(x: Any, /, axis: int = -1) -> Any:
    """`softmax` of -x: exponentials of -x normalised to sum 1 along an axis.

    >>> ag.softmin(ag.tensor([0.0, 0.0]))
    tensor([0.5, 0.5], dtype=float32)
    """
    return softmax(-operand_along("softmin", x, axis), axis)


# ---- the hard family -----------------------------------------------------------------------------------------------


@op(kind="elementwise", method=True)
def hardsigmoid(x, /):
    """A sigmoid of straight lines: x / 6 + 1/2 limited to the interval from 0 to 1.

    >>> ag.hardsigmoid(ag.tensor([-4.0, 0.0, 4.0]))
    tensor([0. , 0.5, 1. ], dtype=float32)
    """
    return ramp(x)


hardsigmoid.vjp(x=lambda g, x: where(less(abs(x), 3.0), g / 6.0, 0.0))


@op(kind="elementwise", method=True)
def hardswish(x, /):
    """x hardsigmoid(x): Howard et al., arXiv:1905.02244.

    >>> ag.hardswish(ag.tensor([-4.0, 0.0, 4.0]))
    tensor([-0.,  0.,  4.], dtype=float32)
    """
    return ramped(x)


@op(kind="fused")
def hardswish_pulled(cotangent, x, /):
    """The cotangent times the derivative of hardswish at x."""
    return where(less(abs(x), 3.0), cotangent * (x / 3.0 + 0.5), where(less(x, 0.0), 0.0, cotangent))


@hardswish_pulled.fast
def _hardswish_pulled(cotangent: Any, x: Any) -> Any:
    found = ramped_gradient(cotangent, x)
    if found is not None:
        return found
    return pick(np.abs(x) < 3.0, cotangent * (x / 3.0 + 0.5), pick(x < 0.0, 0.0, cotangent))


hardswish.vjp(x=lambda g, x: hardswish_pulled(g, x))


@op(kind="elementwise", method=True)
def hardshrink(x, /, lambd=0.5):
    """x where it is further than lambd from 0, and 0 elsewhere.

    >>> ag.hardshrink(ag.tensor([2.0, 0.25, -2.0]))
    tensor([ 2.,  0., -2.], dtype=float32)
    """
    return outside(x, lambd)


hardshrink.vjp(x=lambda g, x, lambd: where(less_equal(abs(x), lambd), 0.0, g))
