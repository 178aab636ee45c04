"""The scene: a view as shapes with coordinates, which every renderer only has to copy. y grows downward, units are pixels."""

from __future__ import annotations

from dataclasses import dataclass, field

from .data import INPUT, OPERATION
from .layout import Box, Column, Frame, Layout, layout, wrap
from .layout.columns import FOOT, HEAD as AHEAD, x_at
from .layout.layered import Point
from .overlays import Legend, Overlaid
from .passes import Shown, Sketch, View
from .passes.visible import CHIP_HEIGHT, CHIP_STEP, HEAD, LINE, PILL_SIZE, measure
from .style import (
    ALARM, ALARM_TINT, CHIP_SIZE, EDGE, GROUP_BORDER, GROUP_INFO, GROUP_NAME, GROUP_TINTS, INK, KINDS, MUTED, PAPER, TEXT_SIZE,
    TITLE_SIZE, family, number, shape_text, text_width,
)  # fmt: skip

MARGIN = 14.0
WIDEST, TALLEST = (
    1100.0,
    1250.0,
)  # beyond this height a picture is folded into columns, while they stay within this width
NOTE_WIDTH = 560.0


@dataclass(slots=True)
class Rectangle:
    x: float
    y: float
    width: float
    height: float
    radius: float
    fill: str
    border: str = ""
    stroke: float = 1.0
    dash: str = ""


@dataclass(slots=True)
class Text:
    x: float
    y: float  # the baseline
    text: str
    size: float
    fill: str
    bold: bool = False
    anchor: str = "middle"


@dataclass(slots=True)
class Curve:
    """A line through points, vertical at each (horizontal if `across`); straight where two share a coordinate."""

    points: list[Point]
    stroke: str
    width: float
    dash: str = ""
    across: bool = False


@dataclass(slots=True)
class Polygon:
    points: list[Point]
    fill: str


@dataclass(slots=True)
class Circle:
    x: float
    y: float
    radius: float
    fill: str


Shape = Rectangle | Text | Curve | Polygon | Circle


@dataclass(slots=True)
class Scene:
    """Shapes in the order of drawing, the size, and the layout that they came from."""

    width: float
    height: float
    shapes: list[Shape] = field(default_factory=list)
    description: str = ""


@dataclass(slots=True)
class Laid:
    """A view with sizes, laid out; what the viewer in the browser is given, and what the scene is drawn from."""

    view: View
    layout: Layout
    columns: list[Column]
    crossings: list[list[tuple[int, float]]]
    width: float
    height: float
    boxes: list[Box]
    edges: list[tuple[int, int]]
    labels: list[str]  # of the boxes that stand on labelled wires, after those of the view
    sideways: bool


def dress(made: Sketch, boxes: list[Shown], overlaid: Overlaid) -> None:
    """Give each box its texts, colours and size."""
    data = made.data
    for i, box in enumerate(boxes):
        box.texts = [c.text + overlaid.chips.get(c.node, ("", "", ""))[2] for c in box.chips]
        _describe(made, box)
        if i in overlaid.texts:
            box.lines = overlaid.texts[i]
        if i in overlaid.lines:
            kept = [s for s in box.lines if s.startswith("in ") or (box.kind == "input" and s != "scalar")]
            box.lines = [*kept, overlaid.lines[i]]
        if i in overlaid.fills:
            box.fill, box.ink = overlaid.fills[i]
        box.badge, box.badge_fill = overlaid.badges.get(i, ("", ""))
        box.bars, box.alarm = overlaid.bars.get(i, []), i in overlaid.alarms
        failed = [data.nodes[n] for n in box.nodes if data.nodes[n].error]
        if failed:
            box.alarm, box.fill = True, ALARM_TINT
            box.badge, box.badge_fill = f"raised {failed[0].error.split(':')[0]}", ALARM
        measure(box)


