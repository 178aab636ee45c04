"""NumPy's reductions as NumPy calls them: with `where=` and `initial=`, and as the methods of its ufuncs.

`np.sum(t, where=mask)`, `np.add.reduce(t)`, `np.maximum.accumulate(t)`. Our own functions do without: a mask is
``ag.where(mask, x, 0).sum()``, which is what is done here.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine.protocol import implements
from .comparison import equal, logical_and, logical_or
from .elementwise import add, maximum, minimum, multiply, sqrt, where
from .exponential import logaddexp
from .reduction import all, any, max, mean, min, sum
from .rounding import fmax, fmin
from .scan import cummax, cummin, cumprod, cumsum, prod
from .shape import arrayed, astype, broadcast_to_
from .statistics import logsumexp, nanmax, nanmean, nanmin, nanprod, nanstd, nansum, nanvar, std, var

__all__: list[str] = []
NOTHING: Any = object()


def _lowest(dtype: np.dtype) -> Any:
    return -np.inf if dtype.kind == "f" else False if dtype.kind == "b" else np.iinfo(dtype).min


def _highest(dtype: np.dtype) -> Any:
    return np.inf if dtype.kind == "f" else True if dtype.kind == "b" else np.iinfo(dtype).max


def _masked(x: Any, mask: Any, neutral: Any) -> Any:
    """x with what the mask leaves out replaced by an element that does not count."""
    if mask is NOTHING or mask is True:
        return x
    value = neutral(x.dtype) if callable(neutral) else neutral
    return where(mask, x, x.dtype.type(value))


def _fold(axis: Any, ours: Any, neutral: Any, combine: Any = None, identity: bool = True) -> Any:
    """What answers to a NumPy reduction: ours of what the mask leaves, combined with the initial value."""

    def answer(
        x: Any,
        /,
        axis: Any = axis,
        dtype: Any = None,
        keepdims: bool = False,
        initial: Any = NOTHING,
        where: Any = NOTHING,
    ) -> Any:
        x = arrayed(x)
        if where is not NOTHING and where is not True and not identity and initial is NOTHING:
            raise ValueError(f"{ours.__name__}: with where= there may be nothing left, so it needs initial=, too")
        if dtype is not None and x.dtype != np.dtype(dtype):
            x = astype(x, dtype)
        if initial is not NOTHING and x.size == 0 and not identity:
            out = broadcast_to_(arrayed(initial, x), np.empty(x.shape).sum(axis, keepdims=keepdims).shape)
            return astype(out, x.dtype)
        axis = tuple(axis) if isinstance(axis, list) else axis
        out = ours(_masked(x, where, neutral), axis=axis, keepdims=keepdims)
        return out if initial is NOTHING or initial is None else combine(out, initial)

    answer.__name__ = ours.__name__
    return answer


SUM, PRODUCT = (sum, False, add), (prod, True, multiply)
ALL, ANY = (all, True, logical_and), (any, False, logical_or)
LARGEST, SMALLEST = (max, _lowest, maximum, False), (min, _highest, minimum, False)
NAN_LARGEST, NAN_SMALLEST = (nanmax, np.nan, fmax, False), (nanmin, np.nan, fmin, False)
FOLDS: dict[Any, Any] = {
    np.sum: SUM,
    np.prod: PRODUCT,
    np.all: ALL,
    np.any: ANY,
    np.max: LARGEST,
    np.amax: LARGEST,
    np.min: SMALLEST,
    np.amin: SMALLEST,
    np.nansum: (nansum, False, add),
    np.nanprod: (nanprod, True, multiply),
    np.nanmean: (nanmean, np.nan),
    np.nanmax: NAN_LARGEST,
    np.nanmin: NAN_SMALLEST,
}
REDUCES: dict[np.ufunc, Any] = {
    np.add: SUM,
    np.multiply: PRODUCT,
    np.logical_and: ALL,
    np.logical_or: ANY,
    np.maximum: LARGEST,
    np.minimum: SMALLEST,
    np.fmax: NAN_LARGEST,
    np.fmin: NAN_SMALLEST,
    np.logaddexp: (logsumexp, -np.inf, logaddexp),
}
for _function, _settings in FOLDS.items():
    implements(_function)(_fold(None, *_settings))
for _ufunc, _settings in REDUCES.items():  # which goes along the first axis unless told otherwise
    implements(_ufunc.reduce)(_fold(0, *_settings))


# ---- moments -------------------------------------------------------------------------------------------------------


def _counted(x: Any, mask: Any, axis: Any, keepdims: bool) -> Any:
    """How many elements of each result the mask lets pass, as floats."""
    passed = np.broadcast_to(mask, x.shape) if isinstance(mask, (np.ndarray, bool)) else broadcast_to_(mask, x.shape)
    n = sum(passed, axis, None, keepdims)
    return astype(n, x.dtype if x.dtype.kind == "f" else np.float64)


@implements(np.mean)
def _numpy_mean(a: Any, axis: Any = None, dtype: Any = None, keepdims: bool = False, *, where: Any = NOTHING) -> Any:
    if where is NOTHING or where is True:
        return mean(a, axis, dtype, keepdims)
    a = a if dtype is None else astype(a, dtype)
    where = arrayed(where)
    return sum(_masked(a, where, False), axis, None, keepdims) / _counted(a, where, axis, keepdims)


def _moment(plain: Any, root: bool) -> Any:
    def answer(
        x: Any,
        /,
        axis: Any = None,
        ddof: float = 0,
        keepdims: bool = False,
        *,
        where: Any = NOTHING,
        correction: Any = NOTHING,
    ) -> Any:
        ddof = ddof if correction is NOTHING else correction
        if where is NOTHING or where is True:
            return plain(x, axis, ddof=ddof, keepdims=keepdims)
        mask = arrayed(where)
        away = _masked(x - _numpy_mean(x, axis, None, True, where=mask), mask, False)
        left = np.maximum(_counted(x, mask, axis, keepdims) - ddof, 0.0)
        out = sum(away * away, axis, None, keepdims) / left
        return _root(out) if root else out

    answer.__name__ = plain.__name__
    return answer


def _root(v: Any) -> Any:
    """The square root, whose derivative at 0 is taken to be 0, as that of `std` is."""
    nothing = equal(v, 0.0)
    return where(nothing, 0.0, sqrt(where(nothing, 1.0, v)))


implements(np.var)(_moment(var, False))
implements(np.std)(_moment(std, True))


def _nan_moment(plain: Any) -> Any:
    def answer(x: Any, /, axis: Any = None, ddof: float = 0, keepdims: bool = False, *, where: Any = NOTHING) -> Any:
        return plain(_masked(arrayed(x), where, np.nan), axis, ddof=ddof, keepdims=keepdims)

    answer.__name__ = plain.__name__
    return answer


implements(np.nanvar)(_nan_moment(nanvar))
implements(np.nanstd)(_nan_moment(nanstd))

# ---- scans ---------------------------------------------------------------------------------------------------------


def _scan(ours: Any, pick: bool) -> Any:
    def answer(x: Any, /, axis: int = 0, dtype: Any = None) -> Any:
        x = arrayed(x)
        x = x if dtype is None or x.dtype == np.dtype(dtype) else astype(x, dtype)
        out = ours(x, axis)
        return out.values if pick else out

    answer.__name__ = ours.__name__
    return answer


for _ufunc, _ours in {np.add: cumsum, np.multiply: cumprod}.items():
    implements(_ufunc.accumulate)(_scan(_ours, False))
for _ufunc, _ours in {np.maximum: cummax, np.minimum: cummin}.items():
    implements(_ufunc.accumulate)(_scan(_ours, True))
