"""Direct weight gradient: chosen when no special path fits. Any geometry, float32 and float64.

    dw[o, c, tap] = sum over pixels of  dy[o, pixel] * x[c, pixel * stride + tap]

Vectors run over output channels (dy is turned to pixels x channels once), tile rows over taps and channels, and the
sum over pixels is the microkernel's inner walk. Rows of a tile are J neighbouring taps times G channels (or kernel
rows); which (G, J) is a table lookup on the kernel's width. For a 1x1 kernel x and dy change places where that fills
vectors better. A tile may hold rows that do not exist: they are computed and dropped.

Threads take blocks of output channels where there are enough (or tiles, where blocks divide badly), else images or
strips of them, whose sums a last step adds in a fixed order.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from autograd_nn.kernels import dense as correlation
from autograd_nn.kernels.build import inner, kernel
from autograd_nn.kernels.direct import L2_SHARE
from autograd_nn.kernels.geometry import Convolution
from autograd_nn.kernels.layout import pad_plane, pixels_to_planes, planes_to_pixels, share
from autograd_nn.kernels.microkernel import fma_tile
from autograd_nn.kernels.plan import Plan, Table, ceiling, line
from autograd_nn.kernels.vectors import VECTOR_BYTES, WIDE, at, copy_run, fields, lanes_of

BAND = 256  # pixels of dy that stay in L1 while all taps pass
SIZES = 38  # numbers of the first step; the second step's follow
KINDS = [(4, 3), (3, 3), (2, 5), (2, 7), (8, 1), (5, 5)] if WIDE else [(2, 3), (1, 3), (1, 5), (1, 7), (4, 1), (2, 5)]
(G0, J0), (G1, J1), (G2, J2), (G3, J3), (G4, J4), (G5, J5) = KINDS
SQUARE = 5  # the kind that has registers for one vector of channels only


@inner
def tap_tile(kind, rows, columns, A, a_table, a_gs, a_ks, B, b_table, width, C, add):
    """One tile of taps x output channels over a band of rows of pixels."""
    L = lanes_of(A)
    if width == L:
        if kind == 0:
            fma_tile(
                G0, J0, 1, 1, rows, columns, A, a_table, a_gs, a_ks, B, b_table, width, L, C, J0 * width, width, L, add
            )
        elif kind == 1:
            fma_tile(
                G1, J1, 1, 1, rows, columns, A, a_table, a_gs, a_ks, B, b_table, width, L, C, J1 * width, width, L, add
            )
        elif kind == 2:
            fma_tile(
                G2, J2, 1, 1, rows, columns, A, a_table, a_gs, a_ks, B, b_table, width, L, C, J2 * width, width, L, add
            )
        elif kind == 3:
            fma_tile(
                G3, J3, 1, 1, rows, columns, A, a_table, a_gs, a_ks, B, b_table, width, L, C, J3 * width, width, L, add
            )
        elif kind == SQUARE:
            fma_tile(
                G5, J5, 1, 1, rows, columns, A, a_table, a_gs, a_ks, B, b_table, width, L, C, J5 * width, width, L, add
            )
        else:
            fma_tile(
                G4, J4, 1, 1, rows, columns, A, a_table, a_gs, a_ks, B, b_table, width, L, C, J4 * width, width, L, add
            )
    elif kind == 0:
        fma_tile(
            G0, J0, 1, 2, rows, columns, A, a_table, a_gs, a_ks, B, b_table, width, L, C, J0 * width, width, L, add
        )
    elif kind == 1:
        fma_tile(
            G1, J1, 1, 2, rows, columns, A, a_table, a_gs, a_ks, B, b_table, width, L, C, J1 * width, width, L, add
        )
    elif kind == 2:
        fma_tile(
            G2, J2, 1, 2, rows, columns, A, a_table, a_gs, a_ks, B, b_table, width, L, C, J2 * width, width, L, add
        )
    elif kind == 3:
        fma_tile(
            G3, J3, 1, 2, rows, columns, A, a_table, a_gs, a_ks, B, b_table, width, L, C, J3 * width, width, L, add
        )
    else:
        fma_tile(
            G4, J4, 1, 2, rows, columns, A, a_table, a_gs, a_ks, B, b_table, width, L, C, J4 * width, width, L, add
        )


@kernel()
def accumulate(plan, dy, x, unused, dw, shared, private, part, parts):
    """Shared workspace <- sums[image part][group][block][tile row][width]."""
    (
        images, groups, cin, cout, width, blocks, sum_rows, image_parts, strip_parts, group_parts, block_parts,
        tile_parts, together, source_plane, source_width, out_rows, out_columns, strip_rows, quota, left, t_rows,
        t_zero, t_a, t_b, t_pixels, t_tiles, tiles, kind, tile_rows, a_gs, a_ks, channel_space, band, pixels_offset,
        strips, t_strips, strip_pixels, swapped,
    ) = fields(plan, SIZES)  # fmt: skip
    if swapped:
        dy, x = x, dy
    piece = part
    q0, q1 = share(groups, piece % group_parts, group_parts)
    piece //= group_parts
    block0, block1 = share(blocks, piece % block_parts, block_parts)
    piece //= block_parts
    tile0, tile1 = share(tiles, piece % tile_parts, tile_parts)
    sum_part = piece // tile_parts
    strip0, strip1 = share(strips, sum_part % strip_parts, strip_parts)
    image0, image1 = share(images, sum_part // strip_parts, image_parts)
    padded_plane, plane = strip_rows * quota, out_rows * out_columns
    image_size = channel_space * padded_plane
    pixels = at(private, pixels_offset)
    for q in range(q0, q1):
        sums, channels, add = (
            at(shared, (sum_part * groups + q) * blocks * sum_rows * width),
            min(cout, block1 * width) - block0 * width,
            0,
        )
        for g0 in range(image0, image1, together):
            g1 = min(image1, g0 + together)
            for strip in range(strip0, strip1):
                row0, row1, pad0, pad1 = fields(at(plan, t_strips + strip * 4), 4)
                count = (row1 - row0) * out_columns
                for im in range(g0, g1):
                    for c in range(cin):
                        pad_plane(
                            at(x, ((im * groups + q) * cin + c) * source_plane),
                            at(private, (im - g0) * image_size + c * padded_plane), pad1 - pad0,
                            at(plan, t_rows + pad0), source_width, 1, at(plan, t_zero), 0, quota, 1, quota, left,
                        )  # fmt: skip
                    planes_to_pixels(
                        at(dy, ((im * groups + q) * cout + block0 * width) * plane + row0 * out_columns), channels,
                        plane, count, at(pixels, (im - g0) * count * width), together * strip_pixels * width, width,
                        at(plan, t_pixels),
                    )  # fmt: skip
                # Several images at a time only if each is one strip: then row0 and pad0 are 0 and t_a goes on from
                # image to image.
                source, total = at(private, -pad0 * quota), (g1 - g0) * (row1 - row0)
                for block in range(block0, block1):
                    columns = at(pixels, (block - block0) * together * strip_pixels * width)
                    for r0 in range(0, total, band):
                        rows = min(band, total - r0)
                        for t in range(tile0, tile1):
                            tap_tile(
                                kind, rows, out_columns, at(source, plan[t_tiles + t]), at(plan, t_a + row0 + r0),
                                a_gs, a_ks, columns, at(plan, t_b + r0), width,
                                at(sums, (block * sum_rows + t * tile_rows) * width), add + r0,
                            )  # fmt: skip
                add = 1


@kernel()
def gather(plan, dy, x, unused, dw, shared, private, part, parts):
    """dw <- the sums of all image parts, added in order, rows brought to the order of dw."""
    (groups, cout, width, blocks, sum_rows, sum_parts, taps, t_where) = fields(at(plan, SIZES), 8)
    swapped = plan[SIZES - 1]
    first, last = share(groups * blocks, part, parts)
    for unit in range(first, last):
        q, block = unit // blocks, unit % blocks
        for row in range(sum_rows):
            where = plan[t_where + row]
            if where < 0:
                continue
            target, source = at(private, where * width), at(shared, (unit * sum_rows + row) * width)
            copy_run(source, target, width)
            for i in range(1, sum_parts):
                source = at(shared, ((i * groups * blocks + unit) * sum_rows + row) * width)
                for v in range(width):
                    target[v] += source[v]
        o0 = block * width
        if swapped:  # rows are output channels already
            for row in range(taps):
                copy_run(at(private, row * width), at(dw, row * cout + o0), min(width, cout - o0))
            continue
        pixels_to_planes(private, width, taps, min(width, cout - o0), at(dw, (q * cout + o0) * taps), taps)


def better_swapped(geometry: Convolution, lanes: int, threads: int) -> bool:
    """Whether vectors and threads are fuller with input channels in them: for a 1x1 kernel, x and dy may change places."""
    g = geometry
    if max(g.kernel) > 1 or max(g.stride) > 1 or g.input != g.output or any(g.before) or g.groups > 1:
        return False

    def fullness(channels: int) -> float:
        width = 2 * lanes if channels > lanes else lanes
        blocks = ceiling(channels, width)
        if blocks >= threads:  # each thread takes some
            blocks = ceiling(blocks, threads) * threads
        return channels / (blocks * width)

    return fullness(g.in_channels) > 1.1 * fullness(g.out_channels)


def weight_gradient(geometry: Convolution, dtype: np.dtype, threads: int) -> Plan:
    """Plan for arrays (dy, x, None, dw)."""
    lanes, size = VECTOR_BYTES // dtype.itemsize, dtype.itemsize
    swapped = better_swapped(geometry, lanes, threads)
    if swapped:
        geometry = replace(geometry, in_channels=geometry.out_channels, out_channels=geometry.in_channels)
    d = correlation.forward(geometry, split=False)
    g = geometry.spatial
    cin, cout, taps = d.channels_in, d.channels_out, g.taps
    width = 2 * lanes if cout > lanes else lanes
    blocks = ceiling(cout, width)
    stride = d.column_gap
    kernel_rows, kernel_width = g.kernel[0] * g.kernel[1], g.kernel[2]

    # Rows of a tile: J taps along the width, and G channels, kernel rows or (J = 1) taps.
    offsets = d.phases[0].offsets
    row_gap = g.dilation[1] * d.row_length
    most_rows = min(
        L2_SHARE // (size * cin * d.row_length), g.stride[1] * 2 * L2_SHARE // (size * width * blocks * d.out_columns)
    )
    few = d.images * d.groups < threads and d.groups * blocks < threads
    strips = d.strips(max(1, most_rows), 2 * threads if few else 1)
    strip_rows, strip_out = int((strips[:, 3] - strips[:, 2]).max()), int((strips[:, 1] - strips[:, 0]).max())
    strip_plane = strip_rows * d.row_length
    along = "channel" if cin >= 3 else "row"
    if kernel_width in (3, 5, 7) and g.dilation[2] == 1:
        three = 0 if along == "channel" or g.kernel[1] == 1 else 1
        kind = {3: three, 5: 2, 7: 3}[kernel_width]
        if kind != 0 and along == "channel" and cin % KINDS[kind][0] and g.kernel[1] > 1:
            along = "row"
        if g.kernel[1] == 1:
            along = "channel"
        fewer = -cin % KINDS[1][0] + cin < -cin % KINDS[0][0] + cin  # rows that do not exist
        if kind == 0 and along == "channel" and fewer:
            kind = 1
        if kind == 2 and width == lanes and (cin if along == "channel" else g.kernel[1]) % KINDS[SQUARE][0] == 0:
            kind = SQUARE
    else:
        kind, along = 4, "channel" if cin >= min(kernel_width, KINDS[4][0]) else "tap"
    G, J = KINDS[kind]
    gap = {"channel": strip_plane, "row": row_gap, "tap": g.dilation[2]}[along]
    starts, where = [], []
    c_step = G if along == "channel" else 1
    i_step = G if along == "row" else 1
    j_step = G if along == "tap" else J
    for c in range(0, cin, c_step):
        for a in range(g.kernel[0]):
            for i in range(0, g.kernel[1], i_step):
                for j in range(0, kernel_width, j_step):
                    starts.append(c * strip_plane + int(offsets[a, i, j]))
                    for m in range(G):
                        cc, ii, jj = c + m * (along == "channel"), i + m * (along == "row"), j + m * (along == "tap")
                        for u in range(J):
                            exists = cc < cin and ii < g.kernel[1] and jj + u < kernel_width
                            tap = (a * g.kernel[1] + ii) * kernel_width + jj + u
                            where.append(cc * taps + tap if exists else -1)
    tiles, sum_rows = len(starts), len(where)
    channel_space = ceiling(cin, c_step) * c_step if along == "channel" else cin

    together = max(1, min(d.images, L2_SHARE // (size * cin * strip_plane))) if len(strips) == 1 else 1
    image_parts = strip_parts = group_parts = block_parts = tile_parts = 1
    if threads > 1:
        group_parts = min(d.groups, threads)
        if group_parts < threads and group_parts * blocks >= threads:
            block_parts = min(blocks, ceiling(threads, group_parts))
            if blocks < 2 * block_parts and blocks % block_parts:  # one thread would wait for half the time
                block_parts, tile_parts = 1, min(tiles, ceiling(threads, group_parts))
        elif group_parts < threads:
            image_parts = min(d.images, ceiling(threads, group_parts))
            strip_parts = min(len(strips), ceiling(threads, group_parts * image_parts))
            tile_parts = min(tiles, ceiling(threads, group_parts * image_parts * strip_parts))
    together = min(together, ceiling(d.images, image_parts))
    most_blocks = ceiling(blocks, block_parts)

    table = Table(SIZES + 8)
    t_a = table.add(
        np.append((np.arange(together)[:, None] * channel_space * strip_plane + d.row_start).reshape(-1), 0)
    )
    t_b = table.add(np.arange(together * d.out_rows + 1) * d.out_columns * width)
    strip_pixels = strip_out * d.out_columns
    room = G * gap + kernel_rows * d.row_length + 8 * kernel_width + 64  # rows that do not exist read past the images
    padded = line(together * channel_space * strip_plane + room, size)
    pixels = line(most_blocks * together * strip_pixels * width + 2 * width, size)
    header = (
        d.images, d.groups, cin, cout, width, blocks, sum_rows, image_parts, strip_parts, group_parts, block_parts,
        tile_parts, together, d.source_plane, d.source_width, d.out_rows, d.out_columns, strip_rows, d.quota, d.left,
        table.add(d.row_table), table.add([0]), t_a, t_b, table.add(np.arange(strip_pixels + 2 * lanes) * width),
        table.add(starts), tiles, kind, G * J, gap, stride, channel_space, max(1, BAND // max(1, d.out_columns)),
        padded, len(strips), table.add(strips), strip_pixels, swapped, d.groups, cout, width, blocks, sum_rows,
        image_parts * strip_parts, cin * taps, table.add(where),
    )  # fmt: skip
    parts = image_parts * strip_parts * group_parts * block_parts * tile_parts
    steps = [(accumulate, parts), (gather, min(threads, d.groups * blocks))]
    shared = image_parts * strip_parts * d.groups * blocks * sum_rows * width
    private = max(padded + pixels, (cin * taps + lanes) * width)
    return Plan(dtype, table.array(header), steps, shared * size, private * size, threads)
