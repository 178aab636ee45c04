"""Schedules against PyTorch's sequences, their dictionaries, and what they say about bad arguments."""

import math

import numpy as np
import pytest

import autograd_nn as ag

torch = pytest.importorskip("torch")

LINEAR = ("LinearLR", {"start_factor": 0.25, "end_factor": 0.75, "total_iters": 6})
EXPONENTIAL = ("ExponentialLR", {"gamma": 0.8})
CONSTANT = ("ConstantLR", {"factor": 0.3, "total_iters": 4})
COSINE = ("CosineAnnealingLR", {"T_max": 7, "eta_min": 0.01})
STEP = ("StepLR", {"step_size": 3, "gamma": 0.5})
LAMBDA = ("LambdaLR", {"lr_lambda": lambda t: 1 / (1 + t)})
PER_GROUP = ("LambdaLR", {"lr_lambda": [lambda t: 0.9**t, lambda t: 0.8**t]})
MULTIPLICATIVE = ("MultiplicativeLR", {"lr_lambda": lambda t: 0.9 + 0.01 * t})

SINGLE = [
    LINEAR, ("LinearLR", {}), EXPONENTIAL, CONSTANT, ("ConstantLR", {}), COSINE, ("CosineAnnealingLR", {"T_max": 1}), STEP,
    LAMBDA, PER_GROUP, MULTIPLICATIVE, ("MultiStepLR", {"milestones": [2, 5, 5, 9], "gamma": 0.3}),
    ("PolynomialLR", {"total_iters": 8, "power": 2.0}), ("PolynomialLR", {}),
    ("CosineAnnealingWarmRestarts", {"T_0": 3}),
    ("CosineAnnealingWarmRestarts", {"T_0": 2, "T_mult": 2, "eta_min": 0.02}),
    ("CyclicLR", {"base_lr": 0.01, "max_lr": [0.3, 0.2], "step_size_up": 3, "step_size_down": 5}),
    ("CyclicLR", {"base_lr": 0.01, "max_lr": 0.1, "step_size_up": 2, "mode": "triangular2", "base_momentum": 0.7}),
    ("CyclicLR", {"base_lr": 0.01, "max_lr": 0.1, "step_size_up": 4, "mode": "exp_range", "gamma": 0.9, "cycle_momentum": False}),
    ("CyclicLR", {"base_lr": 0.01, "max_lr": 0.1, "step_size_up": 4, "scale_fn": lambda x: 1 / x, "scale_mode": "cycle"}),
    ("OneCycleLR", {"max_lr": 0.4, "total_steps": 31}),
    ("OneCycleLR", {"max_lr": [0.4, 0.2], "epochs": 4, "steps_per_epoch": 8, "anneal_strategy": "linear", "pct_start": 0.2}),
    ("OneCycleLR", {"max_lr": 0.4, "total_steps": 40, "three_phase": True, "div_factor": 5.0, "cycle_momentum": False}),
]  # fmt: skip
SEVERAL = [
    ("SequentialLR", [LINEAR, COSINE, EXPONENTIAL], [5, 12]),
    ("SequentialLR", [CONSTANT, MULTIPLICATIVE], [3]),
    ("SequentialLR", [EXPONENTIAL, ("CosineAnnealingWarmRestarts", {"T_0": 3}), STEP], [4, 9]),
    ("SequentialLR", [MULTIPLICATIVE, LAMBDA], [6]),
    ("SequentialLR", [LINEAR, ("OneCycleLR", {"max_lr": 0.4, "total_steps": 40})], [6]),
    ("ChainedScheduler", [CONSTANT, EXPONENTIAL], None),
    ("ChainedScheduler", [LINEAR, COSINE, STEP], None),
]


def optimizers(kind="SGD"):
    settings = {"lr": 0.1, "momentum": 0.9} if kind == "SGD" else {"lr": 0.1}
    made = []
    for library in (ag, torch):
        groups = [{"params": [library.ones(2, requires_grad=True)], **extra} for extra in ({}, {"lr": 0.05})]
        made.append(getattr(library.optim, kind)(groups, **settings))
    return made


def build(library, optimizer, row):
    name, *rest = row
    family = library.optim.lr_scheduler
    if len(rest) == 1:
        return getattr(family, name)(optimizer, **rest[0])
    parts = [build(library, optimizer, r) for r in rest[0]]
    return (
        family.ChainedScheduler(parts) if name == "ChainedScheduler" else family.SequentialLR(optimizer, parts, rest[1])
    )


