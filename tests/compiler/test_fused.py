"""`ag.fuse`: a composition as one compiled operation, in forward, joint rule, higher derivatives, records and errors."""

import numpy as np
import pytest

import autograd_nn as ag


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
    runs = []

    @ag.fuse
    def fused(x, /):
        runs.append(1)
        return ag.exp(x) * x

    for k in range(6):
        np.testing.assert_allclose(fused(ag.tensor([1.0 + k])).numpy(), np.exp(1.0 + k) * (1.0 + k), rtol=1e-6)
    assert len(runs) == 2  # both compared


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


def test_signatures_that_are_not_fused():
    def optional(x, y=None, /):
        return x if y is None else x + y

    with pytest.raises(TypeError, match="optional arrays are not fused"):
        ag.fuse(optional)
    with pytest.raises(TypeError, match="function with a name"):
        ag.fuse(lambda x, /: x)
