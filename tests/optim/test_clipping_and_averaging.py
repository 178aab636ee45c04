"""Gradient clipping and moving averages against PyTorch's; recorded; messages."""

import math

import numpy as np
import pytest

import autograd_nn as ag

torch = pytest.importorskip("torch")
SHAPES = [(3, 4), (), (5,), (0, 2)]


def with_gradients(dtype, scale=1.0):
    rng = np.random.default_rng(0)
    ours = [ag.ones(s, dtype, requires_grad=True) for s in SHAPES]
    theirs = [torch.ones(s, dtype=getattr(torch, np.dtype(dtype).name), requires_grad=True) for s in SHAPES]
    for p, q in zip(ours, theirs, strict=True):
        g = (scale * rng.standard_normal(p.shape)).astype(dtype)
        p.grad, q.grad = g, torch.tensor(g)
    return ours, theirs


@pytest.mark.parametrize("recorded", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("norm_type", [2.0, 1.0, 3.5, math.inf])
@pytest.mark.parametrize("max_norm", [0.5, 1e3])
def test_clipping_by_norm(max_norm, norm_type, dtype, recorded):
    ours, theirs = with_gradients(dtype)
    if norm_type == math.inf:  # PyTorch has no largest element of none
        ours, theirs = ours[:-1], theirs[:-1]
    norm = torch.nn.utils.clip_grad_norm_(theirs, max_norm, norm_type)
    if recorded:
        with ag.record() as r:
            found = ag.optim.clip_grad_norm_(ours, max_norm, norm_type)
        assert not r.notes, "clipping takes no number out of the graph"
    else:
        found = ag.optim.clip_grad_norm_(ours, max_norm, norm_type)
    assert found.shape == () and found.dtype == dtype
    tolerance = 1e-6 if dtype == np.float32 else 1e-13
    np.testing.assert_allclose(float(found), float(norm), rtol=tolerance)
    for p, q in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), rtol=tolerance)


@pytest.mark.parametrize("recorded", [False, True])
def test_clipping_by_value(recorded):
    ours, theirs = with_gradients(np.float64)
    torch.nn.utils.clip_grad_value_(theirs, 0.3)
    if recorded:
        with ag.record():
            ag.optim.clip_grad_value_(ours, 0.3)
    else:
        ag.optim.clip_grad_value_(ours, 0.3)
    for p, q in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(p.grad.numpy(), q.grad.numpy())


def test_clipping_without_gradients_and_with_infinite_ones():
    w = ag.ones(2, requires_grad=True)
    assert float(ag.optim.clip_grad_norm_(w, 1.0)) == 0.0
    w.grad = np.array([np.inf, 1.0], np.float32)
    with pytest.raises(RuntimeError, match=r"the norm of order 2\.0 of the gradients is inf"):
        ag.optim.clip_grad_norm_(w, 1.0, error_if_nonfinite=True)
    assert w.grad.tolist() == [np.inf, 1.0]


@pytest.mark.parametrize("size", [3, 30_000])
def test_average_is_pytorchs(size):
    rng = np.random.default_rng(1)
    ours = [ag.ones(size, requires_grad=True), ag.ones((2, 2), np.float64), ag.tensor(1.5)]
    model = torch.nn.ParameterList([torch.tensor(p.detach().numpy()) for p in ours])
    average = ag.optim.ExponentialMovingAverage(ours, decay=0.9)
    theirs = torch.optim.swa_utils.AveragedModel(model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.9))
    for _ in range(20):
        for p, q in zip(ours, model, strict=True):
            value = rng.standard_normal(p.shape).astype(p.dtype)
            ag.assign(p, value)
            q.data.copy_(torch.tensor(value))
        average.update()
        theirs.update_parameters(model)
    for p, q in zip(average.averages, theirs.module, strict=True):
        np.testing.assert_allclose(p.numpy(), q.detach().numpy(), rtol=1e-5, atol=1e-6)
    before = [np.array(p.numpy()) for p in ours]
    with pytest.raises(ZeroDivisionError), average.applied():
        np.testing.assert_array_equal(ours[0].numpy(), average.averages[0].numpy())
        _ = 1 / 0
    for p, value in zip(ours, before, strict=True):
        np.testing.assert_array_equal(p.numpy(), value)


def test_average_recorded_saved_and_loaded(tmp_path):
    w = ag.tensor([1.0, 2.0], requires_grad=True)
    average = ag.optim.ExponentialMovingAverage([("w", w)], decay=0.5)
    with ag.record() as r:
        average.update()
        ag.assign(w, [3.0, 4.0])
        average.update()
    assert not r.notes
    assert average.averages[0].tolist() == [2.0, 3.0]
    ag.save(average.state_dict(), tmp_path / "average")
    other = ag.optim.ExponentialMovingAverage([ag.zeros(2)])
    other.load_state_dict(ag.load(tmp_path / "average"))
    assert (other.decay, other.updates.item(), other.averages[0].tolist()) == (0.5, 2.0, [2.0, 3.0])
    other.copy_to([w])
    assert w.tolist() == [2.0, 3.0]


@pytest.mark.parametrize(
    ("make", "kind", "message"),
    [
        (lambda: ag.optim.ExponentialMovingAverage([]), ValueError, "got no parameters"),
        (
            lambda: ag.optim.ExponentialMovingAverage([ag.ones(1)], decay=2.0),
            ValueError,
            "decay is from 0 to 1, not 2.0",
        ),
        (lambda: ag.optim.ExponentialMovingAverage([ag.tensor([1])]), TypeError, "parameter 0 is no floating leaf"),
        (lambda: ag.optim.ExponentialMovingAverage([ag.ones(1)]).copy_to([ag.ones(2)]), ValueError, "other shapes"),
        (
            lambda: ag.optim.ExponentialMovingAverage([ag.ones(1)]).load_state_dict(
                {"averages": [np.ones(3)], "updates": 1.0, "decay": 0.5}
            ),
            ValueError,
            r"have shapes \[\(3,\)\], these \[\(1,\)\]",
        ),
    ],
)
def test_messages(make, kind, message):
    with pytest.raises(kind, match=message):
        make()


@pytest.mark.parametrize("name", ["decay", "updates", "averages"])
def test_an_average_loads_a_whole_state_or_nothing(name):
    w = ag.tensor([1.0])
    average = ag.optim.ExponentialMovingAverage([w])
    average.update()
    state = {"decay": 0.5, "updates": 7.0, "averages": [np.array([3.0])]}
    del state[name]
    with pytest.raises(ValueError, match=f"lacks {name}"):
        average.load_state_dict(state)
    assert (average.decay, average.updates.item(), average.averages[0].tolist()) == (0.999, 1.0, [1.0])
