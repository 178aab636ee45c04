"""Variances, log-sum-exp, averages, quantiles, and the reductions that pass over NaN."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from ..engine.methods import method
from ..engine.op import nondifferentiable, op
from ..engine.protocol import implements
from .arranging import moveaxis
from .comparison import equal, greater, isnan, logical_not
from .creation import full_like
from .elementwise import exp, maximum, minimum, sqrt, where
from .indexing import take_along_axis
from .reduction import all, count, max, mean, min, spread, sum
from .rounding import ceil, clip, floor, rint
from .scan import cumprod, cumsum, gathered, prod
from .shape import arrayed, astype, axes_of, broadcast_to_, operand_along, reshape_
from .slicing import slice_
from .sorting import sort
from .totals import total

__all__ = [
    "average", "count_nonzero", "logsumexp", "median", "nanargmax", "nanargmin", "nancumprod", "nancumsum", "nanmax",
    "nanmean", "nanmedian", "nanmin", "nanpercentile", "nanprod", "nanquantile", "nanstd", "nansum", "nanvar",
    "percentile", "ptp", "quantile", "std", "var",
]  # fmt: skip

# ---- moments -------------------------------------------------------------------------------------------------------


def _freedom(shape: tuple[int, ...], axis: Any, ddof: float) -> float:
    """What a sum of squares is divided by; NaN where nothing is left, as the variance itself is then."""
    n = count(shape, axis) - ddof
    return n if n > 0 else float("nan")


@op(kind="reduction")
def var_(x, /, axis, ddof, keepdims):
    """The mean square distance from the mean."""
    return np.var(x, axis, ddof=ddof, keepdims=keepdims)


def _deviation(x, axis):
    return x - mean(x, axis, None, True)


var_.vjp(
    x=lambda g, x, axis, ddof, keepdims: (
        spread(g * (2.0 / _freedom(x.shape, axis, ddof)), x.shape, axis, keepdims) * _deviation(x, axis)
    )
)


@op(kind="reduction")
def std_(x, /, axis, ddof, keepdims):
    """The root of the variance."""
    return np.std(x, axis, ddof=ddof, keepdims=keepdims)


# Where the deviation is 0 so are all distances from the mean, and the derivative is taken to be 0.
std_.vjp(
    x=lambda g, x, out, axis, ddof, keepdims: (
        spread(g / (where(equal(out, 0.0), 1.0, out) * _freedom(x.shape, axis, ddof)), x.shape, axis, keepdims)
        * _deviation(x, axis)
    )
)


@method
def var(
    x: Any,
    /,
    axis: int | tuple[int, ...] | None = None,
    *,
    ddof: float = 0,
    keepdims: bool = False,
    correction: float | None = None,
) -> Any:
    """The variance over an axis, a tuple of axes, or all of them (None): the mean square distance from the mean.

    `ddof` (in the Array API `correction`, default 0 as NumPy's, not 1 as PyTorch's) is subtracted from the number of
    elements divided by.

    >>> ag.var(ag.tensor([1.0, 2.0, 3.0]), ddof=1)
    tensor(1., dtype=float32)
    """
    return var_(arrayed(x), axis, ddof if correction is None else correction, keepdims)


@method
def std(
    x: Any,
    /,
    axis: int | tuple[int, ...] | None = None,
    *,
    ddof: float = 0,
    keepdims: bool = False,
    correction: float | None = None,
) -> Any:
    """The standard deviation, the root of `var`, with its parameters; where it is 0 its derivative is 0.

    >>> ag.std(ag.tensor([1.0, 2.0, 3.0]), ddof=1)
    tensor(1., dtype=float32)
    """
    return std_(arrayed(x), axis, ddof if correction is None else correction, keepdims)


@op(kind="reduction", method=True)
def logsumexp(x, /, axis=None, keepdims=False):
    r""":math:`\log \sum e^{x}` over an axis, a tuple of axes, or all of them (None), without overflow.

    Of nothing but -inf it is -inf, and its derivative is taken to be 0.

    >>> f"{ag.logsumexp(ag.tensor([1000.0, 1000.0])):.3f}"
    '1000.693'
    """
    m = np.maximum.reduce(x, axis=axis, keepdims=True, initial=-np.inf)
    m = np.where(np.isfinite(m), m, 0)
    with np.errstate(divide="ignore"):  # the logarithm of an empty sum is meant to be -inf
        out = np.log(total(np.exp(x - m), axis, True)) + m
    return out if keepdims else out.reshape(np.add.reduce(x, axis=axis).shape)


def _logsumexp_rule(g, x, out, axis, keepdims):
    """The cotangent times softmax. Dividing by the sum, which is all but 1, takes out the rounding of a large `out`."""
    p = exp(x - spread(where(equal(out, -np.inf), 0.0, out), x.shape, axis, keepdims))
    total = sum(p, axis, None, True)
    return spread(g, x.shape, axis, keepdims) * (p / where(greater(total, 0.0), total, 1.0))


logsumexp.vjp(x=_logsumexp_rule)


@implements(np.average)
def average(x: Any, axis: Any = None, weights: Any = None, returned: bool = False, *, keepdims: bool = False) -> Any:
    """The weighted mean over an axis, a tuple of axes, or all of them (None); the weights are differentiated too.

    `weights`: of x's shape, or a vector for one axis. With `returned` the result is (average, sum of weights).
    Raises ValueError if the weights fit neither.

    >>> ag.average(ag.tensor([1.0, 4.0]), weights=ag.tensor([2.0, 1.0]))
    tensor(2., dtype=float32)
    """
    axis = tuple(axis) if isinstance(axis, list) else axis
    x = operand_along("average", x, axis)
    if weights is None:
        out = mean(x, axis, None, keepdims)
        total = full_like(out, count(x.shape, axis))
        return (out, total) if returned else out
    w = arrayed(weights, x)
    if w.shape != x.shape:
        axes = axes_of("average", x, axis) if axis is not None else ()
        if w.shape != tuple([x.shape[a] for a in axes]) or not axes:
            raise ValueError(
                f"average: weights of shape {w.shape} for x of {x.shape}, axis {axis}; give one an element"
            )
        w = reshape_(w, tuple([n if i in axes else 1 for i, n in enumerate(x.shape)]))
        w = broadcast_to_(w, x.shape)
    total = sum(w, axis, None, keepdims)
    out = sum(x * w, axis, None, keepdims) / total
    return (out, total) if returned else out


@op(kind="reduction", numpy=np.count_nonzero)
def count_nonzero(x, /, axis=None, keepdims=False):
    """How many elements are not zero, over an axis, a tuple of axes, or all of them (None).

    >>> ag.count_nonzero(ag.tensor([[0, 1], [2, 3]]), axis=0)
    tensor([1, 2], dtype=int64)
    """
    return np.asarray(np.count_nonzero(x, axis, keepdims=keepdims))


count_nonzero.vjp(x=nondifferentiable)


@implements(np.ptp)
def ptp(x: Any, /, axis: Any = None, *, keepdims: bool = False) -> Any:
    """The largest minus the smallest element over an axis, a tuple of axes, or all of them (None).

    >>> ag.ptp(ag.tensor([1.0, 5.0, 3.0]))
    tensor(4., dtype=float32)
    """
    x = _not_empty("ptp", x, axis)
    return max(x, axis, keepdims) - min(x, axis, keepdims)


def _not_empty(name: str, x: Any, axis: Any) -> Any:
    """x as an operand whose axis exists and has elements."""
    x = operand_along(name, x, axis)
    axes = range(x.ndim) if axis is None or not x.ndim else axes_of(name, x, axis)
    if 0 in [x.shape[a] for a in axes]:
        raise ValueError(f"{name}: of an empty array has no value; check the shape, {x.shape}")
    return x


# ---- quantiles -----------------------------------------------------------------------------------------------------

BETWEEN = {
    "hazen": (1 / 2, 1 / 2),
    "weibull": (0.0, 0.0),
    "median_unbiased": (1 / 3, 1 / 3),
    "normal_unbiased": (3 / 8, 3 / 8),
    "interpolated_inverted_cdf": (0.0, 1.0),
    "inverted_cdf": (0.0, 1.0),
    "averaged_inverted_cdf": (0.0, 1.0),
}
"""The plotting positions (alpha, beta) of Hyndman and Fan, Sample quantiles in statistical packages, 1996."""
QUANTILE_METHODS = ("linear", "lower", "higher", "midpoint", "nearest", *BETWEEN)


def _position(last: Any, levels: Any, method: str) -> Any:
    """Where a quantile lies among sorted elements, of which the last has the number `last`; below 0 it is at the first."""
    if method not in BETWEEN:
        return clip(last * levels, 0.0)
    alpha, beta = BETWEEN[method]
    position = (last + 1) * levels + (alpha + levels * (1.0 - alpha - beta)) - 1.0
    return minimum(position, maximum(last, 0) * 1.0)


def _places(position: Any, method: str) -> tuple[Any, Any]:
    """The place below a position between sorted elements, and how far it is from there to the next."""
    if method in ("lower", "higher", "nearest", "inverted_cdf"):
        position = {"lower": floor, "nearest": rint}.get(method, ceil)(position)
    low = floor(position)
    weight = position - low
    if method == "averaged_inverted_cdf":
        return low, where(greater(weight, 0.0), 1.0, 0.5)
    return low, where(greater(weight, 0.0), 0.5, 0.0) if method == "midpoint" else weight


def _quantile(name: str, x: Any, q: Any, axis: Any, keepdims: bool, method: str, over_nan: bool) -> Any:
    """Sorts, finds each quantile's place among the elements (that are no NaN), and interpolates between two."""
    x, levels = arrayed(x), np.asarray(q, np.float64)
    if method not in QUANTILE_METHODS:
        raise ValueError(f"{name}: method {method!r} is not one of {', '.join(map(repr, QUANTILE_METHODS))}")
    if not ((levels >= 0.0) & (levels <= 1.0)).all():
        raise ValueError(f"{name}: quantiles lie between 0 and 1 (percentiles between 0 and 100), not {q}")
    if x.dtype.kind != "f":
        x = astype(x, np.float64)
    axes = tuple(range(x.ndim)) if axis is None else axes_of(name, x, axis)
    flat, _ = gathered(x, axes)
    n = flat.shape[-1]
    if n == 0:
        raise ValueError(f"{name}: of an empty array has no value; shape {x.shape}, axis {axis}")
    ordered = sort(flat, -1)
    last: Any = n - 1
    if over_nan:
        last = sum(logical_not(isnan(ordered)), -1, None, True) - 1
    low, weight = _places(_position(last, levels.reshape(-1), method), method)
    low = astype(low, np.int64)
    high = maximum(minimum(low + astype(greater(weight, 0.0), np.int64), last), 0)
    shape = (*flat.shape[:-1], levels.size)
    below = take_along_axis(ordered, broadcast_to_(maximum(low, 0), shape), -1)
    above = take_along_axis(ordered, broadcast_to_(high, shape), -1)
    out = below + (above - below) * astype(weight, x.dtype)
    if not over_nan:  # sorted, a NaN is last
        largest = slice_(ordered, (..., (n - 1, None, None)))
        out = where(isnan(largest), largest, out)
    kept = tuple([1 if i in axes else m for i, m in enumerate(x.shape)]) if keepdims else shape[:-1]
    return reshape_(moveaxis(out, -1, 0), (*levels.shape, *kept))


