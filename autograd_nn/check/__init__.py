"""Checking derivatives against finite differences; finding the operation that is wrong, and the one that made a NaN.

Read in this order: `finite` (a derivative along a line), `scales` (how far elements may move), `hold` (a function held still;
`attributes`, `frozen`), `probe` (what one direction says), `examine` (which directions are tried), `kinks` (points without a
derivative), `localise` (the operation at fault), `gradients` (the verdict), `report` and `faces` (how it looks). Beside them
`nonfinite`, `divergence`, and `certificate` and `draws`, which check the tables of `samples` and of `layers`.
"""

from .certificate import Certificate as Certificate
from .certificate import certify as certify
from .divergence import Divergence as Divergence
from .divergence import compare as compare
from .gradients import assert_gradients as assert_gradients
from .gradients import check_model as check_model
from .gradients import gradcheck as gradcheck
from .nonfinite import NonfiniteError as NonfiniteError
from .nonfinite import Origin as Origin
from .nonfinite import detect_nonfinite as detect_nonfinite
from .nonfinite import trace_nonfinite as trace_nonfinite
from .report import GradientError as GradientError
from .report import Report as Report
