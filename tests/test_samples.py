"""The table of samples: every operation's value, gradients to second order, float32, freed memory, recorded meaning."""

import gc
import importlib
import pkgutil
import weakref

import numpy as np
import pytest

import autograd_nn as ag
from autograd_nn.check.finite import analytic_gradient, floating_outputs, gradient_errors, largest_error
from autograd_nn.check.samples import rows
from autograd_nn.engine.op import Operation

ROWS = rows()
CASES = [pytest.param(row, call, id=f"{row.name}-{i}") for row in ROWS for i, call in enumerate(row.calls)]
DIFFERENTIABLE = [case for case in CASES if case.values[1].order > 0 and case.values[1].differentiated()]
ARRANGED = {
    f"autograd_nn.ops.{family}.{name}"
    for family, names in {
        "decompositions": ("cholesky_", "eigh_", "qr_", "svd_"),
        "diagonals": ("diagonal_",),
        "elementwise": ("power_",),
        "indexing": ("take_",),
        "sampled": ("convolve_",),
        "searching": ("lexsort_", "searchsorted_", "unique_"),
        "selecting": ("embedding_",),
        "products": ("einsum", "einsum_"),
        "rounding": ("clip_",),
        "scan": ("cumsum_",),
        "shape": ("astype_", "broadcast_to_", "concatenate_", "reshape", "stack_", "transpose_"),
        "solving": ("pinv_", "solve_"),
        "sorting": ("argsort_",),
        "special": ("polygamma_", "xlogy_"),
        "statistics": ("std_", "var_"),
    }.items()
    for name in names
}
# Families whose operations are held to something else than samples.
ELSEWHERE = {
    "draws": "tests/test_random.py",
    "pytorch": "tests/test_pytorch_names.py",
    "random": "tests/test_random.py",
    "standard": "tests/test_unsupported.py",
    "updates": "tests/optim",
}
FAMILIES = [
    importlib.import_module(f"autograd_nn.ops.{m.name}")
    for m in pkgutil.iter_modules(ag.ops.__path__)
    if m.name not in ELSEWHERE
]


def function_of(row, call):
    """The row's function as one of its differentiated inputs only."""
    positions = call.differentiated()

    def f(*inputs):
        arrays = list(call.arrays)
        for position, x in zip(positions, inputs, strict=True):
            arrays[position] = x
        return row.run(row.function, call, arrays)

    return f, [call.arrays[i] for i in positions]


def as_tuple(result):
    return tuple(result) if isinstance(result, tuple) else (result,)


def tensors(call, dtype=np.float64):
    return [
        ag.tensor(a.astype(dtype) if a.dtype == np.float64 else a) if isinstance(a, np.ndarray) else a
        for a in call.arrays
    ]


@pytest.mark.parametrize(("row", "call"), CASES)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy's own, of values at infinity and NaN
def test_value(row, call):
    expected = as_tuple(row.run(row.reference, call, call.arrays))
    for given in (call.arrays, tensors(call)):
        found = as_tuple(row.run(row.function, call, given))
        for f, e in zip(found, expected, strict=True):
            assert f.shape == np.shape(e)
            assert f.dtype == np.asarray(e).dtype
            assert largest_error(np.asarray(f, np.float64), e) < 1e-14
    assert all(isinstance(f, ag.Tensor) for f in found), "Tensors in, Tensors out"


@pytest.mark.parametrize(("row", "call"), DIFFERENTIABLE)
def test_gradient_to_second_order(row, call):
    f, arrays = function_of(row, call)
    first, second = gradient_errors(f, arrays, np.random.default_rng(1))
    assert first < 1e-8
    assert second < 1e-7


@pytest.mark.parametrize(("row", "call"), [c for c in CASES if c.values[1].gradient is not None])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_gradient_at_kinks(row, call):
    f, arrays = function_of(row, call)
    leaves = [ag.tensor(a, requires_grad=True) for a in arrays]
    floating_outputs(f(*leaves))[0].sum().backward()
    for leaf, expected in zip(leaves, call.gradient, strict=True):
        np.testing.assert_allclose(leaf.grad.numpy(), expected, rtol=1e-15)


@pytest.mark.parametrize(("row", "call"), DIFFERENTIABLE)
def test_float32_follows_float64(row, call):
    f, arrays = function_of(row, call)
    if row.function is ag.astype:
        f = lambda x: ag.astype(x, np.float32)
    rng = np.random.default_rng(2)
    cotangents = [rng.standard_normal(o.shape) for o in floating_outputs(f(*arrays))]
    narrow_arrays = [a.astype(np.float32) for a in arrays]
    wide, _ = analytic_gradient(f, [a.astype(np.float64) for a in narrow_arrays], cotangents)  # of the same numbers
    outputs = floating_outputs(f(*[ag.tensor(a) for a in narrow_arrays]))
    if not any(isinstance(a, np.ndarray) and a.dtype.kind in "iu" for a in call.arrays) and "dtype" not in call.params:
        assert all(o.dtype == np.float32 for o in outputs), "float32 in, float32 out"
    narrow, _ = analytic_gradient(f, narrow_arrays, cotangents)
    for n, w in zip(narrow, wide, strict=True):
        assert n.dtype == np.float32
        assert largest_error(n.numpy(), w.numpy()) < 2e-5


