"""The judge of layers: PyTorch's layer and ours, built with the same arguments, must be the same layer.

    CASES = [Layer("Linear", 3, 2, bias=False, inputs=[normal(5, 3)]), ...]

    @pytest.mark.parametrize("case", CASES, ids=str)
    def test_layer(case):
        case.judge()

A layer is compared in float64 and float32, in training and in evaluation: names and shapes of its state, what it prints, the
size of its initial values, its outputs, the gradients of its inputs and parameters (in which several outputs and calls add up),
its buffers after the call, and PyTorch's state loaded here and ours there. `Function` does the same for `nn.functional`.
Gradients are with respect to a random cotangent.
"""

import contextlib
import copy
import dataclasses
import re
import warnings

import numpy as np
import pytest

import autograd_nn as ag
from autograd_nn import nn

torch = pytest.importorskip("torch")

TOLERANCE = {np.dtype(np.float64): 1e-10, np.dtype(np.float32): 1e-5}
_rng = np.random.default_rng(6)


def normal(*shape):
    """Standard normal numbers."""
    return _rng.standard_normal(shape)


def positive(*shape):
    """Numbers from 0.1 to 1."""
    return _rng.uniform(0.1, 1.0, shape)


def distinct(*shape):
    """Numbers of both signs in random order, evenly spaced, none of them 0: no ties."""
    n = int(np.prod(shape))
    return ((_rng.permutation(n) - n / 2 + 0.25) * (4.0 / max(n, 1))).reshape(shape)


def whole(high, *shape):
    """Integers from 0 to high - 1."""
    return _rng.integers(0, high, shape)


def agree(ours, theirs, what, tolerance=None):
    """Ours and PyTorch's are equal: in structure, shape and dtype, and to rounding relative to the largest value."""
    if isinstance(theirs, (tuple, list)):
        assert isinstance(ours, (tuple, list)) and len(ours) == len(theirs), what
        for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
            agree(a, b, f"{what}[{i}]", tolerance)
        return
    if theirs is None or ours is None:
        assert ours is None and theirs is None, f"{what}: ours {ours}, PyTorch's {theirs}"
        return
    a, b = ours.detach().numpy(), theirs.detach().numpy()
    assert a.shape == b.shape, f"{what}: shape {a.shape}, PyTorch's {b.shape}"
    assert a.dtype == b.dtype, f"{what}: {a.dtype}, PyTorch's {b.dtype}"
    if a.dtype.kind != "f":
        np.testing.assert_array_equal(a, b, err_msg=what)
        return
    bound = tolerance or TOLERANCE[a.dtype]
    finite = np.abs(b[np.isfinite(b)])
    np.testing.assert_allclose(a, b, rtol=bound, atol=bound * max(1.0, finite.max(initial=0.0)), err_msg=what)


def leaves(outputs):
    """The Tensors of an output, however nested."""
    if isinstance(outputs, (tuple, list)):
        return [leaf for part in outputs for leaf in leaves(part)]
    return [] if outputs is None else [outputs]


def nested(value, change):
    """A value whose arrays, in tuples and lists, are changed."""
    if isinstance(value, (tuple, list)):
        return type(value)([nested(v, change) for v in value])
    return change(value) if isinstance(value, np.ndarray) else value


def differentiate(outputs, cotangents):
    """Both sides' backward from the sum of outputs times cotangents."""
    total = None
    for out, cotangent in zip(outputs, cotangents, strict=True):
        if out.requires_grad:
            term = (out * cotangent).sum()
            total = term if total is None else total + term
    if total is not None:
        total.backward()


@contextlib.contextmanager
def quiet():
    """PyTorch warns about usages that are cases here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


class Side:
    """One library's Tensors of the same arrays: `ours` or `theirs`."""

    def __init__(self, make, dtype, differentiated=True):
        self.make, self.dtype, self.differentiated = make, dtype, differentiated
        self.inputs = []

    def __call__(self, array):
        if array.dtype.kind != "f":
            return self.make(array.copy())
        t = self.make(array.astype(self.dtype))
        if self.differentiated:
            t.requires_grad_(True)
        self.inputs.append(t)
        return t


def sides(dtype):
    return Side(ag.tensor, dtype), Side(torch.tensor, dtype)


def compare(ours, theirs, own, other, tolerance=None):
    """Two outputs, and after a walk back from them the gradients of the two sides' inputs."""
    agree(ours, theirs, "output", tolerance)
    both = [(a, b) for a, b in zip(leaves(ours), leaves(theirs), strict=True) if b.is_floating_point()]
    for a, b in both:
        assert a.requires_grad == b.requires_grad, "one output requires a gradient, the other's does not"
    seeds = [np.random.default_rng(i).standard_normal(b.shape).astype(own.dtype) for i, (_, b) in enumerate(both)]
    differentiate([a for a, _ in both], seeds)
    differentiate([b for _, b in both], [torch.from_numpy(np.asarray(s)) for s in seeds])
    for i, (a, b) in enumerate(zip(own.inputs, other.inputs, strict=True)):
        agree(a.grad, b.grad, f"gradient of input {i}", tolerance)


def plain(text):
    """A module's repr without our note of how many parameters it has."""
    return re.sub(r"  # [\d,]+ parameters?$", "", text, flags=re.MULTILINE)


