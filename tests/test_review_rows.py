"""What a review of the native loops behind the catalogue found: one test for each fault that was mended."""

from __future__ import annotations

import numpy as np
import pytest

import autograd_nn as ag


@pytest.mark.parametrize("place", [3, -4, 1 << 40])
@pytest.mark.parametrize("count", [50, 5000])
def test_scatter_add_writes_nothing_behind_the_table(count, place):
    """Many rows go through a native loop, which is not to write where there is no row."""
    places = np.zeros(count, np.int64)
    places[-1] = place
    with pytest.raises(IndexError, match=f"index {place} is out of bounds for axis 0 with size 3"):
        ag.scatter_add(ag.zeros((3,)), places, ag.ones((count,)))


def test_a_gradient_is_not_added_behind_the_table_where_indices_were_changed_meanwhile():
    x, places = ag.zeros((3, 2), requires_grad=True), np.zeros(5000, np.int64)
    y = x[places].sum()
    places[:] = 1 << 40
    with pytest.raises((IndexError, RuntimeError)):
        y.backward()


@pytest.mark.parametrize("size", [100, 10_000])
@pytest.mark.parametrize("divisor", [np.inf, -np.inf])
@pytest.mark.parametrize("name", ["fmod", "remainder", "floor_divide"])
def test_division_with_remainder_by_infinity_is_numpys(name, divisor, size):
    x = np.resize(np.array([1.5, -2.0, 0.0, -0.0, 3e38, -1e-45], np.float32), size)
    for y in (divisor, np.full_like(x, divisor)):
        found, expected = getattr(ag, name)(ag.tensor(x), y).numpy(), getattr(np, name)(x, y)
        np.testing.assert_array_equal(found, expected)
        np.testing.assert_array_equal(np.signbit(found), np.signbit(expected))


def test_the_mean_of_float16_is_added_up_in_float32():
    x = np.full((2, 2000), 100.0, np.float16)
    for axis in (None, 1):
        found = ag.mean(ag.tensor(x), axis)
        assert found.dtype == np.float16
        np.testing.assert_array_equal(found.numpy(), np.mean(x, axis))


def test_modf_of_an_infinity_is_numpys():
    x = np.array([np.inf, -np.inf, -1.0, 2.5, np.nan])
    for found, expected in zip(np.modf(ag.tensor(x)), np.modf(x), strict=True):
        np.testing.assert_array_equal(found.numpy(), expected)
        np.testing.assert_array_equal(np.signbit(found.numpy()), np.signbit(expected))


def test_a_product_does_not_overflow_on_its_way():
    """A native row is multiplied by lanes, where NumPy's order meets neither infinity nor NaN."""
    x = np.ones((64, 64), np.float32)
    x[:, 1::16], x[:, 0::16] = 1e20, 1e-20
    np.testing.assert_allclose(ag.prod(ag.tensor(x), 1).numpy(), 1.0, rtol=1e-5)
    x[:, 0] = 0.0
    np.testing.assert_array_equal(ag.prod(ag.tensor(x), 1).numpy(), np.zeros(64, np.float32))


@pytest.mark.parametrize("name", ["mean", "nanmean"])
@pytest.mark.parametrize("dtype", [np.int64, np.uint64])
def test_the_mean_of_large_integers_does_not_wrap_around(name, dtype):
    x = np.full((3, 4), 2**62, dtype)
    for axis in (None, 0):
        found = getattr(np, name)(ag.tensor(x), axis=axis).numpy()
        assert found.dtype == np.float64
        np.testing.assert_array_equal(found, getattr(np, name)(x, axis=axis))


def test_differences_of_bools_are_whether_they_differ():
    x = np.array([[True, False, False], [True, True, False]])
    for n, axis in ((1, -1), (2, 1), (1, 0)):
        found = np.diff(ag.tensor(x), n=n, axis=axis)
        assert found.dtype == np.bool_
        np.testing.assert_array_equal(found.numpy(), np.diff(x, n=n, axis=axis))


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint64])
@pytest.mark.parametrize("axis", [0, 1])
def test_indices_of_few_bytes_reach_everywhere(axis, dtype):
    x = np.arange(300.0 * 40).reshape(300, 40)
    x = x if axis == 0 else np.ascontiguousarray(x.T)
    i = np.resize(np.arange(0, 120), (200, 40)).astype(dtype)
    i = i if axis == 0 else np.ascontiguousarray(i.T)
    t = ag.tensor(x, requires_grad=True)
    np.testing.assert_array_equal(
        ag.take_along_axis(t, i, axis).detach().numpy(), np.take_along_axis(x, i.astype(int), axis)
    )
    for f in (
        lambda t, i: ag.take_along_axis(t, i, axis),
        lambda t, i: t[i[0] % 40],
        lambda t, i: t[i[0] % 40, i[1] % 40],
    ):
        found, expected = [ag.gradients(f(t, k).sum(), [t])[0].numpy() for k in (i, i.astype(np.int64))]
        np.testing.assert_array_equal(found, expected)
