"""Winograd F(4x4, 3x3), weight gradient: chosen for 3x3 kernels of stride 1 in float32 with enough channels, like the
forward pass.

    dg = G' [ sum over tiles of (A dy A') * (B' d B) ] G

36 products over tiles: rows are output channels, vectors input channels. The sums of all pairs of channels are large,
which decides the order of work. *By tiles*: each part sums over its own tiles for all channels, a last step adds the
parts in order. *By blocks*, when those sums outweigh the tiles: all tiles are transformed first, then each part sums
over all tiles for its own blocks of output channels.

Workspace:  V [36][block of c][tile][lane], D [36][block of o][tile][lane]   transformed tiles of x and of dy
            U [block of o][36][lane of o][c]                                 sums
"""

from __future__ import annotations

import numpy as np

from autograd_nn.kernels.build import inner, kernel
from autograd_nn.kernels.geometry import Convolution
from autograd_nn.kernels.layout import share
from autograd_nn.kernels.microkernel import fma_tile
from autograd_nn.kernels.plan import Plan, Table, ceiling, line
from autograd_nn.kernels.vectors import WIDE, at, clear_run, copy_run, fields
from autograd_nn.kernels.winograd import LANES, even_blocks, fill_strip, pixel_table, transform_strip
from autograd_nn.kernels.winograd_transforms import OUTPUTS, PRODUCTS, SIDE, TO_TAPS, transform

PRODUCT_ROWS = 8 if WIDE else 4
SIZES = 30
CHUNK = 112  # tiles whose vectors stay in L1 while the 36 products of a block pass


@inner
def sum_products(tiles, D, d_product, V, v_product, v_block, cblocks, U, u_product, channels, zero, accumulate):
    """U[f][lane of o][c] (+)= sum over tiles of D[f][tile][lane of o] V[f][c][tile], for one block of output
    channels.
    """
    for f in range(PRODUCTS):
        for i in range(0, LANES, PRODUCT_ROWS):
            for k in range(0, cblocks, 2):
                a, b = at(D, f * d_product + i), at(V, f * v_product + k * v_block)
                c = at(U, f * u_product + i * channels + k * LANES)
                if k + 1 < cblocks:
                    fma_tile(
                        1, PRODUCT_ROWS, 1, 2, 1, tiles, a, zero, 0, LANES, b, zero, LANES, v_block, c, 0, channels,
                        LANES, accumulate,
                    )  # fmt: skip
                else:
                    fma_tile(
                        1, PRODUCT_ROWS, 1, 1, 1, tiles, a, zero, 0, LANES, b, zero, LANES, 0, c, 0, channels, LANES,
                        accumulate,
                    )  # fmt: skip


@inner
def store_taps(U, u_product, channels, small, rows, cin, dw):
    """Sums of one block of output channels -> dw[o][c][9]."""
    for i in range(rows):
        for c0 in range(0, cin, LANES):
            transform(TO_TAPS, at(U, i * channels + c0), SIDE * u_product, u_product, small, 3 * LANES, LANES)
            target = at(dw, (i * cin + c0) * 9)
            for q in range(min(LANES, cin - c0)):
                for t in range(9):
                    target[q * 9 + t] = small[t * LANES + q]


@inner
def both_strips(plan, x, dy, image, row, count, strip, V, D, v_product, v_block, d_product, d_block):
    """Tile rows of an image: x -> V, dy -> D."""
    (_images, cin, cout, h, iw, oh, ow, top, columns, wp, wq, cblocks, oblocks, t_x, t_y, x_plane, y_plane) = fields(
        plan, 17
    )
    fill_strip(
        at(x, image * cin * h * iw), cin, h * iw, iw, h, top, wp, row * OUTPUTS, count * OUTPUTS + 2, strip, x_plane,
        at(plan, t_x),
    )  # fmt: skip
    transform_strip(False, strip, x_plane, wp, count, columns, V, v_product, v_block, cblocks)
    fill_strip(
        at(dy, image * cout * oh * ow), cout, oh * ow, ow, oh, 0, wq, row * OUTPUTS, count * OUTPUTS, strip, y_plane,
        at(plan, t_y),
    )  # fmt: skip
    transform_strip(True, strip, y_plane, wq, count, columns, D, d_product, d_block, oblocks)


