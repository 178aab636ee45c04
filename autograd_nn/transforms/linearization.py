"""`Linearization`: a function run once on variables of its own, ready to be walked as often as one likes.

Every transform is one. A variable is a copy of an argument that hangs on a node of its own: nothing else hangs there, so an
inner transform's variable is never taken for an outer one's (no *perturbation confusion*), and what is done to the
argument later does not disturb a pullback.

Decision: at top level the derivative by an array is an array, by a Tensor a Tensor and by a Python float a Python float.
Values are Tensors if any argument was one, else floats if all arguments that were differentiated are Python floats, else
arrays. Inside another transform everything is a Tensor, since what is computed from it must still be differentiated.

Decision: a Python float is a float64 number here, as it is in NumPy code, whatever the default dtype. And while f runs, the
default dtype is that of its variables: the constants in ``np.concatenate([[0.1], x])`` keep the digits that x has.

Decision: a Tensor that comes out is connected to the graph outside (to a Tensor that requires a gradient, given or captured;
to an outer transform's variable) and then the walk that made it is recorded. Where f reaches nothing outside, or under
`no_grad`, the walk is a plain one and its result plain, which is several times faster. No flag chooses: the graph tells.

Decision: where f depends on some arguments, the derivative by the others is zero, as in mathematics; where it depends on none,
it raises, because that is what a value that left the graph looks like. Within another transform a derivative may well be
constant (that of a linear function is): it is tied to its variables by an operation whose derivative is zero.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..engine import graph, modes
from ..engine.backward import gradients
from ..engine.op import op
from ..engine.tensor import Tensor, tensor
from ..ops.creation import zeros_like
from . import nested


class Linearization:
    """f at some arguments. `variables` and `outputs` are the leaves, flat; `out` and `aux` what f returned, as it returned it."""

    def __init__(
        self,
        who: str,
        f: Callable[..., Any],
        args: tuple[Any, ...],
        positions: Sequence[int],
        params: dict[str, Any] | None = None,
        has_aux: bool = False,
    ) -> None:
        start, mode = graph.sequence(), modes.current()
        self.who = who
        self.arguments = [args[i] for i in positions]
        self.variables: list[Tensor] = []
        self.originals: list[Any] = []
        given = list(args)
        for i, argument in zip(positions, self.arguments, strict=True):
            for path, leaf in nested.leaves(argument, f"argument {i}"):
                self.originals.append(leaf)
                self.variables.append(_variable(leaf, f"{who}: {path}"))
        if not self.variables:
            raise TypeError(f"{who}: there is nothing to differentiate by: the argument holds no array and no float")
        fresh = iter(self.variables)
        for i, argument in zip(positions, self.arguments, strict=True):
            given[i] = nested.refilled(argument, fresh)
        with modes.change(grad=True, transforming=True, default_dtype=_common_dtype(self.variables)):
            result = f(*given, **(params or {}))
        self.out: Any
        self.aux: Any
        self.out, self.aux = _with_aux(who, result) if has_aux else (result, None)
        self.outputs = [_output(who, path, leaf, has_aux) for path, leaf in nested.leaves(self.out, "the result")]
        if not any(t.requires_grad for t in self.outputs):
            raise RuntimeError(f"{who}: {self._independent()}")
        everything = [leaf for _, leaf in nested.leaves((args, params))]
        self.gives_tensors = mode.transforming or any(isinstance(leaf, Tensor) for leaf in everything)
        self.numbers = all(_is_number(x) for x in self.originals)
        self.connected = self.gives_tensors and mode.grad and _reaches_before(start, self.outputs)

    def pull(
        self,
        cotangents: Sequence[Any],
        outputs: Sequence[Tensor] | None = None,
        recorded: bool = False,
        keep: bool = True,
    ) -> list[Tensor]:
        """The cotangents of the variables, from those of the outputs (or of a few of them)."""
        found = gradients(
            self.outputs if outputs is None else outputs,
            self.variables,
            cotangents,
            create_graph=recorded,
            retain_graph=keep,
            allow_unused=True,
        )
        if outputs is None and all(c is None for c in found):
            raise RuntimeError(f"{self.who}: {self._independent()}")
        return [zeros_like(v.detach()) if c is None else c for c, v in zip(found, self.variables, strict=True)]

    def pushing(self) -> tuple[list[Tensor], list[Tensor]]:
        """Where forward mode walks: the cotangents of the variables as a linear function of variables in the outputs' place.

        The pullback is linear in its cotangent u, and the derivative of <pullback(u), v> by u is J v, whatever u is.
        """
        ends = [tensor(np.zeros(t.shape, t.dtype), requires_grad=True) for t in self.outputs]
        with modes.change(grad=True):
            return self.pull(ends, recorded=True), ends

    def push(
        self, pulled: Sequence[Tensor], ends: Sequence[Tensor], tangents: Sequence[Any], recorded: bool
    ) -> list[Tensor]:
        """The tangents of the outputs, from those of the variables; `pulled` and `ends` are what `pushing` returned."""
        found = gradients(pulled, ends, tangents, create_graph=recorded, retain_graph=True, allow_unused=True)
        return [zeros_like(t.detach()) if c is None else c for c, t in zip(found, self.outputs, strict=True)]

    # ---- what comes out --------------------------------------------------------------------------------------

    def value(self, tree: Any) -> Any:
        """What f returned, as the caller gets it."""

        def leaf(t: Any) -> Any:
            if not isinstance(t, Tensor) or (self.connected and t.requires_grad):
                return t
            copied = t.detach().copy()
            return copied if self.gives_tensors else _number_or_array(copied, self.numbers)

        return nested.mapped(leaf, tree)

    def as_value(self, t: Tensor, tensors: bool = False) -> Any:
        """A value (or tangent of one) in the caller's kind: Tensor, array or number."""
        if modes.current().transforming:
            return self.tied(t)
        if self.gives_tensors or tensors:
            return t
        return _number_or_array(t, self.numbers)

    def derivatives(self, found: Sequence[Tensor], tensors: bool = False) -> list[Any]:
        """The derivatives by each argument, nested as it is, each leaf in its argument's kind."""
        values = iter([self.derivative(i, c, tensors) for i, c in enumerate(found)])
        return [nested.refilled(argument, values) for argument in self.arguments]

    def derivative(self, i: int, c: Tensor, tensors: bool = False) -> Any:
        """The derivative by the i-th variable, in its argument's kind."""
        original = self.originals[i]
        if modes.current().transforming:
            return self.tied(c)
        if isinstance(original, Tensor) or tensors:
            return c
        return _number_or_array(c, _is_number(original))

    def tied(self, t: Tensor) -> Tensor:
        """A derivative that turned out constant, as a function of the variables that an outer transform may vary."""
        varied = [v for v in self.variables if v.node is not None and v.node.op is not None]
        return t if t.requires_grad or not varied else constant_in(t, *varied)

    def recorded(self, *given: Any) -> bool:
        """Whether a walk from or along what was given (cotangents or tangents) must be recorded."""
        varies = self.connected or any(isinstance(g, Tensor) and g.requires_grad for g in given)
        return modes.current().grad and varies

    def _independent(self) -> str:
        return (
            "what f returned does not depend on the argument it is differentiated by. Did it leave the graph "
            "(t.numpy(), t.detach(), float(t), np.asarray, ag.no_grad)? If it is meant to be constant, add 0.0 times the argument"
        )


