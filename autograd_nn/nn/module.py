"""`Module`: a function with parameters. Whatever a module holds in its attributes belongs to it.

Decision: there is no registry. Parameters, buffers and submodules are found by looking at a module's attributes when somebody
asks, inside lists, tuples and dicts, too. So nothing has to be set up (a forgotten ``super().__init__()`` is none the worse),
and what is appended to a plain list counts from then on.

Decision: a module does not know its own path, because it may be part of several. A call looks for the module it enters in
the module it comes from, nearest first, so messages and pictures say the path that was taken. It remembers the way it found
and walks it again the next time, so what was moved meanwhile is found where it now is.

Decision: a parametrized weight is no attribute of its module; it is computed when an attribute of that name is looked for
and not found. So the module keeps its class, and is copied, pickled and shown as any other.
"""

from __future__ import annotations

import difflib
import itertools
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from ..engine import modes
from ..engine.graph import is_differentiable
from ..engine.modes import Scope
from ..engine.tensor import HookHandle, Tensor, assign
from .parameter import Buffer, Parameter

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

__all__ = ["Module"]

CONTENTS = "_contents"
"""The attribute in which containers keep their entries; paths do not name it."""

EXTRA = "_extra_state"
"""The name, in a state, of what a module's `get_extra_state` returned; PyTorch's."""

_calls = itertools.count(1).__next__
_hooks = itertools.count().__next__


class LoadedKeys(NamedTuple):
    """What `load_state_dict` returns: the names the state lacked, and those the model does not have."""

    missing_keys: list[str]
    unexpected_keys: list[str]


