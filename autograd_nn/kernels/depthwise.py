"""Depthwise 3x3 convolution of stride 1 or 2: chosen for one channel per group, where masked loads are one
instruction (AVX).

Nothing is padded or copied: a strip one vector wide walks down a plane, each row is loaded as seen by each tap column
with masks standing for the padding, and rows of the result that are not complete yet are carried in registers.
(Copying 7-wide rows into a padded buffer and loading whole vectors from it fails store forwarding on every load.)
Other kernels go the thin way.
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import types

from autograd_nn.kernels.build import inner, intrinsic, kernel
from autograd_nn.kernels.geometry import Convolution
from autograd_nn.kernels.layout import share
from autograd_nn.kernels.plan import Plan, Table, ceiling
from autograd_nn.kernels.thin import split_units
from autograd_nn.kernels.vectors import (
    I32,
    I64,
    VECTOR_BYTES,
    Lanes,
    at,
    fields,
    given,
    i64,
    lanes_of,
    masked,
    outlined,
)


def refuses(which: str, geometry: Convolution, dtype: np.dtype) -> str | None:
    """Why this path does not serve a pass of this geometry, or None."""
    g = geometry.spatial
    if g.groups != g.in_channels or g.groups != g.out_channels:
        return "needs one channel in and out per group"
    if g.kernel != (1, 3, 3) or g.dilation != (1, 1, 1) or g.input[0] != 1 or g.before[0] or g.after[0]:
        return "needs a 3x3 kernel without dilation on a flat image"
    if g.stride not in ((1, 1, 1), (1, 2, 2)):
        return "needs stride 1 or 2"
    if which == "input gradient" and g.stride[2] == 1 and max(g.before + g.after) > 2:
        return "needs padding of at most 2"
    if VECTOR_BYTES == 16:
        return "needs masked vector loads"
    return None


class Window:
    """Loads rows of a plane as seen by the three tap columns of one strip: lane u of column j is x[row, u * stride -
    left + j].
    """

    def __init__(self, v: Lanes, stride: int, plane, height, width, column):
        self.v, self.stride, self.plane, self.height, self.width, self.column = v, stride, plane, height, width, column
        index = ir.VectorType(I32, v.n)
        lanes = ir.Constant(index, list(range(v.n)))
        self.masks, b = [], v.b
        for j in range(3 if stride == 1 else 4):  # stride 2: vectors that start at 0, lanes, 2, lanes + 2
            shift = j if stride == 1 else (0, v.n, 2, v.n + 2)[j]
            place = b.add(lanes, v.broadcast(b.trunc(b.add(column, I64(shift)), I32), index))
            # One unsigned comparison: negative places are large.
            self.masks.append(b.icmp_unsigned("<", place, v.broadcast(b.trunc(width, I32), index)))

    def row(self, y):
        v, b = self.v, self.v.b
        inside = v.broadcast(b.icmp_unsigned("<", y, self.height), ir.VectorType(ir.IntType(1), v.n))
        start = b.gep(self.plane, [b.add(b.mul(y, self.width), self.column)])

        def load(j, shift):
            return masked(v, "load", b.gep(start, [I64(shift)]), I32(v.size), b.and_(self.masks[j], inside), v.const(0))

        if self.stride == 1:
            return [load(j, j) for j in range(3)]
        a, c, d, e = load(0, 0), load(1, v.n), load(2, 2), load(3, v.n + 2)
        evens = list(range(0, 2 * v.n, 2))
        return [v.shuffle(a, c, evens), v.shuffle(a, c, [i + 1 for i in evens]), v.shuffle(d, e, evens)]


def count_mask(v: Lanes, count):
    index = ir.VectorType(I32, v.n)
    return v.b.icmp_signed("<", ir.Constant(index, list(range(v.n))), v.broadcast(v.b.trunc(count, I32), index))


@intrinsic(prefer_literal=True)
def convolve_strip(typingctx, stride, x, height, width, top, left, taps, out, out_height, out_width, column):
    """A strip of `lanes` columns of the result of one plane, from `column` on. taps = 9 weights, bias, low, high."""
    S, dtype = stride.literal_value, x.dtype

    def codegen(context, builder, signature, args):
        def body(b, args):
            v = Lanes(b, dtype)
            x, height, width, top, left, taps, out, out_height, out_width, column = args
            numbers = [v.broadcast(b.load(b.gep(taps, [I64(i)]))) for i in range(12)]
            weight, bias, low, high = numbers[:9], numbers[9], numbers[10], numbers[11]
            window = Window(v, S, x, height, width, b.sub(b.mul(column, I64(S)), left))
            keep, align = count_mask(v, b.sub(out_width, column)), I32(v.size)
            start = b.gep(out, [column])

            def dot(i, columns, total):
                for j in range(3):
                    total = v.fma(weight[i * 3 + j], columns[j], total)
                return total

            def store(value, row):
                value = b.select(b.fcmp_ordered("<", value, low), low, value)
                value = b.select(b.fcmp_ordered(">", value, high), high, value)
                masked(v, "store", value, b.gep(start, [b.mul(row, out_width)]), align, keep)

            first = b.sub(I64(0), top)
            if S == 1:
                r0, r1 = window.row(first), window.row(b.add(first, I64(1)))
                carried = [dot(1, r1, dot(0, r0, bias)), dot(0, r1, bias)]
            else:
                carried = [dot(0, window.row(first), bias)]
            entry, loop, done = b.block, b.append_basic_block("row"), b.append_basic_block("done")
            b.branch(loop)
            b.position_at_end(loop)
            r, state = b.phi(I64), [b.phi(v.vector) for _ in carried]
            r.add_incoming(I64(0), entry)
            for value, begin in zip(state, carried, strict=True):
                value.add_incoming(begin, entry)
            y = b.add(b.mul(r, I64(S)), first)
            if S == 1:
                columns = window.row(b.add(y, I64(2)))
                store(dot(2, columns, state[0]), r)
                following = [dot(1, columns, state[1]), dot(0, columns, bias)]
            else:
                total = dot(1, window.row(b.add(y, I64(1))), state[0])
                columns = window.row(b.add(y, I64(2)))
                store(dot(2, columns, total), r)
                following = [dot(0, columns, bias)]
            r1 = b.add(r, I64(1))
            r.add_incoming(r1, loop)
            for value, after in zip(state, following, strict=True):
                value.add_incoming(after, loop)
            b.cbranch(b.icmp_signed("<", r1, out_height), loop, done)
            b.position_at_end(done)

        outlined(builder, f"depthwise_{S}_{dtype}", args[1:], body)
        return context.get_dummy_value()

    return types.void(stride, x, i64, i64, i64, i64, taps, out, i64, i64, i64), codegen


@intrinsic(prefer_literal=True)
def correlate_strip(typingctx, stride, x, height, width, top, left, dy, out_height, out_width, column, sums):
    """sums[tap][lane] += dy * shifted x over one strip of one plane."""
    S, dtype = stride.literal_value, x.dtype

    def codegen(context, builder, signature, args):
        def body(b, args):
            v = Lanes(b, dtype)
            x, height, width, top, left, dy, out_height, out_width, column, sums = args
            window = Window(v, S, x, height, width, b.sub(b.mul(column, I64(S)), left))
            keep, align = count_mask(v, b.sub(out_width, column)), I32(v.size)
            begin = [v.load(b.gep(sums, [I64(i * v.n)])) for i in range(9)]
            first = b.sub(I64(0), top)
            rows = [window.row(b.add(first, I64(i))) for i in range(2 if S == 1 else 1)]
            carried = [value for row in rows for value in row] + begin
            entry, loop, done = b.block, b.append_basic_block("row"), b.append_basic_block("done")
            b.branch(loop)
            b.position_at_end(loop)
            r, state = b.phi(I64), [b.phi(v.vector) for _ in carried]
            r.add_incoming(I64(0), entry)
            for value, start in zip(state, carried, strict=True):
                value.add_incoming(start, entry)
            y = b.add(b.mul(r, I64(S)), first)
            known = [state[i : i + 3] for i in range(0, len(state) - 9, 3)]
            seen = known + [window.row(b.add(y, I64(i))) for i in range(len(known), 3)]
            g = masked(v, "load", b.gep(dy, [b.add(b.mul(r, out_width), column)]), align, keep, v.const(0))
            totals = [v.fma(g, seen[t // 3][t % 3], state[len(state) - 9 + t]) for t in range(9)]
            following = [value for row in seen[S:] for value in row] + totals
            r1 = b.add(r, I64(1))
            r.add_incoming(r1, loop)
            for value, after in zip(state, following, strict=True):
                value.add_incoming(after, loop)
            b.cbranch(b.icmp_signed("<", r1, out_height), loop, done)
            b.position_at_end(done)
            for i in range(9):
                v.store(totals[i], b.gep(sums, [I64(i * v.n)]))

        outlined(builder, f"depthwise_weight_{S}_{dtype}", args[1:], body)
        return context.get_dummy_value()

    return types.void(stride, x, i64, i64, i64, i64, dy, i64, i64, i64, sums), codegen


@intrinsic
def spread_strip(typingctx, dy, height, width, top, left, taps, dx, dx_height, dx_width, column):
    """The input gradient of stride 2 for `lanes` columns of dy from `column` on: 2 x lanes columns of dx, from 2 *
    column - left on.

    With e = 2r - top, row e of dx gets taps 0 of dy's row r and 2 of row r - 1, row e + 1 gets tap 1 of row r;
    columns alike.
    """
    dtype = dy.dtype

    def codegen(context, builder, signature, args):
        def body(b, args):
            v = Lanes(b, dtype)
            dy, height, width, top, left, taps, dx, dx_height, dx_width, column = args
            weight = [v.broadcast(b.load(b.gep(taps, [I64(i)]))) for i in range(9)]
            window = Window(v, 1, dy, height, width, b.sub(column, I64(1)))  # columns u - 1, u, u + 1
            x0, align = b.sub(b.mul(column, I64(2)), left), I32(v.size)
            index = ir.VectorType(I32, v.n)
            lanes = ir.Constant(index, list(range(v.n)))
            keep = []
            for half in (0, v.n):
                place = b.add(lanes, v.broadcast(b.trunc(b.add(x0, I64(half)), I32), index))
                keep.append(b.icmp_unsigned("<", place, v.broadcast(b.trunc(dx_width, I32), index)))

            def store(even, odd, y):
                inside = v.broadcast(b.icmp_unsigned("<", y, dx_height), ir.VectorType(ir.IntType(1), v.n))
                start = b.gep(dx, [b.add(b.mul(y, dx_width), x0)])
                for half in (0, 1):
                    lanes = [q for i in range(v.n // 2) for q in (i + half * v.n // 2, v.n + i + half * v.n // 2)]
                    value = v.shuffle(even, odd, lanes)
                    masked(v, "store", value, b.gep(start, [I64(half * v.n)]), align, b.and_(keep[half], inside))

            entry, loop, done = b.block, b.append_basic_block("row"), b.append_basic_block("done")
            b.branch(loop)
            b.position_at_end(loop)
            r, old_left, old = b.phi(I64), b.phi(v.vector), b.phi(v.vector)
            for value, begin in ((r, I64(0)), (old_left, v.const(0)), (old, v.const(0))):
                value.add_incoming(begin, entry)
            new_left, new, _ = window.row(r)
            zero, y = v.const(0), b.sub(b.mul(r, I64(2)), top)
            even = v.fma(
                weight[0], new, v.fma(weight[2], new_left, v.fma(weight[6], old, v.fma(weight[8], old_left, zero)))
            )
            store(even, v.fma(weight[1], new, v.fma(weight[7], old, zero)), y)
            even = v.fma(weight[3], new, v.fma(weight[5], new_left, zero))
            store(even, v.fma(weight[4], new, zero), b.add(y, I64(1)))
            r1 = b.add(r, I64(1))
            for value, after in ((r, r1), (old_left, new_left), (old, new)):
                value.add_incoming(after, loop)
            more = b.icmp_signed("<", b.sub(b.mul(r1, I64(2)), top), dx_height)
            b.cbranch(more, loop, done)
            b.position_at_end(done)

        outlined(builder, f"depthwise_spread_{dtype}", args, body)
        return context.get_dummy_value()

    return types.void(dy, i64, i64, i64, i64, taps, dx, i64, i64, i64), codegen


@inner
def load_taps(w, channel, backward, epilogue, taps):
    """Nine weights (flipped for the input gradient), bias, low, high."""
    for t in range(9):
        taps[t] = w[channel * 9 + (8 - t if backward else t)]
    taps[9], taps[10], taps[11] = 0, -np.inf, np.inf
    if given(epilogue):
        taps[9], taps[10], taps[11] = epilogue[2 + channel], epilogue[0], epilogue[1]


@kernel()
def convolve_planes(plan, x, w, epilogue, out, shared, private, part, parts):
    """out <- every plane of x convolved with its nine weights."""
    (images, channels, height, width, top, left, out_height, out_width, stride, backward, image_parts, group_parts) = (
        fields(plan, 12)
    )
    c0, c1 = share(channels, part % group_parts, group_parts)
    image0, image1 = share(images, part // group_parts, image_parts)
    for c in range(c0, c1):
        load_taps(w, c, backward, epilogue, private)
        for im in range(image0, image1):
            source, target = (
                at(x, (im * channels + c) * height * width),
                at(out, (im * channels + c) * out_height * out_width),
            )
            for column in range(0, out_width, lanes_of(x)):
                if stride == 1:
                    convolve_strip(1, source, height, width, top, left, private, target, out_height, out_width, column)
                else:
                    convolve_strip(2, source, height, width, top, left, private, target, out_height, out_width, column)


@kernel()
def spread_planes(plan, dy, w, epilogue, dx, shared, private, part, parts):
    """dx <- the input gradient of stride 2 of every plane."""
    (images, channels, height, width, top, left, dx_height, dx_width, image_parts, group_parts) = fields(plan, 10)
    c0, c1 = share(channels, part % group_parts, group_parts)
    image0, image1 = share(images, part // group_parts, image_parts)
    for c in range(c0, c1):
        load_taps(w, c, 0, epilogue, private)
        for im in range(image0, image1):
            source, target = (
                at(dy, (im * channels + c) * height * width),
                at(dx, (im * channels + c) * dx_height * dx_width),
            )
            for column in range(0, (dx_width + left + 1) // 2, lanes_of(dy)):
                spread_strip(source, height, width, top, left, private, target, dx_height, dx_width, column)


@kernel()
def correlate_planes(plan, dy, x, unused, dw, shared, private, part, parts):
    """dw <- nine sums for each channel, over all images in order."""
    (images, channels, height, width, top, left, out_height, out_width, stride) = fields(plan, 9)
    L = lanes_of(x)
    c0, c1 = share(channels, part, parts)
    for c in range(c0, c1):
        for i in range(9 * L):
            private[i] = 0
        for im in range(images):
            source, g = (
                at(x, (im * channels + c) * height * width),
                at(dy, (im * channels + c) * out_height * out_width),
            )
            for column in range(0, out_width, L):
                if stride == 1:
                    correlate_strip(1, source, height, width, top, left, g, out_height, out_width, column, private)
                else:
                    correlate_strip(2, source, height, width, top, left, g, out_height, out_width, column, private)
        for t in range(9):
            total = private[t * L]
            for i in range(1, L):
                total += private[t * L + i]
            dw[c * 9 + t] = total


def _plan(geometry: Convolution, dtype: np.dtype, threads: int, source, result, before, backward: bool) -> Plan:
    image_parts, group_parts = split_units(threads, geometry.batch, geometry.groups)
    header = (
        geometry.batch, geometry.groups, *source[1:], *before[1:], *result[1:], geometry.stride[-1], backward,
        image_parts, group_parts,
    )  # fmt: skip
    return Plan(
        dtype, Table(12).array(header), [(convolve_planes, image_parts * group_parts)], 0, 64 * dtype.itemsize, threads
    )


def forward(geometry: Convolution, dtype: np.dtype, threads: int) -> Plan:
    """Plan for arrays (x, w, epilogue, y)."""
    g = geometry.spatial
    return _plan(g, dtype, threads, g.input, g.output, g.before, backward=False)


def input_gradient(geometry: Convolution, dtype: np.dtype, threads: int) -> Plan:
    """Plan for arrays (dy, w, None, dx): at stride 1, the forward pass of dy with flipped weights."""
    g = geometry.spatial
    if g.stride[2] == 2:
        image_parts, group_parts = split_units(threads, g.batch, g.groups)
        header = (g.batch, g.groups, *g.output[1:], *g.before[1:], *g.input[1:], image_parts, group_parts)
        return Plan(
            dtype,
            Table(10).array(header),
            [(spread_planes, image_parts * group_parts)],
            0,
            64 * dtype.itemsize,
            threads,
        )
    return _plan(g, dtype, threads, g.output, g.input, (0, 2 - g.before[1], 2 - g.before[2]), backward=True)


def weight_gradient(geometry: Convolution, dtype: np.dtype, threads: int) -> Plan:
    """Plan for arrays (dy, x, None, dw)."""
    g = geometry.spatial
    parts = 1 if threads == 1 else min(g.groups, 4 * threads)
    header = (g.batch, g.groups, *g.input[1:], *g.before[1:], *g.output[1:], g.stride[2])
    return Plan(
        dtype, Table(9).array(header), [(correlate_planes, parts)], 0, ceiling(9 * VECTOR_BYTES, 64) * 64, threads
    )
