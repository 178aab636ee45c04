"""The eight training steps that everything is measured by, as PyTorch users write them.

A model is written once, for whichever `nn` it is given: PyTorch's or ours. JAX has no such layer, so `jax_steps` says the same
networks as functions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass
class Workload:
    """A training step: a model of an `nn`, and one batch."""

    name: str
    model: Callable[[Any], Any]
    inputs: tuple[int, ...]
    classes: int
    tokens: bool = False  # inputs are numbers of words, and every one of them has a label

    def batch(self) -> tuple[np.ndarray, np.ndarray]:
        """Inputs and labels, always the same."""
        rng = np.random.default_rng(0)
        if self.tokens:
            return rng.integers(0, self.classes, self.inputs), rng.integers(0, self.classes, self.inputs)
        x = rng.standard_normal(self.inputs).astype(np.float32)
        return x, rng.integers(0, self.classes, self.inputs[0])


def perceptron(*widths: int) -> Callable[[Any], Any]:
    """Linear layers with relu between them."""

    def build(nn: Any) -> Any:
        layers: list[Any] = []
        for i in range(len(widths) - 1):
            layers += [nn.Linear(widths[i], widths[i + 1]), nn.ReLU()]
        return nn.Sequential(*layers[:-1])

    return build


def lenet(nn: Any) -> Any:
    """Two 3x3 convolutions, each with relu and 2x2 max pooling, and two linear layers: 28x28 images."""
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(64 * 7 * 7, 128), nn.ReLU(), nn.Linear(128, 10),
    )  # fmt: skip


def resnet8(nn: Any) -> Any:
    """He et al., arXiv:1512.03385, section 4.2, with one block a stage: 16, 32 and 64 channels on 32x32 images."""

    class Block(nn.Module):
        def __init__(self, fan_in: int, fan_out: int, stride: int) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(fan_in, fan_out, 3, stride, 1, bias=False)
            self.norm1 = nn.BatchNorm2d(fan_out)
            self.conv2 = nn.Conv2d(fan_out, fan_out, 3, 1, 1, bias=False)
            self.norm2 = nn.BatchNorm2d(fan_out)
            self.relu = nn.ReLU()
            self.shortcut = nn.Identity()
            if stride != 1 or fan_in != fan_out:
                self.shortcut = nn.Sequential(
                    nn.Conv2d(fan_in, fan_out, 1, stride, bias=False), nn.BatchNorm2d(fan_out)
                )

        def forward(self, x: Any) -> Any:
            y = self.relu(self.norm1(self.conv1(x)))
            return self.relu(self.norm2(self.conv2(y)) + self.shortcut(x))

    return nn.Sequential(
        nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU(),
        Block(16, 16, 1), Block(16, 32, 2), Block(32, 64, 2),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10),
    )  # fmt: skip


def separable(nn: Any) -> Any:
    """Depthwise-separable blocks as in MobileNet, Howard et al., arXiv:1704.04861: 64x64 images."""

    def block(fan_in: int, fan_out: int, stride: int) -> list[Any]:
        return [
            nn.Conv2d(fan_in, fan_in, 3, stride, 1, groups=fan_in, bias=False), nn.BatchNorm2d(fan_in), nn.ReLU(),
            nn.Conv2d(fan_in, fan_out, 1, bias=False), nn.BatchNorm2d(fan_out), nn.ReLU(),
        ]  # fmt: skip

    return nn.Sequential(
        nn.Conv2d(3, 32, 3, 2, 1, bias=False), nn.BatchNorm2d(32), nn.ReLU(),
        *block(32, 64, 1), *block(64, 128, 2), *block(128, 128, 1),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(128, 10),
    )  # fmt: skip


def lstm(nn: Any) -> Any:
    """An LSTM over 32 steps of 128 features, hidden size 128, that classifies by its last state."""

    class Classifier(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm = nn.LSTM(128, 128, batch_first=True)
            self.head = nn.Linear(128, 10)

        def forward(self, x: Any) -> Any:
            return self.head(self.lstm(x)[0][:, -1])

    return Classifier()


def transformer(nn: Any) -> Any:
    """A language model of two encoder layers, width 128, four heads, without dropout, over 64 words."""

    class LanguageModel(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words = nn.Embedding(128, 128)
            self.places = nn.Parameter(nn.init.normal_(nn.Embedding(64, 128).weight.detach()))
            layer = nn.TransformerEncoderLayer(128, 4, 512, dropout=0.0, activation="gelu", batch_first=True)
            self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
            self.head = nn.Linear(128, 128)

        def forward(self, x: Any) -> Any:
            return self.head(self.encoder(self.words(x) + self.places))

    return LanguageModel()


WORKLOADS = [
    Workload("mlp 2-16-16-2, batch 32", perceptron(2, 16, 16, 2), (32, 2), 2),
    Workload("mlp 64-64-10, batch 32", perceptron(64, 64, 10), (32, 64), 10),
    Workload("mlp 784-512-512-10, batch 128", perceptron(784, 512, 512, 10), (128, 784), 10),
    Workload("LeNet 28x28, batch 64", lenet, (64, 1, 28, 28), 10),
    Workload("ResNet-8 32x32, batch 32", resnet8, (32, 3, 32, 32), 10),
    Workload("separable 64x64, batch 16", separable, (16, 3, 64, 64), 10),
    Workload("LSTM 32 steps, batch 32", lstm, (32, 32, 128), 10),
    Workload("Transformer, batch 16", transformer, (16, 64), 128, tokens=True),
]


def ours(workload: Workload, state: dict[str, np.ndarray] | None = None) -> Callable[[], float]:
    """One training step of autograd_nn; returns its loss."""
    import autograd_nn as ag
    from autograd_nn import nn

    model = workload.model(nn)
    if state is not None:
        model.load_state_dict(state)
    optimizer = ag.optim.Adam(model.parameters(), lr=1e-3)
    x, y = workload.batch()
    x, y = ag.tensor(x), ag.tensor(y.reshape(-1))

    def step() -> float:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x).reshape(-1, workload.classes), y)
        loss.backward()
        optimizer.step()
        return loss

    return step


def pytorch(workload: Workload, compiled: bool = False) -> tuple[Callable[[], float], dict[str, np.ndarray]]:
    """One training step of PyTorch with its fused Adam, and the weights it starts from."""
    import torch

    torch.manual_seed(0)
    model = workload.model(torch.nn)
    state = {name: t.detach().numpy().copy() for name, t in model.state_dict().items()}
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    x, y = workload.batch()
    x, y = torch.from_numpy(x), torch.from_numpy(y.reshape(-1))
    run = torch.compile(model) if compiled else model

    def step() -> float:
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(run(x).reshape(-1, workload.classes), y)
        loss.backward()
        optimizer.step()
        return loss

    return step, state
