"""Environment: everything around a step that its code can reach and read, each as a guard.

From the step we go to the functions it names, their closures, globals and defaults, and to the objects, classes and containers
in those. Numbers, strings and flags were baked in and are guarded by value; Tensors, arrays, functions and objects by identity
(what is in a Tensor or an array is read anew at each call, from where it is).

Decision: an attribute of an object of the user's counts where code that can run has its name in it. So a trainer may keep its
epochs, histories and schedules beside the step that is compiled. Code that asks for attributes by other means (`getattr`,
`vars`) is taken to read all of them.

Not seen: numbers among other things in lists of more than `MOST_NUMBERS`, what other libraries keep for themselves, files, the
clock, names of Python's own (`len`) that are given another meaning.
"""

from __future__ import annotations

import functools
import numbers
import sys
import types
import warnings
from collections import UserDict, UserList, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import Enum
from typing import Any

import numpy as np

from ..engine.graph import extras_of
from ..engine.tensor import Tensor
from .guards import ABSENT, CELL, CONTENT, HOOKED, LENGTH, TRACED, Guard

VALUES = (
    bool, int, float, complex, str, bytes, type(None), np.generic, np.dtype, range, slice, frozenset, Enum, numbers.Number,
)  # fmt: skip
"""What is guarded by value."""

BOOKKEEPING = frozenset({"_cohorts", "state", "defaults"})
"""Attributes of our own optimizers that follow from the parameters and groups, which are guarded."""

INDIRECT = frozenset({"getattr", "vars", "__dict__", "attrgetter", "asdict", "astuple", "fields", "eval", "exec"})
"""Code that names one of these may read any attribute."""

UNREAD = frozenset({"__init__", "__new__", "__repr__", "__str__", "__init_subclass__", "__getstate__", "__setstate__"})
"""Special methods that a step does not run on objects there are already."""

MOST_NUMBERS = 64
"""A list of more numbers than this is compared as a whole, and a longer set not at all."""

MOST = 20_000
"""How many things are guarded at most: a step that can reach more is not walked further, with a warning."""

Part = tuple[Any, Any, Any, Any, str]
"""(place, key, value, owner, path): what is found in a place under a key; place is None where there is nothing to guard."""


def environment(function: Any, arguments: Sequence[Any] = ()) -> list[Guard]:
    """The guards of everything a function can reach through its closure, its globals and the objects in them and among these."""
    names: set[str] = set()
    while True:
        walk = _Walk(names)
        guards = walk.run([(x, type(x).__name__) for x in arguments if _is_walked(x)], function)
        if walk.named <= names:
            return guards
        names |= walk.named  # code was found that names more


def reachable(x: Any) -> list[Tensor]:
    """The Tensors in an object and the objects in it."""
    if not _is_walked(x):
        return []
    walk = _Walk(set(INDIRECT))
    walk.run([], x)
    return walk.tensors


