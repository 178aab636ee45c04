"""LLVM text: a function under construction, whose values are vectors of a fixed number of lanes.

Names of SSA values are strings such as `%t7`; a number of vectors' type is that of a NumPy dtype. Booleans are i1 in registers
and bytes in memory. Arithmetic carries `contract` (a * b + c may round once) and nothing more, so NaN and infinities survive.

A kernel is what those of `autograd_nn.kernels` are, and run by the same threads (see `kernels.steps`): `args`, in the place of a
plan, holds its pointers, `private` is workspace of the calling thread, and the call does `part` of `parts`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from .program import BOOL

I64 = np.dtype(np.int64)
KERNEL_ARGUMENTS = (
    *("ptr %args", "ptr %a", "ptr %b", "ptr %c", "ptr %d", "ptr %shared", "ptr %private"),
    *("i64 %part", "i64 %parts"),
)


Lanes = int | str
"""Which of the lanes are meant: the first of so many, or those of a mask."""


def scalar_type(dtype: np.dtype) -> str:
    """The LLVM type of one element in a register."""
    if dtype.kind == "b":
        return "i1"
    if dtype.kind == "f":
        return {4: "float", 8: "double"}[dtype.itemsize]
    return f"i{8 * dtype.itemsize}"


def memory_type(dtype: np.dtype) -> str:
    """The LLVM type of one element in memory."""
    return "i8" if dtype.kind == "b" else scalar_type(dtype)


def literal(number: Any, dtype: np.dtype) -> str:
    """A number as LLVM writes it."""
    if dtype.kind == "b":
        return "true" if number else "false"
    if dtype.kind == "f":
        bits = struct.unpack("<Q", struct.pack("<d", float(dtype.type(number))))[0]
        return f"0x{bits:016X}"
    return str(int(number))


class Function:
    """The text of one function, written from top to bottom."""

    def __init__(self, name: str, arguments: Sequence[str], lanes: int, result: str = "void", attributes: str = ""):
        linkage = "internal " if attributes else ""
        self.name, self.lanes = name, lanes
        self.head = f"define {linkage}{result} @{name}({', '.join(arguments)}) {attributes} {{"
        self.lines: list[str] = []
        self.allocas: list[str] = []
        self.helpers: dict[str, str] = {}  # functions of ours that it calls: name -> text
        self.declared: dict[str, str] = {}  # intrinsics and foreign functions: name -> declaration
        self.count, self.block = 0, "start"

    def text(self) -> str:
        """The whole module: declarations, the functions that this one calls, and itself."""
        return "\n".join([*sorted(self.declared.values()), *sorted(self.helpers.values()), self.body()]) + "\n"

    def body(self) -> str:
        return "\n".join([self.head, "entry:", *self.allocas, "br label %start", "start:", *self.lines, "}"])

    def needs(self, other: Function) -> None:
        """The module must hold this other function."""
        self.helpers.update(other.helpers)
        self.helpers[other.name] = other.body()
        self.declared.update(other.declared)

    # ---- types -----------------------------------------------------------------------------------------------

    def vector(self, element: str) -> str:
        return element if self.lanes == 1 else f"<{self.lanes} x {element}>"

    def type(self, dtype: np.dtype) -> str:
        return self.vector(scalar_type(dtype))

    def splat(self, number: Any, dtype: np.dtype) -> str:
        """The constant vector of one number."""
        return self.repeated(literal(number, dtype), scalar_type(dtype))

    def repeated(self, text: str, element: str) -> str:
        return text if self.lanes == 1 else f"<{', '.join([f'{element} {text}'] * self.lanes)}>"

    def mask(self, n: Lanes) -> str:
        """The first n lanes."""
        if isinstance(n, str):
            return n
        bits = ["true" if i < n else "false" for i in range(self.lanes)]
        return bits[0] if self.lanes == 1 else f"<{', '.join(f'i1 {b}' for b in bits)}>"

    def first_lanes(self, n: str) -> str:
        """The mask of the first n lanes, for a number that is known when the kernel runs: what loads and stores take."""
        lanes = ", ".join(f"i64 {i}" for i in range(self.lanes))
        counted = "0" if self.lanes == 1 else f"<{lanes}>"
        return self.let(f"icmp slt {self.vector('i64')} {counted}, {self.broadcast(n, 'i64')}")

    def is_whole(self, n: Lanes) -> bool:
        """Whether all lanes are meant."""
        return isinstance(n, int) and n >= self.lanes

    # ---- instructions ----------------------------------------------------------------------------------------

    def let(self, code: str) -> str:
        self.count += 1
        self.lines.append(f"%t{self.count} = {code}")
        return f"%t{self.count}"

    def do(self, code: str) -> None:
        self.lines.append(code)

    def binary(self, instruction: str, x: str, y: str, dtype: np.dtype) -> str:
        flags = " contract" if dtype.kind == "f" else ""
        return self.let(f"{instruction}{flags} {self.type(dtype)} {x}, {y}")

    def compare(self, predicate: str, x: str, y: str, dtype: np.dtype) -> str:
        """`predicate` as for fcmp ("olt") or icmp ("slt"); the result is a vector of i1."""
        return self.let(f"{'fcmp' if dtype.kind == 'f' else 'icmp'} {predicate} {self.type(dtype)} {x}, {y}")

    def select(self, condition: str, x: str, y: str, dtype: np.dtype) -> str:
        t = self.type(dtype)
        return self.let(f"select {self.vector('i1')} {condition}, {t} {x}, {t} {y}")

    def convert(self, instruction: str, x: str, source: str, target: str) -> str:
        return self.let(f"{instruction} {self.vector(source)} {x} to {self.vector(target)}")

    def intrinsic(self, name: str, x: Sequence[str], dtype: np.dtype) -> str:
        """An LLVM intrinsic whose operands and result have one type: `intrinsic("sqrt", ...)`."""
        t, short = self.type(dtype), scalar_type(dtype).replace("float", "f32").replace("double", "f64")
        full = f"llvm.{name}.{short if self.lanes == 1 else f'v{self.lanes}{short}'}"
        self.declared[full] = f"declare {t} @{full}({', '.join([t] * len(x))})"
        return self.let(f"call {t} @{full}({', '.join(f'{t} {a}' for a in x)})")

    def fma(self, x: str, y: str, z: str, dtype: np.dtype) -> str:
        return self.intrinsic("fma", [x, y, z], dtype)

    def lane(self, x: str, i: int, element: str) -> str:
        return x if self.lanes == 1 else self.let(f"extractelement {self.vector(element)} {x}, i32 {i}")

    def each_lane(self, function: str, x: Sequence[str], dtype: np.dtype) -> str:
        """A foreign function of scalars, called for one lane after the other."""
        s, t = scalar_type(dtype), self.type(dtype)
        self.declared[function] = f"declare {s} @{function}({', '.join([s] * len(x))})"
        out = "undef"
        for i in range(self.lanes):
            given = ", ".join(f"{s} {self.lane(a, i, s)}" for a in x)
            result = self.let(f"call {s} @{function}({given})")
            if self.lanes == 1:
                return result
            out = self.let(f"insertelement {t} {out}, {s} {result}, i32 {i}")
        return out

    def inlined(self, function: Function, x: Sequence[str], dtype: np.dtype) -> str:
        """A function of vectors that is written once for a module and inlined where it is called."""
        self.needs(function)
        t = self.type(dtype)
        return self.let(f"call {t} @{function.name}({', '.join(f'{t} {a}' for a in x)})")

    def called(self, function: Function, kinds: Sequence[str], x: Sequence[Any]) -> None:
        """A function that stays one: `kinds` are its parameters' types."""
        self.needs(function)
        self.do(f"call void @{function.name}({', '.join(f'{k} {a}' for k, a in zip(kinds, x, strict=True))})")

    # ---- integers and addresses ------------------------------------------------------------------------------

    def add(self, x: Any, y: Any) -> Any:
        if isinstance(x, int) and isinstance(y, int):
            return x + y
        return y if x == 0 else x if y == 0 else self.let(f"add i64 {x}, {y}")

    def times(self, x: Any, y: Any) -> Any:
        if isinstance(x, int) and isinstance(y, int):
            return x * y
        if x == 0 or y == 0:
            return 0
        return y if x == 1 else x if y == 1 else self.let(f"mul i64 {x}, {y}")

    def quotient(self, x: Any, y: int) -> Any:
        if isinstance(x, int):
            return x // y
        return x if y == 1 else self.let(f"udiv i64 {x}, {y}")

    def smaller(self, x: Any, y: Any) -> Any:
        """The smaller of two index numbers."""
        if isinstance(x, int) and isinstance(y, int):
            return min(x, y)
        return self.let(f"select i1 {self.let(f'icmp slt i64 {x}, {y}')}, i64 {x}, i64 {y}")

    def at(self, pointer: str, index: Any, stride: Any, dtype: np.dtype) -> str:
        """The address of element index * stride."""
        offset = self.times(index, stride)
        return pointer if offset == 0 else self.let(f"getelementptr {memory_type(dtype)}, ptr {pointer}, i64 {offset}")

    # ---- memory ----------------------------------------------------------------------------------------------

    def load(self, p: str, dtype: np.dtype, n: Lanes | None = None) -> str:
        """Neighbouring elements into the first n lanes."""
        element = memory_type(dtype)
        t, align = self.vector(element), dtype.itemsize
        if n is None or self.is_whole(n):
            x = self.let(f"load {t}, ptr {p}, align {align}")
        else:
            x = self._masked(
                "load", t, element, f"ptr {p}, i32 {align}, {self.vector('i1')} {self.mask(n)}, {t} zeroinitializer"
            )
        return self._from_memory(x, dtype)

    def store(self, x: str, p: str, dtype: np.dtype, n: Lanes | None = None) -> None:
        x, element = self._to_memory(x, dtype), memory_type(dtype)
        t, align = self.vector(element), dtype.itemsize
        if n is None or self.is_whole(n):
            self.do(f"store {t} {x}, ptr {p}, align {align}")
            return
        name = self._overloaded("store", element)
        self.declared[name] = f"declare void @{name}({t}, ptr, i32, {self.vector('i1')})"
        self.do(f"call void @{name}({t} {x}, ptr {p}, i32 {align}, {self.vector('i1')} {self.mask(n)})")

    def _overloaded(self, kind: str, element: str) -> str:
        short = element.replace("float", "f32").replace("double", "f64")
        return f"llvm.masked.{kind}.v{self.lanes}{short}.p0"

    def _masked(self, kind: str, t: str, element: str, arguments: str) -> str:
        name = self._overloaded(kind, element)
        self.declared[name] = f"declare {t} @{name}(ptr, i32, {self.vector('i1')}, {t})"
        return self.let(f"call {t} @{name}({arguments})")

    def _from_memory(self, x: str, dtype: np.dtype) -> str:
        return self.let(f"icmp ne {self.vector('i8')} {x}, {self.repeated('0', 'i8')}") if dtype == BOOL else x

    def _to_memory(self, x: str, dtype: np.dtype) -> str:
        return self.convert("zext", x, "i1", "i8") if dtype == BOOL else x

    def rotated(self, x: str, n: int, dtype: np.dtype) -> str:
        """Each lane's value is the one n lanes on."""
        t = self.type(dtype)
        lanes = ", ".join(f"i32 {(i + n) % self.lanes}" for i in range(self.lanes))
        return self.let(f"shufflevector {t} {x}, {t} poison, <{self.lanes} x i32> <{lanes}>")

    def broadcast(self, scalar: str, element: str) -> str:
        """A scalar in every lane."""
        if self.lanes == 1:
            return scalar
        t = self.vector(element)
        first = self.let(f"insertelement {t} undef, {element} {scalar}, i32 0")
        return self.let(f"shufflevector {t} {first}, {t} undef, <{self.lanes} x i32> zeroinitializer")

    def load_scalar(self, p: str, dtype: np.dtype) -> str:
        """One element into every lane."""
        x = self.let(f"load {memory_type(dtype)}, ptr {p}, align {dtype.itemsize}")
        if dtype == BOOL:
            x = self.let(f"icmp ne i8 {x}, 0")
        return self.broadcast(x, scalar_type(dtype))

    def store_scalar(self, x: str, p: str, dtype: np.dtype) -> None:
        """The first lane."""
        x = self.lane(x, 0, scalar_type(dtype))
        if dtype == BOOL:
            x = self.let(f"zext i1 {x} to i8")
        self.do(f"store {memory_type(dtype)} {x}, ptr {p}, align {dtype.itemsize}")

    def every_other(self, p: str, dtype: np.dtype, n: int) -> str:
        """Elements 2 apart into the first n lanes: two runs, of which a shuffle takes half. Nothing past the last is read."""
        if self.lanes == 1:
            return self.load(p, dtype)
        first = second = self.load(p, dtype, 2 * n - 1)
        if 2 * n - 1 > self.lanes:
            second = self.load(self.at(p, self.lanes, 1, dtype), dtype, 2 * n - 1 - self.lanes)
        lanes = ", ".join(f"i32 {2 * i}" for i in range(self.lanes))
        t = self.type(dtype)
        return self.let(f"shufflevector {t} {first}, {t} {second}, <{self.lanes} x i32> <{lanes}>")

    def gather(self, p: str, stride: int, dtype: np.dtype, n: int) -> str:
        """Elements `stride` apart into the first n lanes."""
        element, out = memory_type(dtype), None
        t = self.vector(element)
        if self.lanes == 1:
            return self.load(p, dtype)
        if dtype.itemsize >= 4:
            lanes = f"<{', '.join(f'i64 {i * stride}' for i in range(self.lanes))}>"
            pointers = self.let(f"getelementptr {element}, ptr {p}, <{self.lanes} x i64> {lanes}")
            short = element.replace("float", "f32").replace("double", "f64")
            name = f"llvm.masked.gather.v{self.lanes}{short}.v{self.lanes}p0"
            mask = self.vector("i1")
            self.declared[name] = f"declare {t} @{name}(<{self.lanes} x ptr>, i32, {mask}, {t})"
            given = f"<{self.lanes} x ptr> {pointers}, i32 {dtype.itemsize}, {mask} {self.mask(n)}, {t} zeroinitializer"
            return self.let(f"call {t} @{name}({given})")
        out = "zeroinitializer"
        for i in range(min(n, self.lanes)):
            x = self.let(f"load {element}, ptr {self.at(p, i, stride, dtype)}, align {dtype.itemsize}")
            out = self.let(f"insertelement {t} {out}, {element} {x}, i32 {i}")
        return self._from_memory(out, dtype)

    def scatter(self, x: str, p: str, stride: int, dtype: np.dtype, n: int) -> None:
        """The first n lanes to elements `stride` apart."""
        x, element = self._to_memory(x, dtype), memory_type(dtype)
        for i in range(min(n, self.lanes)):
            self.do(
                f"store {element} {self.lane(x, i, element)}, ptr {self.at(p, i, stride, dtype)}, align {dtype.itemsize}"
            )

    def local(self, initial: str, dtype: np.dtype) -> str:
        """A variable: an address that the passes turn into a register."""
        self.count += 1
        name = f"%a{self.count}"
        self.allocas.append(f"{name} = alloca {self.type(dtype)}")
        self.put(name, initial, dtype)
        return name

    def get(self, local: str, dtype: np.dtype) -> str:
        return self.let(f"load {self.type(dtype)}, ptr {local}")

    def put(self, local: str, x: str, dtype: np.dtype) -> None:
        self.do(f"store {self.type(dtype)} {x}, ptr {local}")

    def number_argument(self, k: int) -> str:
        """A number among the pointers that the kernel was given."""
        return self.let(f"load i64, ptr {self.let(f'getelementptr i64, ptr %args, i64 {k}')}")

    def float_argument(self, k: int, dtype: np.dtype) -> str:
        """A number, kept as a double among the pointers, in every lane."""
        x = self.let(f"load double, ptr {self.let(f'getelementptr double, ptr %args, i64 {k}')}")
        if dtype.itemsize == 4:
            x = self.let(f"fptrunc double {x} to float")
        return self.broadcast(x, scalar_type(dtype))

    def pointer_argument(self, k: int) -> str:
        """The k-th pointer that the kernel was given."""
        return self.let(f"load ptr, ptr {self.let(f'getelementptr ptr, ptr %args, i64 {k}')}")

    # ---- loops -----------------------------------------------------------------------------------------------

    @contextmanager
    def loop(self, count: Any, step: int = 1, start: Any = 0) -> Iterator[Any]:
        """for i in range(start, count, step); numbers that give one turn give straight-line code, and they must give one."""
        if isinstance(count, int) and isinstance(start, int):
            assert start < count, "a loop of no turn would write where there is nothing"
            if count <= start + step:
                yield start
                return
        self.count += 1
        k = self.count
        if not (isinstance(count, int) and isinstance(start, int)):  # it may have no turn
            self.do(f"%z{k} = icmp slt i64 {start}, {count}\nbr i1 %z{k}, label %enter{k}, label %exit{k}\nenter{k}:")
            self.block = f"enter{k}"
        self.do(f"br label %head{k}\nhead{k}:\n%i{k} = phi i64 [{start}, %{self.block}], [%n{k}, %latch{k}]")
        self.block = f"head{k}"
        yield f"%i{k}"
        self.do(
            f"br label %latch{k}\nlatch{k}:\n%n{k} = add i64 %i{k}, {step}\n%c{k} = icmp slt i64 %n{k}, {count}\n"
            f"br i1 %c{k}, label %head{k}, label %exit{k}\nexit{k}:"
        )
        self.block = f"exit{k}"

    def share(self, turns: Any) -> tuple[Any, Any]:
        """The first and the last turn (not included) of this part's share of a loop."""
        first = self.let(f"udiv i64 {self.times('%part', turns)}, %parts")
        last = self.let(f"udiv i64 {self.times(self.let('add i64 %part, 1'), turns)}, %parts")
        return first, last

    def shared_loop(self, count: Any, step: int = 1) -> Any:
        """This part's share of for i in range(0, count, step), whose turns are all whole."""
        first, last = self.share(self.quotient(count, step))
        return self.loop(self.times(last, step), step, self.times(first, step))

    def in_last_part(self) -> Any:
        """A loop of one turn in the last part, and none in the others."""
        return self.loop(self.let(f"udiv i64 {self.let('add i64 %part, 1')}, %parts"))
