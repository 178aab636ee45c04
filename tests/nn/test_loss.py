"""Losses against PyTorch: all arguments, values and gradients; what they refuse, and how they say it."""

import warnings

import numpy as np
import pytest
from peer import agree

import autograd_nn as ag
from autograd_nn import nn
from autograd_nn.nn import functional as F

torch = pytest.importorskip("torch", reason="PyTorch is the judge here")

RNG = np.random.default_rng(0)
N, C = 4, 5


def normal(*shape):
    return RNG.standard_normal(shape)


def within(low, high, *shape):
    return RNG.uniform(low, high, shape)


def labels(*shape, classes=C, ignored=None):
    y = RNG.integers(0, classes, shape)
    if ignored is not None:
        y.reshape(-1)[0] = ignored
    return y


def signs(*shape):
    return np.where(RNG.random(shape) < 0.5, -1.0, 1.0)


def simplex(*shape):
    p = within(0.1, 1.0, *shape)
    return p / p.sum(1 if len(shape) > 1 else 0, keepdims=True)


REGRESSION = [(normal(N, C), normal(N, C)), (normal(N), normal(N)), (normal(), normal())]
PROBABILITIES = [(within(0.1, 0.9, N, C), within(0.0, 1.0, N, C))]
CLASSES = [
    (normal(N, C), labels(N)),
    (normal(C), labels()),
    (normal(N, C, 3), labels(N, 3)),
    (normal(N, C, 2, 3), labels(N, 2, 3, ignored=-100)),
    (normal(N, C), labels(N, ignored=2)),
]
IGNORING = [CLASSES[0], CLASSES[2], CLASSES[4]]
SOFT = [(normal(N, C), simplex(N, C)), (normal(C), simplex(C)), (normal(N, C, 3), simplex(N, C, 3))]
ENDED = np.array([[1, 3, -1, 2, 0], [-1, 0, 0, 0, 0], [4, 0, 1, 2, 3], [2, 2, -1, -1, 1]])
WEIGHT = {"weight": within(0.5, 2.0, C)}
VECTORS = (normal(N, C), normal(N, C))
TRIPLETS = [tuple(normal(N, C) for _ in range(3)), tuple(normal(C) for _ in range(3))]

