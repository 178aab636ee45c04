"""Overlays: one kind of number on every box, as colour and as text, with a legend. One at a time.

`value`, `grad`: root mean square per element, on a logarithmic scale around the median, 5 % clipped at either end; `memory`,
`time`: a bar on a linear scale; `nonfinite`, `gradcheck`, `compare`: a badge where something is wrong, silence elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from .data import OPERATION, PARAMETER, Data, Node
from .passes import Shown
from .reasons import is_zero, largest_adjoint
from .style import ALARM, ALARM_TINT, DIFFERS, GOOD, INK, ZERO, bytes_text, number, seconds_text

SCALE = ("#2d5fa8", "#6f9fd8", "#bcd6f0", "#f3f3f1", "#fad2b0", "#ec8e58", "#bd381b")
SCALE_INK = ("#ffffff", INK, INK, INK, INK, INK, "#ffffff")
FORWARD, BACKWARD, BAR = "#3b79c4", "#e08a2e", "#6a55c2"
SPAN = 1.5  # decades: with less between the ends than this, colours would tell apart what hardly differs


@dataclass(slots=True)
class Legend:
    """What the colours mean: swatches with words before, between and after; and sentences below."""

    title: str
    swatches: list[tuple[str, str]] = field(default_factory=list)  # colour, words
    low: str = ""
    high: str = ""
    notes: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Overlaid:
    """What an overlay says of each box: instead of the shape, with the fill; bars are parts of the width, with colours."""

    lines: dict[int, str] = field(default_factory=dict)
    texts: dict[int, list[str]] = field(default_factory=dict)  # instead of all lines
    fills: dict[int, tuple[str, str]] = field(default_factory=dict)
    bars: dict[int, list[tuple[float, str]]] = field(default_factory=dict)
    badges: dict[int, tuple[str, str]] = field(default_factory=dict)
    alarms: set[int] = field(default_factory=set)
    chips: dict[int, tuple[str, str, str]] = field(
        default_factory=dict
    )  # by data node: fill, ink, what replaces the shape
    legend: Legend | None = None


def apply(name: str, data: Data, boxes: list[Shown]) -> Overlaid:
    """What the overlay says of boxes. Raises ValueError for one that the graph has no numbers for."""
    needs, function = OVERLAYS[name]
    problem = needs(data)
    if problem:
        raise ValueError(f"graph: the overlay {name!r} {problem}")
    return function(data, boxes)


# ---- what each overlay needs ---------------------------------------------------------------------------------


def _needs_record(data: Data) -> str:
    return "" if data.recorded else "needs more than a graph keeps; run it under ag.record() and draw the record"


def _needs_values(data: Data) -> str:
    known = any(n.value is not None for n in data.nodes if n.kind == OPERATION)
    return "" if known else _needs_record(data)


def _needs_gradients(data: Data) -> str:
    if any(n.grad is not None for n in data.nodes if n.kind == OPERATION):
        return ""
    if not data.recorded:
        return _needs_record(data) + ", with backward() inside it"
    return "has nothing to show: backward() did not run inside the record"


def _needs_checks(data: Data) -> str:
    return "" if any(n.check for n in data.nodes) else _needs_record(data) or "found no operation to check"


def _needs_comparison(data: Data) -> str:
    if any(n.apart is not None for n in data.nodes):
        return ""
    return "needs a second record to compare with: ag.graph(record, against=other)"


# ---- the overlays --------------------------------------------------------------------------------------------


def rms_of(nodes: list[Node], which: Callable[[Node], object]) -> float | None:
    """The root mean square over all elements of several nodes; None where none is known."""
    total, size = 0.0, 0
    for node in nodes:
        found = which(node)
        if found is not None and math.isfinite(found.rms):  # type: ignore[attr-defined]
            total += found.rms**2 * found.size  # type: ignore[attr-defined]
            size += found.size  # type: ignore[attr-defined]
    return math.sqrt(total / size) if size else None


def _operations(data: Data, box: Shown) -> list[Node]:
    if box.section < 0:
        return [data.nodes[n] for n in box.results]
    return [data.nodes[n] for n in box.nodes if data.nodes[n].kind == OPERATION]


def _parameters(data: Data, boxes: list[Shown]) -> dict[int, list[Node]]:
    """The parameters that chips stand for: by the chip's own node, all of them."""
    chips = [c for box in boxes for c in box.chips if c.kind == PARAMETER and c.node >= 0]
    return {c.node: [data.nodes[n] for n in (c.node, *c.also)] for c in chips}


