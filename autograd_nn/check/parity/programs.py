"""Writing a random program from a seed: arrays to begin with and 3 to 30 steps.

Decision: the program is written by running it in float64 on plain arrays, and what it is does not depend on the precision it
is run in later. Where numbers grow large a step that calms them is put in; where one comes near a kink, the step is not taken.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from . import arrangements as arrangements
from . import vocabulary as vocabulary
from .steps import STEPS, Step

MARGIN = 1e-3
"""How far from a kink numbers must stay: far more than float32's rounding over a whole program."""
LARGE = 8.0
"""Numbers above this are divided by it before anything else is done to them."""


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

    def direction(self, i: int) -> np.ndarray:
        """A random array of the shape of the i-th input, for products with second derivatives."""
        return np.random.default_rng((self.seed, 2, i)).standard_normal(self.inputs[i].shape)

    def __str__(self) -> str:
        n = len(self.inputs)
        given = [f"  v{i} = input {x.shape}" for i, x in enumerate(self.inputs)]
        lines = [f"  v{n + i} = {line}  -> {self.shapes[n + i]}" for i, line in enumerate(self.lines)]
        return "\n".join([f"program {self.seed}, {self.dtype}", *given, *lines])


def write(seed: int) -> Program:
    """The program of a seed."""
    rng = np.random.default_rng(seed)
    program = Program(seed, str(rng.choice(["float64", "float32"])), _inputs(rng))
    values = [x.astype(np.float64) for x in program.inputs]
    narrow = [False] * len(values)  # whether a value has been cast to the other dtype
    names = list(STEPS)
    for _ in range(int(rng.integers(3, 31))):
        for _ in range(50):
            step = STEPS[names[rng.integers(len(names))]]
            line, value = _tried(rng, step, values, narrow)
            if line is not None:
                program.lines.append(line)
                values.append(value)
                changed = any(narrow[i] for i in line.arrays)
                narrow.append(not narrow[line.arrays[0]] if step.name == "astype" else changed)
                break
    program.shapes = [v.shape for v in values]
    return program


def _inputs(rng: np.random.Generator) -> list[np.ndarray]:
    """One to four arrays, of shapes that have a chance to meet."""
    sides = [int(rng.integers(1, 5)) for _ in range(2)]
    arrays = []
    for _ in range(int(rng.integers(1, 5))):
        rank = int(rng.choice([0, 1, 2, 2, 2, 3, 3, 4]))
        shape = tuple(int(rng.choice([*sides, *sides, 1, 3])) for _ in range(rank))
        arrays.append(rng.standard_normal(shape).astype(np.float32))  # exact in both precisions
    return arrays


def _tried(rng: np.random.Generator, step: Step, values: list[np.ndarray], narrow: list[bool]) -> Any:
    """A line of this step and its value, or (None, None) where it cannot be taken on the arrays that were drawn."""
    recent = np.arange(len(values)) + 1.0  # later results are likelier, so that programs are deep
    chosen = tuple(int(i) for i in rng.choice(len(values), step.arity, p=recent / recent.sum()))
    arrays = [values[i] for i in chosen]
    if len({narrow[i] for i in chosen}) > 1:  # PyTorch lets a 0-d operand promote nothing, NumPy does
        return None, None
    params = step.choose(rng, arrays)
    if params is None:
        return None, None
    if step.kinks is not None and _near(step.kinks(arrays, params), step.strict):
        return None, None
    if step.name == "astype":
        return Line(step, chosen, params), arrays[0]
    with np.errstate(all="ignore"):
        value = np.asarray(step.ours(arrays, params), np.float64)
    if not np.isfinite(value).all() or value.size > 200 or value.ndim > 4:
        return None, None
    largest = float(np.abs(value).max(initial=0.0))
    scale = 2.0 ** -np.ceil(np.log2(largest / LARGE)) if largest > LARGE else 1.0
    return Line(step, chosen, params, float(scale)), value * scale


def _near(distances: Any, strict: bool) -> bool:
    d = np.abs(np.asarray(distances))
    return bool(((d < MARGIN) & (strict | (d > 0.0))).any())
