"""Parity with PyTorch: random programs of our operations, held against the same programs of PyTorch's.

`programs` writes a program from a seed, `vocabulary` says what a step of one can be, on both sides; `compare` runs both and
holds values, gradients and second-order products against each other. ``python -m autograd_nn.check.parity`` runs many.
"""
