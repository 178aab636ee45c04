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

import numpy as np

from .examine import AGREES, DIFFERS, KINK, Examination, Probe
from .finite import slope

NEARBY, CHECKED = 48, 6
"""At how many points around the rule's values are gathered, and at how many it is held against differences."""


@np.errstate(all="ignore")
def contradicted(exam: Examination, doubtful: Sequence[Probe]) -> list[Probe]:
    """The probes that speak against the rule, of those that disagree with it: all of them where f is differentiable."""
    rough = [p for p in doubtful if p.outcome == KINK or not adds_up(exam, p)]
    if not rough:
        return list(doubtful)
    gradients = gradients_around(exam, rough)
    if gradients is None:
        return list(doubtful)
    return [p for p in doubtful if not any(p is r for r in rough) or not is_among(p, gradients)]


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


def gradients_around(exam: Examination, suspects: Sequence[Probe]) -> list[list[np.ndarray]] | None:
    """The engine's derivatives at points around; None if the rule is wrong there, or cannot be checked at any of them.

    The points are moved along the suspects' own directions, in all coordinates alike, and in some of them by amounts of very
    different size, which breaks several ties one after the other.
    """
    rng, found, confirmed = exam.rng, [], 0
    for k in range(NEARBY):
        if k < 2 * len(suspects) and k < NEARBY // 2:
            moves = [1e-2 * (-1.0) ** k * d for d in suspects[k // 2].direction]
        elif k % 2:
            moves = [1e-2 * s * rng.uniform(-1, 1, b.shape) for b, s in zip(exam.base, exam.scales, strict=True)]
        else:
            moves = [s * _uneven(rng, b.shape) for b, s in zip(exam.base, exam.scales, strict=True)]
        at = [b + m for b, m in zip(exam.base, moves, strict=True)]
        if not all(np.isfinite(v).all() for v in exam.problem.values(at)):
            continue
        if k % 2 and confirmed < CHECKED:
            aside = Examination(exam.problem, rng, exam.rtol, exam.atol, at=at)
            outcome = aside.probe(aside.random_direction(), "nearby", start=3).outcome
            if outcome == DIFFERS:
                return None
            confirmed += outcome in (AGREES, KINK)
        gradient = exam.problem.gradient(exam.weights, at)
        found.append([np.zeros(b.shape) if g is None else g for g, b in zip(gradient, exam.base, strict=True)])
    return found if confirmed else None


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
