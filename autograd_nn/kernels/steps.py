"""Steps: what the numbers of a program mean, for those who write one: `plan`, and the compiler. Loads no numba.

A program is int64 numbers: how many steps, the addresses of a plan, of up to four arrays and of workspace, then (kernel address,
parts) for each step. It has private workspace for THREADS threads, PRIVATE_BYTES apart.
"""

STEPS, PLAN, A, B, C, D, SHARED, PRIVATE, PRIVATE_BYTES, THREADS, FIRST_STEP = range(11)
