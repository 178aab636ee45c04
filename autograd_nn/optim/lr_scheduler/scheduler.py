"""`LRScheduler`: what every schedule is made of: a count of steps, and the rates that follow from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..optimizer import Optimizer


class LRScheduler:
    """Sets the learning rate of each group of an optimizer, anew at every `step`.

    A subclass gives `get_lr`: the rates for `self.last_epoch`, from `self.base_lrs` (what they were at first) or from those
    that the groups have now. `last_epoch`: -1 to begin; the count at which a schedule goes on, for groups that have an
    `initial_lr`.

    >>> class Halving(ag.optim.lr_scheduler.LRScheduler):
    ...     def get_lr(self):
    ...         return [lr * 0.5**self.last_epoch for lr in self.base_lrs]
    >>> optimizer = ag.optim.SGD([ag.ones(1, requires_grad=True)], lr=1.0)
    >>> scheduler = Halving(optimizer)
    >>> scheduler.step()
    >>> optimizer.param_groups[0]["lr"]
    0.5
    """

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        self.optimizer = checked_optimizer(optimizer, type(self).__name__)
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", group["lr"])
            elif "initial_lr" not in group:
                raise KeyError(
                    f"{type(self).__name__}: parameter group {i} has no 'initial_lr', from which a schedule could go on; load "
                    f"the optimizer's state first, or begin with last_epoch=-1"
                )
        self.base_lrs = [group["initial_lr"] for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self.step()

    def get_lr(self) -> list[float]:
        """The learning rate of each group for `self.last_epoch`."""
        raise NotImplementedError(f"{type(self).__name__} has no get_lr")

    def get_last_lr(self) -> list[float]:
        """The learning rates that were set last."""
        return self._last_lr

    def step(self) -> None:
        """Set the rates for the next epoch, or whatever is counted."""
        self.last_epoch += 1
        self._set(self.get_lr())

    def _set(self, rates: list[float]) -> None:
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            group["lr"] = rate
        self._last_lr = [group["lr"] for group in self.optimizer.param_groups]

    def restart(self) -> None:
        """Begin anew where another schedule has ended; for schedules made of several."""
        self.begin()

    def begin(self) -> None:
        """Set the rates with which the schedule begins, from those that the groups had at first."""
        self._set([group["initial_lr"] for group in self.optimizer.param_groups])
        self.last_epoch = -1
        self.step()

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimizer and functions: numbers, strings and lists."""
        return {
            name: list(v) if isinstance(v, list) else v for name, v in vars(self).items() if self._is_saved(name, v)
        }

    @staticmethod
    def _is_saved(name: str, value: Any) -> bool:
        return name != "optimizer" and not isinstance(value, Callable)  # type: ignore[arg-type]

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from `state_dict` of a schedule of the same kind; the rates themselves are in the optimizer's state.

        Raises ValueError where something is missing; then nothing was changed.
        """
        mine = self.state_dict()
        missing = [name for name in mine if name not in state_dict and not name.startswith("_")]
        if missing:
            raise ValueError(
                f"{type(self).__name__}: the saved state lacks {', '.join(missing)}; was it saved by another kind?"
            )
        vars(self).update({name: state_dict[name] for name in mine if name in state_dict})


def checked_optimizer(optimizer: Any, name: str) -> Optimizer:
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"{name}: schedules an optimizer, not {type(optimizer).__name__}")
    return optimizer


def for_each_group(name: str, optimizer: Optimizer, value: Any) -> list[Any]:
    """One value for each group: a list as it is, anything else for all."""
    n = len(optimizer.param_groups)
    if not isinstance(value, (list, tuple)):
        return [value] * n
    if len(value) != n:
        raise ValueError(f"{name}: {len(value)} values for {n} parameter groups; give one, or one for each")
    return list(value)
