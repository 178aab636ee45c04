"""Direct convolution, forward and input gradient: chosen when no special path fits. Any geometry, float32 and float64.

Vectors run over output channels, tile rows over neighbouring pixels of one output row. There is no im2col: the only
copies are the padded images (as many at a time as fit half of L2), the packed weights, and a transpose of each
finished tile into NCHW.

Two ways to pack weights. Usually a first step packs all of them. When a whole batch of padded images fits in cache
(deep layers on small planes, whose weights outweigh everything), each part packs its own block of output channels
just before it uses it: the weights pass once from memory to L2 and never back.
"""

from __future__ import annotations

import numpy as np

from autograd_nn.kernels import dense as correlation
from autograd_nn.kernels.build import inner, kernel
from autograd_nn.kernels.dense import Dense
from autograd_nn.kernels.geometry import Convolution
from autograd_nn.kernels.layout import (
    finish,
    pack_backward,
    pack_forward,
    pack_rows,
    pad_plane,
    pixels_to_planes,
    share,
)
from autograd_nn.kernels.microkernel import ROWS_A, ROWS_B, ROWS_C, best_rows, fma_tile
from autograd_nn.kernels.plan import Plan, Table, ceiling, line
from autograd_nn.kernels.vectors import VECTOR_BYTES, at, fields, lanes_of

L2_SHARE = 550_000  # bytes of padded images that are kept while all weights pass by
TILE_BYTES = 48 * 1024
PHASE = 8  # numbers per phase in the plan


@inner
def pixel_tile(rows, outer, count, A, a_table, a_ks, B, b_table, width, C, c_rs):
    """rows pixels x width (one or two vectors of) channels: a literal tile for each case."""
    L = lanes_of(A)
    if width == L:
        if rows == 16:
            fma_tile(1, 16, 1, 1, outer, count, A, a_table, 0, a_ks, B, b_table, width, L, C, 0, c_rs, L, 0)
        elif rows == 14:
            fma_tile(1, 14, 1, 1, outer, count, A, a_table, 0, a_ks, B, b_table, width, L, C, 0, c_rs, L, 0)
        elif rows == 10:
            fma_tile(1, 10, 1, 1, outer, count, A, a_table, 0, a_ks, B, b_table, width, L, C, 0, c_rs, L, 0)
        elif rows == 8:
            fma_tile(1, 8, 1, 1, outer, count, A, a_table, 0, a_ks, B, b_table, width, L, C, 0, c_rs, L, 0)
        elif rows == 4:
            fma_tile(1, 4, 1, 1, outer, count, A, a_table, 0, a_ks, B, b_table, width, L, C, 0, c_rs, L, 0)
        else:
            fma_tile(1, 1, 1, 1, outer, count, A, a_table, 0, a_ks, B, b_table, width, L, C, 0, c_rs, L, 0)
    elif rows == ROWS_A:
        fma_tile(1, ROWS_A, 1, 2, outer, count, A, a_table, 0, a_ks, B, b_table, width, L, C, 0, c_rs, L, 0)
    elif rows == ROWS_B:
        fma_tile(1, ROWS_B, 1, 2, outer, count, A, a_table, 0, a_ks, B, b_table, width, L, C, 0, c_rs, L, 0)
    elif rows == ROWS_C:
        fma_tile(1, ROWS_C, 1, 2, outer, count, A, a_table, 0, a_ks, B, b_table, width, L, C, 0, c_rs, L, 0)
    else:
        fma_tile(1, 1, 1, 2, outer, count, A, a_table, 0, a_ks, B, b_table, width, L, C, 0, c_rs, L, 0)


@inner
def two_row_tile(outer, count, A, a_table, a_rows, a_ks, B, b_table, width, C, c_rows, c_rs):
    """ROWS_C pixels of each of two rows of the result x two vectors of channels: half the loads of weights."""
    L = lanes_of(A)
    fma_tile(2, ROWS_C, 1, 2, outer, count, A, a_table, a_rows, a_ks, B, b_table, width, L, C, c_rows, c_rs, L, 0)


