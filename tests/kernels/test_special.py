"""The kernel of erf and erfc against Python's own, and against the formulas that small arrays go through."""

import math

import numpy as np
import pytest

import autograd_nn as ag
from autograd_nn.ops.special import LARGE

POINTS = np.concatenate(
    [
        np.linspace(-12.0, 12.0, LARGE),
        [0.0, -0.0, 1.0, -1.0, np.nextafter(1.0, 0.0), 27.0, -27.0, 1e-30, np.inf, -np.inf, np.nan],
    ]
)


@pytest.mark.parametrize("name", ["erf", "erfc"])
@pytest.mark.parametrize(("dtype", "tolerance", "least"), [(np.float32, 3e-6, 1e-36), (np.float64, 2e-14, 1e-290)])
def test_kernel_against_python(name, dtype, tolerance, least):
    x = POINTS.astype(dtype)
    found = getattr(ag, name)(x)
    expected = np.array([getattr(math, name)(v) for v in x.astype(np.float64)])
    assert found.dtype == dtype
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=least)
    in_small = np.concatenate([getattr(ag, name)(part) for part in np.array_split(x, 8)])
    np.testing.assert_allclose(found, in_small, rtol=tolerance, atol=least)
    assert np.signbit(ag.erf(x)[LARGE + 1])  # of -0.0


def test_kernel_takes_any_layout():
    x = np.random.default_rng(0).standard_normal((256, 130))[:, ::2].T
    np.testing.assert_allclose(ag.erf(x), np.vectorize(math.erf)(x), rtol=1e-14)
