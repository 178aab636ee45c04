"""The judge of layers is itself judged: a planted error of each kind is caught."""

import pytest
from judge import Function, Layer, normal

import autograd_nn as ag
from autograd_nn import nn

Linear = nn.Linear  # PyTorch's equal, before anything is planted
LINEAR = Layer("Linear", 3, 4, inputs=[normal(5, 3)])


def planted(**attributes):
    return type("Linear", (Linear,), attributes)


def changed(change):
    return planted(forward=lambda self, x: change(Linear.forward(self, x)))


class Renamed(Linear):
    def __init__(self, *args):
        super().__init__(*args)
        self.kernel = self.weight
        del self.weight


class Larger(Linear):
    def reset_parameters(self):
        nn.init.uniform_(self.weight, -2.0, 2.0)
        nn.init.uniform_(self.bias, -0.5, 0.5)


WRONG = {
    "value": changed(lambda y: y * 1.000001),
    "gradient of the input": planted(forward=lambda self, x: Linear.forward(self, x * 2.0 - x.detach())),
    "gradient of a parameter": planted(
        forward=lambda self, x: nn.functional.linear(x, self.weight * 2.0 - self.weight.detach(), self.bias)
    ),
    "no gradient": changed(lambda y: y.detach()),
    "dtype": changed(lambda y: y.astype("float32")),
    "shape": changed(lambda y: y[None]),
    "only in evaluation": planted(forward=lambda self, x: Linear.forward(self, x) * (1.0 if self.training else 0.5)),
    "only in training": planted(forward=lambda self, x: Linear.forward(self, x) * (0.5 if self.training else 1.0)),
    "name of a parameter": Renamed,
    "repr": planted(extra_repr=lambda self: "3, 4"),
}


@pytest.mark.parametrize("kind", WRONG.values(), ids=WRONG)
def test_planted_errors_in_a_layer(monkeypatch, kind):
    LINEAR.judge()
    monkeypatch.setattr(nn, "Linear", kind)
    with pytest.raises(AssertionError):
        LINEAR.judge()


def test_planted_errors_in_initial_values_and_buffers(monkeypatch):
    large = Layer("Linear", 8, 8, inputs=[normal(5, 8)])
    large.judge()
    with monkeypatch.context() as m:
        m.setattr(nn, "Linear", Larger)
        with pytest.raises(AssertionError, match="initial weight"):
            large.judge()
    norm = Layer("BatchNorm1d", 3, inputs=[normal(5, 3)])
    norm.judge()
    wrong = type("BatchNorm1d", (nn.BatchNorm1d,), {"forward": lambda self, x: _with_momentum(self, x)})
    monkeypatch.setattr(nn, "BatchNorm1d", wrong)
    with pytest.raises(AssertionError, match="running_mean after the call"):
        norm.judge()


def _with_momentum(layer, x):
    layer.momentum = 0.2
    try:
        return nn.BatchNorm2d.__mro__[1].forward(layer, x)
    finally:
        layer.momentum = 0.1


def test_planted_errors_in_a_function(monkeypatch):
    case = Function("relu", (normal(3, 4),))
    case.judge()
    for wrong in (lambda x: ag.relu(x) * 1.001, lambda x: ag.relu(x * 2.0 - x.detach())):
        monkeypatch.setattr(nn.functional, "relu", wrong)
        with pytest.raises(AssertionError):
            case.judge()
