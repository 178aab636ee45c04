"""Reading a forward: an operation's body is called on symbols, and what it does to them becomes values of the program.

Ufuncs, operators, `np.where`, `np.clip`, reductions (`np.add.reduce`, `np.sum`), reshape and astype are understood. Whatever else
a body does to a symbol raises, and the operation stays opaque: it is called as it is. So a body is read correctly or not at all;
the compiled step's first call is compared with the eager one besides.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .build import SUPPORTED, Builder, Unreadable, promoted
from .program import Value

REDUCES = {"add": "sum", "multiply": "product", "maximum": "maximum_over", "minimum": "minimum_over"}


class Symbol:
    """Stands for an array while a body is read."""

    __slots__ = ("builder", "value")
    __array_priority__ = 2000.0

    def __init__(self, builder: Builder, value: Value) -> None:
        self.builder, self.value = builder, value

    shape = property(lambda self: self.value.shape)
    dtype = property(lambda self: self.value.dtype)
    ndim = property(lambda self: len(self.value.shape))
    size = property(lambda self: self.value.size)
    T = property(lambda self: self.transpose())

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method == "reduce":
            return self._reduce(ufunc, *inputs, **kwargs)
        if method != "__call__" or kwargs:
            raise Unreadable(f"np.{ufunc.__name__} with {method} or {sorted(kwargs)}")
        return _apply(self.builder, ufunc.__name__, *inputs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if function not in FUNCTIONS:
            raise Unreadable(f"np.{function.__name__} is not read")
        return FUNCTIONS[function](self.builder, *args, **kwargs)

    def _reduce(self, ufunc: np.ufunc, x: Any, axis: Any = 0, dtype: Any = None, out: Any = None, **kwargs: Any) -> Any:
        initial = kwargs.pop("initial", None)
        keepdims = kwargs.pop("keepdims", False)
        if out is not None or kwargs or ufunc.__name__ not in REDUCES or not isinstance(x, Symbol):
            raise Unreadable(f"np.{ufunc.__name__}.reduce with {sorted(kwargs)}")
        neutral = {"maximum": -np.inf, "minimum": np.inf}.get(ufunc.__name__)
        if initial is not None and initial != neutral:
            raise Unreadable("a reduction with an initial value")
        name, value = REDUCES[ufunc.__name__], x.value
        if name in ("sum", "product"):
            value = self.builder.cast(value, _accumulated_in(value.dtype, dtype))
        elif dtype is not None:
            raise Unreadable("an extremum of another dtype")
        if (
            name == "product" and value.dtype == np.float32
        ):  # the lanes' own products may be beyond float32 where all of it is not
            wide = self.builder.reduce(name, self.builder.cast(value, np.dtype(np.float64)), axis, bool(keepdims))
            return Symbol(self.builder, self.builder.cast(wide, value.dtype))
        return Symbol(self.builder, self.builder.reduce(name, value, axis, bool(keepdims)))

    def astype(self, dtype: Any, copy: bool = True) -> Symbol:
        return Symbol(self.builder, self.builder.cast(self.value, np.dtype(dtype)))

    def reshape(self, *shape: Any) -> Symbol:
        shape = shape[0] if len(shape) == 1 and isinstance(shape[0], tuple) else shape
        return Symbol(self.builder, self.builder.reshape(self.value, tuple(shape)))

    def transpose(self, *axes: Any) -> Symbol:
        axes = axes[0] if len(axes) == 1 and isinstance(axes[0], tuple) else axes
        return Symbol(self.builder, self.builder.transpose(self.value, axes or tuple(range(self.ndim))[::-1]))

    def copy(self) -> Symbol:
        return self

    def _refuse(self, *args: Any, **kwargs: Any) -> Any:
        raise Unreadable("the body looks at values")

    __bool__ = __float__ = __int__ = __index__ = __iter__ = __len__ = __getitem__ = __setitem__ = __array__ = _refuse
    __iadd__ = __isub__ = __imul__ = __itruediv__ = _refuse
    __hash__ = object.__hash__


def _operator(name: str, reflected: bool = False) -> Any:
    if reflected:
        return lambda self, other: _apply(self.builder, name, other, self)
    return lambda self, *other: _apply(self.builder, name, self, *other)


for _python, _ufunc in {
    "add": "add", "sub": "subtract", "mul": "multiply", "truediv": "divide", "floordiv": "floor_divide",
    "mod": "remainder", "pow": "power", "and": "bitwise_and", "or": "bitwise_or", "xor": "bitwise_xor",
    "lshift": "left_shift", "rshift": "right_shift",
}.items():  # fmt: skip
    setattr(Symbol, f"__{_python}__", _operator(_ufunc))
    setattr(Symbol, f"__r{_python}__", _operator(_ufunc, reflected=True))
for _python, _ufunc in {
    "lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal", "eq": "equal", "ne": "not_equal",
    "neg": "negative", "abs": "absolute", "invert": "invert", "pos": "positive",
}.items():  # fmt: skip
    setattr(Symbol, f"__{_python}__", _operator(_ufunc))


def operand(builder: Builder, x: Any) -> Any:
    """A Symbol's value, a NumPy number as a constant, a Python number as it is."""
    if isinstance(x, Symbol):
        return x.value
    if isinstance(x, Value) or type(x) in (int, float, bool):
        return x
    if isinstance(x, (np.generic, np.ndarray)) and np.ndim(x) == 0 and x.dtype in SUPPORTED:
        return builder.constant(x, x.dtype)
    raise Unreadable(f"an operand of {type(x).__name__}")


