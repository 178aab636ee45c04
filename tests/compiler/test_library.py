"""The kernels on disk: kept, found again, damaged, not writable, too many, by two processes at once."""

import os
import subprocess
import sys
import warnings

import numpy as np
import pytest

import autograd_nn as ag
from autograd_nn.compiler import library as module
from autograd_nn.compiler.library import Library, prune

SQUARE = """
define i64 @NAME(ptr %args, i64 %part, i64 %parts) {{
%p = load ptr, ptr %args
%x = load double, ptr %p
%y = fmul double %x, {number}
store double %y, ptr %p
ret i64 0
}}"""

SCRIPT = """
import numpy as np, autograd_nn as ag
from autograd_nn.compiler.library import library
f = ag.compile(lambda x: ag.exp(x).sum() + x.mean())
f(np.ones(7, np.float32))
print(library.compiled, library.loaded)
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("AUTOGRAD_NN_CACHE", str(tmp_path / "kernels"))
    return tmp_path / "kernels"


def text(number):
    return SQUARE.format(number=f"{number:.1f}")


def use(library, number):
    import ctypes

    (address,) = library.functions([text(number)])
    x = np.array([3.0])
    pointers = (ctypes.c_void_p * 1)(x.ctypes.data)
    assert (
        ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)(address)(pointers, 0, 1) == 0
    )
    assert x[0] == 3.0 * number
    return library


def test_a_kernel_is_compiled_once_and_found_again(folder):
    assert use(use(Library(), 2.0), 2.0).compiled == 1
    again = use(Library(), 2.0)
    assert (again.compiled, again.loaded) == (0, 1)
    assert len(list(folder.glob("*.o"))) == 1


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-40], lambda data: b"", lambda data: data[:50] + b"x" + data[51:]]
)
def test_a_damaged_file_is_compiled_anew(folder, damage):
    use(Library(), 2.0)
    (path,) = folder.glob("*.o")
    path.write_bytes(damage(path.read_bytes()))
    again = use(Library(), 2.0)
    assert (again.compiled, again.loaded) == (1, 0)
    assert use(Library(), 2.0).loaded == 1


def test_a_directory_that_cannot_be_written_costs_a_warning(folder):
    folder.parent.mkdir(exist_ok=True)
    folder.write_text("a file, where the directory should be")
    with pytest.warns(RuntimeWarning, match="AUTOGRAD_NN_CACHE"):
        library = use(Library(), 2.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        use(library, 5.0)
    assert library.compiled == 2


def test_a_full_disk_costs_a_warning(folder, monkeypatch):
    def full(self, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module.Path, "write_bytes", full)
    with pytest.warns(RuntimeWarning, match="No space left"):
        use(Library(), 2.0)


def test_the_oldest_kernels_go(tmp_path):
    for k in range(10):
        path = tmp_path / f"{k}.o"
        path.write_bytes(bytes(100))
        os.utime(path, (k, k))
    prune(tmp_path, 450)
    assert sorted(p.name for p in tmp_path.glob("*.o")) == ["6.o", "7.o", "8.o", "9.o"]


def test_files_that_were_never_finished_are_removed_after_an_hour(tmp_path):
    old, new, others = f"k{'0a' * 16}.17.1", f"k{'0b' * 16}.17.1", "keep.me.here"
    for name in (old, new, others):
        (tmp_path / name).write_bytes(b"x")
    for name in (old, others):
        os.utime(tmp_path / name, (0, 0))
    prune(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([new, others])


def test_two_processes_at_once_and_a_third_that_finds_all(folder):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    run = [sys.executable, "-c", SCRIPT]
    both = [subprocess.Popen(run, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    for process in both:
        out, _ = process.communicate(timeout=300)
        assert process.returncode == 0
        compiled, loaded = map(int, out.split())
        assert compiled + loaded > 0
    out = subprocess.run(run, env=environment, capture_output=True, text=True, check=True).stdout
    assert out.split()[0] == "0"


def test_an_interrupt_while_compiling_leaves_everything_as_it_was(monkeypatch):
    w = ag.tensor([1.0, 2.0], requires_grad=True)

    def step(x):
        (w * x * 3.25).sum().backward()
        ag.assign(w, w - w.grad)

    def interrupted(self, *arguments):
        raise KeyboardInterrupt

    x = np.float32([1.0, 1.0])
    compiled = ag.compile(step)
    with monkeypatch.context() as patch:
        patch.setattr(Library, "functions", interrupted)
        with pytest.raises(KeyboardInterrupt):
            compiled(x)
    assert w.tolist() == [1.0, 2.0]
    assert w.grad is None
    compiled(x)
    assert w.tolist() == [-2.25, -1.25]
