"""What PyTorch has and we have not: the list, with a reason each. It fails when it is out of date, or has grown long.

`python -m pytest tests/nn/test_coverage.py -s` prints it.
"""

import inspect
import operator

import pytest

from autograd_nn import nn, optim

torch = pytest.importorskip("torch")

LAZY = "says the input's size at the call; nn.summary and an error's two shapes help as much"
ALIAS = "a deprecated name of what there is"

MODULES = {
    "Container": "a deprecated name of Module",
    "CrossMapLRN2d": "Caffe's form of LocalResponseNorm, undocumented",
    "DataParallel": "several GPUs; here is one CPU",
    "LinearCrossEntropyLoss": "Linear and CrossEntropyLoss in one, to save a GPU's memory",
    "NLLLoss2d": ALIAS,
    "RNNBase": "what RNN, LSTM and GRU share there, no layer of its own",
    "SyncBatchNorm": "batch statistics over several processes; here is one",
    **{name: LAZY for name in sorted(dir(torch.nn)) if name.startswith("Lazy")},
}

IN_PLACE = "the in-place form; write x = f(x)"
WITH_INDICES = "the function without it, with return_indices=True"
GPU = "products of scaled or grouped low-precision matrices, for GPUs"
FUNCTIONS = {
    **{f"{name}_": IN_PLACE for name in ("celu", "elu", "hardtanh", "leaky_relu", "relu", "rrelu", "selu", "threshold")},
    **{
        f"{name}_with_indices": WITH_INDICES
        for name in (
            *[f"{kind}max_pool{d}d" for kind in ("", "adaptive_") for d in (1, 2, 3)],
            "fractional_max_pool2d", "fractional_max_pool3d",
        )
    },
    "conv_tbc": "conv1d with its axes in another order",
    "grouped_mm": GPU,
    "linear_cross_entropy": MODULES["LinearCrossEntropyLoss"],
    "multi_head_attention_forward": "what MultiheadAttention calls there; it has 25 arguments",
    "native_channel_shuffle": "channel_shuffle",
    "scaled_grouped_mm": GPU,
    "scaled_mm": GPU,
    "upsample": ALIAS,
    "upsample_bilinear": ALIAS,
    "upsample_nearest": ALIAS,
}  # fmt: skip


FOLDED = "folds a normalisation into a layer for deployment"
LAYOUT = "lays memory out for a GPU"
OLD_INITIALISERS = ["constant", "dirac", "eye", "normal", "orthogonal", "sparse", "uniform"]
OLD_INITIALISERS += ["kaiming_normal", "kaiming_uniform", "xavier_normal", "xavier_uniform"]
INITIALISERS = dict.fromkeys(OLD_INITIALISERS, "deprecated; the name with an underscore behind it")
UTILITIES = {
    "clip_grad_norm": ALIAS,
    "clip_grads_with_norm_": "clip_grad_norm_ does both its halves",
    "convert_conv2d_weight_memory_format": LAYOUT,
    "convert_conv3d_weight_memory_format": LAYOUT,
    **dict.fromkeys([f"fuse_{a}_bn_{b}" for a in ("conv", "linear") for b in ("eval", "weights")], FOLDED),
    "get_total_norm": "what clip_grad_norm_ returns",
    "skip_init": "leaves memory uninitialised",
}  # fmt: skip
RECURRENT = dict.fromkeys(["PackedSequence_", "bind"], "a private name that has no underscore before it")
PARAMETRIZE = {"transfer_parametrizations_and_params": "moves parametrizations to another module, for quantisation"}
OPTIMIZERS = {
    "Adafactor": "keeps factored moments, to save a GPU's memory",
    "Muon": "Newton-Schulz on matrices only; not in a textbook yet",
    "SparseAdam": "for sparse gradients; gradients are dense here",
    "swap_in_optimizer_params_and_state": "what torch.compile needs",
}


def defined(space):
    """The names that a module of PyTorch defines or documents for its users."""
    made = {n for n, v in vars(space).items() if str(getattr(v, "__module__", "")).startswith(space.__name__)}
    return {n for n in made | set(getattr(space, "__all__", ())) if n[0] != "_"}


