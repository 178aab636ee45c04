"""NumPy's own functions on Tensors: the table of samples once more, its NumPy references called on Tensors."""

import numpy as np
import pytest

import autograd_nn as ag
from autograd_nn.check.finite import floating_outputs
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


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda t: np.fft.fft(t), "is not differentiable here"),
        (lambda t: np.linalg.eig(t), "is not differentiable here"),
        (lambda t: np.put_along_axis(t, np.array([[0]]), 1.0, 1), "is not differentiable here"),
        (lambda t: np.sum(t, where=np.array(True)), "where"),
        (lambda t: np.modf(t), "is not differentiable here"),
    ],
)
def test_what_is_not_differentiated_raises(call, message):
    with pytest.raises(TypeError, match=message):
        call(ag.ones((2, 2)))
