"""NumPy's own functions on Tensors: which operation answers to which NumPy function.

`np.sin(t)` reaches `array_ufunc`, `np.concatenate([t, u])` reaches `array_function`; both look the NumPy function up and
call ours. What we do not differentiate raises: nothing returns a silently detached result.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

UFUNCS: dict[Any, Callable[..., Any]] = {}
FUNCTIONS: dict[Any, Callable[..., Any]] = {}


def register(numpy_function: Any, ours: Callable[..., Any]) -> None:
    for f in numpy_function if isinstance(numpy_function, tuple) else (numpy_function,):
        (UFUNCS if isinstance(f, np.ufunc) else FUNCTIONS)[f] = ours


def implements(*numpy_functions: Any) -> Callable[[Any], Any]:
    """Decorate a public function that answers to one or more NumPy functions: ``@implements(np.concatenate)``."""

    def decorate(function: Any) -> Any:
        register(numpy_functions, function)
        return function

    return decorate


def array_ufunc(ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    ours = UFUNCS.get(ufunc)
    if ours is None:
        raise TypeError(_unknown(f"np.{ufunc.__name__}", ufunc.__name__))
    if method != "__call__":
        raise TypeError(f"np.{ufunc.__name__}.{method} is not differentiable here; write it with ag.{ours.__name__}")
    if "out" in kwargs:
        raise TypeError(
            f"np.{ufunc.__name__}: cannot write the result of an operation on a Tensor into out=; "
            f"drop out=, or take the value first with t.numpy()"
        )
    if kwargs:
        named = ", ".join(f"{k}=" for k in kwargs)
        raise TypeError(f"np.{ufunc.__name__}: {named} is not differentiable here; call ag.{ours.__name__} without it")
    return ours(*inputs)


def array_function(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    name = getattr(function, "__name__", str(function))
    ours = FUNCTIONS.get(function)
    if ours is None:
        raise TypeError(_unknown(f"{function.__module__}.{name}".replace("numpy", "np"), name))
    try:
        return ours(*args, **kwargs)
    except TypeError as error:
        if "unexpected keyword argument" in str(error):
            raise TypeError(
                f"np.{name} on a Tensor: {str(error).split('() ')[-1]}; see help(ag.{ours.__name__})"
            ) from error
        raise


def _unknown(full_name: str, name: str) -> str:
    import difflib  # only an error needs it

    known = sorted({f.__name__ for f in (*UFUNCS, *FUNCTIONS)})
    near = difflib.get_close_matches(name, known, 1)
    hint = f"; the nearest we have is np.{near[0]}" if near else ""
    return f"{full_name} is not differentiable here{hint}. For its value alone, pass t.numpy() instead of the Tensor"
