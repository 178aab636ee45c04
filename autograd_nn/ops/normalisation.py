"""Normalisation: standardising over axes, with a scale and an offset, as one operation that batch, layer, group and instance
normalisation all are.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..engine.op import op
from .elementwise import sqrt, square
from .reduction import mean
from .totals import total

__all__ = ["rms_normalise", "standardise"]


@op(kind="fused", outputs=("standardised", "mean", "variance"))
def standardise(x, weight=None, bias=None, /, axes=(-1,), eps=1e-5):
    r"""x with mean 0 and variance 1 over some axes, scaled and moved: :math:`(x - \mu) / \sqrt{\sigma^2 + \epsilon} \cdot w + b`.

    Shapes: x any; weight and bias broadcast to it (None: 1 and 0). Returns ``(out, mean, variance)``, the latter two with the
    axes kept at length 1; the variance divides by the count.

    >>> out, mean, variance = ag.ops.standardise(ag.tensor([1.0, 3.0]), eps=0.0)
    >>> out, mean, variance
    (tensor([-1.,  1.], dtype=float32), tensor([2.], dtype=float32), tensor([1.], dtype=float32))
    """
    centre = mean(x, axes, None, True)
    d = x - centre
    variance = mean(square(d), axes, None, True)
    out = d / sqrt(variance + eps)
    if weight is not None:
        out = out * weight
    if bias is not None:
        out = out + bias
    return out, centre, variance


FEWEST = 4096
"""Elements from which on the native kernel is worth its call."""


def _seen(x: Any, weight: Any, bias: Any, axes: tuple[int, ...]) -> tuple[int, int, int, int, int] | None:
    """The numbers of a `kernels.normalising.View` of x; None for what that kernel does not do.

    The axes of x must come as: standardised, groups, standardised; those along which weight and bias are not broadcast must be
    neighbours around the end of the groups.
    """
    if x.size < FEWEST or x.dtype not in (np.float32, np.float64) or not x.flags.c_contiguous:
        return None
    ndim, shape = x.ndim, x.shape
    normed = {a % ndim for a in axes}
    end = next((k for k in range(ndim, 0, -1) if k - 1 not in normed), 0)
    start = next((k for k in range(end) if k not in normed), 0)
    if not normed.isdisjoint(range(start, end)):
        return None
    first, last = end, end  # the axes along which there are scales
    given = [t for t in (weight, bias) if t is not None]
    if given:
        if any(t.dtype != x.dtype or t.shape != given[0].shape or t.ndim > ndim for t in given):
            return None
        scales = (1,) * (ndim - given[0].ndim) + given[0].shape
        wide = [k for k in range(ndim) if scales[k] != 1]
        first, last = min([end, *wide]), max([end, *[k + 1 for k in wide]])
        if first < start or scales[first:last] != shape[first:last]:
            return None
    prod = math.prod
    if start and end == ndim:  # columns, which have a scale each
        if given and first != start:
            return None
        first = start
    return prod(shape[:start]), prod(shape[start:end]), prod(shape[end:]), prod(shape[last:]), prod(shape[first:end])


@standardise.fast(residuals=("inverse",))
def _standardise(x: Any, weight: Any, bias: Any, axes: Any, eps: float) -> Any:
    seen = _seen(x, weight, bias, axes)
    if seen is not None:
        from ..kernels import normalising

        out, centre, variance, inverse = normalising.standardise(x, weight, bias, normalising.View(*seen), eps)
        kept = _kept_shape(x.shape, axes)
        return (out, centre.reshape(kept), variance.reshape(kept)), (inverse.reshape(kept),)
    centre = np.mean(x, axes, keepdims=True)
    out = np.subtract(x, centre)
    variance = np.mean(np.square(out), axes, keepdims=True)
    inverse = 1.0 / np.sqrt(variance + variance.dtype.type(eps))
    out *= inverse
    if weight is not None:
        out *= weight
    if bias is not None:
        out += bias
    return (out, centre, variance), (inverse,)


@standardise.joint_vjp
def _standardise_vjp(g: Any, x: Any, weight: Any, bias: Any, axes: Any, mean: Any, inverse: Any, wanted: Any) -> Any:
    """With y the standardised x and h = g w: dx = (h - mean(h) - y mean(h y)) / sigma, dw = sum(g y), db = sum(g)."""
    g, g_mean, g_variance = g
    centre = mean
    seen = _seen(x, weight, bias, axes)
    if seen is not None and g is not None and g_mean is None and g_variance is None and g.flags.c_contiguous:
        from ..kernels import normalising

        d_x, *rest = normalising.standardise_gradient(g, x, weight, centre, inverse, normalising.View(*seen))
        return d_x, *[None if t is None else d.reshape(t.shape) for t, d in zip((weight, bias), rest, strict=True)]
    normal = np.subtract(x, centre)
    normal *= inverse
    count = math.prod([x.shape[a] for a in axes])
    dx = dw = db = None
    if g is None:
        g = np.zeros_like(x)
    if wanted[1]:
        dw = _summed_to(g * normal, weight.shape)
    if wanted[2]:
        db = _summed_to(g, bias.shape)
    if wanted[0]:
        h = g * weight if weight is not None else g
        dx = h - np.mean(h, axes, keepdims=True)
        if g_variance is not None:
            # variance = mean((x - mean)^2), so its cotangent comes along y: d variance / d x = 2 (x - mean) / count
            dx += normal * ((2.0 / count) * g_variance / inverse / inverse)
        dx -= normal * np.mean(h * normal, axes, keepdims=True)
        dx *= inverse
        if g_mean is not None:
            dx += g_mean / count
    return dx, dw, db


def _kept_shape(shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[int, ...]:
    """A shape with some axes kept at length 1."""
    normed = {a % len(shape) for a in axes}
    return tuple([1 if k in normed else n for k, n in enumerate(shape)])


def _summed_to(g: Any, shape: tuple[int, ...]) -> Any:
    """g summed over the axes along which an array of this shape was broadcast."""
    lead = g.ndim - len(shape)
    axes = (*range(lead), *(lead + k for k, n in enumerate(shape) if n == 1 and g.shape[lead + k] != 1))
    return total(g, axes, True).reshape(shape) if axes else g


@op(kind="fused")
def rms_normalise(x, weight=None, /, axes=(-1,), eps=1e-6):
    r"""x divided by its root mean square over some axes: :math:`x / \sqrt{\overline{x^2} + \epsilon} \cdot w`.

    Zhang and Sennrich, arXiv:1910.07467. Shapes: x any; weight broadcasts to it.

    >>> ag.ops.rms_normalise(ag.tensor([1.0, -1.0]), eps=0.0)
    tensor([ 1., -1.], dtype=float32)
    """
    out = x / sqrt(mean(square(x), axes, None, True) + eps)
    return out if weight is None else out * weight


@rms_normalise.fast(residuals=("inverse",))
def _rms_normalise(x: Any, weight: Any, axes: Any, eps: float) -> Any:
    square_mean = np.mean(np.square(x), axes, keepdims=True)
    inverse = 1.0 / np.sqrt(square_mean + square_mean.dtype.type(eps))
    out = x * inverse
    if weight is not None:
        out *= weight
    return out, (inverse,)


@rms_normalise.joint_vjp
def _rms_normalise_vjp(g: Any, x: Any, weight: Any, axes: Any, inverse: Any, wanted: Any) -> Any:
    normal = x * inverse
    dw = _summed_to(g * normal, weight.shape) if wanted[1] else None
    if not wanted[0]:
        return None, dw
    dx = g * weight if weight is not None else g.copy()
    dx -= normal * np.mean(dx * normal, axes, keepdims=True)
    dx *= inverse
    return dx, dw
