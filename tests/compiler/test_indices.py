"""Indices, labels and bounded values in compiled steps: what eager refuses is refused in the same words, and nothing is written.

Each row is a loss of a parameter and an array, an array that is good, and values that are not, put at its third place.
"""

import numpy as np
import pytest

import autograd_nn as ag
from autograd_nn import nn

F = nn.functional
CLASSES = 5


def numbers(*n, dtype=np.int64):
    return np.array(n, dtype)


GOOD = numbers(0, 1, 2, 4)
BYTES = GOOD.astype(np.uint8)
IGNORED = numbers(0, -1, 2, 4)
LENGTHS = numbers(1, 2, 3, 3)
SEQUENCES = np.array([[1, 2, 0, 0], [1, 2, 3, 0], [1, 2, 1, 2], [1, 1, 1, 0]])


def written(w, i):
    x = w * 1.0
    x[i] = 2.0
    return (x * x).sum()


def ctc(scores, labels, steps, lengths):
    return F.ctc_loss(ag.log_softmax(scores, -1), labels, steps, lengths)


def in_rows(i):
    """Each number as the first label of a row that ends there."""
    return i.reshape((4, 1)) * numbers(1, 0, 0, 0, 0) - numbers(0, 1, 1, 1, 1)


TABLE = {
    "cross_entropy": (lambda w, i: ag.cross_entropy(w[:4], i), GOOD, (-1, -5, 5)),
    "F.cross_entropy": (lambda w, i: F.cross_entropy(w[:4], i), GOOD, (-1, -5, 5)),
    "cross_entropy, bytes": (lambda w, i: F.cross_entropy(w[:4], i), BYTES, (5, 255)),
    "cross_entropy, int8": (lambda w, i: F.cross_entropy(w[:4], i), GOOD.astype(np.int8), (5, -1)),
    "cross_entropy, smoothed": (
        lambda w, i: F.cross_entropy(w[:4], i, w[0].detach(), label_smoothing=0.1),
        GOOD,
        (-1, 5),
    ),
    "cross_entropy, ignored": (lambda w, i: F.cross_entropy(w[:4], i, ignore_index=-1), IGNORED, (-2, 5)),
    "cross_entropy, planes": (
        lambda w, i: F.cross_entropy(w[:4].reshape((2, 5, 2)), i.reshape((2, 2))),
        GOOD,
        (-1, 5),
    ),
    "nll_loss": (lambda w, i: F.nll_loss(w[:4], i), GOOD, (-1, -5, 5)),
    "nll_loss, ignored": (lambda w, i: F.nll_loss(w[:4], i, ignore_index=-1), IGNORED, (-2, 5)),
    "multi_margin_loss": (lambda w, i: F.multi_margin_loss(w[:4], i), GOOD, (-1, 5)),
    "multilabel_margin_loss": (lambda w, i: F.multilabel_margin_loss(w[:4], in_rows(i)), GOOD, (-5, 5)),
    "embedding": (lambda w, i: F.embedding(i, w).sum(), GOOD, (-1, 6)),
    "embedding, padding": (lambda w, i: F.embedding(i, w, padding_idx=1).sum(), GOOD, (-1, 6)),
    "embedding, bytes": (lambda w, i: F.embedding(i, w).sum(), BYTES, (6,)),
    "embedding_bag": (lambda w, i: F.embedding_bag(i.reshape((2, 2)), w).sum(), GOOD, (-1, 6)),
    "one_hot": (lambda w, i: (F.one_hot(i, CLASSES) * w[:4]).sum(), GOOD, (-1, 5)),
    "take": (lambda w, i: ag.take(w, i, 0).sum(), GOOD, (-7, 6)),
    "take, columns": (lambda w, i: ag.take(w, i, 1).sum(), GOOD, (-6, 5)),
    "take, flat": (lambda w, i: ag.take(w, i).sum(), GOOD, (-31, 30)),
    "x[i]": (lambda w, i: w[i].sum(), GOOD, (-7, 6)),
    "x[i], a table": (lambda w, i: w[i.reshape((2, 2))].sum(), GOOD, (-7, 6)),
    "x[:, i]": (lambda w, i: w[:, i].sum(), GOOD, (-6, 5)),
    "x[i, i]": (lambda w, i: w[i, i].sum(), GOOD, (-7, 5)),
    "x[i] = v": (written, GOOD, (-7, 6)),
    "take_along_axis": (lambda w, i: ag.take_along_axis(w[:4], i[:, None], -1).sum(), GOOD, (-6, 5)),
    "take_along_axis, two": (lambda w, i: ag.take_along_axis(w[:4], ag.stack([i, i], 1), -1).sum(), GOOD, (-6, 5)),
    "take_along_axis, rows": (lambda w, i: ag.take_along_axis(w[:, :4], i[None], 0).sum(), GOOD, (-7, 6)),
    "put_along_axis": (lambda w, i: ag.put_along_axis(w[:4], i[:, None], 1.0, -1).sum(), GOOD, (-6, 5)),
    "scatter_add": (lambda w, i: ag.scatter_add(ag.zeros((7, 5)), i, w[:4] * w[:4], 0).sum(), GOOD, (-8, 7)),
    "scatter_add, columns": (lambda w, i: ag.scatter_add(ag.zeros((6, 7)), i, w[:, :4], 1).sum(), GOOD, (-8, 7)),
    "max_unpool1d": (lambda w, i: F.max_unpool1d(w[None, :1, :4], i[None, None], 2).sum(), GOOD, (-1, 8)),
    "ctc_loss": (
        lambda w, i: ctc(w[:, None], i[None], numbers(6), numbers(4)),
        numbers(1, 2, 3, 4),
        (5, -1, 0),
    ),
    "ctc_loss, in a line": (
        lambda w, i: ctc(ag.stack([w, w], 1), i, numbers(6, 5), numbers(3, 1)),
        numbers(1, 2, 3, 4),
        (5, 0),
    ),
    "ctc_loss, lengths": (
        lambda w, i: ctc(ag.stack([w] * 4, 1), SEQUENCES, numbers(6, 5, 6, 6), i),
        LENGTHS,
        (5, -1),
    ),
    "binary_cross_entropy": (lambda w, p: F.binary_cross_entropy(ag.sigmoid(w[:4, 0]), p), [0.0, 1.0, 0.5, 1.0], (2.0, -1.0)),
}  # fmt: skip


