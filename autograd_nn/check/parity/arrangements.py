"""The steps of a random program that arrange, index and multiply arrays; see `vocabulary`, which has the others."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ... import ops as ag
from . import vocabulary as vocabulary  # whose steps come first: a seed means the same program everywhere
from .steps import ROOM, Arrays, Params, one_axis, small, step

# ---- shapes --------------------------------------------------------------------------------------------------------


def _new_shape(rng: Any, xs: Arrays) -> Params:
    n, shape = xs[0].size, []
    while n > 1:
        d = int(rng.choice([d for d in range(2, n + 1) if n % d == 0]))
        shape.append(d)
        n //= d
    shape += [1] * int(rng.integers(0, 2))
    return {"shape": tuple(int(d) for d in rng.permutation(shape))}


def _order(rng: Any, xs: Arrays) -> Params:
    return {"axes": tuple(int(a) for a in rng.permutation(xs[0].ndim))}


def _wider(rng: Any, xs: Arrays) -> Params | None:
    shape = tuple(int(rng.integers(1, 4)) if n == 1 else n for n in xs[0].shape)
    shape = (*[int(rng.integers(1, 3)) for _ in range(int(rng.integers(0, 2)))], *shape)
    return {"shape": shape} if math.prod(shape) <= ROOM and len(shape) <= 4 else None


def _same_but_one(rng: Any, xs: Arrays) -> Params | None:
    x, y = xs
    if x.ndim != y.ndim or not x.ndim:
        return None
    differ = [i for i in range(x.ndim) if x.shape[i] != y.shape[i]]
    return {"axis": differ[0] if differ else int(rng.integers(x.ndim))} if len(differ) < 2 else None


def _same_shape(rng: Any, xs: Arrays) -> Params | None:
    return {"axis": int(rng.integers(xs[0].ndim + 1))} if xs[0].shape == xs[1].shape and xs[0].ndim < 4 else None


def _matrix(rng: Any, xs: Arrays) -> Params | None:
    return {"k": int(rng.integers(-1, 2))} if xs[0].ndim >= 2 and xs[0].size else None


def _key(rng: Any, xs: Arrays) -> Params | None:
    """A basic key: slices with positive steps (PyTorch has no others), integers, None."""
    x = xs[0]
    if not x.ndim:
        return None
    key: list[Any] = []
    for n in x.shape:
        kind = rng.integers(4)
        if kind == 0 and n:
            key.append(int(rng.integers(-n, n)))
        elif kind == 1:
            key.append(slice(int(rng.integers(0, n)), None, int(rng.integers(1, 3))))
        else:
            key.append(slice(None))
        if rng.random() < 0.1 and x.ndim < 4:
            key.append(None)
    return {"key": tuple(key)}


step(
    "reshape",
    lambda xs, p: ag.reshape(xs[0], p["shape"]),
    lambda t, xs, p: xs[0].reshape(p["shape"]),
    choose=_new_shape,
)
step(
    "transpose", lambda xs, p: ag.transpose(xs[0], p["axes"]), lambda t, xs, p: xs[0].permute(p["axes"]), choose=_order
)
step(
    "broadcast_to",
    lambda xs, p: ag.broadcast_to(xs[0], p["shape"]),
    lambda t, xs, p: xs[0].expand(p["shape"]),
    choose=_wider,
)
step("squeeze", lambda xs, p: ag.squeeze(xs[0]), lambda t, xs, p: xs[0].squeeze())
step(
    "expand_dims",
    lambda xs, p: ag.expand_dims(xs[0], -1),
    lambda t, xs, p: xs[0].unsqueeze(-1),
    choose=lambda rng, xs: {} if xs[0].ndim < 4 else None,
)
step(
    "concatenate",
    lambda xs, p: ag.concatenate(xs, p["axis"]),
    lambda t, xs, p: t.cat(list(xs), p["axis"]),
    2,
    _same_but_one,
)
step("stack", lambda xs, p: ag.stack(xs, p["axis"]), lambda t, xs, p: t.stack(list(xs), p["axis"]), 2, _same_shape)
step("tril", lambda xs, p: ag.tril(xs[0], p["k"]), lambda t, xs, p: t.tril(xs[0], p["k"]), choose=_matrix)
step("triu", lambda xs, p: ag.triu(xs[0], p["k"]), lambda t, xs, p: t.triu(xs[0], p["k"]), choose=_matrix)
step(
    "diagonal",
    lambda xs, p: ag.diagonal(xs[0], 0, -2, -1),
    lambda t, xs, p: t.diagonal(xs[0], 0, -2, -1),
    choose=_matrix,
)
step(
    "tile",
    lambda xs, p: ag.tile(xs[0], (2, 1)),
    lambda t, xs, p: t.tile(xs[0], (2, 1)),
)
step(
    "pad",
    lambda xs, p: ag.pad(xs[0], [(0, 0)] * (xs[0].ndim - 1) + [(1, 2)]),
    lambda t, xs, p: t.nn.functional.pad(xs[0], (1, 2)),
    choose=one_axis,
)
step("slice", lambda xs, p: xs[0][p["key"]], lambda t, xs, p: xs[0][p["key"]], choose=_key)

# ---- indexing ------------------------------------------------------------------------------------------------------


def _indices(rng: Any, xs: Arrays) -> Params | None:
    p = one_axis(rng, xs)
    if p is None:
        return None
    axis = p["axis"] % xs[0].ndim
    n, shape = xs[0].shape[axis], list(xs[0].shape)
    shape[axis] = int(rng.integers(1, 4))
    along = np.stack([rng.permutation(max(n, shape[axis]))[: shape[axis]] % n for _ in range(xs[0].size // n)])
    moved = [m for i, m in enumerate(shape) if i != axis]
    return {
        "axis": axis,
        "index": rng.integers(0, n, int(rng.integers(1, 5))),
        "along": np.moveaxis(along.reshape(*moved, shape[axis]), -1, axis),
    }


def _distinct_along(rng: Any, xs: Arrays) -> Params | None:
    p = _indices(rng, xs)
    return p if p and p["along"].shape[p["axis"]] <= xs[0].shape[p["axis"]] else None


def _mask(rng: Any, xs: Arrays) -> Params | None:
    return {"mask": rng.random(xs[0].shape) < 0.4} if xs[0].ndim else None


def _some_of_mask(rng: Any, xs: Arrays) -> Params | None:
    p = _mask(rng, xs)
    return p if p and p["mask"].any() else None


def _tensor(torch: Any, index: Any) -> Any:
    return torch.from_numpy(np.ascontiguousarray(index))


def _scattered(rng: Any, xs: Arrays) -> Params | None:
    p = _indices(rng, xs[:1])
    if p is None or xs[1].ndim != 0:
        return None
    return p


def _set(x: Any, index: Any, value: Any) -> Any:
    x = x.copy() if hasattr(x, "copy") else x.clone()
    x[index] = value
    return x


step(
    "take",
    lambda xs, p: ag.take(xs[0], p["index"], p["axis"]),
    lambda t, xs, p: t.index_select(xs[0], p["axis"], _tensor(t, p["index"])),
    choose=_indices,
)
step(
    "take_along_axis",
    lambda xs, p: ag.take_along_axis(xs[0], p["along"], p["axis"]),
    lambda t, xs, p: t.gather(xs[0], p["axis"], _tensor(t, p["along"])),
    choose=_indices,
)
step(
    "put_along_axis",
    lambda xs, p: ag.put_along_axis(
        xs[0], p["along"], ag.take_along_axis(xs[0] * xs[0], p["along"], p["axis"]), p["axis"]
    ),
    lambda t, xs, p: t.scatter(
        xs[0], p["axis"], _tensor(t, p["along"]), t.gather(xs[0] * xs[0], p["axis"], _tensor(t, p["along"]))
    ),
    choose=_distinct_along,
)
step(
    "scatter_add",
    lambda xs, p: ag.scatter_add(xs[0], p["index"], ag.take(ag.sin(xs[0]), p["index"], p["axis"]), p["axis"]),
    lambda t, xs, p: t.index_add(
        xs[0], p["axis"], _tensor(t, p["index"]), t.index_select(t.sin(xs[0]), p["axis"], _tensor(t, p["index"]))
    ),
    choose=_indices,
)
step(
    "index with an array",
    lambda xs, p: xs[0][p["index"] % xs[0].shape[0]],
    lambda t, xs, p: xs[0][_tensor(t, p["index"] % xs[0].shape[0])],
    choose=_indices,
)
step(
    "index with a mask",
    lambda xs, p: xs[0][p["mask"]],
    lambda t, xs, p: xs[0][_tensor(t, p["mask"])],
    choose=_some_of_mask,
)
step(
    "write with a mask",
    lambda xs, p: _set(xs[0], p["mask"], 0.25),
    lambda t, xs, p: _set(xs[0], _tensor(t, p["mask"]), 0.25),
    choose=_mask,
)
step(
    "write at an index",
    lambda xs, p: _set(xs[0], p["key"], 0.5),
    lambda t, xs, p: _set(xs[0], p["key"], 0.5),
    choose=_key,
)
step(
    "masked_fill",
    lambda xs, p: ag.masked_fill(xs[0], p["mask"], -0.5),
    lambda t, xs, p: xs[0].masked_fill(_tensor(t, p["mask"]), -0.5),
    choose=_mask,
)
step(
    "embedding",
    lambda xs, p: ag.embedding(p["index"] % xs[0].shape[0], xs[0]),
    lambda t, xs, p: t.nn.functional.embedding(_tensor(t, p["index"] % xs[0].shape[0]), xs[0]),
    choose=lambda rng, xs: _indices(rng, xs) if xs[0].ndim == 2 else None,
)

# ---- products and linear algebra -----------------------------------------------------------------------------------


def _meeting(rng: Any, xs: Arrays) -> Params | None:
    x, y = xs
    if not x.ndim or not y.ndim or x.dtype != y.dtype:
        return None
    if x.shape[-1] != (y.shape[-2] if y.ndim > 1 else y.shape[0]):
        return None
    try:
        batch = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
    except ValueError:
        return None
    return {} if math.prod([*batch, *x.shape[-2:], *y.shape[-1:]]) <= 50 * ROOM else None


def _vectors(rng: Any, xs: Arrays) -> Params | None:
    x, y = xs
    return {} if x.ndim == y.ndim == 1 and x.dtype == y.dtype and x.size * y.size <= ROOM else None


def _last_alike(rng: Any, xs: Arrays) -> Params | None:
    x, y = xs
    meet = x.ndim == y.ndim == 2 and x.shape[1] == y.shape[1] and x.dtype == y.dtype
    return {} if meet and len(x) * y.size <= 50 * ROOM else None


def _square(rng: Any, xs: Arrays) -> Params | None:
    x = xs[0]
    square = x.ndim >= 2 and x.shape[-1] == x.shape[-2]
    return {"n": x.shape[-1]} if square and x.size and x.shape[-1] <= 8 else None


def _regular(x: Any, eye: Any) -> Any:
    """A matrix that is well conditioned, made of any."""
    return small(x) * 0.5 + eye * 2.0


def _definite(x: Any, eye: Any) -> Any:
    s = small(x)
    return s @ s.mT + eye


def _spread(x: Any, eye: Any, diagonal: Any) -> Any:
    """A symmetric matrix whose eigenvalues (and singular values) are far apart."""
    s = small(x) * 0.2
    return s + s.mT + eye * diagonal


def _linear(name: str, ours: Any, theirs: Any, of: Any = _regular) -> None:
    def diagonal(x: Any) -> Any:
        return np.arange(1, x.shape[-1] + 1) * 2.0

    def our_side(xs: Arrays, p: Params) -> Any:
        eye = np.eye(p["n"], dtype=xs[0].dtype)
        return ours(of(xs[0], eye) if of is not _spread else of(xs[0], eye, diagonal(xs[0]).astype(xs[0].dtype)))

    def their_side(torch: Any, xs: Arrays, p: Params) -> Any:
        eye = torch.eye(p["n"], dtype=xs[0].dtype)
        points = torch.arange(1, p["n"] + 1, dtype=xs[0].dtype) * 2.0
        return theirs(torch, of(xs[0], eye) if of is not _spread else of(xs[0], eye, points))

    step(name, our_side, their_side, 1, _square)


step("matmul", lambda xs, p: xs[0] @ xs[1], lambda t, xs, p: xs[0] @ xs[1], 2, _meeting)
step("outer", lambda xs, p: ag.outer(*xs), lambda t, xs, p: t.outer(*xs), 2, _vectors)
step(
    "convolve",
    lambda xs, p: ag.convolve(*xs),
    lambda t, xs, p: t.nn.functional.conv1d(xs[0][None, None], xs[1].flip(0)[None, None], padding=len(xs[1]) - 1)[0, 0],
    2,
    _vectors,
)
step("kron", lambda xs, p: ag.kron(*xs), lambda t, xs, p: t.kron(*xs), 2, _vectors)
step("einsum", lambda xs, p: ag.einsum("ij,kj->ik", *xs), lambda t, xs, p: t.einsum("ij,kj->ik", *xs), 2, _last_alike)
step("inner", lambda xs, p: ag.inner(*xs), lambda t, xs, p: t.inner(*xs), 2, _last_alike)
step(
    "tensordot",
    lambda xs, p: ag.tensordot(*xs, axes=([1], [1])),
    lambda t, xs, p: t.tensordot(*xs, dims=([1], [1])),
    2,
    _last_alike,
)
step(
    "vdot",
    lambda xs, p: ag.vdot(*xs),
    lambda t, xs, p: t.dot(*[x.reshape(-1) for x in xs]),
    2,
    lambda rng, xs: {} if xs[0].shape == xs[1].shape and xs[0].dtype == xs[1].dtype else None,
)
_linear("inv", ag.linalg.inv, lambda t, a: t.linalg.inv(a))
_linear("det", ag.linalg.det, lambda t, a: t.linalg.det(a))
_linear("slogdet", lambda a: ag.linalg.slogdet(a)[1], lambda t, a: t.linalg.slogdet(a)[1])
_linear("pinv", ag.linalg.pinv, lambda t, a: t.linalg.pinv(a))
_linear("expm", ag.linalg.expm, lambda t, a: t.linalg.matrix_exp(a.contiguous()))
_linear("qr", lambda a: ag.linalg.qr(a)[1] ** 2, lambda t, a: t.linalg.qr(a)[1] ** 2)  # whose signs are free
_linear("matrix_power", lambda a: ag.linalg.matrix_power(a, 3), lambda t, a: t.linalg.matrix_power(a, 3))
_linear("cholesky", ag.linalg.cholesky, lambda t, a: t.linalg.cholesky(a), _definite)
_linear("eigvalsh", ag.linalg.eigvalsh, lambda t, a: t.linalg.eigvalsh(a), _spread)
_linear("eigh", lambda a: ag.linalg.eigh(a)[1] ** 2, lambda t, a: t.linalg.eigh(a)[1] ** 2, _spread)
_linear("svdvals", ag.linalg.svdvals, lambda t, a: t.linalg.svdvals(a), _spread)
_linear("solve", lambda a: ag.linalg.solve(a, a.mT * a), lambda t, a: t.linalg.solve(a, a.mT * a))
_linear(
    "triangular solve",
    lambda a: ag.linalg.solve_triangular(a, a.mT, lower=True),
    lambda t, a: t.linalg.solve_triangular(t.tril(a), a.mT, upper=False),
)
_linear(
    "nuclear norm",
    lambda a: ag.linalg.matrix_norm(a, ord="nuc"),
    lambda t, a: t.linalg.matrix_norm(a, ord="nuc"),
    _spread,
)

# ---- images --------------------------------------------------------------------------------------------------------


def _image(rng: Any, xs: Arrays) -> Params | None:
    x = xs[0]
    return {} if x.ndim == 4 and min(x.shape[2:]) >= 2 and x.size else None


def _signal(rng: Any, xs: Arrays) -> Params | None:
    x, w = xs
    fits = x.ndim == w.ndim == 3 and x.shape[1] == w.shape[1] and x.shape[2] >= w.shape[2] and x.dtype == w.dtype
    return {"padding": int(rng.integers(2)), "stride": int(rng.integers(1, 3))} if fits else None


def _windows(xs: Arrays, p: Params) -> Any:
    x = xs[0]
    parts = np.stack([x[:, :, i : x.shape[2] - 1 + i, j : x.shape[3] - 1 + j] for i in (0, 1) for j in (0, 1)], -1)
    return np.diff(np.sort(parts, -1), axis=-1)


step(
    "conv1d",
    lambda xs, p: ag.conv1d(xs[0], xs[1], None, p["stride"], p["padding"]),
    lambda t, xs, p: t.nn.functional.conv1d(*xs, None, p["stride"], p["padding"]),
    2,
    _signal,
)
step(
    "max_pool2d",
    lambda xs, p: ag.max_pool2d(xs[0], 2, 1),
    lambda t, xs, p: t.nn.functional.max_pool2d(xs[0], 2, 1),
    choose=_image,
    kinks=_windows,
    strict=True,
)
step(
    "avg_pool2d",
    lambda xs, p: ag.avg_pool2d(xs[0], 2, 1),
    lambda t, xs, p: t.nn.functional.avg_pool2d(xs[0], 2, 1),
    choose=_image,
)
