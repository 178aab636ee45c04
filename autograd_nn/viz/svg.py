"""Writing a scene as SVG: presentation attributes only, so that every sanitiser lets it through.

No style, id, marker, gradient, foreignObject or script: notebooks and web sites strip those, or the whole picture with them.
"""

from __future__ import annotations

from html import escape

from .scene import Circle, Curve, Point, Rectangle, Scene, Shape, Text
from .style import FONT, PAPER

ELEMENTS = frozenset({"svg", "title", "metadata", "g", "rect", "text", "path", "polygon", "circle"})
"""All elements that an SVG of ours is made of."""


def write_svg(scene: Scene, metadata: str = "") -> str:
    """The SVG text. `metadata` (the viewer's data as JSON) is kept in it, unseen."""
    w, h = _n(scene.width), _n(scene.height)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {w} {h}" width="{w}" height="{h}" '
        f'font-family="{FONT}" text-anchor="middle">'
    )
    parts = [head, f"<title>{escape(scene.description)}</title>"]
    if metadata:
        parts.append(f"<metadata>{escape(metadata, quote=False)}</metadata>")
    parts.append(f'<rect width="{w}" height="{h}" fill="{PAPER}"/>')
    parts += [_shape(s) for s in scene.shapes]
    return "\n".join([*parts, "</svg>"]) + "\n"


def write_shapes(shapes: list[Shape]) -> str:
    """Shapes as SVG elements."""
    return "".join([_shape(s) for s in shapes])


def _n(x: float) -> str:
    """A coordinate to a tenth of a pixel."""
    text = f"{x:.1f}"
    text = text[:-2] if text.endswith(".0") else text
    return "0" if text == "-0" else text


def _shape(s: Shape) -> str:
    if isinstance(s, Rectangle):
        where = f'x="{_n(s.x)}" y="{_n(s.y)}" width="{_n(s.width)}" height="{_n(s.height)}"'
        radius = f' rx="{_n(s.radius)}"' if s.radius else ""
        line = f' stroke="{s.border}" stroke-width="{s.stroke:g}"' if s.border else ""
        return f'<rect {where}{radius} fill="{s.fill}"{line}{_dash(s.dash)}/>'
    if isinstance(s, Text):
        bold = ' font-weight="bold"' if s.bold else ""
        anchor = f' text-anchor="{s.anchor}"' if s.anchor != "middle" else ""
        where = f'x="{_n(s.x)}" y="{_n(s.y)}" font-size="{s.size:g}"'
        return f'<text {where} fill="{s.fill}"{bold}{anchor}>{escape(s.text, quote=False)}</text>'
    if isinstance(s, Curve):
        return f'<path d="{path(s)}" fill="none" stroke="{s.stroke}" stroke-width="{s.width:.3g}"{_dash(s.dash)}/>'
    if isinstance(s, Circle):
        return f'<circle cx="{_n(s.x)}" cy="{_n(s.y)}" r="{_n(s.radius)}" fill="{s.fill}"/>'
    points = " ".join([f"{_n(x)},{_n(y)}" for x, y in s.points])
    return f'<polygon points="{points}" fill="{s.fill}"/>'


def _dash(dash: str) -> str:
    return f' stroke-dasharray="{dash}"' if dash else ""


def path(curve: Curve) -> str:
    """A curve's path data."""
    out = [f"M{_n(curve.points[0][0])} {_n(curve.points[0][1])}"]
    for control in controls(curve):
        if len(control) == 1:
            (x, y) = control[0]
            out.append(f"L{_n(x)} {_n(y)}")
        else:
            out.append("C" + " ".join([f"{_n(x)} {_n(y)}" for x, y in control]))
    return "".join(out)


def controls(curve: Curve) -> list[list[Point]]:
    """For each piece of a curve its end (a straight line), or two control points and its end (a bend)."""
    pieces: list[list[Point]] = []
    for k in range(1, len(curve.points)):
        (x, y), (u, v) = curve.points[k - 1], curve.points[k]
        if (y == v) if curve.across else (x == u):
            if pieces and len(pieces[-1]) == 1:
                pieces[-1] = [(u, v)]
            else:
                pieces.append([(u, v)])
        elif curve.across:
            middle = (x + u) / 2
            pieces.append([(middle, y), (middle, v), (u, v)])
        else:
            middle = (y + v) / 2
            pieces.append([(x, middle), (u, middle), (u, v)])
    return pieces
