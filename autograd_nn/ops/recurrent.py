r"""Recurrent layers: one layer in one direction, over all time steps, as one operation.

The rows of `x` are the time steps of all sequences, step after step; `sizes` says how many sequences are still running at each
step, longest first (PyTorch's packed sequences). A batch of equal lengths is the case of equal sizes. So a step's rows are a
slice, nothing is computed for a sequence that has ended, and no mask is needed: at step t, the first sizes[t] rows of the
state move on and the others stay as they are, forward and backward in time, and in the derivative.

    rnn    h' = f(z)                                 z = W_ih x + b_ih + W_hh h + b_hh, f = tanh or relu
    lstm   c' = f c + i g,  h' = W_hr (o tanh(c'))   i, f, g, o of the quarters of such a z: logistic, but g tanh
    gru    h' = n + u (h - n)                        r, u likewise logistic; n = tanh(W_in x + b_in + r (W_hn h + b_hn))

Elman, "Finding structure in time" (1990); Hochreiter and Schmidhuber (1997), with the forget gate of Gers et al. (2000) and the
projection of Sak et al., arXiv:1402.1128; Cho et al., arXiv:1406.1078, in the variant that PyTorch and cuDNN compute.

The fast forwards multiply all inputs by W_ih in one product before the first step; the joint rules collect the gradients of z
and multiply them by x and h in one product after the last. Between, a step is one product and one pass over the gates: all
steps in one native call, or in NumPy where there is little to do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import accumulate
from typing import Any

import numpy as np

from ..engine.op import op
from .affine import linear
from .elementwise import relu, sigmoid, tanh
from .products import matmul, multiply_matrices
from .shape import concatenate
from .totals import total

__all__ = ["gru", "lstm", "rnn"]

NATIVE = 1 << 13
"""Gates of a layer from which native code is worth its loading."""

ROOM = 8
"""Rows of a native tile, at most."""


def _native(gates: Any) -> bool:
    return bool(gates.size >= NATIVE and gates.dtype.char in "fd")


def _steps(sizes: tuple[int, ...], reverse: bool) -> Iterator[tuple[slice, int]]:
    """(its rows, how many) of each step in the order of computation."""
    firsts = list(accumulate(sizes, initial=0))
    order = range(len(sizes) - 1, -1, -1) if reverse else range(len(sizes))
    return ((slice(firsts[t], firsts[t + 1]), sizes[t]) for t in order)


def _check(name: str, gates: int, x: Any, h: Any, w_ih: Any, w_hh: Any, sizes: tuple[int, ...], **others: Any) -> None:
    """ValueError for shapes that do not fit, TypeError for dtypes that differ."""
    if w_hh.ndim != 2 or w_hh.shape[0] % gates or w_ih.ndim != 2 or w_ih.shape[0] != w_hh.shape[0]:
        raise ValueError(f"{name}: weights of {w_ih.shape} and {w_hh.shape}; they have {gates} * hidden_size rows each")
    if x.ndim != 2 or x.shape[1] != w_ih.shape[1]:
        raise ValueError(f"{name}: x has shape {x.shape}; it takes rows of {w_ih.shape[1]} features")
    if not sizes or min(sizes) < 0 or list(sizes) != sorted(sizes, reverse=True) or sum(sizes) != x.shape[0]:
        raise ValueError(f"{name}: sizes {sizes} must fall, and sum to the {x.shape[0]} rows of x")
    if h.shape != (sizes[0], w_hh.shape[1]):
        raise ValueError(f"{name}: the state has shape {h.shape}, not (batch, size) = {(sizes[0], w_hh.shape[1])}")
    shapes = {"b_ih": w_hh.shape[:1], "b_hh": w_hh.shape[:1], "c": (sizes[0], w_hh.shape[0] // gates)}
    shapes["w_hr"] = (w_hh.shape[1], w_hh.shape[0] // gates)
    for other, a in others.items():
        if a is not None and a.shape != shapes[other]:
            raise ValueError(f"{name}: {other} has shape {a.shape}, not {shapes[other]}")
    dtypes = {a.dtype for a in (x, h, w_ih, w_hh, *others.values()) if a is not None}
    if len(dtypes) > 1 or x.dtype.kind != "f":
        raise TypeError(f"{name}: all arrays have one floating dtype, not {', '.join(sorted(map(str, dtypes)))}")


def _moved(states: tuple[Any, ...], sizes: tuple[int, ...], reverse: bool, step: Callable[..., Any]) -> Any:
    """The composition of every layer: out, and the states after all steps of ``step(rows, *states) -> states``."""
    outs: list[Any] = []
    for rows, n in _steps(sizes, reverse):
        moved = step(rows, *[s[:n] for s in states])
        outs.append(moved[0])
        states = tuple([m if n == s.shape[0] else concatenate([m, s[n:]]) for m, s in zip(moved, states, strict=True)])
    return concatenate(outs[::-1] if reverse else outs), *states


def _split(z: Any, parts: int) -> list[Any]:
    width = z.shape[1] // parts
    return [z[:, k * width : (k + 1) * width] for k in range(parts)]


def _rows(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """An array (rows, columns) behind whose rows there are ROOM others, which native code may read."""
    return np.empty((shape[0] + ROOM, shape[1]), dtype)[: shape[0]]


def _roomy(a: np.ndarray) -> np.ndarray:
    """A copy with room behind."""
    copy = _rows(a.shape, a.dtype)
    copy[...] = a
    return copy


def _writable(g: Any, like: Any) -> np.ndarray:
    """A copy of a state's cotangent, zeros for None."""
    return _roomy(np.zeros(like.shape, like.dtype) if g is None else g)


