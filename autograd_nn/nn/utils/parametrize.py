"""Parametrizations: a parameter that is a function of others, as a matrix that stays symmetric, of norm one, or orthogonal.

    class Symmetric(nn.Module):
        def forward(self, x):
            return ag.triu(x) + ag.triu(x, 1).mT

    nn.utils.parametrize.register_parametrization(layer, "weight", Symmetric())

From then on ``layer.weight`` is computed whenever it is read, and what is learned is ``layer.parametrizations.weight.original``.
With a method `right_inverse` a parametrization says which originals give a value, so that one can be written to the weight.
Names, paths and order are PyTorch's.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

from ...engine.modes import no_grad
from ...engine.tensor import Tensor, assign
from ..containers import ModuleDict, ModuleList
from ..module import Module
from ..parameter import Buffer, Parameter
from .derived import derive, owned, restore

__all__ = [
    "ParametrizationList", "cached", "is_parametrized", "register_parametrization", "remove_parametrizations",
    "type_before_parametrizations",
]  # fmt: skip

_cache: ContextVar[dict[tuple[int, str], Any] | None] = ContextVar("parametrizations", default=None)


@contextlib.contextmanager
def cached() -> Iterator[None]:
    """Compute each parametrized weight only once inside the ``with`` block, as where a cell is called step after step.

    >>> cell = nn.utils.parametrizations.weight_norm(nn.RNNCell(2, 3), "weight_hh")
    >>> with nn.utils.parametrize.cached():
    ...     cell.weight_hh is cell.weight_hh
    True
    """
    token = _cache.set({} if _cache.get() is None else _cache.get())
    try:
        yield
    finally:
        _cache.reset(token)


class _Parametrized:
    """How a parametrized attribute is read and written."""

    def __init__(self, name: str) -> None:
        self.name = name

    def read(self, module: Any) -> Any:
        found, key = _cache.get(), (id(module), self.name)
        if found is None:
            return module.parametrizations[self.name]()
        if key not in found:
            found[key] = module.parametrizations[self.name]()
        return found[key]

    def write(self, module: Any, value: Any) -> None:
        module.parametrizations[self.name].right_inverse(value)


class ParametrizationList(ModuleList):
    """The parametrizations of one weight, the first one applied first, and its `original`, or `original0`, `original1`, ...

    It is ``module.parametrizations[name]``, made by `register_parametrization`. Called, it gives the weight.
    """

    def __init__(self, modules: list[Module], original: Any, unsafe: bool = False) -> None:
        super().__init__(modules)
        self.unsafe = unsafe
        with no_grad():
            values = self._inverted(original, required=False)
        self.is_tensor = isinstance(values, Tensor)
        if isinstance(values, Tensor):
            if values is not original:
                assign(original, values)  # the very Tensor that an optimizer may know
            self.original = original
            self.ntensors = 1
        else:
            kind = Parameter if isinstance(original, Parameter) else Buffer
            for i, value in enumerate(values):
                setattr(self, f"original{i}", kind(value))
                if kind is Parameter:
                    getattr(self, f"original{i}").requires_grad_(original.requires_grad)
            self.ntensors = len(values)

    def _inverted(self, value: Any, required: bool) -> Any:
        """What `forward` makes the value of; without `right_inverse`, the value itself unless it is required."""
        for module in reversed(list(self)):
            name = type(module).__name__
            if hasattr(module, "right_inverse"):
                try:
                    value = module.right_inverse(value)
                except NotImplementedError:  # none is known: the value itself stands, as in PyTorch
                    if required:
                        raise
            elif required:
                raise RuntimeError(
                    f"the parametrization {name} does not say which original gives a weight: it has no right_inverse"
                )
            if not isinstance(value, Tensor) and not (isinstance(value, (tuple, list)) and value):
                raise TypeError(f"{name}.right_inverse returns a Tensor or several, not a {type(value).__name__}")
        return value

    def originals(self) -> list[Any]:
        """The Tensors that are learned."""
        return [self.original] if self.is_tensor else [getattr(self, f"original{i}") for i in range(self.ntensors)]

    def right_inverse(self, value: Any) -> None:
        """Write originals that give this value. RuntimeError where a parametrization has no `right_inverse`."""
        with no_grad():
            values = self._inverted(value, required=True)
            for original, found in zip(
                self.originals(), [values] if isinstance(values, Tensor) else values, strict=True
            ):
                assign(original, found)

    def forward(self) -> Any:
        first, *others = list(self)
        value = first(*self.originals())
        for module in others:
            value = module(value)
        return value


def register_parametrization(
    module: Any, tensor_name: str, parametrization: Module, *, unsafe: bool = False
) -> Any:  # as the module came, so that its type is kept
    """Make a parameter (or buffer) of a module a function of what it was; of what it is already, if there is one. Returns it.

    If the parametrization has a `right_inverse`, the original begins as ``right_inverse(weight)``, and may be several Tensors
    (which an optimizer has to be given then). Raises ValueError, the module unchanged, where the weight would get another
    shape or dtype, unless `unsafe`, and for a name that is no parameter of the module's own.

    >>> class Positive(nn.Module):
    ...     def forward(self, x):
    ...         return ag.exp(x)
    ...
    ...     def right_inverse(self, w):
    ...         return ag.log(w)
    >>> layer = nn.Linear(1, 1, bias=False)
    >>> _ = ag.assign(layer.weight, [[2.0]])
    >>> _ = nn.utils.parametrize.register_parametrization(layer, "weight", Positive())
    >>> layer.weight.numpy().round(4), [name for name, _ in layer.named_parameters()]
    (array([[2.]], dtype=float32), ['parametrizations.weight.original'])
    """
    function = "register_parametrization"
    if not isinstance(parametrization, Module):
        raise TypeError(f"{function}: the parametrization is a module, not a {type(parametrization).__name__}")
    again = is_parametrized(module, tensor_name)
    before = getattr(module, tensor_name) if again else owned(function, module, tensor_name)
    parametrization.train(module.training)
    if again:
        stack = module.parametrizations[tensor_name]
        with no_grad():
            after = before if unsafe else parametrization(before)
    else:
        kept = before.detach().copy()
        stack = ParametrizationList([parametrization], before, unsafe)
        with no_grad():
            after = before if unsafe else stack()
    if (getattr(after, "shape", None), getattr(after, "dtype", None)) != (before.shape, before.dtype):
        if not again:
            assign(before, kept)
        found = f"{after.dtype} of shape {after.shape}" if isinstance(after, Tensor) else f"a {type(after).__name__}"
        raise ValueError(
            f"{function}: {type(parametrization).__name__} makes {tensor_name!r}, {before.dtype} of shape {before.shape}, "
            f"{found}; pass unsafe=True if the layer can use that"
        )
    if again:
        stack.unsafe = stack.unsafe or unsafe
        stack.append(parametrization)
        return module
    if not isinstance(module.__dict__.get("parametrizations"), ModuleDict):
        module.parametrizations = ModuleDict()
    module.parametrizations[tensor_name] = stack
    derive(module, tensor_name, _Parametrized(tensor_name))
    return module


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Whether a weight of the module is parametrized: the one of this name, or any.

    >>> nn.utils.parametrize.is_parametrized(nn.utils.parametrizations.weight_norm(nn.Linear(2, 2)), "weight")
    True
    """
    names = [n for n, how in getattr(module, "__dict__", {}).get("_derived", {}).items() if type(how) is _Parametrized]
    return bool(names) if tensor_name is None else tensor_name in names


