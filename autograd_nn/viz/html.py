"""One HTML file that needs nothing else: the picture, the graph as JSON inside it, and the viewer."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from .scene import Scene, Text
from .style import INK, TEXT_SIZE
from .svg import write_svg
from .viewer import document, script

if TYPE_CHECKING:
    from .data import Data
    from .picture import Drawing, Options

MOST_SHAPES = 1_500


def page(drawing: Drawing, data: Data, options: Options) -> str:
    """The file's text. Without JavaScript it shows the static picture; with it, the viewer takes that one's place.

    A picture so large that nobody reads it without searching is left to the viewer: it would double the file.
    """
    title = escape(drawing.scene.description)
    small = len(drawing.scene.shapes) <= MOST_SHAPES
    scene = drawing.scene if small else Scene(drawing.scene.width, 60.0, description=drawing.scene.description)
    if not small:
        scene.shapes.append(Text(14.0, 30.0, "This picture needs JavaScript.", TEXT_SIZE, INK, anchor="start"))
    source = write_svg(scene, metadata=document(drawing, data, options))
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>\n'
        f'<meta name="viewport" content="width=device-width"><style>body{{margin:12px;background:#fff}}</style></head><body>\n'
        f'<div id="graph">{source}</div>\n<script>{script()};agViewer(document.getElementById("graph"))</script>\n'
        f"</body></html>\n"
    )
