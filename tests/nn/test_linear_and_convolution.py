"""Linear, bilinear, convolutional and shape layers against PyTorch's, over their options."""

import numpy as np
import pytest
from judge import Function, Layer, normal

import autograd_nn as ag
from autograd_nn import nn

LAYERS = [
    Layer("Identity", inputs=[normal(2, 3)]),
    Layer("Linear", 3, 4, inputs=[normal(5, 3)]),
    Layer("Linear", 3, 4, bias=False, inputs=[normal(5, 3)]),
    Layer("Linear", 3, 4, inputs=[normal(3)]),
    Layer("Linear", 3, 4, inputs=[normal(2, 5, 3)], calls=2),
    Layer("Linear", 3, 4, inputs=[normal(0, 3)]),
    Layer("Bilinear", 3, 4, 5, inputs=[normal(6, 3), normal(6, 4)]),
    Layer("Bilinear", 3, 4, 5, bias=False, inputs=[normal(2, 6, 3), normal(2, 6, 4)]),
    Layer("Flatten", inputs=[normal(2, 3, 4)]),
    Layer("Flatten", 0, 1, inputs=[normal(2, 3, 4)]),
    Layer("Flatten", -2, inputs=[normal(2, 3, 4)]),
    Layer("Unflatten", 1, (3, 4), inputs=[normal(2, 12)]),
    Layer("Unflatten", -1, (3, -1), inputs=[normal(2, 12)]),
    Layer("Conv1d", 4, 6, 3, inputs=[normal(2, 4, 8)]),
    Layer("Conv1d", 4, 6, 3, 2, 1, 2, 2, False, inputs=[normal(2, 4, 9)]),
    Layer("Conv1d", 4, 6, 3, padding="same", inputs=[normal(4, 8)]),
    Layer("Conv2d", 3, 5, 3, inputs=[normal(2, 3, 7, 6)]),
    Layer("Conv2d", 3, 5, (3, 2), (2, 1), (1, 0), inputs=[normal(2, 3, 7, 6)]),
    Layer("Conv2d", 4, 4, 3, padding=1, groups=4, inputs=[normal(2, 4, 7, 6)]),
    Layer("Conv2d", 4, 6, 3, dilation=2, groups=2, bias=False, inputs=[normal(1, 4, 7, 7)]),
    Layer("Conv2d", 3, 5, 1, inputs=[normal(3, 7, 6)]),
    Layer("Conv2d", 2, 3, 3, padding="valid", inputs=[normal(2, 2, 5, 5)]),
    *[
        Layer("Conv2d", 2, 3, 3, padding=p, padding_mode=mode, inputs=[normal(2, 2, 6, 5)])
        for p, mode in [(1, "reflect"), ((2, 1), "replicate"), ("same", "circular"), (1, "zeros")]
    ],
    Layer("Conv3d", 2, 3, 2, inputs=[normal(1, 2, 4, 5, 3)]),
    Layer("Conv3d", 2, 4, (1, 2, 3), stride=(1, 2, 1), padding=1, groups=2, inputs=[normal(1, 2, 4, 5, 3)]),
    Layer("Conv3d", 2, 3, 3, padding=1, padding_mode="circular", inputs=[normal(2, 4, 5, 3)]),
    Layer("ConvTranspose1d", 4, 6, 3, 2, 1, 1, 2, True, 1, inputs=[normal(2, 4, 5)]),
    Layer("ConvTranspose1d", 4, 6, 3, inputs=[normal(4, 5)]),
    Layer("ConvTranspose2d", 3, 4, 3, stride=2, padding=1, output_padding=1, inputs=[normal(2, 3, 4, 5)]),
    Layer("ConvTranspose2d", 4, 4, (2, 3), groups=2, bias=False, dilation=2, inputs=[normal(2, 4, 4, 5)]),
    Layer("ConvTranspose2d", 3, 4, 3, stride=3, inputs=[normal(2, 3, 4, 5)], call={"output_size": (13, 16)}),
    Layer("ConvTranspose3d", 2, 3, 2, stride=2, inputs=[normal(1, 2, 2, 3, 2)]),
]

