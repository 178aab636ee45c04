"""Random numbers: each distribution by a Kolmogorov-Smirnov test, derivatives by parameters, dropout, repetition, messages."""

import math
from statistics import NormalDist

import numpy as np
import pytest

import autograd_nn as ag

r = ag.random
N = 20_000
phi = np.vectorize(NormalDist().cdf, otypes=[float])


@pytest.fixture(autouse=True)
def seeded():
    ag.manual_seed(12)


def distance(sample, cdf):
    """The Kolmogorov-Smirnov statistic times sqrt(n): above 1.95 once in a thousand samples."""
    x = np.sort(np.ravel(sample.numpy()).astype(np.float64))
    n, below = len(x), cdf(x)
    return math.sqrt(n) * max(np.max(np.arange(1, n + 1) / n - below), np.max(below - np.arange(n) / n))


def truncated(a, b):
    return lambda x: (phi(x) - phi(a)) / (phi(b) - phi(a))


CONTINUOUS = {
    "rand": (lambda **k: ag.rand(N, **k), lambda x: x),
    "randn": (lambda **k: ag.randn(N, **k), phi),
    "uniform": (lambda **k: r.uniform(-2.0, 3.0, N, **k), lambda x: (x + 2) / 5),
    "normal": (lambda **k: r.normal(1.0, 2.0, N, **k), lambda x: phi((x - 1) / 2)),
    "lognormal": (lambda **k: r.lognormal(0.5, 0.7, N, **k), lambda x: phi((np.log(x) - 0.5) / 0.7)),
    "exponential": (lambda **k: r.exponential(3.0, N, **k), lambda x: 1 - np.exp(-x / 3)),
    "gumbel": (lambda **k: r.gumbel(1.0, 2.0, N, **k), lambda x: np.exp(-np.exp(-(x - 1) / 2))),
    "laplace": (
        lambda **k: r.laplace(1.0, 2.0, N, **k),
        lambda x: 0.5 + 0.5 * np.sign(x - 1) * (1 - np.exp(-np.abs(x - 1) / 2)),
    ),
    "logistic": (lambda **k: r.logistic(1.0, 2.0, N, **k), lambda x: 1 / (1 + np.exp(-(x - 1) / 2))),
    "truncated": (lambda **k: r.truncated_normal(-1.0, 2.0, size=N, **k), truncated(-1.0, 2.0)),
    "truncated on one side": (lambda **k: r.truncated_normal(1.0, math.inf, size=N, **k), truncated(1.0, math.inf)),
    "truncated in the tail": (  # nearly exponential
        lambda **k: r.truncated_normal(8.0, math.inf, size=N, **k) - 8.0,
        lambda x: 1 - np.exp(-8 * x - x * x / 2) * (8 / (8 + x)) * (1 - 1 / (8 + x) ** 2) / (1 - 1 / 64),
    ),
    "truncated in the left tail": (
        lambda **k: -8.0 - r.truncated_normal(-math.inf, -8.0, size=N, **k),
        lambda x: 1 - np.exp(-8 * x - x * x / 2) * (8 / (8 + x)) * (1 - 1 / (8 + x) ** 2) / (1 - 1 / 64),
    ),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", CONTINUOUS)
def test_continuous_distributions(name, dtype):
    draw, cdf = CONTINUOUS[name]
    sample = draw(dtype=dtype)
    assert sample.dtype == dtype
    assert sample.shape == (N,)
    assert not sample.requires_grad
    assert np.isfinite(sample.numpy()).all()
    assert distance(sample, cdf) < 1.95


def test_the_test_of_distributions_sees_a_shift():
    assert distance(r.normal(0.05, 1.0, N), phi) > 1.95


def chi_squared(counts, expected):
    """Pearson's statistic in standard deviations from its mean."""
    counts, expected = np.asarray(counts, float), np.asarray(expected, float)
    freedom = len(counts) - 1
    return (np.sum((counts - expected) ** 2 / expected) - freedom) / math.sqrt(2 * freedom)


p4 = np.array([0.1, 0.2, 0.3, 0.4])
DISCRETE = {
    "randint": (lambda: ag.randint(3, 7, (N,)) - 3, np.full(4, 0.25)),
    "integers": (lambda: r.integers(4, size=N), np.full(4, 0.25)),
    "bernoulli": (lambda: r.bernoulli(0.3, N).astype(int), [0.7, 0.3]),
    "categorical": (lambda: r.categorical(np.log(p4) + 7.0, (N,)), p4),
    "categorical in a batch": (
        lambda: r.categorical(np.log([p4, p4[::-1]]), (N // 2, 2))[:, 1],
        p4[::-1],
    ),
    "choice": (lambda: r.choice(4, N, p=p4), p4),
    "choice without weights": (lambda: r.choice(4, N), np.full(4, 0.25)),
    "first of a permutation": (
        lambda: ag.tensor([ag.randperm(4)[0].item() for _ in range(4000)]),
        np.full(4, 0.25),
    ),
    "first chosen without replacement": (
        lambda: ag.tensor([r.choice(4, 2, replace=False, p=p4)[0].item() for _ in range(4000)]),
        p4,
    ),
    "second chosen without replacement": (
        lambda: ag.tensor([r.choice(4, 2, replace=False, p=p4)[1].item() for _ in range(4000)]),
        [sum(p4[i] * p4[j] / (1 - p4[i]) for i in range(4) if i != j) for j in range(4)],
    ),
    "dropout": (lambda: (r.dropout_mask(N, 0.1) == 0.0).astype(int), [0.9, 0.1]),
    "dropout of little": (lambda: (r.dropout_mask(400_000, 1e-3) == 0.0).astype(int), [0.999, 0.001]),
    "gumbel softmax": (
        lambda: ag.gumbel_softmax(np.log(p4) * np.ones((N, 1)), hard=True).argmax(axis=-1),
        p4,
    ),
}


@pytest.mark.parametrize("name", DISCRETE)
def test_discrete_distributions(name):
    draw, p = DISCRETE[name]
    sample = draw()
    assert sample.dtype == np.int64
    counts = np.bincount(sample.numpy(), minlength=len(p))
    assert len(counts) == len(p)
    assert abs(chi_squared(counts, np.asarray(p) * sample.size)) < 4.0


def test_classes_of_probability_zero_never_come():
    logits = np.array([-np.inf, 0.0, -np.inf, 1.0, -np.inf])
    assert set(r.categorical(logits, (N,)).tolist()) == {1, 3}
    assert set(r.categorical(np.stack([logits, logits]), (N, 2)).numpy().ravel().tolist()) == {1, 3}
    assert set(r.choice(3, 100, p=[0.0, 1.0, 0.0]).tolist()) == {1}


# ---- derivatives -----------------------------------------------------------------------------------------------------

REPARAMETERISED = {
    "uniform": (r.uniform, (np.array([-1.0, 0.5]), np.array([2.0, 3.0]))),
    "normal": (r.normal, (np.array([-1.0, 0.5]), np.array(2.0))),
    "lognormal": (r.lognormal, (np.array([-1.0, 0.5]), np.array(0.3))),
    "exponential": (r.exponential, (np.array([2.0, 0.5]),)),
    "gumbel": (r.gumbel, (np.array([-1.0, 0.5]), np.array(2.0))),
    "laplace": (r.laplace, (np.array([-1.0, 0.5]), np.array(2.0))),
    "logistic": (r.logistic, (np.array([-1.0, 0.5]), np.array(2.0))),
    "truncated_normal": (
        r.truncated_normal,
        (np.array([-1.0, 0.5]), np.array([0.2, 4.0]), np.array([[0.3], [1.0]]), np.array(2.0)),
    ),
    "multivariate_normal": (r.multivariate_normal, (np.array([1.0, 2.0]), np.array([[2.0, 0.5], [0.5, 1.0]]))),
    "gumbel_softmax": (lambda z: ag.gumbel_softmax(z, 0.5), (np.array([0.3, -1.0, 0.5]),)),
    "permutation": (r.permutation, (np.arange(5.0),)),
    "choice": (lambda a: r.choice(a, (2, 2)), (np.arange(5.0),)),
    "dropout": (lambda x: ag.dropout(x, 0.4), (np.arange(5.0),)),
}


@pytest.mark.parametrize("name", REPARAMETERISED)
def test_derivatives_by_the_parameters(name):
    draw, params = REPARAMETERISED[name]

    def f(*params):
        ag.manual_seed(5)
        return draw(*params)

    assert f(*[ag.tensor(p) for p in params]).dtype == np.float64, "the parameters' dtype, not the default"
    report = ag.gradcheck(f, *params, order=2)
    assert report, report


def test_shapes_are_those_of_the_parameters_and_size():
    assert r.normal(np.zeros(3), np.ones((2, 1))).shape == (2, 3)
    assert r.normal(np.zeros(3), 1.0, (4, 3)).shape == (4, 3)
    assert r.uniform().shape == ()
    assert r.normal([1, 2], 1).dtype == np.float32
    assert r.normal(np.float64(1.0)).dtype == np.float64
    assert r.multivariate_normal(np.zeros((5, 2)), np.eye(2), (3, 5)).shape == (3, 5, 2)
    for made in (ag.rand, ag.randn):
        assert made().shape == ()
        assert made(3).shape == made((3,)).shape == made([3]).shape == made(np.int64(3)).shape == (3,)
        assert made(2, 3).shape == made((2, 3)).shape == (2, 3)
        assert made(2, 0).shape == (2, 0)
        assert made(2, dtype="float64", requires_grad=True).requires_grad
    assert ag.randint(5).shape == ()
    assert ag.randint(2, 5).shape == ()
    assert ag.randint(5, (2, 3)).shape == ag.randint(0, 5, (2, 3)).shape == (2, 3)
    assert ag.rand_like(np.zeros((2, 3))).dtype == np.float64


def test_large_samples_have_the_mean_and_covariance_they_should():
    cov = np.array([[2.0, 0.5], [0.5, 1.0]])
    sample = r.multivariate_normal(np.array([1.0, 2.0]), cov, N).numpy()
    np.testing.assert_allclose(sample.mean(0), [1.0, 2.0], atol=0.05)
    np.testing.assert_allclose(np.cov(sample.T), cov, atol=0.06)


# ---- dropout ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("p", [1e-6, 1e-3, 0.1, 0.25, 1 / 3, 0.5, 0.9, 0.9999])
def test_dropout_keeps_the_mean_and_nearly_the_probability(p):
    mask = r.dropout_mask((3, 5, 7), p)
    scale = mask.max().item() if mask.max().item() else None
    if scale is not None:
        kept = 1.0 / scale
        assert abs((1.0 - kept) - p) <= 1.1e-3 * min(p, 1.0 - p) + 1e-7
    assert set(np.unique(mask.numpy())) <= {0.0, np.float32(scale or 0.0)}


def test_dropout():
    x = ag.tensor(np.arange(1.0, 1001.0), requires_grad=True)
    y = ag.dropout(x, 0.25)
    (g,) = ag.gradients(y.sum(), [x])
    np.testing.assert_array_equal(y.numpy(), x.numpy() * g.numpy())
    assert set(g.tolist()) == {0.0, 1 / 0.75}
    assert ag.dropout(x, 0.25, training=False) is x
    assert ag.dropout(x, 0.0) is x
    assert ag.dropout(x, 1.0).tolist() == [0.0] * 1000
    assert type(ag.dropout(np.ones(3, np.float32), 0.5)) is np.ndarray
    assert ag.dropout(np.ones(3, np.float16), 0.5).dtype == np.float16
    assert ag.dropout(ag.zeros((0, 3))).shape == (0, 3)
    ag.manual_seed(1)
    first = ag.dropout(x.detach()).tolist()
    assert ag.dropout(x.detach()).tolist() != first
    ag.manual_seed(1)
    assert ag.dropout(x.detach()).tolist() == first
    a = ag.checkpoint(lambda x: ag.dropout(x, 0.5) ** 2, x).sum()
    a.backward()  # the mask is drawn again, and is the same
    assert set((x.grad / (2.0 * x)).tolist()) == {0.0, 4.0}


def test_a_mask_is_smooth_in_no_pattern():
    """Neighbours, and elements a word apart, are independent."""
    kept = (r.dropout_mask(200_000, 0.5) != 0.0).numpy() * 2.0 - 1.0
    for lag in (1, 2, 3, 4, 8, 16, 64, 256):
        assert abs(np.mean(kept[lag:] * kept[:-lag])) < 4.0 / math.sqrt(200_000)


# ---- repetition and records ------------------------------------------------------------------------------------------


def test_a_record_of_draws_runs_again():
    x = ag.tensor(np.ones(50, np.float32), name="x")
    g = r.Generator(7)
    with ag.record(x) as record:
        y = ag.dropout(x, 0.5, generator=g) + r.normal(0.0, 1.0, 50, generator=g)
    memory = {v: v.data if v.initial is None else v.initial for v in record.values if v.producer is None}
    for e in record.entries:
        memory.update(zip(e.outputs, e.run([memory.get(i, i) for i in e.inputs]), strict=True))
    np.testing.assert_array_equal(memory[record.value_of(y)], y.numpy())


def test_copying_or_making_a_generator_leaves_a_running_record_alone():
    g = r.Generator(7)
    with ag.record() as record:
        other = g.copy()
        r.Generator(8)
    assert record.entries == []
    assert ag.rand(4, generator=other).tolist() == ag.rand(4, generator=g).tolist()
    ag.rand(4, generator=other)
    assert other.state.tolist() == [7, 2]
    assert g.state.tolist() == [7, 1], "a copy is a stream of its own"


def test_shuffle_works_in_place_and_with_requires_grad():
    x = np.arange(12.0).reshape(4, 3)
    kept = x.copy()
    r.shuffle(x)
    assert sorted(map(tuple, x)) == sorted(map(tuple, kept))
    w = ag.tensor(kept, requires_grad=True)
    memory = w.data
    r.shuffle(w, axis=1)
    assert w.data is memory
    assert w.is_leaf
    assert sorted(map(tuple, w.numpy().T)) == sorted(map(tuple, kept.T))


def test_gumbel_softmax_nears_a_draw_and_has_the_soft_derivative():
    z = ag.tensor(np.array([[0.5, -1.0, 2.0]] * 4), requires_grad=True)
    r.manual_seed(3)
    soft = ag.gumbel_softmax(z, 0.7)
    r.manual_seed(3)
    hard = ag.gumbel_softmax(z, 0.7, hard=True)
    assert set(hard.numpy().ravel()) == {0.0, 1.0}
    np.testing.assert_array_equal(hard.numpy().argmax(-1), soft.numpy().argmax(-1))
    c = np.arange(12.0).reshape(4, 3)
    np.testing.assert_array_equal(ag.gradients((hard * c).sum(), z).numpy(), ag.gradients((soft * c).sum(), z).numpy())


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (
            lambda: ag.rand(2, "float64"),
            TypeError,
            r"rand: a shape is whole numbers, rand\(2, 3\) .*dtype, generator .*by keyword",
        ),
        (lambda: ag.randn(2.5), TypeError, "randn: a shape is whole numbers"),
        (lambda: ag.rand(2, dtype=int), TypeError, "rand: random numbers are float32 or float64, not int64"),
        (lambda: ag.randint(3, 3), ValueError, "no integers from 3 up to but not including 3"),
        (lambda: ag.dropout(ag.ones(2), 1.5), ValueError, "dropout: the probability p is between 0 and 1, not 1.5"),
        (lambda: ag.dropout(ag.ones(2), ag.tensor(0.5)), TypeError, "p is a number, not a Tensor"),
        (lambda: ag.dropout(ag.arange(3), 0.5), TypeError, "dropout: works on floating numbers, not int64"),
        (lambda: r.normal(0.0, -1.0), ValueError, "normal: the scale must not be negative"),
        (lambda: r.normal(np.zeros(3), 1.0, 4), ValueError, r"of shape \(3,\) do not broadcast to the size \(4,\)"),
        (lambda: r.truncated_normal(2.0, 1.0), ValueError, "lower must be below upper"),
        (lambda: r.truncated_normal(40.0, 50.0), ValueError, "bounds beyond 37 standard deviations"),
        (lambda: r.bernoulli(1.5), ValueError, "probabilities are between 0 and 1"),
        (lambda: r.categorical(1.0), ValueError, "have no classes along their last axis"),
        (lambda: r.categorical(np.zeros((2, 3)), 5), ValueError, r"shape \(2,\) do not broadcast to the size \(5,\)"),
        (lambda: r.choice(3, 5, replace=False), ValueError, "5 elements of 3 without replacement"),
        (lambda: r.choice(3, p=[0.5, 0.2, 0.2]), ValueError, "must be 3 probabilities that add up to 1"),
        (lambda: ag.gumbel_softmax(ag.zeros(3), 0.0), ValueError, "the temperature tau is positive"),
        (lambda: r.Generator(1 << 70), ValueError, "does not fit 64 bits"),
    ],
)
def test_messages(call, kind, message):
    with pytest.raises(kind, match=message):
        call()
