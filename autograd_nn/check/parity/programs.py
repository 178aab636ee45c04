"""Writing a random program from a seed: arrays to begin with and 3 to 30 steps.

Decision: the program is written by running it in float64 on plain arrays, and what it is does not depend on the precision it
is run in later. Where numbers grow large a step that calms them is put in; where one comes near a kink, the step is not taken.

Decision: most programs have arrays of up to 200 elements, where the awkward shapes are; every sixteenth has some of up to
100,000, where the fast kernels and the blocked sums are. Among so many numbers some are always near a kink, so there a step with
a kink is taken where rounding cannot move them: on numbers that no arithmetic was done on, and in float64.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from . import arrangements as arrangements
from . import vocabulary as vocabulary
from .steps import ROOM, STEPS, Step

MARGIN = {"float32": 1e-3, "float64": 1e-8}
"""How far from a kink numbers must stay: far more than rounding over a whole program."""
LARGE = 8.0
"""Numbers above this are divided by it before anything else is done to them."""
SMALL = 200
"""The elements of most programs' arrays."""
EXACT = frozenset((
    "negative", "positive", "abs", "sign", "relu", "relu6", "hardtanh", "hardshrink", "floor", "trunc", "round", "clip",
    "maximum", "minimum", "copysign", "max", "min", "cummax", "cummin", "sort", "topk", "flip", "roll", "repeat", "reshape",
    "transpose", "broadcast_to", "squeeze", "expand_dims", "concatenate", "stack", "tril", "triu", "diagonal", "tile", "pad",
    "slice", "take", "take_along_axis", "index with an array", "index with a mask", "write with a mask", "write at an index",
    "masked_fill", "embedding", "max_pool2d",
))  # fmt: skip
"""Steps that round nothing: their results are the same bits on both sides if what they are given is."""


@dataclass
class Line:
    """One step: what it does to which of the arrays so far (the inputs, then each line's result)."""

    step: Step
    arrays: tuple[int, ...]
    params: dict[str, Any]
    scale: float = 1.0  # what the result is multiplied by, to stay within bounds

    def __str__(self) -> str:
        params = ", ".join(f"{k}={v}" for k, v in self.params.items())
        return f"{self.step.name}({', '.join(f'v{i}' for i in self.arrays)}; {params}) * {self.scale:g}".replace(
            "\n", ""
        )


@dataclass
class Program:
    """Inputs, lines, and the cotangents and directions its derivatives are taken with."""

    seed: int
    dtype: str
    inputs: list[np.ndarray]
    lines: list[Line] = field(default_factory=list)
    shapes: list[tuple[int, ...]] = field(default_factory=list)

    def outputs(self) -> list[int]:
        """The results that no line uses."""
        used = {i for line in self.lines for i in line.arrays}
        n = len(self.inputs)
        return [i for i in range(n, n + len(self.lines)) if i not in used]

    def without(self, gone: int) -> Program:
        """The program without the line of one result and without the lines that need it."""
        n, kept = len(self.inputs), {i: i for i in range(len(self.inputs))}
        smaller = Program(self.seed, self.dtype, self.inputs, shapes=self.shapes[:n])
        for i, line in enumerate(self.lines, n):
            if i != gone and all(a in kept for a in line.arrays):
                kept[i] = n + len(smaller.lines)
                smaller.lines.append(replace(line, arrays=tuple(kept[a] for a in line.arrays)))
                smaller.shapes.append(self.shapes[i])
        return smaller

    def cotangent(self, i: int) -> np.ndarray:
        """A random array of the shape of the i-th result."""
        return np.random.default_rng((self.seed, 1, i)).standard_normal(self.shapes[i])

    def laid_out(self, i: int, dtype: str) -> np.ndarray:
        """The i-th input in an order of memory of its own: as C has it, as Fortran has it, reversed, or with gaps."""
        x = self.inputs[i].astype(dtype)
        order = np.random.default_rng((self.seed, 3, i)).integers(5)
        if order == 0 and x.ndim:
            return np.flip(np.flip(x).copy())
        if order == 1 and x.ndim:
            return np.repeat(x, 2, axis=-1)[..., ::2]
        return x.copy("F" if order == 2 else "C")

    def direction(self, i: int) -> np.ndarray:
        """A random array of the shape of the i-th input, for products with second derivatives."""
        return np.random.default_rng((self.seed, 2, i)).standard_normal(self.inputs[i].shape)

    def __str__(self) -> str:
        n = len(self.inputs)
        given = [f"  v{i} = input {x.shape}" for i, x in enumerate(self.inputs)]
        lines = [f"  v{n + i} = {line}  -> {self.shapes[n + i]}" for i, line in enumerate(self.lines)]
        return "\n".join([f"program {self.seed}, {self.dtype}", *given, *lines])