def _describe(made: Sketch, box: Shown) -> None:
    """A box's own lines and colours, without any overlay."""
    data = made.data
    box.ink = INK
    if box.section >= 0:
        box.fill, box.border = KINDS["group"]
        return
    node = data.nodes[box.nodes[-1]]
    if box.kind == "pill":
        box.fill, box.border = KINDS["pill"]
        return
    kind = family(node.name, node.op_kind) if node.kind == OPERATION else node.kind
    box.fill, box.border = KINDS[kind]
    box.thick = node.output
    if data.structure:
        box.fill, box.border = KINDS["elementwise"]
        item = made.items[box.item]
        assert item is not None
        box.lines = [t for t in (node.text, *node.params.values()) if t]
        if node.text:
            box.title = f"{node.text} · {node.name}" if node.text != node.name else node.name
            box.lines = box.lines[1:]
        if node.size:
            box.lines.append(f"{node.size:,} params")
        return
    item = made.items[box.item]
    if item is not None and item.module:
        box.lines.append(f"in {item.module}")
    if node.shape is not None and not node.error:
        scalar = node.shape == () and node.value is not None and node.value.size == 1
        known = scalar and not box.repeated and node.value is not None and (node.kind in (OPERATION, INPUT))
        box.lines.append(
            f"scalar {number(node.value.mean)}" if known and node.value is not None else shape_text(node.shape)
        )


def lay_out(view: View, sideways: bool, whole: bool = False) -> Laid:
    """Place everything. Labelled wires go through a box for their label, so that no two things overlap."""
    boxes = [Box(b.width + 2 * _badge_overhang(b), b.height, b.frame) for b in view.boxes]
    edges: list[tuple[int, int]] = []
    labels: list[str] = []
    for wire in view.wires:
        if not wire.label:
            edges.append((wire.source, wire.target))
            continue
        ends = {view.boxes[wire.source].frame, view.boxes[wire.target].frame}
        frame = ends.pop() if len(ends) == 1 else _common(view, wire.source, wire.target)
        label = len(boxes)
        boxes.append(Box(text_width(wire.label, CHIP_SIZE) + 6, 14.0, frame))
        labels.append(wire.label)
        edges += [(wire.source, label), (label, wire.target)]
    frames = [
        Frame(f.parent, text_width(f.name, TEXT_SIZE, bold=True), text_width(f.info, CHIP_SIZE) if f.info else 0.0) for f in view.frames
    ]  # fmt: skip
    found = layout(boxes, frames, edges, sideways)
    wrapped = wrap(found, edges, boxes, WIDEST, float("inf") if sideways or whole else TALLEST)
    return Laid(
        view, found, wrapped.columns, wrapped.crossings, wrapped.width, wrapped.height, boxes, edges, labels, sideways
    )


def _common(view: View, a: int, b: int) -> int:
    around = []
    frame = view.boxes[a].frame
    while frame >= 0:
        around.append(frame)
        frame = view.frames[frame].parent
    frame = view.boxes[b].frame
    while frame >= 0 and frame not in around:
        frame = view.frames[frame].parent
    return frame


def draw(laid: Laid, overlaid: Overlaid, heading: Heading) -> Scene:
    """The scene of a laid-out view: heading, frames, wires, boxes, letters."""
    scene = Scene(laid.width, laid.height)
    top = MARGIN + heading.height
    for column in laid.columns:
        dx, dy = column.dx + MARGIN, column.dy + top
        _frames(scene, laid, column, dx, dy)
    for column in laid.columns:
        dx, dy = column.dx + MARGIN, column.dy + top
        _wires(scene, laid, column, dx, dy)
    for column in laid.columns:
        dx, dy = column.dx + MARGIN, column.dy + top
        for i, (x, y) in enumerate(laid.layout.nodes):
            if not column.top <= y < column.bottom:
                continue
            if i < len(laid.view.boxes):
                _box(scene, laid.view.boxes[i], x + dx, y + dy, overlaid)
            else:
                label = laid.labels[i - len(laid.view.boxes)]
                scene.shapes.append(_back(x + dx, y + dy, laid.boxes[i]))
                scene.shapes.append(Text(x + dx, y + dy + 3.4, label, CHIP_SIZE, MUTED))
    _names(scene, laid, top)
    _letters(scene, laid, top)
    scene.shapes[:0] = heading.shapes
    scene.width = max(laid.width, heading.width) + 2 * MARGIN
    scene.height = laid.height + top + MARGIN
    return scene


