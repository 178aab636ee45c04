"""Convolution: three bilinear operations closed under differentiation, over the kernels room.

    y  = conv(x, w)            conv_input(dy, w) is its adjoint in x, conv_weight(dy, x) its adjoint in w

Each one's rule is written with the other two, so derivatives of every order are these three. What a layer does to shapes
is one hashable parameter, a `kernels.geometry.Convolution`; it is made, and every complaint about shapes raised, before
any of them runs. A transposed convolution *is* `conv_input`.

The kernels import numba, so a forward imports them when it is first called.

Decision: the bias is part of `conv`. The kernel adds it to sums that are still in registers, in at most 5 % of the time; a
separate addition reads and writes the result once more, in another 14 to 50 % (3x3, 1x1, depthwise and first layers at 56 to
112 pixels). The bias of a transposed convolution is an addition, since its kernel is that of a gradient.

Decision: an activation that is a clamp can be asked for with the convolution (`activation="relu"`), for the same reason. That is
an operation of its own, `conv_activated`, because one mask of the cotangent then serves all three gradients.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from ..engine.modes import current
from ..engine.op import op
from ..engine.tensor import Tensor, operand
from ..kernels.geometry import Convolution
from .activation import relu6
from .elementwise import relu, within_
from .reduction import sum
from .shape import broadcast_to_, concatenate_, detach, reshape_
from .slicing import slice_
from .spatial import SPACE, faces

__all__ = ["conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d"]


# ---- the triple ----------------------------------------------------------------------------------------------------


@op(kind="product")
def conv(x, w, b=None, /, *, geometry):
    """x (batch, in, *space) convolved with w (out, in / groups, *kernel), plus b (out,)."""
    from ..kernels.convolution import conv_forward

    return conv_forward(x, w, geometry, b)


@op(kind="product")
def conv_input(dy, w, /, geometry):
    """The cotangent of a convolution's input: its adjoint in x, and the transposed convolution of dy."""
    from ..kernels.convolution import conv_input_gradient

    return conv_input_gradient(dy, w, geometry)


@op(kind="product")
def conv_weight(dy, x, /, geometry):
    """The cotangent of a convolution's weight: its adjoint in w."""
    from ..kernels.convolution import conv_weight_gradient

    return conv_weight_gradient(dy, x, geometry)


conv.vjp(
    x=lambda g, w, geometry: conv_input(g, w, geometry),
    w=lambda g, x, geometry: conv_weight(g, x, geometry),
    b=lambda g: sum(g, (0, *range(2, g.ndim))),
)
conv_input.vjp(
    dy=lambda g, w, geometry: conv(g, w, geometry=geometry),
    w=lambda g, dy, geometry: conv_weight(dy, g, geometry),
)
conv_weight.vjp(
    dy=lambda g, x, geometry: conv(x, g, geometry=geometry),
    x=lambda g, dy, geometry: conv_input(dy, g, geometry),
)


# ---- with an activation --------------------------------------------------------------------------------------------

ACTIVATIONS = {"relu": relu, "relu6": relu6}


@op(kind="fused")
def conv_activated(x, w, b=None, /, *, geometry, activation):
    """`conv`, and its result clamped by one of `ACTIVATIONS`."""
    return ACTIVATIONS[activation](conv(x, w, b, geometry=geometry))


@conv_activated.fast
def _conv_activated(x: Any, w: Any, b: Any, geometry: Convolution, activation: str) -> Any:
    from ..kernels.convolution import conv_forward

    return conv_forward(x, w, geometry, b, activation)


@conv_activated.joint_vjp
def _conv_activated_vjp(g: Any, out: Any, x: Any, w: Any, geometry: Convolution, activation: str, wanted: Any) -> Any:
    g = within_(g, detach(out), 0.0, 6.0 if activation == "relu6" else math.inf)
    return (
        conv_input(g, w, geometry) if wanted[0] else None,
        conv_weight(g, x, geometry) if wanted[1] else None,
        sum(g, (0, *range(2, g.ndim))) if wanted[2] else None,
    )


# ---- arguments, as all operations over kernels take them -----------------------------------------------------------


def hashable(value: Any) -> Any:
    """Numbers, or sequences of them, as something that can be a parameter."""
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    if isinstance(value, (Tensor, np.ndarray)):
        value = value.tolist()
    return tuple([hashable(v) for v in value]) if isinstance(value, (tuple, list)) else value


