"""Examining a derivative: what each direction that is tried says of it.

A few directions first, then coordinates one by one: all of them where they are few, else those that tell most (see
`directions`). A direction that disagrees is halved until one coordinate is left.

Decision: there is no absolute tolerance, which would hide a wrong rule of a function of tiny values. What may differ is
relative to the derivatives here and to what rounding leaves of f: a derivative that claims less than the last bits of f's
values nearby claims to be zero, and is held to that (a singular matrix's determinant, whose cofactors come out as 1e-18).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import directions
from .finite import EPSILON, FIRST_STEP, LEVELS, SHRINK, Claim, Line, Slope, norm, slope, weighted_size
from .probe import AGREES, DIFFERS, KINK, SEVERITY, UNCLEAR, Derivative, Probe, products
from .scales import TINY, is_tiny, own_scales, usual_scale

SMALLEST, LARGEST = float(np.finfo(np.float64).tiny), float(np.finfo(np.float64).max)
VISIBLE = 1e3 * EPSILON / (2 * FIRST_STEP)
"""A derivative, relative to the outputs, of which a thousandth stands out of rounding at the first step."""
HIDDEN = 1e-4
"""The error, relative to its own size, from which on a derivative is wrong that is tiny beside others: see `_hidden`.

A tenth of a thousandth; a rule whose own terms cancel to a millionth keeps ten digits of sixteen, and is well within."""
ROUGH = 2.0**-32
"""The share of the outputs that changes with the last bits of the inputs where six digits are lost: at any step that rounding
spares curvature may look like a kink then."""
FEW = 40
"""At most this many coordinates are all tried one by one."""
SWEPT = 5_000
"""Up to this many the first direction is tried at every step, so that the picture shows how the error falls and rises."""
LARGE = 100_000
"""From this many on, large steps are left out: a unit of a large network would be pushed over its kink."""


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
        scales: Sequence[Any] | None = None,
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
        # Coordinates, tiny beside others, in which an error may hide: each operation is to be asked.
        self.suspicious: list[Probe] = []
        self._typical: float | None = None
        self._near: list[list[np.ndarray]] | None = None
        self._rounding: float | None = None
        self.size = sum(b.size for b in self.base)
        self.output_size = weighted_size(self.weights, self.centre)
        self._wide = [usual_scale(b) for b in self.base]
        for k, (s, g) in enumerate(zip(self._wide, self.gradient, strict=True)):
            if s < TINY and norm([g]) * s <= VISIBLE * self.output_size:
                self._wide[k] = 1.0  # as if it were zero, which it is beside what f adds to it
        # A number for each variable, or an array with one for each element.
        self.scales: list[Any] = list(self._wide if scales is None else scales)

    @property
    def typical(self) -> float:
        """The size of what one element contributes when it moves by its scale."""
        if self._typical is None:
            steepness = norm([g * s for g, s in zip(self.gradient, self.scales, strict=True)])
            self._typical = steepness / math.sqrt(self.size) if self.size else 0.0
        return self._typical

    def reach(self, weights: Sequence[np.ndarray]) -> float:
        """How large the outputs with these weights are within a quarter of the variables' own scale."""
        if self._near is None:
            self.evaluations += 2
            self._near = [self.problem.values(self.moved(self.random_direction(), t)) for t in (0.25, -0.25)]
        sizes = [weighted_size(weights, values) for values in (self.centre, *self._near)]
        return max([v for v in sizes if math.isfinite(v)], default=0.0)

    @property
    def rounding(self) -> float:
        """How much the outputs change with the last bits of the inputs, as they do with those of all that is computed from them.

        An algorithm that is backward stable has the right result of inputs next to its own, and no better one: of an inverse
        whose condition is 1e10 six digits. Source: Higham, Accuracy and Stability of Numerical Algorithms (2002), section 1.5.
        """
        if self._rounding is None:
            self.evaluations += 2
            bits = [EPSILON * b * directions.signs(self.rng, b.shape) for b in self.base]
            values = [self.problem.values(self.moved(bits, t)) for t in (1.0, 16.0)]
            changes = [[v - c for v, c in zip(found, self.centre, strict=True)] for found in values]
            one, many = [weighted_size(self.weights, change) for change in changes]
            self._rounding = one if many > 4 * one else 0.0  # a jump is as high after sixteen bits as after one
        return self._rounding

    def is_blurred(self, share: float) -> bool:
        """Whether more than this share of the outputs here and nearby changes with the last bits of the inputs."""
        return self.rounding > share * self.reach(self.weights)

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
        first = self.probe(self.random_direction(), "random direction", start, sweep=sweep)
        if first.outcome != AGREES:
            self._narrow(first, start, sweep)
        self.probe(directions.balanced(self.rng, self.gradient, self.scales), "balanced direction", start)
        zeros = directions.along_zeros(self.rng, self.gradient, self.scales)
        if zeros is None:
            self.probe(self.random_direction(), "random direction", start)
        else:
            self.probe(zeros, "along the zeros", start)

    def _narrow(self, first: Probe, start: int, sweep: bool) -> None:
        """Give elements that need it a scale of their own, if that settles what the first direction did not."""
        usual = self.scales
        if not first.slope.edge and not any(is_tiny(b, s).any() for b, s in zip(self.base, usual, strict=True)):
            return
        own = own_scales(self.base, usual, self._is_finite_beside)
        if own is None:
            return
        before = list(self.probes), list(self.suspicious)
        self.probes.remove(first)
        self._rescale(own)
        again = self.probe(self.random_direction(), "random direction", start, sweep=sweep)
        # An element that hardly moves any more is not seen by the direction, and has to agree by itself.
        narrowed = [(k, int(i)) for k, s in enumerate(own) for i in np.flatnonzero(s != usual[k])]
        asked = [narrowed[i] for i in self.rng.permutation(len(narrowed))[:FEW]]
        said = {again.outcome, *[self.coordinate(k, i).outcome for k, i in asked]}
        if not said <= {AGREES, DIFFERS}:
            self.probes, self.suspicious = before
            self._rescale(usual)

    def _rescale(self, scales: Sequence[Any]) -> None:
        self.scales, self._typical, self._near = list(scales), None, None

    def _is_finite_beside(self, moves: Sequence[np.ndarray]) -> bool:
        self.evaluations += 2
        sides = [self.problem.values(self.moved(moves, sign)) for sign in (1.0, -1.0)]
        return all(bool(np.isfinite(v).all()) for values in sides for v in values)

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
        claim, line = self.claim(direction), self.line(direction)
        # One step is enough where it meets the claim; the first direction has more, for an estimate of their error.
        glance = bool(self.probes)
        found = slope(line, claim, max(start, 2 * glance), glance, sweep)
        if glance and not abs(found.value - claim.value) <= claim.tolerance:
            found = slope(line, claim, start)
        outcome, suspicious = self._outcome(claim, found, direction), False
        if outcome == DIFFERS and label != "half" and self._unsettled(claim, line, found):
            outcome = UNCLEAR
        if outcome in (AGREES, UNCLEAR) and variable is not None and self._hidden(claim, line, found):
            suspicious = True
            outcome = DIFFERS if self.problem.elementary else outcome
        self.evaluations += line.evaluations
        made = Probe(label, claim, found, outcome, direction, variable, index)
        self.probes.append(made)
        if suspicious:
            self.suspicious.append(made)
        return made

    def claim(self, direction: Sequence[np.ndarray]) -> Claim:
        """What the engine says of a direction."""
        parts = products(self.gradient, direction)
        value = sum([float(p.sum()) for p in parts])
        along = norm(parts)
        length = directions.length(direction, self.scales)
        # A tiny derivative is the rest of larger terms that cancelled, and keeps their rounding: it is held to 1e-10 of what is
        # typical here, and to 1e-12 of the outputs, which is what differences leave of them (EPSILON over a step of 1e-4). An
        # error that could hide below is looked for in coordinates: see `_hidden`.
        least = max(1e-3 * self.typical, 1e-5 * self.output_size) * length
        usual = max(along, self.typical * length, 1e-5 * self.output_size * length)
        scale = max(usual, 1e3 * EPSILON * length)
        underflow = SMALLEST * norm(direction)  # what the engine's zero may stand for
        tolerance = self.atol + self.rtol * max(along, least) + underflow
        # Differences ten times as uncertain as the error allowed still tell an error of a thousandth, a thousand times more.
        # Among the units of a large network some are always near their kinks, and its value is a sum of much that does not
        # move: there it is a thousand times, and an error of a thousandth is ten times more. So what an uncertain difference
        # may hide is a millionth of what is usual along this line, 1e-4 in a large network; of a coordinate whose derivative
        # is small beside that, `_hidden` looks for errors above `HIDDEN` of its own size.
        blur = (10 if self.size <= SWEPT else 1000) * (self.atol + self.rtol * usual)
        return Claim(value, along, scale, length, tolerance, underflow, blur)

    def line(self, direction: Sequence[np.ndarray]) -> Line:
        """The outputs along a direction."""
        slip = (lambda t: self._slip(direction, t)) if self.size < LARGE else None
        return Line(
            lambda t: self.problem.values(self.moved(direction, t)), self.weights, self.centre, slip, self.problem.inner
        )

    def _slip(self, direction: Sequence[np.ndarray], t: float) -> tuple[float, float]:
        """What rounding adds to a move: the claimed derivative of it, and the length of its parts."""
        missed = [(b + t * v) - b - t * v for b, v in zip(self.base, direction, strict=True)]
        if not any([m.any() for m in missed]):
            return 0.0, 0.0
        parts = products(self.gradient, missed)
        return sum([float(p.sum()) for p in parts]), norm(parts)

    def moved(self, direction: Sequence[np.ndarray], t: float) -> list[np.ndarray]:
        """The variables, moved by t along a direction."""
        return [b + t * v for b, v in zip(self.base, direction, strict=True)]

    def _outcome(self, claim: Claim, found: Slope, direction: Sequence[np.ndarray]) -> str:
        """What a direction says."""
        if found.kink and math.isfinite(claim.value):
            too_coarse = abs(claim.value) * FIRST_STEP * SHRINK ** (1 - LEVELS) > 10 * self.output_size > 0
            return UNCLEAR if too_coarse else KINK
        if not math.isfinite(claim.value):  # wrong where differences come to something, else infinitely steep
            pairs = zip(self.gradient, direction, strict=True)
            most = max(float(np.max(np.abs(v), initial=0.0, where=~np.isfinite(g))) for g, v in pairs)
            expressible = abs(found.value) <= most * LARGEST  # 1 / x^2 at 1e-200 is not
            return DIFFERS if expressible and found.error <= 1e-3 * abs(found.value) + claim.blur else UNCLEAR
        gap = abs(claim.value - found.value)
        if gap <= claim.tolerance:
            return AGREES
        if gap <= claim.tolerance + 8 * found.error and 8 * found.error <= claim.blur:
            return AGREES
        room = claim.tolerance + 8 * found.error
        reach = self.reach(self.weights) * claim.length
        # A last bit of the values nearby, times the sums of some dozens of them: below that the engine's zero is not exact.
        if claim.along <= 64 * EPSILON * reach:  # it claims to be zero
            room += 64 * EPSILON * reach
            if gap <= room and 8 * found.error <= 1e-9 * reach:
                return AGREES
        if not gap > room:
            return UNCLEAR
        # Were it to change by more than its own size at the smallest step, the steps would be too coarse.
        coarse = found.steps and abs(claim.value) * found.steps[-1][0] > 10 * self.output_size > 0
        return UNCLEAR if coarse else DIFFERS

    def _unsettled(self, claim: Claim, line: Line, found: Slope) -> bool:
        """Whether the finest step that rounding spares sides with the engine: then the coarser ones saw too little of f."""
        gap = abs(claim.value - found.value)
        swept = slope(line, claim, sweep=True)
        # Rounding at a step must be a tenth of the gap to say anything of it; within half of it is nearer to the engine's value.
        clear = [d for t, d in swept.steps if EPSILON * self.output_size / (2 * t) <= 0.1 * gap]
        return bool(clear) and abs(clear[-1] - claim.value) <= 0.5 * gap

    def _hidden(self, claim: Claim, line: Line, found: Slope) -> bool:
        """Whether one coordinate's derivative is wrong by a part that is lost among the larger outputs and derivatives of others.

        Outputs that do not change when it moves do not blur its differences, however large they are. So the others' rounding
        alone counts, and three steps running are believed that stand clear of it and agree with each other and not with
        the claim.
        """
        size = max(abs(claim.value), abs(found.value))
        if not HIDDEN * size + claim.underflow < abs(claim.value - found.value) < math.inf:
            return False
        touched = line.touched(FIRST_STEP)
        reach = self.reach(touched)
        if size <= 64 * EPSILON * reach * claim.length:  # zero, up to rounding
            return False
        running: list[float] = []
        for level in range(LEVELS):
            step = line.step(FIRST_STEP * SHRINK**-level, claim.along, touched)
            gap = abs(step.central - claim.value)
            # Forty times its rounding, so that three values within a quarter of the gap are no accident.
            coarse = abs(claim.value) * step.size > 10 * reach
            if coarse or not (HIDDEN * abs(step.central) < gap < math.inf and 40 * step.noise <= gap):
                running = []
                continue
            alike = max([abs(step.right - step.left), *[abs(d - step.central) for d in running[-2:]]]) <= 0.25 * gap
            running = [*running, step.central] if alike else [step.central]
            if len(running) == 3:
                return True
        return False

    def _negated(self) -> None:
        """A derivative is linear in its cotangent; a rule that is right for one sign only is wrong."""
        found = self.problem.gradient([-w for w in self.weights])
        for g, other in zip(self.gradient, found, strict=True):
            if other is not None and not np.abs(g + other).max(initial=0.0) <= 1e-9 * np.abs(g).max(initial=0.0):
                self.odd = self.odd and not np.isfinite(g).all()

    def random_direction(self) -> list[np.ndarray]:
        """A direction in which every coordinate moves, by up to its variable's own scale."""
        return directions.at_random(self.rng, self.base, self.scales)

    # ---- coordinates -----------------------------------------------------------------------------------------

    def coordinates(self, everything: bool = False) -> None:
        """Try coordinates one by one: all of them where they are few or it is asked for, else the telling ones."""
        if everything or self.size <= FEW:
            chosen = [(k, i) for k, b in enumerate(self.base) for i in range(b.size)]
        else:
            chosen = directions.telling(self.rng, self.gradient, FEW)
        for k, i in chosen:
            self.coordinate(k, i)

    def coordinate(self, k: int, flat: int) -> Probe:
        """Try one coordinate of one variable."""
        place = tuple([int(i) for i in np.unravel_index(flat, self.base[k].shape)])
        value, scale = (
            abs(float(self.base[k][place])),
            float(np.broadcast_to(self.scales[k], self.base[k].shape)[place]),
        )
        amount = max(value, 1e-3 * scale) if value and scale == self._wide[k] else scale
        made = self.probe(directions.alone(self.base, k, place, amount), "coordinate", 0, k, place)
        if made.outcome == AGREES and amount < TINY * self._wide[k] and not self._is_confirmed(made):
            made.outcome = UNCLEAR  # it agrees because it hardly moves anything
        if made.outcome == UNCLEAR and amount < scale:
            # An element that happens to be small beside the others changes f by so little that rounding hides its derivative.
            # Where f bears the step that suits the others, that one is a hundred or a thousand times clearer.
            made = self._instead(
                made, directions.alone(self.base, k, place, scale), lambda p: p.outcome in (AGREES, DIFFERS)
            )
        own = self._own_scale(k, place, value, scale) if made.outcome != AGREES and value else None
        if own is None or own == amount:
            return made

        def tells(again: Probe) -> bool:
            if again.outcome == DIFFERS or any(again is p for p in self.suspicious):
                return True
            constant = made.outcome == KINK and again.claim.along == 0
            return again.outcome == AGREES and (constant or self._is_confirmed(again))

        # Its step may have been a leap out of the domain, or over a pole: once more, on its own scale.
        again = self._instead(made, directions.alone(self.base, k, place, own), tells)
        if again is not made:
            scales = [np.array(np.broadcast_to(s, b.shape)) for s, b in zip(self.scales, self.base, strict=True)]
            scales[k][place] = own
            self._rescale(scales)
        return again

    def _instead(self, made: Probe, direction: Sequence[np.ndarray], tells: Callable[[Probe], bool]) -> Probe:
        """The probe of a coordinate with another step, if that tells more; else the one that was made."""
        again = self.probe(direction, "coordinate", 0, made.variable, made.index)
        kept, other = (again, made) if tells(again) else (made, again)
        self.probes.remove(other)
        return kept

    def _own_scale(self, k: int, place: tuple[int, ...], value: float, scale: float) -> float | None:
        alone, usual = [directions.alone(self.base, k, place, v) for v in (value, scale)]
        own = own_scales(alone, usual, self._is_finite_beside)
        return None if own is None else float(own[k][place])

    def _is_confirmed(self, made: Probe) -> bool:
        """Whether differences have the derivative to half a thousandth, at the largest step or extrapolated, rounding included.

        On a scale of its own an element moves so little that the tolerance, which is that of all outputs, says nothing of it.
        """
        along, line = made.claim.along, self.line(made.direction)
        touched = Line(line, line.touched(FIRST_STEP), self.centre, line.slip, line.inner)
        first, best = touched.step(FIRST_STEP, along), slope(touched, Claim.none(along))
        self.evaluations += line.evaluations
        uncertain = [(first.central, first.noise), (best.value, best.error)]
        return along > 0 and any(abs(v - made.analytic) + error <= 6e-4 * along for v, error in uncertain)

    def hunt(self, suspect: Probe) -> Probe | None:
        """A coordinate that disagrees, by halving the variables' coordinates and following the half that disagrees more."""
        if not self.size:
            return None
        offsets = np.cumsum([0, *[b.size for b in self.base]])
        left = np.arange(self.size)
        start = max(0, suspect.slope.level - 1)
        signs = directions.signs(self.rng, (self.size,))
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
                tried = self.probe(directions.unit(parts, self.scales), "half", start)
                self.probes.pop()
                gaps.append(tried.gap * half.size**0.25 if math.isfinite(tried.gap) else math.inf)
            left = halves[int(gaps[1] > gaps[0])]
        k = int(np.searchsorted(offsets, left[0], side="right") - 1)
        return self.coordinate(k, int(left[0] - offsets[k]))

    def element(self, probe: Probe) -> tuple[float, float]:
        """The analytic and numeric derivative by the one element that a coordinate's probe moved."""
        assert probe.variable is not None
        step = float(probe.direction[probe.variable][probe.index])
        return probe.analytic / step, probe.numeric / step
