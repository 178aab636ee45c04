"""The presentation passes, from the graph as data to what is visible.

In order: `sketch` (constants and parameters become chips inside what uses them, reshapes and transposes pills on edges),
`dissolving` (a group of one operation is that operation), `folding` (what repeats is drawn once), `collapsing` (groups are
opened as far as the budget goes), `labelling` (what wires say), `visible` (the boxes, frames and wires that are left).
"""

from .collapsing import open_sections as open_sections
from .dissolving import dissolve as dissolve
from .folding import fold as fold
from .labelling import label_derivatives as label_derivatives
from .labelling import label_results as label_results
from .labelling import widen as widen
from .sketch import Chip as Chip
from .sketch import Item as Item
from .sketch import Section as Section
from .sketch import Sketch as Sketch
from .sketch import Wire as Wire
from .sketch import sketch as sketch
from .visible import Shown as Shown
from .visible import View as View
from .visible import everything as everything
from .visible import visible as visible
