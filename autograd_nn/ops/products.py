"""Products and contractions: matmul, and dot, tensordot, einsum and kin, which end in it."""

from __future__ import annotations

import math
import operator
import string
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..engine.methods import method
from ..engine.op import op
from ..engine.protocol import implements, since
from .diagonals import diagonal
from .elementwise import multiply
from .joining import concat
from .reduction import sum
from .shape import all_arrayed, arrayed, axes_of, axis_of, broadcast_to_, operand_along, reshape_, sum_to_, transpose_
from .slicing import slice_

__all__ = [
    "cross", "dot", "einsum", "inner", "kron", "matmul", "matvec", "outer", "tensordot", "vdot", "vecdot", "vecmat",
]  # fmt: skip


def _matmul_fix(x: Any, y: Any) -> str | None:
    a, b = np.shape(x), np.shape(y)
    if not a or not b:
        return "a scalar has no matrix product; multiply with *"
    inner = b[-2] if len(b) > 1 else b[0]
    if a[-1] != inner:
        fix = ""
        if len(b) > 1 and a[-1] == b[-1]:
            fix = "; did you mean x @ y.mT?"
        elif len(a) > 1 and a[-2] == inner:
            fix = "; did you mean x.mT @ y?"
        axis = "axis -2" if len(b) > 1 else "the only axis"
        return f"the inner axes differ: axis -1 of x is {a[-1]}, {axis} of y is {inner}{fix}"
    return None


LARGE = 1 << 19
"""Multiply-adds from which a product is made by our threads: where OpenBLAS would start its own."""


def multiply_matrices(x: Any, y: Any, out: Any = None) -> Any:
    """`np.matmul` for the forwards and joint rules of this room: large products on our threads."""
    if x.ndim < 2 or y.ndim < 2 or x.size * y.shape[-1] < LARGE:
        return np.matmul(x, y, out=out)
    from ..kernels import products

    return products.matmul(x, y, out)


def _column(g):
    """A vector (or a batch of them) as columns."""
    return slice_(g, (..., None))


def _matmul_x(g, x_shape, y):
    if y.ndim == 1:
        return g * y if len(x_shape) == 1 else _column(g) * y
    if len(x_shape) == 1:
        return slice_(matmul(y, _column(g)), (..., 0))
    return matmul(g, y.mT)


def _matmul_y(g, x, y_shape):
    if len(y_shape) <= 2 and x.ndim > 2:  # a weight: contract all leading axes in one product
        rows = math.prod(x.shape[:-1])
        x = reshape_(x, (rows, x.shape[-1]))
        g = reshape_(g, (rows, y_shape[1]) if len(y_shape) == 2 else (rows,))
    if len(y_shape) == 1:
        return g * x if x.ndim == 1 else matmul(x.mT, g)
    if x.ndim == 1:
        return _column(x) * slice_(g, (..., None, (None, None, None)))
    return matmul(x.mT, g)


@op(kind="product", broadcasts=True, operator="@", numpy=(np.matmul, np.linalg.matmul), explain=_matmul_fix)
def matmul(x, y, /):
    """The matrix product x y over the last two axes; the others broadcast. A vector is a row on the left, a column on the right.

    Shapes: x (..., n, k), y (..., k, m) to (..., n, m). Raises ValueError if the inner axes differ.

    >>> ag.matmul(ag.tensor([[1.0, 2.0]]), ag.tensor([[3.0], [4.0]]))
    tensor([[11.]], dtype=float32)
    """
    return multiply_matrices(x, y)


matmul.vjp(x=_matmul_x, y=_matmul_y)


@method(numpy=np.dot)
def dot(x: Any, y: Any, /) -> Any:
    """The sum of products over the last axis of x and the last but one of y (its only one, of a vector); scalars multiply.

    Raises ValueError if those axes differ.

    >>> ag.dot(ag.tensor([1.0, 2.0]), ag.tensor([3.0, 4.0]))
    tensor(11., dtype=float32)
    """
    x, y = all_arrayed((x, y))
    if x.ndim == 0 or y.ndim == 0:
        return multiply(x, y)
    return matmul(x, y) if y.ndim <= 2 else tensordot(x, y, ((-1,), (-2,)))


