"""check_model on layers and models of autograd_nn.nn: no false alarm, module paths, and the model as it was, whatever happens."""

import os

import numpy as np
import pytest

import autograd_nn as ag
from autograd_nn import nn

DRAWS = int(os.environ.get("AUTOGRAD_NN_DRAWS", "3"))

LAYERS = {
    "Linear": (lambda: nn.Linear(4, 3), (5, 4)),
    "Bilinear": (lambda: Pair(nn.Bilinear(4, 4, 3)), (5, 4)),
    "Conv1d": (lambda: nn.Conv1d(2, 3, 3, padding=1), (2, 2, 6)),
    "Conv2d": (lambda: nn.Conv2d(2, 4, 3, stride=2, groups=2), (2, 2, 7, 7)),
    "BatchNorm1d": (lambda: nn.BatchNorm1d(4), (6, 4)),
    "BatchNorm2d": (lambda: nn.BatchNorm2d(2), (3, 2, 4, 4)),
    "LayerNorm": (lambda: nn.LayerNorm(4), (5, 4)),
    "ReLU": (lambda: nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 2)), (5, 4)),
    "GELU": (lambda: nn.Sequential(nn.Linear(4, 6), nn.GELU(), nn.Linear(6, 2)), (5, 4)),
    "Tanh": (lambda: nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.LogSoftmax(-1)), (5, 4)),
    "convolutional": (
        lambda: nn.Sequential(
            nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 3), nn.Softmax(-1)
        ),
        (4, 1, 8, 8),
    ),
}


class Pair(nn.Module):
    """A layer of two inputs, given the same twice."""

    def __init__(self, layer):
        self.layer = layer

    def forward(self, x):
        return self.layer(x, x * 0.5)


def snapshot(model):
    tensors = [t for _, t in [*model.named_parameters(), *model.named_buffers()]]
    modules = list(model.modules())
    return [(t, t._array, np.array(t._array), t.dtype, t.node, t.grad) for t in tensors], [
        (m, dict(vars(m))) for m in modules
    ]


def assert_as_it_was(before):
    tensors, modules = before
    for t, array, values, dtype, node, grad in tensors:
        assert t._array is array and t.dtype == dtype and t.node is node and t.grad is grad
        np.testing.assert_array_equal(t._array, values)
    for module, attributes in modules:
        assert vars(module) == attributes


@pytest.mark.parametrize("name", LAYERS)
def test_every_layer_passes(name):
    make, shape = LAYERS[name]
    for draw in range(DRAWS):
        ag.manual_seed(draw)
        model, x = make(), np.random.default_rng(draw).standard_normal(shape).astype(np.float32)
        model(ag.tensor(x)).sum().backward()
        before = snapshot(model)
        report = ag.check_model(model, x, order=2 if draw == 0 else 1, seed=draw)
        # A ReLU's second derivative is zero on both sides of its kink, and none of the draws stands on one.
        assert report.verdict == "PASS", f"draw {draw} of {name}: {report}"
        assert {r.name for r in report.rows} == {n for n, _ in model.named_parameters()}
        assert_as_it_was(before)


class Stateful(nn.Module):
    """Keeps a count, a list and a state that it binds anew."""

    def __init__(self):
        self.linear = nn.Linear(3, 3)
        self.count, self.seen = 0, []
        self.register_buffer("state", ag.zeros((3,)))

    def forward(self, x):
        self.count += 1
        self.seen.append(self.count)
        y = self.linear(x) + self.state * self.count
        self.state = (0.5 * self.state + y.mean(axis=0)).detach()
        self.last = y
        return y


def test_attributes_are_put_back():
    model = Stateful()
    before = snapshot(model)
    assert ag.check_model(model, np.ones((2, 3), np.float32)).verdict == "PASS"
    assert_as_it_was(before)
    assert model.seen == [] and not hasattr(model, "last")
    assert not ag.trace_nonfinite(model, np.ones((2, 3), np.float32))
    assert_as_it_was(before)


@ag.op(kind="elementwise")
def wrong_tanh(x, /):
    return np.tanh(x)


wrong_tanh.vjp(x=lambda g, out: g * (1.0 + out * out))


class Wrong(nn.Module):
    def forward(self, x):
        return wrong_tanh(x)


def test_a_wrong_operation_is_named_with_its_module_path():
    model = nn.Sequential(nn.Linear(3, 4), nn.Sequential(nn.ReLU(), Wrong()), nn.Linear(4, 1))
    report = ag.check_model(model, np.random.default_rng(0).standard_normal((5, 3)).astype("f4"))
    assert report.verdict == "FAIL" and report.place.operation == "wrong_tanh"
    assert report.place.module == "Sequential.1.1" and "Sequential.1.1" in str(report)
    origin = ag.trace_nonfinite(nn.Sequential(nn.Linear(3, 2), Root()), np.zeros((1, 3), np.float32) - 1e4)
    assert origin.module == "Sequential.1"


class Root(nn.Module):
    def forward(self, x):
        return ag.sqrt(-ag.abs(x) - 1.0)


def drawing(generator):
    return lambda y: y * generator.standard_normal()


def growing():
    calls = []

    def grow(y):
        calls.append(1)
        return y[: len(calls) % 2 + 1]

    return grow


def mutating(model):
    def f(y):
        ag.assign(model[0].weight, model[0].weight * 1.5)
        return y

    return f


