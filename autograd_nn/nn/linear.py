"""Linear layers, and those that only give an array another shape."""

from __future__ import annotations

import math
from typing import Any

from . import functional as F
from . import init
from .functional.operands import in_module
from .module import Module
from .parameter import Parameter, empty_parameter

__all__ = ["Bilinear", "Flatten", "Identity", "Linear", "Unflatten"]


class Identity(Module):
    """Its input; arguments are taken and forgotten.

    >>> nn.Identity()(ag.ones(1))
    tensor([1.], dtype=float32)
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def forward(self, input: Any) -> Any:
        return input


class Linear(Module):
    r"""Affine map :math:`y = x W^\top + b`.

    Shapes: x ``(..., in_features)`` to y ``(..., out_features)``; weight ``(out_features, in_features)``, bias
    ``(out_features,)``.
    Initialisation: uniform on ``(-k, k)``, ``k = 1 / sqrt(in_features)``.

    >>> nn.Linear(3, 2)(ag.ones((5, 3))).shape
    (5, 2)
    """

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        self.in_features, self.out_features = in_features, out_features
        self.weight = empty_parameter((out_features, in_features), dtype, device)
        self.bias: Parameter | None = empty_parameter((out_features,), dtype, device) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the parameters anew."""
        k = 1.0 / math.sqrt(max(1, self.in_features))
        init.uniform_(self.weight, -k, k)
        if self.bias is not None:
            init.uniform_(self.bias, -k, k)

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"

    def forward(self, input: Any) -> Any:
        return F.linear(input, self.weight, self.bias)


class Bilinear(Module):
    r"""Bilinear map :math:`y_k = x_1^\top W_k x_2 + b_k`.

    Shapes: ``(..., in1_features)`` and ``(..., in2_features)`` to ``(..., out_features)``; weight ``(out, in1, in2)``, bias
    ``(out,)``.
    Initialisation: uniform on ``(-k, k)``, ``k = 1 / sqrt(in1_features)``.

    >>> nn.Bilinear(3, 4, 2)(ag.ones((5, 3)), ag.ones((5, 4))).shape
    (5, 2)
    """

    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        self.in1_features, self.in2_features, self.out_features = in1_features, in2_features, out_features
        self.weight = empty_parameter((out_features, in1_features, in2_features), dtype, device)
        self.bias: Parameter | None = empty_parameter((out_features,), dtype, device) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the parameters anew."""
        k = 1.0 / math.sqrt(max(1, self.in1_features))
        init.uniform_(self.weight, -k, k)
        if self.bias is not None:
            init.uniform_(self.bias, -k, k)

    def extra_repr(self) -> str:
        return (
            f"in1_features={self.in1_features}, in2_features={self.in2_features}, out_features={self.out_features}, "
            f"bias={self.bias is not None}"
        )

    def forward(self, input1: Any, input2: Any) -> Any:
        return F.bilinear(input1, input2, self.weight, self.bias)


class Flatten(Module):
    """The axes from `start_dim` (default 1, behind the batch) to `end_dim` (default the last) as one.

    >>> nn.Flatten()(ag.ones((2, 3, 4))).shape
    (2, 12)
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        self.start_dim, self.end_dim = start_dim, end_dim

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"

    def forward(self, input: Any) -> Any:
        first, last = (d + input.ndim if d < 0 else d for d in (self.start_dim, self.end_dim))
        if not 0 <= first <= last < max(input.ndim, 1):
            raise in_module(
                ValueError(f"Flatten: no axes {self.start_dim} to {self.end_dim} in order in an input of {input.shape}")
            )
        merged = math.prod(input.shape[first : last + 1])
        return input.reshape((*input.shape[:first], merged, *input.shape[last + 1 :]))


class Unflatten(Module):
    """One axis as several, of the lengths `unflattened_size`, of which one may be -1.

    >>> nn.Unflatten(1, (3, 4))(ag.ones((2, 12))).shape
    (2, 3, 4)
    """

    def __init__(self, dim: int, unflattened_size: Any) -> None:
        self.dim, self.unflattened_size = dim, tuple(unflattened_size)

    def extra_repr(self) -> str:
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"

    def forward(self, input: Any) -> Any:
        dim = self.dim + input.ndim if self.dim < 0 else self.dim
        if not 0 <= dim < input.ndim:
            raise in_module(ValueError(f"Unflatten: no axis {self.dim} in an input of shape {input.shape}"))
        length, sizes = input.shape[dim], list(self.unflattened_size)
        known = math.prod([n for n in sizes if n != -1])
        if sizes.count(-1) == 1 and known and length % known == 0:
            sizes[sizes.index(-1)] = length // known
        if math.prod(sizes) != length or -1 in sizes:
            raise in_module(
                ValueError(
                    f"Unflatten: axis {self.dim} of {input.shape} has {length} entries, not {self.unflattened_size}"
                )
            )
        return input.reshape((*input.shape[:dim], *sizes, *input.shape[dim + 1 :]))