class Module:
    """The base of all layers and models: define the parts in ``__init__`` and what they compute in ``forward``.

    >>> class Net(nn.Module):
    ...     def __init__(self):
    ...         self.hidden = nn.Linear(2, 4)
    ...         self.out = nn.Linear(4, 1)
    ...
    ...     def forward(self, x):
    ...         return self.out(ag.tanh(self.hidden(x)))
    >>> net = Net()
    >>> net(ag.ones((5, 2))).shape
    (5, 1)
    >>> [name for name, _ in net.named_parameters()]
    ['hidden.weight', 'hidden.bias', 'out.weight', 'out.bias']
    """

    __slots__ = ("__dict__", "__weakref__", "_routes")

    _routes: dict[
        int, tuple[str, Any, tuple[Any, ...]]
    ]  # of modules it has called, by id: name, and the keys that led there
    training: bool = True
    """Whether dropout drops and batch normalisation looks at the batch; set by `train` and `eval`."""

    # ---- calling ---------------------------------------------------------------------------------------------

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes; every module defines its own."""
        raise NotImplementedError(f"{type(self).__name__} defines no forward method")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """`forward`, with the hooks before and after it."""
        outer = modes.current().scope
        kind = type(self).__name__
        path = kind if outer is None else f"{outer.path}.{_name_within(outer, self) or kind}"
        token = modes.enter(Scope(path, _calls(), kind, outer, weakref.ref(self)))
        try:
            attributes = self.__dict__
            if "_forward_pre_hooks" in attributes:
                for hook, with_kwargs in list(attributes["_forward_pre_hooks"].values()):
                    replaced = hook(self, args, kwargs) if with_kwargs else hook(self, args)
                    if replaced is None:
                        continue
                    if with_kwargs:
                        args, kwargs = replaced
                    else:
                        args = replaced if isinstance(replaced, tuple) else (replaced,)
            out = self.forward(*args, **kwargs)
            if "_forward_hooks" in attributes:
                for hook, with_kwargs in list(attributes["_forward_hooks"].values()):
                    replaced = hook(self, args, kwargs, out) if with_kwargs else hook(self, args, out)
                    if replaced is not None:
                        out = replaced
            return out
        finally:
            modes.leave(token)

    def register_forward_pre_hook(self, hook: Callable[..., Any], *, with_kwargs: bool = False) -> HookHandle:
        """Call ``hook(module, args)`` before `forward`; what it returns, if not None, replaces the arguments.

        `with_kwargs`: call ``hook(module, args, kwargs)``, which returns None or a pair (args, kwargs).
        """
        return self._hooked("_forward_pre_hooks", hook, with_kwargs)

    def register_forward_hook(self, hook: Callable[..., Any], *, with_kwargs: bool = False) -> HookHandle:
        """Call ``hook(module, args, output)`` after `forward`; what it returns, if not None, replaces the output.

        `with_kwargs`: call ``hook(module, args, kwargs, output)``.
        """
        return self._hooked("_forward_hooks", hook, with_kwargs)

    def _hooked(self, which: str, hook: Callable[..., Any], with_kwargs: bool) -> HookHandle:
        hooks = self.__dict__.setdefault(which, {})
        number = _hooks()
        hooks[number] = (hook, with_kwargs)
        return HookHandle(hooks, number)

    # ---- what it holds ---------------------------------------------------------------------------------------

    if not TYPE_CHECKING:  # to a type checker a module has the attributes that its class declares

        def __getattr__(self, name: str) -> Any:
            """What is computed when it is read: a parametrized weight (`nn.utils.parametrize`)."""
            derived = self.__dict__.get("_derived", ())
            return derived[name].read(self) if name in derived else object.__getattribute__(self, name)  # which raises

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self.__dict__.get("_derived", ()):
            self.__dict__["_derived"][name].write(self, value)
            return
        before = self.__dict__.get(name)
        if isinstance(before, Parameter) and value is not None and not isinstance(value, Parameter):
            raise TypeError(
                f"{type(self).__name__}.{name} is a Parameter and cannot become {_a(value)}; write into it with "
                f"ag.assign(module.{name}, value), or set an nn.Parameter"
            )
        if isinstance(before, Buffer) and isinstance(value, Tensor) and not isinstance(value, (Buffer, Parameter)):
            value = Buffer(value, persistent=before.persistent, name=before.name)
        object.__setattr__(self, name, value)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__.copy()  # and not _routes, which belong to this object

    def members(self) -> Iterable[tuple[str, Any]]:
        """What the module holds, by name: its attributes. Containers name what they contain."""
        return self.__dict__.items()

    def _held(self, kind: type | tuple[type, ...]) -> Iterator[tuple[str, Any]]:
        for name, value in self.members():
            if isinstance(value, kind):
                yield name, value
            elif isinstance(value, (list, tuple, dict)):
                yield from _inside(name, value, kind)

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The modules it holds itself, each once, with their names."""
        seen = set()
        for name, child in self._held(Module):
            if id(child) not in seen:
                seen.add(id(child))
                yield name, child

    def children(self) -> Iterator[Module]:
        """The modules it holds itself."""
        return (child for _, child in self.named_children())

    def named_modules(
        self, memo: set[int] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """Itself and all modules below, with their paths; one that is held twice comes once, unless asked otherwise.

        `memo`: the ids of modules to leave out.
        """
        memo = set() if memo is None else memo
        if id(self) in memo:
            return
        memo.add(id(self))
        yield prefix, self
        for name, child in self._held(Module):
            yield from child.named_modules(memo, f"{prefix}.{name}" if prefix else name, remove_duplicate)
        if not remove_duplicate:
            memo.discard(
                id(self)
            )  # what remains there are the modules above: a module that holds one of those ends here

    def modules(self) -> Iterator[Module]:
        """Itself and all modules below."""
        return (module for _, module in self.named_modules())

    def _named(self, kind: type, prefix: str, recurse: bool, remove_duplicate: bool) -> Iterator[tuple[str, Any]]:
        seen: set[int] = set()
        modules = self.named_modules(None, prefix, remove_duplicate) if recurse else [(prefix, self)]
        for path, module in modules:
            for name, value in module._held(kind):
                if id(value) in seen and remove_duplicate:
                    continue
                seen.add(id(value))
                yield f"{path}.{name}" if path else name, value

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """All parameters with their paths, those of the module first; a shared one comes once, under its first path."""
        return self._named(Parameter, prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """All parameters, for an optimizer."""
        return (p for _, p in self.named_parameters(recurse=recurse))

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Buffer]]:
        """All buffers with their paths."""
        return self._named(Buffer, prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Buffer]:
        """All buffers."""
        return (b for _, b in self.named_buffers(recurse=recurse))

    def register_buffer(self, name: str, tensor: Any, persistent: bool = True) -> None:
        """Hold a Tensor (or array, or None) as the buffer `name`; what ``self.name = nn.Buffer(tensor)`` does."""
        self._register(name, None if tensor is None else Buffer(tensor, persistent=persistent))

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Hold a parameter (or None) as the attribute `name`."""
        if not isinstance(param, (Parameter, type(None))):
            raise TypeError(f"register_parameter: {name!r} needs an nn.Parameter or None, not {_a(param)}")
        self._register(name, param)

    def add_module(self, name: str, module: Module | None) -> None:
        """Hold a module (or None) as the attribute `name`."""
        if not isinstance(module, (Module, type(None))):
            raise TypeError(f"add_module: {name!r} needs an nn.Module or None, not {_a(module)}")
        self._register(name, module)

    register_module = add_module

    def _register(self, name: str, value: Any) -> None:
        if not isinstance(name, str) or not name or "." in name:
            raise KeyError(f"{type(self).__name__}: a name is a string without dots, not {name!r}")
        if hasattr(self, name) and not isinstance(getattr(self, name), (Parameter, Buffer, Module, type(None))):
            raise KeyError(f"{type(self).__name__} has an attribute {name!r} already, {_a(getattr(self, name))}")
        setattr(self, name, value)

    def get_submodule(self, target: str) -> Module:
        """The module at a path such as ``"encoder.layers.0"``; AttributeError, with the nearest path, if there is none."""
        for path, module in self.named_modules(remove_duplicate=False):
            if path == target:
                return module
        raise _no_such(self, "module", target, [path for path, _ in self.named_modules()])

    def get_parameter(self, target: str) -> Parameter:
        """The parameter at a path such as ``"encoder.layers.0.weight"``; AttributeError if there is none."""
        found = dict(self.named_parameters(remove_duplicate=False))
        if target not in found:
            raise _no_such(self, "parameter", target, list(found))
        return found[target]

    def get_buffer(self, target: str) -> Buffer:
        """The buffer at a path; AttributeError if there is none."""
        found = dict(self.named_buffers(remove_duplicate=False))
        if target not in found:
            raise _no_such(self, "buffer", target, list(found))
        return found[target]

    # ---- doing something to all of it ------------------------------------------------------------------------

    def train(self, mode: bool = True) -> Self:
        """Behave as in training (or not), here and below; returns the module.

        A module below that defines a `train` of its own, as one does that keeps layers frozen, has it called.
        """
        self._trained(bool(mode), set())
        return self

    def _trained(self, mode: bool, done: set[int]) -> None:
        if mode is type(self).training:
            vars(self).pop("training", None)  # as in a new one: a step that was compiled for that fits again
        else:
            self.training = mode
        done.add(id(self))
        for child in self.children():
            if id(child) in done:
                continue
            if getattr(child.train, "__func__", None) is Module.train:
                child._trained(mode, done)
            else:
                done.add(id(child))
                child.train(mode)

    def eval(self) -> Self:
        """Behave as in use: ``train(False)``."""
        return self.train(False)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters, or fill them with zeros."""
        for p in self.parameters():
            if set_to_none or p.grad is None:
                p.grad = None
            else:
                assign(p.grad, 0.0)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Learn all parameters, or freeze them; returns the module."""
        for p in self.parameters():
            p.requires_grad_(requires_grad)
        return self

    def apply(self, function: Callable[[Module], Any]) -> Self:
        """Call ``function(module)`` once for every module below and then for itself; returns the module."""
        self._applied(function, set())
        return self

    def _applied(self, function: Callable[[Module], Any], done: set[int]) -> None:
        done.add(id(self))
        for child in self.children():
            if id(child) not in done:
                child._applied(function, done)
        function(self)

    def astype(self, dtype: DTypeLike) -> Self:
        """Give all floating parameters and buffers another floating dtype, in place, without their gradients.

        Optimizers keep holding the same parameters, and go on. Returns the module. Raises TypeError for another kind of dtype.
        """
        wanted = np.dtype(dtype)
        if not is_differentiable(wanted):
            raise TypeError(f"astype: a module computes in floating dtypes, not in {wanted}")
        for t in itertools.chain(self.parameters(), self.buffers()):
            if t.dtype.kind == "f" and t.dtype != wanted:
                t._initialise(t.detach(), dtype=wanted, requires_grad=t.requires_grad, name=t.name)
        return self

    def float(self) -> Self:
        """``astype(float32)``."""
        return self.astype(np.float32)

    def double(self) -> Self:
        """``astype(float64)``."""
        return self.astype(np.float64)

    def to(self, target: Any) -> Self:
        """Itself on the device ``"cpu"``, the only one; or, given a dtype, `astype`."""
        if isinstance(target, str) and not target.startswith(("float", "f4", "f8")):
            if target != "cpu":
                raise ValueError(f"device {target!r} does not exist here: autograd_nn computes on the cpu")
            return self
        return self.astype(target)

    def cpu(self) -> Self:
        """Itself: everything is on the cpu."""
        return self

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        from ..viz import mimebundle  # a picture is made when a notebook asks for one

        return mimebundle(self, include, exclude)

    # ---- its state -------------------------------------------------------------------------------------------

    def _state(self, prefix: str = "") -> dict[str, Tensor]:
        """Parameters and persistent buffers by path, the very Tensors; shared ones under each of their paths."""
        state: dict[str, Tensor] = {}
        for path, module in self.named_modules(None, prefix, remove_duplicate=False):
            for kind in (Parameter, Buffer):
                for name, value in module._held(kind):
                    if kind is Parameter or value.persistent:
                        state[f"{path}.{name}" if path else name] = value
        return state

    def _with_extra_state(self, prefix: str = "") -> dict[str, Any]:
        """The modules that define `get_extra_state`, by the path of what it returns."""
        found = self.named_modules(None, prefix, remove_duplicate=False)
        return {f"{p}.{EXTRA}" if p else EXTRA: module for p, module in found if hasattr(module, "get_extra_state")}

    def state_dict(self, prefix: str = "") -> dict[str, Any]:
        """Parameters and persistent buffers by path, outside the graph; they share their memory with the module.

        What a module's `get_extra_state` returns, if it defines one, stands under the module's path and ``_extra_state``;
        `load_state_dict` gives it to `set_extra_state`. `ag.save` takes numbers, strings and arrays in dicts and lists.
        """
        prefix = prefix.rstrip(".")
        extra = {name: module.get_extra_state() for name, module in self._with_extra_state(prefix).items()}
        return {name: t.detach() for name, t in self._state(prefix).items()} | extra

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True) -> LoadedKeys:
        """Write the values of a `state_dict` (Tensors or arrays, PyTorch's too) into the parameters and buffers.

        `strict` (default): every name on either side must be on the other. Everything is looked at before anything is
        written. Raises RuntimeError, the module unchanged, that lists missing, unexpected (with the nearest match) and
        misshapen entries. TypeError for what is no mapping.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"load_state_dict: a state is a mapping of names to arrays, not {_a(state_dict)}")
        own, extra = self._state(), self._with_extra_state()
        missing = [name for name in (*own, *extra) if name not in state_dict]
        unexpected = [name for name in state_dict if name not in own and name not in extra]
        faults = []
        if strict:
            nearest = {name: _nearest(name, missing) or _a_state(name, state_dict[name]) for name in unexpected}
            faults += [f"unexpected {name!r}{nearest[name]}" for name in unexpected]
            faults += [f"missing {name!r}" for name in missing]
        values = {}
        for name, t in own.items():
            if name in state_dict:
                given = state_dict[name]
                value = given._array if isinstance(given, Tensor) else np.asarray(given)
                if value.shape != t.shape:
                    faults.append(f"{name!r} has shape {value.shape} in the state, {t.shape} in the module")
                elif not np.can_cast(value.dtype, t.dtype, "same_kind"):
                    faults.append(f"{name!r} is {value.dtype} in the state, {t.dtype} in the module")
                values[name] = value
        if faults:
            raise RuntimeError(f"load_state_dict of {type(self).__name__}:\n  " + "\n  ".join(faults))
        for name, module in extra.items():
            if name in state_dict:
                module.set_extra_state(state_dict[name])
        for name, value in values.items():
            assign(own[name], value)
        return LoadedKeys(missing, unexpected)

    # ---- how it looks ----------------------------------------------------------------------------------------

    def extra_repr(self) -> str:
        """What stands between the parentheses of a module without children."""
        return ""

    def __repr__(self) -> str:
        return "\n".join(_described(self, "", ()))


