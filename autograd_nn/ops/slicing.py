"""Slices: `x[2:5, None, ..., 0]` as a view, and its adjoint, which puts a slice into zeros.

A key is frozen so that it can be a parameter: a slice is the tuple (start, stop, step), everything else itself.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine.op import op


def thawed(key: tuple[Any, ...]) -> tuple[Any, ...]:
    """The key that NumPy takes."""
    return tuple([slice(*k) if type(k) is tuple else k for k in key])


@op(kind="view")
def slice_(x, /, key):
    """x[key] for a key of ints, slices, None and Ellipsis; a view."""
    return x[thawed(key)]


@op(kind="indexing")
def unslice(part, /, key, shape):
    """Zeros of the shape, with a part at the key: the adjoint of `slice_`."""
    out = np.zeros(shape, part.dtype)
    out[thawed(key)] = part
    return out


def _add_at(total, g, key):
    total[thawed(key)] += g


slice_.vjp(x=lambda g, x_shape, key: unslice(g, key, x_shape)).accumulate(x=_add_at)
unslice.vjp(part=lambda g, key: slice_(g, key))
