"""Layout: the copies at the edges of the fast paths. Images in, padded or as pixels x channels; tiles of pixels x
channels out.

Compiled into the kernels that call them. The transposes work on squares of lanes x lanes; a remainder is done by
shifting the last square back so that it overlaps, which is why planes of fewer pixels than lanes take the scalar
loop.
"""

from __future__ import annotations

from autograd_nn.kernels.build import inner
from autograd_nn.kernels.vectors import (
    at,
    clear_run,
    copy_evens,
    copy_run,
    copy_vector,
    given,
    lanes_of,
    transpose_scatter,
    transpose_tile,
)


@inner
def share(count, part, parts):
    """The half-open range of `count` items that belongs to a part."""
    return count * part // parts, count * (part + 1) // parts


@inner
def pad_plane(source, padded, rows, row_table, width, phases, phase_table, phase_stride, row_stride, step, quota, left):
    """One channel into its padded plane. row_table[r] is where padded row r starts in the source, or -1 for zeros.

    With stride `step`, the columns of each phase that is read are kept apart: phase p holds the padded columns p, p +
    step, ... (`quota` of them), so that neighbours in the output are neighbours in memory for any stride.

    With stride 2 whole vectors are written, so up to a vector of junk lands behind a row, which the next row written
    repairs. With stride 1 the C library's copies are faster: wide stores that cross cache lines at every row lose
    more than calls do.
    """
    L = lanes_of(source)
    for r in range(rows):
        start, target = row_table[r], at(padded, r * row_stride)
        row = at(source, max(0, start))
        for index in range(phases):
            phase, column = phase_table[index], at(target, index * phase_stride)
            first = max(0, (left - phase + step - 1) // step)
            offset = first * step + phase - left
            if start < 0:
                clear_run(column, quota)
            elif step == 1:
                copied = min(width, quota - left)
                clear_run(column, left)
                copy_run(row, at(column, left), copied)
                clear_run(at(column, left + copied), quota - left - copied)
            elif step == 2:
                for q in range(0, min(first, quota), L):
                    copy_vector(row, at(column, q), 0)
                for q in range(first, quota, L):
                    u = offset + 2 * (q - first)
                    copy_evens(at(row, u), at(column, q), width - u)
            else:
                last = min(quota, first + max(0, (width - offset + step - 1) // step))
                for q in range(min(first, quota)):
                    column[q] = 0
                for q in range(first, last):
                    column[q] = row[offset + (q - first) * step]
                for q in range(max(first, last), quota):
                    column[q] = 0


@inner
def pixels_to_planes(buffer, width, rows, channels, out, plane):
    """buffer[p*width + ch] -> out[ch*plane + p] for p < rows, ch < channels."""
    L = lanes_of(buffer)
    for v in range(0, width, L):
        if v < channels and rows >= L:
            for p in range(0, rows, L):
                q = min(p, rows - L)
                transpose_tile(at(buffer, q * width + v), width, at(out, v * plane + q), plane, min(L, channels - v))
        else:
            for ch in range(v, min(v + L, channels)):
                for p in range(rows):
                    out[ch * plane + p] = buffer[p * width + ch]


@inner
def planes_to_pixels(source, channels, plane, count, target, block_stride, width, table):
    """source[ch*plane + p] -> target[ch // width * block_stride + table[p] + ch % width] for p < count.

    Lanes past the last channel repeat it: whoever multiplies them has zero weights there or drops the result.
    """
    L = lanes_of(source)
    for c0 in range(0, channels, L):
        base = at(target, c0 // width * block_stride + c0 % width)
        valid = min(L, channels - c0)
        if count >= L:
            for p in range(0, count, L):
                q = min(p, count - L)
                transpose_scatter(at(source, c0 * plane + q), plane, base, at(table, q), valid)
        else:
            for p in range(count):
                row = at(base, table[p])
                for ch in range(L):
                    row[ch] = source[(c0 + min(ch, valid - 1)) * plane + p]


@inner
def finish(buffer, pixels, width, epilogue, first):
    """Bias and activation on a tile of pixels x width: epilogue = low, high, bias of every channel."""
    if given(epilogue):
        low, high, bias = epilogue[0], epilogue[1], at(epilogue, 2 + first)
        for p in range(pixels):
            row = at(buffer, p * width)
            for v in range(width):
                value = row[v] + bias[v]
                value = low if value < low else value  # NaN compares false and stays
                row[v] = high if value > high else value


@inner
def finish_row(row, pixels, epilogue, channel):
    """Bias and activation on one channel's run of pixels."""
    if given(epilogue):
        low, high, bias = epilogue[0], epilogue[1], epilogue[2 + channel]
        for p in range(pixels):
            value = row[p] + bias
            value = low if value < low else value
            row[p] = high if value > high else value


@inner
def pack_forward(w, packed, out, taps, width, block):
    """w[o][k] -> packed[k][width] for one block of output channels; channels that do not exist get zeros."""
    L = lanes_of(w)
    for v in range(0, width, L):
        o0 = block * width + v
        if o0 + L <= out and taps >= L:
            for t in range(0, taps, L):
                q = min(t, taps - L)
                transpose_tile(at(w, o0 * taps + q), taps, at(packed, q * width + v), width, L)
        else:
            for i in range(L):
                for t in range(taps):
                    packed[t * width + v + i] = w[(o0 + i) * taps + t] if o0 + i < out else 0


@inner
def pack_backward(w, packed, table, out, channels, taps, width, block):
    """w[o][c][tap] -> packed[o][table[tap]][width] for one block of input channels.

    Lanes past the last tap go to the first row of the next output channel, which overwrites it. So the packed weights
    need one row more than they hold.
    """
    L = lanes_of(w)
    end = out * channels * taps
    for o in range(out):
        target = at(packed, o * taps * width)
        for v in range(0, width, L):
            c0 = block * width + v
            for t in range(0, taps, L):
                start = (o * channels + c0) * taps + t
                if c0 + L <= channels and start + (L - 1) * taps + L <= end:
                    transpose_scatter(at(w, start), taps, at(target, v), at(table, t), L)
                else:
                    for u in range(t, min(taps, t + L)):
                        for i in range(L):
                            c = c0 + i
                            target[v + table[u] + i] = w[(o * channels + c) * taps + u] if c < channels else 0


@inner
def pack_rows(w, packed, out, channels, width, blocks, block_size, first, last):
    """w[group][o][c] -> packed[group, block][o][width] for kernels of one tap: each row of w is read once, all blocks
    together.
    """
    L = lanes_of(w)
    for group in range(first // blocks, (last + blocks - 1) // blocks):
        block0, block1 = max(0, first - group * blocks), min(blocks, last - group * blocks)
        for o in range(out):
            row = at(w, (group * out + o) * channels)
            for block in range(block0, block1):
                target = at(packed, (group * blocks + block) * block_size + o * width)
                for v in range(0, width, L):
                    c = block * width + v
                    copy_vector(at(row, c), at(target, v), channels - c)
