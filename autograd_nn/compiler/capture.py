"""Capturing: one eager run of a step under a record, and what around it the record alone does not say.

The record has the operations. Besides it we keep which Tensors were made inside the step (their memory is new each time),
which leaves' gradients the step set or filled, and what it looked at from outside, so that the compiled step can leave the same
Tensors behind and know when it no longer fits.
"""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..engine import modes
from ..engine.graph import Leaf
from ..engine.memory import cell_of
from ..engine.record import Entry, LeftGraph, Record, Value
from ..engine.tensor import Tensor
from .structure import flatten


class Capture(Record):
    """A record of plain operations that also keeps the Tensors and leaves it met, without keeping them alive."""

    def __init__(self, outer: Any) -> None:
        super().__init__(outer, expand=True)
        self.leaves: dict[int, LeafGradient] = {}
        self.assumptions: list[tuple[Callable[[], Any], Any]] = []
        self._born: dict[int, weakref.ref[Tensor]] = {}  # Tensors made inside the step, by identity
        self._born_arrays: dict[int, weakref.ref[Tensor]] = {}  # those that took part, by the identity of their array
        self._met: dict[int, weakref.ref[Tensor]] = {}  # other leaves that took part, likewise
        self._written: dict[int, weakref.ref[Tensor]] = {}

    # ---- events ----------------------------------------------------------------------------------------------

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

    # ---- afterwards ------------------------------------------------------------------------------------------

    def value(self, x: Any) -> Value:
        """The value of a Tensor or array that the step returned."""
        found: Value = self._input(x)
        return found

    def of_array(self, array: Any) -> Value | None:
        """The value that this very array is, if any."""
        return self._by_array.get(id(array))

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
    memory.
    """

    def __init__(self, record: Capture, inputs: Sequence[Tensor], result: Any) -> None:
        self.record, self.inputs = record, inputs
        leaves: list[Any] = []
        self.structure = flatten(result, leaves)
        self.outputs = [record.value(x) for x in leaves]
        self.returned = [np.array(x._array if isinstance(x, Tensor) else x) for x in leaves]
        self.own = record.own_arrays(leaves)
        self.views = {e.outputs[0] for e in record.entries if _is_view(e)}

    @property
    def notes(self) -> list[LeftGraph]:
        return self.record.notes

    def release(self) -> None:
        """Let go of what the operations computed: what is known of those arrays from now on is their shapes and dtypes."""
        for entry in self.record.entries:
            entry.node = entry.cotangent = None
            entry.contributions = ()
            for v in entry.outputs:
                if v is not None and isinstance(v.data, np.ndarray):
                    v.data = np.broadcast_to(np.zeros((), v.data.dtype), v.data.shape)

    def restore(self) -> None:
        """Put the states and the gradients back to what they were before the step."""
        restore(self.record)


def _is_view(entry: Entry) -> bool:
    """Whether an operation's result is memory of its one input."""
    if entry.op is None or entry.op.kind != "view" or len(entry.inputs) != 1 or not isinstance(entry.inputs[0], Value):
        return False
    view = entry.outputs[0]
    return (
        view is not None and isinstance(view.data, np.ndarray) and np.may_share_memory(view.data, entry.inputs[0].data)
    )


def restore(record: Capture) -> None:
    for value in record.states:
        value.data[...] = value.initial
    for tensor in record.written():
        cell = cell_of(tensor)
        if cell is not None:
            cell.write()
    for found in record.leaves.values():
        found.leaf.grad = found.before


def capture(step: Callable[[], Any], inputs: Sequence[Tensor]) -> Captured:
    """Run the step once, recorded. If it raises, states and gradients are as they were before, and the error goes on."""
    record = Capture(modes.current().tracer)
    for x in inputs:
        record._input(x).is_input = True
    try:
        with modes.change(tracer=record):
            result = step()
    except BaseException:
        restore(record)
        raise
    return Captured(record, inputs, result)
