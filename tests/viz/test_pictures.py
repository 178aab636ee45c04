"""The pictures themselves: whitelisted SVG, no text clipped or overlapping or small, deterministic bytes, sizes, formats."""

import base64
import io
import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import gallery
import numpy as np
import pytest

import autograd_nn as ag
from autograd_nn import viz
from autograd_nn.viz.scene import Circle, Rectangle, Text
from autograd_nn.viz.style import SMALLEST, text_width
from autograd_nn.viz.svg import ELEMENTS

NAMES = sorted(gallery.records())
ATTRIBUTES = {
    "viewBox", "width", "height", "font-family", "text-anchor", "x", "y", "rx", "fill", "stroke", "stroke-width",
    "stroke-dasharray", "font-size", "font-weight", "d", "cx", "cy", "r", "points",
}  # fmt: skip


def pictures(records):
    """Every picture of the gallery, with the overlays that draw most."""
    for name in NAMES:
        g = ag.graph(records(name)[0])
        yield name, g.show()
        if g.nodes and not any(n.error for n in g.nodes):
            for overlay in ("grad", "time", "nonfinite"):
                yield f"{name} {overlay}", g.show(overlay=overlay, title="A title")
    for options in ({"budget": 12}, {"fold_repeats": True}, {"direction": "LR"}):
        for name, overlay in (("transformer", "value"), ("lstm", "gradcheck"), ("block", "memory")):
            yield f"{name} {overlay} {options}", ag.graph(records(name)[0]).show(overlay=overlay, **options)
    yield "neuron", ag.expression(gallery.neuron()).show()
    yield "scalar mlp", ag.graph(gallery.scalar_mlp()).show()
    yield "structure", viz.structure(gallery.Transformer()).show()
    yield "whole resnet", ag.graph(records("resnet")[0]).show(budget=None)
    yield "sideways", ag.graph(records("siamese")[0]).show(direction="LR")


def text_box(t):
    w = text_width(t.text, t.size, t.bold)
    left = {"middle": t.x - w / 2, "start": t.x, "end": t.x - w}[t.anchor]
    return left, t.y - 0.76 * t.size, left + w, t.y + 0.2 * t.size


def test_no_text_is_clipped_overlapped_or_small(records):
    for name, picture in pictures(records):
        scene = picture.scene
        texts = [s for s in scene.shapes if isinstance(s, Text) and s.text]
        placed = [(text_box(t), t.text) for t in texts]
        for (left, top, right, bottom), text in placed:
            assert left >= 0 and top >= 0 and right <= scene.width and bottom <= scene.height, (name, text)
        assert min(t.size for t in texts) >= SMALLEST, name
        placed.sort(key=lambda p: p[0][1])
        for i, (a, one) in enumerate(placed):
            for b, other in placed[i + 1 :]:
                if b[1] >= a[3]:
                    break
                assert not (a[0] < b[2] - 0.5 and b[0] < a[2] - 0.5), (name, one, other)
        boxes = [s for s in scene.shapes if isinstance(s, (Rectangle, Circle))]
        for s in boxes:
            r = (
                (s.x, s.y, s.x + s.width, s.y + s.height)
                if isinstance(s, Rectangle)
                else (s.x - 8, s.y - 8, s.x + 8, s.y + 8)
            )
            assert r[0] >= 0 and r[1] >= 0 and r[2] <= scene.width + 0.01 and r[3] <= scene.height + 0.01, (name, s)


def test_text_stays_inside_its_box(records):
    """A text that begins inside an operation's box or a chip ends inside it."""
    for name, picture in pictures(records):
        shapes = picture.scene.shapes
        for i, s in enumerate(shapes):
            if isinstance(s, Text) and s.anchor == "middle" and isinstance(shapes[i - 1], Rectangle):
                box, (left, _, right, _) = shapes[i - 1], text_box(s)
                assert box.x <= left and right <= box.x + box.width, (name, s.text)


def test_the_svg_is_whitelisted(records):
    for name, picture in pictures(records):
        root = ElementTree.fromstring(picture.text("svg"))
        for element in root.iter():
            assert element.tag.split("}")[1] in ELEMENTS, name
            assert set(element.attrib) <= ATTRIBUTES, (name, element.attrib)
        assert {"viewBox", "width", "height"} <= set(root.attrib)
        assert root[1].attrib["fill"] == "#ffffff"


def test_same_input_same_bytes(tmp_path):
    """Also from another process, where hashes are others."""
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); import gallery, autograd_nn as ag, hashlib; ag.manual_seed(0)\n"
        "r, m = gallery.records()['unet']()\n"
        "p = ag.graph(r).show(fold_repeats=True)\n"
        "print(hashlib.sha256((p.text('svg') + p.text('dot')).encode()).hexdigest())"
    )
    run = lambda seed: subprocess.run(
        [sys.executable, "-c", program, str(gallery.__file__).rsplit("gallery", 1)[0]],
        capture_output=True, text=True, check=True, env={**os.environ, "PYTHONHASHSEED": seed},
    ).stdout  # fmt: skip
    assert run("1") == run("2") != ""


def test_same_pdf_and_png(records):
    from autograd_nn.viz import figure

    scene = ag.graph(records("mlp")[0]).show().scene
    assert figure.png(scene) == figure.png(scene)
    assert figure.pdf(scene) == figure.pdf(scene)


