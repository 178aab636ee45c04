"""Reading the graph below a Tensor, as the engine keeps it: structure, shapes, parameters, and the numbers of scalars.

An input that no gradient flows to is no edge of the engine's graph. It is shown where an operation kept its value, and as
a nameless constant otherwise; a record knows them all.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine.graph import SELECT
from ..engine.graph import Node as Recorded
from ..engine.tensor import Tensor
from .data import CONSTANT, INPUT, OPERATION, PARAMETER, Data, Edge, Node
from .scopes import Groups, named_state
from .statistics import statistics
from .style import number


def below(root: Recorded) -> list[Recorded]:
    """The operations and leaves that a node was computed from, oldest first, itself last."""
    seen, stack = {root}, [root]
    while stack:
        for parent in stack.pop().parents:
            if parent is not None and parent not in seen:
                seen.add(parent)
                stack.append(parent)
    return sorted(seen, key=lambda node: node.sequence)


def read_tensor(tensor: Tensor, model: Any = None) -> tuple[Data, list[Recorded | None]]:
    """The graph below a Tensor as data, and for each of its nodes the engine's (None for a constant).

    Raises ValueError for a Tensor without a graph.
    """
    if tensor.node is None:
        raise ValueError(
            "graph: this Tensor has no graph: nothing it was computed from requires a gradient, or it was computed under "
            "ag.no_grad(). Make a leaf with ag.tensor(..., requires_grad=True), or run it under ag.record() and draw the record"
        )
    if tensor.node.op is None:
        raise ValueError(
            "graph: this Tensor is a leaf, nothing was recorded to make it; draw what was computed from it"
        )
    data, groups = Data("graph"), Groups()
    found = below(tensor.node)
    for node in found:
        if node.op is not None:
            groups.of(node.scope)
    modules = [model] if model is not None else groups.roots
    parameters, _ = named_state(modules)
    names = {id(t.node or t._leaf): (path, t) for path, t in parameters.values() if (t.node or t._leaf) is not None}
    engine: list[Recorded | None] = []
    index: dict[int, int] = {}

    def add(node: Node, of: Recorded | None) -> int:
        node.index = len(data.nodes)
        data.nodes.append(node)
        engine.append(of)
        return node.index

    leaf_group: dict[int, int] = {}
    for node in found:
        if node.op is not None and node.op is not SELECT:
            for parent in node.parents:
                if parent is not None and parent.op is None:
                    leaf_group.setdefault(id(parent), groups.of(node.scope))
    for node in found:
        if node.op is None:
            index[id(node)] = add(_leaf(node, names, bool(parameters), leaf_group.get(id(node), -1)), node)
        elif node.op is not SELECT:
            index[id(node)] = _operation(node, data, groups, index, add)
    for path, p in parameters.values():
        if p.requires_grad and id(p.node or p._leaf) not in index:
            data.unused.append(path)
    data.nodes[index[id(tensor.node.maker)]].output = True
    data.groups = groups.all
    data.differentiated = any(n.grad is not None for n in data.nodes)
    return data, engine


def _leaf(node: Recorded, names: dict[int, tuple[str, Any]], known: bool, group: int) -> Node:
    path = names.get(id(node), ("", None))[0]
    kind = PARAMETER if path or not known else INPUT
    made = Node(0, kind, path or node.name or "", group if kind == PARAMETER else -1, gradient_flows=True)
    made.path = path or (node.name or "")
    made.shape, made.dtype, made.size = node.shape, str(node.dtype), int(np.prod(node.shape))
    made.value = statistics(node.saved.data)
    if node.saved.grad is not None:
        made.grad = statistics(node.saved.grad._array)
    return made


def _operation(node: Recorded, data: Data, groups: Groups, index: dict[int, int], add: Any) -> int:
    op = node.op
    group = groups.of(node.scope)
    kept = _kept(node)
    wires: list[tuple[int, str, int, bool]] = []
    for position, parent in enumerate(node.parents):
        array = op.arrays[min(position, len(op.arrays) - 1)]
        if parent is not None:
            source = parent.maker
            output = parent.params[0] if parent.op is SELECT else 0
            wires.append((index[id(source)], array.name, output, True))
        elif position in kept:
            wires.append((add(_constant(kept[position], array.name, group), None), array.name, 0, False))
        elif not array.optional:
            wires.append((add(Node(0, CONSTANT, array.name, group, text="const"), None), array.name, 0, False))
    made = Node(0, OPERATION, op.name, group, op.kind, gradient_flows=True)
    several = op.outputs is not None
    made.shape = None if several else node.shape
    made.dtype = "" if several else str(node.dtype)
    made.params = {k: repr(v) for k, v in zip(op.param_names, node.params, strict=True)}
    made.saved = (
        sum([int(a.nbytes) for a in node.saved if isinstance(a, np.ndarray)]) if type(node.saved) is tuple else None
    )
    if node.value is not None:
        made.value = statistics(node.value)
    if node.adjoint is not None:
        made.grad = statistics(node.adjoint)
    elif node.extras is not None and node.extras.grad is not None:
        made.grad = statistics(node.extras.grad._array)
    position = add(made, node)
    for source, name, output, flows in wires:
        data.edges.append(Edge(source, position, name, output, flows))
    return position


def _kept(node: Recorded) -> dict[int, Any]:
    """The values of inputs that no gradient flows to, as far as the operation keeps them."""
    if type(node.saved) is not tuple:
        return {}
    pairs = zip(node.op.kept_inputs, node.saved, strict=True)
    return {p: v for p, v in pairs if p is not None and v is not None and not isinstance(v, tuple)}


def _constant(value: Any, name: str, group: int) -> Node:
    made = Node(0, CONSTANT, name, group)
    array = np.asarray(value)
    made.shape, made.dtype, made.size = array.shape, str(array.dtype), int(array.size)
    if array.size == 1 and array.dtype.kind in "biuf":
        made.text = number(float(array.ravel()[0]))
    made.value = statistics(array)
    return made
