"""The error function, the gamma function's logarithm and its derivatives: what NumPy lacks, in terms of its ufuncs.

The bodies are readable by the compiler: ufuncs, operators and `pick` (np.where) only, branches evaluated at safe arguments.
erf and erfc below 1 are x times a polynomial in x^2; above, erfc(x) (1 + 2x) exp(x^2) is a polynomial in
t = (x - 3) / (x + 3), after Shepherd and Laframboise, Chebyshev approximation of (1 + 2x) exp(x^2) erfc x, Math. Comp. 36
(1981). Both polynomials are Chebyshev fits to 40 digits (errors below 1e-17), written in powers. The gamma family is
Stirling's series at arguments moved above 10 by the recurrence, and the reflection formula on the left: Abramowitz and
Stegun, 6.1.40, 6.3.18, 6.4.11 and 6.4.7.
"""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from ..engine.methods import method
from ..engine.op import op
from .comparison import equal, less_equal, logical_and
from .elementwise import exp, log, square, where
from .picking import pick
from .shape import all_arrayed

__all__ = ["digamma", "erf", "erfc", "lgamma", "logit", "polygamma", "xlogy"]

# fmt: off
ERF_OVER_X = (
    1.1283791670955126, -0.3761263890318375, 0.11283791670954879, -0.026866170645076792, 0.0052239776248180145,
    -0.000854832698083379, 0.0001205533111164271, -1.4925595266831182e-05, 1.6461000484121368e-06, -1.6350312701054695e-07,
    1.4659775274047436e-08, -1.1372848856791674e-09, 5.957176147748911e-11,
)
ERFC_SCALED = (
    1.2530080582697296, -0.13562110612458092, -0.04756229435345284, 0.1296451587027206, -0.1192736634151192,
    0.0683080273458274, -0.02377051492581398, 0.0025293917794136714, 0.0018886905008598507, -0.0007798319219984895,
    -0.00010516139264961774, 0.0001250979497506351, 4.959869356387292e-06, -2.0102065166314844e-05, -7.690089674810581e-07,
    3.5065703904458455e-06, 4.181196395900433e-07, -7.289923069677295e-07, -1.3938183948257097e-07, 2.1986612110427302e-07,
    -5.184683363570991e-08, 1.5504321773485521e-09,
)
# fmt: on
TWO_OVER_ROOT_PI = 2.0 / math.sqrt(math.pi)


def _polynomial(coefficients: Any, x: Any) -> Any:
    """Coefficients from the constant up, by Horner's rule."""
    total = coefficients[-1]
    for c in coefficients[-2::-1]:
        total = total * x + c
    return total


def _erf_inside(x: Any) -> Any:
    """erf for -1 <= x <= 1, finite elsewhere."""
    return x * _polynomial(ERF_OVER_X, np.minimum(x * x, 1.0))


def _erfc_outside(x: Any) -> Any:
    """erfc(|x|) for |x| >= 1, finite elsewhere; from 40 on it is 0 in double precision."""
    a = np.minimum(np.maximum(np.abs(x), 1.0), 40.0)
    scaled = _polynomial(ERFC_SCALED, (a - 3.0) / (a + 3.0)) / (1.0 + 2.0 * a)
    # The square of the part of a in sixteenths is exact, so exp(-a^2) keeps its digits for large a.
    sixteenths = np.rint(a * 16.0) * 0.0625
    return scaled * (np.exp(-(sixteenths * sixteenths)) * np.exp((sixteenths - a) * (sixteenths + a)))


LARGE = 16384
"""Elements from which on a kernel goes through erf's formulas block by block, in a sixth of NumPy's time."""


def _large(x: Any) -> bool:
    return type(x) is np.ndarray and x.size >= LARGE and x.dtype in (np.float32, np.float64)


def _by_blocks(x: np.ndarray, complement: bool) -> np.ndarray:
    from ..kernels import special  # which imports numba

    return special.erf(x, ERF_OVER_X, ERFC_SCALED, complement)


