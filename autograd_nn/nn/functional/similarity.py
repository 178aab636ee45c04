"""Distances and similarities of vectors, and the losses that rank and separate by them.

`reduction` and its older forms as `functional.loss` says.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...ops.elementwise import maximum, minimum, relu, sqrt, square, where
from ...ops.indexing import take
from ...ops.norms import vector_norm
from ...ops.reduction import sum
from ...ops.shape import broadcast_to
from .loss import alike, floating, reduced, settled
from .operands import refuse

__all__ = [
    "cosine_embedding_loss", "cosine_similarity", "hinge_embedding_loss", "margin_ranking_loss", "pairwise_distance",
    "pdist", "triplet_margin_loss", "triplet_margin_with_distance_loss",
]  # fmt: skip


def pairwise_distance(x1: Any, x2: Any, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Any:
    r""":math:`\| x_1 - x_2 + \epsilon \|_p` along the last axis: (..., n) to (...), or (..., 1) with `keepdim`.

    >>> F.pairwise_distance(ag.tensor([[3.0, 4.0]]), ag.tensor([[0.0, 0.0]])).numpy().round(3)
    array([5.], dtype=float32)
    """
    return vector_norm(x1 - x2 + eps, axis=-1, keepdims=keepdim, ord=p)


def cosine_similarity(x1: Any, x2: Any, dim: int = 1, eps: float = 1e-8) -> Any:
    r""":math:`x_1 \cdot x_2 / (\max(\|x_1\|, \epsilon) \max(\|x_2\|, \epsilon))` along a dimension; shapes broadcast.

    >>> F.cosine_similarity(ag.tensor([1.0, 0.0]), ag.tensor([1.0, 1.0]), dim=0).numpy().round(3)
    np.float32(0.707)
    """
    if x1.shape != x2.shape:  # the dimension is one of the shape that both have then
        shape = np.broadcast_shapes(x1.shape, x2.shape)
        x1, x2 = broadcast_to(x1, shape), broadcast_to(x2, shape)
    norms = (maximum(vector_norm(x, axis=dim, keepdims=True), eps) for x in (x1, x2))
    u, v = (x / n for x, n in zip((x1, x2), norms, strict=True))
    return sum(u * v, dim)


def pdist(input: Any, p: float = 2.0) -> Any:
    """The p-norm of the difference of every two rows, the first with all others, then the second: (n, m) to (n (n - 1) / 2,).

    Raises ValueError unless the input is a matrix.

    >>> F.pdist(ag.tensor([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]])).numpy().round(3)
    array([5.   , 1.   , 4.243], dtype=float32)
    """
    if input.ndim != 2:
        raise refuse("pdist", f"takes a matrix (n, m), not an input of shape {input.shape}")
    first, second = np.triu_indices(input.shape[0], 1)
    return vector_norm(take(input, first, 0) - take(input, second, 0), axis=-1, ord=p)


def signs(name: str, input: Any, target: Any, shape: tuple[int, ...]) -> Any:
    """Targets of 1 and -1, as an array of this shape."""
    target = floating(name, "target", target, input)
    if target.shape != shape:
        raise refuse(name, f"the target has shape {target.shape} for an input of {input.shape}; it takes {shape}")
    return target


def hinge_embedding_loss(
    input: Any,
    target: Any,
    margin: float = 1.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Any:
    r"""x where the target is 1, :math:`\max(0, \text{margin} - x)` where it is -1: of distances of alike and of unlike pairs.

    >>> F.hinge_embedding_loss(ag.tensor([0.5, 0.5]), ag.tensor([1.0, -1.0]), margin=2.0, reduction="none")
    tensor([0.5, 1.5], dtype=float32)
    """
    name = "hinge_embedding_loss"
    input, target = alike(name, input=input, target=target)
    losses = where(target != -1.0, input, 0.0) + where(target != 1.0, relu(margin - input), 0.0)
    return reduced(name, losses, settled(size_average, reduce, reduction))


def margin_ranking_loss(
    input1: Any,
    input2: Any,
    target: Any,
    margin: float = 0.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Any:
    r""":math:`\max(0, -y (x_1 - x_2) + \text{margin})`: where y is 1, the first is to be the larger; where -1, the second.

    >>> F.margin_ranking_loss(ag.tensor([1.0]), ag.tensor([3.0]), ag.tensor([1.0]))
    tensor(2., dtype=float32)
    """
    name = "margin_ranking_loss"
    input1, input2, target = alike(name, input1=input1, input2=input2, target=target)
    losses = relu(margin - target * (input1 - input2))
    return reduced(name, losses, settled(size_average, reduce, reduction))


def cosine_embedding_loss(
    input1: Any,
    input2: Any,
    target: Any,
    margin: float = 0.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Any:
    r""":math:`1 - \cos` where the target is 1, :math:`\max(0, \cos - \text{margin})` where it is -1.

    Shapes: inputs (batch, n) or (n,), target (batch,) or (). The squared norms get 1e-12 added, as PyTorch's do.

    >>> F.cosine_embedding_loss(ag.tensor([[1.0, 0.0]]), ag.tensor([[0.0, 1.0]]), ag.tensor([1.0])).numpy().round(3)
    np.float32(1.0)
    """
    name = "cosine_embedding_loss"
    input1, input2 = alike(name, input1=input1, input2=input2)
    if input1.ndim not in (1, 2):
        raise refuse(name, f"the inputs have shape {input1.shape}; they take (batch, n) or (n,)")
    target = signs(name, input1, target, input1.shape[:-1])
    squares = [sum(square(x), -1) + 1e-12 for x in (input1, input2)]
    cosine = sum(input1 * input2, -1) / sqrt(squares[0] * squares[1])
    losses = where(target == 1.0, 1.0 - cosine, 0.0) + where(target == -1.0, relu(cosine - margin), 0.0)
    return reduced(name, losses, settled(size_average, reduce, reduction))


def _triplet(
    name: str, anchor: Any, positive: Any, negative: Any, distance: Callable[[Any, Any], Any], margin: float, swap: bool
) -> Any:
    anchor, positive, negative = alike(name, anchor=anchor, positive=positive, negative=negative)
    if not margin > 0.0:
        raise refuse(name, f"the margin must be positive, not {margin}")
    far = distance(anchor, negative)
    if swap:
        far = minimum(far, distance(positive, negative))
    return relu(distance(anchor, positive) - far + margin)


def triplet_margin_loss(
    anchor: Any,
    positive: Any,
    negative: Any,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Any:
    r""":math:`\max(0, d(a, p) - d(a, n) + \text{margin})` with `pairwise_distance` d; Balntas et al., BMVC 2016.

    Shapes: (batch, n) or (n,), all three. `swap` (default False): the distance of positive and negative, where that is smaller
    than the anchor's. Raises ValueError for a margin that is not positive.

    >>> x = ag.tensor([[0.0, 0.0]])
    >>> F.triplet_margin_loss(x, x, x).numpy().round(3)
    np.float32(1.0)
    """
    name = "triplet_margin_loss"
    distance = lambda x, y: pairwise_distance(x, y, p, eps)
    losses = _triplet(name, anchor, positive, negative, distance, margin, swap)
    return reduced(name, losses, settled(size_average, reduce, reduction))


def triplet_margin_with_distance_loss(
    anchor: Any,
    positive: Any,
    negative: Any,
    *,
    distance_function: Callable[[Any, Any], Any] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Any:
    r"""`triplet_margin_loss` with a distance of one's own: a function of two Tensors, by default `pairwise_distance`.

    >>> x = ag.tensor([[0.0, 0.0]])
    >>> F.triplet_margin_with_distance_loss(x, x, x, distance_function=lambda a, b: abs(a - b).max(-1))
    tensor(1., dtype=float32)
    """
    name = "triplet_margin_with_distance_loss"
    losses = _triplet(name, anchor, positive, negative, distance_function or pairwise_distance, margin, swap)
    return reduced(name, losses, reduction)
