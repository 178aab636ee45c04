"""NumPy's own functions on Tensors: the table of samples once more, its NumPy references called on Tensors."""

import numpy as np
import pytest

import autograd_nn as ag
from autograd_nn.check.finite import floating_outputs, gradient_errors
from autograd_nn.check.samples import rows
from autograd_nn.engine.protocol import FUNCTIONS, UFUNCS

ANSWERED = {**UFUNCS, **FUNCTIONS}
CASES = [
    pytest.param(row, call, id=f"{row.name}-{i}")
    for row in rows()
    if row.reference in ANSWERED
    for i, call in enumerate(row.calls)
    if any(isinstance(a, np.ndarray) for a in call.arrays)
]


def parts(result):
    return list(result) if isinstance(result, (tuple, list)) else [result]


@pytest.mark.parametrize(("row", "call"), CASES)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy's own, of values at infinity and NaN
def test_numpy_function_on_tensors(row, call):
    """np.f(tensor) is ag.f(tensor): Tensors, the same values, the same gradients."""
    found, expected = [], []
    for function, outcome in ((row.reference, found), (row.function, expected)):
        leaves = [
            ag.tensor(a, requires_grad=i in call.differentiated()) if isinstance(a, np.ndarray) else a
            for i, a in enumerate(call.arrays)
        ]
        outs = parts(row.run(function, call, leaves))
        assert all(isinstance(out, ag.Tensor) for out in outs)
        outcome += [out.numpy() for out in outs]
        for out in floating_outputs(tuple(outs)):
            if out.requires_grad:
                out.sum().backward(retain_graph=True)
        outcome += [leaf.grad.numpy() for leaf in leaves if isinstance(leaf, ag.Tensor) and leaf.grad is not None]
    assert len(found) == len(expected)
    for f, e in zip(found, expected, strict=True):
        np.testing.assert_array_equal(f, e)


def test_count_of_numpy_functions(capsys):
    names = {row.reference.__name__ for row in rows() if row.reference in ANSWERED}
    with capsys.disabled():
        print(
            f"\nnumpy: {len(ANSWERED)} functions answer to Tensors, {len(names)} of them called here {len(CASES)} times"
        )
    assert len(names) > 130


def test_einsum_takes_its_subscripts_first():
    x = ag.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    np.einsum("ij,ij->", x, x).backward()
    assert x.grad.tolist() == [[2.0, 4.0], [6.0, 8.0]]


MASK = np.array([[True, False, True], [False, True, True]])
VALUES = np.array([[1.0, 2.0, -3.0], [4.0, 0.5, -1.5]])


@pytest.mark.parametrize(
    "call",
    [
        lambda x: np.sum(x, where=MASK),
        lambda x: np.sum(x, 0, None, None, True),
        lambda x: np.sum(x, axis=1, initial=5.0, where=MASK),
        lambda x: np.sum(a=x),
        lambda x: np.prod(x, axis=1, where=MASK, initial=2.0),
        lambda x: np.max(x, 0, None, True),
        lambda x: np.max(x, axis=0, where=MASK, initial=-9.0),
        lambda x: np.min(x, axis=1, initial=0.0),
        lambda x: np.amax(x),
        lambda x: np.mean(x, axis=0, where=MASK),
        lambda x: np.mean(x, 1, None, None, True),
        lambda x: np.var(x, axis=1, where=MASK),
        lambda x: np.std(x, axis=1, where=MASK, ddof=1),
        lambda x: np.nansum(x, where=MASK),
        lambda x: np.nanmax(x, axis=1, where=MASK, initial=-9.0),
        lambda x: np.nanmean(x, axis=0, where=MASK),
        lambda x: np.add.reduce(x),
        lambda x: np.add.reduce(x, axis=None, where=MASK),
        lambda x: np.add.reduce(x, axis=(0, 1), keepdims=True),
        lambda x: np.multiply.reduce(x, 1),
        lambda x: np.maximum.reduce(x, initial=1.0),
        lambda x: np.minimum.reduce(x, axis=1),
        lambda x: np.fmax.reduce(x),
        lambda x: np.logaddexp.reduce(x, axis=1),
        lambda x: np.add.accumulate(x),
        lambda x: np.multiply.accumulate(x, axis=1),
        lambda x: np.maximum.accumulate(x, 1),
        lambda x: np.minimum.accumulate(x),
        lambda x: np.add.outer(x, x[0]),
        lambda x: np.multiply.outer(x[0], VALUES),
        lambda x: np.maximum.outer(x[0], 0.7),
        lambda x: np.linspace(x[0], x[1], 4),
        lambda x: np.linspace(x[0], 2.0, 3, endpoint=False, axis=1),
        lambda x: np.resize(x, (2, 4)),
        lambda x: np.float_power(x, 2),
        lambda x: np.choose([0, 1, 0], list(x)),
    ],
)
def test_numpy_reads_a_call_as_numpy_does(call):
    """Positions, keywords, where=, initial= and the ufuncs' methods: the value is NumPy's, the gradient a difference's."""
    x = ag.tensor(VALUES, requires_grad=True)
    out = call(x)
    assert isinstance(out, ag.Tensor)
    expected = call(VALUES)
    assert (out.shape, out.dtype) == (np.shape(expected), np.asarray(expected).dtype)
    np.testing.assert_allclose(out.numpy(), expected, rtol=1e-14)
    first, second = gradient_errors(call, [VALUES], np.random.default_rng(0))
    assert first < 1e-8
    assert second < 1e-7


