"""`fuse`: one composition of operations as one operation, whose forward and joint rule are compiled.

The function given stays the operation's meaning: records, higher derivatives and forward mode see it. Eager calls run two
programs, compiled as steps are and for each combination of shapes: the composition, and its cotangents (which computes what it
needs of the composition again, so nothing but the inputs is kept between the two).

Decision: once a combination has been compared, a call asks one dict and the guards, and runs the machine on the arrays themselves
(`direct`): what a fused operation saves on arrays of a few elements is the calls of the others, so its own must cost little.
"""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..engine import modes
from ..engine.backward import gradients
from ..engine.dtypes import get_default_dtype
from ..engine.op import op
from ..engine.tensor import Tensor
from .compile import CompiledStep
from .direct import Direct
from .errors import CompileError
from .signature import Signature
from .structure import ARRAY, Static, unflatten

ARRAYS = (np.ndarray, np.generic)
MOST_SHAPES = 64
"""Combinations of shapes that are compiled; calls with others run the composition operation by operation."""


def fuse(function: Callable[..., Any] | None = None, /, *, outputs: Sequence[str] | None = None) -> Any:
    """A composition of operations on Tensors as one operation, compiled when it is first called. A decorator.

    `function` takes arrays before a slash (optional ones have the default None) and parameters after it, as `ag.op` has it, and
    returns one Tensor, or a tuple of those that `outputs` names. Each combination of shapes and dtypes is compiled, with the
    derivative by all inputs, and compared with the composition at its first two calls; kernels are told how many rows there are,
    so another batch size needs none of its own. What cannot be compiled (it looks at a value, say) runs as the composition.

    Raises TypeError for a signature outside that grammar, CompileError if the composition draws random numbers or assigns to a
    Tensor, and if compiled results differ from its own.

    >>> @ag.fuse
    ... def gated(x, y, /, scale=1.0):
    ...     return ag.tanh(x) * ag.sigmoid(y) * scale
    >>> x = ag.tensor([0.0, 1.0], requires_grad=True)
    >>> gated(x, ag.tensor([0.0, 0.0]), scale=2.0).sum().backward()
    >>> x.grad
    tensor([1.       , 0.4199743], dtype=float32)
    """
    if function is None:
        return lambda f: fuse(f, outputs=outputs)
    if not getattr(function, "__name__", "").isidentifier():
        raise TypeError(f"fuse: takes a function with a name, which its operation gets, not {function!r}")
    made = op(kind="fused", outputs=outputs)(function)
    parameters = list(inspect.signature(function).parameters.values())
    if any([p.kind is p.VAR_POSITIONAL for p in parameters]):
        raise TypeError(f"fuse {function.__name__}: lists of arrays are not fused; decorate with @ag.op")
    arrays = [p.name for p in parameters if p.kind is p.POSITIONAL_ONLY]
    rest = [p.name for p in parameters if p.kind is not p.POSITIONAL_ONLY]
    results = len(outputs) if outputs else 1
    forward = _Program(function, len(arrays))
    pullback = _Program(_pullback_of(function, results, len(arrays)), results + len(arrays))
    made.fast(_Called(forward, [*arrays, *rest]))
    made.joint_vjp(_Called(pullback, ["g", *arrays, *rest, "wanted"], unpacks=bool(outputs)))
    return made


def _pullback_of(function: Callable[..., Any], results: int, count: int) -> Callable[..., Any]:
    """(a cotangent for each result, *arrays, *parameters, wanted) to the cotangents that are wanted, None for the others."""

    def pullback(*given: Any) -> tuple[Any, ...]:
        g, (*arguments, wanted) = given[:results], given[results:]
        xs = [x.detach() if isinstance(x, Tensor) else x for x in arguments[:count]]
        targets = [x for x, w in zip(xs, wanted, strict=True) if w]
        for x in targets:
            x.requires_grad_()
        with modes.change(grad=True):
            out = function(*xs, *arguments[count:])
            outs = [(o, c) for o, c in zip(out if len(g) > 1 else [out], g, strict=True) if c is not None]
            found = iter(gradients([o for o, _ in outs], targets, [c for _, c in outs], allow_unused=True))
        return tuple([next(found) if w else None for w in wanted])

    return pullback


