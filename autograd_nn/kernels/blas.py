"""NumPy's BLAS: where its functions are, and how to keep it to one thread. Loads no numba.

Decision: OpenBLAS's idle threads spin for some 20 ms after a product they shared, and keep ours from the cores for the
kernels to come (a network of separable convolutions took 1.5 times as long). So what this package asks of OpenBLAS it
asks of one thread at a time: its count is set to 1 for the time of a call, by one Python thread at a time. Another that comes
meanwhile takes the count as it finds it, which costs speed at most.
"""

from __future__ import annotations

import ctypes
import importlib
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


_alone = threading.Lock()


class OneBlasThread:
    """Context in which OpenBLAS starts no threads of its own. Where another Python thread is in one, it sees to that."""

    threads = 1  # to be restored at the end

    def __enter__(self) -> None:
        library = blas()
        self.alone = library is not None and _alone.acquire(blocking=False)
        if self.alone and library is not None:
            self.threads = library.get_threads()
            if self.threads != 1:
                library.set_threads(1)

    def __exit__(self, *error: object) -> None:
        if self.alone:
            library = blas()
            if self.threads != 1 and library is not None:
                library.set_threads(self.threads)
            _alone.release()
