"""The steps of a random program: each operation on our side and on PyTorch's, and where it may be applied.

A step takes arrays that exist already and parameters that `choose` draws from their shapes. Functions with a limited domain
are fed what brings any number into it (``log`` gets ``x * x + 0.5``), on both sides alike. `kinks` gives the numbers that
must stay away from 0, so that float32's rounding cannot fall on the other side; a tie that is exact on both sides may stay
where both libraries treat ties alike, which is what `strict` forbids.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ... import ops as ag

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


def _step(
    name: str, ours: Any, theirs: Any, arity: int = 1, choose: Any = None, kinks: Any = None, strict: Any = False
) -> None:
    STEPS[name] = Step(name, ours, theirs, arity, choose or (lambda rng, xs: {}), kinks, strict)


# ---- elementwise ---------------------------------------------------------------------------------------------------


def _functional(torch: Any, name: str) -> Any:
    return getattr(torch, name, None) or getattr(torch.nn.functional, name)


ROUGH = frozenset({"lgamma", "digamma", "polygamma"})
"""Steps in whose derivatives PyTorch's trigamma stands, which in float64 is right to 5e-10 only (ours to 1e-15)."""


def _unary(name: str, theirs: str | None = None, feed: Any = None, kinks: Any = None, strict: bool = False) -> None:
    feed = feed or (lambda x: x)
    _step(
        name,
        lambda xs, p: getattr(ag, name)(feed(xs[0])),
        lambda torch, xs, p: _functional(torch, theirs or name)(feed(xs[0])),
        kinks=kinks and (lambda xs, p: kinks(xs[0])),
        strict=strict,
    )


def _positive(x: Any) -> Any:
    return x * x + 0.5


def _small(x: Any) -> Any:
    return x / (1.5 + x * x)  # between -0.41 and 0.41


def _itself(x: Any) -> Any:
    return x


for _name in (
    "sin",
    "cos",
    "tanh",
    "sigmoid",
    "erf",
    "erfc",
    "negative",
    "square",
    "softplus",
    "silu",
    "mish",
    "expm1",
):
    _unary(_name)
for _name in ("sinh", "cosh", "tan", "exp", "exp2", "arcsin", "arccos", "arctanh", "log1p"):
    _unary(_name, {"arcsin": "asin", "arccos": "acos", "arctanh": "atanh"}.get(_name), _small)
for _name in ("log", "log2", "log10", "sqrt", "lgamma", "digamma", "reciprocal"):
    _unary(_name, feed=_positive)
for _name in ("relu", "leaky_relu", "elu", "selu", "celu", "abs", "sign"):
    _unary(_name, kinks=_itself)
