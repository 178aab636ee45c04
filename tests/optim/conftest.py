"""One thread for PyTorch: its arrays here are tiny, and threads that wait for each other are slow on a busy machine."""

try:
    import torch
except ImportError:
    pass
else:
    torch.set_num_threads(1)
