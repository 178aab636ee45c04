"""Comparing two recorded runs: the first operation at which they part, and how far apart they are from there on.

    with ag.record() as a: model(x)
    with ag.record() as b: other(x)
    print(ag.compare(a, b))

Operations are aligned by name and shape, so a cast more on one side does not end the comparison. An operation whose inputs
agree and whose output does not is where the runs part; if an input already differed, that is said.
"""

from __future__ import annotations

import difflib
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from ..engine.record import Entry, Record, Value
from ..engine.tensor import Tensor
from .localise import input_name
from .report import aligned


@dataclass(slots=True)
class Step:
    """An operation that both runs have: its largest difference, relative to its largest value."""

    operation: str
    module: str
    line: str
    error: float
    dtypes: str
    position: int = -1  # among the first record's entries


@dataclass
class Divergence:
    """How two runs differ; true where they do. `first` is the first step beyond the tolerance, `steps` all that were compared."""

    steps: list[Step] = field(default_factory=list)
    first: int | None = None
    cause: str = ""
    structure: str = ""  # the first operation that only one run has
    unmatched: list[str] = field(default_factory=list)  # names of a reference that the record does not have

    def __bool__(self) -> bool:
        return self.first is not None or bool(self.structure)

    @property
    def downstream(self) -> float:
        """The largest difference from the first divergence on."""
        return 0.0 if self.first is None else max(s.error for s in self.steps[self.first :])

    def to_dict(self) -> dict[str, Any]:
        """The comparison as plain Python values."""
        return asdict(self) | {"diverged": bool(self), "downstream": self.downstream}

    def __str__(self) -> str:
        lines = [f"SAME  {len(self.steps)} operations agree"]
        if self.first is not None:
            s = self.steps[self.first]
            where = f" in {s.module}" if s.module else ""
            lines = [f"DIVERGED  at {s.operation}{where}, step {self.first} of {len(self.steps)}: {self.cause}"]
            lines += [f"  line {s.line}", f"  largest difference downstream: {self.downstream:.3g}"]
            table = [("step", "operation", "module", "dtypes", "error", "", "")]
            shown = range(max(0, self.first - 1), min(len(self.steps), self.first + 8))
            for i in shown:
                s = self.steps[i]
                table.append((str(i), s.operation, s.module, s.dtypes, f"{s.error:.1e}", "", ""))
            lines += [f"  {line}" for line in aligned(table)]
        elif self.structure:
            lines = [f"DIVERGED  in structure only; {len(self.steps)} operations that both have agree"]
        if self.structure:
            lines.append(f"  structure: {self.structure}")
        if self.unmatched:
            lines.append(f"  not in the record: {', '.join(self.unmatched)}")
        return "\n".join(lines)


def compare(a: Record, b: Record | Mapping[str, Any] | str | os.PathLike[str], rtol: float | None = None) -> Divergence:
    """Find the first operation at which two recorded runs diverge.

    `b` is another record, or reference values by name (a mapping, or the path of an npz file): the path of a module (with or
    without the outermost one's own name), whose last result is meant, or the name of a Tensor. `rtol`: the difference allowed,
    relative to a value's largest element; by default 0 where the dtypes are the same and 100 last bits of the narrower one
    where they are not (always so for references).

    An eager run against a compiled one: a step under `ag.compile` runs eagerly while it is recorded, so let it return its
    activations by module path, and give what it returns as the reference: ``ag.compare(record, step(x))``.
    Raises TypeError for anything else, ValueError for a reference of which the record has no name.

    >>> x = ag.tensor([1.0, 2.0])
    >>> with ag.record() as a:
    ...     _ = ag.exp(x * 2.0)
    >>> with ag.record() as b:
    ...     _ = ag.exp(x * 2.5)
    >>> print(str(ag.compare(a, b)).splitlines()[0])
    DIVERGED  at multiply, step 0 of 2: its input y is 2.0 in one run and 2.5 in the other
    """
    if not isinstance(a, Record):
        raise TypeError(f"compare: the first run is {type(a).__name__}, not a record; record it with ag.record()")
    if isinstance(b, Record):
        return _two_records(a, b, rtol)
    if isinstance(b, (str, os.PathLike)):
        with np.load(b, allow_pickle=False) as file:
            return _reference(a, dict(file), rtol)
    if isinstance(b, Mapping):
        return _reference(a, b, rtol)
    raise TypeError(
        f"compare: the second run is {type(b).__name__}; it is a record, a mapping of arrays or an npz file's path"
    )


def _two_records(a: Record, b: Record, rtol: float | None) -> Divergence:
    found = Divergence()
    matcher = difflib.SequenceMatcher(None, _keys(a), _keys(b), autojunk=False)
    pairs: list[tuple[int, Entry, Entry]] = []
    for tag, i, j, k, m in matcher.get_opcodes():
        if tag == "equal":
            pairs += zip(range(i, j), a.entries[i:j], b.entries[k:m], strict=True)
        elif not found.structure:
            one = ", ".join(e.name for e in a.entries[i:j][:4]) or "nothing"
            other = ", ".join(e.name for e in b.entries[k:m][:4]) or "nothing"
            found.structure = f"after {len(pairs)} operations the first run has {one}, the second {other}"
    for position, p, q in pairs:
        values = [(x, y) for x, y in zip(p.outputs, q.outputs, strict=False) if x is not None and y is not None]
        if not values:
            continue
        error = max(difference(x.data, y.data) for x, y in values)
        x, y = values[0]
        found.steps.append(_step(p, error, x.dtype, y.dtype, position))
        if found.first is None and error > _allowed(x.dtype, y.dtype, rtol):
            found.first, found.cause = len(found.steps) - 1, _cause(p, q, rtol)
    return found


