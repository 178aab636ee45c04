"""Memory that a step frees is kept for the next one, where the C library can be told so."""

import os
import subprocess
import sys

import pytest

PROGRAM = """
import resource
import numpy as np
{first}
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
def step():
    arrays = [np.ones(1 << 20) for _ in range(8)]  # 8 MB each
for _ in range(3):
    step()
before = faults()
for _ in range(5):
    step()
print(faults() - before)
"""


def glibc():
    try:
        return "glibc" in os.confstr("CS_GNU_LIBC_VERSION")
    except (AttributeError, OSError, ValueError):
        return False


needs_glibc = pytest.mark.skipif(not glibc(), reason="only glibc can be told to keep freed memory")


def faults(first, **variables):
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("MALLOC_", "GLIBC_", "AUTOGRAD_NN_"))}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(first=first)],
        env={**environment, **variables}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return int(done.stdout)


@needs_glibc
def test_freed_memory_is_kept():
    assert faults("") > 5
    assert faults("import autograd_nn") <= 5


@needs_glibc
@pytest.mark.parametrize("variables", [{"AUTOGRAD_NN_KEEP_MEMORY": "0"}, {"MALLOC_TRIM_THRESHOLD_": "100000"}])
def test_who_asks_keeps_the_allocator_as_it_is(variables):
    assert faults("import autograd_nn", **variables) > 5


def test_a_variable_that_is_not_a_number_is_refused():
    done = subprocess.run(
        [sys.executable, "-c", "import autograd_nn"],
        env={**os.environ, "AUTOGRAD_NN_KEEP_MEMORY": "1G"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "AUTOGRAD_NN_KEEP_MEMORY='1G' is not a number of bytes" in done.stderr
