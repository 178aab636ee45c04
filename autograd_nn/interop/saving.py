"""`save` and `load`: nested dicts and lists of arrays, in one safetensors file.

The tensors of the file are the arrays; a flat dict of them keeps its keys as their names, so what PyTorch saved as safetensors
loads here and back. What is not an array (structure, numbers, strings) is JSON in the file's metadata, under ``autograd_nn``.

Decision: safetensors, because nothing in it can run. The `safetensors` package writes, and checks what is to be read
(sizes, offsets, the header); the arrays are then read by NumPy straight into their memory, bfloat16 included, which NumPy
has no type for.

Decision: a file is written beside the old one, flushed to the disk and renamed over it, so whenever the process dies there is
either the old file or the new one. What may be left over is a file ``name.<random>.tmp``.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import secrets
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..engine.tensor import Tensor

VERSION = 1
DTYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1",
    "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "u1", "BOOL": "?", "C64": "<c8",
}  # fmt: skip
"""What safetensors calls NumPy's types. BF16 is read, as float32; the types of 8 bits and fewer that NumPy lacks are refused."""

_SAVED = frozenset(np.dtype(d) for d in DTYPES.values())
_KINDS = ("dict", "list", "tuple", "float", "tensor", "array", "scalar")


def save(state: Any, path: str | os.PathLike[str]) -> None:
    """Save Tensors and arrays, nested in dicts, lists and tuples with numbers, strings, bools and None, as safetensors.

    A flat dict of arrays is a plain safetensors file with its keys, as PyTorch's `safetensors.torch.load_file` reads it. In other
    structures an object that occurs twice is saved once and loaded as one. The file is written beside `path` and renamed, so an
    older one stays whole until the new one is.

    Raises TypeError, naming the place, for anything else (and for types safetensors does not know, as complex128 and longdouble);
    ValueError for a structure that contains itself; OSError where the file cannot be written.

    >>> import tempfile, os
    >>> path = os.path.join(tempfile.mkdtemp(), "state.safetensors")
    >>> ag.save({"weight": ag.ones(2), "history": [0.5, 0.25], "epoch": 3}, path)
    >>> ag.load(path)
    {'weight': tensor([1., 1.], dtype=float32), 'history': [0.5, 0.25], 'epoch': 3}
    """
    target = Path(os.path.realpath(path))
    if target.is_dir():
        raise IsADirectoryError(f"save: {target} is a directory; give the path of a file")
    if not target.parent.is_dir():
        raise FileNotFoundError(f"save: there is no directory {target.parent}")
    arrays: dict[str, np.ndarray] = {}
    flat = isinstance(state, Mapping) and all([isinstance(k, str) and _is_array(v) for k, v in state.items()])
    structure = _described(state, "", arrays, {} if not flat else None, set())
    metadata = {"autograd_nn": json.dumps({"version": VERSION, "structure": structure}, allow_nan=False)}
    from safetensors.numpy import save_file  # slow to import, and seldom needed

    temporary = target.with_name(f"{target.name}.{secrets.token_hex(4)}.tmp")
    try:
        with open(temporary, "xb") as file:
            mode = os.fstat(file.fileno()).st_mode
        save_file(arrays, str(temporary), metadata)
        os.chmod(temporary, target.stat().st_mode if target.exists() else mode)  # the package's own is 0600
        with open(temporary, "r+b") as file:
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError):
            raise type(error)(error.errno, f"save: {target} cannot be written: {error.strerror}") from error
        raise
    if os.name == "posix":  # the rename is on the disk when the directory is
        directory = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def load(path: str | os.PathLike[str]) -> Any:
    """Load what `save` saved; any other safetensors file as a dict of Tensors.

    Tensors come back as plain ones with memory of their own, arrays as arrays. bfloat16 becomes float32, which holds every
    value of it. Nothing is unpickled or run.

    Raises ValueError for a file that is damaged, cut short, too long, of a later version or of types NumPy lacks; OSError where
    there is none.

    >>> import tempfile, os
    >>> path = os.path.join(tempfile.mkdtemp(), "weights.safetensors")
    >>> ag.save({"layer.weight": np.eye(2)}, path)
    >>> ag.load(path)["layer.weight"].shape
    (2, 2)
    """
    name = os.fspath(path)
    if os.path.isdir(name):
        raise IsADirectoryError(f"load: {name} is a directory; give the path of a file")
    with open(name, "rb") as file:
        header, start = _header(file, name)
        metadata = header.pop("__metadata__", {})
        ours = metadata.get("autograd_nn")
        structure = None if ours is None else _structure(ours, name)
        arrays = {key: _array(file, start, key, entry, name) for key, entry in header.items()}
    if structure is None:
        return {key: Tensor._of(array) for key, array in arrays.items()}
    try:
        return _restored(structure, arrays, {})
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise _damaged(name, f"its structure does not fit its arrays ({type(error).__name__}: {error})") from error


