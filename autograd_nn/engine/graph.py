"""The graph: what a recorded operation keeps.

Three kinds of node, and edges that point only backwards in time, so reference counting alone frees a graph:

- `Leaf`: a tensor somebody made; the walk ends here and adds to its `.grad`.
- `Node`: one operation. `parents[i]` is the node of its i-th array input, None where no gradient is needed.
- `Output`: one of several outputs of a Node. Making an output a node of its own (instead of an index beside every
  edge) keeps the common case, one output, free of it: tensors, edges and the walk know nodes and nothing else.

A tensor's `node` is None, a Leaf, a Node or an Output; it needs a gradient exactly when that is not None.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

if TYPE_CHECKING:
    from .op import Operation
    from .tensor import Tensor

sequence = itertools.count(1).__next__
"""The clock of the graph. Creation order is a topological order, and a write after a node's time is a later write."""

FLOAT32, FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)


class Cell:
    """When a piece of memory was last written to: shared by a leaf and every tensor that views its memory."""

    __slots__ = ("written",)

    def __init__(self) -> None:
        self.written = 0


class Extras:
    """What few nodes have: a name, hooks, a gradient to keep, fingerprints of what it saved."""

    __slots__ = ("fingerprints", "grad", "hooks", "name", "retain")

    def __init__(self) -> None:
        self.name: str | None = None
        self.hooks: dict[int, Any] = {}
        self.retain = False
        self.grad: Tensor | None = None
        self.fingerprints: tuple[str, tuple[int | None, ...]] | None = None


class Leaf:
    """The end of the graph at a tensor that somebody made: its array, its name and the gradient that arrived."""

    __slots__ = ("__weakref__", "data", "dtype", "extras", "grad", "sequence", "shape")

    parents: ClassVar[tuple[()]] = ()

    def __init__(self, data: np.ndarray) -> None:
        self.data = data
        self.shape = data.shape
        self.dtype = data.dtype
        self.sequence = sequence()
        self.extras: Extras | None = None
        self.grad: Tensor | None = None

    @property
    def name(self) -> str | None:
        return None if self.extras is None else self.extras.name

    def __repr__(self) -> str:
        return f"<Leaf {self.name or ''}{list(self.shape)} #{self.sequence}>"


class Node:
    """One recorded operation.

    `saved` holds the arrays that the operation's rules name (never Tensors: rebinding one would change the gradient), in
    the order of `op.keeps`, None where no wanted rule names it. `cells[i]`, where not None, tells when saved[i]
    was last written. Both are generated code's to fill (see `generate`). `value` and `adjoint` are kept for 0-d results,
    so that a scalar graph can be drawn with its numbers.
    """

    __slots__ = (
        "__weakref__",
        "_adjoint",
        "cells",
        "dtype",
        "extras",
        "op",
        "params",
        "parents",
        "saved",
        "scope",
        "sequence",
        "shape",
        "value",
    )

    op: Operation
    parents: tuple[Any, ...]
    saved: Any  # a tuple; RELEASED after the walk; Dropped under a checkpoint
    cells: tuple[Cell | None, ...] | None
    params: tuple[Any, ...]
    shape: tuple[int, ...]
    dtype: np.dtype
    sequence: int
    scope: Any
    extras: Extras | None
    value: Any
    _adjoint: Any

    @property
    def name(self) -> str | None:
        return None if self.extras is None else self.extras.name

    @property
    def adjoint(self) -> Any:
        """The cotangent of a 0-d result in the last walk, None before one."""
        return getattr(self, "_adjoint", None)

    def __repr__(self) -> str:
        return f"<Node {self.op.name}{list(self.shape) if self.shape is not None else ''} #{self.sequence}>"


class Output:
    """One output of an operation that has several; its only parent is the operation's node."""

    __slots__ = ("__weakref__", "_adjoint", "dtype", "extras", "index", "parents", "sequence", "shape", "value")

    def __init__(self, node: Node, index: int, data: Any) -> None:
        self.parents = (node,)
        self.index = index
        self.shape = data.shape
        self.dtype = data.dtype
        self.sequence = sequence()
        self.extras: Extras | None = None
        self.value = data if data.ndim == 0 else None

    op = property(lambda self: self.parents[0].op)
    scope = property(lambda self: self.parents[0].scope)
    name = Node.name
    adjoint = Node.adjoint

    def __repr__(self) -> str:
        return f"<Output {self.index} of {self.parents[0]!r}>"


class _Released:
    """What stands in `saved` once a walk has passed: falsy, so nothing mistakes it for arrays."""

    def __repr__(self) -> str:
        return "RELEASED"

    def __bool__(self) -> bool:
        return False


RELEASED = _Released()


def extras_of(node: Leaf | Node | Output) -> Extras:
    if node.extras is None:
        node.extras = Extras()
    return node.extras


def is_differentiable(dtype: np.dtype) -> bool:
    """float16, float32, float64 and longdouble carry gradients; integers, bools and (for now) complex do not."""
    return dtype.kind == "f"
