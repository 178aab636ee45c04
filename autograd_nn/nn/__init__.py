"""Neural networks: modules, layers, losses and initialisers, composed of operations only, with PyTorch's names and arguments.

import autograd_nn.nn as nn
"""

from . import functional as functional
from . import init as init
from . import utils as utils
from .activation import *
from .adaptive import *
from .attention import *
from .classification import *
from .containers import *
from .convolution import *
from .dropout import *
from .embedding import *
from .fractional import *
from .linear import *
from .loss import *
from .module import *
from .normalisation import *
from .padding import *
from .parameter import Buffer as Buffer
from .parameter import Parameter as Parameter
from .pooling import *
from .position import *
from .recurrent import *
from .resampling import *
from .similarity import *
from .softmax import *
from .summary import *
from .transformer import *
