"""`Optimizer`: parameters in groups, the state kept for each, and both as a dictionary.

An optimizer of your own derives from it as in PyTorch: it gives its defaults, and a `step` that reads `param_groups` and `state`
and writes with `ag.assign`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from ..engine import modes
from ..engine.memory import leaf_of
from ..engine.tensor import Tensor, assign, tensor
from .group import ParameterGroup

IMPLEMENTATION = frozenset({"foreach", "fused", "capturable", "differentiable"})
"""Arguments by which PyTorch chooses an implementation; there is one here."""


class Optimizer:
    """Holds parameters in groups, the state that updates keep for each, and takes steps.

    `params`: Tensors, or (name, Tensor) pairs, or dicts of a group: ``{"params": [...], "lr": 0.1}``. `defaults`: the
    hyperparameters of a group that does not give its own.

    Raises ValueError for no parameters, a parameter twice, or one that is the result of an operation; TypeError for anything else
    than Tensors.
    """

    def __init__(self, params: Iterable[Any], defaults: dict[str, Any]) -> None:
        self.defaults = defaults
        self.param_groups: list[ParameterGroup] = []
        self.state: dict[Tensor, dict[str, Any]] = {}
        if isinstance(params, (Tensor, np.ndarray, str, Mapping, set, frozenset)):
            raise TypeError(
                f"{self._name}: the parameters are {_an(params)}; pass a list of Tensors or of groups (dicts), whose order stays"
            )
        if not isinstance(params, Iterable):
            fix = f"; pass its parameters(): {self._name}(model.parameters())" if hasattr(params, "parameters") else ""
            raise TypeError(f"{self._name}: the parameters are {_an(params)}, no list of Tensors{fix}")
        given = list(params)
        if not given:
            raise ValueError(
                f"{self._name}: got no parameters; does the model have any, and was a generator used up before?"
            )
        for group in given if isinstance(given[0], Mapping) else [{"params": given}]:
            self.add_param_group(group)

    @property
    def _name(self) -> str:
        return type(self).__name__

    # ---- groups ----------------------------------------------------------------------------------------------

    def add_param_group(self, param_group: Mapping[str, Any]) -> None:
        """Add parameters with hyperparameters of their own; what the group does not give is the default.

        Raises as the constructor does, and then nothing was added.
        """
        if not isinstance(param_group, Mapping):
            raise TypeError(f"{self._name}: a parameter group is a dict with 'params', not {_an(param_group)}")
        if "params" not in param_group:
            raise ValueError(f"{self._name}: the parameter group has no 'params', only {sorted(param_group)}")
        given = param_group["params"]
        given = [given] if isinstance(given, Tensor) else list(given)
        names = [p[0] for p in given if isinstance(p, tuple)]
        if names and len(names) != len(given):
            raise ValueError(f"{self._name}: some parameters have a name and others have none; name all or none")
        entries = {**self.defaults, **{k: v for k, v in param_group.items() if k != "params"}}
        entries = {"params": self._checked([p[1] if isinstance(p, tuple) else p for p in given], names), **entries}
        if names:
            entries["param_names"] = names
        for name, default in self.defaults.items():
            if isinstance(default, float) and isinstance(entries[name], int) and not isinstance(entries[name], bool):
                entries[name] = float(entries[name])
            elif isinstance(default, tuple) and default and isinstance(default[0], float):
                entries[name] = tuple([float(v) for v in entries[name]])
        self.check(entries)
        self.param_groups.append(ParameterGroup(entries))
        self._changed()

    def _checked(self, params: list[Any], names: list[str]) -> list[Tensor]:
        if not params:
            raise ValueError(f"{self._name}: got a parameter group without parameters")
        seen = {id(p) for group in self.param_groups for p in group["params"]}
        for i, p in enumerate(params):
            what = f"parameter {names[i]!r}" if names else f"parameter {i}"
            if not isinstance(p, Tensor):
                raise TypeError(f"{self._name}: {what} is {_an(p)}; an optimizer changes Tensors")
            if not p.is_leaf:
                raise ValueError(
                    f"{self._name}: {what} of shape {p.shape} is the result of {p._operation()}, which gets no gradient; "
                    f"pass the leaf it was computed from"
                )
            if p.dtype.kind != "f":
                raise TypeError(f"{self._name}: {what} is {p.dtype}; only floating parameters have gradients")
            if id(p) in seen:
                raise ValueError(
                    f"{self._name}: {what} of shape {p.shape} is there twice and would be updated twice in a step"
                )
            seen.add(id(p))
        return params

    def check(self, group: Mapping[str, Any]) -> None:
        """Raise ValueError for hyperparameters out of range. For subclasses; `at_least_zero` says what most need."""

    def at_least_zero(self, group: Mapping[str, Any], *names: str) -> None:
        """Raise ValueError where one of these is negative or NaN."""
        for name in names:
            if not group[name] >= 0.0:
                raise ValueError(f"{self._name}: {name} must be 0 or more, got {group[name]}")

    def fractions(self, group: Mapping[str, Any], name: str) -> None:
        """Raise ValueError unless these are all at least 0 and below 1."""
        for value in group[name]:
            if not 0.0 <= value < 1.0:
                raise ValueError(f"{self._name}: {name} must be at least 0 and below 1, got {tuple(group[name])}")

    def _changed(self) -> None:
        """The groups or the state are no longer what they were."""

    # ---- steps -----------------------------------------------------------------------------------------------

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters; with `set_to_none=False`, write zeros into them."""
        tracer = modes.current().tracer
        for group in self.param_groups:
            for p in group["params"]:
                leaf = leaf_of(p)
                if leaf is not None and set_to_none and tracer is not None:
                    tracer.set_gradient(leaf.saved)
                if leaf is None or leaf.saved.grad is None:
                    continue
                if set_to_none:
                    leaf.saved.grad = None
                else:
                    assign(leaf.saved.grad, 0)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Change every parameter that has a gradient. `closure`, if given, computes the loss anew, which is returned."""
        raise NotImplementedError(f"{self._name} has no step")

    @staticmethod
    def loss_of(closure: Callable[[], Any] | None) -> Any:
        """What the closure returns, run with recording on; None without one."""
        if closure is None:
            return None
        with modes.change(grad=True):
            return closure()

    # ---- its dictionary --------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """State and hyperparameters as PyTorch's dictionary: parameters are numbered in the order of the groups.

        ``{"state": {0: {"step": ..., ...}, ...}, "param_groups": [{"lr": ..., "params": [0, ...]}, ...]}``. The Tensors in it are
        the optimizer's own: they change at the next step, so save or copy them.
        """
        order = self._numbered()
        return {
            "state": {order[id(p)]: dict(entries) for p, entries in self.state.items()},
            "param_groups": [dict(g) | {"params": [order[id(p)] for p in g["params"]]} for g in self.param_groups],
        }

    def _numbered(self) -> dict[int, int]:
        return {id(p): i for i, p in enumerate([p for group in self.param_groups for p in group["params"]])}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over state and hyperparameters from `state_dict` of an optimizer of the same kind, PyTorch's included.

        Raises ValueError where it does not fit these parameters; then nothing was changed.
        """
        if not isinstance(state_dict, Mapping) or not {"state", "param_groups"} <= set(state_dict):
            raise ValueError(
                f"{self._name}: an optimizer's state has 'state' and 'param_groups'; this is {_an(state_dict)}"
            )
        groups, states = state_dict["param_groups"], state_dict["state"]
        if not (
            isinstance(groups, (list, tuple))
            and all([isinstance(g, Mapping) and isinstance(g.get("params"), (list, tuple)) for g in groups])
            and isinstance(states, Mapping)
            and all([isinstance(entries, Mapping) for entries in states.values()])
        ):
            raise ValueError(
                f"{self._name}: 'param_groups' is a list of mappings, each with a list 'params', and 'state' a mapping of "
                f"mappings; these are something else"
            )
        mine, theirs = [len(g["params"]) for g in self.param_groups], [len(g["params"]) for g in groups]
        if mine != theirs:
            raise ValueError(
                f"{self._name}: the saved state has groups of {theirs} parameters, this optimizer of {mine}; "
                f"was it saved for another model?"
            )
        of = dict(
            zip(
                [i for g in groups for i in g["params"]],
                [p for g in self.param_groups for p in g["params"]],
                strict=True,
            )
        )
        entries = [{k: v for k, v in g.items() if k not in IMPLEMENTATION | {"params", "param_names"}} for g in groups]
        merged = []
        for group, given in zip(self.param_groups, entries, strict=True):
            merged.append(ParameterGroup(dict(group)))
            merged[-1].update(given)  # raises for what is no number
            self.check(merged[-1])
        group_of = {id(p): group for group in merged for p in group["params"]}
        loaded: dict[Tensor, dict[str, Any]] = {}
        for number, saved in states.items():
            if number not in of:
                raise ValueError(
                    f"{self._name}: the saved state is of parameter {number!r}, which is in none of its groups"
                )
            p = of[number]
            loaded[p] = self._read(f"parameter {number}", p, saved, group_of[id(p)])
        for group, given in zip(self.param_groups, entries, strict=True):
            group.update(given)
        self._take(loaded)
        self._changed()

    def _read(self, what: str, p: Tensor, saved: Mapping[str, Any], group: ParameterGroup) -> dict[str, Any]:
        """The saved state of one parameter, checked and copied. A Tensor under which a step is counted has no axes."""
        return {k: tensor(np.asarray(v)) if hasattr(v, "shape") else v for k, v in saved.items() if v is not None}

    def _take(self, loaded: dict[Tensor, dict[str, Any]]) -> None:
        """Make this the state."""
        self.state = loaded

    def __repr__(self) -> str:
        groups = []
        for i, group in enumerate(self.param_groups):
            lines = [f"    {name}: {group[name]}" for name in sorted(group) if name not in ("params", "param_names")]
            groups += [f"Parameter Group {i}", *lines]
        return "\n".join([f"{self._name} (", *groups, ")"])


def _an(x: Any) -> str:
    name = type(x).__name__
    return f"{'an' if name[:1] in 'aeiouAEIOU' else 'a'} {name}"
