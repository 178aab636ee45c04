"""The native ziggurat gives NumPy's normal numbers, to the bit."""

import numpy as np
import pytest

import autograd_nn as ag
from autograd_nn.kernels import ziggurat
from autograd_nn.ops import draws


def numpys(seed, shape):
    return np.random.Generator(np.random.Philox(seed)).standard_normal(shape, np.float32)


@pytest.mark.parametrize("shape", [(), (0,), (1,), (17,), (300, 7), (1_000_003,)], ids=str)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_numpys_numbers(shape, seed):
    found = ziggurat.standard_normal(np.random.Generator(np.random.Philox(seed)), shape)
    np.testing.assert_array_equal(found, numpys(seed, shape), strict=True)


@pytest.mark.parametrize("first", [1, 60, 5000, 5040, 5080])
def test_bits_that_do_not_suffice_are_drawn_again(first, monkeypatch):
    monkeypatch.setattr(ziggurat, "room", lambda count: first)
    found = ziggurat.standard_normal(np.random.Generator(np.random.Philox(5)), (5000,))
    np.testing.assert_array_equal(found, numpys(5, (5000,)))


def test_randn_is_the_same_either_way(monkeypatch):
    found = []
    for least in (0, 1 << 60):
        monkeypatch.setattr(draws, "NATIVE", least)
        ag.manual_seed(3)
        found.append([ag.randn(n).numpy() for n in (5, 20_000, 1)])
    for a, b in zip(*found, strict=True):
        np.testing.assert_array_equal(a, b)
    assert abs(found[0][1].mean()) < 0.03
    assert abs(found[0][1].std() - 1.0) < 0.03
