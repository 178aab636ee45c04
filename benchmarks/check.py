"""What checking costs: the random-direction check of a network of a million parameters, and localisation against length.

    python -m benchmarks check

The first figure is in units of one training step's forward and backward pass of the same network in float32 (the check runs
in float64), the median of rounds in which the two alternate. The second is the time of finding the wrong operation at the
end of a chain, for each operation of it: constant, because localising looks at each operation once.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

import autograd_nn as ag

from .interleaved import machine

TARGET = 20.0
"""A check takes at most this many forward and backward passes."""


class Network:
    """A perceptron of about a million parameters, 784-1000-200-10, on a batch of 256."""

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        self.weights = [
            ag.tensor((rng.standard_normal((a, b)) / np.sqrt(a)).astype(np.float32), requires_grad=True, name=f"w{a}")
            for a, b in itertools.pairwise([784, 1000, 200, 10])
        ]
        self.x = rng.standard_normal((256, 784)).astype(np.float32)
        self.labels = rng.integers(0, 10, 256)

    def named_parameters(self) -> Iterator[tuple[str, Any]]:
        return ((str(w.name), w) for w in self.weights)

    def __call__(self, x: Any) -> Any:
        for w in self.weights[:-1]:
            x = ag.relu(x @ w)
        return ag.cross_entropy(x @ self.weights[-1], self.labels)

    def step(self) -> None:
        self(ag.tensor(self.x)).backward()
        for w in self.weights:
            w.grad = None


def million(rounds: int = 9) -> tuple[list[float], Any]:
    """The cost of a check in steps, round by round, and the last report."""
    network = Network()
    ratios, report = [], None
    for _ in range(rounds + 1):
        step = statistics.median([_timed(network.step) for _ in range(3)])
        report = ag.check_model(network, network.x, coverage="directions")
        ratios.append(report.seconds / step)
    return ratios[1:], report  # the first round warms up


@ag.op(kind="elementwise")
def wrong_sine(x, /):
    """A sine whose rule is wrong by a thousandth."""
    return np.sin(x)


wrong_sine.vjp(x=lambda g, x: 1.001 * g * ag.cos(x))


def chain(length: int) -> float:
    """The seconds that localising took for each operation of a chain whose last one is wrong."""

    def f(x: Any) -> Any:
        for _ in range(length // 2):
            x = -x + 0.1
        return wrong_sine(x)

    start = time.process_time()
    report = ag.gradcheck(f, np.array([0.3, 0.4]), coverage="directions")
    taken = time.process_time() - start
    assert report.place.operation == "wrong_sine"
    return taken / report.operations


def main(arguments: list[str]) -> int:
    argparse.ArgumentParser(prog="python -m benchmarks check", description=__doc__).parse_args(arguments)
    print(machine())
    ratios, report = million()
    middle = statistics.median(ratios)
    print(f"\n{report.elements} parameters, in random directions: {report.verdict}, {report.evaluations} evaluations")
    print(
        f"  {middle:.1f} forward and backward passes, from {min(ratios):.1f} to {max(ratios):.1f} in {len(ratios)} rounds"
    )
    print(f"  target {TARGET:.0f}: {'reached' if middle <= TARGET else 'MISSED'}")
    print("\nlocalising the last operation of a chain")
    chain(100)
    for length in (250, 500, 1000, 2000, 4000):
        print(f"  {length:>5} operations   {chain(length) * 1e6:8.0f} us each")
    return int(middle > TARGET)


def _timed(run: Any) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start
