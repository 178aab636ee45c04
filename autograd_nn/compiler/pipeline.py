"""From a captured step to a machine: the passes in their order.

capture -> lower -> place -> (fuse) -> recompute -> schedule -> fuse -> plan -> emit -> library -> machine
"""

from __future__ import annotations

import contextlib
import gc
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from .access import domain
from .fusion import APART, Cluster, fuse
from .gather import emit_add_rows, emit_take_rows
from .library import library
from .loops import Kernel, Unmerged, emit_loops
from .machine import Machine
from .memory import Plan, plan
from .native import Native
from .placement import copied, place
from .products import emit_matmul
from .program import Program, Value, contiguous
from .recompute import Again
from .schedule import schedule

MOST_ATTEMPTS = 50
"""How often rows that do not merge are laid out anew; each time there are fewer."""


@dataclass
class Compiled:
    """A program compiled: the machine, and what the passes did, for those who want to see it."""

    program: Program
    clusters: list[Cluster]
    plan: Plan
    machine: Machine
    seconds: dict[str, float] = field(default_factory=dict)
    distinct: int = 0  # how many kernels of ours there are; their texts are not kept


@contextlib.contextmanager
def collecting_later() -> Iterator[None]:
    """Without garbage collection, which would pass over a growing program again and again; it has no garbage to find."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@collecting_later()
def compile_program(program: Program) -> Compiled:
    """Compile a program."""
    seconds: dict[str, float] = {}
    start = time.perf_counter()

    def lap(name: str) -> None:
        nonlocal start
        now = time.perf_counter()
        seconds[name] = seconds.get(name, 0.0) + now - start
        start = now

    library.start()
    lap("llvm")
    values = place(program)
    lap("place")
    for attempt in range(MOST_ATTEMPTS):
        clusters = fuse(values)
        lap("fuse")
        if attempt == 0:
            again = Again(program, clusters)
            lap("recompute")
            before, values = values, unplaced(program)
            if again.changed or values != before:
                clusters = fuse(values)
            lap("fuse")
        made = plan(program, values, clusters, library.vector_bytes)
        lap("plan")
        try:
            kernels = [emit(c) for c in clusters]
        except Unmerged as unmerged:
            if attempt == MOST_ATTEMPTS - 1:
                raise
            values = _copy_first(program, unmerged)
            continue
        _fill_assembled(clusters, kernels)
        texts: dict[str, str] = {}
        for k in [k for found in kernels for k in found or () if isinstance(k, Kernel)]:
            k.text = texts.setdefault(k.text, k.text)  # layers and time steps share theirs
        lap("emit")
        break
    machine = Machine(program, clusters, made, kernels)
    lap("compile")
    return Compiled(program, clusters, made, machine, seconds, len(texts))


def emit(c: Cluster) -> list[Kernel | Native] | None:
    """The kernels of a cluster; None for what is a Python step."""
    if c.kind == "loop":
        return [emit_loops(c, library.vector_bytes)]
    if c.kind == "matmul":
        return [emit_matmul(c.members[0], library.vector_bytes)]
    if c.kind in ("take_rows", "add_rows"):
        gather = emit_take_rows if c.kind == "take_rows" else emit_add_rows
        return [gather(c.members[0], library.vector_bytes)]
    if c.kind == "native":
        return [c.members[0].params]
    if c.kind == "assemble":
        return []  # its parts write into it
    return None


def _copy_first(program: Program, unmerged: Unmerged) -> list[Value]:
    """Lay out anew what keeps a row from being one run of memory."""
    for v, k in unmerged.reads:
        i, points = v.inputs[k], domain(v)
        if i.shape != points:  # what repeats along the row is written out
            i = Value("broadcast", [i], None, points, i.dtype, origin=v.origin)
        v.inputs[k] = copied(i, APART)
    for v in unmerged.writes:
        _compute_apart(program, v)
    return unplaced(program)


def unplaced(program: Program) -> list[Value]:
    """The values in order, to be asked anew where their elements are."""
    for v in program.values():
        v.at = None
    return schedule(program)


def _compute_apart(program: Program, v: Value) -> None:
    """Compute a part of an assembled value in memory of its own, and copy it there."""
    part = copied(v, APART)
    part.inside, part.layout = v.inside, v.layout
    v.inside, v.layout, v.at = None, contiguous(v.shape), None
    for user in program.values():
        if user.op == "assemble":
            user.inputs = [part if i is v else i for i in user.inputs]


def _fill_assembled(clusters: Sequence[Cluster], kernels: list[list[Kernel | Native] | None]) -> None:
    """Zeros into what is assembled from parts that do not cover it, before the first part is written."""
    filled: set[Any] = set()
    for c, found in zip(clusters, kernels, strict=True):
        for v in c.members:
            whole = v.inside[0] if v.inside is not None else None
            if whole is None or whole.op != "assemble" or whole in filled or found is None:
                continue
            filled.add(whole)
            if sum([i.size for i in whole.inputs]) < whole.size:
                found.insert(0, _fill(whole))


def _fill(whole: Value) -> Kernel:
    zero = Value("constant", [], None, (), whole.dtype, whole.dtype.type(0))
    fill = Value("copy", [zero], None, (whole.size,), whole.dtype)
    fill.stored = True
    c = Cluster("loop", 0, whole.size, [fill])
    fill.cluster = c
    kernel = emit_loops(c, library.vector_bytes)
    return Kernel(kernel.text, [(whole, 0)], numbers=kernel.numbers)
