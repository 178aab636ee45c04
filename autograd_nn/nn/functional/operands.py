"""What functions of a weight demand of their input: the same floating dtype.

A silent promotion of one float64 batch would double the time and memory of everything behind it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...engine.modes import current
from ...engine.tensor import Tensor


def same_dtype(name: str, x: Any, weight: Any) -> Any:
    """x as a Tensor or array; TypeError unless it has the weight's dtype."""
    if not isinstance(x, (Tensor, np.ndarray)):
        x = np.asarray(x, None if hasattr(x, "dtype") else weight.dtype)
    if x.dtype != weight.dtype:
        fix = f"pass x.astype({weight.dtype.name!r})"
        if x.dtype.kind == "f":
            fix += f", or give the model the input's dtype with model.astype({x.dtype.name!r})"
        scope = current().scope
        where = "" if scope is None else f"\n  in module {scope.path}"
        raise TypeError(f"{name}: the input is {x.dtype} and the weight {weight.dtype}; {fix}{where}")
    return x
