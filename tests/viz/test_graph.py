"""The graph as data: what is read from records, from Tensors and from modules; folding, collapsing, overlays, errors."""

import gc
import json
import math
import weakref

import gallery
import numpy as np
import pytest

import autograd_nn as ag
from autograd_nn import nn, viz
from autograd_nn.engine.modes import Scope, change
from autograd_nn.viz.from_record import unbroadcast
from autograd_nn.viz.statistics import statistics

NAMES = sorted(gallery.records())


def by_name(graph, name, kind="operation"):
    return [n for n in graph.nodes if n.name == name and n.kind == kind]


def boxes(picture):
    return picture.drawing.view.boxes


def titles(picture):
    return [b.title for b in boxes(picture)]


def frames(picture):
    return [(f.name, f.info) for f in picture.drawing.view.frames]


# ---- reading -------------------------------------------------------------------------------------------------


def test_a_record_is_read_with_its_numbers(records):
    r, model = records("mlp")
    g = ag.graph(r)
    names = {n.path: n for n in g.nodes if n.kind == "parameter"}
    assert sorted(names) == ["hidden.bias", "hidden.weight", "out.bias", "out.weight"]
    for path, p in model.named_parameters():
        rms = float(np.sqrt(np.mean(p.numpy().astype(np.float64) ** 2)))
        assert names[path].value.rms == pytest.approx(rms, rel=1e-6)
        assert names[path].grad.norm == pytest.approx(
            float(np.linalg.norm(p.grad.numpy().astype(np.float64))), rel=1e-5
        )
    loss = by_name(g, "cross_entropy")[0]
    assert loss.output
    assert loss.shape == ()
    assert loss.value.mean == pytest.approx(r.entries[3].outputs[0].data.item())
    assert loss.grad.mean == 1.0
    assert loss.seconds > 0
    assert loss.backward_seconds > 0
    assert "gallery.py:" in by_name(g, "relu")[0].line
    assert [n.name for n in g.nodes if n.kind == "input"] == ["x"]


def test_adjoints_of_results_are_those_of_the_walk():
    x = ag.tensor(np.array([[1.0, -2.0], [0.5, 3.0]]), requires_grad=True, name="x")
    w = ag.tensor(np.array([2.0, 3.0]), requires_grad=True, name="w")
    with ag.record(x) as r:
        h = x * w
        y = ag.tanh(h)
        (y * y).sum().backward()
    g = ag.graph(r)
    dh, dy = ag.gradients((ag.tanh(h2 := x * w) ** 2).sum(), [h2, x])
    del dy
    found = by_name(g, "multiply")[0]
    assert found.grad.rms == pytest.approx(float(np.sqrt(np.mean(dh.numpy() ** 2))))
    edges = {(g.nodes[e.source].name, e.target): e for e in g.edges}
    back = x.grad.numpy()
    assert edges[("x", found.index)].adjoint == pytest.approx(float(np.sqrt(np.mean(back**2))))
    assert edges[("w", found.index)].adjoint == pytest.approx(
        float(np.sqrt(np.mean(w.grad.numpy() ** 2)))
    )  # un-broadcast


def test_what_belongs_to_an_update_is_left_out():
    model = nn.Linear(3, 2)
    optimizer = ag.optim.Adam(model.parameters(), lr=0.1)
    x = ag.tensor(gallery.randn(4, 3))
    with ag.record(x) as r:
        loss = (model(x) ** 2).mean()
        loss.backward()
        optimizer.step()
    g = ag.graph(r)
    assert [n.name for n in g.nodes if n.kind == "operation"] == ["linear", "scalar_power", "mean"]


def test_running_statistics_are_no_part_of_the_picture(records):
    g = ag.graph(records("resnet")[0])
    assert by_name(g, "standardise")
    assert not [n for n in g.nodes if n.output and n.name != "cross_entropy"]