def test_initial_of_nothing():
    assert np.max(ag.zeros((0, 3)), axis=0, initial=2.0).tolist() == [2.0, 2.0, 2.0]
    with pytest.raises(ValueError, match="max: with where= there may be nothing left, so it needs initial="):
        np.max(ag.ones(2), where=np.array([True, False]))


def _in_place(write):
    def call(x):
        y = x * 1.0
        write(y)
        return y

    return call


@pytest.mark.parametrize(
    "write",
    [
        lambda y: np.put_along_axis(y, np.array([[1], [0]]), 7.0, 1),
        lambda y: np.copyto(y, 3.0, where=MASK),
        lambda y: np.copyto(y, y[0] * 2.0),
        lambda y: np.putmask(y, MASK, [1.0, 2.0]),
        lambda y: np.fill_diagonal(y, 0.0),
    ],
)
def test_numpy_writes_into_tensors(write):
    call = _in_place(write)
    np.testing.assert_array_equal(call(ag.tensor(VALUES)).numpy(), call(VALUES))
    assert max(gradient_errors(call, [VALUES], np.random.default_rng(0))) < 1e-7
    with pytest.raises(RuntimeError, match="leaf that requires a gradient"):
        write(ag.tensor(VALUES, requires_grad=True))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda t: np.fft.fft(t), r"np.fft.fft is not differentiable here: .*complex"),
        (lambda t: np.linalg.eig(t), "ag.linalg.eigh is for symmetric"),
        (lambda t: np.frexp(t), r"np.frexp is not differentiable here: .*ag.ldexp"),
        (lambda t: np.histogram(t), "np.histogram .*ag.bincount"),
        (lambda t: np.sum(t, out=np.zeros(())), r"np.sum: cannot write .* into out="),
        (lambda t: np.max(t, 0, np.zeros(2)), r"np.max: cannot write .* into out="),
        (lambda t: np.add(t, t, out=np.zeros((2, 2))), r"np.add: cannot write .* into out="),
        (lambda t: np.add.reduce(t, out=np.zeros(2)), r"np.add.reduce: cannot write .* into out="),
        (lambda t: np.exp(t, where=np.array(True)), r"np.exp: where= is not differentiable here; call ag.exp without"),
        (
            lambda t: np.zeros_like(t, order="F"),
            r"np.zeros_like on a Tensor: order= is not supported; see help\(ag.zeros_like\)",
        ),
        (lambda t: np.subtract.reduce(t), "np.subtract.reduce is not differentiable here: it depends on the order"),
        (lambda t: np.add.at(t, [0], 1.0), r"np.add.at is not differentiable here: .*ag.scatter_add"),
        (lambda t: np.add.reduceat(t, [0]), r"np.add.reduceat .*ag.split"),
        (lambda t: np.cov(t, fweights=np.array([1, 2])), "np.cov on a Tensor: fweights="),
        (lambda t: np.copyto(np.zeros((2, 2)), t), "np.copyto: writes into its first argument, which is ndarray"),
        (lambda t: np.unique(t), "unique: which values differ has no derivative"),
    ],
)
def test_what_is_not_differentiated_raises(call, message):
    with pytest.raises(TypeError, match=message):
        call(ag.ones((2, 2), requires_grad=True))


@pytest.mark.parametrize(("m", "k"), [(4, None), (4, 2), (2, None), (2, 3)])
def test_least_squares_has_numpys_four_results(m, k):
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((m, 2)), rng.standard_normal(m if k is None else (m, k))
    found = np.linalg.lstsq(ag.tensor(a, requires_grad=True), ag.tensor(b))
    for f, e in zip(found, np.linalg.lstsq(a, b), strict=True):
        np.testing.assert_allclose(f.numpy() if isinstance(f, ag.Tensor) else f, e, atol=1e-13)
    assert found[0].requires_grad
    assert found[3].requires_grad
