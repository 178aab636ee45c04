"""Folding a tall picture into columns, cut where few edges cross and few groups are open.

An edge that is cut ends in a lettered circle and goes on from the same letter at the top of the next column. A cut is right
below a row, where edges have not begun to bend, and what is cut is drawn a little longer on both sides, straight.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from .layered import Point
from .nested import Box, Layout

GUTTER = 44.0  # between columns
FOOT, HEAD = (
    14.0,
    30.0,
)  # how much longer what is cut is drawn, below and above: the letters, and a frame's name once more
ROUND = 10.0  # room for half a letter
CLEAR = 8.0  # from a cut to what comes below it
LETTER = 18.0  # the distance two letters need
INDENT = 12.0  # between the borders of frames that are cut
TRIED = 24  # how many places for a cut are looked at, those nearest to where it should be
PER_EDGE, PER_FRAME, PER_CROWD, PER_UNEVENNESS = 80.0, 120.0, 500.0, 0.6


@dataclass(slots=True)
class Column:
    """A strip of the layout, from `top` to `bottom`, and what to add to its coordinates to place it in the picture."""

    top: float
    bottom: float
    dx: float
    dy: float
    spans: list[tuple[int, float, float]]  # the frames that go on here from the column before: left and right end


@dataclass(slots=True)
class Wrapped:
    """The columns of a layout, the size of the whole, and for each cut its letters: (source, x) at each crossing."""

    columns: list[Column]
    width: float
    height: float
    crossings: list[list[tuple[int, float]]]


def wrap(
    found: Layout, edges: Sequence[tuple[int, int]], boxes: Sequence[Box], widest: float, tallest: float
) -> Wrapped:
    """Fold a layout into the fewest columns that are at most `tallest` high, or as many as fit into `widest`.

    One column, if two would be wider than that, or if it is not tall.
    """
    best = Wrapped([Column(0.0, found.height, 0.0, 0.0, [])], found.width, found.height, [])
    if found.height <= tallest:
        return best
    solid = [(y - b.height / 2 - CLEAR, y + b.height / 2) for (_, y), b in zip(found.nodes, boxes, strict=True)]
    solid += [(t - CLEAR, t + 26.0) for _, t, _, _ in found.frames] + [(b - 13.0, b) for *_, b in found.frames]
    solid.sort()
    gaps = _gaps(solid, found.height)
    for count in range(2, 7):
        cuts = _cuts(found, edges, gaps, count)
        if len(cuts) < count - 1:
            break
        wrapped = _placed(found, edges, boxes, cuts)
        if wrapped.width > widest:
            break
        best = wrapped
        if wrapped.height <= tallest:
            break
    return best


def _gaps(solid: Sequence[tuple[float, float]], height: float) -> list[float]:
    """The heights at which no box and no title would be cut: right below something."""
    found, end = [], 0.0
    for low, high in solid:
        if low > end and end > 0.0:
            found.append(end)
        end = max(end, high)
    return [y for y in found if 40.0 < y < height - 40.0]


def _cuts(found: Layout, edges: Sequence[tuple[int, int]], gaps: Sequence[float], count: int) -> list[float]:
    """The cheapest gap near each of the heights that divide the layout evenly."""
    cuts: list[float] = []
    step = found.height / count
    for k in range(1, count):
        best, cost = -1.0, 0.0
        near = sorted([(abs(y - k * step), y) for y in gaps if abs(y - k * step) <= 0.3 * step])
        for off, y in near[:TRIED]:
            if cuts and y < cuts[-1] + 0.3 * step:
                continue
            price = PER_UNEVENNESS * off + _price(found, edges, y)
            if best < 0.0 or price < cost:
                best, cost = y, price
        if best >= 0.0:
            cuts.append(best)
    return cuts


def _price(found: Layout, edges: Sequence[tuple[int, int]], y: float) -> float:
    """What a cut costs: letters, letters too close to one another, open frames."""
    crossed = crossings_at(found, edges, y)
    price = PER_EDGE * len(crossed)
    for k in range(1, len(crossed)):
        if crossed[k][1] - crossed[k - 1][1] < LETTER:
            price += PER_CROWD
    for _, top, _, bottom in found.frames:
        if top < y < bottom:
            price += PER_FRAME
    return price


def crossings_at(found: Layout, edges: Sequence[tuple[int, int]], y: float) -> list[tuple[int, float]]:
    """Where edges cross a height, from left to right, each source once at a place."""
    seen: dict[tuple[int, float], None] = {}
    for (s, _), points in zip(edges, found.edges, strict=True):
        for k in range(1, len(points)):
            a, b = points[k - 1], points[k]
            if a[1] <= y < b[1]:
                seen[(s, x_at(a, b, y))] = None
    return sorted(seen, key=lambda c: (c[1], c[0]))


def x_at(a: Point, b: Point, y: float) -> float:
    """Where a bend from a to b is at a height: on the curve that leaves and arrives vertically."""
    if a[0] == b[0]:
        return a[0]
    part = (y - a[1]) / (b[1] - a[1])
    return math.floor(100 * (a[0] + (b[0] - a[0]) * part * part * (3 - 2 * part)) + 0.5) / 100


def _placed(found: Layout, edges: Sequence[tuple[int, int]], boxes: Sequence[Box], cuts: Sequence[float]) -> Wrapped:
    bounds = [0.0, *cuts, found.height]
    columns, across, tall = [], 0.0, 0.0
    for k in range(len(bounds) - 1):
        column = Column(bounds[k], bounds[k + 1], 0.0, (0.0 if k == 0 else HEAD + ROUND) - bounds[k], [])
        left, right = _extent(found, boxes, column)
        column.dx = across - left
        columns.append(column)
        across += right - left + GUTTER
        tall = max(tall, column.bottom + column.dy + (FOOT + ROUND if k < len(cuts) else 0.0))
    letters = [crossings_at(found, edges, y) for y in cuts]
    return Wrapped(columns, across - GUTTER, tall, letters)


def _extent(found: Layout, boxes: Sequence[Box], column: Column) -> tuple[float, float]:
    """The left and right end of what lies in a column. A frame that goes on from the column before is cut to what it holds."""
    top, bottom, xs, going_on = column.top, column.bottom, [], []
    for f, (left, t, right, b) in enumerate(found.frames):
        if t < bottom and b > top:
            if t < top:
                going_on.append(f)
            else:
                xs += [left, right]
    for points in found.edges:
        for k in range(1, len(points)):
            if points[k - 1][1] < bottom and points[k][1] > top:
                for x, y in (points[k - 1], points[k]):
                    if top <= y <= bottom:
                        xs += [x - 10.0, x + 10.0]
    for i, (x, y) in enumerate(found.nodes):
        if top < y < bottom:
            xs += [x - boxes[i].width / 2, x + boxes[i].width / 2]
    low, high = (min(xs), max(xs)) if xs else (0.0, 0.0)
    depths = [len([g for g in going_on if _around(found, f, g)]) for f in going_on]
    first, last = low, high
    for f, depth in zip(going_on, depths, strict=True):
        left, _, right, _ = found.frames[f]
        inside = max(depths) - depth + 1
        span = (max(left, low - INDENT * inside), min(right, high + INDENT * inside))
        column.spans.append((f, *span))
        first, last = min(first, span[0]), max(last, span[1])
    return first, last


def _around(found: Layout, f: int, g: int) -> bool:
    """Whether frame g is around frame f."""
    a, b = found.frames[f], found.frames[g]
    return f != g and b[0] <= a[0] and b[1] <= a[1] and b[2] >= a[2] and b[3] >= a[3]
