"""ASGD: gradient descent that keeps the mean of the weights along the way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from .group import ParameterGroup
from .stepper import Stepper


class ASGD(Stepper):
    r"""Gradient descent with a falling rate, and from step `t0` on the mean of the weights beside it, as the state `ax`.

    :math:`w \leftarrow (1 - \lambda \eta_t) w - \eta_t g`, :math:`a \leftarrow a + \mu_t (w - a)`, with
    :math:`\eta_{t+1} = \eta / (1 + \lambda \eta t)^\alpha` and :math:`\mu_{t+1} = 1 / \max(1, t - t_0)`.

    Defaults: `lr` 1e-2, `lambd` 1e-4, `alpha` 0.75, `t0` 1e6, `weight_decay` 0. State: `step`, `eta`, `mu`, `ax`. Raises
    ValueError for a negative number. Polyak and Juditsky, SIAM J. Control Optim. 30, 1992.

    >>> w = ag.tensor([1.0], requires_grad=True)
    >>> optimizer = ag.optim.ASGD([w], lr=0.1, lambd=0.0)
    >>> (3.0 * w).sum().backward()
    >>> optimizer.step()
    >>> w.numpy().round(3)
    array([0.7], dtype=float32)
    """

    counts: ClassVar = {"step": 0.0, "eta": 0.0, "mu": 1.0}

    def __init__(
        self, params: Any, lr: float = 1e-2, lambd: float = 1e-4, alpha: float = 0.75, t0: float = 1e6,
        weight_decay: float = 0.0, foreach: bool | None = None, maximize: bool = False, differentiable: bool = False,
        capturable: bool = False,
    ) -> None:  # fmt: skip
        defaults = {
            "lr": float(lr), "lambd": float(lambd), "alpha": float(alpha), "t0": float(t0),
            "weight_decay": float(weight_decay), "maximize": maximize,
        }  # fmt: skip
        super().__init__(params, defaults, {"differentiable": differentiable})

    def check(self, group: Mapping[str, Any]) -> None:
        self.at_least_zero(group, "lr", "lambd", "alpha", "weight_decay")

    def rule(self, group: ParameterGroup) -> str:
        return "asgd"

    def coefficients(self, group: Mapping[str, Any], counts: dict[str, Any]) -> dict[str, Any]:
        step, rate, fresh = counts["step"], counts["eta"], counts["mu"]
        rate = np.where(step == 1.0, group["lr"], rate)  # the first, before any rate was computed
        counts["eta"] = group["lr"] / (1.0 + group["lambd"] * group["lr"] * step) ** group["alpha"]
        counts["mu"] = 1.0 / np.maximum(step - group["t0"], 1.0)
        return {
            "rate": rate,
            "sign": -1.0 if group["maximize"] else 1.0,
            "decay": group["weight_decay"],
            "shrink": 1.0 - group["lambd"] * rate,
            "fresh": fresh,
        }
