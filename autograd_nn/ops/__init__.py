"""Every differentiable operation, one family a file, forward and derivative side by side."""

from .comparison import *
from .creation import *
from .elementwise import *
from .fused import *
from .indexing import *
from .linalg import *
from .reduction import *
from .shape import *
from .sorting import *