_unary("hardtanh", kinks=lambda x: np.abs(x) - 1.0)
_unary("relu6", kinks=lambda x: x * (x - 6.0))
_unary("hardswish", kinks=lambda x: np.abs(x) - 3.0)
# PyTorch has no second derivative of hardsigmoid; clamp(x / 6 + 1/2, 0, 1) is what it is.
_step(
    "hardsigmoid",
    lambda xs, p: ag.hardsigmoid(xs[0]),
    lambda torch, xs, p: torch.clamp(xs[0] / 6.0 + 0.5, 0.0, 1.0),
    kinks=lambda xs, p: np.abs(xs[0]) - 3.0,
)
_unary("hardshrink", kinks=lambda x: np.abs(x) - 0.5)
_unary("softshrink", kinks=lambda x: np.abs(x) - 0.5)
_unary("floor", kinks=lambda x: x - np.rint(x))
_unary("trunc", kinks=lambda x: x - np.rint(x))
_unary("round", kinks=lambda x: np.abs(x - np.rint(x)) - 0.5)
_unary("nan_to_num")
_unary("tanhshrink")
_unary("softsign", kinks=_itself)
_unary("log_sigmoid", "logsigmoid")
_unary("gelu")
_unary("arctan", "atan")
_unary("arcsinh", "asinh")
_unary("arccosh", "acosh", lambda x: x * x + 1.5)
_unary("sinc", kinks=_itself, strict=True)  # PyTorch's second derivative at 0 is NaN
_unary("deg2rad")
_unary("positive")
_step(
    "polygamma",
    lambda xs, p: ag.polygamma(_positive(xs[0]), 1),
    lambda torch, xs, p: torch.polygamma(1, _positive(xs[0])),
)
_step("square root of a power", lambda xs, p: _positive(xs[0]) ** 1.5, lambda torch, xs, p: _positive(xs[0]) ** 1.5)
_step(
    "power of a number",
    lambda xs, p: xs[0] ** p["n"],
    lambda torch, xs, p: xs[0] ** p["n"],
    choose=lambda rng, xs: {"n": int(rng.integers(0, 4))},
)
_step(
    "clip",
    lambda xs, p: ag.clip(xs[0], -0.5, 0.75),
    lambda torch, xs, p: torch.clamp(xs[0], -0.5, 0.75),
    kinks=lambda xs, p: (xs[0] + 0.5) * (xs[0] - 0.75),
)
_step("number on the left", lambda xs, p: 1.5 - xs[0] * 0.5, lambda torch, xs, p: 1.5 - xs[0] * 0.5)
_step(
    "astype",
    lambda xs, p: xs[0].astype("float32" if xs[0].dtype == np.float64 else "float64"),
    lambda torch, xs, p: xs[0].to(torch.float32 if xs[0].dtype == torch.float64 else torch.float64),
)


def _binary(name: str, ours: Any, theirs: Any, kinks: Any = None, strict: bool = False) -> None:
    _step(name, lambda xs, p: ours(*xs), lambda torch, xs, p: theirs(torch, *xs), 2, _broadcasting, kinks, strict)


def _broadcasting(rng: Any, xs: Arrays) -> Params | None:
    try:
        shape = np.broadcast_shapes(*[x.shape for x in xs])
    except ValueError:
        return None
    return {} if math.prod(shape) <= 200 else None


_binary("add", lambda x, y: x + y, lambda t, x, y: x + y)
_binary("subtract", lambda x, y: x - y, lambda t, x, y: x - y)
_binary("multiply", lambda x, y: x * y, lambda t, x, y: x * y)
_binary("divide", lambda x, y: x / _positive(y), lambda t, x, y: x / _positive(y))
_binary("maximum", ag.maximum, lambda t, x, y: t.maximum(x, y), lambda xs, p: xs[0] - xs[1])
_binary("minimum", ag.minimum, lambda t, x, y: t.minimum(x, y), lambda xs, p: xs[0] - xs[1])
_binary("arctan2", lambda x, y: ag.arctan2(x, _positive(y)), lambda t, x, y: t.atan2(x, _positive(y)))
_binary("hypot", lambda x, y: ag.hypot(x, _positive(y)), lambda t, x, y: t.hypot(x, _positive(y)))
_binary("logaddexp", ag.logaddexp, lambda t, x, y: t.logaddexp(x, y))
_binary("logaddexp2", ag.logaddexp2, lambda t, x, y: t.logaddexp2(x, y))
_binary("power", lambda x, y: ag.power(_positive(x), _small(y)), lambda t, x, y: t.pow(_positive(x), _small(y)))
_binary(
    "remainder",
    lambda x, y: ag.remainder(x, _positive(y)),
    lambda t, x, y: t.remainder(x, _positive(y)),
    lambda xs, p: np.mod(xs[0] / _positive(xs[1]) + 0.5, 1.0) - 0.5,
)
_binary(
    "fmod",
    lambda x, y: ag.fmod(x, _positive(y)),
    lambda t, x, y: t.fmod(x, _positive(y)),
    lambda xs, p: np.mod(xs[0] / _positive(xs[1]) + 0.5, 1.0) - 0.5,
)
_binary(
    "copysign",
    ag.copysign,
    lambda t, x, y: t.copysign(x, y),
    lambda xs, p: xs[0] * xs[1],
    strict=True,  # a zero's sign is rounding's, and PyTorch's second derivative there is NaN
)
_binary(
    "where",
    lambda x, y: ag.where(x > 0.1, y, x * 2.0),
    lambda t, x, y: t.where(x > 0.1, y, x * 2.0),
    lambda xs, p: xs[0] - 0.1,
)
_binary(
    "select",
    lambda x, y: ag.select([x > 0.3, y < 0.0], [x * y, y], x),
    lambda t, x, y: t.where(x > 0.3, x * y, t.where(y < 0.0, y, x)),
    lambda xs, p: (xs[0] - 0.3) * xs[1],
)

