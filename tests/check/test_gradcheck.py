"""gradcheck and check_model: verdicts, what is left untouched, bad input, coverage and cost."""

import json
import os
import subprocess
import sys
import time

import numpy as np
import pytest
from extent import taken

import autograd_nn as ag
from autograd_nn.check.certificate import function_of
from autograd_nn.check.draws import random_draws
from autograd_nn.check.frozen import frozen
from autograd_nn.check.samples import rows
from autograd_nn.engine import modes
from autograd_nn.engine.random import Generator
from benchmarks.check import million

RNG = np.random.default_rng(3)


def normal(*shape, dtype=np.float64):
    return RNG.standard_normal(shape).astype(dtype)


@ag.op(kind="elementwise")
def slightly_wrong(x, /):
    return np.sin(x)


slightly_wrong.vjp(x=lambda g, x: g * ag.cos(x) * 1.001)


@ag.op(kind="elementwise")
def cosine(x, /):
    return np.cos(x)


@ag.op(kind="elementwise")
def wrong_twice(x, /):
    return np.sin(x)


cosine.vjp(x=lambda g, x: g * ag.sin(x))
wrong_twice.vjp(x=lambda g, x: g * cosine(x))


class Net:
    """Linear, relu, dropout, batch statistics, linear: with captured float32 parameters and states."""

    def __init__(self, sizes=(6, 10, 3)):
        a, b, c = sizes
        self.parameters = {
            "first.weight": ag.tensor(normal(b, a, dtype=np.float32) / 3, requires_grad=True),
            "first.bias": ag.tensor(normal(b, dtype=np.float32), requires_grad=True),
            "second.weight": ag.tensor(normal(c, b, dtype=np.float32) / 3, requires_grad=True),
        }
        self.mean = ag.zeros((b,))
        self.count = ag.tensor(0)
        self.generator = Generator(5)

    def named_parameters(self):
        return iter(self.parameters.items())

    def __call__(self, x, activation=ag.relu):
        w, b, v = self.parameters.values()
        with modes.change(scope=modes.Scope("first", 0)):
            h = x @ w.mT + b
        if h.dtype != w.dtype:
            raise TypeError("mixed dtypes")
        with modes.change(scope=modes.Scope("activation", 0)):
            a = activation(h - self.mean)
        with ag.no_grad():
            ag.assign(self.mean, 0.9 * self.mean + 0.1 * h.mean(axis=0))
            ag.assign(self.count, self.count + 1)
        h = a * (ag.rand(h.shape) > 0.3) * (ag.rand(h.shape, generator=self.generator) > 0.1)
        return h @ v.mT


def state_of(net):
    ts = [*net.parameters.values(), net.mean, net.count, net.generator.state, ag.random.generator().state]
    return ts, [(t, t._array, t.node, t.dtype, np.array(t._array), t.grad) for t in ts]


def assert_unchanged(before):
    ts, was = before
    for t, (u, data, node, dtype, values, grad) in zip(ts, was, strict=True):
        assert t is u and (t._array is data or not t.shape) and t.node is node
        assert t.dtype == dtype and t.grad is grad
        np.testing.assert_array_equal(t._array, values)


def test_a_float32_model_is_checked_in_float64_and_left_as_it_was():
    net, x = Net(), normal(8, 6, dtype=np.float32)
    labels = np.array([0, 1, 2, 0, 1, 2, 0, 1])
    net(ag.tensor(x)).sum().backward()
    before = state_of(net)
    report = ag.check_model(net, x, loss=lambda y: ag.cross_entropy(y, labels), order=2)
    assert report.verdict == "PASS", report
    assert {r.name for r in report.rows} == set(net.parameters)
    assert report.error < 1e-7
    assert_unchanged(before)
    assert ag.get_default_dtype() == np.float32


