"""Every differentiable operation, one family a file, forward and derivative side by side."""

from .comparison import *
from .convolution import *
from .creation import *
from .elementwise import *
from .fused import *
from .indexing import *
from .linalg import *
from .pooling import *
from .reduction import *
from .resampling import *
from .shape import *
from .sorting import *