class _Walk:
    """One pass over what can be reached, where the code is known to name these attributes; `named` is what it does name."""

    def __init__(self, names: set[str]) -> None:
        self.names, self.named = names, set[str]()
        self.indirect = not names.isdisjoint(INDIRECT)
        self.guards: list[Guard] = []
        self.seen: set[Any] = set()
        self.tensors: list[Tensor] = []  # all that were met
        self.traced: set[int] = set()  # those guarded for whether they require a gradient

    def run(self, arguments: list[tuple[Any, str]], function: Any) -> list[Guard]:
        waiting: deque[tuple[Any, str]] = deque([(function, getattr(function, "__name__", "step")), *arguments])
        while waiting:
            x, path = waiting.popleft()
            # a bound method is an object for the moment
            own = (id(x.__func__), id(x.__self__)) if isinstance(x, types.MethodType) else id(x)
            if own in self.seen:
                continue
            self.seen.add(own)
            for place, key, value, owner, name in self.parts(x, path):
                if isinstance(value, Tensor):
                    self.tensors.append(value)
                if place is not None:
                    self.guard(place, key, value, owner, name)
                if key is not CONTENT and _is_walked(value):
                    waiting.append((value, name))
            if len(self.guards) > MOST:
                warnings.warn(
                    f"compile: {getattr(function, '__name__', 'the step')} can reach more than {MOST:,} numbers and objects "
                    f"(at {path}); changes of those further away are not noticed",
                    RuntimeWarning,
                    stacklevel=2,
                )
                break
        return self.guards

    def guard(self, place: Any, key: Any, value: Any, owner: Any, path: str) -> None:
        if not isinstance(value, types.ModuleType):
            by_identity = not (isinstance(value, VALUES) or value is ABSENT or key is LENGTH or key is CONTENT)
            self.guards.append(Guard(place, key, value, by_identity, path, owner))
        if isinstance(value, Tensor) and id(value) not in self.traced:
            self.traced.add(id(value))
            self.guards.append(Guard(value, TRACED, value.node is not None, False, f"{path}.requires_grad"))

    # ---- what is in what -------------------------------------------------------------------------------------

    def parts(self, x: Any, path: str) -> Iterator[Part]:
        if isinstance(x, functools.partial):
            yield None, None, x.func, x, path
            yield None, None, x.args, x, f"{path}.args"
            yield None, None, x.keywords, x, f"{path}.keywords"
        elif isinstance(x, types.MethodType):
            yield None, None, x.__func__, x, path
            yield None, None, x.__self__, x, f"{path}.__self__"
        elif isinstance(x, types.FunctionType):
            yield from self.function(x, path)
        elif isinstance(x, (list, tuple, deque)):
            yield from self.items(x, enumerate(x), path)
        elif isinstance(x, (dict, types.MappingProxyType)):
            yield from self.items(x, x.items(), path)
        elif isinstance(x, (UserDict, UserList)):
            yield None, None, x.data, x, path
        elif isinstance(x, set):
            if len(x) <= MOST_NUMBERS:
                yield x, CONTENT, frozenset(x), x, f"the elements of {path}"
            for e in x:
                yield None, None, e, x, f"an element of {path}"
        elif isinstance(x, types.ModuleType):
            yield from self.named_in(x, path)
        elif isinstance(x, type):
            for kind in x.__mro__[:-1]:
                if _is_walked(kind):
                    yield from self.named_in(kind, kind.__name__)
                    for k in ("__init__", "__new__"):  # the step may make objects of it
                        yield None, None, _function_of(vars(kind).get(k)), kind, f"{kind.__name__}.{k}"
        elif isinstance(x, Tensor):
            yield from self.tensor(x, path)
        else:
            yield from self.object(x, path)

    def function(self, x: types.FunctionType, path: str) -> Iterator[Part]:
        names = names_of(x.__code__)
        self.named |= names
        for name, cell in zip(x.__code__.co_freevars, x.__closure__ or (), strict=True):
            try:
                yield cell, CELL, cell.cell_contents, cell, name
            except ValueError:  # not yet filled
                continue
        for name in sorted(names & x.__globals__.keys()):
            yield x.__globals__, name, x.__globals__[name], x.__globals__, name
        yield None, None, x.__defaults__, x, f"{path} defaults"
        yield None, None, x.__kwdefaults__, x, f"{path} defaults"

    def items(self, x: Any, pairs: Iterable[tuple[Any, Any]], path: str) -> Iterator[Part]:
        """The elements of a list, tuple or dict."""
        long = isinstance(x, (list, deque)) and len(x) > MOST_NUMBERS
        if long and len(x) <= MOST and all([isinstance(e, VALUES) for e in x]):
            yield x, CONTENT, x.copy(), x, f"the elements of {path}"
            return
        if not isinstance(x, tuple):
            yield x, LENGTH, len(x), x, f"len({path})"
        fixed = long or isinstance(x, tuple)
        for k, e in pairs:
            if not (fixed and isinstance(e, VALUES)):
                yield x, k, e, x, f"{path}[{k!r}]" if isinstance(k, (str, int)) else f"{path}[{type(k).__name__}]"

    def tensor(self, x: Tensor, path: str) -> Iterator[Part]:
        for k, e in getattr(x, "__dict__", {}).items():
            yield x.__dict__, k, e, x, f"{path}.{k}"
        if x.node is not None and x.is_leaf:
            if x.node.extras is None:
                yield x.node, HOOKED, None, x.node, f"hooks of {path}"
            else:
                hooks = extras_of(x.node).hooks
                yield hooks, LENGTH, len(hooks), hooks, f"hooks of {path}"
                yield None, None, hooks, hooks, f"hooks of {path}"

    def object(self, x: Any, path: str) -> Iterator[Part]:
        kinds = type(x).__mro__[:-1]
        own = getattr(x, "__dict__", {})
        ours = _is_ours(type(x).__module__)
        if ours and "__wrapped__" in own:  # another compiled step is what it compiles
            yield None, None, x.__wrapped__, x, path
            return
        derived = any([_is_ours(kind.__module__) for kind in kinds])
        names = self.names
        if derived and not ours:
            names = names.union(*[_names_in(kind) for kind in kinds if _is_ours(kind.__module__)])
            self.named |= names
        whole = ours or isinstance(x, Mapping)  # a mapping of whatever kind may ask for all that it has
        yield own, LENGTH, len(own), x, f"how many attributes {path} has"
        for k, e in own.items():
            if ours and k in BOOKKEEPING:
                continue
            if whole or self.indirect or k in names or (derived and _is_held(e)):
                yield own, k, e, x, f"{path}.{k}"
        slots = Slots(x)
        above: set[str] = set()  # what a class nearer to the object has
        for kind in kinds:
            mine = _is_ours(kind.__module__)
            for k in _slots_of(kind):
                if (self.indirect or k in names) and not mine:
                    yield slots, k, slots.get(k), x, f"{path}.{k}"
            for k, e in vars(kind).items():  # what stands in the class until the object has its own, as `training`
                if (
                    k in own
                    or k in above
                    or k.startswith("__")
                    or isinstance(e, (property, types.MemberDescriptorType))
                ):
                    continue
                above.add(k)
                if isinstance(e, VALUES) if mine else k in names:
                    yield own, k, ABSENT, x, f"{path}.{k}"
                    if mine:
                        yield vars(kind), k, e, kind, f"{path}.{k}"
            if ("kind", id(kind)) not in self.seen and _is_walked(kind):
                self.seen.add(("kind", id(kind)))
                yield from self.named_in(kind, kind.__name__)

    def named_in(self, x: Any, path: str) -> Iterator[Part]:
        """What code that can run names in a class or a module of the user's, and a class's special methods, which none names."""
        for k, e in [*vars(x).items()]:
            function = _function_of(e)
            if k in self.names:
                yield vars(x), k, e, x, f"{path}.{k}"
            elif (
                not (isinstance(x, type) and k.startswith("__") and isinstance(function, types.FunctionType))
                or k in UNREAD
            ):
                continue
            yield None, None, function, x, f"{path}.{k}"


