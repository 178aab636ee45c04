"""Emitting a matrix product: register tiles over blocks of the inner axis, with a panel of B packed where it must be.

C (..., n, m) = A (..., n, k) @ B (..., k, m) with any strides for A and B. A tile is `rows` x `vectors` registers of sums, over a
block of k short enough that the panel of B it passes over stays in the first cache. B is packed when its rows are not
contiguous (turned by transposes in registers) or when it exceeds that cache and is read often.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from .access import access, spread
from .loops import Kernel
from .program import Value
from .text import KERNEL_ARGUMENTS, Function

BLOCK_BYTES = 640
"""Bytes of one column of a block of B: 160 float32, so that a panel of 4 vectors is 40 kB with 64-byte vectors."""

ENOUGH = 4
"""Turns of a loop that are worth sharing among threads; where none has so many, the one that has most is."""


def emit_matmul(v: Value, vector_bytes: int) -> Kernel:
    """The kernel of a product, or of one that is added to a third operand in whose memory it stands."""
    return Product(v, vector_bytes).kernel()


class Product:
    """A product's kernel under construction."""

    def __init__(self, v: Value, vector_bytes: int) -> None:
        self.v, self.dtype, self.adds = v, v.dtype, len(v.inputs) == 3
        a, b = v.inputs[0], v.inputs[1]
        (self.root_a, self.offset_a, sa), (self.root_b, self.offset_b, sb) = access(a), access(b)
        lead = v.shape[:-2]
        sa, sb = spread(a.shape, sa, (*lead, *a.shape[-2:])), spread(b.shape, sb, (*lead, *b.shape[-2:]))
        sc = v.layout
        self.n, self.m = v.shape[-2:]
        self.k = a.shape[-1]
        self.sizes: list[Any]
        self.sizes, self.strides = _merged_batch(list(lead), [list(s[:-2]) for s in (sa, sb, sc)])
        (self.an, self.ak), (self.bk, self.bm), (self.cn, cm) = sa[-2:], sb[-2:], sc[-2:]
        if self.m == 1:
            self.bm = 1
        elif cm != 1:
            raise AssertionError(f"the rows of {v} are not contiguous")
        self.f = f = Function("NAME", KERNEL_ARGUMENTS, vector_bytes // v.dtype.itemsize)
        self.vectors, most = _tile_width(-(-self.m // f.lanes), vector_bytes)
        self.rows = max(range(1, min(most, self.n) + 1), key=lambda r: (r if self.n % r == 0 else 0) + 0.75 * r)
        self.panel = self.vectors * f.lanes
        blocks = max(1, round(self.k * v.dtype.itemsize / BLOCK_BYTES))
        self.block = -(-self.k // blocks)
        large = self.k * self.m * v.dtype.itemsize > 40_000 and self.bk != self.panel and self.n >= 48
        self.packs = self.bm != 1 or large
        self.split, self.turns = self._split()
        self.whole: Any = self.n // self.rows * self.rows  # rows in whole tiles
        self.depth: Any = self.k  # of the one block, where there is one

    def _split(self) -> tuple[Any, int]:
        """Which loop the parts share, and its turns: that over a batch's axis, the panels (each is packed once) or the rows."""
        axis = max(range(len(self.sizes)), key=lambda i: self.sizes[i], default=None)
        panels, tiles = self.m // self.panel, self.n // self.rows
        if axis is not None and self.sizes[axis] >= ENOUGH:
            return axis, self.sizes[axis]
        found = [("panels", panels), ("rows", tiles)] if self.packs else [("rows", tiles), ("panels", panels)]
        return next((f for f in found if f[1] >= ENOUGH), max(found, key=lambda f: f[1]))

    def kernel(self) -> Kernel:
        f = self.f
        a, b, c = [f.pointer_argument(i) for i in range(3)]
        numbers = self._told(3)
        self._batch(0, a, b, c)
        f.do("ret void")
        pointers = [(self.root_a, self.offset_a), (self.root_b, self.offset_b), (self.v, 0)]
        private = self.block * self.panel * self.dtype.itemsize if self.packs else 0
        return Kernel(f.text(), pointers, private, max(self.turns, 1), self.v.size * self.k, numbers=numbers)

    def _told(self, first: int) -> list[int]:
        """Take lengths that may be a batch's from behind the pointers: its axis, whole tiles of rows, the inner axis."""
        f, numbers = self.f, []

        def told(number: int) -> str:
            numbers.append(number)
            return f.number_argument(first + len(numbers) - 1)

        if self.split == 0:
            self.sizes[0] = told(self.sizes[0])
        if self.whole >= ENOUGH * self.rows:
            self.whole = told(self.whole)
        if self.block == self.k >= ENOUGH:
            self.depth = told(self.k)
        return numbers

    def _loop(self, what: Any, count: Any, step: int = 1) -> Any:
        return self.f.shared_loop(count, step) if what == self.split else self.f.loop(count, step)

    def _rest(self, what: Any) -> Any:
        """What is left after the whole turns of a loop is done by the last part."""
        return self.f.in_last_part() if what == self.split else contextlib.nullcontext()

    def _batch(self, depth: int, a: str, b: str, c: str) -> None:
        f, d = self.f, self.dtype
        if depth < len(self.sizes):
            with self._loop(depth, self.sizes[depth]) as i:
                moved = [f.at(p, i, s[depth], d) for p, s in zip((a, b, c), self.strides, strict=True)]
                self._batch(depth + 1, *moved)
            return
        for start in range(0, self.k, self.block):
            depth_now = self.depth if self.block == self.k else min(self.block, self.k - start)
            whole = self.m // self.panel * self.panel
            if whole:
                with self._loop("panels", whole, self.panel) as j:
                    self._panel(j, self.panel, start, depth_now, a, b, c)
            if self.m > whole:
                with self._rest("panels"):
                    self._panel(whole, self.m - whole, start, depth_now, a, b, c)

    def _panel(self, j: Any, width: int, start: int, depth: Any, a: str, b: str, c: str) -> None:
        """All rows of C for some of its columns, over one block of k."""
        f, d = self.f, self.dtype
        vectors = -(-width // f.lanes)
        b, c, row = f.at(f.at(b, start, self.bk, d), j, self.bm, d), f.at(c, j, 1, d), self.bk
        if self.packs:
            if self.bm == 1:
                f.called(pack_rows(d, f.lanes, self.panel, width), PACK, [depth, self.bk, 1, b, "%private"])
            elif self.bk == 1:
                f.called(pack_columns(d, f.lanes, self.panel, width), PACK, [depth, 1, self.bm, b, "%private"])
            else:
                f.called(pack_any(d, f.lanes, self.panel, width), PACK, [depth, self.bk, self.bm, b, "%private"])
            b, row = "%private", self.panel

        def rows(i: Any, count: int) -> None:
            left = f.at(f.at(a, i, self.an, d), start, self.ak, d)
            function = tile(d, f.lanes, count, vectors, width, self.adds or start > 0, self.packs)
            f.called(function, TILE, [depth, left, self.an, self.ak, b, row, f.at(c, i, self.cn, d), self.cn])

        with self._loop("rows", self.whole, self.rows) as i:
            rows(i, self.rows)
        if self.n % self.rows:
            with self._rest("rows"):
                rows(self.whole, self.n % self.rows)


def _merged_batch(sizes: list[int], strides: list[list[int]]) -> tuple[list[int], list[list[int]]]:
    i = len(sizes) - 2
    while i >= 0:
        if all([s[i] == s[i + 1] * sizes[i + 1] for s in strides]):
            sizes[i : i + 2] = [sizes[i] * sizes[i + 1]]
            for s in strides:
                del s[i]
        i -= 1
    return sizes, strides


def _tile_width(vectors: int, vector_bytes: int) -> tuple[int, int]:
    """How many vectors wide a tile is, and how many rows its sums leave registers for (32 of 64 bytes, 16 of fewer)."""
    if vector_bytes == 64:
        wide = 4 if vectors % 4 == 0 or vectors > 6 else 3 if vectors in (3, 6) else min(2, vectors)
        return wide, {1: 14, 2: 12, 3: 8, 4: 6}[wide]
    wide = min(2, vectors)
    return wide, {1: 10, 2: 6}[wide]


TILE = ("i64", "ptr", "i64", "i64", "ptr", "i64", "ptr", "i64")
PACK = ("i64", "i64", "i64", "ptr", "ptr")


@cache
def tile(d: np.dtype, lanes: int, rows: int, vectors: int, width: int, adds: bool, padded: bool) -> Function:
    """c[:rows, :width] (+)= a[:rows, :depth] @ b[:depth, :width], the sums in registers."""
    name = f"tile_{rows}_{width}_{'add' if adds else 'set'}{'_padded' if padded else ''}"
    arguments = ["i64 %depth", "ptr %a", "i64 %a_row", "i64 %a_k", "ptr %b", "i64 %b_k", "ptr %c", "i64 %c_row"]
    f = Function(name, arguments, lanes, attributes="noinline")
    sums = [[f.local(f.splat(0, d), d) for _ in range(vectors)] for _ in range(rows)]
    a = [f.at("%a", f.times("%a_row", r), 1, d) for r in range(rows)]
    with f.loop("%depth") as q:
        step, b = f.times(q, "%a_k"), f.at("%b", q, "%b_k", d)
        right = [f.load(f.at(b, j * lanes, 1, d), d, None if padded else width - j * lanes) for j in range(vectors)]
        for r in range(rows):
            left = f.load_scalar(f.at(a[r], step, 1, d), d)
            for j in range(vectors):
                f.put(sums[r][j], f.fma(left, right[j], f.get(sums[r][j], d), d), d)
    for r in range(rows):
        row = f.at("%c", f.times("%c_row", r), 1, d)
        for j in range(vectors):
            x, p, n = f.get(sums[r][j], d), f.at(row, j * lanes, 1, d), width - j * lanes
            f.store(f.binary("fadd", x, f.load(p, d, n), d) if adds else x, p, d, n)
    f.do("ret void")
    return f


@cache
def pack_rows(d: np.dtype, lanes: int, panel: int, width: int) -> Function:
    """to[q, :width] = b[q, :width] for rows of b that are contiguous."""
    f = _pack(f"pack_rows_{panel}_{width}", lanes)
    with f.loop("%depth") as q:
        source, to = f.at("%b", q, "%bk", d), f.at("%to", q, panel, d)
        for j in range(0, width, lanes):
            f.store(f.load(f.at(source, j, 1, d), d, width - j), f.at(to, j, 1, d), d)
    f.do("ret void")
    return f


@cache
def pack_columns(d: np.dtype, lanes: int, panel: int, width: int) -> Function:
    """to[q, :width] = b[q, :width] for columns of b that are contiguous: squares are transposed in registers."""
    f = _pack(f"pack_columns_{panel}_{width}", lanes)
    blocks = f.let(f"and i64 %depth, {-lanes}")
    columns = [f.at("%b", f.times("%bm", j), 1, d) for j in range(width)]
    with f.loop(blocks, lanes) as q:
        for j in range(0, width, lanes):
            rows = [f.load(f.at(columns[j + r], q, 1, d), d) if j + r < width else f.splat(0, d) for r in range(lanes)]
            to = f.at("%to", q, panel, d)
            for r, x in enumerate(transposed(f, rows, d)):
                f.store(x, f.at(to, r * panel + j, 1, d), d)
    with f.loop("%depth", 1, blocks) as q:
        _copy_row(f, d, q, [f.at(p, q, 1, d) for p in columns], panel)
    f.do("ret void")
    return f


@cache
def pack_any(d: np.dtype, lanes: int, panel: int, width: int) -> Function:
    f = _pack(f"pack_any_{panel}_{width}", lanes)
    with f.loop("%depth") as q:
        source = f.at("%b", q, "%bk", d)
        _copy_row(f, d, q, [f.at(source, f.times("%bm", j), 1, d) for j in range(width)], panel)
    f.do("ret void")
    return f


def _pack(name: str, lanes: int) -> Function:
    return Function(name, ["i64 %depth", "i64 %bk", "i64 %bm", "ptr %b", "ptr %to"], lanes, attributes="noinline")


def _copy_row(f: Function, d: np.dtype, q: Any, sources: Sequence[str], panel: int) -> None:
    from .text import scalar_type

    to, s = f.at("%to", q, panel, d), scalar_type(d)
    for j, p in enumerate(sources):
        f.do(
            f"store {s} {f.let(f'load {s}, ptr {p}, align {d.itemsize}')}, ptr {f.at(to, j, 1, d)}, align {d.itemsize}"
        )


def transposed(f: Function, rows: Sequence[str], d: np.dtype) -> list[str]:
    """A square of registers transposed, in rounds of two-input shuffles."""
    rows, t, half = list(rows), f.type(d), 1
    while half < f.lanes:
        for r in range(f.lanes):
            if r & half:
                continue
            low = [i if not i & half else f.lanes + i - half for i in range(f.lanes)]
            high = [i + half if not i & half else f.lanes + i for i in range(f.lanes)]
            x, y = rows[r], rows[r + half]
            for place, mask in ((r, low), (r + half, high)):
                lanes = ", ".join(f"i32 {i}" for i in mask)
                rows[place] = f.let(f"shufflevector {t} {x}, {t} {y}, <{f.lanes} x i32> <{lanes}>")
        half *= 2
    return rows
