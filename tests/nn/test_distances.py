"""Distances and similarities against PyTorch's."""

import numpy as np
import pytest
from judge import Function, Layer, normal

import autograd_nn as ag
from autograd_nn.nn import functional as F

X, Y = normal(4, 5, 3), normal(4, 5, 3)
CASES = [
    *[
        Layer("PairwiseDistance", *a, inputs=[X, Y])
        for a in [(), (1.0,), (3.0, 0.0), (2.0, 1e-3, True), (float("inf"),)]
    ],
    Layer("PairwiseDistance", inputs=[X[0, 0], Y[0, 0]]),
    Layer("PairwiseDistance", inputs=[X[0], Y[0, :1]]),
    *[Layer("CosineSimilarity", *a, inputs=[X, Y]) for a in [(), (0,), (-1,), (1, 1e-3)]],
    Layer("CosineSimilarity", 1, inputs=[np.zeros((2, 3)), normal(2, 3)]),
    *[Function("pdist", (normal(5, 3), p)) for p in (0.5, 1.0, 2.0, 3.0, float("inf"))],
    Function("pdist", (normal(1, 3),)),
    Function("pdist", (np.zeros((3, 2)),)),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_as_pytorch(case):
    case.judge()


def test_cosine_similarity_below_eps_has_the_derivative_of_its_value():
    """PyTorch's derivative takes no notice of the bound there; ours is that of the formula, in which the norms are constant."""
    x, y = ag.tensor(X[:, 0], requires_grad=True), ag.tensor(Y[:, 0])
    F.cosine_similarity(x, y, eps=10.0).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), Y[:, 0] / 100.0)


def test_mistakes():
    with pytest.raises(ValueError, match=r"\(2, 3, 4\)"):
        F.pdist(ag.ones((2, 3, 4)))
