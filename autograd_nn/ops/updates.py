"""Updates: an optimizer's step over lists of Tensors, elementwise.

Each rule of `kernels.update_rules` is an operation here, so a recorded step is a program: the rule's operation (or, with
`expand`, the plain operations it is composed of), then an `assign` for the parameter and for each state. With nobody watching,
the same rule runs in place on the memory itself, and no array is made.

Decision: in place there are two ways, with the same bits. Many elements go through a native loop, which reads and writes
each once. Few are joined into one array a name, updated by NumPy and taken apart again: that costs a tenth of what loading
numba would, so training something small never loads it. Where it is loaded already, small ones go the first way, too.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from ..engine.graph import FLOAT32, FLOAT64, Writes, sequence
from ..engine.memory import cell_of
from ..engine.modes import current
from ..engine.op import op
from ..engine.tensor import Tensor, assign
from ..kernels import update_rules

NATIVE = 1 << 14
"""Elements from which a native loop is worth its loading."""


class Update:
    """A rule, as an operation on Tensors and in place on their memory."""

    def __init__(self, rule: Any) -> None:
        self.rule = rule
        self.states = update_rules.states(rule)
        self.coefficients = update_rules.coefficients(rule)
        self.op = op(kind="fused", outputs=tuple([f"new_{name}" for name in ("value", *self.states)]))(rule)

    def __reduce__(self) -> tuple[Any, ...]:
        return _update, (self.rule.__name__,)


UPDATES = {rule.__name__: Update(rule) for rule in update_rules.STATES}
"""Every update, by its rule's name."""


def _update(name: str) -> Update:
    return UPDATES[name]


class Block:
    """Tensors of one dtype that are updated together: rows of a value and its states."""

    def __init__(self, update: Update, rows: Sequence[Sequence[Tensor]]) -> None:
        self.update, self.rows = update, rows
        self.values = [row[0] for row in rows]
        self._look()

    def __reduce__(self) -> tuple[Any, ...]:
        return Block, (self.update, self.rows)  # and not what it knows of memory: a copy has its own

    def _look(self) -> None:
        """Find the memory of every Tensor, and choose how to update it."""
        for row in self.rows:
            for state in row[1:]:  # follows a parameter that was given another dtype, as `Module.astype` does
                if state.dtype != row[0].dtype and state.shape == row[0].shape:
                    state._initialise(state.detach(), dtype=row[0].dtype)
        self._arrays = [[t._memory() for t in row] for row in self.rows]
        name, dtype = self.update.rule.__name__, self._arrays[0][0].dtype
        for value, *states in self._arrays:
            is_now = f"{name}: a parameter of shape {value.shape}, {value.dtype}"
            if not all([a.flags.writeable for a in (value, *states)]):
                raise ValueError(f"{is_now}, has read-only memory, which cannot be updated; make it of a copy")
            for a in states:
                if a.dtype != dtype or a.shape != value.shape:
                    raise ValueError(
                        f"{is_now}, has a state of shape {a.shape}, {a.dtype}; make the optimizer after changing what a model's "
                        f"parameters are"
                    )
        self._held = [row[0] for row in self._arrays]
        self._cells = [cell for row in self.rows for cell in [cell_of(t) for t in row] if cell is not None]
        self._size = sum([row[0].size for row in self._arrays])
        self._orders = [_order(row) for row in self._arrays]
        self._is_small = self._size < NATIVE and "numba" not in sys.modules
        self._fits = None not in self._orders and dtype in (FLOAT32, FLOAT64) and not self._is_small
        self._run: Any = None
        # NumPy takes an array of no axes twice as fast as a Python number.
        self._numbers = np.zeros(len(self.update.coefficients), dtype)
        self._scalars = [self._numbers[i : i + 1].reshape(()) for i in range(len(self._numbers))]

    def step(self, gradients: Sequence[Tensor], coefficients: Mapping[str, Any]) -> None:
        """Update every row by its gradient; coefficients are numbers, or under a tracer 0-d Tensors."""
        numbers = tuple([coefficients[name] for name in self.update.coefficients])
        if current().tracer is not None:
            self._record(gradients, numbers)
            return
        for value, held in zip(self.values, self._held, strict=True):
            if value._array is not held:
                self._look()
                break
        arrays = [g._array for g in gradients]
        for held, g in zip(self._held, arrays, strict=True):
            if g.dtype != held.dtype or g.shape != held.shape:  # compiled kernels return dtypes of their own
                raise ValueError(
                    f"{self.update.rule.__name__}: a parameter of shape {held.shape}, {held.dtype}, has a gradient of shape "
                    f"{g.shape}, {g.dtype}"
                )
        if self._fits:
            self._natively(arrays, numbers)
        else:
            self._numbers[:] = numbers
            (self._together if self._size < NATIVE else self._one_by_one)(arrays)
        now = Writes.last = sequence()
        for cell in self._cells:
            cell.written = now

    def _natively(self, gradients: Sequence[Any], numbers: tuple[float, ...]) -> None:
        from ..kernels import threads, updates  # which loads numba

        if self._run is None or self._run.threads != threads.get_num_threads():
            self._run = updates.Run(self.update.rule, self._arrays)
        self._run([_laid_out(g, order) for g, order in zip(gradients, self._orders, strict=True)], numbers)

    def _together(self, gradients: Sequence[Any]) -> None:
        values, *states = zip(*self._arrays, strict=True)
        joined = [np.concatenate(column, axis=None) for column in (values, gradients, *states)]
        results = self.update.rule(*joined, *self._scalars)
        for column, result in zip((values, *states), results, strict=True):
            first = 0
            for memory in column:
                memory[...] = result[first : first + memory.size].reshape(memory.shape)
                first += memory.size

    def _one_by_one(self, gradients: Sequence[Any]) -> None:
        for (value, *states), g in zip(self._arrays, gradients, strict=True):
            results = self.update.rule(value, g, *states, *self._scalars)
            for memory, result in zip((value, *states), results, strict=True):
                memory[...] = result

    def _record(self, gradients: Sequence[Tensor], numbers: tuple[Any, ...]) -> None:
        dtype = self.values[0].dtype
        numbers = tuple([n.astype(dtype) if isinstance(n, Tensor) else n for n in numbers])
        for (value, *states), g in zip(self.rows, gradients, strict=True):
            results = self.update.op(value, g, *states, *numbers)
            for state, result in zip((value, *states), results, strict=True):
                assign(state, result)


def _order(row: Sequence[np.ndarray]) -> Literal["C", "F"] | None:
    """How all arrays of a row are laid out in memory: by rows ("C"), by columns ("F"), or neither (None)."""
    if all([a.flags.c_contiguous for a in row]):
        return "C"
    return "F" if all([a.flags.f_contiguous for a in row]) else None


def _laid_out(g: Any, order: Literal["C", "F"] | None) -> np.ndarray:
    """A gradient as an array laid out as its parameter is: itself, nearly always."""
    if type(g) is np.ndarray and (g.flags.c_contiguous if order == "C" else g.flags.f_contiguous):
        return g
    return np.asarray(g, order=order)