class Step:
    """A parameter and a step of training."""

    def __init__(self, loss):
        rng = np.random.default_rng(0)
        self.loss = loss
        self.w = ag.tensor(rng.standard_normal((6, CLASSES)).astype(np.float32), requires_grad=True)
        self.optimizer = ag.optim.SGD([self.w], lr=0.1, momentum=0.9)

    def __call__(self, x):
        self.optimizer.zero_grad()
        loss = self.loss(self.w, x)
        loss.backward()
        self.optimizer.step()
        return loss

    def states(self):
        moments = [s["momentum_buffer"] for s in self.optimizer.state.values()]
        return [t.numpy().copy() for t in (self.w, self.w.grad, *moments)]


@pytest.mark.parametrize("name", TABLE)
def test_what_eager_refuses(name):
    loss, good, bad = TABLE[name]
    good = np.asarray(good, np.float32 if isinstance(good, list) else None)
    taught = Step(loss)
    step = ag.compile(taught)
    swapped = good[[1, 0, 2, 3]] if name[:3] != "ctc" else good
    for x in (good, swapped, good):
        step(x)
    before = taught.states()
    for value in bad:
        x = good.copy()
        x[2] = value
        with pytest.raises(Exception) as eager:
            Step(loss)(ag.tensor(x))
        with pytest.raises(eager.type) as compiled:
            step(x)
        assert str(compiled.value) == str(eager.value)
        for a, b in zip(before, taught.states(), strict=True):
            np.testing.assert_array_equal(a, b)
    step(good)
    assert not np.array_equal(before[0], taught.w.numpy())


def test_many_rows_are_read_by_checked_indices_only():
    """The check of an index that another operation asks the same of stays before the rows it guards."""
    table = ag.tensor(np.ones((4, 64), np.float32), requires_grad=True)

    def step(i):
        rows = ag.embedding(i, table)
        return ag.where(i < 0, 0.0, rows[:, 0]).sum()

    compiled = ag.compile(step)
    i = np.zeros(1000, np.int64)
    for k in range(3):
        assert compiled(i + k).item() == 1000
    i[500] = 1 << 40
    with pytest.raises(IndexError, match="the table has 4 rows"):
        compiled(i)
