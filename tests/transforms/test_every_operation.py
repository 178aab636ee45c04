"""Forward and reverse mode agree on every operation of the table of samples, inside a second derivative too."""

import numpy as np
import pytest

import autograd_nn as ag
from autograd_nn.check.finite import floating_outputs
from autograd_nn.check.samples import rows

CASES = [
    pytest.param(row, call, id=f"{row.name}-{i}")
    for row in rows()
    for i, call in enumerate(row.calls)
    if call.order > 0 and call.differentiated()
]


def function_of(row, call):
    """The row's function of its differentiated inputs, as a tuple of its floating outputs; and those inputs."""
    positions = call.differentiated()

    def f(*inputs):
        arrays = list(call.arrays)
        for position, x in zip(positions, inputs, strict=True):
            arrays[position] = x
        return tuple(floating_outputs(row.run(row.function, call, arrays)))

    return f, [call.arrays[i] for i in positions]


def inner(xs, ys):
    return float(sum(np.sum(x * y) for x, y in zip(xs, ys, strict=True)))


@pytest.mark.parametrize(("row", "call"), CASES)
def test_a_jvp_is_the_transpose_of_a_vjp(row, call):
    f, args = function_of(row, call)
    rng = np.random.default_rng(0)
    tangents = [rng.standard_normal(a.shape) for a in args]
    if not any(
        t.requires_grad for t in f(*[ag.tensor(a, requires_grad=True) for a in args])
    ):  # a count (norm of order 0)
        with pytest.raises(RuntimeError, match="does not depend"):
            ag.vjp(f, *args)
        return
    out, pullback = ag.vjp(f, *args)
    cotangents = tuple(np.asarray(rng.standard_normal(np.shape(o))) for o in out)
    again, pushed = ag.jvp(f, args, tangents)
    for a, b in zip(out, again, strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_allclose(inner(cotangents, pushed), inner(pullback(cotangents), tangents), rtol=1e-9, atol=1e-9)
    if call.order < 2:
        return
    # The Hessian of <cotangents, f> is symmetric: forward over reverse is reverse over reverse.
    scalar = lambda *args: sum((c * o).sum() for c, o in zip(cotangents, f(*args), strict=True))
    by_all = tuple(range(len(args)))
    try:
        forward = ag.jvp(lambda *args: ag.grad(scalar, by_all)(*args), args, tangents)[1]
    except RuntimeError as error:
        assert "does not depend" in str(error), "the gradient of a linear function is constant"
        return
    others = [rng.standard_normal(a.shape) for a in args]
    reverse = ag.vjp(lambda *args: ag.grad(scalar, by_all)(*args), *args)[1](tuple(others))
    np.testing.assert_allclose(inner(forward, others), inner(reverse, tangents), rtol=1e-8, atol=1e-8)