def _pure(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, refused where a record of it changes a state."""

    @functools.wraps(function)
    def recorded(*arguments: Any) -> Any:
        result = function(*arguments)
        tracer: Any = modes.current().tracer
        if tracer is not None and tracer.states:
            raise CompileError(
                f"fuse {function.__name__}: the composition draws random numbers or assigns to a Tensor, which its derivative, "
                f"that runs it again, would do once more; make random masks and what it updates arguments and results"
            )
        return result

    return recorded


class _Program:
    """A function of arrays and parameters, compiled for each combination of shapes as far as it can be."""

    def __init__(self, function: Callable[..., Any], count: int) -> None:
        self.function, self.count = function, count
        self.compiled = CompiledStep(_pure(function), "first")
        self.ready: dict[Any, _Ready] = {}
        self.compared: list[Signature] = []  # those that are compared no more
        self.plain = False
        self.lock = threading.Lock()

    def __call__(self, *arguments: Any) -> Any:
        key: Any = tuple([(a.shape, a.dtype) if isinstance(a, ARRAYS) else Static(a) for a in arguments])
        ready = self.ready.get((key, get_default_dtype()))
        if ready is not None and ready.signature.holds():
            with self.lock:
                try:
                    return ready.run(arguments)
                except Exception:  # nothing was written; the way below says what is wrong
                    pass
        with modes.change(tracer=None, grad=False):
            if not self.plain and len(self.compiled.signatures) <= MOST_SHAPES:
                try:
                    with self.lock:
                        return self._compiled(key, arguments)
                except CompileError as error:
                    if "looks at the value" not in str(error):
                        raise
                    self.plain = True
            arrays = [Tensor._of(a) if isinstance(a, ARRAYS) else a for a in arguments[: self.count]]
            return _arrays(self.function(*arrays, *arguments[self.count :]))

    def _compiled(self, key: Any, arguments: Sequence[Any]) -> Any:
        """By the way that compares; a signature that needs it no more is ready."""
        result = _arrays(self.compiled(*arguments))
        for signature in [s for known in self.compiled.signatures.values() for s in known if s.compared > 1]:
            if signature not in self.compared:
                self.compared.append(signature)
                self.ready[key, get_default_dtype()] = _Ready(signature)
        return result


class _Ready:
    """A compiled signature that is called with arrays and gives arrays."""

    def __init__(self, signature: Signature) -> None:
        self.signature, self.direct = signature, Direct(signature.machine)
        self.leaves = bool(signature.gradients or signature.cells)
        signature.machine.give_back()  # what is large will not be in the arena any more

    def run(self, arguments: Sequence[Any]) -> Any:
        results = self.direct.run([a for a in arguments if isinstance(a, ARRAYS)])
        if self.leaves:
            self.signature._leave()
        structure = self.signature.structure
        return results[0] if structure is ARRAY else unflatten(structure, iter(results))


class _Called:
    """A program under the signature that the engine reads names from; `unpacks`: its first argument is a tuple of arrays."""

    def __init__(self, program: _Program, names: list[str], unpacks: bool = False) -> None:
        self.program, self.unpacks, self.__name__ = program, unpacks, program.function.__name__
        kinds = [inspect.Parameter.POSITIONAL_OR_KEYWORD] * len(names)
        self.__signature__ = inspect.Signature([inspect.Parameter(n, k) for n, k in zip(names, kinds, strict=True)])

    def __call__(self, *arguments: Any) -> Any:
        if self.unpacks:
            return self.program(*arguments[0], *arguments[1:])
        return self.program(*arguments)


def _arrays(result: Any) -> Any:
    if isinstance(result, Tensor):
        return result._array
    return tuple([_arrays(r) for r in result]) if isinstance(result, tuple) else result