def without_counterpart(path, ours):
    return {n for n in defined(operator.attrgetter(path)(torch)) if not hasattr(ours, n)}


def modules():
    """PyTorch's modules that have no counterpart here."""
    found = {name: value for name, value in vars(torch.nn).items() if isinstance(value, type)}
    return {n for n, v in found.items() if issubclass(v, torch.nn.Module) and not hasattr(nn, n)}


def functions():
    """PyTorch's functions, those it defines or documents in nn.functional, that have no counterpart here."""
    space = torch.nn.functional
    found = set()
    for name, value in vars(space).items():
        if name.startswith("_") or not callable(value) or inspect.isclass(value) or hasattr(nn.functional, name):
            continue
        if name in ("boolean_dispatch", "assert_int_or_pair") or "torch_function" in name:
            continue  # its machinery
        if getattr(value, "__module__", None) in (
            "torch.nn.functional",
            "torch._jit_internal",
            None,
        ) or inspect.isbuiltin(value):
            found.add(name)
    return found


@pytest.mark.parametrize(
    ("listed", "missing", "kind"),
    [
        (MODULES, modules(), "torch.nn"),
        (FUNCTIONS, functions(), "torch.nn.functional"),
        (INITIALISERS, without_counterpart("nn.init", nn.init), "torch.nn.init"),
        (UTILITIES, without_counterpart("nn.utils", nn.utils), "torch.nn.utils"),
        (RECURRENT, without_counterpart("nn.utils.rnn", nn.utils.rnn), "torch.nn.utils.rnn"),
        (
            {},
            without_counterpart("nn.utils.parametrizations", nn.utils.parametrizations),
            "torch.nn.utils.parametrizations",
        ),
        (PARAMETRIZE, without_counterpart("nn.utils.parametrize", nn.utils.parametrize), "torch.nn.utils.parametrize"),
        (OPTIMIZERS, without_counterpart("optim", optim), "torch.optim"),
        ({}, without_counterpart("optim.lr_scheduler", optim.lr_scheduler), "torch.optim.lr_scheduler"),
        ({}, without_counterpart("optim.swa_utils", optim.swa_utils), "torch.optim.swa_utils"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_has_no_counterpart_is_listed_with_a_reason(listed, missing, kind):
    print(f"\n{kind} has {len(missing)} without a counterpart here:")
    for name in sorted(missing):
        print(f"  {name:36} {listed.get(name, '(no reason given)')}")
    assert set(listed) == missing, "the list is out of date"


def test_the_list_is_short():
    assert len([name for name, reason in MODULES.items() if reason != LAZY]) < 10
    assert len(set(FUNCTIONS.values())) < 10


def test_arguments_have_pytorchs_names_and_order():
    """A call with positional arguments or keywords means the same here."""
    differences = {}
    for space, ours, skip in [
        (torch.nn, nn, {"self"}),
        (torch.nn.functional, nn.functional, {"_stacklevel", "out"}),
    ]:
        for name, value in vars(space).items():
            mine = getattr(ours, name, None)
            if mine is None or name.startswith("_") or not callable(value) or inspect.ismodule(value):
                continue
            try:
                theirs = [p for p in inspect.signature(value).parameters.values() if p.name not in skip]
            except ValueError:
                continue  # a builtin without a signature
            if any(p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in theirs):
                continue
            have = [n for n in inspect.signature(mine).parameters if n not in skip]
            names = [p.name for p in theirs]
            if have[: len(names)] != names:
                differences[name] = (names, have)
    for name, (theirs, ours) in differences.items():
        print(f"{name}\n  PyTorch {theirs}\n  here    {ours}")
    assert set(differences) == set(ARGUMENTS)


ARGUMENTS = {
    "Hardtanh": "min_value and max_value, deprecated names of min_val and max_val",
    "RNNCellBase": "num_chunks, which only its subclasses give",
}
"""Where arguments differ from PyTorch's, and what it has that we have not."""