# name, constructor arguments, inputs
TABLE = [
    ("L1Loss", {}, REGRESSION),
    ("MSELoss", {}, REGRESSION),
    ("SmoothL1Loss", {}, REGRESSION),
    ("SmoothL1Loss", {"beta": 0.3}, REGRESSION),
    ("SmoothL1Loss", {"beta": 0.0}, REGRESSION),
    ("HuberLoss", {"delta": 0.7}, REGRESSION),
    ("BCELoss", {}, PROBABILITIES),
    ("BCELoss", WEIGHT, PROBABILITIES),
    (
        "BCEWithLogitsLoss",
        {},
        [(3 * normal(N, C), within(0.0, 1.0, N, C)), (np.array([200.0, -200.0]), np.array([0.0, 1.0]))],
    ),
    ("BCEWithLogitsLoss", {"pos_weight": within(0.5, 3.0, C)}, [(normal(N, C), within(0.0, 1.0, N, C))]),
    ("BCEWithLogitsLoss", {**WEIGHT, "pos_weight": within(0.5, 3.0, N, 1)}, [(normal(N, C), within(0.0, 1.0, N, C))]),
    ("KLDivLoss", {}, [(normal(N, C), simplex(N, C))]),
    ("KLDivLoss", {"log_target": True}, [VECTORS]),
    (
        "GaussianNLLLoss",
        {},
        [(*VECTORS, within(0.1, 2.0, N, C)), (*VECTORS, within(0.1, 2.0, N)), (*VECTORS, np.full((N, 1), 1e-9))],
    ),
    ("GaussianNLLLoss", {"full": True, "eps": 0.5}, [(*VECTORS, within(0.1, 2.0, N, 1)), (*VECTORS, 2.0)]),
    ("PoissonNLLLoss", {}, [(normal(N, C), within(0.0, 4.0, N, C))]),
    (
        "PoissonNLLLoss",
        {"log_input": False, "full": True, "eps": 1e-3},
        [(within(0.1, 3.0, N, C), within(0.0, 4.0, N, C))],
    ),
    ("CrossEntropyLoss", {}, [*CLASSES, *SOFT]),
    ("CrossEntropyLoss", {"ignore_index": 2}, IGNORING),
    ("CrossEntropyLoss", {"label_smoothing": 0.2}, [*CLASSES, *SOFT]),
    ("CrossEntropyLoss", WEIGHT, [*CLASSES, *SOFT]),
    ("CrossEntropyLoss", {**WEIGHT, "label_smoothing": 0.3, "ignore_index": 2}, IGNORING),
    ("NLLLoss", {}, CLASSES),
    ("NLLLoss", {**WEIGHT, "ignore_index": 2}, IGNORING),
    ("MultiMarginLoss", {}, CLASSES[:2]),
    ("MultiMarginLoss", {"p": 2, "margin": 0.3, **WEIGHT}, CLASSES[:2]),
    ("MultiLabelMarginLoss", {}, [(normal(N, C), ENDED), (normal(C), ENDED[0])]),
    ("MultiLabelSoftMarginLoss", {}, [(normal(N, C), within(0.0, 1.0, N, C)), (normal(C), within(0.0, 1.0, C))]),
    ("MultiLabelSoftMarginLoss", WEIGHT, [(normal(N, C), within(0.0, 1.0, N, C))]),
    ("SoftMarginLoss", {}, [(normal(N, C), signs(N, C)), (normal(), signs())]),
    ("HingeEmbeddingLoss", {}, [(normal(N, C), signs(N, C))]),
    ("HingeEmbeddingLoss", {"margin": 0.4}, [(normal(N), signs(N))]),
    ("MarginRankingLoss", {"margin": 0.4}, [(normal(N), normal(N), signs(N))]),
    ("CosineEmbeddingLoss", {}, [(*VECTORS, signs(N)), (normal(C), normal(C), signs())]),
    ("CosineEmbeddingLoss", {"margin": 0.2}, [(*VECTORS, signs(N))]),
    ("TripletMarginLoss", {}, TRIPLETS),
    ("TripletMarginLoss", {"margin": 0.3, "p": 3.0, "eps": 1e-4, "swap": True}, TRIPLETS),
    ("TripletMarginLoss", {"p": 1.0}, TRIPLETS),
    ("TripletMarginWithDistanceLoss", {"swap": True, "margin": 0.5}, TRIPLETS),
]
CASES = [
    pytest.param(name, options, inputs, id=f"{name}-{i}-{j}")
    for i, (name, options, calls) in enumerate(TABLE)
    for j, inputs in enumerate(calls)
]


def built(module, name, options, dtype):
    make = ag.tensor if module is nn else torch.tensor
    return getattr(module, name)(
        **{k: make(v.astype(dtype)) if isinstance(v, np.ndarray) else v for k, v in options.items()}
    )


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize(("name", "options", "inputs"), CASES)
@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides")
def test_losses(name, options, inputs, reduction, dtype):
    ours, theirs = (built(m, name, {**options, "reduction": reduction}, dtype) for m in (nn, torch.nn))
    soft = name in ("SoftMarginLoss", "HingeEmbeddingLoss", "MarginRankingLoss", "CosineEmbeddingLoss")
    constant = {len(inputs) - 1} if soft else set()  # targets of 1 and -1
    if name in ("MultiLabelSoftMarginLoss",):
        constant = {1}

    def run(module, *tensors):
        if module is theirs:
            return module(*[t.detach() if k in constant else t for k, t in enumerate(tensors)])
        return module(*[t.detach() if k in constant else t for k, t in enumerate(tensors)])

    agree(ours, theirs, list(inputs), dtype, run)


def test_binary_cross_entropy_of_certain_probabilities():
    """Finite where a probability is 0 or 1, value and gradient."""
    p, y = np.array([0.0, 1.0, 1.0]), np.array([1.0, 1.0, 0.0])
    for module, make in ((nn, ag.tensor), (torch.nn, torch.tensor)):
        x = make(p, requires_grad=True)
        losses = module.BCELoss(reduction="none")(x, make(y))
        losses.sum().backward()
        np.testing.assert_array_equal(losses.detach().numpy(), [100.0, 0.0, 100.0])
        np.testing.assert_allclose(x.grad.numpy(), [-1e12, 0.0, 1e12], rtol=1e-7)


