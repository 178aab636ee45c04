"""Modules and containers: what they hold, however it is held; calls and their paths; state; copies; memory; threads."""

import collections
import copy
import dataclasses
import gc
import pickle
import threading
import weakref

import numpy as np
import pytest

import autograd_nn as ag
from autograd_nn import nn, optim


def names(module):
    return [name for name, _ in module.named_parameters()]


def scopes(module, *inputs):
    """The paths of the modules in which the recorded operations of a call ran, in order and each once."""
    with ag.record(*inputs) as r:
        module(*inputs)
    return list(dict.fromkeys([e.scope.path for e in r.entries if e.scope is not None]))


class Two(nn.Module):
    """A module for copying and pickling, which need it at the top of a file."""

    def __init__(self):
        self.first = nn.Linear(2, 3)
        self.norm = nn.BatchNorm1d(3)
        self.rest = [nn.Linear(3, 3), {"last": nn.Linear(3, 1)}]
        self.scale = nn.Parameter([2.0])
        self.seen = nn.Buffer([0.0], persistent=False)

    def forward(self, x):
        x = self.rest[0](self.norm(self.first(x)))
        return self.scale * self.rest[1]["last"](x)


class Tied(nn.Module):
    def __init__(self):
        self.encoder = nn.Linear(3, 3, bias=False)
        self.decoder = nn.Linear(3, 3, bias=False)
        self.decoder.weight = self.encoder.weight

    def forward(self, x):
        return self.decoder(ag.tanh(self.encoder(x)))


# ---- what a module holds ---------------------------------------------------------------------------------------------


def test_attributes_lists_tuples_and_dicts_are_looked_into():
    class Holder(nn.Module):
        def __init__(self):
            self.layers = [nn.Linear(1, 1), (nn.Linear(1, 1, bias=False), {"deep": [nn.Linear(1, 1, bias=False)]})]
            self.by_name = {"a": nn.Parameter([1.0]), 3: nn.Parameter([2.0])}
            self.pair = collections.namedtuple("Pair", "x y")(nn.Parameter([1.0]), None)
            self.ordered = collections.OrderedDict(z=nn.Parameter([1.0]))
            self.numbers, self.text, self.nothing = [1, 2.0, "three", None], "text", None

    assert names(Holder()) == [
        "by_name.a",
        "by_name.3",
        "pair.0",
        "ordered.z",
        "layers.0.weight",
        "layers.0.bias",
        "layers.1.0.weight",
        "layers.1.1.deep.0.weight",
    ]


def test_parameters_come_in_pytorchs_order():
    torch = pytest.importorskip("torch")

    def build(n, base):
        class Inner(base):
            def __init__(self):
                super().__init__()
                self.layer = n.Linear(2, 2)
                self.w = n.Parameter((torch if n is not nn else ag).ones(1))

        class Outer(base):
            def __init__(self):
                super().__init__()
                self.blocks = n.ModuleList([Inner(), Inner()])
                self.own = n.Parameter((torch if n is not nn else ag).ones(1))
                self.norm = n.BatchNorm1d(2)
                self.heads = n.ModuleDict({"b": n.Linear(2, 1), "a": n.Linear(2, 1)})

        return Outer()

    ours, theirs = build(nn, nn.Module), build(torch.nn, torch.nn.Module)
    assert names(ours) == [n for n, _ in theirs.named_parameters()]
    assert [n for n, _ in ours.named_modules()] == [n for n, _ in theirs.named_modules()]
    assert [n for n, _ in ours.named_children()] == [n for n, _ in theirs.named_children()]
    assert set(ours.state_dict()) == set(theirs.state_dict())


def test_what_is_appended_to_a_plain_list_later_belongs():
    net = Two()
    net.rest.append(nn.Linear(1, 1, bias=False))
    assert names(net)[-1] == "rest.2.weight"


