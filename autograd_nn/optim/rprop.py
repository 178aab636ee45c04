"""Rprop: only the signs of gradients count, and each element has a step size of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .group import ParameterGroup
from .stepper import Stepper


class Rprop(Stepper):
    r"""Steps against the gradient's sign, longer while it stays the same, shorter where it has turned; for whole batches.

    :math:`\Delta \leftarrow \mathrm{clip}(\eta_\pm \Delta)` by the sign of :math:`g g_{t-1}`,
    :math:`w \leftarrow w - \Delta\, \mathrm{sign}(g)`; where the sign has turned g counts as 0.

    Defaults: `lr` 1e-2 (the first step), `etas` (0.5, 1.2), `step_sizes` (1e-6, 50) the bounds. State: `step`, `prev`,
    `step_size`. Raises ValueError unless 0 < etas[0] < 1 < etas[1]. Riedmiller and Braun, ICNN 1993.

    >>> w = ag.tensor([1.0], requires_grad=True)
    >>> optimizer = ag.optim.Rprop([w], lr=0.1)
    >>> (3.0 * w).sum().backward()
    >>> optimizer.step()
    >>> optimizer.step()
    >>> w.numpy().round(3)
    array([0.78], dtype=float32)
    """

    def __init__(
        self, params: Any, lr: float = 1e-2, etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50.0), *, capturable: bool = False, foreach: bool | None = None,
        maximize: bool = False, **implementation: Any,
    ) -> None:  # fmt: skip
        defaults = {"lr": float(lr), "etas": tuple(etas), "step_sizes": tuple(step_sizes), "maximize": maximize}
        super().__init__(params, defaults, implementation)

    def check(self, group: Mapping[str, Any]) -> None:
        self.at_least_zero(group, "lr")
        if not 0.0 < group["etas"][0] < 1.0 < group["etas"][1]:
            raise ValueError(f"Rprop: etas must be below 1 and above 1, got {tuple(group['etas'])}")

    def rule(self, group: ParameterGroup) -> str:
        return "rprop"

    def initial(self, name: str, group: Mapping[str, Any]) -> float:
        return group["lr"] if name == "step_size" else 0.0

    def coefficients(self, group: Mapping[str, Any], counts: dict[str, Any]) -> dict[str, Any]:
        (minus, plus), (shortest, longest) = group["etas"], group["step_sizes"]
        return {
            "sign": -1.0 if group["maximize"] else 1.0,
            "mean": (plus + minus) / 2.0 - 1.0,
            "swing": (plus - minus) / 2.0,
            "shortest": shortest,
            "longest": longest,
            "one": 1.0,
            "none": 0.0,
        }
