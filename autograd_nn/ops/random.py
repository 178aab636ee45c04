"""Random numbers: draws from a generator, and distributions made of draws, differentiable by their parameters.

    ag.manual_seed(0)
    ag.rand(2, 3), ag.randn((2, 3)), ag.randint(0, 10, (5,)), ag.randperm(8), ag.dropout(x, 0.1)    # PyTorch's names
    ag.random.normal(loc, scale), ag.random.uniform(0.0, 1.0, (5,)), ag.random.choice(x, 3)         # NumPy's, with `size`

Every draw is keyed by a counter (see `engine/random`), so that a replay, a checkpoint and a check repeat it.

Decision: a draw itself has no derivative; a distribution is a function of one (`loc + scale * z`), so its derivative by loc and
scale is that of the sample held at this draw: it is *reparameterised* (Kingma and Welling, arXiv:1312.6114). What is drawn as
integers or booleans has none, and its dtype says so; `gumbel_softmax` is the differentiable stand-in for `categorical`.

Decision: floats are of the parameters' dtype, else of the default dtype.

Decision: normal and exponential numbers are made by NumPy's ziggurats. Box and Muller's formula on vectors of bits takes under
half the time, but its logarithms and cosines differ in the last bit between processors; a seed's numbers should not.
"""

from __future__ import annotations

import functools
import math
import operator
from typing import TYPE_CHECKING, Any

import numpy as np

from ..engine import random as engine_random
from ..engine.dtypes import get_default_dtype
from ..engine.modes import no_grad
from ..engine.op import nondifferentiable, op
from ..engine.random import Generator as Generator
from ..engine.random import generator as generator
from ..engine.random import manual_seed as manual_seed
from ..engine.tensor import Tensor, assign
from .elementwise import exp, log
from .fused import softmax
from .indexing import take
from .products import matmul
from .reduction import argmax
from .shape import as_shape, detach
from .special import erfc

if TYPE_CHECKING:
    from numpy.typing import DTypeLike


__all__ = [
    "dropout", "gumbel_softmax", "rand", "rand_like", "randint", "randn", "randn_like", "randperm",
]  # fmt: skip

# ---- draws ---------------------------------------------------------------------------------------------------------


@op(kind="random")
def uniform_(state, /, shape, dtype):
    """Numbers uniform on [0, 1), from a generator's state."""
    return engine_random.stream(state).random(shape, dtype)


@op(kind="random")
def normal_(state, /, shape, dtype):
    """Standard normal numbers, from a generator's state."""
    return engine_random.stream(state).standard_normal(shape, dtype)


@op(kind="random")
def exponential_(state, /, shape, dtype):
    """Exponential numbers of mean 1, from a generator's state; never 0, so that their logarithm is finite."""
    return np.maximum(engine_random.stream(state).standard_exponential(shape, dtype), np.finfo(dtype).tiny)


@op(kind="random")
def integers_(state, /, low, high, shape):
    """Integers uniform on [low, high), from a generator's state."""
    return engine_random.stream(state).integers(low, high, shape)


@op(kind="random")
def permutation_(state, /, n):
    """The integers below n in random order, from a generator's state."""
    return engine_random.stream(state).permutation(n)


