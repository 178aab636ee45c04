"""The elementwise primitives: for each name, the instructions that compute it on vectors, with NumPy's meaning.

What vectors have no instruction for is a polynomial (`mathematics`) or the C library's function, one lane after the other.
Integer division by zero gives 0 and shifts beyond the width give 0 or -1, as NumPy's do; neither may reach the processor.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from .text import Function

Emit = Callable[["Function", Sequence[str], np.dtype, np.dtype], str]
"""Function under construction, operands, their dtype and the result's dtype to the result's name."""

ELEMENTWISE: dict[str, Emit] = {}

# The C library's functions of double; those of float end in f.
FOREIGN = {
    "exp2": "exp2", "expm1": "expm1", "log2": "log2", "log10": "log10", "log1p": "log1p", "sin": "sin", "cos": "cos",
    "tan": "tan", "arcsin": "asin", "arccos": "acos", "arctan": "atan", "sinh": "sinh", "cosh": "cosh", "arcsinh": "asinh",
    "arccosh": "acosh", "arctanh": "atanh", "arctan2": "atan2", "hypot": "hypot", "cbrt": "cbrt", "power": "pow",
}  # fmt: skip
POLYNOMIALS = ("exp", "log", "tanh")
COSTS = dict.fromkeys(POLYNOMIALS, 8) | dict.fromkeys(FOREIGN, 60) | {"divide": 3, "sqrt": 3, "power": 60}
"""What primitives cost in comparison with an addition."""

FLOAT_ONLY = frozenset(
    {*FOREIGN, *POLYNOMIALS, "sqrt", "floor", "ceil", "rint", "trunc", "copysign", "divide", "heaviside", "reciprocal"}
)


def primitive(*names: str) -> Callable[[Emit], Emit]:
    def add(emit: Emit) -> Emit:
        for name in names:
            ELEMENTWISE[name] = emit
        return emit

    return add


def apply(f: Function, name: str, x: Sequence[str], taken: np.dtype, given: np.dtype) -> str:
    """One elementwise primitive on operands of one dtype (those of `where` but the condition)."""
    return ELEMENTWISE[name](f, x, taken, given)


def _zero(f: Function, dtype: np.dtype) -> str:
    return f.splat(0, dtype)


# ---- arithmetic ----------------------------------------------------------------------------------------------------


def _arithmetic(floating: str, whole: str, boolean: str) -> Emit:
    def emit(f: Function, x: Sequence[str], d: np.dtype, out: np.dtype) -> str:
        return f.binary({"f": floating, "b": boolean}.get(d.kind, whole), x[0], x[1], d)

    return emit


ELEMENTWISE["add"] = _arithmetic("fadd", "add", "or")
ELEMENTWISE["subtract"] = _arithmetic("fsub", "sub", "xor")
ELEMENTWISE["multiply"] = _arithmetic("fmul", "mul", "and")


@primitive("divide")
def _divide(f, x, d, out):
    return f.binary("fdiv", *x, d)


@primitive("square")
def _square(f, x, d, out):
    return ELEMENTWISE["multiply"](f, [x[0], x[0]], d, out)


@primitive("reciprocal")
def _reciprocal(f, x, d, out):
    return f.binary("fdiv", f.splat(1, d), x[0], d)


@primitive("negative")
def _negative(f, x, d, out):
    return f.let(f"fneg {f.type(d)} {x[0]}") if d.kind == "f" else f.binary("sub", _zero(f, d), x[0], d)


@primitive("absolute", "fabs")
def _absolute(f, x, d, out):
    if d.kind == "f":
        return f.intrinsic("fabs", x, d)
    if d.kind in "ub":
        return x[0]
    return f.select(f.compare("slt", x[0], _zero(f, d), d), _negative(f, x, d, out), x[0], d)


@primitive("sign")
def _sign(f, x, d, out):
    if d.kind in "ub":
        return f.select(f.compare("ne", x[0], _zero(f, d), d), f.splat(1, d), _zero(f, d), d)
    above, below = ("ogt", "olt") if d.kind == "f" else ("sgt", "slt")
    zero = f.select(f.compare("oeq", x[0], _zero(f, d), d), _zero(f, d), x[0], d) if d.kind == "f" else _zero(f, d)
    negative = f.select(f.compare(below, x[0], _zero(f, d), d), f.splat(-1, d), zero, d)
    return f.select(f.compare(above, x[0], _zero(f, d), d), f.splat(1, d), negative, d)


def _safe_divisor(f: Any, y: str, d: np.dtype) -> tuple[str, str, str]:
    """A divisor that no processor refuses, and where it was 0 and where -1."""
    zero = f.compare("eq", y, _zero(f, d), d)
    minus = f.compare("eq", y, f.splat(-1, d), d) if d.kind == "i" else f.repeated("false", "i1")
    either = f.let(f"or {f.vector('i1')} {zero}, {minus}")
    return f.select(either, f.splat(1, d), y, d), zero, minus


@primitive("floor_divide")
def _floor_divide(f, x, d, out):
    if d.kind == "f":
        return _divmod(f, x, d)[0]
    safe, zero, minus = _safe_divisor(f, x[1], d)
    quotient = f.binary("sdiv" if d.kind == "i" else "udiv", x[0], safe, d)
    if d.kind == "i":
        rest = f.binary("srem", x[0], safe, d)
        apart = f.compare("slt", f.binary("xor", rest, safe, d), _zero(f, d), d)
        inexact = f.let(f"and {f.vector('i1')} {apart}, {f.compare('ne', rest, _zero(f, d), d)}")
        quotient = f.select(inexact, f.binary("sub", quotient, f.splat(1, d), d), quotient, d)
        quotient = f.select(minus, f.binary("sub", _zero(f, d), x[0], d), quotient, d)
    return f.select(zero, _zero(f, d), quotient, d)


@primitive("remainder")
def _remainder(f, x, d, out):
    if d.kind == "f":
        return _divmod(f, x, d)[1]
    safe, zero, minus = _safe_divisor(f, x[1], d)
    rest = f.binary("srem" if d.kind == "i" else "urem", x[0], safe, d)
    if d.kind == "i":
        apart = f.compare("slt", f.binary("xor", rest, safe, d), _zero(f, d), d)
        inexact = f.let(f"and {f.vector('i1')} {apart}, {f.compare('ne', rest, _zero(f, d), d)}")
        rest = f.select(inexact, f.binary("add", rest, safe, d), rest, d)
    none = f.let(f"or {f.vector('i1')} {zero}, {minus}")
    return f.select(none, _zero(f, d), rest, d)


def _divmod(f: Any, x: Sequence[str], d: np.dtype) -> tuple[str, str]:
    """Quotient and remainder of floats, as NumPy's npy_divmod computes them."""
    a, b = x
    rest = f.let(f"frem {f.type(d)} {a}, {b}")
    exact = f.compare("oeq", rest, _zero(f, d), d)
    signs = f.let(
        f"xor {f.vector('i1')} {f.compare('olt', b, _zero(f, d), d)}, {f.compare('olt', rest, _zero(f, d), d)}"
    )
    apart = f.let(f"and {f.vector('i1')} {signs}, {f.compare('une', rest, _zero(f, d), d)}")
    quotient = f.let(f"fdiv {f.type(d)} {f.let(f'fsub {f.type(d)} {a}, {rest}')}, {b}")
    quotient = f.select(apart, f.let(f"fsub {f.type(d)} {quotient}, {f.splat(1, d)}"), quotient, d)
    rest = f.select(apart, f.let(f"fadd {f.type(d)} {rest}, {b}"), rest, d)
    rest = f.select(exact, f.intrinsic("copysign", [_zero(f, d), b], d), rest, d)
    whole = f.intrinsic("floor", [quotient], d)
    over = f.compare("ogt", f.let(f"fsub {f.type(d)} {quotient}, {whole}"), f.splat(0.5, d), d)
    whole = f.select(over, f.let(f"fadd {f.type(d)} {whole}, {f.splat(1, d)}"), whole, d)
    plain = f.let(f"fdiv {f.type(d)} {a}, {b}")
    none = f.compare("oeq", quotient, _zero(f, d), d)
    whole = f.select(none, f.intrinsic("copysign", [_zero(f, d), plain], d), whole, d)
    by_zero = f.compare("oeq", b, _zero(f, d), d)
    return f.select(by_zero, plain, whole, d), f.select(by_zero, f.splat(np.nan, d), rest, d)