@implements(np.vdot)
def vdot(x: Any, y: Any, /) -> Any:
    """The sum of products of all elements, both flattened.

    >>> ag.vdot(ag.tensor([[1.0, 2.0]]), ag.tensor([[3.0], [4.0]]))
    tensor(11., dtype=float32)
    """
    return matmul(*[reshape_(a, (-1,)) for a in all_arrayed((x, y))])


@implements(np.inner)
def inner(x: Any, y: Any, /) -> Any:
    """The sum of products over the last axis of both; scalars multiply.

    >>> ag.inner(ag.tensor([[1.0, 2.0], [3.0, 4.0]]), ag.tensor([1.0, 1.0]))
    tensor([3., 7.], dtype=float32)
    """
    x, y = all_arrayed((x, y))
    return multiply(x, y) if x.ndim == 0 or y.ndim == 0 else tensordot(x, y, ((-1,), (-1,)))


@implements(np.outer, np.linalg.outer)
def outer(x: Any, y: Any, /) -> Any:
    """The matrix of all products of an element of x and one of y, both flattened.

    >>> ag.outer(ag.tensor([1.0, 2.0]), ag.tensor([3.0, 4.0]))
    tensor([[3., 4.],
            [6., 8.]], dtype=float32)
    """
    x, y = all_arrayed((x, y))
    return multiply(reshape_(x, (-1, 1)), reshape_(y, (1, -1)))


@implements(np.tensordot, np.linalg.tensordot)
def tensordot(x: Any, y: Any, /, axes: Any = 2) -> Any:
    """The sum of products over some axes of x and as many of y; the result has the others of x, then those of y.

    `axes`: a pair (axes of x, axes of y), or how many of the last of x meet the first of y (default 2).
    Raises ValueError if they differ in number or length.

    >>> ag.tensordot(ag.ones((2, 3)), ag.ones((3, 4)), 1).shape
    (2, 4)
    """
    x, y = all_arrayed((x, y))
    if isinstance(axes, (int, np.integer)):
        n = operator.index(axes)
        axes = (range(x.ndim - n, x.ndim), range(n))
    left, right = axes_of("tensordot", x, axes[0]), axes_of("tensordot", y, axes[1])
    met = tuple([x.shape[a] for a in left])
    if met != tuple([y.shape[b] for b in right]):
        raise ValueError(f"tensordot: axes {left} of {x.shape} and {right} of {y.shape} differ in number or length")
    rest_x = tuple([a for a in range(x.ndim) if a not in left])
    rest_y = tuple([b for b in range(y.ndim) if b not in right])
    shape_x, shape_y = tuple([x.shape[a] for a in rest_x]), tuple([y.shape[b] for b in rest_y])
    size = math.prod(met)
    rows = reshape_(transpose_(x, (*rest_x, *left)), (math.prod(shape_x), size))
    columns = reshape_(transpose_(y, (*right, *rest_y)), (size, math.prod(shape_y)))
    return reshape_(matmul(rows, columns), (*shape_x, *shape_y))


@implements(np.linalg.vecdot, np.vecdot)
def vecdot(x: Any, y: Any, /, *, axis: int = -1) -> Any:
    """The sum of products over one axis, with broadcasting.

    >>> ag.vecdot(ag.tensor([[1.0, 2.0], [3.0, 4.0]]), ag.tensor([1.0, 1.0]))
    tensor([3., 7.], dtype=float32)
    """
    return sum(operand_along("vecdot", multiply(*all_arrayed((x, y))), axis), axis)


@implements(*since("matvec"))  # NumPy 2.2
def matvec(x: Any, y: Any, /) -> Any:
    """The products of matrices with vectors, over the last two axes of x and the last of y; the others broadcast.

    Shapes: x (..., n, k), y (..., k) to (..., n). Raises ValueError if the axes differ.

    >>> ag.matvec(ag.tensor([[1.0, 2.0], [3.0, 4.0]]), ag.tensor([1.0, 1.0]))
    tensor([3., 7.], dtype=float32)
    """
    return slice_(matmul(x, slice_(arrayed(y, x), (..., None))), (..., 0))


