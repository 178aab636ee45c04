"""Direct weight gradient: chosen when no special path fits. Any geometry, float32 and float64.

    dw[o, c, tap] = sum over pixels of  dy[o, pixel] * x[c, pixel * stride + tap]

Vectors run over output channels (dy is turned to pixels x channels once), tile rows over taps and channels, and the sum over pixels is
the microkernel's inner walk. Rows of a tile are J neighbouring taps times G channels (or kernel rows); which (G, J) is a table lookup on
the kernel's width. A tile may hold rows that do not exist: they are computed and dropped.

Threads take blocks of output channels where there are enough, else images, whose sums a last step adds in a fixed order.
"""

from __future__ import annotations

import numpy as np

from autograd_nn.kernels import dense as correlation
from autograd_nn.kernels.build import inner, kernel
from autograd_nn.kernels.direct import L2_SHARE
from autograd_nn.kernels.geometry import Convolution
from autograd_nn.kernels.layout import pad_plane, pixels_to_planes, planes_to_pixels, share
from autograd_nn.kernels.microkernel import fma_tile
from autograd_nn.kernels.plan import Plan, Table, ceiling, line
from autograd_nn.kernels.vectors import VECTOR_BYTES, WIDE, at, clear_run, copy_run, fields, lanes_of

BAND = 256  # pixels of dy that stay in L1 while all taps pass
KINDS = [(4, 3), (3, 3), (2, 5), (2, 7), (8, 1)] if WIDE else [(2, 3), (1, 3), (1, 5), (1, 7), (4, 1)]
(G0, J0), (G1, J1), (G2, J2), (G3, J3), (G4, J4) = KINDS


@inner
def tap_tile(kind, rows, columns, A, a_table, a_gs, a_ks, B, b_table, width, C, add):
    """One tile of taps x output channels over a band of rows of pixels."""
    L = lanes_of(A)
    if width == L:
        if kind == 0:
            fma_tile(G0, J0, 1, 1, rows, columns, A, a_table, a_gs, a_ks, B, b_table, width, L, C, J0 * width, width, L, add)
        elif kind == 1:
            fma_tile(G1, J1, 1, 1, rows, columns, A, a_table, a_gs, a_ks, B, b_table, width, L, C, J1 * width, width, L, add)
        elif kind == 2:
            fma_tile(G2, J2, 1, 1, rows, columns, A, a_table, a_gs, a_ks, B, b_table, width, L, C, J2 * width, width, L, add)
        elif kind == 3:
            fma_tile(G3, J3, 1, 1, rows, columns, A, a_table, a_gs, a_ks, B, b_table, width, L, C, J3 * width, width, L, add)
        else:
            fma_tile(G4, J4, 1, 1, rows, columns, A, a_table, a_gs, a_ks, B, b_table, width, L, C, J4 * width, width, L, add)
    elif kind == 0:
        fma_tile(G0, J0, 1, 2, rows, columns, A, a_table, a_gs, a_ks, B, b_table, width, L, C, J0 * width, width, L, add)
    elif kind == 1:
        fma_tile(G1, J1, 1, 2, rows, columns, A, a_table, a_gs, a_ks, B, b_table, width, L, C, J1 * width, width, L, add)
    elif kind == 2:
        fma_tile(G2, J2, 1, 2, rows, columns, A, a_table, a_gs, a_ks, B, b_table, width, L, C, J2 * width, width, L, add)
    elif kind == 3:
        fma_tile(G3, J3, 1, 2, rows, columns, A, a_table, a_gs, a_ks, B, b_table, width, L, C, J3 * width, width, L, add)
    else:
        fma_tile(G4, J4, 1, 2, rows, columns, A, a_table, a_gs, a_ks, B, b_table, width, L, C, J4 * width, width, L, add)


