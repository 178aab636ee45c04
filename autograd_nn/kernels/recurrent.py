"""Recurrent layers over all their time steps in one native call: products with the state's weight, gates, next step.

A thread takes some sequences of the batch through all steps; sequences do not wait for one another, so threads never meet
before the end. The weight is packed once into panels of two vectors of columns, which the microkernel multiplies by tiles of
ROWS states. A tile may run on into rows behind those of its step, which another thread may be writing: what it makes of them is
never read, but they must exist (`ops.recurrent` leaves room behind its arrays).

A plan says where the rows of each step stand: see `_plan`. Formulas, in the notation of PyTorch's layers: see
`ops.recurrent`, whose NumPy code is the same.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numba import types

from autograd_nn.kernels.build import Kernel, address, inner, intrinsic, kernel
from autograd_nn.kernels.layout import share
from autograd_nn.kernels.microkernel import fma_tile
from autograd_nn.kernels.plan import Plan, ceiling
from autograd_nn.kernels.threads import get_num_threads
from autograd_nn.kernels.transcendental import lanewise, logistic, negative, tanh
from autograd_nn.kernels.vectors import I64, VECTOR_BYTES, WIDE, at, copy_run, fields, given, lanes_of

ROWS = 8 if WIDE else 4
"""States of a tile."""


def _lstm(v: Any, gates: Any, product: Any, cell: Any, cell_before: Any, hidden: Any) -> None:
    z = [v.add(v.load(gates(k)), v.load(product(k))) for k in range(4)]
    i, f, g, o = logistic(v, z[0]), logistic(v, z[1]), tanh(v, z[2]), logistic(v, z[3])
    for k, gate in enumerate((i, f, g, o)):
        v.store(gate, gates(k))
    c = v.load(cell(0))
    v.store(c, cell_before(0))
    c = v.fma(f, c, v.mul(i, g))
    v.store(c, cell(0))
    v.store(v.mul(o, tanh(v, c)), hidden(0))


def _lstm_gradient(v: Any, gates: Any, cell_before: Any, dh: Any, dc: Any, dz: Any) -> None:
    one = v.const(1)
    i, f, g, o = (v.load(gates(k)) for k in range(4))
    c_before, dh_, dc_ = v.load(cell_before(0)), v.load(dh(0)), v.load(dc(0))
    t = tanh(v, v.fma(f, c_before, v.mul(i, g)))
    dc_ = v.fma(v.mul(dh_, o), v.fma(negative(v, t), t, one), dc_)
    v.store(v.mul(v.mul(dc_, g), v.mul(i, v.sub(one, i))), dz(0))
    v.store(v.mul(v.mul(dc_, c_before), v.mul(f, v.sub(one, f))), dz(1))
    v.store(v.mul(v.mul(dc_, i), v.fma(negative(v, g), g, one)), dz(2))
    v.store(v.mul(v.mul(dh_, t), v.mul(o, v.sub(one, o))), dz(3))
    v.store(v.mul(dc_, f), dc(0))


def _gru(v: Any, gates: Any, product: Any, h: Any, h_before: Any, hidden: Any) -> None:
    r = logistic(v, v.add(v.load(gates(0)), v.load(product(0))))
    z = logistic(v, v.add(v.load(gates(1)), v.load(product(1))))
    q = v.load(product(2))
    n = tanh(v, v.fma(r, q, v.load(gates(2))))
    for k, gate in enumerate((r, z, n, q)):
        v.store(gate, gates(k))
    before = v.load(h(0))
    v.store(before, h_before(0))
    after = v.fma(z, v.sub(before, n), n)
    v.store(after, h(0))
    v.store(after, hidden(0))


def _gru_gradient(v: Any, gates: Any, h_before: Any, dh: Any, dz: Any, dq: Any) -> None:
    one = v.const(1)
    r, z, n, q = (v.load(gates(k)) for k in range(4))
    d, before = v.load(dh(0)), v.load(h_before(0))
    dn = v.mul(v.mul(d, v.sub(one, z)), v.fma(negative(v, n), n, one))
    dr = v.mul(v.mul(dn, q), v.mul(r, v.sub(one, r)))
    dupdate = v.mul(v.mul(d, v.sub(before, n)), v.mul(z, v.sub(one, z)))
    for k, gradient in enumerate((dr, dupdate, dn)):
        v.store(gradient, dz(k))
    for k, gradient in enumerate((dr, dupdate, v.mul(dn, r))):
        v.store(gradient, dq(k))
    v.store(v.mul(d, z), dh(0))


def _rnn(v: Any, z: Any, product: Any, *rest: Any) -> None:
    v.store(tanh(v, v.add(v.load(z(0)), v.load(product(0)))), z(0))


def _rnn_relu(v: Any, z: Any, product: Any, *rest: Any) -> None:
    x = v.add(v.load(z(0)), v.load(product(0)))
    v.store(v.b.select(v.b.fcmp_ordered("<=", x, v.const(0)), v.const(0), x), z(0))


def _rnn_gradient(v: Any, y: Any, dh: Any, dz: Any, *rest: Any) -> None:
    y, dh_ = v.load(y(0)), v.load(dh(0))
    v.store(v.mul(dh_, v.fma(negative(v, y), y, v.const(1))), dz(0))


def _rnn_relu_gradient(v: Any, y: Any, dh: Any, dz: Any, *rest: Any) -> None:
    positive = v.b.fcmp_ordered(">", v.load(y(0)), v.const(0))
    v.store(v.b.select(positive, v.load(dh(0)), v.const(0)), dz(0))


def _sum(v: Any, total: Any, term: Any, *rest: Any) -> None:
    v.store(v.add(v.load(total(0)), v.load(term(0))), total(0))


_lstm_vector, _lstm_element = lanewise(_lstm)
_lstm_gradient_vector, _lstm_gradient_element = lanewise(_lstm_gradient)
_gru_vector, _gru_element = lanewise(_gru)
_gru_gradient_vector, _gru_gradient_element = lanewise(_gru_gradient)
_rnn_vector, _rnn_element = lanewise(_rnn)
_rnn_relu_vector, _rnn_relu_element = lanewise(_rnn_relu)
_rnn_gradient_vector, _rnn_gradient_element = lanewise(_rnn_gradient)
_rnn_relu_gradient_vector, _rnn_relu_gradient_element = lanewise(_rnn_relu_gradient)
_sum_vector, _sum_element = lanewise(_sum)


@intrinsic(prefer_literal=True)
def pointers(typingctx, addresses, count, like):
    """The first `count` (a literal) of an array of addresses as pointers of a type; absent arrays are null."""
    n = count.literal_value
    result = types.UniTuple(like, n)

    def codegen(context, builder, signature, args):
        values = [builder.inttoptr(builder.load(builder.gep(args[0], [I64(i)])), args[2].type) for i in range(n)]
        return context.make_tuple(builder, result, values)

    return result(addresses, count, like), codegen


@inner
def times(states, rows, inputs, packed, panels, zero, out, out_width, accumulate):
    """out (+)= states @ the packed matrix, for `rows` rows and what fills the last tile."""
    L = lanes_of(states)
    for p in range(panels):
        panel, target = at(packed, p * inputs * 2 * L), at(out, p * 2 * L)
        for r in range(0, rows, ROWS):
            state, result = at(states, r * inputs), at(target, r * out_width)
            if rows - r > 2:
                fma_tile(ROWS, 1, 1, 2, 1, inputs, state, zero, inputs, 1, panel, zero, 2 * L, L,
                         result, out_width, 0, L, accumulate)  # fmt: skip
            else:
                for i in range(rows - r):
                    fma_tile(1, 1, 1, 2, 1, inputs, at(state, i * inputs), zero, inputs, 1, panel, zero, 2 * L, L,
                             at(result, i * out_width), out_width, 0, L, accumulate)  # fmt: skip


@inner
def add_run(total, term, count):
    """total += term"""
    L = lanes_of(total)
    whole = count - count % L
    for j in range(0, whole, L):
        _sum_vector(at(total, j), at(term, j), total, total, total, 0)
    for j in range(whole, count):
        _sum_element(at(total, j), at(term, j), total, total, total, 0)


@inner
def copy_rows(source, source_width, target, target_width, rows):
    for r in range(rows):
        copy_run(at(source, r * source_width), at(target, r * target_width), target_width)


@inner
def step(plan, index, first, last):
    """(first row, how many) of the sequences from `first` to `last` that run at the index-th step in time's order."""
    (steps, backwards) = fields(plan, 2)
    t = steps - 1 - index if backwards else index
    starts = at(plan, SIZES)
    return starts[t] + first, min(last, starts[t + 1] - starts[t]) - first


