"""Dissolving: a group that is all of one operation is drawn as that operation, with the group's name on it."""

from __future__ import annotations

from .sketch import Sketch


def dissolve(made: Sketch, keep: frozenset[int] = frozenset()) -> None:
    """Dissolve groups of a single operation, and of a single group, which takes both names. Sections in `keep` stay."""
    changed = True
    while changed:
        changed = False
        held = made.children()
        for s, section in enumerate(made.sections):
            if section is None or s in keep:
                continue
            members = held.get(s, [])
            solid = [(kind, k) for kind, k in members if kind == "section" or made.items[k].kind != "pill"]  # type: ignore[union-attr]
            if not solid:  # empty, or nothing but pills
                for _, i in members:
                    made.items[i].section = section.parent  # type: ignore[union-attr]
                made.sections[s] = None
                changed = True
            elif len(solid) == 1 and (solid[0][0] == "item" or len(members) == 1) and section.times == 1:
                kind, k = solid[0]
                if kind == "item":
                    item = made.items[k]
                    assert item is not None
                    if item.kind != "op":
                        continue
                    item.module = f"{section.name}.{item.module}" if item.module else section.name
                else:
                    inner = made.sections[k]
                    assert inner is not None
                    inner.name, inner.parent = f"{section.name}.{inner.name}", section.parent
                for other, i in members:
                    if other == "item":
                        made.items[i].section = section.parent  # type: ignore[union-attr]
                made.sections[s] = None
                changed = True
                break
