"""What boxes, chips and edges say: shapes where no box says them, numbers beside colours, constants, what a loop carries."""

import io
import math
from itertools import pairwise

import gallery
import numpy as np
import pytest

import autograd_nn as ag
from autograd_nn import nn
from autograd_nn.viz.scene import Rectangle
from autograd_nn.viz.style import text_width


def boxes(picture):
    return picture.drawing.view.boxes


def titled(picture, title):
    return [b for b in boxes(picture) if b.title == title]


def labels(picture):
    return [w.label for w in picture.drawing.view.wires]


def test_every_edge_of_an_expression_has_its_local_derivative():
    x = ag.tensor(3.0, requires_grad=True, name="x")
    assert labels(ag.expression(x * x).show()) == ["3 + 3"]  # used twice by one operation
    a, b = ag.tensor(2.0, requires_grad=True), ag.tensor(-3.0, requires_grad=True)
    o = a * b + ag.tanh(a) * 2.0 - 1.0 + 3.0 / a
    before = [(e.input, e.local) for e in ag.expression(o).edges]
    o.backward()
    g = ag.expression(o)
    for (name, local), edge in zip(before, g.edges, strict=True):
        assert edge.input == name
        assert edge.local == (None if local is None else pytest.approx(local, rel=1e-5))
    assert [n.text for n in g.nodes if n.kind == "constant"] == ["2", "1", "3"]


@pytest.mark.parametrize(
    "f", [lambda x: x * 0.0 * 5.0, lambda x: x * 1e7 + 0.25], ids=["times nothing", "lost in rounding"]
)
def test_a_constant_that_cannot_be_told_is_not_guessed(f):
    x = ag.tensor(1.0, requires_grad=True)
    o = f(x)
    o.backward()
    assert [n.text for n in ag.expression(o).nodes if n.kind == "constant"][-1] == "const"


def test_what_enters_late_stands_beside_its_use():
    picture = ag.expression(gallery.neuron()).show()
    place = {b.title: x for b, (x, _) in zip(boxes(picture), picture.drawing.laid.layout.nodes, strict=False)}
    assert place["b"] > place["× multiply"] > place["x1"]


def test_edges_are_straight_through_the_borders_of_groups(records):
    for name in ("mlp", "lenet"):
        layout = ag.graph(records(name)[0]).show().drawing.laid.layout
        for points in layout.edges:
            assert all(p[0] == pytest.approx(q[0]) for p, q in pairwise(points)), name


def test_shapes_stand_where_no_box_says_them(records):
    x = ag.tensor(gallery.randn(6, 4), requires_grad=True)
    u, s, vt = ag.linalg.svd(x, full_matrices=False)
    y = (u * s) @ vt
    assert {"U 6×4, S 4", "Vh 4×4"} == {w for w in labels(ag.graph(y).show()) if w}
    assert titled(ag.graph(y).show(), "svd")[0].lines == []
    only = ag.graph(ag.linalg.svd(x, full_matrices=False)[1].sum()).show()
    assert titled(only, "svd")[0].lines == ["4"]
    assert not any(labels(only))
    block = ag.graph(records("block")[0])
    assert [b.lines for b in titled(block.show(), "reshape · transpose")] == [["2×4×8×4"]] * 2
    (attention,) = titled(block.show(depth=1), "▸ attn")
    assert attention.lines == ["17 ops · 1,088 params", "2×8×16"]


def test_an_operation_of_many_inputs_lists_the_first():
    leaves = [ag.tensor([float(k)], requires_grad=True, name=f"x{k}") for k in range(300)]
    (box,) = titled(ag.graph(ag.concatenate(leaves).sum()).show(), "concatenate")
    assert box.texts == [*[f"x{k} 1" for k in range(11)], "289 more"]
    r = ag.graph(ag.concatenate([x * 2.0 for x in leaves]).sum()).show(budget=None, fold_repeats=False)
    assert len(titled(r, "× multiply")) == 300


