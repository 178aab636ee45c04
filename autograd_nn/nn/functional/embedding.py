"""Embeddings: rows of a table by their numbers, alone or reduced over bags of them.

Decision: PyTorch's `sparse` is accepted and changes nothing: gradients are dense arrays.
Decision: `max_norm` changes the table in place, outside the graph, as PyTorch's does: it is a constraint on the weight.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...engine.modes import no_grad
from ...engine.tensor import Tensor, assign
from ...ops.arranging import expand_dims
from ...ops.bounds import keep_within
from ...ops.comparison import equal
from ...ops.elementwise import where
from ...ops.indexing import scatter_add, take
from ...ops.reduction import max, mean, sum
from ...ops.selecting import embedding as rows_of
from ...ops.shape import astype, detach, reshape
from .operands import refuse, same_dtype

__all__ = ["embedding", "embedding_bag", "one_hot"]


def _numbers(name: str, what: str, values: Any) -> np.ndarray:
    """Integers as an array; IndexError for others."""
    array = values.numpy() if isinstance(values, Tensor) else np.asarray(values)
    if array.dtype.kind not in "iu" and array.size:
        raise refuse(name, f"the {what} are {array.dtype}, not integers; cast them with .astype('int64')", IndexError)
    return array.astype(np.int64, copy=False)


def _read_rows(name: str, input: Any, weight: Any) -> np.ndarray:
    """Numbers of rows, checked, as an array: what depends on them leaves the graph."""
    if weight.ndim != 2:
        raise refuse(name, f"the weight is a table (num_embeddings, embedding_dim), not of shape {weight.shape}")
    rows, n = _numbers(name, "numbers of rows", input), weight.shape[0]
    if rows.size and not (rows.min() >= 0 and rows.max() < n):
        raise refuse(
            name,
            f"the numbers run from {rows.min()} to {rows.max()}, but the table has {n} rows, 0 to {n - 1}",
            IndexError,
        )
    return rows


def _padding(name: str, padding_idx: int | None, weight: Any) -> int | None:
    n = weight.shape[0]
    if padding_idx is not None and not -n <= padding_idx < n:
        raise refuse(name, f"padding_idx {padding_idx} is no row of a table with {n}")
    return None if padding_idx is None else padding_idx % n


def _looked_up(
    input: Any, weight: Any, padding_idx: int | None, max_norm: float | None, norm_type: float, by_frequency: bool
) -> Any:
    """The rows; their cotangents reach the table divided by how often each occurs, if `by_frequency`, and not for padding."""
    if max_norm is not None:
        _renormalise(weight, _read_rows("embedding", input, weight), max_norm, norm_type)
    out = rows_of(input, weight, padding_idx)
    if by_frequency:
        rows = _read_rows("embedding", input, weight)
        share = (1.0 / np.maximum(np.bincount(rows.reshape(-1), minlength=1), 1)[rows]).astype(weight.dtype)
        still = detach(out)
        out = still + (out - still) * share[..., None]
    return out


def _renormalise(weight: Any, rows: np.ndarray, max_norm: float, norm_type: float) -> None:
    """Scale the rows that are used and longer than `max_norm` down to it, in place."""
    used = np.unique(rows)
    with no_grad():
        table = weight.detach().numpy()
        length = np.linalg.norm(table[used], norm_type, axis=1)
        long = length > max_norm
        if long.any():
            scaled = table.copy()
            scaled[used[long]] *= (max_norm / (length[long] + 1e-7)).astype(table.dtype)[:, None]
            assign(weight, scaled)


def embedding(
    input: Any,
    weight: Any,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Any:
    """The rows of a table that integers name: (...) to (..., embedding_dim), weight (num_embeddings, embedding_dim).

    `padding_idx`: a row that gets no gradient. `max_norm`: rows that are used and whose `norm_type`-norm exceeds it are scaled
    down to it, in the table. `scale_grad_by_freq`: gradients are divided by how often a row occurs in the input.
    Raises IndexError for numbers that are no integers or no rows.

    >>> F.embedding(np.array([1, 0, 1]), ag.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor([[3., 4.],
            [1., 2.],
            [3., 4.]], dtype=float32)
    """
    return _looked_up(
        input, weight, _padding("embedding", padding_idx, weight), max_norm, norm_type, scale_grad_by_freq
    )


def _bags(rows: np.ndarray, offsets: Any, include_last_offset: bool) -> tuple[np.ndarray, np.ndarray]:
    """The flattened numbers, and the bag of each; `sizes` says how long the bags are."""
    if rows.ndim == 2:
        if offsets is not None:
            raise refuse(
                "embedding_bag", f"numbers of shape {rows.shape} are bags already and take no offsets; flatten them"
            )
        return rows.reshape(-1), np.full(rows.shape[0], rows.shape[1])
    if rows.ndim != 1:
        raise refuse(
            "embedding_bag", f"takes numbers (bags, size), or (n,) and offsets (bags,), not of shape {rows.shape}"
        )
    if offsets is None:
        raise refuse("embedding_bag", f"numbers of shape {rows.shape} need offsets, where each bag begins")
    starts = _numbers("embedding_bag", "offsets", offsets)
    if starts.ndim != 1 or (include_last_offset and not starts.size):
        raise refuse("embedding_bag", f"the offsets have one axis (bags,), not the shape {starts.shape}")
    ends = starts[1:] if include_last_offset else np.append(starts[1:], len(rows))
    starts = starts[:-1] if include_last_offset else starts
    if starts.size and (starts[0] != 0 or (ends < starts).any() or ends.max() > len(rows)):
        raise refuse("embedding_bag", f"the offsets must begin with 0 and rise to at most {len(rows)}")
    return rows[: ends[-1] if ends.size else 0], ends - starts


def embedding_bag(
    input: Any,
    weight: Any,
    offsets: Any = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Any = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Any:
    """Sums, means or maxima of rows of a table over bags: to (bags, embedding_dim).

    `input`: (bags, size), or (n,) with `offsets` (bags,), where each bag begins (with `include_last_offset` also where the last
    one ends). `mode`: ``"mean"`` (default), ``"sum"``, which may weight each row by `per_sample_weights` (of the input's shape),
    or ``"max"``. `padding_idx`: a row that does not count. An empty bag gives 0. The other arguments are `embedding`'s.
    Raises ValueError for shapes that do not fit, and what `embedding` raises.

    >>> table = ag.tensor([[1.0, 2.0], [3.0, 4.0]])
    >>> F.embedding_bag(np.array([0, 1, 1]), table, np.array([0, 2]), mode="sum")
    tensor([[4., 6.],
            [3., 4.]], dtype=float32)
    """
    if mode not in ("sum", "mean", "max"):
        raise refuse("embedding_bag", f"mode {mode!r} is not 'sum', 'mean' or 'max'")
    if scale_grad_by_freq and mode == "max":
        raise refuse("embedding_bag", "mode 'max' cannot scale gradients by frequency")
    padding = _padding("embedding_bag", padding_idx, weight)
    if (
        offsets is None
        and padding is None
        and per_sample_weights is None
        and np.ndim(input) == 2
        and np.shape(input)[1]
    ):
        found = _looked_up(input, weight, None, max_norm, norm_type, scale_grad_by_freq)
        return sum(found, 1) if mode == "sum" else mean(found, 1) if mode == "mean" else max(found, 1)
    numbers = _read_rows("embedding_bag", input, weight)
    rows, sizes = _bags(numbers, offsets, include_last_offset)
    counted = np.ones(len(rows), bool) if padding is None else rows != padding
    bag = np.repeat(np.arange(len(sizes)), sizes)
    counts = np.bincount(bag[counted], minlength=len(sizes))
    found = _looked_up(rows[counted], weight, None, max_norm, norm_type, scale_grad_by_freq)
    if per_sample_weights is not None:
        if mode != "sum":
            raise refuse("embedding_bag", f"per_sample_weights are for mode 'sum', not {mode!r}")
        w = same_dtype("embedding_bag", per_sample_weights, weight)
        if w.shape != numbers.shape:
            raise refuse("embedding_bag", f"per_sample_weights of shape {w.shape} for numbers of shape {numbers.shape}")
        found = found * reshape(w, (-1,))[: len(rows)][counted][:, None]
    if mode == "max":
        return _largest(found, bag[counted], counts)
    total = scatter_add(np.zeros((len(sizes), weight.shape[1]), weight.dtype), bag[counted], found)
    return total if mode == "sum" else total / np.maximum(counts, 1).astype(weight.dtype)[:, None]


def _largest(found: Any, bag: np.ndarray, counts: np.ndarray) -> Any:
    """The largest values of each bag: bags are laid side by side, shorter ones filled with their first row."""
    longest = int(counts.max(initial=0))
    if not longest:
        return scatter_add(np.zeros((len(counts), found.shape[1]), found.dtype), bag, found)
    begins = np.cumsum(counts) - counts
    place = begins[:, None] + np.where(np.arange(longest) < counts[:, None], np.arange(longest), 0)
    empty = counts == 0
    laid = take(found, np.where(empty[:, None], 0, place), 0)
    return where(empty[:, None], 0.0, max(laid, 1))


def one_hot(input: Any, num_classes: int = -1) -> Any:
    """Integers as rows with a 1 at that place: (...) to (..., num_classes), int64; -1: as many as the largest needs.

    Raises IndexError for what are no integers, ValueError for negative ones and those that are too large.

    >>> F.one_hot(np.array([1, 0]), 3)
    tensor([[0, 1, 0],
            [1, 0, 0]], dtype=int64)
    """
    counted = num_classes == -1  # the number of classes is taken from the labels, which leave the graph
    labels = _numbers("one_hot", "classes", input if counted or not isinstance(input, Tensor) else input._array)
    most = int(labels.max(initial=-1))
    if labels.min(initial=0) < 0 or (not counted and most >= num_classes):
        raise refuse(
            "one_hot",
            f"the classes run from {labels.min()} to {most}; they must be from 0 to below num_classes={num_classes}",
        )
    if counted and not labels.size:
        raise refuse("one_hot", "no classes at all: say num_classes")
    if counted or not isinstance(input, Tensor):
        return Tensor._of((labels[..., None] == np.arange(most + 1 if counted else num_classes)).astype(np.int64))
    keep_within(input, 0, num_classes - 1)
    return astype(equal(expand_dims(input, -1), np.arange(num_classes)), np.int64)
