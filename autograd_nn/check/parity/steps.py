"""What a step of a random program is, and how the axes are drawn that it goes along."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Arrays = Sequence[Any]
Params = dict[str, Any]


@dataclass(frozen=True)
class Step:
    """One operation, on both sides."""

    name: str
    ours: Callable[..., Any]  # (arrays, params)
    theirs: Callable[..., Any]  # (torch, arrays, params)
    arity: int = 1
    choose: Callable[..., Params | None] = lambda rng, xs: {}
    kinks: Callable[..., Any] | None = None
    strict: bool = False


STEPS: dict[str, Step] = {}

ROOM = 100_000
"""The elements of the largest arrays; what a step makes of two arrays, or works through, is bounded by it beforehand."""


def step(
    name: str, ours: Any, theirs: Any, arity: int = 1, choose: Any = None, kinks: Any = None, strict: Any = False
) -> None:
    STEPS[name] = Step(name, ours, theirs, arity, choose or (lambda rng, xs: {}), kinks, strict)


def positive(x: Any) -> Any:
    return x * x + 0.5


def small(x: Any) -> Any:
    return x / (1.5 + x * x)  # between -0.41 and 0.41


def some_axes(rng: Any, xs: Arrays) -> Params | None:
    x = xs[0]
    if x.ndim == 0 or x.size == 0:
        return None
    count = int(rng.integers(1, x.ndim + 1))
    axes = tuple(sorted(int(a) for a in rng.choice(x.ndim, count, replace=False)))
    return {"axis": axes, "keepdims": bool(rng.random() < 0.5)}


def one_axis(rng: Any, xs: Arrays) -> Params | None:
    x = xs[0]
    return {"axis": int(rng.integers(-x.ndim, x.ndim))} if x.ndim and x.size else None


def two_or_more(rng: Any, xs: Arrays) -> Params | None:
    p = one_axis(rng, xs)
    return p if p and xs[0].shape[p["axis"]] >= 2 else None


def few(rng: Any, xs: Arrays) -> Params | None:
    """An axis along which a product stays within float32's range, in whatever order it is taken."""
    p = one_axis(rng, xs)
    return p if p and xs[0].shape[p["axis"]] <= 40 else None


def gaps(xs: Arrays, p: Params) -> Any:
    """The distances between neighbours in order, along the axis or axes of a step."""
    x, axis = xs[0], p.get("axis")
    axes = axis if isinstance(axis, tuple) else tuple(range(x.ndim)) if axis is None else (axis % x.ndim,)
    kept = [i for i in range(x.ndim) if i not in axes]
    flat = np.transpose(x, (*kept, *axes)).reshape(-1, math.prod(x.shape[a] for a in axes))
    return np.diff(np.sort(flat, -1), axis=-1)
