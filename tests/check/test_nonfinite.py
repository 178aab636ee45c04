"""The first producer of a NaN or Inf, forward and backward, and the trap of where(condition, log(x), 0)."""

import numpy as np
import pytest

import autograd_nn as ag
from autograd_nn.engine import modes


def test_the_first_producer_forward():
    def f(x):
        with modes.change(scope=modes.Scope("encoder.norm", 0)):
            y = ag.log(x - 1.0)
        return ag.exp(y * 2.0).sum() + (y * y).sum()

    origin = ag.trace_nonfinite(f, np.array([2.0, 1.0, 3.0]))
    assert origin and origin.operation == "log" and origin.what == "-inf" and origin.index == (1,)
    assert not origin.backward
    assert origin.module == "encoder.norm" and "test_nonfinite.py" in origin.line
    assert origin.passed_on >= 3
    assert "from 0 to 2, 1 of 3 zero" in origin.operands[0]
    for words in ("NOT FINITE", "log", "encoder.norm", "passed on by"):
        assert words in str(origin)


def test_the_first_producer_backward():
    origin = ag.trace_nonfinite(lambda x: ag.sqrt(x).sum() * 2.0, np.array([4.0, 0.0]))
    assert origin.backward and origin.rule_of == "sqrt"
    assert origin.what == "inf" and origin.index == (1,)
    assert "test_nonfinite.py" in origin.line


def test_the_trap_of_where():
    x = np.array([1.0, 0.0, 2.0])
    origin = ag.trace_nonfinite(lambda x: ag.where(x > 0, ag.log(x), 0.0).sum(), x)
    assert origin.operation == "log" and "ag.where(condition, log(ag.where(condition, x, 1.0)), 0.0)" in origin.advice
    root = ag.trace_nonfinite(lambda x: ag.where(x > 0, ag.sqrt(x) * 2.0, 0.0).sum(), x)
    assert root.backward and root.rule_of == "sqrt" and "where() at" in root.advice
    mended = ag.trace_nonfinite(lambda x: ag.where(x > 0, ag.log(ag.where(x > 0, x, 1.0)), 0.0).sum(), x)
    assert not mended and str(mended).startswith("FINITE")


def test_float32_overflow_is_seen_in_float32():
    x = ag.tensor([100.0, 1.0])
    origin = ag.trace_nonfinite(lambda x: ag.exp(x), x)
    assert origin.operation == "exp" and origin.what == "inf"
    assert x.dtype == np.float32
    assert not ag.trace_nonfinite(lambda x: ag.exp(x), np.array([100.0, 1.0]))


def test_a_value_that_came_in_bad_is_named():
    w = ag.tensor([1.0, np.nan], requires_grad=True, name="head.weight")
    origin = ag.trace_nonfinite(lambda x: x * w, np.ones(2))
    assert origin.given == "head.weight" and origin.what == "nan" and "before any operation ran" in str(origin)
    origin = ag.trace_nonfinite(lambda x: x * 2.0, np.array([np.inf, 1.0]))
    assert origin.given == "x"
    masked = np.array([0.0, -np.inf])
    assert not ag.trace_nonfinite(lambda x: ag.exp(x + masked) * 1.0, np.zeros(2)), "a mask is no fault"


@ag.op(kind="fused")
def fused_root(x, /):
    return ag.sqrt(x)


fused_root.joint_vjp(lambda g, out, wanted: [0.5 * g / out])


def line_of_the_traceback(caught):
    """The last line of this file in a traceback."""
    return [entry for entry in caught.traceback if str(entry.path).endswith("test_nonfinite.py")][-1].statement


def test_detect_raises_at_the_line_that_makes_it():
    x = ag.tensor([1.0, 0.0], requires_grad=True)
    with pytest.raises(ag.check.NonfiniteError, match="log made -inf") as caught, ag.detect_nonfinite():
        y = ag.exp(x)
        y = ag.log(x) + y
        raise AssertionError("not reached")
    assert "ag.log(x) + y" in str(line_of_the_traceback(caught))
    assert caught.value.origin.operation == "log" and "choose the argument" in caught.value.origin.advice
    assert modes.current().tracer is None