def _reference(a: Record, reference: Mapping[str, Any], rtol: float | None) -> Divergence:
    found = Divergence()
    by_name: dict[str, tuple[int, Entry | None, Value]] = {v.name: (-1, v.producer, v) for v in a.values if v.name}
    for position, e in enumerate(a.entries):
        if e.scope is not None and e.outputs and e.outputs[0] is not None and e.derivative_of is None:
            for path in _paths(e.scope):
                by_name[path] = (position, e, e.outputs[0])
    found.unmatched = [name for name in reference if name not in by_name]
    if len(found.unmatched) == len(reference):
        known = ", ".join(list(by_name)[:8]) or "none; give Tensors names, or record modules"
        raise ValueError(
            f"compare: the record has none of the reference's names ({', '.join(found.unmatched[:8]) or 'it is empty'}), so that "
            f"nothing would be compared; its own are {known}"
        )
    for name in sorted((n for n in reference if n in by_name), key=lambda n: by_name[n][0]):
        position, entry, value = by_name[name]
        given = reference[name]
        expected = np.asarray(given.detach() if isinstance(given, Tensor) else given)
        error = difference(value.data, expected)
        step = Step(name, name, "", error, f"{value.dtype}/{expected.dtype}")
        found.steps.append(step if entry is None else _step(entry, error, value.dtype, expected.dtype, position))
        narrower = min(value.dtype, expected.dtype, key=lambda d: d.itemsize)
        if found.first is None and error > (_bits(narrower) if rtol is None else rtol):
            found.first, found.cause = len(found.steps) - 1, f"it differs from the reference {name} by {error:.3g}"
    return found


def _paths(scope: Any) -> Iterator[str]:
    """What the running modules are called: by their paths from the outermost one, and without its own name."""
    while scope is not None:
        yield scope.path
        if "." in scope.path:
            yield scope.path.split(".", 1)[1]
        scope = scope.outer


def _cause(p: Entry, q: Entry, rtol: float | None) -> str:
    """Why an operation's results differ: an input that already did, or the operation itself."""
    for i, (x, y) in enumerate(zip(p.inputs, q.inputs, strict=False)):
        name = input_name(p, i) if p.op is not None else str(i)
        if not isinstance(x, Value) or not isinstance(y, Value):
            if x is not y and not np.array_equal(np.asarray(getattr(x, "data", x)), np.asarray(getattr(y, "data", y))):
                return f"its input {name} is {x} in one run and {y} in the other"
            continue
        apart = difference(x.data, y.data)
        if apart > _allowed(x.dtype, y.dtype, rtol):
            label = x.name or y.name or name
            return f"its input {label} (a {x.kind}) already differs by {apart:.3g}"
    changed = [k for k in p.params if str(p.params[k]) != str(q.params.get(k))]
    if changed:
        return ", ".join(f"{k} is {p.params[k]} in one run and {q.params.get(k)} in the other" for k in changed)
    pairs = enumerate(zip(p.inputs, q.inputs, strict=False))
    shared = [input_name(p, i) for i, (x, y) in pairs if p.op is not None and _same_memory(x, y)]
    if shared and p.op.kind == "random":
        return "the random state it draws from differs: another seed, or other draws before it"
    if shared:
        return f"both runs read the same memory for its input {' and '.join(shared)}, which was written to in between"
    return "its inputs agree and its results do not"


def _same_memory(x: Any, y: Any) -> bool:
    return isinstance(x, Value) and isinstance(y, Value) and x.kind != "result" and x.data is y.data


def difference(x: Any, y: Any) -> float:
    """The largest difference of two arrays, relative to the largest value of both; inf for other shapes and one-sided NaNs."""
    if np.shape(x) != np.shape(y):
        return math.inf
    a, b = np.asarray(x), np.asarray(y)
    if np.array_equal(a, b):
        return 0.0
    a, b = a.astype(np.float64), b.astype(np.float64)
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    with np.errstate(all="ignore"):
        apart = float(np.max(np.where(same, 0.0, np.abs(a - b))))
        largest = max(float(np.max(np.abs(v), initial=0.0, where=np.isfinite(v))) for v in (a, b))
    return apart / largest if math.isfinite(apart) else math.inf


def _allowed(x: np.dtype, y: np.dtype, rtol: float | None) -> float:
    if rtol is not None:
        return rtol
    return 0.0 if x == y else _bits(min(x, y, key=lambda d: d.itemsize))


def _bits(dtype: np.dtype) -> float:
    return 100 * float(np.finfo(dtype).eps) if dtype.kind == "f" else 0.0


def _keys(r: Record) -> Sequence[tuple[Any, ...]]:
    return [(e.name, *(None if v is None else v.shape for v in e.outputs)) for e in r.entries]


def _step(e: Entry, error: float, x: np.dtype, y: np.dtype, position: int = -1) -> Step:
    module = "" if e.scope is None else str(e.scope.path)
    return Step(e.name, module, e.line, error, str(x) if x == y else f"{x}/{y}", position)
