"""Writing a graph as text for other programs: Graphviz's DOT of what is visible, JSON of all that is known."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from .data import Data

if TYPE_CHECKING:
    from .picture import Drawing


def write_dot(drawing: Drawing, direction: str) -> str:
    """The visible boxes, frames (as clusters) and wires in the DOT language."""
    view = drawing.view
    lines = ["digraph autograd {", f"  rankdir={direction};"]
    lines.append('  node [shape=box, style="rounded,filled", fontname="Helvetica", fontsize=10];')
    children: dict[int, list[int]] = {}
    for f, frame in enumerate(view.frames):
        children.setdefault(frame.parent, []).append(f)
    inside: dict[int, list[int]] = {}
    for i, box in enumerate(view.boxes):
        inside.setdefault(box.frame, []).append(i)
    stack: list[tuple[int, bool]] = [(-1, False)]
    depth = 0
    while stack:
        f, closing = stack.pop()
        pad = "  " * (depth + 1)
        if closing:
            depth -= 1
            lines.append("  " * (depth + 1) + "}")
            continue
        if f >= 0:
            frame = view.frames[f]
            label = f"{frame.name}  {frame.info}"
            lines.append(f"{pad}subgraph cluster_{f} {{ label={_quoted(label)}; color={_quoted('#a393d8')};")
            depth += 1
            pad = "  " * (depth + 1)
            stack.append((f, True))
        for i in inside.get(f, []):
            box = view.boxes[i]
            text = "\n".join([box.title, *box.lines, *box.texts])
            lines.append(
                f"{pad}n{i} [label={_quoted(text)}, fillcolor={_quoted(box.fill)}, color={_quoted(box.border)}];"
            )
        stack += [(c, False) for c in reversed(children.get(f, []))]
    for wire in view.wires:
        style = "" if wire.flows else ", style=dotted"
        lines.append(f"  n{wire.source} -> n{wire.target} [label={_quoted(wire.label)}{style}];")
    return "\n".join([*lines, "}"]) + "\n"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def write_json(data: Data) -> str:
    """Nodes, edges and groups, with numbers that JSON does not have (NaN, Inf) as texts."""
    plain = {
        "title": data.title,
        "nodes": [data.row(n) for n in data.nodes],
        "edges": [asdict(e) for e in data.edges],
        "groups": [asdict(g) for g in data.groups],
        "unused": data.unused,
    }
    return json.dumps(_finite(plain), ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _finite(x: Any) -> Any:
    if isinstance(x, float) and not math.isfinite(x):
        return str(x)
    if isinstance(x, dict):
        return {k: _finite(v) for k, v in x.items()}
    return [_finite(v) for v in x] if isinstance(x, (list, tuple)) else x
