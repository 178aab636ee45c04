"""Vectors: the few vector instructions that numba cannot express, as LLVM text behind numba intrinsics.

Width comes from the CPU that numba compiles for: 64 bytes with AVX-512, 32 with AVX2, else 16 (SSE, NEON). Everything
here is generic LLVM; the one x86 line is `fence`, which is nothing elsewhere. All pointers are raw: callers keep room
around buffers.
"""

from __future__ import annotations

import llvmlite.binding as llvm
from llvmlite import ir
from numba import config, types

from autograd_nn.kernels.build import intrinsic

I8, I32, I64 = ir.IntType(8), ir.IntType(32), ir.IntType(64)
i64 = types.int64


def host_vector_bytes() -> int:
    """Vector width of the CPU numba compiles for: NUMBA_CPU_NAME may narrow it."""
    name = getattr(config, "CPU_NAME", None)  # numba sets its settings at run time
    if name in (None, "", "host"):
        features = llvm.get_host_cpu_features()
        return 64 if features.get("avx512f") else 32 if features.get("avx2") else 16
    if name in ("znver4", "znver5", "skylake-avx512", "icelake-server", "cascadelake", "sapphirerapids"):
        return 64
    return 32 if name in ("haswell", "broadwell", "skylake", "znver1", "znver2", "znver3") else 16


VECTOR_BYTES = host_vector_bytes()
WIDE = VECTOR_BYTES == 64  # AVX-512 has 32 vector registers; AVX2 has 16 and wants half the tile
IS_X86 = llvm.get_default_triple().startswith(("x86", "i686"))


class Lanes:
    """Emits vector instructions of one element type into one LLVM builder."""

    def __init__(self, builder, dtype, lanes=None):
        self.b, self.size = builder, dtype.bitwidth // 8
        self.n = lanes or VECTOR_BYTES // self.size
        self.scalar = ir.FloatType() if self.size == 4 else ir.DoubleType()
        self.vector = ir.VectorType(self.scalar, self.n)
        # fmuladd, not fma: without an FMA unit `llvm.fma` becomes one libm call per lane.
        name = f"llvm.fmuladd.v{self.n}f{dtype.bitwidth}"
        module = builder.module
        self._fma = module.globals.get(name) or ir.Function(
            module, ir.FunctionType(self.vector, [self.vector] * 3), name
        )

    def load(self, pointer):
        value = self.b.load(self.b.bitcast(pointer, self.vector.as_pointer()))
        value.align = self.size
        return value

    def store(self, value, pointer):
        self.b.store(value, self.b.bitcast(pointer, self.vector.as_pointer())).align = self.size

    def broadcast(self, scalar, vector=None):
        vector = vector or self.vector
        undefined = ir.Constant(vector, ir.Undefined)
        zeros = ir.Constant(ir.VectorType(I32, vector.count), [0] * vector.count)
        return self.b.shuffle_vector(self.b.insert_element(undefined, scalar, I32(0)), undefined, zeros)

    def shuffle(self, a, b, lanes):
        return self.b.shuffle_vector(a, b, ir.Constant(ir.VectorType(I32, len(lanes)), lanes))

    def const(self, value):
        return ir.Constant(self.vector, [float(value)] * self.n)

    def fma(self, a, b, c):
        return self.b.call(self._fma, [a, b, c])

    def add(self, *terms):
        total = terms[0]
        for term in terms[1:]:
            total = self.b.fadd(total, term)
        return total

    def sub(self, a, b):
        return self.b.fsub(a, b)

    def mul(self, a, b):
        return self.b.fmul(a, b)

    def fence(self, values):
        """An empty asm that the accumulators pass through. LLVM's scheduler otherwise hoists all broadcasts of the
        loop to its
        top and spills accumulators (130 instead of 260 GFLOP/s), or not, depending on code far away."""
        if not IS_X86:
            return values
        n = len(values)
        result_type = ir.LiteralStructType([self.vector] * n) if n > 1 else self.vector
        register = "=v" if WIDE else "=x"
        constraint = ",".join([register] * n + [str(i) for i in range(n)] + ["~{memory}"])
        result = self.b.asm(ir.FunctionType(result_type, [self.vector] * n), "", constraint, values, True)
        return [self.b.extract_value(result, i) for i in range(n)] if n > 1 else [result]


