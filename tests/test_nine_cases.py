"""The nine cases that the idiom of an operation had to pass before a second family of operations was written."""

import gc

import numpy as np
import pytest

import autograd_nn as ag


class Parameter(ag.Tensor):
    __slots__ = ()

    def __init__(self, data):
        self._initialise(data, requires_grad=True)


def test_parameter_subclass():
    w = Parameter([1.0, 2.0])
    y = w * 3.0
    assert type(y) is ag.Tensor
    assert type(w.T) is ag.Tensor
    y.sum().backward()
    np.testing.assert_array_equal(w.grad.numpy(), [3.0, 3.0])
    w_before = w
    with ag.no_grad():
        w -= 1.0
    assert w is w_before
    assert type(w) is Parameter


def test_two_outputs():
    x = ag.tensor([[3.0, 1.0, 2.0]], dtype=np.float64, requires_grad=True)
    values, indices = ag.topk(x, 2)
    assert not indices.requires_grad
    assert values.requires_grad
    (values * values).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [[6.0, 0.0, 4.0]])

    @ag.op(kind="opaque", outputs=("low", "high"))
    def both(x, /):
        return np.sin(x), np.exp(x)

    def rule(g, x):
        total = 0.0 * x if g[0] is None else g[0] * ag.cos(x)
        return total if g[1] is None else total + g[1] * ag.exp(x)

    both.vjp(x=rule)
    x = ag.tensor([0.5, 1.0], dtype=np.float64, requires_grad=True)
    low, high = both(x)
    np.testing.assert_allclose(ag.gradients(high.sum(), x).numpy(), np.exp(x.numpy()))
    low, high = both(x)
    d = ag.gradients((low * high).sum(), x, create_graph=True)
    e, s, c = np.exp(x.numpy()), np.sin(x.numpy()), np.cos(x.numpy())
    np.testing.assert_allclose(d.numpy(), e * (s + c))
    np.testing.assert_allclose(ag.gradients(d.sum(), x).numpy(), 2 * e * c)


def test_rule_that_reads_its_outputs():
    """`out` of an operation with several outputs is differentiated again through the outputs' own nodes."""

    @ag.op(kind="opaque", outputs=("e", "f"))
    def pair(x, /):
        return np.exp(x), np.exp(-x)

    pair.vjp(x=lambda g, out: (0.0 if g[0] is None else g[0] * out.e) - (0.0 if g[1] is None else g[1] * out.f))
    x = ag.tensor([0.3, -0.2], dtype=np.float64, requires_grad=True)
    e, f = pair(x)
    d = ag.gradients((e * f * e).sum(), x, create_graph=True)  # e^x
    np.testing.assert_allclose(d.numpy(), np.exp(x.numpy()))
    dd = ag.gradients(d.sum(), x, create_graph=True)
    np.testing.assert_allclose(dd.numpy(), np.exp(x.numpy()))
    np.testing.assert_allclose(ag.gradients(dd.sum(), x).numpy(), np.exp(x.numpy()))


def test_list_input():
    a, b, c = (ag.tensor(np.full((2,), v), requires_grad=v != 2.0) for v in (1.0, 2.0, 3.0))
    out = ag.concatenate([a, b, c])
    assert out.node.parents[1] is None
    (out * np.arange(6.0)).sum().backward()
    np.testing.assert_array_equal(a.grad.numpy(), [0.0, 1.0])
    np.testing.assert_array_equal(c.grad.numpy(), [4.0, 5.0])
    assert b.grad is None


def test_optional_input():
    @ag.op(kind="opaque", broadcasts=True)
    def affine(x, w, b=None, /):
        return x * w if b is None else x * w + b

    affine.vjp(x=lambda g, w: g * w, w=lambda g, x: g * x, b=lambda g: g)
    x, w, b = (ag.tensor([v, v], requires_grad=True) for v in (1.0, 2.0, 3.0))
    affine(x, w).sum().backward()
    np.testing.assert_array_equal(w.grad.numpy(), [1.0, 1.0])
    affine(x, w, b).sum().backward()
    np.testing.assert_array_equal(b.grad.numpy(), [1.0, 1.0])
    np.testing.assert_array_equal(x.grad.numpy(), [4.0, 4.0])


def test_residual_to_second_order():
    """A joint rule may use residuals; a recorded derivative never does, and is right to second order."""
    z = ag.tensor(np.random.default_rng(0).standard_normal((4, 3)), requires_grad=True)
    labels = np.array([0, 2, 1, 1])
    p = ag.softmax(z).numpy()
    plain = ag.gradients(ag.cross_entropy(z, labels), z)
    np.testing.assert_allclose(plain.numpy(), (p - np.eye(3)[labels]) / 4, atol=1e-15)
    recorded = ag.gradients(ag.cross_entropy(z, labels), z, create_graph=True)
    np.testing.assert_allclose(recorded.numpy(), plain.numpy(), atol=1e-15)
    v = np.random.default_rng(1).standard_normal((4, 3))
    hvp = ag.gradients((recorded * v).sum(), z)
    expected = p * (v - (p * v).sum(1, keepdims=True)) / 4
    np.testing.assert_allclose(hvp.numpy(), expected, atol=1e-14)


def test_frozen_operand_keeps_nothing_of_its_partner():
    x, w = ag.tensor([1.0, 2.0], requires_grad=True), ag.tensor([3.0, 4.0])
    y = x * w
    kept = dict(zip(y.node.op.keeps, y.node.saved, strict=True))
    assert kept["x"] is None, "x is needed for w's gradient only, and w is frozen"
    assert kept["y"] is w._array
    z = x * 2.0
    assert dict(zip(z.node.op.keeps, z.node.saved, strict=True)) == {"x": None, "y": 2.0}
    assert (x + w).node.saved == ()
    (out,) = ag.tanh(x).node.saved
    assert out.shape == (2,)


