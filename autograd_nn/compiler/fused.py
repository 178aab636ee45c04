"""`fuse`: one composition of operations as one operation, whose forward and joint rule are compiled.

The function given stays the operation's meaning: records, higher derivatives and forward mode see it. Eager calls run two
programs, compiled as steps are and for each combination of shapes: the composition, and its cotangents (which computes what it
needs of the composition again, so nothing but the inputs is kept between the two).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from ..engine import modes
from ..engine.backward import gradients
from ..engine.op import op
from ..engine.tensor import Tensor
from .compile import CompiledStep
from .errors import CompileError

MOST_SHAPES = 32
"""Combinations of shapes that are compiled; calls with others run the composition operation by operation."""


def fuse(function: Callable[..., Any], /) -> Any:
    """A composition of operations on Tensors as one operation, compiled when it is first called. A decorator.

    `function` takes arrays before a slash and parameters after it, as `ag.op` has it, and returns one Tensor. Each combination of
    shapes and dtypes is compiled, with the derivative by all inputs, and compared with the composition at its first two calls.
    What cannot be compiled (it looks at a value, say) runs as the composition.

    Raises TypeError for a signature outside that grammar, CompileError if compiled results differ from the composition's.

    >>> @ag.fuse
    ... def gated(x, y, /, scale=1.0):
    ...     return ag.tanh(x) * ag.sigmoid(y) * scale
    >>> x = ag.tensor([0.0, 1.0], requires_grad=True)
    >>> gated(x, ag.tensor([0.0, 0.0]), scale=2.0).sum().backward()
    >>> x.grad
    tensor([1.       , 0.4199743], dtype=float32)
    """
    if not getattr(function, "__name__", "").isidentifier():
        raise TypeError(f"fuse: takes a function with a name, which its operation gets, not {function!r}")
    made = op(kind="fused")(function)
    parameters = list(inspect.signature(function).parameters.values())
    if any(
        [p.kind is p.VAR_POSITIONAL or (p.kind is p.POSITIONAL_ONLY and p.default is not p.empty) for p in parameters]
    ):
        raise TypeError(
            f"fuse {function.__name__}: lists of arrays and optional arrays are not fused; decorate with @ag.op"
        )
    arrays = [p.name for p in parameters if p.kind is p.POSITIONAL_ONLY]
    rest = [p.name for p in parameters if p.kind is not p.POSITIONAL_ONLY]
    forward, pullback = _Program(function, len(arrays)), _Program(_pullback_of(function, len(arrays)), len(arrays) + 1)
    made.fast(_Called(forward, [*arrays, *rest], len(arrays)))
    made.joint_vjp(_Called(pullback, ["g", *arrays, *rest, "wanted"], len(arrays) + 1))
    return made


def _pullback_of(function: Callable[..., Any], count: int) -> Callable[..., Any]:
    """(g, *arrays, *parameters, wanted) to the cotangents that are wanted, None for the others."""

    def pullback(g: Any, *given: Any) -> tuple[Any, ...]:
        *arguments, wanted = given
        xs = [x.detach() for x in arguments[:count]]
        for x, w in zip(xs, wanted, strict=True):
            if w:
                x.requires_grad_()
        with modes.change(grad=True):
            out = function(*xs, *arguments[count:])
            found = iter(gradients(out, [x for x, w in zip(xs, wanted, strict=True) if w], g, allow_unused=True))
        return tuple([next(found) if w else None for w in wanted])

    return pullback


class _Program:
    """A function of arrays and parameters, compiled for each combination of shapes as far as it can be."""

    def __init__(self, function: Callable[..., Any], count: int) -> None:
        self.function, self.count = function, count
        self.compiled = CompiledStep(function, "first")
        self.plain = False

    def __call__(self, *arguments: Any) -> Any:
        with modes.change(tracer=None, grad=False):
            if not self.plain and len(self.compiled.signatures) <= MOST_SHAPES:
                try:
                    return _arrays(self.compiled(*arguments))
                except CompileError as error:
                    if "looks at the value" not in str(error):
                        raise
                    self.plain = True
            return _arrays(self.function(*[Tensor._of(a) for a in arguments[: self.count]], *arguments[self.count :]))


class _Called:
    """A program under the signature that the engine reads names from."""

    def __init__(self, program: _Program, names: list[str], arrays: int) -> None:
        self.program, self.__name__ = program, program.function.__name__
        kinds = [inspect.Parameter.POSITIONAL_OR_KEYWORD] * len(names)
        self.__signature__ = inspect.Signature([inspect.Parameter(n, k) for n, k in zip(names, kinds, strict=True)])

    def __call__(self, *arguments: Any) -> Any:
        return self.program(*arguments)


def _arrays(result: Any) -> Any:
    if isinstance(result, Tensor):
        return result._array
    return tuple([_arrays(r) for r in result]) if isinstance(result, tuple) else result
