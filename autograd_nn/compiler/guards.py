"""Guards: what a compiled step took for granted, and whether it still holds.

A step reads more than its arrays: numbers and Tensors in its closure, in the globals it names, in the modules and optimizers
it can reach, also where those are arguments (see `environment`). Tensors are read anew at each call, from where they were; what
is guarded is that they are still the same Tensors, and require a gradient or not, as they did. Python numbers, strings and flags
(`training`, say) were baked in; they are guarded by value. `explain()` lists what is.
"""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

from .structure import bits


class Guard:
    """One thing that must be as it was: `place[key]`, by value or `by_identity`. `path` names it, `owner` has it."""

    __slots__ = ("by_identity", "expected", "key", "owner", "path", "place")

    def __init__(self, place: Any, key: Any, expected: Any, by_identity: bool, path: str, owner: Any = None) -> None:
        self.place, self.key, self.expected, self.by_identity, self.path = place, key, expected, by_identity, path
        self.owner = place if owner is None else owner

    @property
    def where(self) -> tuple[str, int]:
        """What tells it from every other guard of the same surroundings, at any time."""
        return self.path, id(self.owner)

    def holds(self) -> bool:
        try:
            if self.key is GRADIENT:
                return self.place.grad is self.expected
            if self.key is HAS_GRADIENT:
                return (self.place.grad is not None) is self.expected
            if self.key is TRACED:
                return (self.place.node is not None) is self.expected
            if self.key is MEMORY:
                return self.place._array is self.expected
            if self.key is LENGTH:
                return len(self.place) == self.expected
            if self.key is CONTENT:
                return self.place == self.expected
            if self.key is HOOKED:
                return self.place.extras is None
            now = self.place.cell_contents if self.key is CELL else self.place[self.key]
        except (KeyError, IndexError, ValueError):
            return self.expected is ABSENT
        if now is self.expected:
            return True
        if self.by_identity or self.expected is ABSENT or type(now) is not type(self.expected):
            return False
        return bits(now) == bits(self.expected)


CELL = object()
# Keys that no container has: a Tensor's memory, whether it requires a gradient; a leaf's gradient, whether there is one; the
# length of a container; the elements of a set; whether a leaf's node has hooks.
MEMORY = object()
TRACED = object()
GRADIENT = object()
HAS_GRADIENT = object()
LENGTH = object()
CONTENT = object()
HOOKED = object()
ABSENT = object()
"""What is expected of an attribute that the class has and the object has not."""


def test_of(guards: list[Guard]) -> Callable[[], bool]:
    """One function that asks all guards: an expression, because a call for each would cost more than a small step does.

    Identity settles nearly every guard, and numbers are mostly the same objects; where that fails the guards are asked in turn.
    The cells of closures are the function's own, which reads them as fast as its own variables.
    """
    scope: dict[str, Any] = {"guards": guards}  # the function's closure, by name
    names: dict[int, str] = {}  # one name for each object, so that there are few

    def named(x: Any) -> str:
        name = names.setdefault(id(x), f"x{len(names)}")
        scope[name] = x
        return name

    terms = []
    for g in guards:
        place, expected = named(g.place), g.expected
        if expected is ABSENT:
            terms.append(f"{named(g.key)} not in {place}")
        elif g.key is GRADIENT:
            terms.append(f"{place}.grad is {named(expected)}")
        elif g.key is HAS_GRADIENT:
            terms.append(f"{place}.grad is {'not ' if expected else ''}None")
        elif g.key is TRACED:
            terms.append(f"{place}.node is {'not ' if expected else ''}None")
        elif g.key is MEMORY:
            terms.append(f"{place}._array is {named(expected)}")
        elif g.key is LENGTH:
            terms.append(f"len({place}) == {expected}")
        elif g.key is CONTENT:
            terms.append(f"{place} == {named(expected)}")
        elif g.key is HOOKED:
            terms.append(f"{place}.extras is None")
        elif g.key is CELL:
            terms.append(f"{place} is {named(expected)}")
        else:
            terms.append(f"{place}[{named(g.key)}] is {named(expected)}")
    chunks = [terms[i : i + 200] for i in range(0, len(terms), 200)]
    source = [
        f"def made({', '.join(scope)}):",
        "    def test():",
        "        try:",
        *[f"            if not ({' and '.join(chunk)}): return all(g.holds() for g in guards)" for chunk in chunks],
        "            return True",
        "        except (KeyError, IndexError, NameError, ValueError):",  # a NameError is of an empty cell
        "            return all(g.holds() for g in guards)",
        "    return test",
    ]
    made: dict[str, Any] = {}
    exec("\n".join(source), made)
    test = made["made"](*scope.values())
    cells = {names[id(g.place)]: g.place for g in guards if g.key is CELL}
    closure = [cells.get(name, cell) for name, cell in zip(test.__code__.co_freevars, test.__closure__, strict=True)]
    return types.FunctionType(test.__code__, {"all": all, "len": len}, closure=tuple(closure))