FUNCTIONS = [
    Function("linear", (normal(2, 3), normal(4, 3))),
    Function("linear", (normal(2, 3), normal(4, 3), normal(4))),
    Function("linear", (normal(2, 3), normal(3))),
    Function("bilinear", (normal(2, 3), normal(2, 4), normal(5, 3, 4), normal(5))),
    Function("conv1d", (normal(2, 4, 9), normal(6, 2, 3), normal(6), 2, 1, 2, 2)),
    Function("conv2d", (normal(2, 4, 7, 6), normal(6, 4, 3, 2)), {"padding": "same"}),
    Function("conv3d", (normal(1, 2, 4, 5, 3), normal(3, 2, 2, 2, 2), normal(3)), {"stride": 2}),
    Function("conv_transpose1d", (normal(2, 4, 5), normal(4, 3, 3), normal(6), 2, 1, 1, 2)),
    Function("conv_transpose2d", (normal(2, 4, 5, 4), normal(4, 3, 3, 2)), {"stride": (2, 1), "dilation": (1, 2)}),
    Function("conv_transpose3d", (normal(1, 2, 2, 3, 2), normal(2, 3, 2, 2, 2), normal(3))),
]


@pytest.mark.parametrize("case", [*LAYERS, *FUNCTIONS], ids=str)
def test_as_pytorch(case):
    case.judge()


class Net(nn.Module):
    def __init__(self, layer):
        self.layers = [layer]

    def forward(self, *inputs):
        return self.layers[0](*inputs)


@pytest.mark.parametrize(
    ("layer", "inputs", "words"),
    [
        (nn.Linear(3, 4), [ag.ones((5, 2))], ["2 in its last axis", "takes 3 features", "(4, 3)", "Net.layers.0"]),
        (nn.Linear(3, 4), [np.ones((5, 3))], ["float64", "float32", "astype('float32')", "Net.layers.0"]),
        (nn.Linear(3, 4), [np.ones((5, 3), int)], ["int64", "x.astype('float32')", "Net.layers.0"]),
        (nn.Bilinear(3, 4, 5), [ag.ones((2, 3)), ag.ones((2, 3))], ["(2, 3)", "(5, 3, 4)", "Net.layers.0"]),
        (nn.Conv2d(3, 4, 3), [ag.ones((1, 2, 8, 8))], ["(1, 2, 8, 8)", "(4, 3, 3, 3)", "Net.layers.0"]),
        (nn.Conv2d(3, 4, 3), [ag.ones((8, 8))], ["(8, 8)", "batch, channels, height, width", "Net.layers.0"]),
        (nn.Conv2d(3, 4, 9), [ag.ones((1, 3, 8, 8))], ["kernel", "Net.layers.0"]),
        (nn.ConvTranspose2d(3, 4, 3), [ag.ones((1, 2, 8, 8))], ["(1, 2, 8, 8)", "Net.layers.0"]),
        (nn.Flatten(2, 1), [ag.ones((1, 2, 8))], ["(1, 2, 8)", "Net.layers.0"]),
        (nn.Unflatten(1, (2, 3)), [ag.ones((1, 8))], ["(1, 8)", "(2, 3)", "Net.layers.0"]),
    ],
    ids=lambda v: plainly(v),
)
def test_bad_input_names_the_path_and_both_shapes(layer, inputs, words):
    with pytest.raises((ValueError, TypeError)) as caught:
        Net(layer)(*inputs)
    for word in words:
        assert word in str(caught.value)


def plainly(value):
    return repr(value).partition("  #")[0] if isinstance(value, nn.Module) else ""


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (lambda: nn.Conv2d(3, 4, 3, groups=2), "2 groups"),
        (lambda: nn.Conv2d(4, 4, 3, padding_mode="mirror"), "'mirror'"),
        (lambda: nn.Conv2d(4, 4, 3, padding="some"), "'some'"),
        (lambda: nn.ConvTranspose2d(4, 4, 3, padding_mode="reflect"), "zeros"),
        (lambda: nn.Linear(-1, 4), "-1"),
        (lambda: nn.Linear(1, 4, device="cuda"), "cuda"),
    ],
)
def test_bad_arguments(make, word):
    with pytest.raises(ValueError, match=word):
        make()
