"""The gradient check of a picture: each recorded operation's own rule against differences, on the values that it saw."""

from __future__ import annotations

import math

import numpy as np

from ..check.gradients import ATOL, RTOL
from ..check.localise import check_entry
from ..check.probe import AGREES, DIFFERS
from ..engine.graph import Node as Recorded
from ..engine.record import Record
from .data import OPERATION, Data


def check_nodes(data: Data, record: Record) -> None:
    """Fill in the verdict of every recorded operation."""
    rng, nodes = np.random.default_rng(0), _used(record)
    for node in data.nodes:
        if node.kind != OPERATION or node.position < 0 or node.error or not node.gradient_flows:
            continue
        outcome, place = check_entry(record.entries[node.position], nodes, node.position, rng, RTOL, ATOL)
        node.check = "ok" if outcome == AGREES else "differs" if outcome == DIFFERS else "kink"
        if place is not None:
            node.check_note = place.hint
            if math.isfinite(place.analytic):
                scale = max(abs(place.analytic), abs(place.numeric), 1e-300)
                node.check_error = abs(place.analytic - place.numeric) / scale
                node.check_note = (
                    f"{place.input}: analytic {place.analytic:.6g}, numeric {place.numeric:.6g}; {place.hint}"
                )


def _used(record: Record) -> set[Recorded]:
    """The engine's nodes that others were computed from, and of an operation that nothing was, all outputs."""
    made = [e.node for e in record.entries if e.node is not None]
    used = {parent for node in made for parent in node.parents if parent is not None}
    for node in made:
        if node.op.outputs:
            alive = {
                out for reference in node.outputs if reference is not None for out in [reference()] if out is not None
            }
            used |= set() if alive & used else alive
    return used | set(made)
