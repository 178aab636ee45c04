"""A 1x1 convolution as matrix products of NumPy's BLAS: chosen for many channels, where NumPy brings OpenBLAS.

A 1x1 convolution of stride 1 without padding *is* a product, and its arrays lie as BLAS reads them:

    y[n] = w x[n]        dx[n] = w' dy[n]        dw = sum over images of dy[n] x[n]'

with x[n] (in, pixels), w (out, in). Each part makes products of its own; float32 and float64.

On large planes the parts are images and runs of pixels. The products of small planes (7x7) would be too narrow and
read all weights again for every image: there the images are put side by side first, and parts take rows of the result.

Decision: why BLAS here and our microkernel elsewhere. Both run at the rate of the machine's multipliers; but BLAS packs
panels to suit the cache's associativity, which wins a tenth to a fifth once the inner dimension is long, and a
convolution with larger kernels has no such rows in memory. `direct` and `pointwise` serve where NumPy uses another BLAS.
"""

from __future__ import annotations

import numpy as np

from autograd_nn.kernels.blas import blas
from autograd_nn.kernels.build import inner, kernel
from autograd_nn.kernels.geometry import Convolution
from autograd_nn.kernels.layout import finish_row, share
from autograd_nn.kernels.plan import Plan, ceiling, line
from autograd_nn.kernels.pointwise import is_plain
from autograd_nn.kernels.products import AS_IS, TRANSPOSED, gemm
from autograd_nn.kernels.vectors import at, copy_run, fields

LEAST = 64  # channels, in and out
WORK = 1 << 26  # multiply-adds of a pass
SMALL = 128  # pixels of a plane below which images are put side by side
COLUMNS, ROWS = 512, 256  # of a product of images side by side
RUN = 1024  # pixels of a part, at least


def refuses(which: str, geometry: Convolution, dtype: np.dtype) -> str | None:
    """Why this path does not serve a pass of this geometry, or None."""
    g = geometry.spatial
    if blas() is None:
        return "NumPy's BLAS is not the OpenBLAS of its wheels"
    if g.groups != 1 or not is_plain(g):
        return "needs a 1x1 kernel, stride 1, no padding and one group"
    if min(g.in_channels, g.out_channels) < LEAST:
        return f"{min(g.in_channels, g.out_channels)} channels are too few for BLAS to gain, under {LEAST}"
    if g.multiplications < WORK:
        return f"{g.multiplications / 1e6:.1f} million multiply-adds are too few for BLAS to gain"
    return None


@inner
def put_side_by_side(source, images, channels, pixels, target, part, parts):
    """target[channel][image][pixel] <- source[image][channel][pixel]"""
    first, last = share(channels, part, parts)
    for c in range(first, last):
        for im in range(images):
            copy_run(at(source, (im * channels + c) * pixels), at(target, (c * images + im) * pixels), pixels)


@kernel()
def gather_planes(plan, a, b, unused, out, shared, private, part, parts):
    """Shared workspace <- the images of a, and of b if it has any, side by side."""
    (images, pixels, a_channels, b_channels) = fields(plan, 4)
    put_side_by_side(a, images, a_channels, pixels, shared, part, parts)
    put_side_by_side(b, images, b_channels, pixels, at(shared, images * pixels * a_channels), part, parts)


