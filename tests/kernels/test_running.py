"""How kernels run: threads, repeatability, workspace, compilation and what importing costs."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading

import numpy as np
import pytest
from layers import answers, arrays, error

from autograd_nn.kernels import build, convolution, direct, direct_weight, plan, threads, warmup
from autograd_nn.kernels.geometry import Convolution

LAYERS = [
    Convolution.of((3, 24, 17, 19), (40, 24, 3, 3), padding=1),
    Convolution.of((3, 24, 17, 19), (40, 24, 5, 3), stride=2, padding=1),
    Convolution.of((2, 20, 30, 30), (20, 1, 3, 3), padding=1, groups=20),
    Convolution.of((5, 64, 12, 12), (96, 64, 1, 1)),
]


def passes(geometry, x, w, dy):
    return (
        convolution.conv_forward(x, w, geometry),
        convolution.conv_input_gradient(dy, w, geometry),
        convolution.conv_weight_gradient(dy, x, geometry),
    )


@pytest.fixture
def four_threads():
    before = threads.get_num_threads()
    threads.set_num_threads(4)
    yield
    threads.set_num_threads(before)


@pytest.mark.parametrize("geometry", LAYERS)
def test_same_bits_from_run_to_run(geometry, four_threads):
    x, w, dy = arrays(geometry, np.float32)
    first = passes(geometry, x, w, dy)
    for _ in range(20):
        for a, b in zip(first, passes(geometry, x, w, dy), strict=True):
            assert (a == b).all()


def test_several_python_threads_at_once(four_threads):
    cases = [(g, *arrays(g, np.float32, seed)) for seed, g in enumerate(LAYERS)]
    expected = [passes(*case) for case in cases]
    wrong = []

    def work(index):
        for _ in range(30):
            if not all((a == b).all() for a, b in zip(passes(*cases[index]), expected[index], strict=True)):
                wrong.append(index)

    workers = [threading.Thread(target=work, args=(i % len(cases),)) for i in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong


def test_thread_count_may_change_between_calls():
    geometry = LAYERS[0]
    x, w, dy = arrays(geometry, np.float32)
    truth, before = answers(geometry, x, w, dy), threads.get_num_threads()
    try:
        for count in (1, 3, 2, 7, 1, 4):
            threads.set_num_threads(count)
            assert threads.get_num_threads() == count
            for result, exact in zip(passes(geometry, x, w, dy), truth, strict=True):
                assert error(result, exact) < 1e-4
    finally:
        threads.set_num_threads(before)


@pytest.mark.parametrize("count", [0, -1, 100_000])
def test_bad_thread_count(count):
    with pytest.raises(ValueError, match="number of threads"):
        threads.set_num_threads(count)


def test_default_is_what_the_container_allows():
    assert 1 <= threads.available_threads() <= (os.cpu_count() or 1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("batch", [1, 7])
def test_small_caches_and_little_workspace(monkeypatch, dtype, batch):
    """Planes cut into strips, and batches into pieces, give the same answer."""
    monkeypatch.setattr(direct, "L2_SHARE", 6000)
    monkeypatch.setattr(direct_weight, "L2_SHARE", 6000)
    limit = 150_000 * np.dtype(dtype).itemsize
    monkeypatch.setattr(convolution, "workspace_limit", lambda geometry, dtype: limit)
    convolution.choose.cache_clear()
    geometry = Convolution.of((batch, 10, 41, 23), (33, 10, 3, 4), stride=(2, 1), padding=((2, 0), (1, 2)))
    try:
        for which in (convolution.FORWARD, convolution.INPUT_GRADIENT, convolution.WEIGHT_GRADIENT):
            choice = convolution.choose(which, geometry, np.dtype(dtype), threads.get_num_threads())
            assert choice.path == "direct" and choice.plan.workspace <= limit
        x, w, dy = arrays(geometry, dtype)
        for result, exact in zip(passes(geometry, x, w, dy), answers(geometry, x, w, dy), strict=True):
            assert error(result, exact) < (1e-5 if dtype == np.float32 else 1e-12)
    finally:
        convolution.choose.cache_clear()


def test_every_image_of_a_batch_in_uneven_pieces(monkeypatch):
    """The limit grows with the batch, so the images left over after even pieces may have to be cut again."""
    monkeypatch.setattr(convolution, "workspace_limit", lambda geometry, dtype: 6_000 * geometry.batch + 30_000)
    convolution.choose.cache_clear()
    before, again = threads.get_num_threads(), 0
    threads.set_num_threads(1)
    try:
        for batch in range(1, 24):
            geometry = Convolution.of((batch, 12, 7, 6), (20, 12, 3, 2), padding=1)
            x, w, dy = arrays(geometry, np.float32)
            for which in (convolution.FORWARD, convolution.INPUT_GRADIENT, convolution.WEIGHT_GRADIENT):
                choice = convolution.choose(which, geometry, x.dtype, 1)
                sizes = [s.stop - s.start for _, s in convolution._pieces(choice, which, geometry, x.dtype)]
                assert sum(sizes) == batch
                again += len(sizes) > -(-batch // choice.images)
            for result, exact in zip(passes(geometry, x, w, dy), answers(geometry, x, w, dy), strict=True):
                assert error(result, exact) < 1e-5, geometry
    finally:
        threads.set_num_threads(before)
        convolution.choose.cache_clear()
    assert again, "no remainder was cut: the test's limit is too wide"


@pytest.mark.parametrize("count", [1, 2, 8, 64])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_many_threads_do_not_bring_the_plain_loops(count, dtype):
    """Each thread has a workspace of its own: rather fewer threads than none of the fast paths."""
    for geometry in (
        Convolution.of((1, 64, 4000), (64, 64, 3), padding=1),
        Convolution.of((1, 1024, 14, 14), (256, 1024, 1, 1)),
        Convolution.of((1, 256, 14, 14), (256, 256, 3, 3), padding=1),
        Convolution.of((1, 1, 16000), (64, 1, 80), stride=4, padding=38),
    ):
        for which in (convolution.FORWARD, convolution.INPUT_GRADIENT, convolution.WEIGHT_GRADIENT):
            choice = convolution.choose(which, geometry, np.dtype(dtype), count)
            assert choice.path != convolution.REFERENCE, (geometry, which, choice.why)
            assert choice.plan.workspace <= convolution.workspace_limit(geometry, np.dtype(dtype))


@pytest.mark.parametrize(
    "geometry",
    [
        Convolution.of((1, 64, 224, 224), (64, 64, 3, 3), padding=1),
        Convolution.of((1, 3, 600, 800), (16, 3, 5, 5)),
        Convolution.of((32, 512, 14, 14), (512, 512, 3, 3), padding=1),
        Convolution.of((2, 32, 256, 256), (2, 32, 1, 1)),
        Convolution.of((1, 8, 40, 64, 64), (16, 8, 3, 3, 3), padding=1),
    ],
)
def test_workspace_stays_within_the_limit(geometry):
    for which in (convolution.FORWARD, convolution.INPUT_GRADIENT, convolution.WEIGHT_GRADIENT):
        choice = convolution.choose(which, geometry, np.dtype(np.float32), 2)
        assert choice.plan is not None, (which, choice.why)
        assert choice.plan.workspace <= convolution.workspace_limit(geometry, np.dtype(np.float32))


def test_workspace_that_could_not_be_had_is_not_used(monkeypatch):
    monkeypatch.setattr(plan, "_scratch", threading.local())
    plan._workspace(1 << 12)
    with monkeypatch.context() as patched, pytest.raises(MemoryError):
        patched.setattr(plan.np, "empty", lambda *a: (_ for _ in ()).throw(MemoryError()))
        plan._workspace(1 << 13)
    assert plan._workspace(1 << 10) == plan._scratch.address
    assert plan._scratch.raw is not None


def in_a_fresh_process(program: str) -> str:
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def test_importing_the_package_does_not_import_numba():
    assert in_a_fresh_process("import sys, autograd_nn; print('numba' in sys.modules)") == "False"


def test_no_writable_cache_is_one_warning():
    program = """
        import warnings
        import numpy as np
        from numba.core import caching

        def nowhere(self, function):
            raise RuntimeError("cannot cache function: no locator available")

        caching.FunctionCache.__init__ = nowhere
        from autograd_nn.kernels.convolution import conv_forward, conv_weight_gradient
        from autograd_nn.kernels.geometry import Convolution
        g = Convolution.of((1, 2, 5, 5), (3, 2, 3, 3))
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            y = conv_forward(np.ones(g.x_shape), np.ones(g.w_shape), g, path="reference")
            conv_weight_gradient(y, np.ones(g.x_shape), g, path="reference")
        print(y.min(), y.max(), len(caught), "NUMBA_CACHE_DIR" in str(caught[0].message))
    """
    assert in_a_fresh_process(program) == "18.0 18.0 1 True"


def test_processes_that_compile_at_once_do_not_exchange_code(tmp_path):
    """Each sees the cache as it was before the other wrote to it: float32 and float64 must not share a file."""
    program = f"""
        import os, pathlib
        os.environ["NUMBA_CACHE_DIR"] = {str(tmp_path)!r}
        import numpy as np
        from numba.core import caching
        caching.IndexDataCacheFile._load_index = lambda self: {{}}
        from autograd_nn.kernels.build import Kernel
        from autograd_nn.kernels import adaptive, scattering
        kernels = [k for k in vars(scattering).values() if isinstance(k, Kernel)]
        for dtype in ("float32", "float64"):
            for k in kernels:
                k.address(dtype)
            adaptive.adaptive_average_pool(np.ones((1, 1, 4), dtype), 3)
        print(len(list(pathlib.Path({str(tmp_path)!r}).rglob("*.nbc"))) - 2 * len(kernels))
    """
    assert in_a_fresh_process(program) == "2"


def test_an_index_of_the_cache_never_names_a_file_that_is_not_there_yet(tmp_path):
    program = f"""
        import os, pathlib
        os.environ["NUMBA_CACHE_DIR"] = {str(tmp_path)!r}
        from numba.core import caching
        from autograd_nn.kernels import scattering
        from autograd_nn.kernels.build import Kernel
        kernel = next(k for k in vars(scattering).values() if isinstance(k, Kernel))
        save, seen = caching.IndexDataCacheFile._save_index, []

        def watched(self, overloads):
            seen.extend(pathlib.Path(self._data_path(name)).exists() for name in overloads.values())
            save(self, overloads)

        caching.IndexDataCacheFile._save_index = watched
        kernel.address("float32"), kernel.address("float64")
        print(seen)
    """
    assert in_a_fresh_process(program) == "[True, True, True]"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the platform has no fork")
def test_a_forked_child_gets_threads_of_its_own():
    program = """
        import os, warnings
        import numpy as np
        from autograd_nn.kernels import threads
        from autograd_nn.kernels.convolution import conv_forward
        from autograd_nn.kernels.geometry import Convolution
        warnings.simplefilter("ignore", DeprecationWarning)
        threads.set_num_threads(2)
        g = Convolution.of((8, 16, 20, 20), (16, 16, 3, 3))
        x, w = np.ones(g.x_shape, np.float32), np.ones(g.w_shape, np.float32)
        y = conv_forward(x, w, g)
        child = os.fork()
        if child == 0:
            os._exit(0 if all((conv_forward(x, w, g) == y).all() for _ in range(50)) else 1)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    """
    assert in_a_fresh_process(program) == "0"


def test_the_disk_knows_each_kernel_by_a_name_of_its_own():
    """Its module, name and line: of those that one function makes, each must have been named."""
    known = {}
    for entry in [*warmup.found(build.Kernel).values(), *warmup.found(build.Loops).values()]:
        f = entry.function
        assert known.setdefault((f.__module__, f.__qualname__, f.__code__.co_firstlineno), f) is f


def test_the_next_process_finds_what_one_compiled(tmp_path, monkeypatch):
    """Kernels that one function makes, too, though they enclose others."""
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    program = """
        import numpy as np
        from autograd_nn.kernels import rows
        print(len({k.address(np.float32) for k in (rows.largest, rows.smallest)}))
    """
    written = []
    for _ in range(2):
        assert in_a_fresh_process(program) == "2"
        written.append(sorted((p, p.stat().st_mtime_ns) for p in tmp_path.rglob("*.nb?")))
    assert len(written[0]) == 4 and written[0] == written[1]
