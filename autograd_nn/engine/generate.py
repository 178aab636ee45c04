"""The function that an operation's definition becomes.

Written out as source for the signature at hand, so that a call passes through no object and no loop over arguments.
`ag.exp.op.source` shows the text; tracebacks show its lines. For ``multiply(x, y, /)`` it reads, in short:

    def multiply(x, y, /):
        if not (isinstance(x, Tensor) or isinstance(y, Tensor)):
            return forward(x, y)                                  # plain arrays never touch the graph
        mode = current()
        if mode.tracer is not None:
            return mode.tracer.call(op, (x, y), ())               # records, detectors: the slow road
        data = forward(x's array, y's array)
        t = a Tensor of data
        if neither needs a gradient: return t
        n = t.node = a Node with the arrays that wanted rules name
        return t

and its pullback, which gives a cotangent for each parent that is not None (in the generated text every name of its own
begins with an underscore, which those of inputs and parameters may not):

    def multiply_pullback(g, parents, saved, params):
        x_node, y_node = parents
        y, x = saved
        return (None if x_node is None else rule_x(g, y), None if y_node is None else rule_y(g, x))
"""

from __future__ import annotations

import functools
import inspect
import linecache
import weakref
from collections.abc import Callable
from types import FunctionType
from typing import TYPE_CHECKING, Any

import numpy as np

from . import errors, graph
from .bare import bare_forward
from .dtypes import ARRAYS, PLAIN, operand
from .memory import cell_of, read_only
from .modes import current
from .tensor import Tensor

if TYPE_CHECKING:
    from .op import Array, Operation


def _first_call(*args: Any, **params: Any) -> Any:
    # The code that every operation's function starts with, and is freed of by its first call.
    return _build(_op)(*args, **params)  # type: ignore[name-defined]  # noqa: F821 - both are in the function's own globals


def function(op: Operation) -> Any:
    """A plain function with the operation's name, docstring and attributes. Its code is generated when it is first called."""
    scope = {
        **{f"_{f.__name__}": f for f in (Tensor, operand, cell_of, read_only)},
        **{f"_{f.__name__}": f for f in (graph.Node, wrap_outputs, shape_of, carries_gradient)},
        **{f"_{f.__name__}": f for f in (errors.explained, errors.refuse_parameter)},
        **{f"_{f.__name__}": f for f in (errors.refuse_derivative, errors.refuse_no_rule, unshared)},
        **{f"_{f.__name__}": f for f in (isinstance, type, any, tuple, len, Exception)},
        "_op": op,
        "_build": build,
        "_current": current,
        "_clock": graph.clock,
        "_PLAIN": PLAIN,
        "_ARRAYS": ARRAYS,
        "_ndarray": np.ndarray,
        "_FLOAT32": graph.FLOAT32,
        "_FLOAT64": graph.FLOAT64,
        **{f"_default_{p.name}": p.default for p in op.params if p.default is not p.empty},
        "__name__": op.forward.__module__,
    }
    made: Any = FunctionType(_first_call.__code__, scope, op.forward.__name__)
    made.__doc__, made.__qualname__ = op.forward.__doc__, op.forward.__qualname__
    made.__wrapped__ = op.forward  # inspect.signature, help() and doctest look here
    made.op, made.kind = op, op.kind
    made.vjp, made.joint_vjp, made.accumulate, made.fast = op.vjp, op.joint_vjp, op.accumulate, op.fast
    redefine(op, made)
    return made


def redefine(op: Operation, function: Any) -> None:
    """Take the operation's present definition: forget generated code, which the next call or walk will make anew."""
    function.__code__ = _first_call.__code__
    function.__defaults__ = function.__kwdefaults__ = None
    function.rules = op.rules
    op.pullback = functools.partial(_first_pullback, op)
    at: dict[int, Callable[..., Any]] = {
        i: functools.partial(_first_accumulate, op, i) for i, a in enumerate(op.arrays) if a.name in op.accumulators
    }
    op.accumulate_at = at or None


def build(op: Operation) -> Any:
    """Give the operation's function the code generated for it, and return the function."""
    scope = op.function.__globals__
    scope["_forward"] = bare_forward(op)
    made = _compile(op, function_source(op), op.forward.__name__, scope)
    op.function.__defaults__, op.function.__kwdefaults__ = made.__defaults__, made.__kwdefaults__
    op.function.__code__ = made.__code__
    return op.function


def function_source(op: Operation) -> str:
    return "\n".join(_function_lines(op)) + "\n"


