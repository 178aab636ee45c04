"""Values that leave the graph: which requests for a number or an array are meant, and what the others are told.

`t.item()`, `t.numpy()` and `float(t)` are somebody's word that the value is wanted. NumPy asks for it too, where a Tensor is
written into an array (``a[i] = t``), put among an array's elements (``np.array([t, u])``) or given as an option
(``np.sum(x, initial=t)``). There a gradient would be lost unseen, so a Tensor that requires one refuses.

Decision: Python does not say who asks for a float, so the frame that runs is looked at: one that stores into an array, or one
of NumPy's own code, loses what it gets. `math.exp(t)` looks like `float(t)` and is taken as such, except inside a transform,
where nobody means to leave the graph and every such request is refused.
"""

from __future__ import annotations

import dis
import os
from types import FrameType

import numpy as np

_STORE = dis.opmap["STORE_SUBSCR"]
_NUMPY = os.path.dirname(os.path.abspath(np.__file__)) + os.sep

_INSTEAD = (
    "join Tensors with np.stack([t, u]) or np.concatenate, or write them into a Tensor (x = ag.zeros(n); x[i] = t). "
    "If the value alone is meant, say t.item(), t.numpy() or t.detach()"
)


def refuse_number(frame: FrameType, transforming: bool) -> None:
    """Raise TypeError if the number that `frame` asks a differentiated Tensor for would lose a gradient unseen."""
    code = frame.f_code
    if transforming:
        raise TypeError(
            "float: inside a transform a Tensor that is differentiated would silently become a constant here. NumPy asks "
            f"for a float when it is written into an array (a[i] = t); math.sin asks for one: use np.sin. Otherwise {_INSTEAD}"
        )
    if code.co_code[frame.f_lasti] == _STORE:
        raise TypeError(
            "float: a Tensor that requires a gradient is written into an array here, which would cut it off from the "
            f"gradient: {_INSTEAD}"
        )
    if code.co_filename.startswith(_NUMPY):
        raise TypeError(
            f"float: np.{code.co_name.strip('_')} asks a Tensor that requires a gradient for its value, which would cut it "
            f"off from the gradient. No gradient flows through this argument: {_INSTEAD}"
        )


def refusal_of_array(what: str) -> TypeError:
    """What a Tensor that requires a gradient says when it is asked for its array."""
    return TypeError(
        f"np.asarray of {what} (other NumPy functions ask for it, too) would cut it off from its gradient: {_INSTEAD}"
    )