@implements(*since("vecmat"))  # NumPy 2.2
def vecmat(x: Any, y: Any, /) -> Any:
    """The products of vectors with matrices, over the last axis of x and the last two of y; the others broadcast.

    Shapes: x (..., n), y (..., n, k) to (..., k). Raises ValueError if the axes differ.

    >>> ag.vecmat(ag.tensor([1.0, 1.0]), ag.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor([4., 6.], dtype=float32)
    """
    return slice_(matmul(slice_(arrayed(x, y), (..., None, (None, None, None))), y), (..., 0, (None, None, None)))


@implements(np.kron)
def kron(x: Any, y: Any, /) -> Any:
    """The Kronecker product: y once for each element of x, times it.

    >>> ag.kron(ag.tensor([1.0, 2.0]), ag.tensor([1.0, 1.0]))
    tensor([1., 1., 2., 2.], dtype=float32)
    """
    x, y = all_arrayed((x, y))
    n = max(x.ndim, y.ndim)
    a, b = (1,) * (n - x.ndim) + x.shape, (1,) * (n - y.ndim) + y.shape
    wide = reshape_(x, tuple([m for k in a for m in (k, 1)])) * reshape_(y, tuple([m for k in b for m in (1, k)]))
    return reshape_(wide, tuple([k * m for k, m in zip(a, b, strict=True)]))


@implements(np.cross, np.linalg.cross)
def cross(x: Any, y: Any, /, axis: int = -1) -> Any:
    """The cross product of vectors of three along an axis, with broadcasting.

    Raises ValueError if the axis is not of length 3 in both.

    >>> ag.cross(ag.tensor([1.0, 0.0, 0.0]), ag.tensor([0.0, 1.0, 0.0]))
    tensor([0., 0., 1.], dtype=float32)
    """
    x, y = all_arrayed((x, y))
    if x.shape[axis_of("cross", x, axis)] != 3 or y.shape[axis_of("cross", y, axis)] != 3:
        raise ValueError(f"cross: axis {axis} must have length 3 in both, not shapes {x.shape} and {y.shape}")

    def turned(a: Any, start: int) -> Any:
        lead = ((None, None, None),) * (axis % a.ndim)
        return concat([slice_(a, (*lead, (start, None, None))), slice_(a, (*lead, (None, start, None)))], axis)

    return turned(x, 1) * turned(y, 2) - turned(x, 2) * turned(y, 1)


# ---- einsum --------------------------------------------------------------------------------------------------------


@op(kind="product")
def einsum_(*xs, inputs, output):
    """The sum of products over the letters that the output lacks; each letter once in an operand, and twice in all."""
    if len(xs) == 2 and xs[0].size + xs[1].size > BEYOND_LOOPS:
        product = _as_matmul(xs[0], xs[1], inputs[0], inputs[1], output)
        if product is not None:
            return product
    return np.einsum(f"{','.join(inputs)}->{output}", *xs, optimize=len(xs) > 2)


BEYOND_LOOPS = 4096
"""Elements of two operands from which on a matrix product pays for laying them out, against NumPy's loops."""


def _as_matmul(x: np.ndarray, y: np.ndarray, left: str, right: str, output: str) -> np.ndarray | None:
    """The contraction of two operands by a batched matrix product; None where it is none, or lengths of 1 broadcast."""
    sizes = {**dict(zip(left, x.shape, strict=True)), **dict(zip(right, y.shape, strict=True))}
    batch = [c for c in left if c in right and c in output]
    met = [c for c in left if c in right and c not in output]
    rows, columns = [c for c in left if c not in right], [c for c in right if c not in left]
    plain = all(c in output for c in (*rows, *columns)) and met
    if not plain or tuple(sizes[c] for c in left) != x.shape or tuple(sizes[c] for c in right) != y.shape:
        return None
    n = [math.prod(sizes[c] for c in letters) for letters in (rows, met, columns)]
    shared = [sizes[c] for c in batch]
    a = x.transpose([left.index(c) for c in (*batch, *rows, *met)]).reshape(*shared, n[0], n[1])
    b = y.transpose([right.index(c) for c in (*batch, *met, *columns)]).reshape(*shared, n[1], n[2])
    letters = [*batch, *rows, *columns]
    product = multiply_matrices(a, b).reshape([sizes[c] for c in letters])
    return product.transpose([letters.index(c) for c in output])


