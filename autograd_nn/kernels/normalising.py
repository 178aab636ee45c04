"""Normalisation: standardising an array over some of its axes, and its gradient, in as few passes over memory as there can be.

An array is seen as (outer, groups, inner), and each group, `outer` runs of `inner` neighbouring elements, gets mean 0 and
variance 1. Batch normalisation has channels for groups; layer normalisation has one group a row, and outer 1. A group's
numbers stay in the cache between the passes that find its mean, its variance and its result.

Scale and offset change every `run` elements and repeat after `cycle` groups: element i of a group has number

    (group % cycle) * (inner / run) + i / run

which is one for each channel in batch (run = inner, cycle = groups), instance (run = inner, cycle = channels) and group
normalisation (run = the space of a channel, cycle = groups of one sample), and one for each element of a row in layer
normalisation (run = 1, cycle = 1). A run of 1 is a loop of its own, whose vectors go along the scales. So are groups that are
the columns of a matrix (batch normalisation of rows of features): there vectors go along the groups.

Statistics of a, x: `forward` writes mean, variance and 1 / sigma to `d`, whose last number is epsilon. `backward` finds there
mean, 1 / sigma and the scale, and writes the cotangents of scale and offset behind them: each part adds up its own share of
those, and a last step adds the shares in order.

Decision: a mean is the first element plus the mean difference from it. A sum of float32 that are large and alike is off by a
unit in the last place, which is little of the mean, but all there is of a variance near 0: a group of equal numbers about
1e4 came out as -1 or 1 instead of 0.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from autograd_nn.kernels.build import OPTIONS, inner, kernel
from autograd_nn.kernels.layout import share
from autograd_nn.kernels.plan import Plan, ceiling, line
from autograd_nn.kernels.threads import get_num_threads
from autograd_nn.kernels.vectors import at, clear_run, element, fields

# Sums may be taken in any order, so that they are vectors; nothing else is given up: a NaN stays one.
summing: Any = njit(fastmath={"reassoc", "contract"}, **OPTIONS)


RUN = 4096
"""Elements that are summed up in their own precision; sums of such runs are added in float64."""


@inner
def less(a, b):
    """a - b, which a sum in any order must not take apart."""
    return a - b


@summing
def total_above(x, n, origin):
    """The sum of x - origin over n elements."""
    found = 0.0
    for start in range(0, n, RUN):
        row, part = at(x, start), element(x, 0.0)
        for i in range(min(RUN, n - start)):
            part += less(row[i], origin)
        found += part
    return found


@summing
def total_of_squares(x, n, centre):
    """The sum of (x - centre)^2 over n elements."""
    found = 0.0
    for start in range(0, n, RUN):
        row, part = at(x, start), element(x, 0.0)
        for i in range(min(RUN, n - start)):
            part += (row[i] - centre) * (row[i] - centre)
        found += part
    return found


@summing
def totals_against(g, x, n, centre):
    """The sums of g and of g (x - centre) over n elements."""
    plain, against = 0.0, 0.0
    for start in range(0, n, RUN):
        row, cotangent, part, part_against = at(x, start), at(g, start), element(x, 0.0), element(x, 0.0)
        for i in range(min(RUN, n - start)):
            part += cotangent[i]
            part_against += cotangent[i] * (row[i] - centre)
        plain += part
        against += part_against
    return plain, against


@summing
def weighted_totals_against(g, w, x, n, centre):
    """The sums of g w and of g w (x - centre) over n elements."""
    plain, against = 0.0, 0.0
    for start in range(0, n, RUN):
        row, cotangent, weight = at(x, start), at(g, start), at(w, start)
        part, part_against = element(x, 0.0), element(x, 0.0)
        for i in range(min(RUN, n - start)):
            h = cotangent[i] * weight[i]
            part += h
            part_against += h * (row[i] - centre)
        plain += part
        against += part_against
    return plain, against


@kernel()
def forward(plan, x, out, affine, statistics, shared, private, part, parts):
    """out <- standardised x, scaled by `affine` and moved by what stands behind it."""
    (outer, groups, inner, run, cycle) = fields(plan, 5)
    epsilon = statistics[3 * groups]
    channels = inner // run
    first, last = share(groups, part, parts)
    for group in range(first, last):
        count, added, squares, origin = float(outer * inner), 0.0, 0.0, x[group * inner]
        for piece in range(outer):
            added += total_above(at(x, (piece * groups + group) * inner), inner, origin)
        centre = element(x, origin + added / count)
        for piece in range(outer):
            squares += total_of_squares(at(x, (piece * groups + group) * inner), inner, centre)
        inverse = element(x, 1 / np.sqrt(squares / count + epsilon))
        statistics[group], statistics[groups + group], statistics[2 * groups + group] = centre, squares / count, inverse
        scales, offsets = at(affine, group % cycle * channels), at(affine, (cycle + group % cycle) * channels)
        for piece in range(outer):
            start = (piece * groups + group) * inner
            if run == 1:
                source, target = at(x, start), at(out, start)
                for i in range(inner):
                    target[i] = (source[i] - centre) * inverse * scales[i] + offsets[i]
            else:
                for c in range(channels):
                    source, target = at(x, start + c * run), at(out, start + c * run)
                    scale, offset = scales[c] * inverse, offsets[c]
                    for i in range(run):
                        target[i] = (source[i] - centre) * scale + offset


@kernel()
def backward(plan, x, g, dx, statistics, shared, private, part, parts):
    """dx, and this part's share of the cotangents of scale and offset."""
    (outer, groups, inner, run, cycle, room) = fields(plan, 6)
    count, channels = outer * inner, inner // run
    share_of_scale, share_of_offset = at(shared, part * 2 * room), at(shared, part * 2 * room + room)
    for i in range(cycle * channels):
        share_of_scale[i] = 0
        share_of_offset[i] = 0
    first, last = share(groups, part, parts)
    for group in range(first, last):
        centre, inverse = statistics[group], statistics[groups + group]
        base = group % cycle * channels
        weight = at(statistics, 2 * groups + base)
        d_scale, d_offset = at(share_of_scale, base), at(share_of_offset, base)
        plain, against = 0.0, 0.0
        for piece in range(outer):
            start = (piece * groups + group) * inner
            if run == 1:
                more, more_against = weighted_totals_against(at(g, start), weight, at(x, start), inner, centre)
                plain += more
                against += more_against
            else:
                for c in range(channels):
                    more, more_against = totals_against(at(g, start + c * run), at(x, start + c * run), run, centre)
                    d_scale[c] += more_against * inverse
                    d_offset[c] += more
                    plain += more * weight[c]
                    against += more_against * weight[c]
        mean = element(x, plain / count * inverse)
        slope = element(x, against / count * inverse * inverse * inverse)
        for piece in range(outer):
            start = (piece * groups + group) * inner
            if run == 1:
                source, cotangent, target = at(x, start), at(g, start), at(dx, start)
                for i in range(inner):
                    gi, d = cotangent[i], source[i] - centre
                    target[i] = gi * weight[i] * inverse - (d * slope + mean)
                    d_scale[i] += gi * d * inverse
                    d_offset[i] += gi
            else:
                for c in range(channels):
                    source, cotangent, target = at(x, start + c * run), at(g, start + c * run), at(dx, start + c * run)
                    scale = inverse * weight[c]
                    for i in range(run):
                        target[i] = cotangent[i] * scale - ((source[i] - centre) * slope + mean)


