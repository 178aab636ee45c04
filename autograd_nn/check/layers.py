"""The table of layers: every layer and loss of `nn` with inputs, for `python -m autograd_nn check --draws 1000`.

A row is checked by its parameters and by its floating inputs, in training and, where that differs, in evaluation. Shapes are as
small as they can be while every option has something to do.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..engine.random import manual_seed
from ..engine.tensor import Tensor, tensor
from .gradients import check
from .report import Report

Drawing = Callable[[np.random.Generator], Any]


@dataclass
class Layer:
    """A layer and how it is called: `inputs` are drawn and differentiated (a shape: normal numbers), `fixed` are drawn only."""

    name: str
    arguments: tuple[Any, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    inputs: Sequence[tuple[int, ...] | Drawing] = ()
    fixed: Sequence[Drawing] = ()
    call: Callable[..., Any] = lambda layer, *given: layer(*given)
    evaluation: bool = False

    def __str__(self) -> str:
        given = [
            *[getattr(a, "__name__", str(a)) for a in self.arguments],
            *[f"{k}={v}" for k, v in self.options.items()],
        ]
        return f"{self.name}({', '.join(given)}){' in evaluation' if self.evaluation else ''}"

    def make(self) -> Any:
        """The layer, with parameters drawn anew."""
        nn = library().nn
        arguments = [a(nn) if callable(a) else a for a in self.arguments]
        layer = getattr(nn, self.name)(*arguments, **self.options)
        return layer.eval() if self.evaluation else layer

    def check(self, draw: int, order: int = 1) -> Report:
        """Check it at one draw of parameters, inputs and random numbers."""
        rng = np.random.default_rng([draw, len(self.name)])
        state = library().get_rng_state()
        try:
            manual_seed(draw)
            layer = self.make()
            drawn = [d(rng) if callable(d) else rng.standard_normal(d) for d in self.inputs]
            inputs = [tensor(a.astype(np.float32), name=f"input {i}") for i, a in enumerate(drawn)]
            fixed = [narrow(d(rng)) for d in self.fixed]

            def run(*given: Tensor) -> Any:
                made = self.call(layer, *given, *fixed)
                return tuple(made) if isinstance(made, tuple) else made

            run.__name__ = str(self)
            variables = [*[(t.name or "", t) for t in inputs], *layer.named_parameters()]
            return check(run, inputs, variables, "gradcheck", order, None, None, "sampled", draw, layer)
        finally:
            library().set_rng_state(state)


def library() -> Any:
    """The package itself, whose upper rooms are imported when they are asked for."""
    return importlib.import_module(__name__.partition(".")[0])


def narrow(drawn: Any) -> Any:
    """Floating numbers as a float32 Tensor, as a user has them; anything else as it is."""
    return tensor(drawn.astype(np.float32)) if isinstance(drawn, np.ndarray) and drawn.dtype.kind == "f" else drawn


# ---- what is drawn ---------------------------------------------------------------------------------------------------


def between(low: float, high: float, *shape: int) -> Drawing:
    return lambda rng: rng.uniform(low, high, shape)


def classes(count: int, *shape: int) -> Drawing:
    return lambda rng: rng.integers(0, count, shape)


def signs(*shape: int) -> Drawing:
    return lambda rng: rng.choice([-1.0, 1.0], shape)


def shares(*shape: int) -> Drawing:
    """Probabilities that sum to one along the last axis."""
    return lambda rng: (lambda p: p / p.sum(-1, keepdims=True))(rng.uniform(0.2, 1.0, shape))


def always(value: Any) -> Drawing:
    return lambda rng: value


def sizes(dimensions: int) -> tuple[int, ...]:
    """Batch, channels, and 5 or 4 elements along each axis."""
    return (2, 2, *(5, 4, 4)[:dimensions])


# ---- the layers ------------------------------------------------------------------------------------------------------

ELEMENTWISE = (
    *(
        "CELU",
        "ELU",
        "GELU",
        "Hardshrink",
        "Hardsigmoid",
        "Hardswish",
        "Hardtanh",
        "Identity",
        "LeakyReLU",
        "LogSigmoid",
    ),
    *("Mish", "PReLU", "RReLU", "ReLU", "ReLU6", "SELU", "SiLU", "Sigmoid", "Softplus", "Softshrink", "Softsign"),
    *("Tanh", "Tanhshrink"),
)


def _padded(layer: Any, x: Any) -> Any:
    """A recurrent layer over sequences of several lengths."""
    rnn = library().nn.utils.rnn
    out, state = layer(rnn.pack_padded_sequence(x, [4, 3, 1]))
    return rnn.pad_packed_sequence(out)[0], state


def _unpooled(layer: Any, x: Any) -> Any:
    """Pooling, and what undoes it at the same places."""
    nn = library().nn
    pooled, indices = getattr(nn, layer.__class__.__name__.replace("Unpool", "Pool"))(2, return_indices=True)(x)
    return layer(pooled, indices)


def _recurrent() -> list[Layer]:
    made = []
    for name, more in (
        ("RNN", {}),
        ("RNN", {"nonlinearity": "relu"}),
        ("GRU", {}),
        ("LSTM", {}),
        ("LSTM", {"proj_size": 2}),
    ):
        for options in (
            {},
            {"bidirectional": True},
            {"num_layers": 2, "batch_first": True, "dropout": 0.3},
            {"bias": False},
        ):
            made.append(Layer(name, (2, 3), {**more, **options}, [(4, 3, 2)]))
        made.append(Layer(name, (2, 3), {**more, "bidirectional": True}, [(4, 3, 2)], call=_padded))
    for name in ("RNNCell", "GRUCell"):
        made.append(Layer(name, (2, 3), {}, [(3, 2), (3, 3)]))
    made.append(Layer("LSTMCell", (2, 3), {}, [(3, 2), (3, 3), (3, 3)], call=lambda cell, x, h, c: cell(x, (h, c))))
    return made


def _convolutions_and_pooling() -> list[Layer]:
    made = []
    for d in (1, 2, 3):
        x, odd = sizes(d), (1, 2, *(5, 4, 4)[:d])
        made += [
            Layer(f"Conv{d}d", (2, 2, 3), {"padding": 1}, [x]),
            Layer(f"Conv{d}d", (2, 4, 2), {"stride": 2, "groups": 2, "bias": False}, [x]),
            Layer(f"Conv{d}d", (2, 2, 2), {"dilation": 2, "padding_mode": "circular", "padding": 1}, [x]),
            Layer(f"ConvTranspose{d}d", (2, 2, 2), {"stride": 2, "output_padding": 1}, [odd]),
            Layer(f"MaxPool{d}d", (2,), {}, [x]),
            Layer(f"MaxPool{d}d", (3, 1), {"padding": 1}, [x]),
            Layer(f"AvgPool{d}d", (2,), {"padding": 1, "count_include_pad": False}, [x]),
            Layer(f"LPPool{d}d", (2.0, 2), {}, [between(0.3, 2.0, *x)]),
            Layer(f"AdaptiveAvgPool{d}d", (3,), {}, [x]),
            Layer(f"AdaptiveMaxPool{d}d", (3,), {}, [x]),
            Layer(f"MaxUnpool{d}d", (2,), {}, [(2, 2, *(4, 4, 4)[:d])], call=_unpooled),
            Layer(f"BatchNorm{d}d", (2,), {}, [x]),
            Layer(f"BatchNorm{d}d", (2,), {"affine": False}, [x], evaluation=True),
            Layer(f"InstanceNorm{d}d", (2,), {"affine": True}, [x]),
            Layer(f"Dropout{d}d", (0.3,), {}, [x]),
            *[Layer(f"{kind}Pad{d}d", (1,), {}, [x]) for kind in ("Circular", "Reflection", "Replication", "Zero")],
            Layer(f"ConstantPad{d}d", (1, 2.0), {}, [x]),
        ]
    return [
        *made,
        Layer("FractionalMaxPool2d", (2,), {"output_size": 2}, [(1, 2, 5, 5)]),
        Layer("FractionalMaxPool3d", (2,), {"output_size": 2}, [(1, 2, 4, 4, 4)]),
        Layer("Fold", ((4, 4), 2), {"stride": 2}, [(1, 8, 4)]),
        Layer("Unfold", (2,), {"stride": 2}, [(1, 2, 4, 4)]),
        Layer("ChannelShuffle", (2,), {}, [(1, 4, 2, 2)]),
        Layer("PixelShuffle", (2,), {}, [(1, 4, 2, 2)]),
        Layer("PixelUnshuffle", (2,), {}, [(1, 1, 4, 4)]),
        *[
            Layer("Upsample", (), {"scale_factor": 2, "mode": m}, [(1, 2, 3, 3)])
            for m in ("nearest", "bilinear", "bicubic")
        ],
        Layer("UpsamplingBilinear2d", (), {"scale_factor": 2}, [(1, 2, 3, 3)]),
        Layer("UpsamplingNearest2d", (), {"scale_factor": 2}, [(1, 2, 3, 3)]),
    ]


def _attention() -> list[Layer]:
    mask = np.triu(np.full((3, 3), -np.inf), 1)
    small = {"dim_feedforward": 5, "batch_first": True}

    def encoder(nn: Any) -> Any:
        return nn.TransformerEncoderLayer(4, 2, dropout=0.0, **small)

    def decoder(nn: Any) -> Any:
        return nn.TransformerDecoderLayer(4, 2, dropout=0.0, **small)

    itself = lambda layer, x: layer(x, x, x)
    return [
        Layer("MultiheadAttention", (4, 2), {}, [(3, 2, 4)] * 3),
        Layer("MultiheadAttention", (4, 2), {"batch_first": True, "dropout": 0.2}, [(2, 3, 4)], call=itself),
        Layer("MultiheadAttention", (4, 2), {"kdim": 3, "vdim": 5}, [(3, 2, 4), (4, 2, 3), (4, 2, 5)]),
        Layer("MultiheadAttention", (4, 2), {"add_bias_kv": True, "bias": False}, [(3, 2, 4)], call=itself),
        Layer(
            "MultiheadAttention",
            (4, 2),
            inputs=[(3, 2, 4)],
            fixed=[always(mask)],
            call=lambda layer, x, mask: layer(x, x, x, attn_mask=mask)[0],
        ),
        Layer("TransformerEncoderLayer", (4, 2), {**small}, [(2, 3, 4)]),
        Layer("TransformerEncoderLayer", (4, 2), {**small, "norm_first": True, "activation": "gelu"}, [(2, 3, 4)]),
        Layer("TransformerDecoderLayer", (4, 2), {**small}, [(2, 3, 4), (2, 2, 4)]),
        Layer("TransformerEncoder", (encoder, 2), {}, [(2, 3, 4)]),
        Layer("TransformerDecoder", (decoder, 2), {}, [(2, 3, 4), (2, 2, 4)]),
        Layer("Transformer", (4, 2, 1, 1, 5), {"batch_first": True}, [(2, 3, 4), (2, 2, 4)]),
        Layer("SinusoidalPositions", (4,), {"max_len": 5}, [(2, 3, 4)]),
        Layer("LearnedPositions", (4, 5), {}, [(2, 3, 4)]),
        Layer("RotaryPositions", (4,), {"max_len": 5}, [(2, 3, 4)]),
    ]


def _losses() -> list[Layer]:
    made = []
    for reduction in ("mean", "none"):
        r = {"reduction": reduction}
        made += [
            *[Layer(n, (), r, [(3, 4), (3, 4)]) for n in ("L1Loss", "MSELoss", "HuberLoss", "SmoothL1Loss")],
            Layer("BCELoss", (), r, [between(0.1, 0.9, 3, 4)], [between(0.1, 0.9, 3, 4)]),
            Layer("BCEWithLogitsLoss", (), r, [(3, 4)], [between(0.1, 0.9, 3, 4)]),
            Layer("CrossEntropyLoss", (), {**r, "label_smoothing": 0.1}, [(3, 4)], [classes(4, 3)]),
            Layer("CrossEntropyLoss", (), r, [(3, 4), shares(3, 4)]),
            Layer("NLLLoss", (), r, [(3, 4)], [classes(4, 3)]),
            Layer("KLDivLoss", (), r, [(3, 4)], [shares(3, 4)]),
            Layer("PoissonNLLLoss", (), r, [(3, 4)], [between(0.5, 3.0, 3, 4)]),
            Layer("GaussianNLLLoss", (), r, [(3, 4), (3, 4), between(0.3, 2.0, 3, 4)]),
            Layer("CosineEmbeddingLoss", (), {**r, "margin": 0.2}, [(3, 4), (3, 4)], [signs(3)]),
            Layer("HingeEmbeddingLoss", (), r, [(3, 4)], [signs(3, 4)]),
            Layer("MarginRankingLoss", (), {**r, "margin": 0.2}, [(4,), (4,)], [signs(4)]),
            Layer("MultiMarginLoss", (), r, [(3, 4)], [classes(4, 3)]),
            Layer("MultiLabelMarginLoss", (), r, [(2, 4)], [always(np.array([[3, 0, -1, 1], [1, -1, 0, 2]]))]),
            Layer("MultiLabelSoftMarginLoss", (), r, [(3, 4)], [lambda rng: rng.choice([0.0, 1.0], (3, 4))]),
            Layer("SoftMarginLoss", (), r, [(3, 4)], [signs(3, 4)]),
            Layer("TripletMarginLoss", (), {**r, "swap": True}, [(3, 4)] * 3),
            Layer("TripletMarginWithDistanceLoss", (), r, [(3, 4)] * 3),
            Layer("CTCLoss", (), r, [(5, 2, 4)], [always(np.array([[1, 2], [3, 3]])), always([5, 4]), always([2, 2])]),
        ]
    return [
        *made,
        Layer(
            "AdaptiveLogSoftmaxWithLoss",
            (4, 8),
            {"cutoffs": [3, 5]},
            [(3, 4)],
            [lambda rng: rng.permutation([1, 4, 7])],
        ),
        Layer("CosineSimilarity", (), {}, [(3, 4), (3, 4)]),
        Layer("PairwiseDistance", (), {}, [(3, 4), (3, 4)]),
    ]


LAYERS = [
    *[Layer(name, (), {}, [(3, 4)]) for name in ELEMENTWISE],
    Layer("GELU", (), {"approximate": "tanh"}, [(3, 4)]),
    Layer("GLU", (), {}, [(3, 4)]),
    Layer("PReLU", (4,), {}, [(3, 4)]),
    Layer("RReLU", (), {}, [(3, 4)], evaluation=True),
    Layer("Threshold", (0.1, 20.0), {}, [(3, 4)]),
    *[Layer(name, (-1,), {}, [(3, 4)]) for name in ("Softmax", "Softmin", "LogSoftmax")],
    Layer("Softmax2d", (), {}, [(2, 3, 2, 2)]),
    Layer("Linear", (4, 3), {}, [(5, 4)]),
    Layer("Linear", (4, 3), {"bias": False}, [(2, 2, 4)]),
    Layer("Bilinear", (3, 2, 4), {}, [(5, 3), (5, 2)]),
    Layer("Flatten", (), {}, [(2, 3, 2)]),
    Layer("Unflatten", (1, (2, 3)), {}, [(2, 6)]),
    *[Layer(name, (0.3,), {}, [(3, 4)]) for name in ("Dropout", "AlphaDropout")],
    Layer("FeatureAlphaDropout", (0.3,), {}, [(2, 3, 2)]),
    Layer("Dropout", (0.3,), {}, [(3, 4)], evaluation=True),
    Layer("Embedding", (6, 3), {}, [], [classes(6, 2, 4)]),
    # No weight is so long that it is written to, and none of the padding row, which is cut off from its gradient, is looked up.
    Layer("Embedding", (6, 3), {"padding_idx": 5, "max_norm": 100.0}, [], [classes(5, 2, 4)]),
    *[Layer("EmbeddingBag", (6, 3), {"mode": mode}, [], [classes(6, 2, 4)]) for mode in ("mean", "sum", "max")],
    Layer("LayerNorm", (4,), {}, [(3, 4)]),
    Layer("LayerNorm", ((3, 4),), {"bias": False}, [(2, 3, 4)]),
    Layer("RMSNorm", (4,), {}, [(3, 4)]),
    Layer("GroupNorm", (2, 4), {}, [(2, 4, 3)]),
    Layer("LocalResponseNorm", (2,), {"alpha": 0.5}, [(2, 4, 3)]),
    *_recurrent(),
    *_convolutions_and_pooling(),
    *_attention(),
    *_losses(),
]


def classes_of(names: Sequence[str] = ()) -> dict[str, list[Layer]]:
    """The rows of each class, by its name as ``nn.Linear`` (all, or those named)."""
    found: dict[str, list[Layer]] = {}
    for layer in LAYERS:
        if not names or f"nn.{layer.name}" in names:
            found.setdefault(f"nn.{layer.name}", []).append(layer)
    return found


HOLD_OTHERS = "holds other modules and computes nothing"
NOT_IN_THE_TABLE = {
    "Module": "the base of all",
    "RNNCellBase": "the base of the cells",
    "ModuleDict": HOLD_OTHERS,
    "ModuleList": HOLD_OTHERS,
    "ParameterDict": "holds parameters and computes nothing",
    "ParameterList": "holds parameters and computes nothing",
    "Sequential": HOLD_OTHERS,
}
"""The classes of `nn` that the table does not have, and why."""
