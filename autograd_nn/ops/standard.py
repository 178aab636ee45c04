"""The Array API standard's names that are not operations: dtypes, constants, and questions about dtypes and memory.

Decision: the standard's namespace is `autograd_nn` itself (``x.__array_namespace__()`` gives the module), not one beside it.
None of the standard's names means anything else here: functions take its positional-only arguments and keywords, and more
than it asks for. Where the standard leaves a choice, this is a PyTorch-like library: the default floating dtype is float32,
and 0-d results are Tensors. Source: https://data-apis.org/array-api/2024.12.
"""

from __future__ import annotations

import functools
import importlib
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..engine.dtypes import get_default_dtype
from ..engine.methods import attach
from ..engine.op import nondifferentiable, op
from ..engine.protocol import implements
from ..engine.tensor import Tensor, from_numpy, tensor
from .comparison import equal, invert, left_shift, not_equal, right_shift
from .creation import on_cpu
from .elementwise import power
from .rounding import imag
from .shape import copy as copied

__all__ = [
    "asarray",
    "bitwise_invert",
    "bitwise_left_shift",
    "bitwise_right_shift",
    "bool",
    "broadcast_shapes",
    "can_cast",
    "e",
    "empty_like",
    "finfo",
    "float16",
    "float32",
    "float64",
    "from_dlpack",
    "iinfo",
    "inf",
    "int8",
    "int16",
    "int32",
    "int64",
    "isdtype",
    "nan",
    "newaxis",
    "pi",
    "pow",
    "result_type",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
]  # fmt: skip

int8, int16, int32, int64 = np.dtype("int8"), np.dtype("int16"), np.dtype("int32"), np.dtype("int64")
uint8, uint16, uint32, uint64 = np.dtype("uint8"), np.dtype("uint16"), np.dtype("uint32"), np.dtype("uint64")
float16, float32, float64 = np.dtype("float16"), np.dtype("float32"), np.dtype("float64")
bool = np.dtype("bool")
e, inf, nan, newaxis, pi = math.e, math.inf, math.nan, None, math.pi

pow = power
bitwise_invert, bitwise_left_shift, bitwise_right_shift = invert, left_shift, right_shift

# ---- arrays --------------------------------------------------------------------------------------------------------


def asarray(obj: Any, /, dtype: Any = None, *, device: Any = None, copy: Any = None) -> Tensor:
    """A Tensor of the data: the Tensor itself if it is one, sharing an ndarray's memory, copying anything else.

    `dtype`: cast to it (recorded, where obj requires a gradient); `copy`: True for memory of its own, False to raise
    ValueError where that would be needed. `device`: ``"cpu"`` or None.

    >>> ag.asarray([1, 2])
    tensor([1, 2], dtype=int64)
    """
    on_cpu("asarray", device)
    if not isinstance(obj, (Tensor, np.ndarray)):
        if copy is False:
            raise ValueError(f"asarray: {type(obj).__name__} data has to be copied, and copy=False forbids it")
        return tensor(obj, dtype=dtype)
    cast = dtype is not None and obj.dtype != np.dtype(dtype)
    if cast and copy is False:
        raise ValueError(
            f"asarray: {obj.dtype} data has to be copied to be {np.dtype(dtype)}, and copy=False forbids it"
        )
    made = obj if isinstance(obj, Tensor) else from_numpy(obj)
    if cast:
        return made.astype(dtype)
    return copied(made) if copy else made


def from_dlpack(x: Any, /, *, device: Any = None, copy: Any = None) -> Tensor:
    """A Tensor of an array of another library, which shares its memory where it can (DLPack).

    Raises BufferError for an array that is not on the CPU, or not exported.

    >>> ag.from_dlpack(np.array([1.0, 2.0]))
    tensor([1., 2.], dtype=float64)
    """
    on_cpu("from_dlpack", device)
    shared = np.from_dlpack(x)
    return from_numpy(np.array(shared) if copy else shared)


@op(kind="creation", numpy=np.empty_like)
def empty_like(x, /, dtype=None, *, device=None):
    """A Tensor in the shape (and dtype, unless given) of x whose values are whatever its memory held.

    >>> ag.empty_like(ag.ones((2, 3))).shape
    (2, 3)
    """
    on_cpu("empty_like", device)
    return np.empty_like(x, dtype)


empty_like.vjp(x=nondifferentiable)


def broadcast_shapes(*shapes: Sequence[int]) -> tuple[int, ...]:
    """The shape that shapes broadcast to. Raises ValueError if they do not.

    >>> ag.broadcast_shapes((2, 1), (3,))
    (2, 3)
    """
    return np.broadcast_shapes(*shapes)


# ---- dtypes --------------------------------------------------------------------------------------------------------


def _typed(x: Any) -> Any:
    return x.dtype if isinstance(x, Tensor) else x


@implements(np.result_type)
def result_type(*arrays_and_dtypes: Any) -> np.dtype:
    """The dtype that promotion gives to arrays, dtypes and Python numbers together; the numbers are weak.

    >>> ag.result_type(ag.tensor([1.0]), ag.int64)
    dtype('float64')
    """
    return np.result_type(*[_typed(x) for x in arrays_and_dtypes])


