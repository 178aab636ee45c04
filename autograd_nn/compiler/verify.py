"""Verifying: a compiled step is run beside the eager one and compared, result by result and state by state.

Two computations of one thing differ by rounding, and some steps make much of rounding: Adam divides a gradient that is zero but
for rounding by its own size. So where the plain tolerance is exceeded, the record is run again with every floating operand
moved by its last bit; what that moves by as much cannot be told apart from the compiled result. A kink (relu at 0, the winner of
a maximum) passes a rounding error on at its full size, but only at one element in a million: further replays move results by 64
last bits, so that as many more meet their kinks. How much one of these changes depends on where it is, hence four of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..engine import record as recorded
from ..engine.heap import give_back
from .capture import Captured
from .errors import CompileError
from .lower import lower
from .pipeline import compile_program
from .structure import flatten

if TYPE_CHECKING:
    from .signature import Signature

REPLAYS = ((1, 11.0), (1, 11.0), *[(64, 2.0)] * 4)
"""By how many epsilons results are moved in each replay (one is one last bit, or nearly two), and how many times what becomes of
that is put down to rounding."""

BLOCK = 1 << 16
"""Elements that are moved, or compared, at once."""

PLAIN = 512
"""Differences of so many last bits of the largest element need no explanation."""


def compare(signature: Signature, captured: Captured, arrays: Sequence[np.ndarray]) -> Any:
    """Run a compiled step from the state before a captured one, and hold what it makes against what that made.

    Returns the compiled step's result; raises CompileError, with everything as before the captured one, where they differ.
    """
    record = captured.record
    # What the captured step left on leaves, by the memory in which the compiled step leaves it.
    gradients = {
        id(g._array): leaf.grad._array for leaf, g in signature.gradients if g is not None and leaf.grad is not None
    }
    targets = [t.data for t, _ in signature.compiled.program.effects]
    made = {id(g._array): captured.gradients.get(id(leaf)) for leaf, g in signature.gradients if g is not None}
    sources = [made[id(t)] if id(t) in gradients else record.of_array(t) for t in targets] + captured.outputs
    left = [gradients.get(id(t), t) for t in targets]
    expected = [x.copy() if x is t else x for x, t in zip(left, targets, strict=True)] + captured.returned
    bound = set(gradients)
    del left, gradients
    captured.restore()
    states = {id(v.data) for v in record.states}
    before = {id(f.before._array) for f in record.leaves.values() if f.before is not None}
    unread = [
        t for t in targets if id(t) in bound and id(t) not in states
    ]  # what the step before left, and this one not
    kept = [(t, t.copy()) for t in unread if id(t) in before]
    try:
        give_back()  # what the eager run took makes room for the arena
        signature.machine.forget()
        for t in unread:
            t.fill(-1)  # nobody may read it
        outputs: list[Any] = []
        result = signature.run(arrays)
        signature.machine.give_back()  # it makes room for replays
        flatten(result, outputs)
        found = [*targets, *[np.asarray(x._array) for x in outputs]]
        bad = [k for k, (e, f) in enumerate(zip(expected, found, strict=True)) if not agrees(e, f)]
        pairs = [(expected[k], found[k], sources[k]) for k in bad]
        del expected  # what agrees makes room, too
        if bad and not _explained(record, pairs):
            captured.restore()
            raise CompileError(_complaint(captured, arrays, signature))
    except BaseException:  # an interrupt, too
        for t, old in kept:
            t[...] = old
        raise
    return result


def _explained(record: recorded.Record, pairs: Sequence[tuple[Any, Any, Any]]) -> bool:
    """Whether rounding alone could have made these differences."""
    if any([v is None or e.shape != f.shape or e.dtype.kind != "f" for e, f, v in pairs]):
        return False
    slacks = _rounding(record, {v: e for e, _, v in pairs})
    return any(all([agrees(e, f, slack[v]) for e, f, v in pairs]) for slack in slacks)


def _rounding(record: recorded.Record, expected: dict[recorded.Value, Any]) -> Iterator[dict[recorded.Value, float]]:
    """How far rounding may move these values beyond what it makes of any array, as each replay shows it; it only grows."""
    slack = dict.fromkeys(expected, 0.0)
    for seed, (bits, times) in enumerate(REPLAYS):
        run = replayed(record, list(expected), seed, bits)
        slack = {v: max(s, times * deviation(expected[v], run[v])) for v, s in slack.items()}
        yield slack


def _complaint(captured: Captured, arrays: Sequence[np.ndarray], signature: Signature) -> str:
    """Which operation's compiled result is the first to differ from the recorded one."""
    record = captured.record
    made = [(e, v) for e in record.entries if e.op is not None for v in e.outputs[:1] if v is not None]
    values = replayed(record, [v for _, v in made])
    program, _ = lower(captured, [v for _, v in made])
    machine = compile_program(program).machine
    for to, x in zip(machine.inputs, arrays, strict=True):
        to[...] = x
    machine.run()
    found = [np.array(out) for out in machine.outputs]  # some of them are states
    captured.restore()
    *_, slack = _rounding(record, values)
    for (entry, v), out in zip(made, found, strict=True):
        if not agrees(values[v], out, slack[v]):
            where = f" in {entry.scope[0]}" if entry.scope is not None else ""
            return (
                f"compile: the compiled step differs from the eager one, first at {entry.name}{where} ({entry.line}), by "
                f"{deviation(values[v], out):.3g}; this is a fault of the compiler: please report it, and leave the step "
                f"uncompiled"
            )
    return (
        "compile: the compiled step differs from the eager one, though each of its operations agrees when it is compiled "
        "anew: the step depends on something that is not seen here, a value taken out of a Tensor as a plain array, say"
    )


