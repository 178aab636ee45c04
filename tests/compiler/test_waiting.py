"""`ag.compile(wait=False)`: the step runs as it is until its kernels are ready, and nothing is lost on the way."""

import threading

import numpy as np
import pytest

import autograd_nn as ag
from autograd_nn import nn
from autograd_nn.compiler import signature


@pytest.fixture
def gate(monkeypatch):
    """Compiling waits until this is set."""
    opened, compile_program = threading.Event(), signature.compile_program

    def slowly(program):
        assert opened.wait(60)
        return compile_program(program)

    monkeypatch.setattr(signature, "compile_program", slowly)
    yield opened
    opened.set()


def training(wait):
    """A step and its model."""
    ag.manual_seed(0)
    model = nn.Sequential(nn.BatchNorm1d(5), nn.Linear(5, 8), nn.Dropout(0.3), nn.ReLU(), nn.Linear(8, 3))
    optimizer = ag.optim.Adam(model.parameters(), lr=0.01)

    def step(x, labels):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), labels)
        loss.backward()
        optimizer.step()
        return loss

    return (step if wait is None else ag.compile(step, wait=wait)), model


def batches(count):
    rng = np.random.default_rng(1)
    return [(rng.standard_normal((16, 5)).astype(np.float32), rng.integers(0, 3, 16)) for _ in range(count)]


def signatures(step):
    return [s for found in step.signatures.values() for s in found]


def test_losses_and_states_are_eagers_before_and_after_the_kernels_are_ready(gate):
    eager, expected = training(None)
    wanted = [eager(x, labels).item() for x, labels in batches(8)]
    step, model = training(False)
    losses = []
    for k, (x, labels) in enumerate(batches(8)):
        if k == 4:
            assert [s.compared for s in signatures(step)] == [0]
            gate.set()
            signatures(step)[0].building.result()
        losses.append(step(x, labels).item())
    assert [(s.compared, s.building) for s in signatures(step)] == [(2, None)]
    np.testing.assert_allclose(losses, wanted, rtol=1e-4)
    for name, value in expected.state_dict().items():
        np.testing.assert_allclose(model.state_dict()[name], value, rtol=1e-3, atol=1e-5, err_msg=name)


def test_results_carry_no_graph_meanwhile(gate):
    w = ag.tensor([1.0, 2.0], requires_grad=True)
    step = ag.compile(lambda x: (w * x, x.sum()), wait=False)
    for _ in range(2):
        y, total = step(np.float32([3.0, 4.0]))
        assert y.tolist() == [3.0, 8.0] and total.item() == 7.0
        with pytest.raises(RuntimeError, match="carries no graph"):
            y.sum().backward()


def test_an_explanation_waits(gate):
    step = ag.compile(lambda x: ag.exp(x) * 2.0, wait=False)
    step(np.ones(4, np.float32))
    threading.Timer(0.1, gate.set).start()
    assert "exp" in str(step.explain())


def test_what_goes_wrong_in_the_other_thread_is_raised_at_the_next_call(monkeypatch):
    def fails(program):
        raise MemoryError("no room")

    w = ag.tensor(1.0)

    def step(x):
        ag.assign(w, w + x)
        return w * 1.0

    compiled = ag.compile(step, wait=False)
    with monkeypatch.context() as patched:
        patched.setattr(signature, "compile_program", fails)
        assert compiled(np.float32(2.0)).item() == 3.0
        with pytest.raises(MemoryError, match="no room"):
            signatures(compiled)[0].building.result()
    with pytest.raises(MemoryError, match="no room"):
        compiled(np.float32(2.0))
    assert w.item() == 3.0 and signatures(compiled) == []
    assert compiled(np.float32(2.0)).item() == 5.0  # and compiled anew
