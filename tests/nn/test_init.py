"""Initialisers: PyTorch's distributions and gains, exact where nothing is drawn."""

import numpy as np
import pytest

import autograd_nn as ag
from autograd_nn import nn

torch = pytest.importorskip("torch", reason="PyTorch is the judge here")


def drawn(name, shape, *args, **kwargs):
    """What ours and PyTorch's initialiser of this name write, as float64 arrays."""
    ag.manual_seed(0)
    torch.manual_seed(0)
    ours, theirs = ag.zeros(shape, dtype=np.float64), torch.zeros(shape, dtype=torch.float64)
    assert getattr(nn.init, name)(ours, *args, **kwargs) is ours
    getattr(torch.nn.init, name)(theirs, *args, **kwargs)
    return ours.numpy(), theirs.numpy()


RANDOM = [
    ("uniform_", (200, 300), (), {}),
    ("uniform_", (200, 300), (-2.0, 5.0), {}),
    ("normal_", (200, 300), (1.0, 0.5), {}),
    ("trunc_normal_", (200, 300), (), {}),
    ("trunc_normal_", (200, 300), (0.5, 2.0, -1.0, 1.5), {}),
    ("xavier_uniform_", (200, 300), (), {"gain": 2.0}),
    ("xavier_normal_", (200, 30, 3, 3), (), {}),
    ("kaiming_uniform_", (200, 300), (), {"a": 5**0.5}),
    ("kaiming_uniform_", (200, 30, 3, 3), (), {"mode": "fan_out", "nonlinearity": "relu"}),
    ("kaiming_normal_", (200, 300), (), {"nonlinearity": "tanh"}),
    ("orthogonal_", (200, 300), (), {"gain": 1.5}),
    ("orthogonal_", (300, 20, 3), (), {}),
    ("sparse_", (200, 300), (0.1,), {"std": 0.3}),
]


@pytest.mark.parametrize(("name", "shape", "args", "kwargs"), RANDOM)
def test_distribution(name, shape, args, kwargs):
    ours, theirs = drawn(name, shape, *args, **kwargs)
    for measure in (np.mean, np.std, np.min, np.max, lambda a: np.quantile(a, 0.9), lambda a: (a == 0).mean()):
        assert measure(ours) == pytest.approx(measure(theirs), abs=0.02 * theirs.std(), rel=0.25), name
    assert ours.std() == pytest.approx(theirs.std(), rel=0.02)


EXACT = [
    ("constant_", (3, 4), (2.5,), {}),
    ("ones_", (3,), (), {}),
    ("zeros_", (3,), (), {}),
    ("eye_", (3, 5), (), {}),
    ("dirac_", (5, 3, 3), (), {}),
    ("dirac_", (6, 2, 3, 4), (), {"groups": 2}),
    ("dirac_", (2, 3, 3, 3, 3), (), {}),
]


@pytest.mark.parametrize(("name", "shape", "args", "kwargs"), EXACT)
def test_fixed_values(name, shape, args, kwargs):
    np.testing.assert_array_equal(*drawn(name, shape, *args, **kwargs))


@pytest.mark.parametrize(
    ("nonlinearity", "param"),
    [(n, None) for n in ("linear", "conv1d", "conv_transpose3d", "sigmoid", "tanh", "relu", "leaky_relu", "selu")]
    + [("leaky_relu", 0.3)],
)
def test_gains(nonlinearity, param):
    ours, theirs = nn.init.calculate_gain(nonlinearity, param), torch.nn.init.calculate_gain(nonlinearity, param)
    assert ours == pytest.approx(theirs, rel=1e-15)


@pytest.mark.parametrize("shape", [(40, 60), (60, 40), (30, 5, 3)])
def test_orthogonal_is(shape):
    q = nn.init.orthogonal_(ag.zeros(shape, dtype=np.float64)).numpy().reshape(shape[0], -1)
    small = q @ q.T if q.shape[0] <= q.shape[1] else q.T @ q
    np.testing.assert_allclose(small, np.eye(len(small)), atol=1e-12)


def test_a_seed_repeats_and_a_generator_is_its_own():
    generator = ag.random.Generator(3)
    first = nn.init.normal_(ag.zeros(5), generator=generator).numpy().copy()
    generator.manual_seed(3)
    np.testing.assert_array_equal(nn.init.normal_(ag.zeros(5), generator=generator).numpy(), first)
    assert not np.array_equal(nn.init.normal_(ag.zeros(5), generator=generator).numpy(), first)


def test_a_parameter_may_be_initialised_and_keeps_requiring_its_gradient():
    layer = nn.Linear(3, 2)
    nn.init.constant_(layer.weight, 2.0)
    assert layer.weight.requires_grad and (layer.weight.numpy() == 2.0).all()
    assert layer.weight.is_leaf


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: nn.init.xavier_uniform_(ag.zeros(3)), r"shape \(3,\) has no fan_in and fan_out"),
        (lambda: nn.init.kaiming_normal_(ag.zeros((3, 3)), mode="fan"), "mode 'fan' is not 'fan_in' or 'fan_out'"),
        (lambda: nn.init.calculate_gain("gelu"), "'gelu' is not one of"),
        (lambda: nn.init.eye_(ag.zeros(3)), r"needs a matrix, not the shape \(3,\)"),
        (lambda: nn.init.dirac_(ag.zeros((3, 3))), "3 to 5 axes"),
        (lambda: nn.init.dirac_(ag.zeros((3, 3, 3)), groups=2), "do not divide into 2 groups"),
        (lambda: nn.init.orthogonal_(ag.zeros(3)), "at least two axes"),
        (lambda: nn.init.sparse_(ag.zeros(3), 0.1), "needs a matrix"),
        (lambda: nn.init.trunc_normal_(ag.zeros(3), a=2.0, b=1.0), "nothing between a=2.0 and b=1.0"),
        (lambda: nn.init.trunc_normal_(ag.zeros(3), a=200.0, b=201.0), "37"),
    ],
)
def test_messages(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("name", [n for n in nn.init.__all__ if n.endswith("_")])
def test_the_memory_of_a_weight_can_be_given(name):
    """``weight.data``, as DCGAN's tutorial does; it draws what it draws for the weight itself."""
    extra = {"constant_": (3.0,), "sparse_": (0.5,)}.get(name, ())
    shape = (4, 4, 3) if name == "dirac_" else (4, 4)
    found = []
    for choose in (lambda w: w, lambda w: w.data):
        ag.manual_seed(0)
        w = nn.Parameter(np.full(shape, 7.0))
        held = choose(w)
        assert getattr(nn.init, name)(held, *extra) is held
        found.append(w.numpy())
    np.testing.assert_array_equal(*found)
