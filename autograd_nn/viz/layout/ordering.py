"""Ordering: the places in each row that make few edges cross, by barycentres and exchanges of neighbours.

`at[k]` of an edge's end is where it meets a box, as a part of the box's width from -0.5 to 0.5: an edge into an open group
leads to a port that need not be in its middle, and two edges into one group may cross or not.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

SWEEPS = 12
PATIENCE = 4
WIDEST = 60  # rows longer than this are not tried exchange by exchange

Link = tuple[int, float, float]  # the other node, where the edge meets this one, where it meets the other


def crossings(row: Sequence[int], place: Sequence[float], below: Sequence[Sequence[Link]]) -> int:
    """How many edges from this row to the next cross, counted by insertion into the sorted ends so far."""
    if len(row) < 2:
        return 0
    count = 0
    seen: list[float] = []
    for v in row:
        ends = sorted([(here, place[w] + there) for w, here, there in below[v]])
        for _, end in ends:
            k = bisect_right(seen, end)
            count += len(seen) - k
            seen.insert(k, end)
    return count


def order_rows(
    rows: list[list[int]], above: Sequence[Sequence[Link]], below: Sequence[Sequence[Link]]
) -> list[list[int]]:
    """Rows in the order with the fewest crossings that alternating sweeps find."""
    place = [0.0] * len(above)
    for row in rows:
        _number(row, place)
    best, fewest, stalled = [list(r) for r in rows], _total(rows, place, below), 0
    for sweep in range(SWEEPS):
        if fewest == 0 or stalled > PATIENCE:
            break
        downward = sweep % 2 == 0
        links = above if downward else below
        for q in range(1, len(rows)) if downward else range(len(rows) - 2, -1, -1):
            if len(rows[q]) > 1:
                rows[q] = _by_barycentre(rows[q], links, place)
                _number(rows[q], place)
        for row in rows:
            if 1 < len(row) <= WIDEST:
                _exchange(row, above, below, place)
        found = _total(rows, place, below)
        if found < fewest:
            best, fewest, stalled = [list(r) for r in rows], found, 0
        else:
            stalled += 1
    return best


def _number(row: Sequence[int], place: list[float]) -> None:
    for i, v in enumerate(row):
        place[v] = float(i)


def _total(rows: Sequence[Sequence[int]], place: Sequence[float], below: Sequence[Sequence[Link]]) -> int:
    count = 0
    for row in rows[:-1]:
        count += crossings(row, place, below)
    return count


def _by_barycentre(row: list[int], links: Sequence[Sequence[Link]], place: Sequence[float]) -> list[int]:
    """Nodes with neighbours on that side in the order of their neighbours' mean place; the others stay where they are."""
    keys = {}
    for v in row:
        if links[v]:
            total = 0.0
            for w, _, there in links[v]:
                total += place[w] + there
            keys[v] = total / len(links[v])
    moving = iter(sorted(keys, key=lambda v: keys[v]))
    return [next(moving) if v in keys else v for v in row]


def _exchange(
    row: list[int], above: Sequence[Sequence[Link]], below: Sequence[Sequence[Link]], place: list[float]
) -> None:
    """Exchange neighbours as long as that removes crossings."""
    for _ in range(3):
        changed = False
        for i in range(len(row) - 1):
            a, b = row[i], row[i + 1]
            gain = 0
            for links in (above, below):
                for u, _, x in links[a]:
                    for w, _, y in links[b]:
                        left, right = place[u] + x, place[w] + y
                        gain += (left > right) - (left < right)
            if gain > 0:
                row[i], row[i + 1] = b, a
                place[a], place[b] = float(i + 1), float(i)
                changed = True
        if not changed:
            return