@pytest.mark.parametrize("super_called", [True, False])
def test_a_forgotten_super_init_is_none_the_worse(super_called):
    class Net(nn.Module):
        def __init__(self):
            if super_called:
                super().__init__()
            self.layer = nn.Linear(2, 1)

        def forward(self, x):
            return self.layer(x)

    class Stack(nn.Sequential):
        def __init__(self):
            if super_called:
                super().__init__()
            self.append(nn.Linear(2, 2))
            self.append(Net())

    net = Stack()
    assert net(ag.ones((3, 2))).shape == (3, 1)
    assert names(net) == ["0.weight", "0.bias", "1.layer.weight", "1.layer.bias"]
    assert not net.eval()[1].layer.training


def test_a_dataclass_can_be_a_module():
    @dataclasses.dataclass
    class Pair(nn.Module):
        first: nn.Module
        second: nn.Module

        def forward(self, x):
            return self.second(self.first(x))

    net = Pair(nn.Linear(2, 3), nn.Linear(3, 1))
    assert net(ag.ones((1, 2))).shape == (1, 1)
    assert [n for n, _ in net.named_modules()] == ["", "first", "second"]
    assert len(list(net.eval().children())) == 2


def test_shared_parameters_and_modules_come_once():
    net = Tied()
    assert names(net) == ["encoder.weight"]
    assert [n for n, _ in net.named_parameters(remove_duplicate=False)] == ["encoder.weight", "decoder.weight"]
    assert list(net.state_dict()) == ["encoder.weight", "decoder.weight"]
    layer = nn.Linear(2, 2)
    stack = nn.Sequential(layer, nn.ReLU(), layer)
    assert len(list(stack.parameters())) == 2
    assert list(stack.state_dict()) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    assert [n for n, _ in stack.named_modules()] == ["", "0", "1"]


def test_tied_weights_get_the_sum_of_gradients_and_one_update():
    ag.manual_seed(0)
    net = Tied().double()
    x = ag.randn((4, 3), dtype=np.float64)
    net(x).sum().backward()
    w = net.encoder.weight
    e, d = ag.tensor(w.numpy(), requires_grad=True), ag.tensor(w.numpy(), requires_grad=True)
    (ag.tanh(x @ e.T) @ d.T).sum().backward()
    np.testing.assert_allclose(w.grad.numpy(), e.grad.numpy() + d.grad.numpy(), rtol=1e-12)
    before, gradient = w.numpy().copy(), w.grad.numpy().copy()
    optim.SGD(net.parameters(), lr=0.5).step()
    np.testing.assert_allclose(net.decoder.weight.numpy(), before - 0.5 * gradient, rtol=1e-12)


class Child(nn.Module):
    def __init__(self, parent):
        self.parent = parent
        self.layer = nn.Linear(2, 2, bias=False)

    def forward(self, x):
        return self.layer(x)


class Parent(nn.Module):
    def __init__(self):
        self.child = Child(self)
        self.dropout = nn.Linear(2, 2, bias=False)

    def forward(self, x):
        return self.dropout(self.child(x))


def test_cycles_end():
    net = Parent()
    assert [n for n, _ in net.named_modules()] == ["", "child", "child.layer", "dropout"]
    assert set(net.state_dict()) == {"child.layer.weight", "dropout.weight"}
    assert net.eval().child.training is False
    seen = []
    net.apply(seen.append)
    assert [type(m).__name__ for m in seen] == ["Linear", "Child", "Linear", "Parent"]
    assert "(parent): Parent(...)" in repr(net)
    other = copy.deepcopy(net)
    assert other.child.parent is other
    assert scopes(net, ag.ones((1, 2))) == ["Parent.child.layer", "Parent.dropout"]


def test_apply_visits_children_first_and_returns_the_module():
    net, seen = nn.Sequential(nn.Linear(1, 1), nn.Sequential(nn.ReLU())), []
    assert net.apply(lambda m: seen.append(type(m).__name__)) is net
    assert seen == ["Linear", "ReLU", "Sequential", "Sequential"]


# ---- setting and getting ---------------------------------------------------------------------------------------------


