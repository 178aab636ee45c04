"""PyTorch's names: what they give is PyTorch's, where it is installed, and NumPy's in any case."""

import numpy as np
import pytest

import autograd_nn as ag
from autograd_nn.engine.unsupported import METHODS
from autograd_nn.ops import pytorch

X = np.arange(24.0).reshape(2, 3, 4) / 7.0 - 1.3
M, INDEX = X[0], np.array([[2, 0, 1, 1], [0, 2, 2, 1]])

CALLS = {
    "cat": lambda t, x: t.cat([x, x * 2.0], dim=1),
    "chunk": lambda t, x: t.chunk(x, 3, dim=2)[0] + t.chunk(x, 3, dim=2)[1],
    "chunk uneven": lambda t, x: t.chunk(x, 2, 1)[-1],
    "method chunk": lambda t, x: x.chunk(5, 2)[-1],
    "unbind": lambda t, x: t.unbind(x, 1)[2] * x.unbind(dim=1)[0],
    "unsqueeze": lambda t, x: t.unsqueeze(x, -1) * x.unsqueeze(dim=3),
    "flatten": lambda t, x: t.flatten(x, 1) * 2.0,
    "method flatten": lambda t, x: x.flatten(start_dim=0, end_dim=1),
    "flatten a number": lambda t, x: x.sum().flatten(),
    "view": lambda t, x: x.view(4, -1) * x.view((4, 6)),
    "view_as": lambda t, x: x.view_as(x.reshape(6, 4)),
    "expand": lambda t, x: x[:1].expand(5, -1, 4) * x[0].expand(5, 3, 4),
    "expand_as": lambda t, x: x[0].expand_as(x) * x,
    "contiguous": lambda t, x: x.mT.contiguous().view(-1),
    "t": lambda t, x: x[0].t() @ x[1],
    "clone": lambda t, x: t.clone(x) * x.clone(),
    "clamp": lambda t, x: t.clamp(x, -0.5, 0.7) * x.clamp(max=1.0),
    "bmm": lambda t, x: t.bmm(x, x.mT),
    "method bmm": lambda t, x: x.bmm(x.mT),
    "mm, mv": lambda t, x: t.mv(t.mm(x[0], x[1].t()), x[0, :, 0]) + x[0].mm(x[1].t()).mv(x[0, :, 0]),
    "matmul": lambda t, x: x.matmul(x.mT),
    "arithmetic": lambda t, x: t.div(t.mul(x, 3.0), t.sub(x, 9.0)).add(x).mul(x).sub(1.0).div(2.0).pow(2).neg() + t.neg(x),
    "comparison": lambda t, x: x * (x.gt(0.0) + x.lt(-1.0) + t.ge(x, 1.0) + t.eq(x, 0.0) + t.le(x, 0.0) + x.ne(1.0)),
    "double": lambda t, x: x.float().double() * x.to(x) * x.cpu(),
    "to": lambda t, x: x.to("cpu").to(x.float().dtype).double(),
    "repeat_interleave": lambda t, x: t.repeat_interleave(x, 2, dim=1)[:, :3] * x.repeat_interleave(2).sum(),
    "movedim": lambda t, x: t.movedim(x, 0, 2) * x.movedim(0, -1),
    "tile": lambda t, x: x.tile((2, 1)),
    "real, conj": lambda t, x: x.real * x.conj(),
    "where": lambda t, x: x.where(x > 0.0, x * x),
    "isnan": lambda t, x: x * x.isnan() + x * x.isfinite(),
}  # fmt: skip
INDEXED = {
    "gather": lambda t, x, i: t.gather(x[0], 0, i),
    "gather a part": lambda t, x, i: x[1].gather(dim=0, index=i[:1, :2]),
    "gather along the last": lambda t, x, i: t.gather(x[0], 1, i.mT[:3]),
    "index_select": lambda t, x, i: t.index_select(x, 1, i[0]) * x.index_select(1, i[1]),
    "masked_select": lambda t, x, i: t.masked_select(x[0, :2], i > 0) * x[1, :2].masked_select(i > 0),
}


@pytest.mark.parametrize("name", [*CALLS, *INDEXED])
def test_against_pytorch(name):
    torch = pytest.importorskip("torch", reason="PyTorch is the judge here: pip install torch==2.13.0")
    a, b = ag.tensor(X, requires_grad=True), torch.tensor(X, requires_grad=True)
    if name in CALLS:
        ours, theirs = CALLS[name](ag, a), CALLS[name](torch, b)
    else:
        ours, theirs = INDEXED[name](ag, a, ag.tensor(INDEX)), INDEXED[name](torch, b, torch.tensor(INDEX))
    np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=1e-12)
    assert ours.dtype == theirs.detach().numpy().dtype
    (ours * ours).sum().backward()
    (theirs * theirs).sum().backward()
    np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", pytorch.__all__)