# A plan: steps, backwards, batch, width, size, a flag; two zeros, the table of offsets of a product's only step; the first row of
# each step, and one past all.
ZERO, SIZES = 6, 8


@kernel(a=types.int64)
def lstm(plan, a, b, c, d, shared, private, part, parts):
    """gates <- activated; h_before, cell_before, hidden, out of every step; h, cell <- those after the last."""
    (steps, _backwards, batch, width, size, _) = fields(plan, 6)
    (gates, packed, packed_out, h, cell, h_before, cell_before, hidden, out) = pointers(a, 9, private)
    first, last = share(batch, part, parts)
    L, zero = lanes_of(private), at(plan, ZERO)
    panels, out_panels = (4 * width + 2 * L - 1) // (2 * L), (size + 2 * L - 1) // (2 * L)
    whole, stride = width - width % L, panels * 2 * L
    state = at(h, first * size)
    for index in range(steps):
        row, n = step(plan, index, first, last)
        if n <= 0:
            continue
        copy_run(state, at(h_before, row * size), n * size)
        times(state, n, size, packed, panels, zero, private, stride, 0)
        for r in range(n):
            g, p = at(gates, 4 * width * (row + r)), at(private, stride * r)
            carried, before, y = (
                at(cell, width * (first + r)),
                at(cell_before, width * (row + r)),
                at(hidden, width * (row + r)),
            )
            for j in range(0, whole, L):
                _lstm_vector(at(g, j), at(p, j), at(carried, j), at(before, j), at(y, j), width)
            for j in range(whole, width):
                _lstm_element(at(g, j), at(p, j), at(carried, j), at(before, j), at(y, j), width)
        if given(packed_out):
            times(at(hidden, row * width), n, width, packed_out, out_panels, zero, private, stride, 0)
            copy_rows(private, stride, at(out, row * size), size, n)
        copy_run(at(out, row * size), state, n * size)


