"""Derivatives at infinities and NaN beside PyTorch's, factors that have none, composed functions that answer for themselves."""

import contextlib
import itertools
import warnings

import numpy as np
import pytest

import autograd_nn as ag

INF, NAN = np.inf, np.nan
PAIRS = np.array([*itertools.product([INF, -INF, NAN, 0.0, 1.0], repeat=2)]).T
POINTS = np.array([NAN, INF, -INF, 0.0, 1.0, -1.0, 800.0, -800.0])


def gradients(function, *arrays):
    xs = [ag.tensor(a, requires_grad=True) for a in arrays]
    with np.errstate(all="ignore"):
        return [g.numpy() for g in ag.gradients(function(*xs).sum(), xs)]


def theirs(torch, function, *arrays):
    ts = [torch.tensor(a, requires_grad=True) for a in arrays]
    return [g.numpy() for g in torch.autograd.grad(function(*ts).sum(), ts)]


@pytest.mark.parametrize("name", ["logaddexp", "logaddexp2", "maximum", "minimum"])
def test_of_two_numbers(name):
    torch = pytest.importorskip("torch", reason="PyTorch is the judge here")
    ours, peers = gradients(getattr(ag, name), *PAIRS), theirs(torch, getattr(torch, name), *PAIRS)
    nothing = (PAIRS == -INF).all(0) & name.startswith("log")  # where we say 0, for there is nothing to share
    for a, b in zip(ours, peers, strict=True):
        np.testing.assert_allclose(a, np.where(nothing, 0.0, b), rtol=1e-12)


@pytest.mark.parametrize(
    "name", ["elu", "celu", "selu", "leaky_relu", "relu", "softplus", "log_sigmoid", "silu", "gelu"]
)
def test_of_activations(name):
    torch = pytest.importorskip("torch", reason="PyTorch is the judge here")
    peer = getattr(torch.nn.functional, name.replace("_sigmoid", "sigmoid"))
    (ours,), (peers,) = gradients(getattr(ag, name), POINTS), theirs(torch, peer, POINTS)
    np.testing.assert_allclose(ours, peers, rtol=1e-12)


def test_an_extremum_that_is_nan_shares_among_the_nan():
    """PyTorch gives NaN to every element, which says less."""
    for function in (ag.max, ag.min):
        np.testing.assert_array_equal(gradients(function, np.array([1.0, NAN, 3.0]))[0], [0.0, 1.0, 0.0])
        np.testing.assert_array_equal(gradients(function, np.array([NAN, NAN, 3.0]))[0], [0.5, 0.5, 0.0])


def test_logsumexp_of_infinities():
    np.testing.assert_array_equal(gradients(ag.logsumexp, np.array([INF, INF, 1.0]))[0], [NAN, NAN, 0.0])
    np.testing.assert_array_equal(gradients(ag.logsumexp, np.array([-INF, -INF]))[0], [0.0, 0.0])


@pytest.mark.parametrize(
    "a", [[[1.0, 2.0], [2.0, 4.0], [3.0, 6.0]], [[1.0, 0.0], [2.0, 0.0]], np.zeros((3, 2))], ids=str
)
@pytest.mark.parametrize("create_graph", [False, True])
def test_qr_of_dependent_columns_has_factors_and_no_derivative(a, create_graph):
    x = ag.tensor(np.asarray(a), requires_grad=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        q, r = ag.linalg.qr(x)
        np.testing.assert_allclose((q @ r).numpy(), a, atol=1e-12)
        with pytest.raises(np.linalg.LinAlgError, match="columns are linearly dependent"):
            ag.gradients(q.sum() + r.sum(), [x], create_graph=create_graph)


X = np.arange(1.0, 7.0).reshape(2, 3)


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("append", lambda x: ag.append(x, x, axis=7)),
        ("average", lambda x: ag.average(x, axis=7)),
        ("compress", lambda x: ag.compress([True, False], x, axis=7)),
        ("cumulative_prod", lambda x: ag.cumulative_prod(x, axis=7)),
        ("cumulative_sum", lambda x: ag.cumulative_sum(x, axis=7)),
        ("glu", lambda x: ag.glu(x, 7)),
        ("gumbel_softmax", lambda x: ag.gumbel_softmax(x, axis=7)),
        *[
            (name, lambda x, name=name: getattr(ag, name)(x, axis=7))
            for name in (
                "nancumprod",
                "nancumsum",
                "nanmax",
                "nanmean",
                "nanmin",
                "nanprod",
                "nanstd",
                "nansum",
                "nanvar",
            )
        ],
        ("ptp", lambda x: ag.ptp(x, axis=7)),
        ("softmin", lambda x: ag.softmin(x, 7)),
        ("vecdot", lambda x: ag.vecdot(x, x, axis=7)),
        ("vector_norm", lambda x: ag.linalg.vector_norm(x, axis=7)),
        ("ptp", lambda x: ag.ptp(x[:0])),
        ("nanmax", lambda x: ag.nanmax(x[:0], axis=0)),
        ("nanmin", lambda x: ag.nanmin(x[:, :0])),
    ],
)
def test_a_composed_function_answers_for_itself(name, call):
    """What goes wrong inside it names the function that was called, for arrays and Tensors alike."""
    for x in (X, ag.tensor(X), ag.tensor(X, requires_grad=True)):
        with pytest.raises((ValueError, IndexError), match=f"^{name}: "):
            call(x)


def test_a_plain_array_is_kept_not_copied_and_a_write_to_it_is_found():
    """What the documentation of `detect_mutation` says of arrays that an operation was given."""
    x, a = ag.tensor([1.0, 2.0], requires_grad=True), np.array([3.0, 4.0], np.float32)
    for find in (False, True):
        x.grad, a[:] = None, (3.0, 4.0)
        with ag.detect_mutation() if find else contextlib.nullcontext():
            y = (x * a).sum()
            a[:] = 0.0
            if find:
                with pytest.raises(RuntimeError, match="multiply kept its input 'y', whose memory was written to"):
                    y.backward()
            else:
                y.backward()
                np.testing.assert_array_equal(x.grad.numpy(), [0.0, 0.0])
