"""Plans: everything about one layer that does not depend on its numbers, made once per geometry and kept.

A plan is data: int64 sizes and offset tables that its kernels read, the steps to run, and how much workspace they
need. Kernels never allocate; workspace belongs to the calling Python thread and is reused from call to call.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from autograd_nn.kernels import steps, threads
from autograd_nn.kernels.blas import OneBlasThread
from autograd_nn.kernels.build import Kernel, address

WORKSPACE_LIMIT = 64 << 20
"""Bytes of workspace that a convolution may use; a fast path that needs more is split over the batch or not taken."""

GUARD = 4096
"""Bytes kept free after each workspace: tiles may write junk past the end of theirs."""

_scratch = threading.local()


class Table:
    """Collects a plan's numbers: sizes first, tables behind them, each table known by its offset."""

    def __init__(self, sizes: int):
        self.sizes, self.length = sizes, sizes
        self.values: list[np.ndarray] = []

    def add(self, values) -> int:
        """Append a table and give its offset in the plan."""
        array, offset = np.asarray(values, np.int64).reshape(-1), self.length
        self.values.append(array)
        self.length += array.size
        return offset

    def array(self, header: Sequence[int]) -> np.ndarray:
        assert len(header) == self.sizes, "the header must fill the space kept for it"
        return np.concatenate([np.asarray(header, np.int64), *self.values])


def ceiling(a: int, b: int) -> int:
    return -(-a // b)


def line(elements: int, itemsize: int) -> int:
    """Round a number of elements up to whole cache lines, so that neighbouring buffers never share one."""
    per = 64 // itemsize
    return ceiling(elements, per) * per


@dataclass
class Plan:
    """`table` and `steps` (kernel, parts), run over arrays of `dtype`. `blas`: its kernels call OpenBLAS, which must
    be kept to one thread meanwhile; whoever runs its program without `run` sees to that.
    """

    dtype: np.dtype
    table: np.ndarray
    steps: list[tuple[Kernel, int]]
    shared_bytes: int
    private_bytes: int
    thread_count: int
    blas: bool = False

    def __post_init__(self):
        self.private_bytes = ceiling(self.private_bytes + GUARD, 64) * 64
        self.shared_bytes = ceiling(self.shared_bytes + GUARD, 64) * 64
        self._program: np.ndarray | None = None

    @property
    def workspace(self) -> int:
        return self.shared_bytes + self.private_bytes * self.thread_count

    def run(self, *arrays: np.ndarray | None) -> None:
        """Run over up to four C-contiguous arrays; None is a null pointer."""
        addresses = [0 if array is None else address(array) for array in arrays]
        program = self.program(addresses, _workspace(self.workspace))
        if self.blas:
            with OneBlasThread():
                threads.run(program)
        else:
            threads.run(program)

    def program(self, arrays: Sequence[int], workspace: int) -> np.ndarray:
        """The numbers of `steps` for arrays and workspace at these addresses."""
        if self._program is None:
            numbers = [len(self.steps), self.table.ctypes.data, 0, 0, 0, 0, 0, 0, self.private_bytes, self.thread_count]
            for kernel, parts in self.steps:
                numbers += [kernel.address(self.dtype), parts]
            self._program = np.asarray(numbers, np.int64)
        program = self._program.copy()  # other threads may run the same plan
        program[steps.A : steps.A + len(arrays)] = arrays
        program[steps.SHARED] = workspace
        program[steps.PRIVATE] = workspace + self.shared_bytes
        return program


def _workspace(size: int) -> int:
    """Address of this thread's workspace, on a cache line: a 64-byte load that straddles two lines costs two."""
    if getattr(_scratch, "size", -1) < size:
        _scratch.raw, _scratch.size = None, -1  # free the old one first; there may not be room for another
        _scratch.raw = np.empty(size + 64, np.uint8)
        _scratch.size = size
        _scratch.address = _scratch.raw.ctypes.data + -_scratch.raw.ctypes.data % 64
    return _scratch.address