def _first_pullback(op: Operation, *arguments: Any) -> Any:
    if op.rules:
        rules = _builtins(op) | {f"_rule_{name}": rule for name, rule in op.rules.items()}
        op.pullback = _compile(op, "\n".join(_pullback_lines(op)) + "\n", f"{op.name}_pullback", rules)
    elif op.joint is not None:
        op.pullback = _compile(
            op, "\n".join(_joint_lines(op)) + "\n", f"{op.name}_pullback", _builtins(op) | {"_rule": op.joint}
        )
    else:
        op.pullback = functools.partial(_composed_pullback, op)
    return op.pullback(*arguments)


def _first_accumulate(op: Operation, position: int, *arguments: Any) -> None:
    form = op.accumulators[op.arrays[position].name]
    name = f"{op.name}_accumulate_{op.arrays[position].name}"
    made = _compile(op, "\n".join(_accumulate_lines(op, name, form)) + "\n", name, {"_form": form})
    assert op.accumulate_at is not None
    op.accumulate_at[position] = made
    made(*arguments)


def _builtins(op: Operation) -> dict[str, Any]:
    """What the text of a pullback calls, under names that no rule's can clash with."""
    return {"_tuple": tuple, "_len": len, "_any": any, "_counted": functools.partial(_counted, op)}


def _counted(op: Operation, name: str, cotangents: Any, n: int) -> Any:
    """The cotangents of a list or joint rule, if there is one for each array."""
    if not isinstance(cotangents, (tuple, list)) or len(cotangents) != n:
        got = (
            f"{len(cotangents)}"
            if isinstance(cotangents, (tuple, list))
            else f"{type(cotangents).__name__} instead of {n}"
        )
        what = f"its rule for {name!r}" if name else "its joint rule"
        raise RuntimeError(f"{op.name}: {what} returned {got} cotangents for {n} arrays; the fault is in {op.name}.vjp")
    return cotangents


def _composed_pullback(op: Operation, g: Any, parents: Any, saved: Any, node: Any) -> Any:
    from .recorded import through_composition  # which is built on what this file makes

    return through_composition(node, op, g, parents, saved, recorded=False)


def _compile(op: Operation, source: str, name: str, scope: dict[str, Any]) -> Any:
    filename = f"<generated {op.forward.__module__}.{name}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    exec(compile(source, filename, "exec"), scope)
    return scope.pop(name)


def shape_of(x: Any) -> Any:
    return None if x is None else getattr(x, "shape", ())


def carries_gradient(op: Operation, dtype: np.dtype) -> bool:
    """Whether a result of this dtype carries a gradient; raises TypeError where one would be lost."""
    if dtype.kind not in "fiub":
        raise TypeError(
            f"{op.name}: an input requires a gradient, but the result is {dtype}, which carries none here; "
            f"pass t.detach() if the gradient is to end"
        )
    return dtype.kind == "f"


def unshared(op: Operation, data: Any, inputs: tuple[Any, ...]) -> Any:
    """The result of an operation of unknown kind, copied if it is or views an input's memory."""
    if isinstance(data, (tuple, list)):
        if op.result is None:
            names = ", ".join(repr(f"part{i}") for i in range(len(data)))
            raise TypeError(
                f"{op.name}: returned a {type(data).__name__} of {len(data)} and is defined with one output; name them: "
                f"@ag.op(outputs=({names}))"
            )
        return tuple([unshared(op, d, inputs) for d in data])
    arrays = [x for x in inputs if isinstance(x, np.ndarray)]
    if isinstance(data, np.ndarray) and any([np.may_share_memory(data, x) for x in arrays]):
        return data.copy()
    return data


def wrap_outputs(node: Any, data: tuple[Any, ...], cls: Any) -> Any:
    """A Tensor for each output; those that can carry a gradient hang on the node through an output node."""
    tensors = [Tensor._of(d) for d in data]
    if node is not None:
        carry = [carries_gradient(node.op, d.dtype) for d in data]
        nodes = [graph.output_node(node, i, d) if c else None for i, (d, c) in enumerate(zip(data, carry, strict=True))]
        node.outputs = tuple([None if n is None else weakref.ref(n) for n in nodes])
        for t, n in zip(tensors, nodes, strict=True):
            t.node = n
    return cls(*tensors)


# ---- the function --------------------------------------------------------------------------------------------------


