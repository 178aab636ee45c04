"""The certificate of `python -m autograd_nn check`."""

import json

import numpy as np
import pytest
from extent import ALL, taken
from planting import planted

import autograd_nn as ag
from autograd_nn.__main__ import main as command_line
from autograd_nn.check.samples import rows


def main(arguments):
    return command_line(["check", *arguments])


DIFFERENTIATED = sorted({r.name for r in rows() if any(c.order > 0 and c.differentiated() for c in r.calls)})


def test_every_operation_is_certified(capsys):
    """A short run takes a tenth: tests/test_samples.py holds the whole table against the same differences."""
    names = [n for n in DIFFERENTIATED if taken(n, 10)]
    assert main([] if ALL else names) == 0
    text = capsys.readouterr().out
    assert text.splitlines()[-1].startswith("PASS")
    assert {line.split()[0] for line in text.splitlines()[1:-1]} == set(names)


def test_json_and_a_wrong_rule(capsys):
    assert main(["--json", "tanh", "matmul"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert made["ok"] and made["numpy"] == np.__version__
    assert {(x["operation"], x["dtype"], x["order"]) for x in made["lines"]} == {
        (name, dtype, order)
        for name in ("tanh", "matmul")
        for dtype, order in (("float64", 1), ("float64", 2), ("float32", 1))
    }
    with planted(ag.tanh.op, "x", "factor 1.001"):
        assert main(["tanh"]) == 1
    assert "WRONG" in capsys.readouterr().out
    with planted(ag.tanh.op, "x", "written in place"):
        assert main(["tanh"]) == 1
    assert "read-only" in capsys.readouterr().out


def test_an_unknown_operation_is_refused(capsys):
    assert main(["tangent"]) == 2
    assert "tangent" in capsys.readouterr().err
    with pytest.raises(ValueError, match="tangent"):
        ag.check.certify(["tangent"])


def test_draws(capsys):
    assert main(["--draws", "2", "tanh", "matmul"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "PASS  2 operations, 4 draws: 4 PASS"
    with planted(ag.tanh.op, "x", "factor 1.001"):
        assert main(["--draws", "1", "--json", "tanh"]) == 1
    made = json.loads(capsys.readouterr().out)
    assert made["counts"] == {"tanh": {"FAIL": 1}} and made["alarms"][0]["report"]["place"]["operation"] == "tanh"
    assert main(["--draws", "1", "tangent"]) == 2
    assert main(["--draws", "2", "tanh", "nn.Linear", "nn.LSTM"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "PASS  1 operations, 2 layers, 6 draws: 6 PASS"
    assert main(["--draws", "1", "nn.Linier"]) == 2
    assert "the table has no layer nn.Linier" in capsys.readouterr().err
