"""Schedules given as a function of the epoch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..optimizer import Optimizer
from .scheduler import LRScheduler, for_each_group


class _Function(LRScheduler):
    def __init__(self, optimizer: Optimizer, lr_lambda: Any, last_epoch: int = -1) -> None:
        self.lr_lambdas: list[Callable[[int], float]] = for_each_group("lr_lambda", optimizer, lr_lambda)
        for f in self.lr_lambdas:
            if not callable(f):
                raise TypeError(f"{type(self).__name__}: lr_lambda is a function of the epoch, not {type(f).__name__}")
        super().__init__(optimizer, last_epoch)

    @staticmethod
    def _is_saved(name: str, value: Any) -> bool:
        return name != "lr_lambdas" and LRScheduler._is_saved(name, value)


class LambdaLR(_Function):
    """The first rate times a function of the epoch (or a list of functions, one for each group).

    Functions are not in `state_dict`; give the same ones again.

    >>> optimizer = ag.optim.SGD([ag.ones(1, requires_grad=True)], lr=1.0)
    >>> scheduler = ag.optim.lr_scheduler.LambdaLR(optimizer, lambda t: 1 / (1 + t))
    >>> scheduler.step()
    >>> scheduler.get_last_lr()
    [0.5]
    """

    def get_lr(self) -> list[float]:
        return [base * f(self.last_epoch) for f, base in zip(self.lr_lambdas, self.base_lrs, strict=True)]


class MultiplicativeLR(_Function):
    """Multiplies the rate by a function of the epoch, from epoch 1 on (or by a list of functions, one for each group).

    >>> optimizer = ag.optim.SGD([ag.ones(1, requires_grad=True)], lr=1.0)
    >>> scheduler = ag.optim.lr_scheduler.MultiplicativeLR(optimizer, lambda t: 0.5)
    >>> [scheduler.step() or scheduler.get_last_lr()[0] for _ in range(2)]
    [0.5, 0.25]
    """

    def restart(self) -> None:
        self.last_epoch = 0  # and from the present rate, which it multiplies
        self._set([g["lr"] * f(0) for f, g in zip(self.lr_lambdas, self.optimizer.param_groups, strict=True)])

    def get_lr(self) -> list[float]:
        t, groups = self.last_epoch, self.optimizer.param_groups
        return [g["lr"] * (f(t) if t > 0 else 1.0) for f, g in zip(self.lr_lambdas, groups, strict=True)]