@implements(np.quantile)
def quantile(x: Any, q: Any, axis: Any = None, *, method: str = "linear", keepdims: bool = False) -> Any:
    """The q-quantiles over an axis, a tuple of axes, or all of them (None); NaN if there is one.

    `q`: numbers between 0 and 1, whose axes come first in the result. `method`: what lies between two elements:
    ``"linear"`` (default), ``"lower"``, ``"higher"``, ``"midpoint"``, ``"nearest"``, or another of NumPy's but
    ``"closest_observation"``. The derivative goes to the elements interpolated between; q has none.
    Raises ValueError for q outside, another method, or no elements.

    >>> ag.quantile(ag.tensor([1.0, 2.0, 4.0]), [0.5, 0.75])
    tensor([2., 3.], dtype=float32)
    """
    return _quantile("quantile", x, q, axis, keepdims, method, False)


@implements(np.nanquantile)
def nanquantile(x: Any, q: Any, axis: Any = None, *, method: str = "linear", keepdims: bool = False) -> Any:
    """`quantile` of what is not NaN; of nothing it is NaN.

    >>> ag.nanquantile(ag.tensor([1.0, 2.0, float("nan")]), 0.5)
    tensor(1.5, dtype=float32)
    """
    return _quantile("nanquantile", x, q, axis, keepdims, method, True)


