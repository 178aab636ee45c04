"""Building programs: each primitive made in its simplest form, and only once.

Folding constants, common subexpressions, casts of casts, views of views and operands that need not be broadcast are all
decided where a value is made; there is no pass that looks for them afterwards. What is replaced gives the same bits
(x * 1 is x; x + 0 is not, for it turns -0 into 0).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from .primitives import ELEMENTWISE, FLOAT_ONLY
from .program import BOOL, REDUCTIONS, VIEWS, Value

SUPPORTED = frozenset(
    np.dtype(t)
    for t in ("float32", "float64", "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
)


class Unreadable(Exception):
    """There is no primitive for this: the operation becomes an opaque call of its forward."""


Operand = Any
"""A Value, or a Python number, which is weak in promotion as NumPy 2's are."""


class Builder:
    """Makes values; equal ones are one object. `origin` is noted on what is made."""

    def __init__(self) -> None:
        self.known: dict[Any, Value] = {}
        self.origin: Any = None
        self.checks: list[tuple[Value, str]] = []  # booleans that must be false, and the error's message
        self.bounds: dict[
            Value, tuple[float, float, Value | None]
        ] = {}  # what values lie within, and the check that says so

    def make(
        self, op: str, inputs: Sequence[Value], params: Any, shape: tuple[int, ...], dtype: np.dtype, data: Any = None
    ) -> Value:
        key = (op, *[id(i) for i in inputs], params, shape, dtype, data)
        found = self.known.get(key)
        if found is None:
            found = self.known[key] = Value(op, list(inputs), params, shape, dtype, data, self.origin)
        return found

    # ---- leaves ----------------------------------------------------------------------------------------------

    def input(self, index: int, shape: tuple[int, ...], dtype: np.dtype) -> Value:
        return self.make("input", (), index, shape, dtype)

    def memory(self, array: np.ndarray) -> Value:
        key = ("memory", id(array))
        found = self.known.get(key)
        if found is None:
            found = self.known[key] = Value("memory", [], None, array.shape, array.dtype, array, self.origin)
            found.layout = tuple([s // array.itemsize for s in array.strides])
        return found

    def constant(self, number: Any, dtype: np.dtype) -> Value:
        data = np.asarray(number, dtype)[()]
        key = ("constant", dtype, data.tobytes())
        found = self.known.get(key)
        if found is None:
            found = self.known[key] = Value("constant", [], None, (), dtype, data)
        return found

    def full(self, number: Any, shape: tuple[int, ...], dtype: np.dtype) -> Value:
        return self.broadcast(self.constant(number, dtype), shape)

    def iota(self, shape: tuple[int, ...], axis: int) -> Value:
        """The index along an axis, int64."""
        shape = tuple([n if a == axis else 1 for a, n in enumerate(shape)])
        return self.make("iota", (), axis, shape, np.dtype(np.int64))

    # ---- elementwise -----------------------------------------------------------------------------------------

    def apply(self, name: str, *operands: Operand) -> Value:
        """The elementwise primitive of this name (a ufunc's, or "where"), promoted and broadcast as NumPy does."""
        if name not in ELEMENTWISE:
            raise Unreadable(f"there is no native {name}")
        types = tuple([o.dtype if isinstance(o, Value) else type(o) for o in operands])
        taken, given = promoted(name, types)
        if name in FLOAT_ONLY and taken[0].kind != "f":
            raise Unreadable(f"there is no native {name} of integers")
        values = [
            self.cast(o, t) if isinstance(o, Value) else self.constant(o, t)
            for o, t in zip(operands, taken, strict=True)
        ]
        return self._elementwise(name, values, given)

    def cast(self, x: Value, dtype: np.dtype) -> Value:
        """x as another dtype, as astype gives it."""
        dtype = np.dtype(dtype)
        if dtype not in SUPPORTED or x.dtype not in SUPPORTED:
            raise Unreadable(f"values of {dtype if dtype not in SUPPORTED else x.dtype} are not compiled")
        if x.dtype == dtype:
            return x
        if x.op == "cast" and keeps_all(x.inputs[0].dtype, x.dtype):
            return self.cast(x.inputs[0], dtype)
        return self._elementwise("cast", [x], dtype)

    def copy(self, x: Value) -> Value:
        """x in memory of its own, even where it is a view."""
        return self.make("copy", (x,), None, x.shape, x.dtype)

    def _elementwise(self, name: str, values: list[Value], dtype: np.dtype) -> Value:
        full = np.broadcast_shapes(*[v.shape for v in values])
        values = [narrow(v) for v in values]
        shape = np.broadcast_shapes(*[v.shape for v in values])
        return self.broadcast(self._folded(name, values, shape, dtype), full)

    def _folded(self, name: str, values: list[Value], shape: tuple[int, ...], dtype: np.dtype) -> Value:
        if all([v.op == "constant" for v in values]) and shape == ():
            return self.constant(evaluate(name, [v.data for v in values], dtype), dtype)
        simpler = self._simpler(name, values, dtype)
        if simpler is not None and simpler.shape == shape:
            return simpler
        return self.make(name, values, dtype if name == "cast" else None, shape, dtype)

    def _simpler(self, name: str, v: list[Value], dtype: np.dtype) -> Value | None:
        """The same bits from a simpler value, or None."""
        number = [x.data if x.op == "constant" else None for x in v]
        if name in ("positive", "conjugate"):
            return v[0]
        if name == "multiply":
            for i in (0, 1):
                if number[i] is not None and number[i] == 1:
                    return v[1 - i]
        if name == "divide" and number[1] is not None and dtype.kind == "f":
            if number[1] == 1:
                return v[0]
            mantissa, power = math.frexp(float(number[1]))
            if abs(mantissa) == 0.5 and abs(power) < 100:
                return self._elementwise("multiply", [v[0], self.constant(1.0 / float(number[1]), dtype)], dtype)
        if name == "subtract" and number[1] is not None and number[1] == 0 and not np.signbit(number[1]):
            return v[0]
        if name == "add" and dtype.kind in "iu":
            for i in (0, 1):
                if number[i] is not None and number[i] == 0:
                    return v[1 - i]
        if name == "negative" and v[0].op == "negative":
            return v[0].inputs[0]
        if name == "logical_not" and v[0].op == "logical_not" and v[0].inputs[0].dtype == BOOL:
            return v[0].inputs[0]
        if name == "where" and number[0] is not None:
            return v[1] if number[0] else v[2]
        if name == "where" and v[1] is v[2]:
            return v[1]
        if name == "power" and number[1] is not None and dtype.kind == "f":
            x, exponent = v[0], float(number[1])
            if exponent == 2:
                return self._elementwise("multiply", [x, x], dtype)
            if exponent == 1:
                return x
            if exponent == 0.5:
                return self._elementwise("sqrt", [x], dtype)
            if exponent == -1:
                return self._elementwise("divide", [self.constant(1, dtype), x], dtype)
        if name == "square":
            return self._elementwise("multiply", [v[0], v[0]], dtype)
        if name == "reciprocal" and dtype.kind == "f":
            return self._elementwise("divide", [self.constant(1, dtype), v[0]], dtype)
        return None

    # ---- reductions ------------------------------------------------------------------------------------------

    def reduce(self, name: str, x: Value, axis: Any, keepdims: bool) -> Value:
        """One of the reductions over an axis, several, or all of them (None)."""
        if name not in REDUCTIONS:
            raise Unreadable(f"there is no native reduction {name}")
        ndim = len(x.shape)
        axes = range(ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
        axes = tuple(sorted({a % ndim for a in axes}))
        kept = tuple([1 if a in axes else n for a, n in enumerate(x.shape)])
        proper = tuple([a for a in axes if x.shape[a] != 1])
        if not math.prod(x.shape):
            raise Unreadable("a reduction of nothing is left to NumPy")
        out = self.make(name, (x,), proper, kept, x.dtype) if proper else x
        return out if keepdims else self.reshape(out, tuple([n for a, n in enumerate(x.shape) if a not in axes]))

    # ---- views -----------------------------------------------------------------------------------------------

    def reshape(self, x: Value, shape: tuple[int, ...]) -> Value:
        if -1 in shape:
            known = math.prod([n for n in shape if n != -1])
            shape = tuple([x.size // known if n == -1 else n for n in shape])
        if shape == x.shape:
            return x
        if x.op == "reshape":
            return self.reshape(x.inputs[0], shape)
        if x.op == "broadcast" and x.inputs[0].size == 1:
            return self.broadcast(self.reshape(x.inputs[0], ()), shape)
        return self.make("reshape", (x,), None, shape, x.dtype)

    def transpose(self, x: Value, axes: Sequence[int]) -> Value:
        axes = tuple([int(a) % len(x.shape) for a in axes])
        if axes == tuple(range(len(axes))):
            return x
        if x.op == "transpose":
            return self.transpose(x.inputs[0], [x.params[a] for a in axes])
        return self.make("transpose", (x,), axes, tuple([x.shape[a] for a in axes]), x.dtype)

    def broadcast(self, x: Value, shape: tuple[int, ...]) -> Value:
        shape = tuple(shape)
        if shape == x.shape:
            return x
        if x.op == "broadcast":
            return self.broadcast(x.inputs[0], shape)
        return self.make("broadcast", (x,), None, shape, x.dtype)

    def slice(self, x: Value, key: tuple[Any, ...]) -> Value:
        """x[key] for a key of ints, slices, None and Ellipsis."""
        missing = len(x.shape) - sum(1 for k in key if k is not None and k is not Ellipsis)
        if Ellipsis in key:
            at = key.index(Ellipsis)
            key = (*key[:at], *[slice(None)] * missing, *key[at + 1 :])
        else:
            key = (*key, *[slice(None)] * missing)
        starts, lengths, shape, axis = [], [], [], 0
        for k in key:
            if k is None:
                shape.append(1)
                continue
            n = x.shape[axis]
            if isinstance(k, slice):
                start, stop, step = k.indices(n)
                length = len(range(start, stop, step))
                shape.append(length)
            else:
                start, step, length = int(k) % n, 1, 1
            starts.append((start, step))
            lengths.append(length)
            axis += 1
        part = x
        if tuple(lengths) != x.shape or any([s != (0, 1) for s in starts]):
            part = self.make("slice", (x,), tuple(starts), tuple(lengths), x.dtype)
        return self.reshape(part, tuple(shape))

    # ---- checks ----------------------------------------------------------------------------------------------

    def check_within(self, x: Value, low: float, high: float, message: str) -> list[Value]:
        """Raise an error of this message, before anything is written, where an element of x is outside these bounds.

        Returns the boolean that is asked, if one is; who relies on the bounds has it as an operand, and so comes after it.
        """
        known = self.bounds_of(x)
        if known is not None and known[0] >= low and known[1] <= high:
            return [] if known[2] is None else [known[2]]
        numbers = self.cast(x, np.dtype(np.int64)) if x.dtype.kind in "iu" else x  # a narrow type holds not every bound
        wrong = self.apply("logical_or", self.apply("less", numbers, low), self.apply("greater", numbers, high))
        found = self.reduce("maximum_over", wrong, None, False)
        self.checks.append((found, message))
        self.bounds[same_elements(x)] = low, high, found
        return [found]

    def bounds_of(self, x: Value) -> tuple[float, float, Value | None] | None:
        """What the elements of x, or of a value of which it is a view, lie within."""
        while x not in self.bounds and x.op in VIEWS:
            x = x.inputs[0]
        return self.bounds.get(x)

    def from_the_start(self, indices: Value, n: int) -> Value:
        """Checked indices along an axis of n as int64, of which negative ones count from the end."""
        known = self.bounds_of(indices)
        indices = self.cast(indices, np.dtype(np.int64))
        if known is not None and known[0] >= 0:
            return indices
        return self.apply("where", self.apply("less", indices, 0), self.apply("add", indices, n), indices)

    # ---- the rest --------------------------------------------------------------------------------------------

    def assemble(self, parts: Sequence[tuple[Value, tuple[tuple[int, int], ...]]], shape: tuple[int, ...]) -> Value:
        """Zeros with parts at their ((start, step) for each axis), which must not overlap."""
        values, places = [p for p, _ in parts], tuple([place for _, place in parts])
        return self.make("assemble", values, places, shape, values[0].dtype)

    def matmul(self, x: Value, y: Value) -> Value:
        """The product over the last two axes of values of at least two; the others broadcast."""
        if x.dtype.kind != "f" or x.dtype != y.dtype:
            raise Unreadable("products of integers are left to NumPy")
        shape = (*np.broadcast_shapes(x.shape[:-2], y.shape[:-2]), x.shape[-2], y.shape[-1])
        return self.make("matmul", (x, y), None, shape, x.dtype)

    def gather(self, x: Value, rows: Value, checks: Sequence[Value]) -> Value:
        """x[rows] along the first axis, for int64 rows that these checks have found to be within it."""
        return self.make("take_rows", (x, rows, *checks), None, (*rows.shape, *x.shape[1:]), x.dtype)

    def scatter(self, part: Value, rows: Value, shape: tuple[int, ...], checks: Sequence[Value]) -> Value:
        """Zeros of the shape, with each of the part's rows added where its index says: the adjoint of `gather`."""
        return self.make("add_rows", (part, rows, *checks), None, shape, part.dtype)

    def opaque(
        self, name: str, run: Callable[..., Any], inputs: Sequence[Value], outputs: Sequence[Any]
    ) -> list[Value | None]:
        """A Python function of arrays that returns a tuple of arrays; `outputs` are (shape, dtype), None for what is unused."""
        call = Value("opaque", list(inputs), Opaque(name, run), (), BOOL, origin=self.origin)
        return [
            None if o is None else Value("result", [call], k, o[0], o[1], None, self.origin)
            for k, o in enumerate(outputs)
        ]

    def call(
        self, name: str, run: Callable[..., Any], inputs: Sequence[Value], shape: tuple[int, ...], dtype: np.dtype
    ) -> Value:
        """An opaque function of arrays with one result."""
        made = self.opaque(name, run, inputs, [(shape, dtype)])[0]
        assert made is not None
        return made


class Opaque:
    """The parameters of an opaque value: what it is called, the function, and why it was not read."""

    def __init__(self, name: str, run: Callable[..., Any], reason: str = "") -> None:
        self.name, self.run, self.reason = name, run, reason
        self.results: list[Value] = []  # those of its results that are used, as the placement finds them

    def __repr__(self) -> str:
        return self.name


def same_elements(v: Value) -> Value:
    """The value that v is a view of all elements of."""
    while v.op in VIEWS and v.op != "slice":
        v = v.inputs[0]
    return v


def narrow(v: Value) -> Value:
    """What a broadcast value repeats, where its operands' shapes will bring it to the same shape again."""
    return v.inputs[0] if v.op == "broadcast" else v


def keeps_all(narrower: np.dtype, wider: np.dtype) -> bool:
    """Whether a cast from one to the other loses nothing at all."""
    if narrower.kind == "b":
        return True
    both_float = narrower.kind == "f" and wider.kind == "f"
    both_int = narrower.kind in "iu" and wider.kind == narrower.kind
    return (both_float or both_int) and wider.itemsize >= narrower.itemsize


@cache
def promoted(name: str, types: tuple[Any, ...]) -> tuple[tuple[np.dtype, ...], np.dtype]:
    """The dtypes that a ufunc's operands are cast to, and that of its result."""
    if name == "where":
        weak: list[Any] = [0 if t is int else 0.0 if t is float else False if t is bool else t for t in types[1:]]
        out = np.result_type(*weak)
        taken: tuple[np.dtype, ...] = (BOOL, out, out)
        given: np.dtype = out
    else:
        ufunc = getattr(np, name)
        plain = tuple([BOOL if t is bool else t for t in types])
        try:
            resolved: tuple[Any, ...] = ufunc.resolve_dtypes((*plain, None)) if len(plain) == ufunc.nin else ()
        except TypeError as error:
            raise Unreadable(str(error)) from error
        if len(resolved) != ufunc.nin + 1:
            raise Unreadable(f"{name} has more than one result")
        taken, given = resolved[:-1], resolved[-1]
        if given == BOOL and len(set(taken)) > 1:  # NumPy compares them exactly
            raise Unreadable(f"{name} of {' and '.join(map(str, taken))}")
    for t in (*taken, given):
        if t not in SUPPORTED:
            raise Unreadable(f"values of {t} are not compiled")
    return taken, given


def evaluate(name: str, arrays: Sequence[Any], dtype: np.dtype) -> Any:
    """An elementwise primitive on arrays, with NumPy."""
    with np.errstate(all="ignore"):
        if name == "cast":
            return np.asarray(arrays[0]).astype(dtype)
        if name == "copy":
            return np.array(arrays[0])
        return getattr(np, name)(*arrays)
