"""The heap: memory that a step frees is kept for the next one.

A training step allocates and frees the same arrays again and again. glibc gives large ones back to the system at once, and
the next step takes them anew, page by page, each a fault and 4 kB of zeros: half the time of a convolutional network's step.
So the C library is told, when this package is imported, to keep what is freed for the process: up to an eighth of the memory
that the process may use. NumPy's arrays profit whoever makes them.

AUTOGRAD_NN_KEEP_MEMORY is how many bytes, instead; 0 leaves the C library as it is, and so do glibc's own variables, where
they say anything (MALLOC_TRIM_THRESHOLD_, MALLOC_MMAP_THRESHOLD_, GLIBC_TUNABLES). Other C libraries have no such switch.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
from pathlib import Path

VARIABLE = "AUTOGRAD_NN_KEEP_MEMORY"
GLIBC = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_")
TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # what glibc's mallopt calls them
MOST = (1 << 31) - 1  # mallopt takes an int
OLD_MOST = 32 << 20  # the largest mapping threshold before glibc 2.35


def available() -> int:
    """Bytes this process may use: the machine's memory or, where it is less, the container's limit."""
    found = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            limit = Path(path).read_text().strip()
        except OSError:
            continue
        if limit.isdigit():
            found = min(found, int(limit))
    return found


def keep_freed_memory() -> int:
    """Tell glibc to keep freed memory, once and for the whole process; gives how many bytes at most, 0 where nothing was done.

    Raises ValueError if the environment variable is not a number of bytes.
    """
    asked = os.environ.get(VARIABLE, "")
    if asked and not asked.isdigit():
        raise ValueError(f"{VARIABLE}={asked!r} is not a number of bytes; 0 leaves the C library's allocator as it is")
    theirs = any(name in os.environ for name in GLIBC) or "glibc.malloc" in os.environ.get("GLIBC_TUNABLES", "")
    if (asked and not int(asked)) or (theirs and not asked) or not hasattr(os, "sysconf"):
        return 0
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return 0
    keep = min(int(asked) if asked else available() // 8, MOST)
    mallopt(MMAP_THRESHOLD, keep) or mallopt(MMAP_THRESHOLD, min(keep, OLD_MOST))
    return keep if mallopt(TRIM_THRESHOLD, keep) else 0


def give_back() -> None:
    """Give the system what is freed and was kept, where the C library can: after work that took much memory and is over."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)
