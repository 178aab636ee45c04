"""One HTML file that needs nothing else: the picture, the graph as JSON inside it, and the viewer."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from .svg import write_svg
from .viewer import document, script

if TYPE_CHECKING:
    from .data import Data
    from .picture import Drawing, Options


def page(drawing: Drawing, data: Data, options: Options) -> str:
    """The file's text. Without JavaScript it shows the static picture; with it, the viewer takes that one's place."""
    title = escape(drawing.scene.description)
    source = write_svg(drawing.scene, metadata=document(drawing, data, options))
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>\n'
        f'<meta name="viewport" content="width=device-width"><style>body{{margin:12px;background:#fff}}</style></head><body>\n'
        f'<div id="graph">{source}</div>\n<script>{script()};agViewer(document.getElementById("graph"))</script>\n'
        f"</body></html>\n"
    )
