"""The program: what a step computes, as values in single assignment.

A value is a leaf or the result of one primitive on other values. There are few primitives:

    leaves       input (an argument), memory (an array outside, read where it is), constant (one number)
    elementwise  the names in `primitives`, with NumPy's meaning; operands broadcast; cast; iota (the index along an axis)
    reductions   sum, product, maximum, minimum over axes, which stay with length 1
    views        reshape, transpose, broadcast, slice: they cost nothing unless memory has to be laid out anew
    assemble     zeros with parts written at slices, which do not overlap
    matmul       (..., n, k) @ (..., k, m)
    take_rows    the rows of an array that indices name; add_rows, its adjoint, adds rows into zeros; further operands are
                 the checks that the indices are within it
    native       plans of the kernels room (convolution, pooling); the outputs are values of the primitive `result`
    opaque       anything else: a Python function of arrays; the outputs likewise

Nothing is ever written to: a state has a value before the step and one after it, its *effect*. So every pass is a function
from programs to programs, and dead code is what no output, effect or check leads to.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

LEAVES = frozenset({"input", "memory", "constant"})
VIEWS = frozenset({"reshape", "transpose", "broadcast", "slice"})
REDUCTIONS = frozenset({"sum", "product", "maximum_over", "minimum_over"})
BOOL = np.dtype(bool)


class Value:
    """One value: its primitive, operands, parameters, shape and dtype. The rest is filled in by the passes that say so.

    `data` is a constant's number or a memory's array; `origin` the name of the operation that it came from.
    """

    __slots__ = (
        "after",  # recompute: a value that is computed before it, in a kernel that it waits for or belongs to
        "again",  # recompute: whether it is another's value, computed once more for a late reader
        "at",  # views: (root, offset, strides), where its elements are found
        "buffer",  # memory: the arena's byte offset of a root
        "cluster",  # fusion: the cluster that computes it
        "data",
        "dtype",
        "inputs",
        "inside",  # placement: (root, offset) in elements, of a value written straight into another's memory
        "layout",  # placement: the strides, in elements, of a root's own memory
        "op",
        "order",
        "origin",
        "params",
        "phase",  # loops: in which pass over a row it is computed
        "place",  # fusion: "full", "row" or "outer", what it is one of in its cluster
        "reads",  # fusion: its operands, as `access.operands` says
        "shape",
        "size",
        "stored",  # whether it has memory
    )

    def __init__(
        self,
        op: str,
        inputs: list[Value],
        params: Any,
        shape: tuple[int, ...],
        dtype: np.dtype,
        data: Any = None,
        origin: Any = None,
    ) -> None:
        self.op, self.inputs, self.params = op, inputs, params
        self.shape, self.dtype, self.size = shape, dtype, math.prod(shape)
        self.data, self.origin, self.order = data, origin, 0
        self.at: tuple[Value, int, tuple[int, ...]] | None = None
        self.layout: tuple[int, ...] = contiguous(shape)
        self.inside: tuple[Value, int] | None = None
        self.cluster: Any = None
        self.after: Value | None = None
        self.reads: Sequence[tuple[Value, int, tuple[int, ...]]] = ()
        self.place, self.phase, self.stored, self.buffer, self.again = "full", 0, False, -1, False

    @property
    def is_leaf(self) -> bool:
        return self.op in LEAVES

    def __repr__(self) -> str:
        given = ", ".join([f"%{i.order}" for i in self.inputs])
        params = "" if self.params is None else f"; {self.params}"
        return f"%{self.order}: {self.dtype}{list(self.shape)} = {self.op}({given}{params})"


@dataclass
class Program:
    """A whole step: `inputs` in the order of the arguments, `outputs` to return, `effects` (memory, its new value).

    `checks` are booleans that must be false, with the message of the error that is raised where one is not.
    """

    inputs: list[Value] = field(default_factory=list)
    outputs: list[Value] = field(default_factory=list)
    effects: list[tuple[Value, Value]] = field(default_factory=list)
    checks: list[tuple[Value, str]] = field(default_factory=list)

    def roots(self) -> list[Value]:
        return [*[c for c, _ in self.checks], *self.outputs, *[v for _, v in self.effects]]

    def values(self) -> list[Value]:
        """What the roots need, every value after its operands, numbered in this order."""
        found = in_order(self.roots())
        for number, value in enumerate(found):
            value.order = number
        return found

    def mapped(self, change: Callable[[Value], Value]) -> None:
        """Replace every root by what `change` makes of it."""
        self.checks = [(change(c), message) for c, message in self.checks]
        self.outputs = [change(v) for v in self.outputs]
        self.effects = [(t, change(v)) for t, v in self.effects]

    def __str__(self) -> str:
        lines = [repr(v) for v in self.values()]
        lines += [f"return {', '.join(f'%{v.order}' for v in self.outputs)}"] if self.outputs else []
        lines += [f"%{t.order} := %{v.order}" for t, v in self.effects]
        return "\n".join(lines)


def in_order(roots: Iterable[Value]) -> list[Value]:
    """The values below the roots in an order of computation: that of the program they were made in, as far as it can be.

    A value made late (by a pass) comes just before the first that needs it.
    """
    order: dict[Value, None] = {}
    opened: set[Value] = set()  # what waits on the stack for its operands
    stack = list(roots)[::-1]
    while stack:
        value = stack[-1]
        if value not in opened and value.inputs:
            opened.add(value)
            stack += [i for i in reversed(value.inputs) if i not in order]
        else:
            order[stack.pop()] = None
    return list(order)


def contiguous(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Row-major strides in elements."""
    strides, step = [], 1
    for n in reversed(shape):
        strides.append(step)
        step *= n
    return tuple(strides[::-1])


def uses_of(values: Iterable[Value], roots: Iterable[Value] = ()) -> dict[Value, int]:
    """How often each value is an operand or a root."""
    uses: dict[Value, int] = {}
    for v in values:
        for i in v.inputs:
            uses[i] = uses.get(i, 0) + 1
    for v in roots:
        uses[v] = uses.get(v, 0) + 1
    return uses
