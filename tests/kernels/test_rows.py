"""The native loops over rows and elements against their definitions in NumPy: scattering, softmax, gelu, exponentials."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autograd_nn as ag
from autograd_nn.kernels import activation, scattering, softmax, threads
from autograd_nn.ops import activation as ops

ROUNDING = {np.float32: 5e-7, np.float64: 1e-15}
dtypes = st.sampled_from([np.float32, np.float64])


@pytest.fixture(autouse=True, params=[1, 3])
def several_threads(request):
    before = threads.get_num_threads()
    threads.set_num_threads(request.param)
    yield
    threads.set_num_threads(before)


def definition(x, scale, queries):
    x = scale * x.astype(np.float64)
    if queries:
        x = np.where(np.arange(x.shape[1]) <= np.arange(len(x))[:, None] % queries, x, -np.inf)
    e = np.exp(x - np.maximum(x.max(1, keepdims=True), -1e300))
    total = e.sum(1, keepdims=True)
    return np.divide(e, total, out=np.zeros_like(e), where=total > 0)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 70), st.integers(1, 90), st.integers(0, 20), st.floats(0.01, 3.0), dtypes, st.integers(0, 9))
def test_softmax_and_its_gradient(rows, length, queries, scale, dtype, seed):
    rng = np.random.default_rng(seed)
    x = (5.0 * rng.standard_normal((rows, length))).astype(dtype)
    x[rng.random(x.shape) < 0.2] = -np.inf
    w, expected = x.copy(), definition(x, scale, queries)
    softmax.softmax(w, scale, queries)
    np.testing.assert_allclose(w, expected, rtol=0, atol=10 * ROUNDING[dtype])
    g = rng.standard_normal(x.shape).astype(dtype)
    d = g.copy()
    softmax.softmax_gradient(d, w, scale)
    pulled = scale * w * (g - (g.astype(np.float64) * w).sum(1, keepdims=True))
    np.testing.assert_allclose(d, pulled, rtol=0, atol=30 * ROUNDING[dtype])


def test_softmax_of_nan_and_of_nothing():
    x = np.zeros((3, 40), np.float32)
    x[0, 33], x[1] = np.nan, -np.inf
    softmax.softmax(x)
    assert np.isnan(x[0]).all()
    assert (x[1] == 0).all()
    np.testing.assert_allclose(x[2], 1 / 40)


@pytest.mark.parametrize("size", [1, 15, 16, 17, 5000, 70_001])
@pytest.mark.parametrize("approximate", ["none", "tanh"])
def test_gelu(approximate, size):
    x = np.linspace(-9.0, 9.0, size).astype(np.float32)
    wide = ag.tensor(x.astype(np.float64), requires_grad=True)
    expected = ag.gelu(wide, approximate)
    expected.sum().backward()
    forward, gradient = (
        (activation.gelu, activation.gelu_gradient)
        if approximate == "none"
        else (activation.gelu_tanh, activation.gelu_tanh_gradient)
    )
    np.testing.assert_allclose(activation.run(forward, x), expected.numpy(), rtol=2e-5, atol=5e-7)
    np.testing.assert_allclose(activation.run(gradient, x, np.ones_like(x)), wide.grad.numpy(), rtol=0, atol=3e-6)


@pytest.mark.parametrize("approximate", ["none", "tanh"])
def test_gelu_takes_the_native_way_and_the_other_alike(approximate, monkeypatch):
    x, found = np.random.default_rng(0).standard_normal((70, 70)).astype(np.float32), []
    for native in (0, 1 << 60):
        monkeypatch.setattr(ops, "NATIVE", native)
        leaf = ag.tensor(x, requires_grad=True)
        out = ag.gelu(leaf, approximate)
        ag.square(out).sum().backward()
        (second,) = ag.gradients(ag.gradients(ag.gelu(leaf, approximate).sum(), leaf, create_graph=True).sum(), [leaf])
        found.append((out.numpy(), leaf.grad.numpy(), second.numpy()))
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-5)
    assert np.isnan(ag.gelu(ag.full(5000, np.nan), approximate).numpy()).all()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 50), st.integers(1, 9), st.integers(1, 40), dtypes, st.integers(0, 9))
def test_rows_are_added_in_order(count, table, width, dtype, seed):
    rng = np.random.default_rng(seed)
    rows, g = rng.integers(-table, table, count), rng.standard_normal((count, width)).astype(dtype)
    total = rng.standard_normal((table, width)).astype(dtype)
    expected = total.copy()
    np.add.at(expected, rows, g)
    scattering.add_rows(total, rows, g)
    np.testing.assert_array_equal(total, expected)


@pytest.mark.parametrize("key", [np.array([3, -1, 3, 0] * 30), np.arange(80).reshape(2, 40) % 5])
def test_gradient_of_many_rows_is_that_of_few(key):
    x = ag.tensor(np.random.default_rng(0).standard_normal((5, 8, 16)), requires_grad=True)
    g = np.random.default_rng(1).standard_normal((*key.shape, 8, 16))
    expected = np.zeros(x.shape)
    np.add.at(expected, key, g)
    for part in (x[key], ag.take(x, key, axis=0)):
        np.testing.assert_array_equal(ag.gradients(part, [x], g)[0].numpy(), expected)
