"""Transforms and random numbers beside their peers: HIPS autograd's transforms, PyTorch's draws and dropout.

python -m benchmarks transforms [--seconds 0.3]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import numpy as np

import autograd_nn as ag

from .interleaved import installed, machine, medians, table

SIZES = (64, 4096, 65_536, 1 << 20)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks transforms", description=__doc__)
    parser.add_argument("--seconds", type=float, default=0.3, help="what each side may take for each line")
    seconds = parser.parse_args(arguments).seconds
    print(machine())
    derivatives(seconds)
    if installed("torch"):
        draws(seconds)
    return 0


def derivatives(seconds: float) -> None:
    """A network of six layers of 40, as plain NumPy and as HIPS autograd's."""
    rng = np.random.default_rng(0)
    weights = [rng.standard_normal((40, 40)) / 6.0 for _ in range(6)]
    x = rng.standard_normal(40)

    def network(np: Any) -> Callable[[Any], Any]:
        def f(x: Any) -> Any:
            for w in weights:
                x = np.tanh(np.dot(x, w))
            return x

        return f

    ours, loss = network(np), lambda x: np.sum(ours(x) ** 2)
    sides: dict[str, dict[str, Callable[[], Any]]] = {
        "gradient": {"autograd_nn": lambda: ag.grad(loss)(x)},
        "Jacobian, 40 by 40": {
            "autograd_nn": lambda: ag.jacobian(ours)(x),
            "autograd_nn forward": lambda: ag.jacobian(ours, mode="forward")(x),
        },
        "Hessian, 40 by 40": {"autograd_nn": lambda: ag.hessian(loss)(x)},
    }
    if installed("autograd"):
        import autograd
        import autograd.numpy as anp

        theirs, their_loss = network(anp), lambda x: anp.sum(network(anp)(x) ** 2)
        sides["gradient"]["HIPS autograd"] = lambda: autograd.grad(their_loss)(x)
        sides["Jacobian, 40 by 40"]["HIPS autograd"] = lambda: autograd.jacobian(theirs)(x)
        sides["Hessian, 40 by 40"]["HIPS autograd"] = lambda: autograd.hessian(their_loss)(x)
    for name, runs in sides.items():
        table(name, medians(runs, seconds), "HIPS autograd" if "HIPS autograd" in runs else "autograd_nn")


def draws(seconds: float) -> None:
    """Dropout and random numbers against PyTorch, one thread on both sides."""
    import torch

    torch.set_num_threads(1)
    for n in SIZES:
        for name, (ours, theirs, target) in draws_of(torch, n).items():
            sides = {"autograd_nn": ours, "PyTorch": theirs}
            table(f"{name}, {n} elements", medians(sides, seconds), "PyTorch", target)


def draws_of(torch: Any, n: int) -> dict[str, tuple[Callable[[], Any], Callable[[], Any], float | None]]:
    """What is drawn of n elements: ours, PyTorch's, and the target for their ratio."""
    x, t, drop = ag.randn(n), torch.randn(n), torch.nn.functional.dropout
    w, v = ag.randn(n, requires_grad=True), torch.randn(n, requires_grad=True)
    return {
        "dropout": (lambda: ag.dropout(x, 0.1), lambda: drop(t, 0.1), 1.0),
        "dropout, back too": (
            lambda: ag.dropout(w, 0.1).sum().backward(),
            lambda: drop(v, 0.1).sum().backward(),
            1.0,
        ),
        "uniform": (lambda: ag.rand(n), lambda: torch.rand(n), None),
        "normal": (lambda: ag.randn(n), lambda: torch.randn(n), None),
    }
