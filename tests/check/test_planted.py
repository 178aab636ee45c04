"""The checker is itself checked: every kind of error, in every rule of the table, is caught, and the operation named.

An error counts as planted where it changes the derivative of at least one sample: it is then a wrong rule, and must be
caught there. Where it changes none (the sign of a zero, a transpose of a vector), it is no error, and is listed as such.
Which operations a sample runs is read from a record of it, so that those behind a public function are not forgotten.

A short run takes a third of the kinds of error for every rule, one of them in a network, too; AUTOGRAD_NN_CHECK=all takes all.
"""

import collections
import functools
import os

import numpy as np
import pytest
from extent import ALL, stratum, taken
from planting import (
    ERRORS,
    SECOND_ORDER,
    places,
    planted,
    planted_at_second_order,
    planted_in_composition,
    planted_in_place,
    planted_unbroadcasting,
)

import autograd_nn as ag
from autograd_nn.check.certificate import function_of
from autograd_nn.check.finite import floating_outputs
from autograd_nn.check.samples import rows

SAMPLES = int(os.environ.get("AUTOGRAD_NN_SAMPLES", "1"))
"""In how many samples of each operation an error is planted; a large number takes all."""

TRIED = 20
"""In how many samples of an operation a place is looked for at which an error is one; its own samples come first."""


def operations_in(f, arrays):
    """The operations with a derivative that a function runs."""
    with np.errstate(all="ignore"), ag.record() as r:
        f(*[ag.tensor(a, requires_grad=True) for a in arrays])
    return {e.op.name: e.op for e in r.entries if e.node is not None}


def collected():
    """{name: (operation, its smooth samples, those at kinks)}; a sample is (function of the inputs, inputs, order)."""
    found = {}
    for row in rows():
        for call in row.calls:
            arrays = [call.arrays[i] for i in call.differentiated()]
            kink = call.order == 0 and call.gradient is not None and all(np.isfinite(a).all() for a in arrays)
            if not arrays or not (call.order or kink):
                continue
            f, arrays = function_of(row, call)
            for name, op in operations_in(f, arrays).items():
                samples = found.setdefault(name, (op, [], []))[2 if kink else 1]
                samples.append((name != row.name, f, arrays, call.order))
    own_first = lambda samples: [s[1:] for s in sorted(samples, key=lambda s: s[0])][:TRIED]
    return {name: (op, own_first(smooth), own_first(kinks)) for name, (op, smooth, kinks) in sorted(found.items())}


OPERATIONS = collected()
counts = collections.Counter()
harmless = collections.defaultdict(list)


def derivative(f, arrays):
    """The engine's derivative at a random cotangent, or the kind of error that taking it raises."""
    rng = np.random.default_rng(7)
    leaves = [ag.tensor(a, requires_grad=True) for a in arrays]
    total = [np.zeros(a.shape) for a in arrays]
    try:
        for out in floating_outputs(f(*leaves)):
            g = rng.standard_normal(out.shape)
            if out.requires_grad:
                found = ag.gradients(out, leaves, g, allow_unused=True, retain_graph=True)
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


def network_around(middle, arrays, before_it=5, after_it=15):
    """The suspect at the inputs of its sample, with twice as many operations before each input and after each output."""

    def before(x):
        for _ in range(before_it):
            x = bow(bend(x))
        return x

    starts = [inverse(before, a) for a in arrays]

    def network(*inputs):
        parts = floating_outputs(middle(*[before(x) for x in inputs]))
        for _ in range(after_it):
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


def cases(samples_at):
    """A parameter for each rule of each operation that has samples of a kind."""
    return [
        pytest.param(op, name, planter, id=f"{op.name}-{name or 'joint'}{'-in-place' * (planter is planted_in_place)}")
        for op, *samples in OPERATIONS.values()
        if samples[samples_at]
        for name, planter in places(op)
    ]


@functools.cache
def network_of(operation, number):
    """The network around one of an operation's samples, and where it starts."""
    return network_around(*OPERATIONS[operation][1][number][:2])


@functools.cache
def right_derivative(operation, number):
    f, arrays, _ = OPERATIONS[operation][1][number]
    right = derivative(f, arrays)
    assert isinstance(right, list), "a derivative that is right does not raise"
    return right


@pytest.mark.parametrize("operation", [name for name, (_, smooth, _) in OPERATIONS.items() if smooth])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_network_without_an_error_passes(operation):
    network, starts = network_of(operation, 0)
    report = ag.gradcheck(network, *starts)
    assert report.verdict == "PASS", str(report)


