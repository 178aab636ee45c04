"""`gradcheck` and `check_model`: is the derivative that the engine computes the derivative of the function?

report = ag.gradcheck(f, x, w)
print(report)                  # PASS, or the operation whose rule is wrong
ag.check_model(model, x, loss=lambda y: ag.cross_entropy(y, labels))
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..engine.tensor import Tensor
from . import examine, probe
from .examine import Examination
from .hold import Problem, Subject
from .kinks import judge, wrong_beside
from .localise import Place, localise
from .readings import first_apart, same_reading
from .report import (
    FAIL,
    ILL_CONDITIONED,
    KINK,
    MUTATES,
    NOT_DETERMINISTIC,
    NOT_DIFFERENTIABLE,
    PASS,
    Report,
    Row,
)

# A central difference with one extrapolation keeps ten to eleven digits of sixteen, an ill-conditioned one eight; an error of a
# thousandth is 10^4 times the tolerance. Nothing is allowed absolutely: see `examine`.
RTOL, ATOL = 1e-7, 0.0
COVERAGE = ("directions", "sampled", "full")


def gradcheck(
    f: Callable[..., Any],
    *inputs: Any,
    order: int = 1,
    rtol: float | None = None,
    atol: float | None = None,
    coverage: str = "sampled",
    seed: int = 0,
) -> Report:
    """Hold the derivatives of f at the inputs against finite differences, and name the operation that is wrong.

    `inputs`: Tensors, arrays and floats, nested as f takes them (a list of floats is an array); the floating ones are
    differentiated, in float64 whatever their dtype. `order`: 2 checks the derivative of the derivative too. `rtol` (1e-7)
    and `atol` (0): the error allowed, relative to the size of derivatives here, and beside it. `coverage`:
    ``"directions"`` moves all coordinates at once only, ``"sampled"`` then tries telling ones alone, ``"full"`` every one.
    `seed`: of the directions.

    Returns a `Report`: PASS, FAIL, KINK, ILL-CONDITIONED, NOT DIFFERENTIABLE, NOT DETERMINISTIC or MUTATES ITS INPUT.
    Inputs, captured Tensors, gradients and random state are left as they were. Raises TypeError if f returns no Tensor.

    What a PASS does not say: that a rule which is wrong in float32 only is right (``python -m autograd_nn check`` holds float32
    against float64); that a part of an output is right which is 1e8 times smaller than the rest of the same output, whose
    rounding drowns it (check the part by itself).

    >>> print(ag.gradcheck(lambda x: ag.sin(x) * x, np.array([0.5, 1.0])).verdict)
    PASS
    """
    return check(f, inputs, None, "gradcheck", order, rtol, atol, coverage, seed)


def check_model(
    model: Any,
    *inputs: Any,
    loss: Callable[..., Any] | None = None,
    order: int = 1,
    rtol: float | None = None,
    atol: float | None = None,
    coverage: str = "sampled",
    seed: int = 0,
) -> Report:
    """Check the derivative by every parameter of a module: `model(*inputs)`, or `loss` of it.

    `model` is callable and has `named_parameters()`. The other parameters are those of `gradcheck`. Parameters, gradients,
    running statistics, attributes and random state are left as they were.

    >>> class Scale:
    ...     def __init__(self):
    ...         self.weight = ag.tensor([2.0, 3.0], requires_grad=True)
    ...     def named_parameters(self):
    ...         return [("weight", self.weight)]
    ...     def __call__(self, x):
    ...         return ag.tanh(x * self.weight)
    >>> bool(ag.check_model(Scale(), np.array([0.1, 0.2], np.float32)))
    True
    """
    if isinstance(model, type):
        raise TypeError(f"check_model: takes a model, not its class; build one with {model.__name__}(...)")
    if loss is not None and not callable(loss):
        raise TypeError(f"check_model: the loss is a function of the model's result; got {type(loss).__name__}")
    if not hasattr(model, "named_parameters"):
        raise TypeError(f"check_model: {type(model).__name__} has no named_parameters(); use gradcheck for a function")
    parameters = list(model.named_parameters())
    if not parameters:
        raise ValueError(f"check_model: {type(model).__name__} has no parameters to check")

    def run(*arguments: Any) -> Any:
        result = model(*arguments)
        return result if loss is None else loss(result)

    run.__name__ = type(model).__name__
    return check(run, inputs, parameters, "check_model", order, rtol, atol, coverage, seed, model)


def assert_gradients(f: Callable[..., Any], *inputs: Any, **settings: Any) -> None:
    """Assert, in a test, that the derivatives of f at the inputs are right; the message is the report.

    Settings are those of `gradcheck`, whose `order` is 2 here. Raises GradientError, an AssertionError.

    >>> ag.check.assert_gradients(lambda x: x * x, np.array([1.0, 2.0]))
    """
    __tracebackhide__ = True  # so that pytest shows the test's line
    gradcheck(f, *inputs, **({"order": 2} | settings)).raise_if_failed()


def check(
    f: Callable[..., Any],
    inputs: Sequence[Any],
    variables: Sequence[tuple[str, Tensor]] | None,
    who: str,
    order: int,
    rtol: float | None,
    atol: float | None,
    coverage: str,
    seed: int,
    model: Any = None,
) -> Report:
    """What `gradcheck` and `check_model` share."""
    if coverage not in COVERAGE:
        raise ValueError(f"{who}: coverage {coverage!r} is not one of {', '.join(COVERAGE)}")
    if not isinstance(order, (int, np.integer)) or order < 1:
        raise ValueError(f"{who}: order {order!r} is not a derivative's; it is a whole number, 1 or more")
    for name, allowed in (("rtol", rtol), ("atol", atol)):
        if allowed is not None and not (isinstance(allowed, (int, float, np.number)) and 0 <= allowed < np.inf):
            raise ValueError(f"{who}: {name} is {allowed!r}; it is a number from 0 on, or None for the default")
    if not callable(f):
        raise TypeError(f"{who}: takes a function, then what to call it with; the first argument is {type(f).__name__}")
    start = time.perf_counter()
    report = Report(getattr(f, "__name__", type(f).__name__))
    settings = (RTOL if rtol is None else rtol, ATOL if atol is None else atol)
    rng = np.random.default_rng(seed)
    # Infinities are met on the way, and are looked at; NumPy need not warn of them.
    with np.errstate(all="ignore"), Subject(f, inputs, variables, who, model=f if model is None else model) as subject:
        report.elements = sum(b.size for b in subject.base)
        for name, t in subject.integers:
            report.rows.append(Row(1, name, t.shape, NOT_DIFFERENTIABLE))
            report.reason = f"{name} is {t.dtype}, which carries no derivative"
        if not subject.variables:
            report.verdict = NOT_DIFFERENTIABLE
            report.reason = report.reason or "there is no floating input; give floats, or arrays or Tensors of them"
        else:
            problem = Problem(subject, subject.function)
            centre, before = _stands_still(subject, report), None
            for n in range(1, order + 1):
                exam = _one_order(problem, n, report, rng, settings, coverage, centre, before) if report else None
                if not report or exam is None or n == order:
                    break
                problem, centre, before = problem.derived(exam.weights), None, exam
        if report.verdict == PASS and not report.reason and subject.unchecked:
            report.reason = _unchecked(subject.unchecked)
    report.seconds = time.perf_counter() - start
    return report


def _unchecked(captured: Sequence[Tensor]) -> str:
    named = ", ".join(t.name or f"one of shape {t.shape}" for t in captured[:3])
    more = f" and {len(captured) - 3} more" if len(captured) > 3 else ""
    return (
        f"the derivative by what it captures ({named}{more}) was not asked for; give it as an input, or use check_model"
    )


def _stands_still(subject: Subject, report: Report) -> list[np.ndarray] | None:
    """The outputs, if two evaluations agree and leave the inputs alone; else None, and the report says why."""
    outputs = []
    for _ in range(2):
        subject.move()
        outputs.append([np.array(t._array) for t in subject.function()])
        mutated = sorted({*subject.mutated, *subject.changed()})
        if mutated:
            report.verdict, report.reason = MUTATES, f"it writes into {', '.join(mutated)}; take a copy first"
            return None
    report.evaluations += 2
    a, b = outputs
    if [x.shape for x in a] != [x.shape for x in b]:
        report.verdict = NOT_DETERMINISTIC
        report.reason = f"two runs gave outputs of shapes {[x.shape for x in a]} and {[x.shape for x in b]}"
        return None
    if not a:
        report.verdict, report.reason = NOT_DIFFERENTIABLE, "it has no floating output"
        return None
    apart = max((float(np.max(np.abs(x - y))) for x, y in zip(a, b, strict=True) if _differ(x, y)), default=0.0)
    if any(_differ(x, y) for x, y in zip(a, b, strict=True)):
        report.verdict = NOT_DETERMINISTIC
        report.reason = (
            f"two evaluations at the same point differ by up to {apart:.3g}; draw random numbers from ag.random, which the "
            f"check repeats, and keep counters and caches out of the function"
        )
        return None
    return [x.astype(np.float64) for x in b]


def _differ(x: np.ndarray, y: np.ndarray) -> bool:
    return not np.array_equal(x, y, equal_nan=True)


def _one_order(
    problem: Problem,
    order: int,
    report: Report,
    rng: np.random.Generator,
    settings: tuple[float, float],
    coverage: str,
    centre: list[np.ndarray] | None,
    before: Examination | None,
) -> Examination | None:
    """Examine one order, add its rows to the report and, if something is amiss, find out what."""
    try:
        exam = Examination(problem, rng, *settings, centre=centre, scales=None if before is None else before.scales)
    except (
        np.linalg.LinAlgError
    ) as error:  # so a rule says that there is no derivative: of the vectors of equal eigenvalues
        report.verdict = NOT_DIFFERENTIABLE
        report.reason = "; ".join(
            [f"there is no derivative of order {order} here: {str(error).splitlines()[0]}", *_notes(error)]
        )
        report.rows += [
            Row(order, n, b.shape, NOT_DIFFERENTIABLE) for n, b in zip(problem.names, problem.base, strict=True)
        ]
        return None
    except Exception as error:  # a rule raises, or the walk refuses what it returned
        wrong = localise(problem, rng, *settings).wrong if before is None else _not_as_recorded(before, rng)
        if wrong is None:
            raise
        report.verdict, report.place = FAIL, wrong
        report.reason = f"the rule of {wrong.operation} does not work: {type(error).__name__}: {error}"
        return None
    if not exam.finite:
        report.verdict = ILL_CONDITIONED
        report.reason = "its value is not finite here; ag.trace_nonfinite names the operation that made it so"
        return exam
    if before is not None and not same_reading(before, exam):
        report.verdict, report.place = FAIL, _not_as_recorded(before, rng)
        culprit = "" if report.place is None else f" of {report.place.operation}"
        report.reason = f"the recorded derivative{culprit}, which order {order} differentiates, is not the plain one"
        report.rows += [Row(order, name, b.shape, FAIL) for name, b in zip(problem.names, exam.base, strict=True)]
        return None
    exam.directions(sweep=exam.size <= examine.SWEPT)
    directions = len(exam.probes)
    if coverage == "full" or (exam.outcome == probe.DIFFERS and exam.size <= 256):
        exam.coordinates(everything=True)
    elif coverage == "sampled":
        exam.coordinates()
    agrees = exam.outcome == probe.AGREES and not exam.suspicious
    beside = wrong_beside(exam) if agrees and order == 1 and 0 < exam.size < examine.LARGE else None
    report.evaluations += exam.evaluations
    report.probes += exam.probes
    if beside is not None:
        wrong = localise(problem, rng, *settings, at=beside).wrong
        if wrong is not None:
            report.verdict, report.place = FAIL, wrong
            report.reason = (
                f"the derivative of {wrong.operation}, input {wrong.input!r} is right at this point and wrong a step aside: a "
                f"rule that keeps values of an earlier call, or that is right only where elements are alike"
            )
    if not agrees:
        _explain(problem, exam, order, report, rng, settings)
    rows = [_row(exam, k, order, directions, report) for k in range(len(exam.base))]
    report.rows += rows
    unreached = [r.name for r, u in zip(rows, exam.unreached, strict=True) if u]
    if report.verdict == PASS and unreached and order == 1:
        report.reason = f"the output does not depend on {', '.join(unreached)}"
    return exam


def _notes(error: Exception) -> list[str]:
    return list(getattr(error, "__notes__", []))


def _not_as_recorded(before: Examination, rng: np.random.Generator) -> Place | None:
    assert isinstance(before.problem, Problem)
    return first_apart(before.problem, rng)


def _explain(
    problem: Problem,
    exam: Examination,
    order: int,
    report: Report,
    rng: np.random.Generator,
    settings: tuple[float, float],
) -> None:
    """Turn a disagreement into a verdict: the operation at fault, a kink, a cut in the graph, or bad conditioning."""
    found = localise(problem, rng, *settings, thorough=bool(exam.suspicious))
    if found.wrong is None and exam.outcome == probe.DIFFERS and not (found.kinks or found.narrow or found.cuts):
        found = localise(problem, rng, *settings, thorough=True)
    judged = None
    if found.wrong is None and not found.kinks and not found.narrow:
        doubtful = [p for p in exam.probes if p.outcome in (probe.DIFFERS, probe.KINK)]
        judged = judge(exam, doubtful) if doubtful else None
        if judged is not None and judged.wrong_at is not None:
            found = localise(problem, rng, *settings, at=judged.wrong_at)
    report.operations = max(report.operations, found.checked)
    ordinal = "" if order == 1 else f" of order {order}"
    if found.wrong is not None:
        for p in exam.suspicious:
            p.outcome = probe.DIFFERS
        report.verdict, report.place = FAIL, found.wrong
        name = f", input {found.wrong.input!r}" if found.wrong.input else ""
        report.reason = f"the derivative{ordinal} of {found.wrong.operation}{name} is wrong"
        if found.wrong.derivative_of:
            report.reason += f", which the rule of {found.wrong.derivative_of} uses"
    elif exam.outcome == probe.AGREES:
        pass  # a suspicion that no operation confirmed
    elif exam.is_blurred(examine.ROUGH):
        report.verdict = ILL_CONDITIONED
        report.reason = (
            f"the last bits of its inputs change its values ({exam.output_size:.1g}) by {exam.rounding:.1g} here, which leaves "
            f"differences too few digits; try it at a better conditioned point"
        )
    elif found.kinks:
        report.verdict, report.kinks = KINK, found.kinks
        names = ", ".join(dict.fromkeys(k.operation for k in found.kinks))
        report.reason = f"there is no derivative at {names}; the engine's value is among those that meet there"
    elif judged is not None and not judged.against:
        report.verdict = KINK
        report.reason = (
            "slopes disagree between directions, so that there is no derivative here, though each operation has one; the "
            "engine's value is among those that meet here"
        )
    elif found.narrow:
        report.verdict = ILL_CONDITIONED
        report.reason = (
            f"part of it computes in less than float64: {found.narrow[0].operation} at {found.narrow[0].line}"
        )
    elif exam.outcome == probe.DIFFERS and (found.cuts or any(exam.unreached)):
        report.verdict = NOT_DIFFERENTIABLE
        report.place = None
        report.reason = f"the value depends on what the graph does not: {_cut(found.cuts, exam)}"
    elif exam.outcome == probe.DIFFERS and found.fused and _is_rounded_away(problem, exam, rng, settings):
        report.verdict = ILL_CONDITIONED
        names = ", ".join(dict.fromkeys(p.operation for p in found.fused))
        report.reason = (
            f"its derivatives, of size {exam.worst.scale if exam.worst else 0.0:.1g}, are lost in the rounding of what {names} "
            f"computes inside; each of the {found.checked} operations is right by itself"
        )
    elif exam.outcome == probe.DIFFERS:
        report.verdict = FAIL
        report.reason = (
            f"the derivative{ordinal} is wrong, but each of the {found.checked} operations is right by itself: look for a hook "
            f"that changes a cotangent, or for values that reach the result outside the graph"
        )
    else:
        report.verdict, report.reason = ILL_CONDITIONED, _conditioning(exam)


def _is_rounded_away(
    problem: Problem, exam: Examination, rng: np.random.Generator, settings: tuple[float, float]
) -> bool:
    """Whether nothing speaks against the derivative any more once values are taken to be rounded as numbers of size 1 are.

    That holds for what several operations compute in one, of which the result is what is left; asked when each operation is
    right by itself. A wrong derivative does not pass by it: it is ILL-CONDITIONED then, which is no PASS.
    """
    problem.inner = max([1.0, *[float(np.max(np.abs(b), initial=0.0)) for b in exam.base]])
    again = Examination(problem, rng, *settings, scales=exam.scales)
    again.directions()
    again.coordinates()
    problem.inner = 0.0
    if again.outcome not in (probe.AGREES, probe.UNCLEAR):
        return False
    for p in exam.probes:
        if p.outcome == probe.DIFFERS:
            p.outcome = probe.UNCLEAR
    return True


def _cut(cuts: Sequence[Place], exam: Examination) -> str:
    if cuts:
        return "; ".join(f"{c.operation} at {c.line}" for c in cuts[:3])
    names = [n for n, u in zip(exam.problem.names, exam.unreached, strict=True) if u]
    return f"{', '.join(names)} reaches it outside of Tensor operations"


def _conditioning(exam: Examination) -> str:
    """Why the differences cannot be had to the accuracy asked for."""
    worst = exam.worst
    assert worst is not None
    if np.isnan(worst.analytic):
        return (
            "the engine gives nan, and differences come to nothing either; ag.trace_nonfinite names the operation whose "
            "derivative is not finite here"
        )
    if not np.isfinite(worst.analytic):
        return f"the engine gives {worst.analytic}, and differences come to nothing either: it is infinitely steep here"
    if not np.isfinite(worst.numeric):
        return "it is not finite at points nearby, at any step tried"
    if worst.outcome == probe.KINK:
        return "one-sided differences disagree, though each operation is smooth on the values it saw"
    return (
        f"the differences are uncertain by {worst.slope.error:.1g} where derivatives are of size {worst.scale:.1g}: its values "
        f"({exam.output_size:.1g}) lose their digits to rounding, or it is not smooth at any step tried"
    )


def _row(exam: Examination, k: int, order: int, directions: int, report: Report) -> Row:
    singles = [p for p in exam.probes if p.variable == k]
    row = Row(order, exam.problem.names[k], exam.base[k].shape, PASS, directions, len(singles))
    own = singles or [p for p in exam.probes if p.variable is None]
    if not own:
        return row
    worst = max(own, key=lambda p: (probe.SEVERITY[p.outcome], p.error if np.isfinite(p.error) else 1e300))
    row.error = worst.error
    if worst.variable is not None:
        row.index = worst.index
        row.analytic, row.numeric = exam.element(worst)
    outcome = max((p.outcome for p in own), key=probe.SEVERITY.__getitem__) if exam.odd else probe.DIFFERS
    if outcome != probe.AGREES:
        row.verdict = report.verdict if report.verdict != PASS else ILL_CONDITIONED
    return row
