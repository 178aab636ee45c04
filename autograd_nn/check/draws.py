"""No false alarm: correct operations and layers at many random inputs, as `python -m autograd_nn check --draws 1000` tries them.

Each draw takes one of an operation's samples, moves every element by up to 30 percent, and draws other cotangents and
directions; of a layer's rows it takes one, with parameters, inputs and masks drawn anew. What comes out must be PASS, or KINK
where the draw happened on one.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .certificate import function_of, known
from .gradients import gradcheck
from .layers import classes_of
from .report import KINK, PASS, Report, aligned
from .samples import Call, Row, rows

SPREADS = (0.02, 0.1, 0.3)
"""By how much elements move, relative to their size; less where the function is not finite there."""


@dataclass
class Draws:
    """What came out, by operation and layer; true if nothing but PASS and KINK did."""

    counts: dict[str, Counter[str]] = field(default_factory=dict)
    alarms: list[tuple[str, int, Report]] = field(default_factory=list)  # its name, the draw, what was said of it

    def add(self, name: str, draw: int, report: Report) -> None:
        self.counts.setdefault(name, Counter())[report.verdict] += 1
        if report.verdict not in (PASS, KINK):
            self.alarms.append((name, draw, report))

    def __bool__(self) -> bool:
        return bool(self.counts) and not self.alarms

    def to_dict(self) -> dict[str, Any]:
        """The counts as plain Python values."""
        alarms = [{"operation": n, "draw": d, "report": r.to_dict()} for n, d, r in self.alarms]
        return {"ok": bool(self), "counts": {n: dict(c) for n, c in self.counts.items()}, "alarms": alarms}

    def __str__(self) -> str:
        table = [("operation or layer", "verdicts", "", "", "", "", "")]
        for name, counts in self.counts.items():
            said = ", ".join(f"{n} {verdict}" for verdict, n in counts.most_common())
            table.append((name, said, "", "", "", "", ""))
        alarms = [f"\n{name}, draw {draw}:\n{report}" for name, draw, report in self.alarms]
        total = sum((c for c in self.counts.values()), Counter[str]())
        said = ", ".join(f"{n} {verdict}" for verdict, n in total.most_common())
        layers = sum(name.startswith("nn.") for name in self.counts)
        kinds = [(len(self.counts) - layers, "operations"), (layers, "layers")]
        head = f"{', '.join(f'{n} {kind}' for n, kind in kinds if n)}, {total.total()} draws: {said}"
        return "\n".join([*aligned(table), *alarms, f"{'PASS' if self else 'FALSE ALARM'}  {head}"])


def random_draws(draws: int, names: Sequence[str] = ()) -> Draws:
    """Check the operations of the table and the layers of `nn` (all, or those named) at `draws` random inputs each.

    A layer is named ``nn.Linear``. Raises ValueError for a name that neither table has.

    >>> print(str(random_draws(2, ["tanh", "nn.Linear"])).splitlines()[-1])
    PASS  1 operations, 1 layers, 4 draws: 4 PASS
    """
    known([n for n in names if not n.startswith("nn.")])
    unknown = [n for n in names if n.startswith("nn.") and not classes_of([n])]
    if unknown:
        raise ValueError(f"random_draws: the table has no layer {', '.join(unknown)}")
    made = Draws()
    for row in sorted(rows(), key=lambda r: r.name):
        calls = [c for c in row.calls if c.order > 0 and c.differentiated()]
        if calls and (not names or row.name in names):
            for draw in range(draws):
                made.add(row.name, draw, _drawn(row, calls[draw % len(calls)], draw))
    for name, layers in classes_of(names).items():
        for draw in range(draws):
            made.add(name, draw, layers[draw % len(layers)].check(draw))
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