@kernel()
def accumulate(plan, dy, x, unused, dw, shared, private, part, parts):
    """Shared workspace <- sums[image part][group][block][tile row][width]."""
    (images, groups, cin, cout, width, blocks, sum_rows, image_parts, group_parts, block_parts, tile_parts, together, source_plane,
     source_width, out_rows, out_columns, padded_rows, quota, left, t_rows, t_zero, t_a, t_b, t_pixels, t_tiles, tiles, kind, tile_rows,
     a_gs, a_ks, channel_space, band, pixels_offset) = fields(plan, 33)  # fmt: skip
    piece = part
    q0, q1 = share(groups, piece % group_parts, group_parts)
    piece //= group_parts
    block0, block1 = share(blocks, piece % block_parts, block_parts)
    piece //= block_parts
    tile0, tile1 = share(tiles, piece % tile_parts, tile_parts)
    image_part = piece // tile_parts
    image0, image1 = share(images, image_part, image_parts)
    padded_plane, plane = padded_rows * quota, out_rows * out_columns
    image_size = channel_space * padded_plane
    pixels = at(private, pixels_offset)
    for q in range(q0, q1):
        sums = at(shared, (image_part * groups + q) * blocks * sum_rows * width)
        channels = min(cout, block1 * width) - block0 * width
        if image0 == image1:
            for block in range(block0, block1):
                clear_run(at(sums, (block * sum_rows + tile0 * tile_rows) * width), (tile1 - tile0) * tile_rows * width)
        for g0 in range(image0, image1, together):
            g1 = min(image1, g0 + together)
            for im in range(g0, g1):
                for c in range(cin):
                    pad_plane(at(x, ((im * groups + q) * cin + c) * source_plane), at(private, (im - g0) * image_size + c * padded_plane),
                              padded_rows, at(plan, t_rows), source_width, 1, at(plan, t_zero), 1, quota, left)  # fmt: skip
                planes_to_pixels(at(dy, ((im * groups + q) * cout + block0 * width) * plane), channels, plane, plane,
                                 at(pixels, (im - g0) * plane * width), together * plane * width, width, at(plan, t_pixels))  # fmt: skip
            total = (g1 - g0) * out_rows
            for block in range(block0, block1):
                columns = at(pixels, (block - block0) * together * plane * width)
                for r0 in range(0, total, band):
                    rows, add = min(band, total - r0), 0 if g0 == image0 and r0 == 0 else 1
                    for t in range(tile0, tile1):
                        tap_tile(kind, rows, out_columns, at(private, plan[t_tiles + t]), at(plan, t_a + r0), a_gs, a_ks, columns,
                                 at(plan, t_b + r0), width, at(sums, (block * sum_rows + t * tile_rows) * width), add)  # fmt: skip


@kernel()
def gather(plan, dy, x, unused, dw, shared, private, part, parts):
    """dw <- the sums of all image parts, added in order, rows brought to the order of dw."""
    (groups, cout, width, blocks, sum_rows, image_parts, taps, t_where) = fields(at(plan, 33), 8)
    first, last = share(groups * blocks, part, parts)
    for unit in range(first, last):
        q, block = unit // blocks, unit % blocks
        for row in range(sum_rows):
            where = plan[t_where + row]
            if where < 0:
                continue
            target, source = at(private, where * width), at(shared, (unit * sum_rows + row) * width)
            copy_run(source, target, width)
            for i in range(1, image_parts):
                source = at(shared, ((i * groups * blocks + unit) * sum_rows + row) * width)
                for v in range(width):
                    target[v] += source[v]
        o0 = block * width
        pixels_to_planes(private, width, taps, min(width, cout - o0), at(dw, (q * cout + o0) * taps), taps)


