"""The viewer in a real browser, headless, with the network off: opening, clicking, hovering, searching, stepping.

A page is opened from disk with a script at its end that does what a reader would and writes down what it then sees.
"""

import html
import importlib.util
import json
import re
import xml.etree.ElementTree as ElementTree

import browser
import gallery
import pytest

import autograd_nn as ag
from autograd_nn import viz

pytestmark = browser.needed
HANDS = """
const all = s => [...document.querySelectorAll(s)], one = s => document.querySelector(s);
const boxes = () => all("[data-box]").map(g => g.textContent), press = name => one(`[aria-label="${name}"]`).click();
const hit = (el, type) => {
  const r = el.getBoundingClientRect();
  el.dispatchEvent(new PointerEvent(type, {bubbles: true, clientX: r.left + 3, clientY: r.top + 3}));
};
const click = el => { hit(el, "pointerdown"); hit(el, "pointerup"); hit(el, "click"); };
const find = words => all("[data-box]").find(g => g.textContent.includes(words));
const title = words => all("[data-close]").find(g => g.textContent.includes(words));
const texts = () => all("svg text").map(t => [+t.getAttribute("x"), +t.getAttribute("y"), t.textContent]);
const seek = words => {
  const s = one("[aria-label=search]");
  s.value = words;
  s.dispatchEvent(new Event("input"));
  return s;
};
"""


def seen(page, script, tmp_path, width=1300, when="load"):
    """What a script returns after the page has loaded."""
    ending = (
        f'<script>addEventListener("{when}", () => setTimeout(() => {{ {HANDS} let said;'
        f"try {{ said = (() => {{ {script} }})(); }} catch (e) {{ said = {{error: String(e.stack)}}; }}"
        f'const pre = document.createElement("pre"); pre.id = "said"; pre.textContent = JSON.stringify(said);'
        f"document.body.append(pre); }}, 100))</script></body>"
    )
    path = tmp_path / "page.html"
    path.write_text(page.replace("</body>", ending), encoding="utf-8")
    flags = ("--virtual-time-budget=4000", f"--window-size={width},1000", "--dump-dom")
    said, complaints = browser.visit(path.as_uri(), tmp_path / "profile", *flags)
    found = re.search(r'<pre id="said">(.*?)</pre>', said, re.S)
    assert found, complaints[-2000:]
    said = json.loads(html.unescape(found[1]))
    assert not (isinstance(said, dict) and "error" in said), said
    return said


@pytest.mark.parametrize("name", ["block", "transformer", "unet", "failed"])
def test_the_viewer_draws_what_python_drew(records, name, tmp_path):
    picture = ag.graph(records(name)[0]).show(overlay=None if name == "failed" else "time")
    root = ElementTree.fromstring(picture.text("svg"))
    ours = sorted(
        (t.text, float(t.attrib["x"]), float(t.attrib["y"])) for t in root.iter("{http://www.w3.org/2000/svg}text")
    )
    theirs = sorted((t, x, y) for x, y, t in seen(picture.text("html"), "return texts()", tmp_path))
    assert [t for t, *_ in theirs] == [t for t, *_ in ours]
    for (text, x, y), (_, u, v) in zip(ours, theirs, strict=True):
        if not text.endswith(" …"):  # where a frame goes on, the browser places its name by its own measure
            assert (u, v) == (pytest.approx(x, abs=0.11), pytest.approx(y, abs=0.11)), text


def test_groups_close_and_open_on_click(records, tmp_path):
    page = ag.graph(records("block")[0]).show().text("html")
    before, closed, opened, all_closed, reset = seen(
        page,
        """const a = boxes(); click(title("attn").querySelector("text")); const b = boxes();
        click(find("▸ attn").querySelector("rect")); const c = boxes();
        click(title("Block").querySelector("text")); const d = boxes(); press("as at first"); return [a, b, c, d, boxes()]""",
        tmp_path,
    )
    assert any("▸ attn" in t and "17 ops" in t for t in closed)
    assert not any("softmax" in t for t in closed)
    assert len(closed) < len(before) == len(opened)
    assert sorted(opened) == sorted(before) == sorted(reset)
    assert len(all_closed) == 4


def test_hovering_shows_the_numbers(records, tmp_path):
    page = ag.graph(records("block")[0]).show().text("html")
    tip, shown, bars, group = seen(
        page,
        """hit(find("softmax").querySelector("rect"), "pointermove");
        const a = [one(".ag-tip").textContent, one(".ag-tip").style.display, all(".ag-tip svg rect").length];
        click(title("attn").querySelector("text")); hit(find("▸ attn").querySelector("rect"), "pointermove");
        return [...a, one(".ag-tip").textContent]""",
        tmp_path,
    )
    assert shown == "block"
    assert bars == 32  # two histograms
    for word in (
        "softmax",
        "2×4×8×8",
        "float32",
        "min ",
        "max ",
        "mean ",
        "σ ",
        "norm ",
        "kB",
        "forward",
        "backward",
        "gallery.py:",
    ):
        assert word in tip, word
    assert "Attention" in group
    assert "1,088 params" in group


def test_hovering_over_what_repeats_says_so(records, tmp_path):
    g = ag.graph(records("lstm")[0])
    tip = seen(
        g.show().text("html"),
        """hit(find("sigmoid").querySelector("rect"), "pointermove"); return one(".ag-tip").textContent""",
        tmp_path,
    )
    assert "the first of 32; kept and time are of all" in tip


