"""One function over one, two or three spatial axes: `max_pool1d`, `max_pool2d` and `max_pool3d` are faces of one body.

A body takes the number of axes first. Its docstring is the second face's, with `{axes}`, `{space}` and `{result}` for what
differs; the other faces have its first sentence and its shapes, and refer to the second for the rest. Each has its example.

Decision: faces are made, not written, and yet are plain functions of the module their body stands in, with its name,
signature and doctests; so nothing can be said of one that is not true of all.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import FunctionType
from typing import Any, Concatenate, ParamSpec

AXES = {1: "one spatial axis", 2: "two spatial axes", 3: "three spatial axes"}
SPACE = {1: "length", 2: "height, width", 3: "depth, height, width"}

P = ParamSpec("P")
Face = Callable[P, Any]


def faces(body: Callable[Concatenate[int, P], Any], *examples: str) -> tuple[Face[P], Face[P], Face[P]]:
    """The functions of one, two and three spatial axes, each with its example for the docstring."""
    one, two, three = [_face(body, dims, example) for dims, example in enumerate(examples, 1)]
    return one, two, three


def _face(body: Callable[..., Any], dims: int, example: str) -> Any:
    def face(*args: Any, **kwargs: Any) -> Any:
        return body(dims, *args, **kwargs)

    name = f"{body.__name__.lstrip('_')}{dims}d"
    # Of the body's module, where doctest and readers look for it.
    made: Any = FunctionType(face.__code__, body.__globals__, name, None, face.__closure__)
    signature = inspect.signature(body)
    made.__signature__ = signature.replace(parameters=list(signature.parameters.values())[1:])
    made.__doc__ = _docstring(inspect.cleandoc(body.__doc__ or ""), dims, name, inspect.cleandoc(example))
    made.__qualname__, made.__module__ = name, body.__module__
    return made


def _docstring(template: str, dims: int, name: str, example: str) -> str:
    first, shapes, *rest = template.split("\n\n")
    if dims != 2:
        first, rest = first.removesuffix(".") + f": `{name[:-2]}2d` says what the arguments are.", []
    result = ", ".join(f"{s}'" for s in SPACE[dims].split(", "))
    text = "\n\n".join([first, shapes, *rest, example])
    return text.replace("{axes}", AXES[dims]).replace("{space}", SPACE[dims]).replace("{result}", result)
