"""What functions demand of their input, and how they refuse another: the dtype of the weights, a batch axis, and where it was.

A silent promotion of one float64 batch would double the time and memory of everything behind it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...engine.modes import current
from ...engine.tensor import Tensor, operand
from ...ops import expand_dims


def in_module(error: Exception) -> Exception:
    """The error, to be raised, with the path of the module that is running at the end of its message."""
    scope = current().scope
    return error if scope is None else type(error)(f"{error}\n  in module {scope.path}")


def same_dtype(name: str, x: Any, weight: Any) -> Any:
    """x as a Tensor or array; TypeError unless it has the weight's dtype."""
    if not isinstance(x, (Tensor, np.ndarray)):
        if x is None or isinstance(x, (str, bytes, dict)):
            found = "None; does a forward before it return what it computes?" if x is None else f"a {type(x).__name__}"
            raise refuse(name, f"the input, a Tensor, array or numbers, is {found}", TypeError)
        x = np.asarray(x, None if hasattr(x, "dtype") else weight.dtype)
    if x.dtype != weight.dtype:
        fix = f"pass x.astype({weight.dtype.name!r})"
        if x.dtype.kind == "f":
            fix += f", or give the model the input's dtype with model.astype({x.dtype.name!r})"
        raise in_module(TypeError(f"{name}: the input is {x.dtype} and the weight {weight.dtype}; {fix}"))
    return x


def with_batch(axes: int, compute: Callable[..., Any], x: Any, *arguments: Any) -> Any:
    """compute(x, *arguments), which takes (batch, channels, *space), also of an x without batch: then without one back."""
    x = x if isinstance(x, (Tensor, np.ndarray)) else operand(x, compute.__name__)
    if x.ndim != axes + 1:
        return compute(x, *arguments)
    out = compute(expand_dims(x, 0), *arguments)
    return tuple([part[0] for part in out]) if isinstance(out, tuple) else out[0]


def refuse(name: str, what: str, kind: type[Exception] = ValueError) -> Exception:
    """The exception to raise: what is wrong, in which function, and in which module if one runs."""
    return in_module(kind(f"{name}: {what}"))
