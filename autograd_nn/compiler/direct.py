"""Running a machine on arrays as they are: large arguments are read where they lie, large results computed where they stay.

A compiled step copies its arguments into its arena and its results out of it, which costs a small array less than asking for
its address does, and a large one two passes over memory. Here the addresses in the kernels' tables are changed for the time of
a run. That can be done for what only kernels of ours read and write; an opaque call, or a plan of the kernels room, has its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from .access import access, is_flat
from .machine import Machine
from .placement import root_inside
from .program import Value, contiguous

LARGE = 1 << 14
"""Bytes from which on an array is not copied."""

Pointers = list[tuple[np.ndarray, int, int]]
"""Where a value's address stands: (table, position, how many bytes into the value it points)."""


class Direct:
    """A machine with the arrays that one call gives it."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        pointed: dict[Value, Pointers] = {}
        for table, position, root in machine.pointed:
            pointed.setdefault(root, []).append((table, position, int(table[position]) - machine.address(root)))
        program, fixed = machine.program, set()
        for c in machine.clusters:
            if c.kind in ("opaque", "native", "store"):
                results = getattr(c.members[0].params, "results", ())
                fixed |= {root_inside(access(v)[0]) for v in (*c.members[0].inputs, *results)}
        fixed |= {root_inside(access(v)[0]) for v, _ in program.checks} | set(machine.made.home)
        shown = Counter([root_inside(access(v)[0]) for v in program.outputs])  # two results in one memory stay in it

        def movable(v: Value) -> Pointers | None:
            root, offset, strides = access(v)
            whole = offset == 0 and root.size == v.size and is_flat(v.shape, strides) and root.inside is None
            good = whole and root.layout == contiguous(root.shape) and root.op not in ("constant", "iota", "memory")
            if not good or shown[root] > 1 or root in fixed or v.size * v.dtype.itemsize < LARGE:
                return None
            return pointed.get(root, [])

        self.arguments = [(view, movable(v)) for v, view in zip(program.inputs, machine.inputs, strict=True)]
        self.results = [(view, movable(v)) for v, view in zip(program.outputs, machine.outputs, strict=True)]
        self.moves = any([p is not None for _, p in (*self.arguments, *self.results)])

    def run(self, arrays: Sequence[Any]) -> list[Any]:
        """The results, as arrays that nobody else has."""
        if not self.moves:
            for (to, _), x in zip(self.arguments, arrays, strict=True):
                to[...] = x
            self.machine.run()
            return [v.copy() if v.ndim else v[()] for v, _ in self.results]
        changed: list[tuple[np.ndarray, int, Any]] = []

        def point(pointers: Pointers, array: np.ndarray) -> None:
            address = array.ctypes.data
            for table, position, offset in pointers:
                changed.append((table, position, table[position]))
                table[position] = address + offset

        for (to, pointers), x in zip(self.arguments, arrays, strict=True):
            if pointers is not None and x.flags.c_contiguous and x.flags.aligned:
                point(pointers, x)
            else:
                to[...] = x
        made = [None if p is None else np.empty(view.shape, view.dtype) for view, p in self.results]
        for out, (_, pointers) in zip(made, self.results, strict=True):
            if out is not None and pointers is not None:
                point(pointers, out)
        try:
            self.machine.run()
        finally:
            for table, position, address in changed:
                table[position] = address
        return [
            (view.copy() if view.ndim else view[()]) if out is None else out
            for out, (view, _) in zip(made, self.results, strict=True)
        ]
