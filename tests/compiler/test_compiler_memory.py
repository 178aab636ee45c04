"""What compiling takes: captured steps keep no result, replays drop them, the arena holds what it must."""

import math
import tracemalloc

import numpy as np
import pytest

import autograd_nn as ag
from autograd_nn.compiler import recompute
from autograd_nn.compiler.capture import capture
from autograd_nn.compiler.verify import replayed

SIZE = 1 << 18  # elements, a megabyte of float32


def chain(x, length=40):
    for _ in range(length):
        x = ag.sin(x) * 1.01
    return x.sum()


def peak(run):
    tracemalloc.start()
    try:
        run()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_captured_step_takes_the_memory_of_an_eager_one():
    x = ag.tensor(np.ones(SIZE, np.float32))
    eager = peak(lambda: chain(x))
    assert eager < 4 * x.nbytes
    assert peak(lambda: capture(lambda: chain(x), [x])) < 2 * eager


def test_a_replay_drops_what_nobody_reads_any_more():
    x = ag.tensor(np.ones(SIZE, np.float32))
    found = capture(lambda: chain(x), [x])
    for seed in (None, 0):
        assert peak(lambda seed=seed: replayed(found.record, found.outputs, seed)) < 8 * x.nbytes
        (value,) = replayed(found.record, found.outputs, seed).values()
        assert value == pytest.approx(found.returned[0], rel=1e-4)


def test_a_replay_leaves_the_states_before_as_they_were():
    """They are copied when they are written to, or looked at through a view that a later operation reads."""
    w, m = ag.tensor(np.arange(6.0), name="w"), ag.tensor(np.ones(6))

    def step():
        view = w.reshape(2, 3)
        ag.assign(m, m * 0.5)
        ag.assign(w, w + m)
        ag.assign(m, m + 1.0)
        return view.sum() + m.sum()

    found = capture(step, [])
    (now,) = [v for v in found.record.states if v.data is w._array]
    run = replayed(found.record, [now, *found.outputs])
    np.testing.assert_array_equal(run[now], np.arange(6.0) + 0.5)
    np.testing.assert_array_equal(now.initial, np.arange(6.0))
    assert run[found.outputs[0]] == found.returned[0]


def test_what_a_captured_step_made_is_known_while_it_is_there():
    kept = []

    def step(x):
        y = ag.exp(x)
        kept.append(y)
        return (y[1:] * 2.0).sum()

    x = ag.tensor([1.0, 2.0, 3.0])
    found = capture(lambda: step(x), [x])
    record = found.record
    assert record.of_array(kept[0]._array) is record.entries[0].outputs[0]
    assert record.is_result(kept[0]._array[1:])
    assert not record.is_result(x._array)
    assert found.views == {record.entries[1].outputs[0]}
    kept.clear()
    assert len(record._by_array) < len(record.values)


def test_an_arena_that_rested_computes_the_same():
    x = np.linspace(-1.0, 1.0, 5000, dtype=np.float32)
    step = ag.compile(chain)
    expected = [step(x).item() for _ in range(3)]
    ((signature,),) = step.signatures.values()
    signature.machine.give_back()
    assert step(x).item() == expected[-1]


def normalised(x, w):
    """Three layers, each with a normalised value, a mask and a product for its derivative."""
    for k in range(3):
        y = x - x.mean(axis=0, keepdims=True)
        y = y / ag.sqrt((y * y).mean(axis=0, keepdims=True) + 1e-5) * w[k] + 0.1
        x = ag.tanh(ag.relu(y)) * y
    return x.sum()


def compiled_arena(least, monkeypatch):
    monkeypatch.setattr(recompute, "LEAST", least)
    monkeypatch.setattr(recompute, "APART", 0)
    rng = np.random.default_rng(0)
    w = ag.tensor(np.ones((3, 16)), requires_grad=True)
    x = rng.standard_normal((1024, 16))

    def step(x):
        w.grad = None
        loss = normalised(x, w)
        loss.backward()
        return loss, w.grad

    run = ag.compile(step)
    loss, grad = [run(x) for _ in range(3)][-1]
    ((signature,),) = run.signatures.values()
    again = sum([v.again for c in signature.compiled.clusters for v in c.members])
    return signature.compiled.plan.size, again, loss.item(), grad.numpy()


def test_values_computed_again_for_late_readers_take_no_memory(monkeypatch):
    kept, none, loss, grad = compiled_arena(math.inf, monkeypatch)
    less, again, same_loss, same_grad = compiled_arena(0, monkeypatch)
    assert none == 0
    assert again > 0
    assert less < 0.8 * kept
    assert same_loss == pytest.approx(loss, rel=1e-12)
    np.testing.assert_allclose(same_grad, grad, rtol=1e-10)


