"""Positions: against their papers' formulas; what they promise; errors."""

import numpy as np
import pytest

import autograd_nn as ag
from autograd_nn import nn
from autograd_nn.nn import functional as F

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("d", [6, 7])
def test_sinusoids_are_the_papers(d):
    table = nn.SinusoidalPositions(d, max_len=20, dtype=np.float64)(ag.zeros((1, 20, d), dtype=np.float64)).numpy()[0]
    for p in range(20):
        for k in range(d):
            angle = p / 10000 ** (2 * (k // 2) / d)
            assert table[p, k] == pytest.approx(np.cos(angle) if k % 2 else np.sin(angle), abs=1e-14)


@pytest.mark.parametrize("make", [lambda b: nn.SinusoidalPositions(4, 9, b), lambda b: nn.LearnedPositions(4, 9, b)])
def test_batch_and_steps_may_be_either_way_round(make):
    first, second = make(True), make(False)
    second.load_state_dict(first.state_dict())
    x = ag.tensor(RNG.standard_normal((3, 5, 4)).astype(np.float32))
    swapped = second(ag.swapaxes(x, 0, 1))
    np.testing.assert_array_equal(first(x).numpy(), ag.swapaxes(swapped, 0, 1).numpy())
    assert not np.array_equal(first(x).numpy()[0], first(x[:, ::-1]).numpy()[0, ::-1]), "the order matters"
    assert [n for n, _ in first.named_parameters()] == (["weight"] if isinstance(first, nn.LearnedPositions) else [])
    assert list(nn.SinusoidalPositions(4).state_dict()) == []


def test_learned_positions_learn():
    layer = nn.LearnedPositions(4, 9)
    layer(ag.zeros((3, 5, 4))).sum().backward()
    np.testing.assert_array_equal(layer.weight.grad.numpy(), 3.0 * (np.arange(9) < 5)[:, None] * np.ones(4))


def test_rotary_positions_are_rotations_of_pairs():
    d, base = 6, 100.0
    x = RNG.standard_normal((2, 5, d))
    found = nn.RotaryPositions(d, base=base, dtype=np.float64)(ag.tensor(x)).numpy()
    for p in range(5):
        for i in range(d // 2):
            angle = p * base ** (-2 * i / d)
            z = (x[:, p, 2 * i] + 1j * x[:, p, 2 * i + 1]) * np.exp(1j * angle)
            np.testing.assert_allclose(found[:, p, 2 * i : 2 * i + 2], np.stack([z.real, z.imag], -1), atol=1e-14)


def test_rotated_products_depend_on_the_distance_only():
    turn = nn.RotaryPositions(8, dtype=np.float64)
    q, k = (ag.tensor(np.repeat(RNG.standard_normal((1, 8)), 12, 0)) for _ in range(2))
    products = (turn(q) @ turn(k).mT).numpy()
    for distance in range(-11, 12):
        diagonal = np.diagonal(products, distance)
        np.testing.assert_allclose(diagonal, diagonal[0])
    np.testing.assert_array_equal(turn(q[:4], offset=3).numpy(), turn(q).numpy()[3:7])


def test_rotation_is_differentiated():
    angles = RNG.standard_normal((3, 2))
    ag.gradcheck(
        lambda x: F.rotate(x, np.cos(angles), np.sin(angles)), ag.tensor(RNG.standard_normal((2, 3, 4))), order=2
    )


ERRORS = [
    (lambda: nn.RotaryPositions(5), "5 features do not make pairs"),
    (
        lambda: nn.RotaryPositions(4, max_len=3)(ag.ones((4, 4))),
        r"4 steps; there are 3 positions[\s\S]*in module Rotary",
    ),
    (lambda: nn.RotaryPositions(4, max_len=5)(ag.ones((4, 4)), offset=2), "4 steps; there are 3 positions"),
    (lambda: nn.RotaryPositions(4)(ag.ones((4, 4)), offset=-1), "negative"),
    (lambda: nn.LearnedPositions(4, 3)(ag.ones((2, 5, 4))), "raise max_len"),
    (lambda: nn.LearnedPositions(4, 3)(ag.ones((2, 3, 5))), r"\(2, 3, 5\); it takes \(..., steps, 4\)"),
    (lambda: nn.SinusoidalPositions(4, batch_first=False)(ag.ones((3, 4))), r"\(steps, batch, 4\)"),
    (lambda: F.rotate(ag.ones((3, 4)), np.ones((3, 4)), np.ones((3, 2))), "d even"),
]


@pytest.mark.parametrize(("wrong", "message"), ERRORS, ids=[m for _, m in ERRORS])
def test_errors(wrong, message):
    with pytest.raises(ValueError, match=message):
        wrong()