def write(seed: int, large: bool | None = None) -> Program:
    """The program of a seed; `large`: whether with large arrays, which by default every sixteenth seed has."""
    large = seed % 16 == 15 if large is None else large
    rng = np.random.default_rng(seed)
    dtype = str(rng.choice(["float64", "float32"]))
    program = Program(seed, dtype, _large_inputs(rng) if large else _inputs(rng))
    values = [_Value(x.astype(np.float64)) for x in program.inputs]
    names = list(STEPS)
    for _ in range(int(rng.integers(3, 31))):
        for _ in range(50):
            step = STEPS[names[rng.integers(len(names))]]
            line, value = _tried(rng, step, values, ROOM if large else SMALL, dtype)
            if line is not None:
                program.lines.append(line)
                values.append(value)
                break
    program.shapes = [v.array.shape for v in values]
    return program


class _Value(NamedTuple):
    """A result while a program is written."""

    array: np.ndarray
    narrow: bool = False  # whether it has been cast to the other dtype
    rounded: bool = False  # whether arithmetic has been done on the way, which may round differently on the two sides


def _inputs(rng: np.random.Generator) -> list[np.ndarray]:
    """One to four arrays, of shapes that have a chance to meet."""
    sides = [int(rng.integers(1, 5)) for _ in range(2)]
    arrays = []
    for _ in range(int(rng.integers(1, 5))):
        rank = int(rng.choice([0, 1, 2, 2, 2, 3, 3, 4]))
        shape = tuple(int(rng.choice([*sides, *sides, 1, 3])) for _ in range(rank))
        arrays.append(rng.standard_normal(shape).astype(np.float32))  # exact in both precisions
    return arrays


def _large_inputs(rng: np.random.Generator) -> list[np.ndarray]:
    """One array of 2,000 to 100,000 elements and up to three more that broadcast with it."""
    size, rank = np.exp(rng.uniform(np.log(2e3), np.log(1e5))), int(rng.choice([1, 2, 2, 3, 4]))
    shape: list[int] = []
    for left in range(rank, 0, -1):  # near a cube, or with short sides in front
        side = size ** (1 / left) if left == 1 or rng.random() < 0.6 else rng.uniform(2, 9)
        shape.append(max(int(side), 1))
        size /= shape[-1]
    arrays = [rng.standard_normal(shape).astype(np.float32)]
    for _ in range(int(rng.integers(0, 4))):
        part = shape[int(rng.integers(0, rank + 1)) :]
        arrays.append(rng.standard_normal([1 if rng.random() < 0.15 else n for n in part]).astype(np.float32))
    return arrays


def _tried(rng: np.random.Generator, step: Step, values: list[_Value], room: int, dtype: str) -> Any:
    """A line of this step and its value, or (None, None) where it cannot be taken on the arrays that were drawn."""
    recent = np.arange(len(values)) + 1.0  # later results are likelier, so that programs are deep
    chosen = tuple(int(i) for i in rng.choice(len(values), step.arity, p=recent / recent.sum()))
    taken = [values[i] for i in chosen]
    arrays = [v.array for v in taken]
    if len({v.narrow for v in taken}) > 1:  # PyTorch lets a 0-d operand promote nothing, NumPy does
        return None, None
    params = step.choose(rng, arrays)
    if params is None:
        return None, None
    rounded = any(v.rounded for v in taken)
    if step.kinks is not None:
        exact = room > SMALL and not rounded
        single = dtype == "float32" or room <= SMALL or any(v.narrow for v in values)
        margin = 0.0 if exact else MARGIN["float32" if single else "float64"]
        if _near(step.kinks(arrays, params), step.strict, margin):
            return None, None
    if step.name == "astype":
        return Line(step, chosen, params), taken[0]._replace(narrow=not taken[0].narrow, rounded=True)
    with np.errstate(all="ignore"):
        value = np.asarray(step.ours(arrays, params), np.float64)
    if not np.isfinite(value).all() or value.size > room or value.ndim > 4:
        return None, None
    largest = float(np.abs(value).max(initial=0.0))
    scale = 2.0 ** -np.ceil(np.log2(largest / LARGE)) if largest > LARGE else 1.0
    made = _Value(value * scale, any(v.narrow for v in taken), rounded or step.name not in EXACT)
    return Line(step, chosen, params, float(scale)), made


def _near(distances: Any, strict: bool, margin: float) -> bool:
    d = np.abs(np.asarray(distances))
    return bool(((d <= margin) & (strict | (d > 0.0))).any())
