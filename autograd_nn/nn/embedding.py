"""Embedding layers: a learned table whose rows are looked up, alone or in bags."""

from __future__ import annotations

from typing import Any, Self

from ..engine.modes import no_grad
from . import functional as F
from . import init
from .module import Module
from .parameter import Parameter, empty_parameter

__all__ = ["Embedding", "EmbeddingBag"]


class _Table(Module):
    """What both share: the table, drawn from the standard normal distribution, its padding row zero."""

    def _tabulate(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None,
        weight: Any,
        freeze: bool,
        device: Any,
        dtype: Any,
    ) -> None:
        name = type(self).__name__
        if padding_idx is not None and not -num_embeddings <= padding_idx < num_embeddings:
            raise ValueError(f"{name}: padding_idx {padding_idx} is no row of {num_embeddings}")
        self.num_embeddings, self.embedding_dim = num_embeddings, embedding_dim
        self.padding_idx = None if padding_idx is None else padding_idx % num_embeddings
        if weight is None:
            self.weight = empty_parameter((num_embeddings, embedding_dim), dtype, device)
            self.reset_parameters()
        elif tuple(weight.shape) != (num_embeddings, embedding_dim):
            raise ValueError(f"{name}: a weight of shape {weight.shape}, not {(num_embeddings, embedding_dim)}")
        else:
            self.weight = Parameter(weight)
        self.weight.requires_grad_(not freeze)

    def reset_parameters(self) -> None:
        """Draw the table anew."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            with no_grad():
                self.weight[self.padding_idx] = 0.0

    @classmethod
    def from_pretrained(cls, embeddings: Any, freeze: bool = True, *args: Any, **kwargs: Any) -> Self:
        """A layer around a table (num_embeddings, embedding_dim), which it copies; frozen unless told otherwise.

        The other arguments are the constructor's from the third on.

        >>> nn.Embedding.from_pretrained(ag.tensor([[1.0, 2.0], [3.0, 4.0]]))(np.array([1]))
        tensor([[3., 4.]], dtype=float32)
        """
        if len(getattr(embeddings, "shape", ())) != 2:
            raise ValueError(f"{cls.__name__}: a pretrained table has two axes (num_embeddings, embedding_dim)")
        rows, columns = embeddings.shape
        build: Any = cls
        made = build(rows, columns, *args, _weight=embeddings, **kwargs)
        made.weight.requires_grad_(not freeze)
        return made


class Embedding(_Table):
    """A learned table: integers (...) to their rows (..., embedding_dim).

    Shapes: weight (num_embeddings, embedding_dim). Initialisation: standard normal; the row `padding_idx`, if given, is zero and
    gets no gradient. `max_norm`, `norm_type`, `scale_grad_by_freq`: see `functional.embedding`; `sparse` changes nothing.
    Raises IndexError at the call for numbers that are no integers or no rows.

    >>> nn.Embedding(10, 3)(np.array([[1, 2], [4, 9]])).shape
    (2, 2, 3)
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        _weight: Any = None,
        _freeze: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        self.max_norm, self.norm_type = max_norm, norm_type
        self.scale_grad_by_freq, self.sparse = scale_grad_by_freq, sparse
        self._tabulate(num_embeddings, embedding_dim, padding_idx, _weight, _freeze, device, dtype)

    def extra_repr(self) -> str:
        parts = [f"{self.num_embeddings}, {self.embedding_dim}"]
        parts += [f"padding_idx={self.padding_idx}"] if self.padding_idx is not None else []
        parts += [f"max_norm={self.max_norm}"] if self.max_norm is not None else []
        parts += [f"norm_type={self.norm_type}"] if self.norm_type != 2 else []
        parts += ["scale_grad_by_freq=True"] if self.scale_grad_by_freq else []
        parts += ["sparse=True"] if self.sparse else []
        return ", ".join(parts)

    def forward(self, input: Any) -> Any:
        return F.embedding(
            input, self.weight, self.padding_idx, self.max_norm, self.norm_type, self.scale_grad_by_freq, self.sparse
        )


class EmbeddingBag(_Table):
    """A learned table whose rows are summed, averaged or maximised over bags: to (bags, embedding_dim).

    Input: (bags, size), or (n,) with offsets (bags,). `mode`: ``"mean"`` (default), ``"sum"`` or ``"max"``; the rest as in
    `functional.embedding_bag`. Initialisation: standard normal, the row `padding_idx` zero.

    >>> nn.EmbeddingBag(10, 3)(np.array([1, 2, 4, 9]), np.array([0, 3])).shape
    (2, 3)
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        _weight: Any = None,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        if mode not in ("sum", "mean", "max"):
            raise ValueError(f"EmbeddingBag: mode {mode!r} is not 'sum', 'mean' or 'max'")
        self.max_norm, self.norm_type, self.scale_grad_by_freq = max_norm, norm_type, scale_grad_by_freq
        self.mode, self.sparse, self.include_last_offset = mode, sparse, include_last_offset
        self._tabulate(num_embeddings, embedding_dim, padding_idx, _weight, False, device, dtype)

    def extra_repr(self) -> str:
        parts = [f"{self.num_embeddings}, {self.embedding_dim}"]
        parts += [f"max_norm={self.max_norm}"] if self.max_norm is not None else []
        parts += [f"norm_type={self.norm_type}"] if self.norm_type != 2 else []
        parts += ["scale_grad_by_freq=True"] if self.scale_grad_by_freq else []
        parts += [f"mode={self.mode!r}"]
        parts += [f"padding_idx={self.padding_idx}"] if self.padding_idx is not None else []
        return ", ".join(parts)

    def forward(self, input: Any, offsets: Any = None, per_sample_weights: Any = None) -> Any:
        return F.embedding_bag(
            input,
            self.weight,
            offsets,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
            self.mode,
            self.sparse,
            per_sample_weights,
            self.include_last_offset,
            self.padding_idx,
        )