def test_memory_is_what_the_engine_keeps():
    ag.manual_seed(0)
    model = gallery.MLP()
    x = ag.tensor(gallery.randn(32, 784))
    with ag.record(x) as r:
        loss = gallery.classified(10, 32)(model(x))
    seen, total = set(), 0
    inputs = {id(p._array) for p in model.parameters()} | {id(x._array)}
    for node in [e.node for e in r.entries]:
        for a in node.saved:
            if isinstance(a, np.ndarray) and id(a) not in inputs and id(a) not in seen and a.dtype.kind == "f":
                seen.add(id(a))
                total += a.nbytes
    assert sum(n.saved or 0 for n in ag.graph(r).nodes) == total
    assert loss.requires_grad


def test_a_graph_without_a_record():
    x = ag.tensor([1.0, 2.0], requires_grad=True, name="x")
    y = ag.tanh(x * 2.0).sum()
    g = ag.graph(y)
    assert [(n.kind, n.name) for n in g.nodes] == [
        ("parameter", "x"), ("constant", "y"), ("operation", "multiply"), ("operation", "tanh"), ("operation", "sum"),
    ]  # fmt: skip
    assert g.nodes[1].text == "2"
    y.backward()
    g = ag.graph(y)  # after the walk the structure is still there
    assert [n.name for n in g.nodes if n.kind == "operation"] == ["multiply", "tanh", "sum"]
    assert g.nodes[0].grad.norm == pytest.approx(float(np.linalg.norm(x.grad.numpy())))
    assert g.nodes[-1].value.mean == pytest.approx(y.item())


def test_two_outputs_and_a_list_of_inputs():
    x = ag.tensor(np.diag([1.0, 2.0, 4.0]) + 0.1, requires_grad=True, name="x")
    values, vectors = ag.linalg.eigh(x)
    y = ag.concatenate([values, vectors[0], values]).sum()
    g = ag.graph(y)
    eigh = next(n for n in g.nodes if n.name == "eigh")
    assert sorted(e.output for e in g.edges if e.source == eigh.index) == [0, 0, 1]
    with ag.record(x) as r:
        values, vectors = ag.linalg.eigh(x)
        ag.concatenate([values, vectors[0], values]).sum().backward()
    g = ag.graph(r)
    assert math.isfinite(next(n for n in g.nodes if n.name == "eigh").grad.rms)


def test_a_module_before_any_call():
    g = viz.structure(gallery.Block())
    assert [x.name for x in g.groups] == ["Block", "attn", "mlp"]
    assert sum(n.size for n in g.nodes if n.kind == "operation") == sum(p.size for p in gallery.Block().parameters())
    assert frames(g.show())[0] == ("Block", "9 modules · 3,280 params")
    many = viz.structure(gallery.Transformer()).show()
    assert any("×12" in info for _, info in frames(many))


def test_no_array_is_kept():
    x = ag.tensor(np.ones(1000), requires_grad=True)
    with ag.record(x) as r:
        y = ag.exp(x).sum()
    g = ag.graph(r)
    dead = weakref.ref(r)
    del r, y
    gc.collect()
    assert dead() is None
    assert g.show(overlay="value")
    with pytest.raises(ValueError, match="gone"):
        g.show(overlay="gradcheck")


def test_statistics():
    s = statistics(np.array([1.0, -3.0, np.nan, np.inf, 0.0]))
    assert (s.size, s.nans, s.infs, s.min, s.max, s.zeros) == (5, 1, 1, -3.0, 1.0, 0.2)
    assert s.rms == pytest.approx(math.sqrt(10 / 3))
    assert sum(s.histogram) == 3
    assert statistics(np.full(4, 1e300)).rms == pytest.approx(1e300)
    assert statistics(np.full(4, 1e-300)).rms == pytest.approx(1e-300)
    assert math.isnan(statistics(np.array([])).rms)
    assert statistics(np.array([True, False])).mean == 0.5
    assert statistics(np.array([2.0])).bars() == ""
    assert len(statistics(np.arange(100)).bars()) == 16


def test_unbroadcast():
    assert unbroadcast(np.ones((3, 4)), (4,)).tolist() == [3.0] * 4
    assert unbroadcast(np.ones((3, 4)), (3, 1)).tolist() == [[4.0]] * 3
    assert unbroadcast(np.ones((2, 3)), ()) == 6.0


