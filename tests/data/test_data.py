"""Datasets, samplers, splits and the loader: what they give, that loading resumes, leaves no thread, and says what is wrong."""

import threading
import time

import numpy as np
import pytest

import autograd_nn as ag
from autograd_nn import data

X = np.arange(20, dtype=np.float32).reshape(10, 2)
Y = np.arange(10)


class Items(data.Dataset):
    """Items one by one, so that they are collated."""

    def __init__(self, n=10, fail_at=None):
        self.n, self.fail_at = n, fail_at

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        if i == self.fail_at:
            raise OSError(f"item {i} cannot be read")
        return {"x": X[i], "y": int(Y[i]), "name": f"n{i}"}


class Stream(data.IterableDataset):
    def __init__(self, n):
        self.n = n

    def __iter__(self):
        return iter(range(self.n))


def lists(batches):
    return [b.tolist() if isinstance(b, ag.Tensor) else [t.tolist() for t in b] for b in batches]


def labels(loader):
    return [y.tolist() for _, y in loader]


@pytest.fixture
def no_thread_left():
    before = threading.active_count()
    yield
    assert threading.active_count() == before


# ---- datasets ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("x", [X, ag.from_numpy(X), np.asfortranarray(X), np.repeat(X, 2, 1)[:, ::2]], ids=str)
def test_tensor_dataset_gives_rows(x):
    dataset = data.TensorDataset(x, Y)
    a, b = dataset[3]
    assert isinstance(a, ag.Tensor) and a.tolist() == X[3].tolist() and b.item() == 3
    a, b = dataset.batch(np.array([7, 2]))
    assert a.tolist() == X[[7, 2]].tolist() and b.tolist() == [7, 2]
    assert a.dtype == np.float32 and b.dtype == np.int64


def test_batches_are_copies():
    dataset = data.TensorDataset(X.copy())
    (batch,) = next(iter(data.DataLoader(dataset, 4)))
    with ag.no_grad():
        batch += 100.0
    assert dataset[0][0].tolist() == X[0].tolist()


def test_subset_and_concatenation():
    dataset = data.TensorDataset(X, Y)
    part = data.Subset(dataset, [9, -10, 4])
    assert [y.item() for _, y in part] == [9, 0, 4]
    assert labels(data.DataLoader(part, 2)) == [[9, 0], [4]]
    assert labels(data.DataLoader(data.Subset(part, [2, 0]), 2)) == [[4, 9]]
    both = part + data.Subset(dataset, [1]) + data.Subset(dataset, [])
    assert [both[i][1].item() for i in range(-4, 4)] == [9, 0, 4, 1] * 2
    assert labels(data.DataLoader(both, 3)) == [[9, 0, 4], [1]]


def test_random_split():
    dataset = data.TensorDataset(X, Y)
    for lengths, sizes in (([7, 3], [7, 3]), ([0.5, 0.25, 0.25], [6, 2, 2]), ([1.0], [10]), ([10, 0], [10, 0])):
        parts = data.random_split(dataset, lengths, ag.random.Generator(1))
        assert [len(p) for p in parts] == sizes
        assert sorted(np.concatenate([p.indices for p in parts])) == list(range(10))
    again = data.random_split(dataset, [7, 3], ag.random.Generator(1))
    other = data.random_split(dataset, [7, 3], ag.random.Generator(2))
    first = data.random_split(dataset, [7, 3], ag.random.Generator(1))
    assert again[0].indices.tolist() == first[0].indices.tolist() != other[0].indices.tolist()


@pytest.mark.parametrize("seed", range(20))
def test_stratified_split_shares_every_class(seed):
    rng = np.random.default_rng(seed)
    classes = rng.choice(rng.integers(1, 9), size=rng.integers(1, 300))
    lengths = rng.dirichlet(np.ones(rng.integers(1, 5)))
    parts = data.stratified_split(data.TensorDataset(classes), lengths, ag.tensor(classes), ag.random.Generator(seed))
    chosen = [p.indices for p in parts]
    assert sorted(np.concatenate(chosen)) == list(range(len(classes)))
    for share, part in zip(lengths, chosen, strict=True):
        assert abs(len(part) - share * len(classes)) < 1 + 1e-9
        for c in np.unique(classes):
            assert abs(np.sum(classes[part] == c) - share * np.sum(classes == c)) < 1 + 1e-9


