"""The attributes of a model and of the modules in it, put back as they were: a counter, a cache, a state bound anew."""

from __future__ import annotations

from typing import Any


class Attributes:
    """What the objects of a model hold: their attributes, and what is in the lists and dicts among these."""

    def __init__(self, model: Any) -> None:
        self._holders: list[tuple[Any, Any]] = []
        self._visit(model, set())

    def _visit(self, x: Any, seen: set[int]) -> None:
        if id(x) in seen:
            return
        seen.add(id(x))
        if isinstance(x, (list, dict)):
            self._holders.append((x, x.copy()))
            held = list(x.values() if isinstance(x, dict) else x)
        elif isinstance(x, tuple):
            held = list(x)
        elif hasattr(x, "named_parameters") and hasattr(x, "__dict__"):
            self._holders.append((x.__dict__, dict(x.__dict__)))
            held = list(x.__dict__.values())
        else:
            return
        for part in held:
            self._visit(part, seen)

    def restore(self) -> None:
        """Put back what changed since."""
        for holder, before in self._holders:
            if isinstance(holder, list):
                holder[:] = before
            elif not _same(holder, before):
                holder.clear()
                holder.update(before)


def _same(a: dict[Any, Any], b: dict[Any, Any]) -> bool:
    return list(a) == list(b) and all(x is y for x, y in zip(a.values(), b.values(), strict=True))
