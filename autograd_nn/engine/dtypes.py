"""Which dtype data gets: Python floats the default (float32), ints int64, bools bool; arrays keep theirs.

As operands of an operation Python numbers stay weak (NumPy 2's promotion): a float32 Tensor times 2.0 is float32. So do lists
of them: beside floating arrays they take the arrays' dtype, so that a float64 Tensor loses no digits to ``[0.1, 0.2]``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from . import modes

if TYPE_CHECKING:
    from numpy.typing import DTypeLike


ARRAYS = frozenset({np.ndarray, *np.sctypeDict.values()})
PLAIN = ARRAYS | {float, int, bool, complex, type(None)}
"""Types that an operation takes as they are; anything else goes through `operand`."""

_default: np.dtype = np.dtype(np.float32)


def set_default_dtype(dtype: DTypeLike) -> None:
    """Set what Python floats become in `tensor` and the creation functions; float32 at start. Process-wide.

    Raises TypeError for anything but a floating dtype. `ag.default_dtype` changes it for a block.

    >>> ag.set_default_dtype("float64")
    >>> ag.tensor(1.5).dtype
    dtype('float64')
    >>> ag.set_default_dtype("float32")
    """
    global _default
    _default = _floating(dtype)


def get_default_dtype() -> np.dtype:
    """What Python floats become here and now.

    >>> ag.get_default_dtype()
    dtype('float32')
    """
    return modes.current().default_dtype or _default


def default_dtype(dtype: DTypeLike) -> modes.change:
    """Change the default dtype inside a ``with`` block, in this thread or task only.

    >>> with ag.default_dtype("float64"):
    ...     ag.tensor(1.5).dtype
    dtype('float64')
    """
    return modes.change(default_dtype=_floating(dtype))


def _floating(dtype: DTypeLike) -> np.dtype:
    checked = np.dtype(dtype)
    if checked.kind != "f":
        raise TypeError(f"the default dtype must be floating, not {checked}; use float32 or float64")
    return checked


def as_array(data: Any, dtype: DTypeLike | None = None, *, copy: bool = True, beside: Iterable[Any] = ()) -> np.ndarray:
    """An array of the data, under the rules above; `copy` asks for memory of its own; `beside`: the operands it goes with."""
    if isinstance(data, (np.ndarray, np.generic)):
        return np.array(data, dtype=dtype, copy=True if copy else None)
    try:
        array = np.array(data, dtype=dtype)
    except ValueError as error:
        raise ValueError(
            f"tensor: cannot make an array of {type(data).__name__} data (are its rows equally long?)"
        ) from error
    if dtype is None and array.dtype == np.float64 and not _strong(data):
        array = array.astype(_floating_beside(beside))
    if array.dtype.kind not in "fiubc":
        raise TypeError(f"tensor: cannot make numbers of {type(data).__name__} data (it holds {array.dtype})")
    return array


def _floating_beside(operands: Iterable[Any]) -> np.dtype:
    """What Python floats become beside these operands: the widest floating dtype of the arrays among them, or the default."""
    dtypes = [x.dtype for x in operands if hasattr(x, "dtype") and x.dtype.kind == "f"]
    return np.result_type(*dtypes) if dtypes else get_default_dtype()


def _strong(data: Any) -> bool:
    """Whether nested data starts with a NumPy value, which keeps its dtype, and not with a Python number."""
    while isinstance(data, (list, tuple)) and data:
        data = data[0]
    return isinstance(data, (np.ndarray, np.generic)) or hasattr(data, "__array__")


def operand(x: Any, who: Any, beside: Iterable[Any] = ()) -> Any:
    """What an operation computes with for an input that is neither a Tensor nor of a type it takes as it is.

    `who` is the Operation, or a name, for the message; `beside` are all its inputs.
    """
    if isinstance(x, np.generic) or x is None:
        return x
    masked = type(x).__module__.startswith("numpy.ma")
    if not masked and (isinstance(x, (list, tuple, float, int, complex)) or hasattr(x, "__array__")):
        return as_array(x, copy=False, beside=beside)
    name = getattr(who, "name", who)
    hint = (
        "; masked arrays are not differentiated: fill the mask first"
        if masked
        else "; pass a Tensor, an array or a number"
    )
    raise TypeError(f"{name}: cannot take {type(x).__name__}{hint}")
