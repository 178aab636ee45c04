"""Drawing: a view laid out, and the scene made of it: frames, wires, boxes, lettered circles where columns part."""

from __future__ import annotations

from dataclasses import dataclass

from .heading import Heading
from .layout import Box, Column, Frame, Layout, layout, wrap
from .layout.columns import FOOT, x_at
from .layout.columns import HEAD as AHEAD
from .overlays import Overlaid
from .passes import Shown, View
from .passes.visible import CHIP_HEIGHT, CHIP_STEP, HEAD, LINE, PILL_LINE, PILL_SIZE
from .scene import Circle, Curve, Point, Polygon, Rectangle, Scene, Text
from .style import (
    ALARM,
    CHIP_SIZE,
    EDGE,
    GROUP_BORDER,
    GROUP_INFO,
    GROUP_NAME,
    GROUP_TINTS,
    INK,
    KINDS,
    MARGIN,
    MUTED,
    PAPER,
    TEXT_SIZE,
    TITLE_SIZE,
    shortened,
    text_width,
)

WIDEST, TALLEST = (
    1100.0,
    1250.0,
)  # beyond this height a picture is folded into columns, while they stay within this width
CLOSE = 0.01  # what is apart by less is so by rounding


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
    silent: bool = False  # wires only say what comes below what, and are not drawn


def lay_out(view: View, sideways: bool, silent: bool = False) -> Laid:
    """Place everything. Labelled wires go through a box for their label, so that no two things overlap."""
    boxes = [Box(b.width + 2 * _badge_overhang(b), b.height, b.frame) for b in view.boxes]
    edges: list[tuple[int, int]] = []
    labels: list[str] = []
    for wire in view.wires:
        if not wire.label:
            edges.append((wire.source, wire.target))
            continue
        frame, label = _common(view, wire.source, wire.target), len(boxes)
        boxes.append(Box(text_width(wire.label, CHIP_SIZE) + 6, 14.0, frame))
        labels.append(wire.label)
        edges += [(wire.source, label), (label, wire.target)]
    frames = [
        Frame(f.parent, text_width(f.name, TEXT_SIZE, bold=True), text_width(f.info, CHIP_SIZE)) for f in view.frames
    ]
    found = layout(boxes, frames, edges, sideways)
    wrapped = wrap(found, edges, boxes, WIDEST, float("inf") if sideways else TALLEST)
    size = (wrapped.width, wrapped.height)
    return Laid(view, found, wrapped.columns, wrapped.crossings, *size, boxes, edges, labels, sideways, silent)


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
    for column in laid.columns if not laid.silent else ():
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
    if not laid.silent:
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
        came, goes = top < column.top - CLOSE, bottom > column.bottom + CLOSE
        t = column.top - AHEAD if came else top
        b = column.bottom + FOOT if goes else bottom
        left, right = next(((low, high) for g, low, high in column.spans if g == f), (left, right))
        fill = GROUP_TINTS[min(_depth(laid.view, f), len(GROUP_TINTS) - 1)]
        scene.shapes.append(
            Rectangle(
                left + dx, t + dy, right - left, b - t, 6.0, fill, GROUP_BORDER, 1.0, "5 4" if came or goes else ""
            )
        )


def _names(scene: Scene, laid: Laid, margin: float) -> None:
    """Names and infos of frames, over everything else; in a column where a frame goes on, its path once more."""
    for f, frame in enumerate(laid.view.frames):
        top = laid.layout.frames[f][1]
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
            text, x = _continued(path[::-1], laid.crossings[k], column)
            x += column.dx + MARGIN
            y = column.top - AHEAD + column.dy + margin
            scene.shapes.append(Text(x, y + 19, text, TEXT_SIZE, GROUP_NAME, True, "start"))


def _continued(path: list[str], crossings: list[tuple[int, float]], column: Column) -> tuple[str, float]:
    """As much of a frame's path, from its end, as fits beside the letters, and where it begins."""
    start, end = max([low for _, low, _ in column.spans]) + 10, min([high for _, _, high in column.spans]) - 6
    for k in range(len(path)):
        text = ("… / " if k else "") + " / ".join(path[k:]) + " …"
        width = text_width(text, TEXT_SIZE, bold=True)
        x = _clear_of(crossings, start, width)
        if x + width <= end:
            return text, x
    for letters in (24, 16, 10):
        text = shortened(path[-1], letters)
        width = text_width(text, TEXT_SIZE, bold=True)
        x = _clear_of(crossings, start, width)
        if x + width <= end:
            return text, x
    return "…", _clear_of(crossings, start, 12.0)


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
        scene.shapes.append(Rectangle(left, top, w, h, 8.5, box.fill, box.border, 0.8))
        for k, line in enumerate([box.title, *box.lines]):
            scene.shapes.append(Text(x, top + 11.9 + PILL_LINE * k, line, PILL_SIZE, MUTED))
        return
    radius = min(h / 2, 14.0) if box.kind == "input" else 5.0
    if box.section >= 0:
        scene.shapes.append(Rectangle(left + 3.5, top + 3.5, w, h, 5.0, PAPER, box.border, 1.0))
    scene.shapes.append(Rectangle(left, top, w, h, radius, box.fill, border, stroke))
    at = top + HEAD
    scene.shapes.append(Text(x, at - 1, box.title, TITLE_SIZE, box.ink, True))
    for line in box.lines:
        at += LINE
        ink = box.ink if box.tinted else GROUP_NAME if line.startswith("in ") else MUTED
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
