"""What a review found by trying to break the library as a user of PyTorch would."""

import copy
import pickle

import numpy as np
import pytest
from peer import agree

import autograd_nn as ag
from autograd_nn import nn, optim

torch = pytest.importorskip("torch", reason="PyTorch is the judge here")


@pytest.mark.parametrize("nn", [nn, torch.nn], ids=["ours", "theirs"])
def test_a_train_of_ones_own_is_called_wherever_the_module_is(nn):
    """The usual way to keep batch normalisation frozen."""

    class Frozen(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm, self.out = nn.BatchNorm1d(3), nn.Dropout()

        def train(self, mode=True):
            super().train(mode)
            self.norm.eval()
            return self

    model = nn.Sequential(nn.Sequential(Frozen()), nn.Dropout())
    model[1].train = lambda mode=True: model[1]  # or of one object
    model.eval()
    model[1].training = False
    model.train()
    frozen = model[0][0]
    assert [m.training for m in (model, model[0], frozen, frozen.norm, frozen.out)] == [True, True, True, False, True]
    assert not model[1].training


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))], ids=["copied", "pickled"])
@pytest.mark.parametrize("kind", [optim.SGD, optim.Adam, optim.LBFGS, optim.ExponentialMovingAverage])
@pytest.mark.parametrize("size", [2, 200])
def test_an_optimizer_and_its_model_are_copied_after_a_step(kind, copied, size):
    """Also where the update runs in native code, which knows arrays by their address."""

    def step(model, optimizer):
        def loss():
            model.zero_grad()
            loss = (model(ag.ones((1, size))) ** 2).sum()
            loss.backward()
            return loss

        if kind is optim.ExponentialMovingAverage:
            ag.assign(model.weight, model.weight.numpy() + 1.0)
            optimizer.update()
            return optimizer.averages[0].numpy().copy()
        optimizer.step(loss)
        return model.weight.numpy().copy()

    model = nn.Linear(size, size)
    optimizer = kind(model.parameters(), **({"max_iter": 1} if kind is optim.LBFGS else {}))
    before = step(model, optimizer)
    other = copied((model, optimizer))
    after = step(*other)
    assert not np.array_equal(after, before)
    np.testing.assert_array_equal(step(model, optimizer), after)


def test_an_unpickled_model_is_trained():
    """Its arrays' dtypes equal NumPy's and are other objects."""
    model = pickle.loads(pickle.dumps(nn.Linear(2, 3)))
    model(ag.ones((1, 2))).sum().backward()
    optim.SGD(model.parameters(), lr=0.1).step()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("weight", [None, [0.5, 1.0, 2.0]])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("batch", [0, 2])
def test_a_batch_whose_labels_are_all_ignored_leaves_the_model_as_it_is(batch, smoothing, weight):
    found = []
    for module, tensor in ((nn, ag.tensor), (torch.nn, torch.tensor)):
        x = tensor(np.ones((batch, 3)), requires_grad=True)
        w = None if weight is None else tensor(np.array(weight))
        loss = module.CrossEntropyLoss(w, label_smoothing=smoothing)(x, tensor(np.full(batch, -100)))
        loss.backward()
        found.append((loss.item(), x.grad.numpy()))
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    ("a", "b", "dim"), [((3, 4), (4,), 0), ((4,), (1,), 0), ((2, 3, 4), (4,), 2), ((3, 1), (1, 4), 1)]
)
def test_cosine_similarity_of_shapes_that_broadcast(a, b, dim):
    rng = np.random.default_rng(0)
    agree(nn.CosineSimilarity(dim), torch.nn.CosineSimilarity(dim), [rng.standard_normal(a), rng.standard_normal(b)])


def test_an_empty_batch_leaves_running_statistics_as_they_are():
    for norm, shape in ((nn.BatchNorm1d(3), (0, 3)), (nn.BatchNorm2d(3, momentum=None), (0, 3, 2, 2))):
        assert norm(ag.ones(shape)).shape == shape
        np.testing.assert_array_equal(norm.running_mean.numpy(), np.zeros(3))
        np.testing.assert_array_equal(norm.running_var.numpy(), np.ones(3))
    norm = nn.InstanceNorm1d(3, track_running_stats=True)
    norm(ag.ones((0, 3, 2)))
    np.testing.assert_array_equal(norm.running_mean.numpy(), np.zeros(3))


def test_local_response_normalisation_of_an_empty_batch():
    agree(nn.LocalResponseNorm(3), torch.nn.LocalResponseNorm(3), [np.ones((0, 4, 2, 2))])


