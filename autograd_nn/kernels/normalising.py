"""Normalisation: standardising an array over some of its axes, and its gradient, in as few passes over memory as there can be.

An array is seen as (outer, groups, inner), and each group, `outer` runs of `inner` neighbouring elements, gets mean 0 and
variance 1. Batch normalisation has channels for groups; layer normalisation has one group a row, and outer 1. A group's
numbers stay in the cache between the passes that find its mean, its variance and its result.

A scale and an offset are there one for each group, or (`along`) one for each element of a run.

Statistics of a, x: `forward` writes mean, variance and 1 / sigma to `d`, whose last number is epsilon. `backward` finds there
mean, 1 / sigma and the scale, and writes the cotangents of scale and offset behind them.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numba import njit

from autograd_nn.kernels.build import OPTIONS, kernel
from autograd_nn.kernels.layout import share
from autograd_nn.kernels.plan import Plan, line
from autograd_nn.kernels.threads import get_num_threads
from autograd_nn.kernels.vectors import at, fields

# Sums may be taken in any order, so that they are vectors; nothing else is given up: a NaN stays one.
summing: Any = njit(fastmath={"reassoc", "contract"}, **OPTIONS)


@summing
def total(x, n):
    """The sum of a run."""
    found = x[0] * 0
    for i in range(n):
        found += x[i]
    return found


@summing
def total_of_squares(x, n, centre):
    """The sum of (x - centre)^2 over a run."""
    found = x[0] * 0
    for i in range(n):
        found += (x[i] - centre) * (x[i] - centre)
    return found


@summing
def totals_against(g, x, n, centre):
    """The sums of g and of g (x - centre) over a run."""
    plain, against = x[0] * 0, x[0] * 0
    for i in range(n):
        plain += g[i]
        against += g[i] * (x[i] - centre)
    return plain, against


@summing
def weighted_totals_against(g, w, x, n, centre):
    """The sums of g w and of g w (x - centre) over a run."""
    plain, against = x[0] * 0, x[0] * 0
    for i in range(n):
        h = g[i] * w[i]
        plain += h
        against += h * (x[i] - centre)
    return plain, against


@kernel()
def forward(plan, x, out, affine, statistics, shared, private, part, parts):
    """out <- standardised x, scaled by `affine` and moved by what stands behind it."""
    (outer, groups, inner, along, scales) = fields(plan, 5)
    epsilon = statistics[3 * groups]
    first, last = share(groups, part, parts)
    for group in range(first, last):
        count = outer * inner
        centre = total(at(x, group * inner), inner)
        for run in range(1, outer):
            centre += total(at(x, (run * groups + group) * inner), inner)
        centre /= count
        variance = total_of_squares(at(x, group * inner), inner, centre)
        for run in range(1, outer):
            variance += total_of_squares(at(x, (run * groups + group) * inner), inner, centre)
        variance /= count
        inverse = 1 / np.sqrt(variance + epsilon)
        statistics[group], statistics[groups + group], statistics[2 * groups + group] = centre, variance, inverse
        for run in range(outer):
            source, target = at(x, (run * groups + group) * inner), at(out, (run * groups + group) * inner)
            if along:
                for i in range(inner):
                    target[i] = (source[i] - centre) * inverse * affine[i] + affine[scales + i]
            else:
                scale, offset = affine[group] * inverse, affine[scales + group]
                for i in range(inner):
                    target[i] = (source[i] - centre) * scale + offset


@kernel()
def backward(plan, x, g, dx, statistics, shared, private, part, parts):
    """dx, and the cotangents of scale and offset; where those are along the runs, `shared` gets each part's share of them."""
    (outer, groups, inner, along, scales) = fields(plan, 5)
    count = outer * inner
    weight, d_weight = at(statistics, 2 * groups), at(statistics, 2 * groups + scales)
    d_offset = at(d_weight, scales)
    mine, mine_offset = at(shared, part * 2 * plan[5]), at(shared, part * 2 * plan[5] + plan[5])
    if along:
        for i in range(inner):
            mine[i] = 0
            mine_offset[i] = 0
    first, last = share(groups, part, parts)
    for group in range(first, last):
        centre, inverse = statistics[group], statistics[groups + group]
        plain, against = x[0] * 0, x[0] * 0
        for run in range(outer):
            start = (run * groups + group) * inner
            if along:
                more, more_against = weighted_totals_against(at(g, start), weight, at(x, start), inner, centre)
            else:
                more, more_against = totals_against(at(g, start), at(x, start), inner, centre)
            plain += more
            against += more_against
        against *= inverse
        if not along:
            d_weight[group] = against
            d_offset[group] = plain
        mean, slope = plain / count, against / count * inverse
        for run in range(outer):
            start = (run * groups + group) * inner
            source, cotangent, target = at(x, start), at(g, start), at(dx, start)
            if along:
                for i in range(inner):
                    gi, d = cotangent[i], source[i] - centre
                    target[i] = (gi * weight[i] - mean - d * slope) * inverse
                    mine[i] += gi * d * inverse
                    mine_offset[i] += gi
            else:
                scale = inverse * weight[group]
                for i in range(inner):
                    target[i] = (cotangent[i] - mean - (source[i] - centre) * slope) * scale