@kernel()
def sum_by_tiles(plan, dy, x, unused, dw, shared, private, part, parts):
    """By tiles, first step: shared <- U of this part's tiles."""
    (
        images, _cin, _cout, _h, _iw, _oh, _ow, _top, columns, _wp, _wq, cblocks, oblocks, _t_x, _t_y, _x_plane,
        _y_plane, rows, tile_rows, tile_blocks, v_product, d_product, u_product, v_start, d_start, t_zero,
    ) = fields(plan, 26)  # fmt: skip
    V, D, block = at(private, v_start), at(private, d_start), tile_rows * columns * LANES
    channels, U = cblocks * LANES, at(shared, part * oblocks * PRODUCTS * u_product)
    first, last = share(tile_blocks, part, parts)
    if first == last:
        clear_run(U, oblocks * PRODUCTS * u_product)
    for tile_block in range(first, last):
        r0, r1 = tile_block * tile_rows, min(images * rows, (tile_block + 1) * tile_rows)
        r = r0
        while r < r1:
            count, place = min(rows - r % rows, r1 - r), (r - r0) * columns * LANES
            both_strips(
                plan, x, dy, r // rows, r % rows, count, private, at(V, place), at(D, place), v_product, block,
                d_product, block,
            )  # fmt: skip
            r += count
        for b in range(oblocks):
            sum_products(
                (r1 - r0) * columns, at(D, b * block), d_product, V, v_product, block, cblocks,
                at(U, b * PRODUCTS * u_product), u_product, channels, at(plan, t_zero), tile_block - first,
            )  # fmt: skip


@kernel()
def add_parts(plan, dy, x, unused, dw, shared, private, part, parts):
    """By tiles, second step: dw <- the sums of all parts, added in order."""
    (
        _images, cin, cout, _h, _iw, _oh, _ow, _top, _columns, _wp, _wq, cblocks, oblocks, _t_x, _t_y, _x_plane,
        _y_plane, _rows, _tile_rows, _tile_blocks, _v_product, _d_product, u_product, _v_start, _d_start, _t_zero,
        sum_parts,
    ) = fields(plan, 27)  # fmt: skip
    size, small = PRODUCTS * u_product, at(private, PRODUCTS * u_product)
    first, last = share(oblocks, part, parts)
    for b in range(first, last):
        copy_run(at(shared, b * size), private, size)
        for p in range(1, sum_parts):
            more = at(shared, (p * oblocks + b) * size)
            for i in range(size):
                private[i] += more[i]
        store_taps(
            private, u_product, cblocks * LANES, small, min(LANES, cout - b * LANES), cin, at(dw, b * LANES * cin * 9)
        )


@kernel()
def transform_both(plan, dy, x, unused, dw, shared, private, part, parts):
    """By blocks, first step: shared <- V and D of every tile."""
    (
        images, cin, cout, h, iw, oh, ow, top, columns, wp, wq, cblocks, oblocks, t_x, t_y, x_plane, y_plane, rows,
        _tile_rows, _tile_blocks, v_product, d_product, _u_product, _v_start, d_start, _t_zero,
    ) = fields(plan, 26)  # fmt: skip
    tiles = rows * columns * LANES
    first, last = share(images * (cblocks + oblocks), part, parts)
    for unit in range(first, last):
        image, block = unit % images, unit // images
        if block < cblocks:
            fill_strip(
                at(x, (image * cin + block * LANES) * h * iw), min(LANES, cin - block * LANES), h * iw, iw, h, top,
                wp, 0, rows * OUTPUTS + 2, private, x_plane, at(plan, t_x),
            )  # fmt: skip
            target = at(shared, (block * images + image) * tiles)
            transform_strip(False, private, x_plane, wp, rows, columns, target, v_product, 0, 1)
        else:
            block -= cblocks
            fill_strip(
                at(dy, (image * cout + block * LANES) * oh * ow), min(LANES, cout - block * LANES), oh * ow, ow, oh,
                0, wq, 0, rows * OUTPUTS, private, y_plane, at(plan, t_y),
            )  # fmt: skip
            target = at(shared, d_start + (block * images + image) * tiles)
            transform_strip(True, private, y_plane, wq, rows, columns, target, d_product, 0, 1)


