"""Containers: modules and parameters in order or by name. Plain lists and dicts in an attribute do as well.

Decision: a container keeps its contents in one dict and says in `members` what they are called, so that its paths are
PyTorch's ("0.weight") and everything else that it inherits from Module just works.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Self, overload

import numpy as np

from ..engine.tensor import Tensor
from .module import CONTENTS, Module
from .parameter import Parameter

__all__ = ["ModuleDict", "ModuleList", "ParameterDict", "ParameterList", "Sequential"]


class _Contents(Module):
    """A module that holds named entries of one kind, and other attributes beside them."""

    _contents: dict[str, Any]
    _kind: type = Module
    _unpacks = False
    """Whether entries are given as arguments of their own, and not in a list."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        made = super().__new__(cls)
        object.__setattr__(made, CONTENTS, {})  # so that a forgotten super().__init__() leaves an empty container
        return made

    def _set(self, contents: Mapping[str, Any]) -> Self:
        for name in contents:
            if not isinstance(name, str) or not name or "." in name:
                raise ValueError(f"{type(self).__name__}: an entry's name is a string without dots, not {name!r}")
        self._contents = {name: self._checked(item, name) for name, item in contents.items()}
        return self

    def _checked(self, item: Any, where: Any) -> Any:
        if self._kind is Parameter and isinstance(item, (Tensor, np.ndarray)) and not isinstance(item, Parameter):
            return Parameter(item)
        if isinstance(item, self._kind):
            return item
        kind = self._kind.__name__
        but = f"the class {item.__name__}; make one: {item.__name__}(...)" if isinstance(item, type) else _kind_of(item)
        but += f"; unpack it: {type(self).__name__}(*layers)" if isinstance(item, list) and self._unpacks else ""
        raise TypeError(f"{type(self).__name__}: entry {where!r} must be a {kind} and is {but}")

    def members(self) -> Iterable[tuple[str, Any]]:
        yield from self._contents.items()
        yield from ((name, value) for name, value in self.__dict__.items() if name != CONTENTS)

    def __getattr__(self, name: str) -> Any:
        contents = self.__dict__.get(CONTENTS, {})
        # Module hides its __getattr__ from type checkers, so that a misspelt attribute is found.
        return contents[name] if name in contents else super().__getattr__(name)  # type: ignore[misc]

    def __len__(self) -> int:
        return len(self._contents)


class _InOrder(_Contents):
    """Entries in order, named by their numbers: the ways of a list."""

    def _renumber(self, items: Iterable[Any]) -> Self:
        return self._set({str(i): item for i, item in enumerate(items)})

    def __iter__(self) -> Iterator[Any]:
        return iter(self._contents.values())

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> Self: ...
    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            part = type(self).__new__(type(self))
            return part._set(dict(list(self._contents.items())[index]))
        return self._contents[self._name_at(index)]

    def _name_at(self, index: Any) -> str:
        i = operator.index(index)
        if not -len(self) <= i < len(self):
            raise IndexError(f"{type(self).__name__}: there is no entry {i}; it has {len(self)}")
        return list(self._contents)[i]

    def __setitem__(self, index: int, item: Any) -> None:
        self._set({**self._contents, self._name_at(index): item})

    def __delitem__(self, index: int | slice) -> None:
        items = list(self)
        del items[index]
        self._renumber(items)

    def append(self, item: Any) -> Self:
        """Add an entry at the end; returns the container."""
        return self.extend([item])

    def extend(self, items: Iterable[Any]) -> Self:
        """Add entries at the end; returns the container."""
        return self._set({**self._contents, **{str(len(self) + i): item for i, item in enumerate(items)}})

    def insert(self, index: int, item: Any) -> Self:
        """Put an entry before the one at an index; returns the container."""
        items = list(self)
        items.insert(index, item)
        return self._renumber(items)

    def pop(self, index: int = -1) -> Any:
        """Take an entry out and return it."""
        item = self[index]
        del self[index]
        return item

    def __iadd__(self, items: Iterable[Any]) -> Self:
        return self.extend(items)

    def __add__(self, items: Iterable[Any]) -> Self:
        """A container of the entries of both; the entries are shared, not copied."""
        return type(self).__new__(type(self))._renumber([*self, *items])


