"""Convolution and pooling against PyTorch over the layer shapes of well-known networks.

    python -m benchmarks kernels [--plot roofline.png]

Both sides run in one process on the same number of threads, taking turns in short blocks: a few calls of one, a pause, a
few of the other. The pause matters: PyTorch's idle OpenMP threads go on spinning for some five milliseconds and would
compete with ours for the cores. A side's time is the first quartile over its blocks of the block's median call: what
disturbs a block (another process, the host's other guests) only ever makes it slower. A ratio is ours over theirs, below 1
is faster. Both sides allocate their results.

For each pass above 1 the report says what bounds it, found by measurement (`bounds.py`).
"""

from __future__ import annotations

import argparse
import contextlib
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import exp, log, prod
from statistics import median

import numpy as np

from autograd_nn.kernels import convolution, pooling, threads
from autograd_nn.kernels.geometry import Convolution, Pooling

from . import bounds

# network, batch, channels, height, width, out, kernel, stride, padding, groups; height 0: one spatial axis
LAYERS = [
    ("LeNet", 64, 1, 28, 28, 6, 5, 1, 2, 1),
    ("LeNet", 64, 6, 14, 14, 16, 5, 1, 0, 1),
    ("LeNet-32", 64, 1, 28, 28, 32, 3, 1, 1, 1),
    ("LeNet-32", 64, 32, 14, 14, 64, 3, 1, 1, 1),
    ("VGG-16", 1, 3, 224, 224, 64, 3, 1, 1, 1),
    ("VGG-16", 1, 64, 224, 224, 64, 3, 1, 1, 1),
    ("VGG-16", 1, 64, 112, 112, 128, 3, 1, 1, 1),
    ("VGG-16", 1, 128, 112, 112, 128, 3, 1, 1, 1),
    ("VGG-16", 2, 128, 56, 56, 256, 3, 1, 1, 1),
    ("VGG-16", 2, 256, 56, 56, 256, 3, 1, 1, 1),
    ("VGG-16", 2, 256, 28, 28, 512, 3, 1, 1, 1),
    ("VGG-16", 4, 512, 14, 14, 512, 3, 1, 1, 1),
    ("ResNet", 4, 3, 224, 224, 64, 7, 2, 3, 1),
    ("ResNet-18", 4, 64, 56, 56, 64, 3, 1, 1, 1),
    ("ResNet-18", 4, 64, 56, 56, 128, 3, 2, 1, 1),
    ("ResNet-18", 4, 64, 56, 56, 128, 1, 2, 0, 1),
    ("ResNet-18", 4, 128, 28, 28, 128, 3, 1, 1, 1),
    ("ResNet-18", 4, 128, 28, 28, 256, 3, 2, 1, 1),
    ("ResNet-18", 4, 256, 14, 14, 256, 3, 1, 1, 1),
    ("ResNet-18", 4, 256, 14, 14, 512, 3, 2, 1, 1),
    ("ResNet-18", 4, 512, 7, 7, 512, 3, 1, 1, 1),
    ("ResNet-50", 4, 64, 56, 56, 256, 1, 1, 0, 1),
    ("ResNet-50", 4, 256, 56, 56, 64, 1, 1, 0, 1),
    ("ResNet-50", 4, 128, 28, 28, 512, 1, 1, 0, 1),
    ("ResNet-50", 4, 1024, 14, 14, 256, 1, 1, 0, 1),
    ("ResNet-50", 4, 512, 7, 7, 2048, 1, 1, 0, 1),
    ("MobileNet-v2", 4, 3, 224, 224, 32, 3, 2, 1, 1),
    ("MobileNet-v2", 4, 32, 112, 112, 32, 3, 1, 1, 32),
    ("MobileNet-v2", 4, 32, 112, 112, 16, 1, 1, 0, 1),
    ("MobileNet-v2", 4, 96, 112, 112, 96, 3, 2, 1, 96),
    ("MobileNet-v2", 4, 144, 56, 56, 144, 3, 1, 1, 144),
    ("MobileNet-v2", 4, 144, 56, 56, 24, 1, 1, 0, 1),
    ("MobileNet-v2", 4, 192, 28, 28, 192, 3, 2, 1, 192),
    ("MobileNet-v2", 4, 384, 14, 14, 384, 3, 1, 1, 384),
    ("MobileNet-v2", 4, 384, 14, 14, 96, 1, 1, 0, 1),
    ("MobileNet-v2", 4, 960, 7, 7, 960, 3, 1, 1, 960),
    ("MobileNet-v2", 4, 160, 7, 7, 960, 1, 1, 0, 1),
    ("U-Net", 1, 1, 256, 256, 32, 3, 1, 1, 1),
    ("U-Net", 1, 32, 256, 256, 32, 3, 1, 1, 1),
    ("U-Net", 1, 64, 128, 128, 64, 3, 1, 1, 1),
    ("U-Net", 1, 256, 32, 32, 512, 3, 1, 1, 1),
    ("U-Net", 1, 32, 256, 256, 2, 1, 1, 0, 1),
    ("audio", 4, 1, 0, 16000, 64, 80, 4, 38, 1),
    ("audio", 4, 64, 0, 4000, 64, 3, 1, 1, 1),
    ("audio", 4, 64, 0, 1000, 128, 3, 1, 1, 1),
    ("audio", 4, 128, 0, 1000, 128, 9, 2, 4, 1),
]
# network, kind, batch, channels, side, kernel, stride, padding
POOLS = [
    ("LeNet", "max", 64, 32, 28, 2, 2, 0),
    ("VGG-16", "max", 2, 64, 112, 2, 2, 0),
    ("ResNet", "max", 4, 64, 112, 3, 2, 1),
    ("ResNet", "average", 4, 512, 7, 7, 7, 0),
    ("U-Net", "average", 2, 64, 64, 2, 2, 0),
    ("Inception", "average", 2, 64, 35, 3, 1, 1),
]


