"""A training step of single numbers, what an operation of it costs compiled: python -m benchmarks scalars.

A perceptron 2-16-16-1 with tanh, a squared error and gradient descent, one sample, each of its 337 weights a Tensor of its own,
as in micrograd. An operation is one that `ag.record` shows: forward, backward and update.
"""

from __future__ import annotations

import argparse
import itertools
import random
from collections.abc import Callable
from typing import Any

import autograd_nn as ag

from .interleaved import machine, medians

TARGET = 20.0
"""Nanoseconds an operation."""


def perceptron(*sizes: int) -> Callable[[Any, Any, Any], Any]:
    """A step of gradient descent on one sample; returns its loss."""
    draw = random.Random(0)
    layers = [
        [
            (
                [ag.tensor(draw.uniform(-1, 1) / n**0.5, requires_grad=True) for _ in range(n)],
                ag.tensor(0.0, requires_grad=True),
            )
            for _ in range(m)
        ]
        for n, m in itertools.pairwise(sizes)
    ]
    parameters = [p for layer in layers for weights, bias in layer for p in (*weights, bias)]

    def step(x: Any, y: Any, target: Any) -> Any:
        values = [x, y]
        for i, layer in enumerate(layers):
            out = []
            for weights, bias in layer:
                total = bias
                for w, v in zip(weights, values, strict=True):
                    total = total + w * v
                out.append(total if i == len(layers) - 1 else ag.tanh(total))
            values = out
        loss = (values[0] - target) ** 2
        for p in parameters:
            p.grad = None
        loss.backward()
        for p in parameters:
            ag.assign(p, p - 0.05 * p.grad)
        return loss

    return step


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks scalars", description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0, help="for each side")
    chosen = parser.parse_args(arguments)
    eager, compiled = perceptron(2, 16, 16, 1), ag.compile(perceptron(2, 16, 16, 1))
    sample = [ag.tensor(v) for v in (0.3, -0.6, 0.5)]
    for _ in range(3):  # compiled, and compared with the eager step
        assert abs(float(eager(*sample)) - float(compiled(*sample))) < 1e-5
    with ag.record() as record:
        eager(*sample)
    count = len(record.entries)
    times = medians({"autograd_nn": lambda: eager(*sample), "ag.compile": lambda: compiled(*sample)}, chosen.seconds)
    print(f"A training step of {count} operations on single numbers, on {machine()}")
    for name, seconds in times.items():
        print(f"{name:<14}{seconds * 1e6:12.1f} us{seconds / count * 1e9:10.1f} ns an operation")
    reached = times["ag.compile"] / count * 1e9 <= TARGET
    print(f"target {TARGET:.0f} ns an operation: {'reached' if reached else 'MISSED'}")
    return 0
