"""Pictures of a training: one call each, on Axes of one's own (`ax=`) or new ones. matplotlib is imported when one is drawn.

`curves` (losses and metrics), `histograms` (weights or gradients by layer over time), `activations` (saturated and dead units),
`filters` and `feature_maps` (what a first layer looks for, what a layer sees), `attention`, `confusion`, `decision_boundary`.
`History` collects what the first two draw.
"""

from .classes import confusion as confusion
from .classes import decision_boundary as decision_boundary
from .curves import curves as curves
from .history import History as History
from .images import attention as attention
from .images import feature_maps as feature_maps
from .images import filters as filters
from .strips import histograms as histograms
from .units import activations as activations