@implements(np.percentile)
def percentile(x: Any, q: Any, axis: Any = None, *, method: str = "linear", keepdims: bool = False) -> Any:
    """`quantile` with q between 0 and 100.

    >>> ag.percentile(ag.tensor([1.0, 2.0, 4.0]), 50)
    tensor(2., dtype=float32)
    """
    return _quantile("percentile", x, np.true_divide(q, 100), axis, keepdims, method, False)


@implements(np.nanpercentile)
def nanpercentile(x: Any, q: Any, axis: Any = None, *, method: str = "linear", keepdims: bool = False) -> Any:
    """`nanquantile` with q between 0 and 100.

    >>> ag.nanpercentile(ag.tensor([1.0, 2.0, float("nan")]), 100)
    tensor(2., dtype=float32)
    """
    return _quantile("nanpercentile", x, np.true_divide(q, 100), axis, keepdims, method, True)


@method(numpy=np.median)
def median(x: Any, /, axis: Any = None, *, keepdims: bool = False) -> Any:
    """The middle element over an axis, a tuple of axes, or all of them (None), of an even number the mean of two.

    NaN if there is one. Raises ValueError of an empty array.

    >>> ag.median(ag.tensor([1.0, 2.0, 4.0, 9.0]))
    tensor(3., dtype=float32)
    """
    return _quantile("median", x, 0.5, axis, keepdims, "linear", False)


