"""Whole training steps (forward, backward, Adam) of eight networks beside PyTorch and JAX: python -m benchmarks training.

All sides start from the same weights and see the same batch; before anything is timed their first losses are compared. They
take turns in one process on the same number of threads, with pauses in between, because PyTorch's idle threads spin for a while.
Peak memory is that of a process of its own, above what it held before the network was made.
"""

from __future__ import annotations

import argparse
import math
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np

from .interleaved import installed, machine
from .workloads import WORKLOADS, Workload, ours, pytorch

OURS, COMPILED, TORCH, TORCH_COMPILED, JAX = "autograd_nn", "ag.compile", "PyTorch", "torch.compile", "JAX jit"
TARGET, COMPILED_TARGET = 0.7, 0.35


def sides(workload: Workload, wanted: list[str]) -> dict[str, Callable[[], Any]]:
    """The step of each side that is wanted and installed."""
    made: dict[str, Callable[[], Any]] = {}
    state: dict[str, np.ndarray] | None = None
    if TORCH in wanted:
        made[TORCH], state = pytorch(workload)
    made[OURS] = ours(workload, state)
    if COMPILED in wanted:
        import autograd_nn as ag

        made[COMPILED] = ag.compile(ours(workload, state))
    if TORCH_COMPILED in wanted:
        made[TORCH_COMPILED] = pytorch(workload, compiled=True)[0]
    if JAX in wanted and state is not None:
        from . import workloads_jax

        made[JAX] = workloads_jax.step(workload, state)
    return made


def agree(workload: Workload, made: dict[str, Callable[[], Any]]) -> None:
    """Raise unless the first three losses of all sides are the same."""
    losses = {name: [float(np.asarray(_value(run()))) for _ in range(3)] for name, run in made.items()}
    for name, found in losses.items():
        if not np.allclose(found, losses[OURS], rtol=1e-3):
            raise AssertionError(f"{workload.name}: the losses of {name} {found} are not ours {losses[OURS]}")


def _value(loss: Any) -> Any:
    return loss.detach().numpy() if hasattr(loss, "detach") else loss


def timed(made: dict[str, Callable[[], Any]], seconds: float, pause: float) -> dict[str, float]:
    """The median over blocks of each side's mean time a step; the sides take turns block by block."""
    once = {}
    for name, run in made.items():
        start = time.perf_counter()
        run()
        once[name] = time.perf_counter() - start
    blocks: dict[str, list[float]] = {name: [] for name in made}
    spent = 0.0
    while spent < seconds * len(made) or len(blocks[OURS]) < 7:
        for name, run in made.items():
            time.sleep(pause)
            run()  # wakes threads and caches
            count = max(1, min(200, round(0.03 / once[name])))
            start = time.perf_counter()
            for _ in range(count):
                run()
            taken = time.perf_counter() - start
            blocks[name].append(taken / count)
            spent += taken + once[name]
    return {name: median(b) for name, b in blocks.items()}


