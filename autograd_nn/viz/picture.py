"""`Graph`: what `ag.graph` returns. It holds the data and draws it; every drawing goes through the same passes."""

from __future__ import annotations

import os
import weakref
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from . import overlays
from .data import CONSTANT, OPERATION, Data, Edge, Group, Node
from .drawing import Laid, draw, lay_out
from .dressing import dress
from .heading import Heading, write_heading
from .overlays import Legend, Overlaid
from .passes import Shown, Sketch, View, Wire, dissolve, everything, fold, open_sections, sketch, visible
from .scene import Scene
from .style import number

FORMATS = ("svg", "png", "pdf", "html", "dot", "json")
WIDEST_FANOUT = 6.0


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


class Graph:
    """A computation as a picture and as data: `nodes`, `edges`, `groups`, `unused` parameters. `ag.graph` makes one.

    In a notebook it draws itself; `show` draws with options, `save` writes a file, `draw` uses matplotlib Axes.
    """

    def __init__(self, data: Data, record: weakref.ref[Any] | None = None, scalar: bool = False) -> None:
        self._data, self._record, self._scalar = data, record, scalar
        self._default = Options(direction="LR" if scalar else "TB")

    nodes: list[Node] = property(lambda self: self._data.nodes)  # type: ignore[assignment]
    edges: list[Edge] = property(lambda self: self._data.edges)  # type: ignore[assignment]
    groups: list[Group] = property(lambda self: self._data.groups)  # type: ignore[assignment]
    unused: list[str] = property(lambda self: self._data.unused)  # type: ignore[assignment]

    def __repr__(self) -> str:
        count = sum([n.kind == OPERATION for n in self.nodes])
        noun = ("module", "modules") if self._data.structure else ("operation", "operations")
        return f"<Graph: {count} {noun[count != 1]}, {len(self.edges)} edges, {len(self.groups)} groups>"

    # ---- asking for pictures ---------------------------------------------------------------------------------

    def show(
        self,
        depth: int | None = None,
        direction: Literal["TB", "LR"] | None = None,
        budget: int | None = 40,
        expand: Collection[str] = (),
        fold_repeats: bool | None = None,
        overlay: str | None = None,
        title: str = "",
    ) -> Picture:
        """A picture with these options, which a notebook draws.

        `depth`: how many levels of groups may be open (None: any); `direction`: ``"TB"`` downward or ``"LR"`` to the right;
        `budget`: at most so many visible nodes (None: all); `expand`: paths of groups that are open whatever that costs;
        `fold_repeats`: draw what repeats once (default: in a graph over budget, and without an overlay, whose numbers differ);
        `overlay`: ``"value"``, ``"grad"``, ``"memory"``, ``"time"``, ``"nonfinite"``, ``"gradcheck"`` or ``"compare"``.

        Raises ValueError for an unknown overlay, direction or group, and for an overlay that the graph has no numbers for.

        >>> x = ag.tensor([1.0, 2.0], requires_grad=True)
        >>> ag.graph(ag.exp(x).sum()).show(direction="LR")
        <Picture: 2 boxes>
        """
        given = Options(
            depth, direction or self._default.direction, budget, tuple([expand] if isinstance(expand, str) else expand),
            fold_repeats, overlay, title,
        )  # fmt: skip
        return Picture(self, given, self._drawing(given))

    def _drawing(self, options: Options) -> Drawing:
        if options.direction not in ("TB", "LR"):
            raise ValueError(
                f"graph: the direction is 'TB' (downward) or 'LR' (to the right), not {options.direction!r}"
            )
        if options.overlay is not None and options.overlay not in overlays.OVERLAYS:
            raise ValueError(
                f"graph: there is no overlay {options.overlay!r}; there are {', '.join(sorted(overlays.OVERLAYS))}"
            )
        data = self._data
        if options.overlay == "gradcheck":
            self._check()
        made = sketch(data, chips=not self._scalar)
        open_sections(
            made, None, None, options.expand, ()
        )  # a path that is no group's is told of before anything is folded
        kept = frozenset(
            s for s, section in enumerate(made.sections)
            if section is not None and any(_names(data.groups[section.group], path) for path in options.expand)
        )  # fmt: skip
        dissolve(made, kept)
        large = (
            options.budget is not None
            and sum([i is not None and i.kind != "pill" for i in made.items]) > options.budget
        )
        usual = (large or data.structure) and options.overlay is None and not _special(data)
        if options.fold_repeats or (options.fold_repeats is None and usual):
            fold(made, flat=large and not data.structure)
            dissolve(made, kept)
        opened = open_sections(made, options.budget, options.depth, self._still(made, options.expand), _special(data))
        if options.overlay == "grad":
            _widths(made)
        keyed = everything(made)
        boxes = list(keyed.values())
        overlaid = overlays.apply(options.overlay, data, boxes) if options.overlay else Overlaid()
        if self._scalar:
            _expression(made, boxes, overlaid)
        dress(made, boxes, overlaid)
        view = visible(made, opened, keyed)
        laid = lay_out(view, options.direction == "LR", data.structure)
        heading = write_heading(options.title, overlaid.legend, self._notes(), laid.width)
        drawn = draw(laid, overlaid, heading)
        drawn.description = options.title or f"{data.title}: {self!r}".replace("<", "").replace(">", "")
        return Drawing(made, opened, keyed, view, overlaid, laid, heading, drawn)

    def _still(self, made: Sketch, expand: Collection[str]) -> list[str]:
        """The paths that still name a section: one that was dissolved or folded into another has nothing left to open."""
        groups = [self._data.groups[s.group] for s in made.sections if s is not None and s.group >= 0]
        return [path for path in expand if any(_names(g, path) for g in groups)]

    def _notes(self) -> list[str]:
        failed = [n for n in self.nodes if n.error]
        return [*[f"!{n.name} raised {n.error}" for n in failed], *self._data.notes]

    def _check(self) -> None:
        """Hold each recorded rule against finite differences, once."""
        from .checking import check_nodes

        if not self._data.recorded or any(n.check for n in self.nodes):
            return
        record = None if self._record is None else self._record()
        if record is None:
            raise ValueError(
                "graph: the overlay 'gradcheck' runs the recorded operations again, and their record is gone; keep it (r) alive"
            )
        check_nodes(self._data, record)

    # ---- other forms -----------------------------------------------------------------------------------------

    def stats(self) -> list[dict[str, Any]]:
        """All nodes as plain dicts: name, module, shape, line, times, bytes kept, statistics of value and gradient.

        >>> x = ag.tensor([1.0, 2.0], requires_grad=True)
        >>> [row["name"] for row in ag.graph(ag.exp(x).sum()).stats()]
        ['', 'exp', 'sum']
        """
        return [self._data.row(node) for node in self.nodes]

    def to_dot(self, **options: Any) -> str:
        """The graph in Graphviz's DOT language; options as `show` takes them."""
        return self.show(**options).text("dot")

    def to_json(self) -> str:
        """Nodes with all that is known of them, edges and groups, as JSON."""
        from .text import write_json

        return write_json(self._data)

    def save(self, path: str | os.PathLike[str], **options: Any) -> Path:
        """Write a picture in the format of the path's ending: .svg, .png, .pdf, .html, .dot or .json; returns the path.

        Options as `show` takes them. The file that was there is replaced only by a complete one. Raises ValueError for another
        ending, OSError (FileNotFoundError, PermissionError) where the path cannot be written.
        """
        return self.show(**options).save(path)

    def draw(self, ax: Any = None, **options: Any) -> Any:
        """Draw on matplotlib Axes (by default of a new figure of the picture's size) and return them; options as `show`'s."""
        return self.show(**options).draw(ax)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        return self.show()._repr_mimebundle_(include, exclude)


