"""Optimizers against PyTorch's over 100 steps and all options; recorded steps; groups, state, messages."""

import itertools
import re
import subprocess
import sys

import numpy as np
import pytest

import autograd_nn as ag
from autograd_nn.kernels import update_rules
from autograd_nn.ops import updates

torch = pytest.importorskip("torch")


def options(**choices):
    """Every combination of the choices."""
    names = list(choices)
    return [dict(zip(names, values, strict=True)) for values in itertools.product(*choices.values())]


DECAYS = {"weight_decay": [0.0, 0.1], "maximize": [False, True]}
TABLE = [
    *[("SGD", o) for o in options(lr=[0.1], momentum=[0.0, 0.9], dampening=[0.0, 0.3], **DECAYS)],
    *[("SGD", o) for o in options(lr=[0.1], momentum=[0.9], nesterov=[True], **DECAYS)],
    *[("Adam", o) for o in options(lr=[0.01], amsgrad=[False, True], decoupled_weight_decay=[False, True], **DECAYS)],
    ("Adam", {"betas": (0.5, 0.7), "eps": 1e-3}),
    *[("AdamW", o) for o in options(lr=[0.01], amsgrad=[False, True], **DECAYS)],
    ("AdamW", {}),
    *[("Adamax", o) for o in options(lr=[0.01], betas=[(0.9, 0.999), (0.6, 0.8)], **DECAYS)],
    *[("NAdam", o) for o in options(lr=[0.01], decoupled_weight_decay=[False, True], momentum_decay=[4e-3, 0.1], **DECAYS)],
    *[("RAdam", o) for o in options(betas=[(0.9, 0.999), (0.8, 0.9)], decoupled_weight_decay=[False, True], **DECAYS)],
    *[("Adagrad", o) for o in options(lr_decay=[0.0, 0.1], initial_accumulator_value=[0.0, 0.5], eps=[1e-10, 1e-2], **DECAYS)],
    *[("Adadelta", o) for o in options(rho=[0.9, 0.5], eps=[1e-6, 1e-3], **DECAYS)],
    *[("RMSprop", o) for o in options(alpha=[0.9], momentum=[0.0, 0.5], centered=[False, True], **DECAYS)],
    *[("Rprop", o) for o in options(etas=[(0.5, 1.2), (0.7, 1.5)], step_sizes=[(1e-6, 50), (1e-3, 0.05)])],
    ("Rprop", {"maximize": True}),
    *[("ASGD", o) for o in options(lr=[0.1], lambd=[1e-4, 0.1], alpha=[0.75], t0=[1e6, 20], **DECAYS)],
]  # fmt: skip
SHAPES = {"few": [(3,), (4, 5), (), (0, 2)], "many": [(130, 127), (50,), ()]}


def label(value):
    return ",".join(f"{k}={v}" for k, v in value.items()) if isinstance(value, dict) else None


def made(name, settings, shapes, dtype, seed=0):
    """The same parameters here and in PyTorch, and an optimizer for each."""
    rng = np.random.default_rng(seed)
    arrays = [rng.standard_normal(s).astype(dtype) for s in shapes]
    ours = [ag.tensor(a, requires_grad=True) for a in arrays]
    theirs = [torch.tensor(a, requires_grad=True) for a in arrays]
    return ours, theirs, getattr(ag.optim, name)(ours, **settings), getattr(torch.optim, name)(theirs, **settings)


def give_gradients(rng, ours, theirs=()):
    for k, p in enumerate(ours):
        g = rng.standard_normal(p.shape).astype(p.dtype)
        p.grad = g
        if theirs:
            theirs[k].grad = torch.tensor(g)


def worst(ours, theirs):
    """The largest difference, relative to the largest parameter."""
    pairs = [(p.numpy(), q.detach().numpy()) for p, q in zip(ours, theirs, strict=True) if p.size]
    return max(float(np.abs(p - q).max() / max(1.0, np.abs(q).max())) for p, q in pairs)


