"""Activations against PyTorch's, over their options, at their kinks and far out."""

import numpy as np
import pytest
from judge import Function, Layer, normal

import autograd_nn as ag
from autograd_nn import nn
from autograd_nn.nn import functional as F

KINKS = np.array([[-100.0, -6.0, -3.0, -1.0, -0.5, -0.25, -0.1, -0.0], [0.0, 0.1, 0.5, 1.0, 2.0, 3.0, 6.0, 100.0]])
INPUTS = [KINKS, normal(2, 3, 4), np.array(0.75), np.zeros((0, 3))]

ARGUMENTS = {
    "CELU": [(), (0.5,), (2.0, True)],
    "ELU": [(), (0.5,), (2.0, True)],
    "GELU": [(), ("tanh",)],
    "Hardshrink": [(), (1.0,), (0.0,)],
    "Hardsigmoid": [(), (True,)],
    "Hardswish": [(), (True,)],
    "Hardtanh": [(), (-3.0, 0.5), (-1.0, 1.0, True)],
    "LeakyReLU": [(), (0.25,), (0.1, True), (0.0,)],
    "LogSigmoid": [()],
    "Mish": [(), (True,)],
    "ReLU": [(), (True,)],
    "ReLU6": [(), (True,)],
    "SELU": [(), (True,)],
    "SiLU": [(), (True,)],
    "Sigmoid": [()],
    "Softplus": [(), (2.0,), (0.5, 1.0), (1, 3)],
    "Softshrink": [(), (1.0,), (0.0,)],
    "Softsign": [()],
    "Tanh": [()],
    "Tanhshrink": [()],
    "Threshold": [(0.1, 20.0), (0.5, -1.0, True)],
}


ROUGH = {name: {"float64": 2e-7} for name in ("Hardsigmoid", "Hardswish", "hardsigmoid", "hardswish", "GELU", "gelu")}
"""PyTorch's constants in these derivatives (1/6; those of the tanh form) are float32 numbers, whatever the dtype."""


def leaf_safe(arguments):
    """PyTorch's in-place forms refuse leaves that require a gradient: those are compared in what they print."""
    return not any(a is True for a in arguments)


LAYERS = [
    Layer(kind, *arguments, inputs=[x], tolerance=ROUGH.get(kind) if arguments or kind != "GELU" else None)
    for kind, rows in ARGUMENTS.items()
    for arguments in rows
    for x in INPUTS
    if leaf_safe(arguments)
]
LAYERS += [Layer("RReLU", *a, inputs=[KINKS], modes=(False,)) for a in [(), (0.1, 0.9)]]
LAYERS += [Layer("RReLU", 0.25, 0.25, inputs=[KINKS])]
LAYERS += [Layer("GLU", *a, inputs=[normal(4, 6, 2)]) for a in [(), (1,), (-3,), (0,)]]
LAYERS += [Layer("PReLU", inputs=[x]) for x in [*INPUTS, np.array([-1.0, 2.0])]]
LAYERS += [Layer("PReLU", 3, 0.1, inputs=[x]) for x in (normal(2, 3), normal(2, 3, 4), normal(2, 3, 4, 5))]
LAYERS += [
    Layer(kind, *a, inputs=[x])
    for kind in ("Softmax", "Softmin", "LogSoftmax")
    for a, x in [
        ((0,), normal(3, 4)),
        ((-1,), KINKS),
        ((1,), normal(2, 3, 4)),
        ((None,), normal(3)),
        ((), normal(3, 4)),
        ((), normal(3, 4, 2)),
        ((), normal(3, 4, 2, 2)),
    ]
]
LAYERS += [Layer("Softmax2d", inputs=[x]) for x in (normal(2, 3, 4, 5), normal(3, 4, 5))]


@pytest.mark.parametrize("case", LAYERS, ids=str)
@pytest.mark.filterwarnings("ignore:softm:UserWarning", "ignore:log_softm:UserWarning")
def test_layer(case):
    case.judge()


FUNCTIONS = [
    Function("threshold", (KINKS, 0.5, 2.0)),
    Function("hardtanh", (KINKS, -3.0, 0.5)),
    Function("leaky_relu", (KINKS,), {"negative_slope": 0.3}),
    Function("rrelu", (KINKS, 0.25, 0.5)),
    Function("prelu", (normal(2, 3, 4), normal(3))),
    Function("prelu", (normal(2), normal(1))),
    Function("elu", (KINKS, 0.3)),
    Function("celu", (KINKS, 0.25)),  # PyTorch keeps 1 / alpha as a float32 number
    Function("glu", (normal(3, 4), 1)),
    Function("gelu", (KINKS,), {"approximate": "tanh"}, ROUGH["gelu"]),
    Function("gelu", (KINKS,)),
    Function("hardshrink", (KINKS, 1.0)),
    Function("softshrink", (KINKS, 1.0)),
    Function("softplus", (KINKS,), {"beta": 3, "threshold": 1}),
    Function("softmax", (normal(3, 4),), {"dim": 0}),
    Function("softmin", (normal(3, 4), 1)),
    Function("log_softmax", (normal(3, 4), -2)),
    *[
        Function(name, (KINKS,), tolerance=ROUGH.get(name, {}))
        for name in (
            "hardsigmoid", "hardswish", "logsigmoid", "mish", "relu", "relu6", "selu", "sigmoid", "silu", "softsign", "tanh",
            "tanhshrink",
        )
    ],
]  # fmt: skip


