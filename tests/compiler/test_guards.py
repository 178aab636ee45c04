"""What a compiled step took for granted and the user changes between calls: each change is noticed, and the result is eager's."""

import numpy as np
import pytest

import autograd_nn as ag
from autograd_nn import nn

X = np.float32([[1.0, -2.0, 3.0, -4.0], [0.5, 0.25, -1.5, 2.0]])
SCALE, OFFSET = 2.0, 1.0


class Settings:
    scale = 2.0


class Scaled(nn.Module):
    """Reads globals in `forward` and in a method that it calls."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 3)

    def forward(self, x):
        return self.moved(self.linear(x)) * SCALE

    def moved(self, x):
        return x + OFFSET


def _global(change):
    def make():
        model = Scaled()
        return (lambda x: model(x)), change

    return make


def _set(name, value):
    globals()[name] = value


def _number_in_a_dict():
    settings = {"scale": 2.0, "on": True}
    return (lambda x: x * settings["scale"] if settings["on"] else -x), lambda: settings.update(scale=3.0)


def _flag_in_a_dict():
    settings = {"scale": 2.0, "on": True}
    return (lambda x: x * settings["scale"] if settings["on"] else -x), lambda: settings.update(on=False)


def _number_in_a_list():
    scales = [2.0, 0.5]
    return (lambda x: x * scales[1]), lambda: scales.__setitem__(1, 4.0)


def _entry_that_was_not_there():
    settings = {}
    return (lambda x: x * settings.get("scale", 1.0)), lambda: settings.update(scale=3.0)


def _attribute_of_a_class():
    return (lambda x: x * Settings.scale), lambda: setattr(Settings, "scale", Settings.scale + 1.0)


def _sign_of_zero():
    zero = 0.0

    def change():
        nonlocal zero
        zero = -0.0

    return (lambda x: ag.copysign(x, zero)), change


def _hook():
    model = Scaled()
    return (lambda x: model(x)), lambda: model.register_forward_hook(lambda module, given, out: -out)


CHANGES = {
    "a global read in forward": _global(lambda: _set("SCALE", SCALE + 1.0)),
    "a global read in a method": _global(lambda: _set("OFFSET", OFFSET + 1.0)),
    "a number in a dict": _number_in_a_dict,
    "a flag in a dict": _flag_in_a_dict,
    "a number in a list": _number_in_a_list,
    "an entry that was not there": _entry_that_was_not_there,
    "an attribute of a class": _attribute_of_a_class,
    "the sign of a zero": _sign_of_zero,
    "a hook": _hook,
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_around_the_step_is_noticed(name):
    step, change = CHANGES[name]()
    compiled = ag.compile(step, verify="never")
    for _ in range(2):
        before = compiled(X).numpy()
    change()
    expected = step(ag.tensor(X)).numpy()
    assert not np.array_equal(before, expected)
    np.testing.assert_allclose(compiled(X).numpy(), expected, rtol=1e-6, atol=1e-6)


def _to_eval(model):
    model.eval()


def _eps(model):
    model[1].eps = 0.5


@pytest.mark.parametrize("change", [_to_eval, _eps])
def test_a_model_that_is_an_argument_is_looked_into(change):
    ag.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 6), nn.LayerNorm(6), nn.Dropout(0.5), nn.Linear(6, 3))
    compiled = ag.compile(lambda model, x: model(x), verify="never")
    for _ in range(2):
        compiled(model, X)
    change(model)
    ag.manual_seed(1)
    found = compiled(model, X).numpy()
    ag.manual_seed(1)
    np.testing.assert_allclose(found, model(ag.tensor(X)).numpy(), rtol=1e-5, atol=1e-6)


def test_zeros_of_either_sign_are_two_arguments():
    compiled = ag.compile(lambda x, zero: ag.copysign(x, zero), verify="never")
    assert (compiled(X, 0.0).numpy() >= 0).all()
    assert (compiled(X, -0.0).numpy() <= 0).all()


def test_an_argument_that_is_assigned_to_is_refused():
    def step(total, x):
        ag.assign(total, total + x)
        return total.sum()

    total = ag.tensor(np.zeros((2, 4), np.float32))
    with pytest.raises(ag.CompileError, match="assigns to one of its arguments"):
        ag.compile(step)(total, X)
    assert not total.numpy().any()


class Run:
    """Two linear layers, an optimizer and a step."""

    def __init__(self, optimizer, **settings):
        ag.manual_seed(0)
        self.model = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 2))
        self.optimizer = optimizer(self.model.parameters(), **settings)

    def step(self, x):
        self.optimizer.zero_grad()
        loss = (self.model(x) ** 2).sum()
        loss.backward()
        self.optimizer.step()
        return loss

    def train(self, step, change, steps):
        rng = np.random.default_rng(0)
        for k in range(steps):
            change(self, k)
            step(rng.standard_normal((3, 4)).astype(np.float32))
        counts = [np.asarray(entries["step"]) for entries in self.optimizer.state.values()]
        return [*[p.numpy() for p in self.model.parameters()], *counts], [
            p.grad is None for p in self.model.parameters()
        ]


def _freeze(run, k):
    """The first layer is frozen and freed twice."""
    if k in (3, 6, 9, 12):
        for p in run.model[0].parameters():
            p.requires_grad_(k in (6, 12))


def _option(name):
    def change(run, k):
        if k == 3:
            run.optimizer.param_groups[0][name] = True

    return change


OPTIMIZERS = {
    "freezing, SGD": (_freeze, ag.optim.SGD, {"lr": 0.1, "momentum": 0.9}),
    "freezing, Adam": (_freeze, ag.optim.Adam, {"lr": 0.01}),
    "nesterov": (_option("nesterov"), ag.optim.SGD, {"lr": 0.1, "momentum": 0.9}),
    "maximize": (_option("maximize"), ag.optim.Adam, {"lr": 0.01}),
    "amsgrad": (_option("amsgrad"), ag.optim.Adam, {"lr": 0.01}),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_training_is_changed_between_calls(name):
    """Layers that are frozen keep their values and their counts of steps, and go on from them."""
    change, optimizer, settings = OPTIMIZERS[name]
    eager, compiled = Run(optimizer, **settings), Run(optimizer, **settings)
    expected, absent = eager.train(lambda x: eager.step(ag.tensor(x)), change, 15)
    found, without = compiled.train(ag.compile(compiled.step, verify="never"), change, 15)
    assert without == absent
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
