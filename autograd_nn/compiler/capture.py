"""Capturing: one eager run of a step under a record, and what around it the record alone does not say.

The record has the operations. Besides it we keep which Tensors were made inside the step (their memory is new each time),
which leaves' gradients the step set or filled, and what it looked at from outside, so that the compiled step can leave the same
Tensors behind and know when it no longer fits.

Decision: unlike `ag.record`, a capture does not keep what operations compute. A program needs shapes and dtypes, and a replay
computes anew; so a captured step takes the memory of an eager one, whose arrays go when their last reader has run.
"""

from __future__ import annotations

import functools
import gc
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..engine import modes
from ..engine.graph import RELEASED, Leaf
from ..engine.memory import cell_of
from ..engine.record import Entry, LeftGraph, Record, Value
from ..engine.tensor import Tensor
from .structure import flatten


class Capture(Record):
    """A record of plain operations that also keeps the Tensors and leaves it met, and no result, alive.

    What is asked of it, by the identity of a Tensor or an array:

        is this Tensor made inside the step?              _born
        which made inside took part, by their array?      _born_arrays
        which from outside took part, by their array?     _met
        which were assigned to?                           _written
        whose gradient changed, and what was it before?   leaves
        is this memory a result's?                        _owners, _alive
        which results are memory of their one operand?    views
    """

    def __init__(self, outer: Any) -> None:
        super().__init__(outer, expand=True)
        self.leaves: dict[int, LeafGradient] = {}
        self.assumptions: list[tuple[Callable[[], Any], Any]] = []
        self._born: dict[int, weakref.ref[Tensor]] = {}
        self._born_arrays: dict[int, weakref.ref[Tensor]] = {}
        self._met: dict[int, weakref.ref[Tensor]] = {}
        self._written: dict[int, weakref.ref[Tensor]] = {}
        self.views: set[Value] = set()
        self._alive: dict[Value, weakref.ref[np.ndarray]] = {}
        self._owners: dict[int, weakref.ref[np.ndarray]] = {}

    # ---- events ----------------------------------------------------------------------------------------------

    def call(self, op: Any, args: tuple[Any, ...], params: tuple[Any, ...]) -> Any:
        result = super().call(op, args, params)
        for entry in self.entries[-1:]:
            entry.node = None  # it would keep what the operation saved
        self._by_node.clear()
        return result

    def contributed(self, node: Any, g: Any, contributions: Sequence[Any]) -> None:
        """Cotangents are kept by nobody."""

    def made(self, tensor: Tensor) -> None:
        self._born[id(tensor)] = weakref.ref(tensor)

    def assigning(self, state: Tensor, value: Any) -> None:
        super().assigning(state, value)
        self._written[id(state)] = weakref.ref(state)

    def bound_gradient(self, leaf: Leaf, grad: Tensor) -> None:
        self._gradient(leaf, None, needed=True)  # a walk binds one only where there was none
        super().bound_gradient(leaf, grad)

    def adding_to_gradient(self, leaf: Leaf) -> None:
        self._gradient(leaf, leaf.grad, needed=True)

    def set_gradient(self, leaf: Leaf) -> None:
        read = leaf.grad is not None and id(leaf.grad._array) in self._by_array
        self._gradient(leaf, leaf.grad, needed=read)

    def _gradient(self, leaf: Leaf, before: Tensor | None, needed: bool) -> None:
        """Note a leaf whose gradient changes; `needed`: whether what it was before the step mattered."""
        if id(leaf) not in self.leaves:
            self.leaves[id(leaf)] = LeafGradient(leaf, before, needed)

    def assumed(self, read: Callable[[], Any]) -> None:
        self.assumptions.append((read, read()))

    def _input(self, x: Any) -> Any:
        value = super()._input(x)
        if isinstance(x, Tensor) and x.is_leaf and isinstance(value, Value) and value.producer is None:
            made = self._born.get(id(x))
            known = self._born_arrays if made is not None and made() is x else self._met
            known.setdefault(id(x._array), weakref.ref(x))
        return value

    def _new(self, data: Any, producer: Entry | None) -> Value:
        value = super()._new(data, producer)
        if producer is not None and isinstance(data, np.ndarray):
            if _is_view(producer, data, self._source(producer)):
                self.views.add(value)
            else:
                base = base_of(data)
                self._owners[id(base)] = _until_gone(base, self._owners)
            self._alive[value] = _until_gone(data, self._by_array)
            value.data = _likeness(data)
        return value

    def _source(self, entry: Entry) -> Any:
        """The array of an entry's first input, while the entry runs."""
        value = entry.inputs[0] if entry.inputs else None
        if not isinstance(value, Value):
            return None
        return self._alive[value]() if value in self._alive else value.data

    # ---- afterwards ------------------------------------------------------------------------------------------

    def value(self, x: Any) -> Value:
        """The value of a Tensor or array that the step returned."""
        found: Value = self._input(x)
        return found

    def of_array(self, array: Any) -> Value | None:
        """The value that this very array is, if any."""
        return self._by_array.get(id(array))

    def is_result(self, array: Any) -> bool:
        """Whether this array is memory that an operation of the step made."""
        return id(base_of(array)) in self._owners

    def own_arrays(self, result: Sequence[Any]) -> set[int]:
        """The identities of the arrays that the step makes anew in each call: of Tensors made in it, and kept by nobody since.

        A Tensor that is made in the first step and kept (a buffer that a module makes when it is first called) is a state.
        """
        returned = {id(x) for x in result}

        def kept() -> set[int]:
            alive = [(k, t()) for k, t in self._born_arrays.items()]
            return {k for k, t in alive if t is not None and id(t) not in returned and k in written}

        written = {id(v.data) for v in self.states}
        if kept():
            gc.collect()  # perhaps only cycles hold them
        return set(self._born_arrays) - kept()

    def met(self) -> list[Tensor]:
        """The leaf Tensors from outside that took part and are still there."""
        return [t for t in [r() for r in self._met.values()] if t is not None]

    def written(self) -> list[Tensor]:
        return [t for t in [r() for r in self._written.values()] if t is not None]


