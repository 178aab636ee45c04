"""erf and erfc of large arrays: the formulas of `ops.special`, a block at a time.

NumPy would go through memory once for each of 70 steps. Here the steps of a block of 256 numbers follow each other in the
first-level cache, and each is a loop over the block that LLVM vectorises. The exponential is written out, because a call of
the C library's would not be: 2 to a whole power by its bits, times a Taylor polynomial on [-ln 2 / 2, ln 2 / 2].
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from autograd_nn.kernels.build import loops

BLOCK = 256
# Of an element type: the number whose addition rounds to whole numbers, ln 2 in two parts, where erfc is 0; the exponent's bias
# and its place; its integer type; the degree of the polynomial.
SETTINGS: dict[Any, Any] = {
    np.dtype(np.float32): ((1.5 * 2.0**23, 0.693359375, -2.12194440e-4, 9.3), (127, 23), np.int32, 7),
    np.dtype(np.float64): (
        (1.5 * 2.0**52, 0.693145751953125, 1.42860682030941723212e-6, 26.6),
        (1023, 52),
        np.int64,
        13,
    ),
}


@loops
def _erf(x, out, inside, outside, taylor, settings, place, blocks, bits, floats, complement):
    """`floats` views the memory of `bits`; `complement` says whether erfc is wanted."""
    zero, one, two, three = x.dtype.type(0), x.dtype.type(1), x.dtype.type(2), x.dtype.type(3)
    sixteen, log2e = x.dtype.type(16), x.dtype.type(1.4426950408889634)
    magic, high, low, most = settings[0], settings[1], settings[2], settings[3]
    bias, shift = place[0], place[1]
    t, p, q, e, u, w, r = blocks[0], blocks[1], blocks[2], blocks[3], blocks[4], blocks[5], blocks[6]
    for start in range(0, x.shape[0], BLOCK):
        n = min(BLOCK, x.shape[0] - start)
        v = x[start : start + n]
        y = out[start : start + n]
        for j in range(n):
            s = v[j] * v[j]
            t[j] = s if s < one else one
            q[j] = inside[0]
        for k in range(1, inside.shape[0]):
            for j in range(n):
                q[j] = q[j] * t[j] + inside[k]
        for j in range(n):
            a = abs(v[j])
            a = a if a > one else one
            a = a if a < most else most
            u[j] = a
            t[j] = (a - three) / (a + three)
            p[j] = outside[0]
            e[j] = one
        for k in range(1, outside.shape[0]):
            for j in range(n):
                p[j] = p[j] * t[j] + outside[k]
        for part in range(2):  # exp(-u^2) keeps its digits as exp(-s^2) exp((s - u) (s + u)) with s in sixteenths
            for j in range(n):
                s = (u[j] * sixteen + magic - magic) / sixteen
                power = -(s * s) if part == 0 else (s - u[j]) * (s + u[j])
                w[j] = power * log2e + magic - magic
                t[j] = power - w[j] * high - w[j] * low
                r[j] = taylor[0]
            for j in range(n):
                bits[j] = (bits.dtype.type(w[j]) + bias) << shift
            for k in range(1, taylor.shape[0]):
                for j in range(n):
                    r[j] = r[j] * t[j] + taylor[k]
            for j in range(n):
                e[j] = e[j] * (r[j] * floats[j])
        for j in range(n):
            a = abs(v[j])
            far = p[j] / (one + two * u[j]) * e[j]
            far = far if a < most else zero
            near = v[j] * q[j]
            if complement:
                above = two - far if v[j] < zero else far
                value = one - near if a < one else above
            else:
                above = far - one if v[j] < zero else one - far
                value = near if a < one else above
            y[j] = value if a == a else a


@cache
def _tables(dtype: np.dtype, inside: Any, outside: Any) -> tuple[Any, ...]:
    settings, place, integer, degree = SETTINGS[dtype]
    taylor = [1.0 / math.factorial(k) for k in range(degree, -1, -1)]
    numbers = [np.array(c, dtype) for c in (inside[::-1], outside[::-1], taylor, settings)]
    return (*numbers, np.array(place, integer)), integer


def erf(x: np.ndarray, inside: Sequence[float], outside: Sequence[float], complement: bool) -> np.ndarray:
    """erf of x, or erfc with `complement`; float32 or float64.

    `inside`: the coefficients of erf(x) / x in powers of x^2, below 1; `outside`: those of erfc(x) (1 + 2 x) exp(x^2) in powers
    of (x - 3) / (x + 3), from 1 on.
    """
    tables, integer = _tables(x.dtype, tuple(inside), tuple(outside))
    out, blocks, bits = np.empty(x.shape, x.dtype), np.empty((7, BLOCK), x.dtype), np.empty(BLOCK, integer)
    flat = np.ascontiguousarray(x).reshape(-1)
    _erf(flat, out.reshape(-1), *tables, blocks, bits, bits.view(x.dtype), complement)
    return out
