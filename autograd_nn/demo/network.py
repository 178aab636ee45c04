"""A small convolutional network that reads digits, and its training, as a user would write them.

Images that differ only in a little noise show the same digit, so every batch gets fresh noise. That and the other settings come
from cross-validation within the training images, so that the test images stay a test.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import autograd_nn as ag
from autograd_nn import nn

from ..data import DataLoader, TensorDataset
from ..data.digits import Digits

BATCH = 64
RATE = 3e-3
NOISE = 0.2


class DigitReader(nn.Module):
    """Two convolutions and two linear layers: grey images (n, 8, 8) to one number for each class, (n, 10)."""

    def __init__(self) -> None:
        self.features = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, padding=1),
            nn.BatchNorm2d(32),
            nn.ReLU(),
            nn.MaxPool2d(2),
        )
        self.classifier = nn.Sequential(nn.Flatten(), nn.Linear(32 * 4 * 4, 64), nn.ReLU(), nn.Linear(64, 10))

    def forward(self, images: ag.Tensor) -> ag.Tensor:
        return self.classifier(self.features(images[:, None]))


@dataclass
class History:
    """What training went through: the loss of every step; after every epoch the test loss and both accuracies."""

    steps_per_epoch: int
    losses: list[float] = field(default_factory=list)
    test_losses: list[float] = field(default_factory=list)
    train_accuracies: list[float] = field(default_factory=list)
    test_accuracies: list[float] = field(default_factory=list)


def train(model: nn.Module, digits: Digits, test: Digits, epochs: int) -> Iterator[History]:
    """Train on the digits, and yield the history so far after every epoch. The test images are only looked at.

    The learning rate falls along half a cosine from `RATE` to zero (Loshchilov and Hutter, arXiv:1608.03983).
    """
    loader = DataLoader(TensorDataset(digits.images, digits.labels), batch_size=BATCH, shuffle=True)
    history = History(steps_per_epoch=math.ceil(len(digits.labels) / BATCH))
    optimizer = ag.optim.AdamW(model.parameters(), lr=RATE)
    schedule = ag.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs * history.steps_per_epoch)
    criterion = nn.CrossEntropyLoss()
    for _ in range(epochs):
        for images, labels in loader:
            optimizer.zero_grad()
            loss = criterion(model(images + NOISE * ag.randn_like(images)), labels)
            loss.backward()
            optimizer.step()
            schedule.step()
            history.losses.append(loss.item())
        history.train_accuracies.append(evaluate(model, digits)[1])
        test_loss, test_accuracy = evaluate(model, test)
        history.test_losses.append(test_loss)
        history.test_accuracies.append(test_accuracy)
        yield history


@ag.no_grad()
def evaluate(model: nn.Module, digits: Digits) -> tuple[float, float]:
    """The mean loss on these digits, and the part of them that is read correctly."""
    model.eval()
    scores = model(ag.tensor(digits.images))
    model.train()
    return nn.functional.cross_entropy(scores, digits.labels).item(), float((scores.argmax(1) == digits.labels).mean())
