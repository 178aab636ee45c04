"""NumPy's BLAS: where its functions are, and how to keep it to one thread. Loads no numba.

Decision: OpenBLAS's idle threads spin for some 20 ms after a product they shared, and keep ours from the cores for the
kernels to come (a network of separable convolutions took 1.5 times as long). So what this package asks of OpenBLAS it
asks of one thread at a time: its count is set to 1 when the first of several Python threads calls and back when the last is
done. A call that found another count would cut its products elsewhere and round otherwise.
"""

from __future__ import annotations

import ctypes
import importlib
import os
import threading
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np


class Blas(NamedTuple):
    """NumPy's OpenBLAS: addresses of its products by size of element, and its count of threads."""

    gemm: dict[int, int]
    get_threads: Callable[[], int]
    set_threads: Callable[[int], None]


@cache
def blas() -> Blas | None:
    """NumPy's OpenBLAS with 64-bit integers, or None where NumPy uses another library."""
    for library in _libraries():
        for prefix in ("scipy_", ""):
            try:
                gemm = {
                    size: getattr(library, f"{prefix}cblas_{letter}gemm64_") for size, letter in ((4, "s"), (8, "d"))
                }
                count, limit = (getattr(library, f"{prefix}openblas_{what}_num_threads64_") for what in ("get", "set"))
            except AttributeError:
                continue
            count.restype, limit.restype, limit.argtypes = ctypes.c_int, None, [ctypes.c_int]
            return Blas({size: ctypes.cast(f, ctypes.c_void_p).value or 0 for size, f in gemm.items()}, count, limit)
    return None


def _libraries() -> Iterator[ctypes.CDLL]:
    """Libraries in which NumPy's BLAS may be found: its extension module (and what that links to), those beside it."""
    module = importlib.import_module("numpy._core._multiarray_umath")
    package = Path(np.__file__).parent
    beside = [
        p for folder in (package.parent / "numpy.libs", package / ".dylibs") for p in sorted(folder.glob("*openblas*"))
    ]
    for path in (module.__file__, *map(str, beside)):
        try:
            yield ctypes.CDLL(path)
        except OSError:
            continue


_lock = threading.Lock()
_inside = 0  # contexts that are open
_before = 1  # threads OpenBLAS had when the first of them was opened


class OneBlasThread:
    """Context in which OpenBLAS starts no threads of its own. The last of several to end gives them back."""

    def __enter__(self) -> None:
        global _inside, _before
        library = blas()
        if library is not None:
            with _lock:
                if _inside == 0:
                    _before = library.get_threads()
                    if _before != 1:
                        library.set_threads(1)
                _inside += 1

    def __exit__(self, *error: object) -> None:
        global _inside
        library = blas()
        if library is not None:
            with _lock:
                _inside -= 1
                if _inside == 0 and _before != 1:
                    library.set_threads(_before)


def _after_fork() -> None:
    """A child has none of the threads that were inside."""
    global _lock, _inside
    library = blas() if _inside else None
    _lock, _inside = threading.Lock(), 0
    if library is not None and _before != 1:
        library.set_threads(_before)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