def peak_memory(index: int, side: str, threads: int) -> float:
    """Megabytes that a network and thirty steps add to a fresh process, at their peak."""
    command = [
        sys.executable,
        "-m",
        "benchmarks.training",
        "--memory-of",
        str(index),
        "--side",
        side,
        "--threads",
        str(threads),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{side} on {WORKLOADS[index].name}:\n{done.stderr}")
    return float(done.stdout.split()[-1])


def first_call(index: int, side: str, threads: int, cache: str) -> float:
    """Seconds of the first step in a fresh process, after one of the smallest network, with compiled code kept in a folder."""
    command = [sys.executable, "-m", "benchmarks.training", "--first-call-of", str(index), "--side", side]
    folders = {"AUTOGRAD_NN_CACHE": cache, "TORCHINDUCTOR_CACHE_DIR": cache, "JAX_COMPILATION_CACHE_DIR": cache}
    environment = {**os.environ, **folders, "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
    done = subprocess.run(
        [*command, "--threads", str(threads)], capture_output=True, text=True, check=False, env=environment
    )
    if done.returncode:
        raise RuntimeError(f"{side} on {WORKLOADS[index].name}:\n{done.stderr}")
    return float(done.stdout.split()[-1])


def _measure_first_call(workload: Workload, side: str) -> None:
    """The compiled side alone, from weights that PyTorch makes: JAX's step needs them."""
    wanted = [TORCH, side] if side == JAX else [side]
    np.asarray(_value(sides(WORKLOADS[0], wanted)[side]()))
    step = sides(workload, wanted)[side]
    start = time.perf_counter()
    np.asarray(_value(step()))
    print(time.perf_counter() - start)


def compile_times(chosen: argparse.Namespace, wanted: list[str]) -> None:
    """Print the first call's seconds of each compiled side, with an empty cache and with that of the run before."""
    print(f"\nfirst call, seconds: cold, warm\n{'':<30}" + "".join(f"{n:>18}" for n in wanted))
    for index, workload in enumerate(WORKLOADS):
        if chosen.only and chosen.only not in workload.name:
            continue
        line = f"{workload.name:<30}"
        for side in wanted:
            with tempfile.TemporaryDirectory() as cache:
                cold, warm = [first_call(index, side, chosen.threads, cache) for _ in range(2)]
            line += f"{cold:10.2f}{warm:8.2f}"
        print(line, flush=True)


def _measure_memory(workload: Workload, side: str) -> None:
    def build(w: Workload) -> Callable[[], Any]:
        if side == COMPILED:
            import autograd_nn as ag

            return ag.compile(ours(w))
        return pytorch(w)[0] if side == TORCH else ours(w)

    def status(field: str) -> float:
        with open("/proc/self/status") as file:
            return next(int(line.split()[1]) for line in file if line.startswith(field)) / 1e3

    build(WORKLOADS[0])()  # loads what a side loads when it is first used
    before = status("VmRSS")
    step = build(workload)
    for _ in range(30):
        step()
    print(status("VmHWM") - before)


def _set_threads(threads: int, wanted: list[str]) -> None:
    import threadpoolctl

    import autograd_nn as ag

    ag.set_num_threads(threads)
    threadpoolctl.threadpool_limits(threads, user_api="blas")
    if TORCH in wanted:
        import torch

        torch.set_num_threads(threads)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks training", description=__doc__)
    parser.add_argument("--threads", type=int, default=2, help="for every side (default 2; JAX uses all cores)")
    parser.add_argument("--seconds", type=float, default=3.0, help="for each side of each workload")
    parser.add_argument("--only", help="workloads whose name contains this")
    parser.add_argument("--plot", metavar="PATH", help="write a bar chart (PNG)")
    parser.add_argument("--no-memory", action="store_true", help="do not measure peak memory")
    parser.add_argument("--compiled", action="store_true", help="our steps under ag.compile, too, beside the best peer")
    parser.add_argument(
        "--compile-times", action="store_true", help="with --compiled: the compiled sides' first calls, too"
    )
    parser.add_argument("--memory-of", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--first-call-of", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--side", help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    names = {"torch": TORCH, "jax": JAX}
    wanted = [names[n] for n in installed(*names)] + [COMPILED] * chosen.compiled
    if chosen.compiled and TORCH in wanted and shutil.which("g++"):  # it compiles with the system's compiler
        wanted.append(TORCH_COMPILED)
    if chosen.memory_of is not None:
        _set_threads(chosen.threads, [chosen.side])
        _measure_memory(WORKLOADS[chosen.memory_of], chosen.side)
        return 0
    if chosen.first_call_of is not None:
        _set_threads(chosen.threads, [chosen.side])
        _measure_first_call(WORKLOADS[chosen.first_call_of], chosen.side)
        return 0
    if TORCH not in wanted:
        print("PyTorch is not installed: there is nothing to compare with", file=sys.stderr)
        return 2
    os.environ.setdefault("XLA_FLAGS", f"--xla_cpu_multi_thread_eigen={'true' if chosen.threads > 1 else 'false'}")
    _set_threads(chosen.threads, wanted)
    print(f"Training steps on {machine()}, {chosen.threads} threads; microseconds, ratios to PyTorch eager")
    columns = [OURS, *wanted]
    print(
        f"{'':<30}"
        + "".join(f"{n:>14}" for n in columns)
        + f"{'ratio':>8}{'to best' if chosen.compiled else '':>8}{'peak MB':>9}{'PyTorch':>9}"
        + ("  compiled" if chosen.compiled else "")
    )
    found: list[tuple[str, dict[str, float]]] = []
    for index, workload in enumerate(WORKLOADS):
        if chosen.only and chosen.only not in workload.name:
            continue
        made = sides(workload, wanted)
        agree(workload, made)
        times = timed(made, chosen.seconds, 0.01)
        found.append((workload.name, times))
        line = f"{workload.name:<30}" + "".join(f"{times[n] * 1e6:14.0f}" for n in columns)
        line += f"{times[OURS] / times[TORCH]:8.2f}"
        if chosen.compiled:
            line += f"{times[COMPILED] / best(times):8.3f}"
        if not chosen.no_memory and os.path.exists("/proc/self/statm"):
            measured = (OURS, TORCH, *([COMPILED] if chosen.compiled else []))
            line += "".join([f"{peak_memory(index, side, chosen.threads):9.1f}" for side in measured])
        print(line, flush=True)
    ratios = [times[OURS] / times[TORCH] for _, times in found]
    mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
    verdict = "reached" if mean <= TARGET and max(ratios) <= 1.0 else "MISSED"
    print(
        f"geometric mean {mean:.2f} of PyTorch eager (target {TARGET}), worst {max(ratios):.2f} (target 1.0): {verdict}"
    )
    if chosen.compiled:
        ratios = [times[COMPILED] / best(times) for _, times in found]
        mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
        verdict = "reached" if mean <= COMPILED_TARGET and max(ratios) <= 0.8 else "MISSED"
        print(
            f"compiled: geometric mean {mean:.2f} of the best peer (target {COMPILED_TARGET}), worst {max(ratios):.2f}: {verdict}"
        )
    if chosen.compiled and chosen.compile_times:
        compile_times(chosen, [n for n in (COMPILED, TORCH_COMPILED, JAX) if n in wanted])
    if chosen.plot:
        plot(found, chosen.plot)
    return 0


def best(times: dict[str, float]) -> float:
    """The time of the fastest side that is not ours."""
    return min([t for name, t in times.items() if name not in (OURS, COMPILED)])


def plot(found: list[tuple[str, dict[str, float]]], path: str) -> None:
    """Bars of every side's time over PyTorch's."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    names = list(found[0][1])
    figure, axes = plt.subplots(figsize=(9, 0.55 * len(found) + 1.6), layout="constrained")
    height = 0.8 / len(names)
    for k, name in enumerate(names):
        places = [i + k * height for i in range(len(found))]
        bars = axes.barh(places, [times[name] / times[TORCH] for _, times in found], height, label=name)
        axes.bar_label(bars, fmt="%.2f", padding=2, fontsize=8)
    axes.set_yticks([i + 0.4 - height / 2 for i in range(len(found))], [name for name, _ in found])
    axes.axvline(1.0, color="0.4", linewidth=0.8)
    axes.invert_yaxis()
    axes.set_xlabel("time of a training step, PyTorch eager = 1 (shorter is faster)")
    axes.legend(frameon=False, loc="lower right")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=150)
    print(f"Plot        {path}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
