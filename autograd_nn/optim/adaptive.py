"""Adagrad, Adadelta and RMSprop: each element's step is divided by the size its gradients have had."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .group import ParameterGroup
from .stepper import Stepper


class Adagrad(Stepper):
    r"""Steps divided by the root of the sum of all squared gradients, so that rare features learn as fast as common ones.

    :math:`s \leftarrow s + g^2`, :math:`w \leftarrow w - \frac{\eta}{1 + (t - 1) \gamma}\, g / (\sqrt s + \epsilon)`, with
    :math:`\gamma` the `lr_decay`; s begins at `initial_accumulator_value`.

    Defaults: `lr` 1e-2, `eps` 1e-10, the others 0. State: `step`, `sum`. Raises ValueError for a negative number.
    Duchi et al., "Adaptive subgradient methods", JMLR 12, 2011.

    >>> w = ag.tensor([1.0], requires_grad=True)
    >>> optimizer = ag.optim.Adagrad([w], lr=0.1)
    >>> (3.0 * w).sum().backward()
    >>> optimizer.step()
    >>> w.numpy().round(3)
    array([0.9], dtype=float32)
    """

    def __init__(
        self, params: Any, lr: float = 1e-2, lr_decay: float = 0.0, weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0, eps: float = 1e-10, foreach: bool | None = None, *, maximize: bool = False,
        **implementation: Any,
    ) -> None:  # fmt: skip
        defaults = {
            "lr": float(lr), "lr_decay": float(lr_decay), "weight_decay": float(weight_decay), "eps": float(eps),
            "initial_accumulator_value": float(initial_accumulator_value), "maximize": maximize,
        }  # fmt: skip
        super().__init__(params, defaults, implementation)

    def check(self, group: Mapping[str, Any]) -> None:
        self.at_least_zero(group, "lr", "lr_decay", "weight_decay", "initial_accumulator_value", "eps")

    def rule(self, group: ParameterGroup) -> str:
        return "adagrad"

    def initial(self, name: str, group: Mapping[str, Any]) -> float:
        return group["initial_accumulator_value"]

    def coefficients(self, group: Mapping[str, Any], counts: dict[str, Any]) -> dict[str, Any]:
        return {
            "rate": group["lr"] / (1.0 + (counts["step"] - 1.0) * group["lr_decay"]),
            "sign": -1.0 if group["maximize"] else 1.0,
            "decay": group["weight_decay"],
            "eps": group["eps"],
        }


class Adadelta(Stepper):
    r"""Steps of the size that the last steps had, relative to the gradients: no unit is left in them.

    :math:`v \leftarrow \rho v + (1 - \rho) g^2`, :math:`\delta = g \sqrt{u + \epsilon} / \sqrt{v + \epsilon}`,
    :math:`u \leftarrow \rho u + (1 - \rho) \delta^2`, :math:`w \leftarrow w - \eta \delta`.

    Defaults: `lr` 1, `rho` 0.9, `eps` 1e-6, `weight_decay` 0. State: `step`, `square_avg`, `acc_delta`. Raises ValueError for a
    negative number, or `rho` above 1. Zeiler, arXiv:1212.5701.

    >>> w = ag.tensor([1.0], requires_grad=True)
    >>> optimizer = ag.optim.Adadelta([w])
    >>> (3.0 * w).sum().backward()
    >>> optimizer.step()
    >>> w.numpy().round(4)
    array([0.9968], dtype=float32)
    """

    def __init__(
        self, params: Any, lr: float = 1.0, rho: float = 0.9, eps: float = 1e-6, weight_decay: float = 0.0,
        foreach: bool | None = None, *, maximize: bool = False, **implementation: Any,
    ) -> None:  # fmt: skip
        defaults = {
            "lr": float(lr), "rho": float(rho), "eps": float(eps), "weight_decay": float(weight_decay), "maximize": maximize,
        }  # fmt: skip
        super().__init__(params, defaults, implementation)

    def check(self, group: Mapping[str, Any]) -> None:
        self.at_least_zero(group, "lr", "eps", "weight_decay", "rho")
        if group["rho"] > 1.0:
            raise ValueError(f"Adadelta: rho must be at most 1, got {group['rho']}")

    def rule(self, group: ParameterGroup) -> str:
        return "adadelta"

    def coefficients(self, group: Mapping[str, Any], counts: dict[str, Any]) -> dict[str, Any]:
        return {
            "rate": group["lr"],
            "sign": -1.0 if group["maximize"] else 1.0,
            "decay": group["weight_decay"],
            "rho": group["rho"],
            "fresh": 1.0 - group["rho"],
            "eps": group["eps"],
        }


class RMSprop(Stepper):
    r"""Steps divided by the root of a running mean of squared gradients.

    :math:`v \leftarrow \alpha v + (1 - \alpha) g^2`, :math:`w \leftarrow w - \eta\, g / (\sqrt v + \epsilon)`; `centered`
    takes the square of the mean gradient from v; with `momentum` the quotient goes into a buffer,
    :math:`b \leftarrow \mu b + g / (\sqrt v + \epsilon)`, along which the step is.

    Defaults: `lr` 1e-2, `alpha` 0.99, `eps` 1e-8, the others 0. State: `step`, `square_avg` (and `grad_avg`, `momentum_buffer`).
    Raises ValueError for a negative number. Tieleman and Hinton, lecture 6.5 of "Neural networks for machine learning", 2012;
    centered: Graves, arXiv:1308.0850.

    >>> w = ag.tensor([1.0], requires_grad=True)
    >>> optimizer = ag.optim.RMSprop([w], lr=0.1, alpha=0.75)
    >>> (3.0 * w).sum().backward()
    >>> optimizer.step()
    >>> w.numpy().round(3)
    array([0.8], dtype=float32)
    """

    def __init__(
        self, params: Any, lr: float = 1e-2, alpha: float = 0.99, eps: float = 1e-8, weight_decay: float = 0.0,
        momentum: float = 0.0, centered: bool = False, capturable: bool = False, foreach: bool | None = None,
        maximize: bool = False, **implementation: Any,
    ) -> None:  # fmt: skip
        defaults = {
            "lr": float(lr), "alpha": float(alpha), "eps": float(eps), "weight_decay": float(weight_decay),
            "momentum": float(momentum), "centered": centered, "maximize": maximize,
        }  # fmt: skip
        super().__init__(params, defaults, implementation)

    def check(self, group: Mapping[str, Any]) -> None:
        self.at_least_zero(group, "lr", "eps", "weight_decay", "momentum", "alpha")

    def rule(self, group: ParameterGroup) -> str:
        return (
            "rmsprop" + ("_centered" if group["centered"] else "") + ("" if group.is_zero("momentum") else "_momentum")
        )

    def coefficients(self, group: Mapping[str, Any], counts: dict[str, Any]) -> dict[str, Any]:
        return {
            "rate": group["lr"],
            "sign": -1.0 if group["maximize"] else 1.0,
            "decay": group["weight_decay"],
            "alpha": group["alpha"],
            "fresh": 1.0 - group["alpha"],
            "eps": group["eps"],
            "kept": group["momentum"],
        }
