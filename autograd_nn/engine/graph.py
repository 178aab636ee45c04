"""The graph: what a recorded operation keeps.

One class of node, and edges that point only backwards in time, so reference counting alone frees a graph:

- an *operation*: `parents[i]` is the node of its i-th array input, None where no gradient is needed;
- a *leaf*, whose `op` is None: a tensor somebody made. The walk ends here and adds to its gradient, kept in a `Leaf`;
- an *output*, whose `op` is `SELECT`: one of several outputs of the operation that is its only parent. Making it a node of
  its own (instead of an index beside every edge) keeps the common case, one output, free of it.

They are one class, not three, because the walk's attribute lookups are then of one kind, which halves its time.
A tensor's `node` is None or one of these; it needs a gradient exactly when it is not None.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from .tensor import Tensor

clock = itertools.count(1)
"""Creation order is a topological order, and a write after a node's time is a later write."""


def sequence() -> int:
    """The next tick of the clock."""
    return next(clock)


FLOAT32, FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)


class Writes:
    """When anything was last written to: a node younger than that need not look at its cells."""

    last = 0


class Cell:
    """When a piece of memory was last written to: shared by a leaf and every tensor that views its memory."""

    __slots__ = ("viewed", "written")

    def __init__(self) -> None:
        self.written = 0
        self.viewed = False  # whether a tensor that nothing was recorded for was made as a view of it

    def write(self) -> None:
        """Note that the memory is being written to now."""
        self.written = Writes.last = sequence()


class Extras:
    """What few nodes have: a name, hooks, a gradient to keep, fingerprints of what it saved."""

    __slots__ = ("fingerprints", "grad", "hooks", "name", "retain")

    def __init__(self) -> None:
        self.name: str | None = None
        self.hooks: dict[int, Any] = {}
        self.retain = False
        self.grad: Tensor | None = None
        self.fingerprints: tuple[str, tuple[int | None, ...]] | None = None


class Node:
    """A recorded operation, a leaf, or one of several outputs; see the top of this file.

    `saved` holds the arrays that the operation's rules name (never Tensors: rebinding one would change the gradient), in
    the order of `op.keeps`, None where no wanted rule names it. `cells[i]`, where not None, tells when saved[i] was last
    written (a leaf's own cell is found at the leaf). Generated code fills all of it (see `generate`), and leaves unset what
    is empty. `value` and `adjoint` are kept for 0-d results only, so that a scalar graph can be drawn with its numbers.
    """

    __slots__ = (
        "_adjoint",
        "_cells",
        "_params",
        "_value",
        "dtype",
        "extras",
        "op",
        "outputs",
        "parents",
        "saved",
        "scope",
        "sequence",
        "shape",
    )

    op: Any  # the Operation; None for a leaf; SELECT for an output
    parents: tuple[Any, ...]
    saved: Any  # a tuple; RELEASED after the walk; Dropped under a checkpoint; a leaf's Leaf
    shape: tuple[int, ...]  # of an operation with several outputs: their dtypes, so that it is never ()
    dtype: np.dtype
    sequence: int
    scope: Any
    extras: Extras | None
    outputs: tuple[Any, ...]  # of an operation that has several: weak references to their nodes; else unset
    _cells: tuple[Any, ...]
    _params: tuple[Any, ...]
    _value: Any
    _adjoint: Any

    @property
    def params(self) -> tuple[Any, ...]:
        """The values of the operation's parameters, in the order of `op.param_names`."""
        return getattr(self, "_params", ())

    @property
    def cells(self) -> tuple[Any, ...] | None:
        return getattr(self, "_cells", None)

    @property
    def name(self) -> str | None:
        return None if self.extras is None else self.extras.name

    @property
    def value(self) -> Any:
        """The value of a 0-d result, None of any other."""
        return getattr(self, "_value", None)

    @property
    def adjoint(self) -> Any:
        """The cotangent of a 0-d result in the last walk, None before one."""
        return getattr(self, "_adjoint", None)

    @property
    def maker(self) -> Node:
        """The node of the operation: itself, or an output's only parent."""
        return self.parents[0] if self.op is SELECT else self

    def __repr__(self) -> str:
        kind = "leaf" if self.op is None else f"output {self.params[0]} of" if self.op is SELECT else "operation"
        name = (self.name or "") if self.op is None else self.maker.op.name
        return f"<Node: {kind} {name}{list(self.shape) if self.shape is not None else ''} #{self.sequence}>"


class Leaf:
    """What a leaf's node has in place of saved arrays: its memory and the gradient that arrived."""

    __slots__ = ("cell", "data", "grad")

    def __init__(self, data: Any, cell: Cell | None = None) -> None:
        self.data = data
        self.cell = cell  # made by the first view or write
        self.grad: Tensor | None = None


def leaf_node(data: Any, cell: Cell | None = None) -> Node:
    """A leaf for this memory."""
    node = Node()
    node.op = node.scope = node.extras = None
    node.parents = ()
    node.saved = Leaf(data, cell)
    node.shape, node.dtype = data.shape, data.dtype
    node.sequence = sequence()
    return node


class _Select:
    """The operation of an output's node: to be one of several."""

    name = "select"


SELECT = _Select()


class OutputNode(Node):
    """A node that its operation can refer to without keeping it alive."""

    __slots__ = ("__weakref__",)


def output_node(operation: Node, index: int, data: Any) -> Node:
    """The node of one of an operation's outputs; `params` is its index."""
    node = OutputNode()
    node.op = SELECT
    node.parents = (operation,)
    node.saved = None
    node._params = (index,)
    node.scope, node.extras = operation.scope, None
    node.shape, node.dtype = data.shape, data.dtype
    node.sequence = sequence()
    if not node.shape:
        node._value = data
    return node


class _Released:
    """What stands in `saved` once a walk has passed: falsy, so nothing mistakes it for arrays."""

    def __repr__(self) -> str:
        return "RELEASED"

    def __bool__(self) -> bool:
        return False


RELEASED = _Released()


def extras_of(node: Node) -> Extras:
    if node.extras is None:
        node.extras = Extras()
    return node.extras


def is_differentiable(dtype: np.dtype) -> bool:
    """float16, float32, float64 and longdouble carry gradients; integers, bools and (for now) complex do not."""
    return dtype.kind == "f"
