"""Datasets: things to learn from, one at a time by number or in a stream, and ways to put them together and part them.

Decision: a dataset may also answer for a whole batch of numbers at once, by `batch(indices)`. What is made of arrays does,
with one indexing operation an array, which is some hundred times faster than taking items one by one and stacking them.
"""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..engine.tensor import Tensor


class Dataset:
    """Items by number: a subclass gives ``__getitem__(i)`` and ``__len__``.

    It may give ``batch(indices)``, too: the collated items of an int64 array of numbers.

    >>> class Squares(ag.data.Dataset):
    ...     def __getitem__(self, i):
    ...         return i * i
    ...
    ...     def __len__(self):
    ...         return 5
    >>> next(iter(ag.data.DataLoader(Squares(), batch_size=3)))
    tensor([0, 1, 4], dtype=int64)
    """

    def __getitem__(self, index: int) -> Any:
        raise NotImplementedError(f"{type(self).__name__} has no __getitem__")

    def __len__(self) -> int:
        raise NotImplementedError(f"{type(self).__name__} has no __len__")

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __add__(self, other: Dataset) -> ConcatDataset:
        return ConcatDataset([self, other])


class IterableDataset:
    """Items in a stream, whose number need not be known: a subclass gives ``__iter__``.

    >>> class Countdown(ag.data.IterableDataset):
    ...     def __iter__(self):
    ...         return iter([3, 2, 1])
    >>> [batch.tolist() for batch in ag.data.DataLoader(Countdown(), batch_size=2)]
    [[3, 2], [1]]
    """

    def __iter__(self) -> Iterator[Any]:
        raise NotImplementedError(f"{type(self).__name__} has no __iter__")


class TensorDataset(Dataset):
    """Arrays or Tensors of equal length; item i is the tuple of their i-th rows, as Tensors.

    The arrays are not copied. Raises ValueError where lengths differ, TypeError for what has none.

    >>> dataset = ag.data.TensorDataset(np.eye(3), np.array([0, 1, 2]))
    >>> dataset[1]
    (tensor([0., 1., 0.], dtype=float64), tensor(1, dtype=int64))
    """

    def __init__(self, *tensors: Any) -> None:
        if not tensors:
            raise ValueError("TensorDataset: takes at least one array")
        self.tensors = tuple([t if isinstance(t, Tensor) else Tensor._of(np.asarray(t)) for t in tensors])
        shapes = [t.shape for t in self.tensors]
        for i, t in enumerate(self.tensors):
            if t.dtype.kind not in "fiubc":
                raise TypeError(f"TensorDataset: array {i} holds {t.dtype}, which are no numbers")
            if t.requires_grad:
                raise TypeError(f"TensorDataset: array {i} requires a gradient; data does not: pass t.detach()")
        if any([not s for s in shapes]) or len({s[0] for s in shapes}) > 1:
            raise ValueError(
                f"TensorDataset: the arrays have shapes {', '.join(map(str, shapes))}; all need the same first axis"
            )

    def __len__(self) -> int:
        return self.tensors[0].shape[0]

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        return tuple([Tensor._of(t._array[index]) for t in self.tensors])

    def batch(self, indices: np.ndarray) -> tuple[Tensor, ...]:
        """The rows of these numbers, an array each."""
        rows = [(a, a.flags.c_contiguous) for a in [t._array for t in self.tensors]]
        return tuple([Tensor._of(a.take(indices, 0) if contiguous else a[indices]) for a, contiguous in rows])


class Subset(Dataset):
    """The items of a dataset at these numbers, in this order.

    >>> len(ag.data.Subset(ag.data.TensorDataset(np.zeros(5)), [4, 0]))
    2
    """

    def __init__(self, dataset: Dataset, indices: Sequence[int] | np.ndarray) -> None:
        self.dataset, self.indices = dataset, np.asarray(indices, np.int64).reshape(-1)
        n = len(dataset)
        wrong = self.indices[(self.indices < -n) | (self.indices >= n)]
        if wrong.size:
            raise IndexError(f"Subset: there is no item {wrong[0]} in a dataset of {n}")
        if hasattr(dataset, "batch"):
            self.batch = lambda chosen: dataset.batch(self.indices[chosen])

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> Any:
        return self.dataset[int(self.indices[index])]


class ConcatDataset(Dataset):
    """Datasets one behind the other; ``a + b`` makes one.

    >>> a, b = ag.data.TensorDataset(np.zeros(2)), ag.data.TensorDataset(np.ones(3))
    >>> len(a + b), (a + b)[2]
    (5, (tensor(1., dtype=float64),))
    """

    def __init__(self, datasets: Sequence[Dataset]) -> None:
        self.datasets = list(datasets)
        if not self.datasets:
            raise ValueError("ConcatDataset: takes at least one dataset")
        self.ends = list(itertools.accumulate(len(d) for d in self.datasets))

    def __len__(self) -> int:
        return self.ends[-1]

    def __getitem__(self, index: int) -> Any:
        if not -len(self) <= index < len(self):
            raise IndexError(f"ConcatDataset: there is no item {index} in datasets of {len(self)}")
        index %= len(self)
        k = bisect.bisect_right(self.ends, index)
        return self.datasets[k][index - (self.ends[k] - len(self.datasets[k]))]
