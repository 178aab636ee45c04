"""The certificate: every operation of the table checked on this machine, as `python -m autograd_nn check` prints it.

Per operation, dtype and order: on how many samples the derivative was checked, and the worst error. float64 is held against
finite differences, float32 against float64.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ..engine.tensor import tensor
from .finite import analytic_gradient, floating_outputs, gradient_errors, largest_error
from .report import aligned
from .samples import Call, Row, rows

if TYPE_CHECKING:
    from .draws import Draws

LIMITS = {("float64", 1): 1e-8, ("float64", 2): 1e-7, ("float32", 1): 2e-5}


@dataclass(slots=True)
class Line:
    """One operation at one dtype and order."""

    operation: str
    dtype: str
    order: int
    samples: int
    error: float
    note: str = ""  # what a rule raised

    @property
    def ok(self) -> bool:
        """Whether the worst error is within the limit."""
        return self.error < LIMITS[self.dtype, self.order]


@dataclass
class Certificate:
    """What was checked, and whether all of it is right; true if it is."""

    lines: list[Line] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.lines) and all(line.ok for line in self.lines)

    def to_dict(self) -> dict[str, Any]:
        """The certificate as plain Python values."""
        lines = [asdict(line) | {"ok": line.ok, "limit": LIMITS[line.dtype, line.order]} for line in self.lines]
        return {"ok": bool(self), "python": platform.python_version(), "numpy": np.__version__, "lines": lines}

    def __str__(self) -> str:
        table = [("operation", "dtype", "order", "samples", "worst error", "limit", "")]
        for x in self.lines:
            limit, word = f"{LIMITS[x.dtype, x.order]:.0e}", "" if x.ok else f"WRONG {x.note}".rstrip()
            table.append((x.operation, x.dtype, str(x.order), str(x.samples), f"{x.error:.1e}", limit, word))
        wrong = sum(not x.ok for x in self.lines)
        operations, samples = len({x.operation for x in self.lines}), sum(x.samples for x in self.lines)
        verdict = "FAIL" if wrong else "PASS"
        head = f"{verdict}  {operations} operations, {samples} checks, {wrong} wrong"
        return "\n".join([*aligned(table), f"{head} (Python {platform.python_version()}, NumPy {np.__version__})"])


def certify(names: Sequence[str] = ()) -> Certificate:
    """Check the operations of the table (all, or those named), to second order and in float32.

    Raises ValueError for a name that the table does not have.

    >>> bool(ag.check.certify(["tanh"]))
    True
    """
    known(names)
    made = Certificate()
    for row in sorted(rows(), key=lambda r: r.name):
        calls = [c for c in row.calls if c.order > 0 and c.differentiated()]
        if not calls or (names and row.name not in names):
            continue
        rng = np.random.default_rng(1)
        try:
            with np.errstate(all="ignore"):
                errors = [gradient_errors(*function_of(row, c), rng, order=c.order) for c in calls]
                narrow = [_narrow_error(*function_of(row, c), rng) for c in calls]
        except Exception as error:  # a rule raised, or the walk refused what it returned: that, too, is certified
            made.lines.append(Line(row.name, "float64", 1, len(calls), math.inf, f"{type(error).__name__}: {error}"))
            continue
        for order in (1, 2):
            worst = [e[order - 1] for e in errors if len(e) >= order]
            if worst:
                made.lines.append(Line(row.name, "float64", order, len(worst), max(worst)))
        made.lines.append(Line(row.name, "float32", 1, len(narrow), max(narrow)))
    return made


def known(names: Sequence[str]) -> Sequence[str]:
    """The names, if the table has all of them; raises ValueError otherwise."""
    unknown = sorted(set(names) - {r.name for r in rows()})
    if unknown:
        raise ValueError(f"certify: the table has no operation {', '.join(unknown)}")
    return names


def function_of(row: Row, call: Call) -> tuple[Callable[..., Any], list[np.ndarray]]:
    """The row's function as one of its differentiated inputs only, and those inputs."""
    positions = call.differentiated()

    def f(*inputs: Any) -> Any:
        arrays = list(call.arrays)
        for position, x in zip(positions, inputs, strict=True):
            arrays[position] = x
        return row.run(row.function, call, arrays)

    return f, [call.arrays[i] for i in positions]


def _narrow_error(f: Callable[..., Any], arrays: Sequence[np.ndarray], rng: np.random.Generator) -> float:
    """The largest error of the float32 derivative, held against the float64 one."""
    cotangents = [rng.standard_normal(o.shape) for o in floating_outputs(f(*[tensor(a) for a in arrays]))]
    rounded = [a.astype(np.float32) for a in arrays]
    wide, _ = analytic_gradient(f, [a.astype(np.float64) for a in rounded], cotangents)  # of the same numbers
    narrow, _ = analytic_gradient(f, rounded, cotangents)
    return max((largest_error(n.numpy(), w.numpy()) for n, w in zip(narrow, wide, strict=True)), default=0.0)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument(
        "operations", nargs="*", help="operations, and with --draws layers, as nn.Linear (default: all)"
    )
    parser.add_argument(
        "--draws",
        type=int,
        metavar="N",
        help="instead, look for false alarms at N random inputs of each operation and layer",
    )
    parser.add_argument("--json", action="store_true", help="print the certificate as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print the certificate. Returns 0; 1 if anything is wrong; 2 for an operation that is not in the table."""
    made: Certificate | Draws
    try:
        if arguments.draws is not None:
            from .draws import random_draws

            made = random_draws(arguments.draws, arguments.operations)
        else:
            made = certify(arguments.operations)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    print(json.dumps(made.to_dict(), indent=2) if arguments.json else made)
    return 0 if made else 1
