"""Profiling: how long each kernel of a machine takes in a step run kernel by kernel, and how much memory is held when."""

from __future__ import annotations

import time
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from ..engine.record import Value
from .capture import Captured
from .fusion import Cluster
from .memory import Plan, nbytes

if TYPE_CHECKING:
    from .machine import Machine


def profile(machine: Machine, repeat: int = 9) -> dict[Cluster | None, float]:
    """The median microseconds of each cluster (None: checks), on the arguments of the last call. States are left as they were."""
    states = [(t.data, t.data.copy()) for t, _ in machine.program.effects]
    samples: list[dict[Cluster | None, float]] = []
    run, flag = machine.runner(), machine.flag.ctypes.data
    tables = [np.asarray([numbers.ctypes.data], np.int64) for numbers, _ in machine.entries]
    try:
        for _ in range(repeat):
            taken: dict[Cluster | None, float] = {}
            for step, walked in zip(machine.steps, machine.walked, strict=True):
                if isinstance(walked, Cluster):
                    start = time.perf_counter()
                    step()
                    taken[walked] = taken.get(walked, 0.0) + time.perf_counter() - start
                    continue
                for k in range(*walked):
                    start = time.perf_counter()
                    run(tables[k].ctypes.data, 1, flag)
                    c = machine.entries[k][1]
                    taken[c] = taken.get(c, 0.0) + time.perf_counter() - start
            samples.append(taken)
    finally:
        machine.flag[0] = 0
        for now, before in states:
            now[...] = before
    return {c: 1e6 * median([s[c] for s in samples]) for c in samples[0]}


def arena_in_use(made: Plan, clusters: int) -> list[int]:
    """Bytes of the arena that hold something while each cluster runs."""
    change = [0] * (clusters + 2)
    for v, (first, last) in made.lifetimes.items():
        change[first + (v in made.heirs)] += nbytes(v)
        change[last + 1] -= nbytes(v)
    for c, _ in made.workspace.items():
        size = c.members[0].params.workspace
        change[c.position] += size
        change[c.position + 1] -= size
    return np.cumsum(change[:clusters]).tolist()


def eager_in_use(captured: Captured) -> list[int]:
    """Bytes that the recorded operations' results hold after each, if every array is let go after its last use."""
    record = captured.record
    born: dict[Value, int] = {}
    dies: dict[Value, int] = {}
    whose: dict[Value, Value] = {}  # a view's memory is another's
    for k, entry in enumerate(record.entries):
        for x in entry.inputs:
            if isinstance(x, Value):
                dies[whose.get(x, x)] = k
        for out in entry.outputs:
            if out is not None and out in captured.views:
                whose[out] = whose.get(entry.inputs[0], entry.inputs[0])
            elif out is not None and isinstance(out.data, np.ndarray):
                born[out] = k
    change = [0] * (len(record.entries) + 1)
    for v, k in born.items():
        change[k] += v.data.nbytes
        change[dies.get(v, k) + 1] -= v.data.nbytes
    return np.cumsum(change[:-1]).tolist()
