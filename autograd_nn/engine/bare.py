"""Bare forwards: where an operation's body does nothing but apply one ufunc or operator, that is what calls it.

It saves a Python frame a call, a tenth of what an operation on a number costs. The body is read by calling it on symbols, as the
compiler reads it.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from .op import Operation


class _Symbol:
    """Stands for an array while `bare_forward` reads a body."""

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return (ufunc, inputs) if method == "__call__" and not kwargs else None

    def __neg__(self) -> Any:
        return operator.neg, (self,)

    def __pos__(self) -> Any:
        return operator.pos, (self,)


def _infix(name: str) -> Any:
    function = getattr(operator, name)
    return lambda self, other: (function, (self, other))


for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow"):
    setattr(_Symbol, f"__{_name}__", _infix(_name))


def _calls_others(body: Any) -> bool:
    """Whether a body names more than NumPy and one function of it: what it calls may treat arrays in another way than symbols."""
    names: tuple[str, ...] = getattr(getattr(body, "__code__", None), "co_names", ())
    return bool(names) and (names[0] != "np" or len(names) > 2)


def bare_forward(op: Operation) -> Callable[..., Any]:
    """The forward to call: the NumPy ufunc or operator itself, where an elementwise body does nothing but apply it."""
    if op.kind != "elementwise" or op.params or _calls_others(op.forward):
        return op.forward
    symbols = tuple([_Symbol() for _ in op.arrays])
    try:
        applied = op.forward(*symbols)
    except Exception:  # the body does more than one step on its inputs
        return op.forward
    if isinstance(applied, tuple) and len(applied) == 2 and applied[1] == symbols:
        return applied[0]
    return op.forward
