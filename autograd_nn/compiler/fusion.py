"""Fusion: elementwise values and reductions over the same points become clusters, each one loop nest.

A cluster has a number of points and, once a reduction over trailing axes is in it, `columns`: its points are rows of so many.
A member is one of

    full     a value for each point
    row      a value for each row: a reduction over the row, or what is computed from such
    outer    a reduction over rows (and whatever else), complete only after the last point: nobody in the cluster reads it

and reads other members point for point (or a row's value from all its points); everything else is read from memory, at any
strides. So softmax, normalisation and cross-entropy with their derivatives need no patterns: they are rows in a few phases.

Decision: clusters stand in a line, and a value joins only the last of the clusters it reads from, or one after it. Every
edge then points forwards, nothing need be searched for cycles, and the line is the schedule. It is near-linear in the number
of values; merging a cluster into a later one asks only who else reads from it.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence

from .access import access, domain, is_flat, operands, reads_rows
from .primitives import COSTS, ELEMENTWISE
from .program import LEAVES, REDUCTIONS, VIEWS, Value

MOST_MEMBERS, MOST_COST = 64, 160
"""A kernel takes more members than this while their cost is little: erfc alone has a hundred, all additions and products."""

MOST_SCALAR_MEMBERS = 512
APART = "apart"
"""The parameter of a copy that is a kernel of its own."""

FUSED = frozenset({*ELEMENTWISE, *REDUCTIONS, "iota"})


class Cluster:
    """Values that one kernel computes. `kind` is "loop", or the primitive of its only member."""

    def __init__(self, kind: str, position: int, points: int, members: list[Value]) -> None:
        self.kind, self.position, self.points, self.members = kind, position, points, members
        self.columns = 0  # the length of a row, once rows matter
        self.phases = 1
        self.cost = 0  # of a point's arithmetic
        self.closed = False  # whether it stays as it is: a copy made so that a row can be read as one run
        self.sources: set[Cluster] = set()  # whose values the members read
        self.readers: set[Cluster] = set()
        self.cuts: frozenset[int] = frozenset()  # lengths of what the members' axes step over: a chain of divisors

    def described(self) -> str:
        """What it computes, in its operations' names."""
        return " ".join(m.params.name if m.op in ("opaque", "native") else m.op for m in self.members)

    def __repr__(self) -> str:
        return f"<{self.position} {self.kind} {self.points}/{self.columns} {[m.op for m in self.members]}>"


def fuse(values: Sequence[Value]) -> list[Cluster]:
    """The clusters of a placed program, in an order of execution."""
    line: list[Cluster | None] = []
    reading: dict[Value, Cluster] = {}  # for each memory, the last cluster that read it
    scalars: Cluster | None = None  # the last cluster of one point, which single numbers join wherever they can
    there = set(values)
    for v in values:
        v.cluster, v.place = None, "full"
        v.after = v.after if v.after in there else None  # what nobody reads any more has no place to come after
    for v in values:
        if v.op in LEAVES or v.op in VIEWS or v.op in ("iota", "result"):
            continue
        if v.op not in FUSED:
            _alone(v, line)
            continue
        v.reads = operands(v)
        sources = _sources(v)
        apart = v.op == "copy" and v.params == APART
        home, columns = (None, None) if apart else _home(v, sources, reading, scalars)
        if home is None or columns is None:
            home = Cluster("loop", len(line), _points(v), [])
            line.append(home)
            scalars = home if home.points == 1 else scalars
            columns = columns_with(v, home)
            assert columns is not None, (v, home)
        _join(v, home, columns, sources)
        for root, _, _ in v.reads:
            if root.size > 1 and root.op != "constant":
                reading[root] = home
        if not apart:
            for source in sorted([c for c in sources if c is not home], key=lambda c: -c.position):
                if source.members and _mergeable(source, home):
                    _merge(source, home, line)
        home.closed = home.closed or apart
    clusters = [c for c in line if c is not None]
    for position, c in enumerate(clusters):
        c.position = position
        if c.kind == "loop":
            _phases(c)
    return clusters