@op(kind="opaque")
def constant_in(x, /, *variables):
    """x, which does not vary with the variables."""
    return x


constant_in.vjp(x=lambda g: g, variables=lambda g, variables: [zeros_like(v) for v in variables])


def _variable(x: Any, who: str) -> Tensor:
    """A Tensor of x's own to differentiate by; connected to x if a gradient flows there."""
    data = x._array if isinstance(x, Tensor) else x
    if isinstance(data, (bool, int)) or getattr(data, "dtype", np.dtype(float)).kind in "biu":
        what = "an int" if type(data) is int else "a bool" if type(data) is bool else f"of dtype {data.dtype}"
        raise TypeError(f"{who} is {what}, by which there is no derivative; pass floats, e.g. 3.0 or x.astype(float)")
    if isinstance(data, complex) or getattr(data, "dtype", np.dtype(float)).kind == "c":
        raise TypeError(f"{who} is complex; only real numbers can be differentiated by")
    if isinstance(x, Tensor):
        v = x.copy()
        return v if v.requires_grad else v.requires_grad_()
    if _is_number(x):
        return tensor(np.float64(x), requires_grad=True)
    if not hasattr(x, "__array__"):
        raise TypeError(
            f"{who} is {type(x).__name__}, by which there is no derivative; choose arguments with argnum, or pass it by keyword"
        )
    return tensor(x, requires_grad=True)


def _common_dtype(variables: Sequence[Tensor]) -> np.dtype:
    widest = np.result_type(np.float32, *[v.dtype for v in variables])
    return widest if widest.char in "fd" else np.dtype(np.float64)


def _output(who: str, path: str, t: Any, has_aux: bool) -> Tensor:
    aux = "put it into the second" if has_aux else "return it beside the result with has_aux=True"
    if not isinstance(t, Tensor):
        raise TypeError(
            f"{who}: {path} is {type(t).__name__}, not a Tensor: it was not computed from the argument, or it left the graph "
            f"on the way (t.numpy(), float(t), np.asarray, a function that is not NumPy's or ours); if it is an extra, {aux}"
        )
    if not graph.is_differentiable(t.dtype):
        raise TypeError(f"{who}: {path} is {t.dtype}, which has no derivative; {aux}")
    return t


def _with_aux(who: str, result: Any) -> tuple[Any, Any]:
    if not isinstance(result, tuple) or len(result) != 2:
        raise TypeError(f"{who}: with has_aux=True f returns (value, aux), not {type(result).__name__}")
    return result


def _is_number(x: Any) -> bool:
    return isinstance(x, float) and not isinstance(x, np.generic)


def _number_or_array(t: Tensor, number: bool) -> Any:
    """A Python float for a number, else an array of its own; 0-d results are NumPy's numbers, as NumPy's are."""
    if number and not t.shape:
        return t.item()
    return t.numpy()[()]


def _reaches_before(start: int, outputs: Sequence[Tensor]) -> bool:
    """Whether anything in the graph of the outputs was made before the clock stood at start."""
    stack = [t.node for t in outputs if t.node is not None]
    seen = set(stack)
    while stack:
        node = stack.pop()
        if node.sequence < start:
            return True
        for parent in node.parents:
            if parent is not None and parent not in seen:
                seen.add(parent)
                stack.append(parent)
    return False


def cast(values: Sequence[Any], like: Sequence[Tensor], what: str) -> list[Tensor]:
    """Cotangents or tangents as Tensors, of the shapes and dtypes of what they belong to. Raises ValueError for another shape."""
    made = []
    for i, (value, t) in enumerate(zip(values, like, strict=True)):
        where = what if len(like) == 1 else f"{what}, leaf {i},"
        v = value if isinstance(value, Tensor) else Tensor._of(np.asarray(value))
        if v.dtype.kind not in "fiub":
            raise TypeError(f"{where} is {v.dtype}; real numbers are wanted")
        if v.shape != t.shape:
            raise ValueError(f"{where} has shape {v.shape} and must have {t.shape}")
        made.append(v if v.dtype == t.dtype else v.astype(t.dtype))
    return made
