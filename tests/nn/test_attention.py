"""Attention and the Transformer against PyTorch: all options, masks, training and evaluation; errors."""

import numpy as np
import pytest
from peer import agree

import autograd_nn as ag
from autograd_nn import nn
from autograd_nn.nn import functional as F
from autograd_nn.ops import attention

torch = pytest.importorskip("torch", reason="PyTorch is the judge here")

RNG = np.random.default_rng(0)
BATCH, QUERIES, KEYS, WIDTH, HEADS = 3, 4, 5, 8, 2


def draw(*shape):
    return RNG.standard_normal(shape)


def choose(*shape):
    """Booleans, True in a third of the places and nowhere in the first column (no row is all True)."""
    mask = RNG.random(shape) < 0.35
    mask[..., 0] = False
    return mask


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(
    ("mask", "options"),
    [
        (None, {}),
        (None, {"is_causal": True}),
        (None, {"scale": 0.3}),
        (~choose(QUERIES, KEYS), {}),
        (~choose(BATCH, 1, QUERIES, KEYS), {}),
        (draw(QUERIES, KEYS), {}),
        (draw(BATCH, HEADS, 1, KEYS), {}),
    ],
    ids=str,
)
def test_scaled_dot_product_attention(mask, options, dtype):
    q, k, v = draw(BATCH, HEADS, QUERIES, 3), draw(BATCH, HEADS, KEYS, 3), draw(BATCH, HEADS, KEYS, 6)
    run = lambda f, q, k, v, m=None: f(q, k, v, attn_mask=m, **options)
    arrays = [q, k, v] if mask is None else [q, k, v, mask]
    agree(F.scaled_dot_product_attention, torch.nn.functional.scaled_dot_product_attention, arrays, dtype, run)


@pytest.mark.parametrize("mask", [None, "bool", "float"])
@pytest.mark.parametrize("is_causal", [False, True])
def test_native_rows_are_numpys(is_causal, mask, monkeypatch):
    """Large enough for the kernels; with a negative scale the smallest product is the largest score."""
    arrays = [ag.tensor(9.0 * draw(2, 3, n, 20), requires_grad=True) for n in (31, 40, 40)]
    masks = {None: None, "bool": ~choose(31, 40), "float": draw(3, 31, 40)}
    for scale in (0.4, -0.4):
        found = []
        for native in (0, 1 << 60):
            monkeypatch.setattr(attention, "NATIVE", native)
            out, weights = ag.dot_product_attention(*arrays, masks[mask], scale=scale, is_causal=is_causal)
            total = (out * np.cos(np.arange(20))).sum() + ag.square(weights).sum()
            found.append([out, weights, *ag.gradients(total, arrays)])
        for a, b in zip(*found, strict=True):
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-10, atol=1e-10)


def test_grouped_queries():
    run = lambda f, q, k, v: f(q, k, v, enable_gqa=True)
    arrays = [draw(2, 6, QUERIES, 3), draw(2, 2, KEYS, 3), draw(2, 2, KEYS, 3)]
    agree(F.scaled_dot_product_attention, torch.nn.functional.scaled_dot_product_attention, arrays, run=run)


def test_queries_that_may_look_nowhere_get_zeros():
    mask = np.zeros((QUERIES, KEYS), bool)
    mask[1:] = True
    arrays = [draw(BATCH, QUERIES, 3), draw(BATCH, KEYS, 3), draw(BATCH, KEYS, 3)]
    run = lambda f, q, k, v: f(
        q, k, v, attn_mask=(ag.tensor if f is F.scaled_dot_product_attention else torch.tensor)(mask)
    )
    agree(F.scaled_dot_product_attention, torch.nn.functional.scaled_dot_product_attention, arrays, run=run)


def test_dropout_of_weights():
    """What is left of the weights is scaled by 1 / (1 - p), and the result and its gradient use the same weights."""
    ag.manual_seed(0)
    v = ag.tensor(np.eye(200), requires_grad=True)
    zeros = ag.zeros((200, 1), dtype=np.float64)
    out = F.scaled_dot_product_attention(zeros, zeros, v, dropout_p=0.25)
    weights = out.numpy() * 200
    assert set(np.round(np.unique(weights), 9)) == {0.0, round(4 / 3, 9)}
    assert 0.73 < (weights > 0).mean() < 0.77
    out.sum().backward()
    np.testing.assert_allclose(v.grad.numpy(), np.repeat(out.numpy().sum(0)[:, None], 200, 1))


OPTIONS = [
    {},
    {"bias": False, "batch_first": True},
    {"add_bias_kv": True},
    {"add_zero_attn": True, "batch_first": True},
    {"add_bias_kv": True, "add_zero_attn": True, "kdim": 3, "vdim": 5, "batch_first": True},
    {"kdim": 6, "bias": False},
]
MASKS = [
    (None, None),
    (choose(BATCH, KEYS), None),
    (None, choose(QUERIES, KEYS)),
    (choose(BATCH, KEYS), choose(BATCH * HEADS, QUERIES, KEYS)),
    (draw(BATCH, KEYS), draw(QUERIES, KEYS)),
]