class _ByName(_Contents):
    """Named entries: the ways of a dict."""

    def __iter__(self) -> Iterator[str]:
        return iter(self._contents)

    def __contains__(self, name: object) -> bool:
        return name in self._contents

    def __getitem__(self, name: str) -> Any:
        if name not in self._contents:
            raise KeyError(f"{type(self).__name__}: there is no entry {name!r}; there are {list(self._contents)}")
        return self._contents[name]

    def __setitem__(self, name: str, item: Any) -> None:
        self._set({**self._contents, name: item})

    def __delitem__(self, name: str) -> None:
        self.pop(name)

    def update(self, entries: Mapping[str, Any] | Iterable[tuple[str, Any]]) -> None:
        """Set several entries."""
        self._set({**self._contents, **dict(entries)})

    def pop(self, name: str) -> Any:
        """Take an entry out and return it."""
        item = self[name]
        self._set({n: kept for n, kept in self._contents.items() if n != name})
        return item

    def clear(self) -> None:
        """Take all entries out."""
        self._set({})

    def keys(self) -> Iterable[str]:
        """The names."""
        return self._contents.keys()

    def values(self) -> Iterable[Any]:
        """The entries."""
        return self._contents.values()

    def items(self) -> Iterable[tuple[str, Any]]:
        """Names and entries."""
        return self._contents.items()


class Sequential(_InOrder):
    """Modules, one after the other: each gets what the one before it returned.

    Takes modules, or one dict that names them. Raises TypeError for what is no module.

    >>> net = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1))
    >>> net(ag.ones((5, 2))).shape
    (5, 1)
    >>> net[0]
    Linear(in_features=2, out_features=8, bias=True)  # 24 parameters
    """

    _unpacks = True

    def __init__(self, *modules: Any) -> None:
        if len(modules) == 1 and isinstance(modules[0], Mapping):
            self._set(modules[0])
        else:
            self._renumber(modules)

    def forward(self, x: Any) -> Any:
        for module in self._contents.values():
            x = module(x)
        return x


class ModuleList(_InOrder):
    """A list of modules; its `forward` is yours to write, as a loop.

    >>> layers = nn.ModuleList([nn.Linear(3, 3) for _ in range(4)])
    >>> len(layers), sum(p.size for p in layers.parameters())
    (4, 48)
    """

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        self._renumber(modules or ())


class ModuleDict(_ByName):
    """Modules by name.

    >>> heads = nn.ModuleDict({"class": nn.Linear(8, 10), "box": nn.Linear(8, 4)})
    >>> heads["box"](ag.ones((1, 8))).shape
    (1, 4)
    """

    def __init__(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]] | None = None) -> None:
        self._set(dict(modules or {}))


class ParameterList(_InOrder):
    """A list of parameters; Tensors and arrays become some.

    >>> [name for name, _ in nn.ParameterList([ag.ones(2), ag.ones(3)]).named_parameters()]
    ['0', '1']
    """

    _kind = Parameter

    def __init__(self, values: Iterable[Any] | None = None) -> None:
        self._renumber(values or ())


class ParameterDict(_ByName):
    """Parameters by name; Tensors and arrays become some.

    >>> nn.ParameterDict({"scale": ag.ones(1)})["scale"].requires_grad
    True
    """

    _kind = Parameter

    def __init__(self, parameters: Mapping[str, Any] | Iterable[tuple[str, Any]] | None = None) -> None:
        self._set(dict(parameters or {}))


def _kind_of(item: Any) -> str:
    return "None" if item is None else f"a {type(item).__name__}"
