"""The transforms: finite differences, what kinds go in and come out, what is recorded, what is left alone, the messages."""

import collections
import functools
import gc
import math
import tracemalloc

import numpy as np
import pytest
from table import ARRAY, SCALAR

import autograd_nn as ag
from autograd_nn.check.finite import numerical_gradient

x3 = np.array([0.5, -1.0, 2.0])
Pair = collections.namedtuple("Pair", "a b")


def tensor(data, requires_grad=False):
    return ag.tensor(np.asarray(data, float), requires_grad=requires_grad)


# ---- against finite differences --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [n for n, (_, args) in SCALAR.items() if not isinstance(args[0], (dict, tuple))])
def test_gradient_and_hessian_against_finite_differences(name):
    f, args = SCALAR[name]
    f = functools.partial(f, np)
    args = [np.asarray(a) for a in args]
    for found, expected in zip(ag.grad(f, tuple(range(len(args))))(*args), numerical_gradient(f, args), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-9)
    x, v = args[0], np.random.default_rng(0).standard_normal(args[0].shape)
    (expected,) = numerical_gradient(lambda a: np.sum(ag.grad(f)(a, *args[1:]) * v), [x])
    np.testing.assert_allclose(ag.hvp(lambda a: f(a, *args[1:]), x, v), expected, rtol=1e-6, atol=1e-8)
    whole = ag.hessian(f)(x, *args[1:]).reshape(x.size, x.size)
    np.testing.assert_allclose(whole @ v.ravel(), expected.ravel(), rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(whole, whole.T, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", [n for n, (_, args) in ARRAY.items() if n != "result in a dict"])
def test_forward_and_reverse_mode_agree_with_finite_differences(name):
    f, args = ARRAY[name]
    f = functools.partial(f, np)
    if "constant" in name:
        f = lambda x, f=f: f(x)[0]
    rng = np.random.default_rng(1)
    tangents = [rng.standard_normal(np.shape(a)) if np.ndim(a) else float(rng.normal()) for a in args]
    out, tangent = ag.jvp(f, args, tangents)
    h = 1e-6
    up, down = (f(*[a + s * h * t for a, t in zip(args, tangents, strict=True)]) for s in (1, -1))
    np.testing.assert_allclose(tangent, (up - down) / (2 * h), rtol=1e-6, atol=1e-7)
    cotangent = rng.standard_normal(np.shape(out))
    pulled = ag.vjp(f, *args)[1](cotangent)
    duality = sum(np.sum(p * t) for p, t in zip(pulled, tangents, strict=True))
    np.testing.assert_allclose(np.sum(cotangent * tangent), duality, rtol=1e-12)


# ---- kinds -----------------------------------------------------------------------------------------------------------


def kinds(tree):
    if isinstance(tree, dict):
        return {k: kinds(v) for k, v in tree.items()}
    if isinstance(tree, (list, tuple)):
        return type(tree)(*map(kinds, tree)) if hasattr(tree, "_fields") else type(tree)(map(kinds, tree))
    return type(tree)


def test_derivatives_have_the_kind_of_their_argument():
    f = lambda p: np.sum(p["a"]) * p["b"][0] * np.sum(p["b"][1]) * p["c"].a * p["c"].b * p["d"] * p["n"]
    p = {"a": x3, "b": [2.0, tensor(x3)], "c": Pair(np.float32(1.5), np.float64(0.5)), "d": np.array(3.0), "n": 1.0}
    value, g = ag.value_and_grad(f)(p)
    assert kinds(g) == {
        "a": np.ndarray,
        "b": [float, ag.Tensor],
        "c": Pair(np.float32, np.float64),
        "d": np.float64,
        "n": float,
    }
    assert isinstance(value, ag.Tensor), "one Tensor among the arguments and values are Tensors"
    assert list(g) == list(p)
    assert g["b"][1].shape == g["a"].shape == (3,)


@pytest.mark.parametrize(
    ("x", "kind", "result"),
    [
        (2.0, float, float),
        (np.float64(2.0), np.float64, np.float64),
        (np.float32(2.0), np.float32, np.float32),
        (np.array(2.0), np.float64, np.float64),
        (np.array([2.0]), np.ndarray, np.ndarray),
        (ag.tensor(2.0), ag.Tensor, ag.Tensor),
    ],
)
def test_kinds_of_every_transform(x, kind, result):
    f = lambda x: x * x
    value, g = ag.value_and_grad(f)(x)
    out, pullback = ag.vjp(f, x)
    primal, tangent = ag.jvp(f, (x,), (x,))
    assert {type(g), type(pullback(out)[0]), type(ag.grad(f)(x)), type(ag.hvp(f, x, x))} == {kind}
    assert {type(value), type(out), type(primal), type(tangent)} == {result}
    assert type(ag.elementwise_grad(f)(x)) is kind
    assert type(ag.hessian(f)(x)) is kind
    derivatives = [g, ag.jacobian(f)(x), tangent, ag.hvp(f, x, x)]
    np.testing.assert_array_equal(
        [float(np.ravel(d.tolist() if hasattr(d, "tolist") else d)[0]) for d in derivatives], [4.0, 4.0, 8.0, 4.0]
    )


def test_a_python_float_is_double_precision_whatever_the_default():
    assert ag.get_default_dtype() == np.float32
    assert ag.grad(np.sin)(1.0) == np.cos(1.0)
    assert ag.grad(ag.grad(np.sin))(1.0) == -np.sin(1.0)


def test_constants_keep_the_digits_that_the_variables_have():
    f = lambda x: np.sum(np.concatenate([[0.1], x + [0.2, 0.3, 0.4]]) * ag.tensor(1.0 / 3.0))
    for dtype in (np.float64, np.float32):
        value, _ = ag.value_and_grad(f)(x3.astype(dtype))
        assert value.dtype == dtype
    assert abs(ag.value_and_grad(f)(x3)[0] - (0.1 + 0.9 + x3.sum()) / 3.0) < 1e-15


def test_dtypes_are_kept():
    f = lambda x: np.sum(np.tanh(x) ** 3)
    for dtype in (np.float32, np.float64):
        x = x3.astype(dtype)
        assert ag.grad(f)(x).dtype == ag.hvp(f, x, x3).dtype == ag.hessian(f)(x).dtype == dtype
        assert ag.jvp(np.tanh, (x,), (x3,))[1].dtype == ag.jacobian(np.tanh, mode="forward")(x).dtype == dtype


def test_values_and_gradients_are_the_callers_own():
    x = x3.copy()
    out, pullback = ag.vjp(lambda x: x, x)
    out[:] = 7.0
    x[:] = 9.0
    seed = np.ones(3)
    (g,) = pullback(seed)
    g[:] = 5.0
    assert seed.tolist() == [1.0] * 3
    assert x.tolist() == [9.0] * 3
    out, pullback = ag.vjp(np.exp, x3)
    expected = np.exp(x3)
    out[:] = 0.0  # the graph keeps its own result
    np.testing.assert_array_equal(pullback(seed)[0], expected)
    g = ag.grad(lambda x: np.sum(3.0 * x))(x3)
    g += 1.0


def test_numpy_functions_and_operations_transform_as_they_are():
    assert ag.grad(np.exp)(0.0) == 1.0
    assert ag.grad(ag.tanh)(0.0) == 1.0
    assert not hasattr(ag.grad(ag.tanh), "op")
    assert ag.grad(ag.tanh).__name__ == "grad(tanh)"
    assert ag.grad(functools.partial(np.multiply, 3.0))(5.0) == 3.0


def test_argnum_keywords_and_aux():
    f = lambda x, y, scale=1.0: (scale * np.sum(x * y), {"sum": np.sum(x), "n": 3, "text": "kept"})
    g, aux = ag.grad(f, 1, has_aux=True)(x3, x3 * 2.0, scale=10.0)
    np.testing.assert_array_equal(g, 10.0 * x3)
    assert aux == {"sum": 1.5, "n": 3, "text": "kept"}
    assert isinstance(aux["sum"], np.float64)
    (value, _), both = ag.value_and_grad(f, (-1, 0), has_aux=True)(x3, x3 * 2.0)
    assert value == 10.5
    np.testing.assert_array_equal(both, [x3, 2.0 * x3])
    assert ag.vjp(lambda x: (x * 2.0, "aux"), 3.0, has_aux=True)[2] == "aux"
    assert ag.jvp(lambda x: (x * 2.0, "aux"), (3.0,), (1.0,), has_aux=True) == (6.0, 2.0, "aux")
    assert ag.jacobian(lambda x: (x * 2.0, "aux"), has_aux=True)(3.0) == (2.0, "aux")
    assert ag.hessian(lambda x: (x**3, "aux"), has_aux=True)(3.0) == (18.0, "aux")
    assert ag.grad(lambda x, k: x**k)(3.0, 2) == 6.0, "an int that is not differentiated by is passed on"


def test_empty_arrays_and_unused_arguments():
    assert ag.grad(lambda x, y: np.sum(x) + y)(np.zeros((0, 3)), 1.0).shape == (0, 3)
    assert ag.jacobian(lambda x: x * 2.0)(np.zeros(0)).shape == (0, 0)
    assert ag.grad(lambda p: p["used"] ** 2)({"used": 3.0, "unused": x3})["unused"].tolist() == [0.0] * 3
    _out, tangent = ag.jvp(lambda x, y: (x * 2.0, y * 3.0), (1.0, 2.0), (1.0, 0.0))
    assert tangent == (2.0, 0.0)


# ---- Tensors and the graph outside -----------------------------------------------------------------------------------


def test_no_state_is_touched():
    w, x = tensor(x3, True), tensor(x3, True)
    w.grad = tensor([7.0, 7.0, 7.0])
    f = lambda x: np.sum(w * x**3)
    for run in (
        lambda: ag.grad(f)(x),
        lambda: ag.vjp(f, x)[1](1.0),
        lambda: ag.jvp(f, (x,), (x,)),
        lambda: ag.hvp(f, x, x),
        lambda: ag.hessian(f)(x),
        lambda: ag.grad(f)(x3),
    ):
        run()
        assert w.grad.tolist() == [7.0] * 3
        assert x.grad is None


def test_results_by_tensors_are_connected_to_what_requires_a_gradient():
    x, w = tensor(x3, True), tensor([1.0, 2.0, 3.0], True)
    f = lambda x: np.sum(w * x**3)
    expected = {"x": (w * 6.0 * x**1).detach().tolist(), "w": (3.0 * x**2).detach().tolist()}
    for derivative in (
        ag.grad(f)(x),
        ag.value_and_grad(f)(x)[1],
        ag.vjp(f, x)[1](1.0)[0],
        ag.elementwise_grad(lambda x: w * x**3)(x),
        ag.jacobian(f)(x),
    ):
        by_x, by_w = ag.gradients(derivative.sum(), [x, w], retain_graph=True)
        assert by_x.tolist() == expected["x"]
        assert by_w.tolist() == expected["w"]
    value, _ = ag.value_and_grad(f)(x)
    assert ag.gradients(value, w).tolist() == (x**3).tolist(), "the walk that made the gradient left the graph intact"
    _, tangent = ag.jvp(f, (x,), (np.ones(3),))
    assert ag.gradients(tangent, w).tolist() == expected["w"]
    assert ag.gradients(ag.hvp(f, x, np.ones(3)).sum(), w).tolist() == (6.0 * x).tolist()


def test_a_captured_parameter_connects_a_tensor_but_not_an_array():
    w = tensor([1.0, 2.0, 3.0], True)
    f = lambda x: np.sum(w * x**2)
    penalty = (ag.grad(f)(tensor(x3)) ** 2).sum()
    np.testing.assert_allclose(ag.gradients(penalty, w).numpy(), 8.0 * w.numpy() * x3**2)
    assert type(ag.grad(f)(x3)) is np.ndarray
    assert not ag.grad(np.sum)(tensor(x3)).requires_grad
    assert not ag.value_and_grad(lambda x: np.sum(x * x))(tensor(x3))[0].requires_grad


def test_a_cotangent_that_requires_a_gradient_connects_the_pullback():
    _, pullback = ag.vjp(lambda x: x**2, x3)
    ct = tensor(np.ones(3), True)
    (g,) = pullback(ct)
    assert ag.gradients(g.sum(), ct).tolist() == (2.0 * x3).tolist()
    v = tensor(np.ones(3), True)
    assert ag.gradients(ag.jvp(lambda x: x**2, (x3,), (v,))[1].sum(), v).tolist() == (2.0 * x3).tolist()


def test_no_grad_ends_at_the_outer_level_only():
    x = tensor(x3, True)
    with ag.no_grad():
        g = ag.grad(lambda x: np.sum(x**3))(x)
        value, _ = ag.value_and_grad(lambda x: np.sum(x**3))(x)
    assert g.tolist() == (3.0 * x3**2).tolist()
    assert not g.requires_grad
    assert not value.requires_grad

    def cut(x):
        with ag.no_grad():
            inner = ag.grad(lambda y: y**3)(x)
        return inner * x

    assert ag.grad(cut)(2.0) == 12.0, "the inner derivative is a constant for the outer"
    assert ag.grad(lambda x: x.detach() * x)(2.0) == 2.0


def test_inside_a_record_the_whole_computation_is_seen():
    x = tensor(x3)
    with ag.record(x) as r:
        g = ag.grad(lambda x: np.sum(np.sin(x)))(x)
    assert {"sin", "cos"} <= {e.name for e in r.entries}
    memory = {v: v.data for v in r.values if v.producer is None}
    memory |= dict.fromkeys(r.inputs, x3 * 2.0)
    for e in r.entries:
        memory.update(zip(e.outputs, e.run([memory.get(i, i) for i in e.inputs]), strict=True))
    np.testing.assert_allclose(memory[r.value_of(g)], np.cos(x3 * 2.0), rtol=1e-15)


def test_checkpoints_within_transforms_and_transforms_within_checkpoints():
    f = lambda x: ag.grad(lambda y: np.sum(np.sin(y) * y))(x)
    expected = ag.grad(lambda x: np.sum(f(x) ** 2))(x3)
    np.testing.assert_allclose(ag.grad(lambda x: np.sum(ag.checkpoint(f, x) ** 2))(x3), expected, rtol=1e-14)
    held = lambda x: np.sum(ag.checkpoint(lambda y: np.sin(y) * y, x))
    np.testing.assert_allclose(ag.hessian(held)(x3), np.diag(2.0 * np.cos(x3) - x3 * np.sin(x3)), atol=1e-14)


def test_modules_within_transforms_and_transforms_within_modules():
    class Slope(ag.nn.Module):
        def __init__(self):
            self.inner = ag.nn.Linear(3, 1, dtype=np.float64)

        def forward(self, x):
            return ag.grad(lambda y: (np.sin(self.inner(y)) * y).sum())(x)

    model = Slope()
    by_row = model.inner.weight.numpy()[0]

    def f(x):
        return np.sum(model(x) ** 2)

    def plain(x):
        s = np.sum(by_row * x) + model.inner.bias.item()
        return np.sum((np.cos(s) * by_row * np.sum(x) + np.sin(s)) ** 2)

    (expected,) = numerical_gradient(plain, [x3])
    np.testing.assert_allclose(ag.grad(f)(x3), expected, rtol=1e-7)
    f(tensor(x3)).backward()  # through the gradient, to the parameters
    assert model.inner.weight.grad is not None


def test_random_numbers_inside():
    def f(x):
        return np.sum(x * ag.rand(3, dtype=np.float64))

    ag.manual_seed(3)
    g = ag.grad(f)(x3)
    ag.manual_seed(3)
    np.testing.assert_array_equal(g, ag.rand(3, dtype=np.float64).numpy())


# ---- memory ----------------------------------------------------------------------------------------------------------


def test_graphs_are_freed_by_reference_counting():
    gc.disable()
    gc.freeze()
    nodes = lambda: sum(type(o).__name__ == "Node" for o in gc.get_objects())
    try:
        before = nodes()
        for transform in (ag.grad, ag.hessian, ag.jacobian):
            transform(lambda x: np.sum(np.exp(np.sin(x))))(x3)
        _, pullback = ag.vjp(np.sin, x3)
        pullback(x3)
        del pullback
        ag.jvp(lambda x: np.sin(x) * x, (x3,), (x3,))
        ag.grad(lambda x: x * ag.grad(lambda y: x * y)(x))(2.0)
        assert nodes() == before
    finally:
        gc.unfreeze()
        gc.enable()


@pytest.mark.parametrize("mode", ["reverse", "forward"])
def test_memory_of_a_jacobian_is_its_result_and_one_graph(mode):
    n, width = 60, 20_000
    wide = np.linspace(0.0, 1.0, width)

    def f(x):  # a graph of some 6 wide arrays, a result of n elements
        return np.stack([np.sum(np.sin(x[i] * wide)) for i in range(1)] * n)

    x = np.ones(n)
    ag.jacobian(f, mode=mode)(x)
    tracemalloc.start()
    ag.jacobian(f, mode=mode)(x)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 14 * wide.nbytes + 4 * n * n * 8, "and not a multiple of the number of rows"


# ---- messages --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: ag.grad(np.sum)(3), TypeError, r"grad: argument 0 is an int, .* pass floats, e.g. 3.0"),
        (lambda: ag.grad(np.sum)(np.arange(3)), TypeError, r"argument 0 is of dtype int64"),
        (lambda: ag.grad(lambda p: p["a"])({"a": 1.0, "k": [True]}), TypeError, r"argument 0\['k'\]\[0\] is a bool"),
        (lambda: ag.grad(np.sum)(np.ones(2, complex)), TypeError, "argument 0 is complex"),
        (lambda: ag.grad(lambda s: 1.0)("text"), TypeError, "argument 0 is str, by which there is no derivative"),
        (lambda: ag.grad(lambda p: 1.0)({}), TypeError, "there is nothing to differentiate by"),
        (lambda: ag.grad(np.sin)(x3), ValueError, r"f returned shape \(3,\), which is no single number. .*ag.jacobian"),
        (lambda: ag.grad(lambda x: (x, x))(1.0), ValueError, "f returned a tuple, not one number; has_aux=True"),
        (lambda: ag.grad(lambda x: 3.0)(1.0), TypeError, "the result is float, not a Tensor"),
        (lambda: ag.grad(lambda x: x.item())(1.0), TypeError, "it left the graph on the way"),
        (lambda: ag.grad(lambda x: float(x))(1.0), TypeError, "would silently become a constant here"),
        (lambda: ag.grad(lambda x: math.sin(x) * x)(1.0), TypeError, "math.sin asks for one: use np.sin"),
        (lambda: ag.grad(lambda x: x.detach() * 2.0)(1.0), RuntimeError, "Did it leave the graph"),
        (lambda: ag.grad(lambda x: ag.tensor(1.0))(1.0), RuntimeError, "does not depend on the argument"),
        (lambda: ag.grad(lambda x: np.argmax(x))(x3), TypeError, "the result is int64, which has no derivative"),
        (lambda: ag.vjp(lambda x: {"a": x, "n": 3}, 1.0), TypeError, r"the result\['n'\] is int, not a Tensor"),
        (lambda: ag.grad(np.sin, 1)(1.0), ValueError, "argnum 1 names an argument of 1 given by position"),
        (lambda: ag.grad(np.sin, "x")(1.0), TypeError, "argnum is the number of an argument"),
        (lambda: ag.grad(np.add, (0, 0))(1.0, 2.0), ValueError, "names an argument twice"),
        (lambda: ag.grad(3.0), TypeError, "grad: takes a function, not float"),
        (lambda: ag.grad(lambda x: x, has_aux=True)(1.0), TypeError, r"f returns \(value, aux\), not Tensor"),
        (lambda: ag.elementwise_grad(np.sum)(x3), ValueError, r"f must keep .* and made shape \(\) of shape \(3,\)"),
        (lambda: ag.vjp(np.sin, x3)[1](np.ones(2)), ValueError, r"the cotangent has shape \(2,\) and must have \(3,\)"),
        (
            lambda: ag.vjp(lambda x: [x, x], 1.0)[1]([1.0]),
            ValueError,
            "is a list or tuple of 1 where one of 2 is wanted",
        ),
        (lambda: ag.vjp(lambda x: {"a": x}, 1.0)[1]({"b": 1.0}), ValueError, r"of \['b'\] where one of \['a'\]"),
        (lambda: ag.vjp(lambda x: {"a": x}, 1.0)[1](1.0), ValueError, "is float where a dict of 1 is wanted"),
        (lambda: ag.jvp(np.sin, 1.0, 1.0), TypeError, "args and tangents are tuples"),
        (
            lambda: ag.jvp(np.sin, (x3,), (np.ones(2),)),
            ValueError,
            r"the tangent has shape \(2,\) and must have \(3,\)",
        ),
        (lambda: ag.hvp(np.sum, x3, 1.0), ValueError, r"hvp: v has shape \(\) and must have \(3,\)"),
        (lambda: ag.hvp(np.sin, x3, x3), ValueError, r"f returned shape \(3,\)"),
        (lambda: ag.jacobian(np.sin, mode="sideways"), ValueError, "mode 'sideways' is not"),
    ],
)
def test_messages(call, kind, message):
    with pytest.raises(kind, match=message):
        call()


