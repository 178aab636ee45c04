"""PyTorch as the judge: the same weights and arguments give the same outputs and gradients."""

import numpy as np
import pytest

import autograd_nn as ag

torch = pytest.importorskip("torch", reason="PyTorch is the judge here")

TOLERANCE = {"float64": 1e-10, "float32": 1e-5}


def flat(result):
    """The floating arrays of a nested result, in order."""
    if isinstance(result, torch.nn.utils.rnn.PackedSequence) or hasattr(result, "batch_sizes"):
        return [result.data]
    if isinstance(result, (tuple, list)):
        return [leaf for part in result for leaf in flat(part)]
    return [] if result is None else [result]


def as_array(t):
    return t.detach().numpy() if isinstance(t, torch.Tensor) else np.asarray(getattr(t, "data", t))


def close(ours, theirs, tolerance, what):
    a, b = as_array(ours), as_array(theirs)
    assert a.shape == b.shape, what
    assert a.dtype == b.dtype, what
    scale = max(1.0, float(np.abs(b).max(initial=0.0)))
    np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * scale, err_msg=what, equal_nan=True)


def agree(ours, theirs, arrays, dtype="float64", run=None, names=()):
    """Both modules (or functions) on the same arrays: outputs, and gradients of a fixed sum of them.

    `run(module, *tensors)` is the call, ``module(*tensors)`` by default; floating arrays require gradients.
    """
    tolerance = TOLERANCE[dtype]
    run = run or (lambda module, *tensors: module(*tensors))
    arrays = [a.astype(dtype) if getattr(a, "dtype", None) == np.float64 else a for a in arrays]
    if isinstance(theirs, torch.nn.Module):
        theirs.to(getattr(torch, dtype))
        ours.astype(dtype)
        ours.load_state_dict({n: t.numpy() for n, t in theirs.state_dict().items()})
        assert [n for n, _ in ours.named_parameters()] == [n for n, _ in theirs.named_parameters()]
    tensors, peers = [], []
    for a in arrays:
        floating = isinstance(a, np.ndarray) and a.dtype.kind == "f"
        tensors.append(ag.tensor(a, requires_grad=floating) if isinstance(a, np.ndarray) else a)
        peers.append(torch.tensor(a, requires_grad=floating) if isinstance(a, np.ndarray) else a)
    a, b = flat(run(ours, *tensors)), flat(run(theirs, *peers))
    assert len(a) == len(b)
    for k, (x, y) in enumerate(zip(a, b, strict=True)):
        close(x, y, tolerance, f"output {k}")
    total = peer_total = 0.0
    for x, y in zip(a, b, strict=True):
        if y.requires_grad:
            weights = np.cos(1.7 * np.arange(y.numel()).reshape(y.shape)).astype(dtype)
            total, peer_total = total + (x * weights).sum(), peer_total + (y * torch.tensor(weights)).sum()
    if isinstance(peer_total, float):
        return
    total.backward()
    peer_total.backward()
    for k, (x, y) in enumerate(zip(tensors, peers, strict=True)):
        if isinstance(y, torch.Tensor) and y.grad is not None:
            close(x.grad, y.grad, tolerance, f"gradient of input {k}")
    if isinstance(theirs, torch.nn.Module):
        for (name, p), (_, q) in zip(ours.named_parameters(), theirs.named_parameters(), strict=True):
            if q.grad is None:
                assert p.grad is None or not p.grad.any(), name
            else:
                close(p.grad, q.grad, tolerance, f"gradient of {name}")
