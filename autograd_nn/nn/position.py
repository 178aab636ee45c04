"""Positions in a sequence, for attention, which does not see any: sinusoidal, learned, and rotary.

PyTorch has no such layers; arguments are named in its manner. All take the sequence along the axis before the features.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from . import functional as F
from . import init
from .functional.operands import refuse
from .functional.position import rotation, sinusoids
from .module import Module
from .parameter import Buffer, empty_parameter

__all__ = ["LearnedPositions", "RotaryPositions", "SinusoidalPositions"]


def _steps(name: str, input: Any, features: int, most: int) -> int:
    """How many steps an input has; ValueError for other features, and for more steps than there are positions."""
    if input.ndim < 2 or input.shape[-1] != features:
        raise refuse(name, f"an input of shape {input.shape}; it takes (..., steps, {features})")
    if input.shape[-2] > most:
        raise refuse(name, f"an input of {input.shape[-2]} steps; there are {most} positions: raise max_len")
    return int(input.shape[-2])


class SinusoidalPositions(Module):
    r"""Adds waves of many lengths: :math:`\sin(p / 10000^{2i/d})` in feature 2 i, and the cosine in 2 i + 1.

    Vaswani et al., arXiv:1706.03762, section 3.5. Shapes: (..., steps, d_model), and the same back; steps at most `max_len`
    (default 5000). `batch_first` (default True): False for (steps, batch, d_model). Nothing is learned.

    >>> nn.SinusoidalPositions(4)(ag.zeros((1, 2, 4))).numpy().round(2)
    array([[[0.  , 1.  , 0.  , 1.  ],
            [0.84, 0.54, 0.01, 1.  ]]], dtype=float32)
    """

    def __init__(
        self, d_model: int, max_len: int = 5000, batch_first: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        self.d_model, self.max_len, self.batch_first = d_model, max_len, batch_first
        table = empty_parameter((max_len, d_model), dtype, device)
        self.table = Buffer(sinusoids(max_len, d_model).astype(table.dtype), persistent=False)

    def extra_repr(self) -> str:
        return f"{self.d_model}, max_len={self.max_len}, batch_first={self.batch_first}"

    def forward(self, input: Any) -> Any:
        return _added(self, input, self.table)


class LearnedPositions(Module):
    """Adds a learned vector for each position; Gehring et al., arXiv:1705.03122.

    Shapes as `SinusoidalPositions`; weight (max_len, d_model). Initialisation: normal with deviation 0.02.

    >>> nn.LearnedPositions(4, max_len=10)(ag.zeros((2, 3, 4))).shape
    (2, 3, 4)
    """

    def __init__(
        self, d_model: int, max_len: int, batch_first: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        self.d_model, self.max_len, self.batch_first = d_model, max_len, batch_first
        self.weight = empty_parameter((max_len, d_model), dtype, device)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the vectors anew."""
        init.normal_(self.weight, std=0.02)

    def extra_repr(self) -> str:
        return f"{self.d_model}, max_len={self.max_len}, batch_first={self.batch_first}"

    def forward(self, input: Any) -> Any:
        return _added(self, input, self.weight)


def _added(module: Any, input: Any, table: Any) -> Any:
    name = type(module).__name__
    if module.batch_first:
        return input + table[: _steps(name, input, module.d_model, module.max_len)]
    if input.ndim != 3:
        raise refuse(
            name, f"an input of shape {input.shape}; without batch_first it takes (steps, batch, {module.d_model})"
        )
    steps = _steps(name, input[:, 0], module.d_model, module.max_len)
    return input + table[:steps, None]


class RotaryPositions(Module):
    r"""Turns pairs of features by angles that grow with the position: `functional.rotate`; Su et al., arXiv:2104.09864.

    For queries and keys, whose products then depend on the distance of their positions only. Shapes: (..., steps, dim), and the
    same back; dim even. `base` (default 10000): of the angles' geometric series; `offset` of a call: the first step's position.
    Raises ValueError for an odd dim, and for more than `max_len` (default 5000) positions.

    >>> turn = nn.RotaryPositions(2)
    >>> turn(ag.tensor([[1.0, 0.0], [1.0, 0.0]])).numpy().round(2)  # by 0 and by 1 radian
    array([[1.  , 0.  ],
           [0.54, 0.84]], dtype=float32)
    """

    def __init__(
        self, dim: int, max_len: int = 5000, base: float = 10000.0, device: Any = None, dtype: Any = None
    ) -> None:
        if dim < 2 or dim % 2:
            raise ValueError(f"RotaryPositions: {dim} features do not make pairs; dim must be even")
        self.dim, self.max_len, self.base = dim, max_len, base
        like = empty_parameter((1,), dtype, device)
        angles = rotation(max_len, dim, base)
        self.cosines = Buffer(np.cos(angles).astype(like.dtype), persistent=False)
        self.sines = Buffer(np.sin(angles).astype(like.dtype), persistent=False)

    def extra_repr(self) -> str:
        return f"{self.dim}, max_len={self.max_len}, base={self.base}"

    def forward(self, input: Any, offset: int = 0) -> Any:
        if offset < 0:
            raise refuse("RotaryPositions", f"the offset {offset} is negative")
        steps = _steps("RotaryPositions", input, self.dim, self.max_len - offset)
        return F.rotate(input, self.cosines[offset : offset + steps], self.sines[offset : offset + steps])
