"""`Graph`: what `ag.graph` returns. It holds the data and draws it; every drawing goes through the same passes."""

from __future__ import annotations

import os
import weakref
from collections.abc import Collection
from pathlib import Path
from typing import Any, Literal

from .arranging import Drawing, Options, arrange, check_options
from .data import OPERATION, Data, Edge, Group, Node

FORMATS = ("svg", "png", "pdf", "html", "dot", "json")


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
        `fold_repeats`: draw what repeats once (default: in a graph over budget; with an overlay, whose numbers differ, only if
        hardly anything could be shown otherwise, and then with the numbers of all repetitions together);
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
        check_options(options)
        if options.overlay == "gradcheck":
            self._check()
        drawing = arrange(self._data, options, self._scalar)
        drawing.scene.description = options.title or f"{self._data.title}: {self!r}".replace("<", "").replace(">", "")
        return drawing

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
        """The picture as ``"svg"``, ``"html"``, ``"dot"`` or ``"json"``; ValueError for another form."""
        from . import svg, text

        if form == "svg":
            return svg.write_svg(self.scene)
        if form == "dot":
            return text.write_dot(self.drawing, self.options.direction)
        if form == "json":
            return text.write_json(self.graph._data)
        if form != "html":
            raise ValueError(
                f"text: a picture as text is 'svg', 'html', 'dot' or 'json', not {form!r}; save writes .png and .pdf"
            )
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
