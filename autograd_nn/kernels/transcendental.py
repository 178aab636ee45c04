"""Exponentials on vectors: exp, tanh and the logistic function as polynomials, every lane at once.

In a numba loop `math.exp` is a call of the C library for each element. Here x = n ln 2 + r with n whole and
|r| <= ln(2) / 2, so e^x = 2^n e^r: a polynomial in r (Cephes' in float32, Taylor's in float64) and n put into the exponent's
bits. tanh goes through e^2x - 1, whose polynomial has no constant to cancel, so it is as exact near 0 as far away.
Errors are within 2 units in the last place; NaN stays NaN.

Each function takes the `Lanes` it emits into; `lanewise` makes a loop's body of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from llvmlite import ir
from numba import types

from autograd_nn.kernels.build import intrinsic
from autograd_nn.kernels.vectors import I64, Lanes, i64


def lanewise(body: Callable[..., None]) -> tuple[Any, Any]:
    """Two intrinsics of five pointers and a width, ``body(v, *rows)`` for a vector of elements and for one.

    ``rows[k](i)`` is the k-th pointer, i widths on. A run of elements is whole vectors, then what remains one by one.
    """

    def emitting(lanes: int | None) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            *pointers, width = args
            v = Lanes(builder, signature.args[0].dtype, lanes)
            body(v, *[lambda i, p=p: builder.gep(p, [builder.mul(width, I64(i))]) for p in pointers])
            return context.get_dummy_value()

        def emit(typingctx: Any, p: Any, q: Any, r: Any, s: Any, t: Any, width: Any) -> Any:
            return types.void(p, q, r, s, t, i64), codegen

        return intrinsic(emit)

    return emitting(None), emitting(1)


class _Format(NamedTuple):
    """What the formulas need to know of a floating format."""

    bits: int
    mantissa: int
    bias: int
    low: float  # e^low is the smallest normal number, or nearly
    high: float
    ln2: tuple[float, float]  # their sum; n times the first is exact
    tail: tuple[float, ...]  # (e^r - 1 - r) / r^2, highest power first


_FORMATS = {
    4: _Format(32, 23, 127, -87.33, 88.0, (0.693359375, -2.12194440e-4), (
        1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1,
    )),
    8: _Format(64, 52, 1023, -708.3, 709.0, (6.93145751953125e-1, 1.42860682030941723212e-6), tuple(
        [1.0 / math.factorial(k) for k in range(13, 1, -1)]
    )),
}  # fmt: skip


def negative(v: Lanes, x: Any) -> Any:
    return v.b.fneg(x)


def divide(v: Lanes, x: Any, y: Any) -> Any:
    return v.b.fdiv(x, y)


def clip(v: Lanes, x: Any, low: float, high: float) -> Any:
    """x within [low, high]; NaN, of which no comparison is true, stays."""
    b = v.b
    x = b.select(b.fcmp_ordered("<", x, v.const(low)), v.const(low), x)
    return b.select(b.fcmp_ordered(">", x, v.const(high)), v.const(high), x)


def _reduced(v: Lanes, x: Any) -> tuple[Any, Any]:
    """(e^r - 1, 2^n) of x = n ln 2 + r, for x within the format's range."""
    b, f = v.b, _FORMATS[v.size]
    # Added to 1.5 * 2^mantissa, a number is rounded to a whole one, which then stands in the lowest bits.
    magic = v.const(1.5 * 2.0**f.mantissa)
    shifted = v.fma(x, v.const(1.0 / math.log(2.0)), magic)
    n = v.sub(shifted, magic)
    r = v.fma(n, v.const(-f.ln2[1]), v.fma(n, v.const(-f.ln2[0]), x))
    p = v.const(f.tail[0])
    for coefficient in f.tail[1:]:
        p = v.fma(p, r, v.const(coefficient))
    integers = ir.VectorType(ir.IntType(f.bits), v.n)

    def each(value: int) -> Any:
        return ir.Constant(integers, [value] * v.n)

    power = b.add(b.shl(b.bitcast(shifted, integers), each(f.mantissa)), each(f.bias << f.mantissa))
    return v.fma(v.mul(p, r), r, r), b.bitcast(power, v.vector)


def exp(v: Lanes, x: Any) -> Any:
    """e^x; 0 below the range of normal numbers (and so at -inf), and never infinite."""
    f = _FORMATS[v.size]
    less_one, power = _reduced(v, clip(v, x, f.low, f.high))
    return v.b.select(v.b.fcmp_ordered("<", x, v.const(f.low)), v.const(0), v.fma(less_one, power, power))


def logistic(v: Lanes, x: Any) -> Any:
    """1 / (1 + e^-x)"""
    f = _FORMATS[v.size]
    less_one, power = _reduced(v, clip(v, negative(v, x), f.low, f.high))
    return divide(v, v.const(1), v.add(v.const(1), v.fma(less_one, power, power)))


def tanh(v: Lanes, x: Any) -> Any:
    """(e^2x - 1) / (e^2x + 1), which is +-1 to the last bit from 22 on."""
    less_one, power = _reduced(v, clip(v, v.add(x, x), -44.0, 44.0))
    e = v.fma(less_one, power, v.sub(power, v.const(1)))
    return divide(v, e, v.add(e, v.const(2)))


# erfc(z) = t e^(-z^2 + p(t)) with t = 1 / (1 + z / 2) for z >= 0: Press et al., "Numerical Recipes", section 6.2. Its relative
# error is below 1.2e-7, which is what float32 has; other formats have no use for it.
_ERFC = (
    0.17087277, -0.82215223, 1.48851587, -1.13520398, 0.27886807, -0.18628806, 0.09678418, 0.37409196, 1.00002368, -1.26551223,
)  # fmt: skip


def normal_below(v: Lanes, x: Any) -> Any:
    """The normal distribution function, erfc(-x / sqrt(2)) / 2, in float32."""
    b = v.b
    negated = negative(v, x)
    size = b.select(b.fcmp_ordered("<", x, v.const(0)), negated, x)
    z = v.mul(size, v.const(math.sqrt(0.5)))
    t = divide(v, v.const(1), v.fma(z, v.const(0.5), v.const(1)))
    p = v.const(_ERFC[0])
    for coefficient in _ERFC[1:]:
        p = v.fma(p, t, v.const(coefficient))
    tail = v.mul(v.mul(v.const(0.5), t), exp(v, v.fma(negative(v, z), z, p)))
    return b.select(b.fcmp_ordered("<", x, v.const(0)), tail, v.sub(v.const(1), tail))
