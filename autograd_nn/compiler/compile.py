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

Decision: for the same reason a call waits for its kernels, unless it is told not to. Then the step runs as it is until they are
ready, on its own kernels: to replay the record with NumPy, in which fused operations are taken apart, takes longer than that.
"""

from __future__ import annotations

import contextlib
import functools
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

import numpy as np

from ..engine import modes
from ..engine.dtypes import get_default_dtype
from ..engine.heap import give_back
from ..engine.tensor import Tensor, tensor
from .capture import Captured, capture
from .environment import environment
from .errors import CompileError
from .refusals import refuse
from .signature import Signature
from .structure import flatten, statics, unflatten
from .verify import compare

if TYPE_CHECKING:
    from .explain import Explanation

MOST_SIGNATURES = 64
"""How many variants of one step are kept before compiling another is refused."""

ARGUMENTS = (Tensor, np.ndarray, np.generic)
"""What is passed on as an array; other values of arguments are baked in, and each is compiled for."""

NO_ARGUMENTS = flatten(((), {}), [], ARGUMENTS)

VERIFY = ("first", "always", "never")


def compile(step: Callable[..., Any] | None = None, /, *, verify: str = "first", wait: bool = True) -> Any:
    """A step, any function of arrays, Tensors and Python values, compiled to native kernels when it is first called.

    The step may do what a training step does: forward, `backward()` or `ag.gradients`, updates through `ag.assign` or an
    optimizer, running statistics, random numbers. It is compiled once for each combination of shapes, dtypes, structure and
    Python values of its arguments, and again when something else that was baked in changes (see `ag.compiler.environment`).
    What it prints, counts or writes to a file, it does in eager runs only. A Tensor that it binds to a name or an attribute
    around it is bound anew in each call.
    `verify`: ``"first"`` (default) compares the compiled step with the eager one in the first two calls of each combination (the
    second has other data, so it finds what was recorded as if it were constant), ``"always"`` in every call, ``"never"`` in none.
    `wait`: whether a call waits for kernels that are not there yet (default). If not, another thread compiles them, and the
    step runs as it is until they are ready; when that is, and so the last bits of a run, depends on the machine.
    Also a decorator.

    Returns a function with the step's arguments and results, which also stands in the place of a module or a method. Tensors it
    returns carry no graph, and a derivative that is taken through one raises. The gradients it leaves on parameters are in the
    same arrays in each call: copy those you keep.
    Raises CompileError, leaving everything as it was before the call, if the step looks at the value of a Tensor
    (`float(x)`, `if x > 0`), leaves a gradient on an argument, assigns to one or changes a container among them, returns results
    inside other objects than tuples, lists, dicts and dataclasses, replaces a Tensor that it reads, or if the results differ from
    the eager ones; in later calls, if something that is baked in changes every time.

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
        return lambda f: compile(f, verify=verify, wait=wait)
    return CompiledStep(step, verify, wait)


class CompiledStep:
    """What `compile` returns: called as the step is."""

    def __init__(self, step: Callable[..., Any], verify: str, wait: bool = True) -> None:
        if not callable(step):
            raise TypeError(f"compile: takes a function, not {type(step).__name__}")
        if verify not in VERIFY:
            raise ValueError(f"compile: verify is 'first', 'always' or 'never', not {verify!r}")
        self.step, self.verify, self.wait = step, verify, wait
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
            known = self.signatures.get(key, [])
            for k, signature in enumerate(known):
                if signature.holds():
                    if k:
                        known.insert(0, known.pop(k))  # the next call will be like this one
                    if signature.building is not None and not self._built(signature, key):
                        return self._eagerly(signature, structure, leaves)
                    if self.verify == "never" or (self.verify == "first" and signature.compared > 1):
                        if signature.cut_off:
                            signature.given = leaves
                        try:
                            return signature.run(arrays)
                        except Exception as error:  # nothing was written
                            raise self._in_words(error, structure, leaves) from None
                    signature.machine.give_back()  # it makes room for the eager run
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
            if self.wait:
                signature.build()
                result = None if self.verify == "never" else compare(signature, captured, arrays)
                if self.verify == "never":
                    captured.restore()
        for other in [s for found in self.signatures.values() for s in found if s.building is None]:
            other.machine.give_back()  # of shapes that do not come again nothing is kept in memory
        self.signatures.setdefault(key, []).append(signature)
        if self.wait:
            return self._done(signature, captured, arrays, result)
        returned = captured.returned
        captured.release()
        signature.building = in_another_thread(signature.build)
        return signature.result([Tensor._of(x if x.ndim else x[()]) for x in returned])

    def _built(self, signature: Signature, key: Any) -> bool:
        """Whether the kernels are ready, of a signature that is built in another thread; raises what went wrong there."""
        assert signature.building is not None
        if not signature.building.done():
            return False
        try:
            signature.building.result()
        except BaseException:
            self.signatures[key].remove(signature)
            raise
        signature.building = None
        return True

    def _eagerly(self, signature: Signature, structure: Any, leaves: Sequence[Any]) -> Any:
        """The step as it is, with what a compiled one returns."""
        args, kwargs = unflatten(structure, iter([_input(x) for x in leaves]))
        made: list[Any] = []
        flatten(self.step(*args, **kwargs), made)
        signature.given = leaves
        return signature.result([x.detach().copy() if isinstance(x, Tensor) else Tensor._of(np.array(x)) for x in made])

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
        bound = CompiledStep(self.step.__get__(instance, owner), self.verify, self.wait)
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
        return self._name() if found is self else (CompiledStep, (self.step, self.verify, self.wait))

    def _name(self) -> str:
        return getattr(self.step, "__qualname__", repr(self.step))

    def explain(self) -> Explanation:
        """What each compiled combination of arguments became: kernels and their times, memory, what is opaque and why, and what
        was baked in. Prints as text; its `plot()` draws the arena over time and where the time goes.

        Runs the last call's step a few times, kernel by kernel, and leaves the states as they were.
        """
        from .explain import Explanation

        with self._lock:
            found = [s for known in self.signatures.values() for s in known]
            for signature in found:
                if signature.building is not None:
                    signature.building.result()
            return Explanation(found)


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


def in_another_thread(work: Callable[[], None]) -> Future[None]:
    """Do some work in a thread of its own."""
    made: Future[None] = Future()

    def run() -> None:
        try:
            work()
        except BaseException as error:
            made.set_exception(error)
        else:
            made.set_result(None)

    threading.Thread(target=run, name="ag.compile").start()
    return made


def _input(x: Any) -> Tensor:
    """An argument as the step gets it while it is captured: a Tensor of its own."""
    array = x._array if isinstance(x, Tensor) else x
    return tensor(np.array(array), requires_grad=isinstance(x, Tensor) and x.node is not None)
