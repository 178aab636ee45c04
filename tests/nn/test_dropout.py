"""The dropout family: identity in evaluation as PyTorch's, and in training the right elements, shares and moments."""

import numpy as np
import pytest
from judge import Layer, normal

import autograd_nn as ag
from autograd_nn import nn
from autograd_nn.nn import functional as F

KINDS = {
    "Dropout": (40, 50),
    "Dropout1d": (40, 30, 5),
    "Dropout2d": (40, 30, 3, 2),
    "Dropout3d": (40, 30, 2, 2, 2),
    "AlphaDropout": (40, 50),
    "FeatureAlphaDropout": (40, 30, 5),
}
ALPHA = -1.7580993408473766


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("p", [0.0, 0.3, 1.0])
def test_evaluation_and_repr_as_pytorchs(kind, p):
    Layer(kind, p, inputs=[normal(*KINDS[kind])], modes=(False,)).judge()
    if p in (0.0, 1.0):  # nothing is left to chance
        Layer(kind, p, inputs=[normal(*KINDS[kind])], modes=(True,)).judge()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
@pytest.mark.parametrize("kind", ["Dropout", "Dropout1d", "Dropout2d", "Dropout3d"])
def test_training_leaves_out_elements_or_channels(kind, p, dtype):
    ag.manual_seed(1)
    x = ag.ones(KINDS[kind], dtype=dtype, requires_grad=True)
    layer = getattr(nn, kind)(p)
    out = layer(x)
    out.sum().backward()
    assert out.dtype == dtype
    factors = out.numpy()
    np.testing.assert_array_equal(x.grad.numpy(), factors)
    np.testing.assert_allclose(np.unique(factors), [0.0, 1.0 / (1.0 - p)], rtol=1e-3)
    if kind != "Dropout":
        flat = factors.reshape(*factors.shape[:2], -1)
        assert (flat == flat[..., :1]).all()
        factors = flat[..., 0]
    assert abs((factors == 0.0).mean() - p) < 4.0 * np.sqrt(p * (1.0 - p) / factors.size)
    assert not np.array_equal(layer(x).numpy(), out.numpy())


def test_the_same_seed_drops_the_same():
    x, layer = ag.ones((5, 5)), nn.Dropout(0.5)
    ag.manual_seed(3)
    first = layer(x).numpy()
    ag.manual_seed(3)
    np.testing.assert_array_equal(layer(x).numpy(), first)


@pytest.mark.parametrize(("p", "kind"), [(0.1, "AlphaDropout"), (0.5, "AlphaDropout"), (0.5, "FeatureAlphaDropout")])
def test_alpha_dropout_keeps_mean_and_variance(p, kind):
    ag.manual_seed(2)
    x = ag.tensor(np.random.default_rng(0).standard_normal((400, 100, 2)), requires_grad=True)
    out = getattr(nn, kind)(p)(x)
    assert abs(out.numpy().mean()) < 0.02
    assert abs(out.numpy().std() - 1.0) < 0.02
    a = 1.0 / np.sqrt((1.0 - p) * (1.0 + p * ALPHA**2))
    out.sum().backward()
    kept = x.grad.numpy() != 0.0
    np.testing.assert_allclose(x.grad.numpy()[kept], a)
    np.testing.assert_allclose(out.numpy()[~kept], a * ALPHA - a * p * ALPHA)
    np.testing.assert_allclose(out.numpy()[kept], a * x.numpy()[kept] - a * p * ALPHA)
    assert abs(kept.mean() - (1.0 - p)) < 0.01
    if kind == "FeatureAlphaDropout":
        assert (kept[..., 0] == kept[..., 1]).all()


def test_inputs_without_a_batch():
    ag.manual_seed(0)
    assert len(np.unique(F.dropout1d(ag.ones((50, 3)), 0.5).numpy(), axis=1)[0]) == 1
    rows = F.dropout2d(ag.ones((9, 50, 3)), 0.5).numpy()  # a batch of sequences, as in PyTorch
    assert (rows == rows[..., :1]).all()
    assert not (rows == rows[:, :1]).all()
    volumes = F.dropout3d(ag.ones((50, 2, 3, 2)), 0.5).numpy().reshape(50, -1)
    assert (volumes == volumes[:, :1]).all()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: nn.Dropout(1.5), "Dropout: the probability 1.5"),
        (lambda: nn.AlphaDropout(-0.1), "AlphaDropout: the probability -0.1"),
        (lambda: F.dropout(ag.ones(2), 2.0), "the probability 2.0"),
        (lambda: nn.Sequential(nn.Dropout2d())(ag.ones((2, 3))), r"\(2, 3\).*\n.*Sequential\.0"),
        (lambda: F.dropout1d(ag.ones(3)), "2 or 3 axes"),
        (lambda: F.dropout3d(ag.ones((2, 3, 4))), "4 or 5 axes"),
        (lambda: F.feature_alpha_dropout(ag.ones(3), training=True), r"\(3,\)"),
    ],
)
def test_mistakes(call, words):
    with pytest.raises(ValueError, match=words):
        call()
