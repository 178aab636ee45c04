"""Every operation of the catalogue, compiled with its derivative, on the inputs of the table of samples."""

import warnings

import numpy as np
import pytest

import autograd_nn as ag
from autograd_nn.check.samples import rows

LOOK_AT_VALUES = {"bincount", "choose"}
"""Functions that take a value out of the graph: how long the result is, or which arrays it is made of."""

OPAQUE = {
    *("adaptive_average_pool", "adaptive_average_pool_spread", "adaptive_max_pool", "max_pool_indices"),
    *("allclose", "array_equal", "array_equiv", "isclose", "isin", "nanargmax", "nanargmin", "count_nonzero", "std"),
    *("argpartition", "argsort", "lexsort", "searchsorted", "digitize", "topk", "unique", "argwhere", "flatnonzero"),
    *("bitwise_count", "fraction", "gcd", "lcm", "ldexp", "nextafter", "reciprocal", "round", "truncate"),
    *("cholesky", "cofactors", "det", "eigh", "expm", "independent", "inv", "inverse_gaps", "inverse_singular"),
    *("matrix_rank", "pinv", "qr", "slogdet", "solve", "svd", "convolve", "cummax", "cummin", "cumsum", "einsum"),
    *("fold_windows", "unfold_windows", "plane_add", "plane_take", "written_last"),
    *("index", "unindex", "replace", "survives"),  # with masks, and writes to what arrays of indices name
}
"""Operations that some calls of the table run in Python; every other is made of kernels in all its calls."""


def cases(row):
    """The calls of a row as (call, arrays): float32 and float64 in turn."""
    for k, call in enumerate(row.calls):
        dtype = (np.float32, np.float64)[k % 2]
        if all(isinstance(a, np.ndarray) for a in call.arrays):
            yield call, [a.astype(dtype) if a.dtype == np.float64 else a for a in call.arrays]


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.name)
def test_an_operation_and_its_derivative(row):
    with np.errstate(all="ignore"):
        found = list(cases(row))

    def step(*groups):
        results = []
        for (call, _), group in zip(found, groups, strict=True):
            xs = [x.detach() for x in group]
            wanted = call.differentiated() if call.order else []
            for i in wanted:
                xs[i].requires_grad_()
            out = row.run(row.function, call, xs)
            outs = list(out) if isinstance(out, (tuple, list)) else [out]
            total = sum([(o * o).sum().astype("float64") for o in outs if isinstance(o, ag.Tensor) and o.requires_grad])
            gradients = (
                ag.gradients(total, [xs[i] for i in wanted], allow_unused=True) if isinstance(total, ag.Tensor) else ()
            )
            results.append((outs, gradients))
        return results

    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        if row.name in LOOK_AT_VALUES:
            with pytest.raises(ag.CompileError, match="looks at the value"):
                ag.compile(step)(*[arrays for _, arrays in found])
        else:
            compiled = ag.compile(step)
            compiled(*[arrays for _, arrays in found])  # compares, and raises where they differ
            for signature in [s for known in compiled.signatures.values() for s in known]:
                called = {name for name, reason in signature.opaque if "no elements" not in reason}
                assert called <= OPAQUE
