"""Operations that the kernels room has native entries for: convolution and pooling run where their operands are in the arena.

A row takes the builder, the inputs and the parameters, as those of `operations` do. What it makes is a `native` value: plans of
the kernels room, with which operand or result is which of a plan's four arrays; operands are contiguous. Whatever a layer's
dispatch leaves to the plain loops stays opaque.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from .build import Builder, Unreadable
from .indexing import LOWER as LOWER
from .operations import lowering
from .program import BOOL, Value

if TYPE_CHECKING:
    from ..kernels.geometry import Convolution, Pooling
    from ..kernels.plan import Plan

MOST_TAPS = 9
"""Elements of a window up to which max pooling compares slices; short rows cost the kernels room's loops over rows more."""

Argument = tuple[int, int] | np.ndarray | None
"""One of a plan's arrays: (operand, element at which it starts), operands counted on into the results; or numbers; or nothing."""


@dataclass
class Native:
    """The parameters of a native value: its name, and plans to run one after the other with their arrays."""

    name: str
    runs: list[tuple[Plan, Sequence[Argument]]]
    results: list[Value] = field(default_factory=list)  # all of them: a plan writes what nobody wants, too

    @property
    def workspace(self) -> int:
        """Bytes that a run needs, from the start of a cache line."""
        return max(plan.workspace for plan, _ in self.runs)

    def __repr__(self) -> str:
        return self.name


def native(
    b: Builder, call: Native, inputs: Sequence[Value], outputs: Sequence[tuple[tuple[int, ...], Any]]
) -> list[Value]:
    """The results of a native call."""
    made = Value("native", list(inputs), call, (), BOOL, origin=b.origin)
    call.results = [
        Value("result", [made], k, shape, np.dtype(d), None, b.origin) for k, (shape, d) in enumerate(outputs)
    ]
    return call.results


def _checked(dtype: np.dtype, *arrays: Any) -> None:
    if dtype not in (np.float32, np.float64) or any([not isinstance(a, Value) or a.dtype != dtype for a in arrays]):
        raise Unreadable("arrays that are not all float32 or all float64")


# ---- convolution ---------------------------------------------------------------------------------------------------


def _pieces(which: str, geometry: Convolution, dtype: np.dtype) -> list[tuple[Plan, slice]]:
    """Plans of one pass, each with the images it takes."""
    from ..kernels import convolution
    from ..kernels.threads import get_num_threads

    choice = convolution.choose(which, geometry, dtype, get_num_threads())
    if choice.plan is None or not geometry.batch:
        raise Unreadable("a convolution by the plain loops")
    return list(convolution._pieces(choice, which, geometry, dtype))


def _over_images(which: str, geometry: Convolution, dtype: np.dtype, source: int, target: int, rest: Any) -> Any:
    """The runs of a pass from images of `source` elements to images of `target` elements."""
    operands = 3 if rest is not None else 2
    return [
        (plan, [(0, images.start * source), (1, 0), rest, (operands, images.start * target)])
        for plan, images in _pieces(which, geometry, dtype)
    ]


@lowering("conv")
def _conv(b: Builder, x: Value, w: Value, bias: Any, geometry: Convolution) -> Value:
    _checked(x.dtype, x, w)
    inputs, rest = [x, w], None
    if bias is not None:
        _checked(x.dtype, bias)
        inputs, rest = [x, w, _epilogue(b, bias)], (2, 0)
    sizes = x.size // geometry.batch, int(np.prod(geometry.y_shape[1:]))
    runs = _over_images("forward", geometry, x.dtype, *sizes, rest)
    return native(b, Native("conv", runs), inputs, [(geometry.y_shape, x.dtype)])[0]


def _epilogue(b: Builder, bias: Value) -> Value:
    """What a convolution's last step reads: the least and the largest result, the bias, and zeros for lanes past it."""
    one = [b.reshape(b.constant(end, bias.dtype), (1,)) for end in (-np.inf, np.inf)]
    return b.assemble([(one[0], ((0, 1),)), (one[1], ((1, 1),)), (bias, ((2, 1),))], (2 + bias.size + 64,))


