"""`@op`: how an operation is defined. Forward on arrays, and a derivative rule for each array input, beside it.

    @op(kind="elementwise")
    def tanh(x, /):
        return np.tanh(x)

    tanh.vjp(x=lambda g, out: g * (1.0 - out * out))

**Signature.** Arrays stand before the slash, parameters after it; `*xs` is a list of arrays, `b=None` an optional one.

**A rule's parameter names are its memory contract.** `g` is the output's cotangent, `out` the output (of
several, all of them; one by its name), `x` an input by name, `x_shape` an input's shape (`xs_shapes` those of a list), the
rest the op's parameters. What no wanted rule names is not kept alive. The rule of a list returns one cotangent for each
array and may name `wanted`.

**One rule, three readers.** Rules use operators, ops and `.shape/.ndim/.mT` only, so the same text runs on arrays
(`backward`), on Tensors (`create_graph`) and into a record.

**Fused ops.** `@op(kind="fused")` decorates a *composition* of other ops, which is the op's meaning; `.fast` adds a
forward that may return `(out, residuals)`, and either `.vjp` ordinary rules or `.joint_vjp` one rule for all inputs.
With neither, the derivative is that of the composition.

Decision: what the architecture calls the op *function* and its description are two objects. The function is what
people call and pays for nothing; the `Operation` (its `.op`) is what nodes and records refer to.
"""

from __future__ import annotations

import inspect
from collections import namedtuple
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

from . import generate, methods

KINDS = frozenset((
    "elementwise", "reduction", "product", "view", "copy", "indexing", "scan", "sort", "linalg", "random", "creation",
    "fused", "opaque",
))  # fmt: skip
RESERVED = frozenset({"g", "out", "wanted"})


class nondifferentiable:
    """Stands where a rule would: no gradient flows to this input (an index, a mask, a comparison's operand)."""


class Array(NamedTuple):
    """An array input of an operation."""

    name: str
    optional: bool = False
    variadic: bool = False

    @property
    def shape_name(self) -> str:
        return f"{self.name}_shapes" if self.variadic else f"{self.name}_shape"


class OpFunction(Protocol):
    """What `@op` returns: a plain function with these attributes."""

    op: Operation
    vjp: Callable[..., Any]
    joint_vjp: Callable[..., Any]
    accumulate: Callable[..., Any]
    fast: Callable[..., Any]
    rules: dict[str, Any]
    kind: str
    __name__: str

    def __call__(self, *args: Any, **params: Any) -> Any: ...


