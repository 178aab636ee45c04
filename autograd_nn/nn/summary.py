"""`summary`: what a model consists of, as one forward pass shows it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..engine import modes
from ..engine.dtypes import get_default_dtype
from ..engine.record import Entry, record
from ..engine.tensor import Tensor, tensor
from .module import Module

__all__ = ["Summary", "summary"]


@dataclass
class Row:
    """One call of a module: where, what, what came out, and what it took."""

    path: str
    kind: str
    depth: int
    call: int
    module: Module
    shapes: list[tuple[int, ...]]
    bytes: int = 0
    multiply_adds: int = 0
    repeated: bool = False

    @property
    def parameters(self) -> int:
        """How many numbers the module learns itself, not those of its parts."""
        return 0 if self.repeated else sum(p.size for _, p in self.module.named_parameters(recurse=False))

    @property
    def is_leaf(self) -> bool:
        return next(iter(self.module.children()), None) is None


class Summary:
    """The rows of a summary and their sums; printing it gives a table."""

    def __init__(self, rows: list[Row], model: Module) -> None:
        self.rows = rows
        own = {id(p): p for p in model.parameters()}.values()
        self.parameters = sum(p.size for p in own)
        self.learned = sum(p.size for p in own if p.requires_grad)
        self.parameter_bytes = sum(p.nbytes for p in own)
        self.multiply_adds = sum(row.multiply_adds for row in rows)
        self.activation_bytes = sum(row.bytes for row in rows if row.is_leaf)

    def __str__(self) -> str:
        heads = ("layer", "output", "parameters", "multiply-adds", "activation")
        table = [heads]
        for row in self.rows:
            shapes = " ".join(str(list(s)) for s in row.shapes)
            name = f"{'  ' * row.depth}{row.path.rpartition('.')[2]} {row.kind}" if row.depth else row.kind
            count = (
                "(again)"
                if row.repeated and row.module.parameters()
                else f"{row.parameters:,}"
                if row.parameters
                else ""
            )
            adds = f"{row.multiply_adds:,}" if row.multiply_adds else ""
            table.append((name, shapes, count, adds, _size(row.bytes) if row.is_leaf else ""))
        table.append(
            ("total", "", f"{self.parameters:,}", f"{self.multiply_adds:,}", _size(self.activation_bytes)),
        )
        widths = [max(len(line[k]) for line in table) for k in range(len(heads))]
        lines = [
            "  ".join(
                c.ljust(w) if k < 2 else c.rjust(w) for k, (c, w) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in table
        ]
        rule = "-" * max(map(len, lines))
        note = f"{self.learned:,} of them are learned; they take {_size(self.parameter_bytes)}"
        return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1], note])

    __repr__ = __str__


def summary(model: Module, *inputs: Any) -> Summary:
    """A table of a model's layers: output shapes, parameters, multiply-adds and bytes of activations, of one forward pass.

    Each of `inputs` is a shape, batch included, for which zeros of the parameters' dtype are taken, or an array or Tensor. The
    model runs once in evaluation mode, nothing of it changes. A multiply-add is one step of a sum of products (matrix products,
    convolutions); activations are what the innermost layers return.

    >>> print(nn.summary(nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)), (1, 4)))
    layer       output  parameters  multiply-adds  activation
    ---------------------------------------------------------
    Sequential  [1, 2]
      0 Linear  [1, 8]          40             32        32 B
      1 ReLU    [1, 8]                                   32 B
      2 Linear  [1, 2]          18             16         8 B
    ---------------------------------------------------------
    total                       58             48        72 B
    58 of them are learned; they take 232 B
    """
    dtype = next((p.dtype for p in model.parameters()), get_default_dtype())
    given = [tensor(np.zeros(x, dtype)) if _is_shape(x) else x for x in inputs]
    rows: list[Row] = []
    with _evaluating(model), modes.no_grad(), ExitStack() as hooks:
        seen: set[int] = set()
        for module in model.modules():
            for handle in (
                module.register_forward_pre_hook(lambda m, args: _entered(rows, seen, m)),
                module.register_forward_hook(lambda m, args, out: _left(rows, out)),
            ):
                hooks.callback(handle.remove)
        with record(expand=True) as ran:
            model(*given)
    by_call = {row.call: row for row in rows}
    for entry in ran.entries:
        if entry.scope is not None and entry.scope.call in by_call:
            by_call[entry.scope.call].multiply_adds += _multiply_adds(entry)
    return Summary(rows, model)


def _is_shape(x: Any) -> bool:
    return isinstance(x, (tuple, list)) and all(isinstance(n, int) for n in x)


@contextmanager
def _evaluating(model: Module) -> Iterator[None]:
    """Evaluation mode, and back to what each module was in."""
    before = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in before:
            module.training = training


def _entered(rows: list[Row], seen: set[int], module: Module) -> None:
    scope = modes.current().scope
    assert scope is not None, "a hook runs inside the call of its module"
    depth, outer = 0, scope.outer
    while outer is not None:
        depth, outer = depth + 1, outer.outer
    rows.append(Row(scope.path, scope.kind, depth, scope.call, module, [], repeated=id(module) in seen))
    seen.add(id(module))


def _left(rows: list[Row], out: Any) -> None:
    scope = modes.current().scope
    row = next(row for row in reversed(rows) if scope is not None and row.call == scope.call)
    arrays = list(_arrays(out))
    row.shapes, row.bytes = [a.shape for a in arrays], sum(a.nbytes for a in arrays)


def _arrays(x: Any) -> Iterator[Any]:
    if isinstance(x, (Tensor, np.ndarray)):
        yield x
    elif isinstance(x, (tuple, list)):
        for item in x:
            yield from _arrays(item)
    elif isinstance(x, dict):
        yield from _arrays(list(x.values()))


def _multiply_adds(entry: Entry) -> int:
    """How many products an entry sums."""
    count = _COUNTS.get(entry.name)
    return 0 if count is None or entry.error is not None else count(entry)


def _of_einsum(entry: Entry) -> int:
    sizes: dict[Any, int] = {}
    for value, labels in zip(entry.inputs, entry.params["inputs"], strict=True):
        sizes.update(zip(labels, value.shape, strict=True))
    return math.prod(sizes.values())


_COUNTS: dict[str, Callable[[Entry], int]] = {
    "matmul": lambda e: _size_of(e.outputs[0]) * e.inputs[0].shape[-1],
    "einsum": _of_einsum,
    "conv": lambda e: _size_of(e.outputs[0]) * math.prod(e.inputs[1].shape[1:]),
    "conv_input": lambda e: math.prod(e.inputs[0].shape) * math.prod(e.inputs[1].shape[1:]),
}


def _size_of(value: Any) -> int:
    return math.prod(value.shape)


def _size(count: float) -> str:
    """Bytes, in a unit that leaves one to three digits before the point."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000 or unit == "GB":
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    raise AssertionError
