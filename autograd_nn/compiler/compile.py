"""`compile`: a step that is recorded once and replayed as native kernels.

    step = ag.compile(train_step)
    loss = step(x, labels)

The first call with arguments of some shapes, dtypes and structure runs the step as it is, under a record, and compiles
that; later calls run the kernels. Everything stays where it was: parameters, gradients, moments and counters are the same arrays,
which eager code, `state_dict` and the optimizer read and write as before.

Decision: what a call returns carries no graph (its derivatives were taken inside). A walk that comes to a result which would have
had one raises, so nothing is lost unseen. The gradient a step leaves on a parameter is written into one array, call after call.

Decision: every call returns and leaves what the kernels made, also those that an eager run is beside: so a run that is resumed in
another process, which records anew, has the bits of one that was never interrupted.
"""

from __future__ import annotations

import contextlib
import functools
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..engine import graph, modes
from ..engine.dtypes import get_default_dtype
from ..engine.graph import Leaf, Writes
from ..engine.heap import give_back
from ..engine.memory import cell_of
from ..engine.tensor import Tensor, tensor
from .capture import Captured, capture
from .environment import environment
from .errors import CompileError
from .guards import GRADIENT, HAS_GRADIENT, MEMORY, TRACED, Guard, test_of
from .leaving import cut_off, left
from .lower import lower
from .pipeline import Compiled, compile_program
from .profiling import eager_in_use
from .refusals import refuse
from .structure import ARRAY, flatten, statics, unflatten
from .verify import compare

if TYPE_CHECKING:
    from .explain import Explanation

MOST_SIGNATURES = 64
"""How many variants of one step are kept before compiling another is refused."""

ARGUMENTS = (Tensor, np.ndarray, np.generic)
"""What is passed on as an array; other values of arguments are baked in, and each is compiled for."""

NO_ARGUMENTS = flatten(((), {}), [], ARGUMENTS)

VERIFY = ("first", "always", "never")


def compile(step: Callable[..., Any] | None = None, /, *, verify: str = "first") -> Any:
    """A step, any function of arrays, Tensors and Python values, compiled to native kernels when it is first called.

    The step may do what a training step does: forward, `backward()` or `ag.gradients`, updates through `ag.assign` or an
    optimizer, running statistics, random numbers. It is compiled once for each combination of shapes, dtypes, structure and
    Python values of its arguments, and again when something else that was baked in changes (see `ag.compiler.environment`).
    `verify`: ``"first"`` (default) compares the compiled step with the eager one in the first two calls of each combination (the
    second has other data, so it finds what was recorded as if it were constant), ``"always"`` in every call, ``"never"`` in none.
    Also a decorator.

    Returns a function with the step's arguments and results; Tensors it returns carry no graph.
    Raises CompileError, leaving everything as it was before the call, if the step looks at the value of a Tensor
    (`float(x)`, `if x > 0`), if it leaves a gradient on an argument or assigns to one, or if the results
    differ from the eager ones.

    >>> w = ag.tensor([1.0, 2.0], requires_grad=True)
    >>> @ag.compile
    ... def step(x):
    ...     loss = ((w - x) ** 2).sum()
    ...     loss.backward()
    ...     ag.assign(w, w - 0.25 * w.grad)
    ...     w.grad = None
    ...     return loss
    >>> target = np.array([3.0, 4.0], np.float32)
    >>> print([round(float(step(target)), 3) for _ in range(3)], w.numpy())
    [8.0, 2.0, 0.5] [2.75 3.75]
    """
    if step is None:
        return lambda f: compile(f, verify=verify)
    return CompiledStep(step, verify)


