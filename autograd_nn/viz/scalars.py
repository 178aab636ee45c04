"""Scalar expressions: values, gradients and the local derivative on every edge, from the graph that the engine keeps.

The local derivative of an operation is its own rule run on a cotangent of 1. Before `backward()` the rule has all it needs,
and gradients are summed here by the chain rule; no `.grad` is touched. After it, what the rule names is taken from the
values that 0-d nodes remember, and a constant from the result it led to; where that does not suffice, the number is what is
missing from the source's gradient, if only one is missing.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..engine import modes
from ..engine.generate import parameter_names
from ..engine.graph import Node as Recorded
from ..engine.tensor import Tensor
from .data import OPERATION, Data, Edge
from .from_nodes import inferred, read_tensor, value_of
from .picture import Graph
from .statistics import statistics


def make_expression(o: Any) -> Graph:
    """See `ag.expression`."""
    if not isinstance(o, Tensor):
        raise TypeError(f"expression: draws a 0-d Tensor, not {type(o).__name__}")
    if o.shape != ():
        raise ValueError(
            f"expression: draws graphs of scalars, and this Tensor has the shape {o.shape}; ag.graph draws arrays"
        )
    data, engine = read_tensor(o)
    for node in data.nodes:
        if node.shape not in ((), None):
            name = node.name if node.kind == OPERATION else node.path or node.name or "a leaf"
            raise ValueError(f"expression: {name} has the shape {node.shape}; ag.graph draws graphs of arrays")
    data.title = "expression"
    _derivatives(data, engine)
    return Graph(data, scalar=True)


def _derivatives(data: Data, engine: list[Recorded | None]) -> None:
    into: dict[int, list[Edge]] = {}
    for edge in data.edges:
        into.setdefault(edge.target, []).append(edge)
    walked = any(type(n.saved) is not tuple for n in engine if n is not None and n.op is not None)
    stored = {i: float(n.adjoint) for i, n in enumerate(engine) if n is not None and n.adjoint is not None}
    grads: dict[int, float] = {}
    grads[next(n.index for n in data.nodes if n.output)] = 1.0
    known: dict[int, list[float | None]] = {}
    for index in range(len(data.nodes) - 1, -1, -1):
        node = engine[index]
        if node is None or node.op is None:
            continue
        edges = [e for e in into.get(index, []) if e.flows]
        for edge, local in zip(edges, _locals(node), strict=True):
            edge.local = local
            known.setdefault(edge.source, []).append(None if local is None else local * grads.get(index, 0.0))
            if local is not None:
                grads[edge.source] = grads.get(edge.source, 0.0) + local * grads.get(index, 0.0)
            elif edge.source in stored:
                grads[edge.source] = stored[edge.source]
    if walked:
        _fill_in(data, engine, stored, grads)
    for node_index, grad in grads.items():
        if node_index in known or data.nodes[node_index].output:
            data.nodes[node_index].grad = statistics(grad)


def _locals(node: Recorded) -> list[float | None]:
    """The derivative of a node's value by each parent that a gradient flows to; None where the values are gone."""
    saved = node.saved if type(node.saved) is tuple else _remembered(node)
    wanted = [p for p in node.parents if p is not None]
    if saved is None:
        return [None] * len(wanted)
    one = node.dtype.type(1.0)
    with modes.change(grad=False, tracer=None), np.errstate(all="ignore"):
        found = node.op.pullback(one, node.parents, saved, node)
    return [float(np.sum(c)) for p, c in zip(node.parents, found, strict=True) if p is not None]


def _remembered(node: Recorded) -> tuple[Any, ...] | None:
    """What the walk released, again, from the values that 0-d nodes keep; None if something is gone for good."""
    out: list[Any] = []
    op = node.op
    rules = [op.rules.get(a.name) for a, p in zip(op.arrays, node.parents, strict=False) if p is not None]
    needed = {name for rule in rules if rule is not None for name in parameter_names(rule)}
    if op.outputs is not None or not op.rules:
        return None
    for name, position in zip(op.keeps, op.kept_inputs, strict=True):
        if name == "out":
            out.append(node.value)
        elif name.endswith("_shape"):
            out.append(())
        elif position is None or op.arrays[position].variadic:
            return None
        else:
            value = value_of(node.parents[position])
            value = inferred(node, position) if value is None else value
            if value is None and name in needed:
                return None
            out.append(value)
    return tuple(out)


def _fill_in(data: Data, engine: list[Recorded | None], stored: dict[int, float], grads: dict[int, float]) -> None:
    """The one missing number of a source is what its other uses do not explain of its gradient in the last walk."""
    out: dict[int, list[Edge]] = {}
    for edge in data.edges:
        if edge.flows:
            out.setdefault(edge.source, []).append(edge)
    for source, edges in out.items():
        missing = [e for e in edges if e.local is None]
        node = engine[source]
        leaf = node is not None and node.op is None
        total = _leaf_gradient(node) if leaf else stored.get(source)
        if len(missing) != 1 or total is None or not grads.get(missing[0].target):
            continue
        explained = sum([e.local * grads[e.target] for e in edges if e.local is not None])
        missing[0].local = (total - explained) / grads[missing[0].target]
        grads[source] = total
        if not math.isfinite(missing[0].local):
            missing[0].local = None


def _leaf_gradient(node: Any) -> float | None:
    return None if node.saved.grad is None else float(node.saved.grad._array)
