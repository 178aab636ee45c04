"""`Parameter` and `Buffer`: the Tensors that a module owns. What they are is what makes a module find them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..engine.dtypes import get_default_dtype
from ..engine.tensor import Tensor

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, DTypeLike

__all__ = ["Buffer", "Parameter"]


class Parameter(Tensor):
    """A Tensor that a module learns: it requires a gradient, and `Module.parameters` finds it.

    It holds a copy of the data. Any operation on it gives a plain Tensor. Raises TypeError for integers.

    >>> nn.Parameter([1.0, 2.0])
    Parameter([1., 2.], dtype=float32, requires_grad=True)
    """

    def __init__(
        self,
        data: ArrayLike | Tensor,
        requires_grad: bool = True,
        *,
        dtype: DTypeLike | None = None,
        name: str | None = None,
    ) -> None:
        self._initialise(_value(data), dtype=dtype, requires_grad=requires_grad, name=name)

    def __repr__(self) -> str:
        return "Parameter" + super().__repr__().removeprefix("tensor")


class Buffer(Tensor):
    """A Tensor that is a module's state and is not learned, as running statistics are: it is saved with the parameters.

    `persistent` (default True): whether `state_dict` holds it. Write into it with ``ag.assign``.

    >>> nn.Buffer([0.0]).requires_grad
    False
    """

    def __init__(
        self,
        data: ArrayLike | Tensor,
        *,
        persistent: bool = True,
        dtype: DTypeLike | None = None,
        name: str | None = None,
    ) -> None:
        self._initialise(_value(data), dtype=dtype, name=name)
        self.persistent = persistent


def _value(data: Any) -> Any:
    return data.detach() if isinstance(data, Tensor) else data


def empty_parameter(shape: tuple[int, ...], dtype: DTypeLike | None = None, device: Any = None) -> Parameter:
    """A parameter of zeros, for an initialiser to fill; dtype: the default dtype unless given; device: only ``"cpu"`` is."""
    if device is not None and str(device) != "cpu":
        raise ValueError(f"device {device!r} does not exist here: autograd_nn computes on the cpu")
    for n in shape:
        if not isinstance(n, (int, np.integer)):
            raise TypeError(
                f"a parameter cannot have the shape {shape}: its lengths are whole numbers, not {type(n).__name__}"
            )
        if n < 0:
            raise ValueError(f"a parameter cannot have the shape {shape}: no length is negative")
    return Parameter(np.zeros(shape, get_default_dtype() if dtype is None else dtype))
