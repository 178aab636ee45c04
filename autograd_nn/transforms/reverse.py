"""Reverse mode: `vjp`, and what is made of one walk back: `grad`, `value_and_grad`, `elementwise_grad`, `hvp`.

Source: Griewank and Walther, "Evaluating Derivatives" (2008), chapter 3. The names are HIPS autograd's and JAX's.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from ..engine.tensor import Tensor
from . import nested
from .linearization import Linearization, cast


def vjp(f: Callable[..., Any], *args: Any, has_aux: bool = False) -> tuple[Any, ...]:
    r"""The value of f at args, and the pullback: :math:`\bar y \mapsto \bar y^\top J`, by walking back.

    `args`: arrays, floats, Tensors, or lists, tuples and dicts of them; every one is differentiated by. Returns
    ``(out, pullback)``; ``pullback(cotangent)``, with a cotangent nested and shaped as `out`, returns a tuple of a cotangent
    for each argument, nested, shaped and typed as it is. It may be called many times. With `has_aux` f returns
    ``(out, aux)`` and vjp ``(out, pullback, aux)``.

    Raises TypeError for integer arguments and results, RuntimeError if out depends on no argument, ValueError for a cotangent
    that does not fit.

    >>> out, pullback = ag.vjp(lambda x, y: x * np.sin(y), np.array([1.0, 2.0]), 0.0)
    >>> pullback(np.array([10.0, 1.0]))
    (array([0., 0.]), 12.0)
    """
    made = Linearization("vjp", _function("vjp", f), args, range(len(args)), has_aux=has_aux)
    pullback = _pullback(made)
    out = made.value(made.out)
    return (out, pullback, made.value(made.aux)) if has_aux else (out, pullback)


def _pullback(made: Linearization) -> Callable[[Any], tuple[Any, ...]]:
    def pullback(cotangent: Any) -> tuple[Any, ...]:
        """The cotangents of the arguments from that of the result."""
        given = nested.leaves_like(made.out, cotangent, "pullback: the cotangent")
        cotangents = cast(given, made.outputs, "pullback: the cotangent")
        found = made.pull(cotangents, recorded=made.recorded(*given))
        return tuple(made.derivatives(found, tensors=any(isinstance(g, Tensor) for g in given)))

    return pullback


def value_and_grad(
    f: Callable[..., Any], argnum: int | tuple[int, ...] = 0, has_aux: bool = False
) -> Callable[..., tuple[Any, Any]]:
    r"""A function that returns the value of f and its gradient, in one walk.

    f returns one number (a Tensor of one element); `argnum` says by which argument to differentiate, or by which several (the
    gradient is then a tuple). The gradient is nested, shaped and typed as the argument. With `has_aux` f returns
    ``(value, aux)`` and the result is ``((value, aux), gradient)``. Keyword arguments are passed on.

    Raises TypeError for integer arguments, ValueError for a result of several elements, RuntimeError if it does not depend on
    the argument.

    >>> ag.value_and_grad(lambda x: np.sum(x**2))(np.array([1.0, 2.0]))
    (np.float64(5.0), array([2., 4.]))
    >>> ag.value_and_grad(lambda p: p["a"] * p["b"])({"a": 2.0, "b": 3.0})
    (6.0, {'a': 3.0, 'b': 2.0})
    """
    return _named("value_and_grad", f, argnum, _value_and_grad(f, argnum, has_aux, "value_and_grad"))


def grad(f: Callable[..., Any], argnum: int | tuple[int, ...] = 0, has_aux: bool = False) -> Callable[..., Any]:
    r"""A function that returns the gradient of f, :math:`\nabla f`: :math:`\partial f / \partial x_i` in each place of x.

    As `value_and_grad`, without the value; with `has_aux` it returns ``(gradient, aux)``.

    >>> ag.grad(np.tanh)(0.0)
    1.0
    >>> ag.grad(ag.grad(lambda x: x**3))(2.0)
    12.0
    >>> ag.grad(lambda x, y: np.sum(x * y), argnum=(0, 1))(np.ones(2), np.array([3.0, 4.0]))
    (array([3., 4.]), array([1., 1.]))
    """
    both = _value_and_grad(f, argnum, has_aux, "grad")

    def gradient(*args: Any, **params: Any) -> Any:
        value, found = both(*args, **params)
        return (found, value[1]) if has_aux else found

    return _named("grad", f, argnum, gradient)


def _value_and_grad(f: Callable[..., Any], argnum: Any, has_aux: bool, who: str) -> Callable[..., tuple[Any, Any]]:
    _function(who, f)

    def both(*args: Any, **params: Any) -> tuple[Any, Any]:
        made = Linearization(who, f, args, positions(who, argnum, args), params, has_aux)
        if not isinstance(made.out, Tensor):
            raise ValueError(
                f"{who}: f returned a {type(made.out).__name__}, not one number; has_aux=True takes a pair"
            )
        if made.out.size != 1:
            raise ValueError(
                f"{who}: f returned shape {made.out.shape}, which is no single number. Reduce it (np.sum, np.mean), or take "
                f"ag.jacobian for every derivative, ag.elementwise_grad if f works on each element alone"
            )
        one = np.ones(made.out.shape, made.out.dtype)
        value = made.value((made.out, made.aux) if has_aux else made.out)
        recorded = made.recorded()
        found = made.derivatives(made.pull([one], recorded=recorded, keep=recorded))
        return value, tuple(found) if isinstance(argnum, tuple) else found[0]

    return both


def elementwise_grad(f: Callable[..., Any], argnum: int = 0) -> Callable[..., Any]:
    r"""A function that returns :math:`f'(x)` at every element of x, where f works on each element alone.

    It is the gradient of the sum of f, so elements of x that share an f(x) would be added up; f must keep the shape of its
    argument, which is an array, a Tensor or a float. Errors are those of `grad`.

    >>> ag.elementwise_grad(np.tanh)(np.array([0.0, 1.0])).round(3)
    array([1.  , 0.42])
    >>> ag.elementwise_grad(ag.elementwise_grad(np.sin))(np.array([0.0, np.pi / 2]))
    array([-0., -1.])
    """
    who = "elementwise_grad"
    _function(who, f)

    def slope(*args: Any, **params: Any) -> Any:
        made = Linearization(who, f, args, positions(who, argnum, args), params)
        if len(made.variables) != 1 or not isinstance(made.out, Tensor) or made.out.shape != made.variables[0].shape:
            got = f"shape {made.out.shape}" if isinstance(made.out, Tensor) else type(made.out).__name__
            given = f"shape {made.variables[0].shape}" if len(made.variables) == 1 else "several arrays"
            raise ValueError(f"{who}: f must keep its argument's shape, and made {got} of {given}; see ag.jacobian")
        recorded = made.recorded()
        found = made.pull([np.ones(made.out.shape, made.out.dtype)], recorded=recorded, keep=recorded)
        return made.derivatives(found)[0]

    return _named(who, f, argnum, slope)


def hvp(f: Callable[[Any], Any], x: Any, v: Any) -> Any:
    r"""The product of the Hessian of f at x with v, :math:`\nabla^2 f(x)\, v`, without making the Hessian.

    f returns one number; v is nested and shaped as x, and so is the result. It costs a few times f: the gradient is
    walked back along v, the Hessian being symmetric (Pearlmutter, "Fast exact multiplication by the Hessian", 1994).

    >>> ag.hvp(lambda x: np.sum(x**3), np.array([1.0, 2.0]), np.array([1.0, 10.0]))
    array([  6., 120.])
    """
    made = Linearization("hvp", grad(_function("hvp", f)), (x,), (0,))
    given = nested.leaves_like(made.out, v, "hvp: v")
    found = made.pull(cast(given, made.outputs, "hvp: v"), recorded=made.recorded(*given))
    return made.derivatives(found, tensors=any(isinstance(g, Tensor) for g in given))[0]


# ---- which argument ------------------------------------------------------------------------------------------------


def positions(who: str, argnum: Any, args: tuple[Any, ...]) -> list[int]:
    """The places of the arguments to differentiate by, counted from the front."""
    chosen = argnum if isinstance(argnum, tuple) else (argnum,)
    found = []
    for n in chosen:
        try:
            i = operator.index(n)
        except TypeError as error:
            raise TypeError(f"{who}: argnum is the number of an argument or a tuple of such, not {argnum!r}") from error
        if not -len(args) <= i < len(args):
            raise ValueError(
                f"{who}: argnum {i} names an argument of {len(args)} given by position; keywords do not count"
            )
        found.append(i % len(args))
    if len(set(found)) < len(found):
        raise ValueError(f"{who}: argnum {argnum} names an argument twice")
    return found


def _function(who: str, f: Any) -> Callable[..., Any]:
    if not callable(f):
        raise TypeError(f"{who}: takes a function, not {type(f).__name__}")
    return f


def _named(who: str, f: Any, argnum: Any, made: Any) -> Any:
    name = getattr(f, "__name__", type(f).__name__)
    made.__name__ = made.__qualname__ = f"{who}({name})"
    made.__doc__ = f"{who} of {name} by argument {argnum}. {name}: {getattr(f, '__doc__', None) or ''}"
    return made
