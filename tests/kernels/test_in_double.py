"""Native division with remainder is NumPy's to the bit, or leaves it to NumPy; native hypot is rounded once."""

import numpy as np
import pytest

import autograd_nn as ag
from autograd_nn.ops import in_double

FUNCTIONS = ["fmod", "remainder", "floor_divide"]


def drawn(kind, seed, n=5000):
    rng = np.random.default_rng(seed)
    x, y = 100.0 * rng.standard_normal(n), np.exp(rng.uniform(-3.0, 3.0, n)) * rng.choice([-1, 1], n)
    if kind == "whole":
        x, y = rng.integers(-50, 50, n), rng.integers(1, 9, n) * rng.choice([-1, 1], n)
    x, y = x.astype(np.float32), y.astype(np.float32)
    if kind in ("multiples", "beside multiples"):
        x = y * rng.integers(-1000, 1000, n).astype(np.float32)
    if kind == "beside multiples":
        x = np.nextafter(x, np.float32(rng.choice([-np.inf, np.inf])))
    if kind == "tiny":
        x[:6], y[:6] = [0.0, -0.0, 0.0, -0.0, 1e-45, -1e-45], [1.0, 1.0, -1.0, -1.0, -1.0, 1.0]
    if kind == "awkward":
        x[:6], y[:6] = [np.inf, np.nan, 1.0, 1.0, 1e30, 0.0], [1.0, 1.0, 0.0, np.inf, 1e-3, 0.0]
    return x, y


@pytest.mark.parametrize("kind", ["drawn", "whole", "multiples", "beside multiples", "tiny", "awkward"])
@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("seed", range(5))
def test_numpys_bits(name, kind, seed, monkeypatch):
    x, y = drawn(kind, seed)
    monkeypatch.setattr(in_double, "NATIVE", 0)
    with np.errstate(all="ignore"):
        for a, b in (
            (x, y),
            (x, 0.7),
            (3, y),
            (x, np.float32(2.5)),
            (x[::2], y[1::2]),
            (x, y.astype(float)),
            (x[0], y),
        ):
            found, expected = getattr(ag, name)(a, b), getattr(np, name)(a, b)
            assert found.dtype == expected.dtype
            nan = np.isnan(expected)
            np.testing.assert_array_equal(np.isnan(found), nan)
            np.testing.assert_array_equal(np.where(nan, 0, found).view("V1"), np.where(nan, 0, expected).view("V1"))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_ordinary_numbers_take_the_native_way(name):
    assert in_double._natively(name, *drawn("drawn", 0, 20_000)) is not None
    assert in_double._natively(name, *drawn("drawn", 0, 20)) is None
    assert in_double._natively(name, *drawn("awkward", 0, 20_000)) is None


@pytest.mark.parametrize("kind", ["drawn", "tiny", "awkward"])
def test_hypot(kind, monkeypatch):
    x, y = drawn(kind, 0)
    x[10:14], y[10:14] = [3e38, 1e-45, np.inf, np.nan], [1e38, 1e-45, np.nan, -np.inf]
    monkeypatch.setattr(in_double, "NATIVE", 0)
    for a, b in ((x, y), (x, 1.0), (x[::2], y[1::2])):
        found = ag.hypot(a, b)
        assert found.dtype == np.float32
        with np.errstate(over="ignore"):
            np.testing.assert_array_equal(found, np.hypot(a.astype(float), np.float64(b)).astype(np.float32))
