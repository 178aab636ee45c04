"""Whole training steps (forward, backward, Adam) of eight networks beside PyTorch and JAX: python -m benchmarks training.

All sides start from the same weights and see the same batch; before anything is timed their first losses are compared. Each runs
in a process of its own, as its users run it, and they take turns on the same number of threads. Peak memory is that of one more
process, above what it held without the network, its code loaded: of the first three steps, in which some sides compile, and of
those that follow.

We tell the C library to keep freed memory (`engine.heap`) and PyTorch does not; `--same-allocator` gives it to all sides.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import gc
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from .interleaved import installed, machine
from .turns import Turns
from .workloads import WORKLOADS, Workload, ours, pytorch

OURS, COMPILED, TORCH, JAX, TORCH_COMPILED = "autograd_nn", "ag.compile", "PyTorch", "JAX jit", "torch.compile"
TARGET, COMPILED_TARGET = 0.7, 0.35


def step_of(side: str, index: int, threads: int, state: dict[str, np.ndarray] | None) -> Callable[[], float]:
    """The training step of one side, in its own process."""
    set_threads(side, threads)
    workload = WORKLOADS[index]
    if side in (TORCH, TORCH_COMPILED):
        step = pytorch(workload, compiled=side == TORCH_COMPILED)[0]
    elif side == JAX:
        from . import workloads_jax

        assert state is not None
        step = workloads_jax.step(workload, state)
    else:
        step = ours(workload, state)
        if side == COMPILED:
            import autograd_nn as ag

            step = ag.compile(step)
    return lambda: _value(step())


def weights_of(index: int) -> dict[str, np.ndarray]:
    """The weights that PyTorch starts from."""
    return pytorch(WORKLOADS[index])[1]


def agree(workload: Workload, turns: Turns) -> None:
    """Raise unless the first three losses of all sides are the same."""
    losses = {name: [float(turns.result(name)) for _ in range(3)] for name in turns.sides}
    for name, found in losses.items():
        if not np.allclose(found, losses[OURS], rtol=1e-3):
            raise AssertionError(f"{workload.name}: the losses of {name} {found} are not ours {losses[OURS]}")


def _value(loss: Any) -> Any:
    return np.asarray(loss.detach().numpy() if hasattr(loss, "detach") else loss)


def peak_memory(index: int, side: str, threads: int) -> tuple[float, float]:
    """Megabytes that a network and its steps add to a fresh process, at their peak: in the first three, in later ones."""
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
    first, later = map(float, done.stdout.split()[-2:])
    return first, later


def first_call(index: int, side: str, threads: int, cache: str) -> float:
    """Seconds of the first step in a fresh process, after one of the smallest network, with compiled code kept in a folder."""
    command = [sys.executable, "-m", "benchmarks.training", "--first-call-of", str(index), "--side", side]
    folders = {"AUTOGRAD_NN_CACHE": cache, "TORCHINDUCTOR_CACHE_DIR": cache, "JAX_COMPILATION_CACHE_DIR": cache}
    environment = {**os.environ, **folders, "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
    command += ["--threads", str(threads)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise RuntimeError(f"{side} on {WORKLOADS[index].name}:\n{done.stderr}")
    return float(done.stdout.split()[-1])


def _measure_first_call(index: int, side: str, threads: int) -> None:
    states = [weights_of(k) if side == JAX else None for k in (0, index)]
    step_of(side, 0, threads, states[0])()
    step = step_of(side, index, threads, states[1])
    start = time.perf_counter()
    step()
    print(time.perf_counter() - start)


def compile_times(chosen: argparse.Namespace, compiled: list[str]) -> None:
    """Print the first call's seconds of each compiled side, with an empty cache and with that of the run before."""
    print(f"\nfirst call, seconds: cold, warm\n{'':<30}" + "".join(f"{n:>18}" for n in compiled))
    for index, workload in enumerate(WORKLOADS):
        if chosen.only and chosen.only not in workload.name:
            continue
        line = f"{workload.name:<30}"
        for side in compiled:
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

    def peak_of(step: Callable[[], Any], count: int) -> float:
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")  # the peak is measured from here on
        for _ in range(count):
            step()
        return status("VmHWM")

    peak_of(build(workload), 3)  # loads and compiles what a side does when it is first used
    gc.collect()
    with contextlib.suppress(AttributeError):  # another C library than glibc
        ctypes.CDLL(None).malloc_trim(0)
    before = status("VmRSS")
    step = build(workload)
    print(peak_of(step, 3) - before, peak_of(step, 27) - before)


