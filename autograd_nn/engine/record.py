"""`record`: everything that ran, in order, as a program.

    with ag.record(x, y) as r:
        loss = model(x, y)
        loss.backward()
        optimizer.step()
    print(r)

An entry is one operation: its inputs and outputs (as `Value`s), parameters, time, source line and module. The backward
walk and every `assign` are entries too, so a step of training can be run again from its record alone, with NumPy:

    for e in r.entries:
        arrays = [memory[v] for v in e.inputs]
        ...e.run(arrays)...

Decision: a value is known by its array object, not by its Tensor: saved arrays that the walk wraps anew are thereby the
values they were. The record keeps every array alive while it lives, so no two values can share an identity.

Values that no entry makes are *inputs* (given to `record`), *states* (assigned to; `initial` holds what they were) or
*constants*. An operation that raised is the last entry, with its error.
"""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import modes, pictures
from .dtypes import operand
from .errors import explained
from .tensor import Tensor
from .trace import Tracer, caller


class Value:
    """A piece of memory in a record: an input, a state, a constant, or what an entry made."""

    __slots__ = ("_producer", "data", "index", "initial", "is_input", "name")

    def __init__(self, index: int, data: Any, producer: Entry | None) -> None:
        self.index = index
        self.data = data
        self.is_input = False
        self.initial: np.ndarray | None = None  # of a state: what it held when the record began
        self.name: str | None = None
        self._producer = None if producer is None else weakref.ref(producer)  # the record holds the entries

    @property
    def producer(self) -> Entry | None:
        """The entry that made it; None for what came from outside."""
        return None if self._producer is None else self._producer()

    @property
    def kind(self) -> str:
        if self._producer is not None:
            return "result"
        return "state" if self.initial is not None else "input" if self.is_input else "constant"

    shape = property(lambda self: self.data.shape)
    dtype = property(lambda self: self.data.dtype)

    def __repr__(self) -> str:
        return f"%{self.index}"


@dataclass(eq=False, slots=True, weakref_slot=True)
class Entry:
    """One operation that ran. `inputs` are Values, Python numbers or None; `run` is its forward on the flat inputs."""

    name: str
    op: Any  # the Operation; None for `assign` and `gradient`
    inputs: tuple[Any, ...]
    params: dict[str, Any]
    run: Callable[[Sequence[Any]], tuple[Any, ...]]
    outputs: tuple[Value | None, ...] = ()
    seconds: float = 0.0
    line: str = ""
    scope: Any = None
    derivative_of: Entry | None = None  # in a backward walk: the entry whose rule was at work
    error: Exception | None = None
    node: Any = None
    cotangent: Any = (
        None  # of a forward operation that a walk passed: the array that arrived, a tuple for several outputs
    )
    contributions: tuple[Any, ...] = ()  # and what each of its inputs got of it, as the rules returned it

    def __str__(self) -> str:
        made = ", ".join(f"{v}: {v.dtype}{list(v.shape)}" for v in self.outputs if v is not None)
        given = ", ".join([repr(v) for v in self.inputs] + [f"{k}={v!r}" for k, v in self.params.items()])
        note = f"  # raised {type(self.error).__name__}" if self.error else ""
        return f"{made + ' = ' if made else ''}{self.name}({given}){note}"


@dataclass(eq=False, slots=True)
class LeftGraph:
    """A Tensor's value was taken out of the graph: how, which value, and the line."""

    what: str
    value: Value
    line: str


