"""Localising a wrong derivative: each recorded operation's own rule, checked on the values it saw.

The record of one run is walked in order. An operation is called again on the arrays it had, and its derivative held against
differences of its own forward, a few directions each, so the cost is linear in the number of operations. The first that
disagrees is at fault, because what came before it was right.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..engine import modes
from ..engine.graph import Node
from ..engine.record import Entry, Record
from ..engine.tensor import Tensor, tensor
from .examine import Examination
from .frozen import reached
from .hold import Problem, Watch, derivative
from .kinks import judge
from .probe import AGREES, DIFFERS, KINK, Probe


@dataclass(slots=True)
class Place:
    """An operation in the code: what ran, for which input, where; and the worst element of its derivative."""

    operation: str
    input: str
    module: str
    line: str
    position: int  # among the recorded operations, from 0
    index: tuple[int, ...] = ()
    analytic: float = math.nan
    numeric: float = math.nan
    hint: str = ""
    derivative_of: str = ""  # of an operation in a rule: whose rule it is

    @property
    def ratio(self) -> float:
        """Analytic over numeric: 2, -1 or an axis's length tell what went wrong."""
        return self.analytic / self.numeric if self.numeric else math.inf if self.analytic else math.nan

    def to_dict(self) -> dict[str, Any]:
        return asdict(self) | {"ratio": self.ratio}


class Local:
    """One recorded operation as a function of the inputs that a gradient flows to, at the values it saw.

    Of several outputs only those count that the result depends on: eigenvalues may have a derivative where eigenvectors
    have none.
    """

    elementary = True

    def __init__(self, entry: Entry, nodes: set[Node]) -> None:
        self.entry = entry
        alive = [None if r is None else r() for r in entry.node.outputs] if entry.op.outputs else []
        self.used = [n is not None and n in nodes for n in alive]
        parents = entry.node.parents
        self.flat = [_wide(getattr(v, "data", v)) for v in entry.inputs]
        self.positions = [i for i, p in enumerate(parents) if p is not None]
        self.names = [input_name(entry, i) for i in self.positions]
        self.base = [np.array(self.flat[i], np.float64) for i in self.positions]
        # What several operations compute in one is left of their results, which are of its inputs' size, or of 1.
        sizes = [float(np.max(np.abs(b), initial=1.0, where=np.isfinite(b))) for b in self.base]
        self.inner = max(sizes, default=1.0) if entry.op.kind == "fused" else 0.0

    def _call(self, parts: Sequence[Any]) -> list[Any]:
        arguments = list(self.flat)
        for i, part in zip(self.positions, parts, strict=True):
            arguments[i] = part
        result = self.entry.op.function(*arguments, **self.entry.params)
        outputs = [o for o, used in zip(result, self.used, strict=True) if used] if self.used else [result]
        return [o for o in outputs if o.dtype.kind == "f"]

    def is_narrow(self) -> bool:
        """Whether it rounds to less than float64 whatever it is given, so that differences say nothing."""
        return any(o.dtype.itemsize < 8 for o in self._call(self.base))

    def values(self, moved: Sequence[np.ndarray] | None) -> list[np.ndarray]:
        return [np.asarray(o, np.float64) for o in self._call(self.base if moved is None else moved)]

    def gradient(
        self,
        weights: Sequence[np.ndarray],
        moved: Sequence[np.ndarray] | None = None,
        create_graph: bool = False,
    ) -> list[np.ndarray | None]:
        leaves = [tensor(b, requires_grad=True) for b in (self.base if moved is None else moved)]
        with modes.change(tracer=None, grad=True):
            found = derivative(self._call(leaves), leaves, weights, create_graph)
        return [None if g is None else np.asarray(g._array) for g in found]


def _wide(x: Any) -> Any:
    """An array of floats in float64, for an operation may refuse to mix them: all its inputs become float64 together."""
    narrow = isinstance(x, (np.ndarray, np.floating)) and x.dtype.kind == "f" and x.dtype.itemsize < 8
    return x.astype(np.float64) if narrow else x


def recorded(problem: Problem, at: Sequence[np.ndarray] | None = None) -> tuple[Record, list[Tensor]]:
    """A record of one run where the function stands, or at other arrays, and its outputs."""
    problem.subject.move(at)
    watch = Watch()
    with modes.change(tracer=watch):
        outputs = problem.function()
    return watch, outputs


