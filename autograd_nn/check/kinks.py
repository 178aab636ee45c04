"""Kinks: points without a derivative, told from wrong rules by what the function and its rule do around them.

At a tie, a repeated eigenvalue or the edge of where a function is defined, differences have nothing to hold a rule against:
they disagree between the two sides, or between directions (slopes of a differentiable function add up, f'(d) + f'(r) =
f'(d + r); those of a median of equal numbers do not). There a rule is right if it is right at the points around, where
ties are broken, and gives at the point itself a value among those that meet there.
Source: Clarke, Optimization and Nonsmooth Analysis (1983), chapter 2: the generalised gradient.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from .examine import AGREES, DIFFERS, KINK, Examination, Probe
from .finite import slope

NEARBY, CHECKED = 48, 6
"""At how many points around the rule's values are gathered, and at how many it is held against differences."""


@dataclass
class Surroundings:
    """What the engine's derivatives are at points around, and whether they are right there."""

    gradients: list[list[np.ndarray]] = field(default_factory=list)
    confirmed: int = 0
    wrong_at: list[np.ndarray] | None = None  # a point at which differences speak against the engine


@dataclass
class Verdict:
    """Which probes speak against the rule, and a point nearby at which it is wrong, if there is one."""

    against: Sequence[Probe]
    wrong_at: list[np.ndarray] | None = None


@np.errstate(all="ignore")
def judge(exam: Examination, doubtful: Sequence[Probe]) -> Verdict:
    """Judge the probes that disagree with the rule: where f is differentiable all of them speak against it."""
    rough = [p for p in doubtful if p.outcome == KINK or not adds_up(exam, p)]
    if not rough:
        return Verdict(doubtful)
    outside = [p for p in rough if p.outcome == DIFFERS or not p.within_sides]
    around = look_around(exam, outside)
    if around.wrong_at is not None or not around.confirmed:
        return Verdict(doubtful, around.wrong_at)
    smooth = [p for p in doubtful if not any(p is r for r in rough)]
    return Verdict([*smooth, *[p for p in outside if not is_among(p, around.gradients)]])


def adds_up(exam: Examination, suspect: Probe) -> bool:
    """Whether the slope along a direction and those along others add up, as a differentiable function's do."""
    for _ in range(3):
        other = exam.random_direction()
        both = [d + r for d, r in zip(suspect.direction, other, strict=True)]
        slopes = [suspect.slope]
        for direction in (other, both):
            line = lambda t, d=direction: exam.problem.values([b + t * v for b, v in zip(exam.base, d, strict=True)])
            found = slope(line, exam.weights, exam.centre, math.nan, 0.0, suspect.scale, 1e-6 * suspect.scale)
            exam.evaluations += found.evaluations
            slopes.append(found)
        apart = abs(slopes[0].value + slopes[1].value - slopes[2].value)
        size = max(abs(s.value) for s in slopes)
        if apart > 1e-3 * size + 8 * sum(s.error for s in slopes):
            return False
    return True


def look_around(exam: Examination, outside: Sequence[Probe]) -> Surroundings:
    """Hold the engine against differences at points around; for probes in doubt, gather its derivatives at more of them.

    The points are moved in all coordinates alike; in some of them by amounts of very different size, which breaks several
    ties one after the other; and along the probes' own directions.
    """
    rng, found = exam.rng, Surroundings()
    evenly = lambda: [1e-2 * s * rng.uniform(-1, 1, b.shape) for b, s in zip(exam.base, exam.scales, strict=True)]
    unevenly = lambda: [s * _uneven(rng, b.shape) for b, s in zip(exam.base, exam.scales, strict=True)]
    for _ in range(10 * CHECKED):  # some may lie where f is not defined
        at = _aside(exam, evenly())
        if at is None:
            continue
        aside = Examination(exam.problem, rng, exam.rtol, exam.atol, at=at)
        outcome = aside.probe(aside.random_direction(), "nearby", start=3).outcome
        if outcome == DIFFERS:
            found.wrong_at = at
            return found
        found.confirmed += outcome in (AGREES, KINK)
        if found.confirmed == CHECKED:
            break
    if not outside:
        return found
    for k in range(NEARBY):
        along = [1e-2 * (-1.0) ** k * d for d in outside[k // 6 % len(outside)].direction]
        at = _aside(exam, along if k % 3 == 0 else unevenly() if k % 3 == 1 else evenly())
        if at is not None:
            gradient = exam.problem.gradient(exam.weights, at)
            pairs = zip(gradient, exam.base, strict=True)
            found.gradients.append([np.zeros(b.shape) if g is None else g for g, b in pairs])
    return found


def _aside(exam: Examination, moves: Sequence[np.ndarray]) -> list[np.ndarray] | None:
    """The point moved to, None where f is not finite there."""
    at = [b + m for b, m in zip(exam.base, moves, strict=True)]
    return at if all(np.isfinite(v).all() for v in exam.problem.values(at)) else None


def _uneven(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Half of the coordinates moved, by amounts between 1e-6 and 1e-2."""
    return rng.choice([-1.0, 0.0, 0.0, 1.0], shape) * 10.0 ** rng.uniform(-6, -2, shape)


def is_among(probe: Probe, gradients: Sequence[Sequence[np.ndarray]]) -> bool:
    """Whether the engine's derivative along the probe's direction lies among those at the points around."""
    values = [
        sum(float(np.sum(g * d)) for g, d in zip(gradient, probe.direction, strict=True)) for gradient in gradients
    ]
    values = [v for v in values if math.isfinite(v)]
    if not values:
        return False
    room = 0.05 * (max(values) - min(values)) + 1e-2 * max(map(abs, values))
    return min(values) - room <= probe.analytic <= max(values) + room
