"""How much of the long tables a run of these tests takes: a share, always the same one, or with AUTOGRAD_NN_CHECK=all everything.

The shares are strata: every operation, every rule and every kind of error is in them, and what is left out is some of their
combinations. Beside it, AUTOGRAD_NN_DRAWS is over how many random draws operations and layers must pass.
"""

import os
import zlib

ALL = os.environ.get("AUTOGRAD_NN_CHECK") == "all"


def number(name):
    """A number for a name, the same in every process."""
    return zlib.crc32(name.encode())


def taken(name, share):
    """Whether something is one of the `share`-th part that a short run takes."""
    return ALL or number(name) % share == 0


def stratum(name, kinds, share):
    """Of some kinds, taken in turn, the part that is this name's; so that all together have all kinds."""
    return kinds if ALL else [k for i, k in enumerate(kinds) if (number(name) + i) % share == 0]
