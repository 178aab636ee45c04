"""The NumPy and Array API functions that Tensors do not answer to, each with its reason, in one place.

The message of the TypeError that such a call raises ends in the reason; `tests/test_unsupported.py` prints the list, fails
for a function that has none, and for a listed one that turns out to be answered.
"""

from __future__ import annotations

from fnmatch import fnmatchcase

COMPLEX = "complex numbers carry no gradient (yet)"
CREATION = "it makes an array of like='s kind; make a Tensor with ag.{}"
FILES = "it reads or writes a file, of values; pass t.numpy(), or ag.tensor(...) of what was read"
SETS = "sets are not differentiable; ag.unique and ag.isin answer for values, x.detach() cuts the gradient"
POLYNOMIALS = "coefficients, highest power first, go through np.polyval, polyfit, polyadd, polymul, polyder and polyint"
RECORDS = "Tensors hold numbers, not records with fields"
DATES = "Tensors hold numbers, not dates"
TEXT = "Tensors hold numbers, not text"
HISTOGRAM = "counts are steps; ag.bincount(ag.digitize(x, edges), weights) differentiates the weights"
INDICES = "it is arithmetic of indices, which carry no gradient"

NUMPY: dict[str, str] = {
    "np.fft.*shift": "the Fourier transforms are not here; ag.roll moves elements round",
    "np.fft.*": "the Fourier transforms give complex numbers, which carry no gradient (yet)",
    "np.linalg.eig": COMPLEX + ", and these eigenvalues may be complex; ag.linalg.eigh is for symmetric matrices",
    "np.linalg.eigvals": COMPLEX
    + ", and these eigenvalues may be complex; ag.linalg.eigvalsh is for symmetric matrices",
    "np.roots": COMPLEX + ", and roots may be complex",
    "np.angle": COMPLEX + "; of real numbers it is a step",
    "np.real_if_close": COMPLEX,
    "np.sort_complex": COMPLEX + "; ag.sort",
    "np.lib.scimath.*": COMPLEX + ", to which it switches for negative numbers; np.sqrt and kin give NaN there",
    "np.poly": POLYNOMIALS,
    "np.polydiv": POLYNOMIALS,
    "np.histogram": HISTOGRAM,
    "np.histogram2d": HISTOGRAM,
    "np.histogramdd": HISTOGRAM,
    "np.histogram_bin_edges": HISTOGRAM,
    "np.i0": "the Bessel functions are not here",
    "np.intersect1d": SETS,
    "np.setdiff1d": SETS,
    "np.setxor1d": SETS,
    "np.union1d": SETS,
    "np.trim_zeros": "the shape of its result depends on values; slice with x[start:stop]",
    "np.place": "it writes in place, element by element; write x[mask] = values",
    "np.put": "it writes through a flattened view; write x[i] = values, or ag.put_along_axis",
    "np.ix_": INDICES + "; index with x[i[:, None], j]",
    "np.ravel_multi_index": INDICES,
    "np.unravel_index": INDICES,
    "np.packbits": "bits carry no gradient",
    "np.unpackbits": "bits carry no gradient",
    "np.frexp": "its exponent is a step; ag.log2 and ag.ldexp are differentiable",
    "np.spacing": "it is a property of the dtype; ag.finfo(x.dtype).eps and ag.nextafter",
    "np.isnat": DATES,
    "np.busday_*": DATES,
    "np.is_busday": DATES,
    "np.datetime_as_string": DATES,
    "np.lib.recfunctions.*": RECORDS,
    "np.frombuffer": FILES,
    "np.fromfile": FILES,
    "np.fromiter": FILES,
    "np.fromstring": FILES,
    "np.genfromtxt": FILES,
    "np.loadtxt": FILES,
    "np.save": FILES,
    "np.savetxt": FILES,
    "np.savez": FILES,
    "np.savez_compressed": FILES,
    "np.arange": CREATION.format("arange"),
    "np.array": CREATION.format("tensor"),
    "np.asanyarray": CREATION.format("asarray"),
    "np.asarray": CREATION.format("asarray"),
    "np.ascontiguousarray": CREATION.format("asarray"),
    "np.asfortranarray": CREATION.format("asarray"),
    "np.empty": CREATION.format("empty"),
    "np.eye": CREATION.format("eye"),
    "np.fromfunction": CREATION.format("tensor"),
    "np.full": CREATION.format("full"),
    "np.identity": CREATION.format("eye"),
    "np.ones": CREATION.format("ones"),
    "np.require": CREATION.format("asarray"),
    "np.tri": CREATION.format("tril(ag.ones(...))"),
    "np.zeros": CREATION.format("zeros"),
    "np.strings.*": TEXT,
    "np.char.*": TEXT,
    "np.polynomial.*": POLYNOMIALS,
    "np.*.reduceat": "take the sum of each piece: ag.stack([p.sum(0) for p in ag.split(x, places)])",
    "np.*.at": "it writes in place; ag.scatter_add(x, indices, values) gives the sums",
    "np.*.reduce": "it depends on the order of its operands; write it with the operation itself",
    "np.*.accumulate": "it has no scan here; ag.cumsum, cumprod, cummax and cummin are differentiable",
}
"""By the name NumPy's users know; ``*`` stands for several."""

STANDARD: dict[str, str] = {
    "complex64": COMPLEX,
    "complex128": COMPLEX,
    "fft.*": "the Fourier transforms give complex numbers, which carry no gradient (yet)",
    "linalg.eig": COMPLEX,
    "linalg.eigvals": COMPLEX,
}
"""Of the Python Array API standard (2024.12), by the name in its namespace."""

METHODS: dict[str, str] = {
    "split": "PyTorch's t.split(n) is t.chunk or ag.array_split; ag.split is NumPy's",
    "sort": "NumPy's sorts in place and PyTorch's gives a pair; ag.sort(t) gives a Tensor, t.argsort() the order",
    "partition": "NumPy's works in place; ag.partition(t, k) gives a Tensor",
    "put": "it writes through a flattened view; write t[i] = values, or use ag.put_along_axis",
    "resize": "NumPy's works in place; ag.resize(t, shape) gives a Tensor",
    "scatter": "ag.put_along_axis(t, index, values, axis) writes along an axis, ag.scatter_add adds whole rows",
    "scatter_add": "ag.scatter_add(t, indices, values, axis) adds whole rows at indices",
    "cuda": "autograd_nn computes on the cpu",
    "flat": "t.reshape(-1) has the elements in a row",
    "tobytes": "the bytes are those of t.numpy()",
    "strides": "how memory lies is told by t.numpy().strides",
    "base": "whether memory is shared is told by np.shares_memory(t, u)",
    "grad_fn": "ag.graph(t) draws what t was computed from",
    "H": "complex numbers carry no gradient (yet); t.mT is the transpose of matrices",
}
"""NumPy's and PyTorch's names that a Tensor has not, and what to write instead; see `ops.pytorch` for those that mean NumPy's."""


def entry(name: str, table: dict[str, str] = NUMPY) -> str | None:
    """The table's entry for a function: its name, or the first pattern that fits it."""
    return name if name in table else next((p for p in table if "*" in p and fnmatchcase(name, p)), None)


def reason(name: str, table: dict[str, str] = NUMPY) -> str | None:
    """Why a function is not answered, or None."""
    found = entry(name, table)
    return None if found is None else table[found]
