"""`pick`, `limit` and their kin: NumPy's `where`, `maximum` and `minimum` by value, in ways that are fast on large arrays.

np.where tests its condition element by element, and on conditions without a pattern (the signs of activations) the
processor guesses wrong half of the time: 340 microseconds for 65,536 numbers where eight passes of arithmetic take 60. Here
the condition becomes a mask of bits, and the two sides are joined by "and" and "exclusive or", which leaves every bit of
what is chosen as it was: infinities, NaN and the sign of zero. np.maximum with a number runs three times slower than np.clip
with two.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

BITS = {np.dtype(np.float32): np.int32, np.dtype(np.float64): np.int64}
NUMBERS = (np.float32, np.float64)
LEAST = 4096
"""Below so many elements the branches cost less than the calls."""


def pick(condition: Any, x: Any, y: Any) -> Any:
    """x where the condition is True, y elsewhere; np.where by value, for arrays, numbers and the compiler's symbols."""
    if type(condition) is np.bool_:
        return _one_of(condition, x, y)
    if type(condition) is not np.ndarray or condition.size < LEAST or condition.dtype != np.bool_:
        return np.where(condition, x, y)
    given = x if type(x) is np.ndarray and x.ndim else y
    bits = BITS.get(getattr(given, "dtype", None))
    if bits is None or not all([_fits(side, condition.shape, given.dtype) for side in (x, y)]):
        return np.where(condition, x, y)
    mask = condition.view(np.int8).astype(bits)
    if _is_zero(x):
        np.subtract(mask, 1, out=mask)  # 1 becomes no bits, 0 all
        np.bitwise_and(mask, y.view(bits), out=mask)
        return mask.view(given.dtype)
    np.negative(mask, out=mask)  # 1 becomes all bits
    if _is_zero(y):
        np.bitwise_and(mask, x.view(bits), out=mask)
    else:
        first, second = [np.asarray(side, given.dtype).view(bits) for side in (x, y)]
        np.bitwise_and(mask, np.bitwise_xor(first, second), out=mask)
        np.bitwise_xor(mask, second, out=mask)
    return mask.view(given.dtype)


def _one_of(condition: np.bool_, x: Any, y: Any) -> Any:
    """`pick` of numbers, in an eighth of np.where's time."""
    kind, other = (type(x), type(y)) if type(x) in NUMBERS else (type(y), type(x))
    if kind not in NUMBERS or not (other is kind or other in (int, float, bool)):
        return np.where(condition, x, y)
    return kind(x if condition else y)


def _fits(side: Any, shape: tuple[int, ...], dtype: np.dtype) -> bool:
    """Whether a side is an array of the whole shape and the dtype, or a Python number, which takes the dtype."""
    if type(side) is np.ndarray:
        return side.shape == shape and side.dtype == dtype
    return type(side) in (int, float, bool)


def _is_zero(side: Any) -> bool:
    return type(side) is not np.ndarray and side == 0 and math.copysign(1.0, side) > 0


NATIVE = 1 << 15
"""Elements from which native code is worth its loading."""


def _native(x: np.ndarray) -> bool:
    return x.size >= NATIVE and x.flags.c_contiguous and x.dtype in BITS


def limit(x: Any, low: float, high: float) -> Any:
    """x no smaller than one number and no larger than another; NaN stays. For arrays, numbers and the compiler's symbols."""
    if type(x) is np.ndarray and x.size >= LEAST and x.dtype in BITS:
        if _native(x):
            from ..kernels import limits

            return limits.run(limits.limit, (low, high), x)
        return np.clip(x, low, high)
    if type(x) in NUMBERS:
        return type(x)(low) if x < low else type(x)(high) if x > high else x
    raised = x if low == -math.inf else np.maximum(x, low)
    return raised if high == math.inf else np.minimum(raised, high)


def within(g: Any, x: Any, low: float, high: float) -> Any:
    """g, but 0 where x is at a bound or beyond; an infinite bound is none, and an x that is NaN is within, as for PyTorch."""
    if type(x) is type(g) is np.ndarray and g.shape == x.shape and g.dtype == x.dtype and _native(x) and _native(g):
        from ..kernels import limits

        return limits.run(
            limits.within, (low if low > -math.inf else math.nan, high if high < math.inf else math.nan), g, x
        )
    kept = g if low == -math.inf else pick(x <= low, 0.0, g)
    return kept if high == math.inf else pick(x >= high, 0.0, kept)


def _by_bounds(name: str, x: np.ndarray, low: float, high: float, *g: np.ndarray) -> np.ndarray:
    from ..kernels import limits

    return limits.run(getattr(limits, name), (low, high), *g, x)


def beyond(x: Any, low: float, high: float) -> Any:
    """x less what of it lies within two numbers: 0 between them."""
    if type(x) is np.ndarray and _native(x):
        return _by_bounds("beyond", x, low, high)
    return x - limit(x, low, high)


def outside(x: Any, distance: float) -> Any:
    """x, but 0 where it is no further than a distance from 0; NaN stays."""
    if type(x) is np.ndarray and _native(x):
        return _by_bounds("outside", x, -distance, distance)
    return pick(np.abs(x) <= distance, 0, x)


def ramp(x: Any) -> Any:
    """Where between -3 and 3 x lies, from 0 to 1."""
    if type(x) is np.ndarray and _native(x):
        return _by_bounds("ramp", x, -3.0, 3.0)
    return limit(x + 3.0, 0, 6.0) / 6.0


def ramped(x: Any) -> Any:
    """x times where between -3 and 3 it lies."""
    if type(x) is np.ndarray and _native(x):
        return _by_bounds("ramped", x, -3.0, 3.0)
    return x * ramp(x)


def direction(x: Any) -> Any:
    """np.sign(x)."""
    return _by_bounds("direction", x, 0.0, 0.0) if type(x) is np.ndarray and _native(x) else np.sign(x)


def ramped_gradient(g: np.ndarray, x: np.ndarray) -> np.ndarray | None:
    """g times the derivative of `ramped` at x, natively; None where that does not do."""
    if not (
        type(x) is type(g) is np.ndarray and g.shape == x.shape and g.dtype == x.dtype and _native(x) and _native(g)
    ):
        return None
    return _by_bounds("ramped_gradient", x, -3.0, 3.0, g)