class Operation:
    """The description of an operation: its signature, its forward on arrays and its rules."""

    __slots__ = (
        "accumulate_at", "accumulators", "arrays", "broadcasts", "composition", "explain", "forward", "function", "joint",
        "keeps", "kept_inputs", "kind", "name", "outputs", "param_names", "params", "pullback", "residuals", "result",
        "rules",
    )  # fmt: skip

    def __init__(
        self,
        forward: Callable[..., Any],
        kind: str,
        broadcasts: bool,
        outputs: Sequence[str] | None,
        explain: Callable[..., str | None] | None,
    ) -> None:
        self.name = forward.__name__.rstrip("_")
        self.kind = kind
        self.broadcasts = broadcasts
        self.explain = explain
        self.forward = forward
        self.composition = forward if kind == "fused" else None
        self.arrays, self.params = _parse(self.name, forward)
        self.param_names = tuple(p.name for p in self.params)
        self.outputs = tuple(outputs) if outputs else None
        clashing = set(self.outputs or ()) & {
            *RESERVED,
            *self.param_names,
            *[n for a in self.arrays for n in (a.name, a.shape_name)],
        }
        if clashing:
            raise TypeError(f"@op {self.name}: the name {_listed(sorted(clashing))} of an output is taken, or reserved")
        self.result: Any = namedtuple(f"{self.name}_result", self.outputs) if self.outputs else None
        self.residuals: tuple[str, ...] = ()
        self.rules: dict[str, Any] = {}
        self.joint: Callable[..., Any] | None = None
        self.accumulators: dict[str, Any] = {}
        self.keeps: tuple[str, ...] = ()
        self.kept_inputs: tuple[int | None, ...] = ()  # for each kept name, the position of the array input it is
        self.pullback: Callable[..., Any]
        self.accumulate_at: dict[int, Callable[..., Any]] | None
        if self.composition is not None:  # until there is a rule, the derivative reruns it on the inputs
            self._keep(tuple(a.name for a in self.arrays))
        self.function: Any = generate.function(self)

    @property
    def source(self) -> str:
        """The text of the function that was generated, or will be at its first call."""
        return generate.function_source(self)

    # ---- definitions -----------------------------------------------------------------------------------------

    def vjp(self, *rest: Any, **rules: Any) -> Any:
        """Give a rule for each array input: ``multiply.vjp(x=lambda g, y: g * y, y=lambda g, x: g * x)``.

        Raises TypeError when a rule is missing, is for no input, or names what the operation does not have.
        """
        if rest:
            raise TypeError(f"{self.name}.vjp takes rules by the name of their input: {self.name}.vjp(x=lambda g: ...)")
        names = [a.name for a in self.arrays]
        for name in rules:
            if name not in names:
                raise TypeError(f"{self.name}.vjp: there is no array input {name!r}; the inputs are {_listed(names)}")
        missing = [n for n in names if n not in rules]
        if missing:
            raise TypeError(
                f"{self.name}.vjp: no rule for {_listed(missing)}; every array input gets a rule or ag.nondifferentiable"
            )
        for array in self.arrays:
            rule = rules[array.name]
            if rule is nondifferentiable:
                continue
            self._check_names(rule, f"the rule for {array.name!r}", {"wanted"} if array.variadic else set())
        self.rules, self.joint, self.accumulators = dict(rules), None, {}
        self._keep(self._kept(r for r in rules.values() if r is not nondifferentiable))
        generate.redefine(self, self.function)
        return self.function

    def accumulate(self, **forms: Any) -> Any:
        """Give the in-place form of a rule whose result is mostly zeros: adds to `total` instead of returning.

        ``take.accumulate(x=lambda total, g, indices: np.add.at(total, indices, g))``. It runs on arrays only and may
        name what the rule names.
        """
        for name, form in forms.items():
            if any(a.variadic for a in self.arrays if a.name == name):
                raise TypeError(
                    f"{self.name}.accumulate: {name!r} is a list of arrays; only single inputs accumulate in place"
                )
            if self.rules.get(name) in (None, nondifferentiable):
                raise TypeError(f"{self.name}.accumulate: {name!r} has no rule to stand beside; call vjp first")
            allowed = {*generate.parameter_names(self.rules[name]), *self.param_names, "total"}
            unknown = [p for p in generate.parameter_names(form) if p not in allowed]
            if unknown:
                raise TypeError(f"{self.name}.accumulate: {_listed(unknown)} is not named by the rule for {name!r}")
        self.accumulators = dict(forms)
        generate.redefine(self, self.function)
        return self.function

    def fast(self, forward: Callable[..., Any] | None = None, *, residuals: Sequence[str] = ()) -> Any:
        """Give a fused op its forward on arrays: the composition's signature, ``out`` or ``(out, residuals)`` returned."""
        if forward is None:
            return lambda f: self.fast(f, residuals=residuals)
        if self.composition is None:
            raise TypeError(f'{self.name}.fast: only @op(kind="fused") has a composition beside a fast forward')
        self.forward = forward
        self.residuals = tuple(residuals)
        generate.redefine(self, self.function)
        return self.function

    def joint_vjp(self, rule: Callable[..., Any]) -> Any:
        """Give one rule for all inputs, on arrays: returns a cotangent per array input, None where not `wanted[i]`."""
        if self.composition is None:
            raise TypeError(f'{self.name}.joint_vjp: only @op(kind="fused") has a composition to differentiate again')
        self._check_names(rule, "the joint rule", {"wanted", *self.residuals})
        self.joint, self.rules, self.accumulators = rule, {}, {}
        # A recorded derivative reruns the composition, so every array input is kept besides what the rule names.
        self._keep((*(a.name for a in self.arrays), *self._kept([rule])))
        generate.redefine(self, self.function)
        return self.function

    # ---- names -----------------------------------------------------------------------------------------------

    def _check_names(self, rule: Any, what: str, also: set[str]) -> None:
        known = {"g", "out", *(self.outputs or ()), *self.param_names, *also}
        for array in self.arrays:
            known |= {array.name, array.shape_name}
        for name in generate.parameter_names(rule):
            if name not in known:
                raise TypeError(f"{self.name}.vjp: {what} names {name!r}, which is not one of {_listed(sorted(known))}")

    def _kept(self, rules: Any) -> tuple[str, ...]:
        kept: dict[str, None] = {}
        for rule in rules:
            for name in generate.parameter_names(rule):
                if name not in ("g", "wanted") and name not in self.param_names:
                    kept[name] = None
        return tuple(kept)

    def _keep(self, names: tuple[str, ...]) -> None:
        self.keeps = tuple(dict.fromkeys(names))
        positions = {a.name: i for i, a in enumerate(self.arrays)}
        self.kept_inputs = tuple(positions.get(name) for name in self.keeps)

    def has_rule(self) -> bool:
        return bool(self.rules or self.joint or self.composition)

    def differentiates(self, array: Array) -> bool:
        return self.rules.get(array.name) is not nondifferentiable

    def __repr__(self) -> str:
        return f"<op {self.name}>"

    def __reduce__(self) -> tuple[Any, ...]:
        raise TypeError(f"the operation {self.name!r} cannot be pickled; refer to it by name")