def _badge_width(box: Shown) -> float:
    return text_width(box.badge, CHIP_SIZE, bold=True) + 12


def _badge_overhang(box: Shown) -> float:
    """How far a badge sticks out of its box."""
    return _badge_width(box) - 10 if box.badge else 0.0


def _back(x: float, y: float, box: Box) -> Rectangle:
    return Rectangle(x - box.width / 2, y - box.height / 2, box.width, box.height, 3.0, PAPER)


# ---- heading -------------------------------------------------------------------------------------------------


def write_heading(title: str, legend: Legend | None, notes: list[str], room: float) -> Heading:
    """A title, a legend and notes, one below the other, in about the width there is."""
    room = max(room, 300.0)
    shapes: list[Shape] = []
    y, widest = MARGIN, 0.0
    if title:
        shapes.append(Text(MARGIN, y + 12, title, 14.0, INK, True, "start"))
        widest, y = text_width(title, 14.0, bold=True), y + 26
    if legend is not None:
        x = MARGIN
        shapes.append(Text(x, y + 11, legend.title, TEXT_SIZE, INK, True, "start"))
        x += text_width(legend.title, TEXT_SIZE, bold=True) + 12
        ramp = bool(legend.low or legend.high)
        if ramp:
            if x + 240 > room:
                x, y = MARGIN, y + 17
            shapes.append(Text(x, y + 11, legend.low, CHIP_SIZE, MUTED, False, "start"))
            x += text_width(legend.low, CHIP_SIZE) + 6
        for colour, words in legend.swatches:
            need = 18 + (text_width(words, CHIP_SIZE) + 18 if words else 0)
            if x + need > MARGIN + max(room, 320.0) and not ramp:
                x, y = MARGIN, y + 17
            shapes.append(Rectangle(x, y + 2, 18.0, 11.0, 2.0 if words else 0.0, colour, "#c3c9d3", 0.5))
            x += 18
            if words:
                shapes.append(Text(x + 6, y + 11, words, CHIP_SIZE, MUTED, False, "start"))
                x += text_width(words, CHIP_SIZE) + 18
            widest = max(widest, x - MARGIN)
        if ramp:
            shapes.append(Text(x + 6, y + 11, legend.high, CHIP_SIZE, MUTED, False, "start"))
            widest = max(widest, x + 6 + text_width(legend.high, CHIP_SIZE) - MARGIN)
        y += 20
        notes = [*legend.notes, *notes]
    for note in notes:
        red = note.startswith("!")
        for line in _broken(note.removeprefix("!"), max(min(room, NOTE_WIDTH * 1.6), 340.0)):
            shapes.append(Text(MARGIN, y + 10, line, CHIP_SIZE, ALARM if red else MUTED, False, "start"))
            widest = max(widest, text_width(line, CHIP_SIZE))
            y += 14
    return Heading(shapes, widest, y - MARGIN + (10.0 if y > MARGIN else 0.0))


@dataclass(slots=True)
class Heading:
    """What stands above a picture, and its size."""

    shapes: list[Shape]
    width: float
    height: float


def _broken(text: str, width: float) -> list[str]:
    """A text in lines of at most this width."""
    lines: list[str] = []
    for paragraph in text.splitlines():
        line = ""
        for word in paragraph.split():
            if line and text_width(f"{line} {word}", CHIP_SIZE) > width:
                lines.append(line)
                line = word
            else:
                line = f"{line} {word}" if line else word
        lines.append(line)
    return lines


# ---- frames --------------------------------------------------------------------------------------------------


def _depth(view: View, f: int) -> int:
    depth = 0
    while view.frames[f].parent >= 0:
        f, depth = view.frames[f].parent, depth + 1
    return depth


