"""Averages of whole models against PyTorch's."""

import numpy as np
import pytest

import autograd_nn as ag
from autograd_nn import nn

torch = pytest.importorskip("torch")

WAYS = [
    {},
    {"avg_fn": lambda s: s.get_ema_avg_fn(0.9)},
    {"multi_avg_fn": lambda s: s.get_ema_multi_avg_fn(0.7), "use_buffers": True},
    {"multi_avg_fn": lambda s: s.get_swa_multi_avg_fn()},
    {"avg_fn": lambda s: s.get_swa_avg_fn(), "use_buffers": True},
]


def pair():
    theirs = torch.nn.Sequential(torch.nn.Linear(3, 4, bias=False), torch.nn.BatchNorm1d(4)).double()
    ours = nn.Sequential(nn.Linear(3, 4, bias=False), nn.BatchNorm1d(4)).double()
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


@pytest.mark.parametrize("way", WAYS, ids=lambda way: ",".join(way) or "mean")
def test_an_averaged_model_is_pytorchs(way):
    averages = []
    torch.manual_seed(0)
    models = pair()
    # PyTorch's weight 1 / (n + 1) of several parameters at once is a float32, whatever they are
    atol = 1e-7 if "multi_avg_fn" in way and "use_buffers" not in way else 1e-12
    for model, library in zip(models, (ag, torch), strict=True):
        space = library.optim.swa_utils
        averages.append(space.AveragedModel(model, **{k: v(space) if callable(v) else v for k, v in way.items()}))
    rng = np.random.default_rng(0)
    for _ in range(5):
        x = rng.standard_normal((8, 3))
        for model, average, library in zip(models, averages, (ag, torch), strict=True):
            optimizer = library.optim.SGD(model.parameters(), lr=0.1)
            (model(library.tensor(x)) ** 3).mean().backward()
            optimizer.step()
            average.update_parameters(model)
    ours, theirs = (a.state_dict() for a in averages)
    assert list(ours) == list(theirs)
    for name, value in theirs.items():
        np.testing.assert_allclose(ours[name].numpy(), value.numpy(), atol=atol, err_msg=name)
    averages[0].load_state_dict(theirs)
    batches = [rng.standard_normal((n, 3)) for n in (4, 2)]
    for average, library in zip(averages, (ag, torch), strict=True):
        average.eval()
        library.optim.swa_utils.update_bn([(library.tensor(x),) for x in batches], average)
        assert not average.training
    for name, value in averages[1].state_dict().items():
        np.testing.assert_allclose(averages[0].state_dict()[name].numpy(), value.numpy(), atol=atol, err_msg=name)


@pytest.mark.parametrize(
    "settings",
    [
        {"swa_lr": 0.05},
        {"swa_lr": [0.05, 0.2], "anneal_strategy": "linear", "anneal_epochs": 4},
        {"swa_lr": 0.3, "anneal_epochs": 0},
    ],
)
def test_the_rates_are_pytorchs(settings):
    found = []
    for library in (ag, torch):
        groups = [{"params": [library.ones(2, requires_grad=True)], "lr": lr} for lr in (0.1, 0.01)]
        optimizer = library.optim.SGD(groups)
        scheduler = library.optim.swa_utils.SWALR(optimizer, **settings)
        rates = []
        for _ in range(14):
            rates.append(scheduler.get_last_lr())
            optimizer.step()
            scheduler.step()
        found.append(rates)
    np.testing.assert_allclose(*found, atol=1e-12)


def test_mistakes():
    s = ag.optim.swa_utils
    with pytest.raises(ValueError, match="not both"):
        s.AveragedModel(nn.Linear(1, 1), avg_fn=s.get_swa_avg_fn(), multi_avg_fn=s.get_swa_multi_avg_fn())
    with pytest.raises(ValueError, match="from 0 to 1, not 2"):
        s.get_ema_avg_fn(2)
    with pytest.raises(ValueError, match="'exp' is not 'cos' or 'linear'"):
        s.SWALR(ag.optim.SGD([ag.ones(1, requires_grad=True)]), 0.1, anneal_strategy="exp")