@primitive("fmod")
def _fmod(f, x, d, out):
    if d.kind == "f":
        return f.let(f"frem {f.type(d)} {x[0]}, {x[1]}")
    safe, zero, minus = _safe_divisor(f, x[1], d)
    rest = f.binary("srem" if d.kind == "i" else "urem", x[0], safe, d)
    return f.select(f.let(f"or {f.vector('i1')} {zero}, {minus}"), _zero(f, d), rest, d)


# ---- comparing and choosing ----------------------------------------------------------------------------------------

PREDICATES = {
    "equal": ("oeq", "eq", "eq"),
    "not_equal": ("une", "ne", "ne"),
    "less": ("olt", "slt", "ult"),
    "less_equal": ("ole", "sle", "ule"),
    "greater": ("ogt", "sgt", "ugt"),
    "greater_equal": ("oge", "sge", "uge"),
}


def predicate(name: str, d: np.dtype) -> str:
    floating, signed, unsigned = PREDICATES[name]
    return {"f": floating, "i": signed}.get(d.kind, unsigned)


def _comparison(name: str) -> Emit:
    return lambda f, x, d, out: f.compare(predicate(name, d), x[0], x[1], d)


for _name in PREDICATES:
    ELEMENTWISE[_name] = _comparison(_name)


@primitive("maximum")
def _maximum(f, x, d, out):
    return _extremum(f, x, d, "ugt", "greater")


