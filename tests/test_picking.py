"""`pick` is np.where, to the bit."""

import numpy as np
import pytest

from autograd_nn.ops.picking import LEAST, pick

RNG = np.random.default_rng(0)
MASK = RNG.standard_normal((64, 64)) > 0
ODD = np.array([0.0, -0.0, np.nan, -np.nan, np.inf, -np.inf, 5e-324, 1.0])


def values(dtype, seed):
    return np.random.default_rng(seed).choice(ODD, MASK.shape).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, np.int64])
@pytest.mark.parametrize(
    "sides",
    [
        lambda a, b: (a, b),
        lambda a, b: (a, 0.0),
        lambda a, b: (0.0, b),
        lambda a, b: (-0.0, b),
        lambda a, b: (a, 2),
        lambda a, b: (np.nan, b),
        lambda a, b: (a, b[0]),
        lambda a, b: (a, b.dtype.type(3)),
        lambda a, b: (a, np.float64(3)),
        lambda a, b: (a.T, b),
        lambda a, b: (a, b.astype(np.float64)),
        lambda a, b: (1.0, 0.0),
        lambda a, b: (a, True),
    ],
)
@pytest.mark.parametrize("mask", [MASK, MASK.T, MASK[:, ::-1], MASK[:2], MASK[:, :1], MASK.astype(int)])
def test_the_bits_of_where(dtype, sides, mask):
    assert MASK.size >= LEAST
    with np.errstate(invalid="ignore"):
        x, y = sides(values(dtype, 1), values(dtype, 2))
    try:
        expected = np.where(mask, x, y)
    except ValueError:
        with pytest.raises(ValueError, match="broadcast"):
            pick(mask, x, y)
        return
    got = pick(mask, x, y)
    assert got.dtype == expected.dtype
    assert got.tobytes() == expected.tobytes()