def test_the_colours_of_a_png_are_exact(records):
    from PIL import Image

    from autograd_nn.viz import figure
    from autograd_nn.viz.overlays import SCALE

    scene = ag.graph(records("block")[0]).show(overlay="grad").scene
    with Image.open(io.BytesIO(figure.png(scene))) as png:
        seen = {f"#{c[1][0]:02x}{c[1][1]:02x}{c[1][2]:02x}" for c in png.convert("RGB").getcolors(1 << 20)}
    assert set(SCALE) | {"#ffffff"} <= seen


def test_every_format_is_written_and_reads_back(records, tmp_path):
    g = ag.graph(records("siamese")[0])
    heads = {
        "svg": b"<svg",
        "png": b"\x89PNG",
        "pdf": b"%PDF",
        "html": b"<!DOCTYPE html>",
        "dot": b"digraph",
        "json": b"{",
    }
    for form, head in heads.items():
        path = g.save(tmp_path / f"net.{form}")
        assert path.read_bytes().startswith(head)
    assert not [p for p in tmp_path.iterdir() if p.suffix == ".partial"]
    from PIL import Image

    scene = g.show().scene
    with Image.open(tmp_path / "net.png") as picture:
        assert picture.size == (pytest.approx(2 * scene.width, abs=2), pytest.approx(2 * scene.height, abs=2))
    dot = g.to_dot()
    assert dot.count("subgraph") == 3
    assert dot.count("->") == len(g.show().drawing.view.wires)


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
def test_graphviz_reads_the_dot(records):
    text = ag.graph(records("block")[0]).to_dot()
    assert b"<svg" in subprocess.run(["dot", "-Tsvg"], input=text.encode(), capture_output=True, check=True).stdout


def test_a_failed_write_leaves_what_was_there(records, tmp_path, monkeypatch):
    g = ag.graph(records("mlp")[0])
    path = g.save(tmp_path / "net.svg")
    before = path.read_bytes()
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("no space")))
    with pytest.raises(OSError, match="no space"):
        g.save(path, overlay="grad")
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["net.svg"]


def test_drawing_on_axes_of_ones_own(records):
    from matplotlib.figure import Figure

    ax = Figure(figsize=(4, 3)).subplots()
    assert ag.graph(records("mlp")[0]).draw(ax=ax) is ax
    assert len(ax.texts) > 10
    assert ag.graph(records("mlp")[0]).draw().get_figure() is not None


def test_html_sizes(records):
    size = lambda g: len(g.show().text("html").encode())
    assert size(ag.graph(records("block")[0])) <= 120_000
    ag.manual_seed(0)
    deep = gallery.Transformer(42)
    g = ag.graph(gallery.recorded(deep, gallery.randn(2, 8, 16), loss=gallery.squared)[0])
    assert sum(n.kind == "operation" for n in g.nodes) > 1_000
    assert size(g) <= 400_000
    assert len(g.show(fold_repeats=False).text("html").encode()) <= 400_000  # every operation is in it
    functions = [ag.sin, ag.tanh, ag.exp, ag.cos, ag.arctan]
    y = x = ag.tensor(np.ones((4, 4)), requires_grad=True, name="x")
    with ag.record(x) as r:
        for k in range(1_000):
            y = functions[k * k % 7 % 5](y)
    assert len(ag.graph(r).show(fold_repeats=False).text("html").encode()) <= 400_000  # nor does it take groups


def test_the_bundle_for_notebooks(records):
    r, model = records("block")
    bundle, metadata = ag.graph(r)._repr_mimebundle_()
    assert metadata["image/png"]["width"] == round(ag.graph(r).show().scene.width)
    assert set(bundle) == {"text/plain", "text/html", "image/png"}
    source = re.search(r'src="data:image/svg\+xml;base64,([^"]+)"', bundle["text/html"])[1]
    ElementTree.fromstring(base64.b64decode(source))
    assert base64.b64decode(bundle["image/png"]).startswith(b"\x89PNG")
    assert " id=" not in bundle["text/html"]
    assert r._repr_mimebundle_() == ag.graph(r)._repr_mimebundle_()
    assert "text/html" in model._repr_mimebundle_()[0]
    with ag.record() as empty:
        pass
    assert empty._repr_mimebundle_() == {"text/plain": "an empty record"}
    try:
        viz.config(mime="png")
        assert set(ag.graph(r)._repr_mimebundle_()[0]) == {"text/plain", "image/png"}
        viz.config(scale=1.0)
        small = base64.b64decode(ag.graph(r)._repr_mimebundle_()[0]["image/png"])
        assert len(small) < 0.9 * len(base64.b64decode(bundle["image/png"]))
        viz.config(mime="svg")
        assert set(ag.graph(r)._repr_mimebundle_()[0]) == {"text/plain", "image/svg+xml"}
    finally:
        viz.config(mime="html", scale=1.25)


def test_a_graph_is_drawn_without_matplotlib():
    program = (
        "import sys, autograd_nn as ag\n"
        "x = ag.tensor([1.0], requires_grad=True)\n"
        "g = ag.graph(ag.exp(x).sum()); g.show().text('svg'); g.show().text('html'); g.to_dot(); g.to_json()\n"
        "print('matplotlib' in sys.modules)"
    )
    assert (
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "False\n"
    )


def test_names_are_escaped():
    x = ag.tensor([1.0], requires_grad=True, name='<b>&"$x_1$')
    picture = ag.graph(ag.exp(x).sum()).show()
    ElementTree.fromstring(picture.text("svg"))
    assert "<b>" not in picture.text("svg")
    picture.draw()
    from autograd_nn.viz import figure

    assert figure.png(picture.scene)
    assert io.BytesIO(figure.pdf(picture.scene)).read(4) == b"%PDF"
