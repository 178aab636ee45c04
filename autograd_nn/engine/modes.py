"""What surrounds an operation: whether gradients are recorded, who watches, which module runs.

One immutable `Mode` lives in a context variable, so threads and asyncio tasks each have their own and an operation
pays for one lookup. A change of mode is a context manager that puts back what it found; each also works as a decorator.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable
from contextvars import ContextVar, Token
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from .random import Generator


class Scope(NamedTuple):
    """One call of a module, as nodes and records remember it. It names the module and does not keep it alive."""

    path: str
    """Where the module is, from the outermost one that was called: ``"LeNet.features.0"``."""
    call: int
    """A number that no other call in this process has; later calls have larger ones."""
    kind: str = "Module"
    """The name of the module's class."""
    outer: Scope | None = None
    """The call inside which this one was made."""
    module: Callable[[], Any] = lambda: None
    """A weak reference to the module."""


class Mode:
    """The surroundings of an operation; never changed, only replaced."""

    __slots__ = ("default_dtype", "generator", "grad", "scope", "tracer", "transforming")

    grad: bool  # record operations for differentiation
    tracer: Any  # a Tracer that every operation on a Tensor goes through, or None
    scope: Scope | None  # the running module
    generator: Generator | None  # where random numbers come from instead of the global generator
    default_dtype: Any  # what Python floats become instead of the global default
    transforming: bool  # a transform is running its function: transforms inside give Tensors

    def __init__(
        self,
        grad: bool = True,
        tracer: Any = None,
        scope: Scope | None = None,
        generator: Generator | None = None,
        default_dtype: Any = None,
        transforming: bool = False,
    ) -> None:
        self.grad = grad
        self.tracer = tracer
        self.scope = scope
        self.generator = generator
        self.default_dtype = default_dtype
        self.transforming = transforming


_mode: ContextVar[Mode] = ContextVar("autograd_nn.mode", default=Mode())  # noqa: B039 - a Mode is never changed
current = _mode.get


class change(contextlib.ContextDecorator):
    """Run with some fields of the mode replaced: ``with change(grad=False): ...``; re-entrant."""

    def __init__(self, **fields: Any) -> None:
        self.fields = fields
        self._tokens: list[Token[Mode]] = []

    def __call__(self, function: Any) -> Any:
        if inspect.isgeneratorfunction(function):
            raise TypeError(
                f"{function.__name__} is a generator function, which runs outside the decorator; use a with block inside it"
            )
        return super().__call__(function)

    def _recreate_cm(self) -> change:  # a decorated function may run in several threads at once
        return change(**self.fields)

    def __enter__(self) -> None:
        mode = current()
        fields = {name: getattr(mode, name) for name in Mode.__slots__}
        self._tokens.append(_mode.set(Mode(**(fields | self.fields))))

    def __exit__(self, *exception: object) -> None:
        _mode.reset(self._tokens.pop())


def enter(scope: Scope) -> Token[Mode]:
    """Go into a module: what `change(scope=scope)` does, without its cost. Undone by `leave(token)`."""
    mode = current()
    return _mode.set(Mode(mode.grad, mode.tracer, scope, mode.generator, mode.default_dtype, mode.transforming))


leave = _mode.reset


def no_grad() -> change:
    """Do not record: results need no gradient, and assignment writes in place. A context manager and a decorator.

    >>> w = ag.tensor([1.0, 2.0], requires_grad=True)
    >>> with ag.no_grad():
    ...     w -= 0.5
    >>> w
    tensor([0.5, 1.5], dtype=float32, requires_grad=True)
    """
    return change(grad=False)


def enable_grad() -> change:
    """Record again inside a `no_grad` block. A context manager and a decorator.

    >>> x = ag.tensor(3.0, requires_grad=True)
    >>> with ag.no_grad(), ag.enable_grad():
    ...     y = x * x
    >>> y.requires_grad
    True
    """
    return change(grad=True)


def is_grad_enabled() -> bool:
    """Whether operations are being recorded here and now.

    >>> ag.is_grad_enabled()
    True
    """
    return current().grad
