"""What stands above a picture: a title, the legend of an overlay, notes."""

from __future__ import annotations

from dataclasses import dataclass

from .overlays import Legend
from .scene import Rectangle, Shape, Text
from .style import ALARM, CHIP_SIZE, INK, MARGIN, MUTED, TEXT_SIZE, text_width

NOTE_WIDTH = 900.0


@dataclass(slots=True)
class Heading:
    """What stands above a picture, and its size."""

    shapes: list[Shape]
    width: float
    height: float


def write_heading(title: str, legend: Legend | None, notes: list[str], room: float) -> Heading:
    """A title, a legend and notes, one below the other, in about the width there is."""
    room = max(room, 300.0)
    shapes: list[Shape] = []
    y, widest = MARGIN, 0.0
    if title:
        shapes.append(Text(MARGIN, y + 12, title, 14.0, INK, True, "start"))
        widest, y = text_width(title, 14.0, bold=True), y + 26
    if legend is not None:
        x = MARGIN
        shapes.append(Text(x, y + 11, legend.title, TEXT_SIZE, INK, True, "start"))
        wide = text_width(legend.title, TEXT_SIZE, bold=True)
        widest, x = max(widest, wide), x + wide + 12
        ramp = bool(legend.low or legend.high)
        if ramp:
            if x + 240 > room:
                x, y = MARGIN, y + 17
            shapes.append(Text(x, y + 11, legend.low, CHIP_SIZE, MUTED, False, "start"))
            x += text_width(legend.low, CHIP_SIZE) + 6
        for colour, words in legend.swatches:
            need = 18 + (text_width(words, CHIP_SIZE) + 18 if words else 0)
            if x + need > MARGIN + max(room, 320.0) and not ramp:
                x, y = MARGIN, y + 17
            shapes.append(Rectangle(x, y + 2, 18.0, 11.0, 2.0 if words else 0.0, colour, "#c3c9d3", 0.5))
            x += 18
            if words:
                shapes.append(Text(x + 6, y + 11, words, CHIP_SIZE, MUTED, False, "start"))
                x += text_width(words, CHIP_SIZE) + 18
            widest = max(widest, x - MARGIN)
        if ramp:
            shapes.append(Text(x + 6, y + 11, legend.high, CHIP_SIZE, MUTED, False, "start"))
            widest = max(widest, x + 6 + text_width(legend.high, CHIP_SIZE) - MARGIN)
        y += 20
        notes = [*legend.notes, *notes]
    for note in notes:
        red = note.startswith("!")
        for line in _broken(note.removeprefix("!"), max(min(room, NOTE_WIDTH * 1.6), 340.0)):
            shapes.append(Text(MARGIN, y + 10, line, CHIP_SIZE, ALARM if red else MUTED, False, "start"))
            widest = max(widest, text_width(line, CHIP_SIZE))
            y += 14
    return Heading(shapes, widest, y - MARGIN + (10.0 if y > MARGIN else 0.0))


def _broken(text: str, width: float) -> list[str]:
    """A text in lines of at most this width."""
    lines: list[str] = []
    for paragraph in text.splitlines():
        line = ""
        for word in paragraph.split():
            if line and text_width(f"{line} {word}", CHIP_SIZE) > width:
                lines.append(line)
                line = word
            else:
                line = f"{line} {word}" if line else word
        lines.append(line)
    return lines
