"""Pictures of training: what is drawn is what was given; Axes of one's own; clear errors."""

import gallery
import numpy as np
import pytest
from matplotlib.figure import Figure

import autograd_nn as ag
from autograd_nn import nn
from autograd_nn.viz import training
from autograd_nn.viz.training.images import tiled
from autograd_nn.viz.training.units import rows, slopes


@pytest.fixture(scope="module")
def history():
    ag.manual_seed(0)
    model, found = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2)), training.History()
    x, y = ag.tensor(gallery.randn(16, 4)), np.arange(16) % 2
    for step in range(6):
        loss = ag.cross_entropy(model(x), y)
        model.zero_grad()
        loss.backward()
        found.log(loss=loss)
        found.snapshot(model, step)
    return found


def test_history_keeps_numbers_only(history):
    assert [s for s, _ in history.metrics["loss"]] == [*range(6)]
    assert sorted(history.weights) == ["0.bias", "0.weight", "2.bias", "2.weight"] == sorted(history.gradients)
    for snapshot in history.weights["0.weight"]:
        assert snapshot.counts.sum() == 32
    with pytest.raises(ValueError, match="has 2 elements"):
        training.History().log(loss=[1.0, 2.0])


def test_curves(history):
    ax = training.curves(history)
    assert ax.get_ylabel() == "loss"
    assert np.allclose(ax.lines[0].get_ydata(), [v for _, v in history.metrics["loss"]])
    assert training.curves({"a": [1000.0, 1.0], "b": [1.0, 1.0]}).get_yscale() == "log"
    assert training.curves({"a": [-1.0, 1.0]}).get_yscale() == "linear"
    smoothed = training.curves({"a": np.arange(10.0)}, smooth=4)
    assert np.allclose(smoothed.lines[1].get_ydata(), np.arange(7) + 1.5)
    with pytest.raises(ValueError, match="nothing to draw"):
        training.curves({})


def test_histograms(history):
    ax = training.histograms(history, "gradients")
    assert [t.get_text() for t in ax.get_yticklabels()] == ["0.weight", "0.bias", "2.weight", "2.bias"]
    assert len(ax.images) == 4
    assert all(np.allclose(np.max(image.get_array(), axis=0), 1.0) for image in ax.images)
    with pytest.raises(ValueError, match=r"history\.snapshot"):
        training.histograms(training.History())
    with pytest.raises(ValueError, match="'weights' or 'gradients'"):
        training.histograms(history, "biases")


def test_activations_count_flat_values_and_dead_units():
    x = ag.tensor(np.array([[1.0, -1.0, -2.0], [2.0, 3.0, -1.0]]))
    with ag.record(x) as r:
        ag.tanh(ag.relu(x) * 10.0)
    assert rows(r) == [("relu", 0.5, pytest.approx(1 / 3)), ("tanh", 0.5, pytest.approx(1 / 3))]
    ax = training.activations(r)
    assert [t.get_text() for t in ax.texts] == ["50 % flat, 33 % dead", "50 % flat, 33 % dead"]
    assert slopes("sigmoid", np.array([0.5]))[0] == 1.0
    assert slopes("exp", np.array([0.5])) is None
    with ag.record(x) as r:
        ag.exp(x)
    with pytest.raises(ValueError, match="no relu, tanh or sigmoid"):
        training.activations(r)
    with pytest.raises(TypeError, match=r"under ag\.record"):
        training.activations(x)


def test_filters_and_feature_maps(records):
    r, model = records("lenet")
    assert "32 filters 3×3" in training.filters(model[0]).get_title()
    assert training.filters(np.ones((4, 3, 5, 5))).images[0].get_array().shape == (11, 11, 3)
    assert "10 filters 28×28" in training.filters(np.ones((10, 784)), shape=(28, 28)).get_title()
    ax = training.feature_maps(r, "Sequential.0")
    assert "32 channels 28×28" in ax.get_title()
    for call, message in [
        (lambda: training.filters(np.ones((10, 784))), r"shape=\(height, width\)"),
        (lambda: training.feature_maps(r, "nowhere"), "'nowhere' made no images.*Sequential.0"),
        (lambda: training.feature_maps(r, "Sequential.0", example=9), "no example 9 among 4"),
        (lambda: training.feature_maps(np.ones((2, 3))), "holds none"),
    ]:
        with pytest.raises(ValueError, match=message):
            call()
    picture = tiled(np.arange(3.0)[:, None, None] * np.ones((3, 2, 2)))
    assert picture.shape == (5, 5)
    assert picture[3, 0] == 2.0
    assert np.isnan(picture[2]).all()


def test_attention(records):
    r, _ = records("block")
    weights = next(e for e in r.entries if e.name == "softmax").outputs[0].data[0]
    ax = training.attention(weights, queries="abcdefgh")
    image = ax.images[0].get_array()
    assert np.allclose(image[:, :8], weights[0])
    assert np.allclose(image[:, 9:17], weights[1])
    assert [t.get_text() for t in ax.get_yticklabels()] == list("abcdefgh")
    with pytest.raises(ValueError, match="of one example"):
        training.attention(np.ones(3))


def test_confusion():
    ax = training.confusion(np.array([0, 1, 2, 2]), np.eye(3)[[0, 1, 1, 2]], names=["cat", "dog", "cow"])
    assert ax.get_title() == "75.0 % of 4 are right"
    assert sorted((t.get_position(), t.get_text()) for t in ax.texts) == [
        ((0, 0), "1"),
        ((1, 1), "1"),
        ((1, 2), "1"),
        ((2, 2), "1"),
    ]
    figure = ax.get_figure()
    figure.canvas.draw()
    for text in (ax.title, *ax.get_xticklabels(), *ax.get_yticklabels()):  # nothing is clipped
        box, whole = text.get_window_extent(), figure.bbox
        assert box.x0 >= 0 and box.x1 <= whole.x1 and box.y0 >= 0 and box.y1 <= whole.y1, text.get_text()
    with pytest.raises(ValueError, match="2 labels and 1 predictions"):
        training.confusion([0, 1], [0])


def test_decision_boundary():
    x = np.array([[-1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    seen = []

    def model(points):
        seen.append(points.requires_grad)
        return points[:, 0]

    ax = training.decision_boundary(model, x, [0, 1, 1, 0], resolution=20)
    winner = ax.images[0].get_array()
    assert not winner[:, :10].any()
    assert winner[:, 10:].all()
    assert seen == [False]
    with pytest.raises(ValueError, match="the plane needs"):
        training.decision_boundary(model, np.ones((3, 4)), [0, 0, 0])


def test_every_picture_takes_axes(records, history):
    r, model = records("lenet")
    axes = Figure().subplots(2, 4).ravel()
    calls = [
        lambda ax: training.curves(history, ax=ax),
        lambda ax: training.histograms(history, ax=ax),
        lambda ax: training.activations(r, ax=ax),
        lambda ax: training.filters(model[0], ax=ax),
        lambda ax: training.feature_maps(r, "Sequential.0", ax=ax),
        lambda ax: training.attention(np.eye(3), ax=ax),
        lambda ax: training.confusion([0, 1], [0, 1], ax=ax),
        lambda ax: training.decision_boundary(lambda p: p[:, 0], np.eye(2), [0, 1], ax=ax),
    ]
    for ax, call in zip(axes, calls, strict=True):
        assert call(ax) is ax
