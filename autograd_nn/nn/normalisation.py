"""Normalising layers.

Decision: running statistics move by ``assign``, so a recorded step contains them and a compiled one updates them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine.modes import no_grad
from ..engine.tensor import assign
from . import functional as F
from . import init
from .module import Module
from .parameter import Buffer, Parameter, empty_parameter

__all__ = ["BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "LayerNorm"]


class _BatchNorm(Module):
    ndims: tuple[int, ...]

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        self.weight: Parameter | None = empty_parameter((num_features,), dtype, device) if affine else None
        self.bias: Parameter | None = empty_parameter((num_features,), dtype, device) if affine else None
        zeros = empty_parameter((num_features,), dtype, device)
        self.running_mean: Buffer | None = Buffer(zeros) if track_running_stats else None
        self.running_var: Buffer | None = Buffer(zeros) if track_running_stats else None
        self.num_batches_tracked: Buffer | None = Buffer(np.array(0)) if track_running_stats else None
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """Forget the running statistics: mean 0, variance 1, no batch seen."""
        if self.running_mean is not None and self.running_var is not None and self.num_batches_tracked is not None:
            init.zeros_(self.running_mean)
            init.ones_(self.running_var)
            assign(self.num_batches_tracked, 0)

    def reset_parameters(self) -> None:
        """Weight 1, bias 0, no running statistics."""
        self.reset_running_stats()
        if self.weight is not None and self.bias is not None:
            init.ones_(self.weight)
            init.zeros_(self.bias)

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"track_running_stats={self.track_running_stats}"
        )

    def forward(self, input: Any) -> Any:
        if input.ndim not in self.ndims or input.shape[1] != self.num_features:
            expected = " or ".join(f"{n}-d" for n in self.ndims)
            raise ValueError(
                f"{type(self).__name__}: an input of shape {input.shape}; it takes {expected} arrays "
                f"(batch, {self.num_features}, ...)"
            )
        use_batch = self.training or self.running_mean is None
        momentum: Any = self.momentum
        if self.training and self.num_batches_tracked is not None:
            with no_grad():
                assign(self.num_batches_tracked, self.num_batches_tracked + 1)
                if momentum is None:  # the mean over all batches
                    momentum = 1.0 / self.num_batches_tracked.astype(input.dtype)
        return F.batch_norm(
            input,
            self.running_mean if self.training or not use_batch else None,
            self.running_var if self.training or not use_batch else None,
            self.weight,
            self.bias,
            use_batch,
            momentum,
            self.eps,
        )


class BatchNorm1d(_BatchNorm):
    """Each channel standardised over batch and length; `BatchNorm2d` says the rest.

    Shapes: (batch, num_features) or (batch, num_features, length), and the same back.

    >>> nn.BatchNorm1d(1, eps=0.0)(ag.tensor([[1.0], [3.0]])).numpy()
    array([[-1.],
           [ 1.]], dtype=float32)
    """

    ndims = (2, 3)


class BatchNorm2d(_BatchNorm):
    r"""Each channel standardised over batch and space: :math:`(x - \mu) / \sqrt{\sigma^2 + \epsilon} \cdot w + b`.

    In training with the batch's mean and variance, while running ones move by `momentum` (default 0.1; None: their mean over all
    batches) towards them; in evaluation with the running ones. Ioffe and Szegedy, arXiv:1502.03167.
    Shapes: (batch, num_features, height, width), and the same back. Initialisation: weight 1, bias 0.
    Raises ValueError for another number of channels, and for one value a channel in training.

    >>> nn.BatchNorm2d(3)(ag.randn((4, 3, 8, 8))).shape
    (4, 3, 8, 8)
    """

    ndims = (4,)


class BatchNorm3d(_BatchNorm):
    """Each channel standardised over batch and space; `BatchNorm2d` says the rest.

    Shapes: (batch, num_features, depth, height, width), and the same back.

    >>> nn.BatchNorm3d(3)(ag.randn((2, 3, 4, 4, 4))).shape
    (2, 3, 4, 4, 4)
    """

    ndims = (5,)


class LayerNorm(Module):
    r"""The last axes standardised: :math:`(x - \mu) / \sqrt{\sigma^2 + \epsilon} \cdot w + b`; Ba et al., arXiv:1607.06450.

    Shapes: (..., *normalized_shape), and the same back. Initialisation: weight 1, bias 0. Raises ValueError for other shapes.

    >>> nn.LayerNorm(2, eps=0.0)(ag.tensor([1.0, 3.0])).numpy()
    array([-1.,  1.], dtype=float32)
    """

    def __init__(
        self,
        normalized_shape: Any,
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        self.normalized_shape, self.eps, self.elementwise_affine = shape, eps, elementwise_affine
        self.weight: Parameter | None = empty_parameter(shape, dtype, device) if elementwise_affine else None
        self.bias: Parameter | None = empty_parameter(shape, dtype, device) if elementwise_affine and bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weight 1, bias 0."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"

    def forward(self, input: Any) -> Any:
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)
