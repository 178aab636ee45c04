"""A compiled step in the place of the step: a method, a module, copied, pickled, in threads, with arguments that change."""

import copy
import pickle
import sys

import numpy as np
import pytest

import autograd_nn as ag
from autograd_nn import nn

X = np.arange(6, dtype=np.float32).reshape(2, 3)


class Trainer:
    """Its step is compiled where it is defined."""

    def __init__(self, seed):
        ag.manual_seed(seed)
        self.model = nn.Linear(3, 2)
        self.optimizer = ag.optim.SGD(self.model.parameters(), lr=0.1)

    @ag.compile
    def step(self, x):
        self.optimizer.zero_grad()
        loss = (self.model(x) ** 2).sum()
        loss.backward()
        self.optimizer.step()
        return loss

    @ag.compile(verify="never")
    def predict(self, x, *, scale=1.0):
        """What it predicts."""
        return self.model(x) * scale


def test_a_method_is_compiled_for_each_object():
    one, two, eager = Trainer(0), Trainer(1), Trainer(0)
    for _ in range(4):
        loss = eager.step.step(ag.tensor(X))
        np.testing.assert_allclose(one.step(X).numpy(), loss.numpy(), rtol=1e-5)
        assert two.step(X).numpy() != loss.numpy()
    np.testing.assert_allclose(one.predict(X, scale=2.0).numpy(), 2.0 * eager.model(ag.tensor(X)).numpy(), rtol=1e-5)
    assert one.predict.__doc__ == "What it predicts."
    assert len(one.step.signatures) == len(one.predict.signatures) == 1
    assert one.step is one.step is not two.step


def test_an_object_with_a_compiled_method_is_copied_with_it():
    one = Trainer(0)
    one.step(X)
    other = copy.deepcopy(one)
    before = one.model.weight.numpy().copy()
    other.step(X)
    np.testing.assert_array_equal(one.model.weight.numpy(), before)
    assert not np.array_equal(other.model.weight.numpy(), before)


def test_a_compiled_module_has_what_the_module_has():
    model = nn.Sequential(nn.Linear(3, 2), nn.Dropout(0.5))
    compiled = ag.compile(model)
    assert list(compiled.parameters()) == list(model.parameters())
    compiled.eval()
    np.testing.assert_allclose(compiled(X).numpy(), model(ag.tensor(X)).numpy(), rtol=1e-6)
    with pytest.raises(AttributeError, match="no attribute 'parametres'"):
        compiled.parametres()
    with pytest.raises(AttributeError, match="'function' object has no attribute 'parameters'"):
        ag.compile(lambda x: x).parameters()


@ag.compile
def doubled(x):
    return x * 2.0


def tripled(x):
    return x * 3.0


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda step: pickle.loads(pickle.dumps(step))])
def test_copies_are_compiled_anew(copied):
    doubled(X)
    compiled = ag.compile(tripled, verify="never")
    compiled(X)
    for step, factor in ((doubled, 2.0), (compiled, 3.0)):
        other = copied(step)
        np.testing.assert_array_equal(other(X).numpy(), factor * X)
        assert other.verify == step.verify
    assert "doubled" in repr(doubled) and "variants" in repr(doubled)


def test_a_number_among_the_arguments_that_changes_every_time_is_named():
    step = ag.compile(lambda x, rate: x * rate, verify="never")
    with pytest.raises(ag.CompileError, match=r"other arguments change.*now 6\.4\).*np\.float32"):
        for k in range(100):
            step(X, k / 10)
    for k in range(100):
        np.testing.assert_allclose(step(X, np.float32(k)).numpy(), X * np.float32(k))


def test_an_iterator_among_the_arguments_is_refused():
    with pytest.raises(ag.CompileError, match="an iterator, which the first run uses up"):
        ag.compile(sum)(x for x in [X])


def test_a_compiled_step_in_another_one_is_what_it_compiles():
    inner = ag.compile(lambda x: x * 2.0)
    outer = ag.compile(lambda x: inner(x) + 1.0)
    for k in range(5):
        np.testing.assert_array_equal(inner(X).numpy(), 2.0 * X)
        np.testing.assert_array_equal(outer(X + k).numpy(), 2.0 * (X + k) + 1.0)
    assert [len(s) for s in outer.signatures.values()] == [1]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems give memory back when they please")
def test_arenas_of_shapes_that_do_not_come_again_give_their_memory_back():
    step = ag.compile(lambda x: (ag.sin(x) @ ag.cos(x).mT).sum(), verify="never")
    for n in range(500, 504):
        step(np.ones((n, 400), np.float32))
    first = next(iter(step.signatures.values()))[0].machine
    assert not np.frombuffer(first.pages, np.uint8).any()
    assert np.isfinite(step(np.ones((500, 400), np.float32)).item())
