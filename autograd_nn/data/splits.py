"""Splits: a dataset in parts, at random, with or without regard to classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..engine.random import Generator
from ..engine.tensor import Tensor
from ..ops.random import randperm
from .dataset import Dataset, Subset


def random_split(dataset: Dataset, lengths: Sequence[float], generator: Generator | None = None) -> list[Subset]:
    """Part a dataset at random, without overlap.

    `lengths`: how many items each part gets, or fractions that sum to 1; what rounding leaves over goes to the first parts,
    one each. `generator` draws the order; the global one by default. Raises ValueError for lengths that do not sum to the
    whole.

    >>> parts = ag.data.random_split(ag.data.TensorDataset(np.arange(10)), [0.8, 0.2], ag.random.Generator(0))
    >>> [len(p) for p in parts]
    [8, 2]
    """
    n = len(dataset)
    if _are_fractions(lengths):
        counts = [int(n * f) for f in lengths]
        counts = [c + (k < n - sum(counts)) for k, c in enumerate(counts)]
    else:
        counts = [int(c) for c in lengths]
        if sum(counts) != n or counts != list(lengths) or min(counts) < 0:
            raise ValueError(
                f"random_split: lengths {list(lengths)} for {n} items; give counts that sum to {n}, or fractions that sum to 1"
            )
    order = randperm(n, generator=generator).numpy()
    return [Subset(dataset, part) for part in np.split(order, np.cumsum(counts)[:-1])]


def stratified_split(
    dataset: Dataset, lengths: Sequence[float], labels: Any, generator: Generator | None = None
) -> list[Subset]:
    """Part a dataset at random so that each part has its share of every class.

    `lengths`: fractions that sum to 1. `labels`: the class of every item, shape (items,). Each part's count of each class,
    and its size, are within one of the exact share. `generator` draws the order; the global one by default.
    Raises ValueError for other lengths or labels of another number.

    >>> labels = np.array([0] * 8 + [1] * 4)
    >>> parts = ag.data.stratified_split(ag.data.TensorDataset(labels), [0.75, 0.25], labels, ag.random.Generator(0))
    >>> [np.bincount(labels[p.indices]).tolist() for p in parts]
    [[6, 3], [2, 1]]
    """
    classes = np.asarray(labels.numpy() if isinstance(labels, Tensor) else labels)
    if classes.shape != (len(dataset),):
        raise ValueError(
            f"stratified_split: labels of shape {classes.shape} for a dataset of {len(dataset)} items; one label an item"
        )
    if not _are_fractions(lengths):
        raise ValueError(f"stratified_split: lengths are fractions that sum to 1, not {list(lengths)}")
    order = randperm(len(dataset), generator=generator).numpy()
    parts: list[list[np.ndarray]] = [[] for _ in lengths]
    carried = np.zeros(len(lengths))  # what rounding has kept from each part so far
    for label in np.unique(classes):
        members = order[classes[order] == label]
        share = np.asarray(lengths) * len(members)
        counts = np.floor(share + 1e-9).astype(int)
        missing = len(members) - counts.sum()
        counts[np.argsort(-(share - counts + carried), kind="stable")[:missing]] += 1
        carried += share - counts
        for part, taken in zip(parts, np.split(members, np.cumsum(counts)[:-1]), strict=True):
            part.append(taken)
    none = np.zeros(0, np.int64)
    shuffled = [np.concatenate([none, *part]) for part in parts]
    return [Subset(dataset, order[np.isin(order, chosen)]) for chosen in shuffled]


def _are_fractions(lengths: Sequence[float]) -> bool:
    return all([0 <= f <= 1 for f in lengths]) and abs(sum(lengths) - 1) < 1e-6 and len(lengths) > 0
