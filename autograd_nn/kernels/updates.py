"""Updates: an optimizer's step over many arrays in one native call, each element read and written once.

A kernel is the loop around a rule of `update_rules`. It takes no array from the caller's arguments: the plan lists the array
*objects*, and the kernel reads from each where its elements are. That costs the caller an `id()` an array, where asking NumPy
for the address costs twenty times as much, and gradients are new arrays at every step.

The plan: offset of the table of objects, arrays a row, then for each part the first of its pieces and one past the last, then
pieces (row, first element, one past the last). A row is value, gradient, states.

Decision: the kernels differ only in which names they hand to which rule, so they are one text, filled in for each rule. numba's
cache keeps them by name and checks the digest of this room's sources (see `build`).
"""

from __future__ import annotations

import numpy as np
from numba import types

from autograd_nn.kernels import threads, update_rules
from autograd_nn.kernels.build import Kernel, inner, intrinsic

i64 = types.int64

OBJECTS, WIDTH, PARTS = range(3)
HEAD = object.__basicsize__
"""Bytes of an object's header. NumPy's C interface (PyArrayObject) has the address of the elements right behind it."""

PART = 1 << 15
"""Elements that are worth a part of their own."""


@intrinsic
def elements(typingctx, plan, position, like):
    """Pointer to the elements of the array object whose address the plan holds at this position."""

    def codegen(context, builder, signature, args):
        plan, position, _ = args
        element = context.get_value_type(signature.return_type)
        header = builder.add(builder.load(builder.gep(plan, [position])), context.get_constant(i64, HEAD))
        return builder.load(builder.inttoptr(header, element.as_pointer()))

    return like(plan, i64, like), codegen


_TEXT = """
def {name}(plan, a, b, c, d, shared, private, part, parts):
    {read}
    for piece in range(plan[PARTS + 2 * part], plan[PARTS + 2 * part + 1]):
        entry = PARTS + 2 * parts + 3 * piece
        row = plan[OBJECTS] + plan[entry] * plan[WIDTH]
        {arrays}
        for i in range(plan[entry + 1], plan[entry + 2]):
            {written} = rule({elements}, {coefficients})
"""


def _kernel(rule) -> Kernel:
    """The native entry that runs a rule over the rows of a plan; `a` holds the coefficients."""
    states, coefficients = update_rules.states(rule), update_rules.coefficients(rule)
    arrays = ["value", "gradient", *states]
    text = _TEXT.format(
        name=rule.__name__,
        read="; ".join(f"{c} = a[{k}]" for k, c in enumerate(coefficients)),
        arrays="; ".join(f"{x} = elements(plan, row + {k}, a)" for k, x in enumerate(arrays)),
        written=", ".join(f"{x}[i]" for x in ("value", *states)) + ("" if states else ","),
        elements=", ".join(f"{x}[i]" for x in arrays),
        coefficients=", ".join(coefficients),
    )
    scope = {**globals(), "rule": inner(rule)}
    exec(compile(text, __file__, "exec"), scope)
    return Kernel(scope[rule.__name__], {})


KERNELS = {rule: _kernel(rule) for rule in update_rules.STATES}
"""The kernel of each rule."""


class Run:
    """One update of the same arrays again and again: the plan, and the program that the pool runs.

    `rows` are lists of contiguous arrays of one dtype, a value and its states; the gradients are given at each call.
    """

    def __init__(self, rule, rows: list[list[np.ndarray]]):
        self.rows = rows  # kept alive: the plan knows them by address only
        dtype, width = rows[0][0].dtype, len(rows[0]) + 1
        self.threads = threads.get_num_threads()
        parts = _parts([row[0].size for row in rows], self.threads)
        header: list[int] = [0, width]
        pieces: list[tuple[int, int, int]] = []
        for part in parts:
            header += [len(pieces), len(pieces) + len(part)]
            pieces += part
        objects = [n for value, *states in rows for n in (id(value), 0, *map(id, states))]
        start = len(header) + 3 * len(pieces)
        header[OBJECTS] = start
        self.table = np.array([*header, *[n for piece in pieces for n in piece], *objects], np.int64)
        self.gradients = self.table[start + 1 :: width]
        self.coefficients = np.zeros(len(update_rules.coefficients(rule)), dtype)
        used = min(self.threads, len(parts))
        numbers = [1, self.table.ctypes.data, self.coefficients.ctypes.data, 0, 0, 0, 0, 0, 0, used]
        self.program = np.array([*numbers, KERNELS[rule].address(dtype), len(parts)], np.int64)

    def __call__(self, gradients: list[np.ndarray], coefficients: tuple[float, ...]) -> None:
        """Update every row, its gradient laid out in memory as its value is."""
        self.gradients[:] = [id(g) for g in gradients]
        self.coefficients[:] = coefficients
        threads.run(self.program)


def _parts(sizes: list[int], thread_count: int) -> list[list[tuple[int, int, int]]]:
    """Pieces (row, first, last), gathered into parts of about the same number of elements."""
    total = sum(sizes)
    count = 1 if thread_count == 1 else max(1, min(total // PART, 4 * thread_count))
    parts: list[list[tuple[int, int, int]]] = [[] for _ in range(count)]
    part, room = 0, -(-total // count)
    for row, size in enumerate(sizes):
        first = 0
        while first < size:
            taken = min(size - first, room)
            parts[part].append((row, first, first + taken))
            first, room = first + taken, room - taken
            if room == 0 and part + 1 < count:
                part, room = part + 1, -(-total // count)
    return parts
