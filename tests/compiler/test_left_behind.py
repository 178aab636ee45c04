"""What a compiled step hands out: results in containers, results left in places around it, and no graph that is cut unseen."""

import dataclasses
from collections import OrderedDict, namedtuple
from types import SimpleNamespace

import numpy as np
import pytest

import autograd_nn as ag
from autograd_nn import nn

X = np.arange(6, dtype=np.float32).reshape(2, 3)


@dataclasses.dataclass
class Output:
    y: object
    name: str = "out"


@dataclasses.dataclass(frozen=True)
class Frozen:
    y: object


Pair = namedtuple("Pair", "y z")

CONTAINERS = {
    "a dataclass": lambda y: Output(y),
    "a frozen dataclass": lambda y: Frozen(y),
    "dataclasses in a list": lambda y: [Output(y), Output(3)],
    "a named tuple": lambda y: Pair(y, "text"),
    "an ordered dict": lambda y: OrderedDict(y=y),
}


def found(x):
    if isinstance(x, list):
        return found(x[0])
    return x["y"] if isinstance(x, dict) else x.y


@pytest.mark.parametrize("verify", ["first", "never"])
@pytest.mark.parametrize("name", CONTAINERS)
def test_containers_of_results_and_of_arguments(name, verify):
    step = ag.compile(lambda given: CONTAINERS[name](found(given) * 2.0), verify=verify)
    for k in range(4):
        out = step(CONTAINERS[name](X + k))
        assert type(out) is type(CONTAINERS[name](0))
        np.testing.assert_array_equal(found(out).numpy(), (X + k) * 2.0)
    assert len(step.signatures) == 1


class MyList(list):
    pass


HIDDEN = {
    "an object": lambda y: SimpleNamespace(y=y),
    "a list of its own kind": lambda y: MyList([y]),
    "a generator": lambda y: (y for _ in range(2)),
    "a function": lambda y: lambda: y,
    "a set": lambda y: {y},
}


@pytest.mark.parametrize("of", ["a result", "an argument"])
@pytest.mark.parametrize("name", HIDDEN)
def test_results_inside_of_what_cannot_be_filled_anew_are_refused(name, of):
    step = ag.compile(lambda x: HIDDEN[name](x * 2.0 if of == "a result" else x))
    with pytest.raises(ag.CompileError, match="return tuples, lists, dicts or dataclasses"):
        step(X)


def test_other_objects_may_be_returned():
    model = nn.Linear(3, 2)
    step = ag.compile(lambda x: (model(x), model, "text"))
    for _ in range(3):
        assert step(X)[1:] == (model, "text")


@pytest.mark.parametrize("verify", ["first", "never"])
def test_a_result_left_in_a_place_is_that_of_each_call(verify):
    class Attending(nn.Module):
        def forward(self, x):
            self.weights = ag.exp(x)
            self.skips = []
            self.skips.append(x * 2.0)
            return self.weights.sum()

    model, seen, last = Attending(), {}, None

    def step(x):
        nonlocal last
        seen["x"] = x
        last = x + 1.0
        return model(x)

    compiled = ag.compile(step, verify=verify)
    for k in range(6):
        compiled(X + k)
        np.testing.assert_allclose(model.weights.numpy(), np.exp(X + k), rtol=1e-6)
        np.testing.assert_array_equal(model.skips[0].numpy(), 2.0 * (X + k))
        np.testing.assert_array_equal(seen["x"].numpy(), X + k)
        np.testing.assert_array_equal(last.numpy(), X + k + 1.0)
    assert sum(map(len, compiled.signatures.values())) <= 3


@pytest.mark.parametrize("verify", ["first", "never"])
def test_what_is_made_once_stays_as_it_was_made(verify):
    class Normed(nn.Module):
        scale = None

        def forward(self, x):
            if self.scale is None:
                self.scale = ag.max(x)
            return x / self.scale

    step = ag.compile(Normed(), verify=verify)
    for k in range(4):
        np.testing.assert_allclose(step(X + k).numpy(), (X + k) / 5.0, rtol=1e-6)


