"""Pictures of graphs and of training. `ag.graph` and `ag.expression` are here; `training` holds the curves.

Everything is imported on use: a program that draws nothing pays for none of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .picture import Graph

__all__ = ["config", "expression", "graph", "mimebundle", "structure", "training"]


def graph(tensor_or_record: Any, model: Any = None, against: Any = None) -> Graph:
    """The computation of a Tensor, or all that a record holds, as a `Graph`: data, and a picture in a notebook.

    Of a Tensor: structure, shapes, parameters and their gradients, and the numbers of scalars. Of an `ag.record()`: values,
    adjoints, times, memory and source lines, too. `model`: whose parameters get their names (by default the modules that
    ran). `against`: a second record; the overlay ``"compare"`` then shows where the two part, as `ag.compare` finds it.
    Statistics are taken here; no array is kept.

    Raises ValueError for a Tensor without a graph and for an empty record, TypeError for anything else.

    >>> x = ag.tensor([1.0, 2.0], requires_grad=True)
    >>> ag.graph(ag.exp(x).sum())
    <Graph: 2 operations, 2 edges, 0 groups>
    """
    from .making import make_graph

    return make_graph(tensor_or_record, model, against)


def expression(o: Any) -> Graph:
    """A graph of scalars, left to right: the value and the gradient in each box, the local derivative on each edge.

    So that the chain rule can be read off: the gradient of a node is the sum, over the edges that leave it, of the edge's
    number times the gradient at its end. Works before and after `backward()`; after it, an edge into an operation with
    a constant may have lost its number where the result does not tell it (`backward(retain_graph=True)` keeps all).

    Raises ValueError if a result in the graph is not 0-d, or there is no graph.

    >>> x, y = ag.tensor(2.0, requires_grad=True, name="x"), ag.tensor(3.0, requires_grad=True, name="y")
    >>> [(e.local, e.input) for e in ag.expression(x * y).edges]
    [(3.0, 'x'), (2.0, 'y')]
    """
    from .scalars import make_expression

    return make_expression(o)


def structure(module: Any) -> Graph:
    """What a module is made of, before any call: its modules nested, with their parameters.

    Raises TypeError for what is no Module.
    """
    from .from_module import read_module
    from .picture import Graph

    if not hasattr(module, "named_children"):
        raise TypeError(f"structure: draws a Module, not {type(module).__name__}; ag.graph draws Tensors and records")
    return Graph(read_module(module))


def mimebundle(x: Any, include: Any = None, exclude: Any = None) -> Any:
    """What a notebook shows of a record or a module. Of a record in which nothing ran forward: its text."""
    from ..engine.record import Record
    from .from_record import forward

    if isinstance(x, Record) and not forward(x):
        return {"text/plain": str(x) or "an empty record"}
    drawn = graph(x) if isinstance(x, Record) else structure(x)
    return drawn._repr_mimebundle_(include, exclude)


def config(mime: str | None = None, scale: float | None = None) -> str:
    """How notebooks are given pictures: ``"html"`` (the interactive viewer, and a PNG beside it; the default), or ``"png"``
    or ``"svg"`` alone. GitHub strips scripts and styles: for notebooks kept in a repository, ``"png"``.

    `scale`: a PNG's pixels a unit (1.25 at first; 1 makes small files). Returns the mime that is set. Raises ValueError for
    another, and for a scale that is not from 0.5 to 4.

    >>> ag.viz.config()
    'html'
    """
    from . import notebook

    return notebook.configure(mime, scale)


def __getattr__(name: str) -> Any:
    if name == "training":
        import importlib

        return importlib.import_module(f"{__name__}.training")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
