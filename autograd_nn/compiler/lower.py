"""Lowering: the entries of a record become values of a program, each operation in terms of the primitives.

Assignments disappear here. Every memory has a current value; an assignment replaces it, a read of a view made earlier is a view
of the current one, and what a memory from outside holds in the end is an effect. An operation that nothing here knows is opaque,
with the reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..engine import record as recorded
from ..engine.record import Entry
from .build import SUPPORTED, Builder, Opaque, Unreadable
from .capture import Captured, base_of
from .indexing import note_places, written
from .native import LOWER
from .program import Program, Value
from .reader import read


class Lowering:
    """One record on its way to a program."""

    def __init__(self, captured: Captured) -> None:
        self.captured, self.builder, self.program = captured, Builder(), Program()
        self.current: dict[recorded.Value, Value] = {}
        self.views: dict[recorded.Value, tuple[recorded.Value, Entry]] = {}
        self.viewed: dict[recorded.Value, tuple[Value, Value]] = {}
        self.effects: dict[recorded.Value, Value] = {}
        self.opaque: list[tuple[str, str]] = []  # what is called as it is, and why
        self.own = captured.own
        self.places = {v: k for k, v in enumerate(captured.record.inputs)}

    # ---- reading and writing memories ------------------------------------------------------------------------

    def value(self, v: recorded.Value) -> Value:
        """What a value of the record holds now."""
        if v in self.views:
            parent, entry = self.views[v]
            now = self.value(parent)
            before = self.viewed.get(v)
            if before is None or before[0] is not now:
                before = self.viewed[v] = (now, self._view(entry, now))
            return before[1]
        found = self.current.get(v)
        if found is None:
            found = self.current[v] = self._outside(v)
        return found

    def _outside(self, v: recorded.Value) -> Value:
        b = self.builder
        if v in self.places:
            return b.input(self.places[v], v.shape, v.dtype)
        if not isinstance(v.data, np.ndarray):
            return b.constant(v.data, v.dtype) if v.dtype in SUPPORTED else b.memory(np.asarray(v.data))
        if any([s % v.data.itemsize for s in v.data.strides]) or v.data.ctypes.data % v.data.itemsize:
            array = v.data
            return b.call("an unaligned array", lambda: (array,), [], v.shape, v.dtype)
        if id(v.data) in self.own and v.initial is not None:  # it starts anew in each step
            same = v.dtype in SUPPORTED and v.initial.size and (v.initial == v.initial.flat[0]).all()
            return b.full(v.initial.flat[0], v.shape, v.dtype) if same else b.memory(v.initial)
        if id(v.data) in self.own and v.dtype in SUPPORTED and v.data.size and (v.data == v.data.flat[0]).all():
            return b.full(v.data.flat[0], v.shape, v.dtype)  # made by the step, which makes it again each time
        return b.memory(v.data)

    def untraced(self) -> list[tuple[Entry, recorded.Value]]:
        """Arrays that operations read from outside, though they are memory of an argument or of a result.

        Somebody took the value of a Tensor where nobody saw it: what is recorded is this call's.
        """
        record = self.captured.record
        outside = [
            v for v in record.values if v.producer is None and v not in self.places and isinstance(v.data, np.ndarray)
        ]
        suspects = [v for v in outside if v.initial is None and v.data.base is not None]
        given = {id(base_of(v.data)) for v in self.places}
        found = [v for v in suspects if id(base_of(v.data)) in given or record.is_result(v.data)]
        return [(e, v) for v in found for e in record.entries if v in e.inputs]

    def operand(self, x: Any) -> Any:
        """A value, or the Python number or None that stands for itself."""
        return self.value(x) if isinstance(x, recorded.Value) else x

    def write(self, target: recorded.Value, value: Value) -> None:
        """Make this the current value of a memory, or of the memory that a view is of."""
        if target in self.views:
            parent, entry = self.views[target]
            self.write(parent, self._written_through(entry, self.value(parent), value))
            return
        self.current[target] = value
        if target.producer is None and id(target.data) not in self.own:
            self.effects[target] = value

    def _written_through(self, entry: Entry, parent: Value, part: Value) -> Value:
        """The memory a view is of, after a write to the view."""
        b, run = self.builder, entry.run
        if entry.name == "reshape":
            return b.reshape(part, parent.shape)
        if entry.name == "transpose":
            return b.transpose(part, tuple(np.argsort(entry.params["axes"])))
        if entry.name == "detach":
            return part
        if entry.name == "slice" and part.dtype in SUPPORTED and part.size:
            return written(b, parent, part, entry.params["key"])

        def write(whole: np.ndarray, part: np.ndarray) -> tuple[np.ndarray]:
            out = whole.copy()
            run([out])[0][...] = part
            return (out,)

        return b.call(f"write to {entry.name}", write, [parent, part], parent.shape, parent.dtype)

    # ---- entries ---------------------------------------------------------------------------------------------

    def run(self) -> Program:
        record = self.captured.record
        for entry in record.entries:
            self.builder.origin = entry.name
            if entry.name == "assign" and entry.op is None:
                self._assign(*entry.inputs)
            elif entry.op is not None and entry.outputs:  # none: it raised, which the step caught
                self._operation(entry)
        self.builder.origin = None
        return self.program

    def _assign(self, target: recorded.Value, value: Any) -> None:
        b = self.builder
        x = self.operand(value)
        if not isinstance(x, Value):
            x = b.constant(x, target.dtype)
        if x.dtype != target.dtype and (x.dtype not in SUPPORTED or target.dtype not in SUPPORTED):
            dtype = target.dtype
            x = b.call("astype", lambda a: (a.astype(dtype),), [x], x.shape, dtype)
        elif x.dtype != target.dtype:
            x = b.cast(x, target.dtype)
        while len(x.shape) > len(target.shape):
            x = b.reshape(x, x.shape[1:])
        self.write(target, b.broadcast(x, target.shape))

    def _operation(self, entry: Entry) -> None:
        view = entry.outputs[0]
        if view is not None and view in self.captured.views:
            self.views[view] = (entry.inputs[0], entry)
            return
        inputs = [self.operand(x) for x in entry.inputs]
        made = self._lowered(entry, inputs)
        for v, out in zip(entry.outputs, made, strict=True):
            if v is not None and out is not None:
                self.current[v] = out
        note_places(self.builder, entry.name, inputs, entry.params, made[0])

    def _view(self, entry: Entry, parent: Value) -> Value:
        found = self._lowered(entry, [parent])[0]
        assert found is not None
        return found

    def _lowered(self, entry: Entry, inputs: list[Any]) -> list[Value | None]:
        try:
            out = self._native(entry, inputs)
        except Unreadable as reason:
            return self._opaque(entry, inputs, str(reason))
        for made, expected in zip(out, entry.outputs, strict=True):
            if expected is not None and (made.shape != expected.shape or made.dtype != expected.dtype):
                return self._opaque(
                    entry, inputs, f"read as {made.dtype}{list(made.shape)}, not {expected.dtype}{list(expected.shape)}"
                )
        return list(out)

    def _native(self, entry: Entry, inputs: list[Any]) -> Sequence[Value]:
        arrays = [v for v in (*entry.inputs, *entry.outputs) if isinstance(v, recorded.Value)]
        if any([0 in v.shape for v in arrays]):
            raise Unreadable("arrays of no elements are left to NumPy")
        if any([v.dtype not in SUPPORTED for v in arrays]):
            raise Unreadable("a dtype that is not compiled")
        lower = LOWER.get(entry.name)
        if entry.name == "nan_to_num":  # whose body asks first whether there is anything to do
            return (read(self.builder, np.nan_to_num, inputs, {"copy": True, **entry.params}),)
        if lower is not None:
            made = lower(self.builder, *inputs, **entry.params)
            return made if isinstance(made, tuple) else (made,)
        if len(entry.outputs) != 1 or entry.name.endswith("_derivative"):
            raise Unreadable("it has several results")
        if entry.op.kind in ("elementwise", "reduction"):
            return (read(self.builder, entry.op.forward, inputs, entry.params),)
        raise Unreadable(f"operations of kind {entry.op.kind!r} are called as they are")

    def _opaque(self, entry: Entry, inputs: list[Any], reason: str) -> list[Value | None]:
        self.opaque.append((entry.name, reason))
        values = [x for x in inputs if isinstance(x, Value)]
        run, template = entry.run, [None if isinstance(x, Value) else (x,) for x in inputs]
        scalars = [isinstance(x, recorded.Value) and isinstance(x.data, np.generic) for x in entry.inputs]

        def call(*arrays: np.ndarray) -> tuple[Any, ...]:
            rest = iter(arrays)
            given = [next(rest) if t is None else t[0] for t in template]
            return run([x[()] if s else x for x, s in zip(given, scalars, strict=True)])

        outputs = [None if v is None else (v.shape, v.dtype) for v in entry.outputs]
        made = self.builder.opaque(entry.name, call, values, outputs)
        for m in made:
            if m is not None:
                m.inputs[0].params = Opaque(entry.name, call, reason)
                break
        return made


def lower(
    captured: Captured, outputs: Sequence[recorded.Value], gradients: Sequence[tuple[np.ndarray, recorded.Value]] = ()
) -> tuple[Program, Lowering]:
    """The program of a captured step: `outputs` are what it returns; `gradients` (array, value) what it leaves on leaves."""
    lowering = Lowering(captured)
    program = lowering.run()
    record = captured.record
    program.inputs = [lowering.builder.input(k, v.shape, v.dtype) for k, v in enumerate(record.inputs)]
    program.outputs = [lowering.value(v) for v in outputs]
    for target, last in lowering.effects.items():
        memory = lowering.builder.memory(target.data)
        if last is not memory:
            program.effects.append((memory, last))
    program.checks = lowering.builder.checks
    for array, value in gradients:
        program.effects.append((lowering.builder.memory(array), lowering.value(value)))
    lowering.builder.known.clear()  # nothing more is made
    return program, lowering
