"""`nn.utils`: parameters as a vector and back, clipping under PyTorch's name."""

import numpy as np
import pytest
from judge import torch

import autograd_nn as ag
from autograd_nn import nn


def test_parameters_as_a_vector_and_back():
    ours, theirs = nn.Linear(3, 2), torch.nn.Linear(3, 2)
    ours.load_state_dict(theirs.state_dict())
    vector = nn.utils.parameters_to_vector(ours.parameters())
    expected = torch.nn.utils.parameters_to_vector(theirs.parameters()).detach().numpy()
    np.testing.assert_array_equal(vector.numpy(), expected)
    (vector * ag.arange(8).astype("float32")).sum().backward()
    assert ours.bias.grad.tolist() == [6.0, 7.0]
    parameters = list(ours.parameters())
    nn.utils.vector_to_parameters(vector * 2.0, ours.parameters())
    np.testing.assert_array_equal(nn.utils.parameters_to_vector(ours.parameters()).numpy(), expected * 2.0)
    assert all(p is q and p.requires_grad for p, q in zip(parameters, ours.parameters(), strict=True))


@pytest.mark.parametrize(
    ("vector", "kind", "words"),
    [
        (np.ones(7), ValueError, r"\(7,\) for 8 elements"),
        (np.ones((8, 1)), ValueError, r"\(8, 1\)"),
        (np.ones(8, complex), TypeError, "complex128"),
    ],
)
def test_a_vector_that_does_not_fit_changes_nothing(vector, kind, words):
    layer = nn.Linear(3, 2)
    before = layer.weight.numpy().copy()
    with pytest.raises(kind, match=words):
        nn.utils.vector_to_parameters(vector, layer.parameters())
    np.testing.assert_array_equal(layer.weight.numpy(), before)


def test_no_parameters():
    with pytest.raises(ValueError, match="no parameters"):
        nn.utils.parameters_to_vector([])


def test_clipping_is_that_of_optim():
    assert nn.utils.clip_grad_norm_ is ag.optim.clip_grad_norm_
    assert nn.utils.clip_grad_value_ is ag.optim.clip_grad_value_
