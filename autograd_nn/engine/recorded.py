"""The recorded walk: how a rule is run so that what it does is recorded, to be differentiated again or kept in a record.

Saved arrays are wrapped again as Tensors that hang on the graph where they hung, and the rule runs on those. A fused operation
with a joint rule of its own runs its composition again instead, for a residual never enters a recorded derivative.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from . import modes
from .graph import Node, leaf_node, output_node
from .tensor import Tensor


def recorded_pullback(node: Node, op: Any, g: Any, parents: Sequence[Any], saved: tuple[Any, ...]) -> Sequence[Any]:
    tracer = modes.current().tracer
    if tracer is not None:
        tracer.differentiating(node)
    if op.rules:
        contributions = op.pullback(g, parents, rewrapped(node, saved), node)
    elif op.joint is None or modes.current().grad:  # a residual never enters a recorded derivative
        contributions = through_composition(node, op, g, parents, saved, recorded=True)
    else:
        contributions = tracer.joint(op, node, g, parents, rewrapped(node, saved))
    if tracer is not None:
        tracer.contributed(node, g, contributions)
    return contributions


def rewrapped(node: Node, saved: tuple[Any, ...]) -> tuple[Any, ...]:
    """Saved arrays as Tensors that hang on the graph where they hung; Python numbers and shapes as they are."""
    op, out = node.op, []
    for i, (name, value, position) in enumerate(zip(op.keeps, saved, op.kept_inputs, strict=True)):
        cell = None if node.cells is None else node.cells[i]
        if name == "out" and op.outputs is None:
            out.append(wrapped(value, node, None))
        elif name == "out":
            outputs = [_output_again(node, k, v) for k, v in enumerate(value)]
            out.append(op.result(*[wrapped(v, o, None) for v, o in zip(value, outputs, strict=True)]))
        elif op.outputs is not None and name in op.outputs:
            out.append(wrapped(value, _output_again(node, op.outputs.index(name), value), None))
        elif position is None:  # a residual, or a shape
            out.append(wrapped(value, None, None))
        elif op.arrays[position].variadic:
            cells = cell if type(cell) is tuple else [None] * len(value)
            parts = zip(value, node.parents[position:], cells, strict=True)
            out.append(tuple([wrapped(v, p, c) for v, p, c in parts]))
        else:
            out.append(wrapped(value, node.parents[position], cell))
    return tuple(out)


def _output_again(node: Node, index: int, value: Any) -> Node | None:
    """The node of one of several outputs: the one there is, or a new one if nobody holds it any more."""
    reference = node.outputs[index]
    return None if reference is None else reference() or output_node(node, index, value)


def wrapped(value: Any, node: Any, cell: Any) -> Any:
    if not isinstance(value, (np.ndarray, np.generic)):
        return value
    t = Tensor._of(value)
    t.node, t.cell = node, cell
    return t


def through_composition(
    node: Node, op: Any, g: Any, parents: Sequence[Any], saved: tuple[Any, ...], recorded: bool
) -> list[Any]:
    """The cotangents of a fused node by running its composition again and differentiating that.

    The inner walk must stop at the inputs. Where the result is to be differentiated again, each input passes through an
    identity, at which the walk stops and through which what it records reaches the true input; else a new leaf does.
    """
    from .backward import gradients  # which calls this for its nodes

    create_graph = recorded and modes.current().grad
    flat = []
    with modes.change(grad=True):
        for (value, cell), parent in zip(_inputs_of(node, op, saved), node.parents, strict=True):
            t = wrapped(value, parent if create_graph else None, cell)
            if parent is not None and create_graph:
                t = t.positive()
            elif parent is not None:
                t.node = leaf_node(value)
            flat.append(t)
        out = op.composition(*flat, **dict(zip(op.param_names, node.params, strict=True)))
    outs, seeds = ([out], [g]) if op.outputs is None else (list(out), list(g))
    wanted = [t for t, p in zip(flat, parents, strict=True) if p is not None]
    total: list[Any] = [None] * len(wanted)
    for y, seed in zip(outs, seeds, strict=True):
        if seed is None or y.node is None:
            continue
        parts = gradients(y, wanted, seed, create_graph=create_graph, retain_graph=True, allow_unused=True)
        total = [p if t is None else t if p is None else t + p for t, p in zip(total, parts, strict=True)]
    found = iter(
        [
            wrapped(np.zeros(t.shape, t.dtype), None, None) if c is None else c
            for t, c in zip(wanted, total, strict=True)
        ]
    )
    contributions = [None if p is None else next(found) for p in parents]
    return contributions if recorded else [c if c is None else c._array for c in contributions]


def _inputs_of(node: Node, op: Any, saved: tuple[Any, ...]) -> list[tuple[Any, Any]]:
    """The array inputs of a fused node, flat, each with its cell."""
    flat: list[tuple[Any, Any]] = []
    for array in op.arrays:
        position = op.keeps.index(array.name)
        value, cell = saved[position], None if node.cells is None else node.cells[position]
        if array.variadic:
            cells = cell if type(cell) is tuple else [None] * len(value)
            flat += list(zip(value, cells, strict=True))
        else:
            flat.append((value, cell))
    return flat