def test_functions_take_arrays(name):
    arguments = {
        "cat": ([M, M],),
        "chunk": (M, 2),
        "gather": (M, 0, INDEX),
        "index_select": (M, 0, INDEX[0]),
        "masked_select": (M, M > 0.0),
        "mm": (M, M.T),
        "bmm": (X, X.mT),
        "mv": (M, M[0]),
        "repeat_interleave": (M, 2),
        "movedim": (M, 0, 1),
        "unsqueeze": (M, 0),
        **dict.fromkeys(("sub", "mul", "div", "eq", "ne", "lt", "le", "gt", "ge"), (M, M)),
    }.get(name, (M,))
    assert getattr(ag, name)(*arguments) is not None


def test_numbers_and_dtypes():
    x = ag.tensor(X, requires_grad=True)
    assert (x.dim(), x.numel(), ag.numel(x), ag.numel(3.0), x.size) == (3, 24, 24, 1, 24)
    assert [c(x).dtype.name for c in (ag.Tensor.float, ag.Tensor.double, ag.Tensor.half)] == [
        "float32",
        "float64",
        "float16",
    ]
    assert [c(x).dtype.name for c in (ag.Tensor.int, ag.Tensor.long, ag.Tensor.bool)] == ["int32", "int64", "bool"]
    assert x.double() is x
    assert x.to("cpu") is x
    assert x.to("float32").dtype == x.to(ag.float32).dtype == x.to("cpu", dtype="float32").dtype == "float32"
    assert ag.as_tensor(x) is x
    assert ag.as_tensor([1.0, 2.0]).dtype == "float32"
    assert x.contiguous() is x
    assert not x.imag.numpy().any()


def test_orders_are_numpys():
    x = ag.tensor(M, requires_grad=True)
    for order in "CF":
        for ours, numpys in (
            (x.ravel(order), M.ravel(order)),
            (x.flatten(order), M.flatten(order)),
            (x.reshape(6, 2, order=order), M.reshape(6, 2, order=order)),
            (np.reshape(x, (2, 6), order=order), np.reshape(M, (2, 6), order=order)),
        ):
            np.testing.assert_array_equal(ours.detach().numpy(), numpys)
    assert ag.tensor(X).transpose(0, 2, 1).shape == (2, 4, 3)
    with pytest.raises(ValueError, match="the order is 'C' or 'F' here, not 'A'"):
        x.ravel("A")
    y = ag.zeros(3)
    assert y.fill(2.0) is None
    assert y.tolist() == [2.0, 2.0, 2.0]


@pytest.mark.parametrize(
    ("name", "instead"),
    [
        ("split", "t.chunk"),
        ("sort", "ag.sort"),
        ("cuda", "cpu"),
        ("scatter_add", "whole rows"),
        ("grad_fn", "ag.graph"),
    ],
)
def test_a_name_that_is_not_had_says_what_is(name, instead):
    with pytest.raises(AttributeError, match=f"'Tensor' object has no attribute {name!r}: .*{instead}"):
        getattr(ag.tensor(1.0), name)
    assert not hasattr(ag.tensor(1.0), "nothing_of_the_kind")


def test_names_that_are_not_had_are_not_had():
    assert [name for name in METHODS if hasattr(ag.Tensor, name)] == []


def test_writing_in_place():
    w = ag.tensor([1.0, 2.0], requires_grad=True)
    (w * w).sum().backward()
    assert w.grad.zero_() is w.grad
    assert w.grad.tolist() == [0.0, 0.0]
    with ag.no_grad():
        w.add_(1.0).mul_(2.0).sub_(1.0).div_(2.0)
        assert w.tolist() == [1.5, 2.5]
        assert w.copy_([3.0, 4.0]) is w
        assert w.tolist() == [3.0, 4.0]
        w.fill_(7.0)
        assert w.tolist() == [7.0, 7.0]
    with pytest.raises(RuntimeError, match="leaf that requires a gradient would lose it"):
        w.zero_()
    h = w * 1.0
    h.mul_(w).add_(w)  # recorded: h is a fresh array
    assert ag.gradients(h.sum(), w).tolist() == [15.0, 15.0]


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda x: x.gather(0, np.zeros((2, 5), int)), ValueError, r"gather: an index of shape \(2, 5\) does not fit"),
        (lambda x: x.gather(2, INDEX), IndexError, "gather: there is no axis 2"),
        (lambda x: x.chunk(0), ValueError, "1 or more chunks"),
        (lambda x: x.flatten(1, 0), ValueError, "axis 1 is behind axis 0"),
        (lambda x: x.view("int64"), TypeError, "view: takes a shape"),
        (lambda x: x.view(5, 5), ValueError, "12 elements do not fit a shape of 25"),
        (lambda x: x.expand(-1, 3, 4), ValueError, "-1 leaves an axis as it is"),
        (lambda x: x.expand(3, 5), ValueError, "broadcast"),
        (lambda x: ag.tensor(X).t(), ValueError, "t: transposes matrices"),
        (lambda x: x.to("cuda"), ValueError, "device 'cuda' does not exist here"),
        (lambda x: ag.tensor(X).transpose(0, 1), ValueError, "swapaxes exchanges two"),
        (lambda x: f"{x:.2f}", TypeError, "format: '.2f' is for one number"),
        (lambda x: x.sum().backward(create_graph=True), TypeError, "ag.gradients"),
    ],
)
def test_messages(call, kind, message):
    with pytest.raises(kind, match=message):
        call(ag.tensor(M, requires_grad=True))
