"""The normalising kernel against the plain formula in float64, and its gradient against that of the composition."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autograd_nn as ag
from autograd_nn.kernels import normalising
from autograd_nn.ops import normalisation

TOLERANCE = {np.dtype(np.float32): 1e-5, np.dtype(np.float64): 1e-12}


def close(got, expected, dtype):
    scale = max(1.0, float(np.abs(expected).max(initial=0.0)))
    np.testing.assert_allclose(got, expected, rtol=0, atol=TOLERANCE[np.dtype(dtype)] * scale)


@settings(deadline=None, max_examples=60)
@given(
    view=st.tuples(st.integers(1, 6), st.integers(1, 9), st.integers(1, 70)),
    along=st.booleans(),
    dtype=st.sampled_from([np.float32, np.float64]),
    threads=st.integers(1, 3),
    seed=st.integers(0, 99),
)
def test_over_random_shapes(view, along, dtype, threads, seed):
    outer, groups, inner = view = (1 if along else view[0], *view[1:])
    rng = np.random.default_rng(seed)
    x, g = 2 + 3 * rng.standard_normal((2, outer, groups, inner))
    w, b = rng.standard_normal((2, 1, 1, inner) if along else (2, 1, groups, 1))
    before = ag.get_num_threads()
    ag.set_num_threads(threads)
    try:
        arrays = [a.astype(dtype) for a in (x, w, b)]
        out, mean, variance, inverse = normalising.standardise(*arrays, view, along, 0.1)
        dx, dw, db = normalising.standardise_gradient(g.astype(dtype), *arrays[:2], mean, inverse, view, along)
    finally:
        ag.set_num_threads(before)
    leaves = [ag.tensor(a.astype(dtype).astype(np.float64), requires_grad=True) for a in (x, w, b)]
    expected = normalisation.standardise.op.composition(*leaves, axes=(0, 2), eps=0.1)
    gradients = ag.gradients(expected[0], leaves, g.astype(dtype).astype(np.float64))
    for got, wanted in zip((out, mean, variance, dx, dw, db), (*expected, *gradients), strict=True):
        close(got, wanted.numpy().reshape(got.shape), dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("shape", "axes", "scale"),
    [
        ((9, 5, 11, 13), (0, 2, 3), (5, 1, 1)),
        ((70, 130), (-1,), (130,)),
        ((8, 16, 40), (1, 2), (16, 40)),
        ((8, 16, 40), (1, 2), None),
        ((8, 16, 40), (1, 2), (40,)),
    ],
)
def test_the_operation_chooses_it_and_agrees_with_its_composition(dtype, shape, axes, scale):
    rng = np.random.default_rng(3)
    x = rng.standard_normal(shape).astype(dtype)
    arrays = [x] if scale is None else [x, *rng.standard_normal((2, *scale)).astype(dtype)]
    assert x.size >= normalisation.FEWEST
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
