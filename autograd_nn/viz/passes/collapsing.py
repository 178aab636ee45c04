"""Collapsing: which groups are open. From the outside in, as far as the budget goes, identical siblings all or none."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from .sketch import Sketch

Member = tuple[str, int]


def open_sections(
    made: Sketch,
    budget: int | None,
    depth: int | None,
    expand: Collection[str],
    marked: Collection[int],
    once: bool = False,
) -> set[int]:
    """The sections that are drawn open.

    `budget`: visible nodes, pills not counted (None: no limit); `depth`: how many levels may be open; `expand`: paths of
    groups that are, whatever that costs, with all around them; `marked`: data nodes that must be seen; `once`: what is like
    an open group elsewhere stays closed. Raises ValueError for a path that is no group's.
    """
    held = made.children()
    opened: set[int] = set()
    for s in _wanted(made, expand, marked):
        opened |= set(made.chain(s))
    weight = {s: _weight(made, held, s) for s in held if s >= 0}
    shown = _weight(made, held, -1) + sum([weight[s] - 1 for s in opened if s in weight])
    level, known = [-1], set[Any]()
    while level:
        below: list[int] = []
        classes: dict[Any, list[int]] = {}
        for parent in level:
            for kind, s in held.get(parent, []):
                if kind == "section":
                    classes.setdefault((parent, signature(made, held, s)), []).append(s)
        for (_, contents), same in sorted(classes.items(), key=lambda c: (sum([weight[s] for s in c[1]]), c[1][0])):
            closed = [s for s in same if s not in opened]
            cost = sum([weight[s] - 1 for s in closed])
            deep = depth is not None and len(made.chain(same[0])) > depth
            again = once and contents in known
            if not deep and not again and (budget is None or shown + cost <= budget):
                known.add(contents)
                opened |= set(closed)
                shown += cost
            below += [s for s in same if s in opened]
        level = sorted(below)
    return opened


def _wanted(made: Sketch, expand: Collection[str], marked: Collection[int]) -> set[int]:
    out: set[int] = set()
    groups = made.data.groups
    for path in expand:
        found = [
            s for s, section in enumerate(made.sections)
            if section is not None and section.group >= 0
            and (groups[section.group].path == path or groups[section.group].path.endswith(f".{path}"))
        ]  # fmt: skip
        if not found:
            known = sorted({groups[s.group].path for s in made.sections if s is not None and s.group >= 0})
            listed = ", ".join(known[:12]) + (", ..." if len(known) > 12 else "") or "there are none"
            raise ValueError(f"graph: expand names {path!r}, which is no group of this graph; the groups are: {listed}")
        out |= set(found)
    for item in made.items:
        if item is not None and item.section >= 0 and any(n in marked for n in item.nodes):
            out.add(item.section)
    return out


def _weight(made: Sketch, held: dict[int, list[Member]], s: int) -> int:
    """How many nodes a section shows when it is open and what it holds is closed."""
    return sum([kind == "section" or made.items[k].kind != "pill" for kind, k in held[s]])  # type: ignore[union-attr]


def signature(made: Sketch, held: dict[int, list[Member]], s: int) -> tuple[Any, ...]:
    """What a section is made of, to tell identical siblings."""
    out: list[Any] = []
    stack: list[Member] = [("section", s)]
    while stack:
        kind, k = stack.pop()
        if kind == "item":
            item = made.items[k]
            assert item is not None
            result = made.data.nodes[item.nodes[-1]]
            out.append((item.title, result.shape, len(item.chips)))
        else:
            inner = held.get(k, [])
            out.append(len(inner))
            stack += inner
    return tuple(out)
