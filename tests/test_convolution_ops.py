"""Convolution, pooling, resizing and patches as operations: against PyTorch, on bad input, on empty batches; warming up."""

import argparse
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import autograd_nn as ag
from autograd_nn.__main__ import main
from autograd_nn.engine import modes
from autograd_nn.ops import convolution, pooling

ROOT = Path(ag.__file__).parent.parent
TOLERANCE = {np.float32: 2e-5, np.float64: 1e-12}


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch")


def error(found, expected):
    found, expected = np.asarray(found, np.float64), np.asarray(expected, np.float64)
    assert found.shape == expected.shape
    return 0.0 if found.size == 0 else np.abs(found - expected).max() / max(1.0, np.abs(expected).max())


def first_output(result):
    return result[0] if isinstance(result, tuple) else result


def ours(f, arrays, cotangent, directions):
    """The value, the gradients of sum(cotangent * f), and those of the gradients' product with directions."""
    leaves = [ag.tensor(a, requires_grad=True) for a in arrays]
    out = f(*leaves)
    total = (first_output(out) * cotangent).sum()
    first = ag.gradients(total, leaves, create_graph=True)
    # A square, so that the second order of a linear operation is something.
    slope = sum(((g * d).sum() ** 2 for g, d in zip(first, directions, strict=True)), start=0.0)
    second = ag.gradients(slope, leaves, allow_unused=True) if slope.requires_grad else [None] * len(leaves)
    return out, first, [np.zeros(a.shape) if s is None else s for s, a in zip(second, arrays, strict=True)]


def theirs(torch, f, arrays, cotangent, directions):
    leaves = [torch.tensor(a, requires_grad=True) for a in arrays]
    out = f(*leaves)
    total = (first_output(out) * torch.tensor(cotangent)).sum()
    first = torch.autograd.grad(total, leaves, create_graph=True)
    slope = sum((g * torch.tensor(d)).sum() ** 2 for g, d in zip(first, directions, strict=True))
    second = [None] * len(leaves)
    if slope.requires_grad:
        second = torch.autograd.grad(slope, leaves, allow_unused=True)
    second = [np.zeros(a.shape) if s is None else s.numpy() for s, a in zip(second, arrays, strict=True)]
    return out, [g.detach().numpy() for g in first], second


def agree(torch, f, reference, shapes, dtype=np.float64, arrays=None):
    """f and PyTorch's reference give the same values, gradients of all inputs and second-order products."""
    rng = np.random.default_rng(7)
    arrays = [rng.standard_normal(s).astype(dtype) for s in shapes] if arrays is None else arrays
    shape = first_output(f(*arrays)).shape
    cotangent = rng.standard_normal(shape).astype(dtype)
    directions = [rng.standard_normal(a.shape).astype(dtype) for a in arrays]
    mine = ours(f, arrays, cotangent, directions)
    truth = theirs(torch, reference, arrays, cotangent, directions)
    values, expected = [out if isinstance(out, tuple) else (out,) for out in (mine[0], truth[0])]
    for v, e in zip(values, expected, strict=True):
        assert error(v.numpy(), e.detach().numpy()) < TOLERANCE[dtype]
        assert v.numpy().dtype == e.detach().numpy().dtype
    for order, found, truths in ((1, mine[1], truth[1]), (2, mine[2], truth[2])):
        for g, e in zip(found, truths, strict=True):
            assert error(g if isinstance(g, np.ndarray) else g.numpy(), e) < TOLERANCE[dtype] * 5, f"order {order}"


# ---- convolution ---------------------------------------------------------------------------------------------------

