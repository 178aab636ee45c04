"""`nn.utils`, named as PyTorch names it: sequences of different lengths."""

from . import rnn as rnn
