"""A report's other faces: HTML for notebooks, and pictures (matplotlib, imported when one is drawn)."""

from __future__ import annotations

import html as markup
import io
import math
from typing import Any

from .probe import DIFFERS
from .report import COLUMNS, Report, cells, describe

COLOURS = {"PASS": "#2a7d3f", "KINK": "#8a6d00"}


def html(report: Report) -> str:
    """The report as an HTML table with the verdict above and the operation at fault below."""
    text = markup.escape
    colour = COLOURS.get(report.verdict, "#b3261e")
    head = f'<p><b style="color:{colour}">{text(report.verdict)}</b> {text(report.function)}'
    head += f": {text(report.reason)}</p>" if report.reason else "</p>"
    lines = "".join(f"<tr>{''.join(f'<td>{text(c)}</td>' for c in cells(row))}</tr>" for row in report.rows)
    table = f"<table><tr>{''.join(f'<th>{c}</th>' for c in COLUMNS)}</tr>{lines}</table>" if report.rows else ""
    places = [("first wrong operation", report.place)] if report.place is not None else []
    found = "".join(f"<pre>{text(chr(10).join(describe(p, what)))}</pre>" for what, p in places)
    found += "".join(f"<pre>{text(chr(10).join(describe(k, 'not smooth')))}</pre>" for k in report.kinks[:3])
    return f"{head}{table}{found}<p>{text(report.coverage())}</p>"


def plot(report: Report) -> Any:
    """Left: how the error of the differences falls with the step and rises again. Right: analytic against numeric."""
    from matplotlib.figure import Figure

    class Picture(Figure):
        """A figure that a notebook shows, whether or not pyplot was imported."""

        def _repr_png_(self) -> bytes:
            file = io.BytesIO()
            self.savefig(file, format="png")
            return file.getvalue()

    figure = Picture(figsize=(9.0, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    for probe in report.probes:
        if probe.variable is None:
            points = [(t, max(abs(d - probe.analytic), 1e-18)) for t, d in probe.slope.steps]
            if points:
                left.loglog(*zip(*points, strict=True), marker="o", label=probe.label)
    left.set(
        xlabel="step, in units of the variables' own size",
        ylabel="|central difference − analytic|",
        title="error against step size",
    )
    if report.probes:
        left.legend()
    finite = [p for p in report.probes if math.isfinite(p.numeric) and math.isfinite(p.analytic)]
    for wrong, colour in ((False, "#2a6fbb"), (True, "#b3261e")):
        chosen = [p for p in finite if (p.outcome == DIFFERS) == wrong]
        if chosen:
            label = "disagrees" if wrong else "agrees"
            right.scatter([p.numeric for p in chosen], [p.analytic for p in chosen], s=14, color=colour, label=label)
    if finite:
        low, high = min(p.numeric for p in finite), max(p.numeric for p in finite)
        right.plot([low, high], [low, high], color="grey", linewidth=0.8)
        right.legend()
    right.set(xlabel="numeric", ylabel="analytic", title=f"{report.verdict}  {report.function}")
    return figure
