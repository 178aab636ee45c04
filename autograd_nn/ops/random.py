"""Random numbers: `ag.random`, PyTorch's names, dropout, and what is drawn as integers or booleans.

    ag.manual_seed(0)
    ag.rand(2, 3), ag.randn((2, 3)), ag.randint(0, 10, (5,)), ag.randperm(8), ag.dropout(x, 0.1)    # PyTorch's names
    ag.random.normal(loc, scale), ag.random.uniform(0.0, 1.0, (5,)), ag.random.choice(x, 3)         # NumPy's, with `size`

Every draw is keyed by a counter (see `engine/random`), so that a replay, a checkpoint and a check repeat it. What is drawn as
integers or booleans has no derivative, and its dtype says so; `gumbel_softmax` is the differentiable stand-in for
`categorical`. Continuous distributions are in `distributions`, the operations that draw in `draws`.
"""

from __future__ import annotations

import math
import operator
from typing import TYPE_CHECKING, Any

import numpy as np

from ..engine.dtypes import get_default_dtype
from ..engine.modes import no_grad
from ..engine.random import Generator as Generator
from ..engine.random import generator as generator
from ..engine.random import manual_seed as manual_seed
from ..engine.tensor import Tensor, assign
from .distributions import data_of, size_of, standard
from .distributions import exponential as exponential
from .distributions import gumbel as gumbel
from .distributions import laplace as laplace
from .distributions import logistic as logistic
from .distributions import lognormal as lognormal
from .distributions import multivariate_normal as multivariate_normal
from .distributions import normal as normal
from .distributions import truncated_normal as truncated_normal
from .distributions import uniform as uniform
from .draws import categories_, drawn, dropout_mask_, floating_dtype, integers_, normal_, permutation_, uniform_
from .fused import softmax
from .indexing import take
from .reduction import argmax
from .shape import as_shape, detach, operand_along

if TYPE_CHECKING:
    from numpy.typing import DTypeLike


__all__ = [
    "dropout", "gumbel_softmax", "rand", "rand_like", "randint", "randn", "randn_like", "randperm",
]  # fmt: skip

# ---- PyTorch's names -----------------------------------------------------------------------------------------------


def _axes(name: str, shape: tuple[Any, ...]) -> tuple[int, ...]:
    """The shape of ``f((2, 3))``, ``f(2, 3)``, ``f(2)`` and ``f()``."""
    try:
        return as_shape(shape[0]) if len(shape) == 1 else as_shape(shape)
    except TypeError as error:
        raise TypeError(
            f"{name}: a shape is whole numbers, {name}(2, 3) or {name}((2, 3)), not {', '.join(map(repr, shape))}; "
            f"dtype, generator and requires_grad go by keyword"
        ) from error


def rand(
    *shape: Any, dtype: DTypeLike | None = None, generator: Generator | None = None, requires_grad: bool = False
) -> Tensor:
    """Random numbers uniform on [0, 1). The shape is a tuple or the axes one by one.

    `generator`: by default the one that `manual_seed` sets.

    >>> ag.rand((2, 3)).shape == ag.rand(2, 3).shape == (2, 3)
    True
    """
    made = drawn(uniform_, generator, shape=_axes("rand", shape), dtype=floating_dtype("rand", dtype))
    return made.requires_grad_() if requires_grad else made


def randn(
    *shape: Any, dtype: DTypeLike | None = None, generator: Generator | None = None, requires_grad: bool = False
) -> Tensor:
    """Random numbers from the standard normal distribution. The shape is a tuple or the axes one by one.

    `generator`: by default the one that `manual_seed` sets.

    >>> ag.randn((2, 3)).shape == ag.randn(2, 3).shape == (2, 3)
    True
    """
    made = drawn(normal_, generator, shape=_axes("randn", shape), dtype=floating_dtype("randn", dtype))
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
    return drawn(integers_, generator, low=low, high=high, shape=() if shape is None else as_shape(shape))


def randperm(n: int, *, generator: Generator | None = None) -> Tensor:
    """The integers from 0 to n - 1 in random order, int64.

    >>> sorted(ag.randperm(4).tolist())
    [0, 1, 2, 3]
    """
    return drawn(permutation_, generator, n=operator.index(n))


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
        mask = drawn(dropout_mask_, generator, shape=x.shape, dtype=x.dtype, p=p)
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
    return drawn(dropout_mask_, generator, shape=as_shape(shape), dtype=dtype, p=p)


def _probability(name: str, p: Any) -> None:
    if isinstance(p, Tensor):
        raise TypeError(f"{name}: p is a number, not a Tensor; for probabilities by element see ag.random.bernoulli")
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"{name}: the probability p is between 0 and 1, not {p}")


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
    data = np.asarray(data_of(p))
    if not np.all((data >= 0.0) & (data <= 1.0)):
        raise ValueError("bernoulli: probabilities are between 0 and 1")
    u = standard("bernoulli", uniform_, size, np.float64 if data.dtype == np.float64 else None, generator, data)
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
    shape = size_of("categorical", size, data.shape[:-1])
    return drawn(categories_, generator, detach(data) if isinstance(data, Tensor) else data, shape=shape)


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
    logits = operand_along("gumbel_softmax", logits, axis)
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
    if np.ndim(data_of(x)) == 0:
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
    whole = np.ndim(data_of(a)) == 0
    data = a if whole or isinstance(a, Tensor) else np.asarray(a)
    n = operator.index(a) if whole else data.shape[axis]
    shape = () if size is None else as_shape(size)
    wanted = math.prod(shape)
    weights = None if p is None else np.asarray(data_of(p), np.float64)
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
