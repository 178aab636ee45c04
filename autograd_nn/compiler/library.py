"""The library: LLVM text becomes native code, once for a text; object code is kept on disk.

A kernel is named by the hash of its text, the processor's features and LLVM's version, so kernels of other layers, steps and
processes are the same kernel where their text is. Files are written beside and renamed, carry a digest of themselves (a damaged
one is compiled anew), and the oldest go when there are too many. Where the directory cannot be written nothing is kept, with one
warning. The directory is that of AUTOGRAD_NN_CACHE, or the user's cache directory.

Vectors are explicit in the text, so two passes suffice: the mathematics is inlined, and variables become registers.
"""

from __future__ import annotations

import contextlib
import ctypes
import ctypes.util
import hashlib
import os
import re
import sys
import threading
import time
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

LIMIT = 256 << 20
"""Bytes of object code kept on disk."""

BESIDE, ABANDONED = re.compile(r"k[0-9a-f]{32}\.\d+\.\d+"), 3600
"""What a file is called until it is whole, and after how many seconds nobody writes to it any more."""


def directory() -> Path:
    """Where object code is kept."""
    given = os.environ.get("AUTOGRAD_NN_CACHE")
    if given:
        return Path(given)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home())) / "autograd_nn" / "kernels"
    base = Path.home() / "Library" / "Caches" if sys.platform == "darwin" else Path.home() / ".cache"
    return Path(os.environ.get("XDG_CACHE_HOME", base)) / "autograd_nn" / "kernels"


class Library:
    """The native code of this process."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.addresses: dict[str, int] = {}
        self.compiled = self.loaded = 0  # how many kernels were compiled here, and found on disk
        self._llvm: Any = None
        self._keep = True

    def start(self) -> Any:
        """LLVM, set up for this processor."""
        if self._llvm is None:
            import llvmlite.binding as llvm

            llvm.initialize_native_target()
            llvm.initialize_native_asmprinter()
            self.cpu = llvm.get_host_cpu_name()
            flags = dict(llvm.get_host_cpu_features())
            self.features = llvm.get_host_cpu_features().flatten()
            if flags.get("avx512f") and flags.get("avx512vl") and flags.get("avx512bw") and flags.get("avx512dq"):
                self.vector_bytes, self.features = 64, self.features + ",-prefer-256-bit"
            else:
                self.vector_bytes = 32 if flags.get("avx2") and flags.get("fma") else 16
            self.salt = f"{self.cpu} {self.features} {llvm.llvm_version_info} {sys.platform}".encode()
            target = llvm.Target.from_default_triple()
            self.machine = target.create_target_machine(cpu=self.cpu, features=self.features, opt=2, jit=True)
            self.engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), self.machine)
            _add_foreign(llvm)
            self._llvm = llvm
        return self._llvm

    def functions(self, texts: Iterable[str]) -> list[int]:
        """The addresses of the functions called NAME in these texts, compiling what neither process nor disk has."""
        with self.lock:
            self.start()
            names, new = [], []
            for text in texts:
                name = "k" + hashlib.sha256(self.salt + text.encode()).hexdigest()[:32]
                if name not in self.addresses and name not in new:
                    self.engine.add_object_file(self._llvm.ObjectFileRef.from_data(self._object(name, text)))
                    new.append(name)
                names.append(name)
            if new:
                self.engine.finalize_object()
            for name in new:
                self.addresses[name] = self.engine.get_function_address(name)
            return [self.addresses[name] for name in names]

    def _object(self, name: str, text: str) -> bytes:
        path = directory() / f"{name}.o"
        found = _read(path)  # also where nothing can be written: it may have been filled before
        if found is not None:
            self.loaded += 1
            return found
        code = self._compile(text.replace("@NAME", f"@{name}"))
        self.compiled += 1
        if self._keep:
            self._write(path, code)
        return code

    def _compile(self, text: str) -> bytes:
        llvm = self._llvm
        module = llvm.parse_assembly(text)
        passes = llvm.create_new_module_pass_manager()
        passes.add_always_inliner_pass()
        passes.add_sroa_pass()
        passes.run(module, llvm.create_pass_builder(self.machine, llvm.create_pipeline_tuning_options(speed_level=2)))
        return self.machine.emit_object(module)

    def _write(self, path: Path, code: bytes) -> None:
        beside = path.with_suffix(f".{os.getpid()}.{threading.get_ident()}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            beside.write_bytes(hashlib.sha256(code).digest() + code)
            os.replace(beside, path)
            if self.compiled % 64 == 1:
                prune(path.parent)
        except OSError as error:
            self._keep = False
            with contextlib.suppress(OSError):
                beside.unlink(missing_ok=True)
            warnings.warn(
                f"compiled kernels cannot be kept in {path.parent} ({error.strerror}), so each process compiles them again; "
                f"set AUTOGRAD_NN_CACHE to a directory that can be written",
                RuntimeWarning,
                stacklevel=2,
            )


def _read(path: Path) -> bytes | None:
    """The object code in a file, None where there is none or it is damaged."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    return data[32:] if len(data) > 32 and hashlib.sha256(data[32:]).digest() == data[:32] else None


def prune(folder: Path, limit: int = LIMIT) -> None:
    """Remove the oldest files until what is left is within the limit."""
    found = []
    for path in folder.glob("*.o"):
        with contextlib.suppress(OSError):  # another process may be pruning, too
            found.append((path.stat().st_mtime, path.stat().st_size, path))
    total = sum(size for _, size, _ in found)
    for _, size, path in sorted(found):
        if total <= limit:
            break
        with contextlib.suppress(OSError):
            path.unlink()
        total -= size
    for path in folder.glob("k*.*.*"):  # what a process that was killed had not yet renamed
        with contextlib.suppress(OSError):
            if BESIDE.fullmatch(path.name) and path.stat().st_mtime < time.time() - ABANDONED:
                path.unlink()


def _add_foreign(llvm: Any) -> None:
    """Tell LLVM where the C library's functions are."""
    from .primitives import FOREIGN, POLYNOMIALS

    name = "ucrtbase" if sys.platform == "win32" else ctypes.util.find_library("m")
    c = ctypes.CDLL(name)
    for function in (*FOREIGN.values(), *POLYNOMIALS, "fmod", "fma"):
        for full in (function, function + "f"):
            address = ctypes.cast(getattr(c, full), ctypes.c_void_p).value
            if address is not None:
                llvm.add_symbol(full, address)


library = Library()
