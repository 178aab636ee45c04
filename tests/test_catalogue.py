"""The catalogue's errors and its points of degeneracy: clear messages, never a silent NaN."""

import numpy as np
import pytest

import autograd_nn as ag

SINGULAR = np.array([[1.0, 2.0], [2.0, 4.0]])
LinAlgError = np.linalg.LinAlgError


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: ag.linalg.inv(ag.tensor(SINGULAR)), LinAlgError, "inv: the matrix is singular"),
        (
            lambda: ag.linalg.inv(ag.tensor(np.stack([np.eye(2), SINGULAR]))),
            LinAlgError,
            r"the matrix at \(1,\) is singular",
        ),
        (lambda: ag.linalg.solve(ag.tensor(SINGULAR), ag.ones(2)), LinAlgError, "solve_?: the matrix is singular"),
        (lambda: ag.linalg.inv(ag.ones((2, 3))), LinAlgError, "takes square matrices"),
        (lambda: ag.linalg.cholesky(ag.tensor(-np.eye(2))), LinAlgError, "not positive definite"),
        (lambda: ag.linalg.svd(ag.ones((2, 3))), ValueError, "pass full_matrices=False"),
        (lambda: ag.linalg.qr(ag.ones((2, 2)), "complete"), ValueError, "mode 'complete'"),
        (lambda: ag.linalg.multi_dot([ag.ones((2, 2))]), ValueError, "two matrices or more"),
        (lambda: ag.linalg.norm(ag.ones((2, 2, 2)), 2), ValueError, "one axis or two, not 3"),
        (lambda: ag.linalg.matrix_norm(ag.ones((2, 2)), ord=3), ValueError, "ord 3 is not"),
        (lambda: ag.einsum("ij,jk", ag.ones((2, 2))), ValueError, "is for 2 operands"),
        (lambda: ag.einsum("ijk", ag.ones((2, 2))), ValueError, "names 3 axes of operand 0"),
        (lambda: ag.einsum("ij->ik", ag.ones((2, 2))), ValueError, "that no operand has"),
        (lambda: ag.tensordot(ag.ones((2, 3)), ag.ones((2, 3)), 1), ValueError, "differ in number or length"),
        (lambda: ag.cross(ag.ones(2), ag.ones(2)), ValueError, "must have length 3"),
        (lambda: ag.median(ag.zeros(0)), ValueError, "median: of an empty array"),
        (lambda: ag.quantile(ag.ones(2), 1.5), ValueError, "between 0 and 1"),
        (lambda: ag.quantile(ag.ones(2), 0.5, method="odd"), ValueError, "method 'odd' is not one of"),
        (lambda: ag.squeeze(ag.ones((2, 1)), 0), ValueError, "has length 2; only length 1"),
        (lambda: ag.swapaxes(ag.ones(2), 0, 1), IndexError, "swapaxes: there is no axis 1"),
        (lambda: ag.split(ag.ones(3), 2), ValueError, "does not divide into 2 equal parts"),
        (lambda: ag.pad(ag.ones(3), -1), ValueError, "must not be negative"),
        (lambda: ag.pad(ag.ones(3), 1, mode="mean"), ValueError, "mode 'mean' is not one of"),
        (lambda: ag.glu(ag.ones(3)), ValueError, "odd length 3"),
        (lambda: ag.gelu(ag.ones(3), "erf"), ValueError, "approximate 'erf'"),
        (lambda: ag.polygamma(ag.ones(3), -1), ValueError, "0 or more, not -1"),
        (lambda: ag.repeat(ag.ones(3), [1, 2]), ValueError, "2 repeats for axis 0"),
        (lambda: ag.average(ag.ones((2, 3)), weights=ag.ones(2)), ValueError, "weights of shape"),
        (lambda: ag.cumulative_sum(ag.ones((2, 2))), ValueError, "name the one to go along"),
    ],
)
def test_messages(call, kind, message):
    with pytest.raises(kind, match=message):
        call()


@pytest.mark.parametrize(
    "loss",
    [
        lambda x: ag.linalg.eigh(x)[1][0, 0],
        lambda x: ag.linalg.svd(x)[0][0, 0],
        lambda x: ag.linalg.svd(x)[2][0, 0],
    ],
)
def test_vectors_of_equal_values_have_no_derivative(loss):
    x = ag.tensor(np.eye(3), requires_grad=True)
    with pytest.raises(LinAlgError, match="equal, so their vectors have no derivative"):
        loss(x).backward()


def test_singular_logarithm_of_determinant_raises_when_differentiated():
    x = ag.tensor(SINGULAR, requires_grad=True)
    value = ag.linalg.slogdet(x).logabsdet
    assert value.item() < -30.0
    z = ag.tensor(np.zeros((2, 2)), requires_grad=True)
    with pytest.raises(LinAlgError, match="singular"):
        ag.linalg.slogdet(z).logabsdet.backward()


def test_exponential_of_a_matrix_with_a_large_norm():
    turn = np.array([[0.0, -20.0], [20.0, 0.0]])
    expected = [[np.cos(20.0), -np.sin(20.0)], [np.sin(20.0), np.cos(20.0)]]
    np.testing.assert_allclose(ag.linalg.expm(ag.tensor(turn)).numpy(), expected, atol=1e-12)


def test_third_derivatives_of_special_functions_close():
    x = ag.tensor(np.array([1.3, 2.5]), requires_grad=True)
    (first,) = ag.gradients(ag.lgamma(x).sum(), [x], create_graph=True)
    (second,) = ag.gradients(first.sum(), [x], create_graph=True)
    (third,) = ag.gradients(second.sum(), [x])
    np.testing.assert_allclose(third.numpy(), ag.polygamma(x.detach(), 2).numpy(), rtol=1e-14)
