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
from dataclasses import dataclass

import numpy as np

from .examine import Examination
from .finite import FIRST_STEP, Claim, slope
from .probe import AGREES, DIFFERS, KINK, Probe, products

AROUND, CHECKED = 48, 6
"""At how many points around the rule's values are gathered, and at how many it is held against differences.

Of eight pieces that meet at a corner of three ties, 48 points miss a given one in (7/8)^48, two of a thousand cases. A rule
that is wrong to one side of a kink, at half of the points around, is right at six of them in 1.6 percent.
"""

DOZEN = 12
"""So many lines that add up speak for a derivative. At a tie one may add up by chance, where the other line of the sum keeps to
the same piece."""

FEW = 512
"""Elements that may all be moved at once."""

ASIDE = 1e-2
"""How far a point around may be, in variables' scales: a derivative changes by about as much there as `is_among` gives room."""
LEAST = 1e-9
"""The least that breaks a tie; finer is the last step of differences, which tells nothing any more."""

SIDEWAYS = (1e-2, 1e-5, 1e-8, 1e-11, 1e-13)
"""How far along a probe's own line: next to an edge, as of x^0.3 at 0, a derivative is the larger the nearer it is asked for, and
the engine's value may be had at any distance. A thousandfold apart, from `ASIDE` to some hundred last bits of an element."""


@dataclass
class Verdict:
    """Which probes speak against the rule, and a point nearby at which it is wrong, if there is one."""

    against: Sequence[Probe]
    wrong_at: list[np.ndarray] | None = None


def judge(exam: Examination, doubtful: Sequence[Probe]) -> Verdict:
    """Judge the probes that disagree with the rule: where f is differentiable all of them speak against it.

    At a kink a right rule disagrees along lines that meet it, and nowhere else; so a dozen that add up are enough.
    """
    is_rough = lambda p: p.outcome == KINK or not adds_up(exam, p)
    rough = [p for p in doubtful[:DOZEN] if is_rough(p)]
    if rough or any(p.outcome == KINK for p in doubtful):
        rough += [p for p in doubtful[DOZEN:] if is_rough(p)]
    if not rough:
        return Verdict(doubtful)
    confirmed, wrong_at = look_around(exam, rough)
    if not confirmed:
        return Verdict(doubtful, wrong_at)
    smooth = [p for p in doubtful if not any(p is r for r in rough)]
    outside = [p for p in rough if p.outcome == DIFFERS or not p.within_sides]
    if not outside:
        return Verdict(smooth)
    around = [gradient_at(exam, m) for k in range(AROUND) for m in [_evenly(exam) if k % 2 else _unevenly(exam)]]
    return Verdict([*smooth, *[p for p in outside if not is_among(exam, p, around)]])


def adds_up(exam: Examination, suspect: Probe) -> bool:
    """Whether the slope along a direction and those along others add up, as a differentiable function's do."""
    for _ in range(3):
        other = exam.random_direction()
        both = [d + r for d, r in zip(suspect.direction, other, strict=True)]
        slopes = [suspect.slope]
        for direction in (other, both):
            line = exam.line(direction)
            found = slope(line, Claim.none(suspect.scale))
            exam.evaluations += line.evaluations
            slopes.append(found)
        apart = abs(slopes[0].value + slopes[1].value - slopes[2].value)
        size = max(abs(s.value) for s in slopes)
        # Slopes are had to a millionth; at a kink they miss by a part of the jump. This only decides who is asked, f around the
        # point or here: a wrong rule is wrong there, too.
        if apart > 1e-3 * size + 8 * sum(s.error for s in slopes):
            return False
    return True


def look_around(exam: Examination, rough: Sequence[Probe]) -> tuple[bool, list[np.ndarray] | None]:
    """Whether the engine is right at points around, and a point at which it is not.

    A direction that moves many elements at once meets a kink of some of them within any step; then one probe's own is asked.
    """
    confirmed = 0
    for _ in range(10 * CHECKED):  # some may lie where f is not defined
        at = _aside(exam, _evenly(exam))
        if at is None:
            continue
        aside = Examination(exam.problem, exam.rng, exam.rtol, exam.atol, at=at)
        few = exam.size <= FEW
        direction = aside.random_direction() if few else rough[confirmed % len(rough)].direction
        outcome = aside.probe(direction, "nearby", start=3).outcome
        if outcome == DIFFERS:
            return False, at
        confirmed += outcome in (AGREES, KINK)
        if confirmed == CHECKED:
            break
    return confirmed > 0, None


def wrong_beside(exam: Examination) -> list[np.ndarray] | None:
    """A point a step aside at which the engine is wrong, if it is there: one that agrees may do so at this point only.

    A rule that keeps what it computed for an earlier call is right where it was first called; one that permutes its cotangent
    is right where all elements are alike.
    """
    at = _aside(exam, [FIRST_STEP * d for d in exam.random_direction()])
    if at is None:
        return None
    aside = Examination(exam.problem, exam.rng, exam.rtol, exam.atol, at=at)
    outcome = aside.probe(aside.random_direction(), "beside", start=2).outcome
    exam.evaluations += 1 + aside.evaluations
    return at if outcome == DIFFERS else None


def gradient_at(exam: Examination, moves: Sequence[np.ndarray]) -> list[np.ndarray] | None:
    """The engine's derivative aside; None where f is not defined."""
    at = _aside(exam, moves)
    if at is None:
        return None
    pairs = zip(exam.problem.gradient(exam.weights, at), exam.base, strict=True)
    return [np.zeros(b.shape) if g is None else g for g, b in pairs]


def _aside(exam: Examination, moves: Sequence[np.ndarray]) -> list[np.ndarray] | None:
    """The point moved to, None where f is not finite there."""
    at = [b + m for b, m in zip(exam.base, moves, strict=True)]
    return at if all(np.isfinite(v).all() for v in exam.problem.values(at)) else None


def _evenly(exam: Examination) -> list[np.ndarray]:
    """All coordinates moved, by up to `ASIDE`: what a generic point nearby is like."""
    return [ASIDE * s * exam.rng.uniform(-1, 1, b.shape) for b, s in zip(exam.base, exam.scales, strict=True)]


def _unevenly(exam: Examination) -> list[np.ndarray]:
    """All coordinates moved, by amounts of very different size, which breaks several ties one after the other.

    Moved alike, of many that tie each is first equally seldom; so the one that wins here wins by far, and pieces that meet
    in a narrow wedge are met as well.
    """
    least, most = math.log10(LEAST), math.log10(ASIDE)
    size = lambda b: exam.rng.choice([-1.0, 1.0], b.shape) * 10.0 ** exam.rng.uniform(least, most, b.shape)
    return [s * size(b) for b, s in zip(exam.base, exam.scales, strict=True)]


def is_among(exam: Examination, probe: Probe, around: Sequence[list[np.ndarray] | None]) -> bool:
    """Whether the engine's derivative along the probe's direction lies among those around, or to both sides on that line."""
    sides = [gradient_at(exam, [sign * t * d for d in probe.direction]) for t in SIDEWAYS for sign in (-1, 1)]
    values = [
        sum([float(p.sum()) for p in products(gradient, probe.direction)])
        for gradient in [*around, *sides]
        if gradient is not None
    ]
    values = [v for v in values if math.isfinite(v)]
    if not values:
        return False
    # Fifty draws do not reach the ends of the interval between the derivatives that meet: they miss about a fiftieth at either.
    room = 0.05 * (max(values) - min(values)) + ASIDE * max(map(abs, values))
    return min(values) - room <= probe.analytic <= max(values) + room
