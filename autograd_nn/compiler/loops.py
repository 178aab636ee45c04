"""Emitting a cluster: one loop nest over its points, vectors along the innermost axis.

For each row, phases of passes over its columns with the row's values computed between them: phase p computes what needs row
values finished in phase p - 1, so softmax and layer norm are three passes of one nest. Rows of a few vectors stay in registers
from pass to pass; longer ones go through memory.

Decision: a kernel reads the length of its outermost loop, and constants that may be counts (a mean's divisor, a learning rate),
from behind its pointers. So its text is the same for every batch size, and a new one compiles nothing but products.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .access import domain, operands, refined, spread
from .fusion import Cluster, is_row_value
from .primitives import COSTS, apply
from .program import REDUCTIONS, Value
from .rows import Row
from .text import KERNEL_ARGUMENTS, Function, scalar_type

KEPT_VECTORS = 8
"""Up to how many vectors of a row stay in registers."""

ENOUGH = 8
"""Turns of a loop that are worth sharing among threads."""

COMBINE = {"sum": "add", "product": "multiply", "maximum_over": "maximum", "minimum_over": "minimum"}


@dataclass
class Kernel:
    """A function and what its pointers are: (root, offset in elements).

    For each of `sums`, reductions that parts make each for themselves, two more follow: where the first part's result goes, and
    how many bytes further the next part's.
    """

    text: str
    pointers: list[tuple[Value, int]]
    private: int = 0  # bytes of workspace that each thread needs
    turns: int = 1  # into how many parts it can be cut
    work: int = 0  # about how many simple operations on an element it takes
    points: int = 0
    sums: Sequence[Value] = ()
    numbers: Sequence[
        int
    ] = ()  # 8 bytes each, that follow: the length of a loop and constants that the text does not say


class Geometry:
    """The loops of a cluster: their lengths, and the strides of every read and write over them."""

    def __init__(self, c: Cluster) -> None:
        cuts = sorted((c.cuts | {c.points}) - {1})
        dims = [b // a for a, b in zip([1, *cuts], cuts, strict=False)][::-1] or [1]
        outer, step = len(dims), 1
        while c.columns and step < c.columns:
            outer -= 1
            step *= dims[outer]
        self.reads: dict[tuple[Value, int], Any] = {}
        self.writes: dict[Value, tuple[int, ...]] = {}
        strides: dict[Any, list[int]] = {}
        for v in c.members:
            over = self._over(v, dims, outer)
            for k, (root, offset, s) in enumerate(operands(v)):
                if root.cluster is c and root.op != "iota":
                    self.reads[v, k] = root
                elif root.op == "constant":
                    self.reads[v, k] = root.data
                else:
                    strides[v, k] = over(s)
                    self.reads[v, k] = (root, offset)
            if v.stored:
                strides[v] = over(spread(v.shape, v.layout, domain(v)))
        boundary = _merged(dims, list(strides.values()), outer if c.columns else None)
        if c.columns and (boundary != len(dims) - 1 or dims[-1] != c.columns):
            raise Unmerged(strides, boundary, dims)
        self.dims = dims
        for key, steps in strides.items():
            if isinstance(key, tuple):
                self.reads[key] = (*self.reads[key], tuple(steps))
            else:
                self.writes[key] = tuple(steps)

    @staticmethod
    def _over(v: Value, dims: list[int], outer: int) -> Callable[[tuple[int, ...]], list[int]]:
        if is_row_value(v):
            return lambda s: refined(domain(v), s, dims[:outer]) + [0] * (len(dims) - outer)
        return lambda s: refined(domain(v), s, dims)


class Unmerged(Exception):
    """A row lies over several axes that some reads (value, operand) or writes (value) do not let merge: copy those first."""

    def __init__(self, strides: dict[Any, list[int]], boundary: int, dims: list[int]) -> None:
        super().__init__("a row over several axes that do not merge")
        axes = range(boundary, len(dims) - 1)
        culprits = [key for key, s in strides.items() if any([s[k] != s[k + 1] * dims[k + 1] for k in axes])]
        self.reads = [key for key in culprits if isinstance(key, tuple)]
        self.writes = [key for key in culprits if not isinstance(key, tuple)]


def _merged(dims: list[int], strides: list[list[int]], outer: int | None) -> int:
    """Merge neighbouring axes where every stride allows it, never across `outer`; returns where `outer` is now."""
    k = len(dims) - 2
    boundary = len(dims) if outer is None else outer
    while k >= 0:
        if k + 1 != boundary and all([s[k] == s[k + 1] * dims[k + 1] for s in strides]):
            dims[k : k + 2] = [dims[k] * dims[k + 1]]
            for s in strides:
                del s[k]
            if k + 1 < boundary:
                boundary -= 1
        k -= 1
    return boundary


def lanes_for(c: Cluster, vector_bytes: int) -> int:
    """How many lanes a cluster's vectors have: what a register holds of its widest common element, no more than a row has."""
    longest = c.columns or c.points
    widest = max([v.dtype.itemsize for v in c.members if v.dtype.kind == "f"], default=4)
    lanes = vector_bytes // max(widest, 4)
    while lanes > 1 and lanes >= 2 * longest:
        lanes //= 2
    return lanes


