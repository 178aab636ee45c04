"""The graph as data: nodes, edges and groups, with what is known about each. It holds numbers and texts, no arrays."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .statistics import Statistics

OPERATION, INPUT, PARAMETER, STATE, CONSTANT = "operation", "input", "parameter", "state", "constant"


@dataclass(slots=True)
class Node:
    """An operation, or a value that came from outside: an input, a parameter, a state (a buffer), a constant.

    `text` is what a chip says of a constant; `group` an index into the graph's groups, -1 for none; `saved` the bytes that are
    kept for the backward pass; `reason` why its gradient is zero, where that is known; `error` what it raised.
    """

    index: int
    kind: str
    name: str
    group: int = -1
    op_kind: str = ""
    several: bool = False  # several of its results are used, and their shapes stand on the edges
    shape: tuple[int, ...] | None = None
    dtype: str = ""
    params: dict[str, str] = field(default_factory=dict)
    line: str = ""
    seconds: float | None = None
    backward_seconds: float | None = None
    saved: int | None = None
    value: Statistics | None = None
    grad: Statistics | None = None
    gradient_flows: bool = False
    frozen: bool = False
    output: bool = False
    unused: bool = False  # a result that could carry a gradient, and that no walk came from
    text: str = ""
    path: str = ""
    size: int = 0
    error: str = ""
    reason: str = ""
    vanishes: bool = False  # its gradient is zero, but for rounding
    position: int = -1  # among the record's entries
    check: str = ""  # the verdict of a gradient check: "", "ok", "kink", "differs"
    check_error: float = 0.0
    check_note: str = ""
    apart: float | None = None  # in a comparison of two runs: the relative difference


@dataclass(slots=True)
class Edge:
    """A value that goes from one node to another. `adjoint` is the root mean square of the partial adjoint that comes back.

    `output` says which of several results it is, `result` what that is called, "" where there is only one.
    """

    source: int
    target: int
    input: str = ""
    output: int = 0
    result: str = ""
    shape: tuple[int, ...] | None = None
    flows: bool = False
    adjoint: float | None = None
    local: float | None = None  # d target / d source, of scalars
    reason: str = ""


@dataclass(slots=True)
class Group:
    """One call of a module. Groups are known by (path, call), so a module that is called twice is two."""

    index: int
    path: str
    call: int
    name: str
    kind: str = ""
    parent: int = -1
    again: int = 0  # how many calls of the same module came before
    parameters: int | None = None  # elements, where the module is known


@dataclass(slots=True)
class Data:
    """All of it. `title` is what is drawn; `unused` are parameters of the model that the graph does not reach."""

    title: str
    nodes: list[Node] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    recorded: bool = False
    differentiated: bool = False
    first_bad: int = -1  # the node that made the first NaN or Inf
    first_bad_backward: bool = False
    advice: str = ""
    first_apart: int = -1  # in a comparison: where the runs part
    cause: str = ""
    structure: bool = False  # modules, not operations

    def tell_results_apart(self) -> None:
        """Find the operations of which several results are used; the shape of any other is that of the one that is."""
        used: dict[int, dict[int, tuple[int, ...] | None]] = {}
        for edge in self.edges:
            if edge.result:
                used.setdefault(edge.source, {})[edge.output] = edge.shape
        for index, shapes in used.items():
            self.nodes[index].several = len(shapes) > 1
            if len(shapes) == 1:
                self.nodes[index].shape = next(iter(shapes.values()))

    def row(self, node: Node) -> dict[str, Any]:
        """A node as plain Python values."""
        plain: dict[str, Any] = {"index": node.index, "kind": node.kind, "name": node.name}
        plain["module"] = self.groups[node.group].path if node.group >= 0 else ""
        plain |= {"call": self.groups[node.group].call if node.group >= 0 else None}
        plain |= {"shape": node.shape, "dtype": node.dtype, "line": node.line, "seconds": node.seconds}
        plain |= {"backward_seconds": node.backward_seconds, "saved": node.saved, "params": dict(node.params)}
        for label, found in (("value", node.value), ("grad", node.grad)):
            if found is not None:
                names = ("min", "max", "mean", "std", "rms", "norm", "zeros", "nans", "infs", "histogram")
                plain[label] = {name: getattr(found, name) for name in names}
        for name in ("path", "error", "reason", "check", "check_error", "apart"):
            if getattr(node, name):
                plain[name] = getattr(node, name)
        return plain
