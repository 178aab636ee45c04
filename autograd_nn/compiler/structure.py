"""Structure: arguments and results as flat lists of Tensors and arrays, and what is put back together from them.

Tuples (named ones, too), lists, dicts and dataclasses are taken apart; anything else stands for itself.
"""

from __future__ import annotations

import dataclasses
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..engine.tensor import Tensor

ARRAY = "array"
"""Stands in a structure where a Tensor or array was."""


def flatten(x: Any, leaves: list[Any], kinds: tuple[type, ...] = (Tensor, np.ndarray)) -> Any:
    """Put the Tensors and arrays of nested containers into `leaves`; returns the hashable rest."""
    if isinstance(x, kinds):
        leaves.append(x)
        return ARRAY
    if type(x) in (tuple, list):
        return (type(x), tuple([flatten(e, leaves, kinds) for e in x]))
    if isinstance(x, tuple) and hasattr(x, "_fields"):
        return (type(x), tuple([flatten(e, leaves, kinds) for e in x]))
    if type(x) in (dict, OrderedDict):
        return (type(x), tuple([(k, flatten(v, leaves, kinds)) for k, v in x.items()]))
    if dataclasses.is_dataclass(x) and type(x).__bases__ == (object,):
        names = [f.name for f in dataclasses.fields(x)]
        if all([hasattr(x, name) for name in names]) and names == list(getattr(x, "__dict__", names)):  # and no more
            return (type(x), tuple([(name, flatten(getattr(x, name), leaves, kinds)) for name in names]))
    return Static(x)


def unflatten(structure: Any, leaves: Iterator[Any]) -> Any:
    """The nested containers again, with these leaves."""
    if structure is ARRAY:
        return next(leaves)
    if type(structure) is Static:
        return structure.value
    kind, parts = structure
    if _is_named(kind):
        named = {k: unflatten(v, leaves) for k, v in parts}
        if issubclass(kind, dict):
            return kind(named)
        built = object.__new__(kind)
        for name, value in named.items():
            object.__setattr__(built, name, value)  # a frozen one, too
        return built
    made = [unflatten(p, leaves) for p in parts]
    return made if kind is list else kind(*made) if hasattr(kind, "_fields") else kind(made)


def _is_named(kind: Any) -> bool:
    """Whether the parts of such a container are pairs of a name and a value."""
    return not issubclass(kind, (tuple, list))


class Static:
    """Anything but a Tensor or array: equal by type and value where it is hashable, by identity where it is not."""

    __slots__ = ("key", "value")

    def __init__(self, value: Any) -> None:
        self.value = value
        try:
            hash(value)
            self.key = (type(value), bits(value))
        except TypeError:
            self.key = (type(value), id(value))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Static) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __repr__(self) -> str:
        return repr(self.value)


def bits(x: Any) -> Any:
    """What tells a number from every other: 0.0 and -0.0 are two, a NaN is itself. Anything else stands for itself."""
    if isinstance(x, (float, complex)):
        return repr(x)
    return (x.dtype, x.tobytes()) if isinstance(x, np.generic) else x


def statics(structure: Any) -> list[Any]:
    """What of a structure is no Tensor or array."""
    if structure is ARRAY:
        return []
    if type(structure) is Static:
        return [structure.value]
    kind, parts = structure
    return [x for p in parts for x in statics(p[1] if _is_named(kind) else p)]
