"""Building: how a loop written in Python becomes native code, once per element type, kept on disk.

Two kinds of function live in this room.

* `@loops` marks readable numba code that takes arrays (the reference, resizing). It is numba's njit, made on first
call.
* `@kernel` marks a native entry: a plain C function of pointers and two integers,

      kernel(plan, a, b, c, d, shared, private, part, parts)

  `plan` points at int64 numbers (sizes, then tables), a..d at arrays, `shared` and `private` at workspace (one for
  all threads, one for this thread), and the call does `part` of `parts` of the work. Nothing in it knows Python or
  allocates, so a thread pool or generated native code can call it by address.

Decisions. Compilation is lazy: importing this room compiles nothing. Code is cached next to the source or, where that
cannot be written, in numba's per-user cache; where neither can, it is compiled in memory with one warning. numba's
cache looks only at the file of the function it compiles; ours must also notice a changed microkernel, so the stamp is
a digest of every source here. And it numbers the files of a function's versions, so that two processes that compile
different ones at once may both take number 1, and a third would run float32's code on float64; and it writes the index
first, so that for a moment a new index names old code. Ours are named after the types and the processor, and come first.
"""

from __future__ import annotations

import ctypes
import hashlib
import threading
import warnings
from functools import cache
from pathlib import Path
from typing import Any

import numba.extending
import numpy as np
from numba import njit, types
from numba.core.caching import IndexDataCacheFile
from numba.core.ccallback import CFunc
from numba.core.compiler_lock import global_compiler_lock
from numba.core.registry import cpu_target
from numba.np.numpy_support import from_dtype

# Kernels never allocate (_nrt: with it on, each array passed on costs an atomic increment and decrement) and never
# raise.
OPTIONS: dict[str, Any] = {"nogil": True, "boundscheck": False, "error_model": "numpy", "_nrt": False}

# Functions that numba rewrites are not called with their Python signatures: to a type checker they are anything.
inner: Any = njit(**OPTIONS)
"""Marks a function that is called from kernels only: it is compiled into each of them."""

intrinsic: Any = numba.extending.intrinsic
"""Marks a function that emits LLVM instructions."""

_lock = threading.RLock()

DATA = object.__basicsize__
"""Where an array's address of its elements stands in the array object: behind Python's header, in NumPy's C interface."""


def address(array: np.ndarray, word=ctypes.c_int64.from_address) -> int:
    """`array.ctypes.data` in a tenth of its time, which is that of a small kernel."""
    if not isinstance(array, np.ndarray):
        raise TypeError(f"a kernel takes arrays, not {type(array).__name__}")
    return word(id(array) + DATA).value


@cache
def _sources() -> str:
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


@cache
def _warn_uncached(reason: str) -> None:
    warnings.warn(
        f"compiled kernels cannot be cached on disk ({reason}); each process will compile them again. "
        "Set NUMBA_CACHE_DIR to a writable directory.",
        RuntimeWarning,
        stacklevel=4,
    )


class CacheFiles(IndexDataCacheFile):
    """numba's files of a function's versions, each named after its key, and written before the index names it."""

    def save(self, key, data) -> None:
        name = f"{self._index_name.removesuffix('.nbi')}.{hashlib.sha256(repr(key).encode()).hexdigest()[:12]}.nbc"
        self._save_data(name, data)
        self._save_index({**self._load_index(), key: name})


def _keep_on_disk(compiled) -> bool:
    """Turn on numba's cache for a dispatcher or a C function; False, with a warning, where no directory can be
    written.
    """
    try:
        compiled.enable_caching()
    except RuntimeError:
        _warn_uncached("no writable directory")
        return False
    cache = compiled._cache
    cache._cache_file = CacheFiles(cache._cache_path, cache._impl.filename_base, _sources())
    # A function's name and the sources of all kernels say what it is. numba asks for the bytes of what it encloses, too, which
    # are others in each process.
    cache._index_key = lambda signature, codegen: (signature, codegen.magic_tuple())
    return True


class Kernel:
    """A native entry. `address(dtype)` compiles it for arrays of that type, or loads it, and gives its address."""

    def __init__(self, function, pointers):
        self.function, self.pointers, self._compiled, self._entries = function, pointers, {}, {}
        self.__name__, self.__doc__ = function.__name__, function.__doc__

    def address(self, dtype) -> int:
        dtype = np.dtype(dtype)
        found = self._compiled.get(dtype)
        if found is None:
            with _lock:
                if dtype not in self._compiled:
                    self._compiled[dtype] = self._compile(from_dtype(dtype))
                found = self._compiled[dtype]
        return found.address

    def entry(self, dtype):
        """The kernel as a function of nine integers (addresses, part, parts), for a caller that needs no threads."""
        dtype = np.dtype(dtype)
        found = self._entries.get(dtype)
        if found is None:
            found = self._entries[dtype] = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * 9)(self.address(dtype))
        return found

    def _compile(self, element):
        arrays = [types.CPointer(self.pointers.get(name, element)) for name in "abcd"]
        work = types.CPointer(element)
        signature = types.void(types.CPointer(types.int64), *arrays, work, work, types.int64, types.int64)
        return compile_entry(self.function, signature)


def _from_disk(compiled):
    """The cached C function, or None."""
    try:
        with global_compiler_lock:
            result = compiled._cache._load_overload(compiled._sig, cpu_target.target_context)
    except (AttributeError, OSError):
        return None
    if result is None:
        return None
    compiled._library = result.library
    compiled._wrapper_name = result.fndesc.llvm_cfunc_wrapper_name
    compiled._wrapper_address = result.library.get_pointer_to_function(compiled._wrapper_name)
    return compiled


def compile_entry(function, signature):
    """A C function of this signature, from the cache if it can be."""
    compiled = CFunc(function, (signature.args, signature.return_type), {}, OPTIONS)
    kept = _keep_on_disk(compiled)
    # numba readies every library it knows before it looks in the cache (0.4 s, half of it importing SciPy where that is
    # installed). Loading machine code needs none of them; only compiling does.
    if kept and (found := _from_disk(compiled)) is not None:
        return found
    try:
        compiled.compile()
    except OSError as error:  # the directory became unwritable or full after it was chosen
        if not kept:
            raise
        _warn_uncached(error.strerror or "write failed")
        compiled = CFunc(function, (signature.args, signature.return_type), {}, OPTIONS)
        compiled.compile()
    return compiled


def kernel(**pointers):
    """Decorator for native entries; `d=types.uint8` says that array d holds bytes instead of the element type."""
    return lambda function: Kernel(function, pointers)


def named(function, body):
    """The function with the name and docstring of the body it encloses: the disk knows a kernel by its name."""
    function.__name__ = function.__qualname__ = body.__name__.lstrip("_")
    function.__doc__ = body.__doc__
    return function


class Loops:
    """numba's njit of a function that takes arrays, made on first call."""

    def __init__(self, function, **options):
        self.function, self.options, self._compiled = function, options, None
        self.__name__, self.__doc__ = function.__name__, function.__doc__

    def __call__(self, *args):
        if self._compiled is None:
            with _lock:
                if self._compiled is None:
                    compiled = njit(nogil=True, error_model="numpy", **self.options)(self.function)
                    _keep_on_disk(compiled)
                    self._compiled = compiled
        return self._compiled(*args)


def loops(function) -> Loops:
    """Decorator for readable loops over arrays."""
    return Loops(function)
