"""Guards: what a compiled step took for granted, and whether it still holds.

A step reads more than its arrays: numbers and Tensors in its closure, in the globals it names, in the modules and optimizers
it can reach, also where those are arguments. Tensors are read anew at each call, from where they were; what is guarded is that
they are still the same Tensors, and require a gradient or not, as they did. Python numbers, strings and flags (`training`, say)
were baked in; they are guarded by value, also in dicts and in lists of no more than `MOST_NUMBERS`. What cannot be seen from
here (a number in a long list, in a file, the clock) is not guarded; `explain()` lists what is.
"""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

import numpy as np

from ..engine.tensor import Tensor
from .structure import bits

SCALARS = (bool, int, float, str, bytes, type(None), np.generic)
BOOKKEEPING = frozenset({"_cohorts", "state", "defaults"})
"""Attributes of our own optimizers that follow from the parameters and groups, which are guarded."""

MOST_NUMBERS = 64
"""A list of more numbers than this is data, such as a history of losses."""

MOST = 20_000
"""How many things are guarded at most: a step that can reach more is not walked further."""


class Guard:
    """One thing that must be as it was: `place[key]`, by value or (`same`) by identity. `path` names it."""

    __slots__ = ("expected", "key", "path", "place", "same")

    def __init__(self, place: Any, key: Any, expected: Any, same: bool, path: str) -> None:
        self.place, self.key, self.expected, self.same, self.path = place, key, expected, same, path

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
            now = self.place.cell_contents if self.key is CELL else self.place[self.key]
        except (KeyError, IndexError, ValueError):
            return self.expected is ABSENT
        if now is self.expected:
            return True
        if self.same or self.expected is ABSENT or type(now) is not type(self.expected):
            return False
        return bits(now) == bits(self.expected)


CELL = object()
# Keys that no container has: a Tensor's memory, whether it requires a gradient; a leaf's gradient, whether there is one; the
# length of a container.
MEMORY = object()
TRACED = object()
GRADIENT = object()
HAS_GRADIENT = object()
LENGTH = object()
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


def environment(function: Any, arguments: Sequence[Any] = ()) -> list[Guard]:
    """The guards of everything a function can reach through its closure, its globals and the objects in them and among these."""
    found: list[Guard] = []
    tensors: set[int] = set()
    roots = [(x, type(x).__name__) for x in arguments if _is_walked(x)]
    for place, key, value, path in _walk([*roots, (function, getattr(function, "__name__", "step"))]):
        if place is None:
            continue
        if isinstance(value, SCALARS) or value is ABSENT:
            found.append(Guard(place, key, value, False, path))
        else:
            found.append(Guard(place, key, value, True, path))
        if isinstance(value, Tensor) and id(value) not in tensors:
            tensors.add(id(value))
            found.append(Guard(value, TRACED, value.node is not None, False, f"{path}.requires_grad"))
        if len(found) >= MOST:
            break
    return found


def _walk(stack: list[tuple[Any, str]]) -> Iterator[tuple[Any, Any, Any, str]]:
    """(container, key, value, path) of every scalar, Tensor, function and object reached from these."""
    seen: set[tuple[int, ...]] = set()
    while stack:
        x, path = stack.pop()
        # a bound method is an object for the moment
        own = (id(x.__func__), id(x.__self__)) if isinstance(x, types.MethodType) else (id(x),)
        if own in seen:
            continue
        seen.add(own)
        for place, key, value, name in _parts(x, path):
            if isinstance(value, (*SCALARS, Tensor)) or value is ABSENT or _is_walked(value):
                fixed = isinstance(x, tuple) or (isinstance(x, list) and len(x) > MOST_NUMBERS)
                if not fixed or key is LENGTH or not isinstance(value, SCALARS):
                    yield place, key, value, name
                if _is_walked(value):
                    stack.append((value, name))
                if isinstance(value, Tensor) and hasattr(value, "__dict__"):
                    stack.append((value, name))


def _is_walked(x: Any) -> bool:
    if isinstance(x, (types.FunctionType, types.MethodType, functools.partial, list, tuple, dict)):
        return not (isinstance(x, types.FunctionType) and _is_ours(x.__module__))
    if isinstance(x, (type, types.ModuleType, types.BuiltinFunctionType, np.ndarray, Tensor)):
        return False
    return hasattr(x, "__dict__") and not _is_foreign(type(x).__module__)


