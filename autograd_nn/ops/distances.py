"""Distances between the rows of two matrices.

Decision: they are norms of differences, at every size. The square of a difference as a sum of products takes less memory, and in
float32 gets the distance of two near points wrong in its third digit, and its derivative worse.
"""

from __future__ import annotations

from typing import Any

from .arranging import expand_dims
from .norms import vector_norm
from .shape import arrayed

__all__ = ["cdist"]


def cdist(x1: Any, x2: Any, p: float = 2.0) -> Any:
    r"""The distance :math:`\|x_i - y_j\|_p` of every row of one matrix from every row of another.

    Shapes: (..., n, m) and (..., k, m) to (..., n, k); leading axes broadcast; in between n k m numbers are held. `p`: 2 by
    default; 1, infinity, or another; 0 counts where the rows differ. The derivative at a distance of 0 is taken to be 0.
    Raises ValueError for fewer than two axes or rows of different lengths, and for a negative p.

    >>> ag.cdist(ag.tensor([[0.0, 0.0], [3.0, 0.0]]), ag.tensor([[3.0, 4.0]]))
    tensor([[5.],
            [4.]], dtype=float32)
    """
    x, y = arrayed(x1), arrayed(x2)
    if x.ndim < 2 or y.ndim < 2 or x.shape[-1] != y.shape[-1]:
        raise ValueError(f"cdist: takes (..., n, m) and (..., k, m), not {x.shape} and {y.shape}")
    if not p >= 0.0:
        raise ValueError(f"cdist: p must be 0 or more, got {p}")
    return vector_norm(expand_dims(x, -2) - expand_dims(y, -3), axis=-1, ord=p)
