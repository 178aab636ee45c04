"""Winograd F(4x4, 3x3), forward and input gradient: chosen for 3x3 kernels of stride 1 in float32 with enough channels.

A quarter of the multiplications at an error of about 1e-5 of the largest value (direct: 2e-6). Images are cut into
6x6 tiles that overlap by two, tiles and weights are transformed, 36 matrix products run over channels, and the result
is transformed back.

Two orders of work. *By tiles*: weights are transformed once, then each part takes a block of tile rows small enough
that its transformed tiles stay in L2 while all weights pass. *By blocks*, when there are fewer tiles than weights
deserve: all tiles are transformed first, then each part transforms the weights of its output channels panel by panel,
uses them for every tile and drops them.

Workspace:  strip [channel block][row][column][lane]   padded pixels x channels of some tile rows
            V [36][channel block][tile][lane]          transformed tiles
            U [36][channel][width]                     transformed weights of one block of output channels
            M [36][tile][width]                        products
Each of the 36 is one cache line longer than it must be: streams a power of two apart would share one L1 set.
"""

from __future__ import annotations

import numpy as np

from autograd_nn.kernels.build import inner, kernel
from autograd_nn.kernels.geometry import Convolution
from autograd_nn.kernels.layout import finish, pack_backward, pack_forward, pixels_to_planes, planes_to_pixels, share
from autograd_nn.kernels.microkernel import ROWS_A, ROWS_B, ROWS_C, best_rows, fma_tile
from autograd_nn.kernels.plan import Plan, Table, ceiling, line
from autograd_nn.kernels.vectors import VECTOR_BYTES, at, clear_run, fields, lanes_of
from autograd_nn.kernels.winograd_transforms import (
    OUTPUTS,
    PRODUCTS,
    SIDE,
    TO_COTANGENT,
    TO_INPUT,
    TO_OUTPUT,
    TO_WEIGHT,
    transform,
)

LANES = VECTOR_BYTES // 4  # float32 only: float64 is for gradient checks, which want the error of direct loops
SIZES = 32  # numbers at the head of the plan


def refuses(which: str, geometry: Convolution, dtype: np.dtype) -> str | None:
    """Why Winograd does not serve a pass of this geometry, or None."""
    g = geometry.spatial
    if dtype != np.float32:
        return "float32 only"
    if g.kernel != (1, 3, 3) or g.stride != (1, 1, 1) or g.dilation != (1, 1, 1) or g.groups != 1:
        return "needs a 3x3 kernel, stride 1, no dilation, one group"
    if g.input[0] != 1 or g.before[0] or g.after[0] or max(g.before + g.after) > 2:
        return "needs a flat image with padding of at most 2"
    rows, columns = (g.input if which == "input gradient" else g.output)[1:]
    if ceiling(rows, OUTPUTS) * ceiling(columns, OUTPUTS) * PRODUCTS * 3 > rows * columns * 18:
        return "4x4 tiles would mostly hang over the edge"
    for channels in (g.in_channels, g.out_channels):
        if ceiling(channels, LANES) * LANES * 2 > channels * 3:
            return f"{channels} channels fill vectors of {LANES} too badly"
    return None


