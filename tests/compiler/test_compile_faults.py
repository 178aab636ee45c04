"""`ag.compile` where the world around it misbehaves: forks, interrupts, threads."""

import importlib
import os

import numpy as np
import pytest

import autograd_nn as ag
from autograd_nn import nn


def machine_of(step):
    return next(s.machine for found in step.signatures.values() for s in found)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")  # pytest's own threads
def test_a_forked_process_computes_in_memory_of_its_own():
    step = ag.compile(lambda x: ag.exp(x).sum(0) * 2.0, verify="never")
    step(np.ones((4, 3), np.float32))
    arena = machine_of(step).arena
    arena.fill(1)
    child = os.fork()
    if not child:
        arena.fill(2)
        os._exit(0)
    os.waitpid(child, 0)
    assert (arena == 1).all()


INTERRUPTED = [
    "capture.Capture.own_arrays",
    "signature.lower",
    "signature.compile_program",
    "verify.give_back",
    "verify.agrees",
]


@pytest.mark.parametrize("call", [0, 1])
@pytest.mark.parametrize("place", INTERRUPTED)
def test_an_interrupt_leaves_everything_as_it_was(place, call, monkeypatch):
    """Ctrl-C while the step is captured, compiled or compared: states, gradients and random numbers are as before."""
    ag.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.5), nn.Linear(4, 2))
    optimizer = ag.optim.Adam(model.parameters(), lr=0.1)
    x = np.ones((5, 3), np.float32)

    def step(x):
        optimizer.zero_grad()
        loss = (model(x) ** 2).mean()
        loss.backward()
        optimizer.step()
        return loss

    def states():
        moments = [t for entries in optimizer.state.values() for t in entries.values()]
        states = [*model.parameters(), *moments, ag.get_rng_state(), *[p.grad for p in model.parameters()]]
        return [None if t is None else np.array(t.numpy()) for t in states]

    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    step(ag.tensor(x))  # the moments are there
    compiled = ag.compile(step)
    for _ in range(call):
        compiled(x)
    before = states()
    module, _, name = place.partition(".")
    owner = importlib.import_module(f"autograd_nn.compiler.{module}")
    for part in name.split(".")[:-1]:
        owner = getattr(owner, part)
    if call == 0 or "signature." not in place:  # later calls compile nothing
        with monkeypatch.context() as patched:
            patched.setattr(owner, name.split(".")[-1], interrupt)
            with pytest.raises(KeyboardInterrupt):
                compiled(x)
        for a, b in zip(states(), before, strict=True):
            np.testing.assert_array_equal(a, b)
    compiled(x)
    assert all(not np.array_equal(p.numpy(), b) for p, b in zip(model.parameters(), before, strict=False))


def test_an_operation_whose_error_the_step_catches_is_no_part_of_it():
    @ag.compile
    def step(x):
        try:
            return x + ag.ones((7,))
        except ValueError:
            return x * 2.0

    for k in range(3):
        x = np.full((3, 5), k, np.float32)
        np.testing.assert_array_equal(step(x).numpy(), 2 * x)


@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0, 4)])
def test_a_leaf_of_no_elements_is_returned_and_assigned(shape):
    w = ag.tensor(np.zeros(shape, np.float32))

    @ag.compile
    def step(x):
        ag.assign(w, x)
        return x, ag.tanh(x), w, ag.ones((2, 3))[1:1]

    for _ in range(3):
        found = step(np.zeros(shape, np.float32))
        assert [f.shape for f in found] == [shape, shape, shape, (0, 3)]
