"""autograd_nn: reverse-mode automatic differentiation for people who think in NumPy."""
