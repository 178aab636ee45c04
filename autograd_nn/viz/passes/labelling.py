"""Labelling: what wires say, and how wide they are.

Decision: a box says the shape of its result, so an edge says a shape only where no box does: behind an operation with several
results. A pill and a closed group, whose insides are not seen, say the shape of what leaves them.
"""

from __future__ import annotations

from ..style import number, shape_text, shortened
from .sketch import Sketch, Wire

THINNEST, WIDEST = 1.0, 6.0
LONGEST = 30  # characters of a label


def label_results(made: Sketch) -> None:
    """Say which of several results goes along a wire, and its shape."""
    nodes = made.data.nodes
    for wire in made.wires:
        names: dict[str, dict[str, None]] = {}
        for e in wire.edges:
            if nodes[e.source].several and e.shape is not None:
                names.setdefault(shape_text(e.shape), {})[e.result] = None
        wire.label = shortened(", ".join([f"{', '.join(n)} {shape}" for shape, n in names.items()]), LONGEST)


def label_derivatives(made: Sketch) -> None:
    """Say the local derivative; of a value that is used twice by one operation the sum."""
    for wire in made.wires:
        found = [number(e.local) for e in wire.edges if e.local is not None]
        if len(found) == len(wire.edges):
            wire.label = " + ".join(found)


def widen(made: Sketch) -> None:
    """Make the wires of a fan-out as wide as the partial adjoints they carry, the widest of each fan-out full."""
    fans: dict[int, dict[int, list[Wire]]] = {}
    for wire in made.wires:
        fans.setdefault(wire.source, {}).setdefault(wire.target, []).append(wire)
    for targets in fans.values():
        carried = [(wires, sum([e.adjoint or 0.0 for wire in wires for e in wire.edges])) for wires in targets.values()]
        most = max([adjoint for _, adjoint in carried])
        if len(targets) > 1 and 0.0 < most < float("inf"):
            for wires, adjoint in carried:
                for wire in wires:
                    wire.width = THINNEST + (WIDEST - THINNEST) * adjoint / most
