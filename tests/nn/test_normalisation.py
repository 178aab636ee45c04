"""Normalising layers against PyTorch's, over their options, with their running statistics."""

import numpy as np
import pytest
from judge import Function, Layer, normal

import autograd_nn as ag
from autograd_nn import nn
from autograd_nn.nn import functional as F

SPACE = {1: (5,), 2: (4, 5), 3: (3, 4, 2)}
LAYERS = []
for d, space in SPACE.items():
    x = normal(4, 3, *space)
    large = normal(16, 3, 100, *space[1:]) * 3.0 + 1.0  # enough elements for the native kernel
    LAYERS += [
        Layer(f"BatchNorm{d}d", 3, *arguments, inputs=[y], calls=calls, **options)
        for arguments, options, y, calls in [
            ((), {}, x, 1),
            ((), {}, large, 2),
            ((1e-3, 0.3), {}, x, 3),
            ((1e-5, None), {}, x, 3),
            ((1e-5, 0.1, False), {}, x, 1),
            ((1e-5, 0.1, True, False), {}, x, 1),
            ((1e-5, 0.1, False, False), {}, large, 1),
            ((), {"bias": False}, x, 1),
        ]
    ]
    LAYERS += [
        Layer(f"InstanceNorm{d}d", 3, *arguments, inputs=[y], calls=calls, **options)
        for arguments, options, y, calls in [
            ((), {}, x, 1),
            ((), {}, x[0], 1),
            ((), {}, large, 1),
            ((1e-3, 0.1, True), {}, x, 1),
            ((1e-5, 0.1, True), {}, large, 1),
            ((1e-5, 0.2, True, True), {}, x, 2),
            ((1e-5, 0.2, False, True), {}, x[0], 2),
            ((1e-5, 0.1, True), {"bias": False}, x, 1),
        ]
    ]
LAYERS += [
    Layer("BatchNorm1d", 3, inputs=[normal(6, 3)], calls=2),
    Layer("BatchNorm1d", 64, inputs=[normal(128, 64)]),
    *[
        Layer("GroupNorm", groups, 6, *arguments, inputs=[x], **options)
        for groups in (1, 2, 6)
        for arguments, options, x in [
            ((), {}, normal(4, 6, 5)),
            ((1e-3, False), {}, normal(2, 6, 3, 4)),
            ((), {"bias": False}, normal(2, 6, 2, 3, 2)),
            ((), {}, normal(4, 6, 20, 20)),
        ]
    ],
    Layer("GroupNorm", 2, 6, inputs=[normal(4, 6)]),
    *[
        Layer("LayerNorm", shape, *arguments, inputs=[x])
        for shape, x in [
            (5, normal(3, 4, 5)),
            ((4, 5), normal(3, 4, 5)),
            ([3, 4, 5], normal(3, 4, 5)),
            (64, normal(9, 8, 64)),
        ]
        for arguments in [(), (1e-3,), (1e-5, False), (1e-5, True, False)]
    ],
    Layer("LayerNorm", 5, inputs=[normal(5)]),
    *[
        Layer("RMSNorm", shape, *arguments, inputs=[x])
        for shape, x in [(5, normal(3, 4, 5)), ((4, 5), normal(3, 4, 5)), (64, normal(9, 8, 64))]
        for arguments in [(), (1e-3,), (None, False)]
    ],
    *[
        Layer("LocalResponseNorm", *arguments, inputs=[x])
        for arguments in [(2,), (3, 0.5), (5, 1.0, 0.5, 2.0), (1,)]
        for x in (normal(2, 6, 4), normal(2, 6, 3, 4), normal(2, 6, 2, 3, 2))
    ],
]