def test_everything_is_restored_when_the_function_raises():
    net, x = Net(), normal(8, 6, dtype=np.float32)
    before = state_of(net)
    calls = []

    def broken(y, after):
        calls.append(1)
        if len(calls) > after:
            raise ZeroDivisionError("on purpose")
        return y

    for after in (0, 1, 5):
        calls.clear()
        with pytest.raises(ZeroDivisionError, match="on purpose") as caught:
            ag.check_model(net, x, loss=lambda y: broken(y, after))
        assert any("are as they were before" in n for n in caught.value.__notes__)
        assert_unchanged(before)


def test_a_backward_inside_the_function_leaves_no_gradient():
    w = ag.tensor([1.0, 2.0], requires_grad=True)
    x = ag.tensor([0.5, 0.3])

    def f(x):
        y = (x * w).sum()
        y.backward(retain_graph=True)
        return y

    assert ag.gradcheck(f, x)
    assert w.grad is None
    assert x.grad is None and not x.requires_grad
    w.grad = ag.tensor([7.0, 7.0])
    assert ag.gradcheck(f, x)
    np.testing.assert_array_equal(w.grad.numpy(), [7.0, 7.0])


def test_a_wrong_operation_inside_a_model_is_named_with_module_and_line():
    net, x = Net(), normal(8, 6, dtype=np.float32)
    report = ag.check_model(net, x, loss=lambda y: ag.tanh(y).sum(), order=1)
    assert report.verdict == "PASS"
    run = net.__call__
    net_call = lambda *a: run(*a, activation=slightly_wrong)
    net_call.__name__ = "wrong net"
    report = ag.gradcheck(net_call, ag.tensor(x))
    assert report.verdict == "FAIL"
    assert not report
    assert (report.place.operation, report.place.input, report.place.module) == ("slightly_wrong", "x", "activation")
    assert "test_gradcheck.py" in report.place.line
    assert report.place.ratio == pytest.approx(1.001, rel=1e-6)
    for words in ("FAIL", "slightly_wrong", "activation", "1.001"):
        assert words in str(report)
        assert words in report._repr_html_()
    with pytest.raises(ag.check.GradientError, match="slightly_wrong") as caught:
        report.raise_if_failed()
    assert caught.value.report is report


def test_a_wrong_second_derivative_is_named():
    x = normal(3)
    assert ag.gradcheck(wrong_twice, x)
    report = ag.gradcheck(lambda x: wrong_twice(x) * x, x, order=2)
    assert report.verdict == "FAIL"
    assert report.place.operation == "cosine"
    assert "-1" in report.place.hint
    assert [r.verdict for r in report.rows] == ["PASS", "FAIL"]


def test_kinks_are_reported_and_not_failed():
    report = ag.gradcheck(ag.relu, np.array([0.0, 1.0]))
    assert report.verdict == "KINK"
    assert bool(report) and report.raise_if_failed() is report
    assert report.kinks[0].operation == "relu" and report.kinks[0].index == (0,)
    assert "relu" in str(report) and "not smooth" in str(report)
    tie = ag.gradcheck(lambda x: ag.max(x, axis=1), np.array([[1.0, 2.0, 2.0], [3.0, 0.0, 1.0]]))
    assert tie.verdict == "KINK" and tie.kinks[0].operation == "max"
    w = normal(4, 5)
    hidden = ag.gradcheck(lambda x: ag.tanh(ag.relu(ag.sin(x) @ w)), np.zeros((2, 4)))
    assert hidden.verdict == "KINK" and hidden.kinks[0].operation == "relu"
    both = ag.gradcheck(lambda x: slightly_wrong(ag.relu(x) + 1.0), np.array([0.0, 1.0]))
    assert both.verdict == "FAIL" and both.place.operation == "slightly_wrong"


