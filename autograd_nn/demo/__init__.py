"""The demonstration: a network learns to read handwritten digits, and its gradients are held against finite differences.

`python -m autograd_nn demo`. The network and its training are in `network`, the check in `differences`, the picture in
`curve`; this file is the command that puts them together.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from tqdm import tqdm

import autograd_nn as ag

from ..data.digits import Digits, split_digits
from .curve import save_curve
from .differences import TOLERANCE, compare_gradients
from .network import History, initial_parameters, logits, train

WIDTHS = (64, 256, 128, 10)
PICTURE = "training_curve.png"
CHECKED = 128  # images that the loss of the gradient check is taken over


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument(
        "--epochs", type=_positive, default=60, metavar="N", help="passes over the images (default: 60)"
    )
    parser.add_argument(
        "--seed", type=_seed, default=0, metavar="S", help="where all random numbers start (default: 0)"
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=Path(),
        metavar="DIR",
        help=f"the directory, made if need be, to save {PICTURE} in (default: the current one)",
    )
    parser.add_argument("--quiet", action="store_true", help="show no progress bar")


def run(arguments: argparse.Namespace) -> int:
    """Train, test, check, draw. Returns 0; 1 if the gradients are wrong; 2 if the picture cannot be saved."""
    directory: Path = arguments.output
    try:
        _make_writable(directory)
    except OSError as error:
        return _cannot_write(directory, error)

    digits, test = split_digits()
    generator = ag.random.Generator(arguments.seed)
    parameters = initial_parameters(WIDTHS, generator)
    history = _train(parameters, digits, test, generator, arguments)
    passed = _check(parameters, test, arguments.seed)
    try:
        save_curve(history, directory / PICTURE)
    except OSError as error:
        return _cannot_write(directory, error)
    print(f"Picture     {directory / PICTURE}")
    return 0 if passed else 1


def _train(
    parameters: list[ag.Tensor],
    digits: Digits,
    test: Digits,
    generator: ag.random.Generator,
    arguments: argparse.Namespace,
) -> History:
    size = sum(p.size for p in parameters)
    print(f"Digits      {len(digits.labels):,} images to learn from, {len(test.labels)} held out as a test")
    print(
        f"Network     {'-'.join(map(str, WIDTHS))}, relu between, {size:,} parameters; seed {arguments.seed}",
        flush=True,
    )

    start, epochs = time.perf_counter(), arguments.epochs
    training = train(parameters, digits, test, epochs, generator)
    with tqdm(training, "Training", epochs, unit="epoch", disable=arguments.quiet) as bar:
        for history in bar:
            loss, accuracy = history.losses[-1], history.test_accuracies[-1]
            bar.set_postfix_str(f"loss {loss:.4f}, test accuracy {accuracy:.1%}", refresh=False)
    seconds, wrong = time.perf_counter() - start, round((1 - accuracy) * len(test.labels))
    print(f"Trained     {seconds:.1f} s for {epochs} {'epoch' if epochs == 1 else 'epochs'}, last loss {loss:.4f}")
    print(f"Accuracy    {accuracy:.2%} on the test images ({wrong} of {len(test.labels)} wrong)", flush=True)
    return history


def _check(parameters: list[ag.Tensor], test: Digits, seed: int) -> bool:
    # The test images, because on those it has learnt the loss is all but flat and its gradient all but zero.
    images, labels = test.images[:CHECKED].astype(np.float64), test.labels[:CHECKED]
    found = compare_gradients(lambda p: ag.cross_entropy(logits(p, images), labels), parameters, seed)
    slopes = f"{found.directions} directions and {found.singles} single weights"
    print(f"Gradients   checked by finite differences in float64, along {slopes}:")
    verdict = "passed" if found.passed else f"FAILED: at most {TOLERANCE:.0e} is allowed"
    print(f"            worst relative error {found.worst:.1e}, {verdict}", flush=True)
    return found.passed


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
