"""Checkpoints repeat what they did, random numbers included; the generator counts its draws."""

import threading

import numpy as np
import pytest

import autograd_nn as ag


def leaves():
    rng = np.random.default_rng(0)
    return [ag.tensor(rng.standard_normal(4), requires_grad=True) for _ in range(2)]


def dropout(x):
    return x * (ag.rand(x.shape, dtype=x.dtype) < 0.5)


def test_random_numbers_repeat_in_the_rerun():
    x, w = leaves()
    ag.manual_seed(1)
    plain = ag.gradients((dropout(ag.tanh(x * w)) * w).sum(), [x, w])
    ag.manual_seed(1)
    y = ag.checkpoint(lambda x: dropout(ag.tanh(x * w)) * w, x).sum()
    ag.rand(3)
    after = ag.random.generator().state.tolist()
    for p, c in zip(plain, ag.gradients(y, [x, w]), strict=True):
        np.testing.assert_array_equal(c.numpy(), p.numpy())
    assert ag.random.generator().state.tolist() == after, "the rerun leaves the caller's generator alone"


def test_nested_checkpoints_and_second_order():
    x, w = leaves()

    def inner(h):
        return ag.sin(h * w)

    def outer(h):
        return ag.exp(ag.checkpoint(inner, h)) * ag.checkpoint(inner, h * 2.0)

    def loss(run):
        return run(x).sum()

    plain = ag.gradients(loss(lambda x: ag.exp(inner(x)) * inner(x * 2.0)), [x, w], create_graph=True)
    nested = ag.gradients(loss(lambda x: ag.checkpoint(outer, x)), [x, w], create_graph=True)
    for p, c in zip(plain, nested, strict=True):
        np.testing.assert_allclose(c.numpy(), p.numpy(), rtol=1e-14)
    p2 = ag.gradients((plain[0] * plain[1]).sum(), [x, w])
    c2 = ag.gradients((nested[0] * nested[1]).sum(), [x, w])
    for p, c in zip(p2, c2, strict=True):
        np.testing.assert_allclose(c.numpy(), p.numpy(), rtol=1e-13)


def test_inputs_that_are_rebound_and_structures():
    x, _ = leaves()
    h = x * 1.0
    out = ag.checkpoint(lambda h: {"a": ag.exp(h), "b": (ag.sin(h), 3.0, h)}, h)
    h *= 5.0  # rebinds h; the checkpoint keeps what it was given
    g = ag.gradients((out["a"] * out["b"][0]).sum(), x)
    a = x.numpy()
    np.testing.assert_allclose(g.numpy(), np.exp(a) * (np.sin(a) + np.cos(a)), rtol=1e-14)


def test_without_recording_it_is_a_plain_call():
    x, _ = leaves()
    with ag.no_grad():
        assert not ag.checkpoint(ag.sin, x).requires_grad


def test_seed_and_state():
    ag.manual_seed(5)
    a, b = ag.rand(3).tolist(), ag.randn((2, 2)).tolist()
    ag.manual_seed(5)
    assert (ag.rand(3).tolist(), ag.randn((2, 2)).tolist()) == (a, b)
    assert ag.random.generator().state.tolist() == [5, 2]
    g = ag.random.Generator(5)
    assert ag.rand(3, generator=g).tolist() == a
    with pytest.raises(ValueError, match="does not fit 64 bits"):
        ag.manual_seed(1 << 70)


def test_distributions():
    ag.manual_seed(0)
    u, n, k = ag.rand((200, 200)), ag.randn((200, 200)), ag.randint(-2, 3, (10_000,))
    assert u.dtype == n.dtype == np.float32
    assert u.min().item() >= 0.0
    assert u.max().item() < 1.0
    assert abs(u.mean().item() - 0.5) < 0.01
    assert abs(n.mean().item()) < 0.02
    assert abs((n * n).mean().item() - 1.0) < 0.03
    assert sorted(set(k.tolist())) == [-2, -1, 0, 1, 2]
    with pytest.raises(TypeError, match="random numbers are float32 or float64, not int64"):
        ag.rand(2, dtype=np.int64)
    with pytest.raises(ValueError, match="no integers from 3 up to but not including 3"):
        ag.randint(3, 3)


def test_permutations():
    """Every number once, the same again from the same state, and one draw each."""
    g = ag.random.Generator(3)
    first, second = ag.randperm(1000, generator=g), ag.randperm(1000, generator=g)
    assert g.state.tolist() == [3, 2]
    assert first.dtype == np.int64
    np.testing.assert_array_equal(np.sort(first.numpy()), np.arange(1000))
    assert (first != second).any()
    g.manual_seed(3)
    np.testing.assert_array_equal(ag.randperm(1000, generator=g), first)
    assert ag.randperm(0).shape == (0,)


def test_draws_in_threads_never_repeat():
    ag.manual_seed(0)
    drawn = []

    def work():
        drawn.extend(tuple(ag.rand(4).tolist()) for _ in range(100))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(set(drawn)) == 400
