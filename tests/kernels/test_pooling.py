"""Pooling against its definition in NumPy, and against PyTorch where that is installed."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from layers import examples, guarded, intact, poolings

from autograd_nn.kernels import adaptive, pooling, threads
from autograd_nn.kernels.geometry import Pooling

DTYPES = (np.float32, np.float64)


def windows(geometry):
    """(index of the window, flat positions of its taps inside the plane, taps' numbers) of each window, in order."""
    g = geometry.spatial
    for p in itertools.product(*(range(n) for n in g.output)):
        inside, numbers = [], []
        for number, tap in enumerate(itertools.product(*(range(k) for k in g.kernel))):
            at = [p[a] * g.stride[a] - g.before[a] + tap[a] * g.dilation[a] for a in range(3)]
            if all(0 <= c < n for c, n in zip(at, g.input, strict=True)):
                inside.append(np.ravel_multi_index(at, g.input))
                numbers.append(number)
        yield np.array(inside), np.array(numbers)


@examples(40)
@given(poolings(), st.sampled_from(DTYPES), st.sampled_from((1, 2)), st.booleans())
def test_max_pool(drawn, dtype, thread_count, ties):
    geometry, _ = drawn
    rng = np.random.default_rng(0)
    x, dy = rng.standard_normal(geometry.x_shape).astype(dtype), rng.standard_normal(geometry.y_shape).astype(dtype)
    if ties:
        x = np.round(x)
    before = threads.get_num_threads()
    threads.set_num_threads(thread_count)
    try:
        y, winners = pooling.max_pool(x, geometry)
        dx = pooling.max_pool_gradient(dy, winners, geometry)
    finally:
        threads.set_num_threads(before)
    planes, results = x.reshape(geometry.planes, -1), y.reshape(geometry.planes, -1)
    expected, g = np.zeros_like(planes), dy.reshape(geometry.planes, -1)
    flat = pooling.flat_indices(winners, geometry).reshape(geometry.planes, -1)
    every = np.arange(geometry.planes)
    for w, (inside, _) in enumerate(windows(geometry)):
        values = planes[:, inside]
        assert (results[:, w] == values.max(1)).all()
        assert (flat[:, w] == inside[values.argmax(1)]).all()
        np.add.at(expected, (every, flat[:, w]), g[:, w])
    np.testing.assert_allclose(dx.reshape(expected.shape), expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(pooling.max_pool_take(x, winners, geometry), y)


@examples(60)
@given(st.integers(1, 5), st.integers(2, 9), st.integers(8, 90), st.sampled_from(DTYPES), st.sampled_from((1, 3)))
def test_halving_writes_every_pixel_once_and_none_outside(planes, height, width, dtype, thread_count):
    """2x2 windows of stride 2 are written in whole vectors: guard bands before and behind, and between the parts of threads."""
    geometry, rng = Pooling.of((planes, 30, height, width), 2), np.random.default_rng(0)
    x, dy = rng.standard_normal(geometry.x_shape).astype(dtype), rng.standard_normal(geometry.y_shape).astype(dtype)
    _, winners = pooling.max_pool(x, geometry)
    raw, dx = guarded(np.full(x.shape, np.nan, dtype))
    (_, dy), expected = guarded(dy), np.zeros(x.shape, dtype)
    pooling._plan(pooling.max_scatter[np.uint8], geometry, np.dtype(dtype), thread_count).run(dy, dx, None, winners)
    rows, columns = (2 * np.arange(n) for n in geometry.output)
    at_row, at_column = rows[:, None] + winners // 2, columns + winners % 2
    lead = np.ix_(range(planes), range(30))
    expected[lead[0][..., None, None], lead[1][..., None, None], at_row, at_column] = dy
    assert intact(raw)
    np.testing.assert_array_equal(dx, expected)


@examples(40)
@given(poolings(dilations=(1,)), st.sampled_from(DTYPES), st.booleans())
def test_average_pool_and_its_adjoint(drawn, dtype, count_include_pad):
    geometry, _ = drawn
    rng = np.random.default_rng(0)
    x, dy = rng.standard_normal(geometry.x_shape).astype(dtype), rng.standard_normal(geometry.y_shape).astype(dtype)
    y = pooling.average_pool(x, geometry, count_include_pad)
    dx = pooling.average_pool_gradient(dy, geometry, count_include_pad)
    tolerance = 1e-5 if dtype == np.float32 else 1e-12
    planes, results = x.reshape(geometry.planes, -1).astype(np.float64), y.reshape(geometry.planes, -1)
    if not count_include_pad:
        for w, (inside, _) in enumerate(windows(geometry)):
            np.testing.assert_allclose(results[:, w], planes[:, inside].mean(1), rtol=tolerance, atol=tolerance)
    ours, theirs = (y.astype(np.float64) * dy).sum(), (x.astype(np.float64) * dx).sum()
    assert abs(ours - theirs) < tolerance * 10 * (np.abs(y * dy).sum() + 1)


@examples(30)
@given(poolings(), st.booleans())
def test_like_torch(drawn, count_include_pad):
    torch = pytest.importorskip("torch")
    geometry, ceil_mode = drawn
    name = f"{geometry.dims}d"
    x = np.random.default_rng(0).standard_normal(geometry.x_shape)
    arguments = {
        "kernel_size": geometry.kernel,
        "stride": geometry.stride,
        "padding": geometry.before,
        "ceil_mode": ceil_mode,
    }
    functional = torch.nn.functional
    peer = getattr(functional, f"max_pool{name}")
    if all(2 * p <= k for p, k in zip(geometry.before, geometry.kernel, strict=True)):
        theirs, index = peer(torch.tensor(x), dilation=geometry.dilation, return_indices=True, **arguments)
        ours, winners = pooling.max_pool(x, geometry)
        np.testing.assert_array_equal(ours, theirs.numpy())
        np.testing.assert_array_equal(pooling.flat_indices(winners, geometry), index.numpy())
    if max(geometry.dilation) == 1:
        theirs = getattr(functional, f"avg_pool{name}")(
            torch.tensor(x), count_include_pad=count_include_pad, **arguments
        )
        np.testing.assert_allclose(
            pooling.average_pool(x, geometry, count_include_pad), theirs.numpy(), rtol=1e-12, atol=1e-12
        )


@pytest.mark.parametrize("place", range(9))
def test_nan_wins_wherever_it_stands(place):
    x = np.arange(9, dtype=np.float32).reshape(1, 1, 3, 3)
    x[0, 0, place // 3, place % 3] = np.nan
    y, winners = pooling.max_pool(x, Pooling.of(x.shape, 3))
    assert np.isnan(y).all() and winners.item() == place


def test_minus_infinity_and_wide_windows():
    x = np.full((1, 2, 20, 20), -np.inf)
    geometry = Pooling.of(x.shape, 20)
    y, winners = pooling.max_pool(x, geometry)
    assert (y == -np.inf).all() and (winners == 0).all() and winners.dtype == np.int32
    x[0, 1, 17, 3] = 5
    y, winners = pooling.max_pool(x, geometry)
    assert y[0, 1, 0, 0] == 5 and pooling.flat_indices(winners, geometry)[0, 1, 0, 0] == 17 * 20 + 3
    assert pooling.max_pool_gradient(np.ones_like(y), winners, geometry)[0, 1, 17, 3] == 1


def test_unpool_undoes_disjoint_pooling():
    x = np.random.default_rng(0).standard_normal((2, 3, 8, 6)).astype(np.float32)
    geometry = Pooling.of(x.shape, 2)
    y, winners = pooling.max_pool(x, geometry)
    indices = pooling.flat_indices(winners, geometry)
    back = pooling.unpool(y, indices, (8, 6))
    np.testing.assert_array_equal(back, np.where(back == x, x, 0))
    assert (back != 0).sum() == y.size
    np.testing.assert_array_equal(pooling.unpool_gradient(x, indices), y)
    with pytest.raises(ValueError, match="planes of"):
        pooling.unpool(y, indices + 40, (8, 6))


@pytest.mark.parametrize("lead", [(0, 3), (2, 0)])
def test_empty(lead):
    geometry = Pooling.of((*lead, 8, 8), 2)
    y, winners = pooling.max_pool(np.zeros(geometry.x_shape, np.float32), geometry)
    assert y.shape == (*lead, 4, 4) == winners.shape
    assert pooling.average_pool_gradient(y, geometry).shape == geometry.x_shape
    assert pooling.max_pool_gradient(y, winners, geometry).shape == geometry.x_shape
    assert pooling.average_pool(np.zeros(geometry.x_shape), Pooling.of(geometry.x_shape, 8)).shape == (*lead, 1, 1)
    indices = pooling.flat_indices(winners, geometry)
    assert pooling.unpool(y, indices, (8, 8)).shape == geometry.x_shape
    assert pooling.unpool_gradient(np.zeros(geometry.x_shape), indices).shape == y.shape
    assert adaptive.adaptive_max_pool_gradient(y, indices, (8, 8)).shape == geometry.x_shape
    assert adaptive.adaptive_average_pool_gradient(y, (8, 8)).shape == geometry.x_shape


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kernel": 9}, "reaches over 9"),
        ({"kernel": 2, "padding": 2}, "at most half"),
        ({"kernel": 2, "stride": 0}, "at least 1"),
        ({"kernel": (2, 2, 2)}, "2 spatial axes"),
    ],
)
def test_bad_geometry(arguments, message):
    with pytest.raises(ValueError, match=message):
        Pooling.of((1, 1, 8, 8), **arguments)


def test_integers_are_refused():
    with pytest.raises(TypeError, match="astype"):
        pooling.max_pool(np.zeros((1, 1, 4, 4), int), Pooling.of((1, 1, 4, 4), 2))


@pytest.mark.parametrize("shape", [(2, 3, 7, 7), (1, 2, 32, 32), (1, 2, 1000, 1000), (1, 1, 1_000_001)])
@pytest.mark.parametrize("mean", [0.1, 1e4])
def test_means_of_large_planes_keep_their_digits(shape, mean):
    x = (mean + 1e-3 * np.random.default_rng(0).standard_normal(shape)).astype(np.float32)
    found = pooling.average_pool(x, Pooling.of(shape, shape[2:])).reshape(-1)
    exact = x.astype(np.float64).mean(tuple(range(2, x.ndim))).reshape(-1)
    np.testing.assert_allclose(found, exact, rtol=1e-6)
