"""The walk: from an output's cotangent to the cotangent of everything below it.

Nodes are visited newest first, which is a reverse topological order; a heap holds those that have a cotangent waiting,
so a chain of a million nodes needs neither recursion nor a pass to sort it. Arrays and recorded walks are the same loop:

- plain: rules run on arrays, sums are the walk's own (a second contribution makes a fresh buffer, later ones add to it);
- recorded (`create_graph`, or under `ag.record`): saved arrays are wrapped again as Tensors that hang where they
  hung, rules run on those, and every sum, cast and un-broadcast is an operation like any other.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from heapq import heapify, heappop, heappush
from sys import getrefcount
from typing import TYPE_CHECKING, Any

import numpy as np

from . import modes, mutation
from .checkpoint import Dropped
from .dtypes import operand
from .graph import RELEASED, SELECT, Node, Writes
from .memory import cell_of, read_only, viewed_leaf
from .recorded import recorded_pullback, wrapped
from .tensor import Tensor, assign, leaf_lock, tensor

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


_tuple, ndarray = tuple, np.ndarray


def backward(y: Tensor, gradient: ArrayLike | Tensor | None, retain_graph: bool) -> None:
    """`Tensor.backward`: add the derivative of y to the `.grad` of every leaf below it."""
    if y.node is None:
        raise RuntimeError(
            "backward: this Tensor has no graph: nothing it was computed from requires a gradient, or it was computed "
            "under ag.no_grad() (make a leaf with ag.tensor(..., requires_grad=True))"
        )
    g = _seed(y, gradient, "backward")
    tracer = modes.current().tracer
    recorded = tracer is not None and tracer.records
    with modes.change(grad=False) if recorded else contextlib.nullcontext():
        if recorded and not isinstance(g, Tensor):
            g = _known(g, tracer)
        elif not recorded and isinstance(g, Tensor):
            g = g._array
        walk({y.node: g}, keep=retain_graph, recorded=recorded)


def gradients(
    y: Tensor | Sequence[Tensor],
    xs: Tensor | Sequence[Tensor],
    cotangent: ArrayLike | Tensor | Sequence[Any] | None = None,
    *,
    create_graph: bool = False,
    retain_graph: bool | None = None,
    allow_unused: bool = False,
) -> Any:
    r"""The derivatives of y with respect to xs, returned; no `.grad` is touched.

    :math:`\bar x_i = \sum_k \bar y_k\, \partial y_k / \partial x_i`, with :math:`\bar y` the `cotangent` of y's shape (1 for
    a one-element y). A Tensor for a Tensor, a tuple for a sequence. For a list of ys `cotangent` is a list of theirs, and what
    they give adds up. `create_graph` records the walk, so that what it returns can be differentiated again; `retain_graph`
    (default: `create_graph`) keeps the saved arrays for another walk.
    Where y does not depend on an x the result is an error, or None with `allow_unused`.

    >>> x = ag.tensor(2.0, requires_grad=True)
    >>> dy = ag.gradients(x**3, x, create_graph=True)
    >>> ag.gradients(dy, x)
    tensor(12., dtype=float32)
    """
    several = isinstance(y, (list, tuple))
    ys: list[Any] = list(y) if several else [y]
    cotangents: list[Any] = list(cotangent) if several and cotangent is not None else [cotangent] * len(ys)  # type: ignore[arg-type]
    for t in ys:
        if not isinstance(t, Tensor):
            raise TypeError(f"gradients: differentiates a Tensor, not {type(t).__name__}")
    if len(cotangents) != len(ys):
        raise ValueError(f"gradients: {len(cotangents)} cotangents for {len(ys)} Tensors; give one each")
    single = isinstance(xs, Tensor)
    targets: list[Tensor] = [xs] if isinstance(xs, Tensor) else list(xs)
    if not targets:
        return ()
    for i, x in enumerate(targets):
        if not isinstance(x, Tensor):
            raise TypeError(f"gradients: xs[{i}] is {type(x).__name__}, not a Tensor")
        if x.node is None:
            raise RuntimeError(
                f"gradients: xs[{i}] requires no gradient; make it with requires_grad=True before using it"
            )
    found: dict[Any, Any] = {}
    seeds: dict[Any, Any] = {}
    tracer = modes.current().tracer
    recorded = create_graph or (tracer is not None and tracer.records)
    with modes.change(grad=create_graph):
        for t, c in zip(ys, cotangents, strict=True):
            if t.node is None:
                continue
            g = _seed(t, c, "gradients")
            if recorded and not isinstance(g, Tensor):
                g = _known(g, tracer)
            elif not recorded and isinstance(g, Tensor):
                g = g._array
            seeds[t.node] = seeds[t.node] + g if t.node in seeds else g
        if seeds:
            keep = create_graph if retain_graph is None else retain_graph
            found = walk(seeds, keep=keep, recorded=recorded, targets={x.node for x in targets})
    if not seeds and not allow_unused:
        raise RuntimeError("gradients: y has no graph: nothing it was computed from requires a gradient")
    results = []
    for i, x in enumerate(targets):
        g = found.get(x.node)
        if g is None and not allow_unused:
            named = f" ({x.name})" if x.name else ""
            raise RuntimeError(
                f"gradients: y does not depend on xs[{i}]{named}; pass allow_unused=True to get None for it"
            )
        results.append(g if g is None or isinstance(g, Tensor) else Tensor._of(g))
    return results[0] if single else _tuple(results)


def _known(g: Any, tracer: Any) -> Tensor:
    """A cotangent that no operation made, as a Tensor that a tracer knows to be new."""
    t = Tensor._of(np.asarray(g))
    if tracer is not None:
        tracer.made(t)
    return t


def _seed(y: Tensor, gradient: Any, who: str) -> Any:
    """The cotangent to start from: an array, or the Tensor that was given."""
    if gradient is None:
        if y.size != 1:
            raise RuntimeError(
                f"{who}: a Tensor of shape {y.shape} is no single number; "
                f"reduce it first, e.g. .sum() or .mean(), or pass its cotangent of the same shape"
            )
        return np.ones(y.shape, y.dtype) if y.shape else y.dtype.type(1)
    data = gradient._array if isinstance(gradient, Tensor) else operand(gradient, who, (y,))
    if getattr(data, "dtype", np.dtype(float)).kind not in "fiub":
        raise TypeError(f"{who}: a cotangent is real, not {data.dtype}")
    if np.shape(data) != y.shape:
        raise ValueError(
            f"{who}: the cotangent has shape {np.shape(data)}, the Tensor {y.shape}; they must be the same"
        )
    if isinstance(gradient, Tensor):
        return gradient if gradient.dtype == y.dtype else gradient.astype(y.dtype)
    return np.asarray(data, y.dtype)


def walk(seeds: dict[Any, Any], *, keep: bool, recorded: bool, targets: set[Any] | None = None) -> dict[Any, Any]:
    """Carry the cotangents of the seeds to the leaves, or to the targets only; returns {target: cotangent}.

    Without targets every Leaf below a seed gets its cotangent added to `.grad`.
    """
    # The newest node that waits is held apart, with its cotangent; the others are in the heap and in `cotangents`. So a chain
    # needs neither, and a node that is reached twice is found in one of them.
    cotangents: dict[Any, Any] = dict(seeds)
    leaves: list[Node] = [node for node in seeds if node.op is None]
    heap: list[tuple[int, Any]] = [(-node.sequence, node) for node in seeds if node.op is not None]
    heapify(heap)
    newest: Any = None
    newest_g: Any = None
    owned: set[Any] = set()  # nodes whose cotangent is a buffer made by this walk, free to be added to
    found: dict[Any, Any] = {}
    needed = None if targets is None else _between(seeds, targets)
    last_write = Writes.last
    pop, get = cotangents.pop, cotangents.get
    while True:
        if newest is not None:
            node, g, newest = newest, newest_g, None
        elif heap:
            node = heappop(heap)[1]
            g = pop(node)
        else:
            break
        if node.extras is not None:
            g = _visited(node, g, recorded, targets is None)
            last_write = Writes.last
        if not node.shape:
            node._adjoint = g._array if recorded else g
        parents = node.parents
        if needed is not None:
            if node in targets:  # type: ignore[operator]
                found[node] = _copied(g)
            if node not in needed:
                continue
            parents = _tuple([p if p in needed or p in targets else None for p in parents])  # type: ignore[operator]
        saved = node.saved
        if type(saved) is not _tuple:
            if node.op is SELECT:
                _gather(node, g, cotangents, heap)
                continue
            saved = _restored(node)
        if last_write > node.sequence:
            _check_unwritten(node, saved)
        op = node.op
        try:
            if recorded:
                contributions = recorded_pullback(node, op, g, parents, saved)
            else:
                if op.accumulate_at is not None:
                    parents = _accumulate(node, op, g, parents, saved, cotangents, owned, heap, leaves)
                    contributions = op.pullback(g, parents, saved, node) if any(parents) else parents
                else:
                    contributions = op.pullback(g, parents, saved, node)
        except Exception as error:
            error.add_note(f"while differentiating {_where(node)}")
            raise
        if not keep:
            node.saved = RELEASED
        for parent, c in zip(parents, contributions):  # noqa: B905 - both are generated to one length
            if parent is None:
                continue
            if type(c) is ndarray:
                if c.shape != parent.shape or c.dtype is not parent.dtype:
                    c = _conformed(node, c, parent, recorded)
            elif parent.shape or type(c) is not parent.dtype.type:
                c = _conformed(node, c, parent, recorded)
            if parent is newest:
                previous = newest_g
            else:
                previous = get(parent)
                if previous is None:
                    if parent.op is None:  # a leaf, whose place in the order does not matter
                        if (recorded or type(c) is ndarray) and getrefcount(c) <= FRESH and _owns_memory(c):
                            owned.add(parent)
                        cotangents[parent] = c
                        leaves.append(parent)
                        continue
                    sequence = parent.sequence
                    if newest is None:
                        if not heap or -heap[0][0] < sequence:
                            newest, newest_g = parent, c
                            continue
                    elif newest.sequence < sequence:
                        cotangents[newest] = newest_g
                        heappush(heap, (-newest.sequence, newest))
                        newest, newest_g = parent, c
                        continue
                    cotangents[parent] = c
                    heappush(heap, (-sequence, parent))
                    continue
            if type(previous) is ndarray and parent in owned:
                previous += c
                continue
            c = previous + c
            if type(c) is ndarray or recorded:
                owned.add(parent)
            if parent is newest:
                newest_g = c
            else:
                cotangents[parent] = c
    for leaf in leaves:
        if leaf.extras is not None:
            g = _visited(leaf, cotangents[leaf], recorded, targets is None)
            if g is not cotangents[leaf]:  # a hook's, which may keep it
                owned.discard(leaf)
                cotangents[leaf] = g
    if targets is None:
        _deposit(leaves, cotangents, owned, recorded)
    else:
        for leaf in leaves:
            found[leaf] = cotangents[leaf] if leaf in owned else _copied(cotangents[leaf])
    tracer = modes.current().tracer if recorded else None
    if tracer is not None:
        tracer.differentiating(None)
    return found


def _gather(output: Node, g: Any, cotangents: dict[Any, Any], heap: list[tuple[int, Any]]) -> None:
    """Put the cotangent of one output into the tuple that waits for the node."""
    (node,), (index,) = output.parents, output.params
    waiting = cotangents.get(node)
    if waiting is None:
        waiting = (None,) * len(node.op.outputs)
        heappush(heap, (-node.sequence, node))
    before = waiting[index]
    total = g if before is None else before + g
    cotangents[node] = (*waiting[:index], total, *waiting[index + 1 :])


def _between(roots: Iterable[Any], targets: set[Any]) -> set[Any]:
    """The nodes at or below the roots from which a target can be reached; targets themselves only if others lie below."""
    oldest = min(t.sequence for t in targets)
    seen, stack, order = set(roots), list(roots), []
    while stack:
        node = stack.pop()
        order.append(node)
        for parent in node.parents:
            if parent is not None and parent.sequence >= oldest and parent not in seen:
                seen.add(parent)
                stack.append(parent)
    order.sort(key=lambda node: node.sequence)
    needed: set[Any] = set()
    for node in order:
        if any(p is not None and (p in needed or p in targets) for p in node.parents):
            needed.add(node)
    return needed


def _restored(node: Node) -> tuple[Any, ...]:
    """The arrays of a node whose `saved` is none: recomputed under a checkpoint, gone after a walk."""
    if type(node.saved) is Dropped:
        node.saved = node.saved.recomputed()
        return node.saved
    raise RuntimeError(
        f"backward: the graph below {_where(node)} was released by an earlier walk; pass retain_graph=True to the first "
        f"one if you need two, or compute the result again"
    )


def _check_unwritten(node: Node, saved: tuple[Any, ...]) -> None:
    """Raise if memory the node keeps was written to after the node was made."""
    cells = node.cells or (None,) * len(saved)
    for name, cell, position in zip(node.op.keeps, cells, node.op.kept_inputs, strict=True):
        if position is None:
            continue
        held = node.parents[position:] if node.op.arrays[position].variadic else (node.parents[position],)
        leaves = [leaf for leaf in [viewed_leaf(p) for p in held if p is not None] if leaf is not None]
        for c in (*(cell if type(cell) is tuple else (cell,)), *[leaf.saved.cell for leaf in leaves]):
            if c is not None and c.written > node.sequence:
                called = "".join(f" ({leaf.name})" for leaf in leaves if leaf.name)
                raise RuntimeError(
                    f"backward: {_where(node)} needs the value its input {name!r}{called} had, but it was changed since by "
                    f"assign or an in-place write; differentiate before changing it, or pass {name}.copy() to {node.op.name}"
                )


def _accumulate(
    node: Node,
    op: Any,
    g: Any,
    parents: Sequence[Any],
    saved: tuple[Any, ...],
    cotangents: dict[Any, Any],
    owned: set[Any],
    heap: list[Any],
    leaves: list[Node],
) -> tuple[Any, ...]:
    """Run the in-place forms of the rules that have one; returns the parents that are left for their rules."""
    left = list(parents)
    for i, form in op.accumulate_at.items():
        parent = parents[i]
        if parent is None:
            continue
        total = cotangents.get(parent)
        if total is None:
            total = np.zeros(parent.shape, parent.dtype)
            if parent.op is None:
                leaves.append(parent)
            else:
                heappush(heap, (-parent.sequence, parent))
        elif parent not in owned or type(total) is not np.ndarray:
            total = np.array(total)
        form(total, g, saved, node)
        cotangents[parent] = total
        owned.add(parent)
        left[i] = None
    return _tuple(left)


def _conformed(node: Node, c: Any, parent: Any, recorded: bool) -> Any:
    """A contribution in its parent's shape (summed over broadcast axes, where the op declares them) and dtype."""
    if not isinstance(c, Tensor if recorded else (np.ndarray, np.generic)) or c.dtype.kind not in "fiub":
        raise _wrong_cotangent(node, c, parent)
    if c.shape != parent.shape:
        if not node.op.broadcasts:
            raise _wrong_cotangent(node, c, parent)
        lead = c.ndim - len(parent.shape)
        axes = (*range(lead), *(lead + k for k, n in enumerate(parent.shape) if n == 1 and c.shape[lead + k] != 1))
        if lead < 0 or any(c.shape[lead + k] != n for k, n in enumerate(parent.shape) if n != 1):
            raise _wrong_cotangent(node, c, parent)
        c = c.sum(axis=axes, keepdims=True).reshape(parent.shape)
    if c.dtype != parent.dtype:
        c = c.astype(parent.dtype)
    return c