@pytest.mark.parametrize("case", FUNCTIONS, ids=str)
def test_function(case):
    case.judge()


@pytest.mark.parametrize(
    "kind", ["CELU", "ELU", "Hardtanh", "LeakyReLU", "Mish", "ReLU", "ReLU6", "SELU", "SiLU", "Threshold"]
)
def test_inplace_prints_as_pytorchs(kind):
    torch = pytest.importorskip("torch")
    arguments = next(a for a in ARGUMENTS[kind] if not leaf_safe(a))
    ours, theirs = getattr(nn, kind)(*arguments), getattr(torch.nn, kind)(*arguments)
    assert repr(ours) == repr(theirs)
    x = ag.tensor(KINKS)
    np.testing.assert_array_equal(ours(x).numpy(), getattr(nn, kind)(*arguments[:-1])(x).numpy())
    np.testing.assert_array_equal(x.numpy(), KINKS)


def test_softmax_casts_first_if_asked():
    out = F.softmax(ag.ones((2, 2)), 1, dtype=np.float64)
    assert out.dtype == np.float64
    assert F.log_softmax(ag.ones((2, 2)), 1, dtype="float64").dtype == np.float64


def test_a_dim_that_is_left_out_and_is_not_the_last_is_warned_about():
    with pytest.warns(UserWarning, match=r"no dim given for an input of shape \(2, 3, 4\); it is taken to be 0"):
        nn.Softmax()(ag.ones((2, 3, 4)))
    nn.Softmax()(ag.ones((2, 3)))  # warnings are errors here: there is none


def test_rrelu_in_training():
    ag.manual_seed(0)
    x = ag.tensor(np.full(4000, -2.0), requires_grad=True)
    layer = nn.RReLU(0.2, 0.6)
    out = layer(x)
    slopes = out.numpy() / -2.0
    assert slopes.min() >= 0.2
    assert slopes.max() <= 0.6
    assert abs(slopes.mean() - 0.4) < 0.01
    assert len(np.unique(slopes)) > 3000
    out.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), slopes)
    assert not np.array_equal(layer(x).numpy(), out.numpy())
    assert layer(ag.tensor([3.0])).tolist() == [3.0]


def test_gumbel_softmax_draws_in_proportion_and_differentiates():
    ag.manual_seed(0)
    shares = np.array([0.5, 0.3, 0.2])
    z = ag.tensor(np.broadcast_to(np.log(shares), (20000, 3)), requires_grad=True)
    drawn = F.gumbel_softmax(z, 0.5, hard=True)
    assert set(np.unique(drawn.numpy().round(12))) == {0.0, 1.0}
    np.testing.assert_allclose(drawn.numpy().sum(1), 1.0)
    np.testing.assert_allclose(drawn.numpy().mean(0), shares, atol=0.015)
    (drawn * np.arange(3.0)).sum().backward()
    ag.manual_seed(0)
    y = ag.tensor(z.numpy(), requires_grad=True)
    soft = F.gumbel_softmax(y, 0.5)
    (soft * np.arange(3.0)).sum().backward()
    np.testing.assert_allclose(z.grad.numpy(), y.grad.numpy())
    np.testing.assert_array_equal(drawn.numpy().argmax(1), soft.numpy().argmax(1))
    assert F.gumbel_softmax(ag.zeros((2, 5, 3)), dim=1).sum(axis=1).numpy().round(5).tolist() == [[1.0] * 3] * 2
    with pytest.raises(ValueError, match="tau"):
        F.gumbel_softmax(z, 0.0)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: nn.Sequential(nn.PReLU(3))(ag.ones((2, 4))), r"\(3,\) for an input of \(2, 4\).*\n.*Sequential\.0"),
        (lambda: nn.Sequential(nn.GLU())(ag.ones((2, 3))), r"odd length 3.*\n.*Sequential\.0"),
        (lambda: F.glu(ag.ones((2, 3)), 2), "no axis 2"),
        (lambda: nn.Softmax2d()(ag.ones((2, 3))), r"\(2, 3\)\n  in module Softmax2d"),
        (lambda: nn.GELU("erf")(ag.ones(1)), "'erf'"),
        (lambda: nn.Hardtanh(1.0, 0.0), "min_val 1.0"),
        (lambda: F.hardtanh(ag.ones(1), 1.0, 0.0), "min_val 1.0"),
        (lambda: F.softshrink(ag.ones(1), -1.0), "lambd"),
        (lambda: F.rrelu(ag.ones(1), 1.0, 0.0), "lower 1.0"),
        (lambda: F.celu(ag.ones(1), 0.0), "alpha"),
    ],
)
def test_mistakes(call, words):
    with pytest.raises(ValueError, match=words):
        call()
