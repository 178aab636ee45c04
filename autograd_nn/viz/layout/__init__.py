"""Layout of a nested graph in pure Python, as Sugiyama, Tagawa and Toda (1981) do it, one group at a time from the inside out.

Read in this order: `ranks` (which row a box stands in), `ordering` (its place in the row), `coordinates` (its x),
`layered` (these three for one group), `nested` (groups within groups), `columns` (a tall picture folded into columns).

Decision: `viewer.js` holds the same algorithm once more, because a group that is opened in a browser must be laid out there.
So this room computes with lists, indices and floats only, in an order that does not depend on hashing, and a test holds
the two to the same coordinates.
"""

from .columns import Column as Column
from .columns import Wrapped as Wrapped
from .columns import wrap as wrap
from .nested import Box as Box
from .nested import Frame as Frame
from .nested import Layout as Layout
from .nested import layout as layout