def test_registering():
    net = nn.Module()
    net.register_parameter("w", nn.Parameter([1.0]))
    net.register_buffer("count", np.zeros(1))
    net.register_buffer("scratch", ag.zeros(1), persistent=False)
    net.add_module("layer", nn.Linear(1, 1))
    net.register_parameter("none", None)
    assert list(net.state_dict()) == ["w", "count", "layer.weight", "layer.bias"]
    assert [n for n, _ in net.named_buffers()] == ["count", "scratch"]
    assert net.get_parameter("layer.bias") is net.layer.bias
    assert net.get_buffer("count") is net.count
    assert net.get_submodule("layer") is net.layer
    assert net.get_submodule("") is net


@pytest.mark.parametrize(
    ("act", "kind", "words"),
    [
        (lambda net: net.register_parameter("w", ag.ones(1)), TypeError, "nn.Parameter or None, not a Tensor"),
        (lambda net: net.register_parameter("a.b", nn.Parameter([1.0])), KeyError, "'a.b'"),
        (lambda net: net.register_buffer("", ag.ones(1)), KeyError, "''"),
        (lambda net: net.add_module("forward", nn.ReLU()), KeyError, "'forward' already"),
        (lambda net: net.add_module("x", nn.ReLU), TypeError, "'x' needs an nn.Module"),
        (lambda net: setattr(net.first, "weight", ag.ones((3, 2))), TypeError, "Linear.weight is a Parameter"),
        (lambda net: net.get_submodule("frist"), AttributeError, "did you mean 'first'"),
        (lambda net: net.get_parameter("first.wieght"), AttributeError, "did you mean 'first.weight'"),
        (lambda net: net.get_buffer("norm.runing_mean"), AttributeError, "did you mean 'norm.running_mean'"),
        (lambda net: net.astype("int32"), TypeError, "int32"),
        (lambda net: net.to("cuda"), ValueError, "cuda"),
        (lambda net: nn.Module()(1), NotImplementedError, "Module defines no forward"),
        (lambda net: nn.Parameter([1, 2]), TypeError, "int64"),
        (lambda net: nn.Sequential(nn.Linear), TypeError, r"the class Linear; make one: Linear\(...\)"),
        (lambda net: nn.Sequential(None), TypeError, "None"),
        (lambda net: nn.ModuleDict({"a.b": nn.ReLU()}), ValueError, "'a.b'"),
        (lambda net: nn.ModuleDict({"a": nn.ReLU()})["b"], KeyError, "'b'"),
        (lambda net: nn.ModuleList([nn.ReLU()])[1], IndexError, "entry 1"),
        (lambda net: nn.ModuleList([nn.ReLU()]).nothing, AttributeError, "nothing"),
    ],
)
def test_mistakes(act, kind, words):
    with pytest.raises(kind, match=words):
        act(Two())


def test_a_buffer_set_to_a_result_is_a_buffer_outside_the_graph():
    net = Two()
    net.seen = net.scale * 3.0
    assert type(net.seen) is nn.Buffer
    assert not net.seen.requires_grad
    assert not net.seen.persistent
    assert net.seen.tolist() == [6.0]


def test_a_parameter_can_be_replaced_taken_away_and_deleted():
    net = Two()
    net.scale = nn.Parameter([5.0])
    assert net.get_parameter("scale").tolist() == [5.0]
    net.scale = None
    assert "scale" not in names(net)
    del net.first
    assert not [n for n in names(net) if n.startswith("first")]


# ---- modes, gradients, dtypes ----------------------------------------------------------------------------------------


def test_train_zero_grad_and_freezing():
    net = Two()
    assert net.training
    assert net.eval() is net
    assert not any(m.training for m in net.modules())
    assert net.train().rest[1]["last"].training
    net(ag.randn((4, 2))).sum().backward()
    net.zero_grad(set_to_none=False)
    assert all(p.grad.numpy().max() == 0.0 for p in net.parameters())
    net.zero_grad()
    assert all(p.grad is None for p in net.parameters())
    net.requires_grad_(False)
    assert not net(ag.randn((4, 2))).requires_grad
    net.rest[0].requires_grad_()
    net(ag.randn((4, 2))).sum().backward()
    assert [n for n, p in net.named_parameters() if p.grad is not None] == ["rest.0.weight", "rest.0.bias"]


