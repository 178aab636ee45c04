"""Reading a module before any call: what it is made of, nested, with its parameters."""

from __future__ import annotations

from typing import Any

from .data import OPERATION, PARAMETER, Data, Edge, Group, Node


def read_module(module: Any) -> Data:
    """The structure of a module: a box for each module without children, in a frame for each with; parameters as chips.

    The order is that of definition; what is computed from what is known only once it runs.
    """
    data = Data(type(module).__name__, structure=True)
    seen: dict[int, int] = {}
    last = -1
    stack: list[tuple[str, Any, int]] = [(type(module).__name__, module, -1)]
    while stack:
        name, part, parent = stack.pop()
        children = list(part.named_children())
        own = list(part.named_parameters(recurse=False))
        group = parent
        if children or (not stack and parent < 0):
            path = name if parent < 0 else f"{data.groups[parent].path}.{name}"
            group = len(data.groups)
            made = Group(group, path, 0, name, type(part).__name__, parent)
            made.parameters = sum([p.size for p in part.parameters()])
            data.groups.append(made)
        if not children or own:
            kind = type(part).__name__
            node = Node(len(data.nodes), OPERATION, kind, group, kind.lower(), gradient_flows=True)
            node.text = "" if children else name
            node.params = {"": _described(part)} if _described(part) else {}
            node.size = sum([p.size for _, p in own])
            data.nodes.append(node)
            if last >= 0:
                data.edges.append(Edge(last, node.index, flows=True))
            last = node.index
            for path, p in own:
                if id(p) not in seen:
                    seen[id(p)] = len(data.nodes)
                    chip = Node(len(data.nodes), PARAMETER, path, group, shape=p.shape, dtype=str(p.dtype), path=path)
                    chip.size, chip.frozen = p.size, not p.requires_grad
                    data.nodes.append(chip)
                data.edges.append(Edge(seen[id(p)], node.index, path, flows=True))
        stack += [(n, c, group) for n, c in reversed(children)]
    return data


def _described(module: Any) -> str:
    """What a module says about its settings, if it does."""
    described = getattr(module, "extra_repr", None)
    return str(described()) if callable(described) else ""
