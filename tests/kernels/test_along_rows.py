"""The native loops along rows are NumPy's ways: values, gradients and their gradients, over lengths, dtypes, ties, zeros, NaN."""

import numpy as np
import pytest

import autograd_nn as ag
from autograd_nn.ops import totals

ROUNDING = {np.float32: 3e-6, np.float64: 1e-13}
SHAPES = [(1, 1), (5, 3), (70, 7), (4, 16), (3, 17), (2, 3, 33), (9, 64), (1, 1000), (700, 2), (130,)]

OPERATIONS = {
    "prod": lambda x: ag.prod(x, -1),
    "prod of all": ag.prod,
    "max": lambda x: ag.max(x, -1),
    "min": lambda x: ag.min(x, x.ndim - 1, keepdims=True),
    "cumsum": lambda x: ag.cumsum(x, -1),
    "cumprod": lambda x: ag.cumprod(x, -1),
    "cummax": lambda x: ag.cummax(x, -1)[0],
    "cummin": lambda x: ag.cummin(x, -1)[0],
    "places of cummax": lambda x: ag.cummax(x, -1)[1],
    "places of cummin": lambda x: ag.cummin(x, -1)[1],
    "softmax": ag.softmax,
    "log_softmax": ag.log_softmax,
    "sort": ag.sort,
    "topk": lambda x: ag.topk(x, min(3, x.shape[-1]))[0],
    "median": lambda x: ag.median(x, -1),
    "take_along_axis": lambda x: ag.take_along_axis(x, 7 * np.arange(x.size).reshape(x.shape) % x.shape[-1] - 1, -1),
}


def drawn(kind, shape, dtype):
    rng = np.random.default_rng(0)
    x = rng.standard_normal(shape)
    if kind == "zeros and ties":
        x = rng.integers(-1, 3, shape).astype(float)
    if kind == "not finite":
        x = np.where(rng.random(shape) < 0.1, rng.choice([np.nan, np.inf, -np.inf, -0.0], shape), x)
    return x.astype(dtype)


def both_ways(monkeypatch, run):
    """What a run gives with native loops for everything, and with none."""
    found = []
    for least in (0, 1 << 60):
        monkeypatch.setattr(totals, "NATIVE", least)
        with np.errstate(all="ignore"):
            found.append(run())
    return found


@pytest.mark.parametrize("kind", ["normal", "zeros and ties", "not finite"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", OPERATIONS)
def test_values(name, shape, dtype, kind, monkeypatch):
    x = drawn(kind, shape, dtype)
    native, numpys = both_ways(monkeypatch, lambda: OPERATIONS[name](x))
    assert type(native) is type(numpys)
    assert native.dtype == numpys.dtype
    assert np.shape(native) == np.shape(numpys)
    np.testing.assert_allclose(native, numpys, rtol=30 * ROUNDING[dtype], atol=ROUNDING[dtype])


@pytest.mark.parametrize("kind", ["normal", "zeros and ties"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", [name for name in OPERATIONS if not name.startswith("places")])
def test_gradients_of_first_and_second_order(name, shape, kind, monkeypatch):
    x = ag.tensor(drawn(kind, shape, np.float64), requires_grad=True)

    def run():
        y = OPERATIONS[name](x)
        g = np.cos(np.arange(y.size, dtype=float)).reshape(y.shape)
        (plain,) = ag.gradients(y, [x], g, retain_graph=True)
        (recorded,) = ag.gradients(y, [x], g, create_graph=True)
        np.testing.assert_allclose(plain.numpy(), recorded.numpy(), rtol=1e-9, atol=1e-12)
        second = ag.gradients((recorded * recorded).sum(), [x], allow_unused=True)[0] if recorded.node else None
        return plain.numpy(), 0.0 if second is None else second.numpy()

    for native, numpys in zip(*both_ways(monkeypatch, run), strict=True):
        np.testing.assert_allclose(native, numpys, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("place", [-4, 3])
def test_a_place_that_does_not_exist_is_numpys_error(place, monkeypatch):
    monkeypatch.setattr(totals, "NATIVE", 0)
    x, places = np.ones((4, 3)), np.full((4, 2), place)
    with pytest.raises(IndexError, match="out of bounds"):
        ag.take_along_axis(x, places, 1)
    np.testing.assert_array_equal(ag.take_along_axis(x, np.full((4, 2), -3), 1), np.ones((4, 2)))


def test_softmax_of_a_row_of_minus_infinity_is_nan_as_pytorchs(monkeypatch):
    x = np.zeros((3, 40), np.float32)
    x[1] = -np.inf
    for native in both_ways(monkeypatch, lambda: (ag.softmax(x), ag.log_softmax(x))):
        for found in native:
            np.testing.assert_array_equal(np.isnan(found).all(1), [False, True, False])