def _inside(name: str, value: Any, kind: type | tuple[type, ...]) -> Iterator[tuple[str, Any]]:
    """The members of a kind in nested lists, tuples and dicts."""
    for key, item in _entries(value):
        if isinstance(item, kind):
            yield f"{name}.{key}", item
        elif isinstance(item, (list, tuple, dict)):
            yield from _inside(f"{name}.{key}", item, kind)


def _name_within(outer: Scope, module: Module) -> str | None:
    """The path of a module from the one that calls it; None if it does not hold it."""
    caller = outer.module()
    if caller is None:
        return None
    try:
        name, first, rest = caller._routes[id(module)]
        found = caller.__dict__[first]
        for key in rest:
            found = (found.__dict__ if isinstance(found, Module) else found)[key]
        if found is module:
            return name
    except (AttributeError, KeyError, IndexError, TypeError):
        pass  # it has not been called from there, or is there no more
    route = _route(caller, module)
    if route is None:
        return None
    if not hasattr(caller, "_routes"):
        object.__setattr__(caller, "_routes", {})
    name = ".".join([str(key) for key in route if key != CONTENTS])
    caller._routes[id(module)] = (name, route[0], route[1:])
    return name


def _route(caller: Module, module: Module) -> tuple[Any, ...] | None:
    """The keys that lead from one module to another that it holds, the shortest way."""
    queue: deque[tuple[tuple[Any, ...], Any]] = deque([((), caller)])
    seen = {id(caller)}
    while queue:
        path, holder = queue.popleft()
        for key, value in _entries(holder.__dict__ if isinstance(holder, Module) else holder):
            if value is module:
                return (*path, key)
            if isinstance(value, (Module, list, tuple, dict)) and id(value) not in seen:
                seen.add(id(value))
                queue.append(((*path, key), value))
    return None


