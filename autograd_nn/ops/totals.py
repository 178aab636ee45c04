"""Sums, products and extrema of plain arrays, in the ways in which they are fast.

Decision: rows and columns are summed by a product with ones. NumPy goes along short rows number by number, and its sum of
columns runs through memory once for each row; the product takes a fourth of the time or less (1,024 rows of 64: 4 microseconds
where NumPy takes 28), and of columns it keeps more digits, for it has several partial sums. Long rows are left to
NumPy, whose sum of those is pairwise. Products and extrema of rows are native loops (`kernels.rows`) where they are many.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from ..kernels.blas import OneBlasThread

add: Any = np.add.reduce  # NumPy's overloads have no keepdims that is only known to be a bool
multiply: Any = np.multiply.reduce

FLOATS = (np.dtype(np.float32), np.dtype(np.float64))
LEAST = 512
"""Elements from which on it pays to look for a faster way."""
THREADED = 9216
"""Elements of a matrix from which on OpenBLAS multiplies it with a vector on all its threads."""
LONGEST = 1024
"""Rows up to here are summed by a product."""
SHORT = 32
"""Rows up to here are laid out as columns before their extremum is taken."""
NATIVE = 4096
"""Elements from which native loops along rows are worth their call, and the loading of numba."""
KEPT = 16384
"""Vectors of ones up to here are kept for the next time."""


def total(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """``np.add.reduce(x, axis=axis, keepdims=keepdims)``."""
    if axis is None or type(x) is not np.ndarray or x.size < LEAST or x.dtype not in FLOATS or not x.flags.c_contiguous:
        return add(x, axis=axis, keepdims=keepdims)
    first, end = _span(axis, x.ndim)
    length = math.prod(x.shape[first:end])
    if first == 0 < length and end < x.ndim:
        sums = _product(_ones(length, x.dtype), x.reshape(length, -1))
    elif 0 < first < end == x.ndim and 0 < length <= LONGEST:
        sums = _product(x.reshape(-1, length), _ones(length, x.dtype))
    else:
        return add(x, axis=axis, keepdims=keepdims)
    kept = (1,) * (end - first) if keepdims else ()
    return sums.reshape((*x.shape[:first], *kept, *x.shape[end:]))


def _product(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """x @ y, of a matrix and a vector, on one thread: memory bounds it."""
    if max(x.size, y.size) < THREADED:
        return x @ y
    with OneBlasThread():
        return x @ y


def in_rows(x: Any, axis: Any) -> bool:
    """Whether native loops go along this axis: the last one of a contiguous array of floats, large enough to be worth it."""
    return (
        type(x) is np.ndarray
        and x.size >= NATIVE
        and axis in (-1, x.ndim - 1)
        and x.flags.c_contiguous
        and x.dtype in FLOATS
    )


def product(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """``np.multiply.reduce(x, axis=axis, keepdims=keepdims)``."""
    if axis is None and not keepdims and type(x) is np.ndarray and in_rows(flat := x.reshape(-1), 0):
        return _by_rows("product", flat)[()]
    if type(axis) is int and in_rows(x, axis):
        found = _by_rows("product", x)
        return found[..., None] if keepdims else found[()]
    return multiply(x, axis=axis, keepdims=keepdims)


def _by_rows(name: str, x: np.ndarray) -> np.ndarray:
    """What a kernel finds in each row."""
    from ..kernels import rows  # which imports numba

    found = np.empty(x.shape[:-1], x.dtype)
    rows.run(getattr(rows, name), x.shape, x, found)
    return found


def extremum(ufunc: Any, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """``ufunc.reduce(x, axis=axis, keepdims=keepdims)`` for np.maximum or np.minimum."""
    if axis is not None and type(x) is np.ndarray and x.size >= LEAST and x.dtype in FLOATS and x.flags.c_contiguous:
        first, end = _span(axis, x.ndim)
        if first == x.ndim - 1 < end and x.shape[-1] <= SHORT:
            columns = np.ascontiguousarray(x.reshape(-1, x.shape[-1]).T)
            return ufunc.reduce(columns, axis=0).reshape((*x.shape[:-1], 1) if keepdims else x.shape[:-1])
        if type(axis) is int and in_rows(x, axis):
            found = _by_rows("largest" if ufunc is np.maximum else "smallest", x)
            return found[..., None] if keepdims else found[()]
    return ufunc.reduce(x, axis=axis, keepdims=keepdims)


def _span(axis: Any, ndim: int) -> tuple[int, int]:
    """The axes of a reduction as those from a first to an end, if they are neighbours and there; else (1, 1)."""
    axes = sorted([a % ndim if -ndim <= a < ndim else ndim for a in (axis if isinstance(axis, tuple) else (axis,))])
    if not axes or axes[-1] >= ndim or axes != list(range(axes[0], axes[-1] + 1)):
        return 1, 1
    return axes[0], axes[-1] + 1


def _ones(n: int, dtype: np.dtype) -> np.ndarray:
    return _kept_ones(n, dtype) if n <= KEPT else np.ones(n, dtype)


@functools.lru_cache(maxsize=64)
def _kept_ones(n: int, dtype: np.dtype) -> np.ndarray:
    made = np.ones(n, dtype)
    made.flags.writeable = False
    return made