@implements(np.nanmedian)
def nanmedian(x: Any, /, axis: Any = None, *, keepdims: bool = False) -> Any:
    """`median` of what is not NaN; of nothing it is NaN.

    >>> ag.nanmedian(ag.tensor([1.0, 3.0, float("nan")]))
    tensor(2., dtype=float32)
    """
    return _quantile("nanmedian", x, 0.5, axis, keepdims, "linear", True)


# ---- over NaN ------------------------------------------------------------------------------------------------------
# False and True are the weakest numbers: a NaN's stand-in leaves the dtype alone.


def nansum(x: Any, /, axis: Any = None, dtype: DTypeLike | None = None, *, keepdims: bool = False) -> Any:
    """`sum` with NaN taken for 0.

    >>> ag.nansum(ag.tensor([1.0, 2.0, float("nan")]))
    tensor(3., dtype=float32)
    """
    x = operand_along("nansum", x, axis)
    return sum(where(isnan(x), False, x), axis, dtype, keepdims)


def nanprod(x: Any, /, axis: Any = None, dtype: DTypeLike | None = None, *, keepdims: bool = False) -> Any:
    """`prod` with NaN taken for 1.

    >>> ag.nanprod(ag.tensor([2.0, 3.0, float("nan")]))
    tensor(6., dtype=float32)
    """
    x = operand_along("nanprod", x, axis)
    return prod(where(isnan(x), True, x), axis, dtype, keepdims)


@implements(np.nancumsum)
def nancumsum(x: Any, /, axis: int | None = None, dtype: DTypeLike | None = None) -> Any:
    """`cumsum` with NaN taken for 0.

    >>> ag.nancumsum(ag.tensor([1.0, float("nan"), 2.0]))
    tensor([1., 1., 3.], dtype=float32)
    """
    x = operand_along("nancumsum", x, axis)
    return cumsum(where(isnan(x), False, x), axis, dtype)


@implements(np.nancumprod)
def nancumprod(x: Any, /, axis: int | None = None, dtype: DTypeLike | None = None) -> Any:
    """`cumprod` with NaN taken for 1.

    >>> ag.nancumprod(ag.tensor([2.0, float("nan"), 3.0]))
    tensor([2., 2., 6.], dtype=float32)
    """
    x = operand_along("nancumprod", x, axis)
    return cumprod(where(isnan(x), True, x), axis, dtype)


