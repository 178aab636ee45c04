"""Placement: which values need memory of their own, and how it is laid out, so that every view is one of strides.

- A reshape that strides cannot express gets a copy below it, or the product that it views is laid out anew.
- A product that is only read transposed is the product of the transposed operands.
- Parts of an assembled value are computed straight into its memory, where nothing else needs them elsewhere.
- An output or an effect is memory of the step's own.
- Sums of products are added up in one memory; sums of assembled values whose parts do not meet are one assembled value.
"""

from __future__ import annotations

import itertools

from .access import access, expressible, root_of
from .gather import is_run
from .primitives import ELEMENTWISE
from .program import Program, Value, contiguous, uses_of


def place(program: Program) -> list[Value]:
    """Prepare a program for fusion; returns its values in order."""
    _join_assembled(program)
    _turned_products(program)
    for v in program.values():
        if v.op == "matmul":  # its kernel reads memory only
            v.inputs = [copied(i) if root_of(i).op in ("constant", "iota") else i for i in v.inputs]
    _reshapes(program)
    for v in program.values():
        if v.op in ("take_rows", "add_rows"):
            _rows_as_runs(v)
        elif v.op == "native":
            v.inputs = [
                i if is_run(i, 0) and root_of(i).op not in ("constant", "iota") else copied(i) for i in v.inputs
            ]
    _own_roots(program)
    _sums_of_products(program)
    _own_parts(program)
    values = program.values()
    for v in values:
        v.at = None  # operands have changed since it was asked
        if v.op == "opaque":
            v.params.results = []
    for v in values:
        if v.op == "result" and v.inputs[0].op == "opaque":
            v.inputs[0].params.results.append(v)
    return values


def _rows_as_runs(v: Value) -> None:
    """Gathers and scatters read rows that are runs of memory, and contiguous indices."""
    x, indices, *_ = v.inputs
    for k, (i, leading) in enumerate(((x, 1 if v.op == "take_rows" else len(indices.shape)), (indices, 0))):
        if root_of(i).op in ("constant", "iota") or not is_run(i, leading):
            v.inputs[k] = copied(i)


def copied(v: Value, params: str | None = None) -> Value:
    return Value("copy", [v], params, v.shape, v.dtype, origin=v.origin)


def _own_roots(program: Program) -> None:
    """An output or effect whose memory is not the step's own (a leaf's), or that repeats elements, is copied.

    Of no elements there is nothing to copy.
    """
    program.effects = [(target, v) for target, v in program.effects if v.size]
    made: dict[Value, Value] = {}

    def own(v: Value) -> Value:
        root = root_of(v)
        if not v.size or (not root.is_leaf and root.op != "iota" and root.size == v.size):
            return v
        if v not in made:
            made[v] = copied(v)
        return made[v]

    program.mapped(own)


def _reshapes(program: Program) -> None:
    for v in program.values():
        if v.op == "reshape" and not expressible(v):
            source = v.inputs[0]
            root, _, strides = access(source)
            if root.op == "matmul" and root.size == source.size and _lay_out(root, source, strides):
                v.at = source.at = None
                _forget(v)
                if expressible(v):
                    continue
            v.inputs = [copied(source)]


def _lay_out(root: Value, source: Value, strides: tuple[int, ...]) -> bool:
    """Give a product the layout in which a permutation of its axes, `source`, is contiguous; its last axis must stay last."""
    if strides[-1] != 1 or root.layout != contiguous(root.shape) or source.shape[-1] != root.shape[-1]:
        return False
    goal = {s: t for s, t, n in zip(strides, contiguous(source.shape), source.shape, strict=True) if n > 1}
    if any([n > 1 and s not in goal for s, n in zip(root.layout, root.shape, strict=True)]):
        return False
    root.layout = tuple([goal.get(s, 0) for s in root.layout])
    root.at = None
    return True


def _forget(v: Value) -> None:
    """Views are asked again after a layout has changed."""
    while v.op not in ("matmul",) and v.inputs:
        v.at = None
        v = v.inputs[0]


