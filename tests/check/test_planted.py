"""The checker is itself checked: every kind of error, in every rule of the table, is caught, and the operation named.

An error counts as planted where it changes the derivative of at least one sample: it is then a wrong rule, and must be
caught there. Where it changes none (the sign of a zero, a transpose of a vector), it is no error, and is listed as such.
"""

import collections
import importlib
import os

import numpy as np
import pytest
from planting import ERRORS, places, planted_in_place, planted_unbroadcasting

import autograd_nn as ag
from autograd_nn.check.certificate import function_of
from autograd_nn.check.finite import floating_outputs
from autograd_nn.check.samples import in_a_list, rows

SAMPLES = int(os.environ.get("AUTOGRAD_NN_SAMPLES", "1"))
"""In how many samples of each operation an error is planted; a large number takes all."""

OPERATIONS = {}
for row in rows():
    op = getattr(row.function, "op", None)
    if op is None and row.arrange is in_a_list:
        arranged = getattr(importlib.import_module(row.function.__module__), row.function.__name__ + "_", None)
        op = getattr(arranged, "op", None)  # None: a composition, which has no rule of its own
    if op is not None and op.has_rule():
        calls = [c for c in row.calls if c.order > 0 and c.differentiated()]
        if calls:
            OPERATIONS.setdefault(op.name, (op, row, calls))

counts = collections.Counter()


def derivative(f, arrays):
    """The engine's derivative at a random cotangent, or the kind of error that taking it raises."""
    rng = np.random.default_rng(7)
    leaves = [ag.tensor(a, requires_grad=True) for a in arrays]
    total = [np.zeros(a.shape) for a in arrays]
    try:
        for out in floating_outputs(f(*leaves)):
            g = rng.standard_normal(out.shape)
            if out.requires_grad:
                found = ag.gradients(out, leaves, g, allow_unused=True)
                total = [t if c is None else t + c.detach().numpy() for t, c in zip(total, found, strict=True)]
    except Exception as error:  # a forgotten sum may leave a shape that no operation takes
        return type(error)
    return total


def differ(a, b):
    if isinstance(a, type) or isinstance(b, type):
        return a is not b
    size = max((np.abs(x).max(initial=0.0) for x in a), default=0.0) or 1.0
    return any(np.abs(x - y).max(initial=0.0) > 1e-5 * size for x, y in zip(a, b, strict=True))


@ag.op(kind="elementwise")
def bend(x, /):
    """An operation of the surroundings, which no error is planted in: two flipped signs would make a right one."""
    return x + 0.3 * np.sin(0.7 * x)


bend.vjp(x=lambda g, x: g * (np.cos(0.7 * x) * 0.21 + 1.0))


@ag.op(kind="elementwise")
def bow(x, /):
    return 0.2 * np.tanh(0.5 * x) + 0.9 * x


bow.vjp(x=lambda g, x: g * (0.1 / np.cosh(0.5 * x) ** 2 + 0.9))


def deep_network(middle, arrays):
    """The suspect between 10 operations before each input and 30 after each output, at the inputs of its sample."""

    def before(x):
        for _ in range(5):
            x = bow(bend(x))
        return x

    starts = [inverse(before, a) for a in arrays]

    def network(*inputs):
        parts = floating_outputs(middle(*[before(x) for x in inputs]))
        for _ in range(15):
            parts = [bow(bend(p)) for p in parts]
        return tuple(parts)

    return network, starts


def inverse(f, a):
    """Where the increasing function f of arrays is a, by bisection."""
    low, high = np.full(a.shape, -1e3), np.full(a.shape, 1e3)
    for _ in range(80):
        middle = (low + high) / 2
        above = f(middle) > a
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    return (low + high) / 2


CASES = [
    pytest.param(
        op, row, calls, name, planter, id=f"{op.name}-{name or 'joint'}{'-in-place' * (planter is planted_in_place)}"
    )
    for op, row, calls in OPERATIONS.values()
    for name, planter in places(op)
]


@pytest.mark.parametrize(("op", "row", "calls", "name", "planter"), CASES)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_planted_errors_are_caught_and_named(op, row, calls, name, planter):
    clean, starts = deep_network(*function_of(row, calls[0]))
    assert ag.gradcheck(clean, *starts).verdict == "PASS"
    for error in ERRORS:
        if planter is planted_in_place and error in ("input for output", "sum forgotten"):
            counts[error, "not applicable"] += 1  # its arguments are a total and the cotangent
            continue
        tried = 0
        for call in calls:
            f, arrays = function_of(row, call)
            right = derivative(f, arrays)
            with planter(op, name, error):
                if not differ(derivative(f, arrays), right):
                    continue
                tried += 1
                counts[error, "planted"] += 1
                report = ag.gradcheck(f, *arrays)
                assert report.verdict == "FAIL", f"{error} in {op.name}, {name}: {report}"
                assert report.place.operation == op.name
                counts[error, "caught"] += 1
                if tried == 1:
                    network, starts = deep_network(f, arrays)
                    report = ag.gradcheck(network, *starts)
                    assert report.verdict == "FAIL", f"{error} in {op.name}, {name}, in a network: {report}"
                    assert report.place.operation == op.name, f"{error} in {op.name}, {name}: {report}"
                    counts[error, "named in a network"] += 1
            if tried == SAMPLES:
                break
        if not tried:
            counts[error, "changes nothing"] += 1


def test_errors_in_the_central_unbroadcasting():
    x, b = np.random.default_rng(0).standard_normal((4, 4)), np.random.default_rng(1).standard_normal((1, 4))
    for operation in (ag.add, ag.subtract, ag.multiply, ag.divide, ag.maximum):
        f = lambda x, b, operation=operation: operation(ag.tanh(x), ag.exp(b))
        for error in ("sign flipped", "factor 2", "factor 1.001", "one element zeroed", "sum forgotten"):
            with planted_unbroadcasting(error):
                counts[error, "planted"] += 1
                network, starts = deep_network(f, [x, b])
                for g, arrays in ((f, [x, b]), (network, starts)):
                    report = ag.gradcheck(g, *arrays)
                    assert report.verdict == "FAIL"
                    assert report.place.operation == operation.__name__, f"{error}: {report}"
                counts[error, "caught"] += 1
                counts[error, "named in a network"] += 1


def test_the_count(capsys):
    """Everything planted was caught; runs last in the file, and prints."""
    columns = ("planted", "caught", "named in a network", "changes nothing", "not applicable")
    with capsys.disabled():
        print(f"\n{'planted error':<20}" + "".join(f"{c:>20}" for c in columns))
        for error in (*ERRORS, "all"):
            numbers = [sum(n for (e, k), n in counts.items() if k == c and error in (e, "all")) for c in columns]
            print(f"{error:<20}" + "".join(f"{n:>20}" for n in numbers))
    for error in ERRORS:
        assert counts[error, "planted"] == counts[error, "caught"]
