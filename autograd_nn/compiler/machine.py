"""The machine: a program's kernels as a table that native code walks, with the opaque operations between.

The table has two words an entry: the kernel's address and that of its pointers. A kernel returns 0, or 1 where a check failed,
which ends the walk. What has no kernel is a Python step between two walks.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .access import access
from .fusion import Cluster
from .library import library
from .loops import Kernel
from .memory import ALIGNMENT, Plan
from .placement import root_inside
from .program import VIEWS, Program, Value

DRIVER = """
define i64 @NAME(ptr %table, i64 %first, i64 %last) {
start: br label %head
head:
%i = phi i64 [%first, %start], [%next, %more]
%k = mul i64 %i, 2
%f = getelementptr ptr, ptr %table, i64 %k
%a = getelementptr ptr, ptr %f, i64 1
%function = load ptr, ptr %f
%args = load ptr, ptr %a
%failed = call i64 %function(ptr %args, i64 0, i64 1)
%next = add i64 %i, 1
%stop = icmp ne i64 %failed, 0
br i1 %stop, label %fail, label %more
more:
%again = icmp ult i64 %next, %last
br i1 %again, label %head, label %done
done: ret i64 -1
fail: ret i64 %i
}"""

_driver: Any = None


def driver() -> Callable[[Any, int, int], int]:
    """The native function that walks a table from one entry to another; -1, or the entry whose check failed."""
    global _driver
    if _driver is None:
        (address,) = library.functions([DRIVER])
        _driver = ctypes.CFUNCTYPE(ctypes.c_long, ctypes.c_void_p, ctypes.c_long, ctypes.c_long)(address)
    return _driver


class Machine:
    """A program ready to run: `inputs` are the views to fill, `outputs` the views that hold the results afterwards."""

    def __init__(self, program: Program, clusters: Sequence[Cluster], made: Plan, kernels: Sequence[Any]) -> None:
        """`kernels`: for each cluster its Kernels (a list), or None where it is a Python step."""
        self.program, self.clusters, self.made = program, clusters, made
        scratch = max([k.scratch for found in kernels if found for k in found], default=0)
        start = -(-made.size // ALIGNMENT) * ALIGNMENT
        raw = np.zeros(start + scratch + ALIGNMENT, np.uint8)
        shift = -raw.ctypes.data % ALIGNMENT
        self.arena = raw[shift : shift + start + scratch]
        self.base = self.arena.ctypes.data
        self.messages: dict[int, str] = {}
        self.steps: list[Callable[[], None]] = []
        self._link(kernels, self.base + start)
        self.inputs = [self.view(v) for v in program.inputs]
        self.outputs = [self.view(v) for v in program.outputs]

    # ---- addresses and views ---------------------------------------------------------------------------------

    def address(self, root: Value, offset: int = 0) -> int:
        """Where a root's element is."""
        whole = root_inside(root)
        home = self.made.home.get(whole)
        if root.inside is not None:
            offset += root.inside[1]
        memory = home or (root if root.op == "memory" else None)
        start = self.base + whole.buffer if memory is None else memory.data.ctypes.data
        return start + offset * root.dtype.itemsize

    def view(self, v: Value) -> np.ndarray:
        """A value as an array over the memory it is in."""
        if v.op in VIEWS:
            return _viewed(v, self.view(v.inputs[0]))
        if v.op == "constant":
            return np.asarray(v.data)
        if v.op == "iota":
            return np.arange(v.size).reshape(v.shape)
        if v.op == "memory":
            return v.data
        whole = root_inside(v)
        home = self.made.home.get(whole)
        memory, first = (self.arena, whole.buffer) if home is None else (home.data.reshape(-1).view(np.uint8), 0)
        first += 0 if v.inside is None else v.inside[1] * v.dtype.itemsize
        return np.ndarray(v.shape, v.dtype, memory, first, [s * v.dtype.itemsize for s in v.layout])

    # ---- linking ---------------------------------------------------------------------------------------------

    def _link(self, kernels: Sequence[list[Kernel] | None], scratch: int) -> None:
        flat = [k for found in kernels if found for k in found]
        addresses = iter(library.functions([k.text for k in flat]))
        entries: list[tuple[int, Any]] = []
        checks: dict[int, list[tuple[Value, str]]] = {}
        for v, message in self.program.checks:
            checks.setdefault(access(v)[0].cluster.position, []).append((v, message))
        check = library.functions([CHECK])[0] if checks else 0
        self.names: list[Cluster | None] = []
        pending = 0
        for c, found in zip(self.clusters, kernels, strict=True):
            if found is None:
                if len(entries) > pending:
                    self.steps.append(self._walk(pending, len(entries)))
                    pending = len(entries)
                self.steps.append(self._python(c))
            for k in found or ():
                pointers = [self.address(r, o) for r, o in k.pointers] + ([scratch] if k.scratch else [])
                entries.append((next(addresses), (ctypes.c_void_p * len(pointers))(*pointers)))
                self.names.append(c)
            for v, message in checks.get(c.position, ()):
                self.messages[len(entries)] = message
                root, offset, _ = access(v)
                entries.append((check, (ctypes.c_void_p * 1)(self.address(root, offset))))
                self.names.append(None)
        if len(entries) > pending:
            self.steps.append(self._walk(pending, len(entries)))
        self.entries = entries
        self.table = (ctypes.c_void_p * (2 * len(entries) or 1))()
        for i, (function, pointers) in enumerate(entries):
            self.table[2 * i], self.table[2 * i + 1] = function, ctypes.addressof(pointers)

    def _walk(self, first: int, last: int) -> Callable[[], None]:
        run = driver()

        def walk() -> None:
            failed = run(self.table, first, last)
            if failed >= 0:
                raise IndexError(self.messages[failed])

        return walk

    def _python(self, c: Cluster) -> Callable[[], None]:
        v = c.members[0]
        if c.kind == "store":
            to, source = self.view(v), self.view(v.inputs[0])
            return lambda: np.copyto(to, source)
        call = v.params
        arrays = [self.view(i) for i in v.inputs]
        results = [(r.params, self.view(r)) for r in call.results]

        def run() -> None:
            made = call.run(*arrays)
            for k, to in results:
                source = made[k]
                if np.shape(source) != to.shape or source.dtype != to.dtype:
                    raise RuntimeError(
                        f"compile: {call.name} gave {source.dtype}{list(np.shape(source))} where the recorded step had "
                        f"{to.dtype}{list(to.shape)}; what a step computes may not change its shapes"
                    )
                np.copyto(to, source)

        return run

    # ---- running ---------------------------------------------------------------------------------------------

    def forget(self) -> None:
        """Fill the arena with what nobody computed (NaN, where read as floats), so that a comparison finds who reads it."""
        self.arena.fill(255)

    def run(self) -> None:
        """One step; the inputs have been filled."""
        for step in self.steps:
            step()


