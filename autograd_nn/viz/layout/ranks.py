"""Ranks: which row each box of a graph stands in, every edge leading downward."""

from __future__ import annotations

from collections.abc import Collection, Sequence

Edge = tuple[int, int]


def adjacency(count: int, edges: Sequence[Edge]) -> tuple[list[list[int]], list[list[int]]]:
    """The predecessors and the successors of every node."""
    above: list[list[int]] = [[] for _ in range(count)]
    below: list[list[int]] = [[] for _ in range(count)]
    for s, t in edges:
        above[t].append(s)
        below[s].append(t)
    return above, below


def topological(count: int, edges: Sequence[Edge]) -> list[int]:
    """The nodes, each after its predecessors.

    Where there is a cycle (contracting groups that somebody made up can leave one) the smallest node that waits goes next:
    the edges into it from later nodes are the ones that will point upward.
    """
    above, below = adjacency(count, edges)
    waiting = [len(a) for a in above]
    order = [v for v in range(count) if waiting[v] == 0]
    placed = [w == 0 for w in waiting]
    head, smallest = 0, 0
    while len(order) < count or head < len(order):
        if head == len(order):
            while placed[smallest]:
                smallest += 1
            placed[smallest] = True
            order.append(smallest)
        v = order[head]
        head += 1
        for w in below[v]:
            waiting[w] -= 1
            if waiting[w] == 0 and not placed[w]:
                placed[w] = True
                order.append(w)
    return order


def ranks(
    count: int, edges: Sequence[Edge], order: Sequence[int], top: Collection[int], bottom: Collection[int]
) -> list[int]:
    """The longest path to each node from above; then what has more below it than above sinks to what uses it, and so does what
    has as much, if all above it can follow.

    `top` and `bottom` stand alone in the first and last row: the ports where edges enter and leave a group.
    """
    above, below = adjacency(count, edges)
    pinned = [False] * count
    for v in (*top, *bottom):
        pinned[v] = True
    rank = [0] * count
    for v in order:
        for u in above[v]:
            rank[v] = max(rank[v], rank[u] + 1)
    light = [False] * count
    for v in order:
        more = len(below[v]) - len(above[v])
        light[v] = (
            not pinned[v] and len(below[v]) > 0 and (more > 0 or (more == 0 and all([light[u] for u in above[v]])))
        )
    for _ in range(3):
        moved = False
        for i in range(count - 1, -1, -1):
            v = order[i]
            if not light[v]:
                continue
            lowest = min([rank[w] for w in below[v]]) - 1
            if lowest > rank[v]:
                rank[v], moved = lowest, True
        if not moved:
            break
    free = [rank[v] for v in range(count) if not pinned[v]]
    first, last = (min(free), max(free)) if free else (0, 0)
    for v in top:
        rank[v] = first - 1
    for v in bottom:
        rank[v] = last + 1
    start = min(rank) if count else 0
    return [r - start for r in rank]