# ---- reductions and scans ------------------------------------------------------------------------------------------


def _some_axes(rng: Any, xs: Arrays) -> Params | None:
    x = xs[0]
    if x.ndim == 0 or x.size == 0:
        return None
    count = int(rng.integers(1, x.ndim + 1))
    axes = tuple(sorted(int(a) for a in rng.choice(x.ndim, count, replace=False)))
    return {"axis": axes, "keepdims": bool(rng.random() < 0.5)}


def _one_axis(rng: Any, xs: Arrays) -> Params | None:
    x = xs[0]
    return {"axis": int(rng.integers(-x.ndim, x.ndim))} if x.ndim and x.size else None


def _two_or_more(rng: Any, xs: Arrays) -> Params | None:
    p = _one_axis(rng, xs)
    return p if p and xs[0].shape[p["axis"]] >= 2 else None


def _varied(rng: Any, xs: Arrays) -> Params | None:
    """Axes over which there is something to vary."""
    p = _some_axes(rng, xs)
    return p if p and math.prod(xs[0].shape[a] for a in p["axis"]) >= 2 else None


def _reduction(
    name: str, theirs: Any, choose: Any = _some_axes, ours: Any = None, kinks: Any = None, strict: bool = False
) -> None:
    ours = ours or getattr(ag, name)
    _step(
        name,
        lambda xs, p: ours(xs[0], axis=p["axis"], keepdims=p["keepdims"]),
        lambda torch, xs, p: theirs(torch, xs[0], p["axis"], p["keepdims"]),
        choose=choose,
        kinks=kinks,
        strict=strict,
    )


def _gaps(xs: Arrays, p: Params) -> Any:
    """The distances between neighbours in order, along the axis or axes of a step."""
    x, axis = xs[0], p.get("axis")
    axes = axis if isinstance(axis, tuple) else tuple(range(x.ndim)) if axis is None else (axis % x.ndim,)
    kept = [i for i in range(x.ndim) if i not in axes]
    flat = np.transpose(x, (*kept, *axes)).reshape(-1, math.prod(x.shape[a] for a in axes))
    return np.diff(np.sort(flat, -1), axis=-1)


_reduction("sum", lambda t, x, a, k: t.sum(x, a, k))
_reduction("mean", lambda t, x, a, k: t.mean(x, a, k))
_reduction("max", lambda t, x, a, k: t.amax(x, a, k), kinks=_gaps)
_reduction("min", lambda t, x, a, k: t.amin(x, a, k), kinks=_gaps)
_reduction("logsumexp", lambda t, x, a, k: t.logsumexp(x, a, k))
_reduction("nansum", lambda t, x, a, k: t.nansum(x, a, k))
_reduction("var", lambda t, x, a, k: t.var(x, a, correction=0, keepdim=k), _varied)
_norm = lambda order: lambda x, axis, keepdims: ag.linalg.vector_norm(x, axis=axis, keepdims=keepdims, ord=order)
_reduction(
    "norm",
    lambda t, x, a, k: t.linalg.vector_norm(x, 2, a, k),
    ours=_norm(2),
    kinks=lambda xs, p: np.linalg.vector_norm(xs[0], axis=p["axis"]),
    strict=True,
)
_reduction(
    "norm of order 3",
    lambda t, x, a, k: t.linalg.vector_norm(x, 3, a, k),
    ours=_norm(3),
    kinks=lambda xs, p: xs[0],
    strict=True,  # PyTorch's second derivative at 0 is NaN
)


