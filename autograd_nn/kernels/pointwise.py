"""Pixels in vectors, channels out in rows: chosen for 1x1 convolution on large planes, and first layers of few inputs.

The result is stored straight into NCHW: no transpose, no buffer. A panel gathers the inputs of two vectors of
neighbouring pixels, one row for each channel and tap; all channels of the result are then made from it while it is in
L1. (Read in place, planes whose size is a power of two would put all channels in the same L1 set.) A 1x1 convolution
reads its panels from x itself, others from a padded copy of the image. float32 and float64.

With stride 2 or many taps, gathering panels costs more than the transposes it saves: such first layers are direct.
"""

from __future__ import annotations

import numpy as np

from autograd_nn.kernels import dense as correlation
from autograd_nn.kernels.build import inner, kernel
from autograd_nn.kernels.dense import Dense
from autograd_nn.kernels.direct import L2_SHARE, PHASE, pack_all
from autograd_nn.kernels.geometry import Convolution
from autograd_nn.kernels.layout import finish_row, pad_plane, share
from autograd_nn.kernels.microkernel import fma_tile
from autograd_nn.kernels.plan import Plan, Table, ceiling, line
from autograd_nn.kernels.vectors import VECTOR_BYTES, WIDE, at, copy_run, copy_vector, fields, lanes_of

SIZES = 32
ROWS = 8 if WIDE else 4  # channels of a tile
MOST_INPUTS = 64  # channels x taps of a first layer


def refuses(which: str, geometry: Convolution, dtype: np.dtype) -> str | None:
    """Why this path does not serve a pass of this geometry, or None."""
    g, pixels = geometry.spatial, 2 * VECTOR_BYTES // dtype.itemsize
    if g.groups != 1:
        return "needs one group"
    if is_plain(g):
        plane = g.input[0] * g.input[1] * g.input[2]
        if plane < pixels or ceiling(plane, pixels) * pixels * 10 > plane * 11:
            return f"planes of {plane} pixels fill panels of {pixels} too badly"
        return None
    if which != "forward" or g.in_channels * g.taps > MOST_INPUTS:
        return (
            f"needs a 1x1 kernel, stride 1, no padding; or, forward only, at most {MOST_INPUTS} inputs to each output"
        )
    if g.output[2] < pixels or ceiling(g.output[2], pixels) * pixels * 10 > g.output[2] * 11:
        return f"rows of {g.output[2]} pixels fill panels of {pixels} too badly"
    return None


def is_plain(g: Convolution) -> bool:
    """1x1, stride 1, no padding: the result's pixels are the input's."""
    return max(g.kernel) == 1 and max(g.stride) == 1 and g.input == g.output and not any(g.before)


