"""Finite differences: numerical derivatives to hold analytic ones against, to first and second order.

Two ways. `slope` differentiates along a line and estimates its own error: central differences at steps that shrink by 8,
extrapolated to zero (Richardson), the entry of the table taken whose neighbours agree best (Ridders). It stops as soon as
the question asked of it is decided. `numerical_gradient` goes through all elements at two fixed steps, for small arrays.
Source: Ridders, "Accurate computation of F'(x) and F'(x)F''(x)" (1982); Press et al., Numerical Recipes, section 5.7.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..engine.backward import gradients
from ..engine.tensor import Tensor, tensor
from .frozen import frozen

Arrays = Sequence[np.ndarray]

# The first step, a hundredth of an element, is where a smooth function's error (h^2 / 6) is about 1e-5, and one extrapolation
# makes it 1e-9. The last, 5e-10, is where rounding (EPSILON / h) has eaten all but six digits; finer ones tell nothing. Powers
# of two, so that steps are exact.
FIRST_STEP, SHRINK, LEVELS = 2.0**-7, 8.0, 9
EPSILON = float(np.finfo(np.float64).eps)


@dataclass(slots=True)
class Slope:
    """A derivative along a line: its value, its own estimate of its error, and the differences to right and left."""

    value: float = math.nan
    error: float = math.inf
    left: float = math.nan
    right: float = math.nan
    kink: str = ""  # why there is no derivative along this line; empty where nothing speaks against one
    edge: bool = False  # whether the function was not finite at a step to one side or the other
    level: int = 0  # how far the step had to shrink for the value
    steps: list[tuple[float, float]] = field(default_factory=list)  # every step tried, with its central difference


@dataclass(slots=True)
class Step:
    """What was seen at one step: the differences to both sides, the change across, and what a last bit of f amounts to."""

    size: float
    left: float
    right: float
    across: float
    noise: float

    @property
    def central(self) -> float:
        return self.across / (2 * self.size)


@dataclass(slots=True)
class Claim:
    """A derivative along a line, as it is claimed, and how far off it may be."""

    value: float
    along: float  # the length of what each coordinate contributes: the sum itself may have cancelled to nothing
    scale: float  # the size that derivatives have along a line like this
    length: float  # how far the line goes, in units of the variables' own scales
    tolerance: float
    underflow: float  # what of the tolerance is owed to derivatives below the smallest number
    blur: float  # the largest error of differences at which they still say anything

    @classmethod
    def none(cls, scale: float) -> Claim:
        """Nothing claimed, so that a slope is had as well as it can be, to a millionth of the scale."""
        return cls(math.nan, scale, scale, 0.0, 0.0, 0.0, 1e-6 * scale)


class Line:
    """Outputs along a line through the point: each step is evaluated once, whoever asks.

    `slip(t)`: what rounding adds to moving by t, by the claimed derivative, and at most. An element of 1.0 that is to move by
    1e-14 moves by 45 last bits, which is 0.999e-14. What that is worth is taken off the differences, so that small steps
    beside an edge say what they can; where it is more than a sixteenth of the whole it is noise.

    `inner`: the size of numbers of which the outputs are what is left, so that their last bits are those of larger numbers: the
    cross-entropy of a certain and right answer is log(1 + 1e-7), and moves in steps of 2e-16.
    """

    def __init__(
        self,
        at: Callable[[float], Arrays],
        weights: Arrays,
        centre: Arrays,
        slip: Callable[[float], tuple[float, float]] | None = None,
        inner: float = 0.0,
    ) -> None:
        self._at, self.weights, self.centre, self.slip, self.inner = at, weights, centre, slip, inner
        self._known: dict[float, Arrays] = {}
        self._steps: dict[tuple[float, float], Step] = {}

    def __call__(self, t: float) -> Arrays:
        if t not in self._known:
            self._known[t] = self._at(t)
        return self._known[t]

    @property
    def evaluations(self) -> int:
        """How often the function ran."""
        return len(self._known)

    def step(self, t: float, along: float, weights: Arrays | None = None) -> Step:
        """What is seen at a step; the noise is that of the outputs with these weights."""
        if weights is not None:
            return self._seen(t, along, weights)
        if (t, along) not in self._steps:
            self._steps[t, along] = self._seen(t, along, self.weights)
        return self._steps[t, along]

    def _seen(self, t: float, along: float, weighed: Arrays) -> Step:
        up, down = self(t), self(-t)
        least = self.inner * norm(weighed) if self.inner else 0.0
        noise = EPSILON * max(least, weighted_size(weighed, self.centre), weighted_size(weighed, up)) / (2 * t)
        left, right = _change(self.weights, self.centre, down), _change(self.weights, up, self.centre)
        across = _change(self.weights, up, down)
        if self.slip is not None:
            (after, most), (before, more) = self.slip(t), self.slip(-t)
            if max(most, more) <= t * along / 16:
                left, right, across = left + before, right - after, across - (after - before)
            else:
                noise += max(most, more) / t
        return Step(t, left / t, right / t, across, noise)

    def touched(self, t: float) -> Arrays:
        """The weights of those outputs that differ at a step t from where they stand; zeros for the others, if there are any."""
        moved = [(up != c) | (down != c) for c, up, down in zip(self.centre, self(t), self(-t), strict=True)]
        if not any(m.any() for m in moved):
            return self.weights
        return [np.where(m, w, 0.0) for w, m in zip(self.weights, moved, strict=True)]


def slope(line: Line, claim: Claim, start: int = 0, glance: bool = False, sweep: bool = False) -> Slope:
    """The derivative at 0 of sum(weights * line(t)), tried at ever smaller t until it meets the claim or cannot be improved.

    `start`: the level to begin at; at a `glance`, one step that meets the claim, with both sides alike, is enough; a `sweep`
    goes on through all steps, for the picture. Steps at which the function is not finite (a logarithm's, left of 0) are
    passed over.
    """
    found = Slope()
    above: list[float] = []  # the last row of the table
    seen: list[Step] = []
    worse = 0
    for level in range(start, LEVELS):
        step = line.step(FIRST_STEP * SHRINK**-level, claim.along)
        seen.append(step)
        row = [step.central]
        if not (math.isfinite(row[0]) and math.isfinite(step.right) and math.isfinite(step.left)):
            above, found.edge = [], True
            continue
        found.steps.append((step.size, row[0]))
        # Both sides alike to a thousandth: at the third step, 1e-4, a smooth function's differ by its curvature times that.
        meets = abs(row[0] - claim.value) <= claim.tolerance
        if glance and meets and abs(step.right - step.left) <= 1e-3 * claim.scale:
            found.value, found.level = row[0], level
            found.error = max(abs(row[0] - claim.value), step.noise)
            found.left, found.right = step.left, step.right
            return found
        least = math.inf
        for j, before in enumerate(above):
            row.append(row[j] + (row[j] - before) / (SHRINK ** (2 * j + 2) - 1))
            error = max(abs(row[j + 1] - row[j]), abs(row[j + 1] - before), step.noise)
            least = min(least, error)
            if error < found.error:
                found.value, found.error, found.level = row[j + 1], error, level
        above = row
        worse = worse + 1 if least > found.error else 0
        gap = abs(found.value - claim.value)
        # Ridders' estimate is one neighbour's distance; of the true error it is too small by a few times, seldom by eight.
        settled = 8 * found.error <= claim.blur and (gap <= claim.tolerance + 8 * found.error or worse >= 2)
        if gap <= claim.tolerance or settled:
            break
    _judge_sides(found, seen, claim.scale)
    for later in range(level + 1, LEVELS) if sweep else ():
        step = line.step(FIRST_STEP * SHRINK**-later, claim.along)
        found.steps.append((step.size, step.central))
    return found


def norm(parts: Iterable[np.ndarray]) -> float:
    """The Euclidean length of arrays taken together, whatever their size; what is not finite is left out."""
    arrays = list(parts)
    total = sum([float(np.vdot(p, p)) for p in arrays])
    if 1e-280 < total < 1e280:
        return math.sqrt(total)
    flat = [p[np.isfinite(p)] for p in arrays]
    largest = max((float(np.max(np.abs(p), initial=0.0)) for p in flat), default=0.0)
    return largest * math.sqrt(sum(float(np.sum(np.square(p / largest))) for p in flat)) if largest else 0.0


def weighted_size(weights: Arrays, values: Arrays) -> float:
    """The length of weights * values: a last bit of it is what rounding leaves of their sum, roughly."""
    return norm([w * v for w, v in zip(weights, values, strict=True)])


def _change(weights: Arrays, after: Arrays, before: Arrays) -> float:
    """sum(weights * (after - before)), subtracted first, so that large values cancel before they are summed."""
    return float(sum([np.vdot(w, a - b) for w, a, b in zip(weights, after, before, strict=True)]))


def _judge_sides(found: Slope, seen: Sequence[Step], scale: float) -> None:
    """Whether there is no derivative: a jump, an edge of where f is defined, or one-sided differences that stay apart.

    Those of a smooth function come together in proportion to the step, by 8 from one to the next, and its changes shrink with
    it. A step is *clear* where rounding is a millionth of what is seen. A jump: three steps, of which the last is 64 times finer
    than the first, change f by the same to a thousandth. A kink: sides that keep six tenths of their distance where an eighth
    is due (half, where the curvature itself is singular), and whose distance is more than the 1e-4 that is left of a smooth
    function's at the finest clear steps.
    """
    if seen and not math.isfinite(seen[-1].across) and len({math.isfinite(s.right) for s in seen}) == 1:
        sides = [math.isfinite(seen[-1].left), math.isfinite(seen[-1].right)]
        if sum(sides) == 1:
            found.left, found.right = seen[-1].left, seen[-1].right
            found.kink = f"it is defined on the {'right' if sides[1] else 'left'} only"
        return
    clear = [
        s for s in seen if math.isfinite(s.left + s.right) and s.noise <= 1e-6 * max(scale, abs(s.left), abs(s.right))
    ]
    if not clear:
        return
    last = clear[-1]
    found.left, found.right = last.left, last.right
    heights = [s.across for s in clear[-3:]]
    if len(clear) > 2 and abs(last.across) > 1e3 * last.noise * last.size and np.ptp(heights) < 1e-3 * abs(last.across):
        found.kink = f"it jumps by {last.across:.3g}"
        return
    if len(clear) < 2:
        return
    before, jump = clear[-2], last.right - last.left
    # Where the slopes here are small beside what is usual, both sides must have settled for a jump between them to be one.
    settled = max(abs(last.left - before.left), abs(last.right - before.right)) < 0.1 * abs(jump)
    seen_at_all = abs(jump) > max(1e-4 * max(abs(last.left), abs(last.right)), 64 * last.noise)
    stays = abs(jump) > 0.6 * abs(before.right - before.left)
    if stays and (abs(jump) > 1e-4 * scale or (settled and seen_at_all)):
        found.kink = f"{last.left:.3g} on the left, {last.right:.3g} on the right"


def numerical_gradient(f: Callable[..., float], arrays: Arrays, step: float = 2e-3) -> list[np.ndarray]:
    """The derivative of a scalar function of float64 arrays with respect to each element of each."""
    results = []
    for k, array in enumerate(arrays):
        result = np.zeros(array.shape)
        for position in np.ndindex(array.shape):
            slopes = []
            for h in (step, step / 2):
                values = []
                for sign in (1.0, -1.0):
                    moved = [np.array(a) for a in arrays]
                    moved[k][position] += sign * h
                    values.append(float(f(*moved)))
                slopes.append((values[0] - values[1]) / (2 * h))
            result[position] = (4 * slopes[1] - slopes[0]) / 3
        results.append(result)
    return results


def analytic_gradient(
    f: Callable[..., Any], arrays: Arrays, cotangents: Arrays, create_graph: bool = False
) -> tuple[list[Tensor], list[Tensor]]:
    """The gradient of sum(cotangents * f(arrays)) by the engine, and the leaves it was taken at."""
    leaves = [tensor(a, requires_grad=True) for a in arrays]
    total = projected(f(*leaves), cotangents)
    if total.node is None:
        return [tensor(np.zeros(a.shape, a.dtype)) for a in arrays], leaves
    with contextlib.nullcontext() if create_graph else frozen([total]):
        found = gradients(total, leaves, create_graph=create_graph, allow_unused=True)
    return [tensor(np.zeros(a.shape, a.dtype)) if g is None else g for g, a in zip(found, arrays, strict=True)], leaves


def projected(outputs: Any, cotangents: Arrays) -> Any:
    """sum(cotangents * outputs) over the floating outputs: a scalar with the same derivatives."""
    floating = floating_outputs(outputs)
    total: Any = 0.0
    for out, c in zip(floating, cotangents, strict=True):
        total = total + (out * c.astype(out.dtype)).sum()
    return total


def floating_outputs(outputs: Any) -> list[Any]:
    parts = outputs if isinstance(outputs, tuple) else (outputs,)
    return [p for p in parts if p.dtype.kind == "f"]


def largest_error(found: Any, expected: Any) -> float:
    """The largest difference, relative to the largest finite expected value or 1; inf where only one is finite."""
    found, expected = np.asarray(found, np.float64), np.asarray(expected, np.float64)
    if found.shape != expected.shape:
        return np.inf
    apart = ~((found == expected) | (np.isnan(found) & np.isnan(expected)))
    if not apart.any():
        return 0.0
    if not (np.isfinite(found[apart]).all() and np.isfinite(expected[apart]).all()):
        return np.inf
    scale = float(np.abs(expected[np.isfinite(expected)]).max())
    return float(np.abs(found[apart] - expected[apart]).max() / max(1.0, scale))


def gradient_errors(f: Callable[..., Any], arrays: Arrays, rng: np.random.Generator, order: int = 2) -> list[float]:
    """The largest relative error of the engine's derivatives of f, for each order up to `order`.

    f takes as many Tensors (or float64 arrays) as there are arrays. The second order is the derivative of a random
    projection of the gradient, against differences of the gradient itself.
    """
    cotangents = [rng.standard_normal(o.shape) for o in floating_outputs(f(*arrays))]
    found, _ = analytic_gradient(f, arrays, cotangents)
    expected = numerical_gradient(lambda *a: projected(f(*a), cotangents), arrays)
    errors = [max((largest_error(g.numpy(), e) for g, e in zip(found, expected, strict=True)), default=0.0)]
    if order < 2:
        return errors
    directions = [rng.standard_normal(a.shape) for a in arrays]

    def slope(*moved: np.ndarray) -> float:
        gs, _ = analytic_gradient(f, moved, cotangents)
        return float(sum(np.sum(g.numpy() * v) for g, v in zip(gs, directions, strict=True)))

    gs, leaves = analytic_gradient(f, arrays, cotangents, create_graph=True)
    total: Any = 0.0
    for g, v in zip(gs, directions, strict=True):
        total = total + (g * v).sum()
    second = (
        gradients(total, leaves, allow_unused=True)
        if isinstance(total, Tensor) and total.requires_grad
        else [None] * len(leaves)
    )
    expected = numerical_gradient(slope, arrays)
    pairs = [(np.zeros(e.shape) if s is None else s.numpy(), e) for s, e in zip(second, expected, strict=True)]
    return [*errors, max((largest_error(s, e) for s, e in pairs), default=0.0)]
