"""Planting errors: one wrong rule at a time, in any operation, by wrapping what the operation was defined with."""

import contextlib
import inspect

import numpy as np

import autograd_nn as ag
from autograd_nn.engine import backward
from autograd_nn.engine.op import nondifferentiable

ERRORS = (
    "sign flipped",
    "factor 2",
    "factor 1.001",
    "transposed",
    "one element zeroed",
    "input for output",
    "sum forgotten",
)

SECOND_ORDER = ("sign flipped", "factor 1.001", "one element zeroed", "transposed", "detached")


class Forgetful(np.ndarray):
    """An array that forgets sums: of a reduction or an inner product only the first term remains."""

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        plain = [np.asarray(x) if isinstance(x, Forgetful) else x for x in inputs]
        if ufunc is np.add and method == "reduce" and plain[0].size:
            x = plain[0]
            summed = _axes(kwargs.get("axis", 0), x.ndim)
            plain[0] = x[tuple([slice(0, 1) if a in summed else slice(None) for a in range(x.ndim)])]
        if ufunc is np.matmul:
            plain = [plain[0][..., :1], plain[1][:1] if plain[1].ndim == 1 else plain[1][..., :1, :]]
        result = getattr(ufunc, method)(*plain, **kwargs)
        return result.view(Forgetful) if isinstance(result, np.ndarray) else result


def _axes(axis, ndim):
    return range(ndim) if axis is None else [a % ndim for a in (axis if isinstance(axis, tuple) else (axis,))]


def spoil(error, c):
    """A cotangent (array or Tensor) with the error in it."""
    if error == "sign flipped":
        return -c
    if error == "factor 2":
        return c * 2.0
    if error == "factor 1.001":
        return c * 1.001
    if error == "transposed":
        return c.mT if c.ndim >= 2 and c.shape[-1] == c.shape[-2] else c
    if error == "one element zeroed" and c.size:
        values = np.asarray(c if isinstance(c, (np.ndarray, np.generic)) else c._array)
        mask = np.ones(c.shape)
        mask[np.unravel_index(np.argmax(np.abs(values)), c.shape)] = 0.0
        return c * mask
    return c


def wrapped(error, rule, forget=None):
    """A rule of the same signature with the error in it."""
    names = list(inspect.signature(rule).parameters)

    def wrong(*args):
        given = dict(zip(names, args, strict=True))
        if error == "input for output":
            return rule(*_exchanged(given).values())
        if error == "sum forgotten":
            given = {k: v.view(Forgetful) if type(v) is np.ndarray else v for k, v in given.items()}
            with forget if forget is not None else contextlib.nullcontext():
                found = rule(*given.values())
            plain = lambda c: np.asarray(c) if isinstance(c, Forgetful) else c
            return [plain(c) for c in found] if isinstance(found, (list, tuple)) else plain(found)
        if error == "written in place":
            given["g"] *= 1.0
        found = rule(*args)
        if isinstance(found, (list, tuple)):
            return [None if c is None else spoil(error, c) for c in found]
        return spoil(error, found)

    wrong.__signature__ = inspect.signature(rule)
    return wrong


def _exchanged(given):
    """The rule's arguments with the output in place of an input, or one input in place of another of its shape."""
    arrays = [k for k, v in given.items() if k not in ("g", "wanted") and hasattr(v, "dtype")]
    for a in arrays:
        for b in ("out", "g", *arrays):
            if b in given and a != b and getattr(given[b], "shape", None) == given[a].shape:
                return given | {a: given[b]}
    return given


@contextlib.contextmanager
def planted(op, name, error):
    """The operation with an error in the rule for one input (None: in its joint rule)."""
    rules, joint, accumulators = dict(op.rules), op.joint, dict(op.accumulators)
    try:
        if name is None:
            op.joint_vjp(wrapped(error, joint, forgetting(joint)))
        else:
            op.vjp(**(rules | {name: wrapped(error, rules[name], forgetting(rules[name]))}))
        yield
    finally:
        op.joint_vjp(joint) if joint is not None else op.vjp(**rules)
        if accumulators:
            op.accumulate(**accumulators)


