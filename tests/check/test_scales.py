"""Elements of very different size, or next to where a function ends: no false alarm, and an error of a thousandth is found."""

import numpy as np
import pytest

import autograd_nn as ag
from autograd_nn.check.scales import LAST_BITS, own_scales, short

# A function, and inputs that mix elements for which one step is a leap with ones for which it is nothing.
MIXED = {
    "sqrt": (np.sqrt, [1e-20, 1.0], 2),
    "sqrt, ten of them": (np.sqrt, 10.0 ** -np.arange(10), 2),
    "sqrt, a thousand": (np.sqrt, 10.0 ** -np.linspace(0, 30, 1000), 2),
    "sqrt, one of many": (np.sqrt, np.r_[1e-20, np.ones(300)], 2),
    "sqrt, summed": (lambda x: np.sqrt(x).sum(), [1e-20, 1.0], 2),
    "log": (np.log, [1e-20, 1.0, 1e10], 2),
    "x**0.3": (lambda x: x**0.3, [1e-20, 1.0], 2),
    "x log x": (lambda x: x * np.log(x), [1e-20, 1.0], 2),
    "cbrt": (np.cbrt, [1e-20, 1.0], 2),
    "1 / x": (lambda x: 1.0 / x, [1e-20, 1.0], 2),
    "log1p": (np.log1p, [-1 + 1e-9, 1.0], 2),
    "log1p, 9,000 last bits from the edge": (np.log1p, [-1 + 1e-12, 1.0], 1),
    "log1p, several distances": (np.log1p, -1 + 10.0 ** -np.arange(10), 1),
    "arcsin": (np.arcsin, [1 - 1e-9, 0.3], 2),
    "arcsin, 9,000 last bits from the edge": (np.arcsin, [1 - 1e-12, 0.3], 1),
    "arctanh": (np.arctanh, [1 - 1e-10, 0.3], 2),
    "arccosh": (np.arccosh, [1 + 1e-10, 3.0], 1),
    "relu": (ag.relu, [1e-20, 1.0], 1),
    "exp": (np.exp, [1e-20, 1.0, -50.0, 60.0], 2),
}


@pytest.mark.parametrize("name", MIXED)
def test_mixed_vectors_pass(name):
    f, x, order = MIXED[name]
    assert ag.gradcheck(f, np.array(x), order=order).verdict == "PASS"


def test_what_cannot_be_had_is_said_and_not_failed():
    """A second derivative 9,000 last bits from the edge; one that no double can hold."""
    assert ag.gradcheck(np.log1p, np.array([-1 + 1e-12, 1.0]), order=2).verdict == "ILL-CONDITIONED"
    assert ag.gradcheck(np.log, np.array([1e-200, 1.0, 1e200]), order=2).verdict == "ILL-CONDITIONED"
    assert ag.gradcheck(np.tanh, np.array([1e-30, 1.0, 1e30])).verdict in ("PASS", "ILL-CONDITIONED")


# A function and its derivative, written with ufuncs.
PAIRS = {
    "sqrt": (np.sqrt, lambda x: 0.5 / np.sqrt(x)),
    "log": (np.log, lambda x: 1 / x),
    "log1p": (np.log1p, lambda x: 1 / (1 + x)),
    "arcsin": (np.arcsin, lambda x: 1 / np.sqrt((1 - x) * (1 + x))),
    "exp": (np.exp, np.exp),
    "1 / x": (lambda x: 1 / x, lambda x: -1 / (x * x)),
    "x**0.3": (lambda x: x**0.3, lambda x: 0.3 * x**-0.7),
}
POINTS = {
    "tiny and ordinary": [1e-20, 1.0],
    "1e-30": [1e-30, 2e-30],
    "1e30": [1e30, 3e30],
    "sixty decades": [1e-30, 1e-10, 1.0, 1e10, 1e30],
    "beside 1": [1 - 1e-9, 0.3],
    "beside -1": [-1 + 1e-9, 0.5],
    "values of fifty decades": [-60.0, 0.1, 60.0],
}