@pytest.mark.parametrize("make", [lambda p: optim.SGD(p, lr=0.1, momentum=0.9), lambda p: optim.Adam(p, lr=0.1)])
def test_astype_keeps_the_parameters_that_an_optimizer_holds(make):
    ag.manual_seed(0)
    net = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 1))
    parameters = list(net.parameters())
    optimizer = make(parameters)

    def step(dtype):
        optimizer.zero_grad()
        before = [p.numpy().copy() for p in parameters]
        out = net(ag.randn((5, 2), dtype=dtype))
        (out * ag.randn((5, 1), dtype=dtype)).sum().backward()
        optimizer.step()
        return before

    step(np.float32)
    assert net.astype(np.float64) is net
    assert all(p is q for p, q in zip(parameters, net.parameters(), strict=True))
    assert {t.dtype.name for t in net.state_dict().values()} == {"float64", "int64"}
    assert all(p.grad is None and p.requires_grad for p in parameters)
    before = step(np.float64)
    assert all(p.dtype == np.float64 for p in parameters)
    assert not np.allclose(before[0], parameters[0].numpy())
    assert net.float()[0].weight.dtype == np.float32
    step(np.float32)
    assert all(np.isfinite(p.numpy()).all() for p in parameters)
    assert {int(entries["step"]) for entries in optimizer.state.values()} == {3}  # it went on counting
    assert net.to("float64").to("cpu").cpu()[0].weight.dtype == np.float64


def test_astype_leaves_frozen_and_tied_parameters_frozen_and_tied():
    net = Tied()
    net.encoder.weight.requires_grad_(False)
    net.double()
    assert net.decoder.weight is net.encoder.weight
    assert not net.encoder.weight.requires_grad


# ---- hooks -----------------------------------------------------------------------------------------------------------


def test_hooks_see_and_replace_arguments_and_outputs():
    layer = nn.Identity()
    log = []
    first = layer.register_forward_pre_hook(lambda m, args: log.append(("pre", m is layer, len(args))))
    double = layer.register_forward_pre_hook(lambda m, args: args[0] * 2.0)
    after = layer.register_forward_hook(lambda m, args, out: log.append(("post", float(args[0]), float(out))))
    minus = layer.register_forward_hook(lambda m, args, out: -out)
    assert float(layer(ag.tensor(3.0))) == -6.0
    assert log == [("pre", True, 1), ("post", 6.0, 6.0)]
    for handle in (first, double, after, minus):
        handle.remove()
    assert float(layer(ag.tensor(3.0))) == 3.0
    assert len(log) == 2


def test_hooks_see_and_replace_keyword_arguments():
    class Scaled(nn.Module):
        def forward(self, x, by=1.0):
            return x * by

    layer, seen = Scaled(), []
    layer.register_forward_pre_hook(
        lambda m, args, kwargs: (args, {**kwargs, "by": kwargs["by"] + 1.0}), with_kwargs=True
    )
    layer.register_forward_pre_hook(lambda m, args, kwargs: seen.append(dict(kwargs)), with_kwargs=True)
    layer.register_forward_hook(lambda m, args, kwargs, out: out - kwargs["by"], with_kwargs=True)
    assert float(layer(ag.tensor(2.0), by=4.0)) == 5.0
    assert seen == [{"by": 5.0}]


def test_a_hook_may_remove_itself_and_differentiates():
    layer = nn.Linear(2, 2)
    handles = []

    def once(module, args, out):
        handles[0].remove()
        return out * 0.0

    handles.append(layer.register_forward_hook(once))
    x = ag.ones((1, 2))
    layer(x).sum().backward()
    assert not layer.weight.grad.numpy().any()
    layer(x).sum().backward()
    assert layer.weight.grad.numpy().any()


def test_an_error_in_forward_or_a_hook_leaves_the_scope_as_it_was():
    def fail(*_):
        raise RuntimeError("stop")

    for hook in ("register_forward_hook", "register_forward_pre_hook"):
        layer = nn.Linear(2, 2)
        getattr(layer, hook)(fail)
        with pytest.raises(RuntimeError, match="stop"):
            nn.Sequential(layer)(ag.ones((1, 2)))
    with ag.record() as r:
        ag.exp(ag.ones(1))
    assert all(e.scope is None for e in r.entries)