def _wrong_cotangent(node: Node, c: Any, parent: Any) -> Exception:
    op = node.op
    names = [a.name for a in op.arrays]
    name = names[min(node.parents.index(parent), len(names) - 1)]
    got = f"shape {c.shape}, {c.dtype}" if isinstance(c, (np.ndarray, np.generic)) else type(c).__name__
    got = f"shape {c.shape}" if getattr(c, "shape", parent.shape) != parent.shape else got
    fix = "" if op.broadcasts else "; if its inputs broadcast, define it with @op(broadcasts=True)"
    return RuntimeError(
        f"{_where(node)}: its rule for {name!r} returned {got} for an input of shape {parent.shape}; the fault is in "
        f"{op.name}.vjp{fix}"
    )


def _where(node: Node) -> str:
    """An operation as messages name it: with its module, if it ran in one."""
    return f"{node.op.name}" + (f" in module {node.scope[0]}" if node.scope is not None else "")


def _owns_memory(c: Any) -> bool:
    """Whether a contribution is a writable array that views no other."""
    data = c._array if isinstance(c, Tensor) else c
    return type(data) is ndarray and data.base is None and data.flags.writeable


def _count_of_a_fresh_array() -> int:
    """How many references the walk itself holds to a contribution that nobody else does, where it asks."""
    contributions = (np.empty(0),)
    for _, c in zip((None,), contributions):  # noqa: B905 - as the walk has it
        return getrefcount(c)
    raise AssertionError