class Record(Tracer):
    """What `record` yields: `entries` in order, `inputs`, `states`, `constants`, and `notes` of values that left the graph."""

    records = True

    def __init__(self, outer: Tracer | None, expand: bool) -> None:
        super().__init__(outer)
        self.expand = expand
        self.entries: list[Entry] = []
        self.values: list[Value] = []
        self._memories: list[Value] = []  # those that no entry makes
        self.notes: list[LeftGraph] = []
        self._outside: dict[int, Tensor] = {}
        self._by_array: dict[int, Value] = {}
        self._by_node: dict[int, Entry] = {}
        self._differentiated: Entry | None = None

    inputs = property(lambda self: [v for v in self.values if v.is_input])
    states = property(lambda self: [v for v in self.values if v.kind == "state"])
    constants = property(lambda self: [v for v in self.values if v.kind == "constant"])

    @property
    def outside(self) -> list[Tensor]:
        """Every Tensor that took part and was not made by an entry, in order of first use: inputs, states, captured ones.

        A backward walk's own, in which it wraps what was saved of those, are among them.
        """
        return list(self._outside.values())

    def value_of(self, tensor: Tensor) -> Value | None:
        """The Value of a Tensor that took part in the record, None for another."""
        return self._by_array.get(id(tensor._array))

    def __str__(self) -> str:
        heads = [f"{v} = {v.kind} {v.name or ''} {v.dtype}{list(v.shape)}" for v in self.values if v.producer is None]
        lines = [f"{e!s:<72}  # {e.line.rsplit('/', 1)[-1]}" for e in self.entries]
        return "\n".join([*heads, *lines])

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        return pictures.mimebundle(self, include, exclude)

    # ---- events ----------------------------------------------------------------------------------------------

    def call(self, op: Any, args: tuple[Any, ...], params: tuple[Any, ...]) -> Any:
        named = dict(zip(op.param_names, params, strict=True))
        if self.expand and op.composition is not None:
            try:
                return op.composition(*args, **named)
            except Exception as error:
                raise explained(op, error, args, params) from error
        inputs = tuple([self._input(operand(a, op, args) if isinstance(a, (list, tuple)) else a) for a in args])
        run = _runner(op, named)
        entry = Entry(op.name, op, inputs, named, run, line=caller(), scope=modes.current().scope)
        entry.derivative_of = self._differentiated
        start = time.perf_counter()
        try:
            result = super().call(op, args, params)
        except Exception as error:
            entry.error = error
            self.entries.append(entry)
            raise
        entry.seconds = time.perf_counter() - start
        outputs: list[Value | None] = [self._output(t, entry) for t in (result if op.outputs else (result,))]
        nodes = [t.node for t in (result if op.outputs else (result,)) if t.node is not None and t.node.op is not None]
        if nodes:
            entry.node = node = nodes[0].maker
            self._by_node[id(node)] = entry
            for name in op.residuals:
                kept = node.saved[op.keeps.index(name)] if name in op.keeps else None
                outputs.append(None if kept is None else self._new(kept, entry))
        entry.outputs = tuple(outputs)
        self.entries.append(entry)
        return result

    def joint(self, op: Any, node: Any, g: Any, parents: Sequence[Any], saved: tuple[Any, ...]) -> Sequence[Any]:
        flat, structure = _flatten((g, saved))
        wanted = tuple([p is not None for p in parents])

        def run(arrays: Sequence[Any]) -> tuple[Any, ...]:
            g, saved = _regroup(structure, iter(arrays))
            masked = [True if w else None for w in wanted]
            return tuple([c if w else None for c, w in zip(op.pullback(g, masked, saved, node), wanted, strict=True)])

        inputs = tuple([self._input(a) for a in flat])
        entry = Entry(f"{op.name}_derivative", op, inputs, {"wanted": wanted}, run, line=caller(), scope=node.scope)
        entry.derivative_of = self._differentiated
        start = time.perf_counter()
        results = run([a._array if isinstance(a, Tensor) else a for a in flat])
        entry.seconds = time.perf_counter() - start
        tensors = [None if c is None else Tensor._of(c) for c in results]
        entry.outputs = tuple([None if t is None else self._output(t, entry) for t in tensors])
        self.entries.append(entry)
        return tensors

    def differentiating(self, node: Any) -> None:
        self._differentiated = None if node is None else self._by_node.get(id(node))

    def contributed(self, node: Any, g: Any, contributions: Sequence[Any]) -> None:
        entry = self._by_node.get(id(node))
        if entry is not None:
            array = lambda t: t._array if isinstance(t, Tensor) else t
            entry.cotangent = tuple([array(t) for t in g]) if isinstance(g, tuple) else array(g)
            entry.contributions = tuple([array(c) for c in contributions])

    def assigning(self, state: Tensor, value: Any) -> None:
        target = self._input(state)
        root = target
        while root.producer is not None and root.producer.op is not None and root.producer.op.kind == "view":
            root = root.producer.inputs[0]
        if root.initial is None and root.producer is None:
            root.initial = np.array(root.data)
            for other in self._memories:
                self._refuse_shared(root, other)
        self._effect("assign", (target, self._input(value)), _assign)

    def failed_to_assign(self, error: Exception) -> None:
        self.entries[-1].error = error

    def bound_gradient(self, leaf: Any, grad: Tensor) -> None:
        target = self._by_array.get(id(leaf.data)) or self._new(leaf.data, None)
        self._effect("gradient", (target, self._input(grad)), lambda arrays: ())

    def left_graph(self, what: str, tensor: Tensor) -> None:
        self.notes.append(LeftGraph(what, self._input(tensor), caller()))

    def _effect(self, name: str, inputs: tuple[Any, ...], run: Any) -> None:
        self.entries.append(Entry(name, None, inputs, {}, run, line=caller(), scope=modes.current().scope))

    # ---- values ----------------------------------------------------------------------------------------------

    def _input(self, x: Any) -> Any:
        """The Value of an input; Python numbers and None stand for themselves."""
        if not isinstance(x, (Tensor, np.ndarray, np.generic, list, tuple)):
            return x
        if isinstance(x, Tensor) and x.is_leaf and id(x._array) not in self._by_array:
            x._memory()  # a value is known by its array
        data = x._array if isinstance(x, Tensor) else operand(x, None) if isinstance(x, (list, tuple)) else x
        value = self._by_array.get(id(data)) or self._new(data, None)
        if isinstance(x, Tensor):
            value.name = x.name or value.name
            if value.producer is None:
                self._outside.setdefault(id(x), x)
        return value

    def _output(self, t: Tensor, entry: Entry) -> Value:
        # A result must be an object of its own: NumPy's booleans are shared, and a forward may return its input.
        if isinstance(t._array, np.bool_):
            t._array = np.asarray(t._array)
        elif id(t._array) in self._by_array:
            t._array = t._array[...] if isinstance(t._array, np.ndarray) else np.asarray(t._array)
        return self._new(t._array, entry)

    def _new(self, data: Any, producer: Entry | None) -> Value:
        value = Value(len(self.values), data, producer)
        if producer is None:
            for other in self._memories:
                if other.initial is not None:
                    self._refuse_shared(other, value)
            self._memories.append(value)
        self.values.append(value)
        self._by_array[id(data)] = value
        return value

    def _refuse_shared(self, state: Value, other: Value) -> None:
        """A write to a state must not change another value that came from outside, or a replay could not follow."""
        if state is not other and np.may_share_memory(state.data, other.data):
            raise RuntimeError(
                f"record: {state} is assigned to, and shares its memory with {other}, a view made before the record; "
                f"make the view inside the record, so that it is part of the program"
            )


