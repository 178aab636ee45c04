"""The microkernel: a small matrix product whose accumulators live in registers. Every fast convolution is loops
around it.

    C[i, v] (+)= sum_k A[k, i] * B[k, v]        A broadcast scalars, B vectors

Rows of A are compile-time displacements and k walks two levels (a table of offsets, then a constant step), so the
same code is

    forward          A = padded image (rows = neighbouring pixels), B = packed weights (vectors of output channels)
    input gradient   the same with flipped, transposed weights; stride s is s*s phases, each an ordinary dense
    convolution weight gradient  A = padded image (rows = taps or channels), B = cotangent as pixels x channels, k =
    pixels Winograd         A = transformed tiles, B = transformed weights pointwise        A = weights, B = pixels,
    the result stored straight into NCHW

Why intrinsics and not numba loops: LLVM's vectoriser does not keep a 14 x 2 tile of accumulators in registers (28 of
32 on AVX-512); written out, the tile runs at 260 of the 275 GFLOP/s that one Zen 5 core has.
"""

from __future__ import annotations

from numba import types

from autograd_nn.kernels.build import intrinsic
from autograd_nn.kernels.vectors import I64, WIDE, Lanes, i64, outlined

# Rows per tile. 14x2 = 28 accumulators + 2 inputs + 1 broadcast of 32 registers; 6x2 = 12 + 2 + 1 of 16.
ROWS_A, ROWS_B, ROWS_C = (14, 8, 7) if WIDE else (6, 4, 3)


def best_rows(columns: int) -> int:
    """The tile height that wastes least on rows of this many columns."""
    cost = {ROWS_A: 1.0, ROWS_B: 1.1, ROWS_C: 1.06}
    return min(cost, key=lambda rows: -(-columns // rows) * rows * cost[rows])


@intrinsic(prefer_literal=True)
def fma_tile(typingctx, groups, per_group, row_step, vectors, outer, inner, A, a_table, a_gs, a_ks,
             B, b_table, b_ks, b_vs, C, c_gs, c_rs, c_vs, accumulate):  # fmt: skip
    """C[g*c_gs + j*c_rs + v*c_vs + lane] (+)= sum over r < outer, k < inner of
         A[a_table[r] + k*a_ks + g*a_gs + j*row_step] * B[b_table[r] + k*b_ks + v*b_vs + lane].

    groups x per_group rows by `vectors` vectors live in registers; these four and row_step are literals. outer and
    inner are at
    least 1. Both tables need one entry more than is used."""
    G, J, STEP, NV = (t.literal_value for t in (groups, per_group, row_step, vectors))
    dtype, MR = A.dtype, G * J
    signature = types.void(groups, per_group, row_step, vectors, i64, i64, A, a_table, i64, i64,
                           B, b_table, i64, i64, C, i64, i64, i64, i64)  # fmt: skip

    def body(b, args):
        outer, inner, pa, ta, a_gs, a_ks, pb, tb, b_ks, b_vs, pc, c_gs, c_rs, c_vs, accumulate = args
        v = Lanes(b, dtype)
        entry, loop, done = b.block, b.append_basic_block("k"), b.append_basic_block("done")
        first_a, first_b = b.gep(pa, [b.load(ta)]), b.gep(pb, [b.load(tb)])
        b.branch(loop)
        b.position_at_end(loop)
        # ONE loop: the two-level walk is done with selects. With two nested loops LLVM rotates the inner one, copies
        # the accumulators between the two and spills them.

        def phi(type_, start):
            value = b.phi(type_)
            value.add_incoming(start, entry)
            return value

        r, k = phi(I64, I64(0)), phi(I64, I64(0))
        a, bb = phi(pa.type, first_a), phi(pb.type, first_b)
        sums = [[phi(v.vector, v.const(0)) for _ in range(NV)] for _ in range(MR)]
        columns = [v.load(b.gep(bb, [b.mul(b_vs, I64(q))])) for q in range(NV)]
        new = []
        for i in range(MR):
            group = a if i < J else b.gep(a, [b.mul(a_gs, I64(i // J))])
            w = v.broadcast(b.load(b.gep(group, [I64(i % J * STEP)])))
            new.append([v.fma(w, columns[q], sums[i][q]) for q in range(NV)])
            if i % 2:
                flat = v.fence(new[-2] + new[-1])
                new[-2:] = [flat[:NV], flat[NV:]]
        k1 = b.add(k, I64(1))
        end = b.icmp_signed("==", k1, inner)
        r1 = b.add(r, b.zext(end, I64))
        a1 = b.select(end, b.gep(pa, [b.load(b.gep(ta, [r1]))]), b.gep(a, [a_ks]))
        b1 = b.select(end, b.gep(pb, [b.load(b.gep(tb, [r1]))]), b.gep(bb, [b_ks]))
        for value, following in [(r, r1), (k, b.select(end, I64(0), k1)), (a, a1), (bb, b1)]:
            value.add_incoming(following, loop)
        for i in range(MR):
            for q in range(NV):
                sums[i][q].add_incoming(new[i][q], loop)
        b.cbranch(b.icmp_signed("<", r1, outer), loop, done)
        b.position_at_end(done)

        def target(i, q):
            row = b.add(b.mul(c_gs, I64(i // J)), b.mul(c_rs, I64(i % J)))
            return b.gep(pc, [b.add(row, b.mul(c_vs, I64(q)))])

        add, store, finish = (b.append_basic_block(x) for x in ("add", "store", "finish"))
        b.cbranch(b.icmp_signed("!=", accumulate, I64(0)), add, store)
        for block in (add, store):
            b.position_at_end(block)
            for i in range(MR):
                for q in range(NV):
                    value = v.add(new[i][q], v.load(target(i, q))) if block is add else new[i][q]
                    v.store(value, target(i, q))
            b.branch(finish)
        b.position_at_end(finish)

    def codegen(context, builder, signature, args):
        outlined(builder, f"fma_tile_{G}_{J}_{STEP}_{NV}_{dtype}", args[4:], body)
        return context.get_dummy_value()

    return signature, codegen
