"""What NumPy and the Array API standard have and Tensors do not answer to: every one with its reason, printed here."""

import importlib
import inspect
import textwrap
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import overrides

import autograd_nn as ag
from autograd_nn.engine.protocol import FUNCTIONS, METHODS, UFUNCS, full_name
from autograd_nn.engine.unsupported import NUMPY, STANDARD, entry, reason


def numpys():
    """Every NumPy function and ufunc that a Tensor could answer to, by the name NumPy's users know."""
    for module in (
        "fft",
        "char",
        "polynomial",
        "strings",
        "lib.recfunctions",
    ):  # whose functions are listed once loaded
        importlib.import_module(f"numpy.{module}")
    functions = {full_name(f): f in FUNCTIONS for f in overrides.get_overridable_numpy_array_functions()}
    public = {f"np.{f.__name__}": f in UFUNCS for f in overrides.get_overridable_numpy_ufuncs() if is_public(f)}
    return functions | public


def is_public(ufunc):
    return getattr(np, ufunc.__name__, None) is ufunc


def standards():
    """The standard's functions: (name, its parameters, ours or None)."""
    lines = (Path(__file__).parent / "array_api_2024_12.txt").read_text(encoding="utf-8").splitlines()
    for line in lines:
        name, parameters = line.removesuffix(")").split("(", 1)
        yield name, parameters, found(name)


def found(name):
    value = ag
    for part in name.split("."):
        value = getattr(value, part, None)
    return value


def printed(title, names, table, capsys):
    """Print the table's entries for these names, those of one pattern together, and return the names without an entry."""
    entries = {}
    for name in sorted(names):
        entries.setdefault(entry(name, table), []).append(name)
    with capsys.disabled():
        print(f"\n{title}")
        for listed, of in entries.items():
            many = f" ({len(of)} functions)" if len(of) > 1 else ""
            print(textwrap.fill(f"  {listed}{many}: {table.get(listed)}", 118, subsequent_indent="      "))
    return entries.get(None, [])


def test_list_of_numpy_functions(capsys):
    answered = numpys()
    missing = [name for name, has in answered.items() if not has]
    title = f"numpy: {len(answered) - len(missing)} of {len(answered)} functions answer to Tensors; those that do not:"
    assert printed(title, missing, NUMPY, capsys) == []


def test_listed_numpy_functions_are_really_missing():
    answered = numpys()
    for listed in NUMPY:
        if "*" not in listed:
            assert answered.get(listed) is not True, f"{listed} is answered now: take its reason away"
            assert listed in answered, f"{listed} is no function of this NumPy"


def test_list_of_array_api_functions(capsys):
    rows = list(standards())
    missing = [name for name, _, ours in rows if ours is None]
    names = [*missing, *[n for n in ("complex64", "complex128") if found(n) is None]]
    title = f"Array API 2024.12: {len(rows) - len(missing)} of {len(rows)} functions; what is not here:"
    assert printed(title, names, STANDARD, capsys) == []
    assert [name for name in STANDARD if "*" not in name and found(name) is not None] == []


@pytest.mark.parametrize(
    ("name", "parameters", "ours"),
    [r for r in standards() if r[2] is not None],
    ids=lambda v: getattr(v, "__name__", str(v)),
)
def test_array_api_signatures(name, parameters, ours):
    """Ours can be called in every way that the standard's signature allows."""
    theirs = eval(f"inspect.signature(lambda {parameters}: None)").parameters.values()
    either = [p.name for p in theirs if p.kind is p.POSITIONAL_OR_KEYWORD]
    positional = [None for p in theirs if p.kind in (p.POSITIONAL_ONLY, p.VAR_POSITIONAL)]
    keywords = {p.name: p.default for p in theirs if p.kind is p.KEYWORD_ONLY}
    inspect.signature(ours).bind(*positional, *[None for _ in either], **keywords)
    if set(either) & {"shape", "axis", "axes", "min", "step", "stop", "num"}:  # names that somebody passes
        given = {name: None for name in either if name not in ("dtype", "kind", "from_", "to")}
        inspect.signature(ours).bind(*positional, **given, **keywords)


@pytest.mark.parametrize(
    "name", ["bool", "int8", "int64", "uint8", "float32", "float64", "e", "inf", "nan", "newaxis", "pi"]
)
def test_array_api_constants(name):
    expected = np.dtype(name) if name not in ("e", "inf", "nan", "newaxis", "pi") else getattr(np, name)
    assert getattr(ag, name) == expected or name == "nan"


def test_namespace():
    x = ag.tensor([[1.0, 2.0]])
    assert x.__array_namespace__() is ag
    assert x.__array_namespace__(api_version="2024.12") is ag
    with pytest.raises(ValueError, match="version '1999'"):
        x.__array_namespace__(api_version="1999")
    with pytest.raises(ValueError, match="device 'cuda' does not exist here"):
        ag.zeros(2, device="cuda")
    assert x.to_device("cpu") is x
    np.testing.assert_array_equal(np.from_dlpack(x), x.numpy())
    with pytest.raises(TypeError, match="would lose"):
        np.from_dlpack(ag.ones(2, requires_grad=True))


def test_methods_of_ufuncs_have_a_reason_or_an_answer():
    for ufunc in UFUNCS:
        for method in ("reduce", "accumulate", "reduceat", "at"):
            assert (ufunc, method) in METHODS or reason(f"np.{ufunc.__name__}.{method}")
