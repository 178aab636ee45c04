"""Fractional max pooling layers."""

from __future__ import annotations

from typing import Any

from . import functional as F
from .convolution import each_axis
from .module import Module
from .parameter import Buffer

__all__ = ["FractionalMaxPool2d", "FractionalMaxPool3d"]


class _FractionalMaxPool(Module):
    axes: int

    def __init__(
        self,
        kernel_size: Any,
        output_size: Any = None,
        output_ratio: Any = None,
        return_indices: bool = False,
        _random_samples: Any = None,
    ) -> None:
        name = type(self).__name__
        if (output_size is None) == (output_ratio is None):
            raise ValueError(f"{name}: give either the output_size or the output_ratio")
        self.kernel_size, self.return_indices = each_axis(kernel_size, self.axes), return_indices
        self.output_size = None if output_size is None else each_axis(output_size, self.axes)
        self.output_ratio = None if output_ratio is None else each_axis(output_ratio, self.axes)
        if self.output_ratio is not None and not all(0 < r < 1 for r in self.output_ratio):
            raise ValueError(f"{name}: output_ratio {output_ratio} must be between 0 and 1")
        self._random_samples = None if _random_samples is None else Buffer(_random_samples)

    def forward(self, input: Any) -> Any:
        pool = F.fractional_max_pool2d if self.axes == 2 else F.fractional_max_pool3d
        return pool(
            input, self.kernel_size, self.output_size, self.output_ratio, self.return_indices, self._random_samples
        )


class FractionalMaxPool2d(_FractionalMaxPool):
    """The largest elements of windows at random places over two spatial axes; see `functional.fractional_max_pool2d`.

    >>> nn.FractionalMaxPool2d(2, output_size=(5, 4))(ag.ones((1, 2, 7, 7))).shape
    (1, 2, 5, 4)
    """

    axes = 2


class FractionalMaxPool3d(_FractionalMaxPool):
    """The largest elements of windows at random places over three spatial axes; see `functional.fractional_max_pool2d`.

    >>> nn.FractionalMaxPool3d(2, output_ratio=0.5)(ag.ones((1, 2, 8, 8, 8))).shape
    (1, 2, 4, 4, 4)
    """

    axes = 3