def _frames(scene: Scene, laid: Laid, column: Column, dx: float, dy: float) -> None:
    """The frames of a column; one that is cut goes on dashed."""
    order = sorted(range(len(laid.view.frames)), key=lambda f: _depth(laid.view, f))
    for f in order:
        left, top, right, bottom = laid.layout.frames[f]
        if bottom <= column.top or top >= column.bottom:
            continue
        cut = top < column.top or bottom > column.bottom
        t = top if top >= column.top else column.top - AHEAD
        b = bottom if bottom <= column.bottom else column.bottom + FOOT
        left, right = next(((low, high) for g, low, high in column.spans if g == f), (left, right))
        fill = GROUP_TINTS[min(_depth(laid.view, f), len(GROUP_TINTS) - 1)]
        scene.shapes.append(
            Rectangle(left + dx, t + dy, right - left, b - t, 6.0, fill, GROUP_BORDER, 1.0, "5 4" if cut else "")
        )


def _names(scene: Scene, laid: Laid, margin: float) -> None:
    """Names and infos of frames, over everything else; in a column where a frame goes on, its path once more."""
    for f, frame in enumerate(laid.view.frames):
        left, top, right, bottom = laid.layout.frames[f]
        name, info = laid.layout.titles[f]
        for column in laid.columns:
            if column.top <= top < column.bottom:
                x, y = column.dx + MARGIN, top + column.dy + margin + 14
                scene.shapes.append(Text(name + x, y, frame.name, TEXT_SIZE, GROUP_NAME, True, "start"))
                if frame.info:
                    scene.shapes.append(Text(info + x, y, frame.info, CHIP_SIZE, GROUP_INFO, False, "start"))
    for k, column in enumerate(laid.columns[1:]):
        deepest = [
            f for f in range(len(laid.view.frames)) if laid.layout.frames[f][1] < column.top < laid.layout.frames[f][3]
        ]
        if deepest:
            f = max(deepest, key=lambda f: _depth(laid.view, f))
            path = [laid.view.frames[f].name]
            while laid.view.frames[f].parent >= 0:
                f = laid.view.frames[f].parent
                path.append(laid.view.frames[f].name)
            text = " / ".join(reversed(path)) + " …"
            left = max([low for _, low, _ in column.spans])
            x = _clear_of(laid.crossings[k], left + 10, text_width(text, TEXT_SIZE, bold=True)) + column.dx + MARGIN
            y = column.top - AHEAD + column.dy + margin
            scene.shapes.append(Text(x, y + 19, text, TEXT_SIZE, GROUP_NAME, True, "start"))


def _clear_of(crossings: list[tuple[int, float]], start: float, width: float) -> float:
    for _, x in crossings:
        if start - 12 < x < start + width + 12:
            start = x + 14
    return start


# ---- wires ---------------------------------------------------------------------------------------------------


def _wires(scene: Scene, laid: Laid, column: Column, dx: float, dy: float) -> None:
    any_flow = any(w.flows for w in laid.view.wires)
    wires = []
    for w in laid.view.wires:
        wires += [(w, True), (w, False)] if w.label else [(w, True)]
    ends = [(w, not w.label or not first) for w, first in wires]
    drawn: set[tuple[Point, ...]] = set()
    for (wire, arrow), points in zip(ends, laid.layout.edges, strict=True):
        piece = _within(points, column)
        if len(piece) < 2:
            continue
        placed = [(x + dx, y + dy) for x, y in piece]
        dash = "" if wire.flows or not any_flow else "1.5 3.5"
        last = points[-1] == piece[-1] and arrow
        tip = placed[-1]
        if last:
            back = 7.0
            placed[-1] = (tip[0] - back, tip[1]) if laid.sideways else (tip[0], tip[1] - back)
        key = tuple(placed)
        if key not in drawn:
            drawn.add(key)
            scene.shapes.append(Curve(placed, EDGE, wire.width, dash, laid.sideways))
        if last:
            scene.shapes.append(_head(tip, wire.width, laid.sideways))


def _head(tip: Point, width: float, sideways: bool) -> Polygon:
    half, length = 3.4 + 0.5 * (width - 1.1), 8.0
    x, y = tip
    if sideways:
        return Polygon([(x, y), (x - length, y - half), (x - length, y + half)], EDGE)
    return Polygon([(x, y), (x - half, y - length), (x + half, y - length)], EDGE)


