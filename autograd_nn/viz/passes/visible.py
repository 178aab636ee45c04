"""What is visible once groups are open or closed: boxes with their texts and sizes, frames, and the wires between them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from ..style import CHIP_SIZE, TEXT_SIZE, TITLE_SIZE, shape_text, text_width
from .sketch import CARRIED, THIN, Chip, Sketch, Wire

Key = tuple[str, int]
"""("item", i) or ("section", s)."""
PILL_SIZE, PILL_LINE = 10.0, 12.0
LINE, HEAD, CHIP_HEIGHT, CHIP_STEP = 14.0, 17.0, 15.0, 17.0
MOST_CHIPS = 12


@dataclass(slots=True)
class Shown:
    """A box: an item, or a closed section with all that is in it. `texts` are those of its chips, `bars` parts of its width."""

    item: int  # -1 for a section
    section: int  # -1 for an item
    kind: str
    title: str
    lines: list[str]
    chips: list[Chip]
    nodes: list[int]  # of the data: all that it stands for, the last its result
    results: list[int] = field(default_factory=list)  # of an item: the result of each repetition
    texts: list[str] = field(default_factory=list)
    width: float = 0.0
    height: float = 0.0
    fill: str = ""
    border: str = ""
    ink: str = ""
    badge: str = ""
    badge_fill: str = ""
    bars: list[tuple[float, str]] = field(default_factory=list)
    alarm: bool = False
    thick: bool = False
    tinted: bool = False  # filled by an overlay: all its text has one colour
    repeated: bool = False  # drawn once for several: its own numbers are only the first one's
    frame: int = -1  # the open frame it stands in, an index into View.frames, once it is visible


@dataclass(slots=True)
class FrameShown:
    """An open section."""

    section: int
    parent: int
    name: str
    info: str


@dataclass(slots=True)
class WireShown:
    """A visible wire: its ends among the visible boxes, and those of the sketch that it stands for."""

    source: int
    target: int
    wires: list[Wire]
    flows: bool
    width: float
    label: str


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
    parts = (
        [f"×{section.times}" + (" in a row" if section.chained and not made.data.structure else "")]
        if section.times > 1
        else []
    )
    noun = ("module", "modules") if made.data.structure else ("op", "ops")
    parts.append(f"{section.operations:,} {noun[section.operations != 1]}")
    if section.parameters:
        parts.append(f"{section.parameters:,} param{'s' * (section.parameters != 1)}")
    return " · ".join(parts)


def everything(made: Sketch) -> dict[Key, Shown]:
    """A box for every item and for every section, should it be closed; items first, in the order in which they ran."""
    out: dict[Key, Shown] = {}
    closed: dict[Key, Shown] = {}
    for s, section in enumerate(made.sections):
        if section is not None:
            title, info = f"▸ {section.name}", info_text(made, s)
            closed[("section", s)] = Shown(-1, s, "group", title, [info], [], [])
    for i, item in enumerate(made.items):
        if item is None:
            continue
        chain = made.chain(item.section)
        nodes = [n for other in item.also for n in other] + item.nodes
        box = out[("item", i)] = Shown(i, -1, item.kind, item.title, [], few(item.chips), nodes)
        box.results = [*[other[-1] for other in item.also], item.nodes[-1]]
        box.repeated = any(made.sections[s].times > 1 for s in chain)  # type: ignore[union-attr]
        for s in chain:
            closed[("section", s)].nodes += nodes
            closed[("section", s)].nodes += [n for c in item.chips if c.kind != CARRIED for n in (c.node, *c.also)]
    for s, shapes in _leaving(made).items():
        if 0 < len(shapes) <= 2 and not made.data.structure:
            closed[("section", s)].lines.append(", ".join(shapes))
    return out | {key: box for key, box in closed.items() if box.nodes}


def few(chips: list[Chip]) -> list[Chip]:
    """As many chips as a box has room for; the last says how many more there are."""
    if len(chips) <= MOST_CHIPS:
        return chips
    rest = f"{len(chips) - MOST_CHIPS + 1:,} more"
    return [*chips[: MOST_CHIPS - 1], Chip(-1, rest, chips[-1].kind, rest)]


def _leaving(made: Sketch) -> dict[int, list[str]]:
    """The shapes of what leaves each section, each once."""
    out: dict[int, dict[str, None]] = {}
    for wire in made.wires:
        # Items that were dropped are None, but no wire ends at one.
        ends = [made.chain(made.items[i].section) for i in (wire.source, wire.target)]  # type: ignore[union-attr]
        for s in ends[0]:
            if s not in ends[1]:
                shapes = [shape_text(e.shape) for e in wire.edges if e.shape is not None]
                out.setdefault(s, {}).update(dict.fromkeys(shapes))
    return {s: list(shapes) for s, shapes in out.items()}


def visible(made: Sketch, opened: set[int], boxes: dict[Key, Shown]) -> View:
    """The boxes to be seen in the order in which they ran, frames, and wires, each once."""
    frame_of: dict[int, int] = {-1: -1}
    view = View([], [], [])
    at: dict[Key, int] = {}
    stands: dict[int, int] = {}
    for i, item in enumerate(made.items):
        if item is None:
            continue
        around, key = -1, ("item", i)
        for s in made.chain(item.section):
            if s not in opened:
                key = ("section", s)
                break
            if s not in frame_of:
                frame_of[s] = len(view.frames)
                section = made.sections[s]
                assert section is not None
                view.frames.append(FrameShown(s, frame_of[around], section.name, info_text(made, s)))
            around = s
        if key not in at:
            at[key] = len(view.boxes)
            boxes[key].frame = frame_of[around]
            view.boxes.append(boxes[key])
        stands[i] = at[key]
    seen: dict[tuple[int, int], WireShown] = {}
    for wire in made.wires:
        ends = (stands[wire.source], stands[wire.target])
        if ends[0] == ends[1]:
            continue
        if ends not in seen:
            seen[ends] = WireShown(*ends, [wire], wire.flows, wire.width, wire.label)
            view.wires.append(seen[ends])
            continue
        shown = seen[ends]
        shown.wires.append(wire)
        shown.flows, shown.width, shown.label = shown.flows or wire.flows, max(shown.width, wire.width), ""
    leaving = Counter([w.source for w in view.wires])
    for shown in view.wires:
        if leaving[shown.source] == 1:  # there is nothing to compare its width with
            shown.width = THIN
    return view


def measure(box: Shown) -> None:
    """Give a box the size that its texts need."""
    if box.kind == "pill":
        box.width = max([text_width(t, PILL_SIZE) for t in (box.title, *box.lines)]) + 18
        box.height = 17.0 + PILL_LINE * len(box.lines)
        return
    widths = [text_width(box.title, TITLE_SIZE, bold=True), *[text_width(t, TEXT_SIZE) for t in box.lines]]
    widths += [text_width(t, CHIP_SIZE) + 14 for t in box.texts]
    round_ends = 26 if box.kind == "input" else 18
    box.width = max(62.0, max(widths) + round_ends)
    bar = 7.0 if box.bars else 0.0
    box.height = bar + HEAD + LINE * len(box.lines) + CHIP_STEP * len(box.texts) + (9.0 if box.texts else 7.0)