# ---- paths -----------------------------------------------------------------------------------------------------------


class Routes(nn.Module):
    def __init__(self):
        self.blocks = [nn.Linear(2, 2) for _ in range(2)]
        self.listed = nn.ModuleList([nn.Linear(2, 2)])
        self.named = {"one": nn.Linear(2, 2)}
        self.inner = nn.Sequential(nn.Linear(2, 2))

    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        for block in self.listed:
            x = block(x)
        return self.inner[0](self.named["one"](x))


def test_paths_follow_what_is_moved_between_calls():
    net, x = Routes(), ag.ones((1, 2))
    tail = ["Routes.listed.0", "Routes.named.one", "Routes.inner.0"]
    assert scopes(net, x) == ["Routes.blocks.0", "Routes.blocks.1", *tail]
    net.blocks.append(nn.Linear(2, 2))
    assert scopes(net, x) == ["Routes.blocks.0", "Routes.blocks.1", "Routes.blocks.2", *tail]
    net.blocks.pop(0)
    net.blocks.reverse()
    net.listed.insert(0, nn.Linear(2, 2))
    assert scopes(net, x) == ["Routes.blocks.0", "Routes.blocks.1", "Routes.listed.0", "Routes.listed.1", *tail[1:]]
    net.head, net.inner = net.inner, [net.inner[0]]
    del net.head
    net.named = {"other": net.named["one"]}
    net.forward = lambda x: net.inner[0](net.named["other"](x))
    assert scopes(net, x) == ["Routes.named.other", "Routes.inner.0"]


def test_the_nearest_of_several_paths_is_named():
    class Net(nn.Module):
        def __init__(self):
            self.encoder = nn.Sequential(nn.Linear(2, 2))
            self.embed = self.encoder[0]

        def forward(self, x):
            return self.embed(x)

    assert scopes(Net(), ag.ones((1, 2))) == ["Net.embed"]


def test_a_module_that_nobody_holds_is_named_after_its_class():
    class Net(nn.Module):
        def forward(self, x):
            return nn.Linear(2, 2)(x)

    assert scopes(Net(), ag.ones((1, 2))) == ["Net", "Net.Linear"]  # it draws its weights in Net


def test_a_module_called_twice_has_one_path_and_two_calls():
    class Twice(nn.Module):
        def __init__(self):
            self.layer = nn.Linear(2, 2)

        def forward(self, x):
            return self.layer(self.layer(x))

    net, x = Twice().double(), ag.randn((3, 2), dtype=np.float64)
    with ag.record(x) as r:
        out = net(x)
    calls = [e.scope for e in r.entries if e.scope is not None]
    assert {s.path for s in calls} == {"Twice.layer"}
    assert len({s.call for s in calls}) == 2
    out.sum().backward()
    w, b = ag.tensor(net.layer.weight.numpy(), requires_grad=True), net.layer.bias.detach()
    ((x @ w.T + b) @ w.T + b).sum().backward()
    np.testing.assert_allclose(net.layer.weight.grad.numpy(), w.grad.numpy(), rtol=1e-12)


def test_errors_name_the_path():
    net = Two()
    with pytest.raises(ValueError, match=r"in module Two\.first"):
        net(ag.ones((4, 5)))
    net.rest[1]["last"] = nn.Linear(2, 1)
    with pytest.raises(ValueError, match=r"in module Two\.rest\.1\.last"):
        net(ag.ones((4, 2)))


def test_routes_do_not_keep_removed_modules_alive():
    net, x = Routes(), ag.ones((1, 2))
    net(x)
    gone = weakref.ref(net.blocks.pop())
    assert gone() is None


# ---- state -----------------------------------------------------------------------------------------------------------


def test_state_dict_shares_memory_and_loads_back():
    net, other = Two(), Two()
    state = net.state_dict()
    assert not any(t.requires_grad for t in state.values())
    assert "seen" not in state
    result = other.load_state_dict(state)
    assert result == ([], [])
    x = ag.randn((4, 2))
    np.testing.assert_array_equal(net(x).numpy(), other(x).numpy())
    ag.assign(net.scale, [7.0])
    assert state["scale"].tolist() == [7.0]
    assert other.scale.tolist() == [2.0]
    assert next(iter(net.state_dict(prefix="model."))) == "model.scale"


