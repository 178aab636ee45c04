"""Drawing an explanation: the arena over time, and where the time goes. matplotlib is imported when one is drawn."""

from __future__ import annotations

import io
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from .fusion import Cluster
from .memory import nbytes
from .profiling import arena_in_use

if TYPE_CHECKING:
    from .signature import Signature

COLOURS = {"loop": "#2b8a82", "matmul": "#7a55b5", "native": "#3b6fb6", "opaque": "#d1603d"}
OTHER = "#5a6472"
WORKSPACE = "#b9cbe4"
MOST_BARS = 14


def draw(variants: list[tuple[Signature, dict[Cluster | None, float]]]) -> Any:
    """One row for each variant: blocks of the arena by the kernels that need them, and the kernels that take longest."""
    from matplotlib.figure import Figure

    class Picture(Figure):
        """A figure that a notebook shows, whether or not pyplot was imported."""

        def _repr_png_(self) -> bytes:
            file = io.BytesIO()
            self.savefig(file, format="png", dpi=110)
            return file.getvalue()

    count = max(len(variants), 1)
    figure = Picture(figsize=(11.0, 4.2 * count), layout="constrained")
    for axes, (s, times) in zip(figure.subplots(count, 2, squeeze=False), variants, strict=False):
        _arena(axes[0], s)
        _times(axes[1], times)
    return figure


def _arena(ax: Any, s: Signature) -> None:
    """Each value as a box: from the kernel that makes it to the last that reads it, at its place in the arena."""
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import Rectangle

    made, n = s.compiled.plan, len(s.compiled.clusters)
    unit, name = (2**20, "MB") if made.size > 2**20 else (2**10, "kB")
    boxes, colours = [], []
    for v, (first, last) in made.lifetimes.items():
        c = v.inputs[0].cluster if v.op == "result" else v.cluster
        boxes.append(Rectangle((first, v.buffer / unit), last + 1 - first, nbytes(v) / unit))
        colours.append(COLOURS.get(c.kind, OTHER))
    for c, place in made.workspace.items():
        boxes.append(Rectangle((c.position, place / unit), 1, c.members[0].params.workspace / unit))
        colours.append(WORKSPACE)
    ax.add_collection(PatchCollection(boxes, facecolor=colours, edgecolor="white", linewidth=0.4))
    eager = s.eager
    ax.axhline(eager / unit, color="#d1603d", linestyle="--", linewidth=1.2)
    ax.text(n, eager / unit, " operation by operation", color="#d1603d", va="bottom", ha="right", fontsize=9)
    ax.set_xlim(0, n)
    ax.set_ylim(0, 1.12 * max(made.size, eager) / unit)
    in_use = max(arena_in_use(made, n), default=0)
    ax.set_title(
        f"The arena: {made.size / unit:.3g} {name}, at most {in_use / unit:.3g} in temporaries", fontsize=10, loc="left"
    )
    ax.set_xlabel("kernels, in order")
    ax.set_ylabel(f"place in the arena, {name}")
    ax.spines[["top", "right"]].set_visible(False)


def _times(ax: Any, times: dict[Cluster | None, float]) -> None:
    """Bars of the kernels that take longest; those that compute the same are one."""
    total: dict[tuple[str, str], list[float]] = defaultdict(list)
    for c, t in times.items():
        if c is not None:
            shape = list(c.members[0].shape) if c.kind == "matmul" else ""
            total[c.kind, f"{c.described()} {shape}".strip()].append(t)
    ranked = sorted(total.items(), key=lambda item: -sum(item[1]))[:MOST_BARS]
    everything = sum(times.values())
    shown = [sum(t) for _, t in ranked]
    bars = ax.barh(range(len(ranked)), shown, color=[COLOURS.get(kind, OTHER) for (kind, _), _ in ranked], height=0.72)
    labels = [
        f"{t:.3g}" + (f" in {len(each)}" if len(each) > 1 else "") for t, (_, each) in zip(shown, ranked, strict=True)
    ]
    ax.bar_label(bars, labels, padding=3, fontsize=8)
    names = [text if len(text) <= 34 else text[:32] + "…" for (_, text), _ in ranked]
    ax.set_yticks(range(len(ranked)), names, fontsize=8)
    ax.invert_yaxis()
    ax.margins(x=0.14)
    share = sum(shown) / everything if everything else 0.0
    ax.set_title(f"Microseconds by kernel: {100 * share:.0f} % of {everything:.4g}", fontsize=10, loc="left")
    ax.spines[["top", "right"]].set_visible(False)