@kernel()
def sum_by_blocks(plan, dy, x, unused, dw, shared, private, part, parts):
    """By blocks, second step: each part sums over all tiles for some blocks of output channels."""
    (
        images, cin, cout, _h, _iw, _oh, _ow, _top, columns, _wp, _wq, cblocks, oblocks, _t_x, _t_y, _x_plane,
        _y_plane, rows, _tile_rows, _tile_blocks, v_product, d_product, u_product, _v_start, d_start, t_zero,
    ) = fields(plan, 26)  # fmt: skip
    tiles, small = images * rows * columns, at(private, PRODUCTS * u_product)
    first, last = share(oblocks, part, parts)
    for b in range(first, last):
        D = at(shared, d_start + b * tiles * LANES)
        for t in range(0, tiles, CHUNK):
            sum_products(
                min(CHUNK, tiles - t), at(D, t * LANES), d_product, at(shared, t * LANES), v_product, tiles * LANES,
                cblocks, private, u_product, cblocks * LANES, at(plan, t_zero), t,
            )  # fmt: skip
        store_taps(
            private, u_product, cblocks * LANES, small, min(LANES, cout - b * LANES), cin, at(dw, b * LANES * cin * 9)
        )


def weight_gradient(geometry: Convolution, dtype: np.dtype, threads: int) -> Plan:
    """Plan for arrays (dy, x, None, dw)."""
    g, size = geometry.spatial, 4
    n, cin, cout = g.batch, g.in_channels, g.out_channels
    (h, iw), (oh, ow), (top, left) = g.input[1:], g.output[1:], g.before[1:]
    rows, columns = ceiling(oh, OUTPUTS), ceiling(ow, OUTPUTS)
    wp, wq = columns * OUTPUTS + 2, columns * OUTPUTS
    cblocks, oblocks = ceiling(cin, LANES), ceiling(cout, LANES)
    u_product = LANES * cblocks * LANES + LANES
    sums = oblocks * PRODUCTS * u_product
    by_blocks = (
        n * rows * columns * PRODUCTS * LANES * (cblocks + oblocks) < threads * sums
    )  # whichever needs less workspace
    if by_blocks:
        tile_rows, tile_blocks = n * rows, 1
    else:
        fit = max(28, min(CHUNK, 1_000_000 // (PRODUCTS * size * LANES * (cblocks + oblocks))))
        tile_rows, tile_blocks = even_blocks(n * rows, max(1, round(fit / columns)), threads)
    tiles = tile_rows * columns
    v_product, d_product = cblocks * tiles * LANES + LANES, oblocks * tiles * LANES + LANES
    high = rows if by_blocks else min(tile_rows, rows)
    x_plane, y_plane = (high * OUTPUTS + 2) * wp * LANES, high * OUTPUTS * wq * LANES
    strip = line(max(x_plane, y_plane) if by_blocks else max(x_plane * cblocks, y_plane * oblocks), size)
    v_start = 0 if by_blocks else strip
    d_start = v_start + line(PRODUCTS * v_product, size)
    sum_parts = min(threads, tile_blocks)
    table = Table(SIZES)
    header = (
        n, cin, cout, h, iw, oh, ow, top, columns, wp, wq, cblocks, oblocks,
        table.add(pixel_table(h, iw, top, left, wp)), table.add(pixel_table(oh, ow, 0, 0, wq)), x_plane, y_plane,
        rows, tile_rows, tile_blocks, v_product, d_product, u_product, v_start, d_start, table.add([0, 0]), sum_parts,
        0, 0, 0,
    )  # fmt: skip
    transformed, finishing = d_start + PRODUCTS * d_product + 64, PRODUCTS * u_product + 16 * LANES
    if by_blocks:
        steps = [
            (transform_both, min(n * (cblocks + oblocks), 4 * threads)),
            (sum_by_blocks, min(oblocks, 4 * threads)),
        ]
        shared, private = transformed, max(strip, finishing)
    else:
        steps = [(sum_by_tiles, sum_parts), (add_parts, min(oblocks, threads))]
        shared, private = sum_parts * sums, max(transformed, finishing)
    return Plan(np.dtype(np.float32), table.array(header), steps, shared * size, private * size, threads)