def outlined(builder, name, args, body):
    """Emit `body` as a private noinline function and call it: one copy per module, and a register allocation that does
    not depend on the caller."""
    function = builder.module.globals.get(name)
    if function is None:
        function = ir.Function(builder.module, ir.FunctionType(ir.VoidType(), [a.type for a in args]), name)
        function.linkage = "internal"
        function.attributes.add("noinline")
        function.attributes.add("nounwind")
        inner = ir.IRBuilder(function.append_basic_block("entry"))
        body(inner, function.args)
        inner.ret_void()
    builder.call(function, args)


@intrinsic
def at(typingctx, pointer, offset):
    """pointer + offset, in elements."""
    return pointer(pointer, i64), lambda context, builder, signature, args: builder.gep(args[0], [args[1]])


@intrinsic
def given(typingctx, pointer):
    """Whether a pointer is not null: optional arrays are null when absent."""

    def codegen(context, builder, signature, args):
        return builder.icmp_unsigned("!=", builder.ptrtoint(args[0], I64), I64(0))

    return types.boolean(pointer), codegen


@intrinsic(prefer_literal=True)
def fields(typingctx, plan, count):
    """The first `count` (a literal) numbers of a plan, as a tuple."""
    n = count.literal_value
    result = types.UniTuple(i64, n)

    def codegen(context, builder, signature, args):
        values = [builder.load(builder.gep(args[0], [I64(i)])) for i in range(n)]
        return context.make_tuple(builder, result, values)

    return result(plan, count), codegen


@intrinsic
def lanes_of(typingctx, pointer):
    """Vector lanes of the element type: a constant, so one source serves float32 and float64."""
    lanes = VECTOR_BYTES // (pointer.dtype.bitwidth // 8)
    return i64(pointer), lambda context, builder, signature, args: I64(lanes)


@intrinsic
def element(typingctx, pointer, value):
    """A float64 as an element of an array: one float64 in a float32 loop makes the whole loop float64."""

    def codegen(context, builder, signature, args):
        return context.cast(builder, args[1], types.float64, pointer.dtype)

    return pointer.dtype(pointer, types.float64), codegen


@intrinsic
def copy_run(typingctx, source, target, count):
    """memcpy of `count` elements (a numba loop gets alias checks and a slow remainder on short rows)."""
    size = source.dtype.bitwidth // 8

    def codegen(context, builder, signature, args):
        byte = I8.as_pointer()
        memcpy = builder.module.declare_intrinsic("llvm.memcpy", [byte, byte, I64])
        source, target, count = args
        nothing = ir.Constant(ir.IntType(1), 0)
        builder.call(
            memcpy,
            [builder.bitcast(target, byte), builder.bitcast(source, byte), builder.mul(count, I64(size)), nothing],
        )
        return context.get_dummy_value()

    return types.void(source, target, i64), codegen


@intrinsic
def clear_run(typingctx, target, count):
    """memset of `count` elements to zero."""
    size = target.dtype.bitwidth // 8

    def codegen(context, builder, signature, args):
        byte = I8.as_pointer()
        memset = builder.module.declare_intrinsic("llvm.memset", [byte, I64])
        target, count = args
        nothing = ir.Constant(ir.IntType(1), 0)
        builder.call(memset, [builder.bitcast(target, byte), I8(0), builder.mul(count, I64(size)), nothing])
        return context.get_dummy_value()

    return types.void(target, i64), codegen


def lane_mask(v, count):
    """Lanes below count; count may be negative or more than there are."""
    b = v.b
    index = ir.VectorType(I32, v.n)
    return b.icmp_signed("<", ir.Constant(index, list(range(v.n))), v.broadcast(b.trunc(count, I32), index))


def masked(v, what, *args):
    """llvm.masked.load / store: lanes outside the mask touch no memory, so a short row needs no room behind it."""
    module = v.b.module
    flags, pointer = ir.VectorType(ir.IntType(1), v.n), v.scalar.as_pointer()
    name = f"llvm.masked.{what}.v{v.n}f{v.size * 8}.p0"
    if what == "load":
        kind = ir.FunctionType(v.vector, [pointer, I32, flags, v.vector])
    else:
        kind = ir.FunctionType(ir.VoidType(), [v.vector, pointer, I32, flags])
    return v.b.call(module.globals.get(name) or ir.Function(module, kind, name), args)


@intrinsic
def copy_vector(typingctx, source, target, count):
    """target[i] = source[i] for i < lanes, 0 from `count` on, where the source is not read."""
    dtype = source.dtype

    def codegen(context, builder, signature, args):
        v = Lanes(builder, dtype)
        v.store(masked(v, "load", args[0], I32(v.size), lane_mask(v, args[2]), v.const(0)), args[1])
        return context.get_dummy_value()

    return types.void(source, target, i64), codegen


