"""`DataLoader`: a dataset in batches, in order or shuffled, loaded ahead by threads if asked, and resumable.

Decision: workers are threads, not processes. What they do is mostly NumPy and reading of files, which release the
interpreter; nothing is pickled, an error is the caller's with its traceback, and a loader that is left early leaves nobody
behind.
"""

from __future__ import annotations

import contextvars
import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np

from ..engine.random import Generator
from ..engine.random import generator as current_generator
from ..engine.tensor import Tensor, assign, tensor
from .collate import default_collate
from .dataset import IterableDataset
from .sampler import BatchSampler, RandomSampler, SequentialSampler

_END = object()


class DataLoader:
    """The batches of a dataset: an iterable, every pass of which is an epoch.

    `dataset`: items by number (``__getitem__``, ``__len__``) or a stream (`IterableDataset`). `batch_size`: 1 by default,
    None for items as they are. `shuffle`: a new order every epoch, drawn from `generator` (the global one by default).
    `sampler` or `batch_sampler`: the order, or the batches, instead. `num_workers`: threads that load ahead,
    `prefetch_factor` (2) batches each; 0 loads when asked. `collate_fn`: makes a batch of a list of items;
    `default_collate` by default, and for a `TensorDataset` one indexing of each array. `drop_last`: leave out a last batch
    that is shorter. `pin_memory` and `persistent_workers` are PyTorch's, and change nothing here.

    The state of a pass is resumable: `state_dict()` after a batch, `load_state_dict` in another process, and the next pass
    goes on with the batch behind it.

    Raises ValueError for an empty dataset, arguments that exclude each other, and where `drop_last` leaves no batch.

    >>> data = ag.data.TensorDataset(np.arange(5))
    >>> [x.tolist() for (x,) in ag.data.DataLoader(data, batch_size=2)]
    [[0, 1], [2, 3], [4]]
    """

    def __init__(
        self, dataset: Any, batch_size: int | None = 1, shuffle: bool = False, sampler: Iterable[int] | None = None,
        batch_sampler: Iterable[Any] | None = None, num_workers: int = 0, collate_fn: Callable[[list[Any]], Any] | None = None,
        pin_memory: bool = False, drop_last: bool = False, *, generator: Generator | None = None, prefetch_factor: int = 2,
        persistent_workers: bool = False,
    ) -> None:  # fmt: skip
        self.dataset, self.batch_size, self.drop_last, self.generator = dataset, batch_size, drop_last, generator
        self.num_workers, self.prefetch_factor, self.collate_fn = num_workers, prefetch_factor, collate_fn
        if num_workers < 0 or prefetch_factor < 1:
            raise ValueError(
                f"DataLoader: num_workers is 0 or more and prefetch_factor 1 or more, not {num_workers} and {prefetch_factor}"
            )
        if batch_size is not None and (
            not isinstance(batch_size, int) or isinstance(batch_size, bool) or batch_size < 1
        ):
            raise ValueError(f"DataLoader: batch_size is a whole number from 1, or None, not {batch_size!r}")
        if batch_size is None and drop_last:
            raise ValueError("DataLoader: without batches (batch_size=None) there is no last one to drop")
        if batch_sampler is not None and (batch_size != 1 or shuffle or sampler is not None or drop_last):
            raise ValueError("DataLoader: a batch_sampler excludes batch_size, shuffle, sampler and drop_last")
        if sampler is not None and shuffle:
            raise ValueError("DataLoader: a sampler is an order already; it excludes shuffle")
        self.streams = isinstance(dataset, IterableDataset) or not hasattr(dataset, "__getitem__")
        if self.streams:
            if not hasattr(dataset, "__iter__"):
                raise TypeError(
                    f"DataLoader: the dataset ({type(dataset).__name__}) has neither __getitem__ nor __iter__"
                )
            if shuffle or sampler is not None or batch_sampler is not None:
                raise ValueError(
                    f"DataLoader: a stream ({type(dataset).__name__}) comes in its own order; it cannot be shuffled"
                )
        else:
            if not len(dataset):
                raise ValueError(f"DataLoader: the dataset ({type(dataset).__name__}) is empty")
            if sampler is None:
                sampler = RandomSampler(dataset, generator=generator) if shuffle else SequentialSampler(dataset)
            if batch_sampler is None and batch_size is not None:
                batch_sampler = BatchSampler(sampler, batch_size, drop_last)
                if drop_last and hasattr(sampler, "__len__") and not len(batch_sampler):
                    raise ValueError(
                        f"DataLoader: {len(dataset)} items are less than one batch of {batch_size}, and drop_last leaves it out"
                    )
        self.sampler, self.batch_sampler = sampler, batch_sampler
        self._position = 0  # batches of the present epoch that were handed out
        self._drawn_from: np.ndarray | None = None  # the generator's state before this epoch's order was drawn
        self._resumed: np.ndarray | None = None

    def __len__(self) -> int:
        if self.streams:
            raise TypeError(f"len: a stream ({type(self.dataset).__name__}) has no known number of batches")
        return len(self.sampler if self.batch_sampler is None else self.batch_sampler)  # type: ignore[arg-type]

    # ---- batches ---------------------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[Any]:
        """The batches of one epoch. Its order is drawn now, not with the first batch."""
        skipped, self._position = (self._position, self._position) if self._resumed is not None else (0, 0)
        source = self.generator or current_generator()
        if self._resumed is None:
            self._drawn_from = np.array(source.state._array)
            tasks, fetch = self._tasks()
        else:  # draw the interrupted epoch's order again, from what it was drawn from, and leave the generator where it is
            now, self._drawn_from, self._resumed = np.array(source.state._array), self._resumed, None
            assign(source.state, self._drawn_from)
            tasks, fetch = self._tasks()
            assign(source.state, now)
        return self._handed_out(tasks, fetch, skipped)

    def _tasks(self) -> tuple[Iterator[Any], Callable[[Any], Any]]:
        """What there is to load, one entry a batch, and the function that loads it."""
        collate = self.collate_fn or default_collate
        if self.streams:
            items = iter(self.dataset)
            if self.batch_size is None:
                return itertools.repeat(None), lambda _: next(items, _END)
            size, drop_last = self.batch_size, self.drop_last

            def next_batch(_: Any) -> Any:
                batch = list(itertools.islice(items, size))
                return collate(batch) if len(batch) == size or (batch and not drop_last) else _END

            return itertools.repeat(None), next_batch
        dataset = self.dataset
        if self.batch_sampler is None:
            return _started(iter(self.sampler)), lambda index: dataset[index]  # type: ignore[arg-type]
        if self.collate_fn is None and hasattr(dataset, "batch"):
            return _started(iter(self.batch_sampler)), lambda indices: dataset.batch(np.asarray(indices, np.int64))
        return _started(iter(self.batch_sampler)), lambda indices: collate([dataset[int(i)] for i in indices])

    def _handed_out(self, tasks: Iterator[Any], fetch: Callable[[Any], Any], skipped: int) -> Iterator[Any]:
        for task in itertools.islice(tasks, skipped):
            if self.streams and fetch(task) is _END:
                break
        loaded = self._ahead(tasks, fetch) if self.num_workers else map(fetch, tasks)
        for batch in loaded:
            if batch is _END:
                break
            self._position += 1
            yield batch
        self._position, self._drawn_from = 0, None

    def _ahead(self, tasks: Iterator[Any], fetch: Callable[[Any], Any]) -> Iterator[Any]:
        """Batches in order, while threads load those that come next."""
        workers = 1 if self.streams else self.num_workers
        pool = ThreadPoolExecutor(workers, "DataLoader")
        waiting: deque[Future[Any]] = deque()
        try:
            for task in tasks:
                waiting.append(pool.submit(contextvars.copy_context().run, fetch, task))
                if len(waiting) >= workers * self.prefetch_factor:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    # ---- its dictionary --------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Where the loader is: batches handed out of the epoch in progress, what its order was drawn from, its generator's state.

        The global generator's state, from which a loader without a generator draws, is saved apart (`ag.get_rng_state`).
        """
        state: dict[str, Any] = {"position": self._position, "drawn_from": None, "generator": None}
        if self._drawn_from is not None:
            state["drawn_from"] = tensor(self._drawn_from)
        if self.generator is not None:
            state["generator"] = tensor(self.generator.state._array)
        return state

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from `state_dict`: the next pass begins behind the last batch that was handed out.

        Raises ValueError for what is no loader's state; then nothing was changed.
        """
        try:
            position = int(state_dict["position"])
            drawn_from, own = [
                None if s is None else np.asarray(s.numpy() if isinstance(s, Tensor) else s, np.uint64)
                for s in (state_dict["drawn_from"], state_dict["generator"])
            ]
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError("DataLoader: this is no loader's state (position, drawn_from, generator)") from error
        if position < 0 or any([s is not None and s.shape != (2,) for s in (drawn_from, own)]):
            raise ValueError(f"DataLoader: no loader's state has position {position} and these generators")
        if own is not None and self.generator is None:
            raise ValueError("DataLoader: the saved loader had a generator of its own; give this one a generator, too")
        if own is not None:
            assign(self.generator.state, own)  # type: ignore[union-attr]
        self._position, self._resumed, self._drawn_from = position, drawn_from, drawn_from


def _started(iterator: Iterator[Any]) -> Iterator[Any]:
    """The same elements, the first of them taken already: a generator function draws its order when it is first asked."""
    first = next(iterator, _END)
    return iter(()) if first is _END else itertools.chain([first], iterator)