@kernel()
def gather(plan, x, g, dx, statistics, shared, private, part, parts):
    """The cotangents of scale and offset: the sums of the parts' shares, in order."""
    (_outer, groups, inner, _along, scales, room, shares) = fields(plan, 7)
    d_weight = at(statistics, 2 * groups + scales)
    d_offset = at(d_weight, scales)
    for i in range(inner):
        d_weight[i] = 0
        d_offset[i] = 0
    for k in range(shares):
        theirs, theirs_offset = at(shared, k * 2 * room), at(shared, k * 2 * room + room)
        for i in range(inner):
            d_weight[i] += theirs[i]
            d_offset[i] += theirs_offset[i]


PART = 1 << 13
"""Elements that are worth a part of their own."""


@lru_cache(maxsize=256)
def _plan(outer: int, groups: int, inner: int, along: bool, dtype: np.dtype, thread_count: int, adjoint: bool) -> Plan:
    parts = max(1, min(groups, 4 * thread_count, outer * groups * inner // PART)) if thread_count > 1 else 1
    scales = inner if along else groups
    room = line(inner, dtype.itemsize) if along else 0
    table = np.array([outer, groups, inner, along, scales, room, parts], np.int64)
    steps = [(backward if adjoint else forward, parts), *([(gather, 1)] if adjoint and along else [])]
    return Plan(dtype, table, steps, 2 * room * parts * dtype.itemsize if adjoint else 0, 0, thread_count)


def standardise(
    x: np.ndarray,
    weight: np.ndarray | None,
    bias: np.ndarray | None,
    view: tuple[int, int, int],
    along: bool,
    epsilon: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(out, mean, variance, 1 / sigma), the latter three of length groups, of a C-contiguous x seen as (outer, groups, inner)."""
    outer, groups, inner = view
    scales = inner if along else groups
    affine = np.empty(2 * scales, x.dtype)
    affine[:scales] = 1 if weight is None else weight.reshape(-1)
    affine[scales:] = 0 if bias is None else bias.reshape(-1)
    out, statistics = np.empty_like(x), np.empty(3 * groups + 1, x.dtype)
    statistics[-1] = epsilon
    _plan(outer, groups, inner, along, x.dtype, get_num_threads(), False).run(x, out, affine, statistics)
    return out, statistics[:groups], statistics[groups : 2 * groups], statistics[2 * groups : -1]


def standardise_gradient(
    g: np.ndarray,
    x: np.ndarray,
    weight: np.ndarray | None,
    mean: np.ndarray,
    inverse: np.ndarray,
    view: tuple[int, int, int],
    along: bool,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(dx, d_weight, d_bias) of `standardise`, g being the cotangent of its first result."""
    outer, groups, inner = view
    scales = inner if along else groups
    statistics = np.empty(2 * groups + 3 * scales, x.dtype)
    statistics[:groups] = mean.reshape(-1)
    statistics[groups : 2 * groups] = inverse.reshape(-1)
    statistics[2 * groups : 2 * groups + scales] = 1 if weight is None else weight.reshape(-1)
    dx = np.empty_like(x)
    _plan(outer, groups, inner, along, x.dtype, get_num_threads(), True).run(x, g, dx, statistics)
    return dx, statistics[2 * groups + scales : 2 * groups + 2 * scales], statistics[2 * groups + 2 * scales :]
