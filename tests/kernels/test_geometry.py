"""What a geometry accepts, what it computes, and what it says when it refuses."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from layers import arrays, convolutions, error, examples, tolerance, transposed

from autograd_nn.kernels.convolution import conv_forward, conv_input_gradient, conv_weight_gradient
from autograd_nn.kernels.geometry import Convolution, Pooling


@pytest.mark.parametrize(
    ("x", "w", "arguments", "message"),
    [
        ((1, 3, 8, 8), (4, 2, 3, 3), {}, r"\(1, 3, 8, 8\).*\(4, 2, 3, 3\).*3 channels"),
        ((1, 4, 8, 8), (4, 2, 3, 3), {}, "groups=2 would fit"),
        ((1, 4, 8, 8), (3, 2, 3, 3), {"groups": 2}, "2 groups must divide"),
        ((1, 4, 8, 8), (4, 4, 3, 3), {"groups": 0}, "at least 1"),
        ((4, 8, 8), (4, 4, 3, 3), {}, r"x\[None\]"),
        ((1, 4, 8, 8), (4, 4, 9, 3), {}, "reaches over 9.*pad by 1 more"),
        ((1, 4, 8, 8), (4, 4, 3, 3), {"dilation": 4}, "dilation 4.*padded input has 8"),
        ((1, 4, 8, 8), (4, 4, 3, 3), {"stride": 0}, "stride.*at least 1"),
        ((1, 4, 8, 8), (4, 4, 3, 3), {"stride": -1}, "stride.*at least 1"),
        ((1, 4, 8, 8), (4, 4, 3, 3), {"stride": (1, 2, 3)}, "2 spatial axes"),
        ((1, 4, 8, 8), (4, 4, 3, 3), {"padding": -1}, "at least 0"),
        ((1, 4, 8, 8), (4, 4, 3, 3), {"padding": "full"}, '"same"'),
        ((1, 4, 8, 8), (4, 4, 3, 3), {"padding": "same", "stride": 2}, "needs stride 1"),
        ((1, 4, 8, 8), (4, 4, 0, 3), {}, "at least 1"),
        ((1, 4), (4, 4), {}, "1 to 3 kernel axes"),
    ],
)
def test_refused(x, w, arguments, message):
    with pytest.raises(ValueError, match=message):
        Convolution.of(x, w, **arguments)


@pytest.mark.parametrize(
    ("geometry", "text"),
    [
        (Convolution.of((2, 3, 32, 32), (8, 3, 3, 3)), "2x3x32x32 to 2x8x30x30, kernel 3x3"),
        (
            Convolution.of((2, 4, 9, 9), (4, 1, 3, 3), (1, 2), ((1, 0), (1, 2)), 2, 4),
            "2x4x9x9 to 2x4x6x4, kernel 3x3, stride 1x2, dilation 2x2, padding 1x1 and 0x2, groups 4",
        ),
        (Pooling.of((2, 3, 9), 3, padding=1), "2x3x9 to 2x3x3, kernel 3, stride 3, padding 1"),
    ],
)
def test_messages_show_a_geometry_in_short(geometry, text):
    assert repr(geometry) == f"{type(geometry).__name__}({text})"


@pytest.mark.parametrize("dilation", [1, 2, 3])
@pytest.mark.parametrize("ceil_mode", [False, True])
def test_every_accepted_window_sees_the_input(dilation, ceil_mode):
    accepted = 0
    for size, kernel, stride, padding in itertools.product(range(1, 8), range(1, 5), range(1, 5), range(6)):
        windows = []
        for start in range(-padding, size + padding, stride):
            seen = range(start, start + dilation * (kernel - 1) + 1, dilation)
            windows.append(any(0 <= place < size for place in seen))
        try:
            geometry = Pooling.of((1, 1, size), kernel, stride, padding, dilation, ceil_mode)
        except ValueError as error:
            assert "nothing but padding" not in str(error) or not all(windows)
            continue
        accepted += 1
        assert all(windows[: geometry.output[0]])
    assert accepted > 100


def test_same_and_valid():
    assert Convolution.of((1, 2, 9, 10), (2, 2, 3, 4), padding="same").output == (9, 10)
    assert Convolution.of((1, 2, 9, 10), (2, 2, 3, 4), padding="same", dilation=2).output == (9, 10)
    assert Convolution.of((1, 2, 9, 10), (2, 2, 3, 4), padding="valid").output == (7, 7)


@pytest.mark.parametrize("arguments", [{"output_padding": 2, "stride": 2}, {"padding": 40}, {"groups": 3}])
def test_transposed_refused(arguments):
    with pytest.raises(ValueError, match="transposed convolution of x"):
        Convolution.transposed((1, 4, 8, 8), (4, 4, 3, 3), **arguments)


@examples(30)
@given(convolutions(), st.sampled_from((np.float32, np.float64)))
def test_like_torch(geometry, dtype):
    torch = pytest.importorskip("torch")
    x, w, dy = arrays(geometry, dtype)
    pads = [
        p for before, after in zip(geometry.before[::-1], geometry.after[::-1], strict=True) for p in (before, after)
    ]
    tx, tw = (torch.tensor(a, requires_grad=True) for a in (x, w))
    convolve = getattr(torch.nn.functional, f"conv{geometry.dims}d")
    padded = torch.nn.functional.pad(tx, pads)
    ty = convolve(padded, tw, stride=geometry.stride, dilation=geometry.dilation, groups=geometry.groups)
    ty.backward(torch.tensor(dy))
    limit = 2 * tolerance("winograd", dtype)
    assert error(conv_forward(x, w, geometry), ty.detach().numpy()) < limit
    assert error(conv_input_gradient(dy, w, geometry), tx.grad.numpy()) < limit
    assert error(conv_weight_gradient(dy, x, geometry), tw.grad.numpy()) < limit


@examples(40)
@given(transposed())
def test_transposed_like_torch(drawn):
    torch = pytest.importorskip("torch")
    x_shape, w_shape, stride, padding, extra, dilation, groups = drawn
    geometry = Convolution.transposed(x_shape, w_shape, stride, padding, extra, dilation, groups)
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal(x_shape), rng.standard_normal(w_shape)
    convolve = getattr(torch.nn.functional, f"conv_transpose{geometry.dims}d")
    theirs = convolve(torch.tensor(x), torch.tensor(w), None, stride, padding, extra, groups, dilation).numpy()
    ours = conv_input_gradient(x, w, geometry)
    assert ours.shape == theirs.shape
    assert error(ours, theirs) < 1e-12
