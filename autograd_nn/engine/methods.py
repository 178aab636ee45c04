"""How operations become Tensor methods and operators, so that an operation is written in one place.

`@op(method=True, operator="*", numpy=np.multiply)` gives Tensors `t.multiply(...)`, `t * u`, `u * t`, `t *= u` and
`np.multiply(t, u)`. The operator is the op's function itself: Python's slot calls it with no frame in between.
Type checkers read the same methods from the stub that `declarations` writes (a test keeps it up to date).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from . import protocol
from .tensor import Tensor

BINARY = {"+": "add", "-": "sub", "*": "mul", "/": "truediv", "//": "floordiv", "%": "mod", "**": "pow", "@": "matmul"}
BINARY |= {"&": "and", "|": "or", "^": "xor", "<<": "lshift", ">>": "rshift"}
COMPARISON = {"<": "lt", "<=": "le", ">": "gt", ">=": "ge", "==": "eq", "!=": "ne"}
PAIRS = ("divmod",)
UNARY = {"neg": "neg", "pos": "pos", "abs": "abs", "invert": "invert"}

ATTACHED: dict[str, Callable[..., Any]] = {}
"""What operations have given to Tensor, by the method's name."""


def attach(
    function: Any, name: str, *, method: bool | str = False, operator: str | None = None, numpy: Any = None
) -> None:
    """Give Tensors a method, an operator or an answer to a NumPy function."""
    if method:
        _give(name if method is True else method, function)
    if operator in BINARY:
        dunder = BINARY[operator]
        _give(f"__{dunder}__", function)
        _give(f"__r{dunder}__", lambda self, other: function(other, self))
        _give(f"__i{dunder}__", lambda self, other: self._in_place(function, other))
    elif operator in PAIRS:
        _give(f"__{operator}__", function)
        _give(f"__r{operator}__", lambda self, other: function(other, self))
    elif operator in COMPARISON:
        _give(f"__{COMPARISON[operator]}__", function)
    elif operator in UNARY:
        _give(f"__{UNARY[operator]}__", function)
    elif operator is not None:
        raise TypeError(f"{name}: operator {operator!r} is not one of {[*BINARY, *PAIRS, *COMPARISON, *UNARY]}")
    if numpy is not None:
        protocol.register(numpy, function)


def method(function: Any = None, /, *, name: str | None = None, operator: str | None = None, numpy: Any = None) -> Any:
    """Decorate a public function that is not an op itself but is a Tensor method: ``@method(numpy=np.reshape)``."""
    if function is None:
        return lambda f: method(f, name=name, operator=operator, numpy=numpy)
    attach(function, function.__name__, method=name or True, operator=operator, numpy=numpy)
    return function


def _give(name: str, function: Callable[..., Any]) -> None:
    if name in vars(Tensor) and name not in ATTACHED:
        raise TypeError(f"Tensor already has {name!r}; an operation cannot replace it")
    ATTACHED[name] = function
    setattr(Tensor, name, function)


def declarations() -> str:
    """The stub of `TensorMethods`: what operations have given to Tensor, as a type checker wants it."""
    lines = [
        "# Written by tests/test_typing.py from the operations themselves; run it with --write after adding one.",
        "from typing import Any",
        "",
        "from .tensor import Tensor",
        "",
        "class TensorMethods:",
    ]
    for name, function in sorted(ATTACHED.items()):
        returns = "bool" if name in ("__eq__", "__ne__") else "Any" if _several(function) else "Tensor"
        ignore = "  # type: ignore[override]" if name in ("__eq__", "__ne__") else ""
        returns = "Tensor" if ignore else returns
        parameters = list(inspect.signature(function).parameters.values())[1:]
        lines.append(f"    def {name}({', '.join(['self', *_declared(parameters)])}) -> {returns}: ...{ignore}")
    return "\n".join(lines) + "\n"


def _several(function: Any) -> bool:
    op = getattr(function, "op", None)
    return op is not None and op.outputs is not None


def _declared(parameters: list[inspect.Parameter]) -> list[str]:
    out, starred = [], False
    if parameters and parameters[0].kind is inspect.Parameter.POSITIONAL_ONLY:
        last = max(i for i, p in enumerate(parameters) if p.kind is inspect.Parameter.POSITIONAL_ONLY)
    else:
        last = -1
    for i, p in enumerate(parameters):
        default = "" if p.default is p.empty else " = ..."
        if p.kind is p.VAR_POSITIONAL:
            out.append(f"*{p.name}: Any")
            starred = True
            continue
        if p.kind is p.KEYWORD_ONLY and not starred:
            out.append("*")
            starred = True
        out.append(f"{p.name}: Any{default}")
        if i == last:
            out.append("/")
    return out
