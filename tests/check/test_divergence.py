"""Comparing two recorded runs: seeds, dtypes, weights, structure, reference activations."""

import numpy as np
import pytest

import autograd_nn as ag
from autograd_nn import nn
from autograd_nn.engine import modes

RNG = np.random.default_rng(0)
W = [RNG.standard_normal((4, 4)) for _ in range(3)]
X = RNG.standard_normal((5, 4))


def run(ws=W, x=X, dtype=np.float64, extra=False):
    ws = [ag.tensor(w.astype(dtype), name=f"w{i}") for i, w in enumerate(ws)]
    with ag.record() as r:
        h = ag.tensor(x.astype(dtype))
        for i, w in enumerate(ws):
            with modes.change(scope=modes.Scope(f"layer{i}", 0)):
                h = ag.tanh(h @ w)
                if extra and i == 1:
                    h = ag.positive(h)
        (h.sum() * 2.0).detach()
    return r


def test_equal_runs_are_the_same():
    found = ag.compare(run(), run())
    assert not found and str(found).startswith("SAME")
    assert found.downstream == 0.0


def test_a_changed_weight_is_named():
    changed = [W[0], W[1] + 1e-6, W[2]]
    found = ag.compare(run(), run(changed))
    assert found and found.steps[found.first].operation == "matmul" and found.steps[found.first].module == "layer1"
    assert "w1" in found.cause and "constant" in found.cause
    assert 0 < found.downstream < 1e-3
    assert "DIVERGED" in str(found) and "layer1" in str(found)
    assert found.to_dict()["diverged"] is True
    assert not ag.compare(run(), run(changed), rtol=1e-3)


def test_dtypes_are_compared_to_the_narrower_ones_accuracy():
    assert not ag.compare(run(), run(dtype=np.float32))
    wrong = ag.compare(run(), run([W[0], W[1], W[2] * 1.01], dtype=np.float32))
    assert wrong.steps[wrong.first].module == "layer2"


def test_seeds_diverge_where_the_numbers_are_drawn():
    def draw(seed):
        with ag.record() as r:
            x = ag.tensor(X) * 2.0
            ag.exp(x) * ag.rand((5, 4), generator=ag.random.Generator(seed))
        return r

    assert not ag.compare(draw(1), draw(1))
    found = ag.compare(draw(1), draw(2))
    assert "rand" in found.steps[found.first].operation or "uniform" in found.steps[found.first].operation


def test_an_operation_more_is_said_and_the_rest_compared():
    found = ag.compare(run(), run(extra=True))
    assert found and found.first is None
    assert "positive" in found.structure and "in structure only" in str(found)
    assert len(found.steps) == len(run().entries)


def test_reference_activations(tmp_path):
    h, reference = X, {}
    for i, w in enumerate(W):
        h = np.tanh(h @ w)
        reference[f"layer{i}"] = h
    path = tmp_path / "reference.npz"
    np.savez(path, **reference, other=np.zeros(2))
    found = ag.compare(run(dtype=np.float32), path)
    assert not found and found.unmatched == ["other"] and len(found.steps) == 3
    reference["layer1"] = reference["layer1"] * 1.001
    found = ag.compare(run(dtype=np.float32), reference)
    assert found.steps[found.first].module == "layer1"
    assert "reference layer1" in found.cause


def test_bad_calls():
    with pytest.raises(TypeError, match="not a record"):
        ag.compare({}, run())
    with pytest.raises(TypeError, match="npz"):
        ag.compare(run(), 3)


def test_memory_that_was_written_to_between_the_runs():
    w = ag.tensor(W[0], name="w")

    def once():
        with ag.record() as r:
            ag.tanh(ag.tensor(X) @ w)
        return r

    a = once()
    with ag.no_grad():
        w[1, 2] += 1.0
    found = ag.compare(a, once())
    assert found.steps[found.first].operation == "matmul"
    assert found.cause == "both runs read the same memory for its input y, which was written to in between"


@ag.op(kind="elementwise")
def two_faced(x, /):
    """A sine as NumPy computes it, and a thousandth more as the compiler reads it: a divergence of the compiled run alone."""
    return np.sin(x) if isinstance(x, (np.ndarray, np.generic)) else np.sin(x) * 1.001


two_faced.vjp(x=lambda g, x: g * ag.cos(x))


class Apply(nn.Module):
    def __init__(self, f):
        self.f = f

    def forward(self, x):
        return self.f(x)


@pytest.mark.parametrize(("f", "diverges"), [(ag.sin, False), (two_faced, True)])
def test_an_eager_run_and_a_compiled_one(f, diverges):
    """A compiled step gives its activations by module path; what diverges is named, though the layer after it differs, too."""
    model = nn.Sequential(nn.Linear(4, 8), Apply(ag.sin), nn.Linear(8, 8), Apply(f), nn.Linear(8, 2))
    x = X.astype(np.float32)

    @ag.compile(verify="never")
    def activations(x):
        found = {}
        for i, layer in enumerate(model):
            x = found[str(i)] = layer(x)
        return found

    activations(x)  # the first call records; from the second on it runs compiled
    with ag.record() as r:
        model(ag.tensor(x))
    found = ag.compare(r, activations(x))
    assert bool(found) == diverges and len(found.steps) == 5
    if diverges:
        step = found.steps[found.first]
        assert (step.operation, step.module) == ("two_faced", "Sequential.3")
        assert step.error == pytest.approx(1e-3, rel=1e-2)
        with pytest.raises(ag.CompileError, match="first at two_faced"):  # what the compiler finds by itself
            ag.compile(model)(x)
    with ag.record() as again:
        activations(x)
    assert not ag.compare(r, again), "under a record a compiled step runs eagerly"


def test_a_reference_of_which_the_record_has_nothing_is_refused():
    x = ag.tensor([1.0, 2.0])
    x.name = "x"
    with ag.record() as r:
        ag.sin(x)
    with pytest.raises(ValueError, match=r"none of the reference's names \(other\).*its own are x"):
        ag.compare(r, {"other": np.ones(2)})
    assert ag.compare(r, {"other": np.ones(2), "x": np.array([1.0, 2.0])}).unmatched == ["other"]


def test_a_difference_is_relative_to_both_runs_so_that_zeros_do_not_make_it_1e300():
    x = ag.tensor([1.0, 2.0])
    with ag.record() as a:
        ag.sin(x * 0.0)
    with ag.record() as b:
        ag.sin(x * 1.0)
    assert ag.compare(a, b).downstream == 1.0 == ag.compare(b, a).downstream


def test_a_step_of_a_reference_has_the_position_of_its_own_operation():
    model = ag.nn.Sequential(ag.nn.Linear(2, 2), ag.nn.ReLU(), ag.nn.Linear(2, 2))
    with ag.record() as r:
        model(ag.ones((1, 2)))
    found = ag.compare(r, {"0": np.zeros((1, 2)), "2": np.zeros((1, 2))})
    assert [r.entries[s.position].name for s in found.steps] == ["linear", "linear"]
    assert found.steps[0].position < found.steps[1].position