def _phases(c: Cluster) -> None:
    """In which pass over its row each member is computed: after the passes that end the row's reductions it reads."""
    for v in c.members:
        full = row = -1
        for root, _, _ in v.reads:
            if root.cluster is c:
                if root.place == "row":
                    row = max(row, root.phase)
                else:
                    full = max(full, root.phase)
        v.phase = row if is_row_value(v) else max(full, row + 1, 0)
    c.phases = 1 + max([v.phase for v in c.members if not is_row_value(v)], default=0)


def is_row_value(v: Value) -> bool:
    """Whether it is computed once a row, between the passes."""
    return v.place == "row" and v.op not in REDUCTIONS


def _points(v: Value) -> int:
    return v.inputs[0].size if v.op in REDUCTIONS else v.size


def cluster_of(root: Value) -> Cluster | None:
    """The cluster that makes a root; an opaque call's for its results."""
    return root.inputs[0].cluster if root.op == "result" else root.cluster


def _sources(v: Value) -> set[Cluster]:
    found = [cluster_of(access(i)[0]) for i in v.inputs]
    return {c for c in found if c is not None}


def _alone(v: Value, line: list[Cluster | None]) -> None:
    made = Cluster(v.op, len(line), 0, [v])
    line.append(made)
    v.cluster = made
    made.sources = _sources(v)
    for source in made.sources:
        source.readers.add(made)


def _home(
    v: Value, sources: set[Cluster], reading: dict[Value, Cluster], scalars: Cluster | None
) -> tuple[Cluster | None, int | None]:
    """The cluster to join: the last one it reads from, or a later one that reads the same memory or is of one number, too.

    Also the `columns` that it will have.
    """
    last = max([c.position for c in sources], default=-1)
    candidates = [c for c in sources if c.position == last]
    if v.after is not None and v.again:
        home = v.after.cluster
        candidates = [home] if home is not None and home.position >= last else []
    elif v.again:  # where its operands were made, or first read, is where it must not be
        late = {root.cluster for root, _, _ in v.reads if root.again}
        candidates = [c for c in candidates if c in late]
    else:
        found = [reading.get(root) for root, _, _ in v.reads] + [scalars] * (_points(v) == 1)
        candidates += [c for c in found if c is not None and c.position > last and c.members]
    for c in candidates:
        columns = columns_with(v, c)
        if columns is not None:
            return c, columns
    return None, None


def columns_with(v: Value, c: Cluster) -> int | None:
    """The `columns` that the cluster would have with v in it; None if v does not fit."""
    if c.kind != "loop" or c.closed or _is_too_much(c.points, len(c.members), c.cost):
        return None
    points, columns = _points(v), c.columns
    is_row = points != c.points
    if is_row and (v.op in REDUCTIONS or not columns or points * columns != c.points):
        return None
    if v.op in REDUCTIONS:
        trailing, _, whole = reduced_tail(v)
        if trailing > 1 and not whole:
            if columns not in (0, trailing):
                return None
            columns = trailing
    if columns and not all([_keeps_rows(m, columns) for m in ([v] if columns == c.columns else [*c.members, v])]):
        return None
    shape = domain(v)
    for root, offset, strides in v.reads:
        if root.cluster is c and not _readable(root, offset, strides, shape, is_row, columns):
            return None
    cuts = cuts_of(v, columns if is_row else 1) | {columns or 1}
    if not (cuts <= c.cuts or is_chain(c.cuts | cuts)):
        return None
    return columns


def _is_too_much(points: int, members: int, cost: int) -> bool:
    """Whether a kernel has no room for one more member."""
    return members >= (MOST_SCALAR_MEMBERS if points == 1 else MOST_MEMBERS) and (points == 1 or cost > MOST_COST)


def _keeps_rows(v: Value, columns: int) -> bool:
    """Whether a reduction takes all of a row or nothing of it: what it writes must be one run, or one place, for a row."""
    if v.op not in REDUCTIONS:
        return True
    shape, n, reduced, kept = v.inputs[0].shape, 1, False, False
    for axis in reversed(range(len(shape))):
        if n >= columns:
            break
        n *= shape[axis]
        reduced, kept = reduced or axis in v.params, kept or (axis not in v.params and shape[axis] > 1)
    return not (reduced and kept) and (n == columns or not reduced)


