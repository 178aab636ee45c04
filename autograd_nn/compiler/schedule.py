"""Scheduling: the order in which values are computed, so that memory is free early.

A program's values come in the order in which its roots ask for them: what a step returns, then the new states, the first one
first. That one takes the whole backward pass; the gradients of other weights come after it, and until then all that they are made
from waits in memory. So a product is computed as soon as its operands are there, if it is the last to read at least as much
memory as it takes. The gradient of a weight takes none: it is computed where it stays.

Decision: what is elementwise stays where it is, for it is best computed in the kernel that reads it. And no product moves before
what may fail: a state is written to only when nothing can fail any more, so it would have to wait in memory of its own.
"""

from __future__ import annotations

from .access import access
from .placement import root_inside
from .program import VIEWS, Program, Value

EARLY = frozenset({"matmul", "native", "add_rows"})


def schedule(program: Program) -> list[Value]:
    """The values of a placed program, each after its operands, in the order in which they are to be computed."""
    values = program.values()
    last: dict[Value, Value | None] = {}  # who reads a root last; None for the caller
    fallible = -1
    checked = {access(c)[0] for c, _ in program.checks}
    for v in values:
        if v.op not in VIEWS:
            last |= dict.fromkeys([root_inside(access(i)[0]) for i in v.inputs], v)
        if v.op == "opaque" or v in checked:
            fallible = v.order
    last |= dict.fromkeys([root_inside(access(v)[0]) for v in program.outputs])
    returned = max([access(v)[0].order for v in program.outputs], default=-1)
    safe = max(fallible, returned)  # a check may be computed in a kernel of what is returned
    home = {root_inside(access(v)[0]) for _, v in program.effects}
    time: dict[Value, tuple[int, int, int]] = {}
    for v in values:
        ready = max([time[i] for i in v.inputs], default=(-1, 0, 0))
        if v.after in time:
            ready = max(ready, (time[v.after][0], 0, 1))
        if v.op in VIEWS or v.op == "result" or (v.again and v.after in time):
            time[v] = ready
        elif v.op in EARLY and v.order > fallible and _takes(v, home) <= _frees(v, last):
            time[v] = (ready[0] if ready[0] >= fallible else min(safe, v.order - 1), 1, v.order)
        else:
            time[v] = (v.order, 0, 0)
    return sorted(values, key=time.__getitem__)


def _takes(v: Value, home: set[Value]) -> int:
    """Bytes of memory that are in use from this value on."""
    made = v.params.results if v.op == "native" else [v] if v.inside is None else []
    return sum([m.size * m.dtype.itemsize for m in made if m not in home])


def _frees(v: Value, last: dict[Value, Value | None]) -> int:
    """Bytes of memory that nobody needs once this value is computed."""
    roots = {root_inside(access(i)[0]) for i in v.inputs}
    return sum([r.size * r.dtype.itemsize for r in roots if last.get(r) is v and not r.is_leaf])