@kernel()
def gather(plan, x, g, dx, statistics, shared, private, part, parts):
    """The cotangents of scale and offset: the sums of the parts' shares, in order."""
    (_outer, groups, inner, run, cycle, room, shares) = fields(plan, 7)
    scales = cycle * (inner // run)
    d_scale = at(statistics, 2 * groups + scales)
    d_offset = at(d_scale, scales)
    for i in range(scales):
        d_scale[i] = 0
        d_offset[i] = 0
    for k in range(shares):
        theirs, theirs_offset = at(shared, k * 2 * room), at(shared, k * 2 * room + room)
        for i in range(scales):
            d_scale[i] += theirs[i]
            d_offset[i] += theirs_offset[i]


# ---- groups that are columns -----------------------------------------------------------------------------------------

COLUMNS = 64
"""Columns whose rows are read together: a few cache lines of each row, and sums that stay in L1."""


FOLD = 256
"""Rows that are summed up before they join the others, so that many do not drown in a large sum."""


@inner
def fold(partial, sums, n):
    """sums += partial, partial <- 0"""
    for j in range(n):
        sums[j] += partial[j]
        partial[j] = 0


@inner
def column_totals(x, origin, rows, stride, n, partial, sums):
    """sums[j] <- the sum of x[i, j] - origin[j] over the rows."""
    clear_run(partial, COLUMNS)
    clear_run(sums, COLUMNS)
    for i in range(rows):
        row = at(x, i * stride)
        for j in range(n):
            partial[j] += row[j] - origin[j]
        if i % FOLD == FOLD - 1:
            fold(partial, sums, n)
    fold(partial, sums, n)


@inner
def column_totals_against(g, x, centre, rows, stride, n, partial, sums):
    """sums[j] <- the sum of g[i, j] (x[i, j] - centre[j]) over the rows."""
    clear_run(partial, COLUMNS)
    clear_run(sums, COLUMNS)
    for i in range(rows):
        row, cotangent = at(x, i * stride), at(g, i * stride)
        for j in range(n):
            partial[j] += cotangent[j] * (row[j] - centre[j])
        if i % FOLD == FOLD - 1:
            fold(partial, sums, n)
    fold(partial, sums, n)


@inner
def column_squares(x, centre, rows, stride, n, partial, sums):
    """sums[j] <- the sum of (x[i, j] - centre[j])^2 over the rows."""
    clear_run(partial, COLUMNS)
    clear_run(sums, COLUMNS)
    for i in range(rows):
        row = at(x, i * stride)
        for j in range(n):
            partial[j] += (row[j] - centre[j]) * (row[j] - centre[j])
        if i % FOLD == FOLD - 1:
            fold(partial, sums, n)
    fold(partial, sums, n)


@kernel()
def forward_columns(plan, x, out, affine, statistics, shared, private, part, parts):
    """`forward` where every group is a column: inner is 1, and vectors go along the groups."""
    (rows, groups) = fields(plan, 2)
    epsilon = statistics[3 * groups]
    first, last = share((groups + COLUMNS - 1) // COLUMNS, part, parts)
    sums, scales, offsets = at(private, COLUMNS), at(private, 2 * COLUMNS), at(private, 3 * COLUMNS)
    for block in range(first, last):
        start, n = block * COLUMNS, min(COLUMNS, groups - block * COLUMNS)
        centre, variance, inverse = (
            at(statistics, start), at(statistics, groups + start), at(statistics, 2 * groups + start)
        )  # fmt: skip
        column_totals(at(x, start), at(x, start), rows, groups, n, private, sums)
        for j in range(n):
            centre[j] = x[start + j] + sums[j] / rows
        column_squares(at(x, start), centre, rows, groups, n, private, sums)
        for j in range(n):
            variance[j] = sums[j] / rows
            inverse[j] = 1 / np.sqrt(variance[j] + epsilon)
            scales[j], offsets[j] = affine[start + j] * inverse[j], affine[groups + start + j]
        for i in range(rows):
            row, target = at(x, i * groups + start), at(out, i * groups + start)
            for j in range(n):
                target[j] = (row[j] - centre[j]) * scales[j] + offsets[j]


@kernel()
def backward_columns(plan, x, g, dx, statistics, shared, private, part, parts):
    """`backward` where every group is a column: the cotangents of scale and offset are each column's own sums."""
    (rows, groups) = fields(plan, 2)
    first, last = share((groups + COLUMNS - 1) // COLUMNS, part, parts)
    plain, against = at(private, COLUMNS), at(private, 2 * COLUMNS)
    mean, slope = at(private, 3 * COLUMNS), at(private, 4 * COLUMNS)
    for block in range(first, last):
        start, n = block * COLUMNS, min(COLUMNS, groups - block * COLUMNS)
        centre, inverse, weight = (
            at(statistics, start), at(statistics, groups + start), at(statistics, 2 * groups + start)
        )  # fmt: skip
        clear_run(mean, COLUMNS)
        column_totals(at(g, start), mean, rows, groups, n, private, plain)
        column_totals_against(at(g, start), at(x, start), centre, rows, groups, n, private, against)
        for j in range(n):
            scale = weight[j] * inverse[j]
            mean[j] = plain[j] / rows * scale
            slope[j] = against[j] / rows * inverse[j] * inverse[j] * scale
            statistics[3 * groups + start + j], statistics[4 * groups + start + j] = (
                against[j] * inverse[j],
                plain[j],
            )
            private[j] = scale
        for i in range(rows):
            row, cotangent = at(x, i * groups + start), at(g, i * groups + start)
            target = at(dx, i * groups + start)
            for j in range(n):
                target[j] = cotangent[j] * private[j] - ((row[j] - centre[j]) * slope[j] + mean[j])


PART = 1 << 13
"""Elements that are worth a part of their own."""


class View(NamedTuple):
    """How an array is standardised: see the top of this file."""

    outer: int
    groups: int
    inner: int
    run: int
    cycle: int

    @property
    def columns(self) -> bool:
        """Whether no two numbers of a group are neighbours, but the groups' are."""
        return self.inner == 1 and self.outer > 1 and self.cycle == self.groups

    @property
    def scales(self) -> int:
        return self.cycle * (self.inner // self.run)


@lru_cache(maxsize=256)
def _plan(view: View, dtype: np.dtype, thread_count: int, adjoint: bool) -> Plan:
    elements = view.outer * view.groups * view.inner
    parts = max(1, min(view.groups, 4 * thread_count, elements // PART)) if thread_count > 1 else 1
    room = line(view.scales, dtype.itemsize)
    table = np.array([*view, room, parts], np.int64)
    if view.columns:
        parts = (
            max(1, min(ceiling(view.groups, COLUMNS), 4 * thread_count, elements // PART)) if thread_count > 1 else 1
        )
        step = backward_columns if adjoint else forward_columns
        return Plan(dtype, table, [(step, parts)], 0, 5 * COLUMNS * dtype.itemsize, thread_count)
    if adjoint:
        shares = 2 * room * parts * dtype.itemsize
        return Plan(dtype, table, [(backward, parts), (gather, 1)], shares, 0, thread_count)
    return Plan(dtype, table, [(forward, parts)], 0, 0, thread_count)


def standardise(
    x: np.ndarray, weight: np.ndarray | None, bias: np.ndarray | None, view: View, epsilon: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(out, mean, variance, 1 / sigma), the latter three of length groups, of a C-contiguous x."""
    groups, scales = view.groups, view.scales
    affine = np.empty(2 * scales, x.dtype)
    affine[:scales] = 1 if weight is None else weight.reshape(-1)
    affine[scales:] = 0 if bias is None else bias.reshape(-1)
    out, statistics = np.empty_like(x), np.empty(3 * groups + 1, x.dtype)
    statistics[-1] = epsilon
    _plan(view, x.dtype, get_num_threads(), False).run(x, out, affine, statistics)
    return out, statistics[:groups], statistics[groups : 2 * groups], statistics[2 * groups : -1]


def standardise_gradient(
    g: np.ndarray, x: np.ndarray, weight: np.ndarray | None, mean: np.ndarray, inverse: np.ndarray, view: View
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(dx, d_weight, d_bias) of `standardise`, g being the cotangent of its first result."""
    groups, scales = view.groups, view.scales
    statistics = np.empty(2 * groups + 3 * scales, x.dtype)
    statistics[:groups] = mean.reshape(-1)
    statistics[groups : 2 * groups] = inverse.reshape(-1)
    statistics[2 * groups : 2 * groups + scales] = 1 if weight is None else weight.reshape(-1)
    dx = np.empty_like(x)
    _plan(view, x.dtype, get_num_threads(), True).run(x, g, dx, statistics)
    return dx, statistics[2 * groups + scales : 2 * groups + 2 * scales], statistics[2 * groups + 2 * scales :]
