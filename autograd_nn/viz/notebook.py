"""What a notebook is given: one bundle that shows in JupyterLab, trusted or not, in nbconvert's pages and on GitHub.

Decision: the picture is an ``<img>`` whose source is the SVG as a data URI, because sanitisers strip an inline ``<svg>`` and
untrusted notebooks do not show ``image/svg+xml``. The viewer rides in the image's ``onload`` attribute, which untrusted notebooks
strip and nothing is lost but the clicking; it finds the graph as JSON in the SVG's metadata, and itself through ``this``.
"""

from __future__ import annotations

import base64
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .data import Data
    from .picture import Drawing, Options

FORMS = ("html", "png", "svg")
READABLE = 0.9
"""A picture is never drawn smaller than this, so that its smallest text stays at 9 pixels; it scrolls instead."""

_chosen, _scale = "html", 1.25


def configure(mime: str | None, scale: float | None) -> str:
    """See `ag.viz.config`."""
    global _chosen, _scale
    if scale is not None:
        if not isinstance(scale, (int, float)) or not 0.5 <= scale <= 4.0:
            raise ValueError(f"config: scale is a PNG's pixels a unit, from 0.5 to 4, not {scale!r}")
        _scale = float(scale)
    if mime is not None:
        if mime not in FORMS:
            raise ValueError(f"config: mime is one of {', '.join(FORMS)}, not {mime!r}")
        _chosen = mime
    return _chosen


def bundle(drawing: Drawing, data: Data, options: Options) -> tuple[dict[str, Any], dict[str, Any]]:
    """The mimebundle of a drawing, and its metadata: how wide the PNG is to be shown, for it has more pixels than that."""
    from . import figure, svg

    plain = {"text/plain": drawing.scene.description}
    if _chosen == "svg":
        return plain | {"image/svg+xml": svg.write_svg(drawing.scene)}, {}
    picture = {"image/png": base64.b64encode(figure.png(drawing.scene, _scale)).decode()}
    shown = {"image/png": {"width": round(drawing.scene.width)}}
    if _chosen == "png":
        return plain | picture, shown
    return plain | picture | {"text/html": image(drawing, data, options)}, shown


def image(drawing: Drawing, data: Data, options: Options) -> str:
    """The ``<img>`` element, with the viewer in its onload attribute."""
    from .svg import write_svg
    from .viewer import document, script

    source = write_svg(drawing.scene, metadata=document(drawing, data, options))
    encoded = base64.b64encode(source.encode()).decode()
    w, h = drawing.scene.width, drawing.scene.height
    onload = escape(f"this.onload=null;{script()};agViewer(this)", quote=True)
    return (
        f'<div style="overflow-x:auto"><img alt="{escape(drawing.scene.description, quote=True)}" '
        f'width="{w:.0f}" height="{h:.0f}" style="max-width:100%;min-width:{READABLE * w:.0f}px;height:auto" '
        f'src="data:image/svg+xml;base64,{encoded}" onload="{onload}"></div>'
    )
