"""The normalising kernel against the plain formula in float64, and its gradient against that of the composition."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layers import guarded, intact

import autograd_nn as ag
from autograd_nn.kernels import normalising
from autograd_nn.ops import normalisation

TOLERANCE = {np.dtype(np.float32): 1e-5, np.dtype(np.float64): 1e-12}


def close(got, expected, dtype):
    scale = max(1.0, float(np.abs(expected).max(initial=0.0)))
    np.testing.assert_allclose(got, expected, rtol=0, atol=TOLERANCE[np.dtype(dtype)] * scale)


@settings(deadline=None, max_examples=80)
@given(
    sizes=st.tuples(*[st.integers(1, n) for n in (4, 3, 4, 5)]),
    run=st.sampled_from((1, 1, 2, 7, 16, 33, 70)),
    dtype=st.sampled_from([np.float32, np.float64]),
    threads=st.integers(1, 3),
    seed=st.integers(0, 99),
)
def test_over_random_shapes(sizes, run, dtype, threads, seed):
    outer, repeats, cycle, channels = sizes
    view = normalising.View(outer, repeats * cycle, channels * run, run, cycle)
    rng = np.random.default_rng(seed)
    x, g = 2 + 3 * rng.standard_normal((2, outer, repeats, cycle, channels, run))
    w, b = rng.standard_normal((2, cycle, channels, 1))
    before = ag.get_num_threads()
    ag.set_num_threads(threads)
    try:
        arrays = [a.astype(dtype) for a in (x, w, b)]
        out, mean, variance, inverse = normalising.standardise(*arrays, view, 0.1)
        dx, dw, db = normalising.standardise_gradient(g.astype(dtype), *arrays[:2], mean, inverse, view)
    finally:
        ag.set_num_threads(before)
    leaves = [ag.tensor(a.astype(dtype).astype(np.float64), requires_grad=True) for a in (x, w, b)]
    expected = normalisation.standardise.op.composition(*leaves, axes=(0, 3, 4), eps=0.1)
    gradients = ag.gradients(expected[0], leaves, g.astype(dtype).astype(np.float64))
    for got, wanted in zip((out, mean, variance, dx, dw, db), (*expected, *gradients), strict=True):
        close(got, wanted.numpy().reshape(got.shape), dtype)


@settings(deadline=None, max_examples=60)
@given(
    rows=st.sampled_from((2, 3, 20, 255, 256, 257, 700)),
    columns=st.sampled_from((1, 5, 16, 63, 64, 65, 200)),
    dtype=st.sampled_from([np.float32, np.float64]),
    threads=st.integers(1, 3),
)
def test_columns(rows, columns, dtype, threads):
    """Between guard bands, because vectors go along the columns."""
    view = normalising.View(rows, columns, 1, 1, columns)
    assert view.columns
    rng = np.random.default_rng(rows * columns)
    x, g = (2 + 3 * rng.standard_normal((2, rows, columns))).astype(dtype)
    w, b = rng.standard_normal((2, columns)).astype(dtype)
    before = ag.get_num_threads()
    ag.set_num_threads(threads)
    try:
        out, mean, variance, inverse = normalising.standardise(x, w, b, view, 0.1)
        dx, dw, db = normalising.standardise_gradient(g, x, w, mean, inverse, view)
        raw, room = guarded(np.zeros_like(x))
        (_, inside), (_, cotangent) = guarded(x), guarded(g)
        affine, statistics = np.concatenate([w, b]), np.full(3 * columns + 1, 0.1, dtype)
        normalising._plan(view, x.dtype, threads, False).run(inside, room, affine, statistics)
        np.testing.assert_array_equal(room, out)
        assert intact(raw)
        found = np.concatenate([mean, inverse, w, np.zeros(2 * columns)]).astype(dtype)
        normalising._plan(view, x.dtype, threads, True).run(inside, cotangent, room, found)
        np.testing.assert_array_equal(room, dx)
        assert intact(raw)
    finally:
        ag.set_num_threads(before)
    leaves = [ag.tensor(a.astype(np.float64), requires_grad=True) for a in (x, w, b)]
    expected = normalisation.standardise.op.composition(*leaves, axes=(0,), eps=0.1)
    gradients = ag.gradients(expected[0], leaves, g.astype(np.float64))
    for got, wanted in zip((out, mean, variance, dx, dw, db), (*expected, *gradients), strict=True):
        close(got, wanted.numpy().reshape(got.shape), dtype)


CHOSEN = [
    ("batch", (9, 5, 11, 13), (0, 2, 3), (5, 1, 1), (9, 5, 143, 143, 5)),
    ("batch of rows", (70, 130), (0,), (130,), (70, 130, 1, 1, 130)),
    ("batch of rows, no scale", (70, 130), (0,), None, (70, 130, 1, 1, 130)),
    ("batch of rows of rows", (70, 13, 10), (0,), (13, 10), (70, 130, 1, 1, 130)),
    ("batch of rows, scale along a part", (70, 13, 10), (0,), (10,), None),
    ("layer", (70, 130), (-1,), (130,), (1, 70, 130, 1, 1)),
    ("layer of two axes", (8, 16, 40), (1, 2), (16, 40), (1, 8, 640, 1, 1)),
    ("no scale", (8, 16, 40), (1, 2), None, (1, 8, 640, 640, 1)),
    ("instance", (4, 6, 14, 15), (2, 3), (6, 1, 1), (1, 24, 210, 210, 6)),
    ("group", (4, 3, 2, 14, 15), (2, 3, 4), (3, 2, 1, 1), (1, 12, 420, 210, 3)),
    ("group of rows", (40, 3, 50), (2,), (3, 50), (1, 120, 50, 1, 3)),
    ("everything", (20, 300), (0, 1), (20, 300), (1, 1, 6000, 1, 1)),
    ("one scale", (20, 300), (1,), (1, 1), (1, 20, 300, 300, 1)),
    ("scale for each group", (20, 300), (1,), (20, 1), (1, 20, 300, 300, 20)),
    ("an axis of length 1", (20, 1, 300), (2,), (1, 300), (1, 20, 300, 1, 1)),
    ("scale along a part", (8, 16, 40), (1, 2), (40,), None),
    ("scale along what is summed first", (9, 500), (0,), (9, 1), None),
    ("axes that are no neighbours", (9, 8, 7, 13), (1, 3), (7, 1), None),
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("shape", "axes", "scale", "view"), [row[1:] for row in CHOSEN], ids=[row[0] for row in CHOSEN]
)
def test_the_operation_chooses_it_and_agrees_with_its_composition(dtype, shape, axes, scale, view):
    rng = np.random.default_rng(3)
    x = rng.standard_normal(shape).astype(dtype)
    arrays = [x] if scale is None else [x, *rng.standard_normal((2, *scale)).astype(dtype)]
    assert normalisation._seen(x, *([None] * 2 if scale is None else arrays[1:]), axes) == view
    leaves = [ag.tensor(a, requires_grad=True) for a in arrays]
    exact = [ag.tensor(a.astype(np.float64), requires_grad=True) for a in arrays]
    got, expected = (
        f(*inputs, axes=axes) for f, inputs in ((ag.standardise, leaves), (ag.standardise.op.composition, exact))
    )
    g = rng.standard_normal(shape).astype(dtype)
    for a, b in zip(got, expected, strict=True):
        close(a.numpy(), b.numpy(), dtype)
    for a, b in zip(
        ag.gradients(got[0], leaves, g), ag.gradients(expected[0], exact, g.astype(np.float64)), strict=True
    ):
        close(a.numpy(), b.numpy(), dtype)


def test_nan_stays_in_its_group():
    x = np.ones((4, 2000), np.float32)
    x[1, 7] = np.nan
    out = ag.standardise(x)[0]
    assert np.isnan(out[1]).all()
    assert not np.isnan(out[[0, 2, 3]]).any()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("shape", "axes"), [((16, 5, 64, 65), (0, 2, 3)), ((20, 3001), (1,)), ((3000, 70), (0,))])
def test_equal_numbers_have_no_variance_however_large(shape, axes, dtype):
    """Of PyTorch's result for float32 such groups are a good part of -1 or 1 off, too, where they are columns."""
    x = np.full(shape, 12345.678, dtype)
    out, mean, variance = ag.standardise(x, axes=axes)
    assert (mean == x.flat[0]).all()
    assert not variance.any()
    assert not out.any()


@pytest.mark.parametrize(("shape", "axes"), [((16, 5, 64, 65), (0, 2, 3)), ((20, 3001), (1,)), ((3000, 70), (0,))])
def test_a_large_mean_is_exact_to_the_last_place(shape, axes):
    x = (1e4 + np.random.default_rng(0).standard_normal(shape)).astype(np.float32)
    _, mean, variance = ag.standardise(x, axes=axes)
    exact = x.astype(np.float64)
    np.testing.assert_allclose(mean, exact.mean(axes, keepdims=True), rtol=0, atol=0.51 * np.spacing(np.float32(1e4)))
    np.testing.assert_allclose(variance, exact.var(axes, keepdims=True), rtol=2e-6)
