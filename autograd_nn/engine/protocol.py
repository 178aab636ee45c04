"""NumPy's own functions on Tensors: which operation answers to which NumPy function, and how its arguments reach it.

`np.sin(t)` reaches `array_ufunc`, `np.concatenate([t, u])` reaches `array_function`; both look the NumPy function up and
call ours. What we do not differentiate raises (`unsupported` says why): nothing returns a silently detached result.

Decision: a call is read by NumPy's signature, not by ours. Each argument gets NumPy's name for it; arrays go to ours by
position, parameters by name, and one that ours does not have (`out=`, `order=`, ...) may only have NumPy's default. So
`np.max(t, 0, None, True)` means what NumPy means by it, and an `out=` in whatever place is refused by its name.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

UFUNCS: dict[Any, Callable[..., Any]] = {}
METHODS: dict[tuple[Any, str], Callable[..., Any]] = {}
"""What answers to a ufunc's method: ``(np.add, "reduce")``."""
FUNCTIONS: dict[Any, Callable[..., Any]] = {}
SCIPY: dict[str, Callable[..., Any]] = {}
"""What answers to a ufunc of `scipy.special`, by its name, for SciPy may not be there."""


def register(numpy_function: Any, ours: Callable[..., Any]) -> None:
    for f in numpy_function if isinstance(numpy_function, tuple) else (numpy_function,):
        if isinstance(f, np.ufunc):
            UFUNCS[f] = ours
        elif isinstance(getattr(f, "__self__", None), np.ufunc):
            METHODS[f.__self__, f.__name__] = ours
        else:
            FUNCTIONS[f] = ours


def implements(*numpy_functions: Any) -> Callable[[Any], Any]:
    """Decorate a public function that answers to NumPy functions, ufuncs or a ufunc's methods: ``@implements(np.add.reduce)``."""

    def decorate(function: Any) -> Any:
        register(numpy_functions, function)
        return function

    return decorate


def since(name: str, module: Any = np) -> tuple[Any, ...]:
    """NumPy's function of this name, if this NumPy is new enough to have it: ``@implements(*since("unstack"))``."""
    return (getattr(module, name),) if hasattr(module, name) else ()


# ---- ufuncs --------------------------------------------------------------------------------------------------------


def array_ufunc(ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    ours = UFUNCS.get(ufunc) if method in ("__call__", "outer") else METHODS.get((ufunc, method))
    name = f"np.{ufunc.__name__}" + ("" if method == "__call__" else f".{method}")
    if ours is None and _is_scipys(ufunc):
        name = "scipy.special" + name.removeprefix("np")
        ours = SCIPY.get(ufunc.__name__) if method == "__call__" else None
    if ours is None:
        raise TypeError(_refusal(name, UFUNCS.get(ufunc)))
    if kwargs.get("out") is not None:
        raise TypeError(_no_out(name))
    if method == "outer":
        x, y = [i if hasattr(i, "ndim") else np.asarray(i) for i in inputs]
        inputs = (x.reshape((*x.shape, *(1,) * y.ndim)), y)
    if kwargs and method == "__call__" and kwargs.keys() <= {"axis"} & inspect.signature(ours).parameters.keys():
        return ours(*inputs, **kwargs)
    if method in ("__call__", "outer") and kwargs:
        named = ", ".join(f"{k}=" for k in kwargs)
        raise TypeError(f"{name}: {named} is not differentiable here; call ag.{ours.__name__} without it")
    return ours(*inputs, **kwargs)


def _is_scipys(ufunc: np.ufunc) -> bool:
    special = sys.modules.get("scipy.special")
    return special is not None and getattr(special, ufunc.__name__, None) is ufunc


# ---- functions -----------------------------------------------------------------------------------------------------


def array_function(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    ours = FUNCTIONS.get(function)
    if ours is None:
        raise TypeError(_refusal(full_name(function), None))
    names, defaults, accepted, arrays = _signatures(function, ours)
    if not kwargs and len(args) <= arrays:
        return ours(*args)
    given = dict(zip(names, args))  # noqa: B905 - what is beyond the names is NumPy's *args
    given |= kwargs
    first = [given.pop(n) for n in names[:arrays] if n in given] if names else list(args)
    passed = {}
    for name, value in given.items():
        if name in accepted:
            passed[name] = value
        elif not _is_default(value, defaults.get(name, inspect.Parameter.empty)):
            raise TypeError(_not_taken(full_name(function), name, ours))
    return ours(*first, **passed)


@functools.cache
def _signatures(function: Any, ours: Any) -> tuple[tuple[str, ...], dict[str, Any], frozenset[str], int]:
    """NumPy's positional names and defaults; the names of our parameters, and how many of ours are taken by position.

    Where NumPy's has ``*args`` (or no signature) there are no names, and positions mean the same on both sides.
    """
    own = list(inspect.signature(ours).parameters.values())
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    arrays = 0
    for p in own:
        if p.kind is p.POSITIONAL_ONLY or (p.kind is p.POSITIONAL_OR_KEYWORD and p.default is p.empty):
            arrays += 1
        else:
            break
    accepted = frozenset(p.name for p in own[arrays:] if p.kind is not p.VAR_POSITIONAL)
    try:
        theirs = list(inspect.signature(function).parameters.values())
    except ValueError:
        return (), {}, accepted, len(own)
    defaults = {p.name: p.default for p in theirs}
    if any(p.kind is p.VAR_POSITIONAL for p in theirs):
        return (), defaults, frozenset(p.name for p in own if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)), 0
    return tuple([p.name for p in theirs if p.kind in positional]), defaults, accepted, arrays


def _is_default(value: Any, default: Any) -> bool:
    return value is default or (
        isinstance(value, (bool, int, str)) and type(value) is type(default) and value == default
    )


# ---- what is refused -----------------------------------------------------------------------------------------------


def full_name(function: Any) -> str:
    """What a NumPy function is called: ``np.linalg.eig``."""
    return f"{function.__module__}.{function.__name__}".replace("numpy", "np", 1)


def _no_out(name: str) -> str:
    return (
        f"{name}: cannot write the result of an operation on a Tensor into out=; "
        f"drop out=, or take the value first with t.numpy()"
    )


def _not_taken(name: str, parameter: str, ours: Any) -> str:
    if parameter == "out":
        return _no_out(name)
    known = ours.__name__.removeprefix("_numpy").lstrip("_")
    return f"{name} on a Tensor: {parameter}= is not supported; see help(ag.{known})"


def _refusal(name: str, nearest: Any) -> str:
    from .unsupported import reason  # only an error needs it

    why = reason(name) or (f"the nearest we have is ag.{nearest.__name__}" if nearest is not None else _near(name))
    return f"{name} is not differentiable here: {why}. For its value alone, pass t.numpy() instead of the Tensor"


def _near(name: str) -> str:
    import difflib  # only an error needs it

    if name.startswith("scipy"):
        return f"of scipy.special there are {', '.join(sorted(SCIPY))}"
    known = sorted({f.__name__ for f in (*UFUNCS, *FUNCTIONS)})
    near = difflib.get_close_matches(name.rsplit(".", 1)[-1], known, 1, 0.0)
    return f"the nearest we have is np.{near[0]}"