def test_a_wrong_value_at_a_kink_fails():
    @ag.op(kind="elementwise")
    def bad_relu(x, /):
        return np.maximum(x, 0)

    bad_relu.vjp(x=lambda g, out: ag.where(ag.greater(out, 0.0), g, g * 3.0))
    for x in ([0.0, 1.0, 2.0], [0.0, 0.0, -1.0], [0.0]):
        report = ag.gradcheck(bad_relu, np.array(x))
        assert report.verdict == "FAIL" and report.place.operation == "bad_relu"
    bad_relu.vjp(x=lambda g, x: ag.where(x > 0, g, ag.where(x < 0, g * 0.0, g * 3.0)))  # wrong at the kink only
    for x in ([0.0, 1.0, 2.0], [0.0, 0.0, -1.0], [0.0]):
        report = ag.gradcheck(bad_relu, np.array(x))
        assert report.verdict == "FAIL" and x[report.place.index[0]] == 0.0


def test_a_rule_that_gives_nan_where_the_function_is_smooth_fails():
    @ag.op(kind="elementwise")
    def bad_sinc(x, /):
        return np.sinc(x)

    bad_sinc.vjp(x=lambda g, x: g * (ag.cos(np.pi * x) * np.pi * x - ag.sin(np.pi * x)) / (np.pi * x * x))
    with np.errstate(all="ignore"):
        report = ag.gradcheck(lambda x: ag.exp(bad_sinc(x)), np.array([0.0, 1.5]))
    assert report.verdict == "FAIL" and report.place.operation == "bad_sinc" and report.place.index == (0,)
    assert "gives nan where the derivative is finite" in report.place.hint
    steep = ag.gradcheck(ag.sqrt, np.array([0.0, 1.0]))
    assert steep.verdict == "ILL-CONDITIONED" and "infinitely steep" in steep.reason


@pytest.mark.parametrize("size", [1e-3, 1e-30, 1e-200, 1e100])
def test_a_wrong_rule_of_a_function_of_tiny_or_huge_values_fails(size):
    """There is no absolute tolerance for it to hide under."""

    @ag.op(kind="elementwise")
    def scaled(x, /):
        return size * np.sin(x)

    x = normal(3)
    for factor, verdict in ((1.0, "PASS"), (1.0001, "FAIL"), (0.0, "FAIL")):
        scaled.vjp(x=lambda g, x: g * ag.cos(x) * (factor * size))
        assert ag.gradcheck(scaled, x).verdict == verdict
        assert ag.gradcheck(scaled, x * 1e-3).verdict == verdict
        assert ag.gradcheck(lambda x: ag.tanh(scaled(x) * (1 / size)), x).verdict == verdict


def test_what_is_zero_up_to_rounding_is_zero():
    """Derivatives that cancel to 1e-18 or so, where differences say 0 or the other way round."""
    singular = np.outer([0.3, -0.1, -0.2], [0.03, 0.4, -0.9])
    assert ag.gradcheck(ag.linalg.det, singular).verdict == "PASS"
    assert ag.gradcheck(ag.var, np.ones(3), order=2).verdict == "PASS"
    assert ag.gradcheck(lambda x: (x * 0.1 - x / 10).sum() + x.sum() * 1e-3, normal(4), order=2).verdict == "PASS"


def test_what_is_not_differentiable_is_said_to_be():
    report = ag.gradcheck(lambda x: x.detach() * x, normal(3))
    assert report.verdict == "NOT DIFFERENTIABLE" and not report
    assert "detach at" in report.reason
    report = ag.gradcheck(lambda x: ag.tensor(x.numpy() * 2.0) + x, normal(3))
    assert report.verdict == "NOT DIFFERENTIABLE" and "data at" in report.reason
    report = ag.gradcheck(lambda i: i * 2, np.array([1, 2]))
    assert report.verdict == "NOT DIFFERENTIABLE" and "int64" in report.reason

    def cut(x):
        with ag.no_grad():
            half = x * 0.5
        return half * x

    report = ag.gradcheck(cut, normal(3))
    assert report.verdict == "NOT DIFFERENTIABLE" and "multiply at" in report.reason
    report = ag.gradcheck(ag.argmax, normal(3))
    assert report.verdict == "NOT DIFFERENTIABLE" and "no floating output" in report.reason
    report = ag.gradcheck(lambda x, i: ag.take(x, i), normal(3), np.array([2, 0]))
    assert report.verdict == "PASS"


