"""`detect_mutation`: finds writes that NumPy makes behind the graph's back, which no version counter can see."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np

from . import modes
from .graph import Node, extras_of
from .trace import Tracer, caller


class detect_mutation:
    """Inside the ``with`` block every recorded operation takes a checksum of the arrays it keeps; `backward` compares them.

    An array that an operation was given is kept, not copied: written to before `backward`, it gives the derivative at what it
    then holds, and outside this block nobody notices (a Tensor's own memory is watched always). Taking the checksums costs
    a pass over every saved array, so use it to find a fault, not always.

    >>> a = np.array([1.0, 2.0])
    >>> with ag.detect_mutation():
    ...     x = ag.from_numpy(a, requires_grad=True)
    ...     y = (x * x).sum()
    ...     a[0] = 5.0
    ...     try:
    ...         y.backward()
    ...     except RuntimeError as error:
    ...         print(str(error).split(",")[0])
    backward: multiply kept its input 'y'
    """

    def __enter__(self) -> None:
        self._change = modes.change(tracer=_Fingerprints(modes.current().tracer))
        self._change.__enter__()

    def __exit__(self, *exception: object) -> None:
        self._change.__exit__(*exception)


class _Fingerprints(Tracer):
    def call(self, op: Any, args: tuple[Any, ...], params: tuple[Any, ...]) -> Any:
        result = super().call(op, args, params)
        for t in result if isinstance(result, tuple) else (result,):
            node = None if t.node is None else t.node.maker
            if node is not None and type(node.saved) is tuple and extras_of(node).fingerprints is None:
                extras_of(node).fingerprints = (caller(), tuple([fingerprint(s) for s in node.saved]))
        return result


def check(node: Node, saved: tuple[Any, ...]) -> None:
    """Raise if an array the node keeps is not what it was."""
    line, before = node.extras.fingerprints  # type: ignore[union-attr, misc]
    for name, was, value in zip(node.op.keeps, before, saved, strict=True):
        if was != fingerprint(value):
            raise RuntimeError(
                f"backward: {node.op.name} kept its {'output' if name == 'out' else f'input {name!r}'}, whose memory was "
                f"written to since, not through assign; the operation ran at {line}. Copy the array before changing it"
            )


def fingerprint(value: Any) -> int | None:
    """A checksum of an array's bytes, or of a list of arrays'."""
    if isinstance(value, (np.ndarray, np.generic)):
        return zlib.crc32(value.tobytes())
    if isinstance(value, tuple):
        return hash(tuple([fingerprint(v) if isinstance(v, np.ndarray) else None for v in value]))
    return None