class CompiledStep:
    """What `compile` returns: called as the step is."""

    def __init__(self, step: Callable[..., Any], verify: str) -> None:
        if not callable(step):
            raise TypeError(f"compile: takes a function, not {type(step).__name__}")
        if verify not in VERIFY:
            raise ValueError(f"compile: verify is 'first', 'always' or 'never', not {verify!r}")
        self.step, self.verify = step, verify
        self.signatures: dict[Any, list[Signature]] = {}
        self._lock = threading.RLock()
        functools.update_wrapper(self, step, updated=())

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        mode = modes.current()
        if mode.tracer is not None:  # someone records, checks or compiles around us: let him see the operations
            return self.step(*args, **kwargs)
        leaves: list[Any] = []
        if args or kwargs:
            structure = flatten((args, kwargs), leaves, ARGUMENTS)
            arrays = [x._array if isinstance(x, Tensor) else x for x in leaves]
            kinds = tuple(
                [
                    (a.shape, a.dtype, isinstance(x, Tensor) and x.node is not None)
                    for a, x in zip(arrays, leaves, strict=True)
                ]
            )
        else:  # spares a small step half a microsecond
            structure, arrays, kinds = NO_ARGUMENTS, [], ()
        key = (structure, kinds, mode.grad, mode.generator, mode.transforming, get_default_dtype())
        with self._lock:
            for signature in self.signatures.get(key, ()):
                if signature.holds():
                    if self.verify == "never" or (self.verify == "first" and signature.compared > 1):
                        if signature.cut_off:
                            signature.given = leaves
                        try:
                            return signature.run(arrays)
                        except Exception as error:  # nothing was written
                            raise self._in_words(error, structure, leaves) from None
                    signature.machine.rest()  # it makes room for the eager run
                    return self._compared(signature, structure, leaves, arrays, key)
            return self._first(key, structure, leaves, arrays)

    def _in_words(self, error: Exception, structure: Any, leaves: Sequence[Any]) -> Exception:
        """The error that the eager step raises of these arguments, which names the operation, where kernels raised this one."""
        try:
            with _undoing() as undo:
                self._captured(structure, leaves, undo)
                raise error
        except CompileError:
            return error
        except Exception as eager:
            return eager
        return error

    def _first(self, key: Any, structure: Any, leaves: Sequence[Any], arrays: Sequence[np.ndarray]) -> Any:
        known = self.signatures.get(key, [])
        if len(known) >= MOST_SIGNATURES:
            changed = ", ".join(known[-1].changed()) or "its states"
            raise CompileError(
                f"compile: {self._name()} was compiled {len(known)} times for the same arguments, because something it reads "
                f"changes from call to call ({changed}); make it a Tensor, or an array among the arguments"
            )
        alike = [k[0] for k in self.signatures if k[1:] == key[1:] and k != key]
        if len(alike) >= MOST_SIGNATURES:
            changed = ", ".join([repr(x) for x in statics(structure) if x not in statics(alike[-1])])
            raise CompileError(
                f"compile: {self._name()} was compiled {len(alike)} times for arrays of the same shapes, because other arguments "
                f"change from call to call (now {changed}); what is no array is baked in, so pass a number that changes as an "
                f"array: np.float32(x)"
            )
        others = statics(structure)
        if any([hasattr(x, "__next__") for x in others]):
            raise CompileError(
                f"compile: {self._name()} is given an iterator, which the first run uses up; "
                f"pass a list or a tuple of what it gives"
            )
        before = environment(self.step, others)
        with _undoing() as undo:
            captured = self._captured(structure, leaves, undo)
            signature = Signature(self.step, others, captured, before)
            signature.given = leaves
            result = None if self.verify == "never" else compare(signature, captured, arrays)
            if self.verify == "never":
                captured.restore()
        for other in [s for found in self.signatures.values() for s in found]:
            other.machine.rest()  # of shapes that do not come again nothing is kept in memory
        self.signatures.setdefault(key, []).append(signature)
        return self._done(signature, captured, arrays, result)

    def _compared(self, signature: Signature, structure: Any, leaves: Any, arrays: Any, key: Any) -> Any:
        """A later run beside an eager one."""
        try:
            with _undoing() as undo:
                captured = self._captured(structure, leaves, undo)
                signature.given = leaves
                result = compare(signature, captured, arrays)
        except CompileError:
            self.signatures[key].remove(signature)
            raise
        return self._done(signature, captured, arrays, result)

    def _done(self, signature: Signature, captured: Captured, arrays: Sequence[np.ndarray], result: Any) -> Any:
        """The end of a captured call: what it took is given back."""
        captured.release()
        if self.verify == "never":
            give_back()
            return signature.run(arrays)
        signature.compared += 1
        if self.verify == "first" and signature.compared > 1:
            give_back()  # eager runs and replays were the last to need it
        return result

    def _captured(self, structure: Any, leaves: Sequence[Any], undo: list[Callable[[], None]]) -> Captured:
        """One eager run, recorded; raises CompileError where it cannot be a program. `undo` gets what takes it back."""
        inputs = [_input(x) for x in leaves]
        args, kwargs = unflatten(structure, iter(inputs))
        found = capture(lambda: self.step(*args, **kwargs), inputs, undo)
        refuse(found, self._name())
        if flatten((args, kwargs), [], ARGUMENTS) != structure:
            raise CompileError(
                f"compile: {self._name()} changes a list, dict or dataclass among its arguments, of which it is given a copy; "
                f"return what is new"
            )
        return found

    # ---- in place of the step --------------------------------------------------------------------------------

    def __get__(self, instance: Any, owner: type | None = None) -> CompiledStep:
        """Of a method that was decorated: that of an object, compiled for it alone."""
        if instance is None:
            return self
        bound = CompiledStep(self.step.__get__(instance, owner), self.verify)
        return vars(instance).setdefault(self.step.__name__, bound)  # where it is found the next time

    def __getattr__(self, name: str) -> Any:  # of what there is not: a compiled module has its parameters
        if name.startswith("__") or name == "step":
            raise AttributeError(name)
        return getattr(self.step, name)

    def __repr__(self) -> str:
        return f"<compiled {self._name()}, {sum(map(len, self.signatures.values()))} variants>"

    def __reduce__(self) -> Any:
        """Copied and pickled as its step, which is compiled anew."""
        found = sys.modules.get(getattr(self.step, "__module__", ""))
        for name in self._name().split("."):
            found = getattr(found, name, None)
        return self._name() if found is self else (CompiledStep, (self.step, self.verify))

    def _name(self) -> str:
        return getattr(self.step, "__qualname__", repr(self.step))

    def explain(self) -> Explanation:
        """What each compiled combination of arguments became: kernels and their times, memory, what is opaque and why, and what
        was baked in. Prints as text; its `plot()` draws the arena over time and where the time goes.

        Runs the last call's step a few times, kernel by kernel, and leaves the states as they were.
        """
        from .explain import Explanation

        with self._lock:
            return Explanation([s for found in self.signatures.values() for s in found])