def test_the_number_of_a_parameter_is_printed_not_only_coloured(records):
    r, model = records("mlp")
    g = ag.graph(r)
    for overlay, array in (("grad", model.out.weight.grad), ("value", model.out.weight)):
        box = next(b for b in boxes(g.show(overlay=overlay)) if b.lines[:1] == ["in out"])
        name, said = box.texts[0].split()
        assert (name, float(said)) == ("W", pytest.approx(math.sqrt(float((array.numpy() ** 2).mean())), rel=1e-2))


def test_overlays_of_an_unrolled_loop_speak_of_all_its_steps(records):
    g = ag.graph(records("lstm")[0])
    picture = g.show(overlay="grad")
    assert len(boxes(picture)) > 15
    steps = [n for n in g.nodes if n.name == "tanh" and n.grad is not None]
    assert len(steps) == 64
    all_of_them = sorted(b.lines[-1] for b in titled(picture, "tanh"))
    halves = [[n.grad.rms for n in steps[k::2]] for k in (0, 1)]
    assert [float(t) for t in all_of_them] == [
        pytest.approx(math.sqrt(sum(x * x for x in half) / 32), rel=1e-2) for half in sorted(halves, key=sum)
    ]
    memory = g.show(overlay="memory").drawing
    assert sum(g.nodes[n].saved or 0 for n in {n for b in memory.view.boxes for n in b.nodes}) == sum(
        n.saved or 0 for n in g.nodes
    )
    assert len(boxes(ag.graph(records("transformer")[0]).show(overlay="grad"))) == 17  # twelve blocks, one by one


def test_a_loop_says_what_it_carries(records):
    picture = ag.graph(records("lstm")[0]).show()
    assert sorted(t for b in boxes(picture) for t in b.texts if "↺" in t) == ["↺ + add", "↺ × multiply"]  # c and h
    assert "↺" not in ag.graph(records("transformer")[0]).show().text("svg")  # a single value: "in a row" says it


class Heads(nn.Module):
    def __init__(self):
        self.norm, self.heads = (
            nn.LayerNorm(4),
            nn.ModuleList([nn.Sequential(nn.Linear(4, 2), nn.Tanh()) for _ in range(30)]),
        )

    def forward(self, x):
        h = self.norm(x)
        return ag.concatenate([head(h) for head in self.heads])


def test_what_is_done_many_times_to_one_value_folds():
    with ag.record() as r:
        Heads()(ag.tensor(gallery.randn(3, 4))).sum().backward()
    picture = ag.graph(r).show()
    assert ("heads.0 … heads.29", "×30 · 2 ops · 10 params") in [(f.name, f.info) for f in picture.drawing.view.frames]
    assert len(boxes(picture)) < 8


def test_a_value_cut_into_parts_of_different_use_does_not_fold(records):
    assert len(titled(ag.graph(records("lstm")[0]).show(), "slice")) == 5  # the step's input, and its four gates


def test_a_loop_over_a_list_of_inputs_is_a_loop():
    lstm = gallery.LSTM()

    def run(steps):
        h = c = ag.zeros((4, 32))
        for x in steps:
            h, c = lstm.cell(x, h, c)
        return h

    steps = [ag.tensor(gallery.randn(4, 16, seed=t), name=f"x{t}") for t in range(32)]
    with ag.record(*steps) as r:
        run(steps).sum().backward()
    picture = ag.graph(r).show()
    assert [b.lines for b in titled(picture, "x0 … x31")] == [["×32", "4×16"]]
    assert len(boxes(picture)) < 22


def test_three_hundred_inputs_of_one_operation_are_one_box():
    leaves = [ag.tensor(np.full(3, float(k)), name=f"x{k}", requires_grad=True) for k in range(300)]
    with ag.record(*leaves) as r:
        ag.concatenate(leaves).sum().backward()
    g = ag.graph(r)
    assert [b.lines for b in titled(g.show(), "x0 … x299")] == [["×300", "3"]]
    assert len(boxes(g.show(overlay="value", fold_repeats=True))) == 3
    assert len(boxes(g.show(fold_repeats=False))) == 302


