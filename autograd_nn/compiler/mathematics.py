"""exp, log and tanh of float32 vectors, as polynomials: within 2 units of the last bit, NaN and infinities exact.

The coefficients are Cephes' (S. Moshier), of single precision.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from .text import Function

F = np.dtype(np.float32)
EXP = (1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1)
LOG = (
    7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1,
    -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1,
)  # fmt: skip
TANH = (-5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1)


@cache
def vector_function(name: str, lanes: int) -> Function:
    """One of these functions for vectors of this many lanes."""
    t = "float" if lanes == 1 else f"<{lanes} x float>"
    f = Function(f"vector_{name}_{lanes}", [f"{t} %x"], lanes, t, "alwaysinline")
    f.do(f"ret {t} {FUNCTIONS[name](f)}")
    return f


def _horner(f: Function, coefficients: tuple[float, ...], x: str) -> str:
    p = f.splat(coefficients[0], F)
    for c in coefficients[1:]:
        p = f.fma(p, x, f.splat(c, F), F)
    return p


def _clipped(f: Function, x: str, low: float, high: float) -> str:
    """x between two numbers; NaN stays."""
    x = f.select(f.compare("olt", x, f.splat(low, F), F), f.splat(low, F), x, F)
    return f.select(f.compare("ogt", x, f.splat(high, F), F), f.splat(high, F), x, F)


def _power_of_two(f: Function, n: str) -> str:
    """2^n of whole n, from the bits of its exponent."""
    i = f.vector("i32")
    biased = f.let(f"add {i} {n}, {f.repeated('127', 'i32')}")
    return f.convert("bitcast", f.let(f"shl {i} {biased}, {f.repeated('23', 'i32')}"), "i32", "float")


def _exp(f: Function) -> str:
    """2^n e^r with n whole and |r| at most log(2) / 2; 2^n in two factors, so that the ends become inf and subnormal."""
    x = _clipped(f, "%x", -104.0, 89.0)
    n = f.intrinsic("rint", [f.binary("fmul", x, f.splat(1.44269504, F), F)], F)
    r = f.fma(n, f.splat(-0.693359375, F), x, F)
    r = f.fma(n, f.splat(2.12194440e-4, F), r, F)
    p = f.fma(_horner(f, EXP, r), f.binary("fmul", r, r, F), r, F)
    p = f.binary("fadd", p, f.splat(1.0, F), F)
    i = f.vector("i32")
    whole = f.let(f"freeze {i} {f.convert('fptosi', n, 'float', 'i32')}")
    half = f.let(f"ashr {i} {whole}, {f.repeated('1', 'i32')}")
    rest = f.let(f"sub {i} {whole}, {half}")
    return f.binary("fmul", f.binary("fmul", p, _power_of_two(f, half), F), _power_of_two(f, rest), F)


def _log(f: Function) -> str:
    """e log(2) + log(m) with m between the root of a half and that of two."""
    i = f.vector("i32")
    small = f.compare("olt", "%x", f.splat(np.finfo(F).tiny, F), F)
    x = f.select(small, f.binary("fmul", "%x", f.splat(2.0**23, F), F), "%x", F)
    bits = f.convert("bitcast", x, "float", "i32")
    above = f.let(f"sub {i} {bits}, {f.repeated('1060439283', 'i32')}")  # the bits of sqrt(1/2)
    e = f.let(f"ashr {i} {above}, {f.repeated('23', 'i32')}")
    shifted = f.let(f"shl {i} {e}, {f.repeated('23', 'i32')}")
    m = f.let(f"sub {i} {bits}, {shifted}")
    r = f.binary("fsub", f.convert("bitcast", m, "i32", "float"), f.splat(1.0, F), F)
    z = f.binary("fmul", r, r, F)
    p = f.binary("fmul", f.binary("fmul", _horner(f, LOG, r), r, F), z, F)
    exponent = f.convert("sitofp", e, "i32", "float")
    exponent = f.select(small, f.binary("fsub", exponent, f.splat(23.0, F), F), exponent, F)
    p = f.fma(exponent, f.splat(-2.12194440e-4, F), p, F)
    p = f.binary("fadd", f.fma(z, f.splat(-0.5, F), p, F), r, F)
    out = f.fma(exponent, f.splat(0.693359375, F), p, F)
    out = f.select(f.compare("oeq", "%x", f.splat(np.inf, F), F), "%x", out, F)
    out = f.select(f.compare("oeq", "%x", f.splat(0.0, F), F), f.splat(-np.inf, F), out, F)
    return f.select(f.compare("ult", "%x", f.splat(0.0, F), F), f.splat(np.nan, F), out, F)


def _tanh(f: Function) -> str:
    """x + x^3 P(x^2) near 0, elsewhere 1 - 2 / (e^2|x| + 1) with the sign of x, which is exactly 1 where it rounds to that."""
    z = f.binary("fmul", "%x", "%x", F)
    small = f.fma(f.binary("fmul", _horner(f, TANH, z), z, F), "%x", "%x", F)
    size = f.intrinsic("fabs", ["%x"], F)
    e = f.inlined(vector_function("exp", f.lanes), [f.binary("fadd", size, size, F)], F)
    below = f.binary("fdiv", f.splat(2.0, F), f.binary("fadd", e, f.splat(1.0, F), F), F)
    large = f.binary("fsub", f.splat(1.0, F), below, F)
    return f.intrinsic("copysign", [f.select(f.compare("ogt", size, f.splat(0.625, F), F), large, small, F), "%x"], F)


FUNCTIONS = {"exp": _exp, "log": _log, "tanh": _tanh}