def remove_parametrizations(module: Any, tensor_name: str, leave_parametrized: bool = True) -> Any:
    """Make a weight an ordinary parameter again, with the value it has, or (`leave_parametrized` False) its original's.

    Returns the module. Raises ValueError for a weight that is not parametrized, and for one of several originals that is not
    to be left as it is.

    >>> layer = nn.utils.parametrizations.weight_norm(nn.Linear(2, 2))
    >>> nn.utils.parametrize.remove_parametrizations(layer, "weight")
    Linear(in_features=2, out_features=2, bias=True)  # 6 parameters
    """
    if not is_parametrized(module, tensor_name):
        raise ValueError(f"remove_parametrizations: {type(module).__name__} has no parametrized {tensor_name!r}")
    stack = module.parametrizations[tensor_name]
    if not leave_parametrized and not stack.is_tensor:
        raise ValueError(
            f"remove_parametrizations: {tensor_name!r} is made of {stack.ntensors} Tensors; only leave_parametrized=True can be"
        )
    held = stack.originals()[0]
    if leave_parametrized:
        with no_grad():
            value = stack()
        if stack.is_tensor and value.shape == held.shape:
            assign(held, value)
        else:
            held = Parameter(value, held.requires_grad) if isinstance(held, Parameter) else Buffer(value)
    del module.parametrizations[tensor_name]
    if not len(module.parametrizations):
        del module.parametrizations
    restore(module, tensor_name, held)
    return module


def type_before_parametrizations(module: Module) -> type:
    """The module's class, which parametrizing it does not change here.

    >>> nn.utils.parametrize.type_before_parametrizations(nn.utils.parametrizations.weight_norm(nn.Linear(2, 2))).__name__
    'Linear'
    """
    return type(module)
