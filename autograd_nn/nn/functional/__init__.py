"""`nn.functional`: what the layers compute, as functions of Tensors and weights, with PyTorch's names and arguments.

import autograd_nn.nn.functional as F
"""

from .activation import *
from .affine import *
from .convolution import *
from .loss import *
from .normalisation import *
