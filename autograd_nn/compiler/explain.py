"""Explaining: what a compiled step became, in words: its kernels, its memory, what stayed opaque and what was baked in."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from .access import access
from .fusion import Cluster
from .guards import ABSENT, HOOKED, LENGTH, TRACED
from .memory import stored_by
from .profiling import arena_in_use, profile
from .program import Value

if TYPE_CHECKING:
    from .signature import Signature

WIDTH = 110


class Explanation:
    """What the variants of a compiled step became; prints as text, and `plot` draws it."""

    def __init__(self, signatures: list[Signature], timed: bool = True) -> None:
        self.signatures = signatures
        self.times = [profile(s.machine) if timed else {} for s in signatures]

    def __str__(self) -> str:
        return "\n\n".join([_text(s, t) for s, t in zip(self.signatures, self.times, strict=True)])

    __repr__ = __str__

    def __contains__(self, text: str) -> bool:
        return text in str(self)

    def plot(self) -> Any:
        """Draw the arena over time and where the time goes, for each variant; returns the matplotlib figure."""
        from .drawing import draw

        return draw(list(zip(self.signatures, self.times, strict=True)))


def _text(signature: Signature, times: dict[Cluster | None, float]) -> str:
    """The report of one compiled variant."""
    compiled = signature.compiled
    machine, made = compiled.machine, compiled.plan
    arguments = ", ".join(f"{v.dtype}{list(v.shape)}" for v in compiled.program.inputs) or "no arrays"
    peak = max(arena_in_use(made, len(compiled.clusters)), default=0)
    threads = "one thread" if machine.threads in (None, 1) else f"{machine.threads} threads"
    lines = [
        f"compiled for {arguments}: {signature.operations} operations in {len(machine.entries)} kernel calls "
        f"({compiled.distinct} distinct kernels) on {threads}, {len(signature.opaque)} operations opaque",
        "  passes  " + ", ".join(f"{name} {1e3 * s:.1f} ms" for name, s in compiled.seconds.items()),
        f"  memory  arena {made.size / 1024:.1f} kB, of which arguments {made.inputs / 1024:.1f} and at most {peak / 1024:.1f} "
        f"temporary at once; operation by operation {signature.eager / 1024:.1f} at once",
        f"  states  {len(made.home) - len(made.copied)} computed in place, {len(made.copied)} copied at the end",
        f"  guards  {len(signature.guards)} values, {len(signature.tensors)} Tensors, {len(signature.leaves)} gradients",
        "",
        *_kernels(signature, times),
    ]
    if signature.opaque:
        lines += ["", "opaque, called as they are:"]
        counted = Counter(signature.opaque)
        lines += [f"  {n:4} x {name}: {reason}"[:WIDTH] for (name, reason), n in counted.most_common()]
    plain = [
        g
        for g in signature.guards
        if not g.by_identity and g.expected is not ABSENT and g.key not in (LENGTH, TRACED, HOOKED)
    ]
    plain.sort(key=lambda g: (not isinstance(g.expected, bool), g.path))  # flags first
    baked = list(dict.fromkeys([f"{g.path} = {g.expected!r}"[:WIDTH] for g in plain]))
    lines += ["", f"baked in and guarded ({len(baked)} numbers and flags):", *[f"  {b}" for b in baked[:20]]]
    return "\n".join(lines + ([f"  ... and {len(baked) - 20} more"] if len(baked) > 20 else []))


def _kernels(signature: Signature, times: dict[Cluster | None, float]) -> list[str]:
    lines = [f"  {'us':>9}  {'kernel':10} {'points':>10}  computes (reads -> writes)"]
    for c in signature.compiled.clusters:
        if c.kind == "assemble":
            continue
        inside = set(c.members)
        reads = list(dict.fromkeys(r for m in c.members for r in _roots(m) if r not in inside))
        writes = list(stored_by(c))
        took = f"{times[c]:9.1f}" if c in times else " " * 9
        points = f"{c.points // c.columns} x {c.columns}" if c.columns else str(c.points or sum(v.size for v in writes))
        lines.append(f"  {took}  {c.kind:10} {points:>10}  {c.described()}"[:WIDTH])
        lines.append(f"  {'':9}  {'':10} {'':>10}    {_listed(reads)} -> {_listed(writes)}"[:WIDTH])
    return lines


def _roots(v: Value) -> list[Value]:
    return [r for r in [access(i)[0] for i in v.inputs] if r.op not in ("constant", "iota")]


def _listed(values: list[Value]) -> str:
    return (
        ", ".join(f"{'' if v.op not in ('memory', 'input') else v.op + ' '}%{v.order}{list(v.shape)}" for v in values)
        or "nothing"
    )
