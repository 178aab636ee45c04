"""Embeddings and bags of them against PyTorch's, over their options."""

import numpy as np
import pytest
from judge import Function, Layer, normal, whole

import autograd_nn as ag
from autograd_nn import nn
from autograd_nn.nn import functional as F

NUMBERS = np.array([[1, 2, 0, 1], [5, 1, 2, 2]])
FLAT, OFFSETS = np.array([1, 2, 0, 1, 5, 5, 2]), np.array([0, 3, 3, 5])
TABLE = normal(6, 3)

LAYERS = [
    Layer("Embedding", 6, 3, inputs=[NUMBERS]),
    Layer("Embedding", 6, 3, inputs=[np.array(4)]),
    Layer("Embedding", 6, 3, inputs=[np.zeros((0, 2), int)]),
    Layer("Embedding", 6, 3, padding_idx=1, inputs=[NUMBERS]),
    Layer("Embedding", 6, 3, padding_idx=-1, inputs=[NUMBERS], calls=2),
    Layer("Embedding", 6, 3, scale_grad_by_freq=True, inputs=[NUMBERS]),
    Layer("Embedding", 6, 3, 2, scale_grad_by_freq=True, inputs=[NUMBERS]),
    *[
        Layer("Embedding", 6, 3, max_norm=1.0, norm_type=p, inputs=[NUMBERS[:1]], modes=(True,))
        for p in (1.0, 2.0, 3.0, float("inf"))
    ],
    Layer("Embedding", 6, 3, _weight=TABLE, inputs=[NUMBERS]),
    *[
        Layer("EmbeddingBag", 6, 3, mode=mode, padding_idx=pad, inputs=inputs)
        for mode in ("sum", "mean", "max")
        for pad in (None, 1, -4)
        for inputs in ([NUMBERS], [FLAT, OFFSETS], [FLAT, OFFSETS[:1]])
    ],
    Layer("EmbeddingBag", 6, 3, inputs=[np.zeros(0, int), np.array([0, 0])]),
    Layer("EmbeddingBag", 6, 3, mode="max", inputs=[np.zeros(0, int), np.array([0, 0])]),
    Layer("EmbeddingBag", 6, 3, inputs=[FLAT, np.array([0, 3, 3, 7])], include_last_offset=True),
    Layer("EmbeddingBag", 6, 3, max_norm=1.0, inputs=[NUMBERS], modes=(True,)),
    Layer("EmbeddingBag", 6, 3, mode="sum", inputs=[NUMBERS], call={"per_sample_weights": normal(2, 4)}),
    Layer("EmbeddingBag", 6, 3, mode="sum", padding_idx=2, inputs=[FLAT, OFFSETS, normal(7)]),
]

FUNCTIONS = [
    Function("embedding", (NUMBERS, TABLE)),
    Function("embedding", (NUMBERS, TABLE, -2)),
    Function("embedding", (NUMBERS, TABLE), {"scale_grad_by_freq": True, "padding_idx": 5}),
    Function("embedding_bag", (NUMBERS, TABLE)),
    Function("embedding_bag", (FLAT, TABLE, OFFSETS), {"mode": "max"}),
    Function("embedding_bag", (FLAT, TABLE, OFFSETS), {"mode": "sum", "per_sample_weights": normal(7)}),
    Function("one_hot", (NUMBERS,)),
    Function("one_hot", (whole(4, 2, 3), 7)),
]


@pytest.mark.parametrize("case", [*LAYERS, *FUNCTIONS], ids=str)
def test_as_pytorch(case):
    case.judge()


def test_pretrained_tables_are_copied_and_frozen():
    table = ag.tensor([[1.0, 2.0], [3.0, 4.0]])
    layer = nn.Embedding.from_pretrained(table, padding_idx=0)
    assert layer(np.array([1, 0])).tolist() == [[3.0, 4.0], [1.0, 2.0]]
    assert not layer.weight.requires_grad
    assert repr(layer).startswith("Embedding(2, 2, padding_idx=0)")
    ag.assign(table, 0.0)
    assert layer.weight.tolist() == [[1.0, 2.0], [3.0, 4.0]]
    bag = nn.EmbeddingBag.from_pretrained(np.ones((2, 2), np.float32), freeze=False, mode="sum")
    assert bag.weight.requires_grad
    assert bag(np.array([[0, 1]])).tolist() == [[2.0, 2.0]]


