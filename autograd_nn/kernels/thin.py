"""Thin results, forward and input gradient: chosen for at most eight channels out per group, so also for depthwise
convolution.

Vectors over output channels would be mostly empty, so vectors run along pixels (`flat.py`) and rows are the few
channels. Serves the input gradient of a first layer, depthwise convolution of any kernel and stride, and narrow
groups; float32 and float64. The weights, a few scalars for each tap, are gathered by each part for itself.
"""

from __future__ import annotations

from math import prod

import numpy as np

from autograd_nn.kernels import flat, pointwise
from autograd_nn.kernels.build import inner, kernel
from autograd_nn.kernels.flat import GAP, Flat
from autograd_nn.kernels.geometry import Convolution
from autograd_nn.kernels.layout import finish_row, pad_plane, share
from autograd_nn.kernels.microkernel import fma_tile
from autograd_nn.kernels.plan import Plan, Table, ceiling, line
from autograd_nn.kernels.vectors import VECTOR_BYTES, WIDE, at, clear_run, copy_run, fields, lanes_of

MOST = 8  # channels of the result
# Vectors of pixels per tile for 1 to 3 rows, 4, 5 to 6, 7 to 8: as many accumulators as registers allow.
N3, N4, N6, N8 = (8, 6, 4, 3) if WIDE else (4, 3, 2, 1)
RUN = 14  # numbers per run in the plan
SIZES = 28
TOGETHER = 200_000  # bytes of padded planes and results of groups worked on together


def refuses(which: str, geometry: Convolution, dtype: np.dtype) -> str | None:
    """Why this path does not serve a pass of this geometry, or None."""
    channels = (geometry.in_channels if which == "input gradient" else geometry.out_channels) // geometry.groups
    if channels > MOST:
        return f"the result has {channels} channels per group, over {MOST}"
    if channels > 2 and pointwise.is_plain(geometry.spatial) and pointwise.refuses(which, geometry, dtype) is None:
        return "pointwise reads a 1x1 convolution's input in place, and gains from that with 3 channels or more"
    return None


def vectors_for(channels: int) -> int:
    return N3 if channels <= 3 else N4 if channels == 4 else N6 if channels <= 6 else N8


@inner
def channel_tile(c, short, outer, count, A, a_table, B, b_table, b_ks, C, long):
    """All channels of the result x a literal number of vectors of pixels."""
    L = lanes_of(A)
    if c == 1:
        if short:
            fma_tile(1, 1, 1, 2, outer, count, A, a_table, 0, c, B, b_table, b_ks, L, C, 0, long, L, 0)
        else:
            fma_tile(1, 1, 1, N3, outer, count, A, a_table, 0, c, B, b_table, b_ks, L, C, 0, long, L, 0)
    elif c == 2:
        fma_tile(1, 2, 1, N3, outer, count, A, a_table, 0, c, B, b_table, b_ks, L, C, 0, long, L, 0)
    elif c == 3:
        fma_tile(1, 3, 1, N3, outer, count, A, a_table, 0, c, B, b_table, b_ks, L, C, 0, long, L, 0)
    elif c == 4:
        fma_tile(1, 4, 1, N4, outer, count, A, a_table, 0, c, B, b_table, b_ks, L, C, 0, long, L, 0)
    elif c == 5:
        fma_tile(1, 5, 1, N6, outer, count, A, a_table, 0, c, B, b_table, b_ks, L, C, 0, long, L, 0)
    elif c == 6:
        fma_tile(1, 6, 1, N6, outer, count, A, a_table, 0, c, B, b_table, b_ks, L, C, 0, long, L, 0)
    elif c == 7:
        fma_tile(1, 7, 1, N8, outer, count, A, a_table, 0, c, B, b_table, b_ks, L, C, 0, long, L, 0)
    else:
        fma_tile(1, 8, 1, N8, outer, count, A, a_table, 0, c, B, b_table, b_ks, L, C, 0, long, L, 0)