def _along(name: str, ours: Any, theirs: Any, choose: Any = _one_axis, kinks: Any = None, strict: bool = False) -> None:
    _step(
        name,
        lambda xs, p: ours(xs[0], p["axis"]),
        lambda t, xs, p: theirs(t, xs[0], p["axis"]),
        1,
        choose,
        kinks,
        strict,
    )


_along("prod", ag.prod, lambda t, x, a: t.prod(x, a))
_along("cumsum", ag.cumsum, lambda t, x, a: t.cumsum(x, a))
_along("cumprod", ag.cumprod, lambda t, x, a: t.cumprod(x, a))
_along("cummax", lambda x, a: ag.cummax(x, a)[0], lambda t, x, a: t.cummax(x, a)[0], kinks=_gaps, strict=True)
_along("cummin", lambda x, a: ag.cummin(x, a)[0], lambda t, x, a: t.cummin(x, a)[0], kinks=_gaps, strict=True)
_along("sort", ag.sort, lambda t, x, a: t.sort(x, dim=a, stable=True)[0], kinks=_gaps, strict=True)
_along("median", lambda x, a: ag.median(x, axis=a), lambda t, x, a: t.quantile(x, 0.5, a), kinks=_gaps, strict=True)
_along("quantile", lambda x, a: ag.quantile(x, 0.3, a), lambda t, x, a: t.quantile(x, 0.3, a), kinks=_gaps, strict=True)
_along("topk", lambda x, a: ag.topk(x, 2, a)[0], lambda t, x, a: t.topk(x, 2, a)[0], _two_or_more, _gaps, True)
_along("softmax", ag.softmax, lambda t, x, a: t.softmax(x, a))
_along("log_softmax", ag.log_softmax, lambda t, x, a: t.log_softmax(x, a))
_along("flip", ag.flip, lambda t, x, a: t.flip(x, (a,)))
_along("diff", lambda x, a: ag.diff(x, axis=a), lambda t, x, a: t.diff(x, dim=a), _two_or_more)
_along(
    "trapezoid",
    lambda x, a: ag.trapezoid(x, dx=0.5, axis=a),
    lambda t, x, a: t.trapezoid(x, dx=0.5, dim=a),
    _two_or_more,
)
_along("roll", lambda x, a: ag.roll(x, 1, a), lambda t, x, a: t.roll(x, 1, a))
_along("repeat", lambda x, a: ag.repeat(x, 2, a), lambda t, x, a: t.repeat_interleave(x, 2, a))
_along("std", lambda x, a: ag.std(x, a, ddof=1), lambda t, x, a: t.std(x, a), _two_or_more, _gaps, True)

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
    return {"shape": shape} if math.prod(shape) <= 200 and len(shape) <= 4 else None


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


