"""Every kind of operation against PyTorch, forward and backward, from 4 to 4 million elements.

``python -m benchmarks ops [--plot PATH]``. Both sides record a graph and run in turns in one process, on one thread; the
figure is the ratio of the least times of a round, below 1 where we are faster. No operation may take more than 3 times
PyTorch's time at 64 thousand elements unless `REASONS` says why, which stands behind its row; the command's exit code is 1 if
one does.

Where PyTorch hands back the cotangent it was given (the backward passes of add, sum, concatenate, ...), ours is a copy, for a
gradient belongs to whom it is given to; at 4 million elements that is all there is to see.

Decision: a side gets as long at every size, 30 milliseconds a pass, and where one call takes longer, three calls. So the
table is done within minutes, and the sizes that are judged are those that are measured best.
"""

from __future__ import annotations

import argparse
import contextlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import autograd_nn as ag

from .interleaved import installed, machine, medians

SIZES = (4, 256, 4096, 65536, 1048576, 4194304)
JUDGED, LIMIT = 65536, 3.0
ROUNDS, LEAST_ROUNDS = 15, 3

FACTORS = (
    "NumPy hands out no factorisation, so each solve and each derivative makes it anew; PyTorch keeps the forward's"
)
TRIGAMMA = "our trigamma is exact to the last digits (a series and ten steps of recurrence); PyTorch's to 5e-10"
PASSES = "each step of the formula is a pass over memory; the compiler makes one of them, and so does PyTorch by hand"
REASONS: dict[str, str] = {
    **dict.fromkeys(("solve backward", "slogdet of 4x4", "det of 4x4"), FACTORS),
    **dict.fromkeys(("digamma backward", "polygamma(1) forward"), TRIGAMMA),
    **dict.fromkeys(("lgamma forward", "nan_to_num forward"), PASSES),
    "erf forward": "one formula for both precisions, to their last digits; PyTorch's of float32 is shorter",
    "outer forward": "NumPy calls its loop once a row of the result; PyTorch's goes over both axes",
    "flip forward": "NumPy copies backwards number by number; PyTorch in vectors",
    "sum forward": "NumPy's sum is pairwise, for its digits, and uses a part of the vector's width",
    "topk forward": "NumPy sorts whole rows; PyTorch chooses",
}
"""Why an operation is slower than 3 times PyTorch at 64 thousand elements, by its name (and pass, where only one has a reason).
An entry stands for what was above the limit, or just below it, on a quiet machine; on a busy one others rise above it."""
UNEXPLAINED = "NO REASON GIVEN"


@dataclass
class Row:
    """An operation on both sides: functions of the inputs that `make` draws for a number of elements."""

    name: str
    ours: Callable[..., Any]
    theirs: Callable[..., Any]
    make: Callable[..., list[np.ndarray]]
    most: int = SIZES[-1]  # elements


def vector(rng: np.random.Generator, n: int) -> list[np.ndarray]:
    """n standard normal numbers."""
    return [rng.standard_normal(n).astype(np.float32)]


def positive(rng: np.random.Generator, n: int) -> list[np.ndarray]:
    """n numbers between 0.5 and 4."""
    return [rng.uniform(0.5, 4.0, n).astype(np.float32)]


def small(rng: np.random.Generator, n: int) -> list[np.ndarray]:
    """n numbers between -0.9 and 0.9."""
    return [rng.uniform(-0.9, 0.9, n).astype(np.float32)]


def two(rng: np.random.Generator, n: int) -> list[np.ndarray]:
    """Two vectors of n numbers between 0.5 and 4."""
    return [*positive(rng, n), *positive(rng, n)]


def rows_of_64(rng: np.random.Generator, n: int) -> list[np.ndarray]:
    """A matrix with rows of 64 elements (4 of 4)."""
    return [x.reshape(-1, min(64, n)) for x in vector(rng, n)]


