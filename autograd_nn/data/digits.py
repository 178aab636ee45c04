"""Handwritten digits: 1,797 grey images of 8x8 pixels that come with the package.

They are the test set of E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning
Repository, 1998, DOI 10.24432/C50P49, CC BY 4.0; see `digits-attribution.txt` beside this file.

Decision: the split is a rule of counting, not a draw of random numbers, so it is the same in every version of every library.
"""

from __future__ import annotations

from importlib import resources
from typing import NamedTuple

import numpy as np


class Digits(NamedTuple):
    """Images, float32 in [0, 1] of shape (n, 8, 8), and the digit that each shows, int64 of shape (n,)."""

    images: np.ndarray
    labels: np.ndarray


def load_digits() -> Digits:
    """All 1,797 handwritten digits: images float32 in [0, 1] of shape (1797, 8, 8), labels int64 of shape (1797,).

    >>> images, labels = load_digits()
    >>> images.shape, labels[:5]
    ((1797, 8, 8), array([0, 1, 2, 3, 4]))
    """
    with resources.files(__package__).joinpath("digits.npz").open("rb") as file:
        packed = np.load(file, allow_pickle=False)
        images, labels = packed["images"], packed["labels"]
    return Digits(images.astype(np.float32) / 16, labels.astype(np.int64))


def split_digits() -> tuple[Digits, Digits]:
    """The digits in two parts: four fifths to train on, and a fifth held out to test with; always the same.

    Of each class, the third of every five images, in the order of the data set, is held out, so every digit has its share
    on both sides: 1,438 images and 359. The same people wrote both.

    >>> train, test = split_digits()
    >>> len(train.labels), len(test.labels)
    (1438, 359)
    """
    images, labels = load_digits()
    held_out = np.zeros(len(labels), bool)
    for digit in range(10):
        held_out[np.flatnonzero(labels == digit)[2::5]] = True
    return Digits(images[~held_out], labels[~held_out]), Digits(images[held_out], labels[held_out])