@op(kind="random")
def dropout_mask_(state, /, shape, dtype, p):
    """0 with probability p, else 1 / (1 - p), from a generator's state.

    One 16-bit integer is drawn for an element, and compared with p in 65536ths, which takes a fifth of the time that a floating
    number does; 32 bits where 16 would miss p, or 1 - p, by more than a thousandth of itself. The scale is that of the
    probability in 65536ths, so the mean is exactly 1.
    """
    integer, bits, threshold, scale = _threshold(p, dtype.type)
    n = math.prod(shape)
    words = engine_random.stream(state).bit_generator.random_raw(-(-n * bits // 64))
    return (words.view(integer)[:n].reshape(shape) >= threshold) * scale


@functools.lru_cache
def _threshold(p: float, kind: Any) -> tuple[Any, int, Any, Any]:
    """How to compare with p: the integers to draw, their bits, the one below which an element is dropped, and the scale."""
    bits = 16 if abs(round(p * 2**16) / 2**16 - p) <= 1e-3 * min(p, 1.0 - p) else 32
    whole = 1 << bits
    threshold = min(max(round(p * whole), 1), whole - 1)
    integer = np.uint16 if bits == 16 else np.uint32
    return integer, bits, integer(threshold), kind(whole / (whole - threshold))


@op(kind="random")
def categories_(state, logits, /, shape):
    """Class numbers drawn with probability softmax(logits) along the last axis, by inverting the cumulative sum."""
    weights = np.exp(logits - np.max(logits, -1, keepdims=True), dtype=np.float64)
    total = np.cumsum(weights, -1)
    u = engine_random.stream(state).random(shape)
    if total.ndim == 1:
        reached = np.minimum(u * total[-1], np.nextafter(total[-1], 0.0))
        return np.searchsorted(total, reached, side="right")
    reached = np.minimum(u * total[..., -1], np.nextafter(total[..., -1], 0.0))
    return np.count_nonzero(total <= reached[..., None], -1)


for _draw in (uniform_, normal_, exponential_, integers_, permutation_, dropout_mask_):
    _draw.vjp(state=nondifferentiable)
categories_.vjp(state=nondifferentiable, logits=nondifferentiable)


def _drawn(operation: Any, source: Generator | None, *arrays: Any, **params: Any) -> Any:
    return (source or engine_random.generator()).draw(operation, *arrays, **params)


def _floating(name: str, dtype: DTypeLike | None) -> np.dtype:
    checked = np.dtype(dtype or get_default_dtype())
    if checked.char not in "fd":
        raise TypeError(f"{name}: random numbers are float32 or float64, not {checked}; cast them with .astype")
    return checked


def _axes(name: str, shape: tuple[Any, ...]) -> tuple[int, ...]:
    """The shape of ``f((2, 3))``, ``f(2, 3)``, ``f(2)`` and ``f()``."""
    try:
        return as_shape(shape[0]) if len(shape) == 1 else as_shape(shape)
    except TypeError as error:
        raise TypeError(
            f"{name}: a shape is whole numbers, {name}(2, 3) or {name}((2, 3)), not {', '.join(map(repr, shape))}; "
            f"dtype, generator and requires_grad go by keyword"
        ) from error


# ---- PyTorch's names -----------------------------------------------------------------------------------------------


def rand(
    *shape: Any, dtype: DTypeLike | None = None, generator: Generator | None = None, requires_grad: bool = False
) -> Tensor:
    """Random numbers uniform on [0, 1). The shape is a tuple or the axes one by one.

    `generator`: by default the one that `manual_seed` sets.

    >>> ag.rand((2, 3)).shape == ag.rand(2, 3).shape == (2, 3)
    True
    """
    made = _drawn(uniform_, generator, shape=_axes("rand", shape), dtype=_floating("rand", dtype))
    return made.requires_grad_() if requires_grad else made


def randn(
    *shape: Any, dtype: DTypeLike | None = None, generator: Generator | None = None, requires_grad: bool = False
) -> Tensor:
    """Random numbers from the standard normal distribution. The shape is a tuple or the axes one by one.

    `generator`: by default the one that `manual_seed` sets.

    >>> ag.randn((2, 3)).shape == ag.randn(2, 3).shape == (2, 3)
    True
    """
    made = _drawn(normal_, generator, shape=_axes("randn", shape), dtype=_floating("randn", dtype))
    return made.requires_grad_() if requires_grad else made


def randint(low: int, high: Any = None, shape: Any = None, *, generator: Generator | None = None) -> Tensor:
    """Random integers uniform on [low, high), int64; on [0, low) where only one bound is given, as NumPy and PyTorch have it.

    `generator`: by default the one that `manual_seed` sets. Raises ValueError if there are none.

    >>> bool((ag.randint(0, 10, (100,)) < 10).all())
    True
    >>> ag.randint(10, (2, 3)).shape
    (2, 3)
    """
    if shape is None and high is not None and not hasattr(high, "__index__"):
        low, high, shape = 0, low, high
    elif high is None:
        low, high = 0, low
    low, high = operator.index(low), operator.index(high)
    if not low < high:
        raise ValueError(f"randint: no integers from {low} up to but not including {high}")
    return _drawn(integers_, generator, low=low, high=high, shape=() if shape is None else as_shape(shape))


def randperm(n: int, *, generator: Generator | None = None) -> Tensor:
    """The integers from 0 to n - 1 in random order, int64.

    >>> sorted(ag.randperm(4).tolist())
    [0, 1, 2, 3]
    """
    return _drawn(permutation_, generator, n=operator.index(n))


def rand_like(x: Any, dtype: DTypeLike | None = None, *, generator: Generator | None = None) -> Tensor:
    """Random numbers uniform on [0, 1) in the shape (and dtype, unless given) of x.

    >>> ag.rand_like(ag.zeros((2, 3))).shape
    (2, 3)
    """
    return rand(x.shape, dtype=dtype or x.dtype, generator=generator)


def randn_like(x: Any, dtype: DTypeLike | None = None, *, generator: Generator | None = None) -> Tensor:
    """Standard normal random numbers in the shape (and dtype, unless given) of x.

    >>> ag.randn_like(ag.zeros((2, 3))).shape
    (2, 3)
    """
    return randn(x.shape, dtype=dtype or x.dtype, generator=generator)


# ---- dropout -------------------------------------------------------------------------------------------------------


def dropout(x: Any, p: float = 0.5, training: bool = True, *, generator: Generator | None = None) -> Any:
    r"""x with each element made 0 with probability p and the others divided by 1 - p, so that the mean stays.

    x itself if not `training`, or if p is 0. For whole channels, multiply
    by a `dropout_mask` of shape (batch, channels, 1, 1).
    Raises ValueError for a p outside 0 to 1. Source: Srivastava et al., JMLR 15 (2014).

    >>> _ = ag.manual_seed(0)
    >>> sorted(set(ag.dropout(ag.ones(1000), p=0.5).tolist()))
    [0.0, 2.0]
    """
    _probability("dropout", p)
    if not training or p == 0.0:
        return x
    if p == 1.0 or x.dtype.kind != "f":
        mask = dropout_mask(x.shape, p, dtype=x.dtype)
    else:
        mask = _drawn(dropout_mask_, generator, shape=x.shape, dtype=x.dtype, p=p)
    return x * (mask if isinstance(x, Tensor) else mask._array)


def dropout_mask(
    shape: Any, p: float = 0.5, *, dtype: DTypeLike | None = None, generator: Generator | None = None
) -> Tensor:
    """What dropout multiplies by: 0 with probability p, else 1 / (1 - p). p is kept to a thousandth of itself, the mean exactly.

    >>> ag.random.dropout_mask((2, 3), 0.25).shape
    (2, 3)
    """
    _probability("dropout", p)
    dtype = np.dtype(dtype or get_default_dtype())
    if dtype.kind != "f":
        raise TypeError(f"dropout: works on floating numbers, not {dtype}; cast them with .astype")
    if p in (0.0, 1.0):
        return Tensor._of(np.full(as_shape(shape), 1.0 - p, dtype))
    return _drawn(dropout_mask_, generator, shape=as_shape(shape), dtype=dtype, p=p)


def _probability(name: str, p: Any) -> None:
    if isinstance(p, Tensor):
        raise TypeError(f"{name}: p is a number, not a Tensor; for probabilities by element see ag.random.bernoulli")
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"{name}: the probability p is between 0 and 1, not {p}")


# ---- NumPy's names: distributions, reparameterised -------------------------------------------------------------------


def uniform(
    low: Any = 0.0, high: Any = 1.0, size: Any = None, *, dtype: Any = None, generator: Generator | None = None
) -> Tensor:
    r"""Uniform on [low, high): :math:`\text{low} + (\text{high} - \text{low})\, u`, differentiable by both.

    `low` and `high` broadcast; `size` is the shape of the result, by default theirs.

    >>> ag.random.uniform(-1.0, [1.0, 2.0], (3, 2)).shape
    (3, 2)
    """
    u = _standard("uniform", uniform_, size, dtype, generator, low, high)
    low, high = _param(low, u.dtype), _param(high, u.dtype)
    return u if _are(low, 0.0) and _are(high, 1.0) else low + (high - low) * u


def normal(
    loc: Any = 0.0, scale: Any = 1.0, size: Any = None, *, dtype: Any = None, generator: Generator | None = None
) -> Tensor:
    r"""Normal of mean loc and standard deviation scale: :math:`\text{loc} + \text{scale}\, z`, differentiable by both.

    `loc` and `scale` broadcast; `size` is the shape of the result, by default theirs. Raises ValueError for a negative scale.

    >>> scale = ag.tensor(2.0, requires_grad=True)
    >>> sample = ag.random.normal(0.0, scale)
    >>> bool(ag.gradients(sample, scale) == sample / 2.0)  # z
    True
    """
    _not_negative("normal", scale)
    return _moved(loc, scale, _standard("normal", normal_, size, dtype, generator, loc, scale))


def lognormal(
    mean: Any = 0.0, sigma: Any = 1.0, size: Any = None, *, dtype: Any = None, generator: Generator | None = None
) -> Tensor:
    r"""The exponential of a normal: :math:`e^{\text{mean} + \text{sigma}\, z}`, differentiable by both. See `normal`.

    >>> bool((ag.random.lognormal(size=10) > 0.0).all())
    True
    """
    return exp(normal(mean, sigma, size, dtype=dtype, generator=generator))


def exponential(scale: Any = 1.0, size: Any = None, *, dtype: Any = None, generator: Generator | None = None) -> Tensor:
    r"""Exponential of mean scale, density :math:`e^{-x / \text{scale}} / \text{scale}`; differentiable by it. See `normal`.

    >>> bool((ag.random.exponential(2.0, 10) > 0.0).all())
    True
    """
    _not_negative("exponential", scale)
    return _moved(0.0, scale, _standard("exponential", exponential_, size, dtype, generator, scale))


def gumbel(
    loc: Any = 0.0, scale: Any = 1.0, size: Any = None, *, dtype: Any = None, generator: Generator | None = None
) -> Tensor:
    r"""Gumbel, the law of a largest value: :math:`\text{loc} - \text{scale} \log e`, with e exponential; differentiable by both.

    >>> ag.random.gumbel(size=(2, 3)).shape
    (2, 3)
    """
    _not_negative("gumbel", scale)
    return _moved(loc, scale, -log(_standard("gumbel", exponential_, size, dtype, generator, loc, scale)))


def laplace(
    loc: Any = 0.0, scale: Any = 1.0, size: Any = None, *, dtype: Any = None, generator: Generator | None = None
) -> Tensor:
    r"""Laplace, density :math:`e^{-|x - \text{loc}| / \text{scale}} / 2\, \text{scale}`; differentiable by both. See `normal`.

    >>> ag.random.laplace(size=(2, 3)).shape
    (2, 3)
    """
    _not_negative("laplace", scale)
    right = _standard("laplace", exponential_, size, dtype, generator, loc, scale)
    return _moved(loc, scale, right - _standard("laplace", exponential_, size, dtype, generator, loc, scale))


def logistic(
    loc: Any = 0.0, scale: Any = 1.0, size: Any = None, *, dtype: Any = None, generator: Generator | None = None
) -> Tensor:
    r"""Logistic, of distribution function :math:`\sigma((x - \text{loc}) / \text{scale})`; differentiable by both. See `normal`.

    >>> ag.random.logistic(size=(2, 3)).shape
    (2, 3)
    """
    _not_negative("logistic", scale)
    above = _standard("logistic", exponential_, size, dtype, generator, loc, scale)
    return _moved(loc, scale, log(above / _standard("logistic", exponential_, size, dtype, generator, loc, scale)))


def multivariate_normal(
    mean: Any, cov: Any, size: Any = (), *, dtype: Any = None, generator: Generator | None = None
) -> Tensor:
    r"""Normal vectors: :math:`\text{mean} + L z`, with :math:`L L^\top = \text{cov}`; differentiable by mean and cov.

    Shapes: mean (..., n), cov (n, n), positive definite; the result size + (n,), where size is at least mean's (...).

    >>> ag.random.multivariate_normal(np.zeros(3), np.eye(3), (4,)).shape
    (4, 3)
    """
    from .decompositions import cholesky

    factor = cholesky(cov)
    lead = np.broadcast_shapes(as_shape(size), np.shape(_data(mean))[:-1])
    z = _standard(
        "multivariate_normal", normal_, (*lead, factor.shape[-1]), dtype, generator, mean, cov, broadcast=False
    )
    return _param(mean, z.dtype) + matmul(z, factor.mT)


def truncated_normal(
    lower: Any = -2.0,
    upper: Any = 2.0,
    loc: Any = 0.0,
    scale: Any = 1.0,
    size: Any = None,
    *,
    dtype: Any = None,
    generator: Generator | None = None,
) -> Tensor:
    r"""Normal numbers, given that they lie between bounds: :math:`\text{loc} + \text{scale}\, z`, lower <= z <= upper.

    `lower` and `upper` are in standard deviations from `loc`, and may be infinite. Differentiable by all four. Far tails are
    exact up to 37 standard deviations; beyond, and where lower is not below upper, ValueError.

    >>> z = ag.random.truncated_normal(-1.0, 3.0, size=1000)
    >>> bool((z >= -1.0).all() and (z <= 3.0).all())
    True
    """
    _not_negative("truncated_normal", scale)
    a, b = np.asarray(_data(lower)), np.asarray(_data(upper))
    if not np.all(a < b):
        raise ValueError("truncated_normal: lower must be below upper")
    if np.any(a > 37.0) or np.any(b < -37.0):
        raise ValueError("truncated_normal: bounds beyond 37 standard deviations hold less than a double can express")
    params = (lower, upper, loc, scale)
    u = _standard("truncated_normal", uniform_, size, np.float64, generator, *params)
    return _moved(loc, scale, truncate_(u, lower, upper, dtype=_dtype_of("truncated_normal", dtype, *params)))


@op(kind="opaque", broadcasts=True)
def truncate_(u, lower, upper, /, dtype):
    """The number between lower and upper below which the share u of the normal distribution between them lies."""
    u, a, b = (np.asarray(x, np.float64) for x in (u, lower, upper))
    right = a > 0.0  # work in the left tail, where the distribution function keeps its digits
    a, b, share = np.where(right, -b, a), np.where(right, -a, b), np.where(right, 1.0 - u, u)
    below, above = 0.5 * erfc(-a * math.sqrt(0.5)), 0.5 * erfc(-b * math.sqrt(0.5))
    z = np.clip(_normal_quantile(below + share * (above - below)), a, b)
    return np.where(right, -z, z).astype(dtype)


# At a fixed share, the bounds' densities move with the sample's.
truncate_.vjp(
    u=nondifferentiable,
    lower=lambda g, out, u, lower: g * (1.0 - u) * exp((out - lower) * (out + lower) * 0.5),
    upper=lambda g, out, u, upper: g * u * exp((out - upper) * (out + upper) * 0.5),
)


def _normal_quantile(p: Any) -> Any:
    """z with normal distribution function p: Abramowitz and Stegun 26.2.23 (to 4.5e-4), then two of Halley's steps."""
    p = np.clip(p, np.finfo(np.float64).tiny, 1.0 - 2.0**-53)
    tail = np.minimum(p, 1.0 - p)
    t = np.sqrt(-2.0 * np.log(tail))
    z = (2.515517 + t * (0.802853 + t * 0.010328)) / (1.0 + t * (1.432788 + t * (0.189269 + t * 0.001308))) - t
    for _ in range(2):
        error = (0.5 * erfc(-z * math.sqrt(0.5)) - tail) * math.sqrt(2.0 * math.pi) * np.exp(0.5 * z * z)
        z = z - error / (1.0 + 0.5 * z * error)
    return np.where(p < 0.5, z, -z)


# ---- discrete draws --------------------------------------------------------------------------------------------------


def integers(low: int, high: int | None = None, size: Any = None, *, generator: Generator | None = None) -> Tensor:
    """Integers uniform on [low, high), or [0, low) if there is one bound, int64.

    >>> ag.random.integers(3, size=4).shape
    (4,)
    """
    return randint(low, high, () if size is None else size, generator=generator)


def bernoulli(p: Any = 0.5, size: Any = None, *, generator: Generator | None = None) -> Tensor:
    """True with probability p, which broadcasts; no gradient flows to p. `size`: by default p's shape.

    >>> ag.random.bernoulli([0.0, 1.0]).tolist()
    [False, True]
    """
    data = np.asarray(_data(p))
    if not np.all((data >= 0.0) & (data <= 1.0)):
        raise ValueError("bernoulli: probabilities are between 0 and 1")
    u = _standard("bernoulli", uniform_, size, np.float64 if data.dtype == np.float64 else None, generator, data)
    return u < (detach(p) if isinstance(p, Tensor) else p)


def categorical(logits: Any, size: Any = None, *, generator: Generator | None = None) -> Tensor:
    """Class numbers, int64, with probability softmax(logits) along the last axis; no gradient flows (see `gumbel_softmax`).

    Shapes: logits (..., classes); the result `size`, which ends in (...) and is that by default.

    >>> ag.random.categorical(np.log([0.0 + 1e-300, 1.0]), (4,)).tolist()
    [1, 1, 1, 1]
    """
    data = logits if isinstance(logits, Tensor) else np.asarray(logits)
    if not data.ndim or not data.shape[-1]:
        raise ValueError(f"categorical: logits of shape {data.shape} have no classes along their last axis")
    shape = _size("categorical", size, data.shape[:-1])
    return _drawn(categories_, generator, detach(data) if isinstance(data, Tensor) else data, shape=shape)


def gumbel_softmax(
    logits: Any, tau: float = 1.0, hard: bool = False, axis: int = -1, *, generator: Generator | None = None
) -> Any:
    r"""A differentiable draw of classes: :math:`\mathrm{softmax}((z + g) / \tau)` with Gumbel noise g.

    As `tau` goes to 0 it becomes the one-hot vector of a `categorical` draw; with `hard` it is that vector, with the derivative
    of the soft one. Raises ValueError for a tau that is not positive. Source: Jang et al., arXiv:1611.01144.

    >>> _ = ag.manual_seed(0)
    >>> ag.gumbel_softmax(ag.zeros((2, 3)), hard=True).sum(axis=-1)
    tensor([1., 1.], dtype=float32)
    """
    if not tau > 0.0:
        raise ValueError(f"gumbel_softmax: the temperature tau is positive, not {tau}")
    noise = gumbel(size=logits.shape, dtype=logits.dtype, generator=generator)
    soft = softmax((logits + noise) / tau, axis)
    if not hard:
        return soft
    n = logits.shape[axis]
    classes = np.arange(n).reshape([n if k == axis % logits.ndim else 1 for k in range(logits.ndim)])
    one_hot = (argmax(soft, axis, True) == classes).astype(soft.dtype)
    return one_hot + (soft - detach(soft))


def permutation(x: Any, axis: int = 0, *, generator: Generator | None = None) -> Tensor:
    """The integers below x in random order, or the parts of an array x along an axis; differentiable by x.

    >>> sorted(ag.random.permutation(ag.tensor([3.0, 1.0])).tolist())
    [1.0, 3.0]
    """
    if np.ndim(_data(x)) == 0:
        return randperm(x, generator=generator)
    data = x if isinstance(x, Tensor) else np.asarray(x)
    return take(data, randperm(data.shape[axis], generator=generator), axis)


def shuffle(x: Any, axis: int = 0, *, generator: Generator | None = None) -> None:
    """Put the parts of an array, or of a leaf Tensor, in random order, in place.

    >>> x = np.arange(5)
    >>> ag.random.shuffle(x)
    >>> sorted(x.tolist())
    [0, 1, 2, 3, 4]
    """
    with no_grad():
        mixed = permutation(x, axis, generator=generator)
        if isinstance(x, Tensor):
            assign(x, mixed)
        else:
            x[...] = mixed._array


def choice(
    a: Any, size: Any = None, replace: bool = True, p: Any = None, axis: int = 0, *, generator: Generator | None = None
) -> Tensor:
    """Elements of a along an axis (of the integers below a, if it is one), chosen at random; differentiable by a.

    `size`: how many, a shape; one element by default. `replace`: whether an element may come twice. `p`: their probabilities, by
    default all alike. Raises ValueError when there are too few, or p is no distribution over them.

    >>> ag.random.choice(5, 3, replace=False).shape
    (3,)
    """
    whole = np.ndim(_data(a)) == 0
    data = a if whole or isinstance(a, Tensor) else np.asarray(a)
    n = operator.index(a) if whole else data.shape[axis]
    shape = () if size is None else as_shape(size)
    wanted = math.prod(shape)
    weights = None if p is None else np.asarray(_data(p), np.float64)
    if weights is not None and (weights.shape != (n,) or np.any(weights < 0.0) or abs(weights.sum() - 1.0) > 1e-6):
        raise ValueError(f"choice: p must be {n} probabilities that add up to 1")
    available = n if weights is None else np.count_nonzero(weights)
    if n == 0 or (not replace and wanted > available):
        raise ValueError(f"choice: {wanted} elements of {available} without replacement; pass replace=True")
    with np.errstate(divide="ignore"):
        logits = None if weights is None else np.log(weights)
    if replace:
        found = (
            randint(0, n, shape, generator=generator)
            if logits is None
            else categorical(logits, shape, generator=generator)
        )
    elif logits is None:
        found = randperm(n, generator=generator)[:wanted].reshape(shape)
    else:  # the largest of logits with Gumbel noise are a draw without replacement (Vieira, 2014)
        keys = logits + gumbel(size=n, dtype=np.float64, generator=generator)._array
        found = Tensor._of(np.argsort(-keys)[:wanted].reshape(shape))
    return found if whole else take(data, found, axis)


# ---- parameters ------------------------------------------------------------------------------------------------------


def _data(x: Any) -> Any:
    return x._array if isinstance(x, Tensor) else x


def _are(x: Any, value: float) -> bool:
    return type(x) in (float, int) and x == value


def _param(x: Any, dtype: np.dtype) -> Any:
    """A parameter as it enters arithmetic: numbers weak, lists and integer arrays in the draw's dtype."""
    if type(x) in (float, int) or (hasattr(x, "dtype") and x.dtype.kind == "f"):
        return x
    return x.astype(dtype) if isinstance(x, Tensor) else np.asarray(x, dtype)


def _moved(loc: Any, scale: Any, z: Tensor) -> Tensor:
    z = z if _are(scale, 1.0) else _param(scale, z.dtype) * z
    return z if _are(loc, 0.0) else _param(loc, z.dtype) + z


def _dtype_of(name: str, dtype: Any, *params: Any) -> np.dtype:
    if dtype is None:
        found = [_data(p).dtype for p in params if hasattr(p, "dtype") and _data(p).dtype.kind == "f"]
        dtype = np.result_type(*found) if found else None
    return _floating(name, dtype)


def _standard(
    name: str, operation: Any, size: Any, dtype: Any, source: Generator | None, *params: Any, broadcast: bool = True
) -> Tensor:
    """Draws of the standard distribution, of the shape and dtype that the parameters and size ask for."""
    shape = (
        _size(name, size, np.broadcast_shapes(*[np.shape(_data(p)) for p in params])) if broadcast else as_shape(size)
    )
    return _drawn(operation, source, shape=shape, dtype=_dtype_of(name, dtype, *params))


def _size(name: str, size: Any, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape that was asked for, if parameters of this shape broadcast to it."""
    if size is None:
        return shape
    asked = as_shape(size)
    try:
        fits = np.broadcast_shapes(asked, shape) == asked
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(f"{name}: parameters of shape {shape} do not broadcast to the size {asked}")
    return asked


def _not_negative(name: str, scale: Any) -> None:
    if np.any(np.asarray(_data(scale)) < 0.0):
        raise ValueError(f"{name}: the scale must not be negative")