@pytest.mark.parametrize(("row", "call"), DIFFERENTIABLE)
def test_graph_is_freed_by_reference_counting(row, call):
    f, arrays = function_of(row, call)
    gc.disable()
    gc.freeze()  # look at what this test makes, not at all that was loaded
    nodes = lambda: {id(o) for o in gc.get_objects() if type(o).__name__ == "Node"}
    before = nodes()
    try:
        leaves = [ag.tensor(a, requires_grad=True) for a in arrays]
        outs = floating_outputs(f(*leaves))
        watched = [weakref.ref(o) for o in outs] + [weakref.ref(t) for t in leaves]
        for out in outs:
            if out.requires_grad:
                (g,) = ag.gradients(out.sum(), leaves[:1], create_graph=True, allow_unused=True)
                watched += [] if g is None else [weakref.ref(g)]
        outs = out = g = leaves = None
        assert [w for w in watched if w() is not None] == []
        assert nodes() <= before
    finally:
        gc.unfreeze()
        gc.enable()


@pytest.mark.parametrize(("row", "call"), DIFFERENTIABLE)
def test_recorded_walk_equals_plain_walk(row, call):
    """The same rules read three ways: on arrays, on Tensors, into a record."""
    f, arrays = function_of(row, call)
    rng = np.random.default_rng(3)
    cotangents = [rng.standard_normal(o.shape) for o in floating_outputs(f(*arrays))]
    plain, _ = analytic_gradient(f, arrays, cotangents)
    recorded, _ = analytic_gradient(f, arrays, cotangents, create_graph=True)
    with ag.record() as r:
        traced, _ = analytic_gradient(f, arrays, cotangents)
    assert r.entries
    for p, q, s in zip(plain, recorded, traced, strict=True):
        np.testing.assert_allclose(q.numpy(), p.numpy(), rtol=1e-13, atol=1e-13)
        np.testing.assert_allclose(s.numpy(), p.numpy(), rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize(("row", "call"), [c for c in CASES if hasattr(c.values[0].function, "op")])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_fused_equals_its_composition(row, call):
    op = row.function.op
    if op.composition is None:
        return
    leaves = [
        None if a is None else ag.tensor(a, requires_grad=i in call.differentiated()) for i, a in enumerate(call.arrays)
    ]
    ours, meant = op.function(*leaves, **call.params), op.composition(*leaves, **call.params)
    outputs = zip(ours, meant, strict=True) if op.outputs else [(ours, meant)]
    for out, expected in outputs:
        np.testing.assert_allclose(out.numpy(), expected.numpy(), rtol=1e-13, atol=1e-13)
        if call.order == 0:
            continue
        wanted = [leaf for leaf in leaves if leaf is not None and leaf.requires_grad]
        g = np.random.default_rng(4).standard_normal(out.shape)
        keep = {"retain_graph": True, "allow_unused": True}
        for a, b in zip(ag.gradients(out, wanted, g, **keep), ag.gradients(expected, wanted, g, **keep), strict=True):
            a, b = (0.0 if t is None else t.numpy() for t in (a, b))
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)


def test_every_operation_has_a_row():
    """Every op and every public function of the families stands in the table."""
    standing = {id(r.function.op) for r in ROWS if hasattr(r.function, "op")} | {id(r.function) for r in ROWS}
    missing = []
    for family in FAMILIES:
        names = set(getattr(family, "__all__", ())) if family.__name__ != "autograd_nn.ops.creation" else set()
        names |= {
            n for n, f in vars(family).items() if isinstance(getattr(f, "op", None), Operation) and f.kind != "random"
        }
        for name in names:
            function = getattr(family, name)
            if (
                getattr(function, "__module__", "") == family.__name__
                and id(getattr(function, "op", function)) not in standing
            ):
                missing.append(f"{family.__name__}.{name}")
    # A wrapper that only arranges its arguments stands in the table as the operation it calls.
    assert set(missing) <= ARRANGED


def test_count_of_rows(capsys):
    with capsys.disabled():
        print(f"\nsamples: {len(ROWS)} operations, {len(CASES)} calls, {len(DIFFERENTIABLE)} of them differentiated")
    assert len({r.name for r in ROWS}) == len(ROWS)


def test_the_table_catches_a_wrong_rule():
    """Finite differences see a rule that is off by a factor of 1.001, in first and in second order."""

    @ag.op(kind="elementwise")
    def wrong(x, /):
        return np.sin(x)

    wrong.vjp(x=lambda g, x: g * ag.cos(x) * 1.001)
    errors = gradient_errors(wrong, [np.array([0.3, 0.4])], np.random.default_rng(0))
    assert errors[0] > 1e-4

    @ag.op(kind="elementwise")
    def wrong_twice(x, /):
        return np.sin(x)

    @ag.op(kind="elementwise")
    def cosine(x, /):
        return np.cos(x)

    cosine.vjp(x=lambda g, x: g * ag.sin(x))  # the sign is wrong
    wrong_twice.vjp(x=lambda g, x: g * cosine(x))
    first, second = gradient_errors(wrong_twice, [np.array([0.3, 0.4])], np.random.default_rng(0))
    assert first < 1e-8 < 1e-2 < second
