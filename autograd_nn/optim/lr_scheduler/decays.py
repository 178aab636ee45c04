"""Schedules that are a factor over time: steps, ramps, exponentials, powers and cosines.

Decision: a schedule is written as its factor f(t), and a step multiplies the rate by f(t) / f(t - 1). So each is one
formula, several on one optimizer multiply (as PyTorch's chainable forms do), and what a user did to the rate stays.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterable

from ..optimizer import Optimizer
from .scheduler import LRScheduler


class _Decay(LRScheduler):
    """lr(t) = floor + (lr(0) - floor) f(t)."""

    eta_min: float = 0.0

    def factor(self, t: int) -> float:
        raise NotImplementedError(f"{type(self).__name__} defines no factor")

    def get_lr(self) -> list[float]:
        t, floor = self.last_epoch, self.eta_min
        now, before = self.factor(t), self.factor(t - 1) if t > 0 else 1.0
        rates = [group["lr"] for group in self.optimizer.param_groups]
        if before == 0.0:  # from the floor no factor leads up
            return [rate + (base - floor) * now for rate, base in zip(rates, self.base_lrs, strict=True)]
        return [floor + (rate - floor) * (now / before) for rate in rates]


class StepLR(_Decay):
    """Multiplies the rate by `gamma` (0.1) every `step_size` epochs.

    >>> optimizer = ag.optim.SGD([ag.ones(1, requires_grad=True)], lr=1.0)
    >>> scheduler = ag.optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5)
    >>> rates = [scheduler.step() or scheduler.get_last_lr()[0] for _ in range(4)]
    >>> rates
    [1.0, 0.5, 0.5, 0.25]
    """

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1) -> None:
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer, last_epoch)

    def factor(self, t: int) -> float:
        return self.gamma ** (t // self.step_size)


class MultiStepLR(_Decay):
    """Multiplies the rate by `gamma` (0.1) at each of the `milestones` (epochs).

    >>> optimizer = ag.optim.SGD([ag.ones(1, requires_grad=True)], lr=1.0)
    >>> scheduler = ag.optim.lr_scheduler.MultiStepLR(optimizer, [1, 3], gamma=0.5)
    >>> [scheduler.step() or scheduler.get_last_lr()[0] for _ in range(4)]
    [0.5, 0.5, 0.25, 0.25]
    """

    def __init__(
        self, optimizer: Optimizer, milestones: Iterable[int], gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        self.milestones, self.gamma = sorted(milestones), gamma
        super().__init__(optimizer, last_epoch)

    def factor(self, t: int) -> float:
        return self.gamma ** bisect.bisect_right(self.milestones, t)


class ConstantLR(_Decay):
    """The rate times `factor` (1/3) for `total_iters` (5) epochs, then as it is.

    >>> optimizer = ag.optim.SGD([ag.ones(1, requires_grad=True)], lr=1.0)
    >>> scheduler = ag.optim.lr_scheduler.ConstantLR(optimizer, factor=0.5, total_iters=2)
    >>> [scheduler.get_last_lr()[0]] + [scheduler.step() or scheduler.get_last_lr()[0] for _ in range(2)]
    [0.5, 0.5, 1.0]
    """

    def __init__(self, optimizer: Optimizer, factor: float = 1 / 3, total_iters: int = 5, last_epoch: int = -1) -> None:
        if not 0.0 <= factor <= 1.0:
            raise ValueError(f"ConstantLR: factor is from 0 to 1, not {factor}")
        self.start_factor, self.total_iters = factor, total_iters
        super().__init__(optimizer, last_epoch)

    def factor(self, t: int) -> float:
        return self.start_factor if t < self.total_iters else 1.0


class LinearLR(_Decay):
    """The rate times a factor that goes from `start_factor` (1/3) to `end_factor` (1) in `total_iters` (5) epochs; a warm-up.

    >>> optimizer = ag.optim.SGD([ag.ones(1, requires_grad=True)], lr=1.0)
    >>> scheduler = ag.optim.lr_scheduler.LinearLR(optimizer, start_factor=0.5, total_iters=2)
    >>> [scheduler.get_last_lr()[0]] + [scheduler.step() or scheduler.get_last_lr()[0] for _ in range(3)]
    [0.5, 0.75, 1.0, 1.0]
    """

    def __init__(
        self, optimizer: Optimizer, start_factor: float = 1 / 3, end_factor: float = 1.0, total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:  # fmt: skip
        if not 0.0 < start_factor <= 1.0 or not 0.0 <= end_factor <= 1.0:
            raise ValueError(f"LinearLR: start_factor is above 0, both at most 1, not {start_factor} and {end_factor}")
        self.start_factor, self.end_factor, self.total_iters = start_factor, end_factor, total_iters
        super().__init__(optimizer, last_epoch)

    def factor(self, t: int) -> float:
        return self.start_factor + (self.end_factor - self.start_factor) * (min(t, self.total_iters) / self.total_iters)


class ExponentialLR(_Decay):
    """Multiplies the rate by `gamma` every epoch.

    >>> optimizer = ag.optim.SGD([ag.ones(1, requires_grad=True)], lr=1.0)
    >>> scheduler = ag.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.5)
    >>> [scheduler.step() or scheduler.get_last_lr()[0] for _ in range(2)]
    [0.5, 0.25]
    """

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def factor(self, t: int) -> float:
        return self.gamma**t


class PolynomialLR(_Decay):
    """The rate times (1 - t / total_iters)^power, and 0 from then on.

    >>> optimizer = ag.optim.SGD([ag.ones(1, requires_grad=True)], lr=1.0)
    >>> scheduler = ag.optim.lr_scheduler.PolynomialLR(optimizer, total_iters=2)
    >>> [scheduler.step() or scheduler.get_last_lr()[0] for _ in range(3)]
    [0.5, 0.0, 0.0]
    """

    def __init__(self, optimizer: Optimizer, total_iters: int = 5, power: float = 1.0, last_epoch: int = -1) -> None:
        self.total_iters, self.power = total_iters, power
        super().__init__(optimizer, last_epoch)

    def factor(self, t: int) -> float:
        return (1.0 - min(t, self.total_iters) / self.total_iters) ** self.power


class CosineAnnealingLR(_Decay):
    r"""Half a cosine from the first rate to `eta_min` (0) in `T_max` epochs, and back.

    :math:`\eta_{min} + (\eta_0 - \eta_{min}) (1 + \cos(\pi t / T_{max})) / 2`. Loshchilov and Hutter, arXiv:1608.03983.

    >>> optimizer = ag.optim.SGD([ag.ones(1, requires_grad=True)], lr=1.0)
    >>> scheduler = ag.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=2)
    >>> [scheduler.step() or round(scheduler.get_last_lr()[0], 6) for _ in range(4)]
    [0.5, 0.0, 0.5, 1.0]
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1) -> None:
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer, last_epoch)

    def factor(self, t: int) -> float:
        return (1.0 + math.cos(math.pi * t / self.T_max)) / 2.0
