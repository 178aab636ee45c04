"""SciPy's special functions on Tensors: ``scipy.special.erf(t)`` differentiates where we have the function.

They are ufuncs, so they ask their operands as NumPy's do. They are known by their names in `scipy.special`, for SciPy is not
imported here. What is no ufunc there (`logsumexp`, `softmax`, `polygamma`) takes arrays only: use ours.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ..engine.protocol import SCIPY
from .activation import log_sigmoid
from .elementwise import power, sigmoid
from .exponential import cbrt, exp2, expm1, log1p
from .special import digamma, erf, erfc, lgamma, logit, xlogy

__all__: list[str] = []


def _ndtr(x: Any) -> Any:
    """The distribution function of the standard normal distribution."""
    return 0.5 * erfc(x * -math.sqrt(0.5))


def _betaln(a: Any, b: Any) -> Any:
    return lgamma(a) + lgamma(b) - lgamma(a + b)


_ANSWERS: dict[str, Callable[..., Any]] = {
    "erf": erf,
    "erfc": erfc,
    "ndtr": _ndtr,
    "gammaln": lgamma,
    "loggamma": lgamma,
    "psi": digamma,
    "betaln": _betaln,
    "expit": sigmoid,
    "log_expit": log_sigmoid,
    "logit": logit,
    "xlogy": xlogy,
    "xlog1py": lambda x, y: xlogy(x, 1.0 + y),
    "entr": lambda x: -xlogy(x, x),
    "exp2": exp2,
    "exp10": lambda x: power(10.0, x),
    "expm1": expm1,
    "log1p": log1p,
    "cbrt": cbrt,
}
SCIPY.update(_ANSWERS)
