"""`ag.fuse`: a composition as one compiled operation, in forward, joint rule, higher derivatives, records and errors."""

import itertools
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import autograd_nn as ag
from autograd_nn.compiler.library import library


def gated(x, y, /, scale=1.0):
    """A composition of two arrays and a parameter."""
    return ag.tanh(x) * ag.sigmoid(y) * scale + ag.softmax(x + y).sum(-1, keepdims=True)


def arrays(n=4, dtype=np.float32):
    rng = np.random.default_rng(0)
    return rng.standard_normal((n, 5)).astype(dtype), rng.standard_normal((n, 5)).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("wanted", [(True, True), (True, False), (False, True)])
def test_values_and_gradients_are_the_compositions(dtype, wanted):
    fused = ag.fuse(gated)
    for n in (4, 4, 4, 7):  # the third call of a shape is not compared any more
        found = []
        for f in (gated, fused):
            x, y = [ag.tensor(a, requires_grad=w) for a, w in zip(arrays(n, dtype), wanted, strict=True)]
            out = f(x, y, scale=2.0)
            assert (out.node.op.name == "gated") is (f is fused)
            (out * out).sum().backward()
            found.append([out.numpy(), *[t.grad.numpy() for t in (x, y) if t.requires_grad]])
        for a, b in zip(*found, strict=True):
            assert a.dtype == dtype
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


def test_derivatives_of_any_order_pass_the_check():
    fused = ag.fuse(gated)
    ag.check.assert_gradients(fused, *arrays(3, np.float64))  # to second order


def test_kernels_are_used_again():
    runs = itertools.count()  # a list that the function makes longer would be guarded

    @ag.fuse
    def fused(x, /):
        next(runs)
        return ag.exp(x) * x

    for k in range(6):
        np.testing.assert_allclose(fused(ag.tensor([1.0 + k])).numpy(), np.exp(1.0 + k) * (1.0 + k), rtol=1e-6)
    assert next(runs) == 2  # both compared


def test_within_a_compiled_step_it_is_its_composition():
    fused = ag.fuse(gated)
    step = ag.compile(lambda x, y: fused(x, y), verify="always")
    x, y = arrays()
    np.testing.assert_allclose(step(x, y).numpy(), gated(ag.tensor(x), ag.tensor(y)).numpy(), rtol=1e-5)
    assert "tanh" in step.explain()


def test_what_looks_at_values_runs_as_the_composition():
    @ag.fuse
    def signed(x, /):
        return x if x.sum() > 0 else -x

    for a in ([1.0], [-2.0], [3.0]):
        x = ag.tensor(a, requires_grad=True)
        out = signed(x)
        out.sum().backward()
        assert out.item() == abs(a[0])
        assert x.grad.item() == np.sign(a[0])


def moments(x, y=None, /, scale=1.0):
    """Two results, of one or two arrays."""
    z = x if y is None else x + y
    mean = z.mean(-1, keepdims=True)
    return (z - mean) * scale, mean


