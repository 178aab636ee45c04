"""Transforms: functions that make a function's derivative. They touch no state: `.grad` stays what it is.

    ag.grad(f)(x)          ag.value_and_grad(f)(x)      ag.elementwise_grad(f)(x)
    ag.vjp(f, x)           ag.jvp(f, (x,), (v,))        ag.hvp(f, x, v)
    ag.jacobian(f)(x)      ag.hessian(f)(x)

Read in this order: `nested` (lists, tuples and dicts of arrays), `linearization` (f run once on variables of its own; the
decisions about what goes in and comes out), `reverse`, `forward`, `jacobian`.
"""

from .forward import jvp as jvp
from .jacobian import hessian as hessian
from .jacobian import jacobian as jacobian
from .reverse import elementwise_grad as elementwise_grad
from .reverse import grad as grad
from .reverse import hvp as hvp
from .reverse import value_and_grad as value_and_grad
from .reverse import vjp as vjp
