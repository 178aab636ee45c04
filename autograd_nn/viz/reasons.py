"""Why a gradient is zero, where that can be known: what stands between a value and the loss.

Operations are looked at from the end backwards. A value with a zero adjoint has its reason from those that use it: either
each of them has a zero adjoint itself, and the reason is theirs, or one of them stops the gradient, and that is the reason.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..engine.record import Entry, Value
from .data import OPERATION, PARAMETER, Data, Edge, Node

if TYPE_CHECKING:
    from .from_record import Reading

ZERO = 1e-12
"""An adjoint this small beside the largest one counts as zero."""
ROUNDING = 1e-5
"""What is zero by mathematics is this small at most, after float32 has rounded the terms that cancel."""
CANCELLED = 1e-7
"""A sum this small beside the number of its terms times their size is zero but for rounding."""
GATES = frozenset({"relu", "leaky_relu", "hardtanh", "threshold", "hardsigmoid", "hardshrink", "softshrink", "relu6"})
SQUASHED = frozenset({"tanh", "sigmoid", "hardsigmoid", "hardtanh", "softsign", "softmax"})
STEPS = frozenset({"sign", "floor", "ceil", "round", "rint", "trunc", "heaviside", "argmax", "argmin", "floor_divide"})


def largest_adjoint(data: Data) -> float:
    """The largest root mean square of any adjoint in the graph."""
    found = [n.grad.rms for n in data.nodes if n.grad is not None and np.isfinite(n.grad.rms)]
    return max(found, default=0.0)


def is_zero(node: Node, largest: float) -> bool:
    """Whether a node's adjoint counts as zero."""
    return node.grad is not None and node.grad.nonfinite == 0 and bool(node.grad.rms <= ZERO * largest)


def explain(reading: Reading) -> None:
    """Fill in the `reason` of nodes and edges."""
    data = reading.data
    uses: dict[int, list[Edge]] = {}
    for edge in data.edges:
        uses.setdefault(edge.source, []).append(edge)
        target = reading.entries[edge.target]
        if not edge.flows and target is not None:
            edge.reason = _cut(target, data.nodes[edge.source])
            data.nodes[edge.target].reason = data.nodes[edge.target].reason or edge.reason
    largest = largest_adjoint(data)
    if not data.differentiated or largest == 0.0:
        return
    for node in reversed(data.nodes):
        if not _may_have_gradient(node):
            continue
        shift = _is_shift(node, uses.get(node.index, []), data)
        if node.grad is None:
            found = {r for e in uses.get(node.index, []) for r in [e.reason or data.nodes[e.target].reason] if r}
            if node.kind == OPERATION and node.gradient_flows and not found and not node.output:
                found = {"the walk did not come here"}
            if found and all(not e.flows or data.nodes[e.target].grad is None for e in uses.get(node.index, [])):
                node.reason = sorted(found)[0]
            continue
        node.vanishes = is_zero(node, largest)
        if shift and node.grad.rms <= ROUNDING * largest:
            node.vanishes = True
            node.reason = "softmax does not change when a number is taken from its whole row"
        if node.kind == PARAMETER and all([_cancels(node, e, data) for e in uses.get(node.index, [])]):
            node.vanishes = True
            node.reason = node.reason or "what its uses send back cancels"
        if not node.vanishes or node.reason:
            continue
        reasons = [_blocked(e, reading, largest) for e in uses.get(node.index, [])]
        node.reason = next((r for r in reasons if r), "")


def _may_have_gradient(node: Node) -> bool:
    return node.dtype.startswith("float") and (node.gradient_flows or node.grad is not None)


def _cut(target: Entry, source: Node) -> str:
    """Why no gradient flows along an edge that could carry one."""
    if not source.gradient_flows or not source.dtype.startswith("float"):
        return ""
    if target.name == "detach":
        return "detached"
    if target.name in STEPS:
        return f"{target.name} is a step"
    return "under no_grad" if target.node is None and target.error is None else ""


def _blocked(edge: Edge, reading: Reading, largest: float) -> str:
    """What this use does to the gradient."""
    target = reading.data.nodes[edge.target]
    if edge.reason:
        return edge.reason
    if target.vanishes or is_zero(target, largest):
        return target.reason
    entry = reading.entries[edge.target]
    if entry is None or not entry.outputs or entry.outputs[0] is None:
        return ""
    out = np.asarray(entry.outputs[0].data)
    if target.name == "relu" and out.size and not np.any(out):
        return f"dead relu: none of {out.size:,} inputs is above 0"
    if target.name == "multiply":
        others = [_array(v) for v in entry.inputs]
        if any(o.size and not np.any(o) for o in others):
            return "multiplied by 0"
    if target.name in SQUASHED and out.size:
        return f"{target.name} is saturated"
    if target.name in GATES:
        return f"{target.name} is flat here"
    if target.name in ("clip", "where", "maximum", "minimum", "max", "min"):
        return f"{target.name} chose another"
    return ""


def _is_shift(node: Node, uses: list[Edge], data: Data) -> bool:
    """Whether a maximum is subtracted from what it is the maximum of, and the difference goes through exp."""
    if node.name not in ("max", "amax") or not uses:
        return False
    sources = {e.source for e in data.edges if e.target == node.index}
    for use in uses:
        target = data.nodes[use.target]
        if target.name != "subtract" or not sources & {e.source for e in data.edges if e.target == target.index}:
            return False
    return True


def _cancels(node: Node, use: Edge, data: Data) -> bool:
    """Whether what is added along the rows of something gets nothing but rounding back: a sum that is zero, as of keys' bias."""
    target = data.nodes[use.target]
    if node.grad is None or target.grad is None or not (use.input in ("b", "bias") or target.name == "add"):
        return False
    summed = target.grad.size / max(node.grad.size, 1)
    return summed > 1 and bool(node.grad.rms <= CANCELLED * target.grad.rms * summed) and not target.vanishes


def _array(v: Any) -> np.ndarray:
    return np.asarray(v.data if isinstance(v, Value) else v)
