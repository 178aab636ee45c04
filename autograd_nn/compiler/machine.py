"""The machine: a program's kernels as a chain that native code walks, with the opaque operations between.

Each kernel becomes a program of the kernels room (see `kernels.steps`); an operation that that room has a plan for is its plan's
program. So one pool of threads runs both, without the GIL. A chain that is not worth sharing is walked by a function of our own,
which needs no pool and loads no numba. A check that fails writes its number to the flag, which ends the walk. What has no kernel
is a Python step between two walks.
"""

from __future__ import annotations

import contextlib
import ctypes
import mmap
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..kernels.steps import FIRST_STEP, PLAN, PRIVATE, PRIVATE_BYTES, SHARED, STEPS, THREADS
from .access import access
from .fusion import Cluster
from .library import library
from .loops import Kernel, emit_combination
from .memory import ALIGNMENT, Plan
from .native import Native
from .placement import root_inside
from .program import VIEWS, Program, Value
from .text import KERNEL_ARGUMENTS

_FIELDS = range(PLAN, PRIVATE + 1)
_LOADS = "\n".join([f"%f{k} = getelementptr i64, ptr %p, i64 {k}\n%v{k} = load i64, ptr %f{k}" for k in _FIELDS])

DRIVER = f"""
define i64 @NAME(ptr %programs, i64 %count, ptr %flag) {{
start: br label %head
head:
%i = phi i64 [0, %start], [%next, %more]
%where = getelementptr ptr, ptr %programs, i64 %i
%p = load ptr, ptr %where
%steps = load i64, ptr %p
{_LOADS}
br label %step
step:
%s = phi i64 [0, %head], [%s1, %stepped]
%s2 = mul i64 %s, 2
%e = add i64 %s2, {FIRST_STEP}
%ep = getelementptr i64, ptr %p, i64 %e
%function = load ptr, ptr %ep
%pp = getelementptr i64, ptr %ep, i64 1
%parts = load i64, ptr %pp
br label %part
part:
%k = phi i64 [0, %step], [%k1, %part]
call void %function({", ".join(f"i64 %v{k}" for k in _FIELDS)}, i64 %k, i64 %parts)
%k1 = add i64 %k, 1
%again = icmp ult i64 %k1, %parts
br i1 %again, label %part, label %stepped
stepped:
%s1 = add i64 %s, 1
%more_steps = icmp ult i64 %s1, %steps
br i1 %more_steps, label %step, label %asked
asked:
%failed = load i64, ptr %flag
%stop = icmp ne i64 %failed, 0
br i1 %stop, label %done, label %more
more:
%next = add i64 %i, 1
%unfinished = icmp ult i64 %next, %count
br i1 %unfinished, label %head, label %done
done:
%found = load i64, ptr %flag
ret i64 %found
}}"""
"""Walks a chain alone: (programs, count, flag) to what the flag holds."""

WORTH_SHARING = 400_000
"""Simple operations from which on a kernel is cut into parts: some ten microseconds, where handing parts out costs one or two."""

LARGE = 4 << 20
"""Bytes of an arena from which on it asks for large pages, as NumPy does."""

PARTS = 4
"""Parts for each thread, so that one that is held up does less."""

_driver: Any = None


def driver() -> Callable[[int, int, int], int]:
    """The native function that walks a chain alone."""
    global _driver
    if _driver is None:
        (address,) = library.functions([DRIVER])
        _driver = ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_int64] * 3)(address)
    return _driver


def threads_for(kernels: Sequence[Any]) -> int | None:
    """How many threads these kernels are cut for; None where that does not matter, and is not asked for (it loads numba)."""
    flat = [k for found in kernels for k in found or ()]
    if not any([isinstance(k, Native) or (k.turns > 1 and k.work >= WORTH_SHARING) for k in flat]):
        return None
    from ..kernels.threads import get_num_threads

    return get_num_threads()


