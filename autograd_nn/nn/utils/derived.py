"""Derived parameters: an attribute of one module that is computed from others whenever it is read.

Parametrizations are made of it, and the older forms of weight and spectral normalisation.
"""

from __future__ import annotations

from typing import Any, Protocol

from ..module import Module
from ..parameter import Buffer, Parameter


class Derived(Protocol):
    """How an attribute is read, and what writing to it does. It keeps no module, so modules are copied with it."""

    def read(self, module: Any) -> Any: ...
    def write(self, module: Any, value: Any) -> None: ...


def owned(function: str, module: Any, name: str) -> Any:
    """The parameter or buffer of this name; TypeError for no module, ValueError for a module that holds none."""
    if not isinstance(module, Module):
        raise TypeError(f"{function}: the first argument is a module, not a {type(module).__name__}")
    held = module.__dict__.get(name)
    if not isinstance(held, (Parameter, Buffer)):
        has = [n for n, value in module.__dict__.items() if isinstance(value, (Parameter, Buffer))]
        raise ValueError(
            f"{function}: {type(module).__name__} has no parameter or buffer {name!r} of its own; it has {has}"
        )
    return held


def derive(module: Module, name: str, how: Derived) -> None:
    """Take the attribute away, and have it computed."""
    del module.__dict__[name]
    module.__dict__.setdefault("_derived", {})[name] = how


def restore(module: Module, name: str, value: Any) -> None:
    """Make it an ordinary attribute again."""
    derived = module.__dict__["_derived"]
    del derived[name]
    if not derived:
        del module.__dict__["_derived"]
    setattr(module, name, value)