def test_a_state_that_is_replaced_is_refused_and_one_that_is_written_to_is_not():
    class Recurrent(nn.Module):
        def __init__(self, written):
            super().__init__()
            self.written, self.h = written, ag.zeros((2, 3))

        def forward(self, x):
            new = ag.tanh(self.h + x)
            if self.written:
                ag.assign(self.h, new)
            else:
                self.h = new
            return new

    with pytest.raises(ag.CompileError, match=r"replaces .*h, which it reads.*ag\.assign"):
        ag.compile(Recurrent(False))(X)
    step, eager = ag.compile(Recurrent(True)), Recurrent(False)
    for k in range(4):
        np.testing.assert_allclose(step(X * k).numpy(), eager(ag.tensor(X * k)).numpy(), rtol=1e-5, atol=1e-6)


def test_a_result_appended_to_a_list_around_the_step_is_refused():
    losses = []

    @ag.compile
    def step(x):
        losses.append(x.sum())

    with pytest.raises(ag.CompileError, match=r"appends a result to a list \(losses\[0\]\); return it"):
        step(X)


def test_changed_containers_among_the_arguments_are_refused():
    def step(batch):
        batch["y"] = batch["x"] * 2.0
        return batch["y"]

    with pytest.raises(ag.CompileError, match="changes a list, dict or dataclass among its arguments"):
        ag.compile(step)({"x": X})


W = ag.tensor([1.0, 2.0, 3.0], requires_grad=True)
ROADS = {
    "a model's result": lambda f: (f(X) ** 2).sum(),
    "a part of the loss": lambda f: f(X).sum() + (W * W).sum(),
    "an argument's gradient": lambda f: (f(W) * W).sum(),
}


@pytest.mark.parametrize("verify", ["first", "never"])
@pytest.mark.parametrize("name", ROADS)
def test_a_derivative_through_a_compiled_step_is_an_error(name, verify):
    step = ag.compile(lambda x: x * W, verify=verify)
    for _ in range(4):
        loss = ROADS[name](step)
        with pytest.raises(RuntimeError, match=r"result of a compiled step carries no graph.*inside the step"):
            loss.backward()
        with pytest.raises(RuntimeError, match="result of a compiled step carries no graph"):
            ag.gradients(ROADS[name](step), W, allow_unused=True)
    assert W.grad is None
    ROADS["a part of the loss"](lambda x: step(x).detach()).backward()
    np.testing.assert_array_equal(W.grad.numpy(), 2.0 * W.numpy())
    W.grad = None
    with ag.no_grad():
        assert not step(X).requires_grad


def test_a_loss_whose_derivative_was_taken_carries_none():
    w = ag.tensor([1.0, 2.0, 3.0], requires_grad=True)

    @ag.compile
    def step(x):
        loss = (x * w).sum()
        loss.backward()
        w.grad = None
        return loss

    assert not any([step(X).requires_grad for _ in range(4)])


@pytest.mark.parametrize("transform", [ag.grad, ag.hessian])
def test_transforms_of_a_compiled_function_are_errors_and_compiled_transforms_are_not(transform):
    def f(x):
        return (x**3).sum()

    compiled = ag.compile(f)
    x = np.array([1.0, 2.0])
    for _ in range(3):
        with pytest.raises(RuntimeError, match="result of a compiled step carries no graph"):
            transform(compiled)(x)
    within = ag.compile(transform(f))
    for _ in range(3):
        np.testing.assert_allclose(within(x).numpy(), transform(f)(x))


def test_a_result_is_drawn_as_that_of_a_compiled_step():
    model = nn.Linear(3, 2)
    picture = ag.graph((ag.compile(model)(X) * 2.0).sum())._repr_mimebundle_(None, None)
    assert "3 operations" in str(picture)  # the step, the product and the sum
