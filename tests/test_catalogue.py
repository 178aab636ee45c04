"""The catalogue's errors and its points of degeneracy: clear messages, never a silent NaN."""

import numpy as np
import pytest

import autograd_nn as ag

SINGULAR = np.array([[1.0, 2.0], [2.0, 4.0]])
LinAlgError, AxisError = np.linalg.LinAlgError, np.exceptions.AxisError


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
        (lambda: ag.linalg.solve(ag.tensor(np.eye(3)), ag.ones(4)), ValueError, "a has 3 rows and b has 4"),
        (lambda: ag.linalg.solve(ag.ones((2, 3, 3)), ag.ones((5, 3, 1))), ValueError, "leading axes do not broadcast"),
        (lambda: ag.linalg.solve(ag.ones((2, 3)), ag.ones((4, 1))), LinAlgError, "takes square matrices"),
        (lambda: ag.mean(ag.tensor(2.0), axis=0), AxisError, "axis 0 is out of bounds for array of dimension 0"),
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
        (lambda: ag.pad(ag.ones(3), 1, mode="empty"), ValueError, "mode 'empty' is not one of"),
        (lambda: ag.pad(ag.ones(3), 1, mode="reflect", reflect_type="neither"), ValueError, "'even' or 'odd'"),
        (lambda: ag.pad(ag.ones(3), 4, "reflect", reflect_type="odd"), ValueError, "must not go round axis 0"),
        (lambda: ag.polyfit(ag.ones(3), ag.ones(2), 1), ValueError, "polyfit: takes a vector x and y as long"),
        (lambda: ag.polyder(ag.ones(3), -1), ValueError, "0 or more, not -1"),
        (lambda: ag.polyint(ag.ones(3), 2, [1.0, 2.0, 3.0]), ValueError, "3 constants for 2 integrations"),
        (
            lambda: ag.piecewise(ag.ones(2), [[True, False]], [1.0, 2.0, 3.0]),
            ValueError,
            "3 functions for 1 conditions",
        ),
        (lambda: ag.piecewise(ag.ones(2), [ag.ones(2)], [1.0]), TypeError, "a mask is of bools, not float32"),
        (lambda: ag.glu(ag.ones(3)), ValueError, "odd length 3"),
        (lambda: ag.gelu(ag.ones(3), "erf"), ValueError, "approximate 'erf'"),
        (lambda: ag.polygamma(ag.ones(3), -1), ValueError, "0 or more, not -1"),
        (lambda: ag.repeat(ag.ones(3), [1, 2]), ValueError, "2 repeats for axis 0"),
        (lambda: ag.average(ag.ones((2, 3)), weights=ag.ones(2)), ValueError, "weights of shape"),
        (lambda: ag.cumulative_sum(ag.ones((2, 2))), ValueError, "name the one to go along"),
        *[
            (lambda f=f: f(ag.ones((2, 3)), axis=5), AxisError, f"{f.__name__}_?: .*axis 5")
            for f in (
                *(
                    ag.sum,
                    ag.mean,
                    ag.max,
                    ag.argmin,
                    ag.all,
                    ag.prod,
                    ag.var,
                    ag.std,
                    ag.logsumexp,
                    ag.cumsum,
                    ag.cummax,
                ),
                *(ag.sort, ag.argsort, ag.softmax, ag.log_softmax, ag.flip, ag.diff, ag.unstack, ag.median),
                *(ag.expand_dims, ag.squeeze, ag.linalg.norm, ag.count_nonzero, ag.trapezoid),
            )
        ],
        *[
            (lambda f=f: f(ag.zeros((0, 3))), ValueError, f"{f.__name__}: of an empty array has no value")
            for f in (ag.max, ag.min, ag.argmax, ag.argmin, ag.median)
        ],
        (lambda: ag.sum(ag.ones((2, 3)), axis=(0, 0)), ValueError, "sum: duplicate value in 'axis'"),
        (lambda: ag.take(ag.ones(3), [0.5]), IndexError, "take: the indices are float64, not integers"),
        (lambda: ag.take(ag.ones(3), [7], axis=0), IndexError, "take: index 7 is out of bounds"),
        (lambda: ag.ones(3)[np.array([0.5])], IndexError, r"cast it with .astype\('int64'\)"),
        (lambda: ag.embedding([5], ag.ones((2, 3))), IndexError, "indices run from 5 to 5, and the table has 2 rows"),
        (lambda: ag.embedding([-1], ag.ones((2, 3))), IndexError, "indices run from -1 to -1"),
        (lambda: ag.embedding([0.5], ag.ones((2, 3))), IndexError, "the indices are rows, integers, not float64"),
        (lambda: ag.embedding([0], ag.ones(3)), IndexError, r"a table \(rows, features\), not of shape \(3,\)"),
        (lambda: ag.embedding([0], ag.ones((2, 3)), 7), IndexError, "padding_idx 7 is no row of a table of 2 rows"),
        (lambda: ag.masked_fill(ag.ones(3), ag.ones(3), 0.0), TypeError, "a mask is of bools, not float32"),
        (lambda: ag.masked_fill(ag.ones(3), ag.ones(3) > 0, ag.ones(3)), ValueError, "the value is one number"),
        (lambda: ag.masked_fill(ag.ones(3), np.ones((2, 3), bool), 0.0), ValueError, "does not broadcast"),
        (lambda: ag.select([ag.ones(2)], [ag.ones(2)]), TypeError, "select: a mask is of bools"),
        (lambda: ag.select([], []), ValueError, "select: 0 conditions and 0 choices"),
        (lambda: ag.choose([0, 5], [1.0, 2.0]), ValueError, "numbers run from 0 to 5, and there are 2 choices"),
        (lambda: ag.put_along_axis(ag.ones((2, 3)), np.array([[9]]), 1.0, 1), IndexError, "index 9 is out of bounds"),
        (lambda: ag.put_along_axis(ag.ones((2, 3)), np.array([1]), 1.0), IndexError, "with as many axes as x"),
        (lambda: ag.nonzero(ag.tensor(1.0)), ValueError, "a 0-d array has no axes to index"),
        (lambda: ag.searchsorted(ag.ones((2, 2)), 1.0), ValueError, r"searches a vector, not shape \(2, 2\)"),
        (lambda: ag.bincount(ag.ones(2)), TypeError, "counts a vector of integers, not float32"),
        (lambda: ag.bincount([-1]), ValueError, "counts numbers from 0, and there is -1"),
        (lambda: ag.unique(ag.ones(2, requires_grad=True)), TypeError, "unique: which values differ has no derivative"),
        (lambda: ag.convolve(ag.ones((2, 2)), ag.ones(2)), ValueError, "takes two vectors that are not empty"),
        (lambda: ag.interp(ag.ones(2), ag.ones(2), ag.ones(3)), ValueError, "two vectors of one length"),
        (lambda: ag.gradient(ag.ones(1)), ValueError, "axis 0 has 1 elements; it takes 2 or more"),
        (lambda: ag.block([[ag.ones(2)], ag.ones(2)]), ValueError, "not nested equally deep"),
        (lambda: ag.linalg.tensorsolve(ag.ones((2, 3)), ag.ones(2)), LinAlgError, "makes no square matrix"),
        (lambda: ag.linalg.solve_triangular(ag.tensor(np.diag([1.0, 0.0])), ag.ones(2)), LinAlgError, "singular"),
        (lambda: ag.linalg.eigh(ag.ones((2, 3))), ValueError, r"square matrices .*not shape \(2, 3\)"),
        (lambda: ag.linalg.slogdet(ag.ones((2, 3))), LinAlgError, r"square matrices .*not shape \(2, 3\)"),
        (
            lambda: ag.conv1d(ag.ones((1, 1, 3)), ag.ones((1, 1, 2), "float64")),
            TypeError,
            "x is float32 and w is float64",
        ),
        (lambda: ag.ones(2) & ag.ones(2), TypeError, "bitwise_and: .*not supported for the input types"),
        (lambda: ag.real(ag.tensor(np.ones(2) * 1j)), TypeError, "real: complex Tensors carry no gradient"),
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