@implements(np.can_cast)
def can_cast(from_: Any, to: Any, /, casting: Any = "safe") -> Any:
    """Whether a dtype (or an array's) can be cast to another without loss, by promotion's rules.

    >>> ag.can_cast(ag.float32, ag.float64), ag.can_cast(ag.tensor(1.0), ag.int32)
    (True, False)
    """
    return np.can_cast(_typed(from_), to, casting)


def finfo(type: Any, /) -> np.finfo:
    """The machine limits of a floating dtype, or of a Tensor's: `eps`, `max`, `min`, `smallest_normal`, `bits`, `dtype`.

    >>> ag.finfo(ag.float32).bits
    32
    """
    return np.finfo(_typed(type))


def iinfo(type: Any, /) -> np.iinfo:
    """The limits of an integer dtype, or of a Tensor's: `max`, `min`, `bits`, `dtype`.

    >>> int(ag.iinfo(ag.int8).max)
    127
    """
    return np.iinfo(_typed(type))


def isdtype(dtype: Any, kind: Any) -> Any:
    """Whether a dtype is of a kind: another dtype, a tuple of kinds, or ``"bool"``, ``"signed integer"``,
    ``"unsigned integer"``, ``"integral"``, ``"real floating"``, ``"complex floating"``, ``"numeric"``.

    >>> ag.isdtype(ag.float32, "real floating")
    True
    """
    return np.isdtype(np.dtype(dtype), kind)


# ---- what NumPy asks about arrays ----------------------------------------------------------------------------------


def _value(x: Any) -> Any:
    return x.detach().numpy() if isinstance(x, Tensor) else x


def _about(numpys: Any) -> None:
    """Let a NumPy function that tells something about arrays, not of their values, tell it about Tensors."""

    @functools.wraps(numpys)  # its signature, too, by which `protocol` reads a call
    def answer(*args: Any, **kwargs: Any) -> Any:
        return numpys(*[_value(a) for a in args], **kwargs)

    implements(numpys)(answer)


for _numpys in (
    *(np.min_scalar_type, np.common_type, np.iscomplexobj, np.isrealobj, np.shares_memory, np.may_share_memory),
    *(np.array2string, np.array_repr, np.array_str, np.einsum_path),
    *(np.diag_indices_from, np.tril_indices_from, np.triu_indices_from),
):
    _about(_numpys)


@implements(np.isreal)
def _numpy_isreal(x: Any) -> Any:
    return equal(imag(x), 0)


@implements(np.iscomplex)
def _numpy_iscomplex(x: Any) -> Any:
    return not_equal(imag(x), 0)


# ---- the namespace -------------------------------------------------------------------------------------------------


class NamespaceInfo:
    """What the standard's inspection API says about this library.

    >>> ag.__array_namespace_info__().default_device()
    'cpu'
    """

    def capabilities(self) -> dict[str, Any]:
        """Boolean indexing and shapes that depend on data exist; nothing limits the number of axes but NumPy."""
        return {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": 64}

    def default_device(self) -> str:
        """Where Tensors are made: the CPU."""
        return "cpu"

    def devices(self) -> list[str]:
        """The devices there are."""
        return ["cpu"]

    def default_dtypes(self, *, device: Any = None) -> dict[str, Any]:
        """What Python numbers become."""
        on_cpu("default_dtypes", device)
        return {"real floating": get_default_dtype(), "integral": int64, "indexing": int64}

    def dtypes(self, *, device: Any = None, kind: Any = None) -> dict[str, Any]:
        """The dtypes of a kind (see `isdtype`), by name; complex ones are left out, for they carry no gradient."""
        on_cpu("dtypes", device)
        names = ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64")
        found = {name: np.dtype(name) for name in names}
        return {name: d for name, d in found.items() if kind is None or np.isdtype(d, kind)}


def array_namespace_info() -> NamespaceInfo:
    """What the standard calls `__array_namespace_info__`: the devices and dtypes there are.

    >>> sorted(ag.__array_namespace_info__().dtypes(kind="real floating"))
    ['float32', 'float64']
    """
    return NamespaceInfo()


def _array_namespace(self: Tensor, /, *, api_version: str | None = None) -> Any:
    """The module that holds the Array API's functions for this Tensor: `autograd_nn`."""
    if api_version not in (None, "2021.12", "2022.12", "2023.12", "2024.12"):
        raise ValueError(f"__array_namespace__: the version {api_version!r} of the standard is not known here")
    return importlib.import_module(__name__.partition(".")[0])


def _to_device(self: Tensor, device: Any, /, *, stream: Any = None) -> Tensor:
    """Itself: only the CPU exists."""
    on_cpu("to_device", device)
    return self


def _dlpack(self: Tensor, /, **settings: Any) -> Any:
    """The memory for another library (DLPack); TypeError for a Tensor that requires a gradient, which it would lose."""
    if self.requires_grad:
        raise TypeError("__dlpack__: the Tensor requires a gradient, which another library would lose; pass t.detach()")
    return np.asarray(self.data).__dlpack__(**settings)


def _dlpack_device(self: Tensor, /) -> tuple[Any, int]:
    """The CPU, as DLPack numbers devices."""
    return np.empty(0).__dlpack_device__()


for _name, _function in {
    "__array_namespace__": _array_namespace,
    "to_device": _to_device,
    "__dlpack__": _dlpack,
    "__dlpack_device__": _dlpack_device,
}.items():
    attach(_function, _name, method=_name)
