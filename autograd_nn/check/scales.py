"""Scales: how far each element of a variable may move, so that the steps stay where the function is defined and smooth.

The usual scale is one for a whole array, the root of its mean square. It is too wide for [1e-20, 1.0] under a square root, and
for [-1 + 1e-9, 1.0] under log1p: one element's step leaves the domain while the other's has not begun. Such an element has a
scale of its own: its size where it is tiny beside the others, else the distance at which the function ends.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from .finite import FIRST_STEP, SHRINK, norm

Scales = list[np.ndarray]

TINY = 2.0**-20
"""Beside the usual scale: the step that suits such an element is lost to rounding in the others, and theirs is a leap to it."""
ALONE = 40
"""Up to this many elements are told from the others and have a scale each; a group that remains shares one."""
LAST_BITS = 64
"""A step of fewer last bits of an element says nothing: rounding it is an error of more than a hundredth."""


def usual_scale(b: np.ndarray) -> float:
    """The size of an array's elements, 1 for zeros."""
    size = norm([b])
    return size / float(np.sqrt(b.size)) if size and np.isfinite(size) else 1.0


def is_tiny(b: np.ndarray, scale: float | np.ndarray) -> np.ndarray:
    """Which elements are so small beside the others that they need steps of their own; zeros have no size to go by."""
    return (b != 0) & (np.abs(b) < TINY * scale)


def own_scales(
    base: Sequence[np.ndarray], usual: Sequence[float | np.ndarray], finite: Callable[[Scales], bool]
) -> Scales | None:
    """A scale for each element, None where there is no reason for it to be another than the usual.

    `finite`: whether the function is finite on both sides, when the elements move by these amounts.
    """
    tiny = [is_tiny(b, s) for b, s in zip(base, usual, strict=True)]
    scales = [np.where(m, np.abs(b), s) for m, b, s in zip(tiny, base, usual, strict=True)]
    offsets = np.cumsum([0, *[b.size for b in base]])
    narrowed = any(m.any() for m in tiny)

    def moving(group: np.ndarray, by: float = FIRST_STEP) -> bool:
        chosen = np.zeros(offsets[-1])
        chosen[group] = by
        masks = [chosen[a:b].reshape(s.shape) for a, b, s in zip(offsets[:-1], offsets[1:], scales, strict=True)]
        return finite([m * s for m, s in zip(masks, scales, strict=True)])

    groups, alone = [np.arange(offsets[-1])], 0
    while groups:
        group = groups.pop()
        if moving(group):
            continue
        if group.size > 1 and alone < ALONE:
            groups += np.array_split(group, 2)
            continue
        alone += 1
        shares = range(1, 1 + int(np.log(FIRST_STEP / (LAST_BITS * np.finfo(float).eps)) / np.log(SHRINK)))
        fitting = next((SHRINK**-n for n in shares if moving(group, FIRST_STEP * SHRINK**-n)), None)
        if fitting is None:  # it stands on the edge itself
            continue
        narrowed = True
        factor = np.ones(offsets[-1])
        factor[group] = fitting
        scales = [s * factor[a:b].reshape(s.shape) for a, b, s in zip(offsets[:-1], offsets[1:], scales, strict=True)]
    return scales if narrowed else None


def short(v: np.ndarray) -> np.ndarray:
    """v to 8 significant bits, so that b + t v is exact for steps t, powers of two, while t v has 8 bits in common with b.

    Otherwise rounding moves an element by another amount than is reckoned with: a step of a millionth by 1e-10 of itself.
    """
    return (np.asarray(v, np.float64).view(np.uint64) & np.uint64(0xFFFFE00000000000)).view(np.float64)