FRESH = _count_of_a_fresh_array()
"""A leaf may own a contribution that nobody else holds (a saved array, a rule's own, the cotangent, another parent's): rather
than list who might, ask the interpreter. Counted here, because it differs between versions of Python."""


def _copied(g: Any) -> Any:
    """A cotangent to hand out: an array of its own, or another Tensor of the same place in the graph."""
    if not isinstance(g, Tensor):
        return np.array(g)
    if g.node is None:
        return g.copy()
    other = wrapped(g._array, g.node, None)
    return other


def _shown(g: Any, recorded: bool) -> Tensor:
    """A cotangent as a hook gets it: what the hook does to it changes nothing else."""
    if not recorded:
        return Tensor._of(read_only(g))
    if g.node is not None:
        return _copied(g)
    shown = g.detach()
    if isinstance(shown._array, ndarray):
        shown._array.flags.writeable = False  # of this very array, by which a record knows the value
    return shown


def _visited(node: Any, g: Any, recorded: bool, retain: bool) -> Any:
    """Run hooks on a complete cotangent, and keep it where `retain_grad` asked to."""
    extras = node.extras
    if extras.fingerprints is not None and type(node.saved) is tuple:
        mutation.check(node, node.saved)
    for hook in list(extras.hooks.values()):
        replaced = hook(_shown(g, recorded))
        if replaced is None:
            continue
        if np.shape(replaced) != node.shape:
            raise ValueError(
                f"hook: returned a cotangent of shape {np.shape(replaced)} for a Tensor of shape {node.shape}"
            )
        g = replaced if isinstance(replaced, Tensor) else Tensor._of(np.asarray(operand(replaced, "hook")))
        if g.dtype.kind not in "fiub":
            raise TypeError(f"hook: returned a cotangent of {g.dtype} for a Tensor of {node.dtype}")
        if g.dtype != node.dtype:
            g = g.astype(node.dtype)
        g = g if recorded else g._array
    if extras.retain and retain:
        value = g._array if isinstance(g, Tensor) else g
        extras.grad = tensor(value if extras.grad is None else extras.grad._array + value)
    return g


def _deposit(leaves: Sequence[Node], cotangents: dict[Any, Any], owned: set[Any], recorded: bool) -> None:
    """Add complete cotangents to the gradients of leaves, which own their arrays."""
    with leaf_lock:
        for leaf in leaves:
            g, state = cotangents[leaf], leaf.saved
            grad = state.grad
            if recorded:
                if grad is not None:
                    modes.current().tracer.adding_to_gradient(state)
                    assign(grad, grad + g)
                    continue
                # The operation's own result where nobody else holds it; else a recorded copy.
                state.grad = g if leaf in owned and g.node is None else g.detach().copy()
                modes.current().tracer.bound_gradient(state, state.grad)
            elif grad is None:
                state.grad = wrapped(g if type(g) is not ndarray or leaf in owned else g.copy(), None, None)
            elif type(grad._array) is not ndarray and grad.node is None and grad._leaf is None and grad.cell is None:
                grad._array = grad._array + g  # a number whose memory nobody has asked for
            else:
                memory = grad._memory()
                np.add(memory, g, out=memory, casting="same_kind")
                cell = cell_of(grad)
                if cell is not None:
                    cell.write()
