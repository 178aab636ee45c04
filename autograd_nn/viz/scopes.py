"""Groups from the module calls that operations remember, and the parameters of those modules by name."""

from __future__ import annotations

from typing import Any

from .data import Group


class Groups:
    """The groups of one graph, made as operations are read; known by (path, call)."""

    def __init__(self) -> None:
        self.all: list[Group] = []
        self.roots: list[Any] = []  # modules that were called from outside any other
        self._index: dict[tuple[str, int], int] = {}
        self._counts: dict[tuple[int, str], int] = {}

    def of(self, scope: Any) -> int:
        """The index of the group that a scope is; -1 for None. The calls around it come first."""
        chain: list[Any] = []
        while scope is not None and (scope[0], scope[1]) not in self._index:
            chain.append(scope)
            scope = getattr(scope, "outer", None)
        index = -1 if scope is None else self._index[(scope[0], scope[1])]
        while chain:
            scope = chain.pop()
            index = self._made(scope, index)
        return index

    def _made(self, scope: Any, parent: int) -> int:
        path, call = str(scope[0]), scope[1]
        outer = self.all[parent].path if parent >= 0 else ""
        name = path.removeprefix(f"{outer}.") if outer else path
        made = Group(len(self.all), path, call, name, getattr(scope, "kind", ""), parent)
        made.again = self._counts.get((parent, path), 0)
        self._counts[(parent, path)] = made.again + 1
        module = getattr(scope, "module", lambda: None)()
        if module is not None:
            made.parameters = sum([p.size for p in module.parameters()])
            if parent < 0 and all(module is not m for m in self.roots):
                self.roots.append(module)
        self.all.append(made)
        self._index[(path, call)] = made.index
        return made.index


def named_state(modules: list[Any]) -> tuple[dict[int, tuple[str, Any]], dict[int, tuple[str, Any]]]:
    """The parameters and the buffers of modules: by the identity of their arrays, (path, Tensor)."""
    parameters: dict[int, tuple[str, Any]] = {}
    buffers: dict[int, tuple[str, Any]] = {}
    for module in modules:
        for found, kind in ((parameters, "named_parameters"), (buffers, "named_buffers")):
            for path, t in getattr(module, kind, tuple)():
                found.setdefault(id(t._array), (path, t))
    return parameters, buffers


def short_name(path: str) -> str:
    """What a chip calls a parameter: W and b for weight and bias, else its own name."""
    last = path.rsplit(".", 1)[-1]
    return {"weight": "W", "bias": "b"}.get(last, last)