def _function_lines(op: Operation) -> list[str]:
    arrays = op.arrays
    given = _given(op)
    passed = "".join(f", {p.name}={p.name}" if p.kind is p.KEYWORD_ONLY else f", {p.name}" for p in op.params)
    params = _tuple(op.param_names)
    failed = [
        "    except _Exception as _error:",
        f"        raise _explained(_op, _error, ({given},), {params}) from _error",
    ]
    is_tensor = [
        f"_any([_isinstance(_e, _Tensor) for _e in {a.name}])" if a.variadic else f"_isinstance({a.name}, _Tensor)"
        for a in arrays
    ]
    plain = ", ".join(
        f"*[_e if _type(_e) in _PLAIN else _operand(_e, _op, ({given},)) for _e in {a.name}]"
        if a.variadic
        else f"{a.name} if _type({a.name}) in {_kept_types(op, a)} else _operand({a.name}, _op, ({given},))"
        for a in arrays
    )
    returns = "_data = " if op.residuals or op.result else "return "
    lines = [f"def {op.forward.__name__}({_signature(op)}):"]
    for p in op.param_names:
        lines += [f"    if _isinstance({p}, _Tensor):", f"        raise _refuse_parameter(_op, {p!r})"]
    # One test a Tensor: the first input's decides most calls, the others are asked only where it is none.
    first, rest = arrays[0], " or ".join(is_tensor[1:])
    if rest and not first.variadic:
        lines += [
            f"    if {is_tensor[0]}:",
            *_tensor_lines(op, first),
            f"    elif {rest}:",
            *_other_lines(op, first),
            "    else:",
        ]
    else:
        lines += [f"    if not {is_tensor[0]}:"]
    lines += ["        try:", f"            {returns}_forward({plain}{passed})", *(f"    {line}" for line in failed)]
    if op.residuals or op.result:
        value = "_data[0]" if op.residuals else "_data"
        lines += [f"        return _op.result(*{value})" if op.result else f"        return {value}"]
    lines += [
        "    _mode = _current()",
        "    if _mode.tracer is not None:",
        f"        return _mode.tracer.call(_op, ({given},), {params})",
    ]
    for a in arrays:
        if a.variadic:
            lines += _list_lines(op, a)
        elif a is not first:
            lines += [
                f"    if _isinstance({a.name}, _Tensor):",
                *_tensor_lines(op, a),
                "    else:",
                *_other_lines(op, a),
            ]
        elif not rest:
            lines += [line[4:] for line in _tensor_lines(op, a)]
    data = ", ".join(f"*_data_{a.name}" if a.variadic else f"_data_{a.name}" for a in arrays)
    lines += ["    try:", f"        _data{', _residuals' if op.residuals else ''} = _forward({data}{passed})", *failed]
    if op.kind == "opaque":  # somebody's own: it may return its input, which a graph could not tell from a result
        lines += [f"    _data = _unshared(_op, _data, ({data},))"]
    if op.result:
        unrecorded = ["return _wrap_outputs(None, _data, _op.result)"]
    else:
        lines += ["    _t = _Tensor()", "    _t._array = _data"]
        unrecorded = ["_t.node = _t.cell = _t._leaf = None", "return _t"]
    if op.kind == "view":  # it shares the cell of the memory; what a recorded node may keep cannot be written to
        unrecorded = [
            "_t.node = _t._leaf = None",
            f"_t.cell = _cell_of({arrays[0].name})",
            "if _t.cell is None:",
            "    _t._array = _read_only(_data)",
            "else:",
            "    _t.cell.viewed = True",
            "return _t",
        ]
    traced = [a for a in arrays if op.differentiates(a)]
    if not traced:
        return [*lines, *(f"    {line}" for line in unrecorded)]
    idle = " and ".join(f"not _wanted_{a.name}" if a.variadic else f"_node_{a.name} is None" for a in traced)
    lines += [f"    if ({idle}) or not _mode.grad:", *(f"        {line}" for line in unrecorded)]
    for a in arrays:
        if a not in traced:
            test = f"_any([_e is not None for _e in _node_{a.name}])" if a.variadic else f"_node_{a.name} is not None"
            lines += [f"    if {test}:", f"        raise _refuse_derivative(_op, {a.name!r})"]
    if not op.has_rule():
        return [*lines, "    raise _refuse_no_rule(_op)"]
    if not op.result:
        lines += [
            "    _dtype = _data.dtype",
            "    if _dtype is not _FLOAT32 and _dtype is not _FLOAT64 and not _carries_gradient(_op, _dtype):",
            *(f"        {line}" for line in unrecorded),
        ]
    return lines + _node_lines(op, traced, params)


