"""Recurrent layers: what a step of an LSTM, a GRU or a plain network does between its products, in one pass over memory.

A kernel does one time step for all sequences of a batch that are still running. Its plan says where the rows of each step
stand: `width` (the hidden size), then the first row of step 0, 1, ... and one past the last. `part` is the step.
Formulas, in the notation of PyTorch's layers: see `ops.recurrent`, whose NumPy code is the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autograd_nn.kernels.build import Kernel, kernel
from autograd_nn.kernels.transcendental import lanewise, logistic, negative, tanh
from autograd_nn.kernels.vectors import at, lanes_of


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


_lstm_vector, _lstm_element = lanewise(_lstm)
_lstm_gradient_vector, _lstm_gradient_element = lanewise(_lstm_gradient)
_gru_vector, _gru_element = lanewise(_gru)
_gru_gradient_vector, _gru_gradient_element = lanewise(_gru_gradient)


@kernel()
def lstm(plan, gates, product, cell, cell_before, hidden, private, part, parts):
    """gates <- the activated gates of gates + product; cell_before <- cell; cell, hidden <- those after the step."""
    width, first, last = plan[0], plan[1 + part], plan[2 + part]
    lanes = lanes_of(gates)
    whole = width - width % lanes
    for row in range(first, last):
        g, p, c = at(gates, 4 * width * row), at(product, 4 * width * (row - first)), at(cell, width * (row - first))
        b, h = at(cell_before, width * row), at(hidden, width * row)
        for j in range(0, whole, lanes):
            _lstm_vector(at(g, j), at(p, j), at(c, j), at(b, j), at(h, j), width)
        for j in range(whole, width):
            _lstm_element(at(g, j), at(p, j), at(c, j), at(b, j), at(h, j), width)


@kernel()
def lstm_gradient(plan, gates, cell_before, dh, dc, dz, private, part, parts):
    """dz <- the gradient of the gates before their activation; dc <- that of the cell before the step."""
    width, first, last = plan[0], plan[1 + part], plan[2 + part]
    lanes = lanes_of(gates)
    whole = width - width % lanes
    for row in range(first, last):
        g, z, b = at(gates, 4 * width * row), at(dz, 4 * width * row), at(cell_before, width * row)
        h, c = at(dh, width * (row - first)), at(dc, width * (row - first))
        for j in range(0, whole, lanes):
            _lstm_gradient_vector(at(g, j), at(b, j), at(h, j), at(c, j), at(z, j), width)
        for j in range(whole, width):
            _lstm_gradient_element(at(g, j), at(b, j), at(h, j), at(c, j), at(z, j), width)


@kernel()
def gru(plan, gates, product, h, h_before, hidden, private, part, parts):
    """gates <- reset, update, new and the product's third part; h_before <- h; h, hidden <- the state after the step."""
    width, first, last = plan[0], plan[1 + part], plan[2 + part]
    lanes = lanes_of(gates)
    whole = width - width % lanes
    for row in range(first, last):
        g, p, s = at(gates, 4 * width * row), at(product, 3 * width * (row - first)), at(h, width * (row - first))
        b, o = at(h_before, width * row), at(hidden, width * row)
        for j in range(0, whole, lanes):
            _gru_vector(at(g, j), at(p, j), at(s, j), at(b, j), at(o, j), width)
        for j in range(whole, width):
            _gru_element(at(g, j), at(p, j), at(s, j), at(b, j), at(o, j), width)


@kernel()
def gru_gradient(plan, gates, h_before, dh, dz, dq, private, part, parts):
    """dz, dq <- the gradients of both terms of the gates before their activation; dh <- what passes the step unchanged."""
    width, first, last = plan[0], plan[1 + part], plan[2 + part]
    lanes = lanes_of(gates)
    whole = width - width % lanes
    for row in range(first, last):
        g, z, q = at(gates, 4 * width * row), at(dz, 3 * width * row), at(dq, 3 * width * row)
        b, h = at(h_before, width * row), at(dh, width * (row - first))
        for j in range(0, whole, lanes):
            _gru_gradient_vector(at(g, j), at(b, j), at(h, j), at(z, j), at(q, j), width)
        for j in range(whole, width):
            _gru_gradient_element(at(g, j), at(b, j), at(h, j), at(z, j), at(q, j), width)


def stepper(step: Kernel, plan: np.ndarray, *arrays: np.ndarray) -> Callable[[int], None]:
    """A function of the time step that runs a kernel on five contiguous arrays, which the caller keeps alive."""
    run = step.entry(arrays[0].dtype)
    addresses = [a.ctypes.data for a in (plan, *arrays)]
    return lambda t: run(*addresses, 0, t, 1)
