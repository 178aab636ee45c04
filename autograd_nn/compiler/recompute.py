"""Recomputing: what a late kernel would read from memory is computed in it again, where its operands are in memory anyway.

A forward pass leaves much to the backward pass that follows from less: a normalised value from the centred one, a mask from what
it compares, all of gelu from its argument. Each of them is memory from one end of the step to the other, a store and a load.

A value is computed again at its last readers, as far as each of these can: they are loops that read it point for point, and what
it is computed from is there at that time, because somebody reads it later still, or is little beside it. One operand that would
be gone is kept in its place, if that is not longer.

A product reads memory. What it reads late, a relu's result for the gradient of the next weight, is written to memory again by a
late loop that has what it takes at hand (it computes the relu's own derivative), and the product waits for that loop.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from .access import access
from .fusion import Cluster, cluster_of
from .primitives import COSTS, ELEMENTWISE, FOREIGN
from .program import Program, Value, contiguous

LEAST = 8192
"""Bytes of a value from which on it is looked at."""

LITTLE = 16
"""A value this many times smaller may be kept in memory longer for it."""

LARGE, MOST_COST, SMALL_COST = 1 << 18, 128, 6
"""How much arithmetic on a point (an addition is 1) a store and a load are worth, of values of so many bytes and of smaller."""

PRODUCTS = frozenset({"matmul", "native"})

APART = 8
"""How many kernels lie between a value's maker and its reader at least."""

MOST_WAIT = 8
"""How many kernels a product waits at most for what it reads to be written again."""


