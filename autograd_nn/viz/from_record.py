"""Reading a record: the forward computation as a graph, with values, adjoints, times and what was kept for the walk.

What belongs to the backward walk is folded into the operation that it differentiates. What belongs to an update (optimizer
arithmetic, running statistics) is left out: of the operations that ran forward, those remain that lead to an end, a result
that no other of them uses; an assignment is a use, and so is a step that mixes in a gradient.
"""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np

from ..check.localise import input_name
from ..check.nonfinite import find_origin
from ..engine.generate import parameter_names
from ..engine.record import Entry, Record, Value
from .data import CONSTANT, INPUT, OPERATION, PARAMETER, STATE, Data, Edge, Node
from .reasons import explain
from .scopes import Groups, named_state
from .statistics import Statistics, statistics
from .style import number


class Reading:
    """One reading of a record; `entries[i]` is the entry that node i was, None for a value from outside."""

    def __init__(self, record: Record, model: Any = None) -> None:
        self.record, self.model = record, model
        self.data = Data("record", recorded=True)
        self.entries: list[Entry | None] = []
        self.values: list[Value | None] = []
        self._node_of_entry: dict[int, int] = {}
        self._node_of_value: dict[int, int] = {}
        self._groups = Groups()
        self._leaves: dict[int, Any] = {}
        kept = forward(record)
        self._backward_seconds: dict[int, float] = {}
        for e in record.entries:
            if e.derivative_of is not None:
                k = id(e.derivative_of)
                self._backward_seconds[k] = self._backward_seconds.get(k, 0.0) + e.seconds
        self._groups.of(None)
        for e in kept:
            self._groups.of(e.scope)
        modules = [model] if model is not None else self._groups.roots
        self._parameters, self._buffers = named_state(modules)
        self._seen: set[int] = set()
        for e in kept:
            self._operation(e)
        self._finish(kept)

    # ---- nodes -----------------------------------------------------------------------------------------------

    def _add(self, node: Node, entry: Entry | None, value: Value | None) -> int:
        self.data.nodes.append(node)
        self.entries.append(entry)
        self.values.append(value)
        return node.index

    def _operation(self, e: Entry) -> None:
        sources: list[tuple[int, int, Any]] = []  # position, the source's node, the Value or number
        for position, given in enumerate(e.inputs):
            if given is not None:
                sources.append((position, self._source(e, position, given), given))
        first = next((v for v in e.outputs if v is not None), None)
        node = Node(len(self.data.nodes), OPERATION, e.name, self._groups.of(e.scope), e.op.kind)
        if first is not None:
            node.shape, node.dtype, node.value = first.shape, str(first.dtype), statistics(first.data)
        node.params = {k: repr(v) for k, v in e.params.items()}
        node.line, node.seconds = e.line, e.seconds
        node.backward_seconds = self._backward_seconds.get(id(e))
        node.saved = self._kept_bytes(e)
        node.gradient_flows = e.node is not None
        node.position = self.record.entries.index(e) if e.error is not None else -1
        if e.cotangent is not None:
            parts = e.cotangent if isinstance(e.cotangent, tuple) else (e.cotangent,)
            arrived = [np.ravel(p) for p in parts if p is not None]
            node.grad = statistics(np.concatenate(arrived)) if arrived else None
            self.data.differentiated = True
        if e.error is not None:
            node.error = f"{type(e.error).__name__}: {e.error}"
        index = self._add(node, e, None)
        self._node_of_entry[id(e)] = index
        for position, source, given in sources:
            parents = e.node.parents if e.node is not None else ()
            flows = position < len(parents) and parents[position] is not None
            flows = flows or (e.error is not None and self.data.nodes[source].gradient_flows)
            edge = Edge(source, index, input_name(e, position), flows=flows, shape=_shape(given))
            producer = self.entries[source]
            if producer is not None and producer.op.outputs is not None:
                edge.output = next((i for i, v in enumerate(producer.outputs) if v is given), 0)
                edge.result = (*producer.op.outputs, *producer.op.residuals)[edge.output]
            if position < len(e.contributions) and e.contributions[position] is not None:
                edge.adjoint = statistics(unbroadcast(e.contributions[position], _shape(given))).rms
            self.data.edges.append(edge)

    def _source(self, e: Entry, position: int, given: Any) -> int:
        """The node that an input comes from, made if it is the first use of something from outside."""
        if isinstance(given, Value):
            producer = given.producer
            if producer is not None and id(producer) in self._node_of_entry:
                return self._node_of_entry[id(producer)]
            if id(given) in self._node_of_value:
                return self._node_of_value[id(given)]
        node = Node(len(self.data.nodes), CONSTANT, input_name(e, position), self._groups.of(e.scope))
        if not isinstance(given, Value):
            node.text, node.shape = _text(given), ()
            return self._add(node, None, None)
        node.shape, node.dtype, node.size = given.shape, str(given.dtype), int(np.size(given.data))
        data = given.data if given.initial is None else given.initial
        node.value = statistics(data)
        parents = e.node.parents if e.node is not None else ()
        leaf = parents[position] if position < len(parents) else None
        node.gradient_flows = leaf is not None
        if given.name:
            node.name = given.name
        known = self._parameters.get(id(given.data)) or self._buffers.get(id(given.data))
        if id(given.data) in self._parameters:
            node.kind, node.frozen = PARAMETER, not known[1].requires_grad  # type: ignore[index]
        elif id(given.data) in self._buffers:
            node.kind = STATE
        elif given.is_input or (leaf is not None and self._parameters):
            node.kind = INPUT
        elif leaf is not None:
            node.kind = PARAMETER
        elif given.initial is not None:
            node.kind = STATE
            if e.op.kind == "random":
                node.name = "random state"
        elif node.size == 1:
            node.text = _text(data)
        if known is not None:
            node.path = known[0]
            node.name = known[0]
        elif node.kind == PARAMETER and given.name:
            node.path = given.name
        index = self._add(node, None, given)
        self._node_of_value[id(given)] = index
        if leaf is not None:
            self._leaves[index] = leaf
        return index

    def _kept_bytes(self, e: Entry) -> int:
        """The bytes this operation keeps alive for the walk, each array counted once, and none that lives anyway."""
        if e.node is None:
            return 0
        op, parents, total = e.op, e.node.parents, 0
        names: set[str] = set(op.keeps)
        if op.rules:
            names = set()
            for i, p in enumerate(parents):
                if p is not None:
                    array = op.arrays[min(i, len(op.arrays) - 1)]
                    rule = op.rules[array.name]
                    names |= set(parameter_names(rule))
        kept: list[Any] = []
        for name, position in zip(op.keeps, op.kept_inputs, strict=True):
            if name not in names or name.endswith(("_shape", "_shapes")):
                continue
            if name == "out":
                kept += e.outputs[: len(op.outputs or (0,))]
            elif op.outputs is not None and name in op.outputs:
                kept.append(e.outputs[op.outputs.index(name)])
            elif position is not None:
                variadic = op.arrays[position].variadic
                given = e.inputs[position:] if variadic else e.inputs[position : position + 1]
                kept += [v for v in given if isinstance(v, Value) and v.producer is not None]
            elif name in op.residuals:
                kept += [e.outputs[len(op.outputs or (0,)) + op.residuals.index(name)]]
        for v in kept:
            if v is None:
                continue
            owner = v.data
            while isinstance(getattr(owner, "base", None), np.ndarray):
                owner = owner.base
            if id(owner) not in self._seen:
                self._seen.add(id(owner))
                total += int(owner.nbytes)
        return total

    # ---- what needs all of them ------------------------------------------------------------------------------

    def _finish(self, kept: list[Entry]) -> None:
        data = self.data
        data.groups = self._groups.all
        used = {edge.source for edge in data.edges}
        for node in data.nodes:
            node.output = node.kind == OPERATION and node.index not in used and not node.error
            node.unused = node.output and data.differentiated and node.gradient_flows and node.grad is None
        data.tell_results_apart()
        self._find_inputs()
        self._leaf_gradients()
        self._unused()
        origin = find_origin(self.record)
        if origin.position >= 0:
            made = self.record.entries[origin.position]
            data.first_bad = self._node_of_entry.get(id(made.derivative_of or made), -1)
            data.first_bad_backward, data.advice = origin.backward, origin.advice
        explain(self)

    def _find_inputs(self) -> None:
        """An array from outside is data that enters, not an operand, where an operation has nothing else to work on."""
        nodes, edges = self.data.nodes, self.data.edges
        fed: dict[int, list[int]] = {}
        for edge in edges:
            fed.setdefault(edge.target, []).append(edge.source)
        for sources in fed.values():
            if any(nodes[s].kind in (OPERATION, INPUT) for s in sources):
                continue
            for s in sources:
                if nodes[s].kind == CONSTANT and nodes[s].size > 1:
                    nodes[s].kind, nodes[s].group = INPUT, -1
        for node, value in zip(nodes, self.values, strict=True):
            if node.kind == INPUT:
                node.group = -1
                if value is not None and not value.name:
                    node.name = _unnamed(node)

    def _leaf_gradients(self) -> None:
        """The adjoint of what came from outside: the sum of what its uses sent back."""
        totals: dict[int, Any] = {}
        for edge, given in self._contributions():
            if self.entries[edge.source] is None:
                before = totals.get(edge.source)
                totals[edge.source] = given if before is None else before + given
        for index, total in totals.items():
            self.data.nodes[index].grad = statistics(total)

    def _contributions(self) -> Any:
        edges = iter(self.data.edges)
        for e in self.entries:
            if e is None:
                continue
            for position, given in enumerate(e.inputs):
                if given is None:
                    continue
                edge = next(edges)
                if position < len(e.contributions) and e.contributions[position] is not None:
                    yield edge, unbroadcast(e.contributions[position], _shape(given))

    def _unused(self) -> None:
        present = {node.path for node in self.data.nodes if node.kind == PARAMETER}
        for path, p in self._parameters.values():
            if p.requires_grad and path not in present:
                self.data.unused.append(path)


