"""Padding layers and `functional.pad` against PyTorch's."""

import pytest
from judge import Function, Layer, normal, whole

import autograd_nn as ag
from autograd_nn import nn
from autograd_nn.nn import functional as F

SPACES = {1: (5,), 2: (5, 4), 3: (4, 5, 3)}
LAYERS = []
for d, space in SPACES.items():
    for kind in ("Zero", "Constant", "Reflection", "Replication", "Circular"):
        value = (3.5,) if kind == "Constant" else ()
        LAYERS += [
            Layer(f"{kind}Pad{d}d", padding, *value, inputs=[x])
            for padding, x in [
                (2, normal(2, 3, *space)),
                ((1, 2, 0, 1, 2, 0)[: 2 * d], normal(2, 3, *space)),
                ((2, 1, 1, 2, 1, 1)[: 2 * d], normal(3, *space)),
                ((0,) * (2 * d), normal(2, 3, *space)),
            ]
        ]
        if kind in ("Zero", "Constant"):
            LAYERS += [Layer(f"{kind}Pad{d}d", (-1, 2, 0, -2, 1, 1)[: 2 * d], *value, inputs=[normal(2, 3, *space)])]
LAYERS += [
    Layer("ReflectionPad1d", (-1, 2), inputs=[normal(2, 3, 6)]),
    Layer("ReplicationPad2d", (-1, 2, 1, -1), inputs=[normal(2, 3, 6, 5)]),
    Layer("ReplicationPad1d", 9, inputs=[normal(2, 3, 2)]),
    Layer("CircularPad2d", (-1, 2, 1, -1), inputs=[normal(2, 3, 6, 5)]),
    Layer("CircularPad1d", 5, inputs=[normal(2, 3, 5)]),
]

FUNCTIONS = [
    Function("pad", (normal(3, 4), (1, 2))),
    Function("pad", (normal(3, 4), (1, 2, 0, 1), "constant", 2.5)),
    Function("pad", (normal(3, 4), [-1, 2, 1, -2])),
    Function("pad", (normal(2, 3, 4, 5, 2), (0, 0, 1, 1, 2, 0, 0, 1, 1, 0))),
    Function("pad", (whole(9, 3, 4), (1, 1)), {"value": 7}),
    Function("pad", (normal(3, 4), (0, 0))),
    Function("pad", (normal(3, 4), (1, 3)), {"mode": "reflect"}),
    Function("pad", (normal(2, 3, 4, 5), (1, 3, 2, 1)), {"mode": "replicate"}),
    Function("pad", (normal(2, 3, 4, 5, 3), (1, 3, 2, 1, 0, 2)), {"mode": "circular"}),
    Function("pad", (normal(4), (2, 1))),
]


@pytest.mark.parametrize("case", [*LAYERS, *FUNCTIONS], ids=str)
def test_as_pytorch(case):
    case.judge()


X = ag.ones((1, 2, 3, 3))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: nn.ZeroPad2d((1, 2)), r"ZeroPad2d: padding \(1, 2\) is one number, or 4"),
        (lambda: nn.Sequential(nn.ReflectionPad2d(3))(X), r"at most 2 on each side of axis 2.*\n.*Sequential\.0"),
        (lambda: nn.CircularPad2d(4)(X), "at most 3"),
        (lambda: nn.ReflectionPad1d(1)(X), r"\(1, 1\) are 1 of an input of shape \(1, 2, 3, 3\)"),
        (lambda: F.pad(X, (1,)), r"\(1,\)"),
        (lambda: F.pad(X, (1,) * 10), "some of the axes"),
        (lambda: F.pad(X, (1, 1), "mirror"), "'mirror'"),
        (lambda: F.pad(X, (1, 1, 1, 1), "reflect", 2.0), "takes no value"),
        (lambda: F.pad(X, (-2, -2)), "more than there is of axis 3"),
    ],
)
def test_mistakes(call, words):
    with pytest.raises(ValueError, match=words):
        call()