def test_a_png_has_at_most_so_many_pixels():
    from PIL import Image

    from autograd_nn.viz import figure
    from autograd_nn.viz.scene import Scene

    with Image.open(io.BytesIO(figure.png(Scene(20_000.0, 20_000.0)))) as picture:
        assert picture.size[0] * picture.size[1] <= 1.01 * figure.MOST_PIXELS


def test_what_is_like_an_open_group_stays_closed():
    picture = ag.graph(gallery.scalar_mlp()).show()
    (again,) = titled(picture, "▸ sample1")
    assert again.lines == ["211 ops · 113 params", "scalar"]
    assert len(boxes(picture)) < 25
    assert [b.title for b in boxes(picture) if b.thick] == ["+ add"]  # the last of the loop is the result


def test_modules_that_look_alike_are_all_opened():
    pair = lambda n: nn.Sequential(nn.Linear(n, n), nn.Linear(n, n))
    picture = ag.viz.structure(
        nn.Sequential(nn.Sequential(pair(2), nn.ReLU()), nn.Sequential(pair(3), nn.Tanh()))
    ).show()
    assert not [b for b in boxes(picture) if b.section >= 0]


def test_a_bias_whose_gradient_cancels_is_told(records):
    g = ag.graph(records("block")[0])
    (keys,) = [n for n in g.nodes if n.path.endswith("k_proj.bias")]
    assert (keys.vanishes, keys.reason) == (True, "what its uses send back cancels")
    assert [n.path for n in g.nodes if n.kind == "parameter" and n.vanishes] == [keys.path]


def test_a_bias_before_a_dead_relu_has_the_relu_s_reason():
    dead = nn.Linear(2, 2)
    with ag.record() as r:
        ag.relu(dead(ag.tensor(gallery.randn(3, 2))) - 100.0).sum().backward()
    reasons = {n.path: n.reason for n in ag.graph(r).nodes if n.kind == "parameter"}
    assert set(reasons.values()) == {"dead relu: none of 6 inputs is above 0"}


def test_gradcheck_mixes_no_dtypes():
    """The weight of a convolution is checked in float64, and then the image that no gradient flows to is float64, too."""
    conv = nn.Conv2d(1, 2, 3)
    with ag.record() as r:
        conv(ag.tensor(gallery.randn(1, 1, 5, 5))).sum().backward()
    g = ag.graph(r)
    g.show(overlay="gradcheck")
    assert {n.check for n in g.nodes if n.check} == {"ok"}


def test_wide_characters_have_room():
    assert text_width("変数", 10.0) > 2 * 10.0
    assert text_width("e\u0301", 10.0) == text_width("e", 10.0)
    x = ag.tensor([1.0], requires_grad=True, name="変数" * 6)
    assert titled(ag.graph(ag.exp(x).sum()).show(), "eˣ exp")[0].width > 12 * 10


def test_only_what_goes_on_in_another_column_is_dashed():
    for make in (gallery.scalar_mlp, lambda: gallery.scalar_mlp(6)):
        drawing = ag.graph(make()).show().drawing
        assert len(drawing.laid.columns) > 1
        dashed = [s for s in drawing.scene.shapes if isinstance(s, Rectangle) and s.dash == "5 4"]
        whole = [
            f for f in drawing.laid.layout.frames
            if any(c.top - 0.01 <= f[1] and f[3] <= c.bottom + 0.01 for c in drawing.laid.columns)
        ]  # fmt: skip
        pieces = sum(
            f[1] < c.bottom - 0.01 and f[3] > c.top + 0.01
            for f in drawing.laid.layout.frames
            for c in drawing.laid.columns
        )
        assert len(dashed) == pieces - len(whole)


def test_random_numbers_are_shown_as_what_they_are():
    with ag.record() as r:
        nn.Dropout(0.5)(ag.tensor(np.ones((2, 2)), requires_grad=True)).sum().backward()
    assert "random state" in ag.graph(r).show().text("svg")