def _einsum_rule(g, xs, xs_shapes, inputs, output, wanted):
    cotangents: list[Any] = []
    for k, w in enumerate(wanted):
        others = [i for i in range(len(inputs)) if i != k]
        if not w:
            cotangents.append(None)
            continue
        spread = einsum_(g, *[xs[i] for i in others], inputs=(output, *[inputs[i] for i in others]), output=inputs[k])
        spread = sum_to_(spread, xs_shapes[k])  # a length of 1 broadcasts, on either side
        cotangents.append(spread if spread.shape == xs_shapes[k] else broadcast_to_(spread, xs_shapes[k]))
    return cotangents


einsum_.vjp(xs=_einsum_rule)


def _written_out(subscripts: str, arrays: Sequence[Any]) -> tuple[list[str], str]:
    """The subscripts of each operand and of the output, every ellipsis replaced by letters."""
    left, arrow, output = subscripts.replace(" ", "").partition("->")
    inputs = left.split(",")
    if len(inputs) != len(arrays):
        raise ValueError(f"einsum: {subscripts!r} is for {len(inputs)} operands, and there are {len(arrays)}")
    free = [c for c in reversed(string.ascii_letters) if c not in subscripts]
    widest = 0
    for i, (s, a) in enumerate(zip(inputs, arrays, strict=True)):
        named = len(s.replace("...", ""))
        extra = a.ndim - named
        if extra < 0 or (extra and "..." not in s):
            raise ValueError(f"einsum: {s!r} names {named} axes of operand {i}, which has shape {a.shape}")
        inputs[i] = s.replace("...", "".join(reversed(free[:extra])))
        widest = max(widest, extra)
    ellipsis = "".join(reversed(free[:widest]))
    if arrow:
        return inputs, output.replace("...", ellipsis)
    letters = "".join(inputs)
    return inputs, ellipsis + "".join(sorted(c for c in set(letters) - set(ellipsis) if letters.count(c) == 1))


@implements(np.einsum)
def einsum(subscripts: str, /, *operands: Any, optimize: Any = True) -> Any:
    """Einstein's summation: ``"ij,jk->ik"`` is the matrix product. Operands come after the subscripts.

    Ellipses broadcast, repeated letters take diagonals, and without an arrow the letters that stand once are the output.
    `optimize` is accepted for NumPy's sake: three operands and more are always contracted in a good order.
    Raises ValueError for subscripts that do not fit, TypeError for NumPy's other form, lists of ints.

    >>> ag.einsum("ij,j->i", ag.tensor([[1.0, 2.0], [3.0, 4.0]]), ag.tensor([1.0, 1.0]))
    tensor([3., 7.], dtype=float32)
    """
    if not isinstance(subscripts, str):
        raise TypeError("einsum: the first argument is the subscripts, a string such as 'ij,jk->ik'")
    arrays = all_arrayed(operands)
    inputs, output = _written_out(subscripts, arrays)
    unknown = set(output) - set("".join(inputs))
    if unknown or len(set(output)) < len(output):
        raise ValueError(f"einsum: the output of {subscripts!r} names a letter twice, or one that no operand has")
    for k, letters in enumerate(inputs):
        for letter in dict.fromkeys(letters):
            while letters.count(letter) > 1:  # a diagonal goes last
                i = letters.index(letter)
                j = letters.index(letter, i + 1)
                if arrays[k].shape[i] != arrays[k].shape[j]:
                    raise ValueError(
                        f"einsum: {letter!r} stands for axes of different length in shape {arrays[k].shape}"
                    )
                arrays[k] = diagonal(arrays[k], 0, i, j)
                letters = letters[:i] + letters[i + 1 : j] + letters[j + 1 :] + letter
        alone = [c for c in letters if c not in output and not any(c in s for i, s in enumerate(inputs) if i != k)]
        if alone:
            arrays[k] = sum(arrays[k], tuple([letters.index(c) for c in alone]))
            letters = "".join(c for c in letters if c not in alone)
        inputs[k] = letters
    return einsum_(*arrays, inputs=tuple(inputs), output=output)
