"""The steps of a random program: each operation on our side and on PyTorch's, and where it may be applied.

A step takes arrays that exist already and parameters that `choose` draws from their shapes. Functions with a limited domain
are fed what brings any number into it (``log`` gets ``x * x + 0.5``), on both sides alike. `kinks` gives the numbers that
must stay away from 0, so that float32's rounding cannot fall on the other side; a tie that is exact on both sides may stay
where both libraries treat ties alike, which is what `strict` forbids.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ... import ops as ag
from .steps import ROOM, Arrays, Params, few, gaps, one_axis, positive, small, some_axes, step, two_or_more

# ---- elementwise ---------------------------------------------------------------------------------------------------


def _functional(torch: Any, name: str) -> Any:
    return getattr(torch, name, None) or getattr(torch.nn.functional, name)


ROUGH = frozenset({"lgamma", "digamma", "polygamma"})
"""Steps in whose derivatives PyTorch's trigamma stands, which in float64 is right to 5e-10 only (ours to 1e-15)."""


def _unary(name: str, theirs: str | None = None, feed: Any = None, kinks: Any = None, strict: bool = False) -> None:
    feed = feed or (lambda x: x)
    step(
        name,
        lambda xs, p: getattr(ag, name)(feed(xs[0])),
        lambda torch, xs, p: _functional(torch, theirs or name)(feed(xs[0])),
        kinks=kinks and (lambda xs, p: kinks(xs[0])),
        strict=strict,
    )


def _itself(x: Any) -> Any:
    return x


for _name in (
    "sin",
    "cos",
    "tanh",
    "sigmoid",
    "erf",
    "erfc",
    "negative",
    "square",
    "softplus",
    "silu",
    "mish",
    "expm1",
):
    _unary(_name)
for _name in ("sinh", "cosh", "tan", "exp", "exp2", "arcsin", "arccos", "arctanh", "log1p"):
    _unary(_name, {"arcsin": "asin", "arccos": "acos", "arctanh": "atanh"}.get(_name), small)
for _name in ("log", "log2", "log10", "sqrt", "lgamma", "digamma", "reciprocal"):
    _unary(_name, feed=positive)
for _name in ("relu", "leaky_relu", "elu", "selu", "celu", "abs", "sign"):
    _unary(_name, kinks=_itself)
_unary("hardtanh", kinks=lambda x: np.abs(x) - 1.0)
_unary("relu6", kinks=lambda x: x * (x - 6.0))
_unary("hardswish", kinks=lambda x: np.abs(x) - 3.0)
# PyTorch has no second derivative of hardsigmoid; clamp(x / 6 + 1/2, 0, 1) is what it is.
step(
    "hardsigmoid",
    lambda xs, p: ag.hardsigmoid(xs[0]),
    lambda torch, xs, p: torch.clamp(xs[0] / 6.0 + 0.5, 0.0, 1.0),
    kinks=lambda xs, p: np.abs(xs[0]) - 3.0,
)
_unary("hardshrink", kinks=lambda x: np.abs(x) - 0.5)
_unary("softshrink", kinks=lambda x: np.abs(x) - 0.5)
_unary("floor", kinks=lambda x: x - np.rint(x))
_unary("trunc", kinks=lambda x: x - np.rint(x))
_unary("round", kinks=lambda x: np.abs(x - np.rint(x)) - 0.5)
_unary("nan_to_num")
_unary("tanhshrink")
_unary("softsign", kinks=_itself)
_unary("log_sigmoid", "logsigmoid")
_unary("gelu")
_unary("arctan", "atan")
_unary("arcsinh", "asinh")
_unary("arccosh", "acosh", lambda x: x * x + 1.5)
# PyTorch's second derivative is NaN at 0 and loses its digits next to it.
_unary("sinc", kinks=lambda x: np.where(np.abs(x) < 1e-2, 0.0, x), strict=True)
_unary("deg2rad")
_unary("logit", feed=lambda x: small(x) + 0.5)
_unary("positive")
step(
    "polygamma",
    lambda xs, p: ag.polygamma(positive(xs[0]), 1),
    lambda torch, xs, p: torch.polygamma(1, positive(xs[0])),
)
step("square root of a power", lambda xs, p: positive(xs[0]) ** 1.5, lambda torch, xs, p: positive(xs[0]) ** 1.5)
step(
    "power of a number",
    lambda xs, p: xs[0] ** p["n"],
    lambda torch, xs, p: xs[0] ** p["n"],
    choose=lambda rng, xs: {"n": int(rng.integers(0, 4))},
)
step(
    "clip",
    lambda xs, p: ag.clip(xs[0], -0.5, 0.75),
    lambda torch, xs, p: torch.clamp(xs[0], -0.5, 0.75),
    kinks=lambda xs, p: (xs[0] + 0.5) * (xs[0] - 0.75),
)
step("number on the left", lambda xs, p: 1.5 - xs[0] * 0.5, lambda torch, xs, p: 1.5 - xs[0] * 0.5)
step(
    "astype",
    lambda xs, p: xs[0].astype("float32" if xs[0].dtype == np.float64 else "float64"),
    lambda torch, xs, p: xs[0].to(torch.float32 if xs[0].dtype == torch.float64 else torch.float64),
)