@kernel()
def multiply_planes(plan, x, w, epilogue, out, shared, private, part, parts):
    """out[image] <- w x[image], for runs of pixels of images."""
    (images, pixels, inputs, _, address, rows, left, lead, pieces) = fields(plan, 9)
    first, last = share(images * pieces, part, parts)
    for unit in range(first, last):
        image = unit // pieces
        start, end = share((pixels + 15) // 16, unit % pieces, pieces)
        start, end = start * 16, min(pixels, end * 16)
        target = at(out, image * rows * pixels + start)
        gemm(
            address, left, AS_IS, rows, end - start, inputs, w, lead, at(x, image * inputs * pixels + start), pixels,
            target, pixels, 0,
        )  # fmt: skip
        for r in range(rows):
            finish_row(at(target, r * pixels), end - start, epilogue, r)


@kernel()
def multiply_together(plan, x, w, epilogue, out, shared, private, part, parts):
    """out <- w times a few images side by side, for blocks of rows, and the images taken apart."""
    (images, pixels, inputs, _, address, rows, left, lead, block, blocks, together) = fields(plan, 11)
    first, last = share((images + together - 1) // together * blocks, part, parts)
    for unit in range(first, last):
        g0, r0 = unit // blocks * together, unit % blocks * block
        g1, r1 = min(images, g0 + together), min(rows, r0 + block)
        columns = (g1 - g0) * pixels
        gemm(
            address, left, AS_IS, r1 - r0, columns, inputs, at(w, r0 * lead if left == AS_IS else r0), lead,
            at(shared, g0 * pixels), images * pixels, private, columns, 0,
        )  # fmt: skip
        for r in range(r0, r1):
            made = at(private, (r - r0) * columns)
            finish_row(made, columns, epilogue, r)
            for im in range(g0, g1):
                copy_run(at(made, (im - g0) * pixels), at(out, (im * rows + r) * pixels), pixels)


@kernel()
def sum_planes(plan, a, b, unused, dw, shared, private, part, parts):
    """Shared workspace, one place for each part <- sums over its images and runs of pixels of a[image] b[image]'."""
    (images, pixels, address, swapped, rows, columns, pieces) = fields(plan, 7)
    if swapped:
        a, b = b, a
    sums = at(shared, part * rows * columns)
    first, last = share(images * pieces, part, parts)
    for unit in range(first, last):
        image = unit // pieces
        start, end = share(pixels, unit % pieces, pieces)
        gemm(
            address, AS_IS, TRANSPOSED, rows, columns, end - start, at(a, image * rows * pixels + start), pixels,
            at(b, image * columns * pixels + start), pixels, sums, columns, unit - first,
        )  # fmt: skip


@kernel()
def add_sums(plan, a, b, unused, dw, shared, private, part, parts):
    """dw <- the sums of all parts, added in order, and turned if they are its transpose."""
    (_, _, _, swapped, rows, columns, _, sums) = fields(plan, 8)
    size = rows * columns
    first, last = share(rows, part, parts)
    for p in range(1, sums):
        more = at(shared, p * size)
        for i in range(first * columns, last * columns):
            shared[i] += more[i]
    if not swapped:
        copy_run(at(shared, first * columns), at(dw, first * columns), (last - first) * columns)
        return
    for c in range(columns):
        for r in range(first, last):
            dw[c * rows + r] = shared[r * columns + c]


@kernel()
def sum_together(plan, dy, x, unused, dw, shared, private, part, parts):
    """dw <- one product over all images side by side, cut along its longer axis."""
    (images, pixels, rows, inputs, address) = fields(plan, 5)
    columns = images * pixels
    others = at(shared, columns * rows)
    if rows >= inputs:
        first, last = share(rows, part, parts)
        gemm(
            address, AS_IS, TRANSPOSED, last - first, inputs, columns, at(shared, first * columns), columns, others,
            columns, at(dw, first * inputs), inputs, 0,
        )  # fmt: skip
    else:
        first, last = share(inputs, part, parts)
        gemm(
            address, AS_IS, TRANSPOSED, rows, last - first, columns, shared, columns, at(others, first * columns),
            columns, at(dw, first), inputs, 0,
        )  # fmt: skip


def forward(geometry: Convolution, dtype: np.dtype, threads: int) -> Plan:
    """Plan for arrays (x, w, epilogue, y)."""
    g = geometry
    return _plan(g, g.in_channels, g.out_channels, AS_IS, dtype, threads)


def input_gradient(geometry: Convolution, dtype: np.dtype, threads: int) -> Plan:
    """Plan for arrays (dy, w, None, dx)."""
    g = geometry
    return _plan(g, g.out_channels, g.in_channels, TRANSPOSED, dtype, threads)


def _product(dtype: np.dtype) -> int:
    library = blas()
    assert library is not None, "refused where there is none"
    return library.gemm[dtype.itemsize]


def _plan(g: Convolution, inputs: int, rows: int, left: int, dtype: np.dtype, threads: int) -> Plan:
    pixels, size = g.spatial.input[0] * g.spatial.input[1] * g.spatial.input[2], dtype.itemsize
    header = [g.batch, pixels, inputs, 0, _product(dtype), rows, left, g.in_channels]
    if pixels < SMALL and g.batch > 1:
        together = min(g.batch, max(1, COLUMNS // pixels))
        groups = ceiling(g.batch, together)
        blocks = ceiling(rows, ROWS)
        blocks = ceiling(blocks * groups, threads) * threads // groups  # as many for each thread
        block = ceiling(rows, max(1, min(blocks, rows)))
        blocks = ceiling(rows, block)
        steps = [(gather_planes, min(4 * threads, inputs)), (multiply_together, min(4 * threads, groups * blocks))]
        shared, private = line(g.batch * pixels * inputs, size), line(together * pixels * block, size)
        table = np.array([*header, block, blocks, together], np.int64)
        return Plan(dtype, table, steps, shared * size, private * size, threads, blas=True)
    pieces = max(1, min(ceiling(4 * threads, g.batch), pixels // RUN)) if threads > 1 else 1
    parts = min(g.batch * pieces, 4 * threads)
    return Plan(dtype, np.array([*header, pieces], np.int64), [(multiply_planes, parts)], 0, 0, threads, blas=True)


def weight_gradient(geometry: Convolution, dtype: np.dtype, threads: int) -> Plan:
    """Plan for arrays (dy, x, None, dw)."""
    g, size = geometry, dtype.itemsize
    pixels = g.spatial.input[0] * g.spatial.input[1] * g.spatial.input[2]
    inputs, rows = g.in_channels, g.out_channels
    if pixels < SMALL and g.batch > 1:
        header = [g.batch, pixels, rows, inputs, _product(dtype)]
        steps = [(gather_planes, min(4 * threads, rows, inputs)), (sum_together, min(threads, max(rows, inputs)))]
        shared = line(g.batch * pixels * (rows + inputs), size)
        return Plan(dtype, np.array(header, np.int64), steps, shared * size, 0, threads, blas=True)
    pieces = 1 if g.batch % threads == 0 or g.batch > 4 * threads else min(threads, pixels)
    parts = min(threads, g.batch * pieces)
    swapped = rows < inputs  # BLAS is at its best where the result is tall
    tall, wide = (inputs, rows) if swapped else (rows, inputs)
    header = [g.batch, pixels, _product(dtype), swapped, tall, wide, pieces, parts]
    steps = [(sum_planes, parts), (add_sums, min(threads, tall))]
    return Plan(dtype, np.array(header, np.int64), steps, parts * rows * inputs * size, 0, threads, blas=True)