@inner
def fill_strip(source, channels, plane, width, height, top, wp, first, rows, strip, strip_plane, pixel_table):
    """Padded rows `first` ... `first + rows` of an image, as pixels x channels, block of channels after block."""
    L = lanes_of(source)
    y0, y1 = max(0, first - top), min(height, first + rows - top)
    for block in range((channels + L - 1) // L):
        clear_run(at(strip, block * strip_plane), rows * wp * L)
    if y1 > y0:
        # Tables are made for the whole image: shift the target back by the rows above the strip.
        planes_to_pixels(
            at(source, y0 * width), channels, plane, (y1 - y0) * width, at(strip, -first * wp * L), strip_plane, L,
            at(pixel_table, y0 * width),
        )  # fmt: skip


@inner
def transform_strip(cotangent, strip, strip_plane, wp, rows, columns, V, v_product, v_block, blocks):
    """Tile rows of a strip -> V[f][channel block][tile][lane]."""
    L = lanes_of(V)
    for block in range(blocks):
        target = at(V, block * v_block)
        for row in range(rows):
            source = at(strip, block * strip_plane + row * OUTPUTS * wp * L)
            for column in range(columns):
                tile, place = at(source, column * OUTPUTS * L), at(target, (row * columns + column) * L)
                if cotangent:
                    transform(TO_COTANGENT, tile, wp * L, L, place, SIDE * v_product, v_product)
                else:
                    transform(TO_INPUT, tile, wp * L, L, place, SIDE * v_product, v_product)


@inner
def transform_weights(packed, U, u_product, count, width):
    """packed[(channel, tap)][width] -> U[f][channel][width]"""
    for i in range(count):
        for v in range(0, width, lanes_of(U)):
            transform(
                TO_WEIGHT,
                at(packed, i * 9 * width + v),
                3 * width,
                width,
                at(U, i * width + v),
                SIDE * u_product,
                u_product,
            )


@inner
def pack_block(plan, w, packed, cin, cout, width, block, backward, t_flip, channels):
    """9 x width weights of each input channel; channels that fill up the last vector are zero."""
    if backward:
        pack_backward(w, packed, at(plan, t_flip), cin, cout, 9, width, block)
    else:
        pack_forward(w, packed, cout, cin * 9, width, block)
    clear_run(at(packed, cin * 9 * width), (channels - cin) * 9 * width)


@inner
def product(rows, blocks, V, v_table, U, u_table, width, M, accumulate):
    """rows tiles x width channels; k runs over channel blocks (table) and the lanes of a block (step 1)."""
    if width == LANES:
        if rows == 8:
            fma_tile(
                1, 8, LANES, 1, blocks, LANES, V, v_table, 0, 1, U, u_table, width, LANES, M, 0, width, LANES,
                accumulate,
            )  # fmt: skip
        else:
            fma_tile(
                1, 1, LANES, 1, blocks, LANES, V, v_table, 0, 1, U, u_table, width, LANES, M, 0, width, LANES,
                accumulate,
            )  # fmt: skip
    elif rows == ROWS_A:
        fma_tile(
            1, ROWS_A, LANES, 2, blocks, LANES, V, v_table, 0, 1, U, u_table, width, LANES, M, 0, width, LANES,
            accumulate,
        )  # fmt: skip
    elif rows == ROWS_B:
        fma_tile(
            1, ROWS_B, LANES, 2, blocks, LANES, V, v_table, 0, 1, U, u_table, width, LANES, M, 0, width, LANES,
            accumulate,
        )  # fmt: skip
    elif rows == ROWS_C:
        fma_tile(
            1, ROWS_C, LANES, 2, blocks, LANES, V, v_table, 0, 1, U, u_table, width, LANES, M, 0, width, LANES,
            accumulate,
        )  # fmt: skip
    else:
        fma_tile(
            1, 1, LANES, 2, blocks, LANES, V, v_table, 0, 1, U, u_table, width, LANES, M, 0, width, LANES, accumulate
        )


@inner
def products(T, rows, blocks, V, v_product, v_table, U, u_product, u_table, width, M, m_product, accumulate):
    """M[f] (+)= V[f] U[f] for all 36 f and T tiles."""
    for f in range(PRODUCTS):
        v, u, m = at(V, f * v_product), at(U, f * u_product), at(M, f * m_product)
        t = 0
        while t + rows <= T:
            product(rows, blocks, at(v, t * LANES), v_table, u, u_table, width, at(m, t * width), accumulate)
            t += rows
        if t < T and rows <= T and accumulate == 0:  # overlap is harmless when nothing is accumulated
            t = T - rows
            product(rows, blocks, at(v, t * LANES), v_table, u, u_table, width, at(m, t * width), 0)
            t = T
        while t < T:
            few = 1
            if width > LANES and T - t >= ROWS_C:
                few = ROWS_B if T - t >= ROWS_B else ROWS_C
            product(few, blocks, at(v, t * LANES), v_table, u, u_table, width, at(m, t * width), accumulate)
            t += few


@inner
def finish_tiles(M, m_product, tile, rows, columns, width, height, ow, buffer, epilogue, o0, channels, out, plane):
    """Tile rows of one image: products -> pixels in the buffer -> bias, activation -> planes of the result."""
    L = lanes_of(M)
    for row in range(rows):
        # Right to left: the junk right of the image is overwritten by the next row's first tile.
        for column in range(columns - 1, -1, -1):
            for v in range(0, width, L):
                transform(
                    TO_OUTPUT,
                    at(M, (tile + row * columns + column) * width + v),
                    SIDE * m_product,
                    m_product,
                    at(buffer, (row * OUTPUTS * ow + column * OUTPUTS) * width + v),
                    ow * width,
                    width,
                )
    pixels = min(height, rows * OUTPUTS) * ow
    finish(buffer, pixels, width, epilogue, o0)
    pixels_to_planes(buffer, width, pixels, channels, out, plane)


@kernel()
def transform_all_weights(plan, x, w, epilogue, out, shared, private, part, parts):
    """By tiles, first step: shared <- U of every block of output channels."""
    (
        _images,
        cin,
        cout,
        _h,
        _iw,
        _oh,
        _ow,
        _top,
        _rows,
        _columns,
        _wp,
        width,
        blocks,
        cblocks,
        backward,
        t_flip,
        u_product,
        _u_start,
    ) = fields(plan, 18)
    first, last = share(blocks, part, parts)
    channels = cblocks * LANES
    for block in range(first, last):
        pack_block(plan, w, private, cin, cout, width, block, backward, t_flip, channels)
        transform_weights(private, at(shared, block * PRODUCTS * u_product), u_product, channels, width)


@kernel()
def by_tiles(plan, x, w, epilogue, out, shared, private, part, parts):
    """By tiles, second step: each part some blocks of tile rows, all output channels."""
    (
        images, cin, cout, h, iw, oh, ow, top, rows, columns, wp, width, blocks, cblocks, _backward, _t_flip, u_product,
        _u_start, v_product, m_product, tile_rows, tile_blocks, strip_plane, product_rows, t_pixels, t_v, t_u, v_start,
        m_start, buffer_start,
    ) = fields(plan, 30)  # fmt: skip
    V, M, buffer = at(private, v_start), at(private, m_start), at(private, buffer_start)
    first, last = share(tile_blocks, part, parts)
    for tile_block in range(first, last):
        r0, r1 = tile_block * tile_rows, min(images * rows, (tile_block + 1) * tile_rows)
        r = r0
        while r < r1:  # one image at a time
            image, row = r // rows, r % rows
            count = min(rows - row, r1 - r)
            fill_strip(
                at(x, image * cin * h * iw), cin, h * iw, iw, h, top, wp, row * OUTPUTS, count * OUTPUTS + 2, private,
                strip_plane, at(plan, t_pixels),
            )  # fmt: skip
            transform_strip(
                False, private, strip_plane, wp, count, columns, at(V, (r - r0) * columns * LANES), v_product,
                tile_rows * columns * LANES, cblocks,
            )  # fmt: skip
            r += count
        for block in range(blocks):
            products(
                (r1 - r0) * columns, product_rows, cblocks, V, v_product, at(plan, t_v),
                at(shared, block * PRODUCTS * u_product), u_product, at(plan, t_u), width, M, m_product, 0,
            )  # fmt: skip
            o0, r = block * width, r0
            while r < r1:
                image, row = r // rows, r % rows
                count = min(rows - row, r1 - r)
                finish_tiles(
                    M, m_product, (r - r0) * columns, count, columns, width, oh - row * OUTPUTS, ow, buffer, epilogue,
                    o0, min(width, cout - o0), at(out, ((image * cout + o0) * oh + row * OUTPUTS) * ow), oh * ow,
                )  # fmt: skip
                r += count


@kernel()
def transform_all_tiles(plan, x, w, epilogue, out, shared, private, part, parts):
    """By blocks, first step: shared <- V of every image, a part some blocks of channels."""
    (
        images, cin, _cout, h, iw, _oh, _ow, top, rows, columns, wp, _width, _blocks, cblocks, _backward, _t_flip,
        _u_product, _u_start, v_product, _m_product, _tile_rows, _tile_blocks, strip_plane, _product_rows, t_pixels,
    ) = fields(plan, 25)  # fmt: skip
    first, last = share(cblocks * images, part, parts)
    for unit in range(first, last):
        block, image = unit // images, unit % images
        fill_strip(
            at(x, (image * cin + block * LANES) * h * iw), min(LANES, cin - block * LANES), h * iw, iw, h, top, wp, 0,
            rows * OUTPUTS + 2, private, strip_plane, at(plan, t_pixels),
        )  # fmt: skip
        target = at(shared, (block * images + image) * rows * columns * LANES)
        transform_strip(False, private, strip_plane, wp, rows, columns, target, v_product, 0, 1)


@kernel()
def by_blocks(plan, x, w, epilogue, out, shared, private, part, parts):
    """By blocks, second step: each part some blocks of output channels, all tiles."""
    (
        images, cin, cout, _h, _iw, oh, ow, _top, rows, columns, _wp, width, blocks, cblocks, backward, t_flip,
        u_product, u_start, v_product, m_product, _tile_rows, panel, _strip_plane, product_rows, _t_pixels, t_v, t_u,
        _v_start, m_start, buffer_start,
    ) = fields(plan, 30)  # fmt: skip
    U, M, buffer = at(private, u_start), at(private, m_start), at(private, buffer_start)
    channels, tiles = cblocks * LANES, rows * columns
    first, last = share(blocks, part, parts)
    for block in range(first, last):
        pack_block(plan, w, private, cin, cout, width, block, backward, t_flip, channels)
        for c0 in range(0, channels, panel):
            count = min(panel, channels - c0)
            transform_weights(at(private, c0 * 9 * width), U, u_product, count, width)
            products(
                images * tiles, product_rows, count // LANES, at(shared, c0 * images * tiles), v_product,
                at(plan, t_v), U, u_product, at(plan, t_u), width, M, m_product, c0,
            )  # fmt: skip
        o0 = block * width
        for image in range(images):
            finish_tiles(
                M, m_product, image * tiles, rows, columns, width, oh, ow, buffer, epilogue, o0,
                min(width, cout - o0), at(out, (image * cout + o0) * oh * ow), oh * ow,
            )  # fmt: skip


def forward(geometry: Convolution, dtype: np.dtype, threads: int) -> Plan:
    """Plan for arrays (x, w, epilogue, y)."""
    g = geometry.spatial
    return _plan(g.batch, g.in_channels, g.out_channels, g.input, g.output, g.before, threads, backward=False)


def input_gradient(geometry: Convolution, dtype: np.dtype, threads: int) -> Plan:
    """Plan for arrays (dy, w, None, dx): the forward pass of dy with flipped, transposed weights."""
    g = geometry.spatial
    before = (0, 2 - g.before[1], 2 - g.before[2])
    return _plan(g.batch, g.out_channels, g.in_channels, g.output, g.input, before, threads, backward=True)


def pixel_table(height: int, width: int, top: int, left: int, padded_width: int) -> np.ndarray:
    """Where each pixel of a plane goes in a strip that starts at padded row 0; with room for the last transpose."""
    y, x = np.divmod(np.arange(height * width), width)
    return np.append(((y + top) * padded_width + x + left) * LANES, np.zeros(2 * LANES, np.int64))


def even_blocks(total: int, each: int, threads: int) -> tuple[int, int]:
    """(size, count) of blocks of about `each` of `total`, as many for each thread as possible."""
    count = ceiling(total, each)
    if count < 4 * threads:
        count = min(total, ceiling(count, threads) * threads)
    size = ceiling(total, count)
    return size, ceiling(total, size)


def _plan(n, cin, cout, source, result, before, threads, backward) -> Plan:
    (h, iw), (oh, ow), (top, left), size = source[1:], result[1:], before[1:], 4
    rows, columns = ceiling(oh, OUTPUTS), ceiling(ow, OUTPUTS)
    wp, cblocks = columns * OUTPUTS + 2, ceiling(cin, LANES)
    width = 2 * LANES if cout > LANES else LANES
    blocks, channels, tiles = ceiling(cout, width), cblocks * LANES, n * rows * columns
    few_tiles = tiles < 2 * cout or PRODUCTS * channels * cout * size > 24 << 20
    if few_tiles:
        tile_rows, panel = n * rows, min(channels, 128)
        strip_plane = (rows * OUTPUTS + 2) * wp * LANES
        strip_size, u_product = strip_plane, panel * width + LANES
    else:
        fit = max(28, min(112, 500_000 // (PRODUCTS * size * channels)))  # tiles whose V stays in L2
        tile_rows, panel = even_blocks(n * rows, max(1, round(fit / columns)), threads)
        strip_plane = (min(tile_rows, rows) * OUTPUTS + 2) * wp * LANES
        strip_size, u_product = cblocks * strip_plane, channels * width + LANES
    TB = tile_rows * columns
    v_product, m_product = cblocks * TB * LANES + LANES, TB * width + LANES
    table = Table(SIZES)
    flip = np.full(9 + 2 * LANES, 9 * width, np.int64)
    flip[:9] = np.arange(8, -1, -1) * width
    t_flip, t_pixels = table.add(flip), table.add(pixel_table(h, iw, top, left, wp))
    t_v, t_u = table.add(np.arange(cblocks + 1) * TB * LANES), table.add(np.arange(cblocks + 1) * LANES * width)
    # Private workspace: packed weights or strip; U or V; M; buffer.
    packed = (channels + 1) * 9 * width + 16 * width
    start = line(max(strip_size, packed), size)
    second = line(PRODUCTS * (u_product if few_tiles else v_product) + LANES * 16, size)
    m_start = start + second
    buffer_start = m_start + line(PRODUCTS * m_product + 16 * width, size)
    buffer = (min(tile_rows, rows) * OUTPUTS + 1) * (ow + OUTPUTS) * width + 4 * ow * width
    product_rows = 8 if width == LANES else best_rows(TB)
    header = (
        n, cin, cout, h, iw, oh, ow, top, rows, columns, wp, width, blocks, cblocks, backward, t_flip, u_product,
        start, v_product, m_product, tile_rows, panel, strip_plane, product_rows, t_pixels, t_v, t_u, start, m_start,
        buffer_start, 0, 0,
    )  # fmt: skip
    if few_tiles:
        shared = PRODUCTS * v_product
        steps = [(transform_all_tiles, min(cblocks * n, 4 * threads)), (by_blocks, min(blocks, 4 * threads))]
    else:
        shared = blocks * PRODUCTS * u_product
        steps = [(transform_all_weights, min(blocks, threads)), (by_tiles, min(panel, 4 * threads))]
    return Plan(
        np.dtype(np.float32), table.array(header), steps, shared * size, (buffer_start + buffer) * size, threads
    )