class Slots:
    """The slots of an object, as a container."""

    __slots__ = ("of",)

    def __init__(self, of: Any) -> None:
        self.of = of

    def __getitem__(self, name: str) -> Any:
        try:
            return getattr(self.of, name)
        except AttributeError:
            raise KeyError(name) from None

    def __contains__(self, name: str) -> bool:
        return hasattr(self.of, name)

    def get(self, name: str) -> Any:
        return getattr(self.of, name, ABSENT)


def _is_walked(x: Any) -> bool:
    """Whether there is something in it that a step may read."""
    if isinstance(x, types.FunctionType):
        return not (_is_ours(x.__module__) or _is_foreign(x.__module__))
    if isinstance(x, (*CONTAINERS, types.MethodType, functools.partial)):
        return True
    if isinstance(x, Tensor):
        return True
    if isinstance(x, types.ModuleType):
        return not (_is_ours(x.__name__) or x.__name__.split(".")[0] in FOREIGN)
    if isinstance(x, type):
        return not (_is_ours(x.__module__) or _is_foreign(x.__module__))
    if isinstance(x, (*VALUES, np.ndarray, types.BuiltinFunctionType)) or x is ABSENT:
        return False
    return hasattr(x, "__dict__") or any([True for kind in type(x).__mro__ for _ in _slots_of(kind)])


CONTAINERS = (list, tuple, dict, set, deque, types.MappingProxyType, UserDict, UserList)


def _is_ours(module: str | None) -> bool:
    return module is not None and (module == "autograd_nn" or module.startswith("autograd_nn."))


def _is_foreign(module: str | None) -> bool:
    """Python's own modules and those of numerical libraries, whose code is not looked into."""
    root = (module or "").split(".")[0]
    return root != "__main__" and (root in sys.stdlib_module_names or root in FOREIGN)


FOREIGN = frozenset(
    {"numpy", "scipy", "numba", "matplotlib", "pandas", "sklearn", "torch", "jax", "tqdm", "PIL", "pytest"}
)


def _is_held(x: Any) -> bool:
    """Whether a module of ours would look at such an attribute unasked: for parameters and modules, also in containers."""
    if isinstance(x, (list, tuple, dict)):
        return any([_is_held(e) for e in (x.values() if isinstance(x, dict) else x)])
    return type(x) is not Tensor and any([_is_ours(kind.__module__) for kind in type(x).__mro__])


def _function_of(x: Any) -> Any:
    """The function in a property, a static or class method; anything else is itself."""
    for attribute in ("fget", "__func__", "func"):
        if isinstance(x, (property, staticmethod, classmethod, functools.cached_property, functools.partialmethod)):
            x = getattr(x, attribute, x)
    return x


def _slots_of(kind: type) -> tuple[str, ...]:
    slots = vars(kind).get("__slots__", ())
    return tuple([k for k in ((slots,) if isinstance(slots, str) else slots) if k not in ("__dict__", "__weakref__")])


@functools.lru_cache(256)
def _names_in(kind: type) -> frozenset[str]:
    """The names in the methods of a class."""
    functions = [_function_of(e) for e in vars(kind).values()]
    return frozenset().union(*[names_of(f.__code__) for f in functions if isinstance(f, types.FunctionType)])


def names_of(code: types.CodeType) -> frozenset[str]:
    """The names that a function's code, and the functions written in it, may read: globals, attributes, strings."""
    names = {*code.co_names, *[c for c in code.co_consts if isinstance(c, str) and c.isidentifier()]}
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names |= names_of(constant)
    return frozenset(names)
