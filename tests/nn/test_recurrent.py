"""Recurrent layers against PyTorch: all options, packed and unbatched sequences, states, cells; the kernels' two ways; errors."""

import itertools
import warnings

import numpy as np
import pytest
from peer import agree

import autograd_nn as ag
from autograd_nn import nn
from autograd_nn.ops import recurrent

torch = pytest.importorskip("torch", reason="PyTorch is the judge here")

pytestmark = pytest.mark.filterwarnings("ignore:LSTM with projections")
RNG = np.random.default_rng(0)
BATCH, STEPS, FAN_IN, WIDTH = 3, 5, 4, 6


def draw(*shape):
    return RNG.standard_normal(shape)


def states(kind, count, *batch, proj=0):
    widths = (proj or WIDTH, WIDTH) if kind == "LSTM" else (WIDTH,)
    return [draw(count, *batch, w) for w in widths]


def call(kind):
    """Layer, input, states -> the call as a user writes it."""
    if kind == "LSTM":
        return lambda layer, x, *s: layer(x, s) if s else layer(x)
    return lambda layer, x, *s: layer(x, *s)


@pytest.fixture(params=[0, 1 << 60], ids=["native", "numpy"])
def way(request, monkeypatch):
    monkeypatch.setattr(recurrent, "NATIVE", request.param)


KINDS = [("RNN", {}), ("RNN", {"nonlinearity": "relu"}), ("LSTM", {}), ("LSTM", {"proj_size": 2}), ("GRU", {})]
OPTIONS = [
    {},
    {"num_layers": 2, "bias": False},
    {"bidirectional": True, "batch_first": True},
    {"num_layers": 2, "bidirectional": True, "batch_first": True},
]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize(("kind", "own"), KINDS, ids=str)
def test_layers(kind, own, options, dtype, way):
    torch.manual_seed(0)
    theirs = getattr(torch.nn, kind)(FAN_IN, WIDTH, **options, **own)
    ours = getattr(nn, kind)(FAN_IN, WIDTH, **options, **own)
    count = options.get("num_layers", 1) * (2 if options.get("bidirectional") else 1)
    x = draw(BATCH, STEPS, FAN_IN) if options.get("batch_first") else draw(STEPS, BATCH, FAN_IN)
    first = states(kind, count, BATCH, proj=own.get("proj_size", 0))
    agree(ours, theirs, [x], dtype, call(kind))
    ours.zero_grad()
    theirs.zero_grad()
    agree(ours, theirs, [x, *first], dtype, call(kind))


@pytest.mark.parametrize(("kind", "own"), KINDS, ids=str)
def test_unbatched(kind, own):
    theirs, ours = (getattr(m, kind)(FAN_IN, WIDTH, 2, bidirectional=True, **own) for m in (torch.nn, nn))
    agree(ours, theirs, [draw(STEPS, FAN_IN), *states(kind, 4, proj=own.get("proj_size", 0))], run=call(kind))


@pytest.mark.parametrize("lengths", [[5, 3, 1], [2, 5, 3], [4, 4, 4], [1, 1, 5]], ids=str)
@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize(("kind", "own"), KINDS, ids=str)
def test_packed_sequences(kind, own, batch_first, lengths, way):
    theirs, ours = (getattr(m, kind)(FAN_IN, WIDTH, 2, bidirectional=True, **own) for m in (torch.nn, nn))

    def run(layer, x, *first):
        utils = (torch.nn if isinstance(layer, torch.nn.Module) else nn).utils.rnn
        packed = utils.pack_padded_sequence(x, lengths, batch_first, enforce_sorted=False)
        out, last = call(kind)(layer, packed, *first)
        padded, found = utils.pad_packed_sequence(out, batch_first, padding_value=0.5, total_length=6)
        assert found.tolist() == lengths
        return padded, last

    x = draw(BATCH, STEPS, FAN_IN) if batch_first else draw(STEPS, BATCH, FAN_IN)
    agree(ours, theirs, [x, *states(kind, 4, BATCH, proj=own.get("proj_size", 0))], run=run)


@pytest.mark.parametrize("batched", [True, False])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    ("kind", "own"),
    [("RNNCell", {}), ("RNNCell", {"nonlinearity": "relu"}), ("LSTMCell", {}), ("GRUCell", {})],
    ids=str,
)
def test_cells(kind, own, bias, dtype, batched):
    theirs, ours = (getattr(m, kind)(FAN_IN, WIDTH, bias=bias, **own) for m in (torch.nn, nn))
    batch = (BATCH,) if batched else ()
    first = [draw(*batch, WIDTH) for _ in range(2 if kind == "LSTMCell" else 1)]
    run = (lambda cell, x, *s: cell(x, s)) if kind == "LSTMCell" else (lambda cell, x, *s: cell(x, *s))
    agree(ours, theirs, [draw(*batch, FAN_IN), *first], dtype, run)
    assert repr(ours).split("  #")[0] == repr(theirs)
    ours(ag.tensor(draw(*batch, FAN_IN).astype(dtype)))


def test_a_long_float32_layer_follows_float64():
    """Native vectors and their remainders (width 37) over 20 steps."""
    for kind in ("LSTM", "GRU"):
        theirs, ours = (getattr(m, kind)(19, 37) for m in (torch.nn, nn))
        agree(ours, theirs, [draw(20, 17, 19)], "float32", call(kind))


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_native_steps_are_the_numpy_steps(kind, dtype, monkeypatch):
    layer = getattr(nn, kind)(8, 21, dtype=dtype)
    x = ag.tensor(30.0 * draw(6, 4, 8).astype(dtype), requires_grad=True)  # far into saturation, too
    found = []
    for native in (0, 1 << 60):
        monkeypatch.setattr(recurrent, "NATIVE", native)
        out = layer(x)[0]
        found.append([out, *ag.gradients(out, [x, *layer.parameters()], np.ones(out.shape, dtype))])
    for a, b in zip(*found, strict=True):
        assert np.abs(a.numpy() - b.numpy()).max() <= (1e-13 if dtype == "float64" else 1e-5) * max(
            1, np.abs(b.numpy()).max()
        )


