"""What one operation costs: recorded calls, chains, scalar graphs, a tiny network, importing.

Each line is a median of an interleaved run, beside whichever of PyTorch, JAX, HIPS autograd, MyGrad and micrograd are installed.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import math
import os
import random
import statistics
import subprocess
import sys
import time
import timeit
from collections.abc import Callable
from typing import Any

import numpy as np

import autograd_nn as ag

from .interleaved import installed, machine, medians, table

Sides = dict[str, Callable[[], object]]


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks overhead", description=__doc__)
    parser.add_argument("--seconds", type=float, default=1.0, help="for each side of each line (default 1)")
    seconds = parser.parse_args(arguments).seconds
    peers = installed("torch", "jax", "autograd", "mygrad", "micrograd")
    print(machine())
    print(f"peers: {', '.join(peers) or 'none installed'}")
    one_recorded_op(seconds)
    chain(peers, seconds)
    scalar_graphs(peers, seconds)
    tiny_network(peers, seconds)
    importing()
    return 0


def one_recorded_op(seconds: float) -> None:
    """Ours, recorded, against NumPy's own call, on 4 elements."""
    a, b = np.array([0.1, 0.2, 0.3, 0.4], np.float32), np.array([0.5, 0.6, 0.7, 0.8], np.float32)
    m = np.arange(4.0, dtype=np.float32).reshape(2, 2)
    x, y, w = (ag.tensor(v, requires_grad=True) for v in (a, b, m))
    names = {"ag": ag, "np": np, "a": a, "b": b, "m": m, "x": x, "y": y, "w": w}
    calls = {
        **{name: (f"ag.{name}(x)", f"np.{name}(a)") for name in ("tanh", "exp", "sin", "sum")},
        **{name: (f"ag.{name}(x, y)", f"np.{name}(a, b)") for name in ("add", "multiply")},
        "matmul": ("ag.matmul(w, w)", "np.matmul(m, m)"),
        "reshape": ("ag.reshape(x, (2, 2))", "np.reshape(a, (2, 2))"),
        "concatenate": ("ag.concatenate([x, y])", "np.concatenate([a, b])"),
    }
    # Statements, not functions: the call of a function around them would dilute the ratio.
    print("\none recorded operation on 4 elements, against NumPy's own call (target 2.5)")
    ratios = []
    for name, statements in calls.items():
        timers = [timeit.Timer(statement, globals=names) for statement in statements]
        rounds = [[timer.timeit(5000) / 5000 for timer in timers] for _ in range(max(5, int(60 * seconds)))]
        ours, numpys = (statistics.median(times) for times in zip(*rounds, strict=True))
        ratios.append(ours / numpys)
        verdict = "" if ratios[-1] <= 2.5 else "   MISSED"
        print(f"  {name:<12} {ours * 1e9:7.0f} ns   NumPy {numpys * 1e9:7.0f} ns   {ratios[-1]:5.2f}{verdict}")
    mean = math.exp(statistics.fmean(map(math.log, ratios)))
    print(f"  {'geometric mean':<12} {mean:33.2f}")


def chain(peers: list[str], seconds: float) -> None:
    """Fifty sines of sines, forward and backward, on 4 elements."""
    a = np.array([0.1, 0.2, 0.3, 0.4])
    ones = np.ones(4)
    x = ag.tensor(a, requires_grad=True)

    def ours() -> None:
        h = x
        for _ in range(50):
            h = ag.sin(h)
        h.backward(ones)

    sides: Sides = {"autograd_nn": ours}
    if "torch" in peers:
        import torch

        tx, tones = torch.tensor(a, requires_grad=True), torch.ones(4, dtype=torch.float64)

        def theirs() -> None:
            h = tx
            for _ in range(50):
                h = torch.sin(h)
            h.backward(tones)

        sides["PyTorch"] = theirs
    if "autograd" in peers:
        import autograd
        import autograd.numpy as anp

        def composed(v: Any) -> Any:
            for _ in range(50):
                v = anp.sin(v)
            return anp.sum(v)

        gradient = autograd.grad(composed)
        sides["HIPS autograd"] = lambda: gradient(a)
    if "mygrad" in peers:
        import mygrad

        mx = mygrad.tensor(a)

        def mygrads() -> None:
            h = mx
            for _ in range(50):
                h = mygrad.sin(h)
            h.backward(ones)

        sides["MyGrad"] = mygrads
    if "jax" in peers:
        import jax
        import jax.numpy as jnp

        def jaxed(v: Any) -> Any:
            for _ in range(50):
                v = jnp.sin(v)
            return v.sum()

        jx, eager, compiled = jnp.asarray(a), jax.grad(jaxed), jax.jit(jax.grad(jaxed))
        sides["JAX, not compiled"] = lambda: eager(jx).block_until_ready()
        sides["JAX jit"] = lambda: compiled(jx).block_until_ready()
    times = medians(sides, seconds)
    table("fifty chained sin, forward and backward", times, "PyTorch" if "PyTorch" in times else "autograd_nn", 0.5)


