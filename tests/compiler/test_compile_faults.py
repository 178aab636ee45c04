"""`ag.compile` where the world around it misbehaves: forks, interrupts, threads."""

import os

import numpy as np
import pytest

import autograd_nn as ag


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
