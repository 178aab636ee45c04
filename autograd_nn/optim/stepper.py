"""`Stepper`: an optimizer that does the same to every element of its parameters, by an update rule.

Decision: parameters that have always been updated together share one count of steps and are updated in one go (a `Block`).
One that has no gradient in some step parts from the others for good. So what depends on the count is computed once, not for
every parameter, and is still each parameter's own, as PyTorch has it.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from ..engine import modes
from ..engine.memory import leaf_of
from ..engine.tensor import Tensor, assign
from ..ops.updates import UPDATES, Block
from .group import ParameterGroup
from .optimizer import IMPLEMENTATION, Optimizer


class Stepper(Optimizer):
    """An optimizer whose step is an update rule: a subclass chooses the rule and computes its coefficients."""

    counts: ClassVar[dict[str, float]] = {"step": 0.0}
    """The 0-d states that parameters share while they are updated together, and what they start with."""

    def __init__(self, params: Any, defaults: dict[str, Any], implementation: Mapping[str, Any]) -> None:
        """`implementation`: PyTorch's arguments that choose one; they are taken and change nothing."""
        for name, value in implementation.items():
            if name not in IMPLEMENTATION:
                raise TypeError(f"{self._name}: there is no argument {name!r}")
            if name == "differentiable" and value:
                raise ValueError(
                    f"{self._name}: steps are not differentiable; write p - lr * g with Tensors to differentiate through it"
                )
        super().__init__(params, defaults)

    def rule(self, group: ParameterGroup) -> str:
        """The name of the rule for this group."""
        raise NotImplementedError(f"{type(self).__name__} defines no rule")

    def coefficients(self, group: Mapping[str, Any], counts: dict[str, Any]) -> dict[str, Any]:
        """The rule's coefficients from the group's numbers and the counts, `step` already this step's.

        Numbers are Python's, or where the step is recorded 0-d Tensors: only operators and NumPy's functions are used, and
        nothing branches on them. A count that changes is put back into `counts`.
        """
        raise NotImplementedError(f"{type(self).__name__} defines no coefficients")

    def initial(self, name: str, group: Mapping[str, Any]) -> float:
        """What a new state is filled with."""
        return 0.0

    def _changed(self) -> None:
        self._cohorts: list[list[_Cohort]] = []

    # ---- steps -----------------------------------------------------------------------------------------------

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Change every parameter that has a gradient. `closure`, if given, computes the loss anew, which is returned.

        >>> w = ag.tensor([1.0, -2.0], requires_grad=True)
        >>> optimizer = ag.optim.SGD([w], lr=0.5)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> w
        tensor([0., 0.], dtype=float32, requires_grad=True)
        """
        loss = self.loss_of(closure)
        if not self._cohorts:
            self._cohorts = [_gathered(group["params"], self.state) for group in self.param_groups]
        if modes.current().tracer is None:
            self._update(recorded=False)
        else:
            with modes.change(grad=False):
                self._update(recorded=True)
        return loss

    def _update(self, recorded: bool) -> None:
        for group, cohorts in zip(self.param_groups, self._cohorts, strict=True):
            rule, numbers = self.rule(group), None
            for cohort in list(cohorts):
                gradients = [leaf.saved.grad if leaf is not None else None for leaf in cohort.leaves()]
                given = [g for g in gradients if g is not None]
                if not given:
                    continue
                if len(given) < len(gradients):
                    cohorts.append(cohort.part([g is not None for g in gradients]))
                if cohort.block is None or cohort.rule != rule:
                    cohort.begin(rule, self, group)
                numbers = numbers or group.numbers(recorded)
                counts = {n: t if recorded else t._array.item() for n, t in cohort.counts.items()}
                before = dict(counts)
                counts["step"] = counts["step"] + 1.0
                coefficients = self.coefficients(numbers, counts)
                cohort.block.step(given, coefficients)  # type: ignore[union-attr]
                for name, value in counts.items():
                    if value is not before[name]:
                        assign(cohort.counts[name], value)
        if recorded:
            self._assume_shared_counts(modes.current().tracer)

    def _assume_shared_counts(self, tracer: Any) -> None:
        """Which parameters share a count of steps is part of a recorded program."""
        cohorts, n, counted = self._cohorts, sum(map(len, self._cohorts)), self._counted()

        def shared() -> bool:
            if self._cohorts is cohorts and sum(map(len, cohorts)) == n:  # nobody has parted, and no state was loaded
                return True
            now = self._counted()
            return len(counted) == len(now) and all(map(operator.is_, counted, now))

        tracer.assumed(shared)

    def _counted(self) -> list[Tensor | None]:
        """Each parameter's count of steps, None where the user has taken it away."""
        return [entries.get("step") for entries in self.state.values()]

    # ---- its dictionary --------------------------------------------------------------------------------------

    def _read(self, what: str, p: Tensor, saved: Mapping[str, Any], group: ParameterGroup) -> dict[str, Any]:
        states = UPDATES[self.rule(group)].states
        read: dict[str, Any] = {}
        for name, value in saved.items():
            if value is None:
                continue
            if name not in self.counts and name not in states:
                known = ", ".join(repr(n) for n in (*self.counts, *states))
                raise ValueError(
                    f"{self._name}: the saved state of {what} has {name!r}, this optimizer keeps {known}; "
                    f"was it saved by another kind?"
                )
            array = np.asarray(value.numpy() if isinstance(value, Tensor) else value)
            shape = () if name in self.counts else p.shape
            if array.shape != shape:
                raise ValueError(
                    f"{self._name}: the saved {name!r} of {what} has shape {array.shape}, it must be {shape}; "
                    f"was it saved for another model?"
                )
            if array.dtype.kind not in "fiu":
                raise TypeError(f"{self._name}: the saved {name!r} of {what} is {array.dtype}, which is no number")
            read[name] = array
        if read:  # PyTorch's SGD does not count: whether it has begun is all that matters
            read = {n: np.float64(1.0 if n == "step" else start) for n, start in self.counts.items()} | read
        return read

    def _take(self, loaded: dict[Tensor, dict[str, Any]]) -> None:
        """Tensors that are there are written to, as a recorded step knows them; equal counts are shared again."""
        taken: dict[Tensor, dict[str, Any]] = {}
        for group in self.param_groups:
            shared: dict[Any, dict[str, Tensor]] = {}
            used: set[int] = set()
            for p in group["params"]:
                entries = loaded.get(p)
                if not entries:
                    continue
                mine = self.state.get(p, {})
                values = tuple([float(entries[n]) for n in self.counts])
                counts = shared.get((p.dtype, values))
                if counts is None:
                    fresh = not mine or id(mine["step"]) in used
                    counts = {n: _filled((), np.float64, 0.0) if fresh else mine[n] for n in self.counts}
                    used.add(id(counts["step"]))
                    for t, value in zip(counts.values(), values, strict=True):
                        assign(t, value)
                    shared[p.dtype, values] = counts
                taken[p] = dict(counts)
                for name, value in entries.items():
                    if name not in self.counts:
                        state = mine.get(name)
                        taken[p][name] = assign(_like(p, 0.0) if state is None else state, value)
        self.state = taken


