"""Freezing: while a check differentiates, no rule can write into what it is given.

A rule that writes into its cotangent (`g *= 2; return g`) gives the right value, and spoils the cotangent of whoever shares it:
in `f(x) + x`, the other term's. So cotangents and saved arrays are read-only during a check, and such a rule raises.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..engine.graph import SELECT, Node, extras_of
from ..engine.tensor import Tensor

FREEZER = -1
"""The key of the freezing hook, beside those of hooks that users register, which count from 0."""


def reached(outputs: Sequence[Tensor]) -> set[Node]:
    """The nodes that the outputs depend on."""
    stack = [t.node for t in outputs if t.node is not None]
    seen = set(stack)
    while stack:
        for parent in stack.pop().parents:
            if parent is not None and parent not in seen:
                seen.add(parent)
                stack.append(parent)
    return seen


@contextlib.contextmanager
def frozen(outputs: Sequence[Tensor]) -> Iterator[None]:
    """Inside, what a plain walk below these outputs gives to rules is read-only."""
    operations = [n for n in reached(outputs) if n.op is not None]
    hooked = [n for n in operations if n.op is SELECT or not n.op.outputs]
    arrays = [a for n in operations if type(n.saved) is tuple for a in _arrays(n.saved) if a.flags.writeable]
    for node in hooked:
        extras_of(node).hooks[FREEZER] = _as_shown  # what a hook is shown is read-only
    for a in arrays:
        a.flags.writeable = False
    try:
        yield
    finally:
        for node in hooked:
            del extras_of(node).hooks[FREEZER]
        for a in sorted(arrays, key=lambda a: a.base is not None):  # a view can be written to only if its base can
            a.flags.writeable = True


def _as_shown(g: Tensor) -> Tensor:
    return g


def _arrays(saved: tuple[Any, ...]) -> Iterator[np.ndarray]:
    for value in saved:
        if isinstance(value, np.ndarray):
            yield value
        elif isinstance(value, tuple):
            yield from _arrays(value)
