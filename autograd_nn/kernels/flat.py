"""Flat correlations: vectors run along the pixels of a whole padded plane, rows after rows, and junk columns are
dropped.

For results with few channels. The padded plane is split by the remainders of each coordinate by the stride, so that
every tap is one shift of one contiguous piece and neighbouring outputs are neighbours in memory for any stride,
dilation and number of axes.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd

import numpy as np

from autograd_nn.kernels import dense
from autograd_nn.kernels.geometry import Convolution

GAP = 16  # numbers between the pieces of a plane: a vector of junk may land behind each


@dataclass
class Run:
    """The outputs of one phase: a box of counts whose rows lie `quota` apart, starting at `start` in the padded
    plane.
    """

    counts: tuple[int, ...]
    first: tuple[int, ...]  # of the result
    start: int
    z_pitch: int
    offsets: np.ndarray  # of its taps, in C order of (kd, kh, kw)
    taps: np.ndarray
    column_step: int | None

    def length(self, quota: int) -> int:
        return (
            (self.counts[0] - 1) * self.z_pitch + (self.counts[1] - 1) * quota + self.counts[2]
            if min(self.counts)
            else 0
        )


@dataclass
class Flat:
    """A correlation from (images, groups, channels_in) planes to (images, groups, channels_out) planes."""

    images: int
    groups: int
    channels_in: int
    channels_out: int
    source: tuple[int, ...]
    result: tuple[int, ...]
    row_table: np.ndarray
    column_phases: list[int]
    step: int
    quota: int
    left: int
    out_step: tuple[int, ...]
    runs: list[Run]

    @property
    def padded_rows(self) -> int:
        return len(self.row_table)

    @property
    def phase_plane(self) -> int:
        return self.padded_rows * self.quota + GAP

    @property
    def padded_plane(self) -> int:
        return self.phase_plane * len(self.column_phases)


def forward(geometry: Convolution) -> Flat:
    """The forward pass: one run, over a plane split by the stride."""
    g = geometry.spatial
    phases, shifts, counts = [], [], []
    for a in range(3):
        reach = np.arange(g.kernel[a]) * g.dilation[a]
        stored = sorted(set((reach % g.stride[a]).tolist()))
        phases.append(stored)
        shifts.append([(stored.index(t % g.stride[a]), t // g.stride[a]) for t in reach.tolist()])
        counts.append(g.output[a] + int(reach[-1]) // g.stride[a])
    depth, height, quota = counts
    # Source coordinate of padded coordinate q of each phase; rows are ordered (phase z, phase y, z, y).
    z, y = (
        np.array([np.arange(counts[a]) * g.stride[a] + p - g.before[a] for p in phases[a]]).reshape(
            len(phases[a]), counts[a]
        )
        for a in (0, 1)
    )
    zz, yy = z[:, None, :, None], y[None, :, None, :]
    inside = (zz >= 0) & (zz < g.input[0]) & (yy >= 0) & (yy < g.input[1])
    rows = np.where(inside, (zz * g.input[1] + yy) * g.input[2], -1).reshape(-1)
    offsets = np.array(
        [
            [
                [
                    (((pz * len(phases[1]) + py) * depth + qz) * height + qy + px * len(rows)) * quota + px * GAP + qx
                    for px, qx in shifts[2]
                ]
                for py, qy in shifts[1]
            ]
            for pz, qz in shifts[0]
        ]
    )
    step = g.dilation[2] if g.stride[2] == 1 else None
    run = Run(g.output, (0, 0, 0), 0, height * quota, offsets, np.arange(g.taps), step)
    per_in, per_out = g.in_channels // g.groups, g.out_channels // g.groups
    return Flat(
        g.batch, g.groups, per_in, per_out, g.input, g.output, rows, phases[2], g.stride[2], quota, g.before[2],
        (1, 1, 1), [run],
    )  # fmt: skip


def input_gradient(geometry: Convolution) -> Flat:
    """The input gradient: a run for each remainder of the result's coordinates by the stride, over one plane of dy."""
    g = geometry.spatial
    d = dense.input_gradient(geometry, collapse=False)
    runs, index = [], 0
    for pz in range(g.stride[0]):
        for py in range(g.stride[1]):
            for px in range(g.stride[2]):
                p, index = d.phases[index], index + 1
                counts = tuple(
                    max(0, -(-(n - f) // s)) for n, f, s in zip(g.input, (pz, py, px), g.stride, strict=True)
                )
                row = pz * g.input[1] + py
                start = int(d.row_start[row]) + p.start if min(counts) else 0
                step = g.dilation[2] // gcd(g.dilation[2], g.stride[2])
                runs.append(Run(counts, (pz, py, px), start, d.padded_height * d.quota, p.offsets, p.taps, step))
    return Flat(
        d.images, d.groups, d.channels_in, d.channels_out, g.output, g.input, d.row_table, [0], 1, d.quota, d.left,
        g.stride, runs,
    )  # fmt: skip