# ---- presentation --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_at_most_forty_visible_nodes(records, name):
    assert sum(b.kind != "pill" for b in boxes(ag.graph(records(name)[0]).show())) <= 40


def test_repeats_fold(records):
    assert any(
        f == ("h.0 … h.11", "×12 in a row · 24 ops · 3,280 params")
        for f in frames(ag.graph(records("transformer")[0]).show())
    )
    lstm = ag.graph(records("lstm")[0]).show()
    assert any(info.startswith("×32 in a row") for _, info in frames(lstm))
    whole = ag.graph(records("transformer")[0]).show(fold_repeats=False)
    assert sum("▸ h." in t for t in titles(whole)) == 12


def test_what_differs_does_not_fold():
    x = ag.tensor(np.ones(3), requires_grad=True)
    calls = iter(range(100))

    def block(x, f):
        with change(scope=Scope("b", next(calls))):
            return f(x * 2.0) + 1.0

    y = x
    for k in range(12):
        y = block(y, ag.tanh if k != 5 else ag.sin)
    found = [info for _, info in frames(ag.graph(y).show(budget=15))]
    folded = [b.lines[0] for b in boxes(ag.graph(y).show(budget=8)) if b.section >= 0]
    assert sum("×5" in i or "×6" in i for i in [*found, *folded]) >= 2
    assert not any("×12" in i for i in [*found, *folded])


def test_a_long_chain_is_a_loop():
    x = y = ag.tensor(np.ones(2), requires_grad=True)
    for _ in range(10_000):
        y = ag.sin(y)
    g = ag.graph(y)
    assert len(g.nodes) == 10_001
    assert frames(g.show()) == [("loop", "×9999 in a row · 1 op")]  # the first one holds the leaf
    assert len(boxes(g.show(fold_repeats=False))) == 10_000
    assert x is not y


def test_a_module_called_twice_is_two_groups(records):
    g = ag.graph(records("siamese")[0])
    assert {f[0] for f in frames(g.show())} == {"Siamese", "encoder · call 1", "encoder · call 2"}
    chips = [t for b in boxes(g.show()) for t in b.texts]
    assert sum("↗2" in t for t in chips) == 8


def test_expand_depth_and_budget(records):
    g = ag.graph(records("transformer")[0])
    closed = g.show(depth=0)
    assert titles(closed) == ["x", "▸ Transformer", "slice", "× multiply", "μ mean"]
    opened = g.show(depth=1, fold_repeats=False, expand=["h.3.attn"])
    assert "attn" in [f[0] for f in frames(opened)]
    assert "▸ h.4" in titles(opened)
    assert len(boxes(g.show(budget=None, fold_repeats=False))) > 200


def test_constants_parameters_and_reshapes(records):
    r, _ = records("block")
    picture = ag.graph(r).show()
    divide = next(b for b in boxes(picture) if "divide" in b.title)
    assert divide.texts == ["2"]
    assert next(b.title for b in boxes(picture) if b.kind == "pill") == "reshape · transpose"
    assert next(b for b in boxes(picture) if b.lines[:1] == ["in q_proj"]).texts == ["W 16×16", "b 16"]


def test_a_frozen_parameter_is_dashed():
    model = nn.Linear(2, 2)
    model.weight.requires_grad_(False)
    with ag.record() as r:
        model(ag.tensor(gallery.randn(3, 2))).sum().backward()
    g = ag.graph(r)
    chips = [c for b in boxes(g.show()) for c in b.chips]
    assert [(c.text, c.frozen) for c in chips] == [("W 2×2", True), ("b 2", False)]
    assert 'stroke-dasharray="3 2"' in g.show().text("svg")


def test_a_forward_pass_that_raised_is_drawn(records):
    g = ag.graph(records("failed")[0])
    failing = [n for n in g.nodes if n.error]
    assert [n.name for n in failing] == ["linear"]
    box = next(b for b in boxes(g.show()) if b.alarm)
    assert box.badge == "raised ValueError"
    assert "(5, 16)" in g.show().text("svg")