def cuts_of(v: Value, step: int) -> frozenset[int]:
    """How many points of the cluster each of a member's axes steps over."""
    return _cuts(domain(v), step)


@functools.lru_cache(4096)
def _cuts(shape: tuple[int, ...], step: int) -> frozenset[int]:
    found = []
    for n in reversed(shape):
        step *= n
        found.append(step)
    return frozenset(found)


def is_chain(cuts: frozenset[int]) -> bool:
    """Whether each divides the next, so that one nest of loops has them all as products of its lengths."""
    ordered = sorted(cuts)
    return all([b % a == 0 for a, b in itertools.pairwise(ordered)])


def _readable(
    root: Value, offset: int, strides: tuple[int, ...], shape: tuple[int, ...], is_row: bool, columns: int
) -> bool:
    """Whether a member can be read from a register at these points of the same cluster."""
    if root.place == "outer" or root.op not in FUSED:
        return False
    if is_row:
        return root.place == "row" and not offset and is_flat(shape, strides)
    if root.place == "row":
        return not offset and reads_rows(shape, strides, columns)
    return not offset and _same_points(root, shape, strides)


def _same_points(root: Value, shape: tuple[int, ...], strides: tuple[int, ...]) -> bool:
    """Whether these strides over root's memory visit it in the order in which root is computed."""
    if root.inside is None:
        return is_flat(shape, strides)
    return False


def reduced_tail(v: Value) -> tuple[int, bool, bool]:
    """Of a reduction: elements in the trailing reduced axes, whether those are all it reduces, whether nothing is left."""
    shape, axes, n = v.inputs[0].shape, set(v.params), 1
    k = len(shape)
    while k and (k - 1 in axes or shape[k - 1] == 1):
        k -= 1
        n *= shape[k]
    return n, all([a >= k for a in axes]), v.size == 1


def _join(v: Value, c: Cluster, columns: int, sources: set[Cluster]) -> None:
    points = _points(v)
    c.columns = columns
    v.place = "full" if points == c.points else "row"
    if v.op in REDUCTIONS:
        trailing, exact, _ = reduced_tail(v)
        v.place = "row" if exact and columns and columns == trailing else "outer"
    v.cluster = c
    c.cuts |= cuts_of(v, columns if points != c.points else 1) | {columns or 1}
    c.members.append(v)
    c.cost += COSTS.get(v.op, 1)
    for source in sources:
        if source is not c:
            source.readers.add(c)
            c.sources.add(source)


def _mergeable(a: Cluster, b: Cluster) -> bool:
    """Whether an earlier cluster's members can be computed in a later one, at its place in the line."""
    if a.kind != "loop" or a.closed or a.points != b.points or a is b:
        return False
    if _is_too_much(a.points, len(a.members) + len(b.members) - 1, a.cost + b.cost):
        return False
    if a.columns and b.columns and a.columns != b.columns:
        return False
    if any([r is not b and r.members and r.position <= b.position for r in a.readers]):
        return False
    columns = a.columns or b.columns
    if not is_chain(a.cuts | b.cuts):
        return False
    if columns and not all([_keeps_rows(v, columns) for v in (*a.members, *b.members)]):
        return False
    for v in b.members:
        shape = domain(v)
        for root, offset, strides in v.reads:
            if root.cluster is a and not _readable(root, offset, strides, shape, is_row_value(v), columns):
                return False
    if columns:  # reductions that were placed before rows were known
        for v in (*a.members, *b.members):
            if v.op in REDUCTIONS and v.place == "outer":
                trailing, _, whole = reduced_tail(v)
                if trailing > 1 and not whole:
                    return False
    return True


def _merge(a: Cluster, b: Cluster, line: list[Cluster | None]) -> None:
    b.members = a.members + b.members
    b.cost += a.cost
    b.columns = a.columns or b.columns
    b.cuts |= a.cuts
    for v in a.members:
        v.cluster = b
    for source in a.sources:
        source.readers.remove(a)
        source.readers.add(b)
    for reader in a.readers:
        reader.sources.remove(a)
        reader.sources.add(b)
    b.sources = (a.sources | b.sources) - {b}
    b.readers = (a.readers | b.readers) - {b}
    a.members = []
    line[a.position] = None
