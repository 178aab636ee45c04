"""Kernels: convolution, pooling and resizing of arrays, in numba. Knows no Tensor; ndarray in, ndarray out.

Where to start reading, and what stands on what:

    geometry                                   shapes of a layer, and every complaint about them
    convolution                                the three entries, the dispatch, `explain`
    reference                                  the definition, in loops
    direct, direct_weight, winograd,           the fast paths; the first lines of each say when it is chosen
      winograd_weight, pointwise, thin, depthwise
    dense, flat                                a convolution as tables of offsets, for the paths above
    microkernel, winograd_transforms, layout   what their loops are made of
    plan, threads, build, vectors              how a kernel is described, run, compiled and given vector instructions
    pooling, adaptive, resizing, patches       the other kernels

Nothing is imported here: `import autograd_nn` must not import numba.
"""
