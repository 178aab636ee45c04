"""Layers and losses compiled, in training and evaluation: each call is compared with an eager one, on other data each time."""

import numpy as np
import pytest

import autograd_nn as ag
from autograd_nn import nn

B = 6
LAYERS = {
    "Linear": (lambda: nn.Linear(5, 4), (B, 5)),
    "Conv1d": (lambda: nn.Conv1d(3, 4, 3, padding=1), (B, 3, 9)),
    "Conv2d": (lambda: nn.Conv2d(3, 4, 3, stride=2, padding=1), (B, 3, 8, 8)),
    "Conv2d grouped": (lambda: nn.Conv2d(4, 4, 3, groups=4), (B, 4, 8, 8)),
    "ConvTranspose2d": (lambda: nn.ConvTranspose2d(3, 4, 3, stride=2), (B, 3, 5, 5)),
    "BatchNorm1d": (lambda: nn.BatchNorm1d(5), (B, 5)),
    "BatchNorm2d": (lambda: nn.BatchNorm2d(3, momentum=None), (B, 3, 4, 4)),
    "LayerNorm": (lambda: nn.LayerNorm((4, 5)), (B, 4, 5)),
    "GroupNorm": (lambda: nn.GroupNorm(2, 4), (B, 4, 3, 3)),
    "MaxPool2d": (lambda: nn.MaxPool2d(2), (B, 3, 6, 6)),
    "AvgPool2d": (lambda: nn.AvgPool2d(2), (B, 3, 6, 6)),
    "AdaptiveAvgPool2d": (lambda: nn.AdaptiveAvgPool2d(2), (B, 3, 6, 6)),
    "Dropout": (lambda: nn.Dropout(0.5), (B, 50)),
    "GELU": (lambda: nn.GELU(), (B, 5)),
    "Softmax": (lambda: nn.Softmax(1), (B, 5, 3)),
    "LSTM": (lambda: nn.LSTM(5, 4, batch_first=True), (B, 3, 5)),
    "GRU": (lambda: nn.GRU(5, 4, num_layers=2, batch_first=True), (B, 3, 5)),
    "attention": (lambda: nn.TransformerEncoderLayer(8, 2, 16, dropout=0.1, batch_first=True), (B, 3, 8)),
}


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("training", [True, False])
def test_a_layer_with_its_gradients(name, training):
    build, shape = LAYERS[name]
    ag.manual_seed(0)
    model = build().train(training)

    def step(x):
        x = x.detach().requires_grad_()
        for p in model.parameters():
            p.grad = None
        out = model(x)
        out = out[0] if isinstance(out, tuple) else out
        (out * out).sum().backward()
        return out, x.grad

    compiled = ag.compile(step, verify="always")
    rng = np.random.default_rng(0)
    for _ in range(3):
        compiled(rng.standard_normal(shape).astype(np.float32))


def draw(rng):
    """Scores, others like them, labels, signs and targets between 0 and 1."""
    scores = lambda: rng.standard_normal((B, 5)).astype(np.float32)
    one = rng.random((B, 5)).astype(np.float32)
    return {
        "x": scores(),
        "y": scores(),
        "z": scores(),
        "labels": rng.integers(0, 5, B),
        "sign": np.sign(scores()),
        "one": one,
    }


LOSSES = {
    "CrossEntropyLoss": ("x", "labels"), "NLLLoss": ("x", "labels"), "MultiMarginLoss": ("x", "labels"),
    "MSELoss": ("x", "y"), "L1Loss": ("x", "y"), "SmoothL1Loss": ("x", "y"), "HuberLoss": ("x", "y"),
    "BCEWithLogitsLoss": ("x", "one"), "KLDivLoss": ("x", "one"), "PoissonNLLLoss": ("x", "one"),
    "GaussianNLLLoss": ("x", "y", "one"), "SoftMarginLoss": ("x", "sign"), "HingeEmbeddingLoss": ("x", "sign"),
    "MultiLabelSoftMarginLoss": ("x", "one"), "TripletMarginLoss": ("x", "y", "z"), "MarginRankingLoss": ("x", "y", "sign"),
}  # fmt: skip


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_with_its_gradient(name):
    loss = getattr(nn, name)()

    def step(x, *others):
        x = x.detach().requires_grad_()
        value = loss(x, *others)
        return value, ag.gradients(value, x)

    compiled = ag.compile(step, verify="always")
    rng = np.random.default_rng(0)
    for _ in range(3):
        drawn = draw(rng)
        compiled(*[drawn[n] for n in LOSSES[name]])
