"""Random numbers from a counter: each draw is keyed by (seed, number of the draw), so replays and checkpoints repeat.

The state is a Tensor that each draw reads and then assigns to; a record sees both and is a complete program.
Bits come from Philox 4x64 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011), NumPy's own.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from . import modes
from .tensor import Tensor, assign, tensor

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

_STEP = np.array([0, 1], np.uint64)


class Generator:
    """A stream of random numbers. `state` is a uint64 Tensor: the seed and the number of the next draw.

    Two draws never share bits, and a generator set to an earlier state repeats what followed it.

    >>> g = ag.random.Generator(7)
    >>> first = ag.rand((2,), generator=g)
    >>> g.manual_seed(7)
    >>> bool((ag.rand((2,), generator=g) == first).all())
    True
    """

    def __init__(self, seed: int | None = None) -> None:
        self._lock = threading.Lock()
        self.state = tensor(_beginning(int.from_bytes(os.urandom(8), "little") if seed is None else seed))

    def manual_seed(self, seed: int) -> None:
        """Start the stream of this seed (an int of at most 64 bits) from its beginning."""
        assign(self.state, _beginning(seed))

    def copy(self) -> Generator:
        """A generator that will draw the same numbers."""
        other = Generator(0)
        other.state = tensor(self.state._array)
        return other

    def numpy(self) -> np.random.Generator:
        """NumPy's generator for one draw of any kind and size, outside the graph; the state moves on by one draw."""
        self.state._noted("Generator.numpy()")
        with self._lock:
            made = np.random.Generator(np.random.Philox(key=self.state._array))
            assign(self.state, self.state + _STEP)
        return made

    def draw(self, operation: Any, *arrays: Any, **params: Any) -> Any:
        """The result of a random operation, whose first input is the state; the state moves on by one draw."""
        with self._lock:
            result = operation(self.state, *arrays, **params)
            assign(self.state, self.state + _STEP)
        return result


def _beginning(seed: int) -> np.ndarray:
    """The state before a seed's first draw."""
    if not -(1 << 63) <= seed < 1 << 64:
        raise ValueError(f"manual_seed: {seed} does not fit 64 bits")
    return np.array([seed % (1 << 64), 0], np.uint64)


_streams = threading.local()


def stream(state: np.ndarray) -> np.random.Generator:
    """NumPy's generator at the beginning of the draw that the state names. For the forward of random operations."""
    made = getattr(_streams, "made", None)
    if made is None:
        made = _streams.made = np.random.Generator(np.random.Philox(0))
        _streams.template = made.bit_generator.state
    fresh = dict(_streams.template)
    fresh["state"] = {"counter": np.zeros(4, np.uint64), "key": np.array(state, np.uint64)}
    made.bit_generator.state = fresh
    return made


_global: Generator | None = None


def generator() -> Generator:
    """The generator that draws here and now: the global one, unless a checkpoint or a check has put in another."""
    global _global
    inner = modes.current().generator
    if inner is not None:
        return inner
    if _global is None:
        _global = Generator()
    return _global


def manual_seed(seed: int) -> Generator:
    """Start the global stream of random numbers anew from a seed, and return its generator.

    >>> _ = ag.manual_seed(0)
    >>> a = ag.randn((2,))
    >>> _ = ag.manual_seed(0)
    >>> bool((ag.randn((2,)) == a).all())
    True
    """
    found = generator()
    found.manual_seed(seed)
    return found


def get_rng_state() -> Tensor:
    """A copy of the global generator's state, to save and to give back to `set_rng_state`: the seed and the next draw's number.

    >>> state = ag.get_rng_state()
    >>> a = ag.rand((2,))
    >>> ag.set_rng_state(state)
    >>> bool((ag.rand((2,)) == a).all())
    True
    """
    return tensor(generator().state._array)


def set_rng_state(state: ArrayLike | Tensor) -> None:
    """Let the global generator go on from a state that `get_rng_state` gave.

    Raises ValueError for anything but two uint64 numbers.

    >>> ag.set_rng_state(ag.get_rng_state())
    """
    array = np.asarray(state._array if isinstance(state, Tensor) else state)
    if array.shape != (2,) or array.dtype != np.uint64:
        raise ValueError(f"set_rng_state: a state is two uint64 numbers, not {array.dtype} of shape {array.shape}")
    assign(generator().state, array)