SMALL = [(*row, "few", dtype) for row in TABLE for dtype in (np.float32, np.float64)]
LARGE = [(name, {}, "many", np.float32) for name in dict(TABLE)]


@pytest.mark.parametrize(("name", "settings", "size", "dtype"), SMALL + LARGE, ids=label)
def test_a_hundred_steps_are_pytorchs(name, settings, size, dtype):
    ours, theirs, a, b = made(name, settings, SHAPES[size], dtype)
    rng = np.random.default_rng(1)
    for _ in range(100):
        give_gradients(rng, ours, theirs)
        a.step()
        b.step()
    assert all(p.dtype == dtype for p in ours)
    # PyTorch keeps NAdam's product of momenta and ASGD's rates in float32, whatever the parameters are.
    tolerance = 1e-5 if dtype == np.float32 else {"NAdam": 1e-9, "ASGD": 1e-6}.get(name, 1e-12)
    assert worst(ours, theirs) < tolerance


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rule", update_rules.STATES, ids=lambda rule: rule.__name__)
def test_every_way_gives_the_same_bits(rule, dtype, monkeypatch):
    """A native loop, arrays joined, arrays one by one, and plain operations in a record."""
    update = updates.UPDATES[rule.__name__]
    rng = np.random.default_rng(2)
    shapes = [(70, 300), (5,), (), (0, 3), (200, 40)]
    start = [[rng.random(s).astype(dtype) for _ in range(1 + len(update.states))] for s in shapes]
    for row in start:
        if "centered" in rule.__name__:
            row[1] += 2  # a mean of squares is at least the square of the mean
        row[0:1] = [np.asfortranarray(row[0])] if row[0].shape == (200, 40) else row[0:1]
        row[1:] = [
            np.asarray(s, order="F") if row[0].flags.f_contiguous and not row[0].flags.c_contiguous else s
            for s in row[1:]
        ]
    gradients = [[rng.standard_normal(s).astype(dtype) for s in shapes] for _ in range(3)]
    coefficients = dict.fromkeys(update.coefficients, 0.4) | {"alpha": 0.6}

    def run(native, record=False):
        monkeypatch.setattr(updates, "NATIVE", 10**9 if native == "joined" else 0)
        rows = [[ag.tensor(np.array(a, order="K")) for a in row] for row in start]
        block = updates.Block(update, rows)
        block._fits = native == "native"
        for given in gradients:
            tensors = [ag.tensor(g) for g in given]
            if record:
                with ag.record(expand=native == "expanded"), ag.no_grad():
                    block.step(tensors, {k: ag.tensor(np.float64(v)) for k, v in coefficients.items()})
            else:
                block.step(tensors, coefficients)
        return [t.numpy() for row in rows for t in row]

    expected = run("joined")
    for native, record in [("native", False), ("one by one", False), ("", True), ("expanded", True)]:
        for found, value in zip(run(native, record), expected, strict=True):
            np.testing.assert_array_equal(found, value)


