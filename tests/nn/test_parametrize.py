"""Parametrized weights against PyTorch's: names, values, gradients, several steps, and what is done with such a module."""

import copy
import pickle
import warnings

import numpy as np
import pytest
from judge import agree, normal, torch

import autograd_nn as ag
from autograd_nn import nn

NEW, OLD = "parametrizations", "older"
LAYERS = {
    "Linear": ((5, 3), (4, 5)),
    "Conv2d": ((2, 3, 3), (2, 2, 5, 5)),
    "ConvTranspose2d": ((2, 3, 3), (2, 2, 5, 5)),
    "Conv1d": ((4, 2, 3), (2, 4, 7)),
    "RNNCell": ((5, 3), (4, 5)),
}
WAYS = [
    *[(NEW, "weight_norm", {"dim": d}, layer) for d in (0, 1, None) for layer in ("Linear", "Conv2d", "ConvTranspose2d")],
    *[(NEW, "spectral_norm", {"n_power_iterations": n}, layer) for n in (1, 3) for layer in LAYERS],
    (NEW, "spectral_norm", {"dim": 1}, "Conv2d"),
    (NEW, "spectral_norm", {"name": "bias"}, "Linear"),
    *[(NEW, "orthogonal", {"orthogonal_map": m}, "Linear") for m in ("matrix_exp", "cayley", "householder", None)],
    (NEW, "orthogonal", {"orthogonal_map": "householder", "use_trivialization": False}, "Linear"),
    (NEW, "orthogonal", {"orthogonal_map": "cayley", "use_trivialization": False}, "Linear"),
    (NEW, "orthogonal", {"name": "weight_hh"}, "RNNCell"),
    *[(OLD, "weight_norm", {"dim": d}, layer) for d in (0, 1, None) for layer in ("Linear", "Conv1d")],
    *[(OLD, "spectral_norm", {}, layer) for layer in LAYERS],
]  # fmt: skip


def made(library, where, what, arguments, layer, dtype="float64"):
    torch.manual_seed(0)
    ag.manual_seed(0)
    module = getattr(library, layer)(*LAYERS[layer][0], dtype=getattr(ag if library is nn else torch, dtype))
    arguments = {"name": "weight_ih", **arguments} if layer == "RNNCell" else arguments
    space = library.utils.parametrizations if where == NEW else library.utils
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch calls the older forms deprecated
        return getattr(space, what)(module, **arguments)


@pytest.mark.parametrize(("where", "what", "arguments", "layer"), WAYS, ids=str)
def test_as_pytorch(where, what, arguments, layer):
    ours, theirs = (made(library, where, what, arguments, layer) for library in (nn, torch.nn))
    assert [n for n, _ in ours.named_parameters()] == [n for n, _ in theirs.named_parameters()]
    ours.load_state_dict(theirs.state_dict())
    optimizers = [lib.SGD(m.parameters(), lr=0.1) for lib, m in ((ag.optim, ours), (torch.optim, theirs))]
    for step in range(4):
        ours.train(step != 3)
        theirs.train(step != 3)
        x = normal(*LAYERS[layer][1])
        own, other = ours(ag.tensor(x)), theirs(torch.tensor(x))
        agree(own, other, f"output {step}")
        for optimizer, out in zip(optimizers, (own, other), strict=True):
            optimizer.zero_grad()
            (out**2).sum().backward()
        for (name, p), q in zip(ours.named_parameters(), theirs.parameters(), strict=True):
            if q.grad is not None:
                agree(p.grad, q.grad, f"gradient of {name} in step {step}")
        for optimizer in optimizers:
            optimizer.step()
    assert list(ours.state_dict()) == list(theirs.state_dict())
    for name, value in theirs.state_dict().items():
        agree(ours.state_dict()[name], value, name)