def swapped(x, options):
    return x if options.get("batch_first") else x.swapaxes(0, 1)


def given(module, mask):
    if mask is None:
        return None
    return (torch.tensor if isinstance(module, torch.nn.Module) else ag.tensor)(mask)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("padding", "mask"), MASKS, ids=range(len(MASKS)))
@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("weights", [{}, {"average_attn_weights": False}, {"need_weights": False}], ids=str)
def test_multihead_attention(options, padding, mask, weights, dtype):
    theirs, ours = (m.MultiheadAttention(WIDTH, HEADS, **options) for m in (torch.nn, nn))
    q = swapped(draw(BATCH, QUERIES, WIDTH), options)
    k = swapped(draw(BATCH, KEYS, options.get("kdim", WIDTH)), options)
    v = swapped(draw(BATCH, KEYS, options.get("vdim", WIDTH)), options)
    masks = [None if m is None else m.astype(dtype) if m.dtype != bool else m for m in (padding, mask)]

    def run(m, q, k, v):
        return m(q, k, v, key_padding_mask=given(m, masks[0]), attn_mask=given(m, masks[1]), **weights)

    agree(ours, theirs, [q, k, v], dtype, run)


@pytest.mark.parametrize("options", [{}, {"batch_first": True}, {"add_zero_attn": True, "add_bias_kv": True}], ids=str)
def test_self_attention(options):
    theirs, ours = (m.MultiheadAttention(WIDTH, HEADS, **options) for m in (torch.nn, nn))
    agree(ours, theirs, [draw(BATCH, QUERIES, WIDTH)], run=lambda m, x: m(x, x, x))
    ours.zero_grad(), theirs.zero_grad()
    agree(ours, theirs, [draw(QUERIES, WIDTH)], run=lambda m, x: m(x, x, x, average_attn_weights=False))
    ours.zero_grad(), theirs.zero_grad()
    mask = nn.Transformer.generate_square_subsequent_mask(QUERIES, dtype=np.float64).numpy()
    agree(ours, theirs, [draw(QUERIES, WIDTH)], run=lambda m, x: m(x, x, x, attn_mask=given(m, mask), is_causal=True))
    x = ag.tensor(draw(QUERIES, WIDTH))
    if not options.get("add_zero_attn"):
        hinted = ours(x, x, x, is_causal=True)[0]
        np.testing.assert_allclose(hinted.numpy(), ours(x, x, x, attn_mask=ag.tensor(mask))[0].numpy())


def test_multihead_dropout_only_in_training():
    ag.manual_seed(0)
    layer = nn.MultiheadAttention(WIDTH, HEADS, dropout=0.5)
    x = ag.tensor(draw(QUERIES, WIDTH).astype(np.float32))
    weights = layer(x, x, x, average_attn_weights=False)[1].numpy()
    assert (weights == 0).any() and (weights > 0).any()
    np.testing.assert_allclose(layer.eval()(x, x, x)[1].numpy().sum(-1), 1.0, rtol=1e-6)


LAYERS = [
    {},
    {"norm_first": True, "batch_first": True},
    {"activation": "gelu", "bias": False},
    {"layer_norm_eps": 1e-2, "batch_first": True},
]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("options", LAYERS, ids=str)
def test_encoder_and_decoder_layers(options, training, dtype):
    arguments = {"dim_feedforward": 7, "dropout": 0.0, **options}
    theirs, ours = (m.TransformerEncoderLayer(WIDTH, HEADS, **arguments).train(training) for m in (torch.nn, nn))
    x, memory = swapped(draw(BATCH, QUERIES, WIDTH), options), swapped(draw(BATCH, KEYS, WIDTH), options)
    hidden, padding = choose(QUERIES, QUERIES), choose(BATCH, QUERIES)
    agree(ours, theirs, [x], dtype)
    ours.zero_grad(), theirs.zero_grad()
    agree(ours, theirs, [x], dtype, lambda m, x: m(x, given(m, hidden), given(m, padding)))
    theirs, ours = (m.TransformerDecoderLayer(WIDTH, HEADS, **arguments).train(training) for m in (torch.nn, nn))
    unseen, ignored = choose(QUERIES, KEYS), choose(BATCH, KEYS)
    agree(ours, theirs, [x, memory], dtype)
    ours.zero_grad(), theirs.zero_grad()
    masks = (hidden, unseen, padding, ignored)
    agree(ours, theirs, [x, memory], dtype, lambda m, x, y: m(x, y, *[given(m, mask) for mask in masks]))


@pytest.mark.parametrize("activation", [np.tanh, "module"], ids=str)
def test_activation_of_ones_own(activation):
    for kind in ("TransformerEncoderLayer", "TransformerDecoderLayer"):
        layers = []
        for m in (torch.nn, nn):
            f = m.Tanh() if activation == "module" else torch.tanh if m is torch.nn else activation
            layers.append(getattr(m, kind)(WIDTH, HEADS, 7, 0.0, f))
        agree(layers[1], layers[0], [draw(QUERIES, BATCH, WIDTH)] * (2 if "Decoder" in kind else 1))