@inner
def next_row(plan, t_class, row, last, wanted):
    """The first row of this class from `row` on, or `last`."""
    while row < last and plan[t_class + row] != wanted:
        row += 1
    return row


@inner
def pack_block(plan, w, packed, cin, cout, taps, width, block, t_phases, backward):
    """The weights of one block of output channels (backward: of the result's channels, taps in the order of phases)."""
    if backward:
        pack_backward(w, packed, at(plan, plan[t_phases + 7]), cin, cout, taps, width, block)
    else:
        pack_forward(w, packed, cout, cin * taps, width, block)


@kernel()
def pack_all(plan, x, w, epilogue, out, shared, private, part, parts):
    """Shared workspace <- packed weights of every group and block."""
    (_images, groups, cin, cout, taps, width, blocks, block_size, phases, t_phases, backward) = fields(plan, 11)
    first, last = share(groups * blocks, part, parts)
    if backward and taps == 1:
        for ph in range(phases):  # one tap belongs to one phase
            weights, kept = plan[t_phases + ph * PHASE + 3], plan[t_phases + ph * PHASE + 6]
            if kept:
                pack_rows(w, at(shared, weights), cin, cout, width, blocks, block_size, first, last)
        return
    for unit in range(first, last):
        group = unit // blocks
        pack_block(
            plan, at(w, group * cout * cin * taps), at(shared, unit * block_size), cin, cout, taps, width,
            unit % blocks, t_phases, backward,
        )  # fmt: skip