def test_bad_conditioning_says_why():
    report = ag.gradcheck(lambda x: ag.sin(x.astype("float32")), normal(3))
    assert report.verdict == "ILL-CONDITIONED" and "astype" in report.reason
    report = ag.gradcheck(ag.log, np.array([-1.0]))
    assert report.verdict == "ILL-CONDITIONED" and "trace_nonfinite" in report.reason
    report = ag.gradcheck(lambda x: (x + 1e12) * 1e-3, np.array([0.3]))
    assert report.verdict in ("PASS", "ILL-CONDITIONED")
    report = ag.gradcheck(lambda x: ag.sin(x * 1e13), np.array([0.3]))
    assert report.verdict == "ILL-CONDITIONED", report


def test_what_differs_between_runs_is_not_deterministic():
    rng = np.random.default_rng(0)
    report = ag.gradcheck(lambda x: x * rng.standard_normal(), normal(3))
    assert report.verdict == "NOT DETERMINISTIC" and not report
    assert "differ by up to" in report.reason
    assert ag.gradcheck(lambda x: x * ag.rand((3,)), normal(3))


def test_a_function_that_writes_into_its_input():
    def f(x):
        y = (x * 2.0).sum()
        x.data[0] += 1.0
        return y

    def g(x):
        y = (x.detach() * 2.0).sum() + (x * 2.0).sum()
        ag.assign(x, x.numpy() + 1.0)
        return y

    for function in (f, g):
        x = ag.tensor([1.0, 2.0], requires_grad=True)
        assert ag.gradcheck(function, x).verdict == "MUTATES ITS INPUT"
        np.testing.assert_array_equal(x.numpy(), [1.0, 2.0])


def test_bad_calls_have_clear_messages():
    with pytest.raises(TypeError, match="returned ndarray, not a Tensor"):
        ag.gradcheck(lambda x: x.numpy(), normal(2))
    with pytest.raises(TypeError, match="returned float"):
        ag.gradcheck(lambda x: float(x.sum()), normal(2))
    with pytest.raises(TypeError, match=r"returned NoneType in its result\[1\]\['a'\], not a Tensor"):
        ag.gradcheck(lambda x: (x, {"a": None}), normal(2))
    with pytest.raises(TypeError, match="takes a function, then what to call it with; the first argument is Tensor"):
        ag.gradcheck(ag.sin(ag.tensor([1.0])), normal(2))
    with pytest.raises(ValueError, match="coverage"):
        ag.gradcheck(ag.sin, normal(2), coverage="most")
    with pytest.raises(ValueError, match="order"):
        ag.gradcheck(ag.sin, normal(2), order=0)
    with pytest.raises(TypeError, match="named_parameters"):
        ag.check_model(ag.sin, normal(2))


def test_a_list_of_floats_is_an_array():
    report = ag.gradcheck(np.sqrt, [1e-20, 1.0], order=2)
    assert report.verdict == "PASS" and report.rows[0].shape == (2,)
    assert ag.gradcheck(lambda x: x[0] * x[1], [2.0, 3.0])
    assert ag.gradcheck(lambda a: ag.linalg.det(a), [[2.0, 1], [0.5, 3.0]]).rows[0].shape == (2, 2)
    assert [r.name for r in ag.gradcheck(lambda p: p[0] * p[1], (2.0, 3.0)).rows] == ["p[0]", "p[1]"]
    report = ag.gradcheck(lambda x: x * 2.0, [1, 2])
    assert report.verdict == "NOT DIFFERENTIABLE" and "give floats" in report.reason


