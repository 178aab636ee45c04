"""The stub of Tensor's attached methods is what the operations say; `python tests/test_typing.py --write` renews it."""

import sys
from pathlib import Path

import autograd_nn
from autograd_nn.engine.methods import declarations

STUB = Path(autograd_nn.__file__).parent / "engine" / "tensor_methods.pyi"


def test_stub_is_up_to_date():
    assert STUB.read_text(encoding="utf-8") == declarations()


if __name__ == "__main__" and sys.argv[1:] == ["--write"]:
    STUB.write_text(declarations(), encoding="utf-8")
