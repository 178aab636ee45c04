"""Signatures: one compiled variant of a step, what it returns and leaves behind, and what must hold for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

import numpy as np

from ..engine import graph
from ..engine.graph import Leaf, Writes
from ..engine.memory import cell_of
from ..engine.tensor import Tensor
from .capture import Capture, Captured
from .environment import environment
from .errors import CompileError
from .guards import GRADIENT, HAS_GRADIENT, MEMORY, TRACED, Guard, test_of
from .leaving import cut_off, left
from .lower import lower
from .pipeline import Compiled, compile_program
from .profiling import eager_in_use
from .structure import ARRAY, unflatten


class Signature:
    """One compiled variant of a step: its machine, what it returns, what it leaves behind and what must hold for it."""

    def __init__(
        self, step: Callable[..., Any], others: Sequence[Any], captured: Captured, before: Sequence[Guard]
    ) -> None:
        """`others` are the arguments that are no arrays; `before` what could be reached before the captured step."""
        record = captured.record
        self.compared = 0  # how many runs were compared with eager ones
        self.building: Future[None] | None = None  # where it is built by another thread
        self.structure = captured.structure
        self.gradients = [(found.leaf, found.leaf.grad) for found in record.leaves.values()]
        effects = []
        for found in record.leaves.values():
            made = captured.gradients.get(id(found.leaf))
            if made is not None and made.producer is not None and found.leaf.grad is not None:
                effects.append((found.leaf.grad._memory(), made))
        name = getattr(step, "__qualname__", repr(step))
        self.guards, self.places = left(captured, before, environment(step, others), name)
        program, lowering = lower(captured, [*captured.outputs, *[v for p in self.places for v in p.values]], effects)
        self.returned = len(captured.outputs)
        # What `explain` says of the record; the record itself would take as much memory as a small step does.
        self.operations, self.opaque = len(record.entries), lowering.opaque
        self.eager = max(eager_in_use(captured), default=0)  # bytes of results at once, operation by operation
        untraced = lowering.untraced()
        if untraced:
            where = "\n  ".join(dict.fromkeys(f"{e.line}: {e.name}" for e, _ in untraced))
            raise CompileError(
                f"compile: an operation reads the memory of an argument or a result that reached it as a plain array, so the "
                f"recorded values would be used for ever; pass the Tensor itself on:\n  {where}"
            )
        self.program = program
        arguments = {id(t) for t in captured.inputs}
        self.tensors = [(t, t._array) for t in record.met() if id(t) not in arguments]  # from outside
        self.cut_off = captured.with_graph
        self.sources = [t.node for t, _ in self.tensors if t.node is not None]
        self.given: Sequence[Any] = ()  # the arguments of the next run, where a result is cut off from them
        self.assumptions = record.assumptions
        self.leaves = [(f.leaf, f.before) for f in record.leaves.values() if f.needed]  # whose gradient is read
        absent = self._other_gradients(record)
        self.test = test_of([*self._about_tensors(), *self._about_gradients(absent), *self.guards])
        written = [t for t in record.written() if id(t._array) not in lowering.own]
        cells = [cell_of(t) for t in [*written, *[g for _, g in self.gradients if g is not None]]]
        self.cells = [cell for cell in cells if cell is not None]

    def _other_gradients(self, record: Capture) -> list[tuple[Leaf, bool]]:
        """Leaves whose gradient the step does not touch, and whether there is none; one that is read joins `leaves`."""
        read = {id(array) for _, array in self.tensors}
        reached = [*[t for t, _ in self.tensors], *[g.expected for g in self.guards if isinstance(g.expected, Tensor)]]
        absent = []
        for t in {id(t): t for t in reached}.values():
            leaf = None if t.node is None or not t.is_leaf else t.node.saved
            if leaf is None or id(leaf) in record.leaves:
                continue
            if leaf.grad is not None and id(leaf.grad._array) in read:
                self.leaves.append((leaf, leaf.grad))
            else:
                absent.append((leaf, leaf.grad is None))
        return absent

    def _about_tensors(self) -> list[Guard]:
        """That Tensors have the memory that the kernels read and write, and require a gradient or not, as they did."""
        known = {id(g.place) for g in self.guards if g.key is TRACED}
        names = [t.name or "a Tensor" for t, _ in self.tensors]
        found = [Guard(t, MEMORY, a, True, f"{n}'s memory") for (t, a), n in zip(self.tensors, names, strict=True)]
        return found + [
            Guard(t, TRACED, t.node is not None, True, f"{n}.requires_grad")
            for (t, _), n in zip(self.tensors, names, strict=True)
            if id(t) not in known
        ]

    def _about_gradients(self, absent: Sequence[tuple[Leaf, bool]]) -> list[Guard]:
        found = [Guard(leaf, GRADIENT, before, True, "a gradient") for leaf, before in self.leaves]
        return found + [
            Guard(leaf, HAS_GRADIENT, not none, True, "whether there is a gradient") for leaf, none in absent
        ]

    def build(self) -> None:
        """Compile its kernels: it runs from then on."""
        self.compiled: Compiled = compile_program(self.program)
        self.machine = self.compiled.machine

    # ---- does it fit? ----------------------------------------------------------------------------------------

    def holds(self) -> bool:
        """Whether everything that was taken for granted is as it was."""
        for read, value in self.assumptions:
            if read() != value:
                return False
        if self.building is None and self.machine.threads is not None and not self.machine.fits_pool():
            return False
        return self.test()

    def changed(self) -> list[str]:
        """The paths of what no longer holds."""
        return [g.path for g in self.guards if not g.holds()]

    # ---- running ---------------------------------------------------------------------------------------------

    def run(self, arrays: Sequence[np.ndarray]) -> Any:
        machine = self.machine
        for to, x in zip(machine.inputs, arrays, strict=True):
            to[...] = x
        machine.run()
        self._leave()
        made = [Tensor._of(v.copy() if v.ndim else v[()]) for v in machine.outputs]
        if self.places:
            rest = iter(made[self.returned :])
            for place in self.places:
                place.bind(rest)
        return self.result(made)

    def _leave(self) -> None:
        """After the kernels: gradients in place, and writes known to graphs that keep the old values."""
        for leaf, grad in self.gradients:
            leaf.grad = grad
        now = Writes.last = graph.sequence()
        for cell in self.cells:
            cell.written = now

    def result(self, made: list[Tensor]) -> Any:
        """What a call returns, of these results."""
        if self.cut_off:
            nodes = [*self.sources, *[x.node for x in self.given if isinstance(x, Tensor) and x.node is not None]]
            for k in self.cut_off:
                cut_off(made[k], nodes)
            self.given = ()
        return made[0] if self.structure is ARRAY else unflatten(self.structure, iter(made))
