"""The interactive viewer: the script (plain JavaScript, no network) and the graph as the JSON that it reads."""

from __future__ import annotations

import functools
import json
import math
import re
from importlib import resources
from typing import TYPE_CHECKING, Any

from ..data import Data
from ..passes import Shown
from ..passes.visible import info_text
from ..statistics import Statistics
from ..style import CHIP_SIZE, INK, KINDS, TEXT_SIZE, shape_text, text_width
from ..svg import write_shapes

if TYPE_CHECKING:
    from ..picture import Drawing, Options


@functools.cache
def script() -> str:
    """The viewer's source without comments and indentation; it defines ``agViewer(element)``."""
    found = resources.files(__package__)
    source = "\n".join([found.joinpath(name).read_text(encoding="utf-8") for name in ("layout.js", "viewer.js")])
    lines = [line.strip() for line in source.splitlines()]
    kept = "\n".join([line for line in lines if line and not line.startswith("//")])
    return f"var agViewer=(()=>{{{kept}\nreturn agViewer}})()"


class _Document:
    """The JSON in the making: tables of colours and of source lines, which everything else refers to."""

    def __init__(self, drawing: Drawing, data: Data) -> None:
        self.drawing, self.data = drawing, data
        self.colours: dict[str, int] = {}
        self.lines: dict[str, int] = {}

    def colour(self, name: str) -> int:
        return self.colours.setdefault(name, len(self.colours))

    def box(self, box: Shown) -> dict[str, Any]:
        """A box as the viewer draws it; what is not there is as usual."""
        chips = []
        for chip, text in zip(box.chips, box.texts, strict=True):
            fill, border = KINDS[chip.kind]
            fill, ink, _ = self.drawing.overlaid.chips.get(chip.node, (fill, INK, ""))
            chips.append([text, self.colour(fill), self.colour(border), self.colour(ink), int(chip.frozen)])
        out: dict[str, Any] = {"k": box.kind, "T": box.title, "w": round(box.width, 2), "h": box.height}
        out |= {"f": self.colour(box.fill), "b": self.colour(box.border)}
        if box.lines:
            out["l"] = box.lines
        if chips:
            out["c"] = chips
        if box.tinted:
            out["i"] = self.colour(box.ink)
        if box.alarm:
            out["a"] = 1
        if box.thick:
            out["t"] = 1
        if box.bars:
            out["r"] = [[round(part, 4), colour] for part, colour in box.bars]
        if box.badge:
            out |= {"B": box.badge, "bf": box.badge_fill, "bw": text_width(box.badge, CHIP_SIZE, bold=True) + 12}
        return out

    def numbers(self, box: Shown) -> dict[str, Any]:
        """What a tooltip says of an item's box: its (first) result, and the bytes and times of all that it stands for."""
        nodes = [self.data.nodes[n] for n in box.nodes]
        node = self.data.nodes[box.results[-1]]
        out: dict[str, Any] = {"z": math.prod(node.shape) if node.shape else 1}
        if node.shape is not None:
            out["s"] = shape_text(node.shape)
        if node.dtype:
            out["d"] = node.dtype
        said = ", ".join([f"{k}={v}" if k else v for k, v in node.params.items()])
        if said:
            out["p"] = said[:120]
        if node.value is not None:
            out["v"] = numbers_of(node.value)
        if node.grad is not None:
            out["g"] = numbers_of(node.grad)
        saved = sum([n.saved or 0 for n in nodes])
        if saved:
            out["b"] = saved
        if node.seconds is not None:
            forward, backward = sum([n.seconds or 0.0 for n in nodes]), sum([n.backward_seconds or 0.0 for n in nodes])
            out["t"] = [round(1e6 * forward, 1), round(1e6 * backward, 1)]
        if len(box.results) > 1:
            out["x"] = len(box.results)
        if node.line:
            out["o"] = self.lines.setdefault(_short_line(node.line), len(self.lines))
        for key, text in (("r", node.reason), ("e", node.error), ("c", node.check_note)):
            if text:
                out[key] = text
        return out


def numbers_of(found: Statistics) -> list[Any]:
    """min, max, mean, rms, standard deviation, histogram (a digit 0-g a bin), what is not finite."""
    most = max(found.histogram, default=0)
    digits = "".join(["0123456789abcdefg"[math.ceil(16 * n / most)] for n in found.histogram]) if most else ""
    numbers = [_plain(x) for x in (found.min, found.max, found.mean, found.rms, found.std)]
    tail = [digits, found.nonfinite] if found.nonfinite else [digits] if digits else []
    return [*numbers, *tail]


def _plain(x: float) -> float | str:
    return float(f"{x:.4g}") if math.isfinite(x) else str(x)


def _short_line(line: str) -> str:
    """file:line with the last two parts of the path."""
    return "/".join(re.split(r"[\\/]", line)[-2:])


def document(drawing: Drawing, data: Data, options: Options) -> str:
    """The graph as the viewer's JSON."""
    made, boxes = drawing.made, drawing.boxes
    writing = _Document(drawing, data)
    order = [i for i, item in enumerate(made.items) if item is not None]
    place = {i: k for k, i in enumerate(order)}
    items = []
    for i in order:
        item = made.items[i]
        assert item is not None
        out = writing.box(boxes[("item", i)])
        out["s"] = item.section
        out["n"] = writing.numbers(boxes[("item", i)])
        items.append(out)
    sections: list[Any] = []
    for s, section in enumerate(made.sections):
        if section is None or ("section", s) not in boxes:
            sections.append(0)
            continue
        box = boxes[("section", s)]
        group = data.groups[section.group] if section.group >= 0 else None
        heading = info_text(made, s)
        widths = {
            "nw": text_width(section.name, TEXT_SIZE, bold=True),
            "iw": text_width(heading, CHIP_SIZE) if heading else 0,
        }
        path = {"path": group.path, "kind": group.kind} if group is not None else {"path": section.name, "kind": ""}
        sections.append(
            {"name": section.name, "info": heading, "parent": section.parent, "box": writing.box(box), **widths, **path}
        )
    wires = [
        [place[w.source], place[w.target], int(w.flows), round(w.width, 2), w.label]
        + ([text_width(w.label, CHIP_SIZE) + 6] if w.label else [0])
        + ([_plain(w.adjoint)] if w.adjoint is not None else [])
        for w in made.wires
    ]
    plain = {
        "items": items, "sections": sections, "wires": wires, "opened": sorted(drawing.opened), "colours": list(writing.colours),
        "lines": list(writing.lines), "sideways": options.direction == "LR", "heading": write_shapes(drawing.heading.shapes),
        "headingHeight": drawing.heading.height, "headingWidth": drawing.heading.width,
        "walk": data.differentiated, "silent": data.structure,
        "scalar": drawing.scalar,
    }  # fmt: skip
    return json.dumps(plain, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