def _binary(name: str, ours: Any, theirs: Any, kinks: Any = None, strict: bool = False) -> None:
    step(name, lambda xs, p: ours(*xs), lambda torch, xs, p: theirs(torch, *xs), 2, broadcasting, kinks, strict)


def broadcasting(rng: Any, xs: Arrays) -> Params | None:
    try:
        shape = np.broadcast_shapes(*[x.shape for x in xs])
    except ValueError:
        return None
    return {} if math.prod(shape) <= ROOM else None


_binary("add", lambda x, y: x + y, lambda t, x, y: x + y)
_binary("subtract", lambda x, y: x - y, lambda t, x, y: x - y)
_binary("multiply", lambda x, y: x * y, lambda t, x, y: x * y)
_binary("divide", lambda x, y: x / positive(y), lambda t, x, y: x / positive(y))
_binary("maximum", ag.maximum, lambda t, x, y: t.maximum(x, y), lambda xs, p: xs[0] - xs[1])
_binary("minimum", ag.minimum, lambda t, x, y: t.minimum(x, y), lambda xs, p: xs[0] - xs[1])
_binary("arctan2", lambda x, y: ag.arctan2(x, positive(y)), lambda t, x, y: t.atan2(x, positive(y)))
_binary("hypot", lambda x, y: ag.hypot(x, positive(y)), lambda t, x, y: t.hypot(x, positive(y)))
_binary("logaddexp", ag.logaddexp, lambda t, x, y: t.logaddexp(x, y))
_binary("logaddexp2", ag.logaddexp2, lambda t, x, y: t.logaddexp2(x, y))
_binary("xlogy", lambda x, y: ag.xlogy(x, positive(y)), lambda t, x, y: t.xlogy(x, positive(y)))
_binary("power", lambda x, y: ag.power(positive(x), small(y)), lambda t, x, y: t.pow(positive(x), small(y)))
_binary(
    "remainder",
    lambda x, y: ag.remainder(x, positive(y)),
    lambda t, x, y: t.remainder(x, positive(y)),
    lambda xs, p: np.mod(xs[0] / positive(xs[1]) + 0.5, 1.0) - 0.5,
)
_binary(
    "fmod",
    lambda x, y: ag.fmod(x, positive(y)),
    lambda t, x, y: t.fmod(x, positive(y)),
    lambda xs, p: np.mod(xs[0] / positive(xs[1]) + 0.5, 1.0) - 0.5,
)
_binary(
    "copysign",
    ag.copysign,
    lambda t, x, y: t.copysign(x, y),
    lambda xs, p: xs[0] * xs[1],
    strict=True,  # a zero's sign is rounding's, and PyTorch's second derivative there is NaN
)
_binary(
    "where",
    lambda x, y: ag.where(x > 0.1, y, x * 2.0),
    lambda t, x, y: t.where(x > 0.1, y, x * 2.0),
    lambda xs, p: xs[0] - 0.1,
)
_binary(
    "select",
    lambda x, y: ag.select([x > 0.3, y < 0.0], [x * y, y], x),
    lambda t, x, y: t.where(x > 0.3, x * y, t.where(y < 0.0, y, x)),
    lambda xs, p: (xs[0] - 0.3) * xs[1],
)

# ---- reductions and scans ------------------------------------------------------------------------------------------


def _varied(rng: Any, xs: Arrays) -> Params | None:
    """Axes over which there is something to vary."""
    p = some_axes(rng, xs)
    return p if p and math.prod(xs[0].shape[a] for a in p["axis"]) >= 2 else None


