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


def test_numpys_questions_about_arrays_are_answered():
    v, m = ag.tensor(V, requires_grad=True), ag.tensor(np.eye(2), requires_grad=True)
    assert np.array_repr(v) == "array([1.1, 2.2])"
    assert np.array2string(v, precision=1) == "[1.1 2.2]"
    assert np.isrealobj(v) and not np.iscomplexobj(x=v)
    assert np.shares_memory(v, v) and not np.may_share_memory(v, m)
    np.testing.assert_array_equal(np.triu_indices_from(m, k=1), np.triu_indices_from(np.eye(2), 1))


def test_lstsq_of_an_array_and_a_tensor():
    a, b = np.array([[1.0, 1.0], [1.0, 2.0], [1.0, 4.0]]), np.array([1.0, 2.0, 5.0])
    for pair in ((a, ag.tensor(b, requires_grad=True)), (ag.tensor(a, requires_grad=True), b)):
        x, squares, rank, _ = np.linalg.lstsq(*pair)
        wanted = np.linalg.lstsq(a, b)
        np.testing.assert_allclose(x.detach(), wanted[0])
        assert rank == wanted[2] and squares.shape == wanted[1].shape


def test_where_of_a_condition_alone_gives_indices():
    m = ag.tensor(M, requires_grad=True)
    for found, numpys in zip(np.where(m > 3.0), np.where(M > 3.0), strict=True):
        np.testing.assert_array_equal(found, numpys)
    assert ag.grad(lambda x: np.sum(x[np.where(x > 3.0)]))(M).tolist() == (M > 3.0).tolist()


def test_reshape_and_ravel_in_column_major_order():
    for f in (
        lambda m: np.reshape(m, (3, 2), order="F"),
        lambda m: np.reshape(m, (-1, 1), "F"),
        lambda m: np.reshape(m, 6, "F"),
        lambda m: np.ravel(m, order="F"),
        lambda m: np.ravel(m, "C"),
    ):
        np.testing.assert_array_equal(f(ag.tensor(M, requires_grad=True)).detach(), f(M))
        np.testing.assert_array_equal(ag.jacobian(f)(M) @ np.ones(3) @ np.ones(2), np.ones_like(f(M)))
    with pytest.raises(ValueError, match="order is 'C' or 'F'"):
        np.ravel(ag.tensor(M), order="K")


@pytest.mark.parametrize("logits", [[np.nan, 0.0], [-np.inf, -np.inf], [np.inf, 0.0]])
def test_categorical_draws_no_class_that_does_not_exist(logits):
    with pytest.raises(ValueError, match="categorical: the logits hold NaN or inf"):
        ag.random.categorical(np.array(logits), (3,))


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (np.log, [1e-20, 1.0]),
        (np.log, [1e-300, 1.0]),
        (lambda x: 1.0 / x, [1e-300, 1.0]),
        (np.cbrt, [1e-12, 1.0]),
        (lambda x: np.sin(1e8 * x), [0.3, 1.0]),
        (lambda x: np.sin(1e9 * x), [0.3, 1.0]),
    ],
)
def test_a_right_derivative_that_no_step_resolves_is_no_failure(f, x):
    assert ag.gradcheck(f, np.array(x)).verdict != "FAIL"


def test_a_wrong_derivative_still_fails_where_steps_resolve_it():
    @ag.op(kind="elementwise")
    def scaled_sine(x, /):
        return np.sin(1e5 * x)

    scaled_sine.vjp(x=lambda g, x: g * 1.001e5 * np.cos(1e5 * x))
    report = ag.gradcheck(scaled_sine, np.array([0.3, 1.0]))
    assert report.verdict == "FAIL" and "scaled_sine" in str(report)


def test_compare_says_that_seeds_differ():
    x, runs = ag.tensor(np.arange(50.0)), []
    for seed in (0, 1):
        ag.manual_seed(seed)
        with ag.record() as r:
            ag.dropout(np.tanh(x), 0.5)
        runs.append(r)
    assert "another seed" in str(ag.compare(*runs))


@pytest.mark.parametrize("axis", [0, -1])
@pytest.mark.parametrize(
    "name", ["sum", "prod", "max", "min", "logsumexp", "nansum", "nanprod", "nanmean", "nanmax", "nanmin"]
)
def test_a_number_has_an_axis_for_the_reductions_for_which_numpy_gives_it_one(name, axis):
    for keepdims in (False, True):
        x = ag.tensor(np.array(2.0), requires_grad=True)
        out = getattr(ag, name)(x, axis=axis, keepdims=keepdims)
        assert out.shape == ()
        assert out.item() == 2.0
        (slope,) = ag.gradients(out * out, [x], create_graph=True)
        assert slope.item() == 4.0
        assert ag.gradients(slope, x).item() == 2.0


@pytest.mark.skipif(not hasattr(np, "vecdot"), reason="this NumPy has no vecdot")
def test_numpys_vecdot_takes_an_axis():
    x, y = ag.tensor(M, requires_grad=True), M[::-1] * 2.0
    for axis in (0, 1, -1):
        np.testing.assert_allclose(np.vecdot(x, y, axis=axis).detach(), np.vecdot(M, y, axis=axis))
    np.testing.assert_array_equal(ag.gradients(np.vecdot(x, y, axis=0).sum(), x), y)
    with pytest.raises(TypeError, match="keepdims= is not differentiable here"):
        np.vecdot(x, y, keepdims=True)
