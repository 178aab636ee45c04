"""autograd_nn: reverse-mode automatic differentiation for people who think in NumPy.

    import autograd_nn as ag

The public names and nothing else; see the README for a map of the rooms. Importing it loads neither numba nor matplotlib.

Decision: the engine and the operations are here at once; the rooms above them are imported when somebody first names them, so
that a program pays for what it uses.
"""

import importlib as _importlib
from typing import TYPE_CHECKING as _TYPE_CHECKING
from typing import Any as _Any

from . import kernels as kernels
from .engine import heap as _heap
from .engine.backward import gradients as gradients
from .engine.checkpoint import checkpoint as checkpoint
from .engine.dtypes import default_dtype as default_dtype
from .engine.dtypes import get_default_dtype as get_default_dtype
from .engine.dtypes import set_default_dtype as set_default_dtype
from .engine.modes import enable_grad as enable_grad
from .engine.modes import is_grad_enabled as is_grad_enabled
from .engine.modes import no_grad as no_grad
from .engine.mutation import detect_mutation as detect_mutation
from .engine.op import nondifferentiable as nondifferentiable
from .engine.op import op as op
from .engine.random import get_rng_state as get_rng_state
from .engine.random import manual_seed as manual_seed
from .engine.random import set_rng_state as set_rng_state
from .engine.record import record as record
from .engine.tensor import Tensor as Tensor
from .engine.tensor import assign as assign
from .engine.tensor import from_numpy as from_numpy
from .engine.tensor import tensor as tensor
from .kernels import get_num_threads as get_num_threads
from .kernels import set_num_threads as set_num_threads
from .ops import *
from .ops import random as random
from .ops.standard import array_namespace_info as array_namespace_info

if _TYPE_CHECKING:
    from . import check as check
    from . import compiler as compiler
    from . import data as data
    from . import interop as interop
    from . import nn as nn
    from . import optim as optim
    from . import transforms as transforms
    from . import viz as viz
    from .check.divergence import compare as compare
    from .check.gradients import check_model as check_model
    from .check.gradients import gradcheck as gradcheck
    from .check.nonfinite import detect_nonfinite as detect_nonfinite
    from .check.nonfinite import trace_nonfinite as trace_nonfinite
    from .compiler import CompileError as CompileError
    from .compiler import compile as compile
    from .compiler import fuse as fuse
    from .interop import load as load
    from .interop import save as save
    from .transforms import elementwise_grad as elementwise_grad
    from .transforms import grad as grad
    from .transforms import hessian as hessian
    from .transforms import hvp as hvp
    from .transforms import jacobian as jacobian
    from .transforms import jvp as jvp
    from .transforms import value_and_grad as value_and_grad
    from .transforms import vjp as vjp
    from .viz import expression as expression
    from .viz import graph as graph

# The same, for the interpreter: names by the room that has them, and the rooms themselves.
_ROOMS = {
    "check": (),
    "check.divergence": ("compare",),
    "check.gradients": ("check_model", "gradcheck"),
    "check.nonfinite": ("detect_nonfinite", "trace_nonfinite"),
    "compiler": ("CompileError", "compile", "fuse"),
    "data": (),
    "interop": ("load", "save"),
    "nn": (),
    "optim": (),
    "transforms": ("elementwise_grad", "grad", "hessian", "hvp", "jacobian", "jvp", "value_and_grad", "vjp"),
    "viz": ("expression", "graph"),
}
_LATER = {name: room for room, names in _ROOMS.items() for name in names}

_heap.keep_freed_memory()

__array_namespace_info__ = array_namespace_info
__version__ = "0.1.0"


def __getattr__(name: str) -> _Any:
    """A name of an upper room, imported when it is first asked for."""
    if name in _ROOMS and "." not in name:
        return _importlib.import_module(f".{name}", __name__)
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(_importlib.import_module(f".{_LATER[name]}", __name__), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER, *(room for room in _ROOMS if "." not in room)})