@pytest.mark.parametrize("expand", [False, True])
@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("SGD", {"lr": 0.1}), ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.5}), ("Adam", {}), ("AdamW", {"amsgrad": True}),
        ("Adamax", {}), ("NAdam", {}), ("RAdam", {"betas": (0.8, 0.9)}), ("Adagrad", {"lr_decay": 0.1}), ("Adadelta", {}),
        ("RMSprop", {"momentum": 0.5, "centered": True}), ("Rprop", {}), ("ASGD", {"lambd": 0.1, "t0": 1.0}),
    ],
    ids=label,
)  # fmt: skip
def test_a_recorded_step_is_the_program_of_every_step(name, settings, expand):
    """The record of the first step, run again and again, gives what steps give: nothing that changes is a constant in it."""
    ours, twins, a, _ = made(name, settings, [(3, 2), (4,)], np.float64)
    twins = [ag.tensor(p.detach(), requires_grad=True) for p in ours]
    b = getattr(ag.optim, name)(twins, **settings)
    rng = np.random.default_rng(3)
    gradients = [[rng.standard_normal(p.shape) for p in ours] for _ in range(8)]

    def give(params, arrays):
        for p, g in zip(params, arrays, strict=True):
            p.grad = g

    give(ours, gradients[0])
    inputs = [p.grad for p in ours]
    with ag.record(*inputs, expand=expand) as r:
        a.step()
    assert not r.notes, "a number left the graph"
    memory = {v: np.array(v.data if v.initial is None else v.initial) for v in r.values if v.producer is None}
    inputs = [r.value_of(g) for g in inputs]
    rates = [
        v for v in r.values if v.producer is None and v.shape == () and v.data.dtype == np.float64 and v.kind != "state"
    ]
    assert rates, "the hyperparameters are in the record"
    values = [r.value_of(p) for p in ours]
    for step, arrays in enumerate(gradients):
        for v, g in zip(inputs, arrays, strict=True):
            memory[v][...] = g
        for e in r.entries:
            results = e.run([memory[v] if type(v).__name__ == "Value" else v for v in e.inputs])
            for v, result in zip([v for v in e.outputs if v is not None], results, strict=True):
                memory[v] = np.asarray(result)
        give(twins, arrays)
        b.step()
        for v, twin in zip(values, twins, strict=True):
            np.testing.assert_allclose(memory[v], twin.numpy(), rtol=1e-12, atol=1e-14, err_msg=f"step {step}")


def test_a_recorded_step_reads_as_one_line_a_parameter():
    ours, _, a, _ = made("Adam", {}, [(3,), (2,)], np.float32)
    give_gradients(np.random.default_rng(0), ours)
    with ag.record() as r:
        a.step()
    names = [e.name for e in r.entries]
    assert names.count("adam") == 2
    assert names.count("assign") == 2 * 3 + 1  # values, means, squares, and one count


def test_parameters_without_gradient_stay_and_count_for_themselves():
    """As in PyTorch, a parameter's bias correction is by its own steps, whichever parameters were left out when."""
    ours, theirs, a, b = made("Adam", {"lr": 0.1}, [(2,)] * 4, np.float64)
    rng = np.random.default_rng(4)
    for step in range(30):
        give_gradients(rng, ours, theirs)
        for k in range(4):
            if (step % 3 == 0 and k == 1) or (step < 9 and k == 2) or (step in (0, 5) and k != 3):
                ours[k].grad = theirs[k].grad = None
        a.step()
        b.step()
    assert worst(ours, theirs) < 1e-12
    assert [a.state[p]["step"].item() for p in ours] == [b.state[q]["step"].item() for q in theirs]


