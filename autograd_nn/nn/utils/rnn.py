"""Sequences of different lengths: padded to one array, or packed step after step, which is what recurrent layers compute on.

A packed batch holds the first step of all sequences, longest first, then the second step of those that have one, and so on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ...engine.tensor import Tensor
from ...ops.elementwise import where
from ...ops.indexing import take
from ...ops.shape import concatenate, stack
from ..functional.operands import refuse

__all__ = [
    "PackedSequence", "invert_permutation", "pack_padded_sequence", "pack_sequence", "pad_packed_sequence", "pad_sequence",
    "unpack_sequence", "unpad_sequence",
]  # fmt: skip


class PackedSequence(NamedTuple):
    """A packed batch: rows, how many sequences run at each step, and the order that makes the longest the first."""

    data: Any
    batch_sizes: np.ndarray
    sorted_indices: np.ndarray | None = None
    unsorted_indices: np.ndarray | None = None


def invert_permutation(permutation: Any) -> np.ndarray | None:
    """The permutation that undoes one; None for None.

    >>> nn.utils.rnn.invert_permutation(np.array([2, 0, 1]))
    array([1, 2, 0])
    """
    return None if permutation is None else np.argsort(permutation)


def _numbers(values: Any) -> np.ndarray:
    return np.asarray(values.numpy() if isinstance(values, Tensor) else values)


def pack_padded_sequence(
    input: Any, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """A padded batch (steps, batch, ...), or (batch, steps, ...) if `batch_first`, without its padding.

    `lengths`: (batch,), integers from 1 to steps; falling, unless `enforce_sorted` is False. Raises ValueError otherwise.

    >>> packed = nn.utils.rnn.pack_padded_sequence(ag.tensor([[1.0, 3.0], [2.0, 0.0]]), [2, 1])
    >>> packed.data, packed.batch_sizes
    (tensor([1., 3., 2.], dtype=float32), array([2, 1]))
    """
    counts = _numbers(lengths)
    steps, batch = (input.shape[1], input.shape[0]) if batch_first else input.shape[:2]
    if counts.shape != (batch,) or counts.dtype.kind not in "iu":
        raise refuse("pack_padded_sequence", f"lengths {lengths!r} for a batch of {batch}: one integer each")
    if batch == 0 or counts.min() < 1 or counts.max() > steps:
        raise refuse(
            "pack_padded_sequence", f"lengths {counts.tolist()} must be from 1 to the {steps} steps of the input"
        )
    order = None
    if enforce_sorted:
        if (np.diff(counts) > 0).any():
            raise refuse(
                "pack_padded_sequence",
                f"lengths {counts.tolist()} must fall; sort the batch, or pass enforce_sorted=False",
            )
    else:
        order = np.argsort(-counts, kind="stable")
        counts = counts[order]
    running = counts[None, :] > np.arange(counts[0])[:, None]
    t, row = np.nonzero(running)
    at = row if order is None else order[row]
    data = input[at, t] if batch_first else input[t, at]
    return PackedSequence(data, running.sum(1), order, invert_permutation(order))


def pad_packed_sequence(
    sequence: PackedSequence, batch_first: bool = False, padding_value: float = 0.0, total_length: int | None = None
) -> tuple[Any, np.ndarray]:
    """The padded batch of a packed one, in its original order, and the lengths.

    `total_length`: how many steps to pad to, at least the longest (the default). Raises ValueError if it is less.

    >>> packed = nn.utils.rnn.pack_sequence([ag.tensor([1.0, 2.0]), ag.tensor([3.0])])
    >>> nn.utils.rnn.pad_packed_sequence(packed, batch_first=True)
    (tensor([[1., 2.],
             [3., 0.]], dtype=float32), array([2, 1]))
    """
    sizes = _numbers(sequence.batch_sizes)
    steps, batch = len(sizes), int(sizes[0])
    if total_length is not None and total_length < steps:
        raise refuse("pad_packed_sequence", f"total_length {total_length} is less than the longest sequence, {steps}")
    running = np.arange(batch)[None, :] < sizes[:, None]
    rows = np.where(running, (np.cumsum(sizes) - sizes)[:, None] + np.arange(batch), 0)
    lengths = running.sum(0)
    if sequence.unsorted_indices is not None:
        order = _numbers(sequence.unsorted_indices)
        rows, running, lengths = rows[:, order], running[:, order], lengths[order]
    extra = ((0, (total_length or steps) - steps), (0, 0))
    rows, running = np.pad(rows, extra), np.pad(running, extra)
    if batch_first:
        rows, running = rows.T, running.T
    data = sequence.data
    mask = running.reshape(*running.shape, *[1] * (data.ndim - 1))
    return where(mask, take(data, rows, 0), np.asarray(padding_value, data.dtype)), lengths


def pad_sequence(
    sequences: Sequence[Any], batch_first: bool = False, padding_value: float = 0.0, padding_side: str = "right"
) -> Any:
    """Sequences (steps, ...) of different lengths as one batch (steps, batch, ...), the shorter ones padded.

    `batch_first`: (batch, steps, ...); `padding_side`: ``"right"`` (default) or ``"left"``. Raises ValueError for no sequences
    and for trailing shapes that differ.

    >>> nn.utils.rnn.pad_sequence([ag.tensor([1.0, 2.0]), ag.tensor([3.0])], batch_first=True)
    tensor([[1., 2.],
            [3., 0.]], dtype=float32)
    """
    if not len(sequences):
        raise refuse("pad_sequence", "there are no sequences")
    if padding_side not in ("left", "right"):
        raise refuse("pad_sequence", f"padding_side {padding_side!r} is not 'left' or 'right'")
    trailing = {tuple(s.shape[1:]) for s in sequences}
    if len(trailing) > 1:
        raise refuse("pad_sequence", f"the sequences differ behind their first axis: {sorted(trailing)}")
    longest = max(s.shape[0] for s in sequences)
    padded = []
    for s in sequences:
        padding = np.full((longest - s.shape[0], *s.shape[1:]), padding_value, s.dtype)
        padded.append(concatenate([s, padding] if padding_side == "right" else [padding, s]))
    return stack(padded, 0 if batch_first else 1)


def unpad_sequence(padded_sequences: Any, lengths: Any, batch_first: bool = False) -> list[Any]:
    """The sequences of a padded batch, each of its own length: the inverse of `pad_sequence`.

    >>> nn.utils.rnn.unpad_sequence(ag.tensor([[1.0, 3.0], [2.0, 0.0]]), [2, 1])
    [tensor([1., 2.], dtype=float32), tensor([3.], dtype=float32)]
    """
    counts = _numbers(lengths).tolist()
    return [padded_sequences[k, :n] if batch_first else padded_sequences[:n, k] for k, n in enumerate(counts)]


def pack_sequence(sequences: Sequence[Any], enforce_sorted: bool = True) -> PackedSequence:
    """Sequences (steps, ...) of different lengths, packed.

    >>> nn.utils.rnn.pack_sequence([ag.tensor([1.0, 2.0]), ag.tensor([3.0])]).data
    tensor([1., 3., 2.], dtype=float32)
    """
    lengths = [s.shape[0] for s in sequences]
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Any]:
    """The sequences of a packed batch: the inverse of `pack_sequence`.

    >>> nn.utils.rnn.unpack_sequence(nn.utils.rnn.pack_sequence([ag.tensor([1.0, 2.0]), ag.tensor([3.0])]))
    [tensor([1., 2.], dtype=float32), tensor([3.], dtype=float32)]
    """
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