def op(
    forward: Callable[..., Any] | None = None,
    /,
    *,
    kind: str = "opaque",
    broadcasts: bool = False,
    outputs: Sequence[str] | None = None,
    method: bool | str = False,
    operator: str | None = None,
    numpy: Any = None,
    explain: Callable[..., str | None] | None = None,
) -> Any:
    """Define a differentiable operation from its forward on arrays; add rules with ``.vjp``.

    Parameters: `kind` says what the compiler and the pictures may assume (elementwise, reduction, product, view, copy,
    indexing, scan, sort, linalg, random, creation, fused; default ``"opaque"``); `broadcasts`, that cotangents are summed
    back to the inputs' shapes; `outputs`, the names of several outputs; `method`, that Tensors get it as a method (True, or
    the method's name); `operator`, the Python operator it is; `numpy`, the NumPy function or functions it answers to;
    `explain`, a function of the inputs that says what is wrong with them when the forward raised.

    Raises TypeError for a signature outside the grammar.

    >>> @ag.op(kind="elementwise")
    ... def cube(x, /):
    ...     return x * x * x
    >>> _ = cube.vjp(x=lambda g, x: 3.0 * g * x * x)
    >>> x = ag.tensor(2.0, requires_grad=True)
    >>> cube(x).backward()
    >>> x.grad
    tensor(12., dtype=float32)
    """
    if forward is None:
        settings = {"kind": kind, "broadcasts": broadcasts, "outputs": outputs, "method": method}
        settings |= {"operator": operator, "numpy": numpy, "explain": explain}
        return lambda f: op(f, **settings)  # type: ignore[arg-type]
    if kind not in KINDS:
        raise TypeError(f"@op: kind {kind!r} is not one of {_listed(sorted(KINDS))}")
    operation = Operation(forward, kind, broadcasts, outputs, explain)
    function = operation.function
    methods.attach(function, operation.name, method=method, operator=operator, numpy=numpy)
    return function


def _parse(name: str, forward: Callable[..., Any]) -> tuple[tuple[Array, ...], tuple[inspect.Parameter, ...]]:
    """The arrays and the parameters of an operation's signature; raises TypeError for one outside the grammar."""
    arrays: list[Array] = []
    params: list[inspect.Parameter] = []
    for p in inspect.signature(forward).parameters.values():
        if p.kind is p.POSITIONAL_ONLY:
            if p.default not in (p.empty, None):
                raise TypeError(f"@op {name}: the array {p.name!r} can only have the default None (an optional array)")
            arrays.append(Array(p.name, optional=p.default is None))
        elif p.kind is p.VAR_POSITIONAL:
            if params:
                raise TypeError(f"@op {name}: the parameters of an op with *{p.name} stand behind the star")
            arrays.append(Array(p.name, variadic=True))
        elif p.kind is p.VAR_KEYWORD:
            raise TypeError(f"@op {name}: parameters are named one by one, not **{p.name}")
        else:
            params.append(p)
    if not arrays:
        raise TypeError(f"@op {name}: no array inputs; arrays stand before the slash: def {name}(x, /, axis=None)")
    names = [a.name for a in arrays] + [p.name for p in params]
    shapes = [a.shape_name for a in arrays]
    for clash in [n for n in names if n in RESERVED or n in shapes or n.startswith("_")]:
        raise TypeError(f"@op {name}: the name {clash!r} is reserved ({_listed(sorted(RESERVED | set(shapes)))})")
    return tuple(arrays), tuple(params)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(repr(n) for n in names)
