"""NaN and Inf: the first operation that makes one, forward or backward, apart from those that merely pass it on.

    with ag.detect_nonfinite():
        loss = model(x)            # NonfiniteError: log made -inf ..., raised here, at the line of the log
        loss.backward()

A recorded run is read in order, while it runs or afterwards. An operation whose floating inputs are all finite and one of
whose outputs is not has *made* it; the walk's operations are in the record too, so a derivative's NaN is found in the same
way and named with the operation whose rule was at work.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from ..engine import modes
from ..engine.backward import gradients
from ..engine.record import Entry, Record
from .hold import Subject, Watch
from .localise import input_name

TRAPS = frozenset({"log", "sqrt", "divide", "power", "scalar_power"})
"""Operations with an infinite value or derivative at the edge of where they are defined."""


class NonfiniteError(FloatingPointError):
    """A NaN or an Inf that was made inside `detect_nonfinite`; carries the `origin`."""

    def __init__(self, origin: Origin) -> None:
        super().__init__(str(origin))
        self.origin = origin


@dataclass
class Origin:
    """Where the first NaN or Inf came from; false if there was none.

    `operation` made it, in the derivative of which it ran if `backward`; `operands` are the ranges of its inputs, `passed_on`
    how many later operations merely passed it on, `advice` what to write instead.
    """

    operation: str = ""
    what: str = ""
    index: tuple[int, ...] = ()
    backward: bool = False
    rule_of: str = ""
    module: str = ""
    line: str = ""
    operands: list[str] = field(default_factory=list)
    passed_on: int = 0
    given: str = ""  # the name of an input that was not finite before anything ran
    advice: str = ""
    position: int = -1  # of the operation, among the record's entries

    def __bool__(self) -> bool:
        return bool(self.operation or self.given)

    def to_dict(self) -> dict[str, Any]:
        """The origin as plain Python values."""
        return asdict(self)

    def __str__(self) -> str:
        if not self:
            return "FINITE  every value and every derivative is finite"
        at = f" at [{', '.join(map(str, self.index))}]" if self.index else ""
        if self.given:
            return f"NOT FINITE  {self.given} held {self.what}{at} before any operation ran"
        place = f"the derivative of {self.rule_of}, in its {self.operation}," if self.backward else self.operation
        lines = [f"NOT FINITE  {place} made {self.what}{at}"]
        if self.module:
            lines.append(f"  module    {self.module}")
        lines.append(f"  line      {self.line}")
        lines += [f"  operand   {o}" for o in self.operands]
        if self.passed_on:
            lines.append(f"  passed on by {self.passed_on} later operation{'' if self.passed_on == 1 else 's'}")
        return "\n".join([*lines, f"  advice    {self.advice}"] if self.advice else lines)


def trace_nonfinite(f: Callable[..., Any], *inputs: Any) -> Origin:
    """Run f and its derivative, and name the first operation that makes a NaN or Inf of finite numbers.

    `inputs` are what `gradcheck` takes, in their own dtype (float32 overflows where float64 does not). Everything is left as
    it was. Returns an `Origin`, false if all is finite.

    >>> origin = ag.trace_nonfinite(lambda x: ag.log(x).sum(), np.array([1.0, 0.0]))
    >>> origin.operation, origin.what, origin.index
    ('log', '-inf', (1,))
    """
    with Subject(f, inputs, None, "trace_nonfinite", wide=False, model=f) as subject, np.errstate(all="ignore"):
        subject.move()
        watch = Watch()
        with modes.change(tracer=watch):
            outputs = subject.function()
            walked = [t for t in outputs if t.requires_grad]
            for t in walked:
                gradients(t, subject.variables, np.ones(t.shape, t.dtype), retain_graph=True, allow_unused=True)
        names = {id(watch.value_of(t)): n for n, t in zip(subject.names, subject.variables, strict=True)}
        return find_origin(watch, names)


class detect_nonfinite:
    """Inside the ``with`` block raise NonfiniteError as soon as an operation makes a NaN or Inf of finite numbers.

    It is raised where the operation was called, or by the backward walk, whose message names the line of the operation that
    is differentiated. ``at_once=False`` lets the block run on and raises at its end, when it can say how many operations
    passed the number on. An exception of another kind gets the origin as a note. Recording keeps every value alive, so use
    it to find a fault, not always. NumPy's own warnings are silent inside, since what they warn of is reported better.

    >>> x = ag.tensor([1.0, -1.0], requires_grad=True)
    >>> try:
    ...     with ag.detect_nonfinite():
    ...         y = ag.sqrt(x).sum()
    ... except FloatingPointError as error:
    ...     print(str(error).splitlines()[0])
    NOT FINITE  sqrt made nan at [1]
    """

    def __init__(self, at_once: bool = True) -> None:
        self.at_once = at_once

    def __enter__(self) -> Record:
        outer = modes.current().tracer
        if outer is not None and outer.records:
            raise RuntimeError("detect_nonfinite: a record is already running here; read it when it has ended")
        self._watch = Guard(outer) if self.at_once else Record(outer, expand=False)
        self._change = modes.change(tracer=self._watch)
        self._quiet = np.errstate(all="ignore")
        self._change.__enter__()
        self._quiet.__enter__()
        return self._watch

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        self._quiet.__exit__(kind, error, traceback)
        self._change.__exit__(kind, error, traceback)
        if isinstance(error, NonfiniteError):
            return
        origin = find_origin(self._watch)
        if origin and error is None:
            raise NonfiniteError(origin)
        if origin and error is not None:
            error.add_note(str(origin))


class Guard(Record):
    """A record that raises as soon as one of its operations makes a NaN or Inf."""

    def __init__(self, outer: Any) -> None:
        super().__init__(outer, expand=False)
        self._search = Search(self)

    def call(self, op: Any, args: tuple[Any, ...], params: tuple[Any, ...]) -> Any:
        result = super().call(op, args, params)
        self._look()
        return result

    def joint(self, op: Any, node: Any, g: Any, parents: Sequence[Any], saved: tuple[Any, ...]) -> Sequence[Any]:
        result = super().joint(op, node, g, parents, saved)
        self._look()
        return result

    def _look(self) -> None:
        if self._search.advance():
            raise NonfiniteError(self._search.found)


class Search:
    """Reading a record, as far as it has come, for the first operation that made a NaN or Inf."""

    def __init__(self, record: Record) -> None:
        self.record = record
        self.found = Origin()
        self._bad: set[int] = set()
        self._entries = self._values = 0  # how many were read

    def advance(self) -> Origin:
        """Read what has been recorded since."""
        for v in self.record.values[self._values :]:
            if v.producer is None and _where(v.data if v.initial is None else v.initial) is not None:
                self._bad.add(id(v))
        self._values = len(self.record.values)
        for entry in self.record.entries[self._entries :]:
            self._read(entry)
        self._entries = len(self.record.entries)
        return self.found

    def _read(self, entry: Entry) -> None:
        given = [v for v in entry.inputs if _is_bad(v, self._bad)]
        made = [v for v in entry.outputs if v is not None and _where(v.data) is not None]
        self._bad |= {id(v) for v in made}
        if entry.name == "assign" and _is_bad(entry.inputs[1], self._bad):
            self._bad.add(id(entry.inputs[0]))
        if self.found:
            self.found.passed_on += bool(made and given)
        elif made and not given:
            self.found = _origin(self.record, entry, made[0])


def find_origin(record: Record, names: dict[int, str] | None = None) -> Origin:
    """Read a record for the first operation that made a NaN or Inf."""
    return Search(record).advance() or _given(record, names or {})


def _given(record: Record, names: dict[int, str]) -> Origin:
    """An input, state or captured value that was not finite to begin with, where a result that nothing uses up is not either.

    So a mask of -inf that a softmax turns into zeros is no fault.
    """
    used = {id(v) for e in record.entries if e.op is not None for v in e.inputs}
    ends = [v for e in record.entries for v in e.outputs if v is not None and id(v) not in used]
    if all(_where(v.data) is None for v in ends):
        return Origin()
    for v in record.values:
        data = v.data if v.initial is None else v.initial
        index = _where(data) if v.producer is None else None
        if index is None:
            continue
        users = [e for e in record.entries if any(u is v for u in e.inputs) and e.op is not None]
        if any(_where(o.data) is not None for e in users for o in e.outputs if o is not None):
            name = (
                v.name
                or names.get(id(v))
                or f"the {v.kind} of shape {v.shape} used by {users[0].name} at {users[0].line}"
            )
            return Origin(given=name, what=_word(data, index), index=index)
    for e in record.entries:  # a Python number is no value of the record's
        number = next((v for v in e.inputs if isinstance(v, float) and not np.isfinite(v)), None)
        if number is not None and any(_where(o.data) is not None for o in e.outputs if o is not None):
            return Origin(given=f"the number given to {e.name} at {e.line}", what=str(float(number)))
    return Origin()


def _origin(record: Record, entry: Entry, value: Any) -> Origin:
    index = _where(value.data)
    assert index is not None
    rule = entry.derivative_of
    # A recorded derivative runs inside the engine: the line and module that matter are the operation's own.
    place = entry if rule is None else rule
    found = Origin(entry.name, _word(value.data, index), index, rule is not None, "" if rule is None else rule.name)
    found.module = "" if place.scope is None else str(place.scope.path)
    found.line = place.line
    if entry.op is not None and rule is None:
        given = [(input_name(entry, i), v) for i, v in enumerate(entry.inputs)]
    else:
        given = [(f"{i}", v) for i, v in enumerate(entry.inputs)]
    found.operands = [f"{n}: {_range(v)}" for n, v in given if v is not None]
    found.advice = _advice(record, entry, rule)
    found.position = record.entries.index(entry)
    return found


def _advice(record: Record, entry: Entry, rule: Entry | None) -> str:
    """What to write instead; the trap of a `where` around a function that is not finite on the branch not taken first."""
    at_fault = rule if rule is not None else entry
    trap = _masked_by(record, at_fault)
    if trap is not None:
        name = at_fault.name
        return (
            f"where() at {trap.line} hides the value of {name} but not its derivative, and 0 * inf is nan: choose the input "
            f"instead, ag.where(condition, {name}(ag.where(condition, x, 1.0)), 0.0)"
        )
    words = {
        "exp": "the argument is too large; subtract its maximum first, as softmax and log_softmax do",
        "log": "the argument is zero or negative; clip it, or use log_softmax for the logarithm of a softmax (a where() behind "
        "it would hide the value, not the derivative: choose the argument, ag.log(ag.where(x > 0, x, 1.0)))",
        "sqrt": "the argument is negative, or zero where the derivative is infinite; add a small number inside",
        "divide": "the denominator is zero; add a small number to it, or choose it with ag.where",
        "power": "the base is zero or negative, or the result overflows",
        "scalar_power": "the base is zero or negative, or the result overflows",
    }
    narrow = any(getattr(v, "dtype", None) == np.float32 for v in entry.outputs)
    overflow = "the values are large; float32 ends at 3e38" if narrow else ""
    return words.get(at_fault.name, overflow)


def _masked_by(record: Record, suspect: Entry) -> Entry | None:
    """The `where` that one of the suspect's results flows into, through elementwise operations, as a branch."""
    if suspect.name not in TRAPS:
        return None
    reached = {id(v) for v in suspect.outputs}
    position = record.entries.index(suspect)
    for e in record.entries[position + 1 :]:
        if e.op is None or e.derivative_of is not None or not any(id(v) in reached for v in e.inputs):
            continue
        if e.name == "where" and any(id(v) in reached for v in e.inputs[1:]):
            return e
        if e.op.kind in ("elementwise", "view"):
            reached |= {id(v) for v in e.outputs}
    return None


def _is_bad(v: Any, bad: set[int]) -> bool:
    if isinstance(v, float):
        return not np.isfinite(v)
    return id(v) in bad


def _where(data: Any) -> tuple[int, ...] | None:
    """The first element that is not finite, or None."""
    if getattr(data, "dtype", np.dtype(bool)).kind not in "fc":
        return None
    finite = np.isfinite(data)
    if finite.all():
        return None
    return tuple([int(i) for i in np.argwhere(~np.asarray(finite))[0]])


def _word(data: Any, index: tuple[int, ...]) -> str:
    return str(float(np.asarray(data)[index]))


def _range(v: Any) -> str:
    """The range of an operand's finite values, and how many are not."""
    data = np.asarray(getattr(v, "data", v))
    if not data.size or data.dtype.kind not in "iuf":
        return f"{data.dtype}{list(data.shape)}"
    finite = data[np.isfinite(data)] if data.dtype.kind == "f" else data
    span = f"from {finite.min():.6g} to {finite.max():.6g}" if finite.size else "nothing finite"
    zeros = int(np.count_nonzero(data == 0))
    note = f", {zeros} of {data.size} zero" if zeros else ""
    return f"{data.dtype}{list(data.shape)} {span}{note}"