class Machine:
    """A program ready to run: `inputs` are the views to fill, `outputs` the views that hold the results afterwards."""

    def __init__(self, program: Program, clusters: Sequence[Cluster], made: Plan, kernels: Sequence[Any]) -> None:
        """`kernels`: for each cluster its Kernels or its Native call (a list), or None where it is a Python step."""
        self.program, self.clusters, self.made = program, clusters, made
        self.threads = threads_for(kernels)
        own = [k for found in kernels for k in found or () if isinstance(k, Kernel)]
        self.private = _lines(max([k.private for k in own], default=0))
        self.shared = max(
            [sum([_lines(v.size * v.dtype.itemsize) for v in k.sums]) * self._parts(k) for k in own], default=0
        )
        start = _lines(made.size)
        size = start + self.shared + self.private * (self.threads or 1)
        self.pages = _pages(size)
        self.arena = np.frombuffer(self.pages, np.uint8, size)
        self.base = self.arena.ctypes.data
        self.workspace = self.base + start
        self.flag = np.zeros(1, np.int64)
        self.messages: dict[int, str] = {}
        self.blas = False  # whether a kernel calls NumPy's BLAS
        self.steps: list[Callable[[], None]] = []
        self.walked: list[
            tuple[int, int] | Cluster
        ] = []  # what each step is: entries from one to another, or a Python step
        self._link(kernels)
        self.inputs = [self.view(v) for v in program.inputs]
        self.outputs = [self.view(v) for v in program.outputs]

    def _parts(self, k: Kernel) -> int:
        """Into how many parts a kernel is cut."""
        threads = self.threads or 1
        if threads == 1 or k.work < WORTH_SHARING:
            return 1
        most = min(k.turns, PARTS * threads)
        if k.sums:  # what is summed up twice must be little beside the rest
            most = min(most, max(1, k.points // (4 * sum([v.size for v in k.sums]))))
        return most

    # ---- addresses and views ---------------------------------------------------------------------------------

    def address(self, root: Value, offset: int = 0) -> int:
        """Where a root's element is."""
        whole = root_inside(root)
        home = self.made.home.get(whole)
        if root.inside is not None:
            offset += root.inside[1]
        memory = home or (root if root.op == "memory" else None)
        assert memory is not None or whole.buffer >= 0, f"{whole} is read, and nowhere in memory"
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

    def _link(self, kernels: Sequence[Any]) -> None:
        own = [k for found in kernels for k in found or () if isinstance(k, Kernel)]
        addresses = dict(zip([k.text for k in own], library.functions([k.text for k in own]), strict=False))
        checks: dict[int, list[tuple[Value, str]]] = {}
        for v, message in self.program.checks:
            checks.setdefault(access(v)[0].cluster.position, []).append((v, message))
        self.kept: list[Any] = []  # tables that programs point at
        self.pointed: list[tuple[np.ndarray, int, Value]] = []  # which value's memory an entry of a table points into
        self.entries: list[tuple[np.ndarray, Cluster | None]] = []
        pending = 0
        for c, found in zip(self.clusters, kernels, strict=True):
            if found is None:
                self._walk(pending)
                pending = len(self.entries)
                self.steps.append(self._python(c))
                self.walked.append(c)
            for k in found or ():
                made = self._called(c, k) if isinstance(k, Native) else self._own(k, addresses[k.text])
                self.entries += [(numbers, c) for numbers in made]
            for v, message in checks.get(c.position, ()):
                self.messages[len(self.messages) + 1] = message
                root, offset, _ = access(v)
                table = self._table([self.address(root, offset), self.flag.ctypes.data, len(self.messages)])
                (check,) = library.functions([CHECK])
                self.entries.append((self._program(table, [(check, 1)]), None))
        self._walk(pending)

    def _table(self, numbers: Sequence[int], roots: Mapping[int, Value] = {}) -> int:
        """The address of numbers that are kept; `roots` says whose addresses are among them."""
        self.kept.append(np.asarray(numbers, np.int64))
        self.pointed += [(self.kept[-1], n, root_inside(r)) for n, r in roots.items()]
        return int(self.kept[-1].ctypes.data)

    def _program(self, table: int, steps: Sequence[tuple[int, int]]) -> np.ndarray:
        numbers = np.zeros(FIRST_STEP + 2 * len(steps), np.int64)
        numbers[[STEPS, PLAN, THREADS]] = len(steps), table, self.threads or 1
        numbers[[SHARED, PRIVATE, PRIVATE_BYTES]] = self.workspace, self.workspace + self.shared, self.private
        numbers[FIRST_STEP:] = np.ravel(steps)
        return numbers

    def _own(self, k: Kernel, address: int) -> list[np.ndarray]:
        """The programs of a kernel of ours: itself, and what combines the sums that its parts made."""
        parts, where = self._parts(k), self.workspace
        numbers, rest = [self.address(r, o) for r, o in k.pointers], []
        roots = {n: r for n, (r, _) in enumerate(k.pointers)}
        for v in k.sums:
            size = _lines(v.size * v.dtype.itemsize)
            if parts == 1:
                roots[len(numbers)] = v
                numbers += [self.address(v), 0]
                continue
            numbers += [where, size]
            (combine,) = library.functions([emit_combination(v, library.vector_bytes)])
            rest.append(self._program(self._table([self.address(v), where, size, parts], {0: v}), [(combine, 1)]))
            where += size * parts
        return [self._program(self._table([*numbers, *k.numbers], roots), [(address, parts)]), *rest]

    def _called(self, c: Cluster, call: Native) -> list[np.ndarray]:
        """The programs of the kernels room's plans."""
        operands = [*c.members[0].inputs, *call.results]

        def address(argument: Any) -> int:
            if argument is None:
                return 0
            if isinstance(argument, np.ndarray):
                return int(argument.ctypes.data)
            root, offset, _ = access(operands[argument[0]])
            return self.address(root, offset + argument[1])

        workspace = self.base + self.made.workspace[c]
        self.blas |= any(plan.blas for plan, _ in call.runs)
        return [plan.program([address(a) for a in arrays], workspace) for plan, arrays in call.runs]

    def _walk(self, first: int) -> None:
        """Add the step that runs the entries from one on to the last there is now."""
        chain = [numbers for numbers, _ in self.entries[first:]]
        if not chain:
            return
        count, table, flag = len(chain), self._table([n.ctypes.data for n in chain]), self.flag.ctypes.data
        run = self.runner()

        def walk() -> None:
            failed = run(table, count, flag)
            if failed:
                self.flag[0] = 0
                raise IndexError(self.messages[failed])

        self.steps.append(walk)
        self.walked.append((first, len(self.entries)))

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

    def fits_pool(self) -> bool:
        """Whether there are as many threads as its kernels were cut for."""
        from ..kernels.threads import get_num_threads

        return get_num_threads() == self.threads

    def runner(self) -> Callable[[int, int, int], int]:
        """What walks a chain: a function of our own, or the pool's. BLAS, if it is called, starts no threads then."""
        if self.threads is None or self.threads == 1:
            run = driver()
        else:
            from ..kernels.threads import chain_runner

            run = chain_runner()
        if not self.blas:
            return run
        from ..kernels.blas import OneBlasThread

        def alone(programs: int, count: int, flag: int) -> int:
            with OneBlasThread():
                return run(programs, count, flag)

        return alone

    # ---- running ---------------------------------------------------------------------------------------------

    def forget(self) -> None:
        """Fill the arena with what nobody computed (NaN, where read as floats), so that a comparison finds who reads it."""
        self.arena.fill(255)

    def give_back(self) -> None:
        """Give the arena's memory back, where the system can, until it is written to again: no step reads another's."""
        if hasattr(mmap, "MADV_DONTNEED"):
            self.pages.madvise(mmap.MADV_DONTNEED)

    def run(self) -> None:
        """One step; the inputs have been filled."""
        for step in self.steps:
            step()


def _pages(size: int) -> mmap.mmap:
    """Memory of zeros from the system, in large pages where it has them; a forked process gets a copy, not the same memory."""
    private = {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if hasattr(mmap, "MAP_PRIVATE") else {}
    made = mmap.mmap(-1, max(size, 1), **private)
    if size >= LARGE and hasattr(mmap, "MADV_HUGEPAGE"):
        with contextlib.suppress(OSError):  # a kernel without them
            made.madvise(mmap.MADV_HUGEPAGE)
    return made


def _lines(size: int) -> int:
    """Bytes rounded up to whole cache lines."""
    return -(-size // ALIGNMENT) * ALIGNMENT


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


CHECK = f"""
define void @NAME({", ".join(KERNEL_ARGUMENTS)}) {{
%p = load ptr, ptr %args
%x = load i8, ptr %p
%wrong = icmp ne i8 %x, 0
br i1 %wrong, label %raise, label %done
raise:
%to = getelementptr ptr, ptr %args, i64 1
%flag = load ptr, ptr %to
%from = getelementptr i64, ptr %args, i64 2
%number = load i64, ptr %from
store i64 %number, ptr %flag
br label %done
done: ret void
}}"""
"""Writes a number to the flag where a boolean is true; its table is (boolean, flag, number)."""
