"""Explaining: what a compiled step became, in words: its kernels, its memory, what stayed opaque and what was baked in."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from .access import access
from .fusion import Cluster
from .guards import ABSENT
from .loops import Kernel
from .machine import profile
from .program import Value

if TYPE_CHECKING:
    from .compile import Signature

WIDTH = 110


def explain(signature: Signature, timed: bool = True) -> str:
    """The report of one compiled variant. `timed`: run each kernel by itself to say how long it takes."""
    compiled, lowering = signature.compiled, signature.lowering
    machine, made = compiled.machine, compiled.plan
    texts = {k.text for found in compiled.kernels for k in found or () if isinstance(k, Kernel)}
    arguments = ", ".join(f"{v.dtype}{list(v.shape)}" for v in compiled.program.inputs) or "no arrays"
    lines = [
        f"compiled for {arguments}: {len(lowering.captured.record.entries)} operations in {len(machine.entries)} kernel calls "
        f"({len(texts)} distinct kernels), {len(lowering.opaque)} operations opaque",
        "  passes  " + ", ".join(f"{name} {1e3 * s:.1f} ms" for name, s in compiled.seconds.items()),
        f"  memory  arena {made.size / 1024:.1f} kB, of which arguments {made.inputs / 1024:.1f}; each temporary for itself "
        f"would take {made.unshared / 1024:.1f}",
        f"  states  {len(made.home) - len(made.copied)} computed in place, {len(made.copied)} copied at the end",
        f"  guards  {len(signature.guards)} values, {len(signature.tensors)} Tensors, {len(signature.leaves)} gradients",
        "",
        *_kernels(signature, timed),
    ]
    if lowering.opaque:
        lines += ["", "opaque, called as they are:"]
        counted = Counter((e.name, reason) for e, reason in lowering.opaque)
        lines += [f"  {n:4} x {name}: {reason}"[:WIDTH] for (name, reason), n in counted.most_common()]
    baked = sorted(
        {f"{g.path} = {g.expected!r}"[:WIDTH] for g in signature.guards if not g.same and g.expected is not ABSENT}
    )
    lines += ["", f"baked in and guarded ({len(baked)} numbers and flags):", *[f"  {b}" for b in baked[:20]]]
    return "\n".join(lines + ([f"  ... and {len(baked) - 20} more"] if len(baked) > 20 else []))


def _kernels(signature: Signature, timed: bool) -> list[str]:
    times: dict[Cluster | None, float] = {}
    if timed and not signature.lowering.opaque:
        for microseconds, c in profile(signature.machine):
            times[c] = times.get(c, 0.0) + microseconds
    lines = [f"  {'us':>9}  {'kernel':10} {'points':>10}  computes (reads -> writes)"]
    for c in signature.compiled.clusters:
        if c.kind == "assemble":
            continue
        inside = set(c.members)
        reads = list(dict.fromkeys(r for m in c.members for r in _roots(m) if r not in inside))
        writes = [m for m in c.members if m.stored]
        names = " ".join(m.params.name if m.op in ("opaque", "native") else m.op for m in c.members)
        took = f"{times[c]:9.1f}" if c in times else " " * 9
        points = f"{c.points // c.columns} x {c.columns}" if c.columns else str(c.points or writes[0].size)
        lines.append(f"  {took}  {c.kind:10} {points:>10}  {names}"[:WIDTH])
        lines.append(f"  {'':9}  {'':10} {'':>10}    {_listed(reads)} -> {_listed(writes)}"[:WIDTH])
    return lines


def _roots(v: Value) -> list[Value]:
    return [r for r in [access(i)[0] for i in v.inputs] if r.op not in ("constant", "iota")]


def _listed(values: list[Value]) -> str:
    return (
        ", ".join(f"{'' if v.op not in ('memory', 'input') else v.op + ' '}%{v.order}{list(v.shape)}" for v in values)
        or "nothing"
    )