@pytest.mark.parametrize("log_target", [False, True])
def test_batchmean(log_target):
    ours, theirs = (m.KLDivLoss(reduction="batchmean", log_target=log_target) for m in (nn, torch.nn))
    agree(ours, theirs, [normal(N, C), simplex(N, C)])


@pytest.mark.parametrize(("name", "delta"), [("l1_loss", {}), ("mse_loss", {}), ("huber_loss", {"delta": 0.5})])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_weighted_regression(name, delta, reduction):
    run = lambda f, x, y, w: f(x, y, weight=w.detach(), reduction=reduction, **delta)
    agree(getattr(F, name), getattr(torch.nn.functional, name), [*VECTORS, within(0.5, 2.0, N, C)], run=run)


def test_targets_without_probability_cost_nothing():
    y = np.array([[0.0, 1.0], [0.5, 0.5]])
    agree(F.kl_div, torch.nn.functional.kl_div, [np.log(simplex(2, 2))], run=lambda f, x: f(
        x, (torch.tensor if isinstance(x, torch.Tensor) else ag.tensor)(y), reduction="sum"))  # fmt: skip


LENGTHS = np.array([[6, 3], [6, 0], [4, 2], [5, 1]])  # of inputs and of labels


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("joined", [False, True])
@pytest.mark.parametrize("blank", [0, 2])
def test_ctc(blank, joined, reduction, dtype):
    """Through log_softmax: PyTorch's gradient by log_probs alone presumes one below it."""
    padded = RNG.choice([k for k in range(C) if k != blank], (N, 3))
    inputs, counts = LENGTHS.T
    targets = np.concatenate([row[:n] for row, n in zip(padded, counts, strict=True)]) if joined else padded

    def run(module, x):
        make = torch.tensor if isinstance(x, torch.Tensor) else ag.tensor
        return module(x.log_softmax(-1), make(targets), make(inputs), make(counts))

    ours, theirs = (m.CTCLoss(blank, reduction) for m in (nn, torch.nn))
    agree(ours, theirs, [normal(6, N, C)], dtype, run)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_ctc_of_one_sequence_and_of_labels_that_do_not_fit(reduction):
    y, one = np.array([1, 1, 2]), normal(4, C)
    make = lambda x: torch.tensor if isinstance(x, torch.Tensor) else ag.tensor
    run = lambda module, x: module(x.log_softmax(-1), make(x)(y), make(x)(np.array(4)), make(x)(np.array(3)))
    ours, theirs = (m.CTCLoss(reduction=reduction) for m in (nn, torch.nn))
    agree(ours, theirs, [one], run=run)
    short = lambda module, x: module(
        x.log_softmax(-1), make(x)(y[None]), make(x)(np.array([3])), make(x)(np.array([3]))
    )
    ours, theirs = (m.CTCLoss(reduction=reduction, zero_infinity=True) for m in (nn, torch.nn))
    agree(ours, theirs, [normal(4, 1, C)], run=short)
    assert np.isinf(short(nn.CTCLoss(reduction=reduction), ag.tensor(normal(4, 1, C))).numpy()).all()


def test_a_mean_of_no_label_is_nan():
    x, y = ag.tensor(normal(2, C), requires_grad=True), np.full(2, -100)
    for f in (F.cross_entropy, F.nll_loss):
        assert np.isnan(f(x, y).numpy())
        assert f(x, y, reduction="sum").numpy() == 0.0


def test_distances():
    for p, keepdim in ((2.0, False), (1.0, True), (3.0, False)):
        agree(nn.PairwiseDistance(p, 1e-4, keepdim), torch.nn.PairwiseDistance(p, 1e-4, keepdim), list(VECTORS))
    agree(nn.CosineSimilarity(dim=0), torch.nn.CosineSimilarity(dim=0), list(VECTORS))
    agree(nn.CosineSimilarity(), torch.nn.CosineSimilarity(), [normal(N, C, 3), normal(N, C, 1)])


def test_any_distance():
    def run(module, *tensors):
        absolute = torch.abs if module is torch.nn else ag.abs
        distance = lambda a, b: absolute(a - b).sum(-1)
        return module.TripletMarginWithDistanceLoss(distance_function=distance)(*tensors)

    agree(nn, torch.nn, list(TRIPLETS[0]), run=run)


