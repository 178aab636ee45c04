"""Random layers for the tests: a geometry, its arrays between guard bands, and the definition's answer in float64."""

from __future__ import annotations

import os

import numpy as np
from hypothesis import HealthCheck, reject, settings
from hypothesis import strategies as st

from autograd_nn.kernels import reference
from autograd_nn.kernels.geometry import Convolution, Pooling

DEEP = int(os.environ.get("KERNELS_FUZZ", "1"))
"""KERNELS_FUZZ=50 runs fifty times as many examples."""

CHANNELS = (1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 20, 32, 33, 48)
GUARD = 64


def examples(count: int):
    return settings(
        max_examples=count * DEEP,
        deadline=None,
        derandomize=DEEP == 1,
        suppress_health_check=list(HealthCheck),
        database=None,
    )


@st.composite
def convolutions(draw, grouped=True, channels=CHANNELS):
    """A geometry: sizes down to 1, channels around the vector width, per-side padding, strides, dilations, groups."""
    dims = draw(st.sampled_from((1, 2, 2, 2, 3)))
    longest = {1: 70, 2: 20, 3: 8}[dims]
    kernel = [draw(st.sampled_from((1, 2, 3, 4, 5, 7) if dims < 3 else (1, 2, 3))) for _ in range(dims)]
    stride = [draw(st.sampled_from((1, 1, 1, 2, 3))) for _ in range(dims)]
    dilation = [draw(st.sampled_from((1, 1, 1, 2, 3))) for _ in range(dims)]
    padding = [tuple(draw(st.integers(0, k)) for _ in "ab") for k in kernel]
    space = []
    for k, d, (before, after) in zip(kernel, dilation, padding, strict=True):
        least = max(1, d * (k - 1) + 1 - before - after)
        space.append(draw(st.integers(least, max(least, longest))))
    groups = draw(st.sampled_from((1, 1, 1, 2, 3))) if grouped else 1
    a, b = draw(st.sampled_from(channels)), draw(st.sampled_from(channels))
    batch = draw(st.integers(1, 4))
    return Convolution.of(
        (batch, a * groups, *space), (b * groups, a, *kernel), stride, tuple(padding), tuple(dilation), groups
    )


@st.composite
def transposed(draw):
    """x_shape, w_shape, stride, padding, output_padding, dilation and groups of a transposed convolution."""
    dims = draw(st.sampled_from((1, 2, 3)))
    stride, dilation, kernel = ([draw(st.integers(1, 3)) for _ in range(dims)] for _ in "abc")
    extra = [draw(st.integers(0, max(s, d) - 1)) for s, d in zip(stride, dilation, strict=True)]
    padding = [draw(st.integers(0, d * (k - 1) // 2)) for k, d in zip(kernel, dilation, strict=True)]
    groups, a, b = (draw(st.integers(1, n)) for n in (3, 5, 20))
    space = [draw(st.integers(2, 7)) for _ in range(dims)]
    return (2, a * groups, *space), (a * groups, b, *kernel), stride, padding, extra, dilation, groups


@st.composite
def poolings(draw, dilations=(1, 1, 2)):
    """A pooling of up to 27 planes, and whether it was made in ceil_mode."""
    dims = draw(st.sampled_from((1, 2, 2, 2, 3)))
    kernel = [draw(st.sampled_from((1, 2, 3, 4))) for _ in range(dims)]
    dilation = [draw(st.sampled_from(dilations)) for _ in range(dims)]
    padding = [
        draw(st.integers(0, (d * (k - 1) + 1) // 2 if k > 1 else 0)) for k, d in zip(kernel, dilation, strict=True)
    ]
    stride = [draw(st.sampled_from((1, 2, 2, 3))) for _ in range(dims)]
    space = [
        draw(st.integers(d * (k - 1) + 1, {1: 70, 2: 40, 3: 9}[dims])) for k, d in zip(kernel, dilation, strict=True)
    ]
    lead = draw(st.integers(1, 3)), draw(st.integers(1, 9))
    ceil_mode = draw(st.booleans())
    try:
        return Pooling.of((*lead, *space), kernel, stride, padding, dilation, ceil_mode), ceil_mode
    except ValueError as error:
        assert "nothing but padding" in str(error)
        reject()


def arrays(geometry, dtype, seed=0):
    """x, w, dy of the geometry. Weights are scaled so that y has the size of x."""
    rng = np.random.default_rng(seed)
    fan = max(1, geometry.in_channels // geometry.groups * geometry.taps)
    x, w, dy = (rng.standard_normal(s).astype(dtype) for s in (geometry.x_shape, geometry.w_shape, geometry.y_shape))
    return x, (w / np.sqrt(fan)).astype(dtype), dy


def guarded(array):
    """A copy between two runs of NaN: reads outside poison the result, writes outside show."""
    raw = np.full(array.size + 2 * GUARD, np.nan, array.dtype)
    raw[GUARD:-GUARD] = array.reshape(-1)
    return raw, raw[GUARD:-GUARD].reshape(array.shape)


def intact(raw) -> bool:
    return bool(np.isnan(raw[:GUARD]).all() and np.isnan(raw[-GUARD:]).all())


def answers(geometry, x, w, dy):
    """y, dx, dw by the definition, in float64."""
    x, w, dy = (a.astype(np.float64) for a in (x, w, dy))
    return (
        reference.forward(x, w, geometry),
        reference.input_gradient(dy, w, geometry),
        reference.weight_gradient(dy, x, geometry),
    )


def error(result, truth) -> float:
    """Largest difference relative to the largest value; infinite when the result is not finite."""
    if not np.isfinite(result).all():
        return float("inf")
    return float(np.abs(result - truth).max(initial=0) / max(np.abs(truth).max(initial=0), 1e-30))


TOLERANCE = {("winograd", np.float32): 1e-4, ("any", np.float32): 1e-5, ("any", np.float64): 1e-12}


def tolerance(path, dtype) -> float:
    return TOLERANCE.get((path, dtype), TOLERANCE["any", dtype])