@op(kind="elementwise", method=True)
def erf(x, /):
    r"""The error function :math:`\frac{2}{\sqrt\pi} \int_0^x e^{-t^2} dt`, elementwise.

    >>> ag.erf(ag.tensor([0.0, 0.5])).numpy().round(3)
    array([0.  , 0.52], dtype=float32)
    """
    if _large(x):
        return _by_blocks(x, False)
    return pick(np.abs(x) < 1.0, _erf_inside(x), np.copysign(1.0 - _erfc_outside(x), x))


erf.vjp(x=lambda g, x: g * (exp(-square(x)) * TWO_OVER_ROOT_PI))


@op(kind="elementwise", method=True)
def erfc(x, /):
    r"""The complementary error function 1 - erf(x), elementwise, precise where that is tiny.

    >>> ag.erfc(ag.tensor([0.0, 0.5])).numpy().round(3)
    array([1.  , 0.48], dtype=float32)
    """
    if _large(x):
        return _by_blocks(x, True)
    outside = _erfc_outside(x)
    return pick(np.abs(x) < 1.0, 1.0 - _erf_inside(x), pick(x < 0.0, 2.0 - outside, outside))


erfc.vjp(x=lambda g, x: -(g * (exp(-square(x)) * TWO_OVER_ROOT_PI)))

# ---- logarithms of probabilities -----------------------------------------------------------------------------------


@op(kind="elementwise")
def logit(x, /):
    r"""The inverse of `sigmoid`, :math:`\log\frac{x}{1 - x}`, elementwise: -inf at 0, inf at 1, NaN outside.

    >>> ag.logit(ag.tensor([0.5, 0.9])).numpy().round(3)
    array([0.   , 2.197], dtype=float32)
    """
    return np.log(x) - np.log1p(-x)


logit.vjp(x=lambda g, x: g / (x * (1.0 - x)))


@op(kind="elementwise", broadcasts=True)
def xlogy_(x, y, /):
    """x log(y), and 0 where x is 0 (unless y is NaN)."""
    return x * np.log(pick((x == 0.0) & (y == y), 1.0, y))


def _nowhere(x: Any, y: Any) -> Any:
    """Where log(y) has no derivative and x counts it zero times: y is 1 there instead."""
    return where(logical_and(equal(x, 0.0), less_equal(y, 0.0)), 1.0, y)


xlogy_.vjp(x=lambda g, x, y: g * log(_nowhere(x, y)), y=lambda g, x, y: g * (x / _nowhere(x, y)))


def xlogy(x: Any, y: Any, /) -> Any:
    r"""x log(y), and 0 where x is 0, elementwise with broadcasting: the terms of entropies and likelihoods.

    Where x is 0 and y is 0 or less, both derivatives are 0.

    >>> ag.xlogy(ag.tensor([0.0, 2.0]), ag.tensor([0.0, 1.0]))
    tensor([0., 0.], dtype=float32)
    """
    return xlogy_(*all_arrayed((x, y)))


# ---- the gamma function --------------------------------------------------------------------------------------------

BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510)
"""The Bernoulli numbers B2, B4, ..., B16."""
STEPS = 10
"""How far the recurrence moves an argument below it, so that the series' terms have died away."""


def _moved(x: Any) -> tuple[Any, Any, Any]:
    """Whether an argument (0.5 or more) is moved up, a safe copy to take the steps from, and where it ends."""
    low = x < STEPS
    return low, pick(low, x, 1.0), pick(low, x + float(STEPS), x)


@op(kind="elementwise", method=True)
def lgamma(x, /):
    r"""The logarithm of the absolute value of the gamma function, elementwise: inf at 0 and the negative integers.

    Its error in float64 is below 1e-14, absolute where the value is below 1 (next to the zeros at 1 and 2, too), else relative.

    >>> ag.lgamma(ag.tensor([0.5, 4.0])).numpy().round(3)
    array([0.572, 1.792], dtype=float32)
    """
    reflected = x < 0.5
    y = pick(reflected, 1.0 - x, x)
    low, safe, w = _moved(y)
    product = safe
    for k in range(1, STEPS):
        product = product * (safe + float(k))
    inverse = 1.0 / w
    terms = [b / (2 * k * (2 * k - 1)) for k, b in enumerate(BERNOULLI, 1)]
    series = inverse * _polynomial(terms, inverse * inverse)
    value = (w - 0.5) * (np.log(w) - 1.0) + (0.5 * math.log(2.0 * math.pi) - 0.5) + series
    value = value - pick(low, np.log(product), 0.0)
    fraction = pick(reflected, x - np.rint(x), 0.5)
    return pick(reflected, math.log(math.pi) - np.log(np.abs(np.sin(math.pi * fraction))) - value, value)


