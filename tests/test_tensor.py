"""Tensors: what they are made of, assignment, hooks, gradients' ownership, NumPy's functions, copies."""

import copy
import pickle
import threading

import numpy as np
import pytest

import autograd_nn as ag


def test_dtypes_of_data():
    assert ag.tensor(1.5).dtype == np.float32
    assert ag.tensor([1, 2]).dtype == np.int64
    assert ag.tensor([True]).dtype == np.bool_
    assert ag.tensor([1, 2.0]).dtype == np.float32
    assert ag.tensor(np.array([1.5])).dtype == np.float64
    assert ag.tensor(np.float64(1.5)).dtype == np.float64
    assert ag.tensor([np.float64(1.5)]).dtype == np.float64
    assert ag.tensor([1, 2], dtype="float64").dtype == np.float64
    with ag.default_dtype("float64"):
        assert (
            ag.tensor(1.5).dtype
            == ag.zeros(2).dtype
            == ag.rand(2).dtype
            == ag.arange(0.0, 1.0, 0.5).dtype
            == np.float64
        )
    assert ag.zeros(2).dtype == np.float32
    assert ag.zeros((2,), dtype=np.int32).dtype == np.int32


def test_operands_keep_numpys_promotion():
    x = ag.tensor([1.0, 2.0])
    assert (x * 2.5).dtype == np.float32
    assert (x * np.float64(2.5)).dtype == np.float64
    assert (x + np.arange(2)).dtype == np.float64
    assert (ag.tensor([1, 2]) / 2).dtype == np.float64
    assert (ag.tensor([1, 2]) * 2).dtype == np.int64