class LeafGradient:
    """A leaf whose gradient the step changes: what it was before, and whether that mattered."""

    def __init__(self, leaf: Leaf, before: Tensor | None, needed: bool) -> None:
        self.leaf, self.before, self.needed = leaf, before, needed


class Captured:
    """A captured step: the record, the Tensors given, what the step returned, and how to go back to before it.

    `structure` and `outputs` are the result's, as `flatten` has it, with values of the record for Tensors; `returned` are copies
    of their arrays. `own` are the arrays that the step makes anew each time, by identity; `views` the values that are another's
    memory; `with_graph` the places in `outputs` of those that a derivative could be taken of.
    """

    def __init__(self, record: Capture, inputs: Sequence[Tensor], result: Any) -> None:
        self.record, self.inputs = record, inputs
        leaves: list[Any] = []
        self.structure = flatten(result, leaves)
        self.outputs = [record.value(x) for x in leaves]
        self.returned = [np.array(x._array if isinstance(x, Tensor) else x) for x in leaves]
        self.with_graph = [k for k, x in enumerate(leaves) if carries_graph(x)]
        # what each leaf's gradient is; asked now, because a 0-d one has another array once its memory was asked for
        grads = [(id(f.leaf), f.leaf.grad) for f in record.leaves.values()]
        self.gradients = {leaf: record.value_of(grad) for leaf, grad in grads if grad is not None}
        self.own = record.own_arrays(leaves)
        self.views = record.views

    @property
    def notes(self) -> list[LeftGraph]:
        return self.record.notes

    def release(self) -> None:
        """Let go of the copies of states and results; it cannot be restored any more."""
        self.returned = []
        for v in self.record.states:
            v.initial = _likeness(v.initial)
        self.record._alive.clear()
        self.record._owners.clear()

    def restore(self) -> None:
        """Put the states and the gradients back to what they were before the step."""
        restore(self.record)


def carries_graph(x: Any) -> bool:
    """Whether a derivative could be taken of what an eager step returned."""
    return isinstance(x, Tensor) and x.node is not None and x.node.maker.saved is not RELEASED


def _is_view(entry: Entry, made: np.ndarray, source: Any) -> bool:
    """Whether an operation's result is memory of its one input."""
    if entry.op is None or entry.op.kind != "view" or len(entry.inputs) != 1 or not isinstance(source, np.ndarray):
        return False
    return np.may_share_memory(made, source)


def base_of(array: Any) -> Any:
    """The array whose memory this one is."""
    while isinstance(array, np.ndarray) and isinstance(array.base, np.ndarray):
        array = array.base
    return array


def _until_gone(array: np.ndarray, known: dict[int, Any]) -> weakref.ref[np.ndarray]:
    """A reference to an array, which is forgotten by its identity when the array goes."""
    key = id(array)
    return weakref.ref(array, lambda _: known.pop(key, None))


def _likeness(array: Any) -> np.ndarray:
    """What is known of an array that is not kept: its shape and dtype."""
    return _blank(array.shape, array.dtype)


@functools.lru_cache(1024)
def _blank(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    return np.broadcast_to(np.zeros((), dtype), shape)


def restore(record: Capture) -> None:
    for value in record.states:
        value.data[...] = value.initial
    for tensor in record.written():
        cell = cell_of(tensor)
        if cell is not None:
            cell.write()
    for found in record.leaves.values():
        found.leaf.grad = found.before


def capture(
    step: Callable[[], Any], inputs: Sequence[Tensor], undo: list[Callable[[], None]] | None = None
) -> Captured:
    """Run the step once, recorded. If it raises, states and gradients are as they were before, and the error goes on.

    `undo` gets, before the step runs, the function that puts them back; then that is left to the caller.
    """
    record = Capture(modes.current().tracer)
    for x in inputs:
        record._input(x).is_input = True
    if undo is not None:
        undo.append(lambda: restore(record))
    try:
        with modes.change(tracer=record):
            result = step()
    except BaseException:
        if undo is None:
            restore(record)
        raise
    return Captured(record, inputs, result)
