"""Leaving: what a step leaves behind besides its result, and the graph that a result is cut off from.

A step may bind a result to a name, an attribute or an entry around it (`self.attention = weights`). Such a place gets what each
call makes. A step that also reads what it left there the last time is refused: a state is one Tensor, which is written to.

Decision: results of a compiled step have no graph. Where the eager one's would have had one, they are given a node whose
derivative is an error, so a loss that is made of them outside loses no part of its gradient unseen.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

from ..engine import graph
from ..engine import record as recorded
from ..engine.graph import Node
from ..engine.op import Array
from ..engine.tensor import Tensor
from .capture import Captured
from .environment import VALUES
from .errors import CompileError
from .guards import ABSENT, CELL, CONTENT, LENGTH, Guard
from .structure import Static, flatten, unflatten


class Place:
    """A place that is bound anew after each call: to a result, or to a list, tuple, dict or dataclass with results in it."""

    def __init__(self, guard: Guard, structure: Any, values: list[recorded.Value]) -> None:
        self.place, self.key, self.structure, self.values = guard.place, guard.key, structure, values

    def bind(self, results: Iterator[Tensor]) -> None:
        made = unflatten(self.structure, results)
        if self.key is CELL:
            self.place.cell_contents = made
        else:
            self.place[self.key] = made


def left(
    captured: Captured, before: Sequence[Guard], after: Sequence[Guard], name: str
) -> tuple[list[Guard], list[Place]]:
    """What must hold for a captured step, and the places it binds; from what could be reached before it and after it.

    A number that the step itself changes was what it was before; everything else may have been made by the first call. A list of
    numbers that the step itself appends to is a log, which eager runs write.
    """
    known = {g.where: g for g in before}
    there = {id(x) for g in before for x in (g.owner, g.expected)}
    met = {id(t) for t in captured.record.met()}
    inside: set[int] = set()  # containers that are made anew in each call
    guards, places = [], []
    for g in after:
        old = known.get(g.where)
        if id(g.owner) in inside:
            inside.add(id(g.expected))
            continue
        if old is not None and _is_log(g) and old.expected != g.expected:
            continue
        new: list[Any] = []
        structure = flatten(g.expected, new) if g.by_identity else None
        made = g.by_identity and type(structure) is not Static and id(g.expected) not in there
        values: list[Any] = [made_anew(captured, x) for x in new] if made else []
        if not made or None in values:
            guards.append(g if g.by_identity or old is None else old)
            continue
        given: list[Any] = []
        if isinstance(g.place, list) and old is None and id(g.place) in there:
            raise CompileError(
                f"compile: {name} appends a result to a list ({g.path}); return it, and append it outside"
            )
        if id(g.owner) not in there or (old is not None and flatten(old.expected, given) == structure):
            if any([id(x) in met for x in given]):
                raise CompileError(
                    f"compile: {name} replaces {g.path}, which it reads, by another Tensor; write into the one that is there, "
                    f"with ag.assign({g.path}, ...), or take it as an argument and return the new one"
                )
            inside.add(id(g.expected))
            places.append(Place(g, structure, values))
        else:  # it may have been made once and for all, which the next call shows
            guards.append(old or Guard(g.place, g.key, ABSENT, False, g.path, g.owner))
    return guards, places


def _is_log(g: Guard) -> bool:
    """Whether a guard is of what is in a list of numbers."""
    if g.key not in (LENGTH, CONTENT) or not isinstance(g.place, (list, deque)):
        return False
    return all([isinstance(x, VALUES) for x in g.place])


def made_anew(captured: Captured, x: Any) -> recorded.Value | None:
    """The value of a Tensor that is another in each call: a result or an argument."""
    value = captured.record.of_array(x._array) if isinstance(x, Tensor) else None
    return value if value is not None and (value.producer is not None or value.is_input) else None


# ---- the graph that is not there -------------------------------------------------------------------------------------


class _CompiledStep:
    """The operation of the node of a compiled step's result."""

    name, kind, outputs, accumulate_at, composition = "compiled step", "opaque", None, None, None
    keeps = kept_inputs = params = param_names = residuals = ()
    arrays = (Array("source", variadic=True),)
    rules = True

    @staticmethod
    def pullback(g: Any, parents: Any, saved: Any, node: Any) -> Any:
        raise RuntimeError(
            "compile: the result of a compiled step carries no graph, so no derivative goes through it; call backward() or "
            "ag.gradients inside the step (compile the whole training step), or cut the result off with .detach()"
        )


COMPILED_STEP = _CompiledStep()


def cut_off(result: Tensor, parents: Sequence[Node]) -> None:
    """Give a result a node that stands for the step which made it of these."""
    node = result.node = Node()
    node.op, node.parents, node.saved = COMPILED_STEP, tuple(parents), ()
    node.shape, node.dtype, node.sequence = result.shape, result.dtype, graph.sequence()
    node.scope = node.extras = None
