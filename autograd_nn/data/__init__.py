"""Data to learn from. For now the handwritten digits that come with the package."""

from .digits import Digits as Digits
from .digits import load_digits as load_digits
from .digits import split_digits as split_digits