class record:
    """Record every operation on Tensors inside the ``with`` block as a `Record`.

    Tensors given to it are the program's inputs, those assigned to inside are its states, the rest constants.
    `expand` records the plain operations that fused ones are composed of, as the compiler wants them.
    Raises RuntimeError inside another record, which would miss what this one sees.

    >>> x = ag.tensor([1.0, 2.0], name="x")
    >>> with ag.record(x) as r:
    ...     y = ag.exp(x * 2.0)
    >>> [e.name for e in r.entries]
    ['multiply', 'exp']
    """

    def __init__(self, *inputs: Tensor, expand: bool = False) -> None:
        for i, x in enumerate(inputs):
            if not isinstance(x, Tensor):
                raise TypeError(
                    f"record: input {i} is {type(x).__name__}; a record's inputs are Tensors (ag.tensor makes one)"
                )
        self.inputs, self.expand = inputs, expand

    def __enter__(self) -> Record:
        outer = modes.current().tracer
        if outer is not None and outer.records:
            raise RuntimeError(
                "record: a record is already running here, and the outer one would miss what this one sees"
            )
        made = Record(outer, self.expand)
        for x in self.inputs:
            made._input(x).is_input = True
        self._change = modes.change(tracer=made)
        self._change.__enter__()
        return made

    def __exit__(self, *exception: object) -> None:
        self._change.__exit__(*exception)


def _runner(op: Any, params: dict[str, Any]) -> Callable[[Sequence[Any]], tuple[Any, ...]]:
    def run(arrays: Sequence[Any]) -> tuple[Any, ...]:
        result = op.forward(*arrays, **params)
        if op.residuals:
            return (*(result[0] if op.outputs else (result[0],)), *result[1])
        return tuple(result) if op.outputs else (result,)

    return run


def _assign(arrays: Sequence[Any]) -> tuple[Any, ...]:
    np.copyto(arrays[0], arrays[1], casting="same_kind")
    return ()


def _flatten(x: Any) -> tuple[list[Any], Any]:
    """The leaves of nested tuples and lists of arrays and Tensors, and the structure to put them back into."""
    if isinstance(x, (tuple, list)) and not all(isinstance(e, int) for e in x):
        parts = [_flatten(e) for e in x]
        return [leaf for leaves, _ in parts for leaf in leaves], [structure for _, structure in parts]
    if isinstance(x, (Tensor, np.ndarray, np.generic)):
        return [x], ...
    return [], (x,)


def _regroup(structure: Any, leaves: Any) -> Any:
    if structure is ...:
        return next(leaves)
    if isinstance(structure, tuple):
        return structure[0]
    return tuple([_regroup(s, leaves) for s in structure])