@contextlib.contextmanager
def _undoing() -> Iterator[list[Callable[[], None]]]:
    """Whatever ends the block early, an interrupt, too, what is in the list that it gets is called."""
    undo: list[Callable[[], None]] = []
    try:
        yield undo
    except BaseException:
        for back in undo:
            back()
        raise


def _input(x: Any) -> Tensor:
    """An argument as the step gets it while it is captured: a Tensor of its own."""
    array = x._array if isinstance(x, Tensor) else x
    return tensor(np.array(array), requires_grad=isinstance(x, Tensor) and x.node is not None)


class Signature:
    """One compiled variant of a step: its machine, what it returns, what it leaves behind and what must hold for it."""

    def __init__(
        self, step: Callable[..., Any], others: Sequence[Any], captured: Captured, before: Sequence[Guard]
    ) -> None:
        """`others` are the arguments that are no arrays; `before` what could be reached before the captured step."""
        record = captured.record
        self.compared = 0  # how many runs were compared with eager ones
        self.structure = captured.structure
        self.gradients = [(found.leaf, found.leaf.grad) for found in record.leaves.values()]
        effects = []
        for found in record.leaves.values():
            made = captured.gradients.get(id(found.leaf))
            if made is not None and made.producer is not None and found.leaf.grad is not None:
                effects.append((found.leaf.grad._memory(), made))
        name = getattr(step, "__qualname__", repr(step))
        self.guards, self.places = left(captured, before, environment(step, others), name)
        program, lowering = lower(captured, [*captured.outputs, *[v for p in self.places for v in p.values]], effects)
        self.returned = len(captured.outputs)
        # What `explain` says of the record; the record itself would take as much memory as a small step does.
        self.operations, self.opaque = len(record.entries), lowering.opaque
        self.eager = max(eager_in_use(captured), default=0)  # bytes of results at once, operation by operation
        untraced = lowering.untraced()
        if untraced:
            where = "\n  ".join(dict.fromkeys(f"{e.line}: {e.name}" for e, _ in untraced))
            raise CompileError(
                f"compile: an operation reads the memory of an argument or a result that reached it as a plain array, so the "
                f"recorded values would be used for ever; pass the Tensor itself on:\n  {where}"
            )
        self.compiled: Compiled = compile_program(program)
        self.machine = self.compiled.machine
        arguments = {id(t) for t in captured.inputs}
        outside = [t for t in record.met() if id(t) not in arguments]
        self.tensors = [(t, t._array) for t in outside]
        self.assumptions = record.assumptions
        self.cut_off = captured.with_graph
        self.sources = [t.node for t in outside if t.node is not None]
        self.given: Sequence[Any] = ()  # the arguments of the next run, where a result is cut off from them
        self.leaves = [(f.leaf, f.before) for f in record.leaves.values() if f.needed]
        absent: list[tuple[Leaf, bool]] = []  # whether other leaves had a gradient
        read = {id(array) for _, array in self.tensors}
        for t in {
            id(t): t for t in [*outside, *[g.expected for g in self.guards if isinstance(g.expected, Tensor)]]
        }.values():
            leaf = None if t.node is None or not t.is_leaf else t.node.saved
            if leaf is None or id(leaf) in record.leaves:
                continue
            if leaf.grad is not None and id(leaf.grad._array) in read:
                self.leaves.append((leaf, leaf.grad))
            else:
                absent.append((leaf, leaf.grad is None))
        memories = [Guard(t, MEMORY, array, True, t.name or "a Tensor's memory") for t, array in self.tensors]
        guarded = {id(g.place) for g in self.guards if g.key is TRACED}
        memories += [
            Guard(t, TRACED, t.node is not None, True, f"{t.name or 'a Tensor'}.requires_grad")
            for t, _ in self.tensors
            if id(t) not in guarded
        ]
        memories += [Guard(leaf, GRADIENT, before, True, "a gradient") for leaf, before in self.leaves]
        memories += [Guard(leaf, HAS_GRADIENT, not none, True, "whether there is a gradient") for leaf, none in absent]
        self.test = test_of([*memories, *self.guards])
        written = [t for t in record.written() if id(t._array) not in lowering.own]
        cells = [cell_of(t) for t in [*written, *[g for _, g in self.gradients if g is not None]]]
        self.cells = [cell for cell in cells if cell is not None]

    # ---- does it fit? ----------------------------------------------------------------------------------------

    def holds(self) -> bool:
        """Whether everything that was taken for granted is as it was."""
        for read, value in self.assumptions:
            if read() != value:
                return False
        if self.machine.threads is not None and not self.machine.fits_pool():
            return False
        return self.test()

    def changed(self) -> list[str]:
        """The paths of what no longer holds."""
        return [g.path for g in self.guards if not g.holds()]

    # ---- running ---------------------------------------------------------------------------------------------

    def run(self, arrays: Sequence[np.ndarray]) -> Any:
        machine = self.machine
        for to, x in zip(machine.inputs, arrays, strict=True):
            to[...] = x
        machine.run()
        self._leave()
        made = [Tensor._of(v.copy() if v.ndim else v[()]) for v in machine.outputs]
        if self.cut_off:
            nodes = [*self.sources, *[x.node for x in self.given if isinstance(x, Tensor) and x.node is not None]]
            for k in self.cut_off:
                cut_off(made[k], nodes)
            self.given = ()
        if self.places:
            rest = iter(made[self.returned :])
            for place in self.places:
                place.bind(rest)
        return self._result(made)

    def _leave(self) -> None:
        """After the kernels: gradients in place, and writes known to graphs that keep the old values."""
        for leaf, grad in self.gradients:
            leaf.grad = grad
        now = Writes.last = graph.sequence()
        for cell in self.cells:
            cell.written = now

    def _result(self, outputs: list[Tensor]) -> Any:
        if self.structure is ARRAY:
            return outputs[0]
        return unflatten(self.structure, iter(outputs))
