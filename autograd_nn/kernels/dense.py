"""Dense correlations: forward and input gradient as one problem, described by offset tables.

The forward pass reads a padded x with stride `stride`. The input gradient of a convolution with stride s reads a
padded dy, and its result falls into phases (one per remainder of each coordinate by s): each phase is a stride-1
correlation with the taps that reach it. Both are

    out[row, column] = sum over channels and taps of  padded[channel plane + start of row + offset of tap + column] *
    weight

with as many spatial axes as you like, because rows are tables. Used by the direct and the thin kernels.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import gcd, prod

import numpy as np

from autograd_nn.kernels.geometry import Convolution
from autograd_nn.kernels.microkernel import ROWS_A
from autograd_nn.kernels.plan import ceiling


@dataclass
class Phase:
    """Outputs of one remainder: `columns` of each of its rows, `step` apart, the first at `first`; which taps reach
    them.
    """

    first: int
    columns: int
    start: int  # added to the start of a row
    offsets: np.ndarray  # (kd, kh, kw) offsets of its taps in a padded plane
    taps: np.ndarray  # the same taps' numbers in the kernel, in the order of offsets
    column_step: int | None  # constant distance of offsets along kw, or None


@dataclass
class Dense:
    """A correlation from (images, groups, channels_in) planes to (images, groups, channels_out) planes."""

    images: int
    groups: int
    channels_in: int
    channels_out: int
    source_plane: int
    source_width: int
    out_rows: int
    out_columns: int
    # The padded plane
    padded_rows: int
    padded_height: int  # rows of one depth
    row_table: np.ndarray
    row_phases: list[int]  # which column phases (by stride) are stored
    row_step: int
    quota: int
    left: int
    # The result
    out_step: int
    row_class: np.ndarray  # output row -> class; phases of class k are k*out_step ... k*out_step + out_step - 1
    row_start: np.ndarray
    phases: list[Phase] = field(default_factory=list)
    column_gap: int = 1  # between the inputs of neighbouring outputs

    @property
    def row_length(self) -> int:
        return len(self.row_phases) * self.quota

    def strips(self, most: int, least: int = 1) -> np.ndarray:
        """Output rows in even runs (first, end, first padded, end padded) that read about `most` padded rows, `least`
        runs if there are.
        """
        reach = [((p.offsets + p.start) // self.row_length) for p in self.phases if p.taps.size]
        low, high = min(int(r.min()) for r in reach), max(int(r.max()) for r in reach)
        start = self.row_start // self.row_length
        whole = int(start.max() - start.min()) + 1
        count = max(ceiling(whole, max(1, most - (high - low))), least)
        cuts = (
            np.unique(np.arange(count + 1) * self.out_rows // count)
            if self.padded_rows > 1
            else np.array([0, self.out_rows])
        )
        # Rows do not start in order: where the depth has a stride, planes of different phases read the same rows.
        first, lowest, highest = cuts[:-1], np.minimum.reduceat(start, cuts[:-1]), np.maximum.reduceat(start, cuts[:-1])
        ends = np.maximum(0, lowest + low), np.minimum(self.padded_rows, highest + high + 1)
        return np.stack([first, cuts[1:], *ends], axis=1)

    @property
    def padded_plane(self) -> int:
        return self.padded_rows * self.row_length


LONGEST = 384  # columns of a row of the result, where it may be cut


def _even_length(columns: int) -> int:
    """The divisor of a long row whose pieces waste least of the microkernel's tiles."""
    if columns <= LONGEST:
        return columns
    pieces = [m for m in range(ROWS_A * 4, LONGEST + 1) if columns % m == 0]
    return min(pieces, key=lambda m: (ceiling(m, ROWS_A) * ROWS_A / m, -m), default=columns)


