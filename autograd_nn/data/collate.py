"""Collating: a list of items becomes a batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..engine.tensor import Tensor, tensor


def default_collate(items: Sequence[Any]) -> Any:
    """A batch of the items: arrays and Tensors stacked along a new first axis, numbers as a Tensor; tuples, lists and dicts
    part by part; strings as a list.

    Python floats become the default dtype, as in `ag.tensor`. Raises ValueError where shapes, lengths or keys differ.

    >>> default_collate([(1.0, {"label": 3}), (2.0, {"label": 4})])
    (tensor([1., 2.], dtype=float32), {'label': tensor([3, 4], dtype=int64)})
    """
    first = items[0]
    if isinstance(first, (Tensor, np.ndarray, np.generic)):
        arrays = [np.asarray(item._array if isinstance(item, Tensor) else item) for item in items]
        shapes = {a.shape for a in arrays}
        if len(shapes) > 1:
            raise ValueError(
                f"collate: the items of a batch have shapes {', '.join(map(str, sorted(shapes)))}; make them equal, "
                f"or pass a collate_fn that pads them"
            )
        return Tensor._of(np.stack(arrays))
    if isinstance(first, (bool, int, float)):
        return tensor(list(items))
    if isinstance(first, (str, bytes)) or first is None:
        return list(items)
    if isinstance(first, Mapping):
        if any([set(item) != set(first) for item in items]):
            raise ValueError(
                f"collate: the items of a batch have different keys; the first has {sorted(map(str, first))}"
            )
        return {key: default_collate([item[key] for item in items]) for key in first}
    if isinstance(first, (tuple, list)):
        if any([len(item) != len(first) for item in items]):
            raise ValueError(
                f"collate: the items of a batch have lengths {sorted({len(item) for item in items})}; they must be equal"
            )
        parts = [default_collate(list(part)) for part in zip(*items, strict=True)]
        if hasattr(first, "_fields"):
            return type(first)(*parts)
        return tuple(parts) if isinstance(first, tuple) else parts
    raise TypeError(f"collate: cannot make a batch of {type(first).__name__} items; pass a collate_fn that does")