def test_arrays_and_pytorchs_tensors_load():
    torch = pytest.importorskip("torch")
    ours, theirs = nn.Linear(3, 2), torch.nn.Linear(3, 2)
    ours.load_state_dict(theirs.state_dict())
    np.testing.assert_array_equal(ours.weight.numpy(), theirs.weight.detach().numpy())
    ours.load_state_dict({"weight": np.ones((2, 3)), "bias": [0.0, 1.0]})
    assert ours.bias.tolist() == [0.0, 1.0]
    assert ours.weight.dtype == np.float32


def broken(**changes):
    state = {k: v.copy() for k, v in Two().state_dict().items()}
    for name, value in changes.items():
        name = name.replace("__", ".")
        if value is None:
            del state[name]
        else:
            state[name] = value
    return state


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"first__weight": None}, ["missing 'first.weight'"]),
        ({"extra": np.ones(1)}, ["unexpected 'extra'"]),
        (
            {"first__weight": None, "first__wieght": np.ones((3, 2))},
            ["unexpected 'first.wieght' (did you mean 'first.weight'?)", "missing 'first.weight'"],
        ),
        ({"first__weight": np.ones((2, 3))}, ["'first.weight' has shape (2, 3) in the state, (3, 2) in the module"]),
        ({"norm__num_batches_tracked": np.array(1.5)}, ["'norm.num_batches_tracked' is float64", "int64"]),
        ({"scale": np.array(["a"])}, ["'scale' is <U1"]),
        ({"scale": np.array([1j])}, ["'scale' is complex128"]),
        (
            {"scale": np.ones(2), "first__bias": np.ones(4), "more": np.ones(1)},
            ["'scale' has shape (2,)", "'first.bias' has shape (4,)", "unexpected 'more'"],
        ),
    ],
)
def test_a_state_that_does_not_fit_changes_nothing(changes, words):
    net = Two()
    before = {k: v.numpy().copy() for k, v in net.state_dict().items()}
    with pytest.raises(RuntimeError) as caught:
        net.load_state_dict(broken(**changes))
    for word in ["load_state_dict of Two", *words]:
        assert word in str(caught.value)
    for name, value in net.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), before[name])


class Counting(nn.Module):
    """A module with a state of its own, that refuses what it does not know."""

    def __init__(self):
        self.seen = {"calls": 0}

    def get_extra_state(self):
        return dict(self.seen)

    def set_extra_state(self, state):
        if "calls" not in state:
            raise ValueError("no calls")
        self.seen = dict(state)


def test_a_modules_extra_state_is_saved_and_loaded(tmp_path):
    model = nn.Sequential(nn.Linear(2, 2), Counting())
    model[1].seen["calls"] = 3
    assert model.state_dict()["1._extra_state"] == {"calls": 3}
    assert Counting().state_dict() == {"_extra_state": {"calls": 0}}
    ag.save(model.state_dict(), tmp_path / "state.safetensors")
    other = nn.Sequential(nn.Linear(2, 2), Counting())
    assert other.load_state_dict(ag.load(tmp_path / "state.safetensors")) == ([], [])
    assert other[1].seen == {"calls": 3}
    assert (other[0].weight.numpy() == model[0].weight.numpy()).all()
    with pytest.raises(RuntimeError, match=r"missing '1\._extra_state'"):
        other.load_state_dict(model[0].state_dict(prefix="0."))
    before = other[0].weight.numpy().copy()
    with pytest.raises(ValueError, match="no calls"):
        other.load_state_dict(
            {n: np.zeros(t.shape) for n, t in model[0].state_dict("0.").items()} | {"1._extra_state": {}}
        )
    assert (other[0].weight.numpy() == before).all()