def numbers(optimizer):
    names = ("lr", "momentum", "betas")
    return [np.ravel(group[n]) for group in optimizer.param_groups for n in names if n in group]


@pytest.mark.parametrize("kind", ["SGD", "Adam"])
@pytest.mark.parametrize("row", [*SINGLE, *SEVERAL], ids=lambda row: row[0])
@pytest.mark.filterwarnings("ignore:Detected call of")  # PyTorch would have the optimizer step first
def test_sequence_is_pytorchs(row, kind):
    ours, theirs = optimizers(kind)
    a, b = build(ag, ours, row), build(torch, theirs, row)
    for _ in range(31):
        np.testing.assert_allclose(
            np.concatenate(numbers(ours)), np.concatenate(numbers(theirs)), rtol=1e-10, atol=1e-16
        )
        np.testing.assert_allclose(a.get_last_lr(), b.get_last_lr(), rtol=1e-10, atol=1e-16)
        a.step()
        b.step()


@pytest.mark.parametrize("row", [*SINGLE, *SEVERAL], ids=lambda row: row[0])
def test_a_saved_schedule_goes_on(row, tmp_path):
    """After 9 steps, saved and loaded into a schedule made anew, the rates are those of one that was not interrupted."""
    straight, _ = optimizers()
    schedule = build(ag, straight, row)
    for _ in range(9):
        schedule.step()
    path = tmp_path / "state.safetensors"
    ag.save({"schedule": schedule.state_dict(), "optimizer": straight.state_dict()}, path)
    resumed, _ = optimizers()
    again = build(ag, resumed, row)
    saved = ag.load(path)
    again.load_state_dict(saved["schedule"])
    resumed.load_state_dict(saved["optimizer"])
    for _ in range(9):
        assert again.get_last_lr() == schedule.get_last_lr()
        for a, b in zip(numbers(straight), numbers(resumed), strict=True):
            np.testing.assert_array_equal(a, b)
        schedule.step()
        again.step()


METRICS = [
    3.0,
    2.0,
    2.0,
    1.99995,
    2.5,
    2.5,
    1.0,
    1.0,
    1.0,
    1.0,
    1.0,
    1.0,
    0.5,
    0.5,
    0.5,
    0.5,
    math.nan,
    0.1,
    0.1,
    0.1,
    0.1,
]


@pytest.mark.parametrize(
    "settings",
    [
        {"patience": 2},
        {"patience": 0, "factor": 0.5, "cooldown": 2},
        {"patience": 1, "threshold": 0.6, "threshold_mode": "abs"},
        {"patience": 1, "mode": "max", "threshold": 0.1},
        {"patience": 1, "mode": "max", "threshold_mode": "abs", "min_lr": [0.01, 0.04]},
        {"patience": 0, "min_lr": 0.03, "eps": 0.02},
    ],
)
def test_plateau_is_pytorchs(settings):
    ours, theirs = optimizers()
    a = ag.optim.lr_scheduler.ReduceLROnPlateau(ours, **settings)
    b = torch.optim.lr_scheduler.ReduceLROnPlateau(theirs, **settings)
    for k, metric in enumerate(METRICS):
        a.step(ag.tensor(metric) if k % 2 else metric)
        b.step(metric)
        np.testing.assert_allclose(a.get_last_lr(), b.get_last_lr(), rtol=1e-12)
        if k == 8:  # saved and loaded on the way
            state, a = a.state_dict(), ag.optim.lr_scheduler.ReduceLROnPlateau(ours, **settings)
            a.load_state_dict(state)


def test_warm_restarts_take_fractions_of_epochs():
    ours, theirs = optimizers()
    a = ag.optim.lr_scheduler.CosineAnnealingWarmRestarts(ours, 3, 2)
    b = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(theirs, 3, 2)
    for epoch in np.arange(0, 20, 0.37):
        a.step(float(epoch))
        b.step(float(epoch))
        np.testing.assert_allclose(a.get_last_lr(), b.get_last_lr(), rtol=1e-9)


def test_every_one_of_pytorchs_schedules_is_here():
    theirs = set(torch.optim.lr_scheduler.__all__)
    assert theirs <= set(dir(ag.optim.lr_scheduler))


def test_a_schedule_may_change_what_the_user_changed():
    """The rate that a user sets by hand is the one that the next step multiplies."""
    optimizer, _ = optimizers()
    schedule = ag.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    optimizer.param_groups[0]["lr"] = 8.0
    schedule.step()
    assert schedule.get_last_lr() == [4.0, 0.025]