def raising(after):
    calls = []

    def f(y):
        calls.append(1)
        if len(calls) > after:
            raise ZeroDivisionError("on purpose")
        return y

    return f


# What is wrong, what the loss does, the exception or verdict, and what the message says.
BAD = {
    "returns an array": (lambda m: lambda y: y.numpy(), TypeError, "returned ndarray, not a Tensor"),
    "returns a number": (lambda m: lambda y: float(y.sum()), TypeError, "without .numpy\\(\\), .item\\(\\) or float"),
    "returns None": (lambda m: lambda y: None, TypeError, "returned NoneType"),
    "returns a list with a number": (lambda m: lambda y: [y, 3.0], TypeError, "returned float"),
    "returns integers": (lambda m: lambda y: ag.argmax(y), "NOT DIFFERENTIABLE", "no floating output"),
    "detaches": (lambda m: lambda y: y.detach(), "NOT DIFFERENTIABLE", "detach at"),
    "is not deterministic": (
        lambda m: drawing(np.random.default_rng(0)),
        "NOT DETERMINISTIC",
        r"differ by up to [0-9.]+; draw random numbers from ag.random",
    ),
    "changes its shape": (lambda m: growing(), "NOT DETERMINISTIC", r"outputs of shapes \[\(\d, 2\)\]"),
    "mutates a parameter": (mutating, "MUTATES ITS INPUT", "writes into 0.weight"),
    "raises at once": (lambda m: raising(0), ZeroDivisionError, "on purpose"),
    "raises later": (lambda m: raising(3), ZeroDivisionError, "on purpose"),
    "is not finite": (lambda m: lambda y: ag.log(y * 0.0 - 1.0), "ILL-CONDITIONED", "trace_nonfinite"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_has_a_clear_message_and_leaves_the_model_as_it_was(name):
    make, expected, words = BAD[name]
    ag.manual_seed(3)
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    x = np.random.default_rng(0).standard_normal((5, 3)).astype(np.float32)
    model(ag.tensor(x)).sum().backward()
    before, stream, given = snapshot(model), ag.random.generator().state.numpy().copy(), x.copy()
    if isinstance(expected, str):
        report = ag.check_model(model, x, loss=make(model))
        assert report.verdict == expected and not report
        with pytest.raises(ag.check.GradientError, match=words):
            report.raise_if_failed()
    else:
        with pytest.raises(expected, match=words) as caught:
            ag.check_model(model, x, loss=make(model))
        if name.startswith("raises"):
            assert "check_model ran the function" in caught.value.__notes__[0]
            assert "are as they were before" in caught.value.__notes__[0]
    assert_as_it_was(before)
    np.testing.assert_array_equal(ag.random.generator().state.numpy(), stream)
    np.testing.assert_array_equal(x, given)
    assert ag.get_default_dtype() == np.float32 and ag.is_grad_enabled()


def test_an_array_of_integers_that_is_written_to():
    labels = np.array([0, 1])

    def f(x, labels):
        labels[0] = 1
        return ag.take(x, labels)

    report = ag.gradcheck(f, np.array([1.0, 2.0]), labels)
    assert report.verdict == "MUTATES ITS INPUT" and "labels" in report.reason
    np.testing.assert_array_equal(labels, [0, 1])


def test_models_that_cannot_be_checked():
    with pytest.raises(TypeError, match=r"no named_parameters\(\); use gradcheck for a function"):
        ag.check_model(ag.sin, np.ones(2))
    with pytest.raises(ValueError, match="ReLU has no parameters to check"):
        ag.check_model(nn.ReLU(), np.ones(2))


def test_reference_activations_by_module_path(tmp_path):
    model = nn.Sequential(nn.Linear(3, 4), nn.Sequential(nn.ReLU(), nn.Linear(4, 2)))
    x = np.random.default_rng(0).standard_normal((5, 3)).astype(np.float32)
    with ag.record() as r:
        out = model(ag.tensor(x)).numpy()
    hidden = model[0](ag.tensor(x)).numpy()
    np.savez(tmp_path / "reference.npz", **{"0": hidden, "1": out, "1.1": out, "Sequential": out})
    found = ag.compare(r, tmp_path / "reference.npz")
    assert not found and len(found.steps) == 4 and not found.unmatched
    found = ag.compare(r, {"0": hidden, "1": out * 1.01})
    assert found.steps[found.first].module == "Sequential.1.1" and "reference 1 by" in found.cause


@pytest.mark.parametrize("seed", range(4))
def test_a_large_relu_network_passes_though_some_units_are_near_their_kinks(seed):
    ag.manual_seed(seed)
    rng = np.random.default_rng(seed)
    model = nn.Sequential(nn.Linear(784, 500), nn.ReLU(), nn.Linear(500, 200), nn.ReLU(), nn.Linear(200, 10))
    loss = lambda y: ag.cross_entropy(y, np.arange(32) % 10)
    report = ag.check_model(model, rng.standard_normal((32, 784)).astype(np.float32), loss=loss)
    assert report.verdict == "PASS", str(report)


def test_a_class_for_a_model_and_a_number_for_a_loss_are_refused():
    with pytest.raises(TypeError, match=r"not its class; build one with Linear\("):
        ag.check_model(nn.Linear, np.ones((1, 2), np.float32))
    with pytest.raises(TypeError, match="the loss is a function of the model's result; got int"):
        ag.check_model(nn.Linear(2, 2), np.ones((1, 2), np.float32), loss=3)