def test_not_strict_loads_what_fits_by_name_and_still_checks_shapes():
    net = Two()
    found = net.load_state_dict({"scale": [9.0], "other": np.ones(1)}, strict=False)
    assert net.scale.tolist() == [9.0]
    assert found.unexpected_keys == ["other"]
    assert "first.weight" in found.missing_keys
    with pytest.raises(RuntimeError, match="shape"):
        net.load_state_dict({"scale": [9.0, 1.0]}, strict=False)
    with pytest.raises(TypeError, match="a mapping of names to arrays, not a list"):
        net.load_state_dict([1, 2])


# ---- copies ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "duplicate", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))], ids=["deepcopy", "pickle"]
)
def test_copies_are_whole_and_independent(duplicate):
    net, x = Two(), ag.randn((4, 2))
    net(x).sum().backward()
    net.eval()
    other = duplicate(net)
    assert not other.training
    assert type(other.scale) is nn.Parameter
    assert other.seen.persistent is False
    np.testing.assert_array_equal(other(x).numpy(), net(x).numpy())
    np.testing.assert_array_equal(other.scale.grad.numpy(), net.scale.grad.numpy())
    ag.assign(other.scale, [0.0])
    assert net.scale.tolist() == [2.0]
    assert scopes(other, x)[0] == "Two.first"


@pytest.mark.parametrize(
    "duplicate", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))], ids=["deepcopy", "pickle"]
)
def test_copies_of_tied_weights_and_containers_stay_tied(duplicate):
    tied = duplicate(Tied())
    assert tied.decoder.weight is tied.encoder.weight
    stack = duplicate(nn.Sequential(nn.Linear(2, 2), nn.ModuleDict({"a": nn.Linear(2, 1)})))
    assert names(stack) == ["0.weight", "0.bias", "1.a.weight", "1.a.bias"]
    cyclic = duplicate(Parent())
    assert cyclic.child.parent is cyclic


def test_a_copy_has_hooks_of_its_own():
    layer = nn.Identity()
    handle = layer.register_forward_hook(lambda m, args, out: out * 2.0)
    other = copy.deepcopy(layer)
    handle.remove()
    assert float(layer(ag.tensor(1.0))) == 1.0
    assert float(other(ag.tensor(1.0))) == 2.0


# ---- memory and threads ----------------------------------------------------------------------------------------------


def test_everything_is_freed_without_the_garbage_collector():
    gc.collect()
    gc.disable()
    try:
        net = Two()
        seen = []
        net.first.register_forward_hook(lambda m, args, out: seen.append(weakref.ref(out)))
        loss = net(ag.randn((4, 2))).sum()
        loss.backward()
        held = [weakref.ref(m) for m in net.modules()] + [weakref.ref(p) for p in net.parameters()]
        del loss
        assert seen[0]() is None
        net.zero_grad()
        del net
        assert [r() for r in held] == [None] * len(held)
    finally:
        gc.enable()


def test_a_graph_does_not_keep_its_module_alive():
    net = Two()
    out = net(ag.randn((4, 2)))
    gone = weakref.ref(net)
    del net
    gc.collect()
    assert gone() is None
    out.sum().backward()


def test_calls_from_two_threads_do_not_meet():
    ag.manual_seed(0)
    net = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1)).double()
    inputs = [ag.randn((16, 2), dtype=np.float64) for _ in range(2)]
    expected = [net(x).numpy() for x in inputs]
    found, paths, errors = {}, {}, []
    start = threading.Barrier(2)

    def run(i):
        try:
            start.wait()
            for _ in range(50):
                with ag.record(inputs[i]) as r:
                    found[i] = net(inputs[i])
                paths[i] = {e.scope.path for e in r.entries}
                found[i].sum().backward()
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(i,)) for i in range(2)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert errors == []
    for i in range(2):
        np.testing.assert_array_equal(found[i].numpy(), expected[i])
        assert paths[i] == {"Sequential.0", "Sequential.1", "Sequential.2"}
    total = net[2].bias.grad.numpy()
    np.testing.assert_allclose(total, [2 * 50 * 16.0])


# ---- containers ------------------------------------------------------------------------------------------------------


