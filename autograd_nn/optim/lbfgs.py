"""`LBFGS`: the limited-memory quasi-Newton method, with a line search for the strong Wolfe conditions.

Decision: its arithmetic is NumPy's on one flat vector, and what it decides depends on values, so a step cannot be compiled:
it takes values out of the graph where `ag.compile` sees it, and is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from ..engine import modes
from ..engine.tensor import Tensor, assign
from .group import ParameterGroup
from .optimizer import Optimizer


class LBFGS(Optimizer):
    r"""Quasi-Newton steps :math:`w \leftarrow w - t H g`, with :math:`H` from the last `history_size` differences of gradients.

    For a deterministic loss (the whole data, not a batch) of moderately many parameters, all in one group. `step(closure)`
    needs a closure that clears the gradients, computes the loss, differentiates it and returns it; one step evaluates it
    many times.

    Defaults: `lr` 1, `max_iter` 20 iterations a step, `max_eval` 1.25 `max_iter` evaluations, `tolerance_grad` 1e-7 (the largest
    gradient) and `tolerance_change` 1e-9 end it, `history_size` 100, `line_search_fn` None (steps of `lr`) or ``"strong_wolfe"``.
    Raises ValueError for several groups or another line search. Nocedal and Wright, "Numerical Optimization", algorithms
    7.4, 3.5.

    >>> w = ag.tensor([-1.0, 2.0], dtype="float64", requires_grad=True)
    >>> optimizer = ag.optim.LBFGS([w], line_search_fn="strong_wolfe", max_iter=50)
    >>> def closure():
    ...     optimizer.zero_grad()
    ...     loss = (1 - w[0]) ** 2 + 100 * (w[1] - w[0] ** 2) ** 2  # Rosenbrock's valley
    ...     loss.backward()
    ...     return loss
    >>> _ = optimizer.step(closure)
    >>> w.numpy().round(4)
    array([1., 1.])
    """

    def __init__(
        self, params: Any, lr: float = 1.0, max_iter: int = 20, max_eval: int | None = None, tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9, history_size: int = 100, line_search_fn: str | None = None,
    ) -> None:  # fmt: skip
        defaults = {
            "lr": float(lr), "max_iter": max_iter, "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
            "tolerance_grad": float(tolerance_grad), "tolerance_change": float(tolerance_change),
            "history_size": history_size, "line_search_fn": line_search_fn,
        }  # fmt: skip
        super().__init__(params, defaults)
        self._params: list[Tensor] = self.param_groups[0]["params"]

    def add_param_group(self, param_group: Mapping[str, Any]) -> None:
        """LBFGS has one group: its steps are of all parameters together. Raises ValueError for a second one."""
        if self.param_groups:
            raise ValueError("LBFGS: takes one parameter group, because a step is one direction of all parameters")
        super().add_param_group(param_group)

    def check(self, group: Mapping[str, Any]) -> None:
        self.at_least_zero(group, "lr", "tolerance_grad", "tolerance_change")
        if group["line_search_fn"] not in (None, "strong_wolfe"):
            raise ValueError(f"LBFGS: line_search_fn is None or 'strong_wolfe', not {group['line_search_fn']!r}")

    # ---- parameters as one vector ----------------------------------------------------------------------------

    def _weights(self) -> np.ndarray:
        return np.concatenate([p.numpy() for p in self._params], axis=None)

    def _gradient(self) -> np.ndarray:
        parts = [np.zeros(p.size, p.dtype) if p.grad is None else p.grad.numpy() for p in self._params]
        return np.concatenate(parts, axis=None)

    def _move(self, weights: np.ndarray) -> None:
        first = 0
        for p in self._params:
            assign(p, weights[first : first + p.size].reshape(p.shape))
            first += p.size

    # ---- steps -----------------------------------------------------------------------------------------------

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take up to `max_iter` iterations; returns what the closure returned first. Raises TypeError without a closure."""
        if closure is None:
            raise TypeError(
                "LBFGS: step needs a closure that clears the gradients, computes the loss and calls backward"
            )
        group = self.param_groups[0]
        state = self.state.setdefault(self._params[0], {"func_evals": 0, "n_iter": 0})

        def evaluated() -> tuple[Any, np.ndarray]:
            loss = self.loss_of(closure)
            return loss, self._gradient()

        with modes.change(grad=False):
            first_loss, g = evaluated()
            state["func_evals"] += 1
            if np.abs(g).max() > group["tolerance_grad"]:
                self._iterate(group, state, evaluated, float(first_loss), g)
        return first_loss

    def _iterate(
        self, group: ParameterGroup, state: dict[str, Any], evaluated: Callable[[], Any], loss: float, g: np.ndarray
    ) -> None:
        lr, tolerance_grad, tolerance_change = group["lr"], group["tolerance_grad"], group["tolerance_change"]
        evaluations = 1
        for iteration in range(1, group["max_iter"] + 1):
            state["n_iter"] += 1
            d = _direction(state, g, group["history_size"])
            state["d"], state["prev_flat_grad"], state["prev_loss"] = d, g.copy(), loss
            t = lr if state["n_iter"] > 1 else min(1.0, 1.0 / float(np.abs(g).sum())) * lr
            state["t"] = t
            slope = float(g @ d)
            if slope > -tolerance_change:
                break
            before, old_loss, used = self._weights(), loss, 0
            last = iteration == group["max_iter"]
            if group["line_search_fn"] is not None:

                def trial(t: float, start: np.ndarray = before, d: np.ndarray = d) -> _Trial:
                    self._move(start + np.asarray(t, d.dtype) * d)
                    loss, g = evaluated()
                    return _Trial(t, float(loss), g, float(g @ d))

                try:
                    found, used = _strong_wolfe(
                        trial, t, _Trial(0.0, loss, g, slope), float(np.abs(d).max()), tolerance_change,
                        group["max_eval"] - evaluations,
                    )  # fmt: skip
                except BaseException:
                    self._move(before)
                    raise
                t, loss, g = found.t, found.loss, found.gradient
                state["t"] = t
            self._move(before + np.asarray(t, d.dtype) * d)
            if group["line_search_fn"] is None and not last:  # the last iteration has no use for it
                value, g = evaluated()
                loss, used = float(value), 1
            evaluations += used
            state["func_evals"] += used
            if (
                last
                or evaluations >= group["max_eval"]
                or np.abs(g).max() <= tolerance_grad
                or np.abs(d * t).max() <= tolerance_change
                or abs(loss - old_loss) < tolerance_change
            ):
                break

    # ---- its dictionary --------------------------------------------------------------------------------------

    def _read(self, what: str, p: Tensor, saved: Mapping[str, Any], group: ParameterGroup) -> dict[str, Any]:
        total = sum([q.size for q in self._params])

        def copied(name: str, value: Any) -> Any:
            if isinstance(value, (list, tuple)):
                return [copied(name, v) for v in value]
            if not hasattr(value, "shape"):
                return value
            array = np.array(value.numpy() if isinstance(value, Tensor) else value)
            if not array.ndim:
                return array.item()
            if array.shape != (total,):
                raise ValueError(
                    f"LBFGS: the saved {name!r} has shape {array.shape}, the parameters together have {total} elements"
                )
            return array

        return {name: copied(name, v) for name, v in saved.items() if v is not None and name != "al"}