def test_detect_raises_in_the_backward_walk_and_names_the_line_of_the_operation():
    x = ag.tensor([1.0, 0.0], requires_grad=True)
    with pytest.raises(ag.check.NonfiniteError, match="the derivative of sqrt") as caught, ag.detect_nonfinite():
        y = ag.sqrt(x).sum()
        y.backward()
    origin = caught.value.origin
    assert origin.rule_of == "sqrt" and "y.backward()" in str(line_of_the_traceback(caught))
    assert x.grad is None, "nothing half-changed"
    with pytest.raises(ag.check.NonfiniteError, match="where\\(\\) at"), ag.detect_nonfinite():
        ag.where(x > 0, ag.sqrt(x) * 2.0, 0.0).sum().backward()
    with pytest.raises(ag.check.NonfiniteError) as caught, ag.detect_nonfinite():
        fused_root(x).sum().backward()
    assert caught.value.origin.rule_of == "fused_root" and caught.value.origin.operation == "fused_root_derivative"


def test_detect_can_wait_for_the_end_of_the_block():
    x = ag.tensor([1.0, 0.0], requires_grad=True)
    with pytest.raises(ag.check.NonfiniteError, match="passed on by 2 later") as caught:
        with ag.detect_nonfinite(at_once=False):
            y = (ag.log(x) * 2.0).sum()
        raise AssertionError("not reached")
    assert y.item() == -np.inf and caught.value.origin.operation == "log"


@pytest.mark.parametrize("at_once", [True, False])
def test_detect_says_nothing_of_what_is_finite_and_notes_other_errors(at_once):
    x = ag.tensor([1.0, 0.0], requires_grad=True)
    with ag.detect_nonfinite(at_once) as record:
        y = ag.sqrt(x + 1.0).sum()
        y.backward()
    assert [e.name for e in record.entries][:3] == ["add", "sqrt", "sum"]
    with ag.detect_nonfinite(at_once):
        ag.softmax(x + np.array([0.0, -np.inf]))  # a mask that came in is no fault
    w = ag.tensor([np.nan], name="w")
    with pytest.raises(KeyError) as error, ag.detect_nonfinite(at_once):
        w * 2.0
        raise KeyError("mine")
    assert "w held nan" in error.value.__notes__[0]
    with pytest.raises(ag.check.NonfiniteError, match="w held nan"), ag.detect_nonfinite(at_once):
        w * 2.0
    assert modes.current().tracer is None
    with ag.record(), pytest.raises(RuntimeError, match="already running"), ag.detect_nonfinite(at_once):
        pass


def test_the_callers_things_are_left_as_they_were():
    w = ag.tensor([0.0, 1.0], requires_grad=True)
    state = ag.zeros((2,))

    def f(x):
        y = ag.log(x * w)
        with ag.no_grad():
            ag.assign(state, state + 1.0)
        return y

    assert ag.trace_nonfinite(f, ag.tensor([1.0, 1.0]))
    np.testing.assert_array_equal(state.numpy(), 0.0)
    assert w.grad is None


def test_to_dict():
    assert ag.trace_nonfinite(ag.log, np.array([0.0])).to_dict()["operation"] == "log"


@pytest.mark.parametrize("number", [np.inf, -np.inf, np.nan])
def test_a_python_number_that_is_not_finite_is_found(number):
    origin = ag.trace_nonfinite(lambda x: x * number, np.array([0.0, 1.0]))
    assert origin and "the number given to multiply" in str(origin) and str(number) in str(origin)


def test_a_number_that_a_mask_uses_up_is_no_fault():
    mask = np.array([True, False])
    assert not ag.trace_nonfinite(lambda x: ag.softmax(ag.where(mask, x, -np.inf)).sum(), np.array([1.0, 2.0]))
