"""Memory: which values are stored, and where. Temporaries share one arena by their lifetimes; final values of states go home.

A value that becomes a state's final value is written straight into the state's memory where nobody needs the old one
afterwards and nothing that comes later can fail; otherwise it is copied there after everything else (a step that raises
leaves its states as they were). A value read for the last time, point for point, leaves its memory to what is computed from it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from .access import access, domain, is_flat, operands
from .arena import Block, assign
from .build import SUPPORTED
from .fusion import Cluster, cluster_of, cuts_of
from .loops import lanes_for, unrolled
from .placement import root_inside
from .program import Program, Value, contiguous

ALIGNMENT = 64


@dataclass
class Plan:
    """Where everything is: `buffer` of each stored root is an offset into the arena, unless `home` says whose memory it has."""

    size: int = 0  # bytes of the arena
    inputs: int = 0  # of which for the arguments
    unshared: int = 0  # what the temporaries would take without sharing
    home: dict[Value, Value] = field(default_factory=dict)  # root -> memory that it is computed straight into
    copied: list[Value] = field(default_factory=list)  # roots that are copied home after everything else
    heirs: set[Value] = field(default_factory=set)  # those that took over the memory of one that ended
    workspace: dict[Cluster, int] = field(default_factory=dict)  # where a native cluster works
    lifetimes: dict[Value, tuple[int, int]] = field(default_factory=dict)


def plan(program: Program, values: list[Value], clusters: list[Cluster], vector_bytes: int) -> Plan:
    """Decide what is stored and where."""
    _choose_stored(program, clusters, vector_bytes)
    made = Plan()
    _send_home(program, clusters, made)
    for v in program.inputs:
        v.buffer = made.inputs
        made.inputs += nbytes(v)
    made.size = made.inputs + _temporaries(program, clusters, made)
    return made


def nbytes(v: Value) -> int:
    """Bytes that a value takes in the arena."""
    return max(-(-v.size * v.dtype.itemsize // ALIGNMENT), 1) * ALIGNMENT


def _choose_stored(program: Program, clusters: list[Cluster], vector_bytes: int) -> None:
    """A value has memory if another cluster, an effect or the caller reads it; the rest live in registers."""
    wanted = {access(v)[0] for v in program.roots()}
    for c in clusters:
        long_rows = bool(c.columns) and not unrolled(-(-c.columns // lanes_for(c, vector_bytes)), c.phases)
        for v in c.members:
            for i in v.inputs:
                root = access(i)[0]
                if (
                    root.cluster is not c
                    or c.kind != "loop"
                    or (long_rows and root.place == "full" and root.phase < v.phase)
                ):
                    wanted.add(root)
    for c in clusters:
        for v in c.members:
            v.stored = v in wanted or c.kind != "loop" or v.inside is not None or v.place == "outer"


def _send_home(program: Program, clusters: list[Cluster], made: Plan) -> None:
    """Which final values are computed straight into their state's memory."""
    fallible = max([c.position for c in clusters if c.kind == "opaque"], default=-1)
    fallible = max([fallible, *[access(c)[0].cluster.position for c, _ in program.checks]])
    readers: dict[Value, list[tuple[Cluster, Value]]] = {}
    for c in clusters:
        for v in c.members:
            for i in v.inputs:
                root = access(i)[0]
                if root.op == "memory":
                    readers.setdefault(root, []).append((c, v))
    begins: dict[Value, int] = {}  # where the first part of a root is written
    for c in clusters:
        for v in stored_by(c):
            begins.setdefault(root_inside(v), c.position)
    counted: dict[Value, int] = {}
    for target, _ in program.effects:
        counted[target] = counted.get(target, 0) + 1
    taken: set[Value] = set()
    for target, v in list(program.effects):
        root, offset, strides = access(v)
        made_by = cluster_of(root)
        whole = offset == 0 and root.size == v.size == target.size and is_flat(v.shape, strides) and root.inside is None
        good = (
            whole
            and root not in taken
            and counted[target] == 1
            and made_by is not None
            and begins[root] > fallible
            and root.layout == contiguous(root.shape)
            and target.data.flags.c_contiguous
            and root.dtype == target.dtype
            and all(
                [
                    _leaves_first(reader, user, target, made_by, root, begins[root])
                    for reader, user in readers.get(target, ())
                ]
            )
        )
        if good:
            taken.add(root)
            made.home[root] = target
        else:
            _copy_home(target, v, clusters, made)


