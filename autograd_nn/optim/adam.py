"""Adam and its kin: AdamW, Adamax, NAdam, RAdam. Steps along a running mean of gradients, measured by their size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from .group import ParameterGroup
from .stepper import Stepper


class _Moments(Stepper):
    """What they share: betas, eps, and weight decay of two kinds."""

    def check(self, group: Mapping[str, Any]) -> None:
        self.at_least_zero(group, "lr", "eps", "weight_decay")
        self.fractions(group, "betas")

    @staticmethod
    def moments(group: Mapping[str, Any]) -> dict[str, Any]:
        """The coefficients that do not depend on the number of the step."""
        beta1, beta2 = group["betas"]
        decoupled = group.get("decoupled_weight_decay", False)
        return {
            "sign": -1.0 if group["maximize"] else 1.0,
            "decay": 0.0 if decoupled else group["weight_decay"],
            "shrink": 1.0 - group["lr"] * group["weight_decay"] if decoupled else 1.0,
            "fresh1": 1.0 - beta1,
            "beta2": beta2,
            "fresh2": 1.0 - beta2,
            "eps": group["eps"],
        }


class Adam(_Moments):
    r"""Steps along the mean gradient, each element's measured by the size its gradients have.

    :math:`m \leftarrow \beta_1 m + (1 - \beta_1) g`, :math:`v \leftarrow \beta_2 v + (1 - \beta_2) g^2`,
    :math:`w \leftarrow w - \eta\, \hat m / (\sqrt{\hat v} + \epsilon)`; the hats divide by :math:`1 - \beta^t`, because both start
    at zero. `weight_decay` adds :math:`\lambda w` to the gradient, or with `decoupled_weight_decay` shrinks w as `AdamW`;
    `amsgrad` measures by the largest :math:`v` so far; `maximize` goes the other way.

    Defaults: `lr` 1e-3, `betas` (0.9, 0.999), `eps` 1e-8, `weight_decay` 0. State: `step`, `exp_avg`, `exp_avg_sq` (and
    `max_exp_avg_sq`). Raises ValueError for a negative number or a beta outside [0, 1). Kingma and Ba, arXiv:1412.6980.

    >>> w = ag.tensor([1.0], requires_grad=True)
    >>> optimizer = ag.optim.Adam([w], lr=0.1)
    >>> (3.0 * w).sum().backward()
    >>> optimizer.step()
    >>> w.numpy().round(3)
    array([0.9], dtype=float32)
    """

    def __init__(
        self, params: Any, lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 0.0, amsgrad: bool = False, *, maximize: bool = False, decoupled_weight_decay: bool = False,
        **implementation: Any,
    ) -> None:  # fmt: skip
        defaults = {
            "lr": float(lr), "betas": (float(betas[0]), float(betas[1])), "eps": float(eps), "weight_decay": float(weight_decay),
            "amsgrad": amsgrad, "maximize": maximize, "decoupled_weight_decay": decoupled_weight_decay,
        }  # fmt: skip
        super().__init__(params, defaults, implementation)

    def rule(self, group: ParameterGroup) -> str:
        return "amsgrad" if group["amsgrad"] else "adam"

    def coefficients(self, group: Mapping[str, Any], counts: dict[str, Any]) -> dict[str, Any]:
        (beta1, beta2), step = group["betas"], counts["step"]
        return self.moments(group) | {
            "rate": group["lr"] / (1.0 - beta1**step),
            "scale": 1.0 / np.sqrt(1.0 - beta2**step),
        }


class AdamW(Adam):
    r"""Adam with weight decay apart from the gradient: :math:`w \leftarrow (1 - \eta \lambda) w` before each step.

    Arguments as `Adam`'s; `weight_decay` is 1e-2 by default. Loshchilov and Hutter, arXiv:1711.05101.

    >>> w = ag.tensor([1.0], requires_grad=True)
    >>> optimizer = ag.optim.AdamW([w], lr=0.1, weight_decay=0.5)
    >>> (3.0 * w).sum().backward()
    >>> optimizer.step()
    >>> w.numpy().round(3)
    array([0.85], dtype=float32)
    """

    def __init__(
        self, params: Any, lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 1e-2, amsgrad: bool = False, *, maximize: bool = False, **implementation: Any,
    ) -> None:  # fmt: skip
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            maximize=maximize,
            decoupled_weight_decay=True,
            **implementation,
        )
