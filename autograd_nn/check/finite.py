"""Finite differences: numerical derivatives to hold analytic ones against, to first and second order.

Central differences at steps h and h/2, extrapolated (Richardson), so the error is of order h^4: about 1e-9 relative
in float64 for functions of moderate size. Source: Press et al., Numerical Recipes, section 5.7.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..engine.backward import gradients
from ..engine.tensor import Tensor, tensor

Arrays = Sequence[np.ndarray]


def numerical_gradient(f: Callable[..., float], arrays: Arrays, step: float = 2e-3) -> list[np.ndarray]:
    """The derivative of a scalar function of float64 arrays with respect to each element of each."""
    results = []
    for k, array in enumerate(arrays):
        result = np.zeros(array.shape)
        for position in np.ndindex(array.shape):
            slopes = []
            for h in (step, step / 2):
                values = []
                for sign in (1.0, -1.0):
                    moved = [np.array(a) for a in arrays]
                    moved[k][position] += sign * h
                    values.append(float(f(*moved)))
                slopes.append((values[0] - values[1]) / (2 * h))
            result[position] = (4 * slopes[1] - slopes[0]) / 3
        results.append(result)
    return results


def analytic_gradient(
    f: Callable[..., Any], arrays: Arrays, cotangents: Arrays, create_graph: bool = False
) -> tuple[list[Tensor], list[Tensor]]:
    """The gradient of sum(cotangents * f(arrays)) by the engine, and the leaves it was taken at."""
    leaves = [tensor(a, requires_grad=True) for a in arrays]
    total = projected(f(*leaves), cotangents)
    if total.node is None:
        return [tensor(np.zeros(a.shape, a.dtype)) for a in arrays], leaves
    found = gradients(total, leaves, create_graph=create_graph, allow_unused=True)
    return [tensor(np.zeros(a.shape, a.dtype)) if g is None else g for g, a in zip(found, arrays, strict=True)], leaves


def projected(outputs: Any, cotangents: Arrays) -> Any:
    """sum(cotangents * outputs) over the floating outputs: a scalar with the same derivatives."""
    floating = floating_outputs(outputs)
    total: Any = 0.0
    for out, c in zip(floating, cotangents, strict=True):
        total = total + (out * c.astype(out.dtype)).sum()
    return total


def floating_outputs(outputs: Any) -> list[Any]:
    parts = outputs if isinstance(outputs, tuple) else (outputs,)
    return [p for p in parts if p.dtype.kind == "f"]


def largest_error(found: Any, expected: Any) -> float:
    """The largest difference, relative to the largest expected value or 1; inf where one is finite and the other not."""
    found, expected = np.asarray(found, np.float64), np.asarray(expected, np.float64)
    if found.shape != expected.shape:
        return np.inf
    if found.size == 0 or np.array_equal(found, expected, equal_nan=True):
        return 0.0
    difference = np.abs(found - expected)
    if not np.isfinite(difference).all():
        return np.inf
    return float(difference.max() / max(1.0, float(np.abs(expected).max())))


def gradient_errors(f: Callable[..., Any], arrays: Arrays, rng: np.random.Generator, order: int = 2) -> list[float]:
    """The largest relative error of the engine's derivatives of f, for each order up to `order`.

    f takes as many Tensors (or float64 arrays) as there are arrays. The second order is the derivative of a random
    projection of the gradient, against differences of the gradient itself.
    """
    cotangents = [rng.standard_normal(o.shape) for o in floating_outputs(f(*arrays))]
    found, _ = analytic_gradient(f, arrays, cotangents)
    expected = numerical_gradient(lambda *a: projected(f(*a), cotangents), arrays)
    errors = [max((largest_error(g.numpy(), e) for g, e in zip(found, expected, strict=True)), default=0.0)]
    if order < 2:
        return errors
    directions = [rng.standard_normal(a.shape) for a in arrays]

    def slope(*moved: np.ndarray) -> float:
        gs, _ = analytic_gradient(f, moved, cotangents)
        return float(sum(np.sum(g.numpy() * v) for g, v in zip(gs, directions, strict=True)))

    gs, leaves = analytic_gradient(f, arrays, cotangents, create_graph=True)
    total: Any = 0.0
    for g, v in zip(gs, directions, strict=True):
        total = total + (g * v).sum()
    second = (
        gradients(total, leaves, allow_unused=True)
        if isinstance(total, Tensor) and total.requires_grad
        else [None] * len(leaves)
    )
    expected = numerical_gradient(slope, arrays)
    pairs = [(np.zeros(e.shape) if s is None else s.numpy(), e) for s, e in zip(second, expected, strict=True)]
    return [*errors, max((largest_error(s, e) for s, e in pairs), default=0.0)]