# ---- overlays ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("overlay", ["value", "grad", "memory", "time", "nonfinite", "gradcheck"])
@pytest.mark.parametrize("name", ["mlp", "siamese", "block"])
def test_every_overlay_draws_with_a_legend(records, name, overlay):
    picture = ag.graph(records(name)[0]).show(overlay=overlay)
    assert picture.drawing.overlaid.legend is not None
    assert picture.drawing.overlaid.legend.title in picture.text("svg")


def test_the_gradient_is_printed_not_only_coloured(records):
    r, _ = records("mlp")
    picture = ag.graph(r).show(overlay="grad")
    logits = next(b for b in boxes(picture) if b.lines[:1] == ["in out"])
    node = picture.graph.nodes[logits.nodes[-1]]
    assert float(logits.lines[-1]) == pytest.approx(node.grad.rms, rel=1e-2)


def test_fan_out_is_as_wide_as_the_adjoint_it_carries():
    x = ag.tensor([1.0, 1.0], requires_grad=True)
    with ag.record(x) as r:
        h = ag.exp(x)
        (ag.sin(h) * 0.001 + ag.cos(h)).sum().backward()
    picture = ag.graph(r).show(overlay="grad")
    width = {
        boxes(picture)[w.target].title: w.width
        for w in picture.drawing.view.wires
        if boxes(picture)[w.source].title == "eˣ exp"
    }
    assert width["cos"] == 6.0
    assert width["sin"] < 1.1


ZEROS = {
    "dead relu": (lambda x: ag.relu(x - 100.0), "subtract", "dead relu: none of 2 inputs is above 0"),
    "multiplied by 0": (lambda x: ag.exp(x) * np.zeros(2), "exp", "multiplied by 0"),
    "detach": (lambda x: ag.exp(x).detach() * x, "detach", "detached"),
    "softmax's max": (
        lambda x: (lambda e: e / e.sum())(ag.exp(x - x.max())) * np.array([1.0, 2.0]),
        "max",
        "softmax does not change when a number is taken from its whole row",
    ),
    "saturated": (lambda x: ag.sigmoid(ag.exp(x) * 1e4), "multiply", "sigmoid is saturated"),
    "inherited": (lambda x: ag.relu(ag.sin(x) - 100.0), "sin", "dead relu: none of 2 inputs is above 0"),
}


@pytest.mark.parametrize("case", ZEROS)
def test_why_a_gradient_is_zero(case):
    f, name, reason = ZEROS[case]
    x = ag.tensor(np.array([0.5, 2.0]), requires_grad=True)
    with ag.record(x) as r:
        (f(x) + x * 1.0).sum().backward()
    g = ag.graph(r)
    assert next(n.reason for n in by_name(g, name)) == reason
    assert reason[:20] in g.show(overlay="grad").text("svg")


def test_unused_parameters_are_named():
    class Net(nn.Module):
        def __init__(self):
            self.used, self.forgotten = nn.Linear(2, 2), nn.Linear(2, 2)

        def forward(self, x):
            return self.used(x)

    net = Net()
    with ag.record() as r:
        net(ag.tensor(gallery.randn(3, 2))).sum().backward()
    g = ag.graph(r)
    assert g.unused == ["forgotten.weight", "forgotten.bias"]
    assert "unused: forgotten.weight" in g.show(overlay="grad").text("svg")


def test_the_first_nan_is_marked():
    x = ag.tensor(np.array([1.0, -1.0]), requires_grad=True)
    with np.errstate(all="ignore"), ag.record(x) as r:
        (ag.sqrt(x * 2.0) + 1.0).sum().backward()
    picture = ag.graph(r).show(overlay="nonfinite")
    assert [(b.title, b.badge) for b in boxes(picture) if b.badge] == [("√ sqrt", "first NaN")]
    y = ag.tensor(np.array([0.0]), requires_grad=True)
    with np.errstate(all="ignore"), ag.record(y) as r:
        ag.sqrt(y).sum().backward()
    assert [(b.title, b.badge) for b in boxes(ag.graph(r).show(overlay="nonfinite")) if b.badge] == [
        ("√ sqrt", "first Inf (backward)")
    ]
    with ag.record(y) as r:
        ag.exp(y).sum().backward()
    assert "finite" in ag.graph(r).show(overlay="nonfinite").text("svg")