def _is_ours(module: str | None) -> bool:
    return module is not None and (module == "autograd_nn" or module.startswith("autograd_nn."))


def _is_foreign(module: str | None) -> bool:
    """Modules of other libraries, whose objects are not looked into."""
    root = (module or "").split(".")[0]
    return root in (
        "numpy",
        "builtins",
        "_io",
        "threading",
        "_thread",
        "logging",
        "matplotlib",
        "random",
        "collections",
    )


def _parts(x: Any, path: str) -> Iterator[tuple[Any, Any, Any, str]]:
    if isinstance(x, functools.partial):
        yield None, None, x.func, path
        yield from _parts(x.args, f"{path}.args")
        yield from _parts(x.keywords, f"{path}.keywords")
    elif isinstance(x, types.MethodType):
        yield None, None, x.__func__, path
        yield None, None, x.__self__, f"{path}.__self__"
        if inspect.isfunction(x.__func__):
            yield from _methods(x.__self__, _names(x.__func__.__code__), path)
    elif isinstance(x, types.FunctionType):
        for name, cell in zip(x.__code__.co_freevars, x.__closure__ or (), strict=True):
            try:
                yield cell, CELL, cell.cell_contents, name
                yield from _attributes(cell.cell_contents, _names(x.__code__), name)
            except ValueError:  # not yet filled
                continue
        for name in _names(x.__code__):
            if name in x.__globals__:
                yield x.__globals__, name, x.__globals__[name], name
                yield from _attributes(x.__globals__[name], _names(x.__code__), name)
        yield from _parts(x.__defaults__ or (), f"{path} defaults")
    elif isinstance(x, (list, tuple)):
        if isinstance(x, list) and _may_grow(x):
            yield x, LENGTH, len(x), f"len({path})"
        for i, e in enumerate(x):
            yield x, i, e, f"{path}[{i}]"
    elif isinstance(x, dict):
        if _may_grow(x.values()):
            yield x, LENGTH, len(x), f"len({path})"
        for k, e in x.items():
            yield x, k, e, f"{path}[{k!r}]" if isinstance(k, (str, int)) else f"{path}[{type(k).__name__}]"
    else:
        yield from _methods(x, ("__call__", "forward"), path)
        own = getattr(x, "__dict__", {})
        if not isinstance(x, Tensor):
            yield own, LENGTH, len(own), f"how many attributes {path} has"
        for k, e in own.items():
            if not (k in BOOKKEEPING and _is_ours(type(x).__module__)):
                yield own, k, e, f"{path}.{k}"
        for kind in type(x).__mro__[:-1]:  # numbers that stand in the class until the object has its own, as `training`
            for k, e in vars(kind).items():
                if isinstance(e, SCALARS) and not k.startswith("__") and k not in own:
                    yield own, k, ABSENT, f"{path}.{k}"
                    yield vars(kind), k, e, f"{path}.{k}"


def _attributes(x: Any, names: Sequence[str], path: str) -> Iterator[tuple[Any, Any, Any, str]]:
    """What a function that names these things may read in a class or a module of the user's: `Settings.scale`."""
    kinds: list[Any]
    if isinstance(x, type):
        kinds = [kind for kind in x.__mro__[:-1] if not _is_ours(kind.__module__) and not _is_foreign(kind.__module__)]
    elif isinstance(x, types.ModuleType):
        kinds = [] if _is_ours(x.__name__) or _is_foreign(x.__name__) else [x]
    else:
        return
    for kind in kinds:
        for name in names:
            if name in vars(kind):
                yield vars(kind), name, vars(kind)[name], f"{path}.{name}"


def _may_grow(elements: Collection[Any]) -> bool:
    """Whether one element more would matter: where there are none yet, or things that are walked."""
    return not elements or any([isinstance(e, Tensor) or _is_walked(e) for e in elements])


def _methods(x: Any, names: Sequence[str], path: str) -> Iterator[tuple[Any, Any, Any, str]]:
    """The methods of these names that the user wrote, with what they read."""
    for name in names:
        method = inspect.getattr_static(type(x), name, None)
        if inspect.isfunction(method) and _is_walked(method):
            yield None, None, types.MethodType(method, x), f"{path}.{name}"


def _names(code: types.CodeType) -> list[str]:
    """The global names that a function's code, and the functions written in it, may read."""
    names = list(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names += _names(constant)
    return names
