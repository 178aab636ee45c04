"""Every differentiable operation, one family a file, forward and derivative side by side."""

from . import linalg as linalg
from .activation import *
from .affine import *
from .arranging import *
from .attention import *
from .comparison import *
from .convolution import *
from .creation import *
from .diagonals import *
from .elementwise import *
from .exponential import *
from .fused import *
from .indexing import *
from .joining import *
from .normalisation import *
from .pooling import *
from .products import *
from .recurrent import *
from .reduction import *
from .resampling import *
from .rounding import *
from .scan import *
from .shape import *
from .sorting import *
from .special import *
from .statistics import *
from .trigonometric import *
