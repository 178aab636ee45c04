"""Kernels that are told their outermost length when they run: the same native code for other batch sizes, exact at every tail."""

import numpy as np
import pytest

import autograd_nn as ag
from autograd_nn.compiler import machine
from autograd_nn.compiler.library import library

SIZES = [*range(127, 147), 255, 257, 1000, 20_001]


def draw(dtype, shape):
    rng = np.random.default_rng(0)
    if np.dtype(dtype).kind == "f":
        return rng.standard_normal(shape).astype(dtype)
    return rng.integers(0, 2 if dtype is bool else 100, shape).astype(dtype)


STEPS = {
    "elementwise": lambda x: x * x + 1,
    "reduced": lambda x: (x.sum(), x.max(), (x * 1.5).mean()),
    "compared": lambda x: (x > 0, ag.where(x > 1, x, 0)),
    "rows": lambda x: (x.reshape((-1, 1)) * np.ones((1, 5), x.dtype), ag.softmax(x.reshape((-1, 1)) * np.ones(5))),
    "columns summed": lambda x: (x.reshape((-1, 1)) * np.arange(6, dtype=np.int8)).sum(0),
    "reversed": lambda x: x[::-1] * 2,
    "scattered": lambda x: ag.scatter_add(
        ag.zeros((50, 3)), ag.arange(x.size) % 50, ag.stack([x, x, x], 1).astype("float32")
    ),
    "gathered": lambda x: x[(x > 0).astype("int64")] + 1,
}


def compared(step, arrays):
    for x in arrays:
        results = ag.compile(step, verify="never")(x)
        expected = step(ag.tensor(x))
        pairs = zip(results, expected, strict=True) if isinstance(results, tuple) else [(results, expected)]
        for found, e in pairs:
            assert found.dtype == e.dtype
            np.testing.assert_allclose(found.numpy(), e.numpy(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int8, np.int64, bool])
@pytest.mark.parametrize("name", STEPS)
def test_every_tail(name, dtype):
    compared(STEPS[name], [draw(dtype, n) for n in SIZES])


@pytest.mark.parametrize("name", STEPS)
def test_every_tail_in_parts(monkeypatch, name):
    monkeypatch.setattr(machine, "WORTH_SHARING", 0)
    before = ag.get_num_threads()
    ag.set_num_threads(2)
    try:
        compared(STEPS[name], [draw(np.float32, n) for n in SIZES])
    finally:
        ag.set_num_threads(before)


def test_other_sizes_need_no_other_kernels(monkeypatch):
    """A training step of another batch size is made of kernels that are there (but for products, which know their sizes)."""
    monkeypatch.setattr(machine, "WORTH_SHARING", 1 << 60)  # what combines the sums of parts comes with more parts
    w = ag.tensor(draw(np.float32, (32,)), requires_grad=True)

    def step(x, labels):
        loss = ag.cross_entropy(ag.tanh(x * w), labels)
        loss.backward()
        ag.assign(w, w - 0.1 * w.grad)
        w.grad = None
        return loss

    compiled = ag.compile(step)
    made = []
    for n in (250, 257, 300, 999):
        before = library.compiled + library.loaded
        compiled(draw(np.float32, (n, 32)), np.zeros(n, np.int64))
        made.append(library.compiled + library.loaded - before)
    assert made[0] > 2
    assert made[1:] == [0, 0, 0]


def test_products_share_kernels_between_batch_sizes():
    """A product is told how many tiles of rows, and how deep a block is: a layer's step of half the batch needs no kernel."""
    layer = ag.nn.Linear(24, 32)

    def step(x):
        (layer(x) ** 2).sum().backward()
        gradients = [p.grad for p in layer.parameters()]
        for p in layer.parameters():
            p.grad = None
        return gradients

    made = []
    for n in (128, 64, 96):
        before = library.compiled + library.loaded
        ag.compile(step)(draw(np.float32, (n, 24)))
        made.append(library.compiled + library.loaded - before)
    assert made[:2] == [made[0], 0]
