"""All parameters as one vector, and back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ...engine.tensor import Tensor, assign
from ...ops.shape import concatenate, reshape

__all__ = ["parameters_to_vector", "vector_to_parameters"]


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All elements in the order of the parameters, each flattened: a vector, differentiable. ValueError for no parameters.

    >>> nn.utils.parameters_to_vector(nn.Linear(2, 3).parameters()).shape
    (9,)
    """
    flat = [reshape(p, (-1,)) for p in parameters]
    if not flat:
        raise ValueError("parameters_to_vector: there are no parameters")
    return concatenate(flat)


def vector_to_parameters(vec: Any, parameters: Iterable[Tensor]) -> None:
    """Write the elements of a vector into the parameters, in their order.

    Raises ValueError, nothing written, for a vector of another length.

    >>> layer = nn.Linear(1, 1)
    >>> nn.utils.vector_to_parameters(ag.tensor([2.0, 3.0]), layer.parameters())
    >>> layer.weight.item(), layer.bias.item()
    (2.0, 3.0)
    """
    targets = list(parameters)
    values = vec.detach() if isinstance(vec, Tensor) else np.asarray(vec)
    total = sum([p.size for p in targets])
    if values.shape != (total,):
        raise ValueError(f"vector_to_parameters: a vector of shape {values.shape} for {total:,} elements of parameters")
    if not all([np.can_cast(values.dtype, p.dtype, "same_kind") for p in targets]):
        raise TypeError(f"vector_to_parameters: a vector of {values.dtype} does not fit the parameters")
    begin = 0
    for p in targets:
        assign(p, values[begin : begin + p.size].reshape(p.shape))
        begin += p.size
