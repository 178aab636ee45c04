"""The scene: shapes with coordinates, which every renderer only has to copy. y grows downward, units are pixels."""

from __future__ import annotations

from dataclasses import dataclass, field

Point = tuple[float, float]


@dataclass(slots=True)
class Rectangle:
    x: float
    y: float
    width: float
    height: float
    radius: float
    fill: str
    border: str = ""
    stroke: float = 1.0
    dash: str = ""


@dataclass(slots=True)
class Text:
    x: float
    y: float  # the baseline
    text: str
    size: float
    fill: str
    bold: bool = False
    anchor: str = "middle"


@dataclass(slots=True)
class Curve:
    """A line through points, vertical at each (horizontal if `across`); straight where two share a coordinate."""

    points: list[Point]
    stroke: str
    width: float
    dash: str = ""
    across: bool = False


@dataclass(slots=True)
class Polygon:
    points: list[Point]
    fill: str


@dataclass(slots=True)
class Circle:
    x: float
    y: float
    radius: float
    fill: str


Shape = Rectangle | Text | Curve | Polygon | Circle


@dataclass(slots=True)
class Scene:
    """Shapes in the order of drawing, the size, and the layout that they came from."""

    width: float
    height: float
    shapes: list[Shape] = field(default_factory=list)
    description: str = ""
