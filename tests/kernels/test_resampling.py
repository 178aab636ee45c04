"""Adaptive pooling, resizing and patches: values against PyTorch or a definition, adjoints against inner products."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from layers import convolutions, examples

from autograd_nn.kernels import adaptive, patches, pooling, reference, resizing

SPACES = st.integers(1, 3).flatmap(lambda dims: st.tuples(*[st.tuples(st.integers(1, 13), st.integers(1, 13))] * dims))
TORCH_MODE = {("linear", 1): "linear", ("linear", 2): "bilinear", ("linear", 3): "trilinear", ("cubic", 2): "bicubic"}


def close(a, b, dtype):
    tolerance = 1e-5 if dtype == np.float32 else 1e-12
    np.testing.assert_allclose(a, b, rtol=tolerance * 10, atol=tolerance)


def adjoint(forward, backward, x, y_shape, dtype):
    """<forward(x), g> = <x, backward(g)>"""
    g = np.random.default_rng(1).standard_normal(y_shape).astype(dtype)
    y, dx = forward(x), backward(g)
    assert y.shape == g.shape and dx.shape == x.shape and y.dtype == dx.dtype == dtype
    left, right = (y.astype(np.float64) * g).sum(), (x.astype(np.float64) * dx).sum()
    assert abs(left - right) <= (1e-4 if dtype == np.float32 else 1e-11) * (1 + np.abs(y * g).sum())


@examples(40)
@given(SPACES, st.sampled_from(resizing.MODES), st.booleans(), st.sampled_from((np.float32, np.float64)))
def test_resize_and_its_adjoint(sizes, mode, align_corners, dtype):
    space, size = tuple(a for a, _ in sizes), tuple(b for _, b in sizes)
    align_corners = align_corners and not mode.startswith("nearest")
    x = np.random.default_rng(0).standard_normal((2, 3, *space)).astype(dtype)
    adjoint(
        lambda v: resizing.resize(v, size, mode, align_corners),
        lambda g: resizing.resize_gradient(g, space, mode, align_corners),
        x,
        (2, 3, *size),
        dtype,
    )
    # A constant stays a constant: the weights of each output add up to one.
    close(resizing.resize(np.ones_like(x), size, mode, align_corners), np.ones((2, 3, *size)), dtype)


@examples(40)
@given(SPACES, st.sampled_from(resizing.MODES), st.booleans(), st.sampled_from((None, 0.7, 1.5, 2.0, 2.6)))
def test_resize_like_torch(sizes, mode, align_corners, factor):
    torch = pytest.importorskip("torch")
    space, size = tuple(a for a, _ in sizes), tuple(b for _, b in sizes)
    nearest = mode.startswith("nearest")
    name = mode if nearest else TORCH_MODE.get((mode, len(space)))
    if name is None:
        return
    if factor is not None:
        size = resizing.output_size(space, factor)
        if min(size) < 1:
            return
    x = np.random.default_rng(0).standard_normal((2, 3, *space))
    where = {"scale_factor": factor} if factor else {"size": size}
    options = {} if nearest else {"align_corners": align_corners}
    theirs = torch.nn.functional.interpolate(torch.tensor(x), mode=name, **where, **options).numpy()
    ours = resizing.resize(x, size, mode, align_corners and not nearest, factor)
    close(ours, theirs, np.float32 if factor else np.float64)


@pytest.mark.parametrize(("mode", "message"), [("area", "not one of"), ("nearest", "align_corners")])
def test_bad_resize(mode, message):
    with pytest.raises(ValueError, match=message):
        resizing.resize(np.zeros((1, 1, 4, 4)), 8, mode, align_corners=True)
    with pytest.raises(ValueError, match="at least 1"):
        resizing.resize(np.zeros((1, 1, 4, 4)), 0)


@examples(30)
@given(SPACES, st.sampled_from((np.float32, np.float64)))
def test_adaptive(sizes, dtype):
    torch = pytest.importorskip("torch")
    space, size = tuple(a for a, _ in sizes), tuple(b for _, b in sizes)
    x = np.random.default_rng(0).standard_normal((2, 3, *space)).astype(dtype)
    functional, name = torch.nn.functional, f"{len(space)}d"
    mean = getattr(functional, f"adaptive_avg_pool{name}")(torch.tensor(x), size).numpy()
    close(adaptive.adaptive_average_pool(x, size), mean, dtype)
    adjoint(
        lambda v: adaptive.adaptive_average_pool(v, size),
        lambda g: adaptive.adaptive_average_pool_gradient(g, space),
        x,
        mean.shape,
        dtype,
    )
    largest, where = getattr(functional, f"adaptive_max_pool{name}")(torch.tensor(x), size, return_indices=True)
    y, indices = adaptive.adaptive_max_pool(x, size)
    np.testing.assert_array_equal(y, largest.numpy())
    np.testing.assert_array_equal(indices, where.numpy())
    adjoint(
        lambda v: pooling.unpool_gradient(v, indices),
        lambda g: adaptive.adaptive_max_pool_gradient(g, indices, space),
        x,
        y.shape,
        dtype,
    )


def test_adaptive_nan_wins():
    x = np.zeros((1, 1, 4, 4))
    x[0, 0, 1, 1] = np.nan
    y, indices = adaptive.adaptive_max_pool(x, 2)
    assert np.isnan(y[0, 0, 0, 0]) and indices[0, 0, 0, 0] == 5 and y[0, 0, 1, 1] == 0


@examples(40)
@given(convolutions(grouped=False, channels=(1, 2, 3, 5)), st.sampled_from((np.float32, np.float64)))
def test_unfold_is_convolution_and_fold_its_adjoint(geometry, dtype):
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal(geometry.x_shape).astype(dtype), rng.standard_normal(geometry.w_shape).astype(dtype)
    columns = patches.unfold(x, geometry)
    y = w.reshape(geometry.out_channels, -1).astype(np.float64) @ columns
    truth = reference.forward(x.astype(np.float64), w.astype(np.float64), geometry)
    close(y.reshape(truth.shape), truth, np.float64)
    adjoint(lambda v: patches.unfold(v, geometry), lambda g: patches.fold(g, geometry), x, columns.shape, dtype)