def _direction(state: dict[str, Any], g: np.ndarray, history_size: int) -> np.ndarray:
    """-H g by the two loops over the history (algorithm 7.4), after the last step went into it."""
    if state["n_iter"] == 1:
        state.update(old_dirs=[], old_stps=[], ro=[], H_diag=1.0)
        return -g
    ys, ss, rhos = state["old_dirs"], state["old_stps"], state["ro"]
    y, s = g - state["prev_flat_grad"], state["d"] * state["t"]
    curvature = y @ s
    if curvature > 1e-10:
        if len(ys) == history_size:
            del ys[0], ss[0], rhos[0]
        ys.append(y)
        ss.append(s)
        rhos.append(float(1.0 / curvature))
        state["H_diag"] = float(curvature / (y @ y))
    q, along = -g, []
    for y, s, rho in zip(reversed(ys), reversed(ss), reversed(rhos), strict=True):
        along.append(float(s @ q) * rho)
        q -= q.dtype.type(along[-1]) * y
    q *= q.dtype.type(state["H_diag"])
    for y, s, rho in zip(ys, ss, rhos, strict=True):
        q += q.dtype.type(along.pop() - float(y @ q) * rho) * s
    return q


class _Trial(NamedTuple):
    """A point on the line: how far, the loss there, the gradient, and its component along the line."""

    t: float
    loss: float
    gradient: np.ndarray
    slope: float