def _apply(builder: Builder, name: str, *inputs: Any) -> Symbol:
    name = {"abs": "absolute", "true_divide": "divide"}.get(name, name)
    return Symbol(builder, composed(builder, name, [operand(builder, x) for x in inputs]))


def composed(builder: Builder, name: str, x: list[Any]) -> Value:
    """A ufunc as one primitive, or as a few where there is none of its name."""
    if name in COMPOSITIONS:
        return COMPOSITIONS[name](builder, *x)
    return builder.apply(name, *x)


def _promoted(b: Builder, name: str, *x: Any) -> list[Value]:
    """A ufunc's operands in the dtype that it computes in."""
    taken, _ = promoted(name, tuple([o.dtype if isinstance(o, Value) else type(o) for o in x]))
    return [b.cast(o, d) if isinstance(o, Value) else b.constant(o, d) for o, d in zip(x, taken, strict=True)]


def _logaddexp(b: Builder, x: Any, y: Any, scale: float = 1.0) -> Value:
    x, y = _promoted(b, "logaddexp", x, y)
    difference = b.apply("subtract", x, y)
    larger = b.apply("maximum", x, y)
    rest = b.apply("exp", b.apply("multiply", b.apply("negative", b.apply("absolute", difference)), scale))
    total = b.apply("add", larger, b.apply("divide", b.apply("log1p", rest), scale))
    return b.apply("where", b.apply("equal", x, y), b.apply("add", x, float(np.log(2.0) / scale)), total)


COMPOSITIONS: dict[str, Callable[..., Value]] = {
    "logaddexp": _logaddexp,
    "logaddexp2": lambda b, x, y: _logaddexp(b, x, y, scale=float(np.log(2.0))),
    "deg2rad": lambda b, x: b.apply("multiply", x, float(np.pi / 180.0)),
    "rad2deg": lambda b, x: b.apply("multiply", x, float(180.0 / np.pi)),
}


# ---- functions of arrays -------------------------------------------------------------------------------------------


def _accumulated_in(given: np.dtype, asked: Any) -> np.dtype:
    """What np.sum and np.prod add up in: integers narrower than the platform's in the platform's."""
    if asked is not None:
        return np.dtype(asked)
    if given.kind == "b" or (given.kind == "i" and given.itemsize < 8):
        return np.dtype(np.int64)
    return np.dtype(np.uint64) if given.kind == "u" and given.itemsize < 8 else given


def _where(builder: Builder, condition: Any, x: Any, y: Any) -> Symbol:
    return _apply(builder, "where", condition, x, y)


def _clip(builder: Builder, x: Any, low: Any = None, high: Any = None) -> Symbol:
    out = operand(builder, x)
    if low is not None:
        out = builder.apply("maximum", out, operand(builder, low))
    if high is not None:
        out = builder.apply("minimum", out, operand(builder, high))
    return Symbol(builder, out)


