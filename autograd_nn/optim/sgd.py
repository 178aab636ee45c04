"""`SGD`: stochastic gradient descent, with momentum, weight decay and Nesterov's look ahead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .group import ParameterGroup
from .stepper import Stepper


class SGD(Stepper):
    r"""Stochastic gradient descent.

    With momentum :math:`\mu` and dampening :math:`\tau`: :math:`b \leftarrow \mu b + (1 - \tau) g` (the first time :math:`b
    = g`),
    :math:`w \leftarrow w - \eta b`, or with `nesterov` :math:`w \leftarrow w - \eta (g + \mu b)`; `weight_decay` adds
    :math:`\lambda w` to the gradient, `maximize` goes the other way.

    Defaults: `lr` 1e-3, the others 0. State: `momentum_buffer`. Raises ValueError for a negative number, and for `nesterov`
    without momentum or with dampening. Sutskever et al., "On the importance of initialization and momentum", ICML 2013.

    >>> w = ag.tensor([1.0], requires_grad=True)
    >>> optimizer = ag.optim.SGD([w], lr=0.1, momentum=0.9)
    >>> for _ in range(2):
    ...     optimizer.zero_grad()
    ...     (3.0 * w).sum().backward()
    ...     optimizer.step()
    >>> w.numpy().round(3)
    array([0.13], dtype=float32)
    """

    def __init__(
        self, params: Any, lr: float = 1e-3, momentum: float = 0.0, dampening: float = 0.0, weight_decay: float = 0.0,
        nesterov: bool = False, *, maximize: bool = False, **implementation: Any,
    ) -> None:  # fmt: skip
        defaults = {
            "lr": float(lr), "momentum": float(momentum), "dampening": float(dampening),
            "weight_decay": float(weight_decay), "nesterov": nesterov, "maximize": maximize,
        }  # fmt: skip
        super().__init__(params, defaults, implementation)

    def check(self, group: Mapping[str, Any]) -> None:
        self.at_least_zero(group, "lr", "momentum", "weight_decay")
        if group["nesterov"] and (group["momentum"] <= 0 or group["dampening"] != 0):
            raise ValueError("SGD: nesterov needs a momentum and no dampening")

    def rule(self, group: ParameterGroup) -> str:
        return "sgd" if group.is_zero("momentum") else "momentum"

    def coefficients(self, group: Mapping[str, Any], counts: dict[str, Any]) -> dict[str, Any]:
        nesterov, kept = group["nesterov"], group["momentum"]
        return {
            "rate": group["lr"],
            "sign": -1.0 if group["maximize"] else 1.0,
            "decay": group["weight_decay"],
            "kept": kept,
            "fresh": np.where(counts["step"] == 1.0, 1.0, 1.0 - group["dampening"]),
            "direct": 1.0 if nesterov else 0.0,
            "along": kept if nesterov else 1.0,
        }
