"""Recurrent layers: RNN, LSTM and GRU over sequences, and their cells for one step.

Each layer and direction is one operation (`ops.recurrent`, which has the formulas). Sequences of different lengths come packed
(`nn.utils.rnn`).
"""

from __future__ import annotations

import itertools
import math
import warnings
from typing import Any

import numpy as np

from ..ops import recurrent as ops
from ..ops.arranging import swapaxes
from ..ops.indexing import take
from ..ops.shape import concatenate, reshape, stack
from . import functional as F
from . import init
from .functional.operands import refuse, same_dtype
from .module import Module
from .parameter import Parameter, empty_parameter
from .utils.rnn import PackedSequence

__all__ = ["GRU", "LSTM", "RNN", "GRUCell", "LSTMCell", "RNNCell", "RNNCellBase"]


class RNNBase(Module):
    """What the layers share: parameters, layers and directions, states, packed and unbatched input."""

    gates = 1
    weight_ih_l0: Parameter

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        name = type(self).__name__
        if hidden_size < 1 or num_layers < 1:
            raise ValueError(f"{name}: hidden_size {hidden_size} and num_layers {num_layers} must be at least 1")
        if not 0.0 <= dropout <= 1.0:
            raise ValueError(f"{name}: the dropout {dropout} is not a probability")
        if not 0 <= proj_size < hidden_size:
            raise ValueError(f"{name}: proj_size {proj_size} must be from 0 to less than hidden_size, {hidden_size}")
        if dropout and num_layers == 1:
            warnings.warn(
                f"{name}: dropout={dropout} drops between layers, and there is one layer: it does nothing", stacklevel=3
            )
        self.input_size, self.hidden_size, self.num_layers, self.bias = input_size, hidden_size, num_layers, bias
        self.batch_first, self.dropout, self.bidirectional = batch_first, float(dropout), bidirectional
        self.proj_size = proj_size
        self.out_size = proj_size or hidden_size
        for layer in range(num_layers):
            fan_in = input_size if layer == 0 else self.out_size * self.directions
            for direction in range(self.directions):
                suffix = f"l{layer}_reverse" if direction else f"l{layer}"
                shapes: dict[str, tuple[int, ...]] = {
                    "weight_ih": (self.gates * hidden_size, fan_in),
                    "weight_hh": (self.gates * hidden_size, self.out_size),
                }
                if bias:
                    shapes |= {"bias_ih": (self.gates * hidden_size,), "bias_hh": (self.gates * hidden_size,)}
                if proj_size:
                    shapes["weight_hr"] = (proj_size, hidden_size)
                for kind, shape in shapes.items():
                    setattr(self, f"{kind}_{suffix}", empty_parameter(shape, dtype, device))
        self.reset_parameters()

    @property
    def directions(self) -> int:
        """2 if bidirectional, else 1."""
        return 2 if self.bidirectional else 1

    @property
    def all_weights(self) -> list[list[Parameter]]:
        """The parameters of each layer and direction."""
        found = []
        for layer, direction in itertools.product(range(self.num_layers), range(self.directions)):
            found.append([w for w in self._weights(layer, direction) if w is not None])
        return found

    def _weights(self, layer: int, direction: int) -> list[Any]:
        suffix = f"l{layer}_reverse" if direction else f"l{layer}"
        kinds = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr")[: 5 if self.proj_size else 4]
        return [getattr(self, f"{kind}_{suffix}", None) for kind in kinds]

    def flatten_parameters(self) -> None:
        """Nothing: there is no device whose memory could be laid out for it."""

    def reset_parameters(self) -> None:
        """Draw the parameters anew."""
        k = 1.0 / math.sqrt(self.hidden_size)
        for p in self.parameters():
            init.uniform_(p, -k, k)

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        defaults = {"proj_size": 0, "num_layers": 1, "bias": True, "batch_first": False, "dropout": 0.0}
        for name, default in {**defaults, "bidirectional": False}.items():
            value = getattr(self, name)
            text += "" if value == default else f", {name}={value}"
        return text

    def _run(self, x: Any, states: list[Any], weights: list[Any], sizes: tuple[int, ...], reverse: bool) -> Any:
        """(out, *states) of one layer in one direction."""
        raise NotImplementedError(f"{type(self).__name__} defines no _run")

    def _computed(self, input: Any, states: Any) -> tuple[Any, tuple[Any, ...]]:
        """The output, and the last states of all layers and directions, in the form that they came in."""
        name = type(self).__name__
        packed = input if isinstance(input, PackedSequence) else None
        x = same_dtype(name, input if packed is None else packed.data, self.weight_ih_l0)
        batched = packed is not None or x.ndim == 3
        if x.ndim != (2 if packed is not None or not batched else 3) or x.shape[-1] != self.input_size:
            order = "(batch, steps" if self.batch_first else "(steps, batch"
            raise refuse(
                name, f"an input of shape {x.shape}; it takes {order}, {self.input_size}), or without the batch axis"
            )
        if packed is not None:
            sizes = tuple(np.asarray(packed.batch_sizes).tolist())
        elif not batched:
            sizes = (1,) * x.shape[0]
        else:
            if self.batch_first:
                x = swapaxes(x, 0, 1)
            steps, batch = x.shape[:2]
            sizes = (batch,) * steps
            x = reshape(x, (steps * batch, self.input_size))
        if not sizes:
            raise refuse(name, f"an input of shape {input.shape} has no steps")
        rows = [
            self._first(s, width, sizes[0], batched, packed) for s, width in zip(states, self._widths(), strict=True)
        ]
        ends: list[list[Any]] = [[] for _ in rows]
        for layer in range(self.num_layers):
            outs = []
            for direction in range(self.directions):
                k = layer * self.directions + direction
                out, *last = self._run(x, [s[k] for s in rows], self._weights(layer, direction), sizes, direction == 1)
                outs.append(out)
                for end, s in zip(ends, last, strict=True):
                    end.append(s)
            x = outs[0] if len(outs) == 1 else concatenate(outs, 1)
            if layer + 1 < self.num_layers:
                x = F.dropout(x, self.dropout, self.training)
        finals = [stack(end) if len(end) > 1 else reshape(end[0], (1, *end[0].shape)) for end in ends]
        if packed is not None:
            if packed.unsorted_indices is not None:
                finals = [take(s, packed.unsorted_indices, 1) for s in finals]
            return PackedSequence(x, *packed[1:]), tuple(finals)
        if not batched:
            return x, tuple([s[:, 0] for s in finals])
        x = reshape(x, (steps, batch, x.shape[1]))
        return swapaxes(x, 0, 1) if self.batch_first else x, tuple(finals)

    def _widths(self) -> tuple[int, ...]:
        return (self.out_size,)

    def _first(self, state: Any, width: int, batch: int, batched: bool, packed: PackedSequence | None) -> Any:
        """The first state of every layer and direction, (layers, batch, width), in the order of the batch."""
        count, name = self.num_layers * self.directions, type(self).__name__
        if state is None:
            return np.zeros((count, batch, width), self.weight_ih_l0.dtype)
        state = same_dtype(name, state, self.weight_ih_l0)
        expected = (count, batch, width) if batched else (count, width)
        if state.shape != expected:
            raise refuse(name, f"a state of shape {state.shape}; it takes {expected}, layers and directions first")
        if not batched:
            return reshape(state, (count, 1, width))
        if packed is not None and packed.sorted_indices is not None:
            return take(state, packed.sorted_indices, 1)
        return state