@lowering("conv_input")
def _conv_input(b: Builder, dy: Value, w: Value, geometry: Convolution) -> Value:
    _checked(dy.dtype, dy, w)
    sizes = dy.size // geometry.batch, int(np.prod(geometry.x_shape[1:]))
    runs = _over_images("input gradient", geometry, dy.dtype, *sizes, None)
    return native(b, Native("conv_input", runs), [dy, w], [(geometry.x_shape, dy.dtype)])[0]


@lowering("conv_weight")
def _conv_weight(b: Builder, dy: Value, x: Value, geometry: Convolution) -> Value:
    _checked(dy.dtype, dy, x)
    total: Value | None = None
    for plan, images in _pieces("weight gradient", geometry, dy.dtype):
        start = images.start
        arrays = [(0, start * (dy.size // geometry.batch)), (1, start * (x.size // geometry.batch)), None, (2, 0)]
        part = native(b, Native("conv_weight", [(plan, arrays)]), [dy, x], [(geometry.w_shape, dy.dtype)])[0]
        total = part if total is None else b.apply("add", total, part)
    assert total is not None
    return total


# ---- pooling -------------------------------------------------------------------------------------------------------


def _pool(
    b: Builder, name: str, kernel: Any, geometry: Pooling, inputs: Sequence[Value], arrays: Any, outputs: Any
) -> list[Value]:
    from ..kernels import pooling
    from ..kernels.threads import get_num_threads

    plan = pooling._plan(kernel, geometry, inputs[0].dtype, get_num_threads())
    return native(b, Native(name, [(plan, arrays)]), inputs, outputs)


@lowering("max_pool")
def _max_pool(b: Builder, x: Value, geometry: Pooling) -> tuple[Value, ...]:
    from ..kernels import pooling

    _checked(x.dtype, x)
    winners = pooling.winner_type(geometry)
    if geometry.taps <= MOST_TAPS and _stays_inside(geometry):
        return _max_by_taps(b, x, geometry, np.dtype(winners))
    outputs = [(geometry.y_shape, x.dtype), (geometry.y_shape, winners)]
    arrays = [(0, 0), (1, 0), None, (2, 0)]
    return tuple(_pool(b, "max_pool", pooling.max_forward[winners], geometry, [x], arrays, outputs))


def _by_winners(name: str, kernels: str, to: str) -> Callable[..., Value]:
    def lower(b: Builder, x: Value, winners: Value, geometry: Pooling) -> Value:
        from ..kernels import pooling

        _checked(x.dtype, x)
        kind = pooling.winner_type(geometry)
        if not isinstance(winners, Value) or winners.dtype != kind:
            raise Unreadable("winners of another type")
        arrays = [(0, 0), (2, 0), None, (1, 0)]
        outputs = [(getattr(geometry, to), x.dtype)]
        return _pool(b, name, getattr(pooling, kernels)[kind], geometry, [x, winners], arrays, outputs)[0]

    return lower


def _stays_inside(geometry: Pooling) -> bool:
    """Whether every window lies in the input."""
    return not any(geometry.before) and all(
        [
            (n - 1) * s + (k - 1) * d < size
            for n, s, k, d, size in zip(
                geometry.output, geometry.stride, geometry.kernel, geometry.dilation, geometry.input, strict=True
            )
        ]
    )


def _max_by_taps(b: Builder, x: Value, geometry: Pooling, winners: np.dtype) -> tuple[Value, Value]:
    """Max pooling as comparisons of as many slices as a window has elements, which fuse with what stands around them."""
    best = won = None
    for number, tap in enumerate(np.ndindex(*geometry.kernel)):
        starts = [t * d for t, d in zip(tap, geometry.dilation, strict=True)]
        ends = [start + (n - 1) * s + 1 for start, n, s in zip(starts, geometry.output, geometry.stride, strict=True)]
        key = [slice(*k) for k in zip(starts, ends, geometry.stride, strict=True)]
        value = b.slice(x, (slice(None), slice(None), *key))
        if best is None or won is None:
            best, won = value, b.full(0, value.shape, winners)
            continue
        better = b.apply("logical_or", b.apply("greater", value, best), b.apply("isnan", value))
        best, won = b.apply("where", better, value, best), b.apply("where", better, b.constant(number, winners), won)
    assert best is not None and won is not None
    return best, won


lowering("max_pool_scatter")(_by_winners("max_pool_scatter", "max_scatter", "x_shape"))
lowering("max_pool_take")(_by_winners("max_pool_take", "max_gather", "y_shape"))


@lowering("average_pool")
def _average_pool(
    b: Builder, x: Value, geometry: Pooling, count_include_pad: bool = True, divisor: Any = None
) -> Value:
    from ..kernels import pooling

    _checked(x.dtype, x)
    if geometry.is_global and divisor is None:
        space = tuple(range(2, len(x.shape)))
        return b.apply("divide", b.reduce("sum", x, space, True), float(geometry.taps))
    pooling._averaging(geometry)
    scale = pooling._scale(geometry, x.dtype, count_include_pad, divisor)
    outputs = [(geometry.y_shape, x.dtype)]
    return _pool(b, "average_pool", pooling.average_forward, geometry, [x], [(0, 0), (1, 0), scale, None], outputs)[0]


@lowering("average_pool_spread")
def _average_pool_spread(
    b: Builder, dy: Value, geometry: Pooling, count_include_pad: bool = True, divisor: Any = None
) -> Value:
    from ..kernels import pooling

    _checked(dy.dtype, dy)
    if geometry.is_global and divisor is None:
        return b.broadcast(b.apply("divide", dy, float(geometry.taps)), geometry.x_shape)
    pooling._averaging(geometry)
    scale = pooling._scale(geometry, dy.dtype, count_include_pad, divisor)
    outputs = [(geometry.x_shape, dy.dtype)]
    return _pool(
        b, "average_pool_spread", pooling.average_gradient, geometry, [dy], [(0, 0), (1, 0), scale, None], outputs
    )[0]


# ---- resizing ------------------------------------------------------------------------------------------------------


def _resized(b: Builder, name: str, x: Value, size: Sequence[int], axes: Sequence[int], settings: Any) -> Value:
    """One axis after the other, each by its banded matrix or that one's transpose."""
    from ..kernels import resizing
    from ..kernels.threads import get_num_threads

    _checked(x.dtype, x)
    mode, align_corners, scale = settings
    what = resizing.combine if name == "resample" else resizing.spread
    for axis in axes:
        shape = (*x.shape[:axis], size[axis - 2], *x.shape[axis + 1 :])
        lengths = (x.shape[axis], shape[axis]) if name == "resample" else (shape[axis], x.shape[axis])
        outer, width = math.prod(shape[:axis]), math.prod(shape[axis + 1 :])
        factor = None if scale is None else scale[axis - 2]
        plan, weight = resizing._plan(
            what, outer, *lengths, width, mode, align_corners, factor, x.dtype, get_num_threads()
        )
        x = native(b, Native(name, [(plan, [(0, 0), weight, None, (1, 0)])]), [x], [(shape, x.dtype)])[0]
    return x


@lowering("resample")
def _resample(b: Builder, x: Value, size: Any, mode: str, align_corners: bool, scale: Any) -> Value:
    return _resized(b, "resample", x, size, range(len(x.shape) - 1, 1, -1), (mode, align_corners, scale))


@lowering("resample_adjoint")
def _resample_adjoint(b: Builder, dy: Value, space: Any, mode: str, align_corners: bool, scale: Any) -> Value:
    return _resized(b, "resample_adjoint", dy, space, range(2, len(dy.shape)), (mode, align_corners, scale))
