"""Joining beyond `concatenate` and `stack`, and taking apart again."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..engine.protocol import implements, since
from .arranging import atleast_1d, atleast_2d, atleast_3d
from .shape import all_arrayed, arrayed, as_shape, axis_of, concatenate, operand_along
from .slicing import slice_

__all__ = [
    "append", "array_split", "column_stack", "concat", "dsplit", "dstack", "hsplit", "hstack", "split", "unstack",
    "vsplit", "vstack",
]  # fmt: skip

WHOLE = (None, None, None)
concat = concatenate

# ---- joining -------------------------------------------------------------------------------------------------------


@implements(np.hstack)
def hstack(arrays: Sequence[Any]) -> Any:
    """The arrays side by side: along the second axis, vectors along their only one.

    >>> ag.hstack([ag.tensor([1, 2]), ag.tensor([3])])
    tensor([1, 2, 3], dtype=int64)
    """
    lifted = [atleast_1d(a) for a in all_arrayed(arrays)]
    return concatenate(lifted, 0 if lifted and lifted[0].ndim == 1 else 1)


@implements(np.vstack)
def vstack(arrays: Sequence[Any]) -> Any:
    """The arrays one below the other, along the first axis, vectors being rows.

    >>> ag.vstack([ag.tensor([1, 2]), ag.tensor([3, 4])])
    tensor([[1, 2],
            [3, 4]], dtype=int64)
    """
    return concatenate([atleast_2d(a) for a in all_arrayed(arrays)], 0)


@implements(np.dstack)
def dstack(arrays: Sequence[Any]) -> Any:
    """The arrays one behind the other, along the third axis.

    >>> ag.dstack([ag.tensor([1, 2]), ag.tensor([3, 4])]).shape
    (1, 2, 2)
    """
    return concatenate([atleast_3d(a) for a in all_arrayed(arrays)], 2)


@implements(np.column_stack)
def column_stack(arrays: Sequence[Any]) -> Any:
    """Vectors as the columns of a matrix; what has more axes is joined along the second.

    >>> ag.column_stack([ag.tensor([1, 2]), ag.tensor([3, 4])])
    tensor([[1, 3],
            [2, 4]], dtype=int64)
    """
    lifted = all_arrayed(arrays)
    return concatenate([a if a.ndim > 1 else atleast_2d(a).mT for a in lifted], 1)


@implements(np.append)
def append(x: Any, values: Any, axis: int | None = None) -> Any:
    """x followed by values along an axis; None flattens both. A new array.

    >>> ag.append(ag.tensor([1, 2]), [3])
    tensor([1, 2, 3], dtype=int64)
    """
    x, values = all_arrayed((x, values))
    return concatenate([operand_along("append", x, axis), values], axis)


# ---- taking apart --------------------------------------------------------------------------------------------------


def _parts(x: Any, ends: Sequence[int], axis: int) -> list[Any]:
    """x cut at the ends along an axis, as views."""
    cuts = [None, *ends, None]
    return [slice_(x, (*[WHOLE] * axis, (a, b, None))) for a, b in itertools.pairwise(cuts)]


@implements(np.array_split)
def array_split(x: Any, indices_or_sections: int | Sequence[int], axis: int = 0) -> list[Any]:
    """x cut along an axis into a number of parts (the first ones longer by one if it must be), or at given places.

    Views, in a list. Raises ValueError for no parts.

    >>> [p.shape for p in ag.array_split(ag.ones(5), 2)]
    [(3,), (2,)]
    """
    x = arrayed(x)
    axis = axis_of("array_split", x, axis)
    if not isinstance(indices_or_sections, (int, np.integer)):
        return _parts(x, as_shape(indices_or_sections), axis)
    parts = operator.index(indices_or_sections)
    if parts < 1:
        raise ValueError(f"array_split: the number of parts must be at least 1, not {parts}")
    each, longer = divmod(x.shape[axis], parts)
    return _parts(x, [i * each + min(i, longer) for i in range(1, parts)], axis)


@implements(np.split)
def split(x: Any, indices_or_sections: int | Sequence[int], axis: int = 0) -> list[Any]:
    """x cut along an axis into a number of equal parts, or at given places. Views, in a list.

    Raises ValueError if the parts cannot be equal.

    >>> ag.split(ag.tensor([1, 2, 3]), [1])
    [tensor([1], dtype=int64), tensor([2, 3], dtype=int64)]
    """
    x = arrayed(x)
    if isinstance(indices_or_sections, (int, np.integer)):
        n, parts = x.shape[axis_of("split", x, axis)], int(indices_or_sections)
        if parts < 1 or n % parts:
            raise ValueError(
                f"split: axis {axis} of shape {x.shape} does not divide into {parts} equal parts; ag.array_split allows others"
            )
    return array_split(x, indices_or_sections, axis)


@implements(np.hsplit)
def hsplit(x: Any, indices_or_sections: int | Sequence[int]) -> list[Any]:
    """`split` along the second axis, of a vector along its only one.

    >>> [p.shape for p in ag.hsplit(ag.ones((2, 4)), 2)]
    [(2, 2), (2, 2)]
    """
    x = arrayed(x)
    return split(x, indices_or_sections, 0 if x.ndim == 1 else 1)


@implements(np.vsplit)
def vsplit(x: Any, indices_or_sections: int | Sequence[int]) -> list[Any]:
    """`split` along the first axis.

    >>> [p.shape for p in ag.vsplit(ag.ones((4, 2)), 2)]
    [(2, 2), (2, 2)]
    """
    return split(x, indices_or_sections, 0)


@implements(np.dsplit)
def dsplit(x: Any, indices_or_sections: int | Sequence[int]) -> list[Any]:
    """`split` along the third axis.

    >>> [p.shape for p in ag.dsplit(ag.ones((1, 2, 4)), 2)]
    [(1, 2, 2), (1, 2, 2)]
    """
    return split(x, indices_or_sections, 2)


@implements(*since("unstack"))  # NumPy 2.1
def unstack(x: Any, /, *, axis: int = 0) -> tuple[Any, ...]:
    """The slices of x along an axis, which they no longer have: the inverse of `stack`. Views, in a tuple.

    >>> ag.unstack(ag.tensor([[1, 2], [3, 4]]), axis=1)
    (tensor([1, 3], dtype=int64), tensor([2, 4], dtype=int64))
    """
    x = arrayed(x)
    axis = axis_of("unstack", x, axis)
    return tuple([slice_(x, (*[WHOLE] * axis, i)) for i in range(x.shape[axis])])
