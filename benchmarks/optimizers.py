"""One step of an optimizer beside PyTorch's three implementations, over a tiny network, a perceptron and a residual network.

Both sides use the same number of threads; the gradients are there already, so nothing but the step is timed.
"""

from __future__ import annotations

import argparse
import math
import statistics
from collections.abc import Callable
from typing import Any

import numpy as np

import autograd_nn as ag

from .interleaved import installed, machine, medians, table

RESIDUAL = [
    (16, 3, 3, 3), *[(64,)] * 20, *[(64, 64, 3, 3)] * 12, *[(128,)] * 10, *[(128, 128, 3, 3)] * 8, *[(256, 256, 3, 3)] * 6,
    (512, 256, 1, 1), (10, 512), (10,),
]  # fmt: skip
NETWORKS = {
    "2-16-2": [(2, 16), (16,), (16, 2), (2,)],
    "784-512-512-10": [(784, 512), (512,), (512, 512), (512,), (512, 10), (10,)],
    "residual": RESIDUAL,
}
SETTINGS: dict[str, dict[str, Any]] = {"Adam": {}, "AdamW": {}, "SGD": {"lr": 0.01, "momentum": 0.9}}


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks optimizers", description=__doc__)
    parser.add_argument("--threads", type=int, default=ag.get_num_threads(), help="of both sides (default: all)")
    parser.add_argument("--seconds", type=float, default=1.0, help="for each side of each row (default: 1)")
    chosen = parser.parse_args(arguments)
    ag.set_num_threads(chosen.threads)
    print(machine() + f", {chosen.threads} threads")
    ratios = []
    for network, shapes in NETWORKS.items():
        size = sum([math.prod(s) for s in shapes])
        for name, settings in SETTINGS.items():
            sides: dict[str, Callable[[], object]] = {"autograd_nn": ours(name, shapes, settings)}
            if installed("torch"):
                sides |= theirs(name, shapes, settings, chosen.threads)
            times = medians(sides, chosen.seconds)
            reference = "torch, fused" if len(sides) > 1 else "autograd_nn"
            ratios.append(table(f"{name}, {network}: {len(shapes)} arrays, {size:,} elements", times, reference))
    print(f"\ngeometric mean {statistics.geometric_mean(ratios):.2f} of PyTorch's fused implementation")
    return 0


def arrays(shapes: list[tuple[int, ...]], seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(s, np.float32) for s in shapes]


def ours(name: str, shapes: list[tuple[int, ...]], settings: dict[str, Any]) -> Callable[[], object]:
    parameters = [ag.tensor(a, requires_grad=True) for a in arrays(shapes, 0)]
    for p, g in zip(parameters, arrays(shapes, 1), strict=True):
        p.grad = ag.tensor(g)
    return getattr(ag.optim, name)(parameters, **settings).step


def theirs(
    name: str, shapes: list[tuple[int, ...]], settings: dict[str, Any], threads: int
) -> dict[str, Callable[[], object]]:
    import torch

    torch.set_num_threads(threads)
    sides: dict[str, Callable[[], object]] = {}
    for label, implementation in {
        "fused": {"fused": True},
        "foreach": {"foreach": True},
        "for": {"foreach": False},
    }.items():
        parameters = [torch.tensor(a, requires_grad=True) for a in arrays(shapes, 0)]
        for p, g in zip(parameters, arrays(shapes, 1), strict=True):
            p.grad = torch.tensor(g)
        sides[f"torch, {label}"] = getattr(torch.optim, name)(parameters, **settings, **implementation).step
    return sides
