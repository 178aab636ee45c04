"""What a picture says about an array. Taken when the graph is made, so that no array is kept."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

BINS = 16
BARS = " ▁▂▃▄▅▆▇█"


@dataclass(slots=True)
class Statistics:
    """Of an array's finite elements: extremes, mean, standard deviation, root mean square, a histogram of 16 bins.

    `zeros` is the fraction of zeros, `nans` and `infs` count what is not finite. All are NaN where nothing is finite.
    """

    size: int
    min: float = math.nan
    max: float = math.nan
    mean: float = math.nan
    std: float = math.nan
    rms: float = math.nan
    zeros: float = 0.0
    nans: int = 0
    infs: int = 0
    histogram: tuple[int, ...] = ()

    @property
    def nonfinite(self) -> int:
        """How many elements are NaN or infinite."""
        return self.nans + self.infs

    @property
    def norm(self) -> float:
        """The Euclidean norm."""
        return self.rms * math.sqrt(self.size)

    def bars(self) -> str:
        """The histogram as a line of blocks."""
        return bars(self.histogram)


def bars(counts: tuple[int, ...]) -> str:
    """Counts as blocks of eight heights; what is not empty is never invisible."""
    most = max(counts, default=0)
    return "".join([BARS[max(1, round(8 * n / most))] if n else BARS[0] for n in counts])


def statistics(array: Any) -> Statistics:
    """Statistics of an array or number, computed in float64 (complex numbers: of their absolute values)."""
    a = np.asarray(array)
    found = Statistics(int(a.size))
    if a.dtype.kind not in "biufc" or a.size == 0:
        return found
    if a.dtype.kind == "c":
        a = np.abs(a)
    x = a.astype(np.float64).ravel()
    finite = np.isfinite(x)
    if not finite.all():
        found.nans = int(np.isnan(x).sum())
        found.infs = int(x.size - finite.sum()) - found.nans
        x = x[finite]
        if x.size == 0:
            return found
    found.min, found.max, found.mean = float(x.min()), float(x.max()), float(x.mean())
    largest = max(abs(found.min), abs(found.max))
    scaled = x / largest if largest > 0 else x  # so that squares neither overflow nor vanish
    found.std = float(scaled.std()) * (largest or 1.0)
    found.rms = float(math.sqrt(float(np.mean(scaled * scaled)))) * (largest or 1.0)
    found.zeros = float(np.count_nonzero(x == 0) / found.size)
    if found.max > found.min and math.isfinite(found.max - found.min):
        places = ((x - found.min) * (BINS / (found.max - found.min))).astype(np.int64)
        found.histogram = tuple(np.bincount(np.minimum(places, BINS - 1), minlength=BINS).tolist())
    return found
