"""A layered layout of one group: rows, the order in them, x and y, and where each edge bends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .coordinates import Neighbours, coordinates
from .ordering import Link, order_rows
from .ranks import Edge, adjacency, ranks, topological

NODE_GAP, EDGE_GAP = 18.0, 10.0
RANK_GAP, PORT_GAP = 26.0, 10.0
STEEPEST = 0.05  # a row is this much lower for each unit that an edge goes sideways
REACH = 0.9  # how much of the distance between neighbours a port's place counts in ordering: less than to the next one
MOST_BENDS = 20_000
"""With more, the longest edges go straight to their end: n operations that all lead to one are no n^2 bends."""

Point = tuple[float, float]


@dataclass(slots=True)
class Layered:
    """Where a group's members are (their centres) and the points that each edge passes on its way."""

    x: list[float]
    y: list[float]
    routes: list[list[Point]]


def layered(
    width: Sequence[float], height: Sequence[float], edges: Sequence[Edge], top: Sequence[int], bottom: Sequence[int],
    leaves_at: Sequence[float], arrives_at: Sequence[float],
) -> Layered:  # fmt: skip
    """Lay out boxes of these sizes. `leaves_at` and `arrives_at` say where edges meet boxes: from -0.5 (left) to 0.5.

    `top` and `bottom` are the ports where edges come in and go out. No two edges join the same two boxes.
    """
    count = len(width)
    order = topological(count, edges)
    place = [0] * count
    for i, v in enumerate(order):
        place[v] = i
    forward = [k for k, (s, t) in enumerate(edges) if place[s] < place[t]]
    rank = ranks(count, [edges[k] for k in forward], order, top, bottom)
    forward = [k for k in forward if rank[edges[k][0]] < rank[edges[k][1]]]
    chains, rank, bend = _with_bends(count, edges, forward, rank)
    total = len(rank)
    widths = [*width, *[EDGE_GAP] * (total - count)]
    heights = [*height, *[0.0] * (total - count)]
    up: list[list[tuple[int, float]]] = [[] for _ in range(total)]
    down: list[list[tuple[int, float]]] = [[] for _ in range(total)]
    above: list[list[Link]] = [[] for _ in range(total)]
    below: list[list[Link]] = [[] for _ in range(total)]
    for k in forward:
        chain = chains[k]
        for i in range(1, len(chain)):
            a, b = chain[i - 1], chain[i]
            here = leaves_at[k] if i == 1 else 0.0
            there = arrives_at[k] if i == len(chain) - 1 else 0.0
            if rank[b] == rank[a] + 1:
                below[a].append((b, REACH * here, REACH * there))
                above[b].append((a, REACH * there, REACH * here))
                apart = there * widths[b] - here * widths[a]
                down[a].append((b, apart))
                up[b].append((a, -apart))
    rows = order_rows(_first_rows(order, rank, up, down), above, below)
    x = coordinates(rows, up, down, widths, bend, NODE_GAP, EDGE_GAP)
    y, tall = _heights(rows, heights, x, down, set(top) | set(bottom))
    routes: list[list[Point]] = [[] for _ in edges]
    for k in forward:
        chain, points = chains[k], routes[k]
        for i, v in enumerate(chain):
            half = tall[rank[v]] / 2
            if i > 0:
                points.append((x[v], y[v] - half))
            if i < len(chain) - 1:
                points.append((x[v], y[v] + half))
    return Layered(x[:count], y[:count], routes)


def _with_bends(
    count: int, edges: Sequence[Edge], forward: Sequence[int], rank: Sequence[int]
) -> tuple[list[list[int]], list[int], list[bool]]:
    """A node for each row that an edge passes, so that it has a place there."""
    ranks_, bend = list(rank), [False] * count
    chains: list[list[int]] = [[] for _ in edges]
    for k in sorted(forward, key=lambda k: rank[edges[k][1]] - rank[edges[k][0]]):
        s, t = edges[k]
        chain = [s]
        if len(ranks_) - count + rank[t] - rank[s] - 1 <= MOST_BENDS:
            for r in range(rank[s] + 1, rank[t]):
                chain.append(len(ranks_))
                ranks_.append(r)
                bend.append(True)
        chain.append(t)
        chains[k] = chain
    return chains, ranks_, bend


def _first_rows(order: Sequence[int], rank: Sequence[int], above: Neighbours, below: Neighbours) -> list[list[int]]:
    """A first order: depth first from the ends upward, which keeps what leads to one end together."""
    rows: list[list[int]] = [[] for _ in range(max(rank, default=-1) + 1)]
    seen = [False] * len(rank)
    for i in range(len(order) - 1, -1, -1):
        if below[order[i]]:
            continue
        stack = [order[i]]
        while stack:
            v = stack.pop()
            if seen[v]:
                continue
            seen[v] = True
            rows[rank[v]].append(v)
            for k in range(len(above[v]) - 1, -1, -1):
                stack.append(above[v][k][0])
    for v in range(len(rank)):  # what only edges without bends lead away from
        if not seen[v]:
            rows[rank[v]].append(v)
    return rows


def _heights(
    rows: Sequence[Sequence[int]], height: Sequence[float], x: Sequence[float], below: Neighbours, ports: set[int],
) -> tuple[list[float], list[float]]:  # fmt: skip
    """The y of every node and the height of every row; rows with far-reaching edges between them stand further apart."""
    y, tall, at = [0.0] * len(height), [], 0.0
    for q, row in enumerate(rows):
        tall.append(max([height[v] for v in row]))
        for v in row:
            y[v] = at + tall[q] / 2
        if q == len(rows) - 1:
            break
        sideways, ports_only, next_ports_only = 0.0, True, True
        for v in row:
            ports_only = ports_only and v in ports
            for w, apart in below[v]:
                sideways = max(sideways, abs(x[v] - x[w] - apart))
        for w in rows[q + 1]:
            next_ports_only = next_ports_only and w in ports
        gap = PORT_GAP if ports_only or next_ports_only else RANK_GAP
        at += tall[q] + gap + min(26.0, STEEPEST * sideways)
    return y, tall


__all__ = ["Layered", "Point", "adjacency", "layered"]