def _within(points: list[Point], column: Column) -> list[Point]:
    """The part of a line that lies in a column."""
    out: list[Point] = []
    for k in range(1, len(points)):
        a, b = points[k - 1], points[k]
        came, goes = a[1] <= column.top < b[1], a[1] <= column.bottom < b[1]
        if not came and not goes and not column.top < b[1] <= column.bottom:
            continue
        start = (x_at(a, b, column.top), column.top) if came else a
        end = (x_at(a, b, column.bottom), column.bottom) if goes else b
        if came:
            out.append((start[0], column.top - AHEAD))
        if not out or out[-1] != start:
            out.append(start)
        if end != out[-1]:
            out.append(end)
        if goes:
            out.append((end[0], column.bottom + FOOT))
    return out


def _letters(scene: Scene, laid: Laid, margin: float) -> None:
    """Lettered circles where a cut goes through an edge: at the foot of one column and at the head of the next."""
    count = 0
    for k, crossed in enumerate(laid.crossings):
        above, below = laid.columns[k], laid.columns[k + 1]
        for _, x in crossed:
            name = (
                chr(ord("A") + count)
                if count < 26
                else f"{chr(ord('A') + count // 26 - 1)}{chr(ord('A') + count % 26)}"
            )
            count += 1
            for column, y in ((above, above.bottom + FOOT), (below, below.top - AHEAD)):
                scene.shapes.append(Circle(x + column.dx + MARGIN, y + column.dy + margin, 8.0, INK))
                at = (x + column.dx + MARGIN, y + column.dy + margin + 3.4)
                scene.shapes.append(Text(*at, name, 10.0, PAPER, True))


# ---- boxes ---------------------------------------------------------------------------------------------------


def _box(scene: Scene, box: Shown, x: float, y: float, overlaid: Overlaid) -> None:
    w, h = box.width, box.height
    left, top = x - w / 2, y - h / 2
    border, stroke = (ALARM, 2.6) if box.alarm else (box.border, 2.2 if box.thick else 1.1)
    if box.kind == "pill":
        scene.shapes.append(Rectangle(left, top, w, h, h / 2, box.fill, box.border, 0.8))
        scene.shapes.append(Text(x, y + 3.4, box.title, PILL_SIZE, MUTED))
        return
    radius = min(h / 2, 14.0) if box.kind == "input" else 5.0
    if box.section >= 0:
        scene.shapes.append(Rectangle(left + 3.5, top + 3.5, w, h, 5.0, PAPER, box.border, 1.0))
    scene.shapes.append(Rectangle(left, top, w, h, radius, box.fill, border, stroke))
    at = top + HEAD
    scene.shapes.append(Text(x, at - 1, box.title, TITLE_SIZE, box.ink, True))
    for line in box.lines:
        at += LINE
        module = line.startswith("in ")
        ink = box.ink if box.ink != INK else GROUP_NAME if module else MUTED
        scene.shapes.append(Text(x, at - 1, line, TEXT_SIZE, ink))
    at += 5.0
    for chip, text in zip(box.chips, box.texts, strict=True):
        fill, chip_border = KINDS[chip.kind]
        ink = INK
        if chip.node in overlaid.chips:
            fill, ink, _ = overlaid.chips[chip.node]
        scene.shapes.append(
            Rectangle(left + 7, at, w - 14, CHIP_HEIGHT, 3.0, fill, chip_border, 0.9, "3 2" if chip.frozen else "")
        )
        scene.shapes.append(Text(x, at + 11, text, CHIP_SIZE, ink))
        at += CHIP_STEP
    if box.bars:
        start = left + 7
        scene.shapes.append(Rectangle(start, top + h - 9, w - 14, 4.0, 1.0, "#ffffff", "#c3c9d3", 0.5))
        for part, colour in box.bars:
            if part > 0:
                scene.shapes.append(Rectangle(start, top + h - 9, part * (w - 14), 4.0, 1.0, colour))
                start += part * (w - 14)
    if box.badge:
        wide = _badge_width(box)
        scene.shapes.append(Rectangle(left + w - 12, top - 9, wide, 16.0, 7.0, box.badge_fill, PAPER, 1.2))
        scene.shapes.append(Text(left + w - 12 + wide / 2, top + 2.6, box.badge, CHIP_SIZE, PAPER, True))
