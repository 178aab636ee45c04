"""Arranging: the way of a graph to a scene, through the presentation passes, an overlay, the layout and the drawing.

Decision: overlays are drawn unfolded, because the numbers of what repeats differ, and to see how they differ (a gradient that
vanishes from block to block) is what an overlay is for. If next to nothing can be shown that way, as of an unrolled loop, it is
folded, and each number is that of all repetitions together.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from . import overlays
from .data import CONSTANT, Data, Group
from .drawing import Laid, draw, lay_out
from .dressing import dress
from .heading import Heading, write_heading
from .overlays import Legend, Overlaid
from .passes import (
    Shown,
    Sketch,
    View,
    dissolve,
    everything,
    fold,
    label_derivatives,
    label_results,
    open_sections,
    sketch,
    visible,
    widen,
)  # fmt: skip
from .scene import Scene
from .style import number

FEW = 0.25  # of the budget: a picture with so few boxes shows next to nothing


@dataclass(frozen=True, slots=True)
class Options:
    """How a graph is to be drawn; see `Graph.show`."""

    depth: int | None = None
    direction: str = "TB"
    budget: int | None = 40
    expand: tuple[str, ...] = ()
    fold_repeats: bool | None = None
    overlay: str | None = None
    title: str = ""


@dataclass(slots=True)
class Drawing:
    """All stages of one drawing, from the sketch to the scene."""

    made: Sketch
    opened: set[int]
    boxes: dict[tuple[str, int], Shown]
    view: View
    overlaid: Overlaid
    laid: Laid
    heading: Heading
    scene: Scene
    scalar: bool = False


def check_options(options: Options) -> None:
    """Raise ValueError for a direction, an overlay, a budget or a depth that there is not."""
    if options.direction not in ("TB", "LR"):
        raise ValueError(f"graph: the direction is 'TB' (downward) or 'LR' (to the right), not {options.direction!r}")
    for name, value, least in (("budget", options.budget, 1), ("depth", options.depth, 0)):
        if value is not None and (not isinstance(value, int) or value < least):
            raise ValueError(f"graph: {name} is a whole number from {least} on, or None for no limit, not {value!r}")
    if options.overlay is not None and options.overlay not in list(overlays.OVERLAYS):
        raise ValueError(
            f"graph: there is no overlay {options.overlay!r}; there are {', '.join(sorted(overlays.OVERLAYS))}"
        )


def arrange(data: Data, options: Options, scalar: bool = False) -> Drawing:
    """Draw data with these options; `scalar`: as an expression, with local derivatives on the edges.

    Raises ValueError for a group that there is not, and for an overlay that the graph has no numbers for.
    """
    made, opened = _opened(data, options, scalar)
    if options.overlay == "grad":
        widen(made)
    keyed = everything(made)
    boxes = list(keyed.values())
    overlaid = overlays.apply(options.overlay, data, boxes) if options.overlay else Overlaid()
    if scalar:
        label_derivatives(made)
        _say_values(data, boxes, overlaid)
    else:
        label_results(made)
    dress(made, boxes, overlaid)
    view = visible(made, opened, keyed)
    laid = lay_out(view, options.direction == "LR", data.structure)
    failed = [f"!{n.name} raised {n.error}" for n in data.nodes if n.error]
    heading = write_heading(options.title, overlaid.legend, [*failed, *data.notes], laid.width)
    drawn = draw(laid, overlaid, heading)
    return Drawing(made, opened, keyed, view, overlaid, laid, heading, drawn, scalar)


def _opened(data: Data, options: Options, scalar: bool) -> tuple[Sketch, set[int]]:
    """The sketch, folded or not, and which of its sections are open."""
    first = sketch(data, chips=not scalar)
    boxes = sum([i is not None and i.kind != "pill" for i in first.items])
    large = options.budget is not None and boxes > options.budget
    if options.fold_repeats is not None:
        return _folded(first, options, options.fold_repeats, large)
    if not (large or data.structure) or _special(data) or scalar:
        return _folded(first, options, False, large)
    if options.overlay is None:
        return _folded(first, options, True, large)
    made, opened = _folded(first, options, False, large)
    if options.budget is not None and len(visible(made, opened, everything(made)).boxes) < FEW * options.budget:
        return _folded(sketch(data, chips=not scalar), options, True, large)
    return made, opened


def _folded(made: Sketch, options: Options, folding: bool, large: bool) -> tuple[Sketch, set[int]]:
    data = made.data
    open_sections(made, None, None, options.expand, ())  # tells of a path that is no group's before anything is folded
    kept = frozenset(
        s for s, section in enumerate(made.sections)
        if section is not None and any(_names(data.groups[section.group], path) for path in options.expand)
    )  # fmt: skip
    dissolve(made, kept)
    if folding:
        fold(made, flat=large and not data.structure)
        dissolve(made, kept)
    expand = _still(made, options.expand)
    return made, open_sections(
        made, options.budget, options.depth, expand, _special(data), once=folding and not data.structure
    )


def _still(made: Sketch, expand: Collection[str]) -> list[str]:
    """The paths that still name a section: one that was dissolved or folded into another has nothing left to open."""
    groups = [made.data.groups[s.group] for s in made.sections if s is not None and s.group >= 0]
    return [path for path in expand if any(_names(g, path) for g in groups)]


def _names(group: Group, path: str) -> bool:
    return group.path == path or group.path.endswith(f".{path}")


def _special(data: Data) -> set[int]:
    """Nodes that must be seen: what raised, what made the first NaN, where two runs part."""
    return {n.index for n in data.nodes if n.error} | {i for i in (data.first_bad, data.first_apart) if i >= 0}


def _say_values(data: Data, boxes: list[Shown], overlaid: Overlaid) -> None:
    """A scalar's value and gradient in its box."""
    for i, box in enumerate(boxes):
        node = data.nodes[box.nodes[-1]]
        if box.section >= 0:
            continue
        known = node.value is not None and node.value.size == 1 and node.kind != CONSTANT
        overlaid.texts[i] = [f"value {number(node.value.mean)}"] if known and node.value is not None else []
        if node.grad is not None:
            overlaid.texts[i].append(f"grad {number(node.grad.mean)}")
    overlaid.legend = Legend(
        "on an edge: d end / d start", notes=["grad = Σ over the edges that leave: edge × grad at its end"]
    )
