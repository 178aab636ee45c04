"""The demonstration: a network learns to read handwritten digits, and its gradients are held against finite differences.

`python -m autograd_nn demo`. The network and its training are in `network`, the curve in `curve`; this file is the command
that puts them together, and draws the network's graph.
"""

from __future__ import annotations

import argparse
import copy
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tqdm import tqdm

import autograd_nn as ag
from autograd_nn import nn

from ..data.digits import Digits, split_digits
from .curve import save_curve
from .network import DigitReader, History, train

PICTURE, WEIGHTS = "training_curve.png", "digits.safetensors"
GRAPHS = ("graph.html", "graph.svg")
CHECKED = 32  # images that the loss of the gradient check is taken over


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument(
        "--epochs", type=_positive, default=25, metavar="N", help="passes over the images (default: 25)"
    )
    parser.add_argument(
        "--seed", type=_seed, default=0, metavar="S", help="where all random numbers start (default: 0)"
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=Path(),
        metavar="DIR",
        help=f"the directory, made if need be, for {PICTURE}, {WEIGHTS}, {' and '.join(GRAPHS)} (default: the current one)",
    )
    parser.add_argument("--quiet", action="store_true", help="show no progress bar")


def run(arguments: argparse.Namespace) -> int:
    """Train, test, check, draw, save. Returns 0; 1 if the gradients are wrong; 2 if a file cannot be saved."""
    directory: Path = arguments.output
    try:
        _make_writable(directory)
    except OSError as error:
        return _cannot_write(directory, error)

    digits, test = split_digits()
    ag.manual_seed(arguments.seed)
    model = DigitReader()
    history = _train(model, digits, test, arguments)
    passed = _check(model, test, arguments.seed)
    graph = _graph(model, test)
    for what, name, write in (
        ("Picture", PICTURE, lambda path: save_curve(history, path)),
        ("Weights", WEIGHTS, lambda path: ag.save(model.state_dict(), path)),
        *[("Graph", name, graph.save) for name in GRAPHS],
    ):
        try:
            write(directory / name)
        except OSError as error:
            return _cannot_write(directory, error)
        print(f"{what:<12}{directory / name}")
    return 0 if passed else 1


def _train(model: nn.Module, digits: Digits, test: Digits, arguments: argparse.Namespace) -> History:
    size = sum(p.size for p in model.parameters())
    print(f"Digits      {len(digits.labels):,} images to learn from, {len(test.labels)} held out as a test")
    print(f"Network     two convolutions, two linear layers, {size:,} parameters; seed {arguments.seed}", flush=True)

    start, epochs = time.perf_counter(), arguments.epochs
    training = train(model, digits, test, epochs)
    with tqdm(training, "Training", epochs, unit="epoch", disable=arguments.quiet) as bar:
        bar.set_postfix_str("kernels are compiled when first used, once for a machine")
        for history in bar:
            loss, accuracy = history.losses[-1], history.test_accuracies[-1]
            bar.set_postfix_str(f"loss {loss:.4f}, test accuracy {accuracy:.1%}", refresh=False)
    seconds, wrong = time.perf_counter() - start, round((1 - accuracy) * len(test.labels))
    print(f"Trained     {seconds:.1f} s for {epochs} {'epoch' if epochs == 1 else 'epochs'}, last loss {loss:.4f}")
    print(f"Accuracy    {accuracy:.2%} on the test images ({wrong} of {len(test.labels)} wrong)", flush=True)
    return history


def _check(model: nn.Module, test: Digits, seed: int) -> bool:
    # The test images, because on those it has learnt the loss is all but flat and its gradient all but zero.
    labels = test.labels[:CHECKED]
    loss = lambda scores: nn.functional.cross_entropy(scores, labels)
    report = ag.check_model(model, ag.tensor(test.images[:CHECKED]), loss=loss, seed=seed)
    print(
        f"Gradients   {report.verdict}, held against finite differences in float64; worst relative error {report.error:.1e}"
    )
    if not report:
        print(report, flush=True)
    return bool(report)


def _graph(model: nn.Module, test: Digits) -> Any:
    """The graph of the network learning from some test images, with its values and gradients; of a copy, which may learn."""
    model = copy.deepcopy(model).train()
    images, labels = ag.tensor(test.images[:CHECKED], name="images"), ag.tensor(test.labels[:CHECKED], name="labels")
    with ag.record(images) as record:
        nn.functional.cross_entropy(model(images), labels).backward()
    return ag.graph(record, model=model)


def _cannot_write(directory: Path, error: OSError) -> int:
    print(f"autograd_nn demo: cannot write to {directory}: {error.strerror or error}", file=sys.stderr)
    return 2


def _make_writable(directory: Path) -> None:
    """Make the directory if it is not there, and raise OSError now, not after the training, if no file can be made in it."""
    directory.mkdir(parents=True, exist_ok=True)
    tempfile.TemporaryFile(dir=directory).close()


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def _seed(text: str) -> int:
    if not text.isdecimal() or int(text) >= 1 << 64:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 to 2^64 - 1")
    return int(text)