@inner
def correlate_band(
    plan, image, packed, r0, r1, buffer, width, out_columns, rows, out_step, phases, t_phases, t_class, t_start
):
    """Some rows of the result of one image and block, as pixels x channels."""
    for ph in range(phases):
        (entries, count, t_a, weights, start, t_b) = fields(at(plan, t_phases + ph * PHASE), 6)
        (px, columns, a_ks) = fields(at(plan, t_phases + phases * PHASE + ph * 3), 3)
        tile = rows
        if columns < rows and phases > 1:
            tile = 1  # a tile wider than the row would overwrite what other phases have written
        r = next_row(plan, t_class, r0, r1, ph // out_step)
        while r < r1:
            after = next_row(plan, t_class, r + 1, r1, ph // out_step)
            target = at(buffer, ((r - r0) * out_columns + px) * width)
            source = at(image, plan[t_start + r] + start)
            if entries == 0:  # a stride larger than the kernel: pixels that no tap reaches
                for i in range(columns):
                    for ch in range(width):
                        target[i * out_step * width + ch] = 0
            elif tile == ROWS_C and width > lanes_of(buffer) and after < r1:
                for i in range(0, columns, tile):
                    j = min(i, max(0, columns - tile))
                    two_row_tile(
                        entries, count, at(source, j), at(plan, t_a), plan[t_start + after] - plan[t_start + r], a_ks,
                        at(packed, weights), at(plan, t_b), width, at(target, j * out_step * width),
                        (after - r) * out_columns * width, out_step * width,
                    )  # fmt: skip
                after = next_row(plan, t_class, after + 1, r1, ph // out_step)
            else:
                for i in range(0, columns, tile):
                    j = min(i, max(0, columns - tile))
                    pixel_tile(
                        tile, entries, count, at(source, j), at(plan, t_a), a_ks, at(packed, weights), at(plan, t_b),
                        width, at(target, j * out_step * width), out_step * width,
                    )  # fmt: skip
            r = after


@kernel()
def correlate(plan, x, w, epilogue, out, shared, private, part, parts):
    """out <- correlation of x with w."""
    (
        images, groups, cin, cout, taps, width, blocks, block_size, phases, t_phases, backward, lazy, together,
        image_parts, group_parts, block_parts, row_parts, source_plane, source_width, out_rows, out_columns,
        strip_rows, stored, t_stored, step, quota, left, t_rows, out_step, t_class, t_start, band, rows,
        buffer_offset, packed_offset, strips, t_strips,
    ) = fields(plan, 37)  # fmt: skip
    piece = part
    q0, q1 = share(groups, piece % group_parts, group_parts)
    piece //= group_parts
    block0, block1 = share(blocks, piece % block_parts, block_parts)
    piece //= block_parts
    strip0, strip1 = share(strips, piece % row_parts, row_parts)
    image0, image1 = share(images, piece // row_parts, image_parts)
    row_length, plane = stored * quota, out_rows * out_columns
    padded_plane = strip_rows * row_length
    buffer, mine = at(private, buffer_offset), at(private, packed_offset)
    for q in range(q0, q1):
        for g0 in range(image0, image1, together):
            g1 = min(image1, g0 + together)
            for strip in range(strip0, strip1):
                row0, row1, pad0, pad1 = fields(at(plan, t_strips + strip * 4), 4)
                for im in range(g0, g1):
                    for c in range(cin):
                        pad_plane(
                            at(x, ((im * groups + q) * cin + c) * source_plane),
                            at(private, ((im - g0) * cin + c) * padded_plane), pad1 - pad0, at(plan, t_rows + pad0),
                            source_width, stored, at(plan, t_stored), quota, row_length, step, quota, left,
                        )  # fmt: skip
                for block in range(block0, block1):
                    packed = at(shared, (q * blocks + block) * block_size)
                    if lazy:
                        pack_block(
                            plan, at(w, q * cout * cin * taps), mine, cin, cout, taps, width, block, t_phases, backward,
                        )  # fmt: skip
                        packed = mine
                    for im in range(g0, g1):
                        image = at(private, (im - g0) * cin * padded_plane - pad0 * row_length)
                        for r0 in range(row0, row1, band):
                            r1 = min(row1, r0 + band)
                            correlate_band(
                                plan, image, packed, r0, r1, buffer, width, out_columns, rows, out_step, phases,
                                t_phases, t_class, t_start,
                            )  # fmt: skip
                            o0 = block * width
                            finish(buffer, (r1 - r0) * out_columns, width, epilogue, q * cout + o0)
                            pixels_to_planes(
                                buffer,
                                width,
                                (r1 - r0) * out_columns,
                                min(width, cout - o0),
                                at(out, ((im * groups + q) * cout + o0) * plane + r0 * out_columns),
                                plane,
                            )


def forward(geometry: Convolution, dtype: np.dtype, threads: int) -> Plan:
    """Plan for arrays (x, w, epilogue, y)."""
    return _plan(correlation.forward(geometry), geometry, dtype, threads, backward=False)


def input_gradient(geometry: Convolution, dtype: np.dtype, threads: int) -> Plan:
    """Plan for arrays (dy, w, None, dx)."""
    return _plan(correlation.input_gradient(geometry), geometry, dtype, threads, backward=True)


def split(threads: int, images: int, groups: int, blocks: int, strips: int, lazy: bool) -> tuple[int, int, int, int]:
    """(image, group, block, strip) parts: a few for each thread, along the axis whose split repeats least work."""
    if threads == 1:
        return 1, 1, 1, 1
    if not lazy and images * groups * strips >= threads:
        want = threads * 4
        group_parts = min(groups, want)
        image_parts = min(images, ceiling(want, group_parts))
        return image_parts, group_parts, 1, min(strips, ceiling(want, group_parts * image_parts))
    group_parts = min(groups, threads)
    block_parts = min(blocks, ceiling(threads, group_parts))
    image_parts = 1 if lazy else min(images, ceiling(threads, group_parts * block_parts))
    row_parts = min(strips, ceiling(threads, group_parts * block_parts * image_parts))
    return image_parts, group_parts, block_parts, row_parts


def _plan(d: Dense, geometry: Convolution, dtype: np.dtype, threads: int, backward: bool) -> Plan:
    lanes, size = VECTOR_BYTES // dtype.itemsize, dtype.itemsize
    width = 2 * lanes if d.channels_out > lanes else lanes
    blocks, taps = ceiling(d.channels_out, width), geometry.taps
    row_bytes = size * d.channels_in * d.row_length
    weights, most = geometry.out_channels * d.channels_in * taps, max(1, L2_SHARE // row_bytes)
    strips = d.strips(most)
    whole = len(strips) == 1 and d.images * d.channels_in * d.padded_plane * size <= L2_SHARE
    # Weights of one tap for the input gradient are rows already: one pass over all of them is better than a stride
    # for each block.
    lazy = (
        whole and weights > d.images * d.groups * d.channels_in * d.padded_plane // 2 and not (backward and taps == 1)
    )
    if not lazy and d.images * d.groups < threads:
        strips = d.strips(most, 4 * threads)
    strip_rows = int((strips[:, 3] - strips[:, 2]).max())
    strip_plane = strip_rows * d.row_length
    image = d.channels_in * strip_plane
    together = max(1, min(d.images, L2_SHARE // max(1, size * image)))
    image_parts, group_parts, block_parts, row_parts = split(threads, d.images, d.groups, blocks, len(strips), lazy)
    together = min(together, ceiling(d.images, image_parts))

    columns = max(p.columns for p in d.phases)
    rows = best_rows(columns)
    if width == lanes:  # small tiles are bound by loads
        rows = min((16, 14, 10, 8, 4), key=lambda m: ceiling(columns, m) * (m + 2))
    band = max(1, TILE_BYTES // (size * d.out_columns * width))
    # Whole transposes if possible.
    band = min(d.out_rows, next((b for b in range(band, 0, -1) if b * d.out_columns % lanes == 0), band))

    table = Table(37)
    where = np.full(taps + 2 * lanes, taps * width, np.int64)
    where[np.concatenate([p.taps for p in d.phases])] = np.arange(taps) * width
    t_where, before = table.add(where), 0
    phases, tiles = [], []
    for p in d.phases:
        kept = len(p.taps)
        channel = (np.arange(d.channels_in) * strip_plane)[:, None]
        if p.column_step is None:
            offsets, count = (channel + p.offsets.reshape(1, -1)).reshape(-1), 1
        else:
            offsets, count = (channel + p.offsets[..., :1].reshape(1, -1)).reshape(-1), p.offsets.shape[2]
        entries = offsets.size if kept else 0
        t_a = table.add(np.append(offsets, 0))
        rows_b = np.arange(d.channels_in)[:, None] * taps + np.arange(offsets.size // d.channels_in) * count
        t_b = table.add(np.append(rows_b.reshape(-1) * width, 0))
        phases.append((entries, count, t_a, before * width, p.start, t_b, kept, t_where))
        tiles.append((p.first, p.columns, p.column_step or 0))
        before += kept
    block_size = line((d.channels_in * taps + 2) * width, size)
    t_phases = table.add(np.array(phases))
    table.add(np.array(tiles))

    most = ceiling(d.images, image_parts)
    padded = line(min(together, most) * image + 2 * d.row_length + 64, size)
    buffer = line((band * d.out_columns + 32) * width, size)
    header = (
        d.images, d.groups, d.channels_in, d.channels_out, taps, width, blocks, block_size, len(d.phases), t_phases,
        backward, lazy, together, image_parts, group_parts, block_parts, row_parts, d.source_plane, d.source_width,
        d.out_rows, d.out_columns, strip_rows, len(d.row_phases), table.add(d.row_phases), d.row_step, d.quota,
        d.left, table.add(d.row_table), d.out_step, table.add(d.row_class), table.add(d.row_start), band, rows,
        padded, padded + buffer, len(strips), table.add(strips),
    )  # fmt: skip
    steps = [(correlate, image_parts * group_parts * block_parts * row_parts)]
    if not lazy:
        steps.insert(0, (pack_all, min(threads, d.groups * blocks)))
    shared = 0 if lazy else d.groups * blocks * block_size
    private = padded + buffer + (block_size if lazy else 0)
    return Plan(dtype, table.array(header), steps, shared * size, private * size, threads)
