"""Drawing a scene with matplotlib: on Axes, or as PNG and PDF. It is imported when something is drawn."""

from __future__ import annotations

import functools
import io
import math
from typing import Any

import numpy as np

from .scene import Circle, Curve, Polygon, Rectangle, Scene, Text
from .style import FONT
from .svg import controls

DPI = 72.0
MOST_PIXELS = 5e7
COLOURS = 64  # of a PNG's palette


def draw_on(scene: Scene, ax: Any) -> Any:
    """Draw a scene on Axes, whose limits become the scene's; text keeps its size in points. Returns the Axes."""
    from matplotlib.patches import Circle as Disc
    from matplotlib.patches import FancyBboxPatch, PathPatch
    from matplotlib.patches import Polygon as Patch
    from matplotlib.path import Path

    ax.set(xlim=(0, scene.width), ylim=(scene.height, 0), aspect="equal")
    ax.set_axis_off()
    families = _families()
    scale = _points_per_unit(ax, scene)
    for order, s in enumerate(scene.shapes):
        z = 2 + order * 1e-4
        if isinstance(s, Rectangle):
            radius = min(s.radius, s.width / 2, s.height / 2)
            style = f"round,pad=0,rounding_size={radius}" if radius > 0 else "square,pad=0"
            patch = FancyBboxPatch((s.x, s.y), max(s.width, 0.01), max(s.height, 0.01), boxstyle=style)
            patch.set(facecolor=s.fill, edgecolor=s.border or "none", linewidth=s.stroke * scale)
            patch.set(linestyle=_dash(s.dash), zorder=z)
            ax.add_artist(patch)
        elif isinstance(s, Text):
            where = {"middle": "center", "start": "left", "end": "right"}[s.anchor]
            weight = "bold" if s.bold else "normal"
            # A label such as $ is no mathematics here.
            ax.text(
                s.x, s.y, s.text, fontsize=s.size * scale, color=s.fill, ha=where, va="baseline", weight=weight, family=families,
                zorder=z, parse_math=False, clip_on=False,
            )  # fmt: skip
        elif isinstance(s, Curve):
            points, codes = [s.points[0]], [Path.MOVETO]
            for piece in controls(s):
                points += piece
                codes += [Path.LINETO] if len(piece) == 1 else [Path.CURVE4] * 3
            line = PathPatch(Path(points, codes), facecolor="none", edgecolor=s.stroke, linewidth=s.width * scale)
            line.set(linestyle=_dash(s.dash), zorder=z, capstyle="butt")
            ax.add_artist(line)
        elif isinstance(s, Polygon):
            ax.add_artist(Patch(s.points, facecolor=s.fill, edgecolor="none", zorder=z))
        elif isinstance(s, Circle):
            ax.add_artist(Disc((s.x, s.y), s.radius, facecolor=s.fill, edgecolor="none", zorder=z))
    return ax


FURTHER_FONTS = (
    "Noto Sans CJK JP", "Noto Sans CJK SC", "Source Han Sans", "WenQuanYi Zen Hei", "Hiragino Sans", "PingFang SC", "Yu Gothic",
    "Microsoft YaHei", "Malgun Gothic", "Apple SD Gothic Neo", "Arial Unicode MS", "Segoe UI Symbol", "Apple Symbols", "Symbola",
)  # fmt: skip
"""Where characters that DejaVu Sans does not have are looked for, as far as they are installed."""


@functools.cache
def _families() -> list[str]:
    from matplotlib.font_manager import fontManager

    installed = {font.name for font in fontManager.ttflist}
    return [FONT.split(",")[0], *[name for name in FURTHER_FONTS if name in installed]]


def _dash(dash: str) -> Any:
    return (0, tuple([float(d) for d in dash.split()])) if dash else "solid"


def _points_per_unit(ax: Any, scene: Scene) -> float:
    """How many points one unit of the scene is on these Axes: text and lines are that much larger."""
    box = ax.get_window_extent()
    pixels = min(box.width / scene.width, box.height / scene.height)
    return float(pixels * 72.0 / ax.figure.dpi)


def figure_of(scene: Scene) -> Any:
    """A figure of the scene's own size: one unit is a point."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(scene.width / DPI, scene.height / DPI), dpi=DPI, facecolor="white")
    draw_on(scene, figure.add_axes((0.0, 0.0, 1.0, 1.0)))
    return figure


def png(scene: Scene, scale: float = 2.0) -> bytes:
    """The scene as PNG, `scale` pixels a unit, with a palette of its colours and of those between them that text is made of.

    That is half the bytes, and each colour that means something stays exactly what it is. A picture of more pixels than anybody
    looks at has fewer a unit.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    figure = figure_of(scene)
    most = math.sqrt(MOST_PIXELS / max(scene.width * scene.height, 1.0))
    figure.set_dpi(DPI * min(scale, 30_000 / max(scene.width, scene.height, 1.0), most))
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[..., :3].astype(np.int32)
    packed: np.ndarray = pixels[..., 0] << 16 | pixels[..., 1] << 8 | pixels[..., 2]
    place = np.zeros(1 << 24, np.uint8)  # of every colour there is, in the palette
    place[packed] = 1
    seen = np.flatnonzero(place)
    colours = np.stack([seen >> 16, seen >> 8 & 255, seen & 255], axis=1)
    exact = np.array(_colours(scene), np.int64)[: COLOURS - 16]
    swatches = Image.fromarray(colours.astype(np.uint8)[None])
    between = swatches.quantize(COLOURS - len(exact), dither=Image.Dither.NONE).getpalette() or []
    palette = np.concatenate([exact, np.array(between, np.int64).reshape(-1, 3)])[:256]
    for part in np.array_split(np.arange(len(seen)), len(seen) // 4096 + 1):
        place[seen[part]] = ((colours[part, None] - palette) ** 2).sum(axis=2).argmin(axis=1)
    drawn = Image.fromarray(place[packed], mode="P")
    drawn.putpalette(palette.astype(np.uint8).tobytes())
    out = io.BytesIO()
    drawn.save(out, format="png", optimize=True)
    return out.getvalue()


def _colours(scene: Scene) -> list[tuple[int, int, int]]:
    """The colours of a scene's shapes, each once."""
    found: dict[str, None] = {"#ffffff": None}
    for s in scene.shapes:
        names = (s.fill, s.border) if isinstance(s, Rectangle) else (s.stroke,) if isinstance(s, Curve) else (s.fill,)
        found |= dict.fromkeys([n for n in names if n])
    return [(int(n[1:3], 16), int(n[3:5], 16), int(n[5:7], 16)) for n in found]


def pdf(scene: Scene) -> bytes:
    """The scene as PDF, without the time of its making, so that the same scene gives the same bytes."""
    out = io.BytesIO()
    figure_of(scene).savefig(
        out, format="pdf", metadata={"CreationDate": None, "Producer": None, "Creator": "autograd_nn"}
    )
    return out.getvalue()