class _LogScale:
    """Colours for magnitudes: logarithmic, the median in the middle, 5 % clipped at either end."""

    def __init__(self, values: list[float]) -> None:
        logs = sorted([math.log10(v) for v in values if v > 0 and math.isfinite(v)])
        self.middle = logs[len(logs) // 2] if logs else 0.0
        low = logs[int(0.05 * (len(logs) - 1))] if logs else 0.0
        high = logs[math.ceil(0.95 * (len(logs) - 1))] if logs else 0.0
        self.reach = max(self.middle - low, high - self.middle, SPAN / 2)
        self.low, self.high = 10.0 ** (self.middle - self.reach), 10.0 ** (self.middle + self.reach)

    def colour(self, value: float) -> tuple[str, str]:
        if value <= 0 or not math.isfinite(value):
            return (ZERO, INK) if value == 0 else (ALARM_TINT, INK)
        place = (math.log10(value) - self.middle) / self.reach
        k = min(6, max(0, round(3 + 3 * place)))
        return SCALE[k], SCALE_INK[k]

    def legend(self, title: str, notes: list[str]) -> Legend:
        swatches = [(c, "") for c in SCALE]
        return Legend(title, swatches, number(self.low), number(self.high), notes)


def _value(data: Data, boxes: list[Shown]) -> Overlaid:
    out, found = Overlaid(), {}
    for i, box in enumerate(boxes):
        if box.kind == "pill":
            continue
        rms = rms_of(_operations(data, box), lambda n: n.value)
        if rms is not None:
            found[i] = rms
    scale = _LogScale([rms for i, rms in found.items() if boxes[i].section < 0])
    for i, rms in found.items():
        only = _operations(data, boxes[i])
        scalar = len(only) == 1 and only[0].value is not None and only[0].value.size == 1
        out.lines[i] = number(only[0].value.mean) if scalar else f"rms {number(rms)}"  # type: ignore[union-attr]
        out.fills[i] = scale.colour(rms)
    for index, nodes in _parameters(data, boxes).items():
        rms = rms_of(nodes, lambda n: n.value)
        if rms is not None:
            out.chips[index] = (*scale.colour(rms), number(rms))
    out.legend = scale.legend("value, root mean square", [f"logarithmic around the median {number(10**scale.middle)}"])
    return out


def _grad(data: Data, boxes: list[Shown]) -> Overlaid:
    out, found = Overlaid(), {}
    largest = largest_adjoint(data)
    reasons: set[str] = set()
    for i, box in enumerate(boxes):
        if box.kind == "pill":
            continue
        nodes = _operations(data, box)
        rms = rms_of(nodes, lambda n: n.grad)
        if rms is None or all(n.vanishes or n.grad is None or is_zero(n, largest) for n in nodes):
            why = next((n.reason for n in nodes if n.reason), "")
            out.fills[i] = (ZERO, INK)
            out.lines[i] = "no ∇" if rms is None else "∇≡0"
            if why:
                reasons.add(why)
        else:
            found[i] = rms
    parameters = _parameters(data, boxes)
    sent = {index: rms_of(nodes, lambda n: n.grad) for index, nodes in parameters.items()}
    scale = _LogScale(
        [
            *[rms for i, rms in found.items() if boxes[i].section < 0],
            *[rms for rms in sent.values() if rms is not None],
        ]
    )
    for i, rms in found.items():
        out.lines[i] = number(rms)
        out.fills[i] = scale.colour(rms)
    for index, nodes in parameters.items():
        rms = sent[index]
        if rms is None or all(n.vanishes or n.grad is None or is_zero(n, largest) for n in nodes):
            out.chips[index] = (ZERO, INK, "no ∇" if rms is None else "∇≡0")
            reasons |= {n.reason for n in nodes if n.reason}
        else:
            out.chips[index] = (*scale.colour(rms), number(rms))
    notes = [f"logarithmic around the median {number(10**scale.middle)}; grey: ∇≡0"]
    notes += [f"∇≡0 because: {why}" for why in sorted(reasons)]
    if data.unused:
        notes.append("∇≡0 because unused: " + ", ".join(data.unused[:6]) + (" …" if len(data.unused) > 6 else ""))
    out.legend = scale.legend("gradient, root mean square", notes)
    return out


def _memory(data: Data, boxes: list[Shown]) -> Overlaid:
    out, found = Overlaid(), {}
    for i, box in enumerate(boxes):
        found[i] = sum([data.nodes[n].saved or 0 for n in box.nodes])
    single = [saved for i, saved in found.items() if boxes[i].section < 0]
    total, most = sum(single), max(single, default=0) or 1
    for i, saved in found.items():
        if boxes[i].kind not in ("pill", "input"):
            out.lines[i] = bytes_text(saved) if saved else "nothing new"
            out.bars[i] = [(min(1.0, saved / most), BAR)]
    notes = [
        f"{bytes_text(total)} in all, each array counted once; inputs and parameters live anyway and are not counted"
    ]
    out.legend = Legend("memory kept for the backward pass", [(BAR, f"bar: up to {bytes_text(most)}")], notes=notes)
    return out


def _time(data: Data, boxes: list[Shown]) -> Overlaid:
    out, found = Overlaid(), {}
    for i, box in enumerate(boxes):
        nodes = [data.nodes[n] for n in box.nodes]
        found[i] = (sum([n.seconds or 0.0 for n in nodes]), sum([n.backward_seconds or 0.0 for n in nodes]))
    single = [parts for i, parts in found.items() if boxes[i].section < 0]
    total = sum([f + b for f, b in single]) or 1.0
    most = max([f + b for f, b in single], default=0.0) or 1.0
    for i, (f, b) in found.items():
        if boxes[i].kind not in ("pill", "input"):
            out.lines[i] = f"{100 * (f + b) / total:.1f} %"
            longest = max(most, f + b)
            out.bars[i] = [(f / longest, FORWARD), (b / longest, BACKWARD)]
    swatches = [(FORWARD, f"forward {seconds_text(sum(f for f, _ in single))}")]
    swatches.append((BACKWARD, f"backward {seconds_text(sum(b for _, b in single))}"))
    out.legend = Legend("share of the time", swatches, notes=["as recorded, so with the cost of recording"])
    return out


def _nonfinite(data: Data, boxes: list[Shown]) -> Overlaid:
    out, count = Overlaid(), 0
    for i, box in enumerate(boxes):
        nodes = [data.nodes[n] for n in box.nodes]
        values = sum([n.value.nonfinite for n in nodes if n.value is not None and n.kind == OPERATION])
        grads = sum([n.grad.nonfinite for n in nodes if n.grad is not None])
        first = data.first_bad in box.nodes
        if values or grads:
            count += box.section < 0
            out.fills[i] = (ALARM_TINT, INK)
            out.lines[i] = f"{values:,} not finite" if values else f"∇: {grads:,} not finite"
        if first:
            what = data.nodes[data.first_bad]
            stats = what.grad if data.first_bad_backward else what.value
            word = "NaN" if stats is not None and stats.nans else "Inf"
            out.badges[i] = (f"first {word}" + (" (backward)" if data.first_bad_backward else ""), ALARM)
            out.alarms.add(i)
    notes = ["every value and every gradient is finite"] if not count else [data.advice] if data.advice else []
    swatches = [(ALARM_TINT, "holds NaN or Inf"), (ALARM, "made the first")] if count else [(GOOD, "finite")]
    out.legend = Legend("NaN and Inf", swatches, notes=notes)
    return out


def _gradcheck(data: Data, boxes: list[Shown]) -> Overlaid:
    out = Overlaid()
    checked = [n for n in data.nodes if n.check]
    for i, box in enumerate(boxes):
        wrong = [data.nodes[n] for n in box.nodes if data.nodes[n].check == "differs"]
        kinks = [data.nodes[n] for n in box.nodes if data.nodes[n].check == "kink"]
        if wrong:
            out.badges[i] = (f"✗ {number(wrong[0].check_error)}", DIFFERS)
            out.alarms.add(i)
        elif kinks:
            out.badges[i] = ("kink", "#9a6a00")
    failed = [n for n in checked if n.check == "differs"]
    agree = sum([n.check == "ok" for n in checked])
    notes = [f"{n.name}: {n.check_note}" for n in failed[:4]]
    swatches = [(GOOD, f"no badge: agrees ({agree} of {len(checked)})")]
    swatches += [(DIFFERS, f"✗ differs ({len(failed)}), with its relative error")] if failed else []
    out.legend = Legend("each rule against finite differences", swatches, notes=notes)
    return out


def _compare(data: Data, boxes: list[Shown]) -> Overlaid:
    out = Overlaid()
    for i, box in enumerate(boxes):
        found = [data.nodes[n].apart for n in box.nodes if data.nodes[n].apart is not None]
        if found:
            worst = max([x for x in found if x is not None])
            out.lines[i] = "same" if worst == 0 else f"Δ {number(worst)}"
            if worst > 0:
                out.fills[i] = ("#fbe3f5", INK)
        if data.first_apart in box.nodes:
            out.badges[i] = ("runs part here", DIFFERS)
            out.alarms.add(i)
    notes = [data.cause] if data.cause else ["the runs agree"]
    out.legend = Legend("two runs, relative difference", [("#fbe3f5", "differs"), (DIFFERS, "first")], notes=notes)
    return out


OVERLAYS: dict[str, tuple[Callable[[Data], str], Callable[[Data, list[Shown]], Overlaid]]] = {
    "value": (_needs_values, _value),
    "grad": (_needs_gradients, _grad),
    "memory": (_needs_record, _memory),
    "time": (_needs_record, _time),
    "nonfinite": (_needs_record, _nonfinite),
    "gradcheck": (_needs_checks, _gradcheck),
    "compare": (_needs_comparison, _compare),
}