# ---- saving --------------------------------------------------------------------------------------------------------


def _is_array(x: Any) -> bool:
    return isinstance(x, (Tensor, np.ndarray, np.generic))


def _described(x: Any, place: str, arrays: dict[str, np.ndarray], seen: dict[int, Any] | None, within: set[int]) -> Any:
    """The JSON of a structure; its arrays go into `arrays`, each object once (each time, if `seen` is None)."""
    if x is None or isinstance(x, (bool, str)) or type(x) is int:
        return x
    if type(x) is float:
        return x if math.isfinite(x) else {"float": repr(x)}
    if seen is not None and id(x) in seen:
        return seen[id(x)][1]
    if _is_array(x):
        name = place or "value"
        while name in arrays or name == "__metadata__":  # which the format keeps for itself
            name += "'"
        arrays[name] = _saved(x, name)
        kind = "tensor" if isinstance(x, Tensor) else "array" if isinstance(x, np.ndarray) else "scalar"
        described = {kind: name}
        if seen is not None:
            seen[id(x)] = (x, described)  # with the object, so that no other gets its id
        return described
    if not isinstance(x, (Mapping, list, tuple)):
        raise TypeError(
            f"save: {place or 'the state'} is of type {type(x).__name__}; what can be saved are arrays, Tensors, numbers, "
            f"strings, bools, None, and dicts, lists and tuples of them"
        )
    if id(x) in within:
        raise ValueError(f"save: {place} contains itself")
    within.add(id(x))
    try:
        if isinstance(x, Mapping):
            for key in x:
                if not (key is None or isinstance(key, (str, int, float, bool))):
                    raise TypeError(
                        f"save: {place or 'the state'} has a key of type {type(key).__name__}; keys are strings or numbers"
                    )
            pairs = [[_key(k), _described(v, _below(place, k), arrays, seen, within)] for k, v in x.items()]
            return {"dict": pairs}
        items = [_described(v, _below(place, i), arrays, seen, within) for i, v in enumerate(x)]
        return {"tuple" if isinstance(x, tuple) else "list": items}
    finally:
        within.discard(id(x))


def _below(place: str, key: Any) -> str:
    return f"{place}.{key}" if place else str(key)


def _key(key: Any) -> Any:
    return _described(key, "", {}, None, set())


def _saved(x: Any, name: str) -> np.ndarray:
    """The array of a Tensor or array, contiguous and in the file's byte order."""
    array = np.asarray(x._array if isinstance(x, Tensor) else x)
    if array.dtype.newbyteorder("<") not in _SAVED:
        raise TypeError(f"save: {name} is {array.dtype}, which safetensors has no type for; cast it with .astype")
    return np.ascontiguousarray(array, array.dtype.newbyteorder("<")).reshape(array.shape)


# ---- loading -------------------------------------------------------------------------------------------------------


def _damaged(name: str, why: str) -> ValueError:
    return ValueError(f"load: {name} is no whole safetensors file: {why}")


