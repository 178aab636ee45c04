"""Functions known at points: interpolation, numerical gradients, convolution of sequences, covariance.

`convolve_` is closed under differentiation: the cotangent of one factor is a piece of the convolution of the other one's
mirror image with the cotangent.
"""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from ..engine.op import op
from ..engine.protocol import implements
from .arranging import flip, moveaxis
from .comparison import equal, greater, less
from .diagonals import diagonal
from .elementwise import exp, log, power, remainder, sin, sqrt, where
from .indexing import take
from .joining import concat
from .products import matmul
from .reduction import mean
from .rounding import clip
from .scan import cumsum, diff, part
from .searching import searchsorted
from .shape import all_arrayed, arrayed, astype, axes_of, axis_of, reshape_

__all__ = [
    "convolve", "corrcoef", "correlate", "cov", "ediff1d", "geomspace", "gradient", "interp", "logspace", "sinc",
    "unwrap",
]  # fmt: skip


def _floating(x: Any) -> Any:
    """x, or its floats where it is of integers."""
    x = arrayed(x)
    return x if x.dtype.kind == "f" else astype(x, np.float64)


# ---- sequences -----------------------------------------------------------------------------------------------------


@op(kind="product")
def convolve_(x, y, /):
    """The sums of products at every overlap of one vector with the mirror image of another."""
    return np.convolve(x, y)


convolve_.vjp(
    x=lambda g, x_shape, y: part(convolve_(g, flip(y)), 0, y.shape[0] - 1, y.shape[0] - 1 + x_shape[0]),
    y=lambda g, x, y_shape: part(convolve_(g, flip(x)), 0, x.shape[0] - 1, x.shape[0] - 1 + y_shape[0]),
)


def _overlapping(name: str, x: Any, y: Any, mode: str) -> Any:
    """The part of a full convolution that a mode keeps."""
    x, y = all_arrayed((x, y))
    if x.ndim != 1 or y.ndim != 1 or 0 in (x.size, y.size):
        raise ValueError(f"{name}: takes two vectors that are not empty, not shapes {x.shape} and {y.shape}")
    full, longer, shorter = convolve_(x, y), max(x.size, y.size), min(x.size, y.size)
    if mode == "full":
        return full
    if mode == "valid":
        return part(full, 0, shorter - 1, longer)
    if mode == "same":
        start = (shorter - 1) // 2
        return part(full, 0, start, start + longer)
    raise ValueError(f"{name}: mode {mode!r} is not one of 'full', 'same', 'valid'")


@implements(np.convolve)
def convolve(x: Any, y: Any, /, mode: str = "full") -> Any:
    r"""The convolution of two vectors, :math:`\sum_m x_m\, y_{n-m}`.

    `mode`: every overlap (``"full"``, default), as many as the longer is long (``"same"``), or only where they overlap in full
    (``"valid"``). Raises ValueError for anything but vectors, an empty one, or another mode.

    >>> ag.convolve(ag.tensor([1.0, 2.0, 3.0]), ag.tensor([1.0, 1.0]))
    tensor([1., 3., 5., 3.], dtype=float32)
    """
    return _overlapping("convolve", x, y, mode)


@implements(np.correlate)
def correlate(x: Any, y: Any, /, mode: str = "valid") -> Any:
    r"""The correlation of two vectors, :math:`\sum_m x_{n+m}\, y_m`: `convolve` with y reversed; modes as there.

    >>> ag.correlate(ag.tensor([1.0, 2.0, 3.0]), ag.tensor([0.0, 1.0]))
    tensor([2., 3.], dtype=float32)
    """
    x, y = all_arrayed((x, y))
    if mode == "full" or x.size >= y.size or y.ndim != 1:
        return _overlapping("correlate", x, flip(y), mode)
    return flip(_overlapping("correlate", y, flip(x), mode))  # NumPy exchanges them, and turns the result round


@implements(np.ediff1d)
def ediff1d(x: Any, /, to_end: Any = None, to_begin: Any = None) -> Any:
    """The differences of neighbours in the flattened x, with values before and behind them.

    >>> ag.ediff1d(ag.tensor([1.0, 4.0, 9.0]), to_begin=0.0)
    tensor([0., 3., 5.], dtype=float32)
    """
    x = reshape_(arrayed(x), (-1,))
    ends = [None if e is None else reshape_(astype(arrayed(e, x), x.dtype), (-1,)) for e in (to_begin, to_end)]
    parts = [p for p in (ends[0], diff(x), ends[1]) if p is not None]
    return concat(parts) if len(parts) > 1 else parts[0]