@pytest.mark.parametrize("used", [(True, True), (True, False), (False, True)])
@pytest.mark.parametrize("two", [True, False])
def test_several_results_and_optional_arrays(used, two):
    fused = ag.fuse(moments, outputs=("centred", "mean"))
    for n in (4, 4, 4, 300, 300, 300):
        found = []
        for f in (moments, fused):
            given = [ag.tensor(a, requires_grad=True) for a in arrays(n)][: 2 if two else 1]
            results = f(*given, scale=2.0)
            loss = sum((r * r * r).sum() for r, u in zip(results, used, strict=True) if u)
            loss.backward()
            found.append([*[r.numpy() for r in results], *[t.grad.numpy() for t in given]])
        assert type(results).__name__ == "moments_result"
        for a, b in zip(*found, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def test_results_of_large_arrays_are_their_own():
    """Large arrays are read where they are and results computed where they stay; none is another call's, or the arena."""
    fused = ag.fuse(gated)
    x, y = [ag.tensor(np.tile(a, (500, 4))) for a in arrays(4)]
    kept = [fused(x, y) for _ in range(4)]
    other = fused(x + 1.0, y)
    turned = fused(x.reshape((4, 500, 20)).transpose((1, 0, 2)).reshape((2000, 20)), y)
    for out in kept:
        np.testing.assert_allclose(out.numpy(), gated(x, y).numpy(), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(other.numpy(), gated(x + 1.0, y).numpy(), rtol=1e-5, atol=1e-6)
    strided = ag.tensor(np.asfortranarray(x.numpy()))
    np.testing.assert_allclose(fused(strided, y).numpy(), kept[0].numpy())
    assert turned.shape == (2000, 20)
    before = kept[0].numpy().copy()
    kept[1].numpy()[...] = 7.0
    fused(x * 2.0, y)
    np.testing.assert_array_equal(kept[0].numpy(), before)


@pytest.mark.parametrize(
    "second", [lambda y: y, lambda y: y.reshape((-1,)), lambda y: y.T, lambda y: y[3:9], lambda y: y.sum(0)]
)
@pytest.mark.parametrize("turned", [False, True])
def test_two_results_of_one_memory(second, turned):
    def both(x, /):
        y = ag.tanh(x) * 2.0
        return (second(y), y) if turned else (y, second(y))

    fused = ag.fuse(both, outputs=("one", "other"))
    for k in range(4):
        x = ag.tensor(np.cos(np.arange(8192.0, dtype=np.float32) + k).reshape(64, 128))
        for a, b in zip(fused(x), both(x), strict=True):
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-5, atol=1e-5)


def test_another_batch_size_compiles_no_kernel():
    fused = ag.fuse(gated)
    made = []
    for n in (100, 101, 257):
        before = library.compiled + library.loaded
        for _ in range(2):
            x, y = [ag.tensor(a, requires_grad=True) for a in arrays(n)]
            fused(x, y).sum().backward()
        made.append(library.compiled + library.loaded - before)
    assert made[1:] == [0, 0]


def test_threads_call_one_fused_operation():
    fused = ag.fuse(gated)
    x, y = [ag.tensor(np.tile(a, (300, 4))) for a in arrays(4)]
    expected = [fused(x * k, y).numpy() for k in range(8)]
    with ThreadPoolExecutor(4) as pool:
        for k, out in enumerate(pool.map(lambda k: fused(x * (k % 8), y).numpy(), range(64))):
            np.testing.assert_array_equal(out, expected[k % 8])


def test_a_guarded_number_that_changes():
    scale = [1.0]

    @ag.fuse
    def scaled(x, /):
        return ag.tanh(x) * scale[0]

    for value in (1.0, 2.0, 1.0, 3.0):
        scale[0] = value
        for _ in range(4):
            assert scaled(ag.tensor(0.5)).item() == pytest.approx(np.tanh(0.5) * value)


def test_a_label_that_is_no_class():
    @ag.fuse
    def loss(x, labels, /):
        return ag.cross_entropy(x * 2.0, labels)

    x = ag.tensor(arrays()[0], requires_grad=True)
    for _ in range(4):
        loss(x, np.array([0, 1, 2, 4])).backward()
    with pytest.raises(ValueError, match="but there are 5 classes"):
        loss(x, np.array([0, 1, 2, -1]))


def test_what_changes_a_state_is_refused():
    """The derivative runs the composition again: another mask would be drawn, a statistic updated twice."""
    statistic = ag.tensor([0.0])

    @ag.fuse
    def dropped(x, /):
        return x * (ag.rand(x.shape) < 0.5)

    @ag.fuse
    def counted(x, /):
        ag.assign(statistic, statistic + 1.0)
        return x * 2.0

    x = ag.tensor(np.ones(9, np.float32), requires_grad=True)
    state = ag.get_rng_state().numpy().copy()
    for f in (dropped, counted):
        for _ in range(2):
            with pytest.raises(
                ag.CompileError, match=f"fuse {f.__name__}: the composition draws random numbers or assigns"
            ):
                f(x)
    assert statistic.item() == 0.0
    np.testing.assert_array_equal(ag.get_rng_state().numpy(), state)


def test_signatures_that_are_not_fused():
    def listed(*xs):
        return xs[0]

    with pytest.raises(TypeError, match="lists of arrays are not fused"):
        ag.fuse(listed)
    with pytest.raises(TypeError, match="function with a name"):
        ag.fuse(lambda x, /: x)
