"""Examining a derivative: which directions are tried, and what each one says.

A random direction moves every coordinate at once, for two evaluations at any size; but what it sees is dominated by the
large derivatives. So that a sparse wrong entry cannot hide there are two more: one *balanced*, in which each coordinate
contributes about as much as any other, and one along the *zeros*, the coordinates for which the engine claims that
nothing changes, where a single entry that was forgotten stands alone. Then coordinates one by one: of each variable the
largest derivative, the smallest, a zero and one at random; all of them where they are few. A direction that disagrees is
halved until one coordinate is left.

Decision: there is no absolute tolerance, which would hide a wrong rule of a function of tiny values. What may differ is
relative to the derivatives here and to what rounding leaves of f: a derivative that claims less than the last bits of f's
values nearby claims to be zero, and is held to that (a singular matrix's determinant, whose cofactors come out as 1e-18).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from .finite import EPSILON, FIRST_STEP, LEVELS, SHRINK, Slope, norm, slope, weighted_size

AGREES, KINK, UNCLEAR, DIFFERS = "agrees", "kink", "unclear", "differs"
SEVERITY = {AGREES: 0, KINK: 1, UNCLEAR: 2, DIFFERS: 3}
FEW = 40
"""At most this many coordinates are all tried one by one."""
SWEPT = 5_000
"""Up to this many the first direction is tried at every step, so that the picture shows how the error falls and rises."""
LARGE = 100_000
"""From this many on, large steps are left out: a unit of a large network would be pushed over its kink."""


class Derivative(Protocol):
    """What is examined: a function of some arrays, and what is claimed to be its derivative."""

    names: list[str]
    base: list[np.ndarray]

    def values(self, moved: Sequence[np.ndarray] | None) -> list[np.ndarray]: ...

    def gradient(
        self, weights: Sequence[np.ndarray], moved: Sequence[np.ndarray] | None = None
    ) -> list[np.ndarray | None]: ...


@dataclass(slots=True)
class Probe:
    """One direction: the derivative along it as the engine has it and as differences have it."""

    label: str
    analytic: float
    slope: Slope
    tolerance: float
    scale: float
    outcome: str
    direction: Sequence[np.ndarray]
    variable: int | None = None  # of a single coordinate: whose, and which
    index: tuple[int, ...] = ()

    @property
    def numeric(self) -> float:
        return self.slope.value

    @property
    def gap(self) -> float:
        return abs(self.analytic - self.slope.value)

    @property
    def error(self) -> float:
        """The disagreement relative to the size that derivatives have along this direction."""
        return 0.0 if self.gap == 0 else self.gap / self.scale if self.scale else math.inf

    @property
    def within_sides(self) -> bool:
        """Whether the analytic value lies between the one-sided differences (or is the only one there is)."""
        sides = [s for s in (self.slope.left, self.slope.right) if math.isfinite(s)]
        low, high = min(sides, default=math.nan), max(sides, default=math.nan)
        room = self.tolerance + 1e-5 * self.scale
        return low - room <= self.analytic <= high + room


class Examination:
    """A derivative under examination at one point: where the problem stands, or `at` other arrays."""

    def __init__(
        self,
        problem: Derivative,
        rng: np.random.Generator,
        rtol: float,
        atol: float,
        at: Sequence[np.ndarray] | None = None,
        centre: Sequence[np.ndarray] | None = None,
    ) -> None:
        self.problem, self.rng, self.rtol, self.atol = problem, rng, rtol, atol
        self.base = list(problem.base if at is None else at)
        self.probes: list[Probe] = []
        self.evaluations = int(centre is None)
        self.centre = list(self.problem.values(at) if centre is None else centre)
        self.finite = all(bool(np.isfinite(c).all()) for c in self.centre)
        self.weights = [np.asarray(rng.standard_normal(c.shape)) for c in self.centre]
        found = problem.gradient(self.weights, at)
        self.unreached = [g is None for g in found]
        self.gradient = [
            np.zeros(b.shape) if g is None else np.asarray(g, np.float64) for g, b in zip(found, self.base, strict=True)
        ]
        self.odd = True  # whether the negated cotangent gave the negated derivative, as a linear rule does
        self.scales = [_scale(b) for b in self.base]
        self.size = sum(b.size for b in self.base)
        self.output_size = weighted_size(self.weights, self.centre)
        with np.errstate(all="ignore"):
            steepness = norm(g * s for g, s in zip(self.gradient, self.scales, strict=True))
        self.typical = steepness / math.sqrt(self.size) if self.size else 0.0

    @functools.cached_property
    def reach(self) -> float:
        """How large the outputs are within a quarter of the variables' own scale; looked at when it is needed."""
        values = [self.output_size]
        for t in (0.25, -0.25):
            moved = [b + t * v for b, v in zip(self.base, self.random_direction(), strict=True)]
            values.append(weighted_size(self.weights, self.problem.values(moved)))
        self.evaluations += 2
        return max([v for v in values if math.isfinite(v)], default=0.0)

    @property
    def outcome(self) -> str:
        if not self.odd:
            return DIFFERS
        return max((p.outcome for p in self.probes), key=SEVERITY.__getitem__, default=AGREES)

    @property
    def worst(self) -> Probe | None:
        """The probe that says most: of the gravest outcome the one with the largest error, a coordinate before a direction."""
        key = lambda p: (SEVERITY[p.outcome], p.variable is not None, p.error if math.isfinite(p.error) else 1e300)
        return max(self.probes, key=key, default=None)

    # ---- directions ------------------------------------------------------------------------------------------

    def directions(self, sweep: bool = False) -> None:
        """Try the three directions, and a second random one where no derivative is zero; the first at all steps in a `sweep`."""
        if not self.size:
            return
        if self.size < LARGE:
            self._negated()
        start = 0 if self.size < LARGE else 2
        self.probe(self.random_direction(), "random direction", start, sweep=sweep)
        self.probe(self._balanced(), "balanced direction", start)
        zeros = self._zeros()
        if zeros is None:
            self.probe(self.random_direction(), "random direction", start)
        else:
            self.probe(zeros, "along the zeros", start)

    def probe(
        self,
        direction: Sequence[np.ndarray],
        label: str,
        start: int = 0,
        variable: int | None = None,
        index: tuple[int, ...] = (),
        sweep: bool = False,
    ) -> Probe:
        """Hold the two derivatives along a direction against each other."""
        with np.errstate(all="ignore"):
            parts = products(self.gradient, direction)
            analytic = sum(float(np.sum(p)) for p in parts)
            along = norm(parts)
            length = self._length(direction)
        least = max(1e-3 * self.typical, 1e-5 * self.output_size) * length
        tolerance = self.atol + self.rtol * max(along, least)
        scale = max(along, self.typical * length, 1e-5 * self.output_size * length)

        def line(t: float) -> list[np.ndarray]:
            return self.problem.values([b + t * v for b, v in zip(self.base, direction, strict=True)])

        blur = 10 * (self.atol + self.rtol * scale)
        least = max(scale, 1e3 * EPSILON * length)
        # One step is enough where it meets the claim; the first direction has more, for an estimate of their error.
        glance = bool(self.probes)
        asked = (line, self.weights, self.centre, analytic, tolerance, least, blur)
        found = slope(*asked, max(start, 2 * glance), glance, sweep)
        if glance and not abs(found.value - analytic) <= tolerance:
            found = slope(*asked, start)
        self.evaluations += found.evaluations
        outcome = self._outcome(analytic, found, tolerance, blur, along, length)
        if outcome == DIFFERS and label != "half" and self._unsettled(analytic, found.value, slope(*asked, sweep=True)):
            outcome = UNCLEAR
        made = Probe(label, analytic, found, tolerance, scale, outcome, direction, variable, index)
        self.probes.append(made)
        return made

    def _outcome(
        self, analytic: float, found: Slope, tolerance: float, blur: float, along: float, length: float
    ) -> str:
        """What a direction says; `blur` is the largest error of the differences at which they still say anything."""
        if found.kink and math.isfinite(analytic):
            too_coarse = abs(analytic) * FIRST_STEP * SHRINK ** (1 - LEVELS) > 10 * self.output_size > 0
            return UNCLEAR if too_coarse else KINK
        if not math.isfinite(analytic):  # wrong where differences do come to something, else the derivative is infinite
            return DIFFERS if found.error <= 1e-3 * abs(found.value) + blur else UNCLEAR
        gap = abs(analytic - found.value)
        if gap <= tolerance:
            return AGREES
        if gap <= tolerance + 8 * found.error and 8 * found.error <= blur:
            return AGREES
        room = tolerance + 8 * found.error
        if along <= 64 * EPSILON * self.reach * length:  # it claims to be zero
            room += 64 * EPSILON * self.reach * length
            if gap <= room and 8 * found.error <= 1e-9 * self.reach * length:
                return AGREES
        if not gap > room:
            return UNCLEAR
        # Were it to change by more than its own size at the smallest step, the steps would be too coarse.
        coarse = found.steps and abs(analytic) * found.steps[-1][0] > 10 * self.output_size > 0
        return UNCLEAR if coarse else DIFFERS

    def _unsettled(self, analytic: float, value: float, swept: Slope) -> bool:
        """Whether the finest step that rounding spares sides with the engine: then the coarser ones saw too little of f."""
        gap = abs(analytic - value)
        clear = [d for t, d in swept.steps if EPSILON * self.output_size / (2 * t) <= 0.1 * gap]
        return bool(clear) and abs(clear[-1] - analytic) <= 0.5 * gap

    def _negated(self) -> None:
        """A derivative is linear in its cotangent; a rule that is right for one sign only is wrong."""
        found = self.problem.gradient([-w for w in self.weights])
        for g, other in zip(self.gradient, found, strict=True):
            with np.errstate(all="ignore"):
                if other is not None and not np.abs(g + other).max(initial=0.0) <= 1e-9 * np.abs(g).max(initial=0.0):
                    self.odd = self.odd and not np.isfinite(g).all()

    def random_direction(self) -> list[np.ndarray]:
        """A direction in which every coordinate moves, by up to its variable's own scale."""
        return self._unit([(self.rng.random(b.shape) - 0.5) * s for b, s in zip(self.base, self.scales, strict=True)])

    def _length(self, direction: Sequence[np.ndarray]) -> float:
        """How far a direction goes, in units of the variables' own scales."""
        return norm(v / s for v, s in zip(direction, self.scales, strict=True))

    def _balanced(self) -> list[np.ndarray]:
        """Signs, each over the size of its coordinate's derivative, within three decades of the median."""
        size = [np.abs(g) * s for g, s in zip(self.gradient, self.scales, strict=True)]
        thin = [q.ravel()[:: 1 + q.size // 10_000] for q in size]  # enough for a median
        some = [q[np.isfinite(q) & (q > 0)] for q in thin]
        middle = float(np.median(np.concatenate(some))) if any(q.size for q in some) else 1.0
        parts = []
        for q, s in zip(size, self.scales, strict=True):
            weight = np.clip(middle / np.where(q > 0, q, middle), 1e-3, 1e3)
            parts.append(weight * s * self._signs(q.shape))
        return self._unit(parts)

    def _zeros(self) -> list[np.ndarray] | None:
        parts = [(g == 0) * s * self._signs(g.shape) for g, s in zip(self.gradient, self.scales, strict=True)]
        return self._unit(parts) if any(p.any() for p in parts) else None

    def _signs(self, shape: tuple[int, ...]) -> np.ndarray:
        return self.rng.integers(0, 2, shape, np.int8) * 2.0 - 1.0

    def _unit(self, parts: list[np.ndarray]) -> list[np.ndarray]:
        """Of length n^(1/4), in units of the variables' own scales.

        Each of n coordinates then moves by n^(-1/4), between the 1 that would push a large network's units over their kinks
        and the n^(-1/2) of a unit vector, along which a large function changes too little to be told from rounding.
        """
        length = self._length(parts)
        moving = sum(int(np.count_nonzero(v)) for v in parts)
        return [np.asarray(v * (moving**0.25 / (length or 1.0))) for v in parts]

    # ---- coordinates -----------------------------------------------------------------------------------------

    def coordinates(self, everything: bool = False) -> None:
        """Try coordinates one by one: all of them where they are few or it is asked for, else the telling ones."""
        if everything or self.size <= FEW:
            chosen = [(k, i) for k, b in enumerate(self.base) for i in range(b.size)]
        else:
            chosen = self._telling()
        for k, i in chosen:
            self.coordinate(k, i)

    def _telling(self) -> list[tuple[int, int]]:
        """Of each variable the largest, a zero, the smallest other and a random derivative, in this order of rank."""
        ranks: list[list[tuple[int, int]]] = [[], [], [], []]
        for k, g in enumerate(self.gradient):
            if not g.size:
                continue
            flat = np.abs(g).ravel()
            zeros = np.flatnonzero(flat == 0)
            ranks[0].append((k, int(flat.argmax())))
            if zeros.size:
                ranks[1].append((k, int(self.rng.choice(zeros))))
            ranks[2].append((k, int(np.where(flat > 0, flat, np.inf).argmin())))
            ranks[3].append((k, int(self.rng.integers(flat.size))))
        return list(dict.fromkeys([c for rank in ranks for c in rank]))[:FEW]

    def coordinate(self, k: int, flat: int) -> Probe:
        """Try one coordinate of one variable."""
        place = tuple([int(i) for i in np.unravel_index(flat, self.base[k].shape)])
        direction = [np.zeros(b.shape) for b in self.base]
        direction[k][place] = max(abs(float(self.base[k][place])), 1e-3 * self.scales[k])
        if not self.base[k][place]:
            direction[k][place] = self.scales[k]
        return self.probe(direction, "coordinate", 0, k, place)

    def hunt(self, suspect: Probe) -> Probe | None:
        """A coordinate that disagrees, by halving the variables' coordinates and following the half that disagrees more."""
        if not self.size:
            return None
        offsets = np.cumsum([0, *[b.size for b in self.base]])
        left = np.arange(self.size)
        start = max(0, suspect.slope.level - 1)
        signs = self._signs((self.size,))
        while left.size > 1:
            halves = np.array_split(left, 2)
            gaps = []
            for half in halves:
                flat = np.zeros(self.size)
                flat[half] = signs[half]
                parts = [
                    flat[a:b].reshape(v.shape) * s
                    for a, b, v, s in zip(offsets[:-1], offsets[1:], self.base, self.scales, strict=True)
                ]
                tried = self.probe(self._unit(parts), "half", start)
                self.probes.pop()
                gaps.append(tried.gap * half.size**0.25 if math.isfinite(tried.gap) else math.inf)
            left = halves[int(gaps[1] > gaps[0])]
        k = int(np.searchsorted(offsets, left[0], side="right") - 1)
        return self.coordinate(k, int(left[0] - offsets[k]))

    def element(self, probe: Probe) -> tuple[float, float]:
        """The analytic and numeric derivative by the one element that a coordinate's probe moved."""
        assert probe.variable is not None
        b = self.base[probe.variable]
        value = float(b[probe.index])
        step = max(abs(value), 1e-3 * self.scales[probe.variable]) if value else self.scales[probe.variable]
        return probe.analytic / step, probe.numeric / step


def products(gradient: Sequence[np.ndarray], direction: Sequence[np.ndarray]) -> list[np.ndarray]:
    """What each coordinate contributes to the derivative along a direction; one that does not move, nothing."""
    pairs = zip(gradient, direction, strict=True)
    return [g * v if np.isfinite(g).all() else np.where(v == 0, 0.0, g * v) for g, v in pairs]


def _scale(b: np.ndarray) -> float:
    """The size of an array's elements, 1 for zeros."""
    size = norm([b])
    return size / math.sqrt(b.size) if size and math.isfinite(size) else 1.0