@dataclass(slots=True)
class Findings:
    """What walking a record found: the first wrong operation, the kinks, what cuts the graph, what is narrow, what is fused."""

    wrong: Place | None
    kinks: list[Place]
    cuts: list[Place]
    narrow: list[Place]
    checked: int
    fused: list[Place]


def localise(
    problem: Problem,
    rng: np.random.Generator,
    rtol: float,
    atol: float,
    at: Sequence[np.ndarray] | None = None,
    thorough: bool = False,
) -> Findings:
    """Check every operation that the outputs depend on; stop at the first wrong one.

    `thorough`: in coordinates, too, where its directions agree.
    """
    record, outputs = recorded(problem, at)
    nodes = reached(outputs)
    found = Findings(None, [], cuts_in(record, outputs), [], 0, [])
    for position, entry in enumerate(record.entries):
        if entry.node is None or entry.node not in nodes:
            continue
        found.checked += 1
        if entry.op.kind == "fused":
            found.fused.append(place_of(entry, position))
        if any(v is not None and v.dtype.kind == "f" and v.dtype.itemsize < 8 for v in entry.outputs):
            found.narrow.append(place_of(entry, position))
        outcome, place = check_entry(entry, nodes, position, rng, rtol, atol, thorough)
        if outcome == DIFFERS:
            found.wrong = place
            break
        if outcome == KINK and place is not None:
            found.kinks.append(place)
    return found


@np.errstate(all="ignore")
def check_entry(
    entry: Entry,
    nodes: set[Node],
    position: int,
    rng: np.random.Generator,
    rtol: float,
    atol: float,
    thorough: bool = False,
) -> tuple[str, Place | None]:
    """Check one operation's rule on the values it saw."""
    local = Local(entry, nodes)
    if not local.base:
        return AGREES, None
    try:
        exam = Examination(local, rng, rtol, atol)
    except Exception as error:  # the rule raises, or the walk refuses what it returned
        return DIFFERS, place_of(entry, position, hint=_raised(error))
    if not exam.finite or local.is_narrow():
        return AGREES, None
    exam.directions()
    if thorough and exam.outcome == AGREES:
        exam.coordinates(everything=exam.size <= 4096)
    if not exam.odd:
        return DIFFERS, place_of(entry, position, hint="the rule is not linear in its cotangent")
    if exam.outcome == AGREES:
        return AGREES, None
    suspects = [p for p in exam.probes if p.outcome != AGREES]
    if exam.size <= 4096 and entry.op.kind != "elementwise":
        exam.coordinates(everything=True)
    elif entry.op.kind == "elementwise" or exam.size > 4096:
        for suspect in sorted(suspects, key=lambda p: p.outcome != DIFFERS):
            caught = exam.hunt(suspect)
            if caught is not None and caught.outcome == suspect.outcome:
                break
        exam.coordinates(everything=exam.size <= 512)
    singles = [p for p in exam.probes if p.variable is not None]
    doubtful = [p for p in singles if p.outcome in (DIFFERS, KINK)]
    wrong = judge(exam, doubtful).against if doubtful else []
    if wrong:
        probe = max(wrong, key=lambda p: p.gap if math.isfinite(p.gap) else math.inf)
        return DIFFERS, _described(entry, position, local, exam, probe)
    if doubtful:
        return KINK, _described(entry, position, local, exam, doubtful[0])
    if all(p.outcome == DIFFERS for p in suspects):
        if not judge(exam, suspects).against:
            return KINK, place_of(
                entry, position, local.names[0], hint="a kink: slopes in different directions do not add up"
            )
        worst = suspects[0]
        return DIFFERS, place_of(
            entry,
            position,
            local.names[0],
            analytic=worst.analytic,
            numeric=worst.numeric,
            hint="along a random direction",
        )
    return AGREES, None


def _raised(error: Exception) -> str:
    if "read-only" in str(error):
        return (
            f"the rule writes into what it is given ({error}); cotangents and saved arrays are shared with others, so compute "
            f"a new array"
        )
    return ""  # the report's reason says it