def located(name: str, error: Exception) -> Exception:
    """The exception to raise instead of one about shapes: it names the operation and the module."""
    scope = current().scope
    made = type(error)(f"{name}: {error}" + ("" if scope is None else f"\n  in module {scope[0]}"))
    made.explained = True  # type: ignore[attr-defined]
    return made


def described(name: str, make: Callable[..., Any], *arguments: Any) -> Any:
    """make(*arguments), a geometry; what it complains of is raised in the name of the operation."""
    try:
        return make(*arguments)
    except (TypeError, ValueError) as error:
        raise located(name, error) from None


def images(name: str, x: Any, dims: int | None, what: str = "x") -> Any:
    """An input as an array or Tensor of the shape (batch, channels, *space); `dims` is how many spatial axes there must be."""
    x = x if isinstance(x, (Tensor, np.ndarray)) else operand(x, name)
    n = x.ndim - 2
    if n not in (1, 2, 3) if dims is None else n != dims:
        space = "*space" if dims is None else SPACE[dims]
        hint = f"; add the batch axis with {what}[None]" if n + 1 == dims else ""
        error = ValueError(f"{what} must have the axes (batch, channels, {space}), not the shape {x.shape}{hint}")
        raise located(name, error)
    return x


_of = lru_cache(maxsize=1024, typed=True)(Convolution.of)
_transposed = lru_cache(maxsize=1024, typed=True)(Convolution.transposed)


# ---- padding -------------------------------------------------------------------------------------------------------


def _sides(x: Any, axis: int, before: int, after: int, mode: str) -> tuple[Any, Any]:
    """What a mode puts before and after x along an axis."""
    n, lead = x.shape[axis], ((None, None, None),) * axis
    if mode == "circular":
        return slice_(x, (*lead, (n - before, None, None))), slice_(x, (*lead, (None, after, None)))
    if mode == "reflect":
        first = slice_(x, (*lead, (before, 0, -1)))
        return first, slice_(x, (*lead, (n - 2, n - 2 - after if after < n - 1 else None, -1)))
    shape = x.shape
    first, last = slice_(x, (*lead, (0, 1, None))), slice_(x, (*lead, (n - 1, n, None)))
    return (
        broadcast_to_(first, (*shape[:axis], before, *shape[axis + 1 :])),
        broadcast_to_(last, (*shape[:axis], after, *shape[axis + 1 :])),
    )


def padded(name: str, x: Any, before: tuple[int, ...], after: tuple[int, ...], mode: str) -> Any:
    """x with its spatial axes continued by reflection, by their last value or from the other end."""
    least = {"reflect": 1, "circular": 0}.get(mode)
    for axis, (b, a) in enumerate(zip(before, after, strict=True), 2):
        n = x.shape[axis]
        if least is not None and n - least < max(a, b) > 0:
            error = ValueError(
                f"mode {mode!r} can add at most {n - least} on each side of axis {axis}, whose length is {n}, "
                f"not {max(a, b)}; x has the shape {x.shape}"
            )
            raise located(name, error)
        if a or b:
            left, right = _sides(x, axis, b, a, mode)
            x = concatenate_(*([left] if b else []), x, *([right] if a else []), axis=axis)
    return x


# ---- convolution ---------------------------------------------------------------------------------------------------

PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


def weight(name: str, w: Any, dims: int, axes: str) -> Any:
    """A convolution's weight as an array or Tensor with as many axes as it must have."""
    w = w if isinstance(w, (Tensor, np.ndarray)) else operand(w, name)
    if w.ndim != dims + 2:
        kernel = ", ".join(f"kernel {s}" for s in SPACE[dims].split(", "))
        raise located(name, ValueError(f"w must have the axes {axes.format(kernel)}, not the shape {w.shape}"))
    return w


