"""Every transform against JAX's, on a table of functions, and transforms within transforms."""

import numpy as np
import pytest
from table import CASES, SCALAR

import autograd_nn as ag

jax = pytest.importorskip("jax", reason="JAX is the judge here; finite differences judge without it")
jnp = pytest.importorskip("jax.numpy")


@pytest.fixture(autouse=True)
def in_double_precision():
    with jax.enable_x64(True):
        yield


def ours(f):
    return lambda *args: f(np, *args)


def theirs(f):
    return lambda *args: f(jnp, *args)


def same(found, expected, rtol=1e-10):
    """The same structure, shapes and numbers."""
    if isinstance(expected, dict):
        assert found.keys() == expected.keys()
        for key in expected:
            same(found[key], expected[key], rtol)
    elif isinstance(expected, (list, tuple)):
        assert type(found) is type(expected)
        assert len(found) == len(expected)
        for f, e in zip(found, expected, strict=True):
            same(f, e, rtol)
    elif expected is None:
        assert found is None
    else:
        assert np.shape(found) == np.shape(expected)
        np.testing.assert_allclose(np.asarray(found), np.asarray(expected), rtol=rtol, atol=1e-11)


def like(tree, seed):
    """Random numbers in the tree's structure: arrays for arrays, floats for floats."""
    draw = np.random.default_rng(seed)

    def filled(t):
        if isinstance(t, dict):
            return {k: filled(v) for k, v in t.items()}
        if isinstance(t, (list, tuple)):
            return type(t)([filled(v) for v in t])
        return None if t is None else float(draw.normal()) if np.shape(t) == () else draw.standard_normal(np.shape(t))

    return filled(tree)


def all_of(args):
    return tuple(range(len(args)))


@pytest.mark.parametrize("name", SCALAR)
def test_value_and_grad(name):
    f, args = SCALAR[name]
    value, gradient = ag.value_and_grad(ours(f), all_of(args))(*args)
    same((value, gradient), jax.value_and_grad(theirs(f), all_of(args))(*args))
    same(gradient, ag.grad(ours(f), all_of(args))(*args), 1e-15)


@pytest.mark.parametrize("name", CASES)
def test_vjp(name):
    f, args = CASES[name]
    out, pullback = ag.vjp(ours(f), *args)
    expected, their_pullback = jax.vjp(theirs(f), *args)
    same(out, expected)
    for seed in range(2):  # a pullback may be called again
        cotangent = like(out, seed)
        same(pullback(cotangent), their_pullback(jax.tree.map(jnp.asarray, cotangent)))


@pytest.mark.parametrize("name", CASES)
def test_jvp(name):
    f, args = CASES[name]
    tangents = like(args, 3)
    same(ag.jvp(ours(f), args, tangents), jax.jvp(theirs(f), args, tangents))


@pytest.mark.parametrize("mode", [None, "reverse", "forward"])
@pytest.mark.parametrize("name", CASES)
def test_jacobian(name, mode):
    f, args = CASES[name]
    expected = jax.jacobian(theirs(f), all_of(args))(*args)
    same(ag.jacobian(ours(f), all_of(args), mode=mode)(*args), expected)
    same(ag.jacobian(ours(f), len(args) - 1, mode=mode)(*args), jax.jacobian(theirs(f), len(args) - 1)(*args))


@pytest.mark.parametrize("mode", ["reverse", "forward"])
@pytest.mark.parametrize("name", SCALAR)
def test_hessian(name, mode):
    f, args = SCALAR[name]
    same(ag.hessian(ours(f), all_of(args), mode=mode)(*args), jax.hessian(theirs(f), all_of(args))(*args), 1e-9)


@pytest.mark.parametrize("name", SCALAR)
def test_hvp(name):
    f, args = SCALAR[name]
    v = like(args[0], 4)
    ours_of_first, theirs_of_first = lambda x: f(np, x, *args[1:]), lambda x: f(jnp, x, *args[1:])
    same(ag.hvp(ours_of_first, args[0], v), jax.jvp(jax.grad(theirs_of_first), (args[0],), (v,))[1], 1e-9)