_step(
    "reshape",
    lambda xs, p: ag.reshape(xs[0], p["shape"]),
    lambda t, xs, p: xs[0].reshape(p["shape"]),
    choose=_new_shape,
)
_step(
    "transpose", lambda xs, p: ag.transpose(xs[0], p["axes"]), lambda t, xs, p: xs[0].permute(p["axes"]), choose=_order
)
_step(
    "broadcast_to",
    lambda xs, p: ag.broadcast_to(xs[0], p["shape"]),
    lambda t, xs, p: xs[0].expand(p["shape"]),
    choose=_wider,
)
_step("squeeze", lambda xs, p: ag.squeeze(xs[0]), lambda t, xs, p: xs[0].squeeze())
_step(
    "expand_dims",
    lambda xs, p: ag.expand_dims(xs[0], -1),
    lambda t, xs, p: xs[0].unsqueeze(-1),
    choose=lambda rng, xs: {} if xs[0].ndim < 4 else None,
)
_step(
    "concatenate",
    lambda xs, p: ag.concatenate(xs, p["axis"]),
    lambda t, xs, p: t.cat(list(xs), p["axis"]),
    2,
    _same_but_one,
)
_step("stack", lambda xs, p: ag.stack(xs, p["axis"]), lambda t, xs, p: t.stack(list(xs), p["axis"]), 2, _same_shape)
_step("tril", lambda xs, p: ag.tril(xs[0], p["k"]), lambda t, xs, p: t.tril(xs[0], p["k"]), choose=_matrix)
_step("triu", lambda xs, p: ag.triu(xs[0], p["k"]), lambda t, xs, p: t.triu(xs[0], p["k"]), choose=_matrix)
_step(
    "diagonal",
    lambda xs, p: ag.diagonal(xs[0], 0, -2, -1),
    lambda t, xs, p: t.diagonal(xs[0], 0, -2, -1),
    choose=_matrix,
)
_step(
    "tile",
    lambda xs, p: ag.tile(xs[0], (2, 1)),
    lambda t, xs, p: t.tile(xs[0], (2, 1)),
    choose=lambda rng, xs: {} if xs[0].size <= 60 else None,
)
_step(
    "pad",
    lambda xs, p: ag.pad(xs[0], [(0, 0)] * (xs[0].ndim - 1) + [(1, 2)]),
    lambda t, xs, p: t.nn.functional.pad(xs[0], (1, 2)),
    choose=_one_axis,
)
_step("slice", lambda xs, p: xs[0][p["key"]], lambda t, xs, p: xs[0][p["key"]], choose=_key)

# ---- indexing ------------------------------------------------------------------------------------------------------


def _indices(rng: Any, xs: Arrays) -> Params | None:
    p = _one_axis(rng, xs)
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


