"""Continuous distributions, with NumPy's names and `size`, differentiable by their parameters. Public as `ag.random`.

Decision: a draw itself has no derivative; a distribution is a function of one (`loc + scale * z`), so its derivative by loc and
scale is that of the sample held at this draw: it is *reparameterised* (Kingma and Welling, arXiv:1312.6114).

Decision: floats are of the parameters' dtype, else of the default dtype.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..engine.op import nondifferentiable, op
from ..engine.random import Generator
from ..engine.tensor import Tensor
from .decompositions import cholesky
from .draws import drawn, exponential_, floating_dtype, normal_, uniform_
from .elementwise import exp, log
from .products import matmul
from .shape import as_shape
from .special import erfc

__all__: list[str] = []


def uniform(
    low: Any = 0.0, high: Any = 1.0, size: Any = None, *, dtype: Any = None, generator: Generator | None = None
) -> Tensor:
    r"""Uniform on [low, high): :math:`\text{low} + (\text{high} - \text{low})\, u`, differentiable by both.

    `low` and `high` broadcast; `size` is the shape of the result, by default theirs.

    >>> ag.random.uniform(-1.0, [1.0, 2.0], (3, 2)).shape
    (3, 2)
    """
    u = standard("uniform", uniform_, size, dtype, generator, low, high)
    low, high = parameter(low, u.dtype), parameter(high, u.dtype)
    return u if is_number(low, 0.0) and is_number(high, 1.0) else low + (high - low) * u


def normal(
    loc: Any = 0.0, scale: Any = 1.0, size: Any = None, *, dtype: Any = None, generator: Generator | None = None
) -> Tensor:
    r"""Normal of mean loc and standard deviation scale: :math:`\text{loc} + \text{scale}\, z`, differentiable by both.

    `loc` and `scale` broadcast; `size` is the shape of the result, by default theirs. Raises ValueError for a negative scale.

    >>> scale = ag.tensor(2.0, requires_grad=True)
    >>> sample = ag.random.normal(0.0, scale)
    >>> bool(ag.gradients(sample, scale) == sample / 2.0)  # z
    True
    """
    refuse_negative("normal", scale)
    return moved(loc, scale, standard("normal", normal_, size, dtype, generator, loc, scale))


def lognormal(
    mean: Any = 0.0, sigma: Any = 1.0, size: Any = None, *, dtype: Any = None, generator: Generator | None = None
) -> Tensor:
    r"""The exponential of a normal: :math:`e^{\text{mean} + \text{sigma}\, z}`, differentiable by both. See `normal`.

    >>> bool((ag.random.lognormal(size=10) > 0.0).all())
    True
    """
    return exp(normal(mean, sigma, size, dtype=dtype, generator=generator))


def exponential(scale: Any = 1.0, size: Any = None, *, dtype: Any = None, generator: Generator | None = None) -> Tensor:
    r"""Exponential of mean scale, density :math:`e^{-x / \text{scale}} / \text{scale}`; differentiable by it. See `normal`.

    >>> bool((ag.random.exponential(2.0, 10) > 0.0).all())
    True
    """
    refuse_negative("exponential", scale)
    return moved(0.0, scale, standard("exponential", exponential_, size, dtype, generator, scale))


def gumbel(
    loc: Any = 0.0, scale: Any = 1.0, size: Any = None, *, dtype: Any = None, generator: Generator | None = None
) -> Tensor:
    r"""Gumbel, the law of a largest value: :math:`\text{loc} - \text{scale} \log e`, with e exponential; differentiable by both.

    >>> ag.random.gumbel(size=(2, 3)).shape
    (2, 3)
    """
    refuse_negative("gumbel", scale)
    return moved(loc, scale, -log(standard("gumbel", exponential_, size, dtype, generator, loc, scale)))


def laplace(
    loc: Any = 0.0, scale: Any = 1.0, size: Any = None, *, dtype: Any = None, generator: Generator | None = None
) -> Tensor:
    r"""Laplace, density :math:`e^{-|x - \text{loc}| / \text{scale}} / 2\, \text{scale}`; differentiable by both. See `normal`.

    >>> ag.random.laplace(size=(2, 3)).shape
    (2, 3)
    """
    refuse_negative("laplace", scale)
    right = standard("laplace", exponential_, size, dtype, generator, loc, scale)
    return moved(loc, scale, right - standard("laplace", exponential_, size, dtype, generator, loc, scale))


def logistic(
    loc: Any = 0.0, scale: Any = 1.0, size: Any = None, *, dtype: Any = None, generator: Generator | None = None
) -> Tensor:
    r"""Logistic, of distribution function :math:`\sigma((x - \text{loc}) / \text{scale})`; differentiable by both. See `normal`.

    >>> ag.random.logistic(size=(2, 3)).shape
    (2, 3)
    """
    refuse_negative("logistic", scale)
    above = standard("logistic", exponential_, size, dtype, generator, loc, scale)
    return moved(loc, scale, log(above / standard("logistic", exponential_, size, dtype, generator, loc, scale)))


def multivariate_normal(
    mean: Any, cov: Any, size: Any = (), *, dtype: Any = None, generator: Generator | None = None
) -> Tensor:
    r"""Normal vectors: :math:`\text{mean} + L z`, with :math:`L L^\top = \text{cov}`; differentiable by mean and cov.

    Shapes: mean (..., n), cov (n, n), positive definite; the result size + (n,), where size is at least mean's (...).

    >>> ag.random.multivariate_normal(np.zeros(3), np.eye(3), (4,)).shape
    (4, 3)
    """
    factor = cholesky(cov)
    lead = np.broadcast_shapes(as_shape(size), np.shape(data_of(mean))[:-1])
    z = standard(
        "multivariate_normal", normal_, (*lead, factor.shape[-1]), dtype, generator, mean, cov, broadcast=False
    )
    return parameter(mean, z.dtype) + matmul(z, factor.mT)


def truncated_normal(
    lower: Any = -2.0,
    upper: Any = 2.0,
    loc: Any = 0.0,
    scale: Any = 1.0,
    size: Any = None,
    *,
    dtype: Any = None,
    generator: Generator | None = None,
) -> Tensor:
    r"""Normal numbers, given that they lie between bounds: :math:`\text{loc} + \text{scale}\, z`, lower <= z <= upper.

    `lower` and `upper` are in standard deviations from `loc`, and may be infinite. Differentiable by all four. Far tails are
    exact up to 37 standard deviations; beyond, and where lower is not below upper, ValueError.

    >>> z = ag.random.truncated_normal(-1.0, 3.0, size=1000)
    >>> bool((z >= -1.0).all() and (z <= 3.0).all())
    True
    """
    refuse_negative("truncated_normal", scale)
    a, b = np.asarray(data_of(lower)), np.asarray(data_of(upper))
    if not np.all(a < b):
        raise ValueError("truncated_normal: lower must be below upper")
    if np.any(a > 37.0) or np.any(b < -37.0):
        raise ValueError("truncated_normal: bounds beyond 37 standard deviations hold less than a double can express")
    params = (lower, upper, loc, scale)
    u = standard("truncated_normal", uniform_, size, np.float64, generator, *params)
    return moved(loc, scale, truncate_(u, lower, upper, dtype=dtype_of("truncated_normal", dtype, *params)))


@op(kind="opaque", broadcasts=True)
def truncate_(u, lower, upper, /, dtype):
    """The number between lower and upper below which the share u of the normal distribution between them lies; else nan."""
    u, a, b = (np.asarray(x, np.float64) for x in (u, lower, upper))
    right = a > 0.0  # work in the left tail, where the distribution function keeps its digits
    a, b, share = np.where(right, -b, a), np.where(right, -a, b), np.where(right, 1.0 - u, u)
    below, above = 0.5 * erfc(-a * math.sqrt(0.5)), 0.5 * erfc(-b * math.sqrt(0.5))
    z = np.where(a < b, np.clip(_normal_quantile(below + share * (above - below)), a, b), np.nan)
    return np.where(right, -z, z).astype(dtype)


# At a fixed share, the bounds' densities move with the sample's.
truncate_.vjp(
    u=nondifferentiable,
    lower=lambda g, out, u, lower: g * (1.0 - u) * exp((out - lower) * (out + lower) * 0.5),
    upper=lambda g, out, u, upper: g * u * exp((out - upper) * (out + upper) * 0.5),
)


def _normal_quantile(p: Any) -> Any:
    """z with normal distribution function p: Abramowitz and Stegun 26.2.23 (to 4.5e-4), then two of Halley's steps."""
    p = np.clip(p, np.finfo(np.float64).tiny, 1.0 - 2.0**-53)
    tail = np.minimum(p, 1.0 - p)
    t = np.sqrt(-2.0 * np.log(tail))
    z = (2.515517 + t * (0.802853 + t * 0.010328)) / (1.0 + t * (1.432788 + t * (0.189269 + t * 0.001308))) - t
    for _ in range(2):
        error = (0.5 * erfc(-z * math.sqrt(0.5)) - tail) * math.sqrt(2.0 * math.pi) * np.exp(0.5 * z * z)
        z = z - error / (1.0 + 0.5 * z * error)
    return np.where(p < 0.5, z, -z)