def test_older_arguments_mean_the_same():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for older in (
            {"size_average": False},
            {"reduce": False},
            {"size_average": True},
            {"size_average": False, "reduce": True},
        ):
            agree(nn.MSELoss(**older), torch.nn.MSELoss(**older), list(VECTORS))
            run = lambda f, *t: f(*t, **older)
            agree(F.smooth_l1_loss, torch.nn.functional.smooth_l1_loss, list(VECTORS), run=run)


def test_second_derivatives_of_losses():
    """What is composed is differentiated twice by its parts; finite differences of the gradient agree."""
    y = ag.tensor(within(0.1, 0.9, N, C))
    for f in (
        lambda x: F.binary_cross_entropy_with_logits(x, y),
        lambda x: F.cross_entropy(x, np.arange(N), label_smoothing=0.1),
        lambda x: F.gaussian_nll_loss(x, y, ag.exp(x)),
        lambda x: F.triplet_margin_loss(x, y, ag.flip(y, 0), swap=True),
        lambda x: F.cosine_embedding_loss(x, y, ag.tensor(np.array([1.0, -1.0, 1.0, -1.0]))),
    ):
        ag.gradcheck(f, ag.tensor(normal(N, C)), order=2)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("options", [{}, {"head_bias": True, "div_value": 2.0}], ids=str)
def test_adaptive_log_softmax(options, dtype):
    arguments = (64, 12, [3, 7, 9])
    ours, theirs = (m.AdaptiveLogSoftmaxWithLoss(*arguments, **options) for m in (nn, torch.nn))
    targets = np.array([0, 11, 4, 2, 8, 4, 10])
    make = lambda x: (torch.tensor if isinstance(x, torch.Tensor) else ag.tensor)(targets)
    agree(ours, theirs, [normal(7, 64)], dtype, lambda m, x: tuple(m(x, make(x))))
    ours.zero_grad(), theirs.zero_grad()
    agree(ours, theirs, [normal(64)], dtype, lambda m, x: tuple(m(x, make(x)[1])))
    ours.zero_grad(), theirs.zero_grad()
    agree(ours, theirs, [normal(7, 64)], dtype, lambda m, x: m.log_prob(x))
    x = normal(50, 64).astype(dtype)
    np.testing.assert_array_equal(ours.predict(ag.tensor(x)).numpy(), theirs.predict(torch.tensor(x)).numpy())