def _counted(x: Any, axis: Any, keepdims: bool, dtype: Any) -> Any:
    """How many elements are no NaN, as the floats a sum is divided by."""
    return astype(sum(logical_not(isnan(x)), axis, None, keepdims), dtype)


def nanmean(x: Any, /, axis: Any = None, dtype: DTypeLike | None = None, *, keepdims: bool = False) -> Any:
    """`mean` of what is not NaN; of nothing it is NaN.

    >>> ag.nanmean(ag.tensor([1.0, 2.0, float("nan")]))
    tensor(1.5, dtype=float32)
    """
    x = operand_along("nanmean", x, axis)
    if x.dtype.kind != "f":
        return mean(x, axis, dtype, keepdims)
    total = nansum(x, axis, dtype, keepdims=keepdims)
    return total / _counted(x, axis, keepdims, total.dtype)


def nanvar(x: Any, /, axis: Any = None, *, ddof: float = 0, keepdims: bool = False) -> Any:
    """`var` of what is not NaN; of nothing it is NaN.

    >>> ag.nanvar(ag.tensor([1.0, 3.0, float("nan")]))
    tensor(1., dtype=float32)
    """
    x = operand_along("nanvar", x, axis)
    if x.dtype.kind != "f":
        return var(x, axis, ddof=ddof, keepdims=keepdims)
    away = where(isnan(x), False, x - nanmean(x, axis, keepdims=True))
    left = _counted(x, axis, keepdims, x.dtype) - ddof
    return sum(away * away, axis, None, keepdims) / where(greater(left, 0.0), left, np.nan)


def nanstd(x: Any, /, axis: Any = None, *, ddof: float = 0, keepdims: bool = False) -> Any:
    """`std` of what is not NaN; of nothing it is NaN.

    >>> ag.nanstd(ag.tensor([1.0, 3.0, float("nan")]))
    tensor(1., dtype=float32)
    """
    v = nanvar(operand_along("nanstd", x, axis), axis, ddof=ddof, keepdims=keepdims)
    flat = equal(v, 0.0)  # no root is taken of it, whose derivative is infinite
    return where(flat, False, sqrt(where(flat, True, v)))


def _nan_extremum(name: str, extremum: Any, worst: float, x: Any, axis: Any, keepdims: bool) -> Any:
    x = _not_empty(name, x, axis)
    if x.dtype.kind != "f":
        return extremum(x, axis, keepdims)
    hidden = isnan(x)
    return where(all(hidden, axis, keepdims), np.nan, extremum(where(hidden, worst, x), axis, keepdims))


def nanmax(x: Any, /, axis: Any = None, *, keepdims: bool = False) -> Any:
    """`max` of what is not NaN; of nothing but NaN it is NaN.

    >>> ag.nanmax(ag.tensor([1.0, 3.0, float("nan")]))
    tensor(3., dtype=float32)
    """
    return _nan_extremum("nanmax", max, -np.inf, x, axis, keepdims)


def nanmin(x: Any, /, axis: Any = None, *, keepdims: bool = False) -> Any:
    """`min` of what is not NaN; of nothing but NaN it is NaN.

    >>> ag.nanmin(ag.tensor([1.0, 3.0, float("nan")]))
    tensor(1., dtype=float32)
    """
    return _nan_extremum("nanmin", min, np.inf, x, axis, keepdims)


@op(kind="reduction", numpy=np.nanargmax)
def nanargmax(x, /, axis=None, keepdims=False):
    """`argmax` of what is not NaN. Raises ValueError of nothing but NaN.

    >>> ag.nanargmax(ag.tensor([1.0, 3.0, float("nan")]))
    tensor(1, dtype=int64)
    """
    return np.nanargmax(x, axis, keepdims=keepdims)


@op(kind="reduction", numpy=np.nanargmin)
def nanargmin(x, /, axis=None, keepdims=False):
    """`argmin` of what is not NaN. Raises ValueError of nothing but NaN.

    >>> ag.nanargmin(ag.tensor([1.0, 3.0, float("nan")]))
    tensor(0, dtype=int64)
    """
    return np.nanargmin(x, axis, keepdims=keepdims)


for _place in (nanargmax, nanargmin):
    _place.vjp(x=nondifferentiable)