def test_groups_are_pytorchs():
    """Hyperparameters of their own, names, groups that come later, numbers set by hand on the way."""
    ours, theirs, _, _ = made("SGD", {"lr": 0.1}, [(2,), (3,), (4,)], np.float64)
    pairs = []
    for library, (u, v, w) in ((ag, ours), (torch, theirs)):
        groups = [{"params": [("u", u)], "lr": 0.5, "weight_decay": 1}, {"params": [("v", v)], "betas": (0.5, 0.9)}]
        optimizer = library.optim.Adam(groups, lr=0.01)
        optimizer.add_param_group({"params": [("w", w)], "amsgrad": True})
        pairs.append(optimizer)
    a, b = pairs
    rng = np.random.default_rng(5)
    for step in range(20):
        for optimizer in pairs:
            optimizer.param_groups[0]["lr"] *= 0.9
            optimizer.param_groups[1]["betas"] = (0.5 + 0.01 * step, 0.9)
        give_gradients(rng, ours, theirs)
        a.step()
        b.step()
    assert worst(ours, theirs) < 1e-12
    assert [g["param_names"] for g in a.param_groups] == [["u"], ["v"], ["w"]]
    assert a.param_groups[0]["lr"] == pytest.approx(b.param_groups[0]["lr"])
    a.param_groups[2]["lr"] = 1  # an int is a number, too
    assert a.param_groups[2]["lr"] == 1.0 and isinstance(a.param_groups[2].state("lr"), ag.Tensor)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("SGD", {"lr": 0.1, "momentum": 0.9}), ("Adam", {"amsgrad": True}), ("AdamW", {}), ("Adamax", {}), ("NAdam", {}),
        ("RAdam", {}), ("Adagrad", {}), ("Adadelta", {}), ("RMSprop", {"momentum": 0.5, "centered": True}),
    ],
    ids=label,
)  # fmt: skip
def test_state_goes_to_pytorch_and_back(name, settings):
    """PyTorch's state_dict loads here and goes on as PyTorch does; ours loads there."""
    ours, theirs, a, b = made(name, settings, [(2, 3), (4,)], np.float64)
    rng = np.random.default_rng(6)
    for _ in range(7):
        for q in theirs:
            q.grad = torch.tensor(rng.standard_normal(tuple(q.shape)))
        b.step()
    for p, q in zip(ours, theirs, strict=True):
        ag.assign(p, q.detach().numpy())
    a.load_state_dict(b.state_dict())
    for _ in range(7):
        give_gradients(rng, ours, theirs)
        a.step()
        b.step()
    assert worst(ours, theirs) < 1e-9
    state = a.state_dict()
    known = {k for entries in b.state_dict()["state"].values() for k in entries}
    there = {
        i: {k: torch.tensor(v.numpy()) for k, v in entries.items() if k in known}
        for i, entries in state["state"].items()
    }
    b.load_state_dict(
        {"state": there, "param_groups": [g | b.state_dict()["param_groups"][0] for g in state["param_groups"]]}
    )
    for _ in range(7):
        give_gradients(rng, ours, theirs)
        a.step()
        b.step()
    assert worst(ours, theirs) < 1e-9


def test_loading_writes_into_the_tensors_that_are_there():
    """A recorded step knows states by identity."""
    ours, _, a, _ = made("Adam", {}, [(2,), (3,)], np.float32)
    rng = np.random.default_rng(7)
    give_gradients(rng, ours)
    a.step()
    before = {(id(p), k): t for p in ours for k, t in a.state[p].items()}
    lr = a.param_groups[0].state("lr")
    saved = ag.optim.Adam([ag.ones(2, requires_grad=True), ag.ones(3, requires_grad=True)], lr=0.5).state_dict()
    other = a.state_dict()
    other = {
        "state": {i: {k: np.array(t.numpy()) + 1 for k, t in e.items()} for i, e in other["state"].items()},
        "param_groups": saved["param_groups"],
    }
    a.load_state_dict(other)
    for p in ours:
        for k, t in a.state[p].items():
            assert t is before[id(p), k]
    assert a.state[ours[0]]["step"] is a.state[ours[1]]["step"], "parameters that step together share their count"
    assert a.state[ours[0]]["step"].item() == 2.0
    assert a.param_groups[0].state("lr") is lr and lr.item() == 0.5


def test_an_old_graph_notices_a_step():
    """A step writes into memory that a graph may still need: walking it says so."""
    for size in (3, 20_000):
        w = ag.tensor(np.ones(size), requires_grad=True)
        optimizer = ag.optim.Adam([w])
        loss = (w * w).sum()
        w.grad = np.ones(size)
        optimizer.step()
        with pytest.raises(RuntimeError, match="changed since by assign"):
            loss.backward()