@pytest.mark.filterwarnings("ignore:enable_nested_tensor")
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("norm", [True, False])
def test_stacks(norm, training):
    stacks = {"Encoder": [], "Decoder": []}
    for m in (torch.nn, nn):
        for kind, found in stacks.items():
            layer = getattr(m, f"Transformer{kind}Layer")(WIDTH, HEADS, 7, 0.0)
            found.append(
                getattr(m, f"Transformer{kind}")(layer, 2, m.LayerNorm(WIDTH) if norm else None).train(training)
            )
    x, memory = draw(QUERIES, BATCH, WIDTH), draw(KEYS, BATCH, WIDTH)
    hidden, padding = choose(QUERIES, QUERIES), choose(BATCH, QUERIES)
    theirs, ours = stacks["Encoder"]
    agree(ours, theirs, [x], run=lambda m, x: m(x, given(m, hidden), given(m, padding)))
    theirs, ours = stacks["Decoder"]
    agree(
        ours, theirs, [x, memory], run=lambda m, x, y: m(x, y, given(m, hidden), tgt_key_padding_mask=given(m, padding))
    )


@pytest.mark.filterwarnings("ignore:enable_nested_tensor")
@pytest.mark.parametrize("options", LAYERS, ids=str)
def test_transformer(options):
    theirs, ours = (m.Transformer(WIDTH, HEADS, 2, 2, 7, dropout=0.0, **options) for m in (torch.nn, nn))
    source, target = swapped(draw(BATCH, KEYS, WIDTH), options), swapped(draw(BATCH, QUERIES, WIDTH), options)
    later = ours.generate_square_subsequent_mask(QUERIES, dtype=np.float64).numpy()
    np.testing.assert_array_equal(later, theirs.generate_square_subsequent_mask(QUERIES).numpy())
    run = lambda m, s, t: m(s, t, tgt_mask=given(m, later), tgt_is_causal=True)
    agree(ours, theirs, [source, target], run=run)


def test_initialisation():
    ag.manual_seed(0)
    layer = nn.MultiheadAttention(64, 4, add_bias_kv=True)
    k = np.sqrt(6 / (64 + 3 * 64))
    assert 0.95 * k < np.abs(layer.in_proj_weight.numpy()).max() <= k
    assert not layer.in_proj_bias.numpy().any() and not layer.out_proj.bias.numpy().any()
    model = nn.Transformer(64, 4, 1, 1, 64)
    for name, p in model.named_parameters():
        if p.ndim > 1:
            k = np.sqrt(6 / sum(p.shape))
            assert 0.95 * k < np.abs(p.numpy()).max() <= k, name


x = ag.ones((2, 5, 8))
ERRORS = [
    (lambda: nn.MultiheadAttention(8, 3), "8 does not divide into 3 heads"),
    (lambda: nn.MultiheadAttention(8, 2)(x, x, ag.ones((2, 5, 7))), r"the value has shape \(2, 5, 7\)[\s\S]*in module Multi"),
    (lambda: nn.MultiheadAttention(8, 2)(x, x, ag.ones((3, 5, 8))), "one for one"),
    (lambda: nn.MultiheadAttention(8, 2)(x, *[ag.ones((2, 6, 8))] * 2), "different batches"),
    (lambda: nn.MultiheadAttention(8, 2)(x, x, x, attn_mask=np.zeros((5, 5), bool)), r"has shape \(5, 5\), not \(2, 2\)"),
    (lambda: nn.MultiheadAttention(8, 2)(x, x, x, np.zeros((2, 5), bool)), r"key_padding_mask has shape"),
    (lambda: nn.TransformerEncoderLayer(8, 2, activation="swish"), "'swish' is not"),
    (lambda: F.scaled_dot_product_attention(x, x, x, is_causal=True, attn_mask=ag.ones((5, 5))), "not both"),
    (lambda: F.scaled_dot_product_attention(x, x, x, dropout_p=1.5), "within 0 and 1"),
    (lambda: F.scaled_dot_product_attention(x, x, x, attn_mask=ag.ones((3, 5))), r"mask of shape \(3, 5\) does not broadcast"),
    (lambda: F.scaled_dot_product_attention(x, x[:1], x), "axes before the last two"),
    (lambda: F.scaled_dot_product_attention(x, x[:, :4], x), "4 keys and 5 values"),
    (lambda: F.scaled_dot_product_attention(x, x[..., :4], x), "8 features and the keys 4"),
    (lambda: F.scaled_dot_product_attention(*[ag.ones((3, 5, 8))] + [x] * 2, enable_gqa=True), "do not divide"),
]  # fmt: skip


@pytest.mark.parametrize(("wrong", "message"), ERRORS, ids=[m for _, m in ERRORS])
def test_errors(wrong, message):
    with pytest.raises(ValueError, match=message):
        wrong()


def test_other_dtypes_are_refused():
    with pytest.raises(TypeError, match="the mask is int64"):
        F.scaled_dot_product_attention(x, x, x, attn_mask=np.ones((5, 5), np.int64))
    with pytest.raises(TypeError, match="float64 and the weight float32"):
        F.scaled_dot_product_attention(x, x.astype(np.float64), x)
