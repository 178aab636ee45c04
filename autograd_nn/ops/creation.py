"""New Tensors, with NumPy's names; shapes are tuples (or one int), floats default to the default dtype."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..engine.dtypes import as_array, get_default_dtype
from ..engine.modes import current
from ..engine.op import nondifferentiable, op
from ..engine.tensor import Tensor
from .shape import as_shape, broadcast_to, copy

if TYPE_CHECKING:
    from numpy.typing import DTypeLike


__all__ = [
    "arange", "empty", "eye", "full", "full_like", "linspace", "ones", "ones_like", "zeros", "zeros_like",
]  # fmt: skip


def on_cpu(name: str, device: Any) -> None:
    """Raise ValueError for any device but the CPU."""
    if device is not None and str(device) != "cpu":
        raise ValueError(f"{name}: device {device!r} does not exist here: autograd_nn computes on the cpu")


def _made(data: np.ndarray, device: Any, requires_grad: bool, name: str | None) -> Tensor:
    on_cpu("creation", device)
    t = Tensor._of(data)
    if requires_grad:
        t.requires_grad_()
    if name is not None:
        t.name = name
    tracer = current().tracer
    if tracer is not None:
        tracer.made(t)
    return t


def _dtype(name: str, shape: Any, dtype: Any) -> Any:
    """The dtype that is meant; TypeError for a number, which is a shape given in several arguments."""
    if isinstance(dtype, (int, np.integer)):
        raise TypeError(
            f"{name}: the shape is one argument, a tuple: {name}(({shape}, {dtype})), not {name}({shape}, {dtype})"
        )
    return dtype or get_default_dtype()


def zeros(
    shape: Any,
    dtype: DTypeLike | None = None,
    *,
    device: Any = None,
    requires_grad: bool = False,
    name: str | None = None,
) -> Tensor:
    """A Tensor of zeros.

    >>> ag.zeros((2, 2))
    tensor([[0., 0.],
            [0., 0.]], dtype=float32)
    """
    return _made(np.zeros(as_shape(shape), _dtype("zeros", shape, dtype)), device, requires_grad, name)


def ones(
    shape: Any,
    dtype: DTypeLike | None = None,
    *,
    device: Any = None,
    requires_grad: bool = False,
    name: str | None = None,
) -> Tensor:
    """A Tensor of ones.

    >>> ag.ones(3)
    tensor([1., 1., 1.], dtype=float32)
    """
    return _made(np.ones(as_shape(shape), _dtype("ones", shape, dtype)), device, requires_grad, name)


def empty(
    shape: Any,
    dtype: DTypeLike | None = None,
    *,
    device: Any = None,
    requires_grad: bool = False,
    name: str | None = None,
) -> Tensor:
    """A Tensor whose values are whatever its memory held; fill it before use.

    >>> ag.empty((2, 3)).shape
    (2, 3)
    """
    return _made(np.empty(as_shape(shape), _dtype("empty", shape, dtype)), device, requires_grad, name)


def full(
    shape: Any,
    fill_value: Any,
    dtype: DTypeLike | None = None,
    *,
    device: Any = None,
    requires_grad: bool = False,
    name: str | None = None,
) -> Tensor:
    """A Tensor of one value, whose dtype is that of `ag.tensor(fill_value)` unless given. A Tensor as value is differentiated.

    >>> ag.full((2,), 7)
    tensor([7, 7], dtype=int64)
    """
    if isinstance(fill_value, Tensor):
        filled = copy(broadcast_to(fill_value, shape))
        return filled if dtype is None else filled.astype(dtype)
    value = as_array(fill_value, dtype)
    return _made(np.full(as_shape(shape), value, value.dtype), device, requires_grad, name)


def arange(
    start: Any,
    stop: Any = None,
    step: Any = 1,
    dtype: DTypeLike | None = None,
    *,
    device: Any = None,
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
    return _made(values, device, requires_grad, name)


def linspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    dtype: DTypeLike | None = None,
    *,
    device: Any = None,
    requires_grad: bool = False,
    name: str | None = None,
) -> Tensor:
    """`num` evenly spaced numbers from start to stop, which is the last unless `endpoint` is False; Tensors are differentiated.

    >>> ag.linspace(0, 1, 5)
    tensor([0.  , 0.25, 0.5 , 0.75, 1.  ], dtype=float32)
    """
    if isinstance(start, Tensor) or isinstance(stop, Tensor):
        spaced: Any = np.linspace(start, stop, num, endpoint)  # which comes back to `sampled`
        return spaced if dtype is None else spaced.astype(dtype)
    return _made(
        np.linspace(start, stop, num, endpoint, dtype=dtype or get_default_dtype()), device, requires_grad, name
    )


def eye(
    n: int,
    m: int | None = None,
    k: int = 0,
    dtype: DTypeLike | None = None,
    *,
    device: Any = None,
    requires_grad: bool = False,
    name: str | None = None,
) -> Tensor:
    """Ones on the k-th diagonal of an n by m matrix (m = n unless given), zeros elsewhere.

    >>> ag.eye(2)
    tensor([[1., 0.],
            [0., 1.]], dtype=float32)
    """
    return _made(np.eye(n, m, k, dtype or get_default_dtype()), device, requires_grad, name)


# ---- like another --------------------------------------------------------------------------------------------------


@op(kind="creation", numpy=np.full_like)
def full_like(x, /, fill_value, dtype=None, *, device=None):
    """One value in the shape (and dtype, unless given) of x.

    >>> ag.full_like(ag.tensor([1.0, 2.0]), 5.0)
    tensor([5., 5.], dtype=float32)
    """
    on_cpu("full_like", device)
    return np.full_like(x, fill_value, dtype)


full_like.vjp(x=nondifferentiable)


@op(kind="creation", numpy=np.zeros_like)
def zeros_like(x, /, dtype=None, *, device=None):
    """Zeros in the shape (and dtype, unless given) of x.

    >>> ag.zeros_like(ag.tensor([1.0, 2.0]))
    tensor([0., 0.], dtype=float32)
    """
    on_cpu("zeros_like", device)
    return np.zeros_like(x, dtype)


zeros_like.vjp(x=nondifferentiable)


@op(kind="creation", numpy=np.ones_like)
def ones_like(x, /, dtype=None, *, device=None):
    """Ones in the shape (and dtype, unless given) of x.

    >>> ag.ones_like(ag.tensor([1.0, 2.0]))
    tensor([1., 1.], dtype=float32)
    """
    on_cpu("ones_like", device)
    return np.ones_like(x, dtype)


ones_like.vjp(x=nondifferentiable)