LAYERS = [
    ("conv1d", (2, 3, 9), (4, 3, 3), {}),
    ("conv1d", (2, 4, 9), (6, 2, 2), {"stride": 2, "padding": 3, "dilation": 2, "groups": 2}),
    ("conv1d", (2, 3, 9), (4, 3, 4), {"padding": "same"}),
    ("conv2d", (2, 3, 8, 9), (4, 3, 3, 3), {}),
    ("conv2d", (2, 3, 8, 9), (4, 3, 3, 2), {"stride": (2, 1), "padding": (1, 0), "dilation": (1, 3)}),
    ("conv2d", (2, 4, 7, 7), (8, 1, 3, 3), {"groups": 4, "padding": 1, "stride": 2}),
    ("conv2d", (2, 4, 7, 7), (4, 1, 5, 5), {"groups": 4, "padding": 2}),
    ("conv2d", (2, 16, 6, 6), (24, 16, 1, 1), {}),
    ("conv2d", (2, 32, 12, 12), (32, 32, 3, 3), {"padding": 1}),
    ("conv2d", (2, 3, 7, 8), (4, 3, 4, 3), {"padding": "same"}),
    ("conv2d", (2, 3, 7, 8), (4, 3, 4, 3), {"padding": "valid"}),
    ("conv2d", (1, 1, 1, 1), (1, 1, 1, 1), {}),
    ("conv3d", (2, 3, 4, 5, 6), (4, 3, 2, 3, 2), {}),
    (
        "conv3d",
        (1, 4, 5, 5, 5),
        (4, 2, 2, 2, 2),
        {"stride": (1, 2, 1), "padding": (1, 0, 2), "groups": 2, "dilation": 2},
    ),
]
TRANSPOSED = [
    ("conv_transpose1d", (2, 3, 5), (3, 4, 3), {}),
    ("conv_transpose1d", (2, 4, 5), (4, 2, 3), {"stride": 3, "padding": 1, "output_padding": 2, "groups": 2}),
    ("conv_transpose2d", (2, 3, 4, 5), (3, 4, 3, 2), {"stride": 2}),
    ("conv_transpose2d", (2, 3, 4, 5), (3, 4, 3, 3), {"stride": (2, 3), "padding": (1, 0), "output_padding": (1, 2)}),
    ("conv_transpose2d", (2, 4, 4, 5), (4, 1, 3, 3), {"stride": 2, "padding": 1, "output_padding": 1, "groups": 4}),
    ("conv_transpose2d", (2, 3, 4, 5), (3, 4, 3, 2), {"dilation": 3, "padding": 2, "output_padding": 2}),
    ("conv_transpose3d", (1, 3, 2, 3, 3), (3, 2, 2, 2, 3), {"stride": 2, "padding": 1, "output_padding": (1, 0, 1)}),
    ("conv_transpose3d", (1, 4, 3, 2, 2), (4, 2, 2, 2, 2), {"groups": 2}),
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize(("name", "x", "w", "options"), LAYERS + TRANSPOSED)
@pytest.mark.filterwarnings("ignore:Using padding='same':UserWarning")  # PyTorch's own, of what it costs there
def test_convolution_is_pytorch_s(torch, name, x, w, options, bias, dtype):
    channels = w[1] * options.get("groups", 1) if "transpose" in name else w[0]
    function, reference = getattr(ag, name), getattr(torch.nn.functional, name)
    shapes = [x, w, (channels,)] if bias else [x, w]
    agree(torch, partial(function, **options), partial(reference, **options), shapes, dtype)


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
@pytest.mark.parametrize("dims", [1, 2, 3])
def test_padding_modes_are_pytorch_s(torch, mode, dims):
    padding = (2, 1, 1)[:dims]
    layer = getattr(torch.nn, f"Conv{dims}d")(2, 3, 3, padding=padding, padding_mode=mode, stride=2).double()

    def reference(x, w, b):
        return torch.func.functional_call(layer, {"weight": w, "bias": b}, (x,))

    f = partial(getattr(ag, f"conv{dims}d"), stride=2, padding=padding, padding_mode=mode)
    agree(torch, f, reference, [(2, 2, *(5, 4, 3)[:dims]), (3, 2, *(3,) * dims), (3,)])


@pytest.mark.parametrize("activation", ["relu", "relu6"])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize(("name", "x", "w", "options"), LAYERS)
@pytest.mark.filterwarnings("ignore:Using padding='same':UserWarning")
def test_a_fused_activation_is_pytorch_s_after_a_convolution(torch, name, x, w, options, bias, activation):
    f, convolve = partial(getattr(ag, name), activation=activation, **options), getattr(torch.nn.functional, name)
    reference = lambda *arrays: getattr(torch.nn.functional, activation)(convolve(*arrays, **options))
    agree(torch, f, reference, [x, w, (w[0],)] if bias else [x, w])


def test_a_fused_activation_keeps_no_more_and_is_a_composition_to_the_compiler():
    x, w, b = [ag.randn(s, requires_grad=True) for s in ((1, 2, 4, 4), (3, 2, 3, 3), (3,))]
    out = ag.conv2d(x, w, b, activation="relu")
    kept = [k for k in out.node.saved if k is not None]
    assert sorted(k.shape for k in kept) == sorted([x.shape, w.shape, b.shape, out.shape])
    with ag.record(x, w, expand=True) as r:
        ag.conv2d(x, w, b, activation="relu")
    assert [entry.op.name for entry in r.entries] == ["conv", "relu"]


def test_padding_by_sides_is_padding_ahead():
    x, w = ag.randn((2, 3, 6, 7)), ag.randn((4, 3, 3, 2))
    for mode, numpy_mode in (
        ("zeros", "constant"),
        ("reflect", "reflect"),
        ("replicate", "edge"),
        ("circular", "wrap"),
    ):
        padded = np.pad(x.numpy(), ((0, 0), (0, 0), (2, 0), (1, 3)), numpy_mode)
        found = ag.conv2d(x, w, padding=((2, 0), (1, 3)), padding_mode=mode)
        assert error(found, ag.conv2d(padded, w).numpy()) < 1e-5


def test_reflection_of_all_there_is(torch):
    f = partial(ag.conv1d, padding=3, padding_mode="reflect")
    reference = lambda x, w: torch.nn.functional.conv1d(torch.nn.functional.pad(x, (3, 3), mode="reflect"), w)
    agree(torch, f, reference, [(1, 2, 4), (2, 2, 3)])


def test_strided_inputs_and_cotangents():
    x, w = (
        np.random.default_rng(0).standard_normal((2, 6, 8, 9)),
        np.random.default_rng(1).standard_normal((5, 3, 3, 3)),
    )
    views = [ag.tensor(x, requires_grad=True), ag.tensor(w, requires_grad=True)]
    out = ag.conv2d(views[0][:, ::2, ::-1].mT, views[1].mT)
    whole = [ag.tensor(np.ascontiguousarray(a), requires_grad=True) for a in (x[:, ::2, ::-1].mT, w.mT)]
    same = ag.conv2d(*whole)
    np.testing.assert_array_equal(out.numpy(), same.numpy())
    out.sum().backward()
    same.sum().backward()
    back = np.zeros(x.shape)
    back[:, ::2, ::-1] = whole[0].grad.numpy().mT
    np.testing.assert_array_equal(views[0].grad.numpy(), back)
    np.testing.assert_array_equal(views[1].grad.numpy(), whole[1].grad.numpy().mT)


def test_only_what_wanted_rules_name_is_kept():
    x, w, b = ag.randn((1, 2, 4, 4)), ag.randn((3, 2, 3, 3)), ag.randn((3,))
    b.requires_grad = True
    assert all(kept is None for kept in ag.conv2d(x, w, b).node.saved)  # a bias needs neither
    w.requires_grad = True
    kept = [k for k in ag.conv2d(x, w, b).node.saved if k is not None]
    assert (len(kept) == 1 and kept[0] is x.numpy()) or np.shares_memory(kept[0], x.numpy())


def test_arrays_in_arrays_out():
    x, w = np.ones((1, 2, 4, 4), np.float32), np.ones((3, 2, 3, 3), np.float32)
    assert type(ag.conv2d(x, w)) is np.ndarray
    assert type(ag.max_pool2d(x, 2)) is np.ndarray
    assert type(ag.resize(x, 3)) is np.ndarray
    assert ag.conv1d([[[1.0, 2.0]]], [[[1.0]]]).shape == (1, 1, 2)


def test_third_order():
    """The triple is closed: the derivative of the derivative of the derivative is made of the same three."""
    x, w = (
        ag.tensor(np.random.default_rng(i).standard_normal(s), requires_grad=True)
        for i, s in ((0, (1, 2, 5)), (1, (2, 2, 2)))
    )
    y = (ag.conv1d(x, w) ** 3).sum()
    for wanted in (x, w, x):
        (g,) = ag.gradients(y, [wanted], create_graph=True)
        y = (g * g).sum() if wanted is w else g.sum()
    assert np.isfinite(y.item())
    with ag.record() as r:
        ag.gradients((ag.conv1d(x, w) ** 2).sum(), [x, w], create_graph=True)
    assert {"conv", "conv_input", "conv_weight"} <= {entry.op.name for entry in r.entries}


# ---- pooling -------------------------------------------------------------------------------------------------------


def spaced(*shape, dtype=np.float64):
    """Numbers no two of which are close, so that neither a maximum nor its derivative is in doubt."""
    n = int(np.prod(shape))
    return (np.random.default_rng(3).permutation(n) / n - 0.4).reshape(shape).astype(dtype)


MAX = [
    (1, (2, 3, 9), {"kernel_size": 2}),
    (1, (2, 3, 9), {"kernel_size": 3, "stride": 2, "padding": 1, "dilation": 2, "ceil_mode": True}),
    (2, (2, 3, 9, 8), {"kernel_size": 2}),
    (2, (2, 3, 9, 8), {"kernel_size": (3, 2), "stride": (1, 3), "padding": (1, 0)}),
    (2, (2, 3, 9, 8), {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True}),
    (2, (1, 2, 20, 20), {"kernel_size": 17, "stride": 1}),
    (3, (1, 2, 5, 4, 6), {"kernel_size": 2, "stride": (1, 2, 2)}),
    (3, (1, 2, 5, 4, 6), {"kernel_size": (2, 3, 2), "padding": 1, "dilation": (1, 1, 2)}),
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("dims", "shape", "options"), MAX)
def test_max_pooling_is_pytorch_s(torch, dims, shape, options, dtype):
    name = f"max_pool{dims}d"
    options = {**options, "return_indices": True}
    f, reference = partial(getattr(ag, name), **options), partial(getattr(torch.nn.functional, name), **options)
    agree(torch, f, reference, [shape], dtype, [spaced(*shape, dtype=dtype)])


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("size", [None, 7])
def test_unpooling_is_pytorch_s(torch, dims, size):
    x = spaced(2, 2, *(6 if size is None else 7,) * dims)
    _, indices = getattr(ag, f"max_pool{dims}d")(x, 2, return_indices=True)
    options = {} if size is None else {"output_size": (size,) * dims}
    f = lambda y: getattr(ag, f"max_unpool{dims}d")(y, indices, 2, **options)
    reference = lambda y: getattr(torch.nn.functional, f"max_unpool{dims}d")(y, torch.tensor(indices), 2, **options)
    agree(torch, f, reference, [indices.shape])


def test_unpooling_keeps_the_last_of_repeated_indices():
    y = ag.tensor([[[1.0, 2.0, 3.0]]], requires_grad=True)
    out = ag.max_unpool1d(y, np.array([[[1, 1, 0]]]), 1)
    assert out.tolist() == [[[3.0, 2.0, 0.0]]]
    (out * ag.tensor([10.0, 20.0, 30.0])).sum().backward()
    assert y.grad.tolist() == [[[0.0, 20.0, 10.0]]]


AVERAGE = [
    (1, (2, 3, 9), {"kernel_size": 3, "stride": 2, "padding": 1}),
    (1, (2, 3, 10), {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True, "count_include_pad": False}),
    (2, (2, 3, 9, 8), {"kernel_size": 2}),
    (2, (2, 3, 9, 8), {"kernel_size": (3, 2), "stride": (1, 3), "padding": (1, 0)}),
    (2, (2, 3, 9, 8), {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True}),
    (2, (2, 3, 9, 8), {"kernel_size": 3, "padding": 1, "count_include_pad": False, "ceil_mode": True}),
    (2, (2, 3, 9, 8), {"kernel_size": 3, "stride": 1, "divisor_override": 5}),
    (2, (2, 3, 4, 5), {"kernel_size": (4, 5), "divisor_override": 3}),
    (2, (2, 3, 4, 5), {"kernel_size": (4, 5)}),
    (3, (1, 2, 5, 4, 6), {"kernel_size": 2, "stride": (1, 2, 2), "padding": (1, 0, 1)}),
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("dims", "shape", "options"), AVERAGE)
def test_average_pooling_is_pytorch_s(torch, dims, shape, options, dtype):
    name = f"avg_pool{dims}d"
    agree(
        torch,
        partial(getattr(ag, name), **options),
        partial(getattr(torch.nn.functional, name), **options),
        [shape],
        dtype,
    )


@pytest.mark.parametrize("ceil_mode", [False, True])
@pytest.mark.parametrize(
    ("dims", "norm", "kernel", "stride"),
    [(1, 1, 2, None), (1, 3.0, 3, 2), (2, 2, 3, 2), (2, 1.5, 2, 1), (3, 2, 2, None)],
)
def test_lp_pooling_is_pytorch_s(torch, dims, norm, kernel, stride, ceil_mode):
    x = np.abs(spaced(2, 2, *(8, 7, 5)[:dims])) + 0.1
    name, options = f"lp_pool{dims}d", {"kernel_size": kernel, "stride": stride, "ceil_mode": ceil_mode}
    f, reference = (
        partial(getattr(ag, name), norm_type=norm, **options),
        partial(getattr(torch.nn.functional, name), norm_type=norm, **options),
    )
    agree(torch, f, reference, [x.shape], arrays=[x])


@pytest.mark.parametrize("kind", ["avg", "max"])
@pytest.mark.parametrize(
    ("dims", "shape", "size"),
    [
        *[
            (1, (2, 3, 7), 3),
            (1, (2, 3, 8), 4),
            (1, (2, 3, 2), 5),
            (2, (2, 3, 7, 8), (3, 5)),
            (2, (2, 3, 6, 8), (3, 2)),
        ],
        *[(2, (2, 3, 7, 8), (None, 1)), (2, (2, 3, 5, 6), 1), (3, (1, 2, 5, 4, 7), (2, 4, 3))],
    ],
)
def test_adaptive_pooling_is_pytorch_s(torch, kind, dims, shape, size):
    name = f"adaptive_{kind}_pool{dims}d"
    options = {"output_size": size} | ({"return_indices": True} if kind == "max" else {})
    f, reference = partial(getattr(ag, name), **options), partial(getattr(torch.nn.functional, name), **options)
    agree(torch, f, reference, [shape], arrays=[spaced(*shape)])


def test_nan_propagates_through_pooling():
    x = np.zeros((1, 1, 4, 4))
    x[0, 0, 1, 2] = np.nan
    for pooled in (ag.max_pool2d(x, 2), ag.avg_pool2d(x, 2), ag.adaptive_max_pool2d(x, 2), ag.lp_pool2d(x, 2, 2)):
        assert np.isnan(pooled).tolist() == [[[[False, True], [False, False]]]]


def test_adaptive_pooling_takes_the_faster_kernel():
    x = ag.tensor(np.ones((1, 2, 12, 16)), requires_grad=True)
    taken = {size: ag.adaptive_avg_pool2d(x, size).node.op for size in [(6, 8), (1, 1), (8, 8), (3, 4)]}
    assert taken[6, 8] is taken[1, 1] is pooling.average_pool.op  # small windows, whole planes
    assert taken[8, 8] is taken[3, 4] is pooling.adaptive_average_pool.op  # uneven ones, large ones


# ---- resizing and patches ------------------------------------------------------------------------------------------


RESIZED = [
    ((2, 3, 7), {"size": 12}, ("nearest", "nearest-exact", "area", "linear")),
    ((2, 3, 7, 5), {"size": (3, 9)}, ("nearest", "nearest-exact", "area", "bilinear", "bicubic")),
    ((2, 3, 7, 5), {"scale_factor": 1.7}, ("nearest", "bilinear", "bicubic")),
    ((2, 3, 7, 5), {"scale_factor": (0.6, 2.0)}, ("nearest", "bilinear", "bicubic")),
    ((2, 3, 1, 1), {"size": (3, 2)}, ("nearest", "bilinear", "bicubic")),
    ((1, 2, 3, 4, 5), {"size": (5, 2, 7)}, ("nearest", "area", "trilinear")),
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize(("shape", "target", "mode"), [(s, t, m) for s, t, modes in RESIZED for m in modes])
def test_resizing_is_pytorch_s(torch, shape, target, mode, align_corners, dtype):
    linear = "linear" in mode or mode == "bicubic"
    if align_corners and not linear:
        with pytest.raises(ValueError, match="align_corners has no meaning"):
            ag.resize(np.ones(shape), **target, mode=mode, align_corners=True)
        return
    options = {**target, "mode": mode} | ({"align_corners": align_corners} if linear else {})
    agree(torch, partial(ag.resize, **options), partial(torch.nn.functional.interpolate, **options), [shape], dtype)


@pytest.mark.parametrize("options", [
    {"kernel_size": 2}, {"kernel_size": (3, 2), "dilation": (1, 2), "padding": (1, 0), "stride": (2, 1)},
    {"kernel_size": 3, "stride": 3, "padding": 1},
])  # fmt: skip
def test_unfold_and_fold_are_pytorch_s(torch, options):
    agree(torch, partial(ag.unfold, **options), partial(torch.nn.functional.unfold, **options), [(2, 3, 7, 6)])
    columns = ag.unfold(np.ones((2, 3, 7, 6)), **options).shape
    options = {"output_size": (7, 6), **options}
    agree(torch, partial(ag.fold, **options), partial(torch.nn.functional.fold, **options), [columns])


@pytest.mark.parametrize("shape", [(2, 3, 9), (2, 3, 6, 5), (1, 2, 4, 5, 3)])
def test_a_convolution_is_a_product_with_unfolded_windows(shape):
    x, w = ag.randn(shape), ag.randn((4, shape[1], *(2,) * (len(shape) - 2)))
    direct = getattr(ag, f"conv{len(shape) - 2}d")(x, w, stride=2, padding=1)
    product = w.reshape(4, -1) @ ag.unfold(x, 2, padding=1, stride=2)
    assert error(direct.numpy(), product.reshape(direct.shape).numpy()) < 1e-5


# ---- bad input -----------------------------------------------------------------------------------------------------

X, W = np.ones((2, 4, 6, 6)), np.ones((8, 4, 3, 3))
INDICES = np.zeros((2, 4, 3, 3), int)
BAD = [
    (lambda: ag.conv2d(X, W[:, :3]), ValueError, r"conv2d: .*x has 4 channels \(axis 1\), w expects 3"),
    (lambda: ag.conv2d(X, W, groups=3), ValueError, "3 groups must divide both the 4 input and the 8 output"),
    (lambda: ag.conv2d(X, W[:, :2]), ValueError, "groups=2 would fit"),
    (lambda: ag.conv2d(X[:, :, :2], W), ValueError, "kernel reaches over 3 .* but the padded input has 2 .*; pad by 1 more"),
    (lambda: ag.conv2d(X, W, stride=0), ValueError, r"conv2d: stride \(0, 0\) must be at least 1"),
    (lambda: ag.conv2d(X, W, stride=-1), ValueError, "must be at least 1"),
    (lambda: ag.conv2d(X, W, stride=(1, 2, 3)), ValueError, "3 entries for 2 spatial axes"),
    (lambda: ag.conv2d(X, W, stride=1.5), TypeError, "conv2d: "),
    (lambda: ag.conv2d(X, W, dilation=0), ValueError, "dilation"),
    (lambda: ag.conv2d(X, W, padding=-1), ValueError, "padding"),
    (lambda: ag.conv2d(X, W, padding="some"), ValueError, "padding 'some' is not known"),
    (lambda: ag.conv2d(X, W, padding="same", stride=2), ValueError, "needs stride 1"),
    (lambda: ag.conv2d(X, W, padding_mode="mirror"), ValueError, "padding_mode 'mirror' is not one of zeros, reflect"),
    (lambda: ag.conv2d(X, W, activation="gelu"), ValueError, "conv2d: activation 'gelu' is not one of relu, relu6; apply it to"),
    (lambda: ag.conv2d(X, W, padding=6, padding_mode="reflect"), ValueError, "at most 5 on each side of axis 2"),
    (lambda: ag.conv2d(X, W, padding=7, padding_mode="circular"), ValueError, "at most 6 on each side"),
    (lambda: ag.conv2d(X[0], W), ValueError, r"add the batch axis with x\[None\]"),
    (lambda: ag.conv2d(X, W[0]), ValueError, "w must have the axes .out_channels, in_channels / groups, kernel height"),
    (lambda: ag.conv1d(X, W), ValueError, r"x must have the axes \(batch, channels, length\)"),
    (lambda: ag.conv2d(X, W, np.ones(7)), ValueError, r"bias has shape \(7,\), w has 8 output channels"),
    (lambda: ag.conv2d(X.astype(int), W), TypeError, r"x has dtype int64; .* use x.astype"),
    (lambda: ag.conv2d(X.astype("float32"), W), TypeError, r"x is float32 and w is float64"),
    (lambda: ag.conv2d("image", W), TypeError, "conv2d: cannot take str"),
    (lambda: ag.conv_transpose2d(X, W), ValueError, "x has 4 channels, w expects 8"),
    (lambda: ag.conv_transpose2d(X, W.transpose(1, 0, 2, 3), output_padding=1), ValueError, "output_padding .* must be smaller"),
    (lambda: ag.conv_transpose2d(X, W.transpose(1, 0, 2, 3), np.ones(3)), ValueError, r"bias has the shape \(3,\) for the 8"),
    (lambda: ag.max_pool2d(X, 7), ValueError, "max_pool2d: .*the kernel reaches over 7"),
    (lambda: ag.max_pool2d(X, 2, 0), ValueError, "stride"),
    (lambda: ag.max_pool2d(X, 2, padding=2), ValueError, "at most half the kernel"),
    (lambda: ag.max_pool2d(X.astype(int), 2), TypeError, "x has dtype int64"),
    (lambda: ag.max_pool1d(X, 2), ValueError, "max_pool1d: x must have the axes"),
    (lambda: ag.avg_pool2d(X, 2, divisor_override=0), ValueError, "divisor_override must not be 0"),
    (lambda: ag.lp_pool2d(X, np.inf, 2), ValueError, "for inf use max_pool2d"),
    (lambda: ag.lp_pool2d(X, 0, 2), ValueError, "must be above 0"),
    (lambda: ag.adaptive_avg_pool2d(X, (2, 3, 4)), ValueError, "output_size"),
    (lambda: ag.adaptive_avg_pool2d(X[:, :, :0], 2), ValueError, "must not be empty"),
    (lambda: ag.max_unpool2d(X[:, :, ::2, ::2], INDICES + 36, 2), IndexError, "run from 36 to 36; planes of .6, 6. have 36"),
    (lambda: ag.max_unpool2d(X[:, :, ::2, ::2], INDICES * 1.0, 2), TypeError, "must be integers"),
    (lambda: ag.max_unpool2d(X[:, :, ::2, ::2], INDICES, 2, output_size=(9, 6)), ValueError, "by less than the stride"),
    (lambda: ag.resize(X, 3, mode="linear"), ValueError, "mode 'linear' is for 1 spatial axes, x .* has 2; .* bilinear, bicubic"),
    (lambda: ag.resize(X, 3, mode="cubic"), ValueError, "mode 'cubic' is not one of"),
    (lambda: ag.resize(X), ValueError, "either the size or the scale_factor"),
    (lambda: ag.resize(X, 3, 0.5), ValueError, "either the size or the scale_factor"),
    (lambda: ag.resize(X, 0), ValueError, "size"),
    (lambda: ag.resize(X, scale_factor=0.1), ValueError, "leaves nothing"),
    (lambda: ag.resize(X, scale_factor=-1.0), ValueError, "must be one positive number"),
    (lambda: ag.max_pool2d(X[:, :, :0], 2, padding=1), ValueError, "max_pool2d: .*spatial axes of x must not be empty"),
    (lambda: ag.max_pool2d(X[..., :1], 2, padding=2, dilation=4), ValueError, "axis 1, of length 1, .*nothing but padding"),
    (lambda: ag.unfold(X, 9), ValueError, r"unfold: windows of \(9, 9\) in images \(2, 4, 6, 6\): .*the kernel reaches over 9"),
    (lambda: ag.fold(np.ones((2, 81, 4)), (5, 5), 9), ValueError, r"fold: windows of \(9, 9\) in images \(2, 1, 5, 5\): "),
    (lambda: ag.fold(np.ones((2, 9, 4)), (5, 5), 2), ValueError, "must be a multiple of the 4 elements"),
    (lambda: ag.fold(np.ones((2, 8, 4)), (5, 5), 2), ValueError, "axis 2 of columns .* must be 16"),
    (lambda: ag.fold(np.ones((8, 4)), (5, 5), 2), ValueError, "columns must have the axes"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "kind", "message"), BAD, ids=range(len(BAD)))
def test_bad_input(call, kind, message):
    with pytest.raises(kind, match=message):
        call()


def test_errors_name_the_module():
    with modes.change(scope=("net.features.0", 1)):
        for call in (lambda: ag.conv2d(X, W[:, :3]), lambda: ag.conv2d(X.astype(int), W), lambda: ag.max_pool2d(X, 9)):
            with pytest.raises((ValueError, TypeError), match=r"in module net\.features\.0"):
                call()


def test_sizes_may_be_tensors():
    assert ag.max_pool2d(X, ag.tensor([2, 3])).shape == (2, 4, 3, 2)


@pytest.mark.parametrize("call", [
    lambda x: ag.conv2d(x, ag.ones((3, 2, 3, 3)), ag.ones(3), padding=1),
    lambda x: ag.conv_transpose2d(x, ag.ones((2, 3, 3, 3)), ag.ones(3), stride=2),
    lambda x: ag.conv2d(x, ag.ones((3, 2, 3, 3)), padding=1, padding_mode="circular"),
    lambda x: ag.max_pool2d(x, 2, return_indices=True)[0], lambda x: ag.avg_pool2d(x, 3, 1, 1), lambda x: ag.lp_pool2d(x, 2, 2),
    lambda x: ag.adaptive_avg_pool2d(x, 3), lambda x: ag.adaptive_max_pool2d(x, 3), ag.global_avg_pool, ag.global_max_pool,
    lambda x: ag.resize(x, 7, mode="bicubic"), lambda x: ag.unfold(x, 2),
    lambda x: ag.max_unpool2d(x, np.zeros(x.shape, int), 2),
])  # fmt: skip
def test_an_empty_batch_gives_an_empty_result(call):
    x = ag.zeros((0, 2, 4, 4), requires_grad=True)
    out = call(x)
    assert out.shape == (0, *call(ag.zeros((1, 2, 4, 4))).shape[1:])
    out.sum().backward()
    assert x.grad.shape == x.shape


def test_an_empty_batch_gives_weights_a_zero_gradient():
    w = ag.ones((3, 2, 3, 3), requires_grad=True)
    ag.conv2d(ag.zeros((0, 2, 4, 4)), w).sum().backward()
    assert (w.grad.numpy() == 0).all()


def test_other_byte_orders():
    w = np.ones((1, 1, 2))
    np.testing.assert_array_equal(ag.conv1d(np.arange(4.0).astype(">f8").reshape(1, 1, 4), w), [[[1.0, 3.0, 5.0]]])


# ---- running -------------------------------------------------------------------------------------------------------


def test_threads_by_their_public_names():
    before = ag.get_num_threads()
    try:
        ag.set_num_threads(1)
        assert ag.get_num_threads() == 1 == ag.kernels.threads.get_num_threads()
    finally:
        ag.set_num_threads(before)
    with pytest.raises(ValueError, match="number of threads"):
        ag.set_num_threads(0)


def test_kernels_load_lazily():
    program = (
        "import sys, autograd_nn as ag\n"
        "ag.kernels.Convolution.of((1, 1, 4), (1, 1, 2))\n"
        "assert 'numba' not in sys.modules\n"
        "ag.kernels.winograd\n"
        "assert 'numba' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        ag.kernels.nothing  # noqa: B018


def test_warmup_compiles_every_kernel(capsys):
    from autograd_nn.kernels import warmup
    from autograd_nn.kernels.build import Kernel, Loops

    assert main(["warmup"]) == 0
    said = capsys.readouterr()
    assert "ready in" in said.out and "Compiling" in said.err and "100%" in said.err
    native, readable = warmup.found(Kernel), warmup.found(Loops)
    assert len(native) >= 20 and len(readable) >= 7
    for name, kernel in native.items():
        assert {np.dtype(d) for d in warmup.DTYPES} <= set(kernel._compiled), name
    for name, loops in readable.items():
        assert loops._compiled is not None and len(loops._compiled.signatures) >= 2, name


def test_warmup_for_one_type_quietly(capsys):
    from autograd_nn.kernels import warmup

    parser = argparse.ArgumentParser()
    warmup.add_arguments(parser)
    assert warmup.run(parser.parse_args(["--dtype", "float32", "--quiet"])) == 0
    said = capsys.readouterr()
    assert said.err == "" and len(list(warmup.tasks(["float32"]))) < len(list(warmup.tasks()))
    with pytest.raises(SystemExit):
        main(["warmup", "--dtype", "int8"])
    assert "invalid choice" in capsys.readouterr().err


def test_geometry_is_made_once():
    x, w = np.ones((1, 2, 5, 5), np.float32), np.ones((3, 2, 3, 3), np.float32)
    made = convolution._of.cache_info().misses
    for _ in range(3):
        ag.conv2d(x, w, padding=[1, 1])
    assert convolution._of.cache_info().misses <= made + 1
