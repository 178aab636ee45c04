"""Holding a function still: the same function at any point, in float64, any number of times, and the caller's things untouched.

A first recorded run finds every Tensor the function uses, captured ones too, and everything it writes to. For the duration
of the check those Tensors hold float64 copies; what is written to and the random stream start each run from the same state.

Decision: a Tensor is held by exchanging its four slots. Its own memory, leaf, gradient and hooks are not in use at all while
the check runs, so nothing that the function does, and no error, can change them, and letting go is putting four slots back.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..engine import modes, random
from ..engine.backward import gradients
from ..engine.graph import leaf_node
from ..engine.op import op
from ..engine.record import Record
from ..engine.tensor import Tensor, tensor
from .attributes import Attributes
from .frozen import frozen

ARRAYS = (Tensor, np.ndarray, np.generic)
SLOTS = ("_array", "node", "_leaf", "cell")
Function = Callable[[], list[Tensor]]


class Watch(Record):
    """A record that can undo what was written to the Tensors that came from outside it."""

    def __init__(self, outer: Any = None) -> None:
        super().__init__(outer, expand=False)
        self.written: dict[int, tuple[Tensor, np.ndarray]] = {}
        self._bound: list[Any] = []

    def assigning(self, state: Tensor, value: Any) -> None:
        self._keep(state)
        super().assigning(state, value)

    def left_graph(self, what: str, tensor: Tensor) -> None:
        if what == "data" and tensor.is_leaf:  # what NumPy may write into next
            self._keep(tensor)
        super().left_graph(what, tensor)

    def bound_gradient(self, leaf: Any, grad: Tensor) -> None:
        self._bound.append(leaf)
        super().bound_gradient(leaf, grad)

    def _keep(self, t: Tensor) -> None:
        self.written.setdefault(id(t), (t, np.array(t._array)))

    def undo(self) -> None:
        """Put back what was written."""
        for t, before in self.written.values():
            if not np.array_equal(t._array, before, equal_nan=before.dtype.kind == "f"):
                np.copyto(t._memory(), before)
        for leaf in self._bound:
            leaf.grad = None


class Subject:
    """A function held at a point; a context manager. `names` and `base` are the variables it is differentiated by.

    `function()` runs it where it stands and gives its floating outputs, flat; `move` puts the variables elsewhere. Not
    `wide`, dtypes are left as they are.
    """

    def __init__(
        self,
        f: Callable[..., Any],
        arguments: Sequence[Any],
        variables: Sequence[tuple[str, Tensor]] | None,
        who: str,
        wide: bool = True,
        model: Any = None,
    ) -> None:
        self.f, self.who, self.wide = f, who, wide
        self.attributes = Attributes(model)
        names = argument_names(f, len(arguments))
        found: list[tuple[str, Tensor]] = []
        self.plain: list[
            tuple[str, np.ndarray, np.ndarray]
        ] = []  # arrays that f gets as they are: its copy, the caller's
        self.arguments = [self._as_tensors(a, name, found) for a, name in zip(arguments, names, strict=True)]
        self.given = [t for _, t in found]
        chosen = found if variables is None else list(variables)
        floating = _distinct([(n, t) for n, t in chosen if t.dtype.kind == "f"])
        self.names = [n for n, _ in floating]
        self.variables = [t for _, t in floating]
        self.integers = [(n, t) for n, t in chosen if t.dtype.kind != "f"]
        self.base: list[np.ndarray] = []
        self.unchecked: list[Tensor] = []  # captured, and a gradient flows to them, but they are none of the variables
        self.mutated: list[str] = []
        self._slots: dict[int, tuple[Tensor, tuple[Any, ...]]] = {}
        self._states: list[tuple[Tensor, np.ndarray]] = []

    # ---- holding ---------------------------------------------------------------------------------------------

    def __enter__(self) -> Subject:
        self._exit = contextlib.ExitStack()
        self._exit.callback(self._let_go)
        self._exit.enter_context(modes.change(grad=True, tracer=None))  # a record outside does not see the check
        self._generator = random.generator().copy()
        try:
            for t in [*self.variables, *self.given]:
                self._hold(t, t.dtype)
            if self.variables:
                self._find()
            if self.wide:
                for t, _ in list(self._slots.values()):
                    self._widen(t)
                self._exit.enter_context(modes.change(default_dtype=np.dtype(np.float64)))
            self.base = [np.array(t._array) for t in self.variables]
        except BaseException:
            self._exit.close()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        self._exit.close()

    def _let_go(self) -> None:
        self.attributes.restore()
        for t, slots in self._slots.values():
            for name, value in zip(SLOTS, slots, strict=True):
                setattr(t, name, value)

    def _hold(self, t: Tensor, dtype: Any) -> None:
        if id(t) in self._slots:
            return
        name, wanted = t.name, t.node is not None or any(t is v for v in self.variables)
        self._slots[id(t)] = (t, tuple([getattr(t, s) for s in SLOTS]))
        _place(t, np.array(t._array, dtype), wanted)
        if name:
            t.name = name

    def _widen(self, t: Tensor) -> None:
        if t.dtype.kind == "f" and t.dtype.itemsize < 8:
            _place(t, np.asarray(t._array).astype(np.float64), t.node is not None, t.name)

    def _find(self) -> None:
        """Run once as the caller would, to find what the function uses and writes to."""
        watch = Watch()
        try:
            with np.errstate(all="ignore"), modes.change(grad=True, tracer=watch, generator=self._generator.copy()):
                self._outputs(self._call("ran the function for the first time"))
        finally:
            watch.undo()
            self.mutated += [n for n, copy, given in self.plain if not _equal(copy, given)]
        for name, t in zip(self.names, self.variables, strict=True):
            if id(t) in watch.written and not _equal(watch.written[id(t)][1], self._written_value(watch, t)):
                self.mutated.append(name)
        known = {id(t) for t in [*self.variables, *self.given]}
        self.unchecked = [t for t in watch.outside if t.requires_grad and id(t) not in known]
        for t in watch.outside:
            self._hold(t, t.dtype)
        for t, _ in watch.written.values():
            self._hold(t, t.dtype)
            if not any(t is v for v in self.variables):
                self._states.append((t, np.array(t._array)))

    def _written_value(self, watch: Watch, t: Tensor) -> Any:
        """What the first run left in a variable, which undoing has since put back."""
        last = [e.inputs[1] for e in watch.entries if e.name == "assign" and e.inputs[0] is watch.value_of(t)]
        return last[-1].data if last else watch.written[id(t)][1]

    # ---- running ---------------------------------------------------------------------------------------------

    def move(self, moved: Sequence[np.ndarray] | None = None) -> None:
        """Put the variables at these arrays, which they take over (None: where they began), and what was written to back."""
        for name, t, data in zip(self.names, self.variables, self.base if moved is None else moved, strict=True):
            _place(t, np.array(data) if moved is None else data, True, name)
        for t, data in self._states:
            _place(
                t,
                data.astype(np.float64) if self.wide and data.dtype.kind == "f" else data.copy(),
                t.node is not None,
                t.name,
            )

        self.attributes.restore()
        for _, copy, given in self.plain:
            np.copyto(copy, given)

    def function(self) -> list[Tensor]:
        """Run once and give the floating outputs."""
        with modes.change(generator=self._generator.copy()):
            return self._outputs(self._call("ran the function"))

    def changed(self) -> list[str]:
        """The variables whose memory the last run wrote to."""
        pairs = zip(self.names, self.variables, self.base, strict=True)
        written = [n for n, t, b in pairs if not _equal(t._array, b)]
        return written + [n for n, copy, given in self.plain if not _equal(copy, given)]

    def _call(self, doing: str) -> Any:
        try:
            return self.f(*self.arguments)
        except Exception as error:
            error.add_note(f"{self.who} {doing}; inputs, parameters and states are as they were before")
            raise

    def _outputs(self, result: Any) -> list[Tensor]:
        flat: list[Tensor] = []
        self._flatten(result, flat, "")
        return [t for t in flat if t.dtype.kind == "f"]

    def _flatten(self, result: Any, flat: list[Tensor], where: str) -> None:
        if isinstance(result, Tensor):
            flat.append(result)
        elif isinstance(result, (tuple, list, dict)):
            for key, part in result.items() if isinstance(result, dict) else enumerate(result):
                self._flatten(part, flat, f"{where}[{key!r}]")
        else:
            name = getattr(self.f, "__name__", "the function")
            within = f" in its result{where}" if where else ""
            raise TypeError(
                f"{self.who}: {name} returned {type(result).__name__}{within}, not a Tensor (or a tuple, list or dict of "
                f"Tensors); return the result of Tensor operations, without .numpy(), .item() or float()"
            )

    def _as_tensors(self, a: Any, name: str, found: list[tuple[str, Tensor]]) -> Any:
        """An argument with its arrays and floats as Tensors, which are added to found; lists, tuples and dicts as they are."""
        if isinstance(a, Tensor):
            if not a.is_leaf:
                a = a.detach().copy()
            if not any(a is t for _, t in found):
                found.append((a.name or name, a))
            return a
        if isinstance(a, list) and _is_written_out(a):
            a = np.array(a)
        if isinstance(a, ARRAYS) or type(a) is float:
            t = tensor(np.float64(a) if type(a) is float else a)
            found.append((name, t))
            if t.dtype.kind == "f" or not isinstance(a, np.ndarray):
                return t if t.dtype.kind == "f" else a
            self.plain.append((name, a.copy(), a))
            return self.plain[-1][1]
        if isinstance(a, dict):
            return {k: self._as_tensors(v, f"{name}[{k!r}]", found) for k, v in a.items()}
        if isinstance(a, (list, tuple)) and any(isinstance(v, (float, *ARRAYS, list, tuple, dict)) for v in a):
            parts = [self._as_tensors(v, f"{name}[{i}]", found) for i, v in enumerate(a)]
            return type(a)(*parts) if hasattr(a, "_fields") else type(a)(parts)
        return a


class Problem:
    """A function and its first derivative, side by side, to be held against each other."""

    elementary = False
    inner = 0.0

    def __init__(self, subject: Subject, function: Function) -> None:
        self.subject, self.function = subject, function
        self.names, self.base = subject.names, subject.base

    def values(self, moved: Sequence[np.ndarray] | None) -> list[np.ndarray]:
        """The outputs with the variables at these arrays."""
        self.subject.move(moved)
        return [np.asarray(t._array, np.float64) for t in self.function()]

    def gradient(
        self, weights: Sequence[np.ndarray], moved: Sequence[np.ndarray] | None = None
    ) -> list[np.ndarray | None]:
        """The engine's derivative of sum(weights * outputs) by each variable; None where the graph does not reach it."""
        self.subject.move(moved)
        found = derivative(self.function(), self.subject.variables, weights)
        return [None if g is None else np.array(g._array) for g in found]

    def derived(self, weights: Sequence[np.ndarray]) -> Problem:
        """The problem one order up: the function is this one's derivative."""

        def function() -> list[Tensor]:
            found = derivative(self.function(), self.subject.variables, weights, create_graph=True)
            pairs = zip(found, self.subject.variables, strict=True)
            return [tensor(np.zeros(t.shape)) if g is None else g for g, t in pairs]

        return Problem(self.subject, function)


