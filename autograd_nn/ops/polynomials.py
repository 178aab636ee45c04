"""Polynomials as NumPy's old functions have them: vectors of coefficients, the highest power's first."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ..engine.protocol import implements
from .elementwise import sqrt
from .joining import concat
from .reduction import sum
from .sampled import convolve
from .shape import all_arrayed, arrayed, reshape_, stack
from .solving import lstsq

__all__ = ["polyadd", "polyder", "polyfit", "polyint", "polymul", "polysub", "polyval", "vander"]


@implements(np.polyval)
def polyval(p: Any, x: Any, /) -> Any:
    """The polynomial with coefficients p, the highest power's first, at x, by Horner's rule; both are differentiated.

    >>> ag.polyval(ag.tensor([1.0, 0.0, 2.0]), ag.tensor([3.0]))
    tensor([11.], dtype=float32)
    """
    p, x = all_arrayed((p, x))
    total = x * 0
    for i in range(p.shape[0]):
        total = total * x + p[i]
    return total


@implements(np.vander)
def vander(x: Any, /, N: int | None = None, increasing: bool = False) -> Any:
    """The matrix whose columns are the powers of a vector, the highest first unless `increasing`; N of them (default: square).

    >>> ag.vander(ag.tensor([2.0, 3.0]), 3)
    tensor([[4., 2., 1.],
            [9., 3., 1.]], dtype=float32)
    """
    x = arrayed(x)
    if x.ndim != 1:
        raise ValueError(f"vander: takes a vector, not shape {x.shape}")
    n = x.shape[0] if N is None else operator.index(N)
    powers = [x**k for k in range(n)]
    if not powers:
        return reshape_(x, (-1, 1))[:, :0]
    return stack(powers if increasing else powers[::-1], axis=-1)


@implements(np.polyfit)
def polyfit(x: Any, y: Any, /, deg: int, *, w: Any = None) -> Any:
    """The coefficients of the polynomial of degree `deg` that fits points (x, y) best, by least squares; all differentiated.

    `y`: a vector, or a matrix of which each column is fitted; `w` weighs the residuals before they are squared.
    Where the points do not determine it, it is the one with the least coefficients, scaled, as `lstsq` has it.
    Raises ValueError where x, y and w do not fit together.

    >>> ag.polyfit(np.array([0.0, 1.0, 2.0]), np.array([1.0, 3.0, 5.0]), 1).round(3)
    array([2., 1.])
    """
    x, y = all_arrayed((x, y))
    if x.ndim != 1 or y.ndim not in (1, 2) or x.shape[0] != y.shape[0]:
        raise ValueError(f"polyfit: takes a vector x and y as long, not shapes {x.shape} and {y.shape}")
    powers, right = vander(x, operator.index(deg) + 1), y
    if w is not None:
        weight = reshape_(arrayed(w, x, y), (-1, 1))
        powers, right = powers * weight, y * (weight if y.ndim == 2 else reshape_(weight, (-1,)))
    scale = sqrt(sum(powers * powers, axis=0))  # which the solution does not depend on, but its digits do
    found = lstsq(powers / scale, right)
    return found / (scale if y.ndim == 1 else reshape_(scale, (-1, 1)))


def _aligned(p: Any, q: Any) -> tuple[Any, Any]:
    """Two polynomials with as many coefficients."""
    p, q = [reshape_(a, (-1,)) for a in all_arrayed((p, q))]
    short = abs(p.shape[0] - q.shape[0])
    longer = lambda a: concat([np.zeros(short, a.dtype), a])
    return (longer(p), q) if p.shape[0] < q.shape[0] else (p, longer(q) if short else q)


@implements(np.polyadd)
def polyadd(p: Any, q: Any, /) -> Any:
    """The sum of two polynomials.

    >>> ag.polyadd(ag.tensor([1.0, 2.0, 3.0]), ag.tensor([1.0, 1.0]))
    tensor([1., 3., 4.], dtype=float32)
    """
    p, q = _aligned(p, q)
    return p + q


@implements(np.polysub)
def polysub(p: Any, q: Any, /) -> Any:
    """The difference of two polynomials.

    >>> ag.polysub(ag.tensor([1.0, 2.0, 3.0]), ag.tensor([1.0, 1.0]))
    tensor([1., 1., 2.], dtype=float32)
    """
    p, q = _aligned(p, q)
    return p - q


@implements(np.polymul)
def polymul(p: Any, q: Any, /) -> Any:
    """The product of two polynomials.

    >>> ag.polymul(ag.tensor([1.0, 2.0]), ag.tensor([1.0, 1.0]))
    tensor([1., 3., 2.], dtype=float32)
    """
    return convolve(*[reshape_(a, (-1,)) for a in all_arrayed((p, q))])


@implements(np.polyder)
def polyder(p: Any, /, m: int = 1) -> Any:
    """The polynomial that is the m-th derivative of p. Raises ValueError for a negative m.

    >>> ag.polyder(ag.tensor([1.0, 2.0, 3.0]))
    tensor([2., 2.], dtype=float32)
    """
    if operator.index(m) < 0:
        raise ValueError(f"polyder: the order m counts derivatives, so it is 0 or more, not {m}")
    p = arrayed(p)
    for _ in range(m):
        n = p.shape[0]
        p = p[:-1] * np.arange(n - 1, 0, -1).astype(p.dtype)
    return p


@implements(np.polyint)
def polyint(p: Any, /, m: int = 1, k: Any = None) -> Any:
    """A polynomial whose m-th derivative is p; `k`: the constants of integration, one or one for each (default 0).

    Raises ValueError for a negative m, or another number of constants.

    >>> ag.polyint(ag.tensor([2.0, 2.0]))
    tensor([1., 2., 0.], dtype=float32)
    """
    if operator.index(m) < 0:
        raise ValueError(f"polyint: the order m counts integrations, so it is 0 or more, not {m}")
    p = arrayed(p)
    constants = arrayed(np.zeros(1, p.dtype) if k is None else k, p)
    constants = reshape_(constants, (-1,))
    if constants.shape[0] not in (1, m):
        raise ValueError(f"polyint: {constants.shape[0]} constants for {m} integrations; give one, or one for each")
    for i in range(m):
        constant = constants[i : i + 1] if constants.shape[0] == m else constants
        p = concat([p / np.arange(p.shape[0], 0, -1).astype(p.dtype), constant])
    return p
