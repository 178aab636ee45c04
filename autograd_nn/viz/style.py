"""What things look like: colours, symbols, type, and how wide a text is.

Decision: widths come from a table (DejaVu Sans, the widest of the sans-serif faces that browsers fall back to), so that a
layout needs neither a font nor a browser and is the same everywhere; in a narrower face the boxes have a little air.
"""

from __future__ import annotations

import functools
import unicodedata
from typing import NamedTuple

MARGIN = 14.0  # around a picture
FONT = "DejaVu Sans, Verdana, Helvetica, Arial, sans-serif"
TITLE_SIZE, TEXT_SIZE, CHIP_SIZE = 12.0, 10.5, 10.0
SMALLEST = 10.0  # no text is smaller, so that a picture drawn at nine tenths of its size is still read

INK, MUTED, EDGE, PAPER = "#1f2430", "#4b5568", "#7b8698", "#ffffff"
ALARM, ALARM_TINT, GOOD, ZERO = "#c81e2b", "#fde3e3", "#1f8a48", "#e7e9ec"
DIFFERS = "#b0148f"


class Paint(NamedTuple):
    """A box's fill and border."""

    fill: str
    border: str


KINDS = {
    "elementwise": Paint("#eef2f7", "#8794ab"),
    "product": Paint("#e2dcfb", "#6a55c2"),
    "reduction": Paint("#d8f0ee", "#2b8a82"),
    "nonlinearity": Paint("#ffe9d1", "#cf7a17"),
    "indexing": Paint("#fdeef4", "#bf5583"),
    "input": Paint("#d6e6fb", "#3b79c4"),
    "parameter": Paint("#d9ecd3", "#4c9440"),
    "state": Paint("#f1f4d4", "#8d9436"),
    "constant": Paint("#ffffff", "#b9c0cc"),
    "carried": Paint("#ffffff", "#8a72cf"),
    "group": Paint("#f3effc", "#8a72cf"),
    "failed": Paint(ALARM_TINT, ALARM),
    "pill": Paint("#ffffff", "#a9b2c0"),
}
GROUP_TINTS = ("#f9f7fe", "#f3effc", "#ede7fa", "#e6def7", "#dfd5f4")
GROUP_BORDER, GROUP_NAME, GROUP_INFO = "#a393d8", "#4a3a91", "#6f5fb0"

NONLINEAR = frozenset((
    "tanh", "relu", "sigmoid", "exp", "log", "sqrt", "square", "abs", "leaky_relu", "hardtanh", "threshold", "elu", "celu",
    "selu", "log_sigmoid", "silu", "mish", "gelu", "gelu_exact", "gelu_tanh", "softplus", "softsign", "softshrink", "tanhshrink",
    "hardsigmoid", "hardswish", "hardshrink", "erf", "erfc", "exp2", "expm1", "log2", "log10", "log1p", "sin", "cos", "tan",
    "arcsin", "arccos", "arctan", "sinh", "cosh", "softmax", "log_softmax", "reciprocal", "cbrt", "clip", "relu6",
))  # fmt: skip
FAMILIES = {
    "product": "product",
    "linalg": "product",
    "reduction": "reduction",
    "scan": "reduction",
    "indexing": "indexing",
    "sort": "indexing",
    "random": "input",
    "creation": "input",
}
SYMBOLS = {
    "add": "+", "subtract": "−", "multiply": "×", "divide": "÷", "matmul": "@", "sum": "Σ", "mean": "μ", "exp": "eˣ",
    "log": "ln", "square": "x²", "sqrt": "√", "negative": "−x", "power": "xʸ", "scalar_power": "xⁿ", "conv": "∗",
    "conv_input": "∗", "conv_weight": "∗", "var": "σ²", "std": "σ", "abs": "|x|", "reciprocal": "1/x", "prod": "Π",
    "cumsum": "Σ", "dropout": "✂", "transpose": "ᵀ",
}  # fmt: skip
PLAIN_NAMES = {"scalar_power": "power", "take_along_axis": "take along axis", "slice": "slice"}


def family(name: str, kind: str) -> str:
    """Which of the kinds of box an operation is drawn as."""
    if name in NONLINEAR:
        return "nonlinearity"
    if (
        name in ("cross_entropy", "nll_loss", "mse_loss")
        or "pool" in name
        or "loss" in name
        or "norm" in name
        or name == "standardise"
    ):
        return "reduction"
    if name in ("linear", "bilinear", "einsum", "lstm", "gru", "rnn") or "attention" in name or name.startswith("conv"):
        return "product"
    return FAMILIES.get(kind, "elementwise")


