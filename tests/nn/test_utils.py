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


def test_a_call_with_other_weights():
    """One step of learning to learn (MAML, arXiv:1703.03400), through the inner step, against PyTorch's."""
    x, y = np.random.default_rng(0).standard_normal((2, 5, 3))
    found = []
    start = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 3)).double().state_dict()
    for library, gradients in ((ag, ag.gradients), (torch, torch.autograd.grad)):
        model = library.nn.Sequential(library.nn.Linear(3, 4), library.nn.Tanh(), library.nn.Linear(4, 3)).double()
        model.load_state_dict({n: library.tensor(t.numpy()) for n, t in start.items()})
        call = library.nn.utils.stateless.functional_call if library is ag else torch.func.functional_call
        a, b = library.tensor(x), library.tensor(y)
        weights = dict(model.named_parameters())
        inner = ((call(model, weights, (a,)) - b) ** 2).mean()
        moved = gradients(inner, list(weights.values()), create_graph=True)
        weights = {n: w - 0.1 * g for (n, w), g in zip(weights.items(), moved, strict=True)}
        ((call(model, weights, a) - b) ** 2).mean().backward()
        found.append([p.grad.numpy() for p in model.parameters()])
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-10)


def test_a_call_with_other_weights_replaces_shared_ones_and_puts_everything_back():
    class Tied(nn.Module):
        def __init__(self):
            self.layers = [nn.Linear(2, 2), nn.Linear(2, 2)]
            self.layers[1].weight = self.layers[0].weight
            self.scales = [nn.Parameter(ag.ones(2))]

        def forward(self, x):
            return self.scales[0] * self.layers[1](self.layers[0](x))

    model = Tied()
    before = dict(model.named_parameters(remove_duplicate=False))
    zero = {"layers.0.weight": ag.zeros((2, 2)), "layers.1.bias": ag.zeros(2), "scales.0": np.full(2, 3.0, np.float32)}
    out = nn.utils.stateless.functional_call(model, zero, ag.ones((1, 2)))
    np.testing.assert_array_equal(out.numpy(), np.zeros((1, 2)))
    for call, words in [
        ({"layers.0.wieght": ag.zeros((2, 2))}, "has no 'layers.0.wieght'"),
        ({"scales.0": ag.zeros(3)}, r"takes 'scales.0' of shape \(2,\), not \(3,\)"),
    ]:
        with pytest.raises(ValueError, match=words):
            nn.utils.stateless.functional_call(model, call, ag.ones((1, 2)))
    with pytest.raises(ValueError, match=r"is not given .layers\.0\.bias"):
        nn.utils.stateless.functional_call(model, zero, ag.ones((1, 2)), strict=True)
    after = dict(model.named_parameters(remove_duplicate=False))
    assert list(after) == list(before) and all(after[n] is before[n] for n in before)
