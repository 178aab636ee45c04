"""Activations with exponentials in them: gelu, exact and through tanh, and their gradients, in one pass over memory, in float32.

The exact one computes the normal distribution again in the backward pass, so that nothing but x is kept.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autograd_nn.kernels import elements
from autograd_nn.kernels.build import Kernel
from autograd_nn.kernels.elements import of_one, of_two
from autograd_nn.kernels.transcendental import exp, negative, normal_below, tanh

SLOPE, CUBE = math.sqrt(2.0 / math.pi), 0.044715
DENSITY_AT_0 = 1.0 / math.sqrt(2.0 * math.pi)


def _gelu(v: Any, x: Any, none: Any, out: Any, *rest: Any) -> None:
    """out <- x times the normal distribution function at x."""
    x = v.load(x(0))
    v.store(v.mul(x, normal_below(v, x)), out(0))


def _gelu_gradient(v: Any, x: Any, g: Any, none: Any, dx: Any, *rest: Any) -> None:
    """dx <- g times the derivative of gelu at x."""
    x = v.load(x(0))
    density = v.mul(v.const(DENSITY_AT_0), exp(v, v.mul(v.mul(v.const(-0.5), x), x)))
    v.store(v.mul(v.load(g(0)), v.fma(x, density, normal_below(v, x))), dx(0))


def _bent(v: Any, x: Any) -> Any:
    return tanh(v, v.mul(v.mul(v.const(SLOPE), x), v.fma(v.mul(v.const(CUBE), x), x, v.const(1))))


def _gelu_tanh(v: Any, x: Any, none: Any, out: Any, *rest: Any) -> None:
    """out <- the approximation of gelu through tanh."""
    x = v.load(x(0))
    half = v.mul(v.const(0.5), x)
    v.store(v.fma(half, _bent(v, x), half), out(0))


def _gelu_tanh_gradient(v: Any, x: Any, g: Any, none: Any, dx: Any, *rest: Any) -> None:
    """dx <- g times the derivative of the approximation at x."""
    x, one, half = v.load(x(0)), v.const(1), v.const(0.5)
    t = _bent(v, x)
    rising = v.mul(
        v.fma(negative(v, t), t, one), v.mul(v.const(0.5 * SLOPE), v.fma(v.mul(v.const(3 * CUBE), x), x, one))
    )
    v.store(v.mul(v.load(g(0)), v.fma(x, rising, v.fma(half, t, half))), dx(0))


gelu = of_one(_gelu)
gelu_gradient = of_two(_gelu_gradient)
gelu_tanh = of_one(_gelu_tanh)
gelu_tanh_gradient = of_two(_gelu_tanh_gradient)

PART = 1 << 14
"""Elements that are worth a part of their own."""


def run(step: Kernel, x: np.ndarray, *g: np.ndarray) -> np.ndarray:
    """A kernel's result on contiguous float32 arrays of one shape: x, and for a gradient its cotangent."""
    return elements.run(step, (), x, *g, worth=PART)