def test_training_goes_down_and_closures_return_the_loss():
    rng = np.random.default_rng(8)
    x, y = rng.standard_normal((64, 5)), rng.standard_normal(64)
    for name in ("SGD", "Adam", "AdamW", "Adamax", "NAdam", "RAdam", "Adagrad", "Adadelta", "RMSprop", "LBFGS"):
        w = ag.tensor(np.zeros(5), requires_grad=True)
        optimizer = getattr(ag.optim, name)([w], lr=1.0 if name in ("Adadelta", "LBFGS") else 0.05)

        def closure():
            optimizer.zero_grad()
            loss = ((x @ w - y) ** 2).mean()
            loss.backward()
            return loss

        with ag.no_grad():  # the closure records all the same
            first = optimizer.step(closure)
            for _ in range(10):
                last = optimizer.step(closure)
        assert float(last) < float(first), name


def test_zero_grad():
    w, v = ag.ones(2, requires_grad=True), ag.ones(2, requires_grad=True)
    optimizer = ag.optim.SGD([w, v], lr=0.1)
    (3.0 * w).sum().backward()
    held = w.grad
    optimizer.zero_grad(set_to_none=False)
    assert w.grad is held and held.tolist() == [0.0, 0.0] and v.grad is None
    optimizer.zero_grad()
    assert w.grad is None
    optimizer.step()
    assert w.tolist() == [1.0, 1.0] and not optimizer.state


def test_an_optimizer_of_ones_own():
    """As in PyTorch: defaults, param_groups, state, and a step that assigns."""

    class Sign(ag.optim.Optimizer):
        def __init__(self, params, lr=0.1):
            super().__init__(params, {"lr": lr})

        def step(self, closure=None):
            loss = self.loss_of(closure)
            for group in self.param_groups:
                for p in group["params"]:
                    seen = self.state.setdefault(p, {"seen": 0})
                    seen["seen"] += 1
                    ag.assign(p, p.detach() - group["lr"] * np.sign(p.grad))
            return loss

    w = ag.tensor([1.0, -1.0], requires_grad=True)
    optimizer = Sign([w])
    scheduler = ag.optim.lr_scheduler.StepLR(optimizer, 1, 0.5)
    (w * w).sum().backward()
    optimizer.step()
    scheduler.step()
    np.testing.assert_allclose(w.numpy(), [0.9, -0.9], rtol=1e-6)
    assert optimizer.state_dict()["state"] == {0: {"seen": 1}}
    assert optimizer.param_groups[0]["lr"] == 0.05


def test_lbfgs_is_pytorchs():
    for settings in (
        {"lr": 1e-3},
        {"line_search_fn": "strong_wolfe"},
        {"line_search_fn": "strong_wolfe", "history_size": 2, "max_iter": 5, "lr": 0.5},
        {"line_search_fn": "strong_wolfe", "max_eval": 7},
    ):
        runs = []
        for library in (ag, torch):
            w = library.tensor(np.array([-1.0, 2.0, 0.5, 3.0]), requires_grad=True)
            v = library.tensor(np.array([[0.3], [0.7]]), requires_grad=True)
            optimizer = library.optim.LBFGS([w, v], **settings)
            losses = []

            def closure():
                optimizer.zero_grad()
                loss = ((1 - w[:-1]) ** 2 + 100 * (w[1:] - w[:-1] ** 2) ** 2).sum() + (v * v).sum() * w[0] ** 2
                loss.backward()
                losses.append(loss.item())
                return loss

            for _ in range(4):
                optimizer.step(closure)
            runs.append((losses, w.detach().numpy(), v.detach().numpy(), optimizer))
        (a, wa, va, ours), (b, wb, vb, _) = runs
        assert len(a) == len(b)
        np.testing.assert_allclose(a, b, rtol=1e-7)
        np.testing.assert_allclose(wa, wb, rtol=1e-7)
        np.testing.assert_allclose(va, vb, rtol=1e-7)
        again = ag.optim.LBFGS(ours.param_groups[0]["params"], **settings)
        again.load_state_dict(ours.state_dict())
        assert again.state_dict()["state"][0]["n_iter"] == ours.state_dict()["state"][0]["n_iter"]


def leaf(*shape, **kw):
    return ag.ones(shape, requires_grad=True, **kw)


W = leaf(2)


