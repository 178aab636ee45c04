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
    :math:`w \leftarrow w - \eta\, \hat m / (\sqrt{\hat v} + \epsilon)`; the hats divide by :math:`1 - \beta^t`, because
    both start at zero. `weight_decay` adds :math:`\lambda w` to the gradient, or with `decoupled_weight_decay` shrinks w as
    `AdamW`; `amsgrad` measures by the largest :math:`v` so far; `maximize` goes the other way.

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


class Adamax(_Moments):
    r"""Adam with the infinity norm: each element's step is measured by the largest gradient, forgotten slowly.

    :math:`u \leftarrow \max(\beta_2 u, |g| + \epsilon)`, :math:`w \leftarrow w - \eta\, \hat m / u`, with :math:`\hat m` as
    in `Adam`.

    Defaults: `lr` 2e-3, `betas` (0.9, 0.999), `eps` 1e-8, `weight_decay` 0. State: `step`, `exp_avg`, `exp_inf`. Raises as
    `Adam`. Kingma and Ba, arXiv:1412.6980, algorithm 2.

    >>> w = ag.tensor([1.0], requires_grad=True)
    >>> optimizer = ag.optim.Adamax([w], lr=0.1)
    >>> (3.0 * w).sum().backward()
    >>> optimizer.step()
    >>> w.numpy().round(3)
    array([0.9], dtype=float32)
    """

    def __init__(
        self, params: Any, lr: float = 2e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 0.0, foreach: bool | None = None, *, maximize: bool = False, **implementation: Any,
    ) -> None:  # fmt: skip
        defaults = {
            "lr": float(lr), "betas": (float(betas[0]), float(betas[1])), "eps": float(eps),
            "weight_decay": float(weight_decay), "maximize": maximize,
        }  # fmt: skip
        super().__init__(params, defaults, implementation)

    def rule(self, group: ParameterGroup) -> str:
        return "adamax"

    def coefficients(self, group: Mapping[str, Any], counts: dict[str, Any]) -> dict[str, Any]:
        beta1 = group["betas"][0]
        return self.moments(group) | {"rate": group["lr"] / (1.0 - beta1 ** counts["step"])}


class NAdam(_Moments):
    r"""Adam with Nesterov's look ahead: the step is along a mean of this gradient and of where the momentum will be.

    With :math:`\mu_t = \beta_1 (1 - 0.96^{t \psi} / 2)`, :math:`\psi` the `momentum_decay`:
    :math:`w \leftarrow w - \eta \left( \frac{1 - \mu_t}{1 - \prod_{i \le t} \mu_i} g
    + \frac{\mu_{t+1}}{1 - \prod_{i \le t+1} \mu_i} m \right) / (\sqrt{\hat v} + \epsilon)`.

    Defaults: `lr` 2e-3, `betas` (0.9, 0.999), `eps` 1e-8, `weight_decay` 0, `momentum_decay` 4e-3. State: `step`, `mu_product`,
    `exp_avg`, `exp_avg_sq`. Raises as `Adam`. Dozat, "Incorporating Nesterov momentum into Adam", ICLR 2016 workshop.

    >>> w = ag.tensor([1.0], requires_grad=True)
    >>> optimizer = ag.optim.NAdam([w], lr=0.1)
    >>> (3.0 * w).sum().backward()
    >>> optimizer.step()
    >>> w.numpy().round(3)
    array([0.894], dtype=float32)
    """

    counts: ClassVar[dict[str, float]] = {"step": 0.0, "mu_product": 1.0}

    def __init__(
        self, params: Any, lr: float = 2e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 0.0, momentum_decay: float = 4e-3, decoupled_weight_decay: bool = False, *,
        maximize: bool = False, **implementation: Any,
    ) -> None:  # fmt: skip
        defaults = {
            "lr": float(lr), "betas": (float(betas[0]), float(betas[1])), "eps": float(eps), "weight_decay": float(weight_decay),
            "momentum_decay": float(momentum_decay), "maximize": maximize, "decoupled_weight_decay": decoupled_weight_decay,
        }  # fmt: skip
        super().__init__(params, defaults, implementation)

    def check(self, group: Mapping[str, Any]) -> None:
        super().check(group)
        self.at_least_zero(group, "momentum_decay")

    def rule(self, group: ParameterGroup) -> str:
        return "nadam"

    def coefficients(self, group: Mapping[str, Any], counts: dict[str, Any]) -> dict[str, Any]:
        (beta1, beta2), step, lr, decay = group["betas"], counts["step"], group["lr"], group["momentum_decay"]
        now = beta1 * (1.0 - 0.5 * 0.96 ** (step * decay))
        ahead = beta1 * (1.0 - 0.5 * 0.96 ** ((step + 1.0) * decay))
        counts["mu_product"] = product = counts["mu_product"] * now
        return self.moments(group) | {
            "rate": lr * (1.0 - now) / (1.0 - product),
            "rate_ahead": lr * ahead / (1.0 - product * ahead),
            "scale": 1.0 / (1.0 - beta2**step),
        }


class RAdam(_Moments):
    r"""Adam whose first steps, while the second moment is not known well, are plain momentum; later ones are rectified.

    With :math:`\rho_\infty = 2 / (1 - \beta_2) - 1` and :math:`\rho_t = \rho_\infty - 2 t \beta_2^t / (1 - \beta_2^t)`: while
    :math:`\rho_t \le 5`, :math:`w \leftarrow w - \eta \hat m`; then as Adam, times
    :math:`\sqrt{\frac{(\rho_t - 4)(\rho_t - 2) \rho_\infty}{(\rho_\infty - 4)(\rho_\infty - 2) \rho_t}}`.

    Defaults: `lr` 1e-3, `betas` (0.9, 0.999), `eps` 1e-8, `weight_decay` 0. State: `step`, `exp_avg`, `exp_avg_sq`. Raises as
    `Adam`. Liu et al., arXiv:1908.03265, algorithm 2.

    >>> w = ag.tensor([1.0], requires_grad=True)
    >>> optimizer = ag.optim.RAdam([w], lr=0.1)
    >>> (3.0 * w).sum().backward()
    >>> optimizer.step()
    >>> w.numpy().round(3)
    array([0.7], dtype=float32)
    """

    def __init__(
        self, params: Any, lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 0.0, decoupled_weight_decay: bool = False, *, maximize: bool = False, **implementation: Any,
    ) -> None:  # fmt: skip
        defaults = {
            "lr": float(lr), "betas": (float(betas[0]), float(betas[1])), "eps": float(eps), "weight_decay": float(weight_decay),
            "maximize": maximize, "decoupled_weight_decay": decoupled_weight_decay,
        }  # fmt: skip
        super().__init__(params, defaults, implementation)

    def rule(self, group: ParameterGroup) -> str:
        return "radam"

    def coefficients(self, group: Mapping[str, Any], counts: dict[str, Any]) -> dict[str, Any]:
        (beta1, beta2), step = group["betas"], counts["step"]
        rate, correction2 = group["lr"] / (1.0 - beta1**step), 1.0 - beta2**step
        limit = 2.0 / (1.0 - beta2) - 1.0
        length = limit - 2.0 * step * beta2**step / correction2
        known = length > 5.0
        rho = np.where(known, length, 6.0)  # anything for which the root is real, where it is not used
        rectified = np.sqrt((rho - 4.0) * (rho - 2.0) * limit / ((limit - 4.0) * (limit - 2.0) * rho))
        return self.moments(group) | {
            "rate": np.where(known, 0.0, rate),
            "rate_adaptive": np.where(known, rate * rectified * np.sqrt(correction2), 0.0),
        }
