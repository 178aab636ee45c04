"""Arrays for the samples: ordinary ones and the awkward (0-d, empty, broadcast, strided, reversed)."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import Call, stream

ROWS: list[Any] = []


def normal(*shape: int) -> np.ndarray:
    """Standard normal float64 numbers."""
    return np.asarray(stream.standard_normal(shape))


def between(low: float, high: float, *shape: int) -> np.ndarray:
    """Uniform float64 numbers."""
    return np.asarray(stream.uniform(low, high, shape))


def away(*shape: int) -> np.ndarray:
    """Numbers at least 0.3 from 0 and from each other's kinks, of both signs."""
    return between(0.3, 2.0, *shape) * np.where(stream.random(shape) < 0.5, -1.0, 1.0)


def distinct(*shape: int) -> np.ndarray:
    """Numbers in random order no two of which are closer than 0.25."""
    n = int(np.prod(shape))
    return (stream.permutation(n) * 0.25 - 0.1 * n).reshape(shape)


def unary(draw: Any = normal, **params: Any) -> list[Call]:
    """Calls of a function of one array: ordinary, 0-d, empty, one element, strided, reversed, transposed."""
    base = draw(4, 6)
    awkward = [
        draw(3, 4),
        draw(),
        draw(0, 3),
        draw(1),
        base[::2, ::3],
        base[::-1, 1:4],
        draw(2, 3, 2).transpose(2, 0, 1),
    ]
    return [Call((a,), params) for a in awkward]


def binary(left: Any = normal, right: Any = normal) -> list[Call]:
    """Calls of a broadcasting function of two arrays: every way that shapes can meet, and strides."""
    shapes: list[tuple[tuple[int, ...], tuple[int, ...]]] = [
        *[((3, 4), (3, 4)), ((3, 4), (4,)), ((3, 1), (1, 4)), ((), (3,)), ((2, 3), ()), ((), ())],
        *[((0, 3), (3,)), ((2, 1, 3), (4, 1)), ((1,), (1, 1))],
    ]
    calls = [Call((left(*a), right(*b))) for a, b in shapes]
    calls.append(Call((left(6, 4)[::2, ::-1], right(4, 3).T)))
    return [*calls, Call((left(3), float(right()))), Call((float(left()), right(3)))]
