"""New Tensors, with NumPy's names; shapes are tuples (or one int), floats default to the default dtype."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..engine import random as engine_random
from ..engine.dtypes import as_array, get_default_dtype
from ..engine.modes import current
from ..engine.op import nondifferentiable, op
from ..engine.tensor import Tensor
from .shape import as_shape

if TYPE_CHECKING:
    from numpy.typing import DTypeLike


__all__ = [
    "arange", "empty", "eye", "full", "full_like", "linspace", "ones", "ones_like", "rand", "rand_like", "randint",
    "randn", "randn_like", "randperm", "zeros", "zeros_like",
]  # fmt: skip


def _made(data: np.ndarray, requires_grad: bool, name: str | None) -> Tensor:
    t = Tensor._of(data)
    if requires_grad:
        t.requires_grad_()
    if name is not None:
        t.name = name
    tracer = current().tracer
    if tracer is not None:
        tracer.made(t)
    return t


def zeros(
    shape: Any, dtype: DTypeLike | None = None, *, requires_grad: bool = False, name: str | None = None
) -> Tensor:
    """A Tensor of zeros.

    >>> ag.zeros((2, 2))
    tensor([[0., 0.],
            [0., 0.]], dtype=float32)
    """
    return _made(np.zeros(as_shape(shape), dtype or get_default_dtype()), requires_grad, name)


def ones(shape: Any, dtype: DTypeLike | None = None, *, requires_grad: bool = False, name: str | None = None) -> Tensor:
    """A Tensor of ones.

    >>> ag.ones(3)
    tensor([1., 1., 1.], dtype=float32)
    """
    return _made(np.ones(as_shape(shape), dtype or get_default_dtype()), requires_grad, name)


def empty(
    shape: Any, dtype: DTypeLike | None = None, *, requires_grad: bool = False, name: str | None = None
) -> Tensor:
    """A Tensor whose values are whatever its memory held; fill it before use.

    >>> ag.empty((2, 3)).shape
    (2, 3)
    """
    return _made(np.empty(as_shape(shape), dtype or get_default_dtype()), requires_grad, name)


def full(
    shape: Any, fill_value: Any, dtype: DTypeLike | None = None, *, requires_grad: bool = False, name: str | None = None
) -> Tensor:
    """A Tensor of one value, whose dtype is that of `ag.tensor(fill_value)` unless given.

    >>> ag.full((2,), 7)
    tensor([7, 7], dtype=int64)
    """
    value = as_array(fill_value, dtype)
    return _made(np.full(as_shape(shape), value, value.dtype), requires_grad, name)


def arange(
    start: Any,
    stop: Any = None,
    step: Any = 1,
    dtype: DTypeLike | None = None,
    *,
    requires_grad: bool = False,
    name: str | None = None,
) -> Tensor:
    """Numbers from start (0 if there is one argument) up to but not including stop, in steps.

    >>> ag.arange(3)
    tensor([0, 1, 2], dtype=int64)
    """
    start, stop = (0, start) if stop is None else (start, stop)
    values = np.arange(start, stop, step, dtype=dtype)
    if dtype is None and values.dtype == np.float64:
        values = values.astype(get_default_dtype())
    return _made(values, requires_grad, name)


def linspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    dtype: DTypeLike | None = None,
    *,
    requires_grad: bool = False,
    name: str | None = None,
) -> Tensor:
    """`num` evenly spaced numbers from start to stop, which is the last unless `endpoint` is False.

    >>> ag.linspace(0, 1, 5)
    tensor([0.  , 0.25, 0.5 , 0.75, 1.  ], dtype=float32)
    """
    return _made(np.linspace(start, stop, num, endpoint, dtype=dtype or get_default_dtype()), requires_grad, name)


def eye(
    n: int,
    m: int | None = None,
    k: int = 0,
    dtype: DTypeLike | None = None,
    *,
    requires_grad: bool = False,
    name: str | None = None,
) -> Tensor:
    """Ones on the k-th diagonal of an n by m matrix (m = n unless given), zeros elsewhere.

    >>> ag.eye(2)
    tensor([[1., 0.],
            [0., 1.]], dtype=float32)
    """
    return _made(np.eye(n, m, k, dtype or get_default_dtype()), requires_grad, name)


# ---- like another --------------------------------------------------------------------------------------------------


@op(kind="creation", numpy=np.full_like)
def full_like(x, /, fill_value, dtype=None):
    """One value in the shape (and dtype, unless given) of x.

    >>> ag.full_like(ag.tensor([1.0, 2.0]), 5.0)
    tensor([5., 5.], dtype=float32)
    """
    return np.full_like(x, fill_value, dtype)


full_like.vjp(x=nondifferentiable)


@op(kind="creation", numpy=np.zeros_like)
def zeros_like(x, /, dtype=None):
    """Zeros in the shape (and dtype, unless given) of x.

    >>> ag.zeros_like(ag.tensor([1.0, 2.0]))
    tensor([0., 0.], dtype=float32)
    """
    return np.zeros_like(x, dtype)


zeros_like.vjp(x=nondifferentiable)


@op(kind="creation", numpy=np.ones_like)
def ones_like(x, /, dtype=None):
    """Ones in the shape (and dtype, unless given) of x.

    >>> ag.ones_like(ag.tensor([1.0, 2.0]))
    tensor([1., 1.], dtype=float32)
    """
    return np.ones_like(x, dtype)


ones_like.vjp(x=nondifferentiable)

# ---- random --------------------------------------------------------------------------------------------------------


@op(kind="random")
def uniform_(state, /, shape, dtype):
    """Numbers uniform on [0, 1), from a generator's state."""
    return engine_random.stream(state).random(shape, dtype)


