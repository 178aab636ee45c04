"""Folding: consecutive siblings that repeat are drawn once, "×12"; an unrolled loop becomes its body.

Among a group's members, in the order they ran, a run of k periods of p members folds if the periods have the same
operations and shapes and are wired alike: the same offsets among themselves and to the period before, the same sources outside.
Only the first period, which starts from outside, may take its carried values from elsewhere. An input that one member alone uses
belongs to it: a loop over a list of inputs is a loop. Inputs of one shape that go to the same places are drawn as one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from .sketch import CARRIED, Chip, Item, Section, Sketch, Wire

FEWEST = 3  # repetitions
LONGEST_PERIOD = 64

Member = tuple[str, int]


def fold(made: Sketch, flat: bool) -> None:
    """Fold what repeats, outermost first. `flat`: loops of single operations, too, not only of groups."""
    if flat:
        _bundle_inputs(made)
    waiting = [-1]
    while waiting:
        section = waiting.pop(0)
        for _ in range(64):
            folding = Folding(made, section)
            run = folding.longest_run(flat)
            if run is None:
                break
            folding.apply(run)
        waiting += [s for kind, s in made.children().get(section, []) if kind == "section"]


def _bundle_inputs(made: Sketch) -> None:
    """Draw as one the inputs of one shape that go to the same places, where they are many."""
    targets: dict[int, list[int]] = {}
    for w in made.wires:
        targets.setdefault(w.source, []).append(w.target)
    alike: dict[Any, list[int]] = {}
    for i, item in enumerate(made.items):
        if item is not None and _is_input(item) and i in targets:
            shape = made.data.nodes[item.nodes[-1]].shape
            alike.setdefault((item.kind, shape, item.section, tuple(targets[i])), []).append(i)
    gone: set[int] = set()
    for first, *others in alike.values():
        kept = made.items[first]
        if kept is not None and len(others) + 1 >= FEWEST:
            kept.also += [item.nodes for item in [made.items[i] for i in others] if item is not None]
            gone |= set(others)
    for i in gone:
        made.items[i] = None
    made.wires = [w for w in made.wires if w.source not in gone]


def _is_input(item: Item) -> bool:
    return item.kind not in ("op", "pill")


@dataclass(slots=True)
class Run:
    """A loop among the members: where it starts, its period, how often it repeats."""

    start: int
    period: int
    times: int


class Folding:
    """The members of one section, what each is made of, and how it is wired."""

    def __init__(self, made: Sketch, section: int) -> None:
        self.made, self.section = made, section
        self.held = made.children()
        self.depth = len(made.chain(section))
        self.members = [m for m in self.held.get(section, []) if not self._is_source(m)]
        self.items = [self._contents(m) for m in self.members]
        self.member_of = {i: k for k, items in enumerate(self.items) for i in items}
        self.into: dict[int, list[Wire]] = {}
        for w in made.wires:
            self.into.setdefault(w.target, []).append(w)
        self.place: dict[int, int] = {}
        self._number()
        self._own_inputs()
        self._number()
        self.wiring = [self._wiring(k) for k in range(len(self.members))]

    def _number(self) -> None:
        """Give items places in their members, and members that are made alike the same number."""
        self.place = {i: p for items in self.items for p, i in enumerate(items)}
        numbers: dict[Any, int] = {}
        self.made_of = [numbers.setdefault(self._structure(k), len(numbers)) for k in range(len(self.members))]

    def _is_source(self, member: Member) -> bool:
        item = self.made.items[member[1]] if member[0] == "item" else None
        return item is not None and _is_input(item)

    def _own_inputs(self) -> None:
        """Add to members the inputs that each alone uses, where several alike have one: not the zeros that a loop begins with."""
        made, users = self.made, dict[int, list[tuple[int, int]]]()
        for w in made.wires:
            source = made.items[w.source]
            if source is not None and _is_input(source):
                users.setdefault(w.source, []).append((self.member_of.get(w.target, -1), self.place.get(w.target, -1)))
        alike: dict[Any, list[tuple[int, int]]] = {}
        for i, uses in users.items():
            members = {k for k, _ in uses}
            if len(members) == 1 and (k := uses[0][0]) >= 0:
                item = made.items[i]
                assert item is not None
                shape = made.data.nodes[item.nodes[-1]].shape
                key = (self.made_of[k], item.kind, shape, tuple([place for _, place in uses]))
                alike.setdefault(key, []).append((i, k))
        for found in alike.values():
            for i, k in found if len(found) >= FEWEST else ():
                self.items[k].append(i)
                self.member_of[i] = k

    def _contents(self, member: Member) -> list[int]:
        """The items of a member, in order."""
        if member[0] == "item":
            return [member[1]]
        out: list[int] = []
        stack = [member[1]]
        while stack:
            for kind, k in self.held.get(stack.pop(), []):
                (out if kind == "item" else stack).append(k)
        return sorted(out)

    def _structure(self, k: int) -> tuple[Any, ...]:
        """Operations, shapes, chips and nesting of a member, and the wires inside it."""
        data, inside, parts = self.made.data, set(self.items[k]), []
        for i in self.items[k]:
            item = self.made.items[i]
            assert item is not None
            names = [item.kind if _is_input(item) else data.nodes[n].name for n in item.nodes]
            nodes = tuple([(name, data.nodes[n].shape) for name, n in zip(names, item.nodes, strict=True)])
            chips = tuple([(c.kind, data.nodes[c.node].shape, c.frozen) for c in item.chips])
            parts.append((nodes, chips, len(self.made.chain(item.section)) - self.depth))
        wires = [
            (self.place[w.source], self.place[i])
            for i in self.items[k]
            for w in self.into.get(i, [])
            if w.source in inside
        ]
        return self.members[k][0], tuple(parts), tuple(wires)

    def _wiring(self, k: int) -> list[tuple[int, int, int]]:
        """Each wire into a member: from which member (-1: none) and the place in it, or else the item; and to which place."""
        found = []
        for i in self.items[k]:
            for w in self.into.get(i, []):
                source = self.member_of.get(w.source, -1)
                if source != k:
                    found.append((source, w.source if source < 0 else self.place[w.source], self.place[i]))
        return found

    def _alike(self, a: int, b: int, start: int) -> bool:
        """Whether two members are wired alike: to the same, before the run that starts there, or as many members back."""
        if len(self.wiring[a]) != len(self.wiring[b]):
            return False
        for (m, *ends), (n, *others) in zip(self.wiring[a], self.wiring[b], strict=True):
            if ends != others or not (m == n < start or (m >= 0 and n >= 0 and m - a == n - b)):
                return False
        return True

    def longest_run(self, flat: bool) -> Run | None:
        """The run that removes the most items; of two that remove as many, the one with the shorter period."""
        best, removed = None, 0
        count = len(self.members)
        for period in range(1, min(count // FEWEST, LONGEST_PERIOD) + 1):
            same = [self.made_of[i] == self.made_of[i + period] for i in range(count - period)]
            start = 0
            while start + period * FEWEST <= count:
                if not same[start]:
                    start += 1
                    continue
                end = start
                # The first period is like the second in structure, every later one like the one before in wiring, too.
                while end < len(same) and same[end] and (end < start + period or self._alike(end, end + period, start)):
                    end += 1
                times = (end - start) // period + 1
                run = Run(start, period, times)
                if times >= FEWEST and self._may_fold(run, flat) and self._used_alike(run):
                    saved = sum([len(self.items[k]) for k in range(start + period, start + period * times)])
                    if saved > removed:
                        best, removed = run, saved
                start = max(end - period + 1, start + 1) if times >= 2 else end + 1
        return best

    def _may_fold(self, run: Run, flat: bool) -> bool:
        return flat or any(self.members[k][0] == "section" for k in range(run.start, run.start + run.period))

    def _used_alike(self, run: Run) -> bool:
        """Whether the repetitions feed one another, or all the same members: a value cut in four for four uses is no loop."""
        uses: list[set[int]] = [set() for _ in range(run.times)]
        for t in range(len(self.members)):
            into = (t - run.start) // run.period
            for m, *_ in self.wiring[t]:
                came = (m - run.start) // run.period
                if m < 0 or not 0 <= came < run.times:
                    continue
                if 0 <= into < run.times and into != came:
                    return True
                if into != came:
                    uses[came].add(t)
        return all(u == uses[0] for u in uses)

    def apply(self, run: Run) -> None:
        """Keep the first period, as a section drawn `times` over, and lead to it what led to the others."""
        made = self.made
        first = range(run.start, run.start + run.period)
        stands_for: dict[int, int] = {}
        round_of: dict[int, int] = {}
        for k in range(run.start, run.start + run.period * run.times):
            kept = self.items[run.start + (k - run.start) % run.period]
            for p, i in enumerate(self.items[k]):
                stands_for[i], round_of[i] = kept[p], (k - run.start) // run.period
        section = self._name(run, first)
        self._forget_what_differs(stands_for)
        self._gather(stands_for)
        for s in range(len(made.sections)):
            if made.sections[s] is not None and s in self.held and self._is_gone(s):
                made.sections[s] = None
        seen: dict[tuple[int, int], Wire] = {}
        carried: dict[tuple[int, int], None] = {}
        for w in made.wires:
            ends = (stands_for.get(w.source, w.source), stands_for.get(w.target, w.target))
            if w.source in round_of and w.target in round_of and round_of[w.source] != round_of[w.target]:
                carried[ends] = None
            elif ends not in seen:
                seen[ends] = Wire(ends[0], ends[1], w.edges)
        made.wires = list(seen.values())
        section.chained = bool(carried)
        if len({source for source, _ in carried}) > 1:  # of one alone "in a row" says enough
            for source, target in carried:
                self._carry(source, target)

    def _gather(self, stands_for: dict[int, int]) -> None:
        """Give what is kept the nodes of what it stands for, and drop the rest."""
        for i, kept in stands_for.items():
            item, first = self.made.items[i], self.made.items[kept]
            assert item is not None and first is not None
            if i == kept:
                continue
            first.also += [*item.also, item.nodes]
            for k, (chip, shown) in enumerate(zip(item.chips, first.chips, strict=True)):
                others = [n for n in (chip.node, *chip.also) if n != shown.node and n not in shown.also]
                first.chips[k] = replace(shown, also=(*shown.also, *others))
            self.made.items[i] = None

    def _carry(self, source: int, target: int) -> None:
        """Say in a box what it gets from the repetition before."""
        item, before = self.made.items[target], self.made.items[source]
        assert item is not None and before is not None
        name = f"↺ {before.title}"
        item.chips = [*item.chips, Chip(before.nodes[-1], name, CARRIED, name, frozen=True)]

    def _forget_what_differs(self, stands_for: dict[int, int]) -> None:
        """A constant that is another one in another repetition loses its number."""
        for i, kept in stands_for.items():
            item, first = self.made.items[i], self.made.items[kept]
            assert item is not None and first is not None
            for k, (chip, shown) in enumerate(zip(item.chips, first.chips, strict=True)):
                if shown.kind == "constant" and chip.text != shown.text:
                    first.chips[k] = replace(shown, text="…")

    def _is_gone(self, s: int) -> bool:
        """Whether nothing is left in a section."""
        items = self._contents(("section", s))
        return bool(items) and all(self.made.items[i] is None for i in items)

    def _name(self, run: Run, first: range) -> Section:
        """The section of a run: that of the group it repeats, or a new one around the period."""
        made = self.made
        if run.period == 1 and self.members[run.start][0] == "section":
            section = made.sections[self.members[run.start][1]]
            last = made.sections[self.members[run.start + run.times - 1][1]]
            assert section is not None and last is not None
            name, other = section.name.split(" · ")[0], last.name.split(" · ")[0]
            kind = f" · {section.kind}" if section.kind and " · " in section.name else ""
            section.name = f"{name} … {other}" if name != other else name
            section.name += kind
            section.times *= run.times
            return section
        new = len(made.sections)
        made.sections.append(Section("loop", -1, self.section, run.times))
        for k in first:
            kind, index = self.members[k]
            if kind == "item":
                item = made.items[index]
                assert item is not None
                item.section, item.module = new, item.module.split(" · call ")[0]
            else:
                inner = made.sections[index]
                assert inner is not None
                inner.parent, inner.name = new, inner.name.split(" · call ")[0]
        around = made.sections[new]
        assert around is not None
        around.operations = sum([made.items[i].kind in ("op", "pill") for k in first for i in self.items[k]])  # type: ignore[union-attr]
        used = {c.node for k in first for i in self.items[k] for c in made.items[i].chips if c.kind == "parameter"}  # type: ignore[union-attr]
        around.parameters = sum([made.data.nodes[n].size for n in used])
        return around