@implements(np.unwrap)
def unwrap(x: Any, /, discont: float | None = None, axis: int = -1, *, period: float = 2 * math.pi) -> Any:
    """Angles with whole periods added where neighbours are more than half of one apart; the derivative is 1.

    >>> ag.unwrap(ag.tensor([0.0, 3.0, -3.0])).numpy().round(3)
    array([0.   , 3.   , 3.283], dtype=float32)
    """
    x = _floating(x)
    axis = axis_of("unwrap", x, axis)
    steps = diff(x, axis=axis).detach() if hasattr(x, "detach") else diff(x, axis=axis)
    half = period / 2
    turned = remainder(steps + half, period) - half
    turned = where(equal(turned, -half) & greater(steps, 0.0), half, turned)
    size = where(less(steps, 0.0), -steps, steps)
    change = where(less(size, max(half, discont or 0.0)), 0.0, turned - steps)
    rest = part(x, axis, 1, None) + cumsum(change, axis)
    return concat([part(x, axis, None, 1), rest], axis=axis)


# ---- between points ------------------------------------------------------------------------------------------------


@implements(np.interp)
def interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None) -> Any:
    """The function through points (xp, fp), straight between them, at x; outside it is `left` and `right` (default: fp's ends).

    `xp`: an ascending vector. x, xp and fp are differentiated; at a point, the derivative in x is that to its right.

    >>> ag.interp(ag.tensor([0.5, 9.0]), ag.tensor([0.0, 1.0, 2.0]), ag.tensor([0.0, 10.0, 0.0]))
    tensor([5., 0.], dtype=float32)
    """
    x, xp, fp = [_floating(a) for a in all_arrayed((x, xp, fp))]
    if xp.ndim != 1 or xp.shape != fp.shape or not xp.size:
        raise ValueError(f"interp: xp and fp are two vectors of one length, not of shapes {xp.shape} and {fp.shape}")
    n = xp.shape[0]
    low = clip(searchsorted(xp, x, side="right") - 1, 0, max(n - 2, 0))
    high = clip(low + 1, 0, n - 1)
    x0, x1, f0, f1 = take(xp, low), take(xp, high), take(fp, low), take(fp, high)
    width = x1 - x0
    inside = f0 + (f1 - f0) * ((x - x0) / where(equal(width, 0.0), 1.0, width))
    out = where(less(x, xp[0]), fp[0] if left is None else left, inside)
    return where(greater(x, xp[-1]), fp[-1] if right is None else right, out)


@implements(np.gradient)
def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    """The derivatives of sampled values along each axis (a tuple) or along one, by differences of second order.

    `varargs`: the step for all axes, or for each axis its step or the vector of its points (default 1). `edge_order`: 1
    (default) or 2, the order at the two ends. Values, steps and points are differentiated. Raises ValueError for an axis of
    fewer than edge_order + 1 elements, or spacings that fit neither.

    >>> ag.gradient(ag.tensor([1.0, 2.0, 4.0, 7.0]))
    tensor([1. , 1.5, 2.5, 3. ], dtype=float32)
    """
    f = _floating(f)
    axes = tuple(range(f.ndim)) if axis is None else axes_of("gradient", f, axis)
    steps = list(varargs) * len(axes) if len(varargs) == 1 and np.ndim(varargs[0]) == 0 else list(varargs)
    steps = steps or [1.0] * len(axes)
    if len(steps) != len(axes) or edge_order not in (1, 2):
        raise ValueError(f"gradient: {len(steps)} spacings for {len(axes)} axes, edge_order {edge_order} (1 or 2)")
    out = tuple([_gradient(f, a, h, edge_order) for a, h in zip(axes, steps, strict=True)])
    return out[0] if len(out) == 1 else out


def _gradient(f: Any, axis: int, h: Any, edge_order: int) -> Any:
    f, n = moveaxis(f, axis, -1), f.shape[axis]
    if n < edge_order + 1:
        raise ValueError(f"gradient: axis {axis} has {n} elements; it takes {edge_order + 1} or more")
    at = lambda i: part(f, -1, i, i + 1 if i != -1 else None)
    if np.ndim(h) == 0:
        before = after = h  # of the middle elements
        first, second, last, previous = h, h, h, h
    else:
        h = arrayed(h, f)
        if h.shape != (n,):
            raise ValueError(f"gradient: points of shape {h.shape} for axis {axis}, which has {n} elements")
        d = diff(h)
        before, after = part(d, 0, None, -1), part(d, 0, 1, None)
        first, last = d[0], d[-1]
        second, previous = (d[1], d[-2]) if n > 2 else (first, last)
    middle = (
        part(f, -1, 2, None) * (before / (after * (before + after)))
        + part(f, -1, 1, -1) * ((after - before) / (before * after))
        - part(f, -1, None, -2) * (after / (before * (before + after)))
    )
    if edge_order == 1:
        left, right = (at(1) - at(0)) / first, (at(-1) - at(-2)) / last
    else:
        left = _edge(at(0), at(1), at(2), first, second)
        right = -_edge(at(-1), at(-2), at(-3), last, previous)
    return moveaxis(concat([left, middle, right], axis=-1), -1, axis)