def test_lists_of_modules_behave_like_lists():
    a, b, c, d = [nn.Linear(1, 1) for _ in range(4)]
    layers = nn.ModuleList([a, b])
    assert layers.append(c) is layers
    layers.extend([d]).insert(0, d)
    assert list(layers) == [d, a, b, c, d]
    assert (layers[0], layers[-1], len(layers)) == (d, d, 5)
    assert list(layers[1:3]) == [a, b]
    del layers[0]
    layers[1] = d
    assert layers.pop() is d
    assert list(layers) == [a, d, c]
    assert names(layers) == ["0.weight", "0.bias", "1.weight", "1.bias", "2.weight", "2.bias"]
    assert nn.ModuleList().append(a)[0] is a


@pytest.mark.parametrize("kind", [lambda *m: nn.ModuleList(m), nn.Sequential], ids=["ModuleList", "Sequential"])
def test_lists_of_modules_are_added(kind):
    a, b, c = [nn.Linear(1, 1) for _ in range(3)]
    first = layers = kind(a)
    both = first + kind(b, c)
    assert type(both) is type(first)
    assert list(both) == [a, b, c]
    layers += [b]
    assert layers is first
    assert list(layers) == [a, b]
    with pytest.raises(TypeError, match="must be a Module"):
        layers += [3]
    assert list(layers) == [a, b]


def test_a_dict_of_modules_is_cleared():
    heads = nn.ModuleDict({"a": nn.Linear(1, 1)})
    heads.clear()
    assert (len(heads), names(heads)) == (0, [])


def test_sequential_takes_a_dict_and_slices():
    net = nn.Sequential(collections.OrderedDict(hidden=nn.Linear(2, 3), act=nn.ReLU(), out=nn.Linear(3, 1)))
    assert net.hidden is net[0]
    assert names(net[:1]) == ["hidden.weight", "hidden.bias"]
    assert net(ag.ones((1, 2))).shape == (1, 1)
    assert scopes(net, ag.ones((1, 2))) == ["Sequential.hidden", "Sequential.act", "Sequential.out"]


def test_dicts_of_modules_behave_like_dicts():
    a, b = nn.Linear(1, 1), nn.ReLU()
    found = nn.ModuleDict([("a", a)])
    found["b"] = b
    found.update({"c": a})
    assert (list(found), len(found), "b" in found) == (["a", "b", "c"], 3, True)
    assert list(found.keys()) == ["a", "b", "c"]
    assert list(found.values()) == [a, b, a]
    assert dict(found.items())["c"] is a
    assert found.pop("b") is b
    del found["c"]
    assert list(found) == ["a"]


def test_lists_and_dicts_of_parameters():
    weights = nn.ParameterList([ag.ones(2), nn.Parameter([3.0])])
    weights.append(np.ones(1))
    by_name = nn.ParameterDict({"w": np.ones(2)})
    by_name["v"] = ag.zeros(1)
    assert [type(p) for p in [*weights, *by_name.values()]] == [nn.Parameter] * 5
    net = nn.Module()
    net.weights, net.by_name = weights, by_name
    assert names(net) == ["weights.0", "weights.1", "weights.2", "by_name.w", "by_name.v"]
    sum((p * p).sum() for p in net.parameters()).backward()
    assert weights[1].grad.tolist() == [6.0]


# ---- how they look ---------------------------------------------------------------------------------------------------


def test_repr_nests_and_counts():
    net = Two()
    net.more = nn.ModuleList([nn.Linear(1, 1) for _ in range(3)])
    assert repr(net) == (
        "Two(  # 38 parameters\n"
        "  (first): Linear(in_features=2, out_features=3, bias=True)  # 9 parameters\n"
        "  (norm): BatchNorm1d(3, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)  # 6 parameters\n"
        "  (rest.0): Linear(in_features=3, out_features=3, bias=True)  # 12 parameters\n"
        "  (rest.1.last): Linear(in_features=3, out_features=1, bias=True)  # 4 parameters\n"
        "  (more): ModuleList(  # 6 parameters\n"
        "    (0-2): 3 x Linear(in_features=1, out_features=1, bias=True)  # 2 parameters\n"
        "  )\n"
        ")"
    )
    assert repr(nn.Sequential()) == "Sequential()"
    assert "# 9 parameters" in repr(Tied()).splitlines()[0]  # shared ones count once
