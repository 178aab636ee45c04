"""Tracers: those who watch operations as they run. Drawing, checking, compiling and finding mutations all start here.

While a tracer is in the mode, every operation on a Tensor comes to its `call` instead of running at once. Tracers stack.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

from . import modes

PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


class Tracer:
    """Passes every event on to the tracer outside it; a subclass overrides what it watches."""

    records = False
    """Whether walks must run as operations on Tensors, so that they are seen."""

    def __init__(self, outer: Tracer | None) -> None:
        self.outer = outer
        self.records = self.records or (outer is not None and outer.records)

    def call(self, op: Any, args: tuple[Any, ...], params: tuple[Any, ...]) -> Any:
        """Run an operation and return its result."""
        if self.outer is not None:
            with modes.change(tracer=self.outer):
                return self.outer.call(op, args, params)
        with modes.change(tracer=None):
            return op.function(*args, **dict(zip(op.param_names, params, strict=True)))

    def joint(self, op: Any, node: Any, g: Any, parents: Sequence[Any], saved: tuple[Any, ...]) -> Sequence[Any]:
        """Run a fused op's joint rule in a recorded walk; g and saved are Tensors."""
        if self.outer is None:
            raise RuntimeError("a joint rule is only run through a tracer that records")
        return self.outer.joint(op, node, g, parents, saved)

    def differentiating(self, node: Any) -> None:
        """A recorded walk has come to this node (None: it has ended)."""
        if self.outer is not None:
            self.outer.differentiating(node)

    def assigning(self, state: Any, value: Any) -> None:
        """`assign(state, value)` is about to write."""
        if self.outer is not None:
            self.outer.assigning(state, value)

    def contributed(self, node: Any, g: Any, contributions: Sequence[Any]) -> None:
        """A recorded walk ran a node's rule: the cotangent g (a tuple, of several outputs) and what its inputs got of it."""
        if self.outer is not None:
            self.outer.contributed(node, g, contributions)

    def failed_to_assign(self, error: Exception) -> None:
        """The write that `assigning` announced raised, and wrote nothing."""
        if self.outer is not None:
            self.outer.failed_to_assign(error)

    def bound_gradient(self, leaf: Any, grad: Any) -> None:
        """A walk made grad the gradient of a leaf that had none."""
        if self.outer is not None:
            self.outer.bound_gradient(leaf, grad)

    def made(self, tensor: Any) -> None:
        """A Tensor was made here of data that no operation computed: `ag.tensor`, `ag.zeros` and their like."""
        if self.outer is not None:
            self.outer.made(tensor)

    def set_gradient(self, leaf: Any) -> None:
        """Somebody is about to set a leaf's gradient, or to take it away."""
        if self.outer is not None:
            self.outer.set_gradient(leaf)

    def adding_to_gradient(self, leaf: Any) -> None:
        """A walk is about to add to the gradient that a leaf has."""
        if self.outer is not None:
            self.outer.adding_to_gradient(leaf)

    def assumed(self, read: Any) -> None:
        """What runs now is right only while `read()` returns what it returns now: a choice was made by a value."""
        if self.outer is not None:
            self.outer.assumed(read)

    def left_graph(self, what: str, tensor: Any) -> None:
        """A Tensor's value was taken out of the graph: `.data`, `float()`, `bool()` and their like."""
        if self.outer is not None:
            self.outer.left_graph(what, tensor)


def caller() -> str:
    """The line outside this package that is responsible for what runs now, as ``file:line``."""
    frame = sys._getframe(1)
    while frame.f_back is not None:
        name = frame.f_code.co_filename
        if not name.startswith((PACKAGE, "<generated", "<frozen")) and "contextlib" not in name:
            break
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"