def _described(entry: Entry, position: int, local: Local, exam: Examination, probe: Probe) -> Place:
    assert probe.variable is not None
    analytic, numeric = exam.element(probe)
    place = place_of(entry, position, local.names[probe.variable], probe.index, analytic, numeric)
    if probe.outcome == KINK:
        place.hint = f"a kink: {probe.slope.kink}"
    else:
        shapes = [b.shape for b in [*exam.base, *exam.centre]]
        place.hint = ratio_hint(analytic, numeric, shapes)
    return place


def place_of(
    entry: Entry,
    position: int,
    name: str = "",
    index: tuple[int, ...] = (),
    analytic: float = math.nan,
    numeric: float = math.nan,
    hint: str = "",
) -> Place:
    """Where an entry of a record stands in the code."""
    module = "" if entry.scope is None else str(entry.scope.path)
    place = Place(entry.name, name, module, entry.line, position, index, analytic, numeric, hint)
    if entry.derivative_of is not None:  # the line and module that matter are those of the operation whose rule it is
        rule_of = entry.derivative_of
        place.derivative_of, place.line = rule_of.name, rule_of.line
        place.module = "" if rule_of.scope is None else str(rule_of.scope.path)
    return place


def ratio_hint(analytic: float, numeric: float, shapes: Sequence[tuple[int, ...]]) -> str:
    """What the ratio of a wrong derivative to the right one suggests."""
    if not math.isfinite(analytic):
        return f"the rule gives {analytic} where the derivative is finite: write it so that it holds at this point, too"
    if not numeric:
        return "the derivative is zero here, and the rule gives something"
    ratio = analytic / numeric
    near = lambda value: abs(ratio - value) < 1e-5 * abs(value)
    if abs(ratio) < 1e-9:
        return "ratio 0: no cotangent arrives at this element"
    if near(-1.0):
        return "ratio -1: the sign is flipped"
    lengths = sorted({n for s in shapes for n in (*s, int(np.prod(s))) if n > 1})
    for n in lengths:
        if near(float(n)):
            return (
                f"ratio {n}: {n} is the length of an axis; something is summed once too often, or a mean is not divided"
            )
        if near(1.0 / n):
            return f"ratio 1/{n}: {n} is the length of an axis; a sum is missing or divided once too often"
    for value, words in ((2.0, "a factor 2 too much"), (0.5, "a factor 2 is missing")):
        if near(value):
            return f"ratio {value:g}: {words}"
    return f"ratio {ratio:.6g}"


def input_name(entry: Entry, position: int) -> str:
    """The name of an operation's flat input."""
    arrays = entry.op.arrays
    a = arrays[min(position, len(arrays) - 1)]
    return f"{a.name}[{position - len(arrays) + 1}]" if a.variadic else a.name


def cuts_in(record: Record, outputs: Sequence[Tensor]) -> list[Place]:
    """Where a value that a gradient flowed to left the graph on its way to the outputs: detach, no_grad, `.data`, argmax."""
    needed, carried = _influences(record, outputs), record_leaves(record)
    found = []
    for position, e in enumerate(record.entries):
        if e.op is None:
            continue
        if e.node is not None:
            carried |= {id(v) for v in e.outputs if v is not None}
        elif any(id(v) in needed for v in e.outputs if v is not None and v.dtype.kind == "f"):
            given = [input_name(e, i) for i, v in enumerate(e.inputs) if id(v) in carried]
            if given:
                found.append(place_of(e, position, given[0]))
    position = len(record.entries)
    return found + [Place(n.what, "", "", n.line, position) for n in record.notes]


def _influences(record: Record, outputs: Sequence[Tensor]) -> set[int]:
    """The ids of the Values that the outputs were computed from, through memory that was written to as well."""
    needed = {id(record.value_of(t)) for t in outputs}
    for e in reversed(record.entries):
        made = e.inputs[:1] if e.name == "assign" else e.outputs
        if any(id(v) in needed for v in made):
            needed |= {id(v) for v in e.inputs}
    return needed


def record_leaves(record: Record) -> set[int]:
    """The Values of a record that are leaves a gradient flows to."""
    return {id(record.value_of(t)) for t in record.outside if t.requires_grad}