_PYTORCHS = (
    "in PyTorch, safetensors.torch.save_file(model.state_dict(), path) writes one; pickles are never opened here"
)
_BEGINNINGS = {
    b"PK\x03\x04": f"it is a zip archive, as torch.save writes; {_PYTORCHS} (an .npz: np.load)",
    b"\x80": f"it is a pickle, as older versions of torch.save wrote; {_PYTORCHS}",
    b"\x93NUMPY": "it is an array of NumPy's; np.load reads it",
    b"\x89HDF": "it is an HDF5 file, as Keras writes; read it with h5py and pass the arrays to load_state_dict",
}
"""What files of other formats begin with, and what to do with them."""


def _looks_like(beginning: bytes) -> str | None:
    if not beginning:
        return "it is empty"
    if len(beginning) == 8 and beginning[2:] == bytes(
        6
    ):  # the length of a header, which a pickle is not likely to begin with
        return None
    return next((what for mark, what in _BEGINNINGS.items() if beginning.startswith(mark)), None)


def _header(file: Any, name: str) -> tuple[dict[str, Any], int]:
    """The file's header, checked by the safetensors package, and where the data starts."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(name, framework="numpy"):
            pass
    except (SafetensorError, ValueError, UnicodeDecodeError) as error:
        raise _damaged(name, _looks_like(file.read(8)) or str(error)) from error
    length = int.from_bytes(file.read(8), "little")
    return json.loads(file.read(length)), 8 + length


def _array(file: Any, start: int, key: str, entry: Mapping[str, Any], name: str) -> np.ndarray:
    """One tensor of the file, in memory of its own."""
    kind, shape = entry["dtype"], tuple(entry["shape"])
    dtype = np.dtype("<u2" if kind == "BF16" else DTYPES.get(kind, "V0"))
    if dtype == "V0":
        raise ValueError(
            f"load: {key!r} in {name} is {kind}, which NumPy has no type for; save it as one of {', '.join(DTYPES)} or BF16"
        )
    file.seek(start + entry["data_offsets"][0])
    count = math.prod(shape)
    array = np.fromfile(file, dtype, count)
    if array.size != count:
        raise _damaged(name, f"it ends within {key!r}")
    if kind == "BF16":  # the upper half of a float32
        array = (array.astype("<u4") << 16).view("<f4")
    if sys.byteorder == "big":
        array = array.astype(array.dtype.newbyteorder("="))
    return array.reshape(shape)


def _structure(text: str, name: str) -> Any:
    """The structure that `save` described."""
    try:
        described = json.loads(text)
        version, structure = described["version"], described["structure"]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise _damaged(name, f"its metadata cannot be read ({type(error).__name__})") from error
    if version != VERSION:
        raise ValueError(
            f"load: {name} has version {version!r} of the format, this is version {VERSION}; a newer autograd_nn can read it"
        )
    return structure


def _restored(described: Any, arrays: Mapping[str, np.ndarray], made: dict[Any, Any]) -> Any:
    """What a description stands for; an array that stands in several places is one object."""
    if described is None or isinstance(described, (bool, str, int, float)):
        return described
    if not isinstance(described, dict) or len(described) != 1:
        raise ValueError("a value is neither plain nor of one kind")
    ((kind, value),) = described.items()
    if kind == "dict":
        return dict(_pairs(value, arrays, made))
    if kind in ("list", "tuple"):
        if not isinstance(value, list):
            raise ValueError(f"a {kind} is described by {type(value).__name__}")
        items = [_restored(v, arrays, made) for v in value]
        return items if kind == "list" else tuple(items)
    if kind == "float":
        return float(value)
    if kind in ("tensor", "array", "scalar"):
        if (kind, value) not in made:
            array = arrays[value]
            made[kind, value] = Tensor._of(array) if kind == "tensor" else array if kind == "array" else array[()]
        return made[kind, value]
    raise ValueError(f"there is no kind {kind!r}, only {', '.join(_KINDS)}")


def _pairs(value: Any, arrays: Mapping[str, np.ndarray], made: dict[Any, Any]) -> Iterator[tuple[Any, Any]]:
    for key, described in value:
        restored = _restored(key, {}, {})
        if isinstance(restored, (list, dict, tuple)):
            raise ValueError("a key is no string or number")
        yield restored, _restored(described, arrays, made)