lgamma.vjp(x=lambda g, x: g * digamma(x))


@op(kind="elementwise", method=True)
def digamma(x, /):
    r"""The derivative of `lgamma`, elementwise: NaN at 0 and the negative integers.

    >>> ag.digamma(ag.tensor([1.0, 2.0])).numpy().round(3)
    array([-0.577,  0.423], dtype=float32)
    """
    reflected = x < 0.5
    y = pick(reflected, 1.0 - x, x)
    low, safe, w = _moved(y)
    steps = 1.0 / safe
    for k in range(1, STEPS):
        steps = steps + 1.0 / (safe + float(k))
    inverse = 1.0 / w
    squared = inverse * inverse
    series = squared * _polynomial([b / (2 * k) for k, b in enumerate(BERNOULLI, 1)], squared)
    value = np.log(w) - 0.5 * inverse - series - pick(low, steps, 0.0)
    fraction = pick(reflected, x - np.rint(x), 0.5)
    pole = pick(fraction == 0.0, np.nan, fraction)
    return pick(reflected, value - math.pi / np.tan(math.pi * pole), value)


digamma.vjp(x=lambda g, x: g * polygamma_(x, 1))


def _cotangent_derivative(n: int) -> list[float]:
    """The n-th derivative of cot as a polynomial in cot, from the constant up; cot' = -(1 + cot^2)."""
    p = np.polynomial.Polynomial([0.0, 1.0])
    for _ in range(n):
        p = p.deriv() * np.polynomial.Polynomial([-1.0, 0.0, -1.0])
    return [float(c) for c in p.coef]


@op(kind="elementwise")
def polygamma_(x, /, n):
    """The n-th derivative of digamma, n at least 1."""
    reflected = x < 0.5
    y = pick(reflected, 1.0 - x, x)
    low, safe, w = _moved(y)
    steps = safe ** -(n + 1)
    for k in range(1, STEPS):
        steps = steps + (safe + float(k)) ** -(n + 1)
    factorial = float(math.factorial(n))
    inverse = 1.0 / w
    terms = [b * math.factorial(2 * k + n - 1) / math.factorial(2 * k) for k, b in enumerate(BERNOULLI, 1)]
    series = math.factorial(n - 1) + inverse * (factorial / 2 + inverse * _polynomial(terms, inverse * inverse))
    value = inverse**n * series + pick(low, factorial * steps, 0.0)
    value = value if n % 2 else -value
    fraction = pick(reflected, x - np.rint(x), 0.5)
    cotangent = 1.0 / np.tan(math.pi * pick(fraction == 0.0, np.nan, fraction))
    mirrored = (value if n % 2 == 0 else -value) - math.pi ** (n + 1) * _polynomial(_cotangent_derivative(n), cotangent)
    return pick(reflected, mirrored, value)


polygamma_.vjp(x=lambda g, x, n: g * polygamma_(x, n + 1))


@method
def polygamma(x: Any, /, n: int) -> Any:
    r"""The n-th derivative of `digamma` at x, elementwise; n = 0 is digamma itself. NaN at 0 and the negative integers.

    Raises ValueError for a negative n.

    >>> ag.polygamma(ag.tensor([1.0]), 1).numpy().round(3)
    array([1.645], dtype=float32)
    """
    order = operator.index(n)
    if order < 0:
        raise ValueError(f"polygamma: the order n counts derivatives, so it is 0 or more, not {order}")
    return polygamma_(x, order) if order else digamma(x)