_step(
    "take",
    lambda xs, p: ag.take(xs[0], p["index"], p["axis"]),
    lambda t, xs, p: t.index_select(xs[0], p["axis"], _tensor(t, p["index"])),
    choose=_indices,
)
_step(
    "take_along_axis",
    lambda xs, p: ag.take_along_axis(xs[0], p["along"], p["axis"]),
    lambda t, xs, p: t.gather(xs[0], p["axis"], _tensor(t, p["along"])),
    choose=_indices,
)
_step(
    "put_along_axis",
    lambda xs, p: ag.put_along_axis(
        xs[0], p["along"], ag.take_along_axis(xs[0] * xs[0], p["along"], p["axis"]), p["axis"]
    ),
    lambda t, xs, p: t.scatter(
        xs[0], p["axis"], _tensor(t, p["along"]), t.gather(xs[0] * xs[0], p["axis"], _tensor(t, p["along"]))
    ),
    choose=_distinct_along,
)
_step(
    "scatter_add",
    lambda xs, p: ag.scatter_add(xs[0], p["index"], ag.take(ag.sin(xs[0]), p["index"], p["axis"]), p["axis"]),
    lambda t, xs, p: t.index_add(
        xs[0], p["axis"], _tensor(t, p["index"]), t.index_select(t.sin(xs[0]), p["axis"], _tensor(t, p["index"]))
    ),
    choose=_indices,
)
_step(
    "index with an array",
    lambda xs, p: xs[0][p["index"] % xs[0].shape[0]],
    lambda t, xs, p: xs[0][_tensor(t, p["index"] % xs[0].shape[0])],
    choose=_indices,
)
_step(
    "index with a mask",
    lambda xs, p: xs[0][p["mask"]],
    lambda t, xs, p: xs[0][_tensor(t, p["mask"])],
    choose=_some_of_mask,
)
_step(
    "write with a mask",
    lambda xs, p: _set(xs[0], p["mask"], 0.25),
    lambda t, xs, p: _set(xs[0], _tensor(t, p["mask"]), 0.25),
    choose=_mask,
)
_step(
    "write at an index",
    lambda xs, p: _set(xs[0], p["key"], 0.5),
    lambda t, xs, p: _set(xs[0], p["key"], 0.5),
    choose=_key,
)
_step(
    "masked_fill",
    lambda xs, p: ag.masked_fill(xs[0], p["mask"], -0.5),
    lambda t, xs, p: xs[0].masked_fill(_tensor(t, p["mask"]), -0.5),
    choose=_mask,
)
_step(
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
        np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
    except ValueError:
        return None
    return {}


def _vectors(rng: Any, xs: Arrays) -> Params | None:
    return {} if xs[0].ndim == xs[1].ndim == 1 and xs[0].dtype == xs[1].dtype else None


def _last_alike(rng: Any, xs: Arrays) -> Params | None:
    x, y = xs
    return {} if x.ndim == y.ndim == 2 and x.shape[1] == y.shape[1] and x.dtype == y.dtype else None


def _square(rng: Any, xs: Arrays) -> Params | None:
    x = xs[0]
    return {"n": x.shape[-1]} if x.ndim >= 2 and x.shape[-1] == x.shape[-2] and 0 < x.size <= 64 else None


def _regular(x: Any, eye: Any) -> Any:
    """A matrix that is well conditioned, made of any."""
    return _small(x) * 0.5 + eye * 2.0


def _definite(x: Any, eye: Any) -> Any:
    small = _small(x)
    return small @ small.mT + eye


def _spread(x: Any, eye: Any, diagonal: Any) -> Any:
    """A symmetric matrix whose eigenvalues (and singular values) are far apart."""
    small = _small(x) * 0.2
    return small + small.mT + eye * diagonal


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

    _step(name, our_side, their_side, 1, _square)


_step("matmul", lambda xs, p: xs[0] @ xs[1], lambda t, xs, p: xs[0] @ xs[1], 2, _meeting)
_step("outer", lambda xs, p: ag.outer(*xs), lambda t, xs, p: t.outer(*xs), 2, _vectors)
_step(
    "convolve",
    lambda xs, p: ag.convolve(*xs),
    lambda t, xs, p: t.nn.functional.conv1d(xs[0][None, None], xs[1].flip(0)[None, None], padding=len(xs[1]) - 1)[0, 0],
    2,
    _vectors,
)
_step("kron", lambda xs, p: ag.kron(*xs), lambda t, xs, p: t.kron(*xs), 2, _vectors)
_step("einsum", lambda xs, p: ag.einsum("ij,kj->ik", *xs), lambda t, xs, p: t.einsum("ij,kj->ik", *xs), 2, _last_alike)
_step("inner", lambda xs, p: ag.inner(*xs), lambda t, xs, p: t.inner(*xs), 2, _last_alike)
_step(
    "tensordot",
    lambda xs, p: ag.tensordot(*xs, axes=([1], [1])),
    lambda t, xs, p: t.tensordot(*xs, dims=([1], [1])),
    2,
    _last_alike,
)
_step(
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
_linear("qr", lambda a: ag.linalg.qr(a)[1], lambda t, a: t.linalg.qr(a)[1])
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


_step(
    "conv1d",
    lambda xs, p: ag.conv1d(xs[0], xs[1], None, p["stride"], p["padding"]),
    lambda t, xs, p: t.nn.functional.conv1d(*xs, None, p["stride"], p["padding"]),
    2,
    _signal,
)
_step(
    "max_pool2d",
    lambda xs, p: ag.max_pool2d(xs[0], 2, 1),
    lambda t, xs, p: t.nn.functional.max_pool2d(xs[0], 2, 1),
    choose=_image,
    kinks=_windows,
    strict=True,
)
_step(
    "avg_pool2d",
    lambda xs, p: ag.avg_pool2d(xs[0], 2, 1),
    lambda t, xs, p: t.nn.functional.avg_pool2d(xs[0], 2, 1),
    choose=_image,
)