def _contiguous(g: Any) -> Any:
    return None if g is None else np.ascontiguousarray(g)


# ---- LSTM ------------------------------------------------------------------------------------------------------------


@op(kind="fused", outputs=("steps", "last_h", "last_c"))
def lstm(x, h, c, w_ih, w_hh, b_ih=None, b_hh=None, w_hr=None, /, sizes=(), reverse=False):
    """A layer of long short-term memory over all steps; the file's docstring has the formulas.

    Shapes: x (sum(sizes), in), h (batch, out), c (batch, hidden), w_ih (4 hidden, in), w_hh (4 hidden, out), b_ih and b_hh
    (4 hidden,), w_hr (out, hidden), or None and out is hidden. Returns out (sum(sizes), out) and the last h and c.
    Raises ValueError for other shapes, TypeError for dtypes that differ.

    >>> x, h, c = ag.ones((6, 3)), ag.zeros((2, 4)), ag.zeros((2, 4))
    >>> out, h, c = ag.lstm(x, h, c, ag.ones((16, 3)), ag.ones((16, 4)), sizes=(2, 2, 2))
    >>> out.shape, h.shape, c.shape
    ((6, 4), (2, 4), (2, 4))
    """
    z = _projected(x, w_ih, b_ih, b_hh)

    def step(rows: slice, h: Any, c: Any) -> Any:
        i, f, g, o = _split(z[rows] + matmul(h, w_hh.mT), 4)
        c = sigmoid(f) * c + sigmoid(i) * tanh(g)
        m = sigmoid(o) * tanh(c)
        return m if w_hr is None else matmul(m, w_hr.mT), c

    return _moved((h, c), sizes, reverse, step)


