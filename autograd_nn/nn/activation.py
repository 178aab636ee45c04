"""Activations as modules: `functional.activation` says what each is.

Decision: `inplace`, where PyTorch has it, is taken and printed and changes nothing: results are arrays of their own.
"""

from __future__ import annotations

from typing import Any

from . import functional as F
from . import init
from .module import Module
from .parameter import empty_parameter

__all__ = [
    "CELU", "ELU", "GELU", "GLU", "SELU", "Hardshrink", "Hardsigmoid", "Hardswish", "Hardtanh", "LeakyReLU", "LogSigmoid",
    "Mish", "PReLU", "RReLU", "ReLU", "ReLU6", "SiLU", "Sigmoid", "Softplus", "Softshrink", "Softsign", "Tanh", "Tanhshrink",
    "Threshold",
]  # fmt: skip


class _InPlace(Module):
    """An activation whose only argument is `inplace`."""

    def __init__(self, inplace: bool = False) -> None:
        self.inplace = inplace

    def extra_repr(self) -> str:
        return "inplace=True" if self.inplace else ""


def _and_in_place(module: Any) -> str:
    return ", inplace=True" if module.inplace else ""


# ---- without arguments ---------------------------------------------------------------------------------------------


class ReLU(_InPlace):
    """max(x, 0), elementwise.

    >>> nn.ReLU()(ag.tensor([-1.0, 2.0]))
    tensor([0., 2.], dtype=float32)
    """

    def forward(self, input: Any) -> Any:
        return F.relu(input)


class ReLU6(_InPlace):
    """x limited to the interval from 0 to 6.

    >>> nn.ReLU6()(ag.tensor([-1.0, 7.0]))
    tensor([0., 6.], dtype=float32)
    """

    def forward(self, input: Any) -> Any:
        return F.relu6(input)


class SELU(_InPlace):
    """The scaled `ELU` that keeps mean 0 and variance 1 from layer to layer.

    >>> nn.SELU()(ag.tensor([1.0])).numpy().round(3)
    array([1.051], dtype=float32)
    """

    def forward(self, input: Any) -> Any:
        return F.selu(input)


class SiLU(_InPlace):
    """x sigmoid(x), also called swish.

    >>> nn.SiLU()(ag.tensor([2.0])).numpy().round(3)
    array([1.762], dtype=float32)
    """

    def forward(self, input: Any) -> Any:
        return F.silu(input)


class Mish(_InPlace):
    """x tanh(softplus(x)).

    >>> nn.Mish()(ag.tensor([2.0])).numpy().round(3)
    array([1.944], dtype=float32)
    """

    def forward(self, input: Any) -> Any:
        return F.mish(input)


class Hardswish(_InPlace):
    """x hardsigmoid(x).

    >>> nn.Hardswish()(ag.tensor([-1.5, 4.0]))
    tensor([-0.375,  4.   ], dtype=float32)
    """

    def forward(self, input: Any) -> Any:
        return F.hardswish(input)


class Hardsigmoid(_InPlace):
    """x / 6 + 1/2 limited to the interval from 0 to 1.

    >>> nn.Hardsigmoid()(ag.tensor([0.0, 4.0]))
    tensor([0.5, 1. ], dtype=float32)
    """

    def forward(self, input: Any) -> Any:
        return F.hardsigmoid(input)


class Sigmoid(Module):
    """1 / (1 + exp(-x)), elementwise.

    >>> nn.Sigmoid()(ag.tensor([0.0]))
    tensor([0.5], dtype=float32)
    """

    def forward(self, input: Any) -> Any:
        return F.sigmoid(input)


class LogSigmoid(Module):
    """The logarithm of `Sigmoid`.

    >>> nn.LogSigmoid()(ag.tensor([-100.0]))
    tensor([-100.], dtype=float32)
    """

    def forward(self, input: Any) -> Any:
        return F.logsigmoid(input)


class Tanh(Module):
    """Hyperbolic tangent, elementwise.

    >>> nn.Tanh()(ag.tensor([0.0]))
    tensor([0.], dtype=float32)
    """

    def forward(self, input: Any) -> Any:
        return F.tanh(input)


class Softsign(Module):
    """x / (1 + |x|).

    >>> nn.Softsign()(ag.tensor([1.0]))
    tensor([0.5], dtype=float32)
    """

    def forward(self, input: Any) -> Any:
        return F.softsign(input)


class Tanhshrink(Module):
    """x - tanh(x).

    >>> nn.Tanhshrink()(ag.tensor([0.0]))
    tensor([0.], dtype=float32)
    """

    def forward(self, input: Any) -> Any:
        return F.tanhshrink(input)


# ---- with arguments ------------------------------------------------------------------------------------------------


class _Alpha(Module):
    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        self.alpha, self.inplace = alpha, inplace

    def extra_repr(self) -> str:
        return f"alpha={self.alpha}{_and_in_place(self)}"


class ELU(_Alpha):
    r"""x where it is positive, :math:`\alpha (e^x - 1)` elsewhere.

    >>> nn.ELU()(ag.tensor([-1.0])).numpy().round(3)
    array([-0.632], dtype=float32)
    """

    def forward(self, input: Any) -> Any:
        return F.elu(input, self.alpha)


class CELU(_Alpha):
    r"""x where it is positive, :math:`\alpha (e^{x / \alpha} - 1)` elsewhere.

    >>> nn.CELU(2.0)(ag.tensor([-1.0])).numpy().round(3)
    array([-0.787], dtype=float32)
    """

    def forward(self, input: Any) -> Any:
        return F.celu(input, self.alpha)