class Picture:
    """One drawing of a graph. A notebook shows it; `save` and `draw` as of the graph."""

    def __init__(self, graph: Graph, options: Options, drawing: Drawing) -> None:
        self.graph, self.options, self.drawing = graph, options, drawing

    scene = property(lambda self: self.drawing.scene)

    def __repr__(self) -> str:
        return f"<Picture: {len(self.drawing.view.boxes)} boxes>"

    def text(self, form: str) -> str:
        """The picture as ``"svg"``, ``"html"``, ``"dot"`` or ``"json"``."""
        from . import svg, text

        if form == "svg":
            return svg.write_svg(self.scene)
        if form == "dot":
            return text.write_dot(self.drawing, self.options.direction)
        if form == "json":
            return text.write_json(self.graph._data)
        from .html import page

        return page(self.drawing, self.graph._data, self.options)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the picture; see `Graph.save`."""
        from .files import write

        path = Path(path)
        form = path.suffix.lower().removeprefix(".")
        if form not in FORMATS:
            raise ValueError(f"save: {path.name!r} ends in none of {', '.join('.' + f for f in FORMATS)}")
        if form in ("png", "pdf"):
            from . import figure

            content = figure.png(self.scene) if form == "png" else figure.pdf(self.scene)
        else:
            content = self.text(form).encode()
        return write(path, content)

    def draw(self, ax: Any = None) -> Any:
        """Draw on matplotlib Axes; see `Graph.draw`."""
        from . import figure

        return figure.figure_of(self.scene).axes[0] if ax is None else figure.draw_on(self.scene, ax)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        from .notebook import bundle

        return bundle(self.drawing, self.graph._data, self.options)


def _names(group: Group, path: str) -> bool:
    return group.path == path or group.path.endswith(f".{path}")


def _special(data: Data) -> set[int]:
    """Nodes that must be seen: what raised, what made the first NaN, where two runs part."""
    return {n.index for n in data.nodes if n.error} | {i for i in (data.first_bad, data.first_apart) if i >= 0}


def _widths(made: Sketch) -> None:
    """Make the wires of a fan-out as wide as the partial adjoints they carry, the widest of each fan-out full."""
    fans: dict[int, dict[int, list[Wire]]] = {}
    for wire in made.wires:
        fans.setdefault(wire.source, {}).setdefault(wire.target, []).append(wire)
    for targets in fans.values():
        carried = [(wires, sum([wire.adjoint or 0.0 for wire in wires])) for wires in targets.values()]
        most = max([adjoint for _, adjoint in carried])
        if len(targets) > 1 and 0.0 < most < float("inf"):
            for wires, adjoint in carried:
                for wire in wires:
                    wire.width = 1.0 + (WIDEST_FANOUT - 1.0) * adjoint / most


def _expression(made: Sketch, boxes: list[Shown], overlaid: Overlaid) -> None:
    """A scalar's value and gradient in its box, and on each wire the local derivative."""
    data = made.data
    for i, box in enumerate(boxes):
        node = data.nodes[box.nodes[-1]]
        if box.section >= 0:
            continue
        known = node.value is not None and node.value.size == 1 and node.kind != CONSTANT
        overlaid.texts[i] = [f"value {number(node.value.mean)}"] if known and node.value is not None else []
        if node.grad is not None:
            overlaid.texts[i].append(f"grad {number(node.grad.mean)}")
    for wire in made.wires:
        found = [number(e.local) for e in wire.edges if e.local is not None]
        if len(found) == len(wire.edges):
            wire.label = " + ".join(found)
    overlaid.legend = Legend(
        "on an edge: d end / d start", notes=["grad = Σ over the edges that leave: edge × grad at its end"]
    )
