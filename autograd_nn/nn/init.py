r"""Initialisers: they write random or fixed values into a Tensor (or an array, as ``layer.weight.data`` is), and return it.

`fan_in` and `fan_out` are how many inputs an output is summed from, and how many outputs an input goes to: for a weight
(out, in, *kernel), in and out times the kernel's size. What keeps the size of a signal from layer to layer (Glorot and
Bengio, 2010; He et al., arXiv:1502.01852) is a variance of gain^2 / fan.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ..engine import random
from ..engine.modes import no_grad
from ..engine.tensor import Tensor, assign
from ..ops.random import truncated_normal

if TYPE_CHECKING:
    from ..engine.random import Generator

__all__ = [
    "calculate_gain", "constant_", "dirac_", "eye_", "kaiming_normal_", "kaiming_uniform_", "normal_", "ones_", "orthogonal_",
    "sparse_", "trunc_normal_", "uniform_", "xavier_normal_", "xavier_uniform_", "zeros_",
]  # fmt: skip


def _numbers(generator: Generator | None) -> np.random.Generator:
    """NumPy's generator for one initialisation, seeded by one draw of ours."""
    source = random.generator() if generator is None else generator
    return source.numpy()


def _written(t: Any, values: Any) -> Any:
    if isinstance(t, np.ndarray):  # as ``layer.weight.data`` is
        t[...] = values
        return t
    with no_grad():
        return assign(t, values)


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Uniform on [a, b).

    >>> t = nn.init.uniform_(ag.zeros(100), -1.0, 1.0)
    >>> bool((abs(t) <= 1.0).all())
    True
    """
    return _written(tensor, _numbers(generator).uniform(a, b, tensor.shape))


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Normal, with this mean and standard deviation.

    >>> nn.init.normal_(ag.zeros(3), std=0.0)
    tensor([0., 0., 0.], dtype=float32)
    """
    return _written(tensor, mean + std * _numbers(generator).standard_normal(tensor.shape))


def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Generator | None = None,
) -> Tensor:
    """Normal, given that it lies within [a, b]. ValueError for an interval that is empty or 37 deviations from the mean.

    >>> t = nn.init.trunc_normal_(ag.zeros(1000), std=1.0, a=-1.0, b=1.0)
    >>> bool((abs(t) <= 1.0).all())
    True
    """
    if not a < b:
        raise ValueError(f"trunc_normal_: there is nothing between a={a} and b={b}")
    low, high = (a - mean) / std, (b - mean) / std
    drawn = truncated_normal(low, high, mean, std, tensor.shape, dtype=tensor.dtype, generator=generator)
    return _written(tensor, drawn.numpy() if isinstance(tensor, np.ndarray) else drawn)


def constant_(tensor: Tensor, val: float) -> Tensor:
    """One value everywhere.

    >>> nn.init.constant_(ag.zeros(2), 3.0)
    tensor([3., 3.], dtype=float32)
    """
    return _written(tensor, val)


def ones_(tensor: Tensor) -> Tensor:
    """Ones.

    >>> nn.init.ones_(ag.zeros(2))
    tensor([1., 1.], dtype=float32)
    """
    return _written(tensor, 1.0)


def zeros_(tensor: Tensor) -> Tensor:
    """Zeros.

    >>> nn.init.zeros_(ag.ones(2))
    tensor([0., 0.], dtype=float32)
    """
    return _written(tensor, 0.0)


