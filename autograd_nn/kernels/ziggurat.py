"""Standard normal numbers by the ziggurat, of random bits that are there already: NumPy's algorithm and numbers, to the bit.

Marsaglia and Tsang, "The ziggurat method for generating random variables" (2000), with 256 layers of equal area under
e^(-x^2 / 2). NumPy asks its generator for the bits of each number by a call through a pointer, which costs three times what
becomes of them.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from numba import types

from autograd_nn.kernels.build import address, kernel

EDGE = 3.6541528853610088
"""Where the tail begins; below it are the layers."""
AREA = 0.00492867323399
"""Of each layer, and of the lowest one with the tail."""


@kernel(a=types.uint32, d=types.uint32)
def normal(plan, bits, out, heights, reach, shared, private, part, parts):
    """Fill plan[0] numbers with plan[1] words of bits; plan[1] <- 0 where those do not suffice.

    `heights`: 256 widths of layers for a step of their 2^23 places, then the densities at their ends. `reach`: below which place
    a layer lies under the curve whole.
    """
    count, words, used = plan[0], plan[1], 0
    for k in range(count):
        found = False
        while not found:
            if used + 1 > words:
                plan[1] = 0
                return
            word = bits[used]
            used += 1
            layer, place = types.int64(word & 0xFF), word >> 9
            x = np.float32(place) * heights[layer]
            if word & 0x100:
                x = -x
            found = bool(place < reach[layer])
            if not found and layer == 0:
                inside = False
                while not inside:
                    if used + 2 > words:
                        plan[1] = 0
                        return
                    u = np.float32(bits[used] >> 8) * np.float32(2.0**-24)
                    v = np.float32(bits[used + 1] >> 8) * np.float32(2.0**-24)
                    used += 2
                    beyond = -np.float32(1 / EDGE) * np.float32(math.log1p(-u))
                    down = -np.float32(math.log1p(-v))
                    inside = bool(down + down > beyond * beyond)
                    x = np.float32(EDGE) + beyond
                x = -x if (place >> 8) & 1 else x
                found = True
            elif not found:
                if used + 1 > words:
                    plan[1] = 0
                    return
                u = np.float32(bits[used] >> 8) * np.float32(2.0**-24)
                used += 1
                high, low = heights[256 + layer - 1], heights[256 + layer]
                below = np.float32(np.float32(high - low) * u) + low
                found = bool(below < math.exp(-0.5 * np.float64(x) * np.float64(x)))
        out[k] = x


@cache
def _tables() -> tuple[np.ndarray, np.ndarray]:
    """(widths and densities, reaches) of the layers, from the lowest up; the widths are those of float32's 2^23 places."""

    def density(x: float) -> float:
        return math.exp(-0.5 * x * x)

    ends = [0.0] * 256
    ends[255] = EDGE
    for i in range(254, 0, -1):
        ends[i] = math.sqrt(-2.0 * math.log(AREA / ends[i + 1] + density(ends[i + 1])))
    lowest = AREA / density(EDGE)
    widths = [lowest, *ends[1:]]
    reaches = [EDGE / lowest, 0.0, *[ends[i - 1] / ends[i] for i in range(2, 256)]]
    heights = np.array([[w / 2**23 for w in widths], [1.0, *map(density, ends[1:])]], np.float32)
    return heights, np.array([int(r * 2**23) for r in reaches], np.uint32)


def room(count: int) -> int:
    """Words of bits that surely suffice, or nearly: one number in seventy takes more than one."""
    return count + count // 16 + 64


def standard_normal(generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """float32 numbers from a generator whose next bits are whole words: what its own ``standard_normal`` would give."""
    heights, reach = _tables()
    out = np.empty(shape, np.float32)
    words, start = room(out.size), generator.bit_generator.state
    while True:
        bits = generator.bit_generator.random_raw(words // 2 + 1).view(np.uint32)
        plan = np.array([out.size, bits.size])
        normal.entry(out.dtype)(
            address(plan), address(bits), address(out), address(heights), address(reach), 0, 0, 0, 1
        )
        if plan[1]:
            return out
        generator.bit_generator.state, words = start, 2 * words
