"""Samples of functions known at points, of laying out computations, of parts of numbers and comparisons of whole arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ops import applying, comparison, diagonals, norms, polynomials, products, rounding, sampled, selecting, solving
from . import Call, Row
from .inputs import away, between, distinct, normal, unary


def _on(*shapes: tuple[int, ...], **params: Any) -> Call:
    return Call(tuple([normal(*s) for s in shapes]), params)


def _values(*arrays: Any, **params: Any) -> Call:
    return Call(arrays, params, order=0)


def _squares(v: Any) -> Any:
    return v[1:] * v[:-1]


def _sum(x: Any, axis: int) -> Any:
    return x.sum(axis)


def _matvec(x: np.ndarray, y: np.ndarray) -> np.ndarray:  # what NumPy has from 2.2 on
    return (x @ y[..., None])[..., 0]


def _vecmat(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return (x[..., None, :] @ y)[..., 0, :]


def _row(function: Any, reference: Any, *calls: Call, arrange: Any = tuple) -> Row:
    return Row(function, reference, calls, arrange)


_ascending = np.array([-1.0, 0.5, 1.0, 3.0])
_inside = np.array([[-0.4, 0.8], [1.7, 2.9]])
_points = np.array([0.0, 0.5, 1.5, 1.75])
_whole = np.array([7.3, -7.3, 0.4, -9.0])
_ints = np.array([12, -7, 0])
_special = np.array([0.0, -0.0, 1.5, -2.0, np.inf, -np.inf, np.nan])
_spd = normal(3, 3) @ np.eye(3) + 4.0 * np.eye(3)

ROWS = [
    _row(
        sampled.convolve,
        np.convolve,
        *[_on(s, t, mode=m) for m in ("full", "same", "valid") for s, t in (((5,), (3,)), ((2,), (5,)), ((4,), (4,)))],
        _on((1,), (1,)),
    ),
    _row(
        sampled.correlate,
        np.correlate,
        *[_on(s, t, mode=m) for m in ("full", "same", "valid") for s, t in (((5,), (3,)), ((2,), (5,)), ((4,), (4,)))],
    ),
    _row(sampled.ediff1d, np.ediff1d, _on((4,)), _on((2, 3)), _on((3,), to_begin=0.5, to_end=[1.0, 2.0])),
    _row(
        sampled.unwrap,
        np.unwrap,
        Call((np.array([0.0, 3.0, -3.0, 1.0]),)),
        Call((between(-6.0, 6.0, 3, 4),), {"axis": 0}),
        Call((between(-6.0, 6.0, 5),), {"period": 3.0}),
        Call((between(-6.0, 6.0, 5),), {"discont": 4.0}),
    ),
    _row(
        sampled.interp,
        np.interp,
        Call((_inside, _ascending, normal(4))),
        Call((np.array([-3.0, 0.7, 9.0]), _ascending, normal(4))),
        Call((np.array([-3.0, 0.7, 9.0]), _ascending, normal(4)), {"left": 0.5, "right": -2.0}),
        Call((np.array([0.2, 1.5]), np.array([1.0]), normal(1))),
        _values(np.array([0.5, 3.0]), _ascending, np.array([1.0, 2.0, 3.0, 4.0])),
    ),
    _row(
        sampled.gradient,
        np.gradient,
        _on((4,)),
        _on((3, 4)),
        _on((3, 4), axis=1, edge_order=2),
        _on((2,)),
        Call((normal(4), _points)),
        Call((normal(4), _points), {"edge_order": 2}),
        Call((normal(3, 4), 0.5, _points)),
        Call((normal(3, 4), 0.5), {"edge_order": 2}),
    ),
    Row(sampled.sinc, np.sinc, [*unary(away), Call((np.array([0.0, 1e-3, -2e-3, 3.0]),))]),
    _row(polynomials.polyval, np.polyval, _on((3,), (2, 2)), _on((1,), (3,)), _on((4,), ())),
    _row(polynomials.vander, np.vander, _on((3,)), _on((3,), N=2), _on((2,), N=4, increasing=True)),
    _row(
        polynomials.polyfit,
        np.polyfit,
        Call((normal(5), normal(5)), {"deg": 2}),
        Call((normal(4), normal(4, 2)), {"deg": 1, "w": [1.0, 2.0, 0.5, 1.0]}),
        Call((normal(3), normal(3)), {"deg": 0, "w": [1.0, 2.0, 3.0]}),
    ),
    _row(polynomials.polyadd, np.polyadd, _on((3,), (2,)), _on((2,), (4,)), _on((2,), (2,)), _on((), (2,))),
    _row(polynomials.polysub, np.polysub, _on((3,), (2,)), _on((2,), (4,))),
    _row(polynomials.polymul, np.polymul, _on((3,), (2,)), _on((), (2,))),
    _row(polynomials.polyder, np.polyder, _on((4,)), _on((4,), m=2), _on((3,), m=0), _on((1,))),
    _row(
        polynomials.polyint, np.polyint, _on((3,)), _on((3,), m=2), _on((2,), m=2, k=[1.0, 2.0]), _on((2,), m=2, k=3.0)
    ),
    _row(
        selecting.piecewise,
        np.piecewise,
        Call(
            (np.array([-1.5, 0.5, 2.0]),),
            {"condlist": [np.array([True, False, False])], "funclist": [np.square, np.sin]},
        ),
        Call((normal(2, 2),), {"condlist": [np.eye(2) > 0, np.ones((2, 2)) > 0], "funclist": [np.exp, lambda v: v**3]}),
        Call((normal(3),), {"condlist": np.array([True, False, True]), "funclist": [np.sin]}),
        Call((normal(),), {"condlist": [True], "funclist": [np.sin]}),
        Call((normal(3),), {"condlist": [np.zeros(3, bool)], "funclist": [np.sin, 2.0]}, order=0),
    ),
    _row(
        sampled.logspace,
        np.logspace,
        Call((normal(), normal()), {"num": 4}),
        Call((normal(2), normal()), {"num": 3, "endpoint": False, "base": 2.0}),
    ),
    _row(
        sampled.geomspace,
        np.geomspace,
        Call((between(0.5, 2.0), between(3.0, 9.0)), {"num": 4}),
        Call((between(0.5, 2.0, 2), between(3.0, 9.0, 2)), {"num": 3}),
    ),
    _row(
        sampled.cov,
        np.cov,
        _on((2, 5)),
        _on((4,)),
        _on((5, 2), rowvar=False),
        _on((2, 5), bias=True),
        _on((2, 5), ddof=2),
        _on((2, 5), (1, 5)),
    ),
    _row(sampled.corrcoef, np.corrcoef, _on((3, 5)), _on((5, 2), rowvar=False), _on((4,), (4,))),
    _row(
        applying.apply_along_axis,
        np.apply_along_axis,
        *[Call((a, normal(2, 3, 2))) for a in (0, 1, -1)],
        arrange=lambda a: (_squares, *a),
    ),
    _row(applying.apply_over_axes, np.apply_over_axes, _on((2, 3, 2)), arrange=lambda a: (_sum, a[0], (0, 2))),
    _row(
        applying.block,
        np.block,
        _on((1, 2), (1, 1), (2, 2), (2, 1)),
        _on((), (), (), ()),
        arrange=lambda a: ([a[:2], a[2:]],),
    ),
    _row(applying.rollaxis, np.rollaxis, _on((2, 3, 4), axis=2), _on((2, 3, 4), axis=0, start=2)),
    _row(
        applying.sliding_window_view,
        np.lib.stride_tricks.sliding_window_view,
        _on((5,), window_shape=2),
        _on((3, 4), window_shape=(2, 3)),
        _on((3, 4), window_shape=2, axis=0),
    ),
    _row(selecting.partition, np.partition, *[Call((distinct(3, 4),), {"kth": 1, "axis": a}) for a in (-1, 0)]),
    _row(
        rounding.fmod,
        np.fmod,
        Call((_whole, np.array([2.0, 2.0, 3.0, -4.0]))),
        Call((between(4.2, 4.8, 2, 3), between(2.9, 3.1, 3))),
        _values(_ints, 5),
    ),
    _row(rounding.divmod, np.divmod, Call((_whole, np.array([2.0, 2.0, 3.0, -4.0]))), _values(_ints, 5)),
    _row(rounding.modf, np.modf, Call((_whole[:3],)), _values(np.array([2.0, -0.0, 3.5]))),
    _row(rounding.ldexp, np.ldexp, Call((normal(3), np.array([1, -2, 0]))), Call((normal(2, 3), 2))),
    _row(rounding.nextafter, np.nextafter, _values(normal(3), normal(3)), _values(np.array([0.0, 1.0]), 2.0)),
    Row(rounding.real, np.real, unary()),
    Row(rounding.imag, np.imag, unary()),
    Row(rounding.conj, np.conjugate, unary()),
    *[_row(getattr(comparison, f.__name__), f, _values(_special)) for f in (np.isposinf, np.isneginf, np.signbit)],
    *[_row(getattr(comparison, f.__name__), f, _values(_ints, np.array([8, 21, 3]))) for f in (np.gcd, np.lcm)],
    _row(comparison.bitwise_count, np.bitwise_count, _values(_ints)),
    _row(
        comparison.isclose,
        np.isclose,
        _values(_special, np.array([1e-9, 0.0, 1.6, -2.0, np.inf, np.inf, np.nan])),
        _values(_special, _special, equal_nan=True),
        _values(np.ones(2), np.array([1.1, 1.3]), rtol=0.0, atol=0.2),
    ),
    _row(comparison.allclose, np.allclose, _values(np.ones(2), np.ones(2)), _values(np.ones(2), 1.1)),
    _row(comparison.array_equal, np.array_equal, _values(_ints, _ints), _values(_ints, _ints[:2])),
    _row(comparison.array_equiv, np.array_equiv, _values(np.ones(2), np.ones((3, 1)))),
    _row(products.matvec, getattr(np, "matvec", _matvec), _on((2, 3, 4), (4,)), _on((3, 4), (2, 4))),
    _row(products.vecmat, getattr(np, "vecmat", _vecmat), _on((3,), (2, 3, 4)), _on((2, 3), (3, 4))),
    _row(diagonals.matrix_diagonal, np.linalg.diagonal, _on((2, 3, 4)), _on((3, 3), offset=-1)),
    _row(diagonals.matrix_trace, np.linalg.trace, _on((2, 3, 4)), _on((3, 3), offset=1)),
    _row(
        norms.matrix_rank,
        np.linalg.matrix_rank,
        _values(np.array([[1.0, 2.0], [2.0, 4.0]])),
        _values(np.stack([np.eye(2), np.zeros((2, 2))])),
        _values(np.diag([1.0, 0.1]), rtol=0.5),
    ),
    _row(
        solving.tensorinv,
        np.linalg.tensorinv,
        Call((_spd.reshape(3, 3, 1),), {"ind": 1}),
        Call((normal(2, 2, 4) + 3.0 * np.eye(4).reshape(2, 2, 4),)),
    ),
    _row(
        solving.tensorsolve,
        np.linalg.tensorsolve,
        Call((_spd.reshape(3, 1, 3), normal(3, 1))),
        Call((_spd.reshape(3, 3, 1), normal(3)), {"axes": (1,)}),
    ),
]
