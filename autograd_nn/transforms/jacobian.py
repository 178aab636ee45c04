"""`jacobian` and `hessian`: all derivatives at once, one walk for each row or for each column.

Decision: f runs once. Reverse mode then walks its graph once for each element of the result and finds a row; forward mode walks
the recorded pullback once for each element of the arguments and finds a column. A column costs about as much as a row and
recording the pullback a few more, so whichever are fewer are walked, and `mode` overrides.

Decision: there is no chunk size to choose, because the chunk is one. Nothing is batched (there is no vmap), so beside the result
there are only ever the graph of one call of f and the arrays of one walk, however many rows there are. Only inside another
transform, or by a Tensor that requires a gradient, does every row keep a graph of its own: the derivative that was asked
for goes through all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..engine.tensor import Tensor
from ..ops.shape import stack
from . import nested
from .linearization import Linearization
from .reverse import _function, _named, grad, positions

FORWARD_SETS_OUT = 3
"""How many rows it costs to record the pullback, before the first column."""


def jacobian(
    f: Callable[..., Any], argnum: int | tuple[int, ...] = 0, has_aux: bool = False, mode: str | None = None
) -> Callable[..., Any]:
    r"""A function that returns the Jacobian of f, :math:`J_{ij} = \partial f_i / \partial x_j`.

    For f of shape (a, b) and an argument of shape (c,) it has shape (a, b, c). A nested result or argument gives the result's
    structure with the argument's in the place of each leaf. `argnum` is one argument's number or a tuple of several (the
    argument's structure is then a tuple). With `has_aux` f returns ``(value, aux)`` and the result is ``(jacobian, aux)``.
    `mode`: ``"reverse"``, ``"forward"``, or None (default) for the cheaper. Memory: the result and one graph of f.

    Raises as `grad` does, except that f may return any shape.

    >>> ag.jacobian(lambda x: x**2)(np.array([1.0, 2.0, 3.0]))
    array([[2., 0., 0.],
           [0., 4., 0.],
           [0., 0., 6.]])
    """
    return _named("jacobian", f, argnum, _jacobian("jacobian", _function("jacobian", f), argnum, has_aux, mode))


def hessian(
    f: Callable[..., Any], argnum: int | tuple[int, ...] = 0, has_aux: bool = False, mode: str | None = None
) -> Callable[..., Any]:
    r"""A function that returns the Hessian of f, :math:`H_{ij} = \partial^2 f / \partial x_i \partial x_j`.

    f returns one number. For an argument of shape (c, d) the Hessian has shape (c, d, c, d); a nested argument gives its
    structure twice, one within the other. It is the Jacobian of the gradient, one walk a row; see `jacobian` for the parameters
    and for memory, and `hvp` for a product that makes no Hessian.

    >>> ag.hessian(lambda x: x[0] ** 2 * x[1])(np.array([3.0, 5.0]))
    array([[10.,  6.],
           [ 6.,  0.]])
    """
    gradient = grad(_function("hessian", f), argnum, has_aux)
    return _named("hessian", f, argnum, _jacobian("hessian", gradient, argnum, has_aux, mode))


def _jacobian(who: str, f: Any, argnum: Any, has_aux: bool, mode: str | None) -> Callable[..., Any]:
    if mode not in (None, "reverse", "forward"):
        raise ValueError(f"{who}: mode {mode!r} is not 'reverse', 'forward' or None")

    def all_derivatives(*args: Any, **params: Any) -> Any:
        made = Linearization(who, f, args, positions(who, argnum, args), params, has_aux)
        aux = made.value(made.aux)
        rows, columns = sum(t.size for t in made.outputs), sum(v.size for v in made.variables)
        forward = mode == "forward" or (mode is None and columns + FORWARD_SETS_OUT < rows)
        found = iter((_by_columns if forward else _by_rows)(made))

        def block(_: Any) -> Any:
            derivatives = made.derivatives(next(found))
            return tuple(derivatives) if isinstance(argnum, tuple) else derivatives[0]

        made_of_blocks = nested.mapped(block, made.out)
        return (made_of_blocks, aux) if has_aux else made_of_blocks

    return all_derivatives


def _by_rows(made: Linearization) -> list[list[Tensor]]:
    """The derivative of each output by each variable: reverse mode, one walk for each element of an output."""
    recorded = made.recorded()
    blocks = []
    for t in made.outputs:
        lines = [_Lines(t, v, 0, recorded) for v in made.variables]
        for j, cotangent in enumerate(_units(t)):
            for line, row in zip(lines, made.pull([cotangent], [t], recorded), strict=True):
                line.put(j, row)
        blocks.append([line.block() for line in lines])
    return blocks


def _by_columns(made: Linearization) -> list[list[Tensor]]:
    """The same in forward mode: one walk for each element of a variable."""
    recorded = made.recorded()
    pulled, ends = made.pushing()
    blocks: list[list[Tensor]] = [[] for _ in made.outputs]
    for c, v in zip(pulled, made.variables, strict=True):
        lines = [_Lines(t, v, -1, recorded) for t in made.outputs]
        for j, tangent in enumerate(_units(v)):
            for line, column in zip(lines, made.push([c], ends, [tangent], recorded), strict=True):
                line.put(j, column)
        for block, line in zip(blocks, lines, strict=True):
            block.append(line.block())
    return blocks


class _Lines:
    """The rows (axis 0) or columns (axis -1) of one output's derivative by one variable; `block` is the whole."""

    def __init__(self, t: Tensor, v: Tensor, axis: int, recorded: bool) -> None:
        self.shape, self.dtype, self.axis = t.shape + v.shape, v.dtype, axis
        self.recorded: list[Tensor] | None = [] if recorded and t.size and v.size else None
        self.whole = np.zeros((t.size, *v.shape) if axis == 0 else (*t.shape, v.size), v.dtype)

    def put(self, j: int, line: Tensor) -> None:
        if self.recorded is not None:
            self.recorded.append(line)
        else:
            self.whole[(j, ...) if self.axis == 0 else (..., j)] = line._array

    def block(self) -> Tensor:
        if self.recorded is None:
            whole = self.whole.reshape(self.shape)
            return Tensor._of(whole if self.shape else whole[()])
        return stack(self.recorded, self.axis).reshape(self.shape).astype(self.dtype)


def _units(t: Tensor) -> Iterator[np.ndarray]:
    """1 at each element in turn, 0 at the others."""
    for j in range(t.size):
        unit = np.zeros(t.shape, t.dtype)
        unit.flat[j] = 1.0
        yield unit
