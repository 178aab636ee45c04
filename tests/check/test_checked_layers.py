"""No false alarm in any layer or loss of nn: the whole table over random draws, and that nothing is missing from it."""

import inspect
import os

import numpy as np
import pytest

import autograd_nn as ag
from autograd_nn import nn
from autograd_nn.check.layers import LAYERS, NOT_IN_THE_TABLE, classes_of

DRAWS = int(os.environ.get("AUTOGRAD_NN_DRAWS", "2"))
"""Over how many draws each row must pass; the first is checked to second order."""


def test_no_layer_is_missing_from_the_table():
    classes = {n for n, c in vars(nn).items() if inspect.isclass(c) and issubclass(c, nn.Module)}
    classes |= {n for n in dir(nn) if n.endswith("Loss")}
    rows = {row.name for row in LAYERS}
    assert classes - rows == set(NOT_IN_THE_TABLE), "each has a row, or a reason to have none"
    assert rows <= classes


@pytest.mark.parametrize("row", LAYERS, ids=str)
def test_every_layer_and_loss_passes_over_random_draws(row):
    for draw in range(DRAWS):
        state = ag.get_rng_state()
        report = row.check(draw, order=2 if draw == 0 else 1)
        assert report.verdict in ("PASS", "KINK"), f"draw {draw}: {report}"
        assert report.rows, "something was differentiated"
        assert "does not depend on" not in report.reason or row.name in INDEPENDENT, report.reason
        np.testing.assert_array_equal(ag.get_rng_state(), state)


INDEPENDENT = {"MultiheadAttention"}  # a key's bias moves all scores of a query alike, and the softmax does not see it


def test_every_way_of_calling_it_is_there():
    """Bidirectional, projected, stacked, of several lengths; masks; training and evaluation."""
    said = "\n".join(map(str, LAYERS))
    for words in (
        "bidirectional=True",
        "proj_size=2",
        "num_layers=2",
        "padding_mode=circular",
        "in evaluation",
        "cutoffs",
    ):
        assert words in said
    assert sum(row.call.__name__ == "_padded" for row in LAYERS) == 5
    assert len(classes_of(["nn.LSTM"])["nn.LSTM"]) == 10


def test_bounds_that_cross_are_no_truncation():
    """The public function refuses them; a replay with other bounds, or a draw of the table's, gets nan and no number beyond."""
    truncate = ag.ops.distributions.truncate_
    found = truncate(np.array([0.3, 0.6]), np.array(-1.0), np.array([-1.3, 2.0]), dtype=np.dtype(np.float64))
    assert np.isnan(found[0]) and -1.0 < found[1] < 2.0