# ---- parameters ------------------------------------------------------------------------------------------------------


def data_of(x: Any) -> Any:
    return x._array if isinstance(x, Tensor) else x


def is_number(x: Any, value: float) -> bool:
    return type(x) in (float, int) and x == value


def parameter(x: Any, dtype: np.dtype) -> Any:
    """A parameter as it enters arithmetic: numbers weak, lists and integer arrays in the draw's dtype."""
    if type(x) in (float, int) or (hasattr(x, "dtype") and x.dtype.kind == "f"):
        return x
    return x.astype(dtype) if isinstance(x, Tensor) else np.asarray(x, dtype)


def moved(loc: Any, scale: Any, z: Tensor) -> Tensor:
    z = z if is_number(scale, 1.0) else parameter(scale, z.dtype) * z
    return z if is_number(loc, 0.0) else parameter(loc, z.dtype) + z


def dtype_of(name: str, dtype: Any, *params: Any) -> np.dtype:
    if dtype is None:
        found = [data_of(p).dtype for p in params if hasattr(p, "dtype") and data_of(p).dtype.kind == "f"]
        dtype = np.result_type(*found) if found else None
    return floating_dtype(name, dtype)


def standard(
    name: str, operation: Any, size: Any, dtype: Any, source: Generator | None, *params: Any, broadcast: bool = True
) -> Tensor:
    """Draws of the standard distribution, of the shape and dtype that the parameters and size ask for."""
    shape = (
        size_of(name, size, np.broadcast_shapes(*[np.shape(data_of(p)) for p in params]))
        if broadcast
        else as_shape(size)
    )
    return drawn(operation, source, shape=shape, dtype=dtype_of(name, dtype, *params))


def size_of(name: str, size: Any, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape that was asked for, if parameters of this shape broadcast to it."""
    if size is None:
        return shape
    asked = as_shape(size)
    try:
        fits = np.broadcast_shapes(asked, shape) == asked
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(f"{name}: parameters of shape {shape} do not broadcast to the size {asked}")
    return asked


def refuse_negative(name: str, scale: Any) -> None:
    if np.any(np.asarray(data_of(scale)) < 0.0):
        raise ValueError(f"{name}: the scale must not be negative")
