"""The fast sums and extrema are NumPy's, over shapes, axes, dtypes and orders of memory, infinities and NaN included."""

import itertools

import numpy as np
import pytest

from autograd_nn.ops.totals import extremum, total

SHAPES = [
    (600,),
    (64, 10),
    (10, 64),
    (2, 1500),
    (1500, 2),
    (8, 9, 10),
    (1, 600),
    (600, 1),
    (3, 5, 7, 8),
    (0, 5),
    (700, 0, 2),
]


def layouts(x):
    yield "C", x
    yield "F", np.asfortranarray(x)
    yield "strided", np.repeat(x, 2, axis=0)[::2]
    yield "transposed", x.T


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "bool", "float16"])
def test_against_numpy(shape, dtype):
    drawn = (np.random.default_rng(0).standard_normal(shape) * 3.0).astype(dtype)
    for _, x in layouts(drawn):
        axes = [None, *range(-x.ndim, x.ndim), *itertools.permutations(range(x.ndim), 2), tuple(range(x.ndim)), ()]
        for axis, keepdims in itertools.product(axes, (False, True)):
            ours, numpys = total(x, axis, keepdims), np.add.reduce(x, axis=axis, keepdims=keepdims)
            assert type(ours) is type(numpys)
            assert ours.dtype == numpys.dtype
            assert ours.shape == numpys.shape
            scale = np.abs(x.astype("float64")).sum()
            np.testing.assert_allclose(ours, numpys, rtol=0, atol=scale * (1e-7 if dtype == "float32" else 1e-15))
            if not x.size:
                continue
            for ufunc in (np.maximum, np.minimum):
                ours, numpys = extremum(ufunc, x, axis, keepdims), ufunc.reduce(x, axis=axis, keepdims=keepdims)
                assert type(ours) is type(numpys)
                np.testing.assert_array_equal(ours, numpys, strict=True)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_infinities_and_nan_stay_where_they_are(dtype):
    x = np.ones((60, 10), dtype)
    x[3, 4], x[5, 6], x[7, 1:3] = np.inf, np.nan, (np.inf, -np.inf)
    with np.errstate(invalid="ignore"):
        for axis in (0, 1):
            np.testing.assert_array_equal(total(x, axis), np.add.reduce(x, axis=axis))
            np.testing.assert_array_equal(extremum(np.maximum, x, axis), np.maximum.reduce(x, axis=axis))


def test_no_digit_is_lost_that_numpy_keeps():
    """Of columns the product keeps more digits than NumPy's sum; of rows about as many."""
    x = np.random.default_rng(1).uniform(0.0, 1.0, (4096, 16)).astype("float32")
    exact = x.astype("float64").sum(0)
    assert np.abs(total(x, 0) - exact).max() <= np.abs(x.sum(0) - exact).max()
    rows = np.random.default_rng(1).uniform(0.0, 1.0, (64, 1024)).astype("float32")
    np.testing.assert_allclose(total(rows, 1), rows.astype("float64").sum(1), rtol=1e-6)


def test_axes_that_do_not_exist_raise_numpys_error():
    for axis in (2, -3, (0, 0), (0, 5)):
        with pytest.raises(ValueError, match="axis"):
            total(np.ones((64, 64)), axis)
        with pytest.raises(ValueError, match="axis"):
            extremum(np.maximum, np.ones((64, 16)), axis)
