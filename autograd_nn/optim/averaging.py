"""`ExponentialMovingAverage`: an average of the weights along the way, which often generalises better than where they end."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from ..engine import modes
from ..engine.tensor import Tensor, assign
from ..ops.updates import UPDATES, Block


class ExponentialMovingAverage:
    r"""Keeps :math:`a \leftarrow \beta a + (1 - \beta) w` of each of some Tensors; the first update copies them.

    `parameters`: floating Tensors, parameters or buffers; (name, Tensor) pairs will do. `decay`: :math:`\beta`, 0.999 by default.
    Call `update()` after each step of the optimizer; `with average.applied():` evaluates with the averages in the weights' place.
    Raises ValueError for a decay outside [0, 1] or no parameters. Polyak and Juditsky, SIAM J. Control Optim. 30, 1992.

    >>> w = ag.tensor([1.0])
    >>> average = ag.optim.ExponentialMovingAverage([w], decay=0.75)
    >>> average.update()
    >>> _ = ag.assign(w, [5.0])
    >>> average.update()
    >>> with average.applied():
    ...     print(w)
    tensor([2.], dtype=float32)
    >>> w
    tensor([5.], dtype=float32)
    """

    def __init__(self, parameters: Iterable[Any], decay: float = 0.999) -> None:
        if not 0.0 <= decay <= 1.0:
            raise ValueError(f"ExponentialMovingAverage: decay is from 0 to 1, not {decay}")
        self.decay = decay
        self.parameters: list[Tensor] = [p[1] if isinstance(p, tuple) else p for p in parameters]
        if not self.parameters:
            raise ValueError("ExponentialMovingAverage: got no parameters")
        for i, p in enumerate(self.parameters):
            if not isinstance(p, Tensor) or not p.is_leaf or p.dtype.kind != "f":
                raise TypeError(f"ExponentialMovingAverage: parameter {i} is no floating leaf Tensor")
        self.averages = [Tensor._of(np.array(p._memory())) for p in self.parameters]
        self.updates = Tensor._of(np.zeros((), np.float64))
        by_dtype: dict[Any, list[int]] = {}
        for i, p in enumerate(self.parameters):
            by_dtype.setdefault(p.dtype, []).append(i)
        self._blocks = [
            (Block(UPDATES["average"], [[self.averages[i]] for i in members]), [self.parameters[i] for i in members])
            for members in by_dtype.values()
        ]

    def update(self) -> None:
        """Take the weights, as they are now, into the averages."""
        recorded = modes.current().tracer is not None
        with modes.change(grad=False):
            count = self.updates if recorded else self.updates._array.item()
            fresh = np.where(count == 0.0, 1.0, 1.0 - self.decay)
            for block, members in self._blocks:
                block.step([p.detach() if recorded else p for p in members], {"fresh": fresh})
            assign(self.updates, count + 1.0)

    def copy_to(self, parameters: Iterable[Tensor] | None = None) -> None:
        """Write the averages into the parameters, or into others of the same shapes."""
        targets = self.parameters if parameters is None else list(parameters)
        if [t.shape for t in targets] != [a.shape for a in self.averages]:
            raise ValueError("ExponentialMovingAverage: these parameters have other shapes than the averages")
        for target, average in zip(targets, self.averages, strict=True):
            assign(target, average)

    @contextlib.contextmanager
    def applied(self) -> Iterator[None]:
        """Have the averages in the weights' place inside the ``with`` block."""
        kept = [np.array(p._memory()) for p in self.parameters]
        self.copy_to()
        try:
            yield
        finally:
            for p, weights in zip(self.parameters, kept, strict=True):
                assign(p, weights)

    def state_dict(self) -> dict[str, Any]:
        """The averages, how many updates went into them, and the decay."""
        return {"decay": self.decay, "updates": self.updates, "averages": list(self.averages)}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from `state_dict`. Raises ValueError where it lacks something or shapes differ; then nothing was changed."""
        missing = [name for name in self.state_dict() if name not in state_dict]
        if missing:
            raise ValueError(f"ExponentialMovingAverage: the saved state lacks {', '.join(missing)}")
        averages = [np.asarray(a.numpy() if isinstance(a, Tensor) else a) for a in state_dict["averages"]]
        if [a.shape for a in averages] != [a.shape for a in self.averages]:
            raise ValueError(
                f"ExponentialMovingAverage: the saved averages have shapes {[a.shape for a in averages]}, these "
                f"{[a.shape for a in self.averages]}"
            )
        for mine, saved in zip(self.averages, averages, strict=True):
            assign(mine, saved)
        assign(self.updates, state_dict["updates"])
        self.decay = float(state_dict["decay"])