def _turned_products(program: Program) -> None:
    values = program.values()
    users: dict[Value, list[Value]] = {}
    for v in values:
        for i in v.inputs:
            users.setdefault(i, []).append(v)
    roots = set(program.roots())
    changed: dict[Value, Value] = {}
    for v in values:
        v.inputs = [changed.get(i, i) for i in v.inputs]
        if v.op != "matmul" or v in roots or not users.get(v):
            continue
        swap = (*range(len(v.shape) - 2), len(v.shape) - 1, len(v.shape) - 2)
        if all([u.op == "transpose" and u.params == swap for u in users[v]]):
            a, b = v.inputs
            shape = (*v.shape[:-2], v.shape[-1], v.shape[-2])
            product = Value("matmul", [swapped(b), swapped(a)], None, shape, v.dtype, origin=v.origin)
            changed |= dict.fromkeys(users[v], product)
    for v in values:
        v.inputs = [changed.get(i, i) for i in v.inputs]
    program.mapped(lambda v: changed.get(v, v))


def swapped(v: Value) -> Value:
    """The last two axes exchanged."""
    n = len(v.shape)
    axes = (*range(n - 2), n - 1, n - 2)
    if v.op == "transpose" and v.params == axes:
        return v.inputs[0]
    return Value("transpose", [v], axes, (*v.shape[:-2], v.shape[-1], v.shape[-2]), v.dtype, origin=v.origin)


def _join_assembled(program: Program) -> None:
    """x[a] and x[b] have rules that add zero-padded arrays: where the parts do not meet, one array written in parts."""
    uses = uses_of(program.values(), program.roots())
    changed: dict[Value, Value] = {}
    for v in program.values():
        v.inputs = [changed.get(i, i) for i in v.inputs]
        if v.op == "add" and all([i.op == "assemble" and uses.get(i) == 1 and i.shape == v.shape for i in v.inputs]):
            a, b = v.inputs
            places = (*a.params, *b.params)
            parts = [*a.inputs, *b.inputs]
            if len(parts) <= 64 and _apart(list(zip(parts, places, strict=True))):
                joined = Value("assemble", parts, places, v.shape, v.dtype, origin=v.origin)
                changed[v] = joined
                uses[joined] = uses.get(v, 0)
    program.mapped(lambda v: changed.get(v, v))


def _apart(parts: list[tuple[Value, tuple[tuple[int, int], ...]]]) -> bool:
    """Whether no two parts have an element in common; steps are taken to fill the range."""

    def meet(a: tuple[Value, tuple[tuple[int, int], ...]], b: tuple[Value, tuple[tuple[int, int], ...]]) -> bool:
        for n, (s, step), m, (t, other) in zip(a[0].shape, a[1], b[0].shape, b[1], strict=True):
            if s + (n - 1) * step < t or t + (m - 1) * other < s:
                return False
        return True

    return not any([meet(a, b) for a, b in itertools.combinations(parts, 2)])


def _sums_of_products(program: Program) -> None:
    """x + a @ b, where x is itself a product that nothing else reads, adds to x's memory."""
    values = program.values()
    uses = uses_of(values, program.roots())
    changed: dict[Value, Value] = {}
    for v in values:
        v.inputs = [changed.get(i, i) for i in v.inputs]
        if v.op != "add" or v.inputs[0] is v.inputs[1]:
            continue
        x, y = v.inputs
        if all(
            [
                i.op == "matmul" and uses[i] == 1 and i.layout == contiguous(v.shape) and i.shape == v.shape
                for i in (x, y)
            ]
        ):
            if len(y.inputs) == 3:
                x, y = y, x
            if len(y.inputs) == 2:
                y.inputs = [*y.inputs, x]
                y.inside = (root_inside(x), 0)
                changed[v] = y
                uses[y] = uses[v]
    program.mapped(lambda v: changed.get(v, v))


def root_inside(v: Value) -> Value:
    """The value in whose memory v is kept."""
    return v if v.inside is None else v.inside[0]


def _own_parts(program: Program) -> None:
    """A part of an assembled value is computed where it belongs: it must be elementwise and read through the whole."""
    values = program.values()
    uses = uses_of(values, program.roots())
    for v in values:
        if v.op != "assemble":
            continue
        for k, (part, places) in enumerate(zip(v.inputs, v.params, strict=True)):
            if part.op not in ELEMENTWISE or uses[part] > 1 or part.inside is not None:
                part = v.inputs[k] = copied(part)
            strides = contiguous(v.shape)
            part.inside = (v, sum([start * s for (start, _), s in zip(places, strides, strict=True)]))
            part.layout = tuple([step * s for (_, step), s in zip(places, strides, strict=True)])
            part.at = None