def test_what_numpy_would_take_out_of_the_graph_raises():
    def fills(x):
        a = np.zeros(3)
        a[0] = x[0]
        return np.sum(a * x)

    with pytest.raises((TypeError, ValueError)) as caught:
        ag.grad(fills)(x3)
    assert "join Tensors with np.stack" in str(caught.value.__cause__ or caught.value)
    with pytest.raises(TypeError, match="would cut it off"):
        ag.grad(lambda x: np.sum(np.array([x[0], x[1]])))(x3)
    steers = lambda x: x * 2.0 if x > 0.0 and int(x) == 1 and float(x.detach()) < 2.0 else x
    assert ag.grad(steers)(1.5) == 2.0, "what only steers the program may leave the graph"


def test_several_outputs_of_gradients_add_up():
    x = tensor(x3, True)
    a, b = np.sin(x), x * 2.0
    (g,) = ag.gradients([a, b, a], [x], [np.ones(3), x3, 2.0 * np.ones(3)], retain_graph=True)
    np.testing.assert_allclose(g.numpy(), 3.0 * np.cos(x3) + 2.0 * x3, rtol=1e-15)
    y = a * 3.0  # one output below another
    np.testing.assert_allclose(ag.gradients([y.sum(), a.sum()], x).numpy(), 4.0 * np.cos(x3), rtol=1e-15)
    assert ag.gradients([x, tensor(1.0)], x, [x3, 1.0]).tolist() == x3.tolist()
    values, vectors = ag.linalg.eigh(tensor(np.diag(x3), True))
    assert ag.gradients([values.sum(), vectors.sum() * 0.0], values).tolist() == [1.0] * 3
    with pytest.raises(ValueError, match="1 cotangents for 2 Tensors"):
        ag.gradients([a, b], x, [x3])
    with pytest.raises(TypeError, match="differentiates a Tensor, not float"):
        ag.gradients([a, 1.0], x)