@lstm.fast(residuals=("gates", "h_before", "c_before", "hidden"))
def _lstm(x, h, c, w_ih, w_hh, b_ih, b_hh, w_hr, sizes, reverse):
    _check("lstm", 4, x, h, w_ih, w_hh, sizes, c=c, b_ih=b_ih, b_hh=b_hh, w_hr=w_hr)
    gates = _projected(x, w_ih, b_ih, b_hh)
    h, c, w = _roomy(h), c.copy(order="C"), w_hh.T
    hidden, c_before, h_before = (
        _rows((len(x), c.shape[1]), x.dtype),
        *(np.empty((len(x), s.shape[1]), x.dtype) for s in (c, h)),
    )
    out = hidden if w_hr is None else np.empty_like(h_before)
    if _native(gates):
        from ..kernels import recurrent as native

        weights = native.packed(w), None if w_hr is None else native.packed(w_hr.T)
        states = h, c, h_before, c_before, hidden, out
        native.run(native.lstm, sizes, reverse, c.shape[1], h.shape[1], gates, *weights, *states)
    else:
        for rows, n in _steps(sizes, reverse):
            h_before[rows], c_before[rows] = h[:n], c[:n]
            z = gates[rows]
            z += np.matmul(h[:n], w)
            i, f, g, o = parts = _split(z, 4)
            for part, activate in zip(parts, (sigmoid, sigmoid, np.tanh, sigmoid), strict=True):
                part[...] = activate(part)
            c[:n] = f * c[:n] + i * g
            hidden[rows] = o * np.tanh(c[:n])
            if w_hr is not None:
                np.matmul(hidden[rows], w_hr.T, out=out[rows])
            h[:n] = out[rows]
    return (out, h, c), (gates, h_before, c_before, hidden)


@lstm.joint_vjp
def _lstm_vjp(g, x, h, c, w_ih, w_hh, b_ih, w_hr, gates, h_before, c_before, hidden, sizes, reverse, wanted):
    g_out, g_h, g_c = g
    dh, dc = _writable(g_h, h), _writable(g_c, c)
    dm = dh if w_hr is None else _rows(dc.shape, dc.dtype)  # of the hidden values before they are projected
    dz, d_out = _rows(gates.shape, gates.dtype), None if w_hr is None else np.empty_like(h_before)
    if _native(gates):
        from ..kernels import recurrent as native

        weights = native.packed(w_hh), None if w_hr is None else native.packed(w_hr)
        arrays = gates, *weights, dh, dc, dm, c_before, _contiguous(g_out), dz, d_out
        native.run(native.lstm_gradient, sizes, not reverse, dc.shape[1], dh.shape[1], *arrays)
    else:
        for rows, n in _steps(sizes, not reverse):
            if g_out is not None:
                dh[:n] += g_out[rows]
            if d_out is not None:
                d_out[rows] = dh[:n]
                np.matmul(dh[:n], w_hr, out=dm[:n])
            (i, f, a, o), (di, df, da, do) = _split(gates[rows], 4), _split(dz[rows], 4)
            before, d, m = c_before[rows], dc[:n], dm[:n]
            t = np.tanh(f * before + i * a)
            d += m * o * (1.0 - t * t)
            di[...] = d * a * (i * (1.0 - i))
            df[...] = d * before * (f * (1.0 - f))
            da[...] = d * i * (1.0 - a * a)
            do[...] = m * t * (o * (1.0 - o))
            d *= f
            np.matmul(dz[rows], w_hh, out=dh[:n])
    dx, *dw = _collected(dz, dz, x, h_before, w_ih, (wanted[0], *wanted[3:7]))
    return dx, dh, dc, *dw, multiply_matrices(d_out.T, hidden) if d_out is not None and wanted[7] else None


def _projected(x: Any, w_ih: Any, b_ih: Any, b_hh: Any) -> Any:
    """All inputs times the input weight, with both biases, which are always summed."""
    return linear(x, w_ih, None if b_ih is None else b_ih + b_hh)


def _collected(dz: Any, dq: Any, x: Any, h_before: Any, w_ih: Any, wanted: Any) -> tuple[Any, ...]:
    """The cotangents of x, w_ih, w_hh, b_ih and b_hh: dz and dq are those of the input's and the state's term."""
    db = total(dz, 0) if wanted[3] else None
    return (
        multiply_matrices(dz, w_ih) if wanted[0] else None,
        multiply_matrices(dz.T, x) if wanted[1] else None,
        multiply_matrices(dq.T, h_before) if wanted[2] else None,
        db,
        None if not wanted[4] else db.copy() if dq is dz and db is not None else total(dq, 0),
    )


