"""`nn.functional`: what the layers compute, as functions of Tensors and weights, with PyTorch's names and arguments.

import autograd_nn.nn.functional as F
"""

from .activation import *
from .affine import *
from .attention import *
from .classification import *
from .convolution import *
from .dropout import *
from .embedding import *
from .fractional import *
from .loss import *
from .normalisation import *
from .padding import *
from .pooling import *
from .position import *
from .resampling import *
from .sampling import *
from .similarity import *
from .softmax import *
