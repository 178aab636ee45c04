"""A derivative's two readings: the plain one, on arrays, and the recorded one, which higher orders differentiate.

An ordinary rule is one text for both. A fused operation with a joint rule has two: `backward()` uses the joint rule, and a
recorded derivative reruns the composition. Differences of the recorded derivative cannot tell that it is another function's,
so the two are held against each other before the next order is examined.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .examine import Examination
from .finite import EPSILON, norm
from .frozen import reached
from .hold import Problem
from .localise import Local, Place, place_of, recorded

APART = 1e-7
"""Both are rounded in float64; sums in another order may cost half of the digits. An error of 1.001 is 10^4 more."""


def differ(plain: Sequence[np.ndarray | None], again: Sequence[np.ndarray | None], room: float) -> bool:
    """Whether two readings are apart by more than rounding; `room` is what rounding leaves of any derivative here."""
    for a, b in zip(plain, again, strict=True):
        x, y = (np.zeros(1) if c is None else np.asarray(c) for c in (a, b))
        apart = float(np.max(np.abs(x - y), initial=0.0, where=np.isfinite(x) & np.isfinite(y)))
        if apart > APART * float(np.max(np.abs(x), initial=0.0, where=np.isfinite(x))) + room:
            return True
    return False


def same_reading(exam: Examination, next_order: Examination) -> bool:
    """Whether what the next order differentiates is what this one examined."""
    least = min([float(np.min(s)) for s in exam.scales if np.size(s)], default=1.0)
    room = 64 * EPSILON * (exam.output_size + norm(exam.gradient)) / max(least, EPSILON)
    return not differ(exam.gradient, next_order.centre, room)


def first_apart(problem: Problem, rng: np.random.Generator) -> Place | None:
    """The first operation whose recorded derivative is not its plain one, at the values it saw."""
    record, outputs = recorded(problem)
    nodes = reached(outputs)
    for position, entry in enumerate(record.entries):
        if entry.node is None or entry.node not in nodes:
            continue
        local = Local(entry, nodes)
        centre = local.values(None)
        weights = [rng.standard_normal(c.shape) for c in centre]
        plain = local.gradient(weights)
        try:
            again = local.gradient(weights, create_graph=True)
        except Exception as error:
            hint = (
                f"the rule raised {type(error).__name__} when it was recorded: it is given Tensors then; write it with operators "
                "and ag's functions, and without np.asarray or in-place writing"
            )
            return place_of(entry, position, hint=hint)
        if differ(plain, again, 64 * EPSILON * norm([c for c in plain if c is not None])):
            k = next(i for i, (a, b) in enumerate(zip(plain, again, strict=True)) if differ([a], [b], 0.0))
            return _worst(place_of(entry, position, local.names[k]), plain[k], again[k])
    return None


def _worst(place: Place, plain: np.ndarray | None, again: np.ndarray | None) -> Place:
    x, y = (np.asarray(0.0 if c is None else c) for c in (plain, again))
    gap = np.abs(np.subtract(x, y))
    place.index = tuple([int(i) for i in np.unravel_index(int(np.argmax(gap)), gap.shape)])
    place.analytic, place.numeric = (float(np.broadcast_to(v, gap.shape)[place.index]) for v in (y, x))
    place.hint = (
        "analytic is the recorded derivative (create_graph=True), numeric the plain one: the composition, or the rule as it "
        "reads Tensors, is another function's"
    )
    return place