class Hardtanh(Module):
    """x limited to an interval. ValueError unless min_val is below max_val.

    >>> nn.Hardtanh()(ag.tensor([-3.0, 0.5]))
    tensor([-1. ,  0.5], dtype=float32)
    """

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> None:
        if not min_val < max_val:
            raise ValueError(f"Hardtanh: min_val {min_val} is not below max_val {max_val}")
        self.min_val, self.max_val, self.inplace = min_val, max_val, inplace

    def extra_repr(self) -> str:
        return f"min_val={self.min_val}, max_val={self.max_val}{_and_in_place(self)}"

    def forward(self, input: Any) -> Any:
        return F.hardtanh(input, self.min_val, self.max_val)


class LeakyReLU(Module):
    """x where it is positive, negative_slope x elsewhere.

    >>> nn.LeakyReLU(0.5)(ag.tensor([2.0, -2.0]))
    tensor([ 2., -1.], dtype=float32)
    """

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        self.negative_slope, self.inplace = negative_slope, inplace

    def extra_repr(self) -> str:
        return f"negative_slope={self.negative_slope}{_and_in_place(self)}"

    def forward(self, input: Any) -> Any:
        return F.leaky_relu(input, self.negative_slope)


class PReLU(Module):
    """`LeakyReLU` with learned slopes: one, or one for each channel (axis 1). He et al., arXiv:1502.01852.

    Shapes: (batch, channels, ...), and the same back; weight (num_parameters,). Initialisation: `init`.

    >>> nn.PReLU()(ag.tensor([2.0, -2.0])).numpy()
    array([ 2. , -0.5], dtype=float32)
    """

    def __init__(self, num_parameters: int = 1, init: float = 0.25, device: Any = None, dtype: Any = None) -> None:
        self.num_parameters, self.init = num_parameters, init
        self.weight = empty_parameter((num_parameters,), dtype, device)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set all slopes to `init`."""
        init.constant_(self.weight, self.init)

    def extra_repr(self) -> str:
        return f"num_parameters={self.num_parameters}"

    def forward(self, input: Any) -> Any:
        return F.prelu(input, self.weight)


class RReLU(Module):
    """`LeakyReLU` with a slope drawn for each element from (lower, upper) in training, and their mean outside.

    >>> nn.RReLU(0.25, 0.75).eval()(ag.tensor([2.0, -2.0]))
    tensor([ 2., -1.], dtype=float32)
    """

    def __init__(self, lower: float = 1.0 / 8, upper: float = 1.0 / 3, inplace: bool = False) -> None:
        self.lower, self.upper, self.inplace = lower, upper, inplace

    def extra_repr(self) -> str:
        return f"lower={self.lower}, upper={self.upper}{_and_in_place(self)}"

    def forward(self, input: Any) -> Any:
        return F.rrelu(input, self.lower, self.upper, self.training)


class Threshold(Module):
    """x where it exceeds a threshold, a fixed value elsewhere.

    >>> nn.Threshold(1.0, -1.0)(ag.tensor([0.5, 2.0]))
    tensor([-1.,  2.], dtype=float32)
    """

    def __init__(self, threshold: float, value: float, inplace: bool = False) -> None:
        self.threshold, self.value, self.inplace = threshold, value, inplace

    def extra_repr(self) -> str:
        return f"threshold={self.threshold}, value={self.value}{_and_in_place(self)}"

    def forward(self, input: Any) -> Any:
        return F.threshold(input, self.threshold, self.value)


class GELU(Module):
    r"""x :math:`\Phi(x)`, elementwise; `approximate`: ``"none"`` (default) or ``"tanh"``.

    >>> nn.GELU()(ag.tensor([0.0]))
    tensor([0.], dtype=float32)
    """

    def __init__(self, approximate: str = "none") -> None:
        self.approximate = approximate

    def extra_repr(self) -> str:
        return f"approximate={self.approximate!r}"

    def forward(self, input: Any) -> Any:
        return F.gelu(input, self.approximate)


class GLU(Module):
    """The first half of x along a dimension times the sigmoid of the second.

    >>> nn.GLU()(ag.tensor([1.0, 2.0, 0.0, 0.0]))
    tensor([0.5, 1. ], dtype=float32)
    """

    def __init__(self, dim: int = -1) -> None:
        self.dim = dim

    def extra_repr(self) -> str:
        return f"dim={self.dim}"

    def forward(self, input: Any) -> Any:
        return F.glu(input, self.dim)


class Softplus(Module):
    r"""A smooth relu: :math:`\log(1 + e^{\beta x}) / \beta`; x itself where :math:`\beta x` exceeds the threshold.

    >>> nn.Softplus()(ag.tensor([0.0])).numpy().round(3)
    array([0.693], dtype=float32)
    """

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        self.beta, self.threshold = beta, threshold

    def extra_repr(self) -> str:
        return f"beta={self.beta}, threshold={self.threshold}"

    def forward(self, input: Any) -> Any:
        return F.softplus(input, self.beta, self.threshold)


class _Lambda(Module):
    def __init__(self, lambd: float = 0.5) -> None:
        self.lambd = lambd

    def extra_repr(self) -> str:
        return str(self.lambd)


class Softshrink(_Lambda):
    """x moved by lambd towards 0, and 0 where it is no further from it.

    >>> nn.Softshrink()(ag.tensor([2.0, 0.25, -2.0]))
    tensor([ 1.5,  0. , -1.5], dtype=float32)
    """

    def forward(self, input: Any) -> Any:
        return F.softshrink(input, self.lambd)


class Hardshrink(_Lambda):
    """x where it is further than lambd from 0, and 0 elsewhere.

    >>> nn.Hardshrink()(ag.tensor([2.0, 0.25, -2.0]))
    tensor([ 2.,  0., -2.], dtype=float32)
    """

    def forward(self, input: Any) -> Any:
        return F.hardshrink(input, self.lambd)
