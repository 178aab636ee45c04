"""The sketch: what would be drawn if everything were visible. Constants and parameters are chips, pure reshapes pills."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from ..data import CONSTANT, INPUT, OPERATION, PARAMETER, STATE, Data, Edge
from ..scopes import short_name
from ..style import caption, shape_text, shortened

PILLS = frozenset({"reshape", "transpose"})
THROUGH = PILLS | {"broadcast_to", "astype", "copy"}
"""Operations that leave a parameter what it is: its chip stands where it is used."""
LONGEST = 22  # characters of a chip
CARRIED = "carried"  # the kind of chip that says what a loop carries from one repetition to the next
THIN = 1.1  # a wire's usual width


@dataclass(slots=True)
class Chip:
    """A parameter, a state or a constant inside the box of what uses it; or what a loop carries into it.

    `name` is its text without the shape; `also` are the nodes that it stands for besides its own, once repeats are folded.
    """

    node: int
    text: str
    kind: str
    name: str = ""
    frozen: bool = False
    flows: bool = False
    also: tuple[int, ...] = ()


@dataclass(slots=True)
class Item:
    """A box: an operation, an input, or a pill (reshapes on an edge). `nodes` are what it stands for, the last its result;
    `also` the nodes of the other repetitions, once repeats are folded.
    """

    kind: str
    title: str
    nodes: list[int]
    section: int
    chips: list[Chip] = field(default_factory=list)
    module: str = ""  # the name of the group that it is all of
    also: list[list[int]] = field(default_factory=list)


@dataclass(slots=True)
class Wire:
    """An edge between two items; `edges` are those of the data; `adjoint` the largest they carry back."""

    source: int
    target: int
    edges: list[Edge]
    width: float = THIN
    label: str = ""

    @property
    def flows(self) -> bool:
        """Whether a gradient flows along it."""
        return any(e.flows for e in self.edges)

    @property
    def adjoint(self) -> float | None:
        """The largest partial adjoint that comes back along it."""
        found = [e.adjoint for e in self.edges if e.adjoint is not None and e.adjoint == e.adjoint]
        return max(found, default=None)


@dataclass(slots=True)
class Section:
    """A group as it is drawn: `times` over, if it was folded. `group` is that of the data, -1 for one that folding made."""

    name: str
    group: int
    parent: int
    times: int = 1
    operations: int = 0
    parameters: int = 0
    kind: str = ""
    chained: bool = False  # of what was folded: each feeds the next


@dataclass(slots=True)
class Sketch:
    """Items, sections and wires. Passes replace whole lists; a dropped section is None, so that indices stay."""

    data: Data
    items: list[Item | None]
    sections: list[Section | None]
    wires: list[Wire]

    def chain(self, section: int) -> list[int]:
        """The sections around and including this one, outermost first."""
        out = []
        while section >= 0:
            out.append(section)
            section = self.sections[section].parent  # type: ignore[union-attr]
        return out[::-1]

    def children(self) -> dict[int, list[tuple[str, int]]]:
        """What each section (-1: the picture) holds: ("item", i) and ("section", s), in the order they began."""
        held: dict[int, list[tuple[str, int]]] = {-1: []}
        for i, item in enumerate(self.items):
            if item is None:
                continue
            for s in self.chain(item.section):
                if s not in held:
                    held[s] = []
                    held[self.sections[s].parent].append(("section", s))  # type: ignore[union-attr]
            held[item.section].append(("item", i))
        return held


def sketch(data: Data, chips: bool = True) -> Sketch:
    """Draw data; `chips=False` gives parameters and constants boxes of their own, as scalar expressions want them."""
    uses: dict[int, int] = {}
    for edge in data.edges:
        uses[edge.source] = uses.get(edge.source, 0) + 1
    into: dict[int, list[Edge]] = {}
    out: dict[int, list[Edge]] = {}
    for edge in data.edges:
        into.setdefault(edge.target, []).append(edge)
        out.setdefault(edge.source, []).append(edge)
    sections: list[Section | None] = [_section(data, g) for g in range(len(data.groups))]
    made = Sketch(data, [], sections, [])
    item_of: dict[int, int] = {}
    chip_of: dict[int, Chip] = {}
    for node in data.nodes:
        if node.kind in (PARAMETER, STATE, CONSTANT):
            name, text = _chip_text(data, node.index, uses.get(node.index, 0))
            chip_of[node.index] = Chip(node.index, text, node.kind, name, node.frozen, node.gradient_flows)
        elif node.kind == OPERATION and node.name in THROUGH and chips and not node.error:
            given = into.get(node.index, [])
            if given and all(e.source in chip_of for e in given) and out.get(node.index):
                first = chip_of[given[0].source]
                mark = "ᵀ" if node.name == "transpose" and not first.text.endswith("ᵀ") else ""
                text, name = first.text + mark, first.name + mark
                chip_of[node.index] = replace(first, text=text, name=name, flows=node.gradient_flows)
    for node in data.nodes:
        if node.index in chip_of and chips:
            continue
        if node.kind == OPERATION:
            pill = chips and node.name in PILLS and not node.error and bool(out.get(node.index)) and not data.structure
            kind = "pill" if pill else "op"
            title = node.name if data.structure or pill else caption(node.name)
        else:
            kind = "input" if node.kind == INPUT else node.kind
            title = node.path or node.name
            if node.kind == CONSTANT:
                title = node.text or node.name
            if not title:
                title = "leaf" if node.kind == PARAMETER else "input"
        item = Item(kind, shortened(title, 28), [node.index], node.group)
        if chips:
            item.chips = [chip_of[e.source] for e in into.get(node.index, []) if e.source in chip_of]
        item_of[node.index] = len(made.items)
        made.items.append(item)
    joined: dict[tuple[int, int], Wire] = {}
    for edge in data.edges:
        if edge.source in item_of and edge.target in item_of:
            ends = (item_of[edge.source], item_of[edge.target])
            joined.setdefault(ends, Wire(*ends, [])).edges.append(edge)
    made.wires = list(joined.values())
    _merge_pills(made)
    _count(made, chip_of if chips else {})
    return made


def _section(data: Data, g: int) -> Section:
    group = data.groups[g]
    name = group.name
    if group.kind and (name.isdigit() or data.structure) and name != group.kind:
        name = f"{name} · {group.kind}"
    later = any(o.parent == group.parent and o.path == group.path and o.again for o in data.groups)
    if later:
        name = f"{name} · call {group.again + 1}"
    return Section(name, g, group.parent, kind=group.kind)


def _chip_text(data: Data, index: int, uses: int) -> tuple[str, str]:
    """What a chip calls its node, without and with the shape."""
    node = data.nodes[index]
    if node.kind == CONSTANT and node.text:
        return (shortened(node.text, LONGEST),) * 2
    name = node.name
    if node.kind == PARAMETER or node.kind == STATE:
        name = node.name or ("leaf" if node.shape else "")
        around = data.groups[node.group].path if node.group >= 0 else ""
        own = node.path.rsplit(".", 1)[0] if "." in node.path else ""
        name = (
            node.name
            if not node.path
            else short_name(node.path)
            if own == "" or around.endswith(own) or data.structure
            else node.path
        )
    shared = f" ↗{uses}" if node.kind == PARAMETER and uses > 1 else ""
    shape = "" if node.shape == () else f" {shape_text(node.shape or ())}"
    long = len(name) + len(shape) + len(shared) - LONGEST
    if long > 0:
        name = "…" + name[-max(4, len(name) - long - 1) :]
    return name, f"{name}{shared}{shape}"


def _merge_pills(made: Sketch) -> None:
    """A pill whose only use is another pill joins it."""
    out: dict[int, list[Wire]] = {}
    for wire in made.wires:
        out.setdefault(wire.source, []).append(wire)
    into: dict[int, int] = {}
    for i, item in enumerate(made.items):
        if item is None or item.kind != "pill" or len(out[i]) != 1:
            continue
        target = out[i][0].target
        after = made.items[target]
        if after is not None and after.kind == "pill":
            after.nodes = [*item.nodes, *after.nodes]
            after.title = f"{item.title} · {after.title}" if len(after.title) < 24 else after.title
            made.items[i] = None
            into[i] = target
    wires = []
    for wire in made.wires:
        source, target = wire.source, wire.target
        while target in into:
            target = into[target]
        if source not in into:
            wires.append(Wire(source, target, wire.edges))
    made.wires = wires


def _count(made: Sketch, chip_of: dict[int, Chip]) -> None:
    """How many operations and parameters each section has."""
    data = made.data
    seen: dict[int, set[int]] = {s: set() for s in range(len(made.sections))}
    for item in made.items:
        if item is None:
            continue
        for s in made.chain(item.section):
            made.sections[s].operations += item.kind in ("op", "pill") and len(item.nodes)  # type: ignore[union-attr]
            seen[s] |= {c.node for c in item.chips if c.kind == PARAMETER}
    for s, section in enumerate(made.sections):
        known = data.groups[section.group].parameters if section is not None else None
        section.parameters = known if known is not None else sum([data.nodes[n].size for n in seen[s]])  # type: ignore[union-attr]
