"""Refusals: what a captured step did that no compiled one can do. The messages say where, and what to do instead."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .capture import Captured
from .environment import reachable
from .errors import CompileError
from .leaving import made_anew
from .structure import statics


def refuse(captured: Captured, name: str) -> None:
    """Raise CompileError where the step of this name cannot be a program."""
    record = captured.record
    if captured.notes:
        lines = list(dict.fromkeys(f"{n.line}: {n.what}" for n in captured.notes))
        raise CompileError(
            f"compile: {name} looks at the value of a Tensor, which differs from call to call, so a recording "
            f"of one call is no program:\n  " + "\n  ".join(lines) + "\n"
            "Choose with ag.where, return the Tensor and look at it outside, or leave this step uncompiled."
        )
    own = {id(t._leaf.saved) for t in captured.inputs if t._leaf is not None}
    if own & {k for k, f in record.leaves.items() if f.leaf.grad is not None}:
        raise CompileError(
            f"compile: {name} leaves a gradient on one of its arguments, where nobody could find it; "
            f"return it with ag.gradients, or make the Tensor part of the step's surroundings"
        )
    if any([v.initial is not None for v in record.inputs]):
        raise CompileError(
            f"compile: {name} assigns to one of its arguments, of which it is given a copy; return the new value, "
            f"or make the Tensor part of the step's surroundings"
        )
    _refuse_hidden(captured, statics(captured.structure), name)


def _refuse_hidden(captured: Captured, values: Sequence[Any], name: str) -> None:
    """Raise CompileError where results are inside of what is returned (`values`) and cannot be put into it anew."""
    for x in values:
        if hasattr(x, "__next__") or any([made_anew(captured, t) is not None for t in reachable(x)]):
            raise CompileError(
                f"compile: {name} returns its results inside {_an(type(x).__name__)}, which later calls could not fill anew; "
                f"return tuples, lists, dicts or dataclasses of them"
            )


def _an(name: str) -> str:
    return f"{'an' if name[:1] in 'aeiouAEIOU' else 'a'} {name}"