class RNN(RNNBase):
    r"""A plain recurrent network: :math:`h_t = f(W_{ih} x_t + b_{ih} + W_{hh} h_{t-1} + b_{hh})`; Elman (1990).

    `nonlinearity`: ``"tanh"`` (default) or ``"relu"``; the rest, the shapes and the initialisation as `LSTM` says, whose cell
    state is missing here: it takes ``(input, h_0)`` and returns ``(output, h_n)``.

    >>> out, h = nn.RNN(3, 4)(ag.ones((5, 2, 3)))
    >>> out.shape, h.shape
    ((5, 2, 4), (1, 2, 4))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"RNN: the nonlinearity {nonlinearity!r} is not 'tanh' or 'relu'")
        self.nonlinearity = nonlinearity
        super().__init__(
            input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, 0, device, dtype
        )

    def _run(self, x: Any, states: list[Any], weights: list[Any], sizes: tuple[int, ...], reverse: bool) -> Any:
        return ops.rnn(x, *states, *weights, nonlinearity=self.nonlinearity, sizes=sizes, reverse=reverse)

    def forward(self, input: Any, hx: Any = None) -> Any:
        out, (h,) = self._computed(input, (hx,))
        return out, h


class LSTM(RNNBase):
    r"""Long short-term memory; Hochreiter and Schmidhuber (1997).

    .. math::
        i_t, f_t, g_t, o_t &= \sigma, \sigma, \tanh, \sigma \text{ of the quarters of }
            W_{ih} x_t + b_{ih} + W_{hh} h_{t-1} + b_{hh} \\
        c_t &= f_t \odot c_{t-1} + i_t \odot g_t \\
        h_t &= o_t \odot \tanh(c_t)

    `num_layers` (default 1) stacks layers, with dropout of probability `dropout` (default 0) between them in training;
    `bidirectional` adds to each a layer that reads backwards, and joins the outputs; `proj_size` (default 0: none) multiplies
    each h by a matrix, arXiv:1402.1128.
    Shapes: input (steps, batch, input_size), (batch, steps, input_size) if `batch_first`, (steps, input_size), or a
    `nn.utils.rnn.PackedSequence`; h_0 and c_0 (default zeros) (layers * directions, batch, size). It takes
    ``(input, (h_0, c_0))`` and returns ``(output, (h_n, c_n))``, output of the last layer with directions * size features.
    Initialisation: uniform on (-k, k), ``k = 1 / sqrt(hidden_size)``. Raises ValueError for other shapes.

    >>> out, (h, c) = nn.LSTM(3, 4, num_layers=2, bidirectional=True)(ag.ones((5, 2, 3)))
    >>> out.shape, h.shape, c.shape
    ((5, 2, 8), (4, 2, 4), (4, 2, 4))
    """

    gates = 4

    def _widths(self) -> tuple[int, ...]:
        return self.out_size, self.hidden_size

    def _run(self, x: Any, states: list[Any], weights: list[Any], sizes: tuple[int, ...], reverse: bool) -> Any:
        return ops.lstm(x, *states, *weights, sizes=sizes, reverse=reverse)

    def forward(self, input: Any, hx: Any = None) -> Any:
        return self._computed(input, (None, None) if hx is None else hx)


class GRU(RNNBase):
    r"""Gated recurrent units; Cho et al., arXiv:1406.1078.

    .. math::
        r_t, z_t &= \sigma(W_{ir} x_t + b_{ir} + W_{hr} h_{t-1} + b_{hr}), \text{ and likewise for } z \\
        n_t &= \tanh(W_{in} x_t + b_{in} + r_t \odot (W_{hn} h_{t-1} + b_{hn})) \\
        h_t &= (1 - z_t) \odot n_t + z_t \odot h_{t-1}

    Arguments, shapes and initialisation as `LSTM` says, whose cell state is missing here: it takes ``(input, h_0)`` and returns
    ``(output, h_n)``.

    >>> out, h = nn.GRU(3, 4)(ag.ones((5, 2, 3)))
    >>> out.shape, h.shape
    ((5, 2, 4), (1, 2, 4))
    """

    gates = 3

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, 0, device, dtype
        )

    def _run(self, x: Any, states: list[Any], weights: list[Any], sizes: tuple[int, ...], reverse: bool) -> Any:
        return ops.gru(x, *states, *weights, sizes=sizes, reverse=reverse)

    def forward(self, input: Any, hx: Any = None) -> Any:
        out, (h,) = self._computed(input, (hx,))
        return out, h


class RNNCellBase(Module):
    """What the cells share: their parameters, and how their arguments become rows."""

    gates = 1
    states = 1

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        self.input_size, self.hidden_size, self.bias = input_size, hidden_size, bias
        rows = self.gates * hidden_size
        self.weight_ih = empty_parameter((rows, input_size), dtype, device)
        self.weight_hh = empty_parameter((rows, hidden_size), dtype, device)
        self.bias_ih: Parameter | None = empty_parameter((rows,), dtype, device) if bias else None
        self.bias_hh: Parameter | None = empty_parameter((rows,), dtype, device) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the parameters anew."""
        k = 1.0 / math.sqrt(max(1, self.hidden_size))
        for p in self.parameters():
            init.uniform_(p, -k, k)

    def extra_repr(self) -> str:
        return f"{self.input_size}, {self.hidden_size}" + ("" if self.bias else ", bias=False")

    def _moved(self, operation: Any, input: Any, states: Any, **params: Any) -> list[Any]:
        """The states after one step, with a batch axis if the input has one."""
        name = type(self).__name__
        weights = (self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)
        x = same_dtype(name, input, weights[0])
        if x.ndim not in (1, 2) or x.shape[-1] != self.input_size:
            raise refuse(
                name, f"an input of shape {x.shape}; it takes (batch, {self.input_size}) or ({self.input_size},)"
            )
        shape = (*x.shape[:-1], self.hidden_size)
        rows = []
        for state in (None,) * self.states if states is None else states:
            state = np.zeros(shape, x.dtype) if state is None else same_dtype(name, state, weights[1])
            if state.shape != shape:
                raise refuse(name, f"a state of shape {state.shape} for an input of {x.shape}; it takes {shape}")
            rows.append(reshape(state, (-1, self.hidden_size)))
        x = reshape(x, (-1, self.input_size))
        _, *moved = operation(x, *rows, *weights, sizes=(x.shape[0],), **params)
        return [reshape(s, shape) for s in moved]