def forward(record: Record) -> list[Entry]:
    """The operations of the forward computation, in order; see the top of this file."""
    tainted: set[int] = set()  # values that a gradient went into
    candidates: list[Entry] = []
    uses: dict[int, int] = {}
    for e in record.entries:
        if e.derivative_of is not None or e.op is None:
            if e.derivative_of is not None:
                tainted |= {id(v) for v in e.outputs if v is not None}
            else:
                for v in e.inputs:
                    uses[id(v)] = uses.get(id(v), 0) + 1
            continue
        for v in e.inputs:
            if isinstance(v, Value):
                uses[id(v)] = uses.get(id(v), 0) + 1
        if any(id(v) in tainted for v in e.inputs):
            tainted |= {id(v) for v in e.outputs if v is not None}
        else:
            candidates.append(e)
    walked = {id(e) for e in candidates if e.cotangent is not None}
    unseen = lambda e: bool(walked) and e.op.kind == "view" and id(e) not in walked  # another shape of what nobody used
    needed: set[int] = set()
    kept: list[Entry] = []
    for e in reversed(candidates):
        is_end = e.error is not None or not (unseen(e) or any(id(v) in uses for v in e.outputs if v is not None))
        if is_end or id(e) in walked or id(e) in needed:
            kept.append(e)
            needed |= {id(v.producer) for v in e.inputs if isinstance(v, Value) and v.producer is not None}
    return kept[::-1]