def emit_loops(c: Cluster, vector_bytes: int) -> Kernel:
    """The kernel of a cluster."""
    return Loops(c, vector_bytes).kernel()


class Loops:
    """A cluster's kernel under construction."""

    def __init__(self, c: Cluster, vector_bytes: int) -> None:
        self.c, self.order = c, c.members
        self.geometry = Geometry(c)
        self.outer, self.columns = self.geometry.dims[:-1], self.geometry.dims[-1]
        self.f = Function("NAME", KERNEL_ARGUMENTS, lanes_for(c, vector_bytes))
        self.chunks = -(-self.columns // self.f.lanes)
        self.unrolled = unrolled(self.chunks, c.phases)
        turns = [*self.outer, 1 if c.columns or self.unrolled else self.columns // self.f.lanes]
        # which loop the parts share: the outermost that has enough turns, or else the longest
        self.split = next((k for k, n in enumerate(turns) if n >= ENOUGH), turns.index(max(turns)))
        self.turns = max(turns[self.split], 1)
        self.extent: Any = self._extent(turns[0])
        self.counts: dict[tuple[Any, np.dtype], str] = {}
        self.pointers: list[tuple[Value, int]] = []
        self.names: dict[tuple[Value, int], str] = {}
        self.running: dict[Value, list[str]] = {}  # outer reductions whose sums stay in registers to the end
        self.finish: list[Callable[[], None]] = []

    def _extent(self, turns: int) -> int | None:
        """The outermost loop's length, which the kernel is told when it runs, if nothing else in its text depends on it.

        So a step of another batch size, or an update of another parameter, is made of kernels that are there already.
        """
        if self.split or turns < ENOUGH:
            return None
        if self.outer:
            return self.outer[0]
        steps = [r[2][-1] for r in self.geometry.reads.values() if isinstance(r, tuple)]
        steps += [s[-1] for s in self.geometry.writes.values()]
        return self.columns if self.f.lanes > 1 and {0, 1}.issuperset(steps) else None

    def _told(self, first: int) -> list[int]:
        """Take what the text does not say from behind the pointers: the extent, and counts (a mean's divisor)."""
        f, numbers = self.f, []
        if self.extent is not None:
            numbers.append(self.extent)
            self.extent = f.number_argument(first)
        for v in self.order:
            for k, i in enumerate(v.inputs):
                r, d = self.geometry.reads[v, k], i.dtype
                if not isinstance(r, (Value, tuple)) and is_count(r) and (r, d) not in self.counts:
                    self.counts[r, d] = f.float_argument(first + len(numbers), d)
                    numbers.append(int(np.float64(r).view(np.int64)))
        return numbers

    def constant(self, number: Any, dtype: np.dtype) -> str:
        """A vector of one number."""
        return self.counts.get((number, dtype)) or self.f.splat(number, dtype)

    def kernel(self) -> Kernel:
        f = self.f
        for v in self.order:  # pointers dominate everything
            for k in range(len(v.inputs)):
                r = self.geometry.reads[v, k]
                if isinstance(r, tuple) and r[0].op != "iota":
                    self._pointer(r[0], r[1])
            if v in self.geometry.writes and not is_outer(v):
                self._pointer(v, 0)
        sums = [v for v in self.order if is_outer(v)]
        for k, v in enumerate(sums, len(self.pointers)):
            first = f.pointer_argument(2 * k - len(self.pointers))
            apart = f.let(f"ptrtoint ptr {f.pointer_argument(2 * k + 1 - len(self.pointers))} to i64")
            self.names[v, 0] = f.let(f"getelementptr i8, ptr {first}, i64 {f.times('%part', apart)}")
        numbers = self._told(len(self.pointers) + 2 * len(sums))
        for v in sums:
            self._start_outer(v)
        self._nest(0, [])
        for finish in self.finish:
            finish()
        f.do("ret void")
        work = self.c.points * sum([COSTS.get(v.op, 1) for v in self.order])
        return Kernel(f.text(), self.pointers, 0, self.turns, work, self.c.points, sums, numbers)

    # ---- reductions that end after the last point ------------------------------------------------------------

    def _start_outer(self, v: Value) -> None:
        f, d = self.f, v.dtype
        strides, p, start = self.geometry.writes[v], self._pointer(v, 0), self._identity(v)
        everywhere = not any(strides[:-1])
        if everywhere and strides[-1] == 0:
            total = f.local(start, d)
            self.running[v] = [total]
            self.finish.append(lambda: f.store_scalar(self._horizontal(v, f.get(total, d)), p, d))
        elif everywhere and strides[-1] == 1 and self.unrolled:
            sums = self.running[v] = [f.local(start, d) for _ in range(self.chunks)]

            def store() -> None:
                for j, s in enumerate(sums):
                    f.store(f.get(s, d), f.at(p, j * f.lanes, 1, d), d, self.columns - j * f.lanes)

            self.finish.append(store)
        else:
            whole = v.size // f.lanes * f.lanes
            if whole:
                with f.loop(whole, f.lanes) as j:
                    f.store(start, f.at(p, j, 1, d), d)
            if v.size > whole:
                f.store(start, f.at(p, whole, 1, d), d, v.size - whole)

    def _identity(self, v: Value) -> str:
        d = v.dtype
        if v.op in ("sum", "product"):
            return self.f.splat(0 if v.op == "sum" else 1, d)
        if d.kind == "b":
            return self.f.splat(v.op == "minimum_over", d)
        if d.kind == "f":
            return self.f.splat(-math.inf if v.op == "maximum_over" else math.inf, d)
        ends = np.iinfo(d)
        return self.f.splat(ends.min if v.op == "maximum_over" else ends.max, d)

    def _combined(self, v: Value, x: str, y: str) -> str:
        return apply(self.f, COMBINE[v.op], [x, y], v.dtype, v.dtype)

    def _horizontal(self, v: Value, x: str) -> str:
        """The reduction of a vector's lanes, in every lane."""
        f, d = self.f, v.dtype
        if f.lanes == 1:
            return x
        if d.kind == "f" and v.op in (
            "maximum_over",
            "minimum_over",
        ):  # LLVM's own takes lane after lane, for NaN's sake
            n = f.lanes
            while n > 1:
                n //= 2
                x = self._combined(v, x, f.rotated(x, n, d))
            return x
        s, t = scalar_type(d), f.type(d)
        short = s.replace("float", "f32").replace("double", "f64")
        signed = "s" if d.kind == "i" else "u"
        kind = {
            "sum": "fadd" if d.kind == "f" else "add",
            "product": "fmul" if d.kind == "f" else "mul",
            "maximum_over": f"{signed}max",
            "minimum_over": f"{signed}min",
        }[v.op]
        name = f"llvm.vector.reduce.{kind}.v{f.lanes}{short}"
        first = kind in ("fadd", "fmul")
        f.declared[name] = f"declare {s} @{name}({f'{s}, ' if first else ''}{t})"
        start = f"{s} {'-0.0' if kind == 'fadd' else '1.0'}, " if first else ""
        flags = "reassoc " if first else ""
        return f.broadcast(f.let(f"call {flags}{s} @{name}({start}{t} {x})"), s)

    # ---- the nest --------------------------------------------------------------------------------------------

    def _pointer(self, root: Value, offset: int) -> str:
        name = self.names.get((root, offset))
        if name is None:
            name = self.names[root, offset] = self.f.pointer_argument(len(self.pointers))
            self.pointers.append((root, offset))
        return name

    def _nest(self, depth: int, index: list[Any]) -> None:
        if depth == len(self.outer):
            Row(self, index).emit()
            return
        count = self.outer[depth] if depth or self.extent is None else self.extent
        with self.f.shared_loop(count) if depth == self.split else self.f.loop(count) as i:
            self._nest(depth + 1, [*index, i])


def is_count(number: Any) -> bool:
    """Whether a constant may be a number of elements, or one divided by it."""
    if number.dtype.kind != "f" or not np.isfinite(number) or not number:
        return False
    n = abs(float(number))
    n = n if n >= 1 else 1 / n
    return n >= ENOUGH and abs(n - round(n)) < 1e-6 * n


def is_outer(v: Value) -> bool:
    """Whether it is a reduction that is complete only after the last point."""
    return v.op in REDUCTIONS and v.place == "outer"


def emit_combination(v: Value, vector_bytes: int) -> str:
    """The text of the kernel that combines what parts made of a reduction.

    Its table: pointers to the result and to the first part's, how many bytes apart the parts' are, and how many there are.
    """
    d = v.dtype
    lanes = vector_bytes // max(d.itemsize, 1)
    while lanes > 1 and lanes >= 2 * v.size:
        lanes //= 2
    f = Function("NAME", KERNEL_ARGUMENTS, lanes)
    out, first = f.pointer_argument(0), f.pointer_argument(1)
    apart, count = [f.let(f"ptrtoint ptr {f.pointer_argument(k)} to i64") for k in (2, 3)]
    name = COMBINE[v.op]

    def combine(j: Any, n: int) -> None:
        total = f.local(f.load(f.at(first, j, 1, d), d, n), d)
        with f.loop(count, 1, f.let("add i64 0, 1")) as k:
            p = f.let(f"getelementptr i8, ptr {first}, i64 {f.times(k, apart)}")
            f.put(total, apply(f, name, [f.get(total, d), f.load(f.at(p, j, 1, d), d, n)], d, d), d)
        f.store(f.get(total, d), f.at(out, j, 1, d), d, n)

    whole = v.size // lanes * lanes
    if whole:
        with f.loop(whole, lanes) as j:
            combine(j, lanes)
    if v.size > whole:
        combine(whole, v.size - whole)
    f.do("ret void")
    return f.text()


def unrolled(chunks: int, phases: int) -> bool:
    """Whether a row's vectors are written out one by one, so that they can stay in registers."""
    return chunks <= KEPT_VECTORS and (phases > 1 or chunks <= 4)