NESTED = {
    # name: a function of (transforms, np, x), built of transforms within transforms
    "perturbation confusion": (lambda t, np, x: t.grad(lambda x: x * t.grad(lambda y: x + y)(1.0))(x), 2.0),
    "confusion of products": (lambda t, np, x: t.grad(lambda x: x * t.grad(lambda y: x * y)(2.0))(x), 3.0),
    "inner at the outer variable": (lambda t, np, x: t.grad(lambda x: x * t.grad(lambda y: x * y**2)(x))(x), 1.5),
    "inner function of a constant": (lambda t, np, x: t.grad(lambda x: t.grad(lambda y: x * x * y)(7.0))(x), 3.0),
    "third derivative": (lambda t, np, x: t.grad(t.grad(t.grad(lambda x: np.sin(x) * x**2)))(x), 0.8),
    "fifth derivative": (lambda t, np, x: t.grad(t.grad(t.grad(t.grad(t.grad(np.tanh)))))(x), 0.4),
    "derivatives of a quadratic vanish": (lambda t, np, x: t.grad(t.grad(t.grad(lambda x: x * x)))(x), 0.4),
    "vjp in grad": (lambda t, np, x: t.grad(lambda x: t.vjp(lambda y: np.sin(x * y), x)[1](x * x)[0])(x), 0.6),
    "jvp in grad": (lambda t, np, x: t.grad(lambda x: t.jvp(lambda y: y**3 * x, (x,), (x * 2.0,))[1])(x), 1.1),
    "grad in jvp": (lambda t, np, x: t.jvp(t.grad(lambda y: y**4), (x,), (1.0,)), 1.2),
    "jvp in jvp": (lambda t, np, x: t.jvp(lambda a: t.jvp(lambda y: np.exp(a * y), (a,), (a,))[1], (x,), (1.0,)), 0.3),
    "jvp of vjp": (lambda t, np, x: t.jvp(lambda a: t.vjp(np.sin, a)[1](a)[0], (x,), (2.0,)), 0.3),
    "value in grad": (
        lambda t, np, x: t.grad(lambda x: t.value_and_grad(lambda y: x * y**2)(x)[0] * t.grad(lambda y: y**3)(x))(x),
        1.3,
    ),
    "jacobian in grad": (
        lambda t, np, x: t.grad(lambda x: np.sum(t.jacobian(lambda y: np.sin(y * x))(x) ** 2))(x),
        np.array([0.3, -0.4, 1.0]),
    ),
    "jacobian of jacobian": (
        lambda t, np, x: t.jacobian(t.jacobian(lambda y: np.stack([y[0] ** 3 * y[1], np.sin(y[1])])))(x),
        np.array([0.3, -0.4]),
    ),
    "hessian in grad": (
        lambda t, np, x: t.grad(lambda x: np.sum(t.hessian(lambda y: np.sum(y**4) * y[0])(x)))(x),
        np.array([0.3, -0.4]),
    ),
    "hessian of a linear function": (lambda t, np, x: t.hessian(lambda y: np.sum(2.0 * y))(x), np.ones(2)),
    "jacobian of a gradient, constant in part": (
        lambda t, np, x: t.jacobian(t.grad(lambda y: y[0] ** 3 + y[1]))(x),
        np.ones(2),
    ),
    "divergence": (
        lambda t, np, x: t.grad(lambda x: np.trace(t.jacobian(lambda y: y**3 * y[0])(x)))(x),
        np.array([0.5, 2.0, -1.0]),
    ),
    "the outer variable captured by two levels": (
        lambda t, np, x: t.grad(lambda a: t.grad(lambda b: t.grad(lambda c: np.sin(a * b * c))(b))(a))(x),
        0.7,
    ),
}


@pytest.mark.parametrize("name", NESTED)
def test_nested(name):
    f, x = NESTED[name]
    same(f(ag, np, x), f(jax, jnp, x))