@pytest.mark.parametrize(("what", "shape"), [("householder", (4, 4)), ("householder", (6, 3)), ("matrix_exp", (3, 6))])
def test_an_orthogonal_weight_begins_where_it_was(what, shape):
    layer = nn.init.orthogonal_(nn.Linear(*shape[::-1], dtype=np.float64).weight)
    module = nn.Linear(*shape[::-1], dtype=np.float64)
    ag.assign(module.weight, layer)
    before = module.weight.numpy().copy()
    for trivial in (True, False) if what == "householder" else (True,):
        other = copy.deepcopy(module)
        nn.utils.parametrizations.orthogonal(other, orthogonal_map=what, use_trivialization=trivial)
        np.testing.assert_allclose(other.weight.numpy(), before, atol=1e-12)


class Symmetric(nn.Module):
    def forward(self, x):
        return ag.triu(x) + ag.triu(x, 1).mT

    def right_inverse(self, w):
        return ag.triu(w)


class Doubled(nn.Module):
    def forward(self, x):
        return 2.0 * x

    def right_inverse(self, w):
        return w / 2.0


def test_parametrizations_follow_each_other_and_are_written_through():
    layer = nn.Linear(3, 3)
    original = layer.weight
    nn.utils.parametrize.register_parametrization(layer, "weight", Symmetric())
    nn.utils.parametrize.register_parametrization(layer, "weight", Doubled())
    assert layer.parametrizations.weight.original is original
    assert list(layer.state_dict()) == ["bias", "parametrizations.weight.original"]
    layer.weight = ag.ones((3, 3))
    np.testing.assert_array_equal(layer.weight.numpy(), np.ones((3, 3)))
    np.testing.assert_array_equal(original.numpy(), np.triu(np.full((3, 3), 0.5)))
    layer(ag.ones((1, 3))).sum().backward()
    assert original.grad is not None and not original.grad.numpy()[1, 0]
    nn.utils.parametrize.remove_parametrizations(layer, "weight")
    assert layer.weight is original and layer.weight.is_leaf
    assert sorted(layer.state_dict()) == ["bias", "weight"] and not hasattr(layer, "parametrizations")


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))], ids=["copied", "pickled"])
@pytest.mark.parametrize(
    "way", [(NEW, "weight_norm"), (NEW, "spectral_norm"), (OLD, "weight_norm"), (OLD, "spectral_norm")]
)
def test_a_copy_is_of_its_own(way, copied):
    layer = made(nn, *way, {}, "Linear")
    x = ag.tensor(normal(2, 5))
    before = layer.eval()(x).numpy()
    other = copied(layer)
    np.testing.assert_array_equal(other(x).numpy(), before)
    ag.optim.SGD(other.parameters(), lr=0.1)
    for p in other.parameters():
        ag.assign(p, p.numpy() * 2.0 + 1.0)
    np.testing.assert_array_equal(layer(x).numpy(), before)
    assert not np.array_equal(other(x).numpy(), before)


def test_what_is_removed_stays_what_it_was():
    for where, what, remove in [
        (NEW, "weight_norm", lambda m: nn.utils.parametrize.remove_parametrizations(m, "weight")),
        (NEW, "spectral_norm", lambda m: nn.utils.parametrize.remove_parametrizations(m, "weight")),
        (OLD, "weight_norm", nn.utils.remove_weight_norm),
        (OLD, "spectral_norm", nn.utils.remove_spectral_norm),
    ]:
        layer = made(nn, where, what, {}, "Linear").eval()
        x = ag.tensor(normal(2, 5))
        before = layer(x).numpy()
        assert remove(layer) is layer
        np.testing.assert_array_equal(layer(x).numpy(), before)
        assert sorted(layer.state_dict()) == ["bias", "weight"]
        with pytest.raises(ValueError, match="weight"):
            remove(layer)


def test_one_computation_is_enough_for_many_steps():
    cell = nn.utils.parametrizations.weight_norm(nn.LSTMCell(2, 3), "weight_hh")
    assert cell.weight_hh is not cell.weight_hh
    with nn.utils.parametrize.cached():
        first = cell.weight_hh
        with nn.utils.parametrize.cached():
            assert cell.weight_hh is first
    assert cell.weight_hh is not first


