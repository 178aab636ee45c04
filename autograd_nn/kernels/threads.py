"""Threads: a pool of native workers that share the parts of a kernel, and the program they run.

A *program* is a few int64 numbers: addresses of a plan, of up to four arrays and of workspace, then steps (kernel
address, number of parts). `run` walks it in one native call without the GIL. The parts of a step are claimed one at a
time by whoever is free; the next step starts when all are done. How work is divided depends on the thread count only
and never on who claims a part, so results repeat bit for bit. `run_chain` walks many programs in one call: a compiled step.

Decisions. numba's own `prange` is not used: its portable layer aborts the process when two Python threads enter at
once, it costs seconds of compilation, and its loops cannot be called from generated code. Workers spin for about a
millisecond after each job, so that a chain of layers pays a microsecond per step and a loop in Python with some of NumPy
between them a few (a sleeping worker is 50 us late, and at times the system wakes it on the caller's own core, for
milliseconds); then they sleep on a Python lock.
If the pool is busy with another Python thread's program, the caller runs all parts itself: no waiting, no nesting
problem.

The claim. `ticket` holds (job number << 32 | parts not yet claimed) and is only ever changed by compare-and-swap
while parts remain. A publisher writes the job's fields while the ticket says 0 remain, so a late worker can never
claim a part of a job it has not read.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import threading
from functools import cache
from pathlib import Path

import numpy as np
from llvmlite import ir
from numba import types

from autograd_nn.kernels.build import address, compile_entry, inner, intrinsic
from autograd_nn.kernels.steps import FIRST_STEP, PLAN, PRIVATE, PRIVATE_BYTES, SHARED, STEPS, THREADS, A, B, C, D
from autograd_nn.kernels.vectors import I64, IS_X86, i64

# The mailbox, one cache line (8 numbers) per field that threads write.
TICKET, DONE, BUSY, PROGRAM, STEP, SLOTS, ASLEEP = 0, 8, 16, 24, 25, 26, 32
REMAINING = (1 << 32) - 1
SPINS = 50_000
MOST_THREADS = 256

numbers = types.CPointer(i64)


@intrinsic
def atomic_load(typingctx, pointer, index):
    def codegen(context, builder, signature, args):
        return builder.load_atomic(builder.gep(args[0], [args[1]]), "acquire", 8)

    return i64(pointer, i64), codegen


@intrinsic
def atomic_store(typingctx, pointer, index, value):
    def codegen(context, builder, signature, args):
        builder.store_atomic(args[2], builder.gep(args[0], [args[1]]), "release", 8)
        return context.get_dummy_value()

    return types.void(pointer, i64, i64), codegen


@intrinsic
def atomic_add(typingctx, pointer, index, value):
    def codegen(context, builder, signature, args):
        return builder.atomic_rmw("add", builder.gep(args[0], [args[1]]), args[2], "acq_rel")

    return i64(pointer, i64, i64), codegen


@intrinsic
def compare_and_swap(typingctx, pointer, index, expected, value):
    """Whether the number was `expected` and is now `value`."""

    def codegen(context, builder, signature, args):
        result = builder.cmpxchg(builder.gep(args[0], [args[1]]), args[2], args[3], "acq_rel", "acquire")
        return builder.extract_value(result, 1)

    return types.boolean(pointer, i64, i64, i64), codegen


@intrinsic
def relax(typingctx):
    """Tell the core that this is a spinning loop."""

    def codegen(context, builder, signature, args):
        if IS_X86:
            builder.call(
                builder.module.declare_intrinsic("llvm.x86.sse2.pause", (), ir.FunctionType(ir.VoidType(), [])), []
            )
        return context.get_dummy_value()

    return types.void(), codegen


@intrinsic
def as_numbers(typingctx, address):
    return numbers(i64), lambda context, builder, signature, args: builder.inttoptr(args[0], I64.as_pointer())


@intrinsic
def call_part(typingctx, program, step, slot, part):
    """Call the kernel of a step for one part, with the private workspace of this slot."""

    def codegen(context, builder, signature, args):
        program, step, slot, part = args

        def field(index):
            return builder.load(builder.gep(program, [index]))

        entry = builder.add(I64(FIRST_STEP), builder.mul(step, I64(2)))
        kernel = ir.FunctionType(ir.VoidType(), [I64] * 9)
        private = builder.add(field(I64(PRIVATE)), builder.mul(slot, field(I64(PRIVATE_BYTES))))
        arrays = [field(I64(i)) for i in (PLAN, A, B, C, D, SHARED)]
        parts = field(builder.add(entry, I64(1)))
        builder.call(builder.inttoptr(field(entry), kernel.as_pointer()), [*arrays, private, part, parts])
        return context.get_dummy_value()

    return types.void(numbers, i64, i64, i64), codegen


@inner
def run_steps(mailbox, program, shared):
    """Every step of a program, helped by the pool if it is ours."""
    for step in range(program[STEPS]):
        parts = program[FIRST_STEP + 2 * step + 1]
        if not shared or parts == 1:
            for part in range(parts):
                call_part(program, step, 0, part)
            continue
        mailbox[PROGRAM] = as_int(program)
        mailbox[STEP] = step
        mailbox[SLOTS] = program[THREADS]
        mailbox[DONE] = 0
        job = (atomic_load(mailbox, TICKET) >> 32) + 1
        atomic_store(mailbox, TICKET, ((job & 0x7FFFFFFF) << 32) | parts)
        while True:
            ticket = atomic_load(mailbox, TICKET)
            if ticket & REMAINING == 0:
                break
            if compare_and_swap(mailbox, TICKET, ticket, ticket - 1):
                call_part(program, step, 0, parts - (ticket & REMAINING))
                atomic_add(mailbox, DONE, 1)
        while atomic_load(mailbox, DONE) < parts:
            relax()


def run_program(mailbox, program):
    """Native: one program, helped by the pool if it is free."""
    shared = program[THREADS] > 1 and compare_and_swap(mailbox, BUSY, 0, 1)
    run_steps(mailbox, program, shared)
    if shared:
        atomic_store(mailbox, BUSY, 0)


def run_chain(mailbox, programs, count, flag):
    """Native: programs one after the other, until one writes a number other than 0 to `flag`; returns what stands there."""
    shared = compare_and_swap(mailbox, BUSY, 0, 1)
    for k in range(count):
        run_steps(mailbox, as_numbers(programs[k]), shared)
        if flag[0] != 0:
            break
    if shared:
        atomic_store(mailbox, BUSY, 0)
    return flag[0]


def serve(mailbox, slot):
    """Native: claim parts until nothing has come for a while. While somebody has the pool, there is more to come."""
    idle = 0
    while idle < SPINS:
        ticket = atomic_load(mailbox, TICKET)
        if ticket & REMAINING == 0 or mailbox[SLOTS] <= slot:
            relax()
            if mailbox[SLOTS] <= slot or atomic_load(mailbox, BUSY) == 0:
                idle += 1
        elif compare_and_swap(mailbox, TICKET, ticket, ticket - 1):
            program, step = as_numbers(mailbox[PROGRAM]), mailbox[STEP]
            parts = program[FIRST_STEP + 2 * step + 1]
            call_part(program, step, slot, parts - (ticket & REMAINING))
            atomic_add(mailbox, DONE, 1)
            idle = 0


@intrinsic
def as_int(typingctx, pointer):
    return i64(pointer), lambda context, builder, signature, args: builder.ptrtoint(args[0], I64)


@cache
def _native():
    """(run, serve, run_chain) as C functions; ctypes releases the GIL around each."""
    run = compile_entry(run_program, types.void(numbers, numbers))
    worker = compile_entry(serve, types.void(numbers, i64))
    chain = compile_entry(run_chain, i64(numbers, numbers, i64, numbers))
    two = ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_int64)
    four = ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_int64] * 4)
    return two(run.address), two(worker.address), four(chain.address)


def available_threads() -> int:
    """CPUs this process may use: its affinity, further limited by the container's quota (cgroup v2 or v1)."""
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    for path in ("/sys/fs/cgroup/cpu.max", "/sys/fs/cgroup/cpu/cpu.cfs_quota_us"):
        try:
            words = Path(path).read_text().split()
            if path.endswith("quota_us"):
                words.append(Path("/sys/fs/cgroup/cpu/cpu.cfs_period_us").read_text().strip())
            if words[0] not in ("max", "-1"):
                cpus = min(cpus, max(1, -(-int(words[0]) // int(words[1]))))
        except (OSError, ValueError, IndexError):
            continue
    return max(1, min(cpus, MOST_THREADS))


class Pool:
    """The mailbox and the workers. One per process; a fork starts with a fresh one."""

    def __init__(self, threads: int):
        raw = np.zeros(ASLEEP + 8 * MOST_THREADS + 8, np.int64)
        start = (-raw.ctypes.data % 64) // 8
        self.mailbox = raw[start:]
        self.address = self.mailbox.ctypes.data
        self.threads = threads
        self.bells: dict[int, threading.Lock] = {}

    def _work(self, slot: int, bell: threading.Lock) -> None:
        serve_native, asleep = _native()[1], ASLEEP + 8 * slot
        while True:
            serve_native(self.address, slot)
            self.mailbox[asleep] = 1
            if (int(self.mailbox[TICKET]) & REMAINING or self.mailbox[BUSY]) and self.mailbox[SLOTS] > slot:
                self.mailbox[asleep] = 0
            else:
                bell.acquire()

    def wake(self) -> None:
        for slot in range(1, self.threads):
            bell = self.bells.get(slot)
            if bell is None:
                self._start(slot)
            elif self.mailbox[ASLEEP + 8 * slot]:
                self.mailbox[ASLEEP + 8 * slot] = 0
                with contextlib.suppress(RuntimeError):  # rung twice: the worker is already on its way
                    bell.release()

    def _start(self, slot: int) -> None:
        with _pool_lock:
            if slot not in self.bells:
                bell = self.bells[slot] = threading.Lock()
                bell.acquire()
                threading.Thread(target=self._work, args=(slot, bell), name=f"kernels-{slot}", daemon=True).start()


_pool_lock = threading.Lock()
_pool = Pool(available_threads())


def _after_fork() -> None:
    global _pool, _pool_lock
    _pool_lock = threading.Lock()
    _pool = Pool(_pool.threads)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def get_num_threads() -> int:
    """Threads that kernels use; at first the CPUs this process may use."""
    return _pool.threads


def set_num_threads(threads: int) -> None:
    """Let kernels use this many threads, the caller included. Results repeat bit for bit at a given count."""
    if not 1 <= threads <= MOST_THREADS:
        raise ValueError(f"the number of threads must be from 1 to {MOST_THREADS}, got {threads}")
    _pool.threads = threads  # workers that are too many sleep on; they are not ended


def run(program: np.ndarray) -> None:
    """Run a program on the pool; the caller keeps its arrays alive."""
    pool = _pool
    if pool.threads > 1 and program[THREADS] > 1:
        pool.wake()
    _native()[0](pool.address, address(program))


def chain_runner():
    """The native function that runs a chain of programs: (addresses of programs, how many, flag) -> what the flag holds."""
    native = _native()[2]

    def run_all(programs: int, count: int, flag: int) -> int:
        pool = _pool
        if pool.threads > 1:
            pool.wake()
        return native(pool.address, programs, count, flag)

    return run_all
