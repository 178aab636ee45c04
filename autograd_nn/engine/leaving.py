"""Values that leave the graph: which requests for a number or an array are meant, and what the others are told.

`t.item()`, `t.numpy()` and `float(t)` are somebody's word that the value is wanted. NumPy asks for it too, where a Tensor is
written into an array (``a[i] = t``), put among an array's elements (``np.array([t, u])``) or given as an option
(``np.sum(x, initial=t)``). There a gradient would be lost unseen, so a Tensor that requires one refuses.

Decision: Python does not say who asks for a float, so the frame that runs is looked at: an instruction that stores into an
array, code of NumPy's own, or a call of one of NumPy's methods loses what it gets. A call is known by its text, once for each
place in a program. `math.exp(t)` warns, as in PyTorch (which warns of `float(t)`, too: here that is silent, for it is how
losses are written down). Inside a transform nobody means to leave the graph, and every such request is refused.
"""

from __future__ import annotations

import ast
import dis
import linecache
import math
import os
import warnings
from types import CodeType, FrameType, ModuleType

import numpy as np

_STORE = dis.opmap["STORE_SUBSCR"]
_NUMPY = os.path.dirname(os.path.abspath(np.__file__)) + os.sep

_INSTEAD = (
    "join Tensors with np.stack([t, u]) or np.concatenate, or write them into a Tensor (x = ag.zeros(n); x[i] = t). "
    "If the value alone is meant, say t.item(), t.numpy() or t.detach()"
)


_METHODS = frozenset({"__setitem__", "accumulate", "fill", "fromiter", "reduce", "setitem", "type"})
"""NumPy's functions that take numbers by calling ``float`` themselves (`type` is a dtype's), and those that write."""
_known: dict[tuple[int, int], tuple[CodeType, str]] = {}
"""At a place (a code object's id, an instruction in it): the code, and what of NumPy's is called there (``""``: nothing)."""
MOST_KNOWN = 4096
"""Places that are remembered; code that is made anew each time (``eval`` in a loop) would be kept for ever."""
_STEPS = (math.ceil, math.floor, math.isclose, math.isfinite, math.isinf, math.isnan, math.trunc)


def refuse_number(frame: FrameType, transforming: bool) -> None:
    """Raise TypeError if the number that `frame` asks a differentiated Tensor for would lose a gradient unseen."""
    code = frame.f_code
    if transforming:
        raise TypeError(
            "float: inside a transform a Tensor that is differentiated would silently become a constant here. NumPy asks "
            f"for a float when it is written into an array (a[i] = t); math.sin asks for one: use np.sin. Otherwise {_INSTEAD}"
        )
    if code.co_code[frame.f_lasti] == _STORE:
        raise TypeError(
            "float: a Tensor that requires a gradient is written into an array here, which would cut it off from the "
            f"gradient: {_INSTEAD}"
        )
    known = _known.get((id(code), frame.f_lasti))
    asked_by = known[1] if known else _asked_by(frame)
    if asked_by:
        raise TypeError(
            f"float: {asked_by} asks a Tensor that requires a gradient for its value, which would cut it off from the "
            f"gradient. No gradient flows through this argument: {_INSTEAD}"
        )


def _asked_by(frame: FrameType) -> str:
    """The name of NumPy's function that asks for a number, or ``""``, kept for the place; warns of one of `math`."""
    name, value = _function(frame)
    if isinstance(value, type):  # not kept: one place may call a type after the other
        return name if issubclass(value, np.generic) else ""  # np.float64 is a Python float, and asks as one
    if getattr(value, "__module__", None) == math.__name__ and value not in _STEPS:  # whose derivative is 0
        warnings.warn(
            f"{name} of a Tensor that requires a gradient gives a number, through which no gradient flows; "
            f"NumPy's function differentiates. If the value alone is meant, say t.item()",
            stacklevel=4,
        )
    if value is not None:
        name = ""
    if len(_known) >= MOST_KNOWN:
        _known.clear()
    _known[id(frame.f_code), frame.f_lasti] = (frame.f_code, name)  # which keeps the code, and so its id
    return name


def _function(frame: FrameType) -> tuple[str, object]:
    """What asks for a number: its name, and its object if it is not surely NumPy's; ``""`` where that cannot be read."""
    if frame.f_code.co_filename.startswith(_NUMPY):
        return f"np.{frame.f_code.co_name.strip('_')}", None
    called = _called(frame)
    if called is None:
        return "", None
    owner = name = None
    if isinstance(called, ast.Attribute):
        if called.attr in _METHODS:
            return ast.unparse(called), None
        owner = called.value
    for expression in (called, owner):
        name = expression.id if isinstance(expression, ast.Name) else name
    value = frame.f_locals.get(name, frame.f_globals.get(name)) if name else None
    if isinstance(called, ast.Attribute) and isinstance(value, ModuleType):
        value = getattr(value, called.attr, None)
    return ast.unparse(called) if value is not None else "", value


def _called(frame: FrameType) -> ast.expr | None:
    """What the instruction that runs calls, as it is written; None where that cannot be read."""
    code = frame.f_code
    first, last, start, end = list(code.co_positions())[frame.f_lasti // 2]
    if first is None or last is None or start is None or end is None:
        return None
    lines = [linecache.getline(code.co_filename, n, frame.f_globals).encode() for n in range(first, last + 1)]
    lines[-1] = lines[-1][:end]
    lines[0] = lines[0][start:]
    try:
        call = ast.parse(b"".join(lines).decode().strip(), mode="eval").body
    except (SyntaxError, ValueError):
        return None
    return call.func if isinstance(call, ast.Call) else None


def refusal_of_array(what: str) -> TypeError:
    """What a Tensor that requires a gradient says when it is asked for its array."""
    return TypeError(
        f"np.asarray of {what} (other NumPy functions ask for it, too) would cut it off from its gradient: {_INSTEAD}"
    )