def test_mixed_dtypes():
    narrow = ag.tensor([1.0, 2.0], requires_grad=True)
    wide = ag.tensor(np.array([3.0, 4.0]), requires_grad=True)
    y = narrow * wide
    assert y.dtype == np.float64
    y.sum().backward()
    assert narrow.grad.dtype == np.float32
    assert wide.grad.dtype == np.float64
    d = ag.gradients((narrow * wide * wide).sum(), narrow, create_graph=True)
    assert d.dtype == np.float32
    assert (narrow * 2.0).dtype == np.float32, "Python numbers are weak"
    second = ag.gradients((narrow**3).sum(), narrow, create_graph=True)
    assert ag.gradients(second.sum(), narrow).dtype == np.float32


def test_captured_weight_under_checkpoint():
    w = ag.tensor(np.array([0.5, -0.3]), requires_grad=True)
    x = ag.tensor(np.array([1.0, 2.0]), requires_grad=True)

    def f(x):
        h = ag.sin(x * w)
        return h * h, ag.exp(h)

    def loss(run):
        a, b = run(x)
        return (a * b).sum()

    expected = ag.gradients(loss(f), [w, x])
    y = loss(lambda x: ag.checkpoint(f, x))
    assert all(
        type(n.saved).__name__ == "Dropped"
        for n in below(y)
        if n.op.name in ("sin", "exp", "multiply") and n.shape == (2,) and n is not y.node.parents[0]
    )
    found = ag.gradients(y, [w, x])
    for e, g in zip(expected, found, strict=True):
        np.testing.assert_array_equal(g.numpy(), e.numpy())
    with pytest.raises(RuntimeError, match=r"gave other values when it was recomputed.*by assign"):
        y = loss(lambda x: ag.checkpoint(f, x))
        ag.assign(w, w * 2.0)
        y.backward()


def below(t):
    seen, stack = set(), [t.node]
    while stack:
        node = stack.pop()
        if node is not None and node not in seen and node.op is not None:
            seen.add(node)
            stack += node.parents
    return seen


def test_write_through_a_view():
    """A write to a leaf is seen by the graph that kept a view of its memory; a write through a recorded view is refused."""
    w = ag.tensor(np.arange(6.0).reshape(2, 3), requires_grad=True)
    for view in (lambda: w.mT, lambda: w.reshape(3, 2), lambda: w[0:1], lambda: w.detach().mT):
        x = ag.tensor(np.ones(view().shape), requires_grad=True)
        y = (x * view()).sum()
        with ag.no_grad():
            w += 1.0
        with pytest.raises(RuntimeError, match=r"multiply needs the value its input 'y' had, but it was changed"):
            y.backward()
    h = w * 1.0
    v = h[0]
    with pytest.raises(RuntimeError, match="view"):
        v[0] = 5.0
    before = h.numpy().copy()
    v += 1.0
    np.testing.assert_array_equal(h.numpy(), before)
    v.sum().backward()
    np.testing.assert_array_equal(w.grad.numpy(), [[1, 1, 1], [0, 0, 0]])
    h[0] += 2.0  # reads, adds to a view of its own, writes the whole back
    np.testing.assert_array_equal(h.numpy(), before + [[2.0] * 3, [0.0] * 3])
    detached = w.detach()
    with ag.no_grad():
        detached[0] = 9.0
    np.testing.assert_array_equal(w.numpy()[0], [9.0, 9.0, 9.0])


def engine_objects():
    return {id(o) for o in gc.get_objects() if type(o).__name__ in ("Node", "Tensor", "Extras", "Recompute")}


@pytest.mark.parametrize("n", [1000])
def test_no_cycles(n):
    ag.rand(1)
    gc.collect()
    gc.disable()
    before = engine_objects()
    try:
        for _ in range(3):
            x = ag.tensor(np.ones(3), requires_grad=True)
            y = ag.checkpoint(lambda x: ag.tanh(x) * x, x)
            for _ in range(n):
                y = ag.sin(y)
            y[0] = 1.0
            y.sum().backward()
            g = ag.gradients(ag.softmax(x * x).sum(), x, create_graph=True)
            del x, y, g
        assert engine_objects() <= before
    finally:
        gc.enable()


def test_a_rule_names_one_of_several_outputs():
    """Only that output is kept, and what is recorded of it hangs where it hung."""

    @ag.op(kind="opaque", outputs=("root", "double"))
    def both(x, /):
        return np.sqrt(x), x * 2.0

    both.vjp(x=lambda g, root: g[0] * 0.5 / root if g[1] is None else g[0] * 0.5 / root + g[1] * 2.0)
    x = ag.tensor([4.0, 9.0], requires_grad=True)
    root, _ = both(x)
    (saved,) = root.node.maker.saved
    assert saved.tolist() == [2.0, 3.0]
    (first,) = ag.gradients(root.sum(), [x], create_graph=True)
    np.testing.assert_allclose(first.numpy(), [0.25, 1 / 6])
    np.testing.assert_allclose(ag.gradients(first.sum(), x).numpy(), [-1 / 32, -1 / 108])
    with pytest.raises(TypeError, match="the name 'x' of an output is taken"):

        @ag.op(outputs=("x", "y"))
        def clashing(x, /):
            return x, x


def test_max_pooling_keeps_its_winners_only():
    x = ag.ones((1, 1, 4, 4), requires_grad=True)
    y = ag.max_pool2d(x, 2)
    assert [s.dtype.kind for s in y.node.maker.saved] == ["u"]
