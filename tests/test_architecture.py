"""The rooms and who may call whom; what importing costs; the examples in the docstrings."""

import ast
import doctest
import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import autograd_nn as ag

ROOT = Path(ag.__file__).parent
FLOORS = {
    "kernels": 0,
    "engine": 1,
    "ops": 2,
    "transforms": 3,
    "compiler": 3,
    "check": 3,
    "nn": 4,
    "optim": 4,
    "data": 4,
    "viz": 4,
    "interop": 4,
    "demo": 5,
    "__main__": 5,
    "__init__": 5,
}
MODULES = sorted(m.name for m in pkgutil.walk_packages(ag.__path__, "autograd_nn.") if not m.name.endswith("__main__"))


def room(path):
    relative = path.relative_to(ROOT).parts
    return relative[0].removesuffix(".py")


def imports(path):
    """(line, room) of every import of the package inside a file, however deep it stands."""
    package = ["autograd_nn", *path.relative_to(ROOT).parts[:-1]]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            full = [*base, *(node.module.split(".") if node.module else [])]
            names = [".".join([*full, a.name]) for a in node.names]
        elif isinstance(node, ast.Import):
            names = [a.name for a in node.names]
        else:
            continue
        for name in names:
            parts = name.split(".")
            if parts[0] == "autograd_nn":
                yield node.lineno, parts[1] if len(parts) > 1 and parts[1] in FLOORS else "__init__"


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_go_down_or_sideways(path):
    floor = FLOORS[room(path)]
    for line, imported in imports(path):
        assert FLOORS[imported] <= floor, f"{path.name}:{line} imports {imported}, which is upstairs"


def test_nn_defines_no_derivative_and_knows_no_kernel():
    for path in sorted((ROOT / "nn").rglob("*.py")) if (ROOT / "nn").exists() else []:
        text = path.read_text(encoding="utf-8")
        assert ".vjp(" not in text
        assert "numba" not in text
        assert "kernels" not in {imported for _, imported in imports(path)}


def test_importing_is_light():
    heavy = ("numba", "matplotlib", "tqdm", "scipy", "safetensors")
    code = f"import sys, autograd_nn; print([m for m in {heavy} if m in sys.modules])"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples(name):
    module = importlib.import_module(name)
    finder, runner = (
        doctest.DocTestFinder(exclude_empty=True),
        doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE),
    )
    for test in finder.find(
        module, extraglobs={"ag": ag, "np": np, "nn": ag.nn, "F": ag.nn.functional}
    ):  # an op's docstring is its forward's
        runner.run(test)
    assert runner.failures == 0


def test_every_public_name_has_a_docstring_with_an_example():
    bare = []
    for name in sorted(n for n in dir(ag) if not n.startswith("_")):
        value = getattr(ag, name)
        if (
            callable(value)
            and getattr(value, "__module__", "").startswith("autograd_nn")
            and ">>>" not in (value.__doc__ or "")
        ):
            bare.append(name)
    assert bare == ["nondifferentiable"]


def test_first_line_of_every_file_says_its_subject():
    for path in sorted(ROOT.rglob("*.py")):
        assert path.read_text(encoding="utf-8").startswith(('"""', 'r"""')), path


def test_test_files_have_names_of_their_own():
    """pytest imports them side by side: two of one name cannot be collected together."""
    names = [path.name for path in Path(__file__).parent.rglob("*.py") if path.name != "conftest.py"]
    assert len(set(names)) == len(names), sorted({n for n in names if names.count(n) > 1})