def weight_gradient(geometry: Convolution, dtype: np.dtype, threads: int) -> Plan:
    """Plan for arrays (dy, x, None, dw)."""
    d = correlation.forward(geometry, split=False)
    g = geometry.spatial
    lanes, size = VECTOR_BYTES // dtype.itemsize, dtype.itemsize
    cin, cout, taps = d.channels_in, d.channels_out, g.taps
    width = 2 * lanes if cout > lanes else lanes
    blocks = ceiling(cout, width)
    stride = 1 if g.kernel == (1, 1, 1) and d.out_rows == 1 and d.out_columns == d.source_plane else g.stride[2]
    kernel_rows, kernel_width = g.kernel[0] * g.kernel[1], g.kernel[2]

    # Rows of a tile: J taps along the width, and G channels, kernel rows or (J = 1) taps.
    offsets = d.phases[0].offsets
    row_gap = int(offsets[0, 1, 0]) if g.kernel[1] > 1 else d.row_length
    along = "channel" if cin >= 3 else "row"
    if kernel_width in (3, 5, 7) and g.dilation[2] == 1:
        if kernel_width == 3:
            kind = 0 if along == "channel" or g.kernel[1] == 1 else 1
        else:
            kind = 2 if kernel_width == 5 else 3
        if kind != 0 and along == "channel" and cin % KINDS[kind][0] and g.kernel[1] > 1:
            along = "row"
        if g.kernel[1] == 1:
            along = "channel"
    else:
        kind, along = 4, "channel" if cin >= min(kernel_width, KINDS[4][0]) else "tap"
    G, J = KINDS[kind]
    gap = {"channel": d.padded_plane, "row": row_gap, "tap": g.dilation[2]}[along]
    starts, where = [], []
    c_step = G if along == "channel" else 1
    i_step = G if along == "row" else 1
    j_step = G if along == "tap" else J
    for c in range(0, cin, c_step):
        for a in range(g.kernel[0]):
            for i in range(0, g.kernel[1], i_step):
                for j in range(0, kernel_width, j_step):
                    starts.append(c * d.padded_plane + int(offsets[a, i, j]))
                    for m in range(G):
                        cc, ii, jj = c + m * (along == "channel"), i + m * (along == "row"), j + m * (along == "tap")
                        for u in range(J):
                            exists = cc < cin and ii < g.kernel[1] and jj + u < kernel_width
                            tap = (a * g.kernel[1] + ii) * kernel_width + jj + u
                            where.append(cc * taps + tap if exists else -1)
    tiles, sum_rows = len(starts), len(where)
    channel_space = ceiling(cin, c_step) * c_step if along == "channel" else cin

    together = max(1, min(d.images, L2_SHARE // max(1, size * cin * d.padded_plane)))
    image_parts = group_parts = block_parts = tile_parts = 1
    if threads > 1:
        group_parts = min(d.groups, threads)
        if group_parts < threads and group_parts * blocks >= threads:
            block_parts = min(blocks, ceiling(threads, group_parts))
        elif group_parts < threads:
            image_parts = min(d.images, ceiling(threads, group_parts))
            tile_parts = min(tiles, ceiling(threads, group_parts * image_parts))
    together = min(together, ceiling(max(1, d.images), image_parts))
    most_blocks = ceiling(blocks, block_parts)

    table = Table(41)
    t_a = table.add(np.append((np.arange(together)[:, None] * channel_space * d.padded_plane + d.row_start).reshape(-1), 0))
    t_b = table.add(np.arange(together * d.out_rows + 1) * d.out_columns * width)
    plane = d.out_rows * d.out_columns
    room = G * gap + kernel_rows * d.row_length + 8 * kernel_width + 64  # rows that do not exist read past the images
    padded = line(together * channel_space * d.padded_plane + room, size)
    pixels = line(most_blocks * together * plane * width + 2 * width, size)
    header = (
        d.images, d.groups, cin, cout, width, blocks, sum_rows, image_parts, group_parts, block_parts, tile_parts, together,
        d.source_plane, d.source_width, d.out_rows, d.out_columns, d.padded_rows, d.quota, d.left, table.add(d.row_table),
        table.add([0]), t_a, t_b, table.add(np.arange(plane + 2 * lanes) * width), table.add(starts), tiles, kind, G * J, gap, stride,
        channel_space, max(1, BAND // max(1, d.out_columns)), padded,
        d.groups, cout, width, blocks, sum_rows, image_parts, cin * taps, table.add(where),
    )  # fmt: skip
    parts = image_parts * group_parts * block_parts * tile_parts
    steps = [(accumulate, parts), (gather, min(threads, d.groups * blocks))]
    shared = image_parts * d.groups * blocks * sum_rows * width
    private = max(padded + pixels, (cin * taps + lanes) * width)
    return Plan(dtype, table.array(header), steps, shared * size, private * size, threads)
