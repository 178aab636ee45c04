"""Bad input: what is wrong is named, and what to do about it."""

import numpy as np
import pytest

import autograd_nn as ag
from autograd_nn import nn, viz
from autograd_nn.viz import training


def test_of_graphs_and_pictures(records, tmp_path):
    x = ag.tensor([1.0, 2.0], requires_grad=True)
    y = ag.exp(x).sum()
    r = records("mlp")[0]
    with ag.record() as empty:
        pass
    with ag.record(x) as forward_only:
        ag.exp(x)
    g = ag.graph(y)
    cases = [
        (lambda: ag.graph(ag.tensor([1.0])), ValueError, "has no graph.*requires_grad=True"),
        (lambda: ag.graph(x), ValueError, "is a leaf"),
        (lambda: ag.graph(empty), ValueError, "record is empty"),
        (lambda: ag.graph(3), TypeError, "Tensor or a record, not int"),
        (lambda: ag.graph(nn.Linear(1, 1)), TypeError, "structure draws a module"),
        (lambda: ag.graph(y, against=r), TypeError, "only two records"),
        (lambda: g.show(overlay="colour"), ValueError, "no overlay 'colour'; there are compare, grad"),
        (
            lambda: g.show(overlay="memory"),
            ValueError,
            r"'memory' needs more than a graph keeps; run it under ag.record\(\)",
        ),
        (lambda: g.show(overlay="time"), ValueError, r"ag.record\(\)"),
        (lambda: g.show(overlay="nonfinite"), ValueError, r"ag.record\(\)"),
        (lambda: g.show(overlay="gradcheck"), ValueError, r"ag.record\(\)"),
        (lambda: g.show(overlay="grad"), ValueError, r"ag.record\(\)"),
        (lambda: ag.graph(forward_only).show(overlay="grad"), ValueError, r"backward\(\) did not run"),
        (lambda: ag.graph(r).show(overlay="compare"), ValueError, "against=other"),
        (lambda: g.show(direction="up"), ValueError, "'TB'"),
        (lambda: ag.graph(r).show(expand=["nowhere"]), ValueError, "'nowhere', which is no group.*MLP"),
        (lambda: g.save(tmp_path / "net.gif"), ValueError, "ends in none of .svg"),
        (lambda: g.save(tmp_path / "no" / "net.svg"), FileNotFoundError, "does not exist"),
        (lambda: g.save(tmp_path / "directory.svg"), IsADirectoryError, "is a directory"),
        (lambda: ag.expression(ag.exp(x)), ValueError, r"shape \(2,\)"),
        (lambda: ag.expression(y), ValueError, "ag.graph"),
        (lambda: ag.expression(1.0), TypeError, "0-d Tensor, not float"),
        (lambda: viz.config("gif"), ValueError, "html, png, svg"),
        (lambda: viz.config(scale="big"), ValueError, "from 0.5 to 4, not 'big'"),
        (lambda: ag.graph(y, model=3), TypeError, "the Module whose parameters get their names, not int"),
        (lambda: g.show(overlay=["grad"]), ValueError, "no overlay"),
        (lambda: g.show(budget=0), ValueError, "budget is a whole number from 1 on, or None for no limit, not 0"),
        (lambda: g.show(depth="all"), ValueError, "depth is a whole number from 0 on"),
        (lambda: g.show().text("gif"), ValueError, "'svg', 'html', 'dot' or 'json', not 'gif'"),
        (lambda: viz.structure(x), TypeError, "draws a Module, not Tensor; ag.graph"),
    ]
    (tmp_path / "directory.svg").mkdir()
    for call, kind, message in cases:
        with pytest.raises(kind, match=message):
            call()


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: training.curves(3), TypeError, "a History or a dict of sequences of numbers, not int"),
        (lambda: training.curves({"a": "xyz"}), ValueError, "'a' is no sequence of numbers"),
        (
            lambda: training.histograms({"a": [1]}),
            TypeError,
            r"draws a History, not dict; its snapshot\(model\) fills it",
        ),
        (lambda: training.History().log(loss="low"), ValueError, "'loss' is .*'low'.*; log a number"),
        (lambda: training.History().snapshot(3), TypeError, "of a Module's parameters, not of int"),
        (
            lambda: training.confusion([0.5, 1.0], [0, 1]),
            ValueError,
            r"whole numbers from 0 on; these are \[0.5, 1.0\]",
        ),
        (lambda: training.confusion(["a"], ["a"]), ValueError, "whole numbers from 0 on"),
        (lambda: training.confusion([-1], [0]), ValueError, "whole numbers from 0 on"),
        (lambda: training.confusion([0, 1], [0, 1], names=["a"]), ValueError, "1 names for 2"),
        (lambda: training.attention(np.eye(3), queries=["a"]), ValueError, "queries: 1 names for 3"),
        (lambda: training.decision_boundary(len, np.ones((4, 2)), [0]), ValueError, "4 examples and 1 labels"),
        (
            lambda: training.decision_boundary(lambda p: 3, np.ones((1, 2)), [0]),
            ValueError,
            r"made \(\) of 25600 points",
        ),
    ],
)
def test_of_pictures_of_training(call, kind, message):
    with pytest.raises(kind, match=message):
        call()