x, y = ag.ones((4, 5)), ag.ones(4)
ERRORS = [
    (lambda: nn.MSELoss()(x, y), ValueError, r"input has shape \(4, 5\) and the target \(4,\)[\s\S]*in module MSELoss"),
    (lambda: F.l1_loss(x, ag.ones((4, 1))), ValueError, "must have one shape, and broadcasting"),
    (lambda: F.mse_loss(x, ag.ones((4, 5), dtype=np.float64)), TypeError, r"the target is float64.*target.astype\('float32'\)"),
    (lambda: F.mse_loss(ag.ones((4, 5), dtype=int), x), TypeError, "the input is int64; it takes a floating dtype"),
    (lambda: F.mse_loss(x, x, reduction="average"), ValueError, "'average' is not 'mean', 'sum' or 'none'"),
    (lambda: F.mse_loss(x, x, weight=y), ValueError, r"weight \(4,\)"),
    (lambda: F.huber_loss(x, x, delta=0.0), ValueError, "delta must be positive"),
    (lambda: F.smooth_l1_loss(x, x, beta=-1.0), ValueError, "beta must not be negative"),
    (lambda: F.binary_cross_entropy(2.0 * x, x), ValueError, "the input must be from 0 to 1; its values run from 2.0"),
    (lambda: F.binary_cross_entropy(x, x, weight=ag.ones((4, 4))), ValueError, "does not broadcast to the losses"),
    (lambda: F.binary_cross_entropy_with_logits(x, x, pos_weight=ag.ones((2, 4, 5))), ValueError, "pos_weight of shape"),
    (lambda: F.gaussian_nll_loss(x, x, ag.ones(5)), ValueError, r"var has shape \(5,\)"),
    (lambda: F.gaussian_nll_loss(x, x, -x), ValueError, "the var must be at least 0"),
    (lambda: nn.CrossEntropyLoss()(x, np.array([0, 1, 2, 5])), ValueError, "run from 0 to 5[\\s\\S]*in module"),
    (lambda: F.cross_entropy(x, np.array([0, 1])), ValueError, r"labels of shape \(2,\) for logits of \(4, 5\)"),
    (lambda: F.cross_entropy(x, x[:, 0]), ValueError, r"target \(4,\)"),
    (lambda: F.cross_entropy(x, np.ones(4, bool)), TypeError, "integers, not bool"),
    (lambda: F.cross_entropy(x, np.zeros(4, int), weight=y), ValueError, r"the weight has shape \(4,\).*5 classes"),
    (lambda: F.cross_entropy(x, np.zeros(4, int), weight=ag.ones(5, requires_grad=True)), TypeError, "weight.detach"),
    (lambda: F.cross_entropy(x, np.zeros(4, int), label_smoothing=1.5), ValueError, "label_smoothing 1.5"),
    (lambda: F.cross_entropy(x, x, label_smoothing=1.5), ValueError, "label_smoothing 1.5"),
    (lambda: F.cross_entropy(x, x, ignore_index=2), ValueError, "none to ignore"),
    (lambda: F.nll_loss(x, np.array([0, 1, -1, 2])), ValueError, "run from -1 to 2, but there are 5 classes"),
    (lambda: F.nll_loss(x, np.array([0.0] * 4)), TypeError, "class numbers, integers, not float64"),
    (lambda: F.multi_margin_loss(x, np.zeros(4, int), p=3), ValueError, "p is 1 or 2"),
    (lambda: F.multilabel_margin_loss(x, np.full((4, 5), 7)), ValueError, "run from 7 to 7"),
    (lambda: F.multilabel_margin_loss(x, np.zeros((4, 4), int)), ValueError, r"labels of \(4, 4\)"),
    (lambda: F.cosine_embedding_loss(x, x, ag.ones((4, 1))), ValueError, r"takes \(4,\)"),
    (lambda: F.triplet_margin_loss(x, x, x, margin=0.0), ValueError, "margin must be positive"),
    (lambda: F.triplet_margin_loss(x, x, x[:1]), ValueError, r"the negative \(1, 5\)"),
    (lambda: F.ctc_loss(ag.ones((3, 1, 2)), [[1, 1]], [3], [3]), ValueError, r"label_lengths \[3\] must be from 0 to 2"),
    (lambda: F.ctc_loss(ag.ones((3, 1, 2)), [[1, 1]], [4], [2]), ValueError, r"input_lengths \[4\] must be from 1 to 3"),
    (lambda: F.ctc_loss(ag.ones((3, 1, 2)), [[1, 0]], [3], [2]), ValueError, "the blank, 0, is among the labels"),
    (lambda: F.ctc_loss(ag.ones((3, 1, 2)), [[1, 2]], [3], [2]), ValueError, "run from 1 to 2, but there are 2 classes"),
    (lambda: F.ctc_loss(ag.ones((3, 2, 2)), [1, 1], [3, 3], [2, 1]), ValueError, "do not sum to the 2 targets"),
    (lambda: F.ctc_loss(ag.ones((3, 1, 2)), [[1.0]], [3], [1]), TypeError, "targets are integers, not float64"),
    (lambda: nn.AdaptiveLogSoftmaxWithLoss(5, 9, [4, 3]), ValueError, "rise"),
    (lambda: nn.AdaptiveLogSoftmaxWithLoss(5, 9, [3])(x, np.array([0, 1, 2, 9])), ValueError, "run from 0 to 9"),
]  # fmt: skip


@pytest.mark.parametrize(("wrong", "kind", "message"), ERRORS, ids=[m for _, _, m in ERRORS])
def test_errors(wrong, kind, message):
    with pytest.raises(kind, match=message):
        wrong()


def test_every_loss_of_pytorchs_is_here():
    theirs = {name for name in dir(torch.nn) if name.endswith("Loss")}
    assert {name for name in theirs if not hasattr(nn, name)} == {"LinearCrossEntropyLoss"}
