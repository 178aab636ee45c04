"""What is visible once groups are open or closed: boxes with their texts and sizes, frames, and the wires between them."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..data import Edge
from ..style import CHIP_SIZE, TEXT_SIZE, TITLE_SIZE, text_width
from .sketch import Chip, Sketch, Wire

PILL_SIZE = 10.0
LINE, HEAD, CHIP_HEIGHT, CHIP_STEP = 14.0, 17.0, 15.0, 17.0


@dataclass(slots=True)
class Shown:
    """A visible box: an item, or a closed section with all that is in it."""

    item: int
    section: int  # a closed section's index, else -1
    frame: int  # the open frame it stands in, an index into View.frames
    kind: str
    title: str
    lines: list[str]
    chips: list[Chip]
    nodes: list[int]  # of the data
    width: float = 0.0
    height: float = 0.0
    fill: str = ""
    border: str = ""
    ink: str = ""
    badge: str = ""
    badge_fill: str = ""
    alarm: bool = False
    thick: bool = False
    repeated: bool = False  # drawn once for several: its own numbers are only the first one's


@dataclass(slots=True)
class FrameShown:
    """An open section."""

    section: int
    parent: int
    name: str
    info: str


@dataclass(slots=True)
class WireShown:
    """A visible wire: its ends among the visible boxes, and the edges of the data that it stands for."""

    source: int
    target: int
    edges: list[Edge] = field(default_factory=list)
    wires: list[Wire] = field(default_factory=list)
    flows: bool = True
    width: float = 1.1
    label: str = ""


@dataclass(slots=True)
class View:
    """All that is visible."""

    boxes: list[Shown]
    frames: list[FrameShown]
    wires: list[WireShown]


def info_text(made: Sketch, s: int) -> str:
    """What stands beside a section's name."""
    section = made.sections[s]
    assert section is not None
    parts = [f"×{section.times}" + (" in a row" if section.chained else "")] if section.times > 1 else []
    noun = ("module", "modules") if made.data.structure else ("op", "ops")
    parts.append(f"{section.operations:,} {noun[section.operations != 1]}")
    if section.parameters:
        parts.append(f"{section.parameters:,} params")
    return " · ".join(parts)


def visible(made: Sketch, opened: set[int]) -> View:
    """Boxes in the order in which they ran, frames, and wires, each once."""
    frame_of: dict[int, int] = {-1: -1}
    view = View([], [], [])
    at: dict[tuple[str, int], int] = {}
    stands: dict[int, int] = {}
    for i, item in enumerate(made.items):
        if item is None:
            continue
        around, closed = -1, -1
        for s in made.chain(item.section):
            if s not in opened:
                closed = s
                break
            if s not in frame_of:
                frame_of[s] = len(view.frames)
                section = made.sections[s]
                assert section is not None
                view.frames.append(FrameShown(s, frame_of[around], section.name, info_text(made, s)))
            around = s
        if closed < 0:
            at[("item", i)] = stands[i] = len(view.boxes)
            box = Shown(i, -1, frame_of[around], item.kind, item.title, [], item.chips, item.nodes)
            box.repeated = any(made.sections[s].times > 1 for s in made.chain(item.section))  # type: ignore[union-attr]
            view.boxes.append(box)
            continue
        key = ("section", closed)
        if key not in at:
            at[key] = len(view.boxes)
            section = made.sections[closed]
            assert section is not None
            box = Shown(-1, closed, frame_of[around], "group", f"▸ {section.name}", [info_text(made, closed)], [], [])
            view.boxes.append(box)
        stands[i] = at[key]
        view.boxes[at[key]].nodes += item.nodes + [c.node for c in item.chips]
    seen: dict[tuple[int, int], WireShown] = {}
    for wire in made.wires:
        source, target = stands[wire.source], stands[wire.target]
        if source == target:
            continue
        shown = seen.get((source, target))
        if shown is None:
            shown = seen[(source, target)] = WireShown(source, target, flows=False)
            view.wires.append(shown)
        shown.edges += wire.edges
        shown.wires.append(wire)
        shown.flows = shown.flows or any(e.flows for e in wire.edges)
    return view


def measure(box: Shown, chip_texts: list[str]) -> None:
    """Give a box the size that its texts need."""
    if box.kind == "pill":
        box.width, box.height = text_width(box.title, PILL_SIZE) + 16, 17.0
        return
    widths = [text_width(box.title, TITLE_SIZE, bold=True), *[text_width(t, TEXT_SIZE) for t in box.lines]]
    widths += [text_width(t, CHIP_SIZE) + 14 for t in chip_texts]
    round_ends = 26 if box.kind == "input" else 18
    box.width = max(54.0, max(widths) + round_ends)
    box.height = HEAD + LINE * len(box.lines) + CHIP_STEP * len(chip_texts) + (9.0 if chip_texts else 7.0)
