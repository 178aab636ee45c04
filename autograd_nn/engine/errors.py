"""What an operation says when it is given what it cannot take: its name, the shapes aligned by axis, the likely fix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from . import modes
from .tensor import Tensor

if TYPE_CHECKING:
    from .op import Operation


def explained(op: Operation, error: Exception, args: Sequence[Any], params: Sequence[Any]) -> Exception:
    """The exception to raise instead of `error`, which the op's forward raised on these inputs."""
    for name, value in zip(op.param_names, params, strict=True):
        if _holds_tensor(value):
            return refuse_parameter(op, name)
    inputs = list(zip(_names(op, args), args, strict=True))
    try:
        fix = op.explain(*args, *params) if op.explain is not None else None
    except Exception:  # what is wrong is beyond the explanation: the error itself says more
        fix = None
    if fix is None and getattr(error, "explained", False):  # by an operation that this one is made of
        return error
    if fix is None and op.broadcasts:
        fix = broadcast_conflict(inputs)
    shown = ", ".join(f"{n}={v!r}" for n, v in zip(op.param_names, params, strict=True))
    lines = [f"{op.name}: {fix or error}", *describe(inputs)]
    if shown:
        lines.append(f"  with {shown}")
    scope = modes.current().scope
    if scope is not None:
        lines.append(f"  in module {scope[0]}")
    kind: type[Exception] = TypeError if isinstance(error, TypeError) else ValueError
    if isinstance(error, (IndexError, ZeroDivisionError, MemoryError, np.linalg.LinAlgError, NotImplementedError)):
        kind = type(error)
    made = kind("\n".join(lines))
    made.explained = True  # type: ignore[attr-defined]
    return made


def describe(inputs: Sequence[tuple[str, Any]]) -> list[str]:
    """One line an input, shapes aligned at their last axis."""
    rows = []
    for name, value in inputs:
        data = value._array if isinstance(value, Tensor) else value
        if data is None:
            continue
        shape = tuple(np.shape(data)) if hasattr(data, "shape") or isinstance(data, (list, tuple)) else None
        dtype = getattr(data, "dtype", None)
        rows.append((name, "scalar" if shape is None else _aligned(shape), dtype or type(data).__name__))
    width = max((len(shape) for _, shape, _ in rows), default=0)
    names = max((len(name) for name, _, _ in rows), default=0)
    return [f"  {name:<{names}}  {shape:>{width}}  {dtype}" for name, shape, dtype in rows]


def broadcast_conflict(inputs: Sequence[tuple[str, Any]]) -> str | None:
    """Which axis of which inputs does not broadcast, or None."""
    shapes = [(n, tuple(np.shape(v._array if isinstance(v, Tensor) else v))) for n, v in inputs if v is not None]
    depth = max((len(s) for _, s in shapes), default=0)
    for axis in range(-1, -depth - 1, -1):
        sizes = {s[axis]: n for n, s in reversed(shapes) if len(s) >= -axis and s[axis] != 1}
        if len(sizes) > 1:
            (a, first), (b, second) = sorted(sizes.items(), key=lambda item: [n for n, _ in shapes].index(item[1]))[:2]
            return (
                f"shapes do not broadcast: axis {axis} is {a} in {first} and {b} in {second}; "
                f"they must be equal or 1 (reshape, transpose or index one of them with None)"
            )
    return None


def refuse_parameter(op: Operation, name: str) -> TypeError:
    arrays = ", ".join(a.name for a in op.arrays)
    return TypeError(
        f"{op.name}: a Tensor was passed as the parameter {name!r}, through which no gradient flows; the array inputs "
        f"are {arrays}. Pass a Python value, e.g. {name}=t.item() or t.tolist()"
    )


def refuse_derivative(op: Operation, name: str) -> TypeError:
    return TypeError(
        f"{op.name}: cannot differentiate with respect to {name!r}, which requires a gradient; pass {name}.detach()"
    )


def refuse_no_rule(op: Operation) -> TypeError:
    names = ", ".join(f"{a.name}=..." for a in op.arrays)
    return TypeError(
        f"{op.name} has no derivative rule, and one of its inputs requires a gradient; "
        f"define {op.name}.vjp({names}) or pass inputs through .detach()"
    )


def _holds_tensor(value: Any) -> bool:
    return isinstance(value, Tensor) or (isinstance(value, (tuple, list)) and any(_holds_tensor(v) for v in value))


def _names(op: Operation, args: Sequence[Any]) -> list[str]:
    names = [a.name for a in op.arrays if not a.variadic]
    variadic = [a.name for a in op.arrays if a.variadic]
    return names + [f"{variadic[0]}[{i}]" for i in range(len(args) - len(names))] if variadic else names


def _aligned(shape: Sequence[int]) -> str:
    return f"({', '.join(str(n) for n in shape)}{',' if len(shape) == 1 else ''})"