@pytest.mark.parametrize(
    ("make", "kind", "message"),
    [
        (lambda: ag.optim.SGD([]), ValueError, "SGD: got no parameters; does the model have any"),
        (lambda: ag.optim.SGD(iter([])), ValueError, "got no parameters"),
        (lambda: ag.optim.SGD([{"params": []}]), ValueError, "a parameter group without parameters"),
        (lambda: ag.optim.SGD(W), TypeError, "the parameters are a Tensor; pass a list"),
        (lambda: ag.optim.SGD({W}), TypeError, "the parameters are a set"),
        (lambda: ag.optim.SGD([np.ones(2)]), TypeError, "parameter 0 is a ndarray; an optimizer changes Tensors"),
        (lambda: ag.optim.SGD([W * 2.0]), ValueError, r"parameter 0 of shape \(2,\) is the result of multiply"),
        (lambda: ag.optim.SGD([W, W]), ValueError, r"parameter 1 of shape \(2,\) is there twice"),
        (lambda: ag.optim.SGD([("a", W), ("b", W)]), ValueError, "parameter 'b' of shape"),
        (lambda: ag.optim.SGD([{"params": [W]}, {"params": [W]}]), ValueError, "is there twice"),
        (lambda: ag.optim.SGD([ag.tensor([1, 2])]), TypeError, "parameter 0 is int64; only floating"),
        (lambda: ag.optim.SGD([("a", W), leaf(1)]), ValueError, "name all or none"),
        (lambda: ag.optim.SGD([{"lr": 1.0}]), ValueError, "has no 'params'"),
        (lambda: ag.optim.SGD([W], lr=-1), ValueError, "SGD: lr must be 0 or more, got -1.0"),
        (lambda: ag.optim.SGD([{"params": [W], "lr": -2}]), ValueError, "lr must be 0 or more, got -2.0"),
        (lambda: ag.optim.SGD([W], lr=float("nan")), ValueError, "lr must be 0 or more, got nan"),
        (lambda: ag.optim.SGD([W], nesterov=True), ValueError, "nesterov needs a momentum and no dampening"),
        (lambda: ag.optim.SGD([W], momentum=-0.1), ValueError, "momentum must be 0 or more"),
        (lambda: ag.optim.SGD([W], differentiable=True), ValueError, "not differentiable"),
        (lambda: ag.optim.SGD([W], leaning_rate=1), TypeError, "there is no argument 'leaning_rate'"),
        (lambda: ag.optim.Adam([W], betas=(1.0, 0.9)), ValueError, r"betas must be at least 0 and below 1, got \(1.0, 0.9\)"),
        (lambda: ag.optim.Adam([W], eps=-1), ValueError, "eps must be 0 or more"),
        (lambda: ag.optim.AdamW([W], weight_decay=-1), ValueError, "AdamW: weight_decay must be"),
        (lambda: ag.optim.NAdam([W], momentum_decay=-1), ValueError, "NAdam: momentum_decay must be"),
        (lambda: ag.optim.Adagrad([W], lr_decay=-1), ValueError, "Adagrad: lr_decay must be"),
        (lambda: ag.optim.Adadelta([W], rho=1.5), ValueError, "rho must be at most 1, got 1.5"),
        (lambda: ag.optim.RMSprop([W], alpha=-1), ValueError, "RMSprop: alpha must be"),
        (lambda: ag.optim.LBFGS([W], line_search_fn="armijo"), ValueError, "None or 'strong_wolfe', not 'armijo'"),
        (lambda: ag.optim.LBFGS([{"params": [W]}, {"params": [leaf(1)]}]), ValueError, "LBFGS: takes one parameter group"),
        (lambda: ag.optim.LBFGS([W]).step(), TypeError, "step needs a closure"),
        (lambda: ag.optim.SGD([W]).param_groups[0].update(lr="fast"), TypeError, "lr: takes a number, not str"),
        (lambda: ag.optim.Adam([W]).param_groups[0].update(betas=(0.1,)), ValueError, "betas: takes 2 numbers, not 1"),
    ],
)  # fmt: skip
def test_messages(make, kind, message):
    with pytest.raises(kind, match=message):
        make()