def test_layers_of_a_recurrent_network():
    ours, theirs = nn.LSTM(2, 3, 2, dtype=np.float64), torch.nn.LSTM(2, 3, 2, dtype=torch.float64)
    for library, module in ((nn, ours), (torch.nn, theirs)):
        library.utils.parametrizations.weight_norm(module, "weight_hh_l1")
    ours.load_state_dict(theirs.state_dict())
    x = normal(4, 1, 2)
    agree(ours(ag.tensor(x)), theirs(torch.tensor(x)), "output")


def test_two_calls_before_one_walk_back():
    """As a discriminator's, of real and of generated images; each call moves the estimate of the singular value."""
    layer = nn.utils.spectral_norm(nn.Linear(4, 1))
    (layer(ag.ones((2, 4))).mean() - layer(ag.zeros((2, 4))).mean()).backward()
    assert layer.weight_orig.grad is not None


def test_a_compiled_step():
    def step(compiled):
        ag.manual_seed(0)
        model = nn.Sequential(
            nn.utils.parametrizations.weight_norm(nn.Linear(3, 4)), nn.utils.spectral_norm(nn.Linear(4, 2))
        )
        optimizer = ag.optim.SGD(model.parameters(), lr=0.1)

        def run(x):
            optimizer.zero_grad()
            loss = (model(x) ** 2).sum()
            loss.backward()
            optimizer.step()
            return loss

        run = ag.compile(run) if compiled else run
        x = np.random.default_rng(0).standard_normal((5, 3)).astype(np.float32)
        return [run(x).item() for _ in range(4)]

    np.testing.assert_allclose(step(True), step(False), rtol=1e-5)


class Shrinks(nn.Module):
    def forward(self, x):
        return x[:1]


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (lambda m: nn.utils.parametrizations.weight_norm(m, "wieght"), ValueError, r"no parameter.*'wieght'.*'weight', 'bias'"),
        (lambda m: nn.utils.weight_norm(m, "weight", 2), ValueError, "2 axes; there is no dim 2"),
        (lambda m: nn.utils.weight_norm(np.ones(3)), TypeError, "is a module, not a ndarray"),
        (lambda m: nn.utils.spectral_norm(m, n_power_iterations=0), ValueError, "at least 1"),
        (lambda m: nn.utils.parametrizations.spectral_norm(m, dim=5), ValueError, "no dim 5"),
        (lambda m: nn.utils.parametrizations.orthogonal(m, "bias"), ValueError, r"\(2,\); it must be a matrix"),
        (lambda m: nn.utils.parametrizations.orthogonal(m, orthogonal_map="qr"), ValueError, "'qr' is not one of"),
        (lambda m: nn.utils.parametrize.register_parametrization(m, "weight", Shrinks()), ValueError, r".1, 3.; pass unsafe"),
        (lambda m: nn.utils.parametrize.register_parametrization(m, "weight", ag.triu), TypeError, "is a module, not a"),
    ],
)  # fmt: skip
def test_mistakes_change_nothing(call, kind, words):
    layer = nn.Linear(3, 2)
    before = layer.weight.numpy().copy()
    with pytest.raises(kind, match=words):
        call(layer)
    assert list(layer.state_dict()) == ["weight", "bias"]
    np.testing.assert_array_equal(layer.weight.numpy(), before)


def test_a_computed_weight_is_not_written_past():
    layer = nn.utils.weight_norm(nn.Linear(3, 2))
    with pytest.raises(TypeError, match="computed from weight_g and weight_v"):
        layer.weight = nn.Parameter(ag.ones((2, 3)))


def test_an_attribute_that_is_not_there_is_reported_as_any():
    class Broken(nn.Module):
        @property
        def size(self):
            return self.weights

    with pytest.raises(AttributeError, match="'Broken' object has no attribute 'weights'"):
        _ = Broken().size
    with pytest.raises(AttributeError, match="'Linear' object has no attribute 'wieght'"):
        _ = nn.Linear(1, 1).wieght