def test_bags_scale_gradients_by_frequency_as_embedding_does():
    """PyTorch's embedding_bag takes the frequencies of the wrong rows here, so its embedding is the judge."""
    first, second = ag.tensor(TABLE, requires_grad=True), ag.tensor(TABLE, requires_grad=True)
    F.embedding_bag(NUMBERS, first, mode="sum", scale_grad_by_freq=True).sum().backward()
    F.embedding(NUMBERS, second, scale_grad_by_freq=True).sum(1).sum().backward()
    np.testing.assert_allclose(first.grad.numpy(), second.grad.numpy(), rtol=1e-14)
    np.testing.assert_allclose(first.grad.numpy()[[0, 1, 2, 5]], 1.0)


def test_the_padding_row_starts_at_zero():
    assert not nn.Embedding(4, 3, padding_idx=2).weight[2].numpy().any()
    assert not nn.EmbeddingBag(4, 3, padding_idx=-1).weight[3].numpy().any()


def test_max_norm_changes_the_table_and_only_the_rows_used():
    layer = nn.Embedding(3, 2, max_norm=1.0)
    ag.assign(layer.weight, [[3.0, 4.0], [0.3, 0.4], [30.0, 40.0]])
    layer(np.array([0, 1]))
    np.testing.assert_allclose(layer.weight.numpy(), [[0.6, 0.8], [0.3, 0.4], [30.0, 40.0]], rtol=1e-6)


def test_a_recorded_lookup_keeps_its_numbers_an_input():
    layer, numbers = nn.Embedding(6, 3, padding_idx=1), ag.tensor(NUMBERS)
    bag = nn.EmbeddingBag(6, 3)
    with ag.record(numbers) as r:
        layer(numbers)
        bag(numbers)
    assert [e.inputs[1] for e in r.entries if e.op.name.startswith("embedding")] == [r.inputs[0]] * 2


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (
            lambda: nn.Sequential(nn.Embedding(4, 3))(np.array([1, 4])),
            IndexError,
            r"(?s)from 1 to 4.*4 rows.*Sequential\.0",
        ),
        (lambda: nn.Embedding(4, 3)(np.array([-1])), IndexError, "from -1"),
        (lambda: nn.Embedding(4, 3)(np.array([1.0])), IndexError, "integers, not float64"),
        (lambda: nn.Embedding(4, 3, padding_idx=4), ValueError, "padding_idx 4"),
        (lambda: F.embedding(np.array([1]), TABLE, 7), ValueError, "padding_idx 7"),
        (lambda: F.embedding(np.array([1]), ag.ones(3)), IndexError, r"\(3,\)"),
        (lambda: nn.Embedding(4, 3, _weight=ag.ones((2, 2))), ValueError, r"\(2, 2\)"),
        (lambda: nn.Embedding.from_pretrained(ag.ones(2)), ValueError, "two axes"),
        (lambda: nn.EmbeddingBag(4, 3, mode="min"), ValueError, "'min'"),
        (lambda: nn.EmbeddingBag(4, 3)(np.array([1])), ValueError, "need offsets"),
        (lambda: nn.EmbeddingBag(4, 3)(np.array([[1]]), np.array([0])), ValueError, "bags already"),
        (lambda: nn.EmbeddingBag(4, 3)(np.array([1]), np.array([1])), ValueError, "begin with 0"),
        (lambda: nn.EmbeddingBag(4, 3)(np.array([1]), np.array([0, 3])), ValueError, "at most 1"),
        (lambda: nn.EmbeddingBag(4, 3)(np.ones((1, 1, 1), int)), ValueError, r"\(1, 1, 1\)"),
        (lambda: nn.EmbeddingBag(4, 3)(NUMBERS[:, :1] * 0, None, ag.ones((2, 1))), ValueError, "mode 'sum'"),
        (lambda: nn.EmbeddingBag(4, 3, mode="sum")(NUMBERS % 4, None, ag.ones(2)), ValueError, r"\(2,\).*\(2, 4\)"),
        (lambda: F.embedding_bag(NUMBERS, TABLE, mode="max", scale_grad_by_freq=True), ValueError, "frequency"),
        (lambda: F.one_hot(np.array([3]), 3), ValueError, "num_classes=3"),
        (lambda: F.one_hot(np.array([-1])), ValueError, "from -1"),
        (lambda: F.one_hot(np.array([0.5])), IndexError, "float64"),
    ],
)
def test_mistakes(call, kind, words):
    with pytest.raises(kind, match=words):
        call()
