"""The transforms of Winograd's F(4x4, 3x3): a 4x4 tile of outputs from a 6x6 tile of inputs with 36 products instead
of 144.

With d the input tile, g the kernel, y the outputs (Lavin and Gray, "Fast algorithms for convolutional neural
networks", 2016, points 0, 1, -1, 2, -2, infinity):

    y  = A' [ (G g G') * (B' d B) ] A                   forward
    dg = G' [ (A dy A') * (B' d B) ] G                  weight gradient: the same three matrices, transposed

Each function below applies one matrix to a column of vectors; `transform` applies it to the columns, then the rows of
a tile. The lanes are channels, so no shuffles are needed.
"""

from __future__ import annotations

from numba import types

from autograd_nn.kernels.build import intrinsic
from autograd_nn.kernels.vectors import I64, Lanes, i64, outlined

SIDE, OUTPUTS = 6, 4  # of a tile
PRODUCTS = SIDE * SIDE


def _input(v, d):
    """B'"""
    a, b = v.fma(v.const(-4), d[2], d[4]), v.fma(v.const(-4), d[1], d[3])
    e, g = v.sub(d[4], d[2]), v.sub(d[3], d[1])
    return [
        v.fma(v.const(4), d[0], v.fma(v.const(-5), d[2], d[4])),
        v.add(a, b),
        v.sub(a, b),
        v.fma(v.const(2), g, e),
        v.fma(v.const(-2), g, e),
        v.fma(v.const(4), d[1], v.fma(v.const(-5), d[3], d[5])),
    ]


def _output(v, m):
    """A'"""
    p, q, r, s = v.add(m[1], m[2]), v.sub(m[1], m[2]), v.add(m[3], m[4]), v.sub(m[3], m[4])
    return [
        v.add(m[0], p, r),
        v.fma(v.const(2), s, q),
        v.fma(v.const(4), r, p),
        v.add(v.fma(v.const(8), s, q), m[5]),
    ]


def _weight(v, g):
    """G"""
    t = v.mul(v.const(-1 / 6), v.add(g[0], g[2]))
    u = v.fma(v.const(1 / 24), g[0], v.mul(v.const(1 / 6), g[2]))
    return [
        v.mul(v.const(0.25), g[0]),
        v.fma(v.const(-1 / 6), g[1], t),
        v.fma(v.const(1 / 6), g[1], t),
        v.fma(v.const(1 / 12), g[1], u),
        v.fma(v.const(-1 / 12), g[1], u),
        g[2],
    ]


def _cotangent(v, y):
    """A"""
    p, q, r = v.add(y[0], y[2]), v.add(y[1], y[3]), v.fma(v.const(4), y[2], y[0])
    s = v.mul(v.const(2), v.fma(v.const(4), y[3], y[1]))
    return [y[0], v.add(p, q), v.sub(p, q), v.add(r, s), v.sub(r, s), y[3]]


def _taps(v, m):
    """G'"""
    p, r = v.mul(v.const(-1 / 6), v.add(m[1], m[2])), v.add(m[3], m[4])
    return [
        v.fma(v.const(0.25), m[0], v.fma(v.const(1 / 24), r, p)),
        v.fma(v.const(1 / 6), v.sub(m[2], m[1]), v.mul(v.const(1 / 12), v.sub(m[3], m[4]))),
        v.add(m[5], v.fma(v.const(1 / 6), r, p)),
    ]


TO_INPUT, TO_OUTPUT, TO_WEIGHT, TO_COTANGENT, TO_TAPS = range(5)
TRANSFORMS = {  # (inputs, outputs, matrix)
    TO_INPUT: (6, 6, _input),
    TO_OUTPUT: (6, 4, _output),
    TO_WEIGHT: (3, 6, _weight),
    TO_COTANGENT: (4, 6, _cotangent),
    TO_TAPS: (6, 3, _taps),
}


@intrinsic(prefer_literal=True)
def transform(typingctx, which, source, source_ys, source_xs, target, target_ys, target_xs):
    """A tile of vectors: target = matrix source matrix', with strides between rows (ys) and columns (xs)."""
    key = which.literal_value
    inputs, outputs, apply = TRANSFORMS[key]
    dtype = source.dtype

    def codegen(context, builder, signature, args):
        def body(b, args):
            v = Lanes(b, dtype)
            source, s_ys, s_xs, target, t_ys, t_xs = args
            columns = []
            for x in range(inputs):
                column = b.gep(source, [b.mul(s_xs, I64(x))])
                columns.append(apply(v, [v.load(b.gep(column, [b.mul(s_ys, I64(y))])) for y in range(inputs)]))
            for y in range(outputs):
                row = b.gep(target, [b.mul(t_ys, I64(y))])
                for x, value in enumerate(apply(v, [column[y] for column in columns])):
                    v.store(value, b.gep(row, [b.mul(t_xs, I64(x))]))

        outlined(builder, f"winograd_{key}_{dtype}", args[1:], body)
        return context.get_dummy_value()

    return types.void(which, source, i64, i64, target, i64, i64), codegen
