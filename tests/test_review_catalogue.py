"""What a review of the catalogue, the transforms and the checks found: one test for each fault that was mended."""

from __future__ import annotations

import numpy as np
import pytest

import autograd_nn as ag

V, M = np.array([1.1, 2.2]), np.arange(6.0).reshape(2, 3) + 0.5


@pytest.mark.parametrize("wanted", [True, False])
@pytest.mark.parametrize(
    "f",
    [
        lambda v: v + [0.1, 0.2],
        lambda v: [0.1, 0.2] + v,
        lambda v: v == [1.1, 2.2],
        lambda v: v @ [0.1, 0.2],
        lambda v: np.power(v, (0.1, 0.2)),
        lambda v: np.where([True, False], v, [0.1, 0.3]),
        lambda v: np.concatenate([[0.1], v]),
        lambda v: np.append(0.1, v),
        lambda v: np.hstack([0.1, v]),
        lambda v: np.vstack([v, [0.1, 0.2]]),
        lambda v: np.block([[v], [0.1, 0.2]]),
        lambda v: np.dot(0.1, v),
        lambda v: np.outer([0.1], v),
        lambda v: np.kron([0.1, 0.2], v),
        lambda v: np.einsum("i,i", v, [0.1, 0.2]),
        lambda v: np.linalg.solve([[0.1, 0.0], [0.0, 0.2]], v),
        lambda v: np.convolve(v, [0.1, 0.2]),
        lambda v: np.polyval([0.1, 0.2], v),
        lambda v: np.trapezoid(v, [0.1, 0.2]),
        lambda v: np.gradient(v, [0.1, 0.3]),
        lambda v: np.average(v, weights=[0.1, 0.2]),
        lambda v: np.diff(v, prepend=0.1),
        lambda v: np.interp([0.15], [0.0, 1.0], v),
        lambda v: np.cov(v, [0.1, 0.2]),
        lambda v: np.meshgrid(v, [0.1, 0.2])[1],
        lambda v: np.digitize(v, [0.1, 1.1]),
        lambda v: np.isin(v, [1.1]),
    ],
)
def test_a_list_of_floats_beside_a_float64_tensor_keeps_its_digits(f, wanted):
    out, numpys = f(ag.tensor(V, requires_grad=wanted)), f(V)
    out = out.detach().numpy() if isinstance(out, ag.Tensor) else out
    assert out.dtype == numpys.dtype
    np.testing.assert_allclose(out, numpys, rtol=1e-14, atol=1e-14)


def test_a_list_of_floats_takes_the_dtype_beside_it_wherever_it_goes():
    v32 = ag.tensor(V, dtype="float32")
    assert (v32 + [0.1, 0.2]).dtype == np.concatenate([[0.1], v32]).dtype == np.float32  # weak, as a number is
    assert ag.add([0.1], [0.2]).dtype == np.float32
    np.testing.assert_array_equal(ag.add(V, [0.1, 0.2]), V + [0.1, 0.2])  # plain arrays
    state = ag.tensor(V)
    ag.assign(state, [0.1, 0.2])
    assert state.tolist() == [0.1, 0.2]
    state[:] = [0.3, 0.7]
    assert state.tolist() == [0.3, 0.7]
    x = ag.tensor(V, requires_grad=True)
    (x * 1.0).backward([0.1, 0.2])
    assert x.grad.tolist() == [0.1, 0.2]
    with ag.record() as r:
        x + [0.1, 0.2]
    assert r.entries[0].inputs[1].dtype == np.float64
