"""Checkpoints: trade memory for time by dropping what a stretch of the graph saved and recomputing it in the walk.

`checkpoint(f, *args)` runs f recorded, then replaces what each of its nodes saved by one thunk. A walk that meets such a
node reruns f, with the random numbers it drew, and takes the saved arrays of the k-th new node for the k-th old one.
Captured parameters, several outputs and checkpoints within checkpoints need no code of their own.
Source: Griewank and Walther, "Algorithm 799: revolve" (2000); Chen et al., arXiv:1604.06174.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import graph, modes, random
from .graph import SELECT, Node
from .memory import cell_of
from .mutation import fingerprint
from .tensor import Tensor


class Recompute:
    """The thunk that the nodes of one checkpoint share. It holds no node, so there is no reference cycle."""

    def __init__(
        self, f: Callable[..., Any], args: tuple[Any, ...], params: dict[str, Any], source: random.Generator
    ) -> None:
        self.f, self.params, self.generator = f, params, source
        # The Tensors may be rebound (x += 1) before the walk: keep what they were.
        self.args = tuple(
            [(a._array, a.node, cell_of(a) if a.node is None else None) if isinstance(a, Tensor) else a for a in args]
        )
        self.is_tensor = tuple([isinstance(a, Tensor) for a in args])
        mode = modes.current()
        self.surroundings = {name: getattr(mode, name) for name in ("default_dtype", "scope", "transforming")}
        self.names: list[str] = []
        self.fingerprints: list[int | None] = []  # of what f returned: a rerun must give the same bits
        self.saved: dict[int, Any] = {}

    def take(self, k: int) -> Any:
        if k not in self.saved:
            self._rerun()
        return self.saved.pop(k)

    def _rerun(self) -> None:
        args = []
        for a, is_tensor in zip(self.args, self.is_tensor, strict=True):
            if is_tensor:
                t = Tensor._of(a[0])
                t.node, t.cell = a[1], a[2]
                a = t
            args.append(a)
        start = graph.sequence()
        with modes.change(grad=True, generator=self.generator.copy(), **self.surroundings):
            result = self.f(*args, **self.params)
            nodes = _recorded_since(result, start)
        same_operations = [n.op.name for n in nodes] == self.names
        if not same_operations or [fingerprint(t._array) for t in _tensors(result)] != self.fingerprints:
            name, did = (
                getattr(self.f, "__name__", self.f),
                "gave other values" if same_operations else "ran other operations",
            )
            raise RuntimeError(
                f"checkpoint: {name!r} {did} when it was recomputed for the backward walk; it must do the same each time. Was "
                f"something it uses changed since (a parameter by assign, an array by NumPy)? Random numbers repeat only if they "
                f"come from ag.random's own generator"
            )
        self.saved = {k: n.saved for k, n in enumerate(nodes)}


class Dropped:
    """What stands in a node's `saved` under a checkpoint: the thunk, and which of its nodes this is."""

    __slots__ = ("k", "thunk")

    def __init__(self, thunk: Recompute, k: int) -> None:
        self.thunk, self.k = thunk, k

    def recomputed(self) -> Any:
        saved = self.thunk.take(self.k)
        return saved.recomputed() if type(saved) is Dropped else saved


def checkpoint(f: Callable[..., Any], *args: Any, **params: Any) -> Any:
    """`f(*args, **params)`, with nothing inside kept for the backward walk: it reruns f when it comes by.

    f may capture parameters, return several Tensors, draw random numbers (they repeat) and call checkpoint itself. It must
    do the same each time, which is checked: RuntimeError in the walk if it does not. What f assigns to, it assigns twice.

    >>> w = ag.tensor([1.0, 2.0], requires_grad=True)
    >>> y = ag.checkpoint(lambda x: ag.square(x * w).sum(), ag.tensor([3.0, 4.0]))
    >>> y.backward()
    >>> w.grad
    tensor([18., 64.], dtype=float32)
    """
    if not modes.current().grad:
        return f(*args, **params)
    thunk = Recompute(f, args, params, random.generator().copy())
    start = graph.sequence()
    result = f(*args, **params)
    nodes = _recorded_since(result, start)
    thunk.names = [n.op.name for n in nodes]
    thunk.fingerprints = [fingerprint(t._array) for t in _tensors(result)]
    for k, node in enumerate(nodes):
        node.saved = Dropped(thunk, k)
    return result


def _recorded_since(result: Any, start: int) -> list[Node]:
    """The operations below the result that were recorded after the clock stood at start, oldest first."""
    stack = [t.node for t in _tensors(result) if t.node is not None]
    seen = set(stack)
    while stack:
        for parent in stack.pop().parents:
            if parent is not None and parent.sequence > start and parent not in seen:
                seen.add(parent)
                stack.append(parent)
    return sorted((n for n in seen if n.op not in (None, SELECT) and n.sequence > start), key=lambda n: n.sequence)


def _tensors(result: Any) -> list[Tensor]:
    if isinstance(result, Tensor):
        return [result]
    if isinstance(result, dict):
        result = result.values()
    return (
        [t for part in result for t in _tensors(part)] if isinstance(result, (list, tuple, type({}.values()))) else []
    )