def test_rules_that_do_not_work():
    def custom(rule):
        @ag.op(kind="opaque")
        def suspect(x, /):
            return np.sin(x)

        suspect.vjp(x=rule)
        return suspect

    undefined = custom(lambda g, x: g * cosin(x))  # noqa: F821
    report = ag.gradcheck(lambda x: ag.tanh(undefined(x)), normal(3))
    assert report.verdict == "FAIL" and report.place.operation == "suspect"
    assert "the rule of suspect does not work: NameError: name 'cosin' is not defined" in str(report)
    report = ag.gradcheck(lambda x: ag.tanh(custom(lambda g, x: g * np.cos(np.asarray(x)))(x)), normal(3), order=2)
    assert report.verdict == "FAIL" and report.place.operation == "suspect"
    assert "it is given Tensors then" in report.place.hint and [r.verdict for r in report.rows] == ["PASS"]
    report = ag.gradcheck(custom(lambda g, x: abs(g) * ag.cos(x)), normal(3))
    assert report.verdict == "FAIL" and "not linear in its cotangent" in report.place.hint
    assert {r.verdict for r in report.rows} == {"FAIL"}
    two_readings = custom(lambda g, x: g * ag.cos(x) * (1.001 if isinstance(g, ag.Tensor) else 1.0))
    assert ag.gradcheck(two_readings, normal(3)).verdict == "PASS", "at first order nobody reads it recorded"
    report = ag.gradcheck(lambda x: ag.tanh(two_readings(x)), normal(3), order=2)
    assert report.verdict == "FAIL" and report.place.operation == "suspect"
    assert report.place.ratio == pytest.approx(1.001) and "is not the plain one" in report.reason


def test_a_nan_of_the_engine_says_where_to_look():
    report = ag.gradcheck(lambda x: ag.sqrt((x * x).sum()), np.zeros(3))
    assert report.verdict == "ILL-CONDITIONED" and "trace_nonfinite names the operation" in report.reason


def test_structures_of_inputs_and_outputs():
    def f(pair, table):
        a, b = pair
        return {"x": a * table["w"], "y": (ag.sin(b), a.sum())}

    report = ag.gradcheck(f, (normal(3), normal(2)), {"w": normal(3)}, order=2)
    assert report.verdict == "PASS"
    assert {r.name for r in report.rows} == {"pair[0]", "pair[1]", "table['w']"}
    assert ag.gradcheck(lambda x: ag.topk(x, 2), np.array([1.0, 3.0, 2.0]))
    assert ag.gradcheck(lambda x, y: x * y, 2.0, np.float32(3.0))
    assert ag.gradcheck(ag.sin, np.zeros((0, 3)))


def test_one_wrong_entry_among_many_cannot_hide():
    """A rule that forgets one element of 200,000, or spoils a tiny one, is found, and the element named."""
    for spoil, where in ((0.0, 123_456), (1.01, 77_777)):

        @ag.op(kind="elementwise")
        def sparse(x, /):
            return np.sin(x)

        def rule(g, x):
            c = g * np.cos(x)
            c[where] *= spoil
            return c

        sparse.vjp(x=rule)
        x = RNG.uniform(-1, 1, 200_000)
        scale = np.ones(200_000)
        scale[where] = 1e-2
        report = ag.gradcheck(lambda x: sparse(x) * scale, x)
        assert report.verdict == "FAIL" and report.place.operation == "sparse"
        assert report.place.index == (where,)


def test_a_million_parameters_within_twenty_steps():
    ratios, report = million(rounds=5)
    assert report.verdict == "PASS", report
    assert report.elements > 980_000
    assert all(r.directions >= 3 for r in report.rows)
    assert report.evaluations <= 10
    print(f"\na million parameters: {report.evaluations} evaluations, {np.median(ratios):.1f} steps")
    assert min(ratios) < 20, ratios  # the smallest, as others may be using the machine


