"""No false alarm: correct operations checked at many random inputs, as `python -m autograd_nn check --draws 1000` does.

Each draw takes one of an operation's samples, moves every element by up to 30 percent, and draws other cotangents and
directions. What comes out must be PASS, or KINK where the draw happened on one.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .certificate import function_of
from .gradients import gradcheck
from .report import KINK, PASS, Report, aligned
from .samples import Call, Row, rows

SPREADS = (0.02, 0.1, 0.3)
"""By how much elements move, relative to their size; less where the function is not finite there."""


@dataclass
class Draws:
    """What came out, operation by operation; true if nothing but PASS and KINK did."""

    counts: dict[str, Counter[str]] = field(default_factory=dict)
    alarms: list[tuple[str, int, Report]] = field(default_factory=list)  # operation, draw, what was said of it

    def __bool__(self) -> bool:
        return bool(self.counts) and not self.alarms

    def to_dict(self) -> dict[str, Any]:
        """The counts as plain Python values."""
        alarms = [{"operation": n, "draw": d, "report": r.to_dict()} for n, d, r in self.alarms]
        return {"ok": bool(self), "counts": {n: dict(c) for n, c in self.counts.items()}, "alarms": alarms}

    def __str__(self) -> str:
        table = [("operation", "verdicts", "", "", "", "", "")]
        for name, counts in self.counts.items():
            said = ", ".join(f"{n} {verdict}" for verdict, n in counts.most_common())
            table.append((name, said, "", "", "", "", ""))
        alarms = [f"\n{name}, draw {draw}:\n{report}" for name, draw, report in self.alarms]
        total = sum((c for c in self.counts.values()), Counter[str]())
        said = ", ".join(f"{n} {verdict}" for verdict, n in total.most_common())
        head = f"{len(self.counts)} operations, {total.total()} draws: {said}"
        return "\n".join([*aligned(table), *alarms, f"{'PASS' if self else 'FALSE ALARM'}  {head}"])


def random_draws(draws: int, names: Sequence[str] = ()) -> Draws:
    """Check the operations of the table (all, or those named) at `draws` random inputs each."""
    made = Draws()
    for row in sorted(rows(), key=lambda r: r.name):
        calls = [c for c in row.calls if c.order > 0 and c.differentiated()]
        if not calls or (names and row.name not in names):
            continue
        counts = made.counts.setdefault(row.name, Counter())
        for draw in range(draws):
            report = _drawn(row, calls[draw % len(calls)], draw)
            counts[report.verdict] += 1
            if report.verdict not in (PASS, KINK):
                made.alarms.append((row.name, draw, report))
    return made


def _drawn(row: Row, call: Call, draw: int) -> Report:
    rng = np.random.default_rng([draw, zlib.crc32(row.name.encode())])
    f, arrays = function_of(row, call)
    spread = float(rng.choice(SPREADS))
    with np.errstate(all="ignore"):
        while True:
            moved = [a * rng.uniform(1 - spread, 1 + spread, a.shape) for a in arrays]
            if spread < 1e-3 or _is_defined(f, moved):
                return gradcheck(f, *moved, seed=draw)
            spread /= 2


def _is_defined(f: Any, arrays: Sequence[np.ndarray]) -> bool:
    """Whether f is finite at the arrays; some operations refuse what lies outside of where they are defined."""
    try:
        made = f(*arrays)
    except (ValueError, np.linalg.LinAlgError):
        return False
    parts = made if isinstance(made, tuple) else (made,)
    return all(np.isfinite(p).all() for p in parts if p.dtype.kind == "f")
