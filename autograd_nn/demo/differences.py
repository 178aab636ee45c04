"""Gradients against finite differences: what `backward` says about a loss, compared with the loss itself.

The slope of the loss along a direction is a number that needs no derivative: go a little way forth and back and see how
much the loss changes. The gradient predicts the same number. Random directions through all parameters at once would show
an error anywhere; directions along single parameters are exact about one.

Decision: a finite difference is worth nothing where a relu switches on or off between its ends, and among the thousands
of relus of a network one often does. So each evaluation is recorded, and the step is halved until no relu switches.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

import autograd_nn as ag

TOLERANCE = 1e-6
FIRST_STEP, LAST_STEP = 2.0**-7, 2.0**-22

Loss = Callable[[list[ag.Tensor]], ag.Tensor]


@dataclass(frozen=True)
class Comparison:
    """How many slopes were compared, and the worst relative error among them."""

    directions: int
    singles: int
    worst: float

    @property
    def passed(self) -> bool:
        return self.worst <= TOLERANCE  # false for NaN too


def compare_gradients(
    loss: Loss, parameters: Sequence[ag.Tensor], seed: int, *, directions: int = 8, singles_each: int = 4
) -> Comparison:
    """Compare the gradient of the loss at these parameters, cast to float64, with finite differences.

    Along `directions` random directions through all parameters, and along `singles_each` entries of every one of them.
    The error of a slope is relative to it, or to the typical slope of a random direction, whichever is larger: what is
    tiny by chance (of a weight whose pixel is always blank) has few correct digits.
    """
    leaves = [ag.tensor(p.detach().astype(np.float64), requires_grad=True) for p in parameters]
    gradient = _joined(ag.gradients(loss(leaves), leaves))
    typical = np.linalg.norm(gradient) / np.sqrt(gradient.size)

    random = np.random.default_rng(seed)
    along = [d / np.linalg.norm(d) for d in random.standard_normal((directions, gradient.size))]
    for end, p in zip(np.cumsum([p.size for p in leaves]), leaves, strict=True):
        for k in random.choice(p.size, min(singles_each, p.size), replace=False):
            along.append(np.zeros(gradient.size))
            along[-1][end - p.size + k] = 1.0

    errors = []
    for direction in along:
        predicted, measured = gradient @ direction, slope(loss, leaves, direction)
        error = abs(predicted - measured)
        errors.append(error / max(abs(predicted), abs(measured), typical) if error else 0.0)
    return Comparison(directions, len(along) - directions, float(np.max(errors)))


def slope(loss: Loss, parameters: Sequence[ag.Tensor], direction: np.ndarray) -> float:
    """The derivative of the loss along a direction (a vector of all entries), from its values nearby.

    Central differences with steps h and h/2 have errors that fall with h^2; combined as below they leave one that falls
    with h^4 (L. F. Richardson, "The approximate arithmetical solution by finite differences", 1911).
    """
    point = _joined(parameters)
    ends = np.cumsum([p.size for p in parameters])

    def at(step: float) -> tuple[float, list[np.ndarray]]:
        """The loss that far along the direction, and which relus are on there."""
        parts = np.split(point + step * direction, ends[:-1])
        moved = [ag.from_numpy(part.reshape(p.shape)) for part, p in zip(parts, parameters, strict=True)]
        with ag.no_grad(), ag.record() as record:
            value = loss(moved)
        relus = [entry.outputs[0] for entry in record.entries if entry.name == "relu"]
        return value.item(), [out.data > 0 for out in relus if out is not None]

    _, here = at(0.0)
    h = FIRST_STEP
    while True:
        (ahead, on_ahead), (behind, on_behind) = at(h), at(-h)
        smooth = all(np.array_equal(a, b) for a, b in zip(here + here, on_ahead + on_behind, strict=True))
        if smooth or h <= LAST_STEP:
            break
        h /= 2
    wide = (ahead - behind) / (2 * h)
    narrow = (at(h / 2)[0] - at(-h / 2)[0]) / h
    return (4 * narrow - wide) / 3


def _joined(tensors: Sequence[ag.Tensor]) -> np.ndarray:
    """All entries as one vector."""
    return np.concatenate([t.numpy().ravel() for t in tensors])
