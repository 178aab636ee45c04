"""Where elements stand, which of them differ, how often: answers in integers and bools, which carry no gradient.

Decision: what would give back values of x without their gradient (`unique_values` and kin) refuses a Tensor that requires
one, instead of cutting it off in silence. `take(x, ag.unique(x.detach(), return_index=True)[1])` differentiates.
"""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import numpy as np

from ..engine.methods import method
from ..engine.op import nondifferentiable, op
from ..engine.protocol import implements
from .elementwise import where
from .indexing import ARRAY, unindex
from .shape import arrayed
from .slicing import slice_

__all__ = [
    "argpartition", "argwhere", "bincount", "digitize", "flatnonzero", "isin", "lexsort", "nonzero", "searchsorted",
    "unique", "unique_all", "unique_counts", "unique_inverse", "unique_values",
]  # fmt: skip

# ---- positions -----------------------------------------------------------------------------------------------------


@op(kind="indexing", numpy=np.argwhere)
def argwhere(x, /):
    """The indices of the elements that are not zero, a row each; int64. Its shape depends on the values.

    >>> ag.argwhere(ag.tensor([[0.0, 2.0], [3.0, 0.0]]))
    tensor([[0, 1],
            [1, 0]], dtype=int64)
    """
    return np.argwhere(x)


@op(kind="indexing", numpy=np.flatnonzero)
def flatnonzero(x, /):
    """The positions in the flattened x of the elements that are not zero; int64.

    >>> ag.flatnonzero(ag.tensor([0.0, 2.0, 3.0]))
    tensor([1, 2], dtype=int64)
    """
    return np.flatnonzero(x)


@method(numpy=np.nonzero)
def nonzero(x: Any, /) -> tuple[Any, ...]:
    """The indices of the elements that are not zero, an array for each axis (as NumPy's, so that x[nonzero(x)] reads them).

    Raises ValueError for a 0-d x.

    >>> ag.nonzero(ag.tensor([[0.0, 2.0], [3.0, 0.0]]))
    (tensor([0, 1], dtype=int64), tensor([1, 0], dtype=int64))
    """
    x = arrayed(x)
    if x.ndim == 0:
        raise ValueError("nonzero: a 0-d array has no axes to index; use ag.atleast_1d(x) != 0")
    found = argwhere(x)
    return tuple([slice_(found, (..., axis)) for axis in range(x.ndim)])


@implements(np.where)
def _numpy_where(condition: Any, x: Any = None, y: Any = None, /) -> Any:
    if (x is None) != (y is None):
        raise ValueError("np.where: takes both x and y, or neither")
    return nonzero(condition) if x is None else where(condition, x, y)


def _sorted_fix(a: Any, *rest: Any) -> str | None:
    return f"searches a vector, not shape {np.shape(a)}" if np.ndim(a) != 1 else None


@op(kind="indexing", explain=_sorted_fix)
def searchsorted_(x1, x2, sorter=None, /, side="left"):
    """Where each element of x2 belongs in the sorted x1."""
    return np.asarray(np.searchsorted(x1, x2, side, sorter))


@method(numpy=np.searchsorted)
def searchsorted(x1: Any, x2: Any, /, side: str = "left", sorter: Any = None) -> Any:
    """Where each element of x2 would have to be put into the sorted vector x1 to keep it sorted; int64.

    `side`: before (``"left"``, default) or behind (``"right"``) its equals. `sorter`: the order that sorts x1 if it is not.

    >>> ag.searchsorted(ag.tensor([1.0, 3.0, 5.0]), ag.tensor([3.0, 4.0]))
    tensor([1, 2], dtype=int64)
    """
    return searchsorted_(arrayed(x1), x2, sorter, side)


@op(kind="indexing", numpy=np.digitize)
def digitize(x, bins, /, right=False):
    """Which interval between ascending (or descending) bins each element falls into, 0 being before the first; int64.

    `right`: whether an interval holds its right end instead of its left.

    >>> ag.digitize(ag.tensor([0.5, 2.5]), ag.tensor([0.0, 1.0, 2.0]))
    tensor([1, 3], dtype=int64)
    """
    return np.asarray(np.digitize(x, bins, right))


@op(kind="indexing", numpy=np.isin)
def isin(x, elements, /, *, assume_unique=False, invert=False):
    """Whether each element of x is among others; `invert` turns the answer round.

    >>> ag.isin(ag.tensor([1, 2, 3]), [2, 3])
    tensor([False,  True,  True], dtype=bool)
    """
    return np.isin(x, elements, assume_unique, invert)


@op(kind="sort", numpy=np.argpartition)
def argpartition(x, /, kth, axis=-1):
    """An order along an axis in which the element at place `kth` is where sorting would put it, smaller ones before it.

    >>> int(ag.argpartition(ag.tensor([3.0, 1.0, 2.0]), 1)[1])
    2
    """
    return np.argpartition(x, kth, axis)


@op(kind="sort")
def lexsort_(*keys, axis):
    """The order that sorts by the last key, its equals by the one before, and so on."""
    return np.lexsort(keys, axis)


@implements(np.lexsort)
def lexsort(keys: Any, axis: int = -1) -> Any:
    """The order that sorts by the last key, its equals by the one before, and so on; int64.

    >>> ag.lexsort([ag.tensor([1, 0, 2]), ag.tensor([0, 0, 1])])
    tensor([1, 0, 2], dtype=int64)
    """
    return lexsort_(*list(keys), axis=axis)


