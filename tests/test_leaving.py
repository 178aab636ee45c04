"""Where a value would leave the graph unseen, it is refused; where somebody asks for the value, it is given."""

import math
import operator
import warnings

import numpy as np
import pytest

import autograd_nn as ag
from autograd_nn.engine import leaving


def leaf():
    return ag.tensor(2.0, dtype="float64", requires_grad=True)


def stored(dtype, value):
    a = np.zeros(3, dtype)
    a[0] = value
    return a


@pytest.mark.parametrize(
    "lose",
    [
        lambda t: stored("float64", t),
        lambda t: stored("float32", t),
        lambda t: stored("float16", t),
        lambda t: stored("complex128", t),
        lambda t: np.sum(np.ones(3), initial=t),
        lambda t: np.max(np.ones(3), initial=t),
        lambda t: np.prod(np.ones(3), initial=t),
        lambda t: np.interp(np.ones(3), np.arange(3.0), np.arange(3.0), left=t),
        lambda t: np.ones(3).fill(t),
        lambda t: np.add.reduce(np.ones(3), initial=t),
        lambda t: np.maximum.reduce(
            np.ones(3),
            initial=t,
        ),
        lambda t: np.fromiter([t, t], float),
        lambda t: np.zeros(3).__setitem__(0, t),
        lambda t: np.ndarray.__setitem__(np.zeros(3), 0, t),
        lambda t: operator.setitem(np.zeros(3), 0, t),
        lambda t: np.array([t, 1.0]),
        lambda t: np.array([[1.0, t]]),
        lambda t: np.full(3, t),
        lambda t: np.mean([t, t]),
        lambda t: np.random.default_rng(0).normal(t),
        lambda t: np.pad(np.ones(3), 1, constant_values=t),
        lambda t: np.fill_diagonal(np.ones((2, 2)), t),
        lambda t: np.ones(2).dot(ag.stack([t, t])),
        lambda t: ag.tensor([t, t]),
        lambda t: np.float64(t),
        lambda t: np.float32(t),
        lambda t: np.complex128(t),
        lambda t: np.zeros(3).dtype.type(t),
        lambda t: ag.add(t, [t, 1.0]),
    ],
)
def test_numpy_does_not_get_a_value_that_needs_its_gradient(lose):
    for t in (leaf(), leaf() * 2.0):
        with pytest.raises((TypeError, ValueError)) as caught:
            lose(t)
        said = f"{caught.value} {caught.value.__cause__}"  # NumPy puts a sentence of its own before ours
        assert "np.stack([t, u])" in said
        assert "t.item()" in said
        lose(t.detach())
        with ag.no_grad():
            if lose.__code__.co_names[0] == "stored":
                lose(t)


def test_one_place_may_call_one_type_after_another():
    t = leaf()
    for kind in (float, np.float64, complex, int, np.float64, float):
        if issubclass(kind, np.generic):
            with pytest.raises(TypeError, match=r"t\.item\(\)"):
                kind(t)
        else:
            assert kind(t) == 2.0


def test_what_asks_for_a_number_gets_it():
    t = leaf() * 1.5
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert float(t) == t.item() == complex(t).real == max(map(float, [t, t])) == 3.0
        assert math.isfinite(t)
        assert (int(t), round(t, 1).item(), math.floor(t), math.ceil(t), f"{t:.2f}", format(t, ".1f")) == (
            3,
            3.0,
            3,
            3,
            "3.00",
            "3.0",
        )
        losses = []
        losses.append(float(t))
        history = {"loss": []}
        history["loss"] += [float(t), t.item()]
        table = np.zeros(2)
        table[0] = float(t)
        table[1] = t.item()
        kept = {}
        kept["loss"] = float(t)
        kept["tensor"] = t
    assert table.tolist() == [3.0, 3.0]
    assert kept["tensor"] is t
    objects = np.empty(2, object)
    objects[0] = objects[1] = t
    assert np.sum(objects).requires_grad


def test_functions_of_math_warn_once_a_place():
    from math import exp

    t = leaf()
    for f in (lambda: math.exp(t), lambda: exp(t), lambda: 2.0 * math.hypot(1.0, t) + 1.0):
        with pytest.warns(UserWarning, match="no gradient flows; NumPy's function differentiates") as caught:
            first = f()
        assert caught[0].filename == __file__
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert f() == first
            assert exp(t.detach()) == math.exp(2.0)


def test_code_without_its_text_is_left_alone():
    space = {"t": leaf(), "np": np}
    exec("n = float(t)\na = np.ones(3)\na.fill(t)", space)
    assert space["n"] == 2.0
    with pytest.raises((TypeError, ValueError)):
        exec("a[0] = t", space)


def test_values_that_need_no_gradient_are_free():
    t = ag.tensor(2.0)
    assert stored("float64", t).tolist() == [2.0, 0.0, 0.0]
    assert np.sum(np.ones(3), initial=t) == 5.0
    assert np.array([t, t]).tolist() == [2.0, 2.0]


@pytest.mark.parametrize(
    ("f", "plain"),
    [
        (lambda t: np.sum(np.ones(3) * t, initial=t), lambda t: 4.0 * t),
        (lambda t: ag.full((2, 2), t).sum(), lambda t: 4.0 * t),
        (lambda t: ag.linspace(0.0, t, 3).sum(), lambda t: 1.5 * t),
        (lambda t: ag.full(3, t, "float64")[1], lambda t: t),
        (lambda t: np.ones(3).clip(0.0, t / 4.0).sum(), lambda t: 0.75 * t),
        (lambda t: sum(divmod(7.0, t)), lambda t: 3.0 + 7.0 - 3.0 * t),
        (lambda t: divmod(t, 0.75)[1], lambda t: t - 1.5),
    ],
)
def test_what_takes_a_tensor_differentiates_it(f, plain):
    t = leaf()
    np.testing.assert_allclose(f(t).item(), plain(2.0), rtol=1e-15)
    np.testing.assert_allclose(ag.grad(f)(2.0), plain(3.0) - plain(2.0), rtol=1e-15)


def test_membership():
    x = ag.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    assert 3.0 in x
    assert 5.0 not in x


def test_code_made_in_a_loop_is_not_remembered_for_ever(monkeypatch):
    monkeypatch.setattr(leaving, "MOST_KNOWN", 8)
    t = leaf()
    for i in range(50):
        assert eval(f"float(t) + {i}", {"t": t}) == 2.0 + i
    assert len(leaving._known) <= 8
