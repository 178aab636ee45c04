"""Functions of two float32 numbers, in double precision and in vectors, where the C library goes number by number.

Division with remainder is exact: two float32 numbers have a quotient that a double tells from a whole number as long as it is
below 2^28, and its whole part times the divisor fits a double, so nothing is rounded before the end. Larger quotients,
infinities, also as divisors, and divisors of 0 are left to NumPy. The squares of hypot neither overflow nor vanish in a double.
"""

from __future__ import annotations

import numpy as np
from numba import types

from autograd_nn.kernels.build import Kernel, address, kernel

LARGEST = 2.0**28
WHOLE = 2.0**23
"""Quotients up to here are float32 numbers themselves."""


@kernel(d=types.int64)
def remainder(plan, x, y, out, fault, shared, private, part, parts):
    """out <- x - y floor(x / y), of y's sign where it is 0; fault <- 1 where that is not surely exact."""
    exact = 0
    for i in range(plan[0]):
        a, b = np.float64(x[i]), np.float64(y[i])
        q = a / b
        r = a - np.floor(q) * b
        out[i] = r if r != 0 else 0 * b
        exact += int((abs(q) < LARGEST) & (abs(b) < np.inf))
    fault[0] = exact < plan[0]


@kernel(d=types.int64)
def fmod(plan, x, y, out, fault, shared, private, part, parts):
    """out <- x - y trunc(x / y), of x's sign where it is 0; fault <- 1 where that is not surely exact."""
    exact = 0
    for i in range(plan[0]):
        a, b = np.float64(x[i]), np.float64(y[i])
        q = a / b
        r = a - (np.floor(q) if q > 0 else np.ceil(q)) * b
        out[i] = r if r != 0 else 0 * a
        exact += int((abs(q) < LARGEST) & (abs(b) < np.inf))
    fault[0] = exact < plan[0]


@kernel(d=types.int64)
def floor_divide(plan, x, y, out, fault, shared, private, part, parts):
    """out <- floor(x / y); fault <- 1 where that is not surely exact."""
    exact = 0
    for i in range(plan[0]):
        a, b = np.float64(x[i]), np.float64(y[i])
        q = a / b
        out[i] = np.floor(q)
        exact += int((abs(q) < WHOLE) & (abs(b) < np.inf))
    fault[0] = exact < plan[0]


@kernel(d=types.int64)
def hypot(plan, x, y, out, fault, shared, private, part, parts):
    """out <- the root of x^2 + y^2; infinite where either is."""
    for i in range(plan[0]):
        a, b = np.float64(x[i]), np.float64(y[i])
        infinite = abs(a) == np.inf or abs(b) == np.inf
        out[i] = np.inf if infinite else np.sqrt(a * a + b * b)


def run(step: Kernel, x: np.ndarray, y: np.ndarray) -> np.ndarray | None:
    """A kernel's result on contiguous float32 arrays of one shape; None where NumPy is to divide."""
    out, fault, plan = np.empty_like(x), np.zeros(1, np.int64), np.array([x.size])
    step.entry(out.dtype)(address(plan), address(x), address(y), address(out), address(fault), 0, 0, 0, 1)
    return None if fault[0] else out
