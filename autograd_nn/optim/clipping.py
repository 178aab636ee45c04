"""Gradient clipping, by the norm of all gradients together and by value.

Decision: the norm is written once, with operators and functions that NumPy arrays and Tensors share: gradients are arrays
when nobody watches, and Tensors where the step is recorded.
"""

from __future__ import annotations

import builtins
import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..engine import modes
from ..engine.memory import cell_of
from ..engine.tensor import Tensor, assign


def _gradients(parameters: Iterable[Tensor] | Tensor) -> list[Tensor]:
    given = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    return [p.grad for p in given if p.grad is not None]


def clip_grad_norm_(
    parameters: Iterable[Tensor] | Tensor, max_norm: float, norm_type: float = 2.0, error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:  # fmt: skip
    r"""Scale all gradients so that their norm, as of one vector, is at most `max_norm`; returns the norm they had, 0-d.

    :math:`g \leftarrow g \min(1, c / (\lVert g \rVert_p + 10^{-6}))`. `norm_type`: p, 2 by default, or infinity. Gradients
    that are None are left out. Raises RuntimeError, before anything is changed, where the norm is not finite and
    `error_if_nonfinite`. Pascanu et al., arXiv:1211.5063, algorithm 1.

    >>> w = ag.tensor([3.0, 4.0], requires_grad=True)
    >>> (w * w).sum().backward()
    >>> norm = ag.optim.clip_grad_norm_([w], max_norm=1.0)
    >>> float(norm), w.grad.numpy().round(4)
    (10.0, array([0.6, 0.8], dtype=float32))
    """
    tensors, p = _gradients(parameters), float(norm_type)
    if not tensors:
        return Tensor._of(np.zeros((), np.float32))
    recorded = modes.current().tracer is not None
    with modes.change(grad=False):
        gradients: list[Any] = [t if recorded else t._memory() for t in tensors]
        total = _norm(gradients, p)
        if error_if_nonfinite and not math.isfinite(float(total)):
            raise RuntimeError(
                f"clip_grad_norm_: the norm of order {p} of the gradients is {float(total)}; ag.detect_nonfinite() finds where "
                f"it arose, error_if_nonfinite=False scales by it"
            )
        scale = np.minimum(max_norm / (total + 1e-6), 1.0)
        if recorded:
            for t in tensors:
                assign(t, t * scale.astype(t.dtype))
            return total.detach()
        if scale != 1.0:
            for t, memory in zip(tensors, gradients, strict=True):
                np.multiply(memory, scale, out=memory, casting="same_kind")
                _written(t)
    return Tensor._of(total)


def _norm(gradients: list[Any], p: float) -> Any:
    if p == math.inf:
        largest = [abs(g).max() for g in gradients if g.size]
        total = largest[0]
        for x in largest[1:]:
            total = np.maximum(total, x)
        return total
    if p == 2.0:
        flat = [g.reshape(-1) for g in gradients]
        return np.sqrt(builtins.sum([g @ g for g in flat]))
    return builtins.sum([(abs(g) ** p).sum() for g in gradients]) ** (1.0 / p)


def clip_grad_value_(parameters: Iterable[Tensor] | Tensor, clip_value: float, foreach: bool | None = None) -> None:
    """Limit every element of the gradients to the interval from -`clip_value` to `clip_value`.

    >>> w = ag.tensor([3.0, -0.25], requires_grad=True)
    >>> (w * w).sum().backward()
    >>> ag.optim.clip_grad_value_([w], 1.0)
    >>> w.grad
    tensor([ 1. , -0.5], dtype=float32)
    """
    limit = float(clip_value)
    recorded = modes.current().tracer is not None
    with modes.change(grad=False):
        for t in _gradients(parameters):
            if recorded:
                assign(t, np.clip(t, -limit, limit))
            else:
                memory = t._memory()
                np.clip(memory, -limit, limit, out=memory)
                _written(t)


def _written(t: Tensor) -> None:
    cell = cell_of(t)
    if cell is not None:
        cell.write()
