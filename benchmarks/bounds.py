"""What bounds a kernel: the shares of its time, each found by a measurement of its own.

    arithmetic   its operations at the rate of a large matrix product on as many threads (a little over 1 is possible)
    memory       its operands moved once, at the rate at which NumPy adds to a large array on as many threads
    preparing    its steps but the longest, run alone: packing weights, adding sums
    waiting      what the threads lose to each other: the time on one of them, shared out evenly, taken from the time on all
    allocating   a fresh result's pages, against the same result written again
    the rest     copies at the edges: padding, transposing, loops too short to be at full speed

Arithmetic and memory overlap, so memory is left out of the rest. A convolution's operations count as the definition has
them; lanes of vectors that no channel fills are not counted, and so belong to the rest.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache

import numpy as np

from autograd_nn.kernels import threads
from autograd_nn.kernels.plan import Plan
from autograd_nn.kernels.products import matmul

Arrays = tuple[np.ndarray | None, ...]


def least(run: Callable[[], object], seconds: float = 0.05) -> float:
    """The least time of a call in about so many seconds: shares compare what the machine can do, not how it is today."""
    run()
    times: list[float] = []
    while sum(times) < seconds or len(times) < 5:
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times)


@cache
def rates(count: int) -> tuple[float, float]:
    """(operations, bytes) a second of `count` threads: a large matrix product, and NumPy adding to large arrays."""
    a = np.random.default_rng(0).standard_normal((1536, 1536)).astype(np.float32)
    out, before = np.empty_like(a), threads.get_num_threads()
    threads.set_num_threads(count)
    product = 2 * a.shape[0] ** 3 / least(lambda: matmul(a, a, out), 0.3)
    threads.set_num_threads(before)
    blocks = [np.zeros((1 << 24) // count, np.float32) for _ in range(count)]
    with ThreadPoolExecutor(count) as pool:
        taken = least(lambda: list(pool.map(lambda block: np.add(block, 1, out=block), blocks)), 0.3)
    return product, 2 * sum(block.nbytes for block in blocks) / taken


def shares(
    fresh: Callable[[], object], alone: Callable[[], object], operations: int, moved: int, plan: Plan | None = None,
    arrays: Arrays = (),
) -> dict[str, float]:  # fmt: skip
    """Shares of a call of `fresh`, which allocates its result. `alone` is the same on one thread; `plan` writes to the
    last of `arrays`.
    """
    count, ours = threads.get_num_threads(), least(fresh)
    product, bandwidth = rates(count)
    found = {"arithmetic": operations / product / ours, "memory": moved / bandwidth / ours}
    found["waiting"] = max(0.0, 1 - least(alone) / (count * ours))
    if plan is not None:
        found["allocating"] = max(0.0, 1 - least(lambda: plan.run(*arrays)) / ours)
        singles = [replace(plan, steps=[step]) for step in plan.steps]
        steps = [least(lambda single=single: single.run(*arrays)) for single in singles]
        found["preparing"] = (sum(steps) - max(steps)) / ours
    found["the rest"] = max(0.0, 1 - sum(found.values()) + found["memory"])
    return found


def said(found: dict[str, float]) -> str:
    """The shares, the largest first."""
    order = sorted(found.items(), key=lambda item: -item[1])
    return f"bound by {order[0][0]}: " + ", ".join(f"{name} {share:.0%}" for name, share in order)
