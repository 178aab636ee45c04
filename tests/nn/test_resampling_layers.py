"""Upsampling, shuffling, unfolding and folding layers against PyTorch's."""

import pytest
from judge import Function, Layer, normal

import autograd_nn as ag
from autograd_nn import nn
from autograd_nn.nn import functional as F

X1, X2, X3 = normal(2, 3, 5), normal(2, 3, 5, 4), normal(2, 3, 4, 5, 3)

LAYERS = [
    *[Layer("Upsample", *a, inputs=[x]) for x in (X1, X2, X3) for a in [(7,), (None, 2), (None, 1.5), (None, 0.6)]],
    *[
        Layer("Upsample", *a, mode=mode, align_corners=align, inputs=[x])
        for x, mode in [(X1, "linear"), (X2, "bilinear"), (X2, "bicubic"), (X3, "trilinear")]
        for align in (None, True, False)
        for a in [(7,), (None, 1.5), (3,)]
    ],
    Layer("Upsample", (3, 9), inputs=[X2]),
    Layer("Upsample", None, (2, 1.5), inputs=[X2]),
    Layer("Upsample", None, (1.3, 1.7), "bilinear", recompute_scale_factor=True, inputs=[X2]),
    Layer("Upsample", None, 1.3, "bilinear", inputs=[X2]),
    Layer("Upsample", (3, 9), mode="nearest-exact", inputs=[X2]),
    Layer("Upsample", (3, 2), mode="area", inputs=[X2]),
    Layer("UpsamplingNearest2d", 7, inputs=[X2]),
    Layer("UpsamplingNearest2d", scale_factor=2, inputs=[X2]),
    Layer("UpsamplingBilinear2d", (7, 9), inputs=[X2]),
    Layer("UpsamplingBilinear2d", scale_factor=2.5, inputs=[X2]),
    Layer("PixelShuffle", 2, inputs=[normal(2, 8, 3, 4)]),
    Layer("PixelShuffle", 3, inputs=[normal(9, 3, 4)]),
    Layer("PixelShuffle", 2, inputs=[normal(2, 2, 4, 3, 4)]),
    Layer("PixelUnshuffle", 2, inputs=[normal(2, 3, 4, 6)]),
    Layer("PixelUnshuffle", 3, inputs=[normal(2, 3, 6)]),
    *[Layer("ChannelShuffle", 3, inputs=[normal(2, 6, *space)]) for space in [(4,), (3, 4), (2, 3, 2)]],
    Layer("Unfold", 2, inputs=[X2]),
    Layer("Unfold", (3, 2), 1, 1, 2, inputs=[X2]),
    Layer("Unfold", 2, dilation=(2, 1), stride=(1, 2), inputs=[X2[0]]),
    Layer("Fold", (5, 4), 2, inputs=[normal(2, 12, 12)]),
    Layer("Fold", (5, 4), (3, 2), padding=1, stride=2, inputs=[normal(2, 12, 9)]),
    Layer("Fold", 4, 2, inputs=[normal(12, 9)]),
]

FUNCTIONS = [
    Function("interpolate", (X2, (3, 9))),
    Function("interpolate", (X2, None, 2.0, "bicubic", True)),
    Function("interpolate", (X2, None, [1.3, 1.7], "bilinear", False, True)),
    Function("interpolate", (X3, (3, 2, 5)), {"mode": "area"}),
    Function("pixel_shuffle", (normal(2, 8, 3, 4), 2)),
    Function("pixel_unshuffle", (normal(2, 2, 4, 6), 2)),
    Function("channel_shuffle", (normal(2, 6, 4), 2)),
    Function("unfold", (X2, 2, 1, 1, (1, 2))),
    Function("fold", (normal(2, 12, 12), (5, 4), 2)),
]


@pytest.mark.parametrize("case", [*LAYERS, *FUNCTIONS], ids=str)
def test_as_pytorch(case):
    case.judge()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: nn.Sequential(nn.Upsample(3, mode="bilinear"))(ag.ones((1, 2, 3))),
            r"2 spatial axes.*\n.*Sequential\.0",
        ),
        (lambda: nn.Upsample()(ag.ones((1, 2, 3))), "either"),
        (lambda: F.interpolate(ag.ones((1, 2, 3)), 3, align_corners=False), "no meaning"),
        (lambda: F.interpolate(ag.ones((1, 2, 3)), 3, antialias=True), "antialias"),
        (lambda: F.interpolate(ag.ones((1, 2, 3)), 3, recompute_scale_factor=True), "recompute_scale_factor"),
        (lambda: nn.PixelShuffle(2)(ag.ones((1, 6, 2, 2))), "multiple of 4 channels"),
        (lambda: nn.PixelUnshuffle(2)(ag.ones((1, 6, 3, 2))), r"\(1, 6, 3, 2\)"),
        (lambda: nn.ChannelShuffle(4)(ag.ones((1, 6, 3))), "4 groups"),
        (lambda: nn.Unfold(9)(ag.ones((1, 6, 3, 3))), "9"),
        (lambda: nn.Fold((4, 4), 2)(ag.ones((1, 6, 3))), r"\(1, 6, 3\)"),
    ],
)
def test_mistakes(call, words):
    with pytest.raises(ValueError, match=words):
        call()
