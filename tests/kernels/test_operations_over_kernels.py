"""The operations over these kernels over random geometry and memory layout, to second order, against PyTorch in float64."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from layers import convolutions, error, examples, poolings, transposed

import autograd_nn as ag

DTYPES = st.sampled_from((np.float32, np.float64))
TOLERANCE = {np.float32: 1e-4, np.float64: 1e-12}  # Winograd's in float32
CHANNELS = (1, 2, 3, 8, 17, 32)


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch")


def reversed_rows(a):
    return np.ascontiguousarray(a[..., ::-1])[..., ::-1]


def every_second(a):
    return np.repeat(a, 2, axis=0)[::2]


LAYOUTS = st.sampled_from((np.ascontiguousarray, np.ascontiguousarray, np.asfortranarray, reversed_rows, every_second))


def to_second_order(f, leaves, gradients, cotangent, directions):
    """f, the gradients of sum(cotangent f^2), and the product of its Hessian with directions."""
    out = f(*leaves)
    first = gradients((out * out * cotangent).sum(), leaves)
    return [out, *first, *gradients(sum((g * d).sum() for g, d in zip(first, directions, strict=True)), leaves)]


def agree(torch, f, reference, arrays, dtype, layout):
    arrays = [layout(a.astype(dtype)) for a in arrays]
    exact = [torch.tensor(np.ascontiguousarray(a), dtype=torch.float64, requires_grad=True) for a in arrays]
    rng = np.random.default_rng(1)
    cotangent = layout(rng.standard_normal(tuple(reference(*exact).shape)).astype(dtype))
    directions = [rng.standard_normal(a.shape).astype(dtype) for a in arrays]
    leaves = [ag.from_numpy(a) for a in arrays]
    for leaf, array in zip(leaves, arrays, strict=True):
        assert leaf.numpy().strides == array.strides  # the operation sees the layout
        leaf.requires_grad = True
    found = to_second_order(f, leaves, partial(ag.gradients, create_graph=True), cotangent, directions)
    cotangent, *directions = [
        torch.tensor(np.ascontiguousarray(a), dtype=torch.float64) for a in (cotangent, *directions)
    ]
    expected = to_second_order(reference, exact, partial(torch.autograd.grad, create_graph=True), cotangent, directions)
    for number, (a, b) in enumerate(zip(found, expected, strict=True)):
        a, b = a.numpy(), b.detach().numpy()
        assert a.shape == b.shape and a.dtype == dtype
        assert error(a, b) < TOLERANCE[dtype] or np.abs(a - b).max() < TOLERANCE[dtype], f"result {number}"


def normal(*shapes):
    rng = np.random.default_rng(0)
    return [rng.standard_normal(s) / np.sqrt(np.prod(s[1:]) if k else 1) for k, s in enumerate(shapes)]


def spaced(shape):
    """Numbers no two of which are close, so that neither a maximum nor its derivative is in doubt; none is 0."""
    count = int(np.prod(shape))
    return ((np.random.default_rng(3).permutation(count) + 0.7) / count).reshape(shape)


@examples(25)
@given(geometry=convolutions(channels=CHANNELS), dtype=DTYPES, layout=LAYOUTS, bias=st.booleans())
def test_convolution(torch, geometry, dtype, layout, bias):
    g, name = geometry, f"conv{geometry.dims}d"
    sides = list(zip(g.before, g.after, strict=True))
    options = {"stride": g.stride, "dilation": g.dilation, "groups": g.groups}

    def reference(x, *rest):
        flat = [p for side in sides[::-1] for p in side]
        return getattr(torch.nn.functional, name)(torch.nn.functional.pad(x, flat), *rest, **options)

    arrays = normal(g.x_shape, g.w_shape, *([(g.out_channels,)] if bias else []))
    agree(torch, partial(getattr(ag, name), padding=sides, **options), reference, arrays, dtype, layout)


@examples(15)
@given(drawn=transposed(), dtype=DTYPES, layout=LAYOUTS)
def test_transposed_convolution(torch, drawn, dtype, layout):
    x, w, *rest = drawn
    names = ("stride", "padding", "output_padding", "dilation", "groups")
    options, name = dict(zip(names, rest, strict=True)), f"conv_transpose{len(x) - 2}d"
    reference = partial(getattr(torch.nn.functional, name), **options)
    agree(torch, partial(getattr(ag, name), **options), reference, normal(x, w), dtype, layout)


@examples(20)
@given(drawn=poolings(), dtype=DTYPES, layout=LAYOUTS)
def test_max_pooling(torch, drawn, dtype, layout):
    g, ceil_mode = drawn
    if any(2 * p > k for p, k in zip(g.before, g.kernel, strict=True)):
        return  # PyTorch bounds the padding by the kernel, not by what it reaches over
    options = {"kernel_size": g.kernel, "stride": g.stride, "padding": g.before, "dilation": g.dilation}
    name, options = f"max_pool{g.dims}d", {**options, "ceil_mode": ceil_mode}
    reference = partial(getattr(torch.nn.functional, name), **options)
    agree(torch, partial(getattr(ag, name), **options), reference, [spaced(g.x_shape)], dtype, layout)


@examples(20)
@given(
    drawn=poolings(dilations=(1,)), dtype=DTYPES, layout=LAYOUTS, counted=st.booleans(), norm=st.sampled_from((0, 2, 3))
)
def test_average_and_power_mean_pooling(torch, drawn, dtype, layout, counted, norm):
    g, ceil_mode = drawn
    options = {"kernel_size": g.kernel, "stride": g.stride, "ceil_mode": ceil_mode}
    if norm:  # which takes no padding, and in PyTorch along one axis no tuples
        kernel, stride = (g.kernel, g.stride) if g.dims > 1 else (*g.kernel, *g.stride)
        options, name = {**options, "kernel_size": kernel, "stride": stride, "norm_type": norm}, f"lp_pool{g.dims}d"
    else:
        options, name = {**options, "padding": g.before, "count_include_pad": counted}, f"avg_pool{g.dims}d"
    reference = partial(getattr(torch.nn.functional, name), **options)
    agree(torch, partial(getattr(ag, name), **options), reference, [spaced(g.x_shape)], dtype, layout)


@examples(15)
@given(
    shape=st.integers(1, 3).flatmap(lambda n: st.tuples(*[st.integers(1, 9)] * (2 + n))),
    size=st.tuples(*[st.integers(1, 7)] * 3),
    kind=st.sampled_from(("avg", "max")),
    dtype=DTYPES,
    layout=LAYOUTS,
)
def test_adaptive_pooling(torch, shape, size, kind, dtype, layout):
    name, options = f"adaptive_{kind}_pool{len(shape) - 2}d", {"output_size": size[: len(shape) - 2]}
    reference = partial(getattr(torch.nn.functional, name), **options)
    agree(torch, partial(getattr(ag, name), **options), reference, [spaced(shape)], dtype, layout)