def _node_lines(op: Operation, traced: list[Array], params: str) -> list[str]:
    """Fill a Node with what the rules of the wanted inputs name."""
    wanted = {
        a.name: f"_wanted_{a.name}" if a.variadic else "True" if len(op.arrays) == 1 else f"_node_{a.name} is not None"
        for a in traced
    }
    parents = ", ".join(
        (f"*_node_{a.name}" if a.variadic else f"_node_{a.name}")
        if a in traced
        else (f"*[None] * _len({a.name})" if a.variadic else "None")
        for a in op.arrays
    )
    saved, cells = _saved(op, wanted)
    lines = [
        "    _n = _Node()",
        "    _n.op = _op",
        f"    _n.parents = ({parents},)",
        f"    _n.saved = ({''.join(s + ', ' for s in saved)})",
        *([f"    _n._params = {params}"] if op.param_names else []),
        "    _n.scope = _mode.scope",
        "    _n.extras = None",
        "    _n.sequence = next(_clock)",
    ]
    held = " or ".join(f"_cell_{a.name} is not None" for a in op.arrays if _has_cell(op, a))
    if held:
        lines += [f"    if {held}:", f"        _n._cells = ({''.join(c + ', ' for c in cells)})"]
    if op.result:
        return [
            *lines,
            "    _n.shape = _n.dtype = _tuple([_d.dtype for _d in _data])  # truthy: no 0-d result",
            "    return _wrap_outputs(_n, _data, _op.result)",
        ]
    return [
        *lines,
        "    _n.dtype = _dtype",
        "    _n.shape = _shape = _data.shape",
        "    if not _shape:",
        "        _n._value = _data",
        "    _t.node = _n",
        "    return _t",
    ]


def _given(op: Operation) -> str:
    return ", ".join(f"*{a.name}" if a.variadic else a.name for a in op.arrays)


def _has_cell(op: Operation, a: Array) -> bool:
    return a.name in op.keeps if a.variadic else _may_keep_unrecorded(op, a)


def _kept_types(op: Operation, a: Array) -> str:
    """Python numbers stay weak as operands; what an operation on arrays works on becomes an array."""
    return "_PLAIN" if op.kind == "elementwise" or a is not op.arrays[0] or a.optional else "_ARRAYS"


def _may_keep_unrecorded(op: Operation, a: Array) -> bool:
    """Whether the op may keep this input's memory though nothing was recorded for it, so that somebody may write to it."""
    return a.name in op.keeps and len(op.arrays) > 1


def _tensor_lines(op: Operation, a: Array) -> list[str]:
    """The array, the node and, where needed, the cell of an input that is a Tensor."""
    x = a.name
    lines = [f"        _data_{x} = {x}._array", f"        _node_{x} = {x}.node"]
    if op.kind == "view" and a is op.arrays[0]:
        lines += [
            f"        if _type(_data_{x}) is not _ndarray and (_node_{x} is None or _node_{x}.op is None):",
            f"            _data_{x} = {x}._memory()",
        ]
    if _may_keep_unrecorded(op, a):
        lines += [f"        _cell_{x} = _cell_of({x}) if _node_{x} is None else None"]
    return lines


def _other_lines(op: Operation, a: Array) -> list[str]:
    x = a.name
    taken = f"{x} if _type({x}) in _PLAIN else _operand({x}, _op, ({_given(op)},))"
    lines = [f"        _data_{x} = {taken}", f"        _node_{x} = None"]
    return [*lines, f"        _cell_{x} = None"] if _may_keep_unrecorded(op, a) else lines


def _list_lines(op: Operation, a: Array) -> list[str]:
    x = a.name
    taken = f"_e if _type(_e) in _PLAIN else _operand(_e, _op, ({_given(op)},))"
    lines = [
        f"    _data_{x} = [_e._array if _isinstance(_e, _Tensor) else {taken} for _e in {x}]",
        f"    _node_{x} = [_e.node if _isinstance(_e, _Tensor) else None for _e in {x}]",
        f"    _wanted_{x} = _any([_e is not None for _e in _node_{x}])",
    ]
    if x in op.keeps:
        unrecorded = "isinstance(_e, _Tensor) and _e.node is None"
        lines += [f"    _cell_{x} = _tuple([_cell_of(_e) if {unrecorded} else None for _e in {x}])"]
    return lines