# ---- GRU -------------------------------------------------------------------------------------------------------------


@op(kind="fused", outputs=("steps", "last_h"))
def gru(x, h, w_ih, w_hh, b_ih=None, b_hh=None, /, sizes=(), reverse=False):
    """A layer of gated recurrent units over all steps; the file's docstring has the formulas.

    Shapes: x (sum(sizes), in), h (batch, hidden), w_ih (3 hidden, in), w_hh (3 hidden, hidden), b_ih and b_hh (3 hidden,).
    Returns out (sum(sizes), hidden) and the last h. Raises ValueError for other shapes, TypeError for dtypes that differ.

    >>> out, h = ag.gru(ag.ones((6, 3)), ag.zeros((2, 4)), ag.ones((12, 3)), ag.ones((12, 4)), sizes=(2, 2, 2))
    >>> out.shape, h.shape
    ((6, 4), (2, 4))
    """
    z = linear(x, w_ih, b_ih)

    def step(rows: slice, h: Any) -> Any:
        z_reset, z_update, z_new = _split(z[rows], 3)
        q_reset, q_update, q_new = _split(linear(h, w_hh, b_hh), 3)
        new = tanh(z_new + sigmoid(z_reset + q_reset) * q_new)
        return (new + sigmoid(z_update + q_update) * (h - new),)

    return _moved((h,), sizes, reverse, step)


@gru.fast(residuals=("gates", "h_before"))
def _gru(x, h, w_ih, w_hh, b_ih, b_hh, sizes, reverse):
    _check("gru", 3, x, h, w_ih, w_hh, sizes, b_ih=b_ih, b_hh=b_hh)
    h = _roomy(h)
    gates = np.empty((len(x), 4 * h.shape[1]), x.dtype)  # and behind them the state's part of the third
    z = gates[:, : w_ih.shape[0]]
    multiply_matrices(x, w_ih.T, out=z)
    if b_ih is not None:
        z += b_ih
    out, h_before, w = *np.empty((2, len(x), h.shape[1]), x.dtype), w_hh.T
    if _native(gates):
        from ..kernels import recurrent as native

        arrays = gates, native.packed(w), _contiguous(b_hh), h, h_before, out
        native.run(native.gru, sizes, reverse, h.shape[1], h.shape[1], *arrays)
    else:
        for rows, n in _steps(sizes, reverse):
            q = np.matmul(h[:n], w)
            if b_hh is not None:
                q += b_hh
            (r, u, new, last), (q_reset, q_update, q_new) = _split(gates[rows], 4), _split(q, 3)
            r[...] = sigmoid(r + q_reset)
            u[...] = sigmoid(u + q_update)
            last[...] = q_new
            new[...] = np.tanh(new + r * q_new)
            h_before[rows] = h[:n]
            out[rows] = h[:n] = new + u * (h[:n] - new)
    return (out, h), (gates, h_before)


@gru.joint_vjp
def _gru_vjp(g, x, h, w_ih, w_hh, b_ih, b_hh, gates, h_before, sizes, reverse, wanted):
    g_out, g_h = g
    dh, dq = _writable(g_h, h), _rows((len(x), w_ih.shape[0]), x.dtype)
    dz = np.empty_like(dq)
    if _native(gates):
        from ..kernels import recurrent as native

        arrays = gates, native.packed(w_hh), dh, h_before, _contiguous(g_out), dz, dq
        native.run(native.gru_gradient, sizes, not reverse, dh.shape[1], dh.shape[1], *arrays)
    else:
        for rows, n in _steps(sizes, not reverse):
            if g_out is not None:
                dh[:n] += g_out[rows]
            (r, u, new, q), d, before = _split(gates[rows], 4), dh[:n], h_before[rows]
            d_new = d * (1.0 - u) * (1.0 - new * new)
            d_reset, d_update = d_new * q * (r * (1.0 - r)), d * (before - new) * (u * (1.0 - u))
            dz[rows] = np.concatenate([d_reset, d_update, d_new], 1)
            dq[rows] = np.concatenate([d_reset, d_update, d_new * r], 1)
            d *= u
            d += np.matmul(dq[rows], w_hh)
    dx, *dw = _collected(dz, dq, x, h_before, w_ih, (wanted[0], *wanted[2:]))
    return dx, dh, *dw