def _nan_to_num(
    builder: Builder, x: Any, copy: bool = True, nan: float = 0.0, posinf: Any = None, neginf: Any = None
) -> Symbol:
    v = operand(builder, x)
    if v.dtype.kind != "f":
        return Symbol(builder, v)
    ends = np.finfo(v.dtype)
    out = builder.apply("where", builder.apply("isnan", v), nan, v)
    for end, replaced in (
        (np.inf, ends.max if posinf is None else posinf),
        (-np.inf, ends.min if neginf is None else neginf),
    ):
        out = builder.apply("where", builder.apply("equal", v, end), float(replaced), out)
    return Symbol(builder, out)


def _round(builder: Builder, x: Any, decimals: int = 0, out: Any = None) -> Symbol:
    v = operand(builder, x)
    if v.dtype.kind != "f":
        raise Unreadable("integers are rounded by NumPy")
    if not decimals:
        return Symbol(builder, builder.apply("rint", v))
    there, back = ("multiply", "divide") if decimals > 0 else ("divide", "multiply")
    scale = float(10 ** abs(decimals))
    return Symbol(builder, builder.apply(back, builder.apply("rint", builder.apply(there, v, scale)), scale))


def _reducing(ufunc: np.ufunc) -> Callable[..., Any]:
    return lambda builder, x, axis=None, dtype=None, out=None, **kwargs: x._reduce(ufunc, x, axis, dtype, out, **kwargs)


def _truth_over(name: str) -> Callable[..., Symbol]:
    def read(builder: Builder, x: Any, axis: Any = None, out: Any = None, keepdims: bool = False) -> Symbol:
        truth = builder.cast(operand(builder, x), np.dtype(bool))
        return Symbol(builder, builder.reduce(name, truth, axis, keepdims))

    return read


def _count_nonzero(builder: Builder, x: Any, axis: Any = None, *, keepdims: bool = False) -> Symbol:
    truth = builder.cast(builder.cast(operand(builder, x), np.dtype(bool)), np.dtype(np.int64))
    return Symbol(builder, builder.reduce("sum", truth, axis, keepdims))


def _var(builder: Builder, x: Symbol, axis: Any = None, ddof: float = 0, keepdims: bool = False) -> Symbol:
    """The mean square distance from the mean, in two passes, as NumPy has it."""
    if x.dtype.kind != "f":
        raise Unreadable("the variance of integers")
    n = x.size // builder.reduce("sum", x.value, axis, True).size
    mean = builder.apply("divide", builder.reduce("sum", x.value, axis, True), float(n))
    away = builder.apply("subtract", x.value, mean)
    squares = builder.reduce("sum", builder.apply("multiply", away, away), axis, keepdims)
    return Symbol(builder, builder.apply("divide", squares, float(max(n - ddof, 0))))


def _std(builder: Builder, *args: Any, **kwargs: Any) -> Symbol:
    return _apply(builder, "sqrt", _var(builder, *args, **kwargs))


FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.where: _where,
    np.clip: _clip,
    np.nan_to_num: _nan_to_num,
    np.round: _round,
    np.sum: _reducing(np.add),
    np.prod: _reducing(np.multiply),
    np.max: _reducing(np.maximum),
    np.min: _reducing(np.minimum),
    np.all: _truth_over("minimum_over"),
    np.any: _truth_over("maximum_over"),
    np.count_nonzero: _count_nonzero,
    np.var: _var,
    np.std: _std,
    np.shape: lambda builder, x: x.shape,
    np.ndim: lambda builder, x: x.ndim,
}


def read(builder: Builder, forward: Callable[..., Any], inputs: list[Any], params: dict[str, Any]) -> Value:
    """The value of a forward's one result; Unreadable where the body does what no primitive does."""
    symbols = [Symbol(builder, x) if isinstance(x, Value) else x for x in inputs]
    try:
        result = forward(*symbols, **params)
    except Unreadable:
        raise
    except Exception as error:  # a body that cannot be called on symbols says so in its own way
        raise Unreadable(f"{type(error).__name__}: {error}") from error
    if not isinstance(result, Symbol):
        raise Unreadable(f"the body returned {type(result).__name__}")
    return result.value
