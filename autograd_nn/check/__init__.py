"""Checking derivatives against finite differences; finding the operation that is wrong, and the one that made a NaN.

Read in this order: `finite` (a derivative along a line), `hold` (a function held still), `examine` (which directions are
tried), `localise` (the operation at fault), `gradients` (the verdict), `report` and `faces` (how it looks).
"""

from .gradients import assert_gradients as assert_gradients
from .gradients import check_model as check_model
from .gradients import gradcheck as gradcheck
from .report import GradientError as GradientError
from .report import Report as Report
