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
    data.tell_results_apart()
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
    wires: list[Edge] = []
    for position, parent in enumerate(node.parents):
        array = op.arrays[min(position, len(op.arrays) - 1)]
        if parent is not None:
            wire = Edge(index[id(parent.maker)], -1, array.name, flows=True, shape=parent.shape)
            if parent.op is SELECT:
                wire.output = parent.params[0]
                wire.result = parent.maker.op.outputs[wire.output]
            wires.append(wire)
            continue
        value = kept[position] if position in kept else inferred(node, position)
        if value is not None:
            wires.append(Edge(add(_constant(value, array.name, group), None), -1, array.name, shape=np.shape(value)))
        elif not array.optional:
            wires.append(Edge(add(Node(0, CONSTANT, array.name, group, text="const"), None), -1, array.name))
    made = Node(0, OPERATION, op.name, group, op.kind, gradient_flows=True)
    made.shape = node.shape if op.outputs is None else None
    made.dtype = str(node.dtype) if op.outputs is None else ""
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
    for wire in wires:
        wire.target = position
    data.edges += wires
    return position


def _kept(node: Recorded) -> dict[int, Any]:
    """The values of inputs that no gradient flows to, as far as the operation keeps them."""
    if type(node.saved) is not tuple:
        return {}
    pairs = zip(node.op.kept_inputs, node.saved, strict=True)
    return {p: v for p, v in pairs if p is not None and v is not None and not isinstance(v, tuple)}


def value_of(node: Recorded | None) -> Any:
    """What a 0-d node remembers of its value; None if it is not 0-d, or there is none."""
    if node is None or node.shape != ():
        return None
    return node.saved.data[()] if node.op is None else node.value


def inferred(node: Recorded, position: int) -> float | None:
    """The number that a 0-d arithmetic operation was given there and did not keep, from its result and its other input.

    None where that says too little: two large numbers that nearly cancel, a product with zero.
    """
    if len(node.parents) != 2 or node.value is None or node.parents[position] is not None:
        return None
    known = value_of(node.parents[1 - position])
    if known is None:
        return None
    out, other, second = float(node.value), float(known), position == 1
    if node.op.name in ("add", "subtract"):
        found = out - other if node.op.name == "add" else other - out if second else out + other
        return found if abs(found) > 1e-3 * abs(other) else None
    if node.op.name == "multiply":
        return out / other if other else None
    if node.op.name == "divide":
        return out * other if not second else other / out if out else None
    return None


def _constant(value: Any, name: str, group: int) -> Node:
    made = Node(0, CONSTANT, name, group)
    array = np.asarray(value)
    made.shape, made.dtype, made.size = array.shape, str(array.dtype), int(array.size)
    if array.size == 1 and array.dtype.kind in "biuf":
        made.text = number(float(array.ravel()[0]))
    made.value = statistics(array)
    return made