def test_a_group_that_is_refused_is_not_added():
    optimizer = ag.optim.SGD([leaf(2)], lr=0.1)
    for group in ({"params": [leaf(1)], "lr": -1.0}, {"params": [np.ones(1)]}, {"params": [leaf(1), 3]}):
        with pytest.raises((ValueError, TypeError)):
            optimizer.add_param_group(group)
    assert len(optimizer.param_groups) == 1


def trained(shapes=((2,), (3, 1))):
    params = [leaf(*s) for s in shapes]
    optimizer = ag.optim.Adam(params, lr=0.1)
    for p in params:
        p.grad = np.ones(p.shape, np.float32)
    optimizer.step()
    return optimizer


def edited(change):
    state = trained().state_dict()
    change(state)
    return state


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda s: s["state"][1].update(exp_avg=np.ones((3, 2))),
            "'exp_avg' of parameter 1 has shape (3, 2), it must be (3, 1)",
        ),
        (lambda s: s["state"][1].update(step=np.ones(2)), "'step' of parameter 1 has shape (2,), it must be ()"),
        (
            lambda s: s["state"][0].update(momentum_buffer=np.ones(2)),
            "has 'momentum_buffer', this optimizer keeps 'step', 'exp_avg'",
        ),
        (lambda s: s["state"].update({7: {}}), "the saved state is of parameter 7, which is in none of its groups"),
        (lambda s: s["param_groups"][0].update(params=[0]), "groups of [1] parameters, this optimizer of [2]"),
        (lambda s: s["param_groups"].append({"params": [2]}), "groups of [2, 1] parameters, this optimizer of [2]"),
        (lambda s: s["param_groups"][0].update(lr=-3.0), "lr must be 0 or more, got -3.0"),
        (lambda s: s["param_groups"][0].update(lr="x"), "lr: takes a number, not str"),
        (lambda s: s["state"][0].update(exp_avg=np.array(["a", "b"])), "is <U1, which is no number"),
        (lambda s: s.pop("state"), "has 'state' and 'param_groups'; this is a dict"),
    ],
)
def test_a_state_that_does_not_fit_changes_nothing(change, message):
    optimizer, wrong = trained(), edited(change)
    before = optimizer.state_dict()
    values = {(i, k): np.array(t.numpy()) for i, e in before["state"].items() for k, t in e.items()}
    with pytest.raises((ValueError, TypeError), match=re.escape(message)):
        optimizer.load_state_dict(wrong)
    after = optimizer.state_dict()
    assert after["param_groups"] == before["param_groups"]
    assert {(i, k) for i, e in after["state"].items() for k in e} == set(values)
    for i, entries in after["state"].items():
        for k, t in entries.items():
            np.testing.assert_array_equal(t.numpy(), values[i, k])


def test_a_parameter_that_cannot_be_written_is_named():
    array = np.ones((2, 2))
    array.flags.writeable = False
    w = ag.from_numpy(array, requires_grad=True)
    optimizer = ag.optim.SGD([w])
    w.grad = np.ones((2, 2))
    with pytest.raises(ValueError, match=r"sgd: a parameter of shape \(2, 2\), float64, has read-only memory"):
        optimizer.step()


def test_training_something_small_does_not_load_numba():
    code = """
import sys, numpy as np, autograd_nn as ag
w = ag.ones((20, 20), requires_grad=True)
optimizer = ag.optim.AdamW([w])
w.grad = np.ones((20, 20), np.float32)
optimizer.step()
assert "numba" not in sys.modules and w.numpy()[0, 0] < 1
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_small_step_wakes_no_thread():
    """A worker that wakes spins for a while: on a machine with two cores that is half of it, for a step of microseconds."""
    code = """
