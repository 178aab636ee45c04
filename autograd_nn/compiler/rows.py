"""Emitting a row: passes over its columns, and what is computed once a row between them.

Phase p computes what needs row values finished in phase p - 1. Rows of a few vectors stay in registers from pass to pass; longer
ones go through memory.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from .fusion import is_row_value
from .primitives import apply
from .program import REDUCTIONS, Value
from .text import I64

if TYPE_CHECKING:
    from .loops import Loops

BLOCK = 256
"""Vectors whose sum is made apart from those before them: one sum of millions of float32 numbers has three digits left."""

Read = tuple[Value, int, tuple[int, ...]]
"""A read from memory: (root, offset, strides over the loops)."""


class Row:
    """The code of one row: passes over its columns, and what is computed once a row between them."""

    def __init__(self, nest: Loops, index: list[Any]) -> None:
        self.nest, self.f, self.index = nest, nest.f, index
        self.reads, self.writes = nest.geometry.reads, nest.geometry.writes
        self.bases: dict[Any, str] = {}
        self.once: dict[Any, str] = {}  # row values, and what repeats along the row
        self.sums = dict(nest.running)  # the locals that a reduction runs in

    def emit(self) -> None:
        nest, f = self.nest, self.f
        for v in nest.order:  # addresses and what repeats along the row come before any pass, so that all may use them
            for k in range(len(v.inputs)):
                r = self.reads[v, k]
                if isinstance(r, tuple):
                    self._base(*r)
                    if r[2][-1] == 0:
                        self._repeated(r)
            if v in self.writes:
                self._base(v, 0, self.writes[v])
        kept: list[dict[Any, str]] = [{} for _ in range(nest.chunks)]
        self._between(-1)
        for phase in range(nest.c.phases):
            for v in nest.order:
                if v.op in REDUCTIONS and v.phase == phase and v not in nest.running and self._ends_with_row(v):
                    self.sums[v] = [f.local(nest._identity(v), v.dtype)]
            if nest.unrolled:
                for j in range(nest.chunks):
                    self._pass(phase, kept[j], j * f.lanes, min(f.lanes, nest.columns - j * f.lanes), j)
            elif nest.extent is not None and not nest.outer:
                self._counted_pass(phase, nest.extent)
            else:
                whole, shared = nest.columns // f.lanes * f.lanes, nest.split == len(nest.outer)
                if whole:
                    self._long_pass(phase, whole, shared)
                if nest.columns > whole:
                    with f.in_last_part() if shared else contextlib.nullcontext():
                        self._pass(phase, {}, whole, nest.columns - whole, 0)
            self._between(phase)

    def _counted_pass(self, phase: int, columns: str) -> None:
        """A pass over a number of columns that is known when the kernel runs."""
        f = self.f
        rest = f.let(f"urem i64 {columns}, {f.lanes}")
        whole = f.let(f"sub i64 {columns}, {rest}")
        self._long_pass(phase, whole, shared=True)
        with f.in_last_part(), f.loop(f.smaller(rest, 1)):
            self._pass(phase, {}, whole, f.first_lanes(rest), 0)

    def _long_pass(self, phase: int, whole: Any, shared: bool) -> None:
        """A pass in a loop over whole vectors; where there are many, each block of them is summed up for itself."""
        f, block = self.f, BLOCK * self.f.lanes
        totals = {v: t for v, t in self.sums.items() if v.op == "sum" and v.dtype.kind == "f" and v.phase == phase}
        if not totals or self.nest.columns <= 2 * block:
            with f.shared_loop(whole, f.lanes) if shared else f.loop(whole, f.lanes) as j:
                self._pass(phase, {}, j, f.lanes, 0)
            return
        first, last = [f.times(n, f.lanes) for n in f.share(f.quotient(whole, f.lanes))] if shared else (0, whole)
        with f.loop(last, block, first) as start:
            self.sums |= {v: [f.local(self.nest._identity(v), v.dtype)] for v in totals}
            with f.loop(f.smaller(f.add(start, block), last), f.lanes, start) as j:
                self._pass(phase, {}, j, f.lanes, 0)
            for v, (total,) in totals.items():
                x = [f.get(t, v.dtype) for t in (total, *self.sums[v])]
                f.put(total, self.nest._combined(v, *x), v.dtype)
        self.sums |= totals

    def _ends_with_row(self, v: Value) -> bool:
        return v.place == "row" or self.writes[v][-1] == 0

    def _base(self, root: Value, offset: int, strides: tuple[int, ...]) -> Any:
        """The address of a row's first element; of an iota, its number."""
        key = (root, offset, strides[:-1])
        if key not in self.bases:
            f = self.f
            if root.op == "iota":
                p: Any = offset
                for i, s in zip(self.index, strides[:-1], strict=True):
                    p = f.add(p, f.times(i, s))
            else:
                p = self.nest._pointer(root, offset)
                for i, s in zip(self.index, strides[:-1], strict=True):
                    p = f.at(p, i, s, root.dtype)
            self.bases[key] = p
        return self.bases[key]

    def _repeated(self, r: Read) -> str:
        if r not in self.once:
            root, f, p = r[0], self.f, self._base(*r)
            self.once[r] = f.broadcast(str(p), "i64") if root.op == "iota" else f.load_scalar(p, root.dtype)
        return self.once[r]

    def _operand(self, v: Value, k: int, kept: dict[Any, str], j: Any, n: Any) -> str:
        r = self.reads[v, k]
        if isinstance(r, Value):
            if r.place == "row":
                return self.once[r]
            if r not in kept:  # computed in an earlier pass and kept in memory
                strides = self.writes[r]
                kept[r] = self._loaded((r, 0, strides), j, n)
            return kept[r]
        if not isinstance(r, tuple):
            return self.nest.constant(r, v.inputs[k].dtype)
        if r[2][-1] == 0:
            return self.once[r]
        if r not in kept:
            kept[r] = self._loaded(r, j, n)
        return kept[r]

    def _loaded(self, r: Read, j: Any, n: Any) -> str:
        f, root, stride = self.f, r[0], r[2][-1]
        p = self._base(*r)
        if root.op == "iota":
            first = f.broadcast(str(f.add(p, f.times(j, stride))), "i64")
            if f.lanes == 1:
                return first if first.startswith("%") else f.let(f"add i64 0, {first}")
            steps = f"<{', '.join(f'i64 {i * stride}' for i in range(f.lanes))}>"
            return f.binary("add", first, steps, I64)
        p = f.at(p, j, stride, root.dtype)
        if stride == 1:
            return f.load(p, root.dtype, n)
        return f.every_other(p, root.dtype, n) if stride == 2 else f.gather(p, stride, root.dtype, n)

    def _pass(self, phase: int, kept: dict[Any, str], j: Any, n: Any, chunk: int) -> None:
        """Compute what belongs to a phase at columns j, ..., of which there are n (see `text.Lanes`)."""
        f, stores = self.f, []
        for v in self.nest.order:
            if v.phase != phase or is_row_value(v):
                continue
            x = [self._operand(v, k, kept, j, n) for k in range(len(v.inputs))]
            if v.op in REDUCTIONS:
                self._reduce(v, x[0], j, n, chunk)
                continue
            kept[v] = self._applied(v, x)
            if v in self.writes:
                stores.append(v)
        for v in stores:  # after every load: a result may have taken over an operand's memory
            strides = self.writes[v]
            p, stride = self._base(v, 0, strides), strides[-1]
            if stride == 1 or self.nest.columns == 1:
                f.store(kept[v], f.at(p, j, stride, v.dtype), v.dtype, n)
            else:
                f.scatter(kept[v], f.at(p, j, stride, v.dtype), stride, v.dtype, n)

    def _applied(self, v: Value, x: list[str]) -> str:
        taken = v.inputs[1 if v.op == "where" else 0].dtype
        return apply(self.f, v.op, x, taken, v.dtype)

    def _reduce(self, v: Value, x: str, j: Any, n: Any, chunk: int) -> None:
        f, d = self.f, v.dtype
        if v not in self.sums:
            p = f.at(self._base(v, 0, self.writes[v]), j, self.writes[v][-1], d)
            f.store(self.nest._combined(v, f.load(p, d, n), x), p, d, n)
            return
        target = self.sums[v][chunk if len(self.sums[v]) > 1 else 0]
        if not f.is_whole(n):
            x = f.let(f"select {f.vector('i1')} {f.mask(n)}, {f.type(d)} {x}, {f.type(d)} {self.nest._identity(v)}")
        f.put(target, self.nest._combined(v, f.get(target, d), x), d)

    def _between(self, phase: int) -> None:
        """After a pass: its reductions end, and what is computed from them once a row."""
        f = self.f
        for v in self.nest.order:
            if v.phase != phase:
                continue
            if v in self.sums and v not in self.nest.running:
                x = self.nest._horizontal(v, f.get(self.sums[v][0], v.dtype))
                if v.place == "row":
                    self.once[v] = x
                    if v in self.writes:
                        f.store_scalar(x, self._base(v, 0, self.writes[v]), v.dtype)
                else:
                    p = self._base(v, 0, self.writes[v])
                    f.store_scalar(self.nest._combined(v, f.load_scalar(p, v.dtype), x), p, v.dtype)
            elif is_row_value(v):
                self.once[v] = self._applied(v, [self._row_operand(v, k) for k in range(len(v.inputs))])
                if v in self.writes:
                    f.store_scalar(self.once[v], self._base(v, 0, self.writes[v]), v.dtype)

    def _row_operand(self, v: Value, k: int) -> str:
        r = self.reads[v, k]
        if isinstance(r, (Value, tuple)):
            return self.once[r]
        return self.nest.constant(r, v.inputs[k].dtype)