# ---- samplers ------------------------------------------------------------------------------------------------------


def test_samplers():
    g = ag.random.Generator(0)
    assert list(data.SequentialSampler(Y)) == list(range(10))
    assert sorted(data.RandomSampler(Y, generator=g)) == list(range(10))
    assert sorted(data.RandomSampler(Y, num_samples=20, generator=g)) == sorted([*range(10), *range(10)])
    drawn = list(data.RandomSampler(Y, replacement=True, num_samples=200, generator=g))
    assert len(drawn) == 200 and set(drawn) == set(range(10))
    assert sorted(data.SubsetRandomSampler([3, 8, 5], g)) == [3, 5, 8]
    weights = [0.0, 1.0, 3.0]
    counts = np.bincount(list(data.WeightedRandomSampler(ag.tensor(weights), 4000, generator=g)), minlength=3)
    assert counts[0] == 0 and 2.6 < counts[2] / counts[1] < 3.4
    firsts = [next(iter(data.WeightedRandomSampler(weights, 2, False, g))) for _ in range(2000)]
    assert 0.70 < np.mean(np.array(firsts) == 2) < 0.80
    assert sorted(data.WeightedRandomSampler(weights, 2, False, g)) == [1, 2]
    assert [len(b) for b in data.BatchSampler(data.RandomSampler(Y, generator=g), 4, True)] == [4, 4]
    assert list(data.BatchSampler(iter([5, 6, 7]), 2, False)) == [[5, 6], [7]]


# ---- the loader ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [0, 1, 3])
@pytest.mark.usefixtures("no_thread_left")
def test_every_item_once_in_order_or_shuffled(workers):
    dataset = data.TensorDataset(X, Y)
    loader = data.DataLoader(dataset, 4, num_workers=workers)
    assert labels(loader) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]] and len(loader) == 3
    loader = data.DataLoader(dataset, 4, drop_last=True, num_workers=workers)
    assert labels(loader) == [[0, 1, 2, 3], [4, 5, 6, 7]] and len(loader) == 2
    loader = data.DataLoader(dataset, 3, shuffle=True, generator=ag.random.Generator(5), num_workers=workers)
    first, second = labels(loader), labels(loader)
    assert sorted(np.concatenate(first)) == sorted(np.concatenate(second)) == list(range(10)) and first != second
    again = data.DataLoader(dataset, 3, shuffle=True, generator=ag.random.Generator(5))
    assert labels(again) == first, "the same seed gives the same order, however many load"
    for x, y in loader:
        np.testing.assert_array_equal(x.numpy(), X[y.numpy()])


@pytest.mark.parametrize("workers", [0, 2])
def test_items_are_collated(workers):
    (first, *_) = data.DataLoader(Items(), 3, num_workers=workers)
    assert (
        first["x"].tolist() == X[:3].tolist()
        and first["y"].tolist() == [0, 1, 2]
        and first["name"] == ["n0", "n1", "n2"]
    )
    names = data.DataLoader(Items(), 2, collate_fn=lambda items: [i["name"] for i in items], num_workers=workers)
    assert next(iter(names)) == ["n0", "n1"]
    assert next(iter(data.DataLoader(Items(), None)))["name"] == "n0"
    assert [b["y"].tolist() for b in data.DataLoader(Items(), sampler=[4, 2, 9], batch_size=2)] == [[4, 2], [9]]
    assert [b["y"].tolist() for b in data.DataLoader(Items(), batch_sampler=[[1], [2, 3]])] == [[1], [2, 3]]
    pairs = data.DataLoader([(1, 2.5), (3, 4.5)], 2)
    assert lists(pairs) == [[[1, 3], [2.5, 4.5]]]


@pytest.mark.parametrize("workers", [0, 2])
def test_streams(workers):
    assert lists(data.DataLoader(Stream(5), 2, num_workers=workers)) == [[0, 1], [2, 3], [4]]
    assert lists(data.DataLoader(Stream(5), 2, drop_last=True, num_workers=workers)) == [[0, 1], [2, 3]]
    assert list(data.DataLoader(Stream(3), None, num_workers=workers)) == [0, 1, 2]
    with pytest.raises(TypeError, match=r"a stream \(Stream\) has no known number of batches"):
        len(data.DataLoader(Stream(3)))


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.usefixtures("no_thread_left")
def test_an_error_in_a_thread_is_the_callers(workers):
    loader = data.DataLoader(Items(fail_at=5), 2, num_workers=workers)
    batches = []
    with pytest.raises(OSError, match="item 5 cannot be read"):
        for batch in loader:
            batches.append(batch["y"].tolist())
    assert batches == [[0, 1], [2, 3]], "what came before it arrives"