def _copy_home(target: Value, v: Value, clusters: list[Cluster], made: Plan) -> None:
    """A last cluster that copies a value into a state's memory."""
    copy = Value("copy", [v], None, v.shape, v.dtype, origin=v.origin)
    copy.layout, copy.stored = target.layout, True
    c = Cluster("loop" if v.dtype in SUPPORTED else "store", len(clusters), v.size, [copy])
    c.cuts = cuts_of(copy, 1)
    copy.cluster = c
    clusters.append(c)
    made.home[copy] = target
    made.copied.append(access(v)[0])


def _leaves_first(reader: Cluster, user: Value, target: Value, c: Cluster, root: Value, begins: int) -> bool:
    """Whether a read of the old value comes before the new one is written, or is of the very point that is written."""
    if reader is not c:
        return reader.position < begins
    if c.kind != "loop" or c.columns or root.place != "full":
        return False
    return all([_point_for_point(user, k, c) for k, i in enumerate(user.inputs) if access(i)[0] is target])


def _point_for_point(v: Value, k: int, c: Cluster) -> bool:
    root, offset, strides = operands(v)[k]
    flat = not offset and is_flat(domain(v), strides) and root.layout == contiguous(root.shape)
    return flat and root.size == c.points


def _temporaries(program: Program, clusters: list[Cluster], made: Plan) -> int:
    """Place what lives in the arena, above the inputs; returns how many bytes it takes."""
    end = len(clusters)
    first: dict[Value, int] = {}
    last: dict[Value, int] = {}
    for c in clusters:
        for v in stored_by(c):
            whole = root_inside(v)
            if whole not in made.home:
                first.setdefault(whole, c.position)
                last[whole] = c.position
        for v in c.members:
            for i in v.inputs:
                root = root_inside(access(i)[0])
                if root in first:
                    last[root] = c.position
    for v in (*program.outputs, *made.copied):
        root = root_inside(access(v)[0])
        if root in last:
            last[root] = end
    made.lifetimes = {v: (first[v], last[v]) for v in first}
    blocks = _blocks(clusters, made, first, last)
    working = [
        (c, Block(c.members[0].params.workspace, c.position, c.position)) for c in clusters if c.kind == "native"
    ]
    size = assign([*dict.fromkeys(blocks.values()), *[b for _, b in working]])
    for v, block in blocks.items():
        v.buffer = made.inputs + block.start
    made.workspace = {c: made.inputs + block.start for c, block in working}
    return size


def _blocks(clusters: list[Cluster], made: Plan, first: dict[Value, int], last: dict[Value, int]) -> dict[Value, Block]:
    """The block of each value: its own, or that of one which ends where it begins."""
    begins: dict[int, list[Value]] = {}
    ends: dict[int, list[Value]] = {}
    for v, t in first.items():
        begins.setdefault(t, []).append(v)
        ends.setdefault(last[v], []).append(v)
    shared = {m.inside[0] for c in clusters for m in c.members if m.inside is not None}
    blocks: dict[Value, Block] = {}
    for c in clusters:
        dying = _heritable(c, [v for v in ends.get(c.position, ()) if first[v] < c.position], shared)
        for v in begins.get(c.position, ()):
            heir = None if v in shared else _heir(v, c, dying)
            made.unshared += nbytes(v)
            if heir is None:
                blocks[v] = Block(nbytes(v), first[v], last[v])
                continue
            made.heirs.add(v)
            dying.remove(heir)
            blocks[v] = blocks[heir]
            blocks[v].last = last[v]
    return blocks


def stored_by(c: Cluster) -> Iterable[Value]:
    """What gets memory when this cluster runs: its stored members, and an opaque call's results."""
    if c.kind in ("opaque", "native"):
        return c.members[0].params.results
    return [v for v in c.members if v.stored]


def _heritable(c: Cluster, dying: list[Value], shared: set[Value]) -> list[Value]:
    """Which of the values that end here are read point for point only, in one pass."""
    if c.kind != "loop" or c.phases > 1:
        return []
    candidates = {v for v in dying if v not in shared and v.layout == contiguous(v.shape)}
    for v in c.members:
        for k, i in enumerate(v.inputs):
            root = access(i)[0]
            if root in candidates and not _point_for_point(v, k, c):
                candidates.discard(root)
    return [v for v in dying if v in candidates]


def _heir(v: Value, c: Cluster, dying: list[Value]) -> Value | None:
    if c.kind != "loop" or v.place != "full" or v.layout != contiguous(v.shape) or v.inside is not None:
        return None
    for other in dying:
        if v.size == other.size == c.points and v.dtype.itemsize == other.dtype.itemsize:
            return other
    return None
