"""Awkward values in compiled steps: NaN, infinities, signed zeros, subnormals, extreme integers, bools, scalars, nothing.

Every elementwise operation and reduction of the catalogue is held element by element against the eager one, with its gradient.
"""

import warnings

import numpy as np
import pytest

import autograd_nn as ag
from autograd_nn.check.samples import rows

FLOATS = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    -2.5,
    3.0,
    1e-40,
    1e30,
    -1e30,
    np.inf,
    -np.inf,
    np.nan,
    88.0,
    -104.0,
    1e-5,
    2.0**24,
]
INTEGERS = {
    np.int64: [0, 1, -1, 2, -7, 13, 2**62, -(2**63), 2**63 - 1, 64],
    np.int32: [0, 1, -1, 2, -7, 13, 2**30, -(2**31), 2**31 - 1, 32],
    np.int8: [0, 1, -1, 2, -7, 13, 100, -128, 127, 8],
    np.uint8: [0, 1, 2, 7, 200, 255, 8],
}
ROWS = {
    row.name: row
    for row in rows()
    if getattr(getattr(row.function, "op", None), "kind", "") in ("elementwise", "reduction")
}


def needed(op):
    """The parameters that a call must give."""
    return [p for p in op.params if p.default is p.empty]


def fits(row, kind, count):
    op = row.function.op
    plain = not needed(op) and not any(a.variadic or a.optional for a in op.arrays)
    return op.kind == kind and plain and len(op.arrays) == count and op.outputs is None


UNARY = [n for n, row in ROWS.items() if fits(row, "elementwise", 1)]
CANCELLING = {"binary_cross_entropy"}  # of targets that are no probabilities: differences of large numbers
BINARY = [n for n, row in ROWS.items() if fits(row, "elementwise", 2) and n not in CANCELLING]
REDUCTIONS = [n for n, row in ROWS.items() if fits(row, "reduction", 1)]


def arrays():
    """One array of each dtype."""
    return [
        *[np.array(FLOATS, d) for d in (np.float32, np.float64)],
        *[np.array(n, d) for d, n in INTEGERS.items()],
        np.array([True, False, True]),
    ]


def pairs(x):
    """Every element with every other."""
    return np.repeat(x, len(x)), np.tile(x, len(x))


def value_and_gradient(f, group):
    xs = [ag.tensor(x) if not isinstance(x, ag.Tensor) else x.detach() for x in group]
    floating = all(x.dtype.kind == "f" for x in xs)
    for x in xs:
        if floating:
            x.requires_grad_()
    out = f(*xs)
    if floating and out.dtype.kind == "f" and out.requires_grad:
        return [out, *[g for g in ag.gradients(out.sum(), xs, allow_unused=True) if g is not None]]
    return [out]


def held(f, groups, signs=True):
    """Compiled results of each group of arrays against eager ones; what eager refuses is left out. Returns how many were held."""
    taken, expected = [], []
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for group in groups:
            try:
                found = value_and_gradient(f, group)
            except (TypeError, ValueError, OverflowError):
                continue
            expected.append([t.numpy() for t in found])
            taken.append(group)
        step = ag.compile(lambda groups: [value_and_gradient(f, g) for g in groups], verify="never")
        for found, wanted in zip(step(taken), expected, strict=True):
            for a, e in zip(found, wanted, strict=True):
                same(np.asarray(a.numpy()), np.asarray(e), signs)
    return len(taken)


def same(found, expected, signs):
    """Equal, floats but for a few last bits; `signs`: of zeros, too."""
    assert found.dtype == expected.dtype
    assert found.shape == expected.shape
    if expected.dtype.kind != "f":
        np.testing.assert_array_equal(found, expected)
        return
    eps = np.finfo(expected.dtype).eps
    np.testing.assert_allclose(found, expected, rtol=100 * eps, atol=32 * eps)
    if signs:
        zero = (expected == 0) & (found == 0)
        np.testing.assert_array_equal(np.signbit(found[zero]), np.signbit(expected[zero]))


@pytest.mark.parametrize("name", UNARY)
def test_unary(name):
    held(ROWS[name].function, [(part,) for x in arrays() for part in (x, x[2], x[:0], x[:1].reshape((1, 1)))])


