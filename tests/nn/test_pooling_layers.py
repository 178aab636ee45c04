"""Pooling and unpooling layers against PyTorch's, over their options."""

import numpy as np
import pytest
from judge import Function, Layer, distinct, positive, torch

import autograd_nn as ag
from autograd_nn import nn
from autograd_nn.nn import functional as F

SPACES = {1: (9,), 2: (7, 8), 3: (5, 4, 6)}
LAYERS = []
for d, space in SPACES.items():
    x, alone = distinct(2, 3, *space), distinct(3, *space)
    LAYERS += [
        Layer(f"MaxPool{d}d", *arguments, inputs=[y], **options)
        for arguments, options, y in [
            ((2,), {}, x),
            ((2,), {}, alone),
            ((3, 1, 1), {}, x),
            ((3, 2), {"ceil_mode": True}, x),
            ((2, 1), {"dilation": 2}, x),
            ((2,), {"return_indices": True}, x),
            (((2, 3, 2)[:d],), {"padding": (1, 1, 0)[:d], "stride": (2, 1, 2)[:d]}, x),
            ((2,), {"return_indices": True}, alone),
        ]
    ]
    LAYERS += [
        Layer(f"AvgPool{d}d", *arguments, inputs=[y], **options)
        for arguments, options, y in [
            ((2,), {}, x),
            ((2,), {}, alone),
            ((3, 1, 1), {}, x),
            ((3, 2, 1, True, False), {}, x),
            ((3, 2, 1, True, True), {}, x),
            (((2, 3, 2)[:d], (1, 2, 2)[:d]), {}, x),
            *([((2,), {"divisor_override": 3}, x)] if d > 1 else []),
        ]
    ]
    # PyTorch's own rule gives NaN where a window's powers sum to 0, and takes roots of negative sums for odd powers
    LAYERS += [
        Layer(f"LPPool{d}d", *arguments, inputs=[y], **options)
        for arguments, options, y in [
            ((2, 2), {}, x),
            ((2.0, 3, 1), {}, x),
            ((1, 2), {"ceil_mode": True}, positive(2, 3, *space)),
            ((3, 2), {}, positive(2, 3, *space)),
            ((2, 2), {}, alone),
        ]
    ]
    LAYERS += [
        Layer(f"Adaptive{kind}Pool{d}d", *arguments, inputs=[y])
        for kind in ("Max", "Avg")
        for arguments, y in [((1,), x), ((3,), x), ((3,), alone), (((None, 2, 4)[:d],), x), ((2 * space[0],), x)]
        if d > 1 or arguments != ((None,),)
    ]
    LAYERS += [Layer(f"AdaptiveMaxPool{d}d", 3, True, inputs=[y]) for y in (x, alone)]

    def indices(x, *arguments):
        return getattr(torch.nn.functional, f"max_pool{x.ndim - 2}d")(torch.tensor(x), *arguments, return_indices=True)[
            1
        ]

    where = indices(x, 2).numpy()
    y = distinct(*where.shape)
    LAYERS += [
        Layer(f"MaxUnpool{d}d", 2, inputs=[y, where]),
        Layer(f"MaxUnpool{d}d", 2, inputs=[y[0], where[0]]),
        Layer(f"MaxUnpool{d}d", 2, 2, 0, inputs=[y, where], call={"output_size": space}),
        Layer(f"MaxUnpool{d}d", (2,) * d, (2,) * d, inputs=[y, where], call={"output_size": (2, 3, *space)}),
    ]

SAMPLES = {d: np.random.default_rng(d).uniform(size=(2, 3, d)) for d in (2, 3)}
for d in (2, 3):
    x = distinct(2, 3, 7, 8, 9)[..., : 9 if d == 3 else 1].reshape(2, 3, *(7, 8, 9)[:d])
    LAYERS += [
        Layer(f"FractionalMaxPool{d}d", 2, _random_samples=SAMPLES[d], inputs=[x], prints=False, **options)
        for options in (
            {"output_size": 3},
            {"output_size": (4, 3, 5)[:d]},
            {"output_ratio": 0.5},
            {"output_ratio": (0.5, 0.7, 0.4)[:d]},
            {"output_size": 1},
            {"output_size": 3, "return_indices": True},
        )
    ]

X1, X2, X3 = (distinct(2, 3, *space) for space in SPACES.values())
FUNCTIONS = [
    Function("max_pool1d", (X1, 3, 2, 1, 1, True)),
    Function("max_pool2d", (X2, (2, 3)), {"return_indices": True}),
    Function("max_pool3d", (X3, 2, 1, 1, 2)),
    Function("avg_pool1d", (X1, 3, 2, 1, True, False)),
    Function("avg_pool2d", (X2, 3, 2, 1, True, True, 5)),
    Function("avg_pool3d", (X3, 2, 1)),
    Function("lp_pool1d", (X1, 2, 3)),
    Function("lp_pool2d", (X2, 2, (2, 3), 1)),
    Function("lp_pool3d", (X3, 2, 2), {"ceil_mode": True}),
    *[Function(f"adaptive_{kind}_pool{d}d", (x, 3)) for kind in ("max", "avg") for d, x in enumerate((X1, X2, X3), 1)],
]


@pytest.mark.parametrize("case", [*LAYERS, *FUNCTIONS], ids=str)
def test_as_pytorch(case):
    case.judge()


def test_fractional_windows_differ_from_call_to_call_and_lie_within():
    ag.manual_seed(0)
    x = ag.tensor(np.arange(100.0).reshape(1, 1, 10, 10))
    layer = nn.FractionalMaxPool2d(2, output_size=6)
    found = [layer(x).numpy() for _ in range(5)]
    assert len({f.tobytes() for f in found}) > 1
    assert all((np.diff(f[0, 0], axis=0) > 0).all() and f[0, 0, -1, -1] == 99.0 for f in found)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: nn.Sequential(nn.MaxPool2d(9))(ag.ones((1, 1, 8, 8))), r"9.*\n.*Sequential\.0"),
        (lambda: nn.Sequential(nn.AvgPool2d(2))(ag.ones((8, 8))), r"\(8, 8\).*\n.*Sequential\.0"),
        (
            lambda: nn.Sequential(nn.AdaptiveAvgPool2d((2, 2, 2)))(ag.ones((1, 1, 8, 8))),
            r"output_size.*\n.*Sequential\.0",
        ),
        (lambda: nn.LPPool1d(0, 2)(ag.ones((1, 1, 8))), "norm_type"),
        (lambda: nn.FractionalMaxPool2d(2), "either"),
        (lambda: nn.FractionalMaxPool2d(2, output_ratio=1.5), "1.5"),
        (lambda: nn.FractionalMaxPool2d(4, 6)(ag.ones((1, 1, 8, 8))), r"\(6, 6\) windows of \(4, 4\)"),
        (lambda: F.fractional_max_pool2d(ag.ones((1, 1, 8, 8)), 2, 3, _random_samples=np.ones(2)), r"\(1, 1, 2\)"),
        (lambda: F.fractional_max_pool3d(ag.ones((1, 8, 8)), 2, 3), r"\(1, 8, 8\)"),
        (lambda: F.fractional_max_pool2d(ag.ones((1, 1, 8, 8)), (2, 2, 2), 3), "kernel_size"),
    ],
)
def test_mistakes(call, words):
    with pytest.raises(ValueError, match=words):
        call()
