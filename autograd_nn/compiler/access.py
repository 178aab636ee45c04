"""Where a value's elements are found: views are strides over the memory of another value, their root.

`access(v)` is (root, offset, strides) in elements, strides over v's shape; of a root itself (root, 0, its layout).
"""

from __future__ import annotations

from collections.abc import Sequence

from .program import REDUCTIONS, VIEWS, Value

Access = tuple[Value, int, tuple[int, ...]]


def access(v: Value) -> Access:
    """Where v's elements are; every reshape below must be one that strides can express (see `placement`)."""
    found = v.at
    if found is None:
        found = v.at = _access(v)
        if found is None:
            raise AssertionError(f"{v} needs a copy that the placement pass did not make")
    return found


def root_of(v: Value) -> Value:
    while v.op in VIEWS:
        v = v.inputs[0]
    return v


def expressible(v: Value) -> bool:
    """Whether strides can express this view."""
    if v.at is None:
        v.at = _access(v)
    return v.at is not None


def _access(v: Value) -> Access | None:
    if v.op not in VIEWS:
        return v, 0, v.layout
    source = v.inputs[0]
    root, offset, strides = access(source)
    if v.op == "transpose":
        return root, offset, tuple([strides[a] for a in v.params])
    if v.op == "broadcast":
        return root, offset, spread(source.shape, strides, v.shape)
    if v.op == "slice":
        offset += sum([start * s for (start, _), s in zip(v.params, strides, strict=True)])
        return root, offset, tuple([step * s for (_, step), s in zip(v.params, strides, strict=True)])
    new = reshaped(source.shape, strides, v.shape)
    return None if new is None else (root, offset, new)


def spread(shape: tuple[int, ...], strides: tuple[int, ...], target: tuple[int, ...]) -> tuple[int, ...]:
    """The strides of a broadcast: 0 where elements repeat."""
    if shape == target:
        return strides
    lead = len(target) - len(shape)
    return (0,) * lead + tuple([0 if n == 1 else s for n, s in zip(shape, strides, strict=True)])


def reshaped(shape: tuple[int, ...], strides: tuple[int, ...], new: tuple[int, ...]) -> tuple[int, ...] | None:
    """The strides of a reshaped view, None where only a copy will do."""
    groups: list[tuple[int, int]] = []  # runs of axes that step through memory evenly: (elements, stride)
    for n, s in zip(shape, strides, strict=True):
        if n == 1:
            continue
        if groups and groups[-1][1] == s * n:
            groups[-1] = (groups[-1][0] * n, s)
        else:
            groups.append((n, s))
    out: list[int] = []
    left, step = groups.pop() if groups else (1, 1)
    for n in reversed(new):
        if n == 1:
            out.append(0)
            continue
        if left == 1:
            if not groups:
                return None
            left, step = groups.pop()
        if left % n:
            return None
        out.append(step)
        left, step = left // n, step * n
    return tuple(reversed(out))


def domain(v: Value) -> tuple[int, ...]:
    """The points at which an elementwise value or a reduction is computed."""
    return v.inputs[0].shape if v.op in REDUCTIONS else v.shape


def operands(v: Value) -> list[tuple[Value, int, tuple[int, ...]]]:
    """Each operand of an elementwise value or a reduction as (root, offset, strides over the domain)."""
    points = domain(v)
    found = []
    for i in v.inputs:
        root, offset, strides = access(i)
        found.append((root, offset, spread(i.shape, strides, points)))
    return found


def is_flat(shape: Sequence[int], strides: Sequence[int]) -> bool:
    """Do these strides pass through memory element by element?"""
    step = 1
    for n, s in zip(reversed(shape), reversed(strides), strict=True):
        if n > 1:
            if s != step:
                return False
            step *= n
    return True


def reads_rows(shape: Sequence[int], strides: Sequence[int], columns: int) -> bool:
    """Do these strides read element (flat index // columns) of a contiguous array?"""
    dims = [(n, s) for n, s in zip(shape, strides, strict=True) if n > 1]
    tail = 1
    while dims and tail < columns and dims[-1][1] == 0:
        tail *= dims.pop()[0]
    return tail == columns and is_flat([n for n, _ in dims], [s for _, s in dims])


def refined(shape: tuple[int, ...], strides: tuple[int, ...], dims: Sequence[int]) -> list[int]:
    """Strides over `shape` rewritten over a finer factorisation `dims` of as many elements."""
    out: list[int] = []
    k, left, step = len(shape) - 1, 1, 0
    for n in reversed(dims):
        while left == 1 and k >= 0:
            left, step, k = shape[k], strides[k], k - 1
        out.append(step)
        step, left = step * n, left // n
    return out[::-1]
