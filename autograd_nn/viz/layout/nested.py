"""Groups within groups: each is laid out on its own, inside out, as a graph of its members and the ports on its border.

An edge into a group ends at a port on its upper border, one for each source outside; an edge out of it begins at a port on
its lower border, one for each source inside. So what is inside a group depends on nothing outside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from .layered import Point, layered

PAD, TITLE, PORT = 12.0, 22.0, 14.0
LABEL_GAP = 8.0  # between a group's title and an edge that comes in beside it

Key = tuple[str, int, int]
"""A member of a group: ("node", v, 0), ("group", g, 0), or a port ("in" or "out", group, the source's node)."""


@dataclass(slots=True)
class Box:
    """A box to be placed: its size, and the frame it stands in (-1: none)."""

    width: float
    height: float
    group: int


@dataclass(slots=True)
class Frame:
    """An open group: the frame around it (-1: none) and the widths of its name and of what is said beside it."""

    parent: int
    name: float
    info: float


@dataclass(slots=True)
class Layout:
    """Centres of boxes; left, top, right, bottom of frames; where frames' names and infos begin; edges' points."""

    nodes: list[Point]
    frames: list[tuple[float, float, float, float]]
    titles: list[tuple[float, float]]
    edges: list[list[Point]]
    width: float
    height: float


@dataclass(slots=True)
class _Inside:
    """One group's own layout, in its own coordinates, and its size."""

    at: dict[Key, Point] = field(default_factory=dict)
    routes: dict[tuple[Key, Key, int], list[Point]] = field(default_factory=dict)
    left: float = 0.0
    top: float = 0.0
    width: float = 0.0
    height: float = 0.0
    title: tuple[float, float] = (0.0, 0.0)
    size: tuple[float, float] = (0.0, 0.0)


def layout(
    boxes: Sequence[Box], frames: Sequence[Frame], edges: Sequence[tuple[int, int]], sideways: bool = False
) -> Layout:
    """Place boxes in their frames so that edges run downward, or to the right if `sideways`.

    The same input gives the same output, to the last bit. Raises nothing: an edge of a cycle points upward.
    """
    chains = _chains(frames)
    members = _members(boxes, frames, chains)
    wires: list[dict[tuple[Key, Key, int], None]] = [{} for _ in range(len(frames) + 1)]
    ports: list[tuple[dict[Key, None], dict[Key, None]]] = [({}, {}) for _ in range(len(frames) + 1)]
    for s, t in edges:
        _wire(s, t, boxes, chains, wires, ports)
    inside = [_Inside() for _ in range(len(frames) + 1)]
    for g in [*sorted(range(len(frames)), key=lambda g: (-len(chains[g]), g)), -1]:
        _lay_out(g, inside, members[g], wires[g], ports[g], boxes, frames, sideways)
    at: dict[Key, Point] = {}
    placed = [(0.0, 0.0, 0.0, 0.0)] * len(frames)
    origin: list[Point] = [(0.0, 0.0)] * (len(frames) + 1)
    origin[-1] = (-inside[-1].left, -inside[-1].top)
    stack = [-1]
    while stack:
        g = stack.pop()
        ox, oy = origin[g]
        for key, (x, y) in inside[g].at.items():
            at[key] = (x + ox, y + oy)
            if key[0] == "group":
                child = key[1]
                w, h = inside[child].size
                left, top = x + ox - w / 2, y + oy - h / 2
                placed[child] = (left, top, left + w, top + h)
                before, beside = (PAD, TITLE) if sideways else (TITLE, PAD)
                origin[child] = (left + beside - inside[child].left, top + before - inside[child].top)
                stack.append(child)
    before = PAD if sideways else TITLE
    half = [(b.width if sideways else b.height) / 2 for b in boxes]
    routes = [_route(s, t, boxes, chains, inside, origin, at, placed, before, half) for s, t in edges]
    nodes = [at[("node", v, 0)] for v in range(len(boxes))]
    titles = [(placed[g][0] + inside[g].title[0], placed[g][0] + inside[g].title[1]) for g in range(len(frames))]
    width, height = inside[-1].width, inside[-1].height
    if sideways:
        nodes = [(y, x) for x, y in nodes]
        placed = [(t, left, b, r) for left, t, r, b in placed]
        titles = [
            (box[0] + PAD, box[0] + PAD + frame.name + LABEL_GAP) for box, frame in zip(placed, frames, strict=True)
        ]
        routes = [[(y, x) for x, y in points] for points in routes]
        width, height = height, width
    return Layout(nodes, placed, titles, routes, width, height)


def _chains(frames: Sequence[Frame]) -> list[list[int]]:
    """For each frame the frames around it, outermost first, itself last; the last entry, of no frame, is empty."""
    chains: list[list[int]] = []
    for g in range(len(frames)):
        chain = [g]
        while frames[chain[-1]].parent >= 0:
            chain.append(frames[chain[-1]].parent)
        chains.append(chain[::-1])
    return [*chains, []]


def _members(boxes: Sequence[Box], frames: Sequence[Frame], chains: Sequence[Sequence[int]]) -> list[list[Key]]:
    """What each frame holds, in the order of the boxes; the last list is what stands in no frame."""
    members: list[list[Key]] = [[] for _ in range(len(frames) + 1)]
    seen = [False] * len(frames)
    for v, box in enumerate(boxes):
        for g in chains[box.group]:
            if not seen[g]:
                seen[g] = True
                members[frames[g].parent].append(("group", g, 0))
        members[box.group].append(("node", v, 0))
    return members


def _within(v: int, g: int, depth: int, boxes: Sequence[Box], chains: Sequence[Sequence[int]]) -> Key:
    """The member of frame g (at this depth) that is, or holds, the box v."""
    chain = chains[boxes[v].group]
    return ("group", chain[depth], 0) if len(chain) > depth else ("node", v, 0)


def _shared(s: int, t: int, boxes: Sequence[Box], chains: Sequence[Sequence[int]]) -> int:
    """How many frames are around both."""
    a, b = chains[boxes[s].group], chains[boxes[t].group]
    k = 0
    while k < len(a) and k < len(b) and a[k] == b[k]:
        k += 1
    return k


def _wire(
    s: int, t: int, boxes: Sequence[Box], chains: Sequence[Sequence[int]],
    wires: list[dict[tuple[Key, Key, int], None]], ports: list[tuple[dict[Key, None], dict[Key, None]]],
) -> None:  # fmt: skip
    """Enter an edge in every group that it runs in: from the source out to the common one, and in to the target."""
    out, into = chains[boxes[s].group], chains[boxes[t].group]
    k = _shared(s, t, boxes, chains)
    common = out[k - 1] if k else -1
    wires[common][(_within(s, common, k, boxes, chains), _within(t, common, k, boxes, chains), s)] = None
    for depth in range(k, len(out)):
        g = out[depth]
        port = ("out", g, s)
        ports[g][1][port] = None
        wires[g][(_within(s, g, depth + 1, boxes, chains), port, s)] = None
    for depth in range(k, len(into)):
        g = into[depth]
        port = ("in", g, s)
        ports[g][0][port] = None
        wires[g][(port, _within(t, g, depth + 1, boxes, chains), s)] = None


def _lay_out(
    g: int, inside: list[_Inside], members: Sequence[Key], wires: dict[tuple[Key, Key, int], None],
    ports: tuple[dict[Key, None], dict[Key, None]], boxes: Sequence[Box], frames: Sequence[Frame], sideways: bool,
) -> None:  # fmt: skip
    own = inside[g]
    keys = [*members, *ports[0], *ports[1]]
    if not keys:
        return
    number = {key: i for i, key in enumerate(keys)}
    width, height = [], []
    for kind, k, _ in keys:
        w, h = PORT, 0.0
        if kind == "node":
            w, h = (boxes[k].height, boxes[k].width) if sideways else (boxes[k].width, boxes[k].height)
        elif kind == "group":
            w, h = inside[k].size
        width.append(w)
        height.append(h)
    wanted = list(wires)
    leaves = [_port_place(a, "out", s, inside, sideways) for a, _, s in wanted]
    arrives = [_port_place(b, "in", s, inside, sideways) for _, b, s in wanted]
    local = [(number[a], number[b]) for a, b, _ in wanted]
    found = layered(width, height, local, [number[p] for p in ports[0]], [number[p] for p in ports[1]], leaves, arrives)
    for i, key in enumerate(keys):
        own.at[key] = (found.x[i], found.y[i])
    left = min([found.x[i] - width[i] / 2 for i in range(len(keys))])
    right = max([found.x[i] + width[i] / 2 for i in range(len(keys))])
    own.top = min([found.y[i] - height[i] / 2 for i in range(len(keys))])
    own.height = max([found.y[i] + height[i] / 2 for i in range(len(keys))]) - own.top
    for k, wire in enumerate(wanted):
        points = found.routes[k]
        if points:  # where the edge meets a group's border is not the group's middle
            a, b = local[k]
            points[0] = (points[0][0] + leaves[k] * width[a], points[0][1])
            points[-1] = (points[-1][0] + arrives[k] * width[b], points[-1][1])
        for x, _ in points:
            left, right = min(left, x - 4.0), max(right, x + 4.0)
        own.routes[wire] = points
    own.left, own.width = left, right - left
    if g < 0:
        return
    if sideways:
        own.height = max(own.height, frames[g].name + LABEL_GAP + frames[g].info)
        own.size = (own.width + PAD + TITLE, own.height + 2 * PAD)
        return
    entries = sorted([own.at[p][0] - own.left + PAD for p in ports[0]])
    moved, own.title, end = _titles(entries, frames[g], own.width + 2 * PAD)
    own.left -= moved
    own.size = (end, own.height + TITLE + PAD)


def _port_place(member: Key, kind: str, s: int, inside: Sequence[_Inside], sideways: bool) -> float:
    """Where an edge meets a group's border, as a part of its width from -0.5 to 0.5; any other member: its middle."""
    if member[0] != "group":
        return 0.0
    own = inside[member[1]]
    beside = TITLE if sideways else PAD
    return (own.at[(kind, member[1], s)][0] - own.left + beside) / own.size[0] - 0.5


def _titles(entries: Sequence[float], frame: Frame, width: float) -> tuple[float, tuple[float, float], float]:
    """Where a name and an info begin so that no edge coming in runs through them, how far the content moves to the right for
    that, and how wide the frame becomes: the narrower of moving nothing and of making room for the name on the left."""
    moved = max(0.0, PAD + frame.name + LABEL_GAP - entries[0]) if entries else 0.0
    (stays, end), (moves, other) = (
        _titled(entries, frame, width),
        _titled([x + moved for x in entries], frame, width + moved),
    )
    return (moved, moves, other) if other <= end else (0.0, stays, end)


def _titled(entries: Sequence[float], frame: Frame, width: float) -> tuple[tuple[float, float], float]:
    name = _free(entries, PAD, frame.name)
    if frame.info == 0.0:
        return (name, name), max(width, name + frame.name + PAD)
    info = _free(entries, name + frame.name + LABEL_GAP, frame.info)
    width = max(width, info + frame.info + PAD)
    if _free(entries, info, width - PAD - info) == info:  # no edge to the right of it: it may stand at the border
        info = width - PAD - frame.info
    return (name, info), width


def _free(entries: Sequence[float], start: float, width: float) -> float:
    """The first place from `start` on where this width is clear of the entries."""
    for x in entries:
        if start - LABEL_GAP < x < start + width + LABEL_GAP:
            start = x + LABEL_GAP
    return start


def _route(
    s: int, t: int, boxes: Sequence[Box], chains: Sequence[Sequence[int]], inside: Sequence[_Inside],
    origin: Sequence[Point], at: dict[Key, Point], placed: Sequence[tuple[float, float, float, float]], before: float,
    half: Sequence[float],
) -> list[Point]:  # fmt: skip
    """The points of an edge from border to border of its boxes, through every frame it leaves and enters."""
    out, into = chains[boxes[s].group], chains[boxes[t].group]
    k = _shared(s, t, boxes, chains)
    x, y = at[("node", s, 0)]
    points = [(x, y + half[s])]
    for depth in range(len(out) - 1, k - 1, -1):
        g = out[depth]
        port = ("out", g, s)
        points += _moved(inside[g].routes[(_within(s, g, depth + 1, boxes, chains), port, s)], origin[g])
        points.append((at[port][0], placed[g][3]))
    common = out[k - 1] if k else -1
    wire = (_within(s, common, k, boxes, chains), _within(t, common, k, boxes, chains), s)
    points += _moved(inside[common].routes[wire], origin[common])
    for depth in range(k, len(into)):
        g = into[depth]
        port = ("in", g, s)
        points += [(at[port][0], placed[g][1]), (at[port][0], placed[g][1] + before)]
        points += _moved(inside[g].routes[(port, _within(t, g, depth + 1, boxes, chains), s)], origin[g])
    x, y = at[("node", t, 0)]
    points.append((x, y - half[t]))
    kept: list[Point] = []
    for p in points:
        if not kept or p != kept[-1]:
            kept.append(p)
    return kept


def _moved(points: Sequence[Point], by: Point) -> list[Point]:
    return [(x + by[0], y + by[1]) for x, y in points]
