"""What a compiled step took for granted and the user changes between calls: each change is noticed, and the result is eager's."""

from collections import UserDict, deque

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


def assert_noticed(step, change):
    compiled = ag.compile(step, verify="never")
    for _ in range(2):
        before = compiled(X).numpy()
    change()
    expected = step(ag.tensor(X)).numpy()
    assert not np.array_equal(before, expected)
    np.testing.assert_allclose(compiled(X).numpy(), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_around_the_step_is_noticed(name):
    assert_noticed(*CHANGES[name]())


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


# ---- what stands around a step ---------------------------------------------------------------------------------------


class Slotted:
    __slots__ = ("scale",)

    def __init__(self):
        self.scale = 2.0


class Methods:
    """Each reads the global number in another way."""

    factors = [2.0]  # noqa: RUF012 - what is tested

    @staticmethod
    def static(x):
        return x * SCALE

    @classmethod
    def of_class(cls, x):
        return x * SCALE

    @property
    def scale(self):
        return SCALE

    def __getitem__(self, i):
        return SCALE

    def outer(self, x):
        return self.inner(x)

    def inner(self, x):
        return x * SCALE


def _scale():
    _set("SCALE", SCALE + 1.0)


def _variable(first, second, f):
    """A variable of the closure, which is given another value."""

    def make():
        value = first

        def change():
            nonlocal value
            value = second

        return (lambda x: f(x, value)), change

    return make


def _object(made, f, change):
    def make():
        held = made()
        return (lambda x: f(x, held)), lambda: change(held)

    return make


def _reading(f):
    def make():
        held = Methods()
        return (lambda x: f(x, held)), _scale

    return make


def _keyword():
    def step(x, *, scale=2.0):
        return x * scale

    return step, lambda: step.__kwdefaults__.update(scale=3.0)


def _method_replaced():
    class Model:
        def run(self, x):
            return x * 2.0

    model = Model()
    return (lambda x: model.run(x)), lambda: setattr(Model, "run", lambda self, x: x * 3.0)


def _parameter_hook():
    w = ag.tensor([1.0, 2.0, 3.0, 4.0], requires_grad=True)

    def step(x):
        (w * x).sum().backward()
        gradient, w.grad = w.grad, None
        return gradient

    return step, lambda: w.register_hook(lambda g: g * 0.5)


ONES = np.ones(4, np.float32)
SURROUNDINGS = {
    "an array": _variable(ONES, ONES * 3, lambda x, a: x * a),
    "a ufunc": _variable(np.sin, np.cos, lambda x, f: f(x)),
    "an operation": _variable(ag.sin, ag.cos, lambda x, f: f(x)),
    "a class": _variable(Slotted, Methods, lambda x, kind: x * 2.0 if kind is Slotted else x),
    "a range": _variable(range(2), range(3), lambda x, r: sum([x for _ in r])),
    "a slice": _variable(slice(0, 1), slice(1, 2), lambda x, s: x[s]),
    "a dtype": _variable(np.dtype("f4"), np.dtype("i4"), lambda x, d: x.astype(d) * 1.5),
    "a slot": _object(Slotted, lambda x, o: x * o.scale, lambda o: setattr(o, "scale", 3.0)),
    "a set": _object(set, lambda x, s: x * (2.0 if "on" in s else 1.0), lambda s: s.add("on")),
    "a deque": _object(lambda: deque([1.0]), lambda x, d: x * d[-1], lambda d: d.append(5.0)),
    "a list that grows": _object(lambda: [1.0], lambda x, d: x * d[-1], lambda d: d.append(5.0)),
    "a long list": _object(lambda: [1.0] * 100, lambda x, d: x * d[7], lambda d: d.__setitem__(7, 5.0)),
    "a user's dict": _object(lambda: UserDict(a=1.0), lambda x, d: x * d["a"], lambda d: d.update(a=5.0)),
    "a keyword's default": _keyword,
    "a static method": _reading(lambda x, o: o.static(x)),
    "a static method of a class": _reading(lambda x, o: Methods.static(x)),
    "a class method": _reading(lambda x, o: o.of_class(x)),
    "a property": _reading(lambda x, o: x * o.scale),
    "a special method": _reading(lambda x, o: x * o[0]),
    "a method of a method": _reading(lambda x, o: o.outer(x)),
    "an object made in the step": _reading(lambda x, o: Methods().outer(x)),
    "a list in a class": _object(Methods, lambda x, o: x * o.factors[0], lambda o: o.factors.__setitem__(0, o.factors[0] + 1)),
    "a method that is replaced": _method_replaced,
    "a parameter's hook": _parameter_hook,
}  # fmt: skip


@pytest.mark.parametrize("name", SURROUNDINGS)
def test_a_change_of_the_surroundings_is_noticed(name):
    assert_noticed(*SURROUNDINGS[name]())


class Trainer(Run):
    """Keeps beside its step what no step reads."""

    def __init__(self):
        super().__init__(ag.optim.SGD, lr=0.1, momentum=0.9)
        self.schedule = ag.optim.lr_scheduler.CyclicLR(self.optimizer, 0.01, 0.1, step_size_up=4)
        self.data = [ag.tensor(np.ones(2, np.float32)) for _ in range(30_000)]
        self.epoch, self.losses, self.last = 0, [], None

    def train(self, step, change, steps):
        def noted(x):
            self.last = step(x)
            self.losses.append(self.last)
            self.epoch += 1
            self.schedule.step()

        return super().train(noted, change, steps)


def test_what_a_trainer_keeps_beside_its_step_is_no_reason_to_compile_again():
    """A learning rate and a momentum that change at every step, counters, losses and the data."""
    eager, compiled = Trainer(), Trainer()
    step = ag.compile(compiled.step)
    expected, _ = eager.train(lambda x: eager.step(ag.tensor(x)), lambda run, k: None, 100)
    found, _ = compiled.train(step, lambda run, k: None, 100)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    assert sum(map(len, step.signatures.values())) <= 2


@pytest.mark.parametrize("average", ["get_ema_multi_avg_fn", "get_swa_multi_avg_fn"])
def test_an_average_of_the_weights_is_taken_in_the_step(average):
    utils = ag.optim.swa_utils

    class Averaging(Run):
        def __init__(self):
            super().__init__(ag.optim.SGD, lr=0.1)
            self.average = utils.AveragedModel(self.model, multi_avg_fn=getattr(utils, average)())

        def step(self, x):
            loss = super().step(x)
            self.average.update_parameters(self.model)
            return loss

    eager, compiled = Averaging(), Averaging()
    eager.train(lambda x: eager.step(ag.tensor(x)), lambda run, k: None, 8)
    compiled.train(ag.compile(compiled.step), lambda run, k: None, 8)
    for name, t in eager.average.state_dict().items():
        np.testing.assert_allclose(compiled.average.state_dict()[name].numpy(), t.numpy(), rtol=1e-5, atol=1e-6)


def test_evaluating_in_between_compiles_one_variant_more():
    model = nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.5))
    step = ag.compile(lambda x: model(x))
    x = np.ones((2, 3), np.float32)
    for _ in range(3):
        step(x)
        model.eval()
        step(x)
        model.train()
    ((*variants,),) = step.signatures.values()
    assert len(variants) == 2
    step(x)
    assert variants != step.signatures.popitem()[1]  # the one that fitted last is asked first