def set_threads(side: str, threads: int) -> None:
    """Let a side use this many threads, in its own process."""
    if side in (TORCH, TORCH_COMPILED):
        import torch

        torch.set_num_threads(threads)
    elif side in (OURS, COMPILED):
        import threadpoolctl

        import autograd_nn as ag

        ag.set_num_threads(threads)
        threadpoolctl.threadpool_limits(threads, user_api="blas")
    elif side == JAX:
        import jax

        jax.config.update("jax_platforms", "cpu")


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks training", description=__doc__)
    parser.add_argument("--threads", type=int, default=2, help="for every side (default 2; JAX uses all cores)")
    parser.add_argument("--seconds", type=float, default=3.0, help="for each side of each workload")
    parser.add_argument("--only", help="workloads whose name contains this")
    parser.add_argument("--plot", metavar="PATH", help="write a bar chart (PNG)")
    parser.add_argument("--no-memory", action="store_true", help="do not measure peak memory")
    parser.add_argument("--compiled", action="store_true", help="our steps under ag.compile, too, beside the best peer")
    parser.add_argument("--same-allocator", action="store_true", help="every side keeps freed memory, not only ours")
    parser.add_argument("--torch-compile", action="store_true", help="with --compiled: torch.compile, too (minutes)")
    parser.add_argument("--compile-times", action="store_true", help="with --compiled: the compiled sides' first calls")
    parser.add_argument("--memory-of", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--first-call-of", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--side", help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    names = {"torch": TORCH, "jax": JAX}
    wanted = [names[n] for n in installed(*names)] + [COMPILED] * chosen.compiled
    wanted += [TORCH_COMPILED] * (chosen.compiled and chosen.torch_compile and TORCH in wanted)
    if chosen.memory_of is not None:
        set_threads(chosen.side, chosen.threads)
        _measure_memory(WORKLOADS[chosen.memory_of], chosen.side)
        return 0
    if chosen.first_call_of is not None:
        _measure_first_call(chosen.first_call_of, chosen.side, chosen.threads)
        return 0
    if TORCH not in wanted:
        print("PyTorch is not installed: there is nothing to compare with", file=sys.stderr)
        return 2
    os.environ.setdefault("XLA_FLAGS", f"--xla_cpu_multi_thread_eigen={'true' if chosen.threads > 1 else 'false'}")
    if chosen.same_allocator:  # glibc reads these when a process starts
        os.environ.update(MALLOC_TRIM_THRESHOLD_=str(1 << 30), MALLOC_MMAP_THRESHOLD_=str(1 << 30))
    print(f"Training steps on {machine()}, {chosen.threads} threads; microseconds, ratios to PyTorch eager")
    columns = [OURS, *wanted]
    print(
        f"{'':<30}"
        + "".join(f"{n:>14}" for n in columns)
        + f"{'ratio':>8}{'to best' if chosen.compiled else '':>8}"
        + "".join([f"{f'MB of {name}':>22}" for name in ("ours", "theirs", "compiled")[: 2 + chosen.compiled]])
    )
    found: list[tuple[str, dict[str, float]]] = []
    for index, workload in enumerate(WORKLOADS):
        if chosen.only and chosen.only not in workload.name:
            continue
        state = weights_of(index)
        with Turns({side: (step_of, side, index, chosen.threads, state) for side in columns}) as turns:
            agree(workload, turns)
            times = turns.medians(chosen.seconds)
        found.append((workload.name, times))
        line = f"{workload.name:<30}" + "".join(f"{times[n] * 1e6:14.0f}" for n in columns)
        line += f"{times[OURS] / times[TORCH]:8.2f}"
        if chosen.compiled:
            line += f"{times[COMPILED] / best(times):8.3f}"
        if not chosen.no_memory and os.path.exists("/proc/self/statm"):
            measured = (OURS, TORCH, *([COMPILED] if chosen.compiled else []))
            peaks = [peak_memory(index, side, chosen.threads) for side in measured]
            line += "".join([f"{first:12.1f}, then {later:5.1f}"[-22:].rjust(22) for first, later in peaks])
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
