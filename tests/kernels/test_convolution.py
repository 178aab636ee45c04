"""Every path of every pass against the definition, over random geometry, with guard bands around every array."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from layers import answers, arrays, convolutions, error, examples, guarded, intact, tolerance

from autograd_nn.kernels import blas, convolution, pointwise_product, threads
from autograd_nn.kernels.convolution import (
    FORWARD,
    INPUT_GRADIENT,
    NAMES,
    PATHS,
    WEIGHT_GRADIENT,
    choose,
    conv_forward,
    conv_input_gradient,
    conv_weight_gradient,
    explain,
)
from autograd_nn.kernels.geometry import Convolution

DTYPES = (np.float32, np.float64)
PASSES = (FORWARD, INPUT_GRADIENT, WEIGHT_GRADIENT)


def check(geometry, dtype, thread_count, path=None):
    """Every fast path that serves the geometry (or the one named), all three passes, twice: workspace must not
    remember.
    """
    x, w, dy = arrays(geometry, dtype)
    truth = dict(zip(PASSES, answers(geometry, x, w, dy), strict=True))
    (_, x), (_, w), (_, dy) = (guarded(a) for a in (x, w, dy))
    operands = {FORWARD: (x, w), INPUT_GRADIENT: (dy, w), WEIGHT_GRADIENT: (dy, x)}
    before, served = threads.get_num_threads(), set()
    threads.set_num_threads(thread_count)
    try:
        for which in PASSES:
            for candidate in PATHS:
                if path not in (None, candidate.name) or which not in candidate.builders:
                    continue
                if candidate.refuses(which, geometry, np.dtype(dtype)) is not None:
                    continue
                choice = choose(which, geometry, np.dtype(dtype), thread_count, candidate.name)
                if choice.images < geometry.batch:
                    continue  # split over the batch: test_workspace covers it
                raw, out = guarded(np.full(truth[which].shape, np.nan, dtype))
                for _ in range(2):
                    choice.plan.run(*operands[which], None, out)
                    assert intact(raw), (candidate.name, which, geometry)
                    found = error(out, truth[which])
                    assert found < tolerance(candidate.name, dtype), (candidate.name, which, found, geometry)
                served.add((candidate.name, which))
    finally:
        threads.set_num_threads(before)
    return served


@examples(60)
@given(convolutions(), st.sampled_from(DTYPES), st.sampled_from((1, 2, 3)))
def test_any_geometry(geometry, dtype, thread_count):
    assert check(geometry, dtype, thread_count)


@st.composite
def three_by_three(draw):
    channels = st.sampled_from((11, 12, 15, 16, 17, 22, 24, 31, 32, 33, 40, 48, 64, 90))
    batch, a, b = draw(st.sampled_from((1, 1, 2, 3, 9))), draw(channels), draw(channels)
    space = [draw(st.integers(3, 30)) for _ in "hw"]
    padding = tuple((draw(st.integers(0, 2)), draw(st.integers(0, 2))) for _ in "hw")
    return Convolution.of((batch, a, *space), (b, a, 3, 3), padding=padding)


@examples(40)
@given(three_by_three(), st.sampled_from((1, 2, 3)))
def test_winograd(geometry, thread_count):
    check(geometry, np.float32, thread_count, "winograd")


@st.composite
def channel_by_channel(draw):
    channels, batch = draw(st.sampled_from((1, 2, 5, 16, 20))), draw(st.sampled_from((1, 2, 3)))
    stride, kernel = draw(st.sampled_from((1, 2))), draw(st.sampled_from((3, 3, 3, 5)))
    padding = tuple((draw(st.integers(0, 3)), draw(st.integers(0, 3))) for _ in "hw")
    space = [draw(st.integers(kernel, 40)) for _ in "hw"]
    return Convolution.of((batch, channels, *space), (channels, 1, kernel, kernel), stride, padding, groups=channels)


@examples(40)
@given(channel_by_channel(), st.sampled_from(DTYPES), st.sampled_from((1, 2)))
def test_depthwise(geometry, dtype, thread_count):
    assert check(geometry, dtype, thread_count)


@st.composite
def wide_planes(draw):
    """1x1 kernels, and few channels in, on rows long enough for vectors of pixels."""
    batch, out = draw(st.sampled_from((1, 2, 9))), draw(st.sampled_from((1, 3, 7, 8, 9, 16, 17, 40)))
    space = draw(st.integers(1, 20)), draw(st.integers(30, 100))
    if draw(st.booleans()):
        channels = draw(st.sampled_from((1, 5, 16, 33)))
        return Convolution.of((batch, channels, *space), (out, channels, 1, 1))
    channels, kernel = draw(st.sampled_from((1, 2, 3))), (min(3, space[0]), draw(st.sampled_from((1, 3, 5))))
    padding = tuple((draw(st.integers(0, 3)), draw(st.integers(0, 3))) for _ in "hw")
    return Convolution.of(
        (batch, channels, *space), (out, channels, *kernel), draw(st.sampled_from((1, 1, 2, 3))), padding
    )


@examples(40)
@given(wide_planes(), st.sampled_from(DTYPES), st.sampled_from((1, 2, 3)))
def test_pointwise_and_first_layers(geometry, dtype, thread_count):
    assert check(geometry, dtype, thread_count)


@st.composite
def one_by_one(draw):
    """Products of BLAS: planes that are put side by side and planes that are not."""
    channels = st.sampled_from((1, 2, 5, 16, 33, 70))
    batch, space = draw(st.integers(1, 9)), [draw(st.sampled_from((1, 3, 7, 16, 17, 40))) for _ in "hw"]
    return Convolution.of((batch, a := draw(channels), *space), (draw(channels), a, 1, 1))


@pytest.mark.skipif(blas.blas() is None, reason="NumPy's BLAS is not the OpenBLAS of its wheels")
def test_products_of_blas(monkeypatch):
    """At any size: what keeps the path from small layers is its speed alone. Bands make many parts of few pixels."""
    for name, value in (("LEAST", 1), ("WORK", 1), ("COLUMNS", 100), ("ROWS", 16), ("RUN", 50)):
        monkeypatch.setattr(pointwise_product, name, value)

    @examples(60)
    @given(one_by_one(), st.sampled_from(DTYPES), st.sampled_from((1, 2, 3)))
    def any_size(geometry, dtype, thread_count):
        assert {which for _, which in check(geometry, dtype, thread_count, "product")} == set(PASSES)
        x, w, dy = arrays(geometry, dtype)
        bias = np.random.default_rng(1).standard_normal(geometry.out_channels).astype(dtype)
        plan, y = pointwise_product.forward(geometry, np.dtype(dtype), thread_count), np.empty_like(dy)
        plan.run(x, w, np.concatenate([[0, 1], bias]).astype(dtype), y)
        truth = np.clip(answers(geometry, x, w, dy)[0] + bias[:, None, None].astype(np.float64), 0, 1)
        assert error(y, truth) < tolerance("product", dtype)

    choose.cache_clear()
    try:
        any_size()
    finally:
        choose.cache_clear()


@pytest.mark.skipif(blas.blas() is None, reason="NumPy's BLAS is not the OpenBLAS of its wheels")
def test_large_pointwise_layers_are_products():
    geometry = Convolution.of((4, 256, 28, 28), (128, 256, 1, 1))
    assert {choose(which, geometry, np.dtype(np.float32), 2).path for which in PASSES} == {"product"}


@pytest.mark.skipif(blas.blas() is None, reason="NumPy's BLAS is not the OpenBLAS of its wheels")
@pytest.mark.parametrize("thread_count", [1, 2, 5])
def test_products_of_the_last_images_of_a_batch_that_alone_would_be_none(thread_count, monkeypatch):
    monkeypatch.setattr(convolution, "workspace_limit", lambda geometry, dtype: 1 << 20)
    before = threads.get_num_threads()
    threads.set_num_threads(thread_count)
    choose.cache_clear()
    try:
        geometry = Convolution.of((17, 192, 11, 11), (256, 192, 1, 1))
        x, w, dy = arrays(geometry, np.float32)
        choices = [choose(which, geometry, x.dtype, thread_count) for which in PASSES]
        assert {(choice.path, choice.images < 17) for choice in choices} == {("product", True)}
        found = (
            conv_forward(x, w, geometry),
            conv_input_gradient(dy, w, geometry),
            conv_weight_gradient(dy, x, geometry),
        )
        for result, exact in zip(found, answers(geometry, x, w, dy), strict=True):
            assert error(result, exact) < 1e-5
    finally:
        threads.set_num_threads(before)
        choose.cache_clear()


def test_without_openblas_pointwise_layers_are_ours(monkeypatch):
    monkeypatch.setattr(pointwise_product, "blas", lambda: None)
    geometry = Convolution.of((4, 256, 28, 28), (128, 256, 1, 1))
    choose.cache_clear()
    try:
        assert "product" not in {choose(which, geometry, np.dtype(np.float32), 2).path for which in PASSES}
        assert "not product: NumPy's BLAS is not" in explain(geometry)
    finally:
        choose.cache_clear()


@pytest.mark.parametrize("thread_count", [1, 2, 3])
@pytest.mark.parametrize("x", [(1, 17, 5, 4, 3), (1, 24, 6, 9, 7), (1, 24, 9, 30, 30)])
@pytest.mark.parametrize(("kernel", "stride"), [((1, 1, 1), (2, 1, 1)), ((3, 2, 3), (2, 1, 1)), ((2, 3, 1), (3, 2, 2))])
def test_strips_of_rows_of_strided_planes(x, kernel, stride, thread_count):
    geometry = Convolution.of(x, (20, x[1], *kernel), stride, ((1, 0), (0, 1), (0, 0)))
    assert check(geometry, np.float64, thread_count)


def test_explain_names_a_path_for_each_pass():
    text = explain(Convolution.of((2, 16, 8, 8), (16, 16, 3, 3), padding=1))
    assert [line.split(":")[0] for line in text.splitlines() if not line.startswith(" ")] == list(PASSES)


def test_unknown_path_is_refused():
    geometry = Convolution.of((1, 2, 4, 4), (2, 2, 3, 3))
    x, w, _ = arrays(geometry, np.float32)
    with pytest.raises(ValueError, match=NAMES[0]):
        conv_forward(x, w, geometry, path="fastest")


@pytest.mark.parametrize("path", [None, "direct", "reference"])
@pytest.mark.parametrize("activation", [None, "relu", "relu6"])
def test_bias_and_activation(path, activation):
    geometry = Convolution.of((3, 6, 9, 10), (36, 3, 3, 3), stride=(1, 2), padding=1, groups=2)
    x, w, dy = arrays(geometry, np.float32)
    bias = np.random.default_rng(1).standard_normal(36).astype(np.float32) * 3
    truth = answers(geometry, x, w, dy)[0] + bias[:, None, None].astype(np.float64)
    low, high = {None: (-np.inf, np.inf), "relu": (0, np.inf), "relu6": (0, 6)}[activation]
    assert error(conv_forward(x * 1, w, geometry, bias, activation, path), np.clip(truth, low, high)) < 1e-5


def test_nan_passes_through_an_activation():
    geometry = Convolution.of((1, 16, 8, 8), (16, 16, 3, 3), padding=1)
    x, w, _ = arrays(geometry, np.float32)
    x[0, 0, 4, 4] = np.nan
    assert np.isnan(conv_forward(x, w, geometry, activation="relu")[0, :, 4, 4]).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_non_contiguous_and_byte_swapped_arrays(dtype):
    geometry = Convolution.of((2, 5, 7, 8), (6, 5, 3, 3), padding=1)
    x, w, dy = arrays(geometry, dtype)
    y, dx, dw = answers(geometry, x, w, dy)
    for change in (
        lambda a: np.asfortranarray(a),
        lambda a: np.repeat(a, 2, axis=-1)[..., ::2],
        lambda a: np.flip(np.flip(a, 1).copy(), 1),
        lambda a: a.astype(a.dtype.newbyteorder()),
    ):
        a, b, g = change(x), change(w), change(dy)
        assert error(conv_forward(a, b, geometry), y) < tolerance("winograd", dtype)
        assert error(conv_input_gradient(g, b, geometry), dx) < tolerance("winograd", dtype)
        assert error(conv_weight_gradient(g, a, geometry), dw) < tolerance("winograd", dtype)
    assert conv_forward(a, b, geometry).dtype == np.dtype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_empty_batch(dtype):
    geometry = Convolution.of((0, 3, 8, 8), (4, 3, 3, 3))
    x, w, dy = arrays(geometry, dtype)
    assert conv_forward(x, w, geometry, bias=np.ones(4, dtype)).shape == (0, 4, 6, 6)
    assert conv_input_gradient(dy, w, geometry).shape == (0, 3, 8, 8)
    assert (conv_weight_gradient(dy, x, geometry) == np.zeros((4, 3, 3, 3))).all()


@pytest.mark.parametrize("which", range(3))
def test_integers_and_mixed_types_are_refused(which):
    geometry = Convolution.of((1, 2, 5, 5), (2, 2, 3, 3))
    x, w, dy = arrays(geometry, np.float32)
    call, a, b = [(conv_forward, x, w), (conv_input_gradient, dy, w), (conv_weight_gradient, dy, x)][which]
    with pytest.raises(TypeError, match="astype"):
        call(a.astype(np.int64), b, geometry)
    with pytest.raises(TypeError, match="float64"):
        call(a, b.astype(np.float64), geometry)
    with pytest.raises(ValueError, match="geometry expects"):
        call(a[..., :-1], b, geometry)


def test_bad_bias_and_activation_are_refused():
    geometry = Convolution.of((1, 2, 5, 5), (2, 2, 3, 3))
    x, w, _ = arrays(geometry, np.float32)
    with pytest.raises(ValueError, match="2 output channels"):
        conv_forward(x, w, geometry, bias=np.zeros(3, np.float32))
    with pytest.raises(ValueError, match="'relu'"):
        conv_forward(x, w, geometry, activation="gelu")