@kernel(a=types.int64)
def lstm_gradient(plan, a, b, c, d, shared, private, part, parts):
    """dz (of the gates before their activation) and d_out of every step; dh, dc <- those before the first."""
    (steps, _backwards, batch, width, size, _) = fields(plan, 6)
    (gates, packed, packed_out, dh, dc, dm, cell_before, g_out, dz, d_out) = pointers(a, 10, private)
    first, last = share(batch, part, parts)
    L, zero = lanes_of(private), at(plan, ZERO)
    panels, out_panels = (size + 2 * L - 1) // (2 * L), (width + 2 * L - 1) // (2 * L)
    whole, stride = width - width % L, max(panels, out_panels) * 2 * L
    for index in range(steps):
        row, n = step(plan, index, first, last)
        if n <= 0:
            continue
        state, hidden = at(dh, first * size), at(dm, first * width)
        if given(g_out):
            add_run(state, at(g_out, row * size), n * size)
        if given(packed_out):
            copy_run(state, at(d_out, row * size), n * size)
            times(state, n, size, packed_out, out_panels, zero, private, stride, 0)
            copy_rows(private, stride, hidden, width, n)
        for r in range(n):
            g, z, before = (
                at(gates, 4 * width * (row + r)),
                at(dz, 4 * width * (row + r)),
                at(cell_before, width * (row + r)),
            )
            m, carried = at(hidden, width * r), at(dc, width * (first + r))
            for j in range(0, whole, L):
                _lstm_gradient_vector(at(g, j), at(before, j), at(m, j), at(carried, j), at(z, j), width)
            for j in range(whole, width):
                _lstm_gradient_element(at(g, j), at(before, j), at(m, j), at(carried, j), at(z, j), width)
        times(at(dz, 4 * width * row), n, 4 * width, packed, panels, zero, private, stride, 0)
        copy_rows(private, stride, state, size, n)