def test_faces():
    report = ag.gradcheck(slightly_wrong, normal(3))
    plain = json.loads(json.dumps(report.to_dict()))
    assert plain["verdict"] == "FAIL" and plain["ok"] is False and plain["place"]["operation"] == "slightly_wrong"
    assert "<table>" in report._repr_html_()
    figure = report.plot()
    assert len(figure.axes) == 2 and figure.axes[0].lines
    assert figure._repr_png_().startswith(b"\x89PNG")
    steps, errors = ag.gradcheck(lambda x: ag.exp(ag.sin(x)), normal(3)).plot().axes[0].lines[0].get_data()
    best = int(np.argmin(errors))
    assert len(steps) == 9 and 0 < best < 8, "the error falls with the step, and rises again"
    assert errors[0] > 100 * errors[best] < errors[-1]
    columns = {line.index("FAIL") for line in str(report).splitlines()[2:3]}
    assert columns == {str(report).splitlines()[1].index("verdict")}


def test_assert_gradients():
    ag.check.assert_gradients(lambda x: ag.exp(x) / x, np.array([0.5, 2.0]))
    with pytest.raises(AssertionError, match="cosine"):
        ag.check.assert_gradients(wrong_twice, normal(3))


def test_checking_imports_no_matplotlib():
    code = "import sys, numpy, autograd_nn as ag; print(ag.gradcheck(ag.sin, 1.0).verdict, 'matplotlib' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["PASS", "False"]


def test_a_tied_parameter_is_one_variable_with_two_names():
    w = ag.tensor(normal(3, 3), requires_grad=True)

    class Tied:
        def named_parameters(self):
            return [("encoder", w), ("decoder", w)]

        def __call__(self, x):
            return ag.sin(x @ w) @ w.mT

    report = ag.check_model(Tied(), normal(2, 3))
    assert report.verdict == "PASS" and [r.name for r in report.rows] == ["encoder = decoder"]


def test_surroundings_do_not_matter_and_see_nothing():
    w = ag.tensor(normal(3, 3), requires_grad=True)
    with ag.record() as r:
        assert ag.gradcheck(lambda x: ag.tanh(x @ w), normal(2, 3))
    assert r.entries == []
    with ag.no_grad():
        assert ag.gradcheck(lambda x: ag.checkpoint(lambda x: ag.tanh(x @ w), x), normal(2, 3), order=2)


def test_a_hook_that_changes_a_cotangent_fails_without_an_operation_to_blame():
    def f(x):
        y = x * 2.0
        y.register_hook(lambda g: g * 3.0)
        return y.sum()

    report = ag.gradcheck(f, normal(3))
    assert report.verdict == "FAIL" and report.place is None and "hook" in report.reason


@ag.op(kind="elementwise")
def spoiling(x, /):
    return 2.0 * x


def _doubled_in_place(g):
    g *= 2.0
    return g


spoiling.vjp(x=_doubled_in_place)


@ag.op(kind="elementwise")
def spoiling_input(x, /):
    return x * x


def _input_in_place(g, x):
    x *= 2.0
    return g * x


spoiling_input.vjp(x=_input_in_place)


@pytest.mark.parametrize(
    ("f", "name"),
    [
        (spoiling, "spoiling"),
        (lambda x: ag.sin(ag.tanh(spoiling(ag.exp(x)) * 0.1)).sum(), "spoiling"),
        (lambda x: spoiling(x) + x, "spoiling"),
        (spoiling_input, "spoiling_input"),
        (lambda x: ag.sin(spoiling_input(ag.exp(x))), "spoiling_input"),
    ],
)
def test_a_rule_that_writes_into_what_it_is_given_fails(f, name):
    x = normal(3)
    before = x.copy()
    report = ag.gradcheck(f, x)
    assert report.verdict == "FAIL" and report.place.operation == name
    assert "writes into what it is given" in report.place.hint
    np.testing.assert_array_equal(x, before)


def test_freezing_leaves_no_trace():
    x = ag.tensor(normal(3), requires_grad=True)
    y = ag.exp(x * 2.0)
    z = (y.reshape(3, 1) * y).sum()
    with frozen([z]):
        assert not y.node.saved[0].flags.writeable
        z.backward(retain_graph=True)
    assert y.node.saved[0].flags.writeable and not y.node.extras.hooks
    first = x.grad.numpy().copy()
    z.backward()
    np.testing.assert_array_equal(x.grad.numpy(), 2 * first)


