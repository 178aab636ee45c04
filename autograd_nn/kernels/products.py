"""Large matrix products: NumPy's own BLAS, called in parts by our threads.

OpenBLAS's own threads would keep ours from the cores (see `blas`), and NumPy makes the products of a stack (attention's
heads) one after another on one thread. Here ours make them, on slices of the result's rows or columns.

Where NumPy's BLAS is another than the OpenBLAS with 64-bit integers of its wheels, `matmul` is NumPy's.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types

from autograd_nn.kernels.blas import OneBlasThread, blas
from autograd_nn.kernels.build import intrinsic, kernel
from autograd_nn.kernels.layout import share
from autograd_nn.kernels.plan import Plan, ceiling
from autograd_nn.kernels.threads import get_num_threads
from autograd_nn.kernels.vectors import I32, I64, at, fields, i64

ROW_MAJOR, AS_IS, TRANSPOSED = 101, 111, 112  # constants of BLAS's C interface


@intrinsic
def gemm(typingctx, address, left, right, m, n, k, a, lda, b, ldb, c, ldc, accumulate):
    """c = a @ b, or c += a @ b, by the BLAS function at an address; a lead (lda) is the distance of rows as they lie in
    memory.
    """
    element = a.dtype

    def codegen(context, builder, signature, args):
        address, left, right, m, n, k, a, lda, b, ldb, c, ldc, accumulate = args
        one, zero = (ir.Constant(a.type.pointee, value) for value in (1.0, 0.0))
        left, right = builder.trunc(left, I32), builder.trunc(right, I32)
        old = builder.select(builder.icmp_signed("!=", accumulate, I64(0)), one, zero)
        passed = [I32(ROW_MAJOR), left, right, m, n, k, one, a, lda, b, ldb, old, c, ldc]
        kind = ir.FunctionType(ir.VoidType(), [value.type for value in passed])
        builder.call(builder.inttoptr(address, kind.as_pointer()), passed)
        return context.get_dummy_value()

    pointer = types.CPointer(element)
    return types.void(*[i64] * 6, *[pointer, i64] * 3, i64), codegen


@kernel()
def multiply(plan, a, b, c, d, shared, private, part, parts):
    """c[i, j] = a[i, j] @ b[i, j]: a stack of products, each cut in pieces along the rows or the columns of c."""
    (address, inner, m, n, k, left, right, lda, ldb, ldc, pieces, along_rows) = fields(plan, 12)
    (count, a_outer, a_inner, b_outer, b_inner, c_outer, c_inner) = fields(at(plan, 12), 7)
    first, last = share(count * pieces, part, parts)
    for unit in range(first, last):
        product, piece = unit // pieces, unit % pieces
        i, j = product // inner, product % inner
        x, y, z = i * a_outer + j * a_inner, i * b_outer + j * b_inner, i * c_outer + j * c_inner
        if along_rows:
            start, end = share(m, piece, pieces)
            x += start * (lda if left == AS_IS else 1)
            gemm(address, left, right, end - start, n, k, at(a, x), lda, at(b, y), ldb, at(c, z + start * ldc), ldc, 0)
        else:
            start, end = share(n, piece, pieces)
            y += start * (1 if right == AS_IS else ldb)
            gemm(address, left, right, m, end - start, k, at(a, x), lda, at(b, y), ldb, at(c, z + start), ldc, 0)


PART = 1 << 18
"""Multiply-adds that are worth a part of their own: 5 us."""


def _matrix(shape: tuple[int, ...], strides: tuple[int, ...], size: int) -> tuple[int, int] | None:
    """How BLAS reads the last two axes: (as it is or transposed, lead), or None if neither axis is dense."""
    (rows, columns), (down, across) = shape[-2:], strides[-2:]
    if down % size or across % size:
        return None
    down, across = down // size, across // size
    if (across == 1 or columns == 1) and down >= columns:
        return AS_IS, down
    if (down == 1 or rows == 1) and across >= rows:
        return TRANSPOSED, across
    return None


def _stack(batch: tuple[int, ...], strides: list[tuple[int, ...]]) -> tuple[int, int, list[tuple[int, int]]] | None:
    """The axes of a stack as two, (outer, inner, their steps in each array), or None if they are more than two."""
    axes: list[tuple[int, tuple[int, ...]]] = []
    for count, steps in zip(batch, zip(*strides, strict=True), strict=True):
        if count == 1:
            continue
        if axes and all(big == count * small for big, small in zip(axes[-1][1], steps, strict=True)):
            axes[-1] = (axes[-1][0] * count, steps)
        else:
            axes.append((count, steps))
    if len(axes) > 2:
        return None
    nothing = (0,) * len(strides)
    (outer, far), (inner, near) = [(1, nothing)] * (2 - len(axes)) + axes
    return outer, inner, list(zip(far, near, strict=True))


@lru_cache(maxsize=1024)
def _plan(dtype: np.dtype, out_dtype: np.dtype, *layout: Any) -> Plan | None:
    """How to multiply arrays laid out so (shapes of x, y and out, their strides, threads); None if BLAS cannot."""
    library, size, shapes, strides, threads = blas(), dtype.itemsize, layout[:3], layout[3:6], layout[6]
    (*batch, m, n), k = shapes[2], shapes[0][-1]
    fits = shapes[2] == (*np.broadcast_shapes(shapes[0][:-2], shapes[1][:-2]), shapes[0][-2], shapes[1][-1])
    if library is None or dtype != out_dtype or not fits:
        return None
    leads = [lead for lead in map(_matrix, shapes, strides, (size,) * 3) if lead]
    if len(leads) < 3 or leads[2][0] != AS_IS:
        return None
    aligned = []
    for shape, step in zip(shapes, strides, strict=True):
        lead = len(batch) - (len(shape) - 2)
        own = (*[0] * lead, *(s if count > 1 else 0 for count, s in zip(shape[:-2], step[:-2], strict=True)))
        if any(s % size for s in own):
            return None
        aligned.append(tuple(s // size for s in own))
    stack = _stack(tuple(batch), aligned)
    if stack is None:
        return None
    outer, inner, steps = stack
    count = outer * inner
    work = m * n * k
    pieces = 1 if count >= 2 * threads else min(ceiling(threads, count), max(m, n))
    parts = max(1, min(threads if count < 2 * threads else 4 * threads, count * pieces, count * work // PART))
    (left, lda), (right, ldb), (_, ldc) = leads
    table = [
        library.gemm[size], inner, m, n, k, left, right, lda, ldb, ldc, pieces, m >= n,
        count, *[step for pair in steps for step in pair],
    ]  # fmt: skip
    return Plan(dtype, np.array(table, np.int64), [(multiply, parts)], 0, 0, threads, blas=True)


def matmul(x: np.ndarray, y: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """`np.matmul` on our threads, for arrays of two or more axes. `out` shares no memory with x and y."""
    dtype = x.dtype
    if dtype != y.dtype or dtype.char not in "fd" or x.shape[-1] != y.shape[-2]:
        with OneBlasThread():
            return np.matmul(x, y, out=out)
    if out is None:
        alike = y.ndim == 2 or x.shape[:-2] == y.shape[:-2]
        batch = x.shape[:-2] if alike else np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
        out = np.empty((*batch, x.shape[-2], y.shape[-1]), dtype)
    x, y = _readable(x), _readable(y)
    plan = _plan(dtype, out.dtype, x.shape, y.shape, out.shape, x.strides, y.strides, out.strides, get_num_threads())
    if plan is not None:
        plan.run(x, y, out)
    else:
        with OneBlasThread():
            np.matmul(x, y, out=out)
    return out


def _readable(x: np.ndarray) -> np.ndarray:
    """x as BLAS can read it: a copy if neither of its last two axes is dense."""
    return x if x.flags.forc or _matrix(x.shape, x.strides, x.itemsize) else np.ascontiguousarray(x)
