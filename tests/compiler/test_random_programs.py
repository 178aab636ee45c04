"""Random training steps against eager ones. `python tests/compiler/random_programs.py 100000` tries as many as asked for."""

import pytest
from random_programs import run


@pytest.mark.parametrize("first", range(0, 300, 15))
def test_random_programs(first):
    for seed in range(first, first + 15):
        run(seed)


# What each of these once found: a stale view, a product of a constant, a row over axes that do not merge, a saturated tanh,
# a long running sum, the gradient of a number,
# products of lanes beyond float32, a sum of arguments that cancel, a value to come after one that nobody reads any more.
@pytest.mark.parametrize("seed", [91, 165, 167, 348, 1164, 1233, 2002130, 3004593, 4002093, 6004951, 8007945])
def test_programs_that_found_something(seed):
    run(seed)