X, Z = normal(4, 6, 5), np.where(np.arange(24).reshape(4, 6) < 6, 0.0, normal(4, 6))
FUNCTIONS = [
    Function("batch_norm", (X, None, None, normal(6), normal(6), True)),
    Function("batch_norm", (X, None, None), {"training": True, "eps": 1e-2}),
    Function("instance_norm", (X,)),
    Function("instance_norm", (X,), {"weight": normal(6), "bias": normal(6), "eps": 1e-2}),
    Function("group_norm", (X, 3, normal(6), normal(6), 1e-2)),
    Function("layer_norm", (X, (6, 5), normal(6, 5))),
    Function("rms_norm", (X, (5,), normal(5), 1e-2)),
    Function("local_response_norm", (X, 3, 0.5, 0.5, 2.0)),
    *[Function("normalize", (X,), {"p": p, "dim": dim}) for p in (1, 2.0, 3.0, float("inf")) for dim in (0, 1, -1)],
    Function("normalize", (Z,)),
    Function("normalize", (X, 2.0, (1, 2), 100.0)),
]


@pytest.mark.parametrize("case", [*LAYERS, *FUNCTIONS], ids=str)
def test_as_pytorch(case):
    case.judge()


def test_evaluation_uses_the_running_statistics_and_leaves_them():
    ag.manual_seed(0)
    layer = nn.BatchNorm1d(2, momentum=1.0)
    layer(ag.tensor([[1.0, 10.0], [3.0, 30.0]]))
    assert layer.running_mean.tolist() == [2.0, 20.0]
    assert layer.running_var.tolist() == [2.0, 200.0]
    assert layer.num_batches_tracked.item() == 1
    np.testing.assert_allclose(layer.eval()(ag.tensor([[2.0, 20.0]])).numpy(), [[0.0, 0.0]], atol=1e-6)
    assert layer.num_batches_tracked.item() == 1
    layer.reset_running_stats()
    assert layer.running_var.tolist() == [1.0, 1.0]


def inside(layer):
    return nn.Sequential(layer)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: inside(nn.BatchNorm2d(3))(ag.ones((2, 4, 5, 5))), r"\(2, 4, 5, 5\).*3 channels\n.*Sequential\.0"),
        (lambda: nn.BatchNorm2d(3)(ag.ones((2, 3, 5))), "4-d"),
        (lambda: inside(nn.BatchNorm1d(3))(ag.ones((1, 3))), r"one value a channel.*\n.*Sequential\.0"),
        (lambda: nn.InstanceNorm1d(3)(ag.ones((2, 3, 1))), "space of one element"),
        (lambda: nn.InstanceNorm2d(3)(ag.ones((2, 5, 3, 3))), "3 channels"),
        (lambda: nn.GroupNorm(4, 6), "6 channels do not divide into 4"),
        (lambda: inside(nn.GroupNorm(3, 6))(ag.ones((2, 9, 3))), r"\(6,\).*9 channels.*\n.*Sequential\.0"),
        (lambda: F.group_norm(ag.ones((1, 2)), 2), "one value"),
        (lambda: F.group_norm(ag.ones((2, 6, 3)), 4), "4 groups"),
        (lambda: inside(nn.LayerNorm((3, 4)))(ag.ones((2, 4))), r"\(2, 4\).*\(3, 4\)\n.*Sequential\.0"),
        (lambda: F.layer_norm(ag.ones((2, 4)), 4, ag.ones(3)), r"weight has shape \(3,\)"),
        (lambda: nn.RMSNorm(3)(ag.ones((2, 4))), r"\(2, 4\).*\(3,\)"),
        (lambda: nn.LocalResponseNorm(2)(ag.ones((2, 4))), r"\(2, 4\)"),
        (lambda: F.batch_norm(ag.ones((2, 4)), None, None), "needs running_mean"),
        (lambda: F.batch_norm(ag.ones((2, 4)), ag.ones(3), ag.ones(4)), r"running_mean has shape \(3,\)"),
        (lambda: F.batch_norm(ag.ones(2), None, None, training=True), "axes"),
    ],
)
def test_mistakes(call, words):
    with pytest.raises(ValueError, match=words):
        call()