def test_going_on_at_an_epoch():
    optimizer, _ = optimizers()
    with pytest.raises(KeyError, match="group 0 has no 'initial_lr'"):
        ag.optim.lr_scheduler.StepLR(optimizer, 2, last_epoch=3)
    for group in optimizer.param_groups:
        group["initial_lr"] = 1.0
    schedule = ag.optim.lr_scheduler.LambdaLR(optimizer, lambda t: 0.5**t, last_epoch=2)
    assert schedule.get_last_lr() == [0.125, 0.125]


schedulers = ag.optim.lr_scheduler


@pytest.mark.parametrize(
    ("make", "kind", "message"),
    [
        (lambda o: schedulers.StepLR("Adam", 2), TypeError, "StepLR: schedules an optimizer, not str"),
        (lambda o: schedulers.LambdaLR(o, [abs]), ValueError, "1 values for 2 parameter groups"),
        (lambda o: schedulers.LambdaLR(o, 0.5), TypeError, "a function of the epoch, not float"),
        (lambda o: schedulers.ConstantLR(o, 2.0), ValueError, "from 0 to 1, not 2.0"),
        (lambda o: schedulers.LinearLR(o, 0.0), ValueError, "start_factor is above 0"),
        (lambda o: schedulers.CosineAnnealingWarmRestarts(o, 0), ValueError, "T_0 is a whole number from 1, not 0"),
        (lambda o: schedulers.CosineAnnealingWarmRestarts(o, 1).step(-1), ValueError, "0 or more, not -1"),
        (lambda o: schedulers.CyclicLR(o, 0, 1, mode="square"), ValueError, "not 'square'"),
        (lambda o: schedulers.OneCycleLR(o, 1.0), ValueError, "give total_steps, or epochs and steps_per_epoch"),
        (lambda o: schedulers.OneCycleLR(o, 1.0, 5, pct_start=2.0), ValueError, "pct_start is from 0 to 1"),
        (lambda o: schedulers.OneCycleLR(o, 1.0, 5, anneal_strategy="log"), ValueError, "not 'log'"),
        (
            lambda o: [schedulers.OneCycleLR(o, 1.0, 2).step() for _ in range(1)] and step_past(o),
            ValueError,
            "a cycle of 2",
        ),
        (lambda o: schedulers.ReduceLROnPlateau(o, factor=1.0), ValueError, "factor is below 1"),
        (lambda o: schedulers.ReduceLROnPlateau(o, mode="low"), ValueError, "'low'"),
        (
            lambda o: schedulers.SequentialLR(o, [schedulers.StepLR(o, 1)], [1]),
            ValueError,
            "1 milestones for 1 schedules",
        ),
        (lambda o: schedulers.ChainedScheduler([]), ValueError, "at least one schedule"),
        (
            lambda o: schedulers.ChainedScheduler([schedulers.ReduceLROnPlateau(o)]),
            TypeError,
            "does not step on its own",
        ),
        (
            lambda o: schedulers.ChainedScheduler([schedulers.StepLR(o, 1), schedulers.StepLR(optimizers()[0], 1)]),
            ValueError,
            "schedule 1 belongs to another optimizer",
        ),
        (lambda o: schedulers.StepLR(o, 1).load_state_dict({"last_epoch": 3}), ValueError, "lacks step_size, gamma"),
        (lambda o: schedulers.ReduceLROnPlateau(o).load_state_dict({}), ValueError, "lacks mode"),
    ],
)
def test_messages(make, kind, message):
    with pytest.raises(kind, match=message):
        make(optimizers()[0])


def step_past(optimizer):
    schedule = schedulers.OneCycleLR(optimizer, 1.0, 2)
    for _ in range(3):
        schedule.step()


def test_momentum_that_is_not_there():
    optimizer = ag.optim.Adagrad([ag.ones(1, requires_grad=True)])
    with pytest.raises(ValueError, match="Adagrad has neither momentum nor betas"):
        schedulers.OneCycleLR(optimizer, 1.0, 5)


def test_a_state_that_does_not_fit_changes_nothing():
    optimizer, _ = optimizers()
    schedule = build(ag, optimizer, ("SequentialLR", [LINEAR, STEP], [4]))
    before = schedule.state_dict()
    wrong = {**before, "_schedulers": [{**before["_schedulers"][0], "last_epoch": 77}, {}]}
    with pytest.raises(ValueError, match="the saved state lacks"):
        schedule.load_state_dict(wrong)
    assert schedule.state_dict() == before