def test_a_wrong_rule_gets_a_badge_and_right_ones_none():
    @ag.op(kind="elementwise")
    def wrong(x, /):
        return x * x

    wrong.vjp(x=lambda g, x: g * x)  # half of it
    x = ag.tensor(np.array([1.0, 2.0, 0.5]), requires_grad=True)
    with ag.record(x) as r:
        ag.exp(wrong(x)).sum().backward()
    picture = ag.graph(r).show(overlay="gradcheck")
    assert [(b.title, b.badge) for b in boxes(picture) if b.badge] == [("wrong", "✗ 0.5")]
    assert "a factor 2 is missing" in picture.drawing.overlaid.legend.notes[0]


def test_two_runs_compared():
    x = ag.tensor(np.array([1.0, 2.0]))

    def run(factor):
        with ag.record(x) as r:
            ag.exp(ag.sin(x) * factor).sum()
        return r

    a, b = run(2.0), run(2.5)
    picture = ag.graph(a, against=b).show(overlay="compare")
    assert [(box.title, box.badge) for box in boxes(picture) if box.badge] == [("× multiply", "runs part here")]
    assert next(box for box in boxes(picture) if box.title == "sin").lines == ["same"]
    assert "2.0 in one run and 2.5" in picture.text("svg")
    assert not [box for box in boxes(ag.graph(a, against=run(2.0)).show(overlay="compare")) if box.badge]


# ---- expressions ---------------------------------------------------------------------------------------------


def scalar_cases():
    return {
        "neuron": gallery.neuron,
        "shared": lambda: (lambda x: x * x + ag.exp(x) * x)(ag.tensor(np.float64(1.5), requires_grad=True, name="x")),
        "constants": lambda: (lambda x: (x * 2.0 + 1.0) ** 2 / 3.0)(
            ag.tensor(np.float64(0.5), requires_grad=True, name="x")
        ),
        "mlp": lambda: gallery.scalar_mlp(1, (2, 3, 1)),
    }


@pytest.mark.parametrize("walked", [False, True])
@pytest.mark.parametrize("case", scalar_cases())
def test_the_chain_rule_can_be_read_off(case, walked):
    """A node's gradient is the sum over its out-edges of edge times gradient at the end."""
    o = scalar_cases()[case]()
    if walked:
        o.backward()
    g = ag.expression(o)
    out = {}
    for e in g.edges:
        if e.flows:
            assert e.local is not None, (g.nodes[e.source].name, g.nodes[e.target].name)
            out.setdefault(e.source, []).append(e)
    for source, edges in out.items():
        total = sum(e.local * g.nodes[e.target].grad.mean for e in edges)
        assert g.nodes[source].grad.mean == pytest.approx(total, rel=1e-6, abs=1e-12)
    if not walked:
        o.backward()  # the expression touched nothing: the graph still walks
    leaves = {n.path: n for n in ag.expression(o).nodes if n.kind == "parameter"}
    for node in g.nodes:
        if node.kind == "parameter":
            assert node.grad.mean == pytest.approx(leaves[node.path].grad.mean, rel=1e-6, abs=1e-12)


def test_an_expression_leaves_grad_alone():
    x = ag.tensor(2.0, requires_grad=True)
    ag.expression(ag.exp(x) * x)
    assert x.grad is None


# ---- other forms ---------------------------------------------------------------------------------------------


def test_stats_and_json_are_plain(records):
    g = ag.graph(records("block")[0])
    rows = g.stats()
    assert len(rows) == len(g.nodes)
    assert json.loads(json.dumps(rows))[0]["kind"]
    data = json.loads(g.to_json())
    assert {len(data["nodes"]), len(rows)} == {len(g.nodes)}
    assert "Block.attn.q_proj" in {row["module"] for row in rows}
