"""Forward mode: `jvp`, by walking back twice.

The pullback is linear in its cotangent; its own pullback is therefore the transpose of a transpose, J itself. It costs no rule
of its own: two walks, the first of them recorded, about three times a gradient.
Source: Townsend, "A new trick for calculating Jacobian vector products" (2017).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..engine.tensor import Tensor
from . import nested
from .linearization import Linearization, cast
from .reverse import _function


def jvp(f: Callable[..., Any], args: Sequence[Any], tangents: Sequence[Any], has_aux: bool = False) -> tuple[Any, ...]:
    r"""The value of f at args and its derivative along the tangents, :math:`J v`.

    `args` and `tangents` are tuples (or lists) with an entry for each argument of f, nested and shaped alike. Returns
    ``(out, tangent)``, the tangent nested and shaped as `out`; with `has_aux` f returns ``(out, aux)`` and jvp
    ``(out, tangent, aux)``. Raises as `vjp` does.

    >>> ag.jvp(lambda x: x**2, (3.0,), (10.0,))
    (9.0, 60.0)
    >>> ag.jvp(lambda x, y: {"product": x * y}, (np.array([1.0, 2.0]), 5.0), (np.array([1.0, 0.0]), 1.0))
    ({'product': array([ 5., 10.])}, {'product': array([6., 2.])})
    """
    if not isinstance(args, (tuple, list)) or not isinstance(tangents, (tuple, list)):
        raise TypeError("jvp: args and tangents are tuples, one entry for each argument: jvp(f, (x,), (v,))")
    made = Linearization("jvp", _function("jvp", f), tuple(args), range(len(args)), has_aux=has_aux)
    shaped = iter(made.variables)
    skeleton = tuple(nested.refilled(a, shaped) for a in made.arguments)
    given = nested.leaves_like(skeleton, tuple(tangents), "jvp: tangents")
    along = cast(given, made.variables, "jvp: the tangent")
    pulled, ends = made.pushing()
    found = iter(made.push(pulled, ends, along, made.recorded(*given)))
    tensors = any(isinstance(g, Tensor) for g in given)
    tangent = nested.mapped(lambda _: made.as_value(next(found), tensors), made.out)
    out = made.value(made.out)
    return (out, tangent, made.value(made.aux)) if has_aux else (out, tangent)
