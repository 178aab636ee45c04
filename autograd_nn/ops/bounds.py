"""Bounds that values were found to lie in: a check that looked at values, kept for those who run a record again.

A loss looks at its labels before it computes, and raises where one is no class. That look leaves no operation behind, so a
step that is recorded and replayed on other labels would not look again. `keep_within` leaves one: where somebody records, it
is an operation that raises.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..engine.modes import current
from ..engine.op import nondifferentiable, op
from ..engine.tensor import Tensor


def _outside(x: Any, low: Any, high: Any) -> str | None:
    values = np.asarray(getattr(x, "_array", x))
    if not values.size or not (values.min() < low or values.max() > high):
        return None
    bounds = f"from {low:g} to {high:g}" if high < math.inf else f"at least {low:g}"
    return f"values run from {values.min()} to {values.max()}; they must be {bounds}"


@op(kind="reduction", explain=_outside)
def lies_within(x, /, low, high):
    """True, for elements that all lie within two numbers or are NaN; ValueError for others."""
    if x.size and (x.min() < low or x.max() > high):
        raise ValueError("out of bounds")
    return np.True_


lies_within.vjp(x=nondifferentiable)


def keep_within(x: Any, low: float, high: float) -> None:
    """A record keeps that these values, which were looked at, lie within two numbers, and looks again when it is replayed."""
    if isinstance(x, Tensor) and current().tracer is not None:
        lies_within(x, low, high)
