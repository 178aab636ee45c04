"""`nn.utils`, named as PyTorch names it.

Gradient clipping, parameters as a vector, weights that are functions of others, sequences of different lengths.
"""

from ...optim.clipping import clip_grad_norm_ as clip_grad_norm_
from ...optim.clipping import clip_grad_value_ as clip_grad_value_
from . import parametrizations as parametrizations
from . import parametrize as parametrize
from . import rnn as rnn
from . import stateless as stateless
from .normalised import *
from .parameters import *