def eye_(tensor: Tensor) -> Tensor:
    """The identity matrix: ones on the diagonal. ValueError unless there are two axes.

    >>> nn.init.eye_(ag.zeros((2, 2)))
    tensor([[1., 0.],
            [0., 1.]], dtype=float32)
    """
    if tensor.ndim != 2:
        raise ValueError(f"eye_: needs a matrix, not the shape {tensor.shape}")
    return _written(tensor, np.eye(*tensor.shape))


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """A convolution weight that passes its channels on: a one at the kernel's centre, from channel i to channel i of a group.

    Shape (out, in, *kernel), out divisible by groups.

    >>> float(nn.init.dirac_(ag.zeros((2, 2, 3))).sum())
    2.0
    """
    if not 3 <= tensor.ndim <= 5:
        raise ValueError(f"dirac_: needs a convolution weight of 3 to 5 axes, not the shape {tensor.shape}")
    if tensor.shape[0] % groups:
        raise ValueError(f"dirac_: {tensor.shape[0]} output channels do not divide into {groups} groups")
    values = np.zeros(tensor.shape)
    per_group = tensor.shape[0] // groups
    centre = tuple([n // 2 for n in tensor.shape[2:]])
    for group in range(groups):
        for i in range(min(per_group, tensor.shape[1])):
            values[(group * per_group + i, i, *centre)] = 1.0
    return _written(tensor, values)


_GAINS = {
    "linear": 1.0, "sigmoid": 1.0, "tanh": 5.0 / 3.0, "relu": math.sqrt(2.0), "selu": 0.75,
    "conv1d": 1.0, "conv2d": 1.0, "conv3d": 1.0, "conv_transpose1d": 1.0, "conv_transpose2d": 1.0, "conv_transpose3d": 1.0,
}  # fmt: skip


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    r"""What keeps a signal's size through a nonlinearity: 1 for linear and sigmoid, 5/3 tanh, :math:`\sqrt 2` relu, 3/4 selu.

    ``"leaky_relu"``: :math:`\sqrt{2 / (1 + s^2)}`, s the slope `param`, 0.01 by default. ValueError for other names.

    >>> nn.init.calculate_gain("leaky_relu", 0.0) == nn.init.calculate_gain("relu")
    True
    """
    if nonlinearity == "leaky_relu":
        return math.sqrt(2.0 / (1.0 + (0.01 if param is None else param) ** 2))
    if nonlinearity not in _GAINS:
        raise ValueError(f"calculate_gain: {nonlinearity!r} is not one of {[*_GAINS, 'leaky_relu']}")
    return _GAINS[nonlinearity]


def fans(tensor: Any) -> tuple[int, int]:
    """fan_in and fan_out of a weight (out, in, *kernel)."""
    if tensor.ndim < 2:
        raise ValueError(f"a Tensor of shape {tensor.shape} has no fan_in and fan_out; it needs at least two axes")
    area = math.prod(tensor.shape[2:])
    return tensor.shape[1] * area, tensor.shape[0] * area


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    r"""Uniform on (-k, k), :math:`k = \text{gain}\sqrt{6 / (\text{fan\_in} + \text{fan\_out})}`: Glorot and Bengio, 2010.

    >>> t = nn.init.xavier_uniform_(ag.zeros((3, 3)))
    >>> bool((abs(t) <= 1.0).all())
    True
    """
    k = gain * math.sqrt(6.0 / sum(fans(tensor)))
    return uniform_(tensor, -k, k, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    r"""Normal, :math:`\sigma = \text{gain}\sqrt{2 / (\text{fan\_in} + \text{fan\_out})}`: Glorot and Bengio, 2010.

    >>> nn.init.xavier_normal_(ag.zeros((3, 3))).shape
    (3, 3)
    """
    return normal_(tensor, 0.0, gain * math.sqrt(2.0 / sum(fans(tensor))), generator)


def _kaiming_deviation(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"kaiming initialisation: mode {mode!r} is not 'fan_in' or 'fan_out'")
    fan_in, fan_out = fans(tensor)
    return calculate_gain(nonlinearity, a) / math.sqrt(max(1, fan_in if mode == "fan_in" else fan_out))


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    r"""Uniform on (-k, k), :math:`k = \text{gain}\sqrt{3 / \text{fan}}`: He et al., arXiv:1502.01852.

    `a`: the slope of the leaky relu that follows.
    `mode`: ``"fan_in"`` (default) keeps the forward signal's size, ``"fan_out"`` the gradient's.

    >>> t = nn.init.kaiming_uniform_(ag.zeros((4, 6)))
    >>> bool((abs(t) <= 1.0).all())
    True
    """
    k = math.sqrt(3.0) * _kaiming_deviation(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -k, k, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    r"""Normal, :math:`\sigma = \text{gain} / \sqrt{\text{fan}}`: He et al., arXiv:1502.01852.

    >>> nn.init.kaiming_normal_(ag.zeros((4, 6)), nonlinearity="relu").shape
    (4, 6)
    """
    return normal_(tensor, 0.0, _kaiming_deviation(tensor, a, mode, nonlinearity), generator)


def orthogonal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Gain times a matrix with orthonormal rows or columns, the axes behind the first as one: Saxe et al., arXiv:1312.6120.

    >>> q = nn.init.orthogonal_(ag.zeros((3, 3), dtype=np.float64))
    >>> bool(np.allclose((q @ q.mT).numpy(), np.eye(3)))
    True
    """
    if tensor.ndim < 2:
        raise ValueError(f"orthogonal_: needs at least two axes, not the shape {tensor.shape}")
    rows, columns = tensor.shape[0], math.prod(tensor.shape[1:])
    normal = _numbers(generator).standard_normal((max(rows, columns), min(rows, columns)))
    q, r = np.linalg.qr(normal)
    q *= np.sign(np.diagonal(r))  # makes the distribution uniform
    return _written(tensor, gain * (q if rows >= columns else q.T).reshape(tensor.shape))


def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator: Generator | None = None) -> Tensor:
    """Normal, with the share `sparsity` of each column (rounded up) set to zero. ValueError unless there are two axes.

    >>> int((nn.init.sparse_(ag.zeros((4, 2)), 0.5) == 0.0).sum())
    4
    """
    if tensor.ndim != 2:
        raise ValueError(f"sparse_: needs a matrix, not the shape {tensor.shape}")
    numbers = _numbers(generator)
    values = std * numbers.standard_normal(tensor.shape)
    for column in values.T:
        column[numbers.permutation(len(column))[: math.ceil(sparsity * len(column))]] = 0.0
    return _written(tensor, values)