def _collapse(g: Convolution) -> Convolution:
    """A 1x1 convolution of stride 1 without padding does not know rows: cut its pixels into rows that suit the
    microkernel.
    """
    if max(g.kernel) == 1 and max(g.stride) == 1 and not any(g.before) and g.output == g.input:
        pixels = prod(g.input)
        length = _even_length(pixels)
        space = (1, pixels // length, length)
        return Convolution(
            g.batch, g.in_channels, g.out_channels, g.groups, space, space, *([(1, 1, 1)] * 3), *([(0, 0, 0)] * 2)
        )
    return g


def _segmented(d: Dense) -> Dense:
    """A long single row of the result as several rows that read overlapping pieces of the same padded row."""
    if d.out_rows != 1 or d.out_step != 1 or len(d.phases) != 1:
        return d
    length = _even_length(d.out_columns)
    count = d.out_columns // length
    # Where padded rows are not split by the stride, neighbouring outputs are a stride apart.
    d.row_start = d.row_start + np.arange(count) * length * d.column_gap
    d.row_class = np.zeros(count, np.int64)
    d.out_rows, d.out_columns, d.phases[0].columns = count, length, length
    return d


def _rows(padded: tuple[int, int], sources: list[np.ndarray], size: tuple[int, ...]) -> np.ndarray:
    """Start of the source row of each padded row, or -1; sources[axis][p] is a source coordinate, maybe outside."""
    z, y = sources[0][:, None], sources[1][None, :]
    inside = (z >= 0) & (z < size[0]) & (y >= 0) & (y < size[1])
    return np.where(inside, (z * size[1] + y) * size[2], -1).reshape(padded[0] * padded[1])


def forward(geometry: Convolution, split: bool = True) -> Dense:
    """The forward pass. split=False keeps padded rows as they are: neighbouring outputs are then a stride apart."""
    g = _collapse(geometry.spatial)
    # Along an axis with kernel 1 only every stride-th row is read: keep just those.
    jump = [s if k > 1 else 1 for s, k in zip(g.stride, g.kernel, strict=True)]
    depth, height = ((g.output[a] - 1) * jump[a] + g.dilation[a] * (g.kernel[a] - 1) + 1 for a in (0, 1))
    sources = [
        np.arange(n) * (g.stride[a] if g.kernel[a] == 1 else 1) - g.before[a] for a, n in ((0, depth), (1, height))
    ]
    step = g.stride[2] if split else 1
    taps = np.arange(g.kernel[2]) * g.dilation[2]
    stored = sorted(set((taps % step).tolist()))
    quota = (g.output[2] - 1) * (1 if split else g.stride[2]) + 1 + int(taps[-1]) // step
    row = len(stored) * quota
    columns = np.array([stored.index(t % step) * quota + t // step for t in taps.tolist()])
    offsets = (
        (np.arange(g.kernel[0]) * g.dilation[0] * height)[:, None, None] * row
        + (np.arange(g.kernel[1]) * g.dilation[1])[None, :, None] * row
        + columns
    )
    start = (np.arange(g.output[0]) * jump[0] * height)[:, None] + np.arange(g.output[1]) * jump[1]
    phase = Phase(0, g.output[2], 0, offsets, np.arange(g.taps), g.dilation[2] if step == 1 else None)
    rows = _rows((depth, height), sources, g.input)
    dense = Dense(
        g.batch, g.groups, g.in_channels // g.groups, g.out_channels // g.groups, prod(g.input), g.input[2],
        g.output[0] * g.output[1], g.output[2], depth * height, height, rows, stored, step, quota,
        g.before[2], 1, np.zeros(g.output[0] * g.output[1], np.int64), start.reshape(-1) * row, [phase],
        1 if split else g.stride[2],
    )  # fmt: skip
    return _segmented(dense)


def input_gradient(geometry: Convolution, collapse: bool = True) -> Dense:
    """The input gradient: dy is the source, dx the result."""
    g = _collapse(geometry.spatial) if collapse else geometry.spatial
    taps: list = []
    shifts: list = []
    counts: list = []
    lead: list = []
    length: list = []
    for a in range(3):
        s, before, d = g.stride[a], g.before[a], g.dilation[a]
        # dx at q * s + phase gets dy at q + shift through the taps whose shift is whole; shifts ascend.
        reached = [[i for i in range(g.kernel[a] - 1, -1, -1) if (p + before - i * d) % s == 0] for p in range(s)]
        shift = [np.array([(p + before - i * d) // s for i in reached[p]], int) for p in range(s)]
        count = [max(0, ceiling(g.input[a] - p, s)) for p in range(s)]
        top = max([0] + [-int(t[0]) for t in shift if t.size])
        size = max([1] + [n + int(t[-1]) + top for t, n in zip(shift, count, strict=True) if t.size])
        for values, value in ((taps, reached), (shifts, shift), (counts, count), (lead, top), (length, size)):
            values.append(value)
    (depth, height, quota), (sz, sy, sx) = length, g.stride
    sources = [np.arange(length[a]) - lead[a] for a in (0, 1)]
    z, y = (np.arange(g.input[a]) for a in (0, 1))
    row_class = (z % sz)[:, None] * sy + y % sy
    row_start = ((z // sz + lead[0]) * height)[:, None] * quota + (y // sy + lead[1]) * quota
    rows = _rows((depth, height), sources, g.output)
    dense = Dense(
        g.batch, g.groups, g.out_channels // g.groups, g.in_channels // g.groups, prod(g.output), g.output[2],
        g.input[0] * g.input[1], g.input[2], depth * height, height, rows, [0], 1, quota, lead[2],
        sx, row_class.reshape(-1), row_start.reshape(-1),
    )  # fmt: skip
    for pz in range(sz):
        for py in range(sy):
            for px in range(sx):
                a, i, j = taps[0][pz], taps[1][py], taps[2][px]
                number = (np.array(a, int)[:, None, None] * g.kernel[1] + np.array(i, int)[:, None]) * g.kernel[
                    2
                ] + np.array(j, int)
                dz, dy, dx = shifts[0][pz], shifts[1][py], shifts[2][px]
                offsets = (dz[:, None, None] * height + dy[:, None]) * quota + dx
                step = g.dilation[2] // gcd(g.dilation[2], sx)
                dense.phases.append(Phase(px, counts[2][px], lead[2], offsets, number.reshape(-1), step))
    return _segmented(dense) if collapse else dense
