"""The table of samples: every operation, with a NumPy reference and inputs that include the awkward ones.

A row is (operation, reference, calls). From it the suite checks the value against the reference, the gradient against finite
differences to second order, float32 against float64, and that the graph is freed. It ships with the package, so that an
installed copy can check itself. A family of operations is a file, whose `ROWS` are collected here.

Decision: every row draws its arrays from the same start of one stream. So a row that is added or changed leaves all others
as they were.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

stream = np.random.default_rng()
START = np.random.default_rng(20).bit_generator.state


def restart() -> None:
    """Draw the next row's arrays from the start of the stream."""
    stream.bit_generator.state = START


restart()


@dataclass
class Call:
    """One call of an operation: array inputs (float64 ones are differentiated) and parameters.

    `order` is the highest derivative that exists at these inputs: 0 checks the value only (a kink lies here, or there is no
    derivative), and then `gradient`, if given, is what the gradient of the sum must be at the kink.
    """

    arrays: tuple[Any, ...]
    params: dict[str, Any] = field(default_factory=dict)
    order: int = 2
    gradient: tuple[Any, ...] | None = None

    def __post_init__(self) -> None:
        self.arrays = tuple([np.asarray(a) if isinstance(a, np.generic) else a for a in self.arrays])

    def differentiated(self) -> list[int]:
        """The positions of the inputs that are differentiated."""
        return [i for i, a in enumerate(self.arrays) if isinstance(a, np.ndarray) and a.dtype == np.float64]


@dataclass
class Row:
    """An operation (or public function made of some), its NumPy reference and its calls."""

    function: Callable[..., Any]
    reference: Callable[..., Any]
    calls: Sequence[Call]
    arrange: Callable[[list[Any]], tuple[Any, ...]] = tuple  # a call's arrays as the function's positional arguments

    def __post_init__(self) -> None:
        restart()

    @property
    def name(self) -> str:
        return self.function.__name__.rstrip("_")

    def run(self, function: Callable[..., Any], call: Call, arrays: Sequence[Any]) -> Any:
        result = function(*self.arrange(list(arrays)), **call.params)
        return tuple(result) if isinstance(result, list) else result


def in_a_list(arrays: list[Any]) -> tuple[Any, ...]:
    """The arrangement of functions that take their arrays as one list."""
    return (arrays,)


def rows() -> list[Row]:
    """All rows of all families."""
    found: list[Row] = []
    for module in pkgutil.iter_modules(__path__):
        found += importlib.import_module(f"{__name__}.{module.name}").ROWS
    return found
