"""Emitting gathers and scatters of rows: `take_rows` copies the rows that indices name, `add_rows` adds rows to them.

Indices are int64, contiguous and within range (further operands are the checks that have seen to that); a row is one run of
memory. Rows are added one after the other, so an index that repeats adds up, and always in the same order: what threads share
is the rows of the table.
"""

from __future__ import annotations

import contextlib
import itertools
import math
from typing import Any

import numpy as np

from .access import access, is_flat
from .loops import Kernel
from .primitives import apply
from .program import Value
from .text import I64, KERNEL_ARGUMENTS, Function

FILLED = 8
"""Zeros that are written in the time of one addition of an element."""


def emit_take_rows(v: Value, vector_bytes: int) -> Kernel:
    """out[i] = x[indices[i]] for x (n, ...)."""
    return _emit(v, vector_bytes, adds=False)


def emit_add_rows(v: Value, vector_bytes: int) -> Kernel:
    """out = 0; out[indices[i]] += part[i], for out (n, ...)."""
    return _emit(v, vector_bytes, adds=True)


def is_run(v: Value, leading: int) -> bool:
    """Whether each of v's rows, what stands behind its leading axes, is one run, and the rows are evenly spaced."""
    _, _, strides = access(v)
    head = [(n, s) for n, s in zip(v.shape[:leading], strides[:leading], strict=True) if n > 1]
    even = all([s == t * m for (_, s), (m, t) in itertools.pairwise(head)])
    return even and is_flat(v.shape[leading:], strides[leading:])


def row_stride(v: Value, leading: int) -> int:
    _, _, strides = access(v)
    spaced = [s for n, s in zip(v.shape[:leading], strides[:leading], strict=True) if n > 1]
    return spaced[-1] if spaced else 0


def _emit(v: Value, vector_bytes: int, adds: bool) -> Kernel:
    x, indices, *_ = v.inputs
    d, table, rows = v.dtype, (v if adds else x), (x if adds else v)
    leading = len(indices.shape)
    width, turns = math.prod(table.shape[1:]), indices.size
    lanes = max(vector_bytes // d.itemsize, 1)
    while lanes > 1 and lanes >= 2 * width:
        lanes //= 2
    f = Function("NAME", KERNEL_ARGUMENTS, lanes)
    p_table, p_indices, p_rows = [f.pointer_argument(k) for k in range(3)]
    count = f.number_argument(3)
    apart, between = row_stride(table, 1) if len(table.shape) else 1, row_stride(rows, leading)
    first = last = None
    if adds:  # each part has rows of the table, and looks at every index for its own
        first, last = f.share(f.number_argument(4))
        _fill(f, f.at(p_table, first, width, d), f.times(f.let(f"sub i64 {last}, {first}"), width), d)
    with f.loop(count) if adds else f.shared_loop(count) as i:
        row = f.let(f"load i64, ptr {f.at(p_indices, i, 1, I64)}, align 8")
        outside, inside = f.at(p_rows, i, between, d), f.at(p_table, row, apart, d)
        with f.loop(_is_between(f, row, first, last)) if adds else contextlib.nullcontext():
            whole = width // lanes * lanes
            if whole:
                with f.loop(whole, lanes) as j:
                    _move(f, f.at(inside, j, 1, d), f.at(outside, j, 1, d), d, lanes, adds)
            if width > whole:
                _move(f, f.at(inside, whole, 1, d), f.at(outside, whole, 1, d), d, width - whole, adds)
    f.do("ret void")
    (xr, xo, _), (ir, io, _) = access(x), access(indices)
    if adds:
        table_rows, work = table.shape[0], turns * width + v.size // FILLED
        return Kernel(f.text(), [(v, 0), (ir, io), (xr, xo)], turns=table_rows, work=work, numbers=(turns, table_rows))
    return Kernel(f.text(), [(xr, xo), (ir, io), (v, 0)], turns=turns, work=turns * width, numbers=(turns,))


def _is_between(f: Function, row: str, first: Any, last: Any) -> str:
    """1 for a row of this part's, 0 for another's."""
    own = f.let(f"icmp ult i64 {f.let(f'sub i64 {row}, {first}')}, {f.let(f'sub i64 {last}, {first}')}")
    return f.let(f"zext i1 {own} to i64")


def _move(f: Function, inside: str, outside: str, d: np.dtype, n: int, adds: bool) -> None:
    if adds:
        f.store(apply(f, "add", [f.load(inside, d, n), f.load(outside, d, n)], d, d), inside, d, n)
    else:
        f.store(f.load(inside, d, n), outside, d, n)


def _fill(f: Function, p: str, size: str, d: np.dtype) -> None:
    """Zeros into so many elements."""
    zero, rest = f.splat(0, d), f.let(f"urem i64 {size}, {f.lanes}")
    whole = f.let(f"sub i64 {size}, {rest}")
    with f.loop(whole, f.lanes) as j:
        f.store(zero, f.at(p, j, 1, d), d)
    if f.lanes > 1:
        with f.loop(f.smaller(rest, 1)):
            f.store(zero, f.at(p, whole, 1, d), d, f.first_lanes(rest))