PAUSE = 0.012  # seconds


@dataclass
class Result:
    """One pass of one layer: seconds of both sides, floating-point operations and least bytes moved, what bounds ours."""

    network: str
    layer: str
    what: str
    path: str
    ours: float
    theirs: float
    operations: int
    bytes: int
    bound: str = ""

    @property
    def ratio(self) -> float:
        return self.ours / self.theirs


def duel(ours: Callable, theirs: Callable, seconds: float, rounds: int = 9) -> tuple[float, float]:
    """Seconds of a call of each, in turns that together take about `seconds`; three times that where we seem slower, so
    that what is reported is not the machine's worst moment.
    """
    sides, counts = (ours, theirs), []
    for side in sides:
        side()
        start = time.perf_counter()
        side()
        counts.append(max(2, min(50, int(seconds / (2 * rounds) / (time.perf_counter() - start)))))
    turns = [take_turn(sides, counts) for _ in range(rounds)]
    found = [quartile(times) for times in zip(*turns, strict=True)]
    if found[0] > 0.97 * found[1]:
        turns += [take_turn(sides, counts) for _ in range(2 * rounds)]
        found = [quartile(times) for times in zip(*turns, strict=True)]
    return found[0], found[1]


def quartile(times: Iterable[float]) -> float:
    """The first quartile."""
    ordered = sorted(times)
    return ordered[len(ordered) // 4]


def take_turn(sides: tuple[Callable, Callable], counts: list[int]) -> tuple[float, float]:
    """The median call of each side's block."""
    turn = []
    for side, count in zip(sides, counts, strict=True):
        time.sleep(PAUSE)
        side()  # wakes the side's threads
        block = []
        for _ in range(count):
            start = time.perf_counter()
            side()
            block.append(time.perf_counter() - start)
        turn.append(median(block))
    return turn[0], turn[1]


def on_one_thread(run: Callable[[], object]) -> Callable[[], object]:
    """The same call with the pool at one thread."""

    def alone() -> None:
        before = threads.get_num_threads()
        threads.set_num_threads(1)
        try:
            run()
        finally:
            threads.set_num_threads(before)

    return alone


def convolution_duels(layer, seconds: float):
    """The three passes of one layer."""
    import torch

    network, n, c, h, w, o, k, stride, padding, groups = layer
    dims = 2 if h else 1
    space, kernel = ((h, w), (k, k)) if h else ((w,), (k,))
    geometry = Convolution.of((n, c, *space), (o, c // groups, *kernel), stride, padding, groups=groups)
    rng = np.random.default_rng(0)
    x, weight, dy = (
        rng.standard_normal(s).astype(np.float32) for s in (geometry.x_shape, geometry.w_shape, geometry.y_shape)
    )
    tx, tw, tdy = (torch.from_numpy(a) for a in (x, weight, dy))
    forward = torch.nn.functional.conv2d if h else torch.nn.functional.conv1d

    def backward(*wanted):
        return torch.ops.aten.convolution_backward(
            tdy, tx, tw, None, [stride] * dims, [padding] * dims, [1] * dims, False, [0] * dims, groups, wanted
        )

    passes = {
        convolution.FORWARD: (
            lambda: convolution.conv_forward(x, weight, geometry),
            lambda: forward(tx, tw, None, stride, padding, 1, groups),
        ),
        convolution.INPUT_GRADIENT: (
            lambda: convolution.conv_input_gradient(dy, weight, geometry),
            lambda: backward(True, False, False),
        ),
        convolution.WEIGHT_GRADIENT: (
            lambda: convolution.conv_weight_gradient(dy, x, geometry),
            lambda: backward(False, True, False),
        ),
    }
    name = f"{n}x{c}x{'x'.join(map(str, space))} -> {o}, {'x'.join(map(str, kernel))}" + (
        f" /{stride}" if stride > 1 else ""
    )
    name += f" groups {groups}" if groups > 1 else ""
    moved = 4 * (x.size + weight.size + dy.size)
    operands = {
        convolution.FORWARD: (x, weight, None, np.empty_like(dy)),
        convolution.INPUT_GRADIENT: (dy, weight, None, np.empty_like(x)),
        convolution.WEIGHT_GRADIENT: (dy, x, None, np.empty_like(weight)),
    }
    for which, (ours, theirs) in passes.items():
        choice = convolution.choose(which, geometry, np.dtype(np.float32), threads.get_num_threads())
        operations = 2 * geometry.multiplications
        result = Result(network, name, which, choice.path, *duel(ours, theirs, seconds), operations, moved)
        if result.ratio > 1:
            plan = choice.plan if choice.images == n else None
            result.bound = bounds.said(
                bounds.shares(ours, on_one_thread(ours), operations, moved, plan, operands[which])
            )
        yield result


def pooling_duels(layer, seconds: float):
    """Both passes of one pooling."""
    import torch

    network, kind, n, c, side, k, stride, padding = layer
    geometry = Pooling.of((n, c, side, side), k, stride, padding)
    rng = np.random.default_rng(0)
    x, dy = (rng.standard_normal(s).astype(np.float32) for s in (geometry.x_shape, geometry.y_shape))
    tx, tdy, aten = torch.from_numpy(x), torch.from_numpy(dy), torch.ops.aten
    size, step, pad = [k, k], [stride, stride], [padding, padding]
    if kind == "max":
        _, winners = pooling.max_pool(x, geometry)
        _, indices = aten.max_pool2d_with_indices(tx, size, step, pad)
        passes = {
            "forward": (
                lambda: pooling.max_pool(x, geometry),
                lambda: aten.max_pool2d_with_indices(tx, size, step, pad),
            ),
            "input gradient": (
                lambda: pooling.max_pool_gradient(dy, winners, geometry),
                lambda: aten.max_pool2d_with_indices_backward(tdy, tx, size, step, pad, [1, 1], False, indices),
            ),
        }
    else:
        passes = {
            "forward": (lambda: pooling.average_pool(x, geometry), lambda: aten.avg_pool2d(tx, size, step, pad)),
            "input gradient": (
                lambda: pooling.average_pool_gradient(dy, geometry),
                lambda: aten.avg_pool2d_backward(tdy, tx, size, step, pad, False, True, None),
            ),
        }
    name = f"{kind} pool {n}x{c}x{side}x{side}, {k}x{k} /{stride}"
    for which, (ours, theirs) in passes.items():
        operations, moved = prod(geometry.y_shape) * k * k, 4 * (x.size + dy.size)
        result = Result(network, name, which, "pooling", *duel(ours, theirs, seconds), operations, moved)
        if result.ratio > 1:
            result.bound = bounds.said(bounds.shares(ours, on_one_thread(ours), operations, moved))
        yield result


def geometric_mean(values) -> float:
    values = list(values)
    return exp(sum(log(v) for v in values) / len(values))


def report(results: list[Result]) -> None:
    """Geometric means by pass and network, and the worst."""
    for title, key in (
        ("by pass", lambda r: r.what),
        ("by network", lambda r: r.network),
        ("by path", lambda r: r.path),
    ):
        groups: dict[str, list[float]] = {}
        for result in results:
            groups.setdefault(key(result), []).append(result.ratio)
        print(f"{title}: " + ", ".join(f"{name} {geometric_mean(values):.2f}" for name, values in groups.items()))
    print("above 1.0:")
    for result in sorted((r for r in results if r.ratio > 1), key=lambda r: -r.ratio):
        print(f"  {result.ratio:5.2f}  {result.network} {result.layer}, {result.what} ({result.path}), {result.bound}")
    print(
        f"geometric mean of our time over PyTorch's, {len(results)} passes: "
        f"{geometric_mean(r.ratio for r in results):.3f}"
    )


def plot(results: list[Result], path: str) -> None:
    """A roofline: operations per second over operations per byte, both sides, under the rate of a large matrix
    product.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    product, bandwidth = bounds.rates(threads.get_num_threads())
    figure, axes = plt.subplots(figsize=(9, 6))
    for label, value, marker in (("ours", lambda r: r.ours, "o"), ("PyTorch", lambda r: r.theirs, "x")):
        axes.scatter(
            [r.operations / r.bytes for r in results],
            [r.operations / value(r) / 1e9 for r in results],
            marker=marker,
            label=label,
            alpha=0.7,
        )
    x = np.geomspace(0.1, max(r.operations / r.bytes for r in results) * 1.5, 100)
    axes.plot(x, np.minimum(x * bandwidth, product) / 1e9, "k--", label="NumPy: adding in place, matrix product")
    axes.set(
        xscale="log",
        yscale="log",
        xlabel="operations by the definition / byte of operands",
        ylabel="GFLOP/s by the definition",
        title="Convolution and pooling: Winograd may pass the roof, it does fewer operations",
    )
    axes.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=120)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kernels", description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2, help="threads of both sides")
    parser.add_argument("--only", default="", help="run layers whose network or description contains this")
    parser.add_argument("--seconds", type=float, default=0.25, help="time for each pass of each layer")
    parser.add_argument("--plot", metavar="PATH", help="write a roofline plot as PNG")
    arguments = parser.parse_args(argv)
    import torch

    threads.set_num_threads(arguments.threads)
    torch.set_num_threads(arguments.threads)
    results: list[Result] = []
    print(
        f"PyTorch {torch.__version__}, {arguments.threads} threads, float32, microseconds; ratio below 1: we are faster"
    )
    if hasattr(os, "getloadavg") and os.getloadavg()[0] > 0.5:
        print(
            f"load average {os.getloadavg()[0]:.1f}: beside another busy process, ratios on several threads say nothing"
        )
    with contextlib.suppress(KeyboardInterrupt):
        for layers, duels in ((LAYERS, convolution_duels), (POOLS, pooling_duels)):
            for layer in layers:
                if arguments.only.lower() not in " ".join(map(str, layer)).lower():
                    continue
                row = list(duels(layer, arguments.seconds))
                cells = "  ".join(f"{r.path:9s} {r.ours * 1e6:7.0f} {r.theirs * 1e6:7.0f} {r.ratio:5.2f}" for r in row)
                print(f"{row[0].network:12s} {row[0].layer:38s} {cells}", flush=True)
                results += row
    if not results:
        print("nothing matched")
        return 1
    report(results)
    if arguments.plot:
        plot(results, arguments.plot)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