class Again:
    """Values of a program computed again where they are read late; `changed` says whether there are any."""

    def __init__(self, program: Program, clusters: Sequence[Cluster]) -> None:
        self.changed = False
        if not any([_nbytes(v) >= LEAST for c in clusters for v in c.members]):
            return
        self.readers: dict[Value, list[tuple[int, Value, int]]] = {}  # (position, reader, operand)
        self.last: dict[Value, float] = {}  # until when a root is in memory
        self.pinned: dict[Value, int] = {}  # until when at least, because something that is computed again reads it
        self.made: dict[tuple[int, Value], Value] = {}
        for c in clusters:
            for v in c.members:
                for k, i in enumerate(v.inputs):
                    root = access(i)[0]
                    self.readers.setdefault(root, []).append((c.position, v, k))
                    if root.cluster is not c or c.kind != "loop":
                        self.last[root] = c.position
        self.last |= dict.fromkeys([access(v)[0] for v in program.roots()], math.inf)
        for c in clusters:
            if c.kind == "loop":
                for v in c.members:
                    self._consider(v, c.position)

    def _consider(self, v: Value, position: int) -> None:
        if v.op not in ELEMENTWISE or _nbytes(v) < LEAST or v.inside is not None:
            return
        if self.last.get(v, -1) < position + APART or self.last[v] == math.inf:
            return
        readers = sorted(self.readers[v], key=lambda r: -r[0])
        until = max(self.pinned.get(v, -1), position + APART - 1)
        self.stays = max([p for p, u, k in readers if p <= until or not self._reads_points(u, k, v)], default=position)
        nbytes = _nbytes(v)
        while readers and readers[0][0] > max(until, self.stays):
            at = readers[0][0]
            here = [r for r in readers if r[0] == at]
            plan: dict[Value, list[Value]] = {}
            if not self._possible(v, at, plan) or self._cost(plan) > (MOST_COST if nbytes >= LARGE else SMALL_COST):
                break
            kept = self._kept(plan, at, v)
            if sum([_nbytes(s) for s in kept]) > nbytes:
                break
            longer = sum([_nbytes(s) * (at - self.last.get(s, -1) - APART) for s in kept])
            if longer > nbytes * (at - self.stays):  # v is in memory nearly as long for others
                break
            self._replace(v, at, plan, here, here[0][1].cluster)
            readers = readers[len(here) :]
        self.readers[v] = readers
        self.last[v] = max([r[0] for r in readers], default=position)
        if nbytes >= LARGE and v.layout == contiguous(v.shape):
            self._store_again(v, position)

    def _store_again(self, v: Value, position: int) -> None:
        """Let a late loop write to memory once more what products read after it, where there is a long time between.

        Products are counted from when their other operands are there, as `schedule` does.
        """
        if not self.readers[v]:
            return
        readers = sorted([(self._ready(p, u, v), p, u, k) for p, u, k in self.readers[v]], key=lambda r: r[:2])
        times = [position, *[max(r[0], position) for r in readers]]
        gap, last = max(zip([b - a for a, b in itertools.pairwise(times)], itertools.count(), strict=False))
        early, late = readers[:last], readers[last:]
        self.stays = max([position, *[p for _, p, _, _ in early]])
        if gap < APART or not any([u.op in PRODUCTS for _, _, u, _ in late]):
            return
        sources = {access(i)[0] for i in v.inputs}
        reading = {p: u.cluster for s in (*sources, v) for p, u, _ in self.readers.get(s, ())}
        reading |= {p: again.cluster for (p, s), again in self.made.items() if s in sources}
        first = min([p for _, p, _, _ in late])
        for at in sorted(reading, reverse=True):
            host = reading[at]
            if not self.stays + APART < at <= min(first, times[last + 1] + MOST_WAIT):
                continue
            inside = [u for _, p, u, k in late if p == at and self._reads_points(u, k, v)]
            if (
                host.kind != "loop"
                or host.points != v.size
                or (at == first and len(inside) < len([r for r in late if r[1] == at]))
            ):
                continue
            plan: dict[Value, list[Value]] = {}
            if not self._possible(v, at, plan) or self._cost(plan) > SMALL_COST or self._kept(plan, at, v):
                continue
            end = _settled(host)
            self._replace(v, at, plan, [(p, u, k) for _, p, u, k in late], host, None if inside else end)
            for _, p, u, _ in late:
                if p > at:
                    u.after = end
            self.readers[v] = [(p, u, k) for _, p, u, k in early]
            self.last[v] = self.stays
            return

    @staticmethod
    def _ready(position: int, reader: Value, v: Value) -> int:
        """When a reader can read v: a product as soon as its other operands are there."""
        if reader.op not in PRODUCTS:
            return position
        made = [cluster_of(root) for root in [access(i)[0] for i in reader.inputs] if root is not v]
        return max([c.position for c in made if c is not None], default=-1)

    @staticmethod
    def _reads_points(reader: Value, k: int, v: Value) -> bool:
        """Whether a loop reads a value element by element in its own order."""
        i = reader.inputs[k]
        while i.op == "reshape":
            i = i.inputs[0]
        return i is v and reader.cluster.kind == "loop" and v.layout == contiguous(v.shape)

    def _possible(self, v: Value, at: int, plan: dict[Value, list[Value]]) -> bool:
        """Whether v can be computed in the kernel at a position; `plan` is what must be computed there, each with its sources."""
        if (at, v) in self.made or v in plan:
            return True
        if v.op not in ELEMENTWISE or v.op in FOREIGN or len(plan) > MOST_COST:
            return False
        sources = []
        for k, i in enumerate(v.inputs):
            root = access(i)[0]
            if root.op in ("constant", "iota", "input") or ((at, root) in self.made and self._reads_points(v, k, root)):
                continue
            last = self.last.get(root, -1)
            if root.size * LITTLE <= v.size or last >= at or (last >= self.stays and root.op != "memory"):
                sources.append(root)
            elif root.size != v.size or not self._reads_points(v, k, root) or not self._possible(root, at, plan):
                return False
        plan[v] = sources
        return True

    def _kept(self, plan: dict[Value, list[Value]], at: int, v: Value) -> set[Value]:
        """What would be gone at a position, and is not little beside v."""
        sources = {s for found in plan.values() for s in found}
        return {s for s in sources if self.last.get(s, -1) < at and s.size * LITTLE > v.size}

    @staticmethod
    def _cost(plan: dict[Value, list[Value]]) -> float:
        return sum([COSTS.get(v.op, 1) for v in plan])

    def _replace(
        self,
        v: Value,
        at: int,
        plan: dict[Value, list[Value]],
        here: list[tuple[int, Value, int]],
        cluster: Cluster,
        after: Value | None = None,
    ) -> None:
        """Let these readers read v as a cluster computes it again, `after` all that is there now if nobody there reads it."""
        self.changed = True
        for x, sources in plan.items():  # what is computed from comes first
            again = Value(x.op, list(x.inputs), x.params, x.shape, x.dtype, origin=x.origin)
            again.again, again.cluster, again.after = True, cluster, after
            for k, i in enumerate(x.inputs):
                root = access(i)[0]
                if (at, root) in self.made and root not in sources:
                    again.inputs[k] = _reshaped(self.made[at, root], i)
                else:
                    self.readers.setdefault(root, []).append((at, again, k))
            for s in sources:
                self.pinned[s] = max(self.pinned.get(s, -1), at)
                self.last[s] = max(self.last.get(s, -1), at)
            self.made[at, x] = again
        for _, reader, k in here:
            reader.inputs[k] = _viewed(self.made[at, v], v, reader.inputs[k])


def _settled(c: Cluster) -> Value:
    """The member with which a cluster takes its place in the line: the first to read what was made last."""
    latest = max(c.sources, key=lambda s: s.position, default=None)
    reading = [m for m in c.members if latest in [cluster_of(access(i)[0]) for i in m.inputs]]
    return min(reading or c.members, key=lambda m: m.order)


def _viewed(made: Value, v: Value, view: Value) -> Value:
    """The view of v that a reader has, of what was made in v's place."""
    if view is v:
        return made
    return Value(view.op, [_viewed(made, v, view.inputs[0])], view.params, view.shape, view.dtype, origin=view.origin)


def _reshaped(made: Value, like: Value) -> Value:
    return made if made.shape == like.shape else Value("reshape", [made], None, like.shape, made.dtype)


def _nbytes(v: Value) -> int:
    return v.size * v.dtype.itemsize
