"""Memory: which tensors share it, when it was last written to, and who may not write.

A recorded result's own memory is never written: its data is read-only outside, and assignment to it gives it a fresh array. So
only a leaf's memory, an unrecorded tensor's and views of those have a `Cell`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .graph import SELECT, Cell, Node

if TYPE_CHECKING:
    from .tensor import Tensor


def leaf_of(t: Tensor) -> Node | None:
    """The leaf node of a tensor that is none's result, if it has one."""
    if t.node is None:
        return t._leaf
    return t.node if t.node.op is None else None


def cell_of(t: Tensor) -> Cell | None:
    """The cell of the memory that a tensor shares; None for a recorded result's own memory, which is never written."""
    leaf = t._leaf if t.node is None else viewed_leaf(t.node)
    if leaf is not None:
        if leaf.saved.cell is None:
            leaf.saved.cell = Cell()
        return leaf.saved.cell
    if t.node is not None:
        return None
    if t.cell is None:
        t.cell = Cell()
    return t.cell


def viewed_leaf(node: Node) -> Node | None:
    """The leaf whose memory a recorded tensor is, or is a view of; None if it is an operation's own."""
    while node.op is not None:
        if node.op is SELECT or node.op.kind != "view":
            return None
        node = node.parents[0]
    return node


def read_only(data: Any) -> Any:
    if not isinstance(data, np.ndarray):
        return data
    view = data.view()
    view.flags.writeable = False
    return view
