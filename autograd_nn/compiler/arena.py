"""The arena: where blocks of memory are that are needed at known times, so that all of them fit into little.

When a block comes and goes is known beforehand, so the blocks need not be placed as they come: first those of the most bytes, or
those of the fullest moments, each in the smallest gap that is free as long as it is needed. Source: Pisarchyk and Lee,
arXiv:2001.03288, "greedy by size" and "greedy by breadth". No order is the best for all steps; several are tried, until one takes
no more than the fullest moment does.

Decision: finding a block's gap asks all blocks that were placed before. So only so many are placed like that as take some
milliseconds; the others, small numbers mostly, are placed in the order of time, above them.
"""

from __future__ import annotations

import bisect
import heapq
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

MOST = 500
"""How many blocks, the largest, are placed in another order than that of time."""


@dataclass(slots=True, eq=False)
class Block:
    """`size` bytes needed from one time to another, both included; `start` is where they are."""

    size: int
    first: int
    last: int
    start: int = -1


def assign(blocks: Sequence[Block]) -> int:
    """Place blocks; two that are needed at one time have no byte in common. Returns how many bytes all of them take."""
    blocks = sorted(blocks, key=lambda b: (-b.size, b.first - b.last))
    large, rest = blocks[:MOST], blocks[MOST:]
    live = in_use(large)
    fullest = {b: max(live[b.first : b.last + 1]) for b in large}
    best, starts = -1, []
    for place, ordered in (
        (_by_gaps, large),
        (_by_gaps, sorted(large, key=lambda b: -fullest[b])),
        (_by_time, sorted(large, key=lambda b: b.first)),
    ):
        end = place(ordered)
        if best < 0 or end < best:
            best, starts = end, [b.start for b in large]
        if best == max(live):
            break
    for b, start in zip(large, starts, strict=True):
        b.start = start
    size = _by_time(sorted(rest, key=lambda b: b.first))
    for b in rest:
        b.start += best
    return best + size


def in_use(blocks: Iterable[Block]) -> list[int]:
    """How many bytes are needed at each time."""
    change = [0]
    for b in blocks:
        change += [0] * (b.last + 2 - len(change))
        change[b.first] += b.size
        change[b.last + 1] -= b.size
    return list(itertools.accumulate(change))


def _by_gaps(blocks: Sequence[Block]) -> int:
    """Place blocks, each in the smallest gap between those before it that are needed at its time."""
    n = len(blocks)
    starts, ends, firsts, lasts = np.zeros((4, n), np.int64)  # of those placed, in the order of their starts
    for k, b in enumerate(blocks):
        there = (firsts[:k] <= b.last) & (lasts[:k] >= b.first)
        gap_starts = np.maximum.accumulate(np.concatenate([[0], ends[:k][there]]))
        gaps = starts[:k][there] - gap_starts[:-1]
        fits = np.flatnonzero(gaps >= b.size)
        b.start = int(gap_starts[fits[gaps[fits].argmin()]] if fits.size else gap_starts[-1])
        at = int(np.searchsorted(starts[:k], b.start, "right"))
        for known, value in ((starts, b.start), (ends, b.start + b.size), (firsts, b.first), (lasts, b.last)):
            known[at + 1 : k + 1] = known[at:k].copy()
            known[at] = value
    return int(ends.max(initial=0))


def _by_time(blocks: Sequence[Block]) -> int:
    """Place blocks that are in the order of time, each in the smallest hole that those have left which are gone."""
    free = Free()
    held: list[tuple[int, int, int]] = []  # until when, where, how much
    for b in blocks:
        while held and held[0][0] < b.first:
            _, start, size = heapq.heappop(held)
            free.give(start, size)
        b.start = free.take(b.size)
        heapq.heappush(held, (b.last, b.start, b.size))
    return free.size


class Free:
    """Bytes given out and taken back; free neighbours are one hole, and the smallest that fits is used."""

    def __init__(self) -> None:
        self.size = 0
        self.starts: list[int] = []
        self.lengths: list[int] = []

    def take(self, n: int) -> int:
        best = min(
            [i for i, length in enumerate(self.lengths) if length >= n], key=lambda i: self.lengths[i], default=None
        )
        if best is not None:
            start, length = self.starts[best], self.lengths[best]
            if length == n:
                del self.starts[best], self.lengths[best]
            else:
                self.starts[best], self.lengths[best] = start + n, length - n
            return start
        if self.starts and self.starts[-1] + self.lengths[-1] == self.size:  # the last block grows
            start = self.starts.pop()
            self.lengths.pop()
        else:
            start = self.size
        self.size = start + n
        return start

    def give(self, start: int, n: int) -> None:
        i = bisect.bisect(self.starts, start)
        self.starts.insert(i, start)
        self.lengths.insert(i, n)
        if i + 1 < len(self.starts) and start + n == self.starts[i + 1]:
            self.lengths[i] += self.lengths[i + 1]
            del self.starts[i + 1], self.lengths[i + 1]
        if i and self.starts[i - 1] + self.lengths[i - 1] == start:
            self.lengths[i - 1] += self.lengths[i]
            del self.starts[i], self.lengths[i]
