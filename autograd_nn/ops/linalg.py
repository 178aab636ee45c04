"""`ag.linalg`: linear algebra under NumPy's and the Array API's names."""

from .arranging import matrix_transpose as matrix_transpose
from .decompositions import cholesky as cholesky
from .decompositions import eigh as eigh
from .decompositions import eigvalsh as eigvalsh
from .decompositions import qr as qr
from .decompositions import svd as svd
from .decompositions import svdvals as svdvals
from .diagonals import matrix_diagonal, matrix_trace
from .norms import cond as cond
from .norms import matrix_norm as matrix_norm
from .norms import matrix_rank as matrix_rank
from .norms import norm as norm
from .norms import vector_norm as vector_norm
from .products import cross as cross
from .products import matmul as matmul
from .products import outer as outer
from .products import tensordot as tensordot
from .products import vecdot as vecdot
from .solving import det as det
from .solving import expm as expm
from .solving import inv as inv
from .solving import lstsq as lstsq
from .solving import matrix_power as matrix_power
from .solving import multi_dot as multi_dot
from .solving import pinv as pinv
from .solving import slogdet as slogdet
from .solving import solve as solve
from .solving import solve_triangular as solve_triangular
from .solving import tensorinv as tensorinv
from .solving import tensorsolve as tensorsolve

diagonal = matrix_diagonal  # which, unlike ag.diagonal, take the last two axes
trace = matrix_trace
