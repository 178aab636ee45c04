"""`Tensor`: an array and its place in the graph.

Array methods and operators are not listed here: each operation attaches its own (see `methods`).

Decision: a tensor that requires a gradient hangs on a node from the start, a leaf that owns its gradient. So an edge
of the graph always leads to a node, whether an operation re-wraps a saved array or the original tensor is long gone.

Decision: a 0-d leaf is held as a NumPy number until somebody asks for its memory (`.data`, a view, a record), because
NumPy computes with its numbers five to ten times faster than with 0-d arrays, and scalar graphs are made of them.

Decision: every tensor that nothing was recorded for behaves as a NumPy array: writing to it writes in place. Its `cell`
says when it was last written, and is made only when an operation first keeps or views its memory.
"""

from __future__ import annotations

import copy
import sys
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from . import protocol
from .dtypes import PLAIN, as_array, get_default_dtype, operand
from .graph import Cell, Node, extras_of, is_differentiable, leaf_node
from .leaving import refusal_of_array, refuse_number
from .memory import cell_of, leaf_of, read_only
from .modes import current
from .unsupported import METHODS

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, DTypeLike

    from .tensor_methods import TensorMethods
else:
    TensorMethods = object

_hook_numbers = iter(range(1 << 62)).__next__


class Tensor(TensorMethods):
    """An array that records what is done to it, so that it can be differentiated. `ag.tensor` makes one.

    The class has no `__init__`: operations make a Tensor each, and an empty shell is what they can make fastest. A subclass
    gives itself one that calls `_initialise` (as `nn.Parameter` does).

    >>> x = ag.tensor([1.0, 2.0], requires_grad=True)
    >>> isinstance(x * x, ag.Tensor)
    True
    """

    __slots__ = ("__weakref__", "_array", "_leaf", "cell", "node")
    __array_priority__ = 1000.0  # a masked array on the left leaves the operation to us, who refuse it

    _array: Any
    node: Node | None  # what this tensor is the value of, if a gradient flows to it
    # Of a tensor that nothing was recorded for (else unset): when its memory was written; its leaf node, if it ever had one.
    cell: Cell | None
    _leaf: Node | None

    def _initialise(
        self, data: ArrayLike, *, dtype: DTypeLike | None = None, requires_grad: bool = False, name: str | None = None
    ) -> None:
        """Become a leaf with a copy of the data; see `tensor`."""
        if isinstance(data, Tensor):
            if data.requires_grad:
                raise TypeError(
                    "tensor: the data is a Tensor that requires a gradient, which a new leaf would cut off; "
                    "use t.copy() to stay in the graph, or ag.tensor(t.detach()) to leave it"
                )
            data._noted("ag.tensor()")
            data = data._array
        if type(data) is float and dtype is None:
            self._array = get_default_dtype().type(data)
        else:
            array = as_array(data, dtype)
            self._array = array if array.ndim else array[()]
        self.node = self._leaf = self.cell = None
        if requires_grad:
            if not is_differentiable(self._array.dtype):
                self.requires_grad_()  # raises
            self.node = self._leaf = leaf_node(self._array)
        if name is not None:
            self.name = name
        tracer = current().tracer
        if tracer is not None:
            tracer.made(self)

    def _adopt(self, data: Any) -> None:
        self._array, self.node, self._leaf, self.cell = data, None, None, None

    @staticmethod
    def _of(data: Any) -> Tensor:
        """A plain Tensor around this very array."""
        t = Tensor()
        t._array, t.node, t._leaf, t.cell = data, None, None, None
        return t

    # ---- what it is ------------------------------------------------------------------------------------------

    shape = property(lambda self: self._array.shape, doc="The shape, a tuple of ints.")
    ndim = property(lambda self: self._array.ndim, doc="The number of axes.")
    size = property(lambda self: self._array.size, doc="The number of elements.")
    dtype = property(lambda self: self._array.dtype, doc="The NumPy dtype.")
    itemsize = property(lambda self: self._array.itemsize, doc="Bytes of one element.")
    nbytes = property(lambda self: self._array.nbytes, doc="Bytes of all elements.")
    device = property(lambda self: "cpu", doc="Where the data is: always `'cpu'`.")

    real = property(lambda self: np.real(self), doc="The Tensor itself: Tensors are real.")
    imag = property(lambda self: np.imag(self), doc="Zeros: Tensors are real.")

    def to(self, target: Any = "cpu", dtype: DTypeLike | None = None) -> Tensor:
        """Itself, or with another dtype (also that of another Tensor); only the device ``"cpu"`` exists."""
        if str(target) != "cpu":
            try:
                dtype = target.dtype if isinstance(target, Tensor) else np.dtype(target)
            except TypeError:
                raise ValueError(f"device {target!r} does not exist here: autograd_nn computes on the cpu") from None
        return self if dtype is None else self.astype(dtype, copy=False)

    @property
    def is_leaf(self) -> bool:
        """Whether nothing was recorded to make it."""
        return self.node is None or self.node.op is None

    @property
    def requires_grad(self) -> bool:
        """Whether a gradient flows to it."""
        return self.node is not None

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        self.requires_grad_(value)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Turn the gradient of a leaf on or off, and return the tensor.

        Raises TypeError for a dtype that carries no gradient, RuntimeError for a recorded result.
        """
        if not self.is_leaf:
            if requires_grad:
                return self
            raise RuntimeError(
                f"requires_grad of a recorded result (of {self._operation()}) cannot be turned off; use t.detach()"
            )
        if not requires_grad:
            self.node = None
            return self
        if not is_differentiable(self.dtype):
            hint = "" if self.dtype.kind == "c" else "; make it floating with t.astype('float32')"
            raise TypeError(f"requires_grad: a {self.dtype} Tensor carries no gradient{hint}")
        self.node = self._own_leaf()
        return self

    def _own_leaf(self) -> Node:
        """The leaf node of a tensor that is none's result, made when first needed."""
        leaf = leaf_of(self)
        if leaf is None:
            leaf = self._leaf = leaf_node(self._array, self.cell)
            self.cell = None
        return leaf

    def _memory(self) -> np.ndarray:
        """The array of a tensor that may be written to; a number's is made here, when somebody first asks for it."""
        if type(self._array) is not np.ndarray:
            leaf = leaf_of(self)
            if leaf is None:
                self._array = np.array(self._array)
            else:
                if type(leaf.saved.data) is not np.ndarray:
                    leaf.saved.data = np.array(leaf.saved.data)
                self._array = leaf.saved.data
        return self._array

    @property
    def name(self) -> str | None:
        """A name for pictures and messages; settable."""
        node = self.node or self._leaf
        return None if node is None else node.name

    @name.setter
    def name(self, value: str | None) -> None:
        extras_of(self.node or self._own_leaf()).name = value

    # ---- its value -------------------------------------------------------------------------------------------

    @property
    def data(self) -> Any:
        """The array itself, outside the graph: writable for a leaf, read-only for a recorded result.

        Setting a leaf's `.data` is `ag.assign`: it writes into the array that is there.
        """
        self._noted("data")
        return self._memory() if self.is_leaf else read_only(self._array)

    @data.setter
    def data(self, value: ArrayLike | Tensor) -> None:
        assign(self, value)

    def numpy(self) -> np.ndarray:
        """The value as an array, outside the graph; it shares the Tensor's memory, and is read-only for a recorded result."""
        return np.asarray(self.data)

    def item(self) -> Any:
        """The one element as a Python number; ValueError if there are more."""
        self._noted("item()")
        if self.size != 1:
            raise ValueError(f"item: a Tensor of shape {self.shape} has {self.size} elements; only one makes a number")
        return self._array.item()

    def tolist(self) -> Any:
        """Nested lists of Python numbers."""
        self._noted("tolist()")
        return self._array.tolist()

    def _noted(self, what: str) -> None:
        tracer = current().tracer
        if tracer is not None:
            tracer.left_graph(what, self)

    def _number(self, what: str) -> Any:
        self._noted(f"{what}()")
        if self.size != 1:
            raise TypeError(
                f"{what}: a Tensor of shape {self.shape} is no single number; reduce it first, e.g. t.sum()"
            )
        return self._array.item()

    def __float__(self) -> float:
        mode = current()
        if self.node is not None and mode.grad:
            refuse_number(sys._getframe(1), mode.transforming)
        return float(self._number("float"))

    def __int__(self) -> int:
        return int(self._number("int"))

    def __complex__(self) -> complex:
        mode = current()
        if self.node is not None and mode.grad:
            refuse_number(sys._getframe(1), mode.transforming)
        return complex(self._number("complex"))

    def __index__(self) -> int:
        if self.dtype.kind not in "iu":
            raise TypeError(f"a {self.dtype} Tensor cannot be an index; only an integer one of one element can")
        return int(self._number("index"))

    def __bool__(self) -> bool:
        self._noted("bool()")
        if self.size != 1:
            raise ValueError(
                f"bool: the truth of a Tensor of shape {self.shape} is ambiguous; use ag.where to choose by element"
            )
        return bool(self._array)

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len: a 0-d Tensor has no length")
        return self.shape[0]

    def __contains__(self, value: object) -> bool:
        return bool((self == value).any())

    def __iter__(self) -> Iterator[Tensor]:
        if not self.shape:
            raise TypeError("iteration over a 0-d Tensor")
        return (self[i] for i in range(len(self)))

    def __format__(self, spec: str) -> str:
        if spec and self.size != 1:
            raise TypeError(
                f"format: {spec!r} is for one number, not for a Tensor of shape {self.shape}; see np.array2string(t)"
            )
        return format(self._array.item(), spec) if spec else str(self)

    def __repr__(self) -> str:
        text = np.array2string(np.asarray(self._array), separator=", ", prefix="tensor(")
        notes = [f"dtype={self.dtype}"]
        if self.name:
            notes.append(f"name={self.name!r}")
        if not self.is_leaf:
            notes.append(f"op={self._operation()}")
        elif self.requires_grad:
            notes.append("requires_grad=True")
        return f"tensor({text}, {', '.join(notes)})"

    def __dir__(self) -> list[str]:
        return [name for name in object.__dir__(self) if name not in METHODS]

    __hash__ = object.__hash__

    @property
    def T(self) -> Tensor:
        """All axes reversed, as NumPy's; `mT` transposes the last two."""
        return self.transpose()

    @property
    def mT(self) -> Tensor:
        """The last two axes exchanged."""
        if self.ndim < 2:
            raise ValueError(f"mT: a Tensor of shape {self.shape} has no matrix axes; it needs at least two")
        return self.transpose((*range(self.ndim - 2), self.ndim - 1, self.ndim - 2))

    # ---- its gradient ----------------------------------------------------------------------------------------

    @property
    def grad(self) -> Tensor | None:
        """The gradient that `backward` has added up; None before. A leaf's, or a result's after `retain_grad`."""
        leaf = leaf_of(self)
        if leaf is not None:
            return leaf.saved.grad
        return None if self.node is None or self.node.extras is None else self.node.extras.grad

    @grad.setter
    def grad(self, value: Tensor | np.ndarray | None) -> None:
        if not self.is_leaf:
            raise RuntimeError(
                f"grad: only a leaf's gradient can be set, and this is the result of {self._operation()}"
            )
        if value is not None:
            shape, dtype = np.shape(value), getattr(value, "dtype", None)
            if shape != self.shape or dtype != self.dtype:
                raise ValueError(
                    f"grad: a gradient of shape {shape} and dtype {dtype} for a Tensor of {self.shape}, {self.dtype}"
                )
            if isinstance(value, Tensor) and not value.is_leaf:
                raise TypeError("grad: a recorded result cannot be a gradient; pass t.detach()")
            # A leaf's gradient owns its memory; a Tensor's copy is an operation, so that a record follows it.
            value = value.detach().copy() if isinstance(value, Tensor) else tensor(value)
        leaf = self._own_leaf().saved
        tracer = current().tracer
        if tracer is not None:
            tracer.set_gradient(leaf)
        leaf.grad = value

    def backward(
        self, gradient: ArrayLike | Tensor | None = None, retain_graph: bool = False, create_graph: bool = False
    ) -> None:
        """Add the derivative of this Tensor to `.grad` of every leaf it was computed from.

        `gradient` is its cotangent, of its own shape; only a one-element Tensor may go without (it is 1 then).
        The arrays the graph saved are released unless `retain_graph`. For derivatives of derivatives see `ag.gradients`.

        Raises RuntimeError without a graph, after an earlier walk, or when a value the graph needs was assigned to, and
        TypeError for `create_graph`, which is `ag.gradients`'.
        """
        if create_graph:
            raise TypeError(
                "backward: .grad holds numbers, which cannot be differentiated again; "
                "ag.gradients(y, xs, create_graph=True) returns derivatives that can"
            )
        from .backward import backward  # the walk is built on Tensors

        backward(self, gradient, retain_graph)

    def retain_grad(self) -> None:
        """Keep the gradient of this recorded result in `.grad` when a walk passes it."""
        if self.node is None:
            raise RuntimeError("retain_grad: this Tensor requires no gradient")
        if not self.is_leaf:
            extras_of(self.node).retain = True

    def register_hook(self, hook: Callable[[Tensor], Tensor | None]) -> HookHandle:
        """Call `hook(cotangent)` when a walk has this Tensor's complete cotangent; what it returns, if not None, replaces it.

        Returns a handle whose `remove()` takes the hook away. Raises RuntimeError if no gradient flows here.
        """
        if self.node is None:
            raise RuntimeError("register_hook: this Tensor requires no gradient, so no cotangent will arrive")
        hooks = extras_of(self.node).hooks
        number = _hook_numbers()
        hooks[number] = hook
        return HookHandle(hooks, number)

    # ---- in-place forms --------------------------------------------------------------------------------------

    def _in_place(self, function: Callable[[Any, Any], Tensor], other: Any) -> Self:
        """`self op= other`: a fresh array and node where it is recorded, a write into the memory where it is not."""
        recorded = current().grad and (self.requires_grad or (isinstance(other, Tensor) and other.requires_grad))
        name = function.__name__
        if recorded and self.requires_grad and self.is_leaf:
            raise RuntimeError(
                f"{name}: in-place on a leaf that requires a gradient would lose it; "
                f"write x = x {name} ..., or update it under ag.no_grad()"
            )
        if not recorded and not self.is_leaf:
            raise RuntimeError(
                f"{name}: in-place under no_grad on a recorded result (of {self._operation()}), whose value the graph may "
                f"need; take x = x.detach().copy() first"
            )
        result = function(self, other)
        if result.shape != self.shape:
            raise ValueError(
                f"{name}: in-place on shape {self.shape} cannot give shape {result.shape}; write x = x {name} ..."
            )
        if not np.can_cast(result.dtype, self.dtype, "same_kind"):
            raise TypeError(f"{name}: in-place on {self.dtype} cannot hold {result.dtype}; write x = x {name} ...")
        if result.dtype != self.dtype:
            result = result.astype(self.dtype)
        read_only_result = (
            self.is_leaf
            and leaf_of(self) is None
            and type(self._array) is np.ndarray
            and not self._array.flags.writeable
        )
        if recorded or read_only_result:
            self._become(result)
        else:
            assign(self, result)
        return self

    def _operation(self) -> str:
        """The name of the operation that this recorded result came from."""
        return self.node.maker.op.name if self.node is not None and self.node.op is not None else "no operation"

    def _become(self, result: Tensor) -> None:
        self._array, self.node, self.cell, self._leaf = result._array, result.node, None, None

    # ---- NumPy, copy, pickle ---------------------------------------------------------------------------------

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> np.ndarray:
        if self.requires_grad:
            what = "a leaf that requires a gradient" if self.is_leaf else f"the recorded result of {self._operation()}"
            raise refusal_of_array(what)
        self._noted("np.asarray()")
        return np.array(self._array, dtype=dtype, copy=copy)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return protocol.array_ufunc(ufunc, method, inputs, kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return protocol.array_function(function, args, kwargs)

    def __reduce__(self) -> tuple[Any, ...]:
        if not self.is_leaf:
            raise TypeError(
                f"a recorded result (of {self._operation()}) cannot be copied or pickled with its graph; "
                f"use t.copy() in the graph, or t.detach() to leave it"
            )
        state = getattr(self, "__dict__", None) or None  # a subclass's own attributes
        return _rebuild, (type(self), np.array(self._array), self.requires_grad, self.name, self.grad), state

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        rebuild, arguments, state = self.__reduce__()
        memo[id(self)] = copied = rebuild(*arguments)
        if state is not None:
            copied.__dict__.update(copy.deepcopy(state, memo))
        return copied


class _Absent:
    """A name of NumPy's or PyTorch's that a Tensor has not: reading it raises, and says what to write instead.

    Decision: one for each such name. With a `__getattr__`, CPython would read every attribute of a Tensor three times as slowly.
    """

    __slots__ = ("instead", "name")

    def __init__(self, name: str, instead: str) -> None:
        self.name, self.instead = name, instead

    def __get__(self, owner: Tensor | None, kind: type) -> Any:
        raise AttributeError(
            f"{kind.__name__!r} object has no attribute {self.name!r}: {self.instead}", name=self.name, obj=owner
        )


for _name, _instead in METHODS.items():
    setattr(Tensor, _name, _Absent(_name, _instead))


class HookHandle:
    """What `register_hook` returns: `remove()` takes the hook away again."""

    def __init__(self, hooks: dict[int, Any], number: int) -> None:
        self._hooks, self._number = hooks, number

    def remove(self) -> None:
        """Take the hook away; a second call does nothing."""
        self._hooks.pop(self._number, None)


def _rebuild(cls: type[Tensor], data: np.ndarray, requires_grad: bool, name: str | None, grad: Tensor | None) -> Tensor:
    t = cls.__new__(cls)
    t._adopt(data)
    if requires_grad:
        t.requires_grad_()
    if name is not None:
        t.name = name
    if grad is not None:
        t.grad = tensor(grad._array)
    return t


def tensor(
    data: ArrayLike, *, dtype: DTypeLike | None = None, requires_grad: bool = False, name: str | None = None
) -> Tensor:
    """A Tensor of a copy of the data.

    `data`: anything NumPy makes an array of. `dtype`: by default Python floats become the default dtype (float32), ints
    int64, bools bool, and arrays keep theirs. `requires_grad`: whether `backward` fills `.grad`. `name`: shown in graphs and
    messages.

    Raises TypeError when a gradient is asked of integers, bools or complex numbers, and for a Tensor that requires one.

    >>> ag.tensor([[1, 2], [3, 4]])
    tensor([[1, 2],
            [3, 4]], dtype=int64)
    """
    made = Tensor()
    made._initialise(data, dtype=dtype, requires_grad=requires_grad, name=name)
    return made


def from_numpy(array: np.ndarray, *, requires_grad: bool = False, name: str | None = None) -> Tensor:
    """A Tensor that shares the array's memory.

    What NumPy writes into the array changes the Tensor unseen; `ag.detect_mutation` finds such writes. So do writes through
    another Tensor made of the same memory: make one, and views of it.
    Raises TypeError for anything but an ndarray.

    >>> a = np.zeros(2)
    >>> t = ag.from_numpy(a)
    >>> a[0] = 7.0
    >>> t
    tensor([7., 0.], dtype=float64)
    """
    if not isinstance(array, np.ndarray):
        raise TypeError(
            f"from_numpy shares the memory of an ndarray, not of {type(array).__name__}; use ag.tensor to copy"
        )
    t = Tensor._of(array)
    if requires_grad:
        t.requires_grad_()
    if name is not None:
        t.name = name
    return t


def assign(state: Tensor, value: ArrayLike | Tensor) -> Tensor:
    """Write a value into the memory of a leaf, or of an unrecorded view of one: how parameters and states change.

    The value is broadcast and cast (within its kind) to the state, and no gradient flows through the write. A graph
    that still needs the old value says so when it is walked. Returns the state.

    Raises TypeError for a recorded result or a lossy cast, ValueError for a shape that does not fit.

    >>> w = ag.tensor([1.0, 2.0], requires_grad=True)
    >>> ag.assign(w, [3.0, 4.0])
    tensor([3., 4.], dtype=float32, requires_grad=True)
    """
    if not isinstance(state, Tensor):
        raise TypeError(f"assign: writes into a Tensor, not into {type(state).__name__}")
    if not state.is_leaf:
        raise TypeError(f"assign: cannot write into a recorded result (of {state._operation()}); assign to a leaf")
    data = (
        value._array
        if isinstance(value, Tensor)
        else value
        if type(value) in PLAIN
        else operand(value, "assign", (state,))
    )
    memory = state._memory()
    if not memory.flags.writeable:
        raise ValueError(
            "assign: the memory is read-only (a broadcast, a detached result or a read-only array); copy it first"
        )
    tracer = current().tracer
    if tracer is not None:
        tracer.assigning(state, value)
    try:
        np.copyto(memory, data, casting="same_kind")
    except (TypeError, ValueError) as error:
        if tracer is not None:
            tracer.failed_to_assign(error)
        dtype, shape = getattr(data, "dtype", type(data).__name__), np.shape(data)
        raise type(error)(
            f"assign: a value of shape {shape} and dtype {dtype} does not fit a state of {state.shape}, {state.dtype}"
        ) from error
    cell = cell_of(state)
    if cell is not None:
        cell.write()
    return state


leaf_lock = threading.Lock()
"""Held while a walk adds to a leaf's gradient, so that walks in several threads may share leaves."""
