"""Averages of a whole model's weights, under PyTorch's names: `AveragedModel`, its rate and what batch normalisation needs.

`optim.ExponentialMovingAverage` is the same for Tensors in place, without a second model.
"""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from ..engine.modes import current, no_grad
from ..engine.tensor import Tensor, assign
from ..nn.module import Module
from ..nn.normalisation import BatchNorm1d, BatchNorm2d, BatchNorm3d
from ..nn.parameter import Buffer
from ..ops.elementwise import where
from .lr_scheduler.scheduler import LRScheduler, checked_optimizer, for_each_group
from .optimizer import Optimizer

__all__ = [
    "SWALR", "AveragedModel", "get_ema_avg_fn", "get_ema_multi_avg_fn", "get_swa_avg_fn", "get_swa_multi_avg_fn", "update_bn",
]  # fmt: skip

Average = Callable[[Any, Any, Any], Any]


def get_ema_avg_fn(decay: float = 0.999) -> Average:
    r"""An exponential moving average: :math:`\beta a + (1 - \beta) w`, a function of a, w and how many went into a.

    Raises ValueError for a decay outside [0, 1].

    >>> ag.optim.swa_utils.get_ema_avg_fn(0.75)(ag.tensor(1.0), ag.tensor(5.0), 3)
    tensor(2., dtype=float32)
    """
    if not 0.0 <= decay <= 1.0:
        raise ValueError(f"get_ema_avg_fn: decay is from 0 to 1, not {decay}")
    return lambda average, weights, count: decay * average + (1.0 - decay) * weights


def get_swa_avg_fn() -> Average:
    """The mean of all weights so far.

    >>> ag.optim.swa_utils.get_swa_avg_fn()(ag.tensor(1.0), ag.tensor(5.0), 3)
    tensor(2., dtype=float32)
    """
    return lambda average, weights, count: average + (weights - average) / (count + 1.0)


def _of_lists(one: Average) -> Average:
    def update(averages: Sequence[Tensor], weights: Sequence[Tensor], count: Any) -> None:
        for average, value in zip(averages, weights, strict=True):
            assign(average, one(average, value, count).astype(average.dtype))

    return update


def get_ema_multi_avg_fn(decay: float = 0.999) -> Average:
    """`get_ema_avg_fn` for lists of Tensors, of which it changes the first.

    >>> a = ag.tensor(1.0)
    >>> ag.optim.swa_utils.get_ema_multi_avg_fn(0.75)([a], [ag.tensor(5.0)], 3)
    >>> a
    tensor(2., dtype=float32)
    """
    return _of_lists(get_ema_avg_fn(decay))


def get_swa_multi_avg_fn() -> Average:
    """`get_swa_avg_fn` for lists of Tensors, of which it changes the first.

    >>> a = ag.tensor(1.0)
    >>> ag.optim.swa_utils.get_swa_multi_avg_fn()([a], [ag.tensor(5.0)], 3)
    >>> a
    tensor(2., dtype=float32)
    """
    return _of_lists(get_swa_avg_fn())


class AveragedModel(Module):
    """A copy of a model whose weights are the average of what the model's are at each `update_parameters`.

    `avg_fn(average, weights, count)` gives the new average of one parameter, `multi_avg_fn` changes a list of them; without
    either, the mean of all. `use_buffers` (default False): average running statistics, too, instead of taking the last.
    Izmailov et al., arXiv:1803.05407. Raises ValueError for both functions at once.

    >>> model = nn.Linear(2, 1)
    >>> average = ag.optim.swa_utils.AveragedModel(model, multi_avg_fn=ag.optim.swa_utils.get_ema_multi_avg_fn(0.9))
    >>> average.update_parameters(model)
    >>> average(ag.ones((1, 2))).shape
    (1, 1)
    """

    def __init__(
        self, model: Module, device: Any = None, avg_fn: Average | None = None, multi_avg_fn: Average | None = None,
        use_buffers: bool = False,
    ) -> None:  # fmt: skip
        if avg_fn is not None and multi_avg_fn is not None:
            raise ValueError("AveragedModel: takes avg_fn or multi_avg_fn, not both")
        self.module = copy.deepcopy(model)
        if device is not None:
            self.module.to(device)
        self.n_averaged = Buffer(np.array(0))
        self.avg_fn, self.multi_avg_fn, self.use_buffers = avg_fn, multi_avg_fn, use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.module(*args, **kwargs)

    def update_parameters(self, model: Module) -> None:
        """Take the model's weights, as they are now, into the average; the first time, copy them."""
        with no_grad():
            averages, weights = [
                [t.detach() for t in itertools.chain(m.parameters(), m.buffers() if self.use_buffers else ())]
                for m in (self.module, model)
            ]
            recorded = current().tracer is not None  # a program must not depend on the value of a count
            first = self.n_averaged == 0 if recorded else self.n_averaged.item() == 0
            if recorded or not first:
                update = self.multi_avg_fn or _of_lists(self.avg_fn or get_swa_avg_fn())
                update(averages, weights, self.n_averaged)
            if recorded or first:
                for average, value in zip(averages, weights, strict=True):
                    assign(average, where(first, value, average) if recorded else value)
            if not self.use_buffers:
                for own, other in zip(self.module.buffers(), model.buffers(), strict=True):
                    assign(own, other)
            assign(self.n_averaged, self.n_averaged + 1)