def test_localisation_is_linear_in_the_number_of_operations():
    def chain(n):
        def f(x):
            for _ in range(n):
                x = -x + 0.1
            return slightly_wrong(x)

        start = time.process_time()
        report = ag.gradcheck(f, np.array([0.3, 0.4]), coverage="directions")
        assert report.place.operation == "slightly_wrong" and report.operations == 2 * n + 1
        return (time.process_time() - start) / n

    chain(50)
    assert chain(800) < 3 * chain(200)


DRAWS = int(os.environ.get("AUTOGRAD_NN_DRAWS", "3"))
"""Over how many random draws every operation of the table must pass."""


NAMES = sorted({r.name for r in rows() if any(c.order > 0 and c.differentiated() for c in r.calls)})


@pytest.mark.parametrize("name", NAMES)
def test_no_false_alarm_over_random_draws(name):
    found = random_draws(DRAWS, [name])
    assert found, str(found)
    assert found.counts[name].total() == DRAWS


# Points that the table gives no order, and that are smooth all the same to the first one: (operation, number of the call).
SMOOTH = {("celu", 9), ("softsign", 7), ("arcsinh", 7), ("cond", 2), ("cond", 3), ("cond", 4)}


# A table's padding row is cut off from its gradient on purpose, and the checker says that it is.
CUT_OFF = {("embedding", 4)}

# 0 log(y), as soon as the 0 moves, is infinite or of a negative y: no differences can be had.
AT_AN_EDGE = {("xlogy", 2)}


def verdict_at_kink(which):
    """What the checker says of a call of the table whose derivative is given, because differences do not have it."""
    named = {"PASS": SMOOTH, "FAIL": CUT_OFF, "ILL-CONDITIONED": AT_AN_EDGE}
    return next((verdict for verdict, calls in named.items() if which in calls), "KINK")


