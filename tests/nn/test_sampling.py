"""affine_grid and grid_sample against PyTorch's, at points inside, outside and on the edges."""

import numpy as np
import pytest
from judge import Function, normal, torch

import autograd_nn as ag
from autograd_nn.nn import functional as F

POINTS2 = np.random.default_rng(0).uniform(-1.7, 1.7, (2, 5, 6, 2))
POINTS3 = np.random.default_rng(1).uniform(-1.7, 1.7, (2, 3, 4, 2, 3))
FAR = POINTS2 * 7.0
EDGES = np.array([[[[-1.0, -1.0], [1.0, 1.0], [0.0, 1.0], [-1.0, 0.5]]]])
X2, X3 = normal(2, 3, 4, 7), normal(2, 3, 4, 3, 5)

CASES = [
    *[Function("affine_grid", (normal(2, 2, 3), (2, 1, 4, 5), a)) for a in (True, False, None)],
    *[Function("affine_grid", (normal(2, 3, 4), (2, 1, 3, 4, 5)), {"align_corners": a}) for a in (True, False)],
    Function("affine_grid", (normal(2, 2, 3), (2, 1, 1, 5)), {"align_corners": True}),
    *[
        Function("grid_sample", (x, grid), {"mode": mode, "padding_mode": pad, "align_corners": align})
        for mode in ("bilinear", "bicubic")
        for pad in ("zeros", "border", "reflection")
        for align in (True, False)
        for x, grid in [(X2, POINTS2), (X2, FAR), (X3, POINTS3)]
        if x.ndim == 4 or mode == "bilinear"
    ],
    *[
        Function("grid_sample", (normal(1, 2, 1, 5), POINTS2[:1]), {"padding_mode": p, "align_corners": True})
        for p in ("zeros", "reflection")
    ],
    Function("grid_sample", (X2, POINTS2)),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_as_pytorch(case):
    case.judge()


@pytest.mark.parametrize("pad", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("align", [True, False])
@pytest.mark.parametrize(("x", "grid"), [(X2, POINTS2), (X3, POINTS3), (X2[:1], EDGES)], ids=["2d", "3d", "edges"])
def test_the_nearest_element(x, grid, pad, align):
    a, b = ag.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    ours = F.grid_sample(a, ag.tensor(grid), "nearest", pad, align)
    theirs = torch.nn.functional.grid_sample(b, torch.tensor(grid), "nearest", pad, align)
    np.testing.assert_array_equal(ours.numpy(), theirs.detach().numpy())
    ours.sum().backward()
    theirs.sum().backward()
    np.testing.assert_array_equal(a.grad.numpy(), b.grad.numpy())


@pytest.mark.parametrize("pad", ["zeros", "border", "reflection"])
def test_points_on_the_edges_read_the_outermost_elements(pad):
    x = ag.tensor(X2[:1])
    out = F.grid_sample(x, ag.tensor(EDGES), padding_mode=pad, align_corners=True).numpy()
    np.testing.assert_allclose(out[0, :, 0, 0], X2[0, :, 0, 0])
    np.testing.assert_allclose(out[0, :, 0, 1], X2[0, :, -1, -1])


def test_derivatives_of_second_order():
    x, grid = normal(1, 1, 3, 4), np.array([[[[0.1, 0.3], [-0.5, 0.2]]]])
    for mode in ("bilinear", "bicubic"):
        ag.gradcheck(lambda x, g, mode=mode: F.grid_sample(x, g, mode), x, grid)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: F.affine_grid(ag.ones((2, 3, 3)), (2, 1, 4, 4)), r"\(2, 3, 3\)"),
        (lambda: F.grid_sample(ag.ones((2, 1, 4, 4)), ag.ones((3, 2, 2, 2))), r"\(3, 2, 2, 2\)"),
        (lambda: F.grid_sample(ag.ones((2, 1, 4, 4)), ag.ones((2, 2, 2, 2)), "cubic"), "'cubic'"),
        (lambda: F.grid_sample(ag.ones((2, 1, 4, 4)), ag.ones((2, 2, 2, 2)), padding_mode="wrap"), "'wrap'"),
        (lambda: F.grid_sample(ag.ones((2, 1, 0, 4)), ag.ones((2, 2, 2, 2))), "nothing to read"),
    ],
)
def test_mistakes(call, words):
    with pytest.raises(ValueError, match=words):
        call()