def scalar_graphs(peers: list[str], seconds: float) -> None:
    """Graphs of Python scalars, built and differentiated: ours, micrograd's, PyTorch's."""
    makers: dict[str, Callable[[float], Any]] = {"autograd_nn": lambda v: ag.tensor(v, requires_grad=True)}
    if "micrograd" in peers:
        from micrograd.engine import Value

        makers["micrograd"] = Value
    if "torch" in peers:
        import torch

        makers["PyTorch"] = lambda v: torch.tensor(v, requires_grad=True)
    reference = "micrograd" if "micrograd" in makers else "autograd_nn"
    graphs = {
        "a neuron: sum of 50 w x + b, x Python floats": _neuron,
        "a neuron whose x are leaves, too": lambda leaf: _neuron(leaf, leaf),
        "a chain: h = h b + c, 50 times": _multiply_add,
        "a perceptron 2-8-8-1 of scalars": _perceptron,
    }
    # A peer that makes reference cycles pays the collector; it shall not pay for searching the other peers' libraries.
    gc.collect()
    gc.freeze()
    for title, graph in graphs.items():
        times = medians({name: graph(leaf) for name, leaf in makers.items()}, seconds)
        table(f"scalar graph, forward and backward; {title}", times, reference, 1.0)
    gc.unfreeze()


def _neuron(leaf: Callable[[float], Any], given: Callable[[float], Any] = float) -> Callable[[], object]:
    draw = random.Random(0).random
    weights, bias, xs = [leaf(draw()) for _ in range(50)], leaf(0.1), [given(draw()) for _ in range(50)]

    def run() -> None:
        h = bias
        for w, x in zip(weights, xs, strict=True):
            h = h + w * x
        h.backward()

    return run


def _multiply_add(leaf: Callable[[float], Any]) -> Callable[[], object]:
    a, b, c = leaf(1.5), leaf(-0.7), leaf(0.3)

    def run() -> None:
        h = a
        for _ in range(50):
            h = h * b + c
        h.backward()

    return run


def _perceptron(leaf: Callable[[float], Any]) -> Callable[[], object]:
    draw = random.Random(0)
    sizes = (2, 8, 8, 1)
    layers = [
        [([leaf(draw.uniform(-1, 1)) for _ in range(n)], leaf(0.0)) for _ in range(m)]
        for n, m in itertools.pairwise(sizes)
    ]
    inputs = [0.3, -0.6]

    def run() -> None:
        values: list[Any] = inputs
        for i, layer in enumerate(layers):
            out = []
            for weights, bias in layer:
                total = bias
                for w, v in zip(weights, values, strict=True):
                    total = total + w * v
                out.append(total if i == len(layers) - 1 else total.relu())
            values = out
        values[0].backward()

    return run


def tiny_network(peers: list[str], seconds: float) -> None:
    """A whole training step of a perceptron 2-16-16-2 on a batch of 32: forward, backward, Adam."""
    rng = np.random.default_rng(0)
    xs, labels = rng.standard_normal((32, 2)).astype(np.float32), rng.integers(0, 2, 32)
    sizes = (2, 16, 16, 2)
    weights = [rng.standard_normal((n, m)).astype(np.float32) for n, m in itertools.pairwise(sizes)]
    sides: Sides = {"autograd_nn": _our_step(xs, labels, weights)}
    if "torch" in peers:
        sides["PyTorch"] = _torch_step(xs, labels, weights)
    if "jax" in peers:
        sides["JAX jit"] = _jax_step(xs, labels, weights)
    times = medians(sides, seconds)
    title = "training step of a perceptron 2-16-16-2, batch 32, with Adam"
    table(title, times, "PyTorch" if "PyTorch" in times else "autograd_nn", 1.0)