def test_nan_stays_nan(way):
    for layer in (nn.LSTM(2, 20), nn.GRU(2, 20), nn.RNN(2, 20)):
        assert np.isnan(layer(ag.full((1, 1, 2), np.nan))[0].numpy()).all()


def test_dropout_between_layers():
    """Half of what goes from layer to layer is dropped in training, and nothing in evaluation."""
    ag.manual_seed(0)
    layer = nn.RNN(3, 400, 2, nonlinearity="relu", dropout=0.5)
    for p in layer.parameters():
        nn.init.constant_(p, 0.01)
    x = ag.ones((1, 1, 3))
    a, b, c = layer(x)[0].numpy(), layer(x)[0].numpy(), layer.eval()(x)[0].numpy()
    assert not np.allclose(a, b)
    assert (layer(x)[0].numpy() == c).all()
    assert abs(a.mean() / c.mean() - 1) < 0.2
    with pytest.warns(UserWarning, match="there is one layer"):
        nn.RNN(3, 4, dropout=0.5)


def test_reprs_are_pytorchs():
    for kind, options in itertools.product(("RNN", "LSTM", "GRU"), OPTIONS):
        ours, theirs = (getattr(m, kind)(FAN_IN, WIDTH, **options) for m in (nn, torch.nn))
        assert repr(ours).split("  #")[0] == repr(theirs)


def test_sequences_are_padded_and_packed_as_pytorch_does():
    theirs, ours = torch.nn.utils.rnn, nn.utils.rnn
    arrays = [draw(n, 2) for n in (2, 4, 3)]
    for batch_first, side in itertools.product((False, True), ("left", "right")):
        padded = ours.pad_sequence([ag.tensor(a) for a in arrays], batch_first, 0.5, side)
        expected = theirs.pad_sequence([torch.tensor(a) for a in arrays], batch_first, 0.5, side)
        np.testing.assert_array_equal(padded.numpy(), expected.numpy())
    packed = ours.pack_sequence([ag.tensor(a) for a in arrays], enforce_sorted=False)
    expected = theirs.pack_sequence([torch.tensor(a) for a in arrays], enforce_sorted=False)
    for a, b in zip(packed, expected, strict=True):
        np.testing.assert_array_equal(np.asarray(a), b.numpy())
    for a, b in zip(ours.unpack_sequence(packed), arrays, strict=True):
        np.testing.assert_array_equal(a.numpy(), b)


ERRORS = [
    (lambda: nn.LSTM(4, 0), "must be at least 1"),
    (lambda: nn.LSTM(4, 4, proj_size=4), "proj_size 4"),
    (lambda: nn.RNN(4, 4, nonlinearity="gelu"), "'gelu'"),
    (lambda: nn.GRU(4, 4, 2, dropout=2.0), "probability"),
    (lambda: nn.LSTM(4, 6)(ag.ones((5, 3, 5))), r"\(5, 3, 5\).*\(steps, batch, 4\)[\s\S]*in module LSTM"),
    (lambda: nn.LSTM(4, 6)(ag.ones((0, 3, 4))), "no steps"),
    (lambda: nn.GRU(4, 6)(ag.ones((5, 3, 4)), ag.ones((1, 2, 6))), r"\(1, 2, 6\); it takes \(1, 3, 6\)"),
    (lambda: nn.GRUCell(4, 6)(ag.ones((3, 4)), ag.ones((2, 6))), r"\(2, 6\).*\(3, 6\)"),
    (lambda: nn.GRUCell(4, 6)(ag.ones((3, 5))), r"\(3, 5\).*\(batch, 4\)"),
    (lambda: nn.utils.rnn.pack_padded_sequence(ag.ones((4, 2)), [1, 2]), "enforce_sorted=False"),
    (lambda: nn.utils.rnn.pack_padded_sequence(ag.ones((4, 2)), [5, 2]), "from 1 to the 4 steps"),
    (lambda: nn.utils.rnn.pack_padded_sequence(ag.ones((4, 2)), [5]), "a batch of 2"),
    (lambda: nn.utils.rnn.pad_sequence([]), "no sequences"),
    (lambda: nn.utils.rnn.pad_sequence([ag.ones((2, 3)), ag.ones((2, 4))]), "differ behind"),
    (lambda: ag.lstm(*[ag.ones((2, 3))] * 5, sizes=(2,)), "hidden_size rows each"),
]


@pytest.mark.parametrize(("wrong", "message"), ERRORS, ids=[m for _, m in ERRORS])
def test_errors(wrong, message):
    with pytest.raises(ValueError, match=message):
        wrong()


def test_other_dtypes_are_refused():
    with pytest.raises(TypeError, match="float64 and the weight float32"):
        nn.LSTM(4, 6)(ag.ones((5, 3, 4), dtype=np.float64))
    with pytest.raises(TypeError, match="one floating dtype"):
        ag.rnn(ag.ones((2, 3)), ag.ones((2, 4)), ag.ones((4, 3)), ag.ones((4, 4), dtype=np.float64), sizes=(2,))


def test_no_warning_by_default():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nn.LSTM(2, 3, 2, dropout=0.1)
