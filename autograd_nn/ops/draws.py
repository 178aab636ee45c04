"""Draws: the operations that read a generator's state, and nothing else, and give random numbers. No gradient flows here.

Decision: normal and exponential numbers are NumPy's, by its ziggurats (many normal ones by a loop of our own that gives the same,
in a third of the time). Box and Muller's formula on vectors of bits takes under
half the time, but its logarithms and cosines differ in the last bit between processors; a seed's numbers should not.
"""

from __future__ import annotations

import functools
import math
import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from ..engine import random as engine_random
from ..engine.dtypes import get_default_dtype
from ..engine.op import nondifferentiable, op
from ..engine.random import Generator

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

__all__: list[str] = []


NATIVE = 1 << 12
"""Normal numbers from which the native ziggurat is worth its call, and the loading of numba."""


@op(kind="random")
def uniform_(state, /, shape, dtype):
    """Numbers uniform on [0, 1), from a generator's state."""
    return engine_random.stream(state).random(shape, dtype)


@op(kind="random")
def normal_(state, /, shape, dtype):
    """Standard normal numbers, from a generator's state."""
    if dtype == np.float32 and math.prod(shape) >= NATIVE and sys.byteorder == "little":
        from ..kernels import ziggurat  # which imports numba

        return ziggurat.standard_normal(engine_random.stream(state), shape)
    return engine_random.stream(state).standard_normal(shape, dtype)


@op(kind="random")
def exponential_(state, /, shape, dtype):
    """Exponential numbers of mean 1, from a generator's state; never 0, so that their logarithm is finite."""
    return np.maximum(engine_random.stream(state).standard_exponential(shape, dtype), np.finfo(dtype).tiny)


@op(kind="random")
def integers_(state, /, low, high, shape):
    """Integers uniform on [low, high), from a generator's state."""
    return engine_random.stream(state).integers(low, high, shape)


@op(kind="random")
def permutation_(state, /, n):
    """The integers below n in random order, from a generator's state."""
    return engine_random.stream(state).permutation(n)


@op(kind="random")
def dropout_mask_(state, /, shape, dtype, p):
    """0 with probability p, else 1 / (1 - p), from a generator's state.

    One 16-bit integer is drawn for an element, and compared with p in 65536ths, which takes a fifth of the time that a floating
    number does; 32 bits where 16 would miss p, or 1 - p, by more than a thousandth of itself. The scale is that of the
    probability in 65536ths, so the mean is exactly 1.
    """
    integer, bits, threshold, scale = _threshold(p, dtype.type)
    n = math.prod(shape)
    words = engine_random.stream(state).bit_generator.random_raw(-(-n * bits // 64))
    return (words.view(integer)[:n].reshape(shape) >= threshold) * scale


@functools.lru_cache
def _threshold(p: float, kind: Any) -> tuple[Any, int, Any, Any]:
    """How to compare with p: the integers to draw, their bits, the one below which an element is dropped, and the scale."""
    bits = 16 if abs(round(p * 2**16) / 2**16 - p) <= 1e-3 * min(p, 1.0 - p) else 32
    whole = 1 << bits
    threshold = min(max(round(p * whole), 1), whole - 1)
    integer = np.uint16 if bits == 16 else np.uint32
    return integer, bits, integer(threshold), kind(whole / (whole - threshold))


@op(kind="random")
def categories_(state, logits, /, shape):
    """Class numbers drawn with probability softmax(logits) along the last axis, by inverting the cumulative sum."""
    largest = np.max(logits, -1, keepdims=True)
    if not np.all(np.isfinite(largest)):
        raise ValueError(
            "categorical: the logits hold NaN or inf, or none of a distribution's classes is possible (all -inf)"
        )
    weights = np.exp(logits - largest, dtype=np.float64)
    total = np.cumsum(weights, -1)
    u = engine_random.stream(state).random(shape)
    if total.ndim == 1:
        reached = np.minimum(u * total[-1], np.nextafter(total[-1], 0.0))
        return np.searchsorted(total, reached, side="right")
    reached = np.minimum(u * total[..., -1], np.nextafter(total[..., -1], 0.0))
    return np.count_nonzero(total <= reached[..., None], -1)


for _draw in (uniform_, normal_, exponential_, integers_, permutation_, dropout_mask_):
    _draw.vjp(state=nondifferentiable)
categories_.vjp(state=nondifferentiable, logits=nondifferentiable)


def drawn(operation: Any, source: Generator | None, *arrays: Any, **params: Any) -> Any:
    return (source or engine_random.generator()).draw(operation, *arrays, **params)


def floating_dtype(name: str, dtype: DTypeLike | None) -> np.dtype:
    checked = np.dtype(dtype or get_default_dtype())
    if checked.char not in "fd":
        raise TypeError(f"{name}: random numbers are float32 or float64, not {checked}; cast them with .astype")
    return checked
