"""Timing several sides in turn (A B C A B C ...), so that a drift of the machine's speed meets all of them alike."""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable

import numpy as np


def medians(
    sides: dict[str, Callable[[], object]],
    seconds: float = 1.0,
    rounds: int = 25,
    middle: Callable[[list[float]], float] = statistics.median,
    least: int | None = None,
) -> dict[str, float]:
    """The median time of one call of each side, in seconds. `seconds` is what each side may take in all.

    Each side runs long enough in a round for the clock, and all of them take turns within every round. `middle` is what is
    taken of the rounds; `min` says more than the median on a machine that is busy with other things. Calls that are longer
    than a round overrun the time; with `least`, only so many rounds are then sure.
    """
    loops = {}
    for name, run in sides.items():
        run()
        count, taken = 1, 0.0
        while taken < seconds / rounds / 4 and count < 1 << 20:
            count *= 2
            taken = _timed(run, count) * count
        loops[name] = max(1, round(count * seconds / rounds / taken)) if taken else count
    times: dict[str, list[float]] = {name: [] for name in sides}
    end = time.perf_counter() + seconds * len(sides)
    for k in range(rounds):
        if least is not None and k >= least and time.perf_counter() > end:
            break
        for name, run in sides.items():
            times[name].append(_timed(run, loops[name]))
    return {name: middle(t) for name, t in times.items()}


def _timed(run: Callable[[], object], count: int) -> float:
    start = time.perf_counter()
    for _ in range(count):
        run()
    return (time.perf_counter() - start) / count


def installed(*names: str) -> list[str]:
    """Which of these packages can be imported."""
    import importlib.util

    return [n for n in names if importlib.util.find_spec(n) is not None]


def machine() -> str:
    """One line about what the figures were measured on."""
    blas = "BLAS architecture unknown (pip install threadpoolctl)"
    if installed("threadpoolctl"):
        import threadpoolctl

        np.ones((2, 2)) @ np.ones((2, 2))
        found = {i.get("architecture") for i in threadpoolctl.threadpool_info() if i.get("user_api") == "blas"}
        blas = f"BLAS {', '.join(sorted(str(f) for f in found))}"
    chosen = os.environ.get("OPENBLAS_CORETYPE")
    system = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, NumPy {np.__version__}"
    note = f", OPENBLAS_CORETYPE={chosen} (unset it: it may halve NumPy)" if chosen else ""
    return f"{system}, {blas}{note}"


def table(
    title: str, times: dict[str, float], reference: str, target: float | None = None, ours: str = "autograd_nn"
) -> float:
    """Print one line a side with its ratio to the reference; returns ours. `target` is the ratio we mean to stay below."""
    print(f"\n{title}")
    for name, t in sorted(times.items(), key=lambda item: item[1]):
        print(f"  {name:<28} {t * 1e6:10.2f} us   {t / times[reference]:6.2f} of {reference}")
    ratio = times[ours] / times[reference]
    if target is not None:
        print(
            f"  {'target':<28} {'':>10}      {target:6.2f}   {'reached' if ratio <= target else 'MISSED'} ({ratio:.2f})"
        )
    return ratio