@intrinsic
def copy_evens(typingctx, source, target, count):
    """target[i] = source[2 * i] for i < lanes, 0 where 2 * i >= count, where the source is not read."""
    dtype = source.dtype

    def codegen(context, builder, signature, args):
        v = Lanes(builder, dtype)
        source, target, count = args
        low = masked(v, "load", source, I32(v.size), lane_mask(v, count), v.const(0))
        rest = builder.sub(count, I64(v.n))
        high = masked(v, "load", builder.gep(source, [I64(v.n)]), I32(v.size), lane_mask(v, rest), v.const(0))
        v.store(v.shuffle(low, high, list(range(0, 2 * v.n, 2))), target)
        return context.get_dummy_value()

    return types.void(source, target, i64), codegen


@intrinsic
def spread_pairs(typingctx, source, chosen, target, tap):
    """target[2 * i + j] = source[i] where chosen[i] == tap + j, else 0, for i < lanes and j of 0 and 1."""
    dtype = source.dtype

    def codegen(context, builder, signature, args):
        v = Lanes(builder, dtype)
        source, chosen, target, tap = args
        number = chosen.type.pointee
        several = ir.VectorType(number, v.n)
        winners = builder.load(builder.bitcast(chosen, several.as_pointer()))
        winners.align = number.width // 8
        taps = [v.broadcast(builder.trunc(builder.add(tap, I64(j)), number), several) for j in (0, 1)]
        values = v.load(source)
        left, right = (builder.select(builder.icmp_signed("==", winners, t), values, v.const(0)) for t in taps)
        for half in (0, 1):
            lanes = [half * v.n // 2 + i // 2 + i % 2 * v.n for i in range(v.n)]
            v.store(v.shuffle(left, right, lanes), builder.gep(target, [I64(half * v.n)]))
        return context.get_dummy_value()

    return types.void(source, chosen, target, i64), codegen


def transposed(v, rows):
    """lanes x lanes transpose: log2(lanes) rounds of block exchange, all two-input shuffles."""
    n, step = v.n, v.n // 2
    while step:
        low = [i if not i & step else n + i - step for i in range(n)]
        high = [i + step if not i & step else n + i for i in range(n)]
        new = list(rows)
        for i in range(n):
            if not i & step:
                new[i], new[i + step] = (v.shuffle(rows[i], rows[i + step], m) for m in (low, high))
        rows, step = new, step // 2
    return rows


def clamp(b, i, valid):
    return b.select(b.icmp_signed("<", I64(i), valid), I64(i), b.sub(valid, I64(1)))


@intrinsic
def transpose_tile(typingctx, source, source_stride, target, target_stride, valid):
    """target[i*target_stride + j] = source[j*source_stride + i] for j < lanes, i < valid (<= lanes)."""
    dtype = source.dtype

    def codegen(context, builder, signature, args):
        def body(b, args):
            v = Lanes(b, dtype)
            source, source_stride, target, target_stride, valid = args
            rows = [v.load(b.gep(source, [b.mul(source_stride, I64(i))])) for i in range(v.n)]
            # Rows past `valid` go to the last valid row, which is written after them: no branches.
            for i, row in reversed(list(enumerate(transposed(v, rows)))):
                v.store(row, b.gep(target, [b.mul(target_stride, clamp(b, i, valid))]))

        outlined(builder, f"transpose_{dtype}", args, body)
        return context.get_dummy_value()

    return types.void(source, i64, target, i64, i64), codegen


@intrinsic
def transpose_scatter(typingctx, source, source_stride, target, table, valid):
    """target[table[i] + j] = source[j*source_stride + i]: a transpose whose rows go where a table says. Only `valid`
    rows of
    the source exist; the other lanes of the target repeat the last."""
    dtype = source.dtype

    def codegen(context, builder, signature, args):
        def body(b, args):
            v = Lanes(b, dtype)
            source, source_stride, target, table, valid = args
            rows = [v.load(b.gep(source, [b.mul(source_stride, clamp(b, i, valid))])) for i in range(v.n)]
            for i, row in enumerate(transposed(v, rows)):
                v.store(row, b.gep(target, [b.load(b.gep(table, [I64(i)]))]))

        outlined(builder, f"transpose_scatter_{dtype}", args, body)
        return context.get_dummy_value()

    return types.void(source, i64, target, table, i64), codegen