@inner
def panel_products(inputs, cout, packed, width, block_size, panel, zero, tile, epilogue, out, plane):
    """All channels of two vectors of pixels: out[channel * plane + pixel]."""
    L = lanes_of(panel)
    for o in range(0, cout, ROWS):
        A = at(packed, o // width * block_size + o % width)
        if o + ROWS <= cout:
            target, stride = at(out, o * plane), plane
        else:
            target, stride = tile, 2 * L
        fma_tile(1, ROWS, 1, 2, 1, inputs, A, zero, 0, width, panel, zero, 2 * L, L, target, 0, stride, L, 0)
        for i in range(min(ROWS, cout - o)):
            finish_row(at(target, i * stride), 2 * L, epilogue, o + i)
            if o + ROWS > cout:
                copy_run(at(tile, i * stride), at(out, (o + i) * plane), 2 * L)


@kernel()
def convolve_pixels(plan, x, w, epilogue, out, shared, private, part, parts):
    """out <- correlation of x with the packed weights in shared workspace."""
    (
        images, _groups, cin, cout, taps, width, _blocks, block_size, _phases, _t_phases, _backward, plain,
        image_parts, strips, t_strips, source_plane, source_width, out_rows, out_columns, strip_rows, stored, t_stored,
        step, quota, left, t_rows, t_start, t_inputs, t_zero, panel_start, strip_parts,
    ) = fields(plan, 31)  # fmt: skip
    L, row_length, plane, inputs = lanes_of(x), stored * quota, out_rows * out_columns, cin * taps
    strip0, strip1 = share(strips, part % strip_parts, strip_parts)
    image0, image1 = share(images, part // strip_parts, image_parts)
    panel = at(private, panel_start)
    tile = at(panel, inputs * 2 * L)
    for im in range(image0, image1):
        for strip in range(strip0, strip1):
            row0, row1, pad0, pad1, first, last = fields(at(plan, t_strips + strip * 6), 6)
            source = at(x, im * cin * source_plane)
            if not plain:
                for c in range(cin):
                    pad_plane(
                        at(source, c * source_plane), at(private, c * strip_rows * row_length), pad1 - pad0,
                        at(plan, t_rows + pad0), source_width, stored, at(plan, t_stored), quota, row_length, step,
                        quota, left,
                    )  # fmt: skip
                source = at(private, -pad0 * row_length)
            for r in range(row0, row1):
                for p in range(first, last, 2 * L):
                    q = min(p, out_columns - 2 * L)
                    for k in range(inputs):
                        pixels, row = at(source, plan[t_start + r] + plan[t_inputs + k] + q), at(panel, k * 2 * L)
                        copy_vector(pixels, row, L)
                        copy_vector(at(pixels, L), at(row, L), L)
                    panel_products(
                        inputs, cout, shared, width, block_size, panel, at(plan, t_zero), tile, epilogue,
                        at(out, im * cout * plane + r * out_columns + q), plane,
                    )  # fmt: skip


def forward(geometry: Convolution, dtype: np.dtype, threads: int) -> Plan:
    """Plan for arrays (x, w, epilogue, y)."""
    return _plan(correlation.forward(geometry), geometry, dtype, threads, backward=False)


def input_gradient(geometry: Convolution, dtype: np.dtype, threads: int) -> Plan:
    """Plan for arrays (dy, w, None, dx): w as it lies is the transposed weight."""
    return _plan(correlation.input_gradient(geometry), geometry, dtype, threads, backward=True)


def _plan(d: Dense, geometry: Convolution, dtype: np.dtype, threads: int, backward: bool) -> Plan:
    lanes, size, plain, taps = VECTOR_BYTES // dtype.itemsize, dtype.itemsize, is_plain(geometry.spatial), geometry.taps
    cin, cout = d.channels_in, d.channels_out
    pieces = 1 if threads == 1 else ceiling(4 * threads, d.images)
    if plain:  # one long row, read in place; strips are runs of whole panels
        rows, columns, strip_rows, gap = 1, d.source_plane, 0, d.source_plane
        length = ceiling(ceiling(columns, pieces), 2 * lanes) * 2 * lanes
        first = np.arange(0, columns, length)
        zero = np.zeros_like(first)
        strips = np.stack([zero, zero + 1, zero, zero, first, np.minimum(first + length, columns)], axis=1)
        starts = np.zeros(1, np.int64)
    else:
        rows, columns = d.out_rows, d.out_columns
        strips = d.strips(max(1, L2_SHARE // (size * cin * d.row_length)), pieces)
        strip_rows = int((strips[:, 3] - strips[:, 2]).max())
        strips = np.pad(strips, ((0, 0), (0, 2)))
        strips[:, 5] = columns
        starts, gap = d.row_start, strip_rows * d.row_length
    inputs = ((np.arange(cin) * gap)[:, None] + (0 if plain else d.phases[0].offsets.reshape(-1))).reshape(-1)
    image_parts = 1 if threads == 1 else min(d.images, 4 * threads)
    strip_parts = 1 if threads == 1 else min(len(strips), pieces)
    width = max(lanes, ROWS)  # a tile's channels lie in one block
    blocks, block_size = ceiling(cout, width), line(cin * taps * width + width, size)
    table = Table(SIZES)
    # The packing step reads phases as the direct path writes them: one, that keeps every tap.
    phases = np.zeros(PHASE, np.int64)
    phases[6] = taps
    panel_start = line(cin * gap + 2 * d.row_length + 64, size) if not plain else 0
    header = (
        d.images, 1, cin, cout, taps, width, blocks, block_size, 1, table.add(phases), backward, plain, image_parts,
        len(strips), table.add(strips), d.source_plane, d.source_width, rows, columns, strip_rows, len(d.row_phases),
        table.add(d.row_phases), d.row_step, d.quota, d.left, table.add(d.row_table), table.add(starts),
        table.add(inputs), table.add([0, 0]), panel_start, strip_parts, 0,
    )  # fmt: skip
    private = panel_start + cin * taps * 2 * lanes + ROWS * 2 * lanes + 64
    steps = [(pack_all, min(threads, blocks)), (convolve_pixels, image_parts * strip_parts)]
    return Plan(dtype, table.array(header), steps, blocks * block_size * size, private * size, threads)