@pytest.mark.usefixtures("no_thread_left")
def test_leaving_early_leaves_no_thread():
    for _ in data.DataLoader(Items(), 1, num_workers=3):
        break
    iterator = iter(data.DataLoader(Items(), 1, num_workers=2))
    next(iterator)
    iterator.close()


def test_threads_load_ahead():
    loaded = []

    class Slow(Items):
        def __getitem__(self, i):
            loaded.append(i)
            return i

    iterator = iter(data.DataLoader(Slow(), 1, num_workers=1, prefetch_factor=3))
    next(iterator)
    end = time.monotonic() + 10
    while len(loaded) < 3 and time.monotonic() < end:
        time.sleep(0.01)
    assert loaded == [0, 1, 2], "three batches ahead and no more"
    iterator.close()


def test_threads_see_the_callers_modes():
    class Halves(Items):
        def __getitem__(self, i):
            return ag.tensor(0.5)

    with ag.default_dtype("float64"):
        assert next(iter(data.DataLoader(Halves(), 2, num_workers=1))).dtype == np.float64


def test_shuffling_by_the_global_generator_takes_one_draw_an_epoch():
    ag.manual_seed(3)
    loader = data.DataLoader(data.TensorDataset(X, Y), 2, shuffle=True)
    first = labels(loader)
    assert ag.get_rng_state().tolist() == [3, 1]
    ag.manual_seed(3)
    assert labels(loader) == first


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("own", [False, True], ids=["global", "own"])
@pytest.mark.parametrize("taken", range(6))
def test_loading_resumes_where_it_was(taken, own, workers):
    """Batches of two epochs, interrupted after some: the rest is what an uninterrupted run had, and so is the epoch behind it."""

    def loader(seed):
        generator = ag.random.Generator(seed) if own else None
        return data.DataLoader(data.TensorDataset(X, Y), 2, shuffle=True, generator=generator, num_workers=workers)

    ag.manual_seed(7)
    straight = loader(7)
    expected = labels(straight), labels(straight)
    ag.manual_seed(7)
    interrupted = loader(7)
    iterator = iter(interrupted)
    begun = [next(iterator)[1].tolist() for _ in range(taken)] if taken < 6 else labels(interrupted)
    saved = interrupted.state_dict(), ag.get_rng_state()
    iterator.close()
    ag.manual_seed(99)
    resumed = loader(99)
    resumed.load_state_dict(saved[0])
    ag.set_rng_state(saved[1])
    assert (begun + labels(resumed), labels(resumed)) == expected


def test_a_stream_resumes_too():
    loader = data.DataLoader(Stream(7), 2)
    iterator = iter(loader)
    next(iterator), next(iterator)
    resumed = data.DataLoader(Stream(7), 2)
    resumed.load_state_dict(loader.state_dict())
    assert lists(resumed) == [[4, 5], [6]]
    assert lists(resumed) == [[0, 1], [2, 3], [4, 5], [6]]


def test_breaking_off_begins_anew():
    """Only a state that is loaded is gone on from: after a break, the next pass is a new epoch."""
    loader = data.DataLoader(data.TensorDataset(X, Y), 5)
    for _ in loader:
        break
    assert loader.state_dict()["position"] == 1
    assert labels(loader) == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]


SET = data.TensorDataset(X, Y)


