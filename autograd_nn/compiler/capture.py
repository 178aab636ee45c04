"""Capturing: one eager run of a step under a record, and what around it the record alone does not say.

The record has the operations. Besides it we keep which Tensors were made inside the step (their memory is new each time),
which leaves' gradients the step set or filled, and what it looked at from outside, so that the compiled step can leave the same
Tensors behind and know when it no longer fits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..engine import modes
from ..engine.graph import Leaf
from ..engine.memory import cell_of, leaf_of
from ..engine.record import Entry, LeftGraph, Record, Value
from ..engine.tensor import Tensor


class Capture(Record):
    """A record of plain operations that also keeps the Tensors and leaves it met."""

    def __init__(self, outer: Any) -> None:
        super().__init__(outer, expand=True)
        self.born: list[Tensor] = []
        self.written: list[Tensor] = []
        self.met: dict[int, Tensor] = {}  # leaf Tensors by the identity of their array
        self.leaves: dict[int, LeafGradient] = {}
        self._position: dict[int, int] = {}

    def made(self, tensor: Tensor) -> None:
        self.born.append(tensor)

    def assigning(self, state: Tensor, value: Any) -> None:
        super().assigning(state, value)
        self.written.append(state)

    def bound_gradient(self, leaf: Leaf, grad: Tensor) -> None:
        self._gradient(leaf, None, needed=True)  # a walk binds one only where there was none
        super().bound_gradient(leaf, grad)

    def set_gradient(self, leaf: Leaf) -> None:
        read = leaf.grad is not None and id(leaf.grad._array) in self._by_array
        self._gradient(leaf, leaf.grad, needed=read)

    def _gradient(self, leaf: Leaf, before: Tensor | None, needed: bool) -> None:
        """Note a leaf whose gradient changes; `needed`: whether what it was before the step mattered."""
        if id(leaf) not in self.leaves:
            self.leaves[id(leaf)] = LeafGradient(leaf, before, needed)

    def _input(self, x: Any) -> Any:
        value = super()._input(x)
        if isinstance(x, Tensor) and x.is_leaf and isinstance(value, Value) and value.producer is None:
            self.met.setdefault(id(x._array), x)
        return value

    def value(self, x: Any) -> Value:
        """The value of a Tensor or array that the step returned."""
        found: Value = self._input(x)
        return found

    def born_here(self) -> set[int]:
        """The identities of the arrays of Tensors that the step made of its own data."""
        return {id(t._array) for t in self.born}


class LeafGradient:
    """A leaf whose gradient the step changes: what it was before, and whether that mattered."""

    def __init__(self, leaf: Leaf, before: Tensor | None, needed: bool) -> None:
        self.leaf, self.before, self.needed = leaf, before, needed


class Captured:
    """A captured step: the record, the Tensors given, what the step returned, and how to go back to before it."""

    def __init__(self, record: Capture, inputs: Sequence[Tensor], result: Any) -> None:
        self.record, self.inputs, self.result = record, inputs, result

    @property
    def notes(self) -> list[LeftGraph]:
        return self.record.notes

    def restore(self) -> None:
        """Put the states and the gradients back to what they were before the step."""
        restore(self.record)


def restore(record: Capture) -> None:
    for value in record.states:
        value.data[...] = value.initial
    for tensor in record.written:
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