def test_threshold_does_not_hide_nan():
    agree(nn.Threshold(0.1, 7.0), torch.nn.Threshold(0.1, 7.0), [np.array([np.nan, 0.1, 0.2, -np.inf, np.inf])])


@pytest.mark.parametrize("kind", ["MaxPool2d", "AvgPool2d"])
def test_rounding_up_gives_a_window_to_an_input_smaller_than_it(kind):
    ours, theirs = (getattr(m, kind)(3, stride=2, ceil_mode=True) for m in (nn, torch.nn))
    agree(ours, theirs, [np.random.default_rng(0).standard_normal((2, 3, 2, 6))])
    with pytest.raises(ValueError, match="reaches over 4"):
        nn.MaxPool2d(4, stride=2, ceil_mode=True)(ag.ones((1, 1, 2, 8)))


def test_a_window_of_padding_alone_is_refused():
    """It has no winner: its gradient was written wherever unset memory pointed."""
    with pytest.raises(ValueError, match="sees nothing but padding"):
        nn.MaxPool2d(2, padding=1, dilation=2)(ag.ones((1, 1, 4, 1)))
    agree(nn.MaxPool1d(2, padding=1, dilation=2), torch.nn.MaxPool1d(2, padding=1, dilation=2), [np.ones((1, 1, 2))])


TARGETS = {
    **dict.fromkeys(["MSELoss", "L1Loss", "SmoothL1Loss", "HuberLoss", "BCELoss", "BCEWithLogitsLoss", "PoissonNLLLoss"], (4, 3)),
    "CosineEmbeddingLoss": (4,),
    "MarginRankingLoss": (4, 3),
}  # fmt: skip


@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.uint8, bool])
@pytest.mark.parametrize("loss", TARGETS)
def test_targets_that_are_whole_numbers(loss, dtype):
    """PyTorch takes them in some losses and not in others; they are numbers like any."""
    rng = np.random.default_rng(0)
    count = 2 if loss in ("CosineEmbeddingLoss", "MarginRankingLoss") else 1
    inputs = [ag.tensor(rng.uniform(0.1, 0.9, (4, 3)), requires_grad=True) for _ in range(count)]
    target = (rng.random(TARGETS[loss]) > 0.5).astype(dtype)
    whole = getattr(nn, loss)()(*inputs, target)
    assert whole.dtype == np.float64
    assert whole.item() == getattr(nn, loss)()(*inputs, target.astype(float)).item()


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "softmin"])
@pytest.mark.parametrize(("shape", "dim"), [((2, 0), 1), ((0,), 0), ((0, 3), 1), ((2, 0), 0)])
def test_softmax_over_nothing(name, shape, dim):
    from autograd_nn.nn import functional as F

    x = ag.tensor(np.ones(shape), requires_grad=True)
    agree(getattr(F, name), getattr(torch.nn.functional, name), [np.ones(shape)], run=lambda f, x: f(x, dim=dim))
    (g,) = ag.gradients(getattr(F, name)(x, dim=dim).sum(), [x], create_graph=True)
    assert g.shape == shape


@pytest.mark.parametrize("recompute", [None, True])
@pytest.mark.parametrize("corners", [False, True])
@pytest.mark.parametrize("factor", [1.5, 0.6, (0.4, 2.1), 0.5, 3])
@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_antialiasing(mode, factor, corners, recompute):
    def run(f, x):
        return f(
            x, scale_factor=factor, mode=mode, align_corners=corners, antialias=True, recompute_scale_factor=recompute
        )

    x = np.random.default_rng(0).standard_normal((2, 3, 7, 9))
    agree(nn.functional.interpolate, torch.nn.functional.interpolate, [x], run=run)


def test_padding_that_only_cuts_leaves_what_is_left():
    for mode in ("reflect", "replicate", "circular", "constant"):
        assert nn.functional.pad(ag.ones((1, 2, 4, 5)), (-2, -3, 0, 0), mode=mode).shape == (1, 2, 4, 0)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_a_recurrent_layer_takes_a_batch_of_none(kind, batch_first, bidirectional):
    ours, theirs = (
        getattr(m, kind)(3, 4, 2, batch_first=batch_first, bidirectional=bidirectional) for m in (nn, torch.nn)
    )
    agree(ours, theirs, [np.ones((0, 5, 3) if batch_first else (5, 0, 3))])


def test_channels_of_a_batch_of_none_are_shuffled():
    agree(nn.ChannelShuffle(2), torch.nn.ChannelShuffle(2), [np.ones((0, 4, 3, 2))])