@pytest.mark.parametrize(
    ("make", "kind", "message"),
    [
        (lambda: data.TensorDataset(), ValueError, "takes at least one array"),
        (lambda: data.TensorDataset(X, Y[:3]), ValueError, r"shapes \(10, 2\), \(3,\); all need the same first axis"),
        (lambda: data.TensorDataset(np.float32(1)), ValueError, "all need the same first axis"),
        (lambda: data.TensorDataset(np.array(["a"])), TypeError, "array 0 holds <U1"),
        (lambda: data.TensorDataset(ag.ones(2, requires_grad=True)), TypeError, "array 0 requires a gradient"),
        (lambda: data.Subset(SET, [3, 10]), IndexError, "no item 10 in a dataset of 10"),
        (lambda: data.ConcatDataset([]), ValueError, "takes at least one dataset"),
        (lambda: data.ConcatDataset([SET])[10], IndexError, "no item 10 in datasets of 10"),
        (lambda: data.random_split(SET, [5, 6]), ValueError, r"lengths \[5, 6\] for 10 items"),
        (lambda: data.random_split(SET, [0.5, 0.6]), ValueError, "or fractions that sum to 1"),
        (lambda: data.stratified_split(SET, [5, 5], Y), ValueError, "lengths are fractions that sum to 1"),
        (
            lambda: data.stratified_split(SET, [1.0], Y[:4]),
            ValueError,
            r"labels of shape \(4,\) for a dataset of 10 items",
        ),
        (lambda: data.RandomSampler([]), ValueError, "cannot draw 0 of 0 items"),
        (lambda: data.WeightedRandomSampler([-1.0, 2.0], 1), ValueError, "none negative"),
        (
            lambda: data.WeightedRandomSampler([0.0, 2.0], 2, False),
            ValueError,
            "cannot draw 2 items without replacement from 1",
        ),
        (lambda: data.BatchSampler(range(3), 0, False), ValueError, "batch_size is a whole number from 1, not 0"),
        (lambda: data.DataLoader(data.TensorDataset(X[:0])), ValueError, r"the dataset \(TensorDataset\) is empty"),
        (lambda: data.DataLoader([], shuffle=True), ValueError, r"the dataset \(list\) is empty"),
        (lambda: data.DataLoader(SET, 0), ValueError, "batch_size is a whole number from 1, or None, not 0"),
        (lambda: data.DataLoader(SET, 2.5), ValueError, "not 2.5"),
        (lambda: data.DataLoader(SET, 16, drop_last=True), ValueError, "10 items are less than one batch of 16"),
        (lambda: data.DataLoader(SET, None, drop_last=True), ValueError, "no last one to drop"),
        (lambda: data.DataLoader(SET, sampler=[1], shuffle=True), ValueError, "excludes shuffle"),
        (lambda: data.DataLoader(SET, 2, batch_sampler=[[1]]), ValueError, "a batch_sampler excludes batch_size"),
        (lambda: data.DataLoader(Stream(3), shuffle=True), ValueError, r"a stream \(Stream\) comes in its own order"),
        (lambda: data.DataLoader(SET, num_workers=-1), ValueError, "num_workers is 0 or more"),
        (lambda: data.DataLoader(SET).load_state_dict({"epoch": 1}), ValueError, "this is no loader's state"),
        (
            lambda: data.DataLoader(SET).load_state_dict({"position": 0, "drawn_from": None, "generator": np.zeros(2)}),
            ValueError,
            "give this one a generator, too",
        ),
        (
            lambda: data.DataLoader(SET).load_state_dict({"position": -1, "drawn_from": None, "generator": None}),
            ValueError,
            "no loader's state has position -1",
        ),
        (lambda: data.default_collate([X[0], X[:2]]), ValueError, r"have shapes \(2,\), \(2, 2\); make them equal"),
        (lambda: data.default_collate([(1,), (1, 2)]), ValueError, r"have lengths \[1, 2\]"),
        (lambda: data.default_collate([{"a": 1}, {"b": 1}]), ValueError, "have different keys"),
        (lambda: data.default_collate([object()]), TypeError, "cannot make a batch of object items; pass a collate_fn"),
        (lambda: data.Dataset()[0], NotImplementedError, "Dataset has no __getitem__"),
    ],
)
def test_messages(make, kind, message):
    with pytest.raises(kind, match=message):
        make()


def test_a_sampler_that_only_iterates():
    """The way PyTorch's users write one; also where it derives from a sampler that has indices."""

    class Backwards(ag.data.Sampler):
        def __len__(self):
            return 5

        def __iter__(self):
            return iter(range(4, -1, -1))

    class Always(ag.data.SequentialSampler):
        def __iter__(self):
            return iter([3, 3, 3])

    items = ag.data.TensorDataset(np.arange(5))
    for sampler, expected in ((Backwards(), [[4, 3], [2, 1], [0]]), (Always(items), [[3, 3], [3]])):
        loader = ag.data.DataLoader(items, batch_size=2, sampler=sampler)
        assert [batch.tolist() for (batch,) in loader] == expected
