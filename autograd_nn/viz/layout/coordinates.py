"""Coordinates: the x of every box, after Brandes and Koepf, "Fast and simple horizontal coordinate assignment" (2001).

Long edges come out straight, and a box stands under the middle of what it is computed from. Four layouts, aligned to
the upper or lower neighbours and packed to the left or right, are averaged; each keeps the order and the distances of a row,
and so does their average. An edge need not meet a group's border in its middle: what is aligned are the places where edges
meet boxes, so that they come out straight through borders, too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

Rows = Sequence[Sequence[int]]
Neighbours = Sequence[Sequence[tuple[int, float]]]
"""For each node v its neighbours u, each with the x of v minus the x of u at which the edge between them is straight."""


def coordinates(
    rows: Rows, above: Neighbours, below: Neighbours, width: Sequence[float], bend: Sequence[bool],
    node_gap: float, edge_gap: float,
) -> list[float]:  # fmt: skip
    """The x of every node. `bend[v]`: v is no box but a place where a long edge passes a row."""
    count = len(width)
    conflicts = _conflicts(rows, above, bend)

    def distance(a: int, b: int) -> float:
        return (width[a] + width[b]) / 2 + (edge_gap if bend[a] or bend[b] else node_gap)

    layouts: list[list[float]] = []
    for upward in (False, True):
        for leftward in (False, True):
            turned = [list(r) for r in (reversed(rows) if upward else rows)]
            if leftward:
                turned = [r[::-1] for r in turned]
            root, shift = _blocks(turned, below if upward else above, conflicts, count, -1.0 if leftward else 1.0)
            x = _packed(turned, root, shift, distance, count)
            layouts.append([-value for value in x] if leftward else x)
    return _balanced(layouts, count)


def _conflicts(rows: Rows, above: Neighbours, bend: Sequence[bool]) -> set[tuple[int, int]]:
    """Edges that cross an inner segment of a long one (type 1 conflicts): the long one is to stay straight."""
    place = {v: i for row in rows for i, v in enumerate(row)}
    found: set[tuple[int, int]] = set()
    for i in range(1, len(rows) - 1):
        upper, lower = rows[i], rows[i + 1]
        left, scanned = 0, 0
        for j, v in enumerate(lower):
            inner = -1
            if bend[v]:
                for u, _ in above[v]:
                    if bend[u]:
                        inner = place[u]
            if j == len(lower) - 1 or inner >= 0:
                right = inner if inner >= 0 else len(upper) - 1
                while scanned <= j:
                    for u, _ in above[lower[scanned]]:
                        if place[u] < left or place[u] > right:
                            found.add((u, lower[scanned]))
                    scanned += 1
                left = right
    return found


def _blocks(
    rows: Rows, neighbours: Neighbours, conflicts: set[tuple[int, int]], count: int, sign: float
) -> tuple[list[int], list[float]]:
    """Each node's block, the straight line of nodes that it is aligned with, known by its first, and how far from that it is."""
    place = [0] * count
    for row in rows:
        for i, v in enumerate(row):
            place[v] = i
    root, aligned, shift = list(range(count)), list(range(count)), [0.0] * count
    for row in rows:
        reached = -1
        for v in row:
            near = neighbours[v]
            if not near:
                continue
            if len(near) > 1:
                near = sorted(near, key=lambda n: place[n[0]])
            middle = len(near) - 1
            for m in range(middle // 2, (middle + 1) // 2 + 1):
                u, apart = near[m]
                if aligned[v] != v or place[u] <= reached:
                    continue
                if conflicts and ((u, v) in conflicts or (v, u) in conflicts):
                    continue
                aligned[u], root[v], aligned[v] = v, root[u], root[u]
                shift[v] = shift[u] + sign * apart
                reached = place[u]
    return root, shift


def _packed(
    rows: Rows, root: Sequence[int], shift: Sequence[float], distance: Callable[[int, int], float], count: int
) -> list[float]:
    """The blocks packed to the left by longest paths, then each drawn to the right, to the next one."""
    after: list[list[tuple[int, float]]] = [[] for _ in range(count)]
    waiting = [0] * count
    for row in rows:
        for k in range(1, len(row)):
            a, b = row[k - 1], row[k]
            after[root[a]].append((root[b], distance(a, b) + shift[a] - shift[b]))
            waiting[root[b]] += 1
    x = [0.0] * count
    order = [v for v in range(count) if root[v] == v and waiting[v] == 0]
    head = 0
    while head < len(order):
        b = order[head]
        head += 1
        for c, gap in after[b]:
            x[c] = max(x[c], x[b] + gap)
            waiting[c] -= 1
            if waiting[c] == 0:
                order.append(c)
    for k in range(len(order) - 1, -1, -1):
        b = order[k]
        if after[b]:
            x[b] = max(x[b], min([x[c] - gap for c, gap in after[b]]))
    return [x[root[v]] + shift[v] for v in range(count)]


def _balanced(layouts: list[list[float]], count: int) -> list[float]:
    """The mean of the two middle ones of four, after moving them onto the narrowest."""
    if count == 0:
        return []
    widths = [max(x) - min(x) for x in layouts]
    narrowest = layouts[widths.index(min(widths))]
    low, high = min(narrowest), max(narrowest)
    for k in range(4):
        x = layouts[k]
        shift = low - min(x) if k % 2 == 0 else high - max(x)
        layouts[k] = [value + shift for value in x]
    out = []
    for v in range(count):
        middle = sorted([layouts[0][v], layouts[1][v], layouts[2][v], layouts[3][v]])
        out.append((middle[1] + middle[2]) / 2)
    return out