argwhere.vjp(x=nondifferentiable)
flatnonzero.vjp(x=nondifferentiable)
searchsorted_.vjp(x1=nondifferentiable, x2=nondifferentiable, sorter=nondifferentiable)
digitize.vjp(x=nondifferentiable, bins=nondifferentiable)
isin.vjp(x=nondifferentiable, elements=nondifferentiable)
argpartition.vjp(x=nondifferentiable)
lexsort_.vjp(keys=nondifferentiable)


# ---- counts --------------------------------------------------------------------------------------------------------


@implements(np.bincount)
def bincount(x: Any, /, weights: Any = None, minlength: int = 0) -> Any:
    """How often each of the numbers 0, 1, 2, ... occurs in a vector of them, or the sums of their weights.

    `weights`: one for each, differentiated. `minlength`: the least length of the result. Raises TypeError unless x is of
    integers, ValueError for a negative one, several axes, or weights of another shape.

    >>> ag.bincount([0, 2, 2], weights=ag.tensor([1.0, 2.0, 3.0]))
    tensor([1., 0., 5.], dtype=float32)
    """
    x = arrayed(x)
    if x.dtype.kind not in "iu" or x.ndim != 1:
        raise TypeError(f"bincount: counts a vector of integers, not {x.dtype} of shape {x.shape}")
    if x.size and int(x.min()) < 0:
        raise ValueError(f"bincount: counts numbers from 0, and there is {int(x.min())}")
    w = np.ones(x.shape, np.int64) if weights is None else arrayed(weights)
    if w.shape != x.shape:
        raise ValueError(f"bincount: weights of shape {w.shape} for x of {x.shape}; give one for each element")
    length = max(minlength, int(x.max()) + 1 if x.size else 0)
    return unindex(w, x, template=(ARRAY,), shape=(length,))


# ---- what differs --------------------------------------------------------------------------------------------------

UniqueAll = namedtuple("UniqueAll", ("values", "indices", "inverse_indices", "counts"))
UniqueCounts = namedtuple("UniqueCounts", ("values", "counts"))
UniqueInverse = namedtuple("UniqueInverse", ("values", "inverse_indices"))


@op(kind="sort", outputs=UniqueAll._fields)
def unique_(x, /, axis, equal_nan):
    """The different values in order, where each stands first, which of them each element is, and how many there are."""
    values, first, inverse, counts = np.unique(x, True, True, True, axis, equal_nan=equal_nan)
    return values, first, inverse, counts


unique_.vjp(x=nondifferentiable)


def _unique(name: str, x: Any, axis: int | None = None, equal_nan: bool = True) -> Any:
    x = arrayed(x)
    if getattr(x, "requires_grad", False):
        raise TypeError(
            f"{name}: which values differ has no derivative, and x requires a gradient; pass x.detach(), or differentiate "
            f"ag.take(x, ag.unique(x.detach(), return_index=True)[1])"
        )
    return unique_(x, axis, equal_nan)


@implements(np.unique)
def unique(
    x: Any,
    /,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    *,
    equal_nan: bool = True,
) -> Any:
    """The different elements of the flattened x (or slices along an axis) in ascending order; not differentiable.

    With `return_index`, `return_inverse` or `return_counts` a tuple: where each stands first, which of them each element is,
    how many there are. `equal_nan`: whether all NaN are one. Raises TypeError for a Tensor that requires a gradient.

    >>> ag.unique(ag.tensor([3, 1, 3]), return_counts=True)
    (tensor([1, 3], dtype=int64), tensor([1, 2], dtype=int64))
    """
    found = _unique("unique", x, axis, equal_nan)
    wanted = (True, return_index, return_inverse, return_counts)
    parts = tuple([part for part, want in zip(found, wanted, strict=True) if want])
    return parts if len(parts) > 1 else parts[0]


@implements(np.unique_values)
def unique_values(x: Any, /) -> Any:
    """The different elements of x, each NaN being one; not differentiable.

    >>> ag.unique_values(ag.tensor([3, 1, 3]))
    tensor([1, 3], dtype=int64)
    """
    return _unique("unique_values", x, None, False).values


@implements(np.unique_counts)
def unique_counts(x: Any, /) -> Any:
    """The different elements of x and how many there are of each, (values, counts); not differentiable.

    >>> ag.unique_counts(ag.tensor([3, 1, 3])).counts
    tensor([1, 2], dtype=int64)
    """
    found = _unique("unique_counts", x, None, False)
    return UniqueCounts(found.values, found.counts)


@implements(np.unique_inverse)
def unique_inverse(x: Any, /) -> Any:
    """The different elements of x, and for each element which of them it is, (values, inverse_indices); not differentiable.

    >>> ag.unique_inverse(ag.tensor([3, 1, 3])).inverse_indices
    tensor([1, 0, 1], dtype=int64)
    """
    found = _unique("unique_inverse", x, None, False)
    return UniqueInverse(found.values, found.inverse_indices)


@implements(np.unique_all)
def unique_all(x: Any, /) -> Any:
    """(values, indices, inverse_indices, counts): see `unique`, but each NaN is one; not differentiable.

    >>> ag.unique_all(ag.tensor([3, 1, 3])).indices
    tensor([1, 0], dtype=int64)
    """
    return UniqueAll(*_unique("unique_all", x, None, False))
