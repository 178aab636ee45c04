"""Samples of products, scans, moments, quantiles, sorting, and the reductions over NaN."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...ops import scan, sorting, statistics
from . import Call, Row
from .inputs import away, between, distinct, normal, unary
from .reduction import _over_axes

_zeros = [
    np.array(z) for z in ([2.0, 0.0, 3.0, -1.5], [0.0, 2.0, 0.0, 3.0], [0.0, 0.0, 0.0, 1.0], [0.0, 2.0, 3.0, 0.5])
]
_nans = np.array([[1.0, np.nan, 3.5], [np.nan, np.nan, 2.0], [-1.0, 4.0, 0.5]])
_nothing = np.array([[np.nan, np.nan], [1.0, 2.0]])
_ties = np.array([1.0, 3.0, 3.0, 2.0, 3.0, np.nan, 1.0])


def _along(draw: Any) -> list[Call]:
    """Every axis of an ordinary array, and the awkward ones."""
    calls = [Call((draw(2, 3, 4),), {"axis": a}) for a in (0, 1, -1)]
    return [*calls, Call((draw(6, 4)[::-2, ::3],), {"axis": 0}), Call((draw(3, 2).T,), {"axis": 1})]


def _flattening(draw: Any) -> list[Call]:
    return [*_along(draw), *unary(draw)]


def _reduced(draw: Any, **params: Any) -> list[Call]:
    return [Call(c.arrays, {**c.params, **params}) for c in _over_axes(draw, False)]


def _running(extremum: Any) -> Callable[..., Any]:
    def reference(x: np.ndarray, axis: int = 0) -> tuple[np.ndarray, np.ndarray]:
        values, moved = extremum.accumulate(x, axis), np.moveaxis(x, axis, 0)
        indices = np.zeros(moved.shape, np.int64)
        for i in range(1, len(moved)):
            with np.errstate(invalid="ignore"):
                wins = extremum(moved[:i].max(0) if extremum is np.maximum else moved[:i].min(0), moved[i]) == moved[i]
            indices[i] = np.where(wins | np.isnan(moved[i]), i, indices[i - 1])
        return values, np.moveaxis(indices, 0, axis)

    return reference


def _sorted(x: np.ndarray, axis: int | None = -1, descending: bool = False) -> np.ndarray:
    out = np.sort(x, axis)
    return np.flip(out, -1 if axis is None else axis) if descending else out


def _order(x: np.ndarray, axis: int | None = -1, descending: bool = False) -> np.ndarray:
    return np.argsort(-x if descending else x, axis, kind="stable")


def _logsumexp(x: np.ndarray, axis: Any = None, keepdims: bool = False) -> Any:
    return np.logaddexp.reduce(x, axis, None, None, keepdims) if x.ndim else x  # type: ignore[call-overload]


def _nan_calls(order: int = 2, **params: Any) -> list[Call]:
    """Rows with NaN, whose gradient is checked where none is all NaN; and nothing but NaN."""
    calls = [Call((_nans[[0, 2]],), {"axis": 0, **params}, order=0), Call((_nans,), {"axis": 1, **params}, order=0)]
    calls += [Call((_nans,), {**params}, order=0), Call((_nothing,), {"axis": 1, **params}, order=0)]
    return calls + [Call((distinct(2, 3),), {"axis": a, **params}, order=order) for a in (0, 1, None)]


def _nan_gradient(gradient: Any, **params: Any) -> Call:
    return Call((np.array([1.0, np.nan, 3.0]),), params, order=0, gradient=(np.array(gradient),))


_spread = np.array([1.0, np.nan, 4.0, 2.0])
_latest = (np.array([1, 1, 2, 0, 1, 2, 0]),)
_half: list[dict[str, Any]] = [{"q": q} for q in (0.0, 0.25, 0.5, 1.0)]
_levels: list[dict[str, Any]] = [
    {"q": [0.1, 0.9]},
    {"q": [0.5], "axis": 0},
    {"q": [[0.2], [0.7]], "axis": -1, "keepdims": True},
]
_methods: list[dict[str, Any]] = [
    {"q": q, "axis": 1, "method": m} for m in statistics.QUANTILE_METHODS for q in (0.0, 0.3, 0.5, 0.75, 1.0)
]
_percent: list[dict[str, Any]] = [{"q": 30}, {"q": [25.0, 50.0], "axis": 0}, {"q": 100, "axis": -1, "keepdims": True}]


def _quantiles(settings: list[dict[str, Any]], data: Any = None) -> list[Call]:
    return [Call((distinct(3, 5) if data is None else data,), s, order=2 if data is None else 0) for s in settings]


ROWS = [
    Row(scan.cumsum, np.cumsum, [*_flattening(normal), Call((np.array([1, 2]),), {"dtype": np.float64}, order=0)]),
    Row(
        scan.cumprod,
        np.cumprod,
        [*_flattening(away), *[Call((z,)) for z in _zeros], Call((normal(2, 0),), {"axis": 1})],
    ),
    Row(scan.cumprod_along, np.cumprod, [*_along(away), *[Call((z,), {"axis": 0}) for z in _zeros]]),
    Row(
        scan.products_of_others,
        lambda x: np.stack([np.prod(np.delete(x, i, -1), -1) for i in range(x.shape[-1])], -1),
        [*[Call((z,)) for z in _zeros], Call((away(2, 3, 4),)), Call((away(6, 4)[::-2, ::3],)), Call((away(1),))],
    ),
    Row(
        scan.prod,
        np.prod,
        [
            *_over_axes(away, True),
            *[Call((z,)) for z in _zeros],
            Call((np.array([[0.0, 2.0], [3.0, 0.0]]),), {"axis": 1}),
            Call((between(0.9, 1.1, 37),)),
            Call((np.array([2, 3]),), order=0),
        ],
    ),
    Row(
        scan.cumulative_sum,
        lambda x, **params: np.cumulative_sum(x, **params),
        [Call((normal(3),), {"include_initial": i}) for i in (False, True)]
        + [Call((normal(2, 3),), {"axis": a, "include_initial": True}) for a in (0, -1)],
    ),
    Row(
        scan.cumulative_prod,
        lambda x, **params: np.cumulative_prod(x, **params),
        [Call((normal(3),), {"include_initial": i}) for i in (False, True)]
        + [Call((normal(2, 3),), {"axis": a, "include_initial": True}) for a in (0, -1)],
    ),
    Row(
        scan.cummax,
        _running(np.maximum),
        [*_along(distinct), Call((_ties,), order=0, gradient=_latest)],
    ),
    Row(
        scan.cummin,
        _running(np.minimum),
        [*_along(distinct), Call((-_ties,), order=0, gradient=_latest)],
    ),
    Row(
        scan.diff,
        np.diff,
        [
            *_along(normal),
            *[Call((normal(2, 5),), {"n": n}) for n in (0, 2, 3)],
            Call((normal(3),), {"prepend": 1.0, "append": [2.0, 3.0]}),
            Call((normal(2, 2),), {"axis": 0, "append": 0.5}),
            Call((normal(1),), {"n": 2}),
        ],
    ),
    Row(
        scan.trapezoid,
        np.trapezoid,
        [
            *_along(normal),
            Call((normal(4),), {"dx": 0.5}),
            Call((normal(2, 3), normal(3))),
            Call((normal(3, 2), normal(3)), {"axis": 0}),
            Call((normal(2, 3), normal(2, 3))),
        ],
    ),
    Row(
        statistics.var, np.var, [*_reduced(normal), Call((normal(2, 4),), {"axis": 1, "ddof": 1}), Call((np.ones(3),))]
    ),
    Row(
        statistics.std,
        np.std,
        [
            *[c for c in _reduced(distinct) if c.params.get("axis") != () and c.arrays[0].size > 1],
            Call((normal(2, 4),), {"axis": 1, "ddof": 1}),
            Call((np.ones(3),), order=0, gradient=(np.zeros(3),)),
            Call((np.array([1, 2]),), order=0),
        ],
    ),
    Row(
        statistics.logsumexp,
        _logsumexp,
        [
            *[c for c in _over_axes(normal, False) if c.params.get("axis") != ()],
            Call((np.array([1000.0, 1000.0, -1000.0]),)),
            Call(
                (np.array([[-np.inf, 0.0], [-np.inf, -np.inf]]),), {"axis": 1}, 0, (np.array([[0.0, 1.0], [0.0, 0.0]]),)
            ),
            Call((np.zeros((2, 0)),), {"axis": 1}, order=0),
        ],
    ),
    Row(
        statistics.average,
        np.average,
        [
            *[Call((normal(2, 3),), {"axis": a}) for a in (None, 0, (0, 1))],
            Call((normal(2, 3),), {"axis": 0, "returned": True, "keepdims": True}),
            Call((normal(2, 3), 1, between(0.5, 2.0, 3))),
            Call((normal(2, 3), None, between(0.5, 2.0, 2, 3))),
            Call((normal(2, 3), (0, 1), between(0.5, 2.0, 2, 3)), {"returned": True}),
        ],
    ),
    Row(
        statistics.count_nonzero,
        lambda x, **params: np.asarray(np.count_nonzero(x, **params)),
        [Call((np.array([[0.0, 1.0], [np.nan, 0.0]]),), {"axis": a}, order=0) for a in (None, 0, (0, 1))],
    ),
    Row(statistics.ptp, np.ptp, [Call((distinct(2, 3),), {"axis": a}) for a in (None, 0, -1)]),
    Row(statistics.quantile, np.quantile, [*_quantiles([*_half, *_levels, *_methods]), *_quantiles(_half, _spread)]),
    Row(statistics.percentile, np.percentile, [*_quantiles(_percent), *_quantiles(_percent[:1], np.array([1, 5, 7]))]),
    Row(
        statistics.nanquantile,
        np.nanquantile,
        [*_quantiles([*_half, *_levels, *_methods]), *_quantiles([*_half, *_methods], _nans)]
        + [Call((_spread,), {"q": 0.75}, order=0, gradient=(np.array([0.0, 0.0, 0.5, 0.5]),))],
    ),
    Row(statistics.nanpercentile, np.nanpercentile, [*_quantiles(_percent), *_quantiles(_percent, _nans)]),
    Row(
        statistics.median,
        np.median,
        [
            *_reduced(distinct),
            Call((_nans,), {"axis": 1}, order=0),
            Call((np.array([1.0, 1.0, 1.0]),), order=0, gradient=(np.array([0.0, 1.0, 0.0]),)),
        ],
    ),
    Row(statistics.nanmedian, np.nanmedian, [*_nan_calls(), _nan_gradient([0.5, 0.0, 0.5])]),
    Row(statistics.nansum, np.nansum, [*_nan_calls(), _nan_gradient([1.0, 0.0, 1.0])]),
    Row(statistics.nanprod, np.nanprod, [*_nan_calls(), _nan_gradient([3.0, 0.0, 1.0])]),
    Row(statistics.nancumsum, np.nancumsum, [*_nan_calls(), _nan_gradient([3.0, 0.0, 1.0])]),
    Row(statistics.nancumprod, np.nancumprod, [*_nan_calls(), _nan_gradient([5.0, 0.0, 1.0])]),
    Row(statistics.nanmean, np.nanmean, [*_nan_calls(), _nan_gradient([0.5, 0.0, 0.5])]),
    Row(statistics.nanvar, np.nanvar, [*_nan_calls(), *_nan_calls(ddof=1), _nan_gradient([-1.0, 0.0, 1.0])]),
    Row(
        statistics.nanstd,
        np.nanstd,
        [*_nan_calls()[:-1], _nan_gradient([-0.5, 0.0, 0.5]), Call((np.ones(2),), order=0, gradient=(np.zeros(2),))],
    ),
    Row(
        statistics.nanmax,
        np.nanmax,
        [*_nan_calls(), _nan_gradient([0.0, 0.0, 1.0]), Call((np.array([1, 2]),), order=0)],
    ),
    Row(statistics.nanmin, np.nanmin, [*_nan_calls(), _nan_gradient([1.0, 0.0, 0.0])]),
    Row(statistics.nanargmax, np.nanargmax, [Call((_nans,), {"axis": a}, order=0) for a in (None, 0, 1)]),
    Row(statistics.nanargmin, np.nanargmin, [Call((_nans,), {"axis": a}, order=0) for a in (None, 0, 1)]),
    Row(
        sorting.sort,
        _sorted,
        [
            *_along(distinct),
            Call((distinct(2, 3),), {"axis": None}),
            Call((distinct(2, 3),), {"descending": True}),
            Call((_ties,), order=0, gradient=(np.ones(7),)),
            Call((np.zeros((0, 2)),), {"axis": 0}),
        ],
    ),
    Row(
        sorting.argsort,
        _order,
        [
            *[Call((distinct(2, 3),), {"axis": a}, order=0) for a in (0, 1, -1, None)],
            *[Call((_ties[:5],), {"descending": d}, order=0) for d in (False, True)],
        ],
    ),
]
