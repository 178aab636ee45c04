"""Limits: numbers kept within two bounds, what of them lies beyond, and cotangents of those within, in one pass over memory."""

from __future__ import annotations

from typing import Any

from autograd_nn.kernels.elements import of_one, of_two
from autograd_nn.kernels.elements import run as run
from autograd_nn.kernels.vectors import I64


def _bounds(v: Any, pointer: Any) -> list[Any]:
    """Both numbers at a pointer, each in every lane."""
    return [v.broadcast(v.b.load(v.b.gep(pointer(0), [I64(k)]))) for k in range(2)]


def _clipped(v: Any, x: Any, low: Any, high: Any) -> Any:
    """x within two bounds; NaN stays."""
    x = v.b.select(v.b.fcmp_ordered("<", x, low), low, x)
    return v.b.select(v.b.fcmp_ordered(">", x, high), high, x)


def _limit(v: Any, x: Any, bounds: Any, out: Any, *rest: Any) -> None:
    """out <- x, no smaller than the first bound and no larger than the second; NaN stays."""
    v.store(_clipped(v, v.load(x(0)), *_bounds(v, bounds)), out(0))


def _within(v: Any, g: Any, x: Any, bounds: Any, out: Any, *rest: Any) -> None:
    """out <- g, but 0 where x is at a bound or beyond; a bound that is NaN is none, and an x that is NaN is within."""
    b, x = v.b, v.load(x(0))
    low, high = _bounds(v, bounds)
    outside = b.or_(b.fcmp_ordered("<=", x, low), b.fcmp_ordered(">=", x, high))
    v.store(b.select(outside, v.const(0), v.load(g(0))), out(0))


def _beyond(v: Any, x: Any, bounds: Any, out: Any, *rest: Any) -> None:
    """out <- x less what of it lies within the bounds."""
    x = v.load(x(0))
    v.store(v.sub(x, _clipped(v, x, *_bounds(v, bounds))), out(0))


def _outside(v: Any, x: Any, bounds: Any, out: Any, *rest: Any) -> None:
    """out <- x, but 0 within the bounds or at one of them; NaN stays."""
    b, x = v.b, v.load(x(0))
    low, high = _bounds(v, bounds)
    inside = b.and_(b.fcmp_ordered(">=", x, low), b.fcmp_ordered("<=", x, high))
    v.store(b.select(inside, v.const(0), x), out(0))


def _share(v: Any, x: Any, bounds: Any) -> Any:
    low, high = _bounds(v, bounds)
    return v.b.fdiv(_clipped(v, v.sub(x, low), v.const(0), v.sub(high, low)), v.sub(high, low))


def _ramp(v: Any, x: Any, bounds: Any, out: Any, *rest: Any) -> None:
    """out <- where between the bounds x lies, from 0 to 1."""
    v.store(_share(v, v.load(x(0)), bounds), out(0))


def _ramped(v: Any, x: Any, bounds: Any, out: Any, *rest: Any) -> None:
    """out <- x times where between the bounds it lies, from 0 to 1."""
    x = v.load(x(0))
    v.store(v.mul(x, _share(v, x, bounds)), out(0))


def _direction(v: Any, x: Any, bounds: Any, out: Any, *rest: Any) -> None:
    """out <- -1, 0 or 1, the sign of x."""
    b, x, zero = v.b, v.load(x(0)), v.const(0)
    falling = b.select(b.fcmp_ordered("<", x, zero), v.const(-1), v.add(x, zero))  # NaN stays, and -0 is 0
    v.store(b.select(b.fcmp_ordered(">", x, zero), v.const(1), falling), out(0))


def _ramped_gradient(v: Any, g: Any, x: Any, bounds: Any, out: Any, *rest: Any) -> None:
    """out <- g times the derivative of `ramped` at x; at the bounds that of beyond them."""
    b, x, g = v.b, v.load(x(0)), v.load(g(0))
    low, high = _bounds(v, bounds)
    inside = b.and_(b.fcmp_ordered(">", x, low), b.fcmp_ordered("<", x, high))
    slope = b.fdiv(v.sub(v.add(x, x), low), v.sub(high, low))
    flat = b.select(b.fcmp_ordered("<", x, v.const(0)), v.const(0), g)
    v.store(b.select(inside, v.mul(g, slope), flat), out(0))


limit = of_one(_limit)
within = of_two(_within)
beyond = of_one(_beyond)
outside = of_one(_outside)
ramp = of_one(_ramp)
ramped = of_one(_ramped)
direction = of_one(_direction)
ramped_gradient = of_two(_ramped_gradient)
