"""Sides that take turns, each in a process of its own: no side's threads, allocator or caches are another's.

    with Turns({"ours": (build, 1), "theirs": (build, 2)}) as turns: ...

`build(*arguments)` runs in the side's process and gives the function to be timed.
"""

from __future__ import annotations

import multiprocessing
import time
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from statistics import median
from typing import Any


def _serve(connection: Connection, build: Callable[..., Callable[[], Any]], arguments: tuple[Any, ...]) -> None:
    """In the side's process: run as often as asked, until nobody asks."""
    try:
        run = build(*arguments)
        connection.send((True, None))
        while (count := connection.recv()) is not None:
            if count:
                start = time.perf_counter()
                for _ in range(count):
                    run()
                connection.send((True, (time.perf_counter() - start) / count))
            else:
                connection.send((True, run()))
    except Exception:
        connection.send((False, traceback.format_exc()))


class Turns:
    """The processes of some sides; at the end of the block they are gone."""

    def __init__(self, sides: dict[str, tuple[Any, ...]]) -> None:
        context = multiprocessing.get_context("spawn")
        self.sides: dict[str, tuple[Any, Connection]] = {}
        for name, (build, *arguments) in sides.items():
            here, there = context.Pipe()
            process = context.Process(target=_serve, args=(there, build, tuple(arguments)), daemon=True)
            process.start()
            there.close()
            self.sides[name] = process, here
            self._answer(name)  # one after another: what they compile or load meets a quiet machine

    def _answer(self, name: str) -> Any:
        process, connection = self.sides[name]
        try:
            done, answer = connection.recv()
        except EOFError:
            raise RuntimeError(f"the process of {name} ended with code {process.exitcode}") from None
        if not done:
            raise RuntimeError(f"{name}:\n{answer}")
        return answer

    def result(self, name: str) -> Any:
        """What one run of a side returns."""
        self.sides[name][1].send(0)
        return self._answer(name)

    def timed(self, name: str, count: int) -> float:
        """Seconds of one of `count` runs in a row."""
        self.sides[name][1].send(count)
        return float(self._answer(name))

    def medians(self, seconds: float, pause: float = 0.02, block: float = 0.03) -> dict[str, float]:
        """The median over blocks of each side's mean time of a run; sides take turns block by block, `seconds` for each."""
        counts = {}
        for name in self.sides:
            self.timed(name, 2)
            counts[name] = max(1, min(5000, round(block / self.timed(name, 3))))
        blocks: dict[str, list[float]] = {name: [] for name in self.sides}
        end = time.perf_counter() + seconds * len(self.sides)
        while time.perf_counter() < end or min(map(len, blocks.values())) < 7:
            for name, count in counts.items():
                time.sleep(pause)  # idle threads of the last side come to rest
                self.timed(name, 1)  # wakes this one's
                blocks[name].append(self.timed(name, count))
        return {name: median(b) for name, b in blocks.items()}

    def __enter__(self) -> Turns:
        return self

    def __exit__(self, *error: object) -> None:
        for process, connection in self.sides.values():
            if process.is_alive():
                connection.send(None)
            process.join()
            connection.close()