import threading, numpy as np, numba, autograd_nn as ag
ag.set_num_threads(4)
for size, threads in ((400, 1), (400_000, 4)):
    w = ag.ones(size, requires_grad=True)
    w.grad = np.ones(size, np.float32)
    ag.optim.SGD([w]).step()
    assert threading.active_count() == threads, (size, threading.active_count())
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_parameter_that_was_changed_behind_the_optimizer_is_refused():
    """Were its memory taken for what it was, a native loop would write beyond it."""
    for size in (4, 40_000):
        w = ag.ones(size, requires_grad=True)
        optimizer = ag.optim.Adam([w])
        w.grad = np.ones(size, np.float32)
        optimizer.step()
        w._adopt(np.ones(size - 1, np.float32))
        w.requires_grad_()
        w.grad = np.ones(size - 1, np.float32)
        with pytest.raises(ValueError, match=r"has a state of shape .*; make the optimizer after"):
            optimizer.step()


def test_states_follow_a_parameter_that_was_given_another_dtype():
    for size in (4, 40_000):
        w = ag.ones(size, requires_grad=True)
        optimizer = ag.optim.Adam([w])
        w.grad = np.ones(size, np.float32)
        optimizer.step()
        w._initialise(w.detach(), dtype=np.float64, requires_grad=True)
        w.grad = np.ones(size)
        optimizer.step()
        assert w.dtype == np.float64
        np.testing.assert_allclose(w.numpy(), 1.0 - 2 * 1e-3, rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.float16, np.longdouble])
def test_other_floating_types_step_too(dtype):
    w = ag.tensor(np.ones(40_000, dtype), requires_grad=True)
    w.grad = np.ones(40_000, dtype)
    optimizer = ag.optim.SGD([w], lr=0.5, momentum=0.5)
    optimizer.step()
    assert w.dtype == dtype and w.numpy()[7] == 0.5


def test_parameters_that_are_views_or_laid_out_by_columns():
    base = np.ones((200, 300))
    for array in (base[::2, ::2], np.asfortranarray(base), base.T):
        w = ag.from_numpy(array.copy(order="K") if array.flags.f_contiguous else array, requires_grad=True)
        g = np.random.default_rng(0).standard_normal(w.shape)
        w.grad = g
        expected = w.numpy() - 0.5 * g
        ag.optim.SGD([w], lr=0.5).step()
        np.testing.assert_array_equal(w.numpy(), expected)


def test_repr_lists_the_groups():
    text = repr(ag.optim.Adam([W], lr=0.25))
    assert (
        text.startswith("Adam (\nParameter Group 0\n    amsgrad: False\n    betas: (0.9, 0.999)") and "lr: 0.25" in text
    )


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "RMSprop"])
def test_gradients_of_compiled_kernels_are_taken(name):
    """The dtype of an array that a compiled kernel made equals NumPy's, and may be another object."""
    weight = ag.tensor(np.ones((4, 1, 3, 3), np.float32), requires_grad=True)
    optimizer = getattr(ag.optim, name)([weight], lr=0.1)
    (ag.conv2d(ag.tensor(np.ones((2, 1, 6, 6), np.float32)), weight) ** 2).mean().backward()
    optimizer.step()
    assert (weight.numpy() < 1.0).all()


@pytest.mark.parametrize(
    "broken",
    [{"state": 5}, {"state": {0: 5}}, {"param_groups": 5}, {"param_groups": [5]}, {"param_groups": [{"lr": 0.1}]}],
    ids=str,
)
def test_a_state_of_another_structure_is_refused(broken):
    optimizer = ag.optim.Adam([ag.tensor([1.0], requires_grad=True)], lr=0.5)
    with pytest.raises(ValueError, match="'param_groups' is a list of mappings"):
        optimizer.load_state_dict({**optimizer.state_dict(), **broken})
    assert optimizer.param_groups[0]["lr"] == 0.5
