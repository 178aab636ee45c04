"""Schedules made of schedules: one after the other, or all at once."""

from __future__ import annotations

import bisect
from collections.abc import Mapping, Sequence
from typing import Any

from ..optimizer import Optimizer
from .scheduler import LRScheduler


class _Several(LRScheduler):
    def __init__(self, optimizer: Optimizer | None, schedulers: Sequence[LRScheduler]) -> None:
        name = type(self).__name__
        if not schedulers:
            raise ValueError(f"{name}: takes at least one schedule")
        self._schedulers = list(schedulers)
        for k, scheduler in enumerate(self._schedulers):
            if not isinstance(scheduler, LRScheduler):
                raise TypeError(
                    f"{name}: schedule {k} is {type(scheduler).__name__}, which does not step on its own; only schedules that do "
                    f"can be put together"
                )
            if scheduler.optimizer is not (optimizer or self._schedulers[0].optimizer):
                raise ValueError(f"{name}: schedule {k} belongs to another optimizer")
        self.optimizer = self._schedulers[0].optimizer

    def _look(self) -> None:
        self._last_lr = [group["lr"] for group in self.optimizer.param_groups]

    def begin(self) -> None:
        self._set([group["initial_lr"] for group in self.optimizer.param_groups])

    def state_dict(self) -> dict[str, Any]:
        return super().state_dict() | {"_schedulers": [s.state_dict() for s in self._schedulers]}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        states = state_dict.get("_schedulers")
        if states is None or len(states) != len(self._schedulers):
            raise ValueError(f"{type(self).__name__}: the saved state is not of {len(self._schedulers)} schedules")
        before = [s.state_dict() for s in self._schedulers]
        try:
            for scheduler, state in zip(self._schedulers, states, strict=True):
                scheduler.load_state_dict(state)
            super().load_state_dict(
                {k: v for k, v in state_dict.items() if k != "_schedulers"} | {"_schedulers": self._schedulers}
            )
        except Exception:
            for scheduler, state in zip(self._schedulers, before, strict=True):
                scheduler.load_state_dict(state)
            raise


class SequentialLR(_Several):
    """One schedule after the other: the next takes over, from its beginning, at each of the `milestones` (epochs).

    Raises ValueError unless there is one milestone less than schedules, all of this optimizer.

    >>> optimizer = ag.optim.SGD([ag.ones(1, requires_grad=True)], lr=1.0)
    >>> warmup = ag.optim.lr_scheduler.LinearLR(optimizer, start_factor=0.5, total_iters=2)
    >>> decay = ag.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.5)
    >>> scheduler = ag.optim.lr_scheduler.SequentialLR(optimizer, [warmup, decay], milestones=[2])
    >>> [scheduler.get_last_lr()[0]] + [scheduler.step() or scheduler.get_last_lr()[0] for _ in range(4)]
    [0.5, 0.75, 1.0, 0.5, 0.25]
    """

    def __init__(
        self, optimizer: Optimizer, schedulers: Sequence[LRScheduler], milestones: Sequence[int], last_epoch: int = -1
    ) -> None:
        super().__init__(optimizer, schedulers)
        if len(milestones) != len(schedulers) - 1:
            raise ValueError(
                f"SequentialLR: {len(milestones)} milestones for {len(schedulers)} schedules; each but the first begins at one"
            )
        self._milestones = list(milestones)
        self.last_epoch = last_epoch + 1
        self._schedulers[bisect.bisect_right(self._milestones, self.last_epoch)].begin()
        self._look()

    def step(self) -> None:
        self.last_epoch += 1
        k = bisect.bisect_right(self._milestones, self.last_epoch)
        if k > 0 and self._milestones[k - 1] == self.last_epoch:
            self._schedulers[k].restart()
        else:
            self._schedulers[k].step()
        self._look()

    def begin(self) -> None:
        super().begin()
        self.last_epoch = 0
        self._schedulers[bisect.bisect_right(self._milestones, 0)].begin()
        self._look()


class ChainedScheduler(_Several):
    """Several schedules at once: each step is one of every schedule, and their factors multiply.

    >>> optimizer = ag.optim.SGD([ag.ones(1, requires_grad=True)], lr=1.0)
    >>> half = ag.optim.lr_scheduler.ConstantLR(optimizer, factor=0.5, total_iters=2)
    >>> decay = ag.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.5)
    >>> scheduler = ag.optim.lr_scheduler.ChainedScheduler([half, decay])
    >>> [scheduler.get_last_lr()[0]] + [scheduler.step() or scheduler.get_last_lr()[0] for _ in range(2)]
    [0.5, 0.25, 0.25]
    """

    def __init__(self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None) -> None:
        super().__init__(optimizer, schedulers)
        self._look()

    def step(self) -> None:
        for scheduler in self._schedulers:
            scheduler.step()
        self._look()

    def begin(self) -> None:
        super().begin()
        for scheduler in self._schedulers:
            scheduler.last_epoch = -1
            scheduler.step()
        self._look()