def test_every_correct_sample_passes():
    """No false alarm: every call of the table passes at every order that exists there; at a kink the verdict is KINK.

    A short run takes the calls at kinks, and a quarter of the others.
    """
    for row in rows():
        for number, call in enumerate(row.calls):
            if not call.differentiated() or (call.order and not taken(f"{row.name}-{number}", 4)):
                continue
            f, arrays = function_of(row, call)
            if call.order:
                report, expected = ag.gradcheck(f, *arrays, order=call.order), "PASS"
            elif call.gradient is not None and all(np.isfinite(a).all() for a in arrays):
                report, expected = ag.gradcheck(f, *arrays), verdict_at_kink((row.name, number))
            else:
                continue
            assert report.verdict == expected, f"{row.name}, call {number}: {report}"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rtol": -1.0}, "rtol is -1.0"),
        ({"rtol": float("nan")}, "rtol is nan"),
        ({"atol": "0.1"}, "atol is '0.1'"),
        ({"order": 1.5}, "order 1.5"),
        ({"order": "2"}, "order '2'"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        ag.gradcheck(ag.sin, np.ones(2), **settings)


@pytest.mark.parametrize("scale", [20.0, 35.0, 100.0, 1000.0])
def test_a_loss_that_is_saturated_is_not_called_wrong(scale):
    """Its value is log(1 + 1e-10), or 0, and moves in steps of 2e-16 though it is much smaller itself."""
    target = np.array([0, 1])
    for seed in range(6):
        z = np.random.default_rng(seed).standard_normal((2, 5))
        z[[0, 1], target] += 3.0
        report = ag.gradcheck(lambda z: ag.cross_entropy(z, target), z * scale)
        assert report.verdict in ("PASS", "ILL-CONDITIONED"), str(report)


def kept_from_the_first_call():
    kept = {}

    @ag.op(kind="elementwise")
    def sine_with_a_cache(x, /):
        return np.sin(x)

    sine_with_a_cache.vjp(x=lambda g, x: g * kept.setdefault("cosine", ag.cos(x)))
    return sine_with_a_cache


@ag.op(kind="elementwise")
def square_reversed(x, /):
    return np.square(x)


square_reversed.vjp(x=lambda g, x: (g * 2.0 * x)[::-1])


@pytest.mark.parametrize(
    ("f", "x", "name"),
    [
        (kept_from_the_first_call(), np.array([0.3, 1.1, -2.0]), "sine_with_a_cache"),
        (lambda x: square_reversed(x).sum(), np.ones(4), "square_reversed"),
    ],
)
def test_a_rule_that_is_right_at_one_point_only_is_found(f, x, name):
    report = ag.gradcheck(f, x)
    assert report.verdict == "FAIL" and report.place.operation == name, str(report)
    assert "wrong a step aside" in report.reason


def test_a_pass_says_which_captured_tensors_were_not_checked():
    w = ag.tensor(np.ones(3), requires_grad=True, name="w")
    frozen_one = ag.tensor(np.ones(3))
    report = ag.gradcheck(lambda x: (slightly_wrong(w) * x * frozen_one).sum(), np.array([1.0, 2.0, 3.0]))
    assert report and "captures (w) was not asked for; give it as an input" in str(report)
    assert ag.gradcheck(lambda x: x * frozen_one, np.ones(3)).reason == ""
    x = ag.tensor(np.ones((2, 3), np.float32), requires_grad=True)
    assert ag.check_model(ag.nn.Linear(3, 2), x).reason == ""


@ag.op(kind="elementwise")
def sine_wrong_near_zero(x, /):
    return np.sin(x)


sine_wrong_near_zero.vjp(x=lambda g, x: g * ag.cos(x) * (1.0 + 1e-3 * (ag.abs(x) < 0.01)))


@pytest.mark.parametrize("small", [3e-3, 1e-3, 1e-4, 1e-6])
@pytest.mark.parametrize("flat", [1e-2, 1e-4, 1e-6])
def test_an_element_small_beside_the_others_is_not_lost_in_rounding(small, flat):
    """Its own step changes f by less than rounding shows; the step that suits the others tells right from wrong."""
    x = np.random.default_rng(0).standard_normal((4, 6))
    x[1, 2] = small
    report = ag.gradcheck(lambda x: ag.exp(flat * ag.sin(x).mean()), x)
    assert report.verdict == "PASS", str(report)
    report = ag.gradcheck(lambda x: ag.exp(flat * sine_wrong_near_zero(x).mean()), x)
    assert report.verdict == "FAIL" and report.place.operation == "sine_wrong_near_zero", str(report)
    assert report.place.index == (1, 2)


@pytest.mark.parametrize("condition", [1e8, 1e10, 1e12])
def test_an_ill_conditioned_inverse_is_called_that(condition):
    """Its pole is nearer than any step: neither a kink, nor a wrong rule."""
    rng = np.random.default_rng(0)
    left, right = (np.linalg.qr(rng.standard_normal((5, 5)))[0] for _ in range(2))
    report = ag.gradcheck(ag.linalg.inv, (left * np.geomspace(1.0, 1.0 / condition, 5)) @ right)
    assert report.verdict == "ILL-CONDITIONED" and "last bits of its inputs" in report.reason, str(report)


@pytest.mark.parametrize(
    ("f", "order"),
    [
        (lambda a: ag.linalg.eigvalsh(a), 2),
        (lambda a: ag.linalg.svdvals(a), 2),
        (lambda a: ag.linalg.eigh(a)[1], 1),
    ],
)
def test_a_rule_that_says_there_is_no_derivative_is_believed(f, order):
    """Equal eigenvalues: an error of the function's own would leave the check, that of a rule is a verdict."""
    report = ag.gradcheck(f, np.diag([1.0, 1.0, 2.0]), order=order)
    assert report.verdict == "NOT DIFFERENTIABLE" and f"no derivative of order {order}" in report.reason, str(report)
    assert "equal" in report.reason and report.rows[-1].verdict == "NOT DIFFERENTIABLE"
