"""Weight and spectral normalisation in PyTorch's older form, whose `state_dict` names many published weights have.

`parametrizations` has the newer form, which says what they compute; there the same Tensors stand under longer names.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...engine.modes import no_grad
from ...engine.tensor import Tensor, assign
from ...ops.linalg import vecdot
from ...ops.shape import copy
from .. import init
from ..functional.normalisation import normalize
from ..parameter import Buffer, Parameter
from .derived import derive, owned, restore
from .parametrizations import as_matrix, checked, norm_except, output_dim

__all__ = ["remove_spectral_norm", "remove_weight_norm", "spectral_norm", "weight_norm"]


class _Normalised:
    """A weight computed from Tensors whose names begin with its own."""

    parts: tuple[str, ...]

    def __init__(self, name: str) -> None:
        self.name = name

    def of(self, module: Any) -> list[Any]:
        return [getattr(module, f"{self.name}_{part}") for part in self.parts]

    def write(self, module: Any, value: Any) -> None:
        named = " and ".join(f"{self.name}_{part}" for part in self.parts)
        raise TypeError(f"{type(module).__name__}.{self.name} is computed from {named}; write into those")

    def removed(self, module: Any) -> Any:
        with no_grad():
            value = self.settled(module)
        held = self.of(module)
        for part in self.parts:
            delattr(module, f"{self.name}_{part}")
        restore(module, self.name, Parameter(value, held[0].requires_grad))
        return module

    def settled(self, module: Any) -> Any:
        """The weight as it is now."""
        raise NotImplementedError(f"{type(self).__name__} defines no settled")


class _Weight(_Normalised):
    parts = ("g", "v")

    def __init__(self, name: str, dim: int | None) -> None:
        super().__init__(name)
        self.dim = dim

    def read(self, module: Any) -> Any:
        g, v = self.of(module)
        return v * (g / norm_except(v, self.dim))

    settled = read


class _Spectral(_Normalised):
    parts = ("orig", "u", "v")

    def __init__(self, name: str, n_power_iterations: int, dim: int, eps: float) -> None:
        super().__init__(name)
        self.n_power_iterations, self.dim, self.eps = n_power_iterations, dim, eps

    def read(self, module: Any) -> Any:
        if module.training:
            with no_grad():
                weight, u, v = self.of(module)
                matrix = as_matrix(weight.detach(), self.dim)
                for _ in range(self.n_power_iterations):
                    assign(v, normalize(matrix.mT @ u, dim=0, eps=self.eps))
                    assign(u, normalize(matrix @ v, dim=0, eps=self.eps))
        return self.settled(module)

    def settled(self, module: Any) -> Any:
        weight, u, v = self.of(module)
        return weight / vecdot(copy(u), as_matrix(weight, self.dim) @ copy(v))


def weight_norm(module: Any, name: str = "weight", dim: int | None = 0) -> Any:
    r"""Learn a weight's size `weight_g` and direction `weight_v` apart: :math:`w = g\, v / \|v\|`. Returns the module.

    `parametrizations.weight_norm` is the newer form. Raises ValueError for a name that is no parameter of the module's own.

    >>> [(n, p.shape) for n, p in nn.utils.weight_norm(nn.Linear(20, 40)).named_parameters()]
    [('bias', (40,)), ('weight_g', (40, 1)), ('weight_v', (40, 20))]
    """
    weight = owned("weight_norm", module, name)
    if dim is not None and not -1 <= dim < weight.ndim:
        raise ValueError(f"weight_norm: {name!r} has {weight.ndim} axes; there is no dim {dim}")
    with no_grad():
        g = norm_except(weight, dim)
    derive(module, name, _Weight(name, dim))
    setattr(module, f"{name}_g", Parameter(g, weight.requires_grad))
    setattr(module, f"{name}_v", weight)
    return module


def spectral_norm(
    module: Any, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> Any:
    r"""Divide the weight `weight_orig` by its largest singular value :math:`u^\top W v`. Returns the module.

    `parametrizations.spectral_norm` is the newer form and says the rest; here u and v are the buffers `weight_u` and `weight_v`.

    >>> [n for n in nn.utils.spectral_norm(nn.Linear(20, 40)).state_dict()]
    ['bias', 'weight_orig', 'weight_u', 'weight_v']
    """
    weight = owned("spectral_norm", module, name)
    dim = checked(weight, n_power_iterations, output_dim(module, dim))
    with no_grad():
        shape = as_matrix(weight, dim).shape
        starts = [init.normal_(Tensor._of(np.zeros(n, weight.dtype))) for n in shape]
        starts = [normalize(start, dim=0, eps=eps) for start in starts]
    derive(module, name, _Spectral(name, n_power_iterations, dim, eps))
    for part, held in zip(_Spectral.parts, [weight, *map(Buffer, starts)], strict=True):
        setattr(module, f"{name}_{part}", held)
    return module


def _removed(function: str, kind: type[_Normalised], module: Any, name: str) -> Any:
    how = getattr(module, "__dict__", {}).get("_derived", {}).get(name)
    if not isinstance(how, kind):
        raise ValueError(f"{function}: {name!r} of {type(module).__name__} is not normalised so")
    return how.removed(module)


def remove_weight_norm(module: Any, name: str = "weight") -> Any:
    """Make a weight an ordinary parameter again, with the value it has. ValueError for one without `weight_norm`.

    >>> nn.utils.remove_weight_norm(nn.utils.weight_norm(nn.Linear(2, 2)))
    Linear(in_features=2, out_features=2, bias=True)  # 6 parameters
    """
    return _removed("remove_weight_norm", _Weight, module, name)


def remove_spectral_norm(module: Any, name: str = "weight") -> Any:
    """Make a weight an ordinary parameter again, with the value it has. ValueError for one without `spectral_norm`.

    >>> nn.utils.remove_spectral_norm(nn.utils.spectral_norm(nn.Linear(2, 2)))
    Linear(in_features=2, out_features=2, bias=True)  # 6 parameters
    """
    return _removed("remove_spectral_norm", _Spectral, module, name)