def standardised_relu(h):
    y = h - h.mean(axis=0, keepdims=True)
    return ag.relu(y / ag.sqrt((y * y).mean(axis=0, keepdims=True) + 1e-5) + 0.1)


@pytest.mark.parametrize("activation", [standardised_relu, ag.gelu])
def test_what_a_product_reads_late_is_written_again(activation, monkeypatch):
    """Of each layer one value waits for the backward pass; what the next product reads does not."""
    rng = np.random.default_rng(0)
    weights = [rng.standard_normal((64, 64)) / 8 for _ in range(6)]
    x = rng.standard_normal((4096, 64))

    def trained(large):
        for name, value in (("LARGE", large), ("LEAST", 8192), ("APART", 8), ("SMALL_COST", 6)):
            monkeypatch.setattr(recompute, name, value)
        layers = [ag.tensor(w, requires_grad=True) for w in weights]

        def step(x):
            y = x
            for w in layers:
                y = activation(y @ w)
                w.grad = None
            loss = (y * y).sum()
            loss.backward()
            for w in layers:
                ag.assign(w, w - 1e-6 * w.grad)
            return loss

        run = ag.compile(step)
        losses = [run(x).item() for _ in range(3)]
        ((signature,),) = run.signatures.values()
        assert not signature.compiled.plan.copied
        return signature, losses, [w.numpy() for w in layers]

    usual, losses, states = trained(math.inf)
    less, same_losses, same_states = trained(x.nbytes)
    assert less.compiled.plan.size < usual.compiled.plan.size - 3 * x.nbytes
    assert len(less.machine.entries) == len(usual.machine.entries)  # in kernels that are there anyway
    np.testing.assert_allclose(same_losses, losses, rtol=1e-12)
    for a, b in zip(same_states, states, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10)


LAYERS = [ag.relu, ag.gelu, ag.tanh, standardised_relu, ag.softmax, lambda h: h * ag.sigmoid(h), lambda h: h + 0.5]


@pytest.mark.parametrize("seed", range(12))
def test_networks_of_any_layers_agree_with_eager_ones(seed, monkeypatch):
    """Whatever can be written again is; compiling compares with the eager step, and raises where they differ."""
    for name in ("LARGE", "LEAST", "APART"):
        monkeypatch.setattr(recompute, name, 0)
    monkeypatch.setattr(recompute, "SMALL_COST", recompute.MOST_COST)
    written = []
    settled = recompute._settled
    monkeypatch.setattr(recompute, "_settled", lambda c: written.append(c) or settled(c))
    rng = np.random.default_rng(seed)
    width = int(rng.integers(3, 9))
    weights = [ag.tensor(rng.standard_normal((width, width)), requires_grad=True) for _ in range(5)]
    plan = [(int(rng.integers(5)), LAYERS[rng.integers(len(LAYERS))], bool(rng.integers(2))) for _ in range(7)]

    def step(x):
        y = x
        for k, layer, residual in plan:
            made = layer(y @ weights[k])
            y = y + made if residual else made
        for w in weights:
            w.grad = None
        loss = (y * y).mean()
        loss.backward()
        for w in weights:
            if w.grad is not None:
                ag.assign(w, w - 1e-3 * w.grad)
        return loss, y

    run = ag.compile(step, verify="always")
    for _ in range(3):
        run(rng.standard_normal((16, width)))
    assert written or seed  # not all of them have what can be; the first has


def test_a_result_that_others_read_from_memory_is_not_computed_again(monkeypatch):
    monkeypatch.setattr(recompute, "LEAST", 0)
    monkeypatch.setattr(recompute, "APART", 0)
    x = np.random.default_rng(0).standard_normal((64, 64)).astype(np.float32)

    def step(x):
        y = ag.exp(x)
        return y, (y @ x) * y

    run = ag.compile(step)
    made, product = [run(x) for _ in range(3)][-1]
    ((signature,),) = run.signatures.values()
    assert not any([v.again for c in signature.compiled.clusters for v in c.members])
    np.testing.assert_allclose(made.numpy(), np.exp(x), rtol=1e-5)
    np.testing.assert_allclose(product.numpy(), (np.exp(x) @ x) * np.exp(x), rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("cut", [1, 200, 400])
def test_a_state_is_not_written_to_before_its_parts_are_read(cut):
    """New parts of a state go to their places one after the other; none may cover what a later one reads."""
    state = ag.tensor(np.arange(600, dtype=np.float32))
    before = state.numpy().copy()

    def step():
        ag.assign(state, ag.concatenate([state[cut:] * 2.0, state[:cut] + 1.0]))

    ag.compile(step, verify="never")()
    np.testing.assert_array_equal(state.numpy(), np.concatenate([before[cut:] * 2, before[:cut] + 1]))