class RNNCell(RNNCellBase):
    """One step of `RNN`: takes ``(input, h)`` and returns h; shapes (batch, size) or (size,).

    >>> nn.RNNCell(3, 4)(ag.ones((2, 3))).shape
    (2, 4)
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"RNNCell: the nonlinearity {nonlinearity!r} is not 'tanh' or 'relu'")
        self.nonlinearity = nonlinearity
        super().__init__(input_size, hidden_size, bias, device, dtype)

    def extra_repr(self) -> str:
        return super().extra_repr() + ("" if self.nonlinearity == "tanh" else f", nonlinearity={self.nonlinearity}")

    def forward(self, input: Any, hx: Any = None) -> Any:
        return self._moved(ops.rnn, input, None if hx is None else (hx,), nonlinearity=self.nonlinearity)[0]


class LSTMCell(RNNCellBase):
    """One step of `LSTM`: takes ``(input, (h, c))`` and returns ``(h, c)``; shapes (batch, size) or (size,).

    >>> h, c = nn.LSTMCell(3, 4)(ag.ones((2, 3)))
    >>> h.shape, c.shape
    ((2, 4), (2, 4))
    """

    gates = 4
    states = 2

    def forward(self, input: Any, hx: Any = None) -> Any:
        return tuple(self._moved(ops.lstm, input, hx))


class GRUCell(RNNCellBase):
    """One step of `GRU`: takes ``(input, h)`` and returns h; shapes (batch, size) or (size,).

    >>> nn.GRUCell(3, 4)(ag.ones((2, 3))).shape
    (2, 4)
    """

    gates = 3

    def forward(self, input: Any, hx: Any = None) -> Any:
        return self._moved(ops.gru, input, None if hx is None else (hx,))[0]
