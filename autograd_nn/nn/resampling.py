"""Layers that give images another size, or cut them into patches: `functional.resampling` says what each computes."""

from __future__ import annotations

from typing import Any

from . import functional as F
from .module import Module

__all__ = [
    "ChannelShuffle", "Fold", "PixelShuffle", "PixelUnshuffle", "Unfold", "Upsample", "UpsamplingBilinear2d",
    "UpsamplingNearest2d",
]  # fmt: skip


class Upsample(Module):
    """Images of another size, either `size` or `scale_factor` given; see `functional.interpolate`.

    `mode`: ``"nearest"`` (default), ``"linear"``, ``"bilinear"``, ``"bicubic"`` or ``"trilinear"``.

    >>> nn.Upsample(scale_factor=2)(ag.ones((1, 3, 4, 5))).shape
    (1, 3, 8, 10)
    """

    def __init__(
        self,
        size: Any = None,
        scale_factor: Any = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None,
    ) -> None:
        self.size, self.mode, self.align_corners = size, mode, align_corners
        several = isinstance(scale_factor, (tuple, list))
        self.scale_factor = (
            tuple([float(f) for f in scale_factor]) if several else float(scale_factor) if scale_factor else None
        )
        self.recompute_scale_factor = recompute_scale_factor

    def extra_repr(self) -> str:
        given = f"size={self.size!r}" if self.scale_factor is None else f"scale_factor={self.scale_factor!r}"
        return f"{given}, mode={self.mode!r}"

    def forward(self, input: Any) -> Any:
        return F.interpolate(
            input, self.size, self.scale_factor, self.mode, self.align_corners, self.recompute_scale_factor
        )


class UpsamplingNearest2d(Upsample):
    """Images of another size, each pixel the nearest one's value.

    >>> nn.UpsamplingNearest2d(scale_factor=2)(ag.ones((1, 3, 4, 5))).shape
    (1, 3, 8, 10)
    """

    def __init__(self, size: Any = None, scale_factor: Any = None) -> None:
        super().__init__(size, scale_factor, mode="nearest")


class UpsamplingBilinear2d(Upsample):
    """Images of another size by bilinear interpolation, with `align_corners`.

    >>> nn.UpsamplingBilinear2d(size=(8, 10))(ag.ones((1, 3, 4, 5))).shape
    (1, 3, 8, 10)
    """

    def __init__(self, size: Any = None, scale_factor: Any = None) -> None:
        super().__init__(size, scale_factor, mode="bilinear", align_corners=True)


class PixelShuffle(Module):
    """Channels traded for pixels: (..., c r^2, h, w) to (..., c, h r, w r).

    >>> nn.PixelShuffle(2)(ag.ones((1, 12, 4, 5))).shape
    (1, 3, 8, 10)
    """

    def __init__(self, upscale_factor: int) -> None:
        self.upscale_factor = upscale_factor

    def extra_repr(self) -> str:
        return f"upscale_factor={self.upscale_factor}"

    def forward(self, input: Any) -> Any:
        return F.pixel_shuffle(input, self.upscale_factor)


class PixelUnshuffle(Module):
    """Pixels traded for channels, the inverse of `PixelShuffle`: (..., c, h r, w r) to (..., c r^2, h, w).

    >>> nn.PixelUnshuffle(2)(ag.ones((1, 3, 8, 10))).shape
    (1, 12, 4, 5)
    """

    def __init__(self, downscale_factor: int) -> None:
        self.downscale_factor = downscale_factor

    def extra_repr(self) -> str:
        return f"downscale_factor={self.downscale_factor}"

    def forward(self, input: Any) -> Any:
        return F.pixel_unshuffle(input, self.downscale_factor)


class ChannelShuffle(Module):
    """Channels, in groups, dealt out in turn.

    >>> nn.ChannelShuffle(2)(ag.arange(4).reshape(1, 4, 1)).reshape(-1)
    tensor([0, 2, 1, 3], dtype=int64)
    """

    def __init__(self, groups: int) -> None:
        self.groups = groups

    def extra_repr(self) -> str:
        return f"groups={self.groups}"

    def forward(self, input: Any) -> Any:
        return F.channel_shuffle(input, self.groups)


class Unfold(Module):
    """Every window as a column: (batch, channels, height, width) to (batch, channels * window, windows); see `ag.unfold`.

    >>> nn.Unfold(2)(ag.ones((1, 3, 8, 8))).shape
    (1, 12, 49)
    """

    def __init__(self, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> None:
        self.kernel_size, self.dilation, self.padding, self.stride = kernel_size, dilation, padding, stride

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, dilation={self.dilation}, padding={self.padding}, stride={self.stride}"

    def forward(self, input: Any) -> Any:
        return F.unfold(input, self.kernel_size, self.dilation, self.padding, self.stride)


class Fold(Module):
    """Columns added back to the windows they are of, the adjoint of `Unfold`; see `ag.fold`.

    >>> nn.Fold((8, 8), 2)(ag.ones((1, 12, 49))).shape
    (1, 3, 8, 8)
    """

    def __init__(
        self, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
    ) -> None:
        self.output_size, self.kernel_size = output_size, kernel_size
        self.dilation, self.padding, self.stride = dilation, padding, stride

    def extra_repr(self) -> str:
        return (
            f"output_size={self.output_size}, kernel_size={self.kernel_size}, dilation={self.dilation}, "
            f"padding={self.padding}, stride={self.stride}"
        )

    def forward(self, input: Any) -> Any:
        return F.fold(input, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride)