def scaled(f, slope, factor):
    """f as an operation whose derivative is wrong by a factor."""

    @ag.op(kind="opaque")
    def suspect(x, /):
        return f(x)

    suspect.vjp(x=lambda g, x: g * slope(np.asarray(x)) * factor)
    return suspect


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("name", PAIRS)
def test_an_error_of_a_thousandth_in_one_element_is_found_at_every_scale(name, point):
    f, slope = PAIRS[name]
    x = np.array(POINTS[point])
    with np.errstate(all="ignore"):
        if not (np.isfinite(f(x)).all() and np.isfinite(slope(x)).all()):
            return
    for wrong in (None, *range(x.size)):
        factor = np.ones(x.size)
        if wrong is not None:
            factor[wrong] = 1.001

        suspect = scaled(f, slope, factor)
        with np.errstate(all="ignore"):
            report = ag.gradcheck(suspect, x)
        assert report.verdict == ("PASS" if wrong is None else "FAIL"), f"element {wrong}: {report}"
        assert wrong is None or report.place.index == (wrong,), report
        assert wrong is None or report.place.ratio == pytest.approx(1.001, rel=1e-4)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1e-30, 1e-3, 1.0, 1e3, 1e30])
def test_an_error_of_a_thousandth_in_a_network_of_any_scale_is_found(size, dtype):
    """Inputs, values and parameters that are tiny or huge, in float32 too."""
    rng = np.random.default_rng(4)
    w = ag.tensor(rng.standard_normal((3, 3)).astype(dtype), requires_grad=True)
    x = (rng.standard_normal((2, 3)) * size).astype(dtype)
    for factor, verdict in ((1.0, "PASS"), (1.001, "FAIL")):
        suspect = scaled(np.sin, np.cos, factor)
        report = ag.gradcheck(lambda x, suspect=suspect: suspect((x * (1 / size)) @ w) * size, x)
        assert report.verdict == verdict, report
        assert verdict == "PASS" or report.place.operation == "suspect"


def test_steps_are_exact():
    rng = np.random.default_rng(0)
    b = rng.standard_normal(100)
    v = short(b * rng.uniform(-1, 1, 100))
    for level in range(9):
        t = 2.0**-7 * 8.0**-level
        assert ((b + t * v) - b == t * v).mean() > 0.9
    assert short(np.array([[1e-300, -3.0]], order="F")).tolist() == [[1e-300 * 0 + short(np.array(1e-300)), -3.0]]


def test_own_scales_of_what_needs_none():
    assert own_scales([np.ones(3)], [1.0], lambda moves: True) is None
    edge = own_scales([np.zeros(3)], [1.0], lambda moves: not moves[0][1].any())  # it stands on the edge itself
    assert edge is None
    (found,) = own_scales([np.ones(3)], [1.0], lambda moves: abs(moves[0][1]) < 1e-5)
    assert found[0] == found[2] == 1.0 and LAST_BITS * 2.0**-52 < found[1] / 128 < 1e-5


TINY_ONES_WRONG = {
    "sqrt": (np.sqrt, lambda x: 0.5 / np.sqrt(x), (0.0, 1.001, 1.01)),
    "exp": (np.exp, np.exp, (0.0, 1.001, -1.0)),
    "relu": (lambda x: np.maximum(x, 0.0), lambda x: np.where(x > 0, 1.0, 0.0), (0.5, -1.0)),
}


@pytest.mark.parametrize("behind", ["nothing", "a sum", "a product"])
@pytest.mark.parametrize("name", TINY_ONES_WRONG)
def test_an_element_on_a_scale_of_its_own_has_to_be_confirmed(name, behind):
    """Wrong only where elements are tiny, and lost among other outputs: moving it less must not make it agree."""
    f, slope, factors = TINY_ONES_WRONG[name]
    w = np.random.default_rng(0).standard_normal((3, 2))
    ends = {"nothing": lambda y: y, "a sum": lambda y: y.sum(), "a product": lambda y: w @ y}
    for factor in factors:
        suspect = scaled(f, slope, np.array([factor, 1.0]))
        report = ag.gradcheck(lambda x, suspect=suspect: ends[behind](suspect(x)), np.array([1e-20, 1.0]))
        assert report.verdict == "FAIL" and report.place.operation == "suspect", f"{factor}: {report}"


def test_inputs_that_are_all_tiny_do_not_hide_a_function_of_ordinary_scale():
    """exp at 1e-30 changes by nothing within its inputs' own size; its derivative is 1 all the same, and is seen."""
    x = np.array([1e-32, 1e-20])
    for factor, verdict in ((1.0, "PASS"), (1.001, "FAIL"), (0.0, "FAIL")):
        assert ag.gradcheck(scaled(np.exp, np.exp, factor), x).verdict == verdict
