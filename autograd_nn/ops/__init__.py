"""Every differentiable operation, one family a file, forward and derivative side by side."""

import inspect

from . import linalg as linalg
from . import random as random
from .activation import *
from .affine import *
from .applying import *
from .arranging import *
from .attention import *
from .comparison import *
from .convolution import *
from .creation import *
from .diagonals import *
from .distances import *
from .elementwise import *
from .exponential import *
from .folding import *
from .fused import *
from .indexing import *
from .joining import *
from .normalisation import *
from .padding import *
from .polynomials import *
from .pooling import *
from .products import *
from .pytorch import *
from .random import *
from .recurrent import *
from .reduction import *
from .resampling import *
from .rounding import *
from .sampled import *
from .scan import *
from .scipy import *
from .searching import *
from .selecting import *
from .shape import *
from .sorting import *
from .special import *
from .standard import *
from .statistics import *
from .trigonometric import *

# The families' modules stay here: `ag.shape` would be mistaken for np.shape. (Type checkers read the imports above instead.)
_public = [n for n, v in list(vars().items()) if n[0] != "_" and (v is linalg or not inspect.ismodule(v))]
globals()["__all__"] = _public