@pytest.mark.parametrize(("op", "name", "planter"), cases(0))
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_planted_errors_are_caught_and_named(op, name, planter):
    samples, named = OPERATIONS[op.name][1], 0
    for error in stratum(f"{op.name}.{name}", ERRORS, 3):
        if planter is planted_in_place and error in ("input for output", "sum forgotten"):
            counts[error, "not applicable"] += 1  # its arguments are a total and the cotangent
            continue
        tried = 0
        for number, (f, arrays, _) in enumerate(samples):
            right = right_derivative(op.name, number)
            with planter(op, name, error):
                if not differ(derivative(f, arrays), right):
                    continue
                tried += 1
                counts[error, "planted"] += 1
                report = ag.gradcheck(f, *arrays)
                assert report.verdict == "FAIL", f"{error} in {op.name}, {name}: {report}"
                assert report.place.operation == op.name
                counts[error, "caught"] += 1
                if tried == 1 and (ALL or not named):
                    network, starts = network_of(op.name, number)
                    report = ag.gradcheck(network, *starts)
                    assert report.verdict == "FAIL", f"{error} in {op.name}, {name}, in a network: {report}"
                    assert report.place.operation == op.name, f"{error} in {op.name}, {name}: {report}"
                    counts[error, "named in a network"] += 1
                    named += 1
            if tried == SAMPLES:
                break
        if not tried:
            counts[error, "changes nothing"] += 1
            harmless[error].append(f"{op.name}.{name}")


@pytest.mark.parametrize(("op", "name", "planter"), cases(1))
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_planted_errors_are_caught_at_kinks(op, name, planter):
    """That a point has no derivative excuses no wrong rule."""
    for error in stratum(f"{op.name}.{name}", ("sign flipped", "factor 2", "factor 1.001"), 3):
        for f, arrays, _ in OPERATIONS[op.name][2]:
            rng = np.random.default_rng(3)
            nearby = [a + 1e-2 * rng.uniform(0.5, 1.0, a.shape) for a in arrays]
            right = derivative(f, nearby)
            assert isinstance(right, list), "a derivative that is right does not raise"
            with planter(op, name, error):
                if not differ(derivative(f, nearby), right):
                    continue
                counts[error, "planted at a kink"] += 1
                report = ag.gradcheck(f, *arrays)
                assert report.verdict == "FAIL", f"{error} in {op.name}, {name}: {report}\n{arrays}"
                assert report.place.operation == op.name
                counts[error, "caught at a kink"] += 1


def second_derivative(f, arrays):
    """The engine's derivative of a random projection of the gradient, or the kind of error that taking it raises."""
    rng = np.random.default_rng(7)
    leaves = [ag.tensor(a, requires_grad=True) for a in arrays]
    total = [np.zeros(a.shape) for a in arrays]
    try:
        for out in [o for o in floating_outputs(f(*leaves)) if o.requires_grad]:
            gs = ag.gradients(out, leaves, rng.standard_normal(out.shape), create_graph=True, allow_unused=True)
            for g in [g for g in gs if g is not None and g.requires_grad]:
                found = ag.gradients(g, leaves, rng.standard_normal(g.shape), allow_unused=True, retain_graph=True)
                total = [t if c is None else t + c.numpy() for t, c in zip(total, found, strict=True)]
    except Exception as error:
        return type(error)
    return total


@pytest.mark.parametrize(("op", "name", "planter"), [c for c in cases(0) if c.values[2] is planted])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_errors_planted_at_second_order_are_caught_and_named(op, name, planter):
    """A rule whose values are right and whose own derivative is wrong; of a joint rule, see the compositions below."""
    if name is None:
        return
    samples = [(f, arrays) for f, arrays, order in OPERATIONS[op.name][1] if order == 2]
    for error in stratum(f"{op.name}.{name}", SECOND_ORDER, 3):
        for f, arrays in samples:
            # What comes after makes the cotangent depend on the inputs, so that a linear operation's rule counts, too.
            f, arrays = network_around(f, arrays, 1, 1)
            right = second_derivative(f, arrays)
            assert isinstance(right, list), "a derivative that is right does not raise"
            with planted_at_second_order(op, name, error):
                if not differ(second_derivative(f, arrays), right):
                    continue
                counts[error, "planted at order 2"] += 1
                report = ag.gradcheck(f, *arrays, order=2)
                assert_named_at_second_order(report, op, error)
                counts[error, "caught at order 2"] += 1
            break
        else:
            counts[error, "changes nothing at order 2"] += 1
            harmless[error + " at order 2"].append(f"{op.name}.{name}")


def assert_named_at_second_order(report, op, error):
    assert not report, f"{error} in {op.name}: {report}"
    assert {r.verdict for r in report.rows if r.order == 1} == {"PASS"}
    if error == "detached":
        assert report.verdict == "NOT DIFFERENTIABLE" and "detach at" in report.reason, report
    else:
        assert report.place.operation == "misremembered", report
        assert report.place.derivative_of == op.name, report


