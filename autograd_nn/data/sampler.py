"""Samplers: in which order the items of a dataset are taken. Any iterable of ints is one, and may be given instead."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import Any

import numpy as np

from ..engine.random import Generator
from ..engine.tensor import Tensor
from ..ops.random import rand, randint, randperm


class Sampler:
    """An order of items. A subclass gives `indices()`, an int64 array that is drawn anew each time, and `__len__`; or just
    ``__iter__``.
    """

    def indices(self) -> np.ndarray:
        """The numbers of the items, in order."""
        raise NotImplementedError(f"{type(self).__name__} has no indices")

    def __iter__(self) -> Iterator[int]:
        return iter(self.indices().tolist())


class SequentialSampler(Sampler):
    """From the first item to the last.

    >>> list(ag.data.SequentialSampler(range(3)))
    [0, 1, 2]
    """

    def __init__(self, data_source: Sized) -> None:
        self.data_source = data_source

    def __len__(self) -> int:
        return len(self.data_source)

    def indices(self) -> np.ndarray:
        return np.arange(len(self))


class RandomSampler(Sampler):
    """In random order; with `replacement`, each item drawn from all.

    `num_samples`: how many, all by default; more than there are go round again. `generator`: the global one by default.

    >>> sorted(ag.data.RandomSampler(range(3)))
    [0, 1, 2]
    """

    def __init__(
        self,
        data_source: Sized,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: Generator | None = None,
    ) -> None:
        self.data_source, self.replacement, self.generator = data_source, replacement, generator
        self.num_samples = len(data_source) if num_samples is None else num_samples
        if not len(data_source) or self.num_samples <= 0:
            raise ValueError(f"RandomSampler: cannot draw {self.num_samples} of {len(data_source)} items")

    def __len__(self) -> int:
        return self.num_samples

    def indices(self) -> np.ndarray:
        n = len(self.data_source)
        if self.replacement:
            return randint(0, n, (self.num_samples,), generator=self.generator).numpy()
        rounds = [randperm(n, generator=self.generator).numpy() for _ in range(-(-self.num_samples // n))]
        return np.concatenate(rounds)[: self.num_samples]


class SubsetRandomSampler(Sampler):
    """These items in random order.

    >>> sorted(ag.data.SubsetRandomSampler([4, 7]))
    [4, 7]
    """

    def __init__(self, indices: Sequence[int], generator: Generator | None = None) -> None:
        self.chosen, self.generator = np.asarray(indices, np.int64), generator

    def __len__(self) -> int:
        return len(self.chosen)

    def indices(self) -> np.ndarray:
        return self.chosen[randperm(len(self), generator=self.generator).numpy()]


class WeightedRandomSampler(Sampler):
    """Items drawn with probability proportional to their weights, with replacement or without.

    Without replacement by the largest of u^(1/w), u uniform: Efraimidis and Spirakis, Information Processing Letters 97, 2006.
    Raises ValueError for negative weights, or fewer positive ones than are to be drawn without replacement.

    >>> list(ag.data.WeightedRandomSampler([0.0, 1.0], 3))
    [1, 1, 1]
    """

    def __init__(
        self, weights: Any, num_samples: int, replacement: bool = True, generator: Generator | None = None
    ) -> None:
        array = np.asarray(weights.numpy() if isinstance(weights, Tensor) else weights, np.float64)
        if array.ndim != 1 or not (array >= 0).all() or not np.isfinite(array.sum()) or not array.sum():
            raise ValueError("WeightedRandomSampler: weights are one number an item, none negative and not all zero")
        if not replacement and num_samples > np.count_nonzero(array):
            raise ValueError(
                f"WeightedRandomSampler: cannot draw {num_samples} items without replacement from {np.count_nonzero(array)} "
                f"that have a weight"
            )
        self.weights, self.num_samples, self.replacement, self.generator = array, num_samples, replacement, generator

    def __len__(self) -> int:
        return self.num_samples

    def indices(self) -> np.ndarray:
        if self.replacement:
            u = rand((self.num_samples,), dtype=np.float64, generator=self.generator).numpy()
            ends = np.cumsum(self.weights)
            return np.searchsorted(ends, u * ends[-1], side="right")
        u = rand((len(self.weights),), dtype=np.float64, generator=self.generator).numpy()
        some = np.flatnonzero(self.weights)
        keys = np.log1p(-u[some]) / self.weights[some]
        return some[np.argsort(-keys)[: self.num_samples]]


class BatchSampler:
    """`batch_size` numbers at a time from a sampler, in lists, or in arrays if it has `indices`; `drop_last` leaves out a last
    batch that is shorter.

    >>> list(ag.data.BatchSampler(range(5), 2, False))
    [[0, 1], [2, 3], [4]]
    """

    def __init__(self, sampler: Iterable[int], batch_size: int, drop_last: bool) -> None:
        if not isinstance(batch_size, int) or isinstance(batch_size, bool) or batch_size < 1:
            raise ValueError(f"BatchSampler: batch_size is a whole number from 1, not {batch_size!r}")
        self.sampler, self.batch_size, self.drop_last = sampler, batch_size, drop_last

    def __len__(self) -> int:
        n = len(self.sampler)  # type: ignore[arg-type]
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)

    def __iter__(self) -> Iterator[Any]:
        # A sampler that says its whole order at once, and has not been given another way to iterate.
        if isinstance(self.sampler, Sampler) and type(self.sampler).__iter__ is Sampler.__iter__:
            order = self.sampler.indices()
            for k in range(len(self)):
                yield order[k * self.batch_size : (k + 1) * self.batch_size]
            return
        batch = []
        for index in self.sampler:
            batch.append(index)
            if len(batch) == self.batch_size:
                yield batch
                batch = []
        if batch and not self.drop_last:
            yield batch
