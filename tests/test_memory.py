"""Memory: long chains without recursion, training that stays flat."""

import gc
import sys
import time
import tracemalloc

import numpy as np

import autograd_nn as ag


def chain(n):
    x = ag.tensor(0.5, requires_grad=True)
    y = x
    for _ in range(n):
        y = ag.sin(y)
    return x, y


def test_a_million_operations():
    """Forward, backward and freeing without recursion, at most 400 bytes a node, in time linear in the length."""
    n = 1_000_000
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        x, y = chain(n)
        bytes_a_node = (tracemalloc.get_traced_memory()[0] - before) / n
    finally:
        tracemalloc.stop()
    limit = sys.getrecursionlimit()
    y.backward()
    assert x.grad.item() > 0
    del y
    assert sys.getrecursionlimit() == limit
    print(f"{bytes_a_node:.0f} bytes a node")
    assert bytes_a_node <= 400


def test_time_is_linear_in_the_length():
    """Twenty times the length takes less than sixty times as long: linear with room for caches, not quadratic."""

    def seconds(n):
        start = time.process_time()
        _, y = chain(n)
        y.backward()
        del y
        return time.process_time() - start

    seconds(1000)
    short = min(seconds(10_000) for _ in range(3))
    assert min(seconds(200_000) for _ in range(2)) < 60 * short


def test_ten_thousand_training_steps_leave_memory_flat():
    rng = np.random.default_rng(0)
    w1, b1, w2 = (ag.tensor(rng.standard_normal(s), requires_grad=True) for s in ((2, 8), (8,), (8, 2)))
    x, labels = rng.standard_normal((4, 2)), np.array([0, 1, 1, 0])

    def step():
        loss = ag.cross_entropy(ag.tanh(x @ w1 + b1) @ w2, labels)
        loss.backward()
        with ag.no_grad():
            for p in (w1, b1, w2):
                p -= 0.01 * p.grad
                p.grad = None
        return loss

    gc.collect()
    gc.disable()
    try:
        for _ in range(200):
            step()
        tracemalloc.start()
        for _ in range(200):
            step()
        gc.collect()  # empties the interpreter's lists of free objects, too, which count as memory
        before = tracemalloc.take_snapshot()
        for _ in range(10_000 - 400):
            step()
        assert gc.collect() < 96, "a step in a hundred left a cycle"
        growth = tracemalloc.take_snapshot().compare_to(before, "lineno")
    finally:
        tracemalloc.stop()
        gc.enable()
    grown = sum(line.size_diff for line in growth)
    assert grown < 10_000, "\n".join([f"{grown} bytes more after 9,600 steps", *map(str, growth[:10])])


def test_the_walk_frees_what_it_passes():
    """Saved arrays go as the walk comes by: the peak of a backward pass is far below the sum of what was saved."""
    x = ag.tensor(np.ones(250_000), requires_grad=True)
    y = x
    for _ in range(20):
        y = ag.tanh(y)
    y = y.sum()
    tracemalloc.start()
    try:
        y.backward()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 5 * x.nbytes
    assert repr(y.node.saved) == "RELEASED"


def test_checkpoint_saves_memory():
    """A checkpointed chain keeps its inputs only."""

    def stretch(h):
        for _ in range(10):
            h = ag.tanh(h)
        return h

    def peak(run):
        x = ag.tensor(np.ones(100_000), requires_grad=True)
        tracemalloc.start()
        try:
            h = x
            for _ in range(5):
                h = run(h)
            held = tracemalloc.get_traced_memory()[0]
        finally:
            tracemalloc.stop()
        h.sum().backward()
        return held, x.grad.numpy()

    plain, g = peak(stretch)
    checkpointed, h = peak(lambda x: ag.checkpoint(stretch, x))
    np.testing.assert_array_equal(g, h)
    assert checkpointed < 0.15 * plain