def caption(name: str) -> str:
    """An operation's symbol and name."""
    plain = PLAIN_NAMES.get(name, name)
    return f"{SYMBOLS[name]} {plain}" if name in SYMBOLS else plain


def shape_text(shape: tuple[int, ...]) -> str:
    """32×784; a 0-d shape is a scalar."""
    return "×".join(map(str, shape)) if shape else "scalar"


def number(x: float) -> str:
    """A number in at most about seven characters."""
    if x != x:
        return "nan"
    if x in (float("inf"), float("-inf")):
        return "inf" if x > 0 else "-inf"
    text = f"{x:.4g}"
    return text if len(text) <= 8 else f"{x:.1e}"


def bytes_text(n: float) -> str:
    """Bytes in the unit that reads best, to three digits."""
    if n < 1000:
        return f"{n:.0f} B"
    for factor, unit in ((1e3, "kB"), (1e6, "MB")):
        if n < 999.5 * factor:
            return f"{n / factor:.3g} {unit}"
    return f"{n / 1e9:.3g} GB"


def seconds_text(s: float) -> str:
    """Seconds in the unit that reads best, to three digits."""
    for factor, unit in ((1e6, "µs"), (1e3, "ms")):
        if s * factor < 999.5:
            return f"{s * factor:.3g} {unit}"
    return f"{s:.3g} s"


REGULAR = (
    32, 40, 46, 84, 64, 95, 78, 27, 39, 39, 50, 84, 32, 36, 32, 34, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 34, 34,
    84, 84, 84, 53, 100, 68, 69, 70, 77, 63, 58, 77, 75, 29, 29, 66, 56, 86, 75, 79, 60, 79, 69, 63, 61, 73, 68, 99,
    69, 61, 69, 39, 34, 39, 84, 50, 50, 61, 63, 55, 63, 62, 35, 63, 63, 28, 28, 58, 28, 97, 63, 61, 63, 63, 41, 52,
    39, 63, 59, 82, 59, 59, 52, 64, 34, 64, 84,
)  # fmt: skip
BOLD = (
    35, 46, 52, 84, 70, 100, 87, 31, 46, 46, 52, 84, 38, 42, 38, 37, 70, 70, 70, 70, 70, 70, 70, 70, 70, 70, 40, 40,
    84, 84, 84, 58, 100, 77, 76, 73, 83, 68, 68, 82, 84, 37, 37, 77, 64, 100, 84, 85, 73, 85, 77, 72, 68, 81, 77,
    110, 77, 72, 73, 46, 37, 46, 84, 50, 50, 67, 72, 59, 72, 68, 44, 72, 71, 34, 34, 67, 34, 104, 71, 69, 72, 72,
    49, 60, 48, 71, 65, 92, 65, 65, 58, 71, 37, 71, 84,
)  # fmt: skip
"""Widths of the ASCII characters from the space on, in hundredths of the size."""
NARROW = {
    "·": 38,
    "²": 44,
    "ˣ": 44,
    "ʸ": 44,
    "ⁿ": 50,
    "ᵀ": 43,
    "▸": 55,
    "√": 67,
    "∇": 70,
    "∂": 54,
    "σ": 78,
    "μ": 74,
    "Σ": 68,
}


def text_width(text: str, size: float, bold: bool = False) -> float:
    """How wide a text is."""
    table, total = BOLD if bold else REGULAR, 0
    for c in text:
        k = ord(c) - 32
        total += table[k] if 0 <= k < 95 else NARROW[c] if c in NARROW else _unusual_width(c)
    return total * size / 100


@functools.cache
def _unusual_width(c: str) -> int:
    """The width of a character that no table has; none of what combines with the one before, a square of what is wide."""
    if unicodedata.category(c) in ("Mn", "Me", "Cf", "Cc"):
        return 0
    return 140 if ord(c) >= 0x1F000 else 120 if unicodedata.east_asian_width(c) in "WF" else 84


def shortened(text: str, longest: int) -> str:
    """The text, its end replaced by an ellipsis if it is longer than that many characters."""
    return text if len(text) <= longest else text[: longest - 1] + "…"