@op(kind="opaque")
def pairing(*xs):
    """The sum of products of the first half of the arrays with the second half: of outputs with their weights."""
    half = len(xs) // 2
    return np.asarray(sum([np.sum(x * w, dtype=np.float64) for x, w in zip(xs[:half], xs[half:], strict=True)]))


def _pairing_rule(g: Any, xs: Any, wanted: Any) -> list[Any]:
    weights = xs[len(xs) // 2 :]
    return [g * w if wanted[i] else None for i, w in enumerate(weights)] + [None] * len(weights)


pairing.vjp(xs=_pairing_rule)


def derivative(
    outputs: Sequence[Tensor], variables: Sequence[Tensor], weights: Sequence[np.ndarray], create_graph: bool = False
) -> list[Tensor | None]:
    """The derivative of sum(weights * outputs), in one walk."""
    if not any(t.requires_grad for t in outputs):
        return [None] * len(variables)
    total = pairing(*outputs, *weights)
    with contextlib.nullcontext() if create_graph else frozen([total]):
        return list(gradients(total, list(variables), create_graph=create_graph, allow_unused=True))


def argument_names(f: Callable[..., Any], count: int) -> list[str]:
    """What a function calls its arguments; input 0, input 1, ... where it does not say."""
    try:
        parameters = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    named = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return [named[i] if i < len(named) else f"input {i}" for i in range(count)]


def _distinct(named: Sequence[tuple[str, Tensor]]) -> list[tuple[str, Tensor]]:
    """Each Tensor once; a tied parameter bears all of its names."""
    names: dict[int, list[str]] = {}
    for n, t in named:
        names.setdefault(id(t), []).append(n)
    tensors = {id(t): t for _, t in named}
    return [(" = ".join(n), tensors[i]) for i, n in names.items()]


def _is_written_out(a: list[Any]) -> bool:
    """Whether a list is an array written out, as NumPy's functions take it: of floats, or of lists of them alike in length."""
    if a and all(isinstance(row, list) for row in a):
        return all(len(row) == len(a[0]) and _is_written_out(row) for row in a)
    return any(type(v) is float for v in a) and all(type(v) in (float, int) for v in a)


def _equal(a: Any, b: Any) -> bool:
    return np.array_equal(a, b) or np.array_equal(a, b, equal_nan=True)


def _place(t: Tensor, data: np.ndarray, wanted: bool, name: str | None = None) -> None:
    t._array, t.cell = data, None
    t.node = t._leaf = leaf_node(data) if wanted and data.dtype.kind == "f" else None
    if name:
        t.name = name
