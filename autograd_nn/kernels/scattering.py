"""Scattering: rows added to rows of a table, as the gradient of an embedding is."""

from __future__ import annotations

import numpy as np

from autograd_nn.kernels.build import address, kernel
from autograd_nn.kernels.vectors import at


@kernel()
def scatter(plan, total, g, c, d, shared, private, part, parts):
    """total[plan[2 + i]] += g[i], rows of plan[1] elements."""
    count, width = plan[0], plan[1]
    for i in range(count):
        target, source = at(total, plan[2 + i] * width), at(g, i * width)
        for j in range(width):
            target[j] += source[j]


def add_rows(total: np.ndarray, rows: np.ndarray, g: np.ndarray) -> None:
    """total[rows[i]] += g[i] for each i in order, of contiguous arrays; rows are integers within the table, negative ones too."""
    plan = np.empty(2 + rows.size, np.int64)
    plan[:2] = rows.size, total[0].size
    plan[2:] = rows.reshape(-1)
    plan[2:][plan[2:] < 0] += total.shape[0]
    scatter.entry(total.dtype)(address(plan), address(total), address(g), 0, 0, 0, 0, 0, 1)