def shown(name, arguments, keywords):
    """A call as text, arrays by their shapes."""
    parts = [("", v) for v in arguments] + [(f"{key}=", v) for key, v in keywords.items()]
    return f"{name}({', '.join(key + repr(getattr(v, 'shape', v)) for key, v in parts)})"


class Layer:
    """A layer of PyTorch's name, constructor arguments, and the inputs of a call.

    `inputs` and `call` (keywords of the call): arrays in float64, cast and differentiated, others as they are. `modes`: which of
    training and evaluation. `prints`: whether the repr is PyTorch's. `tolerance`: another one for a dtype by its name, with a
    reason beside the case. `weights`: what a drawn array of parameters is turned into. `calls`: how many, one after the other.
    """

    def __init__(
        self, kind, *args, inputs, call=None, modes=(True, False), prints=True, tolerance=None, weights=None, calls=1,
        **kwargs,
    ):  # fmt: skip
        self.kind, self.args, self.kwargs = kind, args, kwargs
        self.inputs, self.call, self.modes, self.prints = inputs, call or {}, modes, prints
        self.tolerance, self.weights, self.calls = tolerance or {}, weights or (lambda a: a), calls

    def __str__(self):
        return f"{shown(self.kind, self.args, self.kwargs)} of {shown('', self.inputs, self.call)}"

    def judge(self):
        for dtype in TOLERANCE:
            for training in self.modes:
                self.judge_in(dtype, training)

    def pair(self, dtype):
        """Our layer and PyTorch's with the same random state, made in PyTorch and loaded here."""
        own, other = sides(dtype)
        own.differentiated = other.differentiated = False
        torch.manual_seed(0)
        ag.manual_seed(0)
        kind = getattr(torch.nn, self.kind)
        theirs = kind(*nested(self.args, other), **{k: nested(v, other) for k, v in self.kwargs.items()})
        ours = getattr(nn, self.kind)(*nested(self.args, own), **{k: nested(v, own) for k, v in self.kwargs.items()})
        self.same_initialisation(ours, theirs)
        theirs, ours = theirs.to(getattr(torch, dtype.name)), ours.astype(dtype)
        rng = np.random.default_rng(1)
        with torch.no_grad():
            for p in theirs.parameters():
                p.copy_(torch.from_numpy(np.asarray(self.weights(rng.standard_normal(p.shape)))))
            for b in theirs.buffers():
                if b.is_floating_point():
                    b.copy_(torch.from_numpy(np.asarray(rng.uniform(0.5, 1.5, b.shape))))
        state = theirs.state_dict()
        assert list(ours.state_dict()) == list(state)
        ours.load_state_dict(copy.deepcopy(state))
        return ours, theirs

    def same_initialisation(self, ours, theirs):
        """Constants are the same constants; random values have the same size."""
        expected, found = dict(theirs.named_parameters()), dict(ours.named_parameters())
        assert list(found) == list(expected)
        for name, b in [*expected.items(), *theirs.named_buffers()]:
            b = b.detach().numpy()
            a = found[name].detach().numpy() if name in found else ours.get_buffer(name).numpy()
            assert a.shape == b.shape, f"{name}: shape {a.shape}, PyTorch's {b.shape}"
            if b.size == 0 or b.min() == b.max():
                np.testing.assert_allclose(a, b, err_msg=f"initial {name}")
            elif b.size > 20:
                assert 0.6 < a.std() / b.std() < 1.6, f"initial {name}: deviation {a.std()}, PyTorch's {b.std()}"
                assert abs(a).max() < 3 * abs(b).max()

    def judge_in(self, dtype, training):
        tolerance = self.tolerance.get(dtype.name)
        with quiet():
            ours, theirs = self.pair(dtype)
            ours.train(training)
            theirs.train(training)
            own, other = sides(dtype)
            for _ in range(self.calls):
                inputs = nested(list(self.inputs), own), nested(list(self.inputs), other)
                a = ours(*inputs[0], **{k: nested(v, own) for k, v in self.call.items()})
                b = theirs(*inputs[1], **{k: nested(v, other) for k, v in self.call.items()})
                compare(a, b, own, other, tolerance)
        for name, p in theirs.named_parameters():
            agree(ours.get_parameter(name).grad, p.grad, f"gradient of {name}", tolerance)
        for name, b in theirs.named_buffers():
            agree(ours.get_buffer(name), b, f"buffer {name} after the call", tolerance)
        theirs.load_state_dict({name: torch.from_numpy(np.array(t.numpy())) for name, t in ours.state_dict().items()})
        assert ours.training == theirs.training
        if self.prints:
            assert plain(repr(ours)) == repr(theirs), f"{plain(repr(ours))}\nPyTorch: {theirs!r}"


@dataclasses.dataclass
class Function:
    """A function of `nn.functional` and one call of it; arrays in float64 are cast and differentiated."""

    name: str
    args: tuple
    kwargs: dict = dataclasses.field(default_factory=dict)
    tolerance: dict = dataclasses.field(default_factory=dict)

    def __str__(self):
        return shown(self.name, self.args, self.kwargs)

    def judge(self):
        for dtype in TOLERANCE:
            own, other = sides(dtype)
            with quiet():
                a = getattr(nn.functional, self.name)(
                    *nested(self.args, own), **{k: nested(v, own) for k, v in self.kwargs.items()}
                )
                b = getattr(torch.nn.functional, self.name)(
                    *nested(self.args, other), **{k: nested(v, other) for k, v in self.kwargs.items()}
                )
                compare(a, b, own, other, self.tolerance.get(dtype.name))