class _Cohort:
    """Parameters of one dtype that have always been updated together: they share counts, and a block updates them."""

    def __init__(self, params: list[Tensor], state: dict[Tensor, dict[str, Any]]) -> None:
        self.params, self.state = params, state
        self.rule = ""
        self.block: Block | None = None
        self.counts: dict[str, Tensor] = {}

    def leaves(self) -> list[Any]:
        return [leaf_of(p) for p in self.params]

    def begin(self, rule: str, optimizer: Stepper, group: ParameterGroup) -> None:
        """Make the states that the rule wants and that are not there."""
        update, numbers = UPDATES[rule], group.numbers(recorded=False)
        first = self.state.get(self.params[0], {})
        self.counts = {
            n: first[n] if n in first else _filled((), np.float64, start) for n, start in optimizer.counts.items()
        }
        for p in self.params:
            entries = self.state.setdefault(p, {})
            entries.update(self.counts)
            for name in update.states:
                if name not in entries:
                    entries[name] = _like(p, optimizer.initial(name, numbers))
        self.rule = rule
        self.block = Block(update, [[p, *[self.state[p][n] for n in update.states]] for p in self.params])

    def part(self, staying: Sequence[bool]) -> _Cohort:
        """Keep the parameters that are updated in this step; give the others, with counts of their own."""
        stays = dict(zip(map(id, self.params), staying, strict=True))
        parted = _Cohort([p for p in self.params if not stays[id(p)]], self.state)
        counts = {n: _filled((), np.float64, t._array.item()) for n, t in self.counts.items()}
        for p in parted.params:
            if p in self.state:
                self.state[p].update(counts)
        self.params = [p for p in self.params if stays[id(p)]]
        self.block = None
        return parted


def _gathered(params: Sequence[Tensor], state: dict[Tensor, dict[str, Any]]) -> list[_Cohort]:
    """The parameters by dtype and by the count they share."""
    found: dict[Any, list[Tensor]] = {}
    for p in params:
        found.setdefault((p.dtype, id(state[p]["step"]) if p in state else None), []).append(p)
    return [_Cohort(members, state) for members in found.values()]


def _like(p: Tensor, value: float) -> Tensor:
    """A state laid out in memory as its parameter is."""
    return Tensor._of(np.full_like(p._memory(), value))


def _filled(shape: tuple[int, ...], dtype: Any, value: float) -> Tensor:
    return Tensor._of(np.full(shape, value, dtype))