@inner
def run_tiles(cout, length, entries, count, A, a_table, B, b_table, b_ks, C, long):
    """One run of pixels of all channels."""
    L = lanes_of(A)
    jump, p = (N3 if cout <= 3 else N4 if cout == 4 else N6 if cout <= 6 else N8) * L, 0
    while p < length:
        short = cout == 1 and length - p <= 2 * L
        channel_tile(cout, short, entries, count, A, a_table, at(B, p), b_table, b_ks, at(C, p), long)
        p += 2 * L if short else jump


@inner
def place_row(row, target, count, step):
    """target[i * step] = row[i]"""
    if step == 1:
        copy_run(row, target, count)
    elif step == 2:
        for i in range(count):
            target[2 * i] = row[i]
    else:
        for i in range(count):
            target[i * step] = row[i]


@kernel()
def correlate_thin(plan, x, w, epilogue, out, shared, private, part, parts):
    """out <- correlation of x with w."""
    (
        images, groups, cin, cout, taps, backward, image_parts, group_parts, run_parts, source_plane, source_width,
        padded_rows, t_rows, stored, t_stored, step, quota, left, depth, height, width, weights_start, buffer_start,
        long, runs, t_runs, together, base,
    ) = fields(plan, SIZES)  # fmt: skip
    piece = part
    q0, q1 = share(groups, piece % group_parts, group_parts)
    piece //= group_parts
    run0, run1 = share(runs, piece % run_parts, run_parts)
    image0, image1 = share(images, piece // run_parts, image_parts)
    sz, sy, sx = fields(at(plan, t_runs + runs * RUN), 3)
    padded_plane, plane = (padded_rows * quota + GAP) * stored, depth * height * width
    weights, buffer = at(private, weights_start), at(private, buffer_start)
    # Vectors read past the last plane: junk for dropped columns, but it must not be left from another call's NaN
    # signals.
    clear_run(at(private, together * cin * padded_plane), weights_start - together * cin * padded_plane)
    # Several groups at a time, one kind of work at a time: a load soon after stores that overlap it in part waits for
    # them all.
    for g0 in range(q0, q1, together):
        g1 = min(q1, g0 + together)
        for run in range(run0, run1):
            (entries, count, t_a, t_b, b_ks, w0, kept, t_taps) = fields(at(plan, t_runs + run * RUN), 8)
            for k in range((g1 - g0) * cin * kept):
                q, c, tap = k // (cin * kept), k // kept % cin, plan[t_taps + k % kept]
                for m in range(cout):
                    index = (c * cout + m) if backward else (m * cin + c)
                    weights[q * base + w0 + k % (cin * kept) * cout + m] = w[
                        ((g0 + q) * cin * cout + index) * taps + tap
                    ]
        for im in range(image0, image1):
            for c in range((g1 - g0) * cin):
                pad_plane(
                    at(x, ((im * groups + g0) * cin + c) * source_plane),
                    at(private, c * padded_plane),
                    padded_rows,
                    at(plan, t_rows),
                    source_width,
                    stored,
                    at(plan, t_stored),
                    padded_rows * quota + GAP,
                    quota,
                    step,
                    quota,
                    left,
                )
            for run in range(run0, run1):
                (entries, count, t_a, t_b, b_ks, w0, kept, t_taps, start, z_pitch, cz, cy, cx, first) = fields(
                    at(plan, t_runs + run * RUN), RUN
                )
                length = (cz - 1) * z_pitch + (cy - 1) * quota + cx
                if cz * cy * cx == 0:
                    continue
                for q in range(g0, g1):
                    rows, source = (
                        at(buffer, (q - g0) * cout * long),
                        at(private, (q - g0) * cin * padded_plane + start),
                    )
                    if entries == 0:
                        clear_run(rows, cout * long)
                    else:
                        run_tiles(
                            cout,
                            length,
                            entries,
                            count,
                            at(weights, (q - g0) * base + w0),
                            at(plan, t_a),
                            source,
                            at(plan, t_b),
                            b_ks,
                            rows,
                            long,
                        )
                for c in range((g1 - g0) * cout):
                    row = at(buffer, c * long)
                    finish_row(row, length, epilogue, g0 * cout + c)
                    target = at(out, ((im * groups + g0) * cout + c) * plane + first)
                    for z in range(cz):
                        for y in range(cy):
                            place_row(
                                at(row, z * z_pitch + y * quota), at(target, (z * sz * height + y * sy) * width), cx, sx
                            )


def forward(geometry: Convolution, dtype: np.dtype, threads: int) -> Plan:
    """Plan for arrays (x, w, epilogue, y)."""
    return _plan(flat.forward(geometry), geometry.taps, dtype, threads, backward=False)


def input_gradient(geometry: Convolution, dtype: np.dtype, threads: int) -> Plan:
    """Plan for arrays (dy, w, None, dx)."""
    return _plan(flat.input_gradient(geometry), geometry.taps, dtype, threads, backward=True)


def split_units(threads: int, images: int, groups: int) -> tuple[int, int]:
    """(image parts, group parts): a few parts for each thread."""
    if threads == 1:
        return 1, 1
    group_parts = min(groups, 4 * threads)
    return min(images, ceiling(4 * threads, group_parts)), group_parts


def _plan(d: Flat, taps: int, dtype: np.dtype, threads: int, backward: bool) -> Plan:
    lanes, size = VECTOR_BYTES // dtype.itemsize, dtype.itemsize
    image_parts, group_parts = split_units(threads, d.images, d.groups)
    run_parts = min(len(d.runs), ceiling(threads, image_parts * group_parts))
    table, runs, base, longest = Table(SIZES), [], 0, 0
    channel = (np.arange(d.channels_in) * d.padded_plane)[:, None]
    for run in d.runs:
        kept = run.taps.size
        if run.column_step is None:
            offsets, count, b_ks = (channel + run.offsets.reshape(1, -1)).reshape(-1), 1, 0
        else:
            offsets = (channel + run.offsets[..., :1].reshape(1, -1)).reshape(-1)
            count, b_ks = run.offsets.shape[2], run.column_step
        t_a = table.add(np.arange(offsets.size + 1) * count * d.channels_out)
        first = (run.first[0] * d.result[1] + run.first[1]) * d.result[2] + run.first[2]
        numbers = (offsets.size if kept else 0, count, t_a, table.add(np.append(offsets, 0)), b_ks, base, kept)
        runs.append((*numbers, table.add(run.taps), run.start, run.z_pitch, *run.counts, first))
        base += d.channels_in * kept * d.channels_out
        longest = max(longest, run.length(d.quota))
    jump = vectors_for(d.channels_out) * lanes
    long = line(ceiling(longest, jump) * jump + 16, size) + 16
    each = d.channels_in * d.padded_plane + d.channels_out * long
    together = max(1, min(ceiling(d.groups, group_parts), 16, TOGETHER // (each * size)))
    weights = line(together * d.channels_in * d.padded_plane + jump + 2 * lanes, size)
    buffer = weights + line(together * base + 16, size)
    t_runs = table.add(np.array(runs))
    table.add(d.out_step)
    header = (
        d.images, d.groups, d.channels_in, d.channels_out, taps, backward, image_parts, group_parts, run_parts,
        prod(d.source), d.source[2], d.padded_rows, table.add(d.row_table), len(d.column_phases),
        table.add(d.column_phases), d.step, d.quota, d.left, *d.result, weights, buffer, long, len(d.runs), t_runs,
        together, base,
    )  # fmt: skip
    steps = [(correlate_thin, image_parts * group_parts * run_parts)]
    return Plan(dtype, table.array(header), steps, 0, (buffer + together * d.channels_out * long) * size, threads)