@kernel(a=types.int64)
def gru(plan, a, b, c, d, shared, private, part, parts):
    """gates <- reset, update, new and the product's third part; h_before, out of every step; h <- that after the last."""
    (steps, _backwards, batch, width, _size, _) = fields(plan, 6)
    (gates, packed, bias, h, h_before, out) = pointers(a, 6, private)
    first, last = share(batch, part, parts)
    L, zero = lanes_of(private), at(plan, ZERO)
    panels = (3 * width + 2 * L - 1) // (2 * L)
    whole, stride = width - width % L, panels * 2 * L
    for index in range(steps):
        row, n = step(plan, index, first, last)
        if n <= 0:
            continue
        biased = 1 if given(bias) else 0
        if biased:
            for r in range(n):
                copy_run(bias, at(private, stride * r), 3 * width)
        times(at(h, first * width), n, width, packed, panels, zero, private, stride, biased)
        for r in range(n):
            g, p, s = at(gates, 4 * width * (row + r)), at(private, stride * r), at(h, width * (first + r))
            before, y = at(h_before, width * (row + r)), at(out, width * (row + r))
            for j in range(0, whole, L):
                _gru_vector(at(g, j), at(p, j), at(s, j), at(before, j), at(y, j), width)
            for j in range(whole, width):
                _gru_element(at(g, j), at(p, j), at(s, j), at(before, j), at(y, j), width)


@kernel(a=types.int64)
def gru_gradient(plan, a, b, c, d, shared, private, part, parts):
    """dz, dq (of both terms of the gates before their activation) of every step; dh <- that before the first."""
    (steps, _backwards, batch, width, _size, _) = fields(plan, 6)
    (gates, packed, dh, h_before, g_out, dz, dq) = pointers(a, 7, private)
    first, last = share(batch, part, parts)
    L, zero = lanes_of(private), at(plan, ZERO)
    panels = (width + 2 * L - 1) // (2 * L)
    whole, stride = width - width % L, panels * 2 * L
    for index in range(steps):
        row, n = step(plan, index, first, last)
        if n <= 0:
            continue
        state = at(dh, first * width)
        if given(g_out):
            add_run(state, at(g_out, row * width), n * width)
        for r in range(n):
            g, z, q = at(gates, 4 * width * (row + r)), at(dz, 3 * width * (row + r)), at(dq, 3 * width * (row + r))
            before, s = at(h_before, width * (row + r)), at(state, width * r)
            for j in range(0, whole, L):
                _gru_gradient_vector(at(g, j), at(before, j), at(s, j), at(z, j), at(q, j), width)
            for j in range(whole, width):
                _gru_gradient_element(at(g, j), at(before, j), at(s, j), at(z, j), at(q, j), width)
        times(at(dq, 3 * width * row), n, 3 * width, packed, panels, zero, private, stride, 0)
        for r in range(n):
            add_run(at(state, width * r), at(private, stride * r), width)


@kernel(a=types.int64)
def rnn(plan, a, b, c, d, shared, private, part, parts):
    """out <- activated; h_before of every step; h <- that after the last."""
    (steps, _backwards, batch, width, _size, rectified) = fields(plan, 6)
    (out, packed, h, h_before) = pointers(a, 4, private)
    first, last = share(batch, part, parts)
    L, zero = lanes_of(private), at(plan, ZERO)
    panels = (width + 2 * L - 1) // (2 * L)
    whole, stride = width - width % L, panels * 2 * L
    state = at(h, first * width)
    for index in range(steps):
        row, n = step(plan, index, first, last)
        if n <= 0:
            continue
        copy_run(state, at(h_before, row * width), n * width)
        times(state, n, width, packed, panels, zero, private, stride, 0)
        for r in range(n):
            z, p = at(out, width * (row + r)), at(private, stride * r)
            if rectified:
                for j in range(0, whole, L):
                    _rnn_relu_vector(at(z, j), at(p, j), z, z, z, 0)
                for j in range(whole, width):
                    _rnn_relu_element(at(z, j), at(p, j), z, z, z, 0)
            else:
                for j in range(0, whole, L):
                    _rnn_vector(at(z, j), at(p, j), z, z, z, 0)
                for j in range(whole, width):
                    _rnn_element(at(z, j), at(p, j), z, z, z, 0)
        copy_run(at(out, row * width), state, n * width)


