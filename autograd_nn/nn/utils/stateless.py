"""`functional_call`: a module's computation with other Tensors in the place of its parameters, as learning to learn needs it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...engine.tensor import Tensor
from ..module import CONTENTS, Module
from ..parameter import Buffer, Parameter

__all__ = ["functional_call"]


def functional_call(
    module: Module,
    parameters_and_buffers: Mapping[str, Any],
    args: Any = (),
    kwargs: Mapping[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """Call the module with Tensors in place of the parameters and buffers of these paths; the others are its own.

    Gradients go to the Tensors given. `args`: one argument, or a tuple of them. A shared parameter is replaced wherever it is,
    unless `tie_weights` is False. Raises ValueError for a path that the module does not have, for a shape that differs, and, if
    `strict`, for one that is missing; the module is as before then, and after the call.

    >>> layer = nn.Linear(2, 1, bias=False)
    >>> w = ag.tensor([[1.0, 2.0]], requires_grad=True)
    >>> nn.utils.stateless.functional_call(layer, {"weight": w}, ag.ones((1, 2))).item()
    3.0
    """
    places = _places(module)
    unknown = [path for path in parameters_and_buffers if path not in places]
    missing = [path for path in places if strict and path not in parameters_and_buffers]
    wrong = [f"has no {path!r}" for path in unknown] + [f"is not given {path!r}" for path in missing]
    exchanged: dict[tuple[int, Any], tuple[Any, Any, Any, Any]] = {}
    for path, value in parameters_and_buffers.items():
        if path in unknown:
            continue
        held = places[path][0][places[path][1]]
        if getattr(value, "shape", None) != held.shape:
            wrong.append(f"takes {path!r} of shape {held.shape}, not {getattr(value, 'shape', type(value).__name__)}")
        for other, (holder, key) in places.items():
            shared = tie_weights and other not in parameters_and_buffers and holder[key] is held
            if other == path or shared:
                exchanged[id(holder), key] = (holder, key, holder[key], value)
    if wrong:
        raise ValueError(f"functional_call: {type(module).__name__} " + "; ".join(wrong))
    try:
        for holder, key, _, value in exchanged.values():
            holder[key] = value if isinstance(value, Tensor) else Buffer(value)
        return module(*(args if isinstance(args, tuple) else (args,)), **(kwargs or {}))
    finally:
        for holder, key, before, _ in exchanged.values():
            holder[key] = before


def _places(module: Module) -> dict[str, tuple[Any, Any]]:
    """Where each parameter and buffer is held: the dict or list, and the key in it."""
    found: dict[str, tuple[Any, Any]] = {}
    for path, owner in module.named_modules(remove_duplicate=False):
        for name, _ in owner._held((Parameter, Buffer)):
            holder: Any = owner.__dict__
            first, *rest = name.split(".")
            if first not in holder:
                holder = holder[CONTENTS]
            key: Any = first
            for part in rest:
                holder = holder[key]
                key = int(part) if isinstance(holder, (list, tuple)) else part
            if isinstance(holder, tuple):
                raise TypeError(f"functional_call: {name!r} is held in a tuple, which cannot be changed; use a list")
            found[f"{path}.{name}" if path else name] = (holder, key)
    return found
