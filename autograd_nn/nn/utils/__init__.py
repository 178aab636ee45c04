"""`nn.utils`, named as PyTorch names it: gradient clipping, parameters as a vector, sequences of different lengths."""

from ...optim.clipping import clip_grad_norm_ as clip_grad_norm_
from ...optim.clipping import clip_grad_value_ as clip_grad_value_
from . import rnn as rnn
from .parameters import *
