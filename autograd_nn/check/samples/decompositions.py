"""Samples of products, systems, decompositions and norms."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ops import decompositions, distances, norms, products, solving
from . import Call, Row, in_a_list
from .inputs import away, distinct, normal


def _with_values(values: Any, rows: int, columns: int) -> np.ndarray:
    """A matrix with these singular values."""
    u, _ = np.linalg.qr(normal(rows, rows))
    v, _ = np.linalg.qr(normal(columns, columns))
    k = min(rows, columns)
    return np.asarray((u[:, :k] * np.asarray(values)) @ v[:, :k].T)


def _regular(n: int) -> np.ndarray:
    return _with_values(np.linspace(1.0, 2.5, n), n, n)


def _symmetric(n: int) -> np.ndarray:
    q, _ = np.linalg.qr(normal(n, n))
    return np.asarray((q * np.linspace(1.0, 3.0, n)) @ q.T)


def _on(*shapes: tuple[int, ...], **params: Any) -> Call:
    return Call(tuple([normal(*s) for s in shapes]), params)


_stack = np.stack([_regular(2), _regular(2) + np.eye(2)])
_pairs = np.stack([_symmetric(3), _symmetric(3) * 1.5])
_squares = [Call((_regular(3),)), Call((_regular(1),)), Call((_stack,)), Call((_regular(4).T,))]
_singular = _with_values([2.0, 1.0, 0.0], 3, 3)
_flat = _with_values([1.0, 0.0, 0.0], 3, 3)
_symmetrics = [Call((_symmetric(3),)), Call((_symmetric(1),)), Call((_pairs,))]
_tall, _wide = _with_values([1.0, 2.0], 3, 2), _with_values([1.0, 2.0], 2, 3)
_shapes = [Call((_tall,)), Call((_wide,)), Call((_regular(3),))]


def _einsum(*operands: Any, subscripts: str) -> Any:
    return np.einsum(subscripts, *operands)


def einsum(*operands: Any, subscripts: str) -> Any:
    """`einsum` with the arrays first, as the table wants them."""
    return products.einsum(subscripts, *operands)


def _expm(a: np.ndarray) -> np.ndarray:
    w, v = np.linalg.eig(a)
    return np.real((v * np.exp(w)[..., None, :]) @ np.linalg.inv(v))


def _cofactors(a: np.ndarray) -> np.ndarray:
    n = a.shape[-1]
    out = np.zeros(a.shape)
    for i in range(n):
        for j in range(n):
            out[..., i, j] = (-1) ** (i + j) * np.linalg.det(np.delete(np.delete(a, i, -2), j, -1))
    return out


def _inverse_gaps(w: np.ndarray) -> np.ndarray:
    gaps = w[..., None, :] - w[..., :, None]
    return np.where(gaps == 0, 0.0, 1 / np.where(gaps == 0, 1.0, gaps))


def _triangular(a: np.ndarray, b: np.ndarray, lower: bool = False, unit_diagonal: bool = False) -> np.ndarray:
    half = np.tril(a) if lower else np.triu(a)
    if unit_diagonal:
        half = half - np.diag(np.diag(half)) + np.eye(len(a))
    return np.linalg.solve(half, b)


def _lstsq(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.linalg.lstsq(a, b)[0]


def _norm_calls() -> list[Call]:
    calls = [_on((2, 3)), _on((3,)), _on((2, 3, 2), axis=1), _on((2, 3, 2), axis=(0, 2), keepdims=True)]
    for order in (1, 2, 3, 2.5, np.inf, -np.inf, 0):
        calls += [
            Call((distinct(4) + 0.05,), {"ord": order}),
            Call((distinct(2, 3) + 0.05,), {"ord": order, "axis": 1}),
        ]
    for name in ("fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf):
        calls.append(Call((_with_values([1.0, 2.0], 3, 2),), {"ord": name}))
    zero = np.zeros(3)
    calls += [Call((zero,), {"ord": p}, order=0, gradient=(zero,)) for p in (None, 2, 3, 1.5, 1)]
    return calls


_products = [((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 2)), ((2, 3), (3, 2)), ((), (3,)), ((2, 3), ())]
_letters: list[tuple[str, tuple[tuple[int, ...], ...]]] = [
    ("ij,jk->ik", ((2, 3), (3, 4))),
    ("ij,jk", ((2, 3), (3, 4))),
    ("ij->ji", ((2, 3),)),
    ("ij->i", ((2, 3),)),
    ("ij->", ((2, 3),)),
    ("ii->i", ((3, 3),)),
    ("ii", ((3, 3),)),
    ("iij,j->i", ((2, 2, 3), (3,))),
    ("i,j->ij", ((2,), (3,))),
    ("i,i,i->i", ((3,), (3,), (3,))),
    ("...ij,...jk->...ik", ((2, 2, 3), (3, 2))),
    ("...ij,jk", ((2, 2, 3), (3, 2))),
    ("ij,kj->", ((2, 3), (2, 3))),
    ("ab,bc,cd->ad", ((2, 3), (3, 2), (2, 2))),
    ("ij,ij->i", ((2, 3), (2, 1))),
    ("bhqd,bhkd->bhqk", ((1, 2, 2, 3), (1, 2, 3, 3))),
]

ROWS = [
    Row(products.dot, np.dot, [_on(*s) for s in _products] + [_on((2, 3), (2, 3, 2))]),
    Row(products.vdot, np.vdot, [_on((2, 3), (2, 3)), _on((2,), (2,))]),
    Row(products.inner, np.inner, [_on((2, 3), (4, 3)), _on((3,), (3,)), _on((2, 3), (3,)), _on((), (2,))]),
    Row(products.outer, np.outer, [_on((2,), (3,)), _on((2, 2), (3,)), _on((), (2,))]),
    Row(
        products.tensordot,
        np.tensordot,
        [
            _on((2, 3, 4), (3, 4, 2)),
            _on((2, 3), (3, 2), axes=1),
            _on((2, 3), (2,), axes=0),
            _on((2, 3, 4), (4, 2), axes=((0, 2), (1, 0))),
            _on((2, 3), (3,), axes=(1, 0)),
        ],
    ),
    Row(products.vecdot, lambda x, y, axis=-1: (x * y).sum(axis), [_on((2, 3), (3,)), _on((2, 3), (2, 3), axis=0)]),
    Row(products.kron, np.kron, [_on((2,), (3,)), _on((2, 2), (1, 3)), _on((2,), (2, 2))]),
    Row(products.cross, np.cross, [_on((3,), (3,)), _on((2, 3), (3,)), _on((3, 2), (3, 2), axis=0)]),
    Row(einsum, _einsum, [_on(*shapes, subscripts=s) for s, shapes in _letters]),
    Row(solving.inv, np.linalg.inv, _squares),
    Row(
        solving.solve,
        np.linalg.solve,
        [Call((_regular(3), normal(3))), Call((_regular(3), normal(3, 2))), Call((_stack, normal(2, 2, 1)))]
        + [Call((_stack, normal(2, 3))), Call((_regular(2), normal(2, 2, 1)))],
    ),
    Row(
        solving.solve_triangular,
        _triangular,
        [
            Call((_regular(3) + 2 * np.eye(3), normal(3, 2)), {"lower": low, "unit_diagonal": unit})
            for low in (False, True)
            for unit in (False, True)
        ],
    ),
    Row(solving.det, np.linalg.det, [*_squares, Call((_singular,)), Call((_flat,)), Call((np.zeros((2, 2)),))]),
    Row(solving.cofactors, _cofactors, [Call((_regular(3),)), Call((_stack,))]),
    Row(solving.slogdet, lambda a: tuple(np.linalg.slogdet(a)), _squares),
    Row(solving.pinv, np.linalg.pinv, [*_shapes, Call((np.stack([_tall, 2 * _tall]),))]),
    Row(solving.lstsq, _lstsq, [Call((_tall, normal(3))), Call((_wide, normal(2))), Call((_tall, normal(3, 2)))]),
    Row(
        solving.matrix_power,
        np.linalg.matrix_power,
        [Call((_regular(2),), {"n": n}) for n in (0, 1, 2, 3, 5, -1, -3)] + [Call((_stack,), {"n": 2})],
    ),
    Row(
        solving.multi_dot,
        np.linalg.multi_dot,
        [_on((2, 3), (3, 4), (4, 2)), _on((3,), (3, 2), (2, 3), (3,)), _on((2, 3), (3,))],
        arrange=in_a_list,
    ),
    Row(solving.expm, _expm, [Call((normal(3, 3),)), Call((_stack,)), Call((4.0 * normal(2, 2),), order=1)]),
    Row(decompositions.cholesky, np.linalg.cholesky, _symmetrics),
    Row(
        decompositions.qr,
        lambda a, mode="reduced": tuple(np.linalg.qr(a)) if mode == "reduced" else np.linalg.qr(a, mode),
        [*_shapes, Call((np.stack([_tall, 2 * _tall]),)), Call((_tall,), {"mode": "r"}), Call((_wide,), {"mode": "r"})],
    ),
    Row(decompositions.independent_, lambda r: r, [Call((_regular(3),)), Call((_stack,))]),
    Row(decompositions.inverse_gaps, _inverse_gaps, [Call((distinct(3),)), Call((distinct(2, 3),))]),
    Row(decompositions.inverse_singular, lambda s: 1 / s, [Call((away(3),))]),
    Row(decompositions.eigh, lambda a: tuple(np.linalg.eigh(a)), _symmetrics),
    Row(
        decompositions.eigvalsh, np.linalg.eigvalsh, [*_symmetrics, Call((np.eye(3),), order=0, gradient=(np.eye(3),))]
    ),
    Row(
        decompositions.svd,
        lambda a, full_matrices=True: tuple(np.linalg.svd(a, full_matrices)),
        [Call(c.arrays, {"full_matrices": False}) for c in _shapes]
        + [Call((_regular(2),)), Call((np.stack([_wide, 2 * _wide]),), {"full_matrices": False})],
    ),
    Row(
        decompositions.svdvals,
        lambda a: np.linalg.svd(a, compute_uv=False),
        [*_shapes, Call((np.eye(2),), order=0, gradient=(np.eye(2),))],
    ),
    Row(norms.norm, np.linalg.norm, _norm_calls()),
    Row(norms.two_norm, np.linalg.norm, [Call((normal(2, 3),), {"axis": 0, "keepdims": False})]),
    Row(
        norms.power_norm,
        lambda x, order, axis, keepdims: np.linalg.norm(x, order, axis, keepdims),
        [Call((away(2, 3),), {"order": 3.0, "axis": 0, "keepdims": True})],
    ),
    Row(
        norms.vector_norm,
        lambda x, axis=None, ord=2: np.linalg.norm(np.ravel(x) if axis is None else x, ord, axis),
        [Call((away(2, 3),), {"ord": p}) for p in (1, 2, 3)] + [Call((away(2, 3),), {"axis": 1})],
    ),
    Row(
        distances.cdist,
        lambda x, y, p=2.0: np.linalg.norm(x[..., :, None, :] - y[..., None, :, :], p, -1),
        [Call((distinct(3, 2), away(4, 2)), {"p": p}) for p in (1, 2, 3.0, np.inf)]
        + [Call((distinct(2, 1, 3, 2), distinct(2, 2, 2))), Call((normal(0, 3), normal(2, 3)))],
    ),
    Row(
        norms.matrix_norm,
        lambda x, ord="fro": np.linalg.norm(x, ord, (-2, -1)),
        [Call((np.stack([_tall, 2 * _tall]),), {"ord": p}) for p in ("fro", "nuc", 2)],
    ),
    Row(
        norms.cond,
        np.linalg.cond,
        [Call((_stack,), {"p": p}) for p in (1, "fro")]
        + [Call((np.diag([4.0, 2.0]),), {"p": p}, order=0, gradient=(np.diag([0.5, -1.0]),)) for p in (None, 2)]
        + [Call((np.diag([4.0, 2.0]),), {"p": -2}, order=0, gradient=(np.diag([-0.125, 0.25]),))],
    ),
]