def test_every_operator():
    a, b = np.array([3.0, 5.0]), np.array([2.0, 4.0])
    x, y = ag.tensor(a), ag.tensor(b)
    for f in (
        *(lambda p, q: p + q, lambda p, q: p - q, lambda p, q: p * q, lambda p, q: p / q, lambda p, q: p // q),
        *(lambda p, q: p % q, lambda p, q: p**q, lambda p, q: p @ q, lambda p, q: p < q, lambda p, q: p <= q),
        *(lambda p, q: p > q, lambda p, q: p >= q, lambda p, q: p == q, lambda p, q: p != q),
    ):
        expected = f(a, b)
        for found in (f(x, y), f(x, b), f(a, y)):
            assert isinstance(found, ag.Tensor)
            np.testing.assert_array_equal(found.numpy(), expected)
        np.testing.assert_array_equal(
            f(2.0, y).numpy() if f(2.0, b).ndim else 0, f(2.0, b) if f(2.0, b).ndim else 0
        ) if f(a, b).ndim else None
    i, j = np.array([6, 3]), np.array([1, 2])
    for f in (lambda p, q: p & q, lambda p, q: p | q, lambda p, q: p ^ q, lambda p, q: p << q, lambda p, q: p >> q):
        for found in (
            f(ag.tensor(i), ag.tensor(j)),
            f(ag.tensor(i), j),
            f(i, ag.tensor(j)),
            f(ag.tensor(i), 1),
            f(7, ag.tensor(j)),
        ):
            assert isinstance(found, ag.Tensor)
        np.testing.assert_array_equal(f(ag.tensor(i), ag.tensor(j)).numpy(), f(i, j))
    for f in (lambda p: -p, lambda p: +p, abs):
        np.testing.assert_array_equal(f(x).numpy(), f(a))
    np.testing.assert_array_equal((~ag.tensor(i)).numpy(), ~i)
    np.testing.assert_array_equal((2.0 - x).numpy(), 2.0 - a)
    np.testing.assert_array_equal((2.0**x).numpy(), 2.0**a)


@pytest.mark.parametrize("recorded", [True, False])
def test_every_in_place_operator(recorded):
    for name, f in {
        "iadd": lambda p, q: p + q, "isub": lambda p, q: p - q, "imul": lambda p, q: p * q, "itruediv": lambda p, q: p / q,
        "ipow": lambda p, q: p**q, "imod": lambda p, q: p % q, "ifloordiv": lambda p, q: p // q,
    }.items():  # fmt: skip
        a = np.array([3.5, 5.25])
        x = ag.tensor(a, requires_grad=recorded)
        y = x * 1.0
        same, memory = y, y._array
        y = getattr(y, f"__{name}__")(2.0)
        assert y is same
        np.testing.assert_array_equal(y.numpy(), f(a, 2.0))
        assert (y._array is memory) == (not recorded), "written in place where nothing was recorded"
        assert y.requires_grad == recorded


def test_unrecorded_tensors_behave_as_arrays():
    x = ag.zeros((2, 3))
    view = x[0]
    view[1] = 5.0
    x[1, 2] += 2.0
    assert x.tolist() == [[0.0, 5.0, 0.0], [0.0, 0.0, 2.0]]
    x[x > 1.0] = -1.0
    assert view.tolist() == [0.0, -1.0, 0.0]
    x[np.array([0, 0, 1]), 0] = np.array([1.0, 2.0, 3.0])
    assert x[:, 0].tolist() == [2.0, 3.0]
    x[...] = ag.ones((2, 3))
    assert view.tolist() == [1.0, 1.0, 1.0]


def test_unrecorded_write_of_a_recorded_value_makes_it_recorded():
    w = ag.tensor([2.0, 3.0], requires_grad=True)
    x = ag.zeros(3)
    x[1] = w.sum()
    assert x.requires_grad
    (x * 2.0).sum().backward()
    assert w.grad.tolist() == [2.0, 2.0]


def test_numbers_behave_as_0d_arrays():
    """A 0-d leaf is held as a number until its memory is asked for; nobody can tell."""
    w = ag.tensor(2.0, requires_grad=True)
    assert (w * w).data == 4.0
    array = w.data
    assert isinstance(array, np.ndarray)
    assert array.shape == ()
    ag.assign(w, 5.0)
    assert array == 5.0
    assert (w * 1.0).item() == 5.0
    array[...] = 7.0
    assert (w * 1.0).item() == 7.0
    v = ag.tensor(3.0)
    flat = v.reshape(1)
    ag.assign(v, 4.0)
    assert flat.tolist() == [4.0]
    v += 1.0
    assert flat.tolist() == [5.0]
    with ag.no_grad():
        w -= 1.0
    assert array == 6.0
    w.data -= 1.0
    assert (array == 5.0, w.item()) == (True, 5.0)


def test_data_setter_is_assign():
    w = ag.tensor([1.0, 2.0], requires_grad=True)
    memory = w.data
    (w * w).sum().backward()
    w.data -= 0.5 * w.grad.data
    assert w.data is memory
    assert w.tolist() == [0.0, 0.0]
    w.data = [7.0, 8.0]
    assert memory.tolist() == [7.0, 8.0]


def test_functional_assignment_keeps_gradients_right():
    x = ag.tensor(np.arange(4.0), requires_grad=True)
    y = x * 2.0
    early = y.sum()
    y[1] = x[0] * x[3]
    y[np.array([2, 2])] = ag.stack([x[1], x[2]]) * 10.0  # the last write to 2 stays
    y *= y
    (early + y.sum()).backward()
    x0, _, x2, x3 = np.arange(4.0)
    # y = [2x0, x0 x3, 10 x2, 2 x3] squared, and the early sum of 2x
    expected = 2.0 + np.array([8 * x0 + 2 * x0 * x3 * x3, 0.0, 200 * x2, 2 * x0 * x0 * x3 + 8 * x3])
    np.testing.assert_allclose(x.grad.numpy(), expected)


def test_gradients_own_their_memory():
    x, y = (ag.tensor([1.0, 2.0], requires_grad=True) for _ in range(2))
    cotangent = np.ones(2, np.float32)
    (x + y).backward(cotangent)
    x.grad.data[0] = 50.0
    assert y.grad.tolist() == [1.0, 1.0]
    assert cotangent.tolist() == [1.0, 1.0]
    a, b = ag.gradients(x + y, [x, y], cotangent)
    assert not np.shares_memory(a.numpy(), b.numpy())
    c = x * ag.ones(2)
    c.sum().backward()
    x.grad.data[:] = 0.0
    assert x.tolist() == [1.0, 2.0]


def test_grad_accumulates_in_place_and_can_be_cleared():
    x = ag.tensor([1.0, 2.0], requires_grad=True)
    (x * 3.0).sum().backward()
    memory = x.grad.data
    (x * 4.0).sum().backward()
    assert x.grad.data is memory
    assert memory.tolist() == [7.0, 7.0]
    x.grad = None
    (x * 1.0).sum().backward()
    assert x.grad.tolist() == [1.0, 1.0]


def test_hooks_and_retain_grad():
    x = ag.tensor([1.0, 2.0], requires_grad=True)
    h = x * 3.0
    h.retain_grad()
    seen = []
    handle = h.register_hook(lambda g: seen.append(g.tolist()))
    x.register_hook(lambda g: g * 10.0)
    (h * h).sum().backward()
    assert seen == [[6.0, 12.0]]
    assert h.grad.tolist() == [6.0, 12.0]
    assert x.grad.tolist() == [180.0, 360.0]
    handle.remove()
    h = x * 3.0
    first, second = h.sum(), (h * h).sum()
    h.register_hook(lambda g: seen.append(g.tolist()))
    (first + second).backward()
    assert seen[1:] == [[7.0, 13.0]], "a hook sees the complete cotangent, once"
    assert ag.gradients((x * 2.0).sum(), x).tolist() == [20.0, 20.0], "hooks run in gradients, too"


def test_indexing_reads():
    a = np.arange(24.0).reshape(2, 3, 4)
    x = ag.tensor(a, requires_grad=True)
    keys = [
        0, -1, slice(1, None), (slice(None), 1), (..., 2), None, (0, None, slice(None, None, -1)), np.array([1, 0, 1]),
        (slice(None), [2, 0]), (np.array([[0], [1]]), np.array([0, 2])), a > 10.0, (1, np.array([True, False, True])),
        ag.tensor([1, 1]), (ag.tensor(1), 2), np.int64(1), [], (0, 1, 2), (slice(None), ag.tensor([0, 2]), None),
    ]  # fmt: skip
    for key in keys:
        plain = tuple(k.numpy() if isinstance(k, ag.Tensor) else k for k in key) if isinstance(key, tuple) else key
        plain = plain.numpy() if isinstance(plain, ag.Tensor) else plain
        expected = a[plain] if not (isinstance(plain, list) and not plain) else a[np.zeros(0, int)]
        found = x[key]
        np.testing.assert_array_equal(found.numpy(), expected)
        weights = np.random.default_rng(0).standard_normal(expected.shape)
        g = ag.gradients((found * weights).sum(), x)
        scattered = np.zeros_like(a)
        np.add.at(scattered, plain if not (isinstance(plain, list) and not plain) else np.zeros(0, int), weights)
        np.testing.assert_allclose(g.numpy(), scattered)


def test_iteration_len_and_unpacking():
    x = ag.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    a, b = x
    (a * b).sum().backward()
    assert x.grad.tolist() == [[3.0, 4.0], [1.0, 2.0]]
    assert len(x) == 2
    assert [float(v) for v in b] == [3.0, 4.0]


def test_many_reads_of_one_tensor_stay_linear():
    """Reading each element of a vector adds into one buffer; the gradient is not n arrays of n."""
    x = ag.tensor(np.arange(2000.0), requires_grad=True)
    total = 0.0
    for i in range(2000):
        total = total + x[i] * float(i)
    total.backward()
    np.testing.assert_array_equal(x.grad.numpy(), np.arange(2000.0))


def test_numpys_functions_differentiate():
    a = np.array([[0.5, 1.0], [1.5, 2.0]])
    x = ag.tensor(a, requires_grad=True)
    out = np.sum(np.where(x > 1.0, np.sin(x), np.exp(x)) @ np.transpose(x)) + np.mean(np.concatenate([x, 2.0 * x]))
    assert isinstance(out, ag.Tensor)
    assert out.requires_grad
    assert isinstance(a @ x, ag.Tensor)
    assert isinstance(np.float64(2.0) * x, ag.Tensor)
    assert isinstance(a + x, ag.Tensor)
    assert np.shape(x) == (2, 2)
    assert np.ndim(x) == 2
    np.testing.assert_allclose((a @ x).numpy(), a @ a)


def test_repr():
    x = ag.tensor([1.0, 2.0], requires_grad=True, name="w")
    assert repr(x) == "tensor([1., 2.], dtype=float32, name='w', requires_grad=True)"
    assert repr(x * 2.0) == "tensor([2., 4.], dtype=float32, op=multiply)"
    assert repr(x.sum()) == "tensor(3., dtype=float32, op=sum)"
    assert f"{x.sum():.2f}" == "3.00"
    assert repr(ag.topk(x, 1).values) == "tensor([2.], dtype=float32, op=topk)"


def test_copy_and_pickle():
    x = ag.tensor([1.0, 2.0], requires_grad=True, name="w")
    (x * 2.0).sum().backward()
    for clone in (copy.copy(x), copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        assert clone.requires_grad
        assert clone.name == "w"
        assert clone.grad.tolist() == [2.0, 2.0]
        assert not np.shares_memory(clone.numpy(), x.numpy())
    shared = copy.deepcopy([x, x])
    assert shared[0] is shared[1]
    assert {x: 1}[x] == 1


def test_requires_grad_switch():
    x = ag.tensor([1.0])
    assert not x.requires_grad
    x.requires_grad_()
    (x * 2.0).sum().backward()
    x.requires_grad = False
    assert not (x * 2.0).requires_grad
    assert x.grad.tolist() == [2.0]


def test_modes_are_per_thread():
    x = ag.tensor([1.0], requires_grad=True)
    inside, done = threading.Event(), threading.Event()

    def other():
        with ag.no_grad():
            inside.set()
            done.wait(10)

    thread = threading.Thread(target=other)
    thread.start()
    inside.wait(10)
    assert (x * 2.0).requires_grad
    done.set()
    thread.join()

    @ag.no_grad()
    def frozen():
        return (x * 2.0).requires_grad

    assert not frozen()
    with ag.no_grad(), ag.enable_grad():
        assert (x * 2.0).requires_grad


def test_threads_share_leaves():
    """Walks in several threads add to one leaf's gradient, and none is lost."""
    w = ag.tensor(np.zeros(1000), requires_grad=True)
    rounds, workers = 200, 4

    def work():
        for _ in range(rounds):
            (w * 1.0).sum().backward()

    threads = [threading.Thread(target=work) for _ in range(workers)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    np.testing.assert_array_equal(w.grad.numpy(), np.full(1000, float(rounds * workers)))


def test_detect_mutation():
    memory = np.array([1.0, 2.0])
    x = ag.from_numpy(memory, requires_grad=True)
    with ag.detect_mutation():
        y = (ag.exp(x) * x).sum()
    memory[0] = 9.0
    with pytest.raises(RuntimeError, match=r"multiply kept its input 'y'.*ran at .*test_tensor.py:\d+"):
        y.backward()
    with ag.detect_mutation():
        y = (ag.exp(x) * x).sum()
    y.backward()
    y = (ag.exp(x) * x).sum()
    memory[0] = 1.0
    y.backward()  # without the detector such a write goes unseen


def test_gradients_of_intermediates():
    x = ag.tensor([1.0, 2.0], dtype=np.float64, requires_grad=True)
    h = x * x
    y = (h * h).sum()
    assert [g.tolist() for g in ag.gradients(y, [h, x], retain_graph=True)] == [[2.0, 8.0], [4.0, 32.0]]
    assert ag.gradients(y, y, retain_graph=True).tolist() == 1.0
    assert x.grad is None
    ggg = x
    z = (x**4).sum()
    for expected in ([4.0, 32.0], [12.0, 48.0], [24.0, 48.0], [24.0, 24.0]):
        z = ag.gradients(z.sum(), ggg, create_graph=True)
        assert z.tolist() == expected
