"""`ParameterGroup`: parameters with hyperparameters of their own, which read and write as numbers and are held as Tensors.

Decision: every floating hyperparameter is a 0-d float64 Tensor, not only the learning rate. A recorded step reads them as states,
so a schedule may change any of them and the record stays the program of every step. Bools, ints, strings and None choose *what*
is computed and are plain values.
"""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import Any

import numpy as np

from ..engine import modes
from ..engine.tensor import Tensor, assign


class ParameterGroup(MutableMapping[str, Any]):
    """A mapping as PyTorch's group: ``group["params"]`` a list of Tensors, ``group["lr"]`` a number, and so on.

    >>> w = ag.tensor([1.0], requires_grad=True)
    >>> group = ag.optim.SGD([w], lr=0.1).param_groups[0]
    >>> group["lr"] *= 0.5
    >>> group["lr"], group.state("lr")
    (0.05, tensor(0.05, dtype=float64))
    """

    def __init__(self, entries: dict[str, Any]) -> None:
        self._entries: dict[str, Any] = {}
        for name, value in entries.items():
            self[name] = value

    def __getitem__(self, name: str) -> Any:
        entry = self._entries[name]
        if isinstance(entry, Tensor):
            return entry.item()
        if isinstance(entry, _Pair):
            return tuple([t.item() for t in entry])
        return entry

    def __setitem__(self, name: str, value: Any) -> None:
        entry = self._entries.get(name)
        if isinstance(entry, Tensor):
            assign(entry, _number(name, value))
        elif isinstance(entry, _Pair):
            values = [_number(name, v) for v in value]
            if len(values) != len(entry):
                raise ValueError(f"{name}: takes {len(entry)} numbers, not {len(values)}")
            for t, v in zip(entry, values, strict=True):
                assign(t, v)
        elif isinstance(value, (float, np.floating)) or (isinstance(value, Tensor) and not value.ndim):
            self._entries[name] = _state(_number(name, value))
        elif isinstance(value, tuple) and value and all([isinstance(v, float) for v in value]):
            self._entries[name] = _Pair([_state(v) for v in value])
        else:
            self._entries[name] = value

    def __delitem__(self, name: str) -> None:
        del self._entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({dict(self)!r})"

    def state(self, name: str) -> Any:
        """The Tensor that holds a number, or a tuple of Tensors; anything but a number as it is."""
        entry = self._entries[name]
        return tuple(entry) if isinstance(entry, _Pair) else entry

    def is_zero(self, name: str) -> bool:
        """Whether a number is zero: what is then left out of a step is left out of its record, too."""
        entry = self._entries[name]
        tracer = modes.current().tracer
        if tracer is not None:
            tracer.assumed(lambda: not entry._array)
        return not entry._array

    def numbers(self, recorded: bool) -> dict[str, Any]:
        """Every entry by name, the numbers as Python's, or where a step is recorded as the Tensors that hold them."""
        if recorded:
            return {name: self.state(name) for name in self._entries}
        return {
            name: e._array.item()
            if type(e) is Tensor
            else tuple([t._array.item() for t in e])
            if type(e) is _Pair
            else e
            for name, e in self._entries.items()
        }


class _Pair(list[Tensor]):
    """Several numbers under one name, as Adam's betas."""


def _state(number: float) -> Tensor:
    return Tensor._of(np.array(number, np.float64))


def _number(name: str, value: Any) -> float:
    if isinstance(value, Tensor):
        value = value.item()
    if not isinstance(value, (int, float, np.integer, np.floating)) or isinstance(value, bool):
        raise TypeError(f"{name}: takes a number, not {type(value).__name__} ({value!r})")
    return float(value)