@primitive("minimum")
def _minimum(f, x, d, out):
    return _extremum(f, x, d, "ult", "less")


def _extremum(f: Any, x: Sequence[str], d: np.dtype, unordered: str, ordered: str) -> str:
    """The larger or smaller; NaN where either is. With a number on the right the comparison alone decides."""
    if d.kind != "f":
        return f.select(f.compare(predicate(ordered, d), *x, d), *x, d)
    out = f.select(f.compare(unordered, *x, d), *x, d)
    number = not x[1].startswith("%")
    return out if number else f.select(f.compare("uno", x[1], x[1], d), x[1], out, d)


@primitive("fmax")
def _fmax(f, x, d, out):
    return _fextremum(f, x, d, "oge", "greater")


@primitive("fmin")
def _fmin(f, x, d, out):
    return _fextremum(f, x, d, "ole", "less")


def _fextremum(f: Any, x: Sequence[str], d: np.dtype, ordered: str, name: str) -> str:
    if d.kind != "f":
        return f.select(f.compare(predicate(name, d), *x, d), *x, d)
    chosen = f.select(f.compare(ordered, *x, d), *x, d)
    return f.select(f.compare("uno", x[1], x[1], d), x[0], chosen, d)


@primitive("where")
def _where(f, x, d, out):
    return f.select(x[0], x[1], x[2], out)


@primitive("heaviside")
def _heaviside(f, x, d, out):
    step = f.select(f.compare("ogt", x[0], _zero(f, d), d), f.splat(1, d), _zero(f, d), d)
    step = f.select(f.compare("oeq", x[0], _zero(f, d), d), x[1], step, d)
    return f.select(f.compare("uno", x[0], x[0], d), x[0], step, d)


# ---- logic and bits ------------------------------------------------------------------------------------------------


def _logical(instruction: str) -> Emit:
    def emit(f: Function, x: Sequence[str], d: np.dtype, out: np.dtype) -> str:
        truths = [_truth(f, a, d) for a in x]
        return f.let(f"{instruction} {f.vector('i1')} {truths[0]}, {truths[1]}")

    return emit


def _truth(f: Any, x: str, d: np.dtype) -> str:
    return x if d.kind == "b" else f.compare("une" if d.kind == "f" else "ne", x, _zero(f, d), d)


def _bitwise(name: str) -> Emit:
    return lambda f, x, d, out: f.binary(name, x[0], x[1], d)


for _name in ("and", "or", "xor"):
    ELEMENTWISE[f"logical_{_name}"] = _logical(_name)
    ELEMENTWISE[f"bitwise_{_name}"] = _bitwise(_name)


@primitive("logical_not")
def _logical_not(f, x, d, out):
    return f.let(f"xor {f.vector('i1')} {_truth(f, x[0], d)}, {f.repeated('true', 'i1')}")


