"""Softmax along rows, in place, its logarithm and their gradients: a row stays in the cache from its largest element to the end.

A row of which nothing is left (all minus infinity) becomes zeros if it is `masked`, NaN if not. `queries` rows in turn may see
one element more each (causal attention); 0: every row sees all.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from autograd_nn.kernels.build import Kernel, kernel
from autograd_nn.kernels.layout import share
from autograd_nn.kernels.plan import Plan
from autograd_nn.kernels.threads import get_num_threads
from autograd_nn.kernels.transcendental import exp, lanewise
from autograd_nn.kernels.vectors import at, fields, lanes_of


def _largest(v: Any, x: Any, found: Any, *rest: Any) -> None:
    x, found_ = v.load(x(0)), v.load(found(0))
    v.store(v.b.select(v.b.fcmp_ordered(">", x, found_), x, found_), found(0))


def _exponential(v: Any, x: Any, total: Any, largest: Any, scale: Any, *rest: Any) -> None:
    shifted = v.sub(v.load(x(0)), _same(v, largest))
    e = exp(v, v.mul(shifted, _same(v, scale)))
    v.store(e, x(0))
    v.store(v.add(v.load(total(0)), e), total(0))


def _added_exponential(v: Any, x: Any, total: Any, largest: Any, *rest: Any) -> None:
    e = exp(v, v.sub(v.load(x(0)), _same(v, largest)))
    v.store(v.add(v.load(total(0)), e), total(0))


def _lowered(v: Any, x: Any, largest: Any, log: Any, *rest: Any) -> None:
    v.store(v.sub(v.sub(v.load(x(0)), _same(v, largest)), _same(v, log)), x(0))


def _added(v: Any, x: Any, total: Any, *rest: Any) -> None:
    v.store(v.add(v.load(total(0)), v.load(x(0))), total(0))


def _pulled_logarithm(v: Any, g: Any, out: Any, total: Any, *rest: Any) -> None:
    v.store(v.sub(v.load(g(0)), v.mul(exp(v, v.load(out(0))), _same(v, total))), g(0))


def _scaled(v: Any, x: Any, factor: Any, *rest: Any) -> None:
    v.store(v.mul(v.load(x(0)), _same(v, factor)), x(0))


def _against(v: Any, g: Any, w: Any, total: Any, *rest: Any) -> None:
    v.store(v.fma(v.load(g(0)), v.load(w(0)), v.load(total(0))), total(0))


def _pulled(v: Any, g: Any, w: Any, total: Any, scale: Any, *rest: Any) -> None:
    v.store(v.mul(v.mul(v.sub(v.load(g(0)), _same(v, total)), v.load(w(0))), _same(v, scale)), g(0))


def _across(v: Any, pointer: Any, combine: Any) -> None:
    """Every lane <- all lanes combined, in log2(lanes) steps."""
    x, step = v.load(pointer(0)), v.n // 2
    while step:
        x = combine(x, v.shuffle(x, x, [i ^ step for i in range(v.n)]))
        step //= 2
    v.store(x, pointer(0))


def _largest_of(v: Any, found: Any, *rest: Any) -> None:
    _across(v, found, lambda x, y: v.b.select(v.b.fcmp_ordered(">", x, y), x, y))


def _sum_of(v: Any, total: Any, *rest: Any) -> None:
    _across(v, total, v.add)


def _same(v: Any, pointer: Any) -> Any:
    """The number at a pointer, in every lane."""
    return v.broadcast(v.b.load(pointer(0)))


_largest_vector, _largest_element = lanewise(_largest)
_exponential_vector, _exponential_element = lanewise(_exponential)
_scaled_vector, _scaled_element = lanewise(_scaled)
_against_vector, _against_element = lanewise(_against)
_pulled_vector, _pulled_element = lanewise(_pulled)
_added_exponential_vector, _added_exponential_element = lanewise(_added_exponential)
_lowered_vector, _lowered_element = lanewise(_lowered)
_added_vector, _added_element = lanewise(_added)
_pulled_logarithm_vector, _pulled_logarithm_element = lanewise(_pulled_logarithm)
_largest_of_all, _ = lanewise(_largest_of)
_sum_of_all, _ = lanewise(_sum_of)


@kernel()
def forward(plan, x, scale, c, d, shared, private, part, parts):
    """x <- softmax of scale times x, row by row; scale is not negative."""
    (rows, length, queries, masked) = fields(plan, 4)
    lanes = lanes_of(x)
    largest, total = private, at(private, lanes)
    first, last = share(rows, part, parts)
    for r in range(first, last):
        row = at(x, r * length)
        seen = min(length, r % queries + 1) if queries else length
        whole = seen - seen % lanes
        for i in range(lanes):
            largest[i] = -np.inf
            total[i] = 0
        for i in range(0, whole, lanes):
            _largest_vector(at(row, i), largest, x, x, x, 0)
        for i in range(whole, seen):
            _largest_element(at(row, i), largest, x, x, x, 0)
        _largest_of_all(largest, x, x, x, x, 0)
        if masked and largest[0] == -np.inf:
            largest[0] = 0
        for i in range(0, whole, lanes):
            _exponential_vector(at(row, i), total, largest, scale, x, 0)
        for i in range(whole, seen):
            _exponential_element(at(row, i), total, largest, scale, x, 0)
        _sum_of_all(total, x, x, x, x, 0)
        total[0] = 1 / total[0] if total[0] != 0 else 1
        for i in range(0, whole, lanes):
            _scaled_vector(at(row, i), total, x, x, x, 0)
        for i in range(whole, seen):
            _scaled_element(at(row, i), total, x, x, x, 0)
        for i in range(seen, length):
            row[i] = 0


@kernel()
def gradient(plan, g, w, scale, d, shared, private, part, parts):
    """g <- scale times w (g - sum(g w)), row by row, of w that softmax gave."""
    (rows, length) = fields(plan, 2)
    lanes = lanes_of(g)
    total = private
    first, last = share(rows, part, parts)
    whole = length - length % lanes
    for r in range(first, last):
        row, weights = at(g, r * length), at(w, r * length)
        for i in range(lanes):
            total[i] = 0
        for i in range(0, whole, lanes):
            _against_vector(at(row, i), at(weights, i), total, g, g, 0)
        for i in range(whole, length):
            _against_element(at(row, i), at(weights, i), total, g, g, 0)
        _sum_of_all(total, g, g, g, g, 0)
        for i in range(0, whole, lanes):
            _pulled_vector(at(row, i), at(weights, i), total, scale, g, 0)
        for i in range(whole, length):
            _pulled_element(at(row, i), at(weights, i), total, scale, g, 0)


@kernel()
def logarithm(plan, x, b, c, d, shared, private, part, parts):
    """x <- the logarithm of softmax of x, row by row."""
    (rows, length) = fields(plan, 2)
    lanes = lanes_of(x)
    largest, total = private, at(private, lanes)
    first, last = share(rows, part, parts)
    whole = length - length % lanes
    for r in range(first, last):
        row = at(x, r * length)
        for i in range(lanes):
            largest[i] = -np.inf
            total[i] = 0
        for i in range(0, whole, lanes):
            _largest_vector(at(row, i), largest, x, x, x, 0)
        for i in range(whole, length):
            _largest_element(at(row, i), largest, x, x, x, 0)
        _largest_of_all(largest, x, x, x, x, 0)
        for i in range(0, whole, lanes):
            _added_exponential_vector(at(row, i), total, largest, x, x, 0)
        for i in range(whole, length):
            _added_exponential_element(at(row, i), total, largest, x, x, 0)
        _sum_of_all(total, x, x, x, x, 0)
        total[0] = np.log(total[0])
        for i in range(0, whole, lanes):
            _lowered_vector(at(row, i), largest, total, x, x, 0)
        for i in range(whole, length):
            _lowered_element(at(row, i), largest, total, x, x, 0)


@kernel()
def logarithm_gradient(plan, g, out, c, d, shared, private, part, parts):
    """g <- g - e^out sum(g), row by row, of out that the logarithm of softmax gave."""
    (rows, length) = fields(plan, 2)
    lanes = lanes_of(g)
    total = private
    first, last = share(rows, part, parts)
    whole = length - length % lanes
    for r in range(first, last):
        row, logs = at(g, r * length), at(out, r * length)
        for i in range(lanes):
            total[i] = 0
        for i in range(0, whole, lanes):
            _added_vector(at(row, i), total, g, g, g, 0)
        for i in range(whole, length):
            _added_element(at(row, i), total, g, g, g, 0)
        _sum_of_all(total, g, g, g, g, 0)
        for i in range(0, whole, lanes):
            _pulled_logarithm_vector(at(row, i), at(logs, i), total, g, g, 0)
        for i in range(whole, length):
            _pulled_logarithm_element(at(row, i), at(logs, i), total, g, g, 0)


PART = 1 << 13
"""Elements that are worth a part of their own."""


@lru_cache(maxsize=256)
def _plan(step: Kernel, rows: int, length: int, queries: int, masked: bool, dtype: np.dtype, thread_count: int) -> Plan:
    parts = max(1, min(rows, 4 * thread_count, rows * length // PART)) if thread_count > 1 else 1
    table = np.array([rows, length, queries, masked], np.int64)
    return Plan(dtype, table, [(step, parts)], 0, 256, thread_count)


def _run(step: Kernel, *arrays: np.ndarray, queries: int = 0, masked: bool = True) -> None:
    x = arrays[0]
    length = x.shape[-1]
    _plan(step, x.size // length, length, queries, masked, x.dtype, get_num_threads()).run(*arrays)


def softmax(x: np.ndarray, scale: float = 1.0, queries: int = 0, masked: bool = True) -> None:
    """x <- softmax of scale times x along the last axis, of a contiguous x."""
    _run(forward, x, np.array([scale], x.dtype), queries=queries, masked=masked)


def softmax_gradient(g: np.ndarray, w: np.ndarray, scale: float = 1.0) -> None:
    """g <- the cotangent of x, of contiguous arrays: g that of softmax, w its result."""
    _run(gradient, g, w, np.array([scale], g.dtype))


def log_softmax(x: np.ndarray) -> None:
    """x <- the logarithm of softmax of x along the last axis, of a contiguous x."""
    _run(logarithm, x)


def log_softmax_gradient(g: np.ndarray, out: np.ndarray) -> None:
    """g <- the cotangent of x, of contiguous arrays: g that of log_softmax, out its result."""
    _run(logarithm_gradient, g, out)
