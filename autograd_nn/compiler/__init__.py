"""The compiler: a recorded step becomes native kernels (`compile`). Importing it loads neither numba nor LLVM."""

from .compile import CompiledStep as CompiledStep
from .compile import compile as compile
from .errors import CompileError as CompileError
from .fused import fuse as fuse
