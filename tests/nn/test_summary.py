"""What `nn.summary` counts, and that it leaves a model as it was."""

import numpy as np
import pytest

import autograd_nn as ag
from autograd_nn import nn


def test_counts_of_a_small_convolutional_network():
    model = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 36, 10, bias=False)
    )
    found = nn.summary(model, (2, 1, 6, 6))
    assert found.parameters == (8 * 9 + 8) + 16 + 8 * 36 * 10
    assert found.multiply_adds == 2 * 8 * 36 * 9 + 2 * 8 * 36 * 10
    assert found.activation_bytes == 4 * (4 * 2 * 8 * 36 + 2 * 10)
    assert [row.shapes for row in found.rows][-1] == [(2, 10)]


def test_a_module_called_twice_counts_its_parameters_once():
    shared = nn.Linear(3, 3)
    found = nn.summary(nn.Sequential(shared, nn.Tanh(), shared), (1, 3))
    assert found.parameters == 12
    assert found.multiply_adds == 18
    assert str(found).count("(again)") == 1


def test_the_model_stays_as_it_was():
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    model[0].eval()
    before = {name: t.numpy().copy() for name, t in model.state_dict().items()}
    nn.summary(model, ag.rand((5, 3)))
    assert [m.training for m in model.modules()] == [True, False, True]
    assert all(np.array_equal(t.numpy(), before[name]) for name, t in model.state_dict().items())
    assert not any("hooks" in name and value for m in model.modules() for name, value in vars(m).items())


def test_an_input_that_does_not_fit_names_the_layer():
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(5, 2))
    with pytest.raises(ValueError, match=r"in module Sequential\.1"):
        nn.summary(model, (1, 3))
    assert model.training
