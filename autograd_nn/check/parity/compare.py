"""Running a program on both sides and holding them against each other: values, gradients, second-order products.

A difference counts only if it is not rounding. In float64 it is judged at once; in float32 a difference above the tolerance
is judged by PyTorch's float64 run of the same numbers: ours may be no further from that than ten times what PyTorch's is.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...engine.backward import gradients
from ...engine.tensor import from_numpy, tensor
from .programs import Program
from .vocabulary import ROUGH

TOLERANCE = {"float64": 1e-9, "rough": 1e-6, "float32": 2e-4}


def ours(program: Program, dtype: str) -> dict[str, np.ndarray]:
    """What we find: the value of every line, the gradient of every input, the second-order product with a direction."""
    leaves = [from_numpy(program.laid_out(i, dtype), requires_grad=True) for i in range(len(program.inputs))]
    values: list[Any] = list(leaves)
    for line in program.lines:
        values.append(line.step.ours([values[i] for i in line.arrays], line.params) * line.scale)
    found = {f"v{i}": v.numpy() for i, v in enumerate(values)}
    loss = tensor(np.zeros((), dtype))
    for i in program.outputs():
        if values[i].requires_grad:
            loss = loss + (values[i] * program.cotangent(i).astype(dtype)).sum().astype(dtype)
    if not loss.requires_grad:
        return found
    first = gradients(loss, leaves, create_graph=True, allow_unused=True)
    product = tensor(np.zeros((), dtype))
    for i, g in enumerate(first):
        if g is not None:
            found[f"gradient of v{i}"] = g.numpy()
            product = product + (g * program.direction(i).astype(dtype)).sum()
    if product.requires_grad:
        for i, h in enumerate(gradients(product, leaves, allow_unused=True)):
            if h is not None:
                found[f"second-order product of v{i}"] = h.numpy()
    return found


def theirs(program: Program, dtype: str, casts: bool = True) -> dict[str, np.ndarray]:
    """What PyTorch finds, under the same names; without `casts` all of it in the one dtype."""
    import torch

    to = lambda array: torch.tensor(np.asarray(array, dtype))
    leaves = [to(x).requires_grad_() for x in program.inputs]
    values: list[Any] = list(leaves)
    for line in program.lines:
        if line.step.name == "astype" and not casts:
            values.append(values[line.arrays[0]])
            continue
        values.append(line.step.theirs(torch, [values[i] for i in line.arrays], line.params) * line.scale)
    found = {f"v{i}": v.detach().numpy(force=True) for i, v in enumerate(values)}
    loss = to(0.0)
    for i in program.outputs():
        if values[i].requires_grad:
            loss = loss + (values[i] * to(program.cotangent(i))).sum().to(loss.dtype)
    if not loss.requires_grad:
        return found
    first = torch.autograd.grad(loss, leaves, create_graph=True, allow_unused=True)
    product = to(0.0)
    for i, g in enumerate(first):
        if g is not None:
            found[f"gradient of v{i}"] = g.detach().numpy(force=True)
            product = product + (g * to(program.direction(i))).sum()
    if product.requires_grad:
        for i, h in enumerate(torch.autograd.grad(product, leaves, allow_unused=True)):
            if h is not None:
                found[f"second-order product of v{i}"] = h.detach().numpy(force=True)
    return found


def mismatches(program: Program) -> list[str]:
    """What differs between the two sides of a program, a line each; empty if nothing does."""
    mine, peers = ours(program, program.dtype), theirs(program, program.dtype)
    truth: dict[str, np.ndarray] | None = None
    kind, out = _kind(program), []
    for name in sorted({*mine, *peers}, key=list({**mine, **peers}).index):
        a, b = mine.get(name), peers.get(name)
        if a is None or b is None:
            # A derivative that is zero everywhere may be none at all on one side.
            other = b if a is None else a
            assert other is not None
            if np.abs(other).max(initial=0.0) > TOLERANCE[kind]:
                out.append(f"{name}: only {'PyTorch' if a is None else 'we'} have one")
            continue
        if a.shape != b.shape or a.dtype != b.dtype:
            out.append(f"{name}: {a.dtype} of {a.shape} against {b.dtype} of {b.shape}")
            continue
        scale = max(float(np.abs(b).max(initial=0.0)), 1.0)
        error = _distance(a, b)
        if error <= TOLERANCE[kind] * scale:
            continue
        if kind == "float32":
            truth = truth or theirs(program, "float64", casts=False)
            right = truth.get(name)
            if right is not None and _distance(a, right) <= 10.0 * _distance(b, right):
                continue
        out.append(f"{name}: differs by {error:.3g} where PyTorch has up to {scale:.3g}")
    return out


def shrunk(program: Program) -> Program:
    """The program without the lines (and what is made of their results) that the mismatch does not need."""
    for i in reversed(range(len(program.inputs), len(program.shapes))):
        smaller = program.without(i)
        if smaller.lines and mismatches(smaller):
            program = smaller
    return program


def _kind(program: Program) -> str:
    """Which tolerance a program is held to."""
    steps = {line.step.name for line in program.lines}
    if program.dtype == "float32" or "astype" in steps:
        return "float32"
    return "rough" if steps & ROUGH else "float64"


def _distance(a: np.ndarray, b: np.ndarray) -> float:
    """The largest difference; infinite where one is finite and the other is not."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if not (np.isfinite(a) == np.isfinite(b)).all():
        return float("inf")
    with np.errstate(invalid="ignore"):
        return float(np.nan_to_num(np.abs(a - b), nan=0.0).max(initial=0.0))