def profile(machine: Machine, repeat: int = 20) -> list[tuple[float, Cluster | None]]:
    """The median microseconds of each table entry, run by itself on whatever is in memory, with its cluster."""
    found = []
    for (function, pointers), c in zip(machine.entries, machine.names, strict=True):
        run = ctypes.CFUNCTYPE(ctypes.c_long, ctypes.c_void_p, ctypes.c_long, ctypes.c_long)(function)
        times = []
        for _ in range(repeat):
            start = time.perf_counter()
            run(pointers, 0, 1)
            times.append(time.perf_counter() - start)
        found.append((1e6 * sorted(times)[repeat // 2], c))
    return found


def _viewed(v: Value, source: np.ndarray) -> np.ndarray:
    """A view of an array, as NumPy makes it."""
    if v.op == "transpose":
        return source.transpose(v.params)
    if v.op == "broadcast":
        return np.broadcast_to(source, v.shape)
    if v.op == "slice":
        ends = [(start, start + step * n, step) for (start, step), n in zip(v.params, v.shape, strict=True)]
        return source[tuple([slice(start, None if stop < 0 else stop, step) for start, stop, step in ends])]
    return source.reshape(v.shape)


CHECK = """
define i64 @NAME(ptr %args, i64 %part, i64 %parts) {
%p = load ptr, ptr %args
%x = load i8, ptr %p
%r = zext i8 %x to i64
ret i64 %r
}"""