@pytest.mark.parametrize("op", [op for op, *_ in OPERATIONS.values() if op.joint is not None], ids=lambda op: op.name)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_composition_that_means_another_function_is_caught_and_named(op):
    """What a joint rule is at second order: a recorded derivative reruns the composition, and never sees the joint rule."""
    f, arrays = next(s[:2] for s in OPERATIONS[op.name][1] if s[2] == 2)
    f, arrays = network_around(f, arrays)
    assert ag.gradcheck(f, *arrays, order=2).verdict == "PASS"
    right = recorded_derivative(f, arrays)
    for error in stratum(op.name, [e for e in SECOND_ORDER if e != "detached"], 2):
        with planted_in_composition(op, error):
            if not differ(recorded_derivative(f, arrays), right):
                counts[error, "changes nothing at order 2"] += 1
                harmless[error + " at order 2"].append(f"{op.name}'s composition")
                continue
            counts[error, "planted at order 2"] += 1
            report = ag.gradcheck(f, *arrays, order=2)
        assert report.verdict == "FAIL" and report.place.operation == op.name, report
        assert {r.verdict for r in report.rows if r.order == 1} == {"PASS"}
        assert f"the recorded derivative of {op.name}" in report.reason and "composition" in report.place.hint
        counts[error, "caught at order 2"] += 1
        counts[error, "named in a network at order 2"] += 1


def recorded_derivative(f, arrays):
    rng = np.random.default_rng(7)
    leaves = [ag.tensor(a, requires_grad=True) for a in arrays]
    total = [np.zeros(a.shape) for a in arrays]
    for out in [o for o in floating_outputs(f(*leaves)) if o.requires_grad]:
        found = ag.gradients(out, leaves, rng.standard_normal(out.shape), create_graph=True, allow_unused=True)
        total = [t if c is None else t + c.detach().numpy() for t, c in zip(total, found, strict=True)]
    return total


RULES = [c for c in cases(0) if c.values[1] is not None and c.values[2] is planted]


@pytest.mark.parametrize(("op", "name", "planter"), [c for c in RULES if taken(c.id, 12)])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_second_order_names_one_operation_among_forty(op, name, planter):
    for f, arrays in [s[:2] for s in OPERATIONS[op.name][1] if s[2] == 2]:
        f, arrays = network_around(f, arrays)
        right = second_derivative(f, arrays)
        assert isinstance(right, list), "a derivative that is right does not raise"
        with planted_at_second_order(op, name, "factor 1.001"):
            if differ(second_derivative(f, arrays), right):
                assert_named_at_second_order(ag.gradcheck(f, *arrays, order=2), op, "factor 1.001")
                counts["factor 1.001", "named in a network at order 2"] += 1
                break
    else:
        counts["factor 1.001", "changes nothing in a network at order 2"] += 1
        harmless["factor 1.001 in a network at order 2"].append(f"{op.name}.{name}")


def test_errors_in_the_central_unbroadcasting():
    x, b = np.random.default_rng(0).standard_normal((4, 4)), np.random.default_rng(1).standard_normal((1, 4))
    for operation in (ag.add, ag.subtract, ag.multiply, ag.divide, ag.maximum):
        f = lambda x, b, operation=operation: operation(ag.tanh(x), ag.exp(b))
        for error in ("sign flipped", "factor 2", "factor 1.001", "one element zeroed", "sum forgotten"):
            with planted_unbroadcasting(error):
                counts[error, "planted"] += 1
                network, starts = network_around(f, [x, b])
                for g, arrays in ((f, [x, b]), (network, starts)):
                    report = ag.gradcheck(g, *arrays)
                    assert report.verdict == "FAIL"
                    assert report.place.operation == operation.__name__, f"{error}: {report}"
                counts[error, "caught"] += 1
                counts[error, "named in a network"] += 1


COLUMNS = {
    "at order 1": ("planted", "caught", "named in a network", "changes nothing", "not applicable"),
    "at kinks": ("planted at a kink", "caught at a kink"),
    "at order 2": (
        "planted at order 2",
        "caught at order 2",
        "named in a network at order 2",
        "changes nothing at order 2",
    ),
}


def test_the_count(capsys):
    """Everything planted was caught; runs last in the file, and prints."""
    with capsys.disabled():
        for where, columns in COLUMNS.items():
            print(f"\nplanted {where:<16}" + "".join(f"{c:>31}" for c in columns))
            for error in (*dict.fromkeys([*ERRORS, *SECOND_ORDER]), "all"):
                numbers = [sum(n for (e, k), n in counts.items() if k == c and error in (e, "all")) for c in columns]
                if any(numbers):
                    print(f"{error:<24}" + "".join(f"{n:>31}" for n in numbers))
        for order in ("", " at order 2"):
            print(
                f"\nA flipped sign changes nothing{order} in {', '.join(harmless['sign flipped' + order]) or 'none'}."
            )
        if not ALL:
            print("This was a third of the kinds of error for every rule; AUTOGRAD_NN_CHECK=all takes all.")
    for error in (*ERRORS, *SECOND_ORDER):
        for suffix in ("", " at a kink", " at order 2"):
            assert counts[error, "planted" + suffix] == counts[error, "caught" + suffix]