def _reduction(
    name: str, theirs: Any, choose: Any = some_axes, ours: Any = None, kinks: Any = None, strict: bool = False
) -> None:
    ours = ours or getattr(ag, name)
    step(
        name,
        lambda xs, p: ours(xs[0], axis=p["axis"], keepdims=p["keepdims"]),
        lambda torch, xs, p: theirs(torch, xs[0], p["axis"], p["keepdims"]),
        choose=choose,
        kinks=kinks,
        strict=strict,
    )


_reduction("sum", lambda t, x, a, k: t.sum(x, a, k))
_reduction("mean", lambda t, x, a, k: t.mean(x, a, k))
_reduction("max", lambda t, x, a, k: t.amax(x, a, k), kinks=gaps)
_reduction("min", lambda t, x, a, k: t.amin(x, a, k), kinks=gaps)
_reduction("logsumexp", lambda t, x, a, k: t.logsumexp(x, a, k))
_reduction("nansum", lambda t, x, a, k: t.nansum(x, a, k))
_reduction("var", lambda t, x, a, k: t.var(x, a, correction=0, keepdim=k), _varied)
_norm = lambda order: lambda x, axis, keepdims: ag.linalg.vector_norm(x, axis=axis, keepdims=keepdims, ord=order)
_reduction(
    "norm",
    lambda t, x, a, k: t.linalg.vector_norm(x, 2, a, k),
    ours=_norm(2),
    kinks=lambda xs, p: np.linalg.vector_norm(xs[0], axis=p["axis"]),
    strict=True,
)
_reduction(
    "norm of order 3",
    lambda t, x, a, k: t.linalg.vector_norm(x, 3, a, k),
    ours=_norm(3),
    kinks=lambda xs, p: xs[0] / 10.0,  # where the second derivative is a difference of large numbers
    strict=True,  # PyTorch's second derivative at 0 is NaN
)


def _along(name: str, ours: Any, theirs: Any, choose: Any = one_axis, kinks: Any = None, strict: bool = False) -> None:
    step(
        name,
        lambda xs, p: ours(xs[0], p["axis"]),
        lambda t, xs, p: theirs(t, xs[0], p["axis"]),
        1,
        choose,
        kinks,
        strict,
    )


_along("prod", ag.prod, lambda t, x, a: t.prod(x, a), few)
_along("cumsum", ag.cumsum, lambda t, x, a: t.cumsum(x, a))
_along("cumprod", ag.cumprod, lambda t, x, a: t.cumprod(x, a), few)
_along("cummax", lambda x, a: ag.cummax(x, a)[0], lambda t, x, a: t.cummax(x, a)[0], kinks=gaps, strict=True)
_along("cummin", lambda x, a: ag.cummin(x, a)[0], lambda t, x, a: t.cummin(x, a)[0], kinks=gaps, strict=True)
_along("sort", ag.sort, lambda t, x, a: t.sort(x, dim=a, stable=True)[0], kinks=gaps, strict=True)
_along("median", lambda x, a: ag.median(x, axis=a), lambda t, x, a: t.quantile(x, 0.5, a), kinks=gaps, strict=True)
_along("quantile", lambda x, a: ag.quantile(x, 0.3, a), lambda t, x, a: t.quantile(x, 0.3, a), kinks=gaps, strict=True)
_along("topk", lambda x, a: ag.topk(x, 2, a)[0], lambda t, x, a: t.topk(x, 2, a)[0], two_or_more, gaps, True)
_along("softmax", ag.softmax, lambda t, x, a: t.softmax(x, a))
_along("log_softmax", ag.log_softmax, lambda t, x, a: t.log_softmax(x, a))
_along("flip", ag.flip, lambda t, x, a: t.flip(x, (a,)))
_along("diff", lambda x, a: ag.diff(x, axis=a), lambda t, x, a: t.diff(x, dim=a), two_or_more)
_along(
    "trapezoid",
    lambda x, a: ag.trapezoid(x, dx=0.5, axis=a),
    lambda t, x, a: t.trapezoid(x, dx=0.5, dim=a),
    two_or_more,
)
_along("roll", lambda x, a: ag.roll(x, 1, a), lambda t, x, a: t.roll(x, 1, a))
_along("repeat", lambda x, a: ag.repeat(x, 2, a), lambda t, x, a: t.repeat_interleave(x, 2, a))
_along("std", lambda x, a: ag.std(x, a, ddof=1), lambda t, x, a: t.std(x, a), two_or_more, gaps, True)
