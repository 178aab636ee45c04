"""Making a `Graph` of what `ag.graph` is given."""

from __future__ import annotations

from typing import Any

from ..check.divergence import compare
from ..engine.record import Record
from ..engine.tensor import Tensor
from .from_nodes import read_tensor
from .from_record import read_record
from .picture import Graph


def make_graph(given: Any, model: Any, against: Any) -> Graph:
    """See `ag.graph`."""
    if against is not None and not isinstance(given, Record):
        raise TypeError("graph: only two records can be compared; record both runs with ag.record()")
    if model is not None and not hasattr(model, "named_parameters"):
        raise TypeError(f"graph: model is the Module whose parameters get their names, not {type(model).__name__}")
    if isinstance(given, Record):
        data, record = read_record(given, model)
        if not data.nodes:
            raise ValueError("graph: this record is empty: nothing ran on a Tensor inside its with block, forward")
        if against is not None:
            _compared(data, given, against)
        return Graph(data, record)
    if isinstance(given, Tensor):
        return Graph(read_tensor(given, model)[0])
    hint = "; ag.viz.structure draws a module before any call" if hasattr(given, "named_parameters") else ""
    raise TypeError(f"graph: draws a Tensor or a record, not {type(given).__name__}{hint}")


def _compared(data: Any, record: Record, other: Any) -> None:
    """Put the differences between two runs on the first one's nodes."""
    found = compare(record, other)
    at = {node.position: node for node in data.nodes if node.position >= 0}
    for step in found.steps:
        node = at.get(step.position)
        if node is not None:
            node.apart = step.error
    if found.first is not None:
        node = at.get(found.steps[found.first].position)
        data.first_apart = -1 if node is None else node.index
        data.cause = found.cause
    if found.structure:
        data.notes.append(f"!{found.structure}")
