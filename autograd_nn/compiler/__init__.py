"""The compiler: a recorded step becomes native kernels (`compile`). Importing it loads neither numba nor LLVM.

Where to start reading, in the order in which a step goes through it:

    compile, fused                             what users call: a step, one composition
    capture, structure                         one eager run, recorded; arguments and results as flat lists
    environment, guards, leaving, refusals     what the step took for granted, left behind, and may not do
    signature, verify                          one variant of a step: when it fits, running it, holding it against eager
    lower, reader, operations, indexing,       entries of the record become values of a program
      native
    program, build, access                     those values; each made once and in its simplest form; where elements are
    pipeline                                   the passes that follow, in their order:
    placement, fusion, recompute, schedule     memory or none, clusters of one loop each, what is computed twice, and when
    memory, arena                              where everything is
    loops, rows, gather, products              a cluster's text
    text, primitives, mathematics              what texts are made of
    library                                    texts become native code, kept on disk
    machine, direct                            running it, on copies of the arguments or on themselves
    explain, profiling, drawing                what became of a step
"""

from .compile import CompiledStep as CompiledStep
from .compile import compile as compile
from .errors import CompileError as CompileError
from .fused import fuse as fuse
