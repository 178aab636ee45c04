"""What a check says: the verdict, a row for each variable, and the operation at fault."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from .localise import Place
from .probe import Probe

PASS, FAIL, KINK = "PASS", "FAIL", "KINK"
ILL_CONDITIONED, NOT_DIFFERENTIABLE = "ILL-CONDITIONED", "NOT DIFFERENTIABLE"
NOT_DETERMINISTIC, MUTATES = "NOT DETERMINISTIC", "MUTATES ITS INPUT"


class GradientError(AssertionError):
    """A derivative that could not be confirmed; carries the `report`."""

    def __init__(self, report: Report) -> None:
        super().__init__(str(report))
        self.report = report


@dataclass(slots=True)
class Row:
    """One variable at one order: how much of it was tried, and the worst that was seen."""

    order: int
    name: str
    shape: tuple[int, ...]
    verdict: str
    directions: int = 0
    coordinates: int = 0
    error: float = 0.0
    analytic: float = math.nan
    numeric: float = math.nan
    index: tuple[int, ...] = ()


@dataclass
class Report:
    """The result of a check; true exactly when every derivative asked for was confirmed (PASS, or KINK).

    `verdict` is the word, `reason` a sentence, `rows` one per variable and order, `place` the first wrong operation,
    `kinks` the operations that are not smooth here, `evaluations` how often the function ran.
    """

    function: str
    verdict: str = PASS
    reason: str = ""
    rows: list[Row] = field(default_factory=list)
    place: Place | None = None
    kinks: list[Place] = field(default_factory=list)
    evaluations: int = 0
    elements: int = 0
    operations: int = 0
    seconds: float = 0.0
    probes: list[Probe] = field(default_factory=list, repr=False)

    def __bool__(self) -> bool:
        return self.verdict in (PASS, KINK)

    @property
    def error(self) -> float:
        """The worst relative error that was seen."""
        return max((r.error for r in self.rows if not math.isnan(r.error)), default=0.0)

    def raise_if_failed(self) -> Report:
        """Raise GradientError unless the report is true; return it otherwise."""
        if not self:
            raise GradientError(self)
        return self

    def to_dict(self) -> dict[str, Any]:
        """The report as plain Python values, for JSON."""
        plain = {
            k: getattr(self, k) for k in ("function", "verdict", "reason", "evaluations", "elements", "operations")
        }
        plain |= {
            "ok": bool(self),
            "error": self.error,
            "seconds": self.seconds,
            "rows": [asdict(r) for r in self.rows],
        }
        plain["place"] = None if self.place is None else self.place.to_dict()
        plain["kinks"] = [k.to_dict() for k in self.kinks]
        return plain

    def head(self) -> str:
        """The verdict and the reason, in one line."""
        return f"{self.verdict}  {self.function}" + (f": {self.reason}" if self.reason else "")

    def coverage(self) -> str:
        """How much was tried."""
        singles = sum(r.coordinates for r in self.rows)
        return (
            f"{self.elements} elements, all in {max((r.directions for r in self.rows), default=0)} directions, {singles} "
            f"one by one; {self.evaluations} evaluations in {self.seconds:.2f} s"
        )

    def __str__(self) -> str:
        lines = [self.head()]
        if self.rows:
            lines += [f"  {line}" for line in aligned([COLUMNS, *[cells(r) for r in self.rows]])]
        if self.place is not None:
            lines += ["", *describe(self.place, "first wrong operation")]
        for kink in self.kinks[:3]:
            lines += ["", *describe(kink, "not smooth")]
        return "\n".join([*lines, f"  {self.coverage()}"])

    def _repr_html_(self) -> str:
        from .faces import html

        return html(self)

    def plot(self) -> Any:
        """Draw error against step size and analytic against numeric derivatives; returns the matplotlib figure."""
        from .faces import plot

        return plot(self)


COLUMNS = ("order", "variable", "shape", "verdict", "error", "analytic", "numeric", "at")


def cells(row: Row) -> tuple[str, ...]:
    """A row as text."""
    number = lambda x: f"{x:.6g}" if row.coordinates else ""
    at = f"[{', '.join(map(str, row.index))}]" if row.index else ""
    error = "" if row.verdict == NOT_DIFFERENTIABLE or math.isnan(row.error) else f"{row.error:.1e}"
    shape = f"({', '.join(map(str, row.shape))})"
    return str(row.order), row.name, shape, row.verdict, error, number(row.analytic), number(row.numeric), at


def aligned(table: Sequence[tuple[str, ...]]) -> list[str]:
    """Rows of text in columns; the fifth to seventh to the right, as numbers."""
    widths = [max(len(r[i]) for r in table) for i in range(len(table[0]))]
    return [
        "  ".join(
            c.rjust(w) if 4 <= i <= 6 else c.ljust(w) for i, (c, w) in enumerate(zip(r, widths, strict=True))
        ).rstrip()
        for r in table
    ]


def describe(place: Place, what: str) -> list[str]:
    """A place in the code, line by line."""
    lines = [f"  {what}: {place.operation}" + (f", input {place.input!r}" if place.input else "")]
    if place.derivative_of:
        lines.append(f"    in the derivative of {place.derivative_of}")
    if place.module:
        lines.append(f"    module    {place.module}")
    lines.append(f"    line      {place.line}")
    if not math.isnan(place.numeric):
        at = f"[{', '.join(map(str, place.index))}]" if place.index else "the value"
        word = "at      " if what == "not smooth" else "worst at"
        lines.append(f"    {word}  {at}: analytic {place.analytic:.9g}, numeric {place.numeric:.9g}")
    if place.hint:
        lines.append(f"    hint      {place.hint}")
    return lines