def _saved(op: Operation, wanted: dict[str, str]) -> tuple[list[str], list[str]]:
    """For each kept name, the expression that keeps it (None unless a wanted rule names it) and that of its cell."""
    saved, cells = [], []
    by_name = {a.name: a for a in op.arrays}
    by_shape = {a.shape_name: a for a in op.arrays}
    for kept in op.keeps:
        users = [name for name in wanted if name in op.rules and kept in parameter_names(op.rules[name])]
        always = op.joint is not None or any(wanted[u] == "True" for u in users)
        test = "" if always else " or ".join(wanted[u] for u in users)
        cell = "None"
        if kept == "out":
            value = "_op.result(*_data)" if op.result else "_data"
        elif op.outputs is not None and kept in op.outputs:
            value = f"_data[{op.outputs.index(kept)}]"
        elif kept in by_name:
            value = f"_tuple(_data_{kept})" if by_name[kept].variadic else f"_data_{kept}"
            cell = f"_cell_{kept}" if _has_cell(op, by_name[kept]) else "None"
        elif kept in by_shape:
            a = by_shape[kept]
            # A shape that only its own input's rule asks for is a Tensor's, which always has one.
            one = f"_data_{a.name}.shape" if users == [a.name] else f"_shape_of(_data_{a.name})"
            value = f"_tuple([_shape_of(_e) for _e in _data_{a.name}])" if a.variadic else one
        else:
            value = f"_residuals[{op.residuals.index(kept)}]"
        saved.append(f"{value} if {test} else None" if test else value)
        cells.append(f"{cell} if {test} else None" if test and cell != "None" else cell)
    return saved, cells


def _signature(op: Operation) -> str:
    positional = [a for a in op.arrays if not a.variadic]
    parts = [f"{a.name}=None" if a.optional else a.name for a in positional] + ["/"] * bool(positional)
    parts += [_parameter(p) for p in op.params if p.kind is not p.KEYWORD_ONLY]
    keyword_only = [_parameter(p) for p in op.params if p.kind is p.KEYWORD_ONLY]
    star = [f"*{a.name}" for a in op.arrays if a.variadic] or ["*"] * bool(keyword_only)
    return ", ".join(parts + star + keyword_only)


def _parameter(p: inspect.Parameter) -> str:
    return p.name if p.default is p.empty else f"{p.name}=_default_{p.name}"


# ---- the rules -----------------------------------------------------------------------------------------------------


def _pullback_lines(op: Operation) -> list[str]:
    lines = _opening(op, f"{op.name}_pullback", "g, _parents, _saved, _node")
    parts = []
    for position, a in enumerate(op.arrays):
        rule = op.rules[a.name]
        if a.variadic:  # only the last array can be
            lines += [f"    wanted = _tuple([_p is not None for _p in _parents[{position}:]])"]
            none = "[None] * _len(wanted)"
            found = f"_counted({a.name!r}, _rule_{a.name}({_arguments(rule)}), _len(wanted))"
            call = f"{found} if _any(wanted) else {none}" if op.differentiates(a) else none
            parts.append(f"*({call})")
        elif not op.differentiates(a):
            parts.append("None")
        elif len(op.arrays) == 1:
            parts.append(f"_rule_{a.name}({_arguments(rule)})")
        else:
            parts.append(f"None if _parents[{position}] is None else _rule_{a.name}({_arguments(rule)})")
    return [*lines, f"    return ({''.join(p + ', ' for p in parts)})"]


def _joint_lines(op: Operation) -> list[str]:
    lines = _opening(op, f"{op.name}_pullback", "g, _parents, _saved, _node")
    return [
        *lines,
        "    wanted = _tuple([_p is not None for _p in _parents])",
        f"    return _counted('', _rule({_arguments(op.joint)}), _len(_parents))",
    ]


def _accumulate_lines(op: Operation, name: str, form: Any) -> list[str]:
    return [*_opening(op, name, "total, g, _saved, _node"), f"    _form({_arguments(form)})"]


def _opening(op: Operation, name: str, arguments: str) -> list[str]:
    lines = [f"def {name}({arguments}):"]
    lines += [f"    {', '.join(op.keeps)}, = _saved"] if op.keeps else []
    lines += [f"    {', '.join(op.param_names)}, = _node._params"] if op.param_names else []
    return lines


def parameter_names(rule: Any) -> list[str]:
    """The names a rule asks for."""
    code = getattr(rule, "__code__", None)
    if code is None or code.co_flags & 0x0C:  # a built-in, a partial, or with * or **
        return list(inspect.signature(rule).parameters)
    return list(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount])


def _arguments(rule: Any) -> str:
    parameters = inspect.signature(rule).parameters.values()
    return ", ".join(f"{p.name}={p.name}" if p.kind is p.KEYWORD_ONLY else p.name for p in parameters)


def _tuple(names: tuple[str, ...]) -> str:
    return f"({', '.join(names)}{',' if names else ''})"
