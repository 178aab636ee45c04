"""Directions: the lines along which a derivative is tried, and the coordinates that tell most.

A random direction moves every coordinate at once, for two evaluations at any size; but what it sees is dominated by the
large derivatives. So that a sparse wrong entry cannot hide there are two more: one *balanced*, in which each coordinate
contributes about as much as any other, and one along the *zeros*, the coordinates for which the engine claims that
nothing changes, where a single entry that was forgotten stands alone. Then coordinates one by one: of each variable the
largest derivative, the smallest, a zero and one at random.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .finite import norm
from .scales import short

Arrays = Sequence[np.ndarray]
Scales = Sequence[Any]  # a number for each variable, or an array with one for each element


def length(direction: Arrays, scales: Scales) -> float:
    """How far a direction goes, in units of the variables' own scales."""
    return norm([v / s for v, s in zip(direction, scales, strict=True)])


def unit(parts: Arrays, scales: Scales) -> list[np.ndarray]:
    """Of length n^(1/4), in units of the variables' own scales.

    Each of n coordinates then moves by n^(-1/4), between the 1 that would push a large network's units over their kinks
    and the n^(-1/2) of a unit vector, along which a large function changes too little to be told from rounding.
    """
    long = length(parts, scales)
    moving = sum(int(np.count_nonzero(v)) for v in parts)
    return [short(v * (moving**0.25 / (long or 1.0))) for v in parts]


def signs(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """1 or -1 for each element."""
    return rng.integers(0, 2, shape, np.int8) * 2.0 - 1.0


def at_random(rng: np.random.Generator, base: Arrays, scales: Scales) -> list[np.ndarray]:
    """Every coordinate moves, by up to its variable's own scale."""
    return unit([(rng.random(b.shape) - 0.5) * s for b, s in zip(base, scales, strict=True)], scales)


def balanced(rng: np.random.Generator, gradient: Arrays, scales: Scales) -> list[np.ndarray]:
    """Signs, each over the size of its coordinate's derivative, within three decades of the median."""
    size = [np.abs(g) * s for g, s in zip(gradient, scales, strict=True)]
    thin = [q.ravel()[:: 1 + q.size // 10_000] for q in size]  # enough for a median
    some = [q[np.isfinite(q) & (q > 0)] for q in thin]
    middle = float(np.median(np.concatenate(some))) if any(q.size for q in some) else 1.0
    weights = [np.clip(middle / np.where(q > 0, q, middle), 1e-3, 1e3) for q in size]
    return unit([w * s * signs(rng, w.shape) for w, s in zip(weights, scales, strict=True)], scales)


def along_zeros(rng: np.random.Generator, gradient: Arrays, scales: Scales) -> list[np.ndarray] | None:
    """Signs where the derivative is zero; None where it nowhere is."""
    parts = [(g == 0) * s * signs(rng, g.shape) for g, s in zip(gradient, scales, strict=True)]
    return unit(parts, scales) if any(p.any() for p in parts) else None


def alone(base: Arrays, k: int, place: tuple[int, ...], amount: float) -> list[np.ndarray]:
    """One element of one variable moves."""
    direction = [np.zeros(b.shape) for b in base]
    direction[k][place] = amount
    return [short(v) for v in direction]


def telling(rng: np.random.Generator, gradient: Arrays, most: int) -> list[tuple[int, int]]:
    """(variable, flat index) of each one's largest, a zero, smallest other and random derivative, in this order of rank."""
    ranks: list[list[tuple[int, int]]] = [[], [], [], []]
    for k, g in enumerate(gradient):
        if not g.size:
            continue
        flat = np.abs(g).ravel()
        zeros = np.flatnonzero(flat == 0)
        ranks[0].append((k, int(flat.argmax())))
        if zeros.size:
            ranks[1].append((k, int(rng.choice(zeros))))
        ranks[2].append((k, int(np.where(flat > 0, flat, np.inf).argmin())))
        ranks[3].append((k, int(rng.integers(flat.size))))
    return list(dict.fromkeys([c for rank in ranks for c in rank]))[:most]