def square(rng: np.random.Generator, n: int) -> list[np.ndarray]:
    """A square matrix of n elements, well conditioned."""
    side = math.isqrt(n)
    return [(rng.standard_normal((side, side)) / side + 2.0 * np.eye(side)).astype(np.float32)]


def two_squares(rng: np.random.Generator, n: int) -> list[np.ndarray]:
    """Two square matrices of n elements."""
    return [*square(rng, n), *square(rng, n)]


def small_matrices(rng: np.random.Generator, n: int) -> list[np.ndarray]:
    """n / 16 symmetric, positive definite 4 by 4 matrices."""
    a = rng.standard_normal((max(n // 16, 1), 4, 4))
    return [(a @ a.transpose(0, 2, 1) / 4 + np.eye(4)).astype(np.float32)]


def _table(torch: Any) -> list[Row]:
    F = torch.nn.functional
    ints: dict[Any, Any] = {}

    def index(n: int, size: int) -> tuple[np.ndarray, Any]:
        if (n, size) not in ints:
            drawn = np.random.default_rng(1).integers(0, n, size)
            ints[n, size] = drawn, torch.from_numpy(drawn)
        return ints[n, size]

    def mask(x: Any, side: int) -> Any:
        if ("mask", x.shape) not in ints:
            drawn = np.random.default_rng(2).random(tuple(x.shape)) < 0.5
            ints["mask", x.shape] = drawn, torch.from_numpy(drawn)
        return ints["mask", x.shape][side]

    def along(x: Any, side: int) -> Any:
        key = ("along", tuple(x.shape))
        if key not in ints:
            drawn = np.random.default_rng(3).integers(0, x.shape[1], tuple(x.shape))
            ints[key] = drawn, torch.from_numpy(drawn)
        return ints[key][side]

    def same(names: str, make: Any = vector) -> list[Row]:
        found = []
        for both in names.split():
            name, _, other = both.partition("=")
            peer = getattr(torch, other or name, None) or getattr(F, other or name)
            found.append(Row(name, getattr(ag, name), peer, make))
        return found

    return [
        *same(
            "exp sin cos tanh sigmoid erf erfc abs negative square expm1 sinh=sinh cosh relu leaky_relu elu selu celu"
        ),
        *same("gelu silu mish softplus hardtanh hardswish hardsigmoid softsign log_sigmoid=logsigmoid tanhshrink"),
        *same("hardshrink softshrink relu6 sign floor round trunc nan_to_num arctan=atan arcsinh=asinh exp2 sinc"),
        *same("log log2 log10 log1p sqrt reciprocal lgamma digamma", positive),
        *same("arcsin=asin arccos=acos arctanh=atanh tan", small),
        *same(
            "add subtract multiply divide power=pow maximum minimum arctan2=atan2 hypot logaddexp remainder fmod copysign",
            two,
        ),
        Row("polygamma(1)", lambda x: ag.polygamma(x, 1), lambda x: torch.polygamma(1, x), positive),
        Row("cbrt (theirs: pow)", ag.cbrt, lambda x: x ** (1 / 3), positive),
        Row("power of 3", lambda x: x**3, lambda x: x**3, vector),
        Row("clip", lambda x: ag.clip(x, -0.5, 0.5), lambda x: torch.clamp(x, -0.5, 0.5), vector),
        Row("where", lambda x, y: ag.where(mask(x, 0), x, y), lambda x, y: torch.where(mask(x, 1), x, y), two),
        Row(
            "masked_fill",
            lambda x: ag.masked_fill(x, mask(x, 0), 0.0),
            lambda x: x.masked_fill(mask(x, 1), 0.0),
            vector,
        ),
        Row("add a row", lambda x: x + x[0], lambda x: x + x[0], rows_of_64),
        # reductions and scans
        *same("sum mean prod max min"),
        Row("sum of rows", lambda x: ag.sum(x, 1), lambda x: torch.sum(x, 1), rows_of_64),
        Row("sum of columns", lambda x: ag.sum(x, 0), lambda x: torch.sum(x, 0), rows_of_64),
        Row("max of rows", lambda x: ag.max(x, 1), lambda x: torch.amax(x, 1), rows_of_64),
        Row("var of rows", lambda x: ag.var(x, 1), lambda x: torch.var(x, 1, correction=0), rows_of_64),
        Row("std of rows", lambda x: ag.std(x, 1), lambda x: torch.std(x, 1, correction=0), rows_of_64),
        Row("logsumexp of rows", lambda x: ag.logsumexp(x, 1), lambda x: torch.logsumexp(x, 1), rows_of_64),
        Row("norm", ag.linalg.norm, torch.linalg.norm, vector),
        Row("prod of rows", lambda x: ag.prod(x, 1), lambda x: torch.prod(x, 1), rows_of_64),
        Row("softmax", lambda x: ag.softmax(x, -1), lambda x: torch.softmax(x, -1), rows_of_64),
        Row("log_softmax", lambda x: ag.log_softmax(x, -1), lambda x: torch.log_softmax(x, -1), rows_of_64),
        Row("cumsum", lambda x: ag.cumsum(x, 1), lambda x: torch.cumsum(x, 1), rows_of_64),
        Row("cumprod", lambda x: ag.cumprod(x, 1), lambda x: torch.cumprod(x, 1), rows_of_64),
        Row("cummax", lambda x: ag.cummax(x, 1)[0], lambda x: torch.cummax(x, 1)[0], rows_of_64),
        Row("sort", lambda x: ag.sort(x, 1), lambda x: torch.sort(x, dim=1, stable=True)[0], rows_of_64),
        Row("topk", lambda x: ag.topk(x, 2)[0], lambda x: torch.topk(x, 2)[0], rows_of_64),
        Row("median (theirs: quantile)", lambda x: ag.median(x, 1), lambda x: torch.quantile(x, 0.5, 1), rows_of_64),
        Row("diff", lambda x: ag.diff(x, axis=1), lambda x: torch.diff(x, dim=1), rows_of_64),
        # shapes
        Row("transpose and copy", lambda x: ag.copy(x.T), lambda x: x.T.contiguous(), rows_of_64),
        Row("concatenate", lambda x, y: ag.concatenate([x, y]), lambda x, y: torch.cat([x, y]), two),
        Row("stack", lambda x, y: ag.stack([x, y]), lambda x, y: torch.stack([x, y]), two),
        Row("flip", lambda x: ag.copy(ag.flip(x)), lambda x: torch.flip(x, (0,)), vector),
        Row("roll", lambda x: ag.roll(x, 1), lambda x: torch.roll(x, 1), vector),
        Row("repeat", lambda x: ag.repeat(x, 2), lambda x: torch.repeat_interleave(x, 2), vector),
        Row("tile", lambda x: ag.tile(x, 2), lambda x: x.repeat(2), vector),
        Row("pad", lambda x: ag.pad(x, ((0, 0), (1, 1))), lambda x: F.pad(x, (1, 1)), rows_of_64),
        Row("tril", ag.tril, torch.tril, square),
        Row("slice", lambda x: x[1:, ::2] * 1.0, lambda x: x[1:, ::2] * 1.0, rows_of_64),
        # indexing
        Row(
            "take",
            lambda x: ag.take(x, index(len(x), x.size)[0]),
            lambda x: torch.take(x, index(len(x), x.numel())[1]),
            vector,
        ),
        Row("rows by index", lambda x: x[index(len(x), len(x))[0]], lambda x: x[index(len(x), len(x))[1]], rows_of_64),
        Row(
            "embedding",
            lambda x: ag.embedding(index(len(x), len(x))[0], x),
            lambda x: F.embedding(index(len(x), len(x))[1], x),
            rows_of_64,
        ),
        Row(
            "take_along_axis",
            lambda x: ag.take_along_axis(x, along(x, 0), 1),
            lambda x: torch.gather(x, 1, along(x, 1)),
            rows_of_64,
        ),
        Row("index by mask", lambda x: x[mask(x, 0)], lambda x: x[mask(x, 1)], vector),
        # products and linear algebra
        Row("matmul", ag.matmul, torch.matmul, two_squares, 1048576),
        Row("outer", ag.outer, torch.outer, lambda rng, n: [*vector(rng, math.isqrt(n)), *vector(rng, math.isqrt(n))]),
        Row("dot", ag.dot, torch.dot, two),
        Row(
            "einsum ij,kj",
            lambda x, y: ag.einsum("ij,kj->ik", x, y),
            lambda x, y: torch.einsum("ij,kj->ik", x, y),
            two_squares,
            1048576,
        ),
        Row("inv", ag.linalg.inv, torch.linalg.inv, square, 65536),
        Row("solve", ag.linalg.solve, torch.linalg.solve, two_squares, 65536),
        Row("det of 4x4", ag.linalg.det, torch.linalg.det, small_matrices, 65536),
        Row(
            "slogdet of 4x4",
            lambda x: ag.linalg.slogdet(x)[1],
            lambda x: torch.linalg.slogdet(x)[1],
            small_matrices,
            65536,
        ),
        Row("cholesky of 4x4", ag.linalg.cholesky, torch.linalg.cholesky, small_matrices, 65536),
        Row("eigvalsh of 4x4", ag.linalg.eigvalsh, torch.linalg.eigvalsh, small_matrices, 65536),
        Row("svdvals", ag.linalg.svdvals, torch.linalg.svdvals, square, 65536),
    ]


@dataclass
class Result:
    """One operation at one size: the seconds of both passes of both sides."""

    name: str
    n: int
    forward: tuple[float, float]
    backward: tuple[float, float]

    def ratio(self, which: str) -> float:
        ours, theirs = getattr(self, which)
        return ours / theirs


def measured(row: Row, n: int, seconds: float) -> Result:
    """Both passes of both sides on n elements."""
    import torch

    arrays = row.make(np.random.default_rng(0), n)
    xs = [ag.tensor(a, requires_grad=True) for a in arrays]
    ts = [torch.tensor(a, requires_grad=True) for a in arrays]
    y, t = row.ours(*xs), row.theirs(*ts)
    g = np.ones(y.shape, np.float32)
    tg = torch.ones_like(t)
    forward = medians(
        {"ours": lambda: row.ours(*xs), "theirs": lambda: row.theirs(*ts)}, seconds, ROUNDS, min, LEAST_ROUNDS
    )
    backward = medians(
        {
            "ours": lambda: ag.gradients(y, xs, g, retain_graph=True),
            "theirs": lambda: torch.autograd.grad(t, ts, tg, retain_graph=True),
        },
        seconds,
        ROUNDS,
        min,
        LEAST_ROUNDS,
    )
    return Result(row.name, n, (forward["ours"], forward["theirs"]), (backward["ours"], backward["theirs"]))


def geometric_mean(values: list[float]) -> float:
    return math.exp(sum(math.log(v) for v in values) / len(values))


def report(results: list[Result]) -> int:
    """Means by size, what is above the limit, and its reasons; how many have none."""
    for which in ("forward", "backward"):
        means = {
            n: geometric_mean([r.ratio(which) for r in results if r.n == n]) for n in sorted({r.n for r in results})
        }
        print(f"{which:8s} geometric mean of ratios: " + ", ".join(f"{n}: {m:.2f}" for n, m in means.items()))
    slow = sorted([found for r in results for found in above(r)], reverse=True)
    print(f"above {LIMIT:g} at {JUDGED} elements:" + ("" if slow else " none"))
    for ratio, name, which, why in slow:
        print(f"  {ratio:6.2f}  {name} {which}: {why}")
    return sum(why == UNEXPLAINED for *_, why in slow)


def above(result: Result) -> list[tuple[float, str, str, str]]:
    """The passes that are judged and above the limit: ratio, operation, pass, reason."""
    if result.n != JUDGED:
        return []
    name, passes = result.name, ("forward", "backward")
    return [
        (result.ratio(which), name, which, REASONS.get(f"{name} {which}") or REASONS.get(name) or UNEXPLAINED)
        for which in passes
        if result.ratio(which) > LIMIT
    ]


def plot(results: list[Result], path: str) -> None:
    """Ratios over sizes, a thin line for each operation and a thick one for the geometric mean."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, both = plt.subplots(1, 2, figsize=(12, 5), sharey=True)
    for axes, which in zip(both, ("forward", "backward"), strict=True):
        for name in sorted({r.name for r in results}):
            mine = sorted((r.n, r.ratio(which)) for r in results if r.name == name)
            axes.plot(*zip(*mine, strict=True), color="tab:blue", alpha=0.25, linewidth=0.8)
            if mine[-1][1] > 4:
                axes.annotate(name, mine[-1], fontsize=6)
        sizes = sorted({r.n for r in results})
        means = [geometric_mean([r.ratio(which) for r in results if r.n == n]) for n in sizes]
        axes.plot(sizes, means, color="tab:orange", linewidth=2.5, label="geometric mean")
        axes.axhline(1.0, color="black", linewidth=0.8)
        axes.axhline(LIMIT, color="tab:red", linewidth=0.8, linestyle="--", label=f"the limit at {JUDGED:,} elements")
        axes.set(xscale="log", yscale="log", xlabel="elements", title=which)
    both[0].set_ylabel("our time / PyTorch's")
    both[0].legend()
    figure.tight_layout()
    figure.savefig(path, dpi=120)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks ops", description=__doc__)
    parser.add_argument("--only", default="", help="operations whose name contains this")
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES), help="numbers of elements")
    parser.add_argument("--seconds", type=float, default=0.03, help="for each side of each pass (default 0.03)")
    parser.add_argument("--threads", type=int, default=1, help="of both sides (NumPy's loops run on one; default 1)")
    parser.add_argument("--plot", metavar="PATH", help="write a plot of the ratios as PNG")
    chosen = parser.parse_args(arguments)
    import torch

    torch.set_num_threads(chosen.threads)
    ag.set_num_threads(chosen.threads)
    with blas_threads(chosen.threads):
        return run(chosen)


def blas_threads(threads: int) -> Any:
    """NumPy's BLAS on so many threads, where threadpoolctl is installed to tell it."""
    if not installed("threadpoolctl"):
        return contextlib.nullcontext()
    import threadpoolctl

    np.ones((2, 2)) @ np.ones((2, 2))  # loads what is to be told
    return threadpoolctl.threadpool_limits(threads, "blas")


def run(chosen: argparse.Namespace) -> int:
    """The table, its means, the plot; 1 if an operation is above the limit and nobody says why."""
    import torch

    print(machine())
    print(
        f"PyTorch {torch.__version__}, {chosen.threads} thread(s), float32; our time / PyTorch's, forward and backward"
    )
    print(f"{'elements':26s}" + "".join(f"{n:>16d}" for n in chosen.sizes))
    results: list[Result] = []
    with np.errstate(all="ignore"):
        for row in _table(torch):
            if chosen.only not in row.name:
                continue
            mine = [measured(row, n, chosen.seconds) for n in chosen.sizes if n <= row.most]
            cells = "".join(f"{r.ratio('forward'):>9.2f} {r.ratio('backward'):>6.2f}" for r in mine)
            print(f"{row.name:26s}{cells}", flush=True)
            for ratio, _, which, why in [found for r in mine for found in above(r)]:
                print(f"    {which} {ratio:.2f} at {JUDGED}: {why}")
            results += mine
    if not results:
        print("nothing matched")
        return 1
    unexplained = report(results)
    if chosen.plot:
        plot(results, chosen.plot)
    return int(unexplained > 0)