def _entries(holder: Any) -> Iterable[tuple[Any, Any]]:
    """Keys and values of a dict, list or tuple."""
    return holder.items() if isinstance(holder, dict) else enumerate(holder)


def _described(module: Module, name: str, above: tuple[Module, ...]) -> list[str]:
    """The lines of a module's repr; neighbours of a list that look the same are one."""
    own = f"({name}): " if name else ""
    count = sum({id(p): p.size for p in module.parameters()}.values())
    note = f"  # {count:,} parameter{'s' * (count != 1)}" if count else ""
    head = f"{own}{type(module).__name__}({module.extra_repr()}"
    if module in above:
        return [f"{own}{type(module).__name__}(...)"]
    blocks: list[tuple[str, str, list[str]]] = []  # first name, last name, the lines without a name
    for child_name, child in module._held(Module):
        lines = _described(child, "", (*above, module))
        if blocks and child_name.rpartition(".")[2].isdigit() and blocks[-1][2] == lines:
            blocks[-1] = (blocks[-1][0], child_name, lines)
        else:
            blocks.append((child_name, child_name, lines))
    if not blocks:
        return [f"{head}){note}"]
    out = [f"{head}{note}"]
    for first, last, lines in blocks:
        names = first if first == last else f"{first}-{last.rpartition('.')[2]}"
        times = "" if first == last else f"{int(last.rpartition('.')[2]) - int(first.rpartition('.')[2]) + 1} x "
        out += [f"  ({names}): {times}{lines[0]}", *[f"  {line}" for line in lines[1:]]]
    return [*out, ")"]


def _a(value: Any) -> str:
    return f"a {type(value).__name__}"


def _nearest(name: str, names: list[str]) -> str:
    found = difflib.get_close_matches(name, names, 1, 0.6)
    return f" (did you mean {found[0]!r}?)" if found else ""


def _a_state(name: str, value: Any) -> str:
    return (
        f" (which is a mapping: is it the state? pass it alone, state[{name!r}])" if isinstance(value, Mapping) else ""
    )


def _no_such(module: Module, what: str, target: str, paths: list[str]) -> AttributeError:
    return AttributeError(f"{type(module).__name__} has no {what} {target!r}{_nearest(target, paths)}")