def _conv(
    dims: int,
    x: Any,
    w: Any,
    b: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    padding_mode: str = "zeros",
    activation: str | None = None,
) -> Any:
    """Convolution (the kernel is not flipped) over {axes}, as PyTorch's.

    Shapes: x (batch, in, {space}), w (out, in / groups, kernel's {space}), b (out,) to (batch, out, {result}), along each axis
    ``size' = (size + padding before and after - dilation * (kernel - 1) - 1) // stride + 1``.

    `stride` and `dilation` (the distance of the kernel's elements) are a number or one for each axis; `padding` that, a
    (before, after) pair for each axis, ``"same"`` (stride 1 only) or ``"valid"``; `groups` cuts the channels into parts
    convolved apart; `padding_mode` is ``"zeros"``, ``"reflect"``, ``"replicate"`` or ``"circular"``; `activation` is None,
    ``"relu"`` or ``"relu6"``, applied before the result is stored.
    Raises ValueError for shapes that do not fit, TypeError for arrays that are not both float32 or both float64.
    """
    name = f"conv{dims}d"
    x, w = images(name, x, dims), weight(name, w, dims, "(out_channels, in_channels / groups, {})")
    if padding_mode not in PADDING_MODES:
        raise located(name, ValueError(f"padding_mode {padding_mode!r} is not one of {', '.join(PADDING_MODES)}"))
    if activation is not None and activation not in ACTIVATIONS:
        hint = f"activation {activation!r} is not one of {', '.join(ACTIVATIONS)}; apply it to the result"
        raise located(name, ValueError(hint))
    stride, padding, dilation = hashable(stride), hashable(padding), hashable(dilation)
    geometry = described(name, _of, x.shape, w.shape, stride, padding, dilation, groups)
    if padding_mode != "zeros" and any(geometry.before + geometry.after):
        x = padded(name, x, geometry.before, geometry.after, padding_mode)
        geometry = _of(x.shape, w.shape, stride, 0, dilation, groups)
    if activation is None:
        return conv(x, w, b, geometry=geometry)
    return conv_activated(x, w, b, geometry=geometry, activation=activation)


conv1d, conv2d, conv3d = faces(
    _conv,
    """
    >>> ag.conv1d(ag.tensor([[[1.0, 2.0, 4.0]]]), ag.tensor([[[-1.0, 1.0]]]))
    tensor([[[1., 2.]]], dtype=float32)
    """,
    """
    >>> x = ag.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    >>> ag.conv2d(x, ag.ones((1, 1, 2, 2)), ag.tensor([0.5]))
    tensor([[[[10.5]]]], dtype=float32)
    """,
    """
    >>> ag.conv3d(ag.ones((1, 2, 4, 5, 6)), ag.ones((3, 2, 2, 2, 2)), stride=2).shape
    (1, 3, 2, 2, 3)
    """,
)


# ---- transposed convolution ----------------------------------------------------------------------------------------


def _conv_transpose(
    dims: int,
    x: Any,
    w: Any,
    b: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Any:
    """The adjoint of a convolution in its input, over {axes}: each element of x adds its multiple of the kernel.

    Shapes: x (batch, in, {space}), w (in, out / groups, kernel's {space}), b (out,) to (batch, out, {result}), along each axis
    ``size' = (size - 1) * stride - padding before and after + dilation * (kernel - 1) + 1 + output_padding``.

    The arguments are those of the convolution that it is the adjoint of, see `conv2d`; `output_padding`, smaller than stride
    or dilation, says which of the sizes that this convolution maps to x's is meant. As PyTorch's, in this order.
    Raises ValueError for shapes that do not fit.
    """
    name = f"conv_transpose{dims}d"
    x, w = images(name, x, dims), weight(name, w, dims, "(in_channels, out_channels / groups, {})")
    stride, padding, output_padding, dilation = [hashable(v) for v in (stride, padding, output_padding, dilation)]
    arguments = (x.shape, w.shape, stride, padding, output_padding, dilation, groups)
    geometry = described(name, _transposed, *arguments)
    y = conv_input(x, w, geometry)
    if b is None:
        return y
    b = b if isinstance(b, (Tensor, np.ndarray)) else operand(b, name)
    if b.shape != (geometry.in_channels,):
        channels = f"the {geometry.in_channels} output channels of w {w.shape} in {operator.index(groups)} groups"
        raise located(name, ValueError(f"the bias has the shape {b.shape} for {channels}"))
    return y + reshape_(b, (1, -1) + (1,) * dims)


conv_transpose1d, conv_transpose2d, conv_transpose3d = faces(
    _conv_transpose,
    """
    >>> ag.conv_transpose1d(ag.tensor([[[1.0, 2.0]]]), ag.tensor([[[1.0, 10.0]]]), stride=2)
    tensor([[[ 1., 10.,  2., 20.]]], dtype=float32)
    """,
    """
    >>> ag.conv_transpose2d(ag.ones((1, 4, 8, 8)), ag.ones((4, 2, 3, 3)), stride=2, padding=1, output_padding=1).shape
    (1, 2, 16, 16)
    """,
    """
    >>> ag.conv_transpose3d(ag.ones((1, 4, 2, 3, 3)), ag.ones((4, 2, 2, 2, 2)), stride=2).shape
    (1, 2, 4, 6, 6)
    """,
)