# ---- the plain network -----------------------------------------------------------------------------------------------


@op(kind="fused", outputs=("steps", "last_h"))
def rnn(x, h, w_ih, w_hh, b_ih=None, b_hh=None, /, nonlinearity="tanh", sizes=(), reverse=False):
    """A layer of a plain recurrent network over all steps; the file's docstring has the formulas.

    Shapes: x (sum(sizes), in), h (batch, hidden), w_ih (hidden, in), w_hh (hidden, hidden), b_ih and b_hh (hidden,).
    `nonlinearity`: ``"tanh"`` (default) or ``"relu"``. Returns out (sum(sizes), hidden) and the last h.
    Raises ValueError for other shapes, TypeError for dtypes that differ.

    >>> out, h = ag.rnn(ag.ones((6, 3)), ag.zeros((2, 4)), ag.ones((4, 3)), ag.ones((4, 4)), sizes=(2, 2, 2))
    >>> out.shape, h.shape
    ((6, 4), (2, 4))
    """
    z = _projected(x, w_ih, b_ih, b_hh)
    f = tanh if nonlinearity == "tanh" else relu
    return _moved((h,), sizes, reverse, lambda rows, h: (f(z[rows] + matmul(h, w_hh.mT)),))


@rnn.fast(residuals=("h_before",))
def _rnn(x, h, w_ih, w_hh, b_ih, b_hh, nonlinearity, sizes, reverse):
    _check("rnn", 1, x, h, w_ih, w_hh, sizes, b_ih=b_ih, b_hh=b_hh)
    if nonlinearity not in ("tanh", "relu"):
        raise ValueError(f"rnn: the nonlinearity {nonlinearity!r} is not 'tanh' or 'relu'")
    out = _projected(x, w_ih, b_ih, b_hh)
    h, h_before, w = _roomy(h), np.empty_like(out), w_hh.T
    if _native(out):
        from ..kernels import recurrent as native

        arrays = out, native.packed(w), h, h_before
        native.run(native.rnn, sizes, reverse, h.shape[1], h.shape[1], *arrays, flag=nonlinearity == "relu")
    else:
        for rows, n in _steps(sizes, reverse):
            z = out[rows]
            h_before[rows] = h[:n]
            z += np.matmul(h[:n], w)
            if nonlinearity == "tanh":
                np.tanh(z, out=z)
            else:
                np.maximum(z, 0.0, out=z)
            h[:n] = z
    return (out, h), (h_before,)


@rnn.joint_vjp
def _rnn_vjp(g, x, h, w_ih, w_hh, b_ih, h_before, steps, nonlinearity, sizes, reverse, wanted):
    g_out, g_h = g
    y = steps
    dh, dz = _writable(g_h, h), _rows(y.shape, y.dtype)
    if _native(y):
        from ..kernels import recurrent as native

        arrays = y, native.packed(w_hh), dh, _contiguous(g_out), dz
        native.run(
            native.rnn_gradient, sizes, not reverse, dh.shape[1], dh.shape[1], *arrays, flag=nonlinearity == "relu"
        )
    else:
        slope = 1.0 - np.square(y) if nonlinearity == "tanh" else y > 0.0
        for rows, n in _steps(sizes, not reverse):
            if g_out is not None:
                dh[:n] += g_out[rows]
            np.multiply(dh[:n], slope[rows], out=dz[rows])
            np.matmul(dz[rows], w_hh, out=dh[:n])
    dx, *dw = _collected(dz, dz, x, h_before, w_ih, (wanted[0], *wanted[2:]))
    return dx, dh, *dw
