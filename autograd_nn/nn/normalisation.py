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
from .functional.operands import refuse, with_batch
from .module import Module
from .parameter import Buffer, Parameter, empty_parameter

__all__ = [
    "BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "GroupNorm", "InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d",
    "LayerNorm", "LocalResponseNorm", "RMSNorm",
]  # fmt: skip


class _Affine(Module):
    """A scale and an offset of some shape, or None: what normalising layers learn."""

    weight: Parameter | None
    bias: Parameter | None

    def _scale(self, shape: tuple[int, ...], affine: bool, bias: bool, device: Any, dtype: Any) -> None:
        self.weight = empty_parameter(shape, dtype, device) if affine else None
        self.bias = empty_parameter(shape, dtype, device) if affine and bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weight 1, bias 0."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)


# ---- with running statistics ---------------------------------------------------------------------------------------


class _Tracking(_Affine):
    """What batch and instance normalisation share: arguments, parameters and running statistics."""

    ndims: tuple[int, ...]

    def __init__(
        self,
        num_features: int,
        eps: float,
        momentum: float | None,
        affine: bool,
        track_running_stats: bool,
        device: Any,
        dtype: Any,
        bias: bool,
    ) -> None:
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        zeros = empty_parameter((num_features,), dtype, device)
        self.running_mean: Buffer | None = Buffer(zeros) if track_running_stats else None
        self.running_var: Buffer | None = Buffer(zeros) if track_running_stats else None
        self.num_batches_tracked: Buffer | None = Buffer(np.array(0)) if track_running_stats else None
        self._scale((num_features,), affine, bias, device, dtype)

    def reset_running_stats(self) -> None:
        """Forget the running statistics: mean 0, variance 1, no batch seen."""
        if self.running_mean is not None and self.running_var is not None and self.num_batches_tracked is not None:
            init.zeros_(self.running_mean)
            init.ones_(self.running_var)
            assign(self.num_batches_tracked, 0)

    def reset_parameters(self) -> None:
        """Weight 1, bias 0, no running statistics."""
        self.reset_running_stats()
        super().reset_parameters()

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )

    def _refused(self, input: Any) -> Exception:
        expected = " or ".join(f"{n}-d" for n in self.ndims)
        return refuse(
            type(self).__name__,
            f"an input of shape {input.shape}; it takes {expected} arrays with {self.num_features} channels",
        )


class _BatchNorm(_Tracking):
    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias)

    def forward(self, input: Any) -> Any:
        if input.ndim not in self.ndims or input.shape[1] != self.num_features:
            raise self._refused(input)
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


class _InstanceNorm(_Tracking):
    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias)

    def forward(self, input: Any) -> Any:
        if input.ndim not in self.ndims or input.shape[input.ndim - self.ndims[0]] != self.num_features:
            raise self._refused(input)

        def instance_norm(x: Any) -> Any:
            own = self.training or not self.track_running_stats
            momentum = 0.0 if self.momentum is None else self.momentum
            return F.instance_norm(
                x, self.running_mean, self.running_var, self.weight, self.bias, own, momentum, self.eps
            )

        return with_batch(self.ndims[0] - 1, instance_norm, input)


class InstanceNorm1d(_InstanceNorm):
    """Each channel of each sample standardised over its length; `InstanceNorm2d` says the rest.

    Shapes: (batch, num_features, length), or without batch, and the same back.

    >>> nn.InstanceNorm1d(1, eps=0.0)(ag.tensor([[[1.0, 3.0]]]))
    tensor([[[-1.,  1.]]], dtype=float32)
    """

    ndims = (2, 3)


class InstanceNorm2d(_InstanceNorm):
    """Each channel of each sample standardised over its space: Ulyanov et al., arXiv:1607.08022.

    Shapes: (batch, num_features, height, width), or without batch, and the same back. `affine` (default False) learns a scale and
    an offset, initially 1 and 0; `track_running_stats` (default False) keeps running statistics, by which it then standardises in
    evaluation. Raises ValueError for another number of channels, and for a space of one element.

    >>> nn.InstanceNorm2d(3)(ag.randn((4, 3, 8, 8))).shape
    (4, 3, 8, 8)
    """

    ndims = (3, 4)


class InstanceNorm3d(_InstanceNorm):
    """Each channel of each sample standardised over its space; `InstanceNorm2d` says the rest.

    Shapes: (batch, num_features, depth, height, width), or without batch, and the same back.

    >>> nn.InstanceNorm3d(3)(ag.randn((2, 3, 4, 4, 4))).shape
    (2, 3, 4, 4, 4)
    """

    ndims = (4, 5)


# ---- without -------------------------------------------------------------------------------------------------------


class GroupNorm(_Affine):
    """Groups of channels of each sample standardised together: Wu and He, arXiv:1803.08494.

    Shapes: (batch, num_channels, ...), and the same back. Initialisation: weight 1, bias 0.
    Raises ValueError for channels that do not divide into the groups, and for other shapes.

    >>> nn.GroupNorm(2, 4, eps=0.0)(ag.tensor([[1.0, 3.0, 5.0, 9.0]])).numpy()
    array([[-1.,  1., -1.,  1.]], dtype=float32)
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        if num_groups < 1 or num_channels % num_groups:
            raise ValueError(f"GroupNorm: {num_channels} channels do not divide into {num_groups} groups")
        self.num_groups, self.num_channels, self.eps, self.affine = num_groups, num_channels, eps, affine
        self._scale((num_channels,), affine, bias, device, dtype)

    def extra_repr(self) -> str:
        return f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, bias={self.bias is not None}"

    def forward(self, input: Any) -> Any:
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)


class LayerNorm(_Affine):
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
        self._scale(shape, elementwise_affine, bias, device, dtype)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}, "
            f"bias={self.bias is not None}"
        )

    def forward(self, input: Any) -> Any:
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)


class RMSNorm(_Affine):
    r"""The last axes divided by their root mean square: :math:`x / \sqrt{\overline{x^2} + \epsilon} \cdot w`; arXiv:1910.07467.

    Shapes: (..., *normalized_shape), and the same back. Initialisation: weight 1. `eps`: None (default) is the dtype's machine
    epsilon. Raises ValueError for other shapes.

    >>> nn.RMSNorm(2)(ag.tensor([3.0, -3.0])).numpy()
    array([ 1., -1.], dtype=float32)
    """

    def __init__(
        self,
        normalized_shape: Any,
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        self.normalized_shape, self.eps, self.elementwise_affine = shape, eps, elementwise_affine
        self._scale(shape, elementwise_affine, False, device, dtype)

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"

    def forward(self, input: Any) -> Any:
        return F.rms_norm(input, self.normalized_shape, self.weight, self.eps)


class LocalResponseNorm(Module):
    r"""Each element divided by those of `size` neighbouring channels: :math:`x / (k + \alpha \overline{x^2})^\beta`.

    Krizhevsky et al., NIPS 2012. Shapes: (batch, channels, *space), and the same back.

    >>> nn.LocalResponseNorm(2)(ag.ones((1, 3, 4, 4))).shape
    (1, 3, 4, 4)
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def extra_repr(self) -> str:
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"

    def forward(self, input: Any) -> Any:
        return F.local_response_norm(input, self.size, self.alpha, self.beta, self.k)
