"""Dressing: what each box says, its colours, and the size that this needs."""

from __future__ import annotations

from .data import OPERATION
from .overlays import Overlaid
from .passes import Shown, Sketch
from .passes.visible import measure
from .style import ALARM, ALARM_TINT, INK, KINDS, family, number, shape_text, shortened


def dress(made: Sketch, boxes: list[Shown], overlaid: Overlaid) -> None:
    """Give each box its texts, colours and size."""
    data = made.data
    for i, box in enumerate(boxes):
        said = [overlaid.chips[c.node][2] if c.node in overlaid.chips else "" for c in box.chips]
        box.texts = [f"{c.name} {words}" if words else c.text for c, words in zip(box.chips, said, strict=True)]
        _describe(made, box)
        if i in overlaid.texts:
            box.lines = overlaid.texts[i]
        if i in overlaid.lines:
            kept = [s for s in box.lines if s.startswith("in ") or (box.kind == "input" and s != "scalar")]
            box.lines = [*kept, overlaid.lines[i]]
        if i in overlaid.fills:
            box.fill, box.ink = overlaid.fills[i]
            box.tinted = True
        box.badge, box.badge_fill = overlaid.badges.get(i, ("", ""))
        box.bars, box.alarm = overlaid.bars.get(i, []), i in overlaid.alarms
        failed = [data.nodes[n] for n in box.nodes if data.nodes[n].error]
        if failed:
            box.alarm, box.fill = True, ALARM_TINT
            box.badge, box.badge_fill = f"raised {failed[0].error.split(':')[0]}", ALARM
        measure(box)


def _describe(made: Sketch, box: Shown) -> None:
    """A box's own lines and colours, without any overlay."""
    data = made.data
    box.ink = INK
    if box.section >= 0:
        box.fill, box.border = KINDS["group"]
        return
    node = data.nodes[box.nodes[-1]]
    if box.kind == "pill":
        box.fill, box.border = KINDS["pill"]
        if node.shape is not None:
            box.lines = [shape_text(node.shape)]
        return
    kind = family(node.name, node.op_kind) if node.kind == OPERATION else node.kind
    box.fill, box.border = KINDS[kind]
    box.thick = any(data.nodes[n].output and not data.nodes[n].unused for n in box.results)
    if data.structure:
        box.fill, box.border = KINDS["elementwise"]
        item = made.items[box.item]
        assert item is not None
        box.lines = [t for t in (node.text, *node.params.values()) if t]
        if node.text:
            box.title = f"{node.text} · {node.name}" if node.text != node.name else node.name
            box.lines = box.lines[1:]
        if node.size:
            box.lines.append(f"{node.size:,} params")
        return
    item = made.items[box.item]
    if item is not None and item.kind == "input" and item.also:
        last = data.nodes[item.also[-1][-1]]
        if last.name != node.name:
            box.title = shortened(f"{box.title} … {last.path or last.name}", 28)
        box.lines.append(f"×{len(item.also) + 1}")
    if item is not None and item.module:
        box.lines.append(f"in {item.module}")
    if node.shape is not None and not node.several and not node.error:
        text = shape_text(node.shape)
        if node.shape == () and node.value is not None and not box.repeated:
            text += f" {number(node.value.mean)}"
        box.lines.append(f"{text} · unused" if node.unused else text)