@op(kind="random")
def normal_(state, /, shape, dtype):
    """Standard normal numbers, from a generator's state."""
    return engine_random.stream(state).standard_normal(shape, dtype)


@op(kind="random")
def integers_(state, /, low, high, shape):
    """Integers uniform on [low, high), from a generator's state."""
    return engine_random.stream(state).integers(low, high, shape)


@op(kind="random")
def permutation_(state, /, n):
    """The integers below n in random order, from a generator's state."""
    return engine_random.stream(state).permutation(n)


for _drawn in (uniform_, normal_, integers_, permutation_):
    _drawn.vjp(state=nondifferentiable)


def _drawn_tensor(
    operation: Any, shape: Any, dtype: DTypeLike | None, generator: engine_random.Generator | None, requires_grad: bool
) -> Tensor:
    dtype = np.dtype(dtype or get_default_dtype())
    if dtype not in (np.float32, np.float64):
        raise TypeError(
            f"{operation.op.name}: random numbers are float32 or float64, not {dtype}; cast them with .astype"
        )
    made = (generator or engine_random.generator()).draw(operation, shape=as_shape(shape), dtype=dtype)
    return made.requires_grad_() if requires_grad else made


def rand(
    shape: Any = (),
    dtype: DTypeLike | None = None,
    *,
    generator: engine_random.Generator | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Random numbers uniform on [0, 1). `generator`: by default the one `manual_seed` sets.

    >>> ag.rand((2, 3)).shape
    (2, 3)
    """
    return _drawn_tensor(uniform_, shape, dtype, generator, requires_grad)


def randn(
    shape: Any = (),
    dtype: DTypeLike | None = None,
    *,
    generator: engine_random.Generator | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Random numbers from the standard normal distribution. `generator`: by default the one `manual_seed` sets.

    >>> ag.randn((2, 3)).shape
    (2, 3)
    """
    return _drawn_tensor(normal_, shape, dtype, generator, requires_grad)


def randint(low: int, high: int, shape: Any = (), *, generator: engine_random.Generator | None = None) -> Tensor:
    """Random integers uniform on [low, high), int64. `generator`: by default the one `manual_seed` sets.

    >>> bool((ag.randint(0, 10, (100,)) < 10).all())
    True
    """
    if not low < high:
        raise ValueError(f"randint: no integers from {low} up to but not including {high}")
    source = generator or engine_random.generator()
    return source.draw(integers_, low=low, high=high, shape=as_shape(shape))


def randperm(n: int, *, generator: engine_random.Generator | None = None) -> Tensor:
    """The integers from 0 to n - 1 in random order, int64. `generator`: by default the one `manual_seed` sets.

    >>> sorted(ag.randperm(4).tolist())
    [0, 1, 2, 3]
    """
    return (generator or engine_random.generator()).draw(permutation_, n=n)


def rand_like(x: Tensor, dtype: DTypeLike | None = None, *, generator: engine_random.Generator | None = None) -> Tensor:
    """Random numbers uniform on [0, 1) in the shape (and dtype, unless given) of x.

    >>> ag.rand_like(ag.zeros((2, 3))).shape
    (2, 3)
    """
    return rand(x.shape, dtype or x.dtype, generator=generator)


def randn_like(
    x: Tensor, dtype: DTypeLike | None = None, *, generator: engine_random.Generator | None = None
) -> Tensor:
    """Standard normal random numbers in the shape (and dtype, unless given) of x.

    >>> ag.randn_like(ag.zeros((2, 3))).shape
    (2, 3)
    """
    return randn(x.shape, dtype or x.dtype, generator=generator)