def update_bn(loader: Iterable[Any], model: Module, device: Any = None) -> None:
    """Compute the running statistics of all batch normalisations anew, over a loader's batches or the first of each.

    >>> model = nn.BatchNorm1d(2)
    >>> ag.optim.swa_utils.update_bn([ag.tensor([[1.0, 2.0], [3.0, 4.0]])], model)
    >>> model.running_mean
    tensor([2., 3.], dtype=float32)
    """
    layers = [m for m in model.modules() if isinstance(m, (BatchNorm1d, BatchNorm2d, BatchNorm3d))]
    if not layers:
        return
    was, momenta = [m.training for m in model.modules()], [m.momentum for m in layers]
    try:
        model.train()
        for layer in layers:
            layer.reset_running_stats()
            layer.momentum = None
        with no_grad():
            for batch in loader:
                model(batch[0] if isinstance(batch, (list, tuple)) else batch)
    finally:
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum
        for module, training in zip(model.modules(), was, strict=True):
            module.training = training


class SWALR(LRScheduler):
    """From the rates that the groups have to `swa_lr`, in `anneal_epochs` steps along a cosine or a line; then it stays.

    Raises ValueError for another `anneal_strategy` than ``"cos"`` (default) and ``"linear"``, or fewer than 0 steps.

    >>> optimizer = ag.optim.SGD([ag.ones(1, requires_grad=True)], lr=1.0)
    >>> scheduler = ag.optim.swa_utils.SWALR(optimizer, swa_lr=0.5, anneal_epochs=2, anneal_strategy="linear")
    >>> scheduler.step()
    >>> scheduler.get_last_lr()
    [0.75]
    """

    def __init__(
        self, optimizer: Optimizer, swa_lr: Any, anneal_epochs: int = 10, anneal_strategy: str = "cos", last_epoch: int = -1
    ) -> None:  # fmt: skip
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"SWALR: anneal_strategy {anneal_strategy!r} is not 'cos' or 'linear'")
        if anneal_epochs < 0:
            raise ValueError(f"SWALR: anneal_epochs must be 0 or more, got {anneal_epochs}")
        rates = for_each_group("SWALR", checked_optimizer(optimizer, "SWALR"), swa_lr)
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["swa_lr"] = float(rate)
        self.anneal_epochs, self.anneal_strategy = anneal_epochs, anneal_strategy
        super().__init__(optimizer, last_epoch)

    def _share(self, epoch: int) -> float:
        """How much of the rate is `swa_lr`."""
        t = max(0.0, min(1.0, epoch / max(1, self.anneal_epochs)))
        return t if self.anneal_strategy == "linear" else (1.0 - math.cos(math.pi * t)) / 2.0

    def get_lr(self) -> list[float]:
        epoch = self.last_epoch if self.anneal_epochs else max(1, self.last_epoch)
        before, now = self._share(epoch - 1), self._share(epoch)
        rates = []
        for group in self.optimizer.param_groups:
            end = group["swa_lr"]
            start = end if before == 1.0 else (group["lr"] - before * end) / (1.0 - before)
            rates.append(end * now + start * (1.0 - now))
        return rates
