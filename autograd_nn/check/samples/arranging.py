"""Samples of arranging, joining, taking apart, padding and diagonals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...ops import arranging, diagonals, joining, padding, shape
from . import Call, Row, in_a_list
from .inputs import normal, unary


def _on(*shapes: tuple[int, ...], **params: Any) -> list[Call]:
    """One call on ordinary arrays of these shapes."""
    return [Call(tuple([normal(*s) for s in shapes]), params)]


def _row(function: Callable[..., Any], reference: Callable[..., Any], *calls: list[Call], arrange: Any = tuple) -> Row:
    return Row(function, reference, [c for some in calls for c in some], arrange)


def _undiagonal(part: np.ndarray, offset: int, shape: tuple[int, ...]) -> np.ndarray:
    out = np.zeros(shape)
    for place in np.ndindex(part.shape):
        row = place[-1] + max(-offset, 0)
        out[(*place[:-1], row, row + offset)] = part[place]
    return out


def _unstack(x: np.ndarray, axis: int = 0) -> tuple[np.ndarray, ...]:
    return tuple(np.moveaxis(x, axis, 0))


_strided = Call((normal(4, 6)[::2, ::-2],))
_modes = ("edge", "reflect", "symmetric", "wrap")

ROWS = [
    _row(
        arranging.swapaxes,
        np.swapaxes,
        _on((2, 3, 4), axis1=0, axis2=-1),
        _on((2, 3), axis1=1, axis2=1),
        _on((0, 2), axis1=0, axis2=1),
    ),
    _row(
        arranging.moveaxis,
        np.moveaxis,
        _on((2, 3, 4), source=0, destination=-1),
        _on((2, 3, 4, 1), source=(0, 2), destination=(-1, 0)),
        _on((2, 3, 4), source=[2], destination=[0]),
    ),
    _row(arranging.matrix_transpose, np.matrix_transpose, _on((2, 3, 4)), _on((3, 2)), [_strided]),
    _row(
        arranging.expand_dims,
        np.expand_dims,
        _on((2, 3), axis=1),
        _on((2, 3), axis=(0, -1)),
        _on((), axis=0),
        _on((2,), axis=-2),
    ),
    _row(
        arranging.squeeze,
        np.squeeze,
        unary(),
        _on((1, 3, 1)),
        _on((1, 3, 1), axis=-1),
        _on((1, 3, 1), axis=(0, 2)),
        _on((1, 1)),
    ),
    _row(arranging.atleast_1d, np.atleast_1d, unary(), _on((), (2,))),
    _row(arranging.atleast_2d, np.atleast_2d, unary(), _on((), (2,), (2, 2, 2))),
    _row(arranging.atleast_3d, np.atleast_3d, unary(), _on((), (2,), (2, 3))),
    _row(
        arranging.broadcast_arrays,
        np.broadcast_arrays,
        _on((2, 1), (3,)),
        _on((), (2, 2)),
        _on((3,)),
        _on((0, 1), (2,)),
    ),
    _row(
        arranging.meshgrid,
        np.meshgrid,
        _on((2,), (3,)),
        _on((2,), (3,), (2,), indexing="ij"),
        _on((2,), (3,), (1,), sparse=True),
        _on((2,)),
        _on((), (2,)),
    ),
    _row(arranging.flip, np.flip, unary(), _on((2, 3, 4), axis=1), _on((2, 3, 4), axis=(0, -1))),
    _row(arranging.flipud, np.flipud, _on((3, 2)), _on((3,))),
    _row(arranging.fliplr, np.fliplr, _on((3, 2)), _on((2, 2, 2))),
    _row(
        arranging.roll,
        np.roll,
        *[_on((2, 3), shift=s) for s in (1, -2, 0, 7)],
        _on((2, 3), shift=1, axis=1),
        _on((2, 3), shift=(1, -1), axis=(0, 1)),
        _on((2, 3), shift=2, axis=(0, 1)),
        _on((4,), shift=(1, 2), axis=0),
        _on((0, 3), shift=1, axis=0),
        _on((), shift=1),
    ),
    _row(
        arranging.rot90,
        np.rot90,
        *[_on((2, 3), k=k) for k in (-1, 0, 1, 2, 3)],
        *[_on((2, 3, 2), k=k, axes=(2, 0)) for k in (1, 3)],
    ),
    _row(
        arranging.tile,
        np.tile,
        _on((2,), reps=3),
        _on((2, 3), reps=(2, 1)),
        _on((2,), reps=(2, 2)),
        _on((2, 1, 2), reps=2),
        _on((), reps=(2,)),
        _on((2,), reps=0),
    ),
    _row(
        arranging.repeat,
        np.repeat,
        _on((2, 3), repeats=2),
        _on((2, 3), repeats=2, axis=0),
        _on((2, 3), repeats=3, axis=-1),
        _on((2, 3), repeats=(1, 0, 2), axis=1),
        _on((2,), repeats=[2], axis=0),
        _on((), repeats=2),
        _on((2,), repeats=0),
    ),
    _row(shape.ravel, np.ravel, _on((2, 3)), _on((2, 3), order="F"), _on(()), _on((0, 2))),
    _row(joining.hstack, np.hstack, _on((2, 3), (2, 1)), _on((2,), (3,)), _on((), (2,)), arrange=in_a_list),
    _row(joining.vstack, np.vstack, _on((2, 3), (1, 3)), _on((2,), (2,)), _on((2,), (3, 2)), arrange=in_a_list),
    _row(joining.dstack, np.dstack, _on((2, 3), (2, 3)), _on((2,), (2,)), _on((1, 2, 1), (1, 2, 2)), arrange=in_a_list),
    _row(joining.column_stack, np.column_stack, _on((2,), (2,)), _on((2,), (2, 2)), arrange=in_a_list),
    _row(joining.append, np.append, _on((2, 3), (2,)), _on((2, 3), (1, 3), axis=0)),
    _row(
        joining.array_split,
        np.array_split,
        _on((5, 2), indices_or_sections=3),
        _on((2, 5), indices_or_sections=(1, 4), axis=1),
        _on((2,), indices_or_sections=3),
    ),
    _row(
        joining.split,
        np.split,
        _on((4, 2), indices_or_sections=2),
        _on((2, 5), indices_or_sections=[1, 4], axis=-1),
        _on((3,), indices_or_sections=(2, 7)),
    ),
    _row(joining.hsplit, np.hsplit, _on((2, 4), indices_or_sections=2), _on((4,), indices_or_sections=2)),
    _row(joining.vsplit, np.vsplit, _on((4, 2), indices_or_sections=2)),
    _row(joining.dsplit, np.dsplit, _on((1, 2, 4), indices_or_sections=2)),
    _row(joining.unstack, _unstack, _on((3, 2)), _on((2, 3), axis=-1), [Call((normal(0, 2),), order=0)]),
    _row(
        padding.pad,
        np.pad,
        _on((2, 3), pad_width=1),
        _on((2, 3), pad_width=((1, 0), (2, 3))),
        _on((3,), pad_width=(1, 2), constant_values=1.5),
        _on((2, 2), pad_width=1, constant_values=((1.0, 2.0), (3.0, 4.0))),
        _on((), pad_width=1),
        *[_on((3, 2), pad_width=((2, 1), (1, 3)), mode=m) for m in _modes],
        *[_on((3, 2), pad_width=((0, 0), (0, 1)), mode=m) for m in _modes],
        *[_on((3,), pad_width=(7, 5), mode=m) for m in _modes],
        *[
            _on((3, 4), pad_width=((2, 1), (1, 3)), mode=m, stat_length=2)
            for m in ("mean", "maximum", "minimum", "median")
        ],
        *[_on((3, 2), pad_width=((0, 2), (1, 0)), mode=m) for m in ("mean", "maximum", "linear_ramp")],
        _on((3, 2), pad_width=2, mode="linear_ramp", end_values=((1.0, 2.0), (3.0, 4.0))),
        *[_on((3, 4), pad_width=((2, 1), (0, 2)), mode=m, reflect_type="odd") for m in ("reflect", "symmetric")],
        [Call((np.array([1, 2]),), {"pad_width": 1}, order=0)],
    ),
    _row(
        diagonals.diagonal,
        np.diagonal,
        *[_on((3, 4), offset=k) for k in (0, 1, -2)],
        _on((2, 3, 4), axis1=2, axis2=0),
        _on((2, 3, 4), axis1=1, axis2=2, offset=-1),
        [_strided],
    ),
    _row(
        diagonals.undiagonal,
        _undiagonal,
        *[_on((2,), offset=k, shape=(2 + abs(k),) * 2) for k in (0, 1, -2)],
        _on((2, 3), offset=0, shape=(2, 3, 4)),
    ),
    _row(diagonals.diag, np.diag, *[_on((2,), k=k) for k in (0, 1, -1)], *[_on((3, 2), k=k) for k in (0, 1, -1)]),
    _row(diagonals.diagflat, np.diagflat, _on((2, 2)), _on((), k=1)),
    _row(diagonals.trace, np.trace, _on((3, 3)), _on((2, 3, 4), offset=1, axis1=1, axis2=2), _on((2, 4), offset=-1)),
    *[
        _row(
            ours,
            reference,
            *[_on((3, 4), k=k) for k in (0, 1, -1)],
            _on((2, 3, 2)),
            _on((3,)),
            [Call((np.array([[1, 2], [3, 4]]),), order=0)],
        )
        for ours, reference in ((diagonals.tril, np.tril), (diagonals.triu, np.triu))
    ],
]