def _edge(f0: Any, f1: Any, f2: Any, a: Any, b: Any) -> Any:
    """The derivative at the first of three points, a and b apart, of the parabola through them."""
    return f1 * ((a + b) / (a * b)) - f0 * ((2.0 * a + b) / (a * (a + b))) - f2 * (a / (b * (a + b)))


# ---- formulas ------------------------------------------------------------------------------------------------------


@implements(np.sinc)
def sinc(x: Any, /) -> Any:
    r"""The normalised cardinal sine, :math:`\sin(\pi x) / (\pi x)`, 1 at 0; differentiated there, too.

    >>> ag.sinc(ag.tensor([0.0, 0.5])).numpy().round(3)
    array([1.   , 0.637], dtype=float32)
    """
    x = _floating(x)
    y = x * math.pi
    near = less(y * y, 1.0)  # where the derivatives of the quotient would lose digits, nine terms of the series
    safe, s = where(near, 1.0, y), where(near, y * y, 0.0)
    series: Any = 0.0
    for k in range(8, -1, -1):
        series = series * s + (-1.0) ** k / math.factorial(2 * k + 1)
    return where(near, series, sin(safe) / safe)


def _spaced(start: Any, stop: Any, num: int, endpoint: bool, axis: int) -> Any:
    """Evenly spaced numbers between Tensors, which are differentiated; the last is `stop` itself."""
    n = operator.index(num)
    start, stop = _floating(start), _floating(stop)
    shape = np.broadcast_shapes(start.shape, stop.shape)
    dtype = np.result_type(start.dtype, stop.dtype)
    weight = (np.arange(n, dtype=np.float64) / max(n - 1 if endpoint else n, 1)).astype(dtype)
    weight = weight.reshape((n,) + (1,) * len(shape))
    return moveaxis(start * (1.0 - weight) + stop * weight, 0, axis)


@implements(np.linspace)
def _numpy_linspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, *, axis: int = 0) -> Any:
    return _spaced(start, stop, num, endpoint, axis)


@implements(np.logspace)
def logspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, base: Any = 10.0, *, axis: int = 0) -> Any:
    """`num` numbers from base**start to base**stop whose exponents are evenly spaced; all are differentiated.

    >>> ag.logspace(ag.tensor(0.0), ag.tensor(2.0), 3)
    tensor([  1.,  10., 100.], dtype=float32)
    """
    return power(base, _spaced(start, stop, num, endpoint, axis))


@implements(np.geomspace)
def geomspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, *, axis: int = 0) -> Any:
    """`num` numbers from start to stop, both positive, each the same multiple of the one before; both are differentiated.

    >>> ag.geomspace(ag.tensor(1.0), ag.tensor(100.0), 3).numpy().round(3)
    array([  1.,  10., 100.], dtype=float32)
    """
    return exp(_spaced(log(_floating(start)), log(_floating(stop)), num, endpoint, axis))


# ---- covariance ----------------------------------------------------------------------------------------------------


@implements(np.cov)
def cov(m: Any, y: Any = None, rowvar: bool = True, bias: bool = False, ddof: int | None = None) -> Any:
    """The covariances of variables, each a row of observations (a column if not `rowvar`); y holds more variables.

    Divided by the number of observations less `ddof` (default 1, or 0 with `bias`).

    >>> ag.cov(ag.tensor([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]]))
    tensor([[ 1., -1.],
            [-1.,  1.]], dtype=float32)
    """
    variables = [_variables(a, rowvar) for a in all_arrayed((m,) if y is None else (m, y))]
    x = concat(variables, axis=0) if len(variables) > 1 else variables[0]
    centred = x - mean(x, 1, None, True)
    out = matmul(centred, centred.mT) / (x.shape[1] - ((0 if bias else 1) if ddof is None else ddof))
    return reshape_(out, ()) if out.shape == (1, 1) else out


def _variables(m: Any, rowvar: bool) -> Any:
    m = _floating(m)
    if m.ndim > 2:
        raise ValueError(f"cov: takes a vector or a matrix of observations, not shape {m.shape}")
    if m.ndim < 2:
        return reshape_(m, (1, -1))
    return m if rowvar or m.shape[0] == 1 else m.mT


@implements(np.corrcoef)
def corrcoef(x: Any, y: Any = None, rowvar: bool = True) -> Any:
    """The correlation coefficients of variables: `cov` divided by the standard deviations of both.

    >>> ag.corrcoef(ag.tensor([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]])).numpy().round(3)
    array([[ 1., -1.],
           [-1.,  1.]], dtype=float32)
    """
    c = cov(x, y, rowvar)
    if c.ndim == 0:
        return c / c
    s = sqrt(diagonal(c))
    return c / reshape_(s, (-1, 1)) / s