@pytest.mark.parametrize("name", BINARY)
def test_binary(name):
    signs = name not in ("maximum", "minimum", "fmax", "fmin")  # of 0 and -0 either is the larger
    held(ROWS[name].function, [pairs(x) for x in arrays()], signs)


@pytest.mark.parametrize("name", REDUCTIONS)
def test_reductions(name):
    groups = []
    for x in arrays():
        groups += [(x,), (x[:3],), (x[: len(x) // 2 * 2].reshape((2, -1)),), (x[:1],), (x[1],), (x[:0],)]
    held(ROWS[name].function, groups, signs=False)  # a sum begins with 0, or with the first


F32 = np.array(FLOATS, np.float32)
LOGITS = np.array(
    [[0, 1, -np.inf], [np.inf, 0, 1], [np.nan, 0, 1], [-np.inf] * 3, [1e30, -1e30, 0], [0, 0, 0]], np.float32
)
EMPTY = np.zeros((0, 3), np.float32)
FUNCTIONS = {
    "softmax": (lambda x: ag.softmax(x, -1), [(LOGITS,), (EMPTY,), (LOGITS.astype(np.float64),)]),
    "softmax of columns": (lambda x: ag.softmax(x, 0), [(LOGITS,)]),
    "log_softmax": (lambda x: ag.log_softmax(x, -1), [(LOGITS,), (EMPTY,)]),
    "logsumexp": (lambda x: ag.logsumexp(x, -1), [(LOGITS,), (EMPTY,)]),
    "cross_entropy": (
        lambda x: ag.cross_entropy(x, np.arange(len(x)) % 3, reduction="none"),
        [(LOGITS,), (LOGITS[:1],), (EMPTY,)],
    ),
    "cross_entropy of none": (lambda x: ag.cross_entropy(x, np.full(6, -1), ignore_index=-1), [(LOGITS,)]),
    "layer_norm": (lambda x: ag.nn.functional.layer_norm(x, (3,)), [(LOGITS,), (np.full((4, 3), 1e-30, np.float32),)]),
    "matmul": (lambda x: x @ x.T, [(LOGITS,), (EMPTY,), (np.zeros((3, 0), np.float32),)]),
    "a vector times nothing": (lambda x: x.T @ x, [(EMPTY,)]),
    "where": (lambda x: ag.where(x > 0, x, ag.exp(x)), [(F32,), (F32[:0],), (F32[2],)]),
    "clip": (lambda x: ag.clip(x, -1.0, 2.0), [(F32,), (F32[:0],), (F32[12],)]),
    "cumsum": (lambda x: ag.cumsum(x, -1), [(LOGITS,), (EMPTY,)]),
    "sort": (lambda x: ag.sort(x, -1), [(LOGITS,), (EMPTY,)]),
    "argmax": (lambda x: ag.argmax(x, -1), [(LOGITS,), (np.array([[True, False], [False, True]]),), (np.int8([[3, 3]]),)]),
    "argmin": (lambda x: ag.argmin(x), [(LOGITS,), (np.uint8([[3, 3, 0, 0]]),)]),
    "joined with nothing": (lambda x: ag.concatenate([x, x[:0], x * 2.0]), [(LOGITS,), (EMPTY,)]),
    "rows by none": (lambda x: x[np.zeros(0, np.int64)], [(LOGITS,)]),
    "rows": (lambda x: x[np.array([0, 3, 3, -1])], [(LOGITS,)]),
    "a wide integer beside narrow ones": (lambda x: (x < 300) & (x > -300), [(np.int8([1, -1]),), (np.uint8([1, 255]),)]),
    "shifts": (lambda x: (x << 3) >> 1, [(np.int32([1, -1, 2**30]),), (np.uint8([1, 255]),)]),
    "casts": (
        lambda x: x.astype("float32").astype("int8").astype("bool").astype("float64"),
        [(np.int64([0, 1, 127, -128]),), (np.array([True, False]),)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name):
    f, groups = FUNCTIONS[name]
    assert held(f, groups, signs=False) == len(groups)


def test_an_extremum_of_nothing_is_refused_as_eager_refuses_it():
    step = ag.compile(lambda x: ag.max(x, 0))
    with pytest.raises(ValueError, match="max: ") as compiled:
        step(EMPTY)
    with pytest.raises(ValueError, match="max: ") as eager:
        ag.max(ag.tensor(EMPTY), 0)
    assert str(compiled.value) == str(eager.value)
