"""Nested arguments and results: lists, tuples (named ones too) and dicts of leaves, taken apart and put together again.

None is an empty place, not a leaf; everything else that is no list, tuple or dict is one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any


def leaves(tree: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Each leaf, with where it stands, as Python would write it: ``['weights'][0]``."""
    for step, part in _parts(tree):
        yield from leaves(part, f"{path}{step}")
    if tree is not None and not isinstance(tree, (list, tuple, dict)):
        yield path, tree


def mapped(f: Callable[[Any], Any], tree: Any) -> Any:
    """The same structure with f of each leaf, in the order of `leaves`."""
    if tree is None:
        return None
    if isinstance(tree, dict):
        made = {key: mapped(f, part) for key, part in tree.items()}
        return made if type(tree) is dict or hasattr(tree, "default_factory") else type(tree)(made)
    if isinstance(tree, (list, tuple)):
        parts = [mapped(f, part) for part in tree]
        if hasattr(tree, "_fields"):
            return type(tree)(*parts)
        return parts if isinstance(tree, list) else tuple(parts)
    return f(tree)


def refilled(tree: Any, values: Iterator[Any]) -> Any:
    """The same structure with its leaves replaced, in order."""
    return mapped(lambda _: next(values), tree)


def leaves_like(tree: Any, other: Any, what: str) -> list[Any]:
    """What stands in `other` where `tree` has its leaves. Raises ValueError, naming `what` and the place, if they differ."""
    if tree is None:
        if other is not None:
            raise ValueError(f"{what} is {type(other).__name__} where None is wanted")
        return []
    if not isinstance(tree, (list, tuple, dict)):
        if other is None or isinstance(other, dict):
            raise ValueError(f"{what} is {type(other).__name__} where an array of shape {tree.shape} is wanted")
        return [other]
    named = isinstance(tree, dict)
    kind, keys = ("dict", list(tree)) if named else ("list or tuple", list(range(len(tree))))
    if not isinstance(other, dict if named else (list, tuple)):
        raise ValueError(f"{what} is {type(other).__name__} where a {kind} of {len(tree)} is wanted")
    if len(other) != len(tree) or (named and set(other) != set(tree)):
        wanted, got = (keys, list(other)) if named else (len(tree), len(other))
        raise ValueError(f"{what} is a {kind} of {got} where one of {wanted} is wanted")
    return [leaf for key in keys for leaf in leaves_like(tree[key], other[key], f"{what}[{key!r}]")]


def _parts(tree: Any) -> list[tuple[str, Any]]:
    if isinstance(tree, dict):
        return [(f"[{key!r}]", part) for key, part in tree.items()]
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return [(f".{name}", getattr(tree, name)) for name in tree._fields]
    return [(f"[{i}]", part) for i, part in enumerate(tree)] if isinstance(tree, (list, tuple)) else []
