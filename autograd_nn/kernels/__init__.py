"""Kernels: convolution, pooling and resizing of arrays, in numba. Knows no Tensor; see `convolution.py` for the
entries.
"""
