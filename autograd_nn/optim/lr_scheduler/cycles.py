"""Schedules that go up and down: cosines with restarts, triangles, and the one cycle. The last two may move the momentum, too."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ..optimizer import Optimizer
from .scheduler import LRScheduler, checked_optimizer, for_each_group


class CosineAnnealingWarmRestarts(LRScheduler):
    """Half a cosine from the first rate to `eta_min` (0) in `T_0` epochs, again and again, each `T_mult` (1) times as long.

    `step(epoch)` takes a fraction of an epoch, too, and sets its rate. Loshchilov and Hutter, arXiv:1608.03983.
    Raises ValueError unless `T_0` and `T_mult` are whole numbers from 1.

    >>> optimizer = ag.optim.SGD([ag.ones(1, requires_grad=True)], lr=1.0)
    >>> scheduler = ag.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, T_0=2)
    >>> [scheduler.step() or round(scheduler.get_last_lr()[0], 6) for _ in range(4)]
    [0.5, 1.0, 0.5, 1.0]
    """

    def __init__(
        self, optimizer: Optimizer, T_0: int, T_mult: int = 1, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        for name, value in (("T_0", T_0), ("T_mult", T_mult)):
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"CosineAnnealingWarmRestarts: {name} is a whole number from 1, not {value!r}")
        self.T_0, self.T_mult, self.eta_min = T_0, T_mult, eta_min
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        return self._at(self.last_epoch)

    def _at(self, epoch: float) -> list[float]:
        since, length = epoch, self.T_0
        if self.T_mult == 1:
            since %= length
        while since >= length:
            since, length = since - length, length * self.T_mult
        factor = (1.0 + math.cos(math.pi * since / length)) / 2.0
        return [self.eta_min + (base - self.eta_min) * factor for base in self.base_lrs]

    def step(self, epoch: float | None = None) -> None:
        """Set the rates for the next epoch, or for this one, which may be a fraction."""
        if epoch is None:
            super().step()
            return
        if epoch < 0:
            raise ValueError(f"CosineAnnealingWarmRestarts: an epoch is 0 or more, not {epoch}")
        self.last_epoch = math.floor(epoch)
        self._set(self._at(epoch))


class _WithMomentum(LRScheduler):
    """A schedule that moves SGD's momentum or Adam's first beta the other way."""

    cycle_momentum: bool

    def _begin(self, optimizer: Optimizer, base_momentum: Any, max_momentum: Any, last_epoch: int) -> None:
        name = type(self).__name__
        if "momentum" not in optimizer.defaults and "betas" not in optimizer.defaults:
            raise ValueError(
                f"{name}: {type(optimizer).__name__} has neither momentum nor betas to move; pass cycle_momentum=False"
            )
        highest = for_each_group("max_momentum", optimizer, max_momentum)
        lowest = for_each_group("base_momentum", optimizer, base_momentum)
        for group, high, low in zip(optimizer.param_groups, highest, lowest, strict=True):
            if last_epoch == -1:
                group["max_momentum"], group["base_momentum"] = float(high), float(low)
                self._set_momentum(group, high)

    @staticmethod
    def _set_momentum(group: Any, momentum: float) -> None:
        if "betas" in group:
            group["betas"] = (momentum, *group["betas"][1:])
        else:
            group["momentum"] = momentum


class CyclicLR(_WithMomentum):
    """Triangles between `base_lr` and `max_lr`: `step_size_up` (2000) steps up, `step_size_down` (as many) down.

    `mode`: ``"triangular"``, ``"triangular2"`` (half as high each time) or ``"exp_range"`` (times `gamma` to the power of
    the step); or `scale_fn`, a function of the cycle's number, from 1, or of the step (`scale_mode` ``"cycle"`` or
    ``"iterations"``). With `cycle_momentum` the momentum goes the other way, from `max_momentum` (0.9) to `base_momentum`
    (0.8).
    Raises ValueError for another mode, or an optimizer without momentum. Smith, arXiv:1506.01186.

    >>> optimizer = ag.optim.SGD([ag.ones(1, requires_grad=True)], lr=1.0, momentum=0.9)
    >>> scheduler = ag.optim.lr_scheduler.CyclicLR(optimizer, 0.0, 1.0, step_size_up=2)
    >>> [scheduler.step() or scheduler.get_last_lr()[0] for _ in range(4)]
    [0.5, 1.0, 0.5, 0.0]
    """

    def __init__(
        self, optimizer: Optimizer, base_lr: Any, max_lr: Any, step_size_up: int = 2000, step_size_down: int | None = None,
        mode: str = "triangular", gamma: float = 1.0, scale_fn: Callable[[float], float] | None = None,
        scale_mode: str = "cycle", cycle_momentum: bool = True, base_momentum: Any = 0.8, max_momentum: Any = 0.9,
        last_epoch: int = -1,
    ) -> None:  # fmt: skip
        checked_optimizer(optimizer, "CyclicLR")
        if mode not in ("triangular", "triangular2", "exp_range") and scale_fn is None:
            raise ValueError(f"CyclicLR: mode is 'triangular', 'triangular2' or 'exp_range', not {mode!r}")
        lowest = for_each_group("base_lr", optimizer, base_lr)
        self.max_lrs = for_each_group("max_lr", optimizer, max_lr)
        if last_epoch == -1:
            for group, lr in zip(optimizer.param_groups, lowest, strict=True):
                group["lr"] = lr
        down = step_size_up if step_size_down is None else step_size_down
        self.total_size = float(step_size_up + down)
        self.step_ratio = step_size_up / self.total_size
        self.mode, self.gamma, self.scale_fn, self.cycle_momentum = mode, gamma, scale_fn, cycle_momentum
        self.scale_mode = scale_mode if scale_fn is not None else "iterations" if mode == "exp_range" else "cycle"
        if cycle_momentum:
            self._begin(optimizer, base_momentum, max_momentum, last_epoch)
        super().__init__(optimizer, last_epoch)
        self.base_lrs = lowest
        self._set(self.get_lr())

    def _scale(self, x: float) -> float:
        if self.scale_fn is not None:
            return self.scale_fn(x)
        return 1.0 if self.mode == "triangular" else 2.0 ** (1 - x) if self.mode == "triangular2" else self.gamma**x

    def get_lr(self) -> list[float]:
        cycle = math.floor(1 + self.last_epoch / self.total_size)
        x = 1.0 + self.last_epoch / self.total_size - cycle
        height = x / self.step_ratio if x <= self.step_ratio else (x - 1.0) / (self.step_ratio - 1.0)
        scale = self._scale(cycle if self.scale_mode == "cycle" else self.last_epoch)
        if self.cycle_momentum:
            for group in self.optimizer.param_groups:
                high, low = group["max_momentum"], group["base_momentum"]
                self._set_momentum(group, high - (high - low) * height * scale)
        return [low + (high - low) * height * scale for low, high in zip(self.base_lrs, self.max_lrs, strict=True)]


class OneCycleLR(_WithMomentum):
    """Up from `max_lr` / `div_factor` (25) to `max_lr`, then down to 1 / `final_div_factor` (1e4) of where it began.

    Counted in steps of the optimizer, `total_steps` of them or `epochs` times `steps_per_epoch`; `pct_start` (0.3) of them up.
    `anneal_strategy`: ``"cos"`` or ``"linear"``. `three_phase`: down to the first rate as fast as it went up, then to the
    last. With `cycle_momentum` the momentum goes the other way, between `max_momentum` (0.95) and `base_momentum` (0.85).
    Raises ValueError for a step too many, arguments out of range, or an optimizer without momentum. Smith and Topin,
    arXiv:1708.07120.

    >>> optimizer = ag.optim.SGD([ag.ones(1, requires_grad=True)], lr=1.0, momentum=0.9)
    >>> scheduler = ag.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1.0, total_steps=5, pct_start=0.4)
    >>> [scheduler.step() or round(scheduler.get_last_lr()[0], 6) for _ in range(4)]
    [1.0, 0.750001, 0.250003, 4e-06]
    """

    def __init__(
        self, optimizer: Optimizer, max_lr: Any, total_steps: int | None = None, epochs: int | None = None,
        steps_per_epoch: int | None = None, pct_start: float = 0.3, anneal_strategy: str = "cos",
        cycle_momentum: bool = True, base_momentum: Any = 0.85, max_momentum: Any = 0.95, div_factor: float = 25.0,
        final_div_factor: float = 1e4, three_phase: bool = False, last_epoch: int = -1,
    ) -> None:  # fmt: skip
        checked_optimizer(optimizer, "OneCycleLR")
        if total_steps is None:
            if epochs is None or steps_per_epoch is None:
                raise ValueError("OneCycleLR: give total_steps, or epochs and steps_per_epoch")
            total_steps = epochs * steps_per_epoch
        if not isinstance(total_steps, int) or total_steps < 1:
            raise ValueError(f"OneCycleLR: the number of steps is a whole number from 1, not {total_steps!r}")
        if not 0.0 <= pct_start <= 1.0:
            raise ValueError(f"OneCycleLR: pct_start is from 0 to 1, not {pct_start}")
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"OneCycleLR: anneal_strategy is 'cos' or 'linear', not {anneal_strategy!r}")
        self.total_steps, self.anneal_strategy, self.cycle_momentum = total_steps, anneal_strategy, cycle_momentum
        self.pct_start, self.three_phase = pct_start, three_phase
        for group, highest in zip(optimizer.param_groups, for_each_group("max_lr", optimizer, max_lr), strict=True):
            if last_epoch == -1:
                group["initial_lr"] = group["lr"] = highest / div_factor
                group["max_lr"], group["min_lr"] = float(highest), highest / div_factor / final_div_factor
        if cycle_momentum:
            self._begin(optimizer, base_momentum, max_momentum, last_epoch)
        super().__init__(optimizer, last_epoch)

    def _phases(self) -> list[tuple[float, str, str, str, str]]:
        """Of each phase: its last step, the rate it begins and ends with, and the momentum."""
        first, last = self.pct_start * self.total_steps - 1.0, self.total_steps - 1.0
        up = (first, "initial_lr", "max_lr", "max_momentum", "base_momentum")
        if not self.three_phase:
            return [up, (last, "max_lr", "min_lr", "base_momentum", "max_momentum")]
        down = (2.0 * first, "max_lr", "initial_lr", "base_momentum", "max_momentum")
        return [up, down, (last, "initial_lr", "min_lr", "max_momentum", "max_momentum")]

    def get_lr(self) -> list[float]:
        step, phases = self.last_epoch, self._phases()
        if step > self.total_steps:
            raise ValueError(f"OneCycleLR: this is step {step} of a cycle of {self.total_steps}")
        k = next((k for k, phase in enumerate(phases) if step <= phase[0]), len(phases) - 1)
        first = phases[k - 1][0] if k else 0.0
        last, *names = phases[k]
        part = (step - first) / (last - first) if last != first else 1.0
        rates = []
        for group in self.optimizer.param_groups:
            rates.append(self._between(group[names[0]], group[names[1]], part))
            if self.cycle_momentum:
                self._set_momentum(group, self._between(group[names[2]], group[names[3]], part))
        return rates

    def _between(self, start: float, end: float, part: float) -> float:
        if self.anneal_strategy == "linear":
            return start + (end - start) * part
        return end + (start - end) / 2.0 * (1.0 + math.cos(math.pi * part))
