"""A probe: one direction, the derivative along it as it is claimed and as differences have it, and what that says."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from .finite import Claim, Slope

AGREES, KINK, UNCLEAR, DIFFERS = "agrees", "kink", "unclear", "differs"
SEVERITY = {AGREES: 0, KINK: 1, UNCLEAR: 2, DIFFERS: 3}


class Derivative(Protocol):
    """What is examined: a function of some arrays, and what is claimed to be its derivative."""

    names: list[str]
    base: list[np.ndarray]
    elementary: bool  # one operation, whose results are rounded once, not what is left of larger numbers
    inner: float  # the size of the numbers inside of it that may cancel to nothing, as in log(1 + 1e-20); 0: none known

    def values(self, moved: Sequence[np.ndarray] | None) -> list[np.ndarray]: ...

    def gradient(
        self, weights: Sequence[np.ndarray], moved: Sequence[np.ndarray] | None = None
    ) -> list[np.ndarray | None]: ...


@dataclass(slots=True)
class Probe:
    """One direction: the derivative along it as the engine has it and as differences have it."""

    label: str
    claim: Claim
    slope: Slope
    outcome: str
    direction: Sequence[np.ndarray]
    variable: int | None = None  # of a single coordinate: whose, and which
    index: tuple[int, ...] = ()

    @property
    def analytic(self) -> float:
        return self.claim.value

    @property
    def numeric(self) -> float:
        return self.slope.value

    @property
    def scale(self) -> float:
        return self.claim.scale

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
        room = self.claim.tolerance + 1e-5 * self.scale
        return low - room <= self.analytic <= high + room


def products(gradient: Sequence[np.ndarray], direction: Sequence[np.ndarray]) -> list[np.ndarray]:
    """What each coordinate contributes to the derivative along a direction; one that does not move, nothing."""
    pairs = zip(gradient, direction, strict=True)
    return [g * v if np.isfinite(g).all() else np.where(v == 0, 0.0, g * v) for g, v in pairs]