def test_searching_finds(records, tmp_path):
    page = ag.graph(records("transformer")[0]).show(fold_repeats=False).text("html")
    hits, status, after, nothing, words = seen(
        page,
        """const s = seek("h.7.attn"), hits = all("[data-hit]").length, status = one(".ag-viewer").children[1].textContent;
        s.dispatchEvent(new KeyboardEvent("keydown", {key: "Enter"})); const after = boxes();
        seek("no such thing"); const none = one(".ag-viewer").children[1].textContent;
        seek("softmax h.7"); return [hits, status, after, none, one(".ag-viewer").children[1].textContent]""",
        tmp_path,
    )
    assert hits == 1  # the closed group that holds it
    assert status.startswith("12 found")
    assert any("softmax" in t for t in after)
    assert nothing == "nothing matches no such thing"
    assert words.startswith("1 found")  # in any order


def test_the_adjoints_arrive_step_by_step(records, tmp_path):
    r, _ = records("mlp")
    g = ag.graph(r)
    page = g.show().text("html")
    first, second, end, seen_at_last = seen(
        page,
        """const state = () => [one(".ag-viewer").children[1].textContent, boxes()];
        press("next step of the backward pass"); const a = state(); press("next step of the backward pass"); const b = state();
        press("end of the backward pass"); const c = state();
        const current = all("[data-box]").find(g => g.querySelector('[stroke="#d9480f"]')).getBoundingClientRect();
        return [a, b, c, current.top >= 0 && current.bottom <= innerHeight]""",
        tmp_path,
    )
    assert "step 1 of 4: cross_entropy has its gradient, 1" in first[0]
    assert sum("∇" in t for t in first[1]) == 1
    assert "linear has its adjoint" in second[0]
    assert "to relu" in second[0]
    assert sum("∇" in t for t in end[1]) == 4
    assert seen_at_last  # the window follows the walk


def test_zoom_fit_and_readable_text(records, tmp_path):
    page = ag.graph(records("resnet")[0]).show().text("html")
    normal, larger, fit = seen(
        page,
        """const w = () => +one(".ag-viewer svg[viewBox]").getAttribute("width"); const a = w(); press("zoom in"); const b = w();
        press("fit the width"); return [a, b, w()]""",
        tmp_path,
    )
    assert larger == pytest.approx(1.2 * normal, rel=0.01)
    assert fit == normal
    smallest = seen(
        page,
        """const svg = one(".ag-viewer svg[viewBox]"), scale = svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
        return Math.min(...all(".ag-viewer svg[viewBox] text").map(t => +t.getAttribute("font-size") * scale))""",
        tmp_path,
        width=500,
    )
    assert smallest >= 9.0


def test_an_expression_walks_with_signs(tmp_path):
    x = ag.tensor(2.0, requires_grad=True, name="x")
    o = ag.exp(x) * -3.0
    o.backward()
    page = ag.expression(o).show().text("html")
    said, texts = seen(
        page,
        """press("next step of the backward pass"); press("next step of the backward pass");
        return [one(".ag-viewer").children[1].textContent, boxes()]""",
        tmp_path,
    )
    assert said == "step 2 of 3: eˣ exp has its gradient, -3; it sends back 7.389 × -3 to x"
    assert any("∇ -3" in t for t in texts)


def test_expressions_sideways(tmp_path):
    picture = ag.expression(gallery.neuron()).show()
    labels = seen(picture.text("html"), "return texts().map(t => t[2])", tmp_path)
    assert sorted(labels) == sorted(re.findall(r"<text[^>]*>([^<]*)</text>", picture.text("svg")))


def bundle_page(graph, trusted):
    body = graph._repr_mimebundle_()[0]["text/html"]
    if not trusted:
        body = re.sub(r'onload="[^"]*"', "", body)
    return f"<!DOCTYPE html><html><body>{body}</body></html>"


def test_a_trusted_notebook_gets_the_viewer(records, tmp_path):
    page = bundle_page(ag.graph(records("block")[0]), trusted=True)
    count, images = seen(page, 'return [boxes().length, all("img").length]', tmp_path)
    assert count > 20
    assert images == 0


def test_an_untrusted_notebook_shows_the_static_picture(records, tmp_path):
    page = bundle_page(ag.graph(records("block")[0]), trusted=False)
    width, shown = seen(
        page, 'const i = one("img"); return [i.naturalWidth, i.getBoundingClientRect().width]', tmp_path, width=700
    )
    assert width == pytest.approx(ag.graph(records("block")[0]).show().scene.width, abs=1)
    assert shown >= 0.89 * width  # narrower than the window, it scrolls: its text stays readable


def test_two_pictures_on_one_page(records, tmp_path):
    one = ag.graph(records("mlp")[0])._repr_mimebundle_()[0]["text/html"]
    two = viz.structure(gallery.Block())._repr_mimebundle_()[0]["text/html"]
    page = f"<!DOCTYPE html><html><body>{one}{two}</body></html>"
    assert seen(page, 'return all(".ag-viewer").map(v => v.querySelectorAll("[data-box]").length)', tmp_path) == [5, 9]


@pytest.mark.skipif(importlib.util.find_spec("nbconvert") is None, reason="nbconvert is not installed")
def test_a_notebook_that_nbconvert_made_a_page_of_shows_the_picture(records, tmp_path):
    import nbformat
    from nbconvert import HTMLExporter

    bundle, _ = ag.graph(records("block")[0])._repr_mimebundle_()
    output = nbformat.v4.new_output("execute_result", bundle, execution_count=1)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("g", outputs=[output], execution_count=1)])
    page, _ = HTMLExporter().from_notebook_node(notebook)
    assert seen(page, 'return boxes().length + all("img").length', tmp_path) > 20
