"""Rows: products, extrema and running values along the last axis of a contiguous array, and elements taken and added by place.

NumPy goes along a row number by number through a loop that is called for each row, and knows no reduction of rows in vectors.
Products and running values are made in double precision, so that a long row of float32 loses nothing, and what overflows
on the way to a finite product is not lost.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numba import njit, types

from autograd_nn.kernels.build import OPTIONS, Kernel, kernel
from autograd_nn.kernels.layout import share
from autograd_nn.kernels.plan import Plan
from autograd_nn.kernels.threads import get_num_threads
from autograd_nn.kernels.transcendental import lanewise
from autograd_nn.kernels.vectors import at, fields, lanes_of

# ---- a number for each row -----------------------------------------------------------------------------------------

multiplying: Any = njit(fastmath={"reassoc", "contract"}, **OPTIONS)  # in any order, so that the product is of vectors


@multiplying
def product_of(x, n):
    """The product of a run."""
    found = np.float64(x[0])
    for i in range(1, n):
        found *= x[i]
    return found


@kernel()
def product(plan, x, out, c, d, shared, private, part, parts):
    """out[r] <- the product of row r."""
    (rows, length) = fields(plan, 2)
    first, last = share(rows, part, parts)
    for r in range(first, last):
        out[r] = product_of(at(x, r * length), length)


def _further(v: Any, x: Any, found: Any, beyond: str) -> Any:
    """`found`, unless x lies beyond it or is NaN; a NaN that was found stays."""
    b = v.b
    stays = b.or_(b.fcmp_ordered(beyond, found, x), b.fcmp_unordered("!=", found, found))
    return b.select(stays, found, x)


def _extremum(name: str, beyond: str) -> Any:
    """The kernel of the largest (``>=``) or the smallest (``<=``) element of each row, which the disk knows by its name."""

    def begun(v: Any, x: Any, found: Any, *rest: Any) -> None:
        v.store(v.load(x(0)), found(0))

    def seen(v: Any, x: Any, found: Any, *rest: Any) -> None:
        v.store(_further(v, v.load(x(0)), v.load(found(0)), beyond), found(0))

    def across(v: Any, found: Any, *rest: Any) -> None:
        x, step = v.load(found(0)), v.n // 2
        while step:
            x = _further(v, v.shuffle(x, x, [i ^ step for i in range(v.n)]), x, beyond)
            step //= 2
        v.store(x, found(0))

    begun_vector, _ = lanewise(begun)
    seen_vector, seen_element = lanewise(seen)
    over_all, _ = lanewise(across)

    def extremum(plan, x, out, c, d, shared, private, part, parts):
        (rows, length) = fields(plan, 2)
        lanes, found = lanes_of(x), private
        first, last = share(rows, part, parts)
        for r in range(first, last):
            row = at(x, r * length)
            if length < lanes:
                found[0] = row[0]
                for i in range(1, length):
                    seen_element(at(row, i), found, x, x, x, 0)
            else:
                begun_vector(row, found, x, x, x, 0)
                for i in range(lanes, length - lanes, lanes):
                    seen_vector(at(row, i), found, x, x, x, 0)
                seen_vector(at(row, length - lanes), found, x, x, x, 0)  # twice does no harm
                over_all(found, x, x, x, x, 0)
            out[r] = found[0]

    extremum.__name__ = extremum.__qualname__ = name
    return extremum


largest = kernel()(_extremum("largest", ">="))
smallest = kernel()(_extremum("smallest", "<="))

# ---- running values ------------------------------------------------------------------------------------------------


@kernel()
def running_sum(plan, x, out, c, d, shared, private, part, parts):
    """out <- the sums of each row so far, from its beginning or from its end."""
    (rows, length, backwards) = fields(plan, 3)
    first, last = share(rows, part, parts)
    for r in range(first, last):
        start, step = (r + 1) * length - 1 if backwards else r * length, -1 if backwards else 1
        found = np.float64(x[start])
        out[start] = x[start]
        for i in range(1, length):
            found += x[start + step * i]
            out[start + step * i] = found


@kernel()
def running_product(plan, x, out, c, d, shared, private, part, parts):
    """out <- the products of each row so far."""
    (rows, length) = fields(plan, 2)
    first, last = share(rows, part, parts)
    for r in range(first, last):
        found = np.float64(1.0)
        for i in range(r * length, (r + 1) * length):
            found *= x[i]
            out[i] = found


@kernel()
def running_product_gradient(plan, g, x, out, d, shared, private, part, parts):
    """out <- the cotangent of x whose running products have cotangent g, without a division.

    That of x[k] is the product of what stands before it, times S[k] = g[k] + x[k + 1] S[k + 1].
    """
    (rows, length) = fields(plan, 2)
    first, last = share(rows, part, parts)
    for r in range(first, last):
        behind = np.float64(0.0)
        for i in range((r + 1) * length - 1, r * length - 1, -1):
            behind = g[i] + (x[i + 1] * behind if i + 1 < (r + 1) * length else 0.0)
            out[i] = behind
        before = np.float64(1.0)
        for i in range(r * length, (r + 1) * length):
            out[i] = out[i] * before
            before *= x[i]


@kernel()
def products_of_others(plan, x, out, c, d, shared, private, part, parts):
    """out <- for each element the product of its row without it."""
    (rows, length) = fields(plan, 2)
    first, last = share(rows, part, parts)
    for r in range(first, last):
        before = np.float64(1.0)
        for i in range(r * length, (r + 1) * length):
            out[i] = before
            before *= x[i]
        behind = np.float64(1.0)
        for i in range((r + 1) * length - 1, r * length - 1, -1):
            out[i] = out[i] * behind
            behind *= x[i]


@kernel(c=types.int64)
def running_largest(plan, x, out, places, d, shared, private, part, parts):
    """out <- the largest of each row so far, a NaN if there is one, and where it stands, the last of equals."""
    (rows, length) = fields(plan, 2)
    first, last = share(rows, part, parts)
    for r in range(first, last):
        row, values, where, i = at(x, r * length), at(out, r * length), at(places, r * length), 0
        while (
            i < length
        ):  # loops from one extremum to the next: of one loop, conditional moves are made, at six times the cost
            found, place = row[i], i
            values[i], where[i] = found, place
            i += 1
            while i < length and (
                row[i] < found or (found != found and row[i] == row[i])
            ):  # NaN stands until the next one
                values[i], where[i] = found, place
                i += 1


@kernel(c=types.int64)
def running_smallest(plan, x, out, places, d, shared, private, part, parts):
    """out <- the smallest of each row so far, a NaN if there is one, and where it stands, the last of equals."""
    (rows, length) = fields(plan, 2)
    first, last = share(rows, part, parts)
    for r in range(first, last):
        row, values, where, i = at(x, r * length), at(out, r * length), at(places, r * length), 0
        while (
            i < length
        ):  # loops from one extremum to the next: of one loop, conditional moves are made, at six times the cost
            found, place = row[i], i
            values[i], where[i] = found, place
            i += 1
            while i < length and (
                row[i] > found or (found != found and row[i] == row[i])
            ):  # NaN stands until the next one
                values[i], where[i] = found, place
                i += 1


# ---- places --------------------------------------------------------------------------------------------------------


@kernel(b=types.int64, d=types.int64)
def take(plan, x, places, out, fault, shared, private, part, parts):
    """out[r, j] <- x[r, places[r, j]]; where a place does not exist, fault <- 1."""
    (rows, length, count) = fields(plan, 3)
    first, last = share(rows, part, parts)
    for r in range(first, last):
        for j in range(r * count, (r + 1) * count):
            i = places[j]
            i += length if i < 0 else 0
            if 0 <= i < length:
                out[j] = x[r * length + i]
            else:
                fault[0] = 1


@kernel(b=types.int64, d=types.int64)
def add_at(plan, g, places, total, fault, shared, private, part, parts):
    """total[r, places[r, j]] += g[r, j] in order; where a place does not exist, fault <- 1."""
    (rows, length, count) = fields(plan, 3)
    first, last = share(rows, part, parts)
    for r in range(first, last):
        for j in range(r * count, (r + 1) * count):
            i = places[j]
            i += length if i < 0 else 0
            if 0 <= i < length:
                total[r * length + i] += g[j]
            else:
                fault[0] = 1


PART = 1 << 15
"""Elements that are worth a part of their own."""


@lru_cache(maxsize=256)
def _plan(step: Kernel, rows: int, length: int, more: int, dtype: np.dtype, thread_count: int) -> Plan:
    parts = max(1, min(rows, 4 * thread_count, rows * length // PART)) if thread_count > 1 else 1
    return Plan(dtype, np.array([rows, length, more], np.int64), [(step, parts)], 0, 64, thread_count)


def run(step: Kernel, shape: tuple[int, ...], *arrays: np.ndarray, more: int = 0) -> None:
    """A kernel over contiguous arrays, the first of which has the dtype; `shape` is that of the array whose rows are meant."""
    length = shape[-1]
    rows = 1
    for n in shape[:-1]:
        rows *= n
    _plan(step, rows, length, more, arrays[0].dtype, get_num_threads()).run(*arrays)