def _our_step(xs: Any, labels: Any, weights: list[Any]) -> Callable[[], object]:
    ws = [ag.tensor(w, requires_grad=True) for w in weights]
    bs = [ag.zeros(w.shape[1], requires_grad=True) for w in weights]
    parameters = [*ws, *bs]
    moments = [(ag.zeros(p.shape), ag.zeros(p.shape)) for p in parameters]
    x = ag.tensor(xs)
    t = 0

    def step() -> None:
        nonlocal t
        h = x
        for w, b in zip(ws[:-1], bs[:-1], strict=True):
            h = ag.relu(h @ w + b)
        ag.cross_entropy(h @ ws[-1] + bs[-1], labels).backward()
        t += 1
        rate = 1e-3 * math.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        with ag.no_grad():
            for p, (m, v) in zip(parameters, moments, strict=True):
                g = p.grad
                ag.assign(m, 0.9 * m + 0.1 * g)
                ag.assign(v, 0.999 * v + 0.001 * (g * g))
                ag.assign(p, p - rate * m / (ag.sqrt(v) + 1e-8))
                p.grad = None

    return step


def _torch_step(xs: Any, labels: Any, weights: list[Any]) -> Callable[[], object]:
    import torch

    layers: list[Any] = []
    for w in weights:
        linear = torch.nn.Linear(*w.shape)
        with torch.no_grad():
            linear.weight.copy_(torch.tensor(w.T))
            linear.bias.zero_()
        layers += [linear, torch.nn.ReLU()]
    model = torch.nn.Sequential(*layers[:-1])
    optimizer = torch.optim.Adam(model.parameters(), fused=True)
    x, y = torch.tensor(xs), torch.tensor(labels)

    def step() -> None:
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()

    return step


def _jax_step(xs: Any, labels: Any, weights: list[Any]) -> Callable[[], object]:
    import jax
    import jax.numpy as jnp

    def loss(parameters: Any, x: Any, y: Any) -> Any:
        h = x
        for i, (w, b) in enumerate(parameters):
            h = h @ w + b
            h = jax.nn.relu(h) if i + 1 < len(parameters) else h
        return -jnp.take_along_axis(jax.nn.log_softmax(h), y[:, None], 1).mean()

    @jax.jit
    def update(state: Any, x: Any, y: Any) -> Any:
        parameters, m, v, t = state
        g = jax.grad(loss)(parameters, x, y)
        t = t + 1
        m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, g)
        v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, g)
        rate = 1e-3 * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        parameters = jax.tree.map(lambda p, m, v: p - rate * m / (jnp.sqrt(v) + 1e-8), parameters, m, v)
        return parameters, m, v, t

    parameters = [(jnp.asarray(w), jnp.zeros(w.shape[1])) for w in weights]
    zeros = jax.tree.map(jnp.zeros_like, parameters)
    state = (parameters, zeros, zeros, jnp.zeros(()))
    x, y = jnp.asarray(xs), jnp.asarray(labels)

    def step() -> None:
        nonlocal state
        state = jax.block_until_ready(update(state, x, y))

    return step


def importing(runs: int = 11) -> None:
    """Whole processes that import us, or NumPy alone, in turn."""
    times: dict[str, list[float]] = {"numpy": [], "autograd_nn": []}
    # An installed package has its bytecode on disk; a checkout gets it from the first run, unless that is forbidden.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    for name in times:
        subprocess.run([sys.executable, "-c", f"import {name}"], check=True, env=environment)
    for _ in range(runs):
        for name, t in times.items():
            start = time.perf_counter()
            subprocess.run([sys.executable, "-c", f"import {name}"], check=True, env=environment)
            t.append(time.perf_counter() - start)
    extra = 1e3 * (statistics.median(times["autograd_nn"]) - statistics.median(times["numpy"]))
    print(
        f"\nimport autograd_nn: {extra:.0f} ms over import numpy (target 50: {'reached' if extra <= 50 else 'MISSED'})"
    )