def unbroadcast(c: Any, shape: tuple[int, ...]) -> Any:
    """A contribution in its input's shape: summed over the axes along which that was broadcast."""
    c = np.asarray(c)
    if c.shape == shape:
        return c
    lead = c.ndim - len(shape)
    axes = (*range(lead), *(lead + k for k, n in enumerate(shape) if n == 1 and c.shape[lead + k] != 1))
    return c.sum(axis=axes, keepdims=True).reshape(shape)


def _unnamed(node: Node) -> str:
    """What an array that nobody named is called."""
    if node.value is not None and node.value.min == node.value.max:
        return {0.0: "zeros", 1.0: "ones"}.get(node.value.min, f"all {number(node.value.min)}")
    return "input"


def _shape(given: Any) -> tuple[int, ...]:
    return given.shape if isinstance(given, Value) else ()


def _text(x: Any) -> str:
    """A constant as a chip says it."""
    if isinstance(x, (bool, np.bool_)):
        return str(bool(x))
    value = np.asarray(x)
    return number(float(value.ravel()[0])) if value.size == 1 and value.dtype.kind in "biuf" else str(x)


def read_record(record: Record, model: Any = None) -> tuple[Data, weakref.ref[Record]]:
    """The graph of a record as data, and the record, weakly, for what is looked at only when asked (a gradient check)."""
    reading = Reading(record, model)
    positions = {id(e): i for i, e in enumerate(record.entries)}
    for node, e in zip(reading.data.nodes, reading.entries, strict=True):
        if e is not None:
            node.position = positions[id(e)]
    return reading.data, weakref.ref(record)


__all__ = ["Reading", "Statistics", "forward", "read_record", "unbroadcast"]