def _strong_wolfe(
    evaluate: Callable[[float], _Trial], t: float, start: _Trial, reach: float, tolerance: float, most: int
) -> tuple[_Trial, int]:
    """A point with enough descent and a small enough slope (algorithms 3.5 and 3.6), and the number of evaluations.

    `reach` is the largest component of the direction: below `tolerance` times 1 / reach the bracket is narrow enough.
    """
    descent, flatness = 1e-4, 0.9

    def too_high(x: _Trial) -> bool:
        return x.loss > start.loss + descent * x.t * start.slope

    def is_flat(x: _Trial) -> bool:
        return abs(x.slope) <= -flatness * start.slope

    previous, trial, count = start, evaluate(t), 0
    while count < most:
        if too_high(trial) or (count > 1 and trial.loss >= previous.loss):
            bracket = [previous, trial]
            break
        if is_flat(trial):
            return trial, count + 1
        if trial.slope >= 0:
            bracket = [previous, trial]
            break
        t = _interpolated(previous, trial, trial.t + 0.01 * (trial.t - previous.t), 10.0 * trial.t)
        previous, trial, count = trial, evaluate(t), count + 1
    else:
        bracket = [start, trial]
    low, high = (0, 1) if bracket[0].loss <= bracket[1].loss else (1, 0)
    stalled = False
    while count < most and abs(bracket[1].t - bracket[0].t) * reach >= tolerance:
        left, right = sorted((bracket[0].t, bracket[1].t))
        t = _interpolated(bracket[0], bracket[1], left, right)
        margin = 0.1 * (right - left)  # twice this near an end, or beyond one: move that far in
        if min(right - t, t - left) < margin:
            if stalled or t >= right or t <= left:
                t = right - margin if abs(t - right) < abs(t - left) else left + margin
                stalled = False
            else:
                stalled = True
        else:
            stalled = False
        trial, count = evaluate(t), count + 1
        if too_high(trial) or trial.loss >= bracket[low].loss:
            bracket[high] = trial
            low, high = (0, 1) if bracket[0].loss <= bracket[1].loss else (1, 0)
            continue
        if is_flat(trial):
            return trial, count + 1
        if trial.slope * (bracket[high].t - bracket[low].t) >= 0:
            bracket[high] = bracket[low]
        bracket[low] = trial
    return bracket[low], count + 1


def _interpolated(a: _Trial, b: _Trial, least: float, most: float) -> float:
    """Where the cubic through two points with these slopes is least, within bounds (equation 3.59)."""
    d1 = a.slope + b.slope - 3.0 * (a.loss - b.loss) / (a.t - b.t)
    square = d1 * d1 - a.slope * b.slope
    if not square >= 0:
        return (least + most) / 2.0
    d2 = float(np.sqrt(square))
    if a.t > b.t:
        a, b = b, a
    return min(max(b.t - (b.t - a.t) * ((b.slope + d2 - d1) / (b.slope - a.slope + 2.0 * d2)), least), most)