@primitive("invert")
def _invert(f, x, d, out):
    return f.binary("xor", x[0], f.splat(True, d) if d.kind == "b" else f.repeated("-1", f"i{8 * d.itemsize}"), d)


@primitive("left_shift")
def _left_shift(f, x, d, out):
    return _shift(f, x, d, "shl", _zero(f, d))


@primitive("right_shift")
def _right_shift(f, x, d, out):
    beyond = _zero(f, d)
    if d.kind == "i":
        beyond = f.select(f.compare("slt", x[0], _zero(f, d), d), f.splat(-1, d), beyond, d)
    return _shift(f, x, d, "ashr" if d.kind == "i" else "lshr", beyond)


def _shift(f: Any, x: Sequence[str], d: np.dtype, instruction: str, beyond: str) -> str:
    fits = f.compare("ult", x[1], f.splat(8 * d.itemsize, d), d)
    return f.select(fits, f.binary(instruction, x[0], f.select(fits, x[1], _zero(f, d), d), d), beyond, d)


# ---- what floats are -----------------------------------------------------------------------------------------------


def _false(f: Any) -> str:
    return f.repeated("false", "i1")


@primitive("isnan")
def _isnan(f, x, d, out):
    return f.compare("uno", x[0], x[0], d) if d.kind == "f" else _false(f)


@primitive("isinf")
def _isinf(f, x, d, out):
    return f.compare("oeq", f.intrinsic("fabs", x, d), f.splat(np.inf, d), d) if d.kind == "f" else _false(f)


@primitive("isfinite")
def _isfinite(f, x, d, out):
    if d.kind != "f":
        return f.repeated("true", "i1")
    return f.compare("olt", f.intrinsic("fabs", x, d), f.splat(np.inf, d), d)


@primitive("signbit")
def _signbit(f, x, d, out):
    whole = f"i{8 * d.itemsize}"
    bits = f.convert("bitcast", x[0], "float" if d.itemsize == 4 else "double", whole)
    return f.let(f"icmp slt {f.vector(whole)} {bits}, {f.repeated('0', whole)}")


def _intrinsic(name: str) -> Emit:
    return lambda f, x, d, out: f.intrinsic(name, x, d)


for _name in ("sqrt", "floor", "ceil", "rint", "trunc", "copysign"):
    ELEMENTWISE[_name] = _intrinsic(_name)


# ---- transcendental ------------------------------------------------------------------------------------------------


def _foreign(name: str) -> Emit:
    return lambda f, x, d, out: f.each_lane(name + ("f" if d.itemsize == 4 else ""), x, d)


for _name, _of_c in FOREIGN.items():
    ELEMENTWISE[_name] = _foreign(_of_c)


def _polynomial(name: str) -> Emit:
    def emit(f: Function, x: Sequence[str], d: np.dtype, out: np.dtype) -> str:
        from .mathematics import vector_function  # which is written with these primitives

        if d.itemsize == 8:
            return f.each_lane(name, x, d)
        return f.inlined(vector_function(name, f.lanes), x, d)

    return emit


for _name in POLYNOMIALS:
    ELEMENTWISE[_name] = _polynomial(_name)


# ---- dtypes --------------------------------------------------------------------------------------------------------


@primitive("copy", "positive")
def _copy(f, x, d, out):
    return x[0]


@primitive("cast")
def _cast(f, x, d, out):
    from .text import scalar_type

    source, target = scalar_type(d), scalar_type(out)
    if out.kind == "b":
        return _truth(f, x[0], d)
    if d.kind == "f" and out.kind == "f":
        return f.convert("fpext" if out.itemsize > d.itemsize else "fptrunc", x[0], source, target)
    if out.kind == "f":
        return f.convert("sitofp" if d.kind == "i" else "uitofp", x[0], source, target)
    if d.kind == "f":
        wide = "i64" if out.itemsize < 8 or out.kind == "u" else target  # C converts through the wider type
        whole = f.let(f"freeze {f.vector(wide)} {f.convert('fptosi', x[0], source, wide)}")
        return whole if wide == target else f.convert("trunc", whole, wide, target)
    if source == target:
        return x[0]
    if d.kind != "b" and out.itemsize < d.itemsize:
        return f.convert("trunc", x[0], source, target)
    return f.convert("sext" if d.kind == "i" else "zext", x[0], source, target)
