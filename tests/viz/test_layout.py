"""The layout: nothing overlaps, children lie inside, edges run downward, the same input gives the same output, and it is fast."""

import json
import random
import shutil
import subprocess
import time
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autograd_nn
from autograd_nn.viz.layout import Box, Frame, layout, wrap
from autograd_nn.viz.viewer import script

VIEWER = Path(autograd_nn.__file__).parent / "viz" / "viewer"


def random_graph(count, seed, skips=0.4):
    """A chain in nested groups of ten, with short and long skips, as a deep network has them."""
    rng = random.Random(seed)
    boxes, frames, edges = [], [], []
    outer = -1
    for block in range((count + 9) // 10):
        if block % 5 == 0:
            frames.append(Frame(-1, 40 + rng.randrange(60), 60))
            outer = len(frames) - 1
        frames.append(Frame(outer, 30 + rng.randrange(80), rng.choice([0, 70])))
        for k in range(min(10, count - len(boxes))):
            boxes.append(
                Box(50 + rng.randrange(90), 20 + rng.randrange(60), rng.choice([len(frames) - 1] * 5 + [outer, -1]))
            )
            v = len(boxes) - 1
            if v:
                edges.append((v - 1, v))
            if k > 2 and rng.random() < skips:
                edges.append((v - rng.randrange(1, 4), v))
            if k == 9 and v > 30 and rng.random() < skips:
                edges.append((v - rng.randrange(11, 30), v))
    return boxes, frames, list(dict.fromkeys(edges))


def rectangles(found, boxes):
    return [
        (x - b.width / 2, y - b.height / 2, x + b.width / 2, y + b.height / 2)
        for (x, y), b in zip(found.nodes, boxes, strict=True)
    ]


def overlap(a, b, gap=0.0):
    return (
        a[0] < b[2] - 1e-9 + gap and b[0] < a[2] - 1e-9 + gap and a[1] < b[3] - 1e-9 + gap and b[1] < a[3] - 1e-9 + gap
    )


def ancestors(frames, g):
    out = []
    while g >= 0:
        out.append(g)
        g = frames[g].parent
    return out


def check(boxes, frames, edges, found, downward=True):
    placed = rectangles(found, boxes)
    order = sorted(range(len(placed)), key=lambda i: placed[i][1])
    for k, i in enumerate(order):
        for j in order[k + 1 :]:
            if placed[j][1] >= placed[i][3]:
                break
            assert not overlap(placed[i], placed[j]), (i, j)
    for g, frame in enumerate(frames):
        if frame.parent >= 0 and found.frames[g] != (0.0, 0.0, 0.0, 0.0):
            assert inside(found.frames[g], found.frames[frame.parent])
    for box, r in zip(boxes, placed, strict=True):
        if box.group >= 0:
            assert inside(r, found.frames[box.group])
        around = ancestors(frames, box.group)
        for g, other in enumerate(found.frames):
            if g not in around and other != (0.0, 0.0, 0.0, 0.0):
                assert not overlap(r, other)
    if downward:
        for points in found.edges:
            assert all(b[1] >= a[1] - 1e-9 for a, b in pairwise(points))
    for points, (s, t) in zip(found.edges, edges, strict=True):
        assert points[0] == pytest.approx((found.nodes[s][0], placed[s][3]))
        assert points[-1] == pytest.approx((found.nodes[t][0], placed[t][1]))


def inside(a, b):
    return a[0] >= b[0] - 1e-9 and a[1] >= b[1] - 1e-9 and a[2] <= b[2] + 1e-9 and a[3] <= b[3] + 1e-9


def nested(count, seed):
    boxes, frames, edges = random_graph(count, seed)
    for i, b in enumerate(boxes):  # a group is a run of consecutive boxes
        b.group = 0 if not frames else 1 + (i // 10) + (i // 50)
    return boxes, frames, edges


@given(st.integers(1, 120), st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_no_overlaps_children_inside_edges_downward(count, seed):
    boxes, frames, edges = nested(count, seed)
    check(boxes, frames, edges, layout(boxes, frames, edges))


@given(st.integers(2, 40), st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_sideways_edges_run_to_the_right(count, seed):
    boxes, frames, edges = nested(count, seed)
    found = layout(boxes, frames, edges, sideways=True)
    for points in found.edges:
        assert all(b[0] >= a[0] - 1e-9 for a, b in pairwise(points))
    placed = rectangles(found, boxes)
    assert not any(overlap(a, b) for i, a in enumerate(placed) for b in placed[:i])
    for (left, top, right, bottom), frame in zip(found.frames, frames, strict=True):
        for points in found.edges:  # an edge goes straight through a border, not along it
            for (x, y), (u, v) in pairwise(points):
                assert not (
                    x == u in (left, right) and abs(y - v) > 1e-6 and top <= min(y, v) and max(y, v) <= bottom
                ), frame


@given(st.integers(1, 60), st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_cycles_between_groups_do_no_harm(count, seed):
    """Scopes that somebody made up may leave and enter a group twice: something is drawn, and nothing overlaps."""
    boxes, frames, edges = random_graph(count, seed)
    check(boxes, frames, [], layout(boxes, frames, []))
    found = layout(boxes, frames, edges)
    placed = rectangles(found, boxes)
    assert not any(overlap(a, b) for i, a in enumerate(placed) for b in placed[:i])


def test_same_input_same_output():
    assert layout(*nested(80, 3)) == layout(*nested(80, 3))


def test_no_edge_runs_through_a_title():
    boxes, frames, edges = nested(100, 7)
    found = layout(boxes, frames, edges)
    for g, frame in enumerate(frames):
        left, top, right, _ = found.frames[g]
        for start, width in zip(found.titles[g], (frame.name, frame.info), strict=True):
            assert width == 0 or (left < start and start + width < right)
            for points in found.edges:
                for (x, y), (u, v) in pairwise(points):
                    if x == u and y <= top + 1e-9 and v >= top + 20 and width:
                        assert not start - 1 < x < start + width + 1


def test_a_thousand_grouped_nodes_in_a_tenth_of_a_second():
    boxes, frames, edges = nested(1000, 1)
    check(boxes, frames, edges, layout(boxes, frames, edges))
    best = 1.0
    for _ in range(20):  # in processor time, and the best of some, for others may be busy on this machine
        start = time.process_time()
        layout(boxes, frames, edges)
        best = min(best, time.process_time() - start)
        if best < 0.1:
            break
    assert best < 0.1, f"{1000 * best:.0f} ms"


def timed(f):
    start = time.perf_counter()
    f()
    return time.perf_counter() - start


def test_a_chain_of_ten_thousand_without_recursion():
    boxes = [Box(60, 30, -1) for _ in range(10_000)]
    edges = [(i, i + 1) for i in range(9_999)]
    found = layout(boxes, [], edges)
    assert all(a[1] < b[1] for a, b in pairwise(found.nodes))
    assert len({x for x, _ in found.nodes}) == 1
    deep = [Frame(g - 1, 10, 0) for g in range(2_000)]
    found = layout([Box(10, 10, 1_999)], deep, [])
    assert found.frames[0][0] < found.frames[1_999][0]


def test_ten_thousand_edges_to_one_node_are_not_a_hundred_million_bends():
    boxes = [Box(60, 30, -1) for _ in range(3_001)]
    edges = [(i, i + 1) for i in range(2_999)] + [(i, 3_000) for i in range(3_000)]
    assert timed(lambda: layout(boxes, [], edges)) < 20.0


def test_columns_keep_everything_and_fit():
    boxes, frames, edges = nested(60, 5)
    found = layout(boxes, frames, edges)
    wrapped = wrap(found, edges, boxes, 3_000.0, found.height / 3)
    assert len(wrapped.columns) > 1
    assert wrapped.columns[0].top == 0.0
    assert wrapped.columns[-1].bottom == found.height
    for a, b in pairwise(wrapped.columns):
        assert a.bottom == b.top
        for (_, y), box in zip(found.nodes, boxes, strict=True):  # no box is cut
            assert not y - box.height / 2 < a.bottom - 1e-9 < y + box.height / 2 - 1e-9
    assert wrapped.width <= 3_000.0
    assert wrapped.height < found.height


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed; the browser test compares them, too")
@pytest.mark.parametrize(("count", "sideways"), [(7, False), (40, False), (90, True), (250, False)])
def test_the_viewer_lays_out_the_same(count, sideways, tmp_path):
    boxes, frames, edges = nested(count, count)
    found = layout(boxes, frames, edges, sideways)
    wrapped = wrap(found, edges, boxes, 1_500.0, 900.0)
    given_ = [
        [[b.width, b.height, b.group] for b in boxes],
        [[f.parent, f.name, f.info] for f in frames],
        edges,
        sideways,
    ]
    source = (VIEWER / "layout.js").read_text(encoding="utf-8")
    source += f"\nconst given=JSON.parse({json.dumps(json.dumps(given_))}), found=agLayout(...given);"
    source += "console.log(JSON.stringify([found, agWrap(found, given[2], given[0], 1500, 900)]))"
    program = tmp_path / "layout.js"
    program.write_text(source, encoding="utf-8")
    output = subprocess.run(["node", str(program)], capture_output=True, text=True, check=True).stdout
    theirs, their_wrapped = json.loads(output)
    plain = lambda x: json.loads(json.dumps(x))
    assert theirs["nodes"] == plain(found.nodes)
    assert theirs["frames"] == plain(found.frames)
    assert theirs["titles"] == plain(found.titles)
    assert theirs["edges"] == plain(found.edges)
    assert [c["top"] for c in their_wrapped["columns"]] == [c.top for c in wrapped.columns]
    assert [c["dx"] for c in their_wrapped["columns"]] == [c.dx for c in wrapped.columns]
    assert their_wrapped["crossings"] == plain(wrapped.crossings)


def test_the_script_has_no_comments_and_asks_nobody():
    source = script()
    assert "\n//" not in source
    assert not any(word in source for word in ("fetch(", "XMLHttpRequest", "import(", "WebSocket", "https://"))
    assert source.count("http://") == 1  # the name of the SVG namespace