def agrees(x: Any, y: Any, slack: float = 0.0) -> bool:
    """Whether two arrays are equal but for rounding; NaN and infinities in the same places."""
    a, b = np.asarray(x), np.asarray(y)
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    if a.dtype.kind not in "fc":
        return bool(np.array_equal(a, b))
    difference, largest, same = _distance(a, b)
    return same and difference <= float(np.finfo(a.dtype).eps) * PLAIN * largest + 1e-30 + slack


def deviation(x: Any, y: Any) -> float:
    """The largest difference between elements that are finite in both."""
    a, b = np.asarray(x), np.asarray(y)
    return _distance(a, b)[0] if a.dtype.kind in "fc" else 0.0


def _distance(a: np.ndarray, b: np.ndarray) -> tuple[float, float, bool]:
    """Of the elements that are finite in both the largest difference and the largest; and whether the others are the same."""
    difference, largest, same = 0.0, 0.0, True
    x, y = a.reshape(-1), b.reshape(-1)
    with np.errstate(all="ignore"):
        for start in range(0, x.size, BLOCK):
            p, q = x[start : start + BLOCK], y[start : start + BLOCK]
            apart = np.abs(p - q)
            if not np.isfinite(apart.max()):
                finite = np.isfinite(p) & np.isfinite(q)
                same = same and np.array_equal(p[~finite], q[~finite], equal_nan=True)
                p, apart = p[finite], apart[finite]
            difference = max(difference, float(apart.max(initial=0)))
            largest = max(largest, float(np.abs(p).max(initial=0)))
    return difference, largest, same


def replayed(
    record: recorded.Record, wanted: Sequence[recorded.Value], seed: int | None = None, bits: int = 1
) -> dict[recorded.Value, np.ndarray]:
    """What these values of a record are in the end, when it is run again from its own states with NumPy.

    With a seed, every floating operand of an operation is moved by its last bit or `bits` of them, up or down: results once they
    are there, arguments and states (and what only copies or shows them) when they are read.
    """
    moved = None if seed is None else Moving(seed, bits)
    memory: dict[Any, Any] = {}
    for v in record.values:
        if v.producer is None:
            memory[v] = v.data if v.initial is None else v.initial
    untouched = set(record.states)  # those that are not yet copied
    last = {
        x: entry for entry in record.entries for x in (*entry.outputs, *entry.inputs) if isinstance(x, recorded.Value)
    }
    kept = set(wanted)
    unmoved = set(memory)
    with np.errstate(all="ignore"):
        for entry in record.entries:
            rounds = entry.op is not None and entry.op.kind not in ("view", "copy", "random")
            move = moved if rounds else None
            arrays = [memory[x] if isinstance(x, recorded.Value) else x for x in entry.inputs]
            if move is not None:
                arrays = [move(a) if x in unmoved else a for a, x in zip(arrays, entry.inputs, strict=True)]
            elif not rounds and unmoved.intersection(entry.inputs):
                unmoved.update([v for v in entry.outputs if v is not None])
            outs: Sequence[Any] = () if entry.op is None else entry.run(arrays)
            written = entry.inputs[:1] if entry.name == "assign" else ()
            for k, x in enumerate(entry.inputs):
                if x in untouched and (x in written or any([_shares(arrays[k], out) for out in outs])):
                    untouched.remove(x)
                    memory[x] = arrays[k] = x.initial.copy()
                    outs = () if entry.op is None else entry.run(arrays)
            if entry.op is not None:
                for made, out in zip(entry.outputs, outs, strict=True):
                    if made is not None:
                        memory[made] = out if move is None else move(out)
            elif entry.name == "assign":
                entry.run(arrays)
            for x in {*entry.inputs, *entry.outputs}:
                if isinstance(x, recorded.Value) and last[x] is entry and x not in kept:
                    del memory[x]
            arrays, outs, out = [], (), None  # nothing is held that is not in memory
    return {v: np.asarray(memory[v]) for v in wanted}


def _shares(state: np.ndarray, out: Any) -> bool:
    return isinstance(out, np.ndarray) and np.may_share_memory(state, out)


class Moving:
    """Moves numbers by `bits` times their dtype's epsilon, up or down; zeros, infinities and NaN stay as they are.

    The directions are those of a piece, at random, of one long run of them: drawing new ones took most of a replay's time.
    """

    def __init__(self, seed: int, bits: int) -> None:
        self.rng, self.bits = np.random.default_rng(seed), bits
        self.signs = self.rng.integers(0, 2, 2 * BLOCK, np.int8) * 2 - 1
        self.factors: dict[np.dtype, np.ndarray] = {}

    def __call__(self, x: Any) -> Any:
        dtype = np.asarray(x).dtype
        if dtype not in (np.float32, np.float64):
            return x
        if dtype not in self.factors:
            self.factors[dtype] = (1.0 + self.signs * (self.bits * np.finfo(dtype).eps)).astype(dtype)
        out = np.array(x, order="C")
        flat = out.reshape(-1)
        for start in range(0, flat.size, BLOCK):
            part, first = flat[start : start + BLOCK], self.rng.integers(BLOCK)
            part *= self.factors[dtype][first : first + part.size]
        return out if out.ndim else out[()]