@kernel(a=types.int64)
def rnn_gradient(plan, a, b, c, d, shared, private, part, parts):
    """dz (before the activation) of every step; dh <- that before the first."""
    (steps, _backwards, batch, width, _size, rectified) = fields(plan, 6)
    (y, packed, dh, g_out, dz) = pointers(a, 5, private)
    first, last = share(batch, part, parts)
    L, zero = lanes_of(private), at(plan, ZERO)
    panels = (width + 2 * L - 1) // (2 * L)
    whole, stride = width - width % L, panels * 2 * L
    state = at(dh, first * width)
    for index in range(steps):
        row, n = step(plan, index, first, last)
        if n <= 0:
            continue
        if given(g_out):
            add_run(state, at(g_out, row * width), n * width)
        whole, count = n * width - n * width % L, n * width
        out, z = at(y, row * width), at(dz, row * width)
        if rectified:
            for j in range(0, whole, L):
                _rnn_relu_gradient_vector(at(out, j), at(state, j), at(z, j), z, z, 0)
            for j in range(whole, count):
                _rnn_relu_gradient_element(at(out, j), at(state, j), at(z, j), z, z, 0)
        else:
            for j in range(0, whole, L):
                _rnn_gradient_vector(at(out, j), at(state, j), at(z, j), z, z, 0)
            for j in range(whole, count):
                _rnn_gradient_element(at(out, j), at(state, j), at(z, j), z, z, 0)
        times(z, n, width, packed, panels, zero, private, stride, 0)
        copy_rows(private, stride, state, width, n)


def packed(w: np.ndarray) -> np.ndarray:
    """A matrix (inputs, outputs) as panels of two vectors of outputs: (panels, inputs, 2 vectors), zeros at the end."""
    (inputs, outputs), width = w.shape, 2 * VECTOR_BYTES // w.itemsize
    panels = ceiling(outputs, width)
    if panels * width != outputs:
        w = np.pad(w, ((0, 0), (0, panels * width - outputs)))
    return np.ascontiguousarray(w.reshape(inputs, panels, width).transpose(1, 0, 2))


@lru_cache(maxsize=256)
def _plan(
    walk: Kernel,
    sizes: tuple[int, ...],
    backwards: bool,
    width: int,
    size: int,
    flag: int,
    dtype: np.dtype,
    threads: int,
):
    """Steps, their direction, sequences, hidden size, size of the state, a flag; the first row of each step, one past all."""
    batch, widest = sizes[0], max(4 * width, size)
    parts = max(1, min(threads, ceiling(batch, ROWS)))
    table = np.array([len(sizes), backwards, batch, width, size, flag, 0, 0, 0, *np.cumsum(sizes)], np.int64)
    rows = ceiling(ceiling(batch, parts), ROWS) * ROWS
    private = rows * (widest + 2 * VECTOR_BYTES) * dtype.itemsize
    return Plan(dtype, table, [(walk, parts)], 0, private, threads)


def run(
    walk: Kernel,
    sizes: tuple[int, ...],
    backwards: bool,
    width: int,
    size: int,
    *arrays: np.ndarray | None,
    flag: bool = False,
) -> None:
    """Take all sequences through all steps. Arrays are contiguous; those that a tile reads have ROWS more rows behind."""
    first = next(a for a in arrays if a is not None)
    addresses = np.array([0 if a is None else address(a) for a in arrays], np.int64)
    plan = _plan(walk, sizes, bool(backwards), width, size, int(flag), first.dtype, get_num_threads())
    plan.run(addresses)