@ag.op(kind="opaque")
def misremembered(x, /, error):
    """x, with a wrong derivative: a rule that ends in it is right in value, and its own derivative is wrong."""
    return np.array(x)


def _misremembered_rule(g, error):
    if error != "one element zeroed":
        return spoil(error, g)
    mask = np.ones(g.shape)  # always the same element, whatever the cotangent
    mask.reshape(-1)[g.size // 2 :][:1] = 0.0
    return g * mask


misremembered.vjp(x=_misremembered_rule)


@contextlib.contextmanager
def planted_at_second_order(op, name, error):
    """The operation with a rule for one input that is right in value and whose recorded derivative is wrong."""
    rules, accumulators, rule = dict(op.rules), dict(op.accumulators), op.rules[name]
    names = list(inspect.signature(rule).parameters)
    is_tensor = lambda v: isinstance(v, ag.Tensor)

    def wrong(*args):
        if error == "detached":  # as a rule does that computes with NumPy
            return rule(*[v.detach() if is_tensor(v) and n != "g" else v for n, v in zip(names, args, strict=True)])
        found = rule(*args)
        if isinstance(found, (list, tuple)):
            return [misremembered(c, error) if is_tensor(c) else c for c in found]
        return misremembered(found, error) if is_tensor(found) else found

    wrong.__signature__ = inspect.signature(rule)
    try:
        op.vjp(**(rules | {name: wrong}))
        yield
    finally:
        op.vjp(**rules)
        if accumulators:
            op.accumulate(**accumulators)


@contextlib.contextmanager
def planted_in_composition(op, error):
    """The fused operation with a composition that means another function than its fast forward and joint rule."""
    composition = op.composition

    def wrong(*args, **params):
        found = composition(*args, **params)
        parts = list(found) if isinstance(found, tuple) else [found]
        parts = [spoil(error, p) if p.dtype.kind == "f" else p for p in parts]
        return op.result(*parts) if isinstance(found, tuple) else parts[0]

    op.composition = wrong
    try:
        yield
    finally:
        op.composition = composition


@contextlib.contextmanager
def planted_in_place(op, name, error):
    """The operation with an error in the in-place form of a rule."""
    form = op.accumulators[name]
    names = list(inspect.signature(form).parameters)

    def wrong(*args):
        given = dict(zip(names, args, strict=True))
        total = given["total"]
        fresh = np.zeros_like(total)
        form(*(given | {"total": fresh}).values())
        total += spoil(error, fresh)

    wrong.__signature__ = inspect.signature(form)
    try:
        op.accumulate(**(op.accumulators | {name: wrong}))
        yield
    finally:
        op.accumulate(**(op.accumulators | {name: form}))


@contextlib.contextmanager
def planted_unbroadcasting(error):
    """The walk's central un-broadcasting with an error in it, where it does anything."""
    right = backward._conformed

    def wrong(node, c, parent, recorded):
        if c.shape == parent.shape or not isinstance(c, np.ndarray):
            return right(node, c, parent, recorded)
        if error == "sum forgotten":
            return np.asarray(right(node, c.view(Forgetful), parent, recorded))
        return spoil(error, right(node, c, parent, recorded))

    backward._conformed = wrong
    try:
        yield
    finally:
        backward._conformed = right


@contextlib.contextmanager
def _first_only(scope):
    """A rule's own `sum`, replaced by one that forgets."""
    right = scope["sum"]

    def wrong(x, /, axis=None, dtype=None, keepdims=False):
        return np.asarray(np.add.reduce(np.asarray(x).view(Forgetful), axis=axis, keepdims=keepdims))

    scope["sum"] = wrong
    try:
        yield
    finally:
        scope["sum"] = right


def forgetting(rule):
    """What makes the sums forget that a rule takes from its own module."""
    scope = getattr(rule, "__globals__", {})
    return _first_only(scope) if hasattr(scope.get("sum"), "op") else None


def places(op):
    """(input, planter) of every rule an operation has."""
    if op.joint is not None:
        yield None, planted
    for name, rule in op.rules.items():
        if rule is not nondifferentiable:
            yield name, planted
    for name in op.accumulators:
        yield name, planted_in_place
