"""Padding layers, over one to three spatial axes: `functional.padding` says what each mode does.

Decision: mode and number of axes are class attributes, and everything else is said once for all. The classes that only give
them are still written out: to a type checker and an editor nothing but a class statement makes a class that can be named in an
annotation and derived from.
Shapes: (batch, channels, *space), or without batch, to the same with a larger space. `padding`: one number for all sides, or
(before, after) of the last axis, then of the one before it, and so on; a negative one cuts off.
"""

from __future__ import annotations

from typing import Any, ClassVar

from . import functional as F
from .module import Module

__all__ = [
    "CircularPad1d", "CircularPad2d", "CircularPad3d", "ConstantPad1d", "ConstantPad2d", "ConstantPad3d", "ReflectionPad1d",
    "ReflectionPad2d", "ReflectionPad3d", "ReplicationPad1d", "ReplicationPad2d", "ReplicationPad3d", "ZeroPad1d", "ZeroPad2d",
    "ZeroPad3d",
]  # fmt: skip


class _Pad(Module):
    axes: ClassVar[int]
    mode: ClassVar[str] = "constant"

    def __init__(self, padding: Any) -> None:
        self.padding = tuple(padding) if isinstance(padding, (tuple, list)) else (padding,) * (2 * self.axes)
        if len(self.padding) != 2 * self.axes:
            raise ValueError(f"{type(self).__name__}: padding {padding} is one number, or {2 * self.axes}")

    def extra_repr(self) -> str:
        return str(self.padding)

    def forward(self, input: Any) -> Any:
        return F.pad(input, self.padding, self.mode)


class _ConstantPad(_Pad):
    def __init__(self, padding: Any, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"

    def forward(self, input: Any) -> Any:
        return F.pad(input, self.padding, "constant", self.value)


class ZeroPad1d(_Pad):
    """Zeros around one spatial axis.

    >>> nn.ZeroPad1d(1)(ag.tensor([[1.0, 2.0, 3.0]]))
    tensor([[0., 1., 2., 3., 0.]], dtype=float32)
    """

    axes = 1


class ZeroPad2d(_Pad):
    """Zeros around two spatial axes.

    >>> nn.ZeroPad2d(1)(ag.ones((1, 2, 3, 3))).shape
    (1, 2, 5, 5)
    """

    axes = 2


class ZeroPad3d(_Pad):
    """Zeros around three spatial axes.

    >>> nn.ZeroPad3d(1)(ag.ones((1, 2, 3, 3, 3))).shape
    (1, 2, 5, 5, 5)
    """

    axes = 3


class ConstantPad1d(_ConstantPad):
    """One value around one spatial axis.

    >>> nn.ConstantPad1d(1, 9.0)(ag.tensor([[1.0, 2.0, 3.0]]))
    tensor([[9., 1., 2., 3., 9.]], dtype=float32)
    """

    axes = 1


class ConstantPad2d(_ConstantPad):
    """One value around two spatial axes.

    >>> nn.ConstantPad2d(1, 9.0)(ag.ones((1, 2, 3, 3))).shape
    (1, 2, 5, 5)
    """

    axes = 2


class ConstantPad3d(_ConstantPad):
    """One value around three spatial axes.

    >>> nn.ConstantPad3d(1, 9.0)(ag.ones((1, 2, 3, 3, 3))).shape
    (1, 2, 5, 5, 5)
    """

    axes = 3


class _ReflectionPad(_Pad):
    mode = "reflect"


class ReflectionPad1d(_ReflectionPad):
    """What lies inside, mirrored at the outermost elements, around one spatial axis.

    >>> nn.ReflectionPad1d(1)(ag.tensor([[1.0, 2.0, 3.0]]))
    tensor([[2., 1., 2., 3., 2.]], dtype=float32)
    """

    axes = 1


class ReflectionPad2d(_ReflectionPad):
    """What lies inside, mirrored at the outermost elements, around two spatial axes.

    >>> nn.ReflectionPad2d(1)(ag.ones((1, 2, 3, 3))).shape
    (1, 2, 5, 5)
    """

    axes = 2


class ReflectionPad3d(_ReflectionPad):
    """What lies inside, mirrored at the outermost elements, around three spatial axes.

    >>> nn.ReflectionPad3d(1)(ag.ones((1, 2, 3, 3, 3))).shape
    (1, 2, 5, 5, 5)
    """

    axes = 3


class _ReplicationPad(_Pad):
    mode = "replicate"


class ReplicationPad1d(_ReplicationPad):
    """The outermost elements repeated around one spatial axis.

    >>> nn.ReplicationPad1d(1)(ag.tensor([[1.0, 2.0, 3.0]]))
    tensor([[1., 1., 2., 3., 3.]], dtype=float32)
    """

    axes = 1


class ReplicationPad2d(_ReplicationPad):
    """The outermost elements repeated around two spatial axes.

    >>> nn.ReplicationPad2d(1)(ag.ones((1, 2, 3, 3))).shape
    (1, 2, 5, 5)
    """

    axes = 2


class ReplicationPad3d(_ReplicationPad):
    """The outermost elements repeated around three spatial axes.

    >>> nn.ReplicationPad3d(1)(ag.ones((1, 2, 3, 3, 3))).shape
    (1, 2, 5, 5, 5)
    """

    axes = 3


class _CircularPad(_Pad):
    mode = "circular"


class CircularPad1d(_CircularPad):
    """What lies at the other end, around one spatial axis.

    >>> nn.CircularPad1d(1)(ag.tensor([[1.0, 2.0, 3.0]]))
    tensor([[3., 1., 2., 3., 1.]], dtype=float32)
    """

    axes = 1


class CircularPad2d(_CircularPad):
    """What lies at the other end, around two spatial axes.

    >>> nn.CircularPad2d(1)(ag.ones((1, 2, 3, 3))).shape
    (1, 2, 5, 5)
    """

    axes = 2


class CircularPad3d(_CircularPad):
    """What lies at the other end, around three spatial axes.

    >>> nn.CircularPad3d(1)(ag.ones((1, 2, 3, 3, 3))).shape
    (1, 2, 5, 5, 5)
    """

    axes = 3
